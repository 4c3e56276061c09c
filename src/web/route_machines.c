/* SPDX-License-Identifier: Apache-2.0 */
/* Machines: what each is doing, and its values that have a role. */
#include "web/routes.h"
#include "web/view.h"

#include <string.h>

#include "core/ban.h"

enum { SLICE = 100, ROLES_MAX = 24, BELOW_MAX = 2000 };

static struct kp_model *model(struct kp_request *r)
{
    return kp_hub_model(kp_node_hub(r->node));
}

/* The first signal of each role below a machine, but not those of a machine within it. */
struct roles {
    const struct kp_model *m;
    enum kp_recipient to;
    kp_signal list[ROLES_MAX];
    size_t n, looked;
};

static void take_role(struct roles *r, kp_signal id)
{
    const char *role = kp_model_signal(r->m, id)->role;
    if (!role || r->n == ROLES_MAX || !kp_gate_signal(r->m, r->to, id))
        return;
    for (size_t i = 0; i < r->n; i++)
        if (strcmp(kp_model_signal(r->m, r->list[i])->role, role) == 0)
            return;
    r->list[r->n++] = id;
}

static void look_below(struct roles *r, kp_asset id)
{
    const kp_signal *signals;
    const kp_asset *assets;
    size_t n = kp_model_child_signals(r->m, id, &signals);
    for (size_t i = 0; i < n && r->looked < BELOW_MAX; i++, r->looked++)
        take_role(r, signals[i]);
    n = kp_model_child_assets(r->m, id, &assets);
    for (size_t i = 0; i < n && r->looked < BELOW_MAX; i++, r->looked++)
        if (kp_model_asset(r->m, assets[i])->kind != KP_MACHINE)
            look_below(r, assets[i]);
}

static void put_roles(struct kp_json *j, const struct kp_model *m, kp_asset id,
                      enum kp_recipient to)
{
    struct roles r = { .m = m, .to = to };
    look_below(&r, id);
    kp_json_key(j, "signals");
    kp_json_begin(j, '{');
    for (size_t i = 0; i < r.n; i++) {
        char path[KP_PATH_MAX];
        const struct kp_signal_info *s = kp_model_signal(m, r.list[i]);
        kp_model_signal_path(m, r.list[i], path, sizeof path);
        kp_json_key(j, s->role);
        kp_json_begin(j, '{');
        kp_view_value(j, m, s, path);
        kp_json_put_text(j, "unitText", s->unit_text);
        kp_json_key(j, "enums");
        kp_json_raw(j, s->enums);
        kp_json_end(j, '}');
    }
    kp_json_end(j, '}');
}

/* An asset of kind machine, or another that is known to be doing something. */
static bool put_machine(struct kp_json *j, const struct kp_model *m, const struct kp_asset_info *a,
                        const char *path, enum kp_recipient to)
{
    struct kp_doing doing = kp_view_doing(m, a->id, to);
    if ((a->kind != KP_MACHINE && !*doing.state) || !kp_gate_asset(m, to, a->id))
        return false;
    kp_json_begin(j, '{');
    kp_json_put_text(j, "path", path);
    kp_json_put_text(j, "kind", kp_asset_kind_name(a->kind));
    kp_json_put_text(j, "manufacturer", a->nameplate[KP_MANUFACTURER_NAME]);
    kp_json_put_text(j, "product", a->nameplate[KP_PRODUCT_DESIGNATION]);
    kp_json_put_text(j, "state", *doing.state ? doing.state : NULL);
    kp_json_put_time(j, "stateSince", doing.since);
    put_roles(j, m, a->id, to);
    kp_json_end(j, '}');
    return true;
}

/* Puts machines behind `path` on, looking at no more than SLICE assets; false at the end. */
static bool put_slice(struct kp_request *r, struct kp_json *j, const char *pattern, kp_asset *at,
                      size_t *left, char path[KP_PATH_MAX])
{
    const struct kp_model *m = model(r);
    for (size_t seen = 0; seen < SLICE && *left; seen++) {
        char next_path[KP_PATH_MAX];
        kp_asset next = kp_view_asset_after(m, *at);
        if (!next)
            return false;
        *at = next;
        kp_model_asset_path(m, next, next_path, sizeof next_path);
        if (kp_pattern_match(pattern, next_path) &&
            put_machine(j, m, kp_model_asset(m, next), next_path, r->to)) {
            memcpy(path, next_path, sizeof next_path);
            --*left;
        }
    }
    return *left;
}

enum kp_code kp_route_machines(struct kp_request *r, struct kp_err *err)
{
    const char *after = kp_arg_text(r, "after"), *pattern = kp_arg_text(r, "match");
    size_t left = (size_t)kp_arg_int(r, "limit");
    char path[KP_PATH_MAX] = "";
    kp_model_lock(model(r));
    kp_asset at = after ? kp_model_find_asset(model(r), after) : 0;
    bool may = kp_gate_asset(model(r), r->to, at);
    kp_model_unlock(model(r));
    if (after && *after && !(at && may))
        return kp_fail(err, KP_ENOTFOUND,
                       "after: there is no asset '%.120s' any more; start the list again", after);
    struct kp_json j = kp_reply_json(r);
    kp_json_begin(&j, '{');
    kp_json_key(&j, "machines");
    kp_json_begin(&j, '[');
    bool more;
    do {
        kp_model_lock(model(r));
        more = put_slice(r, &j, pattern ? pattern : "", &at, &left, path);
        kp_model_unlock(model(r));
    } while (more && !r->reply.body.failed);
    kp_json_end(&j, ']');
    kp_json_put_text(&j, "next", left ? NULL : path);
    kp_json_end(&j, '}');
    return KP_OK;
}
