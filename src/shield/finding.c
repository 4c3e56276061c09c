/* SPDX-License-Identifier: Apache-2.0 */
/* Advisories taken and matched, and what becomes of findings: they open, are answered by people,
 * and close by themselves. */
#include "core/hash.h"
#include "net/json_memory.h"
#include "shield/keep.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

enum { DO_MAX = 8, DO_TEXT = 600, HOLES_TEXT = 64 << 10, FEED_DEPTH = 16 };

const char *const kp_shield_answers[] = { "affected", "not_affected", "in_progress",
                                          "accepted", "done",         NULL };

/* ---- the index of devices ---- */
struct numbered {
    int64_t id;
    uint32_t place;
};

static int by_id(const void *a, const void *b)
{
    const struct numbered *x = a, *y = b;
    return x->id < y->id ? -1 : x->id > y->id;
}

/* What a part of a part is on is the device at the bottom. */
static void find_hosts(const struct device_row *rows, struct numbered *places,
                       struct kp_device *list, size_t n)
{
    for (uint32_t i = 0; i < n; i++)
        places[i] = (struct numbered){ rows[i].id, i };
    if (n)
        qsort(places, n, sizeof *places, by_id);
    for (size_t i = 0; i < n; i++) {
        const struct numbered key = { .id = rows[i].host }, *at = NULL;
        if (rows[i].host)
            at = bsearch(&key, places, n, sizeof *places, by_id);
        if (at)
            list[i].host = at->place;
    }
    for (size_t i = 0; i < n; i++)
        for (unsigned deep = 0; list[i].host != list[list[i].host].host && deep < 16; deep++)
            list[i].host = list[list[i].host].host;
}

static enum kp_code build(struct kp_shield *s, struct kp_device *list, size_t n, struct kp_err *err)
{
    struct numbered *places = kp_alloc((n + 1) * sizeof *places);
    for (uint32_t i = 0; i < n; i++) {
        const struct device_row *r = &s->rows[i];
        list[i] = (struct kp_device){ r->field[FIELD_MANUFACTURER], r->field[FIELD_PRODUCT],
                                      r->field[FIELD_ORDER_CODE],   r->field[FIELD_SERIAL],
                                      r->field[FIELD_FIRMWARE],     r->field[FIELD_CPE],
                                      r->field[FIELD_PURL],         i };
    }
    if (places)
        find_hosts(s->rows, places, list, n);
    s->devices = places ? kp_devices_new(list, n, s->aliases) : NULL;
    kp_free(places);
    return s->devices ? KP_OK : kp_fail(err, KP_ENOMEM, "out of memory indexing the inventory");
}

static void forget(struct kp_shield *s)
{
    kp_devices_free(s->devices);
    s->devices = NULL;
    s->rows = NULL;
    s->aliases = NULL;
    kp_arena_reset(&s->texts);
}

static enum kp_code need_devices(struct kp_shield *s, struct kp_err *err)
{
    size_t n = 0;
    if (s->devices)
        return KP_OK;
    struct kp_db *db = kp_store_reader(s->store, err);
    if (db && !device_rows(db, 0, &s->texts, &s->rows, &n, err))
        s->aliases = kp_setting_get(db, &s->texts, SHIELD_ALIASES);
    kp_store_reader_done(s->store, db);
    struct kp_device *list = err->code ? NULL : kp_alloc((n + 1) * sizeof *list);
    if (list)
        build(s, list, n, err);
    else
        kp_fail(err, KP_ENOMEM, "out of memory");
    kp_free(list);
    if (err->code)
        forget(s);
    return err->code;
}

/* ---- what an advisory says of devices ---- */
struct found {
    int64_t device, print;
    enum kp_verdict_of verdict;
    double score;
    const char *product, *rule, *why, *holes, *firmware;
};
struct matching {
    struct kp_shield *s;
    const struct kp_advisory *a;
    struct kp_arena *arena;
    struct found *found;
    size_t n, room, affected, review;
    bool failed;
    /* out, of what was written */
    size_t opened, closed;
    bool known;   /* the same document is here */
    int64_t took; /* ns, reading and matching it */
    const char *extract;
};

