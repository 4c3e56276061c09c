/* SPDX-License-Identifier: Apache-2.0 */
/* Curl calls back when a connection stands, and OpenSSL when a chain of certificates is to be
 * judged; only there it is seen whether or not it is good. Curl keeps connections, with their
 * context of TLS, longer than whoever asked for them: so that is held by both. */
#include "net/caller.h"

#include "core/mem.h"
#include "core/observed.h"
#include "core/url.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/ban.h"

enum { SHA256_BYTES = 32, NAME_TEXT = 300, WHAT = 200 };

struct kp_calls {
    atomic_int holders; /* its maker, and the contexts of TLS that tell it */
    struct kp_hub *hub;
    CURL *easy;
    bool reached; /* the transfer under way has its connection */
    char coupling[KP_NAME_MAX], partner[KP_NAME_MAX], what[WHAT];
};

struct kp_calls *kp_calls_new(const struct kp_caller *who)
{
    struct kp_calls *c = who->hub ? kp_alloc(sizeof *c) : NULL;
    if (!c)
        return NULL;
    c->hub = who->hub;
    atomic_store(&c->holders, 1);
    snprintf(c->coupling, sizeof c->coupling, "%s", who->coupling ? who->coupling : "");
    snprintf(c->partner, sizeof c->partner, "%s", who->partner ? who->partner : "");
    snprintf(c->what, sizeof c->what, "%s%s%s", who->what ? who->what : "", who->name ? " " : "",
             who->name ? who->name : "");
    return c;
}

static void drop(struct kp_calls *c)
{
    if (c && atomic_fetch_sub(&c->holders, 1) == 1)
        kp_free(c);
}

void kp_calls_free(struct kp_calls *c)
{
    if (c)
        c->easy = NULL; /* a connection that is kept may still meet certificates */
    drop(c);
}

/* ---- certificates ---- */
static void print_name(const X509_NAME *name, char *out, size_t size)
{
    BIO *to = BIO_new(BIO_s_mem());
    *out = 0;
    if (to && X509_NAME_print_ex(to, name, 0, ASN1_STRFLGS_RFC2253 | XN_FLAG_SEP_CPLUS_SPC | XN_FLAG_FN_SN) >= 0) {
        char *text;
        long n = BIO_get_mem_data(to, &text);
        if (n > 0)
            kp_utf8_clean(out, size, text, (size_t)n);
    }
    BIO_free(to);
}

/* Adds who it is of to what is known of where it was met. */
static void observe_certificate(struct kp_hub *hub, struct kp_observed *o, const X509 *certificate)
{
    char subject[NAME_TEXT], issuer[NAME_TEXT], print[2 * SHA256_BYTES + 1];
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    if (!X509_digest(certificate, EVP_sha256(), digest, &n) || n != SHA256_BYTES)
        return;
    for (unsigned i = 0; i < n; i++)
        snprintf(print + 2 * i, 3, "%02x", digest[i]);
    print_name(X509_get_subject_name(certificate), subject, sizeof subject);
    print_name(X509_get_issuer_name(certificate), issuer, sizeof issuer);
    o->kind = KP_SEEN_CERTIFICATE;
    o->text[KP_SEEN_PRINT] = print;
    o->text[KP_SEEN_SUBJECT] = subject;
    o->text[KP_SEEN_ISSUER] = issuer;
    kp_hub_observe(hub, o);
}

void kp_certificate_observe(const struct kp_caller *who, const char *protocol, const void *der, size_t len)
{
    const unsigned char *from = der;
    X509 *certificate = d2i_X509(NULL, &from, (long)len);
    struct kp_observed o = { .text = { [KP_SEEN_COUPLED] = who->coupling, [KP_SEEN_PROTOCOL] = protocol } };
    if (certificate)
        observe_certificate(who->hub, &o, certificate);
    X509_free(certificate);
}

