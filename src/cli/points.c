/* SPDX-License-Identifier: Apache-2.0 */
/* Every point of a range, page after page: what is written has been read just before, and nothing is kept. */
#include "cli/points.h"

#include "cli/client.h"

#include "core/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

enum { URL = 8192 };
#define SIGNALS "1000"
#define POINTS "20000"

struct writing {
    struct kp_cli *c;
    char from[KP_TIME_TEXT], to[KP_TIME_TEXT];
    bool lines;
    size_t signals;
};

/* The fewest digits that are read back as the same number. */
static void write_real(double d)
{
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, d);
        if (strtod(text, NULL) == d)
            break;
    }
    fputs(text, stdout);
}

static void write_csv(const char *path, const json_t *p)
{
    char value[1024];
    kp_csv_text(path);
    printf(",%s,", json_string_value(json_array_get(p, 0)));
    const json_t *v = json_array_get(p, 1);
    kp_value_text(v, NULL, value, sizeof value);
    if (json_is_real(v))
        write_real(json_real_value(v));
    else if (json_is_string(v))
        kp_csv_text(json_string_value(v)); /* whole, however long */
    else if (!json_is_null(v))
        kp_csv_text(value);
    printf(",%lld\n", (long long)json_integer_value(json_array_get(p, 2)));
}

static void write_line(const char *path, const json_t *p)
{
    json_t *j = json_pack("{s:s, s:O, s:O, s:O}", "signal", path, "time", json_array_get(p, 0), "value", json_array_get(p, 1),
                          "status", json_array_get(p, 2));
    kp_print_json(j);
    json_decref(j);
}

static enum kp_code write_signal(struct writing *w, const char *path, struct kp_err *err)
{
    char after[64] = "";
    do {
        struct kp_buf url;
        size_t i;
        json_t *p;
        kp_buf_init(&url, URL);
        kp_buf_str(&url, "/api/v1/history?limit=" POINTS);
        kp_url_add(&url, "path", path);
        kp_url_add(&url, "from", w->from);
        kp_url_add(&url, "to", w->to);
        if (*after)
            kp_url_add(&url, "after", after);
        json_t *j = kp_client_get(w->c, kp_buf_text(&url), err);
        const json_t *series = json_array_get(json_object_get(j, "series"), 0);
        json_array_foreach (json_object_get(series, "points"), i, p) {
            if (w->lines)
                write_line(path, p);
            else
                write_csv(path, p);
        }
        snprintf(after, sizeof after, "%s", kp_text(series, "next"));
        json_decref(j);
        kp_buf_free(&url);
        if (!err->code && ferror(stdout))
            kp_fail(err, KP_EIO, "the output cannot be written");
    } while (*after && !err->code);
    return err->code;
}

/* All that match, in the order of their paths. */
static enum kp_code write_matching(struct writing *w, const char *pattern, struct kp_err *err)
{
    char after[KP_PATH_MAX] = "";
    do {
        struct kp_buf url;
        size_t i;
        json_t *s;
        kp_buf_init(&url, URL);
        kp_buf_str(&url, "/api/v1/signals?limit=" SIGNALS);
        kp_url_add(&url, "match", pattern);
        if (*after)
            kp_url_add(&url, "after", after);
        json_t *j = kp_client_get(w->c, kp_buf_text(&url), err);
        json_array_foreach (json_object_get(j, "signals"), i, s) {
            w->signals++;
            if (err->code || write_signal(w, kp_text(s, "path"), err))
                break;
        }
        snprintf(after, sizeof after, "%s", kp_text(j, "next"));
        json_decref(j);
        kp_buf_free(&url);
    } while (*after && !err->code);
    return err->code;
}

int kp_write_points(struct kp_cli *c, int64_t from, int64_t to, bool lines)
{
    struct writing w = { .c = c, .lines = lines };
    struct kp_err err = { 0 };
    kp_time_print(from, w.from);
    kp_time_print(to, w.to);
    if (!lines)
        printf("signal,time,value,status\n");
    for (int i = 0; i < c->argc; i++) {
        size_t before = w.signals;
        if (write_matching(&w, c->argv[i], &err))
            return kp_fault(c, &err);
        if (w.signals == before)
            return kp_complain(c, KP_FAILED, "no signal is or matches '%s'", c->argv[i]);
    }
    return fflush(stdout) ? kp_complain(c, KP_FAILED, "the output cannot be written") : KP_DONE;
}
