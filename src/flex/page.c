/* SPDX-License-Identifier: Apache-2.0 */
/* A page as it is written: texts, numbers and times in the reader's language, and blocks. */
#include "flex/page.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { TEXT = 600 };

struct kp_pen kp_pen(struct kp_arena *arena, struct kp_page *page, bool dutch, struct kp_err *err)
{
    *page = (struct kp_page){ .language = dutch ? "nl" : "en" };
    return (struct kp_pen){ arena, page, dutch, err };
}

/* ---- texts ---- */
static const char *keep(const struct kp_pen *pen, const char *text)
{
    const char *copy = kp_arena_strdup(pen->arena, text);
    if (!copy)
        kp_fail(pen->err, KP_ENOMEM, "out of memory");
    return copy ? copy : "";
}

const char *kp_pen_say(const struct kp_pen *pen, const char *fmt, ...)
{
    char text[TEXT];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    kp_utf8_trim(text);
    return keep(pen, text);
}

/* "12,345.6", in Dutch "12.345,6". */
const char *kp_pen_number(const struct kp_pen *pen, double v, int digits)
{
    char raw[64], text[96];
    size_t n = 0;
    if (!isfinite(v) || fabs(v) >= 1e15)
        return KP_NOT_KNOWN;
    double unit = pow(10, digits);
    snprintf(raw, sizeof raw, "%.*f", digits, round(v * unit) / unit + 0.0);
    const char *dot = strchr(raw, '.'), *end = dot ? dot : raw + strlen(raw);
    for (const char *p = raw; *p; p++) {
        ptrdiff_t left = end - p;
        if (p == end)
            text[n++] = pen->dutch ? ',' : '.';
        else
            text[n++] = *p;
        if (left > 1 && left % 3 == 1 && *p != '-')
            text[n++] = pen->dutch ? '.' : ',';
    }
    text[n] = 0;
    return keep(pen, text);
}

/* ---- times ---- */
static const char *const months[2][12] = {
    { "January", "February", "March", "April", "May", "June", "July", "August", "September",
      "October", "November", "December" },
    { "januari", "februari", "maart", "april", "mei", "juni", "juli", "augustus", "september",
      "oktober", "november", "december" },
};
static const char *const weekdays[2][7] = {
    { "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday" },
    { "zondag", "maandag", "dinsdag", "woensdag", "donderdag", "vrijdag", "zaterdag" },
};

struct tm kp_pen_local(int64_t at)
{
    struct tm tm;
    kp_time_local(at, &tm);
    return tm;
}

const char *kp_pen_date(const struct kp_pen *pen, int64_t at)
{
    struct tm tm = kp_pen_local(at);
    return kp_pen_say(pen, "%s %d %s %d", weekdays[pen->dutch][tm.tm_wday], tm.tm_mday,
                      months[pen->dutch][tm.tm_mon], tm.tm_year + 1900);
}

const char *kp_pen_month(const struct kp_pen *pen, int64_t at, bool year)
{
    struct tm tm = kp_pen_local(at);
    const char *name = months[pen->dutch][tm.tm_mon];
    return year ? kp_pen_say(pen, "%s %d", name, tm.tm_year + 1900) : name;
}

const char *kp_pen_moment(const struct kp_pen *pen, int64_t at)
{
    struct tm tm = kp_pen_local(at);
    return kp_pen_say(pen, "%.*s %d %02d:%02d", pen->dutch ? 2 : 3,
                      weekdays[pen->dutch][tm.tm_wday], tm.tm_mday, tm.tm_hour, tm.tm_min);
}

const char *kp_pen_day(const struct kp_pen *pen, int64_t at)
{
    struct tm tm = kp_pen_local(at);
    return kp_pen_say(pen, "%d %.3s %d", tm.tm_mday, months[pen->dutch][tm.tm_mon],
                      tm.tm_year + 1900);
}

const char *kp_pen_clock(const struct kp_pen *pen, int64_t at)
{
    struct tm tm = kp_pen_local(at);
    return kp_pen_say(pen, "%02d:%02d", tm.tm_hour, tm.tm_min);
}

const char *kp_pen_instant(const struct kp_pen *pen, int64_t at)
{
    if (at == KP_NO_TIME || at == KP_FOREVER)
        return KP_NOT_KNOWN;
    struct tm tm = kp_pen_local(at);
    char zone[16], utc[KP_TIME_TEXT];
    if (!tm.tm_gmtoff)
        return kp_pen_say(pen, "%s %s UTC", kp_pen_day(pen, at), kp_pen_clock(pen, at));
    if (!strftime(zone, sizeof zone, "%Z", &tm))
        *zone = 0;
    kp_time_print(at, utc);
    return kp_pen_say(pen, "%s %s %s (%.5s UTC)", kp_pen_day(pen, at), kp_pen_clock(pen, at), zone,
                      utc + 11);
}

/* ---- blocks ---- */
struct kp_page_block *kp_pen_block(struct kp_pen *pen, enum kp_block_kind kind, const char *title,
                                   size_t n)
{
    static const size_t sizes[] = { [KP_BLOCK_TEXT] = 1,
                                    [KP_BLOCK_TILES] = sizeof(struct kp_page_tile),
                                    [KP_BLOCK_DAYS] = sizeof(struct kp_page_day),
                                    [KP_BLOCK_TABLE] = sizeof(struct kp_page_row),
                                    [KP_BLOCK_BARS] = sizeof(struct kp_page_bar),
                                    [KP_BLOCK_WORDS] = 1 };
    void *rows = kp_arena_alloc(pen->arena, (n + 1) * sizes[kind]);
    if (!rows)
        kp_fail(pen->err, KP_ENOMEM, "out of memory");
    if (!rows || pen->page->n == KP_BLOCKS_MAX)
        return NULL;
    struct kp_page_block *b = &pen->page->blocks[pen->page->n++];
    *b = (struct kp_page_block){ .kind = kind, .title = title, .n = n, .rows = rows };
    return b;
}

void kp_pen_text(struct kp_pen *pen, const char *title, const char *text)
{
    struct kp_page_block *b = kp_pen_block(pen, KP_BLOCK_TEXT, title, 0);
    if (b)
        b->text = text;
}

void kp_pen_words(struct kp_pen *pen, const char *title, const char *text)
{
    struct kp_page_block *b = text ? kp_pen_block(pen, KP_BLOCK_WORDS, title, 0) : NULL;
    if (b)
        b->text = text;
}

void kp_page_column(struct kp_page_block *b, const char *head, unsigned width)
{
    b->columns[b->n_columns] = (struct kp_page_column){ head, width, b->n_columns == 0 };
    b->n_columns++;
}

void kp_page_words_column(struct kp_page_block *b, const char *head, unsigned width)
{
    kp_page_column(b, head, width);
    b->columns[b->n_columns - 1].left = true;
}

enum kp_code kp_page_show(const struct kp_page *p, enum kp_page_format format, struct kp_buf *out,
                          struct kp_err *err)
{
    if (format == KP_PAGE_PDF)
        kp_page_pdf(p, out, err);
    else if (format == KP_PAGE_HTML)
        kp_page_html(p, out);
    else
        kp_page_text(p, out);
    return out->failed ? kp_fail(err, KP_ENOMEM, "out of memory") : err->code;
}
