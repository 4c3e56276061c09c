/* SPDX-License-Identifier: Apache-2.0 */
#include "store/engine.h"

#include <string.h>

#include "core/ban.h"

/* What new points have to do with chunks that are there. Late points fall into chunks: both are written
 * anew, so that readers need not merge them for ever. A slow signal has few points each time its stripe is
 * sealed: they are joined with the small chunks before them, as long as those are not more than twice as
 * many points, so that a point is written anew a few times at most and chunks get full. */
enum { TOGETHER = 8 }; /* chunks written anew at one time */

struct neighbour {
    int64_t id, t0, t1, bytes;
    uint64_t seq;
    size_t n;
};

struct kp_neighbours {
    struct neighbour list[TOGETHER];
    size_t n;
    struct kp_sample *all, *one; /* one: KP_CHUNK_MAX */
    size_t room;
    struct kp_arena text;
};

static struct kp_neighbours *neighbours_of(struct kp_chunk_writer *w)
{
    if (!w->neighbours)
        w->neighbours = kp_alloc(sizeof *w->neighbours);
    if (w->neighbours)
        w->neighbours->n = 0;
    return w->neighbours;
}

void kp_tail_free(struct kp_chunk_writer *w)
{
    if (!w->neighbours)
        return;
    kp_free(w->neighbours->all);
    kp_free(w->neighbours->one);
    kp_arena_free(&w->neighbours->text);
    kp_free(w->neighbours);
    w->neighbours = NULL;
}

/* ---- which ---- */

/* Whether a chunk that ends before the new points is to be joined with what there is to write. */
static bool is_small(const struct kp_chunk_writer *w, const struct neighbour *c, size_t n)
{
    size_t full = w->store->options.seal_points;
    return c->n <= 2 * n && c->n + n <= full + full / 2;
}

/* Walks back from the last new point. *from: where the points begin that meet the chunks found. */
static void find(struct kp_chunk_writer *w, const struct kp_sample *points, size_t n, size_t *from, struct kp_err *err)
{
    struct kp_neighbours *k = w->neighbours;
    struct kp_stmt *get = kp_db_prepare(w->store->db,
                                        "select id, t0, t1, seq, n, length(data) from chunk "
                                        "where id between ? and ? order by id desc",
                                        err);
    if (!get)
        return;
    int64_t last = points[n - 1].at;
    size_t total = 0;
    kp_bind_int(get, 1, kp_chunk_id(w->signal, 0));
    kp_bind_int(get, 2, kp_chunk_id(w->signal, kp_chunk_tick(last)));
    *from = 0;
    while (k->n < TOGETHER && kp_step(get, err)) {
        struct neighbour c = { kp_column_int(get, 0), kp_column_int(get, 1), kp_column_int(get, 2),
                               kp_column_int(get, 5), (uint64_t)kp_column_int(get, 3),
                               (size_t)kp_column_int(get, 4) };
        if (c.t0 > last)
            continue; /* of the same eighth of a second */
        if (c.t1 < points[0].at && !is_small(w, &c, n + total))
            break;
        total += c.n;
        k->list[k->n++] = c;
    }
    kp_reset(get);
    if (k->n == TOGETHER) /* there may be more: what lies before these comes in the next round */
        while (*from < n - 1 && points[*from].at < k->list[TOGETHER - 1].t0)
            ++*from;
}

/* A chunk that overlaps those found but is not among them would, having older points with a newer
 * number, change which of two equal times counts. */
static bool are_apart(struct kp_chunk_writer *w, int64_t t0, int64_t t1, struct kp_err *err)
{
    struct kp_stmt *get = kp_db_prepare(
        w->store->db,
        "select count(*) from chunk where t1 >= ?1 and t0 <= ?2 and id between "
        "max(?3, ?4 - coalesce((select span from signal where id = ?6), ?7)) and min(?5, ?4 + ?8 + "
        "coalesce((select span from signal where id = ?6), ?7))",
        err);
    if (!get)
        return false;
    int64_t low = kp_chunk_tick(t0);
    kp_bind_int(get, 1, t0);
    kp_bind_int(get, 2, t1);
    kp_bind_int(get, 3, kp_chunk_id(w->signal, 0));
    kp_bind_int(get, 4, kp_chunk_id(w->signal, low));
    kp_bind_int(get, 5, kp_chunk_id(w->signal, KP_CHUNK_TICK));
    kp_bind_int(get, 6, w->signal);
    kp_bind_int(get, 7, KP_CHUNK_TICK);
    kp_bind_int(get, 8, kp_chunk_tick(t1) - low);
    bool apart = kp_step(get, err) && kp_column_int(get, 0) == (int64_t)w->neighbours->n;
    kp_reset(get);
    return apart;
}

/* ---- reading them ---- */

static bool earlier(const struct neighbour *a, const struct neighbour *b)
{
    return a->seq != b->seq ? a->seq < b->seq : a->id < b->id;
}

