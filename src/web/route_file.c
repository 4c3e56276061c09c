/* SPDX-License-Identifier: Apache-2.0 */
/* The data file as a whole: SQL, backup, and the declarative file. */
#include "config/apply.h"
#include "web/body.h"
#include "web/routes.h"

#include <stdatomic.h>
#include <string.h>

#include "core/ban.h"

enum { SQL_ROWS_MAX = 100000, SQL_ROWS = 1000, SQL_DEADLINE_MS = 30000 };

/* ---- SQL ---- */

static void put_cell(struct kp_json *j, struct kp_stmt *s, int column)
{
    struct kp_value bytes = { .type = KP_BYTES };
    size_t len;
    switch (kp_column_kind(s, column)) {
    case KP_COLUMN_INT:
        kp_json_int(j, kp_column_int(s, column));
        return;
    case KP_COLUMN_DOUBLE:
        kp_json_double(j, kp_column_double(s, column));
        return;
    case KP_COLUMN_TEXT:
        kp_json_text(j, kp_column_text(s, column));
        return;
    case KP_COLUMN_BLOB:
        bytes.data = kp_column_blob(s, column, &len);
        bytes.len = (uint32_t)len;
        kp_json_value(j, &bytes);
        return;
    case KP_COLUMN_NULL:
        kp_json_null(j);
    }
}

static enum kp_code put_rows(struct kp_request *r, struct kp_stmt *s, int64_t limit, struct kp_err *err)
{
    struct kp_json j = kp_reply_json(r);
    int columns = kp_column_count(s);
    kp_json_begin(&j, '{');
    kp_json_key(&j, "columns");
    kp_json_begin(&j, '[');
    for (int c = 0; c < columns; c++)
        kp_json_text(&j, kp_column_name(s, c));
    kp_json_end(&j, ']');
    kp_json_key(&j, "rows");
    kp_json_begin(&j, '[');
    bool more = false;
    for (int64_t n = 0; !r->reply.body.failed && kp_step(s, err); n++) {
        more = n == limit;
        if (more)
            break;
        kp_json_begin(&j, '[');
        for (int c = 0; c < columns; c++)
            put_cell(&j, s, c);
        kp_json_end(&j, ']');
    }
    kp_json_end(&j, ']');
    kp_json_put_bool(&j, "more", more);
    kp_json_end(&j, '}');
    return err->code;
}

static void interrupt(void *db)
{
    kp_db_interrupt(db);
}

static enum kp_code query(struct kp_request *r, const char *sql, int64_t limit, struct kp_err *err)
{
    struct kp_store *store = kp_node_store(r->node);
    struct kp_db *db = kp_store_reader(store, err);
    if (!db)
        return err->code;
    struct kp_stmt *s = kp_db_query(db, sql, SQL_DEADLINE_MS, err);
    if (s) { /* interrupting counts from here on, not before */
        kp_request_on_gone(r, interrupt, db);
        put_rows(r, s, limit, err);
        kp_request_on_gone(r, NULL, NULL);
        kp_db_finish(s);
    }
    kp_store_reader_done(store, db);
    return err->code;
}

/* SQL sees the whole file, also what was removed, so it is for who may have all of that. */
static enum kp_code check_sql(struct kp_request *r, struct kp_err *err)
{
    bool secret = false;
    if (kp_gate_label(r->to, KP_SECRET) || kp_store_holds_secret(kp_node_store(r->node), &secret, err) || !secret)
        return err->code;
    return kp_fail(err, KP_EDENIED, "something on this node is labelled secret or TLP:RED, and SQL sees everything: a token may not use "
                                    "it; koppel sql on the node can");
}

enum kp_code kp_route_sql(struct kp_request *r, struct kp_err *err)
{
    static const char *const keys[] = { "sql", "limit", NULL };
    json_t *body = kp_body_object(r->body, r->body_len, keys, err);
    const char *sql;
    int64_t limit;
    if (body && !kp_body_text(body, "sql", true, &sql, err) &&
        !kp_body_int(body, "limit", 1, SQL_ROWS_MAX, SQL_ROWS, &limit, err) && !check_sql(r, err))
        query(r, sql, limit, err);
    json_decref(body);
    return err->code;
}

/* ---- backup ---- */

