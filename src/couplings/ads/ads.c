/* SPDX-License-Identifier: Apache-2.0 */
/* The class: what the controller says it has, or a map of names; then watching and asking until the
 * end. */
#include "couplings/ads/ads.h"

#include "core/state_rule.h"
#include "core/url.h"
#include "couplings/ads/ads_private.h"
#include "couplings/offer.h"
#include "couplings/tcp.h"
#include "couplings/unit.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { SYMBOL = KP_MAP_COMMON, WAIT_MS = 100, RUNS = 5, DEVICE_NAME = 16, LARGE = 1024 };
#define BEAT (2 * KP_SECOND)

static const char *const columns[] = { "symbol", NULL };
static const struct kp_map_form form = { columns, 1 };

#define SETTING(member) offsetof(struct ads_settings, member)
static const struct kp_option options[] = {
    { .name = "map",
      .type = KP_OPT_MAP,
      .offset = SETTING(map),
      .help = "CSV with the columns symbol, path and perhaps type, scale, offset, unit; without it "
              "the controller is asked what it has" },
    { .name = "profile",
      .type = KP_OPT_TEXT,
      .offset = SETTING(profile),
      .help = "a profile that says what the variables mean" },
    { .name = "local-net-id",
      .type = KP_OPT_TEXT,
      .offset = SETTING(local_net_id),
      .standard = "",
      .help = "AMS Net Id of this computer, as in the controller's route; empty: its address with "
              ".1.1 behind it" },
    { .name = "cycle",
      .type = KP_OPT_DURATION,
      .offset = SETTING(cycle),
      .standard = "100ms",
      .min = 0,
      .max = 60 * KP_SECOND,
      .help = "how often the controller looks whether a variable it watches has changed" },
    { .name = "watch",
      .type = KP_OPT_INT,
      .offset = SETTING(watch_max),
      .standard = "500",
      .min = 0,
      .max = 5000,
      .help = "how many variables the controller watches; the others are asked for" },
    { .name = "poll",
      .type = KP_OPT_DURATION,
      .offset = SETTING(poll),
      .standard = "1s",
      .min = 20 * KP_MILLISECOND,
      .max = 86400 * KP_SECOND,
      .help = "how often the others are asked for" },
    { .name = "timeout",
      .type = KP_OPT_DURATION,
      .offset = SETTING(timeout),
      .standard = "3s",
      .min = 50 * KP_MILLISECOND,
      .max = 30 * KP_SECOND,
      .help = "how long an answer may take" },
    { 0 },
};

/* ---- settings ---- */
static enum kp_code check_row(const struct kp_map_row *row, struct ads_type *type,
                              struct ads_scale *scale, struct kp_err *err)
{
    const char *name = row->cell[KP_MAP_TYPE];
    if (name && !ads_type_parse(name, type))
        return kp_fail(err, KP_EPARSE,
                       "type: '%.60s' is not such as REAL, STRING(80) or ARRAY [0..9] OF INT",
                       name);
    scale->on = kp_map_scale(row, &scale->scale, &scale->offset);
    uint8_t kind = name ? ads_type_value(type, false) & ~KP_ARRAY : KP_DOUBLE;
    if (scale->on && (scale->scale == 0 || kind == KP_BOOL || kind == KP_STRING || kind == KP_TIME))
        return kp_fail(err, KP_EPARSE, "scale: a %s has none",
                       scale->scale == 0 ? "number times 0" : name);
    return KP_OK;
}

static enum kp_code check_map(const char *text, struct kp_err *err)
{
    struct kp_map map;
    struct ads_type type;
    struct ads_scale scale;
    if (kp_map_read(&map, &form, text, err))
        return err->code;
    for (size_t i = 0; i < map.n && !err->code; i++)
        if (check_row(&map.rows[i], &type, &scale, err))
            kp_map_context(&map.rows[i], err);
    kp_map_free(&map);
    return err->code;
}

