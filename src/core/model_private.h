/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_CORE_MODEL_PRIVATE_H
#define KOPPEL_CORE_MODEL_PRIVATE_H
/* What the files of the model share. */
#include "core/model.h"

#include <pthread.h>
#include <stdatomic.h>

struct children { /* numbers, in the order of the names they stand for */
    uint32_t *id;
    size_t n, capacity;
};

struct asset {
    struct kp_asset_info *info; /* one block with its texts; NULL: there is none of this number */
    struct children assets, signals;
};

struct live {
    struct kp_value value; /* data behind it is ours, `room` bytes */
    int64_t at, arrived;
    int64_t late_at; /* time of the last late sample */
    int64_t high;    /* the newest time before the clock was set back; 0 = it was not */
    uint32_t status, room;
    uint8_t late; /* late samples in a row, each newer than the one before */
    bool known, stale, stored; /* stored: a copy of the info's, so that taking a batch reads one line */
};

struct kp_model {
    pthread_rwlock_t lock;
    atomic_uint_fast64_t version;
    struct kp_watcher watchers[KP_WATCHERS_MAX];
    size_t n_watchers;
    struct asset *assets; /* by number; [0] is the root */
    size_t assets_capacity, assets_end, assets_count; /* end: one past the largest number in use */
    struct kp_signal_info **signals; /* by number, each one block with its texts */
    struct live *live;
    size_t signals_capacity, live_capacity, signals_end, signals_count;
    struct kp_interval **open; /* each one block with its attributes */
    size_t open_capacity, n_open;
    /* The next new numbers. Beyond the ends above when the owners of larger ones are gone. */
    kp_asset next_asset;
    kp_signal next_signal;
    int64_t next_interval;
    atomic_uchar brought[UINT16_MAX + 1]; /* by coupling: enum kp_brought */
};

const char *model_asset_name(const struct kp_model *, uint32_t id);
const char *model_signal_name(const struct kp_model *, uint32_t id);
/* First place whose name is not below `name`. */
size_t children_find(const struct kp_model *, const struct children *,
                     const char *(*name_of)(const struct kp_model *, uint32_t), const char *name, size_t len);
kp_asset model_child_asset(const struct kp_model *, kp_asset parent, const char *name, size_t len);
kp_signal model_child_signal(const struct kp_model *, kp_asset parent, const char *name, size_t len);
void model_tell(struct kp_model *, enum kp_change, int64_t id, const struct kp_interval *);
void model_live_forget(struct live *);
void model_drop_intervals(struct kp_model *, kp_asset); /* the open ones of this asset */
bool model_label_valid(unsigned label);
bool model_kind_valid(unsigned kind);
#endif
