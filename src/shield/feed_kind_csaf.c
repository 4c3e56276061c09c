/* SPDX-License-Identifier: Apache-2.0 */
/* The kind "csaf" of feeds: a provider of security advisories. Settings: trust, the fingerprints a
 * person trusts; provider, what was found and is trusted (kp_csaf_find), which nobody types. Who
 * has the provider's files in a folder says metadata, their text, and keys, those of its keys by
 * their file names; both are taken and not kept. */
#include "net/json_memory.h"
#include "shield/feed_csaf.h"
#include "shield/feed_kinds.h"
#include "shield/keep.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

static const int64_t pause = 100 * KP_MILLISECOND;
/* What is RED is for the persons it was given to, and a node is none. */
enum { TLP_GREEN = 1, TLP_STRICT = 3 };
static const char *const settings[] = { "trust", "metadata", "keys", NULL };

/* ---- over the network ---- */
struct line {
    struct kp_fetcher_options options;
    struct kp_fetcher *fetcher;
    struct kp_csaf_io io;
};

static enum kp_code get(void *arg, const struct kp_fetch *q, struct kp_fetched *out,
                        struct kp_err *err)
{
    return kp_fetcher_get(((struct line *)arg)->fetcher, q, out, err);
}

static enum kp_code wait_a_while(void *arg, int64_t ns, struct kp_err *err)
{
    return kp_fetcher_wait(((struct line *)arg)->fetcher, ns, err);
}

static bool open_line(struct line *l, const struct kp_feed_visit *v, const char *home,
                      struct kp_err *err)
{
    kp_feed_fetcher(v, &l->options);
    l->options.home = home;
    l->options.pause = pause;
    l->io = (struct kp_csaf_io){ get, wait_a_while, l };
    l->fetcher = kp_fetcher_new(&l->options, err);
    return l->fetcher;
}

/* ---- beginning ---- */
static const char *key_of(void *arg, const char *url, size_t *len)
{
    const json_t *text = json_object_get(arg, kp_csaf_base_name(url));
    *len = json_string_length(text);
    return json_string_value(text);
}

static json_t *look(struct kp_feed_visit *v, struct kp_err *err)
{
    struct line l = { 0 };
    char folder[600];
    json_t *found = NULL;
    const char *here = kp_feed_text(v->settings, "metadata");
    kp_openpgp_folder(kp_store_dir(v->store), folder, sizeof folder);
    if (here)
        found = kp_csaf_find_here(here, strlen(here), key_of, json_object_get(v->settings, "keys"),
                                  folder, err);
    else if (open_line(&l, v, v->url, err))
        found = kp_csaf_find(&l.io, v->url, folder, err);
    kp_fetcher_free(l.fetcher);
    return found;
}

/* "Gears shows the key ABCD of Gears PSIRT": for who has not said yet what is trusted. */
static enum kp_code ask_for_trust(const json_t *found, struct kp_err *err)
{
    char key[100];
    const json_t *first = json_array_get(json_object_get(found, "keys"), 0);
    kp_fingerprint_show(json_string_value(json_object_get(first, "fingerprint")), key, sizeof key);
    return kp_fail(err, KP_EDENIED,
                   "%.60s shows %zu keys, the first with the fingerprint %s: say which are trusted "
                   "(settings.trust, a list; [] for none)",
                   json_string_value(json_object_get(found, "publisher")),
                   json_array_size(json_object_get(found, "keys")), key);
}

static enum kp_code ask_for_provider(const json_t *found, struct kp_err *err)
{
    const json_t *list = json_object_get(found, "providers"), *first = json_array_get(list, 0);
    return kp_fail(err, KP_EINVALID,
                   "url: %.60s lists %zu providers; add one of them by the address of its metadata"
                   "%s%.60s%s%.120s",
                   kp_feed_text(found, "aggregator"), json_array_size(list),
                   first ? ", as of " : "", first ? kp_feed_text(first, "publisher") : "",
                   first ? " " : "", first ? kp_feed_text(first, "url") : "");
}

static enum kp_code begin(struct kp_feed_visit *v, struct kp_err *err)
{
    const json_t *trust = json_object_get(v->settings, "trust");
    if (trust && !json_is_array(trust))
        return kp_fail(err, KP_EINVALID, "settings.trust: must be a list of fingerprints");
    json_t *found = look(v, err);
    if (json_object_get(found, "providers"))
        ask_for_provider(found, err);
    else if (found && !trust && json_array_size(json_object_get(found, "keys")))
        ask_for_trust(found, err);
    else if (found && !kp_csaf_trust(found, trust, err) &&
             json_object_set(v->settings, "provider", found))
        kp_fail(err, KP_ENOMEM, "out of memory");
    json_decref(found);
    json_object_del(v->settings, "metadata");
    json_object_del(v->settings, "keys");
    return err->code;
}

