/* SPDX-License-Identifier: Apache-2.0 */
/* watch: what the node looks at by itself, and why it says what it says. */
#include "cli/client.h"
#include "cli/plot.h"
#include "core/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

enum { CELL = 64, URL = 4096, POINTS = 1000, PLOT_WIDTH = 72, PLOT_HEIGHT = 12 };

/* ---- what is watched ---- */
static void count_text(const json_t *counts, char out[CELL])
{
    static const char *const states[] = { "learning", "frozen", "stale", NULL };
    size_t n = (size_t)snprintf(out, CELL, "%" PRId64, kp_integer(counts, "total"));
    for (size_t i = 0; states[i]; i++)
        if (kp_integer(counts, states[i]) && n < CELL)
            n += (size_t)snprintf(out + n, CELL - n, ", %" PRId64 " %s", kp_integer(counts, states[i]), states[i]);
}

static void print_watches(const struct kp_cli *c, const json_t *j)
{
    static const char *const head[] = { "name", "kind", "for", "priority", "posts", "alarms" };
    struct kp_table t = { 0 };
    json_t *w;
    size_t i;
    json_array_foreach(json_object_get(j, "watches"), i, w)
    {
        const json_t *counts = json_object_get(w, "posts");
        char posts[CELL], alarms[24];
        bool on = json_is_true(json_object_get(w, "enabled"));
        count_text(counts, posts);
        snprintf(alarms, sizeof alarms, "%" PRId64, kp_integer(counts, "alarms"));
        kp_table_row(&t, 6,
                     (const char *[]){ kp_text(w, "name"), kp_text(w, "kind"), kp_text(w, "match"),
                                       kp_text(w, "priority"), on ? posts : "switched off", alarms });
    }
    kp_table_print(c, &t, head, "lllllr");
    if (kp_integer(j, "lost"))
        printf("%" PRId64 " of %" PRId64 " values came faster than they could be judged\n", kp_integer(j, "lost"),
               kp_integer(j, "seen"));
}

static int list(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    return kp_client_list(c, kp_client_at(c, "GET", "watches", NULL, NULL, NULL, &err), print_watches, &err);
}

static void print_watch(const json_t *w)
{
    char posts[CELL];
    count_text(json_object_get(w, "posts"), posts);
    printf("%s looks at %s of kind %s: %s\n", kp_text(w, "name"), kp_text(w, "match"), kp_text(w, "kind"), posts);
}

static json_t *read_fields(struct kp_cli *c, const char *match)
{
    static const char *const texts[] = { "kind", "pace", "states", "context", "channels", "cycles", "priority", NULL };
    json_t *body = json_object();
    for (size_t i = 0; texts[i]; i++)
        if (kp_flag(c, texts[i]))
            json_object_set_new(body, texts[i], json_string(kp_flag(c, texts[i])));
    if (match)
        json_object_set_new(body, "match", json_string(match));
    if (kp_flag(c, "learn"))
        json_object_set_new(body, "learn", json_integer(strtoll(kp_flag(c, "learn"), NULL, 10)));
    if (kp_flag(c, "shape"))
        json_object_set_new(body, "shape", json_true());
    if (kp_flag(c, "on") || kp_flag(c, "off"))
        json_object_set_new(body, "enabled", json_boolean(kp_flag(c, "on") != NULL));
    return body;
}

static int add(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    if (c->argc != 3)
        return kp_complain(c, KP_MISUSE, "add NAME PATTERN");
    json_t *body = read_fields(c, c->argv[2]);
    json_object_set_new(body, "name", json_string(c->argv[1]));
    if (!kp_flag(c, "kind"))
        json_object_set_new(body, "kind", json_string("signal"));
    return kp_client_show(c, kp_client_at(c, "POST", "watches", NULL, NULL, body, &err), print_watch, &err);
}

