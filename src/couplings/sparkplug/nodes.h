/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_COUPLINGS_SPARKPLUG_NODES_H
#define KOPPEL_COUPLINGS_SPARKPLUG_NODES_H
/* What a Sparkplug host knows of edge nodes: their births, sequence numbers and aliases. */
#include "core/value.h"
#include "core/text.h"

enum { SPARKPLUG_NODES_MAX = 1000, SPARKPLUG_DEVICES_MAX = 1000, SPARKPLUG_ID_MAX = 128 };

struct sparkplug_metric {
    char *name;
    bool has_alias;
    uint64_t alias;
    uint32_t datatype;
    kp_signal id;
};
struct sparkplug_device {
    char name[SPARKPLUG_ID_MAX]; /* "" = the node itself */
    struct sparkplug_metric *list; /* by name */
    struct sparkplug_metric **aliased; /* those with one, by alias */
    size_t n, n_aliased;
    bool alive;
};
struct sparkplug_node {
    char group[SPARKPLUG_ID_MAX], name[SPARKPLUG_ID_MAX];
    bool born, wants_rebirth;
    uint8_t seq; /* the last one */
    bool has_bdseq;
    uint64_t bdseq;
    int64_t asked; /* monotonic, the last time it was asked for a rebirth; 0 = never */
    struct sparkplug_device *devices;
    size_t n, room;
};
struct sparkplug_nodes {
    struct sparkplug_node *list;
    size_t n, room;
};

/* "spBv1.0/GROUP/NBIRTH/NODE[/DEVICE]" in its parts. False: it is no such topic. */
enum sparkplug_verb { SPARKPLUG_NBIRTH, SPARKPLUG_NDATA, SPARKPLUG_NDEATH, SPARKPLUG_DBIRTH, SPARKPLUG_DDATA, SPARKPLUG_DDEATH };
struct sparkplug_topic {
    enum sparkplug_verb verb;
    char group[SPARKPLUG_ID_MAX], node[SPARKPLUG_ID_MAX], device[SPARKPLUG_ID_MAX];
};
bool sparkplug_topic_read(const char *topic, struct sparkplug_topic *);

/* The node, made when it is not there; NULL: no memory, or too many. */
struct sparkplug_node *sparkplug_node_of(struct sparkplug_nodes *, const char *group, const char *name);
struct sparkplug_device *sparkplug_device_of(struct sparkplug_node *, const char *name, bool make);
/* Takes the device's metrics, sorted by name here; frees those it had. False: out of memory, and it has none. */
bool sparkplug_device_set(struct sparkplug_device *, struct sparkplug_metric *, size_t n);
/* By alias when there is one, which is one of the whole node, else by name within the device. */
struct sparkplug_metric *sparkplug_metric_of(struct sparkplug_node *, struct sparkplug_device *, const char *name,
                                             bool has_alias, uint64_t alias);
/* Whether `seq` is the one that follows; it counts as the last one in any case. */
bool sparkplug_in_order(struct sparkplug_node *, uint64_t seq);
void sparkplug_nodes_free(struct sparkplug_nodes *);
#endif
