/* SPDX-License-Identifier: Apache-2.0 */
#include "net/send.h"

#include "core/mem.h"
#include "net/http.h"

#include <curl/curl.h>
#include <string.h>

#include "core/ban.h"

enum { CONNECT_MS = 10000, WHOLE_MS = 30000, ANSWER = 300 };

struct sending {
    bool (*stopping)(void *);
    void *arg;
    const char *text;
    size_t left;
    char answer[ANSWER], why[CURL_ERROR_SIZE];
    size_t answered;
    struct kp_calls *calls;
};

static bool given(const char *text)
{
    return text && *text;
}

static size_t hear(char *data, size_t size, size_t n, void *arg)
{
    struct sending *s = arg;
    size_t len = size * n, room = sizeof s->answer - 1 - s->answered,
           take = len < room ? len : room;
    memcpy(s->answer + s->answered, data, take);
    s->answered += take;
    return len;
}

static size_t say(char *out, size_t size, size_t n, void *arg)
{
    struct sending *s = arg;
    size_t room = size * n, take = s->left < room ? s->left : room;
    memcpy(out, s->text, take);
    s->text += take;
    s->left -= take;
    return take;
}

static int progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    struct sending *s = arg;
    (void)a, (void)b, (void)c, (void)d;
    return s->stopping && s->stopping(s->arg);
}

static CURL *prepare(struct sending *s, const char *url, const char *protocols, const char *ca,
                     const struct kp_caller *caller, struct kp_err *err)
{
    kp_net_begin();
    CURL *e = curl_easy_init();
    bool done = e && !curl_easy_setopt(e, CURLOPT_URL, url) &&
                !curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, protocols) &&
                !curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L) &&
                !curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, hear) &&
                !curl_easy_setopt(e, CURLOPT_WRITEDATA, s) &&
                !curl_easy_setopt(e, CURLOPT_ERRORBUFFER, s->why) &&
                !curl_easy_setopt(e, CURLOPT_USERAGENT, "koppel/" KOPPEL_VERSION) &&
                !curl_easy_setopt(e, CURLOPT_PROXY, "") &&
                !curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS) &&
                !curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)WHOLE_MS) &&
                !curl_easy_setopt(e, CURLOPT_NOPROGRESS, 0L) &&
                !curl_easy_setopt(e, CURLOPT_XFERINFOFUNCTION, progress) &&
                !curl_easy_setopt(e, CURLOPT_XFERINFODATA, s) &&
                (!given(ca) || !curl_easy_setopt(e, CURLOPT_CAINFO, ca));
    s->calls = kp_calls_new(caller);
    if (e)
        kp_calls_watch(s->calls, e);
    if (done)
        return e;
    curl_easy_cleanup(e);
    kp_fail(err, KP_EIO, "%.120s cannot be asked for", url);
    return NULL;
}

static enum kp_code finish(struct sending *s, CURL *e, struct kp_err *err)
{
    CURLcode code = curl_easy_perform(e);
    long status = 0;
    kp_calls_ended(s->calls, (int)code);
    curl_easy_getinfo(e, CURLINFO_RESPONSE_CODE, &status);
    if (code == CURLE_OK)
        return KP_OK;
    if (code == CURLE_ABORTED_BY_CALLBACK)
        return kp_fail(err, KP_ESTOPPED, "stopping");
    bool person = code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE ||
                  code == CURLE_LOGIN_DENIED || code == CURLE_USE_SSL_FAILED ||
                  (status >= 550 && status < 560);
    return kp_fail(err, person ? KP_EREFUSED : KP_EPEER, "%.200s",
                   *s->why ? s->why : curl_easy_strerror(code));
}

static bool add(struct curl_slist **list, const char *text)
{
    struct curl_slist *longer = curl_slist_append(*list, text);
    if (longer)
        *list = longer;
    return longer;
}

enum kp_code kp_post_send(const struct kp_post *p, bool (*stopping)(void *), void *arg,
                          struct kp_err *err)
{
    struct sending s = { .stopping = stopping, .arg = arg };
    struct kp_err own = { 0 };
    struct curl_slist *headers = NULL;
    long status = 0;
    CURL *e = prepare(&s, p->url, "http,https", p->ca, &p->caller, &own);
    bool done = e && !curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE, (long)strlen(p->body)) &&
                !curl_easy_setopt(e, CURLOPT_POSTFIELDS, p->body) && add(&headers, "Expect:");
    for (size_t i = 0; done && p->headers && p->headers[i]; i++)
        done = add(&headers, p->headers[i]);
    done = done && !curl_easy_setopt(e, CURLOPT_HTTPHEADER, headers);
    if (e && !done)
        kp_fail(&own, KP_ENOMEM, "out of memory");
    if (done && !finish(&s, e, &own)) {
        curl_easy_getinfo(e, CURLINFO_RESPONSE_CODE, &status);
        if (status < 200 || status > 299)
            kp_fail(&own,
                    status >= 400 && status < 500 && status != 429 && status != 408 ? KP_EREFUSED
                                                                                    : KP_EPEER,
                    "the server answers with status %ld: %.120s", status, s.answer);
    }
    curl_easy_cleanup(e);
    kp_calls_free(s.calls);
    curl_slist_free_all(headers);
    return own.code ? kp_fail(err, own.code, "%s", own.text) : KP_OK;
}

enum kp_code kp_mail_send(const struct kp_mail *m, bool (*stopping)(void *), void *arg,
                          struct kp_err *err)
{
    struct sending s = {
        .stopping = stopping, .arg = arg, .text = m->text, .left = strlen(m->text)
    };
    struct kp_err own = { 0 };
    struct curl_slist *to = NULL;
    CURL *e = prepare(&s, m->url, "smtp,smtps", m->ca, &m->caller, &own);
    bool done =
        e && add(&to, m->to) && !curl_easy_setopt(e, CURLOPT_MAIL_FROM, m->from) &&
        !curl_easy_setopt(e, CURLOPT_MAIL_RCPT, to) &&
        !curl_easy_setopt(e, CURLOPT_READFUNCTION, say) &&
        !curl_easy_setopt(e, CURLOPT_READDATA, &s) && !curl_easy_setopt(e, CURLOPT_UPLOAD, 1L) &&
        !curl_easy_setopt(e, CURLOPT_USE_SSL, (long)(m->plain ? CURLUSESSL_NONE : CURLUSESSL_ALL));
    if (done && given(m->user))
        done = !curl_easy_setopt(e, CURLOPT_USERNAME, m->user) &&
               !curl_easy_setopt(e, CURLOPT_PASSWORD, m->password ? m->password : "");
    if (e && !done)
        kp_fail(&own, KP_ENOMEM, "out of memory");
    if (done)
        finish(&s, e, &own);
    curl_easy_cleanup(e);
    kp_calls_free(s.calls);
    curl_slist_free_all(to);
    return own.code ? kp_fail(err, own.code, "%s", own.text) : KP_OK;
}
