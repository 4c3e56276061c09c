/* SPDX-License-Identifier: Apache-2.0 */
/* Watches in the data file: definitions, and what each post knows. */
#include "watch/watches_private.h"

#include "core/log.h"
#include "core/worker.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { SAVE_SLICE = 64, MEMORY_MAX = 16 << 20 };
#define SAVE_EVERY (1800 * KP_SECOND)
#define SAVE_PAUSE KP_SECOND

/* ---- definitions ---- */
struct writing {
    const struct kp_watch_def *def;
    const char *name;
    const int64_t *ids;
    size_t n;
};

static enum kp_code put_def(struct kp_db *db, void *arg, struct kp_err *err)
{
    const struct writing *w = arg;
    struct kp_stmt *s = kp_db_prepare(db, "insert or replace into watch(name, data) values(?, ?)", err);
    struct kp_buf text;
    struct kp_json j = kp_json(&text);
    if (!s)
        return err->code;
    kp_buf_init(&text, 16 << 10);
    kp_json_begin(&j, '{');
    kp_watch_def_put(&j, w->def);
    kp_json_end(&j, '}');
    kp_bind_text(s, 1, w->def->name);
    kp_bind_text(s, 2, kp_buf_text(&text));
    if (text.failed)
        kp_fail(err, KP_ENOMEM, "out of memory");
    else
        kp_run(s, err);
    kp_buf_free(&text);
    return err->code;
}

enum kp_code watches_write_def(struct kp_watches *w, const struct kp_watch_def *def, struct kp_err *err)
{
    return kp_store_do(w->store, put_def, &(struct writing){ .def = def }, err);
}

static enum kp_code erase_def(struct kp_db *db, void *arg, struct kp_err *err)
{
    static const char *const statements[] = {
        "delete from watch_feedback where post in (select id from watch_post where watch = ?1)",
        "delete from watch_post where watch = ?1", "delete from watch where name = ?1"
    };
    const struct writing *w = arg;
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
        struct kp_stmt *s = kp_db_prepare(db, statements[i], err);
        if (!s)
            return err->code;
        kp_bind_text(s, 1, w->name);
        if (kp_run(s, err))
            return err->code;
    }
    return KP_OK;
}

enum kp_code watches_erase_def(struct kp_watches *w, const char *name, struct kp_err *err)
{
    return kp_store_do(w->store, erase_def, &(struct writing){ .name = name }, err);
}

static enum kp_code insert(struct kp_watches *w, struct definition **last, const char *data, struct kp_err *err)
{
    struct kp_err wrong = { 0 };
    struct definition *d = kp_alloc(sizeof *d);
    if (!d)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    if (kp_watch_def_parse(data, &d->def, &wrong)) { /* of a newer program */
        kp_free(d);
        return KP_OK;
    }
    if (*last)
        (*last)->next = d;
    else
        w->defs = d;
    *last = d;
    return KP_OK;
}

enum kp_code watches_load(struct kp_watches *w, struct kp_err *err)
{
    struct definition *last = NULL;
    struct kp_db *db = kp_store_reader(w->store, err);
    struct kp_stmt *s = db ? kp_db_prepare(db, "select data from watch order by name", err) : NULL;
    while (s && kp_step(s, err))
        if (insert(w, &last, kp_column_text(s, 0), err)) {
            kp_reset(s);
            break;
        }
    if (db)
        kp_store_reader_done(w->store, db);
    return err->code;
}

/* ---- posts ---- */
static void print_subject(const struct watched *p, char out[24])
{
    unsigned number = (unsigned)p->subject;
    snprintf(out, 24, "%c", (int)(p->subject >> 32));
    if (number)
        snprintf(out + 1, 23, "%u", number);
}

struct naming {
    struct watched **list;
    size_t n;
};

