/* SPDX-License-Identifier: Apache-2.0 */
/* The class: topics to signals, by a map or as they come. */
#include "couplings/mqtt/mqtt.h"

#include "core/log.h"
#include "couplings/map.h"
#include "couplings/mqtt/link.h"
#include "couplings/mqtt/payload.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/ban.h"

enum { TOPIC = KP_MAP_COMMON, FIELD, TIME, SET_TOPIC };
enum { TOPICS_MAX = 64, FLAT_DEPTH = 6, FLAT_MAX = 200, WAIT_MS = 200 };
static const char *const columns[] = { "topic", "field", "time", "set-topic", NULL };
static const struct kp_map_form form = { columns, 1 };
static const struct {
    const char *name;
    uint8_t type;
} types[] = { { "number", KP_DOUBLE }, { "int", KP_INT64 }, { "bool", KP_BOOL }, { "text", KP_STRING }, { "json", KP_STRING } };

struct settings {
    struct mqtt_settings link;
    char *map, *topics;
    int64_t signals_max;
};

/* A signal made of a topic and a field; in order of name. */
struct entry {
    char *name; /* topic, a space, field */
    kp_signal id;
    uint8_t type;                   /* KP_NULL: as the first value is */
    const struct kp_map_row *row;   /* NULL without a map */
    int64_t received;               /* the receive time its last value was given */
};
struct mqtt {
    struct kp_coupling *c;
    const struct settings *set;
    struct mqtt_link link;
    struct kp_map map;
    struct entry *entries;
    size_t n, room;
    struct kp_arena scratch; /* of one message */
    int64_t now;             /* when the message in hand came, in whole milliseconds */
    uint64_t bad;            /* messages without use */
    bool full;
};

#define SETTING(member) offsetof(struct settings, member)
static const struct kp_option options[] = {
    { .name = "map", .type = KP_OPT_MAP, .offset = SETTING(map),
      .help = "CSV with the columns topic, path and perhaps field, type, time, unit, set-topic; without one all topics become signals" },
    { .name = "topics", .type = KP_OPT_TEXT, .offset = SETTING(topics), .standard = "#",
      .help = "without a map: filters of topics, parted by spaces" },
    { .name = "signals-max", .type = KP_OPT_INT, .offset = SETTING(signals_max), .standard = "1000", .min = 1,
      .max = KP_MAP_ROWS_MAX, .help = "signals at most; what comes beyond them is counted as lost" },
    MQTT_OPTIONS(SETTING(link)),
    { 0 },
};

/* ---- settings ---- */
static enum kp_code type_of(const struct kp_map_row *row, uint8_t *type, struct kp_err *err)
{
    const char *word = row->cell[KP_MAP_TYPE];
    *type = KP_NULL;
    for (size_t i = 0; word && i < sizeof types / sizeof *types; i++)
        if (strcasecmp(types[i].name, word) == 0) {
            *type = types[i].type;
            return KP_OK;
        }
    return word ? kp_fail(err, KP_EPARSE, "type: '%.60s' is none of number, int, bool, text and json", word) : KP_OK;
}

static enum kp_code check_row(const struct kp_map_row *row, struct kp_err *err)
{
    char path[KP_PATH_MAX];
    uint8_t type;
    struct mqtt_levels levels = { .n = MQTT_LEVELS_MAX };
    const char *field = row->cell[FIELD], *time = row->cell[TIME];
    for (size_t i = 0; i < MQTT_LEVELS_MAX; i++) {
        levels.level[i].at = "x";
        levels.level[i].len = 1;
    }
    if (!mqtt_filter_valid(row->cell[TOPIC]))
        return kp_fail(err, KP_EPARSE, "topic: '%.100s' is not a topic such as hall/+/temperature", row->cell[TOPIC]);
    if (!mqtt_path(row->cell[KP_MAP_PATH], &levels, path))
        return kp_fail(err, KP_EPARSE, "path: '%.100s' is no path", row->cell[KP_MAP_PATH]);
    if ((field && !mqtt_field_valid(field)) || (time && !mqtt_field_valid(time)))
        return kp_fail(err, KP_EPARSE, "%s: '%.100s' is not such as sensor.values[0]", field && !mqtt_field_valid(field) ? "field" : "time",
                       field && !mqtt_field_valid(field) ? field : time);
    if (row->cell[SET_TOPIC] && strpbrk(row->cell[SET_TOPIC], "+#"))
        return kp_fail(err, KP_EPARSE, "set-topic: a value goes to one topic, without + and #");
    return type_of(row, &type, err);
}

