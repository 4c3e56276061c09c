/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_SHIELD_KEEP_H
#define KOPPEL_SHIELD_KEEP_H
/* For the files that keep the inventory and the findings: inventory.c (devices as people change
 * them), inventory_show.c, inventory_hand.c (for files that say it), inventory_take.c (from the model
 * and from files), advisory_take.c, matching.c and finding.c (advisories matched, and what becomes of
 * it), exploit.c, and those of finding_show.h. */
#include "shield/match.h"
#include "shield/shield.h"

#include "core/rota.h"

#include <pthread.h>
#include <stdatomic.h>

enum device_field {
    FIELD_MANUFACTURER,
    FIELD_PRODUCT,
    FIELD_ORDER_CODE,
    FIELD_SERIAL,
    FIELD_HARDWARE,
    FIELD_FIRMWARE,
    FIELD_CPE,
    FIELD_PURL,
    DEVICE_FIELDS
};
enum { DEVICE_TEXT = 500 };
#define SHIELD_ALIASES "vendor-aliases" /* the setting */
extern const char *const device_field_keys[DEVICE_FIELDS + 1]; /* in JSON */
extern const char *const device_weights[];                     /* "by-kind" ...; ends with NULL */

struct kp_shield {
    struct kp_hub *hub;
    struct kp_store *store;
    struct kp_model *model;
    const struct kp_clock *clock;
    struct kp_duty duty; /* takes what changed in the model */
    pthread_mutex_t work; /* one change of devices, advisories or findings at a time; guards: */
    uint64_t seen;        /* the model's version when it was looked through; UINT64_MAX: never */
    struct kp_devices *devices; /* NULL: to be made anew */
    struct kp_arena texts;      /* and their nameplates */
    struct device_row *rows;    /* in the order of its devices */
    const char *aliases;        /* makers' other names, as the user has them; NULL: none */
    struct feeds *feeds;        /* who brings what (feed_keep.h) */
    struct exits *exits;
    struct observing *observing; /* what is seen, and what is known of it (observe.h) */
    struct daily *daily;         /* the daily mail (daily.h) */
    struct clock_alarms *clocks; /* of incidents (incident_alarm.c) */
};
void kp_shield_wake(struct kp_shield *);

/* What went out of collections (taxii_exit.c). */
struct exits *exits_new(void);
void exits_free(struct exits *);
void exits_write(struct kp_shield *, bool now); /* now: what has not waited long, too */

/* Alarms of incidents (incident_alarm.c). */
struct clock_alarms *clock_alarms_new(void);
void clock_alarms_free(struct clock_alarms *);

struct device_row {
    int64_t id, asset, host, made, changed, expected_until, alarm, weight, by_hand;
    const char *name, *source, *expected, *field[DEVICE_FIELDS]; /* NULL: not known */
};
/* All rows by name, or (id) one, in the arena. */
enum kp_code device_rows(struct kp_db *, int64_t id, struct kp_arena *, struct device_row **,
                         size_t *n, struct kp_err *);

/* Under the model's lock, both. Where it is: at its own asset, or at the nearest that its name says,
 * as a part of a machine is; 0: nowhere in the model. */
kp_asset device_place(const struct kp_model *, const struct device_row *);
/* Whether it may be told there. One that is in no model is internal. */
bool device_may_go(const struct kp_model *, enum kp_recipient, const struct device_row *);

/* What is to be written of one device; `via` machine, import or hand. */
struct device_put {
    int64_t id, asset, host; /* id 0: found by asset or name, else made; host -1: as it is */
    const char *name, *via, *who, *source;
    const char *field[DEVICE_FIELDS]; /* NULL: as it is; "" = not known */
    int64_t weight;                   /* -1: as it is */
    int64_t now;
    bool changed, unexpected, made; /* out */
    bool other;                     /* out: the firmware is another one than it was */
    char old[DEVICE_TEXT];          /* out: the firmware before an unexpected change */
};
enum kp_code device_put(struct kp_db *, struct device_put *, struct kp_err *);

/* `work` held. Devices have changed: they are matched anew with all advisories. */
enum kp_code findings_devices_changed(struct kp_shield *, struct kp_err *);
/* A document that comes. */
struct advisory_taking {
    const char *text;
    size_t len;
    const char *tlp; /* how it is labelled when it does not say so itself; may be NULL */
    /* May be NULL: whether it is taken at all; what is written beside it, in its transaction. */
    enum kp_code (*judge)(void *arg, const struct kp_advisory *, struct kp_err *);
    enum kp_code (*also)(struct kp_db *, void *arg, const struct kp_advisory *, struct kp_err *);
    void *arg;
    /* out */
    char id[128];
    bool known;   /* the same document was here */
    int64_t took; /* ns, reading and matching it */
    size_t affected, review, opened, closed;
};
/* KP_EEXISTS: a newer one is here. */
enum kp_code shield_take_advisory(struct kp_shield *, struct advisory_taking *, struct kp_err *);
void shield_put_taken(const struct advisory_taking *, struct kp_json *);
/* EPSS (CSV) or KEV (JSON). Writes an object of counts; the text is changed. */
enum kp_code shield_take_exploits(struct kp_shield *, char *text, size_t len, struct kp_json *,
                                  struct kp_err *);
/* An alarm interval. */
struct shield_alarm {
    int64_t interval; /* 0: it is opened; out: its number */
    kp_asset asset;
    uint8_t label;
    const char *key, *text;
    const char *from; /* who tells it, when it is about nothing in the model; NULL: a machine does */
    int severity;     /* 1 .. 1000, as OPC UA has it */
    bool over;        /* it is closed; one that is not there any more is no error */
};
enum kp_code shield_alarm(struct kp_shield *, struct shield_alarm *, struct kp_err *);
/* Whether it still stands; one goes with its asset. */
bool shield_alarm_stands(struct kp_shield *, int64_t interval);
/* Opens or closes the alarm of a device. */
enum kp_code device_alarm(struct kp_shield *, int64_t device, kp_asset, int64_t interval,
                          const char *text, struct kp_err *);
#endif
