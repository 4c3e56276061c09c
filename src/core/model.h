/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_CORE_MODEL_H
#define KOPPEL_CORE_MODEL_H
/* The live model: a tree of assets (ISA-95 equipment), their signals with the latest value, and
 * the intervals still open. Only the hub thread changes it. Others read between
 * kp_model_lock() and kp_model_unlock(), at most KP_MODEL_SLICE signals per lock; every pointer
 * got under the lock is dead after the unlock.
 *
 * An asset or signal has one place in the tree: a path is the names from the root joined by '/'.
 * Numbers are stable over renames, moves and restarts and are never used again. */
#include "core/batch.h"
#include "core/err.h"
#include "core/text.h"

enum { KP_MODEL_SLICE = 1000, KP_ASSETS_MAX = 100000, KP_SIGNALS_MAX = 1000000, KP_DEPTH_MAX = 16 };

/* ---- labels: how far a thing may travel ---- */
enum kp_label { KP_INHERIT, KP_PUBLIC, KP_PARTNER, KP_INTERNAL, KP_SECRET };
const char *kp_label_name(unsigned label);
bool kp_label_parse(const char *, uint8_t *label);

/* What a coupling brings, as far as another company gave it: it may or may not be handed on. */
enum kp_brought { KP_BROUGHT_NOT, KP_BROUGHT_KEPT, KP_BROUGHT_ONWARD };

/* ---- assets ---- */
enum kp_asset_kind { /* ISA-95 / IEC 62264-1 equipment levels, then the things inside a machine */
    KP_FOLDER, KP_ENTERPRISE, KP_SITE, KP_AREA, KP_LINE, KP_MACHINE, KP_PLC, KP_METER, KP_SENSOR,
    KP_COMPONENT,
};
const char *kp_asset_kind_name(unsigned kind);
bool kp_asset_kind_parse(const char *, uint8_t *kind);

/* The nameplate, with the names of the IDTA Digital Nameplate 3.0 in REST and YAML. */
enum kp_nameplate {
    KP_MANUFACTURER_NAME, KP_PRODUCT_DESIGNATION, KP_ORDER_CODE, KP_SERIAL_NUMBER, KP_HARDWARE_VERSION,
    KP_FIRMWARE_VERSION, KP_SOFTWARE_VERSION, KP_PRODUCT_URI, KP_YEAR_OF_CONSTRUCTION, KP_DEVICE_CLASS,
    KP_ASSET_ID, KP_LOCATION, KP_NAMEPLATE_FIELDS,
};
const char *kp_nameplate_name(unsigned field); /* "ManufacturerName" ... */

struct kp_asset_info {
    kp_asset id, parent;
    uint8_t kind, label;   /* label: KP_INHERIT takes the parent's */
    uint16_t by_hand;      /* bit per nameplate field that a person typed: a machine does not overwrite it */
    const char *name, *description;
    const char *nameplate[KP_NAMEPLATE_FIELDS]; /* NULL = unknown */
};

/* ---- signals ---- */
struct kp_signal_info {
    kp_signal id;
    kp_asset asset;
    uint16_t coupling; /* where it comes from; 0 = nowhere (any more) */
    uint8_t type;      /* enum kp_type as declared; a value may differ and says so itself */
    uint8_t label;
    bool stored;       /* written to the history */
    bool writable;     /* opened for writing by a person */
    const char *name, *description;
    const char *unit;      /* UN/CEFACT common code ("CEL"), or NULL */
    const char *unit_text; /* as people read it ("°C"), or NULL */
    const char *source;    /* the address in its coupling ("nsu=urn:x;s=Spindle.Speed") */
    const char *role;      /* canonical role by profile: "state", "part-count" ..., or NULL */
    const char *enums;     /* JSON object of number to text, or NULL */
    const char *states;    /* rule of states (state_rule.h) of a signal that tells its machine's state, or NULL */
    double low, high;      /* the expected range; low >= high = unknown */
};

/* The latest value as readers see it. */
struct kp_now {
    struct kp_sample sample; /* status is BadNoCommunication while `stale`; data is then the last known */
    int64_t arrived;
    bool stale; /* the coupling is cut off: the value is the last one known */
    bool known; /* there is a value at all */
};

/* ---- intervals ---- */
enum kp_interval_kind {
    KP_INTERVAL_STATE, KP_INTERVAL_JOB, KP_INTERVAL_PROGRAM, KP_INTERVAL_PART, KP_INTERVAL_STOP,
    KP_INTERVAL_SHIFT, KP_INTERVAL_BATCH, KP_INTERVAL_ALARM, KP_INTERVAL_GAP, /* gap: history is missing */
};
const char *kp_interval_kind_name(unsigned kind);
bool kp_interval_kind_parse(const char *, uint8_t *kind);

struct kp_interval {
    int64_t id; /* 0 = new */
    kp_asset asset;
    uint8_t kind, label;
    int64_t start, end;     /* [start, end), ns UTC; end = KP_FOREVER while open */
    const char *attributes; /* a JSON object */
};
struct kp_interval_msg { /* to subscribers; one block, freed by kp_batch_drop */
    struct kp_msg msg;
    bool removed;
    struct kp_interval interval;
};

/* ---- life ---- */
struct kp_model;
struct kp_model *kp_model_new(void);
void kp_model_free(struct kp_model *);

/* Who is told of each change, in the hub thread, after it happened: the store, the hub. Added before
 * the hub starts. */