static bool same_fix(const struct kp_advisory_fix *const *list, size_t n,
                     const struct kp_advisory_fix *f)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i]->category, f->category) == 0 && strcmp(list[i]->text, f->text) == 0)
            return true;
    return false;
}

static void put_fix(struct kp_json *j, const struct kp_advisory_fix *f)
{
    char text[DO_TEXT];
    snprintf(text, sizeof text, "%s", f->text);
    kp_utf8_trim(text);
    kp_json_begin(j, '{');
    kp_json_put_text(j, "category", f->category);
    kp_json_put_text(j, "text", text);
    kp_json_put_text(j, "url", *f->url ? f->url : NULL);
    kp_json_put_text(j, "restart", *f->restart ? f->restart : NULL);
    kp_json_end(j, '}');
}

/* Fixes first, then what helps until then. */
static int rank(const struct kp_advisory_fix *f)
{
    static const char *const order[] = { "vendor_fix", "mitigation", "workaround", "no_fix_planned",
                                         "none_available" };
    for (int i = 0; i < 5; i++)
        if (strcmp(f->category, order[i]) == 0)
            return i;
    return 5;
}

static uint64_t put_fixes(struct kp_json *j, const struct kp_advisory *a,
                          const struct kp_finding *f)
{
    const struct kp_advisory_fix *told[DO_MAX];
    uint64_t print = KP_HASH_START;
    size_t n = 0;
    kp_json_key(j, "do");
    kp_json_begin(j, '[');
    for (int r = 0; r <= 5; r++)
        for (uint32_t h = 0; h < a->holes; h++)
            for (const struct kp_advisory_fix *x = f->of[h] ? a->hole[h].fixes : NULL; x;
                 x = x->next)
                if (n < DO_MAX && rank(x) == r && kp_fix_is_for(x, f->product) &&
                    !same_fix(told, n, x)) {
                    told[n++] = x;
                    put_fix(j, x);
                    print = kp_hash(print, x->text, strlen(x->text));
                }
    kp_json_end(j, ']');
    return print;
}

static void put_holes(struct kp_json *j, const struct kp_advisory *a, const struct kp_finding *f)
{
    kp_json_key(j, "vulnerabilities");
    kp_json_begin(j, '[');
    for (uint32_t h = 0; h < a->holes && h < 200; h++) {
        if (!f->of[h])
            continue;
        kp_json_begin(j, '{');
        kp_json_put_text(j, "id", a->hole[h].cve);
        kp_json_put_text(j, "verdict", kp_verdict_word(f->of[h]));
        kp_json_key(j, "score");
        a->hole[h].score < 0 ? kp_json_null(j) : kp_json_double(j, a->hole[h].score);
        kp_json_put_text(j, "vector", *a->hole[h].vector ? a->hole[h].vector : NULL);
        kp_json_end(j, '}');
    }
    kp_json_end(j, ']');
}

static void take_finding(void *arg, const struct kp_finding *f)
{
    struct matching *m = arg;
    const struct device_row *r = &m->s->rows[f->device];
    struct kp_buf text;
    m->affected += f->verdict == KP_AFFECTED;
    m->review += f->verdict == KP_REVIEW;
    if (m->failed || !kp_grow(&m->found, &m->room, m->n + 1, sizeof *m->found)) {
        m->failed = true;
        return;
    }
    kp_buf_init(&text, HOLES_TEXT);
    struct kp_json j = kp_json(&text);
    kp_json_begin(&j, '{');
    put_holes(&j, m->a, f);
    uint64_t print = put_fixes(&j, m->a, f);
    kp_json_end(&j, '}');
    const char *firmware = r->field[FIELD_FIRMWARE] ? r->field[FIELD_FIRMWARE] : "";
    print = kp_hash(kp_hash(print, firmware, strlen(firmware)), f->why, strlen(f->why));
    struct found *o = &m->found[m->n++];
    *o = (struct found){ .device = r->id,
                         .print = (int64_t)print,
                         .verdict = f->verdict,
                         .score = f->score,
                         .product = m->a->product[f->product].id,
                         .rule = kp_match_rule_text(f->rule),
                         .why = kp_arena_strdup(m->arena, f->why),
                         .holes = kp_arena_strdup(m->arena, kp_buf_text(&text)),
                         .firmware = firmware };
    m->failed |= text.failed || !o->why || !o->holes;
    kp_buf_free(&text);
}

