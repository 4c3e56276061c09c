/* SPDX-License-Identifier: Apache-2.0 */
/* Reports of the shop floor: to read, to keep, by mail. */
#include "flex/report.h"
#include "shield/evidence.h"
#include "web/body.h"
#include "web/lan.h"
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
    if (format >= (int)(sizeof types / sizeof *types)) {
        r->reply.type = "application/json";
        return;
    }
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

/* ---- the evidence pack ---- */
static struct kp_evidence_door *add_door(struct kp_evidence *e)
{
    struct kp_evidence_door *d = &e->doors[e->n_doors++];
    *d = (struct kp_evidence_door){ .until = KP_NO_TIME };
    return d;
}

static const char *where(struct kp_request *r, const char *host, unsigned port)
{
    char text[KP_LAN_URL];
    bool six = strchr(host, ':') != NULL;
    snprintf(text, sizeof text, "%s%s%s:%u", six ? "[" : "", host, six ? "]" : "", port);
    return kp_arena_strdup(&r->arena, text);
}

static enum kp_code put_lan(struct kp_request *r, struct kp_lan *lan, bool partners,
                            struct kp_evidence *e, struct kp_err *err)
{
    struct kp_lan_view v = { 0 };
    struct kp_certificate_view c;
    if (kp_lan_view(lan, &r->arena, &v, err) || !v.settings.on || !v.listening)
        return err->code;
    struct kp_evidence_door *d = add_door(e);
    d->where = where(r, v.settings.address[0] ? v.settings.address
                        : v.settings.names.n  ? v.settings.names.name[0]
                                              : "*",
                     v.settings.port);
    d->partners = partners;
    d->proxy = v.settings.plain;
    if (v.settings.plain || !v.certificate || kp_certificate_view(v.certificate, &c, err))
        return err->code;
    d->certificate = kp_arena_strdup(&r->arena, c.issuer);
    d->until = c.not_after;
    return KP_OK;
}

static enum kp_code put_doors(struct kp_request *r, struct kp_evidence *e, struct kp_err *err)
{
    if (!r->web)
        return KP_OK; /* made by hand, in tests */
    if (kp_web_port(r->web)) {
        struct kp_evidence_door *d = add_door(e);
        d->where = where(r, kp_web_host(r->web), kp_web_port(r->web));
        d->loopback = true;
    }
    return put_lan(r, kp_web_lan(r->web), false, e, err)
               ? err->code
               : put_lan(r, kp_web_partners(r->web), true, e, err);
}

/* A message to this company, whoever asks: a person takes it along. */
enum kp_code kp_route_report_evidence(struct kp_request *r, struct kp_err *err)
{
    struct kp_evidence e = { .node = kp_node_name(r->node),
                             .version = KOPPEL_VERSION,
                             .format = (int)kp_arg_int(r, "format"),
                             .dutch = kp_arg_int(r, "language") == 1 };
    r->action = "export evidence";
    if (!kp_shield_sync(kp_node_shield(r->node), err) && !put_doors(r, &e, err) &&
        !kp_evidence(kp_node_shield(r->node), &e, &r->reply.body, err))
        kp_reply_page(r, e.format);
    return err->code;
}
