/* SPDX-License-Identifier: Apache-2.0 */
/* What the agent has: devices become machines, data items offers and signals. */
#include "core/text.h"
#include "couplings/mtconnect/mtconnect_private.h"
#include "couplings/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

/* ACTUAL_STATE as people write it: "ActualState". */
static void camel(const char *word, char *out, size_t size)
{
    size_t n = 0;
    bool start = true;
    const char *colon = strrchr(word, ':');
    for (const char *p = colon ? colon + 1 : word; *p && n < size - 1; p++) {
        char c = *p;
        if (c == '_') {
            start = true;
            continue;
        }
        if (c >= 'A' && c <= 'Z' && !start)
            c = (char)(c - 'A' + 'a');
        out[n++] = c;
        start = false;
    }
    out[n] = 0;
}

/* A single machine is the coupling's place itself; of several each has its name. */
static void place_of(const struct mtconnect *m, const struct kp_mtc_item *i, char out[KP_PATH_MAX])
{
    const struct kp_mtc_device *d = &m->devices.devices[i->device];
    const char *said = d->agent ? "Agent" : d->name ? d->name : d->uuid;
    char name[KP_NAME_MAX] = "";
    size_t machines = 0;
    for (size_t k = 0; k < m->devices.n_devices; k++)
        machines += !m->devices.devices[k].agent;
    if (said && (machines > 1 || d->agent))
        kp_name_clean(name, sizeof name, said, strlen(said));
    snprintf(out, KP_PATH_MAX, "%s%s%s", name, *name && *i->place ? "/" : "", i->place);
}

static void path_of(const struct mtconnect *m, const struct kp_mtc_item *i, char out[KP_PATH_MAX])
{
    char name[KP_NAME_MAX], type[100], sub[60] = "";
    place_of(m, i, out);
    camel(i->type, type, sizeof type);
    if (i->sub_type)
        camel(i->sub_type, sub, sizeof sub);
    if (i->name)
        kp_name_clean(name, sizeof name, i->name, strlen(i->name));
    else
        snprintf(name, sizeof name, "%s%s%s", type, *sub ? "_" : "", sub);
    size_t n = strlen(out);
    snprintf(out + n, KP_PATH_MAX - n, "%s%s", n ? "/" : "", name);
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

static bool is_numeric_event(const char *type)
{
    static const char *const all[] = { "LINE_NUMBER", "PROGRAM_NEST_LEVEL", "TOOL_OFFSET" };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strcmp(all[i], type) == 0)
            return true;
    return ends_with(type, "_COUNT") ||
           (ends_with(type, "_OVERRIDE") && strcmp(type, "CONTROLLER_MODE_OVERRIDE") != 0);
}

static uint8_t type_of(const struct kp_mtc_item *i)
{
    const char *r = i->representation ? i->representation : "VALUE";
    if (strcmp(r, "DATA_SET") == 0 || strcmp(r, "TABLE") == 0)
        return KP_STRING;
    if (strcmp(r, "TIME_SERIES") == 0 || (i->units && strstr(i->units, "_3D")))
        return KP_DOUBLE | KP_ARRAY;
    return i->category == KP_MTC_SAMPLE || i->units || is_numeric_event(i->type) ? KP_DOUBLE
                                                                                 : KP_STRING;
}

static int by_id(const void *a, const void *b)
{
    return strcmp(((const struct mtc_item *)a)->said.id, ((const struct mtc_item *)b)->said.id);
}

/* What a count or a load is of may be said by its sub-type alone. */
static const char *kind_of(struct mtconnect *m, const struct kp_mtc_item *i)
{
    char kind[200];
    if (!i->sub_type)
        return i->type;
    snprintf(kind, sizeof kind, "%s:%s", i->type, i->sub_type);
    return kp_arena_strdup(&m->devices.arena, kind);
}

static enum kp_code list_items(struct mtconnect *m, struct kp_err *err)
{
    char path[KP_PATH_MAX], asset[KP_PATH_MAX];
    m->items = kp_alloc((m->devices.n_items + 1) * sizeof *m->items);
    for (size_t i = 0; m->items && i < m->devices.n_items; i++) {
        struct mtc_item *one = &m->items[m->n];
        path_of(m, &m->devices.items[i], path);
        place_of(m, &m->devices.items[i], asset);
        *one = (struct mtc_item){ .said = m->devices.items[i],
                                  .type = type_of(&m->devices.items[i]),
                                  .path = kp_arena_strdup(&m->devices.arena, path),
                                  .asset = kp_arena_strdup(&m->devices.arena, asset) };
        one->kind = kind_of(m, &one->said);
        if (!one->path || !one->asset || !one->kind)
            return kp_fail(err, KP_ENOMEM, "out of memory");
        m->n++;
    }
    if (!m->items)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    if (m->n)
        qsort(m->items, m->n, sizeof *m->items, by_id);
    return KP_OK;
}

