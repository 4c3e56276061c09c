/* SPDX-License-Identifier: Apache-2.0 */
/* From nothing to an activated session: ask for the endpoints, choose one, connect to it. */
#include "couplings/opcua/opcua_private.h"

#include <open62541/plugin/securitypolicy_default.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

static UA_StatusCode (*const makers[])(UA_SecurityPolicy *, const UA_ByteString,
                                       const UA_ByteString, const UA_Logger *) = {
    UA_SecurityPolicy_Aes128Sha256RsaOaep,
    UA_SecurityPolicy_Basic256Sha256,
    UA_SecurityPolicy_Aes256Sha256RsaPss,
};
enum { MAKERS = sizeof makers / sizeof makers[0] };

/* ---- what went wrong ---- */
static const struct {
    UA_StatusCode status;
    enum kp_code code;
    const char *text;
} reasons[] = {
    { UA_STATUSCODE_BADCONNECTIONREJECTED, KP_EPEER, "nothing answers at this address and port" },
    { UA_STATUSCODE_BADCONNECTIONCLOSED, KP_EPEER, "the server closed the connection" },
    { UA_STATUSCODE_BADSECURECHANNELCLOSED, KP_EPEER, "the server closed the connection" },
    { UA_STATUSCODE_BADNOTCONNECTED, KP_EPEER, "the connection was lost" },
    { UA_STATUSCODE_BADSERVERNOTCONNECTED, KP_EPEER, "the connection was lost" },
    { UA_STATUSCODE_BADSESSIONIDINVALID, KP_EPEER, "the server has dropped the session" },
    { UA_STATUSCODE_BADSESSIONCLOSED, KP_EPEER, "the server has dropped the session" },
    { UA_STATUSCODE_BADTIMEOUT, KP_EPEER, "the server does not answer" },
    { UA_STATUSCODE_BADOUTOFMEMORY, KP_ENOMEM, "out of memory" },
    { UA_STATUSCODE_BADSERVERHALTED, KP_EPEER, "the server is not running its program yet" },
    { UA_STATUSCODE_BADTOOMANYSESSIONS, KP_EPEER,
      "the server has no session left: other clients hold them all, or it waits for lost ones to "
      "end" },
    { UA_STATUSCODE_BADUSERACCESSDENIED, KP_EREFUSED,
      "the server refuses this user: check the settings user and password" },
    { UA_STATUSCODE_BADIDENTITYTOKENINVALID, KP_EREFUSED,
      "the server refuses this login: check the settings user and password" },
    { UA_STATUSCODE_BADIDENTITYTOKENREJECTED, KP_EREFUSED,
      "the server refuses this login: check the settings user and password" },
    { UA_STATUSCODE_BADTCPENDPOINTURLINVALID, KP_EREFUSED,
      "the server does not know the path in this address" },
    { UA_STATUSCODE_BADTCPMESSAGETYPEINVALID, KP_EREFUSED,
      "what answers at this address does not speak OPC UA" },
};

static bool about_our_certificate(UA_StatusCode status)
{
    switch (status) {
    case UA_STATUSCODE_BADCERTIFICATEUNTRUSTED:
    case UA_STATUSCODE_BADSECURITYCHECKSFAILED:
    case UA_STATUSCODE_BADCERTIFICATEINVALID:
    case UA_STATUSCODE_BADCERTIFICATEURIINVALID:
    case UA_STATUSCODE_BADCERTIFICATETIMEINVALID:
    case UA_STATUSCODE_BADCERTIFICATEUSENOTALLOWED:
    case UA_STATUSCODE_BADCERTIFICATEREVOKED:
    case UA_STATUSCODE_BADCERTIFICATECHAININCOMPLETE:
        return true;
    default:
        return false;
    }
}

enum kp_code kp_opcua_explain(struct opcua *o, UA_StatusCode status, struct kp_err *err)
{
    const char *theirs = kp_opcua_trust_refused(o);
    if (theirs)
        return kp_fail(
            err, KP_EREFUSED,
            "the server's certificate is not trusted yet; compare it with what the machine"
            " shows (SHA-256 %s), then: koppel trust %s",
            theirs, kp_coupling_name(o->c));
    if (o->secured && (about_our_certificate(status) || o->hangups > 1))
        return kp_fail(
            err, KP_EREFUSED,
            "the server does not trust koppel's certificate (%s): koppel cert export koppel.der,"
            " then put koppel.der on the server's trust list",
            UA_StatusCode_name(status));
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        if (reasons[i].status == status)
            return kp_fail(err, reasons[i].code, "%s", reasons[i].text);
    return kp_fail(err, KP_EPEER, "the server answered %s", UA_StatusCode_name(status));
}

