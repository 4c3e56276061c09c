/* SPDX-License-Identifier: Apache-2.0 */
/* Where the source of an event stands, by going up from it: the path that the look gives to what is
 * there. Each source is asked for once a session. */
#include "couplings/opcua/opcua_private.h"

#include "core/text.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { SOURCES_MAX = 1000 };

struct opcua_source {
    UA_NodeId id;
    char *path;
};

/* ---- going up ---- */
struct place { /* a node on the way up */
    UA_NodeId id;
    char name[KP_NAME_MAX];
    bool object;
};

static void set_name(struct place *p, const UA_QualifiedName *name)
{
    kp_name_clean(p->name, sizeof p->name, name->name.length ? (const char *)name->name.data : "",
                  name->name.length);
}

struct asked {
    const UA_NodeId *id;
    struct place *place;
    bool known;
};

static void fill(void *arg, size_t i, UA_ReadValueId *id)
{
    const struct asked *a = arg;
    id->nodeId = *a->id;
    id->attributeId = i ? UA_ATTRIBUTEID_NODECLASS : UA_ATTRIBUTEID_BROWSENAME;
}

static void take(void *arg, size_t i, UA_DataValue *v)
{
    struct asked *a = arg;
    if (i == 0 && UA_Variant_hasScalarType(&v->value, &UA_TYPES[UA_TYPES_QUALIFIEDNAME])) {
        set_name(a->place, v->value.data);
        a->known = true;
    }
    if (i == 1 && v->hasValue && v->value.data && v->value.type->memSize == sizeof(UA_Int32))
        a->place->object = *(UA_Int32 *)v->value.data == UA_NODECLASS_OBJECT;
}

/* The source itself; *known is false when the server does not have it in its address space. */
static enum kp_code look_at(struct opcua *o, const UA_NodeId *id, struct place *p, bool *known,
                            struct kp_err *err)
{
    struct asked asked = { .id = id, .place = p };
    struct opcua_reader reader = { .o = o, .arg = &asked, .fill = fill, .take = take, .n = 2 };
    kp_opcua_read_all(&reader, err);
    kp_opcua_reader_free(&reader);
    *known = asked.known;
    return err->code;
}

/* References that say who sends events, not what is part of what. */
static bool of_events(const UA_NodeId *reference)
{
    return reference->namespaceIndex == 0 && reference->identifierType == UA_NODEIDTYPE_NUMERIC &&
           (reference->identifier.numeric == UA_NS0ID_HASEVENTSOURCE ||
            reference->identifier.numeric == UA_NS0ID_HASNOTIFIER);
}

/* Goes from *p to what it is part of; *more is false at the top. */
static enum kp_code go_up(struct opcua *o, struct place *p, bool *more, struct kp_err *err)
{
    UA_BrowseDescription from = {
        .nodeId = p->id,
        .browseDirection = UA_BROWSEDIRECTION_INVERSE,
        .referenceTypeId = UA_NODEID_NUMERIC(0, UA_NS0ID_HIERARCHICALREFERENCES),
        .includeSubtypes = true,
        .nodeClassMask = UA_NODECLASS_OBJECT | UA_NODECLASS_VARIABLE,
        .resultMask = UA_BROWSERESULTMASK_REFERENCETYPEID | UA_BROWSERESULTMASK_NODECLASS |
                      UA_BROWSERESULTMASK_BROWSENAME,
    };
    UA_BrowseRequest request = { .nodesToBrowseSize = 1, .nodesToBrowse = &from };
    UA_BrowseResponse answer;
    *more = false;
    if (kp_opcua_call(o, &request, &UA_TYPES[UA_TYPES_BROWSEREQUEST], &answer,
                      &UA_TYPES[UA_TYPES_BROWSERESPONSE], err))
        return err->code;
    for (size_t i = 0; answer.resultsSize == 1 && i < answer.results[0].referencesSize; i++) {
        UA_ReferenceDescription *r = &answer.results[0].references[i];
        if (of_events(&r->referenceTypeId) || r->nodeId.serverIndex)
            continue;
        UA_NodeId_clear(&p->id);
        p->id = r->nodeId.nodeId;
        UA_NodeId_init(&r->nodeId.nodeId);
        p->object = r->nodeClass == UA_NODECLASS_OBJECT;
        set_name(p, &r->browseName);
        *more = true;
        break;
    }
    UA_BrowseResponse_clear(&answer);
    return KP_OK;
}

