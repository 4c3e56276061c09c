/* SPDX-License-Identifier: Apache-2.0 */
/* Devices taken from nameplates in the model, from lists (CSV) and bills of materials (CycloneDX).
 */
#include "core/csv.h"
#include "core/log.h"
#include "net/json_memory.h"
#include "shield/daily.h"
#include "shield/feed_keep.h"
#include "shield/incident_keep.h"
#include "shield/keep.h"
#include "shield/observe_keep.h"
#include "shield/openpgp.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { BOM_DEPTH = 40, COMPONENTS_DEEP = 8, ALARM_TEXT = 200, STACK = 64 };

/* ---- the alarm ---- */
static enum kp_code keep_alarm(struct kp_db *db, void *arg, struct kp_err *err)
{
    const int64_t *pair = arg;
    struct kp_stmt *s = kp_db_prepare(db, "update device set alarm = ? where id = ?", err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, pair[0]);
    kp_bind_int(s, 2, pair[1]);
    return kp_run(s, err);
}

enum kp_code device_alarm(struct kp_shield *s, int64_t device, kp_asset asset, int64_t interval,
                          const char *text, struct kp_err *err)
{
    struct shield_alarm a = { .interval = interval,
                              .asset = asset,
                              .key = "firmware",
                              .text = text ? text : "the firmware changed, and a person has seen it",
                              .severity = 700,
                              .over = !text };
    int64_t pair[] = { 0, device };
    if (!shield_alarm(s, &a, err) && text) {
        pair[0] = a.interval;
        kp_store_do(s->store, keep_alarm, pair, err);
    }
    return err->code;
}

/* ---- many at once ---- */
struct taking {
    struct kp_shield *s;
    struct kp_arena arena;
    struct device_put *put;
    size_t n, room;
    const char **above; /* of each: the name of what it is part of, or NULL */
    size_t above_room;
    bool whole;  /* of the model: what is not among them is gone */
    int64_t bom; /* a bill of materials of this device: the same there */
    const char *bom_name;
    size_t made, changed, unexpected, removed;
};

static struct device_put *add(struct taking *t, const char *name, const char *above,
                              struct kp_err *err)
{
    if (t->n == KP_SHIELD_DEVICES_MAX) {
        kp_fail(err, KP_EFULL, "more than %d devices", KP_SHIELD_DEVICES_MAX);
        return NULL;
    }
    if (!kp_grow(&t->put, &t->room, t->n + 1, sizeof *t->put) ||
        !kp_grow(&t->above, &t->above_room, t->n + 1, sizeof *t->above)) {
        kp_fail(err, KP_ENOMEM, "out of memory");
        return NULL;
    }
    t->above[t->n] = above;
    struct device_put *p = &t->put[t->n++];
    *p = (struct device_put){ .name = name, .host = -1, .weight = -1, .now = kp_utc(t->s->clock) };
    return p;
}

static enum kp_code host_of(struct kp_db *db, const char *name, int64_t *id, struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(db, "select id from device where name = ?", err);
    if (!s)
        return err->code;
    kp_bind_text(s, 1, name);
    *id = 0;
    if (kp_step(s, err)) {
        *id = kp_column_int(s, 0);
        kp_reset(s);
    }
    return err->code;
}

/* Rows whose id is not among those that came. */
static enum kp_code drop_others(struct kp_db *db, struct taking *t, struct kp_err *err)
{
    static const char *const sql[] = {
        "delete from finding where device in (select id from device where changed < 0)",
        "delete from finding_answer where device in (select id from device where changed < 0)",
        "delete from device_version where device in (select id from device where changed < 0)",
        "update device set host = null where host in (select id from device where changed < 0)",
        "delete from device where changed < 0"
    };
    struct kp_stmt *mark = kp_db_prepare(
        db,
        "update device set changed = -1 - changed where changed >= 0 and"
        " iif(?1, asset is not null and source = 'model', host = ?2 and source = 'cyclonedx')",
        err);
    if (!mark)
        return err->code;
    kp_bind_int(mark, 1, t->whole);
    kp_bind_int(mark, 2, t->bom);
    if (kp_run(mark, err))
        return err->code;
    for (size_t i = 0; i < t->n; i++) {
        struct kp_stmt *s = kp_db_prepare(
            db, "update device set changed = -1 - changed where id = ? and changed < 0", err);
        if (!s)
            return err->code;
        kp_bind_int(s, 1, t->put[i].id);
        if (kp_run(s, err))
            return err->code;
    }
    for (size_t i = 0; i < sizeof sql / sizeof *sql && !err->code; i++)
        kp_db_exec(db, sql[i], err);
    t->removed = err->code ? 0 : (size_t)kp_db_changes(db);
    return err->code;
}

