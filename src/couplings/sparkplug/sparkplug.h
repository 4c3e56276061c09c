/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_COUPLINGS_SPARKPLUG_SPARKPLUG_H
#define KOPPEL_COUPLINGS_SPARKPLUG_SPARKPLUG_H
#include "core/coupling.h"

extern const struct kp_coupling_class kp_sparkplug;
#endif
