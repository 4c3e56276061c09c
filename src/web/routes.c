/* SPDX-License-Identifier: Apache-2.0 */
#include "web/routes.h"

#include "shield/shield.h"
#include "store/interval_sum.h"

#include "core/ban.h"

static const char *const formats[] = { "pem", "der", NULL };
static const char *const pull_formats[] = { "jsonl", "csv", NULL };
static const char *const history_formats[] = { "json", "csv", NULL };
static const char *const interval_kinds[] = { "state", "job", "program", "part", "stop", "shift",
                                              "batch", "alarm", "gap", NULL };
static const int64_t year = INT64_C(365) * 86400 * KP_SECOND;

#define PARAMS static const struct kp_param
#define END { .name = NULL }
#define PATH_REQUIRED { .name = "path", .type = KP_PARAM_PATH, .required = true }
#define PAGED(standard_, max_)                              \
    { .name = "match", .type = KP_PARAM_PATTERN },          \
    { .name = "after", .type = KP_PARAM_PATH },             \
    { .name = "limit", .type = KP_PARAM_INT, .min = 1, .max = (max_), .standard = (standard_) }

PARAMS one_path[] = { PATH_REQUIRED, END };
PARAMS paged[] = { PAGED(1000, 10000), END };
PARAMS tree_params[] = {
    { .name = "path", .type = KP_PARAM_PATH },
    { .name = "depth", .type = KP_PARAM_INT, .min = 0, .max = KP_DEPTH_MAX, .standard = 1 },
    { .name = "signals", .type = KP_PARAM_BOOL, .standard = 1 },
    END,
};
PARAMS history_params[] = {
    { .name = "path", .type = KP_PARAM_PATH, .required = true, .many = true },
    { .name = "from", .type = KP_PARAM_TIME, .standard = KP_NO_TIME },
    { .name = "to", .type = KP_PARAM_TIME, .standard = KP_NO_TIME },
    { .name = "limit", .type = KP_PARAM_INT, .min = 1, .max = KP_POINTS_MAX, .standard = KP_POINTS_DEFAULT },
    { .name = "after", .type = KP_PARAM_TEXT },
    { .name = "points", .type = KP_PARAM_INT, .min = 2, .max = 100000 },
    { .name = "every", .type = KP_PARAM_DURATION, .min = KP_MILLISECOND, .max = year },
    { .name = "fn", .type = KP_PARAM_TEXT },
    { .name = "format", .type = KP_PARAM_CHOICE, .choices = history_formats },
    END,
};
PARAMS forecast_params[] = {
    PATH_REQUIRED,
    { .name = "horizon", .type = KP_PARAM_DURATION, .min = 300 * KP_SECOND, .max = 14 * 86400 * KP_SECOND, .standard = 86400 * KP_SECOND },
    { .name = "step", .type = KP_PARAM_DURATION, .min = 300 * KP_SECOND, .max = 6 * 3600 * KP_SECOND },
    { .name = "total", .type = KP_PARAM_BOOL },
    END,
};
PARAMS pull_params[] = {
    { .name = "from", .type = KP_PARAM_TIME, .standard = KP_NO_TIME },
    { .name = "to", .type = KP_PARAM_TIME, .standard = KP_NO_TIME },
    { .name = "format", .type = KP_PARAM_CHOICE, .choices = pull_formats, .standard = -1 },
    { .name = "follow", .type = KP_PARAM_BOOL },
    { .name = "host", .type = KP_PARAM_TEXT },
    END,
};
PARAMS interval_params[] = {
    { .name = "path", .type = KP_PARAM_PATH },
    { .name = "kind", .type = KP_PARAM_CHOICE, .choices = interval_kinds },
    { .name = "from", .type = KP_PARAM_TIME, .standard = KP_NO_TIME },
    { .name = "to", .type = KP_PARAM_TIME, .standard = KP_NO_TIME },
    { .name = "limit", .type = KP_PARAM_INT, .min = 1, .max = 10000, .standard = 1000 },
    END,
};
PARAMS interval_sum_params[] = {
    { .name = "asset", .type = KP_PARAM_PATTERN, .required = true, .many = true },
    { .name = "kind", .type = KP_PARAM_CHOICE, .choices = interval_kinds, .required = true },
    { .name = "from", .type = KP_PARAM_TIME, .standard = KP_NO_TIME },
    { .name = "to", .type = KP_PARAM_TIME, .standard = KP_NO_TIME },
    { .name = "every", .type = KP_PARAM_DURATION, .min = KP_SECOND, .max = year },
    { .name = "by", .type = KP_PARAM_CHOICE, .choices = kp_sum_words + 1 }, /* without "every" */
    { .name = "attribute", .type = KP_PARAM_TEXT },
    END,
};
PARAMS stream_params[] = {
    { .name = "match", .type = KP_PARAM_PATTERN },
    { .name = "every", .type = KP_PARAM_DURATION, .min = 0, .max = year },
    { .name = "deadband", .type = KP_PARAM_NUMBER, .min = 0, .max = 1000000000 },
    { .name = "intervals", .type = KP_PARAM_BOOL },
    { .name = "alarms", .type = KP_PARAM_BOOL },
    { .name = "alarmsOf", .type = KP_PARAM_PATTERN },
    END,
};
PARAMS changes_params[] = {
    { .name = "after", .type = KP_PARAM_TEXT },
    { .name = "consumer", .type = KP_PARAM_TEXT },
    { .name = "limit", .type = KP_PARAM_INT, .min = 1, .max = 20000, .standard = 1000 },
    END,
};
PARAMS forget_params[] = { { .name = "forget", .type = KP_PARAM_BOOL }, END };
PARAMS retention_params[] = { { .name = "dryRun", .type = KP_PARAM_BOOL }, END };
PARAMS usage_params[] = {
    { .name = "match", .type = KP_PARAM_PATTERN },
    { .name = "limit", .type = KP_PARAM_INT, .min = 1, .max = 10000, .standard = 20 },
    END,
};
PARAMS import_params[] = {
    { .name = "format", .type = KP_PARAM_CHOICE, .choices = kp_import_formats },
    { .name = "at", .type = KP_PARAM_PATH },
    { .name = "column", .type = KP_PARAM_TEXT },
    { .name = "path", .type = KP_PARAM_TEXT },
    { .name = "precision", .type = KP_PARAM_CHOICE, .choices = kp_precisions },
    { .name = "local", .type = KP_PARAM_BOOL },
    { .name = "dryRun", .type = KP_PARAM_BOOL },
    { .name = "line", .type = KP_PARAM_INT, .min = 1, .max = INT64_MAX, .standard = 1 },
    END,
};
PARAMS line_protocol_params[] = {
    { .name = "precision", .type = KP_PARAM_CHOICE, .choices = kp_precisions },
    { .name = "db", .type = KP_PARAM_TEXT },
    { .name = "rp", .type = KP_PARAM_TEXT },
    { .name = "consistency", .type = KP_PARAM_TEXT },
    { .name = "org", .type = KP_PARAM_TEXT },
    { .name = "bucket", .type = KP_PARAM_TEXT },
    END,
};
PARAMS quarantine_params[] = {
    { .name = "coupling", .type = KP_PARAM_TEXT },
    { .name = "path", .type = KP_PARAM_PATH },
    { .name = "from", .type = KP_PARAM_TIME, .standard = KP_NO_TIME },
    { .name = "after", .type = KP_PARAM_INT, .min = 0, .max = INT64_MAX },
    { .name = "limit", .type = KP_PARAM_INT, .min = 1, .max = 10000, .standard = 1000 },
    END,
};
PARAMS delivery_log_params[] = {
    { .name = "limit", .type = KP_PARAM_INT, .min = 1, .max = 1000, .standard = 100 },
    END,
};
PARAMS alarm_params[] = {
    { .name = "state", .type = KP_PARAM_CHOICE, .choices = kp_alarm_which_words },
    { .name = "asset", .type = KP_PARAM_PATTERN },
    { .name = "from", .type = KP_PARAM_TIME, .standard = KP_NO_TIME },
    { .name = "to", .type = KP_PARAM_TIME, .standard = KP_NO_TIME },
    { .name = "after", .type = KP_PARAM_INT, .min = 0, .max = INT64_MAX },
    { .name = "limit", .type = KP_PARAM_INT, .min = 1, .max = 10000, .standard = 1000 },
    END,
};
PARAMS post_params[] = {
    { .name = "watch", .type = KP_PARAM_TEXT },
    { .name = "about", .type = KP_PARAM_PATTERN },
    { .name = "signal", .type = KP_PARAM_PATH },
    { .name = "state", .type = KP_PARAM_CHOICE, .choices = kp_post_state_words },
    { .name = "after", .type = KP_PARAM_INT, .min = 0, .max = INT64_MAX },
    { .name = "limit", .type = KP_PARAM_INT, .min = 1, .max = 10000, .standard = 1000 },
    END,
};
PARAMS post_score_params[] = {
    { .name = "from", .type = KP_PARAM_TIME, .standard = KP_NO_TIME },
    { .name = "to", .type = KP_PARAM_TIME, .standard = KP_NO_TIME },
    END,
};
PARAMS audit_params[] = {
    { .name = "from", .type = KP_PARAM_TIME, .standard = KP_NO_TIME },
    { .name = "to", .type = KP_PARAM_TIME, .standard = KP_NO_TIME },
    { .name = "user", .type = KP_PARAM_TEXT },
    { .name = "action", .type = KP_PARAM_TEXT },
    { .name = "after", .type = KP_PARAM_INT, .min = 0, .max = INT64_MAX },
    { .name = "limit", .type = KP_PARAM_INT, .min = 1, .max = 10000, .standard = 1000 },
    END,
};
PARAMS exits_params[] = {
    { .name = "partner", .type = KP_PARAM_TEXT },
    { .name = "since", .type = KP_PARAM_TIME, .standard = KP_NO_TIME },
    { .name = "after", .type = KP_PARAM_INT, .min = 0, .max = INT64_MAX },
    { .name = "skip", .type = KP_PARAM_INT, .min = 0, .max = 1000000 },
    { .name = "limit", .type = KP_PARAM_INT, .min = 1, .max = 1000, .standard = 100 },
    END,
};
PARAMS deals_params[] = {
    { .name = "after", .type = KP_PARAM_INT, .min = 0, .max = INT64_MAX },
    { .name = "limit", .type = KP_PARAM_INT, .min = 1, .max = 1000, .standard = 1000 },
    END,
};
PARAMS by_id_params[] = {
    { .name = "after", .type = KP_PARAM_TEXT },
    { .name = "limit", .type = KP_PARAM_INT, .min = 1, .max = 1000, .standard = 1000 },
    END,
};
PARAMS stix_params[] = {
    { .name = "type", .type = KP_PARAM_TEXT },
    { .name = "find", .type = KP_PARAM_TEXT },
    { .name = "after", .type = KP_PARAM_INT, .min = 0, .max = INT64_MAX },
    { .name = "limit", .type = KP_PARAM_INT, .min = 1, .max = 1000, .standard = 100 },
    END,
};
PARAMS observations_params[] = {
    { .name = "kind", .type = KP_PARAM_TEXT },
    { .name = "address", .type = KP_PARAM_TEXT },
    { .name = "after", .type = KP_PARAM_INT, .min = 0, .max = INT64_MAX },
    { .name = "limit", .type = KP_PARAM_INT, .min = 1, .max = 1000, .standard = 100 },
    { .name = "stix", .type = KP_PARAM_BOOL },
    END,
};
PARAMS hits_params[] = {
    { .name = "open", .type = KP_PARAM_BOOL },
    END,
};
PARAMS oidc_params[] = { /* the first three are read; providers send the others too */
    { .name = "state", .type = KP_PARAM_TEXT },
    { .name = "code", .type = KP_PARAM_TEXT },
    { .name = "iss", .type = KP_PARAM_TEXT },
    { .name = "error", .type = KP_PARAM_TEXT },
    { .name = "error_description", .type = KP_PARAM_TEXT },
    { .name = "error_uri", .type = KP_PARAM_TEXT },
    { .name = "session_state", .type = KP_PARAM_TEXT },
    { .name = "scope", .type = KP_PARAM_TEXT },
    { .name = "authuser", .type = KP_PARAM_TEXT },
    { .name = "prompt", .type = KP_PARAM_TEXT },
    { .name = "hd", .type = KP_PARAM_TEXT },
    END,
};
#define SHOP_PARAMS                                                                        \
    { .name = "asset", .type = KP_PARAM_PATTERN, .many = true },                            \
    { .name = "from", .type = KP_PARAM_TIME, .standard = KP_NO_TIME },                      \
    { .name = "to", .type = KP_PARAM_TIME, .standard = KP_NO_TIME }
