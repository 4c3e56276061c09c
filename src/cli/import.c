/* SPDX-License-Identifier: Apache-2.0 */
/* import: points or intervals of a file, sent in pieces that end at the end of a line. */
#include "cli/client.h"

#include "core/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

enum { URL = 4096, PIECE = 1 << 20, HEAD = 64 << 10 };

struct sending {
    struct kp_cli *c;
    FILE *file;
    bool lines, dry;
    int64_t size; /* of the file; 0 = not known */
    struct kp_buf head, piece;
    uint64_t line, piece_line; /* of the next line; of the piece's first */
    json_int_t points, intervals, made;
    int64_t from, to;
};

static const char *const passed_on[] = { "at", "column", "path", "precision" };

static void add_reply(struct sending *s, const json_t *reply)
{
    int64_t from, to;
    s->points += kp_integer(reply, "points");
    s->intervals += kp_integer(reply, "intervals");
    s->made += kp_integer(reply, "made");
    if (kp_time_parse(kp_text(reply, "from"), &from) && kp_time_parse(kp_text(reply, "to"), &to)) {
        s->from = from < s->from ? from : s->from;
        s->to = to > s->to ? to : s->to;
    }
}

static enum kp_code send_piece(struct sending *s, struct kp_err *err)
{
    struct kp_buf url;
    struct kp_reply reply = { 0 };
    char line[24];
    if (s->piece.len == s->head.len)
        return KP_OK;
    kp_buf_init(&url, URL);
    kp_buf_str(&url, "/api/v1/import");
    kp_url_add(&url, "format", s->lines ? "lines" : "csv");
    snprintf(line, sizeof line, "%" PRIu64, s->piece_line);
    kp_url_add(&url, "line", line);
    for (size_t i = 0; i < sizeof passed_on / sizeof *passed_on; i++)
        if (kp_flag(s->c, passed_on[i]))
            kp_url_add(&url, passed_on[i], kp_flag(s->c, passed_on[i]));
    if (kp_flag(s->c, "local"))
        kp_url_add(&url, "local", "1");
    if (s->dry)
        kp_url_add(&url, "dryRun", "1");
    if (!kp_client(s->c, "POST", kp_buf_text(&url), s->lines ? "text/plain" : "text/csv", s->piece.data, s->piece.len, &reply, err)) {
        json_t *j = json_loadb(reply.body.data, reply.body.len, 0, NULL);
        add_reply(s, j);
        json_decref(j);
    }
    kp_client_free(&reply);
    kp_buf_free(&url);
    s->piece.len = 0;
    kp_buf_add(&s->piece, s->head.data, s->head.len);
    s->piece_line = s->line;
    return err->code;
}

static void show_progress(const struct sending *s)
{
    long at = ftell(s->file);
    if (s->c->terminal && s->size > 0 && at >= 0)
        fprintf(stderr, "\r%s %3d %%", s->dry ? "checking " : "importing", (int)(100 * (int64_t)at / s->size));
}

/* A record of CSV goes on over line ends in quotes. */
static enum kp_code take_line(struct sending *s, const char *text, size_t n, bool *quoted, struct kp_err *err)
{
    bool first = !s->lines && !s->head.len;
    for (size_t i = 0; i < n && !s->lines; i++)
        *quoted ^= text[i] == '"';
    kp_buf_add(&s->piece, text, n);
    s->line++;
    if (s->piece.failed || (first && *quoted))
        return kp_fail(err, KP_EFULL, "line %" PRIu64 ": too long", s->line - 1);
    if (first) {
        kp_buf_add(&s->head, s->piece.data, s->piece.len);
        s->piece_line = s->line;
    } else if (s->piece.len >= PIECE && !*quoted) {
        send_piece(s, err);
        show_progress(s);
    }
    return err->code;
}

static enum kp_code send_all(struct sending *s, struct kp_err *err)
{
    char *text = NULL;
    size_t room = 0;
    bool quoted = false;
    s->line = s->piece_line = 1;
    s->points = s->intervals = s->made = 0;
    s->from = INT64_MAX;
    s->to = INT64_MIN;
    kp_buf_init(&s->head, HEAD);
    kp_buf_init(&s->piece, 3 * PIECE);
    for (ssize_t n; !err->code && (n = getline(&text, &room, s->file)) > 0;)
        take_line(s, text, (size_t)n, &quoted, err);
    if (!err->code && ferror(s->file))
        kp_fail(err, KP_EIO, "reading fails: %s", strerror(errno));
    if (!err->code)
        send_piece(s, err);
    free(text); /* getline's */
    kp_buf_free(&s->head);
    kp_buf_free(&s->piece);
    if (s->c->terminal && s->size > 0)
        fprintf(stderr, "\r\033[K");
    return err->code;
}

static int print_result(const struct sending *s)
{
    char from[KP_TIME_TEXT] = "", to[KP_TIME_TEXT] = "";
    if (s->from <= s->to) {
        kp_time_print(s->from, from);
        kp_time_print(s->to, to);
    }
    if (s->c->json) {
        json_t *j = json_pack("{s:I, s:I, s:I, s:s, s:s}", "points", s->points, "intervals", s->intervals, "made", s->made, "from", from, "to", to);
        kp_print_json(j);
        json_decref(j);
    } else if (s->intervals) {
        printf("%lld intervals %s, from %s to %s\n", (long long)s->intervals, s->dry ? "can be imported" : "imported", from, to);
    } else if (!s->points) {
        printf("there are no points in it\n");
    } else {
        printf("%lld points %s, from %s to %s; %lld signals %s\n", (long long)s->points, s->dry ? "can be imported" : "imported", from,
               to, (long long)s->made, s->dry ? "would be new" : "are new");
    }
    return KP_DONE;
}

static bool is_lines(const struct kp_cli *c, const char *name)
{
    static const char *const ends[] = { ".lp", ".line", ".lines", ".influx" };
    const char *format = kp_flag(c, "format"), *dot = strrchr(name, '.');
    for (size_t i = 0; i < sizeof ends / sizeof *ends && dot && !format; i++)
        if (strcmp(dot, ends[i]) == 0)
            return true;
    return format && strcmp(format, "lines") == 0;
}

int kp_verb_import(struct kp_cli *c)
{
    const char *name = c->argv[0], *format = kp_flag(c, "format");
    struct kp_err err = { 0 };
    bool from_pipe = strcmp(name, "-") == 0;
    if (format && strcmp(format, "csv") && strcmp(format, "lines"))
        return kp_complain(c, KP_MISUSE, "--format is csv or lines, not '%s'", format);
    struct sending s = { .c = c, .lines = is_lines(c, name), .file = from_pipe ? stdin : fopen(name, "r") };
    if (!s.file)
        return kp_complain(c, KP_FAILED, "%s: %s", name, strerror(errno));
    if (!from_pipe && fseek(s.file, 0, SEEK_END) == 0) {
        s.size = ftell(s.file);
        rewind(s.file);
    }
    bool seekable = s.size > 0, dry = kp_flag(c, "dry-run");
    s.dry = seekable || dry; /* the whole file is checked before the first point is stored */
    enum kp_code code = send_all(&s, &err);
    if (!code && s.dry && !dry) {
        rewind(s.file);
        s.dry = false;
        code = send_all(&s, &err);
    }
    if (!from_pipe)
        fclose(s.file);
    if (!code)
        return print_result(&s);
    bool half = !s.dry && (s.points || s.intervals);
    return kp_complain(c, KP_FAILED, "%s: %s%s", name, err.text,
                       half ? "; what stands before is stored: after a correction import the whole file again" : "");
}
