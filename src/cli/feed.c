/* SPDX-License-Identifier: Apache-2.0 */
/* feed: where threat information is brought from. */
#include "cli/feed_csaf.h"
#include "cli/stix.h"
#include "core/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/ban.h"

enum { CELL = 400, PULL_WAIT_S = 3600, SECRET = 4000 };

/* ---- what is there ---- */
static void print_list(const struct kp_cli *c, const json_t *j)
{
    static const char *const head[] = { "name", "kind", "every", "pulled", "taken", "how it is" };
    struct kp_table t = { 0 };
    json_t *f;
    size_t i;
    json_array_foreach(json_object_get(j, "feeds"), i, f)
    {
        char age[CELL] = "never", taken[24];
        int64_t pulled;
        if (kp_time_parse(kp_text(f, "pulled"), &pulled))
            kp_age(pulled, age, sizeof age);
        snprintf(taken, sizeof taken, "%" PRId64, kp_integer(f, "taken"));
        const char *how = json_is_true(json_object_get(f, "running"))    ? "is being pulled"
                          : !json_is_true(json_object_get(f, "enabled")) ? "switched off"
                          : *kp_text(f, "fault")                         ? kp_text(f, "fault")
                          : *kp_text(f, "note")                          ? kp_text(f, "note")
                                                                         : "well";
        kp_table_row(&t, 6,
                     (const char *[]){ kp_text(f, "name"), kp_text(f, "kind"), kp_text(f, "every"),
                                       age, taken, how });
    }
    kp_table_print(c, &t, head, "llllrl");
}

static int list(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    json_t *j = kp_client_at(c, "GET", "feeds", NULL, NULL, NULL, &err);
    return kp_client_list(c, j, print_list, &err);
}

static void print_feed(const json_t *f)
{
    static const char *const texts[] = { "name", "kind",  "url",  "every", "pulled",
                                         "next", "fault", "note", NULL };
    const char *key;
    json_t *value;
    for (size_t i = 0; texts[i]; i++)
        if (*kp_text(f, texts[i]))
            printf("%-9s %s\n", texts[i], kp_text(f, texts[i]));
    printf("%-9s %" PRId64 "\n%-9s %" PRId64 "\n", "taken", kp_integer(f, "taken"), "refused",
           kp_integer(f, "refused"));
    json_object_foreach(json_object_get(f, "settings"), key, value) if (json_is_string(value))
        printf("%-9s %s=%.200s\n", "setting", key, json_string_value(value));
    else printf("%-9s %s\n", "setting", key);
}

/* ---- adding and changing ---- */
static enum kp_code add_secret(struct kp_cli *c, json_t *secrets, const char *flag, const char *key,
                               bool whole, struct kp_err *err)
{
    char secret[SECRET];
    struct kp_buf text;
    if (!kp_flag(c, flag))
        return KP_OK;
    if (!whole) {
        if (!kp_read_secret(kp_flag(c, flag), key, secret, sizeof secret, err))
            json_object_set_new(secrets, key, json_string(secret));
        explicit_bzero(secret, sizeof secret);
        return err->code;
    }
    if (!kp_read_file(kp_flag(c, flag), &text, err)) {
        json_object_set_new(secrets, key, json_string(kp_buf_text(&text)));
        explicit_bzero(text.data, text.len);
    }
    kp_buf_free(&text);
    return err->code;
}

/* KEY=VALUE; a value that is JSON counts as such, another as a text. */
static enum kp_code add_setting(json_t *settings, const char *text, struct kp_err *err)
{
    const char *equal = strchr(text, '=');
    if (!equal)
        return kp_fail(err, KP_EINVALID, "'%.80s' is not like KEY=VALUE", text);
    char *key = kp_strndup(text, (size_t)(equal - text));
    bool json = strchr("[{", equal[1]) && equal[1];
    json_t *value = !equal[1] ? json_null()
                    : json    ? json_loads(equal + 1, JSON_REJECT_DUPLICATES, NULL)
                              : json_string(equal + 1);
    if (!key || !value || json_object_set_new(settings, key, value))
        kp_fail(err, KP_EINVALID, "'%.80s': its value is no JSON and no text", text);
    kp_free(key);
    return err->code;
}

static json_t *read_body(struct kp_cli *c, struct kp_err *err)
{
    static const char *const files[] = { "ca", "certificate", NULL };
    json_t *settings = json_object(), *secrets = json_object();
    size_t i = 0;
    for (const char *text; !err->code && (text = kp_flag_next(c, "set", &i));)
        add_setting(settings, text, err);
    if (kp_flag(c, "user"))
        json_object_set_new(settings, "user", json_string(kp_flag(c, "user")));
    if (!err->code && !add_secret(c, secrets, "password-file", "password", false, err) &&
        !add_secret(c, secrets, "token-file", "token", false, err))
        add_secret(c, secrets, "key", "key", true, err);
    for (i = 0; files[i] && !err->code; i++)
        add_secret(c, settings, files[i], files[i], true, err);
    json_t *body =
        err->code ? NULL : json_pack("{s:O, s:O}", "settings", settings, "secrets", secrets);
    json_decref(settings);
    json_decref(secrets);
    if (body && kp_flag(c, "every"))
        json_object_set_new(body, "every", json_string(kp_flag(c, "every")));
    return body;
}

