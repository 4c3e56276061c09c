/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/client.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/ban.h"

enum { URL_MAX = 1 << 20, BODY_MAX = 256 << 20, LINE_MAX_BYTES = 16 << 20, ANSWER_SECONDS = 120 };

void kp_url_add(struct kp_buf *url, const char *key, const char *value)
{
    char *escaped = curl_easy_escape(NULL, value, 0);
    kp_buf_printf(url, "%c%s=%s", memchr(url->data, '?', url->len) ? '&' : '?', key, escaped ? escaped : "");
    curl_free(escaped);
}

void kp_url_segment(struct kp_buf *url, const char *segment)
{
    char *escaped = curl_easy_escape(NULL, segment, 0);
    kp_buf_printf(url, "/%s", escaped ? escaped : "");
    curl_free(escaped);
}

void kp_client_free(struct kp_reply *r)
{
    kp_buf_free(&r->body);
}

static size_t collect(char *data, size_t size, size_t n, void *arg)
{
    struct kp_buf *b = arg;
    kp_buf_add(b, data, size * n);
    return b->failed ? 0 : size * n;
}

static enum kp_code not_running(const struct kp_cli *c, struct kp_err *err)
{
    char file[1100];
    snprintf(file, sizeof file, "%s/factory.db", c->node);
    if (access(file, F_OK) != 0)
        return kp_fail(err, KP_ENOTFOUND, "there is no node in %.120s; go to its folder, give --node DIR, or make one with "
                                          "'koppel init DIR'", c->node);
    return kp_fail(err, KP_ESTOPPED, "the node in %.120s is not running; start it with 'koppel run %.100s'", c->node,
                   c->node);
}

/* The node's own words, when it gave any. */
static enum kp_code refused(const struct kp_reply *r, struct kp_err *err)
{
    json_t *j = json_loadb(r->body.data ? r->body.data : "", r->body.len, 0, NULL);
    const char *message = json_string_value(json_object_get(j, "message"));
    kp_fail(err, r->status == 404 ? KP_ENOTFOUND : r->status == 403 ? KP_EDENIED : KP_EINVALID, "%s",
            message ? message : "the node refused without saying why");
    json_decref(j);
    return err->code;
}

static CURL *prepare(struct kp_cli *c, const char *method, const char *url, const char *type, const char *body, size_t len,
                     struct curl_slist **headers)
{
    char socket[1100], header[128];
    struct kp_buf whole;
    CURL *h = curl_easy_init();
    if (!h)
        return NULL;
    snprintf(socket, sizeof socket, "%s/koppel.sock", c->node);
    kp_buf_init(&whole, URL_MAX);
    kp_buf_printf(&whole, "http://localhost%s", url);
    curl_easy_setopt(h, CURLOPT_UNIX_SOCKET_PATH, socket);
    curl_easy_setopt(h, CURLOPT_URL, kp_buf_text(&whole));
    kp_buf_free(&whole);
    curl_easy_setopt(h, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(h, CURLOPT_PROXY, "");
    if (body) {
        snprintf(header, sizeof header, "Content-Type: %s", type);
        *headers = curl_slist_append(NULL, header);
        *headers = curl_slist_append(*headers, "Expect:");
        curl_easy_setopt(h, CURLOPT_HTTPHEADER, *headers);
        curl_easy_setopt(h, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)len);
        curl_easy_setopt(h, CURLOPT_POSTFIELDS, body);
    }
    return h;
}

static enum kp_code outcome(struct kp_cli *c, CURLcode code, CURL *h, struct kp_reply *r, struct kp_err *err)
{
    curl_easy_getinfo(h, CURLINFO_RESPONSE_CODE, &r->status);
    if (code == CURLE_COULDNT_CONNECT)
        return not_running(c, err);
    if (code != CURLE_OK)
        return kp_fail(err, KP_EPEER, "asking the node: %s", curl_easy_strerror(code));
    return r->status >= 400 ? refused(r, err) : KP_OK;
}

enum kp_code kp_client(struct kp_cli *c, const char *method, const char *url, const char *type, const char *body, size_t len,
                       struct kp_reply *r, struct kp_err *err)
{
    struct curl_slist *headers = NULL;
    *r = (struct kp_reply){ 0 };
    kp_buf_init(&r->body, BODY_MAX);
    CURL *h = prepare(c, method, url, type, body, len, &headers);
    if (!h)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, collect);
    curl_easy_setopt(h, CURLOPT_WRITEDATA, &r->body);
    curl_easy_setopt(h, CURLOPT_TIMEOUT, (long)ANSWER_SECONDS);
    enum kp_code code = outcome(c, curl_easy_perform(h), h, r, err);
    curl_slist_free_all(headers);
    curl_easy_cleanup(h);
    return code;
}

