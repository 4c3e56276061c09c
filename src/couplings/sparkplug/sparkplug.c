/* SPDX-License-Identifier: Apache-2.0 */
/* The class: births make signals, data fills them, deaths make them Bad. Who sends data that nobody can read
 * (no birth seen, an unknown alias, a number left out) is asked for a rebirth. */
#include "couplings/sparkplug/sparkplug.h"

#include "core/log.h"
#include "core/url.h"
#include "couplings/mqtt/link.h"
#include "couplings/mqtt/payload.h"
#include "couplings/offer.h"
#include "couplings/sparkplug/nodes.h"
#include "couplings/sparkplug/payload.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { WAIT_MS = 200 };
#define REBIRTH_EVERY (5 * KP_SECOND)

struct settings {
    struct mqtt_settings link;
    char *primary, *profile;
};
struct sparkplug {
    struct kp_coupling *c;
    const struct settings *set;
    struct mqtt_link link;
    struct sparkplug_nodes nodes;
    struct kp_arena scratch; /* of one message */
    char state_topic[SPARKPLUG_ID_MAX + 32], state_online[80];
    uint64_t bad, rebirths;
};

#define SETTING(member) offsetof(struct settings, member)
static const struct kp_option options[] = {
    { .name = "primary", .type = KP_OPT_TEXT, .offset = SETTING(primary),
      .help = "be the primary host of this name: edge nodes that wait for it store while it is away" },
    { .name = "profile", .type = KP_OPT_TEXT, .offset = SETTING(profile), .help = "a profile that says what metrics mean" },
    MQTT_OPTIONS(SETTING(link)),
    { 0 },
};

static enum kp_code check(const char *url, const void *settings, struct kp_err *err)
{
    const struct settings *set = settings;
    struct kp_url u;
    if (mqtt_link_check(url, &set->link, err) || kp_url_parse(url, &u, err))
        return err->code;
    if (strpbrk(u.path, "/+#"))
        return kp_fail(err, KP_EINVALID, "'%.60s' behind the host is not the name of a Sparkplug group", u.path);
    if (set->primary && (strpbrk(set->primary, "/+#") || strlen(set->primary) >= SPARKPLUG_ID_MAX))
        return kp_fail(err, KP_EINVALID, "primary: '%.60s' cannot be the name of a host", set->primary);
    return set->profile && *set->profile ? kp_profile_check("sparkplug", set->profile, err) : KP_OK;
}

/* ---- what is of no use ---- */
static void useless(struct sparkplug *s, const char *topic, const char *why)
{
    if (!s->bad++ || s->bad % 1000 == 0)
        kp_warn("sparkplug", "a message is of no use", "coupling=%s topic=%s why=%s so-far=%" PRIu64,
                kp_log_quote(kp_coupling_name(s->c)), kp_log_quote(topic), kp_log_quote(why), s->bad);
}

static int64_t time_of(const struct sparkplug *s, const Sparkplug__Payload *p, const Sparkplug__Metric *m)
{
    int64_t at;
    uint64_t ms = m && m->has_timestamp ? m->timestamp : p->has_timestamp ? p->timestamp : 0;
    if (ms && ms < INT64_MAX && !__builtin_mul_overflow((int64_t)ms, KP_MILLISECOND, &at))
        return at;
    at = kp_coupling_utc(s->c);
    return at - at % KP_MILLISECOND;
}

/* ---- deaths ---- */
static enum kp_code bury(struct sparkplug *s, struct sparkplug_device *d, struct kp_err *err)
{
    int64_t now = kp_coupling_utc(s->c);
    d->alive = false;
    for (size_t i = 0; i < d->n; i++) {
        struct kp_sample bad = { d->list[i].id, KP_BAD_NO_COMMUNICATION, now - now % KP_MILLISECOND, { .type = KP_NULL } };
        if (bad.signal && kp_coupling_report(s->c, &bad, err))
            return err->code;
    }
    return KP_OK;
}

