/* SPDX-License-Identifier: Apache-2.0 */
/* flex: orders and what belongs to them; the shop floor stands in flex_shop.c. */
#include "cli/cli.h"
#include "core/json.h"
#include "flex/ubl.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

struct showing {
    const char *file;
    struct kp_json *json; /* NULL: for people */
};

static void show_fault(void *arg, const struct kp_ubl_fault *f)
{
    struct showing *s = arg;
    if (!s->json) {
        printf("%s:%u: %s [%s]\n", s->file, f->line, f->text, f->rule);
        return;
    }
    kp_json_begin(s->json, '{');
    kp_json_put_int(s->json, "line", f->line);
    kp_json_put_text(s->json, "rule", f->rule);
    kp_json_put_text(s->json, "text", f->text);
    kp_json_end(s->json, '}');
}

static void show_head(struct showing *s, const struct kp_ubl_head *h, const struct kp_err *err)
{
    if (!s->json && err->code)
        printf("%s: %s\n", s->file, err->text);
    else if (!s->json && !h->faults)
        printf("%s: %s %s is good, by UBL 2.1%s%s\n", s->file, h->root, h->id,
               h->rules ? " and " : "", h->rules ? h->rules : "");
    if (!s->json)
        return;
    kp_json_end(s->json, ']');
    kp_json_put_text(s->json, "root", *h->root ? h->root : NULL);
    kp_json_put_text(s->json, "id", *h->id ? h->id : NULL);
    kp_json_put_text(s->json, "rules", h->rules);
    kp_json_put_text(s->json, "error", err->code ? err->text : NULL);
    kp_json_put_bool(s->json, "good", !err->code && !h->faults);
    kp_json_end(s->json, '}');
}

/* Whether the document is good. */
static bool check_file(struct showing *s)
{
    struct kp_err err = { 0 };
    struct kp_ubl_head head = { 0 };
    struct kp_buf text;
    if (s->json) {
        kp_json_begin(s->json, '{');
        kp_json_put_text(s->json, "file", s->file);
        kp_json_key(s->json, "faults");
        kp_json_begin(s->json, '[');
    }
    if (!kp_read_file(s->file, &text, &err))
        kp_ubl_check(kp_buf_text(&text), text.len, &head, show_fault, s, &err);
    kp_buf_free(&text);
    show_head(s, &head, &err);
    return !err.code && !head.faults;
}

static int check(struct kp_cli *c)
{
    struct kp_buf out;
    struct kp_json j = kp_json(&out);
    int good = 0, n = c->argc - 1;
    if (n < 1)
        return kp_complain(c, KP_MISUSE, "check which files?");
    kp_buf_init(&out, 256 << 20);
    if (c->json)
        kp_json_begin(&j, '[');
    for (int i = 1; i <= n; i++)
        good += check_file(&(struct showing){ c->argv[i], c->json ? &j : NULL });
    if (c->json) {
        kp_json_end(&j, ']');
        printf("%s\n", kp_buf_text(&out));
    } else {
        printf("%d passed, %d failed\n", good, n - good);
    }
    kp_buf_free(&out);
    return good == n ? KP_DONE : KP_FAILED;
}

int kp_verb_flex(struct kp_cli *c)
{
    if (strcmp(c->argv[0], "check") == 0)
        return check(c);
    if (strcmp(c->argv[0], "orders") == 0)
        return kp_flex_orders(c);
    if (strcmp(c->argv[0], "folders") == 0)
        return kp_flex_folders(c);
    return kp_flex_shop(c);
}
