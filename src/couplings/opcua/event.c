/* SPDX-License-Identifier: Apache-2.0 */
/* What one event says, by the fields that were asked of it (Part 5, 6.4; Part 9, 5.5). */
#include "couplings/opcua/opcua_private.h"

#include <stdio.h>

#include "core/ban.h"

const struct opcua_event_place kp_opcua_event_fields[OPCUA_EVENT_FIELDS] = {
    [OPCUA_EVENT_TYPE] = { UA_NS0ID_BASEEVENTTYPE, { "EventType" } },
    [OPCUA_EVENT_SOURCE_NODE] = { UA_NS0ID_BASEEVENTTYPE, { "SourceNode" } },
    [OPCUA_EVENT_SOURCE_NAME] = { UA_NS0ID_BASEEVENTTYPE, { "SourceName" } },
    [OPCUA_EVENT_TIME] = { UA_NS0ID_BASEEVENTTYPE, { "Time" } },
    [OPCUA_EVENT_MESSAGE] = { UA_NS0ID_BASEEVENTTYPE, { "Message" } },
    [OPCUA_EVENT_SEVERITY] = { UA_NS0ID_BASEEVENTTYPE, { "Severity" } },
    [OPCUA_EVENT_CONDITION_ID] = { UA_NS0ID_CONDITIONTYPE,
                                   { NULL } }, /* its NodeId (Part 9, 5.5.2) */
    [OPCUA_EVENT_CONDITION_NAME] = { UA_NS0ID_CONDITIONTYPE, { "ConditionName" } },
    [OPCUA_EVENT_BRANCH_ID] = { UA_NS0ID_CONDITIONTYPE, { "BranchId" } },
    [OPCUA_EVENT_RETAIN] = { UA_NS0ID_CONDITIONTYPE, { "Retain" } },
    [OPCUA_EVENT_ACTIVE] = { UA_NS0ID_ALARMCONDITIONTYPE, { "ActiveState", "Id" } },
    [OPCUA_EVENT_ACKED] = { UA_NS0ID_ACKNOWLEDGEABLECONDITIONTYPE, { "AckedState", "Id" } },
};

static const void *scalar(const UA_Variant *v, unsigned type)
{
    return UA_Variant_hasScalarType(v, &UA_TYPES[type]) ? v->data : NULL;
}

static bool truth(const UA_Variant *v, bool *out)
{
    const UA_Boolean *b = scalar(v, UA_TYPES_BOOLEAN);
    *out = b && *b;
    return b;
}

static void text_of(const UA_Variant *v, char *out, size_t size)
{
    const UA_LocalizedText *local = scalar(v, UA_TYPES_LOCALIZEDTEXT);
    const UA_String *s = local ? &local->text : scalar(v, UA_TYPES_STRING);
    kp_utf8_clean(out, size, s && s->length ? (const char *)s->data : "", s ? s->length : 0);
}

/* The standard's own events tell of the server (audits, changes of the model); of them only those
 * that say something of a machine or system are taken (Part 5, 6.4). */
static bool of_machine(const UA_NodeId *type)
{
    if (!type || type->namespaceIndex || type->identifierType != UA_NODEIDTYPE_NUMERIC)
        return true;
    switch (type->identifier.numeric) {
    case UA_NS0ID_BASEEVENTTYPE:
    case UA_NS0ID_SYSTEMEVENTTYPE:
    case UA_NS0ID_DEVICEFAILUREEVENTTYPE:
        return true;
    default:
        return false;
    }
}

static bool refreshing_event(const UA_NodeId *type, enum opcua_event_kind *kind)
{
    if (!type || type->namespaceIndex || type->identifierType != UA_NODEIDTYPE_NUMERIC)
        return false;
    switch (type->identifier.numeric) {
    case UA_NS0ID_REFRESHSTARTEVENTTYPE:
        *kind = OPCUA_REFRESH_START;
        return true;
    case UA_NS0ID_REFRESHENDEVENTTYPE:
        *kind = OPCUA_REFRESH_END;
        return true;
    case UA_NS0ID_REFRESHREQUIREDEVENTTYPE:
    case UA_NS0ID_EVENTQUEUEOVERFLOWEVENTTYPE:
        *kind = OPCUA_REFRESH_NEEDED;
        return true;
    default:
        return false;
    }
}

