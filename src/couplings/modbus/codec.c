/* SPDX-License-Identifier: Apache-2.0 */
/* Registers to values and back. */
#include "couplings/modbus/modbus_private.h"

#include <math.h>
#include <string.h>

#include "core/ban.h"

/* The same way there and back. */
static uint64_t reordered(const struct modbus_point *p, const uint16_t *registers)
{
    uint64_t all = 0;
    bool words = p->order == MODBUS_CDAB || p->order == MODBUS_DCBA,
         bytes = p->order == MODBUS_BADC || p->order == MODBUS_DCBA;
    for (unsigned i = 0; i < p->count; i++) {
        uint16_t w = registers[words ? p->count - 1u - i : i];
        all = all << 16 | (bytes ? (uint16_t)(w << 8 | w >> 8) : w);
    }
    return all;
}

static void spread(const struct modbus_point *p, uint64_t all, uint16_t *registers)
{
    bool words = p->order == MODBUS_CDAB || p->order == MODBUS_DCBA,
         bytes = p->order == MODBUS_BADC || p->order == MODBUS_DCBA;
    for (unsigned i = p->count; i-- > 0; all >>= 16) {
        uint16_t w = (uint16_t)all;
        registers[words ? p->count - 1u - i : i] = bytes ? (uint16_t)(w << 8 | w >> 8) : w;
    }
}

static int64_t signed_of(const struct modbus_point *p, uint64_t all)
{
    unsigned bits = p->bits ? p->bits : 16u * p->count;
    return bits == 64 ? (int64_t)all : (int64_t)(all << (64 - bits)) >> (64 - bits);
}

/* Two characters a register, the first in its high byte; up to the first 0, spaces at the end cut. */
static struct kp_value text_of(const struct modbus_point *p, const uint16_t *registers, char text[MODBUS_TEXT_MAX])
{
    char raw[MODBUS_TEXT_MAX];
    size_t n = 0;
    bool swapped = p->order == MODBUS_BADC || p->order == MODBUS_DCBA;
    for (unsigned i = 0; i < p->count && n < sizeof raw - 2; i++) {
        char high = (char)(registers[i] >> 8), low = (char)registers[i];
        raw[n++] = swapped ? low : high;
        raw[n++] = swapped ? high : low;
    }
    raw[n] = 0;
    n = strlen(raw);
    while (n && raw[n - 1] == ' ')
        n--;
    kp_utf8_clean(text, MODBUS_TEXT_MAX, raw, n);
    return kp_string(text, strlen(text));
}

static bool from_digits(uint64_t digits, uint64_t *out)
{
    uint64_t unit = 1;
    for (*out = 0; digits; digits >>= 4, unit *= 10) {
        if ((digits & 15) > 9)
            return false;
        *out += (digits & 15) * unit;
    }
    return true;
}

static uint64_t to_digits(uint64_t n)
{
    uint64_t digits = 0;
    for (unsigned shift = 0; n; n /= 10, shift += 4)
        digits |= n % 10 << shift;
    return digits;
}

static double scaled(const struct modbus_point *p, double raw)
{
    return (p->divide != 0 ? raw / p->divide : raw * p->scale) + p->offset;
}

struct kp_value modbus_decode(const struct modbus_point *p, const uint16_t *registers, char text[MODBUS_TEXT_MAX])
{
    if (p->type == MODBUS_STRING)
        return text_of(p, registers, text);
    uint64_t all = reordered(p, registers);
    if (p->bits)
        all = all >> p->bit & ((UINT64_C(1) << p->bits) - 1);
    double number = 0;
    struct kp_value v = { 0 };
    switch ((enum modbus_type)p->type) {
    case MODBUS_BOOL:
        return kp_bool(all != 0);
    case MODBUS_FLOAT32: {
        uint32_t bits = (uint32_t)all;
        v.type = KP_FLOAT;
        memcpy(&v.f, &bits, sizeof v.f);
        number = (double)v.f;
        break;
    }
    case MODBUS_FLOAT64:
        v.type = KP_DOUBLE;
        memcpy(&v.d, &all, sizeof v.d);
        number = v.d;
        break;
    case MODBUS_INT16:
    case MODBUS_INT32:
    case MODBUS_INT64:
        v = kp_int(signed_of(p, all));
        number = (double)v.i;
        break;
    case MODBUS_BCD:
        if (!from_digits(all, &all))
            return v;
        /* fallthrough */
    default:
        v.type = KP_UINT64;
        v.u = all;
        number = (double)all;
    }
    return p->scaled ? kp_double(scaled(p, number)) : v;
}

