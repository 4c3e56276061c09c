/* SPDX-License-Identifier: Apache-2.0 */
/* oidc */
#include "cli/client.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

static const char *const url = "/api/v1/oidc/settings";

static void print_settings(const json_t *j)
{
    size_t i;
    json_t *role;
    if (!json_is_true(json_object_get(j, "enabled"))) {
        printf("off: koppel oidc set --issuer URL --client-id ID\n");
        return;
    }
    printf("issuer     %s\nclient     %s%s\nuser       by %s\n", kp_text(j, "issuer"),
           kp_text(j, "clientId"),
           json_is_true(json_object_get(json_object_get(j, "secret"), "set")) ? ", with a secret"
                                                                              : "",
           kp_text(j, "claim"));
    json_array_foreach(json_object_get(j, "roles"), i, role)
        printf("%-10s %s where %s is %s\n", i ? "" : "others", kp_text(role, "role"),
               kp_text(role, "claim"), kp_text(role, "value"));
}

/* "groups=maintenance:operator"; a value may hold colons. */
static json_t *read_role(const char *text)
{
    const char *equals = strchr(text, '='), *colon = strrchr(text, ':');
    if (!equals || !colon || colon < equals)
        return NULL;
    return json_pack("{s:s%, s:s%, s:s}", "claim", text, (size_t)(equals - text), "value",
                     equals + 1, (size_t)(colon - equals - 1), "role", colon + 1);
}

static int add_roles(struct kp_cli *c, json_t *body)
{
    json_t *roles = json_array();
    size_t i = 0;
    for (const char *text; (text = kp_flag_next(c, "role", &i));)
        if (json_array_append_new(roles, read_role(text))) {
            json_decref(roles);
            return kp_complain(
                c, KP_MISUSE,
                "--role: '%.80s' is not CLAIM=VALUE:ROLE such as groups=maintenance:operator",
                text);
        }
    if (json_array_size(roles))
        json_object_set(body, "roles", roles);
    json_decref(roles);
    return KP_DONE;
}

static int set(struct kp_cli *c)
{
    static const char *const texts[][2] = { { "issuer", "issuer" },
                                            { "client-id", "clientId" },
                                            { "name", "name" },
                                            { "claim", "claim" } };
    struct kp_err err = { 0 };
    char secret[1000];
    json_t *body = json_object();
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (kp_flag(c, texts[i][0]))
            json_object_set_new(body, texts[i][1], json_string(kp_flag(c, texts[i][0])));
    if (kp_flag(c, "secret") &&
        !kp_read_secret(kp_flag(c, "secret"), "secret", secret, sizeof secret, &err))
        json_object_set_new(body, "secret", json_string(secret));
    explicit_bzero(secret, sizeof secret);
    int code = err.code ? kp_fault(c, &err) : add_roles(c, body);
    if (!code)
        return kp_client_show(c, kp_client_send(c, "PUT", url, body, &err), print_settings, &err);
    json_decref(body);
    return code;
}

int kp_verb_oidc(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    const char *word = c->argc ? c->argv[0] : "";
    if (c->n_given && strcmp(word, "set") != 0)
        for (const struct kp_flag *f = c->verb->flags; f->name; f++)
            if (kp_flag(c, f->name))
                return kp_complain(c, KP_MISUSE, "--%s goes with set", f->name);
    if (strcmp(word, "set") == 0)
        return set(c);
    if (strcmp(word, "off") == 0) {
        json_decref(kp_client_send(c, "DELETE", url, NULL, &err));
        return err.code ? kp_fault(c, &err) : KP_DONE;
    }
    return *word ? kp_complain(c, KP_MISUSE, "it takes: set, off, or nothing to show it")
                 : kp_client_show(c, kp_client_get(c, url, &err), print_settings, &err);
}