struct mtc_item *kp_mtc_find(const struct mtconnect *m, const char *id)
{
    struct mtc_item key = { .said = { .id = id } };
    return m->n ? bsearch(&key, m->items, m->n, sizeof key, by_id) : NULL;
}

/* Three numbers of MILLIMETER_3D are millimetres. */
static enum kp_code take_unit(struct mtconnect *m, const char *units, struct kp_signal_info *info,
                              struct kp_err *err)
{
    struct kp_unit unit;
    char *plain = kp_arena_strdup(&m->devices.arena, units);
    if (!plain)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    if (ends_with(plain, "_3D"))
        plain[strlen(plain) - 3] = 0;
    bool known = kp_unit_find(plain, &unit);
    info->unit = known ? unit.code : NULL;
    info->unit_text = known ? unit.text : plain;
    return KP_OK;
}

/* Those without a value yet are given the present one, though the stream goes on where it was. */
static enum kp_code mark_fresh(struct mtconnect *m, struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    struct kp_known *known;
    size_t n = kp_coupling_signals(m->c, &arena, &known);
    if (!known)
        kp_fail(err, KP_ENOMEM, "out of memory");
    for (size_t i = 0; known && i < n; i++) {
        struct mtc_item *item = known[i].source ? kp_mtc_find(m, known[i].source) : NULL;
        if (item)
            item->fresh = item->id && known[i].latest == KP_NO_TIME;
    }
    kp_arena_free(&arena);
    return err->code;
}

static enum kp_code offer(struct mtconnect *m, struct kp_err *err)
{
    struct kp_offer *offers = kp_alloc((m->n + 1) * sizeof *offers);
    struct kp_offer_result result = { 0 };
    size_t n = 0;
    if (!offers)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    for (size_t i = 0; i < m->n && !err->code; i++) {
        const struct kp_mtc_item *said = &m->items[i].said;
        if (said->category == KP_MTC_CONDITION || !kp_path_valid(m->items[i].path))
            continue;
        offers[n] = (struct kp_offer){ .path = m->items[i].path,
                                       .kind = m->items[i].kind,
                                       .access = KP_CAN_READ };
        offers[n].info = (struct kp_signal_info){ .type = m->items[i].type, .source = said->id };
        if (said->units)
            take_unit(m, said->units, &offers[n].info, err);
        n++;
    }
    const struct kp_profile_peer peer = { .protocol = "mtconnect", .by_hand = m->set->profile };
    if (!err->code)
        kp_offer_publish(m->c, &peer, offers, n, false, &result, err);
    for (size_t i = 0, k = 0; i < m->n && k < n; i++)
        if (m->items[i].path == offers[k].path)
            m->items[i].id = offers[k++].id;
    m->subscribed = result.subscribed;
    m->unasked_left = result.unasked_left;
    kp_free(offers);
    return err->code;
}

static enum kp_code nameplates(struct mtconnect *m, struct kp_err *err)
{
    for (size_t i = 0; i < m->devices.n_devices && !err->code; i++) {
        const struct kp_mtc_device *d = &m->devices.devices[i];
        const struct kp_mtc_item own = { .device = (unsigned)i, .place = "" };
        const char *const plate[KP_NAMEPLATE_FIELDS] = { [KP_MANUFACTURER_NAME] = d->manufacturer,
                                                         [KP_PRODUCT_DESIGNATION] = d->model,
                                                         [KP_SERIAL_NUMBER] = d->serial,
                                                         [KP_ASSET_ID] = d->uuid,
                                                         [KP_LOCATION] = d->station };
        char path[KP_PATH_MAX];
        place_of(m, &own, path);
        if (!d->agent)
            kp_coupling_identify(m->c, path, KP_MACHINE, plate, err);
    }
    return err->code;
}

enum kp_code kp_mtc_publish(struct mtconnect *m, struct kp_err *err)
{
    if (list_items(m, err) || nameplates(m, err) || offer(m, err))
        return err->code;
    return mark_fresh(m, err);
}
