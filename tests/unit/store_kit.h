/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_TESTS_STORE_KIT_H
#define KOPPEL_TESTS_STORE_KIT_H
/* A store in a scratch folder, turned by hand under a virtual clock, and a book of everything that was
 * offered to it, so that a test can ask whether the history says exactly the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/hub.h"
#include "core/log.h"
#include "store/engine.h"
#include "store/history.h"
#include "store/secret.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KIT __attribute__((unused)) static

/* 2026-11-24T10:00:00Z */
#define KIT_NOW (INT64_C(1795514400) * KP_SECOND)

struct kit {
    char dir[64];
    struct kp_clock_virtual clock;
    struct kp_store_options options;
    struct kp_store *store;
    struct kp_hub *hub;
    /* the book */
    struct kp_sample *all;
    size_t n, room;
    struct kp_arena text;
};

KIT void kit_ok(const struct kp_err *err)
{
    assert_string_equal(err->text, "");
    assert_int_equal(err->code, KP_OK);
}

KIT void kit_open(struct kit *k)
{
    struct kp_err err = { 0 };
    k->options.clock = &k->clock.clock;
    k->store = kp_store_open(k->dir, &k->options, &err);
    kit_ok(&err);
    assert_non_null(k->store);
}

/* From now on each commit writes to the stripes of the journal at once. */
KIT void kit_no_young(struct kit *k)
{
    k->options.young_bytes = 1;
    if (k->store)
        k->store->options.young_bytes = 1;
}

KIT void kit_remove(const char *dir)
{
    char command[160];
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): our own scratch folder */
}

