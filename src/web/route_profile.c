/* SPDX-License-Identifier: Apache-2.0 */
/* Profiles: which there are, what one says, and what one makes of a machine. */
#include "couplings/catalogue.h"
#include "couplings/profile.h"
#include "web/body.h"
#include "web/routes.h"
#include "net/json_memory.h"

#include <string.h>

#include "core/ban.h"

/* ---- lists ---- */
static bool put_profile(void *arg, struct kp_profile *p, const char *json)
{
    struct kp_json *j = arg;
    size_t lines = 0;
    (void)json;
    for (const char *const *line = kp_profile_map(p); line && *line; line++)
        lines++;
    kp_json_begin(j, '{');
    kp_json_put_text(j, "name", kp_profile_name(p));
    kp_json_put_text(j, "title", kp_profile_title(p));
    kp_json_put_text(j, "protocol", kp_profile_protocol(p));
    kp_json_put_int(j, "mapRows", lines ? (int64_t)lines - 1 : 0);
    kp_json_end(j, '}');
    kp_profile_free(p);
    return true;
}

enum kp_code kp_route_profiles(struct kp_request *r, struct kp_err *err)
{
    struct kp_json j = kp_reply_json(r);
    kp_json_begin(&j, '{');
    kp_json_key(&j, "profiles");
    kp_json_begin(&j, '[');
    if (kp_profiles_each(put_profile, &j, err))
        return err->code;
    kp_json_end(&j, ']');
    kp_json_end(&j, '}');
    return KP_OK;
}

struct showing {
    const char *name;
    json_t *found;
};

static bool show(void *arg, struct kp_profile *p, const char *json)
{
    struct showing *s = arg;
    if (strcmp(kp_profile_name(p), s->name) == 0)
        s->found = kp_json_load(json, strlen(json), 0, NULL);
    kp_profile_free(p);
    return !s->found;
}

enum kp_code kp_route_profile(struct kp_request *r, struct kp_err *err)
{
    struct showing s = { .name = r->name };
    if (kp_profiles_each(show, &s, err))
        return err->code;
    if (!s.found)
        return kp_fail(err, KP_ENOTFOUND, "there is no profile '%.60s'; koppel profile list shows all", r->name);
    char *text = kp_json_dump(s.found, JSON_COMPACT);
    json_decref(s.found);
    if (!text)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    struct kp_json j = kp_reply_json(r);
    kp_json_raw(&j, text);
    free(text); /* jansson's */
    return KP_OK;
}

/* ---- trying ---- */
enum { NAMESPACES_MAX = 100 };
struct trying {
    const char *namespaces[NAMESPACES_MAX];
    size_t n;
    struct kp_profiles profiles;
    struct kp_json j;
    size_t left;
    char last[KP_PATH_MAX];
    bool more;
};

/* The lines become texts. */
static void split(struct trying *t, char *lines)
{
    for (char *p = lines, *end; *p && t->n < NAMESPACES_MAX; p = end) {
        t->namespaces[t->n++] = p;
        end = p + strcspn(p, "\n");
        if (*end)
            *end++ = 0;
    }
}

static bool try_node(void *arg, const struct kp_catalogue_node *node)
{
    struct trying *t = arg;
    struct kp_profile_variable v = { .path = node->path, .kind = node->kind };
    struct kp_profile_choice choice;
    if (!t->left) {
        t->more = true;
        return false;
    }
    t->left--;
    if (node->type)
        kp_type_parse(node->type, &v.type);
    kp_profiles_match(&t->profiles, &v, &choice);
    kp_json_begin(&t->j, '{');
    kp_json_put_text(&t->j, "path", node->path);
    kp_json_put_text(&t->j, "kind", node->kind);
    kp_json_put_text(&t->j, "type", node->type);
    kp_json_put_text(&t->j, "role", choice.role);
    kp_json_put_text(&t->j, "states", choice.states);
    kp_json_put_bool(&t->j, "subscribe", choice.subscribe);
    kp_json_put_bool(&t->j, "subscribed", node->subscribed);
    kp_json_end(&t->j, '}');
    size_t len = strlen(node->path);
    if (len < sizeof t->last)
        memcpy(t->last, node->path, len + 1);
    return true;
}

static enum kp_code try_all(struct kp_request *r, struct trying *t, uint16_t id, struct kp_err *err)
{
    const char *after = kp_arg_text(r, "after");
    t->left = (size_t)kp_arg_int(r, "limit");
    t->j = kp_reply_json(r);
    kp_json_begin(&t->j, '{');
    kp_json_key(&t->j, "profiles");
    kp_json_begin(&t->j, '[');
    for (size_t i = 0; i < t->profiles.n; i++)
        kp_json_text(&t->j, kp_profile_name(t->profiles.list[i]));
    kp_json_end(&t->j, ']');
    kp_json_key(&t->j, "nodes");
    kp_json_begin(&t->j, '[');
    if (kp_catalogue_list(kp_node_store(r->node), id, "", after ? after : "", t->left + 1, try_node, t, err))
        return err->code;
    kp_json_end(&t->j, ']');
    kp_json_put_text(&t->j, "next", t->more ? t->last : NULL);
    kp_json_end(&t->j, '}');
    return KP_OK;
}

enum kp_code kp_route_profile_try(struct kp_request *r, struct kp_err *err)
{
    struct kp_coupling_view *coupling;
    size_t n;
    char *lines;
    const char *by_hand = kp_arg_text(r, "profile");
    struct trying *t = kp_arena_alloc(&r->arena, sizeof *t);
    if (!t)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    if (kp_node_couplings(r->node, r->name, &r->arena, &coupling, &n, err) ||
        (by_hand && *by_hand && kp_profile_check(coupling->protocol, by_hand, err)) ||
        kp_catalogue_spaces(kp_node_store(r->node), coupling->id, &r->arena, &lines, err))
        return err->code;
    split(t, lines);
    for (size_t i = 0; !by_hand && i < coupling->n; i++)
        if (strcmp(coupling->settings[i].key, "profile") == 0)
            by_hand = coupling->settings[i].value;
    const struct kp_profile_peer peer = { .protocol = coupling->protocol, .namespaces = t->namespaces, .n = t->n, .by_hand = by_hand };
    if (!kp_profiles_load(&t->profiles, &peer, err))
        try_all(r, t, coupling->id, err);
    kp_profiles_free(&t->profiles);
    return err->code;
}
