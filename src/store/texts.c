/* SPDX-License-Identifier: Apache-2.0 */
#include "store/texts.h"

#include <string.h>

#include "core/ban.h"

enum { SLOTS = 2 * KP_CHUNK_MAX };

struct words {
    size_t n;
    const struct kp_value *word[KP_CHUNK_MAX];
    uint16_t slot[SLOTS]; /* place + 1 of the word hashed here */
};

static size_t find_word(struct words *w, const struct kp_value *v)
{
    uint32_t h = kp_crc32c(v->data, v->len);
    for (;; h++) {
        uint16_t place = w->slot[h % SLOTS];
        if (!place)
            break;
        const struct kp_value *other = w->word[place - 1];
        if (other->len == v->len && (!v->len || memcmp(other->data, v->data, v->len) == 0))
            return place - 1u;
    }
    w->word[w->n] = v;
    w->slot[h % SLOTS] = (uint16_t)++w->n;
    return w->n - 1;
}

static void put_plain(const struct kp_sample *points, const uint16_t *at, size_t n,
                      struct kp_scratch *s, struct kp_buf *out)
{
    kp_put_varint(out, 0);
    for (size_t i = 0; i < n; i++)
        s->values[i] = points[at[i]].value.len;
    kp_ints_encode(s->values, n, s, out);
    for (size_t i = 0; i < n; i++)
        kp_buf_add(out, points[at[i]].value.data, points[at[i]].value.len);
}

static void put_dictionary(const struct words *w, size_t n, struct kp_scratch *s,
                           struct kp_buf *out)
{
    kp_put_varint(out, w->n + 1);
    for (size_t i = 0; i < w->n; i++) {
        kp_put_varint(out, w->word[i]->len);
        kp_buf_add(out, w->word[i]->data, w->word[i]->len);
    }
    kp_ints_encode(s->index, n, s, out);
}

enum kp_code kp_texts_encode(const struct kp_sample *points, const uint16_t *at, size_t n,
                             struct kp_scratch *s, struct kp_buf *out, struct kp_err *err)
{
    struct words *w = kp_alloc(sizeof *w);
    if (!w)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    for (size_t i = 0; i < n; i++)
        s->index[i] = (int64_t)find_word(w, &points[at[i]].value);
    if (w->n > n / 2 + 1)
        put_plain(points, at, n, s, out);
    else
        put_dictionary(w, n, s, out);
    kp_free(w);
    return KP_OK;
}

static enum kp_code cut_off(struct kp_err *err)
{
    return kp_fail(err, KP_EPARSE, "the column of texts is malformed");
}

static enum kp_code give(struct kp_value *v, const uint8_t *data, size_t len,
                         struct kp_arena *arena, struct kp_err *err)
{
    v->len = (uint32_t)len;
    v->data = kp_arena_copy(arena, data, len);
    return v->data ? KP_OK : kp_fail(err, KP_ENOMEM, "out of memory");
}

static enum kp_code get_plain(struct kp_reader *r, struct kp_sample *points, const uint16_t *at,
                              size_t n, struct kp_scratch *s, struct kp_arena *arena,
                              struct kp_err *err)
{
    const uint8_t *p;
    if (!kp_ints_decode(r, n, s->values))
        return cut_off(err);
    for (size_t i = 0; i < n; i++) {
        if (s->values[i] < 0 || s->values[i] > UINT32_MAX ||
            !kp_read_bytes(r, (size_t)s->values[i], &p))
            return cut_off(err);
        if (give(&points[at[i]].value, p, (size_t)s->values[i], arena, err))
            return err->code;
    }
    return KP_OK;
}

enum kp_code kp_texts_decode(struct kp_reader *r, struct kp_sample *points, const uint16_t *at,
                             size_t n, struct kp_scratch *s, struct kp_arena *arena,
                             struct kp_err *err)
{
    uint64_t words, len;
    const uint8_t *p;
    if (!kp_read_varint(r, &words) || words > KP_CHUNK_MAX)
        return cut_off(err);
    if (words == 0)
        return get_plain(r, points, at, n, s, arena, err);
    words--;
    struct kp_value *word = kp_arena_alloc(arena, (words + 1) * sizeof *word);
    if (!word)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    for (uint64_t i = 0; i < words; i++) {
        if (!kp_read_varint(r, &len) || len > UINT32_MAX || !kp_read_bytes(r, len, &p))
            return cut_off(err);
        if (give(&word[i], p, len, arena, err))
            return err->code;
    }
    if (!kp_ints_decode(r, n, s->index))
        return cut_off(err);
    for (size_t i = 0; i < n; i++) {
        if (s->index[i] < 0 || (uint64_t)s->index[i] >= words)
            return cut_off(err);
        points[at[i]].value.data = word[s->index[i]].data;
        points[at[i]].value.len = word[s->index[i]].len;
    }
    return KP_OK;
}
