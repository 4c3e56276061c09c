/* SPDX-License-Identifier: Apache-2.0 */
/* Bringing what is new in the lists of a provider. */
#include "shield/feed_csaf.h"

#include "core/hash.h"
#include "net/json_memory.h"
#include "shield/csaf.h"
#include "shield/keep.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum {
    PROOF_MAX = KP_OPENPGP_SIGNATURE_MAX,
    PATIENCE = 3, /* documents in a row that do not come, then the server is left alone */
    TRIES = 2,    /* of what is asked to come later */
    TLP_STRICT = 3,
    WAIT_MAX_S = 60, /* that a pull waits for by itself */
    ADDRESS = 2100
};

struct pull {
    struct kp_csaf_pull *p;
    const struct kp_csaf_list *list;
    unsigned in_a_row;
    bool whole; /* all documents of the list are as it says */
};

struct known { /* of an address */
    bool there;
    int64_t updated;
    enum csaf_state state;
    char tag[KP_FETCH_TAG], since[KP_FETCH_TIME];
};

static void note(struct kp_csaf_pull *p, const char *text)
{
    size_t n = strlen(p->note);
    if (n + 4 < sizeof p->note)
        snprintf(p->note + n, sizeof p->note - n, "%s%s", n ? "; " : "", text);
    kp_utf8_trim(p->note);
}

/* ---- what is known of an address ---- */
static void copy_column(struct kp_stmt *s, int column, char *out, size_t size)
{
    const char *text = kp_column_text(s, column);
    snprintf(out, size, "%s", text ? text : "");
}

static enum kp_code look_up(const struct kp_csaf_pull *p, const char *url, struct known *k,
                            struct kp_err *err)
{
    struct kp_db *db = kp_store_reader(p->desk.shield->store, err);
    struct kp_stmt *s = db ? kp_db_prepare(db,
                                           "select updated, state, tag, since from feed_document"
                                           " where feed = ? and url = ?",
                                           err)
                           : NULL;
    *k = (struct known){ .updated = KP_NO_TIME };
    if (s) {
        kp_bind_int(s, 1, p->desk.feed);
        kp_bind_text(s, 2, url);
        if (kp_step(s, err)) {
            k->there = true;
            k->updated = kp_column_time(s, 0);
            k->state = (enum csaf_state)kp_column_int(s, 1);
            copy_column(s, 2, k->tag, sizeof k->tag);
            copy_column(s, 3, k->since, sizeof k->since);
            kp_reset(s);
        }
    }
    kp_store_reader_done(p->desk.shield->store, db);
    return err->code;
}

struct list_row {
    const struct kp_csaf_pull *p;
    const char *url;
    const struct kp_fetched *out;
};

static enum kp_code write_list(struct kp_db *db, void *arg, struct kp_err *err)
{
    const struct list_row *r = arg;
    struct kp_stmt *s = kp_db_prepare(db,
                                      "insert or replace into feed_document(feed, url, tag, since,"
                                      " state, at) values(?, ?, ?, ?, ?, ?)",
                                      err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, r->p->desk.feed);
    kp_bind_text(s, 2, r->url);
    kp_bind_text(s, 3, r->out->tag);
    kp_bind_text(s, 4, r->out->since);
    kp_bind_int(s, 5, CSAF_LIST);
    kp_bind_int(s, 6, kp_utc(r->p->desk.shield->clock));
    return kp_run(s, err);
}

/* ---- asking ---- */
static bool has_server(const struct kp_csaf_pull *p, const char *url)
{
    char server[300];
    json_t *one;
    size_t i;
    kp_web_url_server(url, server, sizeof server);
    json_array_foreach(json_object_get(p->trust, "servers"), i, one)
    {
        if (strcmp(json_string_value(one), server) == 0)
            return true;
    }
    return false;
}

/* Asks, and again when the server says when. */
static enum kp_code ask(struct kp_csaf_pull *p, const struct kp_fetch *q, struct kp_fetched *out,
                        struct kp_err *err)
{
    *out = (struct kp_fetched){ 0 };
    if (!has_server(p, q->url))
        return kp_fail(err, KP_EINVALID,
                       "%.120s lies on a server that the provider did not name when it was trusted",
                       q->url);
    for (int again = 0; !p->io->get(p->io->arg, q, out, err); again++) {
        if (out->status != 429 && out->status != 503)
            return KP_OK;
        int64_t wait = out->wait ? out->wait : 5 * KP_SECOND;
        if (again == TRIES || wait > WAIT_MAX_S * KP_SECOND) {
            p->wait = wait;
            return kp_fail(err, KP_ETIMEOUT, "the server asks to be left alone (status %ld)",
                           out->status);
        }
        kp_buf_free(&out->text);
        if (p->io->wait(p->io->arg, wait, err))
            break;
    }
    return err->code;
}

