/* SPDX-License-Identifier: Apache-2.0 */
/* The list of alarms that live: what raised them, and what people did about them. */
#include "alarm/private.h"

#include "core/hash.h"
#include "core/log.h"
#include "net/json_memory.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

enum { ATTRIBUTES = 8 << 10, NOTE = 16 << 10, TOLD_LATE_S = 3600 };
#define GROUP_WINDOW (10 * KP_SECOND)
#define RESUME       (60 * KP_SECOND)

static uint64_t hash_of(const char *key)
{
    return kp_hash(KP_HASH_START, key, strlen(key));
}

void alarm_rehash(struct kp_alarm *a)
{
    a->hash = hash_of(a->key);
}

struct kp_alarm *alarm_find(struct kp_alarms *e, int64_t id)
{
    for (size_t i = e->n; i-- > 0;)
        if (e->list[i].id == id)
            return &e->list[i];
    return NULL;
}

struct kp_alarm *alarm_of(struct kp_alarms *e, const char *key)
{
    uint64_t hash = hash_of(key);
    for (size_t i = 0; i < e->n; i++)
        if (e->list[i].hash == hash && strcmp(e->list[i].key, key) == 0)
            return &e->list[i];
    return NULL;
}

void alarm_changed(struct kp_alarms *e, struct kp_alarm *a)
{
    struct kp_buf text;
    struct kp_json j = kp_json(&text);
    a->dirty = e->dirty = true;
    kp_buf_init(&text, NOTE);
    kp_alarm_json(&j, e->model, a);
    if (!text.failed)
        kp_hub_note(e->hub, a->asset, kp_alarm_label(e->model, a), kp_buf_text(&text));
    kp_buf_free(&text);
}

/* ---- room ---- */
/* The list is full: those that are over, oldest first, count as seen, so that there is room when
 * that is written. */
static void make_room(struct kp_alarms *e)
{
    enum { AT_ONCE = 100 };
    for (int i = 0; i < AT_ONCE; i++) {
        struct kp_alarm *oldest = NULL;
        for (size_t k = 0; k < e->n; k++)
            if (e->list[k].state == KP_ALARM_RETURNED && (!oldest || e->list[k].id < oldest->id))
                oldest = &e->list[k];
        if (!oldest)
            return;
        oldest->state = KP_ALARM_NORMAL;
        alarm_changed(e, oldest);
    }
}

/* NULL: there is no room until the next turn. */
static struct kp_alarm *new_entry(struct kp_alarms *e)
{
    if (!e->full && e->n < KP_ALARM_LIVING_MAX &&
        kp_grow(&e->list, &e->room, e->n + 1, sizeof *e->list)) {
        e->list[e->n] = (struct kp_alarm){ .until = KP_FOREVER };
        return &e->list[e->n++];
    }
    if (!e->full) {
        make_room(e);
        e->dropped++;
    }
    e->full = true;
    return NULL;
}

/* ---- raising ---- */
static kp_asset machine_of(const struct kp_model *m, kp_asset asset)
{
    for (kp_asset a = asset; a;) {
        const struct kp_asset_info *info = kp_model_asset(m, a);
        if (!info)
            break;
        if (info->kind == KP_MACHINE)
            return a;
        a = info->parent;
    }
    return asset;
}

/* Those that come within ten seconds at one machine belong together; the first of them is the
 * first-out. */
static void group(struct kp_alarms *e, struct kp_alarm *new)
{
    kp_asset machine = machine_of(e->model, new->asset);
    const struct kp_alarm *last = NULL;
    for (size_t i = 0; i < e->n; i++) {
        const struct kp_alarm *a = &e->list[i];
        if (a != new && a->id && a->since <= new->since &&new->since - a->since <= GROUP_WINDOW &&
            (!last || a->since > last->since) && machine_of(e->model, a->asset) == machine)
            last = a;
    }
    new->group = last ? last->group : new->id;
    new->first_out = !last;
}

bool alarm_is_own(const struct kp_alarm *a)
{
    return a->source == KP_ALARM_RULE || a->source == KP_ALARM_WATCH;
}

