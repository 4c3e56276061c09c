/* SPDX-License-Identifier: Apache-2.0 */
#include "store/repair.h"

#include "store/engine.h"
#include "store/rollup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/ban.h"

enum { SQL = 1024, COLUMNS = 40 };

struct repair {
    struct kp_db *from, *to;
    int losses;
    bool signals_lost; /* of the table signal itself */
    void (*lost)(void *, const char *what);
    void *arg;
    struct kp_err *err; /* of the copy: nothing can go on */
    struct kp_arena names, texts;
    struct kp_sample *points; /* KP_CHUNK_MAX */
    struct kp_chunk_summary buckets[KP_ROLLUP_BUCKETS];
};

static void tell(struct repair *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void tell(struct repair *r, const char *fmt, ...)
{
    char text[2 * KP_ERR_TEXT];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    kp_utf8_trim(text);
    r->losses++;
    r->lost(r->arg, text);
}

/* ---- rows, from both ends ---- */

/* Reads `sql` with "asc", and when that fails "desc" down to what is there already. `take` puts a row into the copy and is
 * false when it was there. */
static void read_rows(struct repair *r, const char *sql_up, const char *sql_down, const char *what,
                      bool (*take)(struct repair *, struct kp_stmt *row, void *arg), void *arg)
{
    struct kp_err damage = { 0 }, more = { 0 };
    struct kp_stmt *row = kp_db_prepare(r->from, sql_up, &damage);
    while (row && !r->err->code && kp_step(row, &damage))
        take(r, row, arg);
    if (row)
        kp_reset(row);
    if (!damage.code || r->err->code)
        return;
    row = kp_db_prepare(r->from, sql_down, &more);
    while (row && !r->err->code && kp_step(row, &more))
        if (!take(r, row, arg))
            break;
    if (row)
        kp_reset(row);
    tell(r, "%s: some rows cannot be read (%s)", what, damage.text);
}

/* ---- tables as they are ---- */

struct table {
    const char *name;
    struct kp_stmt *put;
    int columns;
};

static void bind_column(struct kp_stmt *to, int index, struct kp_stmt *from, int column)
{
    size_t len;
    switch (kp_column_kind(from, column)) {
    case KP_COLUMN_INT:
        kp_bind_int(to, index, kp_column_int(from, column));
        break;
    case KP_COLUMN_DOUBLE:
        kp_bind_double(to, index, kp_column_double(from, column));
        break;
    case KP_COLUMN_TEXT:
        kp_bind_text(to, index, kp_column_text(from, column));
        break;
    case KP_COLUMN_BLOB: {
        const void *data = kp_column_blob(from, column, &len);
        kp_bind_blob(to, index, len ? data : "", len);
        break;
    }
    default:
        kp_bind_text(to, index, NULL);
    }
}

/* A row that the copy's constraints refuse is one that damage made. */
static bool copy_row(struct repair *r, struct kp_stmt *row, void *arg)
{
    struct table *t = arg;
    struct kp_err refused = { 0 };
    for (int i = 0; i < t->columns; i++)
        bind_column(t->put, i + 1, row, i);
    if (kp_run(t->put, &refused) == KP_OK)
        return kp_db_changes(r->to) > 0;
    tell(r, "%s: a row is left out: %s", t->name, refused.text);
    return true;
}

/* Journal rows and last values count when they decode. */
static bool row_decodes(struct repair *r, const struct table *t, struct kp_stmt *row)
{
    int data = strcmp(t->name, "journal") == 0 ? 1 : strcmp(t->name, "snapshot") == 0 ? 2 : -1;
    struct kp_row_reader reader;
    struct kp_err err = { 0 };
    const uint8_t *block;
    size_t len, size;
    if (data < 0)
        return true;
    const void *blob = kp_column_blob(row, data, &len);
    if (!kp_row_open(&reader, blob, len, &err))
        while (!err.code && kp_row_next(&reader, &block, &size)) {
            struct kp_block_reader points = { 0 };
            struct kp_sample sample;
            kp_block_open(&points, reader.signal, reader.base, block, size);
            while (kp_block_next(&points, &sample, &err))
                ;
        }
    if (err.code)
        tell(r, "%s row %" PRId64 ": %s", t->name, kp_column_int(row, 0), err.text);
    return !err.code;
}

static bool take_row(struct repair *r, struct kp_stmt *row, void *arg)
{
    return !row_decodes(r, arg, row) || copy_row(r, row, arg);
}

/* "a, b, c" of the columns that both files have, and "a desc, b desc" of the primary key. */
static int columns_of(struct repair *r, const char *table, char names[SQL], char marks[SQL], char up[SQL], char down[SQL])
{
    char sql[SQL];
    int n = 0;
    size_t used = 0, keys = 0, key_used = 0;
    snprintf(sql, sizeof sql, "select a.name, a.pk from pragma_table_info('%s') a order by a.cid", table);
    struct kp_stmt *row = kp_db_prepare(r->to, sql, r->err);
    names[0] = marks[0] = up[0] = down[0] = 0;
    while (row && kp_step(row, r->err) && n < COLUMNS) {
        const char *name = kp_column_text(row, 0);
        char has[SQL];
        int64_t there = 0;
        snprintf(has, sizeof has, "select count(*) from pragma_table_info('%s') where name = '%s'", table, name);
        kp_db_number(r->from, has, 0, &there, &(struct kp_err){ 0 });
        if (!there)
            continue;
        used += (size_t)snprintf(names + used, SQL - used, "%s\"%s\"", n ? ", " : "", name);
        snprintf(marks + strlen(marks), SQL - strlen(marks), n ? ", ?" : "?");
        if (kp_column_int(row, 1)) {
            snprintf(up + strlen(up), SQL - strlen(up), "%s\"%s\"", keys ? ", " : "", name);
            key_used += (size_t)snprintf(down + key_used, SQL - key_used, "%s\"%s\" desc", keys++ ? ", " : "", name);
        }
        n++;
    }
    if (row)
        kp_reset(row);
    return n;
}

static void copy_table(struct repair *r, const char *name)
{
    char names[SQL], marks[SQL], key[SQL], key_down[SQL], put[3 * SQL], up[3 * SQL], down[3 * SQL];
    struct table t = { .name = name };
    t.columns = columns_of(r, name, names, marks, key, key_down);
    if (!t.columns || r->err->code)
        return; /* a table that the older file has not */
    snprintf(put, sizeof put, "insert or ignore into %s(%s) values(%s)", name, names, marks);
    snprintf(up, sizeof up, "select %s from %s order by %s", names, name, key);
    snprintf(down, sizeof down, "select %s from %s order by %s", names, name, key_down);
    t.put = kp_db_prepare(r->to, put, r->err);
    if (t.put)
        read_rows(r, up, down, name, take_row, &t);
}

/* ---- chunks ---- */

struct signal {
    kp_signal id;
    char path[200];
};

static enum kp_code mark_blocks(struct repair *r, kp_signal signal, size_t n)
{
    for (int level = 0; level < KP_ROLLUP_LEVELS; level++) {
        int64_t done = -1;
        for (size_t i = 0; i < n; i++) {
            int64_t block = kp_rollup_block(level, r->points[i].at);
            if (block < 0 || block == done)
                continue;
            if (kp_rollup_mark_block(r->to, signal, level, block, r->err))
                return r->err->code;
            done = block;
        }
    }
    return KP_OK;
}

/* Columns: id, t0, t1, seq, n, data. */
static bool take_chunk(struct repair *r, struct kp_stmt *row, void *arg)
{
    const struct signal *s = arg;
    struct kp_err damage = { 0 };
    struct kp_chunk_summary sum;
    size_t len, n;
    const void *data = kp_column_blob(row, 5, &len);
    if (kp_chunk_decode(data, len, s->id, r->points, &n, &r->texts, &damage)) {
        char from[KP_TIME_TEXT], to[KP_TIME_TEXT];
        kp_time_print(kp_column_int(row, 1), from);
        kp_time_print(kp_column_int(row, 2), to);
        tell(r, "signal %u (%s): %" PRId64 " points from %s to %s: %s", (unsigned)s->id, s->path, kp_column_int(row, 4), from, to,
             damage.text);
        kp_arena_reset(&r->texts);
        return true;
    }
    kp_chunk_summarise(r->points, n, &sum);
    kp_arena_reset(&r->texts);
    kp_chunk_insert(r->to, kp_column_int(row, 0), (uint64_t)kp_column_int(row, 3), &sum, data, len, r->err);
    bool is_new = kp_db_changes(r->to) > 0;
    if (is_new && !r->err->code)
        mark_blocks(r, s->id, n);
    return is_new;
}

static void copy_chunks(struct repair *r, const struct signal *s)
{
    char up[SQL], down[SQL], what[300];
    static const char sql[] = "select id, t0, t1, seq, n, data from chunk where id between %" PRId64 " and %" PRId64 " order by id%s";
    int64_t low = (int64_t)s->id << 36, high = low | ((INT64_C(1) << 36) - 1);
    snprintf(up, sizeof up, sql, low, high, "");
    snprintf(down, sizeof down, sql, low, high, " desc");
    snprintf(what, sizeof what, "chunks of signal %u (%s)", (unsigned)s->id, s->path);
    read_rows(r, up, down, what, take_chunk, (void *)(uintptr_t)s);
}

/* Signals by their numbers: what the model has, and what the totals remember of removed ones. */
static bool add_stored(struct repair *r, struct kp_stmt *row, void *arg)
{
    (void)arg;
    struct kp_stmt *put = kp_db_prepare(r->to, "insert or ignore into stored(signal, chunks, points, bytes, t0, t1, writes, cut) "
                                               "values(?, 0, 0, 0, 0, 0, ?, ?)", r->err);
    for (int i = 0; put && i < 3; i++)
        bind_column(put, i + 1, row, i);
    return put && !kp_run(put, r->err) && kp_db_changes(r->to) > 0;
}

static void copy_history(struct repair *r, int64_t version)
{
    struct signal s = { 0 };
    if (version >= 2)
        read_rows(r, "select signal, writes, cut from stored order by signal",
                  "select signal, writes, cut from stored order by signal desc", "stored", add_stored, NULL);
    for (;;) {
        char sql[SQL];
        struct kp_err none = { 0 };
        snprintf(sql, sizeof sql, "select min(id) from (select id from signal where id > %u union select signal from stored where "
                                  "signal > %u)", (unsigned)s.id, (unsigned)s.id);
        int64_t next = 0;
        if (r->err->code || kp_db_number(r->to, sql, 0, &next, r->err) || !next)
            return;
        s.id = (kp_signal)next;
        struct kp_stmt *row = kp_db_prepare(r->to, "select name from signal where id = ?", &none);
        snprintf(s.path, sizeof s.path, "removed");
        if (row)
            kp_bind_int(row, 1, s.id);
        if (row && kp_step(row, &none))
            snprintf(s.path, sizeof s.path, "%s", kp_column_text(row, 0));
        if (row)
            kp_reset(row);
        copy_chunks(r, &s);
    }
}

/* ---- what follows from chunks ---- */

static void count_chunks(struct repair *r)
{
    kp_db_exec(r->to,
               "insert into stored(signal, chunks, points, bytes, t0, t1) select id >> 36, count(*), sum(n), sum(length(data)), "
               "min(t0), max(t1) from chunk where true group by 1 on conflict(signal) do update set chunks = excluded.chunks, "
               "points = excluded.points, bytes = excluded.bytes, t0 = excluded.t0, t1 = excluded.t1;"
               "insert into next_id(kind, value) select 'signal', coalesce(max(signal), 0) + 1 from stored where true "
               "on conflict(kind) do update set value = max(value, excluded.value)",
               r->err);
}

static void set_spans(struct repair *r)
{
    kp_db_exec(r->to,
               "update signal set span = max(span, coalesce((select max((max(c.t1, 946684800000000000) - max(c.t0, "
               "946684800000000000)) / 125000000 + 1) from chunk c where c.id >= signal.id << 36 and c.id < (signal.id + 1) << 36), "
               "0))",
               r->err);
}

/* Where points have been deleted by age rollups are all there is; the others are made anew. */
static bool take_rollup(struct repair *r, struct kp_stmt *row, void *arg)
{
    int64_t id = kp_column_int(row, 0), block = id & KP_ROLLUP_BLOCK, cut = INT64_MIN;
    int level = (int)(id >> 35 & 1);
    struct kp_err damage = { 0 };
    size_t len, n;
    char sql[SQL];
    (void)arg;
    snprintf(sql, sizeof sql, "select cut from stored where signal = %" PRId64, id >> 36);
    if (kp_db_number(r->to, sql, INT64_MIN, &cut, r->err) || kp_rollup_start(level, block) >= cut)
        return true;
    const void *data = kp_column_blob(row, 1, &len);
    if (kp_rollup_decode(data, len, level, block, r->buckets, &n, &damage)) {
        tell(r, "rollup %" PRId64 " of signal %" PRId64 ": %s", id, id >> 36, damage.text);
        return true;
    }
    struct kp_stmt *put = kp_db_prepare(r->to, "insert or ignore into rollup(id, data) values(?, ?)", r->err);
    if (!put)
        return false;
    kp_bind_int(put, 1, id);
    kp_bind_blob(put, 2, data, len);
    return !kp_run(put, r->err) && kp_db_changes(r->to) > 0;
}

/* Numbers of couplings are never used again. */
static void keep_sequence(struct repair *r)
{
    struct kp_err none = { 0 };
    int64_t last = 0;
    char sql[SQL];
    kp_db_number(r->from, "select seq from sqlite_sequence where name = 'coupling'", 0, &last, &none);
    snprintf(sql, sizeof sql,
             "delete from sqlite_sequence where name = 'coupling';"
             "insert into sqlite_sequence(name, seq) select 'coupling', max(%" PRId64 ", (select coalesce(max(id), 0) from coupling))",
             last);
    if (!r->err->code)
        kp_db_exec(r->to, sql, r->err);
}

/* ---- the whole ---- */

static bool is_made_anew(const char *table)
{
    static const char *const names[] = { "chunk", "rollup", "rollup_due", "stored", "shop_day" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i], table) == 0)
            return true;
    return false;
}

