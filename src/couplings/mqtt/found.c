/* SPDX-License-Identifier: Apache-2.0 */
/* Without a map: every scalar of every message is listed by topic and place, and becomes a signal
 * while there is room. Values not yet listed wait, for listing them one by one would be slow. */
#include "couplings/mqtt/mqtt_private.h"

#include "core/log.h"
#include "couplings/offer.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { HELD_MAX = 5000, HELD_BYTES = 4 << 20, FILTERS_MAX = 64 };

/* ---- filters ---- */
enum kp_code mqtt_found_filters(struct mqtt_found *f, const char *topics, struct kp_err *err)
{
    if (!topics || !topics[strspn(topics, " ")])
        topics = "#";
    if (snprintf(f->topics, sizeof f->topics, "%s", topics) >= (int)sizeof f->topics)
        return kp_fail(err, KP_EINVALID, "topics: more than %zu bytes", sizeof f->topics - 1);
    f->n_filters = 0;
    for (char *p = f->topics; *(p += strspn(p, " "));) {
        size_t len = strcspn(p, " ");
        bool last = !p[len];
        p[len] = 0;
        if (f->n_filters == FILTERS_MAX)
            return kp_fail(err, KP_EINVALID, "topics: more than %d", FILTERS_MAX);
        if (!kp_topic_filter_valid(p))
            return kp_fail(err, KP_EINVALID,
                           "topics: '%.100s' is not a topic such as plant/+/state or plant/#", p);
        f->filters[f->n_filters++] = p;
        p += len + !last;
    }
    return KP_OK;
}

/* ---- values ---- */
/* "a.b[0]" below a topic as a path: a/b/0, each a valid name. */
static bool value_path(const char *topic, const char *place, char *out, size_t size)
{
    struct kp_topic_match match = { .part[0] = { topic, strlen(topic) }, .n = 1 };
    struct kp_arena arena = { 0 };
    struct kp_json_path steps;
    bool whole =
        kp_topic_path("{1}", &match, out, size) && !kp_json_path_parse(&steps, &arena, place, NULL);
    for (size_t i = 0; whole && i < steps.n; i++) {
        char name[KP_NAME_MAX], number[24];
        size_t len = strlen(out);
        snprintf(number, sizeof number, "%zu", steps.step[i].index);
        const char *key = steps.step[i].key ? steps.step[i].key : number;
        kp_name_clean(name, sizeof name, key, strlen(key));
        int n = snprintf(out + len, size - len, "/%s", name);
        whole = n > 0 && (size_t)n < size - len;
    }
    kp_arena_free(&arena);
    return whole && kp_path_valid(out);
}

static struct mqtt_value *add_value(struct mqtt_found *f, const char *source, const char *path,
                                    const char *type)
{
    if (!kp_grow(&f->list, &f->room, f->n + 1, sizeof *f->list))
        return NULL;
    struct mqtt_value v = { .path = kp_arena_strdup(&f->text, path), .type = type };
    v.source = kp_names_put(&f->names, source, (int32_t)f->n);
    if (!v.path || !v.source)
        return NULL;
    f->list[f->n] = v;
    return &f->list[f->n++];
}

/* ---- what is known from earlier ---- */
struct remembering {
    struct mqtt_found *f;
    bool failed;
};

static bool remember(void *arg, const struct kp_catalogue_node *node)
{
    struct remembering *r = arg;
    uint8_t type = KP_NULL;
    kp_type_parse(node->type, &type);
    if (r->f->n >= MQTT_FOUND_MAX || kp_names_find(&r->f->names, node->source) >= 0)
        return true;
    struct mqtt_value *v = add_value(r->f, node->source, node->path, kp_type_name(type));
    r->failed = !v;
    if (v)
        v->listed = true;
    return v;
}

static bool known_path(const char *source, char path[KP_PATH_MAX])
{
    char topic[MQTT_SOURCE_MAX];
    size_t n = strcspn(source, "#");
    if (!n || n >= sizeof topic)
        return false;
    memcpy(topic, source, n);
    topic[n] = 0;
    return value_path(topic, source[n] ? source + n + 1 : "", path, KP_PATH_MAX);
}

