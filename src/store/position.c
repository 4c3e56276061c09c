/* SPDX-License-Identifier: Apache-2.0 */
#include "store/position.h"

#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

enum { ROWS_AT_ONCE = 64 }; /* of one stripe in one reading */
#define AWAY_MAX (7 * 24 * 3600 * KP_SECOND)

/* ---- what there is ---- */

/* A sequence from a statement about one range of ids; the default when it gives null. */
static enum kp_code stripe_number(struct kp_db *db, const char *sql, unsigned stripe, uint64_t *best, struct kp_err *err)
{
    struct kp_stmt *get = kp_db_prepare(db, sql, err);
    if (!get)
        return err->code;
    kp_bind_int(get, 1, kp_journal_id(stripe, 0));
    kp_bind_int(get, 2, kp_journal_id(stripe, KP_JOURNAL_SEQ));
    if (kp_step(get, err) && !kp_column_null(get, 0)) {
        uint64_t seq = (uint64_t)kp_column_int(get, 0) & KP_JOURNAL_SEQ;
        *best = seq > *best ? seq : *best;
    }
    kp_reset(get);
    return err->code;
}

static enum kp_code newest_row(struct kp_db *db, uint64_t *newest, struct kp_err *err)
{
    for (unsigned i = 0; i < KP_STRIPES; i++)
        if (stripe_number(db, "select max(id) from journal where id between ? and ?", i, newest, err))
            return err->code;
    if (stripe_number(db, "select max(id) from journal where id between ? and ?", KP_STRIPE_YOUNG, newest, err))
        return err->code;
    int64_t sealed = 0; /* there may be no row left */
    enum kp_code code = kp_db_number(db, "select max(seq) from snapshot", 0, &sealed, err);
    if ((uint64_t)sealed > *newest)
        *newest = (uint64_t)sealed;
    return code;
}

enum kp_code kp_position_get(struct kp_db *db, const char *name, uint64_t *position, struct kp_err *err)
{
    struct kp_err failure = { 0 };
    struct kp_stmt *get = kp_db_prepare(db, "select position from consumer where name = ?", &failure);
    bool known = false;
    if (get) {
        kp_bind_text(get, 1, name);
        known = kp_step(get, &failure);
        if (known)
            *position = (uint64_t)kp_column_int(get, 0);
        kp_reset(get);
    }
    if (failure.code)
        return kp_fail(err, failure.code, "%s", failure.text);
    return known ? KP_OK : kp_fail(err, KP_ENOTFOUND, "there is no consumer '%s'", name);
}

enum kp_code kp_position_now(struct kp_db *db, struct kp_position *p, struct kp_err *err)
{
    struct kp_err failure = { 0 };
    *p = (struct kp_position){ .last = KP_NO_TIME };
    kp_db_read_begin(db, &failure);
    if (!failure.code && !newest_row(db, &p->newest, &failure)) {
        struct kp_err none = { 0 };
        if (kp_position_get(db, "", &p->oldest, &none) && none.code != KP_ENOTFOUND)
            failure = none;
    }
    kp_db_read_end(db);
    return failure.code ? kp_fail(err, failure.code, "%s", failure.text) : KP_OK;
}

/* ---- reading commits ---- */

struct commit_row {
    uint64_t seq;
    int64_t id;
};

