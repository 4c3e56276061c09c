/* SPDX-License-Identifier: Apache-2.0 */
/* With a map: a row is a route from places in messages to a signal. A topic is matched once, when
 * it is first seen; from then on it is found by name. */
#include "couplings/mqtt/mqtt_private.h"

#include "core/hash.h"
#include "core/json.h"
#include "core/log.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/ban.h"

enum { TOPIC = KP_MAP_COMMON, FIELD, TIME, RETAINED, SET_TOPIC };
enum { WIDE_MAX = 1000 }; /* filters with wildcards that others are compared with */
static const char *const columns[] = { "topic", "field", "time", "retained", "set-topic", NULL };

/* ---- reading ---- */
static bool writable_field(const struct kp_json_path *path)
{
    for (size_t i = 0; i < path->n; i++)
        if (!path->step[i].key)
            return false;
    return true;
}

static enum kp_code read_retained(const char *word, struct mqtt_route *r, struct kp_err *err)
{
    r->skip_retained = word && strcasecmp(word, "skip") == 0;
    if (word && !r->skip_retained && strcasecmp(word, "take") != 0)
        return kp_fail(err, KP_EPARSE, "retained: '%.40s' is neither take nor skip", word);
    return KP_OK;
}

static enum kp_code read_set_topic(struct mqtt_route *r, struct kp_err *err)
{
    if (!r->set_topic)
        return KP_OK;
    if (strpbrk(r->set_topic, "+#"))
        return kp_fail(err, KP_EPARSE, "set-topic: a value goes to one topic, without + and #");
    if (kp_topic_template_check(r->set_topic, kp_topic_wildcards(r->filter), err))
        return kp_context(err, "set-topic");
    if (!writable_field(&r->field))
        return kp_fail(err, KP_EPARSE, "set-topic: a value cannot be written into a list ('%.60s')",
                       r->field_text);
    return KP_OK;
}

static enum kp_code read_route(struct mqtt_routes *t, const struct kp_map_row *row,
                               struct mqtt_route *r, struct kp_err *err)
{
    const char *time = row->cell[TIME];
    *r = (struct mqtt_route){ .row = row,
                              .filter = row->cell[TOPIC],
                              .path = row->cell[KP_MAP_PATH],
                              .field_text = row->cell[FIELD] ? row->cell[FIELD] : "",
                              .set_topic = row->cell[SET_TOPIC],
                              .has_time = time };
    r->scaled = kp_map_scale(row, &r->scale, &r->offset);
    if (!kp_topic_filter_valid(r->filter))
        return kp_fail(err, KP_EPARSE,
                       "topic: '%.100s' is not a topic such as plant/+/temperature or plant/#",
                       r->filter);
    if (!kp_payload_type_parse(row->cell[KP_MAP_TYPE], &r->type))
        return kp_fail(err, KP_EPARSE, "type: '%.40s' is none of number, integer, bool, text, json",
                       row->cell[KP_MAP_TYPE]);
    if (r->scaled && r->type != KP_AS_IT_COMES && r->type != KP_AS_NUMBER &&
        r->type != KP_AS_INTEGER)
        return kp_fail(err, KP_EPARSE, "scale and offset are for numbers");
    if (r->scaled && (r->scale == 0 || r->type == KP_AS_IT_COMES))
        r->type = KP_AS_NUMBER;
    if (kp_json_path_parse(&r->field, &t->text, r->field_text, err))
        return kp_context(err, "field");
    if (kp_json_path_parse(&r->time, &t->text, time ? time : "", err))
        return kp_context(err, "time");
    if (kp_topic_template_check(r->path, kp_topic_wildcards(r->filter), err))
        return kp_context(err, "path");
    return read_retained(row->cell[RETAINED], r, err) ? err->code : read_set_topic(r, err);
}

static bool covers(const char *wide, const char *filter)
{
    size_t len = strlen(filter), wide_len = strlen(wide);
    bool open = len && filter[len - 1] == '#', wide_open = wide_len && wide[wide_len - 1] == '#';
    return (wide_open || !open) && kp_topic_match(wide, filter, NULL);
}

