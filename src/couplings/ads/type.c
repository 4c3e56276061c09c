/* SPDX-License-Identifier: Apache-2.0 */
/* IEC 61131-3 types and their bytes. */
#include "couplings/ads/ads_private.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/ban.h"

static const struct {
    const char *name;
    uint8_t kind, size, koppel;
} types[] = {
    { "BOOL", ADS_BOOL, 1, KP_BOOL },          { "BIT", ADS_BOOL, 1, KP_BOOL },
    { "SINT", ADS_SINT, 1, KP_INT64 },         { "INT", ADS_INT, 2, KP_INT64 },
    { "DINT", ADS_DINT, 4, KP_INT64 },         { "LINT", ADS_LINT, 8, KP_INT64 },
    { "USINT", ADS_USINT, 1, KP_UINT64 },      { "BYTE", ADS_USINT, 1, KP_UINT64 },
    { "UINT", ADS_UINT, 2, KP_UINT64 },        { "WORD", ADS_UINT, 2, KP_UINT64 },
    { "UDINT", ADS_UDINT, 4, KP_UINT64 },      { "DWORD", ADS_UDINT, 4, KP_UINT64 },
    { "ULINT", ADS_ULINT, 8, KP_UINT64 },      { "LWORD", ADS_ULINT, 8, KP_UINT64 },
    { "REAL", ADS_REAL, 4, KP_FLOAT },         { "LREAL", ADS_LREAL, 8, KP_DOUBLE },
    { "TIME", ADS_TIME, 4, KP_INT64 },         { "LTIME", ADS_LTIME, 8, KP_INT64 },
    { "TOD", ADS_TOD, 4, KP_INT64 },           { "TIME_OF_DAY", ADS_TOD, 4, KP_INT64 },
    { "DATE", ADS_DATE, 4, KP_TIME },          { "DT", ADS_DATE, 4, KP_TIME },
    { "DATE_AND_TIME", ADS_DATE, 4, KP_TIME },
};
enum { TYPES = sizeof types / sizeof *types, STRING_STANDARD = 80, STRING_MAX = 16000 };

/* ---- names ---- */
static bool is_word(const char *text, size_t n, const char *word)
{
    return strlen(word) == n && strncasecmp(text, word, n) == 0;
}

/* "STRING", "STRING(20)", "STRING[20]", with the end of the text behind it. */
static bool parse_string(const char *name, struct ads_type *t)
{
    bool wide = strncasecmp(name, "WSTRING", 7) == 0;
    unsigned long chars = STRING_STANDARD;
    const char *p = name + (wide ? 7 : 6);
    if (!wide && strncasecmp(name, "STRING", 6) != 0)
        return false;
    if (*p == '(' || *p == '[') {
        char *end;
        chars = strtoul(p + 1, &end, 10);
        if (p[1] < '0' || p[1] > '9' || *end != (*p == '(' ? ')' : ']') || chars < 1 ||
            chars > STRING_MAX)
            return false;
        p = end + 1;
    }
    t->kind = wide ? ADS_WSTRING : ADS_STRING;
    t->size = (uint32_t)(chars + 1) << wide;
    return !*p;
}

/* "0..9" and "1..2, 1..3": how many that are; *p then stands behind the bracket. */
static bool parse_bounds(const char **p, uint64_t *count)
{
    *count = 1;
    do {
        char *end;
        long low = strtol(*p, &end, 10);
        if (end == *p || strncmp(end, "..", 2) != 0)
            return false;
        *p = end + 2;
        long high = strtol(*p, &end, 10);
        if (end == *p || low < INT32_MIN || high > INT32_MAX || high < low)
            return false;
        *count *= (uint64_t)(high - low + 1);
        if (*count > ADS_VALUE_MAX)
            return false;
        *p = end + strspn(end, " ");
    } while (*(*p)++ == ',');
    return (*p)[-1] == ']';
}

bool ads_type_parse(const char *name, struct ads_type *t)
{
    uint64_t count = 1;
    *t = (struct ads_type){ 0 };
    if (strncasecmp(name, "ARRAY", 5) == 0) {
        name += 5 + strspn(name + 5, " ");
        if (*name++ != '[' || !parse_bounds(&name, &count))
            return false;
        name += strspn(name, " ");
        if (strncasecmp(name, "OF ", 3) != 0)
            return false;
        name += 3;
        t->array = true;
    }
    t->count = (uint32_t)count;
    for (size_t i = 0; i < TYPES; i++)
        if (is_word(name, strlen(name), types[i].name)) {
            t->kind = types[i].kind;
            t->size = types[i].size;
            return (uint64_t)t->size * count <= ADS_VALUE_MAX;
        }
    return parse_string(name, t) && (uint64_t)t->size * count <= ADS_VALUE_MAX;
}

