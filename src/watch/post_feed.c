/* SPDX-License-Identifier: Apache-2.0 */
/* What is given to a post, and what it finds in it. */
#include "watch/post_private.h"

#include <math.h>
#include <string.h>

#include "core/ban.h"

enum {
    ODD = 3,        /* values in a row that are no measurement make an alarm */
    FINE = 20,      /* and so many that are end it */
    HEARD = 20,     /* times that something came, before silence means anything */
    SILENT_BY = 5,  /* times as long as ever */
    ROWS_MAX = 60,  /* of a group that are made for one pause; a longer one is a gap */
};
#define QUIET     (10 * KP_SECOND)  /* less is no silence */
#define FINE_FOR  (600 * KP_SECOND) /* or so long */
#define FIRST_RUN (1800 * KP_SECOND) /* lasts no longer, where nothing says that it is over */

static const int64_t latest = INT64_MAX / 2; /* no time of a value is behind it */

/* ---- findings ---- */
static void find_it(struct kp_post *p, enum kp_post_finding what, bool stands, int64_t at)
{
    bool stood = p->findings >> what & 1;
    if (stands == stood)
        return;
    p->findings ^= (uint8_t)(1u << what);
    p->since[what] = stands ? at : KP_NO_TIME;
}

/* A single odd value is none yet; what has stood still or silent for long is one at once. */
static void take_trouble(struct kp_post *p, enum kp_watch_trouble trouble, size_t nth, int64_t at)
{
    bool stands = p->findings >> KP_POST_SENSOR & 1;
    bool lasting = trouble == KP_TROUBLE_STUCK || trouble == KP_TROUBLE_SILENT;
    if (trouble == KP_TROUBLE_NONE) {
        if (!stands || nth != p->troubled) {
            p->odd = nth == p->troubled ? 0 : p->odd;
            return;
        }
        bool over = p->trouble == KP_TROUBLE_STUCK || p->trouble == KP_TROUBLE_SILENT;
        p->fine_since = p->fine ? p->fine_since : at;
        p->fine += p->fine < UINT16_MAX;
        if (over || p->fine >= FINE || at - p->fine_since > FINE_FOR) {
            find_it(p, KP_POST_SENSOR, false, at);
            p->trouble = KP_TROUBLE_NONE;
            p->odd = 0;
        }
        return;
    }
    p->fine = 0;
    if (stands && nth != p->troubled)
        return; /* the first one is told */
    p->odd = nth == p->troubled ? (uint16_t)(p->odd + (p->odd < UINT16_MAX)) : 1;
    p->troubled = (uint32_t)nth;
    if (!stands && (lasting || p->odd >= ODD)) {
        p->trouble = (uint8_t)trouble;
        find_it(p, KP_POST_SENSOR, true, at);
    }
}

static void note_score(struct kp_post *p, int64_t at, double score, bool alarm)
{
    int64_t into = at - p->step * KP_POST_STEP; /* mostly it is in the newest step */
    int64_t step = into >= 0 && into < KP_POST_STEP ? p->step : at / KP_POST_STEP;
    if (step > p->step + KP_POST_STEPS || !p->step)
        memset(p->course, 0, sizeof p->course);
    for (int64_t s = p->step + 1; s <= step && s > step - KP_POST_STEPS; s++)
        p->course[s % KP_POST_STEPS] = 0;
    if (step <= p->step - KP_POST_STEPS || step < 0)
        return;
    p->step = step > p->step ? step : p->step;
    uint8_t *now = &p->course[step % KP_POST_STEPS];
    uint8_t level = (uint8_t)(1 + fmax(0, fmin(1, score)) * 126);
    uint8_t before = *now & 127;
    *now = (uint8_t)((*now & 128) | (level > before ? level : before) | (alarm ? 128 : 0));
}

/* The judgement of a signal or a group. */
static void take_judgement(struct kp_post *p, const struct kp_judgement *j, int64_t at)
{
    p->last = *j;
    p->at = at;
    if (j->state == KP_WATCH_LEARNING)
        return;
    if (p->learnt_at == KP_NO_TIME) {
        p->learnt_at = at;
        p->from = p->from ? p->from : KP_POST_FROM_LIVE;
    }
    find_it(p, KP_POST_UNUSUAL, j->alarm, at);
    note_score(p, at, j->score, j->alarm);
}

