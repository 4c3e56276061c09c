/* SPDX-License-Identifier: Apache-2.0 */
/* Companies that are not known yet, and what those that are have of us. */
#include "share/share.h"
#include "web/body.h"
#include "web/routes.h"

#include "core/ban.h"

enum kp_code kp_route_partner_meet(struct kp_request *r, struct kp_err *err)
{
    static const char *const known[] = { "url", NULL };
    const char *url;
    struct kp_json j = kp_reply_json(r);
    json_t *body = kp_body_object(r->body, r->body_len, known, err);
    if (body && !kp_body_text(body, "url", true, &url, err))
        kp_share_meet(kp_node_share(r->node), url, &j, err);
    json_decref(body);
    return err->code;
}

enum kp_code kp_route_exits(struct kp_request *r, struct kp_err *err)
{
    const struct kp_exits of = { .asks = r->to,
                                 .partner = kp_arg_text(r, "partner"),
                                 .since = kp_arg_int(r, "since"),
                                 .after = kp_arg_int(r, "after"),
                                 .skip = kp_arg_int(r, "skip"),
                                 .limit = kp_arg_int(r, "limit") };
    struct kp_json j = kp_reply_json(r);
    return kp_share_exits(kp_node_share(r->node), &of, &j, err);
}