static enum kp_code check(const char *url, const void *settings, struct kp_err *err)
{
    const struct ads_settings *set = settings;
    struct kp_url u;
    uint8_t id[ADS_NET_ID];
    uint16_t port;
    bool has_id;
    if (kp_url_parse(url, &u, err))
        return err->code;
    if (!*u.host)
        return kp_fail(err, KP_EINVALID,
                       "'%.100s' is not such as ads://192.0.2.9/192.0.2.9.1.1:851", url);
    if (ads_target(u.path, &has_id, id, &port, err))
        return err->code;
    if (set->local_net_id && *set->local_net_id && !ads_net_id_parse(set->local_net_id, id))
        return kp_fail(err, KP_EINVALID, "local-net-id: '%.40s' is not such as 192.0.2.40.1.1",
                       set->local_net_id);
    if (set->profile && *set->profile && kp_profile_check("ads", set->profile, err))
        return err->code;
    return set->map && *set->map ? check_map(set->map, err) : KP_OK;
}

/* ---- what is shown ---- */
static const char *state_name(uint16_t state)
{
    static const char *const names[] = {
        "invalid",  "idle",        "reset",       "init",          "start",      "run",
        "stop",     "save config", "load config", "power failure", "power good", "error",
        "shutdown", "suspend",     "resume",      "config",        "reconfig"
    };
    return state < sizeof names / sizeof *names ? names[state] : "unknown";
}

void ads_describe(struct ads *a)
{
    char refused[110] = "", found[64] = "", state[60] = "";
    kp_coupling_count(a->c, (uint32_t)a->n, a->map.n ? KP_MAP_ROWS_MAX : ADS_SYMBOLS_MAX,
                      a->refused);
    if (a->refused)
        snprintf(refused, sizeof refused, "; %u refused, first %.60s", a->refused,
                 a->first_refusal);
    if (a->offered)
        snprintf(found, sizeof found, "%zu variables found%s, ", a->offered,
                 a->left_out ? " and more" : "");
    if (a->state != RUNS)
        snprintf(state, sizeof state, "the PLC is in state %s; ", state_name(a->state));
    if (!a->n && !a->offered)
        kp_coupling_note(a->c,
                         "connected, but it does not tell what it has: give a map (koppel "
                         "couplings %.60s --map FILE)",
                         kp_coupling_name(a->c));
    else
        kp_coupling_note(a->c, "%s%s%zu watched by the controller, %zu asked for%s", state, found,
                         a->n_watching, a->n_asked, refused);
}

/* ---- who it is ---- */
static enum kp_code nameplate(struct ads *a, struct kp_err *err)
{
    const uint8_t *d = a->link.data;
    char software[24] = "", name[64] = "";
    bool machine = false;
    if (!a->link.result && a->link.n >= 4) {
        size_t n = a->link.n - 4 < DEVICE_NAME ? a->link.n - 4 : DEVICE_NAME;
        snprintf(software, sizeof software, "%u.%u.%u", d[0], d[1], d[2] | d[3] << 8);
        kp_utf8_clean(name, sizeof name, (const char *)d + 4, n);
    }
    snprintf(a->device, sizeof a->device, "%s", name);
    for (size_t i = 0; i < a->map.n; i++) {
        const char *const *cell = a->map.rows[i].cell;
        machine = machine || kp_tells_state(cell[KP_MAP_ROLE], cell[KP_MAP_STATES]);
    }
    const char *const plate[KP_NAMEPLATE_FIELDS] = { [KP_MANUFACTURER_NAME] =
                                                         *name ? "Beckhoff" : NULL,
                                                     [KP_PRODUCT_DESIGNATION] = *name ? name : NULL,
                                                     [KP_SOFTWARE_VERSION] =
                                                         *software ? software : NULL };
    return kp_coupling_identify(a->c, "", machine ? KP_MACHINE : KP_PLC, plate, err);
}

