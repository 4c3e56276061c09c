/* SPDX-License-Identifier: Apache-2.0 */
/* What an agreement lets its partner have, and which signals those are now. */
#include "share/private.h"

#include "net/json_memory.h"

#include <string.h>

#include "core/ban.h"

enum { SLICE = 256 };
static const char between[] = "\n"; /* patterns: no name holds it */

static const char *join(const char *signals, struct kp_arena *arena, struct kp_err *err)
{
    struct kp_buf out;
    const json_t *one;
    size_t i;
    json_t *list = kp_json_read(signals ? signals : "[]", "signals", err);
    kp_buf_init(&out, KP_SHARE_TERMS);
    json_array_foreach(list, i, one)
        kp_buf_printf(&out, "%s%s", i ? between : "", json_string_value(one));
    const char *text = out.failed ? NULL : kp_arena_strdup(arena, kp_buf_text(&out));
    kp_buf_free(&out);
    json_decref(list);
    if (!text && !err->code)
        share_starved(err);
    return text;
}

static const char *signals_of(struct kp_db *db, const char *agreement, struct kp_arena *arena,
                              struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(db, "select signals from share_agreement where id = ?", err);
    if (!s)
        return NULL;
    kp_bind_text(s, 1, agreement);
    const char *text = kp_step(s, err) ? kp_column_copy(s, 0, arena) : NULL;
    kp_reset(s);
    return text;
}

static enum kp_code fill(struct share_grant *g, const struct share_agreement *a,
                         struct kp_arena *arena, struct kp_err *err)
{
    json_t *policy = kp_json_read(a->text, "agreement", err);
    if (policy)
        share_terms(policy, &g->grant.terms, err);
    json_decref(policy);
    if (err->code)
        return err->code;
    g->grant.agreement = a->id;
    g->grant.partner = a->partner;
    g->grant.separator = *between;
    g->grant.exclude = "";
    g->grant.include = join(g->signals, arena, err);
    return err->code;
}

enum kp_code share_grant(struct kp_share *s, const char *pid, struct kp_arena *arena,
                         struct share_grant *g, struct kp_err *err)
{
    struct share_agreement a;
    struct share_partner partner;
    *g = (struct share_grant){ 0 };
    struct kp_db *db = kp_store_reader(s->store, err);
    if (db && !share_process_by_pid(db, KP_TRANSFER, pid, arena, &g->process, err) &&
        !share_agreement(db, g->process.agreement ? g->process.agreement : "", arena, &a, err) &&
        !share_partner(db, a.partner, arena, &partner, err)) {
        g->participant = partner.id;
        g->signals = signals_of(db, a.id, arena, err);
    }
    kp_store_reader_done(s->store, db);
    if (err->code)
        return err->code;
    if (g->process.side != KP_PROVIDER || strcmp(g->process.partner, a.partner) != 0)
        return kp_fail(err, KP_ENOTFOUND, "there is no transfer of that number or id");
    return fill(g, &a, arena, err);
}

/* Recipients are named as in the protocol, or as here. */
struct kp_cursor *share_open_gate(struct kp_share *s, const struct share_grant *g,
                                  struct kp_err *err)
{
    struct kp_grant grant = g->grant;
    if (!kp_words_have(&grant.terms.recipient, grant.partner))
        grant.partner = g->participant;
    return kp_gate_open(s->gate, &grant, grant.partner, g->process.pid, err);
}

/* ---- which signals those are now ---- */
struct search {
    const struct kp_share *share;
    const json_t *patterns;
    size_t at; /* the pattern that is looked at */
    struct share_signals *out;
    size_t room;
    bool failed;
};

