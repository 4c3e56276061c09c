/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_COUPLINGS_JSON_MEMORY_H
#define KOPPEL_COUPLINGS_JSON_MEMORY_H
/* jansson does not tell a lack of memory from a fault in the text; its allocations go through here,
 * so that this thread can be asked. */
#include <stdbool.h>

void kp_json_memory_init(void); /* once, before threads */
bool kp_json_starved(void);     /* since it was asked last; asking forgets it */
#endif
