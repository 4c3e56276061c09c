/* SPDX-License-Identifier: Apache-2.0 */
#include "shield/feed_csaf_read.h"

#include "net/fetch.h"
#include "net/json_memory.h"
#include "shield/openpgp.h"
#include "store/sha2.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/ban.h"

enum { PATH_MAX_BYTES = 400 };

const char *const kp_csaf_roles[] = { "csaf_publisher", "csaf_provider", "csaf_trusted_provider",
                                      NULL };

static const char *text_of(const json_t *o, const char *key)
{
    const char *t = json_string_value(json_object_get(o, key));
    return t ? t : "";
}

static enum kp_code starved(struct kp_err *err)
{
    return kp_fail(err, KP_ENOMEM, "out of memory reading the list");
}

int kp_tlp_rank(const char *label)
{
    static const struct {
        const char *label;
        int rank;
    } known[] = { { "", 0 },      { "WHITE", 0 }, { "CLEAR", 0 },        { "UNLABELED", 0 },
                  { "GREEN", 1 }, { "AMBER", 2 }, { "AMBER+STRICT", 3 }, { "RED", 4 } };
    if (strncasecmp(label, "TLP:", 4) == 0)
        label += 4;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcasecmp(label, known[i].label) == 0)
            return known[i].rank;
    return 4;
}

const char *kp_csaf_base_name(const char *url)
{
    const char *slash = strrchr(url, '/');
    return slash ? slash + 1 : url;
}

void kp_csaf_file_name(const char *id, char *out, size_t size)
{
    size_t n = 0;
    for (; *id && n + 6 < size; id++) {
        unsigned char c = (unsigned char)tolower((unsigned char)*id);
        bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '-';
        if (plain || !n || out[n - 1] != '_')
            out[n++] = plain ? (char)c : '_';
    }
    snprintf(out + n, size - n, ".json");
}

/* ---- who provides ---- */
static enum kp_code add_server(struct kp_csaf_provider *p, const char *url, struct kp_arena *arena,
                               struct kp_err *err)
{
    char server[300];
    kp_web_url_server(url, server, sizeof server);
    for (size_t i = 0; i < p->servers; i++)
        if (strcmp(p->server[i], server) == 0)
            return KP_OK;
    if (p->servers == KP_CSAF_SERVERS_MAX)
        return kp_fail(err, KP_EFULL, "the provider names more than %d servers",
                       KP_CSAF_SERVERS_MAX);
    if (!(p->server[p->servers] = kp_arena_strdup(arena, server)))
        return starved(err);
    p->servers++;
    return KP_OK;
}

/* An address that is asked later, in the arena. */
static const char *address(struct kp_csaf_provider *p, const char *url, bool folder,
                           struct kp_arena *arena, struct kp_err *err)
{
    size_t n = strlen(url);
    if (kp_web_url_check(url, err) || add_server(p, url, arena, err))
        return NULL;
    char *kept = kp_arena_alloc(arena, n + 2);
    if (!kept) {
        starved(err);
        return NULL;
    }
    snprintf(kept, n + 2, "%s%s", url, folder && n && url[n - 1] != '/' ? "/" : "");
    return kept;
}

static enum kp_code add_list(struct kp_csaf_provider *p, const char *url, const char *tlp,
                             bool rolie, struct kp_arena *arena, struct kp_err *err)
{
    if (p->lists == KP_CSAF_LISTS_MAX)
        return kp_fail(err, KP_EFULL, "the provider has more than %d lists", KP_CSAF_LISTS_MAX);
    struct kp_csaf_list *l = &p->list[p->lists];
    l->url = address(p, url, !rolie, arena, err);
    l->tlp = kp_arena_strdup(arena, tlp);
    l->rolie = rolie;
    p->lists += !err->code;
    return err->code || l->tlp ? err->code : starved(err);
}

