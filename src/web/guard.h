/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_WEB_GUARD_H
#define KOPPEL_WEB_GUARD_H
/* Against guessing: each wrong password makes its user and its address wait, twice as long each
 * time. And refusals on their way into the audit log: the first of its kind at once, the others of
 * that minute as one row with their number. Both in tables of fixed size, so a flood costs neither
 * memory nor disk. Any thread; nothing here waits for the disk but a thread of its own. */
#include "store/audit.h"
#include "web/session.h"

enum {
    KP_GUARD_KNOCKS = 512,  /* users and addresses that are remembered */
    KP_GUARD_USER_FREE = 5, /* wrong passwords that cost nothing */
    KP_GUARD_ADDRESS_FREE = 20,
    KP_GUARD_WAIT_MAX_S = 900,
    KP_GUARD_CALLS = 600, /* of one asker that cost a row of the audit log each; then one a second */
    KP_GUARD_ASKERS = 64, /* that are remembered */
    KP_GUARD_REFUSALS = 64, /* kinds of refusals in a minute; what is beyond counts together */
};

struct kp_guard;
struct kp_guard *kp_guard_new(const struct kp_clock *, struct kp_store *);
void kp_guard_start(struct kp_guard *); /* from now on refusals are written down, by a thread of its own */
void kp_guard_free(struct kp_guard *); /* stops it and writes what is left; NULL is allowed */

/* How many seconds nobody may try to log in as this user, or from this address; 0 = now. */
int64_t kp_guard_wait(struct kp_guard *, const char *user, const char *from);
void kp_guard_failed(struct kp_guard *, const char *user, const char *from);
void kp_guard_passed(
    struct kp_guard *,
    const char *user); /* what the user's failures cost is over; the address's stay */

/* Whether this asker may cost the audit log one more row for reading: so many that nobody working
 * is kept waiting, so few that the log is not written full with them. */
bool kp_guard_call(struct kp_guard *, const char *who);

/* Texts are copied. */
void kp_guard_refused(struct kp_guard *, const struct kp_audit *);
/* What the thread does each second, for tests. */
void kp_guard_turn(struct kp_guard *);
#endif
