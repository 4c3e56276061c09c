/* SPDX-License-Identifier: Apache-2.0 */
/* The class: neighbours become blocks, blocks that fit go into one question; a block that the PLC refuses is parted. */
#include "couplings/s7/s7.h"

#include "core/state_rule.h"
#include "core/url.h"
#include "couplings/s7/s7_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/ban.h"

enum { WAIT_MS = 100 };
#define BUDGET       (300 * KP_MILLISECOND)
#define STATE_AGAIN  (10 * KP_SECOND)
#define RETRY_BAD    (60 * KP_SECOND)

struct s7 {
    struct kp_coupling *c;
    const struct s7_settings *set;
    struct s7_link link;
    struct kp_map map;
    struct s7_point *points; /* by place */
    size_t n;
    struct s7_plan plan;
    uint8_t *data; /* of a question's blocks */
    size_t next;   /* block of the round under way */
    bool polling, no_state;
    uint8_t state;          /* of the CPU; 0 = not known */
    int64_t due, state_due; /* monotonic */
    unsigned refused;
    char first_refusal[64];
};

#define SETTING(member) offsetof(struct s7_settings, member)
static const struct kp_option options[] = {
    { .name = "map", .type = KP_OPT_MAP, .offset = SETTING(map),
      .help = "CSV with the columns address, path and perhaps type, length, scale, offset, unit" },
    { .name = "rack", .type = KP_OPT_INT, .offset = SETTING(rack), .standard = "0", .min = 0, .max = 7, .help = "rack of the CPU" },
    { .name = "slot", .type = KP_OPT_INT, .offset = SETTING(slot), .standard = "1", .min = 0, .max = 31,
      .help = "slot of the CPU: 1 of an S7-1200 or 1500, 2 of an S7-300, as configured of an S7-400" },
    { .name = "tsap", .type = KP_OPT_TEXT, .offset = SETTING(tsap), .standard = "",
      .help = "TSAP of the PLC in place of rack and slot, such as 02.00 of a LOGO! or 10.00 of an S7-200" },
    { .name = "local-tsap", .type = KP_OPT_TEXT, .offset = SETTING(local_tsap), .standard = "",
      .help = "TSAP of this side, as configured in the PLC; empty is 01.00" },
    { .name = "poll", .type = KP_OPT_DURATION, .offset = SETTING(poll), .standard = "1s", .min = 50 * KP_MILLISECOND,
      .max = 86400 * KP_SECOND, .help = "how often all is asked for" },
    { .name = "timeout", .type = KP_OPT_DURATION, .offset = SETTING(timeout), .standard = "2s", .min = 50 * KP_MILLISECOND,
      .max = 30 * KP_SECOND, .help = "how long an answer may take" },
    { .name = "gap", .type = KP_OPT_INT, .offset = SETTING(gap), .standard = "16", .min = 0, .max = 200,
      .help = "bytes without a name that are read along rather than asking for two pieces" },
    { 0 },
};

/* ---- settings ---- */
static enum kp_code read_points(const struct kp_map *map, struct s7_point *points, struct kp_err *err)
{
    struct s7_point one;
    for (size_t i = 0; i < map->n; i++)
        if (s7_point_read(points ? &points[i] : &one, &map->rows[i], err))
            return kp_map_context(&map->rows[i], err);
    return KP_OK;
}

static enum kp_code check(const char *url, const void *settings, struct kp_err *err)
{
    const struct s7_settings *set = settings;
    struct kp_url u;
    struct kp_map map;
    if (kp_url_parse(url, &u, err))
        return err->code;
    if (!*u.host || *u.path)
        return kp_fail(err, KP_EINVALID, "'%.100s' is not such as s7://192.0.2.5?rack=0&slot=1", url);
    const char *const tsaps[] = { set->tsap, set->local_tsap };
    for (size_t i = 0; i < 2; i++)
        if (tsaps[i] && *tsaps[i] && !s7_tsap_parse(tsaps[i], (uint8_t[2]){ 0 }))
            return kp_fail(err, KP_EINVALID, "%s: '%.20s' is not such as 10.01", i ? "local-tsap" : "tsap", tsaps[i]);
    if (!set->map || !*set->map || kp_map_read(&map, &s7_form, set->map, err))
        return err->code;
    read_points(&map, NULL, err);
    kp_map_free(&map);
    return err->code;
}

