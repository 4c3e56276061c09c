/* SPDX-License-Identifier: Apache-2.0 */
/* Incidents made and changed by people. */
#include "shield/incident.h"

#include "net/json_members.h"
#include "net/json_memory.h"
#include "shield/incident_keep.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { NOTE_MAX = 4000 };

/* ---- what a person says ---- */
enum field_kind { FIELD_WORDS, FIELD_WORD, FIELD_TIME };
struct field {
    const char *key, *sql;
    enum field_kind kind;
    bool required; /* it may not be emptied */
    const char *const *words;
};
#define SET(column) "update incident set " column " = ?1 where id = ?2"
static const struct field fields[] = {
    { "title", SET("title"), FIELD_WORDS, true, NULL },
    { "what", SET("what"), FIELD_WORDS, false, NULL },
    { "impact", SET("impact"), FIELD_WORDS, false, NULL },
    { "cause", SET("cause"), FIELD_WORDS, false, NULL },
    { "measures", SET("measures"), FIELD_WORDS, false, NULL },
    { "indicators", SET("indicators"), FIELD_WORDS, false, NULL },
    { "contact", SET("contact"), FIELD_WORDS, false, NULL },
    { "states", SET("states"), FIELD_WORDS, false, NULL },
    { "category", SET("category"), FIELD_WORD, true, incident_categories },
    { "severity", SET("severity"), FIELD_WORD, true, incident_severities },
    { "status", SET("status"), FIELD_WORD, true, incident_statuses },
    { "significant", SET("significant"), FIELD_WORD, true, incident_doubts },
    { "product", SET("product"), FIELD_WORD, true, incident_products },
    { "malicious", SET("malicious"), FIELD_WORD, true, incident_doubts },
    { "crossBorder", SET("cross_border"), FIELD_WORD, true, incident_doubts },
    { "aware", SET("aware"), FIELD_TIME, true, NULL },
    { "began", SET("began"), FIELD_TIME, false, NULL },
    { "fixed", SET("fixed"), FIELD_TIME, false, NULL },
};
enum { FIELDS = sizeof fields / sizeof *fields, FIELD_STATUS = 10 };

struct said { /* of one field */
    bool given;
    const char *text; /* NULL: emptied */
    int64_t at;
};
struct saying {
    struct incident_saying by;
    struct said said[FIELDS];
    const json_t *devices, *alarms; /* lists of numbers; NULL: not said */
    const char *title;              /* of a new one, taken from an alarm */
};

enum kp_code incident_read_words(const json_t *v, const char *key, size_t most, const char **out,
                                 struct kp_err *err)
{
    *out = json_string_value(v);
    if (json_is_null(v) || (*out && !**out))
        *out = NULL;
    else if (!*out)
        return kp_fail(err, KP_EINVALID, "%s: must be a text", key);
    if (*out && json_string_length(v) > most)
        return kp_fail(err, KP_EINVALID, "%s: longer than %zu bytes", key, most);
    for (const char *p = *out; p && *p; p++)
        if ((unsigned char)*p < ' ' && *p != '\n' && *p != '\t')
            return kp_fail(err, KP_EINVALID, "%s: has a control character", key);
    return KP_OK;
}

enum kp_code incident_read_time(const json_t *v, const char *key, int64_t now, int64_t *at,
                                struct kp_err *err)
{
    const char *text = json_string_value(v);
    *at = KP_NO_TIME;
    if (json_is_null(v))
        return KP_OK;
    if (!text || !kp_time_parse(text, at) || *at < 0)
        return kp_fail(err, KP_EINVALID, "%s: '%.40s' is no time such as 2026-11-28T14:30:00Z", key,
                       text ? text : "");
    return *at <= now ? KP_OK : kp_fail(err, KP_EINVALID, "%s: lies in the future", key);
}

