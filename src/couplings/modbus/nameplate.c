/* SPDX-License-Identifier: Apache-2.0 */
/* Which asset a unit is, and what it says of itself. */
#include "couplings/modbus/modbus_private.h"

#include "core/state_rule.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

bool modbus_who(struct modbus *m, uint8_t unit, struct modbus_identity *id, struct kp_err *err)
{
    struct kp_err why = { 0 };
    if (!modbus_identify(&m->link, unit, m->set->timeout, id, &why))
        return true;
    *id = (struct modbus_identity){ 0 };
    if (why.code == KP_EPEER)
        modbus_resync(m, err);
    return false;
}

/* The place that all points of a unit share; "" for the whole coupling. */
static void place_of(const struct modbus *m, uint8_t unit, char out[KP_PATH_MAX])
{
    bool first = true, alone = true;
    *out = 0;
    for (size_t i = 0; i < m->n; i++)
        alone = alone && m->points[i].unit == unit;
    for (size_t i = 0; i < m->n && !alone; i++) {
        const char *path = m->points[i].row->cell[KP_MAP_PATH], *slash = strrchr(path, '/');
        if (m->points[i].unit != unit)
            continue;
        if (first)
            snprintf(out, KP_PATH_MAX, "%.*s", slash ? (int)(slash - path) : 0, path);
        size_t n = strlen(out);
        while (n && (strncmp(out, path, n) != 0 || path[n] != '/')) {
            char *cut = strrchr(out, '/');
            n = cut ? (size_t)(cut - out) : 0;
            out[n] = 0;
        }
        first = false;
    }
}

static uint8_t kind_of(const struct modbus *m, uint8_t unit)
{
    uint8_t kind = KP_PLC;
    for (size_t i = 0; i < m->n; i++) {
        const char *role = m->points[i].row->cell[KP_MAP_ROLE];
        if (m->points[i].unit != unit)
            continue;
        if (kp_tells_state(role, m->points[i].row->cell[KP_MAP_STATES]))
            return KP_MACHINE;
        if (role && (strcmp(role, "energy") == 0 || strcmp(role, "power") == 0))
            kind = KP_METER;
    }
    return kind;
}

enum kp_code modbus_nameplate(struct modbus *m, uint8_t unit, struct kp_err *err)
{
    struct modbus_identity id;
    char place[KP_PATH_MAX];
    m->units[unit].identified = true;
    modbus_who(m, unit, &id, err);
    place_of(m, unit, place);
    const char *product = *id.product ? id.product : id.model;
    const char *const plate[KP_NAMEPLATE_FIELDS] = {
        [KP_MANUFACTURER_NAME] = *id.vendor ? id.vendor : NULL,
        [KP_PRODUCT_DESIGNATION] = *product ? product : NULL,
        [KP_ORDER_CODE] = *id.product_code ? id.product_code : NULL,
        [KP_FIRMWARE_VERSION] = *id.revision ? id.revision : NULL,
    };
    if (!err->code && (*place || unit == m->own || !m->units[m->own].mapped)) /* one asset, one nameplate */
        kp_coupling_identify(m->c, place, kind_of(m, unit), plate, err);
    return err->code;
}