/* Curl lends OpenSSL no socket, but knows its end. */
static uint16_t curl_peer(CURL *easy, char out[INET6_ADDRSTRLEN])
{
    char *address = NULL;
    long port = 0;
    curl_easy_getinfo(easy, CURLINFO_PRIMARY_IP, &address);
    curl_easy_getinfo(easy, CURLINFO_PRIMARY_PORT, &port);
    snprintf(out, INET6_ADDRSTRLEN, "%s", address ? address : "");
    return (uint16_t)port;
}

static uint16_t peer_of(const SSL *ssl, char out[INET6_ADDRSTRLEN])
{
    union {
        struct sockaddr any;
        struct sockaddr_in four;
        struct sockaddr_in6 six;
    } at = { 0 };
    socklen_t len = sizeof at;
    *out = 0;
    if (getpeername(SSL_get_fd(ssl), &at.any, &len))
        return 0;
    if (at.any.sa_family == AF_INET && inet_ntop(AF_INET, &at.four.sin_addr, out, INET6_ADDRSTRLEN))
        return ntohs(at.four.sin_port);
    if (at.any.sa_family == AF_INET6 && inet_ntop(AF_INET6, &at.six.sin6_addr, out, INET6_ADDRSTRLEN))
        return ntohs(at.six.sin6_port);
    return 0;
}

static void observe_peer(const struct kp_calls *c, const SSL *ssl, const X509 *certificate)
{
    char address[INET6_ADDRSTRLEN], literal[KP_ADDRESS_TEXT];
    uint16_t port = c->easy ? curl_peer(c->easy, address) : peer_of(ssl, address);
    const char *host = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    struct kp_observed o = { .to_port = port,
                             .text = { [KP_SEEN_TO] = address,
                                       [KP_SEEN_PROTOCOL] = "tls",
                                       [KP_SEEN_DOMAIN] = host && !kp_host_address(host, false, literal) ? host : NULL,
                                       [KP_SEEN_COUPLED] = c->coupling,
                                       [KP_SEEN_BY] = c->partner,
                                       [KP_SEEN_DETAIL] = c->what } };
    observe_certificate(c->hub, &o, certificate);
}

void kp_calls_met(struct kp_calls *c, void *ssl)
{
    const STACK_OF(X509) *chain = c && ssl ? SSL_get_peer_cert_chain(ssl) : NULL;
    if (chain && sk_X509_num(chain) > 0)
        observe_peer(c, ssl, sk_X509_value(chain, 0));
}

/* Judges as OpenSSL does by itself. */
static int judge(X509_STORE_CTX *chain, void *arg)
{
    const X509 *certificate = X509_STORE_CTX_get0_cert(chain);
    const SSL *ssl = X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx());
    if (certificate && ssl)
        observe_peer(arg, ssl, certificate);
    return X509_verify_cert(chain) > 0;
}

static int place = -1; /* of struct kp_calls in a context */

static void let_go(void *parent, void *held, CRYPTO_EX_DATA *all, int at, long number, void *arg)
{
    (void)parent, (void)all, (void)at, (void)number, (void)arg;
    drop(held);
}

static void make_place(void)
{
    place = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, let_go);
}

/* ---- transfers of curl ---- */
static bool text_of(CURLU *url, CURLUPart part, unsigned flags, char *out, size_t size)
{
    char *text = NULL;
    bool there = !curl_url_get(url, part, &text, flags) && text;
    snprintf(out, size, "%s", there ? text : "");
    curl_free(text);
    return there;
}

/* "[::1]" loses its brackets. */
static void host_of(CURLU *url, char out[KP_HOST_MAX])
{
    char host[KP_HOST_MAX];
    text_of(url, CURLUPART_HOST, 0, host, sizeof host);
    size_t n = strlen(host), skip = *host == '[' && n > 2;
    snprintf(out, KP_HOST_MAX, "%.*s", (int)(n - 2 * skip), host + skip);
}

