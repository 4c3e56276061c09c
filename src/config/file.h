/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_CONFIG_FILE_H
#define KOPPEL_CONFIG_FILE_H
/* A configuration file after reading: checked as far as that goes without a node, with the place of
 * everything in it. Lives in its arena. */
#include "config/yaml.h"
#include "node/node.h"

enum kp_config_kind { KP_CONFIG_ASSET, KP_CONFIG_COUPLING, KP_CONFIG_SIGNAL, KP_CONFIG_SETTING, KP_CONFIG_RETENTION,
                      KP_CONFIG_ALARM, KP_CONFIG_DELIVERY, KP_CONFIG_CALENDAR, KP_CONFIG_SHOP, KP_CONFIG_ORDERS,
                      KP_CONFIG_SHIELD, KP_CONFIG_WATCH, KP_CONFIG_PARTNER, KP_CONFIG_OFFER, KP_CONFIG_COLLECTION,
                      KP_CONFIG_DEVICE, KP_CONFIG_FEED, KP_CONFIG_ALIASES, KP_CONFIG_KINDS };

struct kp_config_field {
    struct kp_field f;          /* the word and text that the node takes */
    const char *file;           /* where its text stands; f.value is NULL until kp_config_side_files */
    bool secret;
    struct kp_place key_at, at;
};

struct kp_config_node { /* one thing to subscribe */
    const char *source;
    const char *path; /* relative to the coupling's `at`; "/..." from the root; NULL: as the machine has it */
    struct kp_place at;
};

struct kp_config_entry {
    const char *name; /* path, name of the coupling, key of the setting, pattern */
    struct kp_place at;
    size_t n;
    struct kp_config_field *fields;
    const struct kp_yaml *tree; /* of a section or an entry that is one whole; its fields are the secrets in it */
    /* couplings only */
    const char *url;
    const struct kp_coupling_class *class;
    bool lists_nodes;
    size_t n_nodes;
    struct kp_config_node *nodes;
};

struct kp_config_list {
    bool present; /* the file names this kind, be it empty */
    size_t n;
    struct kp_config_entry *entries; /* in the file's order */
};

struct kp_config {
    const char *file;
    struct kp_arena arena;
    struct kp_config_list list[KP_CONFIG_KINDS];
};

/* What a node keeps for itself, by the word in the file. */
struct kp_config_setting {
    const char *name, *key; /* in the file; in the table `setting` */
    enum kp_code (*check)(const char *text, struct kp_err *);
};
extern const struct kp_config_setting kp_config_settings[]; /* ends with a NULL name */

const char *kp_config_kind_name(enum kp_config_kind); /* "asset" */
enum kp_code kp_config_read(struct kp_config *, const char *yaml, size_t len, const char *file, struct kp_err *);
/* Reads secrets and maps from their files. */
enum kp_code kp_config_side_files(struct kp_config *, struct kp_err *);
void kp_config_free(struct kp_config *);
#endif
