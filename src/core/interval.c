/* SPDX-License-Identifier: Apache-2.0 */
/* Intervals: the open ones are kept here, closed ones live in the file only. */
#include "core/model_private.h"

#include <string.h>

#include "core/ban.h"

static const char *const kinds[] = { "state", "job",   "program", "part", "stop",
                                     "shift", "batch", "alarm",   "gap" };
enum { KINDS = sizeof kinds / sizeof *kinds };

const char *kp_interval_kind_name(unsigned kind)
{
    return kind < KINDS ? kinds[kind] : "?";
}

bool kp_interval_kind_parse(const char *text, uint8_t *kind)
{
    for (uint8_t i = 0; text && i < KINDS; i++)
        if (strcmp(kinds[i], text) == 0) {
            *kind = i;
            return true;
        }
    return false;
}

static enum kp_code check(const struct kp_model *m, const struct kp_interval *v, struct kp_err *err)
{
    if (v->id < 0 || v->id == INT64_MAX)
        return kp_fail(err, KP_EINVALID, "%lld cannot be the number of an interval",
                       (long long)v->id);
    if (v->asset && !kp_model_asset(m, v->asset))
        return kp_fail(err, KP_ENOTFOUND, "there is no asset %u", v->asset);
    if (v->kind >= KINDS || !model_label_valid(v->label))
        return kp_fail(err, KP_EINVALID, "unknown kind of interval or label");
    if (v->end < v->start)
        return kp_fail(err, KP_EINVALID, "the interval ends before it starts");
    if (!v->attributes || v->attributes[0] != '{' ||
        !kp_utf8_valid(v->attributes, strlen(v->attributes)))
        return kp_fail(err, KP_EINVALID, "the attributes are not a JSON object");
    return KP_OK;
}

static size_t find(const struct kp_model *m, int64_t id)
{
    size_t i = 0;
    while (i < m->n_open && m->open[i]->id != id)
        i++;
    return i;
}

static struct kp_interval *copy(const struct kp_interval *v)
{
    size_t n = strlen(v->attributes) + 1;
    struct kp_interval *new = kp_alloc(sizeof *new + n);
    if (!new)
        return NULL;
    *new = *v;
    new->attributes = memcpy(new + 1, v->attributes, n);
    return new;
}

/* Takes the place of the open one of the same id, or goes when it is closed. Returns the old one.
 */
static struct kp_interval *place(struct kp_model *m, struct kp_interval *new)
{
    size_t i = find(m, new->id);
    struct kp_interval *old = i < m->n_open ? m->open[i] : NULL;
    if (new->end == KP_FOREVER) {
        m->open[i] = new;
        m->n_open += !old;
    } else if (old) {
        m->open[i] = m->open[--m->n_open];
    }
    if (new->id >= m->next_interval)
        m->next_interval = new->id + 1;
    return old;
}

int64_t kp_model_put_interval(struct kp_model *m, const struct kp_interval *v, struct kp_err *err)
{
    if (check(m, v, err))
        return 0;
    struct kp_interval *new = copy(v);
    pthread_rwlock_wrlock(&m->lock);
    bool room = new && (new->end != KP_FOREVER ||
                        kp_grow(&m->open, &m->open_capacity, m->n_open + 1, sizeof *m->open));
    struct kp_interval *old = NULL;
    if (room) {
        if (!new->id)
            new->id = m->next_interval;
        old = place(m, new);
    }
    pthread_rwlock_unlock(&m->lock);
    kp_free(old);
    if (!room) {
        kp_free(new);
        kp_fail(err, KP_ENOMEM, "out of memory");
        return 0;
    }
    int64_t id = new->id;
    model_tell(m, KP_INTERVAL_PUT, id, new);
    if (new->end != KP_FOREVER)
        kp_free(new);
    return id;
}

enum kp_code kp_model_remove_interval(struct kp_model *m, const struct kp_interval *v,
                                      struct kp_err *err)
{
    if (v->id <= 0)
        return kp_fail(err, KP_ENOTFOUND, "there is no interval %lld", (long long)v->id);
    struct kp_interval gone = *v; /* a closed one: what the caller knows of it */
    if (!gone.attributes)
        gone.attributes = "{}";
    pthread_rwlock_wrlock(&m->lock);
    size_t i = find(m, v->id);
    struct kp_interval *old = i < m->n_open ? m->open[i] : NULL;
    if (old)
        m->open[i] = m->open[--m->n_open];
    pthread_rwlock_unlock(&m->lock);
    model_tell(m, KP_INTERVAL_REMOVED, gone.id, old ? old : &gone);
    kp_free(old);
    return KP_OK;
}

void model_drop_intervals(struct kp_model *m, kp_asset a)
{
    for (size_t i = 0; i < m->n_open;)
        if (m->open[i]->asset == a)
            kp_model_remove_interval(m, m->open[i], NULL); /* the last one takes its place */
        else
            i++;
}

static bool below(const struct kp_model *m, kp_asset a, kp_asset top)
{
    while (a && a != top && kp_model_asset(m, a))
        a = kp_model_asset(m, a)->parent;
    return a == top;
}

void kp_model_open_intervals(const struct kp_model *m, kp_asset top,
                             bool (*each)(void *, const struct kp_interval *), void *arg)
{
    for (size_t i = 0; i < m->n_open; i++)
        if ((!top || below(m, m->open[i]->asset, top)) && !each(arg, m->open[i]))
            return;
}