/* ---- pulling ---- */
struct renewal {
    int64_t id;
    const char *was, *is;
};

/* Unless a person has changed them meanwhile. */
static enum kp_code write_settings(struct kp_db *db, void *arg, struct kp_err *err)
{
    const struct renewal *r = arg;
    struct kp_stmt *s =
        kp_db_prepare(db, "update feed set settings = ? where id = ? and settings = ?", err);
    if (!s)
        return err->code;
    kp_bind_text(s, 1, r->is);
    kp_bind_int(s, 2, r->id);
    kp_bind_text(s, 3, r->was);
    return kp_run(s, err);
}

static void tell(struct kp_feed_visit *v, const struct kp_csaf_pull *p)
{
    const struct kp_csaf_desk *d = &p->desk;
    struct kp_buf note;
    kp_buf_init(&note, 2000);
    if (d->state[CSAF_REFUSED])
        kp_buf_printf(&note, "%zu documents were refused, the first: %s. ", d->state[CSAF_REFUSED],
                      d->why);
    if (d->state[CSAF_FAULTY])
        kp_buf_printf(&note, "%zu documents were taken though they are not valid. ",
                      d->state[CSAF_FAULTY]);
    if (p->failed)
        kp_buf_printf(&note, "%zu documents did not come and are asked for again. ", p->failed);
    kp_buf_str(&note, p->note);
    snprintf(v->note, sizeof v->note, "%s", kp_buf_text(&note));
    kp_utf8_trim(v->note);
    kp_buf_free(&note);
    v->taken = (int64_t)(d->state[CSAF_TAKEN] + d->state[CSAF_FAULTY]);
    v->refused = (int64_t)d->state[CSAF_REFUSED];
    v->wait = p->wait;
}

static enum kp_code pull_from(struct kp_feed_visit *v, struct line *l, json_t *provider,
                              struct kp_err *err)
{
    char folder[600], *was = kp_json_dump(v->settings, JSON_COMPACT), *is = NULL;
    const struct kp_fetcher_options *o = &l->options;
    struct kp_csaf_pull p = { .desk = { .shield = v->shield,
                                        .feed = v->id,
                                        .tlp_most = o->user || o->token || o->key ? TLP_STRICT
                                                                                  : TLP_GREEN },
                              .io = &l->io,
                              .trust = provider,
                              .folder = folder };
    kp_openpgp_folder(kp_store_dir(v->store), folder, sizeof folder);
    kp_csaf_pull(&p, err);
    tell(v, &p);
    if (p.trust_changed && was && (is = kp_json_dump(v->settings, JSON_COMPACT))) {
        struct renewal r = { v->id, was, is };
        kp_store_do(v->store, write_settings, &r, err);
    }
    kp_free(was);
    kp_free(is);
    return err->code;
}

static enum kp_code pull(struct kp_feed_visit *v, struct kp_err *err)
{
    json_t *provider = json_object_get(v->settings, "provider");
    struct line l = { 0 };
    const char *home = kp_feed_text(provider, "url");
    if (!home)
        return kp_fail(err, KP_EREFUSED,
                       "the provider is not known; change the feed's url or trust");
    if (open_line(&l, v, home, err))
        pull_from(v, &l, provider, err);
    kp_fetcher_free(l.fetcher);
    return err->code;
}

/* ---- handing in ---- */
struct known_feed {
    int64_t id;
    json_t *settings;
};

static enum kp_code find_feed(struct kp_shield *s, const char *name, struct known_feed *f,
                              struct kp_err *err)
{
    struct kp_db *db = kp_store_reader(s->store, err);
    struct kp_stmt *q =
        db ? kp_db_prepare(db, "select id, settings from feed where name = ? and kind = 'csaf'",
                           err)
           : NULL;
    *f = (struct known_feed){ 0 };
    if (q) {
        kp_bind_text(q, 1, name);
        if (kp_step(q, err)) {
            f->id = kp_column_int(q, 0);
            f->settings = kp_json_read(kp_column_text(q, 1), "settings of a feed", err);
            kp_reset(q);
        } else if (!err->code) {
            kp_fail(err, KP_ENOTFOUND, "there is no feed of advisories named '%.60s'", name);
        }
    }
    kp_store_reader_done(s->store, db);
    return err->code;
}

static const char *piece(const json_t *o, const char *key, size_t *len)
{
    const json_t *text = json_object_get(o, key);
    *len = json_string_length(text);
    return json_string_value(text);
}

