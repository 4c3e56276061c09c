/* SPDX-License-Identifier: Apache-2.0 */
/* Partners, offers, negotiations, agreements and transfers, for the people of this node. */
#include "share/share.h"
#include "web/body.h"
#include "web/lan.h"
#include "web/routes.h"

#include <string.h>

#include "core/ban.h"

static struct kp_share *share(const struct kp_request *r)
{
    return kp_node_share(r->node);
}

/* ---- this node, as partners know it ---- */
static enum kp_code reply_card(struct kp_request *r, struct kp_err *err)
{
    struct kp_lan_view v = { 0 };
    if (r->web && kp_lan_view(kp_web_partners(r->web), &r->arena, &v, err))
        return err->code;
    struct kp_json j = kp_reply_json(r);
    return kp_share_card(share(r), &j, v.settings.on && !v.settings.plain && !v.given ? v.ca : NULL,
                         err);
}

enum kp_code kp_route_card(struct kp_request *r, struct kp_err *err)
{
    return reply_card(r, err);
}

enum kp_code kp_route_card_put(struct kp_request *r, struct kp_err *err)
{
    static const char *const known[] = { "id", NULL };
    const char *id;
    json_t *body = kp_body_object(r->body, r->body_len, known, err);
    if (body && !kp_body_text(body, "id", true, &id, err) && !kp_share_set_id(share(r), id, err))
        reply_card(r, err);
    json_decref(body);
    return err->code;
}

/* ---- lists: {"offers": [...], "more": false} ---- */
static enum kp_code reply_list(struct kp_request *r, const char *key,
                               enum kp_code (*list)(struct kp_share *, struct kp_share_page *,
                                                    struct kp_json *, struct kp_err *),
                               struct kp_err *err)
{
    struct kp_share_page page = { .after = kp_arg_text(r, "after"),
                                  .limit = kp_arg_int(r, "limit") };
    struct kp_json j = kp_reply_json(r);
    kp_json_begin(&j, '{');
    kp_json_key(&j, key);
    list(share(r), &page, &j, err);
    kp_json_put_bool(&j, "more", page.more);
    kp_json_end(&j, '}');
    return err->code;
}

enum kp_code kp_route_partners(struct kp_request *r, struct kp_err *err)
{
    struct kp_json j = kp_reply_json(r);
    kp_json_begin(&j, '{');
    kp_json_key(&j, "partners");
    kp_share_partners(share(r), &j, err);
    kp_json_key(&j, "knocked");
    kp_share_knocked(share(r), &j);
    kp_json_end(&j, '}');
    return err->code;
}

enum kp_code kp_route_offers(struct kp_request *r, struct kp_err *err)
{
    return reply_list(r, "offers", kp_share_offers, err);
}

enum kp_code kp_route_agreements(struct kp_request *r, struct kp_err *err)
{
    return reply_list(r, "agreements", kp_share_agreements, err);
}

/* ---- partners and offers ---- */
enum kp_code kp_route_partner_add(struct kp_request *r, struct kp_err *err)
{
    json_t *body = kp_body_object(r->body, r->body_len, NULL, err);
    if (body && !kp_share_partner_add(share(r), body, err)) {
        struct kp_json j = kp_reply_json(r);
        kp_json_begin(&j, '{');
        kp_json_put_text(&j, "name", json_string_value(json_object_get(body, "name")));
        kp_json_end(&j, '}');
        r->reply.status = 201;
    }
    json_decref(body);
    return err->code;
}

enum kp_code kp_route_partner_remove(struct kp_request *r, struct kp_err *err)
{
    if (!kp_share_partner_remove(share(r), r->name, err))
        r->reply.status = 204;
    return err->code;
}

enum kp_code kp_route_partner_catalogue(struct kp_request *r, struct kp_err *err)
{
    struct kp_json j = kp_reply_json(r);
    return kp_share_catalogue(share(r), r->name, &j, err);
}

