/* SPDX-License-Identifier: Apache-2.0 */
/* Values: each variable gets a handle by its name, which a changed program makes void, so that no
 * other variable is ever taken for it. Then the controller watches it, or it is asked for with
 * others in one question. */
#include "couplings/ads/ads_private.h"

#include "core/hash.h"

#include <string.h>

#include "core/ban.h"

enum { SUM_MAX = 300, SUM_BYTES = 60000 };
#define BUDGET     (200 * KP_MILLISECOND)
#define RETRY_BAD  (60 * KP_SECOND)
#define TELL_AGAIN (60 * KP_SECOND)
#define LOOK_AGAIN (1 * KP_SECOND)

static uint32_t get32(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* ---- telling ---- */
static enum kp_code tell(struct ads *a, struct ads_item *i, const uint8_t *data, size_t n,
                         int64_t at, struct kp_err *err)
{
    struct kp_sample s = { .signal = i->id, .at = at, .value = { .type = KP_NULL } };
    if (!ads_decode(&i->type, &i->scale, data, n, &a->room, &s.value))
        s.status = a->room.failed ? KP_BAD : KP_BAD_TYPE_MISMATCH;
    if (a->room.failed) { /* out of memory: that one value is not known */
        a->room.failed = false;
        s.value = (struct kp_value){ .type = KP_NULL };
    }
    i->status = s.status;
    return i->id ? kp_coupling_report(a->c, &s, err) : KP_OK;
}

static void mark(struct ads *a, struct ads_item *i, bool refused)
{
    if (i->refused == refused)
        return;
    i->refused = refused;
    a->refused += refused ? 1 : -1u;
    if (refused && a->refused == 1)
        kp_utf8_clean(a->first_refusal, sizeof a->first_refusal, i->name, strlen(i->name));
    ads_describe(a);
}

static enum kp_code refuse(struct ads *a, struct ads_item *i, uint32_t result, struct kp_err *err)
{
    if (result == ADS_OLD_HANDLE)
        return kp_fail(err, KP_EPEER, "the PLC's program was changed; it is looked at anew");
    struct kp_sample s = { .signal = i->id,
                           .at = kp_coupling_utc(a->c),
                           .status = ads_result_status(result),
                           .value = { .type = KP_NULL } };
    bool news = !i->refused || i->status != s.status;
    i->retry = kp_coupling_mono(a->c) + RETRY_BAD;
    i->status = s.status;
    i->hash = 0;
    mark(a, i, true);
    return news && i->id ? kp_coupling_report(a->c, &s, err) : KP_OK;
}

/* ---- watching ---- */
/* The place in `watching` of the first with this notification or a larger one. */
static size_t place(const struct ads *a, uint32_t notification)
{
    size_t low = 0, high = a->n_watching;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (a->items[a->watching[middle]].notification < notification)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void take_sample(void *arg, uint32_t notification, int64_t at, const uint8_t *data, size_t n)
{
    struct ads *a = arg;
    size_t k = place(a, notification);
    if (k < a->n_watching && a->items[a->watching[k]].notification == notification)
        tell(a, &a->items[a->watching[k]], data, n, at == KP_NO_TIME ? kp_coupling_utc(a->c) : at,
             &a->failure);
    else
        a->early[a->n_early++ % (sizeof a->early / sizeof *a->early)] = notification;
}

void ads_take_notification(void *arg, const uint8_t *data, size_t n)
{
    struct ads *a = arg;
    if (!ads_samples(data, n, take_sample, a))
        kp_fail(&a->failure, KP_EPEER, "a notification of the controller is malformed");
}

static bool came_early(const struct ads *a, uint32_t notification)
{
    unsigned room = sizeof a->early / sizeof *a->early, n = a->n_early < room ? a->n_early : room;
    for (unsigned i = 0; i < n; i++)
        if (a->early[i] == notification)
            return true;
    return false;
}

static enum kp_code ask_one(struct ads *a, struct ads_item *i, int64_t *at, struct kp_err *err)
{
    int64_t begin = kp_coupling_utc(a->c);
    if (ads_read(&a->link, (struct ads_place){ ADS_BY_HANDLE, i->handle }, ads_type_bytes(&i->type),
                 err))
        return err->code;
    *at = begin + (kp_coupling_utc(a->c) - begin) / 2;
    *at -= *at % KP_MILLISECOND;
    return KP_OK;
}

/* A refused notification may be one too many: then it is asked for. */
static enum kp_code watch(struct ads *a, struct ads_item *i, struct kp_err *err)
{
    struct ads_place at = { ADS_BY_HANDLE, i->handle };
    int64_t when;
    a->n_early = 0;
    if (ads_add(&a->link, at, ads_type_bytes(&i->type), a->set->cycle, &i->notification, err))
        return err->code;
    if (a->link.result) {
        a->full = a->full || a->link.result == ADS_NO_MORE || a->link.result == ADS_NO_SERVICE;
        i->phase = ADS_ASKED;
        a->n_asked++;
        return KP_OK;
    }
    size_t k = place(a, i->notification);
    memmove(a->watching + k + 1, a->watching + k, (a->n_watching++ - k) * sizeof *a->watching);
    a->watching[k] = (uint32_t)(i - a->items);
    i->phase = ADS_WATCHED;
    mark(a, i, false);
    if (!came_early(a, i->notification) || ask_one(a, i, &when, err))
        return err->code;
    return a->link.result ? KP_OK : tell(a, i, a->link.data, a->link.n, when, err);
}

static enum kp_code resolve(struct ads *a, struct ads_item *i, struct kp_err *err)
{
    struct ads_place names = { ADS_BY_NAME, 0 };
    if (!i->typed)
        return refuse(a, i, ADS_NOT_FOUND, err);
    if (ads_read_write(&a->link, names, sizeof i->handle, i->name, strlen(i->name) + 1, err))
        return err->code;
    if (a->link.result || a->link.n < sizeof i->handle)
        return refuse(a, i, a->link.result ? a->link.result : ADS_NOT_FOUND, err);
    i->handle = get32(a->link.data);
    if (!a->full && a->n_watching < (size_t)a->set->watch_max)
        return watch(a, i, err);
    i->phase = ADS_ASKED;
    a->n_asked++;
    return KP_OK;
}

enum kp_code ads_look_after(struct ads *a, struct kp_err *err)
{
    int64_t now = kp_coupling_mono(a->c), end = now + BUDGET;
    if (now < a->new_due)
        return KP_OK;
    for (; a->next_new < a->n && now < end; a->next_new++) {
        struct ads_item *i = &a->items[a->next_new];
        if (i->phase != ADS_UNKNOWN || i->retry > now)
            continue;
        if (resolve(a, i, err))
            return err->code;
        now = kp_coupling_mono(a->c);
    }
    if (a->next_new < a->n)
        return KP_OK;
    a->next_new = 0;
    a->new_due = now + LOOK_AGAIN;
    ads_describe(a);
    return KP_OK;
}

/* ---- asking ---- */
static uint64_t hash_of(const uint8_t *d, size_t n)
{
    uint64_t h = kp_hash(KP_HASH_START, d, n);
    return h ? h : 1;
}

/* News when it changes, and once a minute all the same. */
static enum kp_code tell_asked(struct ads *a, struct ads_item *i, uint32_t result,
                               const uint8_t *data, size_t n, int64_t at, struct kp_err *err)
{
    if (result)
        return refuse(a, i, result, err);
    int64_t now = kp_coupling_mono(a->c);
    uint64_t hash = hash_of(data, n);
    mark(a, i, false);
    if (i->hash == hash && now - i->told < TELL_AGAIN)
        return KP_OK;
    i->hash = hash;
    i->told = now;
    return tell(a, i, data, n, at, err);
}

static bool is_due(const struct ads_item *i, int64_t now)
{
    return i->phase == ADS_ASKED && i->retry <= now;
}

/* The next items for one question, into `of`; their places and sizes into a->sum. */
static size_t collect(struct ads *a, uint32_t of[SUM_MAX], uint32_t *bytes)
{
    int64_t now = kp_coupling_mono(a->c);
    size_t n = 0;
    *bytes = 0;
    a->sum.len = 0;
    for (; a->next_poll < a->n && n < SUM_MAX; a->next_poll++) {
        const struct ads_item *i = &a->items[a->next_poll];
        uint32_t own = ads_type_bytes(&i->type), words[] = { ADS_BY_HANDLE, i->handle, own };
        if (!is_due(i, now))
            continue;
        if (n && *bytes + own > SUM_BYTES)
            break;
        for (unsigned k = 0; k < 12; k++)
            kp_buf_add(&a->sum, &(uint8_t){ (uint8_t)(words[k / 4] >> 8 * (k % 4)) }, 1);
        *bytes += own;
        of[n++] = (uint32_t)a->next_poll;
    }
    return n;
}

/* First a result for each, then the data; controllers differ in whether refused ones leave room for
 * theirs. */
static enum kp_code take_sum(struct ads *a, const uint32_t *of, size_t n, uint32_t bytes,
                             int64_t at, struct kp_err *err)
{
    const uint8_t *results = a->link.data, *data = results + 4 * n, *end = results + a->link.n;
    if (a->link.n < 4 * n)
        return kp_fail(err, KP_EPEER, "an answer of the controller is cut off");
    bool padded = a->link.n == 4 * n + bytes;
    for (size_t k = 0; k < n && !err->code; k++) {
        struct ads_item *i = &a->items[of[k]];
        uint32_t result = get32(results + 4 * k), own = ads_type_bytes(&i->type);
        if (!result && own > (size_t)(end - data))
            return kp_fail(err, KP_EPEER, "an answer of the controller is cut off");
        tell_asked(a, i, result, data, own, at, err);
        if (!result || padded)
            data += own;
    }
    return err->code;
}

static enum kp_code poll_sum(struct ads *a, struct kp_err *err)
{
    uint32_t of[SUM_MAX], bytes;
    size_t back = a->next_poll, n = collect(a, of, &bytes);
    int64_t begin = kp_coupling_utc(a->c);
    struct ads_place sum = { ADS_SUM_READ, (uint32_t)n };
    if (a->sum.failed)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    if (!n || ads_read_write(&a->link, sum, bytes + 4 * (uint32_t)n, a->sum.data, a->sum.len, err))
        return err->code;
    if (a->link.result) {
        a->single = true;
        a->next_poll = back;
        return KP_OK;
    }
    int64_t at = begin + (kp_coupling_utc(a->c) - begin) / 2;
    return take_sum(a, of, n, bytes, at - at % KP_MILLISECOND, err);
}

static enum kp_code poll_single(struct ads *a, struct kp_err *err)
{
    int64_t now = kp_coupling_mono(a->c), at;
    while (a->next_poll < a->n && !is_due(&a->items[a->next_poll], now))
        a->next_poll++;
    if (a->next_poll == a->n)
        return KP_OK;
    struct ads_item *i = &a->items[a->next_poll++];
    if (ask_one(a, i, &at, err))
        return err->code;
    return tell_asked(a, i, a->link.result, a->link.data, a->link.n, at, err);
}

enum kp_code ads_poll(struct ads *a, struct kp_err *err)
{
    int64_t now = kp_coupling_mono(a->c), end = now + BUDGET;
    if (!a->polling && now >= a->poll_due) {
        a->polling = a->n_asked > 0;
        a->next_poll = 0;
        a->poll_due = now + a->set->poll;
    }
    while (a->polling && now < end) {
        if (a->single ? poll_single(a, err) : poll_sum(a, err))
            return err->code;
        a->polling = a->next_poll < a->n;
        now = kp_coupling_mono(a->c);
    }
    return KP_OK;
}

/* A controller that was started anew in between may be silent for ever about handles of before. */
enum kp_code ads_check_watched(struct ads *a, struct kp_err *err)
{
    int64_t at;
    if (!a->n_watching)
        return KP_OK;
    a->next_check = (a->next_check + 1) % a->n_watching;
    if (ask_one(a, &a->items[a->watching[a->next_check]], &at, err))
        return err->code;
    return a->link.result ? kp_fail(err, KP_EPEER,
                                    "the PLC has forgotten what it watches; it is looked at anew")
                          : KP_OK;
}

/* ---- the end ---- */
void ads_give_back(struct ads *a)
{
    bool said = true;
    if (!a->link.fd || a->broken)
        return;
    a->link.timeout = 100 * KP_MILLISECOND;
    for (size_t k = 0; k < a->n_watching && said; k++)
        said = ads_bid(&a->link, ADS_DELETE, &a->items[a->watching[k]].notification, 1);
    for (size_t k = 0; k < a->n && said; k++)
        if (a->items[k].phase != ADS_UNKNOWN)
            said = ads_bid(&a->link, ADS_WRITE,
                           (const uint32_t[]){ ADS_RELEASE, 0, 4, a->items[k].handle }, 4);
}