static bool is_top(const struct opcua *o, const UA_NodeId *id)
{
    UA_NodeId root;
    struct kp_err why = { 0 };
    const UA_NodeId objects = UA_NODEID_NUMERIC(0, UA_NS0ID_OBJECTSFOLDER);
    if (UA_NodeId_equal(id, &objects))
        return true;
    if (!o->set->browse_root || kp_opcua_parse_id(o->set->browse_root, &o->spaces, &root, &why))
        return false;
    bool top = UA_NodeId_equal(id, &root);
    UA_NodeId_clear(&root);
    return top;
}

static void put_before(char path[KP_PATH_MAX], const char *name)
{
    size_t n = strlen(name), have = strlen(path);
    if (n + 1 + have >= KP_PATH_MAX)
        return;
    memmove(path + n + (have > 0), path, have + 1);
    memcpy(path, name, n);
    if (have)
        path[n] = '/';
}

/* The path of the object the source is or is part of; "" when it is not below what is looked at. */
static enum kp_code climb(struct opcua *o, const UA_NodeId *source, char path[KP_PATH_MAX],
                          struct kp_err *err)
{
    struct place p = { 0 };
    bool more = false, top = false;
    char last[KP_NAME_MAX] = "";
    path[0] = 0;
    if (look_at(o, source, &p, &more, err) || !more)
        return err->code;
    if (UA_NodeId_copy(source, &p.id) != UA_STATUSCODE_GOOD)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    for (int level = 0; more && !top && level <= OPCUA_DEPTH_MAX + 1; level++) {
        if (p.object)
            put_before(path, p.name);
        snprintf(last, sizeof last, "%s", p.object ? p.name : "");
        if (go_up(o, &p, &more, err))
            break;
        top = more && is_top(o, &p.id);
    }
    UA_NodeId_clear(&p.id);
    if (!top)
        path[0] = 0;
    size_t n = strlen(last); /* mere containers are not part of paths */
    if (strcmp(last, "Machines") == 0 || strcmp(last, "DeviceSet") == 0)
        memmove(path, path + n + (path[n] == '/'), strlen(path) - n - (path[n] == '/') + 1);
    return err->code;
}

/* ---- what is known ---- */
static bool of_server(const UA_NodeId *id)
{
    const UA_NodeId server = UA_NODEID_NUMERIC(0, UA_NS0ID_SERVER);
    return UA_NodeId_isNull(id) || UA_NodeId_equal(id, &server);
}

static void remember(struct opcua *o, const UA_NodeId *id, const char *path)
{
    struct opcua_source s = { .path = kp_strdup(path) };
    if (s.path && UA_NodeId_copy(id, &s.id) == UA_STATUSCODE_GOOD &&
        kp_grow(&o->sources, &o->sources_capacity, o->n_sources + 1, sizeof s)) {
        o->sources[o->n_sources++] = s;
        return;
    }
    UA_NodeId_clear(&s.id); /* it is asked for again */
    kp_free(s.path);
}

enum kp_code kp_opcua_source_path(struct opcua *o, const UA_NodeId *id, char path[KP_PATH_MAX],
                                  struct kp_err *err)
{
    path[0] = 0;
    if (of_server(id))
        return KP_OK;
    for (size_t i = 0; i < o->n_sources; i++)
        if (UA_NodeId_equal(&o->sources[i].id, id)) {
            snprintf(path, KP_PATH_MAX, "%s", o->sources[i].path);
            return KP_OK;
        }
    if (o->n_sources == SOURCES_MAX) /* a server that makes up ever more of them */
        return KP_OK;
    struct kp_err why = { 0 };
    climb(o, id, path, &why);
    if (why.code == KP_ESTOPPED || why.code == KP_ENOMEM)
        return kp_fail(err, why.code, "%s", why.text);
    remember(o, id, path); /* also what the server could not tell */
    return KP_OK;
}

void kp_opcua_sources_free(struct opcua *o)
{
    for (size_t i = 0; i < o->n_sources; i++) {
        UA_NodeId_clear(&o->sources[i].id);
        kp_free(o->sources[i].path);
    }
    kp_free(o->sources);
    o->sources = NULL;
    o->n_sources = o->sources_capacity = 0;
}
