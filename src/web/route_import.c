/* SPDX-License-Identifier: Apache-2.0 */
/* Points and intervals from elsewhere: CSV and line protocol, also at the addresses where InfluxDB takes them. */
#include "net/gzip.h"
#include "node/import.h"
#include "web/routes.h"

#include <string.h>
#include <strings.h>

#include "core/ban.h"

static const int64_t units[] = { 0, 1, 1000, KP_MILLISECOND, KP_SECOND }; /* by kp_precisions */
const char *const kp_precisions[] = { "auto", "ns", "us", "ms", "s", NULL };
const char *const kp_import_formats[] = { "csv", "lines", NULL };

static enum kp_code import(struct kp_request *r, struct kp_import_options *o, struct kp_import_count *n, struct kp_err *err)
{
    const char *coding = r->client.content_encoding;
    if (!coding || strcasecmp(coding, "identity") == 0)
        return kp_node_import(r->node, r->body, r->body_len, o, n, err);
    if (strcasecmp(coding, "gzip") != 0)
        return kp_fail(err, KP_EINVALID, "Content-Encoding: '%.40s' is neither gzip nor identity", coding);
    struct kp_buf text;
    kp_buf_init(&text, KP_BODY_MAX);
    if (!kp_gunzip(r->body, r->body_len, &text, err))
        kp_node_import(r->node, text.data, text.len, o, n, err);
    kp_buf_free(&text);
    return err->code;
}

enum kp_code kp_route_import(struct kp_request *r, struct kp_err *err)
{
    struct kp_import_options o = {
        .format = kp_arg_int(r, "format") ? KP_IMPORT_LINES : KP_IMPORT_CSV,
        .at = kp_arg_text(r, "at"),
        .column = kp_arg_text(r, "column"),
        .path = kp_arg_text(r, "path"),
        .unit = units[kp_arg_int(r, "precision")],
        .local = kp_arg_int(r, "local"),
        .dry = kp_arg_int(r, "dryRun"),
        .first = (uint64_t)kp_arg_int(r, "line"),
    };
    struct kp_import_count n;
    if (import(r, &o, &n, err))
        return err->code;
    struct kp_json j = kp_reply_json(r);
    kp_json_begin(&j, '{');
    kp_json_put_int(&j, "points", (int64_t)n.points);
    kp_json_put_int(&j, "intervals", (int64_t)n.intervals);
    kp_json_put_int(&j, "signals", n.signals);
    kp_json_put_int(&j, "made", n.made);
    kp_json_put_time(&j, "from", n.from);
    kp_json_put_time(&j, "to", n.to);
    kp_json_end(&j, '}');
    return KP_OK;
}

/* Telegraf and others: what they call database or bucket is no matter here. */
enum kp_code kp_route_line_protocol(struct kp_request *r, struct kp_err *err)
{
    struct kp_import_options o = {
        .format = KP_IMPORT_LINES, .unit = units[kp_arg_int(r, "precision")],
    };
    struct kp_import_count n;
    if (!import(r, &o, &n, err))
        r->reply.status = 204;
    return err->code;
}
