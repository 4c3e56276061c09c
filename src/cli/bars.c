/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bars.h"

#include "cli/cli.h"

#include <math.h>

#include "core/ban.h"

static const char *const signs[] = { "█", "▓", "▒", "░", "▚", "=", "+", "x", "o", "-", ":", "." };
static const char *const colors[] = { "32", "31", "33", "34", "35", "36" };
enum { COLORS = sizeof colors / sizeof *colors, LEAST = 24, BAR_LEAST = 10 };

static void put_sign(const struct kp_bars *b, size_t part, size_t n, struct kp_buf *out)
{
    bool blank = b->blank && part + 1 == b->n_parts;
    if (b->color && n && !blank)
        kp_buf_printf(out, "\033[%sm", colors[part % COLORS]);
    for (size_t i = 0; i < n; i++)
        kp_buf_str(out, blank ? "·" : signs[part]);
    if (b->color && n && !blank)
        kp_buf_str(out, "\033[0m");
}

/* Each part ends where the sum up to there falls, so that rounding never adds up. */
static void put_bar(const struct kp_bars *b, const struct kp_bar *bar, double scale,
                    struct kp_buf *out)
{
    double sum = 0;
    size_t drawn = 0;
    for (size_t i = 0; i < b->n_parts; i++) {
        sum += bar->part[i];
        size_t end = (size_t)lround(sum * scale);
        if (end > drawn) {
            put_sign(b, i, end - drawn, out);
            drawn = end;
        }
    }
}

static double length_of(const struct kp_bars *b, const struct kp_bar *bar)
{
    double sum = 0;
    for (size_t i = 0; i < b->n_parts; i++)
        sum += bar->part[i];
    return sum;
}

static void put_legend(const struct kp_bars *b, size_t width, struct kp_buf *out)
{
    size_t used = 0;
    for (size_t i = 0; i < b->n_parts; i++) {
        size_t own = kp_text_width(b->part[i]) + 4;
        if (used && used + own > width) {
            kp_buf_str(out, "\n");
            used = 0;
        }
        kp_buf_str(out, "  ");
        put_sign(b, i, 1, out);
        kp_buf_printf(out, " %s", b->part[i]);
        used += own;
    }
    kp_buf_str(out, "\n");
}

void kp_bars_draw(const struct kp_bars *b, struct kp_buf *out)
{
    size_t width = b->width < LEAST ? LEAST : b->width, left = 0;
    double longest = 0;
    for (size_t i = 0; i < b->n; i++) {
        size_t own = kp_text_width(b->bars[i].label);
        left = own > left ? own : left;
        longest = fmax(longest, length_of(b, &b->bars[i]));
    }
    kp_buf_printf(out, "%s\n", b->title);
    if (!(longest > 0)) {
        kp_buf_str(out, "  nothing in this time\n");
        return;
    }
    size_t room = width > left + 2 + BAR_LEAST ? width - left - 2 : BAR_LEAST;
    for (size_t i = 0; i < b->n; i++) {
        size_t own = kp_text_width(b->bars[i].label);
        kp_buf_printf(out, "%s%*s│", b->bars[i].label, (int)(left - own + 1), "");
        put_bar(b, &b->bars[i], (double)room / longest, out);
        kp_buf_str(out, "\n");
    }
    put_legend(b, width, out);
}
