/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_COUPLINGS_MTCONNECT_H
#define KOPPEL_COUPLINGS_MTCONNECT_H
/* MTConnect agents over HTTP: probe, current, a stream of samples. */
#include "core/coupling.h"

extern const struct kp_coupling_class kp_mtconnect;
#endif
