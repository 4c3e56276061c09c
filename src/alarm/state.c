/* SPDX-License-Identifier: Apache-2.0 */
#include "alarm/state.h"

#include <string.h>

#include "core/ban.h"

static const char *const names[KP_ALARM_STATES] = { "normal",        "unacknowledged",
                                                    "acknowledged",  "returned",
                                                    "shelved",       "suppressed",
                                                    "out-of-service" };
static const char *const verbs[KP_ALARM_EVENTS] = {
    "raised",
    "ended",
    "acknowledged",
    "shelved",
    "unshelved",
    "suppressed",
    "unsuppressed",
    "taken out of service",
    "put back into service",
};

/* NO: not allowed. BACK: shown again, unacknowledged when it is still active, else normal. */
enum { NO = KP_ALARM_STATES, BACK };
#define N KP_ALARM_NORMAL
#define U KP_ALARM_UNACKNOWLEDGED
#define A KP_ALARM_ACKNOWLEDGED
#define R KP_ALARM_RETURNED
#define S KP_ALARM_SHELVED
#define P KP_ALARM_SUPPRESSED
#define O KP_ALARM_OUT_OF_SERVICE
static const uint8_t next[KP_ALARM_STATES][KP_ALARM_EVENTS] = {
    /* raise clear ack shelve unshelve suppress unsuppress remove return */
    [N] = { U, NO, NO, NO, NO, NO, NO, NO, NO },  [U] = { U, R, A, S, NO, P, NO, O, NO },
    [A] = { A, N, NO, S, NO, P, NO, O, NO },      [R] = { U, NO, N, S, NO, P, NO, O, NO },
    [S] = { S, S, NO, S, BACK, P, NO, O, NO },    [P] = { P, P, NO, NO, NO, NO, BACK, O, NO },
    [O] = { O, O, NO, NO, NO, NO, NO, NO, BACK },
};
#undef N
#undef U
#undef A
#undef R
#undef S
#undef P
#undef O

const char *kp_alarm_state_name(unsigned state)
{
    return state < KP_ALARM_STATES ? names[state] : "?";
}

bool kp_alarm_state_parse(const char *text, uint8_t *state)
{
    for (unsigned i = 0; text && i < KP_ALARM_STATES; i++)
        if (strcmp(names[i], text) == 0) {
            *state = (uint8_t)i;
            return true;
        }
    return false;
}

enum kp_code kp_alarm_step(uint8_t *state, bool active, enum kp_alarm_event event,
                           struct kp_err *err)
{
    uint8_t to = next[*state][event];
    if (to == NO)
        return kp_fail(err, KP_EEXISTS, "an alarm that is %s cannot be %s", names[*state],
                       verbs[event]);
    if (to == BACK)
        to = active ? KP_ALARM_UNACKNOWLEDGED : KP_ALARM_NORMAL;
    *state = to;
    return KP_OK;
}
