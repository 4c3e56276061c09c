/* SPDX-License-Identifier: Apache-2.0 */
/* CSV: either one point per line, with columns time, signal, value and perhaps status; or one column per signal. */
#include "node/points.h"

#include "core/csv.h"
#include "core/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/ban.h"

struct csv {
    struct kp_csv r;
    struct points *p;
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
        c->column[i] = POINTS_NONE;
        if (i == c->time || !*c->r.cell[i])
            continue; /* a column without a name is no signal */
        c->column[i] = points_series(c->p, c->r.cell[i], strlen(c->r.cell[i]), "", 0, c->r.line, &made, c->err);
        if (c->column[i] == POINTS_NONE || (made && points_name(c->p, c->column[i], c->r.cell[i], c->err)))
            return c->err->code;
        if (!made)
            return refuse(c, "two columns are called", c->r.cell[i]);
    }
    return KP_OK;
}

static enum kp_code take_head(struct csv *c)
{
    static const char *const times[] = { "time", "timestamp", "datetime", "date", "_time", "ts", "tijd", "datum", NULL };
    static const char *const signals[] = { "signal", "path", "tag", NULL }, *const values[] = { "value", "waarde", NULL },
                             *const states[] = { "status", NULL };
    const char *mine[] = { c->p->options->column, NULL };
    if (kp_csv_next(&c->r, c->err))
        return c->err->code;
    c->columns = c->r.n;
    c->time = kp_csv_find(&c->r, mine[0] ? mine : times);
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

/* ---- times ---- */

static bool digits(const char *p, size_t n)
{
    return strspn(p, "0123456789") >= n;
}

/* "24-11-2026 10:02" becomes "2026-11-24T10:02:00Z": what stands there with the parts that RFC 3339 asks for. */
static bool complete(const char *word, char out[64], bool *has_zone)
{
    char day[11];
    if (strlen(word) > 40)
        return false;
    if (digits(word, 2) && (word[2] == '-' || word[2] == '.' || word[2] == '/') && digits(word + 3, 2) && word[5] == word[2] &&
        digits(word + 6, 4))
        snprintf(day, sizeof day, "%.4s-%.2s-%.2s", word + 6, word + 3, word);
    else if (digits(word, 4) && word[4] == '-' && digits(word + 5, 2) && word[7] == '-' && digits(word + 8, 2))
        snprintf(day, sizeof day, "%.4s-%.2s-%.2s", word, word + 5, word + 8);
    else
        return false;
    const char *clock = word[10] ? word + 11 : "00:00";
    size_t n = strspn(clock, "0123456789:.,");
    char hours[32];
    snprintf(hours, sizeof hours, "%.*s", (int)n, clock);
    for (char *p = hours; *p; p++)
        if (*p == ',')
            *p = '.';
    *has_zone = clock[n];
    return snprintf(out, 64, "%sT%s%s%s", day, hours, strlen(hours) == 5 ? ":00" : "", clock[n] ? clock + n : "Z") < 64;
}

/* The clock on the wall; of the hour that comes twice in autumn the first. */
static bool to_utc(int64_t *at)
{
    time_t seconds = (time_t)(*at / KP_SECOND - (*at % KP_SECOND < 0));
    int64_t rest = *at - (int64_t)seconds * KP_SECOND;
    struct tm tm;
    if (!gmtime_r(&seconds, &tm))
        return false;
    tm.tm_isdst = -1;
    return !__builtin_mul_overflow((int64_t)mktime(&tm), KP_SECOND, at) && !__builtin_add_overflow(*at, rest, at);
}

static enum kp_code take_time(struct csv *c, const char *word, int64_t *at)
{
    char text[64];
    bool has_zone = true;
    if (kp_time_parse(word, at) && strlen(word) > 10)
        return KP_OK;
    if (complete(word, text, &has_zone) && kp_time_parse(text, at) && (has_zone || !c->p->options->local || to_utc(at)))
        return KP_OK;
    return points_number_time(word, c->p->options->unit, at) ? KP_OK : refuse(c, "this is no time such as 2026-11-24T10:02:31Z:", word);
}

/* ---- points ---- */

static enum kp_code take_long(struct csv *c, struct point *one)
{
    bool made;
    const char *signal = c->r.cell[c->signal], *status = c->status == SIZE_MAX ? "" : c->r.cell[c->status];
    char *word = kp_csv_number(&c->r, c->r.cell[c->value]);
    int64_t code;
    one->series = points_series(c->p, signal, strlen(signal), "", 0, c->r.line, &made, c->err);
    if (one->series == POINTS_NONE || (made && points_name(c->p, one->series, signal, c->err)))
        return c->err->code;
    if (digits(status, 1) && !strchr(status, 'x') && points_number_time(status, 1, &code) && code <= UINT32_MAX)
        one->status = (uint32_t)code;
    else if (*status && !kp_status_parse(status, &one->status))
        return refuse(c, "this is no status such as Good or BadSensorFailure:", status);
    if (!*word && !one->status)
        return KP_OK; /* nothing is said */
    one->word = *word ? word : NULL;
    return points_add(c->p, one, c->err);
}

static enum kp_code take_wide(struct csv *c, struct point *one)
{
    for (size_t i = 0; i < c->r.n && !c->err->code; i++) {
        if (c->column[i] == POINTS_NONE || !*c->r.cell[i])
            continue;
        one->series = c->column[i];
        one->word = kp_csv_number(&c->r, c->r.cell[i]);
        points_add(c->p, one, c->err);
    }
    return c->err->code;
}

static enum kp_code take_points(struct csv *c)
{
    struct point one = { 0 };
    if (kp_csv_next(&c->r, c->err))
        return c->err->code;
    if (kp_csv_empty(&c->r))
        return KP_OK;
    if (c->r.n != c->columns)
        return kp_fail(c->err, KP_EPARSE, "line %" PRIu64 ": %zu columns where the first line has %zu", c->r.line, c->r.n, c->columns);
    one.line = c->r.line;
    if (take_time(c, c->r.cell[c->time], &one.at))
        return c->err->code;
    return c->signal == SIZE_MAX ? take_wide(c, &one) : take_long(c, &one);
}

enum kp_code points_read_csv(struct points *p, char *text, size_t len, struct kp_err *err)
{
    struct csv c = { .p = p, .err = err };
    kp_csv_begin(&c.r, text, len);
    if (!kp_csv_more(&c.r))
        kp_fail(err, KP_EPARSE, "line 1: there is nothing but a byte order mark");
    else
        take_head(&c);
    if (p->options->first > 1)
        c.r.next_line = p->options->first; /* a piece of a longer text, sent with its head */
    while (!err->code && kp_csv_more(&c.r))
        take_points(&c);
    kp_csv_end(&c.r);
    return err->code;
}
