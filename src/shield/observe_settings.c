/* SPDX-License-Identifier: Apache-2.0 */
#include "net/json_members.h"
#include "net/json_memory.h"
#include "shield/observe_keep.h"
#include "shield/sighting.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

#define KEY "observe" /* the setting */
static const char *const sightings_words[] = { "ask", "send", "off", NULL };

static enum kp_code take_text(const json_t *o, const char *key, char *out, size_t size,
                              struct kp_err *err)
{
    const char *text = NULL;
    if (kp_member_text(o, "body", key, false, &text, err))
        return err->code;
    if (text && strlen(text) >= size)
        return kp_fail(err, KP_EINVALID, "%s: longer than %zu bytes", key, size - 1);
    snprintf(out, size, "%s", text ? text : "");
    return KP_OK;
}

static enum kp_code read_object(const json_t *o, struct observe_settings *s, struct kp_err *err)
{
    static const char *const known[] = { "watch", "sightings", "feed", "eve", "syslogFile", "syslog",
                                         NULL };
    const json_t *said = json_object_get(o, "sightings");
    int sightings = SIGHTINGS_ASK;
    *s = (struct observe_settings){ .watch = true };
    if (json_is_string(said) && !json_string_length(said))
        return kp_fail(err, KP_EINVALID, "sightings: must be ask, send or off");
    if (kp_members_known(o, "body", known, err) || kp_member_truth(o, "body", "watch", &s->watch, err) ||
        (said && !json_is_null(said) &&
         kp_member_choice(o, "body", "sightings", sightings_words, &sightings, err)) ||
        take_text(o, "feed", s->feed, sizeof s->feed, err) ||
        take_text(o, "eve", s->eve, sizeof s->eve, err) ||
        take_text(o, "syslogFile", s->syslog_file, sizeof s->syslog_file, err) ||
        take_text(o, "syslog", s->syslog, sizeof s->syslog, err))
        return err->code;
    if (kp_inputs_check(s->syslog, err))
        return err->code;
    s->sightings = (enum observe_sightings)sightings;
    if ((*s->eve && *s->eve != '/') || (*s->syslog_file && *s->syslog_file != '/'))
        return kp_fail(err, KP_EINVALID, "%s: must be a whole path, from / on",
                       *s->eve && *s->eve != '/' ? "eve" : "syslogFile");
    return KP_OK;
}

enum kp_code observe_settings_load(struct kp_shield *shield, struct observe_settings *s,
                                   struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    struct kp_db *db = kp_store_reader(shield->store, err);
    const char *text = db ? kp_setting_get(db, &arena, KEY) : NULL;
    kp_store_reader_done(shield->store, db);
    json_t *o = err->code ? NULL : kp_json_read(text ? text : "{}", KEY, err);
    *s = (struct observe_settings){ .watch = true };
    if (o)
        read_object(o, s, err);
    json_decref(o);
    kp_arena_free(&arena);
    return err->code;
}

static void put_path(struct kp_json *j, const char *key, const char *text)
{
    kp_json_put_text(j, key, *text ? text : NULL);
}

static void write_settings(struct kp_json *j, const struct observe_settings *s)
{
    kp_json_begin(j, '{');
    kp_json_put_bool(j, "watch", s->watch);
    kp_json_put_text(j, "sightings", sightings_words[s->sightings]);
    put_path(j, "feed", s->feed);
    put_path(j, "eve", s->eve);
    put_path(j, "syslogFile", s->syslog_file);
    put_path(j, "syslog", s->syslog);
    kp_json_end(j, '}');
}

enum kp_code kp_observe_settings(struct kp_shield *shield, struct kp_json *j, struct kp_err *err)
{
    struct observe_settings s;
    if (!observe_settings_load(shield, &s, err))
        write_settings(j, &s);
    return err->code;
}

struct keeping {
    const char *feed, *text;
};

static enum kp_code keep(struct kp_db *db, void *arg, struct kp_err *err)
{
    const struct keeping *k = arg;
    int64_t id;
    return *k->feed && sighting_feed(db, k->feed, &id, err) ? err->code : kp_setting_put(db, KEY, k->text, err);
}

enum kp_code kp_observe_settings_put(struct kp_shield *shield, const json_t *body,
                                     struct kp_err *err)
{
    struct observe_settings s;
    struct kp_buf text;
    if (read_object(body, &s, err))
        return err->code;
    kp_buf_init(&text, 16 << 10);
    struct kp_json j = kp_json(&text);
    write_settings(&j, &s);
    char *kept = kp_buf_take(&text);
    kp_buf_free(&text);
    if (!kept)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    if (!kp_store_do(shield->store, keep, &(struct keeping){ s.feed, kept }, err)) {
        atomic_store(&shield->observing->settings_changed, true);
        kp_seen_wake(shield->observing->queue);
    }
    kp_free(kept);
    return err->code;
}
