/* SPDX-License-Identifier: Apache-2.0 */
/* The grammar of patterns (STIX 2.1, 9.7): a descent over its words. */
#include "shield/stix_private.h"

#include "core/encoding.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

struct parser {
    struct stix_lexer lexer;
    struct stix_token now;
    struct kp_stix_pattern *pattern;
    bool check_only;
    unsigned depth;
};

static bool failed(const struct parser *p)
{
    return p->lexer.err->code != KP_OK;
}

static void next(struct parser *p)
{
    if (!failed(p) && !stix_lex(&p->lexer, &p->now))
        p->now = (struct stix_token){ .word = STIX_END, .at = p->lexer.end };
}

static void *make(struct parser *p, size_t size)
{
    void *made = kp_arena_alloc(&p->pattern->arena, size);
    if (!made)
        kp_fail(p->lexer.err, KP_ENOMEM, "out of memory reading the pattern");
    return made;
}

static bool is(const struct parser *p, enum stix_word word, const char *text)
{
    return p->now.word == word &&
           (!text || (strlen(text) == p->now.len && memcmp(text, p->now.at, p->now.len) == 0));
}

static bool take(struct parser *p, enum stix_word word, const char *text)
{
    if (failed(p) || !is(p, word, text))
        return false;
    next(p);
    return true;
}

static void missing(struct parser *p, const char *what)
{
    if (failed(p))
        return;
    int n = p->now.len < 40 ? (int)p->now.len : 40;
    while (n > 0 && n < (int)p->now.len && (p->now.at[n] & 0xc0) == 0x80)
        n--;
    if (p->now.word == STIX_END)
        stix_fault(&p->lexer, p->now.at, "the pattern ends where %s should stand", what);
    else
        stix_fault(&p->lexer, p->now.at, "%s should stand here instead of %.*s", what, n,
                   p->now.at);
}

static bool need(struct parser *p, enum stix_word word, const char *text, const char *what)
{
    bool there = take(p, word, text);
    if (!there)
        missing(p, what);
    return there;
}

static bool deeper(struct parser *p)
{
    if (p->depth++ < KP_STIX_DEPTH_MAX)
        return true;
    if (!failed(p))
        stix_fault(&p->lexer, p->now.at, "brackets are nested deeper than %d", KP_STIX_DEPTH_MAX);
    return false;
}

/* ---- literals ---- */
/* What stands between the quotes, with escapes resolved, and a 0 behind. */
static void take_quoted(struct parser *p, const struct stix_token *t, struct stix_literal *out)
{
    char prefix = *t->at == '\'' ? 0 : *t->at;
    const char *from = t->at + (prefix != 0) + 1, *end = t->at + t->len - 1;
    char *to = make(p, (size_t)(end - from) + 1);
    out->text = to;
    for (uint32_t bits = 0, n = 0; to && from < end && (prefix != 'b' || *from != '='); from++) {
        if (prefix == 'b') {
            bits = bits << 6 | (unsigned)kp_base64_digit(*from);
            if ((n += 6) >= 8)
                *to++ = (char)(bits >> (n -= 8));
        } else if (prefix == 'h') {
            *to++ = (char)(kp_hex_digit(from[0]) << 4 | kp_hex_digit(from[1]));
            from++;
        } else {
            from += *from == '\\';
            *to++ = *from;
        }
    }
    out->len = to ? (size_t)(to - out->text) : 0;
}

/* The word as a text. */
static char *copied(struct parser *p, const struct stix_token *t)
{
    char *text = make(p, t->len + 1);
    if (text)
        memcpy(text, t->at, t->len);
    return text;
}

static void take_number(struct parser *p, const struct stix_token *t, struct stix_literal *out)
{
    const char *text = copied(p, t);
    out->number = text ? strtod(text, NULL) : 0;
}