static bool bdseq_of(const Sparkplug__Payload *p, uint64_t *out)
{
    for (size_t i = 0; i < p->n_metrics; i++) {
        const Sparkplug__Metric *m = p->metrics[i];
        if (m->name && strcmp(m->name, "bdSeq") == 0 && (m->has_long_value || m->has_int_value)) {
            *out = m->has_long_value ? m->long_value : m->int_value;
            return true;
        }
    }
    return false;
}

/* A death that belongs to an earlier birth comes late and means nothing. */
static enum kp_code node_death(struct sparkplug *s, struct sparkplug_node *n, const Sparkplug__Payload *p, struct kp_err *err)
{
    uint64_t bdseq;
    if (n->has_bdseq && bdseq_of(p, &bdseq) && bdseq != n->bdseq)
        return KP_OK;
    n->born = false;
    for (size_t i = 0; i < n->n && !err->code; i++)
        bury(s, &n->devices[i], err);
    return err->code;
}

/* ---- births ---- */
static void path_of(const struct sparkplug_node *n, const struct sparkplug_device *d, const char *metric, char out[KP_PATH_MAX])
{
    struct mqtt_levels all = { .n = 4 };
    const char *const parts[] = { n->group, n->name, d->name, metric };
    for (size_t i = 0; i < 4; i++) {
        all.level[i].at = parts[i];
        all.level[i].len = strlen(parts[i]);
    }
    if (!mqtt_path(*d->name ? *metric ? "{1}/{2}/{3}/{4}" : "{1}/{2}/{3}" : *metric ? "{1}/{2}/{4}" : "{1}/{2}", &all, out))
        *out = 0;
}

static const char *source_of(struct sparkplug *s, const struct sparkplug_node *n, const struct sparkplug_device *d, const char *metric)
{
    struct kp_buf text;
    kp_buf_init(&text, 4096);
    kp_buf_printf(&text, "%s/%s%s%s %s", n->group, n->name, *d->name ? "/" : "", d->name, metric);
    const char *source = text.failed ? NULL : kp_arena_strdup(&s->scratch, kp_buf_text(&text));
    kp_buf_free(&text);
    return source;
}

static bool is_control(const char *name)
{
    return strncmp(name, "Node Control/", 13) == 0 || strncmp(name, "Device Control/", 15) == 0 || strcmp(name, "bdSeq") == 0;
}

struct birth {
    struct kp_offer *offers;
    struct sparkplug_metric *metrics; /* of each, in the order of the message */
    size_t *of;                       /* of each, its metric in the message */
    size_t n;
};

static enum kp_code list_metrics(struct sparkplug *s, struct sparkplug_node *n, struct sparkplug_device *d,
                                 const Sparkplug__Payload *p, struct birth *b, struct kp_err *err)
{
    for (size_t i = 0; i < p->n_metrics; i++) {
        const Sparkplug__Metric *m = p->metrics[i];
        char path[KP_PATH_MAX];
        if (!m->name || !*m->name || is_control(m->name) || !kp_utf8_valid(m->name, strlen(m->name)))
            continue;
        path_of(n, d, m->name, path);
        struct kp_offer *o = &b->offers[b->n];
        if (!*path)
            continue;
        *o = (struct kp_offer){ .path = kp_arena_strdup(&s->scratch, path), .kind = "metric", .access = KP_CAN_READ | KP_CAN_WRITE };
        o->info = (struct kp_signal_info){ .type = sparkplug_type_of(m->datatype), .source = source_of(s, n, d, m->name) };
        sparkplug_info(m, &o->info);
        b->metrics[b->n] = (struct sparkplug_metric){ .name = kp_strdup(m->name), .has_alias = m->has_alias, .alias = m->alias,
                                                      .datatype = m->datatype };
        b->of[b->n] = i;
        if (!o->path || !o->info.source || !b->metrics[b->n].name)
            return kp_fail(err, KP_ENOMEM, "out of memory");
        b->n++;
    }
    return KP_OK;
}

