/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* memrchr */
#include "couplings/file/file_private.h"

#include "core/encoding.h"
#include "core/log.h"
#include "core/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/ban.h"

#define OLD                                                                                        \
    (29 * 86400 * KP_SECOND) /* an older time as a value of now would look like a wrong clock */

/* ---- signals ---- */

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct kp_file_signal *)a)->path,
                  ((const struct kp_file_signal *)b)->path);
}

static struct kp_file_signal *find(struct kp_file_state *s, const char *path)
{
    struct kp_file_signal key = { .path = path };
    return s->n_signals ? bsearch(&key, s->signals, s->n_signals, sizeof key, by_path) : NULL;
}

static enum kp_code add(struct kp_file_state *s, const char *path, kp_signal id, uint8_t type,
                        int64_t latest, struct kp_err *err)
{
    const char *copy = kp_arena_strdup(&s->names, path);
    if (!copy || !kp_grow(&s->signals, &s->signals_room, s->n_signals + 1, sizeof *s->signals))
        return kp_fail(err, KP_ENOMEM, "out of memory");
    s->signals[s->n_signals++] = (struct kp_file_signal){ copy, id, type, latest };
    return KP_OK;
}

enum kp_code kp_file_signals(struct kp_coupling *c, struct kp_err *err)
{
    struct kp_file_state *s = kp_coupling_state(c);
    struct kp_arena arena = { 0 };
    struct kp_known *known;
    size_t n = kp_coupling_signals(c, &arena, &known);
    if (!known && n)
        kp_fail(err, KP_ENOMEM, "out of memory");
    for (size_t i = 0; i < n && !err->code; i++)
        if (known[i].source)
            add(s, known[i].source, known[i].id, known[i].type, known[i].latest, err);
    if (s->n_signals)
        qsort(s->signals, s->n_signals, sizeof *s->signals, by_path);
    kp_arena_free(&arena);
    return err->code;
}

/* Where some words are numbers and some are not, the first one says which are wrong. */
static uint8_t type_of(const struct kp_points *p, size_t series)
{
    const struct kp_series *s = &p->series[series];
    char *end;
    if (s->given || !s->texts || !s->numbers)
        return kp_points_type(s);
    for (size_t i = 0; i < p->n; i++)
        if (p->list[i].series == series && p->list[i].word)
            return strtod(p->list[i].word, &end), end != p->list[i].word && !*end ? KP_DOUBLE : KP_STRING;
    return KP_STRING;
}

static enum kp_code declare(struct kp_coupling *c, const struct kp_points *p, struct kp_err *err)
{
    struct kp_file_state *s = kp_coupling_state(c);
    struct kp_arena arena = { 0 };
    struct kp_declare *list = kp_arena_alloc(&arena, (p->n_series + 1) * sizeof *list);
    size_t n = 0;
    for (size_t i = 0; list && i < p->n_series; i++) {
        const struct kp_series *one = &p->series[i];
        if (one->n && one->path && !find(s, one->path))
            list[n++] = (struct kp_declare){
                .path = one->path,
                .asset_kind = KP_COMPONENT,
                .info = { .type = type_of(p, i), .stored = true, .source = one->path }
            };
    }
    if (!list)
        kp_fail(err, KP_ENOMEM, "out of memory");
    else if (n && !kp_coupling_declare(c, list, n, err))
        for (size_t i = 0; i < n && !err->code; i++)
            add(s, list[i].path, list[i].id, list[i].info.type, KP_NO_TIME, err);
    if (n && !err->code)
        qsort(s->signals, s->n_signals, sizeof *s->signals, by_path);
    kp_arena_free(&arena);
    return err->code;
}

/* ---- a piece ---- */

struct piece {
    struct kp_coupling *c;
    struct kp_drop *drop;
};

