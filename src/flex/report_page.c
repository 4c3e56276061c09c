/* SPDX-License-Identifier: Apache-2.0 */
/* A report in words: which blocks it has, in the reader's language and with his decimal sign. */
#include "flex/report_private.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { BARS_MAX = 8 };
#define HOUR      (3600.0 * (double)KP_SECOND)
#define NOT_KNOWN KP_NOT_KNOWN
/* A macro, for the compiler looks into formats that it sees. */
#define IN(w, en, nl) KP_IN(&(w)->pen, en, nl)
#define SAY(w, ...)   kp_pen_say(&(w)->pen, __VA_ARGS__)

struct writing {
    struct kp_pen pen;
    struct report *r;
    const char *strip; /* what all paths begin with */
};

static const char *whole(struct writing *w, int64_t v)
{
    return kp_pen_number(&w->pen, (double)v, 0);
}

static const char *percent(struct writing *w, double v)
{
    return isfinite(v) ? SAY(w, "%s%%", kp_pen_number(&w->pen, 100 * v, 1)) : NOT_KNOWN;
}

static const char *hours(struct writing *w, int64_t ns)
{
    return kp_pen_number(&w->pen, (double)ns / HOUR, 1);
}

static const char *hours_unit(struct writing *w, int64_t ns)
{
    return SAY(w, "%s\u00a0%s", hours(w, ns), IN(w, "h", "uur"));
}

static const char *money(struct writing *w, double v)
{
    return SAY(w, "%s\u00a0%s", w->r->rules.settings.report.currency, kp_pen_number(&w->pen, v, 2));
}

static const char *lasted(struct writing *w, int64_t ns)
{
    int64_t minutes = ns / (60 * KP_SECOND);
    return minutes < 60 ? SAY(w, "%" PRId64 " min", minutes)
                        : SAY(w, "%" PRId64 " %s %02" PRId64 " min", minutes / 60,
                              IN(w, "h", "uur"), minutes % 60);
}

/* ---- names ---- */
/* The folders that all machines share say nothing. */
static const char *shared_path(struct writing *w)
{
    const struct report *r = w->r;
    if (!r->n)
        return "";
    size_t n = 0;
    const char *first = r->machines[0].path, *slash = strrchr(first, '/');
    n = slash ? (size_t)(slash - first) + 1 : 0;
    for (size_t i = 1; i < r->n && n; i++)
        while (n && strncmp(first, r->machines[i].path, n) != 0)
            for (n--; n && first[n - 1] != '/';)
                n--;
    return SAY(w, "%.*s", (int)n, first);
}

static const char *machine_name(const struct writing *w, const char *path)
{
    size_t n = strlen(w->strip);
    return strncmp(path, w->strip, n) == 0 && path[n] ? path + n : path;
}

static const char *reason_name(struct writing *w, const char *name)
{
    const struct kp_reason *known = kp_settings_reason(&w->r->rules.settings, name);
    const char *word = known ? (w->pen.dutch ? known->nl : known->en) : NULL;
    return !*name ? IN(w, "no reason given", "geen reden gegeven") : word ? word : name;
}

static const char *state_word(struct writing *w, uint8_t state)
{
    static const char *const dutch[KP_STATES] = { "onbekend",  "draait",  "omstellen",
                                                  "onderhoud", "gestopt", "staat stil",
                                                  "uit" };
    return w->pen.dutch && state < KP_STATES ? dutch[state] : kp_state_name(state);
}

/* ---- blocks ---- */
static double oee_of(const struct figures *f)
{
    return figures_availability(f) * figures_effectiveness(f) * figures_quality(f);
}

/* ---- the first lines ---- */
/* A hundredth more or less is a point; "" where one of both is not known. */
static const char *more(struct writing *w, double now, double before)
{
    double d = 100 * (now - before);
    return !isfinite(d) ? ""
                        : SAY(w, "%s%s",
                              d < -0.05   ? NOT_KNOWN
                              : d >= 0.05 ? "+"
                                          : "\u00b1",
                              kp_pen_number(&w->pen, fabs(d), 1));
}

