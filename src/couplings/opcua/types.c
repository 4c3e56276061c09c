/* SPDX-License-Identifier: Apache-2.0 */
/* The data types a server defines itself: what they are in koppel's terms, the texts of their
 * enumerations, and how its structures are encoded. */
#include "couplings/opcua/opcua_private.h"

#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

enum { TYPES_MAX = 4096, ROUNDS_MAX = 32 };

/* ---- the types of variables ---- */
/* The abstract types of the standard that a variable may have, and what comes in practice. */
static bool known_type(struct opcua_data_type *t)
{
    static const struct {
        UA_UInt32 id;
        uint8_t type;
    } abstract[] = {
        { UA_NS0ID_NUMBER, KP_DOUBLE },       { UA_NS0ID_INTEGER, KP_INT64 },
        { UA_NS0ID_UINTEGER, KP_UINT64 },     { UA_NS0ID_ENUMERATION, KP_INT64 },
        { UA_NS0ID_BASEDATATYPE, KP_STRING },
    };
    for (size_t i = 0; i < sizeof abstract / sizeof abstract[0]; i++)
        if (t->id.namespaceIndex == 0 && t->id.identifierType == UA_NODEIDTYPE_NUMERIC &&
            t->id.identifier.numeric == abstract[i].id) {
            t->type = abstract[i].type;
            return true;
        }
    const UA_DataType *type = UA_findDataType(&t->id);
    if (!type)
        return false;
    t->type = kp_opcua_type(type->typeKind);
    return true;
}

static void take_definition(struct opcua_browse *b, struct opcua_data_type *t,
                            const UA_DataValue *dv)
{
    if (!dv->hasValue)
        return;
    if (UA_Variant_hasScalarType(&dv->value, &UA_TYPES[UA_TYPES_ENUMDEFINITION])) {
        t->type = KP_INT64;
        t->enums = kp_opcua_enum_definition(b, dv->value.data);
    } else if (UA_Variant_hasScalarType(&dv->value, &UA_TYPES[UA_TYPES_STRUCTUREDEFINITION])) {
        t->type = KP_STRING;
        t->structure = true;
    }
}

/* The type above, for one the server gives no definition of. */
static enum kp_code find_parent(struct opcua *o, struct opcua_data_type *t, struct kp_err *err)
{
    UA_BrowseDescription ask = {
        .nodeId = UA_NodeId_isNull(&t->parent) ? t->id : t->parent,
        .browseDirection = UA_BROWSEDIRECTION_INVERSE,
        .referenceTypeId = UA_NODEID_NUMERIC(0, UA_NS0ID_HASSUBTYPE),
    };
    UA_BrowseRequest request = { .nodesToBrowseSize = 1, .nodesToBrowse = &ask };
    UA_BrowseResponse answer;
    if (kp_opcua_call(o, &request, &UA_TYPES[UA_TYPES_BROWSEREQUEST], &answer,
                      &UA_TYPES[UA_TYPES_BROWSERESPONSE], err))
        return err->code;
    struct opcua_data_type above = { 0 };
    if (answer.resultsSize == 1 && answer.results[0].referencesSize == 1 &&
        UA_NodeId_copy(&answer.results[0].references[0].nodeId.nodeId, &above.id) ==
            UA_STATUSCODE_GOOD) {
        UA_NodeId_clear(&t->parent);
        t->parent = above.id;
        if (known_type(&above))
            t->type = above.type;
    } else {
        t->type = KP_STRING; /* nothing above: whatever comes is shown as text */
    }
    UA_BrowseResponse_clear(&answer);
    return KP_OK;
}

struct one {
    const UA_NodeId *id;
    UA_UInt32 attribute;
    UA_DataValue value;
};

static void fill_one(void *arg, size_t i, UA_ReadValueId *id)
{
    const struct one *list = arg;
    id->nodeId = *list[i].id;
    id->attributeId = list[i].attribute;
}

static void take_one(void *arg, size_t i, UA_DataValue *v)
{
    struct one *list = arg;
    list[i].value = *v;
    UA_DataValue_init(v);
}

static enum kp_code read_one(struct opcua *o, const UA_NodeId *id, UA_UInt32 attribute,
                             UA_DataValue *out, struct kp_err *err)
{
    struct one one = { .id = id, .attribute = attribute };
    struct opcua_reader reader = {
        .o = o, .arg = &one, .fill = fill_one, .take = take_one, .n = 1
    };
    kp_opcua_read_all(&reader, err);
    kp_opcua_reader_free(&reader);
    if (err->code)
        UA_DataValue_clear(&one.value);
    else
        *out = one.value;
    return err->code;
}