static enum kp_code report(struct sparkplug *s, const Sparkplug__Payload *p, const Sparkplug__Metric *m, const struct sparkplug_metric *known,
                           struct kp_err *err)
{
    struct kp_value v;
    if (!known->id)
        return KP_OK;
    if (!sparkplug_value(m, m->has_datatype && m->datatype ? m->datatype : known->datatype, &s->scratch, &v)) {
        useless(s, known->name, "the value is not of the type of its birth");
        return KP_OK;
    }
    struct kp_sample sample = { known->id, sparkplug_status(m), time_of(s, p, m), v };
    return m->has_is_historical && m->is_historical ? kp_coupling_report_historic(s->c, &sample, err)
                                                    : kp_coupling_report(s->c, &sample, err);
}

static const char *text_of(const Sparkplug__Payload *p, const char *const *names)
{
    for (; *names; names++)
        for (size_t i = 0; i < p->n_metrics; i++)
            if (p->metrics[i]->name && p->metrics[i]->string_value && strcmp(p->metrics[i]->name, *names) == 0 &&
                kp_utf8_valid(p->metrics[i]->string_value, strlen(p->metrics[i]->string_value)))
                return p->metrics[i]->string_value;
    return NULL;
}

static enum kp_code nameplate(struct sparkplug *s, struct sparkplug_node *n, struct sparkplug_device *d, const Sparkplug__Payload *p,
                              struct kp_err *err)
{
    static const char *const makes[] = { "Properties/Hardware Make", "Properties/Manufacturer", "Properties/Make", NULL },
                             *const models[] = { "Properties/Hardware Model", "Properties/Model", NULL },
                             *const serials[] = { "Properties/Serial Number", "Properties/SerialNumber", NULL },
                             *const firmwares[] = { "Properties/FW", "Properties/Firmware Version", "Properties/Firmware", NULL },
                             *const softwares[] = { "Properties/OS Version", "Properties/Software Version", NULL };
    const char *const plate[KP_NAMEPLATE_FIELDS] = { [KP_MANUFACTURER_NAME] = text_of(p, makes),
                                                     [KP_PRODUCT_DESIGNATION] = text_of(p, models),
                                                     [KP_SERIAL_NUMBER] = text_of(p, serials),
                                                     [KP_FIRMWARE_VERSION] = text_of(p, firmwares),
                                                     [KP_SOFTWARE_VERSION] = text_of(p, softwares) };
    char path[KP_PATH_MAX];
    path_of(n, d, "", path);
    return kp_coupling_identify(s->c, path, *d->name ? KP_MACHINE : KP_FOLDER, plate, err);
}

/* Takes the metrics over from `b`, whose names then belong to the device. */
static enum kp_code take_birth(struct sparkplug *s, struct sparkplug_node *n, struct sparkplug_device *d, const Sparkplug__Payload *p,
                               struct birth *b, struct kp_err *err)
{
    const struct kp_profile_peer peer = { .protocol = "sparkplug", .by_hand = s->set->profile };
    struct kp_offer_result result;
    if (list_metrics(s, n, d, p, b, err) || nameplate(s, n, d, p, err) ||
        kp_offer_publish(s->c, &peer, b->offers, b->n, true, &result, err))
        return err->code;
    for (size_t i = 0; i < b->n; i++) {
        b->metrics[i].id = b->offers[i].id;
        if (report(s, p, p->metrics[b->of[i]], &b->metrics[i], err))
            return err->code;
    }
    size_t taken = b->n;
    b->n = 0;
    struct sparkplug_metric *list = b->metrics;
    b->metrics = NULL;
    return sparkplug_device_set(d, list, taken) ? KP_OK : kp_fail(err, KP_ENOMEM, "out of memory");
}

static enum kp_code birth(struct sparkplug *s, struct sparkplug_node *n, struct sparkplug_device *d, const Sparkplug__Payload *p,
                          struct kp_err *err)
{
    struct birth b = { .offers = kp_alloc((p->n_metrics + 1) * sizeof *b.offers),
                       .metrics = kp_alloc((p->n_metrics + 1) * sizeof *b.metrics),
                       .of = kp_alloc((p->n_metrics + 1) * sizeof *b.of) };
    if (!b.offers || !b.metrics || !b.of)
        kp_fail(err, KP_ENOMEM, "out of memory");
    else
        take_birth(s, n, d, p, &b, err);
    for (size_t i = 0; b.metrics && i < b.n; i++)
        kp_free(b.metrics[i].name);
    kp_free(b.offers);
    kp_free(b.metrics);
    kp_free(b.of);
    d->alive = !err->code;
    return err->code;
}

