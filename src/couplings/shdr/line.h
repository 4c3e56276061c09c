/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_COUPLINGS_SHDR_LINE_H
#define KOPPEL_COUPLINGS_SHDR_LINE_H
/* Lines of an adapter: TIMESTAMP|key|value|key|value ..., conditions, messages, time series. A line
 * does not say of what form it is; where a map does not tell, its shape decides. */
#include "core/mem.h"
#include "core/text.h"

enum { KP_SHDR_TOKENS_MAX = 4096, KP_SHDR_LINE_MAX = 1 << 20, KP_SHDR_MARK_MAX = 128 };

enum kp_shdr_form {
    KP_SHDR_AUTO,
    KP_SHDR_VALUE,
    KP_SHDR_CONDITION, /* key|level|code|severity|qualifier|text */
    KP_SHDR_MESSAGE,   /* key|code|text */
    KP_SHDR_SERIES,    /* key|count|rate|values */
    KP_SHDR_SET,       /* key|a=1 b="two" */
};
struct kp_shdr_seen {
    enum kp_shdr_form form; /* never AUTO */
    const char *key;
    const char *value; /* value, text of a message or condition, values of a series */
    const char *level, *code, *severity, *qualifier;
};

/* ---- bytes into lines ---- */
struct kp_shdr_lines {
    struct kp_buf text;
    size_t at;                   /* where the next line begins */
    char mark[KP_SHDR_MARK_MAX]; /* "--multiline--XYZ" while a text of many lines is passed over */
    bool long_mark;
};
/* The next whole line, ended with 0 and free to be changed until the next call; NULL: none yet.
 * Texts of many lines (assets) are passed over, and so is the line that begins one. */
char *kp_shdr_next(struct kp_shdr_lines *);

/* ---- a line ---- */
struct kp_shdr_clock { /* of times given relative to the first one */
    bool known;
    int64_t base;
};
/* Time of a token: RFC 3339 with or without zone, milliseconds, or nothing; what follows '@' is the
 * duration. `now` where it says nothing. */
int64_t kp_shdr_time(struct kp_shdr_clock *, char *token, int64_t now);

struct kp_shdr_reader {
    void *arg;
    enum kp_shdr_form (*form)(void *arg, const char *key); /* NULL: AUTO for all */
    /* False ends the line. */
    bool (*seen)(void *arg, const struct kp_shdr_seen *, int64_t at);
};
/* False when it is no line of observations. Changes the text. */
bool kp_shdr_read(char *line, struct kp_shdr_clock *, int64_t now, const struct kp_shdr_reader *);

/* "a=1 b='x y' c={d} e=" to the members {"a":1,"b":"x y","c":"d","e":null}; changes the text. */
void kp_shdr_set_json(struct kp_buf *out, char *text);
#endif
