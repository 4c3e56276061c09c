/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_NODE_NODE_H
#define KOPPEL_NODE_NODE_H
/* The node: store, hub and couplings wired together, and every change a person can make to it. The
 * REST API, apply files and the tests all come through here, so each rule stands once.
 *
 * A change is checked whole, made in the hub thread, and durable when the call returns. */
#include "core/hub.h"
#include "gate/gate.h"
#include "store/user.h"

struct kp_node;

/* What opens a new node, to be shown once. */
struct kp_first {
    const char *owner;               /* given: the first user, or NULL for none */
    char password[KP_PASSWORD_TEXT]; /* of the owner, who has to change it */
    char token[KP_TOKEN_TEXT];
};
/* `koppel init`: makes `dir` (mode 0700) with factory.db, node.key, the OPC UA identity, a first
 * token and the first owner. Leaves nothing behind on failure. */
enum kp_code kp_node_create(const char *dir, const char *name, struct kp_first *, struct kp_err *);

struct kp_node_options {
    const struct kp_clock *clock;
    int64_t commit_every; /* ns; 0 = the file's setting */
};
/* Opens the file, loads the model, adds the couplings; nothing runs yet. */
struct kp_node *kp_node_open(const char *dir, const struct kp_node_options *, struct kp_err *);
enum kp_code kp_node_start(struct kp_node *, struct kp_err *);
void kp_node_stop(struct kp_node *);
void kp_node_free(struct kp_node *);

struct kp_discover;
struct kp_alarms;
struct kp_shop;
struct kp_share;
struct kp_shield;
struct kp_watches;
struct kp_hub *kp_node_hub(struct kp_node *);
struct kp_store *kp_node_store(struct kp_node *);
struct kp_discover *kp_node_discover(struct kp_node *); /* looking for machines; couplings/discover/discover.h */
struct kp_alarms *kp_node_alarms(struct kp_node *); /* alarm/alarm.h */
struct kp_shop *kp_node_shop(struct kp_node *); /* flex/shop.h */
struct kp_share *kp_node_share(struct kp_node *); /* share/share.h */
struct kp_shield *kp_node_shield(struct kp_node *); /* shield/shield.h */
struct kp_watches *kp_node_watches(struct kp_node *); /* watch/watches.h */
/* What is offered has changed: what the node works out for partners is looked at again. */
void kp_node_offers_changed(struct kp_node *);
const char *kp_node_dir(const struct kp_node *);
const char *kp_node_name(const struct kp_node *);
int64_t kp_node_started(const struct kp_node *); /* ns UTC */

/* ---- fields: changes as name and text, the same words in REST, YAML and CLI ---- */
struct kp_field {
    const char *key, *value; /* value NULL or "" = back to the default */
};

/* ---- assets and signals ---- */
/* Fields of an asset: path (rename or move), kind, label, description, and the nameplate's names
 * ("ManufacturerName" ...; typed by hand from then on, given back to the machine with ""). */
enum kp_code kp_node_make_asset(struct kp_node *, const char *path, const struct kp_field *,
                                size_t n, struct kp_err *);
enum kp_code kp_node_change_asset(struct kp_node *, const char *path, const struct kp_field *,
                                  size_t n, struct kp_err *);
enum kp_code kp_node_remove_asset(struct kp_node *, const char *path, struct kp_err *);
/* Fields of a signal: path, description, unit, unitText, low, high, label, stored, writable, role.
 */
enum kp_code kp_node_change_signal(struct kp_node *, const char *path, const struct kp_field *,
                                   size_t n, struct kp_err *);
enum kp_code kp_node_remove_signal(struct kp_node *, const char *path, struct kp_err *);
/* Checks the fields without changing anything. */
enum kp_code kp_node_check_asset(const struct kp_field *, size_t n, struct kp_err *);
enum kp_code kp_node_check_signal(const struct kp_field *, size_t n, struct kp_err *);
/* Writes a value, given as text of the signal's type, to the machine. */
enum kp_code kp_node_write(struct kp_node *, const char *path, const char *value, struct kp_err *);

/* ---- intervals ---- */
/* Fields: kind, start, end, label, attributes (a JSON object). Sets *id. */
enum kp_code kp_node_make_interval(struct kp_node *, const char *asset_path,
                                   const struct kp_field *, size_t n, int64_t *id, struct kp_err *);
/* KP_ENOTFOUND, too, for one that the asker may not know. */
enum kp_code kp_node_change_interval(struct kp_node *, enum kp_recipient asker, int64_t id,
                                     const struct kp_field *, size_t n, struct kp_err *);
enum kp_code kp_node_remove_interval(struct kp_node *, enum kp_recipient asker, int64_t id,
                                     struct kp_err *);

/* ---- couplings ---- */
struct kp_coupling_view { /* texts live in the arena given */
    uint16_t id;
    const char *name, *url, *at, *protocol;
    bool enabled;
    const struct kp_option *options; /* of its class */
    const char *include, *exclude;   /* the filter, as typed, or NULL */
    const char *every, *deadband, *clock; /* as typed; NULL = the default */
    size_t n; /* settings that differ from the default; secrets as "***" */
    struct kp_field *settings;
    struct kp_coupling_status status;
};
/* Fields: name (default: from the URL), at (default: the name), enabled, include, exclude, every,
 * deadband, clock, and the class's options. Copies the name given to `name` (KP_NAME_MAX). */
enum kp_code kp_node_couple(struct kp_node *, const char *url, const struct kp_field *, size_t n,
                            char *name, struct kp_err *);
/* Fields as above, and url. Only what changed reconnects. */
enum kp_code kp_node_change_coupling(struct kp_node *, const char *name, const struct kp_field *,
                                     size_t n, struct kp_err *);
/* Checks the fields of a new coupling (url) or of a change (name, url NULL) without changing
 * anything. */
enum kp_code kp_node_check_coupling(struct kp_node *, const char *name, const char *url,
                                    const struct kp_field *, size_t n, struct kp_err *);
/* Its signals stay with their history unless `forget`. */
enum kp_code kp_node_uncouple(struct kp_node *, const char *name, bool forget, struct kp_err *);
/* All, in name order, or the one named. */
enum kp_code kp_node_couplings(struct kp_node *, const char *name, struct kp_arena *,
                               struct kp_coupling_view **out, size_t *n, struct kp_err *);
/* 0 and KP_ENOTFOUND (naming the nearest) when there is none. */
uint16_t kp_node_coupling_id(struct kp_node *, const char *name, struct kp_err *);
/* Subscribes more of what the machine offers: by source address (with a path of one's own or, path
 * NULL, the catalogue's), or everything matching a pattern in the catalogue. Refuses above the
 * server's budget. Returns how many were added through *added. */
struct kp_choice {
    const char *source, *path, *pattern; /* source or pattern */
};
enum kp_code kp_node_choose(struct kp_node *, const char *coupling, const struct kp_choice *,
                            size_t n, size_t *added, struct kp_err *);
enum kp_code kp_node_reconnect(struct kp_node *, const char *coupling, struct kp_err *);
enum kp_code kp_node_browse(struct kp_node *, const char *coupling, struct kp_err *);
/* Trusts what the coupling met (fingerprint NULL: the newest) and reconnects at once. */
enum kp_code kp_node_trust(struct kp_node *, const char *coupling, const char *fingerprint,
                           struct kp_err *);
#endif