/* Each once, and none that another one asks for too: brokers may send such a message twice. */
static enum kp_code list_filters(struct mqtt_routes *t, struct kp_err *err)
{
    struct kp_names seen = { 0 };
    t->filters = kp_arena_alloc(&t->text, (t->n + 1) * sizeof *t->filters);
    bool whole = t->filters;
    for (size_t i = 0; whole && i < t->n; i++)
        if (kp_names_find(&seen, t->list[i].filter) < 0) {
            whole = kp_names_put(&seen, t->list[i].filter, 0);
            t->filters[t->n_filters++] = t->list[i].filter;
        }
    kp_names_free(&seen);
    const char **wide = kp_arena_alloc(&t->text, WIDE_MAX * sizeof *wide);
    size_t n = 0, n_wide = 0;
    whole = whole && wide;
    for (size_t i = 0; whole && i < t->n_filters && n_wide < WIDE_MAX; i++)
        if (kp_topic_wildcards(t->filters[i]))
            wide[n_wide++] = t->filters[i];
    for (size_t i = 0; whole && i < t->n_filters; i++) {
        bool covered = false;
        for (size_t k = 0; k < n_wide && !covered; k++)
            covered = wide[k] != t->filters[i] && covers(wide[k], t->filters[i]);
        if (!covered)
            t->filters[n++] = t->filters[i];
    }
    t->n_filters = n;
    return whole ? KP_OK : kp_fail(err, KP_ENOMEM, "out of memory");
}

static enum kp_code no_twins(struct mqtt_routes *t, struct kp_err *err)
{
    struct kp_names seen = { 0 };
    char key[MQTT_SOURCE_MAX];
    for (size_t i = 0; i < t->n && !err->code; i++) {
        const struct mqtt_route *r = &t->list[i];
        if (snprintf(key, sizeof key, "%s#%s", r->filter, r->field_text) >= (int)sizeof key)
            kp_fail(err, KP_EPARSE, "topic and field together are longer than %d bytes",
                    MQTT_SOURCE_MAX);
        int32_t other = kp_names_find(&seen, key);
        if (other >= 0)
            kp_fail(err, KP_EPARSE, "the same topic and field as in line %" PRIu64,
                    t->list[other].row->line);
        if (!err->code && !kp_names_put(&seen, key, (int32_t)i))
            kp_fail(err, KP_ENOMEM, "out of memory");
        if (err->code)
            kp_map_context(r->row, err);
    }
    kp_names_free(&seen);
    return err->code;
}

enum kp_code mqtt_routes_read(struct mqtt_routes *t, const char *map, struct kp_err *err)
{
    static const struct kp_map_form form = { .columns = columns, .needed = 1 };
    if (kp_map_read(&t->map, &form, map, err))
        return err->code;
    t->list = kp_alloc((t->map.n + 1) * sizeof *t->list);
    if (!t->list)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    for (; t->n < t->map.n; t->n++)
        if (read_route(t, &t->map.rows[t->n], &t->list[t->n], err))
            return kp_map_context(&t->map.rows[t->n], err);
    return no_twins(t, err) ? err->code : list_filters(t, err);
}

void mqtt_routes_free(struct mqtt_routes *t)
{
    kp_map_free(&t->map);
    kp_names_free(&t->names);
    kp_free(t->list);
    kp_free(t->topics);
    kp_free(t->bounds);
    kp_arena_free(&t->text);
    *t = (struct mqtt_routes){ 0 };
}

/* ---- topics ---- */
static void leave_out(struct mqtt *m, const char *topic, const char *why)
{
    m->routes.full = true;
    kp_warn("mqtt", "topic left out", "coupling=%s topic=%s why=%s",
            kp_log_quote(kp_coupling_name(m->c)), kp_log_quote(topic), why);
}

