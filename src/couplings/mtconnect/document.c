/* SPDX-License-Identifier: Apache-2.0 */
#include "couplings/mtconnect/document.h"

#include "core/text.h"
#include "couplings/mtconnect/observe.h"

#include <expat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

enum { FIRST_ERROR_MAX = 160, UNNAMED_MAX = 2000, ENTRIES_MAX = 8 * KP_MTC_TEXT_MAX /* each byte of a text may become six */ };

struct reading {
    XML_Parser parser;
    unsigned depth;
    struct kp_err *err;
    struct kp_mtc_header *header;
    bool streams, devices, error; /* what the root says it is */
    /* an error document */
    char code[40], why[FIRST_ERROR_MAX];
    struct kp_buf text;
    /* devices */
    struct kp_mtc_devices *out;
    unsigned component[KP_MTC_DEPTH_MAX]; /* by depth: how long `place` is outside of it; UINT_MAX: it is none */
    char place[KP_PATH_MAX];
    const char **unnamed; /* places of components without a name */
    size_t n_unnamed, unnamed_room;
    /* streams */
    struct kp_arena arena; /* of one observation */
    struct kp_mtc_observation now;
    unsigned observing; /* the depth of the observation under way; 0 = none */
    bool in_condition;
    struct kp_buf entries; /* of a data set */
    struct kp_json json;
    const char *key; /* of the entry or cell under way */
    bool removed, cells;
    bool over;    /* the observation is longer than is taken */
    kp_mtc_take *take;
    void *arg;
};

static const char *local(const char *name)
{
    const char *colon = strrchr(name, ':');
    return colon ? colon + 1 : name;
}

static const char *attribute(const char **attributes, const char *name)
{
    for (; *attributes; attributes += 2)
        if (strcmp(local(attributes[0]), name) == 0)
            return attributes[1];
    return NULL;
}

static void stop(struct reading *r, enum kp_code code, const char *why)
{
    kp_fail(r->err, code, "line %lu of the document: %s", (unsigned long)XML_GetCurrentLineNumber(r->parser), why);
    XML_StopParser(r->parser, XML_FALSE);
}

static uint64_t number(const char **attributes, const char *name)
{
    const char *text = attribute(attributes, name);
    return text ? strtoull(text, NULL, 10) : 0;
}

static void take_header(struct reading *r, const char **attributes)
{
    const char *instance = attribute(attributes, "instanceId"), *changed = attribute(attributes, "deviceModelChangeTime");
    struct kp_mtc_header *h = r->header;
    snprintf(h->instance, sizeof h->instance, "%s", instance ? instance : "");
    snprintf(h->model_time, sizeof h->model_time, "%s", changed ? changed : "");
    h->next = number(attributes, "nextSequence");
    h->first = number(attributes, "firstSequence");
    h->buffer = number(attributes, "bufferSize");
}

/* ---- devices ---- */
static const char *keep(struct reading *r, const char *text)
{
    if (!text || !*text)
        return NULL;
    const char *copy = kp_arena_strdup(&r->out->arena, text);
    if (!copy)
        stop(r, KP_ENOMEM, "out of memory");
    return copy;
}

/* Those that only hold others together. */
static bool is_organizer(const char *name)
{
    static const char *const all[] = { "Components", "Axes",     "Controllers", "Systems",   "Auxiliaries", "Interfaces",
                                       "Resources",  "Parts",    "Processes",   "Materials", "Structures",  "Adapters" };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strcmp(all[i], name) == 0)
            return true;
    return false;
}

/* "Linear" says not which: of several without a name at one place all but the first have their id behind it. */
static void name_unnamed(struct reading *r, const char *element, const char *id, char out[KP_NAME_MAX])
{
    char place[KP_PATH_MAX + KP_NAME_MAX];
    bool taken = r->n_unnamed == UNNAMED_MAX;
    snprintf(place, sizeof place, "%u/%s/%s", (unsigned)r->out->n_devices, r->place, element);
    for (size_t i = 0; i < r->n_unnamed && !taken; i++)
        taken = strcmp(r->unnamed[i], place) == 0;
    snprintf(out, KP_NAME_MAX, "%.100s%s%.100s", element, taken ? "_" : "", taken ? id : "");
    if (taken)
        return;
    if (!kp_grow(&r->unnamed, &r->unnamed_room, r->n_unnamed + 1, sizeof *r->unnamed))
        stop(r, KP_ENOMEM, "out of memory");
    else if ((r->unnamed[r->n_unnamed] = keep(r, place)))
        r->n_unnamed++;
}

