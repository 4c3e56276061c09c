/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_WEB_VIEW_H
#define KOPPEL_WEB_VIEW_H
/* How things of the model look in JSON. The model's lock is held by the caller. */
#include "core/json.h"
#include "gate/gate.h"

/* {"code":0,"name":"Good"} */
void kp_view_code(struct kp_json *, uint32_t status);
/* The asset that follows in path order, depth first; 0 = none. */
kp_asset kp_view_asset_after(const struct kp_model *, kp_asset);
/* What an asset is doing: its open interval of kind state, if that may go there. */
struct kp_doing {
    char state[KP_NAME_MAX]; /* "" = not known */
    int64_t since;
};
struct kp_doing kp_view_doing(const struct kp_model *, kp_asset, enum kp_recipient);
/* Members only, without the braces, so that callers may add their own. */
void kp_view_asset(struct kp_json *, const struct kp_model *, const struct kp_asset_info *, enum kp_recipient);
void kp_view_signal(struct kp_json *, const struct kp_model *, const struct kp_signal_info *, const char *path);
/* The latest value alone: path, value, status code, time. */
void kp_view_value(struct kp_json *, const struct kp_model *, const struct kp_signal_info *, const char *path);
/* The whole object; `removed` adds "removed":true. */
void kp_view_interval(struct kp_json *, const struct kp_model *, const struct kp_interval *, bool removed);
#endif