static enum kp_code read_field(const json_t *body, const struct field *f, struct saying *s,
                               struct said *said, struct kp_err *err)
{
    const json_t *v = json_object_get(body, f->key);
    int word = 0;
    if (!v)
        return KP_OK;
    said->given = true;
    if (f->kind == FIELD_TIME) {
        if (incident_read_time(v, f->key, s->by.now, &said->at, err))
            return err->code;
    } else if (f->kind == FIELD_WORD) {
        if (kp_member_choice(body, "body", f->key, f->words, &word, err))
            return err->code;
        said->text = json_is_null(v) ? NULL : f->words[word];
    } else if (incident_read_words(v, f->key, f == fields ? INCIDENT_TITLE_MAX : INCIDENT_TEXT_MAX,
                          &said->text, err)) {
        return err->code;
    }
    bool empty = f->kind == FIELD_TIME ? said->at == KP_NO_TIME : !said->text;
    return empty && f->required ? kp_fail(err, KP_EINVALID, "%s: may not be empty", f->key) : KP_OK;
}

static enum kp_code read_numbers(const json_t *body, const char *key, const json_t **out,
                                 struct kp_err *err)
{
    const json_t *one;
    size_t i;
    const json_t *v = json_object_get(body, key);
    if (!v || json_is_null(v)) {
        *out = v; /* null: none */
        return KP_OK;
    }
    if (kp_member_list(body, "body", key, KP_INCIDENT_THINGS, out, err))
        return err->code;
    json_array_foreach((json_t *)(uintptr_t)*out, i, one)
    {
        if (!json_is_integer(one) || json_integer_value(one) < 1)
            return kp_fail(err, KP_EINVALID, "%s[%zu]: must be a number", key, i);
    }
    return KP_OK;
}

static enum kp_code read_body(const json_t *body, struct saying *s, struct kp_err *err)
{
    const char *known[FIELDS + 3] = { 0 };
    for (size_t i = 0; i < FIELDS; i++)
        known[i] = fields[i].key;
    known[FIELDS] = "devices";
    known[FIELDS + 1] = "alarms";
    if (kp_members_known(body, "body", known, err))
        return err->code;
    for (size_t i = 0; i < FIELDS; i++)
        if (read_field(body, &fields[i], s, &s->said[i], err))
            return err->code;
    return read_numbers(body, "devices", &s->devices, err) ? err->code
                                                           : read_numbers(body, "alarms", &s->alarms, err);
}

/* ---- the log ---- */
enum kp_code incident_log(struct kp_db *db, const struct incident_saying *s, int64_t at,
                          const char *kind, const char *text, struct kp_err *err)
{
    struct kp_stmt *st = kp_db_prepare(
        db,
        "insert into incident_log(incident, at, noted, who, kind, text) select ?1, ?2, ?3, ?4, ?5, ?6"
        " where (select count(*) from incident_log where incident = ?1) < ?7",
        err);
    if (!st)
        return err->code;
    kp_bind_int(st, 1, s->id);
    kp_bind_int(st, 2, at);
    kp_bind_int(st, 3, s->now);
    kp_bind_text(st, 4, s->who);
    kp_bind_text(st, 5, kind);
    kp_bind_text(st, 6, text);
    kp_bind_int(st, 7, KP_INCIDENT_NOTES);
    if (!kp_run(st, err) && !kp_db_changes(db))
        kp_fail(err, KP_EFULL, "incident %lld has %d notes; go on in a new one", (long long)s->id,
                KP_INCIDENT_NOTES);
    return err->code;
}

/* ---- making ---- */
/* What is not said is taken from the alarms. One of something secret is told by its number only. */
static enum kp_code take_from_alarms(struct kp_db *db, struct saying *s, struct kp_arena *arena,
                                     int64_t *began, int *severity, struct kp_err *err)
{
    const json_t *one;
    struct kp_alarm a;
    size_t i;
    json_array_foreach((json_t *)(uintptr_t)s->alarms, i, one)
    {
        if (kp_alarms_get(db, json_integer_value(one), &a, err))
            return err->code;
        if (*began == KP_NO_TIME || a.since < *began)
            *began = a.since;
        *severity = a.priority > *severity ? a.priority : *severity;
        kp_model_lock(s->by.shield->model);
        bool may = kp_alarm_may_go(s->by.shield->model, KP_TO_COMPANY, &a);
        kp_model_unlock(s->by.shield->model);
        char text[64];
        snprintf(text, sizeof text, "alarm %lld", (long long)a.id);
        if (!s->title && !(s->title = kp_arena_strdup(arena, may ? a.text : text)))
            return kp_fail(err, KP_ENOMEM, "out of memory");
    }
    return KP_OK;
}

