/* SPDX-License-Identifier: Apache-2.0 */
#include "couplings/opcua/opcua_private.h"

#include "core/json.h"
#include "core/text.h"

#include <string.h>

#include "core/ban.h"

enum { VALUE_MAX = 16 << 20, INFO_TYPE = 0xC00, INFO_DATA_VALUE = 0x400, INFO_OVERFLOW = 0x80 };

/* ---- types ---- */
uint8_t kp_opcua_type(unsigned type_kind)
{
    switch (type_kind) {
    case UA_DATATYPEKIND_BOOLEAN:
        return KP_BOOL;
    case UA_DATATYPEKIND_SBYTE:
    case UA_DATATYPEKIND_INT16:
    case UA_DATATYPEKIND_INT32:
    case UA_DATATYPEKIND_INT64:
    case UA_DATATYPEKIND_ENUM:
        return KP_INT64;
    case UA_DATATYPEKIND_BYTE:
    case UA_DATATYPEKIND_UINT16:
    case UA_DATATYPEKIND_UINT32:
    case UA_DATATYPEKIND_UINT64:
    case UA_DATATYPEKIND_STATUSCODE:
        return KP_UINT64;
    case UA_DATATYPEKIND_FLOAT:
        return KP_FLOAT;
    case UA_DATATYPEKIND_DOUBLE:
        return KP_DOUBLE;
    case UA_DATATYPEKIND_DATETIME:
        return KP_TIME;
    case UA_DATATYPEKIND_BYTESTRING:
        return KP_BYTES;
    default:
        return KP_STRING; /* text, things with a text form, and structures as JSON */
    }
}

/* ---- times ---- */
bool kp_opcua_time(UA_DateTime t, int64_t *ns)
{
    int64_t since_1970;
    return !__builtin_sub_overflow(t, UA_DATETIME_UNIX_EPOCH, &since_1970) &&
           !__builtin_mul_overflow(since_1970, INT64_C(100), ns);
}

/* A machine's "never" and "for ever" lie outside what ns can say. */
static int64_t time_value(UA_DateTime t)
{
    int64_t ns;
    if (kp_opcua_time(t, &ns))
        return ns;
    return t < UA_DATETIME_UNIX_EPOCH ? KP_NO_TIME : KP_FOREVER;
}

UA_DateTime kp_opcua_date(int64_t ns)
{
    if (ns == KP_NO_TIME)
        return 0;
    return ns / 100 - (ns % 100 < 0) + UA_DATETIME_UNIX_EPOCH;
}

/* ---- text ---- */
/* Text as it is when it is UTF-8; else cleaned into the room. */
static struct kp_value text_value(const UA_String *s, struct kp_buf *room)
{
    const char *text = (const char *)s->data;
    if (s->length == 0)
        return kp_string("", 0);
    if (s->length > VALUE_MAX) {
        room->failed = true;
        return (struct kp_value){ 0 };
    }
    if (kp_utf8_valid(text, s->length))
        return kp_string(text, s->length);
    size_t from = room->len;
    char *out = kp_buf_room(room, s->length * 3 + 1);
    if (!out)
        return (struct kp_value){ 0 };
    kp_utf8_clean(out, s->length * 3 + 1, text, s->length);
    room->len += strlen(out);
    return kp_string(room->data + from, room->len - from);
}

/* The library's own text form of an id, a guid or a name, moved into the room. */
static struct kp_value moved_text(UA_StatusCode code, UA_String *s, struct kp_buf *room)
{
    size_t from = room->len;
    if (code != UA_STATUSCODE_GOOD || s->length > VALUE_MAX) {
        room->failed = true;
    } else {
        UA_String raw = *s;
        struct kp_value v = text_value(&raw, room);
        if (v.data == s->data)
            kp_buf_add(room, s->data, s->length);
    }
    UA_String_clear(s);
    if (room->failed)
        return (struct kp_value){ 0 };
    return kp_string(room->len > from ? room->data + from : "", room->len - from);
}

static struct kp_value json_text(const void *data, const UA_DataType *type, struct kp_buf *room)
{
    UA_String out = UA_STRING_NULL;
    UA_StatusCode code = UA_encodeJson(data, type, &out, NULL);
    return moved_text(code, &out, room);
}

/* A structure whose type the server does not describe comes as its encoded bytes; they are shown as
 * the standard does (OPC UA Part 6, 5.4.2.16). */