static int set(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    if (c->argc < 2 || c->argc > 3)
        return kp_complain(c, KP_MISUSE, "set NAME [PATTERN]");
    json_t *body = read_fields(c, c->argc == 3 ? c->argv[2] : NULL);
    return kp_client_show(c, kp_client_at(c, "PATCH", "watches", c->argv[1], NULL, body, &err), print_watch, &err);
}

static int drop(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    if (c->argc != 2)
        return kp_complain(c, KP_MISUSE, "remove NAME");
    json_t *j = kp_client_at(c, "DELETE", "watches", c->argv[1], NULL, NULL, &err);
    json_decref(j);
    return err.code ? kp_fault(c, &err) : KP_DONE;
}

/* ---- posts ---- */
static const char *how(const json_t *p, char out[CELL])
{
    if (*kp_text(p, "text"))
        return kp_text(p, "text");
    if (strcmp(kp_text(p, "state"), "learning") == 0)
        snprintf(out, CELL, "%" PRId64 " of %" PRId64 " learnt", kp_integer(p, "learnt"), kp_integer(p, "learn"));
    else
        snprintf(out, CELL, "%s", kp_text(p, "reason"));
    return out;
}

static void print_posts(const struct kp_cli *c, const json_t *j)
{
    static const char *const head[] = { "number", "watch", "about", "state", "score", "how it is" };
    struct kp_table t = { 0 };
    json_t *p;
    size_t i;
    json_array_foreach(json_object_get(j, "posts"), i, p)
    {
        char id[24], score[24] = "-", text[CELL];
        snprintf(id, sizeof id, "%" PRId64, kp_integer(p, "id"));
        if (json_is_number(json_object_get(p, "score")))
            snprintf(score, sizeof score, "%.2f", kp_number(p, "score"));
        kp_table_row(&t, 6,
                     (const char *[]){ id, kp_text(p, "watch"), kp_or_dash(kp_text(p, "about")), kp_text(p, "state"), score,
                                       how(p, text) });
    }
    kp_table_print(c, &t, head, "rlllrl");
}

static int posts(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    struct kp_buf url;
    kp_buf_init(&url, URL);
    kp_buf_str(&url, "/api/v1/watch-posts");
    if (c->argc > 1)
        kp_url_add(&url, "watch", c->argv[1]);
    if (kp_flag(c, "state"))
        kp_url_add(&url, "state", kp_flag(c, "state"));
    json_t *j = kp_client_get(c, kp_buf_text(&url), &err);
    kp_buf_free(&url);
    return kp_client_list(c, j, print_posts, &err);
}

/* The first post that a question for these gives, as text; false: none. */
static bool ask(struct kp_cli *c, const char *key, const char *path, char out[CELL], struct kp_err *err)
{
    struct kp_buf url;
    kp_buf_init(&url, URL);
    kp_buf_str(&url, "/api/v1/watch-posts");
    kp_url_add(&url, key, path);
    json_t *j = kp_client_get(c, kp_buf_text(&url), err);
    const json_t *first = json_array_get(json_object_get(j, "posts"), 0);
    if (first)
        snprintf(out, CELL, "%" PRId64, kp_integer(first, "id"));
    json_decref(j);
    kp_buf_free(&url);
    return first;
}

/* A number, or the path of what it is about or looks at. */
static bool find(struct kp_cli *c, const char *which, char out[CELL], struct kp_err *err)
{
    if (strspn(which, "0123456789") == strlen(which)) {
        snprintf(out, CELL, "%.40s", which);
        return true;
    }
    if (ask(c, "about", which, out, err) || (!err->code && ask(c, "signal", which, out, err)))
        return true;
    if (!err->code)
        kp_fail(err, KP_ENOTFOUND, "no watch looks at '%.150s'; koppel watch posts lists what is looked at", which);
    return false;
}

