/* SPDX-License-Identifier: Apache-2.0 */
#include "node/import_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { POSTED_MAX = 1000, SYNC_BATCHES = 128, WAIT_MS = 1000, WAITS_MAX = 30 };

struct importing {
    struct kp_node *node;
    struct kp_points p;
    unsigned made;
    struct kp_batch *live, *historic;
    unsigned pushed; /* batches since all was committed */
    struct kp_err *err;
};

static void count(const struct kp_points *p, struct kp_import_count *out)
{
    *out = (struct kp_import_count){ .points = p->n, .from = KP_NO_TIME, .to = KP_NO_TIME };
    for (size_t i = 0; i < p->n; i++) {
        int64_t at = p->list[i].at;
        out->from = !i || at < out->from ? at : out->from;
        out->to = !i || at > out->to ? at : out->to;
    }
    for (size_t i = 0; i < p->n_series; i++)
        out->signals += p->series[i].n > 0;
}

enum kp_code kp_import_check(const char *text, size_t len, const struct kp_import_options *options, int64_t now,
                             struct kp_import_count *out, struct kp_err *err)
{
    struct kp_points p = { .options = options, .now = now };
    if (import_is_intervals(options, text, len, err))
        return import_intervals_check(text, len, options, out, err);
    if (!err->code && !kp_points_read(&p, text, len, err))
        count(&p, out);
    kp_points_free(&p);
    return err->code;
}

/* ---- signals and values ---- */

static enum kp_code find_signal(struct importing *m, struct kp_series *s)
{
    struct kp_model *model = kp_hub_model(m->node->hub);
    s->latest = KP_NO_TIME;
    s->signal = kp_model_find_signal(model, s->path);
    const struct kp_signal_info *info = s->signal ? kp_model_signal(model, s->signal) : NULL;
    if (!info) {
        s->is_new = true;
        s->type = kp_points_type(s);
        if (kp_model_find_asset(model, s->path))
            return kp_fail(m->err, KP_EEXISTS, "line %" PRIu64 ": '%.200s' is an asset, not a signal", s->line, s->path);
        return KP_OK;
    }
    s->type = info->type == KP_NULL ? kp_points_type(s) : info->type;
    if (m->p.options->live && info->coupling)
        return kp_fail(m->err, KP_EEXISTS, "line %" PRIu64 ": of %.200s a machine speaks already", s->line, s->path);
    if (!info->stored && !m->p.options->live)
        return kp_fail(m->err, KP_EREFUSED, "line %" PRIu64 ": of %.200s no history is kept; see `koppel set --stored`", s->line,
                       s->path);
    struct kp_now now = kp_model_now(model, s->signal);
    s->latest = now.known ? now.sample.at : KP_NO_TIME;
    return KP_OK;
}

static enum kp_code find_signals(struct importing *m)
{
    struct kp_model *model = kp_hub_model(m->node->hub);
    for (size_t i = 0; i < m->p.n_series && !m->err->code;) {
        kp_model_lock(model);
        for (size_t end = i + KP_MODEL_SLICE; i < m->p.n_series && i < end && !m->err->code; i++)
            if (m->p.series[i].n)
                find_signal(m, &m->p.series[i]);
        kp_model_unlock(model);
    }
    return m->err->code;
}

static enum kp_code read_values(struct importing *m)
{
    for (size_t i = 0; i < m->p.n; i++) {
        struct kp_point *one = &m->p.list[i];
        const struct kp_series *s = &m->p.series[one->series];
        if (!one->word)
            one->value = (struct kp_value){ .type = KP_NULL };
        else if (!kp_value_parse(&m->p.arena, s->type, one->word, &one->value))
            return kp_fail(m->err, KP_EINVALID, "line %" PRIu64 ": %.200s is of type %s, which '%.60s' is not", one->line, s->path,
                           kp_type_name(s->type), one->word);
    }
    return KP_OK;
}

/* ---- making signals (hub thread) ---- */

