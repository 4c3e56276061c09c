/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_STORE_VTABLE_H
#define KOPPEL_STORE_VTABLE_H
/* What the virtual tables share. */
#include "store/history.h"
#include "store/internal.h"

/* A signal by its path or number; *out is 0 for what equals no signal, such as null. False: a path that
 * nobody has, told in the table's message. */
bool kp_vtable_signal(struct kp_db *, sqlite3_vtab *, sqlite3_value *, kp_signal *out);
/* The result code of a failure, told in the table's message. */
int kp_vtable_fail(sqlite3_vtab *, const struct kp_err *);

enum kp_code kp_vtable_register_aggregates(struct kp_db *, struct kp_err *); /* vtable_agg.c */
enum kp_code kp_vtable_register_intervals(struct kp_db *, struct kp_err *);  /* vtable_intervals.c */
#endif
