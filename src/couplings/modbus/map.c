/* SPDX-License-Identifier: Apache-2.0 */
/* What a row of a register map says. */
#include "couplings/modbus/modbus_private.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/ban.h"

enum { ADDRESS = KP_MAP_COMMON, UNIT_ID, ORDER, BIT, LENGTH, EVERY };
static const char *const columns[] = { "address", "unit-id", "order", "bit", "length", "every", NULL };
const struct kp_map_form modbus_form = { columns, 1 };

static const struct {
    const char *name;
    uint8_t type, registers;
} types[] = {
    { "int16", MODBUS_INT16, 1 },     { "uint16", MODBUS_UINT16, 1 },   { "int32", MODBUS_INT32, 2 },
    { "uint32", MODBUS_UINT32, 2 },   { "int64", MODBUS_INT64, 4 },     { "uint64", MODBUS_UINT64, 4 },
    { "float32", MODBUS_FLOAT32, 2 }, { "float64", MODBUS_FLOAT64, 4 }, { "bool", MODBUS_BOOL, 1 },
    { "string", MODBUS_STRING, 0 },   { "float", MODBUS_FLOAT32, 2 },   { "double", MODBUS_FLOAT64, 4 },
    { "word", MODBUS_UINT16, 1 },     { "dword", MODBUS_UINT32, 2 },   { "bcd16", MODBUS_BCD, 1 },
    { "bcd32", MODBUS_BCD, 2 },
};
static const char *const tables[] = { "coil", "discrete", "input", "holding" };

static bool whole_number(const char *text, unsigned long most, unsigned long *out)
{
    char *end;
    if (*text < '0' || *text > '9')
        return false;
    *out = strtoul(text, &end, strncasecmp(text, "0x", 2) == 0 ? 16 : 10);
    return !*end && *out <= most;
}

/* "holding:0", "h0", from 0; or "40001", "400001", from 1, with the table as its first digit; the coils' 0 may be left
 * out. */
static enum kp_code take_address(struct modbus_point *p, const char *text, struct kp_err *err)
{
    static const uint8_t by_digit[] = { MODBUS_COIL, MODBUS_DISCRETE, UINT8_MAX, MODBUS_INPUT, MODBUS_HOLDING };
    unsigned long n;
    size_t len = strlen(text);
    for (uint8_t t = MODBUS_COIL; t <= MODBUS_HOLDING; t++) {
        size_t word = strlen(tables[t]);
        bool whole = strncasecmp(text, tables[t], word) == 0 && text[word] == ':';
        bool letter = (*text | 0x20) == *tables[t] && text[1] != 0;
        const char *number = whole ? text + word + 1 : text + 1;
        if ((whole || letter) && whole_number(number, 65535, &n)) {
            p->table = t;
            p->address = (uint16_t)n;
            return KP_OK;
        }
    }
    if ((len == 5 || len == 6) && *text >= '0' && *text <= '4' && *text != '2' && whole_number(text + 1, 65536, &n) && n > 0) {
        p->table = by_digit[*text - '0'];
        p->address = (uint16_t)(n - 1);
        return KP_OK;
    }
    if (len <= 4 && *text != '0' && whole_number(text, 9999, &n)) {
        p->table = MODBUS_COIL;
        p->address = (uint16_t)(n - 1);
        return KP_OK;
    }
    return kp_fail(err, KP_EPARSE,
                   "address: '%.60s' is neither such as 40001 or 300001 nor such as holding:0, input:12, coil:3 or"
                   " discrete:7, which count from 0",
                   text);
}

