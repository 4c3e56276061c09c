/* SPDX-License-Identifier: Apache-2.0 */
/* Incidents as JSON. */
#include "net/json_memory.h"
#include "shield/incident_keep.h"
#include "shield/settings.h"

#include "core/ban.h"

/* ---- parts ---- */
static void put_next(struct kp_json *j, const struct incident *in, bool dutch)
{
    const struct incident_clock *c = incident_next(in->clocks, in->n_clocks);
    kp_json_key(j, "next");
    if (!c) {
        kp_json_null(j);
        return;
    }
    kp_json_begin(j, '{');
    kp_json_put_text(j, "stage", incident_stage_words[c->stage]);
    kp_json_put_text(j, "title", incident_stage_title(c->stage, in->facts.product, dutch));
    kp_json_put_time(j, "due", c->due);
    kp_json_put_text(j, "state", incident_clock_states[c->state]);
    kp_json_end(j, '}');
}

static void put_row(struct kp_json *j, const struct incident *in, bool dutch)
{
    kp_json_put_int(j, "id", in->id);
    kp_json_put_text(j, "title", in->text[TEXT_TITLE]);
    kp_json_put_text(j, "category", incident_categories[in->category]);
    kp_json_put_text(j, "severity", incident_severities[in->severity]);
    kp_json_put_text(j, "status", incident_statuses[in->facts.status]);
    kp_json_put_time(j, "aware", in->facts.aware);
    kp_json_put_time(j, "began", in->began);
    kp_json_put_text(j, "significant", incident_doubts[in->facts.significant]);
    kp_json_put_text(j, "product", incident_products[in->facts.product]);
    kp_json_put_time(j, "made", in->made);
    kp_json_put_time(j, "changed", in->changed);
    kp_json_put_text(j, "who", in->who);
    put_next(j, in, dutch);
}

static void put_things(struct kp_json *j, const struct incident *in)
{
    kp_json_key(j, "devices");
    kp_json_begin(j, '[');
    for (size_t i = 0; i < in->n_devices; i++) {
        const struct incident_device *d = &in->devices[i];
        kp_json_begin(j, '{');
        kp_json_put_int(j, "id", d->id);
        kp_json_put_text(j, "name", d->name);
        kp_json_put_text(j, "manufacturer", d->manufacturer);
        kp_json_put_text(j, "product", d->product);
        kp_json_put_text(j, "firmware", d->firmware);
        kp_json_put_text(j, "serialNumber", d->serial);
        kp_json_end(j, '}');
    }
    kp_json_end(j, ']');
    kp_json_key(j, "alarms");
    kp_json_begin(j, '[');
    for (size_t i = 0; i < in->n_alarms; i++) {
        const struct incident_alarm *a = &in->alarms[i];
        kp_json_begin(j, '{');
        kp_json_put_int(j, "id", a->id);
        kp_json_put_text(j, "text", a->text);
        kp_json_put_text(j, "asset", a->asset);
        kp_json_put_time(j, "since", a->since);
        kp_json_put_time(j, "until", a->until);
        kp_json_put_text(j, "priority", a->priority);
        kp_json_put_text(j, "state", a->state);
        kp_json_end(j, '}');
    }
    kp_json_end(j, ']');
}

static void put_notes(struct kp_json *j, const struct incident *in)
{
    kp_json_key(j, "log");
    kp_json_begin(j, '[');
    for (size_t i = 0; i < in->n_notes; i++) {
        const struct incident_note *n = &in->notes[i];
        kp_json_begin(j, '{');
        kp_json_put_int(j, "id", n->id);
        kp_json_put_time(j, "at", n->at);
        kp_json_put_time(j, "noted", n->noted);
        kp_json_put_text(j, "who", n->who);
        kp_json_put_text(j, "kind", n->kind);
        kp_json_put_text(j, "text", n->text);
        kp_json_end(j, '}');
    }
    kp_json_end(j, ']');
}

