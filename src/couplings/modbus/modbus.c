/* SPDX-License-Identifier: Apache-2.0 */
/* The class: one bus with its units, asked in turn. */
#include "couplings/modbus/modbus.h"

#include "core/log.h"
#include "couplings/modbus/modbus_private.h"
#include "couplings/profile.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/ban.h"

enum { MISSES_MAX = 3, WAIT_MS = 100 };
#define RETRY_DEAD   (10 * KP_SECOND)  /* a unit that does not answer is asked this often */
#define RETRY_BAD    (60 * KP_SECOND)  /* a place it does not know */
#define RETRY_BUSY   (1 * KP_SECOND)
#define BAD_NO_NODE  0x80340000u       /* BadNodeIdUnknown: there is no such place */
#define BAD_NO_SUCH  0x803D0000u       /* BadNotSupported */
#define BAD_FAILURE  0x808B0000u       /* BadDeviceFailure */

struct modbus {
    struct kp_coupling *c;
    const struct modbus_settings *set;
    struct modbus_link link;
    struct kp_map map;
    struct modbus_point *points;
    size_t n;
    struct modbus_plan plan;
    uint8_t misses[MODBUS_UNITS];
    bool identified[MODBUS_UNITS];
    unsigned refused; /* points that the device does not know */
    char first_refusal[64];
};

#define SETTING(member) offsetof(struct modbus_settings, member)
static const struct kp_option options[] = {
    { .name = "map", .type = KP_OPT_MAP, .offset = SETTING(map),
      .help = "CSV with the columns address, path and perhaps type, unit-id, order, bit, length, scale, offset, unit, every" },
    { .name = "profile", .type = KP_OPT_TEXT, .offset = SETTING(profile),
      .help = "a profile with a map for this device; without one the device is asked what it is" },
    { .name = "unit", .type = KP_OPT_INT, .offset = SETTING(unit), .standard = "1", .min = 0, .max = 255,
      .help = "unit (slave) for rows of the map that name none; modbus://HOST/3 says so too" },
    { .name = "poll", .type = KP_OPT_DURATION, .offset = SETTING(poll), .standard = "1s", .min = 10 * KP_MILLISECOND,
      .max = 86400 * KP_SECOND, .help = "how often each value is asked for" },
    { .name = "timeout", .type = KP_OPT_DURATION, .offset = SETTING(timeout), .standard = "1s",
      .min = 10 * KP_MILLISECOND, .max = 30 * KP_SECOND, .help = "how long an answer may take" },
    { .name = "pause", .type = KP_OPT_DURATION, .offset = SETTING(pause), .standard = "0s", .min = 0, .max = KP_SECOND,
      .help = "rest between two questions, for devices that need it" },
    { .name = "gap", .type = KP_OPT_INT, .offset = SETTING(gap), .standard = "16", .min = 0, .max = 120,
      .help = "registers without a name that are read along rather than asking twice" },
    { .name = "registers-max", .type = KP_OPT_INT, .offset = SETTING(registers_max), .standard = "125", .min = 1,
      .max = MODBUS_REGISTERS_MAX, .help = "registers asked for at once" },
    { .name = "baud", .type = KP_OPT_INT, .offset = SETTING(baud), .standard = "19200", .min = 300, .max = 921600,
      .help = "speed of the serial line" },
    { .name = "parity", .type = KP_OPT_CHOICE, .offset = SETTING(parity), .standard = "E", .choices = "N,E,O",
      .help = "parity of the serial line" },
    { .name = "stop", .type = KP_OPT_INT, .offset = SETTING(stop), .standard = "1", .min = 1, .max = 2,
      .help = "stop bits of the serial line" },
    { 0 },
};

