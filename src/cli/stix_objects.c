/* SPDX-License-Identifier: Apache-2.0 */
/* stix: objects that the node keeps. */
#include "cli/client.h"
#include "cli/stix.h"
#include "net/json_memory.h"
#include "shield/stix_cut.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { FILE_MAX = 128 << 20, PIECE = 1536 << 10 };

/* ---- import ---- */
struct importing {
    struct kp_cli *c;
    struct kp_buf text, piece;
    int64_t stored, known, refused;
    json_t *failures;
    struct kp_err err;
};

static void sum_up(struct importing *m, const json_t *j)
{
    m->stored += kp_integer(j, "stored");
    m->known += kp_integer(j, "known");
    m->refused += kp_integer(j, "refused");
    json_array_extend(m->failures, json_object_get(j, "failures"));
}

/* A bundle is longer than a request may be: some objects at a time. */
static void send(struct importing *m)
{
    if (!m->piece.len || m->err.code)
        return;
    kp_buf_str(&m->piece, "]}");
    const char *collection = kp_flag(m->c, "collection");
    json_t *text = json_stringn(kp_buf_text(&m->piece), m->piece.len);
    json_t *body = text ? json_pack("{s:o, s:s*}", "text", text, "collection", collection) : NULL;
    json_t *j = body ? kp_client_at(m->c, "POST", "stix", NULL, NULL, body, &m->err) : NULL;
    if (j)
        sum_up(m, j);
    else
        kp_fail(&m->err, KP_EPARSE, "it is not UTF-8, or memory is short");
    json_decref(j);
    m->piece.len = 0;
}

static void add(struct importing *m, const struct kp_stix_part *p)
{
    const char *text = p->text ? p->text : "null";
    size_t len = p->text ? p->len : 4;
    if (m->piece.len && m->piece.len + len > PIECE)
        send(m);
    kp_buf_str(&m->piece, m->piece.len ? "," : "{\"objects\":[");
    kp_buf_add(&m->piece, text, len);
}

static void import_file(struct importing *m, const char *path)
{
    struct kp_arena arena = { 0 };
    struct kp_stix_parts parts = { 0 };
    if (!kp_read_document(path, &m->text, &m->err) &&
        !kp_stix_cut(kp_buf_text(&m->text), m->text.len, &arena, &parts, &m->err)) {
        for (int pass = 0; pass < 2; pass++)
            for (size_t i = 0; i < parts.n && !m->err.code; i++)
                if (kp_stix_defines_marking(&parts.part[i]) == (pass == 0))
                    add(m, &parts.part[i]);
        send(m);
    }
    kp_context(&m->err, "%.200s", path);
    json_decref(parts.frame);
    kp_arena_free(&arena);
}

static void print_sum(const struct importing *m)
{
    json_t *f;
    size_t i;
    json_array_foreach(m->failures, i, f)
        fprintf(stderr, "refused: %s: %s\n",
                *kp_text(f, "id") ? kp_text(f, "id") : "one without an id", kp_text(f, "why"));
    printf("%" PRId64 " stored, %" PRId64 " were here, %" PRId64 " refused\n", m->stored, m->known,
           m->refused);
}

static int import(struct kp_cli *c)
{
    struct importing m = { .c = c, .failures = json_array() };
    if (c->argc < 2)
        return kp_complain(c, KP_MISUSE, "import which files?");
    kp_buf_init(&m.text, FILE_MAX);
    kp_buf_init(&m.piece, FILE_MAX + PIECE);
    for (int i = 1; i < c->argc && !m.err.code; i++)
        import_file(&m, c->argv[i]);
    if (c->json) {
        json_t *j = json_pack("{s:I, s:I, s:I, s:O}", "stored", (json_int_t)m.stored, "known",
                              (json_int_t)m.known, "refused", (json_int_t)m.refused, "failures",
                              m.failures);
        kp_print_json(j);
        json_decref(j);
    } else if (!m.err.code || m.stored)
        print_sum(&m);
    json_decref(m.failures);
    kp_buf_free(&m.text);
    kp_buf_free(&m.piece);
    return m.err.code ? kp_fault(c, &m.err) : m.refused ? KP_FAILED : KP_DONE;
}

/* ---- list, show, remove ---- */
static void print_list(const struct kp_cli *c, const json_t *j)
{
    static const char *const head[] = { "type", "name", "tlp", "version", "source", "id" };
    struct kp_table t = { 0 };
    json_t *o;
    size_t i;
    json_array_foreach(json_object_get(j, "objects"), i, o) kp_table_row(
        &t, 6,
        (const char *[]){ kp_text(o, "type"), kp_or_dash(kp_text(o, "name")), kp_text(o, "tlp"),
                          kp_text(o, "version"), kp_text(o, "source"), kp_text(o, "id") });
    if (i)
        kp_table_print(c, &t, head, "llllll");
    if (kp_integer(j, "next"))
        printf("there are more: --limit\n");
}

static int list(struct kp_cli *c)
{
    static const char *const flags[] = { "type", "find", "limit", NULL };
    struct kp_err err = { 0 };
    struct kp_buf url;
    kp_buf_init(&url, 4096);
    kp_buf_str(&url, "/api/v1/stix");
    for (size_t i = 0; flags[i]; i++)
        if (kp_flag(c, flags[i]))
            kp_url_add(&url, flags[i], kp_flag(c, flags[i]));
    json_t *j = kp_client_get(c, kp_buf_text(&url), &err);
    kp_buf_free(&url);
    return kp_client_list(c, j, print_list, &err);
}

static void print_object(const json_t *j)
{
    json_t *v;
    size_t i;
    json_array_foreach(json_object_get(j, "versions"), i, v)
    {
        char *text = kp_json_dump(json_object_get(v, "object"), JSON_INDENT(2));
        printf("version %s, TLP:%s%s%s, from %s\n%s\n", kp_text(v, "version"), kp_text(v, "tlp"),
               json_is_true(json_object_get(v, "marked")) ? "" : " (it does not say)",
               json_is_true(json_object_get(v, "revoked")) ? ", revoked" : "", kp_text(v, "source"),
               text ? text : "");
        kp_free(text);
    }
}

int kp_stix_objects(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    const char *act = c->argv[0], *id = c->argc == 2 ? c->argv[1] : NULL;
    if (strcmp(act, "import") == 0)
        return import(c);
    if (strcmp(act, "list") == 0 && c->argc == 1)
        return list(c);
    if (!id)
        return kp_complain(c, KP_MISUSE, "%s takes one ID", act);
    if (strcmp(act, "show") == 0)
        return kp_client_show(c, kp_client_at(c, "GET", "stix", id, NULL, NULL, &err), print_object,
                              &err);
    json_decref(kp_client_at(c, "DELETE", "stix", id, NULL, NULL, &err));
    return err.code ? kp_fault(c, &err) : KP_DONE;
}
