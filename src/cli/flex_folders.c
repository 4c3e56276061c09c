/* SPDX-License-Identifier: Apache-2.0 */
/* flex folders: where orders come as files, what became of them, what a file would do. */
#include "cli/flex.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { URL = 1024 };

/* ---- list ---- */
static void print_folders(struct kp_cli *c, const json_t *j)
{
    static const char *const head[] = { "folder", "format", "sender", "path" };
    struct kp_table t = { 0 };
    json_t *f;
    size_t i;
    json_array_foreach(json_object_get(j, "folders"), i, f) kp_table_row(
        &t, 4,
        (const char *[]){ kp_text(f, "name"), *kp_text(f, "format") ? kp_text(f, "format") : "csv",
                          kp_or_dash(kp_text(f, "sender")),
                          *kp_text(f, "path") ? kp_text(f, "path") : "orders/ of the node" });
    if (i)
        kp_table_print(c, &t, head, "llll");
    else
        printf("no folders; docs/orders.md says how one is made\n");
}

static int list(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    if (kp_flag(c, "file"))
        return kp_flex_put(c, "/api/v1/order-folders", kp_flag(c, "file"), print_folders);
    json_t *j = kp_client_get(c, "/api/v1/order-folders", &err);
    return kp_flex_show(c, j, &err, print_folders);
}

/* ---- log ---- */
static void indented(const char *text)
{
    while (*text) {
        size_t n = strcspn(text, "\n");
        printf("      %.*s\n", (int)n, text);
        text += n + (text[n] == '\n');
    }
}

static void print_log(struct kp_cli *c, const json_t *j)
{
    json_t *f;
    size_t i;
    json_array_foreach(json_object_get(j, "files"), i, f)
    {
        char at[KP_CELL];
        kp_cell_time(f, "at", at);
        printf("%4" PRId64 "  %s  %s  %s%-8s%s  %s, %" PRId64 " orders%s\n", kp_integer(f, "id"),
               at, kp_text(f, "folder"), kp_style(c, "1"), kp_text(f, "result"), kp_style(c, "0"),
               kp_text(f, "name"), kp_integer(f, "orders"),
               json_object_get(f, "acknowledged") ? ", acknowledged" : "");
        indented(kp_text(f, kp_flag(c, "dutch") ? "reason_nl" : "reason"));
    }
    if (!i)
        printf("no files yet\n");
    if (json_is_true(json_object_get(j, "more")))
        printf("there are more: --limit shows them\n");
}

static int log_of(struct kp_cli *c)
{
    static const char *const flags[] = { "folder", "limit" };
    struct kp_err err = { 0 };
    struct kp_buf url;
    kp_buf_init(&url, URL);
    kp_buf_str(&url, "/api/v1/order-folders/log");
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (kp_flag(c, flags[i]))
            kp_url_add(&url, flags[i], kp_flag(c, flags[i]));
    json_t *j = kp_client_get(c, kp_buf_text(&url), &err);
    kp_buf_free(&url);
    return kp_flex_show(c, j, &err, print_log);
}

static void print_seen(struct kp_cli *c, const json_t *j)
{
    (void)c;
    printf("file %" PRId64 " is acknowledged\n", kp_integer(j, "id"));
}

static int acknowledge(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    json_t *j = kp_client_at(c, "POST", "order-folders/log", c->argv[2], "acknowledge", NULL, &err);
    return kp_flex_show(c, j, &err, print_seen);
}

/* ---- check ---- */
static void print_fault(const json_t *f, bool dutch)
{
    if (json_object_get(f, "line"))
        printf(dutch ? "regel %" PRId64 : "line %" PRId64, kp_integer(f, "line"));
    if (json_object_get(f, "column"))
        printf(dutch ? ", kolom %" PRId64 : ", column %" PRId64, kp_integer(f, "column"));
    if (*kp_text(f, "header"))
        printf(" (%s)", kp_text(f, "header"));
    printf("%s%s\n", json_object_get(f, "line") ? ": " : "", kp_text(f, dutch ? "nl" : "en"));
}

static void print_check(struct kp_cli *c, const json_t *j)
{
    static const char *const head[] = { "order", "item", "quantity", "due", "operations" };
    struct kp_table t = { 0 };
    json_t *one;
    size_t i;
    json_array_foreach(json_object_get(j, "faults"), i, one)
        print_fault(one, kp_flag(c, "dutch") != NULL);
    if (i)
        return;
    json_array_foreach(json_object_get(j, "orders"), i, one)
    {
        char quantity[KP_CELL], due[KP_CELL], n[KP_CELL];
        snprintf(quantity, sizeof quantity, "%.10g", kp_number(one, "quantity"));
        kp_cell_time(one, "due", due);
        kp_cell_number(one, "operations", 0, n);
        kp_table_row(
            &t, 5,
            (const char *[]){ kp_text(one, "number"), kp_text(one, "item"), quantity, due, n });
    }
    if (i)
        kp_table_print(c, &t, head, "llrlr");
}

static json_t *check_file(struct kp_cli *c, struct kp_err *err)
{
    struct kp_buf url, file;
    struct kp_reply reply = { 0 };
    json_t *j = NULL;
    kp_buf_init(&url, URL);
    kp_buf_str(&url, "/api/v1/order-folders");
    kp_url_segment(&url, kp_flag(c, "folder"));
    kp_buf_str(&url, "/check");
    if (!kp_read_file(c->argv[2], &file, err) &&
        !kp_client(c, "POST", kp_buf_text(&url), "application/octet-stream",
                   file.data ? file.data : "", file.len, &reply, err) &&
        !(j = json_loadb(reply.body.data, reply.body.len, 0, NULL)))
        kp_fail(err, KP_EPEER, "the node's reply cannot be read");
    kp_client_free(&reply);
    kp_buf_free(&file);
    kp_buf_free(&url);
    return j;
}

static int check(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    if (!kp_flag(c, "folder"))
        return kp_complain(c, KP_MISUSE, "for which folder? flex folders check FILE --folder NAME");
    json_t *j = check_file(c, &err);
    bool good = j && json_is_true(json_object_get(j, "good"));
    int code = kp_flex_show(c, j, &err, print_check);
    return code == KP_DONE && !good ? KP_FAILED : code;
}

int kp_flex_folders(struct kp_cli *c)
{
    static const struct {
        const char *word, *needs;
        int (*run)(struct kp_cli *);
    } words[] = { { "list", NULL, list },
                  { "log", NULL, log_of },
                  { "check", "a file", check },
                  { "acknowledge", "the number of a file in the log", acknowledge } };
    const char *word = c->argc > 1 ? c->argv[1] : "list";
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i].word, word) == 0)
            return words[i].needs && c->argc < 3
                       ? kp_complain(c, KP_MISUSE, "flex folders %s needs %s", word, words[i].needs)
                       : words[i].run(c);
    return kp_complain(c, KP_MISUSE,
                       "there is no 'flex folders %s'; it takes list, log, check, acknowledge",
                       word);
}