json_t *kp_client_send(struct kp_cli *c, const char *method, const char *url, json_t *body, struct kp_err *err)
{
    struct kp_reply r;
    json_error_t e;
    json_t *j = NULL;
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    json_decref(body);
    if (!kp_client(c, method, url, "application/json", text, text ? strlen(text) : 0, &r, err)) {
        j = r.body.len ? json_loadb(r.body.data, r.body.len, JSON_ALLOW_NUL, &e) : json_null();
        if (!j)
            kp_fail(err, KP_EPARSE, "the node's answer makes no sense: %s", e.text);
    }
    kp_client_free(&r);
    free(text); /* jansson's */
    return j;
}

json_t *kp_client_at(struct kp_cli *c, const char *method, const char *list, const char *name, const char *act, json_t *body,
                     struct kp_err *err)
{
    struct kp_buf url;
    kp_buf_init(&url, URL_MAX);
    kp_buf_printf(&url, "/api/v1/%s", list);
    if (name)
        kp_url_segment(&url, name);
    if (act)
        kp_url_segment(&url, act);
    json_t *j = kp_client_send(c, method, kp_buf_text(&url), body, err);
    kp_buf_free(&url);
    return j;
}

json_t *kp_read_json(const char *file, struct kp_err *err)
{
    struct kp_buf text;
    json_error_t where;
    json_t *j = NULL;
    if (!kp_read_file(file, &text, err) &&
        !(j = json_loadb(text.data ? text.data : "", text.len, JSON_REJECT_DUPLICATES, &where)))
        kp_fail(err, KP_EPARSE, "%.100s:%d:%d: %s", file, where.line, where.column, where.text);
    kp_buf_free(&text);
    return j;
}

json_t *kp_client_get(struct kp_cli *c, const char *url, struct kp_err *err)
{
    return kp_client_send(c, "GET", url, NULL, err);
}

bool kp_page_wanted(struct kp_cli *c, const char **format, const char **file)
{
    const char *html = kp_flag(c, "html"), *pdf = kp_flag(c, "pdf");
    if ((html && pdf) || (c->json && (html || pdf)))
        return kp_complain(c, KP_MISUSE, "one at a time: --html, --pdf or --json") == KP_DONE;
    *format = pdf ? "pdf" : html ? "html" : c->json ? "json" : "text";
    *file = pdf ? pdf : html;
    return true;
}

int kp_client_file(struct kp_cli *c, const char *url, const char *file)
{
    struct kp_err err = { 0 };
    struct kp_reply r = { 0 };
    int code = kp_client(c, "GET", url, NULL, NULL, 0, &r, &err) ? kp_fault(c, &err)
                                                                 : kp_write_file(c, file, &r.body);
    if (!err.code && !file && c->json)
        putchar('\n');
    kp_client_free(&r);
    return code;
}

int kp_client_page(struct kp_cli *c, struct kp_buf *url)
{
    const char *format, *file;
    int code = KP_MISUSE;
    if (kp_page_wanted(c, &format, &file)) {
        kp_url_add(url, "format", format);
        if (kp_flag(c, "language"))
            kp_url_add(url, "language", kp_flag(c, "language"));
        code = kp_client_file(c, kp_buf_text(url), file);
    }
    kp_buf_free(url);
    return code;
}

int kp_client_show(struct kp_cli *c, json_t *reply, void (*print)(const json_t *), const struct kp_err *err)
{
    if (!reply)
        return kp_fault(c, err);
    if (c->json)
        kp_print_json(reply);
    else
        print(reply);
    json_decref(reply);
    return KP_DONE;
}

int kp_client_list(struct kp_cli *c, json_t *reply, void (*print)(const struct kp_cli *, const json_t *),
                   const struct kp_err *err)
{
    if (!reply)
        return kp_fault(c, err);
    if (c->json)
        kp_print_json(reply);
    else
        print(c, reply);
    json_decref(reply);
    return KP_DONE;
}

bool kp_client_running(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    json_decref(kp_client_get(c, "/api/v1/status", &err));
    return !err.code;
}

/* ---- replies that flow ---- */
struct lines {
    CURL *h;
    struct kp_buf rest; /* of a line not yet whole; or the body of a refusal */
    bool (*line)(void *, const char *);
    void *arg;
    bool done;
};

