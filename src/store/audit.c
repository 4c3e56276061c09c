/* SPDX-License-Identifier: Apache-2.0 */
#include "store/audit.h"

#include "core/json.h"
#include "core/log.h"
#include "store/care.h"
#include "store/retain.h"
#include "store/secret.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { FIELDS = 7, CUT_ROWS = 5000 };
static const int64_t standard_age = INT64_C(730) * 86400 * KP_SECOND, /* two years */
    slack =
        INT64_C(7) * 86400 * KP_SECOND; /* a cut is a row itself: once a week, not once an hour */

/* ---- the hash of a row ---- */

static void add_number(crypto_hash_sha256_state *h, uint64_t n, size_t bytes)
{
    unsigned char le[8];
    for (size_t i = 0; i < bytes; i++)
        le[i] = (unsigned char)(n >> 8 * i);
    crypto_hash_sha256_update(h, le, bytes);
}

/* A length in front of each text keeps one from flowing into the next; a null has a length no text
 * has. */
static void add_text(crypto_hash_sha256_state *h, const char *text)
{
    size_t n = text ? strlen(text) : 0;
    add_number(h, text ? n : UINT32_MAX, 4);
    crypto_hash_sha256_update(h, (const unsigned char *)text, n);
}

static void hash_row(const unsigned char before[KP_AUDIT_HASH], const struct kp_audit *a,
                     unsigned char out[KP_AUDIT_HASH])
{
    const char *fields[FIELDS] = { a->user,   a->via,    a->from,  a->action,
                                   a->target, a->detail, a->result };
    crypto_hash_sha256_state h;
    crypto_hash_sha256_init(&h);
    crypto_hash_sha256_update(&h, before, KP_AUDIT_HASH);
    add_number(&h, (uint64_t)a->id, 8);
    add_number(&h, (uint64_t)a->at, 8);
    for (int i = 0; i < FIELDS; i++)
        add_text(&h, fields[i]);
    crypto_hash_sha256_final(&h, out);
}

void kp_audit_hash_print(const unsigned char hash[KP_AUDIT_HASH], char out[2 * KP_AUDIT_HASH + 1])
{
    sodium_bin2hex(out, 2 * KP_AUDIT_HASH + 1, hash, KP_AUDIT_HASH);
}

/* ---- where the chain begins and ends ---- */

enum { SEAL = 32 };
struct head {
    int64_t cut, last;
    unsigned char cut_hash[KP_AUDIT_HASH], hash[KP_AUDIT_HASH];
    bool sealed; /* rightly */
};

static void make_seal(const unsigned char *key, const struct head *h, unsigned char out[SEAL])
{
    unsigned char own[crypto_generichash_KEYBYTES];
    crypto_generichash_state state;
    crypto_kdf_derive_from_key(own, sizeof own, 1, "kp-audit", key);
    crypto_generichash_init(&state, own, sizeof own, SEAL);
    crypto_generichash_update(&state, (const unsigned char *)&h->cut, sizeof h->cut);
    crypto_generichash_update(&state, h->cut_hash, sizeof h->cut_hash);
    crypto_generichash_update(&state, (const unsigned char *)&h->last, sizeof h->last);
    crypto_generichash_update(&state, h->hash, sizeof h->hash);
    crypto_generichash_final(&state, out, SEAL);
    sodium_memzero(own, sizeof own);
}

static void take_blob(struct kp_stmt *s, int column, unsigned char out[KP_AUDIT_HASH])
{
    size_t len;
    const void *blob = kp_column_blob(s, column, &len);
    memset(out, 0, KP_AUDIT_HASH);
    if (len == KP_AUDIT_HASH)
        memcpy(out, blob, len);
}

