/* SPDX-License-Identifier: Apache-2.0 */
/* The shop floor as a whole: its life, its documents, and the thread that sums up days that are
 * over. */
#include "flex/keep.h"
#include "flex/report_private.h"

#include "core/log.h"
#include "flex/drop.h"
#include "flex/folders.h"
#include "net/json_memory.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/ban.h"

#define START (10 * KP_SECOND)
enum { BETWEEN_MS = 1000, ROUND_MS = 600000, DAYS_KEPT = 400, DAYS_AT_ONCE = 20 };

/* ---- documents ---- */
static const struct document {
    const char *key;
    size_t most;
    const char *const *lists;
} documents[] = {
    [KP_SHOP_CALENDAR] = { "flex.calendar", KP_CALENDAR_TEXT,
                           (const char *const[]){ "plans", "maintenance", NULL } },
    [KP_SHOP_SETTINGS] = { "flex.settings", KP_SETTINGS_TEXT,
                           (const char *const[]){ "machines", "groups", NULL } },
    [KP_SHOP_FOLDERS] = { "flex.folders", KP_FOLDERS_TEXT,
                          (const char *const[]){ "folders", NULL } },
};

static char *stored_text(struct kp_shop *s, enum kp_shop_document which, struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    struct kp_db *db = kp_store_reader(s->store, err);
    if (!db)
        return NULL;
    const char *text = kp_setting_get(db, &arena, documents[which].key);
    char *copy = kp_strdup(text ? text : "{}");
    kp_store_reader_done(s->store, db);
    kp_arena_free(&arena);
    if (!copy)
        kp_fail(err, KP_ENOMEM, "out of memory");
    return copy;
}

enum kp_code kp_shop_calendar(struct kp_shop *s, struct kp_calendar *out, struct kp_err *err)
{
    *out = (struct kp_calendar){ 0 };
    char *text = stored_text(s, KP_SHOP_CALENDAR, err);
    if (text)
        kp_calendar_parse(text, out, err);
    kp_free(text);
    return err->code;
}

enum kp_code kp_shop_check_document(enum kp_shop_document which, const char *json,
                                    struct kp_err *err)
{
    struct kp_calendar c = { 0 };
    struct kp_settings s = { 0 };
    struct kp_folders f = { 0 };
    if (which == KP_SHOP_CALENDAR)
        kp_calendar_parse(json, &c, err);
    else if (which == KP_SHOP_FOLDERS)
        kp_folders_parse(json, &f, err);
    else
        kp_settings_parse(json, &s, err);
    kp_folders_free(&f);
    kp_calendar_free(&c);
    kp_settings_free(&s);
    return err->code;
}

static bool put_reasons(json_t *root)
{
    struct kp_settings s;
    json_t *list = json_array();
    struct kp_err err = { 0 };
    bool good = list && !kp_settings_parse("{}", &s, &err);
    for (size_t i = 0; good && i < s.n_reasons; i++)
        good = !json_array_append_new(list,
                                      json_pack("{s:s, s:s, s:s, s:s}", "name", s.reasons[i].name,
                                                "nl", s.reasons[i].nl, "en", s.reasons[i].en,
                                                "category", s.reasons[i].category));
    kp_settings_free(&s);
    return !json_object_set_new(root, "reasons", list) && good;
}

/* With each part, be it empty. */
static bool complete(enum kp_shop_document which, json_t *root)
{
    bool good = true;
    for (const char *const *l = documents[which].lists; *l; l++)
        good &= json_object_get(root, *l) || !json_object_set_new(root, *l, json_array());
    if (which == KP_SHOP_SETTINGS && !json_is_array(json_object_get(root, "reasons")))
        good &= put_reasons(root);
    return good;
}

enum kp_code kp_shop_document(struct kp_shop *s, enum kp_shop_document which, struct kp_buf *out,
                              struct kp_err *err)
{
    char *text = stored_text(s, which, err);
    json_t *root = text ? kp_json_load(text, strlen(text), 0, NULL) : NULL;
    char *whole = root && complete(which, root)
                      ? kp_json_dump(root, JSON_COMPACT | JSON_REAL_PRECISION(15))
                      : NULL;
    if (whole)
        kp_buf_str(out, whole);
    else
        kp_fail(err, KP_ENOMEM, "out of memory");
    json_decref(root);
    kp_free(text);
    kp_free(whole);
    return err->code;
}

struct change {
    const char *key, *text;
    bool days; /* they are summed up by it */
};

/* Days are summed up anew, but for those of which there are no intervals any more: their sums are
 * all there is. */
