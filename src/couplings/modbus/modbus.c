/* SPDX-License-Identifier: Apache-2.0 */
/* The class: one bus with its units, asked in turn. */
#include "couplings/modbus/modbus.h"

#include "couplings/modbus/modbus_private.h"
#include "couplings/profile.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

#define SETTING(member) offsetof(struct modbus_settings, member)
static const struct kp_option options[] = {
    { .name = "map", .type = KP_OPT_MAP, .offset = SETTING(map),
      .help = "CSV with the columns address, path and perhaps type, unit-id, order, bit, length, scale, offset, unit, every" },
    { .name = "profile", .type = KP_OPT_TEXT, .offset = SETTING(profile),
      .help = "a profile with a map for this device; without one the device is asked what it is" },
    { .name = "unit", .type = KP_OPT_INT, .offset = SETTING(unit), .standard = "1", .min = 0, .max = 255,
      .help = "unit (slave) for rows of the map that name none; modbus://HOST/3 says so too" },
    { .name = "units", .type = KP_OPT_TEXT, .offset = SETTING(units),
      .help = "such as 1-4,7: each of these units has what the map or profile says, below unit-N" },
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

/* Unit 0 on a line is everyone, and nobody answers; the library knows no others than these. */
static enum kp_code check_unit(uint8_t unit, bool line, struct kp_err *err)
{
    if (line ? unit >= 1 && unit <= 247 : unit <= 247 || unit == 255)
        return KP_OK;
    return kp_fail(err, KP_EINVALID, "unit-id: there is no unit %u: they are %s", unit, line ? "1 to 247" : "0 to 247 and 255");
}

static bool is_line(const char *url)
{
    return strncmp(url, "modbus://", 9) != 0;
}

/* The points of a map; those of `m` are made when `points` is given. */
static enum kp_code read_points(const struct kp_map *map, const struct modbus_settings *set, bool line,
                                struct modbus_point *points, struct kp_err *err)
{
    struct modbus_point one;
    for (size_t i = 0; i < map->n; i++) {
        struct modbus_point *p = points ? &points[i] : &one;
        if (modbus_point_read(p, &map->rows[i], set, err) || check_unit(p->unit, line, err))
            return kp_map_context(&map->rows[i], err);
    }
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
    struct kp_map none = { 0 };
    if (modbus_map_spread(&none, set.units, err))
        return err->code;
    kp_map_free(&none);
    if (!set.map || !*set.map || kp_map_read(&map, &modbus_form, set.map, err))
        return err->code;
    if (!modbus_map_spread(&map, set.units, err))
        read_points(&map, &set, is_line(url), NULL, err);
    kp_map_free(&map);
    return err->code;
}

/* ---- what stands where ---- */
/* Chosen by hand, or made for this product: a profile for every device says nothing of this one's registers. */
static bool suits(const struct kp_profile *p, const char *by_hand)
{
    const struct kp_profile_peer anything = { .protocol = "modbus" };
    if (!kp_profile_map(p))
        return false;
    return by_hand && *by_hand ? strcmp(kp_profile_name(p), by_hand) == 0 : !kp_profile_applies(p, &anything);
}

static enum kp_code map_of_profile(struct modbus *m, const char *product, struct kp_err *err)
{
    struct kp_profiles all;
    const struct kp_profile_peer peer = { .protocol = "modbus", .product = product, .by_hand = m->set->profile };
    if (kp_profiles_load(&all, &peer, err))
        return err->code;
    for (size_t i = 0; i < all.n && !m->map.n && !err->code; i++)
        if (suits(all.list[i], m->set->profile) &&
            kp_map_read_lines(&m->map, &modbus_form, kp_profile_map(all.list[i]), err))
            kp_context(err, "profile %s", kp_profile_name(all.list[i]));
    kp_profiles_free(&all);
    return err->code;
}

enum kp_code modbus_relink(struct modbus *m, struct kp_err *err)
{
    return modbus_link_open(&m->link, kp_coupling_url(m->c), m->set, err);
}

static void product_of(const struct modbus_identity *id, char out[160])
{
    const char *product = *id->product ? id->product : *id->model ? id->model : id->product_code;
    snprintf(out, 160, "%s/%s", id->vendor, product);
}

/* The map typed in, else that of the profile chosen, else of that which fits what the device says it is. */
static enum kp_code find_map(struct modbus *m, struct kp_err *err)
{
    struct modbus_identity id;
    char product[160] = "";
    if (m->set->map && *m->set->map)
        return kp_map_read(&m->map, &modbus_form, m->set->map, err);
    if (!(m->set->profile && *m->set->profile)) {
        m->unknown = !modbus_who(m, m->own, &id, err);
        if (!m->unknown)
            product_of(&id, product);
    }
    return err->code ? err->code : map_of_profile(m, product, err);
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
        list[i] = (struct kp_declare){ .path = p->row->cell[KP_MAP_PATH], .asset_kind = KP_FOLDER, .by_path = true };
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

/* What the filter keeps out is not asked for. */
static void drop_unwanted(struct modbus *m)
{
    size_t n = 0;
    for (size_t i = 0; i < m->n; i++)
        if (m->points[i].polled.id)
            m->points[n++] = m->points[i];
    m->n = n;
    for (size_t i = 0; i < n; i++)
        m->units[m->points[i].unit].mapped = true;
}

static enum kp_code prepare(struct modbus *m, struct kp_err *err)
{
    struct modbus_settings set = *m->set;
    const char *url = kp_coupling_url(m->c);
    if (unit_of_url(url, m->set, &set.unit, err))
        return err->code;
    m->own = (uint8_t)set.unit;
    if (find_map(m, err) || modbus_map_spread(&m->map, m->set->units, err))
        return err->code;
    m->n = m->map.n;
    m->points = kp_alloc((m->n + 1) * sizeof *m->points);
    if (!m->points)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    if (read_points(&m->map, &set, is_line(url), m->points, err) || declare(m, err))
        return err->code;
    drop_unwanted(m);
    return modbus_plan_make(&m->plan, m->points, m->n, m->set, err);
}

/* ---- what is shown ---- */
static void list_dead(const struct modbus *m, char *out, size_t size)
{
    size_t n = 0;
    *out = 0;
    for (unsigned u = 0; u < MODBUS_UNITS && n < size - 40; u++)
        if (m->units[u].misses >= MODBUS_MISSES_MAX)
            n += (size_t)snprintf(out + n, size - n, "%s%u", n ? ", " : "; no answer from unit ", u);
}

static uint32_t count_refused(const struct modbus *m, char first[64])
{
    uint32_t n = 0;
    *first = 0;
    for (size_t i = 0; i < m->n; i++)
        if (m->points[i].polled.told && (m->points[i].polled.status == KP_BAD_NODE_ID_UNKNOWN ||
                                         m->points[i].polled.status == KP_BAD_NOT_SUPPORTED) && n++ == 0)
            modbus_point_name(&m->points[i], first);
    return n;
}

void modbus_describe(struct modbus *m)
{
    char refused[120] = "", dead[100], first[64];
    uint32_t n = count_refused(m, first);
    list_dead(m, dead, sizeof dead);
    if (n)
        snprintf(refused, sizeof refused, "; %u refused by the device, first %s", n, first);
    kp_coupling_count(m->c, (uint32_t)m->n, KP_MAP_ROWS_MAX, n);
    if (!m->n)
        kp_coupling_note(m->c, "connected, but nothing is known of what stands in its registers: give a map "
                               "(koppel couplings %.60s --map FILE) or a profile",
                         kp_coupling_name(m->c));
    else
        kp_coupling_note(m->c, "%zu values in %zu questions%s%s%s", m->n, m->plan.n, refused, dead,
                         m->behind ? "; asked more than the bus can bear: raise poll" : "");
}

/* ---- open, step, close ---- */
static enum kp_code modbus_open(struct kp_coupling *c, struct kp_err *err)
{
    struct modbus *m = kp_coupling_state(c);
    m->c = c;
    m->set = kp_coupling_settings(c);
    if (modbus_relink(m, err) || prepare(m, err) || modbus_greet(m, err))
        return err->code;
    kp_coupling_online(c);
    modbus_describe(m);
    return KP_OK;
}

static enum kp_code step(struct kp_coupling *c, struct kp_err *err)
{
    return modbus_poll(kp_coupling_state(c), err);
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
    .write = modbus_write_point,
};
