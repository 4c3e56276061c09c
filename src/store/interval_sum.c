/* SPDX-License-Identifier: Apache-2.0 */
#include "store/interval_steps.h"
#include "store/internal.h"

#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

/* One pass over the intervals in order of start. Because of that order the union of all intervals
 * of a value up to here is told by one time, where the one that lasts longest ends: what comes next
 * adds only what reaches beyond it, and a step that begins before it begins with that value. */

enum { BUCKETS = 1024 };

struct tally {
    int64_t ns;
    uint64_t began, open;
};

struct value {
    struct value *next;
    int64_t covered;                    /* where the union of its intervals so far ends */
    size_t running;                     /* entries of `running` that point here */
    struct tally in[KP_SUM_SHIFTS_MAX]; /* per step that is open now */
    char text[];
};

struct running {
    int64_t end;
    struct value *value;
};

struct sum {
    const struct kp_sum_query *q;
    const char *name; /* of the attribute */
    struct kp_attribute attribute;
    bool (*each)(void *, const struct kp_sum *);
    void *arg;
    struct kp_err *err;
    bool stop; /* `each` has seen enough, or a failure */
    uint64_t told; /* steps */
    struct kp_steps steps;
    struct kp_step pending; /* the step to come */
    bool more;              /* there is one */
    int64_t due;            /* before this time no step ends or begins */
    bool used[KP_SUM_SHIFTS_MAX];
    struct kp_step
        step[KP_SUM_SHIFTS_MAX]; /* those open now; more than one only where shifts overlap */
    struct value *any;           /* all values together, up to now */
    struct value *buckets[BUCKETS];
    size_t n_values, order_room;
    struct value **order;
    struct running *running; /* intervals that may go on after a step */
    size_t n_running, running_room;
};

/* ---- values ---- */

static struct value *new_value(struct sum *m, const char *text)
{
    size_t n = strlen(text) + 1;
    struct value *v = kp_alloc(sizeof *v + n);
    if (!v) {
        kp_fail(m->err, KP_ENOMEM, "out of memory");
        return NULL;
    }
    v->covered = INT64_MIN;
    memcpy(v->text, text, n);
    return v;
}

static bool idle(const struct value *v, int64_t at)
{
    static const struct tally nothing[KP_SUM_SHIFTS_MAX];
    return !v->running && v->covered <= at && memcmp(v->in, nothing, sizeof nothing) == 0;
}

/* Forgets what says nothing about the time from `at` on. */
static void sweep(struct sum *m, int64_t at)
{
    size_t kept = 0;
    for (size_t i = 0; i < m->n_running; i++) {
        if (m->running[i].end > at)
            m->running[kept++] = m->running[i];
        else
            m->running[i].value->running--;
    }
    m->n_running = kept;
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct value **p = &m->buckets[i], *v; (v = *p);) {
            if (!idle(v, at)) {
                p = &v->next;
                continue;
            }
            *p = v->next;
            kp_free(v);
            m->n_values--;
        }
}

static struct value **bucket_of(struct sum *m, const char *text)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 16777619u;
    return &m->buckets[hash % BUCKETS];
}

static struct value *find_value(struct sum *m, const char *text, int64_t at)
{
    struct value **bucket = bucket_of(m, text), *v = *bucket;
    while (v && strcmp(v->text, text) != 0)
        v = v->next;
    if (v)
        return v;
    if (m->n_values == KP_SUM_VALUES_MAX)
        sweep(m, at);
    if (m->n_values == KP_SUM_VALUES_MAX) {
        kp_fail(m->err, KP_EFULL,
                "more than %d values of '%s' in one step: take shorter steps or another attribute",
                KP_SUM_VALUES_MAX, m->name);
        return NULL;
    }
    if (!(v = new_value(m, text)))
        return NULL;
    v->next = *bucket;
    *bucket = v;
    m->n_values++;
    return v;
}

/* ---- steps ---- */

static void open_step(struct sum *m)
{
    size_t k = 0;
    while (k < KP_SUM_SHIFTS_MAX && m->used[k])
        k++;
    if (k == KP_SUM_SHIFTS_MAX) {
        kp_fail(m->err, KP_EFULL, "more than %d shifts at one time: remove those that are double",
                KP_SUM_SHIFTS_MAX);
        return;
    }
    const struct kp_step *step = &m->step[k];
    m->step[k] = m->pending;
    m->used[k] = true;
    for (size_t i = 0; i <= BUCKETS; i++)
        for (struct value *v = i < BUCKETS ? m->buckets[i] : m->any; v; v = v->next)
            if (v->covered > step->from)
                v->in[k].ns = (v->covered < step->to ? v->covered : step->to) - step->from;
    m->more = kp_steps_next(&m->steps, &m->pending, m->err);
}

static int by_text(const void *a, const void *b)
{
    return strcmp((*(struct value *const *)a)->text, (*(struct value *const *)b)->text);
}

