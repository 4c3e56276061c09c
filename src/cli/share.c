/* SPDX-License-Identifier: Apache-2.0 */
/* partner, offer, catalogue, negotiate, agreements, transfers */
#include "cli/client.h"
#include "core/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/ban.h"

enum { CELL = 512, WAIT_S = 60 };

/* ---- requests ---- */
/* Of a reply without a body nothing is shown. */
static int done(struct kp_cli *c, json_t *reply, const struct kp_err *err)
{
    json_decref(reply);
    return err->code ? kp_fault(c, err) : KP_DONE;
}

/* The flag names a file with JSON, or (text) with what is taken as it is. */
static enum kp_code add_file(struct kp_cli *c, json_t *body, const char *flag, bool text,
                             struct kp_err *err)
{
    struct kp_buf data;
    json_t *value = NULL;
    if (!kp_flag(c, flag))
        return KP_OK;
    if (!text)
        value = kp_read_json(kp_flag(c, flag), err);
    else {
        if (!kp_read_file(kp_flag(c, flag), &data, err))
            value = json_stringn(data.data ? data.data : "", data.len);
        kp_buf_free(&data);
    }
    if (err->code)
        return err->code;
    return json_object_set_new(body, flag, value)
               ? kp_fail(err, KP_EINVALID, "%.120s is no text", kp_flag(c, flag))
               : KP_OK;
}

static void add_flag(struct kp_cli *c, json_t *body, const char *flag, const char *key)
{
    if (kp_flag(c, flag))
        json_object_set_new(body, key, json_string(kp_flag(c, flag)));
}

/* ---- lists ---- */
struct column {
    const char *head, *key;
};

/* All pages of it, as one reply. */
static json_t *read_all(struct kp_cli *c, const char *what, struct kp_err *err)
{
    json_t *j = kp_client_at(c, "GET", what, NULL, NULL, NULL, err), *all = json_object_get(j, what);
    while (j && json_is_true(json_object_get(j, "more")) && json_array_size(all)) {
        const json_t *id = json_object_get(json_array_get(all, json_array_size(all) - 1), "id");
        struct kp_buf url;
        char number[24];
        snprintf(number, sizeof number, "%lld", (long long)json_integer_value(id));
        kp_buf_init(&url, 4096);
        kp_buf_printf(&url, "/api/v1/%s", what);
        kp_url_add(&url, "after", json_is_integer(id) ? number : json_string_value(id));
        json_t *next = kp_client_get(c, kp_buf_text(&url), err);
        kp_buf_free(&url);
        if (!next) {
            json_decref(j);
            return NULL;
        }
        json_array_extend(all, json_object_get(next, what));
        json_object_set(j, "more", json_object_get(next, "more"));
        json_decref(next);
    }
    return j;
}

static int list(struct kp_cli *c, const char *what, const struct column *columns, size_t n)
{
    struct kp_err err = { 0 };
    struct kp_table t = { 0 };
    char left[KP_COLUMNS_MAX + 1] = "";
    const char *heads[KP_COLUMNS_MAX];
    size_t i, k;
    json_t *one, *j = read_all(c, what, &err);
    if (!j)
        return kp_fault(c, &err);
    if (c->json) {
        kp_print_json(j);
        json_decref(j);
        return KP_DONE;
    }
    for (k = 0; k < n; k++) {
        heads[k] = columns[k].head;
        left[k] = 'l';
    }
    json_array_foreach(json_object_get(j, what), i, one)
    {
        const char *cells[KP_COLUMNS_MAX];
        char number[24]; /* at most one column is one */
        for (k = 0; k < n; k++) {
            const json_t *v = json_object_get(one, columns[k].key);
            if (json_is_integer(v))
                snprintf(number, sizeof number, "%lld", (long long)json_integer_value(v));
            cells[k] = json_is_integer(v) ? number : kp_text(one, columns[k].key);
        }
        kp_table_row(&t, n, cells);
    }
    kp_table_print(c, &t, heads, left);
    json_decref(j);
    return KP_DONE;
}
#define LIST(c, what, ...)                                                                         \
    list(c, what, (const struct column[]){ __VA_ARGS__ },                                          \
         sizeof((const struct column[]){ __VA_ARGS__ }) / sizeof(struct column))

