/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of a day: from counters, by program, and what was counted by hand. A part belongs to the
 * piece in which it became ready; one of a shift's last instant is of that shift. */
#include "flex/private.h"

#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

#define FASTEST (KP_SECOND / 2)
enum { PACE_LEAST = 10, EVENTS_MAX = 200000 };

struct event { /* parts that became ready */
    int64_t at, parts;
    int64_t ran; /* how long the machine had run that day */
    uint8_t count; /* enum kp_count */
    size_t program;
};
struct turn { /* a program that begins */
    int64_t at;
    const char *program;
};
struct parts {
    struct day_sum *s;
    int64_t fastest;
    enum kp_count count;
    bool begun; /* a point of this counter was read */
    double last;
    int64_t last_at;
    struct event *events;
    size_t n, room;
    struct turn *turns;
    size_t n_turns, turns_room;
};

/* ---- reading ---- */
static bool take_program(void *arg, const struct kp_sample *p)
{
    struct parts *m = arg;
    if (p->value.type != KP_STRING)
        return true;
    size_t n = p->value.len < KP_NAME_MAX - 1 ? p->value.len : KP_NAME_MAX - 1;
    char name[KP_NAME_MAX];
    kp_utf8_clean(name, sizeof name, p->value.data, n);
    if (m->n_turns && m->turns[0].at < m->s->q->from && p->at < m->s->q->from)
        m->n_turns = 0; /* of those before the day the last one counts */
    if (m->n_turns && strcmp(m->turns[m->n_turns - 1].program, name) == 0)
        return true;
    const char *copy = kp_arena_strdup(m->s->arena, name);
    if (!copy || !kp_grow(&m->turns, &m->turns_room, m->n_turns + 1, sizeof *m->turns))
        return kp_fail(m->s->err, KP_ENOMEM, "out of memory") == KP_OK;
    m->turns[m->n_turns++] = (struct turn){ p->at, copy };
    return true;
}

static bool note(struct parts *m, int64_t at, int64_t parts)
{
    if (m->n == EVENTS_MAX)
        return kp_fail(m->s->err, KP_EFULL, "%.160s: its counters change more than %d times a day",
                       m->s->q->path, EVENTS_MAX) == KP_OK;
    if (!kp_grow(&m->events, &m->room, m->n + 1, sizeof *m->events))
        return kp_fail(m->s->err, KP_ENOMEM, "out of memory") == KP_OK;
    m->events[m->n++] = (struct event){ .at = at, .parts = parts, .count = (uint8_t)m->count };
    return true;
}

static bool take_count(void *arg, const struct kp_sample *p)
{
    struct parts *m = arg;
    double now;
    if (!kp_value_number(&p->value, &now) || p->at >= m->s->q->to)
        return true;
    bool begun = m->begun, within = p->at >= m->s->q->from;
    struct gain g =
        begun ? counter_gain(m->last, now, p->at - m->last_at, m->fastest) : (struct gain){ 0 };
    m->begun = true;
    m->last = now;
    m->last_at = p->at;
    if (!within)
        return true;
    struct kp_piece *piece = &m->s->day->pieces[piece_at(m->s->day, p->at - 1)];
    piece->doubtful += g.doubtful;
    piece->jumps += g.doubtful > 0;
    piece->resets += g.reset;
    return !g.parts || note(m, p->at, g.parts);
}

static void read_counters(struct parts *m)
{
    const struct kp_day_query *q = m->s->q;
    const kp_signal *of = q->sources.of;
    if (of[KP_COUNT_PROGRAM])
        points_each(m->s->db, of[KP_COUNT_PROGRAM], q->from, m->s->end, 0, take_program, m,
                    m->s->err);
    for (m->count = KP_COUNT_GOOD; m->count <= KP_COUNT_PARTS && !m->s->err->code; m->count++) {
        bool spare = m->count == KP_COUNT_PARTS && of[KP_COUNT_GOOD] && of[KP_COUNT_SCRAP];
        m->begun = false;
        if (of[m->count] && !spare)
            points_each(m->s->db, of[m->count], q->from, m->s->end, 0, take_count, m, m->s->err);
    }
}

/* ---- by hand ---- */
static void
read_by_hand(struct day_sum *s,
             void (*each)(void *, int64_t at, int64_t good, int64_t scrap, const char *), void *arg)
{
    struct kp_stmt *get = kp_db_prepare(s->db,
                                        "select at, good, scrap, program from part_by_hand where "
                                        "asset = ? and at > ? and at <= ? order by at",
                                        s->err);
    if (!get)
        return;
    kp_bind_int(get, 1, s->q->asset);
    kp_bind_int(get, 2, s->q->from);
    kp_bind_int(get, 3, s->end);
    while (kp_step(get, s->err))
        each(arg, kp_column_int(get, 0), kp_column_int(get, 1), kp_column_int(get, 2),
             kp_column_text(get, 3));
    kp_reset(get);
}

/* ---- adding up ---- */
static struct kp_made *made_of(struct day_sum *s, size_t piece, const char *program)
{
    struct kp_day *d = s->day;
    for (size_t i = 0; i < d->n_made; i++)
        if (d->made[i].piece == piece && strcmp(d->made[i].program, program) == 0)
            return &d->made[i];
    if (!kp_grow(&d->made, &s->made_room, d->n_made + 1, sizeof *d->made)) {
        kp_fail(s->err, KP_ENOMEM, "out of memory");
        return NULL;
    }
    d->made[d->n_made] = (struct kp_made){ .piece = piece, .program = program };
    return &d->made[d->n_made++];
}

