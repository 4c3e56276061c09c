/* SPDX-License-Identifier: Apache-2.0 */
/* sql, apply, export, check, rollback: the data file and the file that says how the node shall be. */
#include "cli/client.h"
#include "config/apply.h"

#include "core/text.h"
#include "store/repair.h"
#include "store/store.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

enum { FILE_MAX = 4 << 20, BLOCK = 1 << 14, SQL_ROWS = 1000, SQL_DEADLINE_MS = 30000 };

/* ---- sql ---- */
static void csv_cell(const char *text, bool last)
{
    if (strpbrk(text, ",\"\r\n")) {
        putchar('"');
        for (; *text; text++)
            printf(*text == '"' ? "\"\"" : "%c", *text);
        putchar('"');
    } else {
        fputs(text, stdout);
    }
    putchar(last ? '\n' : ',');
}

static void print_rows(struct kp_cli *c, const json_t *j)
{
    enum { MOST = 16 };
    const json_t *columns = json_object_get(j, "columns");
    size_t n = json_array_size(columns), i, k;
    const char *head[MOST] = { 0 }, *cells[MOST];
    char text[MOST][512], right[MOST + 1];
    struct kp_table t = { 0 };
    json_t *row, *cell;
    bool csv = kp_flag(c, "csv") || n > MOST;
    for (i = 0; i < n; i++) {
        const char *name = json_string_value(json_array_get(columns, i));
        if (csv)
            csv_cell(name ? name : "", i + 1 == n);
        else
            head[i] = name ? name : "";
    }
    json_array_foreach (json_object_get(j, "rows"), i, row) {
        json_array_foreach (row, k, cell) {
            char one[512];
            kp_value_text(cell, NULL, one, sizeof one);
            if (json_is_null(cell))
                one[0] = 0;
            if (csv) {
                csv_cell(json_is_string(cell) ? json_string_value(cell) : one, k + 1 == n);
            } else {
                memcpy(text[k], one, sizeof one);
                cells[k] = text[k];
                right[k] = json_is_number(cell) ? 'r' : 'l';
            }
        }
        if (!csv)
            kp_table_row(&t, n, cells);
    }
    if (!csv && !t.n)
        printf("no rows\n");
    kp_table_print(c, &t, head, right);
    if (json_is_true(json_object_get(j, "more")))
        fprintf(stderr, "koppel: sql: there are more rows; use --limit\n");
}

static void add_column(json_t *row, struct kp_stmt *s, int i)
{
    switch (kp_column_kind(s, i)) {
    case KP_COLUMN_INT:
        json_array_append_new(row, json_integer(kp_column_int(s, i)));
        break;
    case KP_COLUMN_DOUBLE:
        json_array_append_new(row, json_real(kp_column_double(s, i)));
        break;
    case KP_COLUMN_TEXT:
        json_array_append_new(row, json_string(kp_column_text(s, i)));
        break;
    default:
        json_array_append_new(row, json_null());
    }
}

/* The node is not running: the file itself. */
static json_t *ask_file(struct kp_cli *c, const char *sql, int64_t limit, struct kp_err *err)
{
    char file[1100];
    snprintf(file, sizeof file, "%s/factory.db", c->node);
    struct kp_db *db = kp_store_open_reader(file, err);
    struct kp_stmt *s = db ? kp_db_query(db, sql, SQL_DEADLINE_MS, err) : NULL;
    json_t *columns = json_array(), *rows = json_array();
    bool more = false;
    for (int i = 0; s && i < kp_column_count(s); i++)
        json_array_append_new(columns, json_string(kp_column_name(s, i)));
    while (s && !more && kp_step(s, err)) {
        more = (int64_t)json_array_size(rows) == limit;
        json_t *row = json_array();
        for (int i = 0; i < kp_column_count(s); i++)
            add_column(row, s, i);
        if (more)
            json_decref(row);
        else
            json_array_append_new(rows, row);
    }
    if (s)
        kp_db_finish(s);
    if (db)
        kp_store_close_reader(db);
    return json_pack("{s:o, s:o, s:b}", "columns", columns, "rows", rows, "more", more);
}

