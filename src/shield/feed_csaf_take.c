/* SPDX-License-Identifier: Apache-2.0 */
/* One document of a feed: proved, judged, kept. */
#include "shield/csaf.h"
#include "shield/feed_csaf.h"
#include "shield/keep.h"
#include "store/sha2.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

const char *const kp_csaf_states[] = {
    "taken", "taken with faults", "older than what is here", "refused", "list", NULL
};

struct taking {
    struct kp_csaf_desk *desk;
    const struct kp_csaf_paper *paper;
    unsigned char hash[KP_SHA256_BYTES];
    char advisory[128], version[64], fault[KP_ERR_TEXT];
};

/* ---- proof ---- */
static enum kp_code check_signature(struct kp_csaf_desk *d, const struct kp_csaf_paper *p,
                                    struct kp_err *err)
{
    if (!p->signature)
        return kp_fail(err, KP_EDENIED, "there is no signature beside it");
    return kp_openpgp_check(d->keys, p->text, p->len, p->signature, p->signature_len, err);
}

static enum kp_code prove(struct kp_csaf_desk *d, const struct kp_csaf_paper *p, struct kp_err *err)
{
    if (p->sha256 && kp_csaf_hash_check(p->text, p->len, p->sha256, p->sha256_len, 256, err))
        return err->code;
    if (p->sha512 && kp_csaf_hash_check(p->text, p->len, p->sha512, p->sha512_len, 512, err))
        return err->code;
    if (d->keys)
        return check_signature(d, p, err);
    if (d->proof_needed && !p->sha256 && !p->sha512)
        return kp_fail(err, KP_EDENIED, "there is no digest beside it");
    return KP_OK;
}

/* ---- judgement ---- */
static enum kp_code judge(void *arg, const struct kp_advisory *a, struct kp_err *err)
{
    struct taking *t = arg;
    const struct kp_csaf_paper *p = t->paper;
    char name[160];
    int label = kp_tlp_rank(a->tlp), of_list = kp_tlp_rank(p->tlp ? p->tlp : "");
    snprintf(t->advisory, sizeof t->advisory, "%s", a->id);
    snprintf(t->version, sizeof t->version, "%s", a->version);
    kp_csaf_file_name(a->id, name, sizeof name);
    if (strcmp(name, kp_csaf_base_name(p->url)) != 0)
        return kp_fail(err, KP_EDENIED,
                       "it is %.60s, which does not belong into a file of that name", a->id);
    int64_t changed;
    if (kp_time_parse(a->changed, &changed) &&
        changed > kp_utc(t->desk->shield->clock) + 86400 * KP_SECOND)
        return kp_fail(err, KP_EDENIED, "it says that it was changed in the future, at %.40s",
                       a->changed);
    if (label > of_list && p->tlp && *p->tlp)
        return kp_fail(err, KP_EDENIED, "it is labelled %.20s and lies in a list of %.20s", a->tlp,
                       p->tlp);
    if (label > t->desk->tlp_most)
        return kp_fail(err, KP_EDENIED, "it is labelled %.20s, which may not come this way",
                       a->tlp);
    return KP_OK;
}

/* ---- rows ---- */
/* A feed that was added before has the word on it; or it says it is what it was before, and is not.
 */
static enum kp_code refuse_other(struct kp_db *db, struct taking *t, const struct kp_advisory *a,
                                 struct kp_err *err)
{
    struct kp_stmt *s =
        kp_db_prepare(db,
                      "select feed from feed_document where advisory = ?1"
                      " and hash != ?2 and (feed < ?3 or (feed = ?3 and version = ?4))"
                      " order by feed limit 1",
                      err);
    if (!s)
        return err->code;
    kp_bind_text(s, 1, a->id);
    kp_bind_blob(s, 2, t->hash, sizeof t->hash);
    kp_bind_int(s, 3, t->desk->feed);
    kp_bind_text(s, 4, a->version);
    if (!kp_step(s, err))
        return err->code;
    int64_t of = kp_column_int(s, 0);
    kp_reset(s);
    if (of != t->desk->feed)
        return kp_fail(err, KP_EDENIED,
                       "another feed, which was there first, brings it and has another text");
    return strcmp(a->tracking, "draft") == 0
               ? KP_OK
               : kp_fail(err, KP_EDENIED, "version %.20s was here with another text", a->version);
}

/* advisory, version and hash stay those of what was taken last, whatever is refused later. */
static const char row_sql[] =
    "insert into feed_document(feed, url, updated, tag, since, advisory, version, hash, state, "
    "why, at)"
    " values(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) on conflict(feed, url) do update set"
    " updated = ?3, tag = ?4, since = ?5, advisory = ifnull(?6, advisory), version = ifnull(?7, "
    "version),"
    " hash = ifnull(?8, hash), state = ?9, why = ?10, at = ?11";

