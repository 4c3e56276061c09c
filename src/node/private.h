/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_NODE_PRIVATE_H
#define KOPPEL_NODE_PRIVATE_H
/* What the files of src/node share. */
#include "alarm/alarm.h"
#include "core/rota.h"
#include "flex/drop.h"
#include "node/computed.h"
#include "node/levels.h"
#include "node/node.h"
#include "share/share.h"
#include "shield/shield.h"
#include "watch/watches.h"

#include <pthread.h>

/* One coupling as it stands in the file. Fields are the words of kp_node_couple, secrets included.
 */
struct coupling {
    uint16_t id;
    const struct kp_coupling_class *class;
    struct kp_arena arena; /* owns the fields and their texts */
    size_t n;
    struct kp_field *fields;
};

struct kp_node {
    char *dir, *name;
    const struct kp_clock *clock;
    struct kp_store *store;
    struct kp_hub *hub;
    struct kp_alarms *alarms;
    struct kp_shop *shop;
    struct kp_inbox *inbox;
    struct kp_share *share;
    struct kp_shield *shield;
    struct kp_computed *computed;
    struct kp_watches *watches;
    struct kp_level_learner *learner;
    struct kp_discover *discover;
    struct kp_rota *soon, *calm; /* calm: what may take long */
    int64_t started;
    bool running;
    pthread_mutex_t changing;    /* one change of couplings at a time; guards what follows */
    struct coupling **couplings; /* in name order */
    size_t n, capacity;
};

/* A field's value, or NULL. */
const char *field_find(const struct kp_field *, size_t n, const char *key);
bool field_empty(const struct kp_field *);
/* "true", "yes", "on", "1" and their opposites. */
enum kp_code field_bool(const struct kp_field *, bool *out, struct kp_err *);
enum kp_code field_time(const struct kp_field *, int64_t *out, struct kp_err *);
/* "unknown key 'adress', did you mean 'address'?" */
enum kp_code field_unknown(const char *key, const char *const *known, struct kp_err *);

/* Runs fn in the hub thread, then waits until what it changed is in the file. `err` is fn's own. */
enum kp_code node_change(struct kp_node *, void (*fn)(void *), void *arg, struct kp_err *err);

enum kp_code couplings_load(struct kp_node *, struct kp_err *);
void couplings_free(struct kp_node *);
struct coupling *coupling_find(struct kp_node *, const char *name,
                               struct kp_err *); /* `changing` held */
#endif
