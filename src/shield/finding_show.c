/* SPDX-License-Identifier: Apache-2.0 */
/* Findings as people see them: what is urgent, and why. */
#include "net/json_memory.h"
#include "shield/keep.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

enum { SHOWN_MAX = 5000, REASON = 160 };

/* ---- how urgent ---- */
struct place { /* what the device does in the factory */
    bool running, reachable, shared, heavy, light;
};
struct urgency {
    int priority; /* 0 to 100 */
    char why[REASON];
};

static bool see_state(void *arg, const struct kp_interval *v)
{
    struct place *p = arg;
    p->running |= v->kind == KP_INTERVAL_STATE && v->attributes && strstr(v->attributes, "running");
    return true;
}

static bool speaks(const struct kp_model *m, kp_asset asset)
{
    const kp_signal *list;
    size_t n = kp_model_child_signals(m, asset, &list);
    for (size_t i = 0; i < n; i++)
        if (kp_model_signal(m, list[i])->coupling)
            return true;
    return false;
}

/* Under the model's lock. */
static struct place place_of(const struct kp_model *m, const struct device_row *r)
{
    struct place p = { .heavy = r->weight == 3, .light = r->weight == 1 };
    const struct kp_asset_info *a = r->asset ? kp_model_asset(m, (kp_asset)r->asset) : NULL;
    if (!a)
        return p;
    kp_model_open_intervals(m, a->id, see_state, &p);
    p.reachable = speaks(m, a->id);
    p.shared = kp_model_label(m, a->id, a->label) <= KP_PARTNER;
    p.heavy |= !r->weight && (a->kind == KP_PLC || a->kind == KP_MACHINE);
    return p;
}

static void because(struct urgency *u, int points, const char *why)
{
    size_t n = strlen(u->why);
    u->priority += points;
    snprintf(u->why + n, sizeof u->why - n, "%s%s", n ? "; " : "", why);
}

/* The score is most of it; that it is exploited weighs more than what the device does. */
static struct urgency urgency(double score, double epss, bool kev, const struct place *p)
{
    struct urgency u = { 0 };
    char text[60];
    snprintf(text, sizeof text, score < 0 ? "no score is told" : "score %.1f", score);
    because(&u, (int)((score < 0 ? 5 : score) * 5.5), text);
    if (kev)
        because(&u, 25, "it is being exploited (KEV)");
    if (epss >= 0.1) {
        snprintf(text, sizeof text, "probability of exploitation %.0f %%", epss * 100);
        because(&u, epss >= 0.5 ? 15 : 8, text);
    }
    if (p->running)
        because(&u, 8, "the machine is running");
    if (p->heavy)
        because(&u, 6, "much hangs on it");
    if (p->reachable)
        because(&u, 4, "it is reachable over the network");
    if (p->shared)
        because(&u, 4, "it is shared with partners");
    if (p->light)
        because(&u, -15, "little hangs on it");
    u.priority = u.priority > 100 ? 100 : u.priority < 0 ? 0 : u.priority;
    return u;
}

static const char *urgency_word(int priority)
{
    return priority >= 75 ? "urgent" : priority >= 55 ? "high" : priority >= 35 ? "medium" : "low";
}

/* ---- rows ---- */
struct line {
    int64_t device, verdict, answered, made, changed, closed;
    double score;
    const char *advisory, *title, *publisher, *version, *url, *product, *rule, *why, *holes,
        *answer, *comment, *who, *closed_why, *name, *label;
    struct urgency urgency;
};

static int worse_first(const void *a, const void *b)
{
    const struct line *x = a, *y = b;
    if (x->closed != y->closed && (!x->closed || !y->closed))
        return x->closed ? 1 : -1;
    if (x->verdict != y->verdict)
        return x->verdict > y->verdict ? -1 : 1;
    if (x->urgency.priority != y->urgency.priority)
        return x->urgency.priority > y->urgency.priority ? -1 : 1;
    int order = strcmp(x->advisory, y->advisory);
    return order ? order : strcmp(x->name, y->name);
}

static void read_line(struct kp_stmt *s, struct kp_arena *arena, struct line *l)
{
    const char **const texts[] = { &l->advisory, &l->title, &l->publisher, &l->version, &l->url,
                                   &l->product,  &l->rule,  &l->why,       &l->holes,   &l->answer,
                                   &l->comment,  &l->who,   &l->closed_why };
    *l = (struct line){ .device = kp_column_int(s, 0),
                        .verdict = kp_column_int(s, 1),
                        .score = kp_column_null(s, 2) ? -1 : kp_column_double(s, 2),
                        .answered = kp_column_int(s, 3),
                        .made = kp_column_int(s, 4),
                        .changed = kp_column_int(s, 5),
                        .closed = kp_column_int(s, 6) };
    for (int i = 0; i < (int)(sizeof texts / sizeof *texts); i++) {
        *texts[i] = kp_column_copy(s, 7 + i, arena);
        if (!*texts[i] && i != 9 && i != 10 && i != 11 && i != 12)
            *texts[i] = "";
    }
}

