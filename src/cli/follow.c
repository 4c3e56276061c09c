/* SPDX-License-Identifier: Apache-2.0 */
/* follow, consumers: everything that is stored, for programs that must not miss anything. */
#include "cli/client.h"

#include "core/text.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/ban.h"

enum { URL = 512, PAUSE_MS = 500 };

static volatile sig_atomic_t stopped;

static void stop(int number)
{
    (void)number;
    stopped = 1;
}

static json_t *put_consumer(struct kp_cli *c, const char *name, const char *position, struct kp_err *err)
{
    json_t *body = position ? json_pack("{s:s}", "position", position) : json_object();
    return kp_client_at(c, "PUT", "consumers", name, NULL, body, err);
}

/* ---- follow ---- */

/* All values of a reply on stdout; only when they are out the position moves. */
static enum kp_code pass_on(struct kp_cli *c, const char *name, const json_t *reply, struct kp_err *err)
{
    const json_t *values = json_object_get(reply, "values");
    json_t *one;
    size_t i;
    json_array_foreach (values, i, one)
        kp_print_json(one);
    if (fflush(stdout) || ferror(stdout))
        return kp_fail(err, KP_EIO, "the output cannot be written; what was not written comes again next time");
    if (i)
        json_decref(put_consumer(c, name, kp_text(reply, "position"), err));
    return err->code;
}

static void pause_ms(int ms)
{
    struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };
    nanosleep(&t, NULL);
}

int kp_verb_follow(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    struct kp_buf url;
    const char *name = c->argv[0];
    bool more = true, once = kp_flag(c, "once");
    struct sigaction action = { .sa_handler = stop };
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    kp_buf_init(&url, URL);
    kp_buf_str(&url, "/api/v1/changes");
    kp_url_add(&url, "consumer", name);
    while (!stopped && !err.code && (more || !once)) {
        json_t *reply = kp_client_get(c, kp_buf_text(&url), &err);
        if (err.code == KP_ENOTFOUND) { /* a new one begins now */
            err = (struct kp_err){ 0 };
            json_decref(put_consumer(c, name, NULL, &err));
            continue;
        }
        more = json_is_true(json_object_get(reply, "more"));
        if (!err.code)
            pass_on(c, name, reply, &err);
        json_decref(reply);
        if (!more && !once && !stopped)
            pause_ms(PAUSE_MS);
    }
    kp_buf_free(&url);
    return err.code && !stopped ? kp_fault(c, &err) : KP_DONE;
}

/* ---- consumers ---- */

static int print_consumers(struct kp_cli *c, const json_t *j)
{
    static const char *const head[] = { "name", "position", "behind", "last heard of" };
    struct kp_table t = { 0 };
    json_t *one;
    size_t i;
    json_array_foreach (json_object_get(j, "consumers"), i, one) {
        char behind[48], heard[64] = "";
        int64_t ns;
        snprintf(behind, sizeof behind, json_is_true(json_object_get(one, "lost")) ? "lost" : "%lld commits",
                 (long long)kp_integer(one, "behind"));
        if (kp_time_parse(kp_text(one, "updated"), &ns))
            kp_local_time(ns, false, heard, sizeof heard);
        const char *cells[] = { kp_text(one, "name"), kp_text(one, "position"), behind, heard };
        kp_table_row(&t, 4, cells);
    }
    if (!t.n)
        printf("no program reads by position; make one with: koppel follow NAME\n");
    kp_table_print(c, &t, head, "lrrl");
    return KP_DONE;
}

int kp_verb_consumers(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    const char *gone = kp_flag(c, "remove");
    json_t *j = kp_client_at(c, gone ? "DELETE" : "GET", "consumers", gone, NULL, NULL, &err);
    if (!err.code && gone)
        printf("%s is removed; nothing is kept for it any more\n", gone);
    else if (!err.code && c->json)
        kp_print_json(j);
    else if (!err.code)
        print_consumers(c, j);
    json_decref(j);
    return err.code ? kp_fault(c, &err) : KP_DONE;
}