static enum kp_code put_row(struct kp_db *db, const struct taking *t, enum csaf_state state,
                            const char *why, struct kp_err *err)
{
    const struct kp_csaf_paper *p = t->paper;
    struct kp_stmt *s = kp_db_prepare(db, row_sql, err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, t->desk->feed);
    kp_bind_text(s, 2, p->url);
    if (p->updated != KP_NO_TIME)
        kp_bind_int(s, 3, p->updated);
    kp_bind_text(s, 4, p->tag);
    kp_bind_text(s, 5, p->since);
    if (state == CSAF_TAKEN || state == CSAF_FAULTY) {
        kp_bind_text(s, 6, t->advisory);
        kp_bind_text(s, 7, t->version);
        kp_bind_blob(s, 8, t->hash, sizeof t->hash);
    }
    kp_bind_int(s, 9, state);
    kp_bind_text(s, 10, why);
    kp_bind_int(s, 11, kp_utc(t->desk->shield->clock));
    return kp_run(s, err);
}

static enum kp_code also(struct kp_db *db, void *arg, const struct kp_advisory *a,
                         struct kp_err *err)
{
    struct taking *t = arg;
    if (refuse_other(db, t, a, err))
        return err->code;
    return put_row(db, t, *t->fault ? CSAF_FAULTY : CSAF_TAKEN, *t->fault ? t->fault : NULL, err);
}

struct refusal {
    struct taking t;
    enum csaf_state state;
    const char *why;
};

static enum kp_code write_refusal(struct kp_db *db, void *arg, struct kp_err *err)
{
    const struct refusal *r = arg;
    return put_row(db, &r->t, r->state, r->why, err);
}

static enum kp_code put_aside(struct kp_csaf_desk *d, const struct kp_csaf_paper *p,
                              enum csaf_state state, const char *why, struct kp_err *err)
{
    struct refusal r = { { .desk = d, .paper = p }, state, why };
    if (kp_store_do(d->shield->store, write_refusal, &r, err))
        return err->code;
    d->state[state]++;
    if (state == CSAF_REFUSED && !*d->why)
        snprintf(d->why, sizeof d->why, "%.100s: %.150s", kp_csaf_base_name(p->url), why);
    kp_utf8_trim(d->why);
    return KP_OK;
}

enum kp_code kp_csaf_refuse(struct kp_csaf_desk *d, const struct kp_csaf_paper *p, const char *why,
                            struct kp_err *err)
{
    return put_aside(d, p, CSAF_REFUSED, why, err);
}

/* ---- all of it ---- */
static void note_fault(void *arg, const struct kp_csaf_finding *f)
{
    struct taking *t = arg;
    if (!*t->fault)
        snprintf(t->fault, sizeof t->fault, "[%s] %.80s: %.140s", f->test->id, f->pointer, f->text);
}

static enum kp_code take(struct taking *t, struct advisory_taking *a, struct kp_err *err)
{
    struct kp_csaf_head head;
    const struct kp_csaf_paper *p = t->paper;
    if (prove(t->desk, p, err) || kp_csaf_check(p->text, p->len, true, &head, note_fault, t, err))
        return err->code;
    kp_utf8_trim(t->fault);
    return shield_take_advisory(t->desk->shield, a, err);
}

/* What is the fault of the document; anything else is that of memory or the disk. */
static bool is_refusal(enum kp_code code)
{
    return code == KP_EDENIED || code == KP_EPARSE || code == KP_EINVALID || code == KP_EFULL;
}

enum kp_code kp_csaf_take(struct kp_csaf_desk *d, const struct kp_csaf_paper *p,
                          enum csaf_state *state, char why[KP_ERR_TEXT], struct kp_err *err)
{
    struct taking t = { .desk = d, .paper = p };
    struct advisory_taking a = {
        .text = p->text, .len = p->len, .tlp = p->tlp, .judge = judge, .also = also, .arg = &t
    };
    struct kp_err own = { 0 };
    kp_sha256(p->text, p->len, t.hash);
    enum kp_code code = take(&t, &a, &own);
    if (code && code != KP_EEXISTS && !is_refusal(code))
        return kp_fail(err, code, "%s", own.text);
    *state = code == KP_EEXISTS ? CSAF_OLDER
             : code             ? CSAF_REFUSED
             : *t.fault         ? CSAF_FAULTY
                                : CSAF_TAKEN;
    snprintf(why, KP_ERR_TEXT, "%s", code ? own.text : t.fault);
    if (code)
        return put_aside(d, p, *state, own.text, err);
    d->state[*state]++;
    d->opened += a.opened;
    d->closed += a.closed;
    return KP_OK;
}
