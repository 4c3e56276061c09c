/* SPDX-License-Identifier: Apache-2.0 */
#include "store/quarantine.h"

#include "store/engine.h"

#include <string.h>

#include "core/ban.h"

enum { VALUE_TEXT = 160, ROW_MAX = 256 << 20 };

/* ---- how many there are ---- */

static void publish(struct kp_store *s)
{
    pthread_mutex_lock(&s->mutex);
    s->stats.held = (uint64_t)s->held.rows;
    s->stats.held_dropped += s->held.dropped;
    pthread_mutex_unlock(&s->mutex);
    s->held.dropped = 0;
}

enum kp_code kp_held_count(struct kp_store *s, struct kp_err *err)
{
    struct kp_holding *h = &s->held;
    struct kp_stmt *get = kp_db_prepare(
        s->db, "select count(*), coalesce(sum(length(data)), 0), coalesce(max(id), 0) + 1 from quarantine", err);
    if (!get)
        return err->code;
    if (kp_step(get, err)) {
        int64_t next = kp_column_int(get, 2);
        h->rows = kp_column_int(get, 0);
        h->bytes = kp_column_int(get, 1);
        h->next = next > h->next ? next : h->next; /* a number is not used again for another one */
        h->counted = true;
    }
    kp_reset(get);
    publish(s);
    return err->code;
}

/* ---- on their way to the file (store thread) ---- */

void kp_held_take(struct kp_store *s, struct kp_batch *b)
{
    struct kp_holding *h = &s->held;
    if (!h->n)
        h->since = kp_mono(s->clock);
    h->n += b->n;
    atomic_fetch_add(&s->taken, b->msg.cost);
    kp_msgs_add(&h->batches, &b->msg);
}

static const char *reason(const struct kp_batch *b, const struct kp_sample *s)
{
    if (!kp_time_usable(s->at))
        return "outside";
    if (b->historic)
        return "backfill";
    return s->at > b->arrived ? "ahead" : "behind";
}

/* One sample as a row of the journal: bit for bit, with a checksum, and read by what reads those. */
static enum kp_code encode(struct kp_store *s, const struct kp_batch *b, const struct kp_sample *sample, struct kp_err *err)
{
    static const uint32_t end = UINT32_MAX;
    kp_row_begin(&s->writer, b->arrived);
    s->writer.historic = b->historic;
    kp_row_add(&s->writer, sample, &end, 0);
    s->row.len = 0;
    s->row.failed = false;
    return kp_row_end(&s->writer, &s->row, err);
}