/* Not what an earlier pattern has found: it comes once. */
static void take_signal(void *arg, kp_signal id, const char *path)
{
    struct search *f = arg;
    if (!kp_gate_signal(f->share->model, KP_TO_PARTNER, id))
        return;
    for (size_t i = 0; i < f->at; i++)
        if (kp_pattern_match(json_string_value(json_array_get(f->patterns, i)), path))
            return;
    struct share_signals *out = f->out;
    f->failed |= !kp_grow(&out->list, &f->room, out->n + 1, sizeof *out->list);
    if (!f->failed)
        out->list[out->n++] = id;
}

enum kp_code share_signals(struct kp_share *s, const struct share_grant *g,
                           struct share_signals *out, struct kp_err *err)
{
    json_t *patterns = kp_json_read(g->signals ? g->signals : "[]", "signals", err);
    struct search f = { .share = s, .patterns = patterns, .out = out };
    *out = (struct share_signals){ 0 };
    for (; f.at < json_array_size(patterns) && !f.failed; f.at++) {
        const char *pattern = json_string_value(json_array_get(patterns, f.at));
        char after[KP_PATH_MAX] = "";
        size_t n = SLICE;
        while (n == SLICE && !f.failed) {
            kp_model_lock(s->model);
            n = kp_model_each(s->model, pattern, after, SLICE, take_signal, &f);
            kp_model_unlock(s->model);
        }
    }
    json_decref(patterns);
    return f.failed ? share_starved(err) : err->code;
}

/* Under the model's lock. */
static void put_signal(struct kp_json *j, const struct kp_model *m, kp_signal id)
{
    char path[KP_PATH_MAX];
    const struct kp_signal_info *i = kp_model_signal(m, id);
    if (!i || kp_model_signal_path(m, id, path, sizeof path) >= sizeof path)
        return;
    kp_json_begin(j, '{');
    kp_json_put_text(j, "path", path);
    kp_json_put_text(j, "name", i->name);
    kp_json_put_text(j, "type", kp_type_name(i->type));
    kp_json_put_text(j, "unit", i->unit);
    kp_json_put_text(j, "unitText", i->unit_text);
    kp_json_put_text(j, "description", i->description);
    kp_json_key(j, "enums");
    kp_json_raw(j, i->enums);
    kp_json_end(j, '}');
}

enum kp_code share_grant_holds(struct kp_share *s, const struct kp_data_token *t,
                               const struct share_grant *g, struct kp_err *err)
{
    if (strcmp(g->participant, t->participant) != 0 ||
        strcmp(g->grant.agreement, t->agreement) != 0)
        return kp_fail(err, KP_EDENIED, "the token is of another partner or agreement");
    return share_must_run(s, &g->process, err);
}

static enum kp_code may_list(struct kp_share *s, const struct kp_data_token *t,
                             const struct share_grant *g, struct kp_err *err)
{
    int64_t now = kp_utc(s->clock);
    const struct kp_terms *terms = &g->grant.terms;
    if (share_grant_holds(s, t, g, err))
        return err->code;
    return now >= terms->from && now < terms->to
               ? KP_OK
               : kp_fail(err, KP_EDENIED, "%s",
                         kp_gate_reason(now < terms->from ? KP_WHY_NOT_YET : KP_WHY_EXPIRED));
}

enum kp_code kp_data_signals(struct kp_share *s, enum kp_recipient to,
                             const struct kp_data_token *t, struct kp_json *j, struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    struct share_grant g;
    struct share_signals all = { 0 };
    if (to == KP_TO_PARTNER && !share_grant(s, t->transfer, &arena, &g, err) &&
        !may_list(s, t, &g, err) && !share_signals(s, &g, &all, err)) {
        kp_json_begin(j, '[');
        for (size_t i = 0; i < all.n; i += SLICE) {
            kp_model_lock(s->model);
            for (size_t k = i; k < all.n && k < i + SLICE; k++)
                if (kp_gate_signal(s->model, to, all.list[k]))
                    put_signal(j, s->model, all.list[k]);
            kp_model_unlock(s->model);
        }
        kp_json_end(j, ']');
    }
    kp_free(all.list);
    kp_arena_free(&arena);
    return err->code;
}
