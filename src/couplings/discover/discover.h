/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_COUPLINGS_DISCOVER_H
#define KOPPEL_COUPLINGS_DISCOVER_H
/* Looks for machines at the addresses that a person names, and nowhere else. A look is gentle: few
 * addresses at a time, one connection per port, one question at a time to each, short waits,
 * nothing is written, every session is closed as its protocol asks. One look at a time; any thread.
 */
#include "core/clock.h"
#include "core/err.h"
#include "core/mem.h"

enum {
    KP_DISCOVER_ADDRESSES_MAX = 1024, /* a /22 */
    KP_DISCOVER_PORTS_MAX = 16,
    KP_DISCOVER_FOUND_MAX = 4096,
    KP_DISCOVER_PARALLEL = 8,
    KP_DISCOVER_PARALLEL_MAX = 32,
    KP_DISCOVER_TEXT = 160,
};

/* ---- where: 192.0.2.7, 192.0.2.0/24, 192.0.2.10-40, plc7.hall:502, [::1]:4840 ---- */
struct kp_target {
    char host[64];   /* as numbers, or as a name when it was given so */
    uint16_t port;   /* 0: the usual ports of all protocols */
    unsigned family; /* AF_INET or AF_INET6 */
    uint8_t ip[16];
};
struct kp_targets {
    struct kp_target *list;
    size_t n, room;
};
/* Adds what one word names, names resolved; addresses that are there already are not added again.
 * Refuses more than KP_DISCOVER_ADDRESSES_MAX in all. */
enum kp_code kp_targets_add(struct kp_targets *, const char *word, struct kp_err *);
void kp_targets_free(struct kp_targets *);

/* ---- a look ---- */
struct kp_discover_options {
    const char *const *targets; /* words as above */
    size_t n_targets;
    uint16_t ports[KP_DISCOVER_PORTS_MAX]; /* instead of the usual ones; n_ports 0: those */
    size_t n_ports;
    unsigned parallel;              /* addresses at a time; 0 = KP_DISCOVER_PARALLEL */
    unsigned first_unit, last_unit; /* Modbus units to ask; 0, 0 = 1 and 255 */
};

struct kp_discover_found {
    const char *protocol; /* "opcua", "modbus" ...; for ever */
    char address[64];
    uint16_t port;
    int unit; /* Modbus; -1 = none */
    char manufacturer[KP_DISCOVER_TEXT], product[KP_DISCOVER_TEXT],
        name[KP_DISCOVER_TEXT]; /* "" = not told */
    char detail[2 * KP_DISCOVER_TEXT];
    char url[2 * KP_DISCOVER_TEXT];    /* to couple it; "" = nothing here couples it */
    char couple[3 * KP_DISCOVER_TEXT]; /* the command line that does; "" likewise */
};

enum kp_discover_state {
    KP_DISCOVER_NONE,
    KP_DISCOVER_RUNNING,
    KP_DISCOVER_DONE,
    KP_DISCOVER_CANCELLED
};
extern const char *const kp_discover_state_names[]; /* ends with NULL */
struct kp_discover_status {
    enum kp_discover_state state;
    unsigned done, total;   /* addresses */
    int64_t started, ended; /* ns UTC; KP_NO_TIME = not yet */
    size_t found;
    bool more; /* there was no room for all */
};

struct kp_discover;
struct kp_hub;
struct kp_discover *kp_discover_new(const struct kp_clock *);
void kp_discover_tell(struct kp_discover *, struct kp_hub *); /* what is found is something seen */
void kp_discover_free(struct kp_discover *); /* cancels and waits */
/* Begins a look; what the one before found is forgotten. KP_EEXISTS: one is running. */
enum kp_code kp_discover_start(struct kp_discover *, const struct kp_discover_options *,
                               struct kp_err *);
void kp_discover_cancel(struct kp_discover *); /* within a second */
struct kp_discover_status kp_discover_status(struct kp_discover *);
/* What is found so far from the `from`th on, in the order it was found; stops when `each` returns
 * false. */
void kp_discover_list(struct kp_discover *, size_t from,
                      bool (*each)(void *, const struct kp_discover_found *), void *arg);
#endif
