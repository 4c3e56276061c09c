/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/group.h"

#include <math.h>
#include <string.h>

#include "core/ban.h"

enum {
    SMOOTH = 3, /* rows of the median */
    INSIST = 4, /* rows past the limit that make an alarm */
};
static const double release = 0.75; /* of the limit, below which an alarm ends */

struct kp_group {
    size_t signals;
    uint32_t train, learnt;
    double *rows; /* while it learns; NULL afterwards */
    double *last; /* of each signal; NaN: none yet */
    struct kp_distance *distance;
    struct kp_distance_share *shares;
    double recent[SMOOTH]; /* the newest first */
    uint32_t past;         /* rows past the limit, one after the other */
    bool alarm;
};

static struct kp_group *make(size_t signals, uint32_t train, struct kp_err *err)
{
    struct kp_group *g = kp_alloc(sizeof *g);
    if (g && (g->last = kp_alloc(signals * sizeof *g->last)) &&
        (g->shares = kp_alloc(signals * sizeof *g->shares))) {
        g->signals = signals;
        g->train = train;
        for (size_t i = 0; i < signals; i++)
            g->last[i] = NAN;
        return g;
    }
    kp_group_free(g);
    kp_fail(err, KP_ENOMEM, "out of memory");
    return NULL;
}

struct kp_group *kp_group_new(size_t signals, uint32_t train, struct kp_err *err)
{
    struct kp_group *g = NULL;
    if (signals < KP_DISTANCE_LEAST || signals > KP_DISTANCE_MOST)
        kp_fail(err, KP_EINVALID, "%zu signals: a group has %d to %d", signals, KP_DISTANCE_LEAST,
                KP_DISTANCE_MOST);
    else if (train < KP_WATCH_TRAIN_LEAST || train > KP_GROUP_CELLS_MAX / signals)
        kp_fail(err, KP_EINVALID, "%u rows to learn from: with %zu signals it takes %d to %zu",
                train, signals, KP_WATCH_TRAIN_LEAST, KP_GROUP_CELLS_MAX / signals);
    else if ((g = make(signals, train, err)) &&
             !(g->rows = kp_alloc(train * signals * sizeof *g->rows))) {
        kp_group_free(g);
        g = NULL;
        kp_fail(err, KP_ENOMEM, "out of memory");
    }
    return g;
}

void kp_group_free(struct kp_group *g)
{
    if (!g)
        return;
    kp_distance_free(g->distance);
    kp_free(g->rows);
    kp_free(g->last);
    kp_free(g->shares);
    kp_free(g);
}

size_t kp_group_signals(const struct kp_group *g)
{
    return g->signals;
}

uint32_t kp_group_learnt(const struct kp_group *g)
{
    return g->learnt;
}

static double median(const double recent[SMOOTH])
{
    double a = recent[0], b = recent[1], c = recent[2];
    return fmax(fmin(a, b), fmin(fmax(a, b), c));
}

static double judge(struct kp_group *g)
{
    memmove(g->recent + 1, g->recent, (SMOOTH - 1) * sizeof *g->recent);
    g->recent[0] = kp_distance_step(g->distance, g->last);
    double ratio = median(g->recent);
    g->past = ratio > 1 ? g->past + 1 : 0;
    g->alarm = g->alarm ? ratio > release : g->past >= INSIST;
    return ratio;
}

static bool named(const struct kp_judgement *j, size_t signal)
{
    bool found = false;
    for (size_t k = 0; k < j->n_top; k++)
        found |= j->top[k].signal == signal;
    return found;
}

static void name_top(const struct kp_group *g, struct kp_judgement *j)
{
    kp_distance_explain(g->distance, g->shares);
    while (j->n_top < KP_WATCH_TOP && j->n_top < g->signals) {
        size_t best = SIZE_MAX;
        for (size_t i = 0; i < g->signals; i++)
            if (!named(j, i) && (best == SIZE_MAX || g->shares[i].share > g->shares[best].share))
                best = i;
        j->top[j->n_top++] = (struct kp_watch_reason){ best, g->shares[best].share, g->last[best],
                                                       g->shares[best].expected };
    }
}