static int by_commit(const void *a, const void *b)
{
    const struct commit_row *x = a, *y = b;
    if (x->seq != y->seq)
        return x->seq < y->seq ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

struct window {
    struct kp_db *db;
    struct commit_row *rows;
    size_t n, room;
    uint64_t whole; /* all rows of commits up to this one are in the window */
};

/* The next rows of one range; when there are more of them the window ends where they do. */
static enum kp_code gather(struct window *w, unsigned stripe, uint64_t after, struct kp_err *err)
{
    struct kp_stmt *get =
        kp_db_prepare(w->db, "select id from journal where id > ? and id <= ? order by id limit ?", err);
    if (!get)
        return err->code;
    uint64_t last = 0;
    int n = 0;
    kp_bind_int(get, 1, kp_journal_id(stripe, after));
    kp_bind_int(get, 2, kp_journal_id(stripe, KP_JOURNAL_SEQ));
    kp_bind_int(get, 3, ROWS_AT_ONCE);
    while (!err->code && kp_step(get, err)) {
        if (!kp_grow(&w->rows, &w->room, w->n + 1, sizeof *w->rows)) {
            kp_fail(err, KP_ENOMEM, "out of memory reading the journal");
            break;
        }
        int64_t id = kp_column_int(get, 0);
        last = (uint64_t)id & KP_JOURNAL_SEQ;
        w->rows[w->n++] = (struct commit_row){ last, id };
        n++;
    }
    kp_reset(get);
    if (n == ROWS_AT_ONCE && last < w->whole)
        w->whole = last;
    return err->code;
}

struct handing {
    bool (*each)(void *, const struct kp_sample *, int64_t, bool);
    void *arg;
    size_t points;
    bool stopped;
};

static void hand_out(struct handing *h, struct kp_row_reader *row, struct kp_err *err)
{
    const uint8_t *block;
    size_t size;
    while (!h->stopped && !err->code && kp_row_next(row, &block, &size)) {
        struct kp_block_reader points = { 0 };
        struct kp_sample p;
        kp_block_open(&points, row->signal, row->base, block, size);
        while (!h->stopped && kp_block_next(&points, &p, err)) {
            h->points++;
            h->stopped = !h->each(h->arg, &p, row->base, row->historic);
        }
    }
}

/* A row that cannot be read is left out and told: it must not hold up a consumer for ever. */
static enum kp_code hand_out_row(struct window *w, int64_t id, struct handing *h, struct kp_err *err)
{
    struct kp_stmt *get = kp_db_prepare(w->db, "select data from journal where id = ?", err);
    if (!get)
        return err->code;
    kp_bind_int(get, 1, id);
    if (kp_step(get, err)) {
        size_t len;
        const void *data = kp_column_blob(get, 0, &len);
        struct kp_row_reader row;
        struct kp_err damage = { 0 };
        if (!kp_row_open(&row, data, len, &damage))
            hand_out(h, &row, &damage);
        if (damage.code)
            kp_error("store", "a damaged journal row was left out for a consumer; run koppel check", "id=%lld why=%s",
                     (long long)id, kp_log_quote(damage.text));
    }
    kp_reset(get);
    return err->code;
}

static enum kp_code hand_out_all(struct window *w, size_t most, uint64_t *upto, struct handing *h, struct kp_err *err)
{
    for (size_t i = 0; i < w->n && w->rows[i].seq <= w->whole; i++) {
        if (hand_out_row(w, w->rows[i].id, h, err) || h->stopped)
            return err->code;
        bool last = i + 1 == w->n || w->rows[i + 1].seq != w->rows[i].seq;
        if (last)
            *upto = w->rows[i].seq;
        if (last && h->points >= most)
            return KP_OK;
    }
    return KP_OK;
}

static enum kp_code refuse_missing(struct kp_db *db, uint64_t after, struct kp_err *err)
{
    struct kp_position now;
    if (kp_position_now(db, &now, err))
        return err->code;
    if (after > now.newest)
        return kp_fail(err, KP_EINVALID, "position %llu is not one of this file: its newest is %llu",
                       (unsigned long long)after, (unsigned long long)now.newest);
    if (after < now.oldest)
        return kp_fail(err, KP_EREFUSED,
                       "commits after position %llu are not kept any more, all after %llu are: read the history of "
                       "the time you missed, then go on from there",
                       (unsigned long long)after, (unsigned long long)now.oldest);
    return KP_OK;
}

enum kp_code kp_position_read(struct kp_db *db, uint64_t after, size_t most, uint64_t *upto,
                              bool (*each)(void *, const struct kp_sample *, int64_t committed, bool historic),
                              void *arg, struct kp_err *err)
{
    struct kp_err failure = { 0 };
    struct window w = { .db = db, .whole = KP_JOURNAL_SEQ };
    struct handing h = { .each = each, .arg = arg };
    *upto = after;
    kp_db_read_begin(db, &failure);
    if (!failure.code)
        refuse_missing(db, after, &failure);
    for (unsigned i = 0; i < KP_STRIPES && !failure.code; i++)
        if (!gather(&w, i, after, &failure))
            gather(&w, i + KP_STRIPE_KEPT, after, &failure);
    if (!failure.code)
        gather(&w, KP_STRIPE_YOUNG, after, &failure);
    if (!failure.code && w.n) {
        qsort(w.rows, w.n, sizeof *w.rows, by_commit);
        hand_out_all(&w, most, upto, &h, &failure);
    }
    kp_db_read_end(db);
    kp_free(w.rows);
    return failure.code ? kp_fail(err, failure.code, "%s", failure.text) : KP_OK;
}

/* ---- consumers ---- */

struct put {
    const char *name;
    uint64_t position;
    int64_t now;
};

static enum kp_code put(struct kp_db *db, void *arg, struct kp_err *err)
{
    const struct put *p = arg;
    struct kp_position now;
    struct kp_stmt *count = kp_db_prepare(db, "select count(*) from consumer where name not in ('', ?)", err);
    if (!count || kp_position_now(db, &now, err))
        return err->code;
    kp_bind_text(count, 1, p->name);
    int64_t others = kp_step(count, err) ? kp_column_int(count, 0) : 0;
    kp_reset(count);
    if (p->position > now.newest)
        return kp_fail(err, KP_EINVALID, "position %llu is not one of this file: its newest is %llu",
                       (unsigned long long)p->position, (unsigned long long)now.newest);
    if (others >= KP_CONSUMERS_MAX)
        return kp_fail(err, KP_EFULL, "there are %d consumers already; remove one that is not used", KP_CONSUMERS_MAX);
    struct kp_stmt *set =
        kp_db_prepare(db, "insert or replace into consumer(name, position, updated) values(?, ?, ?)", err);
    if (!set)
        return err->code;
    kp_bind_text(set, 1, p->name);
    kp_bind_int(set, 2, (int64_t)p->position);
    kp_bind_int(set, 3, p->now);
    return kp_run(set, err);
}

enum kp_code kp_position_put(struct kp_store *s, const char *name, uint64_t position, struct kp_err *err)
{
    struct put p = { name, position, kp_utc(s->clock) };
    if (!*name || strlen(name) >= KP_CONSUMER_NAME)
        return kp_fail(err, KP_EINVALID, "a consumer's name has 1 to %d bytes", KP_CONSUMER_NAME - 1);
    return kp_store_do(s, put, &p, err);
}

static enum kp_code delete_consumer(struct kp_db *db, void *arg, struct kp_err *err)
{
    struct kp_stmt *del = kp_db_prepare(db, "delete from consumer where name = ?", err);
    if (!del)
        return err->code;
    kp_bind_text(del, 1, arg);
    if (kp_run(del, err))
        return err->code;
    return kp_db_changes(db) ? KP_OK : kp_fail(err, KP_ENOTFOUND, "there is no consumer '%s'", (const char *)arg);
}

enum kp_code kp_position_remove(struct kp_store *s, const char *name, struct kp_err *err)
{
    if (!*name)
        return kp_fail(err, KP_ENOTFOUND, "there is no consumer ''");
    char text[KP_CONSUMER_NAME];
    size_t n = strlen(name);
    if (n >= sizeof text)
        return kp_fail(err, KP_ENOTFOUND, "there is no consumer '%.63s...'", name);
    memcpy(text, name, n + 1);
    return kp_store_do(s, delete_consumer, text, err);
}

enum kp_code kp_position_list(struct kp_db *db, bool (*each)(void *, const char *, uint64_t, int64_t), void *arg,
                              struct kp_err *err)
{
    struct kp_err failure = { 0 };
    struct kp_stmt *get =
        kp_db_prepare(db, "select name, position, updated from consumer where name <> '' order by name", &failure);
    bool more = get;
    while (more && kp_step(get, &failure))
        more = each(arg, kp_column_text(get, 0), (uint64_t)kp_column_int(get, 1), kp_column_int(get, 2));
    if (get)
        kp_reset(get);
    return failure.code ? kp_fail(err, failure.code, "%s", failure.text) : KP_OK;
}

/* ---- what is kept for them ---- */

void kp_position_hold(struct kp_store *s, struct kp_hold *hold)
{
    pthread_mutex_lock(&s->mutex);
    hold->next = s->holds;
    s->holds = hold;
    pthread_mutex_unlock(&s->mutex);
}

void kp_position_move(struct kp_store *s, struct kp_hold *hold, uint64_t position)
{
    pthread_mutex_lock(&s->mutex);
    hold->position = position;
    pthread_mutex_unlock(&s->mutex);
}

void kp_position_release(struct kp_store *s, struct kp_hold *hold)
{
    pthread_mutex_lock(&s->mutex);
    struct kp_hold **at = &s->holds;
    while (*at != hold)
        at = &(*at)->next;
    *at = hold->next;
    pthread_mutex_unlock(&s->mutex);
}

static uint64_t least_held(struct kp_store *s, uint64_t least)
{
    pthread_mutex_lock(&s->mutex);
    for (const struct kp_hold *h = s->holds; h; h = h->next)
        least = h->position < least ? h->position : least;
    pthread_mutex_unlock(&s->mutex);
    return least;
}

enum kp_code kp_position_least(struct kp_store *s, uint64_t *least, struct kp_err *err)
{
    int64_t n = 0;
    enum kp_code code = kp_db_number(s->db, "select min(position) from consumer where name <> ''",
                                     (int64_t)KP_JOURNAL_SEQ, &n, err);
    *least = least_held(s, (uint64_t)n);
    return code;
}

enum kp_code kp_position_forget(struct kp_db *db, uint64_t upto, struct kp_err *err)
{
    struct kp_stmt *put_oldest =
        kp_db_prepare(db,
                      "insert into consumer(name, position, updated) values('', ?1, 0) "
                      "on conflict(name) do update set position = max(position, ?1)",
                      err);
    if (!put_oldest)
        return err->code;
    kp_bind_int(put_oldest, 1, (int64_t)upto);
    return kp_run(put_oldest, err);
}

struct trim {
    struct kp_store *store;
    int64_t now;
    bool more;
};

/* Whom nobody has heard of for a week does not keep anything any more, though it is still known. */
static enum kp_code let_go(struct kp_db *db, const struct trim *t, uint64_t *least, struct kp_err *err)
{
    struct kp_stmt *get =
        kp_db_prepare(db, "select min(position) from consumer where name <> '' and updated >= ?", err);
    if (!get)
        return err->code;
    *least = KP_JOURNAL_SEQ;
    kp_bind_int(get, 1, t->now - AWAY_MAX);
    if (kp_step(get, err) && !kp_column_null(get, 0))
        *least = (uint64_t)kp_column_int(get, 0);
    kp_reset(get);
    *least = least_held(t->store, *least);
    return err->code;
}

/* The oldest kept rows of one stripe, up to the commit all have read; or, when they are too many, all of a slice. */
static enum kp_code trim_stripe(struct kp_db *db, struct trim *t, unsigned stripe, uint64_t upto, struct kp_err *err)
{
    struct kp_stmt *del = kp_db_prepare(db,
                                        "delete from journal where id in (select id from journal where id between ? "
                                        "and ? order by id limit 100)",
                                        err);
    if (!del)
        return err->code;
    kp_bind_int(del, 1, kp_journal_id(stripe + KP_STRIPE_KEPT, 0));
    kp_bind_int(del, 2, kp_journal_id(stripe + KP_STRIPE_KEPT, upto));
    if (kp_run(del, err))
        return err->code;
    t->more |= kp_db_changes(db) == 100;
    return KP_OK;
}

static enum kp_code trim(struct kp_db *db, void *arg, struct kp_err *err)
{
    enum { CROWD = 1000 }; /* commits that go at a time when there are too many */
    struct trim *t = arg;
    uint64_t least = 0;
    struct kp_stmt *get = kp_db_prepare(db,
                                        "select sum(length(data)), min(id & ?2), max(id & ?2) from journal where id between ?1 and ?3",
                                        err);
    if (!get)
        return err->code;
    kp_bind_int(get, 1, kp_journal_id(KP_STRIPE_KEPT, 0));
    kp_bind_int(get, 2, KP_JOURNAL_SEQ);
    kp_bind_int(get, 3, kp_journal_id(KP_STRIPE_KEPT + KP_STRIPES - 1, KP_JOURNAL_SEQ));
    bool any = kp_step(get, err) && !kp_column_null(get, 0);
    uint64_t bytes = any ? (uint64_t)kp_column_int(get, 0) : 0, oldest = any ? (uint64_t)kp_column_int(get, 1) : 0;
    uint64_t newest = any ? (uint64_t)kp_column_int(get, 2) : 0;
    kp_reset(get);
    if (!any || let_go(db, t, &least, err))
        return err->code;
    bool crowded = bytes > t->store->options.journal_bytes;
    if (crowded && least < oldest + CROWD)
        least = oldest + CROWD;
    if (least > newest)
        least = newest;
    if (least < oldest)
        return KP_OK;
    for (unsigned i = 0; i < KP_STRIPES; i++)
        if (trim_stripe(db, t, i, least, err))
            return err->code;
    t->more |= crowded;
    return kp_position_forget(db, least, err);
}

bool kp_position_turn(struct kp_store *s, struct kp_err *err)
{
    struct trim t = { .store = s, .now = kp_utc(s->clock) };
    return kp_store_do(s, trim, &t, err) == KP_OK && t.more;
}
