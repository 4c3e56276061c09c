/* SPDX-License-Identifier: Apache-2.0 */
/* Writing one value, opened for it by a person. */
#include "couplings/modbus/modbus_private.h"

#include <errno.h>
#include <string.h>

#include "core/ban.h"

static struct modbus_point *point_of(struct modbus *m, kp_signal id)
{
    for (size_t i = 0; i < m->n; i++)
        if (m->points[i].polled.id == id)
            return &m->points[i];
    return NULL;
}

/* Some devices take a single register only by the function for many. */
static int write_one(modbus_t *bus, const struct modbus_point *p, const uint16_t *registers)
{
    int n = modbus_write_register(bus, p->address, registers[0]);
    return n < 0 && errno == EMBXILFUN ? modbus_write_registers(bus, p->address, 1, registers) : n;
}

/* A field of bits goes into the register as it is now. */
static int write_registers(modbus_t *bus, const struct modbus_point *p, uint16_t *registers)
{
    uint16_t now;
    if (p->bits) {
        uint16_t mask = modbus_point_mask(p);
        if (modbus_read_registers(bus, p->address, 1, &now) != 1)
            return -1;
        registers[0] = (uint16_t)((now & ~mask) | (registers[0] & mask));
    }
    return p->count == 1 ? write_one(bus, p, registers) : modbus_write_registers(bus, p->address, p->count, registers);
}

static enum kp_code told(const char *name, int why, struct kp_err *err)
{
    switch (why) {
    case EMBXILADD:
    case EMBXILFUN:
        return kp_fail(err, KP_EDENIED, "the device does not let %s be written (%s)", name, modbus_strerror(why));
    case EMBXILVAL:
        return kp_fail(err, KP_EINVALID, "the device does not take this value for %s", name);
    case ETIMEDOUT:
        return kp_fail(err, KP_EPEER, "%s: no answer; whether it was written is not known", name);
    default:
        return kp_fail(err, KP_EPEER, "%s: %s", name, modbus_strerror(why));
    }
}

static enum kp_code send(struct modbus *m, const struct modbus_point *p, uint16_t *registers, const char *name,
                         struct kp_err *err)
{
    modbus_t *bus = m->link.bus;
    modbus_link_rest(&m->link, m->set->pause);
    if (modbus_set_slave(bus, p->unit))
        return kp_fail(err, KP_EINVALID, "there can be no unit %u", p->unit);
    errno = 0;
    int n = p->table == MODBUS_COIL ? modbus_write_bit(bus, p->address, registers[0] != 0) : write_registers(bus, p, registers);
    int why = errno;
    for (size_t i = 0; i < m->plan.n; i++)
        if (m->plan.list[i].unit == p->unit && m->plan.list[i].table == p->table)
            m->plan.list[i].due = 0; /* to be seen at once */
    if (n > 0)
        return KP_OK;
    struct kp_err link = { 0 }; /* when it cannot be made anew now, the next read tells */
    if (!modbus_is_exception(why))
        modbus_resync(m, &link);
    return told(name, why, err);
}

enum kp_code modbus_write_point(struct kp_coupling *c, const struct kp_sample *s, struct kp_err *err)
{
    struct modbus *m = kp_coupling_state(c);
    uint16_t registers[MODBUS_REGISTERS_MAX + 1] = { 0 };
    char name[64];
    if (!m->link.bus)
        return kp_fail(err, KP_EPEER, "the device is not connected");
    const struct modbus_point *p = point_of(m, s->signal);
    if (!p)
        return kp_fail(err, KP_ENOTFOUND, "the map has no row for it any more");
    modbus_point_name(p, name);
    if (p->table != MODBUS_HOLDING && p->table != MODBUS_COIL)
        return kp_fail(err, KP_EINVALID, "%s can only be read", name);
    if (modbus_encode(p, &s->value, registers, err))
        return err->code;
    return send(m, p, registers, name, err);
}
