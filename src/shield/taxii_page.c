/* SPDX-License-Identifier: Apache-2.0 */
/* Objects, manifest and versions of a collection, page by page (TAXII 2.1, 5.3 to 5.8). A page goes
 * on behind the time at which its last one was added, so it does not matter what comes or goes
 * meanwhile. */
#include "shield/taxii.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

enum { PAGE_BYTES = 8 << 20, LIST_MAX = 500, LIST_TEXT = 64 << 10 };

void taxii_time(int64_t added_us, char out[KP_TAXII_TEXT])
{
    char whole[KP_TIME_TEXT];
    kp_time_print(added_us / 1000000 * KP_SECOND, whole);
    whole[strcspn(whole, ".Z")] = 0;
    snprintf(out, KP_TAXII_TEXT, "%s.%06dZ", whole, (int)(added_us % 1000000));
}

/* ---- filters ---- */
enum kp_code taxii_list(const char *text, struct kp_arena *arena, const char **out,
                        struct kp_err *err)
{
    struct kp_buf b;
    int n = 0;
    *out = NULL;
    if (!text)
        return KP_OK;
    kp_buf_init(&b, LIST_TEXT);
    struct kp_json j = kp_json(&b);
    kp_json_begin(&j, '[');
    for (const char *at = text; *at && n++ < LIST_MAX;) {
        size_t len = strcspn(at, ",");
        kp_json_textn(&j, at, len);
        at += len + (at[len] != 0);
    }
    kp_json_end(&j, ']');
    *out = b.failed ? NULL : kp_arena_strdup(arena, kp_buf_text(&b));
    kp_buf_free(&b);
    if (n > LIST_MAX)
        return kp_fail(err, KP_EINVALID, "a filter has more than %d values", LIST_MAX);
    return *out ? KP_OK : kp_fail(err, KP_ENOMEM, "out of memory");
}

static enum kp_code add_version(struct taxii_versions *v, struct kp_buf *exact, const char *word,
                                struct kp_err *err)
{
    int64_t at;
    if (strcmp(word, "all") == 0)
        v->all = true;
    else if (strcmp(word, "first") == 0)
        v->flags |= 1;
    else if (strcmp(word, "last") == 0)
        v->flags |= 2;
    else if (kp_time_parse(word, &at))
        kp_buf_printf(exact, "%s%lld", exact->len > 1 ? "," : "", (long long)at);
    else
        return kp_fail(err, KP_EINVALID,
                       "match[version]: '%.60s' is none of all, first, last and"
                       " no time",
                       word);
    return KP_OK;
}

enum kp_code taxii_versions(const char *text, bool standard_all, struct kp_arena *arena,
                            struct taxii_versions *v, struct kp_err *err)
{
    struct kp_buf exact;
    *v = (struct taxii_versions){ .all = !text && standard_all, .flags = text ? 0 : 2 };
    kp_buf_init(&exact, LIST_TEXT);
    kp_buf_str(&exact, "[");
    for (const char *at = text; at && *at && !err->code;) {
        char word[64];
        size_t len = strcspn(at, ",");
        snprintf(word, sizeof word, "%.*s", (int)(len < sizeof word ? len : sizeof word - 1), at);
        add_version(v, &exact, word, err);
        at += len + (at[len] != 0);
    }
    kp_buf_str(&exact, "]");
    v->exact = exact.failed ? NULL : kp_arena_strdup(arena, kp_buf_text(&exact));
    kp_buf_free(&exact);
    return v->exact || err->code ? err->code : kp_fail(err, KP_ENOMEM, "out of memory");
}

/* A page token: "p" and 16 hex digits of the time the last one was added. */
static enum kp_code read_next(const char *text, int64_t *after, struct kp_err *err)
{
    bool form = text[0] == 'p' && strlen(text) == 17 &&
                strspn(text + 1, "0123456789abcdef") == 16 && text[1] < '8';
    if (!form)
        return kp_fail(err, KP_EINVALID, "next: this is no token of a page");
    *after = (int64_t)strtoull(text + 1, NULL, 16);
    return KP_OK;
}

