/* SPDX-License-Identifier: Apache-2.0 */
/* A machine's power on stdin: until when it is learnt from (s), when all ends, then "second value" a line. Prints the rule that was
 * learnt, and how long the machine was running, idle and off in the time behind it, in seconds. */
#include "core/state_rule.h"
#include "core/text.h"
#include "watch/levels.h"

#include <inttypes.h>
#include <stdio.h>

enum { MOST = 2000000 };
static struct kp_level_time known[MOST];
static int64_t at[MOST];

int main(void)
{
    int64_t split, end;
    size_t n = 0, learnt = 0;
    char rule[KP_LEVELS_TEXT];
    if (scanf("%" SCNd64 " %" SCNd64, &split, &end) != 2)
        return 2;
    while (n < MOST && scanf("%" SCNd64 " %lf", &at[n], &known[n].value) == 2)
        n++;
    for (size_t i = 0; i + 1 < n; i++)
        known[i].seconds = (double)(at[i + 1] - at[i]);
    while (learnt < n && at[learnt] < split)
        learnt++;
    struct kp_levels levels = kp_levels_learn(known, learnt, true);
    if (!levels.found)
        return puts("nothing"), 0;
    kp_levels_rule(&levels, rule);
    struct kp_state_rule *r = kp_state_rule_new(rule, NULL);
    int64_t seconds[KP_STATES] = { 0 }, since = split, hold = kp_state_rule_hold(r) / KP_SECOND, changed = split;
    enum kp_state is = KP_STATE_UNKNOWN, next = KP_STATE_UNKNOWN;
    for (size_t i = learnt; i <= n; i++) { /* as core/machine_state.c: a state that lasts counts from where it began */
        int64_t now = i < n ? at[i] : end;
        if (next != is && now - changed >= hold) {
            seconds[is] += changed - since;
            since = changed;
            is = next;
        }
        struct kp_value v = kp_double(i < n ? known[i].value : 0);
        enum kp_state told = i < n ? kp_state_rule_apply(r, &v, KP_GOOD, NULL, is) : is;
        changed = told == next ? changed : now;
        next = told;
    }
    seconds[is] += end - since;
    kp_state_rule_free(r);
    printf("%s\n%" PRId64 " %" PRId64 " %" PRId64 "\n", rule, seconds[KP_STATE_RUNNING], seconds[KP_STATE_IDLE], seconds[KP_STATE_OFF]);
    return 0;
}
