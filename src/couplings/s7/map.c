/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses as STEP 7 and TIA Portal write them, and the bytes behind them (big endian). */
#include "couplings/s7/s7_private.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "core/ban.h"

enum { ADDRESS = KP_MAP_COMMON, LENGTH };
static const char *const columns[] = { "address", "length", NULL };
const struct kp_map_form s7_form = { columns, 1 };

static const struct {
    const char *name;
    uint8_t type, size, koppel;
} types[] = {
    { "bool", S7_BOOL, 1, KP_BOOL },     { "byte", S7_BYTE, 1, KP_UINT64 },   { "word", S7_WORD, 2, KP_UINT64 },
    { "dword", S7_DWORD, 4, KP_UINT64 }, { "sint", S7_SINT, 1, KP_INT64 },    { "int", S7_INT, 2, KP_INT64 },
    { "dint", S7_DINT, 4, KP_INT64 },    { "lint", S7_LINT, 8, KP_INT64 },    { "usint", S7_USINT, 1, KP_UINT64 },
    { "uint", S7_UINT, 2, KP_UINT64 },   { "udint", S7_UDINT, 4, KP_UINT64 }, { "ulint", S7_ULINT, 8, KP_UINT64 },
    { "real", S7_REAL, 4, KP_FLOAT },    { "lreal", S7_LREAL, 8, KP_DOUBLE }, { "char", S7_CHAR, 1, KP_STRING },
    { "string", S7_STRING, 0, KP_STRING }, { "date_and_time", S7_DATE_AND_TIME, 8, KP_TIME }, { "dtl", S7_DTL, 12, KP_TIME },
    { "time", S7_TIME, 4, KP_INT64 },    { "date", S7_DATE, 2, KP_TIME },     { "time_of_day", S7_TOD, 4, KP_UINT64 },
};
enum { TYPES = sizeof types / sizeof *types };

static const char *name_of(uint8_t type)
{
    return types[type].name;
}

/* ---- addresses ---- */
static bool number(const char **p, unsigned long most, unsigned long *out)
{
    char *end;
    if (**p < '0' || **p > '9')
        return false;
    *out = strtoul(*p, &end, 10);
    *p = end;
    return *out <= most;
}

/* "X", "B", "W", "D", or none: what a letter says of the type. */
static uint8_t letter(const char **p)
{
    static const char letters[] = "XBWD";
    static const uint8_t said[] = { S7_BOOL, S7_BYTE, S7_WORD, S7_DWORD };
    const char *at = **p ? strchr(letters, **p & ~0x20) : NULL;
    if (!at || !*at)
        return UINT8_MAX;
    ++*p;
    return said[at - letters];
}

/* "DB10.DBD4", "DB10.DBX0.3", "DB10,REAL4", "DB10.4", "MW20", "M0.3", "IB0", "E0.1", "QW2", "A0.1". */
static bool take_address(struct s7_point *p, const char *text, bool *has_bit)
{
    unsigned long block = 0, byte, bit = 0;
    const char *t = text;
    static const struct {
        const char *name;
        uint8_t area;
    } areas[] = { { "I", S7_INPUTS }, { "E", S7_INPUTS }, { "Q", S7_OUTPUTS }, { "A", S7_OUTPUTS }, { "M", S7_FLAGS } };
    p->type = UINT8_MAX;
    if (strncasecmp(t, "DB", 2) == 0) {
        p->area = S7_BLOCK;
        t += 2;
        if (!number(&t, 65535, &block) || block < 1 || (*t != '.' && *t != ','))
            return false;
        t++;
        if (strncasecmp(t, "DB", 2) == 0) {
            t += 2;
            p->type = letter(&t);
            if (p->type == UINT8_MAX)
                return false;
        } else {
            for (uint8_t i = TYPES; i-- > 0;) { /* "REAL4": the longest name first would not matter, digits follow */
                size_t n = strlen(types[i].name);
                if (strncasecmp(t, types[i].name, n) == 0 && t[n] >= '0' && t[n] <= '9') {
                    p->type = types[i].type;
                    t += n;
                    break;
                }
            }
            if (p->type == UINT8_MAX && (*t == 'X' || *t == 'x'))
                p->type = letter(&t);
        }
    } else {
        for (size_t i = 0; i < sizeof areas / sizeof *areas; i++)
            if ((*t & ~0x20) == *areas[i].name)
                p->area = areas[i].area;
        if (!p->area)
            return false;
        t++;
        p->type = letter(&t);
    }
    if (!number(&t, 65535, &byte))
        return false;
    *has_bit = *t == '.';
    if (*has_bit && (t++, !number(&t, 7, &bit)))
        return false;
    p->block = (uint16_t)block;
    p->byte = (uint32_t)byte;
    p->bit = (uint8_t)bit;
    return !*t;
}

