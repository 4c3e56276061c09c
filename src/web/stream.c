/* SPDX-License-Identifier: Apache-2.0 */
/* Live values as server-sent events. The hub queues for each stream up to a budget; the listener's thread
 * takes from that queue when the client has read what was sent before. A client that reads too slowly is fed
 * the current values again and told so; it costs its queue's budget and no more. */
#include "web/routes.h"
#include "web/view.h"

#include "core/ban.h"

enum { STREAM_BUDGET = 256 << 10 };

struct stream {
    struct kp_request *r;
    struct kp_hub *hub;
    struct kp_subscriber *subscriber;
    uint64_t behind; /* as last told */
    bool begun;
};

static void ready(void *arg)
{
    kp_flow_wake(arg);
}

static void put_values(struct kp_buf *out, const struct kp_model *m, enum kp_recipient to, const struct kp_batch *b)
{
    char path[KP_PATH_MAX];
    size_t before = out->len;
    bool any = false;
    struct kp_json j = kp_json(out);
    kp_buf_str(out, "event: values\ndata: ");
    kp_json_begin(&j, '[');
    for (unsigned i = 0; i < b->n; i++) {
        const struct kp_sample *s = &b->s[i];
        if (!kp_gate_signal(m, to, s->signal))
            continue;
        any = true;
        kp_model_signal_path(m, s->signal, path, sizeof path);
        kp_json_begin(&j, '{');
        kp_json_put_text(&j, "path", path);
        kp_json_put_int(&j, "id", s->signal);
        kp_json_key(&j, "value");
        kp_json_value(&j, &s->value);
        kp_json_put_int(&j, "status", s->status);
        kp_json_put_time(&j, "time", s->at);
        kp_json_end(&j, '}');
    }
    kp_json_end(&j, ']');
    kp_buf_str(out, "\n\n");
    if (!any)
        out->len = before;
}

static void put_message(struct stream *s, struct kp_buf *out, const struct kp_msg *msg)
{
    struct kp_model *m = kp_hub_model(s->hub);
    enum kp_recipient to = s->r->to;
    kp_model_lock(m);
    if (msg->kind == KP_MSG_BATCH) {
        put_values(out, m, to, (const struct kp_batch *)msg);
    } else if (msg->kind == KP_MSG_INTERVAL) {
        const struct kp_interval_msg *i = (const struct kp_interval_msg *)msg;
        struct kp_json j = kp_json(out);
        if (kp_gate_interval(m, to, &i->interval)) {
            kp_buf_str(out, "event: interval\ndata: ");
            kp_view_interval(&j, m, &i->interval, i->removed);
            kp_buf_str(out, "\n\n");
        }
    } else if (msg->kind == KP_MSG_NOTE) {
        const struct kp_note_msg *n = (const struct kp_note_msg *)msg;
        if (kp_gate_label(to, n->label))
            kp_buf_printf(out, "event: alarm\ndata: %s\n\n", n->json);
    }
    kp_model_unlock(m);
}

/* One message a turn, so that one busy stream does not hold up the others; those of which nothing may go do not
 * count, for who writes nothing is not asked again. */
static bool fill(void *self, struct kp_buf *out)
{
    struct stream *s = self;
    if (!s->begun)
        kp_buf_str(out, "retry: 2000\n\n");
    s->begun = true;
    uint64_t behind = kp_subscriber_behind(s->subscriber);
    if (behind != s->behind)
        kp_buf_printf(out, "event: behind\ndata: {\"times\":%llu}\n\n", (unsigned long long)behind);
    s->behind = behind;
    struct kp_msg *msg;
    size_t before = out->len;
    while (out->len == before && (msg = kp_subscriber_next(s->subscriber, 0))) {
        put_message(s, out, msg);
        kp_batch_drop(msg);
    }
    return !out->failed;
}

static void end(void *self)
{
    struct stream *s = self;
    kp_hub_unsubscribe(s->hub, s->subscriber);
    kp_free(s);
}

enum kp_code kp_route_stream(struct kp_request *r, struct kp_err *err)
{
    struct stream *s = kp_alloc(sizeof *s);
    if (!s)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    *s = (struct stream){ .r = r, .hub = kp_node_hub(r->node) };
    struct kp_subscriber_def def = {
        .filter = { .include = kp_arg_text(r, "match"), .every = kp_arg_int(r, "every"),
                    .deadband = kp_arg_get(r, "deadband")->real },
        .intervals = kp_arg_int(r, "intervals"),
        .notes = kp_arg_int(r, "alarms"),
        .notes_of = kp_arg_text(r, "alarmsOf"),
        .feed = true,
        .budget = STREAM_BUDGET,
        .ready = ready,
        .arg = r,
    };
    s->subscriber = kp_hub_subscribe(s->hub, &def, err);
    if (!s->subscriber) {
        kp_free(s);
        return err->code;
    }
    if (kp_flow_begin(r, "text/event-stream", (struct kp_flow){ .fill = fill, .end = end, .self = s }, err))
        end(s);
    return err->code;
}
