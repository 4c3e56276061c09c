/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_WATCH_DEFINITION_H
#define KOPPEL_WATCH_DEFINITION_H
/* What people set of a watch. As JSON it is what REST, apply files and the data file hold. */
#include "core/err.h"
#include "core/text.h"

#include <stdint.h>

enum kp_watch_kind { KP_WATCH_SIGNAL, KP_WATCH_GROUP, KP_WATCH_MACHINE, KP_WATCH_KINDS };
extern const char *const kp_watch_kinds[]; /* "signal" ...; ends with NULL */
extern const char *const kp_watch_keys[];  /* of the object, its name first; ends with NULL */

enum kp_watch_cycles { /* what a cycle of a machine is */
    KP_CYCLES_PROGRAM, /* an interval of kind program */
    KP_CYCLES_PART,
    KP_CYCLES_COUNT, /* from one step of its counter of parts to the next */
};

enum { KP_WATCH_MATCH = 512, KP_WATCH_CHANNELS = 256, KP_WATCHES_MAX = 1000 };
struct kp_watch_def {
    char name[KP_NAME_MAX];
    char match[KP_WATCH_MATCH];       /* patterns parted by commas: of signals, or of machines */
    char channels[KP_WATCH_CHANNELS]; /* of a machine: signals below it, the load first; "" = by role */
    uint8_t kind, priority;           /* enum kp_watch_kind, enum kp_alarm_priority */
    uint8_t cycles;           /* enum kp_watch_cycles */
    bool enabled, shape, by_program;
    uint8_t states;  /* a bit for each enum kp_state in which it judges; 0 = in all */
    uint32_t learn;  /* values or rows */
    int64_t pace;    /* ns from row to row of a group */
};

/* Checks everything; the sentence names the key. */
enum kp_code kp_watch_def_parse(const char *json, struct kp_watch_def *, struct kp_err *);
struct kp_json;
/* The members of the object, without the brackets. */
void kp_watch_def_put(struct kp_json *, const struct kp_watch_def *);
/* Whether what was learnt under the one is of use under the other. */
bool kp_watch_def_goes_on(const struct kp_watch_def *, const struct kp_watch_def *);
/* Whether this path is among the patterns. */
bool kp_watch_def_matches(const struct kp_watch_def *, const char *path);
/* The next of the patterns or channels in a list parted by commas, without spaces around it; false
 * at the end. */
bool kp_watch_next(const char **list, char *out, size_t size);
#endif