static size_t cut_lines(char *data, size_t size, size_t n, void *arg)
{
    struct lines *l = arg;
    long status = 0;
    curl_easy_getinfo(l->h, CURLINFO_RESPONSE_CODE, &status);
    kp_buf_add(&l->rest, data, size * n);
    if (status >= 400)
        return l->rest.failed ? 0 : size * n;
    size_t from = 0;
    kp_buf_text(&l->rest);
    for (char *end; !l->rest.failed && (end = memchr(l->rest.data + from, '\n', l->rest.len - from));) {
        *end = 0;
        if (!l->line(l->arg, l->rest.data + from)) {
            l->done = true;
            return 0;
        }
        from = (size_t)(end + 1 - l->rest.data);
    }
    if (from) {
        memmove(l->rest.data, l->rest.data + from, l->rest.len - from);
        l->rest.len -= from;
    }
    return l->rest.failed ? 0 : size * n;
}

enum kp_code kp_client_lines(struct kp_cli *c, const char *method, const char *url, const char *body,
                             bool (*line)(void *, const char *), void *arg, struct kp_err *err)
{
    struct curl_slist *headers = NULL;
    struct lines l = { .line = line, .arg = arg };
    kp_buf_init(&l.rest, LINE_MAX_BYTES);
    l.h = prepare(c, method, url, "application/json", body, body ? strlen(body) : 0, &headers);
    if (!l.h)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    curl_easy_setopt(l.h, CURLOPT_WRITEFUNCTION, cut_lines);
    curl_easy_setopt(l.h, CURLOPT_WRITEDATA, &l);
    CURLcode got = curl_easy_perform(l.h);
    if (!l.done) {
        struct kp_reply r = { .body = l.rest };
        outcome(c, got, l.h, &r, err);
    }
    kp_buf_free(&l.rest);
    curl_slist_free_all(headers);
    curl_easy_cleanup(l.h);
    return err->code;
}

struct flowing {
    CURL *h;
    struct kp_buf refusal;
    bool (*take)(void *, const char *, size_t);
    void *arg;
    bool done;
};

static size_t hand_on(char *data, size_t size, size_t n, void *arg)
{
    struct flowing *f = arg;
    long status = 0;
    curl_easy_getinfo(f->h, CURLINFO_RESPONSE_CODE, &status);
    if (status >= 400)
        kp_buf_add(&f->refusal, data, size * n);
    else
        f->done = !f->take(f->arg, data, size * n);
    return f->done || f->refusal.failed ? 0 : size * n;
}

enum kp_code kp_client_flow(struct kp_cli *c, const char *url, bool (*take)(void *, const char *, size_t), void *arg,
                            char *type, size_t size, struct kp_err *err)
{
    struct curl_slist *headers = NULL;
    struct flowing f = { .take = take, .arg = arg };
    kp_buf_init(&f.refusal, LINE_MAX_BYTES);
    f.h = prepare(c, "GET", url, NULL, NULL, 0, &headers);
    if (!f.h)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    curl_easy_setopt(f.h, CURLOPT_WRITEFUNCTION, hand_on);
    curl_easy_setopt(f.h, CURLOPT_WRITEDATA, &f);
    CURLcode got = curl_easy_perform(f.h);
    char *said = NULL;
    curl_easy_getinfo(f.h, CURLINFO_CONTENT_TYPE, &said);
    snprintf(type, size, "%s", said ? said : "");
    struct kp_reply r = { .body = f.refusal };
    if (!f.done)
        outcome(c, got, f.h, &r, err);
    kp_buf_free(&r.body);
    curl_easy_cleanup(f.h);
    return err->code;
}

/* ---- a connection that stays ---- */
struct kp_wire {
    struct kp_cli *c;
    CURL *h;
    char token[600]; /* the header */
};

