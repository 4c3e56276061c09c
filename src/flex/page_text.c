/* SPDX-License-Identifier: Apache-2.0 */
/* A page as plain text, for a mail that shows no HTML and for the terminal. */
#include "flex/page.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { BAR = 24, LINE = 78 };

/* Characters, each taken to be as wide as the others. */
static size_t wide(const char *text)
{
    size_t n = 0;
    for (; text && *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

static void pad(struct kp_buf *out, size_t n)
{
    for (; n > 0 && n < 1000; n--)
        kp_buf_add(out, " ", 1);
}

static void put_cell(struct kp_buf *out, const char *text, size_t width, bool left)
{
    size_t n = wide(text);
    if (!left && width > n)
        pad(out, width - n);
    kp_buf_str(out, text ? text : "");
    if (left && width > n)
        pad(out, width - n);
}

/* In lines that end between words, or where whoever wrote them ended them. */
static void put_lines(struct kp_buf *out, const char *text)
{
    size_t at = 0;
    while (*text) {
        size_t n = strcspn(text, " \n");
        if (at && at + 1 + n > LINE) {
            kp_buf_str(out, "\n");
            at = 0;
        } else if (at) {
            kp_buf_str(out, " ");
            at++;
        }
        kp_buf_add(out, text, n);
        at += n;
        text += n + strspn(text + n, " ");
        for (; *text == '\n'; text++, at = 0)
            kp_buf_str(out, "\n");
    }
    kp_buf_str(out, "\n");
}

static void put_tiles(struct kp_buf *out, const struct kp_page_block *b)
{
    size_t width = 0;
    for (size_t i = 0; i < b->n; i++)
        width = wide(b->tiles[i].label) > width ? wide(b->tiles[i].label) : width;
    for (size_t i = 0; i < b->n; i++) {
        const struct kp_page_tile *t = &b->tiles[i];
        put_cell(out, t->label, width + 2, true);
        put_cell(out, t->value, 9, false);
        kp_buf_printf(out, "%s%s\n", *t->note ? "   " : "", t->note);
    }
}

static void put_stars(struct kp_buf *out, double part)
{
    int n = isfinite(part) && part > 0 ? (int)round((part < 1 ? part : 1) * BAR) : 0;
    for (int i = 0; i < n; i++)
        kp_buf_str(out, "#");
    pad(out, (size_t)(BAR - n));
}

static void put_days(struct kp_buf *out, const struct kp_page_block *b)
{
    for (size_t i = 0; i < b->n; i++) {
        if (!isfinite(b->days[i].part))
            continue;
        put_cell(out, b->days[i].label, 3, false);
        kp_buf_str(out, "  ");
        put_stars(out, b->days[i].part);
        put_cell(out, b->days[i].value, 9, false);
        kp_buf_str(out, "\n");
    }
}

static void put_row(struct kp_buf *out, const struct kp_page_block *b, const struct kp_page_row *row,
                    const size_t *width)
{
    for (size_t i = 0; i < b->n_columns; i++) {
        if (i)
            kp_buf_str(out, "  ");
        put_cell(out, row->cell[i], width[i], b->columns[i].left);
    }
    kp_buf_str(out, "\n");
}

static void put_table(struct kp_buf *out, const struct kp_page_block *b)
{
    struct kp_page_row head = { .bar = NAN };
    size_t width[KP_COLUMNS_MAX] = { 0 };
    for (size_t i = 0; i < b->n_columns; i++) {
        head.cell[i] = b->columns[i].head;
        width[i] = wide(head.cell[i]);
        for (size_t k = 0; k < b->n; k++)
            if (wide(b->rows[k].cell[i]) > width[i])
                width[i] = wide(b->rows[k].cell[i]);
    }
    put_row(out, b, &head, width);
    for (size_t k = 0; k < b->n; k++)
        put_row(out, b, &b->rows[k], width);
}

static void put_bars(struct kp_buf *out, const struct kp_page_block *b)
{
    size_t width = 0;
    for (size_t i = 0; i < b->n; i++)
        width = wide(b->bars[i].label) > width ? wide(b->bars[i].label) : width;
    for (size_t i = 0; i < b->n; i++) {
        put_cell(out, b->bars[i].label, width + 2, true);
        put_stars(out, b->bars[i].part);
        put_cell(out, b->bars[i].value, 12, false);
        kp_buf_printf(out, "  %s\n", b->bars[i].note);
    }
}

static void put_block(struct kp_buf *out, const struct kp_page_block *b)
{
    static void (*const kinds[KP_BLOCK_WORDS + 1])(struct kp_buf *,
                                 const struct kp_page_block *) = { [KP_BLOCK_TILES] = put_tiles,
                                                           [KP_BLOCK_DAYS] = put_days,
                                                           [KP_BLOCK_TABLE] = put_table,
                                                           [KP_BLOCK_BARS] = put_bars };
    kp_buf_str(out, "\n");
    if (b->title) {
        kp_buf_printf(out, "%s\n", b->title);
        for (size_t n = wide(b->title); n; n--)
            kp_buf_str(out, "-");
        kp_buf_str(out, "\n");
    }
    if (kinds[b->kind])
        kinds[b->kind](out, b);
    if (b->text)
        put_lines(out, b->text);
}

void kp_page_text(const struct kp_page *p, struct kp_buf *out)
{
    kp_buf_printf(out, "%s\n%s\n", p->title, p->subtitle);
    for (size_t i = 0; i < p->n; i++)
        put_block(out, &p->blocks[i]);
    kp_buf_str(out, "\n");
    put_lines(out, p->about);
}
