/* SPDX-License-Identifier: Apache-2.0 */
/* Days as bytes: a version, then varints; texts are a length and bytes; a CRC32C at the end. */
#include "flex/private.h"
#include "store/chunk.h"

#include <math.h>
#include <string.h>

#include "core/ban.h"

enum { VERSION = 1, CRC = 4, MANY = 100000 };

/* Times stand beside the day's begin. They wrap, so that no blob makes them overflow. */
static int64_t after(int64_t begin, int64_t ns)
{
    return (int64_t)((uint64_t)begin + (uint64_t)ns);
}

static int64_t between(int64_t begin, int64_t at)
{
    return (int64_t)((uint64_t)at - (uint64_t)begin);
}

/* ---- writing ---- */
static void put(struct kp_buf *out, int64_t v)
{
    uint8_t bytes[10];
    kp_buf_add(out, bytes, kp_varint_put(bytes, kp_zigzag(v)));
}

static void put_text(struct kp_buf *out, const char *text)
{
    size_t n = strlen(text);
    put(out, (int64_t)n);
    kp_buf_add(out, text, n);
}

static void put_piece(struct kp_buf *out, const struct kp_piece *p, int64_t begin)
{
    const int64_t numbers[] = { p->good,
                                p->scrap,
                                p->doubtful,
                                p->jumps,
                                p->resets,
                                llround(p->joules),
                                llround(p->idle_joules),
                                llround(p->peak),
                                p->peak ? between(begin, p->peak_at) : 0 };
    put(out, between(begin, p->from));
    put(out, between(p->from, p->to));
    put(out, p->name != NULL);
    if (p->name) {
        put(out, between(begin, p->shift));
        put(out, between(begin, p->until));
        put_text(out, p->name);
    }
    for (size_t i = 0; i < KP_STATES; i++)
        put(out, p->ns[i]);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        put(out, numbers[i]);
}

void kp_day_encode(const struct kp_day *d, struct kp_buf *out)
{
    uint8_t version = VERSION;
    kp_buf_add(out, &version, 1);
    put(out, d->from);
    put(out, between(d->from, d->to));
    put(out, d->metered);
    put(out, (int64_t)d->n);
    for (size_t i = 0; i < d->n; i++)
        put_piece(out, &d->pieces[i], d->from);
    put(out, (int64_t)d->n_made);
    for (size_t i = 0; i < d->n_made; i++) {
        put(out, (int64_t)d->made[i].piece);
        put_text(out, d->made[i].program);
        put(out, d->made[i].good);
        put(out, d->made[i].scrap);
    }
    put(out, (int64_t)d->n_losses);
    for (size_t i = 0; i < d->n_losses; i++) {
        put(out, (int64_t)d->losses[i].piece);
        put_text(out, d->losses[i].reason);
        put(out, d->losses[i].ns);
        put(out, d->losses[i].n);
    }
    put(out, (int64_t)d->n_paces);
    for (size_t i = 0; i < d->n_paces; i++) {
        put_text(out, d->paces[i].program);
        put(out, d->paces[i].ns);
        put(out, d->paces[i].n);
    }
    uint32_t crc = out->failed ? 0 : kp_crc32c(out->data, out->len);
    uint8_t bytes[CRC] = { (uint8_t)crc, (uint8_t)(crc >> 8), (uint8_t)(crc >> 16),
                           (uint8_t)(crc >> 24) };
    kp_buf_add(out, bytes, CRC);
}

/* ---- reading ---- */
struct reader {
    const uint8_t *p, *end;
    struct kp_arena *arena;
    bool bad, starved;
};

static int64_t get(struct reader *r)
{
    uint64_t v = 0;
    if (!r->bad && !kp_varint_get(&r->p, r->end, &v))
        r->bad = true;
    return kp_unzigzag(v);
}

/* A number of things that each take at least a byte. */
static size_t get_count(struct reader *r, int64_t most)
{
    int64_t n = get(r);
    if (n < 0 || n > most || n > r->end - r->p)
        r->bad = true;
    return r->bad ? 0 : (size_t)n;
}