/* False only when out of memory. */
static bool bind_route(struct mqtt *m, uint32_t index, const char *topic,
                       const struct kp_topic_match *match)
{
    struct mqtt_routes *t = &m->routes;
    const struct mqtt_route *r = &t->list[index];
    char path[KP_PATH_MAX], source[MQTT_SOURCE_MAX], set[MQTT_SOURCE_MAX] = "";
    int n = snprintf(source, sizeof source, "%s%s%s", topic, r->field.n ? "#" : "", r->field_text);
    if (n < 0 || n >= (int)sizeof source || !kp_topic_path(r->path, match, path, sizeof path) ||
        (r->set_topic && !kp_topic_fill(r->set_topic, match, set, sizeof set))) {
        leave_out(m, topic, "its names are too long");
        return true;
    }
    if (!kp_grow(&t->bounds, &t->bounds_room, t->n_bounds + 1, sizeof *t->bounds))
        return false;
    struct mqtt_bound *b = &t->bounds[t->n_bounds++];
    *b = (struct mqtt_bound){ .route = index,
                              .path = kp_arena_strdup(&t->text, path),
                              .source = kp_arena_strdup(&t->text, source),
                              .set_topic = r->set_topic ? kp_arena_strdup(&t->text, set) : NULL,
                              .type = kp_payload_declared(r->type),
                              .undeclared = true };
    t->undeclared++;
    return b->path && b->source && (!r->set_topic || b->set_topic);
}

static enum kp_code add_topic(struct mqtt *m, const char *topic, struct kp_err *err)
{
    struct mqtt_routes *t = &m->routes;
    struct kp_topic_match match;
    if (t->n_topics >= MQTT_TOPICS_MAX || t->n_bounds >= MQTT_SIGNALS_MAX) {
        leave_out(m, topic, "too many");
        return KP_OK;
    }
    struct mqtt_topic one = { .first = (uint32_t)t->n_bounds };
    bool whole = true;
    for (uint32_t i = 0; i < t->n && whole; i++)
        if (kp_topic_match(t->list[i].filter, topic, &match))
            whole = bind_route(m, i, topic, &match);
    one.n = (uint32_t)t->n_bounds - one.first;
    if (!whole || !kp_grow(&t->topics, &t->topics_room, t->n_topics + 1, sizeof *t->topics) ||
        !kp_names_put(&t->names, topic, (int32_t)t->n_topics))
        return kp_fail(err, KP_ENOMEM, "out of memory");
    t->topics[t->n_topics++] = one;
    return KP_OK;
}

static void describe(struct mqtt_routes *t, const struct mqtt_bound *b, struct kp_declare *d,
                     struct kp_err *err)
{
    const struct mqtt_route *r = &t->list[b->route];
    *d = (struct kp_declare){ .path = b->path, .asset_kind = KP_FOLDER };
    kp_map_info(&t->map, r->row, &d->info, err);
    d->info.type = b->type;
    d->info.stored = true;
    d->info.source = b->source;
}

/* Makes signals of routes newly bound, and says the type of those that show it only now. */
static enum kp_code declare_new(struct mqtt *m, struct kp_err *err)
{
    struct mqtt_routes *t = &m->routes;
    struct kp_declare *list = t->undeclared ? kp_alloc(t->undeclared * sizeof *list) : NULL;
    struct kp_err local = { 0 };
    size_t n = 0;
    if (!t->undeclared)
        return KP_OK;
    if (!list)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    for (size_t i = 0; i < t->n_bounds && n < t->undeclared && !local.code; i++)
        if (t->bounds[i].undeclared)
            describe(t, &t->bounds[i], &list[n++], &local);
    if (!local.code)
        kp_coupling_declare(m->c, list, n, &local);
    for (size_t i = 0, k = 0; i < t->n_bounds && k < n; i++)
        if (t->bounds[i].undeclared) {
            t->bounds[i].undeclared = false;
            t->bounds[i].id = list[k++].id;
        }
    t->undeclared = 0;
    kp_free(list);
    if (local.code == KP_ENOMEM || local.code == KP_ESTOPPED)
        return kp_fail(err, local.code, "%s", local.text);
    if (local.code) /* no place for any of them: the others go on */
        kp_warn("mqtt", "signals left out", "coupling=%s why=%s",
                kp_log_quote(kp_coupling_name(m->c)), kp_log_quote(local.text));
    return KP_OK;
}