static enum kp_code write_all(struct kp_db *db, void *arg, struct kp_err *err)
{
    struct taking *t = arg;
    for (size_t i = 0; i < t->n; i++) {
        struct device_put *p = &t->put[i];
        if (t->above[i] && host_of(db, t->above[i], &p->host, err))
            return err->code;
        if (device_put(db, p, err))
            return kp_context(err, "%s", p->name ? p->name : "device");
        t->made += p->made;
        t->changed += p->changed && !p->made;
        t->unexpected += p->unexpected;
    }
    if (t->bom_name && host_of(db, t->bom_name, &t->bom, err))
        return err->code;
    return t->whole || t->bom ? drop_others(db, t, err) : KP_OK;
}

/* New devices, and firmware that is another one. */
static void observe(const struct taking *t)
{
    for (size_t i = 0; i < t->n; i++) {
        const struct device_put *p = &t->put[i];
        if (!p->made && !p->other)
            continue;
        kp_hub_observe(t->s->hub, &(struct kp_observed){ .kind = p->made ? KP_SEEN_DEVICE : KP_SEEN_FIRMWARE,
                                                         .asset = p->asset,
                                                         .text = { [KP_SEEN_VENDOR] = p->field[FIELD_MANUFACTURER],
                                                                   [KP_SEEN_SOFTWARE] = p->field[FIELD_PRODUCT],
                                                                   [KP_SEEN_VERSION] = p->field[FIELD_FIRMWARE],
                                                                   [KP_SEEN_CPE] = p->field[FIELD_CPE],
                                                                   [KP_SEEN_DETAIL] = p->name } });
    }
}

static enum kp_code raise_alarms(struct taking *t, struct kp_err *err)
{
    for (size_t i = 0; i < t->n && !err->code; i++) {
        const struct device_put *p = &t->put[i];
        char text[ALARM_TEXT];
        if (!p->unexpected)
            continue;
        snprintf(text, sizeof text, "firmware is %.60s and was %.60s; nobody announced it",
                 *p->field[FIELD_FIRMWARE] ? p->field[FIELD_FIRMWARE] : "unknown", p->old);
        kp_utf8_trim(text);
        device_alarm(t->s, p->id, p->asset, 0, text, err);
    }
    return err->code;
}

/* `work` held. */
static enum kp_code finish(struct taking *t, struct kp_err *err)
{
    if (!kp_store_do(t->s->store, write_all, t, err))
        observe(t);
    if (!err->code && !raise_alarms(t, err) &&
        (t->made || t->changed || t->removed))
        findings_devices_changed(t->s, err);
    return err->code;
}

static void drop(struct taking *t)
{
    kp_free(t->put);
    kp_free(t->above);
    kp_arena_free(&t->arena);
}

/* ---- from the model ---- */
static bool is_device(const struct kp_asset_info *a)
{
    static const uint8_t telling[] = { KP_MANUFACTURER_NAME, KP_PRODUCT_DESIGNATION, KP_ORDER_CODE,
                                       KP_FIRMWARE_VERSION, KP_SOFTWARE_VERSION };
    for (size_t i = 0; i < sizeof telling; i++)
        if (a->nameplate[telling[i]] && *a->nameplate[telling[i]])
            return true;
    return false;
}