/* ---- why ---- */
static void print_reasons(const json_t *p)
{
    json_t *r;
    size_t i;
    json_array_foreach(json_object_get(p, "reasons"), i, r)
        printf("  %3.0f %%  %s is %.6g%s%s where %.6g was expected\n", 100 * kp_number(r, "share"), kp_text(r, "signal"),
               kp_number(r, "actual"), *kp_text(r, "unit") ? " " : "", kp_text(r, "unit"), kp_number(r, "expected"));
}

static void print_since(const json_t *p)
{
    char since[CELL];
    int64_t at;
    if (!kp_time_parse(kp_text(p, "since"), &at))
        return;
    kp_local_time(at, false, since, sizeof since);
    printf("  since %s\n", since);
}

static void print_why(const json_t *p)
{
    char text[CELL];
    printf("%s (post %" PRId64 " of %s) is %s", kp_or_dash(kp_text(p, "about")), kp_integer(p, "id"), kp_text(p, "watch"),
           kp_text(p, "state"));
    printf(*how(p, text) ? ": %s\n" : "\n", how(p, text));
    print_since(p);
    if (json_is_number(json_object_get(p, "score")))
        printf("  score %.3f, an alarm from %.1f on\n", kp_number(p, "score"), kp_number(p, "limit"));
    print_reasons(p);
    if (*kp_text(p, "machine"))
        printf("  %s is %s%s%s\n", kp_text(p, "machine"), *kp_text(p, "machineState") ? kp_text(p, "machineState") : "in no known state",
               *kp_text(p, "program") ? ", its program " : "", kp_text(p, "program"));
    printf("  %" PRId64 " values taken, learnt from %s\n", kp_integer(p, "values"),
           *kp_text(p, "learntFrom") ? kp_text(p, "learntFrom") : "nothing yet");
    if (*kp_text(p, "relearns"))
        printf("  learns anew: %s\n", kp_text(p, "relearns"));
}

static int why(struct kp_cli *c)
{
    char id[CELL];
    struct kp_err err = { 0 };
    if (c->argc != 2)
        return kp_complain(c, KP_MISUSE, "why NUMBER or PATH");
    json_t *j = find(c, c->argv[1], id, &err) ? kp_client_at(c, "GET", "watch-posts", id, NULL, NULL, &err) : NULL;
    return kp_client_show(c, j, print_why, &err);
}

/* ---- the score ---- */
static void print_score(const json_t *j)
{
    struct kp_plot_point points[POINTS];
    const json_t *list = json_object_get(j, "points");
    int64_t step = kp_integer(j, "step") * KP_MILLISECOND;
    struct kp_buf out;
    json_t *p;
    size_t i, n = 0;
    json_array_foreach(list, i, p)
    {
        struct kp_plot_point *at = &points[n];
        const char *time = json_string_value(json_array_get(p, 0));
        double score = json_number_value(json_array_get(p, 1));
        if (n < POINTS && time && kp_time_parse(time, &at->from)) {
            *at = (struct kp_plot_point){ .from = at->from, .to = at->from + step, .min = score, .mean = score, .max = score };
            n++;
        }
    }
    if (!n) {
        printf("nothing was judged in the last day\n");
        return;
    }
    kp_buf_init(&out, 1 << 16);
    kp_plot_draw(&(struct kp_plot){ .title = "score, an alarm from 0.5 on",
                                    .unit = "",
                                    .from = points[0].from,
                                    .to = points[n - 1].to,
                                    .width = PLOT_WIDTH,
                                    .height = PLOT_HEIGHT,
                                    .points = points,
                                    .n = n },
                 &out);
    fputs(kp_buf_text(&out), stdout);
    kp_buf_free(&out);
}

static int score(struct kp_cli *c)
{
    char id[CELL];
    struct kp_err err = { 0 };
    if (c->argc != 2)
        return kp_complain(c, KP_MISUSE, "score NUMBER or PATH");
    json_t *j = find(c, c->argv[1], id, &err) ? kp_client_at(c, "GET", "watch-posts", id, "score", NULL, &err) : NULL;
    return kp_client_show(c, j, print_score, &err);
}

