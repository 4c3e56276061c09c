/* SPDX-License-Identifier: Apache-2.0 */
#include "store/care.h"

#include "core/ban.h"

bool kp_rollup_turn(struct kp_store *s, struct kp_err *err)
{
    (void)s;
    (void)err;
    return false;
}
