/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_CLI_BARS_H
#define KOPPEL_CLI_BARS_H
/* Draws stacked bars in the terminal: a line for each, a sign for each part, what they mean below.
 */
#include "core/mem.h"

enum { KP_BAR_PARTS = 12 };

struct kp_bar {
    const char *label;
    double part[KP_BAR_PARTS]; /* in any unit, the same for all bars */
};
struct kp_bars {
    const char *title;
    size_t n_parts;
    const char *part[KP_BAR_PARTS]; /* what they are called */
    bool blank;                     /* the last part is what is not known: drawn as dots */
    size_t width;                   /* in cells, all in all; at least 24 */
    bool color;
    const struct kp_bar *bars;
    size_t n;
};
void kp_bars_draw(const struct kp_bars *, struct kp_buf *out);
#endif