/* ---- settings ---- */
/* modbus://HOST/3: the unit may stand in the address. */
static enum kp_code unit_of_url(const char *text, const struct modbus_settings *set, int64_t *unit, struct kp_err *err)
{
    struct kp_url url;
    unsigned n;
    char more;
    *unit = set->unit;
    if (kp_url_parse(text, &url, err))
        return err->code;
    bool line = strcmp(url.scheme, "modbus+rtu") == 0;
    if (line && (*url.host || strncmp(url.path, "dev/", 4) != 0))
        return kp_fail(err, KP_EINVALID, "'%.100s' is not such as modbus+rtu:///dev/ttyUSB0?baud=19200", text);
    if (!line && !*url.host)
        return kp_fail(err, KP_EINVALID, "'%.100s' names no host", text);
    if (line || !*url.path)
        return KP_OK;
    if (sscanf(url.path, "%3u%c", &n, &more) != 1 || n > 255)
        return kp_fail(err, KP_EINVALID, "'%.60s' behind the host is not a unit from 0 to 255", url.path);
    *unit = n;
    return KP_OK;
}

/* The points of a map; those of `m` are made when `points` is given. */
static enum kp_code read_points(const struct kp_map *map, const struct modbus_settings *set, struct modbus_point *points,
                                struct kp_err *err)
{
    struct modbus_point one;
    for (size_t i = 0; i < map->n; i++)
        if (modbus_point_read(points ? &points[i] : &one, &map->rows[i], set, err))
            return kp_map_context(&map->rows[i], err);
    return KP_OK;
}

static enum kp_code check(const char *url, const void *settings, struct kp_err *err)
{
    struct modbus_settings set = *(const struct modbus_settings *)settings;
    struct kp_map map;
    if (unit_of_url(url, &set, &set.unit, err))
        return err->code;
    if (set.profile && *set.profile && kp_profile_check("modbus", set.profile, err))
        return err->code;
    if (!set.map || !*set.map || kp_map_read(&map, &modbus_form, set.map, err))
        return err->code;
    read_points(&map, &set, NULL, err);
    kp_map_free(&map);
    return err->code;
}

/* ---- what stands where ---- */
static enum kp_code map_of_profile(struct modbus *m, const char *product, struct kp_err *err)
{
    struct kp_profiles all;
    const struct kp_profile_peer peer = { .protocol = "modbus", .product = product, .by_hand = m->set->profile };
    if (kp_profiles_load(&all, &peer, err))
        return err->code;
    bool by_hand = m->set->profile && *m->set->profile;
    for (size_t i = 0; i < all.n && !m->map.n && !err->code; i++)
        if (kp_profile_map(all.list[i]) && (!by_hand || strcmp(kp_profile_name(all.list[i]), m->set->profile) == 0))
            kp_map_read_lines(&m->map, &modbus_form, kp_profile_map(all.list[i]), err);
    kp_profiles_free(&all);
    return err->code;
}

static enum kp_code open_link(struct modbus *m, struct kp_err *err)
{
    return modbus_link_open(&m->link, kp_coupling_url(m->c), m->set, err);
}

/* Errors of identification are no errors of the link, which is made anew when it is out of step. */
static bool identify(struct modbus *m, uint8_t unit, struct modbus_identity *id, struct kp_err *err)
{
    struct kp_err why = { 0 };
    m->identified[unit] = true;
    if (!modbus_identify(&m->link, unit, m->set->timeout, id, &why))
        return true;
    if (why.code == KP_EPEER)
        open_link(m, err);
    return false;
}

static void product_of(const struct modbus_identity *id, char out[160])
{
    const char *product = *id->product ? id->product : *id->model ? id->model : id->product_code;
    snprintf(out, 160, "%s/%s", id->vendor, product);
}

/* The map typed in, else that of the profile which fits what the device says it is. */
static enum kp_code find_map(struct modbus *m, int64_t unit, struct kp_err *err)
{
    struct modbus_identity id;
    char product[160] = "";
    if (m->set->map && *m->set->map)
        return kp_map_read(&m->map, &modbus_form, m->set->map, err);
    if (identify(m, (uint8_t)unit, &id, err))
        product_of(&id, product);
    if (err->code)
        return err->code;
    m->identified[unit] = false; /* the nameplate is still to be written */
    return map_of_profile(m, product, err);
}

