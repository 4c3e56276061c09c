/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_ALARM_RULE_H
#define KOPPEL_ALARM_RULE_H
/* A rule: what is an alarm. As JSON it is what REST, apply files and the data file hold. */
#include "core/err.h"
#include "core/text.h"

enum kp_alarm_kind { KP_RULE_LIMIT, KP_RULE_STALE, KP_RULE_STOPPED, KP_RULE_LINK_DOWN, KP_RULE_DISK, KP_RULE_BACKUP_FAILED,
                     KP_RULE_CERTIFICATE_EXPIRES, KP_RULE_KINDS };
enum kp_alarm_priority { KP_PRIORITY_LOW, KP_PRIORITY_MEDIUM, KP_PRIORITY_HIGH, KP_PRIORITY_URGENT, KP_PRIORITIES };
extern const char *const kp_alarm_kinds[], *const kp_alarm_priorities[]; /* end with NULL */

enum { KP_RULE_TEXT = 200, KP_RULE_MATCH = 512, KP_RULES_MAX = 20000 };
struct kp_alarm_rule {
    char name[KP_NAME_MAX], match[KP_RULE_MATCH], text[KP_RULE_TEXT];
    uint8_t kind, priority;
    bool enabled, out_of_service;
    double high, low, hysteresis; /* high, low: NaN = none */
    int64_t delay, off_delay;     /* ns it must last before it is an alarm, and before the alarm ends */
};

/* Checks everything; the sentence names the key. */
enum kp_code kp_alarm_rule_parse(const char *json, struct kp_alarm_rule *, struct kp_err *);
struct kp_json;
void kp_alarm_rule_json(struct kp_json *, const struct kp_alarm_rule *);
#endif
