/* SPDX-License-Identifier: Apache-2.0 */
/* The listener for other machines, and its certificate. */
#include "web/lan.h"
#include "web/body.h"
#include "web/routes.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

static bool for_partners(const struct kp_request *r)
{
    const char *which = kp_arg_text(r, "for");
    return which && strcmp(which, "partners") == 0;
}

static struct kp_lan *lan_of(const struct kp_request *r)
{
    return for_partners(r) ? kp_web_partners(r->web) : kp_web_lan(r->web);
}

static void put_names(struct kp_json *j, const char *key, const struct kp_names *names)
{
    kp_json_key(j, key);
    kp_json_begin(j, '[');
    for (size_t i = 0; i < names->n; i++)
        kp_json_text(j, names->name[i]);
    kp_json_end(j, ']');
}

static enum kp_code put_certificate(struct kp_json *j, const char *key, const char *pem,
                                    struct kp_err *err)
{
    struct kp_certificate_view v;
    kp_json_key(j, key);
    if (!pem) {
        kp_json_null(j);
        return KP_OK;
    }
    if (kp_certificate_view(pem, &v, err))
        return err->code;
    kp_json_begin(j, '{');
    kp_json_put_text(j, "subject", v.subject);
    kp_json_put_text(j, "issuer", v.issuer);
    put_names(j, "names", &v.names);
    kp_json_put_time(j, "notBefore", v.not_before);
    kp_json_put_time(j, "notAfter", v.not_after);
    kp_json_put_text(j, "fingerprint", v.fingerprint);
    kp_json_put_text(j, "words", v.words);
    kp_json_put_text(j, "pem", pem);
    kp_json_end(j, '}');
    return KP_OK;
}

/* Those that make sense at another machine. */
static void put_urls(struct kp_json *j, const struct kp_lan_view *v)
{
    kp_json_key(j, "urls");
    kp_json_begin(j, '[');
    for (size_t i = 0; i < v->answers.n && v->listening; i++) {
        const char *name = v->answers.name[i];
        char url[KP_DNS_NAME + 24];
        bool six = strchr(name, ':') != NULL;
        if (strcmp(name, "localhost") == 0 || strcmp(name, "127.0.0.1") == 0 ||
            strcmp(name, "::1") == 0)
            continue;
        snprintf(url, sizeof url, v->settings.plain ? "http://%s%s%s:%u/" : "https://%s%s%s:%u/", six ? "[" : "", name, six ? "]" : "",
                 v->settings.port);
        kp_json_text(j, url);
    }
    kp_json_end(j, ']');
}

static void put_loopback(struct kp_json *j, struct kp_request *r)
{
    unsigned port = r->web ? kp_web_port(r->web) : 0;
    kp_json_key(j, "loopback");
    if (!port) {
        kp_json_null(j);
        return;
    }
    kp_json_begin(j, '{');
    kp_json_put_text(j, "host", kp_web_host(r->web));
    kp_json_put_int(j, "port", port);
    kp_json_end(j, '}');
}

static enum kp_code reply_listen(struct kp_request *r, struct kp_err *err)
{
    struct kp_lan_view v;
    if (kp_lan_view(lan_of(r), &r->arena, &v, err))
        return err->code;
    struct kp_json j = kp_reply_json(r);
    kp_json_begin(&j, '{');
    kp_json_put_text(&j, "for", for_partners(r) ? "partners" : "lan");
    put_loopback(&j, r);
    kp_json_put_bool(&j, "lan", v.settings.on);
    put_names(&j, "names", &v.settings.names);
    kp_json_put_int(&j, "port", v.settings.port);
    kp_json_put_text(&j, "address", v.settings.address[0] ? v.settings.address : NULL);
    kp_json_put_bool(&j, "plain", v.settings.plain);
    kp_json_put_text(&j, "url", v.settings.url[0] ? v.settings.url : NULL);
    kp_json_put_bool(&j, "listening", v.listening);
    kp_json_put_text(&j, "why", v.why);
    put_urls(&j, &v);
    kp_json_put_text(&j, "signedBy", !v.certificate ? NULL : v.given ? "another" : "node");
    if (!put_certificate(&j, "certificate", v.certificate, err))
        put_certificate(&j, "ca", v.ca, err);
    kp_json_end(&j, '}');
    return err->code;
}

/* Requests made by hand, in tests, have no listeners. */
static bool has_web(struct kp_request *r, struct kp_err *err)
{
    if (!r->web)
        kp_fail(err, KP_ESTOPPED, "the listeners are not running");
    return r->web;
}

enum kp_code kp_route_listen(struct kp_request *r, struct kp_err *err)
{
    return has_web(r, err) ? reply_listen(r, err) : err->code;
}

static enum kp_code read_names(const json_t *body, struct kp_names *names, struct kp_err *err)
{
    const json_t *list = json_object_get(body, "names"), *one;
    size_t i;
    if (!list || json_is_null(list))
        return KP_OK;
    if (!json_is_array(list) || json_array_size(list) > KP_LAN_NAMES_MAX)
        return kp_fail(err, KP_EINVALID, "names must be a list of up to %d", KP_LAN_NAMES_MAX);
    names->n = 0;
    json_array_foreach(list, i, one)
    {
        char name[KP_DNS_NAME];
        if (!json_is_string(one))
            return kp_fail(err, KP_EINVALID, "names must be texts");
        if (kp_dns_name(json_string_value(one), name, err))
            return err->code;
        kp_names_add(names, name);
    }
    return KP_OK;
}