static enum kp_code read_head(struct kp_db *db, const unsigned char *key, struct head *h,
                              struct kp_err *err)
{
    unsigned char seal[SEAL], right[SEAL];
    struct kp_stmt *get =
        kp_db_prepare(db, "select cut, cut_hash, last, hash, seal from audit_head", err);
    *h = (struct head){ 0 };
    if (get && kp_step(get, err)) {
        h->cut = kp_column_int(get, 0);
        h->last = kp_column_int(get, 2);
        take_blob(get, 1, h->cut_hash);
        take_blob(get, 3, h->hash);
        take_blob(get, 4, seal);
        if (key) {
            make_seal(key, h, right);
            h->sealed = sodium_memcmp(seal, right, SEAL) == 0;
        }
    }
    if (get)
        kp_reset(get);
    return err->code;
}

static enum kp_code write_head(struct kp_db *db, const unsigned char *key, const struct head *h,
                               struct kp_err *err)
{
    unsigned char seal[SEAL] = { 0 };
    struct kp_stmt *put =
        kp_db_prepare(db, "insert or replace into audit_head values(1, ?, ?, ?, ?, ?)", err);
    if (!put)
        return err->code;
    if (key)
        make_seal(key, h, seal);
    kp_bind_int(put, 1, h->cut);
    kp_bind_blob(put, 2, h->cut_hash, sizeof h->cut_hash);
    kp_bind_int(put, 3, h->last);
    kp_bind_blob(put, 4, h->hash, sizeof h->hash);
    kp_bind_blob(put, 5, seal, key ? sizeof seal : 0);
    return kp_run(put, err);
}

/* ---- adding ---- */