static enum kp_code declare(struct modbus *m, struct kp_err *err)
{
    struct kp_declare *list = kp_alloc((m->n + 1) * sizeof *list);
    char(*names)[64] = kp_alloc((m->n + 1) * sizeof *names);
    if (!list || !names)
        kp_fail(err, KP_ENOMEM, "out of memory");
    for (size_t i = 0; i < m->n && !err->code; i++) {
        const struct modbus_point *p = &m->points[i];
        modbus_point_name(p, names[i]);
        list[i] = (struct kp_declare){ .path = p->row->cell[KP_MAP_PATH], .asset_kind = KP_FOLDER };
        list[i].info = (struct kp_signal_info){ .type = modbus_point_type(p), .stored = true, .source = names[i] };
        kp_map_info(&m->map, p->row, &list[i].info, err);
    }
    if (!err->code && m->n)
        kp_coupling_declare(m->c, list, m->n, err);
    for (size_t i = 0; i < m->n && !err->code; i++)
        m->points[i].polled.id = list[i].id;
    kp_free(list);
    kp_free(names);
    return err->code;
}

static enum kp_code prepare(struct modbus *m, struct kp_err *err)
{
    struct modbus_settings set = *m->set;
    if (unit_of_url(kp_coupling_url(m->c), m->set, &set.unit, err) || find_map(m, set.unit, err))
        return err->code;
    m->n = m->map.n;
    m->points = kp_alloc((m->n + 1) * sizeof *m->points);
    if (!m->points)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    if (read_points(&m->map, &set, m->points, err) || modbus_plan_make(&m->plan, m->points, m->n, m->set, err))
        return err->code;
    return declare(m, err);
}

static void describe(struct modbus *m)
{
    char refused[120] = "";
    unsigned dead = 0;
    for (unsigned u = 0; u < MODBUS_UNITS; u++)
        dead += m->misses[u] >= MISSES_MAX;
    if (m->refused)
        snprintf(refused, sizeof refused, "; %u refused by the device, first %s", m->refused, m->first_refusal);
    kp_coupling_count(m->c, (uint32_t)m->n, KP_MAP_ROWS_MAX, m->refused);
    if (!m->n)
        kp_coupling_note(m->c, "connected, but nothing is known of what stands in its registers: give a map "
                               "(koppel couplings %.60s --map FILE) or a profile",
                         kp_coupling_name(m->c));
    else
        kp_coupling_note(m->c, "%zu values in %zu questions%s%s", m->n, m->plan.n, refused,
                         dead ? "; a unit does not answer" : "");
}

static enum kp_code modbus_open(struct kp_coupling *c, struct kp_err *err)
{
    struct modbus *m = kp_coupling_state(c);
    m->c = c;
    m->set = kp_coupling_settings(c);
    if (open_link(m, err) || prepare(m, err))
        return err->code;
    kp_coupling_online(c);
    describe(m);
    return KP_OK;
}

static void modbus_end(struct kp_coupling *c)
{
    struct modbus *m = kp_coupling_state(c);
    modbus_link_close(&m->link);
    modbus_plan_free(&m->plan);
    kp_free(m->points);
    kp_map_free(&m->map);
    *m = (struct modbus){ 0 };
}

/* ---- reporting ---- */
static enum kp_code tell_bad(struct modbus *m, const struct modbus_read *r, uint32_t status, struct kp_err *err)
{
    int64_t now = kp_coupling_utc(m->c), at = now - now % KP_MILLISECOND;
    for (uint32_t i = 0; i < r->n; i++)
        if (kp_polled_tell(m->c, &m->points[r->first + i].polled, &(struct kp_value){ .type = KP_NULL }, status, at, err))
            return err->code;
    return KP_OK;
}

