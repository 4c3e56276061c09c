/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of Suricata (EVE) and Zeek (JSON logs). Keys of Zeek's with a dot in them are taken as they
 * are. */
#include "core/text.h"
#include "net/json_memory.h"
#include "shield/events.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { DEPTH = 12 };

void kp_event_free(struct kp_event *e)
{
    json_decref(e->json);
    e->json = NULL;
}

/* ---- values ---- */
bool kp_event_address(const char *text, size_t len, char out[64])
{
    char copy[INET6_ADDRSTRLEN];
    unsigned char ip[16];
    if (!len || len >= sizeof copy)
        return false;
    memcpy(copy, text, len);
    copy[len] = 0;
    int family = strchr(copy, ':') ? AF_INET6 : AF_INET;
    return inet_pton(family, copy, ip) == 1 && inet_ntop(family, ip, out, 64);
}

int64_t kp_event_time(const char *text)
{
    char copy[48];
    int64_t at;
    size_t n = text ? strlen(text) : 0;
    if (!n || n + 2 > sizeof copy)
        return 0;
    memcpy(copy, text, n + 1);
    if (n > 5 && (copy[n - 5] == '+' || copy[n - 5] == '-') && copy[n - 3] != ':') {
        memmove(copy + n - 1, copy + n - 2, 3); /* "+0100" */
        copy[n - 2] = ':';
    }
    return kp_time_parse(copy, &at) ? at : 0;
}

static const char *text(const json_t *o, const char *key)
{
    const char *t = json_string_value(json_object_get(o, key));
    return t && *t ? t : NULL;
}

static const char *text_of(const json_t *o, const char *const *keys)
{
    const char *t = NULL;
    for (; *keys && !t; keys++)
        t = text(o, *keys);
    return t;
}

static void take_address(const json_t *o, const char *const *keys, char out[64], const char **to)
{
    const char *t = text_of(o, keys);
    if (t && kp_event_address(t, strlen(t), out))
        *to = out;
}

static uint16_t port_of(const json_t *o, const char *one, const char *other)
{
    const json_t *v = json_object_get(o, one);
    v = v ? v : json_object_get(o, other);
    json_int_t n = json_is_integer(v) ? json_integer_value(v) : 0;
    return n > 0 && n <= 65535 ? (uint16_t)n : 0;
}

/* ---- what both say ---- */
static int64_t when(const json_t *o)
{
    const json_t *ts = json_object_get(o, "ts"); /* Zeek: seconds, unless it was told otherwise */
    double s = json_is_number(ts) ? json_number_value(ts) : 0;
    if (s > 0 && s < 4e9)
        return (int64_t)(s * 1e6) * 1000;
    const char *t = text(o, "timestamp");
    return kp_event_time(t ? t : text(o, "ts"));
}

static void take_flow(struct kp_event *e)
{
    static const char *const from[] = { "src_ip", "id.orig_h", NULL },
                            *const to[] = { "dest_ip", "id.resp_h", NULL },
                            *const protocol[] = { "app_proto", "service", "proto", NULL };
    const json_t *o = e->json;
    take_address(o, from, e->from, &e->o.text[KP_SEEN_FROM]);
    take_address(o, to, e->to, &e->o.text[KP_SEEN_TO]);
    e->o.from_port = port_of(o, "src_port", "id.orig_p");
    e->o.to_port = port_of(o, "dest_port", "id.resp_p");
    e->o.text[KP_SEEN_PROTOCOL] = text_of(o, protocol);
    e->o.at = when(o);
}

static void take_http(struct kp_event *e, const json_t *h, const char *host, const char *url)
{
    const char *name = text(h, host), *path = text(h, url);
    e->o.kind = KP_SEEN_HTTP;
    e->o.text[KP_SEEN_DOMAIN] = name;
    if (path && strstr(path, "://"))
        e->o.text[KP_SEEN_URL] = path;
    else if (name && path) {
        snprintf(e->url, sizeof e->url, "http://%s%s", name, path);
        kp_utf8_trim(e->url);
        e->o.text[KP_SEEN_URL] = e->url;
    }
}

static void take_file(struct kp_event *e, const json_t *f)
{
    static const char *const hashes[] = { "sha256", "sha1", "md5", NULL },
                            *const names[] = { "filename", "name", NULL };
    e->o.kind = KP_SEEN_FILE;
    e->o.text[KP_SEEN_HASH] = text_of(f, hashes);
    e->o.text[KP_SEEN_FILE_NAME] = text_of(f, names);
}

/* ---- Suricata ---- */
static void take_dns(struct kp_event *e)
{
    const json_t *dns = json_object_get(e->json, "dns"),
                 *first = json_array_get(json_object_get(dns, "queries"), 0);
    const char *name = text(dns, "rrname");
    e->o.kind = KP_SEEN_DNS;
    e->o.text[KP_SEEN_DOMAIN] = name ? name : text(first, "rrname");
}

