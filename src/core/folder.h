/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_CORE_FOLDER_H
#define KOPPEL_CORE_FOLDER_H
/* Folders into which other programs put files. */
#include "core/err.h"

#include <stdbool.h>
#include <stddef.h>

/* A name for a file that is still being written, or is none of the user's: ".x", "x.tmp", "x.part",
 * "x~", "~$x.xlsx" ... */
bool kp_file_is_partial(const char *name);
/* Where a file of that name can stand in `to`, a folder below `folder`: "to/name", or "to/name.1"
 * ... when there is one. A very long name is cut, so that an ending fits behind it. */
void kp_file_free_name(int folder, const char *to, const char *name, char *out, size_t size);
/* Moves it there; `to` is made when it is not there. `shown` is the folder's path, for the error;
 * `target` gets where it is now. */
enum kp_code kp_file_move(int folder, const char *shown, const char *name, const char *to,
                          char *target, size_t size, struct kp_err *);
#endif
