/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_WEB_MCP_H
#define KOPPEL_WEB_MCP_H
/* The Model Context Protocol as a server speaks it, free of HTTP and of the node: one message in,
 * its answer out, nothing kept between them. It has two forms, and each message says which it is:
 * with a handshake (2024-11-05 to 2025-11-25), of which nothing needs to be remembered, and with
 * the version in each request (2026-07-28). */
#include "core/json.h"
#include "store/secret.h"

#include <jansson.h>

enum {
    KP_MCP_MESSAGE = 256 << 10, /* bytes of a message */
    KP_MCP_ANSWER = 1 << 20,    /* bytes of an answer; what is more is to be asked for in parts */
    KP_MCP_ID = 256,            /* bytes of a request's id */
    KP_MCP_PATHS = 50,          /* entries of a list of paths */
};

/* ---- what a tool takes: its JSON schema, the check and the help come from one table ---- */
enum kp_mcp_kind {
    KP_MCP_TEXT,
    KP_MCP_PATTERN,    /* kp_pattern_valid */
    KP_MCP_PATHS_LIST, /* 1 to `max` patterns */
    KP_MCP_TIME,       /* as people type it: "-2h", "now", RFC 3339 */
    KP_MCP_COUNT,
    KP_MCP_TRUTH,
    KP_MCP_CHOICE,
};
struct kp_mcp_arg {
    const char *name;
    enum kp_mcp_kind kind;
    bool required;
    int64_t min, max, standard; /* count */
    const char *const *choices; /* NULL-ended */
    const char *about;
};

struct kp_mcp_call;
typedef enum kp_code kp_mcp_function(struct kp_mcp_call *, struct kp_err *);

struct kp_mcp_tool {
    const char *name, *title, *about;
    const struct kp_mcp_arg *args; /* ends with a NULL name */
    enum kp_role role;             /* the least that may */
    bool writes;                   /* only when an owner has opened it */
    bool inside;                   /* what it tells has no label: not for an assistant outside */
    kp_mcp_function *run;
};

/* KP_EINVALID with a sentence for who asks; `arguments` NULL: none. */
enum kp_code kp_mcp_check(const struct kp_mcp_arg *, const json_t *arguments, int64_t now,
                          struct kp_err *);

/* ---- a message ---- */
/* What a call has come to; either text may be empty. */
struct kp_mcp_result {
    struct kp_buf text, data; /* for people; a JSON object */
    bool failed;
};
struct kp_mcp_server {
    void *self;
    const struct kp_mcp_tool *tools; /* ends with a NULL name */
    const char *about;               /* what an assistant is to know before all */
    bool (*offers)(void *self, const struct kp_mcp_tool *);
    void (*call)(void *self, const struct kp_mcp_tool *, const json_t *arguments,
                 struct kp_mcp_result *);
};
/* Headers that repeat what stands in the message, for who passes it on; NULL = absent. */
struct kp_mcp_headers {
    bool needed; /* it came over HTTP, not over a pipe */
    const char *version, *method, *name;
};
/* Gives the HTTP status; 202: nothing is to be answered. */
int kp_mcp_hear(const struct kp_mcp_server *, const char *text, size_t len,
                const struct kp_mcp_headers *, struct kp_buf *out);
#endif
