/* SPDX-License-Identifier: Apache-2.0 */
#include "web/mcp.h"

#include "net/json_memory.h"

#include <string.h>

#include "core/ban.h"

#define META "io.modelcontextprotocol/"
static const char version_key[] = META "protocolVersion", able_key[] = META "clientCapabilities";
/* With a handshake, the newest first; and the one without. */
static const char *const greeted[] = { "2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05",
                                       NULL };
static const char *const modern[] = { "2026-07-28", NULL };
static const int TTL_MS = 60000;

enum fault {
    PARSE = -32700,
    REQUEST = -32600,
    METHOD = -32601,
    PARAMS = -32602,
    INNER = -32603,
    HEADER = -32020,
    VERSION = -32022,
};

struct message {
    const struct kp_mcp_server *server;
    const struct kp_mcp_headers *headers;
    struct kp_json j;
    json_t *root;
    const json_t *id, *params; /* params NULL: none */
    const char *method;
    bool modern;
};

static bool among(const char *word, const char *const *list)
{
    while (*list && strcmp(*list, word) != 0)
        list++;
    return *list;
}

/* ---- answers ---- */
static void put_id(struct kp_json *j, const json_t *id)
{
    kp_json_key(j, "id");
    if (json_is_integer(id))
        kp_json_int(j, json_integer_value(id));
    else
        kp_json_text(j, json_string_value(id)); /* NULL: not known */
}

static void put_words(struct kp_json *j, const char *key, const char *const *list)
{
    kp_json_key(j, key);
    kp_json_begin(j, '[');
    for (; *list; list++)
        kp_json_text(j, *list);
    kp_json_end(j, ']');
}

static void begin(struct message *m, const char *key)
{
    kp_json_begin(&m->j, '{');
    kp_json_put_text(&m->j, "jsonrpc", "2.0");
    put_id(&m->j, m->id);
    kp_json_key(&m->j, key);
    kp_json_begin(&m->j, '{');
}

static void end(struct message *m)
{
    kp_json_end(&m->j, '}');
    kp_json_end(&m->j, '}');
}

/* With a handshake an error that belongs to a request is an answer like others. */
static int status_of(const struct message *m, enum fault code)
{
    if (code == INNER)
        return 200;
    if (!m->modern && (code == METHOD || code == PARAMS))
        return 200;
    return code == METHOD ? 404 : 400;
}

/* `asked`: the version that is not spoken here. */
static int refuse(struct message *m, enum fault code, const char *why, const char *asked)
{
    begin(m, "error");
    kp_json_put_int(&m->j, "code", code);
    kp_json_put_text(&m->j, "message", why);
    if (asked) {
        kp_json_key(&m->j, "data");
        kp_json_begin(&m->j, '{');
        put_words(&m->j, "supported", modern);
        kp_json_put_text(&m->j, "requested", asked);
        kp_json_end(&m->j, '}');
    }
    end(m);
    return status_of(m, code);
}

static void put_self(struct kp_json *j, const char *key)
{
    kp_json_key(j, key);
    kp_json_begin(j, '{');
    kp_json_put_text(j, "name", "koppel");
    kp_json_put_text(j, "title", "koppel, a factory's node");
    kp_json_put_text(j, "version", KOPPEL_VERSION);
    kp_json_end(j, '}');
}

/* What each result has besides its own; lists also say how long they are good. */
static void put_common(struct message *m, bool list)
{
    if (!m->modern)
        return;
    kp_json_put_text(&m->j, "resultType", "complete");
    kp_json_key(&m->j, "_meta");
    kp_json_begin(&m->j, '{');
    put_self(&m->j, META "serverInfo");
    kp_json_end(&m->j, '}');
    if (list) {
        kp_json_put_int(&m->j, "ttlMs", TTL_MS);
        kp_json_put_text(&m->j, "cacheScope", "private");
    }
}

static void put_abilities(struct message *m)
{
    kp_json_key(&m->j, "capabilities");
    kp_json_begin(&m->j, '{');
    kp_json_key(&m->j, "tools");
    kp_json_begin(&m->j, '{');
    kp_json_end(&m->j, '}');
    kp_json_end(&m->j, '}');
    kp_json_put_text(&m->j, "instructions", m->server->about);
}

static const char *param(const struct message *m, const char *key)
{
    return json_string_value(json_object_get(m->params, key));
}

/* ---- methods ---- */
static int greet(struct message *m)
{
    const char *asked = param(m, "protocolVersion");
    if (!asked)
        return refuse(m, PARAMS, "protocolVersion is missing, or no text", NULL);
    begin(m, "result");
    kp_json_put_text(&m->j, "protocolVersion", among(asked, greeted) ? asked : greeted[0]);
    put_abilities(m);
    put_self(&m->j, "serverInfo");
    end(m);
    return 200;
}

static int discover(struct message *m)
{
    begin(m, "result");
    put_common(m, true);
    put_words(&m->j, "supportedVersions", modern);
    put_abilities(m);
    end(m);
    return 200;
}