/* The codes of ADS (ADST_...) of types that have a size of their own. */
static const struct {
    uint8_t code, kind, size;
} codes[] = { { 2, ADS_INT, 2 },   { 3, ADS_DINT, 4 },   { 4, ADS_REAL, 4 },  { 5, ADS_LREAL, 8 },
              { 16, ADS_SINT, 1 }, { 17, ADS_USINT, 1 }, { 18, ADS_UINT, 2 }, { 19, ADS_UDINT, 4 },
              { 20, ADS_LINT, 8 }, { 21, ADS_ULINT, 8 }, { 33, ADS_BOOL, 1 } };

bool ads_type_of(const char *name, uint32_t code, uint32_t size, struct ads_type *t)
{
    static const char *const addresses[] = { "POINTER TO ", "REFERENCE TO ", "PVOID" };
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++)
        if (strncasecmp(name, addresses[i], strlen(addresses[i])) == 0)
            return false;
    if (ads_type_parse(name, t) && ads_type_bytes(t) == size)
        return true;
    *t = (struct ads_type){ .count = 1 };
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        if (codes[i].code != code || !size || size % codes[i].size || size > ADS_VALUE_MAX)
            continue;
        t->kind = codes[i].kind;
        t->size = codes[i].size;
        t->count = size / codes[i].size;
        t->array = t->count > 1;
        return true;
    }
    if ((code != 30 && code != 31) || size < 2 || size > STRING_MAX ||
        strncasecmp(name, "ARRAY", 5) == 0)
        return false;
    t->kind = code == 30 ? ADS_STRING : ADS_WSTRING;
    t->size = size;
    return true;
}

uint32_t ads_type_bytes(const struct ads_type *t)
{
    return t->size * t->count;
}

static uint8_t koppel_type(uint8_t kind)
{
    if (kind == ADS_STRING || kind == ADS_WSTRING)
        return KP_STRING;
    for (size_t i = 0; i < TYPES; i++)
        if (types[i].kind == kind)
            return types[i].koppel;
    return KP_NULL;
}

uint8_t ads_type_value(const struct ads_type *t, bool scaled)
{
    return (uint8_t)((scaled ? KP_DOUBLE : koppel_type(t->kind)) | (t->array ? KP_ARRAY : 0));
}

