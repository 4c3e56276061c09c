/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_COUPLINGS_SHDR_OBSERVE_H
#define KOPPEL_COUPLINGS_SHDR_OBSERVE_H
/* Values written as text, and conditions. */
#include "core/coupling.h"
#include "core/json.h"

#define KP_SHDR_UNAVAILABLE "UNAVAILABLE"

/* ---- values ---- */
enum { KP_SHDR_DATA_MAX = 1 << 20 }; /* bytes of a text, series or set that are kept */
/* `text` as a value of the type (double, int64, double[], string); what does not read as a number
 * stays text, what is longer than is kept becomes null. False when out of memory; data lives in the
 * text or in `room`. */
bool kp_shdr_value(uint8_t type, const char *text, struct kp_buf *room, struct kp_value *out);
/* A scalar of a data set or table: a number, true, false, or text. */
void kp_shdr_put_scalar(struct kp_json *, const char *text);
/* Cuts spaces at both ends; changes the text. */
char *kp_shdr_trim(char *text);

/* ---- conditions ---- */
enum kp_shdr_level {
    KP_SHDR_NO_LEVEL,
    KP_SHDR_NORMAL,
    KP_SHDR_WARNING,
    KP_SHDR_FAULT,
    KP_SHDR_UNKNOWN
};
enum kp_shdr_level kp_shdr_level(const char *word); /* "Fault", "FAULT" ... */

struct kp_shdr_condition {
    const char *item; /* id of the data item, or key */
    const char *path; /* of its asset, relative to the coupling's `at` */
    const char *type; /* "SYSTEM" */
    const char *code, *id, *severity, *qualifier, *text; /* or NULL */
    enum kp_shdr_level level;
    int64_t at;
};
/* Those active now, by their key. Without allocations, so that it outlives a lost link. */
enum { KP_SHDR_ACTIVE_MAX = 256, KP_SHDR_KEY_MAX = 128 };
struct kp_shdr_active {
    size_t n;
    uint64_t left_out; /* that found no room */
    char key[KP_SHDR_ACTIVE_MAX][KP_SHDR_KEY_MAX];
};
/* Opens, changes or ends intervals of kind alarm. */
enum kp_code kp_shdr_condition(struct kp_coupling *, struct kp_shdr_active *,
                               const struct kp_shdr_condition *, struct kp_err *);
/* After all that is active has been told from nothing on: ends what is still open of before. */
enum kp_code kp_shdr_conditions_settle(struct kp_coupling *, const struct kp_shdr_active *,
                                       int64_t at, struct kp_err *);
#endif
