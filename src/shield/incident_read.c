/* SPDX-License-Identifier: Apache-2.0 */
/* Incidents from the file, with what may go to whoever asks. */
#include "net/json_memory.h"
#include "shield/incident_keep.h"
#include "shield/settings.h"

#include <string.h>

#include "core/ban.h"

const char *const incident_text_keys[] = { "title",      "what",    "impact", "cause", "measures",
                                           "indicators", "contact", "states", NULL };
#define FACTS                                                                                      \
    "id, aware, fixed, handled, began, made, changed, category, severity, status, significant,"    \
    " product, malicious, cross_border, who, title"
enum { COLUMN_TITLE = 15, COLUMN_WHAT };

/* ---- rows ---- */
static int place(const char *const *words, const char *word)
{
    for (int i = 0; word && words[i]; i++)
        if (strcmp(words[i], word) == 0)
            return i;
    return 0;
}

/* A record does not lose words because memory ended. */
static const char *copy(struct kp_stmt *s, int column, struct kp_arena *arena, struct kp_err *err)
{
    const char *text = kp_column_copy(s, column, arena);
    if (!text && !kp_column_null(s, column))
        kp_fail(err, KP_ENOMEM, "out of memory");
    return text;
}

static void read_facts(struct kp_stmt *s, struct kp_arena *arena, struct incident *in,
                       struct kp_err *err)
{
    *in = (struct incident){ .id = kp_column_int(s, 0),
                             .began = kp_column_time(s, 4),
                             .made = kp_column_int(s, 5),
                             .changed = kp_column_int(s, 6),
                             .category = place(incident_categories, kp_column_text(s, 7)),
                             .severity = place(incident_severities, kp_column_text(s, 8)),
                             .malicious = place(incident_doubts, kp_column_text(s, 12)),
                             .cross_border = place(incident_doubts, kp_column_text(s, 13)),
                             .who = copy(s, 14, arena, err) };
    in->text[TEXT_TITLE] = copy(s, COLUMN_TITLE, arena, err);
    in->facts = (struct incident_facts){
        .status = (enum incident_status)place(incident_statuses, kp_column_text(s, 9)),
        .significant = (enum incident_doubt)place(incident_doubts, kp_column_text(s, 10)),
        .product = (enum incident_product)place(incident_products, kp_column_text(s, 11)),
        .aware = kp_column_int(s, 1),
        .fixed = kp_column_time(s, 2),
        .handled = kp_column_time(s, 3)
    };
    for (int i = 0; i < STAGES; i++)
        in->facts.sent[i] = KP_NO_TIME;
}

