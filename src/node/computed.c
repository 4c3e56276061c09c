/* SPDX-License-Identifier: Apache-2.0 */
#include "node/computed.h"

#include "core/csv.h"
#include "core/log.h"
#include "core/worker.h"
#include "flex/shop.h"
#include "net/json_memory.h"
#include "node/import.h"
#include "node/private.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/ban.h"

enum { ROUND_MS = 5000, JSON_MAX = 16 << 20, BACK_DAYS = 30 };
#define DAY (86400 * KP_SECOND)
static const char labelled_key[] = "share.computed";

struct kp_computed {
    struct kp_node *node;
    struct kp_worker worker; /* begun when something is to be worked out */
    bool stopping, hurry;
    pthread_mutex_t lock;
    pthread_cond_t wake;
};

/* ---- values ---- */
struct saying { /* points on their way */
    struct kp_computed *c;
    struct kp_buf csv;
    size_t n;
};

static void say(struct saying *s, const char *path, int64_t at, double value)
{
    char when[KP_TIME_TEXT];
    kp_time_print(at, when);
    kp_buf_str(&s->csv, s->n++ ? "" : "signal,time,value\n");
    kp_csv_put_text(&s->csv, path, strlen(path));
    kp_buf_printf(&s->csv, ",%s,%.15g\n", when, value);
}

/* The latest value; NaN: there is none. *at: its time. */
static double latest(struct kp_node *node, const char *path, int64_t *at)
{
    struct kp_model *m = kp_hub_model(node->hub);
    kp_model_lock(m);
    kp_signal id = kp_model_find_signal(m, path);
    struct kp_now now = id ? kp_model_now(m, id) : (struct kp_now){ 0 };
    double value = NAN;
    if (now.known && !kp_value_number(&now.sample.value, &value))
        value = NAN;
    *at = now.known ? now.sample.at : KP_NO_TIME;
    kp_model_unlock(m);
    return value;
}

static enum kp_code say_all(struct saying *s, struct kp_err *err)
{
    struct kp_import_options o = { .format = KP_IMPORT_CSV };
    struct kp_import_count n;
    if (s->n && s->csv.failed)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    return s->n ? kp_node_import(s->c->node, s->csv.data, s->csv.len, &o, &n, err) : KP_OK;
}

/* Units and words of a signal that is new. */
static void describe(struct kp_node *node, const char *path, const char *unit, const char *role,
                     const char *text)
{
    struct kp_err none = { 0 };
    struct kp_model *m = kp_hub_model(node->hub);
    kp_model_lock(m);
    kp_signal id = kp_model_find_signal(m, path);
    const struct kp_signal_info *info = id ? kp_model_signal(m, id) : NULL;
    bool new = info && !info->role;
    kp_model_unlock(m);
    struct kp_field fields[] = { { "role", role }, { "description", text }, { "unit", unit } };
    if (new)
        kp_node_change_signal(node, path, fields, *unit ? 3 : 2, &none);
}

/* ---- free hours ---- */
static json_t *ask(struct kp_computed *c, const json_t *spec, bool capacity, int64_t now,
                   struct kp_err *err)
{
    const char *assets[KP_OFFERED_MACHINES];
    const char *every = json_string_value(json_object_get(spec, "every"));
    struct kp_shop_query q = { .assets = assets, .now = now, .recipient = KP_TO_NODE };
    const json_t *one, *list = json_object_get(spec, "machines");
    struct kp_buf text;
    struct kp_json j = kp_json(&text);
    json_t *reply = NULL;
    size_t i;
    json_array_foreach(list, i, one) if (q.n_assets < KP_OFFERED_MACHINES) assets[q.n_assets++] =
        json_string_value(one);
    q.every = every && strcmp(every, "shift") == 0 ? KP_EVERY_SHIFT : KP_EVERY_DAY;
    q.from = capacity ? now : now - (int64_t)BACK_DAYS * DAY;
    q.to = capacity ? now + DAY : now;
    kp_buf_init(&text, JSON_MAX);
    int weeks = (int)json_integer_value(json_object_get(spec, "weeks"));
    enum kp_code code = capacity ? kp_shop_capacity(c->node->shop, &q, weeks, &j, err)
                                 : kp_shop_oee(c->node->shop, &q, &j, err);
    if (!code)
        reply = kp_json_read(kp_buf_text(&text), "figures", err);
    kp_buf_free(&text);
    return reply;
}

static void take_hours(struct saying *s, const json_t *machine, size_t weeks, int64_t now)
{
    const json_t *slots = json_object_get(machine, "weeks"), *one;
    const char *step = json_array_size(slots) > weeks ? "day" : "week";
    size_t i;
    json_array_foreach(slots, i, one)
    {
        char path[2 * KP_PATH_MAX];
        int64_t at;
        double hours = json_number_value(json_object_get(one, "freeHours"));
        snprintf(path, sizeof path, "%s/capacity/%s-%zu",
                 json_string_value(json_object_get(machine, "path")), step, i);
        double before = latest(s->c->node, path, &at);
        if (!(fabs(before - hours) < 1e-9) || at < now - DAY)
            say(s, path, now, hours);
    }
}