int kp_verb_sql(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    const char *limit_text = kp_flag(c, "limit");
    int64_t limit = limit_text ? strtoll(limit_text, NULL, 10) : SQL_ROWS;
    if (limit <= 0)
        return kp_complain(c, KP_MISUSE, "--limit: '%s' is no number of rows", limit_text);
    json_t *body = json_pack("{s:s, s:I}", "sql", c->argv[0], "limit", (json_int_t)limit);
    if (!body)
        return kp_complain(c, KP_MISUSE, "the statement is not valid UTF-8");
    json_t *j = kp_client_send(c, "POST", "/api/v1/sql", body, &err);
    if (!j && err.code == KP_ESTOPPED) {
        err = (struct kp_err){ 0 };
        j = ask_file(c, c->argv[0], limit, &err);
    }
    if (!err.code && c->json) {
        kp_print_json(j);
    } else if (!err.code) {
        print_rows(c, j);
    }
    json_decref(j);
    return err.code ? kp_fault(c, &err) : KP_DONE;
}

/* ---- apply and export ---- */
enum kp_code kp_read_document(const char *file, struct kp_buf *text, struct kp_err *err)
{
    FILE *f = strcmp(file, "-") == 0 ? stdin : fopen(file, "rb");
    char block[BLOCK];
    size_t n;
    text->len = 0;
    text->failed = false;
    if (!f)
        return kp_fail(err, KP_EIO, "%s", strerror(errno));
    while ((n = fread(block, 1, sizeof block, f)) > 0 && !text->failed)
        kp_buf_add(text, block, n);
    if (ferror(f))
        kp_fail(err, KP_EIO, "it cannot be read");
    else if (text->failed)
        kp_fail(err, KP_EFULL, "the document is larger than %zu MiB", text->limit >> 20);
    if (f != stdin)
        fclose(f);
    return err->code;
}

enum kp_code kp_read_file(const char *file, struct kp_buf *out, struct kp_err *err)
{
    kp_buf_init(out, FILE_MAX);
    return kp_read_document(file, out, err) ? kp_context(err, "%s", file) : KP_OK;
}

static int is_json(const struct dirent *e)
{
    size_t n = strlen(e->d_name);
    return e->d_name[0] != '.' && n > 5 && strcmp(e->d_name + n - 5, ".json") == 0;
}

bool kp_each_json_file(const char *folder, void (*each)(void *arg, const char *path), void *arg)
{
    struct dirent **entry = NULL;
    char path[PATH_MAX];
    int n = scandir(folder, &entry, is_json, alphasort);
    for (int i = 0; i < n; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, entry[i]->d_name);
        each(arg, path);
        free(entry[i]);
    }
    free(entry);
    return n >= 0;
}

static void print_plan(const struct kp_cli *c, const json_t *j)
{
    json_t *step;
    size_t i;
    json_array_foreach (json_object_get(j, "plan"), i, step) {
        const char *action = kp_text(step, "action");
        char sign = strcmp(action, "add") == 0 ? '+' : strcmp(action, "remove") == 0 ? '-' : '~';
        printf("%s%c %s %s%s%s%s\n", kp_style(c, sign == '+' ? "32" : sign == '-' ? "31" : "33"), sign, kp_text(step, "kind"),
               kp_text(step, "name"), *kp_text(step, "detail") ? ": " : "", kp_text(step, "detail"), kp_style(c, "0"));
    }
    if (!i)
        printf("nothing to change\n");
    else
        printf("%s\n", json_is_true(json_object_get(j, "applied")) ? "applied" : "not applied: this was the plan");
}

