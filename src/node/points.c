/* SPDX-License-Identifier: Apache-2.0 */
#include "node/points.h"

#include "core/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

static uint64_t hash_of(uint64_t h, const char *text, size_t n) /* FNV-1a */
{
    for (size_t i = 0; i < n; i++)
        h = (h ^ (unsigned char)text[i]) * UINT64_C(0x100000001b3);
    return h;
}

static enum kp_code out_of_memory(struct kp_err *err)
{
    return kp_fail(err, KP_ENOMEM, "out of memory reading points");
}

/* ---- series ---- */

static void put(struct points *p, uint32_t series)
{
    size_t i = p->series[series].hash & (p->table_size - 1);
    while (p->table[i] != POINTS_NONE)
        i = (i + 1) & (p->table_size - 1);
    p->table[i] = series;
}

/* At most half of the table is taken. */
static bool make_room(struct points *p)
{
    if (p->table_size >= 2 * (p->n_series + 1))
        return true;
    size_t size = p->table_size ? 2 * p->table_size : 256;
    uint32_t *table = kp_alloc(size * sizeof *table);
    if (!table)
        return false;
    kp_free(p->table);
    p->table = table;
    p->table_size = size;
    memset(table, 0xff, size * sizeof *table);
    for (uint32_t i = 0; i < p->n_series; i++)
        put(p, i);
    return true;
}

static bool is_it(const struct series *s, uint64_t hash, const char *key, size_t key_len, const char *rest, size_t rest_len)
{
    return s->hash == hash && s->key_len == key_len && s->rest_len == rest_len && memcmp(s->key, key, key_len) == 0 &&
           memcmp(s->rest, rest, rest_len) == 0;
}

uint32_t points_series(struct points *p, const char *key, size_t key_len, const char *rest, size_t rest_len, uint64_t line,
                       bool *made, struct kp_err *err)
{
    uint64_t hash = hash_of(hash_of(UINT64_C(0xcbf29ce484222325), key, key_len) ^ key_len, rest, rest_len);
    *made = false;
    if (!make_room(p) || !kp_grow(&p->series, &p->series_room, p->n_series + 1, sizeof *p->series)) {
        out_of_memory(err);
        return POINTS_NONE;
    }
    for (size_t i = hash & (p->table_size - 1); p->table[i] != POINTS_NONE; i = (i + 1) & (p->table_size - 1))
        if (is_it(&p->series[p->table[i]], hash, key, key_len, rest, rest_len))
            return p->table[i];
    *made = true;
    p->series[p->n_series] = (struct series){ .hash = hash, .key = key, .key_len = key_len, .rest = rest,
                                              .rest_len = rest_len, .line = line, .newest = POINTS_NONE };
    put(p, (uint32_t)p->n_series);
    return (uint32_t)p->n_series++;
}

enum kp_code points_name(struct points *p, uint32_t series, const char *text, struct kp_err *err)
{
    struct series *s = &p->series[series];
    const char *at = p->options->at ? p->options->at : "";
    char path[KP_PATH_MAX];
    size_t n = (size_t)snprintf(path, sizeof path, "%s", at);
    while (*text && n < sizeof path) {
        size_t len = strcspn(text, "/");
        char name[KP_NAME_MAX];
        kp_name_clean(name, sizeof name, text, len);
        if (len)
            n += (size_t)snprintf(path + n, sizeof path - n, "%s%s", n ? "/" : "", name);
        text += len + (text[len] == '/');
    }
    if (n >= sizeof path || !kp_path_valid(path))
        return kp_fail(err, KP_EINVALID, "line %" PRIu64 ": '%.120s' cannot be the path of a signal", s->line, path);
    s->path = kp_arena_strdup(&p->arena, path);
    return s->path ? KP_OK : out_of_memory(err);
}

/* ---- points ---- */

/* What the word looks like; hexadecimal numbers, "inf" and "nan" are words, not numbers, to spreadsheets. */
static void look(struct series *s, const char *word)
{
    char *end;
    if (strcmp(word, "true") == 0 || strcmp(word, "false") == 0)
        s->truths = true;
    else if (!*word || strspn(word, "+-.0123456789eE") != strlen(word) || (strtod(word, &end), *end))
        s->texts = true;
    else
        s->numbers = true;
}

enum kp_code points_add(struct points *p, const struct point *one, struct kp_err *err)
{
    struct series *s = &p->series[one->series];
    if (one->at == KP_NO_TIME || one->at == KP_FOREVER)
        return kp_fail(err, KP_EINVALID, "line %" PRIu64 ": its time is none that history can hold", one->line);
    if (one->at > p->now && one->at - p->now > 86400 * KP_SECOND) {
        char text[KP_TIME_TEXT];
        kp_time_print(one->at, text);
        return kp_fail(err, KP_EINVALID, "line %" PRIu64 ": its time, %s, is more than a day ahead of now", one->line, text);
    }
    if (!kp_grow(&p->list, &p->room, p->n + 1, sizeof *p->list))
        return out_of_memory(err);
    if (one->word && s->given == KP_NULL)
        look(s, one->word);
    if (s->newest == POINTS_NONE || p->list[s->newest].at <= one->at)
        s->newest = (uint32_t)p->n;
    s->n++;
    p->list[p->n++] = *one;
    return KP_OK;
}

bool points_number_time(const char *text, int64_t unit, int64_t *at)
{
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (!(*text == '-' || (*text >= '0' && *text <= '9')) || *end || errno)
        return false;
    int64_t by = KP_SECOND;
    for (int64_t more = number / INT64_C(100000000000); by > 1 && more; more /= 1000) /* the year 5138 in s, 1973 in ms */
        by /= 1000;
    unit = unit ? unit : by;
    return !__builtin_mul_overflow((int64_t)number, unit, at);
}