static enum kp_code insert(struct kp_db *db, struct saying *s, int64_t began, int severity,
                           struct kp_err *err)
{
    struct kp_stmt *st = kp_db_prepare(
        db,
        "insert into incident(title, category, severity, status, significant, product, malicious,"
        " cross_border, aware, began, made, changed, who) select ?1, 'other', ?2, 'open', 'unknown',"
        " 'none', 'unknown', 'unknown', ?3, ?4, ?3, ?3, ?5 where (select count(*) from incident) < ?6",
        err);
    if (!st)
        return err->code;
    kp_bind_text(st, 1, s->said[0].text ? s->said[0].text : s->title);
    kp_bind_text(st, 2, incident_severities[severity]);
    kp_bind_int(st, 3, s->by.now);
    if (began != KP_NO_TIME)
        kp_bind_int(st, 4, began < s->by.now ? began : s->by.now);
    kp_bind_text(st, 5, s->by.who);
    kp_bind_int(st, 6, KP_INCIDENTS_MAX);
    if (kp_run(st, err))
        return err->code;
    s->by.id = kp_db_last_id(db);
    return kp_db_changes(db) ? KP_OK
                             : kp_fail(err, KP_EFULL, "there are %d incidents", KP_INCIDENTS_MAX);
}

static enum kp_code set_field(struct kp_db *db, const struct saying *s, size_t i, struct kp_err *err)
{
    struct kp_stmt *st = kp_db_prepare(db, fields[i].sql, err);
    if (!st)
        return err->code;
    if (fields[i].kind != FIELD_TIME)
        kp_bind_text(st, 1, s->said[i].text);
    else if (s->said[i].at != KP_NO_TIME)
        kp_bind_int(st, 1, s->said[i].at);
    kp_bind_int(st, 2, s->by.id);
    return kp_run(st, err);
}

static enum kp_code make(struct kp_db *db, void *arg, struct kp_err *err)
{
    struct saying *s = arg;
    struct kp_arena arena = { 0 };
    int64_t began = KP_NO_TIME;
    int severity = 0;
    char text[200] = "";
    if (!take_from_alarms(db, s, &arena, &began, &severity, err) && !s->said[0].text && !s->title)
        kp_fail(err, KP_EINVALID, "title is missing: say in a few words what happened, or name alarms");
    if (!err->code)
        insert(db, s, began, json_array_size(s->alarms) ? severity : 1, err);
    for (size_t i = 1; i < FIELDS && !err->code; i++)
        if (s->said[i].given)
            set_field(db, s, i, err);
    if (!err->code && !incident_write_things(db, &s->by, s->devices, s->alarms, err)) {
        snprintf(text, sizeof text, "alarms: %zu, devices: %zu", json_array_size(s->alarms),
                 json_array_size(s->devices));
        incident_log(db, &s->by, s->by.now, "made", text, err);
    }
    kp_arena_free(&arena);
    return err->code;
}

enum kp_code kp_incident_make(struct kp_shield *shield, enum kp_recipient to, const json_t *body,
                              const char *who, int64_t *id, struct kp_err *err)
{
    struct saying s = { .by = { .shield = shield, .to = to, .who = who, .now = kp_utc(shield->clock) } };
    if (!read_body(body, &s, err) && s.said[FIELD_STATUS].given)
        kp_fail(err, KP_EINVALID, "status: a new incident is open");
    if (!err->code && !kp_store_do(shield->store, make, &s, err))
        incidents_changed(shield);
    *id = s.by.id;
    return err->code;
}

/* ---- changing ---- */
enum kp_code incident_check(struct kp_db *db, const struct incident_saying *s, struct kp_err *err)
{
    bool may = false, known = false;
    struct kp_stmt *st = kp_db_prepare(db, "select 1 from incident where id = ?", err);
    if (!st)
        return err->code;
    kp_bind_int(st, 1, s->id);
    known = kp_step(st, err);
    kp_reset(st);
    if (err->code || (known && incident_may_go(s->shield, db, s->to, s->id, &may, err)))
        return err->code;
    return may ? KP_OK : kp_fail(err, KP_ENOTFOUND, "there is no incident %lld", (long long)s->id);
}

