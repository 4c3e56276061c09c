/* SPDX-License-Identifier: Apache-2.0 */
#include "couplings/all.h"

#include "couplings/ads/ads.h"
#include "couplings/file/file.h"
#include "couplings/modbus/modbus.h"
#include "couplings/mqtt/mqtt.h"
#include "couplings/mtconnect/mtconnect.h"
#include "couplings/s7/s7.h"
#include "couplings/shdr/shdr.h"
#include "couplings/sim/sim.h"
#include "couplings/sparkplug/sparkplug.h"
#if KOPPEL_OPCUA
#include "couplings/opcua/opcua.h"
#endif

#include <string.h>

#include "core/ban.h"

const struct kp_coupling_class *const kp_coupling_classes[] = {
#if KOPPEL_OPCUA
    &kp_opcua,
#endif
    &kp_modbus,
    &kp_s7,
    &kp_ads,
    &kp_mqtt,
    &kp_sparkplug,
    &kp_mtconnect,
    &kp_shdr,
    &kp_file,
    &kp_sim,
    NULL,
};

static bool takes(const struct kp_coupling_class *class, const char *scheme, size_t len)
{
    for (const char *p = class->schemes; *p;) {
        size_t n = strcspn(p, " ");
        if (n == len && memcmp(p, scheme, n) == 0)
            return true;
        p += n + (p[n] == ' ');
    }
    return false;
}

const struct kp_coupling_class *kp_coupling_class_of(const char *url, struct kp_err *err)
{
    const char *end = strstr(url, "://");
    struct kp_buf known;
    kp_buf_init(&known, KP_ERR_TEXT);
    for (size_t i = 0; kp_coupling_classes[i]; i++) {
        if (end && end > url && end[3] && takes(kp_coupling_classes[i], url, (size_t)(end - url))) {
            kp_buf_free(&known);
            return kp_coupling_classes[i];
        }
        kp_buf_printf(&known, "%s%s", i ? " " : "", kp_coupling_classes[i]->schemes);
    }
    kp_fail(err, KP_EINVALID,
            "'%.80s' is not the address of a machine: it begins with one of %s, then ://HOST", url,
            kp_buf_text(&known));
    kp_buf_free(&known);
    return NULL;
}

enum kp_code kp_couplings_make_identity(struct kp_store *store, const char *node_name,
                                        struct kp_err *err)
{
#if !KOPPEL_OPCUA
    (void)store;
    (void)node_name;
    (void)err;
    return KP_OK;
#else
    return kp_opcua_make_identity(store, node_name, err);
#endif
}

enum kp_code kp_couplings_certificate(struct kp_store *store, struct kp_arena *arena, void **der,
                                      size_t *len, struct kp_err *err)
{
#if !KOPPEL_OPCUA
    (void)store;
    (void)arena;
    (void)der;
    (void)len;
    return kp_fail(err, KP_ENOTFOUND, "this koppel is built without a protocol that needs a certificate");
#else
    return kp_opcua_certificate(store, arena, der, len, err);
#endif
}