static void put_clock(struct kp_json *j, const struct incident *in, const struct incident_clock *c,
                      bool dutch)
{
    enum incident_product p = in->facts.product;
    kp_json_begin(j, '{');
    kp_json_put_text(j, "stage", incident_stage_words[c->stage]);
    kp_json_put_text(j, "law", incident_stage_is_cra(c->stage) ? "cra" : "nis2");
    kp_json_put_text(j, "title", incident_stage_title(c->stage, p, dutch));
    kp_json_put_text(j, "article", incident_stage_article(c->stage, p));
    kp_json_put_time(j, "begins", c->begins);
    kp_json_put_time(j, "due", c->due);
    kp_json_put_text(j, "state", incident_clock_states[c->state]);
    kp_json_put_bool(j, "late", c->late);
    kp_json_put_time(j, "sent", in->facts.sent[c->stage]);
    kp_json_put_text(j, "reference", in->sent[c->stage].reference);
    kp_json_put_text(j, "who", in->sent[c->stage].who);
    kp_json_put_text(j, "why", incident_stage_why(c->stage, p, dutch));
    kp_json_put_text(j, "to", incident_stage_to(c->stage, dutch));
    kp_json_key(j, "holds");
    kp_json_begin(j, '[');
    for (const char *const *h = incident_stage_holds(c->stage, p, dutch); *h; h++)
        kp_json_text(j, *h);
    kp_json_end(j, ']');
    kp_json_end(j, '}');
}

void incident_put(struct kp_json *j, const struct incident *in, bool dutch)
{
    kp_json_begin(j, '{');
    put_row(j, in, dutch);
    for (int i = TEXT_WHAT; i < INCIDENT_TEXTS; i++)
        kp_json_put_text(j, incident_text_keys[i], in->text[i]);
    kp_json_put_text(j, "malicious", incident_doubts[in->malicious]);
    kp_json_put_text(j, "crossBorder", incident_doubts[in->cross_border]);
    kp_json_put_bool(j, "ongoing", in->facts.status != INCIDENT_CLOSED);
    kp_json_put_time(j, "fixed", in->facts.fixed);
    kp_json_put_time(j, "handled", in->facts.handled);
    put_things(j, in);
    put_notes(j, in);
    kp_json_key(j, "clocks");
    kp_json_begin(j, '[');
    for (size_t i = 0; i < in->n_clocks; i++)
        put_clock(j, in, &in->clocks[i], dutch);
    kp_json_end(j, ']');
    kp_json_put_text(j, "voluntary", in->n_clocks ? NULL : incident_voluntary(dutch));
    kp_json_end(j, '}');
}

/* ---- one ---- */
enum kp_code kp_incident(struct kp_shield *s, enum kp_recipient to, int64_t id, bool dutch,
                         struct kp_json *j, struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    struct incident in = { 0 };
    struct kp_db *db = kp_store_reader(s->store, err);
    if (db && !incident_open(s, db, to, id, &arena, &in, err))
        incident_put(j, &in, dutch);
    kp_store_reader_done(s->store, db);
    incident_drop(&in);
    kp_arena_free(&arena);
    return err->code;
}

/* ---- all ---- */
struct listing {
    struct kp_shield *s;
    struct kp_db *db;
    enum kp_recipient to;
    struct kp_json *j;
    struct kp_err *err;
    int64_t of_status[3], soon, overdue;
    bool all, dutch;
};

static bool list_one(void *arg, struct incident *in)
{
    struct listing *l = arg;
    const struct incident_clock *next = incident_next(in->clocks, in->n_clocks);
    bool may;
    if (incident_may_go(l->s, l->db, l->to, in->id, &may, l->err) || !may)
        return !l->err->code;
    l->of_status[in->facts.status]++;
    l->soon += next && next->state == CLOCK_SOON;
    l->overdue += next && next->state == CLOCK_OVERDUE;
    if (!l->all && in->facts.status == INCIDENT_CLOSED)
        return true;
    kp_json_begin(l->j, '{');
    put_row(l->j, in, l->dutch);
    kp_json_end(l->j, '}');
    return true;
}

