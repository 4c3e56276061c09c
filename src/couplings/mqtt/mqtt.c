/* SPDX-License-Identifier: Apache-2.0 */
/* The class: settings, and what happens from open to close. */
#include "couplings/mqtt/mqtt_private.h"

#include "core/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/ban.h"

static const struct kp_option options[] = {
    { .name = "map",
      .type = KP_OPT_MAP,
      .offset = offsetof(struct mqtt_settings, map),
      .help = "CSV of what is where: topic, path, field, time, type, unit, set-topic ..." },
    { .name = "topics",
      .type = KP_OPT_TEXT,
      .offset = offsetof(struct mqtt_settings, topics),
      .help = "without a map: topics to take everything of, parted by spaces; empty is #" },
    KP_MQTT_OPTIONS(struct mqtt_settings, link, "1d"),
    { 0 },
};

static enum kp_code check(const char *url, const void *settings, struct kp_err *err)
{
    const struct mqtt_settings *set = settings;
    struct kp_mqtt_address a;
    struct mqtt_routes routes = { 0 };
    struct mqtt_found found = { 0 };
    if (kp_mqtt_check(url, &set->link, err) || kp_mqtt_address(url, &a, err))
        return err->code;
    if (*a.path)
        return kp_fail(err, KP_EINVALID,
                       "'%.80s': an MQTT broker has no path; topics are a setting", a.path);
    if (!set->map || !*set->map)
        return mqtt_found_filters(&found, set->topics, err);
    if (set->topics && *set->topics)
        return kp_fail(err, KP_EINVALID,
                       "topics is for a coupling without a map: the map has its own");
    mqtt_routes_read(&routes, set->map, err);
    mqtt_routes_free(&routes);
    return err->code;
}

/* ---- what is shown ---- */
void mqtt_unread(struct mqtt *m, const char *topic, const struct kp_err *why)
{
    m->unread++;
    snprintf(m->unread_why, sizeof m->unread_why, "%.50s: %.60s", topic, why->text);
    kp_utf8_trim(m->unread_why);
    kp_warn("mqtt", "a message is of no use", "coupling=%s topic=%s why=%s",
            kp_log_quote(kp_coupling_name(m->c)), kp_log_quote(topic), kp_log_quote(why->text));
}

static void describe(struct mqtt *m)
{
    char link[40], found[120] = "", refused[60] = "", unread[240] = "", large[60] = "";
    if (kp_coupling_mono(m->c) - m->described < KP_SECOND && m->unread == m->told)
        return;
    m->described = kp_coupling_mono(m->c);
    m->told = m->unread;
    kp_mqtt_describe(&m->link, link, sizeof link);
    if (m->mapped)
        snprintf(found, sizeof found, "%zu topics, %zu signals%s", m->routes.n_topics,
                 m->routes.n_bounds, m->routes.full ? "; there are more than fit" : "");
    else
        snprintf(found, sizeof found, "%zu values found, %zu subscribed%s", m->found.n,
                 m->found.subscribed, m->found.full ? "; there are more than are listed" : "");
    if (m->link.refused)
        snprintf(refused, sizeof refused, "; %u topics refused", m->link.refused);
    if (m->link.oversized)
        snprintf(large, sizeof large, "; %" PRIu64 " messages too large", m->link.oversized);
    if (m->unread)
        snprintf(unread, sizeof unread, "; %" PRIu64 " messages of no use, see the log, last %s",
                 m->unread, m->unread_why);
    kp_coupling_note(m->c, "%s (%s)%s%s%s", found, link, refused, large, unread);
    kp_coupling_count(m->c, (uint32_t)(m->mapped ? m->routes.n_bounds : m->found.subscribed), 0,
                      m->link.refused);
}

/* ---- life ---- */
static enum kp_code take(struct kp_coupling *c, const struct kp_mqtt_message *list, size_t n,
                         struct kp_err *err)
{
    struct mqtt *m = kp_coupling_state(c);
    return m->mapped ? mqtt_routes_take(m, list, n, err) : mqtt_found_take(m, list, n, err);
}

static enum kp_code open_link(struct kp_coupling *c, struct kp_err *err)
{
    struct mqtt *m = kp_coupling_state(c);
    m->c = m->link.c = c;
    m->set = kp_coupling_settings(c);
    m->link.set = &m->set->link;
    m->link.take = take;
    m->mapped = m->set->map && *m->set->map;
    m->described = INT64_MIN / 2;
    if ((m->mapped ? mqtt_routes_open(m, err) : mqtt_found_open(m, err)) ||
        kp_mqtt_open(&m->link, err) ||
        (m->mapped ? kp_mqtt_subscribe(&m->link, m->routes.filters, m->routes.n_filters, err)
                   : kp_mqtt_subscribe(&m->link, m->found.filters, m->found.n_filters, err)))
        return err->code;
    kp_coupling_online(c);
    describe(m);
    return KP_OK;
}

static enum kp_code step(struct kp_coupling *c, struct kp_err *err)
{
    struct mqtt *m = kp_coupling_state(c);
    if (kp_mqtt_turn(&m->link, m->found.due ? 20 : 500, err) ||
        (!m->mapped && mqtt_found_turn(m, err)) || kp_coupling_flush(c, err))
        return err->code;
    describe(m);
    return KP_OK;
}

static void close_link(struct kp_coupling *c)
{
    struct mqtt *m = kp_coupling_state(c);
    kp_mqtt_close(&m->link);
    mqtt_routes_free(&m->routes);
    mqtt_found_free(&m->found);
    kp_arena_free(&m->value);
}

static enum kp_code write_value(struct kp_coupling *c, const struct kp_sample *s,
                                struct kp_err *err)
{
    struct mqtt *m = kp_coupling_state(c);
    if (!m->mapped)
        return kp_fail(err, KP_EINVALID,
                       "writing needs a map that says where to: its column set-topic");
    return mqtt_routes_write(m, s, err);
}

static void wake(struct kp_coupling *c)
{
    struct mqtt *m = kp_coupling_state(c);
    kp_mqtt_wake(&m->link);
}

const struct kp_coupling_class kp_mqtt = {
    .name = "mqtt",
    .schemes = "mqtt mqtts",
    .url_settings = true,
    .pauses = true,
    .settings_size = sizeof(struct mqtt_settings),
    .state_size = sizeof(struct mqtt),
    .options = options,
    .check = check,
    .open = open_link,
    .step = step,
    .close = close_link,
    .write = write_value,
    .wake = wake,
};
