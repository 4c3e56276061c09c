/* SPDX-License-Identifier: Apache-2.0 */
/* token */
#include "cli/client.h"

#include "core/clock.h"
#include "core/text.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

static int list(struct kp_cli *c)
{
    static const char *const head[] = { "name", "may", "made", "expires" };
    struct kp_err err = { 0 };
    struct kp_table t = { 0 };
    json_t *j = kp_client_get(c, "/api/v1/tokens", &err), *one;
    size_t i;
    if (!j)
        return kp_fault(c, &err);
    if (c->json) {
        kp_print_json(j);
        json_decref(j);
        return KP_DONE;
    }
    json_array_foreach (json_object_get(j, "tokens"), i, one) {
        char may[300];
        const char *writes = kp_text(one, "write");
        const char *role = kp_text(one, "role"), *expires = kp_text(one, "expires");
        snprintf(may, sizeof may, *writes ? "post values to %.250s" : "%.250s", *writes ? writes : role);
        kp_table_row(&t, 4, (const char *[]){ kp_text(one, "name"), may, kp_text(one, "created"), *expires ? expires : "never" });
    }
    kp_table_print(c, &t, head, "llll");
    json_decref(j);
    return KP_DONE;
}

/* "90d" from now, or a time, as RFC 3339. */
static bool read_expiry(const struct kp_cli *c, const char *given, char out[KP_TIME_TEXT])
{
    int64_t now = kp_utc(&kp_clock_system), at;
    if (kp_duration_parse(given, &at))
        at = at < INT64_MAX - now ? now + at : INT64_MAX;
    else if (!kp_read_time(c, given, now, &at))
        return false;
    kp_time_print(at, out);
    return true;
}

static int add(struct kp_cli *c, const char *name)
{
    static const char *const words[] = { "write", "role" };
    struct kp_err err = { 0 };
    const char *until = kp_flag(c, "expires");
    char expires[KP_TIME_TEXT];
    if (until && !read_expiry(c, until, expires))
        return kp_complain(c, KP_MISUSE, "--expires: '%.40s' is neither a duration such as 90d nor a time", until);
    json_t *body = json_pack("{s:s}", "name", name);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (kp_flag(c, words[i]))
            json_object_set_new(body, words[i], json_string(kp_flag(c, words[i])));
    if (until)
        json_object_set_new(body, "expires", json_string(expires));
    json_t *j = kp_client_send(c, "POST", "/api/v1/tokens", body, &err);
    if (!j)
        return kp_fault(c, &err);
    if (c->json)
        kp_print_json(j);
    else
        printf("%s\n", kp_text(j, "token"));
    if (!c->json && c->terminal)
        printf("it is shown this once; keep it where only its user can read it\n");
    json_decref(j);
    return KP_DONE;
}

static int drop(struct kp_cli *c, const char *name)
{
    struct kp_err err = { 0 };
    json_decref(kp_client_at(c, "DELETE", "tokens", name, NULL, NULL, &err));
    return err.code ? kp_fault(c, &err) : KP_DONE;
}

int kp_verb_token(struct kp_cli *c)
{
    bool adds = c->argc == 2 && strcmp(c->argv[0], "add") == 0,
         drops = c->argc == 2 && strcmp(c->argv[0], "remove") == 0;
    if ((kp_flag(c, "write") || kp_flag(c, "role") || kp_flag(c, "expires")) && !adds)
        return kp_complain(c, KP_MISUSE, "--write, --role and --expires go with add NAME");
    if (!c->argc)
        return list(c);
    if (adds)
        return add(c, c->argv[1]);
    return drops ? drop(c, c->argv[1])
                 : kp_complain(c, KP_MISUSE,
                               "it takes: add NAME, remove NAME, or nothing for the list");
}
