/* SPDX-License-Identifier: Apache-2.0 */
/* Whether an object passes a test: its path walked, what stands there compared. Of a list with [*]
 * one value is enough. What cannot be compared is neither equal, less nor more. */
#include "shield/stix_private.h"

#include "core/encoding.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "core/ban.h"

enum { WORK_MAX = 2000000 }; /* values looked at, characters compared by LIKE, in one observation */

/* ---- times, addresses ---- */
bool stix_time(const char *text, struct csaf_stamp *out)
{
    size_t n = strlen(text);
    return n >= 20 && text[10] == 'T' && text[n - 1] == 'Z' && csaf_stamp(text, out);
}

int64_t stix_microseconds(const struct csaf_stamp *t)
{
    static const int64_t from_1970 = INT64_C(719469) * 86400; /* a stamp counts from before the year 0 */
    return (t->seconds - from_1970) * 1000000 + t->ns / 1000;
}

bool stix_net(const char *text, struct stix_net *out)
{
    char address[INET6_ADDRSTRLEN];
    size_t n = strcspn(text, "/");
    unsigned bits = 0;
    if (n >= sizeof address)
        return false;
    memcpy(address, text, n);
    address[n] = 0;
    *out = (struct stix_net){ .six = strchr(address, ':') };
    if (inet_pton(out->six ? AF_INET6 : AF_INET, address, out->byte) != 1)
        return false;
    out->bits = out->six ? 128 : 32;
    const char *p = text + n;
    if (!*p++)
        return true;
    for (n = 0; n < 3 && p[n] >= '0' && p[n] <= '9'; n++)
        bits = bits * 10 + (unsigned)(p[n] - '0');
    bool fine = n && !p[n] && bits <= out->bits;
    out->bits = (uint8_t)bits;
    return fine;
}

bool stix_net_within(const struct stix_net *part, const struct stix_net *whole)
{
    size_t bytes = whole->bits / 8, rest = whole->bits % 8;
    return part->six == whole->six && part->bits >= whole->bits &&
           memcmp(part->byte, whole->byte, bytes) == 0 &&
           (!rest || ((part->byte[bytes] ^ whole->byte[bytes]) >> (8 - rest)) == 0);
}

/* ---- values ---- */
enum { UNORDERED = 2 };

static int order(bool less, bool more)
{
    return more - less;
}

static int order_bytes(const char *a, size_t n, const char *b, size_t m)
{
    int c = memcmp(a, b, n < m ? n : m);
    return c ? order(c<0, c> 0) : order(n<m, n> m);
}

/* A text beside bytes: each of its characters is a byte, or it cannot be compared. */
static int order_text(const char *text, size_t n, const char *bytes, size_t m)
{
    int c = 0;
    size_t j = 0;
    for (size_t i = 0; i < n; i++, j++) {
        uint8_t one = (uint8_t)text[i];
        if (one >= 0x80) {
            if (one > 0xc3 || i + 1 == n)
                return UNORDERED;
            one = (uint8_t)((one & 3) << 6 | (text[++i] & 0x3f));
        }
        if (!c && (j >= m || one != (uint8_t)bytes[j]))
            c = j >= m || one > (uint8_t)bytes[j] ? 1 : -1;
    }
    return c ? c : order(j < m, false);
}

static int order_time(struct stix_seeing *s, const struct stix_literal *value,
                      const struct stix_literal *with)
{
    struct csaf_stamp at;
    if (stix_time(value->text, &at))
        return csaf_stamp_compare(&at, &with->time);
    kp_fail(s->err, KP_EPARSE, "'%.60s' is no time, and t'%s' is compared with it", value->text,
            with->text);
    return UNORDERED;
}

/* -1, 0, 1 or UNORDERED; *comparable: whether the kinds can be compared at all. */
static int compare(struct stix_seeing *s, const struct stix_literal *v,
                   const struct stix_literal *with, bool *comparable)
{
    *comparable = true;
    if (with->kind == STIX_IS_TIME && v->kind == STIX_IS_TEXT)
        return order_time(s, v, with);
    if (v->kind == STIX_IS_NUMBER && with->kind == STIX_IS_NUMBER)
        return order(v->number<with->number, v->number> with->number);
    if (v->kind == with->kind && (v->kind == STIX_IS_TEXT || v->kind == STIX_IS_BYTES))
        return order_bytes(v->text, v->len, with->text, with->len);
    if (v->kind == STIX_IS_TEXT && with->kind == STIX_IS_BYTES)
        return order_text(v->text, v->len, with->text, with->len);
    if (v->kind == STIX_IS_BYTES && with->kind == STIX_IS_TEXT) {
        int c = order_text(with->text, with->len, v->text, v->len);
        return c == UNORDERED ? c : -c;
    }
    *comparable = false;
    bool truths = v->kind == STIX_IS_BOOL && with->kind == STIX_IS_BOOL;
    return truths && v->truth == with->truth ? 0 : UNORDERED;
}

