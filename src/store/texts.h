/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_STORE_TEXTS_H
#define KOPPEL_STORE_TEXTS_H
/* Columns of strings, byte strings and packed arrays.
 *
 * Dictionary: varint number of words + 1, each word a varint length and its bytes, ints of places.
 * Plain, when most differ: varint 0, ints of lengths, the bytes. */
#include "store/ints.h"

/* Values with data behind them; `at[i]` is the place of the i-th in `points`. */
enum kp_code kp_texts_encode(const struct kp_sample *points, const uint16_t *at, size_t n,
                             struct kp_scratch *, struct kp_buf *out, struct kp_err *);
/* Fills .data and .len of points[at[i]].value, copied into the arena. KP_EPARSE or KP_ENOMEM. */
enum kp_code kp_texts_decode(struct kp_reader *, struct kp_sample *points, const uint16_t *at,
                             size_t n, struct kp_scratch *, struct kp_arena *, struct kp_err *);
#endif
