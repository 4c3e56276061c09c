/* SPDX-License-Identifier: Apache-2.0 */
/* flex: the shop floor for people: key figures, stops and their reasons, parts, the calendar,
 * energy, free capacity. */
#include "cli/flex.h"

#include "core/clock.h"
#include "core/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

enum { URL = 8192 };

/* ---- asking ---- */
/* A time of day is meant as the clock on the wall shows it. */
bool kp_url_flag(struct kp_cli *c, struct kp_buf *url, const char *flag)
{
    bool time = strcmp(flag, "from") == 0 || strcmp(flag, "to") == 0;
    char text[KP_TIME_TEXT];
    int64_t at;
    if (time && !kp_read_time(c, kp_flag(c, flag), kp_utc(&kp_clock_system), &at))
        return false;
    if (time)
        kp_time_print(at, text);
    bool find = strcmp(flag, "find") == 0;
    kp_url_add(url, find ? "q" : flag, time ? text : kp_flag(c, flag));
    return true;
}

/* With the flags that are given, and the assets behind the word. */
static json_t *ask(struct kp_cli *c, const char *url, const char *const *flags, struct kp_err *err)
{
    struct kp_buf text;
    kp_buf_init(&text, URL);
    kp_buf_str(&text, url);
    for (; *flags; flags++)
        if (kp_flag(c, *flags) && !kp_url_flag(c, &text, *flags)) {
            kp_fail(err, KP_EINVALID,
                    "--%s: '%.60s' is not a time such as -7d, 14:30 or 2026-11-24", *flags,
                    kp_flag(c, *flags));
            break;
        }
    for (int i = 1; i < c->argc; i++)
        kp_url_add(&text, "asset", c->argv[i]);
    json_t *j = text.failed || err->code ? NULL : kp_client_get(c, kp_buf_text(&text), err);
    if (text.failed && !err->code)
        kp_fail(err, KP_EINVALID, "the paths are too long for one question");
    kp_buf_free(&text);
    return j;
}

int kp_flex_show(struct kp_cli *c, json_t *j, const struct kp_err *err,
                 void (*print)(struct kp_cli *, const json_t *))
{
    if (!j)
        return kp_fault(c, err);
    if (c->json)
        kp_print_json(j);
    else
        print(c, j);
    if (!c->json && kp_integer(j, "making"))
        printf("%" PRId64
               " days of machines are still being summed up and missing here: ask again\n",
               kp_integer(j, "making"));
    json_decref(j);
    return KP_DONE;
}

/* ---- cells ---- */
void kp_cell_hours(double seconds, char out[KP_CELL])
{
    int64_t minutes = llround(seconds / 60);
    snprintf(out, KP_CELL, "%" PRId64 ":%02d", minutes / 60, (int)(minutes % 60));
}

static void percent_text(const json_t *o, const char *key, char out[KP_CELL])
{
    const json_t *v = json_object_get(o, key);
    if (json_is_number(v))
        snprintf(out, KP_CELL, "%.1f%%", 100 * json_number_value(v));
    else
        snprintf(out, KP_CELL, "-");
}

void kp_cell_number(const json_t *o, const char *key, int digits, char out[KP_CELL])
{
    const json_t *v = json_object_get(o, key);
    if (json_is_number(v))
        snprintf(out, KP_CELL, "%.*f", digits, json_number_value(v));
    else
        snprintf(out, KP_CELL, "-");
}

void kp_cell_time(const json_t *o, const char *key, char out[KP_CELL])
{
    int64_t at;
    snprintf(out, KP_CELL, "-");
    if (kp_time_parse(kp_text(o, key), &at))
        kp_local_time(at, false, out, KP_CELL);
    char *dot = strchr(out, '.');
    if (dot)
        *dot = 0;
}

static void head_line(struct kp_cli *c, const json_t *asset)
{
    printf("%s%s%s\n", kp_style(c, "1"), kp_text(asset, "path"), kp_style(c, "0"));
}

/* ---- reports: a table of steps for each machine ---- */
struct report {
    const char *const *head;
    const char *right;
    void (*row)(struct kp_table *, const char *from, const char *shift, const json_t *step);
    void (*after)(struct kp_cli *, const json_t *asset); /* NULL: nothing below the table */
};

