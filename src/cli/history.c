/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/history.h"
#include "cli/points.h"

#include "core/clock.h"
#include "core/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

enum { URL = 65536, FUNCTIONS = 10, PLOT_HEIGHT = 14 };

struct asked {
    int64_t from, to;
    const char *fn[FUNCTIONS];
    size_t n_fn;
    char fn_text[128];
};

static int read_flags(struct kp_cli *c, struct asked *a)
{
    static const char *const known[] = { "n", "bad", "min", "mean", "max", "first", "last",
                                         "timeMean", "goodShare", "badShare", NULL };
    int64_t now = kp_utc(&kp_clock_system), step;
    const char *from = kp_flag(c, "from"), *to = kp_flag(c, "to"), *fn = kp_flag(c, "fn");
    if (!kp_read_time(c, from ? from : "-1h", now, &a->from))
        return kp_complain(c, KP_MISUSE, "--from: '%s' is no time such as -2h, 14:30 or 2026-11-24T08:00:00Z", from);
    if (!kp_read_time(c, to ? to : "now", now, &a->to))
        return kp_complain(c, KP_MISUSE, "--to: '%s' is no time such as -2h, 14:30 or 2026-11-24T08:00:00Z", to);
    if (a->from >= a->to)
        return kp_complain(c, KP_MISUSE, "--from is not before --to");
    if (kp_flag(c, "every") && (!kp_duration_parse(kp_flag(c, "every"), &step) || step <= 0))
        return kp_complain(c, KP_MISUSE, "--every: '%s' is no time such as 10s or 5m", kp_flag(c, "every"));
    snprintf(a->fn_text, sizeof a->fn_text, "%s", fn ? fn : "min,mean,max");
    for (char *p = a->fn_text; p && a->n_fn < FUNCTIONS;) {
        char *next = strchr(p, ',');
        if (next)
            *next++ = 0;
        size_t i = 0;
        while (known[i] && strcmp(known[i], p) != 0)
            i++;
        if (!known[i])
            return kp_complain(c, KP_MISUSE, "--fn: '%s' is none of n, bad, min, mean, max, first, last, timeMean, goodShare, "
                                              "badShare", p);
        a->fn[a->n_fn++] = p;
        p = next;
    }
    return KP_DONE;
}

/* Counts come with every step. */
static void add_functions(struct kp_buf *url, const struct asked *a)
{
    char list[256] = "";
    for (size_t k = 0; k < a->n_fn; k++)
        if (strcmp(a->fn[k], "n") != 0 && strcmp(a->fn[k], "bad") != 0) {
            size_t n = strlen(list);
            snprintf(list + n, sizeof list - n, "%s%s", n ? "," : "", a->fn[k]);
        }
    if (*list)
        kp_url_add(url, "fn", list);
}

/* The history of one path, or of all that were asked for (NULL). */
static json_t *fetch(struct kp_cli *c, const struct asked *a, const char *path, const char *extra, const char *value,
                     struct kp_err *err)
{
    char from[KP_TIME_TEXT], to[KP_TIME_TEXT];
    struct kp_buf url;
    kp_time_print(a->from, from);
    kp_time_print(a->to, to);
    kp_buf_init(&url, URL);
    kp_buf_str(&url, "/api/v1/history");
    for (int i = 0; i < (path ? 1 : c->argc); i++)
        kp_url_add(&url, "path", path ? path : c->argv[i]);
    kp_url_add(&url, "from", from);
    kp_url_add(&url, "to", to);
    if (extra)
        kp_url_add(&url, extra, value);
    if (extra && strcmp(extra, "every") == 0)
        add_functions(&url, a);
    json_t *j = kp_client_get(c, kp_buf_text(&url), err);
    kp_buf_free(&url);
    return j;
}

/* ---- tables and CSV ---- */
static void point_cells(const struct kp_cli *c, const json_t *point, bool csv, char time[64], char value[512])
{
    const char *at = json_string_value(json_array_get(point, 0));
    int64_t ns = 0;
    if (csv || !kp_time_parse(at ? at : "", &ns))
        snprintf(time, 64, "%s", at ? at : "");
    else
        kp_local_time(ns, kp_flag(c, "utc"), time, 64);
    kp_value_text(json_array_get(point, 1), NULL, value, 512);
}

