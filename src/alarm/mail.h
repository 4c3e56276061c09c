/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_ALARM_MAIL_H
#define KOPPEL_ALARM_MAIL_H
/* Mail through the server that the plan of delivery names: what an alarm, a report or whoever else
 * has to say. */
#include "alarm/delivery.h"

struct kp_letter {
    const char *to, *subject; /* one address */
    const char *text,
        *html; /* lines end with LF; html: the same for programs that show it, or NULL */
    const char *file_name, *file_type; /* of a file with it; NULL: none */
    const void *file;
    size_t file_len;
    const char
        *id; /* the same again is the same letter, which receivers may then drop; NULL: a new one */
    bool (*stopping)(void *);
    void *arg;
};
/* By the stored plan; KP_EINVALID when it names no mail server. */
enum kp_code kp_letter_send(struct kp_alarms *, const struct kp_letter *, struct kp_err *);
/* By this plan with this password (NULL: none). */
enum kp_code letter_send_by(struct kp_alarms *, const struct kp_delivery *, const char *password,
                            const struct kp_letter *, struct kp_err *);
#endif
