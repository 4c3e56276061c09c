/* SPDX-License-Identifier: Apache-2.0 */
/* Finding a provider of advisories, and what a person is asked to trust of it. */
#include "net/json_memory.h"
#include "shield/feed_csaf.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/ban.h"

enum { SECURITY_TXT_MAX = 64 << 10, ADDRESS = 600 };

static enum kp_code starved(struct kp_err *err)
{
    return kp_fail(err, KP_ENOMEM, "out of memory finding the provider");
}

/* ---- asking ---- */
/* The text of an answer with status 200. */
static enum kp_code fetch(const struct kp_csaf_io *io, const char *url, size_t most,
                          struct kp_fetched *out, struct kp_err *err)
{
    const struct kp_fetch q = { .url = url, .most = most };
    if (!io->get(io->arg, &q, out, err) && out->status != 200)
        kp_fail(err, out->status == 401 || out->status == 403 ? KP_EREFUSED : KP_EPEER,
                "%.150s: the server answers with status %ld", url, out->status);
    return err->code;
}

/* ---- keys ---- */
static void note(json_t *found, const char *what, const char *why)
{
    char line[KP_ERR_TEXT + 80];
    snprintf(line, sizeof line, "%.70s: %.250s", what, why);
    kp_utf8_trim(line);
    json_array_append_new(json_object_get(found, "notes"), json_string(line));
}

/* Trying a key needs a folder of its own, for what was tried before has no part in it. */
static json_t *try_key(const char *fingerprint, const char *text, size_t len, const char *folder,
                       struct kp_err *err)
{
    char owner[128] = "";
    struct kp_openpgp *g = kp_openpgp_new(folder, err);
    json_t *key = NULL;
    if (g && !kp_openpgp_trust(g, text, len, fingerprint, owner, err)) {
        key = json_pack("{s:s, s:s, s:s%}", "fingerprint", fingerprint, "owner", owner, "key", text,
                        len);
        if (!key) /* not armoured */
            kp_fail(err, KP_EPARSE, "the key is no text; it has to be armoured");
    }
    kp_openpgp_free(g);
    return key;
}

static enum kp_code add_key(json_t *found, const char *fingerprint, const char *text, size_t len,
                            const char *folder, struct kp_err *err)
{
    struct kp_err why = { 0 };
    json_t *key = try_key(fingerprint, text, len, folder, &why);
    if (why.code == KP_ENOMEM)
        return starved(err);
    if (!key)
        note(found, fingerprint, why.text);
    else if (json_array_append_new(json_object_get(found, "keys"), key))
        starved(err);
    return err->code;
}

/* ---- what is found ---- */
static json_t *texts(const char *const *list, size_t n)
{
    json_t *out = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(out, json_string(list[i]));
    return out;
}

/* That of the address it was found at may be another one than those it names. */
static json_t *servers(const struct kp_csaf_provider *p, const char *url)
{
    char own[300];
    bool there = false;
    kp_web_url_server(url, own, sizeof own);
    for (size_t i = 0; i < p->servers; i++)
        there |= strcmp(p->server[i], own) == 0;
    json_t *out = texts(p->server, p->servers);
    if (!there)
        json_array_append_new(out, json_string(own));
    return out;
}

static json_t *describe(const struct kp_csaf_provider *p, const char *url, struct kp_err *err)
{
    json_t *lists = json_array();
    for (size_t i = 0; i < p->lists; i++)
        json_array_append_new(lists, json_pack("{s:s, s:s, s:b}", "url", p->list[i].url, "tlp",
                                               p->list[i].tlp, "rolie", p->list[i].rolie));
    json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:[], s:[]}", "url", url,
                          "canonical", p->canonical, "publisher", p->publisher, "namespace",
                          p->space, "role", kp_csaf_roles[p->role], "servers", servers(p, url),
                          "lists", lists, "keys", "notes");
    if (!o)
        starved(err);
    return o;
}

struct here { /* where keys are read from, when they are not fetched */
    const char *(*key_of)(void *, const char *url, size_t *len);
    void *arg;
};

