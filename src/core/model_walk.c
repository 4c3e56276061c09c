/* SPDX-License-Identifier: Apache-2.0 */
/* Finding one's way in the tree. No paths are kept: each step is a binary search among children. */
#include "core/model_private.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

const char *model_asset_name(const struct kp_model *m, uint32_t id)
{
    return m->assets[id].info->name;
}

const char *model_signal_name(const struct kp_model *m, uint32_t id)
{
    return m->signals[id]->name;
}

/* Compares a name with `len` bytes of another. */
static int compare(const char *name, const char *other, size_t len)
{
    int c = strncmp(name, other, len);
    return c ? c : name[len] != 0;
}

size_t children_find(const struct kp_model *m, const struct children *c,
                     const char *(*name_of)(const struct kp_model *, uint32_t), const char *name,
                     size_t len)
{
    size_t low = 0, high = c->n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (compare(name_of(m, c->id[middle]), name, len) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

kp_asset model_child_asset(const struct kp_model *m, kp_asset parent, const char *name, size_t len)
{
    const struct children *c = &m->assets[parent].assets;
    size_t i = children_find(m, c, model_asset_name, name, len);
    return i < c->n && compare(model_asset_name(m, c->id[i]), name, len) == 0 ? c->id[i] : 0;
}

kp_signal model_child_signal(const struct kp_model *m, kp_asset parent, const char *name,
                             size_t len)
{
    const struct children *c = &m->assets[parent].signals;
    size_t i = children_find(m, c, model_signal_name, name, len);
    return i < c->n && compare(model_signal_name(m, c->id[i]), name, len) == 0 ? c->id[i] : 0;
}

const struct kp_asset_info *kp_model_asset(const struct kp_model *m, kp_asset id)
{
    return id < m->assets_end ? m->assets[id].info : NULL;
}

const struct kp_signal_info *kp_model_signal(const struct kp_model *m, kp_signal id)
{
    return id && id < m->signals_end ? m->signals[id] : NULL;
}

kp_asset kp_model_find_asset(const struct kp_model *m, const char *path)
{
    kp_asset a = 0;
    for (const char *p = path; *p;) {
        size_t n = strcspn(p, "/");
        a = model_child_asset(m, a, p, n);
        if (!a)
            return 0;
        p += n;
        p += *p == '/' && p[1];
        if (*p == '/')
            return 0;
    }
    return a;
}

kp_signal kp_model_find_signal(const struct kp_model *m, const char *path)
{
    kp_asset a = 0;
    for (const char *p = path;;) {
        size_t n = strcspn(p, "/");
        if (!p[n])
            return model_child_signal(m, a, p, n);
        a = model_child_asset(m, a, p, n);
        if (!a)
            return 0;
        p += n + 1;
    }
}

/* ---- paths ---- */
/* As much as fits; returns the length had all of it fitted. */
static size_t append(char *out, size_t size, size_t used, const char *text)
{
    size_t len = strlen(text);
    if (used < size) {
        size_t n = len < size - used ? len : size - used - 1;
        memcpy(out + used, text, n);
        out[used + n] = 0;
    }
    return used + len;
}

static size_t path_of(const struct kp_model *m, kp_asset a, const char *leaf, char *out,
                      size_t size)
{
    const char *names[KP_DEPTH_MAX + 2];
    size_t n = 0, used = 0;
    if (leaf)
        names[n++] = leaf;
    for (; a && n < sizeof names / sizeof *names; a = m->assets[a].info->parent)
        names[n++] = m->assets[a].info->name;
    if (size)
        out[0] = 0;
    while (n--) {
        used = append(out, size, used, names[n]);
        if (n)
            used = append(out, size, used, "/");
    }
    return used;
}

size_t kp_model_asset_path(const struct kp_model *m, kp_asset a, char *out, size_t size)
{
    return path_of(m, kp_model_asset(m, a) ? a : 0, NULL, out, size);
}

size_t kp_model_signal_path(const struct kp_model *m, kp_signal s, char *out, size_t size)
{
    const struct kp_signal_info *info = kp_model_signal(m, s);
    return path_of(m, info ? info->asset : 0, info ? info->name : NULL, out, size);
}

uint8_t kp_model_label(const struct kp_model *m, kp_asset a, uint8_t own)
{
    while (own == KP_INHERIT && a && kp_model_asset(m, a)) {
        own = m->assets[a].info->label;
        a = m->assets[a].info->parent;
    }
    return own == KP_INHERIT ? m->assets[0].info->label : own;
}

void kp_model_set_brought(struct kp_model *m, uint16_t coupling, enum kp_brought how)
{
    atomic_store(&m->brought[coupling], (unsigned char)how);
}

enum kp_brought kp_model_brought(const struct kp_model *m, uint16_t coupling)
{
    return (enum kp_brought)atomic_load(&m->brought[coupling]);
}

size_t kp_model_child_assets(const struct kp_model *m, kp_asset a, const kp_asset **list)
{
    *list = a < m->assets_end ? m->assets[a].assets.id : NULL;
    return a < m->assets_end ? m->assets[a].assets.n : 0;
}

size_t kp_model_child_signals(const struct kp_model *m, kp_asset a, const kp_signal **list)
{
    *list = a < m->assets_end ? m->assets[a].signals.id : NULL;
    return a < m->assets_end ? m->assets[a].signals.n : 0;
}

size_t kp_model_count_assets(const struct kp_model *m)
{
    return m->assets_count;
}

size_t kp_model_count_signals(const struct kp_model *m)
{
    return m->signals_count;
}

kp_signal kp_model_signal_end(const struct kp_model *m)
{
    return (kp_signal)m->signals_end;
}

/* ---- matching ---- */
/* Path order: the signals of an asset by name, then its assets by name, each with all below it. */
struct walk {
    const struct kp_model *m;
    const char *pattern;
    char path[KP_PATH_MAX]; /* no path of the model is longer */
    size_t len;             /* of the path of the asset the walk is in */
    void (*each)(void *, kp_signal, const char *);
    void *arg;
    kp_signal last;
    size_t n, max;
};

static void found(struct walk *w, kp_signal id, const char *path)
{
    w->each(w->arg, id, path);
    w->last = id;
    w->n++;
}

static bool enter(struct walk *w, const char *name)
{
    size_t len = strlen(name), slash = w->len ? 1 : 0;
    if (w->len + slash + len + 1 > sizeof w->path)
        return false;
    if (slash)
        w->path[w->len] = '/';
    memcpy(w->path + w->len + slash, name, len + 1);
    w->len += slash + len;
    return true;
}

static void leave(struct walk *w, size_t len)
{
    w->len = len;
    w->path[len] = 0;
}

static void walk_signals(struct walk *w, kp_asset a, const char *after)
{
    const struct children *c = &w->m->assets[a].signals;
    size_t i = 0, before = w->len;
    if (after && *after) {
        i = children_find(w->m, c, model_signal_name, after, strlen(after));
        i += i < c->n && strcmp(model_signal_name(w->m, c->id[i]), after) == 0;
    }
    for (; i < c->n && w->n < w->max; i++) {
        if (enter(w, model_signal_name(w->m, c->id[i])) && kp_pattern_match(w->pattern, w->path))
            found(w, c->id[i], w->path);
        leave(w, before);
    }
}

/* `after`: the rest of the path to go on behind, below this asset; NULL or "" = from its start. */
static void walk_asset(struct walk *w, kp_asset a, const char *after)
{
    const struct children *c = &w->m->assets[a].assets;
    const char *slash = after ? strchr(after, '/') : NULL;
    size_t i = 0, before = w->len;
    if (!slash)
        walk_signals(w, a, after);
    else
        i = children_find(w->m, c, model_asset_name, after, (size_t)(slash - after));
    for (size_t first = i; i < c->n && w->n < w->max; i++) {
        const char *name = model_asset_name(w->m, c->id[i]);
        bool on_way = slash && i == first && compare(name, after, (size_t)(slash - after)) == 0;
        if (enter(w, name))
            walk_asset(w, c->id[i], on_way ? slash + 1 : NULL);
        leave(w, before);
    }
}

/* The asset named by the leading names of the pattern that hold no wildcard, so that the walk
 * begins there. False when it is not there: then a plain pattern may name one signal, and nothing
 * else matches. */
static bool walk_start(struct walk *w, kp_asset *start, kp_signal *only)
{
    const char *p = w->pattern;
    *start = 0;
    while (*p) {
        size_t n = strcspn(p, "/");
        if (memchr(p, '*', n) || memchr(p, '?', n))
            return true;
        kp_asset child = model_child_asset(w->m, *start, p, n);
        if (!child) {
            *only = p[n] ? 0 : model_child_signal(w->m, *start, p, n);
            return false;
        }
        *start = child;
        if (!enter(w, model_asset_name(w->m, child)))
            return false;
        p += n + (p[n] == '/');
    }
    return true;
}

size_t kp_model_each(const struct kp_model *m, const char *pattern, char *after, size_t max,
                     void (*each)(void *, kp_signal, const char *), void *arg)
{
    struct walk w = { .m = m, .pattern = pattern, .each = each, .arg = arg, .max = max };
    kp_asset start;
    kp_signal only = 0;
    const char *rest = after;
    bool tree = walk_start(&w, &start, &only);
    if (only && max && !*after)
        found(&w, only, pattern);
    if (tree && *after && w.len) { /* the part of `after` below the start */
        tree = strncmp(after, w.path, w.len) == 0 && after[w.len] == '/';
        rest = after + w.len + 1;
    }
    if (tree)
        walk_asset(&w, start, rest);
    if (w.n)
        kp_model_signal_path(m, w.last, after, KP_PATH_MAX);
    return w.n;
}

static void collect(void *arg, kp_signal id, const char *path)
{
    (void)path;
    kp_signal **out = arg;
    *(*out)++ = id;
}

size_t kp_model_match(const struct kp_model *m, const char *pattern, char *after, kp_signal *out,
                      size_t max)
{
    return kp_model_each(m, pattern, after, max, collect, &out);
}