/* ---- signals ---- */
static enum kp_code declare(struct s7 *s, struct kp_err *err)
{
    struct kp_declare *list = kp_alloc((s->n + 1) * sizeof *list);
    char(*names)[64] = kp_alloc((s->n + 1) * sizeof *names);
    if (!list || !names)
        kp_fail(err, KP_ENOMEM, "out of memory");
    for (size_t i = 0; i < s->n && !err->code; i++) {
        const struct s7_point *p = &s->points[i];
        s7_point_name(p, names[i]);
        list[i] = (struct kp_declare){ .path = p->row->cell[KP_MAP_PATH], .asset_kind = KP_FOLDER, .by_path = true };
        list[i].info = (struct kp_signal_info){ .type = s7_point_type(p), .stored = true, .source = names[i] };
        kp_map_info(&s->map, p->row, &list[i].info, err);
    }
    if (!err->code && s->n)
        kp_coupling_declare(s->c, list, s->n, err);
    for (size_t i = 0; i < s->n && !err->code; i++)
        s->points[i].polled.id = list[i].id;
    kp_free(list);
    kp_free(names);
    return err->code;
}

/* ---- who it is ---- */
static void trim(char *text)
{
    for (size_t n = strlen(text); n && text[n - 1] == ' ';)
        text[--n] = 0;
}

/* A text of a record of a list: "index, text". Empty when there is none. */
static void system_text(struct s7 *s, uint16_t list, uint16_t index, size_t most, char out[64])
{
    uint8_t records[600];
    size_t record = 0, n = 0;
    struct kp_err none = { 0 };
    *out = 0;
    if (s7_link_list(&s->link, list, index, records, sizeof records, &record, &n, &none) || record < 3)
        return;
    for (size_t i = 0; i < n; i++) {
        const uint8_t *r = records + i * record;
        if ((r[0] << 8 | r[1]) != index)
            continue;
        kp_utf8_clean(out, 64, (const char *)r + 2, record - 2 < most ? record - 2 : most);
        trim(out);
    }
}

static void firmware(struct s7 *s, char out[64])
{
    uint8_t records[600];
    size_t record = 0, n = 0;
    struct kp_err none = { 0 };
    *out = 0;
    if (s7_link_list(&s->link, 0x0011, 0, records, sizeof records, &record, &n, &none) || record < 28)
        return;
    for (size_t i = 0; i < n; i++) {
        const uint8_t *r = records + i * record;
        if (r[0] == 0 && r[1] == 7)
            snprintf(out, 64, "V%u.%u.%u", r[25], r[26], r[27]);
    }
}

static enum kp_code nameplate(struct s7 *s, struct kp_err *err)
{
    char order[64], serial[64], product[64], version[64];
    bool machine = false;
    system_text(s, 0x0011, 1, 20, order);
    system_text(s, 0x001c, 5, 24, serial);
    system_text(s, 0x001c, 7, 32, product);
    firmware(s, version);
    for (size_t i = 0; i < s->n; i++) {
        const char *const *cell = s->points[i].row->cell;
        machine = machine || kp_tells_state(cell[KP_MAP_ROLE], cell[KP_MAP_STATES]);
    }
    const char *const plate[KP_NAMEPLATE_FIELDS] = { [KP_MANUFACTURER_NAME] = *order || *product ? "Siemens" : NULL,
                                                     [KP_PRODUCT_DESIGNATION] = *product ? product : NULL,
                                                     [KP_ORDER_CODE] = *order ? order : NULL,
                                                     [KP_SERIAL_NUMBER] = *serial ? serial : NULL,
                                                     [KP_FIRMWARE_VERSION] = *version ? version : NULL };
    return kp_coupling_identify(s->c, "", machine ? KP_MACHINE : KP_PLC, plate, err);
}

/* ---- what is shown ---- */
enum { RUNNING = 8, STOPPED = 4 }; /* of list 0x0424; some PLCs say 3 for stopped */
static void describe(struct s7 *s)
{
    char refused[120] = "";
    const char *stopped = s->state == STOPPED ? "the CPU is in STOP; " : "";
    if (s->refused)
        snprintf(refused, sizeof refused, "; %u refused by the PLC, first %s", s->refused, s->first_refusal);
    kp_coupling_count(s->c, (uint32_t)s->n, KP_MAP_ROWS_MAX, s->refused);
    if (!s->n)
        kp_coupling_note(s->c, "connected, but nothing is known of what stands in its blocks: give a map (koppel couplings %.60s --map FILE)",
                         kp_coupling_name(s->c));
    else
        kp_coupling_note(s->c, "%s%zu values in %zu pieces, messages of %u bytes%s", stopped, s->n, s->plan.n, s->link.pdu, refused);
}

