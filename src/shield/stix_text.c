/* SPDX-License-Identifier: Apache-2.0 */
/* LIKE and MATCHES. Expressions run in PCRE2 with limits, so that one which backtracks without end
 * is told and not waited for; texts are compared in normal form C. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <utf8proc.h>

#include "core/text.h"
#include "shield/stix_private.h"

#include <string.h>

#include "core/ban.h"

enum { MATCHES_MAX = 200000, DEPTH_MAX = 20000, HEAP_KIB_MAX = 8192, SHOWN = 80 };

struct stix_regex {
    struct stix_regex *next;
    pcre2_general_context *memory;
    pcre2_match_context *limits;
    pcre2_match_data *data;
    pcre2_code *code;
    char shown[SHOWN]; /* the expression, cut */
};

static void *give(size_t size, void *unused)
{
    (void)unused;
    return kp_alloc(size);
}

static void take_back(void *block, void *unused)
{
    (void)unused;
    kp_free(block);
}

void stix_regex_chain(struct stix_regex *r, struct stix_regex *next)
{
    r->next = next;
}

void stix_regex_free(struct stix_regex *r)
{
    for (struct stix_regex *next; r; r = next) {
        next = r->next;
        pcre2_code_free(r->code);
        pcre2_match_data_free(r->data);
        pcre2_match_context_free(r->limits);
        pcre2_general_context_free(r->memory);
        kp_free(r);
    }
}

static bool prepare(struct stix_regex *r)
{
    r->memory = pcre2_general_context_create(give, take_back, NULL);
    r->limits = r->memory ? pcre2_match_context_create(r->memory) : NULL;
    r->data = r->limits ? pcre2_match_data_create(1, r->memory) : NULL;
    if (!r->data)
        return false;
    pcre2_set_match_limit(r->limits, MATCHES_MAX);
    pcre2_set_depth_limit(r->limits, DEPTH_MAX);
    pcre2_set_heap_limit(r->limits, HEAP_KIB_MAX);
    return true;
}

static enum kp_code compile(struct stix_regex *r, const char *text, size_t len, struct kp_err *err)
{
    int code = 0;
    size_t at = 0;
    unsigned char why[128];
    pcre2_compile_context *c = pcre2_compile_context_create(r->memory);
    if (!c)
        return kp_fail(err, KP_ENOMEM, "out of memory reading the pattern");
    r->code = pcre2_compile((PCRE2_SPTR)text, len,
                            PCRE2_UTF | PCRE2_DOTALL | PCRE2_NEVER_BACKSLASH_C, &code, &at, c);
    pcre2_compile_context_free(c);
    if (r->code)
        return KP_OK;
    if (code == PCRE2_ERROR_HEAP_FAILED)
        return kp_fail(err, KP_ENOMEM, "out of memory reading the pattern");
    pcre2_get_error_message(code, why, sizeof why);
    return kp_fail(err, KP_EPARSE, "'%s' is no regular expression, at its character %zu: %s",
                   r->shown, at + 1, (const char *)why);
}

struct stix_regex *stix_regex_new(const char *text, size_t len, struct kp_err *err)
{
    struct kp_buf normal;
    struct stix_regex *r = kp_alloc(sizeof *r);
    kp_buf_init(&normal, SIZE_MAX / 2);
    if (r)
        kp_utf8_clean(r->shown, sizeof r->shown, text, len);
    if (!r || !prepare(r) || !(text = stix_normal(&normal, text, &len)))
        kp_fail(err, KP_ENOMEM, "out of memory reading the pattern");
    else
        compile(r, text, len, err);
    kp_buf_free(&normal);
    if (r && r->code)
        return r;
    stix_regex_free(r);
    return NULL;
}

int stix_regex_find(struct stix_regex *r, const char *text, size_t len, struct kp_err *err)
{
    int n = pcre2_match(r->code, (PCRE2_SPTR)text, len, 0, PCRE2_NO_UTF_CHECK, r->data, r->limits);
    if (n >= 0)
        return 1;
    if (n == PCRE2_ERROR_NOMATCH)
        return 0;
    if (n == PCRE2_ERROR_NOMEMORY)
        kp_fail(err, KP_ENOMEM, "out of memory matching '%s'", r->shown);
    else
        kp_fail(err, KP_EFULL,
                "MATCHES '%s' takes too long on a text of %zu bytes: make it simpler", r->shown,
                len);
    return -1;
}

/* ---- normal form C ---- */
const char *stix_normal(struct kp_buf *room, const char *text, size_t *len)
{
    const utf8proc_option_t how = UTF8PROC_STABLE | UTF8PROC_COMPOSE;
    const utf8proc_uint8_t *from = (const utf8proc_uint8_t *)text;
    size_t i = 0;
    while (i < *len && !(text[i] & 0x80))
        i++;
    utf8proc_ssize_t n =
        i < *len ? utf8proc_decompose(from, (utf8proc_ssize_t)*len, NULL, 0, how) : -1;
    if (n < 0) /* nothing to do, or not UTF-8 */
        return text;
    room->len = 0;
    utf8proc_int32_t *to = kp_buf_room(room, ((size_t)n + 1) * sizeof *to);
    n = to ? utf8proc_decompose(from, (utf8proc_ssize_t)*len, to, n, how) : -1;
    n = n < 0 ? n : utf8proc_reencode(to, n, how);
    if (n < 0)
        return NULL;
    *len = (size_t)n;
    return room->data;
}

/* ---- LIKE ---- */
static size_t character(const char *p, const char *end)
{
    size_t n = 1;
    while (p + n < end && (p[n] & 0xc0) == 0x80)
        n++;
    return n;
}

bool stix_like(const char *like, size_t n, const char *text, size_t len, size_t *work)
{
    const char *end = text + len, *like_end = like + n;
    const char *retry = NULL, *retry_text = NULL; /* behind the last %, and where it ends so far */
    while (text < end || like < like_end) {
        if (!*work)
            return false;
        --*work;
        bool more = like < like_end;
        if (more && *like == '%') {
            retry = ++like;
            retry_text = text;
        } else if (more && text < end && *like == '_') {
            like++;
            text += character(text, end);
        } else if (more && text < end && *like == *text) {
            like++;
            text++;
        } else if (retry && retry_text < end) {
            retry_text += character(retry_text, end);
            text = retry_text;
            like = retry;
        } else {
            return false;
        }
    }
    return true;
}
