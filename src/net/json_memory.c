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

json_t *kp_json_read(const char *text, const char *what, struct kp_err *err)
{
    json_error_t where;
    json_t *j = kp_json_load(text, strlen(text), JSON_REJECT_DUPLICATES, &where);
    if (!j && starved)
        kp_fail(err, KP_ENOMEM, "out of memory reading the %s", what);
    else if (!j)
        kp_fail(err, KP_EPARSE, "%s: %d:%d: %s", what, where.line, where.column, where.text);
    return j;
}

bool kp_json_starved(void)
{
    return starved;
}