PARAMS oee_params[] = {
    SHOP_PARAMS,
    { .name = "every", .type = KP_PARAM_CHOICE, .choices = kp_shop_every_words },
    END,
};
PARAMS stops_params[] = {
    SHOP_PARAMS,
    { .name = "reason", .type = KP_PARAM_TEXT },
    { .name = "limit", .type = KP_PARAM_INT, .min = 0, .max = 10000, .standard = 1000 },
    END,
};
PARAMS planned_params[] = {
    { .name = "asset", .type = KP_PARAM_PATH, .required = true },
    { .name = "from", .type = KP_PARAM_TIME, .standard = KP_NO_TIME },
    { .name = "to", .type = KP_PARAM_TIME, .standard = KP_NO_TIME },
    END,
};
PARAMS capacity_params[] = {
    { .name = "asset", .type = KP_PARAM_PATTERN, .many = true },
    { .name = "weeks", .type = KP_PARAM_INT, .min = 1, .max = 104, .standard = 8 },
    END,
};
PARAMS orders_params[] = {
    { .name = "state", .type = KP_PARAM_CHOICE, .choices = kp_order_words },
    { .name = "asset", .type = KP_PARAM_PATTERN },
    { .name = "direction", .type = KP_PARAM_CHOICE, .choices = kp_direction_words },
    { .name = "sender", .type = KP_PARAM_TEXT },
    { .name = "q", .type = KP_PARAM_TEXT },
    { .name = "after", .type = KP_PARAM_INT, .min = 0, .max = INT64_MAX },
    { .name = "limit", .type = KP_PARAM_INT, .min = 1, .max = 1000, .standard = 100 },
    END,
};
PARAMS bookings_params[] = {
    { .name = "from", .type = KP_PARAM_TIME, .standard = KP_NO_TIME },
    { .name = "to", .type = KP_PARAM_TIME, .standard = KP_NO_TIME },
    { .name = "order", .type = KP_PARAM_INT, .min = 0, .max = INT64_MAX },
    { .name = "asset", .type = KP_PARAM_PATTERN },
    { .name = "after", .type = KP_PARAM_INT, .min = 0, .max = INT64_MAX },
    { .name = "limit", .type = KP_PARAM_INT, .min = 1, .max = 10000, .standard = 1000 },
    END,
};
PARAMS folder_log_params[] = {
    { .name = "folder", .type = KP_PARAM_TEXT },
    { .name = "after", .type = KP_PARAM_INT, .min = 0, .max = INT64_MAX },
    { .name = "limit", .type = KP_PARAM_INT, .min = 1, .max = 1000, .standard = 100 },
    END,
};
#define REPORT_PARAMS                                                                      \
    { .name = "asset", .type = KP_PARAM_PATTERN, .many = true },                            \
    { .name = "language", .type = KP_PARAM_CHOICE, .choices = kp_report_languages },        \
    { .name = "format", .type = KP_PARAM_CHOICE, .choices = kp_report_formats }