/* ---- partner ---- */
static int card(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    json_t *body = kp_flag(c, "id") ? json_pack("{s:s}", "id", kp_flag(c, "id")) : NULL;
    json_t *j = kp_client_at(c, body ? "PUT" : "GET", "share", NULL, NULL, body, &err);
    if (!j)
        return kp_fault(c, &err);
    if (!c->json && !*kp_text(j, "url"))
        fprintf(stderr,
                "koppel: partner: nobody reaches this node yet: koppel listen --partners\n");
    kp_print_json(j);
    json_decref(j);
    return KP_DONE;
}

static enum kp_code add_token(struct kp_cli *c, json_t *body, struct kp_err *err)
{
    char token[500];
    if (!kp_flag(c, "token") ||
        kp_read_secret(kp_flag(c, "token"), "token", token, sizeof token, err))
        return err->code;
    json_object_set_new(body, "token", json_string(token));
    explicit_bzero(token, sizeof token);
    return KP_OK;
}

static int partner_add(struct kp_cli *c, const char *name)
{
    struct kp_err err = { 0 };
    json_t *body = NULL, *j = NULL;
    if (kp_flag(c, "card"))
        body = kp_read_json(kp_flag(c, "card"), &err);
    else
        body = json_object();
    json_object_set_new(body, "name", json_string(name));
    add_flag(c, body, "id", "id");
    add_flag(c, body, "url", "url");
    add_flag(c, body, "fingerprint", "fingerprint");
    if (!err.code && !add_token(c, body, &err) && !add_file(c, body, "ca", true, &err)) {
        if (kp_flag(c, "token"))
            json_object_del(body, "key");
        j = kp_client_at(c, "POST", "partners", NULL, NULL, json_incref(body), &err);
    }
    json_decref(body);
    return done(c, j, &err);
}

int kp_verb_partner(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    const char *act = c->argc ? c->argv[0] : "list", *name = c->argc == 2 ? c->argv[1] : NULL;
    if (!name && strcmp(act, "list") == 0)
        return LIST(c, "partners", { "name", "name" }, { "id", "id" }, { "identity", "identity" },
                    { "url", "url" });
    if (!name && strcmp(act, "card") == 0)
        return card(c);
    if (name && strcmp(act, "add") == 0)
        return strstr(name, "://") ? kp_partner_meet(c, name) : partner_add(c, name);
    if (name && strcmp(act, "remove") == 0)
        return done(c, kp_client_at(c, "DELETE", "partners", name, NULL, NULL, &err), &err);
    return kp_complain(c, KP_MISUSE, "it takes: list, card, add URL, add NAME or remove NAME");
}

/* ---- terms in words ---- */
static void print_words(const json_t *j, const char *before)
{
    const json_t *one;
    size_t i;
    json_array_foreach(json_object_get(j, "words"), i, one)
        printf("%s%s\n", before, json_string_value(one));
}

/* ---- offer ---- */
static int offer_add(struct kp_cli *c, const char *dataset)
{
    struct kp_err err = { 0 };
    size_t i = 0;
    json_t *body = json_pack("{s:s}", "dataset", dataset), *signals = json_array(), *j = NULL;
    for (const char *pattern; (pattern = kp_flag_next(c, "signals", &i));)
        json_array_append_new(signals, json_string(pattern));
    if (json_array_size(signals))
        json_object_set(body, "signals", signals);
    json_decref(signals);
    add_flag(c, body, "to", "partner");
    add_flag(c, body, "id", "id");
    add_flag(c, body, "description", "description");
    if (kp_flag(c, "by-hand"))
        json_object_set_new(body, "automatic", json_false());
    if (!add_file(c, body, "policy", false, &err))
        j = kp_client_at(c, "POST", "offers", NULL, NULL, json_incref(body), &err);
    json_decref(body);
    if (j && !c->json)
        printf("%s\n", kp_text(j, "id"));
    else if (j)
        kp_print_json(j);
    return done(c, j, &err);
}

/* ---- offer PATH... ---- */
static enum kp_code add_time(struct kp_cli *c, json_t *terms, const char *flag, struct kp_err *err)
{
    struct timespec now;
    int64_t at;
    char text[KP_TIME_TEXT];
    if (!kp_flag(c, flag))
        return KP_OK;
    clock_gettime(CLOCK_REALTIME, &now);
    if (!kp_read_time(c, kp_flag(c, flag), now.tv_sec * KP_SECOND + now.tv_nsec, &at))
        return kp_fail(err, KP_EINVALID, "--%s '%.60s' is no time such as 2027-06-30", flag,
                       kp_flag(c, flag));
    kp_time_print(at, text);
    json_object_set_new(terms, flag, json_string(text));
    return KP_OK;
}

