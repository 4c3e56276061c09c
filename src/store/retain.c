/* SPDX-License-Identifier: Apache-2.0 */
/* The job that keeps history within its rules. A round goes through all signals by age, then rollups, then the sizes
 * of the rules and the budget of the disk, then intervals and empty pages. It remembers nothing that the file does
 * not say: cut off anywhere, the next round does the rest. */
#include "store/retain.h"

#include "core/ban.h"

enum part { BY_AGE, ROLLUPS, SIZES, DISK, INTERVALS, PAGES, PARTS };
enum { INTERVALS_SLICE = 500, VACUUM_BYTES = 64000000 };

struct kp_retain {
    bool begun;
    enum part part;
    struct kp_arena arena;
    struct kp_retention rules;
    int64_t now;
    bool trusted;     /* the clock */
    int64_t *held;    /* bytes by rule, after what went by age */
    size_t rule;      /* of SIZES */
    kp_signal signal; /* where BY_AGE and ROLLUPS go on, */
    int64_t from;     /* and from which chunk; 0 = the signal's first */
    int64_t waiting;
    int64_t unused; /* bytes of empty pages the last time */
    struct kp_stored list[KP_STORED_SLICE];
    struct kp_cut cut;
};

void kp_retain_free(struct kp_store *s)
{
    if (s->retain)
        kp_arena_free(&s->retain->arena);
    kp_free(s->retain);
    s->retain = NULL;
}

static struct kp_retain *begin(struct kp_store *s, struct kp_db *db, struct kp_err *err)
{
    if (!s->retain)
        s->retain = kp_alloc(sizeof *s->retain);
    struct kp_retain *t = s->retain;
    if (!t) {
        kp_fail(err, KP_ENOMEM, "out of memory looking at what is stored");
        return NULL;
    }
    if (t->begun)
        return t;
    kp_arena_reset(&t->arena);
    t->trusted = kp_growth_trusts(s, db, err);
    if (err->code || kp_retention_read(db, &t->arena, &t->rules, err))
        return NULL;
    t->held = kp_arena_alloc(&t->arena, (t->rules.n + 1) * sizeof *t->held);
    if (!t->held) {
        kp_fail(err, KP_ENOMEM, "out of memory looking at what is stored");
        return NULL;
    }
    t->now = kp_utc(s->clock);
    t->part = BY_AGE;
    t->rule = t->signal = 0;
    t->from = t->waiting = 0;
    t->unused = KP_FOREVER;
    t->begun = true;
    return t;
}

static void clear(struct kp_cut *cut)
{
    cut->n = cut->n_rollups = 0;
    cut->waiting = cut->chunks = cut->points = cut->bytes = cut->rollups = 0;
}

/* Deletes what was collected and counts it. */
static enum kp_code delete_cut(struct kp_store *s, struct kp_retain *t, struct kp_err *err)
{
    if (kp_cut_do(&t->cut, s, err))
        return err->code;
    pthread_mutex_lock(&s->mutex);
    s->stats.expired_chunks += (uint64_t)t->cut.chunks;
    s->stats.expired_points += (uint64_t)t->cut.points;
    s->stats.expired_bytes += (uint64_t)t->cut.bytes;
    s->stats.expired_rollups += (uint64_t)t->cut.rollups;
    pthread_mutex_unlock(&s->mutex);
    return KP_OK;
}

/* ---- by age ---- */

/* False: the cut is full, the signal is to be gone on with. */
static bool age_signal(struct kp_retain *t, struct kp_db *db, const struct kp_stored *one, struct kp_err *err)
{
    int64_t age = kp_stored_raw(&t->rules, one);
    if (!t->from)
        t->from = kp_chunk_id(one->signal, 0);
    if (age && t->trusted && one->t0 < t->now - age &&
        !kp_cut_expired(&t->cut, db, one->signal, t->now - age, &t->from, err))
        return false;
    t->from = 0;
    if (one->rule >= 0)
        t->held[one->rule] += one->bytes; /* what goes now is taken off when it has gone */
    return true;
}

static bool by_age(struct kp_store *s, struct kp_retain *t, struct kp_db *db, struct kp_err *err)
{
    size_t n, i = 0;
    if (kp_stored_next(db, t->signal, t->list, KP_STORED_SLICE, &n, err))
        return false;
    kp_stored_rules(s, &t->rules, t->list, n);
    while (i < n && age_signal(t, db, &t->list[i], err))
        i++;
    t->signal = i < n ? t->list[i].signal : n ? t->list[n - 1].signal + 1 : t->signal;
    t->waiting += t->cut.waiting;
    return i < n || n == KP_STORED_SLICE;
}

static bool any_rollups_go(const struct kp_retention *r)
{
    for (size_t i = 0; i < r->n; i++)
        if (r->rules[i].rollups)
            return true;
    return r->removed;
}

static bool rollups(struct kp_store *s, struct kp_retain *t, struct kp_db *db, struct kp_err *err)
{
    size_t n, i = 0;
    if (!t->trusted || !any_rollups_go(&t->rules) ||
        kp_stored_rollups(db, t->signal, t->list, KP_STORED_SLICE, &n, err))
        return false;
    kp_stored_rules(s, &t->rules, t->list, n);
    for (; i < n; i++) {
        int64_t age = kp_stored_rollup_age(&t->rules, &t->list[i]);
        if (age && !kp_cut_rollups(&t->cut, db, t->list[i].signal, t->now - age, err))
            break;
    }
    t->signal = i < n ? t->list[i].signal : n ? t->list[n - 1].signal + 1 : t->signal;
    return i < n || n == KP_STORED_SLICE;
}