/* The values of a step in order; their number. */
static size_t collect(struct sum *m, size_t k)
{
    size_t n = 0;
    if (!kp_grow(&m->order, &m->order_room, m->n_values, sizeof *m->order)) {
        kp_fail(m->err, KP_ENOMEM, "out of memory");
        return 0;
    }
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct value *v = m->buckets[i]; v; v = v->next)
            if (v->in[k].ns || v->in[k].began)
                m->order[n++] = v;
    if (n)
        qsort(m->order, n, sizeof *m->order, by_text);
    return n;
}

static void tell(struct sum *m, size_t k, const char *value, const struct tally *t)
{
    const struct kp_step *s = &m->step[k];
    struct kp_sum out = { .step = m->told, .from = s->from,
                          .to = s->to,
                          .value = value,
                          .ns = t->ns,
                          .began = t->began,
                          .open = t->open,
                          .name = m->q->by == KP_SUM_SHIFT ? s->name : NULL };
    m->stop |= !m->each(m->arg, &out);
}

static void close_step(struct sum *m, size_t k)
{
    const struct kp_step *s = &m->step[k];
    for (size_t i = 0; i < m->n_running; i++)
        m->running[i].value->in[k].open +=
            m->running[i].end > s->to || m->running[i].end == KP_FOREVER;
    size_t n = collect(m, k);
    m->told++;
    for (size_t i = 0; i < n && !m->stop; i++)
        tell(m, k, m->order[i]->text, &m->order[i]->in[k]);
    int64_t past = m->q->now < s->to ? m->q->now : s->to;
    struct tally unknown = { .ns = past > s->from ? past - s->from - m->any->in[k].ns : 0 };
    if (unknown.ns && !m->stop && !m->err->code)
        tell(m, k, NULL, &unknown);
    for (size_t i = 0; i <= BUCKETS; i++)
        for (struct value *v = i < BUCKETS ? m->buckets[i] : m->any; v; v = v->next)
            v->in[k] = (struct tally){ 0 };
    m->used[k] = false;
    sweep(m, s->to);
}

/* The open step that ends first, of equals the one that began first; KP_SUM_SHIFTS_MAX when none is
 * open. */
static size_t first_to_end(const struct sum *m)
{
    size_t first = KP_SUM_SHIFTS_MAX;
    for (size_t k = 0; k < KP_SUM_SHIFTS_MAX; k++) {
        if (!m->used[k])
            continue;
        const struct kp_step *s = &m->step[k],
                             *best = &m->step[first < KP_SUM_SHIFTS_MAX ? first : k];
        if (best == s || s->to < best->to || (s->to == best->to && s->from < best->from))
            first = k;
    }
    return first;
}

/* Closes and opens steps up to this time, in order of time. */
static bool advance(struct sum *m, int64_t at)
{
    while (!m->stop && !m->err->code) {
        size_t first = first_to_end(m);
        int64_t ends = first < KP_SUM_SHIFTS_MAX ? m->step[first].to : INT64_MAX;
        bool begins = m->more && m->pending.from <= at;
        if (first < KP_SUM_SHIFTS_MAX && ends <= at && (!begins || ends <= m->pending.from)) {
            close_step(m, first);
        } else if (begins) {
            open_step(m);
        } else {
            m->due = m->more && m->pending.from < ends ? m->pending.from : ends;
            return true;
        }
    }
    return false;
}

/* ---- intervals ---- */

/* The union of a value's intervals grows by [from, to). */
static void extend(struct sum *m, struct value *v, int64_t from, int64_t to)
{
    if (from < v->covered)
        from = v->covered;
    if (to <= from)
        return;
    for (size_t k = 0; k < KP_SUM_SHIFTS_MAX; k++) {
        int64_t end = m->used[k] && m->step[k].to < to ? m->step[k].to : to;
        if (m->used[k] && end > from)
            v->in[k].ns += end - from;
    }
    v->covered = to;
}

static bool note_running(struct sum *m, struct value *v, int64_t end, int64_t at)
{
    if (m->n_running == KP_SUM_RUNNING_MAX)
        sweep(m, at);
    if (m->n_running == KP_SUM_RUNNING_MAX)
        return kp_fail(m->err, KP_EFULL,
                       "asset %u: more than %d intervals of kind %s go on at one time: end them",
                       m->q->asset, KP_SUM_RUNNING_MAX, kp_interval_kind_name(m->q->kind)) == KP_OK;
    if (!kp_grow(&m->running, &m->running_room, m->n_running + 1, sizeof *m->running))
        return kp_fail(m->err, KP_ENOMEM, "out of memory") == KP_OK;
    m->running[m->n_running++] = (struct running){ end, v };
    v->running++;
    return true;
}