static enum kp_code check_rows(const struct kp_map *map, struct kp_err *err)
{
    for (size_t i = 0; i < map->n; i++)
        if (check_row(&map->rows[i], err))
            return kp_map_context(&map->rows[i], err);
    return KP_OK;
}

/* The filters of a text; they point into `text`, which is cut. */
static size_t split(char *text, const char *list[TOPICS_MAX])
{
    size_t n = 0;
    for (char *rest = text, *one; n < TOPICS_MAX && (one = strtok_r(rest, " \t\r\n", &rest));)
        list[n++] = one;
    return n;
}

static enum kp_code check(const char *url, const void *settings, struct kp_err *err)
{
    const struct settings *set = settings;
    struct kp_map map;
    const char *list[TOPICS_MAX];
    if (mqtt_link_check(url, &set->link, err))
        return err->code;
    if (set->map && *set->map) {
        if (!kp_map_read(&map, &form, set->map, err)) {
            check_rows(&map, err);
            kp_map_free(&map);
        }
        return err->code;
    }
    char *copy = kp_strdup(set->topics);
    if (!copy)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    for (size_t i = 0, n = split(copy, list); i < n && !err->code; i++)
        if (!mqtt_filter_valid(list[i]))
            kp_fail(err, KP_EINVALID, "topics: '%.100s' is not a topic such as hall/+/temperature", list[i]);
    kp_free(copy);
    return err->code;
}