struct kp_wire *kp_wire_open(struct kp_cli *c, const struct kp_wire_to *to, struct kp_err *err)
{
    static const char path[] = "/mcp";
    struct curl_slist *none = NULL;
    struct kp_buf url;
    struct kp_wire *w = kp_alloc(sizeof *w);
    if (!w || !(w->h = prepare(c, "POST", path, NULL, NULL, 0, &none))) {
        kp_fail(err, KP_ENOMEM, "out of memory");
        kp_free(w);
        return NULL;
    }
    w->c = c;
    if (to->token)
        snprintf(w->token, sizeof w->token, "Authorization: Bearer %s", to->token);
    if (to->url) {
        size_t n = strlen(to->url);
        kp_buf_init(&url, URL_MAX);
        kp_buf_printf(&url, "%.*s%s", (int)(n && to->url[n - 1] == '/' ? n - 1 : n), to->url, path);
        curl_easy_setopt(w->h, CURLOPT_UNIX_SOCKET_PATH, NULL);
        curl_easy_setopt(w->h, CURLOPT_URL, kp_buf_text(&url));
        curl_easy_setopt(w->h, CURLOPT_PROTOCOLS_STR, "http,https");
        kp_buf_free(&url);
    }
    if (to->ca)
        curl_easy_setopt(w->h, CURLOPT_CAINFO, to->ca);
    curl_easy_setopt(w->h, CURLOPT_WRITEFUNCTION, collect);
    curl_easy_setopt(w->h, CURLOPT_TIMEOUT, (long)ANSWER_SECONDS);
    return w;
}

void kp_wire_close(struct kp_wire *w)
{
    if (!w)
        return;
    curl_easy_cleanup(w->h);
    explicit_bzero(w->token, sizeof w->token);
    kp_free(w);
}

enum kp_code kp_wire_post(struct kp_wire *w, const char *const *headers, const char *body, size_t len, struct kp_reply *r,
                          struct kp_err *err)
{
    struct curl_slist *list = curl_slist_append(NULL, "Content-Type: application/json");
    curl_slist_append(list, "Accept: application/json, text/event-stream");
    curl_slist_append(list, "Expect:");
    if (*w->token)
        curl_slist_append(list, w->token);
    for (; *headers; headers++)
        curl_slist_append(list, *headers);
    *r = (struct kp_reply){ 0 };
    kp_buf_init(&r->body, BODY_MAX);
    curl_easy_setopt(w->h, CURLOPT_HTTPHEADER, list);
    curl_easy_setopt(w->h, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)len);
    curl_easy_setopt(w->h, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(w->h, CURLOPT_WRITEDATA, &r->body);
    CURLcode code = curl_easy_perform(w->h);
    curl_easy_getinfo(w->h, CURLINFO_RESPONSE_CODE, &r->status);
    curl_slist_free_all(list);
    if (code == CURLE_OK)
        return KP_OK;
    const char *url = NULL;
    curl_easy_getinfo(w->h, CURLINFO_EFFECTIVE_URL, &url);
    bool here = url && strncmp(url, "http://localhost/", 17) == 0;
    return code == CURLE_COULDNT_CONNECT && here
               ? not_running(w->c, err)
               : kp_fail(err, KP_EPEER, "asking the node: %s", curl_easy_strerror(code));
}

void kp_print_json(const json_t *j)
{
    json_dumpf(j, stdout, JSON_COMPACT);
    putchar('\n');
}

/* ---- members ---- */
const char *kp_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

double kp_number(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

int64_t kp_integer(const json_t *object, const char *key)
{
    const json_t *v = json_object_get(object, key);
    return json_is_integer(v) ? json_integer_value(v) : (int64_t)json_number_value(v);
}

static void scalar_text(const json_t *v, char *out, size_t size)
{
    if (json_is_string(v))
        snprintf(out, size, "%s", json_string_value(v));
    else if (json_is_integer(v))
        snprintf(out, size, "%lld", (long long)json_integer_value(v));
    else if (json_is_real(v))
        snprintf(out, size, "%.10g", json_real_value(v));
    else
        snprintf(out, size, "%s", json_is_true(v) ? "true" : json_is_false(v) ? "false" : "-");
}

void kp_value_text(const json_t *v, const json_t *enums, char *out, size_t size)
{
    enum { SHOWN = 4 };
    if (json_is_integer(v) && json_is_object(enums)) {
        char key[32];
        snprintf(key, sizeof key, "%lld", (long long)json_integer_value(v));
        const char *text = json_string_value(json_object_get(enums, key));
        if (text) {
            snprintf(out, size, "%s", text);
            return;
        }
    }
    if (!json_is_array(v)) {
        scalar_text(v, out, size);
        return;
    }
    size_t n = json_array_size(v), used = 0;
    for (size_t i = 0; i < n && i < SHOWN && used < size; i++) {
        char one[128];
        scalar_text(json_array_get(v, i), one, sizeof one);
        used += (size_t)snprintf(out + used, size - used, "%s%s", i ? ", " : "[", one);
    }
    if (used < size)
        snprintf(out + used, size - used, n > SHOWN ? ", ... %zu in all]" : n ? "]" : "[]", n);
}