static void enter_component(struct reading *r, const char *element, const char **attributes)
{
    const char *name = attribute(attributes, "name");
    char clean[KP_NAME_MAX], made[KP_NAME_MAX];
    size_t n = strlen(r->place);
    if (r->depth < KP_MTC_DEPTH_MAX)
        r->component[r->depth] = (unsigned)n;
    if (!name || !*name) {
        name_unnamed(r, element, attribute(attributes, "id"), made);
        name = made;
    }
    kp_name_clean(clean, sizeof clean, name, strlen(name));
    if (n + strlen(clean) + 2 < sizeof r->place)
        snprintf(r->place + n, sizeof r->place - n, "%s%s", n ? "/" : "", clean);
}

static void take_device(struct reading *r, const char *element, const char **attributes)
{
    struct kp_mtc_devices *out = r->out;
    if (!kp_grow(&out->devices, &out->devices_room, out->n_devices + 1, sizeof *out->devices)) {
        stop(r, KP_ENOMEM, "out of memory");
        return;
    }
    out->devices[out->n_devices++] = (struct kp_mtc_device){ .name = keep(r, attribute(attributes, "name")),
                                                             .uuid = keep(r, attribute(attributes, "uuid")),
                                                             .agent = strcmp(element, "Agent") == 0 };
    r->place[0] = 0;
}

static void take_description(struct reading *r, const char **attributes)
{
    struct kp_mtc_device *d = &r->out->devices[r->out->n_devices - 1];
    if (*r->place) /* of a component */
        return;
    d->manufacturer = keep(r, attribute(attributes, "manufacturer"));
    d->model = keep(r, attribute(attributes, "model"));
    d->serial = keep(r, attribute(attributes, "serialNumber"));
    d->station = keep(r, attribute(attributes, "station"));
}

static void take_item(struct reading *r, const char **attributes)
{
    struct kp_mtc_devices *out = r->out;
    const char *category = attribute(attributes, "category"), *id = attribute(attributes, "id"), *type = attribute(attributes, "type");
    if (!id || !type || !category)
        return;
    if (out->n_items == KP_MTC_ITEMS_MAX || !kp_grow(&out->items, &out->items_room, out->n_items + 1, sizeof *out->items)) {
        stop(r, out->n_items == KP_MTC_ITEMS_MAX ? KP_EFULL : KP_ENOMEM, "more data items than are taken");
        return;
    }
    out->items[out->n_items++] = (struct kp_mtc_item){
        .id = keep(r, id),
        .name = keep(r, attribute(attributes, "name")),
        .type = keep(r, type),
        .sub_type = keep(r, attribute(attributes, "subType")),
        .units = keep(r, attribute(attributes, "units")),
        .representation = keep(r, attribute(attributes, "representation")),
        .category = strcmp(category, "SAMPLE") == 0      ? KP_MTC_SAMPLE
                    : strcmp(category, "CONDITION") == 0 ? KP_MTC_CONDITION
                                                         : KP_MTC_EVENT,
        .device = (unsigned)(out->n_devices - 1),
        .place = *r->place ? keep(r, r->place) : "",
    };
}

static void start_devices(struct reading *r, const char *name, const char **attributes)
{
    bool holds_items = attribute(attributes, "id") && attribute(attributes, "category") == NULL;
    if (strcmp(name, "Header") == 0)
        take_header(r, attributes);
    else if (strcmp(name, "Device") == 0 || strcmp(name, "Agent") == 0)
        take_device(r, name, attributes);
    else if (!r->out->n_devices)
        return;
    else if (strcmp(name, "DataItem") == 0)
        take_item(r, attributes);
    else if (strcmp(name, "Description") == 0)
        take_description(r, attributes);
    else if (holds_items && !is_organizer(name))
        enter_component(r, name, attributes);
}

/* ---- streams ---- */
static const char *hold(struct reading *r, const char *text)
{
    const char *copy = text ? kp_arena_strdup(&r->arena, text) : NULL;
    if (text && !copy)
        stop(r, KP_ENOMEM, "out of memory");
    return copy;
}

static void begin_observation(struct reading *r, const char *name, const char **attributes)
{
    const char *id = attribute(attributes, "dataItemId");
    if (!id)
        return;
    kp_arena_reset(&r->arena);
    r->text.len = 0;
    kp_buf_free(&r->entries);
    kp_buf_init(&r->entries, ENTRIES_MAX);
    r->key = NULL;
    r->over = r->cells = false;
    r->observing = r->depth;
    r->now = (struct kp_mtc_observation){ .id = hold(r, id),
                                          .timestamp = hold(r, attribute(attributes, "timestamp")),
                                          .sequence = number(attributes, "sequence"),
                                          .level = r->in_condition ? hold(r, name) : NULL,
                                          .native_code = hold(r, attribute(attributes, "nativeCode")),
                                          .condition_id = hold(r, attribute(attributes, "conditionId")),
                                          .severity = hold(r, attribute(attributes, "nativeSeverity")),
                                          .qualifier = hold(r, attribute(attributes, "qualifier")) };
}

