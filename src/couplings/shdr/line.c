/* SPDX-License-Identifier: Apache-2.0 */
#include "couplings/shdr/line.h"

#include "couplings/mtconnect/observe.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

static const char multiline[] = "--multiline--";

/* ---- bytes into lines ---- */
static void begin_skip(struct kp_shdr_lines *l, const char *mark)
{
    size_t n = strlen(mark);
    l->long_mark = n >= sizeof l->mark;
    snprintf(l->mark, sizeof l->mark, "%s", mark);
}

/* Whether this line is one to look at. */
static bool wanted(struct kp_shdr_lines *l, const char *line)
{
    const char *last = strrchr(line, '|');
    if (*l->mark) {
        bool over = l->long_mark ? strncmp(line, l->mark, sizeof l->mark - 1) == 0
                                 : strcmp(line, l->mark) == 0;
        if (over)
            l->mark[0] = 0;
        return false;
    }
    if (!last || strncmp(last + 1, multiline, sizeof multiline - 1) != 0)
        return *line != 0;
    begin_skip(l, last + 1);
    return false;
}

char *kp_shdr_next(struct kp_shdr_lines *l)
{
    for (;;) {
        char *from = l->text.data + l->at;
        char *end = l->text.len > l->at ? memchr(from, '\n', l->text.len - l->at) : NULL;
        if (!end) {
            if (l->at)
                memmove(l->text.data, from, l->text.len - l->at);
            l->text.len -= l->at;
            l->at = 0;
            return NULL;
        }
        l->at += (size_t)(end - from) + 1;
        for (char *p = from; p < end; p++)
            if (!*p)
                *p = ' ';
        *end = 0;
        if (end > from && end[-1] == '\r')
            end[-1] = 0;
        if (wanted(l, from))
            return from;
    }
}

/* ---- a line ---- */
/* Cuts the next token off; a quoted one may hold "\|". NULL behind the last. */
static char *cut(char **rest)
{
    char *from = *rest, *to = from, *p = from;
    if (!from)
        return NULL;
    bool quoted = *from == '"' && strstr(from, "\\|");
    for (; *p && *p != '|'; p++) {
        if (quoted && p[0] == '\\' && p[1] == '|')
            p++;
        *to++ = *p;
    }
    *rest = *p ? p + 1 : NULL;
    *to = 0;
    if (quoted && to > from + 1 && to[-1] == '"') {
        to[-1] = 0;
        from++;
    }
    return kp_mtc_trim(from);
}

int64_t kp_shdr_time(struct kp_shdr_clock *clock, char *token, int64_t now)
{
    char text[64], *end;
    int64_t at;
    token[strcspn(token, "@")] = 0;
    size_t n = strlen(token);
    if (!n || n > sizeof text - 2)
        return now;
    if (strchr(token, 'T')) {
        const char *clock_part = strchr(token, 'T');
        bool zoned = strpbrk(clock_part, "Zz+-");
        snprintf(text, sizeof text, "%s%s", token, zoned ? "" : "Z");
        return kp_time_parse(text, &at) ? at : now;
    }
    double ms = strtod(token, &end);
    if (*end || !isfinite(ms) || fabs(ms) > 1e12)
        return now;
    if (!clock->known)
        *clock = (struct kp_shdr_clock){ true, now - (int64_t)(ms * 1e6) };
    return clock->base + (int64_t)(ms * 1e6);
}

static bool is_count(const char *text, size_t *n)
{
    char *end;
    *n = strtoul(text, &end, 10);
    return *text >= '0' && *text <= '9' && !*end;
}

static bool holds_numbers(const char *text, size_t wanted_n)
{
    size_t n = 0;
    for (text += strspn(text, " "); *text; n++) {
        char *end;
        strtod(text, &end);
        if (end == text || (*end && *end != ' '))
            return false;
        text = end + strspn(end, " ");
    }
    return n == wanted_n;
}

/* A value may be UNAVAILABLE too: a condition that is so has nothing else to say. */
static bool is_condition(char *const *t, size_t n)
{
    enum kp_mtc_level level = n == 6 ? kp_mtc_level(t[1]) : KP_MTC_NO_LEVEL;
    return level && (level != KP_MTC_UNKNOWN || !(*t[2] || *t[3] || *t[4]));
}