static void describe_hours(struct kp_node *node, const json_t *machine, size_t weeks)
{
    size_t n = json_array_size(json_object_get(machine, "weeks"));
    const char *step = n > weeks ? "day" : "week";
    for (size_t i = 0; i < n; i++) {
        char path[2 * KP_PATH_MAX], text[80];
        snprintf(path, sizeof path, "%s/capacity/%s-%zu",
                 json_string_value(json_object_get(machine, "path")), step, i);
        snprintf(text, sizeof text, "free hours of %s %zu from now on, 0 is the one that runs",
                 step, i);
        describe(node, path, "HUR", "capacity", text);
    }
}

/* ---- key figures ---- */
static const struct {
    const char *name, *key, *unit;
} figures[] = { { "oee", "oee", "C62" },
                { "availability", "availability", "C62" },
                { "performance", "effectiveness", "C62" },
                { "quality", "quality", "C62" },
                { "good", "gq", "H87" },
                { "scrap", "scrap", "H87" } };
enum { FIGURES = sizeof figures / sizeof figures[0] };

static void figure_path(char out[2 * KP_PATH_MAX], const json_t *machine, const char *every,
                        size_t figure)
{
    snprintf(out, 2 * KP_PATH_MAX, "%s/figures/%s/%s",
             json_string_value(json_object_get(machine, "path")), every, figures[figure].name);
}

/* Of each step that is over, at its end. */
static void take_figures(struct saying *s, const json_t *machine, const char *every, int64_t now)
{
    const json_t *step;
    size_t i;
    for (size_t f = 0; f < FIGURES; f++) {
        char path[2 * KP_PATH_MAX];
        int64_t last, to;
        figure_path(path, machine, every, f);
        latest(s->c->node, path, &last);
        json_array_foreach(json_object_get(machine, "steps"), i, step)
        {
            const char *end = json_string_value(json_object_get(step, "to"));
            const json_t *v = json_object_get(step, figures[f].key);
            if (end && kp_time_parse(end, &to) && to < now && to > last && json_is_number(v))
                say(s, path, to, json_number_value(v));
        }
    }
}

static void describe_figures(struct kp_node *node, const json_t *machine, const char *every)
{
    for (size_t f = 0; f < FIGURES; f++) {
        char path[2 * KP_PATH_MAX], text[80];
        figure_path(path, machine, every, f);
        snprintf(text, sizeof text, "%s of each %s, at its end", figures[f].name, every);
        describe(node, path, figures[f].unit, "figure", text);
    }
}

/* ---- a dataset ---- */
static void take_dataset(struct kp_computed *c, const char *content, const json_t *spec,
                         struct kp_err *err)
{
    bool capacity = strcmp(content, "capacity") == 0;
    const char *every = json_string_value(json_object_get(spec, "every"));
    size_t weeks = (size_t)json_integer_value(json_object_get(spec, "weeks")), i;
    int64_t now = kp_utc(c->node->clock);
    struct saying s = { .c = c };
    json_t *reply = ask(c, spec, capacity, now, err), *one;
    kp_buf_init(&s.csv, JSON_MAX);
    json_array_foreach(json_object_get(reply, "assets"), i, one)
    {
        if (capacity)
            take_hours(&s, one, weeks, now);
        else
            take_figures(&s, one, every, now);
    }
    if (!err->code && !say_all(&s, err) && s.n)
        json_array_foreach(json_object_get(reply, "assets"), i, one)
        {
            if (capacity)
                describe_hours(c->node, one, weeks);
            else
                describe_figures(c->node, one, every);
        }
    kp_buf_free(&s.csv);
    json_decref(reply);
}

/* ---- labels: partner while a dataset holds them, and no longer ---- */
static void label(struct kp_node *node, const char *path, const char *word, struct kp_err *err)
{
    struct kp_field f[] = { { "label", word } };
    struct kp_err none = { 0 };
    if (kp_node_change_asset(node, path, f, 1, &none) == KP_ENOTFOUND && *word)
        kp_node_make_asset(node, path, f, 1, err);
}

static json_t *labelled(struct kp_computed *c, struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    struct kp_db *db = kp_store_reader(c->node->store, err);
    const char *text = db ? kp_setting_get(db, &arena, labelled_key) : NULL;
    json_t *list = text ? kp_json_read(text, labelled_key, err) : json_array();
    kp_store_reader_done(c->node->store, db);
    kp_arena_free(&arena);
    return list;
}

static enum kp_code write_labelled(struct kp_db *db, void *text, struct kp_err *err)
{
    return kp_setting_put(db, labelled_key, text, err);
}

static bool lists(const json_t *list, const json_t *what)
{
    const json_t *one;
    size_t i;
    json_array_foreach(list, i, one) if (json_equal(one, what)) return true;
    return false;
}

