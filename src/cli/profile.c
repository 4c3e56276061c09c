/* SPDX-License-Identifier: Apache-2.0 */
/* profile: which there are, what one says, and what one makes of a machine. */
#include "cli/client.h"

#include "core/text.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { URL = 8192 };

static json_t *fetch(struct kp_cli *c, struct kp_buf *url, struct kp_err *err)
{
    json_t *j = kp_client_get(c, kp_buf_text(url), err);
    kp_buf_free(url);
    return j;
}

static int list(struct kp_cli *c)
{
    static const char *const head[] = { "profile", "protocol", "map", "for" };
    struct kp_err err = { 0 };
    struct kp_table t = { 0 };
    json_t *j = kp_client_get(c, "/api/v1/profiles", &err), *p;
    size_t i;
    if (!j)
        return kp_fault(c, &err);
    json_array_foreach (json_object_get(j, "profiles"), i, p) {
        char rows[24] = "";
        if (kp_integer(p, "mapRows"))
            snprintf(rows, sizeof rows, "%lld rows", (long long)kp_integer(p, "mapRows"));
        const char *cells[] = { kp_text(p, "name"), kp_text(p, "protocol"), rows, kp_text(p, "title") };
        if (c->json)
            kp_print_json(p);
        else
            kp_table_row(&t, 4, cells);
    }
    kp_table_print(c, &t, head, "lllll");
    json_decref(j);
    return KP_DONE;
}

static int show(struct kp_cli *c, const char *name)
{
    struct kp_err err = { 0 };
    struct kp_buf url;
    kp_buf_init(&url, URL);
    kp_buf_str(&url, "/api/v1/profiles");
    kp_url_segment(&url, name);
    json_t *j = fetch(c, &url, &err);
    if (!j)
        return kp_fault(c, &err);
    json_dumpf(j, stdout, c->json ? JSON_COMPACT : JSON_INDENT(2));
    printf("\n");
    json_decref(j);
    return KP_DONE;
}

static int try_it(struct kp_cli *c, const char *name)
{
    static const char *const head[] = { "", "path", "type", "role", "states" };
    struct kp_err err = { 0 };
    char after[KP_PATH_MAX] = "";
    bool first = true;
    do {
        struct kp_table t = { 0 };
        struct kp_buf url;
        kp_buf_init(&url, URL);
        kp_buf_str(&url, "/api/v1/couplings");
        kp_url_segment(&url, name);
        kp_buf_str(&url, "/profile");
        if (kp_flag(c, "profile"))
            kp_url_add(&url, "profile", kp_flag(c, "profile"));
        if (*after)
            kp_url_add(&url, "after", after);
        json_t *j = fetch(c, &url, &err), *n;
        size_t i;
        if (!j)
            return kp_fault(c, &err);
        if (first && !c->json) {
            printf("profiles, the first that speaks about a variable counts:");
            json_array_foreach (json_object_get(j, "profiles"), i, n)
                printf("%s %s", i ? "," : "", json_string_value(n));
            printf("\n* subscribed without being asked\n");
        }
        first = false;
        json_array_foreach (json_object_get(j, "nodes"), i, n) {
            const char *cells[] = { json_is_true(json_object_get(n, "subscribe")) ? "*" : "", kp_text(n, "path"),
                                    *kp_text(n, "kind") ? kp_text(n, "kind") : kp_text(n, "type"), kp_text(n, "role"),
                                    kp_text(n, "states") };
            if (c->json)
                kp_print_json(n);
            else
                kp_table_row(&t, 5, cells);
        }
        kp_table_print(c, &t, head, "lllll");
        snprintf(after, sizeof after, "%s", kp_text(j, "next"));
        json_decref(j);
    } while (*after);
    return KP_DONE;
}

int kp_verb_profile(struct kp_cli *c)
{
    const char *what = c->argv[0];
    bool one = c->argc == 2;
    if (strcmp(what, "list") == 0 && !one)
        return list(c);
    if (strcmp(what, "show") == 0 && one)
        return show(c, c->argv[1]);
    if (strcmp(what, "try") == 0 && one)
        return try_it(c, c->argv[1]);
    return kp_complain(c, KP_MISUSE, "profile list, profile show NAME, or profile try COUPLING");
}
