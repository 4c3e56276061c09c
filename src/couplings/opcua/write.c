/* SPDX-License-Identifier: Apache-2.0 */
/* Writing: the value in exactly the type the node has, for servers take nothing else. */
#include "couplings/opcua/opcua_private.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

/* ---- numbers ---- */
static const struct range {
    double low, high;
    int64_t min;
    uint64_t max;
} ranges[] = {
    [UA_DATATYPEKIND_SBYTE] = { INT8_MIN, INT8_MAX, INT8_MIN, INT8_MAX },
    [UA_DATATYPEKIND_BYTE] = { 0, UINT8_MAX, 0, UINT8_MAX },
    [UA_DATATYPEKIND_INT16] = { INT16_MIN, INT16_MAX, INT16_MIN, INT16_MAX },
    [UA_DATATYPEKIND_UINT16] = { 0, UINT16_MAX, 0, UINT16_MAX },
    [UA_DATATYPEKIND_INT32] = { INT32_MIN, INT32_MAX, INT32_MIN, INT32_MAX },
    [UA_DATATYPEKIND_UINT32] = { 0, UINT32_MAX, 0, UINT32_MAX },
    [UA_DATATYPEKIND_INT64] = { -0x1p63, 0x1.fffffffffffffp62, INT64_MIN, INT64_MAX },
    [UA_DATATYPEKIND_UINT64] = { 0, 0x1.fffffffffffffp63, 0, UINT64_MAX },
};

/* The value as a whole number in two's complement. */
static bool whole(const struct kp_value *v, const struct range *r, uint64_t *out)
{
    double d;
    switch (v->type) {
    case KP_BOOL:
        *out = v->b;
        return true;
    case KP_INT64:
        *out = (uint64_t)v->i;
        return v->i >= r->min && (v->i < 0 || (uint64_t)v->i <= r->max);
    case KP_UINT64:
        *out = v->u;
        return v->u <= r->max;
    default:
        if (!kp_value_number(v, &d) || !(d >= r->low && d <= r->high) || trunc(d) != d)
            return false;
        *out = d < 0 ? (uint64_t)(int64_t)d : (uint64_t)d;
        return true;
    }
}

static bool put_number(const struct kp_value *v, unsigned kind, void *to)
{
    uint64_t n;
    double d;
    switch (kind) {
    case UA_DATATYPEKIND_FLOAT:
    case UA_DATATYPEKIND_DOUBLE:
        if (!kp_value_number(v, &d))
            return false;
        if (kind == UA_DATATYPEKIND_DOUBLE)
            *(UA_Double *)to = d;
        else
            *(UA_Float *)to = v->type == KP_FLOAT ? v->f : (float)d;
        return true;
    case UA_DATATYPEKIND_BOOLEAN:
        *(UA_Boolean *)to = v->type == KP_BOOL ? v->b : v->u != 0;
        return v->type == KP_BOOL || ((v->type == KP_INT64 || v->type == KP_UINT64) && v->u <= 1);
    case UA_DATATYPEKIND_ENUM:
        kind = UA_DATATYPEKIND_INT32;
        break;
    case UA_DATATYPEKIND_STATUSCODE:
        kind = UA_DATATYPEKIND_UINT32;
        break;
    }
    if (!whole(v, &ranges[kind], &n))
        return false;
    switch (kind) {
    case UA_DATATYPEKIND_SBYTE:
    case UA_DATATYPEKIND_BYTE:
        *(UA_Byte *)to = (UA_Byte)n;
        break;
    case UA_DATATYPEKIND_INT16:
    case UA_DATATYPEKIND_UINT16:
        *(UA_UInt16 *)to = (UA_UInt16)n;
        break;
    case UA_DATATYPEKIND_INT32:
    case UA_DATATYPEKIND_UINT32:
        *(UA_UInt32 *)to = (UA_UInt32)n;
        break;
    default:
        *(UA_UInt64 *)to = n;
        break;
    }
    return true;
}

/* ---- one element of any type that can be written ---- */
static bool put_text(const struct kp_value *v, UA_String *to)
{
    UA_String from = { .length = v->len };
    memcpy(&from.data, &v->data, sizeof from.data); /* only read */
    return UA_String_copy(&from, to) == UA_STATUSCODE_GOOD;
}

static bool put(const struct kp_value *v, const UA_DataType *type, void *to)
{
    switch (type->typeKind) {
    case UA_DATATYPEKIND_STRING:
    case UA_DATATYPEKIND_XMLELEMENT:
        return v->type == KP_STRING && put_text(v, to);
    case UA_DATATYPEKIND_LOCALIZEDTEXT:
        return v->type == KP_STRING && put_text(v, &((UA_LocalizedText *)to)->text);
    case UA_DATATYPEKIND_BYTESTRING:
        return v->type == KP_BYTES && put_text(v, to);
    case UA_DATATYPEKIND_DATETIME:
        *(UA_DateTime *)to = v->type == KP_TIME ? kp_opcua_date(v->i) : 0;
        return v->type == KP_TIME;
    case UA_DATATYPEKIND_GUID: {
        UA_String text = { .length = v->len };
        memcpy(&text.data, &v->data, sizeof text.data);
        return v->type == KP_STRING && UA_Guid_parse(to, text) == UA_STATUSCODE_GOOD;
    }
    default:
        return (type->typeKind <= UA_DATATYPEKIND_DOUBLE ||
                type->typeKind == UA_DATATYPEKIND_ENUM ||
                type->typeKind == UA_DATATYPEKIND_STATUSCODE) &&
               put_number(v, type->typeKind, to);
    }
}

