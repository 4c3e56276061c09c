/* SPDX-License-Identifier: Apache-2.0 */
/* advisories: which of the own devices are affected by what, and what to do. */
#include "cli/client.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

enum { CELL = 64, PIECE = 2 << 20, FILE_MAX = 64 << 20 };

/* ---- list ---- */
static const char *first_fix(const json_t *finding)
{
    return kp_or_dash(kp_text(json_array_get(json_object_get(finding, "do"), 0), "category"));
}

static void print_list(const struct kp_cli *c, const json_t *j)
{
    static const char *const head[] = { "urgency", "device", "verdict", "advisory",
                                        "score",   "to do",  "title" };
    struct kp_table t = { 0 };
    json_t *f;
    size_t i;
    json_array_foreach(json_object_get(j, "findings"), i, f)
    {
        char score[CELL] = "-";
        const json_t *s = json_object_get(f, "score");
        if (json_is_number(s))
            snprintf(score, sizeof score, "%.1f", json_number_value(s));
        kp_table_row(&t, 7,
                     (const char *[]){ kp_text(f, "urgency"), kp_text(f, "name"),
                                       *kp_text(f, "closed") ? kp_text(f, "closedWhy")
                                                             : kp_text(f, "verdict"),
                                       kp_text(f, "advisory"), score,
                                       first_fix(f), kp_text(f, "title") });
    }
    if (i)
        kp_table_print(c, &t, head, "llllrll");
    printf("%zu findings; %" PRId64 " advisories, %" PRId64 " devices\n", i,
           kp_integer(j, "advisories"), kp_integer(j, "devices"));
}

static int list(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    json_t *j = kp_client_get(
        c, kp_flag(c, "all") ? "/api/v1/advisories?all=true" : "/api/v1/advisories", &err);
    return kp_client_list(c, j, print_list, &err);
}

/* ---- show ---- */
static void print_finding(const json_t *f)
{
    const json_t *evidence = json_object_get(f, "evidence");
    json_t *one;
    size_t i;
    printf("\n%s (device %" PRId64 "): %s, %s: %s\n", kp_text(f, "name"), kp_integer(f, "device"),
           kp_text(f, "verdict"), kp_text(f, "urgency"), kp_text(f, "because"));
    printf("  why       %s; %s (product %s)\n", kp_text(evidence, "rule"),
           kp_text(evidence, "version"), kp_text(evidence, "product"));
    json_array_foreach(json_object_get(f, "vulnerabilities"), i, one)
        printf("  %-9s %s: %s\n", i ? "" : "what", kp_text(one, "id"), kp_text(one, "verdict"));
    json_array_foreach(json_object_get(f, "do"), i, one)
        printf("  %-9s %s: %s%s%s%s%s\n", i ? "" : "do", kp_text(one, "category"),
               kp_text(one, "text"), *kp_text(one, "url") ? " " : "", kp_text(one, "url"),
               *kp_text(one, "restart") ? "; restart: " : "", kp_text(one, "restart"));
    if (*kp_text(f, "answer"))
        printf("  answer    %s, %s %s\n", kp_text(f, "answer"), kp_text(f, "who"),
               kp_text(f, "comment"));
    if (*kp_text(f, "closed"))
        printf("  closed    %s: %s\n", kp_text(f, "closed"), kp_text(f, "closedWhy"));
}

static void print_advisory(const json_t *j)
{
    json_t *f;
    size_t i;
    printf("%s, version %s of %s\n%s\n%s\n%s\n", kp_text(j, "id"), kp_text(j, "version"),
           kp_text(j, "changed"), kp_text(j, "title"), kp_text(j, "publisher"), kp_text(j, "url"));
    json_array_foreach(json_object_get(j, "references"), i, f)
        printf("  %-9s %s %s\n", kp_text(f, "category"), kp_text(f, "url"), kp_text(f, "summary"));
    json_array_foreach(json_object_get(j, "findings"), i, f) print_finding(f);
    if (!i)
        printf("\nnone of the devices has to do with it\n");
}

static int show(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    if (c->argc < 2)
        return kp_complain(c, KP_MISUSE, "show which advisory?");
    return kp_client_show(c, kp_client_at(c, "GET", "advisories", c->argv[1], NULL, NULL, &err),
                          print_advisory, &err);
}

/* ---- answer ---- */
static void print_answered(const json_t *j)
{
    printf("device %" PRId64 ": the answer is kept until its firmware or the advice changes\n",
           kp_integer(j, "id"));
}

static int64_t device_of(struct kp_cli *c, const char *advisory, const char *name,
                         struct kp_err *err)
{
    int64_t id = name[strspn(name, "0123456789")] ? 0 : strtoll(name, NULL, 10);
    json_t *j = id ? NULL : kp_client_at(c, "GET", "advisories", advisory, NULL, NULL, err), *f;
    size_t i;
    json_array_foreach(json_object_get(j, "findings"), i, f)
    {
        if (strcmp(kp_text(f, "name"), name) == 0)
            id = kp_integer(f, "device");
    }
    json_decref(j);
    if (!id && !err->code)
        kp_fail(err, KP_ENOTFOUND, "%.60s has nothing to do with a device '%.80s'", advisory, name);
    return id;
}

