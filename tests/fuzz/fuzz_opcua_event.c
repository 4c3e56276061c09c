/* SPDX-License-Identifier: Apache-2.0 */
/* What a server may put on the wire as an event: its fields, decoded by the library, then read as what they say. Whatever
 * they hold, the texts are UTF-8 that ends, a condition has a key, and what lasts is a condition. */
#include "couplings/opcua/opcua_private.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct opcua_event *e)
{
    const char *const texts[] = { e->key, e->name, e->text, e->source_name };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert(kp_utf8_valid(texts[i], strlen(texts[i])));
    assert(e->kind != OPCUA_CONDITION || *e->key);
    assert(!e->lasts || e->kind == OPCUA_CONDITION);
    assert(e->acked_known || !e->acked);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    UA_String uris[] = { UA_STRING_STATIC("http://opcfoundation.org/UA/"), UA_STRING_STATIC("urn:plant") };
    UA_ByteString in = { .length = size };
    memcpy(&in.data, &data, sizeof in.data); /* only read */
    UA_EventFieldList list;
    struct opcua_event e;
    struct opcua_spaces spaces = { .uris = uris, .n = 2 };
    if (UA_decodeBinary(&in, &list, &UA_TYPES[UA_TYPES_EVENTFIELDLIST], NULL) != UA_STATUSCODE_GOOD)
        return 0;
    if (!kp_opcua_event_read(&spaces, list.eventFields, list.eventFieldsSize, &e))
        check(&e);
    UA_NodeId_clear(&e.source);
    UA_EventFieldList_clear(&list);
    return 0;
}
