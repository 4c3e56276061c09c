/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_COUPLINGS_DSP_H
#define KOPPEL_COUPLINGS_DSP_H
/* Data of a partner under an agreement: its history, then what is new as it comes. */
#include "core/coupling.h"

extern const struct kp_coupling_class kp_partner_data;
#endif
