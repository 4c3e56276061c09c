/* SPDX-License-Identifier: Apache-2.0 */
/* When will it be full? The straight line through the measurements of the last week (least squares, so that the
 * journal's ups and downs weigh little), carried on. */
#include "store/retention.h"

#include <stdio.h>

#include "core/ban.h"

enum { DAY_S = 86400, LEAST_S = 6 * 3600 };
static const int64_t week = INT64_C(7) * DAY_S * KP_SECOND;
static const double far_s = 10.0 * 365 * DAY_S;

static double seconds_before(int64_t at, int64_t now)
{
    return (double)(at - now) / 1e9;
}

/* Bytes a second. The point of now counts as one more row. */
static double slope(const struct kp_growth *rows, size_t n, const struct kp_forecast *f, int64_t now)
{
    double count = 1, x = 0, y = 0, xx = 0, xy = 0; /* of now: x = 0, y = 0 */
    for (size_t i = 0; i < n; i++) {
        if (rows[i].at > now || rows[i].at < now - week)
            continue;
        double dx = seconds_before(rows[i].at, now), dy = (double)(rows[i].bytes - f->used);
        count++;
        x += dx;
        y += dy;
        xx += dx * dx;
        xy += dx * dy;
    }
    double spread = count * xx - x * x;
    return spread > 0 ? (count * xy - x * y) / spread : 0;
}

/* How long ago the oldest row that counts was taken, in seconds. */
static int64_t reach(const struct kp_growth *rows, size_t n, int64_t now)
{
    int64_t longest = 0;
    for (size_t i = 0; i < n; i++)
        if (rows[i].at <= now && rows[i].at >= now - week && now - rows[i].at > longest)
            longest = now - rows[i].at;
    return longest / KP_SECOND;
}

void kp_forecast_make(const struct kp_growth *rows, size_t n, int64_t now, struct kp_forecast *f)
{
    f->kind = KP_FORECAST_UNKNOWN;
    f->full_in = 0;
    f->per_day = 0;
    f->why = NULL;
    if (f->clock_doubt)
        f->why = "the clock has jumped";
    else if (reach(rows, n, now) < LEAST_S)
        f->why = "it takes six hours of measurements";
    if (f->why)
        return;
    double rate = slope(rows, n, f, now);
    f->per_day = rate * DAY_S;
    double seconds = rate > 0 ? (double)f->room / rate : far_s;
    f->kind = rate <= 0 ? KP_FORECAST_STEADY : seconds >= far_s ? KP_FORECAST_FAR : KP_FORECAST_FULL;
    if (f->kind == KP_FORECAST_FULL)
        f->full_in = (int64_t)seconds;
}

void kp_forecast_text(const struct kp_forecast *f, char *out, size_t size)
{
    if (f->at_budget)
        snprintf(out, size, "at its budget, the oldest points go");
    else if (f->kind == KP_FORECAST_UNKNOWN)
        snprintf(out, size, "when it will be full is not known yet: %s", f->why);
    else if (f->kind == KP_FORECAST_STEADY)
        snprintf(out, size, "does not grow");
    else if (f->kind == KP_FORECAST_FAR)
        snprintf(out, size, "not full for 10 years");
    else if (f->full_in > 2 * DAY_S)
        snprintf(out, size, "full in %lld days", (long long)(f->full_in / DAY_S));
    else
        snprintf(out, size, "full in %lld hours", (long long)(f->full_in / 3600));
}