static void print_report(struct kp_cli *c, const json_t *j, const struct report *r)
{
    json_t *asset, *step;
    size_t n, i;
    json_array_foreach(json_object_get(j, "assets"), n, asset)
    {
        struct kp_table t = { 0 };
        head_line(c, asset);
        json_array_foreach(json_object_get(asset, "steps"), i, step)
        {
            char from[KP_CELL];
            kp_cell_time(step, "from", from);
            r->row(&t, from, kp_text(step, "shift"), step);
        }
        if (!i)
            printf("  nothing in this time\n");
        kp_table_print(c, &t, r->head, r->right);
        if (r->after)
            r->after(c, asset);
    }
    if (!n)
        printf("no machine matches that has states\n");
}

/* ---- key figures ---- */
static void oee_row(struct kp_table *t, const char *label, const char *shift, const json_t *o)
{
    char pbt[KP_CELL], apt[KP_CELL], a[KP_CELL], pri[KP_CELL], pq[KP_CELL], e[KP_CELL], gq[KP_CELL],
        q[KP_CELL], oee[KP_CELL], kwh[KP_CELL];
    kp_cell_hours(kp_number(o, "pbt"), pbt);
    kp_cell_hours(kp_number(o, "apt"), apt);
    percent_text(o, "availability", a);
    kp_cell_number(o, "pri", 1, pri);
    kp_cell_number(o, "pq", 0, pq);
    percent_text(o, "effectiveness", e);
    kp_cell_number(o, "gq", 0, gq);
    percent_text(o, "quality", q);
    percent_text(o, "oee", oee);
    kp_cell_number(json_object_get(o, "energy"), "kwhPerPart", 3, kwh);
    kp_table_row(t, 12, (const char *[]){ label, shift, pbt, apt, a, pri, pq, e, gq, q, oee, kwh });
}

static void print_doubts(const json_t *asset)
{
    json_t *step;
    size_t i;
    int64_t parts = 0, without = 0;
    json_array_foreach(json_object_get(asset, "steps"), i, step)
    {
        parts += kp_integer(json_object_get(step, "doubtful"), "parts");
        without += kp_integer(step, "withoutCycle");
    }
    if (parts)
        printf("  %" PRId64
               " parts are not counted: a counter jumped by more than the machine can make\n",
               parts);
    if (without)
        printf("  %" PRId64 " parts are of programs whose cycle is not known yet\n", without);
    if (json_is_false(json_object_get(asset, "calendar")))
        printf("  no plan of the calendar matches: all time counts as planned\n");
}

static void print_cycles(const json_t *asset)
{
    json_t *one;
    size_t i;
    json_array_foreach(json_object_get(asset, "cycles"), i, one)
    {
        const char *by = kp_text(one, "by"), *program = kp_text(one, "program");
        if (*by)
            printf("  PRI %.1f s%s%s, %s\n", kp_number(one, "seconds"), *program ? " of " : "",
                   program, strcmp(by, "set") == 0 ? "as set" : "the best it has shown");
    }
}

static void after_oee(struct kp_cli *c, const json_t *asset)
{
    print_doubts(asset);
    if (kp_flag(c, "cycles"))
        print_cycles(asset);
}

static void print_oee(struct kp_cli *c, const json_t *j)
{
    static const char *const head[] = { "from", "shift",   "PBT", "APT",     "avail.", "PRI s",
                                        "PQ",   "effect.", "GQ",  "quality", "OEE",    "kWh/part" };
    print_report(c, j, &(struct report){ head, "llrrrrrrrrrr", oee_row, after_oee });
}

static int oee(struct kp_cli *c)
{
    static const char *const flags[] = { "from", "to", "every", NULL };
    struct kp_err err = { 0 };
    return kp_flex_show(c, ask(c, "/api/v1/oee", flags, &err), &err, print_oee);
}

/* ---- energy ---- */
static void energy_row(struct kp_table *t, const char *from, const char *shift, const json_t *step)
{
    const json_t *e = json_object_get(step, "energy");
    char kwh[KP_CELL], idle[KP_CELL], parts[KP_CELL], each[KP_CELL], cost[KP_CELL], wasted[KP_CELL],
        co2[KP_CELL], peak[KP_CELL], at[KP_CELL];
    kp_cell_number(e, "kwh", 1, kwh);
    kp_cell_number(e, "idleKwh", 1, idle);
    kp_cell_number(step, "parts", 0, parts);
    kp_cell_number(e, "kwhPerPart", 3, each);
    kp_cell_number(e, "cost", 2, cost);
    kp_cell_number(e, "idleCost", 2, wasted);
    kp_cell_number(e, "co2Kg", 1, co2);
    kp_cell_number(e, "peakKw", 1, peak);
    kp_cell_time(e, "peakAt", at);
    kp_table_row(
        t, 11,
        (const char *[]){ from, shift, kwh, idle, parts, each, cost, wasted, co2, peak, at });
}

