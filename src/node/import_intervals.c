/* SPDX-License-Identifier: Apache-2.0 */
/* Intervals from elsewhere: CSV as `koppel intervals --csv` writes it, or with a column for each
 * attribute. */
#include "node/import_private.h"

#include "core/csv.h"
#include "core/text.h"
#include "net/json_memory.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

enum { HEAD_MAX = 4096, SLICE = 4096 };
enum column { C_ASSET, C_KIND, C_START, C_END, C_LABEL, C_ATTRIBUTES, C_NUMBER, C_COLUMNS };

static const char *const words[C_COLUMNS][4] = {
    [C_ASSET] = { "asset", "path" },   [C_KIND] = { "kind" },   [C_START] = { "start", "from" },
    [C_END] = { "end", "to" },         [C_LABEL] = { "label" }, [C_NUMBER] = { "number" },
    [C_ATTRIBUTES] = { "attributes" },
};

struct row {
    const char *path;
    struct kp_interval v; /* id 0: not there yet */
    uint64_t line;
    bool skip; /* it is there as it stands, or a later line says it again */
};

struct reading {
    const struct kp_import_options *options;
    struct kp_csv r;
    struct kp_arena arena;
    size_t place[C_COLUMNS]; /* SIZE_MAX = there is none */
    const char **names;      /* of the columns */
    size_t columns;
    struct row *list; /* in order of path, kind, start, attributes, line once all are read */
    size_t n, room;
    struct kp_err *err;
};

static enum kp_code out_of_memory(struct reading *m)
{
    return kp_fail(m->err, KP_ENOMEM, "out of memory reading intervals");
}

/* ---- the head ---- */

static bool find_columns(struct reading *m)
{
    for (int i = 0; i < C_COLUMNS; i++)
        m->place[i] = kp_csv_find(&m->r, words[i]);
    return m->place[C_ASSET] != SIZE_MAX && m->place[C_KIND] != SIZE_MAX &&
           m->place[C_START] != SIZE_MAX && kp_csv_find(&m->r, kp_points_times) == SIZE_MAX;
}

bool import_is_intervals(const struct kp_import_options *options, const char *text, size_t len,
                         struct kp_err *err)
{
    char head[HEAD_MAX + 1];
    struct reading m = { 0 };
    struct kp_err fault = { 0 }; /* of the text: whoever reads it as points tells it */
    if (!len || options->format != KP_IMPORT_CSV || options->column)
        return false;
    const char *end = memchr(text, '\n', len);
    size_t n = end ? (size_t)(end - text) + 1 : len;
    if (n > HEAD_MAX || memchr(text, 0, n))
        return false;
    memcpy(head, text, n);
    head[n] = 0;
    kp_csv_begin(&m.r, head, n);
    bool is = kp_csv_more(&m.r) && !kp_csv_next(&m.r, &fault) && find_columns(&m);
    kp_csv_end(&m.r);
    if (fault.code == KP_ENOMEM)
        *err = fault;
    return is;
}

static enum kp_code take_head(struct reading *m)
{
    if (kp_csv_next(&m->r, m->err))
        return m->err->code;
    find_columns(m);
    m->columns = m->r.n;
    m->names = kp_arena_alloc(&m->arena, m->columns * sizeof *m->names);
    for (size_t i = 0; m->names && i < m->columns; i++)
        m->names[i] = m->r.cell[i];
    return m->names ? KP_OK : out_of_memory(m);
}

/* ---- rows ---- */

static enum kp_code refuse(struct reading *m, const char *why, const char *word)
{
    return kp_fail(m->err, KP_EPARSE, "line %" PRIu64 ": %s '%.60s'", m->r.line, why, word);
}

static const char *cell(const struct reading *m, enum column c)
{
    return m->place[c] == SIZE_MAX ? "" : m->r.cell[m->place[c]];
}

static bool is_attribute(const struct reading *m, size_t column)
{
    for (int i = 0; i < C_COLUMNS; i++)
        if (m->place[i] == column)
            return false;
    return *m->names[column] && *m->r.cell[column];
}

/* What reads as a number, true or false is one; the rest is text. NULL: out of memory. */
static json_t *value_of(const char *word)
{
    json_t *v = kp_json_load(word, strlen(word), JSON_DECODE_ANY, NULL);
    if (json_is_number(v) || json_is_boolean(v))
        return v;
    json_decref(v);
    return kp_json_starved() ? NULL : json_string(word);
}

/* What the column `attributes` holds, or an empty object; NULL: it failed. */
static json_t *given_attributes(struct reading *m)
{
    const char *given = cell(m, C_ATTRIBUTES);
    json_t *all =
        *given ? kp_json_load(given, strlen(given), JSON_REJECT_DUPLICATES, NULL) : json_object();
    if (json_is_object(all))
        return all;
    if (!all && (!*given || kp_json_starved()))
        out_of_memory(m);
    else
        refuse(m, "the attributes are not a JSON object:", given);
    json_decref(all);
    return NULL;
}

