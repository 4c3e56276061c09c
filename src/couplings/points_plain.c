/* SPDX-License-Identifier: Apache-2.0 */
/* Lines as a script of one line writes them: "hall/oven/temperature 231.5", behind that perhaps a
 * time. A path or a text with spaces stands in double quotes, within which a backslash takes the
 * next character as it is. */
#include "couplings/points.h"

#include "core/text.h"

#include <inttypes.h>
#include <string.h>

#include "core/ban.h"

struct plain {
    struct kp_points *p;
    struct kp_err *err;
    uint64_t line;
};

static enum kp_code refuse(struct plain *l, const char *why, const char *word)
{
    return kp_fail(l->err, KP_EPARSE, "line %" PRIu64 ": %s '%.60s'", l->line, why, word);
}

/* Cuts a word off in place; NULL: a quote is not closed. *quoted: it stood in quotes. */
static char *take_word(char **at, bool *quoted)
{
    char *p = *at + strspn(*at, " \t"), *word = p, *to = p;
    *quoted = *p == '"';
    if (!*quoted) {
        p += strcspn(p, " \t");
        *at = p + (*p != 0);
        *p = 0;
        return word;
    }
    for (p++; *p && *p != '"'; p++) {
        p += *p == '\\' && p[1];
        *to++ = *p;
    }
    if (!*p)
        return NULL;
    *to = 0;
    *at = p + 1;
    return word;
}

static enum kp_code take_line(struct plain *l, char *text)
{
    bool quoted, made;
    struct kp_point one = { .line = l->line, .at = l->p->now };
    const char *path = take_word(&text, &quoted);
    const char *value = path ? take_word(&text, &quoted) : NULL;
    if (!value || (!*value && !quoted))
        return refuse(l, "give PATH VALUE, and perhaps a time: ", path ? path : "");
    one.series = kp_points_series(l->p, path, strlen(path), "", 0, l->line, &made, l->err);
    if (one.series == KP_POINTS_NONE || (made && kp_points_name(l->p, one.series, path, l->err)))
        return l->err->code;
    if (made && quoted)
        l->p->series[one.series].given = KP_STRING;
    one.word = value;
    text += strspn(text, " \t");
    if (*text && !kp_points_time(l->p->options, text, &one.at))
        return refuse(l, "this is no time such as 2026-11-24T10:02:31Z: ", text);
    return kp_points_add(l->p, &one, l->err);
}

enum kp_code kp_points_read_plain(struct kp_points *p, char *text, size_t len, struct kp_err *err)
{
    struct plain l = { .p = p, .err = err };
    char *end = text + len;
    for (l.line = p->options->first ? p->options->first : 1; text < end && !err->code; l.line++) {
        char *stop = memchr(text, '\n', (size_t)(end - text)), *line = text + strspn(text, " \t");
        stop = stop ? stop : end;
        text = stop + 1;
        while (stop > line && strchr("\r \t", stop[-1]))
            stop--;
        *stop = 0;
        size_t mark = p->n;
        if (*line && *line != '#' && line < stop && take_line(&l, line))
            kp_points_pass_over(p, mark, l.line, err);
    }
    return err->code;
}
