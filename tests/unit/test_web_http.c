/* SPDX-License-Identifier: Apache-2.0 */
/* The listeners themselves: sockets, limits of a request, and ending. Over real sockets, with a running node. */
#include "web_kit.h"

#include "web/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static char socket_path[120];

static int setup(void **state)
{
    struct kp_err err = { 0 };
    web_kit_setup(state);
    struct web_kit *k = *state;
    snprintf(socket_path, sizeof socket_path, "%s/koppel.sock", k->dir);
    return kp_node_start(k->node, &err);
}

static int teardown(void **state)
{
    struct web_kit *k = *state;
    kp_node_stop(k->node);
    return web_kit_teardown(state);
}

static struct kp_web *start(void **state, const char *listen)
{
    struct kp_err err = { 0 };
    struct kp_web *web = kp_web_start(((struct web_kit *)*state)->node, socket_path, listen, &err);
    assert_string_equal(err.text, "");
    assert_non_null(web);
    return web;
}

static int dial(void)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    snprintf(at.sun_path, sizeof at.sun_path, "%s", socket_path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
    return fd;
}

static void say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* Reads until `what` has come or the other side closes; at most ten seconds. */
static bool hear(int fd, const char *what, char *out, size_t size)
{
    size_t n = 0;
    out[0] = 0;
    while (n + 1 < size && !(what && strstr(out, what))) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        if (poll(&p, 1, 10000) <= 0)
            return false;
        ssize_t got = recv(fd, out + n, size - n - 1, 0);
        if (got <= 0)
            break;
        n += (size_t)got;
        out[n] = 0;
    }
    return what && strstr(out, what);
}

static void exchange(const char *request, const char *expected)
{
    static char reply[100000];
    int fd = dial();
    say(fd, request);
    if (!hear(fd, expected, reply, sizeof reply))
        fail_msg("%.60s gave: %.500s", request, reply);
    close(fd);
}

#define GET(target) "GET " target " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

static void the_socket_is_for_its_owner_only_and_goes_with_the_node(void **state)
{
    struct stat s;
    struct kp_web *web = start(state, NULL);
    assert_int_equal(stat(socket_path, &s), 0);
    assert_int_equal(s.st_mode & 0777, 0600);
    assert_int_equal(kp_web_port(web), 0);
    exchange(GET("/api/v1/status"), "\"node\":\"test\"");
    kp_web_stop(web);
    assert_int_equal(stat(socket_path, &s), -1);
}

static void a_living_socket_is_refused_and_a_stale_one_replaced(void **state)
{
    struct kp_err err = { 0 };
    struct kp_web *web = start(state, NULL);
    assert_null(kp_web_start(((struct web_kit *)*state)->node, socket_path, NULL, &err));
    assert_int_equal(err.code, KP_EEXISTS);
    assert_non_null(strstr(err.text, "another koppel answers"));
    exchange(GET("/api/v1/status"), "200 OK"); /* the first is unharmed */
    kp_web_stop(web);
    int fd = kp_listen_unix(socket_path, &(struct kp_err){ 0 });
    assert_true(fd >= 0);
    close(fd); /* as a crash leaves it */
    assert_int_equal(access(socket_path, F_OK), 0);
    web = start(state, NULL);
    exchange(GET("/api/v1/status"), "200 OK");
    kp_web_stop(web);
}

static void a_file_that_is_no_socket_is_left_alone(void **state)
{
    (void)state;
    struct kp_err err = { 0 };
    close(open(socket_path, O_CREAT | O_WRONLY, 0600));
    assert_int_equal(kp_listen_unix(socket_path, &err), -1);
    assert_int_equal(err.code, KP_EIO);
    assert_int_equal(access(socket_path, F_OK), 0);
    unlink(socket_path);
}

static void a_path_too_long_for_a_socket_is_said(void **state)
{
    (void)state;
    struct kp_err err = { 0 };
    char path[200];
    memset(path, 'x', sizeof path);
    path[0] = '/';
    path[sizeof path - 1] = 0;
    assert_int_equal(kp_listen_unix(path, &err), -1);
    assert_non_null(strstr(err.text, "longer than 107 bytes"));
}

static void only_loopback_addresses_are_listened_on(void **state)
{
    (void)state;
    static const char *const bad[] = { "0.0.0.0:8420", "[::]:8420", "192.0.2.1:80", "example.com:80", "127.0.0.1", ":80", "", "127.0.0.1:",
                                       "127.0.0.1:99999", "127.0.0.1:8x", "127.0.0.1:-1", "[::1:80", "[]:1" };
    char host[KP_HOST_MAX];
    unsigned port;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct kp_err err = { 0 };
        if (kp_listen_tcp(bad[i], host, &port, &err) >= 0)
            fail_msg("listens on %s", bad[i]);
        assert_int_equal(err.code, KP_EINVALID);
        assert_int_equal(strncmp(err.text, "listen: ", 8), 0);
    }
    struct kp_err err = { 0 };
    int fd = kp_listen_tcp("localhost:0", host, &port, &err);
    assert_true(fd >= 0);
    assert_true(port > 0);
    char taken[40];
    snprintf(taken, sizeof taken, "127.0.0.1:%u", port);
    assert_int_equal(kp_listen_tcp(taken, host, &port, &err), -1);
    assert_int_equal(err.code, KP_EIO);
    close(fd);
}

