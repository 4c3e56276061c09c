/* SPDX-License-Identifier: Apache-2.0 */
/* The stages of an incident: what a person changed in a report, and when it was sent. */
#include "net/json_members.h"
#include "net/json_memory.h"
#include "shield/incident_keep.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { REFERENCE_MAX = 200 };

struct staging {
    struct incident_saying by;
    enum incident_stage stage;
    const char *reference;
    const json_t *texts; /* NULL: not said */
    bool sent_given, reference_given;
    int64_t sent;
};

/* Those of before with those that were said; null takes one back. NULL: there are none. */
static enum kp_code merged_texts(struct kp_db *db, const struct staging *t, char **out,
                                 struct kp_err *err)
{
    const char *key, *old = NULL;
    json_t *v, *all = NULL;
    struct kp_stmt *s = kp_db_prepare(
        db, "select texts from incident_stage where incident = ? and stage = ?", err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, t->by.id);
    kp_bind_text(s, 2, incident_stage_words[t->stage]);
    if (kp_step(s, err))
        old = kp_column_text(s, 0);
    if (!err->code)
        all = kp_json_load(old ? old : "{}", old ? strlen(old) : 2, 0, NULL);
    kp_reset(s);
    json_object_foreach((json_t *)(uintptr_t)t->texts, key, v)
    {
        if (json_is_null(v) || !json_string_length(v))
            json_object_del(all, key);
        else if (json_object_set(all, key, v))
            kp_fail(err, KP_ENOMEM, "out of memory");
    }
    *out = all && json_object_size(all) ? kp_json_dump(all, JSON_COMPACT) : NULL;
    if (!all || (json_object_size(all) && !*out))
        kp_fail(err, KP_ENOMEM, "out of memory");
    json_decref(all);
    return err->code;
}

static enum kp_code write_stage(struct kp_db *db, const struct staging *t, const char *texts,
                                struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(
        db,
        "insert into incident_stage(incident, stage, sent, reference, who, texts)"
        " values(?1, ?2, ?3, ?4, ?5, ?6) on conflict do update set"
        " sent = iif(?7, ?3, sent), who = iif(?7, ?5, who), reference = iif(?8, ?4, reference), texts = ?6",
        err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, t->by.id);
    kp_bind_text(s, 2, incident_stage_words[t->stage]);
    if (t->sent != KP_NO_TIME)
        kp_bind_int(s, 3, t->sent);
    kp_bind_text(s, 4, t->reference);
    kp_bind_text(s, 5, t->sent_given && t->sent != KP_NO_TIME ? t->by.who : NULL);
    kp_bind_text(s, 6, texts);
    kp_bind_int(s, 7, t->sent_given);
    kp_bind_int(s, 8, t->reference_given);
    return kp_run(s, err);
}

static enum kp_code stage(struct kp_db *db, void *arg, struct kp_err *err)
{
    const struct staging *t = arg;
    char *texts = NULL, said[400];
    bool sent = t->sent != KP_NO_TIME;
    if (incident_check(db, &t->by, err))
        return err->code;
    if (!merged_texts(db, t, &texts, err) && !write_stage(db, t, texts, err)) {
        snprintf(said, sizeof said, "%s%s%s%s", incident_stage_words[t->stage],
                 sent            ? ""
                 : t->sent_given ? ": not sent after all"
                                 : ": edited",
                 t->reference ? ", " : "", t->reference ? t->reference : "");
        incident_log(db, &t->by, sent ? t->sent : t->by.now, sent ? "sent" : "changed", said, err);
    }
    kp_free(texts);
    return err->code;
}

static enum kp_code read_texts(const json_t *body, struct staging *t, struct kp_err *err)
{
    const json_t *texts = json_object_get(body, "texts");
    const char *key, *text;
    json_t *v;
    if (!texts || json_is_null(texts))
        return KP_OK;
    if (!json_is_object(texts))
        return kp_fail(err, KP_EINVALID, "texts: must be an object");
    json_object_foreach((json_t *)(uintptr_t)texts, key, v)
    {
        if (!incident_report_has(t->stage, key))
            return kp_fail(err, KP_EINVALID, "texts: %s has no text '%.40s'",
                           incident_stage_words[t->stage], key);
        if (incident_read_words(v, key, INCIDENT_TEXT_MAX, &text, err))
            return kp_context(err, "texts");
    }
    t->texts = texts;
    return KP_OK;
}

static enum kp_code read_stage(const json_t *body, struct staging *t, struct kp_err *err)
{
    static const char *const known[] = { "sent", "reference", "texts", NULL };
    const json_t *sent = json_object_get(body, "sent"), *reference = json_object_get(body, "reference");
    t->sent_given = sent != NULL;
    t->reference_given = reference != NULL;
    if (kp_members_known(body, "body", known, err) ||
        (sent && incident_read_time(sent, "sent", t->by.now, &t->sent, err)) ||
        (reference && incident_read_words(reference, "reference", REFERENCE_MAX, &t->reference, err)) ||
        read_texts(body, t, err))
        return err->code;
    return t->sent_given || t->reference_given || t->texts
               ? KP_OK
               : kp_fail(err, KP_EINVALID, "nothing is said: sent, reference or texts");
}

enum kp_code kp_incident_stage_put(struct kp_shield *shield, enum kp_recipient to, int64_t id,
                                   const char *word, const json_t *body, const char *who,
                                   struct kp_err *err)
{
    struct staging t = {
        .by = { .shield = shield, .to = to, .who = who, .id = id, .now = kp_utc(shield->clock) },
        .sent = KP_NO_TIME
    };
    if (!incident_find_stage(word, &t.stage, err) && !read_stage(body, &t, err) &&
        !kp_store_do(shield->store, stage, &t, err))
        incidents_changed(shield);
    return err->code;
}