/* ---- by size ---- */

/* Collects the chunks that end first of all signals of a rule, or (-1) of all, and says what they hold in all. */
static enum kp_code collect_oldest(struct kp_store *s, struct kp_retain *t, struct kp_db *db, int rule, int64_t *held,
                                   struct kp_err *err)
{
    kp_signal from = 0;
    size_t n = KP_STORED_SLICE;
    *held = 0;
    while (n == KP_STORED_SLICE && !kp_care_stopping(s) && !kp_stored_next(db, from, t->list, n, &n, err)) {
        kp_stored_rules(s, &t->rules, t->list, n);
        for (size_t i = 0; i < n && !err->code; i++) {
            const struct kp_stored *one = &t->list[i];
            if (rule >= 0 && one->rule != rule)
                continue;
            *held += one->bytes;
            if (t->cut.n < KP_CUT_MAX || one->t0 < t->cut.chunk[0].t1)
                kp_cut_oldest(&t->cut, db, one->signal, err);
        }
        from = n ? t->list[n - 1].signal + 1 : from;
    }
    return err->code;
}

static bool sizes(struct kp_store *s, struct kp_retain *t, struct kp_db *db, struct kp_err *err)
{
    const struct kp_retention *r = &t->rules;
    while (t->rule < r->n && (!r->rules[t->rule].bytes || t->held[t->rule] <= r->rules[t->rule].bytes))
        t->rule++;
    int64_t held;
    if (t->rule == r->n || collect_oldest(s, t, db, (int)t->rule, &held, err))
        return false;
    kp_cut_trim(&t->cut, held - r->rules[t->rule].bytes);
    t->rule += !t->cut.n; /* it fits, or nothing more can go */
    t->waiting += t->cut.n ? 0 : t->cut.waiting;
    return t->rule < r->n;
}

static bool disk(struct kp_store *s, struct kp_retain *t, struct kp_db *db, struct kp_err *err)
{
    int64_t used, unused, held;
    if (!t->rules.disk || kp_growth_used(db, &used, &unused, err) || used <= t->rules.disk)
        return false;
    if (collect_oldest(s, t, db, -1, &held, err))
        return false;
    kp_cut_trim(&t->cut, used - t->rules.disk);
    s->alarms.at_budget = true;
    s->alarms.stuck = !t->cut.n;
    return t->cut.n;
}

/* ---- the rest ---- */

static enum kp_code delete_intervals(struct kp_db *db, void *arg, struct kp_err *err)
{
    struct kp_stmt *drop = kp_db_prepare(db,
                                         "delete from interval where id in (select id from interval where \"end\" < ? "
                                         "order by \"end\" limit ?)",
                                         err);
    if (!drop)
        return err->code;
    kp_bind_int(drop, 1, *(int64_t *)arg);
    kp_bind_int(drop, 2, INTERVALS_SLICE);
    return kp_run(drop, err);
}

static bool intervals(struct kp_store *s, struct kp_retain *t, struct kp_db *db, struct kp_err *err)
{
    int64_t oldest, before = t->now - t->rules.intervals;
    if (!t->rules.intervals || !t->trusted ||
        kp_db_number(db, "select min(\"end\") from interval", KP_FOREVER, &oldest, err) || oldest >= before)
        return false;
    return !kp_store_do(s, delete_intervals, &before, err);
}

static enum kp_code vacuum(struct kp_db *db, void *arg, struct kp_err *err)
{
    (void)arg;
    return kp_db_exec(db, "pragma incremental_vacuum(256)", err);
}

/* Free pages are used again; only when there are very many do they go back to the disk. */
static bool pages(struct kp_store *s, struct kp_retain *t, struct kp_db *db, struct kp_err *err)
{
    int64_t used, unused, before = t->unused;
    if (kp_growth_used(db, &used, &unused, err) || unused <= VACUUM_BYTES || unused <= (used + unused) / 5)
        return false;
    t->unused = unused;
    if (unused >= before) /* a file that was not made for it */
        return false;
    return !kp_store_do(s, vacuum, NULL, err);
}

/* ---- the turn ---- */

static bool (*const parts[PARTS])(struct kp_store *, struct kp_retain *, struct kp_db *, struct kp_err *) = {
    [BY_AGE] = by_age, [ROLLUPS] = rollups, [SIZES] = sizes, [DISK] = disk, [INTERVALS] = intervals, [PAGES] = pages,
};

static bool end_round(struct kp_store *s, struct kp_retain *t)
{
    t->begun = false;
    pthread_mutex_lock(&s->mutex);
    s->stats.expiry_waits = (uint64_t)t->waiting;
    pthread_mutex_unlock(&s->mutex);
    return false;
}

bool kp_retention_turn(struct kp_store *s, struct kp_err *err)
{
    struct kp_db *db = kp_store_reader(s, err);
    struct kp_retain *t = db ? begin(s, db, err) : NULL;
    bool more = false;
    if (t) {
        clear(&t->cut);
        more = parts[t->part](s, t, db, err);
    }
    kp_store_reader_done(s, db);
    if (t && !err->code)
        delete_cut(s, t, err);
    if (!t || err->code || kp_care_stopping(s)) {
        if (t)
            t->begun = false;
        return false;
    }
    if (!more && ++t->part == PARTS)
        return end_round(s, t);
    if (!more) {
        t->signal = 0;
        t->from = 0;
    }
    return true;
}
