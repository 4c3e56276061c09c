/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_COUPLINGS_S7_PRIVATE_H
#define KOPPEL_COUPLINGS_S7_PRIVATE_H
/* S7 communication over ISO on TCP (RFC 1006, COTP class 0), as far as a client that reads, writes and asks who it is needs it.
 * map.c: addresses and values; wire.c: the link; s7.c: the class. */
#include "core/coupling.h"
#include "couplings/map.h"
#include "couplings/polled.h"

enum { S7_PDU_MAX = 960, S7_ITEMS_MAX = 19, S7_TEXT_MAX = 254, S7_ITEM_OK = 0xff };

struct s7_settings {
    char *map, *tsap, *local_tsap;
    int64_t rack, slot, poll, timeout, gap;
};

/* ---- points ---- */
enum s7_area { S7_INPUTS = 0x81, S7_OUTPUTS = 0x82, S7_FLAGS = 0x83, S7_BLOCK = 0x84 };
enum s7_type {
    S7_BOOL, S7_BYTE, S7_WORD, S7_DWORD, S7_SINT, S7_INT, S7_DINT, S7_LINT, S7_USINT, S7_UINT, S7_UDINT, S7_ULINT,
    S7_REAL, S7_LREAL, S7_CHAR, S7_STRING, S7_DATE_AND_TIME, S7_DTL, S7_TIME, S7_DATE, S7_TOD,
};
struct s7_point {
    const struct kp_map_row *row;
    uint8_t area, type, bit;
    uint16_t block, size; /* size: bytes in the PLC */
    uint32_t byte;
    bool scaled;
    double scale, offset;
    struct kp_polled polled;
};
extern const struct kp_map_form s7_form;
enum kp_code s7_point_read(struct s7_point *, const struct kp_map_row *, struct kp_err *);
uint8_t s7_point_type(const struct s7_point *);
void s7_point_name(const struct s7_point *, char out[64]); /* "DB10.DBB4.3 bool" */
/* From the bytes of its place; text goes into `text`. A time that is none, a string longer than its place: null. */
struct kp_value s7_decode(const struct s7_point *, const uint8_t *, char text[KP_POLLED_TEXT]);
/* The bytes to write; for a bool one of 0 or 1. */
enum kp_code s7_encode(const struct s7_point *, const struct kp_value *, uint8_t *, struct kp_err *);

/* ---- a piece of the PLC's memory ---- */
struct s7_item {
    uint8_t area, code; /* code: of the answer, S7_ITEM_OK = there is data */
    uint16_t block, size;
    uint32_t byte;
    uint8_t *data; /* where it goes: `size` bytes */
};

/* ---- blocks: neighbours that are read at once ---- */
enum { S7_BLOCK_MAX = 222 }; /* bytes of a block of several: what the smallest PDU of 240 carries */
struct s7_block {
    size_t first, n; /* of the points, which are in the order of their places */
    struct s7_item item;
    int64_t retry; /* monotonic: not before; 0 = now */
};
struct s7_plan {
    struct s7_block *blocks;
    size_t n, room;
};
/* Sorts the points. Up to `gap` bytes that nobody wants are read along. False: out of memory. */
bool s7_plan_make(struct s7_plan *, struct s7_point *, size_t n, uint32_t gap);
/* Parts a block into one for each of its points. */
bool s7_plan_part(struct s7_plan *, const struct s7_point *, size_t block);

/* ---- the link ---- */
struct s7_link {
    int fd; /* 0 = none */
    uint16_t reference, pdu;
    int64_t timeout;
    uint8_t in[S7_PDU_MAX + 64], out[S7_PDU_MAX + 64];
    size_t n; /* of `in`: the S7 message */
};
bool s7_tsap_parse(const char *, uint8_t out[2]); /* "10.01" or "1001" */
enum kp_code s7_link_open(struct s7_link *, const char *url, const struct s7_settings *, struct kp_err *);
void s7_link_close(struct s7_link *);
/* How many of the items, from the first on, one question can ask for. */
size_t s7_link_fits(const struct s7_link *, const struct s7_item *, size_t n);
enum kp_code s7_link_read(struct s7_link *, struct s7_item *, size_t n, struct kp_err *);
/* One item that is longer than a message. */
enum kp_code s7_link_read_long(struct s7_link *, struct s7_item *, struct kp_err *);
/* One item; `bit` 0 to 7: that bit of the byte alone, else SIZE of whole bytes. */
enum kp_code s7_link_write(struct s7_link *, const struct s7_item *, int bit, struct kp_err *);
/* A list of the system (SZL): its records into `out`, at most `room` bytes. KP_ENOTFOUND: it has none such. */
enum kp_code s7_link_list(struct s7_link *, uint16_t id, uint16_t index, uint8_t *out, size_t room, size_t *record, size_t *n,
                          struct kp_err *);
/* The answer in link->in, for the fuzzer too. */
enum kp_code s7_take_read(struct s7_link *, struct s7_item *, size_t n, struct kp_err *);
enum kp_code s7_take_list(const struct s7_link *, uint8_t *out, size_t room, size_t *record, size_t *n, struct kp_err *);
#endif
