/* SPDX-License-Identifier: Apache-2.0 */
/* token */
#include "cli/client.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { URL = 2048 };

static int list(struct kp_cli *c)
{
    static const char *const head[] = { "name", "may", "made" };
    struct kp_err err = { 0 };
    struct kp_table t = { 0 };
    json_t *j = kp_client_get(c, "/api/v1/tokens", &err), *one;
    size_t i;
    if (!j)
        return kp_fault(c, &err);
    if (c->json) {
        kp_print_json(j);
        json_decref(j);
        return KP_DONE;
    }
    json_array_foreach (json_object_get(j, "tokens"), i, one) {
        char may[300];
        const char *writes = kp_text(one, "write");
        snprintf(may, sizeof may, *writes ? "post values to %.250s" : "everything", writes);
        kp_table_row(&t, 3, (const char *[]){ kp_text(one, "name"), may, kp_text(one, "created") });
    }
    kp_table_print(c, &t, head, "lll");
    json_decref(j);
    return KP_DONE;
}

static int add(struct kp_cli *c, const char *name)
{
    struct kp_err err = { 0 };
    json_t *body = json_pack("{s:s}", "name", name);
    if (kp_flag(c, "write"))
        json_object_set_new(body, "write", json_string(kp_flag(c, "write")));
    json_t *j = kp_client_send(c, "POST", "/api/v1/tokens", body, &err);
    if (!j)
        return kp_fault(c, &err);
    if (c->json)
        kp_print_json(j);
    else
        printf("%s\n", kp_text(j, "token"));
    if (!c->json && c->terminal)
        printf("it is shown this once; keep it where only its user can read it\n");
    json_decref(j);
    return KP_DONE;
}

static int drop(struct kp_cli *c, const char *name)
{
    struct kp_err err = { 0 };
    struct kp_buf url;
    kp_buf_init(&url, URL);
    kp_buf_str(&url, "/api/v1/tokens");
    kp_url_segment(&url, name);
    json_decref(kp_client_send(c, "DELETE", kp_buf_text(&url), NULL, &err));
    kp_buf_free(&url);
    return err.code ? kp_fault(c, &err) : KP_DONE;
}

int kp_verb_token(struct kp_cli *c)
{
    bool adds = c->argc == 2 && strcmp(c->argv[0], "add") == 0,
         drops = c->argc == 2 && strcmp(c->argv[0], "remove") == 0;
    if (kp_flag(c, "write") && !adds)
        return kp_complain(c, KP_MISUSE, "--write goes with add NAME");
    if (!c->argc)
        return list(c);
    if (adds)
        return add(c, c->argv[1]);
    return drops ? drop(c, c->argv[1])
                 : kp_complain(c, KP_MISUSE,
                               "it takes: add NAME, remove NAME, or nothing for the list");
}
