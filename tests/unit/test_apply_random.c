/* SPDX-License-Identifier: Apache-2.0 */
/* A thousand random changes by apply files, right and wrong ones. A coupling that none of them means keeps its one
 * connection and misses no line; a file that is refused names the place and leaves the node as it was.
 * KOPPEL_RANDOM_SEED repeats a run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "config/apply.h"
#include "store/history.h"
#include "store/secret.h"
#include "store/store.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CHANGES = 1000, LINE_MS = 5 };

/* ---- an adapter that counts: a line each few milliseconds to whoever connects ---- */
struct adapter {
    int listener, closed[2]; /* a pipe whose end tells the thread to stop */
    unsigned port;
    pthread_t thread;
    atomic_int connections;
    atomic_llong sent; /* the last number sent */
};

static void *count_up(void *arg)
{
    struct adapter *a = arg;
    int peer = -1;
    struct pollfd wait[2] = { { .fd = a->closed[0], .events = POLLIN }, { .fd = a->listener, .events = POLLIN } };
    while (poll(wait, 2, LINE_MS) >= 0 && !wait[0].revents) {
        if (wait[1].revents) {
            if (peer >= 0)
                close(peer);
            peer = accept(a->listener, NULL, NULL);
            a->connections++;
        }
        char line[40];
        int n = snprintf(line, sizeof line, "|count|%lld\n", (long long)a->sent + 1);
        if (peer >= 0 && send(peer, line, (size_t)n, MSG_NOSIGNAL) == n)
            a->sent++;
    }
    if (peer >= 0)
        close(peer);
    return NULL;
}

static void adapter_start(struct adapter *a)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof at;
    a->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(a->listener, (struct sockaddr *)&at, len), 0);
    assert_int_equal(listen(a->listener, 8), 0);
    assert_int_equal(getsockname(a->listener, (struct sockaddr *)&at, &len), 0);
    a->port = ntohs(at.sin_port);
    assert_int_equal(pipe(a->closed), 0);
    assert_int_equal(pthread_create(&a->thread, NULL, count_up, a), 0);
}

static void adapter_stop(struct adapter *a)
{
    close(a->closed[1]);
    pthread_join(a->thread, NULL);
    close(a->closed[0]);
    close(a->listener);
}

/* ---- the node ---- */
struct place {
    char dir[64], node[80], map[96];
    struct kp_node *n;
    struct kp_err err;
    struct adapter adapter;
    struct kp_buf yaml, kept, plan;
    uint64_t random;
};