enum kp_code kp_opcua_types_turn(struct opcua_browse *b, bool *done, struct kp_err *err)
{
    *done = b->types_asked == b->n_types;
    if (*done)
        return KP_OK;
    struct opcua_data_type *t = &b->types[b->types_asked++];
    if (known_type(t))
        return KP_OK;
    UA_DataValue definition;
    if (read_one(b->o, &t->id, UA_ATTRIBUTEID_DATATYPEDEFINITION, &definition, err))
        return err->code;
    take_definition(b, t, &definition);
    UA_DataValue_clear(&definition);
    for (int round = 0; t->type == KP_NULL && round < ROUNDS_MAX && !err->code; round++)
        find_parent(b->o, t, err);
    if (t->type == KP_NULL)
        t->type = KP_STRING;
    return err->code ? err->code : b->failed ? kp_fail(err, b->failed, "out of memory") : KP_OK;
}

/* ---- the server's own structures, and the enumerations in them ---- */
struct structures {
    UA_NodeId *ids;
    size_t n, capacity;
};

static bool add_structure(struct structures *s, UA_NodeId *id)
{
    for (size_t i = 0; i < s->n; i++)
        if (UA_NodeId_equal(&s->ids[i], id))
            return true;
    if (!kp_grow(&s->ids, &s->capacity, s->n + 1, sizeof *s->ids))
        return false;
    s->ids[s->n++] = *id;
    UA_NodeId_init(id);
    return true;
}

/* The types directly below some types. */
static enum kp_code subtypes(struct opcua *o, const UA_NodeId *ids, size_t n,
                             struct structures *out, struct kp_err *err)
{
    UA_BrowseRequest request = { .nodesToBrowseSize = n };
    UA_BrowseResponse answer;
    request.nodesToBrowse = kp_alloc(n * sizeof *request.nodesToBrowse);
    if (!request.nodesToBrowse)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    for (size_t i = 0; i < n; i++)
        request.nodesToBrowse[i] = (UA_BrowseDescription){
            .nodeId = ids[i],
            .referenceTypeId = UA_NODEID_NUMERIC(0, UA_NS0ID_HASSUBTYPE),
        };
    kp_opcua_call(o, &request, &UA_TYPES[UA_TYPES_BROWSEREQUEST], &answer,
                  &UA_TYPES[UA_TYPES_BROWSERESPONSE], err);
    kp_free(request.nodesToBrowse);
    if (err->code)
        return err->code;
    for (size_t i = 0; i < answer.resultsSize; i++)
        for (size_t k = 0; k < answer.results[i].referencesSize && out->n < TYPES_MAX; k++)
            if (!add_structure(out, &answer.results[i].references[k].nodeId.nodeId))
                kp_fail(err, KP_ENOMEM, "out of memory");
    UA_BrowseResponse_clear(&answer);
    return err->code;
}

static enum kp_code all_structures(struct opcua *o, struct structures *s, struct kp_err *err)
{
    const UA_NodeId tops[] = { UA_NODEID_NUMERIC(0, UA_NS0ID_STRUCTURE),
                               UA_NODEID_NUMERIC(0, UA_NS0ID_ENUMERATION) };
    if (subtypes(o, tops, 2, s, err))
        return err->code;
    for (size_t from = 0; from < s->n && !err->code;) {
        size_t n = s->n - from < o->limits.browse ? s->n - from : o->limits.browse;
        /* the list may move while it grows */
        UA_NodeId *ask = kp_alloc(n * sizeof *ask);
        if (!ask)
            return kp_fail(err, KP_ENOMEM, "out of memory");
        memcpy(ask, s->ids + from, n * sizeof *ask);
        subtypes(o, ask, n, s, err);
        kp_free(ask);
        from += n;
    }
    return err->code;
}

/* Servers give the length an array field had when they were built; the library then refuses the
 * type, though a length says no more than "usually" (Part 3, 8.51). */
static void forget_lengths(UA_StructureDefinition *d)
{
    for (size_t i = 0; i < d->fieldsSize; i++)
        if (d->fields[i].arrayDimensionsSize == 1)
            d->fields[i].arrayDimensions[0] = 0;
}

