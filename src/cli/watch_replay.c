/* SPDX-License-Identifier: Apache-2.0 */
/* watch replay: what a watch would have said of a file. Needs no node. */
#include "watch/replay.h"

#include "cli/cli.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/ban.h"

enum { PIECE = 1 << 20, STEP = 100000 /* rows from one word of progress to the next */ };

/* Files and what stands between them. */
struct replaying {
    const char *in_name, *out_name;
    FILE *in, *out;
    char *piece;
    size_t len;
    struct kp_buf said;
    struct kp_replay *replay;
};

static enum kp_code open_files(struct replaying *r, struct kp_err *err)
{
    bool to_stdout = strcmp(r->out_name, "-") == 0, from_stdin = strcmp(r->in_name, "-") == 0;
    kp_buf_init(&r->said, 64 << 20);
    r->piece = kp_alloc(PIECE + 1);
    if (!r->piece)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    r->in = from_stdin ? stdin : fopen(r->in_name, "rb");
    if (!r->in)
        return kp_fail(err, KP_EIO, "%s: %s", r->in_name, strerror(errno));
    r->out = to_stdout ? stdout : fopen(r->out_name, "wb");
    return r->out ? KP_OK : kp_fail(err, KP_EIO, "%s: %s", r->out_name, strerror(errno));
}

static enum kp_code close_files(struct replaying *r, struct kp_err *err)
{
    if (r->in && r->in != stdin)
        fclose(r->in);
    if (r->out && (r->out == stdout ? fflush(r->out) : fclose(r->out)) && !err->code)
        kp_fail(err, KP_EIO, "%s: %s", r->out_name, strerror(errno));
    kp_free(r->piece);
    kp_buf_free(&r->said);
    return err->code;
}

static void show_progress(const struct kp_replay *replay, uint64_t *shown)
{
    uint64_t rows = kp_replay_sum(replay).rows;
    if (!isatty(STDERR_FILENO) || rows < *shown + STEP)
        return;
    *shown = rows;
    fprintf(stderr, "\r\033[K%" PRIu64 " rows", rows);
}

static enum kp_code take_piece(struct replaying *r, bool last, struct kp_err *err)
{
    size_t taken;
    r->said.len = 0;
    if (kp_replay_feed(r->replay, r->piece, r->len, last, &taken, &r->said, err))
        return kp_context(err, "%s", r->in_name);
    if (!taken && r->len == PIECE)
        return kp_fail(err, KP_EPARSE, "%s: a line behind row %" PRIu64 " is longer than %d bytes",
                       r->in_name, kp_replay_sum(r->replay).rows, PIECE);
    memmove(r->piece, r->piece + taken, r->len - taken);
    r->len -= taken;
    if (fwrite(r->said.data, 1, r->said.len, r->out) != r->said.len)
        return kp_fail(err, KP_EIO, "%s: %s", r->out_name, strerror(errno));
    return KP_OK;
}

static enum kp_code replay_file(struct replaying *r, struct kp_err *err)
{
    uint64_t shown = 0;
    for (bool last = false; !last && !err->code;) {
        size_t n = fread(r->piece + r->len, 1, PIECE - r->len, r->in);
        last = n == 0;
        r->len += n;
        if (ferror(r->in))
            return kp_fail(err, KP_EIO, "%s: it cannot be read", r->in_name);
        take_piece(r, last, err);
        show_progress(r->replay, &shown);
    }
    if (shown)
        fprintf(stderr, "\r\033[K");
    return err->code;
}

static bool read_options(struct kp_cli *c, struct kp_replay_options *o)
{
    const char *train = kp_flag(c, "train"), *separator = kp_flag(c, "sep");
    char *end = NULL;
    unsigned long n = train ? strtoul(train, &end, 10) : 0;
    if (!train || *end || end == train || *train == '-' || n > UINT32_MAX)
        return kp_complain(c, KP_MISUSE, "--train N says how many rows it learns from"), false;
    if (separator && strlen(separator) != 1)
        return kp_complain(c, KP_MISUSE, "--sep takes one character"), false;
    o->train = (uint32_t)n;
    o->separator = separator ? *separator : 0;
    o->time = kp_flag(c, "time");
    o->without = kp_flag(c, "without");
    o->plain = kp_flag(c, "plain");
    return true;
}

static void show_sum(const struct replaying *r)
{
    struct kp_replay_sum s = kp_replay_sum(r->replay);
    fprintf(r->out == stdout ? stderr : stdout,
            "%zu %s, %" PRIu64 " rows, %" PRIu64 " judged: %" PRIu64 " alarms, %" PRIu64
            " values that are no measurement\n",
            s.signals, s.signals == 1 ? "signal" : "signals", s.rows, s.judged, s.alarms,
            s.troubles);
}

int kp_watch_replay(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    struct kp_replay_options options = { 0 };
    struct replaying r = { .out_name = kp_flag(c, "out") };
    if (c->argc != 2 || !r.out_name)
        return kp_complain(c, KP_MISUSE, "replay FILE.csv --train N --out FILE");
    if (!read_options(c, &options))
        return KP_MISUSE;
    r.in_name = c->argv[1];
    if ((r.replay = kp_replay_new(&options, &err)) && !open_files(&r, &err))
        replay_file(&r, &err);
    if (!err.code)
        show_sum(&r);
    close_files(&r, &err);
    kp_replay_free(r.replay);
    return err.code ? kp_fault(c, &err) : KP_DONE;
}
