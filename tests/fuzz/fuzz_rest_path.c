/* SPDX-License-Identifier: Apache-2.0 */
/* The router: "METHOD TARGET\nHOST\nCOOKIE" as it comes from the wire, down to checked parameters. */
#include "web/routes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *cut(char *text, char at)
{
    char *p = strchr(text, at);
    if (p)
        *p++ = 0;
    return p ? p : text + strlen(text);
}

/* What must hold for every request that passed, and for every one that did not. */
static void check(const struct kp_request *r, bool passed)
{
    if (passed != (r->reply.status == 200) || (passed && !r->route) || (!passed && !r->reply.body.len))
        abort();
    for (size_t i = 0; passed && r->route->params && r->route->params[i].name; i++) {
        const struct kp_param *p = &r->route->params[i];
        if (p->required && !r->args[i].text)
            abort();
        if (p->type == KP_PARAM_INT && r->args[i].given && (r->args[i].number < p->min || r->args[i].number > p->max))
            abort();
        if (r->args[i].text && !kp_utf8_valid(r->args[i].text, strlen(r->args[i].text)))
            abort();
    }
    if (passed && r->name && !*r->name)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    long live = kp_mem_live();
    char *text = kp_strndup((const char *)data, size), id[KP_SESSION_TEXT];
    struct kp_request r;
    if (!text)
        return 0;
    char *target = cut(text, ' '), *host = cut(target, '\n'), *cookie = cut(host, '\n');
    kp_host_is_loopback(host);
    kp_cookie_find(cookie, 8420, size & 1, id);
    kp_request_init(&r, NULL);
    r.client.local = true;
    bool passed = kp_request_begin(&r, text, target);
    check(&r, passed);
    kp_request_free(&r);
    kp_free(text);
    if (kp_mem_live() != live)
        abort();
    return 0;
}
