/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/feed_csaf.h"

#include "core/text.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "core/ban.h"

enum {
    DEEP = 8,
    FILES_MAX = 200000,
    PIECE = 1500 << 10,
    PATH_TEXT = 2000,
    DOCUMENT_MAX = 16 << 20
};

/* ---- whom to trust ---- */
static void show_provider(const json_t *found)
{
    json_t *one;
    size_t i;
    printf("%s (%s)\n  metadata  %s\n", kp_text(found, "publisher"), kp_text(found, "role"),
           kp_text(found, "url"));
    json_array_foreach(json_object_get(found, "servers"), i, one)
        printf("  %-9s %s\n", i ? "" : "servers", json_string_value(one));
    json_array_foreach(json_object_get(found, "notes"), i, one)
        printf("  %-9s %s\n", "note", json_string_value(one));
}

/* In groups of four, as people compare them. */
static void show_key(const json_t *key)
{
    printf("  key       ");
    const char *f = kp_text(key, "fingerprint");
    for (size_t i = 0; f[i]; i++)
        printf("%s%c", i && i % 4 == 0 ? " " : "", f[i]);
    printf("\n            of %s\n", kp_text(key, "owner"));
}

static enum kp_code ask_each(struct kp_cli *c, const json_t *found, json_t *trust,
                             struct kp_err *err)
{
    json_t *key;
    size_t i;
    json_array_foreach(json_object_get(found, "keys"), i, key)
    {
        if (!c->json)
            show_key(key);
        if (kp_confirm(c, "Is that the provider's key, as he says it elsewhere?"))
            json_array_append(trust, json_object_get(key, "fingerprint"));
    }
    return !i || json_array_size(trust)
               ? KP_OK
               : kp_fail(err, KP_EDENIED,
                         "no key is trusted: compare the fingerprint, then say --trust FINGERPRINT,"
                         " or --unsigned to take documents by their digests alone");
}

static void show_providers(const json_t *found)
{
    json_t *one;
    size_t i;
    printf("%s lists:\n", kp_text(found, "aggregator"));
    json_array_foreach(json_object_get(found, "providers"), i, one)
        printf("  %s (%s)\n", kp_text(one, "publisher"), kp_text(one, "role"));
}

/* By its name or its address; NULL: there is none. */
static const json_t *provider_of(const json_t *found, const char *name)
{
    json_t *one;
    size_t i;
    json_array_foreach(json_object_get(found, "providers"), i, one)
    {
        if (strcasecmp(kp_text(one, "publisher"), name) == 0 ||
            strcmp(kp_text(one, "namespace"), name) == 0 || strcmp(kp_text(one, "url"), name) == 0)
            return one;
    }
    return NULL;
}

/* Who only publishes has no digests and signatures; the aggregator's copy of him has. */
static enum kp_code choose(struct kp_cli *c, json_t *body, const json_t *found, struct kp_err *err)
{
    const char *name = kp_flag(c, "provider");
    const json_t *one = name ? provider_of(found, name) : NULL;
    const char *mirror = kp_text(one, "mirror");
    if (!one && !c->json)
        show_providers(found);
    if (!one)
        return kp_fail(err, name ? KP_ENOTFOUND : KP_EINVALID,
                       name ? "it does not list '%.80s'" : "say whose advisories: --provider NAME",
                       name);
    bool copy = *mirror && strcmp(kp_text(one, "role"), "csaf_publisher") == 0;
    json_object_set_new(body, "url", json_string(copy ? mirror : kp_text(one, "url")));
    return KP_OK;
}

/* An address of a list of providers becomes that of the one that is meant. */
static json_t *look(struct kp_cli *c, json_t *body, struct kp_err *err)
{
    json_t *found = kp_client_at(c, "POST", "feeds", "look", NULL, json_deep_copy(body), err);
    if (!json_object_get(found, "providers"))
        return found;
    choose(c, body, found, err);
    json_decref(found);
    return err->code ? NULL
                     : kp_client_at(c, "POST", "feeds", "look", NULL, json_deep_copy(body), err);
}