/* "mean,max" and the flag again, as a list. */
static void add_words(struct kp_cli *c, json_t *terms, const char *flag, const char *key,
                      const char *between)
{
    size_t i = 0;
    json_t *list = json_array();
    for (const char *p; (p = kp_flag_next(c, flag, &i));)
        while (*p) {
            size_t n = strcspn(p, between);
            if (n)
                json_array_append_new(list, json_stringn(p, n));
            p += n + (p[n] != 0);
        }
    if (json_array_size(list))
        json_object_set(terms, key, list);
    json_decref(list);
}

static json_t *read_terms(struct kp_cli *c, struct kp_err *err)
{
    json_t *terms = json_object();
    char *end = NULL;
    if (add_time(c, terms, "from", err) || add_time(c, terms, "until", err))
        return terms;
    add_flag(c, terms, "every", "every");
    add_words(c, terms, "fn", "functions", ",");
    add_flag(c, terms, "delay", "delay");
    add_words(c, terms, "purpose", "purpose", "");
    if (kp_flag(c, "count"))
        json_object_set_new(terms, "count", json_integer(strtoll(kp_flag(c, "count"), &end, 10)));
    if (end && (*end || end == kp_flag(c, "count")))
        kp_fail(err, KP_EINVALID, "--count '%.60s' is no number", kp_flag(c, "count"));
    if (kp_flag(c, "distribute"))
        json_object_set_new(terms, "distribution", json_true());
    return terms;
}

/* What the dataset is called when nobody says: the last name of the first path. */
static json_t *name_of(const char *pattern)
{
    const char *name = pattern, *p = pattern;
    size_t len = 0;
    while (*p) {
        size_t n = strcspn(p, "/");
        if (n && strcspn(p, "*?") >= n) {
            name = p;
            len = n;
        }
        p += n + (p[n] == '/');
    }
    return len ? json_stringn(name, len) : json_string("everything");
}

static void print_offered(const json_t *j)
{
    const json_t *one;
    size_t i;
    const char *partner = kp_text(j, "partner");
    printf("dataset '%s' is offered to %s, as %s\n", kp_text(j, "dataset"),
           *partner ? partner : "every partner", kp_text(j, "id"));
    print_words(j, "  - ");
    if (json_array_size(json_object_get(j, "reveals")))
        printf("what it reveals:\n");
    json_array_foreach(json_object_get(j, "reveals"), i, one)
    {
        const json_t *names = json_object_get(one, "signals");
        const char *first = json_string_value(json_array_get(names, 0));
        printf("  ! %s%s", kp_text(one, "en"),
               json_is_true(json_object_get(one, "together")) ? ", with what is offered already"
                                                              : "");
        if (first)
            printf(" (%s%s)", first, json_array_size(names) > 1 ? " ..." : "");
        printf("\n");
    }
}

/* How the other side comes to it. */
static void print_how(const json_t *j)
{
    printf("the partner asks for it with: koppel negotiate OUR-NAME '%s' --wait\n",
           kp_text(j, "dataset"));
}

/* The signals, or of which machines the free hours or the key figures. */
static void add_goods(struct kp_cli *c, json_t *body, struct kp_err *err)
{
    const char *what = kp_flag(c, "capacity")  ? "capacity"
                       : kp_flag(c, "figures") ? "figures"
                                               : NULL;
    json_t *paths = json_array(), *name = name_of(c->argv[0]);
    for (int i = 0; i < c->argc; i++)
        json_array_append_new(paths, json_string(c->argv[i]));
    if (what) {
        json_t *spec = json_pack("{s:o}", "machines", paths);
        if (kp_flag(c, "weeks") && strcmp(what, "capacity") == 0)
            json_object_set_new(spec, "weeks", json_string(kp_flag(c, "weeks")));
        if (kp_flag(c, "by") && strcmp(what, "figures") == 0)
            json_object_set_new(spec, "every", json_string(kp_flag(c, "by")));
        json_object_set_new(body, what, spec);
        json_object_set_new(body, "dataset", json_sprintf("%s-%s", json_string_value(name), what));
    } else {
        json_object_set_new(body, "signals", paths);
        json_object_set(body, "dataset", name);
    }
    json_decref(name);
    if (kp_flag(c, "capacity") && kp_flag(c, "figures"))
        kp_fail(err, KP_EINVALID, "--capacity and --figures are two datasets: make two offers");
}