static int answer(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    if (c->argc != 4)
        return kp_complain(c, KP_MISUSE,
                           "answer ADVISORY DEVICE affected|not_affected|in_progress|"
                           "accepted|done|open");
    int64_t device = device_of(c, c->argv[1], c->argv[2], &err);
    if (err.code)
        return kp_fault(c, &err);
    json_t *body = json_pack("{s:I, s:s, s:s*}", "device", (json_int_t)device, "answer", c->argv[3],
                             "comment", kp_flag(c, "comment"));
    return kp_client_show(c, kp_client_at(c, "PUT", "advisories", c->argv[1], "answer", body, &err),
                          print_answered, &err);
}

/* ---- import ---- */
struct importing {
    struct kp_cli *c;
    size_t taken, failed, opened, closed;
    bool gone; /* there is no node, or it does not run: what is left would say the same */
    json_t *all;
};

static void sum_up(struct importing *m, const char *path, const json_t *j)
{
    m->taken++;
    m->opened += (size_t)kp_integer(j, "opened");
    m->closed += (size_t)kp_integer(j, "closed");
    if (m->c->json)
        json_array_append(m->all, (json_t *)(uintptr_t)j);
    else if (kp_integer(j, "affected") + kp_integer(j, "review") > 0)
        printf("%s: %s: %" PRId64 " devices affected, %" PRId64 " to be reviewed\n", path,
               kp_text(j, "id"), kp_integer(j, "affected"), kp_integer(j, "review"));
    else if (json_object_get(j, "vulnerabilities"))
        printf("%s: %s of %" PRId64 " vulnerabilities\n", path, kp_text(j, "kind"),
               kp_integer(j, "vulnerabilities"));
}

static void send_text(struct importing *m, const char *path, const char *text, size_t len)
{
    struct kp_err err = { 0 };
    json_t *body = json_object(), *piece = json_stringn(text, len);
    if (!piece)
        kp_fail(&err, KP_EPARSE, "it is not UTF-8, or memory is short");
    json_object_set_new(body, "text", piece);
    json_t *j = err.code ? NULL : kp_client_at(m->c, "POST", "advisories", NULL, NULL, body, &err);
    if (j)
        sum_up(m, path, j);
    else
        m->failed++;
    m->gone = err.code == KP_ENOTFOUND || err.code == KP_ESTOPPED;
    if (m->gone)
        kp_fault(m->c, &err);
    else if (!j)
        fprintf(stderr, "koppel: advisories: %s: %s\n", path, err.text);
    json_decref(j);
}

/* Lists of feeds are longer than a request may be: some lines at a time. */
static void send_lines(struct importing *m, const char *path, const char *text, size_t len)
{
    while (len && !m->gone) {
        size_t n = len > PIECE ? PIECE : len;
        while (n < len && n && text[n - 1] != '\n')
            n--;
        if (!n)
            n = len > PIECE ? PIECE : len;
        send_text(m, path, text, n);
        text += n;
        len -= n;
    }
}

static void import_file(void *arg, const char *path)
{
    struct importing *m = arg;
    struct kp_err err = { 0 };
    struct kp_buf file;
    if (m->gone)
        return;
    kp_buf_init(&file, FILE_MAX);
    if (kp_read_document(path, &file, &err)) {
        m->failed++;
        fprintf(stderr, "koppel: advisories: %s: %s\n", path, err.text);
    } else {
        const char *text = kp_buf_text(&file);
        bool json = text[strspn(text, " \t\r\n\xef\xbb\xbf")] == '{';
        (json ? send_text : send_lines)(m, path, text, file.len);
    }
    kp_buf_free(&file);
}

static int import(struct kp_cli *c)
{
    struct importing m = { .c = c, .all = json_array() };
    if (c->argc < 2)
        return kp_complain(c, KP_MISUSE, "import which files or folders?");
    for (int i = 1; i < c->argc; i++)
        if (!kp_each_json_file(c->argv[i], import_file, &m))
            import_file(&m, c->argv[i]);
    if (c->json)
        kp_print_json(m.all);
    else if (!m.gone)
        printf("%zu taken, %zu refused; %zu findings opened, %zu closed\n", m.taken, m.failed,
               m.opened, m.closed);
    json_decref(m.all);
    return m.failed ? KP_FAILED : KP_DONE;
}

int kp_verb_advisories(struct kp_cli *c)
{
    const char *word = c->argc ? c->argv[0] : "list";
    if (strcmp(word, "list") == 0)
        return list(c);
    if (strcmp(word, "import") == 0)
        return import(c);
    if (strcmp(word, "show") == 0)
        return show(c);
    if (strcmp(word, "answer") == 0)
        return answer(c);
    return kp_complain(c, KP_MISUSE, "'%s' is none of list, import, show, answer", word);
}
