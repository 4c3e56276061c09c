/* SPDX-License-Identifier: Apache-2.0 */
/* Points of counters, and what a counter gained. */
#include "flex/private.h"

#include <math.h>

#include "core/ban.h"

bool points_each(struct kp_db *db, kp_signal signal, int64_t from, int64_t to, int64_t beyond,
                 bool (*each)(void *, const struct kp_sample *), void *arg, struct kp_err *err)
{
    struct kp_err own = { 0 };
    struct kp_sample p;
    bool more = true;
    int64_t low = kp_history_before(db, signal, from, &own);
    struct kp_history *h = own.code ? NULL : kp_history_open(db, signal, low, to + beyond, &own);
    while (h && more && kp_history_next(h, &p, &own)) {
        bool text = p.value.type == KP_STRING;
        double number;
        if (kp_status_severity(p.status) > 1 || (!text && !kp_value_number(&p.value, &number)))
            continue;
        more = each(arg, &p) && p.at < to;
    }
    if (h)
        kp_history_close(h);
    return own.code ? kp_fail(err, own.code, "%s", own.text) == KP_OK : true;
}

/* Values of counters are whole numbers within what a double holds exactly. */
struct gain counter_gain(double before, double now, int64_t ns, int64_t fastest)
{
    double gained = now - before, most = 1 + (double)ns / (double)fastest;
    struct gain g = { .reset = gained < 0 };
    if (g.reset)
        gained = now; /* it began anew, and has made these since */
    if (!isfinite(gained) || gained < 0 || gained > 9e15)
        return g;
    if (gained <= most)
        g.parts = llround(gained);
    else if (!g.reset) /* a counter that fell back by a little was corrected: it gained nothing */
        g.doubtful = llround(gained);
    return g;
}
