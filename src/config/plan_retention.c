/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of retention: those of the file come first, in its order; others stay behind them unless pruned. */
#include "config/plan.h"

#include "core/text.h"
#include "store/retention.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { WORDS = 3, WORD = 40 };
static const char *const words[WORDS] = { "points", "rollups", "size" };

static int64_t *amount_of(struct kp_retention_rule *rule, int word)
{
    return word == 0 ? &rule->raw : word == 1 ? &rule->rollups : &rule->bytes;
}

/* As the file writes it; "" is without bound. */
static const char *amount_text(const struct kp_retention_rule *rule, int word, char out[WORD])
{
    int64_t amount = *amount_of((struct kp_retention_rule *)(uintptr_t)rule, word);
    out[0] = 0;
    if (amount && word == 2)
        kp_size_exact(amount, out, WORD);
    else if (amount)
        kp_duration_exact(amount, out, WORD);
    return out;
}

/* The texts were checked when they were read. */
static struct kp_retention_rule rule_of(const struct kp_config_entry *e)
{
    struct kp_retention_rule rule = { .pattern = e->name };
    for (size_t i = 0; i < e->n; i++)
        for (int k = 0; k < WORDS; k++)
            if (strcmp(e->fields[i].f.key, words[k]) == 0 && *e->fields[i].f.value) {
                int64_t *to = amount_of(&rule, k);
                if (k == 2 ? !kp_size_parse(e->fields[i].f.value, to) : !kp_duration_parse(e->fields[i].f.value, to))
                    *to = 0;
            }
    return rule;
}

static size_t find(const struct kp_retention *r, const char *pattern)
{
    size_t i = 0;
    while (i < r->n && strcmp(r->rules[i].pattern, pattern) != 0)
        i++;
    return i;
}

static enum kp_code read_both(struct kp_plan *p, struct kp_retention *now, struct kp_retention *wanted)
{
    const struct kp_config_list *list = &p->config->list[KP_CONFIG_RETENTION];
    struct kp_store *store = kp_node_store(p->node);
    struct kp_db *db = kp_store_reader(store, p->err);
    if (!db)
        return p->err->code;
    kp_retention_read(db, &p->arena, now, p->err);
    kp_store_reader_done(store, db);
    if (p->err->code)
        return p->err->code;
    *wanted = *now;
    wanted->n = 0;
    wanted->rules = kp_arena_alloc(&p->arena, (list->n + now->n + 1) * sizeof *wanted->rules);
    if (!wanted->rules)
        return kp_plan_no_memory(p);
    for (size_t i = 0; i < list->n; i++)
        wanted->rules[wanted->n++] = rule_of(&list->entries[i]);
    for (size_t i = 0; i < now->n && !p->prune; i++)
        if (find(wanted, now->rules[i].pattern) == wanted->n)
            wanted->rules[wanted->n++] = now->rules[i];
    return kp_retention_check(wanted, p->err) ? kp_context(p->err, "%.100s: retention", p->config->file) : KP_OK;
}

static enum kp_code run_retention(struct kp_plan *p, const struct kp_plan_step *s, struct kp_err *err)
{
    struct kp_retention now, wanted;
    (void)s;
    if (read_both(p, &now, &wanted))
        return kp_fail(err, p->err->code, "%s", p->err->text);
    return kp_retention_put(kp_node_store(p->node), &wanted, err);
}

static enum kp_code plan_rule(struct kp_plan *p, const struct kp_retention *now, const struct kp_retention *wanted, size_t i)
{
    const struct kp_retention_rule *new = &wanted->rules[i];
    size_t at = find(now, new->pattern);
    struct kp_retention_rule none = { .pattern = new->pattern };
    const struct kp_retention_rule *old = at < now->n ? &now->rules[at] : &none;
    struct kp_plan_step *s = at == now->n ? kp_plan_add(p, "add", "retention", new->pattern) : NULL;
    for (int k = 0; k < WORDS && !p->err->code; k++) {
        char was[WORD], is[WORD];
        if (strcmp(amount_text(old, k, was), amount_text(new, k, is)) == 0)
            continue;
        if (!s && !(s = kp_plan_add(p, "change", "retention", new->pattern)))
            break;
        kp_plan_field(p, s, words[k], was, is, false);
    }
    if (!s && at != i && !p->err->code && (s = kp_plan_add(p, "change", "retention", new->pattern))) {
        char was[WORD], is[WORD];
        snprintf(was, sizeof was, "%zu", at + 1);
        snprintf(is, sizeof is, "%zu", i + 1);
        kp_plan_field(p, s, "place", was, is, false);
    }
    return p->err->code;
}

/* All of them are one change, made with the first step. */
enum kp_code kp_plan_retention(struct kp_plan *p)
{
    struct kp_retention now, wanted;
    size_t first = p->n;
    if (!p->config->list[KP_CONFIG_RETENTION].present || read_both(p, &now, &wanted))
        return p->err->code;
    for (size_t i = 0; i < wanted.n && !p->err->code; i++)
        plan_rule(p, &now, &wanted, i);
    for (size_t i = 0; i < now.n && !p->err->code; i++)
        if (find(&wanted, now.rules[i].pattern) == wanted.n)
            kp_plan_add(p, "remove", "retention", now.rules[i].pattern);
    if (p->n > first && !p->err->code)
        p->steps[first].run = run_retention;
    return p->err->code;
}