static enum kp_code insert(struct kp_db *db, const struct kp_audit *a, struct kp_err *err)
{
    struct kp_stmt *put =
        kp_db_prepare(db,
                      "insert into audit(id, at, user, via, origin, action, target, detail, "
                      "result, hash) values(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                      err);
    if (!put)
        return err->code;
    const char *fields[FIELDS] = { a->user,   a->via,    a->from,  a->action,
                                   a->target, a->detail, a->result };
    kp_bind_int(put, 1, a->id);
    kp_bind_int(put, 2, a->at);
    for (int i = 0; i < FIELDS; i++)
        kp_bind_text(put, 3 + i, fields[i]);
    kp_bind_blob(put, 10, a->hash, sizeof a->hash);
    return kp_run(put, err);
}

/* The chain goes on where the head says that it ended, whatever rows there are: so rows that are
 * missing stay missing. A head that this key has not sealed is not gone on with: the new row
 * follows nothing, which stays to be seen too. */
static enum kp_code place(struct kp_db *db, const unsigned char *key, struct head *h,
                          struct kp_err *err)
{
    int64_t most = 0;
    if (read_head(db, key, h, err) || kp_db_number(db, "select max(id) from audit", 0, &most, err))
        return err->code;
    bool begins = !h->last && !most;
    if (key && !h->sealed && !begins)
        memset(h->hash, 0, sizeof h->hash);
    if (most > h->last)
        h->last = most;
    return KP_OK;
}

static enum kp_code append(struct kp_db *db, const unsigned char *key,
                           const struct kp_audit *wanted, struct kp_err *err)
{
    char text[FIELDS][KP_AUDIT_TEXT];
    struct kp_audit a = *wanted;
    const char **fields[FIELDS] = { &a.user,   &a.via,    &a.from,  &a.action,
                                    &a.target, &a.detail, &a.result };
    struct head h;
    if (place(db, key, &h, err))
        return err->code;
    for (int i = 0; i < FIELDS; i++)
        if (*fields[i]) {
            kp_utf8_clean(text[i], KP_AUDIT_TEXT, *fields[i], strlen(*fields[i]));
            *fields[i] = text[i];
        }
    a.id = h.last + 1;
    hash_row(h.hash, &a, a.hash);
    h.last = a.id;
    memcpy(h.hash, a.hash, sizeof h.hash);
    return insert(db, &a, err) ? err->code : write_head(db, key, &h, err);
}

struct adding {
    const struct kp_store *store;
    struct kp_audit row;
};

static enum kp_code add(struct kp_db *db, void *arg, struct kp_err *err)
{
    struct adding *a = arg;
    return append(db, a->store->key, &a->row, err);
}

enum kp_code kp_audit_add(struct kp_store *s, const struct kp_audit *row, struct kp_err *err)
{
    struct adding a = { s, *row };
    if (!a.row.at)
        a.row.at = kp_utc(s->clock);
    return kp_store_do(s, add, &a, err);
}

enum kp_code kp_audit_restored(struct kp_db *db, const unsigned char *key,
                               const struct kp_audit *row, struct kp_err *err)
{
    struct head h;
    if (kp_db_exec(db, "begin immediate", err))
        return err->code;
    if (!read_head(db, key, &h, err) && !write_head(db, key, &h, err) && !append(db, key, row, err))
        kp_db_exec(db, "commit", err);
    if (err->code)
        kp_db_exec(db, "rollback", NULL);
    return err->code;
}

void kp_audit_event(struct kp_store *s, const char *action, const char *target, const char *detail)
{
    struct kp_err err = { 0 };
    struct kp_audit row = { .user = "koppel",
                            .via = "node",
                            .action = action,
                            .target = target,
                            .detail = detail,
                            .result = "ok" };
    if (kp_audit_add(s, &row, &err))
        kp_error("audit", "an event is missing in the audit log", "action=%s why=%s", action,
                 kp_log_quote(err.text));
}

/* ---- reading ---- */

#define COLUMNS "select id, at, user, via, origin, action, target, detail, result, hash from audit "

static void take_row(struct kp_stmt *s, struct kp_audit *a)
{
    *a = (struct kp_audit){ .id = kp_column_int(s, 0), .at = kp_column_int(s, 1) };
    const char **fields[FIELDS] = { &a->user,   &a->via,    &a->from,  &a->action,
                                    &a->target, &a->detail, &a->result };
    for (int i = 0; i < FIELDS; i++)
        *fields[i] = kp_column_text(s, 2 + i);
    take_blob(s, 9, a->hash);
}

enum kp_code kp_audit_list(struct kp_db *db, const struct kp_audit_filter *f,
                           bool (*each)(void *, const struct kp_audit *), void *arg,
                           struct kp_err *err)
{
#define WHERE                                                                                      \
    "where at >= ?1 and at < ?2 and (?3 is null or user = ?3) and (?4 is null or substr(action, "  \
    "1, length(?4)) = ?4) and "
    struct kp_audit a;
    struct kp_stmt *get = kp_db_prepare(db,
                                        f->oldest_first ? COLUMNS WHERE "id > ?5 order by id"
                                                        : COLUMNS WHERE "id < ?5 order by id desc",
                                        err);
    if (!get)
        return err->code;
    kp_bind_int(get, 1, f->from);
    kp_bind_int(get, 2, f->to == KP_NO_TIME ? INT64_MAX : f->to);
    kp_bind_text(get, 3, f->user);
    kp_bind_text(get, 4, f->action);
    kp_bind_int(get, 5, f->after || f->oldest_first ? f->after : INT64_MAX);
    for (bool more = true; more && kp_step(get, err);) {
        take_row(get, &a);
        more = each(arg, &a);
    }
    kp_reset(get);
    return err->code;
}

void kp_audit_json(struct kp_json *j, const struct kp_audit *a)
{
    static const char *const keys[FIELDS] = { "user",   "via",    "from",  "action",
                                              "target", "detail", "result" };
    const char *fields[FIELDS] = { a->user,   a->via,    a->from,  a->action,
                                   a->target, a->detail, a->result };
    char hash[2 * KP_AUDIT_HASH + 1];
    kp_json_put_int(j, "id", a->id);
    kp_json_put_time(j, "at", a->at);
    for (int i = 0; i < FIELDS; i++)
        kp_json_put_text(j, keys[i], fields[i]);
    kp_audit_hash_print(a->hash, hash);
    kp_json_put_text(j, "hash", hash);
}

void kp_audit_verdict_json(struct kp_json *j, const struct kp_audit_verdict *v)
{
    char hash[2 * KP_AUDIT_HASH + 1];
    kp_audit_hash_print(v->hash, hash);
    kp_json_begin(j, '{');
    kp_json_put_bool(j, "ok", !v->broken);
    kp_json_put_int(j, "entries", v->entries);
    kp_json_put_int(j, "first", v->first);
    kp_json_put_int(j, "last", v->last);
    kp_json_put_text(j, "hash", hash);
    kp_json_put_bool(j, "sealed", v->sealed);
    if (v->broken) {
        kp_json_key(j, "broken");
        kp_json_begin(j, '{');
        kp_json_put_int(j, "id", v->broken);
        kp_json_put_text(j, "why", v->why);
        kp_json_end(j, '}');
    }
    kp_json_end(j, '}');
}

/* ---- verifying ---- */

static void broken(struct kp_audit_verdict *v, int64_t id, const char *why)
{
    if (!v->broken) {
        v->broken = id;
        snprintf(v->why, sizeof v->why, "%s", why);
    }
}

/* Until the first row that is not as it was; what follows would prove nothing. */
static enum kp_code walk(struct kp_db *db, const struct head *h, struct kp_audit_verdict *v,
                         struct kp_err *err)
{
    unsigned char right[KP_AUDIT_HASH];
    struct kp_audit a;
    struct kp_stmt *get = kp_db_prepare(db, COLUMNS "order by id", err);
    if (!get)
        return err->code;
    v->last = h->cut;
    memcpy(v->hash, h->cut_hash, sizeof v->hash);
    while (!v->broken && kp_step(get, err)) {
        take_row(get, &a);
        hash_row(v->hash, &a, right);
        if (a.id != v->last + 1)
            broken(v, v->last + 1,
                   a.id > v->last + 1 ? "rows are missing here" : "a row was added here");
        else if (memcmp(right, a.hash, sizeof right) != 0)
            broken(v, a.id, "this row was changed, put in or moved, or what stood before it");
        else
            v->last = a.id;
        memcpy(v->hash, a.hash, sizeof v->hash);
        if (!v->first)
            v->first = a.id;
        v->entries++;
    }
    kp_reset(get);
    return err->code;
}

static void judge_end(const struct head *h, bool key, struct kp_audit_verdict *v)
{
    v->sealed = h->sealed;
    if (v->broken)
        return;
    if (v->last < h->last)
        broken(v, v->last + 1, "the rows from here to the end are missing");
    else if (v->last > h->last || memcmp(v->hash, h->hash, sizeof h->hash) != 0)
        broken(v, v->last, "this row is not the one with which the log ended");
    else if (key && !h->sealed && h->last)
        broken(v, v->last, "the end of the log is not sealed by this node.key");
}

static enum kp_code verify(struct kp_db *db, const unsigned char *key, struct kp_audit_verdict *v,
                           struct kp_err *err)
{
    struct head h;
    *v = (struct kp_audit_verdict){ 0 };
    if (kp_db_read_begin(db, err)) /* rows and head of one moment */
        return err->code;
    if (!read_head(db, key, &h, err) && !walk(db, &h, v, err))
        judge_end(&h, key != NULL, v);
    kp_db_read_end(db);
    return err->code;
}

enum kp_code kp_audit_verify(struct kp_store *s, struct kp_audit_verdict *v, struct kp_err *err)
{
    struct kp_db *db = kp_store_reader(s, err);
    if (db)
        verify(db, s->key, v, err);
    kp_store_reader_done(s, db);
    return err->code;
}

enum kp_code kp_audit_verify_file(const char *dir, struct kp_audit_verdict *v, struct kp_err *err)
{
    char file[KP_FILE_PATH];
    unsigned char key[KP_NODE_KEY];
    struct kp_err none = { 0 };
    if (kp_file_path(file, dir, "factory.db", err))
        return err->code;
    bool has_key = kp_key_read(dir, key, &none) == KP_OK;
    struct kp_db *db = kp_store_open_reader(file, err);
    if (db)
        verify(db, has_key ? key : NULL, v, err);
    kp_store_close_reader(db);
    sodium_memzero(key, sizeof key);
    return err->code;
}

/* ---- what is old ---- */

struct cutting {
    struct kp_store *store;
    int64_t before; /* rows older than this may go */
    int64_t excess; /* and so many of the oldest in any case */
    int64_t n, from;
};

/* The rows from the start that may go, up to CUT_ROWS; the head then begins after them. */
static enum kp_code find_cut(struct kp_db *db, struct cutting *c, struct head *h,
                             struct kp_err *err)
{
    struct kp_audit a;
    struct kp_stmt *get = kp_db_prepare(db, COLUMNS "order by id limit ?1", err);
    if (!get)
        return err->code;
    kp_bind_int(get, 1, CUT_ROWS);
    while (kp_step(get, err)) {
        take_row(get, &a);
        if (a.at >= c->before && c->n >= c->excess)
            break;
        if (!c->n++)
            c->from = a.id;
        h->cut = a.id;
        memcpy(h->cut_hash, a.hash, sizeof h->cut_hash);
    }
    kp_reset(get);
    return err->code;
}

static enum kp_code cut(struct kp_db *db, void *arg, struct kp_err *err)
{
    struct cutting *c = arg;
    struct head h;
    char detail[120];
    if (read_head(db, c->store->key, &h, err) || !h.sealed || find_cut(db, c, &h, err) || !c->n)
        return err->code; /* what is not sealed is evidence, and stays */
    struct kp_stmt *del = kp_db_prepare(db, "delete from audit where id <= ?", err);
    if (!del)
        return err->code;
    kp_bind_int(del, 1, h.cut);
    if (kp_run(del, err) || write_head(db, c->store->key, &h, err))
        return err->code;
    snprintf(detail, sizeof detail,
             "rows %lld to %lld: too old, or more than a million", (long long)c->from,
             (long long)h.cut);
    const struct kp_audit row = { .at = kp_utc(c->store->clock),
                                  .user = "koppel",
                                  .via = "node",
                                  .action = "audit-cut",
                                  .detail = detail,
                                  .result = "ok" };
    return append(db, c->store->key, &row, err);
}

static int64_t age_of(struct kp_db *db)
{
    struct kp_arena arena = { 0 };
    int64_t age;
    const char *text = kp_setting_get(db, &arena, "audit-age");
    if (!text || !kp_duration_parse(text, &age) || age <= 0)
        age = standard_age;
    kp_arena_free(&arena);
    return age;
}

/* What there is to cut now; with a clock that cannot be believed nothing. */
static bool plan_cut(struct kp_store *s, struct kp_db *db, struct cutting *c, struct kp_err *err)
{
    int64_t oldest, n;
    if (!kp_growth_trusts(s, db, err) || err->code ||
        kp_db_number(db, "select at from audit order by id limit 1", KP_FOREVER, &oldest, err) ||
        kp_db_number(db, "select max(id) - min(id) + 1 from audit", 0, &n, err))
        return false;
    c->before = kp_utc(s->clock) - age_of(db);
    c->excess = n > KP_AUDIT_ROWS_MAX ? n - KP_AUDIT_ROWS_MAX + CUT_ROWS : 0;
    return oldest < c->before - slack || c->excess;
}

bool kp_audit_turn(struct kp_store *s, struct kp_err *err)
{
    struct cutting c = { .store = s };
    struct kp_db *db = kp_store_reader(s, err);
    bool any = db && plan_cut(s, db, &c, err);
    kp_store_reader_done(s, db);
    return any && !kp_store_do(s, cut, &c, err) && c.n == CUT_ROWS;
}
