/* SPDX-License-Identifier: Apache-2.0 */
/* What a partner pushes, for an import. */
#include "couplings/dsp/feed.h"

#include "core/json.h"
#include "net/json_memory.h"

#include "core/ban.h"

static enum kp_code put_value(void *arg, const struct kp_fed *d, struct kp_err *err)
{
    struct kp_buf *out = arg;
    char path[KP_PATH_MAX];
    if (d->what != KP_FED_VALUE)
        return KP_OK;
    if (!kp_feed_path(d->path, d->function, path))
        return kp_fail(err, KP_EPARSE, "the path %.200s is too long with its function", d->path);
    char *value = kp_json_dump(d->value, JSON_COMPACT | JSON_ENCODE_ANY);
    struct kp_json j = kp_json(out);
    kp_json_begin(&j, '{');
    kp_json_put_text(&j, "path", path);
    kp_json_put_time(&j, "time", d->at);
    kp_json_key(&j, "value");
    kp_json_raw(&j, value);
    if (d->status)
        kp_json_put_int(&j, "status", d->status);
    kp_json_end(&j, '}');
    kp_buf_str(out, "\n");
    bool good = value && !out->failed;
    kp_free(value);
    return good ? KP_OK : kp_fail(err, KP_ENOMEM, "out of memory");
}

enum kp_code kp_feed_lines(const char *text, size_t len, struct kp_buf *out, struct kp_err *err)
{
    struct kp_feed f;
    kp_feed_begin(&f, false, put_value, out);
    if (!kp_feed_bytes(&f, text, len, err))
        kp_feed_bytes(&f, "\n", 1, err);
    if (err->code && err->code != KP_ENOMEM)
        err->code = KP_EPARSE; /* it is he who asks */
    if (!err->code && f.bad)
        kp_fail(err, KP_EPARSE, "line %llu: a line must have path, time and value",
                (unsigned long long)f.bad_line);
    kp_feed_end(&f);
    return err->code;
}