static enum kp_code take_attributes(struct reading *m, struct row *row)
{
    json_t *all = given_attributes(m);
    for (size_t i = 0; all && !m->err->code && i < m->columns; i++)
        if (is_attribute(m, i) && json_object_set_new(all, m->names[i], value_of(m->r.cell[i])))
            out_of_memory(m);
    char *text = m->err->code ? NULL : kp_json_dump(all, JSON_COMPACT);
    row->v.attributes = text ? kp_arena_strdup(&m->arena, text) : NULL;
    kp_free(text);
    json_decref(all);
    return row->v.attributes || m->err->code ? m->err->code : out_of_memory(m);
}

static enum kp_code take_path(struct reading *m, struct row *row)
{
    char path[KP_PATH_MAX];
    const char *at = m->options->at ? m->options->at : "", *below = cell(m, C_ASSET);
    int n = snprintf(path, sizeof path, "%s%s%s", at, *at && *below ? "/" : "", below);
    if (n >= (int)sizeof path || (*path && !kp_path_valid(path)))
        return refuse(m, "this cannot be the path of an asset:", below);
    row->path = kp_arena_strdup(&m->arena, path);
    return row->path ? KP_OK : out_of_memory(m);
}

static enum kp_code take_times(struct reading *m, struct row *row)
{
    const char *start = cell(m, C_START), *end = cell(m, C_END);
    row->v.end = KP_FOREVER;
    if (!kp_points_time(m->options, start, &row->v.start) || row->v.start == KP_FOREVER)
        return refuse(m, "this is no time such as 2026-11-24T10:02:31Z:", start);
    if (*end && strcmp(end, "open") != 0 &&
        (!kp_points_time(m->options, end, &row->v.end) || row->v.end == KP_FOREVER))
        return refuse(m, "this is no time such as 2026-11-24T10:02:31Z:", end);
    return row->v.end >= row->v.start ? KP_OK
                                      : refuse(m, "the interval ends before it starts:", end);
}

static enum kp_code take_row(struct reading *m)
{
    struct row row = { .line = m->r.line };
    if (kp_csv_empty(&m->r))
        return KP_OK;
    if (m->r.n != m->columns)
        return kp_fail(m->err, KP_EPARSE,
                       "line %" PRIu64 ": %zu columns where the first line has %zu", m->r.line,
                       m->r.n, m->columns);
    if (!kp_interval_kind_parse(cell(m, C_KIND), &row.v.kind))
        return refuse(m, "this is no kind of interval:", cell(m, C_KIND));
    if (row.v.kind == KP_INTERVAL_ALARM)
        return kp_fail(m->err, KP_EPARSE, "line %" PRIu64 ": alarms are raised, not imported",
                       m->r.line);
    if (*cell(m, C_LABEL) && !kp_label_parse(cell(m, C_LABEL), &row.v.label))
        return refuse(m, "this is no label:", cell(m, C_LABEL));
    if (take_path(m, &row) || take_times(m, &row) || take_attributes(m, &row))
        return m->err->code;
    if (!kp_grow(&m->list, &m->room, m->n + 1, sizeof *m->list))
        return out_of_memory(m);
    m->list[m->n++] = row;
    return KP_OK;
}

/* Which interval it is: everything but its end and label. */
static int same_first(const struct row *a, const struct row *b)
{
    int paths = strcmp(a->path, b->path);
    if (paths)
        return paths;
    if (a->v.kind != b->v.kind)
        return a->v.kind < b->v.kind ? -1 : 1;
    if (a->v.start != b->v.start)
        return a->v.start < b->v.start ? -1 : 1;
    return strcmp(a->v.attributes, b->v.attributes);
}

static int in_order(const void *x, const void *y)
{
    const struct row *a = x, *b = y;
    int which = same_first(a, b);
    return which ? which : a->line < b->line ? -1 : 1;
}

static void sort(struct reading *m)
{
    if (m->n)
        qsort(m->list, m->n, sizeof *m->list, in_order);
    for (size_t i = 0; i + 1 < m->n; i++)
        m->list[i].skip = same_first(&m->list[i], &m->list[i + 1]) == 0;
}

static enum kp_code read_rows(struct reading *m, const char *text, size_t len)
{
    char *copy = NULL;
    if (memchr(text, 0, len) || !kp_utf8_valid(text, len))
        return kp_fail(m->err, KP_EPARSE, "the text is not UTF-8");
    if (!(copy = kp_arena_alloc(&m->arena, len + 1)))
        return out_of_memory(m);
    memcpy(copy, text, len);
    copy[len] = 0;
    kp_csv_begin(&m->r, copy, len);
    take_head(m);
    if (m->options->first > 1)
        m->r.next_line = m->options->first; /* a piece of a longer text, sent with its head */
    while (!m->err->code && kp_csv_more(&m->r))
        if (!kp_csv_next(&m->r, m->err))
            take_row(m);
    kp_csv_end(&m->r);
    sort(m);
    return m->err->code;
}

static void free_rows(struct reading *m)
{
    kp_free(m->list);
    kp_arena_free(&m->arena);
}

