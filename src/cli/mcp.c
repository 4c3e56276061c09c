/* SPDX-License-Identifier: Apache-2.0 */
/* mcp: hands the messages of an assistant, a line each, to the node and its answers back; and what
 * assistants may do. */
#include "cli/client.h"
#include "core/url.h"
#include "net/json_memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

enum { LINE_BYTES = 256 << 10, HEADER = 160, TOKEN = 500 };

/* ---- what of a message the way over HTTP repeats in headers ---- */
struct said {
    json_t *message; /* NULL: it makes no sense; the node says so */
    char line[3][HEADER];
    const char *headers[4];
};

/* Only what cannot break out of a header. */
static void add_header(struct said *s, const char *name, const char *value)
{
    size_t n = 0;
    while (s->headers[n])
        n++;
    if (!value || strlen(value) > HEADER / 2 || strspn(value, " ") || !*value)
        return;
    for (const char *p = value; *p; p++)
        if (*p < ' ' || *p > '~')
            return;
    snprintf(s->line[n], HEADER, "%s: %s", name, value);
    s->headers[n] = s->line[n];
}

static const char *text(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static void look(struct said *s, const char *line, size_t len)
{
    struct kp_err none = { 0 };
    *s = (struct said){ .message = kp_json_object(line, len, "message", KP_JSON_DEPTH, &none) };
    const json_t *params = json_object_get(s->message, "params");
    const char *version =
        text(json_object_get(params, "_meta"), "io.modelcontextprotocol/protocolVersion");
    if (!version)
        return;
    add_header(s, "MCP-Protocol-Version", version);
    add_header(s, "Mcp-Method", text(s->message, "method"));
    add_header(s, "Mcp-Name", text(params, "name"));
}

/* ---- answers ---- */
/* On one line, as the other side expects. False: it has gone. */
static bool print(const char *answer, size_t len)
{
    for (size_t i = 0; i < len; i++)
        putchar(answer[i] == '\n' || answer[i] == '\r' ? ' ' : answer[i]);
    putchar('\n');
    return fflush(stdout) == 0;
}

/* An answer of our own, when the node gave none. What asks for none gets none. */
static bool refuse(const json_t *message, int code, const char *why)
{
    json_t *id = json_object_get(message, "id");
    fprintf(stderr, "koppel: mcp: %s\n", why);
    if (message && !id)
        return true;
    json_t *j = json_pack("{s:s, s:O?, s:{s:i, s:s}}", "jsonrpc", "2.0", "id", id, "error", "code",
                          code, "message", why);
    char *out = json_dumps(j, JSON_COMPACT);
    bool there = !out || print(out, strlen(out));
    free(out); /* jansson's */
    json_decref(j);
    return there;
}

static bool hand_back(const struct said *s, const struct kp_reply *r)
{
    json_error_t where;
    json_t *j = r->body.len ? json_loadb(r->body.data, r->body.len, JSON_ALLOW_NUL, &where) : NULL;
    const char *why = text(j, "message");
    bool there = true;
    if (json_object_get(j, "jsonrpc"))
        there = print(r->body.data, r->body.len);
    else if (r->status != 202)
        there = refuse(s->message, -32603, why ? why : "the node's answer makes no sense");
    json_decref(j);
    return there;
}

static bool hand_on(struct kp_wire *w, const char *line, size_t len)
{
    struct said s;
    struct kp_reply r;
    struct kp_err err = { 0 };
    look(&s, line, len);
    bool there = kp_wire_post(w, s.headers, line, len, &r, &err)
                     ? refuse(s.message, -32603, err.text)
                     : hand_back(&s, &r);
    kp_client_free(&r);
    json_decref(s.message);
    return there;
}

/* ---- lines ---- */
/* Reads one into `out`, of which no more is kept than it has room for. False: the end. */
static bool read_line(struct kp_buf *out)
{
    int c = getchar();
    bool some = c != EOF;
    for (; c != EOF && c != '\n'; c = getchar()) {
        char byte = (char)c;
        kp_buf_add(out, &byte, 1);
    }
    return some;
}

static int serve(struct kp_wire *w)
{
    for (bool there = true; there;) {
        struct kp_buf line;
        kp_buf_init(&line, LINE_BYTES);
        bool more = read_line(&line);
        if (line.failed)
            there = refuse(NULL, -32600, "a message larger than 256 KiB");
        else if (line.len && strspn(kp_buf_text(&line), " \t\r") < line.len)
            there = hand_on(w, line.data, line.len);
        kp_buf_free(&line);
        there = there && more;
    }
    return KP_DONE;
}

/* A token travels only where nobody listens. */
static enum kp_code check_url(const char *text, struct kp_err *err)
{
    struct kp_url url;
    if (kp_url_parse(text, &url, err))
        return err->code;
    bool safe = strcmp(url.scheme, "https") == 0 ||
                (strcmp(url.scheme, "http") == 0 && kp_host_is_own(url.host));
    return safe && *url.host
               ? KP_OK
               : kp_fail(err, KP_EINVALID,
                         "--url must be https://HOST:PORT, or http:// on this machine");
}

static int bridge(struct kp_cli *c)
{
    char token[TOKEN] = "";
    struct kp_err err = { 0 };
    struct kp_wire_to to = { .url = kp_flag(c, "url"), .ca = kp_flag(c, "ca") };
    if (to.url && !kp_flag(c, "token"))
        return kp_complain(c, KP_MISUSE, "--url needs --token FILE");
    if (to.url && check_url(to.url, &err))
        return kp_fault(c, &err);
    if (kp_flag(c, "token") &&
        kp_read_secret(kp_flag(c, "token"), "token", token, sizeof token, &err))
        return kp_fault(c, &err);
    to.token = *token ? token : NULL;
    struct kp_wire *w = kp_wire_open(c, &to, &err);
    explicit_bzero(token, sizeof token);
    int code = w ? serve(w) : kp_fault(c, &err);
    kp_wire_close(w);
    return code;
}

/* ---- settings ---- */
static void print_settings(const json_t *j)
{
    static const char *const about[][2] = {
        { "off", "they are not answered" },
        { "cloud", "other companies run them: they see what is labelled public or partner" },
        { "inside", "they run in the company: they see what a program with their token does" },
    };
    size_t i, k;
    json_t *tool, *open;
    for (i = 0; i < sizeof about / sizeof *about; i++)
        if (strcmp(kp_text(j, "recipient"), about[i][0]) == 0)
            printf("assistants  %s: %s\n", about[i][0], about[i][1]);
    json_array_foreach(json_object_get(j, "tools"), i, tool)
    {
        const char *name = kp_text(tool, "name"), *how = "";
        if (json_is_true(json_object_get(tool, "insideOnly")))
            how = ", only inside";
        if (json_is_true(json_object_get(tool, "writes")))
            how = ", writes: closed";
        json_array_foreach(json_object_get(j, "open"), k,
                           open) if (strcmp(name, json_string_value(open)) == 0) how =
            ", writes: open";
        printf("%-18s %s (%s%s)\n", name, kp_text(tool, "title"), kp_text(tool, "role"), how);
    }
}

static void drop(json_t *list, const char *name)
{
    for (size_t i = json_array_size(list); i-- > 0;)
        if (strcmp(name, json_string_value(json_array_get(list, i))) == 0)
            json_array_remove(list, i);
}

static int set(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    size_t i = 0, k = 0;
    json_t *now = kp_client_at(c, "GET", "assistants", NULL, NULL, NULL, &err);
    if (!now)
        return kp_fault(c, &err);
    json_t *open = json_object_get(now, "open");
    for (const char *tool; (tool = kp_flag_next(c, "close", &i));)
        drop(open, tool);
    for (const char *tool; (tool = kp_flag_next(c, "open", &k));)
        json_array_append_new(open, json_string(tool));
    const char *to = kp_flag(c, "recipient") ? kp_flag(c, "recipient") : kp_text(now, "recipient");
    json_t *body = json_pack("{s:s, s:O}", "recipient", to, "open", open);
    json_t *j = kp_client_at(c, "PUT", "assistants", NULL, NULL, body, &err);
    json_decref(now);
    return kp_client_show(c, j, print_settings, &err);
}

int kp_verb_mcp(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    const char *act = c->argc ? c->argv[0] : "";
    if (!*act)
        return bridge(c);
    if (strcmp(act, "show") == 0)
        return kp_client_show(c, kp_client_at(c, "GET", "assistants", NULL, NULL, NULL, &err),
                              print_settings, &err);
    if (strcmp(act, "set") == 0)
        return set(c);
    return kp_complain(c, KP_MISUSE, "it takes: nothing, show or set");
}
