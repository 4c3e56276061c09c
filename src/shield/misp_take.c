/* SPDX-License-Identifier: Apache-2.0 */
#include "shield/misp_take.h"

#include "shield/misp.h"
#include "shield/taxii.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum kp_code misp_settings_check(struct kp_feed_visit *v, struct kp_err *err)
{
    int64_t id;
    const json_t *into = json_object_get(v->settings, "into");
    if (into && !json_is_string(into))
        return kp_fail(err, KP_EINVALID, "settings.into: must be a text");
    if (kp_web_url_check(v->url, err))
        return kp_context(err, "url");
    return kp_collection_find(v->store, kp_feed_text(v->settings, "into"), &id, err);
}

enum kp_code misp_begin(struct misp_into *m, struct kp_feed_visit *v, struct kp_err *err)
{
    *m = (struct misp_into){ .v = v };
    snprintf(m->source, sizeof m->source, "feed %s", v->name);
    return kp_collection_find(v->store, kp_feed_text(v->settings, "into"), &m->collection, err);
}

static enum kp_code store(struct misp_into *m, const char *text, size_t len, const char *uuid,
                          struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    struct kp_stix_parts parts;
    struct kp_feed_visit *v = m->v;
    struct kp_stix_batch b = {
        .source = m->source, .collection = m->collection, .also = m->also, .arg = m->arg
    };
    if (!kp_stix_cut(text, len, &arena, &parts, err) &&
        !kp_stix_take(v->store, v->clock, &parts, &arena, &b, err)) {
        v->taken += (int64_t)b.stored;
        v->refused += (int64_t)b.refused;
        for (size_t i = 0; i < b.n && b.refused && !*v->note; i++)
            if (b.result[i].fate == KP_STIX_REFUSED)
                snprintf(v->note, sizeof v->note, "event %s: %.180s", uuid, b.result[i].why);
        kp_utf8_trim(v->note);
    }
    json_decref(parts.frame);
    kp_arena_free(&arena);
    return err->code;
}

enum kp_code misp_take(struct misp_into *m, const json_t *event, const char *uuid,
                       struct kp_err *err)
{
    struct kp_buf text;
    struct kp_misp_sum sum;
    kp_buf_init(&text, 2 * MISP_EVENT_MOST);
    struct kp_json out = kp_json(&text);
    if (!kp_misp_convert(event, &out, &sum, err)) {
        m->left_out += (int64_t)sum.left_out;
        store(m, kp_buf_text(&text), text.len, uuid, err);
    }
    kp_context(err, "event %s", uuid);
    kp_buf_free(&text);
    return err->code;
}

bool misp_may_pass(struct misp_into *m, const struct kp_err *why)
{
    m->v->refused++;
    snprintf(m->v->note, sizeof m->v->note, "%s", why->text);
    return why->code == KP_EPARSE || why->code == KP_EINVALID || why->code == KP_EFULL;
}

void misp_end(struct misp_into *m)
{
    if (m->left_out && !*m->v->note)
        snprintf(m->v->note, sizeof m->v->note,
                 "%lld attributes are of types that are not looked for here",
                 (long long)m->left_out);
}
