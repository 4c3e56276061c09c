/* SPDX-License-Identifier: Apache-2.0 */
/* The partner's signals as signals of this node, and what he says of them. */
#include "core/hub.h"
#include "core/log.h"
#include "couplings/dsp/dsp_private.h"
#include "couplings/unit.h"
#include "net/json_memory.h"
#include "store/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/ban.h"

enum { DEPTH = 6, UNIT_MAX = 40 };

void dsp_forget(struct dsp *d)
{
    kp_free(d->items);
    kp_names_free(&d->names);
    kp_buf_free(&d->value);
}

enum kp_code dsp_settle(struct dsp *d, struct kp_err *err)
{
    struct kp_hub *hub = kp_coupling_hub(d->c);
    if (kp_coupling_flush(d->c, err))
        return err->code;
    do { /* while the disk takes nothing, for as long as that lasts */
        if (kp_coupling_stopping(d->c) || kp_hub_drain(hub))
            return kp_fail(err, KP_ESTOPPED, "stopping");
    } while (kp_hub_holds(hub) &&
             !nanosleep(&(struct timespec){ .tv_nsec = 20 * KP_MILLISECOND }, NULL));
    return kp_store_sync(kp_coupling_context(d->c), err);
}

/* ---- signals ---- */
struct listing {
    struct dsp *d;
    struct kp_arena arena;
    struct kp_declare *list;
    size_t n, room;
    struct kp_err *err;
};

static bool path_of(const char *path, int function, char out[KP_PATH_MAX])
{
    return kp_feed_path(path, function, out) && strchr(out, '/');
}

static uint8_t type_of(uint8_t type, int function)
{
    switch (function) {
    case -1:
    case KP_FN_LAST:
        return type;
    case KP_FN_COUNT:
        return KP_INT64;
    default:
        return KP_DOUBLE;
    }
}

static void put_unit(struct listing *l, const char *written, struct kp_signal_info *info)
{
    struct kp_unit unit = { 0 };
    char clean[UNIT_MAX];
    if (!written || !*written)
        return;
    kp_name_clean(clean, sizeof clean, written, strlen(written));
    bool known = kp_unit_find(written, &unit);
    info->unit = known ? unit.code : NULL;
    info->unit_text = known ? unit.text : kp_arena_strdup(&l->arena, clean);
}

static enum kp_code add(struct listing *l, const json_t *o, const char *path, uint8_t type,
                        int function)
{
    char own[KP_PATH_MAX];
    const char *description = json_string_value(json_object_get(o, "description"));
    if (!path_of(path, function, own) || kp_names_find(&l->d->names, own) != KP_NAMES_NONE) {
        l->d->left_out++;
        return KP_OK;
    }
    if (!kp_grow(&l->list, &l->room, l->n + 1, sizeof *l->list))
        return kp_fail(l->err, KP_ENOMEM, "out of memory");
    struct kp_declare *one = &l->list[l->n];
    *one = (struct kp_declare){ .path = kp_names_put(&l->d->names, own, (int32_t)l->n),
                                .info = { .type = type_of(type, function), .stored = true },
                                .asset_kind = KP_FOLDER };
    if (!one->path)
        return kp_fail(l->err, KP_ENOMEM, "out of memory");
    one->info.source = one->path;
    if (function != KP_FN_COUNT)
        put_unit(l, json_string_value(json_object_get(o, "unit")), &one->info);
    if (description && strlen(description) < KP_PATH_MAX)
        one->info.description = kp_arena_strdup(&l->arena, description);
    l->n++;
    return KP_OK;
}

/* One for each function of steps, when only those were agreed. */
static enum kp_code add_all(struct listing *l, const json_t *o)
{
    const char *path = json_string_value(json_object_get(o, "path")),
               *name = json_string_value(json_object_get(o, "type"));
    const struct kp_terms *t = &l->d->source.terms;
    uint8_t type;
    if (!path || !kp_path_valid(path) || !name || !kp_type_parse(name, &type) || type == KP_NULL) {
        l->d->left_out++;
        return KP_OK;
    }
    if (!t->every)
        return add(l, o, path, type, -1);
    for (int i = 0; i < KP_FUNCTIONS && !l->err->code; i++)
        if (t->functions >> i & 1)
            add(l, o, path, type, i);
    return l->err->code;
}