static struct kp_value encoded_text(const UA_NodeId *type, const UA_ByteString *body,
                                    struct kp_buf *room)
{
    size_t from = room->len;
    UA_String id = UA_STRING_NULL;
    if (body->length > VALUE_MAX || UA_NodeId_print(type, &id) != UA_STATUSCODE_GOOD) {
        room->failed = true;
        return (struct kp_value){ 0 };
    }
    struct kp_json j = kp_json(room);
    struct kp_value bytes = { .data = body->length ? (const void *)body->data : "",
                              .len = (uint32_t)body->length,
                              .type = KP_BYTES };
    kp_json_begin(&j, '{');
    kp_json_key(&j, "UaTypeId");
    kp_json_textn(&j, (const char *)id.data, id.length);
    kp_json_put_int(&j, "UaEncoding", 1);
    kp_json_key(&j, "UaBody");
    kp_json_value(&j, &bytes);
    kp_json_end(&j, '}');
    UA_String_clear(&id);
    return room->failed ? (struct kp_value){ 0 } : kp_string(room->data + from, room->len - from);
}

static struct kp_value structure_text(const UA_ExtensionObject *x, struct kp_buf *room)
{
    if (x->encoding == UA_EXTENSIONOBJECT_DECODED ||
        x->encoding == UA_EXTENSIONOBJECT_DECODED_NODELETE)
        return json_text(x->content.decoded.data, x->content.decoded.type, room);
    if (x->encoding == UA_EXTENSIONOBJECT_ENCODED_BYTESTRING)
        return encoded_text(&x->content.encoded.typeId, &x->content.encoded.body, room);
    return json_text(x, &UA_TYPES[UA_TYPES_EXTENSIONOBJECT], room);
}

static struct kp_value other_text(const void *data, const UA_DataType *type, struct kp_buf *room)
{
    UA_String out = UA_STRING_NULL;
    UA_StatusCode code;
    switch (type->typeKind) {
    case UA_DATATYPEKIND_STRING:
    case UA_DATATYPEKIND_XMLELEMENT:
        return text_value(data, room);
    case UA_DATATYPEKIND_LOCALIZEDTEXT:
        return text_value(&((const UA_LocalizedText *)data)->text, room);
    case UA_DATATYPEKIND_QUALIFIEDNAME:
        return text_value(&((const UA_QualifiedName *)data)->name, room);
    case UA_DATATYPEKIND_GUID:
        code = UA_Guid_print(data, &out);
        break;
    case UA_DATATYPEKIND_NODEID:
        code = UA_NodeId_print(data, &out);
        break;
    case UA_DATATYPEKIND_EXPANDEDNODEID:
        code = UA_ExpandedNodeId_print(data, &out);
        break;
    case UA_DATATYPEKIND_EXTENSIONOBJECT:
        return structure_text(data, room);
    default:
        return json_text(data, type, room);
    }
    return moved_text(code, &out, room);
}

/* ---- scalars and arrays ---- */
static struct kp_value scalar(const void *p, const UA_DataType *type, struct kp_buf *room)
{
    switch (type->typeKind) {
    case UA_DATATYPEKIND_BOOLEAN:
        return kp_bool(*(const UA_Boolean *)p);
    case UA_DATATYPEKIND_SBYTE:
        return kp_int(*(const UA_SByte *)p);
    case UA_DATATYPEKIND_INT16:
        return kp_int(*(const UA_Int16 *)p);
    case UA_DATATYPEKIND_INT32:
    case UA_DATATYPEKIND_ENUM:
        return kp_int(*(const UA_Int32 *)p);
    case UA_DATATYPEKIND_INT64:
        return kp_int(*(const UA_Int64 *)p);
    case UA_DATATYPEKIND_BYTE:
        return (struct kp_value){ .u = *(const UA_Byte *)p, .type = KP_UINT64 };
    case UA_DATATYPEKIND_UINT16:
        return (struct kp_value){ .u = *(const UA_UInt16 *)p, .type = KP_UINT64 };
    case UA_DATATYPEKIND_UINT32:
    case UA_DATATYPEKIND_STATUSCODE:
        return (struct kp_value){ .u = *(const UA_UInt32 *)p, .type = KP_UINT64 };
    case UA_DATATYPEKIND_UINT64:
        return (struct kp_value){ .u = *(const UA_UInt64 *)p, .type = KP_UINT64 };
    case UA_DATATYPEKIND_FLOAT:
        return (struct kp_value){ .f = *(const UA_Float *)p, .type = KP_FLOAT };
    case UA_DATATYPEKIND_DOUBLE:
        return kp_double(*(const UA_Double *)p);
    case UA_DATATYPEKIND_DATETIME:
        return (struct kp_value){ .i = time_value(*(const UA_DateTime *)p), .type = KP_TIME };
    case UA_DATATYPEKIND_BYTESTRING: {
        const UA_ByteString *s = p;
        room->failed |= s->length > VALUE_MAX;
        return (struct kp_value){ .data = s->length ? (const void *)s->data : "",
                                  .len = (uint32_t)s->length,
                                  .type = KP_BYTES };
    }
    default:
        return other_text(p, type, room);
    }
}

