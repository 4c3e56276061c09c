/* SPDX-License-Identifier: Apache-2.0 */
/* feed collection: what this node shares over TAXII, and with whom. */
#include "cli/client.h"
#include "cli/stix.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/ban.h"

static const char *may(const json_t *m)
{
    bool reads = json_is_true(json_object_get(m, "read")),
         writes = json_is_true(json_object_get(m, "write"));
    return reads && writes ? "read, write" : reads ? "read" : "write";
}

static void print_collections(const json_t *j)
{
    json_t *c, *m;
    size_t i, k;
    json_array_foreach(json_object_get(j, "collections"), i, c)
    {
        printf("%s%s: %s, up to TLP:%s, %" PRId64 " objects\n  %s below /taxii2/%s/\n",
               i ? "\n" : "", kp_text(c, "name"), kp_text(c, "title"), kp_text(c, "tlp"),
               kp_integer(c, "objects"), kp_text(c, "id"), kp_text(c, "root"));
        json_array_foreach(json_object_get(c, "members"), k, m) printf(
            "  %-24s %s%s; %" PRId64 " objects got out to it%s%s\n", kp_text(m, "who"), may(m),
            json_is_true(json_object_get(m, "amber")) ? ", AMBER too" : "",
            kp_integer(m, "objects"), *kp_text(m, "last") ? ", last " : "", kp_text(m, "last"));
    }
}

static int done(struct kp_cli *c, json_t *reply, const struct kp_err *err)
{
    json_decref(reply);
    return err->code ? kp_fault(c, err) : KP_DONE;
}

static int put(struct kp_cli *c, const char *name, bool new)
{
    static const char *const flags[] = { "title", "description", "tlp", "root", NULL };
    struct kp_err err = { 0 };
    json_t *body = json_object();
    for (size_t i = 0; flags[i]; i++)
        if (kp_flag(c, flags[i]))
            json_object_set_new(body, flags[i], json_string(kp_flag(c, flags[i])));
    if (new)
        json_object_set_new(body, "name", json_string(name));
    return done(
        c,
        kp_client_at(c, new ? "POST" : "PATCH", "collections", new ? NULL : name, NULL, body, &err),
        &err);
}

static int allow(struct kp_cli *c, const char *name, bool yes)
{
    struct kp_err err = { 0 };
    char who[400];
    static const char *const kinds[] = { "token", "user", "partner", NULL };
    size_t n = kp_flag(c, "everyone") != NULL;
    snprintf(who, sizeof who, "*");
    for (size_t i = 0; kinds[i]; i++)
        if (kp_flag(c, kinds[i])) {
            snprintf(who, sizeof who, "%s %.300s", kinds[i], kp_flag(c, kinds[i]));
            n++;
        }
    if (n != 1)
        return kp_complain(c, KP_MISUSE,
                           "whom? --token NAME, --user NAME, --partner NAME or --everyone");
    json_t *body =
        json_pack("{s:s, s:b, s:b, s:b}", "who", who, "read", yes && !kp_flag(c, "write-only"),
                  "write", yes && (kp_flag(c, "write") || kp_flag(c, "write-only")), "amber",
                  yes && kp_flag(c, "amber"));
    return done(c, kp_client_at(c, "PUT", "collections", name, "members", body, &err), &err);
}

static int publish(struct kp_cli *c, const char *name)
{
    struct kp_err err = { 0 };
    json_t *ids = json_array();
    for (int i = 3; i < c->argc; i++)
        json_array_append_new(ids, json_string(c->argv[i]));
    return done(c,
                kp_client_at(c, "POST", "collections", name, "objects",
                             json_pack("{s:o}", "ids", ids), &err),
                &err);
}

int kp_feed_collections(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    const char *act = c->argc > 1 ? c->argv[1] : "list", *name = c->argc > 2 ? c->argv[2] : NULL;
    if (!name && strcmp(act, "list") == 0)
        return kp_client_show(c, kp_client_at(c, "GET", "collections", NULL, NULL, NULL, &err),
                              print_collections, &err);
    if (name && c->argc > 3 && strcmp(act, "put") == 0)
        return publish(c, name);
    if (!name || c->argc > 3)
        return kp_complain(c, KP_MISUSE,
                           "collection takes: list, add, set, remove, allow or forbid"
                           " NAME, or put NAME ID...");
    if (strcmp(act, "add") == 0 || strcmp(act, "set") == 0)
        return put(c, name, *act == 'a');
    if (strcmp(act, "allow") == 0 || strcmp(act, "forbid") == 0)
        return allow(c, name, *act == 'a');
    if (strcmp(act, "remove") == 0)
        return done(c, kp_client_at(c, "DELETE", "collections", name, NULL, NULL, &err), &err);
    return kp_complain(c, KP_MISUSE, "'%s' is none of list, add, set, allow, forbid, put, remove",
                       act);
}
