/* SPDX-License-Identifier: Apache-2.0 */
#include "alarm/round.h"

#include "net/json_memory.h"

#include <string.h>

#include "core/ban.h"

json_t *kp_round_read(struct kp_store *store, const char *key, struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    struct kp_db *db = kp_store_reader(store, err);
    if (!db)
        return NULL;
    const char *text = kp_setting_get(db, &arena, key);
    kp_store_reader_done(store, db);
    json_t *state = kp_json_load(text ? text : "{}", strlen(text ? text : "{}"), 0, NULL);
    kp_arena_free(&arena);
    if (!state)
        kp_fail(err, KP_ENOMEM, "out of memory");
    return state;
}

struct writing {
    const char *key, *text;
};

static enum kp_code put(struct kp_db *db, void *arg, struct kp_err *err)
{
    const struct writing *w = arg;
    return kp_setting_put(db, w->key, w->text, err);
}

enum kp_code kp_round_write(struct kp_store *store, const char *key, const json_t *state,
                            struct kp_err *err)
{
    char *text = kp_json_dump(state, JSON_COMPACT);
    struct writing w = { key, text };
    if (!text)
        kp_fail(err, KP_ENOMEM, "out of memory");
    else
        kp_store_do(store, put, &w, err);
    kp_free(text);
    return err->code;
}

int64_t kp_round_due(const json_t *state)
{
    int64_t due = KP_NO_TIME;
    const char *text = json_string_value(json_object_get(state, "due"));
    return text && kp_time_parse(text, &due) ? due : KP_NO_TIME;
}

json_t *kp_round_of(json_t *state, int64_t due, struct kp_err *err)
{
    char text[KP_TIME_TEXT];
    if (!state || kp_round_due(state) == due)
        return state;
    kp_time_print(due, text);
    json_decref(state);
    state = json_pack("{s:s, s:[]}", "due", text, "sent");
    if (!state)
        kp_fail(err, KP_ENOMEM, "out of memory");
    return state;
}

bool kp_round_was_sent(const json_t *state, const char *to)
{
    const json_t *list = json_object_get(state, "sent");
    for (size_t i = 0; i < json_array_size(list); i++)
        if (strcmp(json_string_value(json_array_get(list, i)), to) == 0)
            return true;
    return false;
}

void kp_round_note(struct kp_store *store, const char *key, json_t *state, const char *to,
                   const struct kp_err *why, struct kp_err *err)
{
    int failed;
    if (why) {
        failed = json_object_set_new(state, "error", json_string(why->text));
    } else {
        json_object_del(state, "error");
        failed = json_array_append_new(json_object_get(state, "sent"), json_string(to));
    }
    if (failed)
        kp_fail(err, KP_ENOMEM, "out of memory");
    kp_round_write(store, key, state, err);
}

void kp_round_json(struct kp_json *j, const json_t *state, int64_t last)
{
    const json_t *list = json_object_get(state, "sent");
    kp_json_put_time(j, "last", last);
    kp_json_key(j, "sent");
    kp_json_begin(j, '[');
    for (size_t i = 0; i < json_array_size(list); i++)
        kp_json_text(j, json_string_value(json_array_get(list, i)));
    kp_json_end(j, ']');
    kp_json_put_text(j, "error", json_string_value(json_object_get(state, "error")));
}
