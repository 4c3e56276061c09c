/* SPDX-License-Identifier: Apache-2.0 */
/* Which of a server's endpoints is taken: the strongest by koppel's own ranking, for what the
 * server says of its endpoints crosses the network unprotected. */
#include "couplings/opcua/opcua_private.h"

#include "core/url.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

/* A name counts only when it cannot be anyone else's. */
bool kp_opcua_loopback(const char *url)
{
    char host[64];
    const char *from = strstr(url, "://");
    from = from ? from + 3 : url;
    size_t len = *from == '[' ? strcspn(from, "]") + 1 : strcspn(from, ":/");
    if (len >= sizeof host)
        return false;
    snprintf(host, sizeof host, "%.*s", (int)len, from);
    return strcmp(host, "[::1]") == 0 || kp_host_is_own(host);
}

/* Weakest first; what is older than these is broken and not used. */
static const char *const policies[] = {
    "http://opcfoundation.org/UA/SecurityPolicy#None",
    "http://opcfoundation.org/UA/SecurityPolicy#Aes128_Sha256_RsaOaep",
    "http://opcfoundation.org/UA/SecurityPolicy#Basic256Sha256",
    "http://opcfoundation.org/UA/SecurityPolicy#Aes256_Sha256_RsaPss",
};

static bool same(const UA_String *s, const char *text)
{
    return s->length == strlen(text) && memcmp(s->data, text, s->length) == 0;
}

/* 0: cannot be used; 1: unprotected; else the larger, the stronger. */
static int strength(const UA_EndpointDescription *e)
{
    static const char binary[] =
        "http://opcfoundation.org/UA-Profile/Transport/uatcp-uasc-uabinary";
    if (e->transportProfileUri.length && !same(&e->transportProfileUri, binary))
        return 0; /* an empty one is how some PLCs say "the usual" */
    if (e->securityMode == UA_MESSAGESECURITYMODE_NONE)
        return 1;
    if (e->securityMode != UA_MESSAGESECURITYMODE_SIGN &&
        e->securityMode != UA_MESSAGESECURITYMODE_SIGNANDENCRYPT)
        return 0;
    for (int i = 1; i < (int)(sizeof policies / sizeof policies[0]); i++)
        if (same(&e->securityPolicyUri, policies[i]))
            return (int)e->securityMode * 10 + i;
    return 0;
}

static bool wanted(int strength_of_it, const struct opcua_settings *set, bool loopback)
{
    if (strcmp(set->security, "none") == 0)
        return strength_of_it == 1;
    if (strcmp(set->security, "encrypt") == 0)
        return strength_of_it > UA_MESSAGESECURITYMODE_SIGNANDENCRYPT * 10;
    if (strcmp(set->security, "sign") == 0)
        return strength_of_it > UA_MESSAGESECURITYMODE_SIGN * 10 &&
               strength_of_it < UA_MESSAGESECURITYMODE_SIGNANDENCRYPT * 10;
    return strength_of_it > 1 || (loopback && strength_of_it == 1);
}

UA_UserTokenType kp_opcua_login(const struct opcua_settings *set)
{
    if (set->user_certificate)
        return UA_USERTOKENTYPE_CERTIFICATE;
    return set->user ? UA_USERTOKENTYPE_USERNAME : UA_USERTOKENTYPE_ANONYMOUS;
}

static bool takes_login(const UA_EndpointDescription *e, UA_UserTokenType type)
{
    for (size_t i = 0; i < e->userIdentityTokensSize; i++)
        if (e->userIdentityTokens[i].tokenType == type)
            return true;
    return false;
}

/* Whether a password would cross this link as plain text. */
static bool bares_password(const UA_EndpointDescription *e)
{
    if (e->securityMode == UA_MESSAGESECURITYMODE_SIGNANDENCRYPT)
        return false;
    for (size_t i = 0; i < e->userIdentityTokensSize; i++) {
        const UA_UserTokenPolicy *t = &e->userIdentityTokens[i];
        const UA_String *uri =
            t->securityPolicyUri.length ? &t->securityPolicyUri : &e->securityPolicyUri;
        if (t->tokenType == UA_USERTOKENTYPE_USERNAME && uri->length && !same(uri, policies[0]))
            return false;
    }
    return true;
}

static int none_wanted(const UA_EndpointDescription *list, size_t n,
                       const struct opcua_settings *set, struct kp_err *err)
{
    bool open = false, protected = false;
    for (size_t i = 0; i < n; i++) {
        open |= strength(&list[i]) == 1;
        protected |= strength(&list[i]) > 1;
    }
    if (strcmp(set->security, "auto") == 0 && open)
        kp_fail(err, KP_EREFUSED,
                "the server offers only an unprotected link, where anyone on the network"
                " can read and change values; to accept that: --set security=none");
    else if (!open && !protected)
        kp_fail(err, KP_EREFUSED,
                "the server offers no endpoint this program can use (it speaks"
                " Basic256Sha256, Aes128_Sha256_RsaOaep, Aes256_Sha256_RsaPss and None)");
    else
        kp_fail(err, KP_EREFUSED, "the server offers no link with security=%s, only %s%s%s",
                set->security, protected ? "protected" : "", protected && open ? " and " : "",
                open ? "unprotected" : "");
    return OPCUA_NONE;
}

int kp_opcua_choose(const UA_EndpointDescription *list, size_t n, const struct opcua_settings *set,
                    bool loopback, struct kp_err *err)
{
    static const char *const logins[] = { "an anonymous login: --set user=NAME --set password=...",
                                          "a user name", "a user certificate" };
    int best = OPCUA_NONE, best_strength = 0, other = 0;
    for (size_t i = 0; i < n; i++) {
        int s = strength(&list[i]);
        if (s == 0 || !wanted(s, set, loopback))
            continue;
        other++;
        if (s > best_strength && takes_login(&list[i], kp_opcua_login(set))) {
            best = (int)i;
            best_strength = s;
        }
    }
    if (other == 0)
        return none_wanted(list, n, set, err);
    if (best < 0) {
        kp_fail(err, KP_EREFUSED, "the server does not take %s", logins[kp_opcua_login(set)]);
    } else if (kp_opcua_login(set) == UA_USERTOKENTYPE_USERNAME && bares_password(&list[best]) &&
               !set->allow_plain_password) {
        kp_fail(err, KP_EREFUSED,
                "the password would cross this link as plain text; use a protected one, or"
                " accept that: --set allow-plain-password=true");
        best = OPCUA_NONE;
    }
    return best;
}