static void print_energy(struct kp_cli *c, const json_t *j)
{
    static const char *const head[] = { "from",   "shift",    "kWh",  "idle kWh",
                                        "parts",  "kWh/part", "cost", "idle cost",
                                        "kg CO2", "peak kW",  "at" };
    print_report(c, j, &(struct report){ head, "llrrrrrrrrl", energy_row, NULL });
}

static int energy(struct kp_cli *c)
{
    static const char *const flags[] = { "from", "to", "every", NULL };
    struct kp_err err = { 0 };
    return kp_flex_show(c, ask(c, "/api/v1/energy", flags, &err), &err, print_energy);
}

/* ---- stops ---- */
static void print_stop_list(struct kp_cli *c, const json_t *j)
{
    static const char *const head[] = { "number", "where",  "from",    "lasted",
                                        "state",  "reason", "comment", "by" };
    struct kp_table t = { 0 };
    json_t *one;
    size_t i;
    json_array_foreach(json_object_get(j, "stops"), i, one)
    {
        char id[24], from[KP_CELL], lasted[KP_CELL];
        snprintf(id, sizeof id, "%" PRId64, kp_integer(one, "id"));
        kp_cell_time(one, "from", from);
        kp_duration_print((int64_t)(kp_number(one, "seconds") * 1e9), lasted, sizeof lasted);
        kp_table_row(&t, 8,
                     (const char *[]){ id, kp_text(one, "asset"), from, lasted,
                                       kp_text(one, "state"),
                                       *kp_text(one, "reason") ? kp_text(one, "reason") : "?",
                                       kp_text(one, "comment"), kp_text(one, "by") });
    }
    if (i)
        kp_table_print(c, &t, head, "rllrllll");
    printf("%" PRId64 " stops%s\n", kp_integer(j, "count"),
           json_is_true(json_object_get(j, "more")) ? "; --limit shows more" : "");
}

static void print_costs(struct kp_cli *c, const json_t *j)
{
    static const char *const head[] = { "reason", "category", "lost", "share", "times" };
    struct kp_table t = { 0 };
    json_t *one;
    size_t i;
    json_array_foreach(json_object_get(j, "reasons"), i, one)
    {
        char lost[KP_CELL], part[KP_CELL], times[24];
        kp_cell_hours(kp_number(one, "seconds"), lost);
        percent_text(one, "share", part);
        snprintf(times, sizeof times, "%" PRId64, kp_integer(one, "count"));
        kp_table_row(
            &t, 5,
            (const char *[]){ *kp_text(one, "reason") ? kp_text(one, "reason") : "(unexplained)",
                              kp_text(one, "category"), lost, part, times });
    }
    kp_table_print(c, &t, head, "llrrr");
}

static void print_stops(struct kp_cli *c, const json_t *j)
{
    if (!kp_flag(c, "sum"))
        print_stop_list(c, j);
    else
        print_costs(c, j);
}

static int stops(struct kp_cli *c)
{
    static const char *const flags[] = { "from", "to", "reason", "limit", NULL };
    struct kp_err err = { 0 };
    const char *url = kp_flag(c, "sum") ? "/api/v1/stops?limit=0" : "/api/v1/stops";
    if (kp_flag(c, "sum") && kp_flag(c, "limit"))
        return kp_complain(c, KP_MISUSE, "--sum shows all reasons: leave --limit out");
    return kp_flex_show(c, ask(c, url, flags, &err), &err, print_stops);
}

/* ---- what people say ---- */
static void print_reasons(struct kp_cli *c, const json_t *j)
{
    static const char *const head[] = { "reason", "Nederlands", "English", "category" };
    struct kp_table t = { 0 };
    json_t *one;
    size_t i;
    json_array_foreach(json_object_get(j, "reasons"), i, one)
        kp_table_row(&t, 4,
                     (const char *[]){ kp_text(one, "name"), kp_text(one, "nl"), kp_text(one, "en"),
                                       kp_text(one, "category") });
    kp_table_print(c, &t, head, "llll");
}

