/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of cycles, as bytes. */
#include "watch/cycle_private.h"

#include <math.h>
#include <string.h>

#include "core/ban.h"

struct kept { /* what stands in front; then the row of the odd cycle, each kind: its head, then lesson or courses */
    uint32_t magic, version, channels, kinds;
    uint64_t clock, last_key;
    int64_t last_end;
    double last_duration, odd_ratio;
    uint64_t odd_key, odd_what;
    double odd_band[4];
};
enum { MAGIC = 0x6b705743, VERSION = 2 }; /* of another order of bytes, the magic is another */

/* What of a kind stands behind its head: rows learnt so far, or courses. */
static size_t body(const struct kp_cycles *c, const struct head *is, bool *learns)
{
    *learns = is->known < LEARN;
    return *learns ? is->known * cycle_width(c) * sizeof(double) : c->channels * sizeof(struct course);
}

void kp_cycles_save(const struct kp_cycles *c, struct kp_buf *out)
{
    struct kept head = { MAGIC,         VERSION,          c->channels,  0,          c->clock,   c->last_key,
                         c->last_end,   c->last_duration, c->odd.ratio, c->odd.key, c->odd.what, { 0 } };
    memcpy(head.odd_band, c->odd.band, sizeof head.odd_band);
    for (int i = 0; i < KINDS; i++)
        head.kinds += c->kind[i].is.used > 0;
    kp_buf_add(out, &head, sizeof head);
    kp_buf_add(out, c->odd.row, cycle_width(c) * sizeof *c->odd.row);
    for (const struct kind *k = c->kind; k < c->kind + KINDS; k++) {
        bool learns;
        size_t n = body(c, &k->is, &learns);
        if (!k->is.used)
            continue;
        kp_buf_add(out, &k->is, sizeof k->is);
        kp_buf_add(out, learns ? (const void *)k->lesson : k->course, n);
    }
}

static bool sound_measure(const struct measure *m)
{
    return fabs(m->learnt) <= 1000 && fabs(m->low) <= 1000 && fabs(m->high) <= 1000 &&
           m->low <= m->high && fabs(m->now) <= 1000 && m->spread > 0 && m->spread <= 1000 &&
           fabs(m->steady_low) <= 1000 && fabs(m->steady_high) <= 1000 && m->up >= 0 &&
           m->up <= 2 * CYCLE_CREPT && m->down >= 0 && m->down <= 2 * CYCLE_CREPT;
}

/* In both there are only doubles that are finite. */
static bool sound_numbers(const void *data, size_t size)
{
    const double *v = data;
    bool ok = true;
    for (size_t i = 0; i < size / sizeof *v; i++)
        ok &= fabs(v[i]) <= CYCLE_FARTHEST;
    return ok;
}

static bool sound_course(const struct course *o)
{
    bool ok = sound_numbers(o, sizeof *o) && o->near >= 0 && o->near_spread >= 0;
    for (int p = 0; p < PARTS; p++)
        ok &= o->spread[p] >= 0 && o->allowed[p] >= 0;
    return ok;
}

/* A kind from *data on, which is moved behind it. */
static bool restore(struct kp_cycles *c, const char **data, size_t *size, struct kp_err *err)
{
    struct head is;
    bool learns, ok = *size >= sizeof is;
    if (ok)
        memcpy(&is, *data, sizeof is);
    if (!ok || !is.used || is.used > c->clock || is.alarm > 1 || cycle_find(c, is.key)->is.used)
        return kp_fail(err, KP_EPARSE, "what was kept of cycles was changed"), false;
    size_t n = body(c, &is, &learns);
    if (*size - sizeof is < n)
        return kp_fail(err, KP_EPARSE, "what was kept of cycles is cut off"), false;
    struct kind *k = cycle_meet(c, is.key);
    if (!k)
        return kp_fail(err, KP_ENOMEM, "out of memory"), false;
    memcpy(learns ? (void *)k->lesson : k->course, *data + sizeof is, n);
    k->is = is;
    if (!learns) {
        kp_free(k->lesson);
        k->lesson = NULL;
    }
    *data += sizeof is + n;
    *size -= sizeof is + n;
    ok = learns ? sound_numbers(k->lesson, n)
                : sound_measure(&is.duration) && sound_measure(&is.energy);
    for (unsigned i = 0; i < c->channels && !learns; i++)
        ok &= sound_course(&k->course[i]);
    return ok || (kp_fail(err, KP_EPARSE, "what was kept of cycles was changed"), false);
}

static bool sound_band(const double band[4])
{
    return fabs(band[0]) <= 1000 && fabs(band[1]) <= 1000 && fabs(band[2]) <= 1000 && fabs(band[3]) <= 1000;
}

static void restore_odd(struct kp_cycles *c, const struct kept *head, const char **data, size_t *size, struct kp_err *err)
{
    const size_t n = cycle_width(c) * sizeof *c->odd.row;
    if (*size < n) {
        kp_fail(err, KP_EPARSE, "what was kept of cycles is cut off");
        return;
    }
    memcpy(c->odd.row, *data, n);
    memcpy(c->odd.band, head->odd_band, sizeof c->odd.band);
    c->odd.key = head->odd_key;
    c->odd.what = head->odd_what;
    c->odd.ratio = head->odd_ratio;
    if (!sound_numbers(c->odd.row, n) || !sound_band(c->odd.band) ||
        !(fabs(c->odd.row[0]) <= 1000) || !(fabs(c->odd.row[1]) <= 1000) ||
        !(fabs(head->odd_ratio) <= CYCLE_FARTHEST))
        kp_fail(err, KP_EPARSE, "what was kept of cycles was changed");
    *data += n;
    *size -= n;
}

struct kp_cycles *kp_cycles_load(const void *data, size_t size, struct kp_err *err)
{
    struct kept head = { 0 };
    const char *p = data;
    if (size >= sizeof head)
        memcpy(&head, p, sizeof head);
    if (head.magic != MAGIC || head.version != VERSION || head.kinds > KINDS ||
        !(fabs(head.last_duration) <= CYCLE_FARTHEST)) {
        kp_fail(err, KP_EPARSE, "what was kept of cycles is of another version");
        return NULL;
    }
    struct kp_cycles *c = kp_cycles_new(head.channels, err);
    if (!c)
        return NULL;
    c->clock = head.clock;
    c->last_key = head.last_key;
    c->last_end = head.last_end;
    c->last_duration = head.last_duration;
    p += sizeof head;
    size -= sizeof head;
    restore_odd(c, &head, &p, &size, err);
    for (uint32_t i = 0; i < head.kinds && !err->code; i++)
        restore(c, &p, &size, err);
    if (!err->code)
        return c;
    kp_cycles_free(c);
    return NULL;
}