/* Elements packed; what has the same layout on both sides is copied whole. */
static struct kp_value array(const UA_Variant *v, struct kp_buf *room)
{
    uint8_t type = kp_opcua_type(v->type->typeKind) | KP_ARRAY;
    unsigned kind = v->type->typeKind;
    if (v->arrayLength == 0)
        return (struct kp_value){ .data = "", .type = type };
    struct kp_buf work;
    kp_buf_init(&work, VALUE_MAX * 3 + 1);
    if (kind == UA_DATATYPEKIND_DOUBLE || kind == UA_DATATYPEKIND_FLOAT ||
        kind == UA_DATATYPEKIND_INT64 || kind == UA_DATATYPEKIND_UINT64) {
        kp_buf_add(room, v->data, v->arrayLength * v->type->memSize);
    } else {
        const char *at = v->data;
        for (size_t i = 0; i < v->arrayLength && !room->failed; i++, at += v->type->memSize) {
            work.len = 0;
            struct kp_value element = scalar(at, v->type, &work);
            kp_array_add(room, &element);
            room->failed |= work.failed;
        }
    }
    kp_buf_free(&work);
    if (room->failed)
        return (struct kp_value){ 0 };
    return (struct kp_value){ .data = room->data, .len = (uint32_t)room->len, .type = type };
}

bool kp_opcua_value(const UA_Variant *v, struct kp_buf *room, struct kp_value *out)
{
    *out = (struct kp_value){ 0 };
    if (!v->type)
        return true;
    if (room->failed) { /* of the value before */
        kp_buf_free(room);
        kp_buf_init(room, VALUE_MAX);
    }
    room->len = 0;
    *out = UA_Variant_isScalar(v) ? scalar(v->data, v->type, room) : array(v, room);
    if (!room->failed)
        return true;
    *out = (struct kp_value){ 0 };
    return false;
}

/* ---- samples ---- */
/* The least and the greatest stand for no time (Part 6, 5.2.2.5); others that ns cannot hold are of a clock far off, which
 * is the hub's to judge. */
static bool is_time(UA_DateTime t)
{
    return t > 0 && t < INT64_MAX;
}

static int64_t sample_time(const UA_DataValue *dv, int64_t arrived)
{
    if (dv->hasSourceTimestamp && is_time(dv->sourceTimestamp)) {
        int64_t at = time_value(dv->sourceTimestamp);
        if (dv->hasSourcePicoseconds && dv->sourcePicoseconds < 10000 && at != KP_NO_TIME) /* units of 10 ps */
            at = at > INT64_MAX - 100 ? at : at + dv->sourcePicoseconds / 100;
        return at;
    }
    return dv->hasServerTimestamp && is_time(dv->serverTimestamp) ? time_value(dv->serverTimestamp) : arrived;
}

void kp_opcua_sample(const UA_DataValue *dv, int64_t arrived, struct kp_buf *room,
                     struct kp_sample *out)
{
    out->status = dv->hasStatus ? dv->status : KP_GOOD;
    out->at = sample_time(dv, arrived);
    out->value = (struct kp_value){ 0 };
    if (dv->hasValue && !kp_opcua_value(&dv->value, room, &out->value))
        out->status = UA_STATUSCODE_BADENCODINGLIMITSEXCEEDED;
}

bool kp_opcua_overflowed(uint32_t status)
{
    return (status & INFO_TYPE) == INFO_DATA_VALUE && (status & INFO_OVERFLOW);
}

void kp_opcua_room(struct kp_buf *room)
{
    kp_buf_init(room, VALUE_MAX);
}
