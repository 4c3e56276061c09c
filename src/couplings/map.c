/* SPDX-License-Identifier: Apache-2.0 */
#include "couplings/map.h"

#include "core/csv.h"
#include "core/json.h"
#include "core/state_rule.h"
#include "couplings/unit.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/ban.h"

static const char *const common[KP_MAP_COMMON] = {
    [KP_MAP_PATH] = "path",     [KP_MAP_TYPE] = "type",     [KP_MAP_UNIT] = "unit",
    [KP_MAP_SCALE] = "scale",   [KP_MAP_OFFSET] = "offset", [KP_MAP_DESCRIPTION] = "description",
    [KP_MAP_ROLE] = "role",     [KP_MAP_STATES] = "states", [KP_MAP_ENUMS] = "enums",
    [KP_MAP_LOW] = "low",       [KP_MAP_HIGH] = "high",
};

struct reading {
    struct kp_map *map;
    const struct kp_map_form *form;
    const char *names[KP_MAP_COLUMNS_MAX + 1];
    size_t n_names;
    size_t column[KP_MAP_COLUMNS_MAX]; /* of each place in a line */
    struct kp_csv csv;
    size_t room;
    struct kp_err *err;
};

/* ---- the first line ---- */
static void name_columns(struct reading *r)
{
    memcpy(r->names, common, sizeof common);
    r->n_names = KP_MAP_COMMON;
    for (size_t i = 0; r->form->columns[i] && r->n_names < KP_MAP_COLUMNS_MAX; i++)
        r->names[r->n_names++] = r->form->columns[i];
}

static enum kp_code take_head(struct reading *r)
{
    bool seen[KP_MAP_COLUMNS_MAX] = { 0 };
    if (r->csv.n > KP_MAP_COLUMNS_MAX)
        return kp_fail(r->err, KP_EPARSE, "line 1: more than %d columns", KP_MAP_COLUMNS_MAX);
    for (size_t i = 0; i < r->csv.n; i++) {
        size_t c = 0;
        while (c < r->n_names && strcasecmp(r->names[c], r->csv.cell[i]) != 0)
            c++;
        if (c == r->n_names) {
            const char *near = kp_nearest(r->csv.cell[i], r->names);
            return kp_fail(r->err, KP_EPARSE,
                           near ? "line 1: unknown column '%.60s', did you mean '%s'?"
                                : "line 1: unknown column '%.60s'",
                           r->csv.cell[i], near);
        }
        if (seen[c])
            return kp_fail(r->err, KP_EPARSE, "line 1: two columns are called '%s'", r->names[c]);
        seen[c] = true;
        r->column[i] = c;
    }
    for (size_t c = 0; c < r->n_names; c++) {
        bool needed = c == KP_MAP_PATH ||
                      (c >= KP_MAP_COMMON && r->form->needed >> (c - KP_MAP_COMMON) & 1);
        if (needed && !seen[c])
            return kp_fail(r->err, KP_EPARSE, "line 1: there is no column '%s'", r->names[c]);
    }
    return KP_OK;
}

/* ---- rows ---- */
static bool is_number(const char *text)
{
    char *end;
    double v = strtod(text, &end);
    return end != text && !*end && isfinite(v) && !strpbrk(text, "xXpP");
}

static enum kp_code check_row(struct reading *r, const struct kp_map_row *row)
{
    static const uint8_t numbers[] = { KP_MAP_SCALE, KP_MAP_OFFSET, KP_MAP_LOW, KP_MAP_HIGH };
    for (size_t c = 0; c < r->n_names; c++) {
        bool needed = c == KP_MAP_PATH ||
                      (c >= KP_MAP_COMMON && r->form->needed >> (c - KP_MAP_COMMON) & 1);
        if (needed && !row->cell[c])
            return kp_fail(r->err, KP_EPARSE, "'%s' is empty", r->names[c]);
        if (row->cell[c] && !kp_utf8_valid(row->cell[c], strlen(row->cell[c])))
            return kp_fail(r->err, KP_EPARSE, "%s: the text is not valid UTF-8", r->names[c]);
    }
    if (!kp_path_valid(row->cell[KP_MAP_PATH]))
        return kp_fail(r->err, KP_EPARSE, "path: '%.120s' is not a path such as spindle/temperature",
                       row->cell[KP_MAP_PATH]);
    for (size_t i = 0; i < sizeof numbers; i++)
        if (row->cell[numbers[i]] && !is_number(row->cell[numbers[i]]))
            return kp_fail(r->err, KP_EPARSE, "%s: '%.60s' is not a number", r->names[numbers[i]],
                           row->cell[numbers[i]]);
    struct kp_signal_info info = { 0 };
    return kp_map_info(r->map, row, &info, r->err);
}

