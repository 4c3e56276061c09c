/* SPDX-License-Identifier: Apache-2.0 */
#include "flex/stretch.h"

#include <string.h>

#include "core/ban.h"

/* As in a sum of intervals: what is longer than a day is found by the index interval_long. */
#define DAY_NS "86400000000000"
#define FIND(attribute)                                                                            \
    "select i.id, i.start, i.\"end\" until, json_extract(i.attributes, '$." attribute              \
    "') word, n.reason, "                                                                          \
    "n.state, n.comment, n.who, n.at from interval i left join stop_note n on n.id = i.id where "  \
    "i.asset = ?1 and i.kind = ?2 and "
#define LONG "i.\"end\" - i.start > " DAY_NS " and i.start < ?4 and i.\"end\" > ?3 "
#define SHORT                                                                                      \
    "i.start >= ?3 - " DAY_NS                                                                      \
    " and i.start < ?4 and i.\"end\" > ?3 and i.\"end\" - i.start <= " DAY_NS
static const char states_sql[] = FIND("state") LONG "union all " FIND("state") SHORT " order by 2";
static const char stops_sql[] = FIND("reason") LONG "union all " FIND("reason") SHORT " order by 2";

uint8_t kp_state_of(const char *word)
{
    for (unsigned s = KP_STATE_RUNNING; word && s < KP_STATES; s++)
        if (strcmp(kp_state_name(s), word) == 0)
            return (uint8_t)s;
    return KP_STATE_UNKNOWN;
}

struct reading {
    struct kp_db *db;
    kp_asset asset;
    int64_t from, to, now;
    struct kp_arena *arena;
    struct kp_err *err;
};
struct list {
    struct kp_stretch *of;
    size_t n, room;
};

static const char *keep(struct reading *r, const char *text)
{
    const char *copy = text ? kp_arena_strdup(r->arena, text) : NULL;
    if (text && !copy)
        kp_fail(r->err, KP_ENOMEM, "out of memory");
    return copy;
}

static bool add(struct reading *r, struct list *l, const struct kp_stretch *s)
{
    if (!kp_grow(&l->of, &l->room, l->n + 1, sizeof *l->of))
        return kp_fail(r->err, KP_ENOMEM, "out of memory") == KP_OK;
    l->of[l->n++] = *s;
    return true;
}

/* A row as a stretch; `covered`: up to where those before it reach. */
static void take_row(struct reading *r, struct list *l, struct kp_stmt *s, bool stop,
                     int64_t *covered)
{
    struct kp_stretch v = { .id = kp_column_int(s, 0),
                            .start = kp_column_int(s, 1),
                            .end = kp_column_int(s, 2) };
    const char *word = kp_column_text(s, 3), *noted = kp_column_text(s, 4);
    int64_t end = v.end == KP_FOREVER ? r->now : v.end;
    v.from = v.start < r->from ? r->from : v.start;
    v.from = v.from < *covered ? *covered : v.from;
    v.to = end < r->to ? end : r->to;
    if (v.from >= v.to)
        return;
    v.told = stop ? KP_STATE_STOPPED : kp_state_of(word);
    v.state = kp_column_null(s, 5) ? v.told : kp_state_of(kp_column_text(s, 5));
    const char *reason = noted ? noted : stop ? word : NULL;
    v.reason = reason ? keep(r, reason) : "";
    v.comment = keep(r, kp_column_text(s, 6));
    v.who = keep(r, kp_column_text(s, 7));
    v.at = kp_column_int(s, 8);
    *covered = v.to;
    if (!r->err->code)
        add(r, l, &v);
}

static void read_rows(struct reading *r, bool stop, struct list *l)
{
    int64_t covered = r->from;
    struct kp_stmt *s = kp_db_prepare(r->db, stop ? stops_sql : states_sql, r->err);
    if (!s)
        return;
    kp_bind_int(s, 1, r->asset);
    kp_bind_text(s, 2, kp_interval_kind_name(stop ? KP_INTERVAL_STOP : KP_INTERVAL_STATE));
    kp_bind_int(s, 3, r->from);
    kp_bind_int(s, 4, r->to);
    while (!r->err->code && kp_step(s, r->err))
        take_row(r, l, s, stop, &covered);
    kp_reset(s);
}

/* A piece of a state in which a stop says why. A stop in which the machine ran says nothing. */
static struct kp_stretch explained(const struct kp_stretch *state, const struct kp_stretch *stop)
{
    struct kp_stretch v = *stop;
    bool corrected = stop->state != stop->told;
    v.told = state->told;
    v.state = corrected ? stop->state : state->state;
    if (!*v.reason && *state->reason) {
        v.reason = state->reason;
        v.comment = state->comment;
        v.who = state->who;
        v.at = state->at;
    }
    return v.state == KP_STATE_RUNNING ? *state : v;
}

/* Cuts [from, to) of a state, or of time without one, at the stops within it. */
static void cut(struct reading *r, const struct kp_stretch *state, int64_t from, int64_t to,
                const struct list *stops, size_t *next, struct list *out)
{
    while (from < to && !r->err->code) {
        while (*next < stops->n && stops->of[*next].to <= from)
            ++*next;
        const struct kp_stretch *stop =
            *next < stops->n && stops->of[*next].from < to ? &stops->of[*next] : NULL;
        bool within = stop && stop->from <= from;
        int64_t until = within ? stop->to : stop ? stop->from : to;
        struct kp_stretch v = { 0 };
        if (within)
            v = state ? explained(state, stop) : *stop;
        else if (state)
            v = *state;
        v.from = from;
        v.to = until < to ? until : to;
        if (v.id)
            add(r, out, &v);
        from = v.to;
    }
}

static void join(struct reading *r, const struct list *states, const struct list *stops,
                 struct list *out)
{
    int64_t at = r->from;
    size_t next = 0;
    for (size_t i = 0; i < states->n && !r->err->code; i++) {
        const struct kp_stretch *s = &states->of[i];
        cut(r, NULL, at, s->from, stops, &next, out);
        cut(r, s, s->from, s->to, stops, &next, out);
        at = s->to;
    }
    cut(r, NULL, at, r->to, stops, &next, out);
}

enum kp_code kp_stretches(struct kp_db *db, kp_asset asset, int64_t from, int64_t to, int64_t now,
                          struct kp_arena *arena, struct kp_stretch **list, size_t *n,
                          struct kp_err *err)
{
    struct kp_err failure = { 0 };
    struct reading r = { db, asset, from, to, now, arena, &failure };
    struct list states = { 0 }, stops = { 0 }, all = { 0 };
    *n = 0;
    read_rows(&r, false, &states);
    if (!failure.code)
        read_rows(&r, true, &stops);
    if (!failure.code)
        join(&r, &states, &stops, &all);
    *list = failure.code ? NULL : kp_arena_copy(arena, all.of, all.n * sizeof *all.of);
    if (!failure.code && !*list)
        kp_fail(&failure, KP_ENOMEM, "out of memory");
    if (!failure.code)
        *n = all.n;
    kp_free(states.of);
    kp_free(stops.of);
    kp_free(all.of);
    return failure.code ? kp_fail(err, failure.code, "%s", failure.text) : KP_OK;
}