PARAMS report_shift_params[] = {
    REPORT_PARAMS,
    { .name = "at", .type = KP_PARAM_TIME, .standard = KP_NO_TIME },
    END,
};
PARAMS report_month_params[] = {
    REPORT_PARAMS,
    { .name = "month", .type = KP_PARAM_TEXT },
    END,
};
#define LANGUAGE { .name = "language", .type = KP_PARAM_CHOICE, .choices = kp_report_languages }
PARAMS language_params[] = { LANGUAGE, END };
PARAMS incidents_params[] = { { .name = "all", .type = KP_PARAM_BOOL }, LANGUAGE, END };
PARAMS incident_file_params[] = {
    LANGUAGE,
    { .name = "format", .type = KP_PARAM_CHOICE, .choices = kp_incident_formats },
    END,
};
PARAMS values_params[] = { { .name = "at", .type = KP_PARAM_PATH }, END };
PARAMS discover_params[] = {
    { .name = "from", .type = KP_PARAM_INT, .min = 0, .max = 10000 },
    { .name = "limit", .type = KP_PARAM_INT, .min = 1, .max = 5000, .standard = 1000 },
    END,
};
PARAMS profile_params[] = {
    { .name = "profile", .type = KP_PARAM_TEXT },
    { .name = "after", .type = KP_PARAM_PATH },
    { .name = "limit", .type = KP_PARAM_INT, .min = 1, .max = 10000, .standard = 1000 },
    END,
};
#define SKIPPED(standard_, max_)                                                    \
    { .name = "skip", .type = KP_PARAM_INT, .min = 0, .max = 1000000 },             \
    { .name = "limit", .type = KP_PARAM_INT, .min = 1, .max = (max_), .standard = (standard_) }
PARAMS findings_params[] = {
    { .name = "all", .type = KP_PARAM_BOOL },
    { .name = "state", .type = KP_PARAM_CHOICE, .choices = kp_finding_states },
    { .name = "verdict", .type = KP_PARAM_CHOICE, .choices = kp_finding_verdicts },
    { .name = "urgency", .type = KP_PARAM_CHOICE, .choices = kp_finding_urgencies },
    { .name = "device", .type = KP_PARAM_INT, .min = 0, .max = INT64_MAX },
    { .name = "find", .type = KP_PARAM_TEXT },
    SKIPPED(KP_FINDINGS_SHOWN_MAX, KP_FINDINGS_SHOWN_MAX),
    END,
};
PARAMS security_params[] = { SKIPPED(20, 200), END };
PARAMS inventory_params[] = {
    { .name = "find", .type = KP_PARAM_TEXT },
    { .name = "needs", .type = KP_PARAM_CHOICE, .choices = kp_device_needs },
    SKIPPED(KP_SHIELD_DEVICES_MAX, KP_SHIELD_DEVICES_MAX),
    END,
};
PARAMS format_params[] = { { .name = "format", .type = KP_PARAM_CHOICE, .choices = formats }, END };
PARAMS apply_params[] = {
    { .name = "dryRun", .type = KP_PARAM_BOOL },
    { .name = "prune", .type = KP_PARAM_BOOL },
    { .name = "name", .type = KP_PARAM_TEXT },
    END,
};

static const char *const doors[] = { "lan", "partners", NULL };
PARAMS listen_params[] = { { .name = "for", .type = KP_PARAM_CHOICE, .choices = doors }, END };