static bool asked_for(const struct mqtt_routes *t, const char *topic)
{
    for (size_t i = 0; *topic && i < t->n_filters; i++)
        if (kp_topic_match(t->filters[i], topic, NULL))
            return true;
    return false;
}

/* Topics that need no message to be known: those without wildcards, and those of our signals. */
enum kp_code mqtt_routes_open(struct mqtt *m, struct kp_err *err)
{
    struct mqtt_routes *t = &m->routes;
    struct kp_arena arena = { 0 };
    struct kp_known *known;
    if (mqtt_routes_read(t, m->set->map, err))
        return err->code;
    for (size_t i = 0; i < t->n && !err->code; i++)
        if (!kp_topic_wildcards(t->list[i].filter) &&
            kp_names_find(&t->names, t->list[i].filter) < 0)
            add_topic(m, t->list[i].filter, err);
    size_t n = kp_coupling_signals(m->c, &arena, &known);
    if (!known)
        kp_fail(err, KP_ENOMEM, "out of memory");
    for (size_t i = 0; i < n && !err->code; i++) {
        char topic[MQTT_SOURCE_MAX];
        snprintf(topic, sizeof topic, "%.*s", (int)strcspn(known[i].source, "#"), known[i].source);
        if (asked_for(t, topic) && kp_names_find(&t->names, topic) < 0)
            add_topic(m, topic, err);
    }
    kp_arena_free(&arena);
    return err->code ? err->code : declare_new(m, err);
}

/* ---- messages ---- */
static void scale(const struct mqtt_route *r, struct kp_value *v)
{
    double d;
    if (r->scaled && kp_value_number(v, &d))
        *v = kp_double(d * r->scale + r->offset);
}

static enum kp_code report(struct mqtt *m, struct mqtt_bound *b, const struct kp_mqtt_message *msg,
                           json_t *doc, struct kp_err *err)
{
    const struct mqtt_route *r = &m->routes.list[b->route];
    struct kp_sample s = { .signal = b->id, .at = msg->at };
    struct kp_err why = { 0 };
    json_t *place = doc ? kp_json_path_get(doc, &r->field) : NULL;
    if (!b->id || (msg->retained && r->skip_retained) || (r->field.n && !place))
        return KP_OK; /* a message need not have every field */
    bool timed = r->has_time && kp_payload_time(kp_json_path_get(doc, &r->time), &s.at);
    kp_arena_reset(&m->value);
    if (place && (r->field.n || r->has_time)
            ? kp_payload_value(place, r->type, &m->value, &s.value, &why)
            : kp_payload_whole(msg->payload, msg->len, r->type, &m->value, &s.value, &why)) {
        mqtt_unread(m, msg->topic, &why);
        return KP_OK;
    }
    scale(r, &s.value);
    if (b->type == KP_NULL && s.value.type != KP_NULL) {
        b->type = s.value.type;
        b->undeclared = true;
        m->routes.undeclared++;
    }
    s.status = s.value.type == KP_NULL   ? KP_BAD_NO_DATA
               : msg->retained && !timed ? KP_UNCERTAIN_LAST_USABLE
                                         : KP_GOOD;
    return kp_coupling_report(m->c, &s, err);
}

/* What the broker kept and we had already, which it sends at each subscription. */
static bool again(struct mqtt_topic *t, const struct kp_mqtt_message *msg)
{
    uint64_t h = kp_hash(KP_HASH_START, msg->payload, msg->len) | 1;
    bool same = msg->retained && t->last == h;
    t->last = h;
    return same;
}