static void tell(struct kp_calls *c, const char *address, long port, bool reached)
{
    char host[KP_HOST_MAX] = "", scheme[16] = "", number[8] = "", literal[KP_ADDRESS_TEXT], detail[WHAT + 40];
    char *whole = NULL;
    CURLU *url = curl_url();
    curl_easy_getinfo(c->easy, CURLINFO_EFFECTIVE_URL, &whole);
    if (url && whole && !curl_url_set(url, CURLUPART_URL, whole, 0)) {
        host_of(url, host);
        text_of(url, CURLUPART_SCHEME, 0, scheme, sizeof scheme);
        if (!port && text_of(url, CURLUPART_PORT, CURLU_DEFAULT_PORT, number, sizeof number))
            port = strtol(number, NULL, 10);
    }
    curl_url_cleanup(url);
    bool is_address = kp_host_address(host, false, literal);
    snprintf(detail, sizeof detail, "%s for %s", reached ? "connected" : "tried", *c->what ? c->what : "this node");
    kp_hub_observe(c->hub, &(struct kp_observed){ .kind = KP_SEEN_OUTGOING,
                                                  .to_port = (uint16_t)port,
                                                  .text = { [KP_SEEN_TO] = address && *address ? address : literal,
                                                            [KP_SEEN_PROTOCOL] = scheme,
                                                            [KP_SEEN_DOMAIN] = is_address ? NULL : host,
                                                            [KP_SEEN_COUPLED] = c->coupling,
                                                            [KP_SEEN_BY] = c->partner,
                                                            [KP_SEEN_DETAIL] = detail } });
}

/* Of a coupling that is not to a partner, the core tells it. */
static bool told_here(const struct kp_calls *c)
{
    return !*c->coupling || *c->partner;
}

static bool is_new(const struct kp_calls *c)
{
    long made = 0;
    return !curl_easy_getinfo(c->easy, CURLINFO_NUM_CONNECTS, &made) && made > 0;
}

static int stands(void *arg, char *address, char *own, int port, int own_port)
{
    struct kp_calls *c = arg;
    (void)own, (void)own_port;
    if (told_here(c) && is_new(c))
        tell(c, address, port, true);
    c->reached = true;
    return CURL_PREREQFUNC_OK;
}

/* Not when it ended before it began. */
static bool went_out(int code)
{
    return code && code != CURLE_ABORTED_BY_CALLBACK && code != CURLE_OUT_OF_MEMORY &&
           code != CURLE_URL_MALFORMAT && code != CURLE_UNSUPPORTED_PROTOCOL;
}

void kp_calls_ended(struct kp_calls *c, int code)
{
    char *address = NULL;
    if (!c)
        return;
    if (!c->reached && told_here(c) && went_out(code)) {
        curl_easy_getinfo(c->easy, CURLINFO_PRIMARY_IP, &address);
        tell(c, address, 0, false);
    }
    c->reached = false;
}

/* Without a place it is not told. */
static CURLcode begin_tls(CURL *easy, void *context, void *arg)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct kp_calls *c = arg;
    (void)easy;
    pthread_once(&once, make_place);
    atomic_fetch_add(&c->holders, 1);
    if (place >= 0 && SSL_CTX_set_ex_data(context, place, c))
        SSL_CTX_set_cert_verify_callback(context, judge, c);
    else
        drop(c);
    return CURLE_OK;
}

void kp_calls_watch(struct kp_calls *c, void *curl)
{
    const curl_version_info_data *library = curl_version_info(CURLVERSION_NOW);
    if (!c)
        return;
    c->easy = curl;
    curl_easy_setopt(curl, CURLOPT_PREREQFUNCTION, stands);
    curl_easy_setopt(curl, CURLOPT_PREREQDATA, c);
    if (library->ssl_version && strncmp(library->ssl_version, "OpenSSL/", 8) == 0) {
        curl_easy_setopt(curl, CURLOPT_SSL_CTX_FUNCTION, begin_tls);
        curl_easy_setopt(curl, CURLOPT_SSL_CTX_DATA, c);
    }
}
