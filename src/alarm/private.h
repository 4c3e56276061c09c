/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_ALARM_PRIVATE_H
#define KOPPEL_ALARM_PRIVATE_H
/* What the files of src/alarm share. */
#include "alarm/alarm.h"

#include "core/rota.h"
#include "core/worker.h"

#include <pthread.h>

/* One signal under one rule. */
struct point {
    kp_signal signal;
    uint32_t next; /* of the same signal; 0 = none. Points are counted from 1 */
    const struct kp_alarm_rule *rule;
    bool active, turning, listed, chatters, unseen; /* unseen: has judged no value yet; turning: the other way, but not for long enough yet */
    uint16_t raises;
    int64_t turned, at;   /* monotonic; source time */
    int64_t window;       /* monotonic start of the minute in which raises are counted */
    double value;
    int64_t alarm;        /* id while active */
};

struct kp_alarms {
    struct kp_hub *hub;
    struct kp_model *model;
    struct kp_store *store;
    const struct kp_clock *clock;

    /* hub thread only */
    struct kp_alarm_rule **rules; /* by name */
    size_t n_rules, rules_room;
    struct point *points; /* [0] unused */
    size_t n_points, points_room;
    uint32_t *first; /* by signal */
    size_t n_first;
    uint32_t *turning;
    size_t n_turning, turning_room;
    bool stale_points;    /* the model or the rules changed: make them anew */
    int64_t made, swept;  /* monotonic */
    int64_t down[UINT16_MAX + 1]; /* by coupling: monotonic, since when it is; 0 = it is not */
    bool attached;        /* to the hub; before that intervals are not touched */
    bool own;             /* the interval now told of is ours */

    pthread_mutex_t lock; /* guards the list against whoever writes and counts */
    struct kp_alarm *list;
    size_t n, room;
    uint64_t dropped;
    bool dirty, full; /* full: no room until the next turn */
    struct own_certificate {
        char what[40]; /* "" = free */
        int64_t not_after;
    } own_certificate[KP_OWN_CERTIFICATES];
    bool look_at_certificates; /* one of the node's own has changed: not only when the hour is over */

    pthread_mutex_t writing; /* one at a time */
    int64_t certificates; /* the writing thread: monotonic, last looked at */
    struct kp_duty duty; /* writes rows */
    bool failing;        /* its last turn did */
    struct kp_worker deliverer; /* begun when somebody is to be told */
    pthread_mutex_t sleep;
    pthread_cond_t wake;
    bool running, stop;
};

/* ---- alarms.c; hub thread ---- */
struct raising {
    kp_asset asset;
    uint8_t source, priority, label; /* label: of that interval, or for it */
    int64_t id; /* of an interval that is there; 0: make one */
    int64_t at;
    double value, limit;
    const char *key, *rule, *text;
    bool out_of_service;
};
int64_t alarm_raise(struct kp_alarms *, const struct raising *); /* its id; 0 when it cannot be */
/* Without a value; `text` where the rule has none. */
int64_t alarm_raise_by_rule(struct kp_alarms *, const struct kp_alarm_rule *, const char *key, kp_asset, int64_t at, const char *text);
void alarm_clear(struct kp_alarms *, int64_t id, int64_t at);
void alarm_again(struct kp_alarms *, int64_t id, double value); /* one that chatters came once more */
struct kp_alarm *alarm_find(struct kp_alarms *, int64_t id);
struct kp_alarm *alarm_of(struct kp_alarms *, const char *key);
void alarm_changed(struct kp_alarms *, struct kp_alarm *);
void alarm_missed(struct kp_alarms *, const struct kp_interval *); /* it came and ended before a row was written */
void alarm_rehash(struct kp_alarm *);
bool alarm_is_own(const struct kp_alarm *); /* by a rule or a watch: the interval is ours */
void alarms_attach(struct kp_alarms *);
/* Before the hub runs: what the intervals say beyond the rows, and what ended meanwhile. */
enum kp_code alarms_resume(struct kp_alarms *, struct kp_err *);
void alarm_told(struct kp_alarms *, const struct kp_interval *); /* by a machine or the node */

/* ---- points.c; hub thread ---- */
void points_take(struct kp_alarms *, const struct kp_batch *, const uint64_t *news);
void points_turn(struct kp_alarms *);
void points_make(struct kp_alarms *);
/* Ends what is active under a rule that goes; the points do not look at it any more. */
void points_forget_rule(struct kp_alarms *, const struct kp_alarm_rule *);
void rule_key(char out[KP_ALARM_KEY], const char *rule, char letter, uint32_t id);

/* ---- sweep.c; hub thread: stale signals, stopped machines, links that are down ---- */
void sweep(struct kp_alarms *);
void sweep_end(struct kp_alarms *, const struct kp_alarm_rule *); /* its alarms, for it goes */

/* ---- certificates.c; the writing thread ---- */
void certificates_turn(struct kp_alarms *, struct kp_err *);

/* ---- rows.c ---- */
enum kp_code alarm_rows_load(struct kp_alarms *, struct kp_db *, struct kp_err *);
enum kp_code alarm_rows_write(struct kp_alarms *, struct kp_err *);
/* rules.c; hub thread. Makes or replaces one. */
enum kp_code rule_insert(struct kp_alarms *, const struct kp_alarm_rule *, struct kp_err *);
enum kp_code rules_load(struct kp_alarms *, struct kp_db *, struct kp_err *);
#endif
