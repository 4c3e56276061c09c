/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_COUPLINGS_MQTT_MQTT_H
#define KOPPEL_COUPLINGS_MQTT_MQTT_H
#include "core/coupling.h"

extern const struct kp_coupling_class kp_mqtt;
#endif
