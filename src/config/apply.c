/* SPDX-License-Identifier: Apache-2.0 */
#include "config/apply.h"

#include "config/plan.h"

#include "core/ban.h"

static enum kp_code check_size(size_t len, const char *file, struct kp_err *err)
{
    if (len <= KP_APPLY_BYTES_MAX)
        return KP_OK;
    return kp_fail(err, KP_EFULL, "%.100s: larger than %d MiB", file, KP_APPLY_BYTES_MAX >> 20);
}

enum kp_code kp_apply_check(const char *yaml, size_t len, const char *file_name, struct kp_err *err)
{
    struct kp_config config = { 0 };
    if (!check_size(len, file_name, err))
        kp_config_read(&config, yaml, len, file_name, err);
    kp_config_free(&config);
    return err->code;
}

enum kp_code kp_apply(struct kp_node *node, const char *yaml, size_t len, const char *file_name, bool dry_run,
                      bool prune, struct kp_buf *plan_json, struct kp_err *err)
{
    struct kp_config config = { 0 };
    struct kp_plan plan = { 0 };
    if (!check_size(len, file_name, err) && !kp_config_read(&config, yaml, len, file_name, err) &&
        !kp_plan_make(&plan, node, &config, prune, err)) {
        kp_plan_json(&plan, plan_json);
        if (!dry_run)
            kp_plan_run(&plan, err);
    }
    kp_plan_free(&plan);
    kp_config_free(&config);
    return err->code;
}