static int nothing(struct message *m)
{
    begin(m, "result");
    put_common(m, false);
    end(m);
    return 200;
}

static const char *type_of(enum kp_mcp_kind kind)
{
    static const char *const types[] = {
        [KP_MCP_TEXT] = "string",  [KP_MCP_PATTERN] = "string", [KP_MCP_PATHS_LIST] = "array",
        [KP_MCP_TIME] = "string",  [KP_MCP_COUNT] = "integer",  [KP_MCP_TRUTH] = "boolean",
        [KP_MCP_CHOICE] = "string"
    };
    return types[kind];
}

static void put_arg(struct kp_json *j, const struct kp_mcp_arg *a)
{
    kp_json_key(j, a->name);
    kp_json_begin(j, '{');
    kp_json_put_text(j, "type", type_of(a->kind));
    kp_json_put_text(j, "description", a->about);
    if (a->kind == KP_MCP_COUNT) {
        kp_json_put_int(j, "minimum", a->min);
        kp_json_put_int(j, "maximum", a->max);
        if (!a->required)
            kp_json_put_int(j, "default", a->standard);
    }
    if (a->kind == KP_MCP_CHOICE)
        put_words(j, "enum", a->choices);
    if (a->kind == KP_MCP_PATHS_LIST) {
        kp_json_put_int(j, "minItems", 1);
        kp_json_put_int(j, "maxItems", a->max);
        kp_json_key(j, "items");
        kp_json_begin(j, '{');
        kp_json_put_text(j, "type", "string");
        kp_json_end(j, '}');
    }
    kp_json_end(j, '}');
}

static void put_schema(struct kp_json *j, const struct kp_mcp_arg *args)
{
    kp_json_key(j, "inputSchema");
    kp_json_begin(j, '{');
    kp_json_put_text(j, "type", "object");
    kp_json_key(j, "properties");
    kp_json_begin(j, '{');
    for (const struct kp_mcp_arg *a = args; a->name; a++)
        put_arg(j, a);
    kp_json_end(j, '}');
    kp_json_key(j, "required");
    kp_json_begin(j, '[');
    for (const struct kp_mcp_arg *a = args; a->name; a++)
        if (a->required)
            kp_json_text(j, a->name);
    kp_json_end(j, ']');
    kp_json_put_bool(j, "additionalProperties", false);
    kp_json_end(j, '}');
}

static void put_tool(struct kp_json *j, const struct kp_mcp_tool *t)
{
    kp_json_begin(j, '{');
    kp_json_put_text(j, "name", t->name);
    kp_json_put_text(j, "title", t->title);
    kp_json_put_text(j, "description", t->about);
    put_schema(j, t->args);
    kp_json_key(j, "annotations");
    kp_json_begin(j, '{');
    kp_json_put_bool(j, "readOnlyHint", !t->writes);
    kp_json_put_bool(j, "destructiveHint", false);
    kp_json_put_bool(j, "idempotentHint", true);
    kp_json_put_bool(j, "openWorldHint", false);
    kp_json_end(j, '}');
    kp_json_end(j, '}');
}

static int list(struct message *m)
{
    if (json_object_get(m->params, "cursor"))
        return refuse(m, PARAMS, "there is one page of tools: no cursor was given out", NULL);
    begin(m, "result");
    put_common(m, true);
    kp_json_key(&m->j, "tools");
    kp_json_begin(&m->j, '[');
    for (const struct kp_mcp_tool *t = m->server->tools; t->name; t++)
        if (m->server->offers(m->server->self, t))
            put_tool(&m->j, t);
    kp_json_end(&m->j, ']');
    end(m);
    return 200;
}

static void put_result(struct message *m, struct kp_mcp_result *r)
{
    begin(m, "result");
    put_common(m, false);
    kp_json_key(&m->j, "content");
    kp_json_begin(&m->j, '[');
    kp_json_begin(&m->j, '{');
    kp_json_put_text(&m->j, "type", "text");
    kp_json_put_text(&m->j, "text", kp_buf_text(&r->text));
    kp_json_end(&m->j, '}');
    kp_json_end(&m->j, ']');
    if (r->data.len) {
        kp_json_key(&m->j, "structuredContent");
        kp_json_raw(&m->j, kp_buf_text(&r->data));
    }
    kp_json_put_bool(&m->j, "isError", r->failed);
    end(m);
}

