/* SPDX-License-Identifier: Apache-2.0 */
/* What a server says it bears in one call, held against what its kind is known to bear: some say
 * more than they do (a S7-1200 reports 1000 items a call and takes 50 times as long above 200). */
#include "couplings/opcua/opcua_private.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/ban.h"

static const struct {
    const char *product; /* part of BuildInfo's product name; "" ends the table */
    struct opcua_limits limits;
} kinds[] = {
    { "S7-1200", { .browse = 50, .read = 100, .monitor = 100, .history = 10, .calls = 1, .items = 1000, .rate = 1000 } },
    { "S7-1500", { .browse = 100, .read = 250, .monitor = 500, .history = 10, .calls = 2, .items = 10000 } },
    { "828D", { .browse = 50, .read = 100, .monitor = 100, .history = 10, .calls = 1, .items = 500, .rate = 500 } },
    { "SINUMERIK", { .browse = 50, .read = 100, .monitor = 100, .history = 10, .calls = 1, .items = 1000, .rate = 1000 } },
    { "KEPServer", { .browse = 500, .read = 1000, .monitor = 1000, .history = 50, .calls = 5, .items = 50000 } },
    { "open62541", { .browse = 200, .read = 1000, .monitor = 500, .history = 20, .calls = 3, .items = 50000 } },
    { "", { .browse = 100, .read = 500, .monitor = 100, .history = 10, .calls = 2, .items = 20000 } },
};

static bool contains(const char *text, const char *part)
{
    size_t n = strlen(part);
    for (; strlen(text) >= n; text++)
        if (strncasecmp(text, part, n) == 0)
            return true;
    return false;
}

void kp_opcua_limits_of(const char *product, struct opcua_limits *limits)
{
    size_t i = 0;
    while (kinds[i].product[0] && !contains(product, kinds[i].product))
        i++;
    *limits = kinds[i].limits;
}

/* ---- reading them ---- */
enum { READ, BROWSE, MONITOR, HISTORY, ITEMS, PRODUCT, SOFTWARE, ASKED };
static const UA_UInt32 asked[ASKED] = {
    [READ] = UA_NS0ID_SERVER_SERVERCAPABILITIES_OPERATIONLIMITS_MAXNODESPERREAD,
    [BROWSE] = UA_NS0ID_SERVER_SERVERCAPABILITIES_OPERATIONLIMITS_MAXNODESPERBROWSE,
    [MONITOR] = UA_NS0ID_SERVER_SERVERCAPABILITIES_OPERATIONLIMITS_MAXMONITOREDITEMSPERCALL,
    [HISTORY] = UA_NS0ID_SERVER_SERVERCAPABILITIES_OPERATIONLIMITS_MAXNODESPERHISTORYREADDATA,
    [ITEMS] = UA_NS0ID_SERVER_SERVERCAPABILITIES_MAXMONITOREDITEMS,
    [PRODUCT] = UA_NS0ID_SERVER_SERVERSTATUS_BUILDINFO_PRODUCTNAME,
    [SOFTWARE] = UA_NS0ID_SERVER_SERVERSTATUS_BUILDINFO_SOFTWAREVERSION,
};

struct answers {
    UA_UInt32 number[ASKED];
    char product[KP_NAME_MAX], software[KP_NAME_MAX];
};

static void fill(void *arg, size_t i, UA_ReadValueId *id)
{
    (void)arg;
    id->nodeId = UA_NODEID_NUMERIC(0, asked[i]);
    id->attributeId = UA_ATTRIBUTEID_VALUE;
}

static void take(void *arg, size_t i, UA_DataValue *v)
{
    struct answers *a = arg;
    if (!v->hasValue)
        return;
    if (UA_Variant_hasScalarType(&v->value, &UA_TYPES[UA_TYPES_UINT32]))
        a->number[i] = *(UA_UInt32 *)v->value.data;
    if ((i == PRODUCT || i == SOFTWARE) && UA_Variant_hasScalarType(&v->value, &UA_TYPES[UA_TYPES_STRING])) {
        const UA_String *s = v->value.data;
        kp_utf8_clean(i == PRODUCT ? a->product : a->software, KP_NAME_MAX, (const char *)s->data, s->length);
    }
}

static void lower(uint32_t *limit, UA_UInt32 told)
{
    if (told && told < *limit)
        *limit = told;
}

enum kp_code kp_opcua_learn_limits(struct opcua *o, struct kp_err *err)
{
    struct answers *a = kp_alloc(sizeof *a);
    if (!a)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    o->limits = (struct opcua_limits){ .read = ASKED, .calls = 1 };
    struct opcua_reader reader = { .o = o, .arg = a, .fill = fill, .take = take, .n = ASKED };
    if (!kp_opcua_read_all(&reader, err)) {
        struct opcua_limits *l = &o->limits;
        kp_opcua_limits_of(a->product, l);
        snprintf(l->software, sizeof l->software, "%s%s%s", a->product, a->product[0] ? " " : "", a->software);
        kp_utf8_trim(l->software);
        lower(&l->read, a->number[READ]);
        lower(&l->browse, a->number[BROWSE]);
        lower(&l->monitor, a->number[MONITOR]);
        lower(&l->history, a->number[HISTORY]);
        lower(&l->items, a->number[ITEMS]);
        if (o->set->items_max)
            l->items = (uint32_t)o->set->items_max;
        if (o->set->rate_max)
            l->rate = (uint32_t)o->set->rate_max;
    }
    kp_opcua_reader_free(&reader);
    kp_free(a);
    return err->code;
}
