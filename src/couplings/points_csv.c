/* SPDX-License-Identifier: Apache-2.0 */
/* CSV: either one point per line, with columns time, signal, value and perhaps status; or one column per signal. */
#include "couplings/points.h"

#include "core/csv.h"
#include "core/text.h"

#include <inttypes.h>
#include <string.h>

#include "core/ban.h"

struct csv {
    struct kp_csv r;
    struct kp_points *p;
    struct kp_err *err;
    /* by place, SIZE_MAX = there is none */
    size_t time, signal, value, status;
    uint32_t *column; /* wide: the series of each */
    size_t columns;
};

static enum kp_code refuse(struct csv *c, const char *why, const char *word)
{
    return kp_fail(c->err, KP_EPARSE, "line %" PRIu64 ": %s '%.60s'", c->r.line, why, word);
}

/* ---- the head ---- */

static enum kp_code name_columns(struct csv *c)
{
    c->column = kp_arena_alloc(&c->p->arena, c->r.n * sizeof *c->column);
    if (!c->column)
        return kp_fail(c->err, KP_ENOMEM, "out of memory reading points");
    for (size_t i = 0; i < c->r.n; i++) {
        bool made = false;
        c->column[i] = KP_POINTS_NONE;
        if (i == c->time || !*c->r.cell[i])
            continue; /* a column without a name is no signal */
        c->column[i] = kp_points_series(c->p, c->r.cell[i], strlen(c->r.cell[i]), "", 0, c->r.line, &made, c->err);
        if (c->column[i] == KP_POINTS_NONE || (made && kp_points_name(c->p, c->column[i], c->r.cell[i], c->err)))
            return c->err->code;
        if (!made)
            return refuse(c, "two columns are called", c->r.cell[i]);
    }
    return KP_OK;
}

static enum kp_code take_head(struct csv *c)
{
    static const char *const signals[] = { "signal", "path", "tag", NULL }, *const values[] = { "value", "waarde", NULL },
                             *const states[] = { "status", NULL };
    const char *mine[] = { c->p->options->column, NULL };
    if (kp_csv_next(&c->r, c->err))
        return c->err->code;
    c->columns = c->r.n;
    c->time = kp_csv_find(&c->r, mine[0] ? mine : kp_points_times);
    if (c->time == SIZE_MAX)
        return mine[0] ? refuse(c, "there is no column", mine[0])
                       : kp_fail(c->err, KP_EPARSE, "line %" PRIu64 ": no column is called time; say which one it is", c->r.line);
    c->signal = kp_csv_find(&c->r, signals);
    c->value = kp_csv_find(&c->r, values);
    c->status = kp_csv_find(&c->r, states);
    if (c->signal != SIZE_MAX && c->value != SIZE_MAX)
        return KP_OK;
    c->signal = SIZE_MAX;
    return name_columns(c);
}

/* ---- points ---- */

static enum kp_code take_long(struct csv *c, struct kp_point *one)
{
    bool made;
    const char *signal = c->r.cell[c->signal], *status = c->status == SIZE_MAX ? "" : c->r.cell[c->status];
    char *word = kp_csv_number(&c->r, c->r.cell[c->value]);
    int64_t code;
    one->series = kp_points_series(c->p, signal, strlen(signal), "", 0, c->r.line, &made, c->err);
    if (one->series == KP_POINTS_NONE || (made && kp_points_name(c->p, one->series, signal, c->err)))
        return c->err->code;
    if (strspn(status, "0123456789") && !strchr(status, 'x') && kp_points_number_time(status, 1, &code) && code <= UINT32_MAX)
        one->status = (uint32_t)code;
    else if (*status && !kp_status_parse(status, &one->status))
        return refuse(c, "this is no status such as Good or BadSensorFailure:", status);
    if (!*word && !one->status)
        return KP_OK; /* nothing is said */
    one->word = *word ? word : NULL;
    return kp_points_add(c->p, one, c->err);
}

static enum kp_code take_wide(struct csv *c, struct kp_point *one)
{
    for (size_t i = 0; i < c->r.n && !c->err->code; i++) {
        if (c->column[i] == KP_POINTS_NONE || !*c->r.cell[i])
            continue;
        one->series = c->column[i];
        one->word = kp_csv_number(&c->r, c->r.cell[i]);
        kp_points_add(c->p, one, c->err);
    }
    return c->err->code;
}

static enum kp_code take_points(struct csv *c)
{
    struct kp_point one = { 0 };
    if (kp_csv_empty(&c->r))
        return KP_OK;
    if (c->r.n != c->columns)
        return kp_fail(c->err, KP_EPARSE, "line %" PRIu64 ": %zu columns where the first line has %zu", c->r.line, c->r.n, c->columns);
    one.line = c->r.line;
    if (!kp_points_time(c->p->options, c->r.cell[c->time], &one.at))
        return refuse(c, "this is no time such as 2026-11-24T10:02:31Z:", c->r.cell[c->time]);
    return c->signal == SIZE_MAX ? take_wide(c, &one) : take_long(c, &one);
}

enum kp_code kp_points_read_csv(struct kp_points *p, char *text, size_t len, struct kp_err *err)
{
    struct csv c = { .p = p, .err = err };
    kp_csv_begin(&c.r, text, len);
    if (!kp_csv_more(&c.r))
        kp_fail(err, KP_EPARSE, "line 1: there is nothing but a byte order mark");
    else
        take_head(&c);
    if (p->options->first > 1)
        c.r.next_line = p->options->first; /* a piece of a longer text, sent with its head */
    while (!err->code && kp_csv_more(&c.r)) {
        size_t mark = p->n;
        bool whole = !kp_csv_next(&c.r, err);
        if (whole)
            take_points(&c);
        if (kp_points_pass_over(p, mark, c.r.line, err) && !whole)
            kp_csv_skip(&c.r);
    }
    kp_csv_end(&c.r);
    return err->code;
}
