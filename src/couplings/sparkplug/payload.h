/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_COUPLINGS_SPARKPLUG_PAYLOAD_H
#define KOPPEL_COUPLINGS_SPARKPLUG_PAYLOAD_H
/* The payload of Sparkplug B, read with limits: the library goes down with the nesting and makes a
 * struct of every two bytes a peer sends. */
#include "core/err.h"
#include "core/value.h"

#include "sparkplug.pb-c.h"

enum kp_sparkplug_type {
    KP_SP_UNKNOWN,
    KP_SP_INT8,
    KP_SP_INT16,
    KP_SP_INT32,
    KP_SP_INT64,
    KP_SP_UINT8,
    KP_SP_UINT16,
    KP_SP_UINT32,
    KP_SP_UINT64,
    KP_SP_FLOAT,
    KP_SP_DOUBLE,
    KP_SP_BOOLEAN,
    KP_SP_STRING,
    KP_SP_DATETIME,
    KP_SP_TEXT,
    KP_SP_UUID,
    KP_SP_DATASET,
    KP_SP_BYTES,
    KP_SP_FILE,
    KP_SP_TEMPLATE,
    KP_SP_PROPERTY_SET,
    KP_SP_PROPERTY_SETS,
    KP_SP_INT8_ARRAY,
    KP_SP_INT16_ARRAY,
    KP_SP_INT32_ARRAY,
    KP_SP_INT64_ARRAY,
    KP_SP_UINT8_ARRAY,
    KP_SP_UINT16_ARRAY,
    KP_SP_UINT32_ARRAY,
    KP_SP_UINT64_ARRAY,
    KP_SP_FLOAT_ARRAY,
    KP_SP_DOUBLE_ARRAY,
    KP_SP_BOOLEAN_ARRAY,
    KP_SP_STRING_ARRAY,
    KP_SP_DATETIME_ARRAY,
    KP_SP_TYPES,
};
enum {
    KP_SP_METRICS_MAX = 20000, /* messages of any kind in one payload */
    KP_SP_FIELDS_MAX = 500000,
    KP_SP_DEPTH_MAX = 16,
};

const char *kp_sparkplug_type_name(uint32_t type); /* "Int32"; NULL: not known */
uint8_t kp_sparkplug_type(uint32_t type);          /* enum kp_type */

/* Freed by kp_sparkplug_free; NULL and a reason otherwise. */
Sparkplug__Payload *kp_sparkplug_unpack(const void *data, size_t len, struct kp_err *);
void kp_sparkplug_free(Sparkplug__Payload *);

/* The value of a metric of this type; what does not fit into it lives in `room`. */
enum kp_code kp_sparkplug_value(const Sparkplug__Metric *, uint32_t type, struct kp_buf *room,
                                struct kp_value *, struct kp_err *);
/* The same of a metric to be sent; texts stay the value's. */
enum kp_code kp_sparkplug_put(const struct kp_value *, uint32_t type, struct kp_arena *,
                              Sparkplug__Metric *, struct kp_err *);
#endif
