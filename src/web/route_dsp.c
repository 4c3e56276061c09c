/* SPDX-License-Identifier: Apache-2.0 */
/* The partners' listener: the Dataspace Protocol over HTTPS (2025-1, 4.3, 6 and 9), and nothing
 * else. */
#include "couplings/dsp/feed.h"
#include "node/import.h"
#include "share/share.h"
#include "web/routes.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

static struct kp_share *share(const struct kp_request *r)
{
    return kp_node_share(r->node);
}

/* ---- errors ---- */

void kp_reply_dsp_error(struct kp_request *r, struct kp_json *j, const char *word,
                        const char *message)
{
    const char *path = r->route ? r->route->path : "";
    bool transfer = strstr(path, "/transfers/") || strncmp(path, "/data/", 6) == 0, negotiation = strstr(path, "/negotiations/");
    const char *type = transfer      ? "TransferError"
                       : negotiation ? "ContractNegotiationError"
                                     : "CatalogError";
    const char *provider = r->heard ? r->heard->provider : "",
               *consumer = r->heard ? r->heard->consumer : "";
    bool pids = transfer || negotiation;
    kp_dsp_error(j, type, pids ? provider : NULL, pids ? consumer : NULL, word, message);
}

static enum kp_code keep_heard(struct kp_request *r, const struct kp_heard *h)
{
    r->heard = kp_arena_copy(&r->arena, h, sizeof *h);
    return r->heard ? KP_OK : KP_ENOMEM;
}

/* ---- which protocols ---- */
enum kp_code kp_route_dsp_versions(struct kp_request *r, struct kp_err *err)
{
    struct kp_json j = kp_reply_json(r);
    (void)err;
    kp_json_raw(&j, "{\"protocolVersions\":[{\"version\":\"2025-1\",\"path\":\"" KP_DSP_PATH
                    "\",\"binding\":\"HTTPS\"}]}");
    return KP_OK;
}

/* ---- the catalogue ---- */
static void put_link(struct kp_buf *link, const char *base, int64_t at, const char *which)
{
    if (at >= 0)
        kp_buf_printf(link, "%s<%s/catalog/request?offset=%lld>; rel=\"%s\"", link->len ? ", " : "",
                      base, (long long)at, which);
}

enum kp_code kp_route_dsp_catalogue(struct kp_request *r, struct kp_err *err)
{
    struct kp_pages pages;
    char base[KP_SHARE_URL];
    struct kp_json j = kp_reply_json(r);
    if (kp_share_show_catalogue(share(r), r->to, r->partner, r->body, r->body_len,
                                kp_arg_int(r, "offset"), &j, &pages, err))
        return err->code;
    kp_share_base(share(r), base);
    struct kp_buf link;
    kp_buf_init(&link, 4 * KP_SHARE_URL);
    put_link(&link, base, pages.next, "next");
    put_link(&link, base, pages.previous, "previous");
    if (link.len)
        kp_reply_header(r, "Link", kp_arena_strdup(&r->arena, kp_buf_text(&link)));
    kp_buf_free(&link);
    return KP_OK;
}

enum kp_code kp_route_dsp_dataset(struct kp_request *r, struct kp_err *err)
{
    struct kp_json j = kp_reply_json(r);
    return kp_share_show_dataset(share(r), r->to, r->partner, r->name, &j, err);
}

/* ---- negotiations and transfers ---- */
static enum kp_deal deal_of(const struct kp_request *r)
{
    return strstr(r->route->path, "/transfers/") ? KP_TRANSFER : KP_NEGOTIATION;
}

static enum kp_code reply_state(struct kp_request *r, const struct kp_heard *h)
{
    struct kp_json j = kp_reply_json(r);
    kp_dsp_state(&j, h->deal, h->provider, h->consumer, h->state);
    return KP_OK;
}

enum kp_code kp_route_dsp_look(struct kp_request *r, struct kp_err *err)
{
    struct kp_heard h;
    return kp_share_look(share(r), r->partner, deal_of(r), r->name, &h, err) ? err->code
                                                                             : reply_state(r, &h);
}

/* What stands behind negotiations/ or transfers/, without the pid. */
static const char *path_of(const struct kp_request *r)
{
    const char *path =
        strstr(r->route->path, deal_of(r) == KP_TRANSFER ? "transfers/" : "negotiations/");
    path = strchr(path, '/') + 1;
    return r->name ? strchr(path, '/') + 1 : path;
}

enum kp_code kp_route_dsp_message(struct kp_request *r, struct kp_err *err)
{
    struct kp_heard h;
    kp_share_hear(share(r), r->partner, deal_of(r), r->name, path_of(r), r->body, r->body_len, &h,
                  err);
    if (keep_heard(r, &h) || err->code)
        return err->code ? err->code : kp_fail(err, KP_ENOMEM, "out of memory");
    kp_request_note(r, "%s, %s", kp_deal_state_words[h.state],
                    deal_of(r) == KP_TRANSFER ? h.consumer : h.provider);
    if (!r->name)
        r->reply.status = 201;
    return reply_state(r, &h);
}