static enum kp_code make_rows(struct kp_db *db, void *arg, struct kp_err *err)
{
    const struct naming *of = arg;
    for (size_t i = 0; i < of->n; i++) {
        char subject[24];
        struct kp_stmt *s = kp_db_prepare(db, "insert or ignore into watch_post(watch, subject) values(?, ?)", err);
        print_subject(of->list[i], subject);
        if (!s)
            return err->code;
        kp_bind_text(s, 1, of->list[i]->of->def.name);
        kp_bind_text(s, 2, subject);
        if (kp_run(s, err))
            return err->code;
    }
    return KP_OK;
}

static void recall(struct watched *p, const void *data, size_t size)
{
    struct kp_err wrong = { 0 };
    if (!kp_post_load(p->post, data, size, &wrong)) {
        p->due = false;
        return;
    }
    kp_free(p->relearns);
    p->relearns = kp_strdup(wrong.text);
    kp_warn("watch", "a watch learns anew", "watch=%s post=%" PRId64 " why=%s", kp_log_quote(p->of->def.name), p->id,
            kp_log_quote(wrong.text));
}

static enum kp_code read_row(struct kp_db *db, struct watched *p, struct kp_err *err)
{
    char subject[24];
    size_t size;
    struct kp_stmt *s = kp_db_prepare(db, "select id, memory from watch_post where watch = ? and subject = ?", err);
    print_subject(p, subject);
    if (!s)
        return err->code;
    kp_bind_text(s, 1, p->of->def.name);
    kp_bind_text(s, 2, subject);
    if (!kp_step(s, err))
        return err->code ? err->code : kp_fail(err, KP_ENOTFOUND, "the post of a watch has no row");
    p->id = kp_column_int(s, 0);
    const void *memory = kp_column_blob(s, 1, &size);
    if (!kp_column_null(s, 1))
        recall(p, memory, size);
    kp_reset(s);
    return KP_OK;
}

enum kp_code watches_rows(struct kp_watches *w, struct watched **list, size_t n, struct kp_err *err)
{
    if (kp_store_do(w->store, make_rows, &(struct naming){ list, n }, err))
        return err->code;
    struct kp_db *db = kp_store_reader(w->store, err);
    for (size_t i = 0; db && i < n && !err->code; i++) {
        read_row(db, list[i], err);
        list[i]->saved = kp_mono(w->clock);
    }
    if (db)
        kp_store_reader_done(w->store, db);
    return err->code;
}

static enum kp_code erase_rows(struct kp_db *db, void *arg, struct kp_err *err)
{
    static const char *const statements[] = { "delete from watch_feedback where post = ?",
                                              "delete from watch_post where id = ?" };
    const struct writing *w = arg;
    for (size_t i = 0; i < w->n; i++)
        for (size_t k = 0; k < 2; k++) {
            struct kp_stmt *s = kp_db_prepare(db, statements[k], err);
            if (!s)
                return err->code;
            kp_bind_int(s, 1, w->ids[i]);
            if (kp_run(s, err))
                return err->code;
        }
    return KP_OK;
}

enum kp_code watches_erase(struct kp_watches *w, const int64_t *ids, size_t n, struct kp_err *err)
{
    return kp_store_do(w->store, erase_rows, &(struct writing){ .ids = ids, .n = n }, err);
}

/* ---- saving ---- */
struct saving {
    struct kp_buf bytes; /* one behind the other */
    int64_t id[SAVE_SLICE], now;
    size_t end[SAVE_SLICE], n;
};

static enum kp_code write_memories(struct kp_db *db, void *arg, struct kp_err *err)
{
    const struct saving *v = arg;
    for (size_t i = 0, at = 0; i < v->n; at = v->end[i++]) {
        struct kp_stmt *s = kp_db_prepare(db, "update watch_post set memory = ?, kept = ? where id = ?", err);
        if (!s)
            return err->code;
        kp_bind_blob(s, 1, v->bytes.data + at, v->end[i] - at);
        kp_bind_int(s, 2, v->now);
        kp_bind_int(s, 3, v->id[i]);
        if (kp_run(s, err))
            return err->code;
    }
    return KP_OK;
}

