/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_COUPLINGS_POLLED_H
#define KOPPEL_COUPLINGS_POLLED_H
/* A value that is asked for again and again: it is news when it changes, and once a minute all the same, so that
 * the history shows that it was asked for. */
#include "core/coupling.h"

enum { KP_POLLED_TEXT = 256 };
struct kp_polled {
    kp_signal id;
    int64_t told; /* monotonic; 0 = not yet */
    uint32_t status;
    struct kp_value value;
    char text[KP_POLLED_TEXT]; /* what a text lies in */
};
/* Texts are cut at KP_POLLED_TEXT - 1 bytes; values of other types that lie behind a pointer are not taken. */
enum kp_code kp_polled_tell(struct kp_coupling *, struct kp_polled *, const struct kp_value *, uint32_t status, int64_t at,
                            struct kp_err *);
#endif
