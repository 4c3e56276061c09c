/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_WATCH_DISCORD_H
#define KOPPEL_WATCH_DISCORD_H
/* Whether the last stretch of a signal looks like any stretch before it: the left discord (matrix
 * profile to the past) over a bounded past, with the level taken out and the height left in. It
 * finds a wrong shape whose single values are all usual, costs 4,000 products a value and about
 * 240 KiB, and is therefore only made where it is chosen. */
#include "core/err.h"

#include <stddef.h>

enum { KP_DISCORD_PAST = 4096, KP_DISCORD_LEAST = 8, KP_DISCORD_LONGEST = 256 };

/* How long the stretches are: the period of these values, by their autocorrelation; 100 when they
 * have none, and not more than a third of n. */
size_t kp_discord_length(const double *values, size_t n);

struct kp_discord; /* its maker's; not shared between threads */
/* NULL: out of memory. */
struct kp_discord *kp_discord_new(struct kp_err *);
void kp_discord_begin(struct kp_discord *, size_t length); /* forgets all; before the first step */
size_t kp_discord_stretch(const struct kp_discord *);      /* the length in force; 0: not begun */
void kp_discord_free(struct kp_discord *);                 /* NULL is allowed */
/* The distance, by value and root mean square, of the stretch that ends with this value to the most
 * like one that had ended before it began; 0 while there is none. Values are finite and lie around
 * 0 within 1e9, or the small differences are lost. */
double kp_discord_step(struct kp_discord *, double value);
/* Nothing is held any more against the stretch that ended so many values ago, 0: with the newest. */
void kp_discord_skip(struct kp_discord *, size_t ago);
void kp_discord_count(struct kp_discord *, size_t ago); /* again, as any other */
/* The distance of the newest stretch to the one that ended so many values ago, also where that is skipped; INFINITY:
 * there is none. */
double kp_discord_to(const struct kp_discord *, size_t ago);
#endif