/* ---- signals ---- */
static size_t place_of(const struct mqtt *m, const char *name)
{
    size_t low = 0, high = m->n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (strcmp(m->entries[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static enum kp_code declare(struct mqtt *m, const char *name, const char *path, struct entry *e, uint8_t type, struct kp_err *err)
{
    struct kp_declare d = { .path = path, .asset_kind = KP_FOLDER };
    d.info = (struct kp_signal_info){ .type = e->type ? e->type : type, .stored = true, .source = name };
    if (e->row && kp_map_info(&m->map, e->row, &d.info, err))
        return err->code;
    struct kp_err none = { 0 };
    kp_coupling_declare(m->c, &d, 1, &none); /* one that can have no place keeps no other away */
    if (none.code == KP_ENOMEM || none.code == KP_ESTOPPED)
        return kp_fail(err, none.code, "%s", none.text);
    e->id = d.id;
    return KP_OK;
}

/* The entry of a name, made when it is met for the first time; NULL with an error, or when there is no room. */
static struct entry *entry_of(struct mqtt *m, const char *name, const char *path, const struct kp_map_row *row, uint8_t type,
                              struct kp_err *err)
{
    size_t i = place_of(m, name);
    if (i < m->n && strcmp(m->entries[i].name, name) == 0)
        return &m->entries[i];
    if (m->n >= (size_t)m->set->signals_max) {
        m->full = true;
        kp_coupling_lost(m->c, 1);
        return NULL;
    }
    struct entry e = { .name = kp_strdup(name), .row = row };
    if (!e.name || !kp_grow(&m->entries, &m->room, m->n + 1, sizeof *m->entries))
        kp_fail(err, KP_ENOMEM, "out of memory");
    else if (row && type_of(row, &e.type, err))
        ;
    else if (!declare(m, name, path, &e, type, err)) {
        memmove(m->entries + i + 1, m->entries + i, (m->n++ - i) * sizeof *m->entries);
        m->entries[i] = e;
        return &m->entries[i];
    }
    kp_free(e.name);
    return NULL;
}

/* ---- messages ---- */
static void useless(struct mqtt *m, const char *topic, const char *why)
{
    if (!m->bad++ || m->bad % 1000 == 0)
        kp_warn("mqtt", "a message is of no use", "coupling=%s topic=%s why=%s so-far=%" PRIu64,
                kp_log_quote(kp_coupling_name(m->c)), kp_log_quote(topic), why, m->bad);
}

/* Two messages that came within one millisecond are two values: the later one is a microsecond later. */
static int64_t own_time(struct entry *e, int64_t now)
{
    bool same = now <= e->received && e->received - now < KP_MILLISECOND;
    e->received = same ? e->received + 1000 : now;
    return e->received;
}

/* `at` KP_NO_TIME: it came now. */
static enum kp_code report(struct mqtt *m, const char *topic, struct entry *e, struct kp_value v, int64_t at,
                           struct kp_err *err)
{
    double scale, offset;
    uint8_t type = e->type ? e->type : v.type == KP_INT64 || v.type == KP_UINT64 ? KP_DOUBLE : v.type;
    if (!e->id)
        return KP_OK;
    if (!mqtt_convert(type, &m->scratch, &v)) {
        useless(m, topic, "the value is not of the type that is expected");
        return KP_OK;
    }
    if (e->row && kp_map_scale(e->row, &scale, &offset) && v.type == KP_DOUBLE)
        v.d = v.d * scale + offset;
    if (at == KP_NO_TIME)
        at = own_time(e, m->now);
    struct kp_sample s = { e->id, v.type == KP_NULL ? KP_BAD : KP_GOOD, at, v };
    return kp_coupling_report(m->c, &s, err);
}

/* A message under one row of the map. */
static enum kp_code take_row(struct mqtt *m, const struct kp_map_row *row, const struct mosquitto_message *msg,
                             const struct mqtt_levels *levels, json_t *document, struct kp_err *err)
{
    const char *field = row->cell[FIELD] ? row->cell[FIELD] : "", *text = msg->payload;
    struct kp_value v;
    int64_t at = KP_NO_TIME;
    char path[KP_PATH_MAX];
    struct kp_buf name;
    json_t *found = document ? mqtt_field(document, field) : NULL;
    if (*field && !found) {
        useless(m, msg->topic, document ? "the field is not there" : "it is no JSON");
        return KP_OK;
    }
    if (document && row->cell[TIME] && !mqtt_time_of(mqtt_field(document, row->cell[TIME]), &at)) {
        useless(m, msg->topic, "its time is none");
        at = KP_NO_TIME;
    }
    uint8_t wanted;
    if (type_of(row, &wanted, err))
        return err->code;
    if (!found)
        v = wanted == KP_STRING ? kp_string(text, (size_t)msg->payloadlen)
                                : mqtt_value_of_text(text, (size_t)msg->payloadlen);
    else if (!mqtt_value_of_json(found, &m->scratch, &v))
        return kp_fail(err, KP_ENOMEM, "out of memory");
    if (!mqtt_path(row->cell[KP_MAP_PATH], levels, path)) {
        useless(m, msg->topic, "it makes no path");
        return KP_OK;
    }
    kp_buf_init(&name, 4096);
    kp_buf_printf(&name, "%s %s", msg->topic, field);
    uint8_t type = v.type == KP_INT64 ? KP_DOUBLE : v.type;
    struct entry *e = name.failed ? NULL : entry_of(m, kp_buf_text(&name), path, row, type, err);
    kp_buf_free(&name);
    return e ? report(m, msg->topic, e, v, at, err) : err->code;
}

/* Without a map: each scalar of a document, or the payload, below the topic's levels. */
struct flat {
    struct mqtt *m;
    const char *topic;
    unsigned n;
    struct kp_err *err;
};

static void take_scalar(struct flat *f, const char *path, const char *field, const struct kp_value *v)
{
    struct kp_buf name;
    kp_buf_init(&name, 4096);
    kp_buf_printf(&name, "%s %s", f->topic, field);
    uint8_t type = v->type == KP_INT64 ? KP_DOUBLE : v->type;
    struct entry *e = name.failed || f->n++ >= FLAT_MAX || v->type == KP_NULL
                          ? NULL
                          : entry_of(f->m, kp_buf_text(&name), path, NULL, type, f->err);
    kp_buf_free(&name);
    if (e)
        report(f->m, f->topic, e, *v, KP_NO_TIME, f->err);
}

static void flatten(struct flat *f, json_t *j, const char *path, const char *field, int depth)
{
    const char *key;
    json_t *inner;
    struct kp_value v;
    if (json_is_object(j) && depth < FLAT_DEPTH) {
        json_object_foreach(j, key, inner) {
            char name[KP_NAME_MAX], below[KP_PATH_MAX], within[512];
            kp_name_clean(name, sizeof name, key, strlen(key));
            bool fits = snprintf(below, sizeof below, "%s/%s", path, name) < (int)sizeof below &&
                        snprintf(within, sizeof within, "%s%s%s", field, *field ? "." : "", key) < (int)sizeof within;
            if (fits && !f->err->code)
                flatten(f, inner, below, within, depth + 1);
        }
    } else if (!mqtt_value_of_json(j, &f->m->scratch, &v)) {
        kp_fail(f->err, KP_ENOMEM, "out of memory");
    } else {
        take_scalar(f, path, field, &v);
    }
}

static void take_all(struct mqtt *m, const struct mosquitto_message *msg, json_t *document, struct kp_err *err)
{
    char path[KP_PATH_MAX];
    struct mqtt_levels whole;
    struct flat f = { m, msg->topic, 0, err };
    if (!mqtt_topic_match("#", msg->topic, &whole) || !mqtt_path("{1}", &whole, path)) {
        useless(m, msg->topic, "it makes no path");
    } else if (document) {
        flatten(&f, document, path, "", 0);
    } else {
        struct kp_value v = mqtt_value_of_text(msg->payload, (size_t)msg->payloadlen);
        take_scalar(&f, path, "", &v);
    }
}

static void take(void *arg, const struct mosquitto_message *msg, struct kp_err *err)
{
    struct mqtt *m = arg;
    struct mqtt_levels levels;
    size_t n = (size_t)msg->payloadlen;
    m->now = kp_coupling_utc(m->c);
    m->now -= m->now % KP_MILLISECOND;
    kp_arena_reset(&m->scratch);
    if (n > MQTT_PAYLOAD_MAX || !kp_utf8_valid(msg->topic, strlen(msg->topic)) || (n && !kp_utf8_valid(msg->payload, n))) {
        useless(m, msg->topic, n > MQTT_PAYLOAD_MAX ? "it is larger than 256 KiB" : "it is no text");
        return;
    }
    const char *text = n ? msg->payload : "";
    bool likely = n && strspn(text, " \t\r\n") < n && strchr("{[", text[strspn(text, " \t\r\n")]);
    json_t *document = likely ? json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL) : NULL;
    bool used = !m->map.n;
    for (size_t i = 0; i < m->map.n && !err->code; i++)
        if (mqtt_topic_match(m->map.rows[i].cell[TOPIC], msg->topic, &levels)) {
            used = true;
            take_row(m, &m->map.rows[i], msg, &levels, document, err);
        }
    if (!m->map.n && n)
        take_all(m, msg, document, err);
    if (!used)
        useless(m, msg->topic, "no row of the map is about it");
    json_decref(document);
}

/* ---- life ---- */
static enum kp_code subscribe(struct mqtt *m, struct kp_err *err)
{
    const char *list[TOPICS_MAX];
    if (m->map.n) {
        for (size_t i = 0; i < m->map.n && !err->code; i++) {
            size_t k = 0;
            while (k < i && strcmp(m->map.rows[k].cell[TOPIC], m->map.rows[i].cell[TOPIC]) != 0)
                k++;
            if (k == i)
                mqtt_link_subscribe(&m->link, &m->map.rows[i].cell[TOPIC], 1, err);
        }
        return err->code;
    }
    char *copy = kp_strdup(m->set->topics);
    if (!copy)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    mqtt_link_subscribe(&m->link, list, split(copy, list), err);
    kp_free(copy);
    return err->code;
}

static void describe(struct mqtt *m)
{
    char denied[80] = "", bad[80] = "";
    if (m->link.denied)
        snprintf(denied, sizeof denied, "; the broker denies %u of the topics", m->link.denied);
    if (m->bad)
        snprintf(bad, sizeof bad, "; %" PRIu64 " messages of no use, see the log", m->bad);
    kp_coupling_count(m->c, (uint32_t)m->n, (uint32_t)m->set->signals_max, m->link.denied);
    kp_coupling_note(m->c, "%zu values%s%s%s", m->n, denied, bad, m->full ? "; there are more than signals-max" : "");
}

static enum kp_code mqtt_open(struct kp_coupling *c, struct kp_err *err)
{
    struct mqtt *m = kp_coupling_state(c);
    static const char *const plate[KP_NAMEPLATE_FIELDS] = { 0 };
    m->c = c;
    m->set = kp_coupling_settings(c);
    m->link = (struct mqtt_link){ .c = c, .set = &m->set->link, .take = take, .arg = m };
    if (m->set->map && *m->set->map && (kp_map_read(&m->map, &form, m->set->map, err) || check_rows(&m->map, err)))
        return err->code;
    if (mqtt_link_open(&m->link, NULL, err) || subscribe(m, err) || kp_coupling_identify(c, "", KP_FOLDER, plate, err))
        return err->code;
    kp_coupling_online(c);
    describe(m);
    return KP_OK;
}

static enum kp_code step(struct kp_coupling *c, struct kp_err *err)
{
    struct mqtt *m = kp_coupling_state(c);
    struct kp_err local = { 0 };
    size_t n = m->n;
    uint64_t bad = m->bad;
    if (mqtt_link_turn(&m->link, WAIT_MS, &local))
        return kp_fail(err, local.code, "%s", local.text);
    if (m->n != n || m->bad != bad)
        describe(m);
    return KP_OK;
}

static void mqtt_end(struct kp_coupling *c)
{
    struct mqtt *m = kp_coupling_state(c);
    mqtt_link_close(&m->link);
    for (size_t i = 0; i < m->n; i++)
        kp_free(m->entries[i].name);
    kp_free(m->entries);
    kp_map_free(&m->map);
    kp_arena_free(&m->scratch);
    *m = (struct mqtt){ 0 };
}

static enum kp_code write_value(struct kp_coupling *c, const struct kp_sample *s, struct kp_err *err)
{
    struct mqtt *m = kp_coupling_state(c);
    const struct entry *e = NULL;
    char text[512];
    for (size_t i = 0; i < m->n && !e; i++)
        if (m->entries[i].id == s->signal)
            e = &m->entries[i];
    if (!e || !e->row || !e->row->cell[SET_TOPIC])
        return kp_fail(err, KP_EINVALID, "the map names no set-topic for it");
    double scale, offset, d;
    struct kp_value v = s->value;
    if (kp_map_scale(e->row, &scale, &offset) && kp_value_number(&v, &d))
        v = kp_double((d - offset) / scale);
    kp_value_print(&v, text, sizeof text);
    return mqtt_link_publish(&m->link, e->row->cell[SET_TOPIC], text, strlen(text), false, err);
}

const struct kp_coupling_class kp_mqtt = {
    .name = "mqtt",
    .schemes = "mqtt mqtts",
    .url_settings = true,
    .pauses = true,
    .settings_size = sizeof(struct settings),
    .state_size = sizeof(struct mqtt),
    .options = options,
    .check = check,
    .open = mqtt_open,
    .step = step,
    .close = mqtt_end,
    .write = write_value,
};