/* "string[20]" as TIA Portal writes it: the type without, and the number for the length. */
static const char *part_length(const char *text, char name[64], char length[8])
{
    const char *open = text ? strchr(text, '[') : NULL;
    size_t n = open ? (size_t)(open - text) : 0, digits = open ? strspn(open + 1, "0123456789") : 0;
    if (!open || n >= 64 || !digits || digits >= 8 || strcmp(open + 1 + digits, "]") != 0)
        return text;
    memcpy(name, text, n);
    name[n] = 0;
    memcpy(length, open + 1, digits);
    length[digits] = 0;
    return name;
}

static enum kp_code take_type(struct s7_point *p, const char *text, bool has_bit, struct kp_err *err)
{
    const char *names[TYPES + 1] = { 0 };
    for (size_t i = 0; text && i < TYPES; i++) {
        names[i] = types[i].name;
        if (strcasecmp(text, names[i]) == 0) {
            p->type = types[i].type;
            break;
        }
        if (i + 1 == TYPES) {
            const char *near = kp_nearest(text, names);
            return kp_fail(err, KP_EPARSE, near ? "type: '%.60s' is not known, did you mean '%s'?" : "type: '%.60s' is not known", text, near);
        }
    }
    if (p->type == UINT8_MAX)
        p->type = has_bit ? S7_BOOL : UINT8_MAX;
    if (p->type == UINT8_MAX)
        return kp_fail(err, KP_EPARSE, "type: neither it nor the address says what stands there, such as real or int");
    if (has_bit != (p->type == S7_BOOL))
        return kp_fail(err, KP_EPARSE, has_bit ? "address: a bit is a bool" : "address: a bool needs its bit, such as DB10.DBX0.3");
    p->size = types[p->type].size;
    return KP_OK;
}

static enum kp_code take_length(struct s7_point *p, const char *text, struct kp_err *err)
{
    char *end = NULL;
    unsigned long n = text ? strtoul(text, &end, 10) : S7_TEXT_MAX;
    if (p->type != S7_STRING)
        return text ? kp_fail(err, KP_EPARSE, "length: only a string has one") : KP_OK;
    if ((text && (*end || *text < '0' || *text > '9')) || n < 1 || n > S7_TEXT_MAX)
        return kp_fail(err, KP_EPARSE, "length: '%.20s' is not a number from 1 to %d", text, S7_TEXT_MAX);
    p->size = (uint16_t)(n + 2);
    return KP_OK;
}

enum kp_code s7_point_read(struct s7_point *p, const struct kp_map_row *row, struct kp_err *err)
{
    bool has_bit = false;
    *p = (struct s7_point){ .row = row };
    if (!take_address(p, row->cell[ADDRESS], &has_bit))
        return kp_fail(err, KP_EPARSE, "address: '%.60s' is not such as DB10.DBD4, DB10.DBX0.3, DB10,REAL4, MW20 or I0.1",
                       row->cell[ADDRESS]);
    char name[64], length[8] = "";
    const char *type = part_length(row->cell[KP_MAP_TYPE], name, length), *given = row->cell[LENGTH];
    if (*length && given)
        return kp_fail(err, KP_EPARSE, "length: it stands behind the type already");
    if (take_type(p, type, has_bit, err) || take_length(p, *length ? length : given, err))
        return err->code;
    p->scaled = kp_map_scale(row, &p->scale, &p->offset);
    uint8_t kind = types[p->type].koppel;
    if (p->scaled && (kind == KP_BOOL || kind == KP_STRING || kind == KP_TIME || p->scale == 0))
        return kp_fail(err, KP_EPARSE, "scale: a %s has none", p->scale == 0 ? "number times 0" : name_of(p->type));
    return KP_OK;
}

