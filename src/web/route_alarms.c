/* SPDX-License-Identifier: Apache-2.0 */
/* Alarms and their rules. */
#include "alarm/delivery.h"
#include "web/body.h"
#include "web/routes.h"
#include "net/json_memory.h"

#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

const char *const kp_alarm_which_words[] = { "open",    "active",     "unacknowledged",
                                             "shelved", "suppressed", "all",
                                             NULL };

static struct kp_alarms *alarms(struct kp_request *r)
{
    return kp_node_alarms(r->node);
}

static struct kp_model *model(struct kp_request *r)
{
    return kp_hub_model(kp_node_hub(r->node));
}

/* ---- the list ---- */
struct listing {
    struct kp_request *r;
    struct kp_json j;
    const char *asset;
    size_t left;
    bool more;
};

static bool put_alarm(void *arg, const struct kp_alarm *a)
{
    struct listing *l = arg;
    char path[KP_PATH_MAX] = "";
    kp_model_lock(model(l->r));
    if (a->asset && kp_model_asset(model(l->r), a->asset))
        kp_model_asset_path(model(l->r), a->asset, path, sizeof path);
    bool wanted = kp_alarm_may_go(model(l->r), l->r->to, a) &&
                  (!l->asset || kp_pattern_match(l->asset, path));
    l->more = wanted && !l->left;
    if (wanted && l->left) {
        l->left--;
        kp_alarm_json(&l->j, model(l->r), a);
    }
    kp_model_unlock(model(l->r));
    return !l->more && !l->r->gone && !l->r->reply.body.failed;
}

static void put_counts(struct kp_json *j, struct kp_alarms *e)
{
    struct kp_alarm_counts n = kp_alarms_count(e);
    kp_json_begin(j, '{');
    kp_json_put_int(j, "unacknowledged", (int64_t)n.unacknowledged);
    kp_json_put_int(j, "active", (int64_t)n.active);
    kp_json_put_int(j, "shelved", (int64_t)n.shelved);
    kp_json_end(j, '}');
}

enum kp_code kp_route_alarms(struct kp_request *r, struct kp_err *err)
{
    const struct kp_arg *which = kp_arg_get(r, "state");
    struct kp_alarm_filter f = { .which = which->given ? (enum kp_alarm_which)which->number
                                                       : KP_WHICH_OPEN,
                                 .from = kp_arg_int(r, "from"),
                                 .to = kp_arg_int(r, "to"),
                                 .after = kp_arg_int(r, "after") };
    if (kp_alarms_flush(alarms(r), err))
        return err->code;
    struct kp_db *db = kp_store_reader(kp_node_store(r->node), err);
    if (!db)
        return err->code;
    struct listing l = { .r = r,
                         .j = kp_reply_json(r),
                         .asset = kp_arg_text(r, "asset"),
                         .left = (size_t)kp_arg_int(r, "limit") };
    kp_json_begin(&l.j, '{');
    kp_json_key(&l.j, "alarms");
    kp_json_begin(&l.j, '[');
    kp_alarms_list(db, &f, put_alarm, &l, err);
    kp_store_reader_done(kp_node_store(r->node), db);
    kp_json_end(&l.j, ']');
    kp_json_key(&l.j, "counts");
    put_counts(&l.j, alarms(r));
    kp_json_put_bool(&l.j, "more", l.more);
    kp_json_end(&l.j, '}');
    return err->code;
}

/* ---- what people do ---- */
/* As it is in the file; to whom it may not go there is none. */
static enum kp_code get_alarm(struct kp_request *r, int64_t id, struct kp_alarm *out,
                              struct kp_err *err)
{
    struct kp_db *db =
        kp_alarms_flush(alarms(r), err) ? NULL : kp_store_reader(kp_node_store(r->node), err);
    if (!db)
        return err->code;
    kp_alarms_get(db, id, out, err);
    kp_store_reader_done(kp_node_store(r->node), db);
    if (err->code)
        return err->code;
    kp_model_lock(model(r));
    bool may = kp_alarm_may_go(model(r), r->to, out);
    kp_model_unlock(model(r));
    return may ? KP_OK : kp_fail(err, KP_ENOTFOUND, "there is no alarm %lld", (long long)id);
}

enum kp_code kp_route_alarm(struct kp_request *r, struct kp_err *err)
{
    int64_t id;
    struct kp_alarm now;
    if (kp_name_number(r, "an alarm", &id, err) || get_alarm(r, id, &now, err))
        return err->code;
    struct kp_json j = kp_reply_json(r);
    kp_model_lock(model(r));
    kp_alarm_json(&j, model(r), &now);
    kp_model_unlock(model(r));
    return KP_OK;
}