static void take_time(struct parser *p, const struct stix_token *t, struct stix_literal *out)
{
    take_quoted(p, t, out);
    if (!failed(p) && !p->check_only && !stix_time(out->text, &out->time))
        stix_fault(&p->lexer, t->at, "there is no such day as that of %s", out->text);
}

/* NULL: told. */
static struct stix_literal *literal(struct parser *p, bool ordered)
{
    static const uint8_t kinds[] = {
        [STIX_INT] = STIX_IS_NUMBER, [STIX_FLOAT] = STIX_IS_NUMBER, [STIX_TEXT] = STIX_IS_TEXT,
        [STIX_TIME] = STIX_IS_TIME,  [STIX_BYTES] = STIX_IS_BYTES,  [STIX_KEYWORD] = STIX_IS_BOOL
    };
    struct stix_token t = p->now;
    bool truth = is(p, STIX_KEYWORD, "true"), bool_there = truth || is(p, STIX_KEYWORD, "false");
    if (failed(p) || !(bool_there ? !ordered : t.word >= STIX_INT && t.word <= STIX_BYTES)) {
        missing(p, ordered ? "a number, a text, a time or bytes" : "a value");
        return NULL;
    }
    struct stix_literal *out = make(p, sizeof *out);
    if (!out)
        return NULL;
    out->kind = kinds[t.word];
    out->truth = truth;
    if (out->kind == STIX_IS_NUMBER)
        take_number(p, &t, out);
    else if (out->kind == STIX_IS_TIME)
        take_time(p, &t, out);
    else if (!bool_there)
        take_quoted(p, &t, out);
    next(p);
    return failed(p) ? NULL : out;
}

static struct stix_literal *set(struct parser *p)
{
    struct stix_literal *first = NULL, **at = &first;
    if (!need(p, STIX_SIGN, "(", "the ( of a set") || take(p, STIX_SIGN, ")"))
        return NULL;
    do {
        const char *where = p->now.at;
        struct stix_literal *one = *at = literal(p, false);
        if (!one)
            return NULL;
        if (one->kind != first->kind && !p->check_only)
            stix_fault(&p->lexer, where, "all values of a set are of one kind");
        at = &one->next;
    } while (take(p, STIX_SIGN, ","));
    need(p, STIX_SIGN, ")", "a comma or the ) of the set");
    return first;
}

/* ---- paths ---- */
static bool ends(const char *text, const char *with)
{
    size_t n = strlen(text), m = strlen(with);
    return n >= m && memcmp(text + n - m, with, m) == 0;
}

static void key(struct parser *p, struct stix_step *s)
{
    struct stix_token t = p->now;
    struct stix_literal text = { 0 };
    if (t.word == STIX_TEXT) {
        take_quoted(p, &t, &text);
        s->key = text.text;
    } else if (t.word == STIX_NAME && !t.hyphen) {
        s->key = copied(p, &t);
    } else if (t.word == STIX_NAME && !failed(p)) {
        stix_fault(&p->lexer, t.at, "a key with a hyphen stands in quotes: '%.*s'",
                   t.len < 64 ? (int)t.len : 64, t.at);
    } else {
        missing(p, "a key");
    }
    if (failed(p))
        return;
    s->holds = ends(s->key, "_ref")    ? STIX_REF
               : ends(s->key, "_refs") ? STIX_REFS
               : ends(s->key, "_hex")  ? STIX_HEX
               : ends(s->key, "_bin")  ? STIX_BASE64
                                       : STIX_PLAIN;
    next(p);
}

static void list_index(struct parser *p, struct stix_step *s)
{
    struct stix_token t = p->now;
    struct stix_literal number = { 0 };
    if (take(p, STIX_SIGN, "*")) {
        s->kind = STIX_EACH;
    } else if (is(p, STIX_INT, NULL)) {
        take_number(p, &t, &number);
        s->kind = STIX_INDEX;
        s->index = number.number >= 0 && number.number < 1e9 ? (int64_t)number.number : -1;
        next(p);
    } else {
        missing(p, "a number or *");
    }
    need(p, STIX_SIGN, "]", "the ] behind an index");
}