static enum kp_code unfit(const UA_DataType *type, struct kp_err *err)
{
    return kp_fail(err, KP_EINVALID, "the node is of type %s and does not take this value",
                   type->typeName);
}

static enum kp_code put_array(const struct kp_value *v, const UA_DataType *type, UA_Variant *out,
                              struct kp_err *err)
{
    struct kp_value element;
    size_t n = 0, pos = 0;
    while (kp_array_next(v, &pos, &element))
        n++;
    char *list = UA_Array_new(n, type);
    if (!list)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    UA_Variant_setArray(out, list, n, type);
    pos = 0;
    for (size_t i = 0; kp_array_next(v, &pos, &element); i++)
        if (!put(&element, type, list + i * type->memSize))
            return unfit(type, err);
    return KP_OK;
}

enum kp_code kp_opcua_variant(const struct kp_value *v, const UA_DataType *type, bool array,
                              UA_Variant *out, struct kp_err *err)
{
    UA_Variant_init(out);
    if (((v->type & KP_ARRAY) != 0) != array)
        return kp_fail(err, KP_EINVALID,
                       array ? "the node is an array: give one" : "the node is not an array");
    if (array)
        return put_array(v, type, out, err);
    void *one = UA_new(type);
    if (!one)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    UA_Variant_setScalar(out, one, type);
    return put(v, type, one) ? KP_OK : unfit(type, err);
}

/* ---- the call ---- */
/* The type of the value the node has now says most; its DataType attribute may be abstract. */
struct target {
    UA_NodeId id;
    const UA_DataType *type;
    bool array;
};

static void fill(void *arg, size_t i, UA_ReadValueId *id)
{
    static const UA_UInt32 attributes[] = { UA_ATTRIBUTEID_DATATYPE, UA_ATTRIBUTEID_VALUERANK,
                                            UA_ATTRIBUTEID_VALUE };
    id->nodeId = ((struct target *)arg)->id;
    id->attributeId = attributes[i];
}

static void take(void *arg, size_t i, UA_DataValue *v)
{
    struct target *t = arg;
    if (i == 0 && UA_Variant_hasScalarType(&v->value, &UA_TYPES[UA_TYPES_NODEID]))
        t->type = UA_findDataType(v->value.data);
    if (i == 1 && UA_Variant_hasScalarType(&v->value, &UA_TYPES[UA_TYPES_INT32]))
        t->array = *(UA_Int32 *)v->value.data >= 0;
    if (i == 2 && v->hasValue && v->value.type) {
        t->type = v->value.type;
        t->array = !UA_Variant_isScalar(&v->value);
    }
}

static enum kp_code send(struct opcua *o, const struct target *t, const UA_Variant *value,
                         struct kp_err *err)
{
    UA_WriteValue one = { .nodeId = t->id, .attributeId = UA_ATTRIBUTEID_VALUE };
    one.value = (UA_DataValue){ .hasValue = true,
                                .value = *value }; /* no times: most servers refuse them */
    UA_WriteRequest request = { .nodesToWriteSize = 1, .nodesToWrite = &one };
    UA_WriteResponse answer;
    if (kp_opcua_call(o, &request, &UA_TYPES[UA_TYPES_WRITEREQUEST], &answer,
                      &UA_TYPES[UA_TYPES_WRITERESPONSE], err))
        return err->code;
    UA_StatusCode status =
        answer.resultsSize == 1 ? answer.results[0] : UA_STATUSCODE_BADUNEXPECTEDERROR;
    UA_WriteResponse_clear(&answer);
    switch (status) {
    case UA_STATUSCODE_BADNOTWRITABLE:
    case UA_STATUSCODE_BADUSERACCESSDENIED:
        return kp_fail(err, KP_EDENIED, "the machine does not let this user write it (%s)",
                       UA_StatusCode_name(status));
    case UA_STATUSCODE_BADOUTOFRANGE:
        return kp_fail(err, KP_EINVALID, "the machine says the value is out of range");
    default:
        if (UA_StatusCode_isBad(status))
            return kp_fail(err, KP_EPEER, "the machine refused the value: %s",
                           UA_StatusCode_name(status));
        return KP_OK;
    }
}

enum kp_code kp_opcua_write(struct kp_coupling *c, const struct kp_sample *sample,
                            struct kp_err *err)
{
    struct opcua *o = kp_coupling_state(c);
    const struct opcua_item *item = o->client ? kp_opcua_item(o, sample->signal) : NULL;
    struct kp_err local = { 0 };
    struct target t = { 0 };
    UA_Variant value;
    UA_Variant_init(&value);
    if (!o->client)
        kp_fail(&local, KP_EPEER, "the machine is not connected");
    else if (!item)
        kp_fail(&local, KP_ENOTFOUND, "the machine does not have this signal");
    else
        kp_opcua_parse_id(item->source, &o->spaces, &t.id, &local);
    struct opcua_reader reader = { .o = o, .arg = &t, .fill = fill, .take = take, .n = 3 };
    if (!local.code && !kp_opcua_read_all(&reader, &local)) {
        if (!t.type)
            kp_fail(&local, KP_EINVALID, "the machine does not say what type the node has");
        else if (!kp_opcua_variant(&sample->value, t.type, t.array, &value, &local))
            send(o, &t, &value, &local);
    }
    kp_opcua_reader_free(&reader);
    UA_Variant_clear(&value);
    UA_NodeId_clear(&t.id);
    return local.code ? kp_fail(err, local.code, "%s", local.text) : KP_OK;
}
