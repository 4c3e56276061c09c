/* SPDX-License-Identifier: Apache-2.0 */
/* Feeds as people see them. */
#include "net/json_memory.h"
#include "shield/feed_keep.h"
#include "shield/keep.h"

#include "core/ban.h"

/* Which there are, never what they are. */
static enum kp_code put_secrets(struct kp_shield *s, int64_t id, struct kp_json *j,
                                struct kp_err *err)
{
    const char *key;
    json_t *value, *o = feed_secrets(s->store, id, err);
    kp_json_key(j, "secrets");
    kp_json_begin(j, '[');
    json_object_foreach(o, key, value) kp_json_text(j, key);
    kp_json_end(j, ']');
    json_decref(o);
    return err->code;
}

/* Of a feed of advisories; it grows while it is pulled. */
static enum kp_code put_documents(struct kp_shield *s, int64_t id, struct kp_json *j,
                                  struct kp_err *err)
{
    int64_t n = 0;
    struct kp_db *db = kp_store_reader(s->store, err);
    struct kp_stmt *st = db ? kp_db_prepare(db, "select count(*) from feed_document where feed = ?"
                                                " and state in (0, 1, 2)", err)
                            : NULL;
    if (st) {
        kp_bind_int(st, 1, id);
        n = kp_step(st, err) ? kp_column_int(st, 0) : 0;
        kp_reset(st);
    }
    kp_store_reader_done(s->store, db);
    kp_json_put_int(j, "documents", n);
    return err->code;
}

static enum kp_code put_feed(struct kp_shield *s, const struct feed_row *f, struct kp_json *j,
                             struct kp_err *err)
{
    char every[40];
    char *settings = kp_json_dump(f->settings, JSON_COMPACT);
    kp_duration_exact(f->every, every, sizeof every);
    kp_json_begin(j, '{');
    kp_json_put_int(j, "id", f->id);
    kp_json_put_text(j, "name", f->name);
    kp_json_put_text(j, "kind", f->kind);
    kp_json_put_text(j, "url", f->url);
    kp_json_put_text(j, "every", every);
    kp_json_put_bool(j, "enabled", f->enabled);
    kp_json_put_bool(j, "running", feeds_running(s->feeds, f->id));
    kp_json_put_time(j, "next", f->enabled && f->next ? f->next : KP_NO_TIME);
    kp_json_put_time(j, "pulled", f->pulled ? f->pulled : KP_NO_TIME);
    kp_json_put_text(j, "fault", f->fault);
    kp_json_put_text(j, "note", f->note);
    kp_json_put_int(j, "tries", f->tries);
    kp_json_put_int(j, "taken", f->taken);
    kp_json_put_int(j, "refused", f->refused);
    put_documents(s, f->id, j, err);
    kp_json_key(j, "settings");
    kp_json_raw(j, settings);
    put_secrets(s, f->id, j, err);
    kp_json_end(j, '}');
    if (!settings)
        kp_fail(err, KP_ENOMEM, "out of memory");
    kp_free(settings);
    return err->code;
}

static enum kp_code put_all(struct kp_shield *s, struct kp_db *db, struct kp_json *j,
                            struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    struct kp_stmt *st = kp_db_prepare(db, "select " FEED_COLUMNS " from feed order by name", err);
    kp_json_begin(j, '{');
    kp_json_key(j, "feeds");
    kp_json_begin(j, '[');
    while (st && kp_step(st, err)) {
        struct feed_row f;
        if (!feed_row_read(st, &arena, &f, err))
            put_feed(s, &f, j, err);
        feed_row_free(&f);
        kp_arena_reset(&arena);
        if (err->code)
            break;
    }
    if (st)
        kp_reset(st);
    kp_json_end(j, ']');
    kp_json_end(j, '}');
    kp_arena_free(&arena);
    return err->code;
}

enum kp_code kp_feeds_show(struct kp_shield *s, const char *name, struct kp_json *j,
                           struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    struct feed_row f = { 0 };
    if (name && !feed_find(s, name, &arena, &f, err))
        put_feed(s, &f, j, err);
    feed_row_free(&f);
    kp_arena_free(&arena);
    struct kp_db *db = name || err->code ? NULL : kp_store_reader(s->store, err);
    if (db)
        put_all(s, db, j, err);
    kp_store_reader_done(s->store, db);
    return err->code;
}