static enum kp_code write_document(struct kp_db *db, void *arg, struct kp_err *err)
{
    const struct change *c = arg;
    if (kp_setting_put(db, c->key, c->text, err) || !c->days)
        return err->code;
    return kp_db_exec(db,
                      "insert into setting(key, value) values('flex.version', 1) on conflict(key) "
                      "do update set value = value + 1;"
                      "delete from shop_day where data is null or exists(select 1 from interval i "
                      "where i.asset = "
                      "shop_day.asset and i.kind = 'state' and i.start >= shop_day.day and i.start "
                      "< shop_day.until)",
                      err);
}

enum kp_code kp_shop_put_document(struct kp_shop *s, enum kp_shop_document which, const char *json,
                                  struct kp_err *err)
{
    struct change c = { documents[which].key, json, which != KP_SHOP_FOLDERS };
    if (kp_shop_check_document(which, json, err))
        return err->code;
    if (strlen(json) > documents[which].most)
        return kp_fail(err, KP_EFULL, "the document is larger than %zu KiB",
                       documents[which].most >> 10);
    if (kp_store_do(s->store, write_document, &c, err))
        return err->code;
    atomic_store(&s->report_now, true);
    shop_hurry(s); /* days are to be made anew, and a report may go now */
    if (which == KP_SHOP_FOLDERS && s->inbox)
        kp_inbox_begin(s->inbox);
    return KP_OK;
}

enum kp_code kp_shop_stored_document(struct kp_shop *s, enum kp_shop_document which,
                                     struct kp_buf *out, struct kp_err *err)
{
    char *text = stored_text(s, which, err);
    if (text)
        kp_buf_str(out, text);
    kp_free(text);
    return err->code;
}

/* What says nothing is left out; numbers and truths are texts, as an apply file has them. NULL: out
 * of memory. */
static json_t *canonical(const json_t *v);

static json_t *canonical_map(const json_t *v)
{
    const char *key;
    json_t *one, *all = json_object();
    json_object_foreach((json_t *)(uintptr_t)v, key, one)
    {
        bool nothing = json_is_null(one) || (json_is_array(one) && !json_array_size(one)) ||
                       (json_is_string(one) && !json_string_length(one));
        if (all && !nothing && json_object_set_new(all, key, canonical(one))) {
            json_decref(all);
            all = NULL;
        }
    }
    return all;
}

static json_t *canonical(const json_t *v)
{
    struct kp_buf text;
    struct kp_json j = kp_json(&text);
    if (json_is_object(v))
        return canonical_map(v);
    if (json_is_number(v)) {
        kp_buf_init(&text, 64);
        kp_json_double(&j, json_number_value(v));
        json_t *number = json_string(kp_buf_text(&text));
        kp_buf_free(&text);
        return number;
    }
    if (json_is_boolean(v))
        return json_string(json_is_true(v) ? "true" : "false");
    if (!json_is_array(v))
        return json_deep_copy(v);
    json_t *list = json_array();
    for (size_t i = 0; list && i < json_array_size(v); i++)
        if (json_array_append_new(list, canonical(json_array_get(v, i)))) {
            json_decref(list);
            list = NULL;
        }
    return list;
}

static json_t *canonical_text(const char *text)
{
    json_t *raw = kp_json_load(text, strlen(text), 0, NULL), *j = raw ? canonical(raw) : NULL;
    json_decref(raw);
    return j;
}

enum kp_code kp_shop_is_document(struct kp_shop *s, enum kp_shop_document which, const char *json,
                                 bool *same, struct kp_err *err)
{
    char *text = stored_text(s, which, err);
    *same = false;
    if (!text)
        return err->code;
    json_t *old = canonical_text(text), *new = canonical_text(json);
    if (old && new)
        *same = json_equal(old, new);
    else
        kp_fail(err, KP_ENOMEM, "out of memory");
    json_decref(old);
    json_decref(new);
    kp_free(text);
    return err->code;
}

int64_t shop_rules_version(struct kp_db *db, struct kp_err *err)
{
    int64_t version = 0;
    struct kp_stmt *get =
        kp_db_prepare(db, "select value from setting where key = 'flex.version'", err);
    if (get && kp_step(get, err)) {
        version = kp_column_int(get, 0);
        kp_reset(get);
    }
    return version;
}

/* The version first: what changes meanwhile makes it an old one. */
enum kp_code shop_rules(struct kp_shop *s, struct shop_rules *out, struct kp_err *err)
{
    *out = (struct shop_rules){ 0 };
    struct kp_db *db = kp_store_reader(s->store, err);
    if (!db)
        return err->code;
    out->version = shop_rules_version(db, err);
    kp_store_reader_done(s->store, db);
    char *calendar = err->code ? NULL : stored_text(s, KP_SHOP_CALENDAR, err),
         *settings = calendar ? stored_text(s, KP_SHOP_SETTINGS, err) : NULL;
    if (settings && !kp_calendar_parse(calendar, &out->calendar, err))
        kp_settings_parse(settings, &out->settings, err);
    kp_free(calendar);
    kp_free(settings);
    return err->code;
}