/* ---- asking for the endpoints ---- */
static enum kp_code await_channel(struct opcua *o, bool session, struct kp_err *err)
{
    int64_t until = kp_coupling_mono(o->c) + o->set->timeout;
    for (;;) {
        UA_SecureChannelState channel;
        UA_SessionState state;
        UA_Client_getState(o->client, &channel, &state, NULL);
        if (session ? state == UA_SESSIONSTATE_ACTIVATED : channel == UA_SECURECHANNELSTATE_OPEN)
            return KP_OK;
        if (kp_opcua_iterate(o, 100, err))
            return err->code;
        if (o->hangups > 2 || kp_coupling_mono(o->c) > until)
            return kp_opcua_explain(o, UA_STATUSCODE_BADTIMEOUT, err);
    }
}

static enum kp_code copy(const UA_String *from, UA_String *to, struct kp_err *err)
{
    if (UA_String_copy(from, to) != UA_STATUSCODE_GOOD)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    return KP_OK;
}

static enum kp_code start(struct opcua *o, bool session, struct kp_err *err)
{
    const char *url = kp_coupling_url(o->c);
    UA_StatusCode status = session ? UA_Client_connectAsync(o->client, url)
                                   : UA_Client_connectSecureChannelAsync(o->client, url);
    return status == UA_STATUSCODE_GOOD ? KP_OK : kp_opcua_explain(o, status, err);
}

static enum kp_code discover(struct opcua *o, UA_GetEndpointsResponse *found, struct kp_err *err)
{
    UA_ClientConfig cc = { 0 };
    UA_GetEndpointsRequest request = { .endpointUrl = kp_opcua_text(kp_coupling_url(o->c)) };
    UA_String none = kp_opcua_text("http://opcfoundation.org/UA/SecurityPolicy#None");
    kp_opcua_trust_install(o, &cc.certificateVerification, true);
    cc.endpoint.securityMode = UA_MESSAGESECURITYMODE_NONE;
    if (copy(&request.endpointUrl, &cc.endpoint.endpointUrl, err) ||
        copy(&none, &cc.endpoint.securityPolicyUri, err)) {
        UA_ClientConfig_clear(&cc);
        return err->code;
    }
    o->secured = false;
    if (kp_opcua_client(o, &cc, err) || start(o, false, err))
        return err->code;
    /* The library may first move to the address the server says is its own, which closes the link
     * under our request: then ask again. */
    for (int left = 2;; left--) {
        struct kp_err try = { 0 };
        if (await_channel(o, false, err))
            return err->code;
        if (!kp_opcua_call(o, &request, &UA_TYPES[UA_TYPES_GETENDPOINTSREQUEST], found,
                           &UA_TYPES[UA_TYPES_GETENDPOINTSRESPONSE], &try))
            return KP_OK;
        if (left == 0 || try.code != KP_EPEER)
            return kp_fail(err, try.code, "%s", try.text);
    }
}

/* ---- the session ---- */
static enum kp_code add_policies(const UA_ByteString *certificate, const UA_ByteString *key,
                                 const UA_Logger *logger, UA_SecurityPolicy **list, size_t *n,
                                 struct kp_err *err)
{
    *list = calloc(MAKERS + 1, sizeof **list); /* freed by the library with free() */
    if (!*list)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    if (UA_SecurityPolicy_None(&(*list)[0], *certificate, logger) == UA_STATUSCODE_GOOD)
        *n = 1;
    for (size_t i = 0; i < MAKERS; i++)
        if (makers[i](&(*list)[*n], *certificate, *key, logger) == UA_STATUSCODE_GOOD)
            ++*n;
    return *n == MAKERS + 1 ? KP_OK
                            : kp_fail(err, KP_EIO, "the certificate and its key cannot be used");
}

static enum kp_code user_certificate(struct opcua *o, UA_ClientConfig *cc, struct kp_err *err)
{
    UA_ByteString key = UA_BYTESTRING_NULL;
    UA_X509IdentityToken *token = UA_X509IdentityToken_new();
    if (!token)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    UA_ExtensionObject_setValue(&cc->userIdentityToken, token,
                                &UA_TYPES[UA_TYPES_X509IDENTITYTOKEN]);
    if (!o->set->user_key)
        return kp_fail(err, KP_EREFUSED, "user-certificate needs its key too: --set user-key=FILE");
    if (!kp_opcua_der_file(o->set->user_certificate, &token->certificateData, err) &&
        !kp_opcua_der_file(o->set->user_key, &key, err) &&
        add_policies(&token->certificateData, &key, &o->logger, &cc->authSecurityPolicies,
                     &cc->authSecurityPoliciesSize, err))
        kp_context(err, "%s", o->set->user_certificate);
    UA_ByteString_memZero(&key);
    UA_ByteString_clear(&key);
    return err->code;
}

static enum kp_code login_config(struct opcua *o, UA_ClientConfig *cc, struct kp_err *err)
{
    cc->allowNonePolicyPassword = o->set->allow_plain_password;
    if (kp_opcua_login(o->set) == UA_USERTOKENTYPE_CERTIFICATE)
        return user_certificate(o, cc, err);
    if (kp_opcua_login(o->set) == UA_USERTOKENTYPE_USERNAME &&
        UA_ClientConfig_setAuthenticationUsername(cc, o->set->user,
                                                  o->set->password ? o->set->password : ""))
        return kp_fail(err, KP_ENOMEM, "out of memory");
    return KP_OK;
}

