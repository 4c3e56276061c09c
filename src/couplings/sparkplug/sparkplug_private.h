/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_COUPLINGS_SPARKPLUG_PRIVATE_H
#define KOPPEL_COUPLINGS_SPARKPLUG_PRIVATE_H
/* What the files of this folder share: a Sparkplug host application. registry.c knows the edge
 * nodes, their devices and metrics; message.c takes births, data and deaths; list.c makes signals
 * of what was born and hands samples over; sparkplug.c is the class, commands and STATE. */
#include "couplings/mqtt_link.h"
#include "couplings/names.h"
#include "couplings/sparkplug/payload.h"
#include "couplings/sparkplug/sparkplug.h"

enum { SP_METRICS_TOTAL = 200000, SP_DEVICES_MAX = 20000, SP_NONE = -1, SP_KEY_MAX = 2048, SP_STATE_MAX = 80 };

struct sp_settings {
    struct kp_mqtt_settings link;
    char *primary, *profile;
    int64_t metrics_max, nodes_max;
};

struct sp_node {
    const char *group, *name;
    bool born;
    bool asks;     /* a rebirth is to be asked for */
    bool confirms; /* after a new link: it has yet to show that it lives */
    bool has_bd;
    uint8_t next_seq;
    uint64_t bd;                /* of its birth; its death has the same */
    int64_t ask_at, confirm_by; /* monotonic */
    uint32_t n_metrics;
};
struct sp_device {
    uint32_t node;
    const char *name; /* "" = the node itself */
    bool born;
    int64_t
        born_by; /* monotonic: after a birth of the node, when its own is missing; 0 = no matter */
    int32_t first; /* of its metrics */
};
struct sp_metric {
    uint32_t device;
    int32_t next; /* of the device */
    const char *name, *source, *path;
    const char *unit, *unit_text, *description;
    double low, high;
    uint32_t type;   /* enum kp_sparkplug_type, 0 = not born yet */
    uint8_t kp_type; /* enum kp_type */
    bool present;    /* in the newest birth */
    bool bad;        /* reported Bad since its last value */
    bool has_alias;
    uint64_t alias;
    kp_signal id;
};
struct sp_pending { /* a sample that waits for its signal */
    uint32_t metric;
    bool historic;
    struct kp_sample sample;
};

struct sparkplug {
    struct kp_coupling *c;
    const struct sp_settings *set;
    struct kp_mqtt_link link;
    struct kp_arena text;
    struct kp_names devices_by_key, metrics_by_source, aliases;
    struct sp_node *nodes;
    struct sp_device *devices;
    struct sp_metric *metrics;
    size_t n_nodes, nodes_room, n_devices, devices_room, n_metrics, metrics_room;
    struct sp_pending *pending;
    size_t n_pending, pending_room;
    struct kp_arena pending_text;
    struct kp_buf room; /* data of the value being taken */
    bool unlisted;      /* there is something new or changed since the last listing */
    bool full, state_wanted;
    int64_t list_at, not_before; /* monotonic */
    size_t subscribed, left;
    uint64_t unread, rebirths;
    char unread_why[120];
    char state_topic[256], state_online[SP_STATE_MAX], state_offline[SP_STATE_MAX];
    char group[256];
    uint64_t told; /* of the unread, in the note */
    int64_t described;
};

/* ---- registry.c ---- */
/* SP_NONE and the reason logged when there is no room; out of memory is an error. */
int32_t sp_node(struct sparkplug *, const char *group, const char *name, struct kp_err *);
int32_t sp_device(struct sparkplug *, int32_t node, const char *name, struct kp_err *);
int32_t sp_metric(struct sparkplug *, int32_t device, const char *name, struct kp_err *);
int32_t sp_find_device(const struct sparkplug *, const char *group, const char *node,
                       const char *device);
int32_t sp_find_metric(const struct sparkplug *, int32_t device, const char *name);
int32_t sp_find_alias(const struct sparkplug *, uint32_t node, uint64_t alias);
enum kp_code sp_set_alias(struct sparkplug *, int32_t metric, uint64_t alias, struct kp_err *);
/* What was listed before, and which of it are signals. */
enum kp_code sp_load(struct sparkplug *, struct kp_err *);
void sp_registry_free(struct sparkplug *);

/* ---- message.c ---- */
enum kp_code sp_take(struct kp_coupling *, const struct kp_mqtt_message *, size_t n,
                     struct kp_err *);
/* All metrics of a device become Bad at this time. */
enum kp_code sp_device_gone(struct sparkplug *, uint32_t device, int64_t at, struct kp_err *);
enum kp_code sp_node_gone(struct sparkplug *, uint32_t node, int64_t at, struct kp_err *);
void sp_ask_rebirth(struct sp_node *);

/* ---- list.c ---- */
enum kp_code sp_pend(struct sparkplug *, int32_t metric, bool historic, const struct kp_sample *,
                     struct kp_err *);
/* Lists what is new when it is time, and reports what need not wait for that. */
enum kp_code sp_settle(struct sparkplug *, struct kp_err *);
#endif
