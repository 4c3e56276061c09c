/* SPDX-License-Identifier: Apache-2.0 */
/* The plan of delivery: reading and checking it, templates. */
#include "alarm/delivery.h"
#include "net/json_members.h"
#include "net/json_memory.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

enum { TEMPLATE_MAX = 8 << 10 };
static const char *const kinds[] = { "mail", "ntfy", "teams", "webhook", NULL };
static const char *const days[] = { "mon", "tue", "wed", "thu", "fri", "sat", "sun" };

/* ---- pieces ---- */
static bool starts(const char *text, const char *with)
{
    return text && strncmp(text, with, strlen(with)) == 0;
}

static enum kp_code hours_of(const json_t *o, const char *where, struct kp_hours *h,
                             struct kp_err *err)
{
    const json_t *list = json_object_get(o, "days");
    if (kp_member_minute(o, where, "from", &h->from, err) || kp_member_minute(o, where, "to", &h->to, err))
        return err->code;
    if (list && !json_is_array(list))
        return kp_fail(err, KP_EINVALID,
                       "%s.days: must be a list of mon, tue, wed, thu, fri, sat, sun", where);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *day = json_string_value(json_array_get(list, i));
        unsigned k = 0;
        while (k < 7 && (!day || strcmp(days[k], day) != 0))
            k++;
        if (k == 7)
            return kp_fail(err, KP_EINVALID,
                           "%s.days: '%.20s' is none of mon, tue, wed, thu, fri, sat, sun", where,
                           day ? day : "");
        h->days |= (uint8_t)(1u << k);
    }
    return KP_OK;
}

bool kp_hours_hold(const struct kp_hours *h, unsigned minute, unsigned day)
{
    bool over = h->to < h->from, today = !h->days || h->days >> day & 1,
         yesterday = !h->days || h->days >> (day + 6) % 7 & 1;
    if (h->from == h->to)
        return today;
    if (!over)
        return today && minute >= h->from && minute < h->to;
    return (today && minute >= h->from) || (yesterday && minute < h->to);
}

/* ---- the parts of the plan ---- */
static enum kp_code read_mail(const json_t *o, struct kp_delivery *d, struct kp_err *err)
{
    static const char *const known[] = {
        "url", "from", "user", "password", "ca", "security", NULL
    };
    const char *security;
    if (!o || json_is_null(o))
        return KP_OK;
    if (kp_members_known(o, "mail", known, err) || kp_member_text(o, "mail", "url", true, &d->mail_url, err) ||
        kp_member_text(o, "mail", "from", true, &d->mail_from, err) ||
        kp_member_text(o, "mail", "user", false, &d->mail_user, err) ||
        kp_member_text(o, "mail", "ca", false, &d->mail_ca, err) ||
        kp_member_text(o, "mail", "security", false, &security, err))
        return err->code;
    if (!starts(d->mail_url, "smtp://") && !starts(d->mail_url, "smtps://"))
        return kp_fail(
            err, KP_EINVALID,
            "mail.url: '%.100s' is not like smtp://mail.example:587 or smtps://mail.example",
            d->mail_url);
    if (security && strcmp(security, "tls") != 0 && strcmp(security, "none") != 0)
        return kp_fail(err, KP_EINVALID, "mail.security: '%.20s' is neither tls nor none",
                       security);
    d->mail_plain = security && strcmp(security, "none") == 0;
    if (d->mail_plain && d->mail_user)
        return kp_fail(err, KP_EINVALID,
                       "mail: a password is sent over TLS only; leave security out");
    return KP_OK;
}

