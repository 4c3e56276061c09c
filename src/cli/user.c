/* SPDX-License-Identifier: Apache-2.0 */
/* user: who may log in by name. */
#include "cli/client.h"

#include "core/text.h"
#include "store/user.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/ban.h"

static void print_users(struct kp_cli *c, const json_t *users)
{
    static const char *const head[] = { "name", "role", "called", "code", "state", "last log-in" };
    struct kp_table t = { 0 };
    json_t *one;
    size_t i;
    json_array_foreach(users, i, one)
    {
        const char *seen = kp_text(one, "seen");
        bool off = json_is_true(json_object_get(one, "disabled")),
             first = json_is_true(json_object_get(one, "mustChangePassword"));
        const char *code = json_is_true(json_object_get(one, "totp")) ? "yes" : "no",
                   *state = off     ? "disabled"
                            : first ? "first password"
                                    : "active";
        kp_table_row(&t, 6,
                     (const char *[]){ kp_text(one, "name"), kp_text(one, "role"),
                                       kp_text(one, "displayName"), code, state,
                                       *seen ? seen : "never" });
    }
    kp_table_print(c, &t, head, "llllll");
}

static int list(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    json_t *j = kp_client_at(c, "GET", "users", NULL, NULL, NULL, &err);
    if (!j)
        return kp_fault(c, &err);
    if (c->json)
        kp_print_json(j);
    else
        print_users(c, json_object_get(j, "users"));
    json_decref(j);
    return KP_DONE;
}

/* What the node answered, and a password it has made. */
static int done(struct kp_cli *c, json_t *j, const struct kp_err *err)
{
    if (!j)
        return kp_fault(c, err);
    const char *password = kp_text(j, "password");
    if (c->json)
        kp_print_json(j);
    else if (*password)
        printf("%s\n", password);
    if (!c->json && *password && c->terminal)
        printf("it is shown this once, and has to be changed at the first log-in\n");
    json_decref(j);
    return KP_DONE;
}

/* With --password typed (twice, at a terminal) or from a file; without, the node makes one. */
static enum kp_code add_password(struct kp_cli *c, json_t *body, struct kp_err *err)
{
    char password[KP_PASSWORD_MAX + 2], again[KP_PASSWORD_MAX + 2];
    const char *file = kp_flag(c, "password-file");
    if (!file || kp_read_secret(file, "password", password, sizeof password, err))
        return err->code;
    bool typed = strcmp(file, "-") == 0 && isatty(STDIN_FILENO);
    if (typed && kp_read_secret(file, "the same password again", again, sizeof again, err))
        return err->code;
    if (typed && strcmp(password, again) != 0)
        return kp_fail(err, KP_EINVALID, "the two are not the same");
    json_object_set_new(body, "password", json_string(password));
    json_object_set_new(body, "mustChangePassword",
                        json_boolean(kp_flag(c, "must-change") != NULL));
    explicit_bzero(password, sizeof password);
    explicit_bzero(again, sizeof again);
    return KP_OK;
}

static void add_texts(struct kp_cli *c, json_t *body)
{
    static const struct {
        const char *flag, *member;
    } texts[] = {
        { "role", "role" },
        { "display", "displayName" },
        { "language", "language" },
        { "mail", "mail" },
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (kp_flag(c, texts[i].flag))
            json_object_set_new(body, texts[i].member, json_string(kp_flag(c, texts[i].flag)));
}

static int add(struct kp_cli *c, const char *name, const char *extra)
{
    struct kp_err err = { 0 };
    if (extra || !kp_flag(c, "role"))
        return kp_complain(c, KP_MISUSE,
                           "it takes: add NAME --role member, viewer, operator, engineer or owner");
    json_t *body = json_pack("{s:s}", "name", name);
    add_texts(c, body);
    if (add_password(c, body, &err)) {
        json_decref(body);
        return kp_fault(c, &err);
    }
    return done(c, kp_client_at(c, "POST", "users", NULL, NULL, body, &err), &err);
}

static int password(struct kp_cli *c, const char *name, const char *extra)
{
    struct kp_err err = { 0 };
    if (extra)
        return kp_complain(c, KP_MISUSE, "it takes: password NAME");
    json_t *body = json_object();
    if (add_password(c, body, &err)) {
        json_decref(body);
        return kp_fault(c, &err);
    }
    return done(c, kp_client_at(c, "PUT", "users", name, "password", body, &err), &err);
}

static int change(struct kp_cli *c, const char *name, json_t *body)
{
    struct kp_err err = { 0 };
    return done(c, kp_client_at(c, "PATCH", "users", name, NULL, body, &err), &err);
}

static int set(struct kp_cli *c, const char *name, const char *extra)
{
    json_t *body = json_object();
    add_texts(c, body);
    if (!extra && json_object_size(body))
        return change(c, name, body);
    json_decref(body);
    return kp_complain(c, KP_MISUSE,
                       "it takes: set NAME, and --role, --display, --language or --mail");
}

static int role(struct kp_cli *c, const char *name, const char *to)
{
    return to ? change(c, name, json_pack("{s:s}", "role", to))
              : kp_complain(c, KP_MISUSE,
                            "it takes: role NAME member, viewer, operator, engineer or owner");
}

static int disable(struct kp_cli *c, const char *name, const char *extra)
{
    return extra ? kp_complain(c, KP_MISUSE, "it takes: disable NAME")
                 : change(c, name, json_pack("{s:b}", "disabled", true));
}

static int enable(struct kp_cli *c, const char *name, const char *extra)
{
    return extra ? kp_complain(c, KP_MISUSE, "it takes: enable NAME")
                 : change(c, name, json_pack("{s:b}", "disabled", false));
}

static int drop(struct kp_cli *c, const char *name, const char *below)
{
    struct kp_err err = { 0 };
    json_decref(kp_client_at(c, "DELETE", "users", name, below, NULL, &err));
    return err.code ? kp_fault(c, &err) : KP_DONE;
}

static int remove_user(struct kp_cli *c, const char *name, const char *extra)
{
    return extra ? kp_complain(c, KP_MISUSE, "it takes: remove NAME") : drop(c, name, NULL);
}

static int totp_reset(struct kp_cli *c, const char *name, const char *extra)
{
    return extra ? kp_complain(c, KP_MISUSE, "it takes: totp-reset NAME") : drop(c, name, "totp");
}

int kp_verb_user(struct kp_cli *c)
{
    static const struct {
        const char *word;
        int (*run)(struct kp_cli *, const char *name, const char *extra);
    } words[] = {
        { "add", add },
        { "role", role },
        { "set", set },
        { "password", password },
        { "disable", disable },
        { "enable", enable },
        { "remove", remove_user },
        { "totp-reset", totp_reset },
    };
    if (!c->argc || (c->argc == 1 && strcmp(c->argv[0], "list") == 0))
        return list(c);
    for (size_t i = 0; i < sizeof words / sizeof words[0] && c->argc > 1; i++)
        if (strcmp(words[i].word, c->argv[0]) == 0)
            return words[i].run(c, c->argv[1], c->argc > 2 ? c->argv[2] : NULL);
    return kp_complain(c, KP_MISUSE,
                       "it takes: add, role, set, password, disable, enable, remove or totp-reset "
                       "and NAME, or nothing for "
                       "the list");
}
