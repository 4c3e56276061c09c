/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_CLI_PLOT_H
#define KOPPEL_CLI_PLOT_H
/* Draws one signal in the terminal with braille characters: 2 x 4 dots a cell, a band from min to max where there is one, nothing
 * where there is no data. */
#include "core/mem.h"

struct kp_plot_point {
    int64_t from, to; /* ns UTC */
    double min, mean, max;
    bool gap;   /* no number here */
    bool ahead; /* a forecast: a dashed line, of the band its edges alone */
};
struct kp_plot {
    const char *title, *unit;
    int64_t from, to;
    size_t width, height; /* in cells, axes included; at least 24 by 6 */
    bool utc;
    const struct kp_plot_point *points;
    size_t n;
};
void kp_plot_draw(const struct kp_plot *, struct kp_buf *out);
#endif
