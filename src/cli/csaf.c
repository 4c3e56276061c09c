/* SPDX-License-Identifier: Apache-2.0 */
/* csaf: whether security advisories are as the standard wants them. Needs no node. */
#include "shield/csaf.h"

#include "cli/cli.h"
#include "core/json.h"
#include "net/json_memory.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/ban.h"

enum { SHOWN = 20, FOLDERS_DEEP = 16, UNUSABLE = 2 };

struct checking {
    const struct kp_cli *cli;
    bool mandatory_only, all;
    const char *file;
    struct kp_buf text, out;
    struct kp_json json;
    size_t found[KP_CSAF_TESTS_MAX]; /* in this document, of each test */
    size_t valid, invalid, unusable;
};

/* ---- findings ---- */
static void show_json(struct checking *c, const struct kp_csaf_finding *f)
{
    kp_json_begin(&c->json, '{');
    kp_json_put_text(&c->json, "test", f->test->id);
    kp_json_put_text(&c->json, "group", kp_csaf_group_word(f->test->group));
    kp_json_put_text(&c->json, "pointer", f->pointer);
    kp_json_put_text(&c->json, "text", f->text);
    kp_json_end(&c->json, '}');
}

/* For people: some faults of each test, and one place of each warning and hint. */
static void show(void *arg, const struct kp_csaf_finding *f)
{
    static const char *const words[] = { "", "warning ", "hint " };
    struct checking *c = arg;
    size_t n = c->found[f->test - kp_csaf_tests]++;
    if (c->cli->json)
        show_json(c, f);
    else if (c->all || n < (f->test->group == KP_CSAF_MANDATORY ? SHOWN : 1))
        printf("%s: %s[%s] %s: %s\n", c->file, words[f->test->group], f->test->id,
               *f->pointer ? f->pointer : "(document)", f->text);
}

static void show_more(const struct checking *c)
{
    for (const struct kp_csaf_test *t = kp_csaf_tests; t->id; t++) {
        size_t n = c->found[t - kp_csaf_tests], shown = t->group == KP_CSAF_MANDATORY ? SHOWN : 1;
        if (n > shown && !c->all)
            printf("%s: [%s] %zu more, shown with --all\n", c->file, t->id, n - shown);
    }
}

static void show_end(struct checking *c, const struct kp_csaf_head *h, const struct kp_err *err)
{
    bool valid = !err->code && !h->found[KP_CSAF_MANDATORY];
    if (c->cli->json) {
        kp_json_end(&c->json, ']');
        kp_json_put_text(&c->json, "id", *h->id ? h->id : NULL);
        kp_json_put_text(&c->json, "version", *h->version ? h->version : NULL);
        kp_json_put_text(&c->json, "category", *h->category ? h->category : NULL);
        kp_json_put_text(&c->json, "error", err->code ? err->text : NULL);
        kp_json_put_bool(&c->json, "valid", valid);
        kp_json_end(&c->json, '}');
        fwrite(c->out.data, 1, c->out.len, stdout);
        c->out.len = 0;
        return;
    }
    show_more(c);
    if (err->code)
        printf("%s: unusable: %s\n", c->file, err->text);
    else
        printf("%s: %s: %zu faults, %zu warnings, %zu hints\n", c->file,
               valid ? "valid" : "invalid", h->found[KP_CSAF_MANDATORY], h->found[KP_CSAF_OPTIONAL],
               h->found[KP_CSAF_INFORMATIVE]);
}

/* ---- files ---- */
static void check_file(struct checking *c, const char *file)
{
    struct kp_err err = { 0 };
    struct kp_csaf_head head = { 0 };
    c->file = file;
    memset(c->found, 0, sizeof c->found);
    if (c->cli->json) {
        kp_json_begin(&c->json, '{');
        kp_json_put_text(&c->json, "file", file);
        kp_json_key(&c->json, "findings");
        kp_json_begin(&c->json, '[');
    }
    if (!kp_read_document(file, &c->text, &err))
        kp_csaf_check(kp_buf_text(&c->text), c->text.len, c->mandatory_only, &head, show, c, &err);
    show_end(c, &head, &err);
    if (err.code)
        c->unusable++;
    else if (head.found[KP_CSAF_MANDATORY])
        c->invalid++;
    else
        c->valid++;
}

static int is_document(const struct dirent *e)
{
    size_t n = strlen(e->d_name);
    return e->d_name[0] != '.' &&
           (e->d_type != DT_REG || (n > 5 && strcmp(e->d_name + n - 5, ".json") == 0));
}