enum kp_change { KP_ASSET_PUT, KP_ASSET_REMOVED, KP_SIGNAL_PUT, KP_SIGNAL_REMOVED, KP_INTERVAL_PUT, KP_INTERVAL_REMOVED };
struct kp_watcher {
    void *self;
    void (*changed)(void *self, enum kp_change, int64_t id, const struct kp_interval *interval);
};
enum { KP_WATCHERS_MAX = 4 };
void kp_model_watch(struct kp_model *, struct kp_watcher);

/* ---- change: hub thread only; each call happens whole or not at all ---- */
/* id 0 makes a new one and returns its number; a known id replaces it (so: rename, move, annotate,
 * relabel); an unknown id is taken as it is (loading). 0 on failure. Strings are copied. */
kp_asset kp_model_put_asset(struct kp_model *, const struct kp_asset_info *, struct kp_err *);
kp_signal kp_model_put_signal(struct kp_model *, const struct kp_signal_info *, struct kp_err *);
/* Every asset on the way is made when missing (kind KP_FOLDER; `kind` for the last). */
kp_asset kp_model_make_path(struct kp_model *, const char *path, uint8_t kind, struct kp_err *);
/* Removes an asset with everything below it, open intervals too, or a signal. History stays in
 * the file until retention. */
enum kp_code kp_model_remove_asset(struct kp_model *, kp_asset, struct kp_err *);
enum kp_code kp_model_remove_signal(struct kp_model *, kp_signal, struct kp_err *);
/* Opens (id 0), changes or closes an interval; returns its id, 0 on failure. Closed ones leave memory. */
int64_t kp_model_put_interval(struct kp_model *, const struct kp_interval *, struct kp_err *);
enum kp_code kp_model_remove_interval(struct kp_model *, const struct kp_interval *, struct kp_err *);
/* Ids to go on from, when the store loads (it knows of removed ones). */
void kp_model_set_next(struct kp_model *, kp_asset, kp_signal, int64_t interval);

/* Takes a batch's samples as the latest values. A sample older than the latest is late: news for the history
 * only. From the third in a row on, each newer than the one before, the machine's clock has been set
 * back: the latest value follows, and until the old time is reached again a Good status becomes
 * Uncertain, in the batch too. Marks in `keep` (a bit per sample) those that
 * are news for the history. A sample equal in time, status and data to the latest is a re-delivery:
 * it only ends staleness. Samples of unknown signals are not kept. Returns how many were kept. */
struct kp_taken {
    uint64_t keep[KP_BATCH_MAX / 64]; /* to be stored */
    uint64_t news[KP_BATCH_MAX / 64]; /* to be shown: also those that only end staleness */
    unsigned duplicates, unknown, late;
    unsigned set_back; /* signals whose clock was found set back */
    int64_t set_back_by; /* ns, of the last of them */
};
void kp_model_take(struct kp_model *, struct kp_batch *, struct kp_taken *);
/* Sets the last known value when loading; stale until its coupling reports again. */
enum kp_code kp_model_restore(struct kp_model *, const struct kp_sample *, struct kp_err *);
/* Marks all signals of a coupling stale, from `*from` on, at most `n`; true while there are more. */
bool kp_model_mark_stale(struct kp_model *, uint16_t coupling, kp_signal *from, unsigned n,
                         void (*each)(void *, kp_signal), void *arg);

/* ---- read: any thread, under the lock ---- */
void kp_model_lock(struct kp_model *); /* shared; writers go first */
void kp_model_unlock(struct kp_model *);
/* Changes of structure so far: a reader that sees another number starts its walk again. */
uint64_t kp_model_version(const struct kp_model *);

const struct kp_asset_info *kp_model_asset(const struct kp_model *, kp_asset);   /* NULL: none */
const struct kp_signal_info *kp_model_signal(const struct kp_model *, kp_signal); /* NULL: none */
struct kp_now kp_model_now(const struct kp_model *, kp_signal);
kp_asset kp_model_find_asset(const struct kp_model *, const char *path);   /* "" = the root; 0 = none too */
kp_signal kp_model_find_signal(const struct kp_model *, const char *path); /* 0 = none */
/* Writes the path; returns its length, cut at size as snprintf does. */
size_t kp_model_asset_path(const struct kp_model *, kp_asset, char *out, size_t size);
size_t kp_model_signal_path(const struct kp_model *, kp_signal, char *out, size_t size);
uint8_t kp_model_label(const struct kp_model *, kp_asset, uint8_t own); /* the label in force */
/* Said by who keeps the agreements; any thread, with or without the lock. */
void kp_model_set_brought(struct kp_model *, uint16_t coupling, enum kp_brought);
enum kp_brought kp_model_brought(const struct kp_model *, uint16_t coupling);

/* Children in name order. */
size_t kp_model_child_assets(const struct kp_model *, kp_asset, const kp_asset **list);
size_t kp_model_child_signals(const struct kp_model *, kp_asset, const kp_signal **list);
/* Collects the signals matching a pattern in path order, at most `max`, those after `*after` (a path,
 * "" = from the start) and sets `*after` (KP_PATH_MAX bytes) to the last. Returns the count. */
size_t kp_model_match(const struct kp_model *, const char *pattern, char *after, kp_signal *out, size_t max);
/* The same, each handed out with its path, which the walk has at hand. */
size_t kp_model_each(const struct kp_model *, const char *pattern, char *after, size_t max,
                     void (*each)(void *, kp_signal, const char *path), void *arg);
/* Open intervals of an asset and all below it (0: all); stops when `each` returns false. */
void kp_model_open_intervals(const struct kp_model *, kp_asset,
                             bool (*each)(void *, const struct kp_interval *), void *arg);
size_t kp_model_count_assets(const struct kp_model *);
size_t kp_model_count_signals(const struct kp_model *);
kp_signal kp_model_signal_end(const struct kp_model *); /* one past the largest number */
#endif