static void copy_tables(struct repair *r)
{
    const char *names[64];
    size_t n = 0;
    struct kp_stmt *row = kp_db_prepare(
        r->to, "select name from sqlite_schema where type = 'table' and name not like 'sqlite_%' order by name", r->err);
    while (row && kp_step(row, r->err) && n < 64) {
        const char *name = kp_column_text(row, 0);
        if (!is_made_anew(name) && !(names[n++] = kp_arena_strdup(&r->names, name)))
            kp_fail(r->err, KP_ENOMEM, "out of memory repairing");
    }
    if (row)
        kp_reset(row);
    for (size_t i = 0; i < n && !r->err->code; i++) {
        int before = r->losses;
        copy_table(r, names[i]);
        if (strcmp(names[i], "signal") == 0)
            r->signals_lost = r->losses > before;
    }
}

/* What lay under an asset that is lost lies under one named lost-NUMBER; a signal of which only the points are left is one
 * of the asset "lost". */
static void mend_tree(struct repair *r)
{
    kp_db_exec(r->to,
               "insert into asset(id, parent, name, kind, label) select id, 0, 'lost-' || id, 'folder', 'inherit' from "
               "(select parent id from asset union select asset from signal) where id <> 0 and id not in (select id from asset)",
               r->err);
    if (r->signals_lost && !r->err->code)
        kp_db_exec(r->to,
                   "insert into asset(parent, name, kind, label) select 0, 'lost', 'folder', 'inherit' where exists(select 1 from "
                   "stored where chunks > 0 and signal not in (select id from signal));"
                   "insert into signal(id, asset, name, type, label, stored, writable, coupling) select signal, (select max(id) "
                   "from asset), 'lost-' || signal, 'null', 'inherit', 1, 0, 0 from stored where chunks > 0 and signal not in "
                   "(select id from signal)",
                   r->err);
}

