/* SPDX-License-Identifier: Apache-2.0 */
/* Births, data and deaths (Sparkplug 3.0, chapters 5 and 6). */
#include "couplings/sparkplug/sparkplug_private.h"

#include "core/log.h"
#include "couplings/unit.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { TEXT_MAX = 128 << 20 };
#define BIRTH_WAIT (10 * KP_SECOND)

struct message {
    struct sparkplug *h;
    const struct kp_mqtt_message *msg;
    const Sparkplug__Payload *payload;
    char group[SP_KEY_MAX], node[SP_KEY_MAX], device[SP_KEY_MAX];
    bool of_device;
    struct kp_err *err;
};

static void unread(struct sparkplug *h, const char *topic, const char *why)
{
    h->unread++;
    snprintf(h->unread_why, sizeof h->unread_why, "%.60s: %.50s", topic, why);
    kp_utf8_trim(h->unread_why);
    kp_warn("sparkplug", "a message is of no use", "coupling=%s topic=%s why=%s",
            kp_log_quote(kp_coupling_name(h->c)), kp_log_quote(topic), kp_log_quote(why));
}

void sp_ask_rebirth(struct sp_node *node)
{
    node->asks = true;
}

/* ---- values ---- */
static int64_t time_of(const struct message *x, const Sparkplug__Metric *m)
{
    uint64_t ms = m->has_timestamp ? m->timestamp : x->payload->timestamp;
    if ((!m->has_timestamp && !x->payload->has_timestamp) || ms > INT64_MAX / KP_MILLISECOND)
        return x->msg->at;
    return (int64_t)ms * KP_MILLISECOND;
}

static const Sparkplug__PropertyValue *property(const Sparkplug__Metric *m, const char *key)
{
    const Sparkplug__PropertySet *set = m->properties;
    for (size_t i = 0; set && i < set->n_keys && i < set->n_values; i++)
        if (strcmp(set->keys[i], key) == 0 && !set->values[i]->is_null)
            return set->values[i];
    return NULL;
}

/* 6.4.13: 0 bad, 192 good, 500 stale. */
static uint32_t quality(const Sparkplug__Metric *m)
{
    const Sparkplug__PropertyValue *q = property(m, "Quality");
    uint64_t code = 192;
    if (q && q->value_case == SPARKPLUG__PROPERTY_VALUE__VALUE_INT_VALUE)
        code = q->int_value;
    else if (q && q->value_case == SPARKPLUG__PROPERTY_VALUE__VALUE_LONG_VALUE)
        code = q->long_value;
    return code == 0 ? KP_BAD : code == 500 ? KP_UNCERTAIN_LAST_USABLE : KP_GOOD;
}

static enum kp_code take_value(struct message *x, int32_t at, const Sparkplug__Metric *m)
{
    struct sparkplug *h = x->h;
    struct kp_sample s = { .at = time_of(x, m), .status = quality(m) };
    struct kp_err why = { 0 };
    h->room.len = 0;
    h->room.failed = false;
    if (m->is_null) {
        s.value = (struct kp_value){ .type = KP_NULL };
        s.status = s.status == KP_GOOD ? KP_BAD_NO_DATA : s.status;
    } else if (kp_sparkplug_value(m, h->metrics[at].type, &h->room, &s.value, &why)) {
        unread(h, x->msg->topic, why.text);
        return KP_OK;
    }
    h->metrics[at].bad = false;
    return sp_pend(h, at, m->is_historical, &s, x->err);
}

