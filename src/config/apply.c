/* SPDX-License-Identifier: Apache-2.0 */
#include "config/apply.h"

#include "config/plan.h"
#include "shield/shield.h"

#include <string.h>

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

/* Whether a step is about a thing that is there and that the asker may not know. */
static bool hidden(struct kp_plan *p, enum kp_recipient to, const struct kp_plan_step *s)
{
    struct kp_model *m = kp_plan_model(p);
    bool asset = strcmp(s->kind, "asset") == 0, goes = true;
    if (strcmp(s->kind, "device") == 0)
        return kp_shield_device_may_go(kp_node_shield(p->node), to, s->name, &goes, p->err) || !goes;
    if (!asset && strcmp(s->kind, "signal") != 0 && strcmp(s->kind, "node") != 0)
        return false;
    kp_model_lock(m);
    uint32_t id = asset ? kp_model_find_asset(m, s->name) : kp_model_find_signal(m, s->name);
    bool may = !id || (asset ? kp_gate_asset(m, to, id) : kp_gate_signal(m, to, id));
    kp_model_unlock(m);
    return !may;
}

/* Else a token could take the label away, or be told what there is. */
static enum kp_code check_labels(struct kp_plan *p, enum kp_recipient to, struct kp_err *err)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n; i++)
        n += hidden(p, to, &p->steps[i]);
    if (err->code)
        return err->code;
    return n ? kp_fail(err, KP_EDENIED, "%zu of %zu changes are to things that are labelled secret: apply the file on the node",
                       n, p->n)
             : KP_OK;
}

enum kp_code kp_apply(struct kp_node *node, struct kp_applier by, const char *yaml, size_t len, const char *file_name,
                      bool dry_run, bool prune, struct kp_buf *plan_json, struct kp_err *err)
{
    struct kp_config config = { 0 };
    struct kp_plan plan = { 0 };
    if (!check_size(len, file_name, err) && !kp_config_read(&config, yaml, len, file_name, err) &&
        !kp_plan_make(&plan, node, &config, by, prune, err) && !check_labels(&plan, by.to, err)) {
        kp_plan_json(&plan, plan_json);
        if (!dry_run)
            kp_plan_run(&plan, err);
    }
    kp_plan_free(&plan);
    kp_config_free(&config);
    return err->code;
}