static enum kp_code insert(struct kp_store *s, const struct kp_batch *b, const struct kp_sample *sample, int64_t id,
                           struct kp_err *err)
{
    char value[VALUE_TEXT];
    if (encode(s, b, sample, err))
        return err->code;
    struct kp_stmt *put = kp_db_prepare(s->db,
                                        "insert into quarantine(id, signal, coupling, at, arrived, type, status, value, "
                                        "reason, data) values(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                                        err);
    if (!put)
        return err->code;
    kp_value_print(&sample->value, value, sizeof value);
    kp_bind_int(put, 1, id);
    kp_bind_int(put, 2, sample->signal);
    kp_bind_int(put, 3, b->coupling);
    kp_bind_int(put, 4, sample->at);
    kp_bind_int(put, 5, b->arrived);
    kp_bind_text(put, 6, kp_type_name(sample->value.type));
    kp_bind_int(put, 7, sample->status);
    kp_bind_text(put, 8, sample->value.type == KP_NULL ? NULL : value);
    kp_bind_text(put, 9, reason(b, sample));
    kp_bind_blob(put, 10, s->row.data, s->row.len);
    s->held.rows++;
    s->held.bytes += (int64_t)s->row.len;
    return kp_run(put, err);
}

static enum kp_code drop_oldest(struct kp_store *s, struct kp_err *err)
{
    struct kp_holding *h = &s->held;
    struct kp_stmt *get = kp_db_prepare(s->db, "select id, length(data) from quarantine order by id limit 1", err);
    struct kp_stmt *del = get ? kp_db_prepare(s->db, "delete from quarantine where id = ?", err) : NULL;
    if (!del || !kp_step(get, err))
        return err->code;
    kp_bind_int(del, 1, kp_column_int(get, 0));
    h->rows--;
    h->bytes -= kp_column_int(get, 1);
    h->dropped++;
    kp_reset(get);
    return kp_run(del, err);
}

enum kp_code kp_held_write(struct kp_store *s, struct kp_err *err)
{
    struct kp_holding *h = &s->held;
    if (!h->n)
        return KP_OK;
    h->dropped = 0;
    h->writing = 0;
    if (!h->counted && kp_held_count(s, err))
        return err->code;
    h->counted = false; /* until it is committed */
    int64_t id = h->next;
    for (const struct kp_msg *m = h->batches.first; m; m = m->next, h->writing++) {
        const struct kp_batch *b = (const struct kp_batch *)m;
        for (unsigned i = 0; i < b->n; i++)
            if (insert(s, b, &b->s[i], id++, err))
                return err->code;
    }
    enum kp_code code = KP_OK;
    while (!code && h->rows > 1 && (h->rows > s->options.quarantine_rows || h->bytes > s->options.quarantine_bytes))
        code = drop_oldest(s, err);
    return code;
}

static void tell(struct kp_store *s, bool full)
{
    kp_store_condition(s, "store-quarantine",
                       full ? "the quarantine is full, and the oldest samples with a time that cannot be right are dropped; "
                              "look at them, release or drop them: koppel quarantine"
                            : NULL);
}

/* Others may have come since, while nobody knew how the commit had ended. */
void kp_held_written(struct kp_store *s)
{
    struct kp_holding *h = &s->held;
    if (!h->writing)
        return;
    if (h->dropped)
        tell(s, true);
    publish(s);
    h->counted = true;
    for (; h->writing; h->writing--) {
        struct kp_batch *b = (struct kp_batch *)kp_msgs_pop(&h->batches);
        h->next += b->n;
        h->n -= b->n;
        s->committed += b->n;
        atomic_fetch_sub(&s->taken, b->msg.cost);
        kp_batch_free(b);
    }
    h->since = kp_mono(s->clock);
}

bool kp_held_is_written(struct kp_store *s)
{
    int64_t newest = 0;
    return s->held.writing && !kp_db_number(s->db, "select max(id) from quarantine", 0, &newest, NULL) &&
           newest >= s->held.next;
}

void kp_held_free(struct kp_store *s)
{
    for (struct kp_msg *m; (m = kp_msgs_pop(&s->held.batches));)
        kp_batch_free((struct kp_batch *)m);
}

/* ---- reading ---- */

#define WHERE                                                                                                     \
    " where (?1 = 0 or coupling = ?1) and (?2 = 0 or signal = ?2) and arrived >= ?3 and id > ?4"
/* With a signal, by its index. */
#define WHERE_SIGNAL " where (?1 = 0 or coupling = ?1) and signal = ?2 and arrived >= ?3 and id > ?4"

static struct kp_stmt *prepare(struct kp_db *db, const struct kp_held_filter *f, const char *all, const char *signal,
                               struct kp_err *err)
{
    struct kp_stmt *stmt = kp_db_prepare(db, f->signal ? signal : all, err);
    if (!stmt)
        return NULL;
    kp_bind_int(stmt, 1, f->coupling);
    kp_bind_int(stmt, 2, f->signal);
    kp_bind_int(stmt, 3, f->from);
    kp_bind_int(stmt, 4, f->after);
    return stmt;
}

/* Points into the blob. */
static enum kp_code decode(const void *data, size_t len, struct kp_sample *out, struct kp_err *err)
{
    struct kp_row_reader row;
    struct kp_block_reader point = { 0 };
    const uint8_t *block;
    size_t size;
    if (kp_row_open(&row, data, len, err))
        return err->code;
    if (!kp_row_next(&row, &block, &size))
        return kp_fail(err, KP_EPARSE, "it holds no sample");
    kp_block_open(&point, row.signal, row.base, block, size);
    if (!kp_block_next(&point, out, err))
        return err->code ? err->code : kp_fail(err, KP_EPARSE, "it holds no sample");
    return KP_OK;
}

/* Columns: id, coupling, arrived, reason, data. False: it cannot be read, which is told. */
static bool read_row(struct kp_stmt *row, struct kp_held_sample *out)
{
    struct kp_err damage = { 0 };
    size_t len;
    const void *data = kp_column_blob(row, 4, &len);
    *out = (struct kp_held_sample){ .id = kp_column_int(row, 0),
                                    .coupling = (uint16_t)kp_column_int(row, 1),
                                    .received = kp_column_int(row, 2),
                                    .reason = kp_column_text(row, 3) };
    if (!decode(data, len, &out->sample, &damage))
        return true;
    kp_error("store", "a damaged row of the quarantine was left out; run koppel check", "id=%lld why=%s",
             (long long)out->id, kp_log_quote(damage.text));
    return false;
}

enum kp_code kp_held_list(struct kp_db *db, const struct kp_held_filter *f, size_t limit,
                          bool (*each)(void *, const struct kp_held_sample *), void *arg, struct kp_err *err)
{
    struct kp_err failure = { 0 };
    struct kp_held_sample one;
    struct kp_stmt *get = prepare(
        db, f, "select id, coupling, arrived, reason, data from quarantine" WHERE " order by id limit ?5",
        "select id, coupling, arrived, reason, data from quarantine" WHERE_SIGNAL " order by id limit ?5", &failure);
    if (get)
        kp_bind_int(get, 5, (int64_t)limit);
    bool more = get;
    while (more && kp_step(get, &failure))
        more = !read_row(get, &one) || each(arg, &one);
    if (get)
        kp_reset(get);
    return failure.code ? kp_fail(err, failure.code, "%s", failure.text) : KP_OK;
}

/* ---- leaving (store thread, in a call's transaction) ---- */

struct leaving {
    struct kp_store *store;
    const struct kp_held_filter *filter;
    enum kp_held_time as;
    struct kp_held_count count;
    /* one commit's worth of samples, signals ascending */
    struct kp_sample *samples;
    uint32_t *next;
    uint32_t n;
    size_t text;
    struct kp_arena texts;
    struct kp_row_writer writer;
    struct kp_buf row;
    kp_signal signal;      /* of the last sample */
    int64_t last_received; /* the receive time it was given */
};

/* As one row for all stripes: theirs must be older than those that wait to be dealt out. */
static enum kp_code write_row(struct leaving *l, uint64_t seq, struct kp_err *err)
{
    struct kp_db *db = l->store->db;
    kp_row_begin(&l->writer, kp_utc(l->store->clock));
    l->writer.historic = true;
    for (uint32_t i = 0; i < l->n; i++)
        if (!i || l->samples[i].signal != l->samples[i - 1].signal)
            kp_row_add(&l->writer, l->samples, l->next, i);
    l->row.len = 0;
    l->row.failed = false;
    if (kp_row_end(&l->writer, &l->row, err))
        return err->code;
    struct kp_stmt *put = kp_db_prepare(db, "insert into journal(id, data) values(?, ?)", err);
    if (!put)
        return err->code;
    kp_bind_int(put, 1, kp_journal_id(KP_STRIPE_YOUNG, seq));
    kp_bind_blob(put, 2, l->row.data, l->row.len);
    return kp_run(put, err);
}

/* What is collected becomes a commit of its own within this transaction. */
static enum kp_code write_commit(struct leaving *l, struct kp_err *err)
{
    if (!l->n)
        return KP_OK;
    uint64_t seq = l->store->seq + ++l->store->extra;
    for (uint32_t i = 0; i < l->n; i++)
        l->next[i] = i + 1 < l->n && l->samples[i + 1].signal == l->samples[i].signal ? i + 1 : UINT32_MAX;
    write_row(l, seq, err);
    l->count.done += l->n;
    l->n = 0;
    l->text = 0;
    kp_arena_reset(&l->texts);
    return err->code;
}

/* Of equal times history keeps the last only, and samples of one batch have one receive time. */
static int64_t receive_time(struct leaving *l, const struct kp_held_sample *one)
{
    bool follows = l->signal == one->sample.signal && l->last_received >= one->received;
    l->last_received = follows ? l->last_received + 1 : one->received;
    l->signal = one->sample.signal;
    return l->last_received;
}

static enum kp_code add(struct leaving *l, const struct kp_held_sample *one, struct kp_err *err)
{
    struct kp_sample *to = &l->samples[l->n];
    *to = one->sample;
    if (!kp_value_copy(&l->texts, &to->value, &one->sample.value))
        return kp_fail(err, KP_ENOMEM, "out of memory releasing samples");
    if (l->as == KP_HELD_RECEIVE) {
        to->at = receive_time(l, one);
        to->status = kp_status_doubt(to->status);
    }
    l->text += kp_type_indirect(to->value.type) ? to->value.len : 0;
    l->n++;
    return l->n == KP_COMMIT_SAMPLES || l->text > KP_COMMIT_TEXT ? write_commit(l, err) : KP_OK;
}

static enum kp_code delete_row(struct kp_db *db, int64_t id, struct kp_err *err)
{
    struct kp_stmt *del = kp_db_prepare(db, "delete from quarantine where id = ?", err);
    if (!del)
        return err->code;
    kp_bind_int(del, 1, id);
    return kp_run(del, err);
}

/* Read in the order of signals, deleted when all are read: the index must not change meanwhile. */
static enum kp_code move_all(struct leaving *l, struct kp_db *db, int64_t **ids, size_t *n, struct kp_err *err)
{
    struct kp_held_sample one;
    size_t room = 0;
    struct kp_stmt *get = prepare(
        db, l->filter, "select id, coupling, arrived, reason, data from quarantine" WHERE " order by signal, id",
        "select id, coupling, arrived, reason, data from quarantine" WHERE_SIGNAL " order by id", err);
    while (get && !err->code && kp_step(get, err)) {
        if (!read_row(get, &one) || (l->as == KP_HELD_SOURCE && !kp_time_usable(one.sample.at))) {
            l->count.kept++;
            continue;
        }
        if (!kp_grow(ids, &room, *n + 1, sizeof **ids))
            kp_fail(err, KP_ENOMEM, "out of memory releasing samples");
        else if (!add(l, &one, err))
            (*ids)[(*n)++] = one.id;
    }
    if (get)
        kp_reset(get);
    return err->code ? err->code : write_commit(l, err);
}

static enum kp_code release(struct kp_db *db, void *arg, struct kp_err *err)
{
    struct leaving *l = arg;
    int64_t *ids = NULL;
    size_t n = 0;
    kp_buf_init(&l->row, ROW_MAX);
    l->samples = kp_alloc(KP_COMMIT_SAMPLES * sizeof *l->samples);
    l->next = kp_alloc(KP_COMMIT_SAMPLES * sizeof *l->next);
    if (!l->samples || !l->next)
        kp_fail(err, KP_ENOMEM, "out of memory releasing samples");
    else
        move_all(l, db, &ids, &n, err);
    for (size_t i = 0; i < n && !err->code; i++)
        delete_row(db, ids[i], err);
    l->store->held.counted = false;
    kp_free(ids);
    kp_free(l->samples);
    kp_free(l->next);
    kp_arena_free(&l->texts);
    kp_row_free(&l->writer);
    kp_buf_free(&l->row);
    return err->code;
}

static enum kp_code drop(struct kp_db *db, void *arg, struct kp_err *err)
{
    struct leaving *l = arg;
    struct kp_stmt *del = prepare(db, l->filter, "delete from quarantine" WHERE, "delete from quarantine" WHERE_SIGNAL, err);
    l->store->held.counted = false;
    if (!del || kp_run(del, err))
        return err->code;
    l->count.done = (uint64_t)kp_db_changes(db);
    return KP_OK;
}

/* ---- from other threads ---- */

struct recount {
    struct kp_store *store;
    struct kp_err err;
};

static void recount(void *arg)
{
    struct recount *r = arg;
    if (!r->store->db || kp_held_count(r->store, &r->err))
        return;
    if (r->store->held.rows < r->store->options.quarantine_rows)
        tell(r->store, false);
}

/* What is on its way comes first: it was held before the person said so. */
static enum kp_code leave(struct leaving *l, enum kp_code (*fn)(struct kp_db *, void *, struct kp_err *),
                          struct kp_held_count *out, struct kp_err *err)
{
    struct recount r = { .store = l->store };
    *out = (struct kp_held_count){ 0 };
    if (kp_store_sync(l->store, err) || kp_store_do(l->store, fn, l, err))
        return err->code;
    *out = l->count;
    kp_store_call(l->store, recount, &r, NULL); /* the numbers shown; the next commit counts again if need be */
    return KP_OK;
}

enum kp_code kp_held_release(struct kp_store *s, const struct kp_held_filter *f, enum kp_held_time as,
                             struct kp_held_count *out, struct kp_err *err)
{
    struct leaving l = { .store = s, .filter = f, .as = as };
    return leave(&l, release, out, err);
}

enum kp_code kp_held_drop(struct kp_store *s, const struct kp_held_filter *f, struct kp_held_count *out, struct kp_err *err)
{
    struct leaving l = { .store = s, .filter = f };
    return leave(&l, drop, out, err);
}
