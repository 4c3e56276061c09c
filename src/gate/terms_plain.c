/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/terms_plain.h"

#include "net/json_members.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

#define WHERE "terms"
enum { SENTENCE = 4 << 10, COUNT_MAX = 1000000000 };

/* ---- read ---- */
static enum kp_code read_time(const json_t *o, const char *key, int64_t *out, struct kp_err *err)
{
    const char *text;
    if (kp_member_text(o, WHERE, key, false, &text, err) || !text)
        return err->code;
    return kp_time_parse(text, out)
               ? KP_OK
               : kp_fail(err, KP_EINVALID, WHERE ".%s: '%.60s' is no time such as 2027-06-30", key,
                         text);
}

static enum kp_code add_word(struct kp_words *w, const char *key, const json_t *one,
                             struct kp_err *err)
{
    const char *text = json_string_value(one);
    if (!text || !*text || json_string_length(one) >= KP_WORD_MAX || w->n == KP_WORDS_MAX)
        return kp_fail(err, KP_EINVALID, WHERE ".%s: a text, or a list of at most %d texts", key,
                       KP_WORDS_MAX);
    if (!kp_words_have(w, text))
        snprintf(w->word[w->n++], KP_WORD_MAX, "%s", text);
    return KP_OK;
}

static enum kp_code read_words(const json_t *o, const char *key, struct kp_words *w,
                               struct kp_err *err)
{
    const json_t *v = json_object_get(o, key), *one;
    size_t i;
    if (!v || json_is_null(v))
        return KP_OK;
    if (!json_is_array(v))
        return add_word(w, key, v, err);
    json_array_foreach(v, i, one) if (add_word(w, key, one, err)) break;
    return err->code;
}

static enum kp_code read_steps(const json_t *o, struct kp_terms *t, struct kp_err *err)
{
    struct kp_words list = { 0 };
    if (kp_member_duration(o, WHERE, "every", &t->every, err) ||
        read_words(o, "functions", &list, err))
        return err->code;
    if ((t->every > 0) != (list.n > 0))
        return kp_fail(err, KP_EINVALID,
                       WHERE ": 'every' and 'functions' (of min, mean, max, last, count) belong "
                             "together");
    for (size_t i = 0; i < list.n; i++) {
        int f = 0;
        while (kp_function_words[f] && strcmp(kp_function_words[f], list.word[i]) != 0)
            f++;
        if (!kp_function_words[f])
            return kp_fail(err, KP_EINVALID,
                           WHERE ".functions: '%.40s' is none of min, mean, max, last and count",
                           list.word[i]);
        t->functions |= (uint8_t)(1u << f);
    }
    return KP_OK;
}

static enum kp_code check_order(const struct kp_terms *t, struct kp_err *err)
{
    int64_t lo, hi;
    kp_terms_period(t, &lo, &hi);
    return lo < hi ? KP_OK
                   : kp_fail(err, KP_EINVALID, WHERE ": they end before they begin, see the times");
}

enum kp_code kp_terms_read_plain(const json_t *o, struct kp_terms *t, struct kp_err *err)
{
    static const char *const known[] = { "from",    "until",     "sourceFrom",   "sourceUntil",
                                         "every",   "functions", "delay",        "count",
                                         "purpose", "recipient", "distribution", NULL };
    double count = 0;
    *t = kp_terms_open();
    if (kp_members_known(o, WHERE, known, err) || read_time(o, "from", &t->from, err) ||
        read_time(o, "until", &t->to, err) || read_time(o, "sourceFrom", &t->since, err) ||
        read_time(o, "sourceUntil", &t->until, err) || read_steps(o, t, err) ||
        kp_member_duration(o, WHERE, "delay", &t->delay, err) ||
        kp_member_number(o, WHERE, "count", 0, COUNT_MAX, &count, err) ||
        read_words(o, "purpose", &t->purpose, err) ||
        read_words(o, "recipient", &t->recipient, err) ||
        kp_member_truth(o, WHERE, "distribution", &t->distribution, err))
        return err->code;
    t->count = (int64_t)count;
    if ((double)t->count != count)
        return kp_fail(err, KP_EINVALID, WHERE ".count must be a whole number");
    return check_order(t, err);
}

/* ---- say ---- */
const char *const kp_term_aspect_words[] = { "time",      "source time", "resolution",
                                             "delay",     "transfers",   "purpose",
                                             "recipient", "handing on",  NULL };

/* A day alone when it begins there. */
static void say_time(struct kp_buf *b, const char *before, int64_t at)
{
    static const char midnight[] = "T00:00:00Z";
    char text[KP_TIME_TEXT];
    size_t n = kp_time_print(at, text), rest = sizeof midnight - 1;
    if (n > rest && strcmp(text + n - rest, midnight) == 0)
        text[n - rest] = 0;
    kp_buf_printf(b, "%s%s", before, text);
}

