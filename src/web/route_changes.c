/* SPDX-License-Identifier: Apache-2.0 */
/* All that is stored, in the order it was stored, for programs that must not miss anything. */
#include "store/position.h"
#include "web/body.h"
#include "web/routes.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

static struct kp_store *store(struct kp_request *r)
{
    return kp_node_store(r->node);
}

static void put_position(struct kp_json *j, const char *key, uint64_t position)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, position);
    kp_json_put_text(j, key, text);
}

static enum kp_code read_position(const char *text, uint64_t *out, struct kp_err *err)
{
    char *end;
    errno = 0;
    *out = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || errno)
        return kp_fail(err, KP_EINVALID, "'%.40s' is not a position: give the 'position' of an earlier reply", text);
    return KP_OK;
}

/* ---- reading ---- */

struct changes {
    struct kp_request *r;
    struct kp_json j;
};

static bool put_change(void *arg, const struct kp_sample *s, int64_t committed, bool historic)
{
    struct changes *c = arg;
    struct kp_model *model = kp_hub_model(kp_node_hub(c->r->node));
    char path[KP_PATH_MAX] = "";
    kp_model_lock(model);
    bool may = kp_gate_kept(model, c->r->to, s->signal);
    if (kp_model_signal(model, s->signal))
        kp_model_signal_path(model, s->signal, path, sizeof path);
    kp_model_unlock(model);
    if (!may)
        return !c->r->gone;
    kp_json_begin(&c->j, '{');
    kp_json_put_int(&c->j, "id", s->signal);
    kp_json_put_text(&c->j, "path", *path ? path : NULL); /* null: removed since */
    kp_json_put_time(&c->j, "time", s->at);
    kp_json_key(&c->j, "value");
    kp_json_value(&c->j, &s->value);
    kp_json_put_int(&c->j, "status", s->status);
    kp_json_put_time(&c->j, "stored", committed);
    kp_json_put_bool(&c->j, "historic", historic);
    kp_json_end(&c->j, '}');
    return !c->r->gone && !c->r->reply.body.failed;
}

/* Where to begin: after a position, or where a consumer is. */
static enum kp_code find_start(struct kp_request *r, struct kp_db *db, const struct kp_position *now, uint64_t *after,
                               struct kp_err *err)
{
    const char *text = kp_arg_text(r, "after"), *consumer = kp_arg_text(r, "consumer");
    if (!text == !consumer)
        return kp_fail(err, KP_EINVALID, "give after=POSITION (or after=now), or consumer=NAME");
    if (consumer)
        return kp_position_get(db, consumer, after, err);
    *after = now->newest;
    return strcmp(text, "now") == 0 ? KP_OK : read_position(text, after, err);
}

static enum kp_code put_changes(struct kp_request *r, struct kp_db *db, struct kp_err *err)
{
    struct kp_position now;
    uint64_t after, upto;
    if (kp_position_now(db, &now, err) || find_start(r, db, &now, &after, err))
        return err->code;
    struct changes c = { .r = r, .j = kp_reply_json(r) };
    kp_json_begin(&c.j, '{');
    kp_json_key(&c.j, "values");
    kp_json_begin(&c.j, '[');
    kp_position_read(db, after, (size_t)kp_arg_int(r, "limit"), &upto, put_change, &c, err);
    kp_json_end(&c.j, ']');
    put_position(&c.j, "position", upto);
    kp_json_put_bool(&c.j, "more", upto < now.newest);
    kp_json_end(&c.j, '}');
    return err->code;
}

enum kp_code kp_route_changes(struct kp_request *r, struct kp_err *err)
{
    struct kp_err failure = { 0 };
    struct kp_db *db = kp_store_reader(store(r), &failure);
    if (db)
        put_changes(r, db, &failure);
    kp_store_reader_done(store(r), db);
    if (failure.code != KP_EREFUSED)
        return failure.code ? kp_fail(err, failure.code, "%s", failure.text) : KP_OK;
    kp_reply_error(r, 410, "gone", "%s", failure.text);
    return KP_OK;
}

/* ---- consumers ---- */

struct consumers {
    struct kp_json j;
    uint64_t newest, oldest;
};

static bool put_consumer(void *arg, const char *name, uint64_t position, int64_t updated)
{
    struct consumers *c = arg;
    kp_json_begin(&c->j, '{');
    kp_json_put_text(&c->j, "name", name);
    put_position(&c->j, "position", position);
    kp_json_put_int(&c->j, "behind", (int64_t)(c->newest > position ? c->newest - position : 0));
    kp_json_put_bool(&c->j, "lost", position < c->oldest);
    kp_json_put_time(&c->j, "updated", updated);
    kp_json_end(&c->j, '}');
    return true;
}

enum kp_code kp_route_consumers(struct kp_request *r, struct kp_err *err)
{
    struct kp_position now;
    struct kp_db *db = kp_store_reader(store(r), err);
    if (!db)
        return err->code;
    if (!kp_position_now(db, &now, err)) {
        struct consumers c = { .j = kp_reply_json(r), .newest = now.newest, .oldest = now.oldest };
        kp_json_begin(&c.j, '{');
        put_position(&c.j, "newest", now.newest);
        put_position(&c.j, "oldest", now.oldest);
        kp_json_key(&c.j, "consumers");
        kp_json_begin(&c.j, '[');
        kp_position_list(db, put_consumer, &c, err);
        kp_json_end(&c.j, ']');
        kp_json_end(&c.j, '}');
    }
    kp_store_reader_done(store(r), db);
    return err->code;
}

/* Without a position: from now on. */
enum kp_code kp_route_consumer_put(struct kp_request *r, struct kp_err *err)
{
    static const char *const known[] = { "position", NULL };
    struct kp_position now = { 0 };
    json_t *body = kp_body_object(r->body, r->body_len, known, err);
    const char *text;
    uint64_t position = 0;
    struct kp_db *db = body ? kp_store_reader(store(r), err) : NULL;
    if (db && !kp_position_now(db, &now, err) && !kp_body_text(body, "position", false, &text, err)) {
        position = now.newest;
        if (!text || !read_position(text, &position, err))
            kp_position_put(store(r), r->name, position, err);
    }
    kp_store_reader_done(store(r), db);
    json_decref(body);
    if (err->code)
        return err->code;
    struct kp_json j = kp_reply_json(r);
    kp_json_begin(&j, '{');
    kp_json_put_text(&j, "name", r->name);
    put_position(&j, "position", position);
    kp_json_end(&j, '}');
    return KP_OK;
}

enum kp_code kp_route_consumer_remove(struct kp_request *r, struct kp_err *err)
{
    if (!kp_position_remove(store(r), r->name, err))
        r->reply.status = 204;
    return err->code;
}
