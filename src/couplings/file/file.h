/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_COUPLINGS_FILE_H
#define KOPPEL_COUPLINGS_FILE_H
/* What machines write into a folder instead of speaking a protocol: CSV, line protocol, JSON lines
 * or plain lines. */
#include "core/coupling.h"

extern const struct kp_coupling_class kp_file;
#endif
