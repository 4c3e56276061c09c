/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_CONFIG_PLAN_H
#define KOPPEL_CONFIG_PLAN_H
/* What has to change so that a node matches a file: steps in the order in which they are done. Making a plan
 * only looks; everything that can be refused is refused here. */
#include "config/apply.h"
#include "config/file.h"

#include <jansson.h>

struct kp_plan;

struct kp_plan_step {
    const char *action, *kind, *name, *detail; /* detail: "every: 200ms -> 1s", or NULL */
    enum kp_code (*run)(struct kp_plan *, const struct kp_plan_step *, struct kp_err *); /* NULL: done by an earlier one */
    const struct kp_config_entry *entry;
    size_t n;
    struct kp_field *fields;
    struct kp_plan_nodes *nodes;
};

struct kp_plan_signal { /* a signal the node has */
    uint16_t coupling;
    const char *source;
    kp_signal id;
};

struct kp_plan_wanted { /* where a node of the file shall stand */
    const char *path; /* NULL: wherever it stands */
    const struct kp_config_entry *coupling;
    const struct kp_config_node *node;
    kp_signal id; /* the signal that has this source now; 0 = none yet */
};

struct kp_plan {
    struct kp_node *node;
    struct kp_config *config;
    struct kp_applier by;
    bool prune;
    struct kp_arena arena;
    struct kp_plan_step *steps;
    size_t n, capacity;
    size_t n_couplings;
    struct kp_coupling_view *couplings; /* as they are */
    size_t n_signals;
    struct kp_plan_signal *signals; /* by coupling, then source; only when nodes or pruning need them */
    size_t n_wanted;
    struct kp_plan_wanted *wanted; /* by path */
    struct kp_err *err;
};

enum kp_code kp_plan_make(struct kp_plan *, struct kp_node *, struct kp_config *, struct kp_applier, bool prune,
                          struct kp_err *);
void kp_plan_json(const struct kp_plan *, struct kp_buf *);
enum kp_code kp_plan_run(struct kp_plan *, struct kp_err *);
void kp_plan_free(struct kp_plan *);

/* ---- for the files plan_*.c ---- */
struct kp_model *kp_plan_model(const struct kp_plan *);
struct kp_plan_step *kp_plan_add(struct kp_plan *, const char *action, const char *kind, const char *name);
/* Notes a field that the step changes; `secret` shows neither text. */
enum kp_code kp_plan_field(struct kp_plan *, struct kp_plan_step *, const char *key, const char *old, const char *new,
                           bool secret);
enum kp_code kp_plan_fault(struct kp_plan *, struct kp_place, enum kp_code, const char *text);
enum kp_code kp_plan_no_memory(struct kp_plan *);
const struct kp_coupling_view *kp_plan_coupling(const struct kp_plan *, const char *name);
/* The entry of the file with this name; NULL: there is none. */
const struct kp_config_entry *kp_plan_entry(const struct kp_plan *, enum kp_config_kind, const char *name);
/* Whether a text says yes to the node. */
bool kp_plan_yes(const char *text);

enum kp_code kp_plan_assets(struct kp_plan *);
enum kp_code kp_plan_settings(struct kp_plan *);
enum kp_code kp_plan_retention(struct kp_plan *);
enum kp_code kp_plan_alarms(struct kp_plan *);
enum kp_code kp_plan_watches(struct kp_plan *);
enum kp_code kp_plan_remove_watches(struct kp_plan *);
enum kp_code kp_plan_documents(struct kp_plan *); /* delivery, calendar, shop floor */
/* What an entry with a tree says, with its secrets; NULL: out of memory. json_decref it. */
json_t *kp_config_json(const struct kp_config_entry *);
enum kp_code kp_export_documents(struct kp_node *, struct kp_buf *yaml, struct kp_err *);
/* A map at that indent; `first` stands before its first member, where a list's dash is. */
void kp_export_map(struct kp_buf *yaml, const char *first, unsigned indent, const json_t *map);
enum kp_code kp_plan_shield(struct kp_plan *); /* collections, devices, feeds, other names of makers */
enum kp_code kp_export_shield(struct kp_node *, enum kp_recipient, struct kp_buf *yaml, struct kp_err *);
enum kp_code kp_plan_remove_shield(struct kp_plan *);
enum kp_code kp_plan_remove_alarms(struct kp_plan *);
enum kp_code kp_plan_partners(struct kp_plan *);
enum kp_code kp_plan_offers(struct kp_plan *);
enum kp_code kp_plan_remove_offers(struct kp_plan *);
enum kp_code kp_plan_remove_partners(struct kp_plan *);
/* Sections partners and offers. */
enum kp_code kp_export_share(struct kp_node *, struct kp_buf *yaml, struct kp_err *);
enum kp_code kp_plan_couplings(struct kp_plan *);
enum kp_code kp_plan_nodes(struct kp_plan *);
enum kp_code kp_plan_signals(struct kp_plan *);
/* With `prune`, in this order. */
enum kp_code kp_plan_remove_signals(struct kp_plan *);
enum kp_code kp_plan_remove_couplings(struct kp_plan *);
enum kp_code kp_plan_remove_assets(struct kp_plan *);
#endif
