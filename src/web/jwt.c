/* SPDX-License-Identifier: Apache-2.0 */
#include "web/jwt.h"

#include <string.h>

#include "core/ban.h"

static const char *text_of(const json_t *o, const char *key)
{
    const char *text = json_string_value(json_object_get(o, key));
    return text ? text : "";
}

/* ---- claims ---- */
/* One audience, or a list with us in it and us as the party it was made for. */
static bool is_for(const json_t *claims, const char *us)
{
    const json_t *aud = json_object_get(claims, "aud"), *azp = json_object_get(claims, "azp"), *one;
    size_t i;
    bool found = json_is_string(aud) && strcmp(json_string_value(aud), us) == 0;
    json_array_foreach(aud, i, one) found |=
        json_is_string(one) && strcmp(json_string_value(one), us) == 0;
    bool made_for = json_is_string(azp) && strcmp(json_string_value(azp), us) == 0;
    return found && (azp ? made_for : json_array_size(aud) <= 1);
}

static bool check(const json_t *claims, const struct kp_jwt_want *w, struct kp_err *err)
{
    const char *late = kp_jose_late(claims, w->now, KP_JWT_AGE_S), *sub = text_of(claims, "sub");
    const char *why = strcmp(text_of(claims, "iss"), w->issuer) != 0 ? "is of another issuer"
                      : !is_for(claims, w->audience) ? "is for another program (audience)"
                      : strcmp(text_of(claims, "nonce"), w->nonce) != 0
                          ? "answers another question (nonce)"
                      : !*sub || strlen(sub) > 255 ? "does not say whom it is about"
                                                   : late;
    if (why)
        kp_fail(err, KP_EDENIED, "the ID token %s", why);
    return !why;
}

json_t *kp_jwt_read(const char *token, const json_t *keys, const struct kp_jwt_want *w,
                    struct kp_err *err)
{
    static const struct kp_jose_names names = { "the ID token", "the provider" };
    json_t *claims = kp_jose_read(token, keys, &names, err);
    if (!claims || check(claims, w, err))
        return claims;
    json_decref(claims);
    return NULL;
}