static enum kp_code node_birth(struct sparkplug *s, struct sparkplug_node *n, const Sparkplug__Payload *p, struct kp_err *err)
{
    struct sparkplug_device *own = sparkplug_device_of(n, "", true);
    if (!own)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    n->seq = p->has_seq ? (uint8_t)p->seq : 0;
    n->has_bdseq = bdseq_of(p, &n->bdseq);
    n->born = true;
    n->wants_rebirth = false;
    return birth(s, n, own, p, err);
}

/* ---- data ---- */
static enum kp_code data(struct sparkplug *s, struct sparkplug_node *n, struct sparkplug_device *d, const Sparkplug__Payload *p,
                         struct kp_err *err)
{
    for (size_t i = 0; i < p->n_metrics && !err->code; i++) {
        const Sparkplug__Metric *m = p->metrics[i];
        struct sparkplug_metric *known = sparkplug_metric_of(n, d, m->name, m->has_alias, m->alias);
        if (known)
            report(s, p, m, known, err);
        else if (!m->name || !is_control(m->name))
            n->wants_rebirth = true;
    }
    return err->code;
}

static enum kp_code take_payload(struct sparkplug *s, const struct sparkplug_topic *t, struct sparkplug_node *n,
                                 const Sparkplug__Payload *p, struct kp_err *err)
{
    bool of_device = t->verb >= SPARKPLUG_DBIRTH, is_birth = t->verb == SPARKPLUG_NBIRTH || t->verb == SPARKPLUG_DBIRTH;
    if (t->verb == SPARKPLUG_NDEATH)
        return node_death(s, n, p, err);
    if (t->verb == SPARKPLUG_NBIRTH)
        return node_birth(s, n, p, err);
    if (!n->born || (p->has_seq && !sparkplug_in_order(n, p->seq)))
        n->wants_rebirth = true;
    struct sparkplug_device *d = sparkplug_device_of(n, of_device ? t->device : "", is_birth);
    if (!d) {
        n->wants_rebirth = true;
        return KP_OK;
    }
    if (t->verb == SPARKPLUG_DDEATH)
        return bury(s, d, err);
    return t->verb == SPARKPLUG_DBIRTH ? birth(s, n, d, p, err) : data(s, n, d, p, err);
}

static void take(void *arg, const struct mosquitto_message *msg, struct kp_err *err)
{
    struct sparkplug *s = arg;
    struct sparkplug_topic t;
    struct kp_err why = { 0 };
    if (!sparkplug_topic_read(msg->topic, &t))
        return; /* commands and the states of hosts */
    struct sparkplug_node *n = sparkplug_node_of(&s->nodes, t.group, t.node);
    Sparkplug__Payload *p = n ? sparkplug_unpack(msg->payload, (size_t)msg->payloadlen, &why) : NULL;
    kp_arena_reset(&s->scratch);
    if (!n)
        useless(s, msg->topic, "more edge nodes than are taken");
    else if (!p)
        useless(s, msg->topic, why.text);
    else
        take_payload(s, &t, n, p, err);
    sparkplug_free(p);
}

/* ---- commands ---- */
static enum kp_code command(struct sparkplug *s, const struct sparkplug_node *n, const struct sparkplug_device *d, Sparkplug__Metric *m,
                            struct kp_err *err)
{
    Sparkplug__Payload p = SPARKPLUG__PAYLOAD__INIT;
    Sparkplug__Metric *list[] = { m };
    char topic[4 * SPARKPLUG_ID_MAX];
    p.has_timestamp = m->has_timestamp = true;
    p.timestamp = m->timestamp = (uint64_t)(kp_coupling_utc(s->c) / KP_MILLISECOND);
    p.n_metrics = 1;
    p.metrics = list;
    size_t size = sparkplug__payload__get_packed_size(&p);
    uint8_t *packed = kp_alloc(size);
    if (!packed)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    sparkplug__payload__pack(&p, packed);
    snprintf(topic, sizeof topic, "spBv1.0/%s/%s/%s%s%s", n->group, *d->name ? "DCMD" : "NCMD", n->name, *d->name ? "/" : "", d->name);
    mqtt_link_send(&s->link, topic, packed, size, err);
    kp_free(packed);
    return err->code;
}

