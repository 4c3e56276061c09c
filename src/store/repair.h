/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_STORE_REPAIR_H
#define KOPPEL_STORE_REPAIR_H
#include "store/store.h"

/* Writes a sound data file with all that can be read of a damaged one; that one stays as it is. `out` must not exist, and
 * is there when it is whole only. Rows are read from both ends, those of each signal by themselves; chunks, journal and
 * last values are taken when they decode; what follows from them (columns, totals, rollups) is made anew. `lost` is told
 * each thing that is not in the copy. Returns how many, -1 on failure. */
int kp_store_repair(const char *file, const char *out, void (*lost)(void *, const char *what), void *arg, struct kp_err *);
#endif
