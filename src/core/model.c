/* SPDX-License-Identifier: Apache-2.0 */
/* The structure of the model: assets and signals come, change, move and go. */
#include "core/model_private.h"

#include <assert.h>
#include <string.h>

#include "core/ban.h"

/* ---- life ---- */
static struct kp_asset_info root = { .kind = KP_ENTERPRISE, .label = KP_INTERNAL, .name = "" };

struct kp_model *kp_model_new(void)
{
    struct kp_model *m = kp_alloc(sizeof *m);
    if (!m)
        return NULL;
    if (!kp_grow(&m->assets, &m->assets_capacity, 1, sizeof *m->assets)) {
        kp_free(m);
        return NULL;
    }
    pthread_rwlockattr_t writers_first;
    pthread_rwlockattr_init(&writers_first);
    pthread_rwlockattr_setkind_np(&writers_first, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&m->lock, &writers_first);
    pthread_rwlockattr_destroy(&writers_first);
    m->assets[0].info = &root;
    m->assets_end = m->signals_end = 1;
    m->next_asset = m->next_signal = 1;
    m->next_interval = 1;
    return m;
}

void kp_model_free(struct kp_model *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < m->assets_end; i++) {
        kp_free(m->assets[i].assets.id);
        kp_free(m->assets[i].signals.id);
        if (i)
            kp_free(m->assets[i].info);
    }
    for (size_t i = 1; i < m->signals_end; i++) {
        kp_free(m->signals[i]);
        model_live_forget(&m->live[i]);
    }
    for (size_t i = 0; i < m->n_open; i++)
        kp_free(m->open[i]);
    kp_free(m->assets);
    kp_free(m->signals);
    kp_free(m->live);
    kp_free(m->open);
    pthread_rwlock_destroy(&m->lock);
    kp_free(m);
}

void kp_model_watch(struct kp_model *m, struct kp_watcher w)
{
    if (m->n_watchers < KP_WATCHERS_MAX)
        m->watchers[m->n_watchers++] = w;
}

void model_tell(struct kp_model *m, enum kp_change change, int64_t id,
                const struct kp_interval *interval)
{
    for (size_t i = 0; i < m->n_watchers; i++)
        m->watchers[i].changed(m->watchers[i].self, change, id, interval);
}

void kp_model_lock(struct kp_model *m)
{
    pthread_rwlock_rdlock(&m->lock);
}

void kp_model_unlock(struct kp_model *m)
{
    pthread_rwlock_unlock(&m->lock);
}

uint64_t kp_model_version(const struct kp_model *m)
{
    return m->version;
}

void kp_model_set_next(struct kp_model *m, kp_asset asset, kp_signal signal, int64_t interval)
{
    pthread_rwlock_wrlock(&m->lock);
    if (asset > m->next_asset)
        m->next_asset = asset;
    if (signal > m->next_signal)
        m->next_signal = signal;
    if (interval > m->next_interval)
        m->next_interval = interval;
    pthread_rwlock_unlock(&m->lock);
}

/* ---- one block: the struct, its texts behind it ---- */
static const size_t signal_texts[] = {
    offsetof(struct kp_signal_info, name),   offsetof(struct kp_signal_info, description),
    offsetof(struct kp_signal_info, unit),   offsetof(struct kp_signal_info, unit_text),
    offsetof(struct kp_signal_info, source), offsetof(struct kp_signal_info, role),
    offsetof(struct kp_signal_info, enums),  offsetof(struct kp_signal_info, states),
};
enum {
    SIGNAL_TEXTS = sizeof signal_texts / sizeof *signal_texts,
    ASSET_TEXTS = 2 + KP_NAMEPLATE_FIELDS
};

static size_t asset_text(size_t i)
{
    static const size_t first[] = { offsetof(struct kp_asset_info, name),
                                    offsetof(struct kp_asset_info, description) };
    return i < 2 ? first[i] : offsetof(struct kp_asset_info, nameplate) + (i - 2) * sizeof(char *);
}

static size_t signal_text(size_t i)
{
    return signal_texts[i];
}

static void *block_copy(const void *info, size_t size, size_t n, size_t (*offset)(size_t))
{
    size_t total = size;
    for (size_t i = 0; i < n; i++) {
        const char *const *text = (const void *)((const char *)info + offset(i));
        total += *text ? strlen(*text) + 1 : 0;
    }
    char *block = kp_alloc(total);
    if (!block)
        return NULL;
    char *end = block + size;
    memcpy(block, info, size);
    for (size_t i = 0; i < n; i++) {
        const char **text = (void *)(block + offset(i));
        if (!*text)
            continue;
        size_t len = strlen(*text) + 1;
        *text = memcpy(end, *text, len);
        end += len;
    }
    return block;
}