enum kp_code kp_feed_ask_trust(struct kp_cli *c, json_t *body, struct kp_err *err)
{
    json_t *trust = json_array(), *found = NULL;
    size_t i = 0;
    for (const char *f; (f = kp_flag_next(c, "trust", &i));)
        json_array_append_new(trust, json_string(f));
    bool said = json_array_size(trust) || kp_flag(c, "unsigned");
    if ((!said || kp_flag(c, "provider")) && (found = look(c, body, err)) && !said) {
        if (!c->json)
            show_provider(found);
        ask_each(c, found, trust, err);
    }
    json_object_set(json_object_get(body, "settings"), "trust", trust);
    json_decref(found);
    json_decref(trust);
    return err->code;
}

/* ---- a folder ---- */
struct folder {
    struct kp_cli *c;
    const char *root;
    char **path; /* of files, below the root, in order */
    size_t n, room;
    struct kp_err *err;
};

static void walk(struct folder *f, const char *below, unsigned depth)
{
    char path[PATH_TEXT];
    struct dirent **list;
    struct stat s;
    snprintf(path, sizeof path, "%s%s%s", f->root, *below ? "/" : "", below);
    int n = scandir(path, &list, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        const char *name = list[i]->d_name;
        char next[PATH_TEXT], whole[2 * PATH_TEXT];
        bool fits = (size_t)snprintf(next, sizeof next, "%s%s%s", below, *below ? "/" : "", name) <
                    sizeof next;
        snprintf(whole, sizeof whole, "%s/%s", f->root, next);
        if (!fits || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || lstat(whole, &s))
            ;
        else if (S_ISDIR(s.st_mode) && depth < DEEP)
            walk(f, next, depth + 1);
        else if (S_ISREG(s.st_mode) && f->n < FILES_MAX &&
                 kp_grow(&f->path, &f->room, f->n + 1, sizeof *f->path) &&
                 (f->path[f->n] = kp_strdup(next)))
            f->n++;
        free(list[i]);
    }
    if (n >= 0)
        free(list);
    else if (!depth)
        kp_fail(f->err, KP_ENOTFOUND, "%.200s: it is no folder that can be read", f->root);
}

