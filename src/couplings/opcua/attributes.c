/* SPDX-License-Identifier: Apache-2.0 */
/* What the variables of a look are: data type, access, description, and the values of the
 * properties that describe them (range, unit, texts of enumerations) or their machine. */
#include "couplings/opcua/opcua_private.h"

#include "core/json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { ENUMS_MAX = 64 << 10, TEXT_MAX = 1024 };

/* ---- jobs ---- */
static bool add_job(struct opcua_browse *b, uint32_t node, uint32_t attribute)
{
    if (!kp_grow(&b->jobs, &b->jobs_capacity, b->n_jobs + 1, sizeof *b->jobs))
        return false;
    b->jobs[b->n_jobs++] = (struct opcua_job){ node, attribute };
    return true;
}

static bool add_jobs(struct opcua_browse *b, uint32_t i)
{
    static const uint32_t variable[] = { UA_ATTRIBUTEID_DATATYPE, UA_ATTRIBUTEID_VALUERANK,
                                         UA_ATTRIBUTEID_ACCESSLEVEL, UA_ATTRIBUTEID_HISTORIZING,
                                         UA_ATTRIBUTEID_DESCRIPTION };
    static const char *const read_now[] = { "EURange", "EngineeringUnits", "EnumStrings",
                                            "EnumValues" };
    const struct opcua_node *node = &b->tree.list[i];
    if (node->class != OPCUA_VARIABLE)
        return true;
    if (node->flags & OPCUA_META) {
        for (size_t k = 0; k < sizeof read_now / sizeof read_now[0]; k++)
            if (strcmp(node->name, read_now[k]) == 0)
                return add_job(b, i, UA_ATTRIBUTEID_VALUE);
        return true;
    }
    for (size_t k = 0; k < sizeof variable / sizeof variable[0]; k++)
        if (!add_job(b, i, variable[k]))
            return false;
    return !(node->flags & OPCUA_IDENTITY) || add_job(b, i, UA_ATTRIBUTEID_VALUE);
}

static void fill(void *arg, size_t i, UA_ReadValueId *id)
{
    const struct opcua_browse *b = arg;
    id->nodeId = b->tree.list[b->jobs[i].node].id;
    id->attributeId = b->jobs[i].attribute;
}

/* ---- answers ---- */
static const char *keep_text(struct opcua_browse *b, const UA_String *s)
{
    char text[TEXT_MAX];
    if (s->length == 0)
        return NULL;
    kp_utf8_clean(text, sizeof text, (const char *)s->data, s->length);
    char *kept = kp_arena_strdup(&b->tree.text, text);
    if (!kept)
        b->failed = KP_ENOMEM;
    return kept;
}

static void take_type(struct opcua_browse *b, struct opcua_node *node, const UA_Variant *v)
{
    if (!UA_Variant_hasScalarType(v, &UA_TYPES[UA_TYPES_NODEID]))
        return;
    const UA_NodeId *id = v->data;
    for (size_t i = b->n_types; i-- > 0;)
        if (UA_NodeId_equal(&b->types[i].id, id)) {
            node->type = (uint32_t)i;
            return;
        }
    struct opcua_data_type type = { 0 };
    if (!kp_grow(&b->types, &b->types_capacity, b->n_types + 1, sizeof *b->types) ||
        UA_NodeId_copy(id, &type.id) != UA_STATUSCODE_GOOD) {
        b->failed = KP_ENOMEM;
        return;
    }
    node->type = (uint32_t)b->n_types;
    b->types[b->n_types++] = type;
}

/* OPC UA codes a unit as the characters of its UN/CEFACT code in one number (Part 8, 5.6.3). */
static void take_unit(struct opcua_browse *b, struct opcua_node *variable,
                      const UA_EUInformation *unit)
{
    static const char cefact[] = "http://www.opcfoundation.org/UA/units/un/cefact";
    char code[4] = "";
    size_t n = 0;
    for (int shift = 16; shift >= 0 && unit->unitId > 0; shift -= 8) {
        char c = (char)((unit->unitId >> shift) & 0xFF);
        if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'))
            code[n++] = c;
        else if (c != 0)
            return;
    }
    if (unit->namespaceUri.length == sizeof cefact - 1 &&
        memcmp(unit->namespaceUri.data, cefact, sizeof cefact - 1) == 0)
        memcpy(variable->unit, code, sizeof code);
    variable->unit_text = keep_text(b, &unit->displayName.text);
}

/* Many servers repeat the name as the description: that says nothing. */
static void take_description(struct opcua_browse *b, struct opcua_node *node, const UA_String *text)
{
    bool name =
        text->length == strlen(node->name) && memcmp(text->data, node->name, text->length) == 0;
    node->description = name ? NULL : keep_text(b, text);
}

static const char *keep_json(struct opcua_browse *b, struct kp_buf *json)
{
    char *kept = json->failed ? NULL : kp_arena_strdup(&b->tree.text, kp_buf_text(json));
    if (!kept)
        b->failed = KP_ENOMEM;
    kp_buf_free(json);
    return kept;
}

static void enum_text(struct kp_json *j, int64_t number, const UA_String *text)
{
    char key[24];
    snprintf(key, sizeof key, "%lld", (long long)number);
    kp_json_key(j, key);
    kp_json_textn(j, (const char *)text->data, text->length);
}

