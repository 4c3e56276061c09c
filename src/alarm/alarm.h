/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_ALARM_ALARM_H
#define KOPPEL_ALARM_ALARM_H
/* Alarms: rules judge values in the hub's thread as they come; what machines and the node itself tell as alarm
 * intervals goes the same way; watches say what they find (kp_alarms_tell). Each alarm is one interval of kind alarm, and a row that says who has seen to it.
 * The rows are written by one thread; what had no time to be written before a crash follows from the intervals. */
#include "alarm/rule.h"
#include "alarm/state.h"
#include "core/json.h"
#include "gate/gate.h"
#include "store/store.h"

enum kp_alarm_source { /* rows have the numbers */
    KP_ALARM_RULE,
    KP_ALARM_MACHINE,
    KP_ALARM_NODE,
    KP_ALARM_WATCH,
    KP_ALARM_SECURITY, /* what the shield of this node found */
    KP_ALARM_SOURCES
};
enum { KP_ALARM_KEY = 400, KP_ALARM_TEXT = 240, KP_ALARM_USER = 64, KP_ALARM_LIVING_MAX = 10000 };

struct kp_alarm {
    int64_t id; /* of its interval */
    kp_asset asset;
    uint8_t source, priority, state, label; /* label: of its interval */
    bool active, first_out, dirty, fresh; /* dirty: to be written; fresh: people are to be told */
    int64_t since, until;      /* until: KP_FOREVER while active */
    int64_t group;             /* id of the first of those that came together at one machine */
    uint32_t count;            /* times it came while it stood in the list */
    double value, limit;       /* NaN: none */
    int64_t acknowledged_at, shelved_until; /* KP_NO_TIME: not */
    int64_t resume_until; /* an alarm of the node goes on over a restart when it is told again by then */
    uint64_t hash;
    char key[KP_ALARM_KEY]; /* what it is about: two with one key are the same thing again */
    char rule[KP_NAME_MAX], text[KP_ALARM_TEXT], user[KP_ALARM_USER], comment[KP_ALARM_TEXT];
};

struct kp_alarms;
struct kp_rota;
/* After kp_store_load, before the hub starts: becomes the hub's listener and a watcher of the model. */
struct kp_alarms *kp_alarms_new(struct kp_hub *, struct kp_store *, struct kp_err *);
enum kp_code kp_alarms_start(struct kp_alarms *, struct kp_rota *, struct kp_err *); /* the store runs */
void kp_alarms_stop(struct kp_alarms *); /* the hub is over, the store is not */
void kp_alarms_free(struct kp_alarms *); /* after the hub */
/* Writes what has changed; all that happened before the call is in the file when it returns. */
enum kp_code kp_alarms_flush(struct kp_alarms *, struct kp_err *);

struct kp_alarm_act {
    enum kp_alarm_event event; /* acknowledge, shelve, unshelve, suppress, unsuppress */
    const char *user, *comment;
    int64_t until; /* of shelve */
};
/* Durable when it returns. KP_ENOTFOUND: there is none in the list; KP_EEXISTS: its state does not allow it. */
enum kp_code kp_alarms_act(struct kp_alarms *, int64_t id, const struct kp_alarm_act *, struct kp_err *);

struct kp_alarm_counts {
    size_t unacknowledged, active, shelved;
    uint64_t dropped; /* came while the list was full: they are intervals only */
};
struct kp_alarm_counts kp_alarms_count(struct kp_alarms *);

/* Open: somebody has to do something, for it is active or nobody has acknowledged it. */
enum kp_alarm_which {
    KP_WHICH_OPEN,
    KP_WHICH_ACTIVE,
    KP_WHICH_UNACKNOWLEDGED,
    KP_WHICH_SHELVED,
    KP_WHICH_SUPPRESSED,
    KP_WHICH_ALL
};
struct kp_alarm_filter {
    enum kp_alarm_which which;
    int64_t from, to; /* those that lasted into this time; KP_NO_TIME = all */
    int64_t after;    /* the last one of the page before; 0 = none */
};
/* Newest group first, in it the first-out on top. Stops when `each` returns false. */
enum kp_code kp_alarms_list(struct kp_db *reader, const struct kp_alarm_filter *,
                            bool (*each)(void *, const struct kp_alarm *), void *arg, struct kp_err *);
enum kp_code kp_alarms_get(struct kp_db *reader, int64_t id, struct kp_alarm *, struct kp_err *);
/* The whole object. The model's lock is held, or it is the hub's thread. */
void kp_alarm_json(struct kp_json *, const struct kp_model *, const struct kp_alarm *);

/* The label in force: the strictest of the interval's and the signal's that it is about. As above. */
uint8_t kp_alarm_label(const struct kp_model *, const struct kp_alarm *);
bool kp_alarm_may_go(const struct kp_model *, enum kp_recipient, const struct kp_alarm *);

/* A certificate of the node's own, which rules of that kind look after as they do after those of machines. `what` it is of,
 * for people; not_after KP_NO_TIME: it is no more. */
enum { KP_OWN_CERTIFICATES = 6 };
void kp_alarms_certificate(struct kp_alarms *, const char *what, int64_t not_after);

/* ---- what watches find ---- */
/* The key of an alarm of a watch is "w/WATCH/FINDING/POST", of one signal "w/WATCH/FINDING/POST/sSIGNAL". */
struct kp_alarm_told {
    const char *key, *watch, *text;
    kp_asset asset;
    uint8_t priority, label; /* label: the strictest of what it tells of */
    int64_t at;              /* since when; of one that is over: until when */
    double value, limit;     /* NaN: none */
};
/* Raises it, or says more of it while it stands; durable by kp_alarms_flush. Any thread but the hub's. */
enum kp_code kp_alarms_tell(struct kp_alarms *, const struct kp_alarm_told *, struct kp_err *);
/* It is over. One that does not stand is no error. */
enum kp_code kp_alarms_untell(struct kp_alarms *, const char *key, int64_t at, struct kp_err *);
/* The keys of all of watches that are active, each ended by a 0 and a last empty one; any thread. The caller's. NULL: no memory. */
char *kp_alarms_of_watches(struct kp_alarms *);
/* The id of the alarm with this key that is active; 0: none. Any thread. */
int64_t kp_alarms_find(struct kp_alarms *, const char *key);

/* ---- rules ---- */
/* Makes (must_be_new) or replaces one. */
enum kp_code kp_alarms_put_rule(struct kp_alarms *, const struct kp_alarm_rule *, bool must_be_new, struct kp_err *);
enum kp_code kp_alarms_remove_rule(struct kp_alarms *, const char *name, struct kp_err *);
/* In name order; name NULL: all. KP_ENOTFOUND names the nearest. */
enum kp_code kp_alarms_rules(struct kp_alarms *, const char *name, bool (*each)(void *, const struct kp_alarm_rule *),
                             void *arg, struct kp_err *);
#endif
