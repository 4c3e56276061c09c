/* SPDX-License-Identifier: Apache-2.0 */
#include "store/retain.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

/* ---- reading ---- */

static int64_t setting(struct kp_db *db, struct kp_arena *arena, const char *key,
                       bool (*parse)(const char *, int64_t *))
{
    int64_t n = 0;
    const char *text = kp_setting_get(db, arena, key);
    return text && parse(text, &n) && n > 0 ? n : 0; /* what cannot be read deletes nothing */
}

static enum kp_code read_rules(struct kp_db *db, struct kp_arena *arena, struct kp_retention *r, struct kp_err *err)
{
    struct kp_err failure = { 0 };
    struct kp_stmt *get = kp_db_prepare(
        db, "select pattern, raw, rollups, bytes from retention order by position limit 1000", &failure);
    r->rules = kp_arena_alloc(arena, KP_RETENTION_RULES_MAX * sizeof *r->rules);
    if (!r->rules)
        kp_fail(&failure, KP_ENOMEM, "out of memory reading the rules of retention");
    while (get && !failure.code && kp_step(get, &failure)) {
        struct kp_retention_rule *rule = &r->rules[r->n++];
        *rule = (struct kp_retention_rule){ kp_arena_strdup(arena, kp_column_text(get, 0)), kp_column_int(get, 1),
                                            kp_column_int(get, 2), kp_column_int(get, 3) };
        if (!rule->pattern)
            kp_fail(&failure, KP_ENOMEM, "out of memory reading the rules of retention");
    }
    if (get)
        kp_reset(get);
    return failure.code ? kp_fail(err, failure.code, "%s", failure.text) : KP_OK;
}

enum kp_code kp_retention_read(struct kp_db *db, struct kp_arena *arena, struct kp_retention *r, struct kp_err *err)
{
    *r = (struct kp_retention){ 0 };
    enum kp_code code = kp_db_read_begin(db, err);
    if (code)
        return code;
    code = read_rules(db, arena, r, err);
    r->removed = setting(db, arena, "removed-age", kp_duration_parse);
    r->intervals = setting(db, arena, "interval-age", kp_duration_parse);
    r->disk = setting(db, arena, "disk-budget", kp_size_parse);
    kp_db_read_end(db);
    return code;
}

/* ---- changing ---- */

static enum kp_code check_rule(const struct kp_retention *r, size_t i, struct kp_err *err)
{
    const struct kp_retention_rule *rule = &r->rules[i];
    const char *why = NULL;
    if (!*rule->pattern || !kp_pattern_valid(rule->pattern))
        why = "this is no pattern such as hall/mill or **/vibration";
    else if (rule->raw < 0 || rule->rollups < 0 || rule->bytes < 0)
        why = "ages and sizes are not negative";
    else if (!rule->raw && rule->rollups)
        why = "points are kept for ever, so rollups must be too";
    else if (rule->rollups && rule->rollups < rule->raw)
        why = "rollups must be kept at least as long as points";
    for (size_t k = 0; k < i && !why; k++)
        if (strcmp(r->rules[k].pattern, rule->pattern) == 0)
            why = "an earlier rule has the same pattern";
    return why ? kp_fail(err, KP_EINVALID, "rule %zu '%.100s': %s", i + 1, rule->pattern, why) : KP_OK;
}

enum kp_code kp_retention_check(const struct kp_retention *r, struct kp_err *err)
{
    if (r->n > KP_RETENTION_RULES_MAX)
        return kp_fail(err, KP_EINVALID, "more than %d rules of retention", KP_RETENTION_RULES_MAX);
    for (size_t i = 0; i < r->n; i++)
        if (check_rule(r, i, err))
            return err->code;
    if (r->removed < 0 || r->intervals < 0 || r->disk < 0)
        return kp_fail(err, KP_EINVALID, "ages and sizes are not negative");
    return KP_OK;
}

static enum kp_code put_rule(struct kp_db *db, const struct kp_retention_rule *rule, size_t position, struct kp_err *err)
{
    struct kp_stmt *put = kp_db_prepare(
        db, "insert into retention(position, pattern, raw, rollups, bytes) values(?, ?, ?, ?, ?)", err);
    if (!put)
        return err->code;
    kp_bind_int(put, 1, (int64_t)position);
    kp_bind_text(put, 2, rule->pattern);
    kp_bind_int(put, 3, rule->raw);
    kp_bind_int(put, 4, rule->rollups);
    kp_bind_int(put, 5, rule->bytes);
    return kp_run(put, err);
}

static enum kp_code put_setting(struct kp_db *db, const char *key, int64_t value,
                                void (*print)(int64_t, char *, size_t), struct kp_err *err)
{
    char text[40];
    print(value, text, sizeof text);
    return kp_setting_put(db, key, value ? text : NULL, err);
}

static enum kp_code put_all(struct kp_db *db, void *arg, struct kp_err *err)
{
    const struct kp_retention *r = arg;
    enum kp_code code = kp_db_exec(db, "delete from retention", err);
    for (size_t i = 0; i < r->n && !code; i++)
        code = put_rule(db, &r->rules[i], i + 1, err);
    if (!code)
        code = put_setting(db, "removed-age", r->removed, kp_duration_exact, err);
    if (!code)
        code = put_setting(db, "interval-age", r->intervals, kp_duration_exact, err);
    return code ? code : put_setting(db, "disk-budget", r->disk, kp_size_exact, err);
}

enum kp_code kp_retention_put(struct kp_store *s, const struct kp_retention *r, struct kp_err *err)
{
    struct kp_retention copy = *r;
    enum kp_code code = kp_retention_check(r, err);
    return code ? code : kp_store_do(s, put_all, &copy, err);
}