static const char *get_text(struct reader *r)
{
    size_t n = get_count(r, 4 * KP_NAME_MAX);
    char *text = r->bad ? NULL : kp_arena_alloc(r->arena, n + 1);
    r->starved |= !r->bad && !text;
    r->bad |= !text;
    if (!text)
        return "";
    memcpy(text, r->p, n);
    r->p += n;
    return text;
}

static void *get_list(struct reader *r, size_t *n, size_t size)
{
    *n = get_count(r, MANY);
    void *list = kp_arena_alloc(r->arena, (*n + 1) * size);
    r->starved |= !list;
    if (r->bad || !list)
        *n = 0;
    r->bad |= !list;
    return list;
}

static void get_piece(struct reader *r, struct kp_piece *p, int64_t begin)
{
    int64_t *const numbers[] = { &p->good, &p->scrap, &p->doubtful, &p->jumps, &p->resets };
    p->from = after(begin, get(r));
    p->to = after(p->from, get(r));
    if (get(r)) {
        p->shift = after(begin, get(r));
        p->until = after(begin, get(r));
        p->name = get_text(r);
    }
    for (size_t i = 0; i < KP_STATES; i++)
        p->ns[i] = get(r);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        *numbers[i] = get(r);
    p->joules = (double)get(r);
    p->idle_joules = (double)get(r);
    p->peak = (double)get(r);
    p->peak_at = after(begin, get(r));
}

static size_t get_place(struct reader *r, const struct kp_day *d)
{
    int64_t i = get(r);
    r->bad |= i < 0 || (size_t)i >= d->n;
    return r->bad ? 0 : (size_t)i;
}

static void get_day(struct reader *r, struct kp_day *d)
{
    d->from = get(r);
    d->to = after(d->from, get(r));
    d->metered = get(r) != 0;
    d->pieces = get_list(r, &d->n, sizeof *d->pieces);
    for (size_t i = 0; i < d->n && !r->bad; i++)
        get_piece(r, &d->pieces[i], d->from);
    d->made = get_list(r, &d->n_made, sizeof *d->made);
    for (size_t i = 0; i < d->n_made && !r->bad; i++) {
        d->made[i].piece = get_place(r, d);
        d->made[i].program = get_text(r);
        d->made[i].good = get(r);
        d->made[i].scrap = get(r);
    }
    d->losses = get_list(r, &d->n_losses, sizeof *d->losses);
    for (size_t i = 0; i < d->n_losses && !r->bad; i++) {
        d->losses[i].piece = get_place(r, d);
        d->losses[i].reason = get_text(r);
        d->losses[i].ns = get(r);
        d->losses[i].n = get(r);
    }
    d->paces = get_list(r, &d->n_paces, sizeof *d->paces);
    for (size_t i = 0; i < d->n_paces && !r->bad; i++) {
        d->paces[i].program = get_text(r);
        d->paces[i].ns = get(r);
        d->paces[i].n = get(r);
    }
}

enum kp_code kp_day_decode(const void *data, size_t len, struct kp_arena *arena, struct kp_day *d,
                           struct kp_err *err)
{
    const uint8_t *bytes = data;
    *d = (struct kp_day){ 0 };
    if (!bytes || len < 1 + CRC || bytes[0] != VERSION)
        return kp_fail(err, KP_EPARSE, "a day of the shop floor is not as it was written");
    const uint8_t *crc = bytes + len - CRC;
    uint32_t told =
        crc[0] | (uint32_t)crc[1] << 8 | (uint32_t)crc[2] << 16 | (uint32_t)crc[3] << 24;
    struct reader r = { .p = bytes + 1, .end = crc, .arena = arena };
    if (told != kp_crc32c(bytes, len - CRC))
        return kp_fail(err, KP_EPARSE, "a day of the shop floor is damaged");
    get_day(&r, d);
    if (r.starved)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    return r.bad || r.p != r.end
               ? kp_fail(err, KP_EPARSE, "a day of the shop floor is not as it was written")
               : KP_OK;
}