static enum kp_code hand_in(struct kp_csaf_desk *d, const json_t *document, struct kp_json *j,
                            struct kp_err *err)
{
    struct kp_csaf_paper p = { .updated = KP_NO_TIME };
    char url[500], why[KP_ERR_TEXT];
    enum csaf_state state = CSAF_TAKEN;
    size_t len;
    const char *path = piece(document, "path", &len);
    p.text = piece(document, "text", &p.len);
    p.sha256 = piece(document, "sha256", &p.sha256_len);
    p.sha512 = piece(document, "sha512", &p.sha512_len);
    p.signature = piece(document, "signature", &p.signature_len);
    if (!p.text || !path || !kp_csaf_path_good(path, err))
        return kp_fail(err, KP_EINVALID, "documents: each needs path and text");
    snprintf(url, sizeof url, "folder:/%s", path);
    p.url = url;
    if (kp_csaf_take(d, &p, &state, why, err))
        return err->code;
    kp_json_begin(j, '{');
    kp_json_put_text(j, "path", path);
    kp_json_put_text(j, "state", kp_csaf_states[state]);
    kp_json_put_text(j, "why", *why ? why : NULL);
    kp_json_end(j, '}');
    return KP_OK;
}

/* What a person has in hand may be for his company; what is for him alone does not come into a
 * node. */
static enum kp_code hand_in_all(struct kp_shield *s, const struct known_feed *f,
                                const json_t *documents, struct kp_json *j, struct kp_err *err)
{
    struct kp_csaf_desk d = {
        .shield = s, .feed = f->id, .tlp_most = TLP_STRICT, .proof_needed = true
    };
    char folder[600];
    json_t *one;
    size_t i;
    kp_openpgp_folder(kp_store_dir(s->store), folder, sizeof folder);
    d.keys = kp_csaf_keys(json_object_get(f->settings, "provider"), folder, err);
    kp_json_begin(j, '{');
    kp_json_key(j, "documents");
    kp_json_begin(j, '[');
    json_array_foreach((json_t *)(uintptr_t)documents, i, one)
    {
        if (err->code || hand_in(&d, one, j, err))
            break;
    }
    kp_json_end(j, ']');
    kp_json_put_int(j, "opened", (int64_t)d.opened);
    kp_json_put_int(j, "closed", (int64_t)d.closed);
    kp_json_end(j, '}');
    kp_openpgp_free(d.keys);
    return err->code;
}

enum kp_code kp_csaf_hand_in(struct kp_shield *s, const char *name, const json_t *documents,
                             struct kp_json *j, struct kp_err *err)
{
    struct known_feed f;
    if (!json_is_array(documents))
        return kp_fail(err, KP_EINVALID, "documents: must be a list");
    if (!find_feed(s, name, &f, err))
        hand_in_all(s, &f, documents, j, err);
    json_decref(f.settings);
    return err->code;
}

/* ---- what became of documents ---- */
static enum kp_code put_documents(struct kp_db *db, int64_t feed, struct kp_json *j,
                                  struct kp_err *err)
{
    struct kp_stmt *s =
        kp_db_prepare(db,
                      "select url, advisory, version, state, why, at from feed_document"
                      " where feed = ? and state in (1, 3) order by state desc, at desc"
                      " limit 1000",
                      err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, feed);
    while (kp_step(s, err)) {
        kp_json_begin(j, '{');
        kp_json_put_text(j, "url", kp_column_text(s, 0));
        kp_json_put_text(j, "advisory", kp_column_text(s, 1));
        kp_json_put_text(j, "version", kp_column_text(s, 2));
        kp_json_put_text(j, "state", kp_csaf_states[kp_column_int(s, 3)]);
        kp_json_put_text(j, "why", kp_column_text(s, 4));
        kp_json_put_time(j, "at", kp_column_int(s, 5));
        kp_json_end(j, '}');
    }
    return err->code;
}

enum kp_code kp_csaf_documents(struct kp_shield *s, const char *name, struct kp_json *j,
                               struct kp_err *err)
{
    struct known_feed f;
    struct kp_db *db = find_feed(s, name, &f, err) ? NULL : kp_store_reader(s->store, err);
    kp_json_begin(j, '{');
    kp_json_key(j, "documents");
    kp_json_begin(j, '[');
    if (db)
        put_documents(db, f.id, j, err);
    kp_json_end(j, ']');
    kp_json_end(j, '}');
    kp_store_reader_done(s->store, db);
    json_decref(f.settings);
    return err->code;
}

/* ---- the kind ---- */
static enum kp_code forget(struct kp_db *db, int64_t feed, struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(db, "delete from feed_document where feed = ?", err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, feed);
    return kp_run(s, err);
}

const struct kp_feed_kind kp_feed_csaf = { .name = "csaf",
                                           .settings = settings,
                                           .every = 6 * 3600 * KP_SECOND,
                                           .begin = begin,
                                           .look = look,
                                           .pull = pull,
                                           .forget = forget };
