/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of syslog. Of the text itself what can be held against indicators is taken: addresses,
 * one URL, who tried to log in. */
#include "core/clock.h"
#include "core/text.h"
#include "shield/events.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/ban.h"

struct reading {
    const char *at, *end;
    int64_t now;
};

/* The next word; its length 0 at the end. */
static size_t word(struct reading *r, const char **out)
{
    while (r->at < r->end && *r->at == ' ')
        r->at++;
    *out = r->at;
    while (r->at < r->end && *r->at != ' ')
        r->at++;
    return (size_t)(r->at - *out);
}

/* "<34>"; false: something that is none stands there. */
static bool take_priority(struct reading *r)
{
    unsigned n = 0, digits = 0;
    if (r->at == r->end || *r->at != '<')
        return true;
    for (r->at++; r->at < r->end && isdigit((unsigned char)*r->at) && digits < 3; digits++)
        n = n * 10 + (unsigned)(*r->at++ - '0');
    if (!digits || n > 191 || r->at == r->end || *r->at != '>')
        return false;
    r->at++;
    return true;
}

/* ---- times ---- */
static int64_t rfc3339(const char *text, size_t n)
{
    char copy[48];
    if (n < 19 || n >= sizeof copy || text[4] != '-')
        return 0;
    memcpy(copy, text, n);
    copy[n] = 0;
    return kp_event_time(copy);
}

static int month_of(const char *text)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    for (int i = 0; i < 12; i++)
        if (memcmp(names + 3 * i, text, 3) == 0)
            return i;
    return -1;
}

/* "Nov  8 15:04:05", local time of whoever wrote it; the year is the one that makes it the latest
 * time that is not in the future. 0: it is none. */
static int64_t bsd_time(struct reading *r)
{
    struct tm now, t = { .tm_isdst = -1 };
    const char *p = r->at;
    time_t today = (time_t)(r->now / KP_SECOND);
    if (r->end - p < 15 || p[3] != ' ' || p[6] != ' ' || p[9] != ':' || p[12] != ':')
        return 0;
    for (int i = 4; i < 15; i++)
        if (!isdigit((unsigned char)p[i]) && p[i] != ' ' && p[i] != ':')
            return 0;
    t.tm_mon = month_of(p);
    t.tm_mday = (p[4] == ' ' ? 0 : p[4] - '0') * 10 + p[5] - '0';
    t.tm_hour = (p[7] - '0') * 10 + p[8] - '0';
    t.tm_min = (p[10] - '0') * 10 + p[11] - '0';
    t.tm_sec = (p[13] - '0') * 10 + p[14] - '0';
    if (t.tm_mon < 0 || t.tm_mday < 1 || t.tm_mday > 31 || t.tm_hour < 0 || t.tm_hour > 23 ||
        t.tm_min < 0 || t.tm_min > 59 || t.tm_sec < 0 || t.tm_sec > 60 || !localtime_r(&today, &now))
        return 0;
    t.tm_year = now.tm_year;
    struct tm last = t;
    time_t at = mktime(&t);
    if (at > today + 86400) {
        last.tm_year--;
        at = mktime(&last);
    }
    r->at += 15;
    return (int64_t)at * KP_SECOND;
}

/* ---- the head ---- */
/* Structured data of RFC 5424: "-" or "[...]...". False: it does not end. */
static bool skip_data(struct reading *r)
{
    const char *w;
    while (r->at < r->end && *r->at == ' ')
        r->at++;
    if (r->at < r->end && *r->at != '[')
        return word(r, &w) == 1 && *w == '-';
    while (r->at < r->end && *r->at == '[') {
        bool quoted = false;
        for (r->at++; r->at < r->end && (quoted || *r->at != ']'); r->at++) {
            if (*r->at == '\\' && r->at + 1 < r->end)
                r->at++;
            else if (*r->at == '"')
                quoted = !quoted;
        }
        if (r->at == r->end)
            return false;
        r->at++;
    }
    return true;
}

struct head {
    const char *host, *app;
    size_t host_len, app_len;
    int64_t at;
};

static bool read_new(struct reading *r, struct head *h)
{
    const char *w;
    r->at += 2; /* "1 " */
    size_t n = word(r, &w);
    h->at = rfc3339(w, n);
    h->host_len = word(r, &h->host);
    h->app_len = word(r, &h->app);
    word(r, &w); /* the process */
    return word(r, &w) && skip_data(r);
}

