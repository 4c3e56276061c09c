/* SPDX-License-Identifier: Apache-2.0 */
#include "core/mem.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif
#ifdef KOPPEL_TESTING
#include <stdatomic.h>
#endif

#include "core/ban.h"

#ifdef KOPPEL_TESTING
static atomic_long fail_at, live, count;

void kp_mem_fail_at(long nth)
{
    fail_at = nth;
}

long kp_mem_live(void)
{
    return live;
}

long kp_mem_count(void)
{
    return count;
}

static bool must_fail(void)
{
    count++;
    return fail_at > 0 && atomic_fetch_sub(&fail_at, 1) == 1;
}

static void note(int change)
{
    live += change;
}
#else
static inline bool must_fail(void)
{
    return false;
}

static inline void note(int change)
{
    (void)change;
}
#endif

void *kp_alloc(size_t size)
{
    void *p = must_fail() ? NULL : calloc(1, size ? size : 1);
    if (p)
        note(1);
    return p;
}

void *kp_realloc(void *old, size_t size)
{
    void *p = must_fail() ? NULL : realloc(old, size ? size : 1);
    if (p && !old)
        note(1);
    return p;
}

void kp_free(void *p)
{
    if (p)
        note(-1);
    free(p);
}

void kp_mem_trim(void)
{
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

char *kp_strdup(const char *s)
{
    return s ? kp_strndup(s, strlen(s)) : NULL;
}

char *kp_strndup(const char *s, size_t n)
{
    char *p = kp_alloc(n + 1);
    if (p && n)
        memcpy(p, s, n);
    return p;
}

bool kp_grow(void *array_of_pointer, size_t *capacity, size_t needed, size_t element)
{
    if (needed <= *capacity)
        return true;
    if (needed > SIZE_MAX / 4 / element)
        return false;
    size_t room = *capacity ? *capacity * 2 : 8;
    while (room < needed)
        room *= 2;
    void **array = array_of_pointer;
    char *p = kp_realloc(*array, room * element);
    if (!p)
        return false;
    memset(p + *capacity * element, 0, (room - *capacity) * element);
    *array = p;
    *capacity = room;
    return true;
}

enum { CHUNK = 4096 };

struct kp_chunk {
    struct kp_chunk *next;
    size_t used, size;
    alignas(max_align_t) char data[];
};

void *kp_arena_alloc(struct kp_arena *a, size_t size)
{
    if (size > SIZE_MAX / 2)
        return NULL;
    size = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    struct kp_chunk *c = a->chunk;
    if (!c || c->size - c->used < size) {
        size_t room = size > CHUNK ? size : CHUNK;
        c = kp_alloc(sizeof *c + room);
        if (!c)
            return NULL;
        c->size = room;
        c->next = a->chunk;
        a->chunk = c;
    }
    void *p = c->data + c->used;
    c->used += size;
    return p;
}

void *kp_arena_copy(struct kp_arena *a, const void *data, size_t size)
{
    void *p = kp_arena_alloc(a, size ? size : 1);
    if (p && size)
        memcpy(p, data, size);
    return p;
}

char *kp_arena_strdup(struct kp_arena *a, const char *s)
{
    return kp_arena_copy(a, s, strlen(s) + 1);
}

size_t kp_arena_size(const struct kp_arena *a)
{
    size_t n = 0;
    for (const struct kp_chunk *c = a->chunk; c; c = c->next)
        n += sizeof *c + c->size;
    return n;
}

void kp_arena_reset(struct kp_arena *a)
{
    struct kp_chunk *keep = a->chunk;
    if (!keep)
        return;
    for (struct kp_chunk *c = keep->next, *next; c; c = next) {
        next = c->next;
        kp_free(c);
    }
    keep->next = NULL;
    memset(keep->data, 0, keep->used);
    keep->used = 0;
}

void kp_arena_free(struct kp_arena *a)
{
    while (a->chunk) {
        struct kp_chunk *next = a->chunk->next;
        kp_free(a->chunk);
        a->chunk = next;
    }
}

void kp_buf_init(struct kp_buf *b, size_t limit)
{
    *b = (struct kp_buf){ .limit = limit };
}

void kp_buf_free(struct kp_buf *b)
{
    kp_free(b->data);
    *b = (struct kp_buf){ .limit = b->limit };
}

void *kp_buf_grow(struct kp_buf *b, size_t n)
{
    if (b->failed)
        return NULL;
    if (n > b->limit || b->len > b->limit - n) {
        b->failed = true;
        return NULL;
    }
    if (b->len + n + 1 > b->capacity) {
        size_t room = b->capacity ? b->capacity : 128;
        while (room < b->len + n + 1)
            room *= 2;
        char *p = kp_realloc(b->data, room);
        if (!p) {
            b->failed = true;
            return NULL;
        }
        b->data = p;
        b->capacity = room;
    }
    return b->data + b->len;
}

void kp_buf_add(struct kp_buf *b, const void *data, size_t n)
{
    void *p = n ? kp_buf_room(b, n) : NULL;
    if (!p)
        return;
    memcpy(p, data, n);
    b->len += n;
}

void kp_buf_str(struct kp_buf *b, const char *s)
{
    kp_buf_add(b, s, strlen(s));
}

void kp_buf_printf(struct kp_buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *p = n >= 0 ? kp_buf_room(b, (size_t)n) : NULL;
    if (!p)
        return;
    va_start(ap, fmt);
    vsnprintf(p, (size_t)n + 1, fmt, ap);
    va_end(ap);
    b->len += (size_t)n;
}

const char *kp_buf_text(struct kp_buf *b)
{
    char *end = kp_buf_room(b, 0);
    if (!end)
        return "";
    *end = 0;
    return b->data;
}

char *kp_buf_take(struct kp_buf *b)
{
    kp_buf_text(b);
    char *p = b->failed ? NULL : b->data;
    if (p)
        b->data = NULL;
    kp_buf_free(b);
    return p;
}
