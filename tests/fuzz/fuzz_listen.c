/* SPDX-License-Identifier: Apache-2.0 */
/* What a listener is told by strangers and owners: Host headers, names, and certificates in PEM.
 * The first byte chooses. */
#include "web/certificate.h"

#include "core/text.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_host(const char *text)
{
    static const struct kp_names names = { .n = 2, .name = { "koppel.example", "::1" } };
    char out[KP_DNS_NAME], again[KP_DNS_NAME];
    kp_names_answer(&names, text);
    if (!kp_dns_name(text, out, NULL) && (kp_dns_name(out, again, NULL) || strcmp(out, again) != 0))
        abort();
}

static void read_certificate(const char *text)
{
    static const struct kp_names names = { .n = 1, .name = { "koppel.plant.example" } };
    struct kp_certificate_view v;
    struct kp_arena arena = { 0 };
    struct kp_key_pair out = { 0 };
    struct kp_err err = { 0 };
    kp_certificate_view(text, &v, NULL);
    kp_certificate_covers(text, &names, &err);
    kp_key_fits(&(struct kp_key_pair){ text, text });
    err = (struct kp_err){ 0 };
    if (!kp_chain_take(&(struct kp_key_pair){ text, text }, &names, INT64_C(1800000000) * KP_SECOND,
                       &arena, &out, &err) &&
        (!out.key || strstr(out.certificate, "PRIVATE")))
        abort();
    kp_ca_permits(text, "koppel.plant.example");
    kp_arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = size ? kp_strndup((const char *)data + 1, size - 1) : NULL;
    if (text && data[0] & 1)
        read_certificate(text);
    else if (text)
        read_host(text);
    kp_free(text);
    return 0;
}
