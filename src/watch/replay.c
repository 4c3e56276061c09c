/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/replay.h"

#include "core/csv.h"
#include "core/text.h"
#include "watch/group.h"
#include "watch/signal.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

enum { QUIET = 200 }; /* rows in which one event of a single signal is not told twice */

struct kp_replay {
    struct kp_replay_options options;
    struct kp_csv csv;
    bool begun; /* the head of the file was read, and by its first row what is a signal */
    bool headed;
    char **name;
    size_t columns, when; /* when: the column of times; SIZE_MAX: none */
    size_t *column;       /* of each signal */
    struct kp_sense *sense;
    double *row;
    struct kp_watch_signal single;
    struct kp_group *group;
    double told; /* the score of the event at hand */
    uint32_t quiet;
    bool alarm;
    struct kp_replay_sum sum;
};

struct kp_replay *kp_replay_new(const struct kp_replay_options *options, struct kp_err *err)
{
    struct kp_replay *r = kp_alloc(sizeof *r);
    if (!r) {
        kp_fail(err, KP_ENOMEM, "out of memory");
        return NULL;
    }
    r->options = *options;
    r->csv.next_line = 1;
    r->when = SIZE_MAX;
    return r;
}

void kp_replay_free(struct kp_replay *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->columns; i++)
        kp_free(r->name[i]);
    kp_free(r->name);
    kp_free(r->column);
    kp_free(r->sense);
    kp_free(r->row);
    kp_watch_signal_free(&r->single);
    kp_group_free(r->group);
    kp_csv_end(&r->csv);
    kp_free(r);
}

struct kp_replay_sum kp_replay_sum(const struct kp_replay *r)
{
    return r->sum;
}

/* ---- what the columns are ---- */
static size_t find(const struct kp_replay *r, const char *name, size_t n)
{
    for (size_t i = 0; i < r->columns; i++)
        if (strlen(r->name[i]) == n && memcmp(r->name[i], name, n) == 0)
            return i;
    return SIZE_MAX;
}

static enum kp_code check_names(struct kp_replay *r, struct kp_err *err)
{
    const char *time = r->options.time, *p = r->options.without;
    if (time && (r->when = find(r, time, strlen(time))) == SIZE_MAX)
        return kp_fail(err, KP_EINVALID, "line 1: no column is called '%.100s'", time);
    for (; p && *p; p += strcspn(p, ","), p += *p == ',') {
        size_t n = strcspn(p, ",");
        if (find(r, p, n) == SIZE_MAX)
            return kp_fail(err, KP_EINVALID, "line 1: no column is called '%.*s'",
                           n < 100 ? (int)n : 100, p);
    }
    return KP_OK;
}

static enum kp_code read_head(struct kp_replay *r, struct kp_err *err)
{
    const size_t n = r->csv.n;
    r->name = kp_alloc(n * sizeof *r->name);
    r->column = kp_alloc(n * sizeof *r->column);
    if (!r->name || !r->column)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    for (size_t i = 0; i < n; i++, r->columns++)
        if (!(r->name[i] = kp_strdup(r->csv.cell[i])))
            return kp_fail(err, KP_ENOMEM, "out of memory");
    r->headed = true;
    return check_names(r, err);
}

static bool left_out(const struct kp_replay *r, size_t column)
{
    bool out = column == r->when;
    for (const char *p = r->options.without; p && *p; p += strcspn(p, ","), p += *p == ',')
        out |= find(r, p, strcspn(p, ",")) == column;
    return out;
}

/* A number, also one that is none; an empty cell, for the first value may come later. */
static bool read_number(const struct kp_replay *r, size_t column, double *value)
{
    char *text = kp_csv_number(&r->csv, r->csv.cell[column]), *end = text;
    *value = strtod(text, &end);
    if (end == text)
        *value = NAN;
    return !*end;
}

static enum kp_code choose_watch(struct kp_replay *r, struct kp_err *err)
{
    const size_t n = r->sum.signals;
    if (!n)
        return kp_fail(err, KP_EINVALID, "line %" PRIu64 ": no column holds numbers", r->csv.line);
    r->sense = kp_alloc(n * sizeof *r->sense);
    r->row = kp_alloc(n * sizeof *r->row);
    if (!r->sense || !r->row)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    if (n == 1)
        return kp_watch_signal_init(&r->single, r->options.train, !r->options.plain, err);
    r->group = kp_group_new(n, r->options.train, err);
    return err->code;
}

/* Columns are signals when their first cell is a number. */
static enum kp_code choose_signals(struct kp_replay *r, struct kp_err *err)
{
    double value;
    for (size_t i = 0; i < r->columns; i++)
        if (!left_out(r, i) && read_number(r, i, &value))
            r->column[r->sum.signals++] = i;
    r->begun = true;
    return choose_watch(r, err);
}

