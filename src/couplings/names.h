/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_COUPLINGS_NAMES_H
#define KOPPEL_COUPLINGS_NAMES_H
/* Names found again fast: text to the number of a thing in the owner's own list. Peers choose the
 * names, so the hash is keyed: they cannot make all fall together. */
#include "core/mem.h"

enum { KP_NAMES_NONE = -1 };
struct kp_names {
    struct kp_arena text;
    struct kp_names_entry *slots;
    size_t n, room; /* room: a power of two */
    uint64_t key;
};
/* Zero-initialised is empty. */
void kp_names_free(struct kp_names *);
int32_t kp_names_find(const struct kp_names *, const char *name);
/* Adds one, or sets its number anew. The copy of the name, NULL when out of memory. */
const char *kp_names_put(struct kp_names *, const char *name, int32_t number);
#endif
