/* SPDX-License-Identifier: Apache-2.0 */
#include "core/far_off.h"

#include "core/text.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

static const char *const modes[] = { "auto", "source", "receive" };
enum { MODES = sizeof modes / sizeof modes[0] };

const char *kp_clock_mode_name(unsigned mode)
{
    return mode < MODES ? modes[mode] : "?";
}

bool kp_clock_mode_parse(const char *text, uint8_t *mode)
{
    for (uint8_t i = 0; i < MODES; i++)
        if (strcmp(text, modes[i]) == 0) {
            *mode = i;
            return true;
        }
    return false;
}

/* ---- times ---- */
bool kp_time_usable(int64_t at)
{
    return at != KP_NO_TIME && at != KP_FOREVER;
}

struct kp_time_window kp_time_window(unsigned mode, bool historic, int64_t received)
{
    int64_t low = KP_NO_TIME + 1, high = KP_FOREVER - 1, at;
    if (mode != KP_CLOCK_SOURCE && !historic && !__builtin_sub_overflow(received, KP_FAR_BEHIND, &at) && at > low)
        low = at;
    if (mode != KP_CLOCK_SOURCE && !__builtin_add_overflow(received, KP_FAR_AHEAD, &at) && at < high)
        high = at;
    return (struct kp_time_window){ (uint64_t)low, (uint64_t)high - (uint64_t)low };
}

void kp_clock_offset_print(int64_t offset, char *out, size_t size)
{
    const int64_t year = 31556952 * KP_SECOND; /* on average */
    int64_t by = offset >= 0 ? offset : offset == INT64_MIN ? INT64_MAX : -offset;
    if (by >= 2 * year)
        snprintf(out, size, "%lld years", (long long)(by / year + (by % year >= year / 2)));
    else
        kp_duration_print(by, out, size);
}

/* ---- judging ---- */
/* Samples of one batch share their receive time, and of equal times history keeps the last only: so each gets the
 * next ns. When our own clock was set back they follow it. */
static int64_t receive_time(struct kp_clock_watch *w, int64_t received)
{
    bool crowd = w->received >= received && w->received - received < KP_SECOND;
    w->received = crowd ? w->received + 1 : received;
    return w->received;
}

static void note_offset(struct kp_clock_watch *w, int64_t at, int64_t received)
{
    w->known = true;
    if (__builtin_sub_overflow(at, received, &w->offset))
        w->offset = at < received ? -INT64_MAX : INT64_MAX;
}

static enum kp_far_off good(struct kp_clock_watch *w)
{
    w->run = 0;
    if (w->telling && ++w->good >= KP_FAR_OFF_RUN)
        w->telling = false;
    return KP_FAR_NOT;
}

enum kp_far_off kp_clock_judge(struct kp_clock_watch *w, const struct kp_batch *b, struct kp_sample *s, bool stored,
                               bool again)
{
    if (w->mode == KP_CLOCK_RECEIVE && !b->historic) {
        s->at = receive_time(w, b->arrived);
        return KP_FAR_NOT;
    }
    bool within = kp_time_within(kp_time_window(w->mode, b->historic, b->arrived), s->at);
    if (again || (b->historic && (within || !stored)))
        return KP_FAR_NOT;
    if (within)
        return good(w);
    note_offset(w, s->at, b->arrived);
    if (b->historic)
        return KP_FAR_HOLD;
    if (w->mode == KP_CLOCK_SOURCE && stored)
        return KP_FAR_HOLD;
    w->good = 0;
    bool hold = w->run < KP_FAR_OFF_RUN;
    w->run += hold;
    if (hold && stored)
        return KP_FAR_HOLD;
    w->telling |= !hold;
    s->at = receive_time(w, b->arrived);
    s->status = kp_status_doubt(s->status);
    return KP_FAR_RECEIVE;
}