/* ---- what it would have said ---- */
static void print_past(const struct kp_cli *c, const json_t *j)
{
    static const char *const head[] = { "about", "since", "until", "what" };
    struct kp_table t = { 0 };
    const json_t *p, *a;
    size_t i, k;
    json_array_foreach(json_object_get(j, "posts"), i, p)
    {
        json_array_foreach(json_object_get(p, "alarms"), k, a)
        {
            char since[CELL] = "-", until[CELL] = "-";
            int64_t at;
            if (kp_time_parse(kp_text(a, "since"), &at))
                kp_local_time(at, false, since, sizeof since);
            if (kp_time_parse(kp_text(a, "until"), &at))
                kp_local_time(at, false, until, sizeof until);
            kp_table_row(&t, 4, (const char *[]){ kp_text(p, "about"), since, until, kp_text(a, "text") });
        }
    }
    if (t.n)
        kp_table_print(c, &t, head, "llll");
    json_array_foreach(json_object_get(j, "posts"), i, p)
        printf("%s: %zu alarms%s in %" PRId64 " values%s\n", kp_or_dash(kp_text(p, "about")),
               json_array_size(json_object_get(p, "alarms")), json_is_true(json_object_get(p, "more")) ? " and more" : "",
               kp_integer(p, "values"), *kp_text(p, "learntAt") ? "" : ", too few to learn from");
    if (!i)
        printf("there is nothing to watch there\n");
    if (kp_integer(j, "left"))
        printf("%" PRId64 " others were left out\n", kp_integer(j, "left"));
}

/* Of a file, or with a path of the node's history. */
static int replay(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    struct kp_buf url;
    static const char *const times[] = { "from", "to" };
    if (c->argc != 2 || kp_flag(c, "train") || kp_flag(c, "out"))
        return kp_watch_replay(c);
    kp_buf_init(&url, URL);
    kp_buf_str(&url, "/api/v1/watch-replay");
    for (size_t i = 0; i < 2; i++)
        if (kp_flag(c, times[i]))
            kp_url_add(&url, times[i], kp_flag(c, times[i]));
    json_t *body = read_fields(c, c->argv[1]);
    json_object_set_new(body, "name", json_string("replay"));
    if (!kp_flag(c, "kind"))
        json_object_set_new(body, "kind", json_string("signal"));
    json_t *j = kp_client_send(c, "POST", kp_buf_text(&url), body, &err);
    kp_buf_free(&url);
    return kp_client_list(c, j, print_past, &err);
}

/* ---- what people say ---- */
static int feedback(struct kp_cli *c)
{
    char id[CELL];
    struct kp_err err = { 0 };
    if (c->argc != 3)
        return kp_complain(c, KP_MISUSE, "feedback NUMBER or PATH, then normal or fault");
    if (!find(c, c->argv[1], id, &err))
        return kp_fault(c, &err);
    json_t *body = json_pack("{s:s, s:s?}", "verdict", c->argv[2], "comment", kp_flag(c, "comment"));
    return kp_client_show(c, kp_client_at(c, "POST", "watch-posts", id, "feedback", body, &err), print_why, &err);
}

int kp_verb_watch(struct kp_cli *c)
{
    static const struct {
        const char *name;
        int (*run)(struct kp_cli *);
    } uses[] = { { "add", add }, { "set", set },           { "list", list },         { "posts", posts }, { "why", why },
                 { "score", score }, { "feedback", feedback }, { "remove", drop }, { "replay", replay } };
    const char *word = c->argc ? c->argv[0] : "list";
    for (size_t i = 0; i < sizeof uses / sizeof *uses; i++)
        if (strcmp(word, uses[i].name) == 0)
            return uses[i].run(c);
    return kp_complain(c, KP_MISUSE, "'%s' is none of add, set, list, posts, why, score, feedback, remove and replay", word);
}
