/* SPDX-License-Identifier: Apache-2.0 */
#include "store/interval_steps.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { MEMO_TEXT = 512 }; /* longer ones are read each time */

struct kp_memo {
    size_t value; /* where the value begins, behind the attributes */
    char text[];
};

void kp_attribute_begin(struct kp_attribute *a, struct kp_db *db, const char *name)
{
    a->db = db;
    snprintf(a->path, sizeof a->path, "$.\"%s\"", name);
}

void kp_attribute_end(struct kp_attribute *a)
{
    for (size_t i = 0; i < KP_MEMOS; i++)
        kp_free(a->memo[i]);
    *a = (struct kp_attribute){ 0 };
}

/* Not JSON, no such member and null are all "". */
static enum kp_code extract(struct kp_attribute *a, const char *attributes, struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(
        a->db, "select substr(case when json_valid(?1) then ?1 ->> ?2 end, 1, ?3)", err);
    if (!s)
        return err->code;
    kp_bind_text(s, 1, attributes);
    kp_bind_text(s, 2, a->path);
    kp_bind_int(s, 3, KP_SUM_VALUE_MAX);
    const char *value = kp_step(s, err) ? kp_column_text(s, 0) : NULL;
    snprintf(a->value, sizeof a->value, "%s", value ? value : "");
    kp_reset(s);
    return err->code;
}

static void remember(struct kp_memo **place, const char *attributes, size_t n, const char *value)
{
    size_t m = strlen(value) + 1;
    struct kp_memo *new = kp_alloc(sizeof *new + n + 1 + m);
    if (!new)
        return; /* then it is read again next time */
    new->value = n + 1;
    memcpy(new->text, attributes, n + 1);
    memcpy(new->text + n + 1, value, m);
    kp_free(*place);
    *place = new;
}

/* A machine repeats the same few texts, and comparing them is cheaper than reading JSON. */
const char *kp_attribute_value(struct kp_attribute *a, const char *attributes, struct kp_err *err)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    size_t n = 0;
    for (; attributes && attributes[n]; n++)
        hash = (hash ^ (unsigned char)attributes[n]) * 16777619u;
    if (!n)
        return "";
    struct kp_memo **memo = &a->memo[hash % KP_MEMOS];
    if (*memo && strcmp((*memo)->text, attributes) == 0)
        return (*memo)->text + (*memo)->value;
    if (extract(a, attributes, err))
        return NULL;
    if (n < MEMO_TEXT)
        remember(memo, attributes, n, a->value);
    return a->value;
}