static void check_path(struct checking *c, const char *path, unsigned depth);

static void check_folder(struct checking *c, const char *folder, unsigned depth)
{
    struct dirent **entry = NULL;
    char path[4096];
    int n = scandir(folder, &entry, is_document, alphasort);
    for (int i = 0; i < n; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, entry[i]->d_name);
        check_path(c, path, depth + 1);
        free(entry[i]);
    }
    free(entry);
}

static void check_path(struct checking *c, const char *path, unsigned depth)
{
    struct stat s;
    bool known = stat(path, &s) == 0;
    size_t n = strlen(path);
    if (known && S_ISDIR(s.st_mode) && depth < FOLDERS_DEEP)
        check_folder(c, path, depth);
    else if (!depth || (known && S_ISREG(s.st_mode) && n > 5 && strcmp(path + n - 5, ".json") == 0))
        check_file(c, path);
}

/* ---- the verb ---- */
static void show_tests(struct kp_json *j, bool left_out)
{
    kp_json_begin(j, '[');
    for (const struct kp_csaf_test *t = kp_csaf_tests; t->id; t++) {
        if (left_out && !t->left_out)
            continue;
        kp_json_begin(j, '{');
        kp_json_put_text(j, "test", t->id);
        kp_json_put_text(j, "group", kp_csaf_group_word(t->group));
        kp_json_put_text(j, "title", t->title);
        kp_json_put_text(j, "leftOut", t->left_out);
        kp_json_end(j, '}');
    }
    kp_json_end(j, ']');
}

static void show_sum(struct checking *c)
{
    if (!c->cli->json) {
        if (c->valid + c->invalid + c->unusable > 1)
            printf("%zu passed, %zu failed\n", c->valid, c->invalid + c->unusable);
        return;
    }
    kp_json_end(&c->json, ']');
    kp_json_key(&c->json, "leftOut");
    show_tests(&c->json, true);
    kp_json_put_int(&c->json, "valid", (int64_t)c->valid);
    kp_json_put_int(&c->json, "invalid", (int64_t)c->invalid);
    kp_json_put_int(&c->json, "unusable", (int64_t)c->unusable);
    kp_json_end(&c->json, '}');
    printf("%s\n", kp_buf_text(&c->out));
}

static int check(struct kp_cli *cli)
{
    const char *only = kp_flag(cli, "only");
    struct checking c = { .cli = cli, .mandatory_only = only, .all = kp_flag(cli, "all") };
    if (cli->argc < 2)
        return kp_complain(cli, KP_MISUSE, "check which files or folders?");
    if (only && strcmp(only, "mandatory") != 0)
        return kp_complain(cli, KP_MISUSE, "--only takes mandatory");
    kp_json_memory_init();
    kp_buf_init(&c.text, KP_CSAF_BYTES_MAX);
    kp_buf_init(&c.out, 64 << 20);
    c.json = kp_json(&c.out);
    if (cli->json) {
        kp_json_begin(&c.json, '{');
        kp_json_key(&c.json, "documents");
        kp_json_begin(&c.json, '[');
    }
    for (int i = 1; i < cli->argc; i++)
        check_path(&c, cli->argv[i], 0);
    show_sum(&c);
    kp_buf_free(&c.text);
    kp_buf_free(&c.out);
    if (!(c.valid + c.invalid + c.unusable))
        return kp_complain(cli, UNUSABLE, "there is no .json file");
    return c.unusable ? UNUSABLE : c.invalid ? KP_FAILED : KP_DONE;
}

static int tests(struct kp_cli *c)
{
    struct kp_buf out;
    kp_buf_init(&out, 1 << 20);
    struct kp_json j = kp_json(&out);
    if (c->json) {
        show_tests(&j, false);
        printf("%s\n", kp_buf_text(&out));
    }
    for (const struct kp_csaf_test *t = kp_csaf_tests; t->id && !c->json; t++)
        printf("%-10s %-11s %s%s%s%s\n", t->id, kp_csaf_group_word(t->group), t->title,
               t->left_out ? " (" : "", t->left_out ? t->left_out : "", t->left_out ? ")" : "");
    kp_buf_free(&out);
    return KP_DONE;
}

int kp_verb_csaf(struct kp_cli *c)
{
    if (strcmp(c->argv[0], "check") == 0)
        return check(c);
    if (strcmp(c->argv[0], "tests") == 0)
        return tests(c);
    return kp_complain(c, KP_MISUSE, "'%s' is neither check nor tests", c->argv[0]);
}