enum kp_code kp_route_offer_add(struct kp_request *r, struct kp_err *err)
{
    bool only_try = kp_arg_int(r, "dryRun");
    json_t *body = kp_body_object(r->body, r->body_len, NULL, err);
    if (body) {
        struct kp_json j = kp_reply_json(r);
        if (!kp_share_offer_add(share(r), r->to, body, only_try, &r->arena, &j, err)) {
            r->reply.status = only_try ? 200 : 201;
            kp_node_offers_changed(r->node);
            kp_request_note(r, "dataset %s", json_string_value(json_object_get(body, "dataset")));
        }
    }
    json_decref(body);
    return err->code;
}

enum kp_code kp_route_offer_remove(struct kp_request *r, struct kp_err *err)
{
    if (!kp_share_offer_remove(share(r), r->name, err)) {
        r->reply.status = 204;
        kp_node_offers_changed(r->node);
    }
    return err->code;
}

/* ---- negotiations and transfers ---- */
static enum kp_deal deal_of(const struct kp_request *r)
{
    return strncmp(r->route->path, "/api/v1/transfers", sizeof "/api/v1/transfers" - 1) == 0
               ? KP_TRANSFER
               : KP_NEGOTIATION;
}

enum kp_code kp_route_deals(struct kp_request *r, struct kp_err *err)
{
    struct kp_share_page page = { .number = kp_arg_int(r, "after"),
                                  .limit = kp_arg_int(r, "limit") };
    struct kp_json j = kp_reply_json(r);
    kp_json_begin(&j, '{');
    kp_json_key(&j, deal_of(r) == KP_TRANSFER ? "transfers" : "negotiations");
    kp_share_deals(share(r), deal_of(r), &page, &j, err);
    kp_json_put_bool(&j, "more", page.more);
    kp_json_end(&j, '}');
    return err->code;
}

static enum kp_code reply_deal(struct kp_request *r, int64_t id, int status, struct kp_err *err)
{
    struct kp_json j = kp_reply_json(r);
    if (!kp_share_deal(share(r), deal_of(r), id, &j, err))
        r->reply.status = status;
    return err->code;
}

static enum kp_code number(const struct kp_request *r, int64_t *id, struct kp_err *err)
{
    return kp_name_number(r, deal_of(r) == KP_TRANSFER ? "a transfer" : "a negotiation", id, err);
}

enum kp_code kp_route_deal(struct kp_request *r, struct kp_err *err)
{
    int64_t id;
    return number(r, &id, err) ? err->code : reply_deal(r, id, 200, err);
}

enum kp_code kp_route_deal_begin(struct kp_request *r, struct kp_err *err)
{
    int64_t id;
    json_t *body = kp_body_object(r->body, r->body_len, NULL, err);
    if (body && !(deal_of(r) == KP_TRANSFER ? kp_share_transfer
                                            : kp_share_negotiate)(share(r), body, &id, err))
        reply_deal(r, id, 201, err);
    json_decref(body);
    return err->code;
}

/* The word is the end of the path. */
static enum kp_word word_of(const struct kp_request *r)
{
    const char *said = strrchr(r->route->path, '/') + 1;
    int i = 0;
    while (kp_say_words[i] && strcmp(kp_say_words[i], said) != 0)
        i++;
    return kp_say_words[i] ? (enum kp_word)i : KP_SAY_OFFER; /* counter */
}

enum kp_code kp_route_deal_say(struct kp_request *r, struct kp_err *err)
{
    int64_t id;
    json_t *body = NULL;
    if (number(r, &id, err) ||
        (r->body_len && !(body = kp_body_object(r->body, r->body_len, NULL, err))))
        return err->code;
    if (!kp_share_say(share(r), deal_of(r), id, word_of(r), body, err))
        reply_deal(r, id, 200, err);
    json_decref(body);
    return err->code;
}

enum kp_code kp_route_agreement_end(struct kp_request *r, struct kp_err *err)
{
    static const char *const known[] = { "reason", NULL };
    const char *why = NULL;
    json_t *body = r->body_len ? kp_body_object(r->body, r->body_len, known, err) : NULL;
    if (!err->code && !kp_body_text(body, "reason", false, &why, err) &&
        !kp_share_agreement_end(share(r), r->name, why, err))
        r->reply.status = 204;
    json_decref(body);
    return err->code;
}