static enum kp_code keep_items(struct listing *l)
{
    struct dsp *d = l->d;
    if (!kp_grow(&d->items, &d->room, l->n + 1, sizeof *d->items))
        return kp_fail(l->err, KP_ENOMEM, "out of memory");
    for (size_t i = 0; i < l->n; i++)
        d->items[i] = (struct dsp_item){ l->list[i].id, l->list[i].info.type, KP_NO_TIME };
    d->n = l->n;
    return KP_OK;
}

/* From where each goes on. */
static enum kp_code find_known(struct listing *l)
{
    struct dsp *d = l->d;
    struct kp_known *known;
    size_t n = kp_coupling_signals(d->c, &l->arena, &known);
    if (!known)
        return kp_fail(l->err, KP_ENOMEM, "out of memory");
    for (size_t i = 0; i < n; i++) {
        int32_t at = kp_names_find(&d->names, known[i].source);
        if (at != KP_NAMES_NONE)
            d->items[at].known = known[i].latest;
    }
    return KP_OK;
}

static enum kp_code declare(struct listing *l, const json_t *list)
{
    struct dsp *d = l->d;
    if (json_array_size(list) > DSP_SIGNALS_MAX)
        return kp_fail(l->err, KP_EREFUSED, "the partner lists %zu signals, more than %d",
                       json_array_size(list), DSP_SIGNALS_MAX);
    for (size_t i = 0; i < json_array_size(list) && !l->err->code; i++)
        add_all(l, json_array_get(list, i));
    if (l->err->code || (l->n && kp_coupling_declare(d->c, l->list, l->n, l->err)) ||
        keep_items(l) || dsp_settle(d, l->err) || find_known(l))
        return l->err->code;
    kp_coupling_count(d->c, (uint32_t)d->n, DSP_SIGNALS_MAX, (uint32_t)d->left_out);
    return KP_OK;
}

enum kp_code dsp_declare(struct dsp *d, const char *text, size_t len, struct kp_err *err)
{
    struct listing l = { .d = d, .err = err };
    struct kp_buf whole;
    kp_buf_init(&whole, DSP_LIST_MAX + 32);
    kp_buf_str(&whole, "{\"signals\":");
    kp_buf_add(&whole, text, len);
    kp_buf_str(&whole, "}");
    json_t *o = whole.failed ? NULL : kp_json_object(whole.data, whole.len, "signals", DEPTH, err);
    const json_t *list = json_object_get(o, "signals");
    if (json_is_object(list)) /* {"signals": [...]} is taken as well */
        list = json_object_get(list, "signals");
    if (whole.failed)
        kp_fail(err, KP_ENOMEM, "out of memory");
    else if (!err->code && !json_is_array(list))
        kp_fail(err, KP_EPEER, "the partner gives no list of signals");
    else if (!err->code)
        declare(&l, list);
    json_decref(o);
    kp_buf_free(&whole);
    kp_free(l.list);
    kp_arena_free(&l.arena);
    if (err->code == KP_EPARSE)
        err->code = KP_EPEER;
    return err->code;
}

/* ---- values ---- */
static void mismatch(struct dsp *d, const char *path)
{
    if (!d->mismatched++ || d->mismatched % 1000 == 0)
        kp_warn("dsp", "a value is not of its signal's type", "coupling=%s path=%s so-far=%" PRIu64,
                kp_log_quote(kp_coupling_name(d->c)), kp_log_quote(path), d->mismatched);
}

enum kp_code dsp_take_value(struct dsp *d, const struct kp_fed *v, struct kp_err *err)
{
    char path[KP_PATH_MAX];
    int32_t at =
        path_of(v->path, v->function, path) ? kp_names_find(&d->names, path) : KP_NAMES_NONE;
    if (at == KP_NAMES_NONE) {
        d->strange++;
        return KP_OK;
    }
    struct dsp_item *item = &d->items[at];
    if (v->at > d->newest)
        d->newest = v->at;
    if (!item->id || (item->known != KP_NO_TIME && v->at <= item->known))
        return KP_OK;
    item->known = d->live ? KP_NO_TIME : v->at; /* behind what came twice */
    struct kp_sample s = { item->id, v->status, v->at, { .type = KP_NULL } };
    if (!kp_feed_value(item->type, v->value, &d->value, &s.value)) {
        mismatch(d, path);
        s.status = KP_BAD_TYPE_MISMATCH;
    } else if (s.value.type == KP_NULL && !kp_status_severity(s.status)) {
        s.status = KP_BAD_NO_DATA;
    }
    return kp_coupling_report(d->c, &s, err);
}

