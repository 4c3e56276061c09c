/* SPDX-License-Identifier: Apache-2.0 */
/* What concerns the devices now, device by device, the worst first. */
#include "shield/feed_keep.h"
#include "shield/finding_show.h"

#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

enum { TOLD = 3 }; /* findings of a device */

struct concerned {
    size_t first, n; /* its worst finding, and how many there are */
    size_t told[TOLD];
    int64_t device;
    unsigned affected, review, in_hand;
};

static bool in_hand(const struct line *l)
{
    return l->answer && strcmp(l->answer, "in_progress") == 0;
}

/* A person said yes to what was a doubt. */
static bool is_affected(const struct line *l)
{
    return l->verdict == KP_AFFECTED || (l->answer && strcmp(l->answer, "affected") == 0) ||
           in_hand(l);
}

static void count_line(struct concerned *c, const struct line *l)
{
    if (in_hand(l))
        c->in_hand++;
    else if (is_affected(l))
        c->affected++;
    else
        c->review++;
}

static int by_device_then_place(const void *a, const void *b)
{
    const struct concerned *x = a, *y = b;
    if (x->device != y->device)
        return x->device < y->device ? -1 : 1;
    return x->first < y->first ? -1 : x->first > y->first;
}

static int by_place(const void *a, const void *b)
{
    const struct concerned *x = a, *y = b;
    return x->first < y->first ? -1 : x->first > y->first;
}

/* Lines lie the worst first; a device stands where its worst does. NULL: memory ended. */
static struct concerned *group(const struct showing *w, size_t *n)
{
    struct concerned *list = kp_alloc((w->n + 1) * sizeof *list);
    *n = 0;
    if (!list)
        return NULL;
    for (size_t i = 0; i < w->n; i++)
        list[i] = (struct concerned){ .first = i, .device = w->lines[i].device };
    if (w->n)
        qsort(list, w->n, sizeof *list, by_device_then_place);
    for (size_t i = 0; i < w->n; i++) {
        size_t at = list[i].first;
        if (!*n || list[*n - 1].device != list[i].device)
            list[(*n)++] = list[i];
        struct concerned *c = &list[*n - 1];
        count_line(c, &w->lines[at]);
        if (c->n < TOLD)
            c->told[c->n] = at;
        c->n++;
    }
    if (*n)
        qsort(list, *n, sizeof *list, by_place);
    return list;
}

static enum kp_code put_device(struct showing *w, const struct concerned *c, struct kp_json *j,
                               struct kp_err *err)
{
    char path[KP_PATH_MAX + 1] = "";
    if (showing_device(w, c->device, err))
        return err->code;
    const struct device_row *r = w->row;
    kp_model_lock(w->s->model);
    if (r->asset && kp_model_asset(w->s->model, (kp_asset)r->asset))
        kp_model_asset_path(w->s->model, (kp_asset)r->asset, path, sizeof path);
    kp_model_unlock(w->s->model);
    kp_json_begin(j, '{');
    kp_json_put_int(j, "device", r->id);
    kp_json_put_text(j, "name", r->name);
    kp_json_put_text(j, "asset", *path ? path : NULL);
    kp_json_put_text(j, "manufacturer", r->field[FIELD_MANUFACTURER]);
    kp_json_put_text(j, "product", r->field[FIELD_PRODUCT]);
    kp_json_put_text(j, "firmware", r->field[FIELD_FIRMWARE]);
    kp_json_put_int(j, "affected", c->affected);
    kp_json_put_int(j, "review", c->review);
    kp_json_put_int(j, "inHand", c->in_hand);
    kp_json_key(j, "findings");
    kp_json_begin(j, '[');
    for (size_t i = 0; i < c->n && i < TOLD; i++)
        put_finding_line(j, &w->lines[c->told[i]]);
    kp_json_end(j, ']');
    kp_json_end(j, '}');
    return KP_OK;
}

