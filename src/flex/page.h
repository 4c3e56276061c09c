/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_FLEX_PAGE_H
#define KOPPEL_FLEX_PAGE_H
/* A page for people: blocks of text, figures and tables, shown as HTML, PDF or plain text by
 * page_html.c, page_pdf.c and page_text.c. A pen writes one: it knows the reader's language, how
 * numbers and times are said in it, and keeps all texts in one arena. */
#include "core/mem.h"
#include "core/text.h"
#include "core/err.h"

enum kp_block_kind {
    KP_BLOCK_TEXT,
    KP_BLOCK_TILES,
    KP_BLOCK_DAYS,
    KP_BLOCK_TABLE,
    KP_BLOCK_BARS,
    KP_BLOCK_WORDS, /* what people wrote: in lines as they made them, however many */
};
enum { KP_COLUMNS_MAX = 12, KP_BLOCKS_MAX = 40 };
struct kp_page_tile {
    const char *label, *value, *note;
    int8_t mood; /* 1: better than before; -1: worse */
};
struct kp_page_bar {
    const char *label, *value, *note;
    double part; /* of the longest */
    bool strong; /* somebody must look at it */
};
struct kp_page_day {
    const char *label, *value;
    double part; /* of 1; NaN: nothing was planned */
};
struct kp_page_column {
    const char *head;
    unsigned width; /* of a hundred, about */
    bool left;
};
struct kp_page_row {
    const char *cell[KP_COLUMNS_MAX];
    double bar; /* below the second cell, of 1; NaN: none */
    bool total;
};
struct kp_page_block {
    enum kp_block_kind kind;
    const char *title, *text; /* NULL: none */
    bool wraps;               /* of a table: cells have as many lines as they need */
    size_t n, n_columns;
    struct kp_page_column columns[KP_COLUMNS_MAX];
    union {
        struct kp_page_tile *tiles;
        struct kp_page_bar *bars;
        struct kp_page_day *days;
        struct kp_page_row *rows;
    };
};
struct kp_page {
    const char *language, *title, *subtitle, *about; /* about: what the words mean, at the end */
    size_t n;
    struct kp_page_block blocks[KP_BLOCKS_MAX];
};

/* ---- shown ---- */
enum kp_page_format { KP_PAGE_HTML, KP_PAGE_PDF, KP_PAGE_TEXT };
void kp_page_html(const struct kp_page *, struct kp_buf *out);
void kp_page_text(const struct kp_page *, struct kp_buf *out);
enum kp_code kp_page_pdf(const struct kp_page *, struct kp_buf *out, struct kp_err *);
enum kp_code kp_page_show(const struct kp_page *, enum kp_page_format, struct kp_buf *out,
                          struct kp_err *);

/* ---- written ---- */
#define KP_NOT_KNOWN "\u2013"
struct kp_pen {
    struct kp_arena *arena;
    struct kp_page *page;
    bool dutch;
    struct kp_err *err; /* no memory */
};
/* A macro, for the compiler looks into formats that it sees. */
#define KP_IN(pen, en, nl) ((pen)->dutch ? (nl) : (en))
/* Begins the page. */
struct kp_pen kp_pen(struct kp_arena *, struct kp_page *, bool dutch, struct kp_err *);
/* At most 600 bytes; "" when there is no memory. */
const char *kp_pen_say(const struct kp_pen *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
const char *kp_pen_number(const struct kp_pen *, double, int digits); /* "12,345.6" */

/* Times, on the clock on the wall of this machine. */
struct tm kp_pen_local(int64_t at);
const char *kp_pen_date(const struct kp_pen *, int64_t at);             /* "Friday 27 November 2026" */
const char *kp_pen_month(const struct kp_pen *, int64_t at, bool year); /* "November 2026" */
const char *kp_pen_moment(const struct kp_pen *, int64_t at);           /* "Fri 27 14:05" */
const char *kp_pen_day(const struct kp_pen *, int64_t at);              /* "27 Nov 2026" */
const char *kp_pen_clock(const struct kp_pen *, int64_t at);            /* "14:05" */
/* "27 Nov 2026 14:05 CET (13:05 UTC)"; KP_NO_TIME: not known. */
const char *kp_pen_instant(const struct kp_pen *, int64_t at);

/* A block with room for n rows (or tiles, bars, days); NULL when there is no room. */
struct kp_page_block *kp_pen_block(struct kp_pen *, enum kp_block_kind, const char *title, size_t n);
void kp_pen_text(struct kp_pen *, const char *title, const char *text);
void kp_pen_words(struct kp_pen *, const char *title, const char *text); /* text NULL: no block */
void kp_page_column(struct kp_page_block *, const char *head, unsigned width);
void kp_page_words_column(struct kp_page_block *, const char *head, unsigned width);
#endif