static atomic_flag backing_up = ATOMIC_FLAG_INIT;

struct backup {
    struct kp_request *r;
    int64_t said; /* ns, monotonic: when progress was last told */
};

/* Called in the store's thread between steps of the copy. */
static bool progress(void *arg, int64_t done, int64_t total)
{
    struct backup *b = arg;
    int64_t now = kp_mono(kp_hub_clock(kp_node_hub(b->r->node)));
    if (b->said && now - b->said < 200 * KP_MILLISECOND)
        return !b->r->gone;
    b->said = now;
    struct kp_buf line;
    kp_buf_init(&line, 256);
    struct kp_json j = kp_json(&line);
    kp_json_begin(&j, '{');
    kp_json_put_int(&j, "done", done);
    kp_json_put_int(&j, "total", total);
    kp_json_end(&j, '}');
    kp_buf_str(&line, "\n");
    bool there = kp_flow_add(b->r, kp_buf_text(&line));
    kp_buf_free(&line);
    return there;
}

static void last_line(struct kp_request *r, const char *file, const struct kp_err *err)
{
    struct kp_buf line;
    kp_buf_init(&line, 8192);
    struct kp_json j = kp_json(&line);
    kp_json_begin(&j, '{');
    kp_json_put_bool(&j, "ok", !err->code);
    if (err->code) {
        kp_json_put_text(&j, "error", kp_code_word(err->code));
        kp_json_put_text(&j, "message", err->text);
    } else {
        kp_json_put_text(&j, "file", file);
    }
    kp_json_end(&j, '}');
    kp_buf_str(&line, "\n");
    kp_flow_add(r, kp_buf_text(&line));
    kp_buf_free(&line);
}

static enum kp_code back_up(struct kp_request *r, const char *file, struct kp_err *err)
{
    if (file[0] != '/')
        return kp_fail(err, KP_EINVALID, "file must be an absolute path, not '%.120s'", file);
    if (atomic_flag_test_and_set(&backing_up))
        return kp_fail(err, KP_EEXISTS, "a backup is running already");
    struct backup b = { .r = r };
    if (!kp_flow_begin(r, "application/x-ndjson", (struct kp_flow){ 0 }, err)) {
        struct kp_err failure = { 0 };
        kp_store_backup(kp_node_store(r->node), file, progress, &b, &failure);
        last_line(r, file, &failure);
    }
    atomic_flag_clear(&backing_up);
    return err->code;
}

enum kp_code kp_route_backup(struct kp_request *r, struct kp_err *err)
{
    static const char *const keys[] = { "file", NULL };
    json_t *body = kp_body_object(r->body, r->body_len, keys, err);
    const char *file;
    if (body && !kp_body_text(body, "file", true, &file, err))
        back_up(r, file, err);
    json_decref(body);
    return err->code;
}

/* ---- the declarative file ---- */

enum { PLAN_MAX = 16 << 20 };

enum kp_code kp_route_apply(struct kp_request *r, struct kp_err *err)
{
    const char *name = kp_arg_text(r, "name");
    bool dry_run = kp_arg_int(r, "dryRun");
    if (!r->body_len)
        return kp_fail(err, KP_EINVALID, "the body is missing: send the file to apply");
    struct kp_buf plan;
    kp_buf_init(&plan, PLAN_MAX);
    const struct kp_applier by = { r->to, r->who.role };
    if (!kp_apply(r->node, by, r->body, r->body_len, name && *name ? name : "factory.yaml", dry_run,
                  kp_arg_int(r, "prune"), &plan, err)) {
        struct kp_json j = kp_reply_json(r);
        kp_json_begin(&j, '{');
        kp_json_key(&j, "plan");
        kp_json_raw(&j, kp_buf_text(&plan));
        kp_json_put_bool(&j, "applied", !dry_run);
        kp_json_end(&j, '}');
        if (plan.failed)
            kp_fail(err, KP_ENOMEM, "out of memory writing the plan");
    }
    kp_buf_free(&plan);
    return err->code;
}

enum kp_code kp_route_export(struct kp_request *r, struct kp_err *err)
{
    r->reply.type = "application/yaml; charset=utf-8";
    return kp_export(r->node, r->to, &r->reply.body, err);
}