enum kp_code incident_find_stage(const char *word, enum incident_stage *stage, struct kp_err *err)
{
    for (int i = 0; i < STAGES; i++)
        if (strcmp(incident_stage_words[i], word) == 0) {
            *stage = (enum incident_stage)i;
            return KP_OK;
        }
    const char *near = kp_nearest(word, incident_stage_words);
    return kp_fail(err, KP_ENOTFOUND, "there is no stage '%.40s'%s%s%s", word,
                   near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

static enum kp_code read_stages(struct kp_db *db, struct kp_arena *arena, struct incident *in,
                                struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(
        db, "select stage, sent, reference, who, texts from incident_stage where incident = ?", err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, in->id);
    while (kp_step(s, err)) {
        enum incident_stage stage;
        if (incident_find_stage(kp_column_text(s, 0), &stage, NULL))
            continue;
        const char *texts = kp_column_text(s, 4);
        in->facts.sent[stage] = kp_column_time(s, 1);
        in->sent[stage] = (struct incident_sent){
            .reference = arena ? copy(s, 2, arena, err) : NULL,
            .who = arena ? copy(s, 3, arena, err) : NULL,
            .texts = arena && texts ? kp_json_load(texts, strlen(texts), 0, NULL) : NULL
        };
        if (arena && texts && !in->sent[stage].texts)
            kp_fail(err, KP_ENOMEM, "out of memory");
    }
    return err->code;
}

/* ---- what it touches ---- */
static const char *member(const json_t *o, const char *key, struct kp_arena *arena, struct kp_err *err)
{
    const char *text = json_string_value(json_object_get(o, key)),
               *kept = text ? kp_arena_strdup(arena, text) : NULL;
    if (text && !kept)
        kp_fail(err, KP_ENOMEM, "out of memory");
    return kept;
}

static enum kp_code put_device(struct incident *in, size_t *room, int64_t id, const json_t *about,
                               struct kp_arena *arena, struct kp_err *err)
{
    if (!kp_grow(&in->devices, room, in->n_devices + 1, sizeof *in->devices))
        return kp_fail(err, KP_ENOMEM, "out of memory");
    in->devices[in->n_devices++] =
        (struct incident_device){ .id = id,
                                  .name = member(about, "name", arena, err),
                                  .manufacturer = member(about, "manufacturer", arena, err),
                                  .product = member(about, "product", arena, err),
                                  .firmware = member(about, "firmware", arena, err),
                                  .serial = member(about, "serialNumber", arena, err) };
    return err->code;
}

/* How an alarm is now, if it is still known. */
static enum kp_code put_alarm(struct kp_db *db, struct incident *in, size_t *room, int64_t id,
                              const json_t *about, struct kp_arena *arena, struct kp_err *err)
{
    struct kp_alarm now;
    bool known = !kp_alarms_get(db, id, &now, NULL);
    if (!kp_grow(&in->alarms, room, in->n_alarms + 1, sizeof *in->alarms))
        return kp_fail(err, KP_ENOMEM, "out of memory");
    struct incident_alarm *a = &in->alarms[in->n_alarms++];
    *a = (struct incident_alarm){ .id = id,
                                  .since = json_integer_value(json_object_get(about, "since")),
                                  .until = known ? now.until : KP_FOREVER,
                                  .text = member(about, "text", arena, err),
                                  .asset = member(about, "asset", arena, err),
                                  .priority = member(about, "priority", arena, err),
                                  .state = known ? kp_alarm_state_name(now.state) : NULL };
    return err->code;
}

/* One whose alarm or asset is gone is as internal as any. */
static bool thing_may_go(struct kp_shield *s, struct kp_db *db, enum kp_recipient to, bool alarm,
                         int64_t id, kp_asset asset)
{
    struct kp_alarm a;
    bool known = alarm && !kp_alarms_get(db, id, &a, NULL);
    kp_model_lock(s->model);
    bool may = known ? kp_alarm_may_go(s->model, to, &a)
               : asset && kp_model_asset(s->model, asset)
                   ? kp_gate_asset(s->model, to, asset)
                   : kp_gate_label(to, KP_INTERNAL);
    kp_model_unlock(s->model);
    return may;
}

static struct kp_stmt *things(struct kp_db *db, int64_t id, struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(
        db,
        "select kind = 'alarm', thing, asset, about from incident_thing where incident = ?"
        " order by kind, thing",
        err);
    if (s)
        kp_bind_int(s, 1, id);
    return s;
}

static enum kp_code read_things(struct kp_shield *s, struct kp_db *db, enum kp_recipient to,
                                struct kp_arena *arena, struct incident *in, struct kp_err *err)
{
    size_t devices = 0, alarms = 0;
    struct kp_stmt *st = things(db, in->id, err);
    while (st && kp_step(st, err)) {
        bool alarm = kp_column_int(st, 0);
        int64_t id = kp_column_int(st, 1);
        if (!thing_may_go(s, db, to, alarm, id, (kp_asset)kp_column_int(st, 2))) {
            in->hidden++;
            continue;
        }
        const char *text = kp_column_text(st, 3);
        json_t *about = kp_json_load(text, strlen(text), 0, NULL);
        if (!about)
            kp_fail(err, KP_ENOMEM, "out of memory");
        else if (alarm)
            put_alarm(db, in, &alarms, id, about, arena, err);
        else
            put_device(in, &devices, id, about, arena, err);
        json_decref(about);
        if (err->code)
            break;
    }
    if (st)
        kp_reset(st);
    return err->code;
}

enum kp_code incident_may_go(struct kp_shield *s, struct kp_db *db, enum kp_recipient to, int64_t id,
                             bool *may, struct kp_err *err)
{
    struct kp_stmt *st = things(db, id, err);
    *may = true;
    while (st && kp_step(st, err))
        *may &= thing_may_go(s, db, to, kp_column_int(st, 0), kp_column_int(st, 1),
                             (kp_asset)kp_column_int(st, 2));
    return err->code;
}

/* Findings of a device that are open. A report goes to other companies, so an advisory goes with it
 * only when its mark (TLP) lets it go to all. */
static enum kp_code read_holes(struct kp_db *db, struct kp_arena *arena, struct incident *in,
                               int64_t device, size_t *room, struct kp_err *err)
{
    struct kp_stmt *s =
        kp_db_prepare(db,
                      "select f.advisory, a.title, f.holes, coalesce(a.tlp, '') in ('', 'WHITE', 'CLEAR')"
                      " from finding f join advisory a on a.id = f.advisory"
                      " where f.device = ? and f.closed is null and (f.verdict = 2 or f.answer = 'affected')"
                      " order by f.score desc limit 20",
                      err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, device);
    while (kp_step(s, err)) {
        if (!kp_column_int(s, 3)) {
            in->kept++;
            continue;
        }
        if (!kp_grow(&in->holes, room, in->n_holes + 1, sizeof *in->holes)) {
            kp_reset(s);
            return kp_fail(err, KP_ENOMEM, "out of memory");
        }
        in->holes[in->n_holes++] = (struct incident_hole){ .device = device,
                                                           .advisory = copy(s, 0, arena, err),
                                                           .title = copy(s, 1, arena, err),
                                                           .holes = copy(s, 2, arena, err) };
    }
    return err->code;
}

static enum kp_code read_all_holes(struct kp_db *db, struct kp_arena *arena, struct incident *in,
                                   struct kp_err *err)
{
    size_t room = 0;
    for (size_t i = 0; i < in->n_devices && !err->code; i++)
        read_holes(db, arena, in, in->devices[i].id, &room, err);
    return err->code;
}

static enum kp_code read_notes(struct kp_db *db, struct kp_arena *arena, struct incident *in,
                               struct kp_err *err)
{
    size_t room = 0;
    struct kp_stmt *s = kp_db_prepare(db,
                                      "select id, at, noted, who, kind, text from incident_log"
                                      " where incident = ? order by id",
                                      err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, in->id);
    while (kp_step(s, err)) {
        if (!kp_grow(&in->notes, &room, in->n_notes + 1, sizeof *in->notes)) {
            kp_reset(s);
            return kp_fail(err, KP_ENOMEM, "out of memory");
        }
        in->notes[in->n_notes++] = (struct incident_note){ .id = kp_column_int(s, 0),
                                                           .at = kp_column_int(s, 1),
                                                           .noted = kp_column_int(s, 2),
                                                           .who = copy(s, 3, arena, err),
                                                           .kind = copy(s, 4, arena, err),
                                                           .text = copy(s, 5, arena, err) };
    }
    return err->code;
}

/* ---- one ---- */
static enum kp_code read_row(struct kp_db *db, int64_t id, struct kp_arena *arena,
                             struct incident *in, struct kp_err *err)
{
    struct kp_stmt *s =
        kp_db_prepare(db,
                      "select " FACTS ", what, impact, cause, measures, indicators, contact, states"
                      " from incident where id = ?",
                      err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, id);
    if (!kp_step(s, err))
        return err->code ? err->code
                         : kp_fail(err, KP_ENOTFOUND, "there is no incident %lld", (long long)id);
    read_facts(s, arena, in, err);
    for (int i = TEXT_WHAT; i < INCIDENT_TEXTS; i++)
        in->text[i] = copy(s, COLUMN_WHAT + i - TEXT_WHAT, arena, err);
    kp_reset(s);
    return err->code;
}

enum kp_code incident_read(struct kp_shield *s, struct kp_db *db, enum kp_recipient to, int64_t id,
                           struct kp_arena *arena, struct incident *in, struct kp_err *err)
{
    struct shield_settings set = { 0 };
    *in = (struct incident){ 0 };
    if (!read_row(db, id, arena, in, err) && !read_stages(db, arena, in, err) &&
        !read_things(s, db, to, arena, in, err) && !read_all_holes(db, arena, in, err) &&
        !read_notes(db, arena, in, err) &&
        !shield_settings_read(db, &set, err))
        in->n_clocks = incident_clocks(&in->facts, &set.scope, kp_utc(s->clock), in->clocks);
    shield_settings_free(&set);
    return err->code;
}

void incident_drop(struct incident *in)
{
    for (int i = 0; i < STAGES; i++)
        json_decref(in->sent[i].texts);
    kp_free(in->devices);
    kp_free(in->alarms);
    kp_free(in->holes);
    kp_free(in->notes);
    *in = (struct incident){ 0 };
}

enum kp_code incident_open(struct kp_shield *s, struct kp_db *db, enum kp_recipient to, int64_t id,
                           struct kp_arena *arena, struct incident *in, struct kp_err *err)
{
    if (!incident_read(s, db, to, id, arena, in, err) && in->hidden)
        kp_fail(err, KP_ENOTFOUND, "there is no incident %lld", (long long)id);
    return err->code;
}

/* ---- all ---- */
enum kp_code incident_each(struct kp_db *db, bool all, const struct incident_scope *scope,
                           int64_t now, bool (*each)(void *, struct incident *), void *arg,
                           struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    bool on = true;
    struct kp_stmt *s = kp_db_prepare(
        db, "select " FACTS " from incident where ?1 or status <> 'closed' order by id desc", err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, all);
    while (on && kp_step(s, err)) {
        struct incident in;
        kp_arena_reset(&arena);
        read_facts(s, &arena, &in, err);
        if (!read_stages(db, NULL, &in, err)) {
            in.n_clocks = incident_clocks(&in.facts, scope, now, in.clocks);
            on = each(arg, &in);
        }
        on &= !err->code;
    }
    kp_reset(s);
    kp_arena_free(&arena);
    return err->code;
}