/* ---- what it comes to ---- */

enum { EXACT_ROWS = 1000000 };

struct report {
    const struct kp_retention *r;
    struct kp_db *db;
    struct kp_retention_share *share;
    int64_t now, rows; /* rows: of chunks counted so far */
    struct kp_err *err;
};

static struct kp_retention_share *share_of(struct report *p, const struct kp_stored *one)
{
    return &p->share[one->rule >= 0 ? (size_t)one->rule : p->r->n + one->gone];
}

/* The part of a signal that ends before `before`, counted or, with very many chunks counted, by its share of time. */
static void count_expired(struct report *p, const struct kp_stored *one, int64_t before, int64_t *points, int64_t *bytes)
{
    *points = *bytes = 0;
    if (one->t0 >= before)
        return;
    if (one->t1 < before) {
        *points = one->points;
        *bytes = one->bytes;
        return;
    }
    if (p->rows > EXACT_ROWS) {
        double part = ((double)before - (double)one->t0) / ((double)one->t1 - (double)one->t0 + 1);
        *points = (int64_t)(part * (double)one->points);
        *bytes = (int64_t)(part * (double)one->bytes);
        return;
    }
    struct kp_stmt *sum = kp_db_prepare(
        p->db, "select count(*), sum(n), sum(length(data)) from chunk where id between ? and ? and t1 < ?", p->err);
    if (!sum)
        return;
    kp_bind_int(sum, 1, kp_chunk_id(one->signal, 0));
    kp_bind_int(sum, 2, kp_chunk_id(one->signal, kp_chunk_tick(before)));
    kp_bind_int(sum, 3, before);
    if (kp_step(sum, p->err)) {
        p->rows += kp_column_int(sum, 0);
        *points = kp_column_int(sum, 1);
        *bytes = kp_column_int(sum, 2);
        kp_reset(sum);
    }
}

static void add_signal(struct report *p, const struct kp_stored *one)
{
    struct kp_retention_share *share = share_of(p, one);
    int64_t age = kp_stored_raw(p->r, one), points = 0, bytes = 0;
    if (age)
        count_expired(p, one, p->now - age, &points, &bytes);
    share->signals++;
    share->points += one->points;
    share->bytes += one->bytes;
    share->free_points += points;
    share->free_bytes += bytes;
    if (one->t0 < share->oldest)
        share->oldest = one->t0;
}

static void add_rollups(struct report *p, const struct kp_stored *one)
{
    int64_t age = kp_stored_rollup_age(p->r, one);
    for (int level = 0; age && level < KP_ROLLUP_LEVELS; level++) {
        int64_t end = kp_rollup_block(level, p->now - age);
        struct kp_stmt *count = kp_db_prepare(p->db, "select count(*) from rollup where id >= ? and id < ?", p->err);
        if (!count)
            return;
        kp_bind_int(count, 1, kp_rollup_id(one->signal, level, 0));
        kp_bind_int(count, 2, kp_rollup_id(one->signal, level, end > 0 ? end : 0));
        if (kp_step(count, p->err))
            share_of(p, one)->free_rollups += kp_column_int(count, 0);
        kp_reset(count);
    }
}

typedef enum kp_code next_fn(struct kp_db *, kp_signal, struct kp_stored *, size_t, size_t *, struct kp_err *);

static enum kp_code each_signal(struct kp_store *s, struct report *p, next_fn *next,
                                void (*add)(struct report *, const struct kp_stored *))
{
    struct kp_stored *list = kp_alloc(KP_STORED_SLICE * sizeof *list);
    size_t n = KP_STORED_SLICE;
    kp_signal from = 0;
    if (!list)
        return kp_fail(p->err, KP_ENOMEM, "out of memory looking at what is stored");
    while (n == KP_STORED_SLICE && !next(p->db, from, list, KP_STORED_SLICE, &n, p->err)) {
        kp_stored_rules(s, p->r, list, n);
        for (size_t i = 0; i < n && !p->err->code; i++)
            add(p, &list[i]);
        from = n ? list[n - 1].signal + 1 : from;
    }
    kp_free(list);
    return p->err->code;
}

/* What the sizes of the rules free beyond their ages. */
static void add_sizes(const struct kp_retention *r, struct kp_retention_share *share)
{
    for (size_t i = 0; i < r->n; i++) {
        int64_t left = share[i].bytes - share[i].free_bytes, over = left - r->rules[i].bytes;
        if (!r->rules[i].bytes || over <= 0)
            continue;
        int64_t points = share[i].points - share[i].free_points;
        share[i].free_points += (int64_t)((double)points * (double)over / (double)left);
        share[i].free_bytes += over;
    }
}

enum kp_code kp_retention_report(struct kp_store *s, const struct kp_retention *r, struct kp_retention_share *share,
                                 bool *about, struct kp_err *err)
{
    struct kp_err failure = { 0 };
    struct report p = { .r = r, .share = share, .now = kp_utc(s->clock), .err = &failure };
    for (size_t i = 0; i < r->n + 2; i++)
        share[i] = (struct kp_retention_share){ .oldest = KP_FOREVER };
    p.db = kp_store_reader(s, &failure);
    if (p.db && !each_signal(s, &p, kp_stored_next, add_signal) &&
        !each_signal(s, &p, kp_stored_rollups, add_rollups))
        add_sizes(r, share);
    *about = p.rows > EXACT_ROWS;
    if (p.db)
        kp_store_reader_done(s, p.db);
    return failure.code ? kp_fail(err, failure.code, "%s", failure.text) : KP_OK;
}
