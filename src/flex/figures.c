/* SPDX-License-Identifier: Apache-2.0 */
/* Key figures: adding up, dividing, showing. */
#include "flex/oee.h"

#include <math.h>

#include "core/ban.h"

/* ---- adding up ---- */
void figures_piece(struct figures *f, const struct kp_piece *p, bool metered)
{
    f->doubtful += p->doubtful;
    f->jumps += p->jumps;
    f->resets += p->resets;
    f->joules += p->joules;
    f->idle_joules += p->idle_joules;
    f->metered |= metered;
    if (p->peak > f->peak) {
        f->peak = p->peak;
        f->peak_at = p->peak_at;
    }
    if (!p->name) {
        f->overtime_ns += p->ns[KP_STATE_RUNNING];
        f->overtime_good += p->good;
        f->overtime_scrap += p->scrap;
        return;
    }
    f->pbt += p->to - p->from;
    f->good += p->good;
    f->scrap += p->scrap;
    for (size_t i = 0; i < KP_STATES; i++) {
        f->ns[i] += p->ns[i];
        f->known += i == KP_STATE_UNKNOWN ? 0 : p->ns[i];
    }
}

void figures_made(struct figures *f, const struct kp_made *m, const struct pri *pri)
{
    int64_t n = m->good + m->scrap;
    if (!pri->by || n <= 0)
        return;
    f->paced += n;
    f->pri_pq += (double)pri->ns * (double)n;
}

void figures_join(struct figures *f, const struct figures *o)
{
    f->pbt += o->pbt;
    f->known += o->known;
    for (size_t i = 0; i < KP_STATES; i++)
        f->ns[i] += o->ns[i];
    f->good += o->good;
    f->scrap += o->scrap;
    f->overtime_ns += o->overtime_ns;
    f->overtime_good += o->overtime_good;
    f->overtime_scrap += o->overtime_scrap;
    f->paced += o->paced;
    f->pri_pq += o->pri_pq;
    f->doubtful += o->doubtful;
    f->jumps += o->jumps;
    f->resets += o->resets;
    f->joules += o->joules;
    f->idle_joules += o->idle_joules;
    f->metered |= o->metered;
}

/* ---- dividing ---- */
static double share(double of, double whole)
{
    return whole > 0 ? of / whole : NAN;
}

int64_t figures_busy(const struct figures *f)
{
    return f->known - f->ns[KP_STATE_OFF] - f->ns[KP_STATE_MAINTENANCE];
}

double figures_availability(const struct figures *f)
{
    return share((double)f->ns[KP_STATE_RUNNING], (double)f->pbt);
}

/* Parts without a PRI are taken to be made as well as the others. */
double figures_effectiveness(const struct figures *f)
{
    double pq = (double)(f->good + f->scrap);
    return f->paced ? share(f->pri_pq * pq / (double)f->paced, (double)f->ns[KP_STATE_RUNNING])
                    : NAN;
}

double figures_quality(const struct figures *f)
{
    return share((double)f->good, (double)(f->good + f->scrap));
}

/* ---- showing ---- */
static double seconds(int64_t ns)
{
    return (double)ns / (double)KP_SECOND;
}

/* For people and programs: no more digits than are meant. */
static void put(struct kp_json *j, const char *key, double v, double of)
{
    kp_json_key(j, key);
    kp_json_double(j, round(v * of) / of);
}

static void put_states(struct kp_json *j, const struct figures *f)
{
    kp_json_key(j, "states");
    kp_json_begin(j, '{');
    for (unsigned i = KP_STATE_RUNNING; i < KP_STATES; i++)
        if (f->ns[i])
            put(j, kp_state_name(i), seconds(f->ns[i]), 1000);
    if (f->pbt > f->known)
        put(j, "unknown", seconds(f->pbt - f->known), 1000);
    kp_json_end(j, '}');
}

void figures_json(struct kp_json *j, const struct figures *f)
{
    double a = figures_availability(f), e = figures_effectiveness(f), q = figures_quality(f);
    put(j, "pbt", seconds(f->pbt), 1000);
    put(j, "apt", seconds(f->ns[KP_STATE_RUNNING]), 1000);
    put(j, "aust", seconds(f->ns[KP_STATE_SETUP]), 1000);
    put(j, "aubt", seconds(figures_busy(f)), 1000);
    put(j, "pri", f->paced ? f->pri_pq / (double)f->paced / (double)KP_SECOND : NAN, 1000);
    kp_json_put_int(j, "pq", f->good + f->scrap);
    kp_json_put_int(j, "gq", f->good);
    kp_json_put_int(j, "scrap", f->scrap);
    kp_json_put_int(j, "withoutCycle", f->good + f->scrap - f->paced);
    put(j, "availability", a, 1e6);
    put(j, "effectiveness", e, 1e6);
    put(j, "quality", q, 1e6);
    put(j, "oee", a * e * q, 1e6);
    put_states(j, f);
    kp_json_key(j, "overtime");
    kp_json_begin(j, '{');
    put(j, "seconds", seconds(f->overtime_ns), 1000);
    kp_json_put_int(j, "good", f->overtime_good);
    kp_json_put_int(j, "scrap", f->overtime_scrap);
    kp_json_end(j, '}');
    kp_json_key(j, "doubtful");
    kp_json_begin(j, '{');
    kp_json_put_int(j, "parts", f->doubtful);
    kp_json_put_int(j, "jumps", f->jumps);
    kp_json_put_int(j, "resets", f->resets);
    kp_json_end(j, '}');
}

void figures_energy_json(struct kp_json *j, const struct figures *f, const struct kp_settings *s)
{
    double kwh = f->joules / 3.6e6, idle = f->idle_joules / 3.6e6;
    double parts = (double)(f->good + f->scrap + f->overtime_good + f->overtime_scrap);
    kp_json_key(j, "energy");
    if (!f->metered) {
        kp_json_null(j);
        return;
    }
    kp_json_begin(j, '{');
    put(j, "kwh", kwh, 1000);
    put(j, "idleKwh", idle, 1000);
    put(j, "kwhPerPart", share(kwh, parts), 1e6);
    put(j, "cost", s->price > 0 ? kwh * s->price : NAN, 100);
    put(j, "idleCost", s->price > 0 ? idle * s->price : NAN, 100);
    put(j, "co2Kg", s->co2 > 0 ? kwh * s->co2 : NAN, 1000);
    put(j, "co2KgPerPart", s->co2 > 0 ? share(kwh * s->co2, parts) : NAN, 1e6);
    put(j, "peakKw", f->peak > 0 ? f->peak / 1000 : NAN, 1000);
    kp_json_put_time(j, "peakAt", f->peak > 0 ? f->peak_at : KP_NO_TIME);
    kp_json_end(j, '}');
}
