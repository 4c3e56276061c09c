/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_CORE_MEM_H
#define KOPPEL_CORE_MEM_H
/* Every allocation of koppel goes through here, so that a test can make the nth one fail. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void *kp_alloc(size_t size); /* zeroed; NULL when out of memory; freed by kp_free */
void *kp_realloc(void *, size_t size); /* new bytes are not zeroed; NULL leaves the old block */
void kp_free(void *);
char *kp_strdup(const char *);           /* NULL in, NULL out */
char *kp_strndup(const char *, size_t n); /* copies n bytes and ends them with 0 */

/* Makes room for one more element in a growing array; false when out of memory, array unchanged. */
bool kp_grow(void *array_of_pointer, size_t *capacity, size_t needed, size_t element);

/* Gives what was freed back to the operating system; worth it after a burst of megabytes. */
void kp_mem_trim(void);

#ifdef KOPPEL_TESTING
void kp_mem_fail_at(long nth); /* 1 = the next allocation fails once; 0 = never */
long kp_mem_live(void);        /* blocks not yet freed */
long kp_mem_count(void);       /* allocations so far */
#endif

/* An arena: many small things that die together (one batch, one request, one document).
 * Zero-initialised is empty. Not shared between threads. */
struct kp_arena {
    struct kp_chunk *chunk;
};
void *kp_arena_alloc(struct kp_arena *, size_t size); /* zeroed, aligned for any type */
void *kp_arena_copy(struct kp_arena *, const void *data, size_t size);
char *kp_arena_strdup(struct kp_arena *, const char *);
size_t kp_arena_size(const struct kp_arena *); /* bytes held */
void kp_arena_reset(struct kp_arena *);        /* keeps one chunk for the next use */
void kp_arena_free(struct kp_arena *);

/* A growing byte string with a limit given at birth. After the first failure (out of memory, limit)
 * `failed` is set and further appends do nothing: check once, at the end. */
struct kp_buf {
    char *data; /* `len` bytes; kp_buf_text() ends them with 0 */
    size_t len, capacity, limit;
    bool failed;
};
void kp_buf_init(struct kp_buf *, size_t limit);
void kp_buf_free(struct kp_buf *);
void kp_buf_add(struct kp_buf *, const void *data, size_t n);
void kp_buf_str(struct kp_buf *, const char *);
void kp_buf_printf(struct kp_buf *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void *kp_buf_grow(struct kp_buf *, size_t n); /* kp_buf_room, when there is no room yet */
/* n writable bytes at the end, not yet counted; or NULL */
static inline void *kp_buf_room(struct kp_buf *b, size_t n)
{
    bool fits = n < b->capacity - b->len && n <= b->limit - b->len && !b->failed;
    return fits ? b->data + b->len : kp_buf_grow(b, n);
}
const char *kp_buf_text(struct kp_buf *);     /* "" when failed or empty */
char *kp_buf_take(struct kp_buf *);           /* the text, now the caller's (kp_free); NULL when failed */
#endif
