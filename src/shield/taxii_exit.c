/* SPDX-License-Identifier: Apache-2.0 */
/* What went out of collections, and to whom: counted in memory, written every few seconds, one row
 * a day for each member and collection. */
#include "core/log.h"
#include "shield/keep.h"
#include "shield/taxii.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { EXITS = 256, WHO = 200 };
static const int64_t write_every = 5 * KP_SECOND, kept_days = 400;

struct exit {
    int64_t collection, requests, objects, last;
    char who[WHO];
};
struct exits {
    pthread_mutex_t lock; /* guards what follows */
    struct exit exit[EXITS];
    size_t n;
    int64_t since; /* when the first of them was counted */
};

struct exits *exits_new(void)
{
    struct exits *e = kp_alloc(sizeof *e);
    if (e)
        pthread_mutex_init(&e->lock, NULL);
    return e;
}

void exits_free(struct exits *e)
{
    if (e)
        pthread_mutex_destroy(&e->lock);
    kp_free(e);
}

/* ---- writing ---- */
struct writing {
    struct exit exit[EXITS];
    size_t n;
    int64_t day;
};

static enum kp_code write_one(struct kp_db *db, const struct writing *w, const struct exit *x,
                              struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(db,
                                      "insert into stix_exit(day, collection, who, requests, "
                                      "objects, last) values(?1, ?2, ?3, ?4,"
                                      " ?5, ?6) on conflict do update set requests = requests + "
                                      "?4, objects = objects + ?5, last ="
                                      " ?6",
                                      err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, w->day);
    kp_bind_int(s, 2, x->collection);
    kp_bind_text(s, 3, x->who);
    kp_bind_int(s, 4, x->requests);
    kp_bind_int(s, 5, x->objects);
    kp_bind_int(s, 6, x->last);
    return kp_run(s, err);
}

static enum kp_code write_all(struct kp_db *db, void *arg, struct kp_err *err)
{
    const struct writing *w = arg;
    for (size_t i = 0; i < w->n; i++)
        if (write_one(db, w, &w->exit[i], err))
            return err->code;
    struct kp_stmt *s = kp_db_prepare(db, "delete from stix_exit where day < ?", err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, w->day - kept_days);
    return kp_run(s, err);
}

void exits_write(struct kp_shield *s, bool now)
{
    struct exits *e = s->exits;
    struct kp_err err = { 0 };
    pthread_mutex_lock(&e->lock);
    bool any = e->n;
    pthread_mutex_unlock(&e->lock);
    struct writing *w = any ? kp_alloc(sizeof *w) : NULL;
    if (!w)
        return;
    w->day = kp_utc(s->clock) / KP_SECOND / 86400;
    pthread_mutex_lock(&e->lock);
    if (now || e->n == EXITS || kp_mono(s->clock) - e->since >= write_every) {
        w->n = e->n;
        memcpy(w->exit, e->exit, e->n * sizeof *e->exit);
        e->n = 0;
    }
    pthread_mutex_unlock(&e->lock);
    if (w->n && kp_store_do(s->store, write_all, w, &err))
        kp_warn("taxii", "what went out is missing in the counts", "why=%s",
                kp_log_quote(err.text));
    kp_free(w);
}

/* ---- counting ---- */
/* Lock held. NULL: there is no room. */
static struct exit *find(struct exits *e, int64_t collection, const char *who)
{
    for (size_t i = 0; i < e->n; i++)
        if (e->exit[i].collection == collection && strcmp(e->exit[i].who, who) == 0)
            return &e->exit[i];
    if (e->n == EXITS)
        return NULL;
    struct exit *x = &e->exit[e->n++];
    *x = (struct exit){ .collection = collection };
    snprintf(x->who, sizeof x->who, "%s", who);
    return x;
}

void kp_taxii_told(struct kp_shield *s, const char *who, const struct kp_taxii_page *p)
{
    struct exits *e = s->exits;
    struct exit *x;
    for (int tries = 0; tries < 2; tries++) {
        pthread_mutex_lock(&e->lock);
        if (!e->n)
            e->since = kp_mono(s->clock);
        if ((x = find(e, p->collection, who))) {
            x->requests++;
            x->objects += (int64_t)p->n;
            x->last = kp_utc(s->clock);
        }
        pthread_mutex_unlock(&e->lock);
        if (x)
            return;
        exits_write(s, true);
    }
}