static const char *points(struct writing *w, double now, double before)
{
    const char *text = more(w, now, before);
    return *text ? SAY(w, "%s %s", text, IN(w, "points", "punten")) : "";
}

static int8_t mood(double now, double before)
{
    double d = now - before;
    return (int8_t)(!isfinite(d) || fabs(d) < 0.0005 ? 0 : d > 0 ? 1 : -1);
}

static const char *before_name(struct writing *w)
{
    return w->r->kind == KP_REPORT_MONTH ? kp_pen_month(&w->pen, w->r->was, false)
                                         : IN(w, "the report before", "het rapport ervoor");
}

static const char *about_oee(struct writing *w)
{
    double now = oee_of(&w->r->total), d = 100 * (now - oee_of(&w->r->before));
    if (!w->r->n)
        return IN(w, "No machine has states yet, so there is nothing to report.",
                  "Geen machine heeft al toestanden, dus er is niets te melden.");
    if (!isfinite(now))
        return IN(w, "No parts were made in planned time, so there is no OEE.",
                  "Er zijn in geplande tijd geen delen gemaakt, dus er is geen OEE.");
    if (!isfinite(d))
        return SAY(w, IN(w, "OEE was %s.", "De OEE was %s."), percent(w, now));
    if (fabs(d) < 0.05)
        return SAY(w, IN(w, "OEE was %s, the same as in %s.", "De OEE was %s, gelijk aan %s."),
                   percent(w, now), before_name(w));
    return SAY(w,
               d > 0 ? IN(w, "OEE was %s, %s points more than in %s.",
                          "De OEE was %s, %s punten meer dan in %s.")
                     : IN(w, "OEE was %s, %s points less than in %s.",
                          "De OEE was %s, %s punten minder dan in %s."),
               percent(w, now), kp_pen_number(&w->pen, fabs(d), 1), before_name(w));
}

static const struct report_reason *dearest(const struct report *r)
{
    for (size_t i = 0; i < r->n_reasons; i++)
        if (*r->reasons[i].name)
            return &r->reasons[i];
    return NULL;
}

static const struct report_reason *unexplained(const struct report *r)
{
    for (size_t i = 0; i < r->n_reasons; i++)
        if (!*r->reasons[i].name)
            return &r->reasons[i];
    return NULL;
}

static void put_summary(struct writing *w)
{
    const struct report_reason *most = dearest(w->r), *none = unexplained(w->r);
    const struct kp_settings *s = &w->r->rules.settings;
    const char *first = about_oee(w), *second = "", *third = "", *fourth = "";
    double idle = w->r->total.idle_joules / 3.6e6 * s->price;
    if (most)
        second = SAY(w, IN(w, " Most time was lost to %s: %s.", " De meeste tijd ging verloren aan %s: %s."),
            reason_name(w, most->name), hours_unit(w, most->ns));
    if (none)
        third = SAY(w,
                    IN(w, " Of %s of standing still nobody has given the reason yet.",
                       " Van %s stilstand is nog geen reden gegeven."),
                    hours_unit(w, none->ns));
    if (idle >= 1)
        fourth = SAY(w,
                     IN(w, " Energy drawn while nothing ran cost %s.",
                        " Energie die werd verbruikt terwijl er niets draaide kostte %s."),
                     money(w, idle));
    kp_pen_text(&w->pen, NULL, SAY(w, "%s%s%s%s", first, second, third, fourth));
}