static int send_file(struct kp_cli *c, const char *file, bool dry_run, bool prune)
{
    struct kp_err err = { 0 };
    struct kp_buf text, url;
    struct kp_reply r = { 0 };
    kp_buf_init(&url, 8192);
    kp_buf_str(&url, dry_run ? "/api/v1/apply?dryRun=1" : "/api/v1/apply?dryRun=0");
    if (prune)
        kp_buf_str(&url, "&prune=1");
    kp_url_add(&url, "name", file);
    if (!kp_read_file(file, &text, &err))
        kp_client(c, "POST", kp_buf_text(&url), "application/yaml", text.data ? text.data : "", text.len, &r, &err);
    json_t *j = err.code ? NULL : json_loadb(r.body.data ? r.body.data : "", r.body.len, 0, NULL);
    if (j && c->json)
        printf("%.*s\n", (int)r.body.len, r.body.data);
    else if (j)
        print_plan(c, j);
    json_decref(j);
    kp_client_free(&r);
    kp_buf_free(&text);
    kp_buf_free(&url);
    return err.code ? kp_fault(c, &err) : KP_DONE;
}

int kp_verb_apply(struct kp_cli *c)
{
    return send_file(c, c->argv[0], kp_flag(c, "dry-run"), kp_flag(c, "prune"));
}

int kp_verb_export(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    struct kp_reply r;
    int code = KP_DONE;
    if (kp_client(c, "GET", "/api/v1/export", NULL, NULL, 0, &r, &err)) {
        code = kp_fault(c, &err);
    } else if (!c->argc) {
        fwrite(r.body.data, 1, r.body.len, stdout);
    } else {
        FILE *f = fopen(c->argv[0], "wx");
        bool whole = f && fwrite(r.body.data, 1, r.body.len, f) == r.body.len;
        whole = f && fclose(f) == 0 && whole;
        if (!whole)
            code = kp_complain(c, KP_FAILED, "%s: %s", c->argv[0], strerror(errno));
    }
    kp_client_free(&r);
    return code;
}

/* ---- check and rollback ---- */
static void found(void *arg, const char *fault)
{
    const struct kp_cli *c = arg;
    if (c->json) {
        json_t *j = json_pack("{s:s}", "fault", fault);
        kp_print_json(j);
        json_decref(j);
    } else {
        printf("%s\n", fault);
    }
}

static bool is_data_file(const char *file)
{
    char head[16] = "";
    FILE *f = fopen(file, "rb");
    size_t n = f ? fread(head, 1, sizeof head, f) : 0;
    if (f)
        fclose(f);
    return n == sizeof head && memcmp(head, "SQLite format 3", sizeof head) == 0;
}

/* With a running node the file is held against it and the plan is printed; without one it is checked by itself. */
static int check_apply_file(struct kp_cli *c, const char *file)
{
    struct kp_err err = { 0 };
    struct kp_buf text;
    if (kp_client_running(c))
        return send_file(c, file, true, false);
    if (!kp_read_file(file, &text, &err))
        kp_apply_check(text.data ? text.data : "", text.len, file, &err);
    kp_buf_free(&text);
    if (err.code)
        return kp_fault(c, &err);
    printf(c->json ? "{\"plan\":null}\n" : "no fault found; no node is running here to hold it against\n");
    return KP_DONE;
}

static int repair(struct kp_cli *c, const char *out)
{
    struct kp_err err = { 0 };
    int losses = kp_store_repair(c->argv[0], out, found, c, &err);
    if (losses < 0)
        return kp_fault(c, &err);
    if (!c->json)
        printf("%s is a sound copy%s; %s is as it was\n", out, losses ? " without the above" : " of all there is", c->argv[0]);
    return KP_DONE;
}

int kp_verb_check(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    if (kp_flag(c, "repair"))
        return repair(c, kp_flag(c, "repair"));
    if (!is_data_file(c->argv[0]))
        return check_apply_file(c, c->argv[0]);
    int faults = kp_store_check(c->argv[0], found, c, &err);
    if (faults < 0)
        return kp_fault(c, &err);
    if (!c->json)
        printf("%s: %d fault%s\n", c->argv[0], faults, faults == 1 ? "" : "s");
    return faults ? KP_FAILED : KP_DONE;
}

int kp_verb_rollback(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    const char *dir = c->argc ? c->argv[0] : c->node;
    if (kp_store_rollback(dir, &err))
        return kp_fault(c, &err);
    if (!c->json)
        printf("%s is back at the data file before the upgrade; the newer one is kept as factory.db.newer\n", dir);
    return KP_DONE;
}