/* ---- whether it judges ---- */
enum kp_post_reason post_silent(const struct kp_post *p)
{
    if (p->def->states && p->has_states && p->machine == KP_STATE_UNKNOWN)
        return KP_POST_UNKNOWN;
    if (p->def->states && p->has_states && !(p->def->states >> p->machine & 1))
        return KP_POST_STATE;
    return p->first_run != KP_NO_TIME ? KP_POST_FIRST_RUN : KP_POST_JUDGES;
}

void kp_post_state(struct kp_post *p, bool has, enum kp_state state, int64_t at)
{
    bool ran = p->machine == KP_STATE_RUNNING, runs = state == KP_STATE_RUNNING;
    if (ran && !runs && p->first_run != KP_NO_TIME && at > p->first_run)
        p->first_run = KP_NO_TIME;
    p->has_states = has;
    if (p->cycling && p->machine != (uint8_t)state) {
        p->cycling->before = p->machine;
        p->cycling->changed = at;
    }
    p->machine = (uint8_t)state;
}

void kp_post_program(struct kp_post *p, uint64_t program, int64_t at)
{
    if (program == p->program)
        return;
    bool change = p->program && program; /* the first one it hears of may run for long */
    p->program = program;
    if (p->def->by_program && p->def->kind != KP_WATCH_MACHINE && change)
        p->first_run = at;
    p->next_row = KP_NO_TIME;
}

/* ---- values ---- */
static void take_single(struct kp_post *p, int64_t at, double value, bool good)
{
    struct memory *m = post_memory(p);
    if (!m)
        return;
    struct kp_judgement j = kp_watch_signal_step(m->signal, at, value, good);
    take_trouble(p, j.trouble, 0, at);
    if (j.state != KP_WATCH_LEARNING) /* how far its level is out counts as well */
        j.score = fmax(j.score, m->signal->drift / (m->signal->drift + 1));
    take_judgement(p, &j, at);
}

static void make_row(struct kp_post *p, int64_t at)
{
    struct memory *m = post_memory(p);
    struct kp_judgement j;
    for (size_t i = 0; i < p->n; i++)
        p->row[i] = p->channel[i].value;
    if (m && !kp_group_step(m->group, p->row, &j, &(struct kp_err){ 0 }))
        take_judgement(p, &j, at);
}

/* The rows up to this moment, at an even pace; after a long pause it goes on from here. */
static void make_rows(struct kp_post *p, int64_t at)
{
    int64_t pace = p->def->pace;
    if (p->next_row == KP_NO_TIME || at - p->next_row > ROWS_MAX * pace || p->next_row - at > pace)
        p->next_row = at - at % pace + pace;
    for (; p->next_row <= at; p->next_row += pace)
        make_row(p, p->next_row);
}

/* Rows before this value, which the next one then has. */
static void take_of_several(struct kp_post *p, size_t nth, int64_t at, double value, bool good)
{
    struct channel *ch = &p->channel[nth];
    if (p->def->kind == KP_WATCH_GROUP)
        make_rows(p, at);
    struct kp_sensed s = kp_sense_step(&ch->sense, at, value, good);
    take_trouble(p, s.trouble, nth, at);
    if (s.usable)
        ch->value = value;
    if (p->cycles && s.usable)
        kp_cycle_value(p->cycles, (unsigned)nth, at, value);
}

void kp_post_value(struct kp_post *p, size_t nth, int64_t at, double value, bool good)
{
    if (at <= p->until || at < 0 || at > latest || nth >= p->n)
        return;
    p->hearing.values++;
    if (p->channel)
        p->channel[nth].hearing.values++;
    if (p->first_run != KP_NO_TIME && at - p->first_run > FIRST_RUN)
        p->first_run = KP_NO_TIME;
    p->cut = false;
    if (post_silent(p) != KP_POST_JUDGES) {
        if (p->channel && good && isfinite(value))
            p->channel[nth].value = value;
        p->next_row = KP_NO_TIME;
    } else if (p->def->kind == KP_WATCH_SIGNAL) {
        take_single(p, at, value, good);
    } else {
        take_of_several(p, nth, at, value, good);
    }
}

/* ---- cycles ---- */
void kp_post_cycle(struct kp_post *p, uint64_t kind, int64_t at)
{
    if (!p->cycles || at <= p->until)
        return;
    find_it(p, KP_POST_OVERDUE, false, at);
    p->cycling->seen = KP_NO_TIME;
    kp_cycle_begin(p->cycles, kind, at);
    for (size_t i = 0; i < p->n; i++) /* what they showed before holds */
        if (!isnan(p->channel[i].value))
            kp_cycle_value(p->cycles, (unsigned)i, at, p->channel[i].value);
}

