/* SPDX-License-Identifier: Apache-2.0 */
/* A look at everything below Objects, breadth first, with a few requests under way at once. Servers
 * hold back long answers (continuation points) and have few places to do so: these are followed
 * first, and a node that found no place is asked again alone. */
#include "couplings/opcua/opcua_private.h"

#include <string.h>

#include "core/ban.h"

enum {
    REFERENCES_MAX = 5000, /* in one answer */
    TRIM = 5000,           /* a look at more nodes has taken megabytes, which are given back */
};

/* One request under way: the nodes it asks about. */
struct walk {
    struct opcua_browse *b;
    size_t n;
    uint32_t nodes[];
};

/* ---- what a reference leads to ---- */
static const char *const meta_names[] = {
    /* properties that describe their variable */
    "EURange",
    "EngineeringUnits",
    "EnumStrings",
    "EnumValues",
    "InstrumentRange",
    "ValuePrecision",
    "Definition",
    "EnumDictionaryEntries",
    "TrueState",
    "FalseState",
    "ValueAsText",
    "AxisScaleType",
    "XAxisDefinition",
    "YAxisDefinition",
    "ZAxisDefinition",
    "Title",
    "NodeVersion",
    "NamingRule",
    "InputArguments",
    "OutputArguments",
    "LocalTime",
    "MaxStringLength",
    "MaxArrayLength",
    "ConversionLimit",
    "AllowNulls",
    "ViewVersion",
    "Icon",
    "DefaultInstanceBrowseName",
};

static bool named(const UA_String *name, const char *text)
{
    return name->length == strlen(text) && memcmp(name->data, text, name->length) == 0;
}

static uint8_t flags_of(const struct opcua_tree *t, uint32_t parent,
                        const UA_ReferenceDescription *r)
{
    static const char *const containers[] = { "Machines", "DeviceSet" };
    const UA_String *name = &r->browseName.name;
    const UA_NodeId has_property = UA_NODEID_NUMERIC(0, UA_NS0ID_HASPROPERTY),
                    property_type = UA_NODEID_NUMERIC(0, UA_NS0ID_PROPERTYTYPE);
    uint8_t flags = 0;
    if (r->nodeClass == UA_NODECLASS_OBJECT) {
        for (size_t i = 0; i < 2 && parent == 0; i++)
            if (named(name, containers[i]))
                flags |= OPCUA_HIDDEN;
        if (named(name, "Identification"))
            flags |= OPCUA_IDENTITY;
        return flags;
    }
    bool of_identification = t->list[parent].flags & OPCUA_IDENTITY;
    if (UA_NodeId_equal(&r->referenceTypeId, &has_property) ||
        UA_NodeId_equal(&r->typeDefinition.nodeId, &property_type))
        flags |= OPCUA_PROPERTY | OPCUA_LEAF; /* a property has nothing below it (Part 3, 4.5.2) */
    if (flags & OPCUA_PROPERTY && t->list[parent].class == OPCUA_OBJECT &&
        name->length < KP_NAME_MAX) {
        char text[KP_NAME_MAX];
        kp_utf8_clean(text, sizeof text, (const char *)name->data, name->length);
        of_identification |= kp_opcua_nameplate_field(text) != OPCUA_NONE;
    }
    if (of_identification)
        flags |= OPCUA_IDENTITY;
    for (size_t i = 0; i < sizeof meta_names / sizeof meta_names[0] && flags & OPCUA_PROPERTY; i++)
        if (named(name, meta_names[i]))
            flags |= OPCUA_META;
    return flags;
}

/* The standard's own objects beside the machines: Server, Aliases, Locations ... Some servers
 * number their own nodes in the standard's namespace too, but do not name them there. */
static bool of_standard(uint32_t parent, const UA_ReferenceDescription *r)
{
    return parent == 0 && r->nodeId.nodeId.namespaceIndex == 0 && r->browseName.namespaceIndex == 0;
}

