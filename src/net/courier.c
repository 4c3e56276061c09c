/* SPDX-License-Identifier: Apache-2.0 */
#include "net/courier.h"

#include "core/url.h"
#include "net/header.h"
#include "net/http.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "core/ban.h"

enum { NEXT = 1000, CONNECT_S = 10, CONNECTIONS_KEPT = 32, PER_HOST = 8, HEADER_MAX = 64 << 10 };

struct trip {
    struct trip *next, **prev;
    CURL *easy;
    struct kp_calls *calls;
    struct curl_slist *headers;
    kp_courier_done *done;
    void *arg;
    struct kp_buf text;
    char link[NEXT], why[CURL_ERROR_SIZE];
    size_t most;
};

struct kp_courier {
    CURLM *multi;
    struct trip *trips;
};

static void trip_free(struct kp_courier *c, struct trip *t)
{
    if (t->prev) {
        *t->prev = t->next;
        if (t->next)
            t->next->prev = t->prev;
    }
    if (t->easy) {
        curl_multi_remove_handle(c->multi, t->easy);
        curl_easy_cleanup(t->easy);
    }
    curl_slist_free_all(t->headers);
    kp_calls_free(t->calls);
    kp_buf_free(&t->text);
    kp_free(t);
}

struct kp_courier *kp_courier_new(struct kp_err *err)
{
    kp_net_begin();
    struct kp_courier *c = kp_alloc(sizeof *c);
    if (c)
        c->multi = curl_multi_init();
    if (c && c->multi &&
        !curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_KEPT) &&
        !curl_multi_setopt(c->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)PER_HOST))
        return c;
    kp_courier_free(c);
    kp_fail(err, KP_ENOMEM, "out of memory for the HTTP client");
    return NULL;
}

void kp_courier_free(struct kp_courier *c)
{
    if (!c)
        return;
    while (c->trips)
        trip_free(c, c->trips);
    curl_multi_cleanup(c->multi);
    kp_free(c);
}

static size_t receive(char *data, size_t size, size_t n, void *arg)
{
    struct trip *t = arg;
    kp_buf_add(&t->text, data, size * n);
    return t->text.failed ? 0 : size * n;
}

/* Of `Link: <https://a.example/x>; rel="next", <...>; rel="previous"` the next; cuts the text. */
static void find_next(struct trip *t, char *value)
{
    for (char *open; value && (open = strchr(value, '<'));) {
        char *close = strchr(open, '>');
        value = close ? strchr(close, ',') : NULL;
        if (value)
            *value++ = 0;
        if (!close || !strstr(close, "rel=\"next\""))
            continue;
        *close = 0;
        snprintf(t->link, sizeof t->link, "%s", open + 1);
    }
}

static size_t hear_header(char *data, size_t size, size_t n, void *arg)
{
    struct trip *t = arg;
    char line[NEXT + 64];
    size_t len = size * n;
    if (len > 5 && len < sizeof line && strncasecmp(data, "link:", 5) == 0) {
        memcpy(line, data, len);
        line[len] = 0;
        find_next(t, line + 5);
    }
    return len;
}

static bool add_header(struct trip *t, const char *name, const char *value)
{
    return kp_header_add(&t->headers, name, value, HEADER_MAX);
}

static bool trust(CURL *e, const char *ca, bool stranger)
{
    if (stranger)
        return !curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 0L) &&
               !curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 0L);
    struct curl_blob blob = { (void *)(uintptr_t)ca, ca ? strlen(ca) : 0, CURL_BLOB_COPY };
    return !blob.len || (!curl_easy_setopt(e, CURLOPT_CAINFO_BLOB, &blob) &&
                         !curl_easy_setopt(e, CURLOPT_CAPATH, NULL));
}

/* ---- only to public addresses ---- */
static bool public_4(uint32_t a)
{
    static const struct {
        uint32_t net;
        int bits;
    } kept[] = { { 0x00000000, 8 },  { 0x0a000000, 8 },  { 0x64400000, 10 }, { 0x7f000000, 8 },
                 { 0xa9fe0000, 16 }, { 0xac100000, 12 }, { 0xc0000000, 24 }, { 0xc0a80000, 16 },
                 { 0xc6120000, 15 }, { 0xe0000000, 3 } };
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
        if ((a ^ kept[i].net) >> (32 - kept[i].bits) == 0)
            return false;
    return true;
}

/* Of IPv6 what is given out in the world (2000::/3), but not where IPv4 or a tunnel is in it. */
static bool public_6(const unsigned char a[16])
{
    return (a[0] & 0xe0) == 0x20 && !(a[0] == 0x20 && a[1] == 0x02) &&
           !(a[0] == 0x20 && a[1] == 0x01 && !a[2] && !a[3]);
}

static bool public_address(const struct sockaddr *a)
{
    struct sockaddr_in four;
    struct sockaddr_in6 six;
    if (a->sa_family == AF_INET) {
        memcpy(&four, a, sizeof four);
        return public_4(ntohl(four.sin_addr.s_addr));
    }
    memcpy(&six, a, sizeof six);
    return a->sa_family == AF_INET6 && public_6(six.sin6_addr.s6_addr);
}

bool kp_courier_public(const char *host)
{
    struct in_addr four;
    struct in6_addr six;
    if (inet_pton(AF_INET, host, &four) == 1)
        return public_4(ntohl(four.s_addr));
    return inet_pton(AF_INET6, host, &six) == 1 ? public_6(six.s6_addr)
                                                : !kp_host_is_own(host);
}

/* Asked when a name has been looked up, so that none can become another address in between. */
static curl_socket_t open_outside(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
    (void)arg;
    (void)purpose;
    return public_address(&a->addr) ? socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol)
                                    : CURL_SOCKET_BAD;
}

