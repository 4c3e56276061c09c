/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_FLEX_ORDER_PRIVATE_H
#define KOPPEL_FLEX_ORDER_PRIVATE_H
/* What the files about orders share. */
#include "core/hash.h"
#include "flex/keep.h"
#include "flex/order.h"

struct order_print {
    uint64_t h;
};
struct order_print order_print(const struct kp_order_in *);
enum kp_code order_check_all(struct kp_shop *, const struct kp_order_in *, size_t n,
                             struct kp_err *);
kp_asset order_asset(struct kp_shop *, const char *path); /* 0: there is none */

/* Sets the state of an order by those of its operations. In the store's thread. */
enum kp_code order_settle(struct kp_db *, int64_t order, int64_t now, struct kp_err *);

/* What a machine made and did in [from, to). */
struct order_sums {
    int64_t good, scrap, running, setup, other; /* the last three in ns */
};
enum kp_code order_sums(struct kp_shop *, kp_asset, int64_t from, int64_t to, struct order_sums *,
                        struct kp_err *);
/* Of a booking that goes on, up to now; some seconds old. */
enum kp_code order_sums_now(struct kp_shop *, int64_t booking, kp_asset, int64_t from,
                            struct order_sums *, struct kp_err *);

/* ---- following programs (order_program.c) ---- */
/* Whether two names mean the same program: without folders, upper and lower case alike, the ending
 * only when both have one. */
bool order_program_same(const char *, const char *);
struct watching;
struct watching *orders_watch(struct kp_shop *); /* NULL: out of memory */
void orders_turn(struct watching *, struct kp_err *);
void orders_unwatch(struct watching *);
#endif
