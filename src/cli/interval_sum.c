/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bars.h"
#include "cli/intervals.h"

#include "core/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

/* The values that lasted longest have a column of their own; then come the others, then the
 * unknown. */
enum { OWN = KP_BAR_PARTS - 2, COLUMNS = KP_BAR_PARTS };
#define HOUR (3600 * KP_SECOND)

struct columns {
    size_t n, own; /* own: those of one value; values[i] is theirs */
    const char *values[OWN];
    const char *names[COLUMNS];
    bool unknown;
};

struct total {
    const char *value;
    int64_t ns;
};

/* ---- which columns ---- */

static int by_length(const void *a, const void *b)
{
    const struct total *x = a, *y = b;
    if (x->ns != y->ns)
        return x->ns < y->ns ? 1 : -1;
    return strcmp(x->value, y->value);
}

/* Adds up each value of all assets, which thus have the same columns: an object of value to ns.
 * True when some time is unknown. */
static bool add_up(const json_t *reply, json_t *totals)
{
    json_t *asset, *step, *v;
    size_t n, i, k;
    bool unknown = false;
    json_array_foreach(json_object_get(reply, "assets"), n, asset)
        json_array_foreach(json_object_get(asset, "steps"), i, step)
            json_array_foreach(json_object_get(step, "values"), k, v)
    {
        const char *value = json_string_value(json_object_get(v, "value"));
        json_int_t before = value ? kp_integer(totals, value) : 0;
        unknown |= !value;
        if (value)
            json_object_set_new(totals, value, json_integer(before + kp_integer(v, "ns")));
    }
    return unknown;
}

static void choose_columns(const json_t *totals, bool unknown, struct columns *out)
{
    size_t n = json_object_size(totals), i = 0;
    struct total *all = kp_alloc((n + 1) * sizeof *all);
    const char *value;
    json_t *ns;
    *out = (struct columns){ .unknown = unknown };
    json_object_foreach((json_t *)(uintptr_t)totals, value, ns) if (all) all[i++] =
        (struct total){ value, json_integer_value(ns) };
    if (i)
        qsort(all, i, sizeof *all, by_length);
    for (size_t k = 0; k < i && k < OWN; k++, out->own++) {
        out->values[k] = all[k].value;
        out->names[k] = *all[k].value ? all[k].value : "(unnamed)";
    }
    kp_free(all);
    out->n = out->own;
    if (n > out->own)
        out->names[out->n++] = "others";
    if (unknown)
        out->names[out->n++] = "unknown";
}

static void fill_columns(const json_t *step, const struct columns *c, int64_t ns[COLUMNS])
{
    json_t *v;
    size_t i;
    memset(ns, 0, COLUMNS * sizeof *ns);
    json_array_foreach(json_object_get(step, "values"), i, v)
    {
        const char *value = json_string_value(json_object_get(v, "value"));
        size_t k = 0;
        while (value && k < c->own && strcmp(c->values[k], value) != 0)
            k++;
        ns[value ? k : c->n - 1] += kp_integer(v, "ns");
    }
}

/* ---- texts ---- */

static void step_label(const struct kp_cli *c, const json_t *step, char *out, size_t size)
{
    int64_t at = 0;
    char time[64];
    kp_time_parse(kp_text(step, "from"), &at);
    kp_local_time(at, kp_flag(c, "utc"), time, sizeof time);
    char *dot = strchr(time, '.');
    if (dot) /* ms say nothing here */
        *dot = 0;
    snprintf(out, size, "%s%s%s", time, *kp_text(step, "shift") ? " " : "", kp_text(step, "shift"));
}

static int64_t length_of(const json_t *step)
{
    int64_t from = 0, to = 0;
    kp_time_parse(kp_text(step, "from"), &from);
    kp_time_parse(kp_text(step, "to"), &to);
    return to > from ? to - from : 1;
}

static void share_text(int64_t ns, int64_t length, bool seconds, char out[48])
{
    int64_t s = (ns + KP_SECOND / 2) / KP_SECOND;
    if (!ns)
        out[0] = 0;
    else if (seconds)
        snprintf(out, 48, "%" PRId64 ":%02d:%02d %3.0f%%", s / 3600, (int)(s / 60 % 60),
                 (int)(s % 60), 100.0 * (double)ns / (double)length);
    else
        snprintf(out, 48, "%" PRId64 ":%02d %3.0f%%", (s + 30) / 3600, (int)((s + 30) / 60 % 60),
                 100.0 * (double)ns / (double)length);
}

/* ---- the three ways to show it ---- */