/* With devices that are there. */
static enum kp_code match(struct matching *m, struct kp_err *err)
{
    if (!kp_devices_match(m->s->devices, m->a, take_finding, m, err) && m->failed)
        kp_fail(err, KP_ENOMEM, "out of memory matching %.60s", m->a->id);
    return err->code;
}

/* ---- rows of findings ---- */
struct standing { /* what is in the file */
    bool there, open, answered;
    int64_t print;
};

static enum kp_code read_standing(struct kp_db *db, int64_t device, const char *advisory,
                                  struct standing *t, struct kp_err *err)
{
    struct kp_stmt *s =
        kp_db_prepare(db,
                      "select print, closed is null, answer is not null from finding"
                      " where device = ? and advisory = ?",
                      err);
    *t = (struct standing){ 0 };
    if (!s)
        return err->code;
    kp_bind_int(s, 1, device);
    kp_bind_text(s, 2, advisory);
    if (kp_step(s, err)) {
        *t = (struct standing){ true, kp_column_int(s, 1), kp_column_int(s, 2),
                                kp_column_int(s, 0) };
        kp_reset(s);
    }
    return err->code;
}

/* An answer stays while what it answered is the same; else the finding is open again. */
static const char put_sql[] =
    "insert into finding(device, advisory, verdict, score, product, rule, why, holes, print, made,"
    " changed) values(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10)"
    " on conflict(device, advisory) do update set verdict = ?3, score = ?4, product = ?5, rule = "
    "?6,"
    " why = ?7, holes = ?8, print = ?9, changed = ?10,"
    " closed = iif(answer is not null and print = ?9, closed, null),"
    " closed_why = iif(answer is not null and print = ?9, closed_why, null),"
    " answer = iif(print = ?9, answer, null)";

static enum kp_code put_open(struct kp_db *db, struct matching *m, const struct found *f,
                             int64_t now, struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(db, put_sql, err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, f->device);
    kp_bind_text(s, 2, m->a->id);
    kp_bind_int(s, 3, f->verdict);
    if (f->score >= 0)
        kp_bind_double(s, 4, f->score);
    kp_bind_text(s, 5, f->product);
    kp_bind_text(s, 6, f->rule);
    kp_bind_text(s, 7, f->why);
    kp_bind_text(s, 8, f->holes);
    kp_bind_int(s, 9, f->print);
    kp_bind_int(s, 10, now);
    return kp_run(s, err);
}

static enum kp_code close_one(struct kp_db *db, int64_t device, const char *advisory,
                              const char *why, int64_t now, struct kp_err *err)
{
    struct kp_stmt *s =
        kp_db_prepare(db,
                      "update finding set verdict = 0, closed = ?, closed_why = ?, changed = ?1,"
                      " answer = null where device = ? and advisory = ? and closed is null",
                      err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, now);
    kp_bind_text(s, 2, why);
    kp_bind_int(s, 3, device);
    kp_bind_text(s, 4, advisory);
    return kp_run(s, err);
}

/* Whether it differs from what is in the file. */
static bool is_news(const struct standing *t, const struct found *f)
{
    if (f->verdict == KP_CLEAR)
        return t->open;
    return !t->there || t->print != f->print || (!t->open && !t->answered);
}

