/* SPDX-License-Identifier: Apache-2.0 */
/* What went out to a partner, in a row that is there before the first byte. */
#include "share/private.h"

#include "net/json_memory.h"

#include "core/ban.h"

enum { LISTED = 1000 };

void share_exit_begin(struct share_exit *x, const struct share_grant *g, const char *way,
                      int64_t at)
{
    *x = (struct share_exit){ .partner = g->grant.partner,
                              .agreement = g->grant.agreement,
                              .dataset = g->process.dataset,
                              .transfer = g->process.id,
                              .way = way,
                              .at = at,
                              .signals = json_array() };
    kp_digest_begin(&x->digest);
}

void share_exit_free(struct share_exit *x)
{
    kp_free(x->listed);
    json_decref(x->signals);
}

/* ---- what has gone out ---- */
static void list_signal(struct share_exit *x, struct kp_model *m, kp_signal id)
{
    char path[KP_PATH_MAX];
    if (id < x->listed_room && x->listed[id])
        return;
    if (json_array_size(x->signals) >= LISTED ||
        !kp_grow(&x->listed, &x->listed_room, (size_t)id + 1, 1))
        return;
    x->listed[id] = 1;
    kp_model_lock(m);
    kp_model_signal_path(m, id, path, sizeof path);
    kp_model_unlock(m);
    json_array_append_new(x->signals, json_string(path));
}

void share_exit_count(struct share_exit *x, struct kp_share *s, const struct kp_batch *b)
{
    kp_signal last = 0;
    for (unsigned i = 0; i < b->n; i++) {
        const struct kp_sample *v = &b->s[i];
        x->from = x->values + i == 0 || v->at < x->from ? v->at : x->from;
        x->to = x->values + i == 0 || v->at > x->to ? v->at : x->to;
        if (v->signal != last)
            list_signal(x, s->model, v->signal);
        last = v->signal;
    }
    x->values += b->n;
}

/* ---- its row ---- */
static void bind(struct kp_stmt *s, const struct share_exit *x, const char *signals,
                 const unsigned char hash[KP_DIGEST_BYTES])
{
    bool any = x->values || x->intervals;
    kp_bind_int(s, 2, x->values);
    kp_bind_int(s, 3, x->intervals);
    kp_bind_int(s, 4, x->bytes);
    if (any) {
        kp_bind_int(s, 5, x->from);
        kp_bind_int(s, 6, x->to);
    }
    kp_bind_text(s, 7, signals);
    kp_bind_blob(s, 8, hash, KP_DIGEST_BYTES);
    kp_bind_text(s, 9, x->why);
}

static enum kp_code insert(struct kp_db *db, struct share_exit *x, struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(db,
                                      "insert into share_exit(at, partner, agreement, transfer, "
                                      "dataset, way) values(?, ?, ?, ?, ?, ?)",
                                      err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, x->at);
    kp_bind_text(s, 2, x->partner);
    kp_bind_text(s, 3, x->agreement);
    kp_bind_int(s, 4, x->transfer);
    kp_bind_text(s, 5, x->dataset);
    kp_bind_text(s, 6, x->way);
    if (!kp_run(s, err))
        x->id = kp_db_last_id(db);
    return err->code;
}

struct writing {
    struct share_exit *exit;
    const char *signals;
    int64_t now;
};

static enum kp_code update(struct kp_db *db, const struct writing *w, struct kp_err *err)
{
    unsigned char hash[KP_DIGEST_BYTES];
    struct kp_stmt *s =
        kp_db_prepare(db,
                      "update share_exit set count = ?2, intervals = ?3, bytes = ?4, from_at = ?5, "
                      "to_at = ?6, signals = ?7, hash = ?8, why = ?9, ended = ?10 where id = ?1",
                      err);
    if (!s)
        return err->code;
    kp_digest_read(&w->exit->digest, hash);
    kp_bind_int(s, 1, w->exit->id);
    bind(s, w->exit, w->signals, hash);
    if (w->exit->why)
        kp_bind_int(s, 10, w->now);
    return kp_run(s, err);
}

static enum kp_code put(struct kp_db *db, void *arg, struct kp_err *err)
{
    const struct writing *w = arg;
    return w->exit->id ? update(db, w, err) : insert(db, w->exit, err);
}

enum kp_code share_exit_put(struct kp_share *s, struct share_exit *x, struct kp_err *err)
{
    char *signals = x->signals ? kp_json_dump(x->signals, JSON_COMPACT) : NULL;
    struct writing w = { x, signals, kp_utc(s->clock) };
    int64_t before = x->id;
    if (kp_store_do(s->store, put, &w, err))
        x->id = before;
    kp_free(signals);
    return err->code;
}

static enum kp_code settle(struct kp_db *db, void *now, struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(
        db,
        "update share_exit set ended = ?, why = 'the node went down: more may have gone out than "
        "is counted' where ended is null",
        err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, *(int64_t *)now);
    return kp_run(s, err);
}

enum kp_code share_exits_settle(struct kp_share *s, struct kp_err *err)
{
    int64_t now = kp_utc(s->clock);
    return kp_store_do(s->store, settle, &now, err);
}