static void put_tiles(struct writing *w)
{
    const struct figures *f = &w->r->total, *was = &w->r->before;
    double kwh = f->joules / 3.6e6,
           parts = (double)(f->good + f->scrap + f->overtime_good + f->overtime_scrap);
    struct kp_page_block *b = kp_pen_block(&w->pen, KP_BLOCK_TILES, NULL, f->metered ? 6 : 5);
    if (!b)
        return;
    b->tiles[0] = (struct kp_page_tile){ "OEE", percent(w, oee_of(f)), points(w, oee_of(f), oee_of(was)),
                                 mood(oee_of(f), oee_of(was)) };
    b->tiles[1] = (struct kp_page_tile){ IN(w, "Availability", "Beschikbaarheid"),
                                 percent(w, figures_availability(f)),
                                 points(w, figures_availability(f), figures_availability(was)),
                                 mood(figures_availability(f), figures_availability(was)) };
    b->tiles[2] = (struct kp_page_tile){ IN(w, "Effectiveness", "Effectiviteit"),
                                 percent(w, figures_effectiveness(f)),
                                 points(w, figures_effectiveness(f), figures_effectiveness(was)),
                                 mood(figures_effectiveness(f), figures_effectiveness(was)) };
    b->tiles[3] = (struct kp_page_tile){ IN(w, "Quality", "Kwaliteit"), percent(w, figures_quality(f)),
                                 points(w, figures_quality(f), figures_quality(was)),
                                 mood(figures_quality(f), figures_quality(was)) };
    b->tiles[4] = (struct kp_page_tile){ IN(w, "Good parts", "Goede delen"), whole(w, f->good),
                                 SAY(w, "%s %s", whole(w, f->scrap), IN(w, "scrap", "afkeur")), 0 };
    if (f->metered)
        b->tiles[5] = (struct kp_page_tile){ IN(w, "Energy (kWh)", "Energie (kWh)"), kp_pen_number(&w->pen, kwh, 0),
                                     parts > 0 ? SAY(w, "%s %s", kp_pen_number(&w->pen, kwh / parts, 3),
                                                     IN(w, "a part", "per deel"))
                                               : "",
                                     0 };
}

/* ---- day by day, shift by shift ---- */
static void put_days(struct writing *w)
{
    const struct report *r = w->r;
    size_t n = 0, k = 0;
    for (int64_t day = r->from; day < r->to && n < 31; day = kp_day_after(day))
        n++;
    struct kp_page_block *b = kp_pen_block(&w->pen, KP_BLOCK_DAYS, IN(w, "OEE day by day", "OEE per dag"), n);
    int64_t day = r->from;
    for (size_t i = 0; b && i < n; i++, day = kp_day_after(day)) {
        while (k < r->n_steps && r->steps[k].key < day)
            k++;
        bool there = k < r->n_steps && r->steps[k].key == day;
        double oee = there ? oee_of(&r->steps[k].f) : NAN;
        b->days[i] = (struct kp_page_day){ SAY(w, "%d", kp_pen_local(day).tm_mday), percent(w, oee), oee };
    }
}

/* `was`: with a column for how much it was before. */
static void oee_columns(struct writing *w, struct kp_page_block *b, bool was)
{
    kp_page_column(b, "OEE", 9);
    if (was)
        kp_page_column(b, IN(w, "Change", "Verschil"), 8);
    kp_page_column(b, IN(w, "Availability", "Beschikb."), 10);
    kp_page_column(b, "Effectiv.", 9);
    kp_page_column(b, IN(w, "Quality", "Kwaliteit"), 9);
    kp_page_column(b, IN(w, "Good", "Goed"), 8);
    kp_page_column(b, IN(w, "Scrap", "Afkeur"), 7);
}

/* From the second cell on; where the next one is. */
static size_t oee_cells(struct writing *w, struct kp_page_row *row, const struct figures *f,
                        const struct figures *was)
{
    size_t n = 1;
    row->bar = oee_of(f);
    row->cell[n++] = percent(w, oee_of(f));
    if (was)
        row->cell[n++] = more(w, oee_of(f), oee_of(was));
    row->cell[n++] = percent(w, figures_availability(f));
    row->cell[n++] = percent(w, figures_effectiveness(f));
    row->cell[n++] = percent(w, figures_quality(f));
    row->cell[n++] = whole(w, f->good);
    row->cell[n++] = whole(w, f->scrap);
    return n;
}