/* A commit costs more than a look. */
static bool any_news(struct kp_db *db, struct matching *m, struct kp_err *err)
{
    int64_t open = 0;
    struct kp_stmt *s = kp_db_prepare(
        db, "select count(*) from finding where advisory = ? and closed is null", err);
    if (!s)
        return false;
    kp_bind_text(s, 1, m->a->id);
    if (kp_step(s, err)) {
        open = kp_column_int(s, 0);
        kp_reset(s);
    }
    for (size_t i = 0; i < m->n && !err->code; i++) {
        struct standing t;
        if (read_standing(db, m->found[i].device, m->a->id, &t, err) || is_news(&t, &m->found[i]))
            return !err->code;
        open -= t.open;
    }
    return open > 0;
}

static enum kp_code put_finding(struct kp_db *db, struct matching *m, const struct found *f,
                                int64_t now, struct kp_err *err)
{
    struct standing t;
    if (read_standing(db, f->device, m->a->id, &t, err))
        return err->code;
    if (!is_news(&t, f))
        return KP_OK;
    if (f->verdict != KP_CLEAR) {
        m->opened += !t.open;
        return put_open(db, m, f, now, err);
    }
    char why[KP_VERSION_WHY + 120];
    snprintf(why, sizeof why, "firmware %.60s is %s", *f->firmware ? f->firmware : "(unknown)",
             f->why);
    kp_utf8_trim(why);
    m->closed++;
    return close_one(db, f->device, m->a->id, why, now, err);
}

/* Open findings of the advisory that were not found any more. */
static enum kp_code close_others(struct kp_db *db, struct matching *m, int64_t now,
                                 struct kp_err *err)
{
    int64_t gone[256];
    size_t n = 0;
    struct kp_stmt *s =
        kp_db_prepare(db, "select device from finding where advisory = ? and closed is null", err);
    if (!s)
        return err->code;
    kp_bind_text(s, 1, m->a->id);
    while (kp_step(s, err)) {
        int64_t device = kp_column_int(s, 0);
        size_t at = 0; /* they are not in the order of ids */
        while (at < m->n && m->found[at].device != device)
            at++;
        if (at == m->n && n < sizeof gone / sizeof *gone)
            gone[n++] = device;
    }
    m->closed += n;
    for (size_t i = 0; i < n && !err->code; i++)
        close_one(db, gone[i], m->a->id, "the advisory is not about this device", now, err);
    if (n == sizeof gone / sizeof *gone && !err->code)
        return close_others(db, m, now, err); /* there may be more */
    return err->code;
}

static enum kp_code put_findings(struct kp_db *db, struct matching *m, struct kp_err *err)
{
    int64_t now = kp_utc(m->s->clock);
    for (size_t i = 0; i < m->n; i++)
        if (put_finding(db, m, &m->found[i], now, err))
            return err->code;
    return close_others(db, m, now, err);
}

/* ---- advisories ---- */
/* What of a document stays: neither notes nor acknowledgments. */
static json_t *extract(const json_t *root)
{
    static const char *const of_document[] = { "title",        "tracking",   "publisher",
                                               "distribution", "references", NULL };
    static const char *const of_hole[] = { "cve",          "ids",    "title", "product_status",
                                           "remediations", "scores", NULL };
    json_t *out = json_object(), *document = json_object(), *holes = json_array(), *hole;
    size_t i;
    for (size_t k = 0; of_document[k]; k++)
        if (json_object_get(json_object_get(root, "document"), of_document[k]))
            json_object_set(document, of_document[k],
                            json_object_get(json_object_get(root, "document"), of_document[k]));
    json_array_foreach(json_object_get(root, "vulnerabilities"), i, hole)
    {
        json_t *kept = json_object();
        for (size_t k = 0; of_hole[k]; k++)
            if (json_object_get(hole, of_hole[k]))
                json_object_set(kept, of_hole[k], json_object_get(hole, of_hole[k]));
        json_array_append_new(holes, kept);
    }
    json_object_set_new(out, "document", document);
    if (json_object_get(root, "product_tree"))
        json_object_set(out, "product_tree", json_object_get(root, "product_tree"));
    json_object_set_new(out, "vulnerabilities", holes);
    return out;
}

