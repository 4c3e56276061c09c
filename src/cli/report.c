/* SPDX-License-Identifier: Apache-2.0 */
/* report: the evidence pack for customers who ask, and the daily mail about security. */
#include "cli/client.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { URL = 200 };

static int evidence(struct kp_cli *c)
{
    struct kp_buf url;
    kp_buf_init(&url, URL);
    kp_buf_str(&url, "/api/v1/reports/evidence");
    return kp_client_page(c, &url);
}

/* ---- the daily mail ---- */
static void print_mail(const json_t *j)
{
    json_t *one;
    size_t i;
    printf("%s at %s, in %s, to ", json_is_true(json_object_get(j, "on")) ? "daily" : "off;", kp_text(j, "at"),
           strcmp(kp_text(j, "language"), "nl") == 0 ? "Dutch" : "English");
    json_array_foreach(json_object_get(j, "to"), i, one) printf("%s%s", i ? ", " : "", json_string_value(one));
    printf("%s\nlast %s%s%s\n", i ? "" : "everybody of the plan of delivery who is reached by mail",
           *kp_text(j, "last") ? kp_text(j, "last") : "never", *kp_text(j, "error") ? ": " : "", kp_text(j, "error"));
}

static void print_sent(const json_t *j)
{
    if (json_is_true(json_object_get(j, "empty")))
        printf("nothing is new that concerns us, so there is no mail\n");
    else
        printf("sent to %" PRId64 "\n", kp_integer(j, "sent"));
}

/* What is named, in place of what there is. */
static json_t *changed_mail(struct kp_cli *c, const json_t *old)
{
    static const char *const keys[] = { "on", "at", "to", "language" };
    json_t *body = json_object();
    size_t k = 0;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        json_object_set(body, keys[i], json_object_get(old, keys[i]));
    if (kp_flag(c, "on") || kp_flag(c, "off"))
        json_object_set_new(body, "on", json_boolean(kp_flag(c, "on") != NULL));
    if (kp_flag(c, "at"))
        json_object_set_new(body, "at", json_string(kp_flag(c, "at")));
    if (kp_flag(c, "language"))
        json_object_set_new(body, "language", json_string(kp_flag(c, "language")));
    if (kp_flag(c, "to"))
        json_object_set_new(body, "to", json_array());
    for (const char *to; (to = kp_flag_next(c, "to", &k)) && *to;)
        json_array_append_new(json_object_get(body, "to"), json_string(to));
    return body;
}

static int mail(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    bool change = kp_flag(c, "on") || kp_flag(c, "off") || kp_flag(c, "at") || kp_flag(c, "language") || kp_flag(c, "to");
    if (kp_flag(c, "on") && kp_flag(c, "off"))
        return kp_complain(c, KP_MISUSE, "--on or --off?");
    if (kp_flag(c, "send"))
        return change ? kp_complain(c, KP_MISUSE, "--send mails what the settings say, to whom they say")
                      : kp_client_show(c, kp_client_send(c, "POST", "/api/v1/shield/mail/send", NULL, &err), print_sent, &err);
    json_t *j = kp_client_get(c, "/api/v1/shield/mail", &err);
    if (j && change) {
        json_t *body = changed_mail(c, j);
        json_decref(j);
        j = kp_client_send(c, "PUT", "/api/v1/shield/mail", body, &err);
    }
    return kp_client_show(c, j, print_mail, &err);
}

int kp_verb_report(struct kp_cli *c)
{
    const char *act = c->argc ? c->argv[0] : "";
    if (c->argc == 1 && strcmp(act, "evidence") == 0)
        return evidence(c);
    if (c->argc == 1 && strcmp(act, "mail") == 0)
        return mail(c);
    return kp_complain(c, KP_MISUSE, "it takes: evidence or mail");
}
