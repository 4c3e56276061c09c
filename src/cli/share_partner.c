/* SPDX-License-Identifier: Apache-2.0 */
/* Meeting a company by the address of its node, and what a partner has of us. */
#include "cli/client.h"

#include "core/clock.h"
#include "core/text.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

/* ---- partner add URL ---- */
static void name_of(const struct kp_cli *c, const char *url, char out[KP_NAME_MAX])
{
    const char *host = strstr(url, "://") + 3, *given = kp_flag(c, "name");
    snprintf(out, KP_NAME_MAX, "%.*s", given ? (int)strlen(given) : (int)strcspn(host, ":/?#"),
             given ? given : host);
}

static void print_met(const struct kp_cli *c, const json_t *met)
{
    const char *ca = kp_text(met, "caFingerprint");
    FILE *out = c->json ? stderr : stdout;
    fprintf(out, "id           %s\naddress      %s\nkey          %s\nCA           %s\n",
            kp_text(met, "id"), kp_text(met, "url"), kp_text(met, "keyFingerprint"),
            *ca ? ca : "one that this system trusts");
    fprintf(out, "fingerprint  %s%s%s\n", kp_style(c, "1"), kp_text(met, "fingerprint"),
            kp_style(c, "0"));
}

/* What was agreed to is what is stored: the node fetches the card again and compares. */
static int trust(struct kp_cli *c, const char *name, const json_t *met)
{
    struct kp_err err = { 0 };
    const char *given = kp_flag(c, "fingerprint");
    json_t *body = json_pack("{s:s, s:s, s:s}", "name", name, "url", kp_text(met, "url"),
                             "fingerprint", given ? given : kp_text(met, "fingerprint"));
    json_t *j = kp_client_at(c, "POST", "partners", NULL, NULL, body, &err);
    if (!j)
        return kp_fault(c, &err);
    if (c->json)
        kp_print_json(j);
    else
        printf("%s is a partner now. He has to add this node too: koppel partner card\n", name);
    json_decref(j);
    return KP_DONE;
}

int kp_partner_meet(struct kp_cli *c, const char *url)
{
    struct kp_err err = { 0 };
    char name[KP_NAME_MAX];
    int code;
    name_of(c, url, name);
    json_t *met =
        kp_client_at(c, "POST", "partners", "meet", NULL, json_pack("{s:s}", "url", url), &err);
    if (!met)
        return kp_fault(c, &err);
    print_met(c, met);
    if (!kp_flag(c, "fingerprint") && !kp_flag(c, "yes"))
        fprintf(stderr, "Call him: he reads out the fingerprint that koppel partner card shows "
                        "there. Only when it is the same, trust him.\n");
    if (kp_flag(c, "fingerprint") || kp_confirm(c, "Is it the same, and do you trust him?"))
        code = trust(c, name, met);
    else
        code = kp_complain(c, KP_FAILED,
                           "nothing is stored: confirm it with --fingerprint F (or --yes)");
    json_decref(met);
    return code;
}

/* ---- audit --partner ---- */
enum { PAGE = 1000 };
struct asking {
    struct kp_cli *c;
    const char *partner;
    char since[KP_TIME_TEXT]; /* "" = all */
};

static json_t *ask_page(const struct asking *a, const char *key, int64_t number, struct kp_err *err)
{
    struct kp_buf url;
    char text[24];
    kp_buf_init(&url, 4096);
    kp_buf_str(&url, "/api/v1/exits");
    snprintf(text, sizeof text, "%d", PAGE);
    kp_url_add(&url, "limit", text);
    if (strcmp(a->partner, "*") != 0)
        kp_url_add(&url, "partner", a->partner);
    if (*a->since)
        kp_url_add(&url, "since", a->since);
    snprintf(text, sizeof text, "%lld", (long long)number);
    if (key)
        kp_url_add(&url, key, text);
    json_t *j = kp_client_get(a->c, kp_buf_text(&url), err);
    kp_buf_free(&url);
    return j;
}

/* The pages behind the first one of this list. */
static enum kp_code read_on(const struct asking *a, json_t *j, const char *list, const char *more,
                            const char *key, struct kp_err *err)
{
    json_t *all = json_object_get(j, list);
    while (json_is_true(json_object_get(j, more)) && json_array_size(all)) {
        const json_t *last = json_array_get(all, json_array_size(all) - 1);
        bool skips = strcmp(key, "skip") == 0;
        json_t *next = ask_page(a, key, skips ? (int64_t)json_array_size(all) : kp_integer(last, "id"),
                                err);
        if (!next)
            return err->code;
        json_array_extend(all, json_object_get(next, list));
        json_object_set(j, more, json_object_get(next, more));
        json_decref(next);
    }
    return KP_OK;
}

