/* SPDX-License-Identifier: Apache-2.0 */
#include "shield/settings.h"

#include "net/json_members.h"
#include "net/json_memory.h"
#include "shield/incident_keep.h"

#include <string.h>

#include "core/ban.h"

enum { DOCUMENT_MAX = 16 << 10 };

/* ---- reading ---- */
static enum kp_code read_sector(const json_t *o, int *sector, struct kp_err *err)
{
    const char *words[32] = { 0 };
    for (size_t i = 0; incident_sectors[i].key; i++)
        words[i] = incident_sectors[i].key;
    return kp_member_choice(o, "scope", "sector", words, sector, err);
}

static enum kp_code read_scope(const json_t *o, struct incident_scope *s, struct kp_err *err)
{
    static const char *const known[] = { "sector", "size", "named", "supplier", "products", NULL };
    if (!o || json_is_null(o))
        return KP_OK;
    if (kp_members_known(o, "scope", known, err))
        return err->code;
    for (size_t i = 0; known[i]; i++)
        if (!json_object_get(o, known[i]) || json_is_null(json_object_get(o, known[i])))
            return kp_fail(err, KP_EINVALID, "scope.%s is missing: all five questions have to be answered",
                           known[i]);
    if (read_sector(o, &s->sector, err) ||
        kp_member_choice(o, "scope", "size", incident_sizes, &s->size, err) ||
        kp_member_truth(o, "scope", "named", &s->named, err) ||
        kp_member_truth(o, "scope", "supplier", &s->supplier, err) ||
        kp_member_truth(o, "scope", "products", &s->products, err))
        return err->code;
    s->answered = true;
    return KP_OK;
}

static enum kp_code read_mail(const json_t *o, struct shield_mail *m, struct kp_err *err)
{
    static const char *const known[] = { "on", "at", "to", "language", NULL };
    static const char *const languages[] = { "en", "nl", NULL };
    int language = 0;
    if (!o || json_is_null(o))
        return KP_OK;
    if (kp_members_known(o, "mail", known, err) || kp_member_truth(o, "mail", "on", &m->on, err) ||
        kp_member_minute(o, "mail", "at", &m->at, err) ||
        kp_member_addresses(o, "mail", "to", SHIELD_MAILS, m->to, &m->n, err) ||
        kp_member_choice(o, "mail", "language", languages, &language, err))
        return err->code;
    m->dutch = language == 1;
    return m->at < 1440 ? KP_OK : kp_fail(err, KP_EINVALID, "mail.at: midnight is 00:00");
}

enum kp_code shield_settings_parse(const char *json, struct shield_settings *s, struct kp_err *err)
{
    static const char *const known[] = { "scope", "mail", NULL };
    *s = (struct shield_settings){ .mail = { .on = true, .at = 7 * 60 } };
    if (strlen(json) > DOCUMENT_MAX)
        return kp_fail(err, KP_EFULL, "the settings are larger than %d KiB", DOCUMENT_MAX >> 10);
    s->document = kp_json_object(json, strlen(json), "settings", KP_JSON_DEPTH, err);
    if (s->document && !kp_members_known(s->document, "settings", known, err) &&
        !read_scope(json_object_get(s->document, "scope"), &s->scope, err))
        read_mail(json_object_get(s->document, "mail"), &s->mail, err);
    return err->code;
}

/* Not by kp_setting_get, to which a lack of memory is as if nothing had been set. */
enum kp_code shield_settings_read(struct kp_db *db, struct shield_settings *s, struct kp_err *err)
{
    struct kp_stmt *row = kp_db_prepare(db, "select value from setting where key = ?", err);
    *s = (struct shield_settings){ 0 };
    if (!row)
        return err->code;
    kp_bind_text(row, 1, SHIELD_SETTINGS);
    const char *text = kp_step(row, err) ? kp_column_text(row, 0) : NULL;
    if (!err->code)
        shield_settings_parse(text ? text : "{}", s, err);
    kp_reset(row);
    return err->code;
}

