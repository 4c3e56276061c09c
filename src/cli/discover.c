/* SPDX-License-Identifier: Apache-2.0 */
/* discover */
#include "cli/client.h"

#include "core/text.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/ban.h"

static json_t *numbers(const char *list)
{
    json_t *out = json_array();
    for (char *end; *list; list = *end == ',' ? end + 1 : end) {
        long n = strtol(list, &end, 10);
        if (end == list || (*end && *end != ',')) {
            json_decref(out);
            return NULL;
        }
        json_array_append_new(out, json_integer(n));
    }
    return out;
}

static json_t *asked_for(const struct kp_cli *c)
{
    json_t *body = json_object(), *targets = json_array();
    for (int i = 0; i < c->argc; i++)
        json_array_append_new(targets, json_string(c->argv[i]));
    json_object_set_new(body, "targets", targets);
    if (kp_flag(c, "units"))
        json_object_set_new(body, "units", json_string(kp_flag(c, "units")));
    if (kp_flag(c, "parallel"))
        json_object_set_new(body, "parallel",
                            json_integer(strtol(kp_flag(c, "parallel"), NULL, 10)));
    return body;
}

static void progress(const struct kp_cli *c, const json_t *j)
{
    if (!c->terminal || c->json)
        return;
    printf("\r\033[K");
    if (strcmp(kp_text(j, "state"), "running") == 0)
        printf("%lld of %lld addresses, %lld found", (long long)kp_integer(j, "done"),
               (long long)kp_integer(j, "total"),
               (long long)json_array_size(json_object_get(j, "found")));
    fflush(stdout);
}

static volatile sig_atomic_t interrupted;

static void interrupt(int signal)
{
    (void)signal;
    interrupted = 1;
}

/* The look at its end, with all that was found. ^C ends the look, not this program: what is found
 * is shown. */
static json_t *look(struct kp_cli *c, json_t *body, struct kp_err *err)
{
    struct sigaction once = { .sa_handler = interrupt, .sa_flags = (int)SA_RESETHAND };
    sigaction(SIGINT, &once, NULL); /* before the look begins, which nobody would end otherwise */
    json_decref(kp_client_send(c, "POST", "/api/v1/discover", body, err));
    if (err->code)
        return NULL;
    for (json_t *j; (j = kp_client_get(c, "/api/v1/discover?limit=5000", err)); json_decref(j)) {
        progress(c, j);
        if (strcmp(kp_text(j, "state"), "running") != 0)
            return j;
        if (interrupted)
            json_decref(kp_client_send(c, "DELETE", "/api/v1/discover", NULL, err));
        interrupted = 0;
        nanosleep(&(struct timespec){ .tv_nsec = 200000000L }, NULL);
    }
    return NULL;
}

static void put_row(struct kp_table *t, const json_t *f)
{
    char port[32], what[400];
    bool unit = json_is_integer(json_object_get(f, "unit"));
    snprintf(port, sizeof port, unit ? "%lld unit %lld" : "%lld", (long long)kp_integer(f, "port"),
             (long long)kp_integer(f, "unit"));
    const char *parts[] = { kp_text(f, "manufacturer"), kp_text(f, "product"), kp_text(f, "name") };
    size_t n = 0;
    what[0] = 0;
    for (size_t i = 0; i < 3; i++)
        if (*parts[i] && n < sizeof what)
            n += (size_t)snprintf(what + n, sizeof what - n, "%s%s", n ? ", " : "", parts[i]);
    const char *cells[] = { kp_text(f, "address"),  port,
                            kp_text(f, "protocol"), what,
                            kp_text(f, "detail"),   kp_text(f, "couple") };
    kp_table_row(t, 6, cells);
}

static void print(struct kp_cli *c, const json_t *j)
{
    static const char *const head[] = { "address",    "port", "speaks",
                                        "what it is", "",     "to couple it" };
    struct kp_table t = { 0 };
    const json_t *f;
    size_t i;
    json_array_foreach(json_object_get(j, "found"), i, f) put_row(&t, f);
    bool any = t.n;
    kp_table_print(c, &t, head, "llllll");
    if (!any)
        printf("nothing answers at %lld addresses; a firewall between may be why\n",
               (long long)kp_integer(j, "done"));
    if (strcmp(kp_text(j, "state"), "cancelled") == 0)
        printf("cancelled after %lld of %lld addresses\n", (long long)kp_integer(j, "done"),
               (long long)kp_integer(j, "total"));
}

int kp_verb_discover(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    json_t *j, *ports = kp_flag(c, "ports") ? numbers(kp_flag(c, "ports")) : NULL;
    if (kp_flag(c, "ports") && !ports)
        return kp_complain(c, KP_MISUSE, "--ports takes numbers, 502,4840");
    if (kp_flag(c, "cancel")) {
        j = kp_client_send(c, "DELETE", "/api/v1/discover", NULL, &err);
        json_decref(ports);
        json_decref(j);
        return err.code ? kp_fault(c, &err) : KP_DONE;
    }
    if (!c->argc) {
        json_decref(ports);
        return kp_complain(
            c, KP_MISUSE, "say where to look: an address, 192.0.2.0/24, 192.0.2.10-40 or plc7:502");
    }
    json_t *body = asked_for(c);
    if (ports)
        json_object_set_new(body, "ports", ports);
    j = look(c, body, &err);
    if (j && c->json)
        kp_print_json(j);
    else if (j)
        print(c, j);
    json_decref(j);
    return err.code ? kp_fault(c, &err) : KP_DONE;
}
