/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_WATCH_WATCHES_PRIVATE_H
#define KOPPEL_WATCH_WATCHES_PRIVATE_H
/* What the files of the watches share. */
#include "watch/watches.h"

#include "core/worker.h"

#include <pthread.h>
#include <stdatomic.h>

enum { WATCH_PROGRAM = 64 };
struct definition {
    struct kp_watch_def def;
    struct definition *next; /* in name order */
};

/* A post and what is around it. */
struct watched {
    struct kp_post *post;
    const struct definition *of;
    int64_t id;
    uint64_t subject;  /* letter << 32 | number */
    kp_asset asset;    /* where its alarms are */
    uint32_t machine;  /* its place, from 1; 0: none */
    uint32_t next;     /* at the same machine, from 1 */
    uint8_t told;      /* findings that stand as alarms; bits */
    bool due, listed, seen; /* due: it has not looked at history yet; listed: to be told */
    int64_t saved;     /* monotonic */
    char *relearns;    /* why what was kept is of no use; owned; NULL */
};

/* What machines do, as far as posts need it. */
struct machine {
    kp_asset asset;
    uint32_t first;       /* of its posts, from 1 */
    kp_signal program_signal, count_signal; /* count: of parts */
    double count;         /* the newest; NaN: none yet */
    bool has_states;
    uint8_t state;
    uint8_t state_label, program_label; /* in force, of what told them */
    int64_t cycle[2];     /* id of the open interval: of a program, of a part */
    uint64_t program;     /* 0: none */
    char name[WATCH_PROGRAM]; /* of it */
};

/* Who wants a signal. */
struct use {
    uint32_t watched, nth, next; /* watched: its place, or that of the machine it tells of; next from 1 */
};
enum { USE_PROGRAM = KP_POST_SIGNALS, USE_COUNT }; /* nth of a signal that tells of a machine */

struct intake; /* the hub's side */
struct saver;  /* the disk's side; memory.c */

struct kp_watches {
    struct kp_hub *hub;
    struct kp_model *model;
    struct kp_store *store;
    struct kp_alarms *alarms;
    const struct kp_clock *clock;
    struct intake *intake;
    struct saver *saver; /* NULL: turned by hand */

    pthread_mutex_t lock; /* guards what follows against who asks; only the thread changes it */
    struct definition *defs;
    struct watched **list; /* in order of definition and subject */
    size_t n, room;
    struct machine *machines; /* in order of asset */
    size_t n_machines, machines_room;

    /* the thread only */
    struct use *uses; /* [0] unused */
    size_t n_uses, uses_room;
    uint32_t *first; /* by signal */
    size_t n_first;
    uint32_t *listed; /* places of those that are to be told */
    size_t n_listed, listed_room;
    size_t n_due;
    uint64_t version; /* of the model that was looked at */
    int64_t settled, looked, saved, warned; /* monotonic */
    int64_t tell_after; /* monotonic: the list of alarms had no room */
    uint64_t lost_told;
    size_t save_next;
    struct kp_worker worker; /* begun with the first watch */
    bool started;
    atomic_bool stop;
};

/* ---- intake.c ---- */
enum item_kind { ITEM_VALUE, ITEM_TEXT };
struct item { /* a value on its way */
    int64_t at;
    double value;
    kp_signal signal;
    uint8_t kind; /* enum item_kind; a text is looked up in the model */
    bool good;
};
struct block {
    struct kp_msg msg;
    uint32_t n;
    struct item item[];
};
struct intake *intake_new(struct kp_watches *, struct kp_err *);
void intake_free(struct intake *);
void intake_rest(struct intake *, bool resting); /* what machines do is not taken */
void intake_want(struct intake *, uint8_t *wanted, size_t n); /* a byte per signal; takes it */
struct kp_msg *intake_next(struct intake *, int timeout_ms);
void intake_close(struct intake *);
bool intake_call(struct intake *, void (*fn)(void *), void *arg); /* in the thread; false: it is over */
struct kp_watches_sum intake_sum(struct intake *);
bool intake_lost(struct intake *);    /* something was, since it was asked last */
bool intake_changed(struct intake *); /* the model was, since it was asked last */

