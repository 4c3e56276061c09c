/* SPDX-License-Identifier: Apache-2.0 */
/* The class: settings, STATE of a primary host, rebirths, commands. */
#include "couplings/sparkplug/sparkplug_private.h"

#include "core/log.h"
#include "couplings/profile.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { ASKS_MAX = 20 /* rebirths asked for in one turn */ };
#define ASK_EVERY    (5 * KP_SECOND)
#define CONFIRM_WAIT (10 * KP_SECOND)

static const struct kp_option options[] = {
    { .name = "primary",
      .type = KP_OPT_TEXT,
      .offset = offsetof(struct sp_settings, primary),
      .help = "name of this host, when edge nodes wait for it (primary host); empty: none does" },
    { .name = "profile",
      .type = KP_OPT_TEXT,
      .offset = offsetof(struct sp_settings, profile),
      .help = "a profile that says what metrics mean" },
    { .name = "metrics-max",
      .type = KP_OPT_INT,
      .offset = offsetof(struct sp_settings, metrics_max),
      .standard = "10000",
      .min = 1,
      .max = SP_METRICS_TOTAL,
      .help = "metrics of one edge node at most" },
    { .name = "nodes-max",
      .type = KP_OPT_INT,
      .offset = offsetof(struct sp_settings, nodes_max),
      .standard = "1000",
      .min = 1,
      .max = 10000,
      .help = "edge nodes at most" },
    KP_MQTT_OPTIONS(struct sp_settings, link, "0s"),
    { 0 },
};

static bool is_id(const char *text)
{
    return *text && !strpbrk(text, "+#/") && strlen(text) < 200;
}

static enum kp_code check(const char *url, const void *settings, struct kp_err *err)
{
    const struct sp_settings *set = settings;
    struct kp_mqtt_address a;
    if (kp_mqtt_check(url, &set->link, err) || kp_mqtt_address(url, &a, err))
        return err->code;
    if (*a.path && !is_id(a.path))
        return kp_fail(err, KP_EINVALID,
                       "'%.80s' is not a group: the address is mqtt+sparkplug://HOST/GROUP",
                       a.path);
    if (set->primary && *set->primary && !is_id(set->primary))
        return kp_fail(err, KP_EINVALID, "primary: '%.80s' has one of + # / in it", set->primary);
    return set->profile && *set->profile ? kp_profile_check("sparkplug", set->profile, err) : KP_OK;
}

/* ---- what is shown ---- */
static void describe(struct sparkplug *h)
{
    char link[40], unread[220] = "", left[60] = "";
    size_t born = 0;
    if (kp_coupling_mono(h->c) - h->described < KP_SECOND && h->unread == h->told)
        return;
    h->described = kp_coupling_mono(h->c);
    h->told = h->unread;
    for (size_t i = 0; i < h->n_nodes; i++)
        born += h->nodes[i].born;
    kp_mqtt_describe(&h->link, link, sizeof link);
    if (h->left)
        snprintf(left, sizeof left, " (%zu more would be too many unasked)", h->left);
    if (h->unread)
        snprintf(unread, sizeof unread, "; %" PRIu64 " messages of no use, see the log, last %s",
                 h->unread, h->unread_why);
    kp_coupling_note(h->c, "%zu of %zu nodes online, %zu metrics, %zu subscribed%s (%s)%s%s", born,
                     h->n_nodes, h->n_metrics, h->subscribed, left, link,
                     h->full ? "; there are more than fit" : "", unread);
    kp_coupling_count(h->c, (uint32_t)h->subscribed, 0, h->link.refused);
}

/* ---- STATE ---- */
static void state_payload(bool online, int64_t at, char out[SP_STATE_MAX])
{
    snprintf(out, SP_STATE_MAX, "{\"online\":%s,\"timestamp\":%" PRId64 "}", online ? "true" : "false",
             at / KP_MILLISECOND);
}

/* The will has the same time as the birth, so that nodes can tell it from one of before. */
static void prepare_state(struct sparkplug *h, struct kp_mqtt_publication *will)
{
    const char *host = h->set->primary;
    h->state_topic[0] = 0;
    h->link.will = NULL;
    if (!host || !*host)
        return;
    int64_t now = kp_coupling_utc(h->c);
    snprintf(h->state_topic, sizeof h->state_topic, "spBv1.0/STATE/%s", host);
    state_payload(true, now, h->state_online);
    state_payload(false, now, h->state_offline);
    *will = (struct kp_mqtt_publication){ h->state_topic, h->state_offline,
                                          strlen(h->state_offline), true };
    h->link.will = will;
}

