/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_COUPLINGS_SIM_H
#define KOPPEL_COUPLINGS_SIM_H
/* A machine that is not there, to try things out with. */
#include "core/coupling.h"

extern const struct kp_coupling_class kp_sim;
#endif
