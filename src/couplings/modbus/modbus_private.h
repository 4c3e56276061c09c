/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_COUPLINGS_MODBUS_PRIVATE_H
#define KOPPEL_COUPLINGS_MODBUS_PRIVATE_H
/* Modbus (Application Protocol Specification V1.1b3; Modbus Messaging on TCP/IP V1.0b): what its files
 * share. map.c: rows to points; plan.c: points to reads; codec.c: registers to values and back;
 * link.c: the bus; identify.c: function 43/14; modbus.c: the class. */
#include "core/coupling.h"
#include "core/url.h"
#include "couplings/map.h"
#include "couplings/polled.h"

#include <modbus/modbus.h>
#include <pthread.h>

enum { MODBUS_REGISTERS_MAX = 125, MODBUS_BITS_MAX = 2000, MODBUS_UNITS = 256, MODBUS_TEXT_MAX = 250 };

struct modbus_settings {
    char *map, *profile;
    int64_t unit, poll, timeout, gap, registers_max, pause;
    int64_t baud, stop;
    char *parity;
};

/* ---- points ---- */
enum modbus_table { MODBUS_COIL, MODBUS_DISCRETE, MODBUS_INPUT, MODBUS_HOLDING };
enum modbus_type {
    MODBUS_BOOL, MODBUS_INT16, MODBUS_UINT16, MODBUS_INT32, MODBUS_UINT32, MODBUS_INT64, MODBUS_UINT64,
    MODBUS_FLOAT32, MODBUS_FLOAT64, MODBUS_STRING,
};
/* Named by where the bytes of a number 0xAABBCCDD are: ABCD as the standard has it, CDAB words swapped,
 * BADC bytes swapped in each word, DCBA both. */
enum modbus_order { MODBUS_ABCD, MODBUS_CDAB, MODBUS_BADC, MODBUS_DCBA };

struct modbus_point {
    const struct kp_map_row *row;
    uint8_t unit, table, type, order;
    uint16_t address, count; /* registers or bits, from 0 */
    uint8_t bit, bits;       /* bits > 0: a field of one register, from bit on */
    bool scaled;
    double scale, offset;
    int64_t every; /* ns */
    struct kp_polled polled;
};

extern const struct kp_map_form modbus_form;
/* Reads the row; the error names the column. */
enum kp_code modbus_point_read(struct modbus_point *, const struct kp_map_row *, const struct modbus_settings *,
                               struct kp_err *);
uint8_t modbus_point_type(const struct modbus_point *); /* of the signal */
/* "unit 3 holding 100": how it is shown and known. */
void modbus_point_name(const struct modbus_point *, char out[64]);

/* ---- reads ---- */
struct modbus_read { /* neighbours of one unit, table and pace, asked for at once */
    uint32_t first, n; /* in the list of points, which is sorted by place */
    uint8_t unit, table;
    uint16_t address, count;
    int64_t every, due; /* monotonic */
};
struct modbus_plan {
    struct modbus_read *list;
    size_t n, room;
};
/* Sorts the points and joins what may be asked for at once. */
enum kp_code modbus_plan_make(struct modbus_plan *, struct modbus_point *, size_t n,
                              const struct modbus_settings *, struct kp_err *);
/* The device refused a place in it: two halves take its place; false when there is nothing to part. */
bool modbus_plan_split(struct modbus_plan *, size_t i, const struct modbus_point *, struct kp_err *);
void modbus_plan_free(struct modbus_plan *);

/* ---- values ---- */
/* From the registers of its read; text goes into `text`. */
struct kp_value modbus_decode(const struct modbus_point *, const uint16_t *registers, char text[MODBUS_TEXT_MAX]);
/* The registers that say so; KP_EINVALID when the value does not fit. For a bit field only the bits, in
 * place. */
enum kp_code modbus_encode(const struct modbus_point *, const struct kp_value *, uint16_t *registers,
                           struct kp_err *);

/* ---- the bus ---- */
struct modbus_relay; /* RTU frames over TCP through a pseudo terminal, which the library takes for a line */
struct modbus_relay *modbus_relay_open(const struct kp_url *, int64_t timeout, char device[64], struct kp_err *);
void modbus_relay_close(struct modbus_relay *);

struct modbus_link {
    modbus_t *bus;
    struct modbus_relay *relay;
    bool serial;
};
enum kp_code modbus_link_open(struct modbus_link *, const char *url, const struct modbus_settings *,
                              struct kp_err *);
void modbus_link_close(struct modbus_link *);

/* ---- identification: function 43, MEI type 14 ---- */
struct modbus_identity {
    char vendor[64], product_code[64], revision[64], product[64], model[64];
};
/* Reads the answer behind the unit's number. 1 = whole, 0 = more is needed, -1 = it is no such answer. */
int modbus_identity_parse(struct modbus_identity *, const uint8_t *pdu, size_t n, uint8_t *next);
/* Asks a unit. KP_ENOTFOUND: it does not know the function. Afterwards the link may have to be opened
 * again (KP_EPEER). */
enum kp_code modbus_identify(struct modbus_link *, uint8_t unit, int64_t timeout, struct modbus_identity *,
                             struct kp_err *);
#endif