static void tell_bad(void *arg, uint64_t line, const char *why)
{
    struct piece *p = arg;
    struct kp_file_state *s = kp_coupling_state(p->c);
    const char *colon = strncmp(why, "line ", 5) == 0 ? strstr(why, ": ") : NULL;
    char place[400];
    p->drop->bad++;
    s->bad++;
    snprintf(place, sizeof place, "%s:%" PRIu64, p->drop->name, line);
    kp_warn("file", "a bad line is left out", "coupling=%s place=%s why=%s", kp_coupling_name(p->c),
            kp_log_quote(place), kp_log_quote(colon ? colon + 2 : why));
}

static enum kp_code report(struct piece *p, struct kp_points *points, struct kp_err *err)
{
    struct kp_file_state *s = kp_coupling_state(p->c);
    for (size_t i = 0; i < points->n && !err->code; i++) {
        struct kp_point *one = &points->list[i];
        struct kp_file_signal *signal = find(s, points->series[one->series].path);
        char why[200];
        if (!signal || !signal->id)
            continue; /* the filter leaves it out */
        one->value = (struct kp_value){ .type = KP_NULL };
        if (one->word && !kp_value_parse(&points->arena, signal->type, one->word, &one->value)) {
            snprintf(why, sizeof why, "%.80s is of type %s, which '%.40s' is not", signal->path,
                     kp_type_name(signal->type), one->word);
            kp_utf8_trim(why);
            tell_bad(p, one->line, why);
            continue;
        }
        struct kp_sample sample = {
            .signal = signal->id, .at = one->at, .status = one->status, .value = one->value
        };
        bool live = one->at >= signal->latest && one->at > points->now - OLD;
        if (live ? kp_coupling_report(p->c, &sample, err)
                 : kp_coupling_report_historic(p->c, &sample, err))
            break;
        signal->latest = live ? one->at : signal->latest;
        p->drop->good++;
        s->points++;
    }
    return err->code;
}

/* Machines under Windows write their own code page; what is no UTF-8 is taken for that. */
static bool to_utf8(struct kp_buf *text)
{
    return kp_utf8_valid(text->data, text->len) || kp_utf8_from_1252(text);
}

static bool is_csv(const struct kp_file_state *s)
{
    return s->options.format == KP_IMPORT_CSV;
}

/* The first line of CSV is kept, for every piece needs it. False: it is too long. */
static bool keep_head(struct kp_drop *d, const char *text, size_t *len, struct kp_err *err)
{
    const char *stop = memchr(text, '\n', *len);
    size_t n = stop ? (size_t)(stop - text) : *len;
    if (n > KP_FILE_HEAD_MAX || memchr(text, 0, n))
        return false;
    struct kp_buf head;
    kp_buf_init(&head, 3 * n + 2);
    kp_buf_add(&head, text, n);
    if (!to_utf8(&head) || !(d->head = kp_strdup(kp_buf_text(&head))))
        kp_fail(err, KP_ENOMEM, "out of memory");
    kp_buf_free(&head);
    *len = stop ? n + 1 : n;
    return true;
}

/* Nothing can be made of it: what is there of it counts as read. */
static void refuse(struct kp_coupling *c, struct kp_drop *d, const char *why)
{
    struct kp_file_state *s = kp_coupling_state(c);
    d->refused = true;
    d->bad++;
    s->bad++;
    kp_warn("file", "a file cannot be read", "coupling=%s file=%s why=%s", kp_coupling_name(c),
            kp_log_quote(d->name), kp_log_quote(why));
}

static uint64_t count_lines(const char *text, size_t n)
{
    uint64_t lines = 0;
    for (const char *p = text, *end = text + n; p < end && (p = memchr(p, '\n', (size_t)(end - p)));
         p++)
        lines++;
    return lines;
}