/* A PLC that does not tell is not asked again. */
static enum kp_code ask_state(struct s7 *s, struct kp_err *err)
{
    uint8_t records[600];
    size_t record = 0, n = 0;
    struct kp_err local = { 0 };
    int64_t now = kp_coupling_mono(s->c);
    if (s->no_state || now < s->state_due)
        return KP_OK;
    s->state_due = now + STATE_AGAIN;
    enum kp_code code = s7_link_list(&s->link, 0x0424, 0, records, sizeof records, &record, &n, &local);
    if (code && code != KP_ENOTFOUND)
        return kp_fail(err, code, "%s", local.text);
    s->no_state = code || record < 4 || !n;
    uint8_t state = s->no_state ? 0 : (records[3] & 15) == RUNNING ? RUNNING : STOPPED;
    bool changed = state != s->state;
    s->state = state;
    if (changed)
        describe(s);
    return KP_OK;
}

/* ---- life ---- */
static enum kp_code prepare(struct s7 *s, struct kp_err *err)
{
    if (s->set->map && *s->set->map && kp_map_read(&s->map, &s7_form, s->set->map, err))
        return err->code;
    s->n = s->map.n;
    s->points = kp_alloc((s->n + 1) * sizeof *s->points);
    s->data = kp_alloc(S7_ITEMS_MAX * (S7_TEXT_MAX + 2u));
    if (!s->points || !s->data)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    if (read_points(&s->map, s->points, err))
        return err->code;
    if (!s7_plan_make(&s->plan, s->points, s->n, (uint32_t)s->set->gap))
        return kp_fail(err, KP_ENOMEM, "out of memory");
    if (declare(s, err))
        return err->code;
    return nameplate(s, err);
}

static enum kp_code s7_open(struct kp_coupling *c, struct kp_err *err)
{
    struct s7 *s = kp_coupling_state(c);
    s->c = c;
    s->set = kp_coupling_settings(c);
    if (s7_link_open(&s->link, kp_coupling_url(c), s->set, err) || prepare(s, err))
        return err->code;
    kp_coupling_online(c);
    describe(s);
    return KP_OK;
}

static void s7_end(struct kp_coupling *c)
{
    struct s7 *s = kp_coupling_state(c);
    s7_link_close(&s->link);
    kp_free(s->points);
    kp_free(s->plan.blocks);
    kp_free(s->data);
    kp_map_free(&s->map);
    *s = (struct s7){ 0 };
}

/* ---- polling ---- */
static enum kp_code tell_block(struct s7 *s, const struct s7_block *b, const uint8_t *data, uint32_t status, int64_t at, struct kp_err *err)
{
    char text[KP_POLLED_TEXT];
    for (size_t i = b->first; i < b->first + b->n; i++) {
        struct s7_point *p = &s->points[i];
        struct kp_value v = data ? s7_decode(p, data + (p->byte - b->item.byte), text) : (struct kp_value){ .type = KP_NULL };
        uint32_t own = data && v.type == KP_NULL ? KP_BAD_TYPE_MISMATCH : status;
        if (kp_polled_tell(s->c, &p->polled, &v, own, at, err))
            return err->code;
    }
    return KP_OK;
}

static uint32_t status_of(uint8_t code)
{
    return code == 3 ? KP_BAD_USER_ACCESS_DENIED : code == 5 ? KP_BAD_OUT_OF_RANGE : code == 6 || code == 7 ? KP_BAD_TYPE_MISMATCH : KP_BAD_NODE_ID_UNKNOWN;
}

/* What the PLC does not give: a block of several is parted, so that one bad place keeps no other away. */
static enum kp_code refused(struct s7 *s, size_t i, uint8_t code, int64_t at, struct kp_err *err)
{
    struct s7_block *b = &s->plan.blocks[i];
    uint32_t status = status_of(code);
    if (b->n > 1) {
        s->due = 0;
        return s7_plan_part(&s->plan, s->points, i) ? KP_OK : kp_fail(err, KP_ENOMEM, "out of memory");
    }
    if (s->points[b->first].polled.status != status && !s->refused++)
        s7_point_name(&s->points[b->first], s->first_refusal);
    b->retry = kp_coupling_mono(s->c) + RETRY_BAD;
    describe(s);
    return tell_block(s, b, NULL, status, at, err);
}

