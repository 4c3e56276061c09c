/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_COUPLINGS_MTCONNECT_OBSERVE_H
#define KOPPEL_COUPLINGS_MTCONNECT_OBSERVE_H
/* Values written as text, and conditions. */
#include "core/coupling.h"
#include "core/json.h"

#define KP_MTC_UNAVAILABLE "UNAVAILABLE"

/* ---- values ---- */
enum { KP_MTC_DATA_MAX = 1 << 20 }; /* bytes of a text, series or set that are kept */
/* `text` as a value of the type (double, int64, double[], string); what does not read as a number
 * stays text, what is longer than is kept becomes null. False when out of memory; data lives in the
 * text or in `room`. */
bool kp_mtc_value(uint8_t type, const char *text, struct kp_buf *room, struct kp_value *out);
/* A scalar of a data set or table: a number, true, false, or text. */
void kp_mtc_put_scalar(struct kp_json *, const char *text);
/* Cuts spaces at both ends; changes the text. */
char *kp_mtc_trim(char *text);

/* ---- conditions ---- */
enum kp_mtc_level {
    KP_MTC_NO_LEVEL,
    KP_MTC_NORMAL,
    KP_MTC_WARNING,
    KP_MTC_FAULT,
    KP_MTC_UNKNOWN
};
enum kp_mtc_level kp_mtc_level(const char *word); /* "Fault", "FAULT" ... */

struct kp_mtc_condition {
    const char *item; /* id of the data item, or key */
    const char *path; /* of its asset, relative to the coupling's `at` */
    const char *type; /* "SYSTEM" */
    const char *code, *id, *severity, *qualifier, *text; /* or NULL */
    enum kp_mtc_level level;
    int64_t at;
};
/* Those active now, by their key. Without allocations, so that it outlives a lost link. */
enum { KP_MTC_ACTIVE_MAX = 256, KP_MTC_KEY_MAX = 128 };
struct kp_mtc_active {
    size_t n;
    uint64_t left_out; /* that found no room */
    char key[KP_MTC_ACTIVE_MAX][KP_MTC_KEY_MAX];
};
/* Opens, changes or ends intervals of kind alarm. */
enum kp_code kp_mtc_condition(struct kp_coupling *, struct kp_mtc_active *,
                               const struct kp_mtc_condition *, struct kp_err *);
/* After all that is active has been told from nothing on: ends what is still open of before. */
enum kp_code kp_mtc_conditions_settle(struct kp_coupling *, const struct kp_mtc_active *,
                                       int64_t at, struct kp_err *);
#endif