static void put_shifts(struct writing *w)
{
    const struct report *r = w->r;
    struct kp_page_block *b =
        r->n_steps ? kp_pen_block(&w->pen, KP_BLOCK_TABLE, IN(w, "Shift by shift", "Per ploeg"), r->n_steps) : NULL;
    if (!b)
        return;
    kp_page_column(b, IN(w, "Shift", "Ploeg"), 30);
    oee_columns(w, b, false);
    kp_page_column(b, IN(w, "Running (h)", "Draaide (u)"), 10);
    for (size_t i = 0; i < r->n_steps; i++) {
        const struct report_step *s = &r->steps[i];
        struct kp_page_row *row = &b->rows[i];
        row->cell[0] = SAY(w, "%s%s%s\u2013%s", s->shift, *s->shift ? ", " : "", kp_pen_moment(&w->pen, s->from),
                           kp_pen_clock(&w->pen, s->to));
        row->cell[oee_cells(w, row, &s->f, NULL)] = hours(w, s->f.ns[KP_STATE_RUNNING]);
    }
}

/* ---- machines ---- */
static void machine_row(struct writing *w, struct kp_page_row *row, const char *name,
                        const struct report_machine *m)
{
    size_t n = oee_cells(w, row, &m->f, &m->before);
    row->cell[0] = name;
    row->cell[n++] = hours(w, m->lost);
    row->cell[n++] = hours(w, m->unexplained);
    row->cell[n] = whole(w, m->alarms);
}

static void put_machines(struct writing *w)
{
    const struct report *r = w->r;
    struct report_machine all = { .f = r->total, .before = r->before };
    bool total = r->n > 1;
    struct kp_page_block *b = r->n ? kp_pen_block(&w->pen, KP_BLOCK_TABLE, "Machines", r->n + total) : NULL;
    if (!b)
        return;
    kp_page_column(b, "Machine", 22);
    oee_columns(w, b, true);
    kp_page_column(b, IN(w, "Lost (h)", "Verloren (u)"), 9);
    kp_page_column(b, IN(w, "No reason (h)", "Zonder reden (u)"), 10);
    kp_page_column(b, IN(w, "Alarms", "Alarmen"), 9);
    for (size_t i = 0; i < r->n; i++) {
        const struct report_machine *m = &r->machines[i];
        machine_row(w, &b->rows[i], machine_name(w, m->path), m);
        all.lost += m->lost;
        all.unexplained += m->unexplained;
        all.alarms += m->alarms;
    }
    if (total) {
        machine_row(w, &b->rows[r->n], IN(w, "All", "Alle"), &all);
        b->rows[r->n].total = true;
    }
}

/* ---- stops ---- */
static void put_reasons(struct writing *w)
{
    const struct report *r = w->r;
    size_t n = r->n_reasons < BARS_MAX ? r->n_reasons : BARS_MAX;
    bool others = r->n_reasons > n;
    int64_t all = 0, rest = 0, times = 0;
    struct kp_page_block *b =
        n ? kp_pen_block(&w->pen, KP_BLOCK_BARS, IN(w, "Time lost, by reason", "Verloren tijd per reden"),
                  n + others)
          : NULL;
    for (size_t i = 0; i < r->n_reasons; i++) {
        all += r->reasons[i].ns;
        rest += i < n ? 0 : r->reasons[i].ns;
        times += i < n ? 0 : r->reasons[i].n;
    }
    for (size_t i = 0; b && all && i < b->n; i++) {
        bool last = i == n;
        int64_t ns = last ? rest : r->reasons[i].ns, count = last ? times : r->reasons[i].n;
        b->bars[i] = (struct kp_page_bar){
            .label = last ? IN(w, "other reasons", "andere redenen")
                          : reason_name(w, r->reasons[i].name),
            .value = hours_unit(w, ns),
            .note = SAY(w, "%s%%, %s\u00d7", kp_pen_number(&w->pen, 100.0 * (double)ns / (double)all, 0),
                        whole(w, count)),
            .part = (double)ns / (double)(rest > r->reasons[0].ns ? rest : r->reasons[0].ns),
            .strong = !last && !*r->reasons[i].name,
        };
    }
}

