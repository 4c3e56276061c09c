/* SPDX-License-Identifier: Apache-2.0 */
#include "core/err.h"

#include "core/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum kp_code kp_fail(struct kp_err *err, enum kp_code code, const char *fmt, ...)
{
    if (!err)
        return code;
    if (err->code == KP_OK) {
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(err->text, sizeof err->text, fmt, ap);
        va_end(ap);
        kp_utf8_trim(err->text);
        err->code = code;
    }
    return err->code;
}

enum kp_code kp_context(struct kp_err *err, const char *fmt, ...)
{
    if (!err)
        return KP_OK;
    char inner[KP_ERR_TEXT];
    memcpy(inner, err->text, sizeof inner);
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(err->text, sizeof err->text, fmt, ap);
    va_end(ap);
    if (n >= 0 && (size_t)n < sizeof err->text) {
        size_t room = sizeof err->text - (size_t)n;
        if (room > 2)
            snprintf(err->text + n, room, ": %.*s", (int)(room - 3), inner);
    }
    kp_utf8_trim(err->text);
    return err->code;
}

const char *kp_code_word(enum kp_code code)
{
    static const char *const words[] = {
        [KP_OK] = "ok",
        [KP_ENOMEM] = "out-of-memory",
        [KP_EINVALID] = "invalid",
        [KP_EPARSE] = "malformed",
        [KP_EIO] = "io",
        [KP_EPEER] = "peer",
        [KP_EREFUSED] = "refused",
        [KP_EDENIED] = "denied",
        [KP_ENOTFOUND] = "not-found",
        [KP_EEXISTS] = "exists",
        [KP_EFULL] = "full",
        [KP_ETIMEOUT] = "timeout",
        [KP_ESTOPPED] = "stopped",
    };
    return (unsigned)code < sizeof words / sizeof words[0] ? words[code] : "unknown";
}
