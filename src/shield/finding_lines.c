/* SPDX-License-Identifier: Apache-2.0 */
/* Which findings are shown, the worst first. */
#include "core/hash.h"
#include "net/json_memory.h"
#include "shield/finding_show.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

const char *const kp_finding_states[] = { "open", "waiting", "in_hand", "closed", NULL };
const char *const kp_finding_verdicts[] = { "affected", "review", NULL };

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
                                   &l->comment,  &l->who,   &l->closed_why, &l->tlp };
    *l = (struct line){ .device = kp_column_int(s, 0),
                        .verdict = kp_column_int(s, 1),
                        .score = kp_column_null(s, 2) ? -1 : kp_column_double(s, 2),
                        .answered = kp_column_int(s, 3),
                        .made = kp_column_int(s, 4),
                        .changed = kp_column_int(s, 5),
                        .closed = kp_column_int(s, 6) };
    for (int i = 0; i < (int)(sizeof texts / sizeof *texts); i++) {
        *texts[i] = kp_column_copy(s, 7 + i, arena);
        if (!*texts[i] && (i < 9 || i > 12))
            *texts[i] = "";
    }
}

/* ---- what is exploited ---- */
/* The highest of all vulnerabilities that are not clear. */
static enum kp_code look_up(struct kp_db *db, const char *holes, double *epss, bool *kev,
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

/* Many devices have the same holes: each text is read once. */
struct known {
    const char *holes; /* NULL: free */
    double epss;
    bool kev;
};
struct memory {
    struct known *of;
    size_t room; /* a power of two */
};

static enum kp_code exploited(struct showing *w, struct memory *m, const char *holes, double *epss,
                              bool *kev, struct kp_err *err)
{
    size_t at = (size_t)kp_hash(KP_HASH_START, holes, strlen(holes)) & (m->room - 1);
    while (m->of[at].holes && strcmp(m->of[at].holes, holes) != 0)
        at = (at + 1) & (m->room - 1);
    struct known *k = &m->of[at];
    if (!k->holes && look_up(w->db, holes, &k->epss, &k->kev, err))
        return err->code;
    k->holes = holes;
    *epss = k->epss;
    *kev = k->kev;
    return KP_OK;
}

/* ---- which ---- */
enum kp_code showing_device(struct showing *w, int64_t device, struct kp_err *err)
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

/* False: it is not for the recipient, or not asked for. */
static bool place_line(struct showing *w, struct memory *m, struct line *l, struct kp_err *err)
{
    double epss;
    bool kev;
    if (showing_device(w, l->device, err) || !w->may ||
        exploited(w, m, l->holes, &epss, &kev, err))
        return false;
    l->name = w->row->name;
    l->firmware = w->row->field[FIELD_FIRMWARE];
    l->urgency = urgency_of(l->score, epss, kev, &w->place);
    return !w->q.urgency || strcmp(w->q.urgency, urgency_word(l->urgency.priority)) == 0;
}

static int by_device(const void *a, const void *b)
{
    const struct line *x = a, *y = b;
    return x->device < y->device ? -1 : x->device > y->device;
}

/* What is typed is a text that has to stand there, not a pattern. */
static const char *like(struct showing *w, struct kp_err *err)
{
    const char *find = w->q.find;
    if (!find || !*find)
        return NULL;
    char *out = kp_arena_alloc(&w->arena, 2 * strlen(find) + 3), *to = out;
    if (!out) {
        kp_fail(err, KP_ENOMEM, "out of memory");
        return NULL;
    }
    *to++ = '%';
    for (; *find; find++) {
        if (strchr("%_\\", *find))
            *to++ = '\\';
        *to++ = *find;
    }
    memcpy(to, "%", 2);
    return out;
}

/* They are sorted before their long texts are read. */
#define WHICH \
    " from finding f join advisory a on a.id = f.advisory join device d on d.id = f.device" \
    " where (?1 is null or f.advisory = ?1) and (?2 = 0 or f.device = ?2)" \
    " and (?3 is null or ?3 = case when f.closed is not null then 'closed'" \
    "   when f.answer = 'in_progress' then 'in_hand' else 'waiting' end" \
    "   or (?3 = 'open' and f.closed is null))" \
    " and (?4 is null or (?4 = 'review') = (f.verdict = 1 and f.answer is not 'affected'))" \
    " and (?5 is null or f.advisory like ?5 escape '\\' or a.title like ?5 escape '\\'" \
    "   or d.name like ?5 escape '\\' or f.holes like ?5 escape '\\')" UNMARKED("?6")

static struct kp_stmt *select_lines(struct showing *w, struct kp_err *err)
{
    static const int limit = KP_FINDINGS_SHOWN_MAX;
    const struct kp_finding_query *q = &w->q;
    const char *find = like(w, err);
    struct kp_stmt *s = err->code ? NULL : kp_db_prepare(
        w->db,
        "with w(device, advisory) as materialized (select f.device, f.advisory"
        WHICH " order by f.verdict desc, f.score desc limit ?7)"
        " select f.device, f.verdict, f.score, coalesce(f.answered, 0), f.made, f.changed,"
        " coalesce(f.closed, 0), f.advisory, a.title, a.publisher, a.version, a.url, f.product,"
        " f.rule, f.why, f.holes, f.answer, f.comment, f.who, f.closed_why, a.tlp"
        " from w join finding f on f.device = w.device and f.advisory = w.advisory"
        " join advisory a on a.id = f.advisory",
        err);
    if (!s)
        return NULL;
    kp_bind_text(s, 1, q->advisory);
    kp_bind_int(s, 2, q->device);
    kp_bind_text(s, 3, q->state);
    kp_bind_text(s, 4, q->verdict);
    kp_bind_text(s, 5, find);
    kp_bind_int(s, 6, w->to >= KP_TO_COMPANY);
    kp_bind_int(s, 7, limit);
    return s;
}

static enum kp_code place_lines(struct showing *w, struct kp_err *err)
{
    struct memory m = { .room = 16 };
    size_t kept = 0;
    while (m.room < 2 * w->n)
        m.room *= 2;
    if (!(m.of = kp_alloc(m.room * sizeof *m.of)))
        return kp_fail(err, KP_ENOMEM, "out of memory");
    if (w->n) /* so that each device is looked at once */
        qsort(w->lines, w->n, sizeof *w->lines, by_device);
    for (size_t i = 0; i < w->n && !err->code; i++)
        if (place_line(w, &m, &w->lines[i], err))
            w->lines[kept++] = w->lines[i];
    kp_free(m.of);
    w->n = kept;
    if (w->n)
        qsort(w->lines, w->n, sizeof *w->lines, worse_first);
    return err->code;
}

enum kp_code showing_read(struct showing *w, struct kp_err *err)
{
    struct kp_stmt *s = select_lines(w, err);
    while (s && kp_step(s, err)) {
        if (!kp_grow(&w->lines, &w->room, w->n + 1, sizeof *w->lines)) {
            kp_reset(s);
            return kp_fail(err, KP_ENOMEM, "out of memory");
        }
        read_line(s, &w->arena, &w->lines[w->n++]);
    }
    return err->code ? err->code : place_lines(w, err);
}

void showing_free(struct showing *w)
{
    kp_free(w->lines);
    kp_arena_free(&w->arena);
}