static enum kp_code take_known(struct mqtt *m, struct kp_err *err)
{
    char path[KP_PATH_MAX];
    struct kp_arena arena = { 0 };
    struct kp_known *known;
    size_t n = kp_coupling_signals(m->c, &arena, &known);
    if (!known)
        kp_fail(err, KP_ENOMEM, "out of memory");
    for (size_t i = 0; i < n && !err->code; i++) {
        int32_t at = kp_names_find(&m->found.names, known[i].source);
        struct mqtt_value *v = at >= 0 ? &m->found.list[at] : NULL;
        if (!v && !known_path(known[i].source, path)) /* of another protocol, or by hand */
            continue;
        if (!v) /* in no catalogue: a map was in use before */
            v = add_value(&m->found, known[i].source, path, kp_type_name(known[i].type));
        if (!v) {
            kp_fail(err, KP_ENOMEM, "out of memory");
            break;
        }
        v->id = known[i].id;
        v->listed = true;
        m->found.subscribed++;
    }
    kp_arena_free(&arena);
    return err->code;
}

enum kp_code mqtt_found_open(struct mqtt *m, struct kp_err *err)
{
    struct remembering r = { .f = &m->found };
    if (mqtt_found_filters(&m->found, m->set->topics, err) ||
        kp_catalogue_list(kp_coupling_context(m->c), kp_coupling_id(m->c), "", "", SIZE_MAX,
                          remember, &r, err))
        return err->code;
    if (r.failed)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    return take_known(m, err);
}

void mqtt_found_free(struct mqtt_found *f)
{
    kp_names_free(&f->names);
    kp_free(f->list);
    kp_free(f->held);
    kp_arena_free(&f->text);
    kp_arena_free(&f->held_text);
    *f = (struct mqtt_found){ 0 };
}

/* ---- messages ---- */
struct message {
    struct mqtt *m;
    const struct kp_mqtt_message *msg;
    struct kp_err *err;
    bool waits; /* some value is not listed yet */
};

static bool source_of(const struct message *x, const char *place, char source[MQTT_SOURCE_MAX])
{
    int n = snprintf(source, MQTT_SOURCE_MAX, "%s%s%s", x->msg->topic, *place ? "#" : "", place);
    return n > 0 && n < MQTT_SOURCE_MAX;
}

static bool meet(struct message *x, const char *place, uint8_t type)
{
    struct mqtt_found *f = &x->m->found;
    char source[MQTT_SOURCE_MAX], path[KP_PATH_MAX];
    if (!source_of(x, place, source))
        return true;
    int32_t at = kp_names_find(&f->names, source);
    if (at >= 0) {
        x->waits = x->waits || !f->list[at].listed;
        return true;
    }
    if (f->n >= MQTT_FOUND_MAX || !value_path(x->msg->topic, place, path, sizeof path)) {
        f->full = f->full || f->n >= MQTT_FOUND_MAX;
        return true;
    }
    x->waits = true;
    f->due = true;
    if (!add_value(f, source, path, kp_type_name(type)))
        kp_fail(x->err, KP_ENOMEM, "out of memory");
    return !x->err->code;
}

static bool report(struct message *x, const char *place, struct kp_value *v)
{
    char source[MQTT_SOURCE_MAX];
    int32_t at = source_of(x, place, source) ? kp_names_find(&x->m->found.names, source) : -1;
    if (at < 0 || !x->m->found.list[at].id)
        return true;
    return !kp_coupling_report(x->m->c,
                               &(struct kp_sample){ .signal = x->m->found.list[at].id,
                                                    .at = x->msg->at,
                                                    .status = v->type == KP_NULL ? KP_BAD_NO_DATA
                                                              : x->msg->retained
                                                                  ? KP_UNCERTAIN_LAST_USABLE
                                                                  : KP_GOOD,
                                                    .value = *v },
                               x->err);
}

static bool leaf_value(struct message *x, json_t *j, struct kp_value *v)
{
    kp_arena_reset(&x->m->value);
    return !kp_payload_value(j, KP_AS_IT_COMES, &x->m->value, v, x->err);
}

static bool meet_leaf(void *arg, const char *place, json_t *j)
{
    struct kp_value v;
    return leaf_value(arg, j, &v) && meet(arg, place, v.type);
}

static bool report_leaf(void *arg, const char *place, json_t *j)
{
    struct kp_value v;
    return leaf_value(arg, j, &v) && report(arg, place, &v);
}

