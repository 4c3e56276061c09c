/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_COUPLINGS_DSP_FEED_H
#define KOPPEL_COUPLINGS_DSP_FEED_H
/* What a partner gives, out of bytes as they come: JSON lines, or server-sent events that hold
 * them. Nothing of it is trusted; a line that says nothing usable is counted and left out. */
#include "core/model.h"
#include "gate/terms.h"

#include <jansson.h>

enum { KP_FEED_LINE_MAX = 1 << 20, KP_FEED_EVENT_MAX = 8 << 20, KP_FEED_KEY = 64 };

struct kp_fed { /* lives until the call ends */
    enum { KP_FED_VALUE, KP_FED_INTERVAL, KP_FED_END, KP_FED_BEHIND } what;
    const char *path; /* a valid one; of an interval its asset, "" = all */
    int64_t at;       /* of an interval its start */
    const json_t *value;
    uint32_t status;
    int function; /* enum kp_function, of a step; -1 = none */
    uint8_t kind; /* enum kp_interval_kind */
    int64_t end;
    char key[KP_FEED_KEY];
    const json_t *attributes; /* an object, or NULL */
    bool whole;               /* of an end: everything came */
    const char *reason;       /* of an end, "" = none */
};
typedef enum kp_code kp_feed_take(void *arg, const struct kp_fed *, struct kp_err *);

struct kp_feed {
    kp_feed_take *take;
    void *arg;
    bool events; /* server-sent events, else lines */
    struct kp_buf line, data;
    char event[16];
    uint64_t taken, bad, lines, bad_line; /* bad_line: the first bad one, from 1; 0 = none */
    bool ended, whole; /* there was an end */
};
void kp_feed_begin(struct kp_feed *, bool events, kp_feed_take *, void *arg);
/* KP_EPEER: it is neither, or too long. */
enum kp_code kp_feed_bytes(struct kp_feed *, const char *, size_t, struct kp_err *);
void kp_feed_end(struct kp_feed *);

/* What this node calls a value (function -1: it is no step): "hall/oven/temperature-mean"; false: that
 * is no path. */
bool kp_feed_path(const char *path, int function, char out[KP_PATH_MAX]);

/* A whole text of lines, as a partner pushes it, into lines that an import takes (format jsonl), each
 * value named as this node calls it. What is no value (an interval, the end) is left out; KP_EPARSE names the first line that says nothing usable. */
enum kp_code kp_feed_lines(const char *text, size_t len, struct kp_buf *out, struct kp_err *);

/* A value as JSON has it (core/json.h) as one of this type; what does not fit is null and false.
 * Data lives in the JSON or in `room`, which is begun anew. */
bool kp_feed_value(uint8_t type, const json_t *, struct kp_buf *room, struct kp_value *out);
#endif
