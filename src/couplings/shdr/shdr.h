/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_COUPLINGS_SHDR_H
#define KOPPEL_COUPLINGS_SHDR_H
/* Adapters of MTConnect (SHDR over TCP) without an agent. */
#include "core/coupling.h"

extern const struct kp_coupling_class kp_shdr;
#endif