/* The signal stands at the end of the key. */
static kp_signal signal_of(const struct kp_alarm *a)
{
    const char *last = strrchr(a->key, '/');
    return last && last[1] == 's' ? (kp_signal)strtoul(last + 2, NULL, 10) : 0;
}

static char *attributes(struct kp_alarms *e, const struct kp_alarm *a)
{
    kp_signal signal = signal_of(a);
    struct kp_buf text;
    char path[KP_PATH_MAX];
    struct kp_json j = kp_json(&text);
    kp_buf_init(&text, ATTRIBUTES);
    kp_json_begin(&j, '{');
    kp_json_put_text(&j, a->source == KP_ALARM_WATCH ? "watch" : "rule", a->rule);
    kp_json_put_text(&j, "text", a->text);
    kp_json_put_text(&j, "priority", kp_alarm_priorities[a->priority]);
    if (signal && kp_model_signal(e->model, signal)) {
        kp_model_signal_path(e->model, signal, path, sizeof path);
        kp_json_put_text(&j, "signal", path);
    }
    if (!isnan(a->value)) {
        kp_json_key(&j, "value");
        kp_json_double(&j, a->value);
        kp_json_key(&j, "limit");
        kp_json_double(&j, a->limit);
    }
    kp_json_put_text(&j, "alarm", a->key);
    kp_json_end(&j, '}');
    char *out = kp_buf_take(&text);
    kp_buf_free(&text);
    return out;
}

/* An alarm tells of its signal, so it goes no further than that may. */
uint8_t kp_alarm_label(const struct kp_model *m, const struct kp_alarm *a)
{
    const struct kp_signal_info *s = kp_model_signal(m, alarm_is_own(a) ? signal_of(a) : 0);
    uint8_t own = kp_model_label(m, a->asset, a->label),
            of_signal = s ? kp_model_label(m, s->asset, s->label) : own;
    bool gone = a->asset && !kp_model_asset(m, a->asset); /* nobody knows what it was */
    return gone ? KP_SECRET : of_signal > own ? of_signal : own;
}

bool kp_alarm_may_go(const struct kp_model *m, enum kp_recipient to, const struct kp_alarm *a)
{
    kp_signal s = alarm_is_own(a) ? signal_of(a) : 0;
    const struct kp_interval v = { .asset = a->asset, .label = kp_alarm_label(m, a) };
    bool gone = !kp_model_signal(m, s); /* its label is in the interval's */
    if (a->source == KP_ALARM_WATCH && !s && !kp_gate_made_of(m, to, a->asset))
        return false; /* it tells of several */
    return kp_gate_label(to, v.label) && kp_gate_interval(m, to, &v) &&
           (gone || to != KP_TO_CLOUD || kp_gate_signal(m, to, s));
}

static void keep_label(const struct kp_alarms *e, struct kp_alarm *a)
{
    uint8_t label = kp_alarm_label(e->model, a);
    if (label > kp_model_label(e->model, a->asset, a->label))
        a->label = label;
}

static int64_t open_interval(struct kp_alarms *e, const struct kp_alarm *a)
{
    char *text = attributes(e, a);
    struct kp_interval v = { .asset = a->asset,
                             .kind = KP_INTERVAL_ALARM,
                             .label = a->label,
                             .start = a->since,
                             .end = KP_FOREVER,
                             .attributes = text };
    e->own = true;
    int64_t id = text ? kp_model_put_interval(e->model, &v, NULL) : 0;
    e->own = false;
    kp_free(text);
    return id;
}

/* What people did about it. */
static void keep_marks(struct kp_alarm *new, const struct kp_alarm *old)
{
    new->state = old->state;
    new->shelved_until = old->shelved_until;
    snprintf(new->user, sizeof new->user, "%s", old->user);
    snprintf(new->comment, sizeof new->comment, "%s", old->comment);
}