/* What ends the pull; anything else is the fault of one document. */
static bool is_over(enum kp_code code)
{
    return code == KP_ESTOPPED || code == KP_ETIMEOUT || code == KP_ENOMEM || code == KP_EIO;
}

/* ---- one document ---- */
/* Its proof; not there is no error. `url` may be a digest or a signature. */
static enum kp_code fetch_proof(struct kp_csaf_pull *p, const char *url, struct kp_fetched *out,
                                struct kp_err *err)
{
    const struct kp_fetch q = { .url = url, .most = PROOF_MAX };
    if (ask(p, &q, out, err))
        return err->code;
    if (out->status == 200)
        return KP_OK;
    out->text.len = 0;
    return out->status == 404 || out->status == 410
               ? KP_OK
               : kp_fail(err, KP_EPEER, "%.150s: status %ld", url, out->status);
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n > m && strcmp(text + n - m, end) == 0;
}

/* A folder does not say which digests there are: the strongest that is found. */
static enum kp_code fetch_digest(struct kp_csaf_pull *p, const struct kp_csaf_entry *e,
                                 struct kp_csaf_paper *paper, struct kp_fetched *out,
                                 struct kp_err *err)
{
    char url[ADDRESS];
    bool strong = e->hash ? ends_with(e->hash, "512") : true;
    snprintf(url, sizeof url, "%s%s", e->hash ? e->hash : e->url, e->hash ? "" : ".sha512");
    if (fetch_proof(p, url, out, err))
        return err->code;
    if (!e->hash && !out->text.len) {
        kp_buf_free(&out->text);
        strong = false;
        snprintf(url, sizeof url, "%s.sha256", e->url);
        if (fetch_proof(p, url, out, err))
            return err->code;
    }
    if (!out->text.len)
        return e->hash ? kp_fail(err, KP_EDENIED, "the digest that its list names is not there")
                       : KP_OK;
    *(strong ? &paper->sha512 : &paper->sha256) = kp_buf_text(&out->text);
    *(strong ? &paper->sha512_len : &paper->sha256_len) = out->text.len;
    return KP_OK;
}

static enum kp_code fetch_signature(struct kp_csaf_pull *p, const struct kp_csaf_entry *e,
                                    struct kp_csaf_paper *paper, struct kp_fetched *out,
                                    struct kp_err *err)
{
    char url[ADDRESS];
    snprintf(url, sizeof url, "%s%s", e->signature ? e->signature : e->url,
             e->signature ? "" : ".asc");
    if (!p->desk.keys || fetch_proof(p, url, out, err) || !out->text.len)
        return err->code;
    paper->signature = kp_buf_text(&out->text);
    paper->signature_len = out->text.len;
    return KP_OK;
}

/* The document is here: proofs are brought, then it is taken. */
static enum kp_code take(struct pull *g, const struct kp_csaf_entry *e, struct kp_fetched *document,
                         struct kp_err *err)
{
    struct kp_csaf_pull *p = g->p;
    struct kp_fetched digest = { 0 }, signature = { 0 };
    struct kp_csaf_paper paper = { .url = e->url,
                                   .text = kp_buf_text(&document->text),
                                   .len = document->text.len,
                                   .tlp = g->list->tlp,
                                   .tag = document->tag,
                                   .since = document->since,
                                   .updated = e->updated };
    if (!fetch_digest(p, e, &paper, &digest, err) &&
        !fetch_signature(p, e, &paper, &signature, err)) {
        enum csaf_state state = CSAF_TAKEN;
        char why[KP_ERR_TEXT];
        kp_csaf_take(&p->desk, &paper, &state, why, err);
        g->whole &= state != CSAF_REFUSED;
    }
    kp_buf_free(&digest.text);
    kp_buf_free(&signature.text);
    return err->code;
}

static enum kp_code bring(struct pull *g, const struct kp_csaf_entry *e, const struct known *k,
                          struct kp_err *err)
{
    bool good = k->there && k->state < CSAF_REFUSED;
    struct kp_fetched out;
    const struct kp_fetch q = { .url = e->url,
                                .tag = good ? k->tag : NULL,
                                .since = good ? k->since : NULL,
                                .accept = "application/json",
                                .most = KP_CSAF_BYTES_MAX };
    if (ask(g->p, &q, &out, err) == KP_OK && out.status == 200)
        take(g, e, &out, err);
    else if (!err->code && out.status != 304)
        kp_fail(err, out.status >= 500 ? KP_EPEER : KP_EDENIED,
                "the server answers with status %ld", out.status);
    kp_buf_free(&out.text);
    return err->code;
}