static enum kp_code take_asset(struct taking *t, const struct kp_asset_info *a, const char *path,
                               const char *above, struct kp_err *err)
{
    static const uint8_t from[DEVICE_FIELDS][2] = {
        [FIELD_MANUFACTURER] = { KP_MANUFACTURER_NAME, KP_MANUFACTURER_NAME },
        [FIELD_PRODUCT] = { KP_PRODUCT_DESIGNATION, KP_PRODUCT_DESIGNATION },
        [FIELD_ORDER_CODE] = { KP_ORDER_CODE, KP_ORDER_CODE },
        [FIELD_SERIAL] = { KP_SERIAL_NUMBER, KP_SERIAL_NUMBER },
        [FIELD_HARDWARE] = { KP_HARDWARE_VERSION, KP_HARDWARE_VERSION },
        [FIELD_FIRMWARE] = { KP_FIRMWARE_VERSION, KP_SOFTWARE_VERSION },
    };
    struct device_put *p = add(t, path, above, err);
    if (!p)
        return err->code;
    p->asset = a->id;
    p->via = "machine";
    p->source = "model";
    for (int i = 0; i <= FIELD_FIRMWARE; i++) {
        const char *text =
            a->nameplate[from[i][0]] ? a->nameplate[from[i][0]] : a->nameplate[from[i][1]];
        char cut[DEVICE_TEXT];
        snprintf(cut, sizeof cut, "%s", text ? text : "");
        kp_utf8_trim(cut);
        if (!(p->field[i] = kp_arena_strdup(&t->arena, cut)))
            return kp_fail(err, KP_ENOMEM, "out of memory");
    }
    return KP_OK;
}

/* Depth first; the lock is held. `above` is the nearest device on the way. */
static enum kp_code walk(struct taking *t, kp_asset at, const char *above, unsigned depth,
                         struct kp_err *err)
{
    const struct kp_model *m = t->s->model;
    const kp_asset *list;
    size_t n = kp_model_child_assets(m, at, &list);
    for (size_t i = 0; i < n && !err->code && depth < STACK; i++) {
        const struct kp_asset_info *a = kp_model_asset(m, list[i]);
        const char *next = above;
        char path[KP_PATH_MAX];
        if (is_device(a)) {
            kp_model_asset_path(m, a->id, path, sizeof path);
            next = kp_arena_strdup(&t->arena, path);
            if (!next)
                return kp_fail(err, KP_ENOMEM, "out of memory");
            take_asset(t, a, next, above, err);
        }
        walk(t, a->id, next, depth + 1, err);
    }
    return err->code;
}

static enum kp_code sync(struct kp_shield *s, struct kp_err *err)
{
    struct taking t = { .s = s, .whole = true };
    kp_model_lock(s->model);
    uint64_t version = kp_model_version(s->model);
    bool news = version != s->seen;
    if (news)
        walk(&t, 0, NULL, 0, err);
    kp_model_unlock(s->model);
    if (news && !err->code && !finish(&t, err))
        s->seen = version;
    drop(&t);
    return err->code;
}

enum kp_code kp_shield_sync(struct kp_shield *s, struct kp_err *err)
{
    pthread_mutex_lock(&s->work);
    sync(s, err);
    pthread_mutex_unlock(&s->work);
    return err->code;
}

/* ---- lists ---- */
static const char *const csv_columns[][6] = {
    { "name", "id", "asset", "path", NULL },
    { "manufacturer", "vendor", "ManufacturerName", "maker", NULL },
    { "product", "ManufacturerProductDesignation", "product name", "model", NULL },
    { "orderCode", "order_number", "order code", "order number", "article number", NULL },
    { "serialNumber", "serial", "serial number", NULL },
    { "hardware", "hardwareVersion", "hardware version", NULL },
    { "firmware", "firmwareVersion", "version", "softwareVersion", "firmware version", NULL },
    { "cpe", NULL },
    { "purl", NULL },
    { "partOf", "part of", "host", NULL },
};
enum { CSV_COLUMNS = sizeof csv_columns / sizeof *csv_columns };

static enum kp_code take_row(struct taking *t, const struct kp_csv *csv, const size_t *at,
                             struct kp_err *err)
{
    const char *cell[CSV_COLUMNS];
    for (size_t i = 0; i < CSV_COLUMNS; i++) {
        cell[i] = at[i] < csv->n ? csv->cell[at[i]] : NULL;
        if (cell[i] && (strlen(cell[i]) >= DEVICE_TEXT || !kp_utf8_valid(cell[i], strlen(cell[i]))))
            return kp_fail(err, KP_EPARSE, "a cell is no UTF-8 or longer than %d bytes",
                           DEVICE_TEXT - 1);
    }
    if (!cell[0] || !kp_path_valid(cell[0]))
        return kp_fail(err, KP_EPARSE, "'%.60s' is no name or path of a device",
                       cell[0] ? cell[0] : "");
    struct device_put *p = add(t, cell[0], cell[9] && *cell[9] ? cell[9] : NULL, err);
    if (!p)
        return err->code;
    p->via = "import";
    p->source = "csv";
    for (int i = 0; i < DEVICE_FIELDS; i++)
        p->field[i] = cell[i + 1];
    return KP_OK;
}