static void put_stops(struct writing *w)
{
    const struct report *r = w->r;
    struct kp_page_block *b =
        r->n_stops
            ? kp_pen_block(&w->pen, KP_BLOCK_TABLE,
                    IN(w, "Longest stops without a reason", "Langste stilstanden zonder reden"),
                    r->n_stops)
            : NULL;
    if (!b)
        return;
    kp_page_column(b, "Machine", 38);
    kp_page_words_column(b, IN(w, "Since", "Sinds"), 22);
    kp_page_words_column(b, IN(w, "Lasted", "Duurde"), 22);
    kp_page_words_column(b, IN(w, "State", "Toestand"), 18);
    for (size_t i = 0; i < r->n_stops; i++) {
        const struct report_stop *s = &r->stops[i];
        b->rows[i] = (struct kp_page_row){
            .bar = NAN,
            .cell = { machine_name(w, s->path), kp_pen_moment(&w->pen, s->from),
                      s->goes_on ? SAY(w, IN(w, "%s, still", "%s, nog steeds"), lasted(w, s->ns))
                                 : lasted(w, s->ns),
                      state_word(w, s->state) }
        };
    }
    if (r->unexplained > (int64_t)r->n_stops)
        b->text = SAY(w, IN(w, "and %s shorter ones", "en %s kortere"),
                      whole(w, r->unexplained - (int64_t)r->n_stops));
}

/* ---- orders ---- */
static void put_late(struct writing *w, const struct report_orders *o)
{
    struct kp_page_block *b =
        o->n ? kp_pen_block(&w->pen, KP_BLOCK_TABLE, IN(w, "Late orders", "Orders die te laat zijn"), o->n) : NULL;
    if (!b)
        return;
    kp_page_words_column(b, "Order", 20);
    kp_page_words_column(b, IN(w, "Customer", "Klant"), 30);
    kp_page_words_column(b, IN(w, "Item", "Artikel"), 30);
    kp_page_words_column(b, IN(w, "Was due", "Moest klaar zijn"), 20);
    for (size_t i = 0; i < o->n; i++)
        b->rows[i] = (struct kp_page_row){ .bar = NAN,
                                   .cell = { o->list[i].number, o->list[i].customer,
                                             o->list[i].item, kp_pen_day(&w->pen, o->list[i].due) } };
    if (o->late > (int64_t)o->n)
        b->text = SAY(w, IN(w, "and %s more", "en nog %s"), whole(w, o->late - (int64_t)o->n));
}

static void put_orders(struct writing *w)
{
    const struct report_orders *o = &w->r->orders;
    struct kp_page_block *b = o->finished + o->open ? kp_pen_block(&w->pen, KP_BLOCK_TILES, "Orders", 4) : NULL;
    if (!b)
        return;
    b->tiles[0] = (struct kp_page_tile){ IN(w, "Finished", "Klaar"), whole(w, o->finished),
                                 IN(w, "in this time", "in deze tijd"), 0 };
    b->tiles[1] = (struct kp_page_tile){
        IN(w, "In time", "Op tijd"), whole(w, o->finished - o->finished_late),
        o->finished ? percent(w, (double)(o->finished - o->finished_late) / (double)o->finished)
                    : "",
        0
    };
    b->tiles[2] = (struct kp_page_tile){ "Open", whole(w, o->open), IN(w, "now", "nu"), 0 };
    b->tiles[3] = (struct kp_page_tile){ IN(w, "Late", "Te laat"), whole(w, o->late), IN(w, "now", "nu"),
                                 (int8_t)(o->late ? -1 : 0) };
    put_late(w, o);
}