static bool texts_valid(const void *info, size_t n, size_t (*offset)(size_t))
{
    for (size_t i = 0; i < n; i++) {
        const char *const *text = (const void *)((const char *)info + offset(i));
        if (*text && !kp_utf8_valid(*text, strlen(*text)))
            return false;
    }
    return true;
}

/* ---- children ---- */
static void children_insert(const struct kp_model *m, struct children *c,
                            const char *(*name_of)(const struct kp_model *, uint32_t), uint32_t id)
{
    const char *name = name_of(m, id);
    size_t i = children_find(m, c, name_of, name, strlen(name));
    memmove(c->id + i + 1, c->id + i, (c->n - i) * sizeof *c->id);
    c->id[i] = id;
    c->n++;
}

static void children_remove(const struct kp_model *m, struct children *c,
                            const char *(*name_of)(const struct kp_model *, uint32_t), uint32_t id)
{
    const char *name = name_of(m, id);
    size_t i = children_find(m, c, name_of, name, strlen(name));
    assert(i < c->n && c->id[i] == id);
    c->n--;
    memmove(c->id + i, c->id + i + 1, (c->n - i) * sizeof *c->id);
}

static enum kp_code check_name(const struct kp_model *m, kp_asset parent, const char *name,
                               kp_asset own_asset, kp_signal own_signal, struct kp_err *err)
{
    size_t len = name ? strlen(name) : 0;
    if (!kp_name_valid(name ? name : "", len))
        return kp_fail(err, KP_EINVALID,
                       "'%.60s' cannot be a name; take up to %d bytes without '/', '*' and '?'",
                       name ? name : "", KP_NAME_MAX - 1);
    if (parent >= m->assets_end || !m->assets[parent].info)
        return kp_fail(err, KP_ENOTFOUND, "'%.60s': the asset above it is not there", name);
    kp_asset asset = model_child_asset(m, parent, name, len);
    kp_signal signal = model_child_signal(m, parent, name, len);
    if ((asset && asset != own_asset) || (signal && signal != own_signal))
        return kp_fail(err, KP_EEXISTS, "there is %s '%.60s' in this place already",
                       asset ? "an asset" : "a signal", name);
    return KP_OK;
}

static unsigned depth(const struct kp_model *m, kp_asset a)
{
    unsigned n = 0;
    for (; a; a = m->assets[a].info->parent)
        n++;
    return n;
}

/* How far a tree reaches down from an asset, its own name not counted. */
struct reach {
    unsigned levels;
    size_t bytes; /* of the longest path */
};

static struct reach reach(const struct kp_model *m, kp_asset a)
{
    struct reach most = { 0 };
    const struct children *signals = &m->assets[a].signals, *assets = &m->assets[a].assets;
    for (size_t i = 0; i < signals->n; i++) {
        size_t bytes = 1 + strlen(model_signal_name(m, signals->id[i]));
        most.bytes = bytes > most.bytes ? bytes : most.bytes;
    }
    for (size_t i = 0; i < assets->n; i++) { /* at most KP_DEPTH_MAX deep */
        struct reach r = reach(m, assets->id[i]);
        size_t bytes = 1 + strlen(model_asset_name(m, assets->id[i])) + r.bytes;
        most.bytes = bytes > most.bytes ? bytes : most.bytes;
        most.levels = r.levels + 1 > most.levels ? r.levels + 1 : most.levels;
    }
    return most;
}

/* Everyone may hold a path in KP_PATH_MAX bytes: longer ones cannot come to be. */
static enum kp_code check_length(const struct kp_model *m, kp_asset parent, const char *name,
                                 size_t below, struct kp_err *err)
{
    if (kp_model_asset_path(m, parent, NULL, 0) + (parent ? 1 : 0) + strlen(name) + below <
        KP_PATH_MAX)
        return KP_OK;
    return kp_fail(err, KP_EFULL,
                   "'%.60s': a path would be longer than %d bytes; take shorter names", name,
                   KP_PATH_MAX - 1);
}

