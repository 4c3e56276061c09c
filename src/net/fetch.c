/* SPDX-License-Identifier: Apache-2.0 */
#include "net/fetch.h"

#include "core/clock.h"
#include "core/text.h"
#include "core/url.h"
#include "net/header.h"
#include "net/http.h"

#include <curl/curl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/ban.h"

enum {
    CONNECT_S = 15,
    WHOLE_S = 600,
    SLOW_S = 30,
    SLOW_BYTES = 200,
    SLICE_MS = 100,
    HOPS = 4,
    HEADER_MAX = 16 << 10
};

struct kp_fetcher {
    const struct kp_fetcher_options *o;
    CURL *easy;
    struct kp_calls *calls;
    int64_t last; /* when the last answer came, monotonic; 0: none did */
    struct kp_buf *text;
    const char *type, *body; /* of a POST; NULL: it is a GET */
    size_t len;
    char why[CURL_ERROR_SIZE];
};

static bool given(const char *text)
{
    return text && *text;
}

static bool stopping(const struct kp_fetcher *f)
{
    return f->o->stopping && f->o->stopping(f->o->arg);
}

static size_t receive(char *data, size_t size, size_t n, void *arg)
{
    struct kp_fetcher *f = arg;
    kp_buf_add(f->text, data, size * n);
    return f->text->failed ? 0 : size * n;
}

static int progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    (void)a, (void)b, (void)c, (void)d;
    return stopping(arg);
}

static bool put_blob(CURL *e, CURLoption option, const char *pem)
{
    struct curl_blob blob = { (void *)(uintptr_t)pem, pem ? strlen(pem) : 0, CURL_BLOB_COPY };
    return !blob.len || !curl_easy_setopt(e, option, &blob);
}

/* What holds for all requests. */
static bool furnish(struct kp_fetcher *f)
{
    const struct kp_fetcher_options *o = f->o;
    CURL *e = f->easy;
    return !curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https") &&
           !curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L) &&
           !curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, receive) &&
           !curl_easy_setopt(e, CURLOPT_WRITEDATA, f) &&
           !curl_easy_setopt(e, CURLOPT_ERRORBUFFER, f->why) &&
           !curl_easy_setopt(e, CURLOPT_USERAGENT, "koppel/" KOPPEL_VERSION) &&
           !curl_easy_setopt(e, CURLOPT_ACCEPT_ENCODING, "") &&
           !curl_easy_setopt(e, CURLOPT_PROXY, given(o->proxy) ? o->proxy : "") &&
           !curl_easy_setopt(e, CURLOPT_NOPROXY, "") &&
           !curl_easy_setopt(e, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L) &&
           !curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S) &&
           !curl_easy_setopt(e, CURLOPT_TIMEOUT, (long)WHOLE_S) &&
           !curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME, (long)SLOW_S) &&
           !curl_easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, (long)SLOW_BYTES) &&
           !curl_easy_setopt(e, CURLOPT_NOPROGRESS, 0L) &&
           !curl_easy_setopt(e, CURLOPT_XFERINFOFUNCTION, progress) &&
           !curl_easy_setopt(e, CURLOPT_XFERINFODATA, f) &&
           put_blob(e, CURLOPT_CAINFO_BLOB, o->ca) &&
           (!given(o->ca) || !curl_easy_setopt(e, CURLOPT_CAPATH, NULL));
}

struct kp_fetcher *kp_fetcher_new(const struct kp_fetcher_options *o, struct kp_err *err)
{
    kp_net_begin();
    struct kp_fetcher *f = kp_alloc(sizeof *f);
    if (f) {
        f->o = o;
        f->easy = curl_easy_init();
        f->calls = kp_calls_new(&o->caller);
    }
    if (f && f->easy)
        kp_calls_watch(f->calls, f->easy);
    if (f && f->easy && furnish(f))
        return f;
    kp_fetcher_free(f);
    kp_fail(err, KP_ENOMEM, "out of memory for the HTTP client");
    return NULL;
}

void kp_fetcher_free(struct kp_fetcher *f)
{
    if (!f)
        return;
    curl_easy_cleanup(f->easy);
    kp_calls_free(f->calls);
    kp_free(f);
}

enum kp_code kp_fetcher_wait(struct kp_fetcher *f, int64_t ns, struct kp_err *err)
{
    int64_t until = kp_mono(&kp_clock_system) + ns, left;
    while (!stopping(f) && (left = until - kp_mono(&kp_clock_system)) > 0) {
        int64_t ms = left / KP_MILLISECOND + 1;
        poll(NULL, 0, ms > SLICE_MS ? SLICE_MS : (int)ms);
    }
    return stopping(f) ? kp_fail(err, KP_ESTOPPED, "stopping") : KP_OK;
}

/* ---- one request ---- */
static bool add(struct curl_slist **list, const char *name, const char *value)
{
    return !given(value) || kp_header_add(list, name, value, HEADER_MAX);
}

