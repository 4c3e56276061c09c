/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_TESTS_WEB_KIT_H
#define KOPPEL_TESTS_WEB_KIT_H
/* A node in a scratch folder, opened but not running, and requests made by hand: no socket, no thread. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "store/secret.h"
#include "web/body.h"
#include "web/routes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KIT __attribute__((unused)) static

struct web_kit {
    char dir[64], node_dir[80], token[KP_TOKEN_TEXT];
    struct kp_node *node;
    struct kp_sessions *sessions;
    struct kp_guard *guard;
};

struct web_ask {
    struct kp_request r;
    char target[2048];
};

static const struct kp_client web_kit_local = { .local = true };

KIT struct kp_client web_kit_tcp(const struct web_kit *k, char header[KP_TOKEN_TEXT + 8])
{
    snprintf(header, KP_TOKEN_TEXT + 8, "Bearer %s", k->token);
    return (struct kp_client){ .host = "127.0.0.1:8420", .authorization = header };
}

KIT bool web_kit_begin(struct web_kit *k, struct web_ask *a, struct kp_client client, const char *method, const char *target)
{
    kp_request_init(&a->r, k->node);
    a->r.sessions = k->sessions;
    a->r.guard = k->guard;
    a->r.port = 8420;
    a->r.client = client;
    snprintf(a->target, sizeof a->target, "%s", target);
    return kp_request_begin(&a->r, method, a->target);
}

/* The whole of a request over the Unix socket. Free with kp_request_free. */
KIT int web_kit_ask(struct web_kit *k, struct web_ask *a, const char *method, const char *target, const char *body)
{
    if (web_kit_begin(k, a, web_kit_local, method, target)) {
        a->r.body = body;
        a->r.body_len = body ? strlen(body) : 0;
        kp_request_serve(&a->r);
    }
    return a->r.reply.status;
}

KIT const char *web_kit_text(struct web_ask *a)
{
    return kp_buf_text(&a->r.reply.body);
}

KIT int web_kit_setup(void **state)
{
    static struct web_kit k;
    struct kp_err err = { 0 };
    kp_body_init();
    snprintf(k.dir, sizeof k.dir, "/tmp/koppel-web-XXXXXX");
    assert_non_null(mkdtemp(k.dir));
    snprintf(k.node_dir, sizeof k.node_dir, "%s/node", k.dir);
    struct kp_first first = { 0 };
    kp_node_create(k.node_dir, "test", &first, &err);
    assert_string_equal(err.text, "");
    memcpy(k.token, first.token, sizeof k.token);
    k.node = kp_node_open(k.node_dir, &(struct kp_node_options){ 0 }, &err);
    assert_string_equal(err.text, "");
    k.sessions = kp_sessions_new(kp_hub_clock(kp_node_hub(k.node)));
    k.guard = kp_guard_new(kp_hub_clock(kp_node_hub(k.node)), kp_node_store(k.node));
    assert_true(k.sessions && k.guard);
    *state = &k;
    return 0;
}

KIT int web_kit_teardown(void **state)
{
    struct web_kit *k = *state;
    char command[120];
    kp_guard_free(k->guard);
    kp_sessions_free(k->sessions);
    kp_node_free(k->node);
    snprintf(command, sizeof command, "rm -rf '%s'", k->dir);
    return system(command); /* NOLINT(cert-env33-c): our own scratch folder */
}
#endif
