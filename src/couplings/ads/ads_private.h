/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_COUPLINGS_ADS_PRIVATE_H
#define KOPPEL_COUPLINGS_ADS_PRIVATE_H
/* ADS over AMS/TCP, all numbers little endian. type.c: types and values; symbol.c: what a
 * controller says it has; wire.c: the link; watch.c: values by notification and by asking; ads.c:
 * the class. */
#include "core/coupling.h"
#include "couplings/map.h"

enum {
    ADS_NET_ID = 6,
    ADS_VALUE_MAX = 64 << 10,
    ADS_ROOM_MAX = 9 * ADS_VALUE_MAX,
    ADS_UPLOAD_MAX = 32 << 20,
    ADS_SYMBOLS_MAX = 100000
};

struct ads_settings {
    char *map, *profile, *local_net_id;
    int64_t cycle, poll, timeout, watch_max;
};

/* ---- types ---- */
enum ads_kind {
    ADS_BOOL,
    ADS_SINT,
    ADS_INT,
    ADS_DINT,
    ADS_LINT,
    ADS_USINT,
    ADS_UINT,
    ADS_UDINT,
    ADS_ULINT,
    ADS_REAL,
    ADS_LREAL,
    ADS_STRING,
    ADS_WSTRING,
    ADS_TIME,
    ADS_LTIME,
    ADS_TOD,
    ADS_DATE,
};
struct ads_type {
    uint8_t kind;
    bool array;
    uint32_t size, count; /* bytes of one element; elements */
};
/* Of the name as the PLC's programs have it: "REAL", "STRING(80)", "ARRAY [0..9] OF INT". */
bool ads_type_parse(const char *name, struct ads_type *);
/* Of a symbol: by its name, else by the code of its base type (an enumeration, an alias). False: a
 * structure or the like. */
bool ads_type_of(const char *name, uint32_t code, uint32_t size, struct ads_type *);
uint32_t ads_type_bytes(const struct ads_type *);
uint8_t ads_type_value(const struct ads_type *, bool scaled);
struct ads_scale {
    bool on;
    double scale, offset;
};
/* Text and arrays are put into `room`, which is emptied first. False: not so many bytes, or out of
 * memory. */
bool ads_decode(const struct ads_type *, const struct ads_scale *, const uint8_t *, size_t n,
                struct kp_buf *room, struct kp_value *);
/* The bytes to write, into `out`, which is emptied first. */
enum kp_code ads_encode(const struct ads_type *, const struct ads_scale *, const struct kp_value *,
                        struct kp_buf *out, struct kp_err *);
/* What a controller says, UTF-8 or Windows-1252, as UTF-8 in the arena. NULL: out of memory. */
char *ads_text(struct kp_arena *, const uint8_t *, size_t n);

/* ---- what a controller says it has ---- */
struct ads_symbol {
    const char *name, *type, *comment; /* comment: NULL = none */
    const char *enums;                 /* JSON object of number to text, or NULL */
    uint32_t size, code;
    bool read_only, hidden; /* hidden: a reference or a method, not to be read as it is */
};
struct ads_symbols {
    struct ads_symbol *list;
    size_t n, room, left_out; /* left_out: more than ADS_SYMBOLS_MAX */
};
/* The answers to uploads of symbols and of types (may be empty). Structures become their members,
 * as deep as they go. Texts live in the arena. */
enum kp_code ads_symbols_read(const uint8_t *symbols, size_t n, const uint8_t *types,
                              size_t types_n, struct kp_arena *, struct ads_symbols *,
                              struct kp_err *);
/* One symbol, as asked for by name. */
bool ads_symbol_one(const uint8_t *, size_t n, struct kp_arena *, struct ads_symbol *);
/* "MAIN.fbPump.rSpeed" as a path. False: it has none. */
bool ads_symbol_path(const char *name, char out[KP_PATH_MAX]);

/* ---- the link ---- */
enum ads_command {
    ADS_INFO = 1,
    ADS_READ,
    ADS_WRITE,
    ADS_STATE,
    ADS_CONTROL,
    ADS_ADD,
    ADS_DELETE,
    ADS_NOTIFY,
    ADS_READ_WRITE
};
enum ads_group {
    ADS_BY_NAME = 0xf003,
    ADS_BY_HANDLE = 0xf005,
    ADS_RELEASE = 0xf006,
    ADS_VERSION = 0xf008,
    ADS_INFO_BY_NAME = 0xf009,
    ADS_SYMBOLS = 0xf00b,
    ADS_TYPES = 0xf00e,
    ADS_OLD_SIZES = 0xf00c,
    ADS_SIZES = 0xf00f,
    ADS_SUM_READ = 0xf080,
};
enum {
    ADS_NO_SERVICE = 0x701,
    ADS_NO_GROUP = 0x702,
    ADS_NO_OFFSET = 0x703,
    ADS_NO_ACCESS = 0x704,
    ADS_BAD_SIZE = 0x705,
    ADS_NOT_READY = 0x707,
    ADS_NOT_FOUND = 0x70c,
    ADS_NO_SYMBOL = 0x710,
    ADS_OLD_HANDLE = 0x711,
    ADS_NO_MORE = 0x716
};

