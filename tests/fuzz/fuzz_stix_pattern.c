/* SPDX-License-Identifier: Apache-2.0 */
/* STIX patterns: any text is read or refused with a reason; one that is read takes observations,
 * and a hit names some it was given, each once. The list that watches many patterns finds the same. */
#include "core/text.h"
#include "net/json_memory.h"
#include "shield/stix_pattern.h"
#include "shield/watchlist.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char seen[] =
    "[{\"type\":\"observed-data\",\"id\":\"o--1\",\"first_observed\":\"2026-01-01T00:00:00Z\","
    "\"last_observed\":\"2026-01-01T00:00:01Z\",\"number_observed\":2,\"object_refs\":[\"a--1\","
    "\"a--2\"]},"
    "{\"type\":\"observed-data\",\"id\":\"o--2\",\"first_observed\":\"2026-01-01T00:00:03Z\","
    "\"last_observed\":\"2026-01-01T00:00:03Z\",\"number_observed\":1,\"object_refs\":[\"a--2\"]},"
    "{\"type\":\"a\",\"id\":\"a--1\",\"b\":1,\"c\":\"\\u00e9t\\u0065\\u0301\",\"d_hex\":\"00ff\","
    "\"e_refs\":[\"a--2\",\"a--1\"],\"f_ref\":\"a--1\"},"
    "{\"type\":\"a\",\"id\":\"a--2\",\"b\":\"10.1.2.3\",\"c\":[1,null,true,{\"g\":\"2026-01-01T00:"
    "00:00Z\"}],"
    "\"d_bin\":\"YWI=\",\"f_ref\":\"a--2\"}]";

struct run {
    struct kp_stix_pattern *pattern;
    uint64_t given;
    struct kp_watchlist *list;
    const char *text;
    size_t listed; /* observations of the list's hit */
};

static const char *text_of(void *arg, int64_t id, struct kp_arena *arena)
{
    assert(id == 1);
    return kp_arena_strdup(arena, ((struct run *)arg)->text);
}

static void met(void *arg, int64_t id, const struct kp_stix_hit *hit)
{
    assert(id == 1);
    ((struct run *)arg)->listed = hit->n;
}

static void make_list(struct run *r, size_t size)
{
    struct kp_err err = { 0 };
    r->list = kp_watchlist_new();
    kp_watchlist_begin(r->list);
    enum kp_code code = kp_watchlist_add(r->list, 1, r->text, size, INT64_MIN, INT64_MAX, &err);
    assert(!code && !kp_watchlist_end(r->list, &err));
}

static bool take(void *arg, const struct kp_stix_observation *o)
{
    struct run *r = arg;
    struct kp_err err = { 0 };
    struct kp_stix_hit hit;
    r->given |= UINT64_C(1) << o->id;
    enum kp_code code = kp_stix_pattern_take(r->pattern, o, &hit, &err);
    assert(code == err.code && (!code || (*err.text && kp_utf8_valid(err.text, strlen(err.text)))));
    for (size_t i = 0; i < hit.n; i++) {
        assert(r->given >> hit.ids[i] & 1);
        r->given &= ~(UINT64_C(1) << hit.ids[i]);
    }
    const struct kp_watchlist_user user = { r, text_of, met };
    r->listed = 0;
    err = (struct kp_err){ 0 };
    assert(!kp_watchlist_take(r->list, o, &user, &err));
    assert(r->listed == hit.n);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kp_err err = { 0 }, checked = { 0 };
    struct kp_arena arena = { 0 };
    struct kp_tree *tree;
    kp_json_memory_init();
    kp_stix_pattern_check((const char *)data, size, &checked);
    assert(!checked.code || (*checked.text && kp_utf8_valid(checked.text, strlen(checked.text))));
    struct run r = { .pattern = kp_stix_pattern_new((const char *)data, size, &err) };
    assert(!r.pattern == (err.code != KP_OK));
    if (!r.pattern)
        return 0;
    char *copy = kp_strndup((const char *)data, size);
    r.text = copy;
    make_list(&r, size);
    enum kp_code code = kp_tree_read(seen, strlen(seen), &arena, &tree, &err);
    assert(!code && !kp_stix_observations(tree, &arena, take, &r, &err));
    kp_stix_pattern_free(r.pattern);
    kp_watchlist_free(r.list);
    kp_free(copy);
    kp_arena_free(&arena);
    return 0;
}