/* Who this is, to the server it is for; to all others nothing. */
static bool introduce(struct kp_fetcher *f, const char *url, struct curl_slist **headers)
{
    const struct kp_fetcher_options *o = f->o;
    bool home = given(o->home) && kp_web_url_same_server(o->home, url);
    const char *user = home && given(o->user) ? o->user : NULL;
    CURL *e = f->easy;
    curl_easy_setopt(e, CURLOPT_SSLCERT_BLOB, NULL);
    curl_easy_setopt(e, CURLOPT_SSLKEY_BLOB, NULL);
    bool done =
        !curl_easy_setopt(e, CURLOPT_USERNAME, user) &&
        !curl_easy_setopt(e, CURLOPT_PASSWORD, user ? (o->password ? o->password : "") : NULL);
    if (done && home && given(o->certificate) && given(o->key))
        done = put_blob(e, CURLOPT_SSLCERT_BLOB, o->certificate) &&
               put_blob(e, CURLOPT_SSLKEY_BLOB, o->key);
    if (!done || !home || !given(o->token))
        return done;
    struct kp_buf bearer;
    kp_buf_init(&bearer, 8 << 10);
    kp_buf_printf(&bearer, "%s%s", o->bare_token ? "" : "Bearer ", o->token);
    done = !bearer.failed && add(headers, "Authorization", kp_buf_text(&bearer));
    if (bearer.data)
        explicit_bzero(bearer.data, bearer.len);
    kp_buf_free(&bearer);
    return done;
}

static void hear(CURL *e, const char *name, char *out, size_t size)
{
    struct curl_header *h;
    *out = 0;
    if (!curl_easy_header(e, name, 0, CURLH_HEADER, -1, &h) && strlen(h->value) < size)
        snprintf(out, size, "%s", h->value);
}

static enum kp_code perform(struct kp_fetcher *f, struct kp_err *err)
{
    *f->why = 0;
    CURLcode code = curl_easy_perform(f->easy);
    f->last = kp_mono(&kp_clock_system);
    kp_calls_ended(f->calls, (int)code);
    if (code == CURLE_OK)
        return KP_OK;
    if (code == CURLE_ABORTED_BY_CALLBACK)
        return kp_fail(err, KP_ESTOPPED, "stopping");
    if (f->text->failed)
        return kp_fail(err, KP_EFULL, "the answer is larger than %zu bytes, or memory is short",
                       f->text->limit);
    bool person = code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE ||
                  code == CURLE_SSL_CERTPROBLEM || code == CURLE_LOGIN_DENIED;
    char why[CURL_ERROR_SIZE];
    kp_utf8_clean(why, sizeof why, *f->why ? f->why : curl_easy_strerror(code), sizeof f->why);
    return kp_fail(err, person ? KP_EREFUSED : KP_EPEER, "%.200s", why);
}

static bool choose_method(struct kp_fetcher *f)
{
    return f->body ? !curl_easy_setopt(f->easy, CURLOPT_POST, 1L) &&
                         !curl_easy_setopt(f->easy, CURLOPT_POSTFIELDSIZE, (long)f->len) &&
                         !curl_easy_setopt(f->easy, CURLOPT_POSTFIELDS, f->body)
                   : !curl_easy_setopt(f->easy, CURLOPT_HTTPGET, 1L);
}