static enum kp_code take_key(const struct kp_csaf_io *io, const struct here *h, json_t *found,
                             const struct kp_csaf_key *k, const char *folder, struct kp_err *err)
{
    struct kp_err why = { 0 };
    size_t len = 0;
    if (h) {
        const char *text = h->key_of(h->arg, k->url, &len);
        if (text)
            return add_key(found, k->fingerprint, text, len, folder, err);
        note(found, k->fingerprint, "its key does not lie there");
        return KP_OK;
    }
    struct kp_fetched out;
    if (!fetch(io, k->url, KP_OPENPGP_KEY_MAX, &out, &why))
        add_key(found, k->fingerprint, kp_buf_text(&out.text), out.text.len, folder, err);
    else if (why.code == KP_ESTOPPED || why.code == KP_ENOMEM)
        kp_fail(err, why.code, "%s", why.text);
    else
        note(found, k->fingerprint, why.text);
    kp_buf_free(&out.text);
    return err->code;
}

static json_t *read_provider(const struct kp_csaf_io *io, const struct here *h, const char *url,
                             const char *text, size_t len, const char *folder, struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    struct kp_csaf_provider p;
    json_t *found = NULL;
    if (!kp_csaf_provider_read(text, len, &arena, &p, err))
        found = describe(&p, url ? url : p.canonical, err);
    for (size_t i = 0; found && i < p.keys && !err->code; i++)
        take_key(io, h, found, &p.key[i], folder, err);
    kp_arena_free(&arena);
    if (err->code) {
        json_decref(found);
        found = NULL;
    }
    return found;
}

json_t *kp_csaf_find_here(const char *text, size_t len,
                          const char *(*key_of)(void *, const char *url, size_t *len), void *arg,
                          const char *folder, struct kp_err *err)
{
    const struct here h = { key_of, arg };
    return read_provider(NULL, &h, NULL, text, len, folder, err);
}

/* The word that only a list of providers has, wherever it stands: who reads it says what it is. */
static bool is_aggregator(const char *text, size_t len)
{
    struct kp_err none = { 0 };
    json_t *root = kp_json_object(text, len, "metadata", KP_JSON_DEPTH, &none);
    bool is = json_object_get(root, "aggregator");
    json_decref(root);
    return is;
}

static json_t *read_aggregator(const char *url, const char *text, size_t len, struct kp_err *err)
{
    json_t *found = kp_csaf_aggregator_read(text, len, err);
    if (found && json_object_set_new(found, "url", json_string(url)))
        starved(err);
    return found;
}

static json_t *try_address(const struct kp_csaf_io *io, const char *url, const char *folder,
                           struct kp_err *err)
{
    struct kp_fetched out = { 0 };
    json_t *found = NULL;
    if (!fetch(io, url, KP_CSAF_PROVIDER_BYTES_MAX, &out, err)) {
        const char *text = kp_buf_text(&out.text);
        found = is_aggregator(text, out.text.len)
                    ? read_aggregator(url, text, out.text.len, err)
                    : read_provider(io, NULL, url, text, out.text.len, folder, err);
        kp_context(err, "%.100s", url);
    }
    kp_buf_free(&out.text);
    return found;
}

/* The first line "CSAF: https://..." of a security.txt; false: there is none. */
static bool read_security_txt(char *text, char url[ADDRESS])
{
    for (char *line = text, *next; *line; line = next) {
        size_t n = strcspn(line, "\r\n");
        next = line + n + strspn(line + n, "\r\n");
        line[n] = 0;
        if (strncasecmp(line, "csaf:", 5) != 0)
            continue;
        line += 5 + strspn(line + 5, " \t");
        line[strcspn(line, " \t")] = 0;
        if (!*line || strlen(line) >= ADDRESS)
            continue;
        snprintf(url, ADDRESS, "%s", line);
        return true;
    }
    return false;
}