static void tell_name(struct opcua *o, const UA_String *uri)
{
    char name[KP_NAME_MAX];
    kp_utf8_clean(name, sizeof name, (const char *)uri->data, uri->length);
    kp_coupling_client(o->c, name);
}

static enum kp_code session_config(struct opcua *o, const UA_EndpointDescription *e,
                                   UA_ClientConfig *cc, struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    UA_ByteString certificate, key;
    UA_String uri;
    if (!kp_opcua_identity(kp_coupling_context(o->c), &arena, &certificate, &key, &uri, err) &&
        !copy(&uri, &cc->clientDescription.applicationUri, err))
        add_policies(&certificate, &key, &o->logger, &cc->securityPolicies,
                     &cc->securityPoliciesSize, err);
    if (!err->code)
        tell_name(o, &uri);
    kp_arena_free(&arena);
    cc->clientDescription.applicationType = UA_APPLICATIONTYPE_CLIENT;
    cc->clientDescription.applicationName = UA_LOCALIZEDTEXT_ALLOC("en", "koppel");
    cc->sessionName = UA_STRING_ALLOC("koppel");
    if (!err->code && UA_EndpointDescription_copy(e, &cc->endpoint) != UA_STATUSCODE_GOOD)
        kp_fail(err, KP_ENOMEM, "out of memory");
    /* On an unprotected link the certificate proves nothing, unless a password is sealed with it.
     */
    bool bare = e->securityMode == UA_MESSAGESECURITYMODE_NONE;
    kp_opcua_trust_install(o, &cc->certificateVerification,
                           bare && (!o->set->user || o->set->allow_plain_password));
    o->secured = !bare;
    return err->code ? err->code : login_config(o, cc, err);
}

static void remember_link(struct opcua *o, const UA_EndpointDescription *e)
{
    static const char *const modes[] = { "?", "unprotected", "signed", "signed and encrypted" };
    char policy[KP_NAME_MAX];
    kp_utf8_clean(policy, sizeof policy, (const char *)e->securityPolicyUri.data,
                  e->securityPolicyUri.length);
    const char *name = strrchr(policy, '#');
    bool bare = e->securityMode == UA_MESSAGESECURITYMODE_NONE;
    snprintf(o->link, sizeof o->link, "%s%s%.40s", modes[e->securityMode & 3],
             bare || !name ? "" : ", ", bare || !name ? "" : name + 1);
}

/* The library reads the server's namespaces on its own; wait for them. */
static enum kp_code await_namespaces(struct opcua *o, struct kp_err *err)
{
    int64_t until = kp_coupling_mono(o->c) + o->set->timeout;
    UA_String own = UA_STRING_NULL;
    while (UA_Client_getNamespaceUri(o->client, 1, &own) == UA_STATUSCODE_GOOD && own.length == 0 &&
           kp_coupling_mono(o->c) < until)
        if (kp_opcua_iterate(o, 50, err))
            return err->code;
    UA_String_clear(&own);
    UA_String uri;
    size_t capacity = o->spaces.n;
    while (UA_Client_getNamespaceUri(o->client, (UA_UInt16)o->spaces.n, &uri) ==
           UA_STATUSCODE_GOOD) {
        if (!kp_grow(&o->spaces.uris, &capacity, o->spaces.n + 1, sizeof uri)) {
            UA_String_clear(&uri);
            return kp_fail(err, KP_ENOMEM, "out of memory");
        }
        o->spaces.uris[o->spaces.n++] = uri;
    }
    return KP_OK;
}

static enum kp_code start_session(struct opcua *o, const UA_EndpointDescription *e,
                                  struct kp_err *err)
{
    UA_ClientConfig cc = { 0 };
    if (session_config(o, e, &cc, err)) {
        UA_ClientConfig_clear(&cc);
        return err->code;
    }
    if (kp_opcua_client(o, &cc, err) || start(o, true, err) || await_channel(o, true, err))
        return err->code;
    /* From here on a lost link is an error of the step: the library's own way back loses
     * subscriptions silently, or never comes back. */
    UA_ClientConfig *now = UA_Client_getConfig(o->client);
    now->noReconnect = true;
    now->noNewSession = true;
    now->connectivityCheckInterval = now->timeout;
    remember_link(o, e);
    return await_namespaces(o, err);
}

enum kp_code kp_opcua_connect(struct opcua *o, struct kp_err *err)
{
    UA_GetEndpointsResponse found = { 0 };
    kp_coupling_note(o->c, "connecting");
    if (kp_opcua_trust_load(o, err))
        return err->code;
    enum kp_code code = discover(o, &found, err);
    kp_opcua_client_free(o);
    if (code)
        return code;
    int best = kp_opcua_choose(found.endpoints, found.endpointsSize, o->set,
                               kp_opcua_loopback(kp_coupling_url(o->c)), err);
    if (best >= 0)
        start_session(o, &found.endpoints[best], err);
    UA_GetEndpointsResponse_clear(&found);
    return err->code;
}
