/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log: who did what, and whether it is whole. */
#include "web/routes.h"

#include "core/ban.h"

struct listing {
    struct kp_request *r;
    struct kp_json j;
    int64_t left;
    bool more;
};

/* What was done to a thing tells of it. */
static bool may_show(struct listing *l, const char *target)
{
    struct kp_model *m = kp_hub_model(kp_node_hub(l->r->node));
    kp_model_lock(m);
    kp_asset asset = target ? kp_model_find_asset(m, target) : 0;
    kp_signal signal = target ? kp_model_find_signal(m, target) : 0;
    bool may = (!asset || kp_gate_asset(m, l->r->to, asset)) &&
               (!signal || kp_gate_signal(m, l->r->to, signal));
    kp_model_unlock(m);
    return may;
}

static bool put_row(void *arg, const struct kp_audit *a)
{
    struct listing *l = arg;
    struct kp_json *j = &l->j;
    if (!may_show(l, a->target))
        return true;
    l->more = !l->left;
    if (l->more)
        return false;
    l->left--;
    kp_json_begin(j, '{');
    kp_audit_json(j, a);
    kp_json_end(j, '}');
    return !j->out->failed;
}

enum kp_code kp_route_audit(struct kp_request *r, struct kp_err *err)
{
    const struct kp_audit_filter f = { .from = kp_arg_int(r, "from"),
                                       .to = kp_arg_int(r, "to"),
                                       .user = kp_arg_text(r, "user"),
                                       .action = kp_arg_text(r, "action"),
                                       .after = kp_arg_int(r, "after") };
    struct kp_db *db = kp_store_reader(kp_node_store(r->node), err);
    if (!db)
        return err->code;
    struct listing l = { r, kp_reply_json(r), kp_arg_int(r, "limit"), false };
    kp_json_begin(&l.j, '{');
    kp_json_key(&l.j, "entries");
    kp_json_begin(&l.j, '[');
    kp_audit_list(db, &f, put_row, &l, err);
    kp_json_end(&l.j, ']');
    kp_json_put_bool(&l.j, "more", l.more);
    kp_json_end(&l.j, '}');
    kp_store_reader_done(kp_node_store(r->node), db);
    return err->code;
}

enum kp_code kp_route_audit_verify(struct kp_request *r, struct kp_err *err)
{
    struct kp_audit_verdict v;
    if (kp_audit_verify(kp_node_store(r->node), &v, err))
        return err->code;
    struct kp_json j = kp_reply_json(r);
    kp_audit_verdict_json(&j, &v);
    return KP_OK;
}