static int done(struct kp_cli *c, json_t *reply, const struct kp_err *err)
{
    json_decref(reply);
    return err->code ? kp_fault(c, err) : KP_DONE;
}

static int add(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    if (c->argc != 3)
        return kp_complain(c, KP_MISUSE, "add takes NAME and URL");
    const char *kind = kp_flag(c, "kind");
    json_t *reply = NULL, *body = read_body(c, &err);
    if (body) {
        json_object_set_new(body, "name", json_string(c->argv[1]));
        json_object_set_new(body, "url", json_string(c->argv[2]));
        json_object_set_new(body, "kind", json_string(kind ? kind : "taxii"));
        bool asks = kind && strcmp(kind, "csaf") == 0;
        if (asks && kp_feed_ask_trust(c, body, &err))
            json_decref(body);
        else
            reply = kp_client_at(c, "POST", "feeds", NULL, NULL, body, &err);
    }
    return done(c, reply, &err);
}

static int set(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    if (c->argc < 2 || c->argc > 3)
        return kp_complain(c, KP_MISUSE, "set takes NAME and perhaps another URL");
    json_t *reply = NULL, *body = read_body(c, &err);
    if (body && c->argc == 3)
        json_object_set_new(body, "url", json_string(c->argv[2]));
    if (body && (kp_flag(c, "on") || kp_flag(c, "off")))
        json_object_set_new(body, "enabled", json_boolean(kp_flag(c, "on")));
    if (body)
        reply = kp_client_at(c, "PATCH", "feeds", c->argv[1], NULL, body, &err);
    return done(c, reply, &err);
}

/* ---- pulling ---- */
static bool is_due(const json_t *f)
{
    return json_is_true(json_object_get(f, "running")) || !*kp_text(f, "next");
}

/* Until what was asked for is over. */
static int pull(struct kp_cli *c, const char *name)
{
    struct kp_err err = { 0 };
    json_decref(kp_client_at(c, "POST", "feeds", name, "pull", NULL, &err));
    for (int i = 0; !err.code && i < PULL_WAIT_S * 5; i++) {
        json_t *f = kp_client_at(c, "GET", "feeds", name, NULL, NULL, &err);
        if (f && is_due(f)) {
            json_decref(f);
            nanosleep(&(struct timespec){ .tv_nsec = 200 * KP_MILLISECOND }, NULL);
            continue;
        }
        bool failed = f && *kp_text(f, "fault");
        if (f && c->json)
            kp_print_json(f);
        else if (f && !failed)
            printf("%" PRId64 " taken, %" PRId64 " refused in all%s%s\n", kp_integer(f, "taken"),
                   kp_integer(f, "refused"), *kp_text(f, "note") ? "; " : "", kp_text(f, "note"));
        int code = failed ? kp_complain(c, KP_FAILED, "%s", kp_text(f, "fault")) : KP_DONE;
        json_decref(f);
        return err.code ? kp_fault(c, &err) : code;
    }
    return err.code ? kp_fault(c, &err)
                    : kp_complain(c, KP_FAILED, "it still goes on; see koppel feed show %s", name);
}

int kp_verb_feed(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    const char *act = c->argc ? c->argv[0] : "list", *name = c->argc == 2 ? c->argv[1] : NULL;
    if (c->argc < 2 && strcmp(act, "list") == 0)
        return list(c);
    if (strcmp(act, "collection") == 0)
        return kp_feed_collections(c);
    if (strcmp(act, "add") == 0)
        return add(c);
    if (strcmp(act, "set") == 0)
        return set(c);
    if (name && strcmp(act, "show") == 0)
        return kp_client_show(c, kp_client_at(c, "GET", "feeds", name, NULL, NULL, &err),
                              print_feed, &err);
    if (strcmp(act, "import") == 0)
        return kp_feed_import(c);
    if (name && strcmp(act, "documents") == 0)
        return kp_feed_documents(c, name);
    if (name && strcmp(act, "pull") == 0)
        return pull(c, name);
    if (name && strcmp(act, "remove") == 0)
        return done(c, kp_client_at(c, "DELETE", "feeds", name, NULL, NULL, &err), &err);
    return kp_complain(c, KP_MISUSE,
                       "it takes: list, show NAME, add NAME URL, set NAME, pull NAME,"
                       " documents NAME, import DIR or remove NAME");
}
