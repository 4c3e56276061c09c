/* SPDX-License-Identifier: Apache-2.0 */
#include "store/journal.h"

#include "store/chunk.h"

#include <string.h>

#include "core/ban.h"

enum { VERSION = 1, HISTORIC = 1, HEAD = 10, CRC = 4, STATUS_EACH = 1, POINT_MOST = 10 + 5 + 10 };
enum { ROW_LIMIT = 256 << 20 };

/* ---- writing ---- */
void kp_row_begin(struct kp_row_writer *w, int64_t commit_time)
{
    w->directory.limit = w->blocks.limit = ROW_LIMIT;
    w->directory.len = w->blocks.len = 0;
    w->directory.failed = w->blocks.failed = false;
    w->signals = 0;
    w->last = 0;
    w->base = commit_time;
    w->historic = false;
}

void kp_row_free(struct kp_row_writer *w)
{
    kp_buf_free(&w->directory);
    kp_buf_free(&w->blocks);
}

static void put_varint(struct kp_buf *b, uint64_t v)
{
    uint8_t *p = kp_buf_room(b, 10);
    if (p)
        b->len += kp_varint_put(p, v);
}

/* A value of fixed size; returns the bytes written. */
static size_t put_fixed(uint8_t *p, const struct kp_value *v)
{
    switch (v->type) {
    case KP_BOOL:
        *p = v->b;
        return 1;
    case KP_INT64:
    case KP_TIME:
        return kp_varint_put(p, kp_zigzag(v->i));
    case KP_UINT64:
        return kp_varint_put(p, v->u);
    case KP_FLOAT:
        memcpy(p, &v->f, sizeof v->f);
        return sizeof v->f;
    case KP_DOUBLE:
        memcpy(p, &v->d, sizeof v->d);
        return sizeof v->d;
    default:
        return 0;
    }
}

/* How many points from `i` on have one type, and whether they share their status. */
static uint32_t run_length(const struct kp_sample *s, const uint32_t *next, uint32_t i,
                           bool *one_status)
{
    uint8_t type = s[i].value.type;
    uint32_t status = s[i].status, n = 0;
    *one_status = true;
    for (; i != UINT32_MAX && s[i].value.type == type; i = next[i], n++)
        *one_status &= s[i].status == status;
    return n;
}

static void put_point(struct kp_buf *b, const struct kp_sample *s, int64_t time, bool one_status)
{
    uint8_t *start = kp_buf_room(b, POINT_MOST), *p = start;
    if (!start)
        return;
    p += kp_varint_put(p, kp_zigzag((int64_t)((uint64_t)s->at - (uint64_t)time)));
    if (!one_status)
        p += kp_varint_put(p, s->status);
    if (kp_type_indirect(s->value.type))
        p += kp_varint_put(p, s->value.len);
    else
        p += put_fixed(p, &s->value);
    b->len += (size_t)(p - start);
    if (kp_type_indirect(s->value.type))
        kp_buf_add(b, s->value.data, s->value.len);
}

static void enter(struct kp_row_writer *w, kp_signal signal, size_t bytes)
{
    put_varint(&w->directory, signal - w->last);
    put_varint(&w->directory, bytes);
    w->last = signal;
    w->signals++;
}

void kp_row_add_block(struct kp_row_writer *w, kp_signal signal, const uint8_t *block, size_t size)
{
    kp_buf_add(&w->blocks, block, size);
    enter(w, signal, size);
}

void kp_row_add(struct kp_row_writer *w, const struct kp_sample *samples, const uint32_t *next,
                uint32_t i)
{
    size_t start = w->blocks.len;
    int64_t time = w->base;
    kp_signal signal = samples[i].signal;
    while (i != UINT32_MAX) {
        bool one_status;
        uint32_t n = run_length(samples, next, i, &one_status);
        put_varint(&w->blocks, n);
        kp_buf_add(&w->blocks, (uint8_t[]){ samples[i].value.type, one_status ? 0 : STATUS_EACH },
                   2);
        if (one_status)
            put_varint(&w->blocks, samples[i].status);
        for (; n; n--, i = next[i]) {
            put_point(&w->blocks, &samples[i], time, one_status);
            time = samples[i].at;
        }
    }
    enter(w, signal, w->blocks.len - start);
}

enum kp_code kp_row_end(struct kp_row_writer *w, struct kp_buf *out, struct kp_err *err)
{
    size_t start = out->len;
    uint8_t head[HEAD + 10] = { VERSION, w->historic ? HISTORIC : 0 };
    memcpy(head + 2, &w->base, sizeof w->base);
    size_t n = HEAD + kp_varint_put(head + HEAD, w->signals);
    kp_buf_add(out, head, n);
    kp_buf_add(out, w->directory.data, w->directory.len);
    kp_buf_add(out, w->blocks.data, w->blocks.len);
    if (!out->failed) {
        uint32_t crc = kp_crc32c(out->data + start, out->len - start);
        kp_buf_add(out, &crc, CRC);
    }
    if (out->failed || w->directory.failed || w->blocks.failed)
        return kp_fail(err, KP_ENOMEM, "a journal row: out of memory");
    return KP_OK;
}

/* ---- reading ---- */
static enum kp_code malformed(const char *what, struct kp_err *err)
{
    return kp_fail(err, KP_EPARSE, "a journal row's %s malformed", what);
}

/* One entry of the directory. */
static bool entry(const uint8_t **p, const uint8_t *end, kp_signal *signal, size_t *len)
{
    uint64_t step, bytes;
    if (!kp_varint_get(p, end, &step) || !kp_varint_get(p, end, &bytes) ||
        step > UINT32_MAX - *signal || bytes > ROW_LIMIT)
        return false;
    *signal += (kp_signal)step;
    *len = bytes;
    return step != 0;
}

