/* SPDX-License-Identifier: Apache-2.0 */
/* inventory: devices, their firmware, and who announced that it changes. */
#include "cli/client.h"
#include "core/clock.h"
#include "core/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

enum { CELL = 64 };

/* ---- list ---- */
static void print_list(const struct kp_cli *c, const json_t *j)
{
    static const char *const head[] = { "id",         "device",   "manufacturer", "product",
                                        "order code", "firmware", "source",       "" };
    struct kp_table t = { 0 };
    json_t *d;
    size_t i;
    json_array_foreach(json_object_get(j, "devices"), i, d)
    {
        char id[CELL];
        snprintf(id, sizeof id, "%" PRId64, kp_integer(d, "id"));
        kp_table_row(&t, 8,
                     (const char *[]){ id, kp_text(d, "name"), kp_or_dash(kp_text(d, "manufacturer")),
                                       kp_or_dash(kp_text(d, "product")),
                                       kp_or_dash(kp_text(d, "orderCode")),
                                       kp_or_dash(kp_text(d, "firmware")), kp_text(d, "source"),
                                       json_is_true(json_object_get(d, "unexpectedChange"))
                                           ? "changed unexpectedly"
                                           : "" });
    }
    if (i)
        kp_table_print(c, &t, head, "rlllllll");
    else
        printf(
            "no devices yet: machines that say what they are come by themselves, others with\n"
            "koppel inventory import FILE or koppel inventory set NAME product=... firmware=...\n");
}

static int list(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    json_t *j = kp_client_get(c, "/api/v1/inventory", &err);
    return kp_client_list(c, j, print_list, &err);
}

/* ---- one ---- */
/* A number, or the name of a device; "" and an error: there is none. */
static enum kp_code find_device(struct kp_cli *c, const char *name, char id[CELL],
                                struct kp_err *err)
{
    if (name[strspn(name, "0123456789")] == 0) {
        snprintf(id, CELL, "%s", name);
        return KP_OK;
    }
    json_t *j = kp_client_get(c, "/api/v1/inventory", err), *d;
    size_t i;
    *id = 0;
    json_array_foreach(json_object_get(j, "devices"), i, d)
    {
        if (strcmp(kp_text(d, "name"), name) == 0)
            snprintf(id, CELL, "%" PRId64, kp_integer(d, "id"));
    }
    json_decref(j);
    return *id || err->code ? err->code
                            : kp_fail(err, KP_ENOTFOUND, "there is no device '%.80s'", name);
}

static void print_one(const json_t *d)
{
    static const char *const keys[] = { "name",         "manufacturer", "product",  "orderCode",
                                        "serialNumber", "hardware",     "firmware", "cpe",
                                        "purl",         "source",       "weight",   "expected" };
    json_t *h;
    size_t i;
    for (i = 0; i < sizeof keys / sizeof *keys; i++)
        if (*kp_text(d, keys[i]))
            printf("%-14s %s\n", keys[i], kp_text(d, keys[i]));
    json_array_foreach(json_object_get(d, "history"), i, h)
    {
        printf("%-14s %s  %s -> %s, by %s%s%s\n", i ? "" : "firmware was", kp_text(h, "at"),
               kp_or_dash(kp_text(h, "old")), kp_or_dash(kp_text(h, "new")), kp_text(h, "via"),
               json_is_true(json_object_get(h, "expected")) ? "" : ", unexpected",
               *kp_text(h, "confirmed") ? ", confirmed" : "");
    }
}

/* METHOD on the device, or on what it is told. */
static int on_device(struct kp_cli *c, const char *method, const char *act, json_t *body,
                     void (*print)(const json_t *))
{
    struct kp_err err = { 0 };
    char id[CELL];
    if (c->argc < 2) {
        json_decref(body);
        return kp_complain(c, KP_MISUSE, "%s which device?", c->argv[0]);
    }
    if (find_device(c, c->argv[1], id, &err)) {
        json_decref(body);
        return kp_fault(c, &err);
    }
    return kp_client_show(c, kp_client_at(c, method, "inventory", id, act, body, &err), print,
                          &err);
}

static void print_done(const json_t *j)
{
    if (json_object_get(j, "id"))
        printf("device %" PRId64 "\n", kp_integer(j, "id"));
}

