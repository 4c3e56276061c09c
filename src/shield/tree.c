/* SPDX-License-Identifier: Apache-2.0 */
#include "shield/tree.h"

#include "core/hash.h"
#include "core/text.h"
#include "net/json_memory.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

struct taking {
    struct kp_arena *arena;
    struct kp_err *err;
    uint32_t values;
};

static enum kp_code full(struct taking *t, const struct kp_tree *at, const char *why, int most)
{
    char pointer[256];
    kp_tree_pointer(at, pointer, sizeof pointer);
    return kp_fail(t->err, KP_EFULL, "%s: %s %d", pointer, why, most);
}

static enum kp_code take(struct taking *, json_t *, const char *key, unsigned depth,
                         struct kp_tree *parent, struct kp_tree **);

static enum kp_code take_members(struct taking *t, json_t *j, unsigned depth, struct kp_tree *v)
{
    struct kp_tree **at = &v->first, *last = NULL;
    v->n = (uint32_t)json_object_size(j);
    if (v->n > KP_TREE_KEYS_MAX)
        return full(t, v, "an object with more keys than", KP_TREE_KEYS_MAX);
    for (void *i = json_object_iter(j); i; i = json_object_iter_next(j, i)) {
        const char *key = json_object_iter_key(i);
        if (take(t, json_object_iter_value(i), key, depth, v, at))
            return t->err->code;
        v->unsorted |= last && strcmp(last->key, key) > 0;
        last = *at;
        at = &last->next;
    }
    return KP_OK;
}

static enum kp_code take_items(struct taking *t, json_t *j, unsigned depth, struct kp_tree *v)
{
    struct kp_tree **at = &v->first;
    v->n = (uint32_t)json_array_size(j);
    for (size_t i = 0; i < v->n; i++, at = &(*at)->next)
        if (take(t, json_array_get(j, i), NULL, depth, v, at))
            return t->err->code;
    return KP_OK;
}

static enum kp_code take(struct taking *t, json_t *j, const char *key, unsigned depth,
                         struct kp_tree *parent, struct kp_tree **out)
{
    static const uint8_t types[] = {
        [JSON_NULL] = KP_TREE_NULL,    [JSON_FALSE] = KP_TREE_FALSE, [JSON_TRUE] = KP_TREE_TRUE,
        [JSON_REAL] = KP_TREE_NUMBER,  [JSON_STRING] = KP_TREE_TEXT, [JSON_ARRAY] = KP_TREE_LIST,
        [JSON_OBJECT] = KP_TREE_OBJECT
    };
    struct kp_tree *v = *out = kp_arena_alloc(t->arena, sizeof *v);
    if (!v)
        return kp_fail(t->err, KP_ENOMEM, "out of memory reading the document");
    *v = (struct kp_tree){ .key = key,
                           .key_len = key ? (uint32_t)strlen(key) : 0,
                           .parent = parent,
                           .order = t->values++,
                           .type = types[json_typeof(j)] };
    if (depth > KP_TREE_DEPTH_MAX)
        return full(t, v, "the document is nested deeper than", KP_TREE_DEPTH_MAX);
    if (v->type == KP_TREE_OBJECT)
        return take_members(t, j, depth + 1, v);
    if (v->type == KP_TREE_LIST)
        return take_items(t, j, depth + 1, v);
    if (v->type == KP_TREE_NUMBER)
        v->number = json_real_value(j);
    else if (v->type == KP_TREE_TEXT)
        v->text = json_string_value(j), v->n = (uint32_t)json_string_length(j);
    return KP_OK;
}

/* Before each value but the first stands one of these. jansson has no such limit, and "[],"
 * takes dozens of times its bytes there. */
static bool too_many(const char *text, size_t len)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++)
        n += text[i] == ',' || text[i] == '[' || text[i] == '{';
    return n > KP_TREE_VALUES_MAX;
}

