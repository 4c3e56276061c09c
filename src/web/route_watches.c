/* SPDX-License-Identifier: Apache-2.0 */
/* Watches, their posts, why they say what they say, and what people say of that. */
#include "net/json_memory.h"
#include "watch/watches.h"
#include "web/body.h"
#include "web/routes.h"

#include <string.h>

#include "core/ban.h"

const char *const kp_post_state_words[] = { "learning", "active", "frozen", "stale", "alarm", NULL };

static struct kp_watches *watches(struct kp_request *r)
{
    return kp_node_watches(r->node);
}

/* ---- definitions ---- */
struct names {
    struct kp_arena *arena;
    const char *list[KP_WATCHES_MAX];
    size_t n;
};

static bool keep_name(void *arg, const struct kp_watch_def *def)
{
    struct names *names = arg;
    const char *name = names->n < KP_WATCHES_MAX ? kp_arena_strdup(names->arena, def->name) : NULL;
    if (name)
        names->list[names->n++] = name;
    return name;
}

enum kp_code kp_route_watches(struct kp_request *r, struct kp_err *err)
{
    struct names names = { .arena = &r->arena };
    struct kp_watches_sum sum = kp_watches_sum(watches(r));
    if (kp_watches_each(watches(r), NULL, keep_name, &names, err))
        return err->code;
    struct kp_json j = kp_reply_json(r);
    kp_json_begin(&j, '{');
    kp_json_key(&j, "watches");
    kp_json_begin(&j, '[');
    for (size_t i = 0; i < names.n; i++) /* one that has gone meanwhile is left out */
        kp_watches_json(watches(r), r->to, names.list[i], &j, NULL);
    kp_json_end(&j, ']');
    kp_json_put_int(&j, "seen", (int64_t)sum.seen);
    kp_json_put_int(&j, "lost", (int64_t)sum.lost);
    kp_json_put_bool(&j, "behind", sum.behind);
    kp_json_end(&j, '}');
    return KP_OK;
}

enum kp_code kp_route_watch(struct kp_request *r, struct kp_err *err)
{
    struct kp_json j = kp_reply_json(r);
    if (kp_watches_each(watches(r), r->name, keep_name, &(struct names){ .arena = &r->arena }, err))
        return err->code; /* which names the nearest */
    return kp_watches_json(watches(r), r->to, r->name, &j, err);
}

/* Checks and takes it, and answers with it. */
static enum kp_code take_watch(struct kp_request *r, const json_t *body, bool new, struct kp_err *err)
{
    struct kp_watch_def def;
    char *text = kp_json_dump(body, JSON_COMPACT);
    if (!text)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    if (!kp_watch_def_parse(text, &def, err) && !kp_watches_put(watches(r), &def, new, err)) {
        struct kp_json j = kp_reply_json(r);
        if (!kp_watches_json(watches(r), r->to, def.name, &j, err))
            r->reply.status = new ? 201 : 200;
    }
    kp_free(text);
    return err->code;
}

enum kp_code kp_route_watch_make(struct kp_request *r, struct kp_err *err)
{
    json_t *body = kp_body_object(r->body, r->body_len, NULL, err);
    if (body)
        take_watch(r, body, true, err);
    json_decref(body);
    return err->code;
}

static bool print_watch(void *arg, const struct kp_watch_def *def)
{
    struct kp_json j = kp_json(arg);
    kp_json_begin(&j, '{');
    kp_watch_def_put(&j, def);
    kp_json_end(&j, '}');
    return true;
}

enum kp_code kp_route_watch_change(struct kp_request *r, struct kp_err *err)
{
    struct kp_buf text;
    kp_buf_init(&text, 16 << 10);
    json_t *body = kp_body_object(r->body, r->body_len, NULL, err), *old = NULL;
    if (body && (json_object_get(body, "name") || json_object_get(body, "kind")))
        kp_fail(err, KP_EINVALID, "a watch keeps its name and its kind; make another and remove this one");
    if (!err->code && !kp_watches_each(watches(r), r->name, print_watch, &text, err)) {
        old = kp_json_load(kp_buf_text(&text), text.len, 0, NULL);
        if (!old || json_object_update(old, body))
            kp_fail(err, KP_ENOMEM, "out of memory");
        else
            take_watch(r, old, false, err);
    }
    json_decref(old);
    json_decref(body);
    kp_buf_free(&text);
    return err->code;
}