/* The highest of all vulnerabilities that are not clear. */
static enum kp_code exploited(struct kp_db *db, const char *holes, double *epss, bool *kev,
                              struct kp_err *err)
{
    json_t *o = kp_json_load(holes, strlen(holes), 0, NULL), *one;
    size_t i;
    *epss = 0;
    *kev = false;
    json_array_foreach(json_object_get(o, "vulnerabilities"), i, one)
    {
        struct kp_stmt *s =
            kp_db_prepare(db, "select coalesce(epss, 0), kev from exploit where cve = ?", err);
        const char *cve = json_string_value(json_object_get(one, "id"));
        if (!s || !cve)
            break;
        kp_bind_text(s, 1, cve);
        if (!kp_step(s, err))
            continue;
        *epss = kp_column_double(s, 0) > *epss ? kp_column_double(s, 0) : *epss;
        *kev |= kp_column_int(s, 1) != 0;
        kp_reset(s);
    }
    json_decref(o);
    return err->code;
}

/* Who writes an advisory may say with its mark (TLP) to whom it goes; to another company only what
 * may go to all. */
#define UNMARKED(company) \
    " and (" company " or coalesce(a.tlp, '') in ('', 'WHITE', 'CLEAR'))"

struct showing {
    struct kp_shield *s;
    struct kp_db *db;
    enum kp_recipient to;
    struct kp_arena arena;
    struct line *lines;
    size_t n, room;
    const struct device_row *row; /* of the device looked at last, and what it does; NULL: of none */
    struct place place;
    bool may;
};

static enum kp_code look_at(struct showing *w, int64_t device, struct kp_err *err)
{
    struct device_row *r;
    size_t n;
    if (w->row && w->row->id == device)
        return KP_OK;
    if (device_rows(w->db, device, &w->arena, &r, &n, err))
        return err->code;
    w->row = r;
    kp_model_lock(w->s->model);
    w->may = device_may_go(w->s->model, w->to, r);
    w->place = place_of(w->s->model, r);
    kp_model_unlock(w->s->model);
    return KP_OK;
}

/* False: it is not for the recipient. */
static bool place_line(struct showing *w, struct line *l, struct kp_err *err)
{
    double epss;
    bool kev;
    if (look_at(w, l->device, err) || !w->may || exploited(w->db, l->holes, &epss, &kev, err))
        return false;
    l->name = w->row->name;
    l->urgency = urgency(l->score, epss, kev, &w->place);
    return true;
}

static int by_device(const void *a, const void *b)
{
    const struct line *x = a, *y = b;
    return x->device < y->device ? -1 : x->device > y->device;
}

static enum kp_code read_lines(struct showing *w, const char *advisory, bool all,
                               struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(
        w->db,
        "select f.device, f.verdict, f.score, coalesce(f.answered, 0), f.made, f.changed,"
        " coalesce(f.closed, 0), f.advisory, a.title, a.publisher, a.version, a.url, f.product,"
        " f.rule, f.why, f.holes, f.answer, f.comment, f.who, f.closed_why"
        " from finding f join advisory a on a.id = f.advisory"
        " where (?1 is null or f.advisory = ?1) and (?2 or f.closed is null)" UNMARKED("?4")
        " order by f.verdict desc, f.score desc limit ?3",
        err);
    if (!s)
        return err->code;
    kp_bind_text(s, 1, advisory);
    kp_bind_int(s, 2, all);
    kp_bind_int(s, 3, SHOWN_MAX);
    kp_bind_int(s, 4, w->to >= KP_TO_COMPANY);
    while (kp_step(s, err)) {
        if (!kp_grow(&w->lines, &w->room, w->n + 1, sizeof *w->lines)) {
            kp_reset(s);
            return kp_fail(err, KP_ENOMEM, "out of memory");
        }
        read_line(s, &w->arena, &w->lines[w->n++]);
    }
    size_t kept = 0;
    if (w->n) /* so that each device is looked at once */
        qsort(w->lines, w->n, sizeof *w->lines, by_device);
    for (size_t i = 0; i < w->n && !err->code; i++)
        if (place_line(w, &w->lines[i], err))
            w->lines[kept++] = w->lines[i];
    w->n = kept;
    if (w->n)
        qsort(w->lines, w->n, sizeof *w->lines, worse_first);
    return err->code;
}