static enum kp_code act(struct kp_request *r, struct kp_alarm_act *a, struct kp_err *err)
{
    int64_t id;
    struct kp_alarm now;
    a->user = r->who.user;
    if (kp_name_number(r, "an alarm", &id, err) || get_alarm(r, id, &now, err) ||
        kp_alarms_act(alarms(r), id, a, err))
        return err->code;
    return kp_route_alarm(r, err);
}

enum kp_code kp_route_alarm_acknowledge(struct kp_request *r, struct kp_err *err)
{
    static const char *const known[] = { "comment", NULL };
    struct kp_alarm_act a = { .event = KP_ALARM_ACKNOWLEDGE };
    json_t *body =
        kp_body_object(r->body_len ? r->body : "{}", r->body_len ? r->body_len : 2, known, err);
    if (body && !kp_body_text(body, "comment", false, &a.comment, err))
        act(r, &a, err);
    json_decref(body);
    return err->code;
}

static enum kp_code read_until(struct kp_request *r, const json_t *body, int64_t *until,
                               struct kp_err *err)
{
    const char *duration, *time;
    int64_t ns;
    if (kp_body_text(body, "for", false, &duration, err) ||
        kp_body_text(body, "until", false, &time, err))
        return err->code;
    if (!duration == !time)
        return kp_fail(err, KP_EINVALID,
                       "for how long? give either for (8h) or until (2026-11-24T18:00:00Z)");
    if (duration && (!kp_duration_parse(duration, &ns) || ns <= 0 || ns > INT64_MAX / 4))
        return kp_fail(err, KP_EINVALID, "for: '%.40s' is not a time such as 30m or 8h", duration);
    if (time && !kp_time_parse(time, until))
        return kp_fail(err, KP_EINVALID,
                       "until: '%.60s' is not a time such as 2026-11-24T18:00:00Z", time);
    if (duration)
        *until = r->now + ns;
    return KP_OK;
}

enum kp_code kp_route_alarm_shelve(struct kp_request *r, struct kp_err *err)
{
    static const char *const known[] = { "for", "until", "reason", NULL };
    struct kp_alarm_act a = { .event = KP_ALARM_SHELVE };
    json_t *body = kp_body_object(r->body, r->body_len, known, err);
    if (body && !read_until(r, body, &a.until, err) &&
        !kp_body_text(body, "reason", true, &a.comment, err))
        act(r, &a, err);
    json_decref(body);
    return err->code;
}

static enum kp_code act_plainly(struct kp_request *r, enum kp_alarm_event event, struct kp_err *err)
{
    struct kp_alarm_act a = { .event = event };
    return act(r, &a, err);
}

enum kp_code kp_route_alarm_unshelve(struct kp_request *r, struct kp_err *err)
{
    return act_plainly(r, KP_ALARM_UNSHELVE, err);
}

enum kp_code kp_route_alarm_suppress(struct kp_request *r, struct kp_err *err)
{
    return act_plainly(r, KP_ALARM_SUPPRESS, err);
}

enum kp_code kp_route_alarm_unsuppress(struct kp_request *r, struct kp_err *err)
{
    return act_plainly(r, KP_ALARM_UNSUPPRESS, err);
}

/* ---- rules ---- */
static bool put_rule(void *arg, const struct kp_alarm_rule *rule)
{
    kp_alarm_rule_json(arg, rule);
    return true;
}

enum kp_code kp_route_alarm_rules(struct kp_request *r, struct kp_err *err)
{
    struct kp_json j = kp_reply_json(r);
    kp_json_begin(&j, '{');
    kp_json_key(&j, "rules");
    kp_json_begin(&j, '[');
    kp_alarms_rules(alarms(r), NULL, put_rule, &j, err);
    kp_json_end(&j, ']');
    kp_json_end(&j, '}');
    return err->code;
}

enum kp_code kp_route_alarm_rule(struct kp_request *r, struct kp_err *err)
{
    struct kp_json j = kp_reply_json(r);
    return kp_alarms_rules(alarms(r), r->name, put_rule, &j, err);
}