static int call(struct message *m)
{
    const char *name = param(m, "name");
    const json_t *arguments = json_object_get(m->params, "arguments");
    const struct kp_mcp_tool *t = m->server->tools;
    struct kp_mcp_result r = { .failed = false };
    if (!name)
        return refuse(m, PARAMS, "name, of the tool, is missing, or no text", NULL);
    if (arguments && !json_is_object(arguments) && !json_is_null(arguments))
        return refuse(m, PARAMS, "arguments must be an object", NULL);
    while (t->name && strcmp(t->name, name) != 0)
        t++;
    if (!t->name)
        return refuse(m, PARAMS, "there is no tool of that name: see tools/list", NULL);
    kp_buf_init(&r.text, KP_MCP_ANSWER / 4);
    kp_buf_init(&r.data, KP_MCP_ANSWER / 4);
    m->server->call(m->server->self, t, json_is_object(arguments) ? arguments : NULL, &r);
    bool whole = !r.text.failed && !r.data.failed;
    if (whole)
        put_result(m, &r);
    kp_buf_free(&r.text);
    kp_buf_free(&r.data);
    return whole ? 200 : refuse(m, INNER, "the answer is too large: ask for less", NULL);
}

static const struct {
    const char *name;
    int (*run)(struct message *);
    bool greeted, modern;
} methods[] = {
    { "initialize", greet, true, false },         { "ping", nothing, true, false },
    { "server/discover", discover, false, true }, { "tools/list", list, true, true },
    { "tools/call", call, true, true },
};

/* ---- which form it is ---- */
static const json_t *meta(const struct message *m)
{
    return json_object_get(m->params, "_meta");
}

static bool says_modern(const struct message *m)
{
    return json_object_get(meta(m), version_key) ||
           (m->headers->version && among(m->headers->version, modern));
}

static bool mirrors(const char *header, const char *said)
{
    return header && said && strcmp(header, said) == 0;
}

/* 0: it is good. */
static int check_modern(struct message *m)
{
    const struct kp_mcp_headers *h = m->headers;
    const char *version = json_string_value(json_object_get(meta(m), version_key));
    if (!version || !json_is_object(json_object_get(meta(m), able_key)))
        return refuse(
            m, PARAMS,
            "params._meta must have " META "protocolVersion and " META "clientCapabilities", NULL);
    if (h->needed && !mirrors(h->version, version))
        return refuse(m, HEADER, "MCP-Protocol-Version is not the version in params._meta", NULL);
    if (h->needed && !mirrors(h->method, m->method))
        return refuse(m, HEADER, "Mcp-Method is not the method of the request", NULL);
    if (h->needed && strcmp(m->method, "tools/call") == 0 && param(m, "name") &&
        !mirrors(h->name, param(m, "name")))
        return refuse(m, HEADER, "Mcp-Name is not the name of the tool", NULL);
    return among(version, modern)
               ? 0
               : refuse(m, VERSION, "this version of the protocol is not spoken here", version);
}

static int check_greeted(struct message *m)
{
    const char *version = m->headers->version;
    if (version && !among(version, greeted) && strcmp(m->method, "initialize") != 0)
        return refuse(m, REQUEST, "MCP-Protocol-Version is none that is spoken here", NULL);
    return 0;
}

static int dispatch(struct message *m)
{
    m->modern = says_modern(m);
    int bad = m->modern ? check_modern(m) : check_greeted(m);
    if (bad)
        return bad;
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        if (strcmp(methods[i].name, m->method) == 0 &&
            (m->modern ? methods[i].modern : methods[i].greeted))
            return methods[i].run(m);
    return refuse(m, METHOD, "there is no such method here", NULL);
}

/* ---- reading ---- */
static bool id_good(const json_t *id)
{
    return json_is_integer(id) || (json_is_string(id) && json_string_length(id) < KP_MCP_ID);
}

static int read_message(struct message *m)
{
    const json_t *id = json_object_get(m->root, "id");
    const json_t *params = json_object_get(m->root, "params");
    const char *version = json_string_value(json_object_get(m->root, "jsonrpc"));
    m->method = json_string_value(json_object_get(m->root, "method"));
    if (!version || strcmp(version, "2.0") != 0 || !m->method || (id && !id_good(id)))
        return refuse(
            m, REQUEST,
            "a message is one request or notification of JSON-RPC 2.0, its id a text or a "
            "whole number",
            NULL);
    if (!id)
        return 202; /* nothing goes on for longer than its request that could be cancelled */
    m->id = id;
    if (params && !json_is_object(params)) {
        refuse(m, PARAMS, "params must be an object", NULL);
        return 400;
    }
    m->params = params;
    return dispatch(m);
}

int kp_mcp_hear(const struct kp_mcp_server *s, const char *text, size_t len,
                const struct kp_mcp_headers *h, struct kp_buf *out)
{
    struct kp_err err = { 0 };
    struct message m = { .server = s, .headers = h, .j = kp_json(out) };
    if (len > KP_MCP_MESSAGE) {
        refuse(&m, REQUEST, "the message is larger than 256 KiB", NULL);
        return 413;
    }
    m.root = kp_json_object(len ? text : "", len, "message", KP_JSON_DEPTH, &err);
    int status = m.root ? read_message(&m)
                        : refuse(&m,
                                 err.code == KP_EPARSE     ? PARSE
                                 : err.code == KP_EINVALID ? REQUEST
                                                           : INNER,
                                 err.text, NULL);
    json_decref(m.root);
    return status;
}