static enum kp_code read_address(const json_t *body, char out[KP_HOST_MAX], struct kp_err *err)
{
    const char *address;
    char name[KP_DNS_NAME];
    if (!json_object_get(body, "address") || kp_body_text(body, "address", false, &address, err))
        return err->code;
    if (address && *address && (!kp_is_address(address) || kp_dns_name(address, name, err)))
        return kp_fail(err, KP_EINVALID, "address: '%.60s' is no IP address of this machine",
                       address);
    snprintf(out, KP_HOST_MAX, "%s", address && *address ? name : "");
    return KP_OK;
}

static enum kp_code read_url(const json_t *body, char out[KP_LAN_URL], struct kp_err *err)
{
    const char *url;
    if (!json_object_get(body, "url") || kp_body_text(body, "url", false, &url, err))
        return err->code;
    size_t n = url ? strlen(url) : 0, host = strcspn(url ? url : "", "/");
    while (n && url[n - 1] == '/')
        n--;
    if (n >= KP_LAN_URL || (n && (host < 5 || (strncmp(url, "https://", 8) != 0 && strncmp(url, "http://", 7) != 0))))
        return kp_fail(err, KP_EINVALID, "url: '%.80s' is no address such as https://partners.acme.example", url);
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)url[i] <= ' ' || url[i] == '"' || url[i] == '<' || url[i] == '>' || url[i] == '?' || url[i] == '#')
            return kp_fail(err, KP_EINVALID, "url: '%.80s' is no address such as https://partners.acme.example", url);
    memset(out, 0, KP_LAN_URL);
    memcpy(out, url ? url : "", n);
    return KP_OK;
}

/* What is missing stays as it is. */
static enum kp_code read_change(struct kp_lan *lan, struct kp_arena *arena, const json_t *body,
                                struct kp_lan_settings *s, bool *new_ca, struct kp_err *err)
{
    struct kp_lan_view v;
    int64_t port;
    if (kp_lan_view(lan, arena, &v, err))
        return err->code;
    *s = v.settings;
    if (kp_body_truth(body, "lan", s->on, &s->on, err) ||
        kp_body_truth(body, "newCa", false, new_ca, err) ||
        kp_body_int(body, "port", 1, 65535, s->port, &port, err) ||
        read_names(body, &s->names, err) || read_address(body, s->address, err) ||
        kp_body_truth(body, "plain", s->plain, &s->plain, err) || read_url(body, s->url, err))
        return err->code;
    s->port = (unsigned)port;
    return *new_ca && !s->on ? kp_fail(err, KP_EINVALID, "newCa goes with lan: true") : KP_OK;
}

enum kp_code kp_route_listen_put(struct kp_request *r, struct kp_err *err)
{
    static const char *const known[] = { "lan", "names", "port", "address", "newCa", NULL },
                             *const of_partners[] = { "lan", "names", "port", "address", "newCa", "plain", "url", NULL };
    struct kp_lan_settings s;
    bool new_ca;
    json_t *body = kp_body_object(r->body, r->body_len, for_partners(r) ? of_partners : known, err);
    if (body && has_web(r, err) &&
        !read_change(lan_of(r), &r->arena, body, &s, &new_ca, err) &&
        !kp_lan_set(lan_of(r), &s, new_ca, err)) {
        kp_request_note(r, "%s%s%s", for_partners(r) ? "for partners: " : "", s.on ? "on" : "off", new_ca ? ", a new CA" : "");
        reply_listen(r, err);
    }
    json_decref(body);
    return err->code;
}

enum kp_code kp_route_listen_csr(struct kp_request *r, struct kp_err *err)
{
    const char *csr;
    if (!has_web(r, err) || kp_lan_csr(lan_of(r), &r->arena, &csr, err))
        return err->code;
    struct kp_json j = kp_reply_json(r);
    kp_json_begin(&j, '{');
    kp_json_put_text(&j, "csr", csr);
    kp_json_end(&j, '}');
    return KP_OK;
}

enum kp_code kp_route_listen_certificate(struct kp_request *r, struct kp_err *err)
{
    static const char *const known[] = { "certificate", "key", NULL };
    const char *certificate, *key;
    json_t *body = kp_body_object(r->body, r->body_len, known, err);
    if (!body || kp_body_text(body, "certificate", true, &certificate, err) ||
        kp_body_text(body, "key", false, &key, err)) {
        ; /* err says what is wrong */
    } else if (strlen(certificate) > KP_PEM_MAX || (key && strlen(key) > KP_PEM_MAX)) {
        kp_fail(err, KP_EINVALID, "a certificate or key is larger than %d KiB", KP_PEM_MAX >> 10);
    } else if (has_web(r, err) && !kp_lan_give(lan_of(r), certificate, key, err)) {
        reply_listen(r, err);
    }
    json_decref(body);
    return err->code;
}

enum kp_code kp_route_listen_own(struct kp_request *r, struct kp_err *err)
{
    return has_web(r, err) && !kp_lan_own(lan_of(r), err) ? reply_listen(r, err)
                                                                   : err->code;
}
