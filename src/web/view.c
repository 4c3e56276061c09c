/* SPDX-License-Identifier: Apache-2.0 */
#include "web/view.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

void kp_view_code(struct kp_json *j, uint32_t status)
{
    kp_json_begin(j, '{');
    kp_json_put_int(j, "code", status);
    kp_json_put_text(j, "name", kp_status_name(status));
    kp_json_end(j, '}');
}

static void put_label(struct kp_json *j, const struct kp_model *m, kp_asset asset, uint8_t own)
{
    kp_json_put_text(j, "label", kp_label_name(own));
    kp_json_put_text(j, "labelInForce", kp_label_name(kp_model_label(m, asset, own)));
}

struct looking {
    const struct kp_model *m;
    kp_asset asset;
    enum kp_recipient to;
    struct kp_doing found;
};

/* Of several open states of one asset the latest counts. */
static bool look_at(void *arg, const struct kp_interval *v)
{
    static const char key[] = "\"state\":\"";
    struct looking *l = arg;
    struct kp_doing *d = &l->found;
    bool state = v->asset == l->asset && v->kind == KP_INTERVAL_STATE && kp_gate_interval(l->m, l->to, v);
    const char *at = state ? strstr(v->attributes, key) : NULL;
    if (at && (!*d->state || v->start > d->since)) {
        at += sizeof key - 1;
        snprintf(d->state, sizeof d->state, "%.*s", (int)strcspn(at, "\"\\"), at);
        d->since = v->start;
    }
    return true;
}

struct kp_doing kp_view_doing(const struct kp_model *m, kp_asset asset, enum kp_recipient to)
{
    struct looking l = { .m = m, .asset = asset, .to = to, .found.since = KP_NO_TIME };
    kp_model_open_intervals(m, asset, look_at, &l);
    return l.found;
}

static void put_doing(struct kp_json *j, const struct kp_model *m, kp_asset asset, enum kp_recipient to)
{
    struct kp_doing d = kp_view_doing(m, asset, to);
    kp_json_put_text(j, "state", *d.state ? d.state : NULL);
    kp_json_put_time(j, "stateSince", d.since);
}

void kp_view_asset(struct kp_json *j, const struct kp_model *m, const struct kp_asset_info *a, enum kp_recipient to)
{
    char path[KP_PATH_MAX];
    kp_model_asset_path(m, a->id, path, sizeof path);
    kp_json_put_text(j, "path", path);
    kp_json_put_int(j, "id", a->id);
    kp_json_put_text(j, "kind", kp_asset_kind_name(a->kind));
    put_label(j, m, a->parent, a->label);
    kp_json_put_text(j, "description", a->description);
    put_doing(j, m, a->id, to);
    kp_json_key(j, "nameplate");
    kp_json_begin(j, '{');
    for (unsigned f = 0; f < KP_NAMEPLATE_FIELDS; f++)
        if (a->nameplate[f])
            kp_json_put_text(j, kp_nameplate_name(f), a->nameplate[f]);
    kp_json_end(j, '}');
    kp_json_key(j, "byHand");
    kp_json_begin(j, '[');
    for (unsigned f = 0; f < KP_NAMEPLATE_FIELDS; f++)
        if (a->by_hand & 1u << f)
            kp_json_text(j, kp_nameplate_name(f));
    kp_json_end(j, ']');
}

/* The sibling that follows, or the nearest ancestor's; 0 = none. */
static kp_asset asset_beside(const struct kp_model *m, kp_asset id)
{
    while (id) {
        const struct kp_asset_info *a = kp_model_asset(m, id);
        const kp_asset *list;
        size_t n = a ? kp_model_child_assets(m, a->parent, &list) : 0;
        for (size_t i = 0; i + 1 < n; i++)
            if (list[i] == id)
                return list[i + 1];
        id = a ? a->parent : 0;
    }
    return 0;
}

kp_asset kp_view_asset_after(const struct kp_model *m, kp_asset id)
{
    const kp_asset *list;
    return kp_model_child_assets(m, id, &list) ? list[0] : asset_beside(m, id);
}

static void put_now(struct kp_json *j, const struct kp_now *now)
{
    kp_json_key(j, "value");
    if (now->known)
        kp_json_value(j, &now->sample.value);
    else
        kp_json_null(j);
    kp_json_key(j, "status");
    kp_view_code(j, now->known ? now->sample.status : KP_BAD_WAITING_FOR_INITIAL_DATA);
    kp_json_put_time(j, "time", now->known ? now->sample.at : KP_NO_TIME);
    kp_json_put_time(j, "arrived", now->known ? now->arrived : KP_NO_TIME);
    kp_json_put_bool(j, "stale", now->stale);
}

void kp_view_signal(struct kp_json *j, const struct kp_model *m, const struct kp_signal_info *s, const char *path)
{
    kp_json_put_text(j, "path", path);
    kp_json_put_int(j, "id", s->id);
    kp_json_put_text(j, "type", kp_type_name(s->type));
    kp_json_put_text(j, "unit", s->unit);
    kp_json_put_text(j, "unitText", s->unit_text);
    kp_json_put_text(j, "description", s->description);
    bool range = s->low < s->high;
    kp_json_key(j, "low");
    range ? kp_json_double(j, s->low) : kp_json_null(j);
    kp_json_key(j, "high");
    range ? kp_json_double(j, s->high) : kp_json_null(j);
    kp_json_key(j, "enums");
    kp_json_raw(j, s->enums);
    put_label(j, m, s->asset, s->label);
    kp_json_put_bool(j, "stored", s->stored);
    kp_json_put_bool(j, "writable", s->writable);
    kp_json_put_int(j, "coupling", s->coupling);
    kp_json_put_text(j, "source", s->source);
    kp_json_put_text(j, "role", s->role);
    kp_json_put_text(j, "states", s->states);
    struct kp_now now = kp_model_now(m, s->id);
    put_now(j, &now);
}

void kp_view_value(struct kp_json *j, const struct kp_model *m, const struct kp_signal_info *s, const char *path)
{
    struct kp_now now = kp_model_now(m, s->id);
    kp_json_put_text(j, "path", path);
    kp_json_key(j, "value");
    if (now.known)
        kp_json_value(j, &now.sample.value);
    else
        kp_json_null(j);
    kp_json_put_int(j, "status", now.known ? now.sample.status : KP_BAD_WAITING_FOR_INITIAL_DATA);
    kp_json_put_time(j, "time", now.known ? now.sample.at : KP_NO_TIME);
}

void kp_view_interval(struct kp_json *j, const struct kp_model *m, const struct kp_interval *v, bool removed)
{
    char path[KP_PATH_MAX] = "";
    bool known = !v->asset || kp_model_asset(m, v->asset);
    if (known)
        kp_model_asset_path(m, v->asset, path, sizeof path);
    kp_json_begin(j, '{');
    kp_json_put_int(j, "id", v->id);
    kp_json_put_text(j, "path", known ? path : NULL);
    kp_json_put_text(j, "kind", kp_interval_kind_name(v->kind));
    kp_json_put_time(j, "start", v->start);
    kp_json_put_time(j, "end", v->end);
    put_label(j, m, known ? v->asset : 0, v->label);
    kp_json_key(j, "attributes");
    kp_json_raw(j, v->attributes && *v->attributes ? v->attributes : "{}");
    if (removed)
        kp_json_put_bool(j, "removed", true);
    kp_json_end(j, '}');
}