/* ---- assets ---- */
static enum kp_code check_asset(const struct kp_model *m, const struct kp_asset_info *in,
                                bool exists, struct kp_err *err)
{
    if (!model_kind_valid(in->kind) || !model_label_valid(in->label))
        return kp_fail(err, KP_EINVALID, "'%.60s': unknown kind or label",
                       in->name ? in->name : "");
    if (check_name(m, in->parent, in->name, exists ? in->id : 0, 0, err))
        return err->code;
    if (!texts_valid(in, ASSET_TEXTS, asset_text))
        return kp_fail(err, KP_EINVALID, "'%.60s': a text is not valid UTF-8", in->name);
    for (kp_asset a = in->parent; exists && a; a = m->assets[a].info->parent)
        if (a == in->id)
            return kp_fail(err, KP_EINVALID, "'%.60s' cannot be moved below itself", in->name);
    struct reach below = exists ? reach(m, in->id) : (struct reach){ 0 };
    if (depth(m, in->parent) + 1 + below.levels > KP_DEPTH_MAX)
        return kp_fail(err, KP_EFULL, "'%.60s' would be more than %d levels deep", in->name,
                       KP_DEPTH_MAX);
    return check_length(m, in->parent, in->name, below.bytes, err);
}

static enum kp_code asset_place(struct kp_model *m, struct kp_asset_info *new, struct kp_err *err)
{
    kp_asset id = new->id;
    if (id > KP_ASSETS_MAX)
        return kp_fail(err, KP_EFULL, "this file has had %d assets, the most it can",
                       KP_ASSETS_MAX);
    if (!kp_grow(&m->assets, &m->assets_capacity, (size_t)id + 1, sizeof *m->assets))
        return kp_fail(err, KP_ENOMEM, "out of memory");
    struct children *in = &m->assets[new->parent].assets;
    if (!kp_grow(&in->id, &in->capacity, in->n + 1, sizeof *in->id))
        return kp_fail(err, KP_ENOMEM, "out of memory");
    struct kp_asset_info *old = m->assets[id].info;
    if (old)
        children_remove(m, &m->assets[old->parent].assets, model_asset_name, id);
    m->assets[id].info = new;
    children_insert(m, in, model_asset_name, id);
    if (id >= m->assets_end)
        m->assets_end = (size_t)id + 1;
    if (id >= m->next_asset)
        m->next_asset = id + 1;
    m->assets_count += !old;
    m->version++;
    kp_free(old);
    return KP_OK;
}

kp_asset kp_model_put_asset(struct kp_model *m, const struct kp_asset_info *in, struct kp_err *err)
{
    struct kp_err own = { 0 };
    err = err ? err : &own;
    bool exists = in->id && in->id < m->assets_end && m->assets[in->id].info;
    if (check_asset(m, in, exists, err))
        return 0;
    struct kp_asset_info *new = block_copy(in, sizeof *in, ASSET_TEXTS, asset_text);
    if (!new) {
        kp_fail(err, KP_ENOMEM, "out of memory");
        return 0;
    }
    if (!new->id)
        new->id = m->next_asset;
    kp_asset id = new->id;
    pthread_rwlock_wrlock(&m->lock);
    enum kp_code code = asset_place(m, new, err);
    pthread_rwlock_unlock(&m->lock);
    if (code) {
        kp_free(new);
        return 0;
    }
    model_tell(m, KP_ASSET_PUT, id, NULL);
    return id;
}

static enum kp_code check_path(const char *path, struct kp_err *err)
{
    unsigned levels = 1;
    if (!kp_path_valid(path))
        return kp_fail(err, KP_EINVALID, "'%.120s' is not a path such as eindhoven/milling/dmu50",
                       path);
    for (const char *p = path; (p = strchr(p, '/')); p++)
        levels++;
    if (levels > KP_DEPTH_MAX)
        return kp_fail(err, KP_EFULL, "'%.120s' is more than %d levels deep", path, KP_DEPTH_MAX);
    return KP_OK;
}

static kp_asset make_child(struct kp_model *m, kp_asset parent, const char *p, size_t n,
                           uint8_t kind, struct kp_err *err)
{
    char name[KP_NAME_MAX];
    memcpy(name, p, n); /* a valid path has names that fit */
    name[n] = 0;
    return kp_model_put_asset(
        m, &(struct kp_asset_info){ .parent = parent, .name = name, .kind = kind }, err);
}

kp_asset kp_model_make_path(struct kp_model *m, const char *path, uint8_t kind, struct kp_err *err)
{
    kp_asset parent = 0, first_made = 0;
    if (check_path(path, err))
        return 0;
    for (const char *p = path;; p++) {
        size_t n = strcspn(p, "/");
        kp_asset child = model_child_asset(m, parent, p, n);
        if (!child) {
            child = make_child(m, parent, p, n, p[n] ? KP_FOLDER : kind, err);
            if (!child && first_made)
                kp_model_remove_asset(m, first_made, NULL);
            if (!child)
                return 0;
            first_made = first_made ? first_made : child;
        }
        parent = child;
        p += n;
        if (!*p)
            return parent;
    }
}