static void take_cycle(struct kp_post *p, const struct kp_cycle_judgement *j, int64_t at)
{
    p->cycle = *j;
    p->at = at;
    p->last.state = j->state;
    if (j->state == KP_WATCH_LEARNING)
        return;
    if (p->learnt_at == KP_NO_TIME) {
        p->learnt_at = at;
        p->from = p->from ? p->from : KP_POST_FROM_LIVE;
    }
    p->last.score = j->score;
    find_it(p, KP_POST_UNUSUAL, j->alarm, at);
    note_score(p, at, j->score, j->alarm);
}

void kp_post_cycle_end(struct kp_post *p, int64_t at)
{
    struct kp_cycle_judgement j;
    if (p->first_run != KP_NO_TIME && at > p->first_run)
        p->first_run = KP_NO_TIME;
    if (!p->cycles || !kp_cycle_runs(p->cycles))
        return;
    find_it(p, KP_POST_OVERDUE, false, at);
    if (post_silent(p) == KP_POST_STATE)
        kp_cycle_drop(p->cycles, at);
    else if (kp_cycle_end(p->cycles, at, &j))
        take_cycle(p, &j, at);
}

/* What the machine did then counts. */
void kp_post_cycle_whole(struct kp_post *p, uint64_t kind, int64_t from, int64_t to)
{
    struct kp_cycle_judgement j;
    uint8_t now = p->machine;
    if (!p->cycles || from <= p->until)
        return;
    p->machine = to <= p->cycling->changed ? p->cycling->before : now;
    bool judges = post_silent(p) != KP_POST_STATE;
    p->machine = now;
    if (judges && kp_cycle_whole(p->cycles, kind, from, to, &j))
        take_cycle(p, &j, to);
}

/* ---- when nothing comes ---- */
/* For how long nothing has come, when that is far longer than ever; else 0. */
static int64_t silence(struct hearing *h, int64_t now)
{
    bool came = h->values != h->before;
    int64_t quiet = h->at == KP_NO_TIME || now < h->at ? 0 : now - h->at;
    h->before = h->values;
    if (came || h->at == KP_NO_TIME) {
        h->longest = came && quiet > h->longest ? quiet : h->longest;
        h->times += came && h->times < UINT32_MAX;
        h->at = now;
        return 0;
    }
    return h->times >= HEARD && quiet > QUIET && quiet / SILENT_BY > h->longest ? quiet : 0;
}

/* While nothing is expected. */
static void pause_hearing(struct kp_post *p, int64_t now)
{
    p->hearing.at = now;
    for (size_t i = 0; i < p->n && p->channel; i++)
        p->channel[i].hearing.at = now;
}

static void look_at_single(struct kp_post *p, int64_t now)
{
    struct memory *m = post_find(p, p->def->by_program ? p->program : 0);
    int64_t quiet = silence(&p->hearing, now);
    if (!quiet || !m->signal || m->signal->sense.at == KP_NO_TIME)
        return;
    struct kp_judgement j = kp_watch_signal_look(m->signal, m->signal->sense.at + quiet);
    p->last.state = j.state;
    if (j.trouble == KP_TROUBLE_SILENT)
        take_trouble(p, j.trouble, 0, now);
}

static void look_at_cycle(struct kp_post *p, int64_t now)
{
    struct cycling *c = p->cycling;
    c->seen = c->seen == KP_NO_TIME ? now : c->seen;
    c->lasts = now - c->seen;
    if (kp_cycle_overdue(p->cycles, c->lasts, &c->overdue_usual))
        find_it(p, KP_POST_OVERDUE, true, now);
}

void kp_post_look(struct kp_post *p, int64_t now, bool cut)
{
    p->cut = cut;
    if (cut || post_silent(p) != KP_POST_JUDGES) {
        pause_hearing(p, now);
        return;
    }
    if (p->cycling)
        look_at_cycle(p, now);
    if (p->def->kind == KP_WATCH_SIGNAL) {
        look_at_single(p, now);
        return;
    }
    for (size_t i = 0; i < p->n; i++) {
        const struct kp_sense *s = &p->channel[i].sense;
        int64_t quiet = silence(&p->channel[i].hearing, now);
        if (quiet && s->at != KP_NO_TIME && kp_sense_silent(s, s->at + quiet))
            take_trouble(p, KP_TROUBLE_SILENT, i, now);
    }
}