static void take_over(struct kp_alarm *new, const struct kp_alarm *old)
{
    new->count = old->count + 1;
    if (old->state >= KP_ALARM_SHELVED)
        keep_marks(new, old);
}

/* The node told it before it was restarted. */
static void resume(struct kp_alarm *new, const struct kp_alarm *old)
{
    new->count = old->count;
    new->acknowledged_at = old->acknowledged_at;
    new->fresh = false;
    keep_marks(new, old);
}

/* It lives on as another one. */
static void retire(struct kp_alarms *e, struct kp_alarm *old, int64_t at)
{
    old->state = KP_ALARM_NORMAL;
    old->active = false;
    old->until = old->until == KP_FOREVER ? at : old->until;
    old->hash = 0;
    old->key[0] = 0;
    old->resume_until = 0;
    alarm_changed(e, old);
}

/* The time a machine gives counts when it can be right. */
static int64_t usable(const struct kp_alarms *e, int64_t at)
{
    int64_t now = kp_utc(e->clock);
    return at == KP_NO_TIME || at > now || at < now - INT64_C(86400) * KP_SECOND ? now : at;
}

static struct kp_alarm made_of(const struct kp_alarms *e, const struct raising *r)
{
    struct kp_alarm a = { .asset = r->asset,
                          .source = r->source,
                          .priority = r->priority,
                          .active = true,
                          .fresh = true,
                          .since = r->id ? r->at : usable(e, r->at),
                          .until = KP_FOREVER,
                          .count = 1,
                          .value = r->value,
                          .limit = r->limit,
                          .acknowledged_at = KP_NO_TIME,
                          .shelved_until = KP_NO_TIME,
                          .hash = hash_of(r->key) };
    a.label = r->label;
    snprintf(a.key, sizeof a.key, "%s", r->key);
    snprintf(a.rule, sizeof a.rule, "%s", r->rule ? r->rule : "");
    snprintf(a.text, sizeof a.text, "%s", r->text ? r->text : "");
    kp_utf8_trim(a.text);
    return a;
}

int64_t alarm_raise(struct kp_alarms *e, const struct raising *r)
{
    struct kp_alarm a = made_of(e, r);
    pthread_mutex_lock(&e->lock);
    struct kp_alarm *place = new_entry(e);
    keep_label(e, &a);
    if (place)
        a.id = r->id ? r->id : open_interval(e, &a);
    if (!a.id) {
        e->n -= place != NULL;
        pthread_mutex_unlock(&e->lock);
        return 0;
    }
    struct kp_alarm *old = alarm_of(e, a.key);
    kp_alarm_step(&a.state, true, KP_ALARM_RAISE, NULL);
    if (old && old->resume_until && !r->out_of_service)
        resume(&a, old);
    else if (old)
        take_over(&a, old);
    if (r->out_of_service && a.state != KP_ALARM_OUT_OF_SERVICE)
        kp_alarm_step(&a.state, true, KP_ALARM_REMOVE_FROM_SERVICE, NULL);
    a.fresh = a.fresh && a.state == KP_ALARM_UNACKNOWLEDGED;
    if (old)
        retire(e, old, a.since);
    *place = a;
    group(e, place);
    alarm_changed(e, place);
    pthread_mutex_unlock(&e->lock);
    kp_info("alarm", "raised", "id=%lld priority=%s text=%s", (long long)a.id,
            kp_alarm_priorities[a.priority], kp_log_quote(a.text));
    return a.id;
}

int64_t alarm_raise_by_rule(struct kp_alarms *e, const struct kp_alarm_rule *rule, const char *key, kp_asset asset, int64_t at,
                            const char *text)
{
    struct raising r = { .asset = asset,
                         .source = KP_ALARM_RULE,
                         .priority = rule->priority,
                         .at = at,
                         .value = NAN,
                         .limit = NAN,
                         .key = key,
                         .rule = rule->name,
                         .text = *rule->text ? rule->text : text,
                         .out_of_service = rule->out_of_service };
    return alarm_raise(e, &r);
}

