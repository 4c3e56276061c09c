/* SPDX-License-Identifier: Apache-2.0 */
#include "couplings/mtconnect/observe.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/ban.h"

static const char spaces[] = " \t\r\n";

/* ---- values ---- */
char *kp_mtc_trim(char *text)
{
    text += strspn(text, spaces);
    size_t n = strlen(text);
    while (n && strchr(spaces, text[n - 1]))
        text[--n] = 0;
    return text;
}

/* A number as people write it: no hexadecimal, no words but those of XML for what is not finite. */
static bool read_double(const char *text, char **end, double *d)
{
    const char *p = text + (*text == '-' || *text == '+');
    if ((*p < '0' || *p > '9') && *p != '.' && strncmp(p, "INF", 3) != 0 &&
        strncmp(p, "NaN", 3) != 0)
        return false;
    if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X'))
        return false;
    *d = strtod(text, end);
    return *end != text && (!**end || strchr(spaces, **end));
}

static bool read_int(const char *text, int64_t *i)
{
    char *end;
    if (!*text || strlen(text) > 20 || strchr(spaces, *text))
        return false;
    errno = 0;
    *i = strtoll(text, &end, 10);
    return !errno && end != text && !*end;
}

static bool read_series(const char *text, struct kp_buf *room, struct kp_value *out)
{
    kp_buf_free(room);
    kp_buf_init(room, KP_MTC_DATA_MAX);
    for (text += strspn(text, spaces); *text; text += strspn(text, spaces)) {
        char *end;
        struct kp_value one = { .type = KP_DOUBLE };
        if (!read_double(text, &end, &one.d))
            return true; /* stays text */
        kp_array_add(room, &one);
        text = end;
    }
    if (room->len + sizeof(double) > KP_MTC_DATA_MAX)
        *out = (struct kp_value){ 0 };
    else if (room->failed)
        return false;
    else if (room->len)
        *out = (struct kp_value){ .data = room->data,
                                  .len = (uint32_t)room->len,
                                  .type = KP_DOUBLE | KP_ARRAY };
    return true;
}

bool kp_mtc_value(uint8_t type, const char *text, struct kp_buf *room, struct kp_value *out)
{
    char *end;
    double d;
    int64_t i;
    *out = kp_string(text, strlen(text));
    if (out->len > KP_MTC_DATA_MAX && type != (KP_DOUBLE | KP_ARRAY))
        *out = (struct kp_value){ 0 };
    if (type == (KP_DOUBLE | KP_ARRAY))
        return read_series(text, room, out);
    if (type == KP_INT64 && read_int(text, &i))
        *out = kp_int(i);
    else if ((type == KP_INT64 || type == KP_DOUBLE) && read_double(text, &end, &d) && !*end)
        *out = kp_double(d);
    return true;
}

void kp_mtc_put_scalar(struct kp_json *j, const char *text)
{
    char *end;
    double d;
    int64_t i;
    if (read_int(text, &i))
        kp_json_int(j, i);
    else if (read_double(text, &end, &d) && !*end && isfinite(d))
        kp_json_double(j, d);
    else if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)
        kp_json_bool(j, *text == 't');
    else
        kp_json_text(j, text);
}

/* ---- conditions ---- */
enum kp_mtc_level kp_mtc_level(const char *word)
{
    static const char *const words[] = { "normal", "warning", "fault", "unavailable" };
    for (unsigned i = 0; i < sizeof words / sizeof *words; i++)
        if (strcasecmp(word, words[i]) == 0)
            return KP_MTC_NORMAL + i;
    return KP_MTC_NO_LEVEL;
}

static bool given(const char *text)
{
    return text && *text;
}

static void make_key(char key[KP_MTC_KEY_MAX], const struct kp_mtc_condition *v)
{
    const char *code = given(v->id) ? v->id : given(v->code) ? v->code : NULL;
    snprintf(key, KP_MTC_KEY_MAX, "%s%s%s", v->item, code ? " " : "", code ? code : "");
    kp_utf8_trim(key);
}

