/* SPDX-License-Identifier: Apache-2.0 */
/* sightings: what was seen here of what others warn of. */
#include "cli/client.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

static void print_list(const struct kp_cli *c, const json_t *j)
{
    static const char *const head[] = { "number", "of", "count", "tlp", "made", "went out" };
    struct kp_table t = { 0 };
    json_t *s;
    size_t i;
    json_array_foreach(json_object_get(j, "sightings"), i, s)
    {
        char number[24], count[24], where[300];
        const char *fault = kp_text(s, "fault"), *sent = kp_text(s, "sent"),
                   *feed = kp_text(s, "feed");
        snprintf(number, sizeof number, "%" PRId64, kp_integer(s, "id"));
        snprintf(count, sizeof count, "%" PRId64, kp_integer(s, "count"));
        snprintf(where, sizeof where, "%s%s%.120s",
                 *fault  ? fault
                 : *sent ? sent
                 : *feed ? "waits for "
                         : "stays here",
                 *sent ? " to " : "", *fault ? "" : feed);
        kp_table_row(&t, 6,
                     (const char *[]){ number, kp_text(s, "of"), count, kp_text(s, "tlp"),
                                       kp_text(s, "made"), where });
    }
    if (i)
        kp_table_print(c, &t, head, "rlrlll");
}

static int list(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    json_t *j = kp_client_at(c, "GET", "sightings", NULL, NULL, NULL, &err);
    return kp_client_list(c, j, print_list, &err);
}

static bool add_observed(json_t *body, const char *text)
{
    const char *equal = strchr(text, '=');
    if (!equal)
        return false;
    json_t *o = json_pack("{s:s#, s:s}", "type", text, (size_t)(equal - text), "value", equal + 1);
    return o && !json_object_set_new(body, "observed", o);
}

static int add(struct kp_cli *c)
{
    static const struct {
        const char *flag, *key;
    } texts[] = { { "to", "feed" },
                  { "first", "first" },
                  { "last", "last" },
                  { "comment", "summary" },
                  { "tlp", "tlp" } };
    struct kp_err err = { 0 };
    json_t *body = json_pack("{s:s, s:b}", "of", c->argv[1], "named", kp_flag(c, "named") != NULL);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (kp_flag(c, texts[i].flag))
            json_object_set_new(body, texts[i].key, json_string(kp_flag(c, texts[i].flag)));
    if (kp_flag(c, "count"))
        json_object_set_new(body, "count", json_integer(strtoll(kp_flag(c, "count"), NULL, 10)));
    if (kp_flag(c, "observed") && !add_observed(body, kp_flag(c, "observed"))) {
        json_decref(body);
        return kp_complain(c, KP_MISUSE, "--observed is like ipv4-addr=198.51.100.7");
    }
    json_t *j = kp_client_at(c, "POST", "sightings", NULL, NULL, body, &err);
    if (!j)
        return kp_fault(c, &err);
    c->json ? kp_print_json(j) : (void)printf("sighting %" PRId64 "\n", kp_integer(j, "id"));
    json_decref(j);
    return KP_DONE;
}

static int release(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    if (!kp_flag(c, "to"))
        return kp_complain(c, KP_MISUSE, "send takes --to FEED");
    json_t *body = json_pack("{s:s}", "feed", kp_flag(c, "to"));
    json_decref(kp_client_at(c, "POST", "sightings", c->argv[1], "send", body, &err));
    return err.code ? kp_fault(c, &err) : KP_DONE;
}

int kp_verb_sightings(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    const char *act = c->argc ? c->argv[0] : "list";
    if (c->argc < 2 && strcmp(act, "list") == 0)
        return list(c);
    if (c->argc == 2 && strcmp(act, "add") == 0)
        return add(c);
    if (c->argc == 2 && strcmp(act, "send") == 0)
        return release(c);
    if (c->argc != 2 || strcmp(act, "remove") != 0)
        return kp_complain(c, KP_MISUSE, "it takes: list, add ID, send NUMBER or remove NUMBER");
    json_decref(kp_client_at(c, "DELETE", "sightings", c->argv[1], NULL, NULL, &err));
    return err.code ? kp_fault(c, &err) : KP_DONE;
}