static void print_table(struct kp_cli *c, const json_t *asset, const struct columns *columns)
{
    const char *head[1 + COLUMNS] = { "from" };
    struct kp_table t = { 0 };
    json_t *step;
    size_t i;
    bool seconds = true; /* minutes are fine enough for steps of hours */
    json_array_foreach(json_object_get(asset, "steps"), i, step) seconds &= length_of(step) < HOUR;
    memcpy(head + 1, columns->names, columns->n * sizeof *head);
    json_array_foreach(json_object_get(asset, "steps"), i, step)
    {
        char label[600], text[COLUMNS][48];
        const char *cells[1 + COLUMNS] = { label };
        int64_t ns[COLUMNS];
        step_label(c, step, label, sizeof label);
        fill_columns(step, columns, ns);
        for (size_t k = 0; k < columns->n; k++) {
            share_text(ns[k], length_of(step), seconds, text[k]);
            cells[1 + k] = text[k];
        }
        kp_table_row(&t, 1 + columns->n, cells);
    }
    printf("%s%s%s\n", kp_style(c, "1"),
           *kp_text(asset, "path") ? kp_text(asset, "path") : "the node", kp_style(c, "0"));
    if (!t.n)
        printf("  nothing in this time\n");
    kp_table_print(c, &t, head, "lrrrrrrrrrrrr");
}

static void print_bars(struct kp_cli *c, const json_t *asset, const struct columns *columns)
{
    size_t n = json_array_size(json_object_get(asset, "steps")), i;
    struct kp_bar *bars = kp_alloc((n + 1) * sizeof *bars);
    char(*labels)[600] = kp_alloc((n + 1) * sizeof *labels);
    json_t *step;
    struct kp_buf out;
    struct kp_bars b = { .title = *kp_text(asset, "path") ? kp_text(asset, "path") : "the node",
                         .n_parts = columns->n,
                         .blank = columns->unknown,
                         .color = c->color,
                         .width = kp_terminal_width(),
                         .bars = bars,
                         .n = bars && labels ? n : 0 };
    memcpy(b.part, columns->names, columns->n * sizeof *b.part);
    json_array_foreach(b.n ? json_object_get(asset, "steps") : NULL, i, step)
    {
        int64_t ns[COLUMNS];
        step_label(c, step, labels[i], sizeof labels[i]);
        fill_columns(step, columns, ns);
        bars[i].label = labels[i];
        for (size_t k = 0; k < columns->n; k++)
            bars[i].part[k] = (double)ns[k];
    }
    kp_buf_init(&out, 64 << 20);
    kp_bars_draw(&b, &out);
    fputs(kp_buf_text(&out), stdout);
    kp_buf_free(&out);
    kp_free(bars);
    kp_free(labels);
}

static void print_csv(const json_t *asset)
{
    json_t *step, *v;
    size_t i, k;
    json_array_foreach(json_object_get(asset, "steps"), i, step)
        json_array_foreach(json_object_get(step, "values"), k, v)
    {
        kp_csv_text(kp_text(asset, "path"));
        printf(",%s,%s,", kp_text(step, "from"), kp_text(step, "to"));
        kp_csv_text(kp_text(step, "shift"));
        putchar(',');
        const char *value = json_string_value(json_object_get(v, "value"));
        if (value && !*value)
            printf("\"\""); /* unlike null */
        else if (value)
            kp_csv_text(value);
        printf(",%" PRId64 ",%" PRId64 ",%" PRId64 "\n", kp_integer(v, "ns"),
               kp_integer(v, "began"), kp_integer(v, "open"));
    }
}

static void print_assets(struct kp_cli *c, const json_t *reply)
{
    struct columns columns;
    json_t *totals = json_object(), *asset;
    bool unknown = add_up(reply, totals);
    size_t i;
    choose_columns(totals, unknown, &columns);
    json_array_foreach(json_object_get(reply, "assets"), i, asset)
    {
        if (kp_flag(c, "plot"))
            print_bars(c, asset, &columns);
        else
            print_table(c, asset, &columns);
    }
    if (!i)
        printf("none of these has intervals of kind %s\n", kp_text(reply, "kind"));
    json_decref(totals);
}

void kp_interval_sum_print(struct kp_cli *c, const json_t *reply)
{
    json_t *asset;
    size_t i;
    if (!kp_flag(c, "csv")) {
        print_assets(c, reply);
        return;
    }
    printf("asset,from,to,shift,value,ns,began,open\n");
    json_array_foreach(json_object_get(reply, "assets"), i, asset) print_csv(asset);
}
