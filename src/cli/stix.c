/* SPDX-License-Identifier: Apache-2.0 */
/* stix: patterns of STIX 2.1 checked, and held against observations in files; that needs no node. Objects the node keeps: stix_objects.c. */
#include "shield/stix_pattern.h"

#include "cli/stix.h"
#include "core/json.h"
#include "net/json_memory.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { BROKEN = 2, FILE_MAX = 4 << 20 };

/* A file of observations, read once for patterns that come one after the other. */
struct observations {
    char *file;
    struct kp_buf text;
    struct kp_arena arena;
    struct kp_tree *tree;
};

struct matching {
    struct kp_stix_pattern *pattern;
    struct kp_arena arena;
    const char **name; /* of each observation, by its number */
    size_t names, capacity, n;
    uint64_t *hit; /* the first one */
    struct kp_err *err;
};

static void let_go(struct observations *o)
{
    kp_free(o->file);
    kp_arena_free(&o->arena);
    kp_buf_free(&o->text);
    *o = (struct observations){ 0 };
}

static enum kp_code read_tree(const char *file, struct observations *o, struct kp_err *err)
{
    if (o->file && strcmp(o->file, file) == 0)
        return KP_OK;
    let_go(o);
    kp_buf_init(&o->text, FILE_MAX);
    if (kp_read_document(file, &o->text, err) ||
        kp_tree_read(kp_buf_text(&o->text), o->text.len, &o->arena, &o->tree, err)) {
        kp_context(err, "%s", file);
        let_go(o);
        return err->code;
    }
    if (!(o->file = kp_strdup(file)))
        kp_fail(err, KP_ENOMEM, "out of memory reading %s", file);
    return err->code;
}

/* Goes on behind a hit, for a fault in what follows is told. */
static bool take(void *arg, const struct kp_stix_observation *o)
{
    struct matching *m = arg;
    struct kp_stix_hit hit;
    if (!kp_grow(&m->name, &m->capacity, m->names + 1, sizeof *m->name))
        return kp_fail(m->err, KP_ENOMEM, "out of memory matching"), false;
    m->name[m->names++] = o->name ? o->name : "";
    if (kp_stix_pattern_take(m->pattern, o, &hit, m->err))
        return kp_context(m->err, "%.100s", o->name ? o->name : "an observation"), false;
    if (!hit.n || m->hit)
        return true;
    m->n = hit.n;
    m->hit = kp_arena_copy(&m->arena, hit.ids, hit.n * sizeof *hit.ids);
    if (!m->hit)
        kp_fail(m->err, KP_ENOMEM, "out of memory matching");
    return m->hit != NULL;
}

static void match(struct matching *m, const char *pattern, const char *file, struct observations *o,
                  struct kp_err *err)
{
    m->err = err;
    if (read_tree(file, o, err))
        return;
    m->pattern = kp_stix_pattern_new(pattern, strlen(pattern), err);
    if (m->pattern && !kp_stix_observations(o->tree, &m->arena, take, m, err) && !m->hit) {
        struct kp_stix_loss loss = kp_stix_pattern_loss(m->pattern);
        if (loss.dropped || loss.given_up)
            kp_fail(err, KP_EFULL, "no match found, but not all could be looked at: %llu observations too many, %llu "
                    "searches too long", (unsigned long long)loss.dropped, (unsigned long long)loss.given_up);
    }
}

static void done(struct matching *m)
{
    kp_stix_pattern_free(m->pattern);
    kp_arena_free(&m->arena);
    kp_free(m->name);
}

static void show_json(const struct matching *m)
{
    struct kp_buf out;
    kp_buf_init(&out, 16 << 20);
    struct kp_json j = kp_json(&out);
    kp_json_begin(&j, '{');
    kp_json_put_bool(&j, "match", m->hit);
    kp_json_key(&j, "observations");
    kp_json_begin(&j, '[');
    for (size_t i = m->n; i--;)
        kp_json_text(&j, m->name[m->hit[i]]);
    kp_json_end(&j, ']');
    kp_json_end(&j, '}');
    printf("%s\n", kp_buf_text(&out));
    kp_buf_free(&out);
}

static int match_one(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    struct matching m = { 0 };
    struct observations o = { 0 };
    const char *pattern = kp_flag(c, "pattern"), *file = kp_flag(c, "observations");
    if (!pattern || !file)
        return kp_complain(c, KP_MISUSE, "--pattern PATTERN and --observations FILE say what is matched with what");
    match(&m, pattern, file, &o, &err);
    if (!err.code && c->json)
        show_json(&m);
    else if (!err.code)
        printf("%s\n", m.hit ? "match" : "no match");
    for (size_t i = m.n; i-- && !err.code && !c->json;)
        printf("  %s\n", m.name[m.hit[i]]);
    bool hit = m.hit;
    done(&m);
    let_go(&o);
    return err.code ? kp_complain(c, BROKEN, "%s", err.text) : hit ? KP_DONE : KP_FAILED;
}

static int match_batch(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    struct observations list = { 0 }, o = { 0 };
    if (c->argc != 2)
        return kp_complain(c, KP_MISUSE, "match-batch takes one FILE: [{\"id\", \"pattern\", \"observations\": FILE}]");
    if (read_tree(c->argv[1], &list, &err))
        return kp_complain(c, BROKEN, "%s", err.text);
    for (const struct kp_tree *v = list.tree->type == KP_TREE_LIST ? list.tree->first : NULL; v; v = v->next) {
        struct kp_err fault = { 0 };
        struct matching m = { 0 };
        const char *id = kp_tree_text(v, "id"), *pattern = kp_tree_text(v, "pattern"), *file = kp_tree_text(v, "observations");
        if (id && pattern && file)
            match(&m, pattern, file, &o, &fault);
        else
            kp_fail(&fault, KP_EINVALID, "id, pattern and observations are texts");
        printf("%s %s\n", id ? id : "-", fault.code ? "error" : m.hit ? "match" : "nomatch");
        if (fault.code)
            fprintf(stderr, "%s: %s\n", id ? id : "-", fault.text);
        done(&m);
    }
    let_go(&list);
    let_go(&o);
    return KP_DONE;
}

static int check_pattern(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    int broken = 0;
    if (c->argc < 2)
        return kp_complain(c, KP_MISUSE, "check which pattern?");
    for (int i = 1; i < c->argc; i++, err = (struct kp_err){ 0 }) {
        broken += kp_stix_pattern_check(c->argv[i], strlen(c->argv[i]), &err) != KP_OK;
        printf("%s\n", err.code ? err.text : "valid");
    }
    return broken ? BROKEN : KP_DONE;
}

int kp_verb_stix(struct kp_cli *c)
{
    kp_json_memory_init();
    if (strcmp(c->argv[0], "match") == 0)
        return match_one(c);
    if (strcmp(c->argv[0], "match-batch") == 0)
        return match_batch(c);
    if (strcmp(c->argv[0], "check-pattern") == 0)
        return check_pattern(c);
    static const char *const kept[] = { "import", "list", "show", "remove", NULL };
    for (size_t i = 0; kept[i]; i++)
        if (strcmp(c->argv[0], kept[i]) == 0)
            return kp_stix_objects(c);
    return kp_complain(c, KP_MISUSE, "'%s' is none of import, list, show, remove, match, match-batch, check-pattern",
                       c->argv[0]);
}