enum kp_code kp_route_watch_remove(struct kp_request *r, struct kp_err *err)
{
    if (!kp_watches_remove(watches(r), r->name, err))
        r->reply.status = 204;
    return err->code;
}

static bool is_gone(void *arg)
{
    const struct kp_request *r = arg;
    return atomic_load(&r->gone);
}

enum kp_code kp_route_watch_replay(struct kp_request *r, struct kp_err *err)
{
    struct kp_watch_def def;
    int64_t from = kp_arg_int(r, "from"), to = kp_arg_int(r, "to");
    json_t *body = kp_body_object(r->body, r->body_len, NULL, err);
    char *text = body ? kp_json_dump(body, JSON_COMPACT) : NULL;
    if (body && !text)
        kp_fail(err, KP_ENOMEM, "out of memory");
    if (from == KP_NO_TIME)
        from = r->now - 30 * INT64_C(86400) * KP_SECOND;
    to = to == KP_NO_TIME ? r->now : to;
    if (!err->code && from >= to)
        kp_fail(err, KP_EINVALID, "from must be before to");
    if (!err->code && !kp_watch_def_parse(text, &def, err)) {
        struct kp_json j = kp_reply_json(r);
        kp_watches_look_back(watches(r), r->to, &def, from, to, is_gone, r, &j, err);
    }
    kp_free(text);
    json_decref(body);
    return err->code;
}

/* ---- posts ---- */
enum kp_code kp_route_posts(struct kp_request *r, struct kp_err *err)
{
    const struct kp_arg *state = kp_arg_get(r, "state");
    struct kp_posts_query q = { .to = r->to,
                                .watch = kp_arg_text(r, "watch"),
                                .about = kp_arg_text(r, "about"),
                                .signal = kp_arg_text(r, "signal"),
                                .state = state->given ? kp_post_state_words[state->number] : NULL,
                                .after = kp_arg_int(r, "after"),
                                .limit = (size_t)kp_arg_int(r, "limit") };
    struct kp_json j = kp_reply_json(r);
    bool more = false;
    kp_json_begin(&j, '{');
    kp_json_key(&j, "posts");
    kp_json_begin(&j, '[');
    kp_watches_posts(watches(r), &q, &j, &more, err);
    kp_json_end(&j, ']');
    kp_json_put_bool(&j, "more", more);
    kp_json_end(&j, '}');
    return err->code;
}

enum kp_code kp_route_post(struct kp_request *r, struct kp_err *err)
{
    int64_t id;
    if (kp_name_number(r, "a post", &id, err))
        return err->code;
    struct kp_json j = kp_reply_json(r);
    return kp_watches_why(watches(r), r->to, id, &j, err);
}

enum kp_code kp_route_post_score(struct kp_request *r, struct kp_err *err)
{
    int64_t id, from = kp_arg_int(r, "from"), to = kp_arg_int(r, "to");
    if (kp_name_number(r, "a post", &id, err))
        return err->code;
    struct kp_json j = kp_reply_json(r);
    return kp_watches_course(watches(r), r->to, id, from, to == KP_NO_TIME ? KP_FOREVER : to, &j, err);
}

enum kp_code kp_route_post_feedback(struct kp_request *r, struct kp_err *err)
{
    int64_t id;
    if (kp_name_number(r, "a post", &id, err))
        return err->code;
    struct kp_json j = kp_reply_json(r);
    return kp_watches_feedback_json(watches(r), r->to, id, &j, err);
}

enum kp_code kp_route_post_say(struct kp_request *r, struct kp_err *err)
{
    static const char *const known[] = { "verdict", "comment", NULL };
    const char *verdict = NULL, *comment = NULL;
    int64_t id;
    json_t *body = kp_body_object(r->body, r->body_len, known, err);
    if (body && !kp_name_number(r, "a post", &id, err) && !kp_body_text(body, "verdict", true, &verdict, err) &&
        !kp_body_text(body, "comment", false, &comment, err)) {
        bool normal = strcmp(verdict, kp_watch_verdicts[0]) == 0;
        if (!normal && strcmp(verdict, kp_watch_verdicts[1]) != 0)
            kp_fail(err, KP_EINVALID, "verdict: '%.40s' is neither normal nor fault", verdict);
        else if (!kp_watches_feedback(watches(r), r->to, id, normal, r->who.user, comment, err))
            kp_route_post(r, err);
    }
    json_decref(body);
    return err->code;
}