static enum kp_code tell_values(struct modbus *m, const struct modbus_read *r, const uint16_t *registers, int64_t at,
                                struct kp_err *err)
{
    char text[MODBUS_TEXT_MAX];
    for (uint32_t i = 0; i < r->n; i++) {
        struct modbus_point *p = &m->points[r->first + i];
        struct kp_value v = modbus_decode(p, registers + (p->address - r->address), text);
        if (kp_polled_tell(m->c, &p->polled, &v, KP_GOOD, at, err))
            return err->code;
    }
    return KP_OK;
}

/* ---- asking ---- */
static int ask(struct modbus *m, const struct modbus_read *r, uint16_t *registers)
{
    uint8_t bits[MODBUS_BITS_MAX];
    modbus_set_slave(m->link.bus, r->unit);
    errno = 0;
    if (r->table == MODBUS_HOLDING)
        return modbus_read_registers(m->link.bus, r->address, r->count, registers);
    if (r->table == MODBUS_INPUT)
        return modbus_read_input_registers(m->link.bus, r->address, r->count, registers);
    int n = r->table == MODBUS_COIL ? modbus_read_bits(m->link.bus, r->address, r->count, bits)
                                    : modbus_read_input_bits(m->link.bus, r->address, r->count, bits);
    for (int i = 0; i < n; i++)
        registers[i] = bits[i];
    return n;
}

static bool is_exception(int why)
{
    return why > MODBUS_ENOBASE && why < EMBBADCRC;
}

/* The unit answered nothing, or not now. After the third time its values are Bad. A late answer must not be
 * taken for the next one: the link is made anew. */
static enum kp_code missed(struct modbus *m, size_t i, bool in_step, struct kp_err *err)
{
    struct modbus_read *r = &m->plan.list[i];
    int64_t now = kp_coupling_mono(m->c);
    uint8_t *misses = &m->misses[r->unit];
    *misses += *misses < MISSES_MAX;
    if (!in_step && open_link(m, err))
        return err->code;
    if (*misses < MISSES_MAX) {
        r->due = now + r->every;
        return KP_OK;
    }
    for (size_t k = 0; k < m->plan.n && !err->code; k++)
        if (m->plan.list[k].unit == r->unit) {
            m->plan.list[k].due = now + RETRY_DEAD;
            tell_bad(m, &m->plan.list[k], KP_BAD_NO_COMMUNICATION, err);
        }
    describe(m);
    return err->code;
}

static enum kp_code refuse_place(struct modbus *m, size_t i, uint32_t status, struct kp_err *err)
{
    struct modbus_read *r = &m->plan.list[i];
    struct modbus_point *p = &m->points[r->first];
    if (modbus_plan_split(&m->plan, i, m->points, err) || err->code)
        return err->code; /* the halves are asked for at once */
    if (p->polled.status != status) {
        if (!m->refused++)
            modbus_point_name(p, m->first_refusal);
        kp_warn("modbus", "the device refuses a place", "coupling=%s path=%s why=%s",
                kp_log_quote(kp_coupling_name(m->c)), kp_log_quote(p->row->cell[KP_MAP_PATH]), modbus_strerror(errno));
    }
    r->due = kp_coupling_mono(m->c) + RETRY_BAD;
    tell_bad(m, r, status, err);
    describe(m);
    return err->code;
}

static enum kp_code failed(struct modbus *m, size_t i, int why, struct kp_err *err)
{
    struct modbus_read *r = &m->plan.list[i];
    switch (why) {
    case EMBXILADD:
    case EMBXILVAL:
        return refuse_place(m, i, BAD_NO_NODE, err);
    case EMBXILFUN:
        return refuse_place(m, i, BAD_NO_SUCH, err);
    case EMBXACK:
    case EMBXSBUSY:
        r->due = kp_coupling_mono(m->c) + RETRY_BUSY;
        return KP_OK;
    default:
        return missed(m, i, is_exception(why), err);
    }
}

static void nameplate(struct modbus *m, uint8_t unit, struct kp_err *err);

