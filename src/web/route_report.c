/* SPDX-License-Identifier: Apache-2.0 */
/* Reports of the shop floor: to read, to keep, by mail. */
#include "flex/report.h"
#include "web/body.h"
#include "web/routes.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { ASSETS_MAX = 20 };

static enum kp_code read_question(struct kp_request *r, struct kp_report_query *q,
                                  const char **assets, struct kp_err *err)
{
    const struct kp_arg *language = kp_arg_get(r, "language");
    size_t pos = 0;
    const char *asset;
    q->now = r->now;
    q->recipient = r->to;
    q->language = language->given ? (int)language->number : -1;
    q->assets = assets;
    while ((asset = kp_query_next(&r->query, "asset", &pos))) {
        if (q->n_assets == ASSETS_MAX)
            return kp_fail(err, KP_EINVALID, "asset: more than %d patterns", ASSETS_MAX);
        assets[q->n_assets++] = asset;
    }
    return KP_OK;
}

/* Styles within the file are all that it brings; readers of PDF are objects of the browser. */
void kp_reply_page(struct kp_request *r, int format)
{
    static const char *const types[] = { "text/html; charset=utf-8", "application/pdf",
                                         "text/plain; charset=utf-8" };
    if (format >= (int)(sizeof types / sizeof *types))
        return; /* JSON */
    r->reply.type = types[format];
    kp_reply_header(r, "Content-Security-Policy",
                    format == KP_REPORT_PDF
                        ? "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'; "
                          "frame-ancestors 'none'"
                        : "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'");
}

static enum kp_code answer(struct kp_request *r, const struct kp_report_query *q,
                           struct kp_err *err)
{
    const struct kp_arg *format = kp_arg_get(r, "format");
    enum kp_report_format wanted =
        format->given ? (enum kp_report_format)format->number : KP_REPORT_HTML;
    if (kp_report(kp_node_shop(r->node), q, wanted, &r->reply.body, err))
        return err->code;
    kp_reply_page(r, wanted);
    return KP_OK;
}

enum kp_code kp_route_report_shift(struct kp_request *r, struct kp_err *err)
{
    const char *assets[ASSETS_MAX];
    const struct kp_arg *at = kp_arg_get(r, "at");
    struct kp_report_query q = { .kind = KP_REPORT_SHIFT, .at = at->given ? at->number : r->now };
    return read_question(r, &q, assets, err) ? err->code : answer(r, &q, err);
}

enum kp_code kp_route_report_month(struct kp_request *r, struct kp_err *err)
{
    const char *assets[ASSETS_MAX];
    struct kp_report_query q = { .kind = KP_REPORT_MONTH, .month = kp_arg_text(r, "month") };
    return read_question(r, &q, assets, err) ? err->code : answer(r, &q, err);
}

enum kp_code kp_route_reports(struct kp_request *r, struct kp_err *err)
{
    struct kp_json j = kp_reply_json(r);
    return kp_report_state(kp_node_shop(r->node), &j, err);
}

static enum kp_code read_kind(const json_t *body, struct kp_report_query *q, struct kp_err *err)
{
    const char *kind;
    if (kp_body_text(body, "report", true, &kind, err) ||
        kp_body_text(body, "month", false, &q->month, err))
        return err->code;
    if (strcmp(kind, "month") == 0)
        q->kind = KP_REPORT_MONTH;
    else if (strcmp(kind, "shift") != 0)
        return kp_fail(err, KP_EINVALID, "report: '%.40s' is neither shift nor month", kind);
    return KP_OK;
}

enum kp_code kp_route_report_send(struct kp_request *r, struct kp_err *err)
{
    static const char *const known[] = { "report", "month", NULL };
    struct kp_report_query q = { .now = r->now, .at = r->now, .language = -1 };
    size_t sent;
    json_t *body = kp_body_object(r->body, r->body_len, known, err);
    if (body && !read_kind(body, &q, err) &&
        !kp_report_send(kp_node_shop(r->node), &q, &sent, err)) {
        struct kp_json j = kp_reply_json(r);
        kp_json_begin(&j, '{');
        kp_json_put_int(&j, "sent", (int64_t)sent);
        kp_json_end(&j, '}');
    }
    json_decref(body);
    return err->code;
}
