/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_CORE_COUPLING_H
#define KOPPEL_CORE_COUPLING_H
/* A coupling ties one peer (an OPC UA server, a broker, a feed) to the hub. A protocol is one file
 * (or folder) that defines one `const struct kp_coupling_class`; the core owns its thread, states,
 * back-off, limits, filter and counters. docs/add-a-coupling.md walks through one. */
#include "core/clock.h"
#include "core/far_off.h"
#include "core/filter.h"
#include "core/model.h"

struct kp_coupling;
struct kp_hub;

/* ---- settings: one table serves apply files, the CLI, the REST API and the manual ---- */
enum kp_option_type { KP_OPT_TEXT, KP_OPT_INT, KP_OPT_BOOL, KP_OPT_DURATION, KP_OPT_CHOICE, KP_OPT_SECRET,
                      KP_OPT_MAP /* a text of many lines, from a file */ };
struct kp_option {
    const char *name, *help;
    enum kp_option_type type;
    size_t offset;          /* in the class's settings struct: char * (text, choice, secret, map), int64_t, bool */
    const char *standard;   /* default, as text; NULL = empty */
    int64_t min, max;       /* for int and duration (ns) */
    const char *choices;    /* for choice: "auto,none,sign" */
};
/* Fills defaults; frees texts. */
enum kp_code kp_options_init(const struct kp_option *, void *settings, struct kp_err *);
void kp_options_free(const struct kp_option *, void *settings);
/* Sets one by name. The error names the option and, for an unknown one, the nearest known. */
enum kp_code kp_options_set(const struct kp_option *, void *settings, const char *name, const char *text,
                            struct kp_err *);
/* Checks without keeping. */
enum kp_code kp_options_check(const struct kp_option *, const char *name, const char *text, struct kp_err *);

/* ---- the class ---- */
struct kp_coupling_class {
    const char *name;    /* "opcua" */
    const char *schemes; /* URL schemes it takes, separated by spaces: "opc.tcp" */
    bool url_settings;   /* settings may stand in the URL behind a '?'; those set elsewhere go first */
    bool tells;          /* says itself where it goes (kp_hub_observe), for its URL does not */
    size_t settings_size, state_size;
    const struct kp_option *options; /* ends with a NULL name */

    /* What a coupling is called and where its things appear when nobody says: paths. NULL: both by the host. */
    void (*places)(const char *url, char name[KP_NAME_MAX], char at[KP_PATH_MAX]);
    /* Its peer keeps what is not acknowledged: when the disk takes nothing, reports wait until it
     * does, and nothing is lost. Others go on, and what is lost becomes a gap. */
    bool pauses;
    /* Checks URL and settings as a whole (a map, a profile's name) before they are in force. NULL:
     * what the table of options says is all. Any thread. */
    enum kp_code (*check)(const char *url, const void *settings, struct kp_err *);
    /* Connects. May fail; is called again with back-off. KP_EREFUSED = a person must act first. */
    enum kp_code (*open)(struct kp_coupling *, struct kp_err *);
    /* Waits up to ~1 s for work, does it, returns. An error closes and reopens the link. */
    enum kp_code (*step)(struct kp_coupling *, struct kp_err *);
    /* Always called after open, failed or not; must leave state fit for the next open. */
    void (*close)(struct kp_coupling *);
    /* Writes a value to the machine. NULL: the protocol is read only. */
    enum kp_code (*write)(struct kp_coupling *, const struct kp_sample *, struct kp_err *);
    /* Makes a waiting step return soon; called from other threads. NULL: not possible. */
    void (*wake)(struct kp_coupling *); /* must call nothing below: the coupling is locked */
    /* Asks for a new look at everything the peer offers, from the next step on. NULL: nothing to see. */
    void (*browse)(struct kp_coupling *);
};

/* ---- state ---- */
enum kp_link {
    KP_LINK_OFF,        /* switched off by a person */
    KP_LINK_CONNECTING, /* also: browsing for the first time */
    KP_LINK_ONLINE,
    KP_LINK_WAITING, /* failed; tries again soon */
    KP_LINK_REFUSED, /* failed in a way only a person mends; tries again once a minute */
};
const char *kp_link_name(unsigned link);

struct kp_coupling_status {
    enum kp_link link;
    int64_t since;             /* of this link state, ns UTC */
    int64_t retry_at;          /* when waiting: next try, ns UTC */
    char detail[KP_ERR_TEXT];  /* why, or what it is doing: "subscribing 400 of 400" */
    uint64_t samples, batches; /* handed to the hub */
    uint64_t waits;            /* times the hub's queue was full */
    uint64_t lost;             /* samples known lost at the source or on the way */
    uint64_t filtered, duplicates, bad; /* held back by the filter; re-deliveries; with Bad status */
    uint64_t late, set_back; /* older than the latest value; signals found with a clock set back */
    uint64_t far_off, quarantined; /* with a time that cannot be right; of these held in the quarantine */
    bool clock_known, clock_wrong; /* there was one far off; the condition that tells of it holds */
    int64_t clock_offset;          /* source time less receive time of the last one, ns */
    uint64_t opens, failures;
    uint32_t signals, items, items_max, rejected; /* declared; subscribed; the server's budget; refused items */
    double rate; /* samples a second over the last ten seconds */
};