static int offer_paths(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    json_t *body = json_object(), *j = NULL;
    bool only_try = kp_flag(c, "dry-run");
    add_goods(c, body, &err);
    add_flag(c, body, "name", "dataset");
    add_flag(c, body, "to", "partner");
    add_flag(c, body, "id", "id");
    add_flag(c, body, "description", "description");
    if (kp_flag(c, "by-hand"))
        json_object_set_new(body, "automatic", json_false());
    if (!err.code)
        json_object_set_new(body, "terms", read_terms(c, &err));
    if (!err.code)
        j = kp_client_send(c, "POST", only_try ? "/api/v1/offers?dryRun=1" : "/api/v1/offers",
                           json_incref(body), &err);
    json_decref(body);
    bool made = j && !only_try && !c->json;
    if (made)
        json_incref(j);
    int code = kp_client_show(c, j, print_offered, &err);
    if (made) {
        print_how(j);
        json_decref(j);
    }
    return code;
}

int kp_verb_offer(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    const char *act = c->argc ? c->argv[0] : "list", *name = c->argc == 2 ? c->argv[1] : NULL;
    if (!name && strcmp(act, "list") == 0)
        return LIST(c, "offers", { "dataset", "dataset" }, { "for", "partner" }, { "offer", "id" },
                    { "about", "description" });
    if (name && strcmp(act, "add") == 0)
        return offer_add(c, name);
    if (name && strcmp(act, "remove") == 0)
        return done(c, kp_client_at(c, "DELETE", "offers", name, NULL, NULL, &err), &err);
    if (strcmp(act, "list") == 0 || strcmp(act, "add") == 0 || strcmp(act, "remove") == 0)
        return kp_complain(c, KP_MISUSE, "it takes: PATH..., list, add DATASET or remove ID");
    return offer_paths(c);
}

/* ---- catalogue ---- */

static void print_catalogue(const json_t *j)
{
    size_t i, k;
    json_t *dataset, *offer;
    json_array_foreach(json_object_get(j, "datasets"), i, dataset)
    {
        printf("%s\n", kp_text(dataset, "id"));
        json_array_foreach(json_object_get(dataset, "offers"), k, offer)
        {
            printf("  %s\n", kp_text(offer, "id"));
            print_words(offer, "    - ");
        }
    }
}

int kp_verb_catalogue(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    return kp_client_show(c,
                          kp_client_at(c, "GET", "partners", c->argv[0], "catalogue", NULL, &err),
                          print_catalogue, &err);
}

/* ---- negotiations and transfers ---- */
static bool is_number(const char *text)
{
    return *text && strspn(text, "0123456789") == strlen(text);
}

static void print_deal(const json_t *j)
{
    static const char *const keys[] = {
        "partner", "side", "dataset", "agreement", "note", "fault"
    };
    printf("%lld %s%s\n", (long long)kp_integer(j, "id"), kp_text(j, "state"),
           json_is_true(json_object_get(j, "waiting")) ? ", the partner is being told" : "");
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (*kp_text(j, keys[i]))
            printf("%-10s %s\n", keys[i], kp_text(j, keys[i]));
    static const char *const documents[] = { "offer", "address" };
    for (size_t i = 0; i < sizeof documents / sizeof documents[0]; i++) {
        const json_t *o = json_object_get(j, documents[i]);
        char *text = json_is_object(o) ? json_dumps(o, JSON_COMPACT) : NULL;
        if (text)
            printf("%-10s %s\n", documents[i], text);
        free(text);
    }
    print_words(j, "  - ");
    const json_t *one;
    size_t i;
    json_array_foreach(json_object_get(j, "differences"), i, one)
        printf("%s: offered was '%s', asked for is '%s'\n", kp_text(one, "about"),
               kp_text(one, "offered"), kp_text(one, "asked"));
}

static int act(struct kp_cli *c, const char *list_name, const char *number, const char *word)
{
    struct kp_err err = { 0 };
    json_t *body = json_object(), *j = NULL;
    add_flag(c, body, "reason", "reason");
    if (!add_file(c, body, strcmp(list_name, "transfers") == 0 ? "address" : "policy", false, &err))
        j = kp_client_at(c, "POST", list_name, number, word, json_incref(body), &err);
    json_decref(body);
    return kp_client_show(c, j, print_deal, &err);
}

