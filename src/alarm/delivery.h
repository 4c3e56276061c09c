/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_ALARM_DELIVERY_H
#define KOPPEL_ALARM_DELIVERY_H
/* Who is told of an alarm, when and by what. The plan is JSON, as REST has it; passwords and tokens are sealed apart from it.
 * Messages wait in the table alarm_outbox, so that none is lost by a restart. */
#include "alarm/alarm.h"

#include <math.h>
#include <stdio.h>

enum { KP_CHANNELS_MAX = 50, KP_PEOPLE_MAX = 100, KP_STEPS_MAX = 20, KP_QUIET_MAX = 20, KP_STEP_PEOPLE = 20, KP_DELIVERY_TEXT = 64 << 10 };
enum kp_channel_kind { KP_CHANNEL_MAIL, KP_CHANNEL_NTFY, KP_CHANNEL_TEAMS, KP_CHANNEL_WEBHOOK };

struct kp_channel {
    const char *name, *url, *to, *ca, *template; /* to: of a mail; NULL: none */
    uint8_t kind;
};
struct kp_hours {
    uint8_t days;         /* a bit per day, Monday = 1; 0 = all */
    uint16_t from, to;    /* minutes of the day; equal: all day; to < from: over midnight */
};
struct kp_person {
    const char *name, *channel;
    bool dutch;
    uint8_t least; /* priority */
    struct kp_hours duty;
};
struct kp_step {
    int64_t after;
    size_t n;
    const char *to[KP_STEP_PEOPLE];
};
struct kp_delivery { /* texts live in the document behind it */
    void *document;
    const char *mail_url, *mail_from, *mail_user, *mail_ca;
    bool mail_plain;
    size_t n_channels, n_people, n_steps, n_quiet;
    struct kp_channel channels[KP_CHANNELS_MAX];
    struct kp_person people[KP_PEOPLE_MAX];
    struct kp_step steps[KP_STEPS_MAX];
    struct kp_hours quiet[KP_QUIET_MAX];
};
/* Checks everything. Free it, also after a failure. */
enum kp_code kp_delivery_parse(const char *json, struct kp_delivery *, struct kp_err *);
void kp_delivery_free(struct kp_delivery *);
/* Local time of day and day of the week (Monday = 0). */
bool kp_hours_hold(const struct kp_hours *, unsigned minute, unsigned day);

/* Fills {text}, {asset}, {priority} ... of a template, escaped for JSON; an unknown one stays as it is. */
void kp_template_fill(struct kp_buf *, const char *template, const struct kp_alarm *, const char *asset, const char *node);

/* ---- through the engine ---- */
/* The plan without secrets ("set": true in their place); in `out`. */
enum kp_code kp_alarms_delivery(struct kp_alarms *, struct kp_buf *out, struct kp_err *);
enum kp_code kp_alarms_put_delivery(struct kp_alarms *, const char *json, struct kp_err *);
/* Whether putting this plan, which is a good one, would change nothing. */
enum kp_code kp_alarms_delivery_is(struct kp_alarms *, const char *json, bool *same, struct kp_err *);
/* Sends a test message now; the error is what the other side said. */
enum kp_code kp_alarms_test_channel(struct kp_alarms *, const char *channel, struct kp_err *);

struct kp_delivered {
    int64_t id, alarm, due, done;
    const char *person, *state, *error;
    int64_t step, tries;
};
/* Newest first. */
enum kp_code kp_alarms_delivered(struct kp_db *, size_t limit, bool (*each)(void *, const struct kp_delivered *), void *arg,
                                 struct kp_err *);

/* ---- for the engine's files ---- */
/* As many digits as the number says: those of a float end sooner. */
static inline int alarm_digits(double v)
{
    return (double)(float)v == v && v != rint(v) ? 7 : 10;
}
enum { SECRET_NAME = 200 };
#define MAIL_SECRET "alarm/mail"
static inline const char *channel_secret(char out[SECRET_NAME], const char *channel)
{
    snprintf(out, SECRET_NAME, "alarm/channel/%s", channel);
    return out;
}
enum kp_code delivery_read(struct kp_db *, struct kp_delivery *, struct kp_err *); /* the stored plan */
enum kp_code delivery_plan(struct kp_db *, const struct kp_alarm *, struct kp_err *); /* of a fresh alarm, in its transaction */
bool delivery_stopping(void *engine);
void alarms_begin_delivery(struct kp_alarms *); /* the plan may tell somebody now */
bool delivery_turn(struct kp_alarms *, struct kp_err *); /* sends what is due; true: there was something */
#endif