static bool write_body(struct trip *t, const char *body, const char *type)
{
    CURL *e = t->easy;
    return !body ||
           (add_header(t, "Content-Type", type ? type : "application/json") && add_header(t, "Expect", "") &&
            !curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE, (long)strlen(body)) &&
            !curl_easy_setopt(e, CURLOPT_COPYPOSTFIELDS, body));
}

static bool furnish(struct trip *t, const struct kp_errand *l)
{
    CURL *e = t->easy;
    return !curl_easy_setopt(e, CURLOPT_URL, l->url) &&
           !curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https") &&
           !curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L) && !curl_easy_setopt(e, CURLOPT_PRIVATE, t) &&
           !curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, receive) &&
           !curl_easy_setopt(e, CURLOPT_WRITEDATA, t) &&
           !curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, hear_header) &&
           !curl_easy_setopt(e, CURLOPT_HEADERDATA, t) &&
           !curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t->why) &&
           !curl_easy_setopt(e, CURLOPT_PROXY, "") &&
           !curl_easy_setopt(e, CURLOPT_USERAGENT, "koppel/" KOPPEL_VERSION) &&
           !curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S) &&
           !curl_easy_setopt(e, CURLOPT_TIMEOUT, (long)KP_COURIER_WITHIN_S) && trust(e, l->ca, l->stranger) &&
           (!l->outside || !curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, open_outside)) &&
           write_body(t, l->body, l->type) && add_header(t, "Accept", "application/json") &&
           (!l->authorization ||
            add_header(t, l->header ? l->header : "Authorization", l->authorization)) &&
           !curl_easy_setopt(e, CURLOPT_HTTPHEADER, t->headers);
}

enum kp_code kp_courier_send(struct kp_courier *c, const struct kp_errand *l, kp_courier_done *done,
                             void *arg, struct kp_err *err)
{
    struct trip *t = kp_alloc(sizeof *t);
    if (!t)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    t->done = done;
    t->arg = arg;
    t->most = l->most;
    kp_buf_init(&t->text, l->most);
    t->easy = curl_easy_init();
    t->calls = kp_calls_new(&l->caller);
    if (t->easy)
        kp_calls_watch(t->calls, t->easy);
    if (!t->easy || !furnish(t, l) || curl_multi_add_handle(c->multi, t->easy)) {
        if (t->easy)
            curl_easy_cleanup(t->easy);
        t->easy = NULL;
        trip_free(c, t);
        return kp_fail(err, KP_EIO, "%.120s cannot be asked for", l->url);
    }
    t->next = c->trips;
    t->prev = &c->trips;
    if (t->next)
        t->next->prev = &t->next;
    c->trips = t;
    return KP_OK;
}

void kp_courier_drop(struct kp_courier *c, const void *arg)
{
    for (struct trip *t = c->trips, *next; t; t = next) {
        next = t->next;
        if (t->arg == arg)
            trip_free(c, t);
    }
}

static void arrive(struct kp_courier *c, struct trip *t, CURLcode code)
{
    struct kp_answer a = { 0 };
    kp_calls_ended(t->calls, (int)code);
    if (code == CURLE_OK)
        curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &a.status);
    else if (t->text.failed)
        kp_fail(&a.err, KP_EFULL, "the answer is larger than %zu bytes", t->most);
    else
        kp_fail(&a.err, code == CURLE_PEER_FAILED_VERIFICATION ? KP_EREFUSED : KP_EPEER, "%.200s",
                *t->why ? t->why : curl_easy_strerror(code));
    a.text = kp_buf_text(&t->text);
    a.len = t->text.failed ? 0 : t->text.len; /* its text is "" then */
    a.next = t->link;
    t->done(t->arg, &a);
    trip_free(c, t);
}

void kp_courier_turn(struct kp_courier *c, int timeout_ms)
{
    int running = 0, left;
    curl_multi_perform(c->multi, &running);
    for (CURLMsg *m; (m = curl_multi_info_read(c->multi, &left));) {
        struct trip *t = NULL;
        CURLcode code = m->data.result;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&t);
        if (t)
            arrive(c, t, code);
        timeout_ms = 0; /* there may be more to do */
    }
    curl_multi_poll(c->multi, NULL, 0, timeout_ms, NULL);
}

void kp_courier_wake(struct kp_courier *c)
{
    curl_multi_wakeup(c->multi);
}

/* ---- one, waited for ---- */
struct asked {
    struct kp_arena *arena;
    struct kp_answer *answer;
    bool done;
};

static void keep(void *arg, const struct kp_answer *a)
{
    struct asked *k = arg;
    *k->answer = *a;
    char *text = kp_arena_alloc(k->arena, a->len + 1);
    if (text)
        memcpy(text, a->text, a->len);
    k->answer->text = text;
    k->answer->next = kp_arena_strdup(k->arena, a->next);
    k->done = true;
}

bool kp_courier_ask(const struct kp_errand *l, struct kp_arena *arena, struct kp_answer *answer,
                    struct kp_err *err)
{
    struct asked k = { .arena = arena, .answer = answer };
    struct kp_courier *c = kp_courier_new(err);
    *answer = (struct kp_answer){ 0 };
    if (c && !kp_courier_send(c, l, keep, &k, err))
        while (!k.done)
            kp_courier_turn(c, 1000);
    kp_courier_free(c);
    if (k.done && answer->err.code)
        kp_fail(err, answer->err.code, "%s", answer->err.text);
    else if (k.done && (!answer->text || !answer->next))
        kp_fail(err, KP_ENOMEM, "out of memory");
    return !err->code;
}