static bool in_set(struct stix_seeing *s, const struct stix_literal *v,
                   const struct stix_literal *set)
{
    bool comparable;
    for (; set && !s->err->code; set = set->next)
        if (compare(s, v, set, &comparable) == 0)
            return true;
    return false;
}

/* The text to search in: in normal form; bytes as the characters of their numbers. NULL: none. */
static const char *to_search(struct stix_seeing *s, const struct stix_literal *v, size_t *len)
{
    const char *text = NULL;
    *len = v->len;
    if (v->kind == STIX_IS_TEXT)
        text = stix_normal(&s->text, v->text, len);
    else if (v->kind != STIX_IS_BYTES)
        return NULL;
    char *to = text ? NULL : kp_buf_room(&s->text, v->len * 2 + 1);
    if (v->kind == STIX_IS_BYTES && to) {
        *len = 0;
        for (size_t i = 0; i < v->len; i++) {
            uint8_t one = (uint8_t)v->text[i];
            if (one >= 0x80)
                to[(*len)++] = (char)(0xc0 | one >> 6);
            to[(*len)++] = (char)(one >= 0x80 ? 0x80 | (one & 0x3f) : one);
        }
        text = to;
    }
    if (!text)
        kp_fail(s->err, KP_ENOMEM, "out of memory comparing a text");
    return text;
}

static bool found(struct stix_seeing *s, const struct stix_test *t, const struct stix_literal *v)
{
    size_t len;
    const char *text = to_search(s, v, &len);
    if (!text)
        return false;
    if (t->op == STIX_MATCHES)
        return stix_regex_find(t->regex, text, len, s->err) == 1;
    bool like = stix_like(t->literal->text, t->literal->len, text, len, &s->work);
    if (!s->work)
        kp_fail(s->err, KP_EFULL, "LIKE '%.80s' takes too long on a text of %zu bytes",
                t->literal->text, len);
    return like;
}

static bool in_net(const struct stix_test *t, const struct stix_literal *v)
{
    struct stix_net net;
    if (v->kind != STIX_IS_TEXT || !stix_net(v->text, &net))
        return false;
    return t->op == STIX_ISSUBSET ? stix_net_within(&net, &t->net) : stix_net_within(&t->net, &net);
}

static bool ordered(enum stix_op op, int c)
{
    return c != UNORDERED && (op == STIX_LT   ? c < 0
                              : op == STIX_LE ? c <= 0
                              : op == STIX_GT ? c > 0
                                              : c >= 0);
}

static bool passes(struct stix_seeing *s, const struct stix_test *t, const struct stix_literal *v)
{
    bool comparable = true, yes = false;
    switch (t->op) {
    case STIX_EQ:
    case STIX_NE:
        yes = (compare(s, v, t->literal, &comparable) == 0) == (t->op == STIX_EQ);
        break;
    case STIX_IN:
        yes = in_set(s, v, t->literal);
        break;
    case STIX_LIKE:
    case STIX_MATCHES:
        yes = found(s, t, v);
        break;
    case STIX_ISSUBSET:
    case STIX_ISSUPERSET:
        yes = in_net(t, v);
        break;
    case STIX_EXISTS:
        return true; /* NOT is of the whole path */
    default:
        yes = ordered(t->op, compare(s, v, t->literal, &comparable));
        if (!comparable)
            return false;
    }
    return yes != t->negated && !s->err->code;
}

/* ---- paths ---- */
/* The bytes of a property whose name ends in _hex or _bin. False: it holds none. */
static bool decode(struct stix_seeing *s, const struct kp_tree *v, bool hex,
                   struct stix_literal *out)
{
    unsigned bits = 0, n = 0, each = hex ? 4 : 6;
    size_t len = v->n;
    char *to = kp_buf_room(&s->bytes, len + 1);
    if (!to) {
        kp_fail(s->err, KP_ENOMEM, "out of memory comparing bytes");
        return false;
    }
    while (!hex && len && len + 2 > v->n && v->text[len - 1] == '=')
        len--;
    *out = (struct stix_literal){ .kind = STIX_IS_BYTES, .text = to };
    for (size_t i = 0; i < len; i++) {
        int d = hex ? kp_hex_digit(v->text[i]) : kp_base64_digit(v->text[i]);
        if (d < 0)
            return false;
        bits = (bits << each | (unsigned)d) & 0xffff;
        if ((n += each) >= 8)
            to[out->len++] = (char)(bits >> (n -= 8));
    }
    return v->n % (hex ? 2 : 4) == 0;
}