/* The first question; a controller without a route to us closes the connection. */
static enum kp_code introduce(struct ads *a, struct kp_err *err)
{
    struct kp_err local = { 0 };
    char own[32];
    ads_net_id_print(a->link.source, own);
    if (ads_ask(&a->link, ADS_INFO, &local))
        return kp_fail(err, local.code == KP_ETIMEOUT ? KP_EPEER : local.code,
                       "%s; a controller talks only to computers it has a route to: in TwinCAT "
                       "under SYSTEM, Routes add one with "
                       "AMS Net Id %s and this computer's address",
                       local.text, own);
    if (a->link.result == 6 || a->link.result == 7)
        return kp_fail(err, KP_EPEER, "AMS port %u: %s", a->link.port,
                       ads_result_text(a->link.result));
    return nameplate(a, err);
}

/* ---- state and version ---- */
static enum kp_code ask_state(struct ads *a, struct kp_err *err)
{
    if (ads_ask(&a->link, ADS_STATE, err))
        return err->code;
    if (a->link.result)
        return kp_fail(err, KP_EPEER, "AMS port %u: %s (ADS error 0x%X)", a->link.port,
                       ads_result_text(a->link.result), a->link.result);
    uint16_t state = a->link.n >= 2 ? (uint16_t)(a->link.data[0] | a->link.data[1] << 8) : RUNS;
    bool changed = state != a->state;
    a->state = state;
    if (changed)
        ads_describe(a);
    return KP_OK;
}

/* It is another after each download and online change. */
static enum kp_code ask_version(struct ads *a, bool *has, uint8_t *version, struct kp_err *err)
{
    if (ads_read(&a->link, (struct ads_place){ ADS_VERSION, 0 }, 1, err))
        return err->code;
    *has = !a->link.result && a->link.n == 1;
    *version = *has ? a->link.data[0] : 0;
    return KP_OK;
}

static enum kp_code beat(struct ads *a, struct kp_err *err)
{
    bool has;
    uint8_t version;
    int64_t now = kp_coupling_mono(a->c);
    if (now < a->beat_due)
        return KP_OK;
    a->beat_due = now + BEAT;
    if (ask_state(a, err) || (a->has_version && ask_version(a, &has, &version, err)))
        return err->code;
    if (a->has_version && has && version != a->version)
        return kp_fail(err, KP_EPEER, "the PLC's program was changed; it is looked at anew");
    return ads_check_watched(a, err);
}

/* ---- by a map ---- */
/* Of a variable that the map gives no type: the controller's own. */
static enum kp_code ask_type(struct ads *a, struct ads_item *i, struct kp_err *err)
{
    struct ads_symbol s;
    struct ads_place info = { ADS_INFO_BY_NAME, 0 };
    if (ads_read_write(&a->link, info, 0xffff, i->name, strlen(i->name) + 1, err))
        return err->code;
    i->typed = !a->link.result && ads_symbol_one(a->link.data, a->link.n, &a->text, &s) &&
               !s.hidden && ads_type_of(s.type, s.code, s.size, &i->type);
    i->read_only = i->typed && s.read_only;
    return KP_OK;
}

static enum kp_code item_of_row(struct ads *a, const struct kp_map_row *row, struct ads_item *i,
                                struct kp_err *err)
{
    i->name = row->cell[SYMBOL];
    i->typed = row->cell[KP_MAP_TYPE] != NULL;
    if (check_row(row, &i->type, &i->scale, err))
        return kp_map_context(row, err);
    if (!i->typed && ask_type(a, i, err))
        return err->code;
    uint8_t kind = ads_type_value(&i->type, false) & ~KP_ARRAY;
    i->scale.on = i->scale.on && kind != KP_BOOL && kind != KP_STRING && kind != KP_TIME;
    return KP_OK;
}

static enum kp_code declare_rows(struct ads *a, struct kp_declare *list, struct kp_err *err)
{
    for (size_t k = 0; k < a->n; k++) {
        struct ads_item *i = &a->items[k];
        const struct kp_map_row *row = &a->map.rows[k];
        if (kp_coupling_stopping(a->c))
            return kp_fail(err, KP_ESTOPPED, "stopping");
        if (item_of_row(a, row, i, err))
            return err->code;
        list[k] = (struct kp_declare){ .path = row->cell[KP_MAP_PATH],
                                       .asset_kind = KP_FOLDER,
                                       .by_path = true };
        list[k].info.stored = true;
        list[k].info.source = i->name;
        list[k].info.type = i->typed ? ads_type_value(&i->type, i->scale.on) : KP_NULL;
        if (kp_map_info(&a->map, row, &list[k].info, err))
            return err->code;
    }
    return a->n ? kp_coupling_declare(a->c, list, a->n, err) : KP_OK;
}