static enum kp_code take_message(struct mqtt *m, const struct kp_mqtt_message *msg,
                                 struct kp_err *err)
{
    struct mqtt_routes *t = &m->routes;
    int32_t index = kp_names_find(&t->names, msg->topic);
    if (index < 0 || again(&t->topics[index], msg))
        return KP_OK;
    const struct mqtt_topic *topic = &t->topics[index];
    struct mqtt_bound *b = &t->bounds[topic->first];
    struct kp_err why = { 0 };
    json_t *doc = NULL;
    bool json = false;
    for (uint32_t i = 0; i < topic->n; i++)
        json = json || t->list[b[i].route].field.n || t->list[b[i].route].has_time;
    if (json && !(doc = kp_payload_json(msg->payload, msg->len, &why)))
        mqtt_unread(m, msg->topic, &why);
    enum kp_code code = KP_OK;
    for (uint32_t i = 0; i < topic->n && !code; i++)
        code = report(m, &b[i], msg, doc, err);
    json_decref(doc);
    return code;
}

enum kp_code mqtt_routes_take(struct mqtt *m, const struct kp_mqtt_message *list, size_t n,
                              struct kp_err *err)
{
    for (size_t i = 0; i < n; i++) {
        size_t before = m->routes.n_bounds;
        bool known = kp_names_find(&m->routes.names, list[i].topic) >= 0;
        if (!known && add_topic(m, list[i].topic, err))
            return err->code;
        if (!known && m->routes.n_bounds == before && !m->routes.full &&
            kp_mqtt_forget_session(&m->link, list[i].topic, err))
            return err->code;
    }
    if (declare_new(m, err))
        return err->code;
    for (size_t i = 0; i < n; i++)
        if (take_message(m, &list[i], err))
            return err->code;
    return declare_new(m, err);
}

/* ---- writing ---- */
static void put_value(struct kp_json *j, const struct kp_value *v)
{
    if (v->type == KP_DOUBLE && trunc(v->d) == v->d && fabs(v->d) < 0x1p53)
        kp_json_int(j, (int64_t)v->d);
    else
        kp_json_value(j, v);
}

static void put_payload(struct kp_buf *out, const struct mqtt_route *r, const struct kp_value *v)
{
    struct kp_json j = kp_json(out);
    if (!r->field.n && v->type == KP_STRING) {
        kp_buf_add(out, v->data, v->len);
        return;
    }
    for (size_t i = 0; i < r->field.n; i++) {
        kp_json_begin(&j, '{');
        kp_json_key(&j, r->field.step[i].key);
    }
    put_value(&j, v);
    for (size_t i = 0; i < r->field.n; i++)
        kp_json_end(&j, '}');
}

enum kp_code mqtt_routes_write(struct mqtt *m, const struct kp_sample *s, struct kp_err *err)
{
    const struct mqtt_routes *t = &m->routes;
    const struct mqtt_bound *b = NULL;
    struct kp_value v = s->value;
    struct kp_buf payload;
    double d;
    for (size_t i = 0; i < t->n_bounds && !b; i++)
        if (t->bounds[i].id == s->signal)
            b = &t->bounds[i];
    if (!b || !b->set_topic)
        return kp_fail(err, KP_EINVALID, "the map says no set-topic for this signal");
    const struct mqtt_route *r = &t->list[b->route];
    if (r->scaled && kp_value_number(&v, &d))
        v = kp_double((d - r->offset) / r->scale);
    if (kp_type_indirect(v.type) && v.type != KP_STRING)
        return kp_fail(err, KP_EINVALID, "only numbers, texts and bools can be published");
    kp_buf_init(&payload, 1 << 20);
    put_payload(&payload, r, &v);
    if (payload.failed)
        kp_fail(err, KP_ENOMEM, "out of memory, or more than a megabyte");
    else
        kp_mqtt_publish(&m->link,
                        &(struct kp_mqtt_publication){ .topic = b->set_topic,
                                                       .payload = kp_buf_text(&payload),
                                                       .len = payload.len },
                        err);
    kp_buf_free(&payload);
    return err->code;
}