static enum kp_code answered(struct modbus *m, size_t i, const uint16_t *registers, int64_t begin, struct kp_err *err)
{
    struct modbus_read *r = &m->plan.list[i];
    int64_t middle = begin + (kp_coupling_utc(m->c) - begin) / 2, now = kp_coupling_mono(m->c);
    bool back = m->misses[r->unit] >= MISSES_MAX;
    m->misses[r->unit] = 0;
    r->due += r->every;
    if (r->due < now) /* no rush after a rest */
        r->due = now + r->every;
    for (size_t k = 0; back && k < m->plan.n; k++)
        if (m->plan.list[k].unit == r->unit && m->plan.list[k].due > now + m->plan.list[k].every)
            m->plan.list[k].due = now;
    if (tell_values(m, r, registers, middle - middle % KP_MILLISECOND, err))
        return err->code;
    if (back)
        describe(m);
    if (!m->identified[r->unit])
        nameplate(m, r->unit, err);
    return err->code;
}

static enum kp_code do_read(struct modbus *m, size_t i, struct kp_err *err)
{
    uint16_t registers[MODBUS_BITS_MAX] = { 0 };
    int64_t begin = kp_coupling_utc(m->c);
    const struct modbus_read *r = &m->plan.list[i];
    if (m->set->pause)
        nanosleep(&(struct timespec){ .tv_nsec = (long)(m->set->pause % KP_SECOND) }, NULL);
    int n = ask(m, r, registers), why = errno;
    return n == r->count ? answered(m, i, registers, begin, err) : failed(m, i, n < 0 ? why : EMBBADDATA, err);
}

/* ---- who it is ---- */
/* The place that all points of a unit share; "" for the whole coupling. */
static void place_of(const struct modbus *m, uint8_t unit, char out[KP_PATH_MAX])
{
    bool first = true, alone = true;
    *out = 0;
    for (size_t i = 0; i < m->n; i++)
        alone = alone && m->points[i].unit == unit;
    for (size_t i = 0; i < m->n && !alone; i++) {
        const char *path = m->points[i].row->cell[KP_MAP_PATH], *slash = strrchr(path, '/');
        if (m->points[i].unit != unit)
            continue;
        if (first)
            snprintf(out, KP_PATH_MAX, "%.*s", slash ? (int)(slash - path) : 0, path);
        size_t n = strlen(out);
        while (n && (strncmp(out, path, n) != 0 || path[n] != '/')) {
            char *cut = strrchr(out, '/');
            n = cut ? (size_t)(cut - out) : 0;
            out[n] = 0;
        }
        first = false;
    }
}

static uint8_t kind_of(const struct modbus *m, uint8_t unit)
{
    uint8_t kind = KP_PLC;
    for (size_t i = 0; i < m->n; i++) {
        const char *role = m->points[i].row->cell[KP_MAP_ROLE];
        if (m->points[i].unit != unit)
            continue;
        if (m->points[i].row->cell[KP_MAP_STATES] || (role && strcmp(role, "state") == 0))
            return KP_MACHINE;
        if (role && (strcmp(role, "energy") == 0 || strcmp(role, "power") == 0))
            kind = KP_METER;
    }
    return kind;
}

static void nameplate(struct modbus *m, uint8_t unit, struct kp_err *err)
{
    struct modbus_identity id;
    char place[KP_PATH_MAX];
    if (!identify(m, unit, &id, err))
        id = (struct modbus_identity){ 0 };
    place_of(m, unit, place);
    const char *product = *id.product ? id.product : id.model;
    const char *const plate[KP_NAMEPLATE_FIELDS] = {
        [KP_MANUFACTURER_NAME] = *id.vendor ? id.vendor : NULL,
        [KP_PRODUCT_DESIGNATION] = *product ? product : NULL,
        [KP_ORDER_CODE] = *id.product_code ? id.product_code : NULL,
        [KP_FIRMWARE_VERSION] = *id.revision ? id.revision : NULL,
    };
    if (!err->code)
        kp_coupling_identify(m->c, place, kind_of(m, unit), plate, err);
}