/* In the order the points came: that of commits. */
static void order(struct kp_neighbours *k)
{
    for (size_t i = 1; i < k->n; i++)
        for (size_t j = i; j && earlier(&k->list[j], &k->list[j - 1]); j--) {
            struct neighbour swap = k->list[j];
            k->list[j] = k->list[j - 1];
            k->list[j - 1] = swap;
        }
}

/* Appends the points of a chunk; false with err->code KP_OK when it is damaged: then it is left alone. */
static bool append(struct kp_chunk_writer *w, const struct neighbour *c, size_t *n, struct kp_err *err)
{
    struct kp_neighbours *k = w->neighbours;
    struct kp_err damage = { 0 };
    size_t len, count = 0;
    struct kp_stmt *get = kp_db_prepare(w->store->db, "select data from chunk where id = ?", err);
    if (!get)
        return false;
    kp_bind_int(get, 1, c->id);
    if (kp_step(get, err)) {
        const void *data = kp_column_blob(get, 0, &len);
        kp_chunk_decode(data, len, w->signal, k->one, &count, &k->text, &damage);
    }
    kp_reset(get);
    if (damage.code == KP_ENOMEM || (count && !kp_grow(&k->all, &k->room, *n + count, sizeof *k->all)))
        kp_fail(err, KP_ENOMEM, "out of memory merging chunks");
    if (err->code || damage.code)
        return false;
    memcpy(k->all + *n, k->one, count * sizeof *k->all);
    *n += count;
    return true;
}

static bool read_all(struct kp_chunk_writer *w, const struct kp_sample *points, size_t n, size_t *total,
                     struct kp_err *err)
{
    struct kp_neighbours *k = w->neighbours;
    if (!k->one)
        k->one = kp_alloc(KP_CHUNK_MAX * sizeof *k->one);
    if (!k->one) {
        kp_fail(err, KP_ENOMEM, "out of memory merging chunks");
        return false;
    }
    kp_arena_reset(&k->text);
    *total = 0;
    for (size_t i = 0; i < k->n; i++)
        if (!append(w, &k->list[i], total, err))
            return false;
    if (!kp_grow(&k->all, &k->room, *total + n, sizeof *k->all)) {
        kp_fail(err, KP_ENOMEM, "out of memory merging chunks");
        return false;
    }
    memcpy(k->all + *total, points, n * sizeof *points);
    *total += n;
    return true;
}

static enum kp_code delete_all(struct kp_chunk_writer *w, struct kp_err *err)
{
    struct kp_neighbours *k = w->neighbours;
    for (size_t i = 0; i < k->n; i++) {
        struct kp_stmt *del = kp_db_prepare(w->store->db, "delete from chunk where id = ?", err);
        if (!del)
            return err->code;
        kp_bind_int(del, 1, k->list[i].id);
        if (kp_run(del, err))
            return err->code;
        w->stored.chunks--;
        w->stored.points -= (int64_t)k->list[i].n;
        w->stored.bytes -= k->list[i].bytes;
        w->merged++;
    }
    return KP_OK;
}

/* ---- taking ---- */

/* The first and last time of all that would be written anew. */
static void extent(const struct kp_neighbours *k, const struct kp_sample *points, size_t n, int64_t *t0, int64_t *t1)
{
    *t0 = points[0].at;
    *t1 = points[n - 1].at;
    for (size_t i = 0; i < k->n; i++) {
        *t0 = k->list[i].t0 < *t0 ? k->list[i].t0 : *t0;
        *t1 = k->list[i].t1 > *t1 ? k->list[i].t1 : *t1;
    }
}

enum kp_code kp_tail_take(struct kp_chunk_writer *w, struct kp_sample *points, size_t n, size_t *from,
                          struct kp_sample **all, size_t *n_all, struct kp_err *err)
{
    struct kp_err failure = { 0 };
    struct kp_neighbours *k = neighbours_of(w);
    if (!k)
        return kp_fail(err, KP_ENOMEM, "out of memory merging chunks");
    find(w, points, n, from, &failure);
    *all = points + *from;
    *n_all = n - *from;
    int64_t t0, t1;
    if (!failure.code && k->n) {
        size_t total;
        extent(k, *all, *n_all, &t0, &t1);
        order(k);
        if (are_apart(w, t0, t1, &failure) && read_all(w, *all, *n_all, &total, &failure) &&
            !delete_all(w, &failure)) {
            if (!kp_points_sort(k->all, total))
                kp_fail(&failure, KP_ENOMEM, "out of memory merging chunks");
            *all = k->all;
            *n_all = failure.code ? 0 : kp_points_unique(k->all, total, &w->same, &w->replaced);
        }
    }
    return failure.code ? kp_fail(err, failure.code, "%s", failure.text) : KP_OK;
}
