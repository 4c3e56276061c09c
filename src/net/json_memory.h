/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_NET_JSON_MEMORY_H
#define KOPPEL_NET_JSON_MEMORY_H
/* jansson does not tell a lack of memory from a fault in the text, and may go on with a hole in
 * what it reads or writes; its allocations go through here, so that nothing with a hole comes out.
 */
#include "core/err.h"

#include <jansson.h>
#include <stdbool.h>

enum { KP_JSON_DEPTH = 16 }; /* of what comes from outside */

void kp_json_memory_init(void); /* once, before threads */

/* As json_loadb and json_dumps, but NULL when memory ended on the way; then kp_json_starved() says
 * so. json_decref and kp_free them. */
json_t *kp_json_load(const char *text, size_t len, size_t flags, json_error_t *);
char *kp_json_dump(const json_t *, size_t flags);
/* A whole text of that name without double keys: KP_ENOMEM, or KP_EPARSE "WHAT: LINE:COLUMN: why". */
json_t *kp_json_read(const char *text, const char *what, struct kp_err *);
/* The same for an object that comes from outside, nested at most `depth` deep (jansson recurses 2048 levels). */
json_t *kp_json_object(const char *text, size_t len, const char *what, int depth, struct kp_err *);
bool kp_json_starved(void); /* whether the last of them in this thread had too little memory */
#endif
