/* SPDX-License-Identifier: Apache-2.0 */
/* Conditions of the node itself. Any thread says one; the hub thread shows it as an alarm interval
 * at the root. */
#include "core/hub_private.h"

#include "core/json.h"
#include "core/log.h"

#include <string.h>

#include "core/ban.h"

enum { CONDITION_TEXT = 1024, ATTRIBUTES_MAX = 16 << 10 };

static struct condition *condition_of(struct kp_hub *h, const char *key)
{
    for (size_t i = 0; i < h->n_conditions; i++)
        if (strcmp(h->conditions[i].key, key) == 0)
            return &h->conditions[i];
    if (!kp_grow(&h->conditions, &h->conditions_capacity, h->n_conditions + 1,
                 sizeof *h->conditions))
        return NULL;
    struct condition *c = &h->conditions[h->n_conditions];
    c->key = kp_strdup(key);
    h->n_conditions += c->key != NULL;
    return c->key ? c : NULL;
}

void kp_hub_condition(struct kp_hub *h, const char *key, const char *text)
{
    char clean[CONDITION_TEXT];
    if (text)
        kp_utf8_clean(clean, sizeof clean, text, strlen(text));
    pthread_mutex_lock(&h->conditions_lock);
    struct condition *c = condition_of(h, key);
    bool same = c && (text ? c->text && strcmp(clean, c->text) == 0 : !c->text);
    char *copy = c && !same && text ? kp_strdup(clean) : NULL;
    if (c && !same && (copy || !text)) {
        if (!c->interval) /* else one that comes back before it was shown to be over goes on */
            c->since = kp_utc(h->clock);
        kp_free(c->text);
        c->text = copy;
        c->dirty = h->conditions_dirty = true;
    }
    pthread_mutex_unlock(&h->conditions_lock);
    if (same)
        return;
    if (text)
        kp_warn("node", "alarm", "key=%s text=%s", key, kp_log_quote(clean));
    hub_nudge(h);
}

/* ---- hub thread ---- */
/* The interval as it should be; false when there is nothing to show. Lock held. */
static bool describe(const struct kp_hub *h, const struct condition *c, struct kp_buf *text,
                     struct kp_interval *v)
{
    int64_t now = kp_utc(h->clock);
    struct kp_json j = kp_json(text);
    kp_json_begin(&j, '{');
    kp_json_put_text(&j, "key", c->key);
    kp_json_put_text(&j, "text", c->text);
    kp_json_end(&j, '}');
    *v = (struct kp_interval){ .id = c->interval,
                               .kind = KP_INTERVAL_ALARM,
                               .start = c->since,
                               .end = KP_FOREVER,
                               .attributes = kp_buf_text(text) };
    if (!c->text)
        v->end = now < c->since ? c->since : now; /* the clock may have been set back */
    return c->text || c->interval;
}

/* The lock is not held while the model is changed: whoever watches the model may have a condition
 * to tell. */
static void show(struct kp_hub *h, size_t i)
{
    struct kp_buf text;
    struct kp_interval v = { 0 };
    kp_buf_init(&text, ATTRIBUTES_MAX);
    pthread_mutex_lock(&h->conditions_lock);
    bool dirty = h->conditions[i].dirty;
    h->conditions[i].dirty = false;
    bool change = dirty && describe(h, &h->conditions[i], &text, &v);
    pthread_mutex_unlock(&h->conditions_lock);
    if (change) {
        int64_t id = kp_model_put_interval(h->model, &v, NULL);
        pthread_mutex_lock(&h->conditions_lock);
        if (id)
            h->conditions[i].interval = v.end == KP_FOREVER ? id : 0;
        else /* no memory: the next turn tries again */
            h->conditions[i].dirty = h->conditions_dirty = true;
        pthread_mutex_unlock(&h->conditions_lock);
    }
    kp_buf_free(&text);
}

void conditions_show(struct kp_hub *h)
{
    pthread_mutex_lock(&h->conditions_lock);
    size_t n = h->conditions_dirty ? h->n_conditions : 0;
    h->conditions_dirty = false;
    pthread_mutex_unlock(&h->conditions_lock);
    for (size_t i = 0; i < n; i++)
        show(h, i);
}

void conditions_free(struct kp_hub *h)
{
    for (size_t i = 0; i < h->n_conditions; i++) {
        kp_free(h->conditions[i].key);
        kp_free(h->conditions[i].text);
    }
    kp_free(h->conditions);
}