/* Feeds say which documents are whose; folders are taken where there are none. */
static enum kp_code take_lists(struct kp_csaf_provider *p, const json_t *root,
                               struct kp_arena *arena, struct kp_err *err)
{
    json_t *d, *feed;
    size_t i, k;
    json_array_foreach(json_object_get(root, "distributions"), i, d)
    {
        json_array_foreach(json_object_get(json_object_get(d, "rolie"), "feeds"), k, feed)
        {
            if (add_list(p, text_of(feed, "url"), text_of(feed, "tlp_label"), true, arena, err))
                return kp_context(err, "/distributions/%zu/rolie/feeds/%zu", i, k);
        }
    }
    if (p->lists)
        return KP_OK;
    json_array_foreach(json_object_get(root, "distributions"), i, d)
    {
        if (json_object_get(d, "directory_url") &&
            add_list(p, text_of(d, "directory_url"), "", false, arena, err))
            return kp_context(err, "/distributions/%zu/directory_url", i);
    }
    return p->lists
               ? KP_OK
               : kp_fail(err, KP_EINVALID, "/distributions: it names neither feeds nor folders");
}

static enum kp_code take_keys(struct kp_csaf_provider *p, const json_t *root,
                              struct kp_arena *arena, struct kp_err *err)
{
    json_t *one;
    size_t i;
    json_array_foreach(json_object_get(root, "public_openpgp_keys"), i, one)
    {
        struct kp_csaf_key *k = &p->key[p->keys];
        if (p->keys == KP_CSAF_KEYS_MAX)
            return kp_fail(err, KP_EFULL, "the provider has more than %d keys", KP_CSAF_KEYS_MAX);
        if (!*text_of(one,
                      "fingerprint")) /* it may be left out; then it is not known whose key it is */
            continue;
        if (!kp_fingerprint_read(text_of(one, "fingerprint"), k->fingerprint))
            return kp_fail(err, KP_EINVALID,
                           "/public_openpgp_keys/%zu/fingerprint: '%.80s' is none", i,
                           text_of(one, "fingerprint"));
        if (!(k->url = address(p, text_of(one, "url"), false, arena, err)))
            return kp_context(err, "/public_openpgp_keys/%zu/url", i);
        p->keys++;
    }
    return KP_OK;
}

static enum kp_code take_who(struct kp_csaf_provider *p, const json_t *root, struct kp_arena *arena,
                             struct kp_err *err)
{
    const json_t *publisher = json_object_get(root, "publisher");
    const char *role = text_of(root, "role");
    for (p->role = 0; kp_csaf_roles[p->role]; p->role++)
        if (strcmp(kp_csaf_roles[p->role], role) == 0)
            break;
    if (!kp_csaf_roles[p->role])
        return kp_fail(err, KP_EINVALID,
                       "/role: '%.60s' is none of CSAF 2.0; is this a provider's "
                       "metadata?",
                       role);
    if (strncmp(text_of(root, "metadata_version"), "2.", 2) != 0)
        return kp_fail(err, KP_EINVALID, "/metadata_version: '%.20s' is not 2.0",
                       text_of(root, "metadata_version"));
    p->publisher = kp_arena_strdup(arena, text_of(publisher, "name"));
    p->space = kp_arena_strdup(arena, text_of(publisher, "namespace"));
    p->canonical = address(p, text_of(root, "canonical_url"), false, arena, err);
    if (err->code)
        return kp_context(err, "/canonical_url");
    if (!p->publisher || !p->space)
        return starved(err);
    return *p->publisher ? KP_OK : kp_fail(err, KP_EINVALID, "/publisher/name: there is none");
}