static enum kp_code refuse_older(struct kp_db *db, struct matching *m, struct kp_err *err)
{
    struct kp_stmt *s =
        kp_db_prepare(db, "select changed, version, extract = ? from advisory where id = ?", err);
    int64_t here, coming;
    if (!s)
        return err->code;
    kp_bind_text(s, 1, m->extract);
    kp_bind_text(s, 2, m->a->id);
    if (!kp_step(s, err))
        return err->code;
    m->known = kp_column_int(s, 2);
    const char *changed = kp_column_text(s, 0);
    if (changed && kp_time_parse(changed, &here) && kp_time_parse(m->a->changed, &coming) &&
        coming < here)
        kp_fail(err, KP_EEXISTS, "%.60s: version %.20s of %s is here, which is newer", m->a->id,
                kp_column_text(s, 1) ? kp_column_text(s, 1) : "", changed);
    kp_reset(s);
    return err->code;
}

static enum kp_code put_advisory(struct kp_db *db, struct matching *m, struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(
        db,
        "insert into advisory(id, publisher, title, version, changed, url, tlp, extract, made)"
        " select ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9 where (select count(*) from advisory) < ?10"
        " or exists(select 1 from advisory where id = ?1)"
        " on conflict(id) do update set publisher = ?2, title = ?3, version = ?4, changed = ?5,"
        " url = ?6, tlp = ?7, extract = ?8",
        err);
    if (!s)
        return err->code;
    const char *const texts[] = { m->a->id,      m->a->publisher, m->a->title, m->a->version,
                                  m->a->changed, m->a->url,       m->a->tlp,   m->extract };
    for (int i = 0; i < 8; i++)
        kp_bind_text(s, i + 1, texts[i]);
    kp_bind_int(s, 9, kp_utc(m->s->clock));
    kp_bind_int(s, 10, KP_SHIELD_ADVISORIES_MAX);
    if (!kp_run(s, err) && !kp_db_changes(db))
        kp_fail(err, KP_EFULL, "there are %d advisories; no more are kept",
                KP_SHIELD_ADVISORIES_MAX);
    return err->code;
}

static enum kp_code write_advisory(struct kp_db *db, void *arg, struct kp_err *err)
{
    struct matching *m = arg;
    if (refuse_older(db, m, err) || put_advisory(db, m, err))
        return err->code;
    return put_findings(db, m, err);
}

static void put_taken(const struct matching *m, struct kp_json *j)
{
    kp_json_begin(j, '{');
    kp_json_put_text(j, "kind", "advisory");
    kp_json_put_text(j, "id", m->a->id);
    kp_json_put_bool(j, "known", m->known);
    kp_json_put_int(j, "affected", (int64_t)m->affected);
    kp_json_put_int(j, "review", (int64_t)m->review);
    kp_json_put_int(j, "opened", (int64_t)m->opened);
    kp_json_put_int(j, "closed", (int64_t)m->closed);
    kp_json_put_int(j, "matchMicroseconds", m->took / 1000);
    kp_json_end(j, '}');
}

/* Keeps what stays of it, and what was found. */
static enum kp_code take_document(struct matching *m, const json_t *json, struct kp_json *j,
                                  struct kp_err *err)
{
    json_t *kept = extract(json);
    char *dumped = kept ? kp_json_dump(kept, JSON_COMPACT) : NULL;
    m->extract = dumped;
    if (!dumped)
        kp_fail(err, KP_ENOMEM, "out of memory");
    else if (!kp_store_do(m->s->store, write_advisory, m, err))
        put_taken(m, j);
    kp_free(dumped);
    json_decref(kept);
    return err->code;
}