#define API "/api/v1"
const struct kp_route kp_routes[] = {
    { KP_HTTP_GET, "/", kp_route_page, KP_NOBODY, KP_OPEN | KP_QUICK, NULL },
    { KP_HTTP_GET, "/assets/{name}", kp_route_console_asset, KP_NOBODY, KP_OPEN | KP_QUICK, NULL },
    { KP_HTTP_GET, "/metrics", kp_route_metrics, KP_VIEWER, 0, NULL },
    { KP_HTTP_GET, API "/openapi.json", kp_route_openapi, KP_NOBODY, KP_OPEN | KP_QUICK, NULL },
    { KP_HTTP_POST, API "/session", kp_route_session_open, KP_NOBODY, KP_OPEN | KP_BODY_JSON, NULL },
    { KP_HTTP_GET, API "/session", kp_route_session, KP_VIEWER, KP_QUICK | KP_FIRST, NULL },
    { KP_HTTP_DELETE, API "/session", kp_route_session_close, KP_VIEWER, KP_FIRST, NULL },
    { KP_HTTP_POST, API "/session/link", kp_route_session_link, KP_OWNER, KP_LOCAL, NULL },
    { KP_HTTP_GET, API "/tokens", kp_route_tokens, KP_OWNER, 0, NULL },
    { KP_HTTP_POST, API "/tokens", kp_route_token_make, KP_OWNER, KP_BODY_JSON, NULL },
    { KP_HTTP_DELETE, API "/tokens/{name}", kp_route_token_remove, KP_OWNER, 0, NULL },
    { KP_HTTP_GET, API "/sessions", kp_route_sessions, KP_VIEWER, 0, NULL },
    { KP_HTTP_DELETE, API "/sessions/{id}", kp_route_session_revoke, KP_VIEWER, 0, NULL },
    { KP_HTTP_GET, API "/users", kp_route_users, KP_OWNER, 0, NULL },
    { KP_HTTP_POST, API "/users", kp_route_user_add, KP_OWNER, KP_BODY_JSON, NULL },
    { KP_HTTP_PATCH, API "/users/{name}", kp_route_user_change, KP_OWNER, KP_OWN | KP_BODY_JSON, NULL },
    { KP_HTTP_DELETE, API "/users/{name}", kp_route_user_remove, KP_OWNER, 0, NULL },
    { KP_HTTP_PUT, API "/users/{name}/password", kp_route_user_password, KP_OWNER, KP_OWN | KP_FIRST | KP_BODY_JSON, NULL },
    { KP_HTTP_POST, API "/users/{name}/totp", kp_route_totp_begin, KP_OWNER, KP_OWN, NULL },
    { KP_HTTP_PUT, API "/users/{name}/totp", kp_route_totp_confirm, KP_OWNER, KP_OWN | KP_BODY_JSON, NULL },
    { KP_HTTP_DELETE, API "/users/{name}/totp", kp_route_totp_remove, KP_OWNER, KP_OWN, NULL },
    { KP_HTTP_GET, API "/audit", kp_route_audit, KP_ENGINEER, KP_SLOW, audit_params },
    { KP_HTTP_GET, API "/audit/verify", kp_route_audit_verify, KP_ENGINEER, KP_SLOW, NULL },
    { KP_HTTP_GET, "/auth/oidc/start", kp_route_oidc_start, KP_NOBODY, KP_OPEN | KP_SLOW, NULL },
    { KP_HTTP_GET, "/auth/oidc/callback", kp_route_oidc_callback, KP_NOBODY, KP_OPEN | KP_SLOW, oidc_params },
    { KP_HTTP_GET, API "/oidc", kp_route_oidc, KP_NOBODY, KP_OPEN, NULL },
    { KP_HTTP_GET, API "/oidc/settings", kp_route_oidc_settings, KP_OWNER, 0, NULL },
    { KP_HTTP_PUT, API "/oidc/settings", kp_route_oidc_put, KP_OWNER, KP_SLOW | KP_BODY_JSON, NULL },
    { KP_HTTP_DELETE, API "/oidc/settings", kp_route_oidc_end, KP_OWNER, KP_SLOW, NULL },
    { KP_HTTP_GET, API "/listen", kp_route_listen, KP_OWNER, KP_SLOW, listen_params },
    { KP_HTTP_PUT, API "/listen", kp_route_listen_put, KP_OWNER, KP_SLOW | KP_BODY_JSON, listen_params },
    { KP_HTTP_POST, API "/listen/csr", kp_route_listen_csr, KP_OWNER, KP_SLOW, listen_params },
    { KP_HTTP_PUT, API "/listen/certificate", kp_route_listen_certificate, KP_OWNER, KP_SLOW | KP_BODY_JSON, listen_params },
    { KP_HTTP_DELETE, API "/listen/certificate", kp_route_listen_own, KP_OWNER, KP_SLOW, listen_params },
    { KP_HTTP_GET, API "/status", kp_route_status, KP_VIEWER, 0, NULL },
    { KP_HTTP_GET, API "/protocols", kp_route_protocols, KP_VIEWER, 0, NULL },
    { KP_HTTP_GET, API "/certificate", kp_route_certificate, KP_VIEWER, 0, format_params },
    { KP_HTTP_GET, API "/tree", kp_route_tree, KP_VIEWER, 0, tree_params },
    { KP_HTTP_GET, API "/machines", kp_route_machines, KP_VIEWER, 0, paged },
    { KP_HTTP_GET, API "/assets", kp_route_assets, KP_VIEWER, 0, paged },
    { KP_HTTP_POST, API "/assets", kp_route_asset_make, KP_ENGINEER, KP_BODY_JSON, NULL },
    { KP_HTTP_GET, API "/asset", kp_route_asset, KP_VIEWER, 0, one_path },
    { KP_HTTP_PATCH, API "/asset", kp_route_asset_change, KP_ENGINEER, KP_BODY_JSON, one_path },
    { KP_HTTP_DELETE, API "/asset", kp_route_asset_remove, KP_ENGINEER, 0, one_path },
    { KP_HTTP_GET, API "/signals", kp_route_signals, KP_VIEWER, 0, paged },
    { KP_HTTP_GET, API "/values", kp_route_values, KP_VIEWER, 0, paged },
    { KP_HTTP_POST, API "/values", kp_route_values_post, KP_ENGINEER, KP_POSTS | KP_DATA | KP_BODY_JSON | KP_BODY_POINTS, values_params },
    { KP_HTTP_GET, API "/signal", kp_route_signal, KP_VIEWER, 0, one_path },
    { KP_HTTP_PATCH, API "/signal", kp_route_signal_change, KP_ENGINEER, KP_BODY_JSON, one_path },
    { KP_HTTP_DELETE, API "/signal", kp_route_signal_remove, KP_ENGINEER, 0, one_path },
    { KP_HTTP_PUT, API "/value", kp_route_write, KP_OPERATOR, KP_SLOW | KP_BODY_JSON, one_path },
    { KP_HTTP_GET, API "/history", kp_route_history, KP_VIEWER, 0, history_params },
    { KP_HTTP_GET, API "/forecast", kp_route_forecast, KP_VIEWER, KP_SLOW, forecast_params },
    { KP_HTTP_GET, API "/intervals", kp_route_intervals, KP_VIEWER, 0, interval_params },
    { KP_HTTP_GET, API "/intervals/sum", kp_route_interval_sum, KP_VIEWER, 0, interval_sum_params },
    { KP_HTTP_POST, API "/intervals", kp_route_interval_make, KP_OPERATOR, KP_BODY_JSON, NULL },
    { KP_HTTP_PATCH, API "/intervals/{id}", kp_route_interval_change, KP_OPERATOR, KP_BODY_JSON, NULL },
    { KP_HTTP_DELETE, API "/intervals/{id}", kp_route_interval_remove, KP_OPERATOR, 0, NULL },
    { KP_HTTP_GET, API "/stream", kp_route_stream, KP_VIEWER, KP_FLOWS, stream_params },
    { KP_HTTP_GET, API "/profiles", kp_route_profiles, KP_VIEWER, 0, NULL },
    { KP_HTTP_GET, API "/profiles/{name}", kp_route_profile, KP_VIEWER, 0, NULL },
    { KP_HTTP_GET, API "/couplings", kp_route_couplings, KP_VIEWER, 0, NULL },
    { KP_HTTP_POST, API "/couplings", kp_route_couple, KP_ENGINEER, KP_SLOW | KP_BODY_JSON, NULL },
    { KP_HTTP_GET, API "/couplings/{name}", kp_route_coupling, KP_ENGINEER, 0, NULL },
    { KP_HTTP_PATCH, API "/couplings/{name}", kp_route_coupling_change, KP_ENGINEER, KP_SLOW | KP_BODY_JSON, NULL },
    { KP_HTTP_DELETE, API "/couplings/{name}", kp_route_uncouple, KP_ENGINEER, KP_SLOW, forget_params },
    { KP_HTTP_GET, API "/couplings/{name}/profile", kp_route_profile_try, KP_ENGINEER, 0, profile_params },
    { KP_HTTP_GET, API "/couplings/{name}/nodes", kp_route_nodes, KP_ENGINEER, 0, paged },
    { KP_HTTP_POST, API "/couplings/{name}/nodes", kp_route_choose, KP_ENGINEER, KP_SLOW | KP_BODY_JSON, NULL },
    { KP_HTTP_POST, API "/couplings/{name}/reconnect", kp_route_reconnect, KP_ENGINEER, KP_SLOW, NULL },
    { KP_HTTP_POST, API "/couplings/{name}/browse", kp_route_browse, KP_ENGINEER, KP_SLOW, NULL },
    { KP_HTTP_POST, API "/couplings/{name}/trust", kp_route_trust, KP_ENGINEER, KP_SLOW | KP_BODY_JSON, NULL },
    { KP_HTTP_GET, API "/couplings/{name}/certificates", kp_route_certificates, KP_ENGINEER, 0, NULL },
    { KP_HTTP_GET, API "/discover", kp_route_discover, KP_ENGINEER, 0, discover_params },
    { KP_HTTP_POST, API "/discover", kp_route_discover_start, KP_ENGINEER, KP_SLOW | KP_BODY_JSON, NULL },
    { KP_HTTP_DELETE, API "/discover", kp_route_discover_cancel, KP_ENGINEER, 0, NULL },
    { KP_HTTP_GET, API "/changes", kp_route_changes, KP_VIEWER, 0, changes_params },
    { KP_HTTP_GET, API "/consumers", kp_route_consumers, KP_VIEWER, 0, NULL },
    { KP_HTTP_PUT, API "/consumers/{name}", kp_route_consumer_put, KP_OPERATOR, KP_DATA | KP_BODY_JSON, NULL },
    { KP_HTTP_DELETE, API "/consumers/{name}", kp_route_consumer_remove, KP_ENGINEER, 0, NULL },
    { KP_HTTP_GET, API "/retention", kp_route_retention, KP_ENGINEER, KP_SLOW, NULL },
    { KP_HTTP_PUT, API "/retention", kp_route_retention_put, KP_ENGINEER, KP_SLOW | KP_BODY_JSON, retention_params },
    { KP_HTTP_GET, API "/usage", kp_route_usage, KP_ENGINEER, KP_SLOW, usage_params },
    { KP_HTTP_POST, API "/import", kp_route_import, KP_ENGINEER, KP_SLOW | KP_BODY_POINTS, import_params },
    { KP_HTTP_POST, "/write", kp_route_line_protocol, KP_ENGINEER, KP_SLOW | KP_DATA | KP_BODY_POINTS, line_protocol_params },
    { KP_HTTP_POST, "/api/v2/write", kp_route_line_protocol, KP_ENGINEER, KP_SLOW | KP_DATA | KP_BODY_POINTS, line_protocol_params },
    { KP_HTTP_GET, API "/quarantine", kp_route_quarantine, KP_ENGINEER, 0, quarantine_params },
    { KP_HTTP_POST, API "/quarantine/release", kp_route_quarantine_release, KP_ENGINEER, KP_SLOW | KP_BODY_JSON, NULL },
    { KP_HTTP_POST, API "/quarantine/drop", kp_route_quarantine_drop, KP_ENGINEER, KP_SLOW | KP_BODY_JSON, NULL },
    { KP_HTTP_GET, API "/calendar", kp_route_calendar, KP_VIEWER, 0, NULL },
    { KP_HTTP_PUT, API "/calendar", kp_route_calendar_put, KP_ENGINEER, KP_BODY_JSON, NULL },
    { KP_HTTP_GET, API "/calendar/planned", kp_route_calendar_planned, KP_VIEWER, 0, planned_params },
    { KP_HTTP_GET, API "/shop", kp_route_shop, KP_VIEWER, 0, NULL },
    { KP_HTTP_PUT, API "/shop", kp_route_shop_put, KP_ENGINEER, KP_BODY_JSON, NULL },
    { KP_HTTP_GET, API "/oee", kp_route_oee, KP_VIEWER, KP_SLOW, oee_params },
    { KP_HTTP_GET, API "/energy", kp_route_energy, KP_VIEWER, KP_SLOW, oee_params },
    { KP_HTTP_GET, API "/stops", kp_route_stops, KP_VIEWER, KP_SLOW, stops_params },
    { KP_HTTP_PUT, API "/stops/{id}", kp_route_stop_put, KP_OPERATOR, KP_BODY_JSON, NULL },
    { KP_HTTP_POST, API "/parts", kp_route_parts, KP_OPERATOR, KP_BODY_JSON, NULL },
    { KP_HTTP_GET, API "/capacity", kp_route_capacity, KP_VIEWER, KP_SLOW, capacity_params },
    { KP_HTTP_GET, API "/orders", kp_route_orders, KP_VIEWER, KP_SLOW, orders_params },
    { KP_HTTP_POST, API "/orders", kp_route_order_take, KP_OPERATOR, KP_BODY_JSON, NULL },
    { KP_HTTP_GET, API "/orders/{id}", kp_route_order, KP_VIEWER, KP_SLOW, NULL },
    { KP_HTTP_POST, API "/orders/{id}/cancel", kp_route_order_cancel, KP_OPERATOR, 0, NULL },
    { KP_HTTP_POST, API "/orders/{id}/confirm", kp_route_order_confirm, KP_OPERATOR, KP_BODY_JSON, NULL },
    { KP_HTTP_POST, API "/operations/{id}/start", kp_route_operation_start, KP_OPERATOR, KP_SLOW | KP_BODY_JSON, NULL },
    { KP_HTTP_POST, API "/operations/{id}/interrupt", kp_route_operation_interrupt, KP_OPERATOR, KP_SLOW | KP_BODY_JSON, NULL },
    { KP_HTTP_POST, API "/operations/{id}/finish", kp_route_operation_finish, KP_OPERATOR, KP_SLOW | KP_BODY_JSON, NULL },
    { KP_HTTP_PATCH, API "/operations/{id}", kp_route_operation_plan, KP_OPERATOR, KP_BODY_JSON, NULL },
    { KP_HTTP_GET, API "/bookings", kp_route_bookings, KP_VIEWER, KP_SLOW, bookings_params },
    { KP_HTTP_GET, API "/order-folders", kp_route_folders, KP_VIEWER, 0, NULL },
    { KP_HTTP_PUT, API "/order-folders", kp_route_folders_put, KP_ENGINEER, KP_BODY_JSON, NULL },
    { KP_HTTP_GET, API "/order-folders/log", kp_route_folder_log, KP_VIEWER, 0, folder_log_params },
    { KP_HTTP_POST, API "/order-folders/log/{id}/acknowledge", kp_route_folder_seen, KP_OPERATOR, 0, NULL },
    { KP_HTTP_POST, API "/order-folders/{name}/check", kp_route_folder_check, KP_OPERATOR, KP_SLOW | KP_BODY_POINTS, NULL },
    { KP_HTTP_GET, API "/reports", kp_route_reports, KP_ENGINEER, 0, NULL },
    { KP_HTTP_GET, API "/reports/shift", kp_route_report_shift, KP_VIEWER, KP_SLOW, report_shift_params },
    { KP_HTTP_GET, API "/reports/month", kp_route_report_month, KP_VIEWER, KP_SLOW, report_month_params },
    { KP_HTTP_GET, API "/reports/evidence", kp_route_report_evidence, KP_OWNER, KP_SLOW, incident_file_params },
    { KP_HTTP_POST, API "/reports/send", kp_route_report_send, KP_ENGINEER, KP_SLOW | KP_BODY_JSON, NULL },
    { KP_HTTP_GET, API "/alarms", kp_route_alarms, KP_VIEWER, 0, alarm_params },
    { KP_HTTP_GET, API "/alarms/{id}", kp_route_alarm, KP_VIEWER, 0, NULL },
    { KP_HTTP_POST, API "/alarms/{id}/acknowledge", kp_route_alarm_acknowledge, KP_OPERATOR, KP_BODY_JSON, NULL },
    { KP_HTTP_POST, API "/alarms/{id}/shelve", kp_route_alarm_shelve, KP_OPERATOR, KP_BODY_JSON, NULL },
    { KP_HTTP_POST, API "/alarms/{id}/unshelve", kp_route_alarm_unshelve, KP_OPERATOR, 0, NULL },
    { KP_HTTP_POST, API "/alarms/{id}/suppress", kp_route_alarm_suppress, KP_OPERATOR, 0, NULL },
    { KP_HTTP_POST, API "/alarms/{id}/unsuppress", kp_route_alarm_unsuppress, KP_OPERATOR, 0, NULL },
    { KP_HTTP_GET, API "/alarm-delivery", kp_route_alarm_delivery, KP_ENGINEER, 0, NULL },
    { KP_HTTP_PUT, API "/alarm-delivery", kp_route_alarm_delivery_put, KP_ENGINEER, KP_BODY_JSON, NULL },
    { KP_HTTP_POST, API "/alarm-delivery/test", kp_route_alarm_delivery_test, KP_ENGINEER, KP_SLOW | KP_BODY_JSON, NULL },
    { KP_HTTP_GET, API "/alarm-delivery/log", kp_route_alarm_delivery_log, KP_ENGINEER, 0, delivery_log_params },
    { KP_HTTP_GET, API "/alarm-rules", kp_route_alarm_rules, KP_VIEWER, 0, NULL },
    { KP_HTTP_POST, API "/alarm-rules", kp_route_alarm_rule_make, KP_ENGINEER, KP_BODY_JSON, NULL },
    { KP_HTTP_GET, API "/alarm-rules/{name}", kp_route_alarm_rule, KP_VIEWER, 0, NULL },
    { KP_HTTP_PATCH, API "/alarm-rules/{name}", kp_route_alarm_rule_change, KP_ENGINEER, KP_BODY_JSON, NULL },
    { KP_HTTP_DELETE, API "/alarm-rules/{name}", kp_route_alarm_rule_remove, KP_ENGINEER, 0, NULL },
    { KP_HTTP_GET, API "/watches", kp_route_watches, KP_VIEWER, 0, NULL },
    { KP_HTTP_POST, API "/watches", kp_route_watch_make, KP_ENGINEER, KP_BODY_JSON, NULL },
    { KP_HTTP_GET, API "/watches/{name}", kp_route_watch, KP_VIEWER, 0, NULL },
    { KP_HTTP_PATCH, API "/watches/{name}", kp_route_watch_change, KP_ENGINEER, KP_BODY_JSON, NULL },
    { KP_HTTP_DELETE, API "/watches/{name}", kp_route_watch_remove, KP_ENGINEER, 0, NULL },
    { KP_HTTP_POST, API "/watch-replay", kp_route_watch_replay, KP_ENGINEER, KP_SLOW | KP_BODY_JSON, post_score_params },
    { KP_HTTP_GET, API "/watch-posts", kp_route_posts, KP_VIEWER, 0, post_params },
    { KP_HTTP_GET, API "/watch-posts/{id}", kp_route_post, KP_VIEWER, 0, NULL },
    { KP_HTTP_GET, API "/watch-posts/{id}/score", kp_route_post_score, KP_VIEWER, 0, post_score_params },
    { KP_HTTP_GET, API "/watch-posts/{id}/feedback", kp_route_post_feedback, KP_VIEWER, 0, NULL },
    { KP_HTTP_POST, API "/watch-posts/{id}/feedback", kp_route_post_say, KP_OPERATOR, KP_BODY_JSON, NULL },
    { KP_HTTP_GET, API "/share", kp_route_card, KP_ENGINEER, KP_SLOW, NULL },
    { KP_HTTP_PUT, API "/share", kp_route_card_put, KP_OWNER, KP_SLOW | KP_BODY_JSON, NULL },
    { KP_HTTP_GET, API "/partners", kp_route_partners, KP_ENGINEER, 0, NULL },
    { KP_HTTP_POST, API "/partners", kp_route_partner_add, KP_OWNER, KP_SLOW | KP_BODY_JSON, NULL },
    { KP_HTTP_POST, API "/partners/meet", kp_route_partner_meet, KP_OWNER, KP_SLOW | KP_BODY_JSON, NULL },
    { KP_HTTP_DELETE, API "/partners/{name}", kp_route_partner_remove, KP_OWNER, 0, NULL },
    { KP_HTTP_GET, API "/partners/{name}/catalogue", kp_route_partner_catalogue, KP_ENGINEER, KP_SLOW, NULL },
    { KP_HTTP_GET, API "/offers", kp_route_offers, KP_ENGINEER, 0, by_id_params },
    { KP_HTTP_POST, API "/offers", kp_route_offer_add, KP_ENGINEER, KP_BODY_JSON, retention_params },
    { KP_HTTP_DELETE, API "/offers/{id}", kp_route_offer_remove, KP_ENGINEER, 0, NULL },
    { KP_HTTP_GET, API "/negotiations", kp_route_deals, KP_ENGINEER, 0, deals_params },
    { KP_HTTP_POST, API "/negotiations", kp_route_deal_begin, KP_ENGINEER, KP_SLOW | KP_BODY_JSON, NULL },
    { KP_HTTP_GET, API "/negotiations/{id}", kp_route_deal, KP_ENGINEER, 0, NULL },
    { KP_HTTP_POST, API "/negotiations/{id}/counter", kp_route_deal_say, KP_ENGINEER, KP_BODY_JSON, NULL },
    { KP_HTTP_POST, API "/negotiations/{id}/accept", kp_route_deal_say, KP_ENGINEER, KP_BODY_JSON, NULL },
    { KP_HTTP_POST, API "/negotiations/{id}/agree", kp_route_deal_say, KP_ENGINEER, KP_BODY_JSON, NULL },
    { KP_HTTP_POST, API "/negotiations/{id}/verify", kp_route_deal_say, KP_ENGINEER, KP_BODY_JSON, NULL },
    { KP_HTTP_POST, API "/negotiations/{id}/finalize", kp_route_deal_say, KP_ENGINEER, KP_BODY_JSON, NULL },
    { KP_HTTP_POST, API "/negotiations/{id}/terminate", kp_route_deal_say, KP_ENGINEER, KP_BODY_JSON, NULL },
    { KP_HTTP_GET, API "/agreements", kp_route_agreements, KP_ENGINEER, 0, by_id_params },
    { KP_HTTP_GET, API "/agreements/{id}/data", kp_route_pull, KP_ENGINEER, KP_SLOW | KP_FLOWS, pull_params },
    { KP_HTTP_POST, API "/agreements/{id}/end", kp_route_agreement_end, KP_ENGINEER, KP_BODY_JSON, NULL },
    { KP_HTTP_GET, API "/exits", kp_route_exits, KP_ENGINEER, KP_SLOW, exits_params },
    { KP_HTTP_GET, API "/transfers", kp_route_deals, KP_ENGINEER, 0, deals_params },
    { KP_HTTP_POST, API "/transfers", kp_route_deal_begin, KP_ENGINEER, KP_BODY_JSON, NULL },
    { KP_HTTP_GET, API "/transfers/{id}", kp_route_deal, KP_ENGINEER, 0, NULL },
    { KP_HTTP_POST, API "/transfers/{id}/start", kp_route_deal_say, KP_ENGINEER, KP_BODY_JSON, NULL },
    { KP_HTTP_POST, API "/transfers/{id}/suspend", kp_route_deal_say, KP_ENGINEER, KP_BODY_JSON, NULL },
    { KP_HTTP_POST, API "/transfers/{id}/complete", kp_route_deal_say, KP_ENGINEER, KP_BODY_JSON, NULL },
    { KP_HTTP_POST, API "/transfers/{id}/terminate", kp_route_deal_say, KP_ENGINEER, KP_BODY_JSON, NULL },
    { KP_HTTP_GET, API "/inventory", kp_route_inventory, KP_VIEWER, KP_SLOW, inventory_params },
    { KP_HTTP_POST, API "/inventory", kp_route_device_make, KP_ENGINEER, KP_SLOW | KP_BODY_JSON, NULL },
    { KP_HTTP_POST, API "/inventory/import", kp_route_inventory_import, KP_ENGINEER, KP_SLOW | KP_BODY_JSON, NULL },
    { KP_HTTP_GET, API "/inventory/{id}", kp_route_device, KP_VIEWER, KP_SLOW, NULL },
    { KP_HTTP_PATCH, API "/inventory/{id}", kp_route_device_put, KP_ENGINEER, KP_SLOW | KP_BODY_JSON, NULL },
    { KP_HTTP_DELETE, API "/inventory/{id}", kp_route_device_remove, KP_ENGINEER, KP_SLOW, NULL },
    { KP_HTTP_POST, API "/inventory/{id}/expect", kp_route_device_expect, KP_ENGINEER, KP_BODY_JSON, NULL },
    { KP_HTTP_POST, API "/inventory/{id}/confirm", kp_route_device_confirm, KP_ENGINEER, KP_SLOW, NULL },
    { KP_HTTP_GET, API "/vendor-aliases", kp_route_aliases, KP_VIEWER, 0, NULL },
    { KP_HTTP_PUT, API "/vendor-aliases", kp_route_aliases_put, KP_ENGINEER, KP_SLOW | KP_BODY_JSON, NULL },
    { KP_HTTP_POST, "/mcp", kp_route_mcp, KP_VIEWER, KP_SLOW | KP_DATA | KP_BODY_JSON | KP_AS_SHOWN, NULL },
    { KP_HTTP_GET, API "/assistants", kp_route_assistants, KP_ENGINEER, 0, NULL },
    { KP_HTTP_PUT, API "/assistants", kp_route_assistants_put, KP_OWNER, KP_BODY_JSON, NULL },
    { KP_HTTP_GET, API "/security", kp_route_security, KP_VIEWER, KP_SLOW, security_params },
    { KP_HTTP_GET, API "/advisories", kp_route_advisories, KP_VIEWER, KP_SLOW, findings_params },
    { KP_HTTP_POST, API "/advisories", kp_route_advisory_take, KP_ENGINEER, KP_SLOW | KP_BODY_JSON, NULL },
    { KP_HTTP_GET, API "/advisories/{id}", kp_route_advisory, KP_VIEWER, KP_SLOW, NULL },
    { KP_HTTP_PUT, API "/advisories/{id}/answer", kp_route_advisory_answer, KP_ENGINEER, KP_BODY_JSON, NULL },
    { KP_HTTP_GET, API "/incidents", kp_route_incidents, KP_ENGINEER, KP_SLOW, incidents_params },
    { KP_HTTP_POST, API "/incidents", kp_route_incident_make, KP_ENGINEER, KP_BODY_JSON, NULL },
    { KP_HTTP_GET, API "/incidents/scope", kp_route_incident_scope, KP_ENGINEER, 0, language_params },
    { KP_HTTP_PUT, API "/incidents/scope", kp_route_incident_scope_put, KP_ENGINEER, KP_BODY_JSON, language_params },
    { KP_HTTP_GET, API "/incidents/{id}", kp_route_incident, KP_ENGINEER, 0, language_params },
    { KP_HTTP_PATCH, API "/incidents/{id}", kp_route_incident_change, KP_ENGINEER, KP_BODY_JSON, NULL },
    { KP_HTTP_POST, API "/incidents/{id}/notes", kp_route_incident_note, KP_ENGINEER, KP_BODY_JSON, NULL },
    { KP_HTTP_GET, API "/incidents/{id}/file", kp_route_incident_file, KP_ENGINEER, KP_SLOW, incident_file_params },
    { KP_HTTP_GET, API "/incidents/{id}/stages/{stage}", kp_route_incident_stage, KP_ENGINEER, 0, language_params },
    { KP_HTTP_PUT, API "/incidents/{id}/stages/{stage}", kp_route_incident_stage_put, KP_ENGINEER, KP_BODY_JSON, NULL },
    { KP_HTTP_GET, API "/incidents/{id}/stages/{stage}/file", kp_route_incident_stage_file, KP_ENGINEER, KP_SLOW, incident_file_params },
    { KP_HTTP_GET, API "/shield/mail", kp_route_daily, KP_ENGINEER, 0, NULL },
    { KP_HTTP_PUT, API "/shield/mail", kp_route_daily_put, KP_ENGINEER, KP_BODY_JSON, NULL },
    { KP_HTTP_POST, API "/shield/mail/send", kp_route_daily_send, KP_ENGINEER, KP_SLOW, NULL },
    { KP_HTTP_GET, API "/feeds", kp_route_feeds, KP_ENGINEER, 0, NULL },
    { KP_HTTP_POST, API "/feeds", kp_route_feed_add, KP_ENGINEER, KP_SLOW | KP_BODY_JSON, NULL },
    { KP_HTTP_POST, API "/feeds/look", kp_route_feed_look, KP_ENGINEER, KP_SLOW | KP_BODY_JSON, NULL },
    { KP_HTTP_GET, API "/feeds/{name}", kp_route_feed, KP_ENGINEER, 0, NULL },
    { KP_HTTP_PATCH, API "/feeds/{name}", kp_route_feed_change, KP_ENGINEER, KP_SLOW | KP_BODY_JSON, NULL },
    { KP_HTTP_DELETE, API "/feeds/{name}", kp_route_feed_remove, KP_ENGINEER, KP_SLOW, NULL },
    { KP_HTTP_POST, API "/feeds/{name}/pull", kp_route_feed_pull, KP_ENGINEER, 0, NULL },
    { KP_HTTP_GET, API "/feeds/{name}/documents", kp_route_feed_documents, KP_ENGINEER, 0, NULL },
    { KP_HTTP_POST, API "/feeds/{name}/documents", kp_route_feed_hand_in, KP_ENGINEER, KP_SLOW | KP_BODY_JSON, NULL },
    { KP_HTTP_GET, API "/stix", kp_route_stix, KP_VIEWER, KP_SLOW, stix_params },
    { KP_HTTP_POST, API "/stix", kp_route_stix_take, KP_ENGINEER, KP_SLOW | KP_BODY_JSON, NULL },
    { KP_HTTP_GET, API "/stix/{id}", kp_route_stix_show, KP_VIEWER, 0, NULL },
    { KP_HTTP_DELETE, API "/stix/{id}", kp_route_stix_remove, KP_ENGINEER, 0, NULL },
    { KP_HTTP_GET, API "/collections", kp_route_collections, KP_ENGINEER, KP_SLOW, NULL },
    { KP_HTTP_POST, API "/collections", kp_route_collection_add, KP_OWNER, KP_BODY_JSON, NULL },
    { KP_HTTP_PATCH, API "/collections/{name}", kp_route_collection_change, KP_OWNER, KP_BODY_JSON, NULL },
    { KP_HTTP_DELETE, API "/collections/{name}", kp_route_collection_remove, KP_OWNER, KP_SLOW, NULL },
    { KP_HTTP_PUT, API "/collections/{name}/members", kp_route_collection_member, KP_OWNER, KP_BODY_JSON, NULL },
    { KP_HTTP_POST, API "/collections/{name}/objects", kp_route_collection_publish, KP_ENGINEER, KP_SLOW | KP_BODY_JSON, NULL },
    { KP_HTTP_GET, API "/sightings", kp_route_sightings, KP_ENGINEER, 0, NULL },
    { KP_HTTP_POST, API "/sightings", kp_route_sighting_add, KP_ENGINEER, KP_SLOW | KP_BODY_JSON, NULL },
    { KP_HTTP_POST, API "/sightings/look", kp_route_sighting_look, KP_ENGINEER, KP_SLOW | KP_BODY_JSON, NULL },
    { KP_HTTP_DELETE, API "/sightings/{id}", kp_route_sighting_remove, KP_ENGINEER, 0, NULL },
    { KP_HTTP_POST, API "/sightings/{id}/send", kp_route_sighting_release, KP_ENGINEER, KP_BODY_JSON, NULL },
    { KP_HTTP_GET, API "/observations", kp_route_observations, KP_ENGINEER, KP_SLOW, observations_params },
    { KP_HTTP_GET, API "/observations/settings", kp_route_observe_settings, KP_ENGINEER, 0, NULL },
    { KP_HTTP_PUT, API "/observations/settings", kp_route_observe_settings_put, KP_OWNER, KP_BODY_JSON, NULL },
    { KP_HTTP_GET, API "/hits", kp_route_hits, KP_VIEWER, 0, hits_params },
    { KP_HTTP_PATCH, API "/hits/{id}", kp_route_hit_change, KP_ENGINEER, KP_BODY_JSON, NULL },
    { KP_HTTP_POST, API "/sql", kp_route_sql, KP_ENGINEER, KP_SLOW | KP_DATA | KP_BODY_JSON, NULL },
    { KP_HTTP_POST, API "/backup", kp_route_backup, KP_OWNER, KP_LOCAL | KP_SLOW | KP_BODY_JSON | KP_FLOWS, NULL },
    { KP_HTTP_GET, API "/backups", kp_route_backups, KP_ENGINEER, 0, NULL },
    { KP_HTTP_PUT, API "/backups", kp_route_backups_put, KP_OWNER, KP_LOCAL | KP_SLOW | KP_BODY_JSON, NULL },
    { KP_HTTP_DELETE, API "/backups", kp_route_backups_end, KP_OWNER, KP_LOCAL, NULL },
    { KP_HTTP_POST, API "/backups/now", kp_route_backup_now, KP_ENGINEER, 0, NULL },
    { KP_HTTP_POST, API "/backups/prove", kp_route_backup_prove, KP_ENGINEER, 0, NULL },
    { KP_HTTP_POST, API "/apply", kp_route_apply, KP_ENGINEER, KP_SLOW | KP_BODY_YAML, apply_params },
    { KP_HTTP_GET, API "/export", kp_route_export, KP_ENGINEER, KP_SLOW, NULL },
    { .path = NULL },
};
