/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_SHIELD_STIX_PRIVATE_H
#define KOPPEL_SHIELD_STIX_PRIVATE_H
#include "core/mem.h"
#include "shield/csaf_private.h" /* times */
#include "shield/stix_pattern.h"

/* ---- words ---- */
enum stix_word {
    STIX_END,
    STIX_NAME, /* an identifier; with a hyphen only types */
    STIX_INT,
    STIX_FLOAT,
    STIX_TEXT,    /* '...' */
    STIX_TIME,    /* t'...' */
    STIX_BYTES,   /* h'...', b'...' */
    STIX_SIGN,    /* ( ) [ ] , : . * */
    STIX_COMPARE, /* = != < <= > >= */
    STIX_KEYWORD
};

struct stix_token {
    enum stix_word word;
    const char *at; /* in the pattern */
    size_t len;
    bool hyphen;
};

struct stix_lexer {
    const char *text, *end, *at;
    struct kp_err *err;
};
/* False: what stands there is no word, and is told. */
bool stix_lex(struct stix_lexer *, struct stix_token *);
/* Fails with "column 7: ...", counted in characters. */
void stix_fault(struct stix_lexer *, const char *at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- literals ---- */
struct stix_literal {
    struct stix_literal *next; /* in a set */
    enum {
        STIX_IS_NUMBER,
        STIX_IS_BOOL,
        STIX_IS_TEXT,
        STIX_IS_BYTES,
        STIX_IS_TIME,
        STIX_IS_OTHER
    } kind;
    bool truth;
    const char *text;
    size_t len;
    double number;
    struct csaf_stamp time;
};
/* A time as STIX has it: RFC 3339, Z and T upper case. */
bool stix_time(const char *, struct csaf_stamp *);
int64_t stix_microseconds(const struct csaf_stamp *); /* since 1970 */

struct stix_net {
    uint8_t byte[16], bits;
    bool six;
};
bool stix_net(const char *text, struct stix_net *); /* "10.0.0.0/8", "fe80::1" */
bool stix_net_within(const struct stix_net *part, const struct stix_net *whole);

/* ---- the pattern ---- */
enum stix_op {
    STIX_EQ,
    STIX_NE,
    STIX_LT,
    STIX_LE,
    STIX_GT,
    STIX_GE,
    STIX_IN,
    STIX_LIKE,
    STIX_MATCHES,
    STIX_ISSUBSET,
    STIX_ISSUPERSET,
    STIX_EXISTS
};

struct stix_step {
    enum { STIX_KEY, STIX_INDEX, STIX_EACH } kind;
    enum { STIX_PLAIN, STIX_REF, STIX_REFS, STIX_HEX, STIX_BASE64 } holds; /* by the key's ending */
    const char *key;
    int64_t index;
};

struct stix_test {
    const char *type;
    size_t type_len, steps;
    struct stix_step *step;
    enum stix_op op;
    bool negated;
    struct stix_literal *literal; /* the first */
    struct stix_regex *regex;
    struct stix_net net;
};

struct stix_expr { /* of one object */
    enum { STIX_TEST, STIX_ALL, STIX_ANY } kind;
    struct stix_expr *first, *next;
    struct stix_test *test;
};

struct stix_leaf { /* an observation expression, and the window of its START and STOP */
    struct stix_expr *expr;
    int64_t start, stop;
};

struct stix_node {
    enum { STIX_LEAF, STIX_AND, STIX_OR, STIX_THEN, STIX_REPEATS, STIX_WITHIN } kind;
    struct stix_node *first, *next;
    int64_t number; /* of the leaf; times; microseconds */
};

/* A way to fulfil a pattern: so many observations of each slot, all different, and bounds on their
 * times: there is a time T that every observation of the slots `early` began before (or at most
 * `slack` behind) and every one of `late` ended behind. WITHIN has the same slots on both sides. */
struct stix_slot {
    uint64_t leaves; /* one of these */
    int64_t need;
    bool copy; /* of a slot before: what fits here fits there */
};
struct stix_bound {
    uint64_t early, late; /* slots */
    int64_t slack;
    uint32_t
        back; /* its time is not behind that of the bound so many before, a copy; 0: it may be */
};
struct stix_plan {
    struct stix_plan *next;
    size_t slots, bounds;
    struct stix_slot *slot;
    struct stix_bound *bound;
};

struct kp_stix_pattern {
    struct kp_arena arena;
    size_t leaves;
    struct stix_leaf leaf[KP_STIX_LEAVES_MAX];
    struct stix_node *root;
    struct stix_plan *plan;
    struct stix_regex *regex; /* all of them */
    size_t hold;              /* observations it may keep; 0: KP_STIX_HELD_MAX */
    bool single;              /* no plan needs a second observation */
    struct stix_keeping *keeping;
};

enum kp_code stix_parse(struct kp_stix_pattern *, const char *text, size_t len, bool check_only,
                        struct kp_err *);
enum kp_code stix_plan(struct kp_stix_pattern *, struct kp_err *);

/* ---- one observation against a leaf ---- */
struct stix_seeing {
    const struct kp_stix_observation *seen;
    struct kp_err *err;
    struct kp_buf bytes, text; /* scratch */
    size_t work;
};
bool stix_sees(struct stix_seeing *, const struct stix_expr *); /* look at err->code then */

/* ---- what is kept, and hits ---- */
enum kp_code stix_keep(struct kp_stix_pattern *, const struct kp_stix_observation *,
                       uint64_t leaves, struct kp_stix_hit *, struct kp_err *);
void stix_keeping_free(struct stix_keeping *);

/* ---- expressions of characters ---- */
struct stix_regex;
struct stix_regex *stix_regex_new(const char *text, size_t len, struct kp_err *);
void stix_regex_free(struct stix_regex *); /* and those behind it */
void stix_regex_chain(struct stix_regex *, struct stix_regex *next);
/* 1: found, 0: not, -1: told in err. The text is in normal form. */
int stix_regex_find(struct stix_regex *, const char *text, size_t len, struct kp_err *);
/* The text in normal form C, in `room` when it is not so already. NULL: out of memory. */
const char *stix_normal(struct kp_buf *room, const char *text, size_t *len);
/* % is any run, _ one character. `work` counts down; false and 0: it was too much. */
bool stix_like(const char *like, size_t n, const char *text, size_t len, size_t *work);
#endif