/* Also as daemons write it into files: a time, a host, the program with a colon. */
static bool read_old(struct reading *r, struct head *h)
{
    const char *begin = r->at, *w;
    size_t n = word(r, &w);
    h->at = rfc3339(w, n);
    if (!h->at) {
        r->at = begin;
        if (!(h->at = bsd_time(r)))
            return false;
    }
    h->host_len = word(r, &h->host);
    h->app_len = word(r, &h->app);
    while (h->app_len && (h->app[h->app_len - 1] == ':' || h->app[h->app_len - 1] == ']'))
        h->app_len--;
    const char *process = memchr(h->app, '[', h->app_len);
    h->app_len = process ? (size_t)(process - h->app) : h->app_len;
    return h->host_len > 0;
}

/* ---- the text ---- */
static void take_addresses(struct kp_event *e, const char *text)
{
    static const char part[] = "0123456789abcdefABCDEF.:";
    while (*text && !e->o.text[KP_SEEN_TO]) {
        size_t n = strspn(text, part), len = n;
        bool first = !e->o.text[KP_SEEN_FROM];
        while (len && (text[len - 1] == '.' || text[len - 1] == ':'))
            len--; /* the end of a sentence */
        const char *port = memchr(text, '.', len) ? memchr(text, ':', len) : NULL;
        len = port ? (size_t)(port - text) : len;
        if (len > 2 && kp_event_address(text, len, first ? e->from : e->to))
            e->o.text[first ? KP_SEEN_FROM : KP_SEEN_TO] = first ? e->from : e->to;
        text += n ? n : 1;
        while (n && isalnum((unsigned char)*text)) /* it was the beginning of a word */
            text++;
    }
}

static void take_url(struct kp_event *e, const char *text)
{
    const char *url = strstr(text, "https://");
    url = url ? url : strstr(text, "http://");
    if (!url)
        return;
    snprintf(e->url, sizeof e->url, "%.*s", (int)strcspn(url, " \t\"'<>"), url);
    e->o.text[KP_SEEN_URL] = e->url;
}

/* "for invalid user NAME from", "user=NAME", "user NAME". */
static void take_user(struct kp_event *e, const char *text)
{
    static const char *const before[] = { "invalid user ", " user=", "user ", "password for ",
                                          "Accepted publickey for " };
    for (size_t i = 0; i < sizeof before / sizeof *before; i++) {
        const char *at = strstr(text, before[i]);
        size_t n = at ? strcspn(at + strlen(before[i]), " ,;\t\"'") : 0;
        if (!n || n >= sizeof e->user)
            continue;
        snprintf(e->user, sizeof e->user, "%.*s", (int)n, at + strlen(before[i]));
        e->o.text[KP_SEEN_USER] = e->user;
        return;
    }
}

static void take_text(struct kp_event *e, const struct head *h, const struct reading *r)
{
    char text[4096];
    const char *at = r->at;
    while (at < r->end && *at == ' ')
        at++;
    if (r->end - at > 2 && memcmp(at, "\xef\xbb\xbf", 3) == 0)
        at += 3; /* a byte order mark */
    kp_utf8_clean(text, sizeof text, at, (size_t)(r->end - at));
    take_addresses(e, text);
    take_url(e, text);
    take_user(e, text);
    snprintf(e->detail, sizeof e->detail, "%.*s %.*s: %s", (int)(h->host_len < 64 ? h->host_len : 64), h->host,
             (int)(h->app_len < 48 ? h->app_len : 48), h->app, text);
    kp_utf8_trim(e->detail);
    e->o.text[KP_SEEN_DETAIL] = e->detail;
}

enum kp_code kp_syslog_read(const char *line, size_t len, int64_t now, struct kp_event *e, bool *says,
                            struct kp_err *err)
{
    struct reading r = { line, line + len, now };
    struct head h = { 0 };
    *e = (struct kp_event){ 0 };
    *says = false;
    while (r.end > r.at && (r.end[-1] == '\n' || r.end[-1] == '\r' || !r.end[-1]))
        r.end--;
    if (!take_priority(&r))
        return kp_fail(err, KP_EPARSE, "a message begins with a priority that is none");
    bool new = r.at != line && r.end - r.at > 2 && r.at[0] == '1' && r.at[1] == ' ';
    if (new ? !read_new(&r, &h) : !read_old(&r, &h))
        return kp_fail(err, KP_EPARSE, "a message is neither of RFC 5424 nor of RFC 3164");
    take_text(e, &h, &r);
    e->o.kind = KP_SEEN_LOG;
    e->o.at = h.at;
    e->o.text[KP_SEEN_SOURCE] = "syslog";
    *says = e->o.text[KP_SEEN_FROM] || e->o.text[KP_SEEN_URL] || e->o.text[KP_SEEN_USER];
    return KP_OK;
}
