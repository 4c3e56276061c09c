/* SPDX-License-Identifier: Apache-2.0 */
/* A new catalogue is written under the coupling's negated number, which no reader asks for, in
 * small transactions that let samples pass between them; the last one puts it in the old one's
 * place. */
#include "couplings/catalogue.h"

#include "core/text.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { SLICE = 2000 };

struct replacement {
    int64_t coupling;
    bool pending; /* not in force yet */
    const struct kp_catalogue_node *list;
    size_t n;
};

/* ---- writing ---- */
static enum kp_code run_for(struct kp_db *db, const char *sql, int64_t coupling, struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(db, sql, err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, coupling);
    return kp_run(s, err);
}

static enum kp_code drop_pending(struct kp_db *db, void *arg, struct kp_err *err)
{
    const struct replacement *r = arg;
    return run_for(db, "delete from node where coupling = -?1", r->coupling, err);
}

static enum kp_code put_slice(struct kp_db *db, void *arg, struct kp_err *err)
{
    const struct replacement *r = arg;
    for (size_t i = 0; i < r->n && !err->code; i++) {
        const struct kp_catalogue_node *n = &r->list[i];
        struct kp_stmt *s =
            kp_db_prepare(db,
                          "insert or replace into node(coupling, source, path, type, unit,"
                          " description, access, role, kind) values(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                          err);
        if (!s)
            break;
        kp_bind_int(s, 1, r->pending ? -r->coupling : r->coupling);
        kp_bind_text(s, 2, n->source);
        kp_bind_text(s, 3, n->path);
        kp_bind_text(s, 4, n->type);
        kp_bind_text(s, 5, n->unit);
        kp_bind_text(s, 6, n->description);
        kp_bind_int(s, 7, n->access);
        kp_bind_text(s, 8, n->role);
        kp_bind_text(s, 9, n->kind);
        kp_run(s, err);
    }
    return err->code;
}

static enum kp_code put_in_force(struct kp_db *db, void *arg, struct kp_err *err)
{
    const struct replacement *r = arg;
    if (run_for(db, "delete from node where coupling = ?1", r->coupling, err))
        return err->code;
    return run_for(db, "update node set coupling = ?1 where coupling = -?1", r->coupling, err);
}

static enum kp_code put_all(struct kp_store *store, struct replacement *r, const struct kp_catalogue_node *list, size_t n,
                            struct kp_err *err)
{
    enum kp_code code = KP_OK;
    for (size_t i = 0; i < n && !code; i += SLICE) {
        r->list = list + i;
        r->n = n - i < SLICE ? n - i : SLICE;
        code = kp_store_do(store, put_slice, r, err);
    }
    return code;
}

enum kp_code kp_catalogue_replace(struct kp_store *store, uint16_t coupling,
                                  const struct kp_catalogue_node *list, size_t n,
                                  struct kp_err *err)
{
    struct replacement r = { .coupling = coupling, .pending = true };
    enum kp_code code = kp_store_do(store, drop_pending, &r, err);
    if (!code)
        code = put_all(store, &r, list, n, err);
    return code ? code : kp_store_do(store, put_in_force, &r, err);
}

enum kp_code kp_catalogue_add(struct kp_store *store, uint16_t coupling, const struct kp_catalogue_node *list, size_t n,
                              struct kp_err *err)
{
    struct replacement r = { .coupling = coupling };
    return put_all(store, &r, list, n, err);
}

/* ---- reading ---- */
static const char *const columns =
    "select n.source, n.path, n.type, n.unit, n.description, n.role, n.access,"
    " s.source is not null, n.kind from node n left join"
    " (select distinct source from signal where coupling = ?1) s on s.source = n.source";

static struct kp_catalogue_node node_of(struct kp_stmt *s)
{
    return (struct kp_catalogue_node){
        .source = kp_column_text(s, 0),
        .path = kp_column_text(s, 1),
        .type = kp_column_text(s, 2),
        .unit = kp_column_text(s, 3),
        .description = kp_column_text(s, 4),
        .role = kp_column_text(s, 5),
        .access = (uint8_t)kp_column_int(s, 6),
        .subscribed = kp_column_int(s, 7),
        .kind = kp_column_text(s, 8),
    };
}

static struct kp_stmt *ask(struct kp_db *db, const char *where, uint16_t coupling, const char *text,
                           struct kp_err *err)
{
    struct kp_buf sql;
    kp_buf_init(&sql, 1024);
    kp_buf_str(&sql, columns);
    kp_buf_str(&sql, where);
    struct kp_stmt *s = NULL;
    if (sql.failed)
        kp_fail(err, KP_ENOMEM, "out of memory");
    else
        s = kp_db_prepare(db, kp_buf_text(&sql), err);
    kp_buf_free(&sql);
    if (s) {
        kp_bind_int(s, 1, coupling);
        kp_bind_text(s, 2, text);
    }
    return s;
}

enum kp_code kp_catalogue_list(struct kp_store *store, uint16_t coupling, const char *pattern,
                               const char *after, size_t limit,
                               bool (*each)(void *, const struct kp_catalogue_node *), void *arg,
                               struct kp_err *err)
{
    struct kp_err local = { 0 };
    struct kp_db *db = kp_store_reader(store, &local);
    struct kp_stmt *s = db ? ask(db, " where n.coupling = ?1 and n.path > ?2 order by n.path",
                                 coupling, after, &local)
                           : NULL;
    size_t given = 0;
    while (s && given < limit && kp_step(s, &local)) {
        struct kp_catalogue_node node = node_of(s);
        if (!kp_pattern_match(pattern, node.path))
            continue;
        given++;
        if (!each(arg, &node))
            break;
    }
    if (s)
        kp_reset(s);
    if (db)
        kp_store_reader_done(store, db);
    return local.code ? kp_fail(err, local.code, "%s", local.text) : KP_OK;
}

static bool keep(struct kp_arena *arena, const char **text)
{
    if (!*text)
        return true;
    *text = kp_arena_strdup(arena, *text);
    return *text != NULL;
}

enum kp_code kp_catalogue_get(struct kp_store *store, uint16_t coupling, const char *source,
                              struct kp_arena *arena, struct kp_catalogue_node *out,
                              struct kp_err *err)
{
    struct kp_err local = { 0 };
    struct kp_db *db = kp_store_reader(store, &local);
    struct kp_stmt *s =
        db ? ask(db, " where n.coupling = ?1 and n.source = ?2", coupling, source, &local) : NULL;
    if (s && kp_step(s, &local)) {
        *out = node_of(s);
        if (!keep(arena, &out->source) || !keep(arena, &out->path) || !keep(arena, &out->type) ||
            !keep(arena, &out->unit) || !keep(arena, &out->description) || !keep(arena, &out->role) || !keep(arena, &out->kind))
            kp_fail(&local, KP_ENOMEM, "out of memory");
        kp_reset(s);
    } else if (!local.code) {
        kp_fail(&local, KP_ENOTFOUND,
                "there is no node '%s' in the catalogue; a new look may find it", source);
    }
    if (db)
        kp_store_reader_done(store, db);
    return local.code ? kp_fail(err, local.code, "%s", local.text) : KP_OK;
}

/* ---- what the peer speaks ---- */
struct spaces {
    char key[32];
    const char *lines;
};

static struct spaces spaces_of(uint16_t coupling, const char *lines)
{
    struct spaces s = { .lines = lines };
    snprintf(s.key, sizeof s.key, "namespaces/%u", coupling);
    return s;
}

static enum kp_code put_spaces(struct kp_db *db, void *arg, struct kp_err *err)
{
    const struct spaces *s = arg;
    return kp_setting_put(db, s->key, *s->lines ? s->lines : NULL, err);
}

enum kp_code kp_catalogue_put_spaces(struct kp_store *store, uint16_t coupling, const char *lines,
                                     struct kp_err *err)
{
    struct spaces s = spaces_of(coupling, lines);
    return kp_store_do(store, put_spaces, &s, err);
}

enum kp_code kp_catalogue_spaces(struct kp_store *store, uint16_t coupling, struct kp_arena *arena,
                                 char **lines, struct kp_err *err)
{
    struct spaces s = spaces_of(coupling, NULL);
    struct kp_db *db = kp_store_reader(store, err);
    if (!db)
        return err->code;
    const char *kept = kp_setting_get(db, arena, s.key);
    *lines = kp_arena_strdup(arena, kept ? kept : "");
    kp_store_reader_done(store, db);
    return *lines ? KP_OK : kp_fail(err, KP_ENOMEM, "out of memory");
}
