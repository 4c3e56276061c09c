/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_SHIELD_FEED_KEEP_H
#define KOPPEL_SHIELD_FEED_KEEP_H
/* For feed_row.c (as they are stored), feed.c (as people change them), feed_show.c and feed_pull.c (who
 * is due, and what comes of it). */
#include "shield/feed.h"

struct feed_row {
    int64_t id, every, next, tries, pulled, taken, refused, enabled; /* pulled 0: never */
    const char *name, *kind, *url, *fault, *note;
    json_t *settings, *state;
};
void feed_row_free(struct feed_row *);
#define FEED_COLUMNS                                                                               \
    "id, every, next, tries, coalesce(pulled, 0), taken, refused, enabled, name, kind, url, "      \
    "fault,"                                                                                       \
    " note, settings, state"
enum kp_code feed_row_read(struct kp_stmt *, struct kp_arena *, struct feed_row *, struct kp_err *);
/* The row of that name, in the arena; feed_row_free it, whatever comes. */
enum kp_code feed_find(struct kp_shield *, const char *name, struct kp_arena *, struct feed_row *,
                       struct kp_err *);
/* Under which name its passwords and keys are kept. */
enum { FEED_SECRET_NAME = 40 };
void feed_secret_name(int64_t id, char out[FEED_SECRET_NAME]);
/* Its passwords and keys, an object. NULL: err says why. */
json_t *feed_secrets(struct kp_store *, int64_t id, struct kp_err *);
const struct kp_feed_kind *feed_kind_find(const char *name);

struct feeds;
struct feeds *feeds_new(struct kp_shield *);
void feeds_free(struct feeds *);
void feeds_turn(struct feeds *); /* begins pulls that are due; now and then */
void feeds_stop(struct feeds *); /* and waits for those under way */
bool feeds_running(struct feeds *, int64_t id);
void feeds_look(struct feeds *);               /* the list has changed */
void feeds_forget(struct feeds *, int64_t id); /* waits until nobody pulls it */
#endif