static void say_period(struct kp_buf *b, const char *what, int64_t from, int64_t to)
{
    kp_buf_str(b, what);
    if (from == KP_NO_TIME && to == KP_FOREVER)
        kp_buf_str(b, "at any time");
    if (from != KP_NO_TIME)
        say_time(b, "from ", from);
    if (from != KP_NO_TIME && to != KP_FOREVER)
        kp_buf_str(b, " ");
    if (to != KP_FOREVER)
        say_time(b, "until ", to);
}

static void say_resolution(struct kp_buf *b, const struct kp_terms *t)
{
    char step[64];
    const char *comma = "";
    if (!t->every) {
        kp_buf_str(b, "each value as it was measured");
        return;
    }
    kp_duration_exact(t->every, step, sizeof step);
    for (unsigned f = 0; f < KP_FUNCTIONS; f++)
        if (t->functions & 1u << f) {
            kp_buf_printf(b, "%s%s", comma, kp_function_words[f]);
            comma = ", ";
        }
    kp_buf_printf(b, " of each %s", step);
}

static void say_delay(struct kp_buf *b, const struct kp_terms *t)
{
    char age[64];
    kp_duration_exact(t->delay, age, sizeof age);
    if (t->delay)
        kp_buf_printf(b, "only what is at least %s old", age);
    else
        kp_buf_str(b, "at once");
}

static void say_words(struct kp_buf *b, const char *before, const struct kp_words *w,
                      const char *none)
{
    kp_buf_str(b, w->n ? before : none);
    for (size_t i = 0; i < w->n; i++)
        kp_buf_printf(b, "%s%s", i ? " or " : "", w->word[i]);
}

void kp_terms_say(struct kp_buf *b, const struct kp_terms *t, enum kp_term_aspect aspect)
{
    switch (aspect) {
    case KP_TERM_TIME:
        say_period(b, "to be had ", t->from, t->to);
        break;
    case KP_TERM_SOURCE_TIME:
        say_period(b, "what was measured ", t->since, t->until);
        break;
    case KP_TERM_RESOLUTION:
        say_resolution(b, t);
        break;
    case KP_TERM_DELAY:
        say_delay(b, t);
        break;
    case KP_TERM_TRANSFERS:
        if (t->count)
            kp_buf_printf(b, "at most %lld transfer%s", (long long)t->count,
                          t->count == 1 ? "" : "s");
        else
            kp_buf_str(b, "any number of transfers");
        break;
    case KP_TERM_PURPOSE:
        say_words(b, "only for: ", &t->purpose, "for any purpose");
        break;
    case KP_TERM_RECIPIENT:
        say_words(b, "only for ", &t->recipient, "for whoever agrees");
        break;
    case KP_TERM_ONWARD:
        kp_buf_str(b, t->distribution ? "may be handed on to others"
                                      : "may not be handed on to others");
        break;
    case KP_TERM_ASPECTS:
        break;
    }
}

static void say_json(struct kp_json *j, const struct kp_terms *t, enum kp_term_aspect aspect)
{
    struct kp_buf b;
    kp_buf_init(&b, SENTENCE);
    kp_terms_say(&b, t, aspect);
    kp_json_text(j, kp_buf_text(&b));
    kp_buf_free(&b);
}

static bool differ(const struct kp_terms *a, const struct kp_terms *b, enum kp_term_aspect aspect)
{
    struct kp_buf one, two;
    kp_buf_init(&one, SENTENCE);
    kp_buf_init(&two, SENTENCE);
    kp_terms_say(&one, a, aspect);
    kp_terms_say(&two, b, aspect);
    bool same = strcmp(kp_buf_text(&one), kp_buf_text(&two)) == 0;
    kp_buf_free(&one);
    kp_buf_free(&two);
    return !same;
}

void kp_terms_words_json(struct kp_json *j, const struct kp_terms *t)
{
    const struct kp_terms open = kp_terms_open();
    kp_json_begin(j, '[');
    for (unsigned a = 0; a < KP_TERM_ASPECTS; a++)
        if (a == KP_TERM_RESOLUTION || a == KP_TERM_TIME || a == KP_TERM_ONWARD ||
            differ(t, &open, a))
            say_json(j, t, a);
    kp_json_end(j, ']');
}

void kp_terms_differences_json(struct kp_json *j, const struct kp_terms *offered,
                               const struct kp_terms *asked)
{
    kp_json_begin(j, '[');
    for (unsigned a = 0; a < KP_TERM_ASPECTS; a++) {
        if (!differ(offered, asked, a))
            continue;
        kp_json_begin(j, '{');
        kp_json_put_text(j, "about", kp_term_aspect_words[a]);
        kp_json_key(j, "offered");
        say_json(j, offered, a);
        kp_json_key(j, "asked");
        say_json(j, asked, a);
        kp_json_end(j, '}');
    }
    kp_json_end(j, ']');
}