static const char *word_of(const struct field *f, const struct said *s, char time[KP_TIME_TEXT])
{
    if (f->kind == FIELD_WORD)
        return s->text;
    if (f->kind == FIELD_WORDS)
        return s->text ? "written" : "emptied";
    if (s->at != KP_NO_TIME)
        kp_time_print(s->at, time);
    return s->at != KP_NO_TIME ? time : "not known";
}

/* When it was closed; or it is open again. */
static enum kp_code set_handled(struct kp_db *db, const struct saying *s, struct kp_err *err)
{
    struct kp_stmt *st = kp_db_prepare(
        db,
        "update incident set handled = iif(status = 'closed', coalesce(handled, ?1), null),"
        " changed = ?1 where id = ?2",
        err);
    if (!st)
        return err->code;
    kp_bind_int(st, 1, s->by.now);
    kp_bind_int(st, 2, s->by.id);
    return kp_run(st, err);
}

static enum kp_code change(struct kp_db *db, void *arg, struct kp_err *err)
{
    struct saying *s = arg;
    char text[NOTE_MAX] = "", time[KP_TIME_TEXT];
    const char *kind = "changed", *status = s->said[FIELD_STATUS].text;
    size_t n = 0;
    if (incident_check(db, &s->by, err))
        return err->code;
    for (size_t i = 0; i < FIELDS; i++) {
        if (!s->said[i].given)
            continue;
        if (set_field(db, s, i, err))
            return err->code;
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%s: %s", n ? "; " : "", fields[i].key,
                              word_of(&fields[i], &s->said[i], time));
    }
    if (s->devices || s->alarms)
        snprintf(text + n, sizeof text - n, "%s%s%s%s", n ? "; " : "", s->devices ? "devices" : "",
                 s->devices && s->alarms ? ", " : "", s->alarms ? "alarms" : "");
    if (status)
        kind = strcmp(status, "closed") == 0 ? "closed" : "changed";
    if (!*text)
        return kp_fail(err, KP_EINVALID, "nothing is said that could change");
    return set_handled(db, s, err) || incident_write_things(db, &s->by, s->devices, s->alarms, err)
               ? err->code
               : incident_log(db, &s->by, s->by.now, kind, text, err);
}

enum kp_code kp_incident_change(struct kp_shield *shield, enum kp_recipient to, int64_t id,
                                const json_t *body, const char *who, struct kp_err *err)
{
    struct saying s = {
        .by = { .shield = shield, .to = to, .who = who, .id = id, .now = kp_utc(shield->clock) }
    };
    if (!read_body(body, &s, err) && !kp_store_do(shield->store, change, &s, err))
        incidents_changed(shield);
    return err->code;
}

/* ---- notes ---- */
struct noting {
    struct incident_saying by;
    const char *text;
    int64_t at, note;
};

static enum kp_code note(struct kp_db *db, void *arg, struct kp_err *err)
{
    struct noting *n = arg;
    if (!incident_check(db, &n->by, err) && !incident_log(db, &n->by, n->at, "note", n->text, err))
        n->note = kp_db_last_id(db);
    return err->code;
}

enum kp_code kp_incident_note(struct kp_shield *shield, enum kp_recipient to, int64_t id,
                              const json_t *body, const char *who, int64_t *made, struct kp_err *err)
{
    static const char *const known[] = { "text", "at", NULL };
    struct noting n = {
        .by = { .shield = shield, .to = to, .who = who, .id = id, .now = kp_utc(shield->clock) }
    };
    const json_t *at = json_object_get(body, "at");
    n.at = n.by.now;
    if (kp_members_known(body, "body", known, err) ||
        incident_read_words(json_object_get(body, "text"), "text", NOTE_MAX, &n.text, err) ||
        (at && !json_is_null(at) && incident_read_time(at, "at", n.by.now, &n.at, err)))
        return err->code;
    if (!n.text)
        return kp_fail(err, KP_EINVALID, "text: may not be empty");
    kp_store_do(shield->store, note, &n, err);
    *made = n.note;
    return err->code;
}
