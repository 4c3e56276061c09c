/* SPDX-License-Identifier: Apache-2.0 */
/* pull: the data of an agreement, once, without a coupling. What was cut off is never taken for whole. */
#include "cli/client.h"

#include "core/clock.h"
#include "core/text.h"
#include "net/json_memory.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/ban.h"

enum { URL = 4096, HELD_MAX = 64 << 10, EVENT_MAX = 8 << 20 };

struct pull {
    struct kp_cli *c;
    FILE *out;
    bool events, terminal;
    struct kp_buf held; /* the last line: it may be the end; of events the one under way */
    uint64_t bytes;
    int64_t next; /* monotonic: when to tell how far it is */
    bool told;
    struct kp_err *err;
};

static void tell(struct pull *p, bool last)
{
    char size[32];
    int64_t now = kp_mono(&kp_clock_system);
    if (last ? !p->told : !p->terminal || now < p->next)
        return;
    p->told = true;
    p->next = now + KP_SECOND;
    kp_size_print((int64_t)p->bytes, size, sizeof size);
    fprintf(stderr, "\r%s so far%s", size, last ? "\n" : "   ");
}

static bool put(struct pull *p, const char *data, size_t n)
{
    p->bytes += n;
    if (n && fwrite(data, 1, n, p->out) != n)
        kp_fail(p->err, KP_EIO, "the output cannot be written: %s", strerror(errno));
    tell(p, false);
    return !p->err->code;
}

/* Everything but the last line, whether it has ended or not. */
static bool take_bytes(struct pull *p, const char *data, size_t n)
{
    kp_buf_add(&p->held, data, n);
    if (p->held.failed)
        return kp_fail(p->err, KP_ENOMEM, "out of memory"), false;
    size_t keep = p->held.len, end = p->held.len ? p->held.len - 1 : 0;
    while (end && p->held.data[end - 1] != '\n')
        end--;
    keep -= end;
    if (keep > HELD_MAX) { /* not the end of JSON lines */
        end = p->held.len;
        keep = 0;
    }
    bool good = put(p, p->held.data, end);
    memmove(p->held.data, p->held.data + end, keep);
    p->held.len = keep;
    return good;
}

/* ---- events: each line of their data ---- */
static bool take_event(struct pull *p, const char *event, const char *data)
{
    json_t *j = kp_json_load(data, strlen(data), JSON_DECODE_ANY, NULL), *one;
    size_t i;
    if (strcmp(event, "end") == 0)
        kp_fail(p->err, KP_EPEER, "the partner has ended it: %.150s", kp_text(j, "reason"));
    json_array_foreach (j, i, one) {
        char *text = kp_json_dump(one, JSON_COMPACT);
        if (text && put(p, text, strlen(text)))
            put(p, "\n", 1);
        kp_free(text);
    }
    if (json_is_object(j) && !p->err->code && put(p, data, strlen(data)))
        put(p, "\n", 1);
    json_decref(j);
    if (fflush(p->out) && !p->err->code)
        kp_fail(p->err, KP_EIO, "the output cannot be written: %s", strerror(errno));
    return !p->err->code;
}

static bool take_block(struct pull *p, char *block)
{
    const char *event = "", *data = NULL;
    for (char *line = block, *next; line; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = 0;
        if (strncmp(line, "event: ", 7) == 0)
            event = line + 7;
        else if (strncmp(line, "data: ", 6) == 0)
            data = line + 6;
    }
    return !data || take_event(p, event, data);
}

static bool take_events(struct pull *p, const char *data, size_t n)
{
    kp_buf_add(&p->held, data, n);
    char *text = p->held.failed ? NULL : (char *)(uintptr_t)kp_buf_text(&p->held);
    if (!text)
        return kp_fail(p->err, KP_EPEER, "an event is larger than %d bytes", EVENT_MAX), false;
    bool good = true;
    size_t from = 0;
    for (char *end; good && (end = strstr(text + from, "\n\n")); from = (size_t)(end + 2 - text)) {
        *end = 0;
        good = take_block(p, text + from);
    }
    memmove(text, text + from, p->held.len - from);
    p->held.len -= from;
    return good;
}