/* KP_OK: the next one may come. */
static enum kp_code handle(struct pull *g, const struct kp_csaf_entry *e, struct kp_err *err)
{
    struct known k;
    struct kp_err why = { 0 };
    if (look_up(g->p, e->url, &k, err))
        return err->code;
    if (e->updated == KP_NO_TIME)
        g->whole = false; /* the list may stay the same when this changes */
    if (k.there && k.state < CSAF_REFUSED && e->updated != KP_NO_TIME && k.updated == e->updated)
        return KP_OK;
    if (!bring(g, e, &k, &why)) {
        g->in_a_row = 0;
        return KP_OK;
    }
    g->whole = false;
    if (is_over(why.code))
        return kp_fail(err, why.code, "%s", why.text);
    if (why.code != KP_EPEER) {
        const struct kp_csaf_paper paper = { .url = e->url, .updated = e->updated };
        return kp_csaf_refuse(&g->p->desk, &paper, why.text, err);
    }
    g->p->failed++;
    return ++g->in_a_row < PATIENCE
               ? KP_OK
               : kp_fail(err, KP_EPEER, "%.100s: %.140s", kp_csaf_base_name(e->url), why.text);
}

/* ---- one list ---- */
static enum kp_code fetch_list(struct kp_csaf_pull *p, const char *url, struct kp_fetched *out,
                               struct kp_err *err)
{
    struct known k;
    *out = (struct kp_fetched){ 0 };
    if (look_up(p, url, &k, err))
        return err->code;
    const struct kp_fetch q = {
        .url = url, .tag = k.tag, .since = k.since, .most = KP_CSAF_LIST_BYTES_MAX
    };
    if (!ask(p, &q, out, err) && out->status != 200 && out->status != 304 && out->status != 404)
        kp_fail(err, out->status == 401 || out->status == 403 ? KP_EREFUSED : KP_EPEER,
                "%.150s: the server answers with status %ld", url, out->status);
    return err->code;
}

/* ROLIE, else changes.csv of a folder, else its index.txt. */
static enum kp_code read_list(struct kp_csaf_pull *p, const struct kp_csaf_list *l,
                              char url[ADDRESS], struct kp_fetched *out, struct kp_csaf_entries *e,
                              struct kp_err *err)
{
    snprintf(url, ADDRESS, "%s%s", l->url, l->rolie ? "" : "changes.csv");
    bool dates = true;
    if (!fetch_list(p, url, out, err) && out->status == 404 && !l->rolie) {
        kp_buf_free(&out->text);
        dates = false;
        snprintf(url, ADDRESS, "%sindex.txt", l->url);
        fetch_list(p, url, out, err);
    }
    if (err->code || out->status == 304)
        return err->code;
    if (out->status != 200)
        return kp_fail(err, KP_EPEER, "%.150s: the list is not there (404)", url);
    char *text = kp_buf_text(&out->text) && out->text.len ? out->text.data : NULL;
    if (!text)
        return l->rolie ? kp_fail(err, KP_EPARSE, "%.150s: it is empty", url) : KP_OK;
    return l->rolie ? kp_csaf_rolie_read(text, out->text.len, e, err)
                    : kp_csaf_folder_read(text, l->url, dates, e, err);
}

static enum kp_code pull_list(struct kp_csaf_pull *p, const struct kp_csaf_list *l,
                              struct kp_err *err)
{
    struct pull g = { .p = p, .list = l, .whole = true };
    struct kp_csaf_entries e = { 0 };
    struct kp_fetched out = { 0 };
    char url[ADDRESS];
    if (!read_list(p, l, url, &out, &e, err)) {
        p->lists++;
        p->unchanged += out.status == 304;
        kp_csaf_entries_sort(&e);
        for (size_t i = 0; i < e.n && !handle(&g, &e.of[i], err); i++)
            ;
        p->desk.state[CSAF_REFUSED] += e.refused;
        if (e.refused && !*p->desk.why)
            snprintf(p->desk.why, sizeof p->desk.why, "%s", e.why);
    }
    const struct list_row row = { p, url, &out };
    if (!err->code && out.status == 200 && g.whole && (*out.tag || *out.since))
        kp_store_do(p->desk.shield->store, write_list, (void *)(uintptr_t)&row, err);
    kp_csaf_entries_free(&e);
    kp_buf_free(&out.text);
    return err->code;
}