enum kp_code kp_tree_read(const char *text, size_t len, struct kp_arena *arena, json_t **json,
                          struct kp_tree **out, struct kp_err *err)
{
    struct taking t = { arena, err, 0 };
    json_error_t why;
    size_t mark = len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    *json = NULL;
    if (too_many(text, len))
        return kp_fail(err, KP_EFULL, "the document has more than %d values", KP_TREE_VALUES_MAX);
    *json = kp_json_load(text + mark, len - mark, JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL,
                         &why);
    if (!*json && kp_json_starved())
        return kp_fail(err, KP_ENOMEM, "out of memory reading the document");
    if (!*json)
        return kp_fail(err, KP_EPARSE, "line %d: %s", why.line, why.text);
    return take(&t, *json, NULL, 1, NULL, out);
}

/* ---- walking ---- */
const struct kp_tree *kp_tree_get(const struct kp_tree *object, const char *key)
{
    if (!object || object->type != KP_TREE_OBJECT)
        return NULL;
    const struct kp_tree *m = object->first;
    while (m && strcmp(m->key, key) != 0)
        m = m->next;
    return m;
}

const char *kp_tree_text(const struct kp_tree *object, const char *key)
{
    const struct kp_tree *v = kp_tree_get(object, key);
    return v && v->type == KP_TREE_TEXT ? v->text : NULL;
}

const struct kp_tree *kp_tree_list(const struct kp_tree *object, const char *key)
{
    const struct kp_tree *v = kp_tree_get(object, key);
    return v && v->type == KP_TREE_LIST ? v->first : NULL;
}

static size_t pointer_word(const struct kp_tree *v, char *out, size_t size)
{
    size_t n = 0;
    unsigned index = 0;
    if (!v->key) {
        for (const struct kp_tree *o = v->parent->first; o != v; o = o->next)
            index++;
        n = (size_t)snprintf(out, size, "/%u", index);
        return n < size ? n : size - 1;
    }
    if (size > 1)
        out[n++] = '/';
    for (const char *p = v->key; *p && n + 2 < size; p++) {
        if (*p == '~' || *p == '/')
            out[n++] = '~';
        out[n++] = *p == '~' ? '0' : *p == '/' ? '1' : *p;
    }
    out[n] = 0;
    return n;
}

void kp_tree_pointer(const struct kp_tree *v, char *out, size_t size)
{
    const struct kp_tree *way[KP_TREE_DEPTH_MAX + 1];
    size_t depth = 0, n = 0;
    *out = 0;
    for (; v && v->parent; v = v->parent)
        way[depth++] = v;
    while (depth && n + 1 < size)
        n += pointer_word(way[--depth], out + n, size - n);
    kp_utf8_trim(out);
}

uint64_t kp_tree_hash(const struct kp_tree *v)
{
    uint64_t h = kp_hash(KP_HASH_START, &v->type, 1);
    if (v->type == KP_TREE_TEXT)
        return kp_hash(h, v->text, v->n);
    double number = v->type == KP_TREE_NUMBER ? v->number + 0.0 : 0; /* -0 is 0 */
    if (v->type == KP_TREE_NUMBER)
        return kp_hash(h, &number, sizeof number);
    for (const struct kp_tree *m = v->type >= KP_TREE_LIST ? v->first : NULL; m; m = m->next) {
        uint64_t of = kp_tree_hash(m);
        h = m->key ? h + kp_hash(of, m->key, m->key_len) : kp_hash(h, &of, sizeof of);
    }
    return h;
}

bool kp_tree_same(const struct kp_tree *a, const struct kp_tree *b)
{
    if (a->type != b->type || (a->type >= KP_TREE_TEXT && a->n != b->n))
        return false;
    if (a->type == KP_TREE_TEXT)
        return memcmp(a->text, b->text, a->n) == 0;
    if (a->type == KP_TREE_NUMBER)
        return !(a->number < b->number) && !(a->number > b->number);
    const struct kp_tree *m = a->first, *o = b->first;
    for (; a->type >= KP_TREE_LIST && m; m = m->next, o = o->next) {
        const struct kp_tree *other = m->key ? kp_tree_get(b, m->key) : o;
        if (!other || !kp_tree_same(m, other))
            return false;
    }
    return true;
}