enum { STEPS_MAX = 64 };

static void path(struct parser *p, struct stix_test *t)
{
    struct stix_step step[STEPS_MAX] = { 0 };
    struct stix_token type = p->now;
    if (!need(p, STIX_NAME, NULL, "the type of an object") ||
        !need(p, STIX_SIGN, ":", "the : behind a type") || !(t->type = copied(p, &type)))
        return;
    t->type_len = type.len;
    key(p, &step[t->steps++]);
    for (bool dot; !failed(p) && ((dot = is(p, STIX_SIGN, ".")) || is(p, STIX_SIGN, "["));
         t->steps++) {
        if (t->steps == STEPS_MAX) {
            stix_fault(&p->lexer, p->now.at, "the path has more than %d steps", STEPS_MAX);
            return;
        }
        next(p);
        (dot ? key : list_index)(p, &step[t->steps]);
    }
    t->step = kp_arena_copy(&p->pattern->arena, step, t->steps * sizeof *step);
    if (!t->step)
        kp_fail(p->lexer.err, KP_ENOMEM, "out of memory reading the pattern");
}

/* ---- tests ---- */
static const struct {
    const char *text;
    enum stix_word word;
    enum stix_op op;
} operators[] = {
    { "=", STIX_COMPARE, STIX_EQ },
    { "==", STIX_COMPARE, STIX_EQ },
    { "!=", STIX_COMPARE, STIX_NE },
    { "<>", STIX_COMPARE, STIX_NE },
    { "<", STIX_COMPARE, STIX_LT },
    { "<=", STIX_COMPARE, STIX_LE },
    { ">", STIX_COMPARE, STIX_GT },
    { ">=", STIX_COMPARE, STIX_GE },
    { "IN", STIX_KEYWORD, STIX_IN },
    { "LIKE", STIX_KEYWORD, STIX_LIKE },
    { "MATCHES", STIX_KEYWORD, STIX_MATCHES },
    { "ISSUBSET", STIX_KEYWORD, STIX_ISSUBSET },
    { "ISSUPERSET", STIX_KEYWORD, STIX_ISSUPERSET },
};

static bool operator_there(struct parser *p, struct stix_test *t)
{
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
        if (!take(p, operators[i].word, operators[i].text))
            continue;
        t->op = operators[i].op;
        return true;
    }
    missing(p, "a comparison");
    return false;
}

/* A digest of the wrong length is a mistake, and nothing would ever be equal to it. */
static void check_digest(struct parser *p, const struct stix_test *t, const char *at)
{
    static const struct {
        const char *name;
        size_t digits;
    } digests[] = {
        { "MD5", 32 },     { "RIPEMD160", 40 }, { "SHA1", 40 },     { "SHA224", 56 },
        { "SHA256", 64 },  { "SHA384", 96 },    { "SHA512", 128 },  { "SHA3224", 56 },
        { "SHA3256", 64 }, { "SHA3384", 96 },   { "SHA3512", 128 }, { "WHIRLPOOL", 128 }
    };
    const struct stix_step *last = &t->step[t->steps - 1];
    char name[16];
    size_t n = 0;
    bool hashes = false;
    for (size_t i = 0; i + 1 < t->steps; i++)
        hashes |= t->step[i].key && strcmp(t->step[i].key, "hashes") == 0;
    for (const char *k = last->key ? last->key : ""; *k && n + 1 < sizeof name; k++)
        if (*k != '-')
            name[n++] = *k >= 'a' && *k <= 'z' ? (char)(*k - 32) : *k;
    name[n] = 0;
    for (size_t i = 0; hashes && i < sizeof digests / sizeof *digests; i++) {
        if (strcmp(digests[i].name, name) != 0)
            continue;
        for (const struct stix_literal *l = t->literal; l && !failed(p); l = l->next)
            if (l->kind != STIX_IS_TEXT || l->len != digests[i].digits ||
                strspn(l->text, "0123456789abcdefABCDEF") != l->len)
                stix_fault(&p->lexer, at, "%s is %zu hexadecimal digits", last->key,
                           digests[i].digits);
    }
}