static void write_file(const char *name, const char *text)
{
    FILE *f = fopen(name, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static int setup(void **state)
{
    struct kp_first first = { 0 };
    struct place *p = calloc(1, sizeof *p);
    const char *seed = getenv("KOPPEL_RANDOM_SEED");
    p->random = seed ? strtoull(seed, NULL, 10) : 20261127;
    printf("seed %llu\n", (unsigned long long)p->random);
    snprintf(p->dir, sizeof p->dir, "/tmp/koppel-random-XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    snprintf(p->node, sizeof p->node, "%s/node", p->dir);
    snprintf(p->map, sizeof p->map, "%s/map.csv", p->dir);
    write_file(p->map, "key,path,type\ncount,count,int\n");
    adapter_start(&p->adapter);
    kp_buf_init(&p->kept, 1 << 20);
    kp_buf_printf(&p->kept, "  - name: kept\n    url: shdr://127.0.0.1:%u\n    at: hall/kept\n    map-file: %s\n", p->adapter.port, p->map);
    kp_node_create(p->node, "test", &first, &p->err);
    p->n = kp_node_open(p->node, &(struct kp_node_options){ .commit_every = 10 * KP_MILLISECOND }, &p->err);
    assert_string_equal(p->err.text, "");
    assert_int_equal(kp_node_start(p->n, &p->err), KP_OK);
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    struct place *p = *state;
    char command[128];
    kp_node_stop(p->n);
    kp_node_free(p->n);
    adapter_stop(&p->adapter);
    kp_buf_free(&p->yaml);
    kp_buf_free(&p->kept);
    kp_buf_free(&p->plan);
    snprintf(command, sizeof command, "rm -rf '%s'", p->dir);
    int failed = system(command); /* NOLINT(cert-env33-c): our own scratch folder */
    free(p);
    return failed;
}

static unsigned below(struct place *p, unsigned n)
{
    p->random ^= p->random << 13;
    p->random ^= p->random >> 7;
    p->random ^= p->random << 17;
    return (unsigned)(p->random % n);
}

#define PICK(list) (list)[below(p, sizeof(list) / sizeof *(list))]

/* ---- what a file can say ---- */
static void put_coupling(struct place *p, unsigned number)
{
    static const char *const urls[] = { "modbus://127.0.0.1:1/3", "s7://127.0.0.1:1", "mqtt://127.0.0.1:1", "shdr://127.0.0.1:1",
                                        "ads://127.0.0.1:1/127.0.0.1.1.1:851", "mtconnect+http://127.0.0.1:1",
                                        "mqtt+sparkplug://127.0.0.1:1" };
    static const char *const every[] = { "100ms", "1s", "2m" };
    kp_buf_printf(&p->yaml, "  - name: c%u\n    url: %s\n    at: hall/c%u\n", number, PICK(urls), below(p, 6));
    if (below(p, 2))
        kp_buf_printf(&p->yaml, "    every: %s\n", PICK(every));
    if (below(p, 3) == 0)
        kp_buf_printf(&p->yaml, "    exclude: \"**/x%u\"\n", below(p, 3));
    if (below(p, 3) == 0)
        kp_buf_str(&p->yaml, "    enabled: off\n");
    if (below(p, 2))
        kp_buf_printf(&p->yaml, "    timeout: %us\n", 1 + below(p, 4));
}

/* Says whether it deletes what the file does not name; then it names the coupling that is to stay. */
static bool put_couplings(struct place *p)
{
    bool prune = below(p, 3) == 0;
    kp_buf_str(&p->yaml, "couplings:\n");
    if (prune || below(p, 3) == 0)
        kp_buf_str(&p->yaml, kp_buf_text(&p->kept));
    for (unsigned i = 0, n = 1 + below(p, 4), first = below(p, 3); i < n; i++)
        put_coupling(p, first + i);
    return prune;
}

static void put_assets(struct place *p)
{
    static const char *const kinds[] = { "machine", "line", "area", "plc" };
    static const char *const labels[] = { "internal", "partner", "public", "secret" };
    kp_buf_str(&p->yaml, "assets:\n");
    for (unsigned i = 0, n = 1 + below(p, 3), first = below(p, 4); i < n; i++)
        kp_buf_printf(&p->yaml, "  - path: hall/c%u\n    kind: %s\n    label: %s\n    description: no %u\n", first + i, PICK(kinds), PICK(labels),
                      below(p, 9));
}

static void put_settings(struct place *p)
{
    kp_buf_printf(&p->yaml, "settings:\n  commit-interval: %ums\n", 10 + below(p, 50));
}

static void put_retention(struct place *p)
{
    kp_buf_str(&p->yaml, "retention:\n");
    for (unsigned i = 0, n = below(p, 3) + 1; i < n; i++)
        kp_buf_printf(&p->yaml, "  - pattern: \"hall/c%u/**\"\n    points: %ud\n", i, 1 + below(p, 30));
}

/* ---- what makes it wrong ---- */
static void put_fault(struct place *p, unsigned kind)
{
    static const char *const faults[] = {
        "  - name: bad\n    ulr: modbus://127.0.0.1:1\n",
        "  - name: bad\n    url: nosuch://127.0.0.1\n",
        "  - name: bad\n    url: modbus://127.0.0.1:1\n    every: often\n",
        "  - name: bad\n    url: modbus://127.0.0.1:1\n    timeout: 99h\n",
        "  - name: bad\n    url: modbus://127.0.0.1:1\n    at: \"hall//x\"\n",
        "  - name: bad\n    url: s7://127.0.0.1:1\n    rack: seven\n",
        "  - name: bad\n    url: mqtt://127.0.0.1:1\n    map-file: /nonexistent/map.csv\n",
        "  - name: bad\n    url: mqtt://127.0.0.1:1\n  - name: bad\n    url: mqtt://127.0.0.1:2\n",
        "  - name: bad\n    url: [a, list]\n",
        "  - name: bad\n",
        "  - name: \"a/b\"\n    url: modbus://127.0.0.1:1\n",
        "  - just text\n",
        "   - name: bad\n  url: x\n",
        "  - name: bad\n    url: \"modbus://127.0.0.1:1\n",
        "  - &x name: bad\n",
        "signals:\n  - path: hall/no/such/signal\n    unit: CEL\n",
        "assets:\n  - path: hall/c1\n    kind: spaceship\n",
        "settings:\n  comit-interval: 1s\n",
        "retention:\n  - pattern: \"**\"\n    points: long\n",
        "nonsense: 1\n",
    };
    enum { FAULTS = sizeof faults / sizeof *faults, OF_COUPLINGS = 15 };
    kind %= FAULTS;
    if (kind >= OF_COUPLINGS && faults[kind][0] != 'a') /* a key stands once in a file */
        put_assets(p);
    put_couplings(p); /* last: most faults are entries of its list */
    kp_buf_str(&p->yaml, faults[kind]);
}

/* ---- one change ---- */
static char *exported(struct place *p)
{
    struct kp_buf out;
    struct kp_err err = { 0 };
    kp_buf_init(&out, 1 << 20);
    assert_int_equal(kp_export(p->n, KP_TO_NODE, &out, &err), KP_OK);
    char *text = strdup(kp_buf_text(&out));
    kp_buf_free(&out);
    return text;
}

static void apply(struct place *p, bool prune)
{
    kp_buf_free(&p->plan);
    kp_buf_init(&p->plan, 1 << 20);
    p->err = (struct kp_err){ 0 };
    const char *yaml = kp_buf_text(&p->yaml);
    kp_apply(p->n, (struct kp_applier){ KP_TO_NODE, KP_OWNER }, yaml, strlen(yaml), "f.yaml", false, prune, &p->plan, &p->err);
}

static void begin(struct place *p)
{
    kp_buf_free(&p->yaml);
    kp_buf_init(&p->yaml, 1 << 20);
}

static void right_change(struct place *p)
{
    bool prune = false;
    begin(p);
    if (below(p, 3))
        prune = put_couplings(p);
    if (below(p, 2))
        put_assets(p);
    if (below(p, 4) == 0)
        put_settings(p);
    if (below(p, 4) == 0)
        put_retention(p);
    apply(p, prune);
    if (p->err.code)
        fail_msg("%s\n%s", p->err.text, kp_buf_text(&p->yaml));
}

static void wrong_change(struct place *p, unsigned kind)
{
    unsigned line = 0, column = 0;
    char *before = exported(p);
    begin(p);
    put_fault(p, kind);
    apply(p, false);
    char *after = exported(p);
    if (!p->err.code || sscanf(p->err.text, "f.yaml:%u:%u: ", &line, &column) != 2 || !line || !column)
        fail_msg("no place in \"%s\"\n%s", p->err.text, kp_buf_text(&p->yaml));
    assert_string_equal(before, after);
    free(before);
    free(after);
}

/* ---- what the untouched coupling has brought ---- */
static kp_signal count_signal(struct place *p)
{
    struct kp_model *model = kp_hub_model(kp_node_hub(p->n));
    kp_model_lock(model);
    kp_signal id = kp_model_find_signal(model, "hall/kept/count");
    kp_model_unlock(model);
    return id;
}

/* How many numbers are stored, each one more than the one before it. */
static long long stored(struct place *p)
{
    long long n = 0;
    struct kp_sample s;
    struct kp_err err = { 0 };
    struct kp_db *db = kp_store_reader(kp_node_store(p->n), &err);
    struct kp_history *h = kp_history_open(db, count_signal(p), INT64_MIN, INT64_MAX, &err);
    while (h && kp_history_next(h, &s, &err)) {
        assert_int_equal(s.status, 0);
        assert_int_equal(s.value.i, n + 1);
        n++;
    }
    kp_history_close(h);
    kp_store_reader_done(kp_node_store(p->n), db);
    assert_string_equal(err.text, "");
    return n;
}

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){ .tv_nsec = ms * 1000000 }, NULL);
}

static void wait_stored(struct place *p, long long least)
{
    for (int i = 0; i < 1000 && (!count_signal(p) || stored(p) < least); i++)
        pause_ms(10);
    assert_true(stored(p) >= least);
}

static void a_thousand_changes_disturb_no_coupling_that_they_do_not_mean(void **state)
{
    struct place *p = *state;
    unsigned wrong = 0;
    begin(p);
    kp_buf_str(&p->yaml, "couplings:\n");
    kp_buf_str(&p->yaml, kp_buf_text(&p->kept));
    apply(p, false);
    assert_string_equal(p->err.text, "");
    wait_stored(p, 10);
    for (unsigned i = 0; i < CHANGES; i++)
        if (below(p, 3) == 0)
            wrong_change(p, wrong++);
        else
            right_change(p);
    wait_stored(p, p->adapter.sent);
    assert_int_equal(p->adapter.connections, 1);
    printf("%u changes, %u of them wrong; the coupling between them has one connection and all of %lld values\n", CHANGES, wrong, stored(p));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test_setup_teardown(a_thousand_changes_disturb_no_coupling_that_they_do_not_mean, setup,
                                                                        teardown) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
