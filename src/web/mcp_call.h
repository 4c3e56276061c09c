/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_WEB_MCP_CALL_H
#define KOPPEL_WEB_MCP_CALL_H
/* What the tools for assistants share. A tool has no way of its own into the node: it asks the REST
 * API, inside of the request that called it, with the caller's rights and for the recipient that
 * the assistant is. So it cannot tell what the API would not. */
#include "web/mcp.h"
#include "web/request.h"

struct kp_mcp_call {
    struct kp_request *r;    /* the message's */
    enum kp_recipient to;    /* what the assistant is (gate/gate.h) */
    const json_t *arguments; /* checked */
    const struct kp_mcp_arg *args;
    struct kp_json j;   /* the object for programs, begun */
    struct kp_buf *say; /* the text for people */
    size_t rows;        /* given, for the audit log */
};

/* All of them; ends with a NULL name. */
extern const struct kp_mcp_tool kp_mcp_tools[];
kp_mcp_function kp_mcp_browse, kp_mcp_read, kp_mcp_history, kp_mcp_compare; /* mcp_values.c */
kp_mcp_function kp_mcp_forecast;                                            /* mcp_forecast.c */
kp_mcp_function kp_mcp_alarms, kp_mcp_explain, kp_mcp_acknowledge;          /* mcp_alarms.c */
kp_mcp_function kp_mcp_watches, kp_mcp_explain_watch;                        /* mcp_watch.c */
kp_mcp_function kp_mcp_stops, kp_mcp_oee, kp_mcp_findings, kp_mcp_inventory,
    kp_mcp_agreements; /* mcp_shop.c */

extern const char *const kp_mcp_forecast_steps[]; /* ends with NULL */

/* ---- settings ---- */
enum { KP_MCP_OPEN_MAX = 8 };
struct kp_assistants {
    bool on;
    enum kp_recipient to; /* KP_TO_CLOUD, KP_TO_COMPANY */
    size_t n_open;
    const struct kp_mcp_tool *open[KP_MCP_OPEN_MAX]; /* tools that write and may be used */
};
enum kp_code kp_assistants_get(struct kp_node *, struct kp_assistants *, struct kp_err *);
bool kp_assistants_open(const struct kp_assistants *, const struct kp_mcp_tool *);

/* ---- arguments ---- */
const char *kp_mcp_text(const struct kp_mcp_call *, const char *name); /* NULL: not given */
int64_t kp_mcp_count(const struct kp_mcp_call *, const char *name);
bool kp_mcp_truth(const struct kp_mcp_call *, const char *name); /* false: not given */
const char *kp_mcp_item(const struct kp_mcp_call *, const char *name, size_t i); /* NULL: no more */

/* ---- asking the API ---- */
void kp_mcp_target(struct kp_buf *, const char *path); /* begins one: "/api/v1/" and the path */
void kp_mcp_add(struct kp_buf *, const char *key, const char *value); /* NULL: not */
void kp_mcp_add_int(struct kp_buf *, const char *key, int64_t);
void kp_mcp_add_given(const struct kp_mcp_call *, struct kp_buf *,
                      const char *name); /* an argument by its own name */
/* The answer as JSON, which the caller owns; NULL: err has the API's sentence. Frees the target. */
json_t *kp_mcp_ask(struct kp_mcp_call *, struct kp_buf *target, struct kp_err *);
json_t *kp_mcp_tell(struct kp_mcp_call *, struct kp_buf *target, json_t *body,
                    struct kp_err *); /* POST; takes the body over */

/* ---- answers ---- */
/* Copies members that are there and not null. Names end with NULL. */
void kp_mcp_put(struct kp_json *, const json_t *row, const char *const *members);
void kp_mcp_put_value(struct kp_json *, const char *key, const json_t *);
/* On one line: what a machine says may have others, or be long. */
void kp_mcp_say(struct kp_buf *, const char *text);
void kp_mcp_say_number(struct kp_buf *, double);
void kp_mcp_say_time(struct kp_buf *, const json_t *time); /* on the clock on the wall */
void kp_mcp_say_zone(struct kp_buf *, int64_t now);
/* A value of a signal with its unit, as people read it. */
void kp_mcp_say_value(struct kp_buf *, const json_t *value, const json_t *enums, const char *unit);
/* Members, forgiving. */
const char *kp_mcp_member(const json_t *, const char *key); /* "" when there is none */
const char *kp_mcp_unit(const json_t *signal);              /* as people write it; "" when it has none */
#endif