static void print_points(struct kp_cli *c, const json_t *series)
{
    static const char *const head[] = { "time", "value", "status" };
    bool csv = kp_flag(c, "csv");
    struct kp_table t = { 0 };
    json_t *p;
    size_t i;
    json_array_foreach (json_object_get(series, "points"), i, p) {
        char time[64], value[512], status[32] = "";
        int64_t code = json_integer_value(json_array_get(p, 2));
        point_cells(c, p, csv, time, value);
        if (csv) {
            kp_csv_text(kp_text(series, "path"));
            printf(",%s,", time);
            if (!json_is_null(json_array_get(p, 1)))
                kp_csv_text(value);
            printf(",%lld\n", (long long)code);
            continue;
        }
        if (code)
            snprintf(status, sizeof status, "0x%08llX", (unsigned long long)code);
        const char *cells[] = { time, value, status };
        kp_table_row(&t, 3, cells);
    }
    if (!csv) {
        printf("%s%s%s\n", kp_style(c, "1"), kp_text(series, "path"), kp_style(c, "0"));
        if (!t.n)
            printf("  nothing in this time\n");
    }
    kp_table_print(c, &t, head, "lrl");
    if (*kp_text(series, "next"))
        fprintf(stderr, "koppel: history: %s has more; use --limit, a shorter time, or --every\n", kp_text(series, "path"));
}

static void bucket_text(const json_t *b, const char *fn, char out[64])
{
    const json_t *v = json_object_get(b, fn);
    if (json_is_number(v))
        snprintf(out, 64, "%.10g", json_number_value(v));
    else
        snprintf(out, 64, "%s", "");
}

static void print_buckets(struct kp_cli *c, const struct asked *a, const json_t *series)
{
    const char *head[1 + FUNCTIONS] = { "from" };
    bool csv = kp_flag(c, "csv");
    struct kp_table t = { 0 };
    json_t *b;
    size_t i;
    memcpy(head + 1, a->fn, a->n_fn * sizeof *a->fn);
    if (!csv)
        printf("%s%s%s\n", kp_style(c, "1"), kp_text(series, "path"), kp_style(c, "0"));
    json_array_foreach (json_object_get(series, "buckets"), i, b) {
        char time[64], text[FUNCTIONS][64];
        const char *cells[1 + FUNCTIONS] = { time };
        int64_t ns = 0;
        snprintf(time, sizeof time, "%s", kp_text(b, "from"));
        if (!csv && kp_time_parse(time, &ns))
            kp_local_time(ns, kp_flag(c, "utc"), time, sizeof time);
        for (size_t k = 0; k < a->n_fn; k++) {
            bucket_text(b, a->fn[k], text[k]);
            cells[1 + k] = text[k];
        }
        if (!csv) {
            kp_table_row(&t, 1 + a->n_fn, cells);
            continue;
        }
        kp_csv_text(kp_text(series, "path"));
        for (size_t k = 0; k <= a->n_fn; k++)
            printf(",%s", cells[k]);
        printf("\n");
    }
    kp_table_print(c, &t, head, "lrrrrrrrrrr");
}

static void csv_head(const struct kp_cli *c, const struct asked *a)
{
    if (!kp_flag(c, "every")) {
        printf("signal,time,value,status\n");
        return;
    }
    printf("signal,from");
    for (size_t k = 0; k < a->n_fn; k++)
        printf(",%s", a->fn[k]);
    printf("\n");
}

/* ---- plots ---- */
static double bucket_number(const json_t *b, const char *key)
{
    const json_t *v = json_object_get(b, key);
    return json_is_number(v) ? json_number_value(v) : NAN;
}

char *kp_plot_unit(struct kp_cli *c, const char *path)
{
    struct kp_err err = { 0 };
    struct kp_buf url;
    kp_buf_init(&url, URL);
    kp_buf_str(&url, "/api/v1/signal");
    kp_url_add(&url, "path", path);
    json_t *j = kp_client_get(c, kp_buf_text(&url), &err);
    kp_buf_free(&url);
    char *unit = kp_strdup(kp_text(j, "unitText"));
    json_decref(j);
    return unit;
}

static int by_time(const void *a, const void *b)
{
    const struct kp_plot_point *x = a, *y = b;
    return (x->from > y->from) - (x->from < y->from);
}

/* A value holds until the next one, over steps without a point too; but not over a step of bad values nor over a gap
 * that was recorded for the signal's asset or one above it. */
size_t kp_plot_collect(const json_t *series, const json_t *gaps, struct kp_plot_point *out)
{
    const char *path = kp_text(series, "path");
    json_t *one;
    size_t i, n = 0;
    json_array_foreach (json_object_get(series, "buckets"), i, one) {
        struct kp_plot_point p = { .min = bucket_number(one, "min"), .mean = bucket_number(one, "mean"),
                                   .max = bucket_number(one, "max") };
        p.gap = isnan(p.mean) && kp_integer(one, "bad") > 0;
        if (kp_time_parse(kp_text(one, "from"), &p.from) && kp_time_parse(kp_text(one, "to"), &p.to) &&
            (p.gap || !isnan(p.mean)))
            out[n++] = p;
    }
    json_array_foreach (gaps, i, one) {
        struct kp_plot_point p = { .gap = true };
        if (json_is_string(json_object_get(one, "path")) && kp_pattern_match(kp_text(one, "path"), path) && kp_time_parse(kp_text(one, "start"), &p.from))
            out[n++] = p;
    }
    qsort(out, n, sizeof *out, by_time);
    return n;
}