static bool take(struct sum *m, int64_t start, int64_t end, const char *text)
{
    const struct kp_sum_query *q = m->q;
    int64_t from = start < q->from ? q->from : start, to = kp_sum_end(q, from, end);
    if (from >= m->due && !advance(m, from))
        return false;
    struct value *v = find_value(m, text, from);
    if (!v)
        return false;
    extend(m, v, from, to);
    extend(m, m->any, from, to < q->now ? to : q->now);
    for (size_t k = 0; k < KP_SUM_SHIFTS_MAX; k++)
        v->in[k].began += m->used[k] && start >= q->from;
    return end <= from || note_running(m, v, end, from);
}

/* ---- the whole ---- */

static const char *const attributes[] = {
    [KP_INTERVAL_STATE] = "state", [KP_INTERVAL_JOB] = "name",    [KP_INTERVAL_PROGRAM] = "name",
    [KP_INTERVAL_PART] = "name",   [KP_INTERVAL_STOP] = "reason", [KP_INTERVAL_SHIFT] = "name",
    [KP_INTERVAL_BATCH] = "name",  [KP_INTERVAL_ALARM] = "key",   [KP_INTERVAL_GAP] = "reason",
};
const char *const kp_sum_words[] = { "every", "shift", "day", "week", "month", NULL };

const char *kp_interval_attribute(uint8_t kind)
{
    return kind < sizeof attributes / sizeof *attributes ? attributes[kind] : "name";
}

static enum kp_code check(const struct kp_sum_query *q, const char *attribute, struct kp_err *err)
{
    size_t n = strlen(attribute);
    if (q->from >= q->to)
        return kp_fail(err, KP_EINVALID, "from must be before to");
    if ((uint64_t)q->to - (uint64_t)q->from > INT64_MAX)
        return kp_fail(err, KP_EINVALID, "from and to are more than 292 years apart");
    if (q->every < 0)
        return kp_fail(err, KP_EINVALID, "a step must be longer than nothing");
    if (!kp_name_valid(attribute, n) || strpbrk(attribute, "\"\\"))
        return kp_fail(err, KP_EINVALID, "'%.60s' is not the name of an attribute", attribute);
    return KP_OK;
}

static void run(struct sum *m, struct kp_db *db)
{
    kp_attribute_begin(&m->attribute, db, m->name);
    if (!(m->any = new_value(m, "")) || kp_steps_begin(&m->steps, db, m->q, m->err))
        return;
    m->more = kp_steps_next(&m->steps, &m->pending, m->err);
    m->due = m->q->from;
    struct kp_sum_rows rows = kp_sum_rows(db, m->q);
    struct kp_sum_row row;
    while (!m->err->code && kp_sum_rows_next(&rows, &row, m->err)) {
        const char *value = kp_attribute_value(&m->attribute, row.attributes, m->err);
        if (!value || !take(m, row.start, row.end, value))
            break;
    }
    kp_sum_rows_end(&rows);
    advance(m, INT64_MAX);
}

static void drop(struct sum *m)
{
    kp_attribute_end(&m->attribute);
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct value *v = m->buckets[i], *next; v; v = next) {
            next = v->next;
            kp_free(v);
        }
    kp_free(m->any);
    kp_free(m->order);
    kp_free(m->running);
    kp_free(m);
}

enum kp_code kp_interval_sum(struct kp_db *reader, const struct kp_sum_query *q,
                             bool (*each)(void *, const struct kp_sum *), void *arg,
                             struct kp_err *err)
{
    struct kp_err failure = { 0 };
    const char *attribute = q->attribute ? q->attribute : kp_interval_attribute(q->kind);
    if (check(q, attribute, err))
        return KP_EINVALID;
    struct sum *m = kp_alloc(sizeof *m);
    if (!m)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    m->q = q;
    m->name = attribute;
    m->each = each;
    m->arg = arg;
    m->err = &failure;
    if (!kp_db_read_begin(reader, &failure)) {
        run(m, reader);
        kp_steps_end(&m->steps);
        kp_db_read_end(reader);
    }
    drop(m);
    return failure.code ? kp_fail(err, failure.code, "%s", failure.text) : KP_OK;
}

enum kp_code kp_interval_assets(struct kp_db *reader, uint8_t kind, bool (*each)(void *, kp_asset),
                                void *arg, struct kp_err *err)
{
    static const char sql[] =
        "select id from (select 0 id union all select id from asset) a "
        "where exists(select 1 from interval i where i.asset = a.id and i.kind = ?) order by id";
    struct kp_err failure = { 0 };
    struct kp_stmt *s = kp_db_prepare(reader, sql, &failure);
    bool more = s != NULL;
    if (s)
        kp_bind_text(s, 1, kp_interval_kind_name(kind));
    while (more && kp_step(s, &failure))
        more = each(arg, (kp_asset)kp_column_int(s, 0));
    if (s)
        kp_reset(s);
    return failure.code ? kp_fail(err, failure.code, "%s", failure.text) : KP_OK;
}
