/* SPDX-License-Identifier: Apache-2.0 */
/* CSV (RFC 4180), also as spreadsheets of countries with a decimal comma write it: cells parted by commas, semicolons or
 * tabs. Either one point per line, with columns time, signal, value and perhaps status; or one column per signal. */
#include "node/points.h"

#include "core/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "core/ban.h"

enum { COLUMNS_MAX = 10000 };

struct csv {
    struct points *p;
    struct kp_err *err;
    char *text, *end; /* what is still to be read */
    char delimiter;
    uint64_t line, next_line; /* of the record in hand; of the one after it */
    char **cell;
    size_t n, room;
    /* by place, SIZE_MAX = there is none */
    size_t time, signal, value, status;
    uint32_t *column; /* wide: the series of each */
    size_t columns;
};

static enum kp_code refuse(struct csv *c, const char *why, const char *word)
{
    return kp_fail(c->err, KP_EPARSE, "line %" PRIu64 ": %s '%.60s'", c->line, why, word);
}

/* ---- records ---- */

/* Cuts a cell off in place; *more: another one follows in this record. */
static enum kp_code take_cell(struct csv *c, char **out, bool *more)
{
    char *p = c->text, *to = p;
    bool quoted = *p == '"';
    *out = p;
    for (p += quoted; p < c->end; p++) {
        if (quoted && *p == '"' && p[1] != '"')
            break;
        if (!quoted && (*p == c->delimiter || *p == '\n' || *p == '\r'))
            break;
        p += quoted && *p == '"';
        c->next_line += *p == '\n';
        *to++ = *p;
    }
    if (quoted && p == c->end)
        return kp_fail(c->err, KP_EPARSE, "line %" PRIu64 ": a quote opens here that nothing closes", c->line);
    p += quoted;
    p += *p == '\r' && p[1] == '\n';
    char stop = p < c->end ? *p : '\n';
    if (stop != c->delimiter && stop != '\n')
        return refuse(c, "behind a cell cannot stand", (char[]){ stop, 0 });
    *to = 0;
    *more = stop == c->delimiter;
    c->next_line += !*more;
    c->text = p < c->end ? p + 1 : c->end;
    return KP_OK;
}

static enum kp_code take_record(struct csv *c)
{
    bool more = true;
    c->line = c->next_line;
    for (c->n = 0; more; c->n++) {
        if (c->n == COLUMNS_MAX || !kp_grow(&c->cell, &c->room, c->n + 1, sizeof *c->cell))
            return kp_fail(c->err, KP_EFULL, "line %" PRIu64 ": more than %d columns", c->line, COLUMNS_MAX);
        if (take_cell(c, &c->cell[c->n], &more))
            return c->err->code;
    }
    return KP_OK;
}

/* ---- the head ---- */

static char guess_delimiter(const char *text)
{
    size_t semicolons = 0, tabs = 0, commas = 0;
    bool quoted = false;
    for (; *text && (quoted || *text != '\n'); text++) {
        quoted ^= *text == '"';
        semicolons += !quoted && *text == ';';
        tabs += !quoted && *text == '\t';
        commas += !quoted && *text == ',';
    }
    return semicolons >= commas && semicolons ? ';' : tabs > commas ? '\t' : ',';
}

static size_t find(const struct csv *c, const char *const *words)
{
    for (; *words; words++)
        for (size_t i = 0; i < c->n; i++)
            if (strcasecmp(c->cell[i], *words) == 0)
                return i;
    return SIZE_MAX;
}

static enum kp_code name_columns(struct csv *c)
{
    c->column = kp_arena_alloc(&c->p->arena, c->n * sizeof *c->column);
    if (!c->column)
        return kp_fail(c->err, KP_ENOMEM, "out of memory reading points");
    for (size_t i = 0; i < c->n; i++) {
        bool made = false;
        c->column[i] = POINTS_NONE;
        if (i == c->time || !*c->cell[i])
            continue; /* a column without a name is no signal */
        c->column[i] = points_series(c->p, c->cell[i], strlen(c->cell[i]), "", 0, c->line, &made, c->err);
        if (c->column[i] == POINTS_NONE || (made && points_name(c->p, c->column[i], c->cell[i], c->err)))
            return c->err->code;
        if (!made)
            return refuse(c, "two columns are called", c->cell[i]);
    }
    return KP_OK;
}

static enum kp_code take_head(struct csv *c)
{
    static const char *const times[] = { "time", "timestamp", "datetime", "date", "_time", "ts", "tijd", "datum", NULL };
    static const char *const signals[] = { "signal", "path", "tag", NULL }, *const values[] = { "value", "waarde", NULL },
                             *const states[] = { "status", NULL };
    const char *mine[] = { c->p->options->column, NULL };
    if (take_record(c))
        return c->err->code;
    c->columns = c->n;
    c->time = find(c, mine[0] ? mine : times);
    if (c->time == SIZE_MAX)
        return mine[0] ? refuse(c, "there is no column", mine[0])
                       : kp_fail(c->err, KP_EPARSE, "line %" PRIu64 ": no column is called time; say which one it is", c->line);
    c->signal = find(c, signals);
    c->value = find(c, values);
    c->status = find(c, states);
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

/* Where cells are not parted by commas "12,5" is twelve and a half. */
static char *with_point(const struct csv *c, char *word)
{
    char *comma = strchr(word, ',');
    if (c->delimiter != ',' && comma && strspn(word, "+-0123456789,eE") == strlen(word) && !strchr(comma + 1, ','))
        *comma = '.';
    return word;
}

static enum kp_code take_long(struct csv *c, struct point *one)
{
    bool made;
    const char *signal = c->cell[c->signal], *status = c->status == SIZE_MAX ? "" : c->cell[c->status];
    char *word = with_point(c, c->cell[c->value]);
    int64_t code;
    one->series = points_series(c->p, signal, strlen(signal), "", 0, c->line, &made, c->err);
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
    for (size_t i = 0; i < c->n && !c->err->code; i++) {
        if (c->column[i] == POINTS_NONE || !*c->cell[i])
            continue;
        one->series = c->column[i];
        one->word = with_point(c, c->cell[i]);
        points_add(c->p, one, c->err);
    }
    return c->err->code;
}

static enum kp_code take_points(struct csv *c)
{
    struct point one = { 0 };
    if (take_record(c))
        return c->err->code;
    if (c->n == 1 && !*c->cell[0])
        return KP_OK; /* an empty line */
    if (c->n != c->columns)
        return kp_fail(c->err, KP_EPARSE, "line %" PRIu64 ": %zu columns where the first line has %zu", c->line, c->n, c->columns);
    one.line = c->line;
    if (take_time(c, c->cell[c->time], &one.at))
        return c->err->code;
    return c->signal == SIZE_MAX ? take_wide(c, &one) : take_long(c, &one);
}

enum kp_code points_read_csv(struct points *p, char *text, size_t len, struct kp_err *err)
{
    static const char bom[] = "\xef\xbb\xbf";
    struct csv c = { .p = p, .err = err, .text = text, .end = text + len, .next_line = 1 };
    if (len >= 3 && memcmp(text, bom, 3) == 0)
        c.text += 3;
    c.delimiter = guess_delimiter(c.text);
    if (c.text == c.end)
        kp_fail(err, KP_EPARSE, "line 1: there is nothing but a byte order mark");
    else
        take_head(&c);
    if (p->options->first > 1)
        c.next_line = p->options->first; /* a piece of a longer text, sent with its head */
    while (!err->code && c.text < c.end)
        take_points(&c);
    kp_free(c.cell);
    return err->code;
}