static enum kp_code ask_for_rebirth(struct sparkplug *s, struct sparkplug_node *n, struct kp_err *err)
{
    static char name[] = "Node Control/Rebirth";
    static const struct sparkplug_device own = { .name = "" };
    Sparkplug__Metric m = SPARKPLUG__METRIC__INIT;
    int64_t now = kp_coupling_mono(s->c);
    if (n->asked && now - n->asked < REBIRTH_EVERY)
        return KP_OK;
    n->asked = now ? now : 1;
    n->wants_rebirth = false;
    s->rebirths++;
    m.name = name;
    m.has_datatype = m.has_boolean_value = m.boolean_value = true;
    m.datatype = SPARKPLUG_BOOLEAN;
    return command(s, n, &own, &m, err);
}

static enum kp_code write_value(struct kp_coupling *c, const struct kp_sample *sample, struct kp_err *err)
{
    struct sparkplug *s = kp_coupling_state(c);
    for (size_t i = 0; i < s->nodes.n; i++)
        for (size_t k = 0; k < s->nodes.list[i].n; k++) {
            const struct sparkplug_device *d = &s->nodes.list[i].devices[k];
            for (size_t j = 0; j < d->n; j++) {
                Sparkplug__Metric m = SPARKPLUG__METRIC__INIT;
                if (d->list[j].id != sample->signal)
                    continue;
                if (!d->alive)
                    return kp_fail(err, KP_EPEER, "the device is not there now; nothing was sent");
                m.name = d->list[j].name;
                m.has_alias = d->list[j].has_alias;
                m.alias = d->list[j].alias;
                kp_arena_reset(&s->scratch);
                return sparkplug_put(&m, d->list[j].datatype, &sample->value, &s->scratch, err)
                           ? err->code
                           : command(s, &s->nodes.list[i], d, &m, err);
            }
        }
    return kp_fail(err, KP_ENOTFOUND, "no edge node has it at this time");
}

/* ---- life ---- */
/* Births are not kept by the broker: whoever is known from earlier is asked for one. */
static enum kp_code recall(struct sparkplug *s, struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    struct kp_known *known;
    size_t n = kp_coupling_signals(s->c, &arena, &known);
    if (!known)
        kp_fail(err, KP_ENOMEM, "out of memory");
    for (size_t i = 0; i < n && !err->code; i++) {
        char group[SPARKPLUG_ID_MAX], name[SPARKPLUG_ID_MAX];
        size_t g = strcspn(known[i].source, "/"), rest = strcspn(known[i].source + g + 1, "/ ");
        if (!known[i].source[g] || g >= sizeof group || rest >= sizeof name)
            continue;
        snprintf(group, sizeof group, "%.*s", (int)g, known[i].source);
        snprintf(name, sizeof name, "%.*s", (int)rest, known[i].source + g + 1);
        struct sparkplug_node *node = sparkplug_node_of(&s->nodes, group, name);
        if (node)
            node->wants_rebirth = true;
    }
    kp_arena_free(&arena);
    return err->code;
}

static void describe(struct sparkplug *s)
{
    size_t alive = 0, metrics = 0;
    char bad[80] = "", rebirths[60] = "";
    for (size_t i = 0; i < s->nodes.n; i++) {
        alive += s->nodes.list[i].born;
        for (size_t k = 0; k < s->nodes.list[i].n; k++)
            metrics += s->nodes.list[i].devices[k].n;
    }
    if (s->bad)
        snprintf(bad, sizeof bad, "; %" PRIu64 " messages of no use, see the log", s->bad);
    if (s->rebirths)
        snprintf(rebirths, sizeof rebirths, "; %" PRIu64 " rebirths asked for", s->rebirths);
    kp_coupling_count(s->c, (uint32_t)metrics, SPARKPLUG_METRICS_MAX, 0);
    kp_coupling_note(s->c, "%zu of %zu edge nodes alive, %zu metrics%s%s", alive, s->nodes.n, metrics, rebirths, bad);
}

