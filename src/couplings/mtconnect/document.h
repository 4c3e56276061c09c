/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_COUPLINGS_MTCONNECT_DOCUMENT_H
#define KOPPEL_COUPLINGS_MTCONNECT_DOCUMENT_H
/* MTConnect documents (Part 1 to 3, versions 1.1 and later): devices, observations, errors. Elements are known by
 * their local names, whatever the version of the namespace. Entities and document types are refused. */
#include "core/err.h"
#include "core/mem.h"

#include <stdbool.h>
#include <stdint.h>

enum { KP_MTC_ITEMS_MAX = 20000, KP_MTC_DEPTH_MAX = 64, KP_MTC_TEXT_MAX = 1 << 20 };

enum kp_mtc_category { KP_MTC_SAMPLE, KP_MTC_EVENT, KP_MTC_CONDITION };
struct kp_mtc_item { /* texts live in the arena of the document */
    const char *id, *name, *type, *sub_type, *units, *representation;
    enum kp_mtc_category category;
    unsigned device;   /* which one */
    const char *place; /* its component below the device: "spindle/motor", "" = the device */
};
struct kp_mtc_device {
    const char *name, *uuid, *manufacturer, *model, *serial, *station;
    bool agent; /* the agent's own, of which it tells as of a machine */
};
struct kp_mtc_header {
    char instance[32];   /* instanceId */
    char model_time[40]; /* deviceModelChangeTime, or "" */
    uint64_t next, first, buffer; /* 0: not told */
};
struct kp_mtc_devices {
    struct kp_arena arena;
    struct kp_mtc_header header;
    struct kp_mtc_device *devices;
    struct kp_mtc_item *items;
    size_t n_devices, n_items, devices_room, items_room;
};
/* The answer to a probe, or (not `whole`) as much of one as there is. */
enum kp_code kp_mtc_read_devices(const char *xml, size_t n, bool whole, struct kp_mtc_devices *, struct kp_err *);
void kp_mtc_devices_free(struct kp_mtc_devices *);

struct kp_mtc_observation { /* texts live until the call ends */
    const char *id;        /* dataItemId */
    const char *timestamp;
    uint64_t sequence; /* 0: not told */
    const char *level;     /* of a condition: its element, "Fault" ...; NULL for others */
    const char *native_code, *condition_id, *severity, *qualifier;
    const char *text;      /* without spaces around it; entries of a data set or table as a JSON object; NULL: longer
                            * than KP_MTC_TEXT_MAX */
};
/* Each observation of a document of streams, in its order; the header is there before the first one. An error document is told as KP_EPEER, or, when the sequence
 * asked for has left the agent's buffer (OUT_OF_RANGE), as KP_ENOTFOUND. */
typedef enum kp_code kp_mtc_take(void *arg, const struct kp_mtc_observation *, struct kp_err *);
enum kp_code kp_mtc_read_streams(const char *xml, size_t n, struct kp_mtc_header *, kp_mtc_take *, void *arg, struct kp_err *);
#endif