static void headers_that_protect_stand_on_every_reply(void **state)
{
    static const char *const headers[] = { "Cache-Control: no-store", "X-Content-Type-Options: nosniff", "Referrer-Policy: no-referrer",
                                           "frame-ancestors 'none'", "Content-Type: application/json; charset=utf-8" };
    struct kp_web *web = start(state, NULL);
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        exchange(GET("/api/v1/status"), headers[i]);
        exchange(GET("/nothing"), headers[i]);
    }
    kp_web_stop(web);
}

static void a_body_announced_too_large_is_refused_before_it_is_sent(void **state)
{
    struct kp_web *web = start(state, NULL);
    exchange("POST /api/v1/sql HTTP/1.1\r\nHost: x\r\nContent-Length: 4194305\r\n\r\n", "413 ");
    exchange("POST /api/v1/sql HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n", "HTTP/1.1 4");
    kp_web_stop(web);
}

static void a_body_in_chunks_is_put_together(void **state)
{
    struct kp_web *web = start(state, NULL);
    exchange("POST /api/v1/sql HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
             "8\r\n{\"sql\":\"\r\n13\r\nselect 7 as seven\"}\r\n0\r\n\r\n", "[[7]]");
    kp_web_stop(web);
}

static void two_requests_on_one_connection_are_both_answered(void **state)
{
    struct kp_web *web = start(state, NULL);
    static char reply[20000];
    int fd = dial();
    say(fd, "GET /api/v1/couplings HTTP/1.1\r\nHost: x\r\n\r\nGET /api/v1/signals HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(hear(fd, "{\"signals\":[],\"next\":null}", reply, sizeof reply));
    assert_non_null(strstr(reply, "{\"couplings\":[]}"));
    close(fd);
    kp_web_stop(web);
}

static void stopping_ends_streams_and_waits_for_nobody(void **state)
{
    struct kp_web *web = start(state, "127.0.0.1:0");
    static char reply[4000];
    int streams[5], idle = dial();
    for (size_t i = 0; i < 5; i++) {
        streams[i] = dial();
        say(streams[i], "GET /api/v1/stream HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_true(hear(streams[i], "retry: 2000", reply, sizeof reply));
    }
    kp_web_stop(web);
    for (size_t i = 0; i < 5; i++) {
        hear(streams[i], NULL, reply, sizeof reply); /* until it ends */
        assert_int_equal(recv(streams[i], reply, 1, 0), 0);
        close(streams[i]);
    }
    close(idle);
}

static void a_stream_whose_reader_left_is_unsubscribed(void **state)
{
    struct kp_web *web = start(state, NULL);
    struct kp_hub *hub = kp_node_hub(((struct web_kit *)*state)->node);
    static char reply[4000];
    int fd = dial();
    say(fd, "GET /api/v1/stream?every=1s HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(hear(fd, "retry: 2000", reply, sizeof reply));
    assert_int_equal(kp_hub_stats(hub).subscribers, 1);
    close(fd);
    for (int i = 0; i < 500 && kp_hub_stats(hub).subscribers; i++)
        usleep(10000);
    assert_int_equal(kp_hub_stats(hub).subscribers, 0);
    kp_web_stop(web);
}

/* The threads of a running node allocate too, so here it stands still. */
static void running_out_of_memory_at_start_leaves_nothing_behind(void **state)
{
    struct web_kit *k = *state;
    struct stat s;
    kp_node_stop(k->node);
    long live = kp_mem_live(), n = 1;
    for (;; n++) {
        struct kp_err err = { 0 };
        kp_mem_fail_at(n);
        struct kp_web *web = kp_web_start(k->node, socket_path, "127.0.0.1:0", &err);
        kp_mem_fail_at(0);
        kp_web_stop(web);
        assert_int_equal(kp_mem_live(), live);
        assert_int_equal(stat(socket_path, &s), -1);
        if (web)
            break;
        assert_int_equal(err.code, KP_ENOMEM);
    }
    assert_true(n > 3);
    print_message("%ld allocations failed in turn\n", n - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_socket_is_for_its_owner_only_and_goes_with_the_node),
        cmocka_unit_test(a_living_socket_is_refused_and_a_stale_one_replaced),
        cmocka_unit_test(a_file_that_is_no_socket_is_left_alone),
        cmocka_unit_test(a_path_too_long_for_a_socket_is_said),
        cmocka_unit_test(only_loopback_addresses_are_listened_on),
        cmocka_unit_test(headers_that_protect_stand_on_every_reply),
        cmocka_unit_test(a_body_announced_too_large_is_refused_before_it_is_sent),
        cmocka_unit_test(a_body_in_chunks_is_put_together),
        cmocka_unit_test(two_requests_on_one_connection_are_both_answered),
        cmocka_unit_test(stopping_ends_streams_and_waits_for_nobody),
        cmocka_unit_test(a_stream_whose_reader_left_is_unsubscribed),
        cmocka_unit_test(running_out_of_memory_at_start_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
