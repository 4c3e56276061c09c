/* SPDX-License-Identifier: Apache-2.0 */
#include "node/private.h"

#include <string.h>
#include <strings.h>

#include "core/ban.h"

const char *field_find(const struct kp_field *fields, size_t n, const char *key)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(fields[i].key, key) == 0)
            return fields[i].value;
    return NULL;
}

bool field_empty(const struct kp_field *f)
{
    return !f->value || !*f->value;
}

enum kp_code field_bool(const struct kp_field *f, bool *out, struct kp_err *err)
{
    static const char *const yes[] = { "true", "yes", "on", "1" };
    static const char *const no[] = { "false", "no", "off", "0" };
    for (size_t i = 0; !field_empty(f) && i < sizeof yes / sizeof yes[0]; i++) {
        if (strcasecmp(f->value, yes[i]) == 0 || strcasecmp(f->value, no[i]) == 0) {
            *out = strcasecmp(f->value, yes[i]) == 0;
            return KP_OK;
        }
    }
    return kp_fail(err, KP_EINVALID, "%s: '%.60s' is neither on nor off", f->key,
                   f->value ? f->value : "");
}

enum kp_code field_time(const struct kp_field *f, int64_t *out, struct kp_err *err)
{
    if (!field_empty(f) && kp_time_parse(f->value, out))
        return KP_OK;
    return kp_fail(err, KP_EINVALID, "%s: '%.60s' is not a time such as 2026-11-24T10:00:00Z",
                   f->key, f->value ? f->value : "");
}

enum kp_code field_unknown(const char *key, const char *const *known, struct kp_err *err)
{
    const char *near = kp_nearest(key, known);
    return kp_fail(err, KP_EINVALID,
                   near ? "unknown key '%.60s', did you mean '%s'?" : "unknown key '%.60s'", key,
                   near);
}

enum kp_code node_change(struct kp_node *node, void (*fn)(void *), void *arg, struct kp_err *err)
{
    if (kp_hub_call(node->hub, fn, arg) != KP_OK)
        return kp_fail(err, KP_ESTOPPED, "the node is stopping");
    if (err->code)
        return err->code;
    return kp_store_sync(node->store, err);
}