static const char *trimmed(struct kp_buf *text)
{
    static char none[1];
    return kp_mtc_trim(*kp_buf_text(text) ? text->data : none);
}

/* <Entry key="..">text</Entry>, and <Cell> in it for a table. */
static void begin_entry(struct reading *r, const char *name, const char **attributes)
{
    const char *key = attribute(attributes, "key"), *removed = attribute(attributes, "removed");
    bool entry = r->depth == r->observing + 1 && strcmp(name, "Entry") == 0;
    bool cell = r->depth == r->observing + 2 && strcmp(name, "Cell") == 0 && (r->key || r->cells);
    if (r->over || !key || (!entry && !cell))
        return;
    if (!r->entries.len) {
        r->json = kp_json(&r->entries);
        kp_json_begin(&r->json, '{');
    }
    if (cell && !r->cells) {
        kp_json_key(&r->json, r->key);
        kp_json_begin(&r->json, '{');
        r->cells = true;
    }
    r->removed = removed && strcmp(removed, "true") == 0;
    r->key = hold(r, key);
    r->text.len = 0;
}

static void end_entry(struct reading *r)
{
    r->over = r->over || r->entries.len + (r->key ? strlen(r->key) : 0) + r->text.len > KP_MTC_TEXT_MAX;
    if (r->over)
        return;
    if (r->key) {
        kp_json_key(&r->json, r->key);
        if (r->removed)
            kp_json_null(&r->json);
        else
            kp_mtc_put_scalar(&r->json, trimmed(&r->text));
        r->key = NULL;
    } else if (r->cells && r->depth == r->observing + 1) {
        kp_json_end(&r->json, '}');
        r->cells = false;
    }
    r->text.len = 0;
}

static void end_observation(struct reading *r)
{
    bool set = r->entries.len;
    r->observing = 0;
    if (set)
        kp_json_end(&r->json, '}');
    r->now.text = r->over ? NULL : set ? kp_buf_text(&r->entries) : trimmed(&r->text);
    if (r->text.failed || r->entries.failed)
        stop(r, KP_ENOMEM, "out of memory");
    else if (r->take(r->arg, &r->now, r->err))
        XML_StopParser(r->parser, XML_FALSE);
}

/* ---- elements ---- */
/* <Error errorCode="..">text</Error>; since 2.6 <OutOfRange errorCode=".."> with <ErrorMessage> in it. */
static void take_error(struct reading *r, const char **attributes)
{
    const char *code = attribute(attributes, "errorCode");
    if (code && !*r->code)
        snprintf(r->code, sizeof r->code, "%s", code);
    r->text.len = 0;
}

static void end_error(struct reading *r, const char *name)
{
    const char *text = trimmed(&r->text);
    if (*r->code && !*r->why && strcmp(name, "URI") != 0)
        kp_utf8_clean(r->why, sizeof r->why, text, strcspn(text, "\r\n"));
    r->text.len = 0;
}

static void on_start(void *arg, const char *qualified, const char **attributes)
{
    struct reading *r = arg;
    const char *name = local(qualified);
    if (r->err->code) /* expat still tells what it has read already */
        return;
    if (++r->depth > KP_MTC_DEPTH_MAX) {
        stop(r, KP_EPARSE, "elements are too deep");
        return;
    }
    if (r->depth < KP_MTC_DEPTH_MAX)
        r->component[r->depth] = UINT32_MAX;
    if (r->depth == 1) {
        r->devices = strcmp(name, "MTConnectDevices") == 0;
        r->streams = strcmp(name, "MTConnectStreams") == 0;
        r->error = strcmp(name, "MTConnectError") == 0;
        if (!r->error && (r->out ? !r->devices : !r->streams))
            stop(r, KP_EPARSE, "it is no such document of MTConnect");
    } else if (r->error) {
        take_error(r, attributes);
    } else if (r->out) {
        start_devices(r, name, attributes);
    } else if (r->observing) {
        begin_entry(r, name, attributes);
    } else if (strcmp(name, "Header") == 0) {
        take_header(r, attributes);
    } else if (strcmp(name, "Condition") == 0 && !attribute(attributes, "dataItemId")) {
        r->in_condition = true;
    } else {
        begin_observation(r, name, attributes);
    }
}