static void normalise(struct parser *p, struct stix_literal *l)
{
    struct kp_buf room;
    kp_buf_init(&room, SIZE_MAX / 2);
    const char *text = stix_normal(&room, l->text, &l->len);
    if (!text || !(l->text = kp_arena_copy(&p->pattern->arena, text, l->len)))
        kp_fail(p->lexer.err, KP_ENOMEM, "out of memory reading the pattern");
    kp_buf_free(&room);
}

static void operand(struct parser *p, struct stix_test *t)
{
    const char *at = p->now.at;
    if (t->op == STIX_IN) {
        t->literal = set(p);
    } else if (t->op < STIX_IN) {
        t->literal = literal(p, t->op > STIX_NE);
    } else if (is(p, STIX_TEXT, NULL)) {
        t->literal = literal(p, false);
    } else {
        missing(p, "a text in quotes");
    }
    if (failed(p))
        return;
    if (p->check_only && t->op <= STIX_IN)
        check_digest(p, t, at);
    if ((t->op == STIX_ISSUBSET || t->op == STIX_ISSUPERSET) &&
        !stix_net(t->literal->text, &t->net))
        stix_fault(&p->lexer, at, "'%.60s' is no address and no network such as 10.1.0.0/16",
                   t->literal->text);
    if (t->op == STIX_LIKE)
        normalise(p, t->literal);
    if (t->op != STIX_MATCHES || failed(p))
        return;
    t->regex = stix_regex_new(t->literal->text, t->literal->len, p->lexer.err);
    if (!t->regex && p->lexer.err->code == KP_EPARSE) {
        struct kp_err why = *p->lexer.err;
        p->lexer.err->code = KP_OK;
        stix_fault(&p->lexer, at, "%s", why.text);
    }
    if (t->regex) {
        stix_regex_chain(t->regex, p->pattern->regex);
        p->pattern->regex = t->regex;
    }
}

static struct stix_test *test(struct parser *p)
{
    struct stix_test *t = make(p, sizeof *t);
    if (!t)
        return NULL;
    bool not_there = take(p, STIX_KEYWORD, "NOT");
    if (take(p, STIX_KEYWORD, "EXISTS")) {
        t->op = STIX_EXISTS;
        t->negated = not_there;
        path(p, t);
        return t;
    }
    if (not_there) {
        missing(p, "EXISTS (NOT stands before the comparison: a:b NOT = 1)");
        return NULL;
    }
    path(p, t);
    t->negated = take(p, STIX_KEYWORD, "NOT");
    if (!failed(p) && operator_there(p, t))
        operand(p, t);
    return t;
}

static struct stix_expr *any(struct parser *p);

static struct stix_expr *one(struct parser *p)
{
    struct stix_expr *e = NULL;
    if (!take(p, STIX_SIGN, "(")) {
        e = make(p, sizeof *e);
        if (e)
            e->test = test(p);
        return e;
    }
    if (deeper(p))
        e = any(p);
    p->depth--;
    need(p, STIX_SIGN, ")", "a )");
    return e;
}

/* What is joined by a word, each read by `part`; alone it is itself. */
static struct stix_expr *joined(struct parser *p, const char *word, int kind,
                                struct stix_expr *(*part)(struct parser *))
{
    struct stix_expr *first = part(p), **at;
    if (failed(p) || !is(p, STIX_KEYWORD, word))
        return first;
    struct stix_expr *all = make(p, sizeof *all);
    if (!all)
        return NULL;
    all->kind = kind;
    all->first = first;
    for (at = &first->next; take(p, STIX_KEYWORD, word);) {
        struct stix_expr *e = *at = part(p);
        if (failed(p))
            return NULL;
        at = &e->next;
    }
    return all;
}

