/* SPDX-License-Identifier: Apache-2.0 */
#include "shield/stix_store.h"

#include "net/json_memory.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { SLICE = 400 };

/* ---- what is there of an object ---- */
struct known {
    bool any, same;                         /* same: this version is there */
    int64_t same_id, last_id, last_version; /* last: the newest */
    int64_t same_tlp, created, revoked_at;
    enum kp_tlp before; /* the strictest that an earlier version is marked with; CLEAR: none */
    char creator[KP_STIX_ID], source[KP_STIX_ID];
};

static void note_row(struct kp_stmt *s, const struct kp_stix_judged *o, struct known *k)
{
    int64_t version = kp_column_int(s, 1);
    const char *creator = kp_column_text(s, 3), *source = kp_column_text(s, 7);
    if (!k->any) {
        snprintf(k->creator, sizeof k->creator, "%s", creator ? creator : "");
        snprintf(k->source, sizeof k->source, "%s", source ? source : "");
        k->created = kp_column_time(s, 2);
    }
    k->any = true;
    k->last_id = kp_column_int(s, 0);
    k->last_version = version;
    if (o->stamp && version == o->version) {
        k->same = true;
        k->same_id = k->last_id;
        k->same_tlp = kp_column_int(s, 4);
    }
    if (kp_column_int(s, 6) && !k->revoked_at)
        k->revoked_at = version;
    if ((!o->stamp || version < o->version) && kp_column_int(s, 5) &&
        kp_column_int(s, 4) > (int64_t)k->before)
        k->before = (enum kp_tlp)kp_column_int(s, 4);
}

static enum kp_code look(struct kp_db *db, const struct kp_stix_judged *o, struct known *k,
                         struct kp_err *err)
{
    *k = (struct known){ 0 };
    struct kp_stmt *s = kp_db_prepare(db,
                                      "select id, version, created, creator, tlp, marked, revoked,"
                                      " source from stix_object where stix = ? order by version",
                                      err);
    if (!s)
        return err->code;
    kp_bind_text(s, 1, o->id);
    while (kp_step(s, err))
        note_row(s, o, k);
    return err->code;
}

/* Whatever the order of keys and blanks. */
static enum kp_code same_body(struct kp_db *db, int64_t id, const struct kp_stix_judged *o,
                              bool *same, struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(db, "select body from stix_object where id = ?", err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, id);
    const char *body = kp_step(s, err) ? kp_column_text(s, 0) : NULL;
    *same = body && strlen(body) == o->part.len && memcmp(body, o->part.text, o->part.len) == 0;
    if (body && !*same) {
        json_t *there = kp_json_object(body, strlen(body), "object", KP_STIX_DEPTH, err);
        *same = there && json_equal(there, o->json);
        json_decref(there);
    }
    kp_reset(s);
    return err->code;
}

/* ---- who may see it ---- */
/* What a definition stands for: -1 no level. */
static enum kp_code level_of(struct kp_db *db, const char *marking, int *level, struct kp_err *err)
{
    *level = kp_tlp_of_marking(marking);
    struct kp_stmt *s = *level < 0 ? kp_db_prepare(db,
                                                   "select marks from stix_object where stix = ?"
                                                   " order by version desc limit 1",
                                                   err)
                                   : NULL;
    if (!s)
        return err->code;
    kp_bind_text(s, 1, marking);
    *level = KP_TLP_UNKNOWN;
    if (kp_step(s, err)) {
        *level = kp_column_null(s, 0) ? KP_TLP_UNKNOWN : (int)kp_column_int(s, 0);
        kp_reset(s);
    }
    return err->code;
}

static enum kp_code find_tlp(struct kp_db *db, const struct kp_stix_judged *o, enum kp_tlp *tlp,
                             bool *marked, struct kp_err *err)
{
    int most = o->marks >= 0 && kp_tlp_of_marking(o->id) >= 0 ? KP_TLP_CLEAR : -1, level;
    for (size_t i = 0; i < o->markings; i++) {
        if (level_of(db, o->marking[i], &level, err))
            return err->code;
        most = level > most ? level : most;
    }
    *marked = most >= 0;
    *tlp = most >= 0 ? (enum kp_tlp)most : KP_TLP_DEFAULT;
    return KP_OK;
}

/* ---- one object ---- */
struct putting {
    const struct kp_stix_batch *batch;
    int64_t now;
};

