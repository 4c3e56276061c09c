/* SPDX-License-Identifier: Apache-2.0 */
/* What the signals have in chunks, and which rule of retention counts for each. */
#include "store/retain.h"

#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

enum kp_code kp_stored_next(struct kp_db *db, kp_signal from, struct kp_stored *list, size_t room, size_t *n,
                            struct kp_err *err)
{
    struct kp_stmt *get = kp_db_prepare(db,
                                        "select signal, chunks, points, bytes, t0, t1, exists(select 1 from signal "
                                        "where id = stored.signal) from stored where signal >= ? and chunks > 0 order by signal limit ?",
                                        err);
    *n = 0;
    if (!get)
        return err->code;
    kp_bind_int(get, 1, from);
    kp_bind_int(get, 2, (int64_t)room);
    while (*n < room && kp_step(get, err))
        list[(*n)++] = (struct kp_stored){ .signal = (kp_signal)kp_column_int(get, 0),
                                           .chunks = kp_column_int(get, 1),
                                           .points = kp_column_int(get, 2),
                                           .bytes = kp_column_int(get, 3),
                                           .t0 = kp_column_int(get, 4),
                                           .t1 = kp_column_int(get, 5),
                                           .gone = !kp_column_int(get, 6),
                                           .rule = -1 };
    kp_reset(get);
    return err->code;
}

/* One seek a signal: the table has many rows of each. */
enum kp_code kp_stored_rollups(struct kp_db *db, kp_signal from, struct kp_stored *list, size_t room, size_t *n,
                               struct kp_err *err)
{
    *n = 0;
    while (*n < room && !err->code) {
        struct kp_stmt *get = kp_db_prepare(db,
                                            "select id >> 36, exists(select 1 from signal where id = rollup.id >> 36) "
                                            "from rollup where id >= ? order by id limit 1",
                                            err);
        if (!get)
            break;
        kp_bind_int(get, 1, kp_chunk_id(from, 0));
        if (!kp_step(get, err))
            break;
        list[*n] = (struct kp_stored){ .signal = (kp_signal)kp_column_int(get, 0), .gone = !kp_column_int(get, 1), .rule = -1 };
        from = list[(*n)++].signal + 1;
        kp_reset(get);
    }
    return err->code;
}

/* ---- rules ---- */

static int match(const struct kp_retention *r, const char *path)
{
    for (size_t i = 0; i < r->n; i++)
        if (kp_pattern_match(r->rules[i].pattern, path))
            return (int)i;
    return -1;
}

/* What is no longer in the model has no path: a setting of its own, or the rule that matches every path. */
static int match_removed(const struct kp_retention *r)
{
    for (size_t i = 0; i < r->n && !r->removed; i++)
        if (strcmp(r->rules[i].pattern, "**") == 0)
            return (int)i;
    return -1;
}

void kp_stored_rules(struct kp_store *s, const struct kp_retention *r, struct kp_stored *list, size_t n)
{
    char path[KP_PATH_MAX];
    int removed = match_removed(r);
    struct kp_model *m = s->hub ? kp_hub_model(s->hub) : NULL;
    if (m)
        kp_model_lock(m);
    for (size_t i = 0; i < n; i++) {
        bool known = m && kp_model_signal(m, list[i].signal);
        if (known) /* also one whose row is still on its way to the file */
            list[i].gone = false;
        if (known)
            kp_model_signal_path(m, list[i].signal, path, sizeof path);
        list[i].rule = known ? match(r, path) : list[i].gone ? removed : -1;
    }
    if (m)
        kp_model_unlock(m);
}

int64_t kp_stored_raw(const struct kp_retention *r, const struct kp_stored *one)
{
    if (one->rule >= 0)
        return r->rules[one->rule].raw;
    return one->gone ? r->removed : 0;
}

int64_t kp_stored_rollup_age(const struct kp_retention *r, const struct kp_stored *one)
{
    if (one->rule >= 0)
        return r->rules[one->rule].rollups;
    return one->gone ? r->removed : 0;
}

/* ---- the largest ---- */

struct top {
    struct kp_store *store;
    const char *pattern;
    size_t most;
    struct kp_arena *arena;
    struct kp_usage_list *out;
};

static enum kp_code add(struct top *t, struct kp_usage u, struct kp_err *err)
{
    char path[KP_PATH_MAX];
    struct kp_model *m = t->store->hub ? kp_hub_model(t->store->hub) : NULL;
    if (m)
        kp_model_lock(m);
    bool known = m && kp_model_signal(m, u.signal);
    if (known)
        kp_model_signal_path(m, u.signal, path, sizeof path);
    if (m)
        kp_model_unlock(m);
    if (*t->pattern && !(known && kp_pattern_match(t->pattern, path)))
        return KP_OK;
    t->out->signals++;
    t->out->points += u.points;
    t->out->bytes += u.bytes;
    if (t->out->n == t->most)
        return KP_OK;
    u.path = known ? kp_arena_strdup(t->arena, path) : NULL;
    if (known && !u.path)
        return kp_fail(err, KP_ENOMEM, "out of memory looking at what is stored");
    t->out->top[t->out->n++] = u;
    return KP_OK;
}

static enum kp_code read_top(struct top *t, struct kp_db *db, struct kp_err *err)
{
    struct kp_stmt *get = kp_db_prepare(
        db, "select signal, chunks, points, bytes, t0, t1 from stored where chunks > 0 order by bytes desc, signal", err);
    while (get && !err->code && kp_step(get, err))
        add(t,
            (struct kp_usage){ .signal = (kp_signal)kp_column_int(get, 0),
                               .chunks = kp_column_int(get, 1),
                               .points = kp_column_int(get, 2),
                               .bytes = kp_column_int(get, 3),
                               .t0 = kp_column_int(get, 4),
                               .t1 = kp_column_int(get, 5) },
            err);
    if (get)
        kp_reset(get);
    return err->code;
}

enum kp_code kp_usage_top(struct kp_store *s, const char *pattern, size_t most, struct kp_arena *arena,
                          struct kp_usage_list *out, struct kp_err *err)
{
    struct kp_err failure = { 0 };
    struct top t = { s, pattern, most, arena, out };
    *out = (struct kp_usage_list){ .top = kp_arena_alloc(arena, most * sizeof *out->top) };
    struct kp_db *db = out->top ? kp_store_reader(s, &failure) : NULL;
    if (!out->top)
        kp_fail(&failure, KP_ENOMEM, "out of memory looking at what is stored");
    if (db) {
        read_top(&t, db, &failure);
        kp_store_reader_done(s, db);
    }
    return failure.code ? kp_fail(err, failure.code, "%s", failure.text) : KP_OK;
}