static void take_reference(struct opcua_browse *b, uint32_t parent, UA_ReferenceDescription *r)
{
    long index;
    if (r->nodeId.serverIndex || r->nodeId.namespaceUri.length || of_standard(parent, r))
        return; /* or of another server */
    if (r->nodeClass != UA_NODECLASS_OBJECT && r->nodeClass != UA_NODECLASS_VARIABLE)
        return;
    if (b->tree.n >= OPCUA_NODES_MAX || b->tree.list[parent].depth >= OPCUA_DEPTH_MAX) {
        b->cut = true;
        return;
    }
    uint8_t flags = flags_of(&b->tree, parent, r);
    uint8_t class = r->nodeClass == UA_NODECLASS_OBJECT ? OPCUA_OBJECT : OPCUA_VARIABLE;
    const UA_String *name = r->browseName.name.length ? &r->browseName.name : &r->displayName.text;
    if (!kp_tree_add(&b->tree, &r->nodeId.nodeId, parent, (const char *)name->data, name->length,
                     class, flags, &index))
        b->failed = KP_ENOMEM;
}

/* ---- answers ---- */
static void ask_alone(struct opcua_browse *b, uint32_t node)
{
    if (!kp_grow(&b->again, &b->again_capacity, b->n_again + 1, sizeof *b->again))
        b->failed = KP_ENOMEM;
    else
        b->again[b->n_again++] = node;
}

static void take_result(struct opcua_browse *b, const struct walk *w, size_t i,
                        UA_BrowseResult *result)
{
    if (result->statusCode == UA_STATUSCODE_BADNOCONTINUATIONPOINTS && w->n > 1) {
        ask_alone(b, w->nodes[i]);
        return;
    }
    b->refused += result->statusCode != UA_STATUSCODE_GOOD;
    for (size_t k = 0; k < result->referencesSize; k++)
        take_reference(b, w->nodes[i], &result->references[k]);
    if (result->continuationPoint.length == 0)
        return;
    if (!kp_grow(&b->points, &b->points_capacity, b->n_points + 1, sizeof *b->points)) {
        b->failed = KP_ENOMEM;
        return;
    }
    b->points[b->n_points++] = (struct opcua_point){ w->nodes[i], result->continuationPoint };
    UA_ByteString_init(&result->continuationPoint);
}

static void take_answer(struct walk *w, UA_StatusCode status, UA_BrowseResult *results, size_t n)
{
    struct opcua_browse *b = w->b;
    b->outstanding--;
    if (status == UA_STATUSCODE_GOOD && n == w->n) {
        for (size_t i = 0; i < n; i++)
            take_result(b, w, i, &results[i]);
    } else if (kp_opcua_too_much(status) && w->n > 1) {
        b->batch = b->batch > 1 ? b->batch / 2 : 1;
        for (size_t i = 0; i < w->n; i++)
            ask_alone(b, w->nodes[i]);
    } else {
        b->refused += (uint32_t)w->n;
    }
    kp_free(w);
}

static void browse_answered(UA_Client *client, void *arg, UA_UInt32 id, void *response)
{
    UA_BrowseResponse *r = response;
    (void)client;
    (void)id;
    take_answer(arg, r->responseHeader.serviceResult, r->results, r->resultsSize);
}

static void next_answered(UA_Client *client, void *arg, UA_UInt32 id, void *response)
{
    UA_BrowseNextResponse *r = response;
    (void)client;
    (void)id;
    take_answer(arg, r->responseHeader.serviceResult, r->results, r->resultsSize);
}

/* ---- requests ---- */
static struct walk *walk_new(struct opcua_browse *b, size_t n)
{
    struct walk *w = kp_alloc(sizeof *w + n * sizeof w->nodes[0]);
    if (w) {
        w->b = b;
        w->n = n;
    }
    return w;
}

static enum kp_code sent(struct opcua_browse *b, struct walk *w, UA_StatusCode status,
                         struct kp_err *err)
{
    if (status == UA_STATUSCODE_GOOD) {
        b->outstanding++;
        return KP_OK;
    }
    kp_free(w);
    return kp_opcua_explain(b->o, status, err);
}