static size_t find(const struct kp_mtc_active *a, const char *key)
{
    size_t i = 0;
    while (i < a->n && strcmp(a->key[i], key) != 0)
        i++;
    return i;
}

static bool is_of(const char *key, const char *item)
{
    size_t n = strlen(item);
    return strncmp(key, item, n) == 0 && (!key[n] || key[n] == ' ');
}

static enum kp_code end_one(struct kp_coupling *c, struct kp_mtc_active *a, size_t i,
                            const struct kp_mtc_condition *v, struct kp_err *err)
{
    struct kp_lasting over = {
        .path = v->path, .key = a->key[i], .kind = KP_INTERVAL_ALARM, .start = v->at, .end = v->at
    };
    enum kp_code code = kp_coupling_interval(c, &over, err);
    if (--a->n != i)
        memcpy(a->key[i], a->key[a->n], KP_MTC_KEY_MAX);
    return code;
}

/* Normal with a code ends that one, Normal without and Unavailable all of the data item. */
static enum kp_code end_those(struct kp_coupling *c, struct kp_mtc_active *a,
                              const struct kp_mtc_condition *v, struct kp_err *err)
{
    char key[KP_MTC_KEY_MAX];
    bool one = v->level == KP_MTC_NORMAL && (given(v->code) || given(v->id));
    make_key(key, v);
    for (size_t i = a->n; i-- > 0 && !err->code;)
        if (one ? strcmp(a->key[i], key) == 0 : is_of(a->key[i], v->item))
            end_one(c, a, i, v, err);
    return err->code;
}

static void put_given(struct kp_json *j, const char *key, const char *text)
{
    if (given(text))
        kp_json_put_text(j, key, text);
}

enum kp_code kp_mtc_condition(struct kp_coupling *c, struct kp_mtc_active *a,
                               const struct kp_mtc_condition *v, struct kp_err *err)
{
    char key[KP_MTC_KEY_MAX];
    struct kp_buf text;
    struct kp_json j = kp_json(&text);
    if (v->level != KP_MTC_WARNING && v->level != KP_MTC_FAULT)
        return end_those(c, a, v, err);
    make_key(key, v);
    size_t i = find(a, key);
    if (i == KP_MTC_ACTIVE_MAX) {
        a->left_out++;
        return KP_OK;
    }
    memcpy(a->key[i], key, sizeof key);
    a->n += i == a->n;
    kp_buf_init(&text, 16 << 10);
    kp_json_put_text(&j, "level", v->level == KP_MTC_FAULT ? "fault" : "warning");
    put_given(&j, "text", v->text);
    put_given(&j, "nativeCode", v->code);
    put_given(&j, "conditionId", v->id);
    put_given(&j, "nativeSeverity", v->severity);
    put_given(&j, "qualifier", v->qualifier);
    put_given(&j, "type", v->type);
    struct kp_lasting lasting = { .path = v->path,
                                  .key = key,
                                  .kind = KP_INTERVAL_ALARM,
                                  .start = v->at,
                                  .end = KP_FOREVER,
                                  .attributes = kp_buf_text(&text) };
    if (text.failed) /* too long a text: the alarm counts, not its words */
        lasting.attributes =
            v->level == KP_MTC_FAULT ? "\"level\":\"fault\"" : "\"level\":\"warning\"";
    kp_coupling_interval(c, &lasting, err);
    kp_buf_free(&text);
    return err->code;
}

enum kp_code kp_mtc_conditions_settle(struct kp_coupling *c, const struct kp_mtc_active *a,
                                       int64_t at, struct kp_err *err)
{
    const char *keep[KP_MTC_ACTIVE_MAX];
    for (size_t i = 0; i < a->n; i++)
        keep[i] = a->key[i];
    return kp_coupling_intervals_end(c, KP_INTERVAL_ALARM, keep, a->n, at, err);
}