static void put_counts(const struct listing *l)
{
    kp_json_key(l->j, "counts");
    kp_json_begin(l->j, '{');
    for (int i = 0; i < 3; i++)
        kp_json_put_int(l->j, incident_statuses[i], l->of_status[i]);
    kp_json_put_int(l->j, "soon", l->soon);
    kp_json_put_int(l->j, "overdue", l->overdue);
    kp_json_end(l->j, '}');
}

enum kp_code kp_incidents(struct kp_shield *s, enum kp_recipient to, bool all, bool dutch,
                          struct kp_json *j, struct kp_err *err)
{
    struct listing l = { .s = s, .to = to, .j = j, .err = err, .all = all, .dutch = dutch };
    struct shield_settings set = { 0 };
    l.db = kp_store_reader(s->store, err);
    if (l.db && !shield_settings_read(l.db, &set, err)) {
        kp_json_begin(j, '{');
        kp_json_key(j, "incidents");
        kp_json_begin(j, '[');
        incident_each(l.db, true, &set.scope, kp_utc(s->clock), list_one, &l, err);
        kp_json_end(j, ']');
        put_counts(&l);
        kp_json_end(j, '}');
    }
    kp_store_reader_done(s->store, l.db);
    shield_settings_free(&set);
    return err->code;
}

/* ---- a stage ---- */
const struct incident_clock *incident_clock(const struct incident *in, enum incident_stage stage)
{
    for (size_t i = 0; i < in->n_clocks; i++)
        if (in->clocks[i].stage == stage)
            return &in->clocks[i];
    return NULL;
}

void incident_put_report(struct kp_json *j, const struct incident *in, enum incident_stage stage,
                         const struct incident_report *r, bool dutch)
{
    const struct incident_clock *c = incident_clock(in, stage);
    kp_json_begin(j, '{');
    kp_json_put_text(j, "stage", incident_stage_words[stage]);
    kp_json_put_text(j, "title", incident_stage_title(stage, in->facts.product, dutch));
    kp_json_put_text(j, "article", incident_stage_article(stage, in->facts.product));
    kp_json_put_text(j, "to", incident_stage_to(stage, dutch));
    kp_json_put_time(j, "due", c ? c->due : KP_NO_TIME);
    kp_json_put_text(j, "state", c ? incident_clock_states[c->state] : NULL);
    kp_json_put_time(j, "sent", in->facts.sent[stage]);
    kp_json_put_text(j, "reference", in->sent[stage].reference);
    kp_json_put_int(j, "open", (int64_t)r->open);
    kp_json_key(j, "texts");
    kp_json_begin(j, '[');
    for (size_t i = 0; i < r->n; i++) {
        kp_json_begin(j, '{');
        kp_json_put_text(j, "key", r->texts[i].key);
        kp_json_put_text(j, "title", r->texts[i].title);
        kp_json_put_text(j, "text", r->texts[i].text);
        kp_json_put_bool(j, "edited", r->texts[i].edited);
        kp_json_end(j, '}');
    }
    kp_json_end(j, ']');
    kp_json_put_text(j, "notice", incident_notice(dutch));
    kp_json_end(j, '}');
}

enum kp_code kp_incident_stage(struct kp_shield *s, enum kp_recipient to, int64_t id, const char *word,
                               const char *node, bool dutch, struct kp_json *j, struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    struct incident in = { 0 };
    struct incident_report r;
    enum incident_stage stage;
    struct kp_db *db = kp_store_reader(s->store, err);
    if (db && !incident_find_stage(word, &stage, err) && !incident_open(s, db, to, id, &arena, &in, err) &&
        !incident_report(&in, stage, node, dutch, &arena, &r, err))
        incident_put_report(j, &in, stage, &r, dutch);
    kp_store_reader_done(s->store, db);
    incident_drop(&in);
    kp_arena_free(&arena);
    return err->code;
}