/* ---- wants.c ---- */
struct want { /* what is to have a post */
    const struct definition *of;
    uint64_t subject;
    kp_asset asset, machine;
    kp_signal *signal; /* owned */
    size_t n;
};
struct wants {
    struct want *list; /* in order of definition and subject */
    size_t n, room;
    bool failed; /* by memory */
};
/* What these definitions match, all from the first on or that alone; free also when it failed. */
void wants_collect(struct kp_watches *, const struct definition *, bool all, struct wants *);
void wants_free(struct wants *);

/* ---- settle.c ---- */
int watches_order(const struct definition *, uint64_t subject, const struct definition *, uint64_t);
enum kp_code watches_settle(struct kp_watches *, struct kp_err *);
struct watched *watches_find(struct kp_watches *, int64_t id); /* lock held */
void watches_free_one(struct watched *);
void watches_drop(struct kp_watches *, struct watched *);      /* its alarms end */

/* ---- machines.c ---- */
kp_asset watches_machine_of(const struct kp_model *, kp_asset); /* the nearest above, or itself; under the model's lock */
uint32_t watches_machine(struct kp_watches *, kp_asset); /* its place, from 1; 0: none */
void watches_machines_read(struct kp_watches *);         /* what they do now, from the model */
void watches_machine_signals(const struct kp_model *, kp_asset, struct machine *out); /* only that; under the model's lock */
void watches_hand(struct kp_watches *, struct watched *); /* to a new post; lock held */
void watches_take_interval(struct kp_watches *, const struct kp_interval_msg *);
void watches_take_program(struct kp_watches *, struct machine *, int64_t at);
void watches_take_count(struct kp_watches *, struct machine *, int64_t at, double count);
enum kp_state watches_state_of(const char *attributes);
/* Of program, part or tool; 0: it says nothing. `name` has WATCH_PROGRAM bytes. */
uint64_t watches_kind_of(const char *attributes, char *name);
uint64_t watches_program_of(const struct kp_value *, char *name);

/* ---- show.c ---- */
bool watches_may_go(const struct kp_model *, enum kp_recipient, const struct watched *); /* under the model's lock */
void watches_path(const struct kp_model *, const struct watched *, char path[KP_PATH_MAX]); /* what it is about; as above */
enum kp_code watches_may(struct kp_watches *, enum kp_recipient, int64_t id, struct kp_err *); /* know of it */

/* ---- past.c ---- */
/* Lets a new post learn from history. */
enum kp_code watches_warm(struct kp_watches *, struct watched *, struct kp_err *);

/* ---- memory.c ---- */
enum kp_code watches_load(struct kp_watches *, struct kp_err *);
enum kp_code watches_write_def(struct kp_watches *, const struct kp_watch_def *, struct kp_err *);
enum kp_code watches_erase_def(struct kp_watches *, const char *name, struct kp_err *);
/* Gives ids to these, new rows or old, and what was kept to their posts. */
enum kp_code watches_rows(struct kp_watches *, struct watched **, size_t n, struct kp_err *);
enum kp_code watches_erase(struct kp_watches *, const int64_t *ids, size_t n, struct kp_err *);
enum kp_code watches_saver_start(struct kp_watches *, struct kp_err *);
void watches_saver_stop(struct kp_watches *); /* what was handed over is written */
void watches_save(struct kp_watches *);       /* hands over some that are due */
void watches_save_all(struct kp_watches *);   /* waits for the disk */

/* ---- tell.c ---- */
void watches_list(struct kp_watches *, uint32_t place); /* its findings may have changed */
void watches_tell(struct kp_watches *);
void watches_retell(struct kp_watches *); /* those that stand: names and labels may be others */
void watches_untell(struct kp_watches *, struct watched *, int64_t at);
void watches_resume(struct kp_watches *); /* which alarms stand from before; ends those of nobody */
enum { WATCH_TEXT = KP_ALARM_TEXT };
int64_t watches_alarm(const struct kp_watches *, const struct watched *, enum kp_post_finding); /* its id; 0: none */
/* In words; under the model's lock. "" when there is nothing to say. */
void watches_words(const struct kp_watches *, const struct watched *, const struct kp_post_view *,
                   enum kp_post_finding, char out[WATCH_TEXT]);
uint8_t watches_label(const struct kp_watches *, const struct watched *); /* the strictest; under the model's lock */
#endif
