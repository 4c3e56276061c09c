/* SPDX-License-Identifier: Apache-2.0 */
/* Advisories taken and kept, and matched with the devices, again when these change. */
#include "shield/matching.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { EXTRACT_MAX = 3 * KP_CSAF_BYTES_MAX }; /* control characters take six bytes again */

/* ---- one ---- */
static void put_members(struct kp_json *j, const struct kp_tree *object, const char *const *keys)
{
    kp_json_begin(j, '{');
    for (; *keys; keys++) {
        const struct kp_tree *v = kp_tree_get(object, *keys);
        if (v) {
            kp_json_key(j, *keys);
            kp_tree_write(v, j);
        }
    }
    kp_json_end(j, '}');
}

/* What of a document stays: neither notes nor acknowledgments. */
static void extract(const struct kp_tree *root, struct kp_buf *out)
{
    static const char *const of_document[] = { "title",        "tracking",   "publisher",
                                               "distribution", "references", NULL };
    static const char *const of_hole[] = { "cve",          "ids",    "title", "product_status",
                                           "remediations", "scores", NULL };
    struct kp_json j = kp_json(out);
    const struct kp_tree *products = kp_tree_get(root, "product_tree");
    kp_json_begin(&j, '{');
    kp_json_key(&j, "document");
    put_members(&j, kp_tree_get(root, "document"), of_document);
    if (products) {
        kp_json_key(&j, "product_tree");
        kp_tree_write(products, &j);
    }
    kp_json_key(&j, "vulnerabilities");
    kp_json_begin(&j, '[');
    for (const struct kp_tree *hole = kp_tree_list(root, "vulnerabilities"); hole;
         hole = hole->next)
        put_members(&j, hole, of_hole);
    kp_json_end(&j, ']');
    kp_json_end(&j, '}');
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
    const char *tlp = *m->a->tlp || !m->taking->tlp ? m->a->tlp : m->taking->tlp;
    const char *const texts[] = { m->a->id,      m->a->publisher, m->a->title, m->a->version,
                                  m->a->changed, m->a->url,       tlp,         m->extract };
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
    if (refuse_older(db, m, err) || put_advisory(db, m, err) || findings_put(db, m, err))
        return err->code;
    return m->taking->also ? m->taking->also(db, m->taking->arg, m->a, err) : KP_OK;
}

/* Keeps what stays of it, and what was found. */
static enum kp_code keep_document(struct matching *m, const struct kp_tree *root,
                                  struct kp_err *err)
{
    struct kp_buf kept;
    kp_buf_init(&kept, EXTRACT_MAX);
    extract(root, &kept);
    m->extract = kp_buf_text(&kept);
    if (kept.failed)
        kp_fail(err, KP_ENOMEM, "out of memory");
    else
        kp_store_do(m->s->store, write_advisory, m, err);
    kp_buf_free(&kept);
    return err->code;
}

static void tell(const struct matching *m, struct advisory_taking *t)
{
    snprintf(t->id, sizeof t->id, "%s", m->a->id);
    t->known = m->known;
    t->affected = m->affected;
    t->review = m->review;
    t->opened = m->opened;
    t->closed = m->closed;
    t->took = m->took;
}

static enum kp_code take_document(struct kp_shield *s, struct advisory_taking *t,
                                  struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    struct kp_advisory a;
    struct matching m = { .s = s, .a = &a, .arena = &arena, .taking = t };
    const struct kp_tree *root = NULL;
    int64_t begun = kp_mono(s->clock);
    if (!matching_ready(s, err) &&
        !kp_advisory_load(t->text, t->len, s->aliases, &arena, &root, &a, err) &&
        !(t->judge && t->judge(t->arg, &a, err)) && !matching_do(&m, err)) {
        m.took = kp_mono(s->clock) - begun;
        if (!keep_document(&m, root, err))
            tell(&m, t);
    }
    kp_free(m.found);
    kp_arena_free(&arena);
    return err->code;
}

enum kp_code shield_take_advisory(struct kp_shield *s, struct advisory_taking *t,
                                  struct kp_err *err)
{
    pthread_mutex_lock(&s->work);
    take_document(s, t, err);
    pthread_mutex_unlock(&s->work);
    return err->code;
}

/* ---- all of them anew ---- */
static enum kp_code write_findings(struct kp_db *db, void *arg, struct kp_err *err)
{
    return findings_put(db, arg, err);
}

static enum kp_code rematch(struct kp_shield *s, const char *text, struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    struct kp_advisory a;
    struct matching m = { .s = s, .a = &a, .arena = &arena };
    if (!matching_ready(s, err) &&
        !kp_advisory_load(text, strlen(text), s->aliases, &arena, NULL, &a, err) &&
        !matching_do(&m, err)) {
        struct kp_db *db = kp_store_reader(s->store, err);
        bool news = db && findings_differ(db, &m, err);
        kp_store_reader_done(s->store, db);
        if (news)
            kp_store_do(s->store, write_findings, &m, err);
    }
    kp_free(m.found);
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
    matching_forget(s);
    while (!err->code && (text = next_advisory(s, id, &arena, err))) {
        rematch(s, text, err);
        kp_arena_reset(&arena);
    }
    kp_arena_free(&arena);
    return err->code;
}

/* ---- what comes ---- */
void shield_put_taken(const struct advisory_taking *t, struct kp_json *j)
{
    kp_json_begin(j, '{');
    kp_json_put_text(j, "kind", "advisory");
    kp_json_put_text(j, "id", t->id);
    kp_json_put_bool(j, "known", t->known);
    kp_json_put_int(j, "affected", (int64_t)t->affected);
    kp_json_put_int(j, "review", (int64_t)t->review);
    kp_json_put_int(j, "opened", (int64_t)t->opened);
    kp_json_put_int(j, "closed", (int64_t)t->closed);
    kp_json_put_int(j, "matchMicroseconds", t->took / 1000);
    kp_json_end(j, '}');
}

enum kp_code kp_shield_take(struct kp_shield *s, char *text, size_t len, struct kp_json *j,
                            struct kp_err *err)
{
    size_t blank = strspn(text, " \t\r\n\xef\xbb\xbf");
    bool kev =
        len < KP_CSAF_BYTES_MAX && strstr(text, "\"catalogVersion\"") && strstr(text, "\"cveID\"");
    if (text[blank] != '{' || kev)
        return shield_take_exploits(s, text + blank, len - blank, j, err);
    struct advisory_taking t = { .text = text, .len = len };
    if (!shield_take_advisory(s, &t, err))
        shield_put_taken(&t, j);
    return err->code;
}
