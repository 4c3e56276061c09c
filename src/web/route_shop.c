/* SPDX-License-Identifier: Apache-2.0 */
/* The shop floor: calendar, key figures, stops, parts, energy, free capacity. */
#include "flex/drop.h"
#include "net/json_memory.h"
#include "web/body.h"
#include "web/routes.h"

#include "core/ban.h"

enum { ASSETS_MAX = 100 };
#define DAY   (86400 * KP_SECOND)
#define WAITS (5 * KP_SECOND)

static struct kp_shop *shop(const struct kp_request *r)
{
    return kp_node_shop(r->node);
}

/* ---- documents ---- */
static enum kp_code show_document(struct kp_request *r, enum kp_shop_document which,
                                  struct kp_err *err)
{
    kp_reply_json(r);
    return kp_shop_document(shop(r), which, &r->reply.body, err);
}

static enum kp_code put_document(struct kp_request *r, enum kp_shop_document which,
                                 struct kp_err *err)
{
    json_t *body = kp_body_object(r->body, r->body_len, NULL, err);
    char *text = body ? kp_json_dump(body, JSON_COMPACT | JSON_REAL_PRECISION(15)) : NULL;
    if (body && !text)
        kp_fail(err, KP_ENOMEM, "out of memory");
    if (text && !kp_shop_put_document(shop(r), which, text, err))
        show_document(r, which, err);
    kp_free(text);
    json_decref(body);
    return err->code;
}

enum kp_code kp_route_calendar(struct kp_request *r, struct kp_err *err)
{
    return show_document(r, KP_SHOP_CALENDAR, err);
}

enum kp_code kp_route_calendar_put(struct kp_request *r, struct kp_err *err)
{
    return put_document(r, KP_SHOP_CALENDAR, err);
}

enum kp_code kp_route_shop(struct kp_request *r, struct kp_err *err)
{
    return show_document(r, KP_SHOP_SETTINGS, err);
}

enum kp_code kp_route_shop_put(struct kp_request *r, struct kp_err *err)
{
    return put_document(r, KP_SHOP_SETTINGS, err);
}

enum kp_code kp_route_folders(struct kp_request *r, struct kp_err *err)
{
    return show_document(r, KP_SHOP_FOLDERS, err);
}

enum kp_code kp_route_folders_put(struct kp_request *r, struct kp_err *err)
{
    return put_document(r, KP_SHOP_FOLDERS, err);
}

enum kp_code kp_route_folder_log(struct kp_request *r, struct kp_err *err)
{
    const struct kp_inbox_query q = { .folder = kp_arg_text(r, "folder"),
                                      .limit = (size_t)kp_arg_int(r, "limit"),
                                      .after = kp_arg_int(r, "after") };
    struct kp_json j = kp_reply_json(r);
    return kp_inbox_log(shop(r), &q, &j, err);
}

enum kp_code kp_route_folder_seen(struct kp_request *r, struct kp_err *err)
{
    int64_t id;
    if (!kp_name_number(r, "a file in the log", &id, err) &&
        !kp_inbox_acknowledge(shop(r), id, err))
        kp_reply_id(r, id, 200);
    return err->code;
}

enum kp_code kp_route_folder_check(struct kp_request *r, struct kp_err *err)
{
    if (!r->body_len)
        return kp_fail(err, KP_EINVALID, "the body is the file; there is none");
    struct kp_json j = kp_reply_json(r);
    return kp_inbox_try(shop(r), r->name, r->body, r->body_len, &j, err);
}

/* ---- questions ---- */
/* `ahead`: how far a question reaches that says nothing; negative: into the past. */
static void read_times(struct kp_request *r, struct kp_shop_query *q, int64_t ahead)
{
    const struct kp_arg *from = kp_arg_get(r, "from"), *to = kp_arg_get(r, "to");
    q->to = to->given ? to->number : ahead > 0 ? r->now + ahead : r->now;
    q->from = from->given ? from->number : ahead > 0 ? r->now : q->to + ahead;
}

static enum kp_code read_assets(struct kp_request *r, struct kp_shop_query *q, const char **assets,
                                struct kp_err *err)
{
    size_t pos = 0;
    const char *asset;
    q->assets = assets;
    q->now = r->now;
    q->recipient = r->to;
    while ((asset = kp_query_next(&r->query, "asset", &pos))) {
        if (q->n_assets == ASSETS_MAX)
            return kp_fail(err, KP_EINVALID, "asset: more than %d patterns", ASSETS_MAX);
        assets[q->n_assets++] = asset;
    }
    if (!q->n_assets)
        assets[q->n_assets++] = "";
    return KP_OK;
}

/* So long a question waits for days that are not summed up yet. */
static struct kp_shop_patience patience(const struct kp_request *r)
{
    const struct kp_clock *clock = kp_hub_clock(kp_node_hub(r->node));
    return (struct kp_shop_patience){ .until = kp_mono(clock) + WAITS };
}

