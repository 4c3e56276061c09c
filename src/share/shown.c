/* SPDX-License-Identifier: Apache-2.0 */
/* The catalogue that a partner sees. */
#include "share/private.h"

#include "net/json_memory.h"

#include <string.h>

#include "core/ban.h"

static enum kp_code put_offer(struct kp_json *j, const char *id, const char *policy,
                              struct kp_err *err)
{
    const char *key;
    json_t *value, *p = policy ? kp_json_read(policy, "policy", err) : NULL;
    if (!p)
        return err->code;
    kp_json_begin(j, '{');
    kp_json_put_text(j, "@id", id);
    kp_json_put_text(j, "@type", "Offer");
    json_object_foreach(p, key, value) kp_dsp_put(j, key, value);
    kp_json_end(j, '}');
    json_decref(p);
    return KP_OK;
}

static void put_service(struct kp_json *j, const char *base)
{
    kp_json_begin(j, '{');
    kp_json_put_text(j, "@id", "urn:koppel:dsp");
    kp_json_put_text(j, "@type", "DataService");
    kp_json_put_text(j, "endpointURL", base);
    kp_json_end(j, '}');
}

static void put_distribution(struct kp_json *j, const char *base)
{
    kp_json_key(j, "distribution");
    kp_json_begin(j, '[');
    for (size_t i = 0; share_formats[i]; i++) {
        kp_json_begin(j, '{');
        kp_json_put_text(j, "@type", "Distribution");
        kp_json_put_text(j, "format", share_formats[i]);
        kp_json_key(j, "accessService");
        put_service(j, base);
        kp_json_end(j, '}');
    }
    kp_json_end(j, ']');
}

/* The members of a dataset, after its frame has begun. */
static enum kp_code put_dataset_members(struct kp_json *j, struct kp_db *db, const char *id,
                                        const char *partner, const char *base, struct kp_err *err)
{
    struct kp_stmt *o = kp_db_prepare(db,
                                      "select id, policy from share_offer where dataset = ? and "
                                      "(partner is null or partner = ?) order by made, id",
                                      err);
    if (!o)
        return err->code;
    kp_bind_text(o, 1, id);
    kp_bind_text(o, 2, partner);
    kp_json_put_text(j, "@id", id);
    kp_json_key(j, "hasPolicy");
    kp_json_begin(j, '[');
    while (kp_step(o, err))
        if (put_offer(j, kp_column_text(o, 0), kp_column_text(o, 1), err))
            break;
    kp_reset(o);
    kp_json_end(j, ']');
    put_distribution(j, base);
    return err->code;
}

/* Datasets he is offered, and that meet what he asks for. */
static struct kp_stmt *find_datasets(struct kp_db *db, const struct kp_dsp_query *q,
                                     const char *partner, struct kp_err *err)
{
    static const char *const tests[] = { [KP_DSP_IS] = " and d.id = ?",
                                         [KP_DSP_LIKE] = " and d.id like ?",
                                         [KP_DSP_IN] =
                                             " and d.id in (select value from json_each(?))" };
    struct kp_buf sql;
    kp_buf_init(&sql, 4 << 10);
    kp_buf_str(&sql, "select id, signals from share_dataset d where exists (select 1 from "
                     "share_offer o where o.dataset = d.id and (o.partner is null or o.partner = "
                     "?1))");
    for (size_t i = 0; i < q->n; i++)
        kp_buf_str(&sql, tests[q->criteria[i].test]);
    kp_buf_str(&sql, " order by id limit ? offset ?");
    struct kp_stmt *s = kp_db_prepare(db, kp_buf_text(&sql), err);
    kp_buf_free(&sql);
    if (!s)
        return NULL;
    int at = 1;
    kp_bind_text(s, at++, partner);
    for (size_t i = 0; i < q->n; i++)
        kp_bind_text(s, at++, q->criteria[i].right);
    kp_bind_int(s, at++, q->limit + 1);
    kp_bind_int(s, at, q->offset);
    return s;
}

/* Bytes of a page: what a koppel node takes in one message, with room for the rest of it. Who asks
 * for so many datasets gets so many, within reason. */
enum { PAGE_BYTES = KP_DSP_BYTES - (16 << 10), COUNTED_BYTES = 4 << 20, DATASET_BYTES = 64 << 20 };

struct page {
    struct kp_share *share;
    struct kp_db *db;
    enum kp_recipient to;
    const char *partner, *base;
    size_t bytes;   /* of its datasets */
    int64_t looked; /* at so many that he is offered, whether they are shown or not */
    bool more;
};

