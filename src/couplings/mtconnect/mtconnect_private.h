/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_COUPLINGS_MTCONNECT_PRIVATE_H
#define KOPPEL_COUPLINGS_MTCONNECT_PRIVATE_H
/* What the files of an agent's coupling share: what there is (items.c), programs (program.c), the
 * link (mtconnect.c). */
#include "couplings/mtconnect/document.h"
#include "couplings/mtconnect/multipart.h"
#include "couplings/mtconnect/observe.h"
#include "couplings/offer.h"
#include "net/http.h"

#include <stdatomic.h>

struct mtc_settings {
    char *user, *password, *ca, *profile;
    int64_t interval, heartbeat, timeout;
    bool allow_plain_password;
};

struct mtc_item { /* by id */
    struct kp_mtc_item said;
    char *path, *asset; /* its own and its component's, below `at` */
    const char *kind;   /* type, or TYPE:SUBTYPE */
    kp_signal id;
    uint8_t type;
    bool fresh; /* a signal without a value so far */
};
/* A document groups by component: what belongs together is put in order at its end. */
struct mtc_event { /* a condition, a program, its execution */
    const struct mtc_item *item;
    int64_t at;
    size_t place;                   /* in the document */
    struct kp_mtc_observation said; /* texts live until the next document */
};
enum { MTC_PROGRAMS_MAX = 16, MTC_PROGRAM_NAME = 200, MTC_ID_MAX = 64, MTC_EVENTS_MAX = 100000 };
struct mtc_programs { /* without allocations, so that it outlives a lost link */
    size_t n;
    struct mtc_program {
        char item[MTC_ID_MAX], execution[MTC_ID_MAX]; /* ids; execution "" = there is none */
        char name[MTC_PROGRAM_NAME];
        bool executing, open;
        int64_t at; /* when the later of the two changed */
    } list[MTC_PROGRAMS_MAX];
};

struct mtconnect {
    struct kp_coupling *c;
    const struct mtc_settings *set;
    struct kp_mtc_devices devices;
    struct mtc_item *items;
    size_t n, subscribed, unasked_left;
    struct kp_mtc_header header; /* of the document under way, or the last one */
    struct mtc_event *events;    /* of that document */
    size_t n_events, events_room;
    struct kp_arena event_text;
    uint64_t newest; /* the sequence behind its last observation */
    struct kp_http *stream;
    struct kp_multipart parts;
    struct kp_buf whole;   /* an answer that is no stream */
    bool is_stream, known; /* the head of the answer was looked at */
    bool fresh_only;       /* of the document under way only what has no value yet counts */
    int64_t heard, begun_at, ask_at; /* monotonic: the last bytes; the request; when to ask again */
    struct kp_buf room;              /* of one value */
    uint64_t bad;
    unsigned skips; /* how often what comes next was out of range */
    bool polls;     /* the agent does not stream */
    atomic_bool look;
    /* over a broken link */
    char instance[sizeof((struct kp_mtc_header){ 0 }.instance)];
    uint64_t next;
    int64_t told_at; /* UTC, of the last document */
    struct kp_mtc_active active;
    struct mtc_programs programs;
};

/* ---- items.c ---- */
/* Devices become machines, data items offers and signals. */
enum kp_code kp_mtc_publish(struct mtconnect *, struct kp_err *);
struct mtc_item *kp_mtc_find(const struct mtconnect *, const char *id); /* NULL: none */

/* ---- program.c: a program as an interval: from when it executes until it has ended or another is
 * chosen ---- */
bool kp_mtc_is_program(const struct kp_mtc_item *);
bool kp_mtc_is_execution(const struct kp_mtc_item *);
/* Finds each program's execution; what is known of those still there stays. */
void kp_mtc_programs_find(struct mtconnect *);
void kp_mtc_programs_forget(struct mtconnect *);
enum kp_code kp_mtc_program_event(struct mtconnect *, const struct mtc_event *, struct kp_err *);
/* After all has been told from nothing on: ends what is still open of before. */
enum kp_code kp_mtc_programs_settle(struct mtconnect *, int64_t at, struct kp_err *);
#endif
