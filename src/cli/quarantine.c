/* SPDX-License-Identifier: Apache-2.0 */
/* quarantine: samples held because their time cannot be right. */
#include "cli/client.h"

#include "core/clock.h"
#include "core/text.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { URL = 4096 };

static const char *reason_text(const char *reason)
{
    static const char *const texts[][2] = { { "ahead", "ahead of the time it came" },
                                            { "behind", "more than 30 days old" },
                                            { "backfill", "of a gap, ahead of the time it came" },
                                            { "outside", "no time that can be kept" } };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (strcmp(texts[i][0], reason) == 0)
            return texts[i][1];
    return reason;
}

static void day_and_time(const json_t *object, const char *key, char *out, size_t size)
{
    int64_t at;
    snprintf(out, size, "-");
    if (kp_time_parse(kp_text(object, key), &at))
        kp_time_print(at, out);
}

static void print_held(const struct kp_cli *c, const json_t *j)
{
    static const char *const head[] = { "received", "its own time", "signal", "coupling", "value", "why" };
    struct kp_table t = { 0 };
    json_t *one;
    size_t i;
    json_array_foreach (json_object_get(j, "samples"), i, one) {
        char received[KP_TIME_TEXT], at[KP_TIME_TEXT], value[200];
        day_and_time(one, "received", received, sizeof received);
        day_and_time(one, "time", at, sizeof at);
        kp_value_text(json_object_get(one, "value"), NULL, value, sizeof value);
        const char *path = kp_text(one, "path"), *coupling = kp_text(one, "coupling");
        const char *cells[] = { received, at,    *path ? path : "(removed)", *coupling ? coupling : "(removed)",
                                value,    reason_text(kp_text(one, "reason")) };
        kp_table_row(&t, 6, cells);
    }
    size_t shown = i;
    if (shown)
        kp_table_print(c, &t, head, "llllrl");
    printf("%lld samples are held%s\n", (long long)kp_integer(j, "held"),
           json_is_null(json_object_get(j, "next")) ? "" : "; --limit shows more of them");
    if (shown)
        printf("put them into the history with --release receive or --release source, or --drop them\n");
}

static json_t *list(struct kp_cli *c, int64_t from, struct kp_err *err)
{
    struct kp_buf url;
    char text[KP_TIME_TEXT];
    kp_buf_init(&url, URL);
    kp_buf_str(&url, "/api/v1/quarantine");
    kp_url_add(&url, "limit", kp_flag(c, "limit") ? kp_flag(c, "limit") : "100");
    if (c->argc)
        kp_url_add(&url, "path", c->argv[0]);
    if (kp_flag(c, "coupling"))
        kp_url_add(&url, "coupling", kp_flag(c, "coupling"));
    if (from != KP_NO_TIME) {
        kp_time_print(from, text);
        kp_url_add(&url, "from", text);
    }
    json_t *j = kp_client_get(c, kp_buf_text(&url), err);
    kp_buf_free(&url);
    return j;
}

static int leave(struct kp_cli *c, int64_t from)
{
    struct kp_err err = { 0 };
    char text[KP_TIME_TEXT];
    const char *release = kp_flag(c, "release");
    bool all = !c->argc && !kp_flag(c, "coupling") && from == KP_NO_TIME;
    if (!release && !kp_confirm(c, "this deletes held samples for good; do it?"))
        return kp_complain(c, KP_FAILED, "nothing is dropped; --yes says so beforehand");
    kp_time_print(from, text);
    json_t *body = json_pack("{s:s*, s:s*, s:s*, s:s*}", "path", c->argc ? c->argv[0] : NULL, "coupling", kp_flag(c, "coupling"),
                             "from", from == KP_NO_TIME ? NULL : text, "time", release);
    if (all)
        json_object_set_new(body, "all", json_true());
    json_t *j = kp_client_send(c, "POST", release ? "/api/v1/quarantine/release" : "/api/v1/quarantine/drop", body, &err);
    if (err.code)
        return kp_fault(c, &err);
    if (c->json)
        kp_print_json(j);
    else if (release)
        printf("%lld samples are in the history now\n", (long long)kp_integer(j, "released"));
    else
        printf("%lld samples dropped\n", (long long)kp_integer(j, "dropped"));
    if (!c->json && kp_integer(j, "kept"))
        printf("%lld stay held: their own time is none that can be kept; --release receive takes them\n",
               (long long)kp_integer(j, "kept"));
    json_decref(j);
    return KP_DONE;
}

int kp_verb_quarantine(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    int64_t from = KP_NO_TIME;
    if (kp_flag(c, "release") && kp_flag(c, "drop"))
        return kp_complain(c, KP_MISUSE, "either --release or --drop");
    if (kp_flag(c, "from") && !kp_read_time(c, kp_flag(c, "from"), kp_utc(&kp_clock_system), &from))
        return kp_complain(c, KP_MISUSE, "--from: '%s' is not a time such as -2h, 14:30 or 2026-11-24", kp_flag(c, "from"));
    if (kp_flag(c, "release") || kp_flag(c, "drop"))
        return leave(c, from);
    json_t *j = list(c, from, &err);
    if (err.code)
        return kp_fault(c, &err);
    if (c->json)
        kp_print_json(j);
    else
        print_held(c, j);
    json_decref(j);
    return KP_DONE;
}
