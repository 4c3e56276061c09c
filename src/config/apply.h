/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_CONFIG_APPLY_H
#define KOPPEL_CONFIG_APPLY_H
/* The declarative file: how a node shall be, in YAML 1.2. docs/apply.md is its manual.
 *
 * A file is read and checked whole, against the node too, before anything changes. It touches only the
 * kinds of object it names. Assets and signals keep what their entry does not mention (the machine may
 * have said it); a coupling is described whole, so that a setting left out goes back to its default.
 * Secrets come from files and one that is not mentioned stays. Applied twice, the second plan is empty.
 *
 * Errors begin with FILE:LINE:COLUMN. What may not go to the recipient of plan or file is not in the one, which then is
 * refused, nor in the other, which says so. */
#include "gate/gate.h"
#include "node/node.h"
#include "store/secret.h"

enum { KP_APPLY_BYTES_MAX = 4 << 20 };

struct kp_applier { /* who applies a file */
    enum kp_recipient to;
    enum kp_role role;
};

/* Makes the node match the file. The plan, also of a dry run, is appended to `plan_json` as
 * [{"action":"add|change|remove","kind":"asset|coupling|node|signal|setting|retention|alarm rule|partner|offer","name":...,"detail":...}].
 * `prune` removes what the node has and the file does not, within the kinds the file names: couplings;
 * subscribed nodes of a coupling that lists nodes; signals that no coupling feeds; assets without signals; rules of alarms; offers and partners, who are the owner's. The delivery of alarms is one whole and a setting. */
enum kp_code kp_apply(struct kp_node *, struct kp_applier, const char *yaml, size_t len, const char *file_name, bool dry_run,
                      bool prune, struct kp_buf *plan_json, struct kp_err *);

/* Everything that can be checked without a node. */
enum kp_code kp_apply_check(const char *yaml, size_t len, const char *file_name, struct kp_err *);

/* Appends the file that makes this node: applied to it, the plan is empty. No secrets. */
enum kp_code kp_export(struct kp_node *, enum kp_recipient, struct kp_buf *yaml, struct kp_err *);
#endif