static enum kp_code take_row(struct reading *r)
{
    if (kp_csv_empty(&r->csv) || *r->csv.cell[0] == '#')
        return KP_OK;
    if (r->map->n == KP_MAP_ROWS_MAX)
        return kp_fail(r->err, KP_EFULL, "line %" PRIu64 ": more than %d rows", r->csv.line,
                       KP_MAP_ROWS_MAX);
    if (!kp_grow(&r->map->rows, &r->room, r->map->n + 1, sizeof *r->map->rows))
        return kp_fail(r->err, KP_ENOMEM, "out of memory");
    struct kp_map_row *row = &r->map->rows[r->map->n];
    *row = (struct kp_map_row){ .line = r->csv.line };
    for (size_t i = 0; i < r->csv.n && i < KP_MAP_COLUMNS_MAX; i++) {
        size_t c = r->column[i];
        char *cell = r->csv.cell[i];
        if (c == SIZE_MAX && *cell)
            return kp_fail(r->err, KP_EPARSE, "line %" PRIu64 ": more cells than the first line has",
                           row->line);
        if (c != SIZE_MAX && *cell)
            row->cell[c] = c == KP_MAP_SCALE || c == KP_MAP_OFFSET || c == KP_MAP_LOW ||
                                   c == KP_MAP_HIGH
                               ? kp_csv_number(&r->csv, cell)
                               : cell;
    }
    if (check_row(r, row))
        return kp_context(r->err, "line %" PRIu64, row->line);
    r->map->n++;
    return KP_OK;
}

/* ---- all rows ---- */
static int by_path(const void *a, const void *b)
{
    const struct kp_map_row *const *x = a, *const *y = b;
    int order = strcmp((*x)->cell[KP_MAP_PATH], (*y)->cell[KP_MAP_PATH]);
    return order ? order : ((*x)->line > (*y)->line) - ((*x)->line < (*y)->line);
}

/* A path is one signal. Told is the first line, from the top, that repeats one. */
static enum kp_code check_paths(const struct kp_map *map, struct kp_err *err)
{
    const struct kp_map_row **sorted = kp_alloc((map->n + 1) * sizeof *sorted), *again = NULL, *first = NULL;
    if (!sorted)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    for (size_t i = 0; i < map->n; i++)
        sorted[i] = &map->rows[i];
    qsort(sorted, map->n, sizeof *sorted, by_path);
    for (size_t i = 1; i < map->n; i++)
        if (strcmp(sorted[i]->cell[KP_MAP_PATH], sorted[i - 1]->cell[KP_MAP_PATH]) == 0 &&
            (!again || sorted[i]->line < again->line)) {
            again = sorted[i];
            first = sorted[i - 1];
        }
    kp_free(sorted);
    if (!again)
        return KP_OK;
    return kp_fail(err, KP_EPARSE, "line %" PRIu64 ": path: '%.120s' stands in line %" PRIu64 " already", again->line,
                   again->cell[KP_MAP_PATH], first->line);
}

enum kp_code kp_map_read(struct kp_map *map, const struct kp_map_form *form, const char *text,
                         struct kp_err *err)
{
    size_t len = strlen(text);
    struct reading r = { .map = map, .form = form, .err = err };
    *map = (struct kp_map){ 0 };
    char *copy = len <= KP_MAP_TEXT_MAX ? kp_arena_copy(&map->arena, text, len + 1) : NULL;
    if (!copy)
        return kp_fail(err, len > KP_MAP_TEXT_MAX ? KP_EFULL : KP_ENOMEM,
                       len > KP_MAP_TEXT_MAX ? "map: more than %d bytes" : "out of memory",
                       KP_MAP_TEXT_MAX);
    for (size_t i = 0; i < KP_MAP_COLUMNS_MAX; i++)
        r.column[i] = SIZE_MAX;
    name_columns(&r);
    kp_csv_begin(&r.csv, copy, len);
    if (!kp_csv_more(&r.csv))
        kp_fail(err, KP_EPARSE, "it is empty");
    for (bool head = true; !err->code && kp_csv_more(&r.csv); head = false)
        if (!kp_csv_next(&r.csv, err))
            head ? take_head(&r) : take_row(&r);
    kp_csv_end(&r.csv);
    if (!err->code && !check_paths(map, err))
        return KP_OK;
    kp_map_free(map);
    return kp_context(err, "map");
}

