/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_FLEX_CAPACITY_H
#define KOPPEL_FLEX_CAPACITY_H
/* What free time is made of. */
#include "flex/oee.h"

/* Work a machine gets done in planned time; proven: by how many shifts. */
double machine_yield(struct kp_shop *, const struct shop_rules *, const struct shop_machine *,
                     int64_t now, size_t *proven, struct kp_err *);

/* A machine that cannot work now, for it stands or is cut off for longer than the settings bear
 * with. */
struct outage {
    int64_t since, until; /* until: as its past repairs say, else the end of the shift; 0: none */
    bool offline;
    size_t repairs; /* that it has been judged by; 0: none */
};
enum kp_code machine_outage(struct kp_shop *, const struct shop_rules *,
                            const struct shop_machine *, int64_t now, struct outage *,
                            struct kp_err *);
#endif
