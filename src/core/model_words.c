/* SPDX-License-Identifier: Apache-2.0 */
/* The words of the model: labels, kinds of assets, fields of the nameplate. */
#include "core/model_private.h"

#include <string.h>

#include "core/ban.h"

static const char *const label_names[] = { "inherit", "public", "partner", "internal", "secret" };
static const char *const asset_kinds[] = {
    "folder", "enterprise", "site", "area", "line", "machine", "plc", "meter", "sensor", "component"
};
static const char *const nameplate_names[KP_NAMEPLATE_FIELDS] = {
    [KP_MANUFACTURER_NAME] = "ManufacturerName",
    [KP_PRODUCT_DESIGNATION] = "ManufacturerProductDesignation",
    [KP_ORDER_CODE] = "OrderCodeOfManufacturer",
    [KP_SERIAL_NUMBER] = "SerialNumber",
    [KP_HARDWARE_VERSION] = "HardwareVersion",
    [KP_FIRMWARE_VERSION] = "FirmwareVersion",
    [KP_SOFTWARE_VERSION] = "SoftwareVersion",
    [KP_PRODUCT_URI] = "URIOfTheProduct",
    [KP_YEAR_OF_CONSTRUCTION] = "YearOfConstruction",
    [KP_DEVICE_CLASS] = "DeviceClass",
    [KP_ASSET_ID] = "AssetId",
    [KP_LOCATION] = "Location",
};

static bool parse(const char *const *words, size_t n, const char *text, uint8_t *out)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(words[i], text) == 0) {
            *out = (uint8_t)i;
            return true;
        }
    return false;
}

enum {
    LABELS = sizeof label_names / sizeof *label_names,
    KINDS = sizeof asset_kinds / sizeof *asset_kinds
};

bool model_label_valid(unsigned label)
{
    return label < LABELS;
}

bool model_kind_valid(unsigned kind)
{
    return kind < KINDS;
}

const char *kp_label_name(unsigned label)
{
    return model_label_valid(label) ? label_names[label] : "?";
}

bool kp_label_parse(const char *text, uint8_t *label)
{
    return parse(label_names, LABELS, text, label);
}

const char *kp_asset_kind_name(unsigned kind)
{
    return model_kind_valid(kind) ? asset_kinds[kind] : "?";
}

bool kp_asset_kind_parse(const char *text, uint8_t *kind)
{
    return parse(asset_kinds, KINDS, text, kind);
}

const char *kp_nameplate_name(unsigned field)
{
    return field < KP_NAMEPLATE_FIELDS ? nameplate_names[field] : "?";
}