/* ---- writing ---- */
static enum kp_code too_large(const struct modbus_point *p, struct kp_err *err)
{
    char name[64];
    modbus_point_name(p, name);
    return kp_fail(err, KP_EINVALID, "the value does not fit into %s", name);
}

static enum kp_code encode_text(const struct modbus_point *p, const struct kp_value *v, uint16_t *registers,
                                struct kp_err *err)
{
    const uint8_t *text = v->data;
    bool swapped = p->order == MODBUS_BADC || p->order == MODBUS_DCBA;
    if (v->type != KP_STRING || v->len > 2u * p->count)
        return too_large(p, err);
    for (uint32_t i = 0; i < p->count; i++) {
        uint8_t a = 2 * i < v->len ? text[2 * i] : 0, b = 2 * i + 1 < v->len ? text[2 * i + 1] : 0;
        registers[i] = (uint16_t)(swapped ? b << 8 | a : a << 8 | b);
    }
    return KP_OK;
}

/* A whole number of `bits` bits, as it is or, for a scaled one, nearest to the raw one it stands for. */
static bool whole(const struct modbus_point *p, const struct kp_value *v, double raw, uint64_t *out)
{
    unsigned bits = p->bits ? p->bits : 16u * p->count;
    bool is_signed = p->type == MODBUS_INT16 || p->type == MODBUS_INT32 || p->type == MODBUS_INT64;
    double low = is_signed ? -ldexp(1, (int)bits - 1) : 0, high = p->type == MODBUS_BCD ? pow(10, bits / 4) : ldexp(1, (int)bits - is_signed);
    double rounded = nearbyint(raw);
    if (!(rounded >= low && rounded < high) || (!p->scaled && rounded != raw))
        return false;
    if (!p->scaled && (v->type == KP_INT64 || v->type == KP_UINT64))
        *out = v->u;
    else
        *out = is_signed ? (uint64_t)(int64_t)rounded : (uint64_t)rounded;
    return true;
}

enum kp_code modbus_encode(const struct modbus_point *p, const struct kp_value *v, uint16_t *registers,
                           struct kp_err *err)
{
    double number, raw;
    uint64_t all = 0;
    if (p->type == MODBUS_STRING)
        return encode_text(p, v, registers, err);
    if (!kp_value_number(v, &number))
        return kp_fail(err, KP_EINVALID, "a number is needed");
    raw = p->divide != 0 ? (number - p->offset) * p->divide : (number - p->offset) / p->scale;
    if (p->type == MODBUS_BOOL) {
        all = number != 0;
    } else if (p->type == MODBUS_FLOAT32) {
        float f = (float)raw;
        uint32_t bits;
        if (isfinite(raw) && !isfinite(f))
            return too_large(p, err);
        memcpy(&bits, &f, sizeof bits);
        all = bits;
    } else if (p->type == MODBUS_FLOAT64) {
        memcpy(&all, &raw, sizeof all);
    } else if (!whole(p, v, raw, &all)) {
        return too_large(p, err);
    }
    if (p->type == MODBUS_BCD)
        all = to_digits(all);
    if (p->bits)
        all = (all & ((UINT64_C(1) << p->bits) - 1)) << p->bit;
    spread(p, all, registers);
    return KP_OK;
}
