/* SPDX-License-Identifier: Apache-2.0 */
#include "core/text.h"
#include "shield/stix_private.h"

#include <string.h>

#include "core/ban.h"

static enum kp_code read_pattern(struct kp_stix_pattern *p, const char *text, size_t len,
                                 bool check_only, struct kp_err *err)
{
    const char *copy = len <= KP_STIX_PATTERN_MAX ? kp_arena_copy(&p->arena, text, len) : text;
    if (!copy)
        return kp_fail(err, KP_ENOMEM, "out of memory reading the pattern");
    if (memchr(text, 0, len) || !kp_utf8_valid(text, len))
        return kp_fail(err, KP_EPARSE, "the pattern is not UTF-8");
    return stix_parse(p, copy, len, check_only, err);
}

enum kp_code kp_stix_pattern_check(const char *text, size_t len, struct kp_err *err)
{
    struct kp_stix_pattern *p = kp_alloc(sizeof *p);
    if (!p)
        return kp_fail(err, KP_ENOMEM, "out of memory reading the pattern");
    if (!read_pattern(p, text, len, true, err))
        stix_plan(p, err);
    kp_stix_pattern_free(p);
    return err->code;
}

struct kp_stix_pattern *kp_stix_pattern_new(const char *text, size_t len, struct kp_err *err)
{
    struct kp_stix_pattern *p = kp_alloc(sizeof *p);
    if (!p)
        kp_fail(err, KP_ENOMEM, "out of memory reading the pattern");
    else if (!read_pattern(p, text, len, false, err) && !stix_plan(p, err))
        return p;
    kp_stix_pattern_free(p);
    return NULL;
}

void kp_stix_pattern_forget(struct kp_stix_pattern *p)
{
    stix_keeping_free(p->keeping);
    p->keeping = NULL;
}

void kp_stix_pattern_free(struct kp_stix_pattern *p)
{
    if (!p)
        return;
    kp_stix_pattern_forget(p);
    stix_regex_free(p->regex);
    kp_arena_free(&p->arena);
    kp_free(p);
}

void kp_stix_pattern_hold(struct kp_stix_pattern *p, size_t most)
{
    p->hold = most < KP_STIX_HELD_MAX ? most : KP_STIX_HELD_MAX;
}

enum kp_code kp_stix_pattern_take(struct kp_stix_pattern *p, const struct kp_stix_observation *o,
                                  struct kp_stix_hit *hit, struct kp_err *err)
{
    struct stix_seeing s = { .seen = o, .err = err };
    uint64_t leaves = 0;
    *hit = (struct kp_stix_hit){ 0 };
    kp_buf_init(&s.bytes, SIZE_MAX / 2);
    kp_buf_init(&s.text, SIZE_MAX / 2);
    for (size_t i = 0; i < p->leaves && !err->code; i++) {
        const struct stix_leaf *l = &p->leaf[i];
        if (o->first < l->stop && o->last >= l->start && stix_sees(&s, l->expr))
            leaves |= UINT64_C(1) << i;
    }
    kp_buf_free(&s.bytes);
    kp_buf_free(&s.text);
    return err->code || !leaves ? err->code : stix_keep(p, o, leaves, hit, err);
}
