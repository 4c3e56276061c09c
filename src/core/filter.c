/* SPDX-License-Identifier: Apache-2.0 */
#include "core/filter.h"

#include "core/text.h"

#include <math.h>
#include <string.h>

#include "core/ban.h"

enum { PATTERNS_MAX = 1000 };

struct patterns {
    char *text; /* owns what `list` points into */
    size_t n, room;
    const char **list;
};

struct passed { /* the last value of a signal that passed */
    int64_t at;
    double number;
    uint32_t status;
    uint8_t type; /* KP_TYPES: nothing passed yet */
};

struct kp_filter {
    struct patterns include, exclude;
    int64_t every;
    double deadband;
    bool percent;
    struct passed *passed; /* by signal number, only when there is a rate or a deadband */
    size_t capacity;
};

static enum kp_code patterns_read(struct patterns *p, const char *text, char separator,
                                  struct kp_err *err)
{
    if (!text || !*text)
        return KP_OK;
    p->text = kp_strdup(text);
    if (!p->text)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    for (char *s = p->text; s;) {
        char *next = strchr(s, separator ? separator : ',');
        if (next)
            *next++ = 0;
        s += strspn(s, " ");
        for (size_t n = strlen(s); n && s[n - 1] == ' ';)
            s[--n] = 0;
        if (!*s || !kp_pattern_valid(s))
            return kp_fail(err, KP_EINVALID,
                           "'%.120s' is not a pattern such as milling/**/temperature", s);
        if (p->n == PATTERNS_MAX)
            return kp_fail(err, KP_EFULL, "more than %d patterns", PATTERNS_MAX);
        if (!kp_grow(&p->list, &p->room, p->n + 1, sizeof *p->list))
            return kp_fail(err, KP_ENOMEM, "out of memory");
        p->list[p->n++] = s;
        s = next;
    }
    return KP_OK;
}

struct kp_filter *kp_filter_new(const struct kp_filter_def *def, struct kp_err *err)
{
    if (def->every < 0 || !(def->deadband >= 0)) {
        kp_fail(err, KP_EINVALID, "a filter's rate and deadband cannot be negative");
        return NULL;
    }
    struct kp_filter *f = kp_alloc(sizeof *f);
    if (!f) {
        kp_fail(err, KP_ENOMEM, "out of memory");
        return NULL;
    }
    f->every = def->every;
    f->deadband = def->deadband;
    f->percent = def->percent;
    if (!patterns_read(&f->include, def->include, def->separator, err) &&
        !patterns_read(&f->exclude, def->exclude, def->separator, err))
        return f;
    kp_filter_free(f);
    return NULL;
}

void kp_filter_free(struct kp_filter *f)
{
    if (!f)
        return;
    kp_free(f->include.text);
    kp_free(f->exclude.text);
    kp_free(f->include.list);
    kp_free(f->exclude.list);
    kp_free(f->passed);
    kp_free(f);
}

static bool any(const struct patterns *p, const char *path)
{
    for (size_t i = 0; i < p->n; i++)
        if (kp_pattern_match(p->list[i], path))
            return true;
    return false;
}

bool kp_filter_wants(const struct kp_filter *f, const char *path)
{
    return (!f->include.n || any(&f->include, path)) && !any(&f->exclude, path);
}

/* New slots start as "nothing passed". Out of memory lets the value pass: a filter must not lose
 * data. */
static struct passed *slot(struct kp_filter *f, kp_signal s)
{
    size_t before = f->capacity;
    if (!kp_grow(&f->passed, &f->capacity, (size_t)s + 1, sizeof *f->passed))
        return NULL;
    for (size_t i = before; i < f->capacity; i++)
        f->passed[i].type = KP_TYPES;
    return &f->passed[s];
}

static bool moved(const struct kp_filter *f, const struct passed *p, double number, double range)
{
    double band = f->percent ? range > 0 ? f->deadband * range / 100 : 0 : f->deadband;
    if (band == 0)
        return true;
    if (isnan(number) || isnan(p->number))
        return isnan(number) != isnan(p->number);
    return fabs(number - p->number) > band; /* infinity less itself is no number: not moved */
}

bool kp_filter_pass(struct kp_filter *f, const struct kp_sample *s, double range)
{
    if (!f->every && f->deadband == 0)
        return true;
    struct passed *p = slot(f, s->signal);
    if (!p)
        return true;
    double number = 0;
    bool numeric = kp_value_number(&s->value, &number);
    if (p->type == s->value.type && p->status == s->status) {
        /* unsigned, for a machine may send any time; one before the last passes: its clock was set
         * back */
        if (f->every && s->at >= p->at && (uint64_t)s->at - (uint64_t)p->at < (uint64_t)f->every)
            return false;
        if (numeric && f->deadband > 0 && !moved(f, p, number, range))
            return false;
    }
    *p = (struct passed){
        .at = s->at, .number = number, .status = s->status, .type = s->value.type
    };
    return true;
}