static void print_noted(struct kp_cli *c, const json_t *j)
{
    (void)c;
    printf("noted at %" PRId64 "\n", kp_integer(j, "id"));
}

void kp_set_text(json_t *body, const char *key, const char *text)
{
    if (text)
        json_object_set_new(body, key, json_string(text));
}

/* reason: the list; reason NUMBER REASON: why a stop was. */
static int reason(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    if (c->argc < 2)
        return kp_flex_show(c, kp_client_get(c, "/api/v1/shop", &err), &err, print_reasons);
    json_t *body = json_object();
    kp_set_text(body, "reason", c->argc > 2 ? c->argv[2] : NULL);
    kp_set_text(body, "state", kp_flag(c, "state"));
    kp_set_text(body, "comment", kp_flag(c, "comment"));
    json_t *j = kp_client_at(c, "PUT", "stops", c->argv[1], NULL, body, &err);
    return kp_flex_show(c, j, &err, print_noted);
}

static bool set_number(json_t *body, const char *key, const char *text)
{
    char *end = NULL;
    long long n = text ? strtoll(text, &end, 10) : 0;
    if (text && (!*text || *end))
        return false;
    return !text || !json_object_set_new(body, key, json_integer(n));
}

bool kp_set_counts(struct kp_cli *c, json_t *body)
{
    char time[KP_TIME_TEXT];
    int64_t at;
    bool good = set_number(body, "good", kp_flag(c, "good")) &&
                set_number(body, "scrap", kp_flag(c, "scrap"));
    if (!good || !kp_flag(c, "at"))
        return good;
    good = kp_read_time(c, kp_flag(c, "at"), kp_utc(&kp_clock_system), &at);
    if (good)
        kp_time_print(at, time);
    kp_set_text(body, "at", good ? time : NULL);
    return good;
}

static int parts(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    if (c->argc != 2)
        return kp_complain(c, KP_MISUSE,
                           "of which machine? flex parts hall/mill --good 12 --scrap 1");
    json_t *body = json_pack("{s:s}", "asset", c->argv[1]);
    kp_set_text(body, "program", kp_flag(c, "program"));
    kp_set_text(body, "comment", kp_flag(c, "comment"));
    if (!kp_set_counts(c, body)) {
        json_decref(body);
        return kp_complain(c, KP_MISUSE, "--good and --scrap take whole numbers, --at a time");
    }
    return kp_flex_show(c, kp_client_send(c, "POST", "/api/v1/parts", body, &err), &err,
                        print_noted);
}

/* ---- documents ---- */
static void print_document(struct kp_cli *c, const json_t *j)
{
    char *text = json_dumps(j, JSON_INDENT(1));
    (void)c;
    printf("%s\n", text ? text : "");
    free(text);
}

static void print_planned(struct kp_cli *c, const json_t *j)
{
    static const char *const head[] = { "from", "to", "shift", "hours" };
    struct kp_table t = { 0 };
    json_t *one;
    size_t i;
    json_array_foreach(json_object_get(j, "planned"), i, one)
    {
        char from[KP_CELL], to[KP_CELL], hours[KP_CELL];
        int64_t a = 0, b = 0;
        kp_time_parse(kp_text(one, "from"), &a);
        kp_time_parse(kp_text(one, "to"), &b);
        kp_cell_time(one, "from", from);
        kp_cell_time(one, "to", to);
        kp_cell_hours((double)(b - a) / 1e9, hours);
        kp_table_row(&t, 4, (const char *[]){ from, to, kp_text(one, "shift"), hours });
    }
    kp_table_print(c, &t, head, "lllr");
}

int kp_flex_put(struct kp_cli *c, const char *url, const char *file,
                void (*print)(struct kp_cli *, const json_t *))
{
    struct kp_err err = { 0 };
    json_t *body = kp_read_json(file, &err);
    if (!body)
        return kp_fault(c, &err);
    return kp_flex_show(c, kp_client_send(c, "PUT", url, body, &err), &err, print);
}

/* calendar: the document; calendar PATH: planned time; --file: another document. */
static int calendar(struct kp_cli *c)
{
    static const char *const flags[] = { "from", "to", NULL };
    struct kp_err err = { 0 };
    if (kp_flag(c, "file"))
        return kp_flex_put(c, "/api/v1/calendar", kp_flag(c, "file"), print_document);
    if (c->argc > 1)
        return kp_flex_show(c, ask(c, "/api/v1/calendar/planned", flags, &err), &err,
                            print_planned);
    return kp_flex_show(c, kp_client_get(c, "/api/v1/calendar", &err), &err, print_document);
}