/* ---- energy ---- */
static void energy_row(struct writing *w, struct kp_page_row *row, const char *name,
                       const struct figures *f)
{
    const struct kp_settings *s = &w->r->rules.settings;
    double kwh = f->joules / 3.6e6, idle = f->idle_joules / 3.6e6,
           parts = (double)(f->good + f->scrap + f->overtime_good + f->overtime_scrap);
    size_t n = 0;
    row->bar = NAN;
    row->cell[n++] = name;
    row->cell[n++] = kp_pen_number(&w->pen, kwh, 1);
    row->cell[n++] = parts > 0 ? kp_pen_number(&w->pen, kwh / parts, 3) : NOT_KNOWN;
    row->cell[n++] = kp_pen_number(&w->pen, idle, 1);
    if (s->price > 0) {
        row->cell[n++] = money(w, kwh * s->price);
        row->cell[n++] = money(w, idle * s->price);
    }
    if (s->co2 > 0)
        row->cell[n++] = kp_pen_number(&w->pen, kwh * s->co2, 1);
    row->cell[n++] = f->peak > 0 ? kp_pen_number(&w->pen, f->peak / 1000, 1) : "";
    row->cell[n] = f->peak > 0 ? kp_pen_moment(&w->pen, f->peak_at) : "";
}

static void energy_columns(struct writing *w, struct kp_page_block *b)
{
    const struct kp_settings *s = &w->r->rules.settings;
    kp_page_column(b, "Machine", 19);
    kp_page_column(b, "kWh", 9);
    kp_page_column(b, IN(w, "kWh a part", "kWh per deel"), 10);
    kp_page_column(b, IN(w, "kWh idle", "kWh stilstand"), 10);
    if (s->price > 0) {
        kp_page_column(b, IN(w, "Cost", "Kosten"), 12);
        kp_page_column(b, IN(w, "Cost idle", "Kosten stilstand"), 12);
    }
    if (s->co2 > 0)
        kp_page_column(b, "CO2 (kg)", 9);
    kp_page_column(b, IN(w, "Peak (kW)", "Piek (kW)"), 8);
    kp_page_column(b, IN(w, "Peak at", "Piek op"), 14);
}

static void put_energy(struct writing *w)
{
    const struct report *r = w->r;
    size_t n = 0;
    for (size_t i = 0; i < r->n; i++)
        n += r->machines[i].f.metered;
    bool total = n > 1;
    struct kp_page_block *b = n ? kp_pen_block(&w->pen, KP_BLOCK_TABLE, IN(w, "Energy", "Energie"), n + total) : NULL;
    if (!b)
        return;
    energy_columns(w, b);
    n = 0;
    for (size_t i = 0; i < r->n; i++)
        if (r->machines[i].f.metered)
            energy_row(w, &b->rows[n++], machine_name(w, r->machines[i].path), &r->machines[i].f);
    if (total) {
        struct figures all = r->total;
        all.peak = 0; /* machines do not peak at the same time */
        energy_row(w, &b->rows[n], IN(w, "All", "Alle"), &all);
        b->rows[n].total = true;
    }
}

