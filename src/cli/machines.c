/* SPDX-License-Identifier: Apache-2.0 */
/* machines: what each is doing. */
#include "cli/client.h"

#include "core/text.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { URL = 8192, PAGE = 500 };

static const char *colour(const struct kp_cli *c, const char *state)
{
    static const char *const of[][2] = { { "running", "32" }, { "setup", "33" }, { "maintenance", "33" },
                                         { "stopped", "31" } };
    for (size_t i = 0; i < sizeof of / sizeof *of; i++)
        if (strcmp(of[i][0], state) == 0)
            return kp_style(c, of[i][1]);
    return kp_style(c, "0");
}

static const char *value_of(const json_t *signals, const char *role, char *out, size_t size)
{
    const json_t *s = json_object_get(signals, role);
    *out = 0;
    if (!s || json_is_null(json_object_get(s, "value")))
        return out;
    kp_value_text(json_object_get(s, "value"), json_object_get(s, "enums"), out, size);
    if (*kp_text(s, "unitText")) {
        size_t n = strlen(out);
        snprintf(out + n, size - n, " %s", kp_text(s, "unitText"));
    }
    return out;
}

static void row(const struct kp_cli *c, struct kp_table *t, const json_t *m)
{
    char age[64] = "", state[64], program[160], parts[64], load[64], made[200];
    const json_t *signals = json_object_get(m, "signals");
    int64_t since;
    if (kp_time_parse(kp_text(m, "stateSince"), &since))
        kp_age(since, age, sizeof age);
    snprintf(state, sizeof state, "%s%s%s", colour(c, kp_text(m, "state")),
             *kp_text(m, "state") ? kp_text(m, "state") : "?", kp_style(c, "0"));
    snprintf(made, sizeof made, "%s%s%s", kp_text(m, "manufacturer"),
             *kp_text(m, "manufacturer") && *kp_text(m, "product") ? " " : "", kp_text(m, "product"));
    const char *counted = json_object_get(signals, "part-count") ? "part-count" : "good-count";
    const char *cells[] = { kp_text(m, "path"), state, age,
                            value_of(signals, "program", program, sizeof program),
                            value_of(signals, counted, parts, sizeof parts),
                            value_of(signals, "load", load, sizeof load), made };
    kp_table_row(t, 7, cells);
}

static json_t *fetch_page(struct kp_cli *c, const char *after, struct kp_err *err)
{
    struct kp_buf url;
    kp_buf_init(&url, URL);
    kp_buf_printf(&url, "/api/v1/machines?limit=%d", PAGE);
    if (c->argc)
        kp_url_add(&url, "match", c->argv[0]);
    if (*after)
        kp_url_add(&url, "after", after);
    json_t *j = kp_client_get(c, kp_buf_text(&url), err);
    kp_buf_free(&url);
    return j;
}

int kp_verb_machines(struct kp_cli *c)
{
    static const char *const columns[] = { "machine", "state", "since", "program", "parts", "load", "made by" };
    struct kp_err err = { 0 };
    struct kp_table t = { 0 };
    char after[KP_PATH_MAX] = "";
    size_t n = 0, i;
    do {
        json_t *page = fetch_page(c, after, &err), *m;
        if (!page)
            return kp_fault(c, &err);
        json_array_foreach (json_object_get(page, "machines"), i, m) {
            if (c->json)
                kp_print_json(m);
            else
                row(c, &t, m);
        }
        n += i;
        kp_table_print(c, &t, columns, "llllrrl");
        snprintf(after, sizeof after, "%s", kp_text(page, "next"));
        json_decref(page);
    } while (*after);
    if (!n && !c->json)
        printf("no machines; an asset of kind machine is one: koppel set PATH --field kind=machine\n");
    return KP_DONE;
}
