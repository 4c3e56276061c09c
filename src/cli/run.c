/* SPDX-License-Identifier: Apache-2.0 */
/* init and run: the verbs that hold the node itself. */
#include "cli/client.h"
#include "core/log.h"
#include "core/text.h"
#include "node/node.h"
#include "store/secret.h"
#include "web/web.h"

#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/ban.h"

#define LISTEN "127.0.0.1:8420"

static void name_of_dir(const char *dir, char out[KP_NAME_MAX])
{
    char whole[4096];
    const char *path = realpath(dir, whole) ? whole : dir;
    size_t n = strlen(path);
    while (n && path[n - 1] == '/')
        n--;
    size_t start = n;
    while (start && path[start - 1] != '/')
        start--;
    kp_name_clean(out, KP_NAME_MAX, path + start, n - start);
}

int kp_verb_init(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    char name[KP_NAME_MAX];
    struct kp_first first = { .owner = kp_flag(c, "owner") ? kp_flag(c, "owner") : "owner" };
    const char *dir = c->argv[0];
    name_of_dir(dir, name);
    if (kp_flag(c, "name"))
        snprintf(name, sizeof name, "%s", kp_flag(c, "name"));
    if (c->terminal && !c->json)
        printf("making the keys of node %s ...\n", name);
    fflush(stdout);
    if (kp_node_create(dir, name, &first, &err))
        return kp_fault(c, &err);
    json_t *j = c->json ? json_pack("{s:s, s:s, s:s, s:s, s:s}", "dir", dir, "name", name, "token", first.token, "owner",
                                    first.owner, "password", first.password) : NULL;
    if (j)
        kp_print_json(j);
    json_decref(j);
    if (!c->json)
        printf("node %s is in %s\n\n  user      %s\n  password  %s\n  token     %s\n\nThey are shown this once. The password is for "
               "the first log-in in the console, which asks for your own;\nprograms use the token to reach the node over TCP. Keep "
               "a copy of %s/node.key\nelsewhere: it opens the secrets in the data file.\n\nnext:\n"
               "  koppel run %s\n  koppel couple opc.tcp://HOST:4840 --at SITE/LINE --node %s\n",
               name, dir, first.owner, first.password, first.token, dir, dir, dir);
    return KP_DONE;
}

/* Blocked before any thread starts, so that all inherit it; a second signal ends the program at once. */
static void wait_for_signal(void)
{
    sigset_t set;
    int got;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigwait(&set, &got);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

static void block_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static int serve(struct kp_cli *c, struct kp_node *node, const char *listen, struct kp_err *err)
{
    char socket[1100];
    snprintf(socket, sizeof socket, "%s/koppel.sock", kp_node_dir(node));
    struct kp_web *web = kp_web_start(node, socket, listen, err);
    if (!web)
        return kp_fault(c, err);
    char where[128] = "(no TCP port)";
    if (kp_web_port(web))
        snprintf(where, sizeof where, "http://%s:%u/", kp_web_host(web), kp_web_port(web));
    printf("koppel %s is running: %s  ('koppel status --url' logs you in)\n", kp_node_name(node), where);
    fflush(stdout);
    wait_for_signal();
    kp_info("node", "stopping", "%s", "");
    kp_web_stop(web);
    return KP_DONE;
}

/* --listen, else the setting of the node (settings: listen in an apply file), else the default; NULL: no TCP port. */
static const char *listen_of(struct kp_cli *c, struct kp_node *node, struct kp_arena *arena)
{
    struct kp_err err = { 0 };
    const char *given = kp_flag(c, "listen"), *kept = NULL;
    if (given || kp_flag(c, "no-http"))
        return kp_flag(c, "no-http") ? NULL : given;
    struct kp_db *db = kp_store_reader(kp_node_store(node), &err);
    if (db) {
        kept = kp_setting_get(db, arena, "listen");
        kp_store_reader_done(kp_node_store(node), db);
    }
    return kept ? kept : LISTEN;
}

int kp_verb_run(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    struct kp_arena arena = { 0 };
    mallopt(M_ARENA_MAX, 2); /* a dozen threads need no dozen heaps */
    mallopt(M_TRIM_THRESHOLD, 1 << 20);
    mallopt(M_MMAP_THRESHOLD, 256 << 10); /* what sealing borrows goes back to the system */
    block_signals();
    kp_log_setup(kp_flag(c, "verbose") ? KP_LOG_DEBUG : KP_LOG_INFO, STDERR_FILENO);
    struct kp_node *node = kp_node_open(c->argc ? c->argv[0] : c->node, &(struct kp_node_options){ 0 }, &err);
    if (!node)
        return kp_fault(c, &err);
    int code = KP_FAILED;
    if (kp_node_start(node, &err))
        kp_fault(c, &err);
    else
        code = serve(c, node, listen_of(c, node, &arena), &err);
    kp_node_stop(node);
    kp_node_free(node);
    kp_arena_free(&arena);
    return code;
}