static enum kp_code ask(struct kp_fetcher *f, const struct kp_fetch *q, const char *url,
                        struct kp_fetched *out, struct kp_err *err)
{
    struct curl_slist *headers = NULL;
    curl_off_t wait = 0;
    f->text = &out->text;
    bool done = add(&headers, "If-None-Match", q->tag) &&
                add(&headers, "If-Modified-Since", q->since) &&
                add(&headers, "Accept", q->accept) && add(&headers, "Content-Type", f->type) &&
                choose_method(f) && introduce(f, url, &headers) &&
                !curl_easy_setopt(f->easy, CURLOPT_URL, url) &&
                !curl_easy_setopt(f->easy, CURLOPT_HTTPHEADER, headers);
    if (!done)
        kp_fail(err, KP_ENOMEM, "out of memory for the HTTP client");
    else if (!perform(f, err)) {
        curl_easy_getinfo(f->easy, CURLINFO_RESPONSE_CODE, &out->status);
        curl_easy_getinfo(f->easy, CURLINFO_RETRY_AFTER, &wait);
        out->wait = wait > 0 && wait < 10 * 86400 ? (int64_t)wait * KP_SECOND : 0;
        hear(f->easy, "ETag", out->tag, sizeof out->tag);
        hear(f->easy, "Last-Modified", out->since, sizeof out->since);
        if (q->header)
            hear(f->easy, q->header, out->header, sizeof out->header);
    }
    curl_easy_setopt(f->easy, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(headers);
    return err->code;
}

/* Where the answer sends us, in the arena; NULL: nowhere. */
static const char *redirect(struct kp_fetcher *f, const struct kp_fetched *out, const char *from,
                            struct kp_arena *arena, struct kp_err *err)
{
    char *to = NULL;
    if (out->status < 301 || out->status > 308 || out->status == 304 ||
        curl_easy_getinfo(f->easy, CURLINFO_REDIRECT_URL, &to) || !to)
        return NULL;
    if (!kp_web_url_same_server(from, to))
        kp_fail(err, KP_EREFUSED, "it sends us to another server, %.120s, which is not followed",
                to);
    const char *kept = err->code || kp_web_url_check(to, err) ? NULL : kp_arena_strdup(arena, to);
    if (!kept)
        kp_fail(err, KP_ENOMEM, "out of memory");
    return kept;
}

enum kp_code kp_fetcher_get(struct kp_fetcher *f, const struct kp_fetch *q, struct kp_fetched *out,
                            struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    struct kp_err own = { 0 };
    const char *url = q->url;
    *out = (struct kp_fetched){ 0 };
    kp_buf_init(&out->text, q->most);
    kp_web_url_check(url, &own);
    for (int hop = 0; !own.code && url; hop++) {
        int64_t since = kp_mono(&kp_clock_system) - f->last;
        if (hop == HOPS)
            kp_fail(&own, KP_EPEER, "it sends us from one address to the next without end");
        else if (!f->last || since >= f->o->pause ||
                 !kp_fetcher_wait(f, f->o->pause - since, &own)) {
            out->text.len = 0;
            if (!ask(f, q, url, out, &own))
                url = f->body ? NULL : redirect(f, out, url, &arena, &own);
        }
    }
    kp_arena_free(&arena);
    return own.code ? kp_fail(err, own.code, "%.150s: %s", q->url, own.text) : KP_OK;
}

enum kp_code kp_fetcher_post(struct kp_fetcher *f, const struct kp_fetch *q, const char *type,
                             const char *body, size_t len, struct kp_fetched *out,
                             struct kp_err *err)
{
    f->type = type;
    f->body = body;
    f->len = len;
    enum kp_code code = kp_fetcher_get(f, q, out, err);
    f->type = f->body = NULL;
    return code;
}

/* ---- addresses ---- */
static CURLU *parse(const char *url)
{
    CURLU *u = curl_url();
    if (u && curl_url_set(u, CURLUPART_URL, url, CURLU_PATH_AS_IS)) {
        curl_url_cleanup(u);
        return NULL;
    }
    return u;
}

static bool part(CURLU *u, CURLUPart which, char *out, size_t size)
{
    char *text = NULL;
    bool there = u && !curl_url_get(u, which, &text, CURLU_DEFAULT_PORT);
    snprintf(out, size, "%s", there ? text : "");
    bool whole = there && strlen(text) < size;
    curl_free(text);
    return whole;
}

struct place {
    char scheme[16], host[KP_HOST_MAX], port[8];
};

static bool place_of(const char *url, struct place *p)
{
    CURLU *u = parse(url);
    bool good = part(u, CURLUPART_SCHEME, p->scheme, sizeof p->scheme) &&
                part(u, CURLUPART_HOST, p->host, sizeof p->host) &&
                part(u, CURLUPART_PORT, p->port, sizeof p->port);
    curl_url_cleanup(u);
    return good;
}

static bool climbs(const char *url)
{
    for (const char *at = url; (at = strpbrk(at, ".%")); at++)
        if (strncmp(at, "..", 2) == 0 || strncasecmp(at, "%2e", 3) == 0 ||
            strncasecmp(at, "%2f", 3) == 0 || strncasecmp(at, "%5c", 3) == 0)
            return true;
    return strchr(url, '\\');
}

enum kp_code kp_web_url_check(const char *url, struct kp_err *err)
{
    struct place p;
    char user[8];
    CURLU *u = NULL;
    for (const unsigned char *c = (const unsigned char *)url; *c; c++)
        if (*c <= ' ' || *c >= 127)
            return kp_fail(err, KP_EINVALID,
                           "the address has a blank or a character that none may have");
    if (strlen(url) > 2000 || !place_of(url, &p))
        return kp_fail(err, KP_EINVALID, "'%.100s' is no address of a web server", url);
    u = parse(url);
    bool login = part(u, CURLUPART_USER, user, sizeof user) || *user;
    curl_url_cleanup(u);
    if (login)
        return kp_fail(err, KP_EINVALID, "a login in the address is not taken; give it apart");
    if (climbs(url))
        return kp_fail(err, KP_EINVALID, "'%.100s' climbs out of its folder", url);
    if (strcmp(p.scheme, "https") != 0 &&
        !(strcmp(p.scheme, "http") == 0 && kp_host_is_own(p.host)))
        return kp_fail(err, KP_EINVALID, "'%.100s' is not https", url);
    return KP_OK;
}

bool kp_web_url_same_server(const char *a, const char *b)
{
    struct place x, y;
    return place_of(a, &x) && place_of(b, &y) && strcmp(x.scheme, y.scheme) == 0 &&
           strcasecmp(x.host, y.host) == 0 && strcmp(x.port, y.port) == 0;
}

void kp_web_url_server(const char *url, char *out, size_t size)
{
    struct place p = { 0 };
    place_of(url, &p);
    snprintf(out, size, "%s://%s:%s", p.scheme, p.host, p.port);
}