static struct stix_expr *all(struct parser *p)
{
    return joined(p, "AND", STIX_ALL, one);
}

static struct stix_expr *any(struct parser *p)
{
    return joined(p, "OR", STIX_ANY, all);
}

/* ---- observations ---- */
static struct stix_node *node(struct parser *p, int kind, struct stix_node *first)
{
    struct stix_node *n = make(p, sizeof *n);
    if (n) {
        n->kind = kind;
        n->first = first;
    }
    return n;
}

static struct stix_node *leaf(struct parser *p)
{
    struct stix_expr *e = any(p);
    need(p, STIX_SIGN, "]", "AND, OR or ]");
    struct stix_node *n = failed(p) ? NULL : node(p, STIX_LEAF, NULL);
    if (!n)
        return NULL;
    if (p->pattern->leaves == KP_STIX_LEAVES_MAX) {
        kp_fail(p->lexer.err, KP_EFULL, "the pattern has more than %d observation expressions",
                KP_STIX_LEAVES_MAX);
        return NULL;
    }
    n->number = (int64_t)p->pattern->leaves;
    p->pattern->leaf[p->pattern->leaves++] = (struct stix_leaf){ e, INT64_MIN, INT64_MAX };
    return n;
}

static void window(struct parser *p, const struct stix_node *n, int64_t start, int64_t stop)
{
    if (n->kind == STIX_LEAF) {
        struct stix_leaf *l = &p->pattern->leaf[n->number];
        l->start = start > l->start ? start : l->start;
        l->stop = stop < l->stop ? stop : l->stop;
        if (start >= stop)
            l->stop = INT64_MIN; /* never */
        return;
    }
    for (const struct stix_node *c = n->first; c; c = c->next)
        window(p, c, start, stop);
}

static struct stix_node *start_stop(struct parser *p, struct stix_node *n)
{
    struct stix_literal time[2] = { 0 };
    for (int i = 0; i < 2; i++) {
        if (i && !need(p, STIX_KEYWORD, "STOP", "STOP"))
            return NULL;
        struct stix_token t = p->now;
        if (!need(p, STIX_TIME, NULL, "a time, t'...',"))
            return NULL;
        take_time(p, &t, &time[i]);
    }
    if (!failed(p))
        window(p, n, stix_microseconds(&time[0].time), stix_microseconds(&time[1].time));
    return n;
}

static struct stix_node *counted(struct parser *p, struct stix_node *of, bool within)
{
    struct stix_token t = p->now;
    struct stix_literal number = { 0 };
    if (!take(p, STIX_INT, NULL) && !(within && take(p, STIX_FLOAT, NULL)))
        missing(p, within ? "a number of seconds" : "a whole number");
    if (failed(p))
        return NULL;
    take_number(p, &t, &number);
    if (!failed(p) && !(number.number > 0 && *t.at != '-'))
        stix_fault(&p->lexer, t.at,
                   within ? "WITHIN takes more than 0 seconds" : "REPEATS takes 1 or more");
    need(p, STIX_KEYWORD, within ? "SECONDS" : "TIMES", within ? "SECONDS" : "TIMES");
    struct stix_node *n = failed(p) ? NULL : node(p, within ? STIX_WITHIN : STIX_REPEATS, of);
    double exact = within ? number.number * 1e6 : number.number;
    if (n)
        n->number = exact < 1e17 ? (int64_t)(exact + (within ? 1e-6 : 0)) : (int64_t)1e17;
    return n;
}

static struct stix_node *followed(struct parser *p);

