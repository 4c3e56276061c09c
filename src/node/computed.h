/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_NODE_COMPUTED_H
#define KOPPEL_NODE_COMPUTED_H
/* What no machine says but the node works out for partners: the free hours of machines and their
 * key figures, as signals below the machine (MACHINE/capacity/week-0 ..., MACHINE/figures/...).
 * They are there while a dataset of share_dataset holds them, labelled partner for that time, and
 * kept up to date: looked at every few seconds, said anew when they change. */
#include "core/err.h"

struct kp_node;
struct kp_computed;
struct kp_computed *kp_computed_new(struct kp_node *, struct kp_err *);
void kp_computed_start(struct kp_computed *); /* a thread begins when there is something to work out */
void kp_computed_stop(struct kp_computed *);
void kp_computed_free(struct kp_computed *);  /* NULL is allowed */
void kp_computed_hurry(struct kp_computed *); /* datasets have changed; any thread */
#endif
