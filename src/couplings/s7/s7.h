/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_COUPLINGS_S7_H
#define KOPPEL_COUPLINGS_S7_H
/* Siemens S7 PLCs by PUT/GET: data blocks, inputs, outputs and flags by a map. */
#include "core/coupling.h"

extern const struct kp_coupling_class kp_s7;
#endif