enum kp_code kp_map_read_lines(struct kp_map *map, const struct kp_map_form *form,
                               const char *const *lines, struct kp_err *err)
{
    struct kp_buf text;
    kp_buf_init(&text, KP_MAP_TEXT_MAX);
    for (; *lines; lines++)
        kp_buf_printf(&text, "%s\n", *lines);
    *map = (struct kp_map){ 0 };
    enum kp_code code = text.failed ? kp_fail(err, KP_ENOMEM, "out of memory")
                                    : kp_map_read(map, form, kp_buf_text(&text), err);
    kp_buf_free(&text);
    return code;
}

void kp_map_free(struct kp_map *map)
{
    kp_arena_free(&map->arena);
    kp_free(map->rows);
    *map = (struct kp_map){ 0 };
}

enum kp_code kp_map_context(const struct kp_map_row *row, struct kp_err *err)
{
    return kp_context(err, "map: line %" PRIu64, row->line);
}

/* ---- what a row says of its signal ---- */
bool kp_map_scale(const struct kp_map_row *row, double *scale, double *offset)
{
    const char *s = row->cell[KP_MAP_SCALE], *o = row->cell[KP_MAP_OFFSET];
    *scale = s ? strtod(s, NULL) : 1;
    *offset = o ? strtod(o, NULL) : 0;
    return s || o;
}

/* "0=off 1=on" to {"0":"off","1":"on"}; a text with spaces in it ends at the next NUMBER=. */
static enum kp_code enums_json(struct kp_map *map, const char *text, const char **out,
                               struct kp_err *err)
{
    struct kp_buf buf;
    struct kp_json j = kp_json(&buf);
    kp_buf_init(&buf, 64 << 10);
    kp_json_begin(&j, '{');
    for (const char *p = text + strspn(text, " "); *p && !err->code;) {
        char key[24], name[KP_NAME_MAX];
        char *end;
        int64_t number = strtoll(p, &end, 10);
        if (end == p || *end != '=') {
            kp_fail(err, KP_EPARSE, "enums: '%.60s' is not such as 0=off 1=on", text);
            break;
        }
        const char *from = end + 1, *to = from;
        for (const char *q = from; *q; q++) { /* up to the word before the next '=' */
            if (*q == '=' && q > from)
                break;
            if (*q == ' ')
                to = q;
            if (!q[1])
                to = q + 1;
        }
        if (to == from)
            to = from + strlen(from);
        snprintf(key, sizeof key, "%" PRId64, number);
        kp_name_clean(name, sizeof name, from, (size_t)(to - from));
        kp_json_put_text(&j, key, name);
        p = to + strspn(to, " ");
    }
    kp_json_end(&j, '}');
    *out = kp_arena_strdup(&map->arena, kp_buf_text(&buf));
    if (!*out || buf.failed)
        kp_fail(err, KP_ENOMEM, "out of memory");
    kp_buf_free(&buf);
    return err->code;
}

enum kp_code kp_map_info(struct kp_map *map, const struct kp_map_row *row,
                         struct kp_signal_info *info, struct kp_err *err)
{
    struct kp_unit unit;
    const char *written = row->cell[KP_MAP_UNIT];
    if (written && kp_unit_find(written, &unit)) {
        info->unit = unit.code;
        info->unit_text = unit.text;
    } else {
        info->unit_text = written;
    }
    info->description = row->cell[KP_MAP_DESCRIPTION];
    info->role = row->cell[KP_MAP_ROLE];
    info->states = row->cell[KP_MAP_STATES];
    info->low = row->cell[KP_MAP_LOW] ? strtod(row->cell[KP_MAP_LOW], NULL) : 0;
    info->high = row->cell[KP_MAP_HIGH] ? strtod(row->cell[KP_MAP_HIGH], NULL) : 0;
    if (row->cell[KP_MAP_STATES] && kp_state_rule_check(row->cell[KP_MAP_STATES], err))
        return kp_context(err, "states");
    return row->cell[KP_MAP_ENUMS] ? enums_json(map, row->cell[KP_MAP_ENUMS], &info->enums, err)
                                   : KP_OK;
}