void shop_rules_free(struct shop_rules *r)
{
    kp_calendar_free(&r->calendar);
    kp_settings_free(&r->settings);
    kp_free(r->days);
    r->days = NULL;
    r->n_days = 0;
}

void shop_rules_days(struct shop_rules *r, int64_t from, int64_t to)
{
    for (int64_t day = kp_day_start(from), next;
         kp_grow(&r->days, &r->days_room, r->n_days + 1, sizeof *r->days); day = next) {
        r->days[r->n_days++] = day;
        next = kp_day_after(day);
        if (day >= to || next <= day)
            return;
    }
}

struct shop_bounds shop_bounds(const struct shop_rules *r, int64_t at)
{
    size_t low = 0, high = r->n_days;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (r->days[middle] <= at)
            low = middle;
        else
            high = middle;
    }
    if (low + 1 < r->n_days && r->days[low] <= at)
        return (struct shop_bounds){ r->days[low], r->days[low + 1] };
    int64_t day = kp_day_start(at), next = kp_day_after(day);
    return (struct shop_bounds){ day, next > at ? next : at + 86400 * KP_SECOND };
}

/* ---- the thread ---- */
bool shop_stopping(struct kp_shop *s)
{
    return atomic_load(&s->stopping);
}

/* Sums up what is missing of one machine, the newest days first; how many it made. */
static size_t fill(struct kp_shop *s, const struct shop_rules *rules, const struct shop_machine *m,
                   struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    int64_t now = kp_utc(s->clock), day = kp_day_start(now);
    size_t made = 0;
    int64_t first = shop_first_interval(s, m->id, err);
    for (int i = 0;
         i < DAYS_KEPT && made < DAYS_AT_ONCE && day > first && !err->code && !shop_stopping(s);
         i++) {
        int64_t before = kp_day_start(day - 3600 * KP_SECOND);
        bool fresh = false;
        struct kp_day d;
        shop_day(s, rules, m, before, day, now, &arena, &d, &fresh, err);
        made += fresh;
        day = before;
        kp_arena_reset(&arena);
    }
    kp_arena_free(&arena);
    return made;
}

static bool turn(struct kp_shop *s)
{
    struct kp_err err = { 0 };
    struct shop_rules rules;
    struct shop_machines list = { 0 };
    size_t made = 0;
    if (!shop_rules(s, &rules, &err) && !shop_machines(s, "", KP_TO_NODE, &rules, &list, &err))
        for (size_t i = 0; i < list.n && !err.code && !shop_stopping(s); i++)
            made += fill(s, &rules, &list.of[i], &err);
    if (err.code && err.code != KP_ESTOPPED)
        kp_warn("shop", "a day could not be summed up, tried again", "why=%s",
                kp_log_quote(err.text));
    shop_machines_free(&list);
    shop_rules_free(&rules);
    return made && !err.code;
}

void shop_hurry(struct kp_shop *s)
{
    kp_duty_hurry(&s->duty);
}

static int64_t work(void *arg)
{
    struct kp_shop *s = arg;
    return report_turn(s, turn(s) ? BETWEEN_MS : ROUND_MS) * KP_MILLISECOND;
}

/* ---- life ---- */
struct kp_shop *kp_shop_new(struct kp_hub *hub, struct kp_store *store,
                            const struct kp_clock *clock, struct kp_err *err)
{
    struct kp_shop *s = kp_alloc(sizeof *s);
    if (!s) {
        kp_fail(err, KP_ENOMEM, "out of memory");
        return NULL;
    }
    s->hub = hub;
    s->store = store;
    s->clock = clock;
    orders_init(&s->orders);
    return s;
}

enum kp_code kp_shop_start(struct kp_shop *s, struct kp_rota *soon, struct kp_rota *calm, struct kp_err *err)
{
    s->duty = (struct kp_duty){ .turn = work, .arg = s };
    return kp_duty_begin(&s->duty, calm, START, err) ? err->code : orders_start(s, soon, err);
}

void kp_shop_stop(struct kp_shop *s)
{
    atomic_store(&s->stopping, true);
    kp_duty_end(&s->duty);
    orders_stop(s);
}

void kp_shop_free(struct kp_shop *s)
{
    if (!s)
        return;
    orders_free(&s->orders);
    kp_free(s);
}
