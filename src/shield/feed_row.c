/* SPDX-License-Identifier: Apache-2.0 */
/* Feeds as they are stored, and of which kinds they can be. */
#include "net/json_memory.h"
#include "shield/feed_keep.h"
#include "shield/feed_kinds.h"
#include "shield/feed_misp.h"
#include "shield/feed_taxii.h"
#include "shield/keep.h"
#include "store/secret.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

const struct kp_feed_kind *const kp_feed_kinds[] = {
    &kp_feed_taxii, &kp_feed_misp, &kp_feed_misp_server, &kp_feed_csaf, &kp_feed_epss,
    &kp_feed_kev,   NULL,
};

const struct kp_feed_kind *feed_kind_find(const char *name)
{
    for (size_t i = 0; kp_feed_kinds[i]; i++)
        if (strcmp(kp_feed_kinds[i]->name, name) == 0)
            return kp_feed_kinds[i];
    return NULL;
}

/* ---- rows ---- */
void feed_row_free(struct feed_row *f)
{
    json_decref(f->settings);
    json_decref(f->state);
    f->settings = f->state = NULL;
}

enum kp_code feed_row_read(struct kp_stmt *s, struct kp_arena *arena, struct feed_row *f,
                           struct kp_err *err)
{
    *f = (struct feed_row){ kp_column_int(s, 0),
                            kp_column_int(s, 1),
                            kp_column_int(s, 2),
                            kp_column_int(s, 3),
                            kp_column_int(s, 4),
                            kp_column_int(s, 5),
                            kp_column_int(s, 6),
                            kp_column_int(s, 7),
                            .name = kp_column_copy(s, 8, arena),
                            .kind = kp_column_copy(s, 9, arena),
                            .url = kp_column_copy(s, 10, arena),
                            .fault = kp_column_copy(s, 11, arena),
                            .note = kp_column_copy(s, 12, arena) };
    const char *settings = kp_column_text(s, 13), *state = kp_column_text(s, 14);
    f->settings = kp_json_read(settings ? settings : "{}", "settings of a feed", err);
    f->state = err->code ? NULL : kp_json_read(state ? state : "{}", "state of a feed", err);
    if (!err->code && (!f->name || !f->kind || !f->url))
        kp_fail(err, KP_ENOMEM, "out of memory");
    if (err->code)
        feed_row_free(f);
    return err->code;
}

static enum kp_code find(struct kp_db *db, const char *name, struct kp_arena *arena,
                         struct feed_row *f, struct kp_err *err)
{
    *f = (struct feed_row){ 0 };
    struct kp_stmt *s = kp_db_prepare(db, "select " FEED_COLUMNS " from feed where name = ?", err);
    if (!s)
        return err->code;
    kp_bind_text(s, 1, name);
    if (kp_step(s, err))
        feed_row_read(s, arena, f, err);
    else if (!err->code)
        kp_fail(err, KP_ENOTFOUND, "there is no feed named '%.60s'", name);
    kp_reset(s);
    return err->code;
}

enum kp_code feed_find(struct kp_shield *s, const char *name, struct kp_arena *arena,
                       struct feed_row *f, struct kp_err *err)
{
    *f = (struct feed_row){ 0 };
    struct kp_db *db = kp_store_reader(s->store, err);
    if (db)
        find(db, name, arena, f, err);
    kp_store_reader_done(s->store, db);
    return err->code;
}

/* ---- passwords and keys ---- */
void feed_secret_name(int64_t id, char out[FEED_SECRET_NAME])
{
    snprintf(out, FEED_SECRET_NAME, "feed/%lld", (long long)id);
}

json_t *feed_secrets(struct kp_store *store, int64_t id, struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    struct kp_err none = { 0 };
    char name[FEED_SECRET_NAME];
    void *data;
    size_t len;
    json_t *o = NULL;
    feed_secret_name(id, name);
    if (!kp_secret_get(store, name, &arena, &data, &len, &none)) {
        o = kp_json_object(data, len, "secret of a feed", KP_JSON_DEPTH, err);
        explicit_bzero(data, len);
    } else if (none.code == KP_ENOTFOUND) {
        if (!(o = json_object()))
            kp_fail(err, KP_ENOMEM, "out of memory");
    } else {
        kp_fail(err, none.code, "%s", none.text);
    }
    kp_arena_free(&arena);
    return o;
}

const char *kp_feed_text(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    return json_is_string(v) && json_string_length(v) ? json_string_value(v) : NULL;
}

void kp_feed_fetcher(const struct kp_feed_visit *v, struct kp_fetcher_options *o)
{
    *o = (struct kp_fetcher_options){ .caller = { .hub = v->shield->hub, .what = "feed", .name = v->name },
                                      .proxy = kp_feed_text(v->settings, "proxy"),
                                      .ca = kp_feed_text(v->settings, "ca"),
                                      .certificate = kp_feed_text(v->settings, "certificate"),
                                      .user = kp_feed_text(v->settings, "user"),
                                      .key = kp_feed_text(v->secrets, "key"),
                                      .password = kp_feed_text(v->secrets, "password"),
                                      .token = kp_feed_text(v->secrets, "token"),
                                      .home = v->url,
                                      .stopping = v->stopping,
                                      .arg = v->arg };
}