static void count(const struct reading *m, struct kp_import_count *out)
{
    *out = (struct kp_import_count){ .intervals = m->n, .from = KP_NO_TIME, .to = KP_NO_TIME };
    for (size_t i = 0; i < m->n; i++) {
        const struct kp_interval *v = &m->list[i].v;
        int64_t until = v->end == KP_FOREVER ? v->start : v->end;
        out->from = !i || v->start < out->from ? v->start : out->from;
        out->to = !i || until > out->to ? until : out->to;
    }
}

enum kp_code import_intervals_check(const char *text, size_t len,
                                    const struct kp_import_options *options,
                                    struct kp_import_count *out, struct kp_err *err)
{
    struct reading m = { .options = options, .err = err };
    if (!read_rows(&m, text, len))
        count(&m, out);
    free_rows(&m);
    return err->code;
}

/* ---- which of them are there ---- */

static enum kp_code find_asset(struct reading *m, const struct kp_model *model, struct row *row)
{
    row->v.asset = *row->path ? kp_model_find_asset(model, row->path) : 0;
    if (*row->path && !row->v.asset && kp_model_find_signal(model, row->path))
        return kp_fail(m->err, KP_EEXISTS, "line %" PRIu64 ": '%.200s' is a signal, not an asset",
                       row->line, row->path);
    return KP_OK;
}

static enum kp_code find_assets(struct reading *m, struct kp_model *model)
{
    for (size_t i = 0; i < m->n && !m->err->code;) {
        kp_model_lock(model);
        for (size_t end = i + KP_MODEL_SLICE; i < m->n && i < end && !m->err->code; i++)
            find_asset(m, model, &m->list[i]);
        kp_model_unlock(model);
    }
    return m->err->code;
}

static enum kp_code find_one(struct kp_db *db, struct row *row, struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(db,
                                      "select id, \"end\", label from interval where asset = ? and "
                                      "kind = ? and start = ? and attributes = ?",
                                      err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, row->v.asset);
    kp_bind_text(s, 2, kp_interval_kind_name(row->v.kind));
    kp_bind_int(s, 3, row->v.start);
    kp_bind_text(s, 4, row->v.attributes);
    if (!kp_step(s, err))
        return err->code;
    const char *label = kp_column_text(s, 2);
    bool alike =
        kp_column_int(s, 1) == row->v.end || row->v.end == KP_FOREVER; /* what has ended stays so */
    row->v.id = kp_column_int(s, 0);
    row->skip = alike && label && strcmp(label, kp_label_name(row->v.label)) == 0;
    if (row->v.end == KP_FOREVER)
        row->v.end = kp_column_int(s, 1);
    kp_reset(s);
    return KP_OK;
}

static enum kp_code find_rows(struct reading *m, struct kp_node *node)
{
    if (kp_store_sync(node->store, m->err))
        return m->err->code;
    struct kp_db *db = kp_store_reader(node->store, m->err);
    for (size_t i = 0; db && i < m->n && !m->err->code; i++)
        if (!m->list[i].skip && (m->list[i].v.asset || !*m->list[i].path))
            find_one(db, &m->list[i], m->err);
    if (db)
        kp_store_reader_done(node->store, db);
    return m->err->code;
}

/* ---- into the model (hub thread) ---- */

struct putting {
    struct reading *reading;
    struct kp_model *model;
    size_t at, end;
};

static enum kp_code put_row(struct putting *p, struct row *row)
{
    struct kp_err *err = p->reading->err;
    if (*row->path && !row->v.asset)
        row->v.asset = kp_model_make_path(p->model, row->path, KP_FOLDER, err);
    if (!err->code)
        row->v.id = kp_model_put_interval(p->model, &row->v, err);
    return err->code ? kp_context(err, "line %" PRIu64, row->line) : KP_OK;
}

static void put_slice(void *arg)
{
    struct putting *p = arg;
    for (; p->at < p->end && !p->reading->err->code; p->at++)
        if (!p->reading->list[p->at].skip)
            put_row(p, &p->reading->list[p->at]);
}

static enum kp_code put_rows(struct reading *m, struct kp_node *node)
{
    struct putting p = { .reading = m, .model = kp_hub_model(node->hub) };
    while (p.at < m->n && !m->err->code) {
        struct kp_err failure = { 0 };
        p.end = p.at + SLICE < m->n ? p.at + SLICE : m->n;
        node_change(node, put_slice, &p, &failure);
        if (!m->err->code && failure.code)
            import_not_now(m->err, failure.text);
    }
    return m->err->code;
}

enum kp_code import_intervals(struct kp_node *node, const char *text, size_t len,
                              const struct kp_import_options *options, struct kp_import_count *out,
                              struct kp_err *err)
{
    struct reading m = { .options = options, .err = err };
    if (!read_rows(&m, text, len) && !find_assets(&m, kp_hub_model(node->hub))) {
        count(&m, out);
        if (!options->dry && !import_check_store(node, err) && !find_rows(&m, node))
            put_rows(&m, node);
    }
    free_rows(&m);
    return err->code;
}