static enum kp_code take_type(struct modbus_point *p, const char *address, const char *text, struct kp_err *err)
{
    const char *names[sizeof types / sizeof *types + 1] = { 0 };
    bool bits = p->table <= MODBUS_DISCRETE;
    p->type = bits ? MODBUS_BOOL : MODBUS_UINT16;
    p->count = 1;
    if (!text)
        return KP_OK;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        names[i] = types[i].name;
        if (strcasecmp(text, names[i]) != 0)
            continue;
        p->type = types[i].type;
        p->count = types[i].registers;
        if (bits && p->type != MODBUS_BOOL)
            return kp_fail(err, KP_EPARSE, "type: '%.20s' is %s:%u, and that is a bool and nothing else; registers are such as"
                                           " holding:0 or 40001",
                           address, tables[p->table], p->address);
        return KP_OK;
    }
    const char *near = kp_nearest(text, names);
    return kp_fail(err, KP_EPARSE, "type: '%.60s' is none of int16, uint16, int32, uint32, int64, uint64, float32,"
                                   " float64, bool, string, bcd16 and bcd32%s%s%s",
                   text, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static enum kp_code take_order(struct modbus_point *p, const char *text, struct kp_err *err)
{
    static const char *const orders[] = { "ABCD", "CDAB", "BADC", "DCBA" };
    for (uint8_t i = 0; text && i < 4; i++)
        if (strcasecmp(text, orders[i]) == 0) {
            p->order = i;
            return KP_OK;
        }
    return text ? kp_fail(err, KP_EPARSE, "order: '%.60s' is none of ABCD, CDAB, BADC and DCBA", text) : KP_OK;
}

/* "3" or "3-5", from the lowest bit, 0. */
static enum kp_code take_bits(struct modbus_point *p, const char *text, struct kp_err *err)
{
    char first[8];
    unsigned long low, high;
    if (!text)
        return KP_OK;
    size_t n = strcspn(text, "-");
    snprintf(first, sizeof first, "%.*s", (int)(n < 7 ? n : 7), text);
    bool valid = whole_number(first, 15, &low) && whole_number(text[n] ? text + n + 1 : first, 15, &high) && low <= high;
    if (!valid)
        return kp_fail(err, KP_EPARSE, "bit: '%.60s' is not such as 3 or 3-5, out of 0 to 15", text);
    if (p->table <= MODBUS_DISCRETE || p->count != 1)
        return kp_fail(err, KP_EPARSE, "bit: only a register of 16 bits has bits to choose");
    p->bit = (uint8_t)low;
    p->bits = (uint8_t)(high - low + 1);
    if (p->type != MODBUS_UINT16 && p->type != MODBUS_INT16 && p->type != MODBUS_BOOL)
        return kp_fail(err, KP_EPARSE, "bit: only int16, uint16 and bool have bits to choose");
    if (p->bits == 1 && p->type == MODBUS_UINT16)
        p->type = MODBUS_BOOL;
    return KP_OK;
}

static enum kp_code take_length(struct modbus_point *p, const char *text, struct kp_err *err)
{
    unsigned long n;
    if (p->type != MODBUS_STRING)
        return text ? kp_fail(err, KP_EPARSE, "length: only a string has one") : KP_OK;
    if (!text || !whole_number(text, MODBUS_TEXT_MAX - 2, &n) || n < 1)
        return kp_fail(err, KP_EPARSE, "length: a string needs its characters, 1 to %d", MODBUS_TEXT_MAX - 2);
    p->count = (uint16_t)((n + 1) / 2);
    return KP_OK;
}

static enum kp_code take_pace(struct modbus_point *p, const char *every, const char *unit,
                              const struct modbus_settings *set, struct kp_err *err)
{
    unsigned long n = (unsigned long)set->unit;
    p->every = set->poll;
    if (every && (!kp_duration_parse(every, &p->every) || p->every < 10 * KP_MILLISECOND || p->every > 86400 * KP_SECOND))
        return kp_fail(err, KP_EPARSE, "every: '%.60s' is not a time from 10ms to 1d", every);
    if (unit && !whole_number(unit, 255, &n))
        return kp_fail(err, KP_EPARSE, "unit-id: '%.60s' is not a number from 0 to 255", unit);
    p->unit = (uint8_t)n;
    return KP_OK;
}

enum kp_code modbus_point_read(struct modbus_point *p, const struct kp_map_row *row, const struct modbus_settings *set,
                               struct kp_err *err)
{
    *p = (struct modbus_point){ .row = row };
    if (take_address(p, row->cell[ADDRESS], err) || take_type(p, row->cell[ADDRESS], row->cell[KP_MAP_TYPE], err) ||
        take_order(p, row->cell[ORDER], err) || take_bits(p, row->cell[BIT], err) ||
        take_length(p, row->cell[LENGTH], err) || take_pace(p, row->cell[EVERY], row->cell[UNIT_ID], set, err))
        return err->code;
    p->scaled = kp_map_scale(row, &p->scale, &p->offset);
    if (p->scaled && (p->type == MODBUS_STRING || p->type == MODBUS_BOOL || p->scale == 0))
        return kp_fail(err, KP_EPARSE, "scale: a %s has none", p->scale == 0 ? "number times 0" : "bool or string");
    double inverse = nearbyint(1 / p->scale);
    p->divide = fabs(inverse) > 1 && 1 / inverse == p->scale ? inverse : 0;
    if (p->address + p->count > 65536)
        return kp_fail(err, KP_EPARSE, "address: it reaches beyond the last register");
    return KP_OK;
}

/* ---- one map for many units ---- */
/* "1-4,7" as a bit per unit. */
static enum kp_code read_units(const char *text, bool wanted[MODBUS_UNITS], unsigned *n, struct kp_err *err)
{
    for (const char *p = text; *p; p += *p == ',') {
        char *end;
        unsigned long first = strtoul(p, &end, 10), last = first;
        if (end != p && *end == '-')
            last = strtoul(p = end + 1, &end, 10);
        if (end == p || (*end && *end != ',') || (*end && !end[1]) || *p < '0' || *p > '9' || first > last || last >= MODBUS_UNITS)
            return kp_fail(err, KP_EINVALID, "units: '%.60s' is not such as 1-4,7", text);
        for (unsigned long u = first; u <= last; u++) {
            *n += !wanted[u];
            wanted[u] = true;
        }
        p = end;
    }
    return KP_OK;
}

static enum kp_code put_row(struct kp_map *map, struct kp_map_row *to, const struct kp_map_row *from, unsigned unit,
                            struct kp_err *err)
{
    char path[KP_PATH_MAX + 16], number[8];
    snprintf(path, sizeof path, "unit-%u/%s", unit, from->cell[KP_MAP_PATH]);
    snprintf(number, sizeof number, "%u", unit);
    *to = *from;
    to->cell[KP_MAP_PATH] = kp_arena_strdup(&map->arena, path);
    to->cell[UNIT_ID] = kp_arena_strdup(&map->arena, number);
    if (!to->cell[KP_MAP_PATH] || !to->cell[UNIT_ID])
        return kp_fail(err, KP_ENOMEM, "out of memory");
    if (kp_path_valid(path))
        return KP_OK;
    kp_fail(err, KP_EPARSE, "path: '%.60s' is too long with the unit in front", path);
    return kp_map_context(from, err);
}

enum kp_code modbus_map_spread(struct kp_map *map, const char *units, struct kp_err *err)
{
    bool wanted[MODBUS_UNITS] = { 0 };
    unsigned n_units = 0;
    size_t n = 0;
    if (!units || !*units || read_units(units, wanted, &n_units, err))
        return err->code;
    for (size_t i = 0; i < map->n; i++)
        n += map->rows[i].cell[UNIT_ID] ? 1 : n_units;
    if (n > KP_MAP_ROWS_MAX)
        return kp_fail(err, KP_EFULL, "units: the map has %zu rows for all of them, more than %d", n, KP_MAP_ROWS_MAX);
    struct kp_map_row *rows = kp_alloc((n + 1) * sizeof *rows);
    if (!rows)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    n = 0;
    for (size_t i = 0; i < map->n && !err->code; i++) {
        if (map->rows[i].cell[UNIT_ID])
            rows[n++] = map->rows[i];
        for (unsigned u = 0; u < MODBUS_UNITS && !map->rows[i].cell[UNIT_ID] && !err->code; u++)
            if (wanted[u])
                put_row(map, &rows[n++], &map->rows[i], u, err);
    }
    kp_free(map->rows);
    map->rows = rows;
    map->n = n;
    return err->code;
}

/* ---- what is said of a point ---- */
uint8_t modbus_point_type(const struct modbus_point *p)
{
    static const uint8_t of[] = { KP_BOOL, KP_INT64, KP_UINT64, KP_INT64, KP_UINT64, KP_INT64, KP_UINT64,
                                  KP_FLOAT, KP_DOUBLE, KP_STRING, KP_UINT64 };
    return p->scaled ? KP_DOUBLE : of[p->type];
}

uint16_t modbus_point_mask(const struct modbus_point *p)
{
    uint16_t mask = (uint16_t)(((1u << p->bits) - 1) << p->bit);
    bool swapped = p->order == MODBUS_BADC || p->order == MODBUS_DCBA;
    return swapped ? (uint16_t)(mask << 8 | mask >> 8) : mask;
}

void modbus_point_name(const struct modbus_point *p, char out[64])
{
    char bits[16] = "";
    if (p->bits)
        snprintf(bits, sizeof bits, p->bits > 1 ? ".%u-%u" : ".%u", p->bit, p->bit + p->bits - 1);
    snprintf(out, 64, "unit %u %s:%u%s", p->unit, tables[p->table], p->address, bits);
}
