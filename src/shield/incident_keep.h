/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_SHIELD_INCIDENT_KEEP_H
#define KOPPEL_SHIELD_INCIDENT_KEEP_H
/* For the files of incidents: incident.c (made and changed), incident_read.c, incident_show.c,
 * incident_things.c (what it touches), incident_stage.c (what became of its reports), incident_text.c
 * (what a report says), incident_page.c (as a file), incident_scope.c,
 * incident_alarm.c (clocks that run out). */
#include "alarm/alarm.h"
#include "shield/incident.h"
#include "shield/incident_clock.h"
#include "shield/keep.h"

enum incident_text {
    TEXT_TITLE,
    TEXT_WHAT,
    TEXT_IMPACT,
    TEXT_CAUSE,
    TEXT_MEASURES,
    TEXT_INDICATORS,
    TEXT_CONTACT,
    TEXT_STATES,
    INCIDENT_TEXTS
};
enum { INCIDENT_TEXT_MAX = 20000, INCIDENT_TITLE_MAX = 200 };
extern const char *const incident_text_keys[]; /* as in JSON and in the file; ends with NULL */

struct incident_device { /* as it was when it was put into the record */
    int64_t id;
    const char *name, *manufacturer, *product, *firmware, *serial;
};
struct incident_alarm {
    int64_t id, since, until; /* until: KP_FOREVER while it is active, or not known */
    const char *text, *asset, *priority, *state;
};
struct incident_hole { /* an open finding of one of the devices */
    int64_t device;
    const char *advisory, *title, *holes; /* holes: JSON, as in the file */
};
struct incident_note {
    int64_t id, at, noted;
    const char *who, *kind, *text;
};
struct incident_sent {
    const char *reference, *who;
    json_t *texts; /* NULL: none was edited */
};
struct incident { /* texts live in the arena that it was read into */
    int64_t id, began, made, changed;
    const char *text[INCIDENT_TEXTS], *who;
    int category, severity, malicious, cross_border;
    struct incident_facts facts;
    struct incident_sent sent[STAGES];
    size_t n_devices, n_alarms, n_holes, n_notes;
    size_t hidden, kept; /* things the recipient may not know of; holes whose advisory may not go on */
    struct incident_device *devices;
    struct incident_alarm *alarms;
    struct incident_hole *holes;
    struct incident_note *notes;
    struct incident_clock clocks[STAGES];
    size_t n_clocks;
};

/* With what may go to the recipient. KP_ENOTFOUND. Drop it, also after a failure. */
enum kp_code incident_read(struct kp_shield *, struct kp_db *, enum kp_recipient, int64_t id,
                           struct kp_arena *, struct incident *, struct kp_err *);
void incident_drop(struct incident *);
/* The same, but one that touches what the recipient may not see is not there. */
enum kp_code incident_open(struct kp_shield *, struct kp_db *, enum kp_recipient, int64_t id,
                           struct kp_arena *, struct incident *, struct kp_err *);
/* Of all, or of those that are not closed: what a list needs, without texts, notes and things. Ends
 * when `each` returns false. */
enum kp_code incident_each(struct kp_db *, bool all, const struct incident_scope *, int64_t now,
                           bool (*each)(void *, struct incident *), void *arg, struct kp_err *);
/* Whether all that it touches may go there. */
enum kp_code incident_may_go(struct kp_shield *, struct kp_db *, enum kp_recipient, int64_t id,
                             bool *may, struct kp_err *);
enum kp_code incident_find_stage(const char *word, enum incident_stage *, struct kp_err *);

/* ---- incident.c ---- */
struct incident_saying { /* who says something of it */
    struct kp_shield *shield;
    enum kp_recipient to;
    const char *who;
    int64_t id, now;
};
/* Lines of text; tabs and ends of lines are the only controls. NULL: emptied. */
enum kp_code incident_read_words(const json_t *, const char *key, size_t most, const char **out,
                                 struct kp_err *);
/* KP_NO_TIME for null; nothing of an incident lies in the future. */
enum kp_code incident_read_time(const json_t *, const char *key, int64_t now, int64_t *at,
                                struct kp_err *);
enum kp_code incident_check(struct kp_db *, const struct incident_saying *, struct kp_err *); /* KP_ENOTFOUND */
enum kp_code incident_log(struct kp_db *, const struct incident_saying *, int64_t at, const char *kind,
                          const char *text, struct kp_err *);

/* ---- incident_things.c ---- */
/* Lists of numbers in place of what it touched; NULL: that stays. */
enum kp_code incident_write_things(struct kp_db *, const struct incident_saying *, const json_t *devices,
                                   const json_t *alarms, struct kp_err *);

/* ---- incident_text.c ---- */
enum { REPORT_TEXTS = 12 };
struct report_text {
    const char *key, *title, *text;
    bool edited;
};
struct incident_report {
    size_t n, open; /* open: places that a person has to fill in */
    struct report_text texts[REPORT_TEXTS];
};
enum kp_code incident_report(const struct incident *, enum incident_stage, const char *node,
                             bool dutch, struct kp_arena *, struct incident_report *,
                             struct kp_err *);
/* Whether a report of that stage has such a text. */
bool incident_report_has(enum incident_stage, const char *key);
const char *incident_notice(bool dutch); /* that it is no legal advice */
const char *incident_voluntary(bool dutch);
/* A word of the record in the reader's language: categories, severities ... */
const char *incident_word(const char *word, bool dutch);

/* ---- incident_show.c ---- */
/* Its clock for that stage; NULL: it has none. */
const struct incident_clock *incident_clock(const struct incident *, enum incident_stage);
void incident_put(struct kp_json *, const struct incident *, bool dutch);
void incident_put_report(struct kp_json *, const struct incident *, enum incident_stage,
                         const struct incident_report *, bool dutch);

/* ---- incident_alarm.c ---- */
void incidents_changed(struct kp_shield *); /* the clocks are looked at again at once */
void incidents_turn(struct kp_shield *);    /* the thread of the inventory */
#endif
