/* SPDX-License-Identifier: Apache-2.0 */
/* MTConnect: agents by GET /probe, adapters by the first lines they send. Of a probe's answer the
 * first 256 KiB are looked at. */
#define _GNU_SOURCE /* memmem */
#include "couplings/discover/probe.h"
#include "couplings/mtconnect/document.h"

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

static void put(char *out, size_t size, const char *text)
{
    if (text)
        kp_probe_text(out, size, text, strlen(text));
}

static void tell_device(struct kp_probe *p, const struct kp_mtc_device *d)
{
    struct kp_discover_found f = kp_probe_begin(p, "mtconnect");
    char serial[64] = "";
    put(f.name, sizeof f.name, d->name ? d->name : d->uuid);
    put(f.manufacturer, sizeof f.manufacturer, d->manufacturer);
    put(f.product, sizeof f.product, d->model);
    put(serial, sizeof serial, d->serial);
    if (*serial)
        snprintf(f.detail, sizeof f.detail, "serial %s", serial);
    kp_probe_couple(&f, "mtconnect+http", 0, "", NULL, 0);
    kp_probe_tell(p, &f);
}

static void tell_devices(struct kp_probe *p, const struct kp_mtc_devices *all)
{
    unsigned n = 0;
    for (size_t i = 0; i < all->n_devices && n < DEVICES_MAX; i++)
        if (!all->devices[i].agent) {
            tell_device(p, &all->devices[i]);
            n++;
        }
    if (n)
        return;
    struct kp_discover_found f = kp_probe_begin(p, "mtconnect");
    snprintf(f.detail, sizeof f.detail, "an agent that names no device");
    kp_probe_couple(&f, "mtconnect+http", 0, "", NULL, 0);
    kp_probe_tell(p, &f);
}

static size_t get(struct kp_probe *p, char *answer)
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
    while (n < BODY_MAX && (got = kp_probe_some(p, answer + n, BODY_MAX - n))) {
        n += got;
        if (n >= 5 && memcmp(answer, "HTTP/", 5) != 0)
            return 0; /* no server of HTTP */
    }
    return n;
}

bool kp_probe_mtconnect(struct kp_probe *p)
{
    char *answer = kp_alloc(BODY_MAX + 1);
    struct kp_mtc_devices all;
    struct kp_err why = { 0 };
    if (!answer)
        return false;
    size_t n = get(p, answer);
    const char *body = n ? memmem(answer, n, "\r\n\r\n", 4) : NULL;
    bool is =
        body && !kp_mtc_read_devices(body + 4, n - (size_t)(body + 4 - answer), false, &all, &why);
    if (is) {
        is = all.n_devices || *all.header.instance;
        if (is)
            tell_devices(p, &all);
        kp_mtc_devices_free(&all);
    }
    kp_free(answer);
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