static enum kp_code take(struct kp_coupling *c, struct kp_drop *d, const char *text, size_t len,
                         struct kp_err *err)
{
    struct kp_file_state *s = kp_coupling_state(c);
    struct piece piece = { c, d };
    struct kp_import_options o = s->options;
    struct kp_points p = { .options = &o, .now = kp_coupling_utc(c) };
    struct kp_err why = { 0 };
    struct kp_buf whole;
    o.first = (uint64_t)d->line + 1;
    o.bad = tell_bad;
    o.bad_arg = &piece;
    kp_buf_init(&whole, len + KP_FILE_HEAD_MAX + 16);
    kp_buf_add(&whole, text, len);
    if (!to_utf8(&whole))
        kp_fail(err, KP_ENOMEM, "out of memory");
    if (!err->code && is_csv(s)) {
        struct kp_buf with_head;
        kp_buf_init(&with_head, whole.len + KP_FILE_HEAD_MAX * 3 + 16);
        kp_buf_str(&with_head, d->head);
        kp_buf_add(&with_head, "\n", 1);
        kp_buf_add(&with_head, whole.data, whole.len);
        kp_buf_free(&whole);
        whole = with_head;
    }
    if (whole.failed)
        kp_fail(err, KP_ENOMEM, "out of memory");
    if (!err->code && whole.len && kp_points_read(&p, whole.data, whole.len, &why)) {
        if (why.code == KP_ENOMEM)
            kp_fail(err, why.code, "%s", why.text);
        else
            refuse(c, d, why.text);
    } else if (!err->code && !declare(c, &p, err)) {
        report(&piece, &p, err);
    }
    kp_buf_free(&whole);
    kp_points_free(&p);
    return err->code;
}

/* Up to the last end of a line; all, when nothing more is to come or the line is longer than can
 * be. */
static size_t complete(const char *text, size_t n, bool whole, bool full)
{
    const char *last = memrchr(text, '\n', n);
    return last && !(whole && !full) ? (size_t)(last - text) + 1 : whole || full ? n : 0;
}

static enum kp_code take_piece(struct kp_coupling *c, struct kp_drop *d, char *text, size_t n,
                               struct kp_err *err)
{
    struct kp_file_state *s = kp_coupling_state(c);
    size_t head = 0;
    if (is_csv(s) && !d->head && d->offset)
        d->refused = true; /* it was when it began */
    if (is_csv(s) && !d->head && !d->refused) {
        head = n;
        if (!keep_head(d, text, &head, err) && !err->code)
            refuse(c, d, "its first line is too long or no text");
        d->line += head && !d->refused;
    }
    if (!err->code && !d->refused && n > head && memchr(text + head, 0, n - head))
        refuse(c, d, "it is no text: it holds zero bytes");
    if (!err->code && !d->refused && n > head)
        take(c, d, text + head, n - head, err);
    if (n > head)
        d->line += (int64_t)count_lines(text + head, n - head);
    return err->code;
}

enum kp_code kp_drop_read(struct kp_coupling *c, struct kp_drop *d, bool whole, bool *more,
                          struct kp_err *err)
{
    struct kp_file_state *s = kp_coupling_state(c);
    int fd = kp_drop_open(c, d);
    char *text = fd >= 0 ? kp_alloc(KP_FILE_PIECE + 1) : NULL;
    *more = false;
    d->fresh = false;
    if (fd >= 0 && !text)
        kp_fail(err, KP_ENOMEM, "out of memory");
    ssize_t got = text ? pread(fd, text, KP_FILE_PIECE, d->offset) : 0;
    if (got < 0)
        kp_warn("file", "a file cannot be read", "coupling=%s file=%s why=%s", kp_coupling_name(c),
                kp_log_quote(d->name), kp_log_quote(strerror(errno)));
    size_t n = got > 0 ? complete(text, (size_t)got, whole, got == KP_FILE_PIECE) : 0;
    if (n && !take_piece(c, d, text, n, err)) {
        s->files += !d->offset;
        d->offset += (int64_t)n;
        d->print = kp_drop_print(fd, d->offset);
        kp_drop_save(c, d, err);
        *more = !err->code && d->offset < d->size;
    }
    kp_free(text);
    if (fd >= 0)
        close(fd);
    return err->code;
}