/* ---- text ---- */
static size_t put_utf8(char *out, uint32_t c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3f));
        out[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3f));
    out[2] = (char)(0x80 | (c >> 6 & 0x3f));
    out[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

/* What Windows-1252 has where Latin 1 has control characters; 0: nothing. */
static const uint16_t windows[32] = { 0x20ac, 0,      0x201a, 0x0192, 0x201e, 0x2026, 0x2020,
                                      0x2021, 0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, 0,
                                      0x017d, 0,      0,      0x2018, 0x2019, 0x201c, 0x201d,
                                      0x2022, 0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a,
                                      0x0153, 0,      0x017e, 0x0178 };

static uint32_t windows_char(uint8_t b)
{
    return b < 0x80 || b > 0x9f ? b : windows[b - 0x80] ? windows[b - 0x80] : 0xfffd;
}

static void add_text(struct kp_buf *out, const uint8_t *d, size_t n)
{
    const uint8_t *end = memchr(d, 0, n);
    n = end ? (size_t)(end - d) : n;
    if (kp_utf8_valid((const char *)d, n)) {
        kp_buf_add(out, d, n);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        char c[4];
        kp_buf_add(out, c, put_utf8(c, windows_char(d[i])));
    }
}

char *ads_text(struct kp_arena *arena, const uint8_t *d, size_t n)
{
    struct kp_buf out;
    kp_buf_init(&out, 4 * n + 16);
    add_text(&out, d, n);
    kp_buf_add(&out, "", 1);
    char *text = out.failed ? NULL : kp_arena_copy(arena, out.data, out.len);
    kp_buf_free(&out);
    return text;
}

static void add_wide(struct kp_buf *out, const uint8_t *d, size_t n)
{
    for (size_t i = 0; i + 1 < n; i += 2) {
        uint32_t c = d[i] | (uint32_t)d[i + 1] << 8,
                 low = i + 3 < n ? d[i + 2] | (uint32_t)d[i + 3] << 8 : 0;
        char text[4];
        if (!c)
            return;
        if (c >= 0xd800 && c < 0xdc00 && low >= 0xdc00 && low < 0xe000) {
            c = 0x10000 + ((c - 0xd800) << 10 | (low - 0xdc00));
            i += 2;
        } else if (c >= 0xd800 && c < 0xe000) {
            c = 0xfffd;
        }
        kp_buf_add(out, text, put_utf8(text, c));
    }
}

/* ---- from bytes ---- */
static uint64_t little(const uint8_t *p, unsigned n)
{
    uint64_t u = 0;
    while (n--)
        u = u << 8 | p[n];
    return u;
}

static struct kp_value decode_one(const struct ads_type *t, const struct ads_scale *s,
                                  const uint8_t *d)
{
    struct kp_value v = { .type = koppel_type(t->kind) };
    uint64_t raw = little(d, t->size);
    uint32_t low = (uint32_t)raw;
    double number;
    switch ((enum ads_kind)t->kind) {
    case ADS_BOOL:
        return kp_bool(raw != 0);
    case ADS_REAL:
        memcpy(&v.f, &low, sizeof v.f);
        break;
    case ADS_LREAL:
        memcpy(&v.d, &raw, sizeof v.d);
        break;
    case ADS_DATE:
        v.i = (int64_t)raw * KP_SECOND;
        return v;
    case ADS_SINT:
    case ADS_INT:
    case ADS_DINT:
        v.i = (int64_t)(raw << (64 - 8 * t->size)) >> (64 - 8 * t->size);
        break;
    default:
        v.u = raw; /* LINT too: the same bits */
        if (t->kind == ADS_LTIME && raw > INT64_MAX)
            v.i = INT64_MAX;
    }
    return s->on && kp_value_number(&v, &number) ? kp_double(number * s->scale + s->offset) : v;
}

static bool is_text(const struct ads_type *t)
{
    return t->kind == ADS_STRING || t->kind == ADS_WSTRING;
}

static void add_string(const struct ads_type *t, const uint8_t *d, struct kp_buf *room)
{
    if (t->kind == ADS_STRING)
        add_text(room, d, t->size);
    else
        add_wide(room, d, t->size);
}

bool ads_decode(const struct ads_type *t, const struct ads_scale *s, const uint8_t *d, size_t n,
                struct kp_buf *room, struct kp_value *out)
{
    if (n != ads_type_bytes(t))
        return false;
    if (!t->array && !is_text(t)) {
        *out = decode_one(t, s, d);
        return true;
    }
    room->len = 0;
    for (uint32_t i = 0; i < t->count; i++, d += t->size) {
        size_t at = room->len;
        if (t->array && is_text(t))
            kp_buf_add(room, &(uint32_t){ 0 }, sizeof(uint32_t)); /* its length, once it is known */
        if (is_text(t)) {
            add_string(t, d, room);
        } else {
            struct kp_value v = decode_one(t, s, d);
            kp_array_add(room, &v);
        }
        uint32_t len = (uint32_t)(room->len - at - sizeof(uint32_t));
        if (t->array && is_text(t) && !room->failed)
            memcpy(room->data + at, &len, sizeof len);
    }
    *out = (struct kp_value){ .data = room->len ? room->data : "",
                              .len = (uint32_t)room->len,
                              .type = ads_type_value(t, s->on) };
    return !room->failed;
}

/* ---- to bytes ---- */
static enum kp_code encode_text(const struct ads_type *t, const struct kp_value *v,
                                struct kp_buf *out, struct kp_err *err)
{
    const uint8_t *p = v->data, *end = v->len ? p + v->len : p;
    size_t from = out->len, unit = t->kind == ADS_WSTRING ? 2 : 1;
    if (v->type != KP_STRING)
        return kp_fail(err, KP_EINVALID, "a text is needed");
    while (p < end && out->len - from <= t->size) {
        uint32_t c = *p++;
        unsigned more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;
        c = more ? c & (0x3fu >> more) : c;
        for (; more && p < end; more--)
            c = c << 6 | (*p++ & 0x3f);
        for (uint32_t i = 0; unit == 1 && c > 0xff && i < 32; i++)
            c = windows[i] == c ? 0x80 + i : c;
        if (!c || c > (unit == 1 ? 0xffu : 0xffffu))
            return kp_fail(err, KP_EINVALID, "the text has a character that a %s cannot hold",
                           unit == 1 ? "STRING" : "WSTRING");
        kp_buf_add(out, (const uint8_t[]){ (uint8_t)c, (uint8_t)(c >> 8) }, unit);
    }
    if (out->len - from + unit > t->size)
        return kp_fail(err, KP_EINVALID, "the text is longer than %zu characters",
                       (size_t)t->size / unit - 1);
    while (out->len - from < t->size && !out->failed)
        kp_buf_add(out, "", 1);
    return KP_OK;
}

static void put_little(struct kp_buf *out, uint64_t u, unsigned n)
{
    for (; n--; u >>= 8)
        kp_buf_add(out, &(uint8_t){ (uint8_t)u }, 1);
}

static enum kp_code encode_whole(const struct ads_type *t, const struct ads_scale *s,
                                 const struct kp_value *v, double raw, struct kp_buf *out,
                                 struct kp_err *err)
{
    bool is_signed = t->kind <= ADS_LINT && t->kind >= ADS_SINT,
         exact = !s->on && (v->type == KP_INT64 || v->type == KP_UINT64);
    double whole = nearbyint(raw), low = is_signed ? -ldexp(1, 8 * (int)t->size - 1) : 0,
           high = ldexp(1, 8 * (int)t->size - is_signed);
    bool fits = exact && t->size == 8 ? v->i >= 0 || (v->type == KP_INT64) == is_signed
                                      : whole >= low && whole < high;
    if (!fits || (!s->on && whole != raw))
        return kp_fail(err, KP_EINVALID, "the value does not fit into a %s%u bit integer",
                       is_signed ? "" : "unsigned ", 8 * t->size);
    put_little(out, exact ? v->u : is_signed ? (uint64_t)(int64_t)whole : (uint64_t)whole, t->size);
    return KP_OK;
}

static enum kp_code encode_one(const struct ads_type *t, const struct ads_scale *s,
                               const struct kp_value *v, struct kp_buf *out, struct kp_err *err)
{
    double number, raw;
    if (is_text(t))
        return encode_text(t, v, out, err);
    if (!kp_value_number(v, &number) || t->kind == ADS_DATE)
        return kp_fail(err, KP_EINVALID,
                       t->kind == ADS_DATE ? "dates cannot be written" : "a number is needed");
    raw = s->on ? (number - s->offset) / s->scale : number;
    if (t->kind == ADS_BOOL) {
        put_little(out, number != 0, 1);
    } else if (t->kind == ADS_REAL) {
        float f = (float)raw;
        uint32_t bits;
        memcpy(&bits, &f, sizeof bits);
        put_little(out, bits, sizeof bits);
        return isfinite(f) || !isfinite(raw)
                   ? KP_OK
                   : kp_fail(err, KP_EINVALID, "the value does not fit into a REAL");
    } else if (t->kind == ADS_LREAL) {
        uint64_t bits;
        memcpy(&bits, &raw, sizeof bits);
        put_little(out, bits, sizeof bits);
    } else {
        return encode_whole(t, s, v, raw, out, err);
    }
    return KP_OK;
}

enum kp_code ads_encode(const struct ads_type *t, const struct ads_scale *s,
                        const struct kp_value *v, struct kp_buf *out, struct kp_err *err)
{
    struct kp_value element;
    size_t at = 0;
    uint32_t n = 0;
    out->len = 0;
    out->failed = false;
    if (((v->type & KP_ARRAY) != 0) != t->array)
        return kp_fail(err, KP_EINVALID,
                       t->array ? "it is an array of %u: give one" : "it is not an array",
                       t->count);
    if (!t->array)
        return encode_one(t, s, v, out, err) ? err->code
               : out->failed                 ? kp_fail(err, KP_ENOMEM, "out of memory")
                                             : KP_OK;
    while (kp_array_next(v, &at, &element)) {
        if (n++ == t->count)
            break;
        if (encode_one(t, s, &element, out, err))
            return err->code;
    }
    if (n != t->count)
        return kp_fail(err, KP_EINVALID, "it is an array of %u elements: give as many", t->count);
    return out->failed ? kp_fail(err, KP_ENOMEM, "out of memory") : KP_OK;
}