static enum kp_code read_channel(const json_t *o, size_t i, struct kp_delivery *d,
                                 struct kp_err *err)
{
    static const char *const known[] = { "name", "kind",     "url",   "to",
                                         "ca",   "template", "token", NULL };
    struct kp_channel *c = &d->channels[i];
    char where[40];
    const char *kind;
    snprintf(where, sizeof where, "channels[%zu]", i);
    if (kp_members_known(o, where, known, err) || kp_member_text(o, where, "name", true, &c->name, err) ||
        kp_member_text(o, where, "kind", true, &kind, err) ||
        kp_member_text(o, where, "url", false, &c->url, err) ||
        kp_member_text(o, where, "to", false, &c->to, err) || kp_member_text(o, where, "ca", false, &c->ca, err))
        return err->code;
    while (kinds[c->kind] && strcmp(kinds[c->kind], kind) != 0)
        c->kind++;
    if (!kinds[c->kind])
        return kp_fail(err, KP_EINVALID,
                       "%s.kind: there are mail, ntfy, teams and webhook, not '%.20s'", where,
                       kind);
    if (!kp_name_valid(c->name, strlen(c->name)))
        return kp_fail(err, KP_EINVALID, "%s.name: '%.60s' cannot be a name", where, c->name);
    for (size_t k = 0; k < i; k++)
        if (strcmp(d->channels[k].name, c->name) == 0)
            return kp_fail(err, KP_EINVALID, "%s.name: there are two channels '%.60s'", where,
                           c->name);
    const json_t *template = json_object_get(o, "template");
    if (template && !json_is_null(template) &&
        (!json_is_string(template) || json_string_length(template) > TEMPLATE_MAX ||
         c->kind != KP_CHANNEL_WEBHOOK))
        return kp_fail(err, KP_EINVALID, "%s.template: a text of a webhook, 8 kB at most", where);
    c->template = json_string_value(template);
    if (c->kind == KP_CHANNEL_MAIL && (!c->to || !strchr(c->to, '@') || strpbrk(c->to, " <>,;")))
        return kp_fail(err, KP_EINVALID, "%s.to: a mail needs an address", where);
    if (c->kind == KP_CHANNEL_MAIL && !d->mail_url)
        return kp_fail(err, KP_EINVALID, "%s: a mail needs a mail server: mail.url and mail.from",
                       where);
    if (c->kind != KP_CHANNEL_MAIL && !starts(c->url, "http://") && !starts(c->url, "https://"))
        return kp_fail(err, KP_EINVALID, "%s.url: must begin with https:// or http://", where);
    return KP_OK;
}

static const struct kp_channel *channel_named(const struct kp_delivery *d, const char *name)
{
    for (size_t i = 0; i < d->n_channels; i++)
        if (strcmp(d->channels[i].name, name) == 0)
            return &d->channels[i];
    return NULL;
}

static enum kp_code read_person(const json_t *o, size_t i, struct kp_delivery *d,
                                struct kp_err *err)
{
    static const char *const known[] = { "name", "channel", "language", "priority",
                                         "days", "from",    "to",       NULL };
    struct kp_person *p = &d->people[i];
    char where[40];
    const char *language, *priority;
    snprintf(where, sizeof where, "roster[%zu]", i);
    if (kp_members_known(o, where, known, err) || kp_member_text(o, where, "name", true, &p->name, err) ||
        kp_member_text(o, where, "channel", true, &p->channel, err) ||
        kp_member_text(o, where, "language", false, &language, err) ||
        kp_member_text(o, where, "priority", false, &priority, err) || hours_of(o, where, &p->duty, err))
        return err->code;
    if (!channel_named(d, p->channel))
        return kp_fail(err, KP_EINVALID, "%s.channel: there is no channel '%.60s'", where,
                       p->channel);
    if (language && strcmp(language, "nl") != 0 && strcmp(language, "en") != 0)
        return kp_fail(err, KP_EINVALID, "%s.language: there are en and nl, not '%.20s'", where,
                       language);
    p->dutch = language && strcmp(language, "nl") == 0;
    while (priority && kp_alarm_priorities[p->least] &&
           strcmp(kp_alarm_priorities[p->least], priority) != 0)
        p->least++;
    if (p->least >= KP_PRIORITIES)
        return kp_fail(err, KP_EINVALID,
                       "%s.priority: there are low, medium, high and urgent, not '%.20s'", where,
                       priority);
    return KP_OK;
}

static enum kp_code read_step(const json_t *o, size_t i, struct kp_delivery *d, struct kp_err *err)
{
    static const char *const known[] = { "after", "to", NULL };
    struct kp_step *s = &d->steps[i];
    char where[40];
    const char *after;
    snprintf(where, sizeof where, "escalation[%zu]", i);
    if (kp_members_known(o, where, known, err) || kp_member_text(o, where, "after", false, &after, err))
        return err->code;
    if (after && (!kp_duration_parse(after, &s->after) || s->after < 0 ||
                  s->after > INT64_C(86400) * 31 * KP_SECOND))
        return kp_fail(err, KP_EINVALID, "%s.after: '%.20s' is not a time such as 10m, up to 31d",
                       where, after);
    const json_t *to = json_object_get(o, "to");
    if (!json_is_array(to) || !json_array_size(to) || json_array_size(to) > KP_STEP_PEOPLE)
        return kp_fail(err, KP_EINVALID, "%s.to: must be a list of 1 to %d names of the roster",
                       where, KP_STEP_PEOPLE);
    for (size_t k = 0; k < json_array_size(to); k++) {
        const char *name = json_string_value(json_array_get(to, k));
        bool there = false;
        for (size_t n = 0; name && n < d->n_people; n++)
            there |= strcmp(d->people[n].name, name) == 0;
        if (!there)
            return kp_fail(err, KP_EINVALID, "%s.to: '%.60s' is not in the roster", where,
                           name ? name : "");
        s->to[s->n++] = name;
    }
    return KP_OK;
}

