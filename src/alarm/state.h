/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_ALARM_STATE_H
#define KOPPEL_ALARM_STATE_H
/* The life of an alarm after ISA-18.2 (IEC 62682): one table says what may follow what. */
#include "core/err.h"

#include <stdbool.h>
#include <stdint.h>

enum kp_alarm_state {
    KP_ALARM_NORMAL,
    KP_ALARM_UNACKNOWLEDGED,
    KP_ALARM_ACKNOWLEDGED,
    KP_ALARM_RETURNED, /* over, and nobody has acknowledged it */
    KP_ALARM_SHELVED,  /* put aside by a person, for a time */
    KP_ALARM_SUPPRESSED,
    KP_ALARM_OUT_OF_SERVICE, /* its rule is */
    KP_ALARM_STATES,
};
enum kp_alarm_event {
    KP_ALARM_RAISE,
    KP_ALARM_CLEAR,
    KP_ALARM_ACKNOWLEDGE,
    KP_ALARM_SHELVE,
    KP_ALARM_UNSHELVE,
    KP_ALARM_SUPPRESS,
    KP_ALARM_UNSUPPRESS,
    KP_ALARM_REMOVE_FROM_SERVICE,
    KP_ALARM_RETURN_TO_SERVICE,
    KP_ALARM_EVENTS,
};
const char *kp_alarm_state_name(unsigned);
bool kp_alarm_state_parse(const char *, uint8_t *);

/* `active`: whether the process is out of its limits, after the event. KP_EEXISTS (a conflict) with a sentence for what the table
 * does not allow; *state is then unchanged. */
enum kp_code kp_alarm_step(uint8_t *state, bool active, enum kp_alarm_event, struct kp_err *);
#endif
