/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_SHIELD_DAILY_H
#define KOPPEL_SHIELD_DAILY_H
/* The daily mail, for a factory without a security team: at most one a day, about what concerns its
 * own devices since the mail before: new findings, indicators that were met, firmware that changed
 * unannounced, clocks of incidents that run out. A day without any has no mail. On at first, through
 * the mail server of the plan of delivery. */
#include "shield/shield.h"

struct kp_alarms;

/* Before the start. Without it no mail goes out. */
void kp_shield_mail_by(struct kp_shield *, struct kp_alarms *);

enum kp_code kp_daily_show(struct kp_shield *, struct kp_json *, struct kp_err *);
/* {on, at, to, language}; what is missing is as at first. */
enum kp_code kp_daily_put(struct kp_shield *, const json_t *body, struct kp_err *);
/* Now, what would go out next; how many got it. *empty: there is nothing to tell. */
enum kp_code kp_daily_send(struct kp_shield *, size_t *sent, bool *empty, struct kp_err *);

/* ---- for daily.c and daily_page.c ---- */
struct kp_buf;
/* What there is to tell of the time from `since` on up to `until`. *told: how much that is; 0: no
 * page is made. */
enum kp_code daily_page(struct kp_shield *, int64_t since, int64_t until, bool dutch, size_t *told,
                        char *subject, size_t size, struct kp_buf *text, struct kp_buf *html,
                        struct kp_err *);
struct daily *daily_new(void);
void daily_free(struct daily *);
enum kp_code daily_start(struct kp_shield *, struct kp_rota *, struct kp_err *);
void daily_stop(struct kp_shield *);
#endif
