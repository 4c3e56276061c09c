/* SPDX-License-Identifier: Apache-2.0 */
/* Prometheus text exposition format 0.0.4. */
#include "web/routes.h"

#include <inttypes.h>
#include <stdio.h>

#include "core/ban.h"

static void head(struct kp_buf *out, const char *name, const char *type, const char *help)
{
    kp_buf_printf(out, "# HELP koppel_%s %s\n# TYPE koppel_%s %s\n", name, help, name, type);
}

static void metric(struct kp_buf *out, const char *name, const char *type, const char *help, double value)
{
    head(out, name, type, help);
    kp_buf_printf(out, "koppel_%s %.17g\n", name, value);
}

/* A label's value: backslash, quote and newline are escaped. */
static void put_label(struct kp_buf *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '\\' || *text == '"')
            kp_buf_add(out, "\\", 1);
        kp_buf_add(out, *text == '\n' ? "\\n" : text, *text == '\n' ? 2 : 1);
    }
}

static void put_hub(struct kp_buf *out, struct kp_hub *hub)
{
    struct kp_hub_stats s = kp_hub_stats(hub);
    metric(out, "samples_total", "counter", "Samples taken in.", (double)s.samples);
    metric(out, "samples_stored_total", "counter", "Samples handed to the history.", (double)s.stored);
    metric(out, "samples_lost_total", "counter", "Samples the history had no room for.", (double)s.lost);
    metric(out, "samples_duplicate_total", "counter", "Samples delivered again by a machine.",
           (double)s.duplicates);
    metric(out, "hub_queue_bytes", "gauge", "Bytes waiting for the hub.", (double)s.queued);
    metric(out, "subscribers", "gauge", "Live streams and other subscribers.", s.subscribers);
}

static void put_store(struct kp_buf *out, struct kp_store *store)
{
    struct kp_store_stats s = kp_store_stats(store);
    metric(out, "store_samples_total", "counter", "Samples committed to the data file.", (double)s.samples);
    metric(out, "store_commits_total", "counter", "Commits of the data file.", (double)s.commits);
    metric(out, "store_sealed_points_total", "counter", "Points sealed into chunks.", (double)s.sealed_points);
    metric(out, "store_write_errors_total", "counter", "Commits that failed and were tried again.",
           (double)s.write_errors);
    metric(out, "store_queue_bytes", "gauge", "Bytes waiting for the disk.", (double)s.queued);
    metric(out, "store_file_bytes", "gauge", "Size of the data file.", (double)s.file_bytes);
    metric(out, "store_wal_bytes", "gauge", "Size of the write-ahead log.", (double)s.wal_bytes);
    metric(out, "store_journal_bytes", "gauge", "Bytes in the journal, not yet sealed.", (double)s.journal_bytes);
    metric(out, "store_stalled", "gauge", "1 while the disk takes no writes.", s.stalled);
}

static double online(const struct kp_coupling_status *s)
{
    return s->link == KP_LINK_ONLINE;
}
static double samples(const struct kp_coupling_status *s)
{
    return (double)s->samples;
}
static double lost(const struct kp_coupling_status *s)
{
    return (double)s->lost;
}
static double waits(const struct kp_coupling_status *s)
{
    return (double)s->waits;
}
static double bad(const struct kp_coupling_status *s)
{
    return (double)s->bad;
}
static double failures(const struct kp_coupling_status *s)
{
    return (double)s->failures;
}
static double items(const struct kp_coupling_status *s)
{
    return s->items;
}

/* One family over all couplings. */
static const struct family {
    const char *name, *type, *help;
    double (*read)(const struct kp_coupling_status *);
} families[] = {
    { "coupling_online", "gauge", "1 while the link is up.", online },
    { "coupling_samples_total", "counter", "Samples handed to the hub.", samples },
    { "coupling_lost_total", "counter", "Samples known lost at the source or on the way.", lost },
    { "coupling_waits_total", "counter", "Times the coupling waited for the hub.", waits },
    { "coupling_bad_total", "counter", "Samples with a bad status.", bad },
    { "coupling_failures_total", "counter", "Times the link failed.", failures },
    { "coupling_items", "gauge", "Items subscribed at the peer.", items },
};

static void put_couplings(struct kp_buf *out, const struct kp_coupling_view *list, size_t n)
{
    for (size_t f = 0; n && f < sizeof families / sizeof families[0]; f++) {
        head(out, families[f].name, families[f].type, families[f].help);
        for (size_t i = 0; i < n; i++) {
            kp_buf_printf(out, "koppel_%s{coupling=\"", families[f].name);
            put_label(out, list[i].name);
            kp_buf_printf(out, "\"} %.17g\n", families[f].read(&list[i].status));
        }
    }
}

/* Resident memory in bytes; 0 when the system does not say. */
static double resident(void)
{
    FILE *f = fopen("/proc/self/statm", "re");
    unsigned long whole, pages = 0;
    if (!f)
        return 0;
    if (fscanf(f, "%lu %lu", &whole, &pages) != 2)
        pages = 0;
    fclose(f);
    return (double)pages * 4096;
}

enum kp_code kp_route_metrics(struct kp_request *r, struct kp_err *err)
{
    struct kp_coupling_view *list;
    size_t n;
    if (kp_node_couplings(r->node, NULL, &r->arena, &list, &n, err))
        return err->code;
    struct kp_hub *hub = kp_node_hub(r->node);
    struct kp_buf *out = &r->reply.body;
    r->reply.type = "text/plain; version=0.0.4; charset=utf-8";
    head(out, "info", "gauge", "The node and its version.");
    kp_buf_str(out, "koppel_info{node=\"");
    put_label(out, kp_node_name(r->node));
    kp_buf_printf(out, "\",version=\"%s\"} 1\n", KOPPEL_VERSION);
    metric(out, "start_time_seconds", "gauge", "When the node started, since 1970 UTC.",
           (double)kp_node_started(r->node) / 1e9);
    metric(out, "resident_memory_bytes", "gauge", "Resident memory.", resident());
    kp_model_lock(kp_hub_model(hub));
    size_t assets = kp_model_count_assets(kp_hub_model(hub)), signals = kp_model_count_signals(kp_hub_model(hub));
    kp_model_unlock(kp_hub_model(hub));
    metric(out, "assets", "gauge", "Assets in the model.", (double)assets);
    metric(out, "signals", "gauge", "Signals in the model.", (double)signals);
    put_hub(out, hub);
    put_store(out, kp_node_store(r->node));
    put_couplings(out, list, n);
    return KP_OK;
}