static void folder_free(struct folder *f)
{
    for (size_t i = 0; i < f->n; i++)
        kp_free(f->path[i]);
    kp_free(f->path);
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

/* The file of that name anywhere in the folder; NULL: there is none. */
static const char *named(const struct folder *f, const char *name)
{
    for (size_t i = 0; i < f->n; i++) {
        const char *slash = strrchr(f->path[i], '/');
        if (strcmp(slash ? slash + 1 : f->path[i], name) == 0)
            return f->path[i];
    }
    return NULL;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool has(const struct folder *f, const char *path)
{
    return f->n && bsearch(&path, f->path, f->n, sizeof *f->path, by_path);
}

/* Its text; NULL: not read, err says why. */
static json_t *read_text(const struct folder *f, const char *path, struct kp_err *err)
{
    struct kp_buf text;
    char whole[2 * PATH_TEXT];
    json_t *out = NULL;
    snprintf(whole, sizeof whole, "%s/%s", f->root, path);
    kp_buf_init(&text, DOCUMENT_MAX);
    if (!kp_read_document(whole, &text, err) && !(out = json_stringn(kp_buf_text(&text), text.len)))
        kp_fail(err, KP_EPARSE, "it is not UTF-8");
    kp_buf_free(&text);
    return out;
}

/* ---- whose folder it is ---- */
static const char *base_name(const char *url)
{
    const char *slash = strrchr(url, '/');
    return slash ? slash + 1 : url;
}

static json_t *keys_here(const struct folder *f, const json_t *metadata)
{
    json_t *keys = json_object(), *one;
    size_t i;
    json_array_foreach(json_object_get(metadata, "public_openpgp_keys"), i, one)
    {
        const char *name = base_name(kp_text(one, "url")), *path = *name ? named(f, name) : NULL;
        struct kp_err why = { 0 };
        json_t *text = path ? read_text(f, path, &why) : NULL;
        if (text)
            json_object_set_new(keys, name, text);
    }
    return keys;
}

/* Becomes a feed that is not pulled. */
static enum kp_code add_feed(struct folder *f, const char *name, const json_t *text,
                             const json_t *metadata, struct kp_err *err)
{
    json_t *settings = json_pack("{s:O, s:o}", "metadata", text, "keys", keys_here(f, metadata));
    json_t *body =
        json_pack("{s:s, s:s, s:s, s:b, s:o}", "name", name, "kind", "csaf", "url",
                  kp_text(metadata, "canonical_url"), "enabled", 0, "settings", settings);
    if (!body)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    if (!kp_feed_ask_trust(f->c, body, err))
        json_decref(kp_client_at(f->c, "POST", "feeds", NULL, NULL, json_incref(body), err));
    json_decref(body);
    return err->code;
}

static enum kp_code feed_of(struct kp_cli *c, const char *canonical, char name[KP_NAME_MAX],
                            struct kp_err *err)
{
    json_t *list = kp_client_at(c, "GET", "feeds", NULL, NULL, NULL, err), *f;
    size_t i;
    *name = 0;
    json_array_foreach(json_object_get(list, "feeds"), i, f)
    {
        const json_t *provider = json_object_get(json_object_get(f, "settings"), "provider");
        if (*canonical && strcmp(kp_text(provider, "canonical"), canonical) == 0)
            snprintf(name, KP_NAME_MAX, "%s", kp_text(f, "name"));
    }
    json_decref(list);
    return err->code;
}

/* The name of the feed it belongs to, made when it is not there and a name is given. */
static enum kp_code settle_feed(struct folder *f, const char *given, char name[KP_NAME_MAX],
                                struct kp_err *err)
{
    const char *path = named(f, "provider-metadata.json");
    json_t *text = path ? read_text(f, path, err) : NULL;
    json_t *metadata = text ? json_loads(json_string_value(text), 0, NULL) : NULL;
    feed_of(f->c, kp_text(metadata, "canonical_url"), name, err);
    if (!err->code && given && *name && strcmp(given, name) != 0)
        kp_fail(err, KP_EEXISTS, "this provider is the feed '%s'", name);
    else if (!err->code && given && !*name) {
        snprintf(name, KP_NAME_MAX, "%s", given);
        if (metadata) /* else it has to be there */
            add_feed(f, given, text, metadata, err);
    } else if (!err->code && !*name)
        kp_fail(err, KP_ENOTFOUND,
                "%s: no feed brings from this provider; say a name for it: import DIR NAME",
                f->root);
    json_decref(metadata);
    json_decref(text);
    return err->code;
}

/* ---- its documents ---- */
struct handing {
    struct folder *f;
    const char *feed;
    json_t *waiting, *all;
    size_t bytes;
    int64_t taken, faulty, older, refused, opened, closed;
};

static void sum_up(struct handing *h, const json_t *reply)
{
    json_t *one;
    size_t i;
    h->opened += kp_integer(reply, "opened");
    h->closed += kp_integer(reply, "closed");
    json_array_foreach(json_object_get(reply, "documents"), i, one)
    {
        const char *state = kp_text(one, "state");
        h->taken += strcmp(state, "taken") == 0;
        h->faulty += strcmp(state, "taken with faults") == 0;
        h->older += strncmp(state, "older", 5) == 0;
        h->refused += strcmp(state, "refused") == 0;
        if (h->f->c->json)
            json_array_append(h->all, one);
        else if (*kp_text(one, "why") && strncmp(state, "older", 5) != 0)
            fprintf(stderr, "koppel: feed: %s: %s: %s\n", kp_text(one, "path"), state,
                    kp_text(one, "why"));
    }
}

static void send_waiting(struct handing *h)
{
    struct kp_err *err = h->f->err;
    if (err->code || !json_array_size(h->waiting))
        return;
    json_t *body = json_pack("{s:O}", "documents", h->waiting);
    json_t *reply = kp_client_at(h->f->c, "POST", "feeds", h->feed, "documents", body, err);
    sum_up(h, reply);
    json_decref(reply);
    json_array_clear(h->waiting);
    h->bytes = 0;
}

/* What lies beside a document under its name with that ending. */
static void add_beside(struct handing *h, json_t *document, const char *path, const char *ending,
                       const char *key)
{
    char beside[PATH_TEXT + 16];
    struct kp_err why = { 0 };
    snprintf(beside, sizeof beside, "%s%s", path, ending);
    json_t *text = has(h->f, beside) ? read_text(h->f, beside, &why) : NULL;
    if (text)
        json_object_set_new(document, key, text);
}

static bool is_document(const char *text)
{
    json_t *root = json_loads(text, 0, NULL);
    bool is = !root || json_object_get(root, "document"); /* what is damaged is told by the node */
    json_decref(root);
    return is;
}

static void add_document(struct handing *h, const char *path)
{
    struct kp_err why = { 0 };
    json_t *text = read_text(h->f, path, &why);
    if (!text) {
        h->refused++;
        fprintf(stderr, "koppel: feed: %s: %s\n", path, why.text);
        return;
    }
    size_t len = json_string_length(text);
    if (h->bytes + len > PIECE)
        send_waiting(h);
    json_t *document = is_document(json_string_value(text))
                           ? json_pack("{s:s, s:O}", "path", path, "text", text)
                           : NULL;
    if (document) {
        add_beside(h, document, path, ".sha256", "sha256");
        add_beside(h, document, path, ".sha512", "sha512");
        add_beside(h, document, path, ".asc", "signature");
        json_array_append_new(h->waiting, document);
        h->bytes += len;
    }
    json_decref(text);
}

static void hand_in(struct handing *h)
{
    for (size_t i = 0; i < h->f->n && !h->f->err->code; i++) {
        const char *path = h->f->path[i];
        if (ends_with(path, ".json") && !ends_with(path, "provider-metadata.json"))
            add_document(h, path);
    }
    send_waiting(h);
}

int kp_feed_import(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    struct folder f = { .c = c, .root = c->argc > 1 ? c->argv[1] : "", .err = &err };
    char name[KP_NAME_MAX];
    struct handing h = { .f = &f, .feed = name, .waiting = json_array(), .all = json_array() };
    if (c->argc < 2 || c->argc > 3)
        return kp_complain(c, KP_MISUSE, "import takes DIR and perhaps a NAME for its feed");
    walk(&f, "", 0);
    if (f.n)
        qsort(f.path, f.n, sizeof *f.path, by_path);
    if (!err.code && !settle_feed(&f, c->argc == 3 ? c->argv[2] : NULL, name, &err))
        hand_in(&h);
    if (!err.code && c->json)
        kp_print_json(h.all);
    else if (!err.code)
        printf("%" PRId64 " taken, %" PRId64 " of them with faults, %" PRId64
               " older than what is here, %" PRId64 " refused; %" PRId64
               " findings opened, %" PRId64 " closed\n",
               h.taken + h.faulty, h.faulty, h.older, h.refused, h.opened, h.closed);
    folder_free(&f);
    json_decref(h.waiting);
    json_decref(h.all);
    return err.code ? kp_fault(c, &err) : h.refused ? KP_FAILED : KP_DONE;
}

/* ---- what became of documents ---- */
static void print_documents(const json_t *j)
{
    json_t *one;
    size_t i;
    json_array_foreach(json_object_get(j, "documents"), i, one)
        printf("%s: %s: %s\n", kp_text(one, "url"), kp_text(one, "state"), kp_text(one, "why"));
    if (!i)
        printf("none was refused, and all are valid\n");
}

int kp_feed_documents(struct kp_cli *c, const char *name)
{
    struct kp_err err = { 0 };
    return kp_client_show(c, kp_client_at(c, "GET", "feeds", name, "documents", NULL, &err),
                          print_documents, &err);
}