static bool ask_security_txt(const struct kp_csaf_io *io, const char *domain, char url[ADDRESS],
                             struct kp_err *err)
{
    struct kp_fetched out = { 0 };
    char at[ADDRESS];
    bool there = false;
    snprintf(at, sizeof at, "https://%s/.well-known/security.txt", domain);
    if (!fetch(io, at, SECURITY_TXT_MAX, &out, err) && kp_buf_text(&out.text) && out.text.len)
        there = read_security_txt(out.text.data, url);
    if (!there)
        kp_fail(err, KP_ENOTFOUND, "%s has no line CSAF:", at);
    kp_buf_free(&out.text);
    return there;
}

/* In the order of the standard (7.3); the reason told is that of the first, the usual one. */
static json_t *find_at(const struct kp_csaf_io *io, const char *domain, const char *folder,
                       struct kp_err *err)
{
    struct kp_err first = { 0 }, why = { 0 };
    char url[ADDRESS];
    snprintf(url, sizeof url, "https://%s/.well-known/csaf/provider-metadata.json", domain);
    json_t *found = try_address(io, url, folder, &first);
    if (!found && first.code != KP_ESTOPPED && ask_security_txt(io, domain, url, &why)) {
        why = (struct kp_err){ 0 };
        found = try_address(io, url, folder, &why);
    }
    if (!found && first.code != KP_ESTOPPED && why.code != KP_ESTOPPED) {
        snprintf(url, sizeof url, "https://csaf.data.security.%s", domain);
        found = try_address(io, url, folder, &(struct kp_err){ 0 });
    }
    if (!found)
        kp_fail(err, first.code, "no provider of advisories is found: %s", first.text);
    return found;
}

json_t *kp_csaf_find(const struct kp_csaf_io *io, const char *where, const char *folder,
                     struct kp_err *err)
{
    if (strstr(where, "://"))
        return try_address(io, where, folder, err);
    if (!*where || strlen(where) > 250 || strpbrk(where, "/?#@\\ "))
        return kp_fail(err, KP_EINVALID, "'%.80s' is neither a domain nor an address", where), NULL;
    return find_at(io, where, folder, err);
}

/* ---- what is trusted of it ---- */
static json_t *key_with(const json_t *found, const char *fingerprint)
{
    json_t *key;
    size_t i;
    json_array_foreach(json_object_get(found, "keys"), i, key)
    {
        if (strcmp(json_string_value(json_object_get(key, "fingerprint")), fingerprint) == 0)
            return key;
    }
    return NULL;
}

enum kp_code kp_csaf_trust(json_t *found, const json_t *fingerprints, struct kp_err *err)
{
    json_t *kept = json_array();
    const json_t *one;
    char f[KP_FINGERPRINT];
    size_t i;
    json_array_foreach((json_t *)(uintptr_t)fingerprints, i, one)
    {
        const char *text = json_string_value(one);
        json_t *key = text && kp_fingerprint_read(text, f) ? key_with(found, f) : NULL;
        if (!key) {
            json_decref(kept);
            return kp_fail(err, KP_ENOTFOUND,
                           "the provider has no key with the fingerprint '%.80s' that can be used",
                           text ? text : "");
        }
        json_array_append(kept, key);
    }
    return kept && !json_object_set_new(found, "keys", kept) ? KP_OK : starved(err);
}

/* A key that has expired does not stop the others; when none is left, nothing can be checked. */
struct kp_openpgp *kp_csaf_keys(const json_t *trust, const char *folder, struct kp_err *err)
{
    const json_t *keys = json_object_get(trust, "keys");
    json_t *one;
    size_t i, good = 0;
    struct kp_err why = { 0 };
    struct kp_openpgp *g = json_array_size(keys) ? kp_openpgp_new(folder, err) : NULL;
    json_array_foreach((json_t *)(uintptr_t)keys, i, one)
    {
        const json_t *text = json_object_get(one, "key");
        good += g && !kp_openpgp_trust(g, json_string_value(text), json_string_length(text),
                                       json_string_value(json_object_get(one, "fingerprint")), NULL,
                                       &why);
    }
    if (!g || good)
        return g;
    kp_openpgp_free(g);
    kp_fail(err, why.code, "%s", why.text);
    return NULL;
}
