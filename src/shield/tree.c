/* SPDX-License-Identifier: Apache-2.0 */
#include "shield/tree.h"

#include "core/hash.h"
#include "core/text.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

/* ---- walking ---- */
const struct kp_tree *kp_tree_get(const struct kp_tree *object, const char *key)
{
    if (!object || object->type != KP_TREE_OBJECT)
        return NULL;
    const struct kp_tree *m = object->first;
    while (m && (m->key[0] != key[0] || strcmp(m->key, key) != 0)) /* most differ there */
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

void kp_tree_write(const struct kp_tree *v, struct kp_json *j)
{
    switch ((enum kp_tree_type)v->type) {
    case KP_TREE_NULL:
        kp_json_null(j);
        break;
    case KP_TREE_FALSE:
    case KP_TREE_TRUE:
        kp_json_bool(j, v->type == KP_TREE_TRUE);
        break;
    case KP_TREE_NUMBER:
        kp_json_double(j, v->number);
        break;
    case KP_TREE_TEXT:
        kp_json_textn(j, v->text, v->n);
        break;
    case KP_TREE_LIST:
    case KP_TREE_OBJECT:
        kp_json_begin(j, v->type == KP_TREE_LIST ? '[' : '{');
        for (const struct kp_tree *m = v->first; m; m = m->next) {
            if (m->key)
                kp_json_keyn(j, m->key, m->key_len);
            kp_tree_write(m, j);
        }
        kp_json_end(j, v->type == KP_TREE_LIST ? ']' : '}');
    }
}
