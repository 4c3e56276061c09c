/* SPDX-License-Identifier: Apache-2.0 */
/* MTConnect: agents by GET /probe, adapters by the first lines they send. Of a probe's answer only
 * the devices' names are taken; the coupling reads it properly. */
#define _GNU_SOURCE /* memmem */
#include "couplings/discover/probe.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/ban.h"

enum {
    BODY_MAX = 256 << 10,
    ANSWER_MS = 3000,
    DEVICES_MAX = 64,
    ADAPTER_MS = 1500,
    LINES_MAX = 4096
};

/* The five entities that XML itself has, in place; others stay as they are. */
static void resolve(char *text)
{
    static const char *const names[] = { "&amp;", "&lt;", "&gt;", "&quot;", "&apos;" };
    static const char is[] = "&<>\"'";
    char *to = text;
    for (char *p = text; *p; to++) {
        size_t i = 0;
        while (i < 5 && strncmp(p, names[i], strlen(names[i])) != 0)
            i++;
        *to = i < 5 ? is[i] : *p;
        p += i < 5 ? strlen(names[i]) : 1;
    }
    *to = 0;
}

/* The value of an attribute in a start tag that ends at `end`; false: it is not there. */
static bool attribute(const char *tag, const char *end, const char *name, char *out, size_t size)
{
    size_t n = strlen(name);
    for (const char *p = tag; p < end && (p = memmem(p, (size_t)(end - p), name, n)); p += n) {
        const char *at = p + n;
        if (!isspace((unsigned char)p[-1]) || end - at < 2 || at[0] != '=' ||
            (at[1] != '"' && at[1] != '\''))
            continue;
        const char *stop = memchr(at + 2, at[1], (size_t)(end - at - 2));
        kp_probe_text(out, size, at + 2, stop ? (size_t)(stop - at - 2) : 0);
        resolve(out);
        return stop;
    }
    return false;
}

static const char *find(const char *p, const char *end, const char *what)
{
    return p < end ? memmem(p, (size_t)(end - p), what, strlen(what)) : NULL;
}

static void take_description(struct kp_discover_found *f, const char *from, const char *to)
{
    const char *p = find(from, to, "Description "),
               *end = p ? memchr(p, '>', (size_t)(to - p)) : NULL;
    char serial[64] = "";
    if (!end)
        return;
    attribute(p, end, "manufacturer", f->manufacturer, sizeof f->manufacturer);
    attribute(p, end, "model", f->product, sizeof f->product);
    if (attribute(p, end, "serialNumber", serial, sizeof serial) && *serial)
        snprintf(f->detail, sizeof f->detail, "serial %s", serial);
}

static unsigned take_devices(struct kp_probe *p, const char *text, const char *end)
{
    unsigned n = 0;
    for (const char *tag = find(text, end, "<Device "), *next; tag && n < DEVICES_MAX;
         tag = next, n++) {
        const char *close = memchr(tag, '>', (size_t)(end - tag));
        struct kp_discover_found f = kp_probe_begin(p, "mtconnect");
        next = find(tag + 1, end, "<Device ");
        if (!close)
            break;
        attribute(tag, close, "name", f.name, sizeof f.name);
        if (!*f.name)
            attribute(tag, close, "uuid", f.name, sizeof f.name);
        const char *inside =
            find(close, next ? next : end, "<DataItem"); /* what comes behind describes parts */
        take_description(&f, close, inside ? inside : next ? next : end);
        kp_probe_couple(&f, "mtconnect+http", 0, "", NULL, 0);
        if (!*f.url)
            kp_probe_couple(&f, "mtconnect", 0, "", NULL, 0);
        kp_probe_tell(p, &f);
    }
    return n;
}

static size_t get(struct kp_probe *p, char *body)
{
    char ask[160];
    size_t n = 0, got;
    bool six = p->target.family == AF_INET6;
    int len = snprintf(
        ask, sizeof ask,
        "GET /probe HTTP/1.0\r\nHost: %s%s%s:%u\r\nAccept: text/xml\r\nConnection: close\r\n\r\n",
        six ? "[" : "", p->target.host, six ? "]" : "", p->port);
    kp_probe_within(p, ANSWER_MS);
    if (!kp_probe_send(p, ask, (size_t)len))
        return 0;
    while (n < BODY_MAX && (got = kp_probe_some(p, body + n, BODY_MAX - n))) {
        n += got;
        if (n >= 5 && memcmp(body, "HTTP/", 5) != 0)
            return 0; /* no server of HTTP */
    }
    return n;
}

bool kp_probe_mtconnect(struct kp_probe *p)
{
    char *body = kp_alloc(BODY_MAX + 1);
    bool is = false;
    if (!body)
        return false;
    size_t n = get(p, body);
    const char *end = body + n, *root = find(body, end, "MTConnectDevices");
    if (root && find(body, end, "HTTP/") == body && !take_devices(p, root, end)) {
        struct kp_discover_found f = kp_probe_begin(p, "mtconnect");
        snprintf(f.detail, sizeof f.detail, "an agent that names no device");
        kp_probe_couple(&f, "mtconnect+http", 0, "", NULL, 0);
        kp_probe_tell(p, &f);
    }
    is = root && n;
    kp_free(body);
    return is;
}

/* ---- adapters ---- */

/* "2026-11-24T10:02:31.5Z|key|value", "* key: value" */
static bool is_line(const char *line)
{
    static const char form[] = "dddd-dd-ddTdd:dd:dd";
    if (strncmp(line, "* PONG", 6) == 0)
        return true;
    for (size_t i = 0; form[i]; i++)
        if (form[i] == 'd' ? !isdigit((unsigned char)line[i]) : line[i] != form[i])
            return false;
    return strchr(line, '|');
}

/* An adapter speaks first; one that is silent answers the agent's PING. */
bool kp_probe_shdr(struct kp_probe *p)
{
    char text[LINES_MAX + 1];
    size_t n = 0, got;
    bool is = false;
    kp_probe_within(p, ADAPTER_MS / 3);
    if (p->usual) {
        kp_probe_within(p, ADAPTER_MS);
        if (!kp_probe_send(p, "* PING\r\n", 8))
            return false;
    }
    while (n < LINES_MAX && !is && (got = kp_probe_some(p, text + n, LINES_MAX - n))) {
        n += got;
        text[n] = 0;
        is = !memchr(text, 0, n) && strchr(text, '\n') && is_line(text);
    }
    if (!is)
        return false;
    struct kp_discover_found f = kp_probe_begin(p, "shdr");
    snprintf(f.product, sizeof f.product, "MTConnect adapter");
    snprintf(f.detail, sizeof f.detail, "SHDR, as an agent reads it");
    kp_probe_couple(&f, "shdr", 7878, "", NULL, 0);
    kp_probe_tell(p, &f);
    return true;
}