/* Walks the directory once: blocks fill the row exactly, so that reading it needs no checks. */
static bool directory_check(struct kp_row_reader *r, const uint8_t *p, const uint8_t *end,
                            uint64_t signals)
{
    size_t total = 0, len;
    kp_signal signal = 0;
    r->dir = p;
    for (uint64_t i = 0; i < signals; i++) {
        if (!entry(&p, end, &signal, &len))
            return false;
        total += len;
        if (total > ROW_LIMIT)
            return false;
    }
    r->dir_end = r->block = p;
    r->end = end;
    return total == (size_t)(end - p);
}

enum kp_code kp_row_open(struct kp_row_reader *r, const void *blob, size_t len, struct kp_err *err)
{
    const uint8_t *p = blob;
    uint64_t signals;
    uint32_t crc;
    *r = (struct kp_row_reader){ 0 };
    if (len < HEAD + 1 + CRC)
        return malformed("head is", err);
    const uint8_t *end = p + len - CRC;
    memcpy(&crc, end, CRC);
    if (crc != kp_crc32c(p, len - CRC))
        return kp_fail(err, KP_EPARSE, "a journal row's checksum is wrong: its bytes have changed");
    if (p[0] != VERSION)
        return kp_fail(err, KP_EPARSE, "a journal row of version %u, known is %d", p[0], VERSION);
    if (p[1] & ~HISTORIC)
        return malformed("head is", err);
    r->historic = p[1] & HISTORIC;
    memcpy(&r->base, p + 2, sizeof r->base);
    p += HEAD;
    if (!kp_varint_get(&p, end, &signals) || signals > UINT32_MAX)
        return malformed("head is", err);
    r->left = (uint32_t)signals;
    return directory_check(r, p, end, signals) ? KP_OK : malformed("directory is", err);
}

bool kp_row_next(struct kp_row_reader *r, const uint8_t **block, size_t *len)
{
    if (!r->left || !entry(&r->dir, r->dir_end, &r->signal, len))
        return false;
    r->left--;
    *block = r->block;
    r->block += *len;
    return true;
}

bool kp_row_find(struct kp_row_reader *r, kp_signal signal, const uint8_t **block, size_t *len)
{
    *block = NULL;
    while (r->signal < signal)
        if (!kp_row_next(r, block, len))
            return false;
    return r->signal == signal && *block;
}

void kp_block_open(struct kp_block_reader *b, kp_signal signal, int64_t base, const uint8_t *block,
                   size_t len)
{
    *b = (struct kp_block_reader){ .p = block, .end = block + len, .signal = signal, .time = base };
}

static bool run_open(struct kp_block_reader *b)
{
    uint64_t n, status = 0;
    if (!kp_varint_get(&b->p, b->end, &n) || n == 0 || n > UINT32_MAX || b->end - b->p < 2)
        return false;
    b->left = (uint32_t)n;
    b->type = *b->p++;
    b->flags = *b->p++;
    if (!kp_type_stored(b->type) || b->flags & ~STATUS_EACH)
        return false;
    if (!(b->flags & STATUS_EACH) && !kp_varint_get(&b->p, b->end, &status))
        return false;
    b->status = (uint32_t)status;
    return status <= UINT32_MAX;
}

static bool get_fixed(struct kp_block_reader *b, struct kp_value *v)
{
    uint64_t u;
    size_t raw = b->type == KP_BOOL ? 1 : b->type == KP_FLOAT ? 4 : b->type == KP_DOUBLE ? 8 : 0;
    if (raw) {
        if ((size_t)(b->end - b->p) < raw)
            return false;
        if (b->type == KP_BOOL)
            v->b = *b->p != 0;
        else
            memcpy(b->type == KP_FLOAT ? (void *)&v->f : (void *)&v->d, b->p, raw);
        b->p += raw;
        return true;
    }
    if (b->type == KP_NULL)
        return true;
    if (!kp_varint_get(&b->p, b->end, &u))
        return false;
    if (b->type == KP_UINT64)
        v->u = u;
    else
        v->i = kp_unzigzag(u);
    return true;
}

static bool get_point(struct kp_block_reader *b, struct kp_sample *s)
{
    uint64_t step, status, len;
    if (!kp_varint_get(&b->p, b->end, &step))
        return false;
    b->time = (int64_t)((uint64_t)b->time + (uint64_t)kp_unzigzag(step));
    if (b->flags & STATUS_EACH) {
        if (!kp_varint_get(&b->p, b->end, &status) || status > UINT32_MAX)
            return false;
        b->status = (uint32_t)status;
    }
    *s = (struct kp_sample){
        .signal = b->signal, .status = b->status, .at = b->time, .value.type = b->type
    };
    if (!kp_type_indirect(b->type))
        return get_fixed(b, &s->value);
    if (!kp_varint_get(&b->p, b->end, &len) || len > (uint64_t)(b->end - b->p))
        return false;
    s->value.data = b->p;
    s->value.len = (uint32_t)len;
    b->p += len;
    return true;
}

bool kp_block_next(struct kp_block_reader *b, struct kp_sample *s, struct kp_err *err)
{
    if (!b->left && b->p == b->end)
        return false;
    if ((!b->left && !run_open(b)) || !get_point(b, s)) {
        kp_fail(err, KP_EPARSE, "signal %u: a block of the journal is malformed", b->signal);
        b->left = 0;
        b->p = b->end;
        return false;
    }
    b->left--;
    return true;
}