static enum kp_code read_quiet(const json_t *o, size_t i, struct kp_delivery *d, struct kp_err *err)
{
    static const char *const known[] = { "days", "from", "to", NULL };
    char where[40];
    snprintf(where, sizeof where, "quiet[%zu]", i);
    if (kp_members_known(o, where, known, err) || hours_of(o, where, &d->quiet[i], err))
        return err->code;
    return d->quiet[i].from == d->quiet[i].to
               ? kp_fail(err, KP_EINVALID, "%s: give from and to, 22:00 and 06:00", where)
               : KP_OK;
}

static enum kp_code read_list(const json_t *root, const char *key, size_t most,
                              enum kp_code (*one)(const json_t *, size_t, struct kp_delivery *,
                                                  struct kp_err *),
                              struct kp_delivery *d, size_t *n, struct kp_err *err)
{
    const json_t *list = json_object_get(root, key);
    if (list && !json_is_array(list))
        return kp_fail(err, KP_EINVALID, "%s: must be a list", key);
    if (json_array_size(list) > most)
        return kp_fail(err, KP_EINVALID, "%s: more than %zu", key, most);
    for (size_t i = 0; i < json_array_size(list) && !err->code; i++, (*n)++)
        one(json_array_get(list, i), i, d, err);
    return err->code;
}

enum kp_code kp_delivery_parse(const char *json, struct kp_delivery *d, struct kp_err *err)
{
    static const char *const known[] = {
        "mail", "channels", "roster", "escalation", "quiet", NULL
    };
    struct kp_err own = { 0 };
    *d = (struct kp_delivery){ 0 };
    json_t *root = kp_json_read(json, "delivery", err);
    d->document = root;
    if (!root)
        return err->code;
    if (!kp_members_known(root, "delivery", known, &own) &&
        !read_mail(json_object_get(root, "mail"), d, &own) &&
        !read_list(root, "channels", KP_CHANNELS_MAX, read_channel, d, &d->n_channels, &own) &&
        !read_list(root, "roster", KP_PEOPLE_MAX, read_person, d, &d->n_people, &own) &&
        !read_list(root, "escalation", KP_STEPS_MAX, read_step, d, &d->n_steps, &own))
        read_list(root, "quiet", KP_QUIET_MAX, read_quiet, d, &d->n_quiet, &own);
    return own.code ? kp_fail(err, own.code, "%s", own.text) : KP_OK;
}

void kp_delivery_free(struct kp_delivery *d)
{
    json_decref(d->document);
    *d = (struct kp_delivery){ 0 };
}

/* ---- templates ---- */
static void fill_one(struct kp_json *j, const char *word, size_t n, const struct kp_alarm *a,
                     const char *asset, const char *node, bool *there)
{
    static const char *const words[] = { "text", "asset", "priority", "state", "rule",  "comment",
                                         "node", "since", "value",    "limit", "count", "id" };
    char number[KP_TIME_TEXT] = "";
    const char *texts[] = {
        a->text,    asset, kp_alarm_priorities[a->priority], kp_alarm_state_name(a->state), a->rule,
        a->comment, node
    };
    size_t k = 0, all = sizeof words / sizeof *words;
    while (k < all && (strlen(words[k]) != n || strncmp(words[k], word, n) != 0))
        k++;
    *there = k < all;
    if (k < sizeof texts / sizeof *texts) {
        kp_json_text(j, texts[k]);
        return;
    }
    if (k == 7)
        kp_time_print(a->since, number);
    else if (k == 8 || k == 9)
        snprintf(number, sizeof number, "%.*g", alarm_digits(k == 8 ? a->value : a->limit), k == 8 ? a->value : a->limit);
    else
        snprintf(number, sizeof number, "%lld", k == 10 ? (long long)a->count : (long long)a->id);
    if (*there)
        kp_json_text(j, strcmp(number, "nan") == 0 ? "" : number);
}

void kp_template_fill(struct kp_buf *out, const char *template, const struct kp_alarm *a,
                      const char *asset, const char *node)
{
    for (const char *p = template; *p;) {
        const char *close = *p == '{' ? strchr(p, '}') : NULL;
        struct kp_buf text;
        bool there = false;
        kp_buf_init(&text, KP_DELIVERY_TEXT);
        if (close) {
            struct kp_json j = kp_json(&text);
            fill_one(&j, p + 1, (size_t)(close - p - 1), a, asset, node, &there);
        }
        if (there && text.len >= 2 && !text.failed) /* without the quotes */
            kp_buf_add(out, text.data + 1, text.len - 2);
        else
            kp_buf_add(out, p, 1);
        p = there ? close + 1 : p + 1;
        kp_buf_free(&text);
    }
}
