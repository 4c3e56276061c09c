/* SPDX-License-Identifier: Apache-2.0 */
/* How two nodes that do not know each other yet meet: by a card that is fetched, whose fingerprint
 * people compare. */
#include "share/private.h"

#include "core/url.h"
#include "net/courier.h"
#include "net/json_members.h"
#include "net/json_memory.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { CARD_BYTES = 96 << 10 };

/* ---- the fingerprint of a card ---- */
static const char *text_of(const json_t *card, const char *key)
{
    const char *text = json_string_value(json_object_get(card, key));
    return text ? text : "";
}

static bool prints(const json_t *card, char key[KP_PRINT_TEXT], char ca[KP_PRINT_TEXT])
{
    const char *pem = text_of(card, "ca");
    ca[0] = 0;
    return kp_print_key(json_object_get(card, "key"), key) &&
           (!*pem || kp_print_certificate(pem, ca));
}

bool share_card_print(const json_t *card, char out[KP_PRINT_TEXT])
{
    char key[KP_PRINT_TEXT], ca[KP_PRINT_TEXT];
    struct kp_buf all;
    if (!prints(card, key, ca))
        return false;
    kp_buf_init(&all, 4 * KP_DSP_ID);
    kp_buf_printf(&all, "koppel card\n%s\n%s\n%s\n%s\n", text_of(card, "id"), text_of(card, "url"),
                  key, ca);
    bool good = !all.failed;
    if (good)
        kp_print_text(kp_buf_text(&all), out);
    kp_buf_free(&all);
    return good;
}

/* ---- fetching it ---- */
static enum kp_code fetch(struct kp_share *s, const char *url, const char *ca, bool stranger, struct kp_arena *arena,
                          json_t **card, struct kp_err *err)
{
    struct kp_errand e = { .url = url,
                           .ca = ca,
                           .caller = share_caller(s, NULL),
                           .most = CARD_BYTES,
                           .stranger = stranger };
    struct kp_answer a;
    *card = NULL;
    if (!kp_courier_ask(&e, arena, &a, err))
        return err->code;
    if (a.status != 200)
        return kp_fail(err, KP_EPEER,
                       "%.160s: status %ld; is that the partners' port of a koppel node?", url,
                       a.status);
    *card = kp_json_object(a.text, a.len, "card", KP_JSON_DEPTH, err);
    return err->code;
}

/* The address of the card at the server of `url`; plain HTTP only on this machine. */
static const char *card_url(const char *url, struct kp_arena *arena, struct kp_err *err)
{
    char out[KP_SHARE_URL + 40];
    size_t scheme = strncmp(url, "https://", 8) == 0                     ? 8
                    : strncmp(url, "http://", 7) == 0 && share_safe(url) ? 7
                                                                         : 0;
    size_t origin = scheme + strcspn(url + scheme, "/?#@\\ ");
    if (!scheme || origin == scheme || origin >= KP_SHARE_URL ||
        (url[origin] && url[origin] != '/')) {
        kp_fail(err, KP_EINVALID, "url: '%.120s' is no address such as https://acme.example:8444",
                url);
        return NULL;
    }
    snprintf(out, sizeof out, "%.*s/.well-known/koppel-card.json", (int)origin, url);
    const char *copy = kp_arena_strdup(arena, out);
    if (!copy)
        kp_fail(err, KP_ENOMEM, "out of memory");
    return copy;
}

static enum kp_code check_card(const json_t *card, const char *url, struct kp_err *err)
{
    static const char *const known[] = { "id", "url", "key", "ca", "fingerprint", NULL };
    const char *id, *at;
    char print[KP_PRINT_TEXT];
    if (kp_members_known(card, "card", known, err) ||
        kp_member_text(card, "card", "id", true, &id, err) ||
        kp_member_text(card, "card", "url", true, &at, err))
        return err->code;
    if (!share_card_print(card, print))
        return kp_fail(err, KP_EPEER, "card: its key or its CA is none that can be used");
    return share_same_origin(at, url)
               ? KP_OK
               : kp_fail(err, KP_EPEER,
                         "the card says that its node is reached at %.160s: ask there, or have its "
                         "owner set that right (koppel listen --partners --url)",
                         at);
}

/* What a stranger says first only tells which CA to ask for. The card that counts comes over a
 * connection of which that CA has signed the certificate. */
