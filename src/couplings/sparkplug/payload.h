/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_COUPLINGS_SPARKPLUG_PAYLOAD_H
#define KOPPEL_COUPLINGS_SPARKPLUG_PAYLOAD_H
/* Metrics of Sparkplug B as values of ours, and back. */
#include "core/err.h"
#include "core/model.h"

#include "sparkplug.pb-c.h"

enum { SPARKPLUG_METRICS_MAX = 20000 };

/* Sparkplug 3.0, 6.4.16 */
enum sparkplug_type {
    SPARKPLUG_INT8 = 1, SPARKPLUG_INT16, SPARKPLUG_INT32, SPARKPLUG_INT64, SPARKPLUG_UINT8, SPARKPLUG_UINT16,
    SPARKPLUG_UINT32, SPARKPLUG_UINT64, SPARKPLUG_FLOAT, SPARKPLUG_DOUBLE, SPARKPLUG_BOOLEAN, SPARKPLUG_STRING,
    SPARKPLUG_DATETIME, SPARKPLUG_TEXT, SPARKPLUG_UUID, SPARKPLUG_DATASET, SPARKPLUG_BYTES, SPARKPLUG_FILE,
    SPARKPLUG_TEMPLATE, SPARKPLUG_INT8_ARRAY = 22, SPARKPLUG_INT16_ARRAY, SPARKPLUG_INT32_ARRAY, SPARKPLUG_INT64_ARRAY,
    SPARKPLUG_UINT8_ARRAY, SPARKPLUG_UINT16_ARRAY, SPARKPLUG_UINT32_ARRAY, SPARKPLUG_UINT64_ARRAY, SPARKPLUG_FLOAT_ARRAY,
    SPARKPLUG_DOUBLE_ARRAY, SPARKPLUG_BOOLEAN_ARRAY, SPARKPLUG_STRING_ARRAY, SPARKPLUG_DATETIME_ARRAY,
};
/* The type of a signal with such values; KP_NULL for one that is not known. */
uint8_t sparkplug_type_of(uint32_t datatype);

/* NULL and an error that says where: no payload, or one with more metrics than are taken. */
Sparkplug__Payload *sparkplug_unpack(const void *, size_t, struct kp_err *);
void sparkplug_free(Sparkplug__Payload *);

/* The value under the type of its birth. Data sets and templates become JSON text. What lies behind it is in the
 * arena or the payload. False: it is not of that type, or there is no memory. */
bool sparkplug_value(const Sparkplug__Metric *, uint32_t datatype, struct kp_arena *, struct kp_value *);
/* OPC UA status by the property Quality (192 good, 500 stale, 0 bad), Good without one. */
uint32_t sparkplug_status(const Sparkplug__Metric *);
/* Unit, range and description of a birth; texts are the payload's. */
void sparkplug_info(const Sparkplug__Metric *, struct kp_signal_info *);
/* Puts a value into a metric to be sent. */
enum kp_code sparkplug_put(Sparkplug__Metric *, uint32_t datatype, const struct kp_value *, struct kp_arena *, struct kp_err *);
#endif