static int settings(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    if (kp_flag(c, "file"))
        return kp_flex_put(c, "/api/v1/shop", kp_flag(c, "file"), print_document);
    return kp_flex_show(c, kp_client_get(c, "/api/v1/shop", &err), &err, print_document);
}

/* ---- capacity ---- */
static void print_weeks(struct kp_cli *c, const json_t *of, bool yields)
{
    static const char *const head[] = { "from", "to", "planned h", "yield", "booked h", "free h" };
    struct kp_table t = { 0 };
    json_t *week;
    size_t i;
    json_array_foreach(json_object_get(of, "weeks"), i, week)
    {
        char from[KP_CELL], to[KP_CELL], planned[KP_CELL], yield[KP_CELL] = "", booked[KP_CELL],
                                                           free_[KP_CELL];
        kp_cell_time(week, "from", from);
        kp_cell_time(week, "to", to);
        kp_cell_number(week, "plannedHours", 1, planned);
        kp_cell_number(week, "bookedHours", 1, booked);
        kp_cell_number(week, "freeHours", 1, free_);
        if (yields)
            percent_text(of, "yield", yield);
        kp_table_row(&t, 6, (const char *[]){ from, to, planned, yield, booked, free_ });
    }
    kp_table_print(c, &t, head, "llrrrr");
}

static void print_outage(const json_t *out)
{
    char since[KP_CELL], until[KP_CELL];
    int64_t repairs = kp_integer(out, "repairs");
    kp_cell_time(out, "since", since);
    kp_cell_time(out, "until", until);
    printf("  %s since %s; taken to be out until %s, ", kp_text(out, "why"), since, until);
    if (repairs)
        printf("as its last %" PRId64 " repairs took\n", repairs);
    else
        printf("the end of the shift\n");
}

static void print_machine(struct kp_cli *c, const json_t *asset)
{
    printf("%s%s%s\n", kp_style(c, "1"), kp_text(asset, "path"), kp_style(c, "0"));
    print_weeks(c, asset, true);
    printf("  yield of %" PRId64 " shifts\n", kp_integer(asset, "shifts"));
    if (json_object_get(asset, "out"))
        print_outage(json_object_get(asset, "out"));
    if (kp_integer(asset, "withoutTime"))
        printf("  %" PRId64 " operations have no cycle: they are not taken off\n",
               kp_integer(asset, "withoutTime"));
    if (kp_number(asset, "beyondHours") > 0)
        printf("  %.1f h of work more than there is time for\n", kp_number(asset, "beyondHours"));
}

static void print_group(struct kp_cli *c, const json_t *group)
{
    json_t *path;
    size_t i;
    printf("%s%s%s:", kp_style(c, "1"), kp_text(group, "name"), kp_style(c, "0"));
    json_array_foreach(json_object_get(group, "assets"), i, path)
        printf(" %s", json_string_value(path));
    printf("\n");
    print_weeks(c, group, false);
}

static void print_capacity(struct kp_cli *c, const json_t *j)
{
    json_t *one;
    size_t n;
    bool groups = kp_flag(c, "group") != NULL;
    json_array_foreach(json_object_get(j, groups ? "groups" : "assets"), n,
                       one)(groups ? print_group : print_machine)(c, one);
    if (!n && groups)
        printf("no machine is in a group: groups stand in the settings\n");
}

static int capacity(struct kp_cli *c)
{
    static const char *const flags[] = { "weeks", NULL };
    struct kp_err err = { 0 };
    return kp_flex_show(c, ask(c, "/api/v1/capacity", flags, &err), &err, print_capacity);
}

int kp_flex_shop(struct kp_cli *c)
{
    static const struct {
        const char *word;
        int (*run)(struct kp_cli *);
    } words[] = { { "oee", oee },           { "stops", stops },      { "reason", reason },
                  { "parts", parts },       { "energy", energy },    { "calendar", calendar },
                  { "settings", settings }, { "capacity", capacity },
                  { "report", kp_flex_report } };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i].word, c->argv[0]) == 0)
            return words[i].run(c);
    return kp_complain(c, KP_MISUSE,
                       "there is no 'flex %s'; it takes oee, stops, reason, parts, energy, "
                       "calendar, settings, capacity, orders, folders, report, check",
                       c->argv[0]);
}