struct query {
    const struct kp_taxii_ask *ask;
    enum kp_taxii_list list;
    struct taxii_right right;
    struct taxii_versions versions;
    const char *ids, *types, *specs; /* JSON lists; NULL: any */
    int64_t after, limit;
    struct kp_arena arena;
};

static enum kp_code read_query(struct query *q, struct kp_err *err)
{
    const struct kp_taxii_ask *a = q->ask;
    int64_t next = -1, added = INT64_MIN;
    q->after = -1;
    q->limit = !a->limit                      ? KP_TAXII_PAGE
               : a->limit > KP_TAXII_PAGE_MAX ? KP_TAXII_PAGE_MAX
                                              : a->limit;
    if (a->added_after && (strlen(a->added_after) < 20 || !kp_time_parse(a->added_after, &added)))
        return kp_fail(err, KP_EINVALID, "added_after: '%.60s' is no time as RFC 3339 has it",
                       a->added_after);
    if (a->next && read_next(a->next, &next, err))
        return err->code;
    if (a->added_after && added > 0)
        q->after = added / 1000;
    q->after = next > q->after ? next : q->after;
    if (taxii_list(a->object ? a->object : a->ids, &q->arena, &q->ids, err) ||
        taxii_list(a->types, &q->arena, &q->types, err) ||
        taxii_list(a->specs, &q->arena, &q->specs, err))
        return err->code;
    return taxii_versions(a->versions, q->list == KP_TAXII_VERSIONS, &q->arena, &q->versions, err);
}

/* ---- looking it up ---- */
#define COLUMNS "e.added, o.stix, o.stamp, o.spec, o.body"
#define SEEN    " e.collection = ?1 and e.added > ?2 and o.tlp <= ?3"
#define FILTERED                                                                                   \
    " and (?6 is null or o.type in (select value from json_each(?6)))"                             \
    " and iif(?7 is null, e.flags & 4, o.spec in (select value from json_each(?7)))"               \
    " and (?8 or e.flags & ?9 or o.version in (select value from json_each(?10)))"
#define ORDERED " order by e.added limit ?4"

static const char *sql_of(const struct query *q)
{
    bool plain = !q->types && !q->specs && !q->ask->versions && q->list != KP_TAXII_VERSIONS;
    if (q->ids)
        return "select " COLUMNS " from stix_object o cross join stix_entry e on e.object = o.id"
               " where o.stix in (select value from json_each(?5)) and" SEEN FILTERED ORDERED;
    if (plain)
        return "select " COLUMNS " from stix_entry e indexed by stix_entry_new cross join"
               " stix_object o on o.id = e.object where e.flags & 6 = 6 and" SEEN ORDERED;
    return "select " COLUMNS " from stix_entry e cross join stix_object o on o.id = e.object"
           " where" SEEN FILTERED ORDERED;
}

static struct kp_stmt *ask(struct kp_db *db, const struct query *q, struct kp_err *err)
{
    const char *sql = sql_of(q);
    struct kp_stmt *s = kp_db_prepare(db, sql, err);
    if (!s)
        return NULL;
    kp_bind_int(s, 1, q->right.collection);
    kp_bind_int(s, 2, q->after);
    kp_bind_int(s, 3, q->right.most);
    kp_bind_int(s, 4, q->limit + 1);
    if (strstr(sql, "?5"))
        kp_bind_text(s, 5, q->ids);
    if (!strstr(sql, "?6"))
        return s;
    kp_bind_text(s, 6, q->types);
    kp_bind_text(s, 7, q->specs);
    kp_bind_int(s, 8, q->versions.all);
    kp_bind_int(s, 9, q->versions.flags);
    kp_bind_text(s, 10, q->versions.exact);
    return s;
}