static UA_StatusCode make_type(struct one *definition, const UA_QualifiedName *name,
                               const UA_DataTypeArray *known, UA_DataType *type)
{
    UA_ExtensionObject x;
    const UA_Variant *v = &definition->value.value;
    if (UA_Variant_hasScalarType(v, &UA_TYPES[UA_TYPES_STRUCTUREDEFINITION])) {
        UA_StructureDescription d = { .dataTypeId = *definition->id, .name = *name };
        forget_lengths(v->data);
        d.structureDefinition = *(UA_StructureDefinition *)v->data;
        UA_ExtensionObject_setValueNoDelete(&x, &d, &UA_TYPES[UA_TYPES_STRUCTUREDESCRIPTION]);
        return UA_DataType_fromDescription(type, &x, known);
    }
    if (UA_Variant_hasScalarType(v, &UA_TYPES[UA_TYPES_ENUMDEFINITION])) {
        UA_EnumDescription d = { .dataTypeId = *definition->id,
                                 .name = *name,
                                 .enumDefinition = *(UA_EnumDefinition *)v->data,
                                 .builtInType = UA_DATATYPEKIND_INT32 + 1 };
        UA_ExtensionObject_setValueNoDelete(&x, &d, &UA_TYPES[UA_TYPES_ENUMDESCRIPTION]);
        return UA_DataType_fromDescription(type, &x, known);
    }
    return UA_STATUSCODE_BADNOTSUPPORTED;
}

/* Fields of a structure may be structures: go round until no more can be made. */
static size_t make_types(struct opcua *o, struct one *list, size_t n, UA_DataTypeArray *types)
{
    size_t before;
    do {
        before = types->typesSize;
        for (size_t i = 0; i < n; i++) {
            const UA_Variant *name = &list[2 * i + 1].value.value;
            UA_DataTypeArray known = *types;
            known.next = UA_Client_getConfig(o->client)->customDataTypes;
            if (UA_Variant_hasScalarType(name, &UA_TYPES[UA_TYPES_QUALIFIEDNAME]) &&
                !UA_findDataTypeWithCustom(list[2 * i].id, &known) &&
                make_type(&list[2 * i], name->data, &known, &types->types[types->typesSize]) ==
                    UA_STATUSCODE_GOOD)
                types->typesSize++;
        }
    } while (types->typesSize > before);
    return types->typesSize;
}

static enum kp_code read_definitions(struct opcua *o, const struct structures *s, struct one *list,
                                     struct kp_err *err)
{
    for (size_t i = 0; i < s->n; i++) {
        list[2 * i] =
            (struct one){ .id = &s->ids[i], .attribute = UA_ATTRIBUTEID_DATATYPEDEFINITION };
        list[2 * i + 1] = (struct one){ .id = &s->ids[i], .attribute = UA_ATTRIBUTEID_BROWSENAME };
    }
    struct opcua_reader reader = {
        .o = o, .arg = list, .fill = fill_one, .take = take_one, .n = 2 * s->n
    };
    kp_opcua_read_all(&reader, err);
    kp_opcua_reader_free(&reader);
    return err->code;
}

static enum kp_code teach(struct opcua *o, const struct structures *s, struct kp_err *err)
{
    struct one *list = kp_alloc(2 * s->n * sizeof *list);
    UA_DataTypeArray *types = calloc(1, sizeof *types); /* the library frees both with free() */
    if (types)
        types->types = calloc(s->n, sizeof *types->types);
    if (!list || !types || !types->types) {
        kp_fail(err, KP_ENOMEM, "out of memory");
    } else if (!read_definitions(o, s, list, err) && make_types(o, list, s->n, types)) {
        UA_ClientConfig *cc = UA_Client_getConfig(o->client);
        types->cleanup = true;
        types->next = cc->customDataTypes;
        cc->customDataTypes = types;
        types = NULL;
    }
    for (size_t i = 0; list && i < 2 * s->n; i++)
        UA_DataValue_clear(&list[i].value);
    kp_free(list);
    if (types)
        free(types->types);
    free(types);
    return err->code;
}

enum kp_code kp_opcua_load_structures(struct opcua *o, struct kp_err *err)
{
    struct structures all = { 0 };
    if (!all_structures(o, &all, err)) {
        size_t own = 0; /* keep those the library does not know */
        for (size_t i = 0; i < all.n; i++) {
            if (UA_findDataType(&all.ids[i]))
                UA_NodeId_clear(&all.ids[i]);
            else
                all.ids[own++] = all.ids[i];
        }
        all.n = own;
        if (own)
            teach(o, &all, err);
    }
    for (size_t i = 0; i < all.n; i++)
        UA_NodeId_clear(&all.ids[i]);
    kp_free(all.ids);
    return err->code;
}