void alarm_again(struct kp_alarms *e, int64_t id, double value)
{
    pthread_mutex_lock(&e->lock);
    struct kp_alarm *a = alarm_find(e, id);
    if (a) {
        a->count++;
        a->value = value;
        alarm_changed(e, a);
    }
    pthread_mutex_unlock(&e->lock);
}

static void close_interval(struct kp_alarms *e, const struct kp_alarm *a, int64_t at)
{
    char *text = attributes(e, a);
    struct kp_interval v = { .id = a->id,
                             .asset = a->asset,
                             .kind = KP_INTERVAL_ALARM,
                             .label = a->label,
                             .start = a->since,
                             .end = at,
                             .attributes = text };
    e->own = true;
    if (text)
        kp_model_put_interval(e->model, &v, NULL);
    e->own = false;
    kp_free(text);
}

void alarm_clear(struct kp_alarms *e, int64_t id, int64_t at)
{
    pthread_mutex_lock(&e->lock);
    struct kp_alarm *a = alarm_find(e, id);
    struct kp_alarm copy = a ? *a : (struct kp_alarm){ 0 };
    if (a && a->active) {
        a->active = false;
        at = alarm_is_own(a) ? usable(e, at) : at;
        a->until = at < a->since ? a->since : at;
        copy.until = a->until;
        kp_alarm_step(&a->state, false, KP_ALARM_CLEAR, NULL);
        alarm_changed(e, a);
    }
    pthread_mutex_unlock(&e->lock);
    if (copy.active && alarm_is_own(&copy) && e->attached)
        close_interval(e, &copy, copy.until);
}

/* ---- what others tell as intervals ---- */
static uint8_t priority_of(const json_t *o)
{
    const json_t *severity = json_object_get(o, "severity");
    const char *level = json_string_value(json_object_get(o, "level"));
    if (json_is_integer(severity)) { /* OPC UA Part 9: 1 to 1000 */
        int64_t s = json_integer_value(severity);
        return s > 900   ? KP_PRIORITY_URGENT
               : s > 666 ? KP_PRIORITY_HIGH
               : s > 333 ? KP_PRIORITY_MEDIUM
                         : KP_PRIORITY_LOW;
    }
    if (level)
        return strcmp(level, "warning") == 0 ? KP_PRIORITY_LOW : KP_PRIORITY_HIGH;
    return KP_PRIORITY_MEDIUM;
}

/* The rule that stands for a condition of the node. */
static const struct kp_alarm_rule *rule_of(const struct kp_alarms *e, const char *key)
{
    static const struct {
        const char *prefix;
        uint8_t kind;
    } kinds[] = { { "store-backup", KP_RULE_BACKUP_FAILED },
                  { "certificate", KP_RULE_CERTIFICATE_EXPIRES },
                  { "store-disk", KP_RULE_DISK },
                  { "store-budget", KP_RULE_DISK },
                  { "store-forecast", KP_RULE_DISK } };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        for (size_t k = 0;
             k < e->n_rules && strncmp(key, kinds[i].prefix, strlen(kinds[i].prefix)) == 0; k++)
            if (e->rules[k]->kind == kinds[i].kind && e->rules[k]->enabled)
                return e->rules[k];
    return NULL;
}

/* The node's own security watch says who it is; all else is a machine's. */
static uint8_t source_of(const json_t *o, bool node)
{
    const char *by = json_string_value(json_object_get(o, "by"));
    return node                                 ? KP_ALARM_NODE
           : by && strcmp(by, "security") == 0 ? KP_ALARM_SECURITY
                                                : KP_ALARM_MACHINE;
}

