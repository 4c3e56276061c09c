/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/plot.h"

#include "cli/cli.h"
#include "core/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { LABEL = 11, CELL_X = 2, CELL_Y = 4 }; /* LABEL: columns left of the axis */

struct canvas {
    size_t cells, rows;
    uint8_t *dots; /* the low byte of U+2800 per cell */
    double low, high;
};

/* Dots of a braille cell by column and row: Unicode 10.0, block 2800. */
static const uint8_t dot_bit[CELL_X][CELL_Y] = { { 0x01, 0x02, 0x04, 0x40 }, { 0x08, 0x10, 0x20, 0x80 } };

static void set_dot(struct canvas *k, size_t x, size_t y)
{
    k->dots[y / CELL_Y * k->cells + x / CELL_X] |= dot_bit[x % CELL_X][y % CELL_Y];
}

static size_t row_of(const struct canvas *k, double v)
{
    size_t last = k->rows * CELL_Y - 1;
    double share = (v - k->low) / (k->high - k->low);
    return last - (size_t)lround(fmin(1, fmax(0, share)) * (double)last);
}

/* Borders a person would choose: steps of 1, 2 or 5 times a power of ten. */
static void round_range(struct canvas *k)
{
    double span = k->high - k->low;
    if (!(span > 0)) {
        double half = k->low == 0 ? 1 : fabs(k->low) * 0.05;
        k->low -= half;
        k->high += half;
        span = k->high - k->low;
    }
    double step = pow(10, floor(log10(span / 4)));
    if (!(step > 0) || !isfinite(span)) /* at the ends of what a double holds nothing is round */
        return;
    for (int i = 0; i < 3 && span / step > 8; i++)
        step *= span / step > 20 ? 5 : 2;
    k->low = floor(k->low / step) * step;
    k->high = ceil(k->high / step) * step;
}

static bool find_range(const struct kp_plot *p, struct canvas *k)
{
    bool any = false;
    for (size_t i = 0; i < p->n; i++) {
        if (p->points[i].gap || !isfinite(p->points[i].min) || !isfinite(p->points[i].max))
            continue;
        k->low = any ? fmin(k->low, p->points[i].min) : p->points[i].min;
        k->high = any ? fmax(k->high, p->points[i].max) : p->points[i].max;
        any = true;
    }
    return any;
}

static size_t column_of(const struct kp_plot *p, const struct canvas *k, int64_t at)
{
    double share = (double)(at - p->from) / (double)(p->to - p->from);
    return (size_t)(fmin(1, fmax(0, share)) * (double)(k->cells * CELL_X - 1));
}

/* Three dots of four of the line, one of three of each edge of the band. */
static void draw_ahead(const struct kp_plot *p, struct canvas *k, const struct kp_plot_point *q)
{
    size_t end = column_of(p, k, q->to), mean = row_of(k, q->mean), low = row_of(k, q->min), high = row_of(k, q->max);
    for (size_t x = column_of(p, k, q->from); x <= end; x++) {
        if (x % 4 < 3)
            set_dot(k, x, mean);
        if (x % 3 == 0) {
            set_dot(k, x, low);
            set_dot(k, x, high);
        }
    }
}

static void draw_points(const struct kp_plot *p, struct canvas *k)
{
    size_t last_x = 0, last_y = 0;
    bool joined = false;
    for (size_t i = 0; i < p->n; i++) {
        const struct kp_plot_point *q = &p->points[i];
        if (q->ahead)
            draw_ahead(p, k, q);
        if (q->ahead || q->gap || !isfinite(q->mean)) {
            size_t end = column_of(p, k, q->from);
            for (size_t c = last_x; joined && c < end; c++) /* up to where the gap begins */
                set_dot(k, c, last_y);
            joined = false;
            continue;
        }
        size_t x = column_of(p, k, q->from), y = row_of(k, q->mean);
        for (size_t r = row_of(k, q->max); r <= row_of(k, q->min); r++)
            set_dot(k, x, r);
        for (size_t c = joined ? last_x : x; c < x; c++) /* steps: a value holds until the next */
            set_dot(k, c, last_y);
        for (size_t r = joined && last_y < y ? last_y : y; joined && r <= (last_y > y ? last_y : y); r++)
            set_dot(k, x, r);
        set_dot(k, x, y);
        last_x = x;
        last_y = y;
        joined = true;
    }
    for (size_t c = last_x; joined && c < k->cells * CELL_X; c++) /* the last one holds too */
        set_dot(k, c, last_y);
}

static void put_cell(struct kp_buf *out, uint8_t dots)
{
    if (dots) /* U+2800 + dots in UTF-8 */
        kp_buf_add(out, (char[]){ (char)0xe2, (char)(0xa0 | dots >> 6), (char)(0x80 | (dots & 0x3f)) }, 3);
    else
        kp_buf_str(out, " ");
}

static void put_rows(const struct canvas *k, struct kp_buf *out)
{
    for (size_t row = 0; row < k->rows; row++) {
        char label[32] = "";
        double v = k->high - (k->high - k->low) * (double)row / (double)(k->rows - 1);
        bool named = row == 0 || row + 1 == k->rows || row == k->rows / 2;
        for (int digits = 6; named && digits; digits--) /* as many as fit */
            if (snprintf(label, sizeof label, "%.*g", digits, v) <= LABEL - 2)
                break;
        kp_buf_printf(out, "%*s %s", LABEL - 2, label, named ? "┤" : "│");
        for (size_t x = 0; x < k->cells; x++)
            put_cell(out, k->dots[row * k->cells + x]);
        while (out->len && out->data[out->len - 1] == ' ')
            out->len--;
        kp_buf_str(out, "\n");
    }
}

static void put_axis(const struct kp_plot *p, const struct canvas *k, struct kp_buf *out)
{
    char left[64], right[64];
    kp_local_time(p->from, p->utc, left, sizeof left);
    kp_local_time(p->to, p->utc, right, sizeof right);
    for (char *text = left;; text = right) { /* ms say nothing here */
        char *dot = strchr(text, '.');
        if (dot && !p->utc)
            *dot = 0;
        if (text == right)
            break;
    }
    kp_buf_printf(out, "%*s└", LABEL - 1, "");
    for (size_t x = 0; x < k->cells; x++)
        kp_buf_str(out, "─");
    size_t used = strlen(left) + strlen(right), room = k->cells > used ? k->cells - used : 1;
    kp_buf_printf(out, "\n%*s%s%*s%s\n", LABEL, "", left, (int)room, "", right);
}

void kp_plot_draw(const struct kp_plot *p, struct kp_buf *out)
{
    struct canvas k = { .cells = p->width > 24 ? p->width - LABEL - 1 : 24 - LABEL - 1,
                        .rows = p->height > 6 ? p->height - 3 : 3 };
    kp_buf_printf(out, "%s%s%s%s\n", p->title, *p->unit ? " [" : "", p->unit, *p->unit ? "]" : "");
    if (p->to <= p->from || !find_range(p, &k)) {
        kp_buf_str(out, "  no numbers in this time\n");
        return;
    }
    round_range(&k);
    k.dots = kp_alloc(k.cells * k.rows);
    if (!k.dots) {
        out->failed = true;
        return;
    }
    draw_points(p, &k);
    put_rows(&k, out);
    put_axis(p, &k, out);
    kp_free(k.dots);
}