static void on_end(void *arg, const char *qualified)
{
    struct reading *r = arg;
    const char *name = local(qualified);
    if (r->err->code)
        return;
    if (r->out && r->depth < KP_MTC_DEPTH_MAX && r->component[r->depth] != UINT32_MAX)
        r->place[r->component[r->depth]] = 0;
    if (r->error)
        end_error(r, name);
    else if (r->observing == r->depth && r->depth)
        end_observation(r);
    else if (r->observing)
        end_entry(r);
    else if (strcmp(name, "Condition") == 0)
        r->in_condition = false;
    r->depth--;
}

static void on_text(void *arg, const char *text, int n)
{
    struct reading *r = arg;
    if (r->err->code || (!r->observing && !(r->error && *r->code)))
        return;
    r->over = r->over || r->text.len + (size_t)n > KP_MTC_TEXT_MAX;
    if (!r->over)
        kp_buf_add(&r->text, text, (size_t)n);
}

static void on_doctype(void *arg, const char *name, const char *system, const char *public, int internal)
{
    (void)name;
    (void)system;
    (void)public;
    (void)internal;
    stop(arg, KP_EPARSE, "a document type is not taken");
}

static enum kp_code refused(struct reading *r)
{
    return kp_fail(r->err, strcmp(r->code, "OUT_OF_RANGE") == 0 ? KP_ENOTFOUND : KP_EPEER, "the agent says %s%s%s",
                   *r->code ? r->code : "that there is an error", *r->why ? ": " : "", r->why);
}

static enum kp_code parse(struct reading *r, const char *xml, size_t n, bool whole)
{
    XML_SetUserData(r->parser, r);
    XML_SetElementHandler(r->parser, on_start, on_end);
    XML_SetCharacterDataHandler(r->parser, on_text);
    XML_SetStartDoctypeDeclHandler(r->parser, on_doctype);
    if (XML_Parse(r->parser, xml, (int)n, whole) == XML_STATUS_OK)
        return r->error ? refused(r) : KP_OK;
    enum XML_Error code = XML_GetErrorCode(r->parser);
    return kp_fail(r->err, code == XML_ERROR_NO_MEMORY ? KP_ENOMEM : KP_EPARSE, "line %lu of the document: %s",
                   (unsigned long)XML_GetCurrentLineNumber(r->parser), XML_ErrorString(code));
}

static enum kp_code read(struct reading *r, const char *xml, size_t n, bool whole, struct kp_err *err)
{
    static const XML_Memory_Handling_Suite memory = { kp_alloc, kp_realloc, kp_free };
    struct kp_err own = { 0 };
    if (n > INT32_MAX)
        return kp_fail(err, KP_EFULL, "the document is too large");
    *r->header = (struct kp_mtc_header){ 0 };
    r->err = &own;
    r->parser = XML_ParserCreate_MM(NULL, &memory, NULL);
    kp_buf_init(&r->text, KP_MTC_TEXT_MAX);
    kp_buf_init(&r->entries, ENTRIES_MAX);
    if (r->parser)
        parse(r, xml, n, whole);
    else
        kp_fail(&own, KP_ENOMEM, "out of memory");
    if (r->parser)
        XML_ParserFree(r->parser);
    kp_buf_free(&r->text);
    kp_buf_free(&r->entries);
    kp_arena_free(&r->arena);
    kp_free(r->unnamed);
    return own.code ? kp_fail(err, own.code, "%s", own.text) : KP_OK;
}

enum kp_code kp_mtc_read_devices(const char *xml, size_t n, bool whole, struct kp_mtc_devices *out, struct kp_err *err)
{
    struct reading r = { .out = out, .header = &out->header };
    *out = (struct kp_mtc_devices){ 0 };
    enum kp_code code = read(&r, xml, n, whole, err);
    if (code)
        kp_mtc_devices_free(out);
    return code;
}

void kp_mtc_devices_free(struct kp_mtc_devices *d)
{
    kp_free(d->devices);
    kp_free(d->items);
    kp_arena_free(&d->arena);
    *d = (struct kp_mtc_devices){ 0 };
}

enum kp_code kp_mtc_read_streams(const char *xml, size_t n, struct kp_mtc_header *header, kp_mtc_take *take, void *arg,
                                 struct kp_err *err)
{
    struct reading r = { .take = take, .arg = arg, .header = header };
    return read(&r, xml, n, true, err);
}