static void draw(struct kp_cli *c, const struct asked *a, const json_t *series, const json_t *gaps, size_t width)
{
    size_t most = json_array_size(json_object_get(series, "buckets")) + json_array_size(gaps);
    struct kp_plot_point *points = kp_alloc((most + 1) * sizeof *points);
    char *unit = kp_plot_unit(c, kp_text(series, "path"));
    int64_t now = kp_utc(&kp_clock_system);
    struct kp_buf out;
    struct kp_plot plot = { .title = kp_text(series, "path"), .unit = unit ? unit : "", .from = a->from,
                            .to = a->to > now && a->from < now ? now : a->to, .width = width, .height = PLOT_HEIGHT,
                            .utc = kp_flag(c, "utc"), .points = points,
                            .n = points ? kp_plot_collect(series, gaps, points) : 0 };
    kp_buf_init(&out, 1 << 20);
    kp_plot_draw(&plot, &out);
    fputs(kp_buf_text(&out), stdout);
    kp_buf_free(&out);
    kp_free(unit);
    kp_free(points);
}

json_t *kp_plot_gaps(struct kp_cli *c, int64_t since, int64_t until, struct kp_err *err)
{
    char from[KP_TIME_TEXT], to[KP_TIME_TEXT];
    struct kp_buf url;
    kp_time_print(since, from);
    kp_time_print(until, to);
    kp_buf_init(&url, URL);
    kp_buf_str(&url, "/api/v1/intervals?kind=gap&limit=10000");
    kp_url_add(&url, "from", from);
    kp_url_add(&url, "to", to);
    json_t *j = kp_client_get(c, kp_buf_text(&url), err);
    kp_buf_free(&url);
    return j;
}

static int plot(struct kp_cli *c, const struct asked *a)
{
    struct kp_err err = { 0 };
    char points[32];
    size_t width = kp_terminal_width(), i;
    snprintf(points, sizeof points, "%zu", width > 30 ? 2 * (width - 12) : 40);
    json_t *j = fetch(c, a, NULL, "points", points, &err), *series, *gaps = err.code ? NULL : kp_plot_gaps(c, a->from, a->to, &err);
    json_array_foreach (err.code ? NULL : json_object_get(j, "series"), i, series)
        draw(c, a, series, json_object_get(gaps, "intervals"), width);
    json_decref(j);
    json_decref(gaps);
    if (err.code)
        return kp_fault(c, &err);
    return KP_DONE;
}

/* JSON is whole: the pages that follow are appended to the series. */
static void fetch_rest(struct kp_cli *c, const struct asked *a, json_t *series, struct kp_err *err)
{
    json_t *points = json_object_get(series, "points");
    while (*kp_text(series, "next") && !err->code) {
        json_t *j = fetch(c, a, kp_text(series, "path"), "after", kp_text(series, "next"), err);
        const json_t *page = json_array_get(json_object_get(j, "series"), 0);
        json_array_extend(points, json_object_get(page, "points"));
        json_object_set(series, "next", json_object_get(page, "next"));
        json_decref(j);
    }
}

int kp_verb_history(struct kp_cli *c)
{
    struct asked a = { 0 };
    struct kp_err err = { 0 };
    int code = read_flags(c, &a);
    if (code)
        return code;
    if (kp_flag(c, "plot"))
        return plot(c, &a);
    const char *every = kp_flag(c, "every"), *limit = kp_flag(c, "limit");
    bool whole = c->json && !every && !limit;
    if (!c->json && !every && !limit && (kp_flag(c, "csv") || kp_flag(c, "jsonl")))
        return kp_write_points(c, a.from, a.to, kp_flag(c, "jsonl"));
    if (kp_flag(c, "jsonl"))
        return kp_complain(c, KP_MISUSE, "--jsonl is every point: without --every and --limit");
    json_t *j = fetch(c, &a, NULL, every ? "every" : limit ? "limit" : NULL, every ? every : limit, &err), *series;
    size_t i;
    json_array_foreach (whole ? json_object_get(j, "series") : NULL, i, series)
        fetch_rest(c, &a, series, &err);
    if (err.code) {
        json_decref(j);
        return kp_fault(c, &err);
    }
    if (c->json)
        kp_print_json(j);
    else if (kp_flag(c, "csv"))
        csv_head(c, &a);
    json_array_foreach (c->json ? NULL : json_object_get(j, "series"), i, series) {
        if (every)
            print_buckets(c, &a, series);
        else
            print_points(c, series);
    }
    json_decref(j);
    return KP_DONE;
}