static bool take(void *arg, const char *data, size_t n)
{
    struct pull *p = arg;
    return p->events ? take_events(p, data, n) : take_bytes(p, data, n);
}

/* JSON lines end with one that says that they are whole; it is for us. */
static void finish(struct pull *p, const char *type)
{
    struct kp_err none = { 0 };
    json_t *o = kp_json_object(kp_buf_text(&p->held), p->held.len, "line", KP_JSON_DEPTH, &none);
    const json_t *end = json_object_get(o, "end");
    if (json_is_false(end))
        kp_fail(p->err, KP_EPEER, "the partner has broken off: %.150s", kp_text(o, "reason"));
    else if (!json_is_true(end) && strncmp(type, "application/x-ndjson", 20) == 0)
        kp_fail(p->err, KP_EPEER, "the answer was cut off: it is not whole");
    if (!json_is_true(end))
        put(p, p->held.data, p->held.len);
    json_decref(o);
}

/* ---- the question ---- */
static void make_url(struct kp_cli *c, struct kp_buf *url)
{
    static const char *const keys[] = { "from", "to", "host" };
    kp_buf_init(url, URL);
    kp_buf_str(url, "/api/v1/agreements");
    kp_url_segment(url, c->argv[0]);
    kp_buf_str(url, "/data");
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (kp_flag(c, keys[i]))
            kp_url_add(url, keys[i], kp_flag(c, keys[i]));
    if (kp_flag(c, "csv") || kp_flag(c, "jsonl"))
        kp_url_add(url, "format", kp_flag(c, "csv") ? "csv" : "jsonl");
    if (kp_flag(c, "follow"))
        kp_url_add(url, "follow", "true");
}

static void fetch(struct pull *p)
{
    struct kp_buf url;
    char type[80] = "";
    make_url(p->c, &url);
    kp_client_flow(p->c, kp_buf_text(&url), take, p, type, sizeof type, p->err);
    kp_buf_free(&url);
    if (!p->err->code && !p->events)
        finish(p, type);
    if (!p->err->code && p->events)
        kp_fail(p->err, KP_EPEER, "the partner has broken off");
    tell(p, true);
}

/* A file gets its name when it is whole. */
static void fetch_file(struct pull *p, const char *file)
{
    char part[URL];
    if (snprintf(part, sizeof part, "%s.part", file) >= (int)sizeof part) {
        kp_fail(p->err, KP_EINVALID, "the name of the file is too long");
        return;
    }
    p->out = fopen(part, "wb");
    if (!p->out) {
        kp_fail(p->err, KP_EIO, "%.150s: %s", part, strerror(errno));
        return;
    }
    fetch(p);
    if ((fflush(p->out) || fsync(fileno(p->out))) && !p->err->code)
        kp_fail(p->err, KP_EIO, "%.150s: %s", part, strerror(errno));
    fclose(p->out);
    if (!p->err->code && rename(part, file))
        kp_fail(p->err, KP_EIO, "%.150s: %s", file, strerror(errno));
    if (p->err->code && p->bytes)
        fprintf(stderr, "what came is in %s\n", part);
    else if (p->err->code)
        unlink(part);
}

int kp_verb_pull(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    const char *file = kp_flag(c, "output");
    struct pull p = { .c = c, .out = stdout, .events = kp_flag(c, "follow"), .terminal = isatty(STDERR_FILENO), .err = &err,
                      .next = kp_mono(&kp_clock_system) + 2 * KP_SECOND };
    if (p.events && kp_flag(c, "csv"))
        return kp_complain(c, KP_MISUSE, "--follow gives JSON lines");
    kp_buf_init(&p.held, EVENT_MAX);
    if (file)
        fetch_file(&p, file);
    else
        fetch(&p);
    kp_buf_free(&p.held);
    return err.code ? kp_fault(c, &err) : KP_DONE;
}
