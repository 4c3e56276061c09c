/* SPDX-License-Identifier: Apache-2.0 */
/* The index of devices, and what an advisory says of them. */
#include "shield/matching.h"

#include "core/hash.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

enum { DO_MAX = 8, DO_TEXT = 600, HOLES_TEXT = 64 << 10 };

/* ---- the index of devices ---- */
struct numbered {
    int64_t id;
    uint32_t place;
};

static int by_id(const void *a, const void *b)
{
    const struct numbered *x = a, *y = b;
    return x->id < y->id ? -1 : x->id > y->id;
}

/* What a part of a part is on is the device at the bottom. */
static void find_hosts(const struct device_row *rows, struct numbered *places,
                       struct kp_device *list, size_t n)
{
    for (uint32_t i = 0; i < n; i++)
        places[i] = (struct numbered){ rows[i].id, i };
    if (n)
        qsort(places, n, sizeof *places, by_id);
    for (size_t i = 0; i < n; i++) {
        const struct numbered key = { .id = rows[i].host }, *at = NULL;
        if (rows[i].host)
            at = bsearch(&key, places, n, sizeof *places, by_id);
        if (at)
            list[i].host = at->place;
    }
    for (size_t i = 0; i < n; i++)
        for (unsigned deep = 0; list[i].host != list[list[i].host].host && deep < 16; deep++)
            list[i].host = list[list[i].host].host;
}

static enum kp_code build(struct kp_shield *s, struct kp_device *list, size_t n, struct kp_err *err)
{
    struct numbered *places = kp_alloc((n + 1) * sizeof *places);
    for (uint32_t i = 0; i < n; i++) {
        const struct device_row *r = &s->rows[i];
        list[i] = (struct kp_device){ r->field[FIELD_MANUFACTURER], r->field[FIELD_PRODUCT],
                                      r->field[FIELD_ORDER_CODE],   r->field[FIELD_SERIAL],
                                      r->field[FIELD_FIRMWARE],     r->field[FIELD_CPE],
                                      r->field[FIELD_PURL],         i };
    }
    if (places)
        find_hosts(s->rows, places, list, n);
    s->devices = places ? kp_devices_new(list, n, s->aliases) : NULL;
    kp_free(places);
    return s->devices ? KP_OK : kp_fail(err, KP_ENOMEM, "out of memory indexing the inventory");
}

void matching_forget(struct kp_shield *s)
{
    kp_devices_free(s->devices);
    s->devices = NULL;
    s->rows = NULL;
    s->aliases = NULL;
    kp_arena_reset(&s->texts);
}

enum kp_code matching_ready(struct kp_shield *s, struct kp_err *err)
{
    size_t n = 0;
    if (s->devices)
        return KP_OK;
    struct kp_db *db = kp_store_reader(s->store, err);
    if (db && !device_rows(db, 0, &s->texts, &s->rows, &n, err))
        s->aliases = kp_setting_get(db, &s->texts, SHIELD_ALIASES);
    kp_store_reader_done(s->store, db);
    struct kp_device *list = err->code ? NULL : kp_alloc((n + 1) * sizeof *list);
    if (list)
        build(s, list, n, err);
    else
        kp_fail(err, KP_ENOMEM, "out of memory");
    kp_free(list);
    if (err->code)
        matching_forget(s);
    return err->code;
}

/* ---- what an advisory says of devices ---- */
static bool same_fix(const struct kp_advisory_fix *const *list, size_t n,
                     const struct kp_advisory_fix *f)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i]->category, f->category) == 0 && strcmp(list[i]->text, f->text) == 0)
            return true;
    return false;
}

static void put_fix(struct kp_json *j, const struct kp_advisory_fix *f)
{
    char text[DO_TEXT];
    snprintf(text, sizeof text, "%s", f->text);
    kp_utf8_trim(text);
    kp_json_begin(j, '{');
    kp_json_put_text(j, "category", f->category);
    kp_json_put_text(j, "text", text);
    kp_json_put_text(j, "url", *f->url ? f->url : NULL);
    kp_json_put_text(j, "restart", *f->restart ? f->restart : NULL);
    kp_json_end(j, '}');
}

