/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_FLEX_ORDER_H
#define KOPPEL_FLEX_ORDER_H
/* Work orders, their operations, and bookings: what was worked at an operation, from when to when,
 * with the parts that were made. An order is known by direction, sender and number: the same again
 * changes nothing, another under that number is refused unless it is to replace the first. A
 * machine works at one operation at a time; the file itself holds that (schema.sql.h, version 7).
 *
 * What is changed here is durable when the call returns. Texts of what is read live in the arena
 * given. */
#include "core/json.h"
#include "flex/shop.h"

enum {
    KP_OPERATIONS_MAX = 1000,     /* of an order */
    KP_ORDERS_AT_ONCE = 20000,    /* of a file */
    KP_ORDER_DOCUMENT = 10 << 20, /* as KP_UBL_BYTES_MAX */
};

/* ---- taking orders in ---- */
struct kp_operation_in { /* texts NULL, numbers 0, due KP_NO_TIME: not said */
    const char *number, *name;
    const char *asset; /* path of a machine */
    const char *group; /* or a group of machines, of the settings */
    const char *program, *item;
    const char *line;     /* of a UBL document: its id */
    double quantity;      /* 0: that of the order */
    int64_t cycle, setup; /* ns: a part, the whole set-up */
    int64_t due;
};
struct kp_order_in {
    bool out;           /* we place it with a supplier */
    const char *sender; /* whose number it is; NULL: our own */
    const char *number;
    const char *customer, *item, *description;
    const char *unit;         /* UN/ECE rec 20 */
    double quantity;          /* 0: each operation says its own */
    int64_t due;              /* KP_NO_TIME: not said */
    const char *folder;       /* NULL: it came through none */
    const char *source;       /* the file's name, "rest", "cli" */
    const char *document;     /* the UBL as it came, or NULL */
    const char *confirmation; /* "acknowledged": a reply that says so is to go out; or NULL */
    size_t n;                 /* none: the order is one operation, "10" */
    const struct kp_operation_in *operations;
};
struct kp_order_receipt { /* of a file; in the transaction of its orders */
    const char *folder, *name;
    const void *hash; /* of what is in it */
    size_t hash_len;
};
struct kp_order_taken {
    int64_t id;
    bool repeated; /* it was there, the same */
    bool replaced;
};
/* Takes all or none, in one transaction; `receipt` may be NULL, `taken` has room for n. Errors name
 * the member, and of several orders the number. KP_EEXISTS: says what differs from what is there.
 */
enum kp_code kp_orders_take(struct kp_shop *, const struct kp_order_in *, size_t n, bool replace,
                            const struct kp_order_receipt *, struct kp_order_taken *taken,
                            struct kp_err *);
/* The members alone, machines and groups too; nothing is changed. */
enum kp_code kp_order_check(struct kp_shop *, const struct kp_order_in *, struct kp_err *);
/* What taking it would do: KP_OK and *taken, or what kp_orders_take would refuse. */
enum kp_code kp_order_try(struct kp_shop *, const struct kp_order_in *, bool replace,
                          struct kp_order_taken *taken, struct kp_err *);
/* Whether a file of this content was taken from the folder before. */
enum kp_code kp_order_file_taken(struct kp_shop *, const char *folder, const void *hash,
                                 size_t hash_len, bool *taken, struct kp_err *);
/* RFC 3339, or a date alone: its last second on the wall of the node. */
bool kp_due_parse(const char *text, int64_t *at);
/* An order as REST takes it. Lists live in the arena, texts in the document. */
enum kp_code kp_order_parse(const void *json, struct kp_arena *, struct kp_order_in *,
                            bool *replace, struct kp_err *); /* json: a json_t object */

/* ---- asking ---- */
struct kp_operation {
    int64_t id, asset_id;
    const char *number, *name;
    const char *asset; /* path; NULL: at none yet, or the machine is gone */
    const char *group, *program, *item, *line, *state;
    double quantity;
    int64_t cycle, setup;                                       /* 0: not said */
    int64_t due;                                                /* KP_NO_TIME: the order's */
    int64_t good, scrap, worked, setup_done, started, finished; /* KP_NO_TIME: not yet */
    int64_t remaining; /* ns of work; -1: how long a part takes is not known */
    int64_t open;      /* the booking that goes on, 0: none */
};
struct kp_order {
    int64_t id, due, promised, received, changed, sent;
    bool out, late;
    const char *sender, *number, *customer, *item, *description, *unit, *state;
    const char *confirmation, *comment, *folder, *source, *document, *told;
    double quantity; /* 0: each operation says its own */
    size_t n;
    struct kp_operation *operations;
};
extern const char *const kp_order_words[]; /* "active" (open and started), "open", "started",
                                              "finished", "cancelled", "late", "all"; NULL */