static enum kp_code learn(struct kp_group *g, struct kp_err *err)
{
    memcpy(g->rows + g->learnt++ * g->signals, g->last, g->signals * sizeof *g->last);
    if (g->learnt < g->train)
        return KP_OK;
    struct kp_distance *made = kp_distance_new(g->rows, g->learnt, g->signals, err);
    if (!made) {
        g->learnt--; /* the next row tries again */
        return err->code;
    }
    g->distance = made;
    kp_free(g->rows);
    g->rows = NULL;
    return KP_OK;
}

enum kp_code kp_group_step(struct kp_group *g, const double *row, struct kp_judgement *j,
                           struct kp_err *err)
{
    bool whole = true;
    *j = (struct kp_judgement){ .state = KP_WATCH_LEARNING };
    for (size_t i = 0; i < g->signals; i++) {
        g->last[i] = isfinite(row[i]) ? row[i] : g->last[i];
        whole &= !isnan(g->last[i]);
    }
    if (g->rows)
        return whole ? learn(g, err) : KP_OK;
    double ratio = judge(g);
    j->score = ratio / (ratio + 1);
    j->alarm = g->alarm;
    j->state = g->alarm ? KP_WATCH_FROZEN : KP_WATCH_ACTIVE;
    if (g->alarm)
        name_top(g, j);
    return KP_OK;
}

void kp_group_accept(struct kp_group *g)
{
    if (g->distance)
        kp_distance_accept(g->distance);
    memset(g->recent, 0, sizeof g->recent);
    g->past = 0;
    g->alarm = false;
}

void kp_group_reject(struct kp_group *g)
{
    if (g->distance)
        kp_distance_reject(g->distance);
}

/* ---- keeping ---- */
struct kept { /* what stands in front; then the last values, then the distance */
    uint32_t magic, version, signals, train, learnt, past, alarm, unused;
    double recent[SMOOTH];
};
enum { MAGIC = 0x6b705747, VERSION = 2 }; /* of another order of bytes, the magic is another */

void kp_group_save(const struct kp_group *g, struct kp_buf *out)
{
    struct kept head = { MAGIC, VERSION, (uint32_t)g->signals, g->train, 0, g->past, g->alarm,
                         0,     { 0 } };
    memcpy(head.recent, g->recent, sizeof head.recent);
    head.learnt = g->distance ? g->learnt : 0;
    kp_buf_add(out, &head, sizeof head);
    if (!g->distance)
        return;
    kp_buf_add(out, g->last, g->signals * sizeof *g->last);
    kp_distance_save(g->distance, out);
}

static bool sound(const struct kept *head, size_t size)
{
    bool ok = head->signals >= KP_DISTANCE_LEAST && head->signals <= KP_DISTANCE_MOST &&
              head->alarm <= 1 && size >= (head->learnt ? head->signals * sizeof(double) : 0);
    for (size_t i = 0; i < SMOOTH; i++)
        ok &= head->recent[i] >= 0 && isfinite(head->recent[i]);
    return ok;
}

static void restore(struct kp_group *g, const struct kept *head, const char *data, size_t size,
                    struct kp_err *err)
{
    const size_t last = g->signals * sizeof *g->last;
    g->distance = kp_distance_load(data + last, size - last, g->signals, err);
    memcpy(g->last, data, last);
    for (size_t i = 0; i < g->signals; i++)
        if (!isfinite(g->last[i]))
            kp_fail(err, KP_EPARSE, "what was kept of a group was changed");
    memcpy(g->recent, head->recent, sizeof g->recent);
    g->learnt = head->learnt;
    g->past = head->past;
    g->alarm = head->alarm;
}

struct kp_group *kp_group_load(const void *data, size_t size, struct kp_err *err)
{
    struct kept head = { 0 };
    struct kp_group *g = NULL;
    if (size >= sizeof head)
        memcpy(&head, data, sizeof head);
    if (head.magic != MAGIC || head.version != VERSION)
        kp_fail(err, KP_EPARSE, "what was kept of a group is of another version");
    else if (!sound(&head, size - sizeof head))
        kp_fail(err, KP_EPARSE, "what was kept of a group was changed");
    else if (!head.learnt)
        return kp_group_new(head.signals, head.train, err);
    else if ((g = make(head.signals, head.train, err)))
        restore(g, &head, (const char *)data + sizeof head, size - sizeof head, err);
    if (g && !err->code)
        return g;
    kp_group_free(g);
    return NULL;
}
