/* SPDX-License-Identifier: Apache-2.0 */
#include "net/json_memory.h"

#include "core/mem.h"

#include <string.h>

#include "core/ban.h"

static _Thread_local bool starved;

static void *alloc(size_t size)
{
    void *p = kp_alloc(size);
    starved |= !p;
    return p;
}

void kp_json_memory_init(void)
{
    json_set_alloc_funcs(alloc, kp_free);
}

json_t *kp_json_load(const char *text, size_t len, size_t flags, json_error_t *where)
{
    starved = false;
    json_t *j = json_loadb(text, len, flags, where);
    if (!starved)
        return j;
    json_decref(j);
    return NULL;
}

char *kp_json_dump(const json_t *j, size_t flags)
{
    starved = false;
    char *text = json_dumps(j, flags);
    if (!starved)
        return text;
    kp_free(text);
    return NULL;
}

/* NULL: err says why, with the place in the text. */
static json_t *load(const char *text, size_t len, const char *what, struct kp_err *err)
{
    json_error_t where;
    json_t *j = kp_json_load(text, len, JSON_REJECT_DUPLICATES, &where);
    if (!j && starved)
        kp_fail(err, KP_ENOMEM, "out of memory reading the %s", what);
    else if (!j)
        kp_fail(err, KP_EPARSE, "%s:%d:%d: %s", what, where.line, where.column, where.text);
    return j;
}

json_t *kp_json_read(const char *text, const char *what, struct kp_err *err)
{
    return load(text, strlen(text), what, err);
}

static bool too_deep(const char *text, size_t len, int most)
{
    int depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (quoted) {
            i += c == '\\';
            quoted = c != '"';
        } else if (c == '"') {
            quoted = true;
        } else if (c == '{' || c == '[') {
            if (++depth > most)
                return true;
        } else if (c == '}' || c == ']') {
            depth--;
        }
    }
    return false;
}

json_t *kp_json_object(const char *text, size_t len, const char *what, int depth, struct kp_err *err)
{
    if (too_deep(text, len, depth)) {
        kp_fail(err, KP_EPARSE, "the %s is nested deeper than %d levels", what, depth);
        return NULL;
    }
    json_t *root = load(text, len, what, err);
    if (!root || json_is_object(root))
        return root;
    kp_fail(err, KP_EINVALID, "the %s must be a JSON object", what);
    json_decref(root);
    return NULL;
}

bool kp_json_starved(void)
{
    return starved;
}