static enum kp_code put_dataset(struct kp_buf *out, const struct page *p, const char *id,
                                struct kp_err *err)
{
    struct kp_json j = kp_json(out);
    kp_json_begin(&j, '{');
    kp_json_put_text(&j, "@type", "Dataset");
    put_dataset_members(&j, p->db, id, p->partner, p->base, err);
    kp_json_end(&j, '}');
    return out->failed && !err->code ? share_starved(err) : err->code;
}

/* The first one always is; false: the page is full, or err says why not. */
static bool put_next(struct kp_json *j, struct page *p, const char *id, size_t most,
                     struct kp_err *err)
{
    struct kp_buf one;
    kp_buf_init(&one, DATASET_BYTES);
    bool goes = !put_dataset(&one, p, id, err) && (!p->bytes || p->bytes + one.len <= most);
    if (goes && !p->bytes) {
        kp_json_key(j, "dataset");
        kp_json_begin(j, '[');
    }
    if (goes) {
        kp_json_raw(j, kp_buf_text(&one));
        p->bytes += one.len;
    }
    kp_buf_free(&one);
    return goes;
}

static enum kp_code put_page(struct kp_json *j, struct page *p, const struct kp_dsp_query *q,
                             struct kp_err *err)
{
    struct kp_stmt *s = find_datasets(p->db, q, p->partner, err);
    if (!s)
        return err->code;
    while (!p->more && kp_step(s, err)) {
        bool shown = share_goods_go(p->share, p->to, kp_column_text(s, 1));
        p->more = p->looked == q->limit ||
                  (shown && !put_next(j, p, kp_column_text(s, 0),
                                      q->counted ? COUNTED_BYTES : PAGE_BYTES, err));
        p->looked += !p->more;
    }
    kp_reset(s);
    if (p->bytes)
        kp_json_end(j, ']');
    return err->code;
}

enum kp_code kp_share_show_catalogue(struct kp_share *s, enum kp_recipient to, const char *partner,
                                     const char *text, size_t len, int64_t offset,
                                     struct kp_json *j, struct kp_pages *pages, struct kp_err *err)
{
    struct kp_dsp_query q;
    struct kp_arena arena = { 0 };
    struct share_self self;
    char base[KP_SHARE_URL];
    *pages = (struct kp_pages){ -1, -1 };
    kp_share_base(s, base);
    if (kp_dsp_read_query(&q, text, len, &arena, err) || share_self(s, &arena, &self, err)) {
        kp_arena_free(&arena);
        return err->code;
    }
    q.offset = offset >= 0 ? offset : q.offset;
    struct kp_db *db = kp_store_reader(s->store, err);
    struct page page = { .share = s, .db = db, .to = to, .partner = partner, .base = base };
    if (db) {
        kp_dsp_begin(j, "Catalog", NULL, NULL);
        kp_json_put_text(j, "@id", "urn:koppel:catalogue");
        kp_json_put_text(j, "participantId", self.id);
        put_page(j, &page, &q, err);
        kp_json_key(j, "service");
        kp_json_begin(j, '[');
        put_service(j, base);
        kp_json_end(j, ']');
        kp_json_end(j, '}');
    }
    kp_store_reader_done(s->store, db);
    kp_arena_free(&arena);
    if (page.more)
        pages->next = q.offset + page.looked;
    if (q.offset > 0)
        pages->previous = q.offset > q.limit ? q.offset - q.limit : 0;
    return err->code;
}

bool share_shown(struct kp_share *s, enum kp_recipient to, const char *partner, const char *dataset,
                 struct kp_err *err)
{
    bool shown = false;
    struct kp_db *db = kp_store_reader(s->store, err);
    struct kp_stmt *d = db ? kp_db_prepare(db,
                                           "select signals from share_dataset d where id = ?1 and "
                                           "exists (select 1 from share_offer where dataset = d.id "
                                           "and (partner is null or partner = ?2))",
                                           err)
                           : NULL;
    if (d) {
        kp_bind_text(d, 1, dataset);
        kp_bind_text(d, 2, partner);
        shown = kp_step(d, err) && share_goods_go(s, to, kp_column_text(d, 0));
        kp_reset(d);
    }
    kp_store_reader_done(s->store, db);
    return shown;
}

enum kp_code kp_share_show_dataset(struct kp_share *s, enum kp_recipient to, const char *partner,
                                   const char *id, struct kp_json *j, struct kp_err *err)
{
    char base[KP_SHARE_URL];
    kp_share_base(s, base);
    if (!share_shown(s, to, partner, id, err))
        return err->code ? err->code
                         : kp_fail(err, KP_ENOTFOUND, "there is no dataset '%.120s' for you", id);
    struct kp_db *db = kp_store_reader(s->store, err);
    if (db) {
        kp_dsp_begin(j, "Dataset", NULL, NULL);
        put_dataset_members(j, db, id, partner, base, err);
        kp_json_end(j, '}');
    }
    kp_store_reader_done(s->store, db);
    return err->code;
}