static enum kp_code take_csv(struct taking *t, char *text, size_t len, struct kp_err *err)
{
    struct kp_csv csv;
    size_t at[CSV_COLUMNS];
    kp_csv_begin(&csv, text, len);
    if (!kp_csv_more(&csv) || kp_csv_next(&csv, err))
        kp_fail(err, KP_EPARSE, "the list is empty");
    for (size_t i = 0; i < CSV_COLUMNS && !err->code; i++)
        at[i] = kp_csv_find(&csv, csv_columns[i]);
    if (!err->code && at[0] == SIZE_MAX)
        kp_fail(err, KP_EPARSE, "line 1: there is no column name (or id, asset, path)");
    while (!err->code && kp_csv_more(&csv)) {
        if (kp_csv_next(&csv, err) || kp_csv_empty(&csv))
            continue;
        if (take_row(t, &csv, at, err))
            kp_context(err, "line %llu", (unsigned long long)csv.line);
    }
    kp_csv_end(&csv);
    return err->code;
}

/* ---- bills of materials ---- */
static const char *member(const json_t *o, const char *key)
{
    const char *t = json_string_value(json_object_get(o, key));
    return t && strlen(t) < DEVICE_TEXT ? t : NULL;
}

static const char *maker(const json_t *component)
{
    static const char *const keys[] = { "manufacturer", "supplier" };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const char *name = member(json_object_get(component, keys[i]), "name");
        if (name)
            return name;
    }
    return member(component, "publisher") ? member(component, "publisher")
                                          : member(component, "group");
}

static enum kp_code take_component(struct taking *t, const json_t *c, const char *host,
                                   const char *own, struct kp_err *err)
{
    char clean[KP_NAME_MAX], path[KP_PATH_MAX];
    const char *name = member(c, "name"), *version = member(c, "version");
    if (!name)
        return KP_OK;
    kp_name_clean(clean, sizeof clean, name, strlen(name));
    int n = own ? snprintf(path, sizeof path, "%s", own)
                : snprintf(path, sizeof path, "%s%s%s", host ? host : "", host ? "/" : "", clean);
    if (n < 0 || n >= (int)sizeof path || !kp_path_valid(path))
        return kp_fail(err, KP_EPARSE, "component '%.60s': its name is too long", name);
    for (size_t i = 0; i < t->n && i < 1000; i++) /* two of a name: the later version beside it */
        if (strcmp(t->put[i].name, path) == 0 && version) {
            size_t len = strlen(path);
            kp_name_clean(clean, sizeof clean, version, strlen(version));
            snprintf(path + len, sizeof path - len, " %s", clean);
            break;
        }
    const char *copy = kp_arena_strdup(&t->arena, path);
    struct device_put *p = copy ? add(t, copy, host, err) : NULL;
    if (!p)
        return err->code ? err->code : kp_fail(err, KP_ENOMEM, "out of memory");
    p->via = "import";
    p->source = host ? "cyclonedx" : "csv";
    p->field[FIELD_MANUFACTURER] = maker(c);
    p->field[FIELD_PRODUCT] = name;
    p->field[FIELD_FIRMWARE] = version;
    p->field[FIELD_CPE] = member(c, "cpe");
    p->field[FIELD_PURL] = member(c, "purl");
    return KP_OK;
}

static enum kp_code take_components(struct taking *t, const json_t *list, const char *host,
                                    unsigned depth, struct kp_err *err)
{
    const json_t *c;
    size_t i;
    json_array_foreach((json_t *)(uintptr_t)list, i, c)
    {
        if (take_component(t, c, host, NULL, err))
            return err->code;
        if (depth < COMPONENTS_DEEP)
            take_components(t, json_object_get(c, "components"), host, depth + 1, err);
    }
    return err->code;
}

/* Of a device that is known, or of the component the file is about, which becomes one. */
static enum kp_code take_bom(struct taking *t, const json_t *bom, const char *of,
                             struct kp_err *err)
{
    const json_t *about = json_object_get(json_object_get(bom, "metadata"), "component");
    const char *format = json_string_value(json_object_get(bom, "bomFormat"));
    if (!format || strcmp(format, "CycloneDX") != 0)
        return kp_fail(err, KP_EPARSE, "bomFormat is not CycloneDX");
    if (!of && !member(about, "name"))
        return kp_fail(err, KP_EPARSE, "metadata.component has no name; say of which device it is");
    if (!of) {
        if (take_component(t, about, NULL, NULL, err))
            return err->code;
        of = t->put[0].name;
    }
    t->bom_name = of;
    return take_components(t, json_object_get(bom, "components"), of, 0, err);
}