static void remove_made(struct importing *m, struct kp_model *model)
{
    struct kp_err ignored = { 0 };
    for (size_t i = 0; i < m->p.n_series; i++) {
        const struct kp_series *s = &m->p.series[i];
        if (s->is_new && s->signal)
            kp_model_remove_signal(model, s->signal, &ignored);
        if (s->made)
            kp_model_remove_asset(model, s->made, &ignored);
    }
}

/* Cuts a path behind its first folder that is not there yet. False: all are there. */
static bool cut_at_missing(const struct kp_model *model, char *path)
{
    for (char *end = path; *end; end++) {
        end += strcspn(end, "/");
        char was = *end;
        *end = 0;
        if (!kp_model_find_asset(model, path))
            return true;
        *end = was;
        if (!was)
            break;
    }
    return false;
}

/* It notes what it made, so that a fault in a later line can take it away again. */
static kp_asset make_folder(struct kp_model *model, struct kp_series *s, const char *path, struct kp_err *err)
{
    char top[KP_PATH_MAX];
    snprintf(top, sizeof top, "%s", path);
    bool missing = cut_at_missing(model, top);
    kp_asset folder = kp_model_make_path(model, path, KP_FOLDER, err);
    if (folder && missing)
        s->made = kp_model_find_asset(model, top);
    return folder;
}

static enum kp_code make_signal(struct importing *m, struct kp_model *model, struct kp_series *s)
{
    char parent[KP_PATH_MAX];
    snprintf(parent, sizeof parent, "%s", s->path);
    char *slash = strrchr(parent, '/');
    if (!slash)
        return kp_fail(m->err, KP_EINVALID, "line %" PRIu64 ": '%.200s' would be no signal of any asset; say below which one", s->line,
                       s->path);
    *slash = 0;
    struct kp_signal_info info = { .name = slash + 1, .type = s->type, .stored = true };
    if (kp_model_find_signal(model, s->path)) /* two names that are made valid alike */
        return kp_fail(m->err, KP_EEXISTS, "line %" PRIu64 ": there is another '%.200s'", s->line, s->path);
    info.asset = make_folder(model, s, parent, m->err);
    if (info.asset)
        s->signal = kp_model_put_signal(model, &info, m->err);
    m->made += s->signal != 0;
    return m->err->code ? kp_context(m->err, "line %" PRIu64, s->line) : KP_OK;
}

/* A token that may only post must not fill the model. */
static enum kp_code check_room(struct importing *m, const struct kp_model *model)
{
    kp_signal there[POSTED_MAX];
    char after[KP_PATH_MAX] = "";
    const char *only = m->p.options->only;
    size_t n = only ? kp_model_match(model, only, after, there, POSTED_MAX) : 0;
    for (size_t i = 0; only && i < m->p.n_series; i++)
        n += m->p.series[i].is_new && m->p.series[i].n;
    return n <= POSTED_MAX ? KP_OK : kp_fail(m->err, KP_EFULL, "there are %d signals below %.100s, the most that a token for posting can make",
                                             POSTED_MAX, only);
}

static void make_signals(void *arg)
{
    struct importing *m = arg;
    struct kp_model *model = kp_hub_model(m->node->hub);
    check_room(m, model);
    for (size_t i = 0; i < m->p.n_series && !m->err->code; i++)
        if (m->p.series[i].is_new)
            make_signal(m, model, &m->p.series[i]);
    if (m->err->code)
        remove_made(m, model);
}

/* ---- handing over ---- */

/* Whatever the disk lacks, for the sender it is the same: later it will work. Those who are told of a fault of theirs
 * give up. */
enum kp_code import_not_now(struct kp_err *err, const char *why)
{
    return kp_fail(err, KP_ESTOPPED, "the history takes nothing now, send it again later: %s", why);
}

enum kp_code import_check_store(struct kp_node *node, struct kp_err *err)
{
    struct kp_store_stats s = kp_store_stats(node->store);
    return s.stalled ? import_not_now(err, s.stalled_why) : KP_OK;
}

