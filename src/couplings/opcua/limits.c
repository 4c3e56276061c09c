/* SPDX-License-Identifier: Apache-2.0 */
/* What a server says it bears in one call, held against what its kind is known to bear: some say
 * more than they do (a S7-1200 reports 1000 items a call and takes 50 times as long above 200). */
#include "couplings/opcua/opcua_private.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/ban.h"

static const struct kind {
    const char *product; /* part of BuildInfo's product name; "" ends the table */
    uint32_t browse, read, monitor, history, calls, items, rate;
} kinds[] = {
    { "S7-1200", 50, 100, 100, 10, 1, 1000, 1000 },
    { "S7-1500", 100, 250, 500, 10, 2, 10000, 0 },
    { "828D", 50, 100, 100, 10, 1, 500, 500 },
    { "SINUMERIK", 50, 100, 100, 10, 1, 1000, 1000 },
    { "KEPServer", 500, 1000, 1000, 50, 5, 50000, 0 },
    { "open62541", 200, 1000, 500, 20, 3, 50000, 0 },
    { "", 100, 500, 100, 10, 2, 20000, 0 },
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
    const struct kind *k = kinds;
    while (k->product[0] && !contains(product, k->product))
        k++;
    *limits = (struct opcua_limits){ .browse = k->browse,
                                     .read = k->read,
                                     .monitor = k->monitor,
                                     .history = k->history,
                                     .calls = k->calls,
                                     .items = k->items,
                                     .rate = k->rate };
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
    if ((i == PRODUCT || i == SOFTWARE) &&
        UA_Variant_hasScalarType(&v->value, &UA_TYPES[UA_TYPES_STRING])) {
        const UA_String *s = v->value.data;
        kp_utf8_clean(i == PRODUCT ? a->product : a->software, KP_NAME_MAX, (const char *)s->data,
                      s->length);
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
        snprintf(l->software, sizeof l->software, "%s%s%s", a->product, a->product[0] ? " " : "",
                 a->software);
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
