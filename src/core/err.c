/* SPDX-License-Identifier: Apache-2.0 */
#include "core/err.h"

#include "core/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/ban.h"

/* What machines and peers say ends up in these sentences: bad bytes must not. */
static void keep(struct kp_err *err, const char raw[KP_ERR_TEXT])
{
    kp_utf8_clean(err->text, sizeof err->text, raw, strlen(raw));
}

enum kp_code kp_fail(struct kp_err *err, enum kp_code code, const char *fmt, ...)
{
    if (!err)
        return code;
    if (err->code == KP_OK) {
        char raw[KP_ERR_TEXT] = "";
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(raw, sizeof raw, fmt, ap);
        va_end(ap);
        keep(err, raw);
        err->code = code;
    }
    return err->code;
}

enum kp_code kp_context(struct kp_err *err, const char *fmt, ...)
{
    if (!err || err->code == KP_OK)
        return KP_OK;
    char raw[KP_ERR_TEXT] = "";
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(raw, sizeof raw, fmt, ap);
    va_end(ap);
    if (n >= 0 && (size_t)n < sizeof raw)
        snprintf(raw + n, sizeof raw - (size_t)n, ": %.*s", KP_ERR_TEXT - n, err->text);
    keep(err, raw);
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