const char *kp_opcua_enums(struct opcua_browse *b, const UA_Variant *v)
{
    bool strings = UA_Variant_hasArrayType(v, &UA_TYPES[UA_TYPES_LOCALIZEDTEXT]);
    if (!strings && !UA_Variant_hasArrayType(v, &UA_TYPES[UA_TYPES_ENUMVALUETYPE]))
        return NULL;
    struct kp_buf out;
    kp_buf_init(&out, ENUMS_MAX);
    struct kp_json j = kp_json(&out);
    kp_json_begin(&j, '{');
    for (size_t i = 0; i < v->arrayLength; i++) {
        const UA_LocalizedText *text = v->data;
        const UA_EnumValueType *value = v->data;
        if (strings)
            enum_text(&j, (int64_t)i, &text[i].text);
        else
            enum_text(&j, value[i].value, &value[i].displayName.text);
    }
    kp_json_end(&j, '}');
    return keep_json(b, &out);
}

const char *kp_opcua_enum_definition(struct opcua_browse *b, const UA_EnumDefinition *d)
{
    struct kp_buf out;
    kp_buf_init(&out, ENUMS_MAX);
    struct kp_json j = kp_json(&out);
    kp_json_begin(&j, '{');
    for (size_t i = 0; i < d->fieldsSize; i++)
        enum_text(&j, d->fields[i].value,
                  d->fields[i].displayName.text.length ? &d->fields[i].displayName.text
                                                       : &d->fields[i].name);
    kp_json_end(&j, '}');
    return keep_json(b, &out);
}

static void take_meta(struct opcua_browse *b, const struct opcua_node *property,
                      const UA_Variant *v)
{
    struct opcua_node *variable = &b->tree.list[property->parent];
    if (UA_Variant_hasScalarType(v, &UA_TYPES[UA_TYPES_RANGE])) {
        const UA_Range *range = v->data;
        if (isfinite(range->low) && isfinite(range->high)) {
            variable->low = range->low;
            variable->high = range->high;
        }
    } else if (UA_Variant_hasScalarType(v, &UA_TYPES[UA_TYPES_EUINFORMATION])) {
        take_unit(b, variable, v->data);
    } else if (!variable->enums) {
        variable->enums = kp_opcua_enums(b, v);
    }
}

static void take_identity(struct opcua_browse *b, uint32_t node, const UA_Variant *v)
{
    struct kp_value value;
    char text[TEXT_MAX];
    if (!kp_opcua_value(v, &b->o->room, &value) || value.type == KP_NULL)
        return;
    kp_value_print(&value, text, sizeof text);
    if (!text[0])
        return;
    char *kept = kp_arena_strdup(&b->tree.text, text);
    if (!kept || !kp_grow(&b->properties, &b->properties_capacity, b->n_properties + 1,
                          sizeof *b->properties)) {
        b->failed = KP_ENOMEM;
        return;
    }
    b->properties[b->n_properties++] = (struct opcua_property){ node, kept };
}

static void take_access(struct opcua_node *node, uint8_t level)
{
    if (level & UA_ACCESSLEVELMASK_READ)
        node->access |= KP_CAN_READ;
    if (level & UA_ACCESSLEVELMASK_WRITE)
        node->access |= KP_CAN_WRITE;
    if (level & UA_ACCESSLEVELMASK_HISTORYREAD)
        node->access |= KP_CAN_HISTORY;
}

static void take(void *arg, size_t i, UA_DataValue *dv)
{
    struct opcua_browse *b = arg;
    uint32_t at = b->jobs[i].node;
    struct opcua_node *node = &b->tree.list[at];
    const UA_Variant *v = &dv->value;
    if (!dv->hasValue)
        return;
    switch (b->jobs[i].attribute) {
    case UA_ATTRIBUTEID_DATATYPE:
        take_type(b, node, v);
        break;
    case UA_ATTRIBUTEID_VALUERANK:
        if (UA_Variant_hasScalarType(v, &UA_TYPES[UA_TYPES_INT32]) && *(UA_Int32 *)v->data >= 0)
            node->flags |= OPCUA_ARRAY;
        break;
    case UA_ATTRIBUTEID_ACCESSLEVEL:
        if (UA_Variant_hasScalarType(v, &UA_TYPES[UA_TYPES_BYTE]))
            take_access(node, *(UA_Byte *)v->data);
        break;
    case UA_ATTRIBUTEID_HISTORIZING:
        if (UA_Variant_hasScalarType(v, &UA_TYPES[UA_TYPES_BOOLEAN]) && *(UA_Boolean *)v->data)
            node->flags |= OPCUA_HISTORIC;
        break;
    case UA_ATTRIBUTEID_DESCRIPTION:
        if (UA_Variant_hasScalarType(v, &UA_TYPES[UA_TYPES_LOCALIZEDTEXT]))
            take_description(b, node, &((UA_LocalizedText *)v->data)->text);
        break;
    default:
        if (node->flags & OPCUA_META)
            take_meta(b, node, v);
        else
            take_identity(b, at, v);
        break;
    }
}

enum kp_code kp_opcua_attributes_start(struct opcua_browse *b, struct kp_err *err)
{
    for (uint32_t i = 1; i < b->tree.n; i++)
        if (!add_jobs(b, i))
            return kp_fail(err, KP_ENOMEM, "out of memory");
    b->reader =
        (struct opcua_reader){ .o = b->o, .arg = b, .fill = fill, .take = take, .n = b->n_jobs };
    kp_coupling_note(b->o->c, "reading what %zu nodes are", b->tree.n);
    return KP_OK;
}