/* Checks and takes the rule, and answers with it. */
static enum kp_code take_rule(struct kp_request *r, json_t *body, bool new, struct kp_err *err)
{
    struct kp_alarm_rule rule;
    char *text = kp_json_dump(body, JSON_COMPACT);
    if (!text)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    if (!kp_alarm_rule_parse(text, &rule, err) && !kp_alarms_put_rule(alarms(r), &rule, new, err)) {
        struct kp_json j = kp_reply_json(r);
        kp_alarm_rule_json(&j, &rule);
        r->reply.status = new ? 201 : 200;
    }
    kp_free(text);
    return err->code;
}

enum kp_code kp_route_alarm_rule_make(struct kp_request *r, struct kp_err *err)
{
    json_t *body = kp_body_object(r->body, r->body_len, NULL, err);
    if (body)
        take_rule(r, body, true, err);
    json_decref(body);
    return err->code;
}

static bool print_rule(void *arg, const struct kp_alarm_rule *rule)
{
    struct kp_json j = kp_json(arg);
    kp_alarm_rule_json(&j, rule);
    return true;
}

enum kp_code kp_route_alarm_rule_change(struct kp_request *r, struct kp_err *err)
{
    struct kp_buf text;
    kp_buf_init(&text, 16 << 10);
    json_t *body = kp_body_object(r->body, r->body_len, NULL, err), *old = NULL;
    if (body && json_object_get(body, "name"))
        kp_fail(err, KP_EINVALID, "name: a rule keeps its name; make another and remove this one");
    if (!err->code && !kp_alarms_rules(alarms(r), r->name, print_rule, &text, err)) {
        old = kp_json_load(kp_buf_text(&text), text.len, 0, NULL);
        if (!old || json_object_update(old, body))
            kp_fail(err, KP_ENOMEM, "out of memory");
        else
            take_rule(r, old, false, err);
    }
    json_decref(old);
    json_decref(body);
    kp_buf_free(&text);
    return err->code;
}

enum kp_code kp_route_alarm_rule_remove(struct kp_request *r, struct kp_err *err)
{
    if (!kp_alarms_remove_rule(alarms(r), r->name, err))
        r->reply.status = 204;
    return err->code;
}

/* ---- delivery ---- */
enum kp_code kp_route_alarm_delivery(struct kp_request *r, struct kp_err *err)
{
    kp_reply_json(r);
    return kp_alarms_delivery(alarms(r), &r->reply.body, err);
}

enum kp_code kp_route_alarm_delivery_put(struct kp_request *r, struct kp_err *err)
{
    json_t *body = kp_body_object(r->body, r->body_len, NULL, err);
    char *text = body ? kp_json_dump(body, JSON_COMPACT) : NULL;
    if (body && !text)
        kp_fail(err, KP_ENOMEM, "out of memory");
    if (text && !kp_alarms_put_delivery(alarms(r), text, err))
        kp_route_alarm_delivery(r, err);
    kp_free(text);
    json_decref(body);
    return err->code;
}

enum kp_code kp_route_alarm_delivery_test(struct kp_request *r, struct kp_err *err)
{
    static const char *const known[] = { "channel", NULL };
    const char *channel;
    json_t *body = kp_body_object(r->body, r->body_len, known, err);
    if (body && !kp_body_text(body, "channel", true, &channel, err) &&
        !kp_alarms_test_channel(alarms(r), channel, err))
        r->reply.status = 204;
    json_decref(body);
    return err->code;
}

static bool put_delivered(void *arg, const struct kp_delivered *d)
{
    struct kp_json *j = arg;
    kp_json_begin(j, '{');
    kp_json_put_int(j, "id", d->id);
    kp_json_put_int(j, "alarm", d->alarm);
    kp_json_put_text(j, "person", d->person);
    kp_json_put_int(j, "step", d->step);
    kp_json_put_time(j, "due", d->due);
    kp_json_put_int(j, "tries", d->tries);
    kp_json_put_text(j, "state", d->state);
    kp_json_put_text(j, "error", d->error);
    kp_json_put_time(j, "done", d->done);
    kp_json_end(j, '}');
    return true;
}

enum kp_code kp_route_alarm_delivery_log(struct kp_request *r, struct kp_err *err)
{
    struct kp_db *db = kp_store_reader(kp_node_store(r->node), err);
    if (!db)
        return err->code;
    struct kp_json j = kp_reply_json(r);
    kp_json_begin(&j, '{');
    kp_json_key(&j, "messages");
    kp_json_begin(&j, '[');
    kp_alarms_delivered(db, (size_t)kp_arg_int(r, "limit"), put_delivered, &j, err);
    kp_store_reader_done(kp_node_store(r->node), db);
    kp_json_end(&j, ']');
    kp_json_end(&j, '}');
    return err->code;
}
