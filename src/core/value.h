/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_CORE_VALUE_H
#define KOPPEL_CORE_VALUE_H
/* What a machine said: the data, how far to trust it, and when it was so.
 * Types and status follow OPC UA Part 4 (7.11 DataValue, 7.39 StatusCode) and Part 6 (5.1). */
#include "core/mem.h"

enum kp_type {
    KP_NULL, /* no data: OPC UA's hasValue = false */
    KP_BOOL,
    KP_INT64,  /* every signed integer and every enumeration */
    KP_UINT64, /* every unsigned integer */
    KP_FLOAT,
    KP_DOUBLE,
    KP_STRING, /* UTF-8; structures arrive as JSON text */
    KP_BYTES,
    KP_TIME,        /* ns since 1970 UTC, in .i */
    KP_TYPES,       /* how many scalar types there are */
    KP_ARRAY = 0x10 /* flag: an array of the scalar type in the low bits */
};

/* 16 bytes, copied freely. Data behind `data` belongs to the batch's arena, the model or whoever
 * says so; a value never frees it. */
struct kp_value {
    union {
        bool b;
        int64_t i;
        uint64_t u;
        float f;
        double d;
        const void *data; /* string, bytes, array */
    };
    uint32_t len; /* bytes behind `data`; 0 for scalars */
    uint8_t type; /* enum kp_type, with KP_ARRAY */
};
/* An array is its elements packed: bool 1 byte, 64-bit types 8, float 4 (host order, unaligned);
 * strings and bytes each as a uint32_t length and the bytes. */

typedef uint32_t kp_signal; /* a signal's number: stable, never reused, 0 = none */
typedef uint32_t kp_asset;  /* an asset's number; 0 = the factory itself, the root of the tree */

struct kp_sample {
    kp_signal signal;
    uint32_t status; /* OPC UA StatusCode, all 32 bits */
    int64_t at;      /* source time, ns since 1970 UTC */
    struct kp_value value;
};

/* ---- status ---- */
enum {
    KP_GOOD = 0,
    KP_STATUS_OVERFLOW = 0x00000480, /* InfoType DataValue + Overflow bit: samples lost at the source */
    KP_UNCERTAIN = 0x40000000,
    KP_UNCERTAIN_LAST_USABLE = 0x40900000,
};
#define KP_BAD 0x80000000u
#define KP_BAD_RESOURCE_UNAVAILABLE 0x80040000u
#define KP_BAD_DECODING_ERROR 0x80070000u
#define KP_BAD_TIMEOUT 0x800A0000u
#define KP_BAD_USER_ACCESS_DENIED 0x801F0000u
#define KP_BAD_NO_COMMUNICATION 0x80310000u
#define KP_BAD_WAITING_FOR_INITIAL_DATA 0x80320000u
#define KP_BAD_NODE_ID_UNKNOWN 0x80340000u
#define KP_BAD_OUT_OF_RANGE 0x803C0000u
#define KP_BAD_NOT_SUPPORTED 0x803D0000u
#define KP_BAD_TYPE_MISMATCH 0x80740000u
#define KP_BAD_TOO_MANY_SUBSCRIPTIONS 0x80770000u
#define KP_BAD_DEVICE_FAILURE 0x808B0000u
#define KP_BAD_NO_DATA 0x809B0000u
#define KP_BAD_INVALID_STATE 0x80AF0000u

static inline unsigned kp_status_severity(uint32_t status) /* 0 good, 1 uncertain, 2 and 3 bad */
{
    return status >> 30;
}
/* For a value of which the time is in doubt: a Good one becomes Uncertain and keeps its flag bits; an Uncertain or Bad one
 * stays, for its subcode says more. */
static inline uint32_t kp_status_doubt(uint32_t status)
{
    return kp_status_severity(status) ? status : KP_UNCERTAIN | (status & 0xffff);
}
/* The standard's name without flag bits ("BadSensorFailure"); codes not in the table give "Good",
 * "Uncertain" or "Bad" and the caller shows the number beside it. */
const char *kp_status_name(uint32_t status);
bool kp_status_parse(const char *text, uint32_t *status); /* a name, or 0x... */

/* ---- types ---- */
const char *kp_type_name(unsigned type); /* "double", "double[]"; "?" for an unknown one */
bool kp_type_parse(const char *name, uint8_t *type);
size_t kp_type_size(unsigned scalar_type); /* bytes of one packed array element; 0 when it varies */
bool kp_type_indirect(unsigned type);      /* the value lives behind .data */

/* ---- values ---- */
static inline struct kp_value kp_bool(bool b)
{
    return (struct kp_value){ .b = b, .type = KP_BOOL };
}
static inline struct kp_value kp_int(int64_t i)
{
    return (struct kp_value){ .i = i, .type = KP_INT64 };
}
static inline struct kp_value kp_double(double d)
{
    return (struct kp_value){ .d = d, .type = KP_DOUBLE };
}
static inline struct kp_value kp_string(const char *s, size_t n)
{
    return (struct kp_value){ .data = s, .len = (uint32_t)n, .type = KP_STRING };
}

/* Same type and same bits: NaNs with one payload are equal, 0.0 and -0.0 are not. */
bool kp_value_equal(const struct kp_value *, const struct kp_value *);
/* The value as a number for charts and limits; false for null, text, bytes and arrays. */
bool kp_value_number(const struct kp_value *, double *);
/* Copies what lies behind .data into the arena; false when out of memory. */
bool kp_value_copy(struct kp_arena *, struct kp_value *to, const struct kp_value *from);
/* Whether the packed array, string or scalar is well formed (lengths add up, strings are UTF-8). */
bool kp_value_valid(const struct kp_value *);

/* Steps over a packed array: start with pos = 0; false at the end. `element` points into the array. */
bool kp_array_next(const struct kp_value *array, size_t *pos, struct kp_value *element);
/* Appends one element to a packed array under construction (see kp_array_value). */
void kp_array_add(struct kp_buf *, const struct kp_value *element);

/* For people: "31.25", "true", "O1004.NC", "[0.1, 0.2, 0.3, ... 32 elements]"; control characters as
 * spaces. Cuts at `size`. */
void kp_value_print(const struct kp_value *, char *out, size_t size);
/* Reads text as a value of the type ("true", "-12", "1e3", RFC 3339, any text); text goes to the arena. */
bool kp_value_parse(struct kp_arena *, uint8_t type, const char *text, struct kp_value *out);
#endif
