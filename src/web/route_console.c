/* SPDX-License-Identifier: Apache-2.0 */
/* The web console: one page, and what it loads. */
#include "console_embedded.h"
#include "web/routes.h"

#include <string.h>

#include "core/ban.h"

/* Nothing runs, and nothing is loaded or told, but what this node serves itself. */
static const char policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; worker-src 'self'; connect-src 'self'; "
    "img-src 'self' data: blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

static const struct kp_embedded *find(const char *name)
{
    for (size_t i = 0; i < kp_console_count; i++)
        if (strcmp(kp_console[i].name, name) == 0)
            return &kp_console[i];
    return NULL;
}

enum kp_code kp_route_page(struct kp_request *r, struct kp_err *err)
{
    const struct kp_embedded *page = find("index.html");
    if (!page)
        return kp_fail(err, KP_ENOTFOUND, "this koppel was built without its console");
    kp_reply_header(r, "Content-Security-Policy", policy);
    kp_reply_header(r, "Cache-Control", "no-cache"); /* it names the assets of this version */
    r->reply.type = "text/html; charset=utf-8";
    kp_buf_add(&r->reply.body, page->data, page->len);
    return KP_OK;
}

static const char *type_of(const char *name)
{
    static const struct {
        const char *end, *type;
    } types[] = {
        { ".js", "text/javascript; charset=utf-8" },
        { ".css", "text/css; charset=utf-8" },
        { ".svg", "image/svg+xml" },
    };
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof types / sizeof types[0]; i++)
        if (strcmp(dot, types[i].end) == 0)
            return types[i].type;
    return NULL;
}

enum kp_code kp_route_console_asset(struct kp_request *r, struct kp_err *err)
{
    const struct kp_embedded *asset = find(r->name);
    const char *type = asset ? type_of(r->name) : NULL;
    if (!type)
        return kp_fail(err, KP_ENOTFOUND, "the console has no part '%.80s': load the page again", r->name);
    kp_reply_header(r, "Content-Security-Policy", policy); /* a worker has the policy of its own file */
    kp_reply_header(r, "Content-Encoding", "gzip");
    kp_reply_header(r, "Cache-Control", "public, max-age=31536000, immutable"); /* another content has another name */
    r->reply.type = type;
    kp_buf_add(&r->reply.body, asset->data, asset->len);
    return KP_OK;
}
