/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_COUPLINGS_MODBUS_PRIVATE_H
#define KOPPEL_COUPLINGS_MODBUS_PRIVATE_H
/* Modbus (Application Protocol Specification V1.1b3; Modbus Messaging on TCP/IP V1.0b): what its files
 * share. map.c: rows to points; plan.c: points to reads; codec.c: registers to values and back;
 * link.c: the bus; poll.c: asking in turn; write.c; identify.c: function 43/14; nameplate.c: whose
 * answer that is; modbus.c: the class. */
#include "core/coupling.h"
#include "core/url.h"
#include "couplings/map.h"
#include "couplings/polled.h"

#include <modbus/modbus.h>
#include <pthread.h>

enum { MODBUS_REGISTERS_MAX = 125, MODBUS_BITS_MAX = 2000, MODBUS_UNITS = 256, MODBUS_TEXT_MAX = 250 };

struct modbus_settings {
    char *map, *profile, *units;
    int64_t unit, poll, timeout, gap, registers_max, pause;
    int64_t baud, stop;
    char *parity;
};

/* ---- points ---- */
enum modbus_table { MODBUS_COIL, MODBUS_DISCRETE, MODBUS_INPUT, MODBUS_HOLDING };
enum modbus_type {
    MODBUS_BOOL, MODBUS_INT16, MODBUS_UINT16, MODBUS_INT32, MODBUS_UINT32, MODBUS_INT64, MODBUS_UINT64,
    MODBUS_FLOAT32, MODBUS_FLOAT64, MODBUS_STRING, MODBUS_BCD,
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
    double divide; /* 10 for a scale of 0.1, so that 3 is 0.3 and not 0.30000000000000004; or 0 */
    int64_t every; /* ns */
    struct kp_polled polled;
};

extern const struct kp_map_form modbus_form;
/* Rows that name no unit become one row for each of `units` ("1-4,7"), below unit-N. */
enum kp_code modbus_map_spread(struct kp_map *, const char *units, struct kp_err *);
/* Reads the row; the error names the column. */
enum kp_code modbus_point_read(struct modbus_point *, const struct kp_map_row *, const struct modbus_settings *,
                               struct kp_err *);
uint8_t modbus_point_type(const struct modbus_point *); /* of the signal */
uint16_t modbus_point_mask(const struct modbus_point *); /* of the bits of a field, in place */
/* "unit 3 holding:100": how it is shown and known. */
void modbus_point_name(const struct modbus_point *, char out[64]);

/* ---- reads ---- */
struct modbus_read { /* neighbours of one unit, table and pace, asked for at once */
    uint32_t first, n; /* in the list of points, which is sorted by place */
    uint8_t unit, table;
    uint16_t address, count;
    uint8_t misses;     /* in a row, of this read alone: busy, failing */
    int64_t every, due; /* monotonic; due 0 = at once */
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
/* From the registers of its read; text goes into `text`. Null when they hold no such value (BCD). */
struct kp_value modbus_decode(const struct modbus_point *, const uint16_t *registers, char text[MODBUS_TEXT_MAX]);
/* The registers that say so; KP_EINVALID when the value does not fit. For a bit field only the bits, in
 * place. */
enum kp_code modbus_encode(const struct modbus_point *, const struct kp_value *, uint16_t *registers,
                           struct kp_err *);

/* ---- the bus ---- */
struct modbus_link {
    modbus_t *bus;
    bool line;       /* a serial line */
    bool frames;     /* frames as on a line, also over TCP */
    int64_t silence; /* between two frames of a line */
};
enum kp_code modbus_link_open(struct modbus_link *, const char *url, const struct modbus_settings *,
                              struct kp_err *);
void modbus_link_close(struct modbus_link *);
/* Before a question: rests at least that long, and throws stray bytes away. */
void modbus_link_rest(struct modbus_link *, int64_t pause);
/* Throws away what comes within that time, until it is quiet again. */
void modbus_link_discard(struct modbus_link *, int64_t late);

/* ---- one coupling ---- */
enum { MODBUS_MISSES_MAX = 3 };
struct modbus_unit {
    uint8_t misses; /* in a row */
    bool identified, mapped;
};
struct modbus {
    struct kp_coupling *c;
    const struct modbus_settings *set;
    struct modbus_link link;
    struct kp_map map;
    struct modbus_point *points;
    size_t n;
    struct modbus_plan plan;
    struct modbus_unit units[MODBUS_UNITS];
    uint8_t own; /* the unit of the address */
    bool unknown; /* it did not say what it is, and nothing else tells its map */
    int64_t greeted;  /* when it was last asked for a sign of life */
    int64_t stumbled; /* when an answer last did not come */
    int64_t behind; /* when a read was last far too late; 0: the bus keeps pace */
};
enum kp_code modbus_relink(struct modbus *, struct kp_err *);
/* After an answer that did not come, or not whole: it may still come, and must not be taken for the next one. */
enum kp_code modbus_resync(struct modbus *, struct kp_err *);
/* Says how it is: how much is read, what is refused, which units do not answer. */
void modbus_describe(struct modbus *);
/* Asks each unit for something until one answers; fails when none does. */
enum kp_code modbus_greet(struct modbus *, struct kp_err *);
/* Asks for what is due, for half a second at most. */
enum kp_code modbus_poll(struct modbus *, struct kp_err *);
enum kp_code modbus_write_point(struct kp_coupling *, const struct kp_sample *, struct kp_err *);
/* An exception code of the protocol: an answer, the link is sound. */
bool modbus_is_exception(int why);

/* ---- identification: function 43, MEI type 14 ---- */
struct modbus_identity {
    char vendor[64], product_code[64], revision[64], product[64], model[64];
};
/* Reads the answer behind the unit's number. Its length when it is whole (2: it refuses), 0 = more is needed, -1 = it
 * is no such answer. */
int modbus_identity_parse(struct modbus_identity *, const uint8_t *pdu, size_t n, uint8_t *next);
/* Asks a unit. KP_ENOTFOUND: it does not know the function. Afterwards the link may have to be opened
 * again (KP_EPEER). */
enum kp_code modbus_identify(struct modbus_link *, uint8_t unit, int64_t timeout, struct modbus_identity *,
                             struct kp_err *);
/* Errors of identification are no errors of the link, which is made anew when it is out of step; false: it does not say. */
bool modbus_who(struct modbus *, uint8_t unit, struct modbus_identity *, struct kp_err *);
/* Asks a unit once who it is, and puts that where its points are. */
enum kp_code modbus_nameplate(struct modbus *, uint8_t unit, struct kp_err *);
#endif