/* ---- what a partner pushes ---- */
enum kp_code kp_route_data_in(struct kp_request *r, struct kp_err *err)
{
    const char *partner;
    char at[KP_PATH_MAX];
    struct kp_import_options o = { .format = KP_IMPORT_JSONL, .at = at };
    struct kp_import_count n = { 0 };
    struct kp_buf lines;
    if (kp_share_pushed(share(r), r->name, r->client.authorization, &r->arena, &partner, err))
        return err->code;
    snprintf(at, sizeof at, "partners/%s", partner);
    kp_buf_init(&lines, 4 * KP_BODY_MAX);
    if (!kp_feed_lines(r->body, r->body_len, &lines, err) && lines.len)
        kp_node_import(r->node, kp_buf_text(&lines), lines.len, &o, &n, err);
    kp_buf_free(&lines);
    if (err->code)
        return err->code;
    struct kp_json j = kp_reply_json(r);
    kp_json_begin(&j, '{');
    kp_json_put_int(&j, "values", (int64_t)n.points);
    kp_json_end(&j, '}');
    return KP_OK;
}

static const struct kp_param catalogue_params[] = {
    { .name = "offset", .type = KP_PARAM_INT, .min = 0, .max = INT64_MAX / 2, .standard = -1 },
    { .name = NULL },
};
static const char *const data_formats[] = { "jsonl", "csv", NULL };
static const struct kp_param data_params[] = {
    { .name = "from", .type = KP_PARAM_TIME, .standard = KP_NO_TIME },
    { .name = "to", .type = KP_PARAM_TIME, .standard = KP_NO_TIME },
    { .name = "format", .type = KP_PARAM_CHOICE, .choices = data_formats },
    { .name = NULL },
};
#define BASE KP_DSP_PATH
const struct kp_route kp_dsp_routes[] = {
    { KP_HTTP_GET, "/.well-known/dspace-version", kp_route_dsp_versions, KP_NOBODY, KP_OPEN | KP_QUICK, NULL },
    { KP_HTTP_GET, "/.well-known/koppel-card.json", kp_route_card, KP_NOBODY, KP_OPEN, NULL },
    { KP_HTTP_POST, BASE "/catalog/request", kp_route_dsp_catalogue, KP_NOBODY, KP_DATA | KP_BODY_JSON, catalogue_params },
    { KP_HTTP_GET, BASE "/catalog/datasets/{id}", kp_route_dsp_dataset, KP_NOBODY, 0, NULL },
    { KP_HTTP_POST, BASE "/negotiations/request", kp_route_dsp_message, KP_NOBODY, KP_BODY_JSON, NULL },
    { KP_HTTP_POST, BASE "/negotiations/offers", kp_route_dsp_message, KP_NOBODY, KP_BODY_JSON, NULL },
    { KP_HTTP_GET, BASE "/negotiations/{pid}", kp_route_dsp_look, KP_NOBODY, 0, NULL },
    { KP_HTTP_POST, BASE "/negotiations/{pid}/request", kp_route_dsp_message, KP_NOBODY, KP_BODY_JSON, NULL },
    { KP_HTTP_POST, BASE "/negotiations/{pid}/offers", kp_route_dsp_message, KP_NOBODY, KP_BODY_JSON, NULL },
    { KP_HTTP_POST, BASE "/negotiations/{pid}/agreement", kp_route_dsp_message, KP_NOBODY, KP_BODY_JSON, NULL },
    { KP_HTTP_POST, BASE "/negotiations/{pid}/agreement/verification", kp_route_dsp_message, KP_NOBODY, KP_BODY_JSON, NULL },
    { KP_HTTP_POST, BASE "/negotiations/{pid}/events", kp_route_dsp_message, KP_NOBODY, KP_BODY_JSON, NULL },
    { KP_HTTP_POST, BASE "/negotiations/{pid}/termination", kp_route_dsp_message, KP_NOBODY, KP_BODY_JSON, NULL },
    { KP_HTTP_POST, BASE "/transfers/request", kp_route_dsp_message, KP_NOBODY, KP_BODY_JSON, NULL },
    { KP_HTTP_GET, BASE "/transfers/{pid}", kp_route_dsp_look, KP_NOBODY, 0, NULL },
    { KP_HTTP_POST, BASE "/transfers/{pid}/start", kp_route_dsp_message, KP_NOBODY, KP_BODY_JSON, NULL },
    { KP_HTTP_POST, BASE "/transfers/{pid}/suspension", kp_route_dsp_message, KP_NOBODY, KP_BODY_JSON, NULL },
    { KP_HTTP_POST, BASE "/transfers/{pid}/completion", kp_route_dsp_message, KP_NOBODY, KP_BODY_JSON, NULL },
    { KP_HTTP_POST, BASE "/transfers/{pid}/termination", kp_route_dsp_message, KP_NOBODY, KP_BODY_JSON, NULL },
    { KP_HTTP_POST, "/data/in/{pid}", kp_route_data_in, KP_NOBODY, KP_OPEN | KP_SLOW | KP_DATA | KP_BODY_POINTS, NULL },
    { KP_HTTP_GET, "/data/{pid}", kp_route_data, KP_NOBODY, KP_OPEN | KP_DATA | KP_FLOWS, data_params },
    { KP_HTTP_GET, "/data/{pid}/signals", kp_route_data_signals, KP_NOBODY, KP_OPEN | KP_DATA, NULL },
    { KP_HTTP_POST, "/data/{pid}/token", kp_route_data_token, KP_NOBODY, 0, NULL },
    { .path = NULL },
};