/* What tells conditions apart: the node id of the condition or, from servers that do not say it, of
 * its source with the condition's name. */
static void key_of(const struct opcua_spaces *spaces, const UA_Variant *v, struct opcua_event *e)
{
    const UA_NodeId *condition = scalar(&v[OPCUA_EVENT_CONDITION_ID], UA_TYPES_NODEID);
    struct kp_buf text;
    kp_buf_init(&text, 2 * OPCUA_ID_MAX);
    bool own = condition && !UA_NodeId_isNull(condition) &&
               kp_opcua_print_id(condition, spaces, &text);
    if (!own && !kp_opcua_print_id(&e->source, spaces, &text))
        kp_buf_str(&text, e->source_name);
    snprintf(e->key, sizeof e->key, own ? "%s" : "%s %s", kp_buf_text(&text), e->name);
    kp_utf8_trim(e->key);
    kp_buf_free(&text);
}

static void read_condition(const struct opcua_spaces *spaces, const UA_Variant *v,
                           struct opcua_event *e)
{
    bool active, retain;
    bool has_active = truth(&v[OPCUA_EVENT_ACTIVE], &active),
         has_retain = truth(&v[OPCUA_EVENT_RETAIN], &retain);
    text_of(&v[OPCUA_EVENT_CONDITION_NAME], e->name, sizeof e->name);
    if (!has_active && !has_retain && !e->name[0])
        return;
    e->kind = OPCUA_CONDITION;
    e->lasts = (!has_active || active) && (!has_retain || retain) && (has_active || has_retain);
    e->acked_known = truth(&v[OPCUA_EVENT_ACKED], &e->acked);
    key_of(spaces, v, e);
}

enum kp_code kp_opcua_event_read(const struct opcua_spaces *spaces, const UA_Variant *v, size_t n,
                                 struct opcua_event *e)
{
    *e = (struct opcua_event){ .kind = OPCUA_PLAIN };
    if (n != OPCUA_EVENT_FIELDS && n != OPCUA_EVENT_BASE_FIELDS)
        return KP_EPEER;
    const UA_NodeId *type = scalar(&v[OPCUA_EVENT_TYPE], UA_TYPES_NODEID),
                    *source = scalar(&v[OPCUA_EVENT_SOURCE_NODE], UA_TYPES_NODEID), *branch = NULL;
    const UA_UInt16 *severity = scalar(&v[OPCUA_EVENT_SEVERITY], UA_TYPES_UINT16);
    const UA_DateTime *at = scalar(&v[OPCUA_EVENT_TIME], UA_TYPES_DATETIME);
    if (refreshing_event(type, &e->kind))
        return KP_OK;
    if (!at || !kp_opcua_time(*at, &e->at))
        e->at = KP_NO_TIME;
    e->severity = severity ? *severity : 0;
    e->of_machine = of_machine(type);
    text_of(&v[OPCUA_EVENT_SOURCE_NAME], e->source_name, sizeof e->source_name);
    text_of(&v[OPCUA_EVENT_MESSAGE], e->text, sizeof e->text);
    if (source && UA_NodeId_copy(source, &e->source) != UA_STATUSCODE_GOOD)
        return KP_ENOMEM;
    if (n == OPCUA_EVENT_FIELDS) {
        branch = scalar(&v[OPCUA_EVENT_BRANCH_ID], UA_TYPES_NODEID);
        e->earlier = branch && !UA_NodeId_isNull(branch);
        read_condition(spaces, v, e);
    }
    return KP_OK;
}