static enum kp_code take_csaf(struct kp_shield *s, const char *text, size_t len, struct kp_json *j,
                              struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    struct kp_advisory a;
    struct matching m = { .s = s, .a = &a, .arena = &arena };
    json_t *json = NULL;
    int64_t begun = kp_mono(s->clock);
    if (!need_devices(s, err) && !kp_advisory_load(text, len, s->aliases, &arena, &json, &a, err) &&
        !match(&m, err)) {
        m.took = kp_mono(s->clock) - begun;
        take_document(&m, json, j, err);
    }
    kp_free(m.found);
    json_decref(json);
    kp_arena_free(&arena);
    return err->code;
}

/* ---- all of them anew ---- */
static enum kp_code write_findings(struct kp_db *db, void *arg, struct kp_err *err)
{
    return put_findings(db, arg, err);
}

static enum kp_code rematch(struct kp_shield *s, const char *text, struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    struct kp_advisory a;
    struct matching m = { .s = s, .a = &a, .arena = &arena };
    json_t *json = NULL;
    if (!need_devices(s, err) &&
        !kp_advisory_load(text, strlen(text), s->aliases, &arena, &json, &a, err) &&
        !match(&m, err)) {
        struct kp_db *db = kp_store_reader(s->store, err);
        bool news = db && any_news(db, &m, err);
        kp_store_reader_done(s->store, db);
        if (news)
            kp_store_do(s->store, write_findings, &m, err);
    }
    kp_free(m.found);
    json_decref(json);
    kp_arena_free(&arena);
    return err->code;
}

/* The one after `id`, in the order of ids; NULL: none. The connection is not kept meanwhile. */
static const char *next_advisory(struct kp_shield *s, char id[128], struct kp_arena *arena,
                                 struct kp_err *err)
{
    const char *text = NULL;
    struct kp_db *db = kp_store_reader(s->store, err);
    struct kp_stmt *q = db ? kp_db_prepare(db,
                                           "select id, extract from advisory where id > ?"
                                           " order by id limit 1",
                                           err)
                           : NULL;
    if (q) {
        kp_bind_text(q, 1, id);
        if (kp_step(q, err)) {
            text = kp_column_copy(q, 1, arena);
            snprintf(id, 128, "%s", kp_column_text(q, 0));
            kp_reset(q);
        }
    }
    kp_store_reader_done(s->store, db);
    return text;
}

enum kp_code findings_devices_changed(struct kp_shield *s, struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    char id[128] = "";
    const char *text;
    forget(s);
    while (!err->code && (text = next_advisory(s, id, &arena, err))) {
        rematch(s, text, err);
        kp_arena_reset(&arena);
    }
    kp_arena_free(&arena);
    return err->code;
}

/* ---- feeds ---- */
struct feed {
    const json_t *kev;
    char *epss;
    size_t n;
};

static enum kp_code write_kev(struct kp_db *db, const json_t *list, size_t *n, struct kp_err *err)
{
    struct kp_stmt *s;
    const json_t *one;
    size_t i;
    json_array_foreach((json_t *)(uintptr_t)list, i, one)
    {
        const char *cve = json_string_value(json_object_get(one, "cveID"));
        if (!cve || strlen(cve) > 40)
            continue;
        s = kp_db_prepare(db,
                          "insert into exploit(cve, kev) values(?, 1)"
                          " on conflict(cve) do update set kev = 1",
                          err);
        if (!s)
            return err->code;
        kp_bind_text(s, 1, cve);
        if (kp_run(s, err))
            return err->code;
        (*n)++;
    }
    return KP_OK;
}

/* "CVE-2024-1,0.00043,0.1" */
static bool epss_line(char *line, double *epss)
{
    char *comma = strchr(line, ','), *end;
    if (!comma || strncmp(line, "CVE-", 4) != 0 || comma - line > 40)
        return false;
    *comma = 0;
    *epss = strtod(comma + 1, &end);
    return end > comma + 1 && *epss >= 0 && *epss <= 1;
}