uint8_t s7_point_type(const struct s7_point *p)
{
    return p->scaled ? KP_DOUBLE : types[p->type].koppel;
}

void s7_point_name(const struct s7_point *p, char out[64])
{
    char bit[4] = "";
    const char *area = p->area == S7_INPUTS ? "I" : p->area == S7_OUTPUTS ? "Q" : "M";
    if (p->type == S7_BOOL)
        snprintf(bit, sizeof bit, ".%u", p->bit);
    if (p->area == S7_BLOCK)
        snprintf(out, 64, "DB%u.DBB%u%s %s", p->block, p->byte, bit, name_of(p->type));
    else
        snprintf(out, 64, "%sB%u%s %s", area, p->byte, bit, name_of(p->type));
}

/* ---- values ---- */
static uint64_t big(const uint8_t *p, unsigned n)
{
    uint64_t u = 0;
    while (n--)
        u = u << 8 | *p++;
    return u;
}

static struct kp_value time_value(int year, int month, int day, int hour, int minute, int second, int64_t ns)
{
    char text[64];
    int64_t at;
    snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02dZ", year, month, day, hour, minute, second);
    struct kp_value v = { .type = KP_NULL };
    if (kp_time_parse(text, &at) && ns >= 0 && ns < KP_SECOND)
        v = (struct kp_value){ .i = at + ns, .type = KP_TIME };
    return v;
}

static int bcd(uint8_t b)
{
    return (b >> 4) * 10 + (b & 15);
}

static struct kp_value times(const struct s7_point *p, const uint8_t *d)
{
    if (p->type == S7_DTL)
        return time_value((int)big(d, 2), d[2], d[3], d[5], d[6], d[7], (int64_t)big(d + 8, 4));
    int year = bcd(d[0]);
    return time_value(year + (year < 90 ? 2000 : 1900), bcd(d[1]), bcd(d[2]), bcd(d[3]), bcd(d[4]), bcd(d[5]),
                      (bcd(d[6]) * 10 + (d[7] >> 4)) * KP_MILLISECOND);
}

/* Latin 1, as the PLC has it, becomes UTF-8. */
static struct kp_value text_value(const uint8_t *d, size_t n, char text[KP_POLLED_TEXT])
{
    size_t k = 0;
    for (size_t i = 0; i < n && d[i] && k < KP_POLLED_TEXT - 2; i++) {
        if (d[i] < 0x80) {
            text[k++] = (char)d[i];
        } else {
            text[k++] = (char)(0xc0 | d[i] >> 6);
            text[k++] = (char)(0x80 | (d[i] & 0x3f));
        }
    }
    text[k] = 0;
    return kp_string(text, k);
}