/* ---- rows ---- */
/* A time without a zone is as good as any, for only what lies between two of them counts. */
static bool parse_time(const char *text, int64_t *at)
{
    char zoned[KP_TIME_TEXT + 1];
    if (kp_time_parse(text, at))
        return true;
    int n = snprintf(zoned, sizeof zoned, "%sZ", text);
    return n > 0 && (size_t)n < sizeof zoned && kp_time_parse(zoned, at);
}

static enum kp_code read_time(const struct kp_replay *r, int64_t *at, struct kp_err *err)
{
    *at = KP_NO_TIME;
    if (r->when == SIZE_MAX)
        return KP_OK;
    char *text = kp_csv_number(&r->csv, r->csv.cell[r->when]), *end = text;
    double seconds = strtod(text, &end);
    if (end != text && !*end && fabs(seconds) < 9e9)
        *at = (int64_t)(seconds * (double)KP_SECOND);
    else if (!parse_time(text, at))
        return kp_fail(err, KP_EPARSE, "line %" PRIu64 ": '%.40s' is no time", r->csv.line, text);
    return KP_OK;
}

/* An event is told once, in its highest row so far. */
static double tell_once(struct kp_replay *r, double score)
{
    if (r->quiet && score <= r->told) {
        r->quiet--;
        return 0;
    }
    r->told = score;
    r->quiet = QUIET;
    return score;
}

static void judge_single(struct kp_replay *r, int64_t at, struct kp_judgement *j)
{
    *j = kp_watch_signal_step(&r->single, at, r->row[0], true);
    r->sum.troubles += j->trouble != KP_TROUBLE_NONE;
    if (j->trouble != KP_TROUBLE_NONE)
        j->score = 0; /* that of the value before, which was told */
    else if (j->state != KP_WATCH_LEARNING)
        j->score = tell_once(r, j->score);
    j->alarm = j->score >= 0.5;
}

static enum kp_code judge_group(struct kp_replay *r, int64_t at, struct kp_judgement *j,
                                struct kp_err *err)
{
    bool forward = true;
    for (size_t i = 0; i < r->sum.signals; i++) {
        struct kp_sensed s = kp_sense_step(&r->sense[i], at, r->row[i], true);
        r->sum.troubles += s.trouble != KP_TROUBLE_NONE;
        forward &= s.trouble != KP_TROUBLE_CLOCK && !s.again;
        if (!s.usable)
            r->row[i] = NAN;
    }
    *j = (struct kp_judgement){ 0 };
    return forward ? kp_group_step(r->group, r->row, j, err) : KP_OK;
}

static enum kp_code take_row(struct kp_replay *r, struct kp_buf *out, struct kp_err *err)
{
    struct kp_judgement j;
    int64_t at;
    if (r->csv.n != r->columns)
        return kp_fail(err, KP_EPARSE, "line %" PRIu64 ": %zu cells, but %zu columns", r->csv.line,
                       r->csv.n, r->columns);
    if ((!r->begun && choose_signals(r, err)) || read_time(r, &at, err))
        return err->code;
    for (size_t i = 0; i < r->sum.signals; i++)
        if (!read_number(r, r->column[i], &r->row[i]))
            r->row[i] = NAN;
    if (!r->group)
        judge_single(r, at, &j);
    else if (judge_group(r, at, &j, err))
        return kp_context(err, "line %" PRIu64, r->csv.line);
    r->sum.judged += j.state != KP_WATCH_LEARNING;
    r->sum.alarms += j.alarm && !r->alarm;
    r->alarm = j.alarm;
    kp_buf_printf(out, "%" PRIu64 ",%.6f,%d\n", r->sum.rows++, j.score, j.alarm);
    return out->failed ? kp_fail(err, KP_ENOMEM, "out of memory") : KP_OK;
}

static enum kp_code take_record(struct kp_replay *r, struct kp_buf *out, struct kp_err *err)
{
    if (kp_csv_next(&r->csv, err))
        return err->code;
    if (kp_csv_empty(&r->csv))
        return KP_OK;
    if (r->headed)
        return take_row(r, out, err);
    kp_buf_str(out, "index,score,alarm\n");
    return read_head(r, err);
}

/* The reader of CSV begins anew with each piece, but for what it found out. */
static void begin_piece(struct kp_replay *r, char *text, size_t len)
{
    struct kp_csv before = r->csv;
    kp_csv_begin(&r->csv, text, len);
    r->csv.cell = before.cell;
    r->csv.room = before.room;
    r->csv.next_line = before.next_line;
    if (r->headed)
        r->csv.delimiter = before.delimiter;
    else if (r->options.separator)
        r->csv.delimiter = r->options.separator;
}

enum kp_code kp_replay_feed(struct kp_replay *r, char *text, size_t len, bool last, size_t *taken,
                            struct kp_buf *out, struct kp_err *err)
{
    size_t n = len;
    while (!last && n && text[n - 1] != '\n')
        n--;
    char behind = text[n];
    text[n] = 0;
    begin_piece(r, text, n);
    while (!err->code && kp_csv_more(&r->csv))
        take_record(r, out, err);
    text[n] = behind;
    *taken = n;
    return err->code;
}