static enum kp_code send_browse(struct opcua_browse *b, struct walk *w, struct kp_err *err)
{
    UA_BrowseRequest request = { .requestedMaxReferencesPerNode = REFERENCES_MAX };
    request.nodesToBrowseSize = w->n;
    request.nodesToBrowse = kp_alloc(w->n * sizeof *request.nodesToBrowse);
    if (!request.nodesToBrowse) {
        kp_free(w);
        return kp_fail(err, KP_ENOMEM, "out of memory");
    }
    for (size_t i = 0; i < w->n; i++)
        request.nodesToBrowse[i] = (UA_BrowseDescription){
            .nodeId = b->tree.list[w->nodes[i]].id,
            .browseDirection = UA_BROWSEDIRECTION_FORWARD,
            .referenceTypeId = UA_NODEID_NUMERIC(0, UA_NS0ID_HIERARCHICALREFERENCES),
            .includeSubtypes = true,
            .nodeClassMask = UA_NODECLASS_OBJECT | UA_NODECLASS_VARIABLE,
            .resultMask = UA_BROWSERESULTMASK_REFERENCETYPEID | UA_BROWSERESULTMASK_NODECLASS |
                          UA_BROWSERESULTMASK_BROWSENAME | UA_BROWSERESULTMASK_TYPEDEFINITION,
        };
    UA_StatusCode status =
        __UA_Client_AsyncService(b->o->client, &request, &UA_TYPES[UA_TYPES_BROWSEREQUEST],
                                 browse_answered, &UA_TYPES[UA_TYPES_BROWSERESPONSE], w, NULL);
    kp_free(request.nodesToBrowse);
    return sent(b, w, status, err);
}

/* Goes on where answers were cut; or, with enough seen, gives the server its places back. */
static enum kp_code send_next(struct opcua_browse *b, struct kp_err *err)
{
    UA_BrowseNextRequest request = { .releaseContinuationPoints = b->tree.n >= OPCUA_NODES_MAX };
    struct walk *w = walk_new(b, b->n_points);
    request.continuationPointsSize = b->n_points;
    request.continuationPoints = kp_alloc(b->n_points * sizeof *request.continuationPoints);
    if (!w || !request.continuationPoints) {
        kp_free(w);
        kp_free(request.continuationPoints);
        return kp_fail(err, KP_ENOMEM, "out of memory");
    }
    for (size_t i = 0; i < b->n_points; i++) {
        w->nodes[i] = b->points[i].node;
        request.continuationPoints[i] = b->points[i].point;
    }
    UA_StatusCode status =
        __UA_Client_AsyncService(b->o->client, &request, &UA_TYPES[UA_TYPES_BROWSENEXTREQUEST],
                                 next_answered, &UA_TYPES[UA_TYPES_BROWSENEXTRESPONSE], w, NULL);
    for (size_t i = 0; i < b->n_points; i++)
        UA_ByteString_clear(&request.continuationPoints[i]);
    kp_free(request.continuationPoints);
    b->n_points = 0;
    return sent(b, w, status, err);
}

/* The next nodes whose children nobody asked for; NULL when there are none now. */
static enum kp_code gather(struct opcua_browse *b, struct walk **out, struct kp_err *err)
{
    *out = NULL;
    struct walk *w = walk_new(b, b->batch);
    if (!w)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    w->n = 0;
    if (b->n_again && b->outstanding == 0)
        w->nodes[w->n++] = b->again[--b->n_again];
    while (!b->n_again && w->n < b->batch && b->next < b->tree.n) {
        const struct opcua_node *node = &b->tree.list[b->next];
        if (!(node->flags & OPCUA_LEAF))
            w->nodes[w->n++] = (uint32_t)b->next;
        b->next++;
    }
    if (w->n)
        *out = w;
    else
        kp_free(w);
    return KP_OK;
}