static enum kp_code answer_oee(struct kp_request *r, bool energy, struct kp_err *err)
{
    const struct kp_arg *every = kp_arg_get(r, "every");
    const char *assets[ASSETS_MAX];
    struct kp_shop_patience p = patience(r);
    struct kp_shop_query q = { .energy = energy, .patience = &p };
    if (every->given)
        q.every = (enum kp_shop_every)(KP_EVERY_SHIFT + every->number);
    if (read_assets(r, &q, assets, err))
        return err->code;
    read_times(r, &q, -DAY);
    struct kp_json j = kp_reply_json(r);
    return kp_shop_oee(shop(r), &q, &j, err);
}

enum kp_code kp_route_oee(struct kp_request *r, struct kp_err *err)
{
    return answer_oee(r, false, err);
}

enum kp_code kp_route_energy(struct kp_request *r, struct kp_err *err)
{
    return answer_oee(r, true, err);
}

enum kp_code kp_route_stops(struct kp_request *r, struct kp_err *err)
{
    const char *assets[ASSETS_MAX];
    struct kp_shop_patience p = patience(r);
    struct kp_stops_query q = { .of = { .patience = &p },
                                .reason = kp_arg_text(r, "reason"),
                                .limit = (size_t)kp_arg_int(r, "limit") };
    if (read_assets(r, &q.of, assets, err))
        return err->code;
    read_times(r, &q.of, -DAY);
    struct kp_json j = kp_reply_json(r);
    return kp_shop_stops(shop(r), &q, &j, err);
}

enum kp_code kp_route_calendar_planned(struct kp_request *r, struct kp_err *err)
{
    const char *assets[ASSETS_MAX];
    struct kp_shop_query q = { 0 };
    if (read_assets(r, &q, assets, err))
        return err->code;
    read_times(r, &q, 7 * DAY);
    struct kp_json j = kp_reply_json(r);
    return kp_shop_planned(shop(r), &q, &j, err);
}

enum kp_code kp_route_capacity(struct kp_request *r, struct kp_err *err)
{
    const char *assets[ASSETS_MAX];
    struct kp_shop_patience p = patience(r);
    struct kp_shop_query q = { .patience = &p };
    if (read_assets(r, &q, assets, err))
        return err->code;
    q.from = r->now;
    q.to = r->now + DAY;
    struct kp_json j = kp_reply_json(r);
    return kp_shop_capacity(shop(r), &q, (int)kp_arg_int(r, "weeks"), &j, err);
}

/* ---- what people say ---- */
/* null takes back, as "" does. */
static enum kp_code read_word(const json_t *body, const char *key, const char **out,
                              struct kp_err *err)
{
    if (kp_body_text(body, key, false, out, err) || *out || !json_object_get(body, key))
        return err->code;
    *out = "";
    return KP_OK;
}

enum kp_code kp_route_stop_put(struct kp_request *r, struct kp_err *err)
{
    static const char *const known[] = { "reason", "state", "comment", NULL };
    struct kp_stop_note n = { .who = r->who.user };
    int64_t id;
    if (kp_name_number(r, "a stop", &id, err))
        return err->code;
    json_t *body = kp_body_object(r->body, r->body_len, known, err);
    if (body && !read_word(body, "reason", &n.reason, err) &&
        !read_word(body, "state", &n.state, err) && !read_word(body, "comment", &n.comment, err) &&
        !kp_shop_note_stop(shop(r), id, &n, err))
        kp_reply_id(r, id, 200);
    json_decref(body);
    return err->code;
}

static enum kp_code read_parts(struct kp_request *r, const json_t *body, struct kp_hand_parts *p,
                               struct kp_err *err)
{
    const char *at;
    if (kp_body_text(body, "asset", true, &p->asset, err) ||
        kp_body_text(body, "program", false, &p->program, err) ||
        kp_body_text(body, "comment", false, &p->comment, err) ||
        kp_body_text(body, "at", false, &at, err) ||
        kp_body_int(body, "good", -1000000, 1000000, 0, &p->good, err) ||
        kp_body_int(body, "scrap", -1000000, 1000000, 0, &p->scrap, err))
        return err->code;
    p->at = r->now;
    if (at && !kp_time_parse(at, &p->at))
        return kp_fail(err, KP_EINVALID, "at: '%.60s' is not a time such as 2026-11-24T18:00:00Z",
                       at);
    return KP_OK;
}

enum kp_code kp_route_parts(struct kp_request *r, struct kp_err *err)
{
    static const char *const known[] = {
        "asset", "at", "good", "scrap", "program", "comment", NULL
    };
    struct kp_hand_parts p = { .who = r->who.user };
    int64_t id;
    json_t *body = kp_body_object(r->body, r->body_len, known, err);
    if (body && !read_parts(r, body, &p, err) && !kp_shop_parts(shop(r), &p, &id, err))
        kp_reply_id(r, id, 201);
    json_decref(body);
    return err->code;
}