/* ---- signals ---- */
static enum kp_code check_signal(const struct kp_model *m, const struct kp_signal_info *in,
                                 struct kp_err *err)
{
    if (kp_type_name(in->type)[0] == '?' || !model_label_valid(in->label))
        return kp_fail(err, KP_EINVALID, "'%.60s': unknown type or label",
                       in->name ? in->name : "");
    if (!in->asset)
        return kp_fail(err, KP_EINVALID, "'%.60s': a signal needs an asset",
                       in->name ? in->name : "");
    if (check_name(m, in->asset, in->name, 0, in->id, err))
        return err->code;
    if (!texts_valid(in, SIGNAL_TEXTS, signal_text))
        return kp_fail(err, KP_EINVALID, "'%.60s': a text is not valid UTF-8", in->name);
    return check_length(m, in->asset, in->name, 0, err);
}

static enum kp_code signal_place(struct kp_model *m, struct kp_signal_info *new, struct kp_err *err)
{
    kp_signal id = new->id;
    if (id > KP_SIGNALS_MAX)
        return kp_fail(err, KP_EFULL, "this file has had %d signals, the most it can",
                       KP_SIGNALS_MAX);
    struct children *in = &m->assets[new->asset].signals;
    if (!kp_grow(&m->signals, &m->signals_capacity, (size_t)id + 1, sizeof *m->signals) ||
        !kp_grow(&m->live, &m->live_capacity, (size_t)id + 1, sizeof *m->live) ||
        !kp_grow(&in->id, &in->capacity, in->n + 1, sizeof *in->id))
        return kp_fail(err, KP_ENOMEM, "out of memory");
    struct kp_signal_info *old = m->signals[id];
    if (old)
        children_remove(m, &m->assets[old->asset].signals, model_signal_name, id);
    m->signals[id] = new;
    m->live[id].stored = new->stored;
    children_insert(m, in, model_signal_name, id);
    if (id >= m->signals_end)
        m->signals_end = (size_t)id + 1;
    if (id >= m->next_signal)
        m->next_signal = id + 1;
    m->signals_count += !old;
    m->version++;
    kp_free(old);
    return KP_OK;
}

kp_signal kp_model_put_signal(struct kp_model *m, const struct kp_signal_info *in,
                              struct kp_err *err)
{
    struct kp_err own = { 0 };
    err = err ? err : &own;
    if (check_signal(m, in, err))
        return 0;
    struct kp_signal_info *new = block_copy(in, sizeof *in, SIGNAL_TEXTS, signal_text);
    if (!new) {
        kp_fail(err, KP_ENOMEM, "out of memory");
        return 0;
    }
    if (!new->id)
        new->id = m->next_signal;
    kp_signal id = new->id;
    pthread_rwlock_wrlock(&m->lock);
    enum kp_code code = signal_place(m, new, err);
    pthread_rwlock_unlock(&m->lock);
    if (code) {
        kp_free(new);
        return 0;
    }
    model_tell(m, KP_SIGNAL_PUT, id, NULL);
    return id;
}

enum kp_code kp_model_remove_signal(struct kp_model *m, kp_signal id, struct kp_err *err)
{
    if (!kp_model_signal(m, id))
        return kp_fail(err, KP_ENOTFOUND, "there is no signal %u", id);
    pthread_rwlock_wrlock(&m->lock);
    children_remove(m, &m->assets[m->signals[id]->asset].signals, model_signal_name, id);
    kp_free(m->signals[id]);
    m->signals[id] = NULL;
    model_live_forget(&m->live[id]);
    m->signals_count--;
    m->version++;
    pthread_rwlock_unlock(&m->lock);
    model_tell(m, KP_SIGNAL_REMOVED, id, NULL);
    return KP_OK;
}

enum kp_code kp_model_remove_asset(struct kp_model *m, kp_asset id, struct kp_err *err)
{
    if (!id || !kp_model_asset(m, id))
        return kp_fail(err, KP_ENOTFOUND, "there is no asset %u", id);
    struct asset *a = &m->assets[id];
    while (a->signals.n)
        kp_model_remove_signal(m, a->signals.id[a->signals.n - 1], err);
    while (a->assets.n)
        kp_model_remove_asset(m, a->assets.id[a->assets.n - 1], err);
    model_drop_intervals(m, id);
    pthread_rwlock_wrlock(&m->lock);
    children_remove(m, &m->assets[a->info->parent].assets, model_asset_name, id);
    kp_free(a->info);
    kp_free(a->assets.id);
    kp_free(a->signals.id);
    *a = (struct asset){ 0 };
    m->assets_count--;
    m->version++;
    pthread_rwlock_unlock(&m->lock);
    model_tell(m, KP_ASSET_REMOVED, id, NULL);
    return KP_OK;
}
