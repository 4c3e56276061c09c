/* SPDX-License-Identifier: Apache-2.0 */
/* What a controller uploads: symbols and, since TwinCAT 3, the types of which structures are made.
 */
#include "couplings/ads/ads_private.h"

#include "core/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/ban.h"

enum {
    SYMBOL_HEAD = 30,
    TYPE_HEAD = 42,
    DEPTH_MAX = 8,
    NAME_MAX_BYTES = 500,
    ARRAY_MAX = 200,
    BIGTYPE = 65,
    PARTS_MAX = 4 * ADS_SYMBOLS_MAX
};
enum {
    REFERENCE = 4,
    INTERFACE = 0x10,
    READ_ONLY = 0x20,
    METHODS = 0x40 | 0x80,
    MEMBER_HIDDEN = 4 | 8 | 0x40 /* references, methods, properties */
};

struct member {
    const char *name, *type, *comment;
    uint32_t size, code, flags;
};
struct structure {
    const char *name, *type; /* type: of an alias or an array, what it is of */
    const struct member *members;
    size_t n;
    const char *enums; /* JSON object of number to text, or NULL */
    bool array;        /* of one dimension, from `low` on */
    int32_t low;
    uint32_t count, size;
};
struct reading {
    struct kp_arena *arena, own; /* own: of the types */
    struct structure *types;
    size_t n_types, room, parts; /* parts: looked at so far; types may nest without end */
    struct ads_symbols *out;
    struct kp_err *err;
};

