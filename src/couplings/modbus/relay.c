/* SPDX-License-Identifier: Apache-2.0 */
/* Frames of a serial line that travel over TCP (simple gateways do that). libmodbus speaks them on a
 * terminal only: here is one, whose other end a thread of ours ties to the connection. */
#define _GNU_SOURCE
#include "couplings/modbus/modbus_private.h"
#include "couplings/tcp.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "core/ban.h"

enum { STACK = 64 * 1024 };

struct modbus_relay {
    int tcp, terminal, held, stop[2]; /* held: the other end, so that the terminal lives between two opens */
    pthread_t thread;
    bool started;
};

static bool carry(int from, int to)
{
    char data[512];
    ssize_t n = read(from, data, sizeof data);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    for (ssize_t done = 0; done < n;) {
        ssize_t put = write(to, data + done, (size_t)(n - done));
        if (put < 0 && errno == EAGAIN)
            poll(&(struct pollfd){ .fd = to, .events = POLLOUT }, 1, 100);
        else if (put < 0 && errno != EINTR)
            return false;
        done += put > 0 ? put : 0;
    }
    return n > 0;
}

static void *run(void *arg)
{
    struct modbus_relay *r = arg;
    bool going = true;
    while (going) {
        struct pollfd p[] = { { .fd = r->tcp, .events = POLLIN },
                              { .fd = r->terminal, .events = POLLIN },
                              { .fd = r->stop[0], .events = POLLIN } };
        if (poll(p, 3, -1) < 0 && errno != EINTR)
            break;
        going = !p[2].revents && (!p[0].revents || carry(r->tcp, r->terminal)) &&
                (!p[1].revents || carry(r->terminal, r->tcp));
    }
    close(r->terminal); /* whoever reads the other end hears of it */
    r->terminal = -1;
    return NULL;
}

static bool make_terminal(struct modbus_relay *r, char device[64])
{
    struct termios raw;
    r->terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (r->terminal < 0 || grantpt(r->terminal) || unlockpt(r->terminal) || ptsname_r(r->terminal, device, 64))
        return false;
    r->held = open(device, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (r->held < 0 || tcgetattr(r->held, &raw))
        return false;
    cfmakeraw(&raw);
    return tcsetattr(r->held, TCSANOW, &raw) == 0 && pipe2(r->stop, O_CLOEXEC) == 0;
}

struct modbus_relay *modbus_relay_open(const struct kp_url *url, int64_t timeout, char device[64], struct kp_err *err)
{
    struct modbus_relay *r = kp_alloc(sizeof *r);
    if (!r) {
        kp_fail(err, KP_ENOMEM, "out of memory");
        return NULL;
    }
    r->terminal = r->held = r->stop[0] = r->stop[1] = -1;
    r->tcp = kp_tcp_connect(url->host, url->port ? url->port : 502, timeout, err);
    if (r->tcp >= 0) {
        pthread_attr_t small;
        pthread_attr_init(&small);
        pthread_attr_setstacksize(&small, STACK);
        r->started = make_terminal(r, device) && pthread_create(&r->thread, &small, run, r) == 0;
        pthread_attr_destroy(&small);
        if (r->started)
            return r;
        kp_fail(err, KP_EIO, "no pseudo terminal can be had: %s", strerror(errno));
    }
    modbus_relay_close(r);
    return NULL;
}

void modbus_relay_close(struct modbus_relay *r)
{
    if (!r)
        return;
    if (r->started) {
        ssize_t told = write(r->stop[1], "", 1);
        (void)told; /* an empty pipe has room for one byte */
        pthread_join(r->thread, NULL);
    }
    const int all[] = { r->tcp, r->terminal, r->held, r->stop[0], r->stop[1] };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i] >= 0)
            close(all[i]);
    kp_free(r);
}