void shield_settings_free(struct shield_settings *s)
{
    json_decref(s->document);
    s->document = NULL;
}

/* ---- the whole, as apply files have it ---- */
static enum kp_code write_text(struct kp_db *db, void *text, struct kp_err *err)
{
    return kp_setting_put(db, SHIELD_SETTINGS, text, err);
}

enum kp_code kp_shield_settings_check(const char *json, struct kp_err *err)
{
    struct shield_settings s;
    shield_settings_parse(json, &s, err);
    shield_settings_free(&s);
    return err->code;
}

enum kp_code kp_shield_settings_put(struct kp_shield *s, const char *json, struct kp_err *err)
{
    char *text = kp_strdup(json);
    if (!text)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    if (!kp_shield_settings_check(json, err) && !kp_store_do(s->store, write_text, text, err))
        incidents_changed(s);
    kp_free(text);
    return err->code;
}

enum kp_code kp_shield_settings_get(struct kp_shield *s, struct kp_buf *out, struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    struct kp_db *db = kp_store_reader(s->store, err);
    const char *text = db ? kp_setting_get(db, &arena, SHIELD_SETTINGS) : NULL;
    kp_store_reader_done(s->store, db);
    if (!err->code)
        kp_buf_str(out, text ? text : "{}");
    kp_arena_free(&arena);
    return err->code;
}

static bool same_mail(const struct shield_mail *a, const struct shield_mail *b)
{
    bool same = a->on == b->on && a->dutch == b->dutch && a->at == b->at && a->n == b->n;
    for (size_t i = 0; same && i < a->n; i++)
        same = strcmp(a->to[i], b->to[i]) == 0;
    return same;
}

enum kp_code kp_shield_settings_is(struct kp_shield *s, const char *json, bool *same, struct kp_err *err)
{
    struct shield_settings old = { 0 }, new = { 0 };
    struct kp_db *db = kp_store_reader(s->store, err);
    if (db && !shield_settings_read(db, &old, err) && !shield_settings_parse(json, &new, err))
        *same = old.scope.answered == new.scope.answered && old.scope.sector == new.scope.sector &&
                old.scope.size == new.scope.size && old.scope.named == new.scope.named &&
                old.scope.supplier == new.scope.supplier && old.scope.products == new.scope.products &&
                same_mail(&old.mail, &new.mail);
    kp_store_reader_done(s->store, db);
    shield_settings_free(&old);
    shield_settings_free(&new);
    return err->code;
}

/* ---- one part of it ---- */
struct part {
    const char *key, *answered;
    json_t *value;
};

static enum kp_code write_part(struct kp_db *db, void *arg, struct kp_err *err)
{
    struct part *p = arg;
    struct shield_settings s, after = { 0 };
    if (shield_settings_read(db, &s, err) == KP_OK &&
        json_object_set(s.document, p->key, p->value))
        kp_fail(err, KP_ENOMEM, "out of memory");
    char *text = err->code ? NULL : kp_json_dump(s.document, JSON_COMPACT);
    if (!err->code && !text)
        kp_fail(err, KP_ENOMEM, "out of memory");
    if (!err->code && !shield_settings_parse(text, &after, err) &&
        !kp_setting_put(db, SHIELD_SETTINGS, text, err) && p->answered)
        kp_setting_put(db, SHIELD_ANSWERED, p->answered, err);
    shield_settings_free(&after);
    shield_settings_free(&s);
    kp_free(text);
    return err->code;
}

enum kp_code shield_settings_part(struct kp_shield *s, const char *key, const json_t *value,
                                  const char *answered, struct kp_err *err)
{
    struct part p = { key, answered, json_deep_copy(value) };
    if (!p.value)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    if (!kp_store_do(s->store, write_part, &p, err))
        incidents_changed(s);
    json_decref(p.value);
    return err->code;
}