static enum kp_code by_map(struct ads *a, struct kp_err *err)
{
    a->n = a->map.n;
    a->items = kp_alloc((a->n + 1) * sizeof *a->items);
    struct kp_declare *list = kp_alloc((a->n + 1) * sizeof *list);
    if (!a->items || !list)
        kp_fail(err, KP_ENOMEM, "out of memory");
    else if (!declare_rows(a, list, err))
        for (size_t k = 0; k < a->n; k++)
            a->items[k].id = list[k].id;
    kp_free(list);
    return err->code;
}

/* ---- by what it says it has ---- */
struct upload {
    uint8_t *data;
    size_t n;
};

/* What it does not give stays empty. */
static enum kp_code upload(struct ads *a, uint32_t group, uint32_t bytes, struct upload *u,
                           struct kp_err *err)
{
    *u = (struct upload){ 0 };
    if (!bytes || bytes > ADS_UPLOAD_MAX)
        return KP_OK;
    if (ads_read(&a->link, (struct ads_place){ group, 0 }, bytes, err) || a->link.result ||
        !a->link.n)
        return err->code;
    u->data = kp_alloc(a->link.n);
    if (!u->data)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    u->n = a->link.n;
    memcpy(u->data, a->link.data, u->n);
    ads_link_trim(&a->link);
    return KP_OK;
}