static void put_counts(const struct taking *t, struct kp_json *j)
{
    kp_json_begin(j, '{');
    kp_json_put_int(j, "devices", (int64_t)t->n);
    kp_json_put_int(j, "made", (int64_t)t->made);
    kp_json_put_int(j, "changed", (int64_t)t->changed);
    kp_json_put_int(j, "removed", (int64_t)t->removed);
    kp_json_end(j, '}');
}

enum kp_code kp_shield_import(struct kp_shield *s, char *text, size_t len, const char *of,
                              const char *who, struct kp_json *j, struct kp_err *err)
{
    struct taking t = { .s = s };
    json_t *bom = NULL;
    if (len && text[strspn(text, " \t\r\n\xef\xbb\xbf")] == '{') {
        bom = kp_json_object(text, len, "bill of materials", BOM_DEPTH, err);
        if (bom)
            take_bom(&t, bom, of, err);
    } else {
        take_csv(&t, text, len, err);
    }
    for (size_t i = 0; i < t.n; i++)
        t.put[i].who = who;
    pthread_mutex_lock(&s->work);
    if (!err->code && !finish(&t, err))
        put_counts(&t, j);
    pthread_mutex_unlock(&s->work);
    json_decref(bom);
    drop(&t);
    return err->code;
}

/* ---- life ---- */
static int64_t look(void *arg)
{
    struct kp_shield *s = arg;
    struct kp_err err = { 0 };
    if (kp_shield_sync(s, &err))
        kp_warn("shield", "the inventory could not be taken from the model", "why=%s",
                kp_log_quote(err.text));
    feeds_turn(s->feeds);
    exits_write(s, false);
    incidents_turn(s);
    return 2 * KP_SECOND;
}

struct kp_shield *kp_shield_new(struct kp_hub *hub, struct kp_store *store,
                                const struct kp_clock *clock, struct kp_err *err)
{
    struct kp_shield *s = kp_alloc(sizeof *s);
    if (!s) {
        kp_fail(err, KP_ENOMEM, "out of memory");
        return NULL;
    }
    s->hub = hub;
    s->store = store;
    s->model = kp_hub_model(hub);
    s->clock = clock ? clock : &kp_clock_system;
    s->seen = UINT64_MAX;
    pthread_mutex_init(&s->work, NULL);
    if ((s->feeds = feeds_new(s)) && (s->exits = exits_new()) && (s->observing = observing_new(s)) &&
        (s->clocks = clock_alarms_new()) && (s->daily = daily_new())) {
        kp_hub_set_observer(hub, (struct kp_observer){ s->observing->queue, kp_seen_put });
        return s;
    }
    kp_shield_free(s);
    kp_fail(err, KP_ENOMEM, "out of memory");
    return NULL;
}

enum kp_code kp_shield_start(struct kp_shield *s, struct kp_rota *soon, struct kp_rota *calm, struct kp_err *err)
{
    kp_openpgp_clean(kp_store_dir(s->store));
    s->duty = (struct kp_duty){ .turn = look, .arg = s };
    if (!observing_start(s->observing, soon, err) && !kp_duty_begin(&s->duty, calm, 0, err))
        daily_start(s, calm, err);
    if (err->code)
        kp_shield_stop(s);
    return err->code;
}

void kp_shield_stop(struct kp_shield *s)
{
    if (!s)
        return;
    kp_duty_end(&s->duty);
    daily_stop(s);
    feeds_stop(s->feeds);
    observing_stop(s->observing);
    exits_write(s, true);
}

void kp_shield_wake(struct kp_shield *s)
{
    kp_duty_hurry(&s->duty);
}

void kp_shield_free(struct kp_shield *s)
{
    if (!s)
        return;
    kp_devices_free(s->devices);
    kp_arena_free(&s->texts);
    feeds_free(s->feeds);
    exits_free(s->exits);
    observing_free(s->observing);
    clock_alarms_free(s->clocks);
    daily_free(s->daily);
    pthread_mutex_destroy(&s->work);
    kp_free(s);
}