static void raise_told(struct kp_alarms *e, const struct kp_interval *v, const json_t *o)
{
    char full[KP_ALARM_KEY];
    const char *key = json_string_value(json_object_get(o, "key")),
               *coupling = json_string_value(json_object_get(o, "coupling")),
               *text = json_string_value(json_object_get(o, "text")),
               *type = json_string_value(json_object_get(o, "type"));
    bool node = !v->asset && !coupling && key;
    const struct kp_alarm_rule *rule = node ? rule_of(e, key) : NULL;
    if (node)
        snprintf(full, sizeof full, "n/%s", key);
    else if (key && strcmp(key, "event") != 0)
        snprintf(full, sizeof full, "m/%u/%.120s/%.240s", v->asset, coupling ? coupling : "", key);
    else
        snprintf(full, sizeof full, "i/%lld", (long long)v->id);
    struct raising r = { .asset = v->asset,
                         .label = v->label,
                         .source = source_of(o, node),
                         .priority = rule ? rule->priority : priority_of(o),
                         .id = v->id,
                         .at = v->start,
                         .value = NAN,
                         .limit = NAN,
                         .key = full,
                         .rule = rule ? rule->name : NULL,
                         .text = text && *text ? text
                                 : type        ? type
                                               : key,
                         .out_of_service = rule && rule->out_of_service };
    alarm_raise(e, &r);
}

/* A machine may say more of an alarm while it lasts. */
static void retell(struct kp_alarms *e, struct kp_alarm *a, const json_t *o)
{
    const char *text = json_string_value(json_object_get(o, "text"));
    bool graded = a->source == KP_ALARM_MACHINE || a->source == KP_ALARM_SECURITY;
    uint8_t priority = graded ? priority_of(o) : a->priority;
    char new[KP_ALARM_TEXT];
    snprintf(new, sizeof new, "%s", text && *text ? text : a->text);
    kp_utf8_trim(new);
    if (strcmp(new, a->text) == 0 && priority == a->priority)
        return;
    pthread_mutex_lock(&e->lock);
    snprintf(a->text, sizeof a->text, "%s", new);
    a->priority = priority;
    alarm_changed(e, a);
    pthread_mutex_unlock(&e->lock);
}

void alarm_told(struct kp_alarms *e, const struct kp_interval *v)
{
    struct kp_alarm *a = alarm_find(e, v->id);
    bool open = v->end == KP_FOREVER;
    json_t *o = v->attributes ? kp_json_load(v->attributes, strlen(v->attributes), 0, NULL) : NULL;
    if (a && !alarm_is_own(a) && open)
        retell(e, a, o);
    else if (!a && (open || v->end > kp_utc(e->clock) - TOLD_LATE_S * KP_SECOND) &&
             !json_object_get(o, "alarm"))
        raise_told(e, v, o);
    if (!open)
        alarm_clear(e, v->id, v->end);
    json_decref(o);
}

static void gone(struct kp_alarms *e, int64_t id)
{
    pthread_mutex_lock(&e->lock);
    struct kp_alarm *a = alarm_find(e, id);
    if (a) {
        a->active = false;
        a->state = KP_ALARM_NORMAL;
        a->until = a->until == KP_FOREVER ? kp_utc(e->clock) : a->until;
        alarm_changed(e, a);
    }
    pthread_mutex_unlock(&e->lock);
}

static void on_change(void *self, enum kp_change change, int64_t id, const struct kp_interval *v)
{
    struct kp_alarms *e = self;
    if (change == KP_INTERVAL_PUT || change == KP_INTERVAL_REMOVED) {
        if (v->kind != KP_INTERVAL_ALARM || e->own)
            return;
        change == KP_INTERVAL_PUT ? alarm_told(e, v) : gone(e, id);
    } else {
        e->stale_points = true;
    }
}

/* ---- time ---- */
static void end_shelving(struct kp_alarms *e, int64_t now)
{
    for (size_t i = 0; i < e->n; i++) {
        struct kp_alarm *a = &e->list[i];
        if (a->state == KP_ALARM_SHELVED && a->shelved_until <= now) {
            kp_alarm_step(&a->state, a->active, KP_ALARM_UNSHELVE, NULL);
            a->shelved_until = KP_NO_TIME;
            a->fresh = a->state == KP_ALARM_UNACKNOWLEDGED;
            alarm_changed(e, a);
        }
    }
}