enum kp_code kp_csaf_provider_read(const char *text, size_t len, struct kp_arena *arena,
                                   struct kp_csaf_provider *p, struct kp_err *err)
{
    *p = (struct kp_csaf_provider){ 0 };
    if (len > KP_CSAF_PROVIDER_BYTES_MAX)
        return kp_fail(err, KP_EFULL, "the metadata is larger than 1 MiB");
    json_t *root = kp_json_object(text, len, "metadata", KP_JSON_DEPTH, err);
    if (root && !take_who(p, root, arena, err) && !take_lists(p, root, arena, err))
        take_keys(p, root, arena, err);
    json_decref(root);
    return err->code;
}

/* ---- which documents there are ---- */
static void refuse(struct kp_csaf_entries *e, const struct kp_err *why)
{
    if (!e->refused++)
        snprintf(e->why, sizeof e->why, "%s", why->text);
}

static enum kp_code add_entry(struct kp_csaf_entries *e, const struct kp_csaf_entry *one,
                              struct kp_err *err)
{
    if (e->n == KP_CSAF_ENTRIES_MAX)
        return kp_fail(err, KP_EFULL, "the list has more than %d documents", KP_CSAF_ENTRIES_MAX);
    if (!kp_grow(&e->of, &e->room, e->n + 1, sizeof *e->of))
        return starved(err);
    e->of[e->n++] = *one;
    return KP_OK;
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n > m && strcasecmp(text + n - m, end) == 0;
}

/* Of several digests the strongest. */
static void take_link(struct kp_csaf_entry *one, const char *rel, const char *href)
{
    if (strcmp(rel, "signature") == 0)
        one->signature = href;
    else if (strcmp(rel, "self") == 0 && !one->url)
        one->url = href;
    else if (strcmp(rel, "hash") == 0 &&
             (ends_with(href, ".sha512") || (ends_with(href, ".sha256") && !one->hash)))
        one->hash = href;
}

static bool good_addresses(const struct kp_csaf_entry *one, struct kp_err *err)
{
    if (!one->url)
        return !kp_fail(err, KP_EINVALID, "an entry says no address");
    if (!ends_with(one->url, ".json"))
        return !kp_fail(err, KP_EINVALID, "%.120s is no .json document", one->url);
    return !kp_web_url_check(one->url, err) && !(one->hash && kp_web_url_check(one->hash, err)) &&
           !(one->signature && kp_web_url_check(one->signature, err));
}

static void read_entry(const json_t *entry, struct kp_csaf_entry *one)
{
    json_t *link;
    size_t i;
    const char *src = text_of(json_object_get(entry, "content"), "src");
    *one = (struct kp_csaf_entry){ .url = *src ? src : NULL };
    json_array_foreach(json_object_get(entry, "link"), i, link)
    {
        take_link(one, text_of(link, "rel"), text_of(link, "href"));
    }
    if (!kp_time_parse(text_of(entry, "updated"), &one->updated))
        one->updated = KP_NO_TIME;
}

enum kp_code kp_csaf_rolie_read(const char *text, size_t len, struct kp_csaf_entries *e,
                                struct kp_err *err)
{
    json_t *entry;
    size_t i;
    if (!(e->json = kp_json_object(text, len, "feed", KP_JSON_DEPTH, err)))
        return err->code;
    const json_t *list = json_object_get(json_object_get(e->json, "feed"), "entry");
    if (!json_is_object(json_object_get(e->json, "feed")) || (list && !json_is_array(list)))
        return kp_fail(err, KP_EPARSE, "/feed: there is none; is this a ROLIE feed in JSON?");
    json_array_foreach((json_t *)(uintptr_t)list, i, entry)
    {
        struct kp_csaf_entry one;
        struct kp_err why = { 0 };
        read_entry(entry, &one);
        if (!good_addresses(&one, &why))
            refuse(e, &why);
        else if (add_entry(e, &one, err))
            break;
    }
    return err->code;
}

