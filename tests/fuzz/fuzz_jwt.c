/* SPDX-License-Identifier: Apache-2.0 */
/* An ID token and the provider's keys, parted by a line. Nothing that comes here is signed, so
 * nothing may be believed. */
#include "web/jwt.h"

#include "core/mem.h"
#include "web/body.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    kp_body_init();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct kp_jwt_want want = { "https://login.example", "koppel", "n",
                                             INT64_C(1800000000) * 1000000000 };
    char *token = kp_strndup((const char *)data, size);
    char *line = token ? strchr(token, '\n') : NULL;
    struct kp_err err = { 0 };
    if (line) {
        *line++ = 0;
        json_t *keys = kp_body_object(line, strlen(line), NULL, &err), *claims = NULL;
        err = (struct kp_err){ 0 };
        claims = kp_jwt_read(token, keys, &want, &err);
        if (claims || !err.code)
            abort();
        json_decref(keys);
    }
    kp_free(token);
    return 0;
}