extern const char *const kp_direction_words[]; /* "in", "out"; NULL */
struct kp_order_query {                    /* NULL, 0: any */
    const char *state;                     /* one of the words; NULL: active */
    const char *asset;                     /* pattern: at such machines, or their groups */
    const char *direction, *sender, *folder;
    const char *q; /* in number, sender, customer, item, description */
    bool untold;   /* whose confirmation is in no reply file yet */
    size_t limit;
    int64_t after; /* the last one of the page before */
};
/* Living ones by due time, others the newest first. */
enum kp_code kp_orders_list(struct kp_shop *, const struct kp_order_query *, struct kp_arena *,
                            struct kp_order **list, size_t *n, bool *more, struct kp_err *);
enum kp_code kp_orders_get(struct kp_shop *, int64_t id, struct kp_arena *, struct kp_order *,
                           struct kp_err *);
/* By its number; KP_ENOTFOUND. */
enum kp_code kp_orders_find(struct kp_shop *, bool out, const char *sender, const char *number,
                            struct kp_arena *, struct kp_order *, struct kp_err *);
void kp_order_json(struct kp_json *, const struct kp_order *);

struct kp_booking {
    int64_t id, order, operation, start, end, written; /* end KP_FOREVER: it goes on */
    const char *sender, *number, *operation_number, *item, *line, *asset, *program;
    const char *via, *who, *comment, *folder;
    int64_t good, scrap, running, setup, other; /* ns */
};
struct kp_booking_query { /* NULL, 0: any; from, to KP_NO_TIME: any */
    int64_t from, to, order, after;
    const char *asset, *folder;
    bool unwritten; /* those that ended and stand in no file yet */
    size_t limit;
};
enum kp_code kp_bookings_list(struct kp_shop *, const struct kp_booking_query *, struct kp_arena *,
                              struct kp_booking **list, size_t *n, bool *more, struct kp_err *);
void kp_booking_json(struct kp_json *, const struct kp_booking *);

/* ---- what people, programs and partners say ---- */
enum kp_code kp_orders_cancel(struct kp_shop *, int64_t id, struct kp_err *);
struct kp_confirm {
    const char *answer; /* acknowledged, accepted, changed, rejected */
    int64_t promised;   /* KP_NO_TIME: nothing is promised */
    const char *comment;
};
/* Of an order in: our answer. Of an order out: the supplier's. Rejecting one that nobody worked at
 * cancels it. */
enum kp_code kp_orders_confirm(struct kp_shop *, int64_t id, const struct kp_confirm *,
                               struct kp_err *);

enum kp_operation_verb { KP_OPERATION_START, KP_OPERATION_INTERRUPT, KP_OPERATION_FINISH };
struct kp_operation_act {
    enum kp_operation_verb verb;
    int64_t at;                  /* KP_NO_TIME: now */
    const char *asset;           /* of start; NULL: where it is planned */
    const int64_t *good, *scrap; /* NULL: as the machine counted */
    const char *via, *who, *comment;
};
struct kp_operation_acted {
    int64_t order, booking; /* booking: that began or ended; 0: none */
    int64_t interrupted;    /* the operation that ran at the machine before; 0: none */
};
/* KP_EEXISTS: its state does not allow it. */
enum kp_code kp_operation_act(struct kp_shop *, int64_t id, const struct kp_operation_act *,
                              struct kp_operation_acted *, struct kp_err *);
struct kp_operation_plan { /* NULL: as it was; "": at none. due KP_NO_TIME: as it was */
    const char *asset, *group;
    int64_t due;
    bool no_due; /* that of the order again */
};
enum kp_code kp_operation_plan(struct kp_shop *, int64_t id, const struct kp_operation_plan *,
                               int64_t *order, struct kp_err *);

/* ---- files that were made durable ---- */
enum kp_code kp_bookings_written(struct kp_shop *, const int64_t *ids, size_t n, struct kp_err *);
/* The reply to an order in, or an order out itself, stands in a file as it was read here; not
 * *marked: it was changed since, so that file is of no use. */
enum kp_code kp_order_told(struct kp_shop *, const struct kp_order *as_read, bool *marked,
                           struct kp_err *);
/* The reply to an order in is to go out once more. */
enum kp_code kp_order_tell_again(struct kp_shop *, int64_t id, struct kp_err *);
#endif