static struct stix_node *qualified(struct parser *p)
{
    static const char *const words[] = { "START", "WITHIN", "REPEATS" };
    struct stix_node *n = NULL;
    unsigned seen = 0, word = 0;
    if (take(p, STIX_SIGN, "(")) {
        if (deeper(p))
            n = followed(p);
        p->depth--;
        need(p, STIX_SIGN, ")", "a )");
    } else if (need(p, STIX_SIGN, "[", "[ or (")) {
        n = leaf(p);
    }
    for (unsigned steps = 0; !failed(p); steps++) {
        const char *at = p->now.at;
        for (word = 0; word < 3 && !take(p, STIX_KEYWORD, words[word]);)
            word++;
        if (word == 3 || failed(p))
            break;
        if (p->check_only && (seen & 1u << word))
            stix_fault(&p->lexer, at, "%s stands twice behind one expression", words[word]);
        else if (steps == KP_STIX_DEPTH_MAX)
            stix_fault(&p->lexer, at, "more than %d qualifiers", KP_STIX_DEPTH_MAX);
        seen |= 1u << word;
        n = failed(p) ? NULL : word ? counted(p, n, word == 1) : start_stop(p, n);
    }
    return failed(p) ? NULL : n;
}

static struct stix_node *
row(struct parser *p, const char *word, int kind, struct stix_node *(*part)(struct parser *),
    bool (*merged)(struct parser *, struct stix_node *, struct stix_node *))
{
    struct stix_node *first = part(p), *whole = NULL, **at = first ? &first->next : NULL;
    while (!failed(p) && take(p, STIX_KEYWORD, word)) {
        struct stix_node *n = part(p);
        if (failed(p))
            return NULL;
        if (merged && merged(p, first, n))
            continue;
        if (!whole && !(whole = node(p, kind, first)))
            return NULL;
        *at = n;
        at = &n->next;
    }
    return whole ? whole : first;
}

static bool is_plain(const struct parser *p, const struct stix_node *n)
{
    const struct stix_leaf *l = &p->pattern->leaf[n->kind == STIX_LEAF ? n->number : 0];
    return n->kind == STIX_LEAF && l->start == INT64_MIN && l->stop == INT64_MAX;
}

/* [a] OR [b] is [a OR b]: feeds have hundreds of them in one pattern. */
static bool merged(struct parser *p, struct stix_node *a, struct stix_node *b)
{
    if (!is_plain(p, a) || !is_plain(p, b) || (size_t)b->number + 1 != p->pattern->leaves)
        return false;
    struct stix_leaf *to = &p->pattern->leaf[a->number];
    struct stix_expr *e = to->expr;
    if (e->kind != STIX_ANY) {
        e = make(p, sizeof *e);
        if (!e)
            return false;
        e->kind = STIX_ANY;
        e->first = to->expr;
    }
    struct stix_expr *more = p->pattern->leaf[b->number].expr;
    more->next = e->first; /* the order is nothing to OR */
    e->first = more;
    to->expr = e;
    p->pattern->leaves--;
    return true;
}

static struct stix_node *row_and(struct parser *p)
{
    return row(p, "AND", STIX_AND, qualified, NULL);
}

static struct stix_node *row_or(struct parser *p)
{
    return row(p, "OR", STIX_OR, row_and, merged);
}

static struct stix_node *followed(struct parser *p)
{
    return row(p, "FOLLOWEDBY", STIX_THEN, row_or, NULL);
}

enum kp_code stix_parse(struct kp_stix_pattern *pattern, const char *text, size_t len,
                        bool check_only, struct kp_err *err)
{
    struct parser p = { .lexer = { text, text + len, text, err },
                        .pattern = pattern,
                        .check_only = check_only };
    if (len > KP_STIX_PATTERN_MAX)
        return kp_fail(err, KP_EFULL, "the pattern is longer than %d bytes", KP_STIX_PATTERN_MAX);
    next(&p);
    pattern->root = followed(&p);
    if (!failed(&p) && p.now.word != STIX_END)
        missing(&p, "AND, OR, FOLLOWEDBY, WITHIN, REPEATS, START or the end");
    return err->code;
}