/* What is over and written leaves memory. */
static void forget_normal(struct kp_alarms *e)
{
    for (size_t i = e->n; i-- > 0;)
        if (e->list[i].state == KP_ALARM_NORMAL && !e->list[i].dirty)
            e->list[i] = e->list[--e->n];
}

static void alarms_turn(struct kp_alarms *e)
{
    int64_t now = kp_utc(e->clock);
    pthread_mutex_lock(&e->lock);
    end_shelving(e, now);
    forget_normal(e);
    e->full = false;
    for (size_t i = 0; i < e->n; i++)
        if (e->list[i].resume_until && e->list[i].resume_until <= now) { /* it was not told again */
            e->list[i].resume_until = 0;
            if (e->list[i].active) {
                e->list[i].active = false;
                kp_alarm_step(&e->list[i].state, false, KP_ALARM_CLEAR, NULL);
                alarm_changed(e, &e->list[i]);
            }
        }
    pthread_mutex_unlock(&e->lock);
}

static void turn(void *self)
{
    struct kp_alarms *e = self;
    points_turn(e);
    sweep(e);
    alarms_turn(e);
}

static void take(void *self, const struct kp_batch *b, const uint64_t *news)
{
    points_take(self, b, news);
}

/* ---- after a start ---- */
struct seen {
    struct kp_alarms *e;
    int64_t *open; /* ids of open alarm intervals */
    size_t n, room;
    struct kp_interval *untold; /* attributes are the model's: nothing changes it meanwhile */
    size_t n_untold, untold_room;
    bool failed;
};

static bool see(void *arg, const struct kp_interval *v)
{
    struct seen *s = arg;
    if (v->kind != KP_INTERVAL_ALARM)
        return true;
    if (!kp_grow(&s->open, &s->room, s->n + 1, sizeof *s->open) ||
        !kp_grow(&s->untold, &s->untold_room, s->n_untold + 1, sizeof *s->untold)) {
        s->failed = true;
        return false;
    }
    s->open[s->n++] = v->id;
    if (!alarm_find(s->e, v->id))
        s->untold[s->n_untold++] = *v;
    return true;
}

/* An interval of a rule whose row was not written any more. */
static void adopt(struct kp_alarms *e, const struct kp_interval *v)
{
    json_t *o = kp_json_load(v->attributes, strlen(v->attributes), 0, NULL);
    const char *key = json_string_value(json_object_get(o, "alarm"));
    const json_t *value = json_object_get(o, "value"), *limit = json_object_get(o, "limit");
    const char *watch = json_string_value(json_object_get(o, "watch"));
    struct raising r = { .asset = v->asset,
                         .source = watch ? KP_ALARM_WATCH : KP_ALARM_RULE,
                         .label = v->label,
                         .id = v->id,
                         .at = v->start,
                         .key = key,
                         .rule = watch ? watch : json_string_value(json_object_get(o, "rule")),
                         .text = json_string_value(json_object_get(o, "text")),
                         .value = value ? json_number_value(value) : NAN,
                         .limit = limit ? json_number_value(limit) : NAN };
    const char *priority = json_string_value(json_object_get(o, "priority"));
    for (unsigned i = 0; priority && kp_alarm_priorities[i]; i++)
        if (strcmp(kp_alarm_priorities[i], priority) == 0)
            r.priority = (uint8_t)i;
    if (key)
        alarm_raise(e, &r);
    else
        raise_told(e, v, o);
    json_decref(o);
}

void alarm_missed(struct kp_alarms *e, const struct kp_interval *v)
{
    adopt(e, v);
    alarm_clear(e, v->id, v->end);
}

static bool is_open(const struct seen *s, int64_t id)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->open[i] == id)
            return true;
    return false;
}

