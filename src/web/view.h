/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_WEB_VIEW_H
#define KOPPEL_WEB_VIEW_H
/* How things of the model look in JSON. The model's lock is held by the caller. */
#include "core/json.h"
#include "core/model.h"

/* {"code":0,"name":"Good"} */
void kp_view_code(struct kp_json *, uint32_t status);
/* Members only, without the braces, so that callers may add their own. */
void kp_view_asset(struct kp_json *, const struct kp_model *, const struct kp_asset_info *);
void kp_view_signal(struct kp_json *, const struct kp_model *, const struct kp_signal_info *);
/* The latest value alone: path, value, status code, time. */
void kp_view_value(struct kp_json *, const struct kp_model *, const struct kp_signal_info *);
/* The whole object; `removed` adds "removed":true. */
void kp_view_interval(struct kp_json *, const struct kp_model *, const struct kp_interval *, bool removed);
#endif