KIT void kit_scratch(char dir[64])
{
    const char *tmp = getenv("TMPDIR");
    snprintf(dir, 64, "%.40s/koppel-XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(dir));
}

/* Options are set in between by tests that want others. */
KIT struct kit *kit_new(void)
{
    struct kp_err err = { 0 };
    struct kit *k = calloc(1, sizeof *k);
    kp_log_setup(KP_LOG_ERROR, open("/dev/null", O_WRONLY | O_CLOEXEC));
    kit_scratch(k->dir);
    k->clock = kp_clock_virtual(KIT_NOW);
    kp_store_create(k->dir, "test", &err);
    kit_ok(&err);
    return k;
}

KIT void kit_close(struct kit *k) /* as a crash does: without a stop */
{
    kp_store_close(k->store);
    k->store = NULL;
}

KIT void kit_free(struct kit *k)
{
    if (k->store)
        kit_close(k);
    if (k->hub)
        kp_hub_free(k->hub);
    kit_remove(k->dir);
    kp_arena_free(&k->text);
    kp_free(k->all);
    free(k);
}

/* Of a test: a store that is open and has a node.key, and its end. */
KIT int kit_begin(void **state)
{
    struct kit *k = kit_new();
    struct kp_err err = { 0 };
    kp_key_create(k->dir, &err);
    kit_open(k);
    kp_key_load(k->store, k->dir, &err);
    kit_ok(&err);
    *state = k;
    return 0;
}

KIT int kit_end(void **state)
{
    kit_free(*state);
    return 0;
}

KIT void kit_hub(struct kit *k)
{
    struct kp_err err = { 0 };
    k->hub = kp_hub_new(&(struct kp_hub_options){ .clock = &k->clock.clock, .context = k->store }, &err);
    kit_ok(&err);
    kp_store_load(k->store, k->hub, &err);
    kit_ok(&err);
}

/* ---- offering ---- */

KIT void kit_note(struct kit *k, const struct kp_sample *s)
{
    assert_true(kp_grow(&k->all, &k->room, k->n + 1, sizeof *k->all));
    k->all[k->n] = *s;
    assert_true(kp_value_copy(&k->text, &k->all[k->n].value, &s->value));
    k->n++;
}

KIT bool kit_try(struct kit *k, const struct kp_sample *s, size_t n, bool historic)
{
    while (n) {
        struct kp_batch *b = kp_batch_new(1);
        assert_non_null(b);
        b->historic = historic;
        while (n && b->n < KP_BATCH_MAX) {
            assert_true(kp_batch_add(b, s));
            s++;
            n--;
        }
        if (!kp_store_offer(k->store, b)) {
            kp_batch_free(b);
            return false;
        }
    }
    return true;
}

KIT void kit_offer(struct kit *k, const struct kp_sample *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        kit_note(k, &s[i]);
    assert_true(kit_try(k, s, n, false));
}

KIT void kit_sync(struct kit *k)
{
    struct kp_err err = { 0 };
    kp_store_sync(k->store, &err);
    kit_ok(&err);
}

KIT struct kp_sample kit_sample(kp_signal signal, int64_t at, struct kp_value value)
{
    return (struct kp_sample){ .signal = signal, .at = at, .value = value };
}

/* A deterministic stream of numbers. */
KIT uint64_t kit_random(uint64_t *state)
{
    *state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* ---- reading back ---- */

struct kit_points {
    struct kp_sample *s;
    size_t n, room;
    struct kp_arena text;
};

KIT void kit_points_free(struct kit_points *p)
{
    kp_free(p->s);
    kp_arena_free(&p->text);
    *p = (struct kit_points){ 0 };
}

KIT struct kit_points kit_read(struct kp_db *db, kp_signal signal, int64_t from, int64_t to)
{
    struct kit_points p = { 0 };
    struct kp_err err = { 0 };
    struct kp_history *h = kp_history_open(db, signal, from, to, &err);
    kit_ok(&err);
    struct kp_sample s;
    while (kp_history_next(h, &s, &err)) {
        assert_true(kp_grow(&p.s, &p.room, p.n + 1, sizeof *p.s));
        p.s[p.n] = s;
        assert_true(kp_value_copy(&p.text, &p.s[p.n].value, &s.value));
        p.n++;
    }
    kit_ok(&err);
    kp_history_close(h);
    return p;
}

/* What the book says of a signal: by time, of equal times the one offered last. */
KIT struct kit_points kit_expect(const struct kit *k, kp_signal signal, int64_t from, int64_t to)
{
    struct kit_points p = { 0 };
    for (size_t i = 0; i < k->n; i++) {
        if (k->all[i].signal != signal || k->all[i].at < from || k->all[i].at >= to)
            continue;
        assert_true(kp_grow(&p.s, &p.room, p.n + 1, sizeof *p.s));
        size_t j = p.n++;
        for (; j && p.s[j - 1].at > k->all[i].at; j--)
            p.s[j] = p.s[j - 1];
        p.s[j] = k->all[i];
    }
    size_t kept = 0;
    for (size_t i = 0; i < p.n; i++)
        if (i + 1 == p.n || p.s[i + 1].at != p.s[i].at)
            p.s[kept++] = p.s[i];
    p.n = kept;
    return p;
}

KIT void kit_compare(const struct kit_points *is, const struct kit_points *want)
{
    assert_int_equal(is->n, want->n);
    for (size_t i = 0; i < is->n; i++) {
        assert_int_equal(is->s[i].signal, want->s[i].signal);
        assert_int_equal(is->s[i].at, want->s[i].at);
        assert_int_equal(is->s[i].status, want->s[i].status);
        assert_true(kp_value_equal(&is->s[i].value, &want->s[i].value));
    }
}

KIT void kit_check_range(const struct kit *k, struct kp_db *db, kp_signal signal, int64_t from, int64_t to)
{
    struct kit_points is = kit_read(db, signal, from, to), want = kit_expect(k, signal, from, to);
    kit_compare(&is, &want);
    kit_points_free(&is);
    kit_points_free(&want);
}

/* The history of every signal up to `last` is exactly what the book says. */
KIT void kit_check_db(const struct kit *k, struct kp_db *db, kp_signal last)
{
    for (kp_signal s = 1; s <= last; s++)
        kit_check_range(k, db, s, INT64_MIN, INT64_MAX);
}

KIT void kit_check(const struct kit *k, kp_signal last)
{
    struct kp_err err = { 0 };
    struct kp_db *db = kp_store_reader(k->store, &err);
    kit_ok(&err);
    kit_check_db(k, db, last);
    kp_store_reader_done(k->store, db);
}

/* ---- aggregates, computed the plain way ---- */

struct kit_buckets {
    struct kp_bucket b[2000];
    size_t n, stop;
};

KIT bool kit_add_bucket(void *arg, const struct kp_bucket *b)
{
    struct kit_buckets *all = arg;
    assert_true(all->n < 2000);
    all->b[all->n++] = *b;
    return all->n != all->stop;
}

KIT int64_t kit_floor(int64_t at, int64_t step)
{
    int64_t q = at / step;
    return (at % step < 0 ? q - 1 : q) * step;
}

KIT bool kit_is_bad(const struct kp_sample *s)
{
    double x = 0;
    return kp_status_severity(s->status) > 1 || s->value.type == KP_NULL || (kp_value_number(&s->value, &x) && isnan(x));
}

/* Numbers only. `all`: the points up to the end of the last step, for what held before it. */
KIT void kit_weigh(const struct kit_points *all, struct kp_bucket *b)
{
    long double area = 0, seconds = 0;
    for (size_t i = 0; i < all->n; i++) {
        int64_t from = all->s[i].at > b->from ? all->s[i].at : b->from;
        int64_t to = i + 1 < all->n && all->s[i + 1].at < b->to ? all->s[i + 1].at : b->to;
        double x = 0;
        if (from >= to)
            continue;
        if (kit_is_bad(&all->s[i])) {
            b->bad_ns += to - from;
            continue;
        }
        b->good_ns += to - from;
        if (kp_value_number(&all->s[i].value, &x)) {
            area += (long double)x * (long double)(to - from) / 1e9L;
            seconds += (long double)(to - from) / 1e9L;
        }
    }
    b->time_mean = seconds > 0 ? (double)(area / seconds) : b->points.good ? b->points.last : NAN;
}

KIT void kit_naive(const struct kit_points *p, const struct kit_points *all, int64_t from, int64_t to, int64_t step,
                   struct kit_buckets *out)
{
    long double sum = 0;
    out->n = 0;
    for (size_t i = 0; i < p->n; i++) {
        int64_t start = kit_floor(p->s[i].at, step);
        struct kp_bucket *b = out->n ? &out->b[out->n - 1] : NULL;
        if (!b || p->s[i].at >= b->to) {
            assert_true(out->n < 2000);
            b = &out->b[out->n++];
            *b = (struct kp_bucket){ .from = start < from ? from : start, .to = start + step > to ? to : start + step };
            b->points = (struct kp_chunk_summary){ .min = NAN, .max = NAN, .sum = NAN, .first = NAN, .last = NAN };
            sum = 0;
        }
        struct kp_chunk_summary *s = &b->points;
        double x;
        s->n++;
        if (kit_is_bad(&p->s[i]) || !kp_value_number(&p->s[i].value, &x)) {
            s->bad += kit_is_bad(&p->s[i]);
            continue;
        }
        if (!s->good++)
            s->min = s->max = s->first = x;
        s->min = x < s->min ? x : s->min;
        s->max = x > s->max ? x : s->max;
        s->last = x;
        sum += (long double)x;
        s->sum = (double)sum;
    }
    for (size_t i = 0; i < out->n; i++)
        kit_weigh(all, &out->b[i]);
}

KIT bool kit_same(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

KIT bool kit_near(double a, double b)
{
    return kit_same(a, b) || fabs(a - b) <= 1e-9 * (1 + fabs(b));
}

KIT void kit_compare_buckets(const struct kit_buckets *is, const struct kit_buckets *want)
{
    assert_int_equal(is->n, want->n);
    for (size_t i = 0; i < is->n; i++) {
        const struct kp_bucket *a = &is->b[i], *b = &want->b[i];
        const struct kp_chunk_summary *p = &a->points, *q = &b->points;
        assert_int_equal(a->from, b->from);
        assert_int_equal(a->to, b->to);
        assert_int_equal(p->n, q->n);
        assert_int_equal(p->good, q->good);
        assert_int_equal(p->bad, q->bad);
        assert_true(kit_same(p->min, q->min) && kit_same(p->max, q->max));
        assert_true(kit_same(p->first, q->first) && kit_same(p->last, q->last));
        assert_true(kit_near(p->sum, q->sum));
        assert_int_equal(a->good_ns, b->good_ns);
        assert_int_equal(a->bad_ns, b->bad_ns);
        assert_true(kit_near(a->time_mean, b->time_mean));
    }
}

/* The aggregate over a range is what the book gives. */
KIT void kit_check_aggregate(const struct kit *k, struct kp_db *db, kp_signal signal, int64_t from, int64_t to,
                             int64_t step)
{
    static struct kit_buckets is, want;
    struct kp_err err = { 0 };
    is.n = is.stop = 0;
    kp_history_aggregate(db, signal, from, to, step, kit_add_bucket, &is, &err);
    kit_ok(&err);
    struct kit_points p = kit_expect(k, signal, from, to), all = kit_expect(k, signal, INT64_MIN, to);
    kit_naive(&p, &all, from, to, step, &want);
    kit_compare_buckets(&is, &want);
    kit_points_free(&p);
    kit_points_free(&all);
}

/* One number from SQL on a reader of the store. */
KIT int64_t kit_number(struct kit *k, const char *sql)
{
    struct kp_err err = { 0 };
    int64_t n = 0;
    struct kp_db *db = kp_store_reader(k->store, &err);
    kit_ok(&err);
    kp_db_number(db, sql, -1, &n, &err);
    kit_ok(&err);
    kp_store_reader_done(k->store, db);
    return n;
}
#endif
