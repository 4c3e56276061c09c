/* SPDX-License-Identifier: Apache-2.0 */
/* The latest values. kp_model_take is the hot path: every sample of every machine comes through it.
 */
#include "core/model_private.h"

#include <string.h>

#include "core/ban.h"

void model_live_forget(struct live *l)
{
    if (l->room)
        kp_free((void *)(uintptr_t)l->value.data);
    *l = (struct live){ 0 };
}

/* Room for n bytes behind the value; keeps what is there. False: out of memory. */
static bool live_room(struct live *l, uint32_t n)
{
    if (n <= l->room)
        return true;
    uint32_t room = n < 16 ? 16 : n;
    char *p = kp_realloc(l->room ? (void *)(uintptr_t)l->value.data : NULL, room);
    if (!p)
        return false;
    l->value.data = p;
    l->room = room;
    return true;
}

static bool live_set(struct live *l, const struct kp_sample *s, int64_t arrived)
{
    if (kp_type_indirect(s->value.type)) {
        if (!live_room(l, s->value.len ? s->value.len : 1))
            return false;
        const void *data = l->value.data;
        if (s->value.len) /* an empty text may come without data */
            memcpy((void *)(uintptr_t)data, s->value.data, s->value.len);
        l->value = s->value;
        l->value.data = data;
    } else if (l->room) { /* a text signal that says null or a number: the room goes */
        kp_free((void *)(uintptr_t)l->value.data);
        l->room = 0;
        l->value = s->value;
    } else {
        l->value = s->value;
    }
    l->at = s->at;
    l->status = s->status;
    l->arrived = arrived;
    l->known = true;
    l->stale = false;
    return true;
}

static void set_bit(uint64_t *bits, unsigned i)
{
    bits[i / 64] |= UINT64_C(1) << (i % 64);
}

enum { SET_BACK_AFTER = 3 };

/* Whether a sample that is older than the latest is only late. The third of a row says that the clock was set
 * back: the latest value must not stand still until the old time comes again. */
static bool is_late(struct live *l, const struct kp_sample *s, struct kp_taken *t)
{
    if (!l->known || l->stale || s->at >= l->at) {
        l->late = 0;
        return false;
    }
    l->late = l->late && s->at > l->late_at ? l->late + 1 : 1;
    l->late_at = s->at;
    t->late++;
    if (l->late < SET_BACK_AFTER)
        return true;
    if (l->at > l->high)
        l->high = l->at;
    l->late = 0;
    t->set_back++;
    if (__builtin_sub_overflow(l->high, s->at, &t->set_back_by))
        t->set_back_by = INT64_MAX;
    return false;
}

static void take_one(struct live *l, struct kp_sample *s, const struct kp_batch *b, unsigned i,
                     struct kp_taken *t)
{
    if (b->historic) {
        if (l->stored)
            set_bit(t->keep, i);
        return;
    }
    if (l->high && s->at > l->high)
        l->high = 0;
    if (l->high)
        s->status = kp_status_doubt(s->status); /* its time was used before */
    if (l->known && s->at == l->at && s->status == l->status &&
        kp_value_equal(&s->value, &l->value)) {
        t->duplicates++;
        if (l->stale)
            set_bit(t->news, i);
        l->stale = false;
        return;
    }
    if (l->stored)
        set_bit(t->keep, i);
    if (is_late(l, s, t))
        return; /* history only */
    if (l->high)
        s->status = kp_status_doubt(s->status);
    if (live_set(l, s, b->arrived))
        set_bit(t->news, i);
}

void kp_model_take(struct kp_model *m, struct kp_batch *b, struct kp_taken *t)
{
    *t = (struct kp_taken){ 0 };
    pthread_rwlock_wrlock(&m->lock);
    for (unsigned i = 0; i < b->n; i++) {
        kp_signal id = b->s[i].signal;
        if (id < m->signals_end && m->signals[id])
            take_one(&m->live[id], &b->s[i], b, i, t);
        else
            t->unknown++;
    }
    pthread_rwlock_unlock(&m->lock);
}

enum kp_code kp_model_restore(struct kp_model *m, const struct kp_sample *s, struct kp_err *err)
{
    if (!kp_model_signal(m, s->signal))
        return KP_OK; /* removed since */
    pthread_rwlock_wrlock(&m->lock);
    struct live *l = &m->live[s->signal];
    bool done = live_set(l, s, s->at);
    l->stale = true;
    pthread_rwlock_unlock(&m->lock);
    return done ? KP_OK : kp_fail(err, KP_ENOMEM, "out of memory");
}

bool kp_model_mark_stale(struct kp_model *m, uint16_t coupling, kp_signal *from, unsigned n,
                         void (*each)(void *, kp_signal), void *arg)
{
    kp_signal first = *from ? *from : 1, end = (kp_signal)m->signals_end;
    kp_signal last = end - first > n ? first + n : end;
    uint64_t marked[KP_MODEL_SLICE / 64 + 1] = { 0 };
    if (last - first > KP_MODEL_SLICE)
        last = first + KP_MODEL_SLICE;
    pthread_rwlock_wrlock(&m->lock);
    for (kp_signal id = first; id < last; id++)
        if (m->signals[id] && m->signals[id]->coupling == coupling && m->live[id].known &&
            !m->live[id].stale) {
            m->live[id].stale = true;
            set_bit(marked, id - first);
        }
    pthread_rwlock_unlock(&m->lock);
    for (kp_signal id = first; id < last; id++)
        if (marked[(id - first) / 64] >> ((id - first) % 64) & 1)
            each(arg, id);
    *from = last;
    return last < end;
}

struct kp_now kp_model_now(const struct kp_model *m, kp_signal id)
{
    if (id >= m->signals_end || !m->signals[id])
        return (
            struct kp_now){ .sample = { .signal = id, .status = KP_BAD_WAITING_FOR_INITIAL_DATA } };
    const struct live *l = &m->live[id];
    struct kp_now now = { .sample = { id, l->status, l->at, l->value },
                          .arrived = l->arrived,
                          .stale = l->stale,
                          .known = l->known };
    if (!l->known)
        now.sample.status = KP_BAD_WAITING_FOR_INITIAL_DATA;
    else if (l->stale)
        now.sample.status = KP_BAD_NO_COMMUNICATION;
    return now;
}
