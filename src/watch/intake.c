/* SPDX-License-Identifier: Apache-2.0 */
/* The hub's side: what posts want of each batch goes into a queue that the hub never waits for. */
#include "watch/watches_private.h"

#include <math.h>
#include <string.h>

#include "core/ban.h"

enum { BUDGET = 8 << 20 };
#define BEHIND (60 * KP_SECOND)

struct intake {
    struct kp_watches *watches;
    struct kp_queue *queue;
    atomic_bool resting, changed, missed; /* missed: an interval or a value had no room */
    pthread_mutex_t lock;        /* guards what follows; never held over anything slow */
    uint8_t *wanted;             /* by signal */
    size_t n_wanted;
    struct kp_watches_sum sum;
    int64_t lost_at; /* monotonic; 0: never */
};

static void drop(struct kp_msg *m)
{
    kp_free(m);
}

/* ---- hub thread ---- */
static bool wants(const struct intake *in, kp_signal id)
{
    return id < in->n_wanted && in->wanted[id];
}

static void put(struct block *b, const struct kp_sample *s)
{
    struct item *i = &b->item[b->n++];
    bool good = kp_status_severity(s->status) < 2;
    *i = (struct item){ .at = s->at, .signal = s->signal };
    if (!kp_value_number(&s->value, &i->value)) {
        i->value = NAN;
        i->kind = (s->value.type & ~KP_ARRAY) == KP_STRING ? ITEM_TEXT : ITEM_VALUE;
    }
    i->good = good && isfinite(i->value);
}

static struct block *pick(const struct intake *in, const struct kp_batch *b, const uint64_t *news)
{
    unsigned n = 0;
    for (unsigned i = 0; i < b->n; i++)
        n += news[i / 64] >> (i % 64) & 1 && wants(in, b->s[i].signal);
    struct block *out = n ? kp_alloc(sizeof *out + n * sizeof *out->item) : NULL;
    if (!out)
        return NULL;
    out->msg.kind = KP_MSG_BATCH;
    out->msg.cost = (uint32_t)(sizeof *out + n * sizeof *out->item);
    for (unsigned i = 0; i < b->n; i++)
        if (news[i / 64] >> (i % 64) & 1 && wants(in, b->s[i].signal))
            put(out, &b->s[i]);
    return out;
}

static void take(void *self, const struct kp_batch *b, const uint64_t *news)
{
    struct intake *in = self;
    pthread_mutex_lock(&in->lock);
    struct block *out = in->n_wanted ? pick(in, b, news) : NULL;
    pthread_mutex_unlock(&in->lock);
    if (!out)
        return;
    uint32_t n = out->n;
    bool taken = kp_queue_push(in->queue, &out->msg, 0);
    pthread_mutex_lock(&in->lock);
    in->sum.seen += n;
    in->sum.lost += taken ? 0 : n;
    if (!taken)
        in->lost_at = kp_mono(in->watches->clock);
    pthread_mutex_unlock(&in->lock);
    if (!taken) {
        atomic_store(&in->missed, true);
        drop(&out->msg);
    }
}

static void take_interval(struct intake *in, const struct kp_interval *v)
{
    size_t n = strlen(v->attributes) + 1;
    struct kp_interval_msg *m = kp_alloc(sizeof *m + n);
    if (m) {
        m->msg.kind = KP_MSG_INTERVAL;
        m->msg.cost = (uint32_t)(sizeof *m + n);
        m->interval = *v;
        m->interval.attributes = memcpy(m + 1, v->attributes, n);
    }
    if (m && kp_queue_push(in->queue, &m->msg, 0))
        return;
    kp_free(m);
    atomic_store(&in->missed, true);
}

static void on_change(void *self, enum kp_change change, int64_t id, const struct kp_interval *v)
{
    struct intake *in = self;
    (void)id;
    if (change == KP_INTERVAL_PUT) {
        if (atomic_load(&in->resting))
            return;
        if (v->kind == KP_INTERVAL_STATE || v->kind == KP_INTERVAL_PROGRAM ||
            v->kind == KP_INTERVAL_PART)
            take_interval(in, v);
    } else if (change != KP_INTERVAL_REMOVED) {
        atomic_store(&in->changed, true);
    }
}

/* ---- the thread of the watches ---- */
struct intake *intake_new(struct kp_watches *w, struct kp_err *err)
{
    struct intake *in = kp_alloc(sizeof *in);
    if (!in || !(in->queue = kp_queue_new(BUDGET, drop))) {
        kp_free(in);
        kp_fail(err, KP_ENOMEM, "out of memory");
        return NULL;
    }
    in->watches = w;
    pthread_mutex_init(&in->lock, NULL);
    kp_model_watch(w->model, (struct kp_watcher){ in, on_change });
    kp_hub_listen(w->hub, (struct kp_listener){ .self = in, .take = take });
    return in;
}

void intake_free(struct intake *in)
{
    if (!in)
        return;
    kp_queue_free(in->queue);
    pthread_mutex_destroy(&in->lock);
    kp_free(in->wanted);
    kp_free(in);
}

void intake_want(struct intake *in, uint8_t *wanted, size_t n)
{
    pthread_mutex_lock(&in->lock);
    uint8_t *old = in->wanted;
    in->wanted = wanted;
    in->n_wanted = n;
    pthread_mutex_unlock(&in->lock);
    kp_free(old);
}

void intake_rest(struct intake *in, bool resting)
{
    atomic_store(&in->resting, resting);
}

struct kp_msg *intake_next(struct intake *in, int timeout_ms)
{
    return kp_queue_pop(in->queue, timeout_ms);
}

void intake_close(struct intake *in)
{
    intake_want(in, NULL, 0);
    kp_queue_close(in->queue);
}

bool intake_call(struct intake *in, void (*fn)(void *), void *arg)
{
    return kp_queue_call(in->queue, fn, arg);
}

struct kp_watches_sum intake_sum(struct intake *in)
{
    int64_t now = kp_mono(in->watches->clock);
    pthread_mutex_lock(&in->lock);
    struct kp_watches_sum sum = in->sum;
    sum.behind = in->lost_at && now - in->lost_at < BEHIND;
    pthread_mutex_unlock(&in->lock);
    return sum;
}

bool intake_lost(struct intake *in)
{
    return atomic_exchange(&in->missed, false);
}

bool intake_changed(struct intake *in)
{
    return atomic_exchange(&in->changed, false);
}