static void take_tls(struct kp_event *e)
{
    const json_t *tls = json_object_get(e->json, "tls");
    e->o.kind = KP_SEEN_TLS;
    e->o.text[KP_SEEN_DOMAIN] = text(tls, "sni");
    e->o.text[KP_SEEN_PRINT] = text(tls, "fingerprint");
    e->o.text[KP_SEEN_DETAIL] = text(tls, "subject");
}

static bool take_suricata(struct kp_event *e, const char *type)
{
    const json_t *alert = json_object_get(e->json, "alert");
    if (strcmp(type, "dns") == 0)
        take_dns(e);
    else if (strcmp(type, "tls") == 0)
        take_tls(e);
    else if (strcmp(type, "http") == 0)
        take_http(e, json_object_get(e->json, "http"), "hostname", "url");
    else if (strcmp(type, "fileinfo") == 0)
        take_file(e, json_object_get(e->json, "fileinfo"));
    else if (strcmp(type, "alert") == 0) {
        take_http(e, json_object_get(e->json, "http"), "hostname", "url");
        e->o.kind = KP_SEEN_ALERT;
        e->o.text[KP_SEEN_DETAIL] = text(alert, "signature");
    } else if (strcmp(type, "flow") == 0 || strcmp(type, "netflow") == 0) {
        e->o.kind = KP_SEEN_FLOW;
    } else {
        return false;
    }
    return true;
}

/* ---- Zeek ---- */
/* Which log a line is of follows from what only that has, when _path does not say it. */
static bool take_zeek(struct kp_event *e)
{
    static const char *const alarm[] = { "msg", "note", "name", NULL };
    const json_t *o = e->json;
    const char *path = text(o, "_path");
    path = path ? path : "";
    if (strcmp(path, "dns") == 0 || text(o, "query")) {
        e->o.kind = KP_SEEN_DNS;
        e->o.text[KP_SEEN_DOMAIN] = text(o, "query");
    } else if (strcmp(path, "ssl") == 0 || text(o, "server_name") || text(o, "cipher")) {
        e->o.kind = KP_SEEN_TLS;
        e->o.text[KP_SEEN_DOMAIN] = text(o, "server_name");
        e->o.text[KP_SEEN_PRINT] = json_string_value(json_array_get(json_object_get(o, "cert_chain_fps"), 0));
    } else if (strcmp(path, "x509") == 0 || text(o, "certificate.subject")) {
        e->o.kind = KP_SEEN_CERTIFICATE;
        e->o.text[KP_SEEN_PRINT] = text(o, "fingerprint");
        e->o.text[KP_SEEN_SUBJECT] = text(o, "certificate.subject");
        e->o.text[KP_SEEN_ISSUER] = text(o, "certificate.issuer");
    } else if (strcmp(path, "http") == 0 || text(o, "uri")) {
        take_http(e, o, "host", "uri");
    } else if (strcmp(path, "files") == 0 || text(o, "md5") || text(o, "sha1") || text(o, "sha256")) {
        take_file(e, o);
    } else if (strcmp(path, "notice") == 0 || strcmp(path, "weird") == 0 || text(o, "note")) {
        e->o.kind = KP_SEEN_ALERT;
        e->o.text[KP_SEEN_DETAIL] = text_of(o, alarm);
    } else {
        e->o.kind = KP_SEEN_FLOW;
    }
    return true;
}

/* ---- a line ---- */
static bool says_something(const struct kp_event *e)
{
    static const uint8_t telling[] = { KP_SEEN_FROM, KP_SEEN_TO,    KP_SEEN_DOMAIN,   KP_SEEN_URL,
                                       KP_SEEN_HASH, KP_SEEN_PRINT, KP_SEEN_FILE_NAME };
    for (size_t i = 0; i < sizeof telling; i++)
        if (e->o.text[telling[i]])
            return true;
    return false;
}

enum kp_code kp_eve_read(const char *line, size_t len, struct kp_event *e, bool *says,
                         struct kp_err *err)
{
    *e = (struct kp_event){ 0 };
    *says = false;
    if (len > KP_EVENT_LINE_MAX)
        return kp_fail(err, KP_EPARSE, "a line is longer than %d bytes", KP_EVENT_LINE_MAX);
    e->json = kp_json_object(line, len, "event", DEPTH, err);
    if (!e->json)
        return err->code;
    const char *type = text(e->json, "event_type");
    if (!type && !json_object_get(e->json, "ts"))
        return kp_fail(err, KP_EPARSE, "an event has neither event_type (Suricata) nor ts (Zeek)");
    take_flow(e);
    *says = (type ? take_suricata(e, type) : take_zeek(e)) && says_something(e);
    e->o.text[KP_SEEN_SOURCE] = "eve";
    return KP_OK;
}