/* ---- as JSON ---- */
static void put_members(struct kp_json *j, const char *holes)
{
    json_t *o = kp_json_load(holes, strlen(holes), 0, NULL);
    static const char *const keys[] = { "vulnerabilities", "do" };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        char *text = kp_json_dump(json_object_get(o, keys[i]), JSON_COMPACT);
        kp_json_key(j, keys[i]);
        kp_json_raw(j, text && *text ? text : "[]");
        kp_free(text);
    }
    json_decref(o);
}

static void put_line(struct kp_json *j, const struct line *l)
{
    kp_json_begin(j, '{');
    kp_json_put_text(j, "advisory", l->advisory);
    kp_json_put_text(j, "title", l->title);
    kp_json_put_int(j, "device", l->device);
    kp_json_put_text(j, "name", l->name);
    kp_json_put_text(j, "verdict", kp_verdict_word((enum kp_verdict_of)(l->verdict % 3)));
    kp_json_key(j, "score");
    l->score < 0 ? kp_json_null(j) : kp_json_double(j, l->score);
    kp_json_put_int(j, "priority", l->urgency.priority);
    kp_json_put_text(j, "urgency", urgency_word(l->urgency.priority));
    kp_json_put_text(j, "because", l->urgency.why);
    kp_json_key(j, "evidence");
    kp_json_begin(j, '{');
    kp_json_put_text(j, "product", l->product);
    kp_json_put_text(j, "rule", l->rule);
    kp_json_put_text(j, "version", l->why);
    kp_json_end(j, '}');
    put_members(j, l->holes);
    kp_json_put_text(j, "answer", l->answer);
    kp_json_put_text(j, "comment", l->comment);
    kp_json_put_text(j, "who", l->who);
    kp_json_put_time(j, "answered", l->answered ? l->answered : KP_NO_TIME);
    kp_json_put_time(j, "since", l->made);
    kp_json_put_time(j, "closed", l->closed ? l->closed : KP_NO_TIME);
    kp_json_put_text(j, "closedWhy", l->closed_why);
    kp_json_put_text(j, "url", *l->url ? l->url : NULL);
    kp_json_end(j, '}');
}

static void put_lines(struct showing *w, struct kp_json *j)
{
    kp_json_key(j, "findings");
    kp_json_begin(j, '[');
    for (size_t i = 0; i < w->n; i++)
        put_line(j, &w->lines[i]);
    kp_json_end(j, ']');
}

static enum kp_code put_counts(struct kp_db *db, struct kp_json *j, struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(
        db, "select (select count(*) from device), (select count(*) from advisory)", err);
    if (!s || !kp_step(s, err))
        return err->code;
    kp_json_put_int(j, "devices", kp_column_int(s, 0));
    kp_json_put_int(j, "advisories", kp_column_int(s, 1));
    kp_reset(s);
    return KP_OK;
}

static enum kp_code put_advisory(struct showing *w, const char *id, struct kp_json *j,
                                 struct kp_err *err)
{
    static const char *const keys[] = { "id",      "publisher", "title", "version",
                                        "changed", "url",       "tlp" };
    struct kp_stmt *s = kp_db_prepare(
        w->db,
        "select id, publisher, title, version, changed, url, tlp from advisory a"
        " where id = ?1" UNMARKED("?2"),
        err);
    if (!s)
        return err->code;
    kp_bind_text(s, 1, id);
    kp_bind_int(s, 2, w->to >= KP_TO_COMPANY);
    if (!kp_step(s, err))
        return err->code ? err->code
                         : kp_fail(err, KP_ENOTFOUND, "there is no advisory '%.60s'", id);
    kp_json_begin(j, '{');
    for (int i = 0; i < 7; i++)
        kp_json_put_text(j, keys[i], kp_column_text(s, i));
    kp_reset(s);
    put_lines(w, j);
    kp_json_end(j, '}');
    return KP_OK;
}

static enum kp_code show(struct kp_shield *s, enum kp_recipient to, const char *id, bool all,
                         struct kp_json *j, struct kp_err *err)
{
    struct showing w = { .s = s, .to = to };
    w.db = kp_store_reader(s->store, err);
    if (w.db && !read_lines(&w, id, all || id, err)) {
        if (id) {
            put_advisory(&w, id, j, err);
        } else {
            kp_json_begin(j, '{');
            put_lines(&w, j);
            put_counts(w.db, j, err);
            kp_json_end(j, '}');
        }
    }
    kp_store_reader_done(s->store, w.db);
    kp_free(w.lines);
    kp_arena_free(&w.arena);
    return err->code;
}

enum kp_code kp_shield_findings(struct kp_shield *s, enum kp_recipient to, bool all,
                                struct kp_json *j, struct kp_err *err)
{
    return show(s, to, NULL, all, j, err);
}

enum kp_code kp_shield_advisory(struct kp_shield *s, enum kp_recipient to, const char *id,
                                struct kp_json *j, struct kp_err *err)
{
    return show(s, to, id, true, j, err);
}
