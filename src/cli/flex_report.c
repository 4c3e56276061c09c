/* SPDX-License-Identifier: Apache-2.0 */
/* flex report: the shift report and that of a month, on the screen, in a file or by mail. */
#include "cli/client.h"

#include "core/clock.h"
#include "core/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { URL = 8192 };

struct asking {
    const char *kind, *format, *file; /* file: NULL = the screen */
    int assets;                       /* where they begin in argv */
};

/* Complains and returns false when the words do not go together. */
static bool read_words(struct kp_cli *c, struct asking *a)
{
    const char *word = c->argc > 1 ? c->argv[1] : "";
    bool named = strcmp(word, "shift") == 0 || strcmp(word, "month") == 0;
    *a = (struct asking){ .kind = named                 ? word
                                  : kp_flag(c, "month") ? "month"
                                                        : "shift",
                          .assets = named ? 2 : 1 };
    if (!kp_page_wanted(c, &a->format, &a->file))
        return false;
    if (kp_flag(c, "month") && *a->kind == 's')
        return kp_complain(c, KP_MISUSE, "--month is for 'flex report month'") == KP_DONE;
    if (kp_flag(c, "at") && *a->kind == 'm')
        return kp_complain(c, KP_MISUSE, "--at is for 'flex report shift'") == KP_DONE;
    return true;
}

static enum kp_code put_url(struct kp_cli *c, const struct asking *a, struct kp_buf *url,
                            struct kp_err *err)
{
    char text[KP_TIME_TEXT];
    int64_t at;
    kp_buf_printf(url, "/api/v1/reports/%s", a->kind);
    kp_url_add(url, "format", a->format);
    if (kp_flag(c, "month"))
        kp_url_add(url, "month", kp_flag(c, "month"));
    if (kp_flag(c, "language"))
        kp_url_add(url, "language", kp_flag(c, "language"));
    if (kp_flag(c, "at")) {
        if (!kp_read_time(c, kp_flag(c, "at"), kp_utc(&kp_clock_system), &at))
            return kp_fail(err, KP_EINVALID,
                           "--at: '%.60s' is not a time such as -1d, 14:30 or 2026-11-24",
                           kp_flag(c, "at"));
        kp_time_print(at, text);
        kp_url_add(url, "at", text);
    }
    for (int i = a->assets; i < c->argc; i++)
        kp_url_add(url, "asset", c->argv[i]);
    return url->failed ? kp_fail(err, KP_EINVALID, "the paths are too long for one question")
                       : KP_OK;
}

static void print_sent(const json_t *j)
{
    printf("sent to %" PRId64 "\n", kp_integer(j, "sent"));
}

static int send_now(struct kp_cli *c, const struct asking *a)
{
    struct kp_err err = { 0 };
    if (a->file || kp_flag(c, "at") || kp_flag(c, "language") || c->argc > a->assets)
        return kp_complain(c, KP_MISUSE,
                           "--send mails what the settings say, to whom they say: it takes "
                           "--month only");
    json_t *body = json_pack("{s:s, s:s?}", "report", a->kind, "month", kp_flag(c, "month"));
    return kp_client_show(c, kp_client_send(c, "POST", "/api/v1/reports/send", body, &err),
                          print_sent, &err);
}

int kp_flex_report(struct kp_cli *c)
{
    struct asking a;
    struct kp_err err = { 0 };
    struct kp_buf url;
    if (!read_words(c, &a))
        return KP_MISUSE;
    if (kp_flag(c, "send"))
        return send_now(c, &a);
    if (c->json)
        return kp_complain(c, KP_MISUSE,
                           "a report is for people; its figures for programs are those of "
                           "koppel flex oee --json");
    kp_buf_init(&url, URL);
    int code = put_url(c, &a, &url, &err) ? kp_fault(c, &err)
                                          : kp_client_file(c, kp_buf_text(&url), a.file);
    kp_buf_free(&url);
    return code;
}