/* Fixes first, then what helps until then. */
static int rank(const struct kp_advisory_fix *f)
{
    static const char *const order[] = { "vendor_fix", "mitigation", "workaround", "no_fix_planned",
                                         "none_available" };
    for (int i = 0; i < 5; i++)
        if (strcmp(f->category, order[i]) == 0)
            return i;
    return 5;
}

static uint64_t put_fixes(struct kp_json *j, const struct kp_advisory *a,
                          const struct kp_finding *f)
{
    const struct kp_advisory_fix *told[DO_MAX];
    uint64_t print = KP_HASH_START;
    size_t n = 0;
    kp_json_key(j, "do");
    kp_json_begin(j, '[');
    for (int r = 0; r <= 5; r++)
        for (uint32_t h = 0; h < a->holes; h++)
            for (const struct kp_advisory_fix *x = f->of[h] ? a->hole[h].fixes : NULL; x;
                 x = x->next)
                if (n < DO_MAX && rank(x) == r && kp_fix_is_for(x, f->product) &&
                    !same_fix(told, n, x)) {
                    told[n++] = x;
                    put_fix(j, x);
                    print = kp_hash(print, x->text, strlen(x->text));
                }
    kp_json_end(j, ']');
    return print;
}

static void put_holes(struct kp_json *j, const struct kp_advisory *a, const struct kp_finding *f)
{
    kp_json_key(j, "vulnerabilities");
    kp_json_begin(j, '[');
    for (uint32_t h = 0; h < a->holes && h < 200; h++) {
        if (!f->of[h])
            continue;
        kp_json_begin(j, '{');
        kp_json_put_text(j, "id", a->hole[h].cve);
        kp_json_put_text(j, "verdict", kp_verdict_word(f->of[h]));
        kp_json_key(j, "score");
        a->hole[h].score < 0 ? kp_json_null(j) : kp_json_double(j, a->hole[h].score);
        kp_json_put_text(j, "vector", *a->hole[h].vector ? a->hole[h].vector : NULL);
        kp_json_end(j, '}');
    }
    kp_json_end(j, ']');
}

static void take_finding(void *arg, const struct kp_finding *f)
{
    struct matching *m = arg;
    const struct device_row *r = &m->s->rows[f->device];
    struct kp_buf text;
    m->affected += f->verdict == KP_AFFECTED;
    m->review += f->verdict == KP_REVIEW;
    if (m->failed || !kp_grow(&m->found, &m->room, m->n + 1, sizeof *m->found)) {
        m->failed = true;
        return;
    }
    kp_buf_init(&text, HOLES_TEXT);
    struct kp_json j = kp_json(&text);
    kp_json_begin(&j, '{');
    put_holes(&j, m->a, f);
    uint64_t print = put_fixes(&j, m->a, f);
    kp_json_end(&j, '}');
    const char *firmware = r->field[FIELD_FIRMWARE] ? r->field[FIELD_FIRMWARE] : "";
    print = kp_hash(kp_hash(print, firmware, strlen(firmware)), f->why, strlen(f->why));
    struct found *o = &m->found[m->n++];
    *o = (struct found){ .device = r->id,
                         .print = (int64_t)print,
                         .verdict = f->verdict,
                         .score = f->score,
                         .product = m->a->product[f->product].id,
                         .rule = kp_match_rule_text(f->rule),
                         .why = kp_arena_strdup(m->arena, f->why),
                         .holes = kp_arena_strdup(m->arena, kp_buf_text(&text)),
                         .firmware = firmware };
    m->failed |= text.failed || !o->why || !o->holes;
    kp_buf_free(&text);
}

/* With devices that are there. */
enum kp_code matching_do(struct matching *m, struct kp_err *err)
{
    if (!kp_devices_match(m->s->devices, m->a, take_finding, m, err) && m->failed)
        kp_fail(err, KP_ENOMEM, "out of memory matching %.60s", m->a->id);
    return err->code;
}