static enum kp_code make_missing(struct importing *m)
{
    struct kp_err failure = { 0 };
    node_change(m->node, make_signals, m, &failure);
    return m->err->code || !failure.code ? m->err->code : import_not_now(m->err, failure.text);
}

/* What was pushed has gone through the hub and is committed. */
static enum kp_code commit(struct importing *m)
{
    struct kp_err failure = { 0 };
    m->pushed = 0;
    if (kp_hub_drain(m->node->hub))
        return kp_fail(m->err, KP_ESTOPPED, "the node is stopping; send it again when it runs");
    if (kp_hub_holds(m->node->hub))
        return import_not_now(m->err, "the disk does not keep up");
    return kp_store_sync(m->node->store, &failure) ? import_not_now(m->err, failure.text) : KP_OK;
}

static enum kp_code push(struct importing *m, struct kp_batch **b)
{
    if (!*b)
        return KP_OK;
    (*b)->arrived = kp_utc(m->node->clock);
    for (int waits = 0; !kp_hub_push(m->node->hub, *b, WAIT_MS); waits++)
        if (waits == WAITS_MAX)
            return import_not_now(m->err, "the disk does not keep up");
    *b = NULL;
    return ++m->pushed == SYNC_BATCHES ? commit(m) : KP_OK;
}

static enum kp_code hand_over(struct importing *m, uint32_t index)
{
    const struct kp_point *one = &m->p.list[index];
    const struct kp_series *s = &m->p.series[one->series];
    bool live = s->newest == index && one->at > s->latest;
    struct kp_batch **b = live ? &m->live : &m->historic;
    struct kp_sample sample = { .signal = s->signal, .at = one->at, .status = one->status, .value = one->value };
    if (*b && (*b)->n == KP_BATCH_MAX && push(m, b))
        return m->err->code;
    if (!*b && (*b = kp_batch_new(0))) {
        (*b)->historic = !live;
        (*b)->waits = true;
    }
    return *b && kp_batch_add(*b, &sample) ? KP_OK : kp_fail(m->err, KP_ENOMEM, "out of memory importing points");
}

static enum kp_code store_points(struct importing *m)
{
    for (size_t i = 0; i < m->p.n && !m->err->code; i++)
        hand_over(m, (uint32_t)i);
    if (!m->err->code && !push(m, &m->historic) && !push(m, &m->live))
        commit(m);
    kp_batch_free(m->historic);
    kp_batch_free(m->live);
    return m->err->code;
}

/* A document of JSON has no lines to name, but places in its array. */
static enum kp_code call_it_value(struct kp_err *err)
{
    struct kp_err said = *err;
    if (strncmp(said.text, "line ", 5) == 0)
        snprintf(err->text, sizeof err->text, "value %.*s", (int)sizeof said.text - 8, said.text + 5);
    kp_utf8_trim(err->text);
    return err->code;
}

enum kp_code kp_node_import(struct kp_node *node, const char *text, size_t len, const struct kp_import_options *options,
                            struct kp_import_count *out, struct kp_err *err)
{
    struct importing m = { .node = node, .p = { .options = options, .now = kp_utc(node->clock) }, .err = err };
    if (options->at && *options->at && !kp_path_valid(options->at))
        return kp_fail(err, KP_EINVALID, "at: '%.120s' is not a path such as eindhoven/milling", options->at);
    if (import_is_intervals(options, text, len, err))
        return import_intervals(node, text, len, options, out, err);
    if (!err->code && !kp_points_read(&m.p, text, len, err) && !find_signals(&m) && !read_values(&m)) {
        count(&m.p, out);
        for (size_t i = 0; i < m.p.n_series; i++)
            out->made += m.p.series[i].is_new && m.p.series[i].n;
        if (!options->dry && !import_check_store(node, err) && (!out->made || !make_missing(&m)))
            store_points(&m);
    }
    kp_points_free(&m.p);
    return options->format == KP_IMPORT_JSON ? call_it_value(err) : err->code;
}