/* ---- changes ---- */
static json_t *fields(struct kp_cli *c)
{
    json_t *body = json_object();
    for (int i = 2; i < c->argc; i++) {
        const char *equal = strchr(c->argv[i], '=');
        char key[CELL];
        if (!equal || equal - c->argv[i] >= CELL) {
            json_decref(body);
            return NULL;
        }
        snprintf(key, sizeof key, "%.*s", (int)(equal - c->argv[i]), c->argv[i]);
        json_object_set_new(body, key, equal[1] ? json_string(equal + 1) : json_null());
    }
    return body;
}

static int set(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    char id[CELL];
    json_t *body = c->argc > 2 ? fields(c) : NULL;
    if (!body)
        return kp_complain(c, KP_MISUSE,
                           "set NAME key=value ..., with keys such as product, "
                           "manufacturer, orderCode, firmware, weight");
    if (find_device(c, c->argv[1], id, &err) == KP_ENOTFOUND) { /* a new one */
        err = (struct kp_err){ 0 };
        json_object_set_new(body, "name", json_string(c->argv[1]));
        return kp_client_show(c, kp_client_at(c, "POST", "inventory", NULL, NULL, body, &err),
                              print_done, &err);
    }
    if (err.code) {
        json_decref(body);
        return kp_fault(c, &err);
    }
    return kp_client_show(c, kp_client_at(c, "PATCH", "inventory", id, NULL, body, &err),
                          print_done, &err);
}

static int expect(struct kp_cli *c)
{
    int64_t ns;
    char until[KP_TIME_TEXT];
    const char *within = kp_flag(c, "for");
    if (within && (!kp_duration_parse(within, &ns) || ns <= 0))
        return kp_complain(c, KP_MISUSE, "--for: '%s' is no duration such as 4h", within);
    if (within)
        kp_time_print(kp_utc(&kp_clock_system) + ns, until);
    return on_device(c, "POST", "expect",
                     json_pack("{s:s*, s:s*}", "until", within ? until : NULL, "version",
                               c->argc > 2 ? c->argv[2] : NULL),
                     print_done);
}

/* ---- import ---- */
/* A file as the text in a body, and of which device it is. */
static json_t *document(const struct kp_cli *c, const char *file, struct kp_err *err)
{
    struct kp_buf text;
    json_t *body = NULL;
    if (!kp_read_file(file, &text, err) &&
        !(body = json_pack("{s:s, s:s*}", "text", kp_buf_text(&text), "of", kp_flag(c, "of"))))
        kp_fail(err, KP_EPARSE, "%s is not UTF-8", file);
    kp_buf_free(&text);
    return body;
}

static void print_import(const json_t *j)
{
    printf("%" PRId64 " devices: %" PRId64 " new, %" PRId64 " changed, %" PRId64 " gone\n",
           kp_integer(j, "devices"), kp_integer(j, "made"), kp_integer(j, "changed"),
           kp_integer(j, "removed"));
}

static int import(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    if (c->argc < 2)
        return kp_complain(c, KP_MISUSE, "import which file?");
    json_t *body = document(c, c->argv[1], &err);
    if (!body)
        return kp_fault(c, &err);
    return kp_client_show(c, kp_client_at(c, "POST", "inventory", "import", NULL, body, &err),
                          print_import, &err);
}

/* ---- makers' other names ---- */
static void print_aliases(const json_t *j)
{
    printf("%s", kp_text(j, "text"));
}

static int aliases(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    json_t *body = c->argc > 1 ? document(c, c->argv[1], &err) : NULL;
    if (err.code)
        return kp_fault(c, &err);
    return kp_client_show(
        c, kp_client_at(c, c->argc > 1 ? "PUT" : "GET", "vendor-aliases", NULL, NULL, body, &err),
        print_aliases, &err);
}

int kp_verb_inventory(struct kp_cli *c)
{
    const char *word = c->argc ? c->argv[0] : "list";
    if (strcmp(word, "list") == 0)
        return list(c);
    if (strcmp(word, "show") == 0)
        return on_device(c, "GET", NULL, NULL, print_one);
    if (strcmp(word, "set") == 0)
        return set(c);
    if (strcmp(word, "import") == 0)
        return import(c);
    if (strcmp(word, "remove") == 0)
        return on_device(c, "DELETE", NULL, NULL, print_done);
    if (strcmp(word, "expect") == 0)
        return expect(c);
    if (strcmp(word, "confirm") == 0)
        return on_device(c, "POST", "confirm", NULL, print_done);
    if (strcmp(word, "aliases") == 0)
        return aliases(c);
    return kp_complain(c, KP_MISUSE,
                       "'%s' is none of list, show, set, import, remove, expect, confirm, aliases",
                       word);
}