static bool over(const json_t *j)
{
    const char *state = kp_text(j, "state");
    return (strcmp(state, "FINALIZED") == 0 && !json_is_true(json_object_get(j, "waiting"))) ||
           strcmp(state, "TERMINATED") == 0;
}

/* Asks now and then until it is over. */
static json_t *wait_for(struct kp_cli *c, json_t *j, struct kp_err *err)
{
    static const struct timespec pause = { .tv_nsec = 100 * 1000 * 1000 };
    for (int i = 0; j && !over(j) && i < WAIT_S * 10; i++) {
        char number[24];
        snprintf(number, sizeof number, "%lld", (long long)kp_integer(j, "id"));
        nanosleep(&pause, NULL);
        json_decref(j);
        j = kp_client_at(c, "GET", "negotiations", number, NULL, NULL, err);
    }
    return j;
}

static int negotiate(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    json_t *body = json_pack("{s:s, s:s}", "partner", c->argv[0], "dataset", c->argv[1]), *j = NULL;
    if (c->argc == 3)
        json_object_set_new(body, "offer", json_string(c->argv[2]));
    if (kp_flag(c, "as-provider"))
        json_object_set_new(body, "side", json_string("provider"));
    if (kp_flag(c, "by-hand"))
        json_object_set_new(body, "automatic", json_false());
    if (!add_file(c, body, "policy", false, &err))
        j = kp_client_at(c, "POST", "negotiations", NULL, NULL, json_incref(body), &err);
    json_decref(body);
    if (kp_flag(c, "wait"))
        j = wait_for(c, j, &err);
    bool failed = j && kp_flag(c, "wait") && strcmp(kp_text(j, "state"), "FINALIZED") != 0;
    int code = kp_client_show(c, j, print_deal, &err);
    return failed ? KP_FAILED : code;
}

int kp_verb_negotiate(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    if (!c->argc)
        return LIST(c, "negotiations", { "number", "id" }, { "partner", "partner" },
                    { "as", "side" }, { "state", "state" }, { "dataset", "dataset" },
                    { "note", "note" });
    if (is_number(c->argv[0]) && c->argc <= 2)
        return c->argc == 2
                   ? act(c, "negotiations", c->argv[0], c->argv[1])
                   : kp_client_show(
                         c, kp_client_at(c, "GET", "negotiations", c->argv[0], NULL, NULL, &err),
                         print_deal, &err);
    return c->argc >= 2 ? negotiate(c)
                        : kp_complain(c, KP_MISUSE, "say which dataset of %s: koppel catalogue %s",
                                      c->argv[0], c->argv[0]);
}

int kp_verb_agreements(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    if (!c->argc)
        return LIST(c, "agreements", { "agreement", "id" }, { "partner", "partner" },
                    { "as", "side" }, { "state", "state" }, { "dataset", "dataset" },
                    { "why", "why" });
    if (c->argc != 2 || strcmp(c->argv[0], "end") != 0)
        return kp_complain(c, KP_MISUSE, "it takes: end ID, or nothing for the list");
    json_t *body = json_object();
    add_flag(c, body, "reason", "reason");
    return done(c, kp_client_at(c, "POST", "agreements", c->argv[1], "end", body, &err), &err);
}

int kp_verb_transfers(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    if (!c->argc)
        return LIST(c, "transfers", { "number", "id" }, { "partner", "partner" }, { "as", "side" },
                    { "state", "state" }, { "dataset", "dataset" }, { "note", "note" });
    if (is_number(c->argv[0]))
        return c->argc == 2
                   ? act(c, "transfers", c->argv[0], c->argv[1])
                   : kp_client_show(
                         c, kp_client_at(c, "GET", "transfers", c->argv[0], NULL, NULL, &err),
                         print_deal, &err);
    if (c->argc != 1)
        return kp_complain(
            c, KP_MISUSE,
            "it takes: AGREEMENT, NUMBER, NUMBER and a word, or nothing for the list");
    json_t *body = json_pack("{s:s, s:s}", "agreement", c->argv[0], "format",
                             kp_flag(c, "push") ? "HttpData-PUSH" : "HttpData-PULL");
    return kp_client_show(c, kp_client_at(c, "POST", "transfers", NULL, NULL, body, &err),
                          print_deal, &err);
}
