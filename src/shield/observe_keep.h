/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_SHIELD_OBSERVE_KEEP_H
#define KOPPEL_SHIELD_OBSERVE_KEEP_H
/* For observe.c (the duty), indicators.c (which patterns are watched), hit.c and hit_show.c (what
 * was met), observe_settings.c. */
#include "shield/inputs.h"
#include "shield/keep.h"
#include "shield/observe.h"
#include "shield/seen.h"
#include "shield/watchlist.h"

enum observe_sightings { SIGHTINGS_ASK, SIGHTINGS_SEND, SIGHTINGS_OFF };
struct observe_settings {
    bool watch;
    enum observe_sightings sightings;
    char feed[KP_NAME_MAX]; /* "": that the indicator came from */
    char eve[KP_PATH_MAX], syslog_file[KP_PATH_MAX], syslog[KP_NAME_MAX];
};
enum kp_code observe_settings_load(struct kp_shield *, struct observe_settings *, struct kp_err *);

struct observe_watch { /* which indicators there are */
    uint64_t not_stix, unreadable, too_many;
    int64_t renewed; /* ns UTC */
};

/* One pair of indicator and thing that was met, until it is written. */
enum { HITS_WAITING = 256, HIT_THING = 200 };
struct hit {
    int64_t indicator; /* its row in stix_object */
    char thing[HIT_THING];
    char *what, *fields; /* a sentence; JSON of what was seen */
    uint8_t kind;
    kp_asset asset;
    bool coupled; /* the thing is a coupling */
    int64_t first, last;
    uint64_t count;
};

struct observing {
    struct kp_shield *shield;
    struct kp_seen_queue *queue;
    struct kp_watchlist *list;
    struct kp_inputs *inputs;
    struct kp_duty duty;
    bool running;
    atomic_bool stopping, renew, settings_changed;
    pthread_mutex_t lock; /* guards `settings` and `watch` */
    struct observe_settings settings;
    struct observe_watch watch;
    struct kp_watchlist_counts counts;
    /* the duty's own */
    struct hit hit[HITS_WAITING];
    size_t hits;
    int64_t newest, known; /* of the indicators in the list: the last row, how many rows */
    int64_t looked, counted, swept, renewing; /* monotonic; how long the last renewal took */
    struct kp_seen *now; /* which is held against the patterns */
};
struct observing *observing_new(struct kp_shield *);
enum kp_code observing_start(struct observing *, struct kp_rota *, struct kp_err *);
void observing_stop(struct observing *);
void observing_free(struct observing *);
/* Takes what waits, up to a batch of it, then what is due. False: there was
 * nothing. */
bool observing_turn(struct observing *);

/* The list of patterns, when indicators have changed. */
enum kp_code indicators_renew(struct observing *, struct kp_err *);
/* The text of an indicator's pattern. */
const char *indicator_pattern(struct kp_store *, int64_t row, struct kp_arena *);

void hit_note(struct observing *, int64_t indicator, const struct kp_seen *);
void hits_write(struct observing *); /* rows, alarms */
void hits_sweep(struct observing *); /* alarms that are over */
void hits_tell(struct observing *);  /* sightings that are due */
#endif