static uint32_t word(const struct ads *a, size_t i)
{
    const uint8_t *p = a->link.data + 4 * i;
    return a->link.n < 4 * i + 4
               ? 0
               : p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* How many bytes its symbols and types have: TwinCAT 3 tells both, TwinCAT 2 by an older question
 * the symbols'. */
static enum kp_code ask_sizes(struct ads *a, uint32_t *symbols, uint32_t *types, struct kp_err *err)
{
    *symbols = *types = 0;
    if (ads_read(&a->link, (struct ads_place){ ADS_SIZES, 0 }, 24, err))
        return err->code;
    if (!a->link.result && a->link.n >= 8) {
        *symbols = word(a, 1);
        *types = word(a, 3);
        return KP_OK;
    }
    if (ads_read(&a->link, (struct ads_place){ ADS_OLD_SIZES, 0 }, 8, err))
        return err->code;
    *symbols = a->link.result ? 0 : word(a, 1);
    return KP_OK;
}

static enum kp_code read_symbols(struct ads *a, struct kp_arena *arena, struct ads_symbols *out,
                                 struct kp_err *err)
{
    uint32_t symbols_size, types_size;
    struct upload symbols = { 0 }, types = { 0 };
    *out = (struct ads_symbols){ 0 };
    kp_coupling_note(a->c, "asking what it has");
    if (!ask_sizes(a, &symbols_size, &types_size, err) &&
        !upload(a, ADS_SYMBOLS, symbols_size, &symbols, err) &&
        !upload(a, ADS_TYPES, types_size, &types, err))
        ads_symbols_read(symbols.data, symbols.n, types.data, types.n, arena, out, err);
    kp_free(symbols.data);
    kp_free(types.data);
    return err->code;
}

static bool offer_of(const struct ads_symbol *s, struct kp_arena *arena, struct kp_offer *o)
{
    char path[KP_PATH_MAX];
    struct ads_type type;
    struct kp_unit unit;
    bool known = !s->hidden && ads_type_of(s->type, s->code, s->size, &type);
    *o = (struct kp_offer){ .kind = s->size > LARGE ? "large" : s->type };
    if (!ads_symbol_path(s->name, path) || !(o->path = kp_arena_strdup(arena, path)))
        return false;
    o->access = known ? KP_CAN_READ | (s->read_only ? 0 : KP_CAN_WRITE) : 0;
    o->info = (struct kp_signal_info){ .type = known ? ads_type_value(&type, false) : KP_BYTES,
                                       .source = s->name,
                                       .description = s->comment,
                                       .enums = s->enums };
    const char *measure = known && (type.kind == ADS_TIME || type.kind == ADS_TOD) ? "ms"
                          : known && type.kind == ADS_LTIME                        ? "ns"
                                                                                   : NULL;
    if (measure && kp_unit_find(measure, &unit)) {
        o->info.unit = unit.code;
        o->info.unit_text = unit.text;
    }
    return true;
}

static enum kp_code items_of(struct ads *a, const struct ads_symbols *all,
                             const struct kp_offer *offers, const uint32_t *of, size_t n,
                             struct kp_err *err)
{
    size_t wanted = 0;
    for (size_t k = 0; k < n; k++)
        wanted += offers[k].id && offers[k].access & KP_CAN_READ;
    a->items = kp_alloc((wanted + 1) * sizeof *a->items);
    if (!a->items)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    for (size_t k = 0; k < n; k++) {
        const struct ads_symbol *s = &all->list[of[k]];
        if (!offers[k].id || !(offers[k].access & KP_CAN_READ))
            continue;
        struct ads_item *i = &a->items[a->n++];
        i->id = offers[k].id;
        i->typed = ads_type_of(s->type, s->code, s->size, &i->type);
        i->read_only = s->read_only;
        i->name = kp_arena_strdup(&a->text, s->name);
        if (!i->name)
            return kp_fail(err, KP_ENOMEM, "out of memory");
    }
    return KP_OK;
}

static enum kp_code publish(struct ads *a, struct ads_symbols *all, struct kp_arena *arena,
                            struct kp_err *err)
{
    char product[128];
    struct kp_offer *offers = kp_alloc((all->n + 1) * sizeof *offers);
    uint32_t *of = kp_alloc((all->n + 1) * sizeof *of);
    struct kp_offer_result result;
    size_t n = 0;
    if (!offers || !of)
        kp_fail(err, KP_ENOMEM, "out of memory");
    for (size_t k = 0; k < all->n && !err->code; k++)
        if (offer_of(&all->list[k], arena, &offers[n]))
            of[n++] = (uint32_t)k;
    snprintf(product, sizeof product, "Beckhoff/%s", a->device);
    const struct kp_profile_peer peer = { .protocol = "ads",
                                          .product = product,
                                          .by_hand = a->set->profile };
    if (!err->code && !kp_offer_publish(a->c, &peer, offers, n, false, &result, err))
        items_of(a, all, offers, of, n, err);
    a->offered = n;
    a->left_out = all->left_out;
    kp_free(offers);
    kp_free(of);
    return err->code;
}

static enum kp_code by_upload(struct ads *a, struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    struct ads_symbols all;
    if (!read_symbols(a, &arena, &all, err))
        publish(a, &all, &arena, err);
    kp_free(all.list);
    kp_arena_free(&arena);
    kp_mem_trim();
    return err->code;
}

/* ---- life ---- */
static void forget_items(struct ads *a)
{
    kp_free(a->items);
    kp_free(a->watching);
    a->items = NULL;
    a->watching = NULL;
    a->n = a->n_watching = a->n_asked = a->next_new = 0;
    a->new_due = a->poll_due = 0;
    a->refused = 0;
    a->polling = a->full = false;
    kp_arena_reset(&a->text);
}

static enum kp_code make_items(struct ads *a, struct kp_err *err)
{
    if (a->set->map && *a->set->map ? by_map(a, err) : by_upload(a, err))
        return err->code;
    a->watching = kp_alloc((a->n + 1) * sizeof *a->watching);
    return a->watching ? KP_OK : kp_fail(err, KP_ENOMEM, "out of memory");
}

static enum kp_code look_again(struct ads *a, struct kp_err *err)
{
    if (!a->look)
        return KP_OK;
    a->look = false;
    ads_give_back(a);
    a->link.timeout = a->set->timeout;
    forget_items(a);
    return make_items(a, err);
}

static enum kp_code prepare(struct ads *a, struct kp_err *err)
{
    bool mapped = a->set->map && *a->set->map;
    if (mapped && kp_map_read(&a->map, &form, a->set->map, err))
        return err->code;
    if (introduce(a, err) || ask_state(a, err) || ask_version(a, &a->has_version, &a->version, err))
        return err->code;
    return make_items(a, err);
}

static enum kp_code fail(struct ads *a, const struct kp_err *local, struct kp_err *err)
{
    a->broken = true;
    return kp_fail(err, local->code == KP_ETIMEOUT ? KP_EPEER : local->code, "%s", local->text);
}

static enum kp_code ads_open(struct kp_coupling *c, struct kp_err *err)
{
    struct ads *a = kp_coupling_state(c);
    struct kp_err local = { 0 };
    a->c = c;
    a->set = kp_coupling_settings(c);
    a->link.notified = ads_take_notification;
    a->link.arg = a;
    kp_buf_init(&a->room, ADS_ROOM_MAX);
    kp_buf_init(&a->sum, ADS_VALUE_MAX);
    if (ads_link_open(&a->link, kp_coupling_url(c), a->set, &local) || prepare(a, &local))
        return fail(a, &local, err);
    kp_coupling_online(c);
    ads_describe(a);
    return KP_OK;
}

static void ads_close(struct kp_coupling *c)
{
    struct ads *a = kp_coupling_state(c);
    ads_give_back(a);
    ads_link_close(&a->link);
    forget_items(a);
    kp_buf_free(&a->room);
    kp_buf_free(&a->sum);
    kp_map_free(&a->map);
    kp_arena_free(&a->text);
    *a = (struct ads){ 0 };
}

static enum kp_code step(struct kp_coupling *c, struct kp_err *err)
{
    struct ads *a = kp_coupling_state(c);
    struct kp_err local = { 0 };
    bool busy = a->polling || a->next_new;
    int64_t deadline = kp_tcp_deadline(busy ? 0 : WAIT_MS * KP_MILLISECOND);
    if (ads_link_wait(&a->link, deadline, &local) || look_again(a, &local) ||
        ads_look_after(a, &local) || ads_poll(a, &local) || beat(a, &local))
        return fail(a, &local, err);
    if (a->failure.code || kp_coupling_flush(c, &local))
        return fail(a, a->failure.code ? &a->failure : &local, err);
    return KP_OK;
}

static enum kp_code write_value(struct kp_coupling *c, const struct kp_sample *sample,
                                struct kp_err *err)
{
    struct ads *a = kp_coupling_state(c);
    struct ads_item *i = a->items, *end = a->items + a->n;
    while (i < end && i->id != sample->signal)
        i++;
    if (i == end)
        return kp_fail(err, KP_ENOTFOUND, "the controller does not have this variable any more");
    if (i->phase == ADS_UNKNOWN)
        return kp_fail(err, KP_EPEER, "the controller does not give this variable (%s)",
                       kp_status_name(i->status));
    if (i->read_only)
        return kp_fail(err, KP_EDENIED, "the variable is read only in the PLC's program");
    struct ads_place at = { ADS_BY_HANDLE, i->handle };
    if (ads_encode(&i->type, &i->scale, &sample->value, &a->sum, err) ||
        ads_write(&a->link, at, a->sum.data, a->sum.len, err))
        return err->code;
    a->poll_due = 0; /* to be seen at once */
    return a->link.result
               ? kp_fail(err, a->link.result == ADS_NO_ACCESS ? KP_EDENIED : KP_EPEER,
                         "%s (ADS error 0x%X)", ads_result_text(a->link.result), a->link.result)
               : KP_OK;
}

static void browse(struct kp_coupling *c)
{
    struct ads *a = kp_coupling_state(c);
    a->look = true;
}

const struct kp_coupling_class kp_ads = {
    .name = "ads",
    .schemes = "ads",
    .url_settings = true,
    .settings_size = sizeof(struct ads_settings),
    .state_size = sizeof(struct ads),
    .options = options,
    .check = check,
    .open = ads_open,
    .step = step,
    .close = ads_close,
    .write = write_value,
    .browse = browse,
};
