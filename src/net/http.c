/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http.h"

#include "core/text.h"
#include "net/header.h"

#include <curl/curl.h>
#include <pthread.h>
#include <string.h>

#include "core/ban.h"

enum { SLICE_MS = 200, HEADER_MAX = 64 << 10 };

struct kp_http {
    CURLM *multi;
    CURL *easy;
    struct curl_slist *headers;
    struct kp_calls *calls;
    kp_http_take *take;
    void *arg;
    size_t got, most;
    struct kp_err failure;
    char why[CURL_ERROR_SIZE];
};

static void start_library(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

void kp_net_begin(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, start_library);
}

static size_t receive(char *data, size_t size, size_t n, void *arg)
{
    struct kp_http *h = arg;
    size_t len = size * n;
    h->got += len;
    if (h->most && h->got > h->most)
        kp_fail(&h->failure, KP_EFULL, "the answer is larger than %zu bytes", h->most);
    else if (!h->failure.code)
        h->take(h->arg, data, len, &h->failure);
    return h->failure.code ? 0 : len;
}

static bool given(const char *text)
{
    return text && *text;
}

static bool add_header(struct kp_http *h, const char *name, const char *value)
{
    return kp_header_add(&h->headers, name, value, HEADER_MAX);
}

static bool furnish_more(struct kp_http *h, const struct kp_http_options *o)
{
    struct curl_blob ca = { (void *)(uintptr_t)o->ca_text, given(o->ca_text) ? strlen(o->ca_text) : 0, CURL_BLOB_COPY };
    return (!o->accept || add_header(h, "Accept", o->accept)) &&
           (!o->authorization || add_header(h, "Authorization", o->authorization)) &&
           (!h->headers || !curl_easy_setopt(h->easy, CURLOPT_HTTPHEADER, h->headers)) &&
           (!ca.len || (!curl_easy_setopt(h->easy, CURLOPT_CAINFO_BLOB, &ca) && !curl_easy_setopt(h->easy, CURLOPT_CAPATH, NULL)));
}

static bool furnish(struct kp_http *h, const struct kp_http_options *o)
{
    CURL *e = h->easy;
    bool done = !curl_easy_setopt(e, CURLOPT_URL, o->url) && !curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https") &&
                !curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L) && !curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, receive) &&
                !curl_easy_setopt(e, CURLOPT_WRITEDATA, h) && !curl_easy_setopt(e, CURLOPT_ERRORBUFFER, h->why) &&
                !curl_easy_setopt(e, CURLOPT_USERAGENT, "koppel/" KOPPEL_VERSION) &&
                !curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L) && !curl_easy_setopt(e, CURLOPT_PROXY, "") &&
                !curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)(o->connect_timeout / KP_MILLISECOND)) &&
                !curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)(o->timeout / KP_MILLISECOND));
    if (done && given(o->user))
        done = !curl_easy_setopt(e, CURLOPT_USERNAME, o->user) &&
               !curl_easy_setopt(e, CURLOPT_PASSWORD, o->password ? o->password : "");
    if (done && o->form)
        done = !curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE, (long)strlen(o->form)) && !curl_easy_setopt(e, CURLOPT_COPYPOSTFIELDS, o->form);
    if (done && given(o->ca))
        done = !curl_easy_setopt(e, CURLOPT_CAINFO, o->ca);
    return done && furnish_more(h, o) && !curl_multi_add_handle(h->multi, e);
}

struct kp_http *kp_http_open(const struct kp_http_options *o, kp_http_take *take, void *arg, struct kp_err *err)
{
    kp_net_begin();
    struct kp_http *h = kp_alloc(sizeof *h);
    if (!h) {
        kp_fail(err, KP_ENOMEM, "out of memory");
        return NULL;
    }
    h->take = take;
    h->arg = arg;
    h->most = o->most;
    h->multi = curl_multi_init();
    h->easy = curl_easy_init();
    h->calls = kp_calls_new(&o->caller);
    if (h->easy)
        kp_calls_watch(h->calls, h->easy);
    if (h->multi && h->easy && furnish(h, o))
        return h;
    kp_fail(err, KP_EIO, "%.120s cannot be asked for", o->url);
    kp_http_close(h);
    return NULL;
}

/* A certificate that nobody vouches for is for a person to mend. */
static enum kp_code ended(struct kp_http *h, CURLcode code, struct kp_err *err)
{
    if (h->failure.code)
        return kp_fail(err, h->failure.code, "%s", h->failure.text);
    if (code == CURLE_OK)
        return KP_OK;
    bool person = code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE || code == CURLE_LOGIN_DENIED;
    return kp_fail(err, person ? KP_EREFUSED : KP_EPEER, "%.200s", *h->why ? h->why : curl_easy_strerror(code));
}

enum kp_code kp_http_turn(struct kp_http *h, int timeout_ms, bool *done, struct kp_err *err)
{
    int running, left;
    *done = false;
    if (curl_multi_perform(h->multi, &running) || (running && curl_multi_poll(h->multi, NULL, 0, timeout_ms, NULL)) ||
        curl_multi_perform(h->multi, &running))
        return kp_fail(err, KP_EIO, "the HTTP library fails");
    for (CURLMsg *m; (m = curl_multi_info_read(h->multi, &left));)
        if (m->msg == CURLMSG_DONE) {
            *done = true;
            kp_calls_ended(h->calls, (int)m->data.result);
            return ended(h, m->data.result, err);
        }
    return KP_OK;
}

long kp_http_status(const struct kp_http *h)
{
    long status = 0;
    curl_easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

const char *kp_http_type(const struct kp_http *h)
{
    char *type = NULL;
    curl_easy_getinfo(h->easy, CURLINFO_CONTENT_TYPE, &type);
    return type ? type : "";
}

void kp_http_close(struct kp_http *h)
{
    if (!h)
        return;
    if (h->multi && h->easy)
        curl_multi_remove_handle(h->multi, h->easy);
    curl_easy_cleanup(h->easy);
    curl_multi_cleanup(h->multi);
    curl_slist_free_all(h->headers);
    kp_calls_free(h->calls);
    kp_free(h);
}

/* ---- a whole answer ---- */
static enum kp_code collect(void *arg, const char *data, size_t n, struct kp_err *err)
{
    struct kp_buf *out = arg;
    kp_buf_add(out, data, n);
    return out->failed ? kp_fail(err, KP_ENOMEM, "out of memory") : KP_OK;
}

enum kp_code kp_http_get(const struct kp_http_options *o, bool (*stopping)(void *), void *arg, struct kp_buf *out,
                         struct kp_err *err)
{
    struct kp_err local = { 0 };
    bool done = false;
    kp_buf_init(out, (o->most ? o->most : SIZE_MAX / 2) + 1);
    struct kp_http *h = kp_http_open(o, collect, out, &local);
    while (h && !done && !kp_http_turn(h, SLICE_MS, &done, &local))
        if (stopping && stopping(arg))
            kp_fail(&local, KP_ESTOPPED, "stopping");
    long status = h && !local.code ? kp_http_status(h) : 0;
    if (!local.code && status != 200)
        kp_fail(&local, status == 401 || status == 403 ? KP_EREFUSED : KP_EPEER, "%.120s answers with status %ld", o->url,
                status);
    kp_http_close(h);
    return local.code ? kp_fail(err, local.code, "%s", local.text) : KP_OK;
}
