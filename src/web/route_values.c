/* SPDX-License-Identifier: Apache-2.0 */
/* Values that a script or a sensor posts, as they are now. */
#include "node/import.h"
#include "web/routes.h"

#include <string.h>
#include <strings.h>

#include "core/ban.h"

enum { VALUES_MAX = 10000 };

/* By the type that is said, else by how the body begins: curl -d calls everything a form. */
static enum kp_import_format format_of(const struct kp_request *r)
{
    const char *type = r->client.content_type ? r->client.content_type : "";
    size_t i = 0;
    if (strncasecmp(type, "application/json", 16) == 0)
        return KP_IMPORT_JSON;
    while (i < r->body_len && strchr(" \t\r\n", r->body[i]))
        i++;
    bool json = i < r->body_len && (r->body[i] == '{' || r->body[i] == '[');
    return json && strncasecmp(type, "text/", 5) != 0 ? KP_IMPORT_JSON : KP_IMPORT_PLAIN;
}

enum kp_code kp_route_values_post(struct kp_request *r, struct kp_err *err)
{
    struct kp_import_options o = { .format = format_of(r),
                                   .at = kp_arg_text(r, "at"),
                                   .only = r->only,
                                   .live = true,
                                   .most = VALUES_MAX };
    struct kp_import_count n;
    if (r->client.content_encoding && strcasecmp(r->client.content_encoding, "identity") != 0)
        return kp_fail(err, KP_EINVALID, "Content-Encoding: '%.40s' is not taken here",
                       r->client.content_encoding);
    if (kp_node_import(r->node, r->body, r->body_len, &o, &n, err))
        return err->code;
    struct kp_json j = kp_reply_json(r);
    kp_json_begin(&j, '{');
    kp_json_put_int(&j, "values", (int64_t)n.points);
    kp_json_put_int(&j, "made", n.made);
    kp_json_end(&j, '}');
    return KP_OK;
}