static void put_counts(const struct showing *w, struct kp_json *j)
{
    int64_t affected[4] = { 0 }, review = 0, hand = 0;
    for (size_t i = 0; i < w->n; i++) {
        const struct line *l = &w->lines[i];
        hand += in_hand(l);
        review += !is_affected(l);
        for (int k = 0; k < 4 && is_affected(l) && !in_hand(l); k++)
            affected[k] += strcmp(kp_finding_urgencies[k], urgency_word(l->urgency.priority)) == 0;
    }
    kp_json_key(j, "affected");
    kp_json_begin(j, '{');
    for (int k = 0; k < 4; k++)
        kp_json_put_int(j, kp_finding_urgencies[k], affected[k]);
    kp_json_end(j, '}');
    kp_json_put_int(j, "review", review);
    kp_json_put_int(j, "inHand", hand);
}

/* Of devices that may be told. */
static enum kp_code put_inventory(struct showing *w, struct kp_json *j, struct kp_err *err)
{
    struct device_row *row;
    size_t n;
    int64_t devices = 0, blind = 0, changed = 0;
    if (device_rows(w->db, 0, &w->arena, &row, &n, err))
        return err->code;
    kp_model_lock(w->s->model);
    for (size_t i = 0; i < n; i++) {
        if (!device_may_go(w->s->model, w->to, &row[i]))
            continue;
        devices++;
        blind += !row[i].field[FIELD_FIRMWARE];
        changed += row[i].alarm != 0;
    }
    kp_model_unlock(w->s->model);
    kp_json_put_int(j, "devices", devices);
    kp_json_put_int(j, "withoutFirmware", blind);
    kp_json_put_int(j, "unexpectedChanges", changed);
    return KP_OK;
}

/* Names and times; where they are and how is for who may change them. */
static enum kp_code put_feeds(struct showing *w, struct kp_json *j, struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(w->db,
                                      "select id, name, kind, enabled, pulled, fault is not null"
                                      " from feed order by name",
                                      err);
    kp_json_key(j, "feeds");
    kp_json_begin(j, '[');
    while (s && kp_step(s, err)) {
        kp_json_begin(j, '{');
        kp_json_put_text(j, "name", kp_column_text(s, 1));
        kp_json_put_text(j, "kind", kp_column_text(s, 2));
        kp_json_put_bool(j, "enabled", kp_column_int(s, 3));
        kp_json_put_bool(j, "running", feeds_running(w->s->feeds, kp_column_int(s, 0)));
        kp_json_put_time(j, "pulled", kp_column_time(s, 4));
        kp_json_put_bool(j, "faulty", kp_column_int(s, 5));
        kp_json_end(j, '}');
    }
    kp_json_end(j, ']');
    return err->code;
}

static enum kp_code put_advisories(struct showing *w, struct kp_json *j, struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(w->db, "select count(*) from advisory", err);
    if (!s || !kp_step(s, err))
        return err->code;
    kp_json_put_int(j, "advisories", kp_column_int(s, 0));
    kp_reset(s);
    return KP_OK;
}

static enum kp_code put_all(struct showing *w, struct kp_json *j, struct kp_err *err)
{
    size_t n;
    struct concerned *list = group(w, &n);
    if (!list)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    kp_json_begin(j, '{');
    put_counts(w, j);
    kp_json_put_int(j, "total", (int64_t)n);
    kp_json_key(j, "concerned");
    kp_json_begin(j, '[');
    for (size_t i = (size_t)w->q.skip; i < n && !err->code; i++) {
        if (i - (size_t)w->q.skip >= (size_t)w->q.limit)
            break;
        put_device(w, &list[i], j, err);
    }
    kp_json_end(j, ']');
    kp_free(list);
    if (!err->code && !put_inventory(w, j, err) && !put_advisories(w, j, err))
        put_feeds(w, j, err);
    kp_json_end(j, '}');
    return err->code;
}

enum kp_code kp_shield_concerned(struct kp_shield *s, enum kp_recipient to, int64_t skip,
                                 int64_t limit, struct kp_json *j, struct kp_err *err)
{
    struct showing w = { .s = s, .to = to,
                         .q = { .state = "open", .skip = skip, .limit = limit } };
    w.db = kp_store_reader(s->store, err);
    if (w.db && !showing_read(&w, err))
        put_all(&w, j, err);
    kp_store_reader_done(s->store, w.db);
    showing_free(&w);
    return err->code;
}
