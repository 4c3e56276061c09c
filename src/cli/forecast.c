/* SPDX-License-Identifier: Apache-2.0 */
/* forecast: what a signal will do next, as a table or drawn behind what was. */
#include "cli/history.h"

#include "core/clock.h"
#include "core/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { URL = 8192, PLOT_HEIGHT = 14 };
#define LONG_TABLE (8 * 3600 * KP_SECOND) /* from here on its rows are hours */

static json_t *fetch(struct kp_cli *c, int64_t ahead, struct kp_err *err)
{
    const char *every = kp_flag(c, "every"), *horizon = kp_flag(c, "for");
    struct kp_buf url;
    kp_buf_init(&url, URL);
    kp_buf_str(&url, "/api/v1/forecast");
    kp_url_add(&url, "path", c->argv[0]);
    if (horizon)
        kp_url_add(&url, "horizon", horizon);
    if (every || (!kp_flag(c, "plot") && ahead > LONG_TABLE))
        kp_url_add(&url, "step", every ? every : "1h");
    json_t *j = kp_client_get(c, kp_buf_text(&url), err);
    kp_buf_free(&url);
    return j;
}

/* Why there is no forecast; false: there is one. */
static bool say_missing(struct kp_cli *c, const json_t *j)
{
    const char *why = kp_text(j, "missing");
    if (strcmp(why, "words") == 0)
        kp_complain(c, KP_FAILED, "%s has no numbers to forecast", c->argv[0]);
    else if (*why)
        kp_complain(c, KP_FAILED, "%s: so far ahead it takes %.1f days of history, there are %.1f; take a shorter --for, or wait", c->argv[0],
                    json_number_value(json_object_get(j, "needsDays")), json_number_value(json_object_get(j, "hasDays")));
    return *why;
}

static void print_table(struct kp_cli *c, const json_t *j)
{
    static const char *const keys[] = { "value", "low", "high" };
    const char *counted[] = { "until", "value", "at least", "at most" }, *head[] = { "from", "value", "at least", "at most" };
    bool counter = json_is_true(json_object_get(j, "counter")), csv = kp_flag(c, "csv");
    struct kp_table t = { 0 };
    json_t *step;
    size_t i;
    if (csv)
        printf("signal,from,to,value,low,high\n");
    else
        printf("%s%s%s  %.0f %% of what comes is within\n", kp_style(c, "1"), c->argv[0], kp_style(c, "0"),
               100 * json_number_value(json_object_get(j, "share")));
    json_array_foreach (json_object_get(j, "steps"), i, step) {
        char time[64], text[3][32];
        const char *cells[] = { time, text[0], text[1], text[2] };
        int64_t at = 0;
        for (size_t k = 0; k < 3; k++)
            snprintf(text[k], sizeof text[k], csv ? "%.10g" : "%.6g", json_number_value(json_object_get(step, keys[k])));
        if (csv) {
            kp_csv_text(c->argv[0]);
            printf(",%s,%s,%s,%s,%s\n", kp_text(step, "from"), kp_text(step, "to"), text[0], text[1], text[2]);
        } else if (kp_time_parse(kp_text(step, counter ? "to" : "from"), &at)) {
            kp_local_time(at, kp_flag(c, "utc"), time, sizeof time);
            kp_table_row(&t, 4, cells);
        }
    }
    kp_table_print(c, &t, counter ? counted : head, "lrrr");
}

/* As much of what was as is ahead, in as many steps as there is room for. */
static json_t *fetch_past(struct kp_cli *c, int64_t from, int64_t to, size_t points, struct kp_err *err)
{
    char first[KP_TIME_TEXT], end[KP_TIME_TEXT], n[32];
    struct kp_buf url;
    kp_time_print(from, first);
    kp_time_print(to, end);
    snprintf(n, sizeof n, "%zu", points);
    kp_buf_init(&url, URL);
    kp_buf_str(&url, "/api/v1/history");
    kp_url_add(&url, "path", c->argv[0]);
    kp_url_add(&url, "from", first);
    kp_url_add(&url, "to", end);
    kp_url_add(&url, "points", n);
    json_t *j = kp_client_get(c, kp_buf_text(&url), err);
    kp_buf_free(&url);
    return j;
}

static size_t add_steps(const json_t *j, struct kp_plot_point *out)
{
    json_t *step;
    size_t i, n = 0;
    json_array_foreach (json_object_get(j, "steps"), i, step) {
        struct kp_plot_point p = { .mean = json_number_value(json_object_get(step, "value")), .ahead = true,
                                   .min = json_number_value(json_object_get(step, "low")), .max = json_number_value(json_object_get(step, "high")) };
        if (kp_time_parse(kp_text(step, "from"), &p.from) && kp_time_parse(kp_text(step, "to"), &p.to))
            out[n++] = p;
    }
    return n;
}

static void draw(struct kp_cli *c, const json_t *j, int64_t ahead, struct kp_err *err)
{
    int64_t now = kp_utc(&kp_clock_system);
    size_t width = kp_terminal_width();
    json_t *was = fetch_past(c, now - ahead, now, width > 30 ? width - 12 : 20, err);
    json_t *gaps = err->code ? NULL : kp_plot_gaps(c, now - ahead, now, err);
    const json_t *series = json_array_get(json_object_get(was, "series"), 0), *list = json_object_get(gaps, "intervals");
    size_t most = json_array_size(json_object_get(series, "buckets")) + json_array_size(list) + json_array_size(json_object_get(j, "steps"));
    struct kp_plot_point *points = err->code ? NULL : kp_alloc((most + 1) * sizeof *points);
    char *unit = points ? kp_plot_unit(c, c->argv[0]) : NULL;
    struct kp_buf out;
    kp_buf_init(&out, 1 << 20);
    if (points) {
        size_t n = kp_plot_collect(series, list, points);
        n += add_steps(j, points + n);
        kp_plot_draw(&(struct kp_plot){ .title = c->argv[0], .unit = unit ? unit : "", .from = now - ahead, .to = now + ahead, .width = width,
                                        .height = PLOT_HEIGHT, .utc = kp_flag(c, "utc"), .points = points, .n = n },
                     &out);
        fputs(kp_buf_text(&out), stdout);
    }
    kp_buf_free(&out);
    kp_free(points);
    kp_free(unit);
    json_decref(was);
    json_decref(gaps);
}

int kp_verb_forecast(struct kp_cli *c)
{
    int64_t ahead = 86400 * KP_SECOND, step;
    const char *horizon = kp_flag(c, "for"), *every = kp_flag(c, "every");
    if (horizon && (!kp_duration_parse(horizon, &ahead) || ahead <= 0))
        return kp_complain(c, KP_MISUSE, "--for: '%s' is no time such as 8h or 7d", horizon);
    if (every && (!kp_duration_parse(every, &step) || step <= 0))
        return kp_complain(c, KP_MISUSE, "--every: '%s' is no time such as 15m or 1h", every);
    struct kp_err err = { 0 };
    json_t *j = fetch(c, ahead, &err);
    if (!err.code && c->json)
        kp_print_json(j);
    else if (!err.code && say_missing(c, j)) {
        json_decref(j);
        return KP_FAILED;
    } else if (!err.code && kp_flag(c, "plot"))
        draw(c, j, ahead, &err);
    else if (!err.code)
        print_table(c, j);
    json_decref(j);
    return err.code ? kp_fault(c, &err) : KP_DONE;
}
