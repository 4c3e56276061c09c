/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_COUPLINGS_MODBUS_H
#define KOPPEL_COUPLINGS_MODBUS_H
/* Modbus over TCP, a serial line, or the frames of a line over TCP. */
#include "core/coupling.h"

extern const struct kp_coupling_class kp_modbus;
#endif