static enum kp_code open_link(struct sparkplug *s, struct kp_err *err)
{
    char offline[80];
    uint64_t now = (uint64_t)(kp_coupling_utc(s->c) / KP_MILLISECOND);
    bool primary = s->set->primary && *s->set->primary;
    snprintf(s->state_topic, sizeof s->state_topic, "spBv1.0/STATE/%s", primary ? s->set->primary : "");
    snprintf(offline, sizeof offline, "{\"online\":false,\"timestamp\":%" PRIu64 "}", now);
    snprintf(s->state_online, sizeof s->state_online, "{\"online\":true,\"timestamp\":%" PRIu64 "}", now);
    const struct mqtt_will will = { s->state_topic, offline, true };
    return mqtt_link_open(&s->link, primary ? &will : NULL, err);
}

static enum kp_code subscribe(struct sparkplug *s, struct kp_err *err)
{
    struct kp_url u;
    char filter[SPARKPLUG_ID_MAX + 600];
    const char *list[] = { filter };
    if (kp_url_parse(kp_coupling_url(s->c), &u, err))
        return err->code;
    snprintf(filter, sizeof filter, "spBv1.0/%s/#", *u.path ? u.path : "+");
    if (mqtt_link_subscribe(&s->link, list, 1, err))
        return err->code;
    return s->set->primary && *s->set->primary
               ? mqtt_link_publish(&s->link, s->state_topic, s->state_online, strlen(s->state_online), true, err)
               : KP_OK;
}

static enum kp_code sparkplug_open(struct kp_coupling *c, struct kp_err *err)
{
    struct sparkplug *s = kp_coupling_state(c);
    s->c = c;
    s->set = kp_coupling_settings(c);
    s->link = (struct mqtt_link){ .c = c, .set = &s->set->link, .take = take, .arg = s };
    if (recall(s, err) || open_link(s, err) || subscribe(s, err))
        return err->code;
    kp_coupling_online(c);
    describe(s);
    return KP_OK;
}

static enum kp_code step(struct kp_coupling *c, struct kp_err *err)
{
    struct sparkplug *s = kp_coupling_state(c);
    struct kp_err local = { 0 };
    mqtt_link_turn(&s->link, WAIT_MS, &local);
    for (size_t i = 0; i < s->nodes.n && !local.code; i++)
        if (s->nodes.list[i].wants_rebirth)
            ask_for_rebirth(s, &s->nodes.list[i], &local);
    if (local.code || kp_coupling_flush(c, &local))
        return kp_fail(err, local.code, "%s", local.text);
    describe(s);
    return KP_OK;
}

static void sparkplug_end(struct kp_coupling *c)
{
    struct sparkplug *s = kp_coupling_state(c);
    if (s->link.connected && s->set->primary && *s->set->primary) {
        struct kp_err none = { 0 };
        char offline[80];
        snprintf(offline, sizeof offline, "{\"online\":false,\"timestamp\":%" PRIu64 "}",
                 (uint64_t)(kp_coupling_utc(c) / KP_MILLISECOND));
        mqtt_link_publish(&s->link, s->state_topic, offline, strlen(offline), true, &none);
    }
    mqtt_link_close(&s->link);
    sparkplug_nodes_free(&s->nodes);
    kp_arena_free(&s->scratch);
    *s = (struct sparkplug){ 0 };
}

const struct kp_coupling_class kp_sparkplug = {
    .name = "sparkplug",
    .schemes = "mqtt+sparkplug mqtts+sparkplug",
    .url_settings = true,
    .pauses = true,
    .settings_size = sizeof(struct settings),
    .state_size = sizeof(struct sparkplug),
    .options = options,
    .check = check,
    .open = sparkplug_open,
    .step = step,
    .close = sparkplug_end,
    .write = write_value,
};