static enum kp_code write_epss(struct kp_db *db, char *text, size_t *n, struct kp_err *err)
{
    for (char *line = text, *next; *line && !err->code; line = next) {
        size_t len = strcspn(line, "\r\n");
        double epss;
        next = line + len;
        next += strspn(next, "\r\n");
        line[len] = 0;
        if (!epss_line(line, &epss))
            continue;
        struct kp_stmt *s = kp_db_prepare(db,
                                          "insert into exploit(cve, epss) values(?, ?)"
                                          " on conflict(cve) do update set epss = excluded.epss",
                                          err);
        if (!s)
            return err->code;
        kp_bind_text(s, 1, line);
        kp_bind_double(s, 2, epss);
        kp_run(s, err);
        (*n)++;
    }
    return err->code;
}

static enum kp_code write_feed(struct kp_db *db, void *arg, struct kp_err *err)
{
    struct feed *f = arg;
    return f->kev ? write_kev(db, f->kev, &f->n, err) : write_epss(db, f->epss, &f->n, err);
}

static enum kp_code take_feed(struct kp_shield *s, char *text, size_t len, struct kp_json *j,
                              struct kp_err *err)
{
    struct feed f = { .epss = text };
    json_t *o = NULL;
    bool kev = *text == '{';
    if (kev && (o = kp_json_object(text, len, "feed", FEED_DEPTH, err)))
        f.kev = json_object_get(o, "vulnerabilities");
    if (!err->code && !kp_store_do(s->store, write_feed, &f, err) && !f.n)
        kp_fail(err, KP_EPARSE, "there is no CVE in it");
    json_decref(o);
    if (err->code)
        return err->code;
    kp_json_begin(j, '{');
    kp_json_put_text(j, "kind", kev ? "kev" : "epss");
    kp_json_put_int(j, "vulnerabilities", (int64_t)f.n);
    kp_json_end(j, '}');
    return KP_OK;
}

enum kp_code kp_shield_take(struct kp_shield *s, char *text, size_t len, struct kp_json *j,
                            struct kp_err *err)
{
    size_t blank = strspn(text, " \t\r\n\xef\xbb\xbf");
    bool kev =
        len < KP_CSAF_BYTES_MAX && strstr(text, "\"catalogVersion\"") && strstr(text, "\"cveID\"");
    if (text[blank] != '{' || kev)
        return take_feed(s, text + blank, len - blank, j, err);
    pthread_mutex_lock(&s->work);
    take_csaf(s, text, len, j, err);
    pthread_mutex_unlock(&s->work);
    return err->code;
}

/* ---- answers ---- */
struct answering {
    const char *advisory, *answer, *comment, *who;
    int64_t device, now;
};

static enum kp_code write_answer(struct kp_db *db, void *arg, struct kp_err *err)
{
    const struct answering *a = arg;
    struct kp_stmt *s = kp_db_prepare(
        db,
        "update finding set answer = ?1, comment = ?2, who = ?3, answered = ?4, changed = ?4,"
        " closed = iif(?1 in ('not_affected', 'accepted', 'done'), ?4, null),"
        " closed_why = iif(?1 in ('not_affected', 'accepted', 'done'), 'a person answered', null)"
        " where device = ?5 and advisory = ?6 and verdict > 0",
        err);
    if (!s)
        return err->code;
    kp_bind_text(s, 1, a->answer);
    kp_bind_text(s, 2, a->comment);
    kp_bind_text(s, 3, a->who);
    kp_bind_int(s, 4, a->now);
    kp_bind_int(s, 5, a->device);
    kp_bind_text(s, 6, a->advisory);
    if (!kp_run(s, err) && !kp_db_changes(db))
        kp_fail(err, KP_ENOTFOUND, "%.60s has nothing to do with device %lld", a->advisory,
                (long long)a->device);
    return err->code;
}

enum kp_code kp_shield_answer(struct kp_shield *s, const char *advisory, int64_t device,
                              const char *answer, const char *comment, const char *who,
                              struct kp_err *err)
{
    struct answering a = { advisory, answer, comment, who, device, kp_utc(s->clock) };
    return kp_store_do(s->store, write_answer, &a, err);
}