static enum kp_code may_follow(const struct kp_stix_judged *o, const struct known *k,
                               const struct putting *p, enum kp_tlp tlp, struct kp_err *err)
{
    if (!k->any)
        return KP_OK;
    if (tlp < k->before)
        return kp_fail(err, KP_EDENIED, "it is TLP:%s, an earlier version was TLP:%s",
                       kp_tlp_words[tlp], kp_tlp_words[k->before]);
    if (!o->stamp)
        return KP_OK;
    if (strcmp(k->creator, o->creator ? o->creator : "") != 0)
        return kp_fail(err, KP_EDENIED, "created_by_ref: earlier versions are of %s, not of %s",
                       *k->creator ? k->creator : "nobody named",
                       o->creator ? o->creator : "nobody named");
    if (k->created != o->created)
        return kp_fail(err, KP_EDENIED, "created: earlier versions say another time");
    if (p->batch->own && strcmp(k->source, p->batch->source) != 0)
        return kp_fail(err, KP_EDENIED, "it was brought by somebody else, who alone may change it");
    if (k->revoked_at && o->version > k->revoked_at)
        return kp_fail(err, KP_EDENIED, "it has been revoked; no version may follow");
    return KP_OK;
}

/* `at`: the version of one that says none. */
static enum kp_code insert(struct kp_db *db, const struct kp_stix_judged *o,
                           const struct putting *p, int64_t at, enum kp_tlp tlp, bool marked,
                           int64_t *id, struct kp_err *err)
{
    char stamp[KP_TIME_TEXT], *body = kp_strndup(o->part.text, o->part.len);
    struct kp_stmt *s =
        body ? kp_db_prepare(
                   db,
                   "insert into stix_object(stix, version, type, spec, stamp, created, creator,"
                   " revoked, tlp, marked, marks, source, made, body)"
                   " values(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                   err)
             : NULL;
    if (!body)
        kp_fail(err, KP_ENOMEM, "out of memory");
    if (s) {
        kp_time_print(at, stamp);
        kp_bind_text(s, 1, o->id);
        kp_bind_int(s, 2, o->stamp ? o->version : at);
        kp_bind_text(s, 3, o->type);
        kp_bind_text(s, 4, o->spec);
        kp_bind_text(s, 5, o->stamp ? o->stamp : stamp);
        if (o->created != KP_NO_TIME)
            kp_bind_int(s, 6, o->created);
        kp_bind_text(s, 7, o->creator);
        kp_bind_int(s, 8, o->revoked);
        kp_bind_int(s, 9, tlp);
        kp_bind_int(s, 10, marked);
        if (strcmp(o->type, "marking-definition") == 0)
            kp_bind_int(s, 11, o->marks);
        kp_bind_text(s, 12, p->batch->source);
        kp_bind_int(s, 13, p->now);
        kp_bind_text(s, 14, body);
        kp_run(s, err);
        *id = kp_db_last_id(db);
    }
    kp_free(body);
    return err->code;
}

/* What was marked by something that was not here may be by now. */
static enum kp_code mend_tlp(struct kp_db *db, int64_t id, enum kp_tlp tlp, struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(db, "update stix_object set tlp = ? where id = ?", err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, tlp);
    kp_bind_int(s, 2, id);
    return kp_run(s, err);
}

/* An error of `why`: it is refused. An error of `err`: nothing more can be written. */
static enum kp_code put(struct kp_db *db, const struct kp_stix_judged *o, const struct putting *p,
                        enum kp_stix_fate *fate, struct kp_err *why, struct kp_err *err)
{
    struct known k;
    enum kp_tlp tlp;
    bool marked, same = false;
    int64_t id = 0;
    *fate = KP_STIX_STORED;
    int64_t at = p->now / 1000 * 1000;
    if (look(db, o, &k, err) || find_tlp(db, o, &tlp, &marked, err))
        return err->code;
    if (k.any && at <= k.last_version)
        at = k.last_version + 1000;
    if (k.same || (k.any && !o->stamp)) {
        id = k.same ? k.same_id : k.last_id;
        if (same_body(db, id, o, &same, err))
            return err->code;
    }
    if (k.same && !same)
        kp_fail(why, KP_EDENIED, "this version of it is here with another content");
    else if (same)
        *fate = KP_STIX_KNOWN;
    else if (!may_follow(o, &k, p, tlp, why) && !insert(db, o, p, at, tlp, marked, &id, err))
        k.same_tlp = tlp;
    if (same && k.same_tlp == KP_TLP_UNKNOWN && tlp != KP_TLP_UNKNOWN)
        mend_tlp(db, id, tlp, err);
    if (why->code)
        *fate = KP_STIX_REFUSED;
    else if (!err->code && p->batch->collection)
        stix_enter(db, p->batch->collection, id, p->now, err);
    return err->code;
}

/* ---- many ---- */
struct slice {
    struct kp_stix_batch *batch;
    const struct kp_stix_judged *object;
    struct kp_stix_result **result;
    size_t n;
    int64_t now;
    struct kp_arena *arena;
    struct kp_err *why;
};

static enum kp_code room_left(struct kp_db *db, struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(db,
                                      "select iif(coalesce(max(id), 0) < ?1, 0, (select count(*) "
                                      "from stix_object)) from stix_object",
                                      err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, KP_STIX_OBJECTS_MAX);
    bool full = kp_step(s, err) && kp_column_int(s, 0) >= KP_STIX_OBJECTS_MAX;
    kp_reset(s);
    return full ? kp_fail(err, KP_EFULL, "%d objects are here already; remove some",
                          KP_STIX_OBJECTS_MAX)
                : err->code;
}

static enum kp_code put_slice(struct kp_db *db, void *arg, struct kp_err *err)
{
    struct slice *s = arg;
    struct putting p = { s->batch, s->now };
    if (room_left(db, err))
        return err->code;
    for (size_t i = 0; i < s->n && !err->code; i++) {
        s->why[i] = (struct kp_err){ 0 };
        put(db, &s->object[i], &p, &s->result[i]->fate, &s->why[i], err);
    }
    return err->code;
}

static enum kp_code put_last(struct kp_db *db, void *arg, struct kp_err *err)
{
    struct kp_stix_batch *b = arg;
    return b->also(db, b, b->arg, err);
}

static const char *keep(struct kp_arena *arena, const char *text, struct kp_err *err)
{
    const char *kept = kp_arena_strdup(arena, text ? text : "");
    if (!kept)
        kp_fail(err, KP_ENOMEM, "out of memory");
    return kept ? kept : "";
}

static void refuse(struct kp_arena *arena, struct kp_stix_batch *b, struct kp_stix_result *r,
                   const struct kp_err *why, struct kp_err *err)
{
    r->fate = KP_STIX_REFUSED;
    r->why = keep(arena, why->text, err);
    b->refused++;
}

/* Of a slice that is judged: what became of each. */
static void settle(struct slice *s, struct kp_err *err)
{
    for (size_t i = 0; i < s->n; i++) {
        if (s->result[i]->fate == KP_STIX_REFUSED)
            refuse(s->arena, s->batch, s->result[i], &s->why[i], err);
        else if (s->result[i]->fate == KP_STIX_KNOWN)
            s->batch->known++;
        else
            s->batch->stored++;
    }
}

struct work {
    struct kp_stix_judged object[SLICE];
    struct kp_stix_result *result[SLICE];
    struct kp_err why[SLICE];
    struct slice slice;
};

static enum kp_code flush(struct kp_store *store, struct work *w, struct kp_err *err)
{
    struct slice *s = &w->slice;
    if (s->n && !err->code && !kp_store_do(store, put_slice, s, err))
        settle(s, err);
    for (size_t i = 0; i < s->n; i++)
        kp_stix_judged_free(&w->object[i]);
    s->n = 0;
    return err->code;
}

static enum kp_code add(struct kp_store *store, struct work *w, const struct kp_stix_part *part,
                        struct kp_stix_result *r, struct kp_err *err)
{
    struct slice *s = &w->slice;
    struct kp_stix_judged *o = &w->object[s->n];
    struct kp_err why = { 0 };
    bool bad = kp_stix_judge(part, s->now, o, &why);
    bool known = o->id && kp_utf8_valid(o->id, strlen(o->id)) && strlen(o->id) < KP_STIX_ID;
    r->id = keep(s->arena, known ? o->id : "", err);
    r->stamp = keep(s->arena, o->stamp && strlen(o->stamp) < KP_STIX_STAMP ? o->stamp : "", err);
    if (bad) {
        refuse(s->arena, s->batch, r, &why, err);
        kp_stix_judged_free(o);
        return why.code == KP_ENOMEM ? kp_fail(err, KP_ENOMEM, "out of memory") : err->code;
    }
    s->result[s->n++] = r;
    return s->n == SLICE ? flush(store, w, err) : err->code;
}

enum kp_code kp_stix_take(struct kp_store *store, const struct kp_clock *clock,
                          const struct kp_stix_parts *parts, struct kp_arena *arena,
                          struct kp_stix_batch *b, struct kp_err *err)
{
    struct work *w = kp_alloc(sizeof *w);
    b->n = parts->n;
    b->result = kp_arena_alloc(arena, (parts->n + 1) * sizeof *b->result);
    if (!w || !b->result) {
        kp_free(w);
        return kp_fail(err, KP_ENOMEM, "out of memory");
    }
    w->slice = (struct slice){ .batch = b,
                               .object = w->object,
                               .result = w->result,
                               .now = kp_utc(clock),
                               .arena = arena,
                               .why = w->why };
    for (int pass = 0; pass < 2 && !err->code; pass++) {
        for (size_t i = 0; i < parts->n && !err->code; i++)
            if (kp_stix_defines_marking(&parts->part[i]) == (pass == 0))
                add(store, w, &parts->part[i], &b->result[i], err);
        flush(store, w, err);
    }
    kp_free(w);
    return !err->code && b->also ? kp_store_do(store, put_last, b, err) : err->code;
}