/* All agreements; one by one only where that is shown. */
static json_t *ask(struct kp_cli *c, struct kp_err *err)
{
    const char *from = kp_flag(c, "from");
    struct asking a = { .c = c, .partner = kp_flag(c, "partner") };
    int64_t since = KP_NO_TIME;
    if (from && !kp_read_time(c, from, kp_utc(&kp_clock_system), &since)) {
        kp_fail(err, KP_EINVALID, "--from takes a time such as -1d");
        return NULL;
    }
    if (from)
        kp_time_print(since, a.since);
    json_t *j = ask_page(&a, NULL, 0, err);
    if (j && !read_on(&a, j, "agreements", "moreAgreements", "skip", err) &&
        (!c->json || !read_on(&a, j, "exits", "more", "after", err)))
        return j;
    json_decref(j);
    return NULL;
}

static void join(const json_t *signals, size_t most, char *out, size_t size)
{
    size_t i, at = 0;
    json_t *one;
    out[0] = 0;
    json_array_foreach(signals, i, one)
    {
        if (i == most || at >= size - 1)
            break;
        at += (size_t)snprintf(out + at, size - at, "%s%s", i ? " " : "", json_string_value(one));
    }
    if (json_array_size(signals) > most && at < size - 1)
        snprintf(out + at, size - at, " and %zu more", json_array_size(signals) - most);
}

static void moment(const struct kp_cli *c, const json_t *o, const char *key, char out[64])
{
    int64_t at;
    const char *text = kp_text(o, key);
    if (*text && kp_time_parse(text, &at))
        kp_local_time(at, kp_flag(c, "utc"), out, 64);
    else
        snprintf(out, 64, "%s", "");
}

static void print_table(struct kp_cli *c, const json_t *sums)
{
    static const char *const head[] = { "partner", "agreement", "dataset", "values",
                                        "bytes",   "times",     "from",    "to",
                                        "first",   "last",      "signals" };
    struct kp_table t = { 0 };
    size_t i;
    json_t *one;
    json_array_foreach(sums, i, one)
    {
        char n[3][24], at[4][64], signals[400];
        static const char *const counts[] = { "values", "bytes", "exits" }, *const times[] = {
            "from", "to", "first", "last"
        };
        for (size_t k = 0; k < 3; k++)
            snprintf(n[k], sizeof n[k], "%lld", (long long)kp_integer(one, counts[k]));
        for (size_t k = 0; k < 4; k++)
            moment(c, one, times[k], at[k]);
        join(json_object_get(one, "signals"), 3, signals, sizeof signals);
        kp_table_row(
            &t, 11,
            (const char *[]){ kp_text(one, "partner"), kp_text(one, "agreement"),
                              kp_text(one, "dataset"), n[0], n[1], n[2], at[0], at[1], at[2],
                              json_is_true(json_object_get(one, "running")) ? "goes on" : at[3],
                              signals });
    }
    kp_table_print(c, &t, head, "lllrrrlllll");
}

static void print_csv(const json_t *sums)
{
    static const char *const texts[] = { "partner", "agreement", "dataset", "from",
                                         "to",      "first",     "last" },
                             *const counts[] = { "values", "intervals", "bytes", "exits" };
    size_t i, k;
    json_t *one, *path;
    puts("partner,agreement,dataset,from,to,first,last,values,intervals,bytes,exits,signals");
    json_array_foreach(sums, i, one)
    {
        struct kp_buf signals;
        for (k = 0; k < sizeof texts / sizeof texts[0]; k++) {
            kp_csv_text(kp_text(one, texts[k]));
            putchar(',');
        }
        for (k = 0; k < sizeof counts / sizeof counts[0]; k++)
            printf("%lld,", (long long)kp_integer(one, counts[k]));
        kp_buf_init(&signals, 1 << 20);
        json_array_foreach(json_object_get(one, "signals"), k, path)
            kp_buf_printf(&signals, "%s%s", k ? " " : "", json_string_value(path));
        kp_csv_text(kp_buf_text(&signals));
        putchar('\n');
        kp_buf_free(&signals);
    }
}

int kp_exits(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    if (c->argc || kp_flag(c, "user") || kp_flag(c, "action") || kp_flag(c, "to"))
        return kp_complain(c, KP_MISUSE, "--partner goes with --from, --csv, --json and --utc");
    json_t *j = ask(c, &err);
    if (!j)
        return kp_fault(c, &err);
    const json_t *sums = json_object_get(j, "agreements");
    if (c->json)
        kp_print_json(j);
    else if (kp_flag(c, "csv"))
        print_csv(sums);
    else if (json_array_size(sums))
        print_table(c, sums);
    else
        puts("nothing has gone out");
    json_decref(j);
    return KP_DONE;
}
