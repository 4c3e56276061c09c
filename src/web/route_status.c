/* SPDX-License-Identifier: Apache-2.0 */
/* How the node itself is. */
#include "alarm/alarm.h"
#include "web/routes.h"

#include "store/backup.h"
#include "net/json_memory.h"

#include <jansson.h>

#include "core/ban.h"

static void put_count(struct kp_json *j, const char *key, uint64_t n)
{
    kp_json_key(j, key);
    kp_json_uint(j, n);
}

static void put_hub(struct kp_json *j, struct kp_hub *hub)
{
    struct kp_hub_stats s = kp_hub_stats(hub);
    kp_json_key(j, "hub");
    kp_json_begin(j, '{');
    put_count(j, "samples", s.samples);
    put_count(j, "batches", s.batches);
    put_count(j, "stored", s.stored);
    put_count(j, "duplicates", s.duplicates);
    put_count(j, "unknown", s.unknown);
    put_count(j, "lost", s.lost);
    put_count(j, "queued", s.queued);
    put_count(j, "subscribers", s.subscribers);
    kp_json_end(j, '}');
}

static void put_store(struct kp_json *j, struct kp_store *store)
{
    struct kp_store_stats s = kp_store_stats(store);
    kp_json_key(j, "store");
    kp_json_begin(j, '{');
    put_count(j, "samples", s.samples);
    put_count(j, "commits", s.commits);
    put_count(j, "sealedPoints", s.sealed_points);
    put_count(j, "chunks", s.chunks);
    put_count(j, "journalBytes", s.journal_bytes);
    put_count(j, "journalRows", s.journal_rows);
    put_count(j, "fileBytes", s.file_bytes);
    put_count(j, "walBytes", s.wal_bytes);
    put_count(j, "duplicates", s.duplicates);
    put_count(j, "replaced", s.replaced);
    put_count(j, "merged", s.merged);
    put_count(j, "expiredPoints", s.expired_points);
    put_count(j, "expiredBytes", s.expired_bytes);
    put_count(j, "refused", s.refused);
    put_count(j, "writeErrors", s.write_errors);
    put_count(j, "queued", s.queued);
    kp_json_put_time(j, "lastCommit", s.last_commit);
    kp_json_put_int(j, "commitEveryMs", s.commit_every / KP_MILLISECOND);
    kp_json_put_bool(j, "stalled", s.stalled);
    kp_json_put_text(j, "stalledWhy", s.stalled ? s.stalled_why : NULL);
    kp_json_end(j, '}');
}

static void put_backup(struct kp_json *j, struct kp_store *store)
{
    struct kp_backup_state s = kp_backup_state(store);
    kp_json_key(j, "backup");
    kp_json_begin(j, '{');
    kp_json_put_bool(j, "running", s.running);
    kp_json_put_bool(j, "proving", s.proving);
    put_count(j, "doneBytes", (uint64_t)s.done);
    put_count(j, "totalBytes", (uint64_t)s.total);
    kp_json_end(j, '}');
}

/* Alarms open at the root that the node tells of itself, copied under the lock and written after it.
 * What others tell of it there stands in the list of alarms alone, which asks the gate. */
struct conditions {
    struct kp_arena *arena;
    struct condition {
        struct condition *next;
        const char *attributes;
        int64_t since;
    } *first;
};

static bool collect(void *arg, const struct kp_interval *v)
{
    struct conditions *c = arg;
    if (v->asset != 0 || v->kind != KP_INTERVAL_ALARM)
        return true;
    struct condition *one = kp_arena_alloc(c->arena, sizeof *one);
    if (!one)
        return false;
    *one = (struct condition){ c->first, kp_arena_strdup(c->arena, v->attributes), v->start };
    c->first = one;
    return true;
}

static void put_condition(struct kp_json *j, const json_t *attributes, int64_t since)
{
    kp_json_begin(j, '{');
    kp_json_put_text(j, "key", json_string_value(json_object_get(attributes, "key")));
    kp_json_put_text(j, "text", json_string_value(json_object_get(attributes, "text")));
    kp_json_put_time(j, "since", since);
    kp_json_end(j, '}');
}

static void put_conditions(struct kp_request *r, struct kp_json *j)
{
    struct conditions c = { .arena = &r->arena };
    struct kp_model *m = kp_hub_model(kp_node_hub(r->node));
    kp_model_lock(m);
    kp_model_open_intervals(m, 0, collect, &c);
    kp_model_unlock(m);
    kp_json_key(j, "conditions");
    kp_json_begin(j, '[');
    for (struct condition *one = c.first; one; one = one->next) {
        json_t *a = one->attributes ? kp_json_load(one->attributes, strlen(one->attributes), 0, NULL) : NULL;
        if (!json_object_get(a, "coupling"))
            put_condition(j, a, one->since);
        json_decref(a);
    }
    kp_json_end(j, ']');
}

static enum kp_code put_couplings(struct kp_request *r, struct kp_json *j, struct kp_err *err)
{
    struct kp_coupling_view *list;
    size_t n, online = 0;
    if (kp_node_couplings(r->node, NULL, &r->arena, &list, &n, err))
        return err->code;
    for (size_t i = 0; i < n; i++)
        online += list[i].status.link == KP_LINK_ONLINE;
    kp_json_key(j, "couplings");
    kp_json_begin(j, '{');
    put_count(j, "total", n);
    put_count(j, "online", online);
    kp_json_end(j, '}');
    return KP_OK;
}

enum kp_code kp_route_status(struct kp_request *r, struct kp_err *err)
{
    struct kp_hub *hub = kp_node_hub(r->node);
    struct kp_model *m = kp_hub_model(hub);
    int64_t started = kp_node_started(r->node);
    kp_model_lock(m);
    size_t assets = kp_model_count_assets(m), signals = kp_model_count_signals(m);
    uint64_t version = kp_model_version(m);
    kp_model_unlock(m);
    struct kp_json j = kp_reply_json(r);
    kp_json_begin(&j, '{');
    kp_json_put_text(&j, "node", kp_node_name(r->node));
    kp_json_put_text(&j, "version", KOPPEL_VERSION);
    put_count(&j, "port", r->port);
    kp_json_put_time(&j, "started", started);
    kp_json_put_time(&j, "now", r->now);
    kp_json_put_int(&j, "uptimeSeconds", r->now > started ? (r->now - started) / KP_SECOND : 0);
    put_count(&j, "assets", assets);
    put_count(&j, "signals", signals);
    put_count(&j, "modelVersion", version);
    if (put_couplings(r, &j, err))
        return err->code;
    put_hub(&j, hub);
    put_store(&j, kp_node_store(r->node));
    put_backup(&j, kp_node_store(r->node));
    put_conditions(r, &j);
    struct kp_alarm_counts alarms = kp_alarms_count(kp_node_alarms(r->node));
    kp_json_key(&j, "alarms");
    kp_json_begin(&j, '{');
    put_count(&j, "unacknowledged", alarms.unacknowledged);
    put_count(&j, "active", alarms.active);
    put_count(&j, "shelved", alarms.shelved);
    put_count(&j, "dropped", alarms.dropped);
    kp_json_end(&j, '}');
    kp_json_end(&j, '}');
    return KP_OK;
}