static void count_in(struct day_sum *s, int64_t at, const char *program, int64_t good,
                     int64_t scrap)
{
    size_t piece = piece_at(s->day, at - 1);
    struct kp_made *made = made_of(s, piece, program);
    if (!made)
        return;
    made->good += good;
    made->scrap += scrap;
    s->day->pieces[piece].good += good;
    s->day->pieces[piece].scrap += scrap;
}

static const char *program_at(const struct parts *m, size_t turn)
{
    return turn ? m->turns[turn - 1].program : "";
}

/* What a gain of one counter says of good parts and scrap, by which counters there are. */
static void count_event(struct parts *m, const struct event *e, const char *program)
{
    const kp_signal *of = m->s->q->sources.of;
    bool good = of[KP_COUNT_GOOD], scrap = of[KP_COUNT_SCRAP];
    if (e->count == KP_COUNT_GOOD)
        count_in(m->s, e->at, program, e->parts, of[KP_COUNT_PARTS] && !scrap ? -e->parts : 0);
    else if (e->count == KP_COUNT_SCRAP)
        count_in(m->s, e->at, program, of[KP_COUNT_PARTS] && !good ? -e->parts : 0, e->parts);
    else
        count_in(m->s, e->at, program, good ? 0 : e->parts, good ? e->parts : 0);
}

static int by_time(const void *a, const void *b)
{
    const struct event *x = a, *y = b;
    return x->at < y->at ? -1 : x->at > y->at;
}

/* Each part has the program that ran before it became ready. */
static void count_events(struct parts *m)
{
    size_t turn = 0;
    qsort(m->events, m->n, sizeof *m->events, by_time);
    for (size_t i = 0; i < m->n && !m->s->err->code; i++) {
        while (turn < m->n_turns && m->turns[turn].at < m->events[i].at)
            turn++;
        m->events[i].program = turn;
        count_event(m, &m->events[i], program_at(m, turn));
    }
}

static void count_by_hand(void *arg, int64_t at, int64_t good, int64_t scrap, const char *program)
{
    struct parts *m = arg;
    size_t turn = 0;
    while (turn < m->n_turns && m->turns[turn].at < at)
        turn++;
    const char *name = program ? kp_arena_strdup(m->s->arena, program) : program_at(m, turn);
    if (name)
        count_in(m->s, at, name, good, scrap);
    else
        kp_fail(m->s->err, KP_ENOMEM, "out of memory");
}

/* ---- how fast ---- */
static int by_length(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static void add_pace(struct day_sum *s, const char *program, int64_t *times, size_t n)
{
    struct kp_day *d = s->day;
    if (n < PACE_LEAST)
        return;
    qsort(times, n, sizeof *times, by_length);
    if (!kp_grow(&d->paces, &s->paces_room, d->n_paces + 1, sizeof *d->paces))
        kp_fail(s->err, KP_ENOMEM, "out of memory");
    else
        d->paces[d->n_paces++] = (struct kp_pace){ program, times[n / 20], (int64_t)n };
}

static bool told_before(const struct kp_day *d, const char *program)
{
    for (size_t i = 0; i < d->n_paces; i++)
        if (strcmp(d->paces[i].program, program) == 0)
            return true;
    return false;
}

/* What a part takes is measured as APT is: without the time in which the machine did not run, such
 * as for the next workpiece. */
static void time_events(struct parts *m)
{
    int64_t ran = 0;
    size_t k = 0;
    for (size_t i = 0; i < m->n; i++) {
        const struct kp_stretch *v = m->s->stretches;
        int64_t at = m->events[i].at;
        for (; k < m->s->n_stretches && v[k].to <= at; k++)
            ran += v[k].state == KP_STATE_RUNNING ? v[k].to - v[k].from : 0;
        bool within =
            k < m->s->n_stretches && v[k].state == KP_STATE_RUNNING && v[k].from < at;
        m->events[i].ran = ran + (within ? at - v[k].from : 0);
    }
}

/* Running times from part to part while one program ran on, the first one of a run not counted. */
static void find_paces(struct parts *m)
{
    int64_t *times = kp_alloc((m->n + 1) * sizeof *times);
    if (!times) {
        kp_fail(m->s->err, KP_ENOMEM, "out of memory");
        return;
    }
    for (size_t turn = 0; turn <= m->n_turns && !m->s->err->code; turn++) {
        const char *program = program_at(m, turn);
        size_t n = 0;
        if (told_before(m->s->day, program))
            continue;
        for (size_t i = 1; i < m->n; i++)
            if (m->events[i].program == m->events[i - 1].program && m->events[i].parts == 1 &&
                m->events[i].ran > m->events[i - 1].ran &&
                strcmp(program_at(m, m->events[i].program), program) == 0)
                times[n++] = m->events[i].ran - m->events[i - 1].ran;
        add_pace(m->s, program, times, n);
    }
    kp_free(times);
}

void day_parts(struct day_sum *s)
{
    const struct kp_machine_rule *rule = kp_settings_machine(s->q->settings, s->q->path);
    struct parts m = { .s = s, .fastest = rule->fastest ? rule->fastest : FASTEST };
    if (s->err->code)
        return;
    read_counters(&m);
    if (!s->err->code && m.n) {
        count_events(&m);
        time_events(&m);
        find_paces(&m);
    }
    if (!s->err->code)
        read_by_hand(s, count_by_hand, &m);
    kp_free(m.events);
    kp_free(m.turns);
}