static json_t *meet(struct kp_share *s, const char *url, struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    json_t *said = NULL, *card = NULL;
    const char *at = card_url(url, &arena, err);
    if (at && !fetch(s, at, NULL, true, &arena, &said, err) && !check_card(said, url, err)) {
        if (fetch(s, at, text_of(said, "ca"), false, &arena, &card, err) && err->code == KP_EREFUSED)
            kp_context(err, "the certificate shown there is not signed by the CA of the card, so "
                            "somebody may stand in between");
        else if (card && (!json_equal(card, said) || check_card(card, url, err)))
            kp_fail(err, KP_EPEER, "%.160s shows one card now and another then", url);
    }
    json_decref(said);
    kp_arena_free(&arena);
    if (at && (err->code == KP_EFULL || err->code == KP_EPARSE || err->code == KP_EINVALID))
        err->code = KP_EPEER; /* it is he who says so, not who asks */
    if (!err->code)
        return card;
    json_decref(card);
    return NULL;
}

enum kp_code kp_share_meet(struct kp_share *s, const char *url, struct kp_json *j,
                           struct kp_err *err)
{
    char all[KP_PRINT_TEXT], key[KP_PRINT_TEXT], ca[KP_PRINT_TEXT];
    json_t *card = meet(s, url, err);
    (void)s;
    if (card && share_card_print(card, all) && prints(card, key, ca)) {
        kp_json_begin(j, '{');
        kp_json_put_text(j, "id", text_of(card, "id"));
        kp_json_put_text(j, "url", text_of(card, "url"));
        kp_json_put_text(j, "fingerprint", all);
        kp_json_put_text(j, "keyFingerprint", key);
        kp_json_put_text(j, "caFingerprint", *ca ? ca : NULL);
        kp_json_end(j, '}');
    }
    json_decref(card);
    return err->code;
}

json_t *share_introduced(struct kp_share *s, const json_t *o, struct kp_err *err)
{
    char print[KP_PRINT_TEXT];
    const char *confirmed, *url;
    json_t *card = NULL;
    (void)s;
    if (kp_member_text(o, "partner", "fingerprint", false, &confirmed, err) ||
        kp_member_text(o, "partner", "url", true, &url, err))
        return NULL;
    if (json_object_get(o, "token") || json_object_get(o, "identity"))
        confirmed = NULL; /* it is not the card that is trusted */
    if (!confirmed || json_object_get(o, "key"))
        card = json_deep_copy(o);
    else if ((card = meet(s, url, err)) && json_object_set(card, "name", json_object_get(o, "name")))
        kp_fail(err, KP_ENOMEM, "out of memory");
    if (!card && !err->code)
        kp_fail(err, KP_ENOMEM, "out of memory");
    if (!err->code && confirmed &&
        !(share_card_print(card, print) && kp_print_same(print, confirmed)))
        kp_fail(err, KP_EREFUSED,
                "the fingerprint is not the one of this card: nothing is stored. Ask the partner "
                "to read out his (koppel partner card)");
    if (!err->code)
        return card;
    json_decref(card);
    return NULL;
}

/* ---- who asks and is no partner ---- */
void share_knock(struct kp_share *s, const char *id)
{
    int64_t now = kp_utc(s->clock);
    pthread_mutex_lock(&s->lock);
    struct share_knock *place = s->knocks;
    for (struct share_knock *k = s->knocks; k < s->knocks + KNOCKS; k++) {
        if (strncmp(k->id, id, sizeof k->id - 1) == 0 && k->times) {
            place = k;
            break;
        }
        place = k->last < place->last ? k : place;
    }
    if (!place->times || strncmp(place->id, id, sizeof place->id - 1) != 0) {
        *place = (struct share_knock){ .first = now };
        snprintf(place->id, sizeof place->id, "%s", id);
    }
    place->last = now;
    place->times++;
    pthread_mutex_unlock(&s->lock);
}

void kp_share_knocked(struct kp_share *s, struct kp_json *j)
{
    kp_json_begin(j, '[');
    pthread_mutex_lock(&s->lock);
    for (const struct share_knock *k = s->knocks; k < s->knocks + KNOCKS; k++) {
        if (!k->times)
            continue;
        kp_json_begin(j, '{');
        kp_json_put_text(j, "id", k->id);
        kp_json_put_time(j, "first", k->first);
        kp_json_put_time(j, "last", k->last);
        kp_json_put_int(j, "times", k->times);
        kp_json_end(j, '}');
    }
    pthread_mutex_unlock(&s->lock);
    kp_json_end(j, ']');
}