/* Written down first, so that a crash leaves no label that nobody takes back. */
static void set_labels(struct kp_computed *c, const json_t *wanted, struct kp_err *err)
{
    json_t *before = labelled(c, err), *one;
    size_t i;
    if (!before || json_equal(before, wanted)) {
        json_decref(before);
        return;
    }
    json_array_foreach(before, i, one) if (!lists(wanted, one))
        label(c->node, json_string_value(one), "", err);
    char *text = kp_json_dump(wanted, JSON_COMPACT);
    if (text)
        kp_store_do(c->node->store, write_labelled, text, err);
    json_array_foreach(wanted, i, one) if (!err->code && !lists(before, one))
        label(c->node, json_string_value(one), "partner", err);
    kp_free(text);
    json_decref(before);
}

/* ---- the thread ---- */
/* [[content, spec]...] and the folders of their signals. */
static json_t *datasets(struct kp_computed *c, json_t *folders, struct kp_err *err)
{
    static const char sql[] =
        "select distinct content, spec from share_dataset d where spec is not null and content in "
        "('capacity', 'figures') and (exists(select 1 from share_offer where dataset = d.id) or "
        "exists(select 1 from share_agreement where dataset = d.id and ended is null and side = "
        "1)) order by 1, 2";
    json_t *all = json_array();
    struct kp_db *db = kp_store_reader(c->node->store, err);
    struct kp_stmt *s = db ? kp_db_prepare(db, sql, err) : NULL;
    while (s && kp_step(s, err)) {
        const char *content = kp_column_text(s, 0);
        json_t *spec = kp_json_read(kp_column_text(s, 1), "spec", err), *one;
        size_t i;
        json_array_foreach(json_object_get(spec, "machines"), i, one)
        {
            json_t *folder = json_sprintf("%s/%s", json_string_value(one), content);
            if (lists(folders, folder))
                json_decref(folder);
            else
                json_array_append_new(folders, folder);
        }
        json_array_append_new(all, json_pack("[s, o]", content, spec));
    }
    if (s)
        kp_reset(s);
    kp_store_reader_done(c->node->store, db);
    return all;
}

static void turn(struct kp_computed *c)
{
    struct kp_err err = { 0 };
    json_t *folders = json_array(), *all = datasets(c, folders, &err), *one;
    size_t i;
    if (!err.code)
        set_labels(c, folders, &err);
    json_array_foreach(all, i, one) if (!err.code)
        take_dataset(c, json_string_value(json_array_get(one, 0)), json_array_get(one, 1), &err);
    if (err.code && err.code != KP_ESTOPPED)
        kp_warn("share", "what is worked out for partners is not up to date, tried again", "why=%s",
                kp_log_quote(err.text));
    json_decref(all);
    json_decref(folders);
}

static bool pause_between(struct kp_computed *c)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ROUND_MS / 1000;
    pthread_mutex_lock(&c->lock);
    while (!c->stopping && !c->hurry && !pthread_cond_timedwait(&c->wake, &c->lock, &until))
        ;
    c->hurry = false;
    bool on = !c->stopping;
    pthread_mutex_unlock(&c->lock);
    return on;
}

static void *work(void *arg)
{
    struct kp_computed *c = arg;
    kp_thread_name("computed");
    do
        turn(c);
    while (pause_between(c));
    return NULL;
}

/* ---- life ---- */
struct kp_computed *kp_computed_new(struct kp_node *node, struct kp_err *err)
{
    struct kp_computed *c = kp_alloc(sizeof *c);
    if (!c) {
        kp_fail(err, KP_ENOMEM, "out of memory");
        return NULL;
    }
    c->node = node;
    kp_worker_init(&c->worker);
    kp_cond_init(&c->wake);
    pthread_mutex_init(&c->lock, NULL);
    return c;
}

/* Whether there is a dataset of that kind, or a label to be taken back. */
static bool has_work(struct kp_computed *c)
{
    struct kp_err err = { 0 };
    json_t *folders = json_array(), *all = datasets(c, folders, &err), *old = labelled(c, &err);
    bool some = err.code || json_array_size(all) || json_array_size(old);
    json_decref(old);
    json_decref(all);
    json_decref(folders);
    return some;
}

static void begin(struct kp_computed *c)
{
    if (has_work(c) && !kp_worker_begin(&c->worker, work, c))
        kp_warn("share", "no thread for what is worked out for partners, tried again", "%s", "");
}

void kp_computed_start(struct kp_computed *c)
{
    kp_worker_open(&c->worker);
    begin(c);
}

void kp_computed_hurry(struct kp_computed *c)
{
    begin(c);
    pthread_mutex_lock(&c->lock);
    c->hurry = true;
    pthread_cond_broadcast(&c->wake);
    pthread_mutex_unlock(&c->lock);
}

void kp_computed_stop(struct kp_computed *c)
{
    if (!c)
        return;
    pthread_mutex_lock(&c->lock);
    c->stopping = true;
    pthread_cond_broadcast(&c->wake);
    pthread_mutex_unlock(&c->lock);
    kp_worker_close(&c->worker);
}

void kp_computed_free(struct kp_computed *c)
{
    if (!c)
        return;
    kp_worker_free(&c->worker);
    pthread_cond_destroy(&c->wake);
    pthread_mutex_destroy(&c->lock);
    kp_free(c);
}
