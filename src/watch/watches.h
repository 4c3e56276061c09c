/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_WATCH_WATCHES_H
#define KOPPEL_WATCH_WATCHES_H
/* The watches of the node. People define them (watch/definition.h); each has a post (watch/post.h)
 * for each thing it looks at, made and dropped as signals and machines come and go. One thread feeds
 * them with what the hub takes, through a queue that the hub never waits for: what has no room is
 * counted and said. A new post learns from history when there is enough of it. What posts know is
 * kept in the data file every half hour and at the end; what they find becomes alarms. */
#include "alarm/alarm.h"
#include "gate/gate.h"
#include "watch/post.h"

struct kp_watches;
/* Before the hub starts: becomes a listener of the hub and a watcher of the model. */
struct kp_watches *kp_watches_new(struct kp_hub *, struct kp_store *, struct kp_alarms *, const struct kp_clock *,
                                  struct kp_err *);
enum kp_code kp_watches_start(struct kp_watches *, struct kp_err *); /* store, alarms and hub run */
void kp_watches_stop(struct kp_watches *);                           /* they still do */
void kp_watches_free(struct kp_watches *);                           /* after the hub */

/* ---- definitions; any thread but the hub's ---- */
/* Makes (must_be_new) or replaces one; its posts are there when it returns. */
enum kp_code kp_watches_put(struct kp_watches *, const struct kp_watch_def *, bool must_be_new, struct kp_err *);
/* Its alarms end, and what it learnt is forgotten. */
enum kp_code kp_watches_remove(struct kp_watches *, const char *name, struct kp_err *);
/* In name order; name NULL: all. KP_ENOTFOUND names the nearest. */
enum kp_code kp_watches_each(struct kp_watches *, const char *name, bool (*each)(void *, const struct kp_watch_def *),
                             void *arg, struct kp_err *);

/* ---- what they say; any thread. To whom a signal may not go, its post is not there ---- */
struct kp_watches_sum {
    uint64_t seen, lost; /* values since the start; lost: they had no room */
    bool behind;         /* some were lost in the last minute */
};
struct kp_watches_sum kp_watches_sum(struct kp_watches *);
/* The definition as JSON with "posts", the count of posts by state. */
enum kp_code kp_watches_json(struct kp_watches *, enum kp_recipient, const char *name, struct kp_json *, struct kp_err *);
struct kp_posts_query {
    enum kp_recipient to;
    const char *watch, *about, *signal, *state; /* NULL: any */
    int64_t after;                              /* id; 0 = from the first */
    size_t limit;
};
/* Writes objects, in order of id. *more: there are others. */
enum kp_code kp_watches_posts(struct kp_watches *, const struct kp_posts_query *, struct kp_json *, bool *more,
                              struct kp_err *);
/* All of one: the newest judgement and why it is silent. KP_ENOTFOUND, too, for one that the asker may not know. */
enum kp_code kp_watches_why(struct kp_watches *, enum kp_recipient, int64_t id, struct kp_json *, struct kp_err *);
/* Writes {"step": ms, "points": [[time, score, alarm] ...]}. */
enum kp_code kp_watches_course(struct kp_watches *, enum kp_recipient, int64_t id, int64_t from, int64_t to,
                               struct kp_json *, struct kp_err *);

/* What a watch would have said of the time from one moment to another, from the first values of which it learns. At
 * most KP_LOOK_BACK_POSTS posts; *left: others that match. `gone` is asked now and then, true ends it. Writes
 * {"posts": [...]}. Takes as long as the history is: not for a thread that others wait for. */
enum { KP_LOOK_BACK_POSTS = 16, KP_LOOK_BACK_ALARMS = 1000 };
enum kp_code kp_watches_look_back(struct kp_watches *, enum kp_recipient, const struct kp_watch_def *, int64_t from, int64_t to,
                                  bool (*gone)(void *), void *arg, struct kp_json *, struct kp_err *);

/* ---- what people say ---- */
extern const char *const kp_watch_verdicts[]; /* "normal", "fault"; ends with NULL */
enum { KP_FEEDBACK_MAX = 100 };
/* Durable when it returns. KP_EEXISTS (a conflict) while it learns. */
enum kp_code kp_watches_feedback(struct kp_watches *, enum kp_recipient, int64_t id, bool normal, const char *user,
                                 const char *comment, struct kp_err *);
/* Writes {"feedback": [...]}, the newest first. */
enum kp_code kp_watches_feedback_json(struct kp_watches *, enum kp_recipient, int64_t id, struct kp_json *, struct kp_err *);

/* One turn by hand, for tests and benches, while it was not started: takes what is queued. True when there was
 * something. */
bool kp_watches_turn(struct kp_watches *, int timeout_ms);
#endif