/* ---- what to know of these figures ---- */
static void put_remarks(struct writing *w)
{
    const struct report *r = w->r;
    const struct figures *f = &r->total;
    int64_t unknown = f->pbt - f->known, without = f->good + f->scrap - f->paced;
    size_t unplanned = 0;
    const char *text = "";
    for (size_t i = 0; i < r->n; i++)
        unplanned += !r->machines[i].planned;
    if (unplanned)
        text = SAY(w,
                   IN(w,
                      "Of %zu of %zu machines the calendar says nothing: all their time counts as "
                      "planned. ",
                      "Van %zu van %zu machines staat niets in de kalender: al hun tijd telt als "
                      "gepland. "),
                   unplanned, r->n);
    if (unknown > (int64_t)(0.01 * (double)f->pbt))
        text = SAY(w,
                   IN(w, "%sOf %s of planned time it is not known what the machines did. ",
                      "%sVan %s geplande tijd is niet bekend wat de machines deden. "),
                   text, hours_unit(w, unknown));
    if (f->doubtful)
        text = SAY(w,
            IN(w,
               "%s%s parts are not counted: a counter jumped by more than its machine can make. ",
               "%s%s delen zijn niet geteld: een teller versprong meer dan de machine kan "
               "maken. "),
            text, whole(w, f->doubtful));
    if (without > 0)
        text = SAY(w,
                   IN(w,
                      "%s%s parts are of programs whose cycle is not known; they are taken to be "
                      "made as well as the others. ",
                      "%s%s delen zijn van programma's zonder bekende cyclustijd; ze tellen "
                      "als even vlot gemaakt. "),
                   text, whole(w, without));
    if (f->overtime_good + f->overtime_scrap)
        text = SAY(w,
                   IN(w, "%s%s parts were made outside planned time; they count for energy only. ",
                      "%s%s delen zijn buiten geplande tijd gemaakt; die tellen alleen voor "
                      "energie. "),
                   text, whole(w, f->overtime_good + f->overtime_scrap));
    if (*text)
        kp_pen_text(&w->pen, IN(w, "Remarks", "Opmerkingen"), text);
}

/* ---- the whole ---- */
static void put_title(struct writing *w)
{
    struct report *r = w->r;
    const char *machines = r->n == 1 ? r->machines[0].path : SAY(w, "%zu machines", r->n);
    if (r->kind == KP_REPORT_MONTH) {
        w->pen.page->title =
            SAY(w, "%s %s", IN(w, "Monthly report", "Maandrapport"), kp_pen_month(&w->pen, r->from, true));
        w->pen.page->subtitle =
            SAY(w, "%s \u00b7 %s%s", r->node, machines,
                r->to > r->now ? SAY(w, IN(w, " \u00b7 until %s, %s", " \u00b7 tot %s, %s"),
                                     kp_pen_date(&w->pen, r->now), kp_pen_clock(&w->pen, r->now))
                               : "");
        return;
    }
    w->pen.page->title =
        SAY(w, "%s %s", IN(w, "Shift report", "Ploegenrapport"), kp_pen_date(&w->pen, r->from));
    w->pen.page->subtitle =
        SAY(w, IN(w, "%s \u00b7 %s \u00b7 %s to %s", "%s \u00b7 %s \u00b7 %s tot %s"), r->node,
            machines, kp_pen_moment(&w->pen, r->from), kp_pen_moment(&w->pen, r->to));
}

enum kp_code report_page(struct report *r, struct kp_page *page, struct kp_err *err)
{
    struct writing w = { .pen = kp_pen(&r->arena, page, r->dutch, err), .r = r };
    w.strip = shared_path(&w);
    put_title(&w);
    put_summary(&w);
    if (r->n)
        put_tiles(&w);
    if (r->n && r->kind == KP_REPORT_MONTH)
        put_days(&w);
    else if (r->n)
        put_shifts(&w);
    put_machines(&w);
    put_reasons(&w);
    put_stops(&w);
    put_orders(&w);
    put_energy(&w);
    put_remarks(&w);
    page->about =
        IN(&w,
           "OEE after ISO 22400-2: availability (running / planned time) \u00d7 effectiveness (the "
           "time the parts should have taken / running time) \u00d7 quality (good / all parts).",
           "OEE volgens ISO 22400-2: beschikbaarheid (draaitijd / geplande tijd) \u00d7 "
           "effectiviteit (de tijd die de delen hadden moeten kosten / draaitijd) \u00d7 "
           "kwaliteit (goede / alle delen).");
    return err->code;
}