static enum kp_code say_online(struct sparkplug *h, struct kp_err *err)
{
    if (!h->state_topic[0])
        return KP_OK;
    h->state_wanted = false;
    return kp_mqtt_publish(&h->link,
                           &(struct kp_mqtt_publication){ h->state_topic, h->state_online,
                                                          strlen(h->state_online), true },
                           err);
}

static void say_offline(struct sparkplug *h)
{
    char payload[SP_STATE_MAX];
    state_payload(false, kp_coupling_utc(h->c), payload);
    if (h->state_topic[0] && h->link.client && h->link.connack == 0 && !h->link.down)
        kp_mqtt_send(
            &h->link,
            &(struct kp_mqtt_publication){ h->state_topic, payload, strlen(payload), true }, NULL);
}

/* ---- commands ---- */
static enum kp_code command(struct sparkplug *h, const struct sp_node *node, const char *device,
                            Sparkplug__Metric *m, struct kp_err *err)
{
    Sparkplug__Payload p = SPARKPLUG__PAYLOAD__INIT;
    char topic[4 * SP_KEY_MAX];
    p.has_timestamp = m->has_timestamp = true;
    p.timestamp = m->timestamp = (uint64_t)(kp_coupling_utc(h->c) / KP_MILLISECOND);
    p.n_metrics = 1;
    p.metrics = &m;
    snprintf(topic, sizeof topic, "spBv1.0/%s/%s/%s%s%s", node->group, *device ? "DCMD" : "NCMD",
             node->name, *device ? "/" : "", device);
    size_t len = sparkplug__payload__get_packed_size(&p);
    uint8_t *bytes = kp_alloc(len + 1);
    if (!bytes)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    sparkplug__payload__pack(&p, bytes);
    kp_mqtt_send(&h->link,
                 &(struct kp_mqtt_publication){ .topic = topic, .payload = bytes, .len = len },
                 err);
    kp_free(bytes);
    return err->code;
}

static enum kp_code ask_rebirth(struct sparkplug *h, struct sp_node *node, int64_t now,
                                struct kp_err *err)
{
    static char name[] = "Node Control/Rebirth";
    Sparkplug__Metric m = SPARKPLUG__METRIC__INIT;
    m.name = name;
    m.has_datatype = true;
    m.datatype = KP_SP_BOOLEAN;
    m.value_case = SPARKPLUG__METRIC__VALUE_BOOLEAN_VALUE;
    m.boolean_value = true;
    node->asks = false;
    node->ask_at = now + ASK_EVERY;
    if (node->confirms)
        node->confirm_by = now + CONFIRM_WAIT;
    h->rebirths++;
    return command(h, node, "", &m, err);
}

/* Asks for the rebirths that are due, and gives up on who has not shown up. */
static enum kp_code look_after(struct sparkplug *h, struct kp_err *err)
{
    int64_t now = kp_coupling_mono(h->c);
    int asked = 0;
    for (uint32_t i = 0; i < h->n_nodes && !err->code; i++) {
        struct sp_node *node = &h->nodes[i];
        if (node->asks && now >= node->ask_at && asked++ < ASKS_MAX)
            ask_rebirth(h, node, now, err);
        else if (node->confirm_by && now > node->confirm_by)
            sp_node_gone(h, i, kp_coupling_utc(h->c), err);
    }
    for (uint32_t i = 0; i < h->n_devices && !err->code; i++)
        if (h->devices[i].born_by && now > h->devices[i].born_by)
            sp_device_gone(h, i, kp_coupling_utc(h->c), err);
    return err->code;
}