/* From the shape: `n` tokens from the key on. */
static enum kp_shdr_form guess(char *const *t, size_t n)
{
    size_t count;
    if (is_condition(t, n))
        return KP_SHDR_CONDITION;
    if (n == 3)
        return KP_SHDR_MESSAGE;
    if (n == 4 && is_count(t[1], &count) && count > 1 && holds_numbers(t[3], count) &&
        holds_numbers(t[2], *t[2] != 0))
        return KP_SHDR_SERIES;
    return KP_SHDR_VALUE;
}

/* Tokens a form takes, its key among them. */
static size_t width(enum kp_shdr_form form)
{
    return form == KP_SHDR_CONDITION ? 6
           : form == KP_SHDR_MESSAGE ? 3
           : form == KP_SHDR_SERIES  ? 4
                                     : 2;
}

static const char *nth(char *const *t, size_t n, size_t i)
{
    return i < n ? t[i] : "";
}

static struct kp_shdr_seen make_seen(enum kp_shdr_form form, char *const *t, size_t n)
{
    struct kp_shdr_seen s = { .form = form, .key = t[0], .value = nth(t, n, width(form) - 1) };
    if (form == KP_SHDR_MESSAGE)
        s.code = nth(t, n, 1);
    if (form == KP_SHDR_CONDITION) {
        s.level = nth(t, n, 1);
        s.code = nth(t, n, 2);
        s.severity = nth(t, n, 3);
        s.qualifier = nth(t, n, 4);
    }
    return s;
}

bool kp_shdr_read(char *line, struct kp_shdr_clock *clock, int64_t now,
                  const struct kp_shdr_reader *r)
{
    char *token[KP_SHDR_TOKENS_MAX], *rest = line, *time = cut(&rest);
    size_t n = 0;
    if (!rest)
        return false;
    int64_t at = kp_shdr_time(clock, time, now);
    while (n < KP_SHDR_TOKENS_MAX && (token[n] = cut(&rest)))
        n++;
    if (n < 2 || *token[0] == '@') /* assets have commands of their own */
        return n >= 2;
    for (size_t i = 0; i + 1 < n;) {
        enum kp_shdr_form form = r->form ? r->form(r->arg, token[i]) : KP_SHDR_AUTO;
        if (form == KP_SHDR_AUTO)
            form = i ? KP_SHDR_VALUE : guess(token, n);
        if (form != KP_SHDR_CONDITION && strcmp(token[i + 1], KP_MTC_UNAVAILABLE) == 0)
            form = KP_SHDR_VALUE; /* whatever it is, it has one word for that */
        struct kp_shdr_seen s = make_seen(form, token + i, n - i);
        if (*s.key && !r->seen(r->arg, &s, at))
            break;
        i += width(form);
    }
    return true;
}

/* ---- data sets ---- */
static char *cut_value(char **rest)
{
    char *p = *rest;
    char close = *p == '"' || *p == '\'' ? *p : *p == '{' ? '}' : 0;
    char *end = close ? strchr(p + 1, close) : p + strcspn(p, " \t");
    if (close)
        p++;
    if (!end)
        end = p + strlen(p);
    *rest = *end ? end + 1 : end;
    *end = 0;
    return p;
}

void kp_shdr_set_json(struct kp_buf *out, char *text)
{
    struct kp_json j = kp_json(out);
    kp_json_begin(&j, '{');
    text += strspn(text, " \t");
    if (*text == ':') /* a reset, with its reason */
        text += strcspn(text, " \t");
    while (*(text += strspn(text, " \t"))) {
        char *key = text;
        text += strcspn(text, "= \t");
        bool valued = *text == '=';
        if (*text)
            *text++ = 0;
        char *value = valued ? cut_value(&text) : NULL;
        kp_json_key(&j, key);
        if (value && *value)
            kp_mtc_put_scalar(&j, value);
        else
            kp_json_null(&j);
    }
    kp_json_end(&j, '}');
}
