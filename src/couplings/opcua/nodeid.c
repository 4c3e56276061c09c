/* SPDX-License-Identifier: Apache-2.0 */
/* Node ids as text. A namespace index is only good for one session of a server, so text names the
 * namespace by its URI: "nsu=urn:x;s=Spindle.Speed" (OPC UA Part 6, 5.1.12). */
#include "couplings/opcua/opcua_private.h"

#include "core/text.h"

#include <string.h>

#include "core/ban.h"

UA_String kp_opcua_text(const char *text)
{
    /* The library takes what it only reads without const. */
    union {
        const char *in;
        UA_Byte *out;
    } cast = { .in = text };
    return (UA_String){ .length = strlen(text), .data = cast.out };
}

static UA_NamespaceMapping mapping(const struct opcua_spaces *spaces)
{
    return (UA_NamespaceMapping){ .namespaceUris = spaces->uris, .namespaceUrisSize = spaces->n };
}

bool kp_opcua_print_id(const UA_NodeId *id, const struct opcua_spaces *spaces, struct kp_buf *out)
{
    UA_NamespaceMapping map = mapping(spaces);
    UA_String text = UA_STRING_NULL;
    if (id->namespaceIndex >= spaces->n || UA_NodeId_printEx(id, &text, &map) != UA_STATUSCODE_GOOD)
        return false;
    bool good = text.length <= OPCUA_ID_MAX &&
                kp_utf8_valid((const char *)text.data, text.length) &&
                !memchr(text.data, 0, text.length);
    if (good)
        kp_buf_add(out, text.data, text.length);
    UA_String_clear(&text);
    return good && !out->failed;
}

enum kp_code kp_opcua_parse_id(const char *text, const struct opcua_spaces *spaces, UA_NodeId *id,
                               struct kp_err *err)
{
    UA_NamespaceMapping map = mapping(spaces);
    bool by_uri = strncmp(text, "nsu=", 4) == 0;
    UA_NodeId_init(id);
    UA_StatusCode code = by_uri ? UA_NodeId_parseEx(id, kp_opcua_text(text), &map)
                                : UA_NodeId_parse(id, kp_opcua_text(text));
    if (code != UA_STATUSCODE_GOOD || UA_NodeId_isNull(id))
        return kp_fail(err, KP_EPARSE,
                       "'%s' is not a node id: it looks like nsu=urn:x;s=Name or nsu=urn:x;i=85",
                       text);
    /* The library turns an id of an unknown namespace into a text in namespace 0. */
    if (by_uri && id->namespaceIndex == 0 && id->identifierType == UA_NODEIDTYPE_STRING) {
        UA_NodeId_clear(id);
        return kp_fail(err, KP_ENOTFOUND, "the server does not know the namespace of '%s'", text);
    }
    if (id->namespaceIndex >= spaces->n) {
        UA_NodeId_clear(id);
        return kp_fail(err, KP_ENOTFOUND, "the server has no namespace with the index in '%s'",
                       text);
    }
    return KP_OK;
}
