/* SPDX-License-Identifier: Apache-2.0 */
/* Holes in the history, as intervals of kind gap: a link is down, or the store takes nothing. */
#include "core/hub_private.h"

#include "core/json.h"
#include "core/log.h"

#include "core/ban.h"

enum { ATTRIBUTES_MAX = 16 << 10 };
static const char link_down[] = "link down", stalled[] = "store-stalled";

bool gap_put(struct kp_hub *h, struct gap *g, int64_t end, const char *coupling, const char *reason)
{
    struct kp_buf text;
    kp_buf_init(&text, ATTRIBUTES_MAX);
    struct kp_json j = kp_json(&text);
    kp_json_begin(&j, '{');
    if (coupling)
        kp_json_put_text(&j, "coupling", coupling);
    kp_json_put_text(&j, "reason", reason);
    if (g->lost && end != KP_FOREVER) {
        kp_json_key(&j, "lost");
        kp_json_uint(&j, g->lost);
    }
    kp_json_end(&j, '}');
    /* the asset may have gone meanwhile, and the clock may have been set back */
    struct kp_interval v = { .id = g->id,
                             .asset = kp_model_asset(h->model, g->asset) ? g->asset : 0,
                             .kind = KP_INTERVAL_GAP,
                             .start = g->start,
                             .end = end < g->start ? g->start : end,
                             .attributes = kp_buf_text(&text) };
    int64_t id = kp_model_put_interval(h->model, &v, NULL);
    kp_buf_free(&text);
    if (id)
        g->id = id;
    return id;
}

/* ---- a link that is down ---- */
static void now_stale(void *self, kp_signal id)
{
    subscribers_status(self, id);
}

static void mark_stale(struct kp_hub *h, uint16_t coupling)
{
    kp_signal from = 0;
    while (kp_model_mark_stale(h->model, coupling, &from, KP_MODEL_SLICE, now_stale, h))
        ;
}

static bool has_signals(const struct kp_model *m, uint16_t coupling)
{
    for (kp_signal s = 1; s < kp_model_signal_end(m); s++)
        if (kp_model_signal(m, s) && kp_model_signal(m, s)->coupling == coupling)
            return true;
    return false;
}

static void close_link(struct kp_hub *h, struct kp_coupling *c, int64_t end)
{
    if (c->link.id && gap_put(h, &c->link, end, c->name, link_down))
        c->link = (struct gap){ 0 };
}

static void open_link(struct kp_hub *h, struct kp_coupling *c, int64_t since)
{
    c->nothing_to_miss = !has_signals(h->model, c->id);
    if (c->nothing_to_miss)
        return;
    c->link = (struct gap){ .start = since, .asset = kp_model_find_asset(h->model, c->at) };
    gap_put(h, &c->link, KP_FOREVER, c->name, link_down);
}

/* A link that failed leaves a gap from then on; one that is down for a while, however it came to
 * that, has stale signals too. One that a person switched off leaves no gap. */
void gap_link(struct kp_hub *h, struct kp_coupling *c)
{
    pthread_mutex_lock(&c->lock);
    uint64_t downs = c->downs;
    int64_t down = c->down_since, down_utc = c->down_utc, since = c->status.since;
    bool failed = c->failed, off = c->status.link == KP_LINK_OFF,
         up = c->status.link == KP_LINK_ONLINE;
    pthread_mutex_unlock(&c->lock);
    if (up) {
        close_link(h, c, since);
        return;
    }
    if (c->seen != downs) /* it may have been up between two looks */
        c->marked_stale = c->nothing_to_miss = false;
    c->seen = downs;
    bool long_down = kp_mono(h->clock) - down >= h->stale_after;
    if (!c->link.id && !c->nothing_to_miss && !off && (failed || long_down))
        open_link(h, c, down_utc);
    if (long_down && !c->marked_stale) {
        c->marked_stale = true;
        mark_stale(h, c->id);
        states_cut_off(h, c->id, down_utc);
    }
}

/* ---- a sink without room ---- */
static void close_stall(struct kp_hub *h, struct gap *g, const char *coupling)
{
    if (g->lost && gap_put(h, g, kp_utc(h->clock), coupling, stalled))
        *g = (struct gap){ 0 };
}

void gap_stalled(struct kp_hub *h, struct kp_coupling *c, unsigned lost)
{
    struct gap *g = c ? &c->stall : &h->stall;
    if (!h->stalled)
        kp_warn("hub", "the store has no room, samples are lost", "%s", "");
    h->stalled = true;
    if (!g->lost) {
        *g = (struct gap){ .start = kp_utc(h->clock),
                           .asset = c ? kp_model_find_asset(h->model, c->at) : 0 };
        gap_put(h, g, KP_FOREVER, c ? c->name : NULL, stalled);
    }
    g->lost += lost;
}

void gap_stop(struct kp_hub *h)
{
    struct kp_coupling *c;
    h->stalled = false;
    close_stall(h, &h->stall, NULL);
    h->stalled |= h->stall.lost != 0; /* no memory to close it: with the next batch */
    for (size_t i = 0; (c = hub_nth(h, i)); i++) {
        close_stall(h, &c->stall, c->name);
        h->stalled |= c->stall.lost != 0;
    }
}

void gap_flowing(struct kp_hub *h)
{
    if (!h->stalled)
        return;
    kp_info("hub", "the store takes samples again", "%s", "");
    gap_stop(h);
}

void gap_leave(struct kp_hub *h, struct kp_coupling *c)
{
    int64_t now = kp_utc(h->clock);
    mark_stale(h, c->id);
    states_cut_off(h, c->id, now);
    close_link(h, c, now);
    close_stall(h, &c->stall, c->name);
}