static void write_slice(struct kp_watches *w, struct saving *v)
{
    struct kp_err err = { 0 };
    if (v->n && (v->bytes.failed || kp_store_do(w->store, write_memories, v, &err)))
        kp_warn("watch", "what watches know cannot be kept now", "why=%s",
                kp_log_quote(v->bytes.failed ? "out of memory" : err.text));
    kp_buf_free(&v->bytes);
    kp_free(v);
}

/* A slice of those that are due, from *from on; NULL: none is, or there is no memory for it. */
static struct saving *make_slice(struct kp_watches *w, size_t *from, bool all)
{
    struct saving *v = kp_alloc(sizeof *v);
    int64_t now = kp_mono(w->clock);
    if (!v)
        return NULL;
    v->now = kp_utc(w->clock);
    kp_buf_init(&v->bytes, MEMORY_MAX);
    for (; *from < w->n && v->n < SAVE_SLICE && v->bytes.len < MEMORY_MAX / 16; ++*from) {
        struct watched *p = w->list[*from];
        if (p->due || (!all && p->saved && now - p->saved < SAVE_EVERY))
            continue;
        kp_post_save(p->post, &v->bytes);
        p->saved = now ? now : 1;
        v->id[v->n] = p->id;
        v->end[v->n++] = v->bytes.len;
    }
    if (v->n)
        return v;
    kp_buf_free(&v->bytes);
    kp_free(v);
    return NULL;
}

/* ---- the thread that writes: judging does not wait for the disk ---- */
struct saver {
    struct kp_watches *watches;
    struct kp_worker worker; /* begun when there is something */
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t wake;
    struct saving *next;
    bool stop;
};

static void *run_saver(void *arg)
{
    struct saver *s = arg;
    kp_thread_name("watch memory");
    pthread_mutex_lock(&s->lock);
    while (!s->stop || s->next) {
        struct saving *v = s->next;
        if (!v) {
            pthread_cond_wait(&s->wake, &s->lock);
            continue;
        }
        pthread_mutex_unlock(&s->lock);
        write_slice(s->watches, v);
        pthread_mutex_lock(&s->lock);
        s->next = NULL; /* only now, so that there is one at a time */
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

enum kp_code watches_saver_start(struct kp_watches *w, struct kp_err *err)
{
    struct saver *s = kp_alloc(sizeof *s);
    if (!s)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    s->watches = w;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->wake, NULL);
    kp_worker_init(&s->worker);
    kp_worker_open(&s->worker);
    w->saver = s;
    return KP_OK;
}

void watches_saver_stop(struct kp_watches *w)
{
    struct saver *s = w->saver;
    if (!s)
        return;
    pthread_mutex_lock(&s->lock);
    s->stop = true;
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->lock);
    kp_worker_close(&s->worker);
    kp_worker_free(&s->worker);
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->wake);
    kp_free(s);
    w->saver = NULL;
}

void watches_save(struct kp_watches *w)
{
    struct saver *s = w->saver;
    int64_t now = kp_mono(w->clock);
    if (!s || (w->saved && now - w->saved < SAVE_PAUSE))
        return;
    w->saved = now ? now : 1;
    pthread_mutex_lock(&s->lock);
    if (!s->next) {
        w->save_next = w->save_next < w->n ? w->save_next : 0;
        s->next = make_slice(w, &w->save_next, false);
        pthread_cond_signal(&s->wake);
    }
    bool any = s->next;
    pthread_mutex_unlock(&s->lock);
    if (any) /* without a thread it waits for the next time */
        kp_worker_begin(&s->worker, run_saver, s);
}

void watches_save_all(struct kp_watches *w)
{
    for (size_t from = 0; from < w->n;) {
        struct saving *v = make_slice(w, &from, true);
        if (v)
            write_slice(w, v);
        else if (from < w->n)
            break; /* no memory */
    }
}