/* ---- keys as they are now ---- */
/* The provider may have prolonged a key: it is the same fingerprint with another text. */
static void renew_key(struct kp_csaf_pull *p, json_t *key, const struct kp_csaf_key *k)
{
    struct kp_fetched out;
    struct kp_err why = { 0 };
    const struct kp_fetch q = { .url = k->url, .most = KP_OPENPGP_KEY_MAX };
    const char *old = json_string_value(json_object_get(key, "key"));
    if (!ask(p, &q, &out, &why) && out.status == 200 && strcmp(kp_buf_text(&out.text), old) != 0) {
        struct kp_openpgp *g = kp_openpgp_new(p->folder, &why);
        if (g &&
            !kp_openpgp_trust(g, kp_buf_text(&out.text), out.text.len, k->fingerprint, NULL,
                              &why) &&
            !json_object_set_new(key, "key", json_string(kp_buf_text(&out.text))))
            p->trust_changed = true;
        kp_openpgp_free(g);
    }
    kp_buf_free(&out.text);
}

/* What the provider does not show any more is not trusted now; what it shows new is told. */
static json_t *keys_now(struct kp_csaf_pull *p, const struct kp_csaf_provider *now)
{
    json_t *trust = json_object(), *kept = json_array(), *key;
    char line[120];
    size_t i, k, found = 0;
    json_array_foreach(json_object_get(p->trust, "keys"), i, key)
    {
        const char *f = json_string_value(json_object_get(key, "fingerprint"));
        for (k = 0; k < now->keys && strcmp(now->key[k].fingerprint, f) != 0; k++)
            ;
        if (k < now->keys) {
            renew_key(p, key, &now->key[k]);
            json_array_append(kept, key);
            found++;
        } else {
            snprintf(line, sizeof line, "the provider does not show the key %.64s any more", f);
            note(p, line);
        }
    }
    if (now->keys > found)
        note(p, "the provider shows a key that is not trusted");
    json_object_set_new(trust, "keys", kept);
    return trust;
}

static enum kp_code ready_keys(struct kp_csaf_pull *p, const struct kp_csaf_provider *now,
                               struct kp_err *err)
{
    if (!json_array_size(json_object_get(p->trust, "keys")))
        return KP_OK;
    json_t *trust = keys_now(p, now);
    p->desk.keys = kp_csaf_keys(trust, p->folder, err);
    json_decref(trust);
    if (err->code || p->desk.keys)
        return kp_context(err, "the provider's keys");
    return kp_fail(err, KP_EREFUSED,
                   "none of the keys that are trusted is the provider's any more: %.120s", p->note);
}

/* ---- all of it ---- */
static enum kp_code read_provider(struct kp_csaf_pull *p, struct kp_arena *arena,
                                  struct kp_csaf_provider *now, struct kp_err *err)
{
    struct kp_fetched out;
    const char *url = json_string_value(json_object_get(p->trust, "url"));
    const char *was = json_string_value(json_object_get(p->trust, "canonical"));
    const struct kp_fetch q = { .url = url, .most = KP_CSAF_PROVIDER_BYTES_MAX };
    if (!ask(p, &q, &out, err) && out.status != 200)
        kp_fail(err, out.status == 401 || out.status == 403 ? KP_EREFUSED : KP_EPEER,
                "%.150s: the server answers with status %ld", url, out.status);
    if (!err->code)
        kp_csaf_provider_read(kp_buf_text(&out.text), out.text.len, arena, now, err);
    kp_buf_free(&out.text);
    if (!err->code && strcmp(now->canonical, was) != 0)
        kp_fail(err, KP_EREFUSED, "the metadata is another one's now: %.120s", now->canonical);
    return err->code;
}

static enum kp_code pull_lists(struct kp_csaf_pull *p, const struct kp_csaf_provider *now,
                               struct kp_err *err)
{
    for (size_t i = 0; i < now->lists && !err->code; i++) {
        struct kp_err why = { 0 };
        int label = kp_tlp_rank(now->list[i].tlp);
        if (label > p->desk.tlp_most)
            note(p, label > TLP_STRICT ? "lists of RED are not asked for"
                                       : "lists of AMBER are not asked for without a login");
        else if (pull_list(p, &now->list[i], &why) &&
                 (is_over(why.code) || why.code == KP_EPEER || now->lists == 1))
            kp_fail(err, why.code, "%s", why.text);
        else if (why.code)
            note(p, why.text);
    }
    return err->code;
}

enum kp_code kp_csaf_pull(struct kp_csaf_pull *p, struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    struct kp_csaf_provider now;
    if (!read_provider(p, &arena, &now, err) && !ready_keys(p, &now, err)) {
        p->desk.proof_needed = now.role == KP_CSAF_TRUSTED_PROVIDER;
        pull_lists(p, &now, err);
    }
    kp_openpgp_free(p->desk.keys);
    p->desk.keys = NULL;
    kp_arena_free(&arena);
    return err->code;
}
