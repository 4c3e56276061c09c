/* SPDX-License-Identifier: Apache-2.0 */
/* What a partner shows and asks for when he pulls data; the first byte says what follows: an
 * Authorization header, claims that this node has signed, or the words behind the '?'. */
#include "net/jose.h"
#include "net/json_memory.h"
#include "share/private.h"
#include "web/routes.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static struct kp_clock_virtual now;
static struct kp_share share = { .clock = &now.clock };
static const char pid[] = "urn:uuid:1";

static void must(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    struct kp_arena arena = { 0 };
    struct kp_err err = { 0 };
    const char *key;
    (void)argc;
    (void)argv;
    kp_json_memory_init();
    now = kp_clock_virtual(INT64_C(1800000000) * KP_SECOND);
    pthread_mutex_init(&share.lock, NULL);
    must(!kp_jose_key(&arena, &key, &err));
    share.id = kp_strdup("maker");
    share.key = kp_strdup(key);
    kp_arena_free(&arena);
    return 0;
}

static void read_header(const char *text)
{
    struct kp_arena arena = { 0 };
    struct kp_err err = { 0 };
    struct kp_data_token t;
    must(kp_data_token_read(&share, pid, text, &arena, &t, &err) == KP_EDENIED && err.text[0]);
    kp_arena_free(&arena);
}

/* What must be said in a token that opens something. */
static void is_good(const char *token, const struct kp_data_token *t)
{
    static const struct kp_jose_names names = { "the token", "this node" };
    struct kp_err err = { 0 };
    json_t *c = kp_jose_peek(token, &names, &err);
    const char *use = json_string_value(json_object_get(c, "use"));
    must(use && strcmp(use, "koppel:data") == 0 && kp_jose_is_for(c, "maker"));
    must(!strcmp(t->transfer, pid) && t->agreement && t->participant);
    must(json_is_integer(json_object_get(c, "exp")) || json_is_real(json_object_get(c, "exp")));
    json_decref(c);
}

static void read_claims(const char *claims)
{
    struct kp_arena arena = { 0 };
    struct kp_err err = { 0 };
    struct kp_data_token t;
    const char *token;
    must(!kp_jose_sign(share.key, claims, &arena, &token, &err));
    if (!kp_data_token_read(&share, pid, token, &arena, &t, &err))
        is_good(token, &t);
    else
        must(err.code == KP_EDENIED && err.text[0]);
    kp_arena_free(&arena);
}

static void read_query(char *text)
{
    const struct kp_route *route = kp_dsp_routes;
    struct kp_arena arena = { 0 };
    struct kp_err err = { 0 };
    struct kp_query query;
    struct kp_arg args[KP_PARAMS_MAX] = { 0 };
    while (strcmp(route->path, "/data/{pid}") != 0)
        route++;
    if (kp_query_parse(text, &arena, &query, &err) ||
        kp_params_check(route->params, &query, kp_utc(&now.clock), args, &err))
        must(err.code && err.text[0]);
    else
        must(!args[2].given || args[2].number == 0 || args[2].number == 1);
    kp_arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    char *text = kp_strndup((const char *)data + 1, size - 1);
    if (!text)
        return 0;
    if (data[0] == 'c')
        read_claims(text);
    else if (data[0] == 'q')
        read_query(text);
    else
        read_header(text);
    kp_free(text);
    return 0;
}