static enum kp_code hold(struct mqtt_found *f, const struct kp_mqtt_message *msg,
                         struct kp_err *err)
{
    struct kp_mqtt_message copy = *msg;
    copy.topic = kp_arena_strdup(&f->held_text, msg->topic);
    copy.payload = kp_arena_copy(&f->held_text, msg->payload, msg->len + 1);
    if (!copy.topic || !copy.payload ||
        !kp_grow(&f->held, &f->held_room, f->n_held + 1, sizeof *f->held))
        return kp_fail(err, KP_ENOMEM, "out of memory");
    f->held[f->n_held++] = copy;
    f->held_bytes += msg->len;
    return KP_OK;
}

/* A structure that cannot be read is text like any other. */
static json_t *structure(struct message *x)
{
    const char *p = x->msg->payload + strspn(x->msg->payload, " \t\r\n");
    struct kp_err why = { 0 };
    json_t *doc =
        *p == '{' || *p == '[' ? kp_payload_json(x->msg->payload, x->msg->len, &why) : NULL;
    if (why.code)
        mqtt_unread(x->m, x->msg->topic, &why);
    return doc;
}

static enum kp_code take_message(struct mqtt *m, const struct kp_mqtt_message *msg, bool may_hold,
                                 struct kp_err *err)
{
    struct message x = { .m = m, .msg = msg, .err = err };
    struct kp_value v;
    json_t *doc = structure(&x);
    if (doc)
        kp_payload_leaves(doc, meet_leaf, &x);
    kp_arena_reset(&m->value);
    if (!doc && !kp_payload_whole(msg->payload, msg->len, KP_AS_IT_COMES, &m->value, &v, err))
        meet(&x, "", v.type);
    if (!err->code && x.waits && may_hold)
        hold(&m->found, msg, err);
    else if (!err->code && doc)
        kp_payload_leaves(doc, report_leaf, &x);
    else if (!err->code)
        report(&x, "", &v);
    json_decref(doc);
    return err->code;
}

enum kp_code mqtt_found_take(struct mqtt *m, const struct kp_mqtt_message *list, size_t n,
                             struct kp_err *err)
{
    for (size_t i = 0; i < n; i++) {
        bool ours = false;
        for (size_t k = 0; k < m->found.n_filters && !ours; k++)
            ours = kp_topic_match(m->found.filters[k], list[i].topic, NULL);
        if (!ours && kp_mqtt_forget_session(&m->link, list[i].topic, err))
            return err->code;
        if (ours && take_message(m, &list[i], true, err))
            return err->code;
    }
    return KP_OK;
}

/* ---- listing ---- */
static enum kp_code list_all(struct mqtt *m, struct kp_err *err)
{
    struct mqtt_found *f = &m->found;
    struct kp_offer *offers = kp_alloc((f->n + 1) * sizeof *offers);
    struct kp_offer_result result;
    if (!offers)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    for (size_t i = 0; i < f->n; i++) {
        offers[i] = (struct kp_offer){ .path = f->list[i].path,
                                       .info.source = f->list[i].source,
                                       .access = KP_CAN_READ };
        kp_type_parse(f->list[i].type, &offers[i].info.type);
    }
    struct kp_profile_peer peer = { .protocol = "mqtt" };
    if (!kp_offer_publish(m->c, &peer, offers, f->n, false, &result, err)) {
        for (size_t i = 0; i < f->n; i++) {
            f->list[i].id = offers[i].id;
            f->list[i].listed = true;
        }
        f->subscribed = result.subscribed;
        f->left = result.unasked_left;
    }
    kp_free(offers);
    return err->code;
}

enum kp_code mqtt_found_turn(struct mqtt *m, struct kp_err *err)
{
    struct mqtt_found *f = &m->found;
    int64_t now = kp_coupling_mono(m->c);
    bool crowded = f->n_held >= HELD_MAX || f->held_bytes >= HELD_BYTES;
    if (!f->due || (!crowded && now < f->not_before))
        return KP_OK;
    if (list_all(m, err))
        return err->code;
    for (size_t i = 0; i < f->n_held; i++)
        if (take_message(m, &f->held[i], false, err))
            return err->code;
    f->due = false;
    f->n_held = f->held_bytes = 0;
    kp_arena_reset(&f->held_text);
    int64_t end = kp_coupling_mono(m->c);
    f->not_before = end + 20 * (end - now); /* a twentieth of the time is enough */
    return KP_OK;
}
