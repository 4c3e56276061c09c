/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_COUPLINGS_PROBE_H
#define KOPPEL_COUPLINGS_PROBE_H
/* One protocol's question to one port: a small function over a connected socket with a deadline.
 * Nothing of what comes back is trusted: all reads are bounded, all texts cleaned. */
#include "couplings/discover/discover.h"

#include <stdatomic.h>

struct kp_probe {
    int fd; /* connected, non-blocking; -1 = closed */
    struct kp_target target;
    uint16_t port;
    bool usual;                     /* it is the protocol's own port */
    unsigned first_unit, last_unit; /* Modbus */
    int64_t until;                  /* monotonic ns: what is not there by then does not come */
    const atomic_bool *cancelled;   /* NULL: cannot be */
    const struct kp_clock *clock;
    void (*found)(void *arg, const struct kp_discover_found *);
    void *arg;
};

/* True: it spoke the protocol, and what it is was handed to `found`. The socket may be open or
 * closed after. */
typedef bool kp_probe_fn(struct kp_probe *);
kp_probe_fn kp_probe_opcua, kp_probe_modbus, kp_probe_s7, kp_probe_ads, kp_probe_mqtt,
    kp_probe_mqtts;
kp_probe_fn kp_probe_mtconnect, kp_probe_shdr;

struct kp_probe_class {
    const char *name;
    uint16_t ports[4]; /* usual ones, 0-ended */
    kp_probe_fn *ask;
};
/* In the order in which an unknown port is asked: first who speaks unasked, then who refuses
 * foreign bytes at once. */
extern const struct kp_probe_class kp_probes[]; /* ends with a NULL name */

/* ---- the socket; false: closed, in vain, too late, cancelled ---- */
void kp_probe_within(struct kp_probe *, int ms); /* the deadline, from now on */
bool kp_probe_send(struct kp_probe *, const void *data, size_t n);
bool kp_probe_read(struct kp_probe *, void *out, size_t n);   /* exactly n */
size_t kp_probe_some(struct kp_probe *, void *out, size_t n); /* 1 to n; 0 = nothing more comes */
void kp_probe_close(struct kp_probe *);
bool kp_probe_reopen(struct kp_probe *); /* a connection of its own, after this one is closed */
/* Begins to connect; -1: cannot. kp_probe_connected: how it went, once the socket is writable. */
int kp_probe_connect(const struct kp_target *, uint16_t port);
bool kp_probe_connected(int fd);

/* ---- what was found ---- */
struct kp_discover_found kp_probe_begin(const struct kp_probe *, const char *protocol);
/* Text of n bytes as it came, cleaned, without spaces at the ends. */
void kp_probe_text(char *out, size_t size, const void *text, size_t n);
/* Makes URL and command of scheme and path, if this koppel has a class that takes them; adds
 * `--set key=value` when that class has such a setting (key may be NULL). */
void kp_probe_couple(struct kp_discover_found *, const char *scheme, unsigned usual_port,
                     const char *path, const char *key, int value);
/* Such a machine cannot tell what stands where: the command says so. */
void kp_probe_needs_map(struct kp_discover_found *);
/* Hands it to `found`; texts that were cut within a character are mended. */
void kp_probe_tell(const struct kp_probe *, struct kp_discover_found *);
#endif
