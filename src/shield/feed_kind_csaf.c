/* SPDX-License-Identifier: Apache-2.0 */
/* The kind "csaf" of feeds: a provider of security advisories. Settings: trust, the fingerprints a
 * person trusts; provider, what was found and is trusted (kp_csaf_find), which nobody types. */
#include "net/json_memory.h"
#include "shield/feed_csaf.h"
#include "shield/feed_kinds.h"
#include "shield/keep.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

static const int64_t pause = 100 * KP_MILLISECOND;
static const char *const settings[] = { "trust", NULL };

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

/* A folder for keys that nobody else uses now. */
static void folder_of(const struct kp_store *store, char *out, size_t size)
{
    unsigned char number[8];
    kp_random(number, sizeof number);
    snprintf(out, size, "%s/gnupg-%02x%02x%02x%02x", kp_store_dir(store), number[0], number[1],
             number[2], number[3]);
}

/* ---- beginning ---- */
json_t *kp_csaf_look(struct kp_feed_visit *v, struct kp_err *err)
{
    struct line l = { 0 };
    char folder[600];
    json_t *found = NULL;
    folder_of(v->store, folder, sizeof folder);
    if (open_line(&l, v, v->url, err))
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

static enum kp_code begin(struct kp_feed_visit *v, struct kp_err *err)
{
    const json_t *trust = json_object_get(v->settings, "trust");
    if (trust && !json_is_array(trust))
        return kp_fail(err, KP_EINVALID, "settings.trust: must be a list of fingerprints");
    json_t *found = kp_csaf_look(v, err);
    if (found && !trust && json_array_size(json_object_get(found, "keys")))
        ask_for_trust(found, err);
    else if (found && !kp_csaf_trust(found, trust, err) &&
             json_object_set(v->settings, "provider", found))
        kp_fail(err, KP_ENOMEM, "out of memory");
    json_decref(found);
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
    struct kp_csaf_pull p = {
        .desk = { .shield = v->shield, .feed = v->id, .members = o->user || o->token || o->key },
        .io = &l->io,
        .trust = provider,
        .folder = folder
    };
    folder_of(v->store, folder, sizeof folder);
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
                                           .pull = pull,
                                           .forget = forget };