static enum kp_code copy_all(struct repair *r)
{
    int64_t version = 0;
    kp_db_number(r->from, "pragma user_version", 0, &version, r->err);
    kp_db_exec(r->to, "begin immediate; delete from setting", r->err);
    copy_tables(r);
    if (!r->err->code)
        copy_history(r, version);
    if (!r->err->code)
        count_chunks(r);
    if (!r->err->code)
        mend_tree(r);
    if (!r->err->code)
        set_spans(r);
    if (!r->err->code && version >= 2)
        read_rows(r, "select id, data from rollup order by id", "select id, data from rollup order by id desc", "rollup", take_rollup,
                  NULL);
    keep_sequence(r);
    return r->err->code ? r->err->code : kp_db_exec(r->to, "commit", r->err);
}

static enum kp_code open_copy(struct repair *r, const char *part)
{
    char mark[64];
    int fd = open(part, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return kp_fail(r->err, KP_EIO, "make %s: %s", part, strerror(errno));
    close(fd);
    r->to = kp_db_open(part, KP_DB_NEW, r->err);
    snprintf(mark, sizeof mark, "pragma application_id=%d", KP_APPLICATION_ID);
    return !r->to || kp_db_exec(r->to, mark, r->err) || kp_schema_create(r->to, r->err) ? r->err->code : KP_OK;
}

static void run(struct repair *r, const char *file, const char *part, const char *out)
{
    r->points = kp_alloc(KP_CHUNK_MAX * sizeof *r->points);
    if (!r->points)
        kp_fail(r->err, KP_ENOMEM, "out of memory repairing %s", file);
    else if ((r->from = kp_store_open_reader(file, r->err)) && !open_copy(r, part) && !copy_all(r))
        kp_db_checkpoint(r->to, true, r->err);
    kp_store_close_reader(r->from);
    kp_db_close(r->to);
    kp_arena_free(&r->names);
    kp_arena_free(&r->texts);
    kp_free(r->points);
    if (!r->err->code && !kp_file_sync(part, r->err) && link(part, out))
        kp_fail(r->err, errno == EEXIST ? KP_EEXISTS : KP_EIO, "make %s: %s", out, strerror(errno));
    if (!r->err->code)
        kp_file_sync_folder(out, r->err);
}

int kp_store_repair(const char *file, const char *out, void (*lost)(void *, const char *what), void *arg, struct kp_err *err)
{
    struct kp_err failure = { 0 };
    struct repair r = { .lost = lost, .arg = arg, .err = &failure };
    char part[KP_FILE_PATH];
    int n = snprintf(part, sizeof part, "%s.part", out);
    if (n < 0 || n >= (int)sizeof part)
        kp_fail(&failure, KP_EINVALID, "the name of the copy is too long");
    else if (access(out, F_OK) == 0)
        kp_fail(&failure, KP_EEXISTS, "%s is there already", out);
    else {
        run(&r, file, part, out);
        kp_file_remove(part, true);
    }
    if (failure.code)
        kp_fail(err, failure.code, "%s", failure.text);
    return failure.code ? -1 : r.losses;
}
