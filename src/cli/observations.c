/* SPDX-License-Identifier: Apache-2.0 */
/* observations: what this node sees of others, and what of it others warn of. */
#include "cli/client.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/ban.h"

static void print_counts(const json_t *j)
{
    const json_t *counts = json_object_get(j, "counts"), *watch = json_object_get(j, "watch"), *in;
    size_t i;
    printf("%" PRId64 " seen since the start, %" PRId64 " lost; %" PRId64 " indicators watched",
           kp_integer(counts, "seen"), kp_integer(counts, "lost"), kp_integer(watch, "indicators"));
    printf(", %" PRId64 " of another language, %" PRId64 " unreadable, %" PRId64
           " too many, %" PRId64 " set aside\n",
           kp_integer(watch, "notStix"), kp_integer(watch, "unreadable"),
           kp_integer(watch, "tooMany"), kp_integer(watch, "setAside"));
    json_array_foreach(json_object_get(j, "inputs"), i, in)
        printf("%s %s: %" PRId64 " events, %" PRId64 " unreadable%s%s\n", kp_text(in, "kind"),
               kp_text(in, "at"), kp_integer(in, "events"), kp_integer(in, "bad"),
               *kp_text(in, "fault") ? "; " : "", kp_text(in, "fault"));
}

static void print_seen(const struct kp_cli *c, const json_t *j)
{
    static const char *const head[] = { "last", "kind", "count", "hits", "what" };
    struct kp_table t = { 0 };
    json_t *o;
    size_t i;
    json_array_foreach(json_object_get(j, "observations"), i, o)
    {
        char count[24], hits[24];
        snprintf(count, sizeof count, "%" PRId64, kp_integer(o, "count"));
        snprintf(hits, sizeof hits, "%" PRId64, kp_integer(o, "hits"));
        kp_table_row(&t, 5,
                     (const char *[]){ kp_text(o, "last"), kp_text(o, "kind"), count, hits,
                                       kp_text(o, "what") });
    }
    if (i)
        kp_table_print(c, &t, head, "llrrl");
    print_counts(j);
}

static int list(struct kp_cli *c)
{
    static const char *const flags[] = { "kind", "address", "limit", NULL };
    struct kp_err err = { 0 };
    struct kp_buf url;
    kp_buf_init(&url, 4096);
    kp_buf_str(&url, "/api/v1/observations");
    for (size_t i = 0; flags[i]; i++)
        if (kp_flag(c, flags[i]))
            kp_url_add(&url, flags[i], kp_flag(c, flags[i]));
    if (kp_flag(c, "stix"))
        kp_url_add(&url, "stix", "true");
    json_t *j = kp_client_get(c, kp_buf_text(&url), &err);
    kp_buf_free(&url);
    return kp_client_list(c, j, print_seen, &err);
}

/* "alarm, sighting 3 prepared" */
static void became(const json_t *hit, char *out, size_t size)
{
    const json_t *sighting = json_object_get(hit, "sighting");
    char told[60] = "";
    const char *alarm = json_is_true(json_object_get(hit, "ignored"))      ? "ignored"
                        : json_is_integer(json_object_get(hit, "alarm")) ? "alarm"
                                                                           : "";
    if (json_is_object(sighting))
        snprintf(told, sizeof told, "sighting %" PRId64 " %.20s", kp_integer(sighting, "id"),
                 kp_text(sighting, "state"));
    snprintf(out, size, "%s%s%s", alarm, *alarm && *told ? ", " : "", told);
}

static void print_hits(const struct kp_cli *c, const json_t *j)
{
    static const char *const head[] = { "number", "count", "last", "thing", "indicator", "from", "became" };
    struct kp_table t = { 0 };
    json_t *h;
    size_t i;
    json_array_foreach(json_object_get(j, "hits"), i, h)
    {
        char number[24], count[24], state[120];
        snprintf(number, sizeof number, "%" PRId64, kp_integer(h, "id"));
        snprintf(count, sizeof count, "%" PRId64, kp_integer(h, "count"));
        became(h, state, sizeof state);
        kp_table_row(&t, 7,
                     (const char *[]){ number, count, kp_text(h, "last"), kp_text(h, "thing"),
                                       kp_text(h, "name"), kp_text(h, "source"), state });
    }
    if (i)
        kp_table_print(c, &t, head, "rrlllll");
}

static int hits(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    json_t *j = kp_client_get(c, kp_flag(c, "open") ? "/api/v1/hits?open=true" : "/api/v1/hits", &err);
    return kp_client_list(c, j, print_hits, &err);
}

static int say(struct kp_cli *c, bool ignored)
{
    struct kp_err err = { 0 };
    json_t *body = json_pack("{s:b}", "ignored", ignored);
    if (kp_flag(c, "comment"))
        json_object_set_new(body, "comment", json_string(kp_flag(c, "comment")));
    json_decref(kp_client_at(c, "PATCH", "hits", c->argv[1], NULL, body, &err));
    return err.code ? kp_fault(c, &err) : KP_DONE;
}

/* ---- settings ---- */
static const struct {
    const char *flag, *key;
} settings[] = { { "sightings", "sightings" }, { "feed", "feed" },     { "eve", "eve" },
                 { "syslog-file", "syslogFile" }, { "syslog", "syslog" } };
enum { SETTINGS = sizeof settings / sizeof *settings };

static void print_settings(const json_t *j)
{
    printf("watch %s\n", json_is_true(json_object_get(j, "watch")) ? "yes" : "no");
    for (size_t i = 0; i < SETTINGS; i++)
        printf("%s %s\n", settings[i].flag,
               *kp_text(j, settings[i].key) ? kp_text(j, settings[i].key) : "-");
}

static int set(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    json_t *j = kp_client_get(c, "/api/v1/observations/settings", &err);
    bool any = kp_flag(c, "watch");
    if (j && any)
        json_object_set_new(j, "watch", json_string(kp_flag(c, "watch")));
    for (size_t i = 0; j && i < SETTINGS; i++) {
        const char *value = kp_flag(c, settings[i].flag);
        bool none = value && (!*value || strcmp(value, "-") == 0);
        if (value)
            json_object_set_new(j, settings[i].key, none ? json_null() : json_string(value));
        any |= value != NULL;
    }
    if (!j || !any)
        return kp_client_show(c, j, print_settings, &err);
    json_decref(kp_client_send(c, "PUT", "/api/v1/observations/settings", j, &err));
    return err.code ? kp_fault(c, &err) : KP_DONE;
}

int kp_verb_observations(struct kp_cli *c)
{
    const char *act = c->argc ? c->argv[0] : "list";
    if (c->argc < 2 && strcmp(act, "list") == 0)
        return list(c);
    if (c->argc == 1 && strcmp(act, "hits") == 0)
        return hits(c);
    if (c->argc == 1 && strcmp(act, "set") == 0)
        return set(c);
    if (c->argc == 2 && (strcmp(act, "ignore") == 0 || strcmp(act, "mind") == 0))
        return say(c, strcmp(act, "ignore") == 0);
    return kp_complain(c, KP_MISUSE, "it takes: list, hits, ignore NUMBER, mind NUMBER or set");
}