struct ads_place {
    uint32_t group, offset;
};
struct ads_link {
    int fd;                  /* 0 = none */
    uint32_t invoke, result; /* result: ADS's own code of the last answer, 0 = fine */
    int64_t timeout;
    uint8_t target[ADS_NET_ID], source[ADS_NET_ID];
    uint16_t port;
    struct kp_buf out;
    uint8_t *in;             /* the frame at hand, perhaps not whole yet */
    size_t have, room, most; /* most: bytes a frame may have */
    const uint8_t *data;     /* of the last answer, behind its result; until the next call */
    size_t n;
    void (*notified)(void *, const uint8_t *, size_t); /* the data of a notification */
    void *arg;
};
bool ads_net_id_parse(const char *, uint8_t out[ADS_NET_ID]);
void ads_net_id_print(const uint8_t[ADS_NET_ID], char out[32]);
/* "HOST/NETID:PORT" of the address; has_id: it names one. */
enum kp_code ads_target(const char *path, bool *has_id, uint8_t id[ADS_NET_ID], uint16_t *port,
                        struct kp_err *);
enum kp_code ads_link_open(struct ads_link *, const char *url, const struct ads_settings *,
                           struct kp_err *);
void ads_link_close(struct ads_link *);
void ads_link_trim(struct ads_link *); /* gives back what a long answer needed */
/* These ask and wait for the answer. KP_OK: there is one, link->result says whether the controller
 * did it. */
enum kp_code ads_ask(struct ads_link *, enum ads_command, struct kp_err *);
enum kp_code ads_read(struct ads_link *, struct ads_place, uint32_t bytes, struct kp_err *);
enum kp_code ads_write(struct ads_link *, struct ads_place, const void *, size_t, struct kp_err *);
enum kp_code ads_read_write(struct ads_link *, struct ads_place, uint32_t bytes, const void *,
                            size_t, struct kp_err *);
enum kp_code ads_add(struct ads_link *, struct ads_place, uint32_t bytes, int64_t cycle,
                     uint32_t *handle, struct kp_err *);
/* Says it without waiting for the answer: at the end. False: it cannot be said. */
bool ads_bid(struct ads_link *, enum ads_command, const uint32_t *words, size_t n);
/* Takes what comes by itself until the deadline. */
enum kp_code ads_link_wait(struct ads_link *, int64_t deadline, struct kp_err *);
const char *ads_result_text(uint32_t result);
uint32_t ads_result_status(uint32_t result);

/* The data of a notification: each sample in turn. False: it is malformed. */
bool ads_samples(const uint8_t *, size_t n,
                 void (*each)(void *, uint32_t handle, int64_t at, const uint8_t *, size_t n),
                 void *);

/* ---- the coupling ---- */
enum ads_phase {
    ADS_UNKNOWN,
    ADS_WATCHED,
    ADS_ASKED
}; /* no handle yet; by notification; by asking */
struct ads_item {
    const char *name;
    struct ads_type type;
    struct ads_scale scale;
    kp_signal id;
    bool typed, read_only, refused;
    uint8_t phase;
    uint32_t handle, notification, status;
    int64_t retry, told; /* monotonic: when it is looked after again; when it was told last */
    uint64_t hash;       /* of the bytes told last */
};
struct ads {
    struct kp_coupling *c;
    const struct ads_settings *set;
    struct ads_link link;
    struct kp_map map;
    struct kp_arena text; /* of the items' names */
    struct ads_item *items;
    uint32_t *watching; /* items that are watched, by their notification */
    size_t n, n_watching, n_asked, offered, left_out;
    size_t next_new, next_poll, next_check;
    bool polling, full, single, broken,
        has_version; /* full: no more notifications; single: no sums */
    bool look;       /* a person wants a new look */
    uint8_t version;
    uint16_t state;
    uint32_t early[16]; /* notifications that came before the answer that names them */
    unsigned n_early, refused;
    char first_refusal[64], device[64];
    int64_t new_due, poll_due, beat_due; /* monotonic */
    struct kp_buf room, sum;
    struct kp_err failure; /* of what was done while a notification was taken */
};
/* Both work for about 200 ms at most. */
enum kp_code ads_look_after(struct ads *, struct kp_err *);    /* of items that are not read yet */
enum kp_code ads_poll(struct ads *, struct kp_err *);          /* those that are not watched */
enum kp_code ads_check_watched(struct ads *, struct kp_err *); /* one of them, in turn */
void ads_take_notification(void *ads, const uint8_t *, size_t);
void ads_give_back(struct ads *); /* handles and notifications */
void ads_describe(struct ads *);
#endif