struct kp_value s7_decode(const struct s7_point *p, const uint8_t *d, char text[KP_POLLED_TEXT])
{
    struct kp_value v = { .type = types[p->type].koppel };
    uint64_t raw = p->size <= 8 ? big(d, p->size) : 0;
    uint32_t low = (uint32_t)raw;
    double n = 0;
    switch ((enum s7_type)p->type) {
    case S7_BOOL:
        return kp_bool(d[0] >> p->bit & 1);
    case S7_STRING:
        return d[1] <= p->size - 2 ? text_value(d + 2, d[1], text) : (struct kp_value){ .type = KP_NULL };
    case S7_CHAR:
        return text_value(d, 1, text);
    case S7_DATE_AND_TIME:
    case S7_DTL:
        return times(p, d);
    case S7_DATE: /* days since 1990 */
        v.i = ((int64_t)raw + 7305) * 86400 * KP_SECOND;
        return v;
    case S7_REAL:
        memcpy(&v.f, &low, 4);
        n = (double)v.f;
        break;
    case S7_LREAL:
        memcpy(&v.d, &raw, 8);
        n = v.d;
        break;
    default:
        v.u = raw;
        if (v.type == KP_INT64 && p->size < 8)
            v.i = (int64_t)(raw << (64 - 8 * p->size)) >> (64 - 8 * p->size);
        n = v.type == KP_INT64 ? (double)v.i : (double)v.u;
    }
    return p->scaled ? kp_double(n * p->scale + p->offset) : v;
}

static void put_big(uint8_t *d, uint64_t u, unsigned n)
{
    for (; n--; u >>= 8)
        d[n] = (uint8_t)u;
}

/* Length and characters in Latin 1; how many it can hold the place says itself. */
static enum kp_code encode_text(const struct s7_point *p, const struct kp_value *v, uint8_t *d, struct kp_err *err)
{
    const uint8_t *t = v->data;
    size_t n = 0, most = p->size - 2u;
    if (v->type != KP_STRING)
        return kp_fail(err, KP_EINVALID, "a text is needed");
    memset(d, 0, p->size);
    for (size_t i = 0; i < v->len; i++) {
        bool two = t[i] >= 0xc2 && t[i] <= 0xc3 && i + 1 < v->len;
        if ((t[i] >= 0x80 && !two) || !t[i])
            return kp_fail(err, KP_EINVALID, "the text has a character that the PLC's strings (Latin 1) cannot hold");
        if (n == most)
            return kp_fail(err, KP_EINVALID, "a text of at most %zu characters is needed", most);
        d[2 + n++] = two ? (uint8_t)((t[i] & 3) << 6 | (t[i + 1] & 0x3f)) : t[i];
        i += two;
    }
    d[0] = (uint8_t)most;
    d[1] = (uint8_t)n;
    return KP_OK;
}

enum kp_code s7_encode(const struct s7_point *p, const struct kp_value *v, uint8_t *d, struct kp_err *err)
{
    double n, raw;
    if (p->type == S7_STRING)
        return encode_text(p, v, d, err);
    if (!kp_value_number(v, &n) || types[p->type].koppel == KP_TIME || types[p->type].koppel == KP_STRING)
        return kp_fail(err, KP_EINVALID, "a %s cannot be written so", name_of(p->type));
    raw = (n - p->offset) / p->scale;
    if (p->type == S7_BOOL) {
        d[0] = n != 0;
        return KP_OK;
    }
    if (p->type == S7_REAL) {
        float f = (float)raw;
        uint32_t bits;
        memcpy(&bits, &f, 4);
        put_big(d, bits, 4);
        return isfinite(f) || !isfinite(raw) ? KP_OK : kp_fail(err, KP_EINVALID, "the value does not fit into a real");
    }
    if (p->type == S7_LREAL) {
        uint64_t bits;
        memcpy(&bits, &raw, 8);
        put_big(d, bits, 8);
        return KP_OK;
    }
    bool is_signed = types[p->type].koppel == KP_INT64;
    double low = is_signed ? -ldexp(1, 8 * p->size - 1) : 0, high = ldexp(1, 8 * p->size - is_signed), whole = nearbyint(raw);
    if (!(whole >= low && whole < high) || (!p->scaled && whole != raw))
        return kp_fail(err, KP_EINVALID, "the value does not fit into a %s", name_of(p->type));
    bool exact = !p->scaled && (v->type == KP_INT64 || v->type == KP_UINT64);
    put_big(d, exact ? v->u : is_signed ? (uint64_t)(int64_t)whole : (uint64_t)whole, p->size);
    return KP_OK;
}