bool kp_csaf_path_good(const char *path, struct kp_err *err)
{
    for (const unsigned char *c = (const unsigned char *)path; *c; c++)
        if (!isalnum(*c) && !strchr("-_.+~/", *c))
            return !kp_fail(err, KP_EINVALID, "'%.100s' has characters that no path may have",
                            path);
    if (*path == '/' || strstr(path, "..") || strstr(path, "//") || strlen(path) > PATH_MAX_BYTES)
        return !kp_fail(err, KP_EINVALID, "'%.100s' climbs out of its folder", path);
    return ends_with(path, ".json") ||
           !kp_fail(err, KP_EINVALID, "'%.100s' is no .json document", path);
}

/* The next field of a line; quotes around it are taken away. */
static char *field(char **line)
{
    char *at = *line + strspn(*line, " \t"), *end;
    if (*at == '"' && (end = strchr(at + 1, '"'))) {
        at++;
    } else {
        end = at + strcspn(at, ",");
        if (!*end) {
            *line = end;
            return at;
        }
    }
    char *next = end + 1;
    next += *end == '"' ? strspn(next, " \t,") : 0;
    *end = 0;
    *line = next;
    return at;
}

static enum kp_code read_line(char *line, const char *folder, bool dates, struct kp_csaf_entries *e,
                              struct kp_err *err)
{
    struct kp_csaf_entry one = { .updated = KP_NO_TIME };
    struct kp_err why = { 0 };
    const char *path = dates ? field(&line) : line;
    if (!kp_csaf_path_good(path, &why)) {
        refuse(e, &why);
        return KP_OK;
    }
    if (dates && !kp_time_parse(field(&line), &one.updated))
        one.updated = KP_NO_TIME;
    size_t n = strlen(folder) + strlen(path) + 1;
    char *url = kp_arena_alloc(&e->texts, n);
    if (!url)
        return starved(err);
    snprintf(url, n, "%s%s", folder, path);
    one.url = url;
    return add_entry(e, &one, err);
}

enum kp_code kp_csaf_folder_read(char *text, const char *folder, bool dates,
                                 struct kp_csaf_entries *e, struct kp_err *err)
{
    for (char *line = text + strspn(text, "\xef\xbb\xbf \t\r\n"), *next; *line && !err->code;
         line = next) {
        size_t n = strcspn(line, "\r\n");
        next = line + n;
        next += strspn(next, "\r\n");
        while (n && (line[n - 1] == ' ' || line[n - 1] == '\t'))
            n--;
        line[n] = 0;
        if (n)
            read_line(line, folder, dates, e, err);
    }
    return err->code;
}

static int newest_first(const void *a, const void *b)
{
    const struct kp_csaf_entry *x = a, *y = b;
    if (x->updated != y->updated)
        return x->updated > y->updated ? -1 : 1;
    return strcmp(x->url, y->url);
}

void kp_csaf_entries_sort(struct kp_csaf_entries *e)
{
    if (e->n)
        qsort(e->of, e->n, sizeof *e->of, newest_first);
}

void kp_csaf_entries_free(struct kp_csaf_entries *e)
{
    kp_free(e->of);
    json_decref(e->json);
    kp_arena_free(&e->texts);
    *e = (struct kp_csaf_entries){ 0 };
}

/* ---- digests ---- */
enum kp_code kp_csaf_hash_check(const char *text, size_t len, const char *digest, size_t digest_len,
                                int bits, struct kp_err *err)
{
    char right[KP_SHA2_HEX];
    size_t n = 0, digits = (size_t)bits / 4, at = 0;
    while (at < digest_len && strchr(" \t\r\n", digest[at]) && digest[at])
        at++;
    while (at + n < digest_len && isxdigit((unsigned char)digest[at + n]))
        n++;
    if (n != digits)
        return kp_fail(err, KP_EPARSE, "its SHA-%d file holds no such digest", bits);
    kp_sha2_hex(bits, text, len, right);
    return strncasecmp(right, digest + at, digits) == 0
               ? KP_OK
               : kp_fail(err, KP_EDENIED,
                         "its SHA-%d digest is another one: the document was changed on its way",
                         bits);
}