/* As many blocks as fit into one question, from `from` on; *next: where to go on. */
static enum kp_code ask(struct s7 *s, size_t from, size_t *next, struct kp_err *err)
{
    struct s7_item items[S7_ITEMS_MAX];
    size_t of[S7_ITEMS_MAX], n = 0, used = 0;
    int64_t now = kp_coupling_mono(s->c), begin = kp_coupling_utc(s->c);
    for (*next = from; *next < s->plan.n && n < S7_ITEMS_MAX; ++*next) {
        if (s->plan.blocks[*next].retry > now)
            continue;
        items[n] = s->plan.blocks[*next].item;
        items[n].data = s->data + used;
        of[n] = *next;
        if (s7_link_fits(&s->link, items, n + 1) <= n)
            break;
        used += items[n++].size;
    }
    bool is_long = !n && *next < s->plan.n;
    if (is_long)
        of[n++] = (*next)++;
    if (!n || (is_long ? s7_link_read_long(&s->link, items, err) : s7_link_read(&s->link, items, n, err)))
        return err->code;
    int64_t at = begin + (kp_coupling_utc(s->c) - begin) / 2;
    at -= at % KP_MILLISECOND;
    for (size_t k = n; k-- > 0 && !err->code;) { /* from the last on: parting one moves those behind it */
        if (items[k].code == S7_ITEM_OK) {
            tell_block(s, &s->plan.blocks[of[k]], items[k].data, KP_GOOD, at, err);
        } else {
            size_t before = s->plan.n;
            refused(s, of[k], items[k].code, at, err);
            *next += s->plan.n - before;
        }
    }
    return err->code;
}

static enum kp_code step(struct kp_coupling *c, struct kp_err *err)
{
    struct s7 *s = kp_coupling_state(c);
    struct kp_err local = { 0 };
    int64_t now = kp_coupling_mono(c), wait;
    if (!s->polling && now >= s->due) {
        s->polling = true;
        s->next = 0;
        s->due = now + s->set->poll;
    }
    while (s->polling && !local.code && kp_coupling_mono(c) - now < BUDGET) {
        ask(s, s->next, &s->next, &local);
        s->polling = s->next < s->plan.n;
    }
    if (local.code || ask_state(s, &local) || kp_coupling_flush(c, &local))
        return kp_fail(err, local.code == KP_ETIMEOUT ? KP_EPEER : local.code, "%s", local.text);
    wait = s->polling ? 0 : s->due - kp_coupling_mono(c);
    if (wait > WAIT_MS * KP_MILLISECOND)
        wait = WAIT_MS * KP_MILLISECOND;
    if (wait > 0)
        nanosleep(&(struct timespec){ .tv_nsec = (long)wait }, NULL);
    return KP_OK;
}

/* Only the length and the characters: how many its string can hold the PLC alone knows. */
static enum kp_code write_string(struct s7 *s, const struct s7_point *p, uint8_t *data, struct kp_err *err)
{
    uint8_t room = 0;
    struct s7_item head = { .area = p->area, .block = p->block, .size = 1, .byte = p->byte, .data = &room };
    if (s7_link_read(&s->link, &head, 1, err))
        return err->code;
    if (head.code != S7_ITEM_OK)
        return kp_fail(err, KP_EPEER, "the PLC does not give the place (%s)", kp_status_name(status_of(head.code)));
    if (data[1] > room)
        return kp_fail(err, KP_EINVALID, "the PLC's string holds %u characters, the text has %u", room, data[1]);
    struct s7_item rest = { .area = p->area, .block = p->block, .size = (uint16_t)(1 + data[1]), .byte = p->byte + 1, .data = data + 1 };
    return s7_link_write(&s->link, &rest, -1, err);
}

static enum kp_code write_value(struct kp_coupling *c, const struct kp_sample *sample, struct kp_err *err)
{
    struct s7 *s = kp_coupling_state(c);
    uint8_t data[S7_TEXT_MAX + 2];
    const struct s7_point *p = s->points, *end = s->points + s->n;
    while (p < end && p->polled.id != sample->signal)
        p++;
    if (p == end)
        return kp_fail(err, KP_ENOTFOUND, "the map has no row for it any more");
    if (s7_encode(p, &sample->value, data, err))
        return err->code;
    s->due = 0; /* to be seen at once */
    if (p->type == S7_STRING)
        return write_string(s, p, data, err);
    struct s7_item item = { .area = p->area, .block = p->block, .size = p->size, .byte = p->byte, .data = data };
    return s7_link_write(&s->link, &item, p->type == S7_BOOL ? p->bit : -1, err);
}

const struct kp_coupling_class kp_s7 = {
    .name = "s7",
    .schemes = "s7",
    .url_settings = true,
    .settings_size = sizeof(struct s7_settings),
    .state_size = sizeof(struct s7),
    .options = options,
    .check = check,
    .open = s7_open,
    .step = step,
    .close = s7_end,
    .write = write_value,
};