static uint32_t get32(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint16_t get16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

/* ---- entries ---- */
/* The length of the entry at `at`, or 0: it does not fit. */
static size_t entry(const uint8_t *d, size_t n, size_t at, size_t least)
{
    uint32_t len = n - at >= least ? get32(d + at) : 0;
    return len >= least && len <= n - at ? len : 0;
}

/* Three texts, each with a byte behind it but perhaps the last; *at then stands behind them.
 * KP_EPARSE: they do not fit. */
static enum kp_code three_texts(struct kp_arena *arena, const uint8_t *e, size_t len,
                                const uint8_t *lengths, size_t *at, const char *out[3])
{
    for (int i = 0; i < 3; i++) {
        size_t n = get16(lengths + 2 * i);
        if (*at > len || n > len - *at)
            return KP_EPARSE;
        out[i] = ads_text(arena, e + *at, n);
        if (!out[i])
            return KP_ENOMEM;
        *at += n + 1;
    }
    return KP_OK;
}

static enum kp_code read_symbol(const uint8_t *e, size_t len, struct kp_arena *arena,
                                struct ads_symbol *s)
{
    const char *texts[3];
    size_t at = SYMBOL_HEAD;
    enum kp_code code = three_texts(arena, e, len, e + 24, &at, texts);
    if (code)
        return code;
    uint16_t flags = get16(e + 20);
    *s = (struct ads_symbol){
        .name = texts[0],
        .type = texts[1],
        .comment = *texts[2] ? texts[2] : NULL,
        .size = get32(e + 12),
        .code = get32(e + 16),
        .read_only = flags & READ_ONLY,
        .hidden = flags & (REFERENCE | INTERFACE | METHODS),
    };
    return KP_OK;
}

bool ads_symbol_one(const uint8_t *d, size_t n, struct kp_arena *arena, struct ads_symbol *s)
{
    size_t len = entry(d, n, 0, SYMBOL_HEAD);
    return len && !read_symbol(d, len, arena, s);
}

/* ---- types ---- */
static enum kp_code read_member(struct reading *r, const uint8_t *e, size_t len, struct member *m)
{
    const char *texts[3];
    size_t at = TYPE_HEAD;
    enum kp_code code = three_texts(&r->own, e, len, e + 32, &at, texts);
    if (!code)
        *m = (struct member){ texts[0],      texts[1],      *texts[2] ? texts[2] : NULL,
                              get32(e + 16), get32(e + 24), get32(e + 28) };
    return code;
}

/* What does not fit is left out, with all behind it. */
static enum kp_code read_members(struct reading *r, const uint8_t *e, size_t len, size_t at,
                                 struct structure *s)
{
    size_t most = get16(e + 40), fits = len / TYPE_HEAD;
    struct member *list = kp_arena_alloc(&r->own, ((most < fits ? most : fits) + 1) * sizeof *list);
    if (!list)
        return KP_ENOMEM;
    s->members = list;
    for (s->n = 0; s->n < most; s->n++) {
        size_t own = at <= len ? entry(e, len, at, TYPE_HEAD) : 0;
        enum kp_code code = own ? read_member(r, e + at, own, &list[s->n]) : KP_EPARSE;
        if (code)
            return code == KP_ENOMEM ? code : KP_OK;
        at += own;
    }
    return KP_OK;
}

/* ---- enumerations: behind what a type has else ---- */
enum {
    HAS_GUID = 0x80,
    HAS_COPY_MASK = 0x200,
    HAS_METHODS = 0x800,
    HAS_ATTRIBUTES = 0x1000,
    HAS_ENUMS = 0x2000,
    ENUMS_MAX = 16 << 10,
};

struct cursor {
    const uint8_t *p;
    size_t n, at; /* at > n: it went beyond the end */
};

static const uint8_t *take(struct cursor *c, size_t n)
{
    if (c->at > c->n || n > c->n - c->at) {
        c->at = c->n + 1;
        return NULL;
    }
    c->at += n;
    return c->p + (c->at - n);
}

static unsigned take16(struct cursor *c)
{
    const uint8_t *p = take(c, 2);
    return p ? get16(p) : 0;
}

static void skip_attributes(struct cursor *c)
{
    for (unsigned n = take16(c); n && c->at <= c->n; n--) {
        const uint8_t *lengths = take(c, 2);
        if (lengths)
            take(c, lengths[0] + lengths[1] + 2u);
    }
}

static int64_t enum_value(const uint8_t *p, uint32_t size, uint32_t code)
{
    uint64_t u = 0;
    bool is_signed = code == 2 || code == 3 || code == 16 || code == 20;
    for (uint32_t i = size; i-- > 0;)
        u = u << 8 | p[i];
    return is_signed ? (int64_t)(u << (64 - 8 * size)) >> (64 - 8 * size) : (int64_t)u;
}

/* False: out of memory. */
static bool put_enums(struct cursor *c, const struct structure *s, uint32_t code,
                      struct kp_buf *out, struct kp_arena *texts)
{
    struct kp_json j = kp_json(out);
    kp_json_begin(&j, '{');
    for (unsigned n = take16(c); n && !out->failed; n--) {
        const uint8_t *len = take(c, 1), *name = len ? take(c, *len + 1u) : NULL;
        const uint8_t *value = name ? take(c, s->size) : NULL;
        char *text = value ? ads_text(texts, name, *len) : NULL, number[24];
        if (!text)
            return !value;
        snprintf(number, sizeof number, "%" PRId64, enum_value(value, s->size, code));
        kp_json_put_text(&j, number, text);
    }
    kp_json_end(&j, '}');
    return true;
}

/* What is too long or cannot be read to the end is left out. */
static enum kp_code read_enums(struct reading *r, struct cursor *c, uint32_t flags, uint32_t code,
                               struct structure *s)
{
    struct kp_buf out;
    if (!(flags & HAS_ENUMS) || flags & HAS_METHODS || s->n || s->size < 1 || s->size > 8)
        return KP_OK;
    take(c, (flags & HAS_GUID ? 16 : 0) + (flags & HAS_COPY_MASK ? s->size : 0));
    if (flags & HAS_ATTRIBUTES)
        skip_attributes(c);
    kp_buf_init(&out, ENUMS_MAX);
    bool fine = put_enums(c, s, code, &out, &r->own);
    fine = fine && (!out.failed || out.len > ENUMS_MAX / 2); /* else it is not for its length */
    if (fine && !out.failed && c->at <= c->n && out.len > 2) {
        s->enums = kp_arena_strdup(&r->own, kp_buf_text(&out));
        fine = s->enums;
    }
    kp_buf_free(&out);
    return fine ? KP_OK : KP_ENOMEM;
}

/* One that cannot be read is not known. */
static enum kp_code read_type(struct reading *r, const uint8_t *e, size_t len)
{
    const char *texts[3];
    size_t at = TYPE_HEAD, dimensions = get16(e + 38);
    enum kp_code code = three_texts(&r->own, e, len, e + 32, &at, texts);
    if (code || (dimensions && (at > len || 8 * dimensions > len - at)))
        return code == KP_ENOMEM ? code : KP_OK;
    if (!kp_grow(&r->types, &r->room, r->n_types + 1, sizeof *r->types))
        return KP_ENOMEM;
    struct structure *s = &r->types[r->n_types];
    *s = (struct structure){ .name = texts[0], .type = texts[1], .size = get32(e + 16) };
    s->array = dimensions == 1;
    s->low = s->array ? (int32_t)get32(e + at) : 0;
    s->count = s->array ? get32(e + at + 4) : 0;
    struct cursor behind = { e, len, at + 8 * dimensions };
    if (read_members(r, e, len, behind.at, s) ||
        read_enums(r, &behind, get32(e + 28), get32(e + 24), s))
        return KP_ENOMEM;
    r->n_types++;
    return KP_OK;
}

/* The PLC's language does not tell upper from lower case. */
static int by_name(const void *a, const void *b)
{
    return strcasecmp(((const struct structure *)a)->name, ((const struct structure *)b)->name);
}

static enum kp_code read_types(struct reading *r, const uint8_t *d, size_t n)
{
    for (size_t at = 0; at < n;) {
        size_t len = entry(d, n, at, TYPE_HEAD);
        if (!len)
            break;
        if (read_type(r, d + at, len))
            return kp_fail(r->err, KP_ENOMEM, "out of memory");
        at += len;
    }
    if (r->n_types)
        qsort(r->types, r->n_types, sizeof *r->types, by_name);
    return KP_OK;
}

static const struct structure *find_type(const struct reading *r, const char *name)
{
    struct structure want = { .name = name };
    return r->n_types ? bsearch(&want, r->types, r->n_types, sizeof *r->types, by_name) : NULL;
}

/* ---- flattening ---- */
static enum kp_code add(struct reading *r, const struct ads_symbol *s)
{
    struct ads_symbols *o = r->out;
    if (o->n == ADS_SYMBOLS_MAX) {
        o->left_out++;
        return KP_OK;
    }
    if (!kp_grow(&o->list, &o->room, o->n + 1, sizeof *o->list))
        return kp_fail(r->err, KP_ENOMEM, "out of memory");
    o->list[o->n++] = *s;
    return KP_OK;
}

static enum kp_code flatten(struct reading *r, const struct ads_symbol *s, unsigned depth);

/* A part of a structure or array: named "PARENT" + between + "PART" + behind. */
static enum kp_code part(struct reading *r, const struct ads_symbol *above, const char *between,
                         const char *name, const char *behind, struct ads_symbol own,
                         unsigned depth)
{
    struct kp_buf text;
    if (r->out->n == ADS_SYMBOLS_MAX || r->parts++ >= PARTS_MAX) {
        r->out->left_out++;
        return KP_OK;
    }
    kp_buf_init(&text, NAME_MAX_BYTES);
    kp_buf_printf(&text, "%s%s%s%s", above->name, between, name, behind);
    bool too_long = strlen(above->name) + strlen(name) + 4 > NAME_MAX_BYTES;
    own.name = text.failed ? NULL : kp_arena_strdup(r->arena, kp_buf_text(&text));
    kp_buf_free(&text);
    own.read_only = own.read_only || above->read_only;
    if (!own.name)
        return too_long ? KP_OK : kp_fail(r->err, KP_ENOMEM, "out of memory");
    return flatten(r, &own, depth + 1);
}

static enum kp_code members(struct reading *r, const struct ads_symbol *s,
                            const struct structure *of, unsigned depth)
{
    for (size_t i = 0; i < of->n && !r->err->code; i++) {
        const struct member *m = &of->members[i];
        struct ads_symbol own = { .type = kp_arena_strdup(r->arena, m->type),
                                  .size = m->size,
                                  .code = m->code };
        own.comment = m->comment ? kp_arena_strdup(r->arena, m->comment) : NULL;
        if (!own.type || (m->comment && !own.comment))
            return kp_fail(r->err, KP_ENOMEM, "out of memory");
        if (!(m->flags & MEMBER_HIDDEN))
            part(r, s, ".", m->name, "", own, depth);
    }
    return r->err->code;
}

static enum kp_code elements(struct reading *r, const struct ads_symbol *s,
                             const struct structure *of, unsigned depth)
{
    for (uint32_t i = 0; i < of->count && !r->err->code; i++) {
        char index[16];
        struct kp_buf text;
        struct ads_symbol own = { .type = kp_arena_strdup(r->arena, of->type),
                                  .size = of->size / of->count,
                                  .code = BIGTYPE };
        kp_buf_init(&text, sizeof index);
        kp_buf_printf(&text, "%lld", (long long)of->low + i);
        if (!own.type || text.failed)
            kp_fail(r->err, KP_ENOMEM, "out of memory");
        else
            part(r, s, "[", kp_buf_text(&text), "]", own, depth);
        kp_buf_free(&text);
    }
    return r->err->code;
}

static enum kp_code add_plain(struct reading *r, const struct ads_symbol *s,
                              const struct structure *of)
{
    struct ads_symbol own = *s;
    own.enums = of && of->enums ? kp_arena_strdup(r->arena, of->enums) : NULL;
    return of && of->enums && !own.enums ? kp_fail(r->err, KP_ENOMEM, "out of memory")
                                         : add(r, &own);
}

static enum kp_code flatten(struct reading *r, const struct ads_symbol *s, unsigned depth)
{
    struct ads_type plain;
    const struct structure *of = s->hidden ? NULL : find_type(r, s->type);
    if (!of || depth >= DEPTH_MAX || ads_type_of(s->type, s->code, s->size, &plain))
        return add_plain(r, s, of);
    if (!of->n && !of->array && *of->type && strcasecmp(of->type, of->name) != 0) {
        struct ads_symbol alias = *s;
        alias.type = kp_arena_strdup(r->arena, of->type);
        return alias.type ? flatten(r, &alias, depth + 1)
                          : kp_fail(r->err, KP_ENOMEM, "out of memory");
    }
    if (of->array && of->count && of->count <= ARRAY_MAX)
        return elements(r, s, of, depth);
    return of->n ? members(r, s, of, depth) : add_plain(r, s, of);
}

enum kp_code ads_symbols_read(const uint8_t *symbols, size_t n, const uint8_t *types,
                              size_t types_n, struct kp_arena *arena, struct ads_symbols *out,
                              struct kp_err *err)
{
    struct kp_err local = { 0 };
    struct reading r = { .arena = arena, .out = out, .err = &local };
    *out = (struct ads_symbols){ 0 };
    read_types(&r, types, types_n);
    for (size_t at = 0; at < n && !local.code;) {
        size_t len = entry(symbols, n, at, SYMBOL_HEAD);
        struct ads_symbol s;
        if (!len)
            break;
        enum kp_code code = read_symbol(symbols + at, len, arena, &s);
        if (code == KP_ENOMEM)
            kp_fail(&local, code, "out of memory");
        else if (!code && *s.name)
            flatten(&r, &s, 0);
        at += len;
    }
    kp_arena_free(&r.own);
    kp_free(r.types);
    if (!local.code)
        return KP_OK;
    kp_free(out->list);
    *out = (struct ads_symbols){ 0 };
    return kp_fail(err, local.code, "%s", local.text);
}

/* ---- paths ---- */
bool ads_symbol_path(const char *name, char out[KP_PATH_MAX])
{
    size_t n = 0;
    for (const char *p = name; *p;) {
        size_t len = strcspn(p, ".");
        char clean[KP_NAME_MAX];
        kp_name_clean(clean, sizeof clean, p, len);
        size_t own = len ? strlen(clean) : 0;
        if (n + own + 2 > KP_PATH_MAX)
            return false;
        if (own) {
            if (n)
                out[n++] = '/';
            memcpy(out + n, clean, own);
            n += own;
        }
        p += len + (p[len] == '.');
    }
    out[n] = 0;
    return kp_path_valid(out);
}