static struct stix_literal value(const struct kp_tree *v)
{
    static const uint8_t kinds[] = {
        [KP_TREE_NULL] = STIX_IS_OTHER,  [KP_TREE_FALSE] = STIX_IS_BOOL,
        [KP_TREE_TRUE] = STIX_IS_BOOL,   [KP_TREE_NUMBER] = STIX_IS_NUMBER,
        [KP_TREE_TEXT] = STIX_IS_TEXT,   [KP_TREE_LIST] = STIX_IS_OTHER,
        [KP_TREE_OBJECT] = STIX_IS_OTHER
    };
    struct stix_literal out = { .kind = kinds[v->type], .truth = v->type == KP_TREE_TRUE };
    if (v->type == KP_TREE_TEXT)
        out.text = v->text, out.len = v->n;
    else if (v->type == KP_TREE_NUMBER)
        out.number = v->number;
    return out;
}

static const struct kp_tree *referred(struct stix_seeing *s, const struct kp_tree *v)
{
    const struct kp_stix_object *o =
        v->type == KP_TREE_TEXT ? kp_stix_object(s->seen, v->text) : NULL;
    return o ? o->tree : NULL;
}

static bool walk(struct stix_seeing *, const struct stix_test *, size_t step,
                 const struct kp_tree *);

/* The items of a list; of a list of references the objects they lead to, those alone counted. */
static bool walk_items(struct stix_seeing *s, const struct stix_test *t, size_t step,
                       const struct kp_tree *list, bool refs)
{
    const struct stix_step *p = &t->step[step];
    int64_t n = 0;
    if (list->type != KP_TREE_LIST || p->kind == STIX_KEY)
        return false;
    for (const struct kp_tree *v = list->first; v && !s->err->code; v = v->next) {
        const struct kp_tree *to = refs ? referred(s, v) : v;
        if (to && (p->kind == STIX_EACH || n++ == p->index) && walk(s, t, step + 1, to))
            return true;
        if (s->work)
            s->work--;
    }
    return false;
}

static bool walk_key(struct stix_seeing *s, const struct stix_test *t, size_t step,
                     const struct kp_tree *v)
{
    const struct stix_step *p = &t->step[step];
    bool last = step + 1 == t->steps;
    struct stix_literal bytes;
    if ((p->holds == STIX_HEX || p->holds == STIX_BASE64) && v->type == KP_TREE_TEXT)
        return last && decode(s, v, p->holds == STIX_HEX, &bytes) && passes(s, t, &bytes);
    if (p->holds == STIX_REFS && !last)
        return walk_items(s, t, step + 1, v, true);
    if (p->holds == STIX_REF)
        v = referred(s, v);
    return v && walk(s, t, step + 1, v);
}

static bool walk(struct stix_seeing *s, const struct stix_test *t, size_t step,
                 const struct kp_tree *v)
{
    if (!s->work || !--s->work) {
        kp_fail(s->err, KP_EFULL, "%s:%s leads to too many values", t->type, t->step[0].key);
        return false;
    }
    if (step == t->steps) {
        struct stix_literal is = value(v);
        return passes(s, t, &is);
    }
    if (t->step[step].kind != STIX_KEY)
        return walk_items(s, t, step, v, false);
    v = kp_tree_get(v, t->step[step].key);
    return v && walk_key(s, t, step, v);
}

/* ---- expressions ---- */
static bool holds(struct stix_seeing *s, const struct stix_expr *e, const struct kp_stix_object *o)
{
    if (e->kind == STIX_TEST) {
        const struct stix_test *t = e->test;
        if (t->type_len != o->type_len || memcmp(t->type, o->type, o->type_len) != 0)
            return false;
        return walk(s, t, 0, o->tree) != (t->op == STIX_EXISTS && t->negated);
    }
    for (const struct stix_expr *c = e->first; c && !s->err->code; c = c->next)
        if (holds(s, c, o) != (e->kind == STIX_ALL))
            return e->kind == STIX_ANY;
    return e->kind == STIX_ALL;
}

bool stix_sees(struct stix_seeing *s, const struct stix_expr *e)
{
    s->work = WORK_MAX;
    for (size_t i = 0; i < s->seen->n && !s->err->code; i++)
        if (holds(s, e, &s->seen->object[i]) && !s->err->code)
            return true;
    return false;
}
