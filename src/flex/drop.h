/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_FLEX_DROP_H
#define KOPPEL_FLEX_DROP_H
/* The folders of orders at work. Each has in/, out/, done/ and error/. A file in in/ that is whole
 * is taken with all its orders in one transaction and then moved to done/; one with faults is moved
 * to error/, with a text beside it that says each fault in Dutch and English. A crash between the
 * two leaves the file in in/, where its orders are known again. Bookings, answers and orders we
 * place go to out/: written aside and synced, marked in the data file, then renamed, so that each
 * appears once. One thread does it all. */
#include "flex/shop.h"

struct kp_inbox;
/* `dir`: of the node; folders without a path of their own are made in orders/ below it. */
struct kp_inbox *kp_inbox_new(struct kp_shop *, const char *dir, struct kp_err *);
void kp_inbox_start(struct kp_inbox *); /* the thread begins with the first folder */
void kp_inbox_begin(struct kp_inbox *); /* the settings may name one now; any thread */
void kp_inbox_stop(struct kp_inbox *);
void kp_inbox_free(struct kp_inbox *);
/* One look at all folders, for tests; true when a file is waited for. */
bool kp_inbox_turn(struct kp_inbox *);

/* What became of the files, the newest first: one entry per content, as it was dropped last. */
struct kp_inbox_query {
    const char *folder; /* NULL: all */
    size_t limit;
    int64_t after; /* the last one of the page before; 0: none */
};
enum kp_code kp_inbox_log(struct kp_shop *, const struct kp_inbox_query *, struct kp_json *,
                          struct kp_err *);
/* A person has seen why a file was refused: the node's alarm ends when all were seen. */
enum kp_code kp_inbox_acknowledge(struct kp_shop *, int64_t id, struct kp_err *);
/* What a file would do, without doing it: {"orders", "faults"}. */
enum kp_code kp_inbox_try(struct kp_shop *, const char *folder, const void *file, size_t len,
                          struct kp_json *, struct kp_err *);
#endif
