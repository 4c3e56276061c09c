/* SPDX-License-Identifier: Apache-2.0 */
#include "couplings/points.h"

#include "core/hash.h"
#include "core/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

static enum kp_code out_of_memory(struct kp_err *err)
{
    return kp_fail(err, KP_ENOMEM, "out of memory reading points");
}

/* ---- series ---- */

static void put(struct kp_points *p, uint32_t series)
{
    size_t i = p->series[series].hash & (p->table_size - 1);
    while (p->table[i] != KP_POINTS_NONE)
        i = (i + 1) & (p->table_size - 1);
    p->table[i] = series;
}

/* At most half of the table is taken. */
static bool make_room(struct kp_points *p)
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

static bool is_it(const struct kp_series *s, uint64_t hash, const char *key, size_t key_len, const char *rest, size_t rest_len)
{
    return s->hash == hash && s->key_len == key_len && s->rest_len == rest_len && memcmp(s->key, key, key_len) == 0 &&
           memcmp(s->rest, rest, rest_len) == 0;
}

uint32_t kp_points_series(struct kp_points *p, const char *key, size_t key_len, const char *rest, size_t rest_len, uint64_t line,
                       bool *made, struct kp_err *err)
{
    uint64_t hash = kp_hash(kp_hash(KP_HASH_START, key, key_len) ^ key_len, rest, rest_len);
    *made = false;
    if (!make_room(p) || !kp_grow(&p->series, &p->series_room, p->n_series + 1, sizeof *p->series)) {
        out_of_memory(err);
        return KP_POINTS_NONE;
    }
    for (size_t i = hash & (p->table_size - 1); p->table[i] != KP_POINTS_NONE; i = (i + 1) & (p->table_size - 1))
        if (is_it(&p->series[p->table[i]], hash, key, key_len, rest, rest_len))
            return p->table[i];
    *made = true;
    p->series[p->n_series] = (struct kp_series){ .hash = hash, .key = key, .key_len = key_len, .rest = rest,
                                              .rest_len = rest_len, .line = line, .newest = KP_POINTS_NONE };
    put(p, (uint32_t)p->n_series);
    return (uint32_t)p->n_series++;
}

enum kp_code kp_points_name(struct kp_points *p, uint32_t series, const char *text, struct kp_err *err)
{
    struct kp_series *s = &p->series[series];
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
    if (p->options->only && !kp_pattern_match(p->options->only, path))
        return kp_fail(err, KP_EDENIED, "line %" PRIu64 ": this token may post values to %.100s only, not to %.100s", s->line,
                       p->options->only, path);
    s->path = kp_arena_strdup(&p->arena, path);
    return s->path ? KP_OK : out_of_memory(err);
}

/* ---- points ---- */

/* What the word looks like; hexadecimal numbers, "inf" and "nan" are words, not numbers, to spreadsheets. */
static void look(struct kp_series *s, const char *word)
{
    char *end;
    if (strcmp(word, "true") == 0 || strcmp(word, "false") == 0)
        s->truths = true;
    else if (!*word || strspn(word, "+-.0123456789eE") != strlen(word) || (strtod(word, &end), *end))
        s->texts = true;
    else
        s->numbers = true;
}

enum kp_code kp_points_add(struct kp_points *p, const struct kp_point *one, struct kp_err *err)
{
    struct kp_series *s = &p->series[one->series];
    if (!s->path) /* it was passed over where it stood first */
        return kp_fail(err, KP_EINVALID, "line %" PRIu64 ": '%.*s' cannot be the path of a signal", one->line,
                       (int)(s->key_len < 120 ? s->key_len : 120), s->key);
    if (p->options->most && p->n == p->options->most)
        return kp_fail(err, KP_EFULL, "more than %zu values at once; send them in pieces", p->options->most);
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
    if (s->newest == KP_POINTS_NONE || p->list[s->newest].at <= one->at)
        s->newest = (uint32_t)p->n;
    s->n++;
    p->list[p->n++] = *one;
    return KP_OK;
}

bool kp_points_pass_over(struct kp_points *p, size_t mark, uint64_t line, struct kp_err *err)
{
    const struct kp_import_options *o = p->options;
    bool of_text = err->code == KP_EPARSE || err->code == KP_EINVALID || err->code == KP_EDENIED || err->code == KP_EEXISTS;
    if (!o->bad || !of_text)
        return false;
    while (p->n > mark)
        p->series[p->list[--p->n].series].n--;
    o->bad(o->bad_arg, line, err->text);
    *err = (struct kp_err){ 0 };
    return true;
}

uint8_t kp_points_type(const struct kp_series *s)
{
    if (s->given)
        return s->given;
    return s->texts || (s->truths && s->numbers) ? KP_STRING : s->truths ? KP_BOOL : KP_DOUBLE;
}

enum kp_code kp_points_read(struct kp_points *p, const char *text, size_t len, struct kp_err *err)
{
    static enum kp_code (*const readers[])(struct kp_points *, char *, size_t, struct kp_err *) = {
        [KP_IMPORT_CSV] = kp_points_read_csv,   [KP_IMPORT_LINES] = kp_points_read_lines,
        [KP_IMPORT_PLAIN] = kp_points_read_plain, [KP_IMPORT_JSON] = kp_points_read_json,
        [KP_IMPORT_JSONL] = kp_points_read_jsonl,
    };
    if (!len)
        return kp_fail(err, KP_EPARSE, "line 1: there is nothing");
    if (memchr(text, 0, len) || !kp_utf8_valid(text, len))
        return kp_fail(err, KP_EPARSE, "the text is not UTF-8");
    char *copy = kp_arena_alloc(&p->arena, len + 2);
    if (!copy)
        return out_of_memory(err);
    memcpy(copy, text, len);
    return readers[p->options->format](p, copy, len, err);
}

void kp_points_free(struct kp_points *p)
{
    kp_free(p->series);
    kp_free(p->table);
    kp_free(p->list);
    kp_arena_free(&p->arena);
}