/* ---- writing it down ---- */
static void put_manifest(struct kp_json *j, struct kp_stmt *s)
{
    char added[KP_TAXII_TEXT], media[64];
    taxii_time(kp_column_int(s, 0), added);
    snprintf(media, sizeof media, "application/stix+json;version=%.8s", kp_column_text(s, 3));
    kp_json_begin(j, '{');
    kp_json_put_text(j, "id", kp_column_text(s, 1));
    kp_json_put_text(j, "date_added", added);
    kp_json_put_text(j, "version", kp_column_text(s, 2));
    kp_json_put_text(j, "media_type", media);
    kp_json_end(j, '}');
}

static void put_one(const struct query *q, struct kp_json *j, struct kp_stmt *s)
{
    if (q->list == KP_TAXII_OBJECTS)
        kp_json_raw(j, kp_column_text(s, 4));
    else if (q->list == KP_TAXII_MANIFEST)
        put_manifest(j, s);
    else
        kp_json_text(j, kp_column_text(s, 2));
}

static enum kp_code put_page(struct kp_db *db, const struct query *q, struct kp_json *j,
                             struct kp_taxii_page *p, struct kp_err *err)
{
    struct kp_stmt *s = ask(db, q, err);
    int64_t last = 0;
    bool more = false;
    kp_json_begin(j, '{');
    while (s && !more && kp_step(s, err)) {
        if ((more = p->n == (size_t)q->limit || j->out->len > PAGE_BYTES))
            break;
        last = kp_column_int(s, 0);
        if (!p->n++) {
            kp_json_key(j, q->list == KP_TAXII_VERSIONS ? "versions" : "objects");
            kp_json_begin(j, '[');
            taxii_time(last, p->first);
        }
        put_one(q, j, s);
    }
    if (s)
        kp_reset(s);
    if (p->n) {
        kp_json_end(j, ']');
        taxii_time(last, p->last);
    }
    if (more) {
        char next[24];
        snprintf(next, sizeof next, "p%016llx", (unsigned long long)last);
        kp_json_put_bool(j, "more", true);
        if (q->list == KP_TAXII_OBJECTS)
            kp_json_put_text(j, "next", next);
    }
    kp_json_end(j, '}');
    return err->code;
}

/* Of an address that names an object: whether there is any version of it for who asks. */
static enum kp_code check_there(struct kp_db *db, const struct query *q, struct kp_err *err)
{
    struct kp_stmt *s =
        kp_db_prepare(db,
                      "select 1 from stix_object o join stix_entry e on e.object ="
                      " o.id and e.collection = ?1 where o.stix = ?2 and o.tlp <= ?3",
                      err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, q->right.collection);
    kp_bind_text(s, 2, q->ask->object);
    kp_bind_int(s, 3, q->right.most);
    bool there = kp_step(s, err);
    kp_reset(s);
    return there || err->code ? err->code
                              : kp_fail(err, KP_ENOTFOUND,
                                        "there is no object %.120s in this"
                                        " collection",
                                        q->ask->object);
}

enum kp_code kp_taxii_page(struct kp_store *store, const struct kp_taxii_ask *a,
                           enum kp_taxii_list list, struct kp_json *j, struct kp_taxii_page *p,
                           struct kp_err *err)
{
    struct query q = { .ask = a, .list = list };
    *p = (struct kp_taxii_page){ 0 };
    struct kp_db *db = kp_store_reader(store, err);
    if (db && !taxii_right(db, a, &q.right, err) && !read_query(&q, err)) {
        if (!q.right.reads)
            kp_fail(err, KP_EDENIED, "you may write to this collection, not read it");
        else if (!a->object || !check_there(db, &q, err))
            put_page(db, &q, j, p, err);
        p->collection = q.right.collection;
    }
    kp_store_reader_done(store, db);
    kp_arena_free(&q.arena);
    return err->code;
}
