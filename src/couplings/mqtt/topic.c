/* SPDX-License-Identifier: Apache-2.0 */
#include "couplings/mqtt/topic.h"

#include "core/text.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

bool kp_topic_filter_valid(const char *filter)
{
    size_t len = strlen(filter), wildcards = 0;
    if (len == 0 || len > KP_TOPIC_MAX || !kp_utf8_valid(filter, len))
        return false;
    for (const char *p = filter; *p; p++) {
        bool alone = (p == filter || p[-1] == '/') && (p[1] == '/' || !p[1]);
        if ((*p == '+' && !alone) || (*p == '#' && (!alone || p[1])))
            return false;
        wildcards += *p == '+' || *p == '#';
    }
    return wildcards <= KP_TOPIC_LEVELS_MAX;
}

size_t kp_topic_wildcards(const char *filter)
{
    size_t n = 0;
    for (; *filter; filter++)
        n += *filter == '+' || *filter == '#';
    return n;
}

static void keep(struct kp_topic_match *match, const char *from, size_t len)
{
    if (match && match->n < KP_TOPIC_LEVELS_MAX)
        match->part[match->n++] = (struct kp_topic_part){ from, len };
}

bool kp_topic_match(const char *filter, const char *topic, struct kp_topic_match *match)
{
    if (match)
        match->n = 0;
    if (*topic == '$' && *filter != '$') /* 4.7.2: wildcards do not reach the broker's own */
        return false;
    for (;;) {
        size_t f = strcspn(filter, "/"), t = strcspn(topic, "/");
        if (f == 1 && *filter == '#') {
            keep(match, topic, strlen(topic));
            return true;
        }
        if (f == 1 && *filter == '+')
            keep(match, topic, t);
        else if (f != t || memcmp(filter, topic, f) != 0)
            return false;
        if (!filter[f] && !topic[t])
            return true;
        if (!topic[t]) { /* "a/#" asks for "a" too */
            if (strcmp(filter + f, "/#") != 0)
                return false;
            keep(match, topic + t, 0);
            return true;
        }
        if (!filter[f])
            return false;
        filter += f + 1;
        topic += t + 1;
    }
}

/* ---- templates ---- */
/* "{1}" or "{+1}": its number, and what follows; 0: it is none. */
static unsigned place(const char *p, const char **end)
{
    unsigned n = 0;
    if (*p != '{')
        return 0;
    p += p[1] == '+' ? 2 : 1;
    for (; *p >= '0' && *p <= '9' && n < 1000; p++)
        n = n * 10 + (unsigned)(*p - '0');
    *end = p + 1;
    return *p == '}' ? n : 0;
}

enum kp_code kp_topic_template_check(const char *template, size_t n, struct kp_err *err)
{
    for (const char *p = template, *end; *p; p++) {
        unsigned k = place(p, &end);
        if (k > n)
            return kp_fail(err, KP_EPARSE, "'%.80s': the topic has %zu wildcards, no {%u}",
                           template, n, k);
    }
    return KP_OK;
}

static bool add(char *out, size_t size, size_t *len, const char *from, size_t n)
{
    if (*len + n >= size)
        return false;
    memcpy(out + *len, from, n);
    *len += n;
    out[*len] = 0;
    return true;
}

static bool add_names(char *out, size_t size, size_t *len, const struct kp_topic_part *part)
{
    for (size_t i = 0; i <= part->len;) {
        char name[KP_NAME_MAX];
        const char *slash = i < part->len ? memchr(part->from + i, '/', part->len - i) : NULL;
        size_t n = slash ? (size_t)(slash - part->from) - i : part->len - i;
        kp_name_clean(name, sizeof name, part->from + i, n);
        if ((i && !add(out, size, len, "/", 1)) || !add(out, size, len, name, strlen(name)))
            return false;
        i += n + 1;
    }
    return true;
}

static bool fill(const char *template, const struct kp_topic_match *m, bool names, char *out,
                 size_t size)
{
    size_t len = 0;
    out[0] = 0;
    for (const char *p = template, *end; *p;) {
        unsigned k = place(p, &end);
        const struct kp_topic_part *part = k && k <= m->n ? &m->part[k - 1] : NULL;
        if (!part ? !add(out, size, &len, p, 1)
                  : !(names ? add_names(out, size, &len, part)
                            : add(out, size, &len, part->from, part->len)))
            return false;
        p = part ? end : p + 1;
    }
    return true;
}

bool kp_topic_path(const char *template, const struct kp_topic_match *m, char *out, size_t size)
{
    return fill(template, m, true, out, size) && kp_path_valid(out);
}

bool kp_topic_fill(const char *template, const struct kp_topic_match *m, char *out, size_t size)
{
    return fill(template, m, false, out, size);
}
