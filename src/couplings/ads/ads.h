/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_COUPLINGS_ADS_H
#define KOPPEL_COUPLINGS_ADS_H
/* Beckhoff TwinCAT by ADS: variables by name, watched by the controller or asked for. */
#include "core/coupling.h"

extern const struct kp_coupling_class kp_ads;
#endif
