/* SPDX-License-Identifier: Apache-2.0 */
#include "couplings/modbus/modbus_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/ban.h"

static modbus_t *over_tcp(const struct kp_url *url)
{
    char port[8];
    snprintf(port, sizeof port, "%u", url->port ? url->port : 502);
    return modbus_new_tcp_pi(url->host, port);
}

static modbus_t *over_line(const char *device, const struct modbus_settings *set)
{
    return modbus_new_rtu(device, (int)set->baud, set->parity[0], 8, (int)set->stop);
}

static enum kp_code make(struct modbus_link *l, const char *text, const struct modbus_settings *set, struct kp_err *err)
{
    struct kp_url url;
    char device[600];
    if (kp_url_parse(text, &url, err))
        return err->code;
    l->serial = strcmp(url.scheme, "modbus") != 0;
    if (strcmp(url.scheme, "modbus+rtutcp") == 0) {
        l->relay = modbus_relay_open(&url, set->timeout, device, err);
        if (!l->relay)
            return err->code;
    } else {
        snprintf(device, sizeof device, "/%s", url.path);
    }
    l->bus = l->serial ? over_line(device, set) : over_tcp(&url);
    return l->bus ? KP_OK : kp_fail(err, KP_EINVALID, "%.100s: %s", text, modbus_strerror(errno));
}

enum kp_code modbus_link_open(struct modbus_link *l, const char *url, const struct modbus_settings *set,
                              struct kp_err *err)
{
    modbus_link_close(l);
    if (make(l, url, set, err)) {
        modbus_link_close(l);
        return err->code;
    }
    uint32_t s = (uint32_t)(set->timeout / KP_SECOND), us = (uint32_t)(set->timeout % KP_SECOND / 1000);
    modbus_set_response_timeout(l->bus, s, us);
    modbus_set_byte_timeout(l->bus, 0, 0); /* the whole answer within the time of an answer */
    if (modbus_connect(l->bus) == 0)
        return KP_OK;
    kp_fail(err, KP_EPEER, "cannot reach it: %s", modbus_strerror(errno));
    modbus_link_close(l);
    return err->code;
}

void modbus_link_close(struct modbus_link *l)
{
    if (l->bus) {
        modbus_close(l->bus);
        modbus_free(l->bus);
    }
    modbus_relay_close(l->relay);
    *l = (struct modbus_link){ 0 };
}