enum kp_code alarms_resume(struct kp_alarms *e, struct kp_err *err)
{
    struct seen s = { .e = e };
    int64_t now = kp_utc(e->clock);
    kp_model_open_intervals(e->model, 0, see, &s);
    for (size_t i = 0; i < e->n && !s.failed; i++) {
        struct kp_alarm *a = &e->list[i];
        if (!a->active || is_open(&s, a->id))
            continue;
        if (a->source == KP_ALARM_NODE)
            a->resume_until = now + RESUME;
        else
            alarm_clear(e, a->id, now);
    }
    for (size_t i = 0; i < s.n_untold && !s.failed; i++)
        adopt(e, &s.untold[i]);
    kp_free(s.open);
    kp_free(s.untold);
    return s.failed ? kp_fail(err, KP_ENOMEM, "out of memory") : KP_OK;
}

void alarms_attach(struct kp_alarms *e)
{
    e->attached = true;
    kp_model_watch(e->model, (struct kp_watcher){ e, on_change });
    kp_hub_listen(e->hub, (struct kp_listener){ e, take, turn });
}

/* ---- as others see it ---- */
struct kp_alarm_counts kp_alarms_count(struct kp_alarms *e)
{
    struct kp_alarm_counts n = { .dropped = e->dropped };
    pthread_mutex_lock(&e->lock);
    for (size_t i = 0; i < e->n; i++) {
        uint8_t state = e->list[i].state;
        n.unacknowledged += state == KP_ALARM_UNACKNOWLEDGED || state == KP_ALARM_RETURNED;
        n.active += e->list[i].active && state < KP_ALARM_SHELVED;
        n.shelved += state == KP_ALARM_SHELVED;
    }
    pthread_mutex_unlock(&e->lock);
    return n;
}

static void put_number(struct kp_json *j, const char *key, double d)
{
    kp_json_key(j, key);
    kp_json_double(j, d);
}

/* Which watch, what kind of finding, and the post to ask for more. */
static void put_watch(struct kp_json *j, const struct kp_alarm *a)
{
    size_t own = strlen("w/") + strlen(a->rule) + 1;
    const char *finding = strlen(a->key) > own ? a->key + own : "";
    size_t n = strcspn(finding, "/");
    kp_json_put_text(j, "watch", a->rule);
    kp_json_key(j, "finding");
    kp_json_textn(j, finding, n);
    kp_json_put_int(j, "post", finding[n] ? strtoll(finding + n + 1, NULL, 10) : 0);
}

void kp_alarm_json(struct kp_json *j, const struct kp_model *m, const struct kp_alarm *a)
{
    static const char *const sources[] = { "rule", "machine", "node", "watch", "security" };
    bool watch = a->source == KP_ALARM_WATCH;
    char path[KP_PATH_MAX] = "";
    bool known = !a->asset || kp_model_asset(m, a->asset);
    if (known)
        kp_model_asset_path(m, a->asset, path, sizeof path);
    kp_json_begin(j, '{');
    kp_json_put_int(j, "id", a->id);
    kp_json_put_text(j, "asset", known ? path : NULL);
    kp_json_put_text(j, "source", sources[a->source]);
    kp_json_put_text(j, "rule", *a->rule && !watch ? a->rule : NULL);
    if (watch)
        put_watch(j, a);
    kp_json_put_text(j, "text", a->text);
    kp_json_put_text(j, "priority", kp_alarm_priorities[a->priority]);
    kp_json_put_text(j, "state", kp_alarm_state_name(a->state));
    kp_json_put_bool(j, "active", a->active);
    kp_json_put_time(j, "since", a->since);
    kp_json_put_time(j, "until", a->until);
    put_number(j, "value", a->value);
    put_number(j, "limit", a->limit);
    kp_json_put_int(j, "count", a->count);
    kp_json_put_bool(j, "firstOut", a->first_out);
    kp_json_put_int(j, "group", a->group);
    kp_json_put_text(j, "acknowledgedBy", a->acknowledged_at == KP_NO_TIME ? NULL : a->user);
    kp_json_put_time(j, "acknowledgedAt", a->acknowledged_at);
    kp_json_put_text(j, "comment", *a->comment ? a->comment : NULL);
    kp_json_put_time(j, "shelvedUntil",
                     a->state == KP_ALARM_SHELVED ? a->shelved_until : KP_NO_TIME);
    kp_json_end(j, '}');
}
