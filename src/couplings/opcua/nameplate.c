/* SPDX-License-Identifier: Apache-2.0 */
/* What machines say of themselves: OPC UA for Machinery (an object Identification), for Devices
 * (properties of the device itself), or at least the server's own version. */
#include "couplings/opcua/opcua_private.h"

#include <string.h>

#include "core/ban.h"

enum { PLATES_MAX = 1000 };

static const struct {
    const char *property;
    uint8_t field;
} fields[] = {
    { "Manufacturer", KP_MANUFACTURER_NAME },
    { "Model", KP_PRODUCT_DESIGNATION },
    { "ProductCode", KP_ORDER_CODE },
    { "SerialNumber", KP_SERIAL_NUMBER },
    { "HardwareRevision", KP_HARDWARE_VERSION },
    { "FirmwareRevision", KP_FIRMWARE_VERSION },
    { "SoftwareRevision", KP_SOFTWARE_VERSION },
    { "ProductInstanceUri", KP_PRODUCT_URI },
    { "YearOfConstruction", KP_YEAR_OF_CONSTRUCTION },
    { "DeviceClass", KP_DEVICE_CLASS },
    { "AssetId", KP_ASSET_ID },
    { "Location", KP_LOCATION },
};

int kp_opcua_nameplate_field(const char *property)
{
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        if (strcmp(fields[i].property, property) == 0)
            return fields[i].field;
    return OPCUA_NONE;
}

struct plate {
    uint32_t owner;
    const char *text[KP_NAMEPLATE_FIELDS];
};

static uint32_t owner_of(const struct opcua_tree *t, uint32_t property)
{
    uint32_t parent = t->list[property].parent;
    return t->list[parent].flags & OPCUA_IDENTITY ? t->list[parent].parent : parent;
}

/* Properties of one owner mostly follow each other. */
static struct plate *plate_of(struct plate *list, size_t *n, uint32_t owner)
{
    for (size_t i = *n; i-- > 0;)
        if (list[i].owner == owner)
            return &list[i];
    if (*n == PLATES_MAX)
        return NULL;
    list[*n].owner = owner;
    return &list[(*n)++];
}

static bool tells(const struct plate *p)
{
    return p->text[KP_MANUFACTURER_NAME] || p->text[KP_SERIAL_NUMBER] || p->text[KP_PRODUCT_URI];
}

static enum kp_code identify(struct opcua_browse *b, struct plate *list, size_t n,
                             struct kp_err *err)
{
    char path[KP_PATH_MAX];
    size_t told = 0;
    const char *software = b->o->limits.software[0] ? b->o->limits.software : NULL;
    for (size_t i = 0; i < n && !err->code; i++) {
        const struct opcua_node *owner = &b->tree.list[list[i].owner];
        if (!tells(&list[i]) || owner->flags & OPCUA_HIDDEN ||
            !kp_tree_path(&b->tree, list[i].owner, path))
            continue;
        told++;
        if (n == 1 && !list[i].text[KP_SOFTWARE_VERSION])
            list[i].text[KP_SOFTWARE_VERSION] = software;
        kp_coupling_identify(b->o->c, path, owner->depth > 1 ? KP_COMPONENT : KP_MACHINE,
                             list[i].text, err);
    }
    if (told == 0 && software && !err->code) {
        struct plate own = { .text[KP_SOFTWARE_VERSION] = software };
        kp_coupling_identify(b->o->c, "", KP_MACHINE, own.text, err);
    }
    return err->code;
}

enum kp_code kp_opcua_nameplate(struct opcua_browse *b, struct kp_err *err)
{
    struct plate *list = kp_alloc(PLATES_MAX * sizeof *list);
    size_t n = 0;
    if (!list)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    for (size_t i = 0; i < b->n_properties; i++) {
        int field = kp_opcua_nameplate_field(b->tree.list[b->properties[i].node].name);
        struct plate *p =
            field < 0 ? NULL : plate_of(list, &n, owner_of(&b->tree, b->properties[i].node));
        if (p && !p->text[field])
            p->text[field] = b->properties[i].text;
    }
    identify(b, list, n, err);
    kp_free(list);
    return err->code;
}