/* ---- what a class may call, from the coupling's own thread only ---- */
void *kp_coupling_settings(struct kp_coupling *);
void *kp_coupling_state(struct kp_coupling *);
const char *kp_coupling_name(const struct kp_coupling *);
const char *kp_coupling_url(const struct kp_coupling *);
const char *kp_coupling_at(const struct kp_coupling *); /* asset path under which its things appear */
uint16_t kp_coupling_id(const struct kp_coupling *);
struct kp_hub *kp_coupling_hub(struct kp_coupling *);
void *kp_coupling_context(struct kp_coupling *); /* the store: struct kp_store */
void *kp_coupling_share(struct kp_coupling *);   /* the agreements with partners: struct kp_share */
int64_t kp_coupling_utc(const struct kp_coupling *);
int64_t kp_coupling_mono(const struct kp_coupling *);
bool kp_coupling_stopping(const struct kp_coupling *);
/* Whether times that the machine gives to values of the past, as received now, can be placed at all. */
bool kp_coupling_can_place(const struct kp_coupling *, int64_t at);

/* As which the peer knows this node, where the protocol has such a name; in open. */
void kp_coupling_client(struct kp_coupling *, const char *name);
/* Says what it is doing; shown as `detail`. */
void kp_coupling_note(struct kp_coupling *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Everything is set up: the link is online from here on, back-off starts afresh. */
void kp_coupling_online(struct kp_coupling *);
void kp_coupling_count(struct kp_coupling *, uint32_t items, uint32_t items_max, uint32_t rejected);
void kp_coupling_lost(struct kp_coupling *, uint64_t samples); /* lost at the source */

/* A signal to make or find: the path is relative to `at`. Existing ones (same source, else same
 * path and no other source of this coupling) keep what is known of them: name, place, label,
 * description, writable, stored, and unit, role and range once they have one. A path taken by
 * something else gets "_2", "_3" ... */
struct kp_declare {
    const char *path;
    struct kp_signal_info info; /* id, asset, name and coupling are filled in by the core */
    uint8_t asset_kind;         /* for the asset that holds it, when it must be made */
    bool by_path; /* a row of a map: the signal of this coupling that stands at the path is meant, whatever its source was */
    kp_signal id; /* out: 0 when the filter excludes it, or no place can hold it (logged) */
};
/* Batched: one crossing to the hub for all. Fails when there is no memory, or no place for any. */
enum kp_code kp_coupling_declare(struct kp_coupling *, struct kp_declare *, size_t n, struct kp_err *);
/* What the machine says of itself; fields a person typed stay. `path` relative to `at`, "" = `at`. */
enum kp_code kp_coupling_identify(struct kp_coupling *, const char *path, uint8_t kind,
                                  const char *const nameplate[KP_NAMEPLATE_FIELDS], struct kp_err *);
/* Its signals known from earlier, with source address, type and latest time (KP_NO_TIME: none).
 * The array and its texts go into the arena; *out is NULL when out of memory. */
struct kp_known {
    kp_signal id;
    uint8_t type;
    bool writable, stored;
    const char *source;
    int64_t latest;
};
size_t kp_coupling_signals(struct kp_coupling *, struct kp_arena *, struct kp_known **out);

/* Hands over one sample; collected into batches. Waits when the hub's queue is full. */
enum kp_code kp_coupling_report(struct kp_coupling *, const struct kp_sample *, struct kp_err *);
/* As report, for the history only (fills a gap). */
enum kp_code kp_coupling_report_historic(struct kp_coupling *, const struct kp_sample *, struct kp_err *);
/* Sends what is collected; call at the end of each step. */
enum kp_code kp_coupling_flush(struct kp_coupling *, struct kp_err *);

/* Something that lasts, as the machine tells it: an alarm, a program, a state. `key` tells those of
 * one coupling and kind apart ("nativeCode 104"); it is kept in the attributes, so that one that is
 * open is found again after a restart. */
struct kp_lasting {
    const char *path; /* of its asset, relative to `at`; made when missing */
    const char *key;
    uint8_t kind;       /* enum kp_interval_kind */
    int64_t start, end; /* end: KP_FOREVER while it lasts; the start of one already open stays */
    const char *attributes; /* members of a JSON object without its braces, or NULL */
};
/* Opens it, changes its attributes or closes it. An end of one that is not open does nothing. */
enum kp_code kp_coupling_interval(struct kp_coupling *, const struct kp_lasting *, struct kp_err *);
/* Closes all open ones of this coupling and kind but those with the keys to keep. */
enum kp_code kp_coupling_intervals_end(struct kp_coupling *, uint8_t kind, const char *const *keep,
                                       size_t n, int64_t at, struct kp_err *);
/* Records that history of this coupling is missing from..to (an interval of kind gap). */
void kp_coupling_gap(struct kp_coupling *, int64_t from, int64_t to, const char *reason);
#endif