static enum kp_code walk_turn(struct opcua_browse *b, bool *done, struct kp_err *err)
{
    struct walk *w = NULL;
    do {
        if (b->failed)
            return kp_fail(err, b->failed, "out of memory");
        if (b->n_points ? send_next(b, err) : gather(b, &w, err))
            return err->code;
        if (w && send_browse(b, w, err))
            return err->code;
    } while ((w || b->n_points) && b->outstanding < b->o->limits.calls);
    if (b->tree.n >= b->noted + 1000) {
        b->noted = b->tree.n;
        kp_coupling_note(b->o->c, "browsing: %zu,%03zu nodes", b->tree.n / 1000, b->tree.n % 1000);
    }
    *done = b->outstanding == 0 && b->n_points == 0 && b->n_again == 0 && b->next >= b->tree.n;
    return KP_OK;
}

/* ---- the whole look ---- */
static enum kp_code root(struct opcua *o, UA_NodeId *id, struct kp_err *err)
{
    *id = UA_NODEID_NUMERIC(0, UA_NS0ID_OBJECTSFOLDER);
    if (!o->set->browse_root)
        return KP_OK;
    if (kp_opcua_parse_id(o->set->browse_root, &o->spaces, id, err))
        return kp_context(err, "browse-root");
    return KP_OK;
}

enum kp_code kp_opcua_browse_start(struct opcua *o, struct kp_err *err)
{
    UA_NodeId id;
    long index = OPCUA_NONE;
    if (root(o, &id, err))
        return err->code;
    o->browse = kp_alloc(sizeof *o->browse);
    if (!o->browse ||
        !kp_tree_add(&o->browse->tree, &id, 0, "Objects", 7, OPCUA_OBJECT, OPCUA_HIDDEN, &index)) {
        UA_NodeId_clear(&id);
        return kp_fail(err, KP_ENOMEM, "out of memory");
    }
    o->browse->o = o;
    o->browse->batch = o->limits.browse;
    kp_coupling_note(o->c, "browsing");
    return KP_OK;
}

enum kp_code kp_opcua_browse_turn(struct opcua *o, bool *done, struct kp_err *err)
{
    struct opcua_browse *b = o->browse;
    bool over = false;
    *done = false;
    switch (b->phase) {
    case OPCUA_WALK:
        if (walk_turn(b, &over, err) || !over || kp_opcua_attributes_start(b, err))
            return err->code;
        break;
    case OPCUA_READ:
        if (kp_opcua_reader_turn(&b->reader, err) || !kp_opcua_reader_done(&b->reader))
            return err->code;
        if (b->failed)
            return kp_fail(err, b->failed, "out of memory");
        break;
    case OPCUA_TYPES:
        if (kp_opcua_types_turn(b, &over, err) || !over)
            return err->code;
        break;
    case OPCUA_LOOKED:
        break;
    }
    if (b->phase < OPCUA_LOOKED)
        b->phase++;
    *done = b->phase == OPCUA_LOOKED;
    return KP_OK;
}

bool kp_opcua_browse_waits(const struct opcua *o)
{
    return o->browse->outstanding || o->browse->reader.outstanding;
}

void kp_opcua_browse_free(struct opcua *o)
{
    struct opcua_browse *b = o->browse;
    if (!b)
        return;
    for (size_t i = 0; i < b->n_points; i++)
        UA_ByteString_clear(&b->points[i].point);
    for (size_t i = 0; i < b->n_types; i++) {
        UA_NodeId_clear(&b->types[i].id);
        UA_NodeId_clear(&b->types[i].parent);
    }
    kp_opcua_reader_free(&b->reader);
    kp_free(b->points);
    kp_free(b->again);
    kp_free(b->jobs);
    kp_free(b->types);
    kp_free(b->properties);
    size_t seen = b->tree.n;
    kp_tree_free(&b->tree);
    kp_free(b);
    o->browse = NULL;
    if (seen > TRIM)
        kp_mem_trim();
}