/* ---- births ---- */
static bool same(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

static bool keep_text(struct sparkplug *h, const char **to, const char *from, bool *changed)
{
    char clean[512];
    if (!from || !*from || same(*to, from))
        return true;
    kp_utf8_clean(clean, sizeof clean, from, strlen(from));
    if (same(*to, clean) || kp_arena_size(&h->text) > TEXT_MAX) /* texts of before stay in it */
        return true;
    *changed = true;
    *to = kp_arena_strdup(&h->text, clean);
    return *to;
}

static double number_of(const Sparkplug__PropertyValue *v, double otherwise)
{
    switch (v ? (int)v->value_case : 0) {
    case SPARKPLUG__PROPERTY_VALUE__VALUE_INT_VALUE:
        return v->has_type && v->type <= KP_SP_INT64 ? (double)(int32_t)v->int_value : v->int_value;
    case SPARKPLUG__PROPERTY_VALUE__VALUE_LONG_VALUE:
        return v->has_type && v->type <= KP_SP_INT64 ? (double)(int64_t)v->long_value
                                                     : (double)v->long_value;
    case SPARKPLUG__PROPERTY_VALUE__VALUE_FLOAT_VALUE:
        return v->float_value;
    case SPARKPLUG__PROPERTY_VALUE__VALUE_DOUBLE_VALUE:
        return v->double_value;
    default:
        return otherwise;
    }
}

static const char *text_of(const Sparkplug__PropertyValue *v)
{
    return v && v->value_case == SPARKPLUG__PROPERTY_VALUE__VALUE_STRING_VALUE ? v->string_value
                                                                               : NULL;
}

/* What the birth says of the metric; false only when out of memory. */
static bool learn(struct sparkplug *h, struct sp_metric *to, const Sparkplug__Metric *m)
{
    bool changed = to->type != m->datatype;
    struct kp_unit unit;
    const Sparkplug__PropertyValue *text = property(m, "description");
    text = text ? text : property(m, "documentation");
    const char *description = text_of(text);
    if (!description && m->metadata)
        description = m->metadata->description;
    if (!keep_text(h, &to->unit_text, text_of(property(m, "engUnit")), &changed) ||
        !keep_text(h, &to->description, description, &changed))
        return false;
    to->unit = to->unit_text && kp_unit_find(to->unit_text, &unit) ? unit.code : NULL;
    double low = number_of(property(m, "engLow"), to->low),
           high = number_of(property(m, "engHigh"), to->high);
    changed = changed || low != to->low || high != to->high;
    to->low = low;
    to->high = high;
    to->type = m->datatype;
    to->kp_type = kp_sparkplug_type(m->datatype);
    h->unlisted = h->unlisted || changed;
    return true;
}

static enum kp_code bear(struct message *x, int32_t device, const Sparkplug__Metric *m)
{
    struct sparkplug *h = x->h;
    if (!m->name || !*m->name || strcmp(m->name, "bdSeq") == 0)
        return KP_OK;
    if (!m->has_datatype || !kp_sparkplug_type_name(m->datatype)) {
        unread(h, x->msg->topic, "a metric of no known type");
        return KP_OK;
    }
    int32_t at = sp_metric(h, device, m->name, x->err);
    if (at < 0)
        return x->err->code;
    h->metrics[at].present = true;
    if (!learn(h, &h->metrics[at], m))
        return kp_fail(x->err, KP_ENOMEM, "out of memory");
    h->metrics[at].has_alias = false;
    if (m->has_alias && sp_set_alias(h, at, m->alias, x->err))
        return x->err->code;
    bool silent = !m->is_null && m->value_case == SPARKPLUG__METRIC__VALUE__NOT_SET;
    return silent ? KP_OK : take_value(x, at, m);
}

static enum kp_code make_bad(struct sparkplug *h, int32_t at, int64_t when, struct kp_err *err)
{
    if (h->metrics[at].bad)
        return KP_OK;
    h->metrics[at].bad = true;
    return sp_pend(h, at, false,
                   &(struct kp_sample){ .at = when,
                                        .status = KP_BAD_NO_COMMUNICATION,
                                        .value = { .type = KP_NULL } },
                   err);
}

static enum kp_code birth(struct message *x, int32_t device)
{
    struct sparkplug *h = x->h;
    for (int32_t i = h->devices[device].first; i >= 0; i = h->metrics[i].next)
        h->metrics[i].present = false;
    for (size_t i = 0; i < x->payload->n_metrics; i++)
        if (bear(x, device, x->payload->metrics[i]))
            return x->err->code;
    h->devices[device].born = true;
    h->devices[device].born_by = 0;
    for (int32_t i = h->devices[device].first; i >= 0; i = h->metrics[i].next)
        if (!h->metrics[i].present && make_bad(h, i, x->msg->at, x->err)) /* it has it no more */
            return x->err->code;
    return KP_OK;
}

static bool birth_number(const Sparkplug__Payload *p, uint64_t *bd)
{
    for (size_t i = 0; i < p->n_metrics; i++) {
        const Sparkplug__Metric *m = p->metrics[i];
        if (!m->name || strcmp(m->name, "bdSeq") != 0)
            continue;
        *bd = m->value_case == SPARKPLUG__METRIC__VALUE_LONG_VALUE  ? m->long_value
              : m->value_case == SPARKPLUG__METRIC__VALUE_INT_VALUE ? m->int_value
                                                                    : 0;
        return m->value_case == SPARKPLUG__METRIC__VALUE_LONG_VALUE ||
               m->value_case == SPARKPLUG__METRIC__VALUE_INT_VALUE;
    }
    return false;
}

/* A device is a machine; the nameplate comes by the names that nodes commonly use. */
static enum kp_code identify(struct message *x)
{
    static const struct {
        const char *name;
        unsigned field;
    } table[] = { { "Properties/Hardware Make", KP_MANUFACTURER_NAME },
                  { "Properties/Hardware Model", KP_PRODUCT_DESIGNATION },
                  { "Properties/Serial Number", KP_SERIAL_NUMBER },
                  { "Properties/Hardware Version", KP_HARDWARE_VERSION },
                  { "Properties/FW", KP_FIRMWARE_VERSION },
                  { "Properties/Firmware Version", KP_FIRMWARE_VERSION },
                  { "Properties/OS Version", KP_SOFTWARE_VERSION } };
    const char *plate[KP_NAMEPLATE_FIELDS] = { NULL };
    char path[KP_PATH_MAX], group[KP_NAME_MAX], name[KP_NAME_MAX], device[KP_NAME_MAX];
    struct kp_err local = { 0 };
    bool any = false;
    for (size_t i = 0; i < x->payload->n_metrics; i++) {
        const Sparkplug__Metric *m = x->payload->metrics[i];
        for (size_t k = 0; m->name && k < sizeof table / sizeof *table; k++)
            if (strcmp(m->name, table[k].name) == 0 &&
                m->value_case == SPARKPLUG__METRIC__VALUE_STRING_VALUE && *m->string_value &&
                strlen(m->string_value) < 256 &&
                kp_utf8_valid(m->string_value, strlen(m->string_value))) {
                plate[table[k].field] = m->string_value;
                any = true;
            }
    }
    kp_name_clean(group, sizeof group, x->group, strlen(x->group));
    kp_name_clean(name, sizeof name, x->node, strlen(x->node));
    kp_name_clean(device, sizeof device, x->device, strlen(x->device));
    snprintf(path, sizeof path, "%s/%s%s%s", group, name, x->of_device ? "/" : "",
             x->of_device ? device : "");
    if ((any || x->of_device) &&
        kp_coupling_identify(x->h->c, path, x->of_device ? KP_MACHINE : KP_FOLDER, plate, &local) &&
        local.code == KP_ESTOPPED)
        return kp_fail(x->err, local.code, "%s", local.text);
    return KP_OK;
}

static enum kp_code node_birth(struct message *x)
{
    struct sparkplug *h = x->h;
    int32_t index = sp_node(h, x->group, x->node, x->err);
    int32_t self = index < 0 ? SP_NONE : sp_device(h, index, "", x->err);
    if (self < 0)
        return x->err->code;
    struct sp_node *node = &h->nodes[index];
    int64_t now = kp_coupling_mono(h->c);
    node->born = true;
    node->asks = node->confirms = false;
    node->confirm_by = 0;
    node->next_seq = (uint8_t)((x->payload->has_seq ? x->payload->seq : 0) + 1);
    node->has_bd = birth_number(x->payload, &node->bd);
    for (size_t i = 0; i < h->n_devices; i++)
        if (h->devices[i].node == (uint32_t)index && (int32_t)i != self) {
            h->devices[i].born_by = h->devices[i].born ? now + BIRTH_WAIT : h->devices[i].born_by;
            h->devices[i].born = false;
        }
    return birth(x, self) ? x->err->code : identify(x);
}

/* ---- order ---- */
/* True when the message is of a node that is born. A gap costs samples, not the message. */
static bool in_order(struct message *x, struct sp_node *node)
{
    if (!node->born) {
        sp_ask_rebirth(node);
        return false;
    }
    if (!x->payload->has_seq)
        return true;
    uint8_t missing = (uint8_t)(x->payload->seq - node->next_seq);
    if (missing) {
        kp_warn("sparkplug", "messages of a node are missing", "coupling=%s node=%s missing=%u",
                kp_log_quote(kp_coupling_name(x->h->c)), kp_log_quote(node->name), missing);
        kp_coupling_lost(x->h->c, missing);
        sp_ask_rebirth(node);
    }
    node->next_seq = (uint8_t)(x->payload->seq + 1);
    return true;
}

static enum kp_code data(struct message *x, struct sp_node *node, int32_t device)
{
    struct sparkplug *h = x->h;
    if (device < 0 || !h->devices[device].born) {
        sp_ask_rebirth(node);
        return KP_OK;
    }
    for (size_t i = 0; i < x->payload->n_metrics; i++) {
        const Sparkplug__Metric *m = x->payload->metrics[i];
        int32_t at = m->name && *m->name ? sp_find_metric(h, device, m->name)
                     : m->has_alias      ? sp_find_alias(h, h->devices[device].node, m->alias)
                                         : SP_NONE;
        if (at < 0 || !h->metrics[at].present) {
            if (node->n_metrics < h->set->metrics_max) /* else it would be left out again */
                sp_ask_rebirth(node);
        } else if (take_value(x, at, m)) {
            return x->err->code;
        }
    }
    return KP_OK;
}

/* ---- deaths ---- */
enum kp_code sp_device_gone(struct sparkplug *h, uint32_t device, int64_t at, struct kp_err *err)
{
    h->devices[device].born = false;
    h->devices[device].born_by = 0;
    for (int32_t i = h->devices[device].first; i >= 0; i = h->metrics[i].next)
        if (make_bad(h, i, at, err))
            return err->code;
    return KP_OK;
}

enum kp_code sp_node_gone(struct sparkplug *h, uint32_t node, int64_t at, struct kp_err *err)
{
    h->nodes[node].born = h->nodes[node].confirms = false;
    h->nodes[node].confirm_by = 0;
    for (uint32_t i = 0; i < h->n_devices; i++)
        if (h->devices[i].node == node && sp_device_gone(h, i, at, err))
            return err->code;
    return KP_OK;
}

static enum kp_code node_death(struct message *x, uint32_t index)
{
    const struct sp_node *node = &x->h->nodes[index];
    uint64_t bd;
    if (birth_number(x->payload, &bd) && node->has_bd && bd != node->bd)
        return KP_OK; /* the will of a session before this one */
    return sp_node_gone(x->h, index, x->msg->at, x->err);
}

/* ---- one message ---- */
static bool part(const char **p, char out[SP_KEY_MAX])
{
    size_t n = strcspn(*p, "/");
    if (n == 0 || n >= SP_KEY_MAX)
        return false;
    memcpy(out, *p, n);
    out[n] = 0;
    *p += n + ((*p)[n] == '/');
    return true;
}

static enum kp_code of_node(struct message *x, char type)
{
    struct sparkplug *h = x->h;
    int32_t index = sp_node(h, x->group, x->node, x->err);
    if (index < 0)
        return x->err->code;
    struct sp_node *node = &h->nodes[index];
    if (type == 'E' && !x->of_device)
        return node_death(x, (uint32_t)index);
    node->confirms = false;
    node->confirm_by = 0;
    if (!in_order(x, node))
        return KP_OK;
    int32_t device = sp_find_device(h, x->group, x->node, x->device);
    if (type == 'A')
        return data(x, node, device);
    if (type == 'E')
        return device < 0 ? KP_OK : sp_device_gone(h, (uint32_t)device, x->msg->at, x->err);
    device = sp_device(h, index, x->device, x->err);
    return device < 0 || birth(x, device) ? x->err->code : identify(x);
}

/* spBv1.0/GROUP/TYPE/NODE[/DEVICE] */
static enum kp_code take_message(struct sparkplug *h, const struct kp_mqtt_message *msg,
                                 struct kp_err *err)
{
    struct message x = { .h = h, .msg = msg, .err = err };
    char type[SP_KEY_MAX];
    struct kp_err why = { 0 };
    const char *p = msg->topic;
    if (strncmp(p, "spBv1.0/", 8) != 0)
        return KP_OK;
    p += 8;
    if (!part(&p, x.group) || !part(&p, type) || !part(&p, x.node) || (*p && !part(&p, x.device)) ||
        *p)
        return KP_OK;
    x.of_device = type[0] == 'D';
    bool birth_type = strcmp(type + 1, "BIRTH") == 0, data_type = strcmp(type + 1, "DATA") == 0,
         death_type = strcmp(type + 1, "DEATH") == 0;
    if ((type[0] != 'N' && type[0] != 'D') || !(birth_type || data_type || death_type) ||
        x.of_device != (x.device[0] != 0) || msg->retained)
        return KP_OK;
    Sparkplug__Payload *payload = kp_sparkplug_unpack(msg->payload, msg->len, &why);
    if (!payload) {
        unread(h, msg->topic, why.text);
        return KP_OK;
    }
    x.payload = payload;
    if (birth_type && !x.of_device)
        node_birth(&x);
    else
        of_node(&x, birth_type ? 'B' : data_type ? 'A' : 'E');
    kp_sparkplug_free(payload);
    return err->code;
}

enum kp_code sp_take(struct kp_coupling *c, const struct kp_mqtt_message *list, size_t n,
                     struct kp_err *err)
{
    struct sparkplug *h = kp_coupling_state(c);
    for (size_t i = 0; i < n; i++) {
        bool state = h->state_topic[0] && strcmp(list[i].topic, h->state_topic) == 0;
        if (state) /* somebody, or our own will of before, says we are away */
            h->state_wanted = h->state_wanted || strstr(list[i].payload, "true") == NULL;
        else if (take_message(h, &list[i], err))
            return err->code;
    }
    return sp_settle(h, err);
}