/* ---- step ---- */
static enum kp_code step(struct kp_coupling *c, struct kp_err *err)
{
    struct modbus *m = kp_coupling_state(c);
    struct kp_err local = { 0 };
    int64_t now = kp_coupling_mono(c), end = now + KP_SECOND / 2, soon = now + KP_SECOND / 2;
    for (size_t i = 0; i < m->plan.n && now < end && !local.code; i++) {
        if (m->plan.list[i].due <= now)
            do_read(m, i, &local);
        now = kp_coupling_mono(c);
    }
    for (size_t i = 0; i < m->plan.n; i++)
        soon = m->plan.list[i].due < soon ? m->plan.list[i].due : soon;
    if (local.code || kp_coupling_flush(c, &local))
        return kp_fail(err, local.code, "%s", local.text);
    int64_t wait = soon - kp_coupling_mono(c);
    if (wait > WAIT_MS * KP_MILLISECOND)
        wait = WAIT_MS * KP_MILLISECOND;
    if (wait > 0)
        nanosleep(&(struct timespec){ .tv_nsec = (long)wait }, NULL);
    return KP_OK;
}

/* ---- writing ---- */
static struct modbus_point *point_of(struct modbus *m, kp_signal id)
{
    for (size_t i = 0; i < m->n; i++)
        if (m->points[i].polled.id == id)
            return &m->points[i];
    return NULL;
}

/* A field of bits goes into the register as it is now. */
static int write_registers(struct modbus *m, const struct modbus_point *p, uint16_t *registers)
{
    uint16_t now;
    if (p->bits) {
        uint16_t mask = (uint16_t)(((1u << p->bits) - 1) << p->bit);
        if (modbus_read_registers(m->link.bus, p->address, 1, &now) != 1)
            return -1;
        registers[0] = (uint16_t)((now & ~mask) | (registers[0] & mask));
    }
    if (p->count == 1)
        return modbus_write_register(m->link.bus, p->address, registers[0]);
    return modbus_write_registers(m->link.bus, p->address, p->count, registers);
}

static enum kp_code write_value(struct kp_coupling *c, const struct kp_sample *s, struct kp_err *err)
{
    struct modbus *m = kp_coupling_state(c);
    const struct modbus_point *p = point_of(m, s->signal);
    uint16_t registers[MODBUS_REGISTERS_MAX + 1] = { 0 };
    char name[64];
    if (!p)
        return kp_fail(err, KP_ENOTFOUND, "the map has no row for it any more");
    modbus_point_name(p, name);
    if (p->table != MODBUS_HOLDING && p->table != MODBUS_COIL)
        return kp_fail(err, KP_EINVALID, "%s can only be read", name);
    if (modbus_encode(p, &s->value, registers, err))
        return err->code;
    modbus_set_slave(m->link.bus, p->unit);
    errno = 0;
    int n = p->table == MODBUS_COIL ? modbus_write_bit(m->link.bus, p->address, registers[0] != 0)
                                    : write_registers(m, p, registers);
    int why = errno;
    for (size_t i = 0; i < m->plan.n; i++)
        if (m->plan.list[i].unit == p->unit && m->plan.list[i].table == p->table)
            m->plan.list[i].due = 0; /* to be seen at once */
    if (n > 0)
        return KP_OK;
    if (!is_exception(why))
        open_link(m, err);
    return kp_fail(err, KP_EPEER, "%s: %s", name, modbus_strerror(why));
}

const struct kp_coupling_class kp_modbus = {
    .name = "modbus",
    .schemes = "modbus modbus+rtu modbus+rtutcp",
    .url_settings = true,
    .settings_size = sizeof(struct modbus_settings),
    .state_size = sizeof(struct modbus),
    .options = options,
    .check = check,
    .open = modbus_open,
    .step = step,
    .close = modbus_end,
    .write = write_value,
};