/* ---- intervals ---- */
/* Whether it is in the file already, closed: what comes again after a break is not made again. */
static bool is_known(struct dsp *d, const struct kp_fed *v, struct kp_err *err)
{
    static const char sql[] =
        "select 1 from interval where asset = ? and kind = ? and start = ? and "
        "\"end\" = ? and instr(attributes, ?) = 1";
    struct kp_store *store = kp_coupling_context(d->c);
    struct kp_model *model = kp_hub_model(kp_coupling_hub(d->c));
    char path[KP_PATH_MAX];
    struct kp_buf begins;
    snprintf(path, sizeof path, "%s%s%s", kp_coupling_at(d->c), *v->path ? "/" : "", v->path);
    kp_model_lock(model);
    kp_asset asset = kp_model_find_asset(model, path);
    kp_model_unlock(model);
    struct kp_db *db = asset ? kp_store_reader(store, err) : NULL;
    struct kp_stmt *s = db ? kp_db_prepare(db, sql, err) : NULL;
    bool known = false;
    kp_buf_init(&begins, 4 * KP_NAME_MAX);
    struct kp_json j = kp_json(&begins);
    kp_json_begin(&j, '{');
    kp_json_put_text(&j, "coupling", kp_coupling_name(d->c));
    kp_json_put_text(&j, "key", v->key);
    if (s && !begins.failed) {
        kp_bind_int(s, 1, asset);
        kp_bind_text(s, 2, kp_interval_kind_name(v->kind));
        kp_bind_int(s, 3, v->at);
        kp_bind_int(s, 4, v->end);
        kp_bind_text(s, 5, kp_buf_text(&begins));
        known = kp_step(s, err);
        kp_reset(s);
    }
    kp_buf_free(&begins);
    kp_store_reader_done(store, db);
    return known;
}

static enum kp_code tell(struct dsp *d, const struct kp_fed *v, char *attributes,
                         struct kp_err *err)
{
    size_t n = attributes ? strlen(attributes) : 0;
    struct kp_lasting l = {
        .path = v->path, .key = v->key, .kind = v->kind, .start = v->at, .end = KP_FOREVER
    };
    if (n > 2) { /* without its braces */
        attributes[n - 1] = 0;
        l.attributes = attributes + 1;
    }
    if (kp_coupling_interval(d->c, &l, err) || v->end == KP_FOREVER)
        return err->code;
    l.end = v->end;
    l.attributes = NULL;
    return kp_coupling_interval(d->c, &l, err);
}

enum kp_code dsp_take_interval(struct dsp *d, const struct kp_fed *v, struct kp_err *err)
{
    if (v->end != KP_FOREVER && (is_known(d, v, err) || err->code))
        return err->code;
    json_t *own = v->attributes ? json_copy((json_t *)(uintptr_t)v->attributes) : NULL;
    json_object_del(own, "coupling"); /* which two are told apart by here */
    json_object_del(own, "key");
    char *attributes = own ? kp_json_dump(own, JSON_COMPACT) : NULL;
    struct kp_err why = { 0 };
    if (v->attributes && !attributes)
        kp_fail(err, KP_ENOMEM, "out of memory");
    else if (tell(d, v, attributes, &why) == KP_ENOMEM || why.code == KP_ESTOPPED)
        kp_fail(err, why.code, "%s", why.text);
    else if (why.code) /* one that is too large stops no others */
        kp_warn("dsp", "an interval does not fit", "coupling=%s why=%s",
                kp_log_quote(kp_coupling_name(d->c)), kp_log_quote(why.text));
    kp_free(attributes);
    json_decref(own);
    return err->code;
}
