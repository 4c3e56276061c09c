/* SPDX-License-Identifier: Apache-2.0 */
#include "couplings/modbus/modbus_private.h"
#include "couplings/tcp.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/select.h>
#include <time.h>
#include <unistd.h>

#include "core/ban.h"

enum { QUIET_MS = 50 };

/* Frames of a serial line are the same over TCP: the library reads and writes them on any descriptor. */
static modbus_t *over_tcp(const struct kp_url *url, bool line_frames, int64_t timeout, struct kp_err *err)
{
    int fd = kp_tcp_connect(url->host, url->port ? url->port : 502, timeout, err);
    if (fd < 0)
        return NULL;
    modbus_t *bus = line_frames ? modbus_new_rtu("/dev/null", 19200, 'N', 8, 1) : modbus_new_tcp("0.0.0.0", 502);
    if (bus) {
        modbus_set_socket(bus, fd);
        return bus;
    }
    close(fd);
    kp_fail(err, KP_ENOMEM, "out of memory");
    return NULL;
}

static modbus_t *over_line(const struct kp_url *url, const struct modbus_settings *set, struct kp_err *err)
{
    char device[sizeof url->path + 1];
    snprintf(device, sizeof device, "/%s", url->path);
    modbus_t *bus = modbus_new_rtu(device, (int)set->baud, set->parity[0], 8, (int)set->stop);
    if (bus && modbus_connect(bus) == 0)
        return bus;
    kp_fail(err, KP_EPEER, "cannot open %.120s: %s", device, modbus_strerror(errno));
    modbus_free(bus);
    return NULL;
}

/* 3.5 characters part two frames of a line, above 19200 baud 1.75 ms (Modbus over Serial Line V1.02, 2.5.1.1). */
static int64_t silence_at(int64_t baud)
{
    return baud > 19200 ? 1750 * KP_MILLISECOND / 1000 : 7 * 11 * KP_SECOND / (2 * baud);
}

static void set_timeouts(struct modbus_link *l, int64_t timeout)
{
    modbus_set_response_timeout(l->bus, (uint32_t)(timeout / KP_SECOND), (uint32_t)(timeout % KP_SECOND / 1000));
    modbus_set_byte_timeout(l->bus, 0, 0); /* the whole answer within the time of an answer */
}

enum kp_code modbus_link_open(struct modbus_link *l, const char *text, const struct modbus_settings *set,
                              struct kp_err *err)
{
    struct kp_url url;
    modbus_link_close(l);
    if (kp_url_parse(text, &url, err))
        return err->code;
    l->line = strcmp(url.scheme, "modbus+rtu") == 0;
    l->frames = strcmp(url.scheme, "modbus") != 0;
    l->silence = l->line ? silence_at(set->baud) : 0;
    l->bus = l->line ? over_line(&url, set, err) : over_tcp(&url, l->frames, set->timeout, err);
    if (!l->bus)
        return err->code;
    if (modbus_get_socket(l->bus) >= FD_SETSIZE) { /* the library waits by select() and ends the process beyond that */
        modbus_link_close(l);
        return kp_fail(err, KP_EFULL, "this node has so many connections open that Modbus cannot have one more");
    }
    set_timeouts(l, set->timeout);
    return KP_OK;
}

void modbus_link_close(struct modbus_link *l)
{
    if (l->bus) {
        modbus_close(l->bus);
        modbus_free(l->bus);
    }
    *l = (struct modbus_link){ 0 };
}

void modbus_link_rest(struct modbus_link *l, int64_t pause)
{
    if (pause < l->silence)
        pause = l->silence;
    if (pause)
        nanosleep(&(struct timespec){ .tv_sec = pause / KP_SECOND, .tv_nsec = (long)(pause % KP_SECOND) }, NULL);
    if (l->frames)
        modbus_link_discard(l, 0); /* such a frame has no number that would tell an old answer */
}

void modbus_link_discard(struct modbus_link *l, int64_t late)
{
    uint8_t stray[256];
    struct pollfd p = { .fd = modbus_get_socket(l->bus), .events = POLLIN };
    int wait = (int)(late / KP_MILLISECOND);
    for (int rounds = 0; rounds < 64 && poll(&p, 1, wait) > 0 && read(p.fd, stray, sizeof stray) > 0; rounds++)
        wait = late ? QUIET_MS : 0;
}