static enum kp_code write_value(struct kp_coupling *c, const struct kp_sample *s,
                                struct kp_err *err)
{
    struct sparkplug *h = kp_coupling_state(c);
    const struct sp_metric *to = NULL;
    Sparkplug__Metric m = SPARKPLUG__METRIC__INIT;
    struct kp_arena arena = { 0 };
    for (size_t i = 0; i < h->n_metrics && !to; i++)
        if (h->metrics[i].id == s->signal)
            to = &h->metrics[i];
    const struct sp_device *device = to ? &h->devices[to->device] : NULL;
    if (!to || !h->link.client || h->link.down)
        return kp_fail(err, KP_EPEER,
                       "the metric is not known now: there is no link, or no birth yet");
    if (!to->present || !device->born || !h->nodes[device->node].born)
        return kp_fail(err, KP_EPEER, "%.60s/%.60s is not online", h->nodes[device->node].name,
                       device->name);
    m.name = kp_arena_strdup(&arena, to->name);
    if (!m.name)
        kp_fail(err, KP_ENOMEM, "out of memory");
    else if (!kp_sparkplug_put(&s->value, to->type, &arena, &m, err) &&
             !command(h, &h->nodes[device->node], device->name, &m, err))
        kp_mqtt_turn(&h->link, 0, err);
    kp_arena_free(&arena);
    return err->code;
}

/* ---- life ---- */
static enum kp_code subscribe(struct sparkplug *h, struct kp_err *err)
{
    static const char *const types[] = { "NBIRTH", "NDATA", "NDEATH", "DBIRTH", "DDATA", "DDEATH" };
    enum { N = sizeof types / sizeof *types };
    char text[N][300];
    const char *filters[N + 1];
    size_t n = 0;
    for (size_t i = 0; i < N; i++) {
        snprintf(text[i], sizeof text[i], "spBv1.0/%s/%s/#", h->group, types[i]);
        filters[n++] = text[i];
    }
    if (h->state_topic[0])
        filters[n++] = h->state_topic;
    return kp_mqtt_subscribe(&h->link, filters, n, err);
}

static enum kp_code open_link(struct kp_coupling *c, struct kp_err *err)
{
    struct sparkplug *h = kp_coupling_state(c);
    struct kp_mqtt_publication will;
    struct kp_mqtt_address a;
    h->c = h->link.c = c;
    h->set = kp_coupling_settings(c);
    h->link.set = &h->set->link;
    h->link.take = sp_take;
    h->described = INT64_MIN / 2;
    kp_buf_init(&h->room, 16 << 20);
    if (kp_mqtt_address(kp_coupling_url(c), &a, err) || sp_load(h, err))
        return err->code;
    snprintf(h->group, sizeof h->group, "%s", *a.path ? a.path : "+");
    for (size_t i = 0; i < h->n_nodes; i++) /* births are not kept by the broker */
        h->nodes[i].asks = h->nodes[i].confirms = true;
    prepare_state(h, &will);
    bool up = !kp_mqtt_open(&h->link, err) && !subscribe(h, err) && !say_online(h, err);
    h->link.will = NULL;
    if (!up)
        return err->code;
    kp_coupling_online(c);
    describe(h);
    return KP_OK;
}

static enum kp_code step(struct kp_coupling *c, struct kp_err *err)
{
    struct sparkplug *h = kp_coupling_state(c);
    if (look_after(h, err) || (h->state_wanted && say_online(h, err)) ||
        kp_mqtt_turn(&h->link, h->unlisted ? 50 : 250, err) || sp_settle(h, err) ||
        kp_coupling_flush(c, err))
        return err->code;
    describe(h);
    return KP_OK;
}

static void close_link(struct kp_coupling *c)
{
    struct sparkplug *h = kp_coupling_state(c);
    say_offline(h);
    kp_mqtt_close(&h->link);
    kp_buf_free(&h->room);
    kp_free(h->pending);
    kp_arena_free(&h->pending_text);
    h->pending = NULL;
    h->n_pending = h->pending_room = 0;
    sp_registry_free(h);
}

static void wake(struct kp_coupling *c)
{
    struct sparkplug *h = kp_coupling_state(c);
    kp_mqtt_wake(&h->link);
}

const struct kp_coupling_class kp_sparkplug = {
    .name = "sparkplug",
    .schemes = "mqtt+sparkplug mqtts+sparkplug",
    .url_settings = true,
    .pauses = true,
    .settings_size = sizeof(struct sp_settings),
    .state_size = sizeof(struct sparkplug),
    .options = options,
    .check = check,
    .open = open_link,
    .step = step,
    .close = close_link,
    .write = write_value,
    .wake = wake,
};
