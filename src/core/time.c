/* SPDX-License-Identifier: Apache-2.0 */
/* Times and durations as text (RFC 3339), with own calendar arithmetic: fast, thread-safe, and
 * right for every int64 of nanoseconds, 1677 to 2262. */
#include "core/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

enum { DAY = 86400 };

/* Days since 1970-01-01 of a date of the proleptic Gregorian calendar, and back (H. Hinnant's
 * method: years begin in March, eras of 400 years). */
static int64_t days_of(int year, unsigned month, unsigned day)
{
    year -= month <= 2;
    int era = (year >= 0 ? year : year - 399) / 400;
    unsigned yoe = (unsigned)(year - era * 400);
    unsigned doy = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    unsigned doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return (int64_t)era * 146097 + (int64_t)doe - 719468;
}

static void date_of(int64_t days, int *year, unsigned *month, unsigned *day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    unsigned doe = (unsigned)(days - era * 146097);
    unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    unsigned mp = (5 * doy + 2) / 153;
    *day = doy - (153 * mp + 2) / 5 + 1;
    *month = mp < 10 ? mp + 3 : mp - 9;
    *year = (int)(yoe + era * 400) + (*month <= 2);
}

static char *digits(char *p, unsigned value, int width)
{
    for (int i = width - 1; i >= 0; i--, value /= 10)
        p[i] = (char)('0' + value % 10);
    return p + width;
}

/* Two digits and what follows them. */
static inline char *two(char *p, unsigned value, char next)
{
    p[0] = (char)('0' + value / 10);
    p[1] = (char)('0' + value % 10);
    p[2] = next;
    return p + 3;
}

/* Division that rounds down, for times before 1970. */
static int64_t floor_div(int64_t a, int64_t b, int64_t *rest)
{
    int64_t q = a / b;
    *rest = a % b;
    if (*rest < 0) {
        *rest += b;
        q--;
    }
    return q;
}

/* "2026-11-24T10:02:", whatever the second. */
static void print_minute(struct kp_minute *m, int64_t minute)
{
    int64_t rest;
    int64_t days = floor_div(minute, DAY / 60, &rest);
    int year;
    unsigned month, day, of_day = (unsigned)rest;
    date_of(days, &year, &month, &day);
    char *p = digits(m->text, (unsigned)year, 4);
    *p++ = '-';
    p = two(p, month, '-');
    p = two(p, day, 'T');
    p = two(p, of_day / 60, ':');
    two(p, of_day % 60, ':');
    m->number = minute;
}

size_t kp_time_print_near(struct kp_minute *m, int64_t at, char *out)
{
    int64_t rest, minute = floor_div(at, 60 * KP_SECOND, &rest);
    if (minute != m->number || !m->text[0])
        print_minute(m, minute);
    memcpy(out, m->text, sizeof m->text);
    unsigned ns = (unsigned)(rest % KP_SECOND);
    char *p = two(out + sizeof m->text, (unsigned)(rest / KP_SECOND), 'Z');
    if (ns) {
        p[-1] = '.';
        if (ns % 1000)
            p = digits(p, ns, 9);
        else if (ns % 1000000)
            p = digits(p, ns / 1000, 6);
        else
            p = digits(p, ns / 1000000, 3);
        *p++ = 'Z';
    }
    *p = 0;
    return (size_t)(p - out);
}

size_t kp_time_print(int64_t at, char *out)
{
    struct kp_minute m = { 0 };
    return kp_time_print_near(&m, at, out);
}

/* Exactly n digits; NULL when there are others. */
static const char *number(const char *p, int n, unsigned *out)
{
    *out = 0;
    for (int i = 0; i < n; i++, p++) {
        if (*p < '0' || *p > '9')
            return NULL;
        *out = *out * 10 + (unsigned)(*p - '0');
    }
    return p;
}

static const char *fraction(const char *p, int64_t *ns)
{
    int64_t scale = KP_SECOND;
    *ns = 0;
    if (*p < '0' || *p > '9')
        return NULL;
    for (; *p >= '0' && *p <= '9'; p++) {
        scale /= 10; /* digits beyond ns do not count */
        *ns += scale * (*p - '0');
    }
    return p;
}

/* "Z", "+01:00", "-0130" or "+01"; seconds east of UTC. */
static const char *offset(const char *p, int64_t *seconds)
{
    *seconds = 0;
    if (*p == 'Z' || *p == 'z')
        return p + 1;
    if (*p != '+' && *p != '-')
        return NULL;
    int sign = *p == '-' ? -1 : 1;
    unsigned hours, minutes = 0;
    if (!(p = number(p + 1, 2, &hours)))
        return NULL;
    if (*p && !(p = number(p + (*p == ':'), 2, &minutes)))
        return NULL;
    if (hours > 23 || minutes > 59)
        return NULL;
    *seconds = sign * (int64_t)(hours * 3600 + minutes * 60);
    return p;
}

static const char *date(const char *p, int64_t *days)
{
    static const uint8_t lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    unsigned year, month, day;
    if (!(p = number(p, 4, &year)) || *p != '-' || !(p = number(p + 1, 2, &month)) || *p != '-' ||
        !(p = number(p + 1, 2, &day)))
        return NULL;
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (month < 1 || month > 12 || day < 1 ||
        day > lengths[month - 1] + (unsigned)(month == 2 && leap))
        return NULL;
    *days = days_of((int)year, month, day);
    return p;
}

/* "14:30" or "14:30:15.25" */
static const char *time_of_day(const char *p, int64_t *seconds, int64_t *ns)
{
    unsigned h, m, s = 0;
    *ns = 0;
    if (!(p = number(p, 2, &h)) || *p != ':' || !(p = number(p + 1, 2, &m)))
        return NULL;
    if (*p == ':' && !(p = number(p + 1, 2, &s)))
        return NULL;
    if (h > 23 || m > 59 || s > 60) /* 60: a leap second counts as the next second */
        return NULL;
    if (*p == '.' && !(p = fraction(p + 1, ns)))
        return NULL;
    *seconds = (int64_t)(h * 3600 + m * 60 + s);
    return p;
}

static bool combine(int64_t seconds, int64_t ns, int64_t *at)
{
    /* in 128 bits: the first second of the range begins before what 64 can hold */
    __int128 sum = (__int128)seconds * KP_SECOND + ns;
    *at = (int64_t)sum;
    return sum == *at;
}

bool kp_time_parse(const char *text, int64_t *at)
{
    int64_t days, seconds = 0, ns = 0, east = 0;
    const char *p = date(text, &days);
    if (!p)
        return false;
    if (*p == 'T' || *p == 't' || *p == ' ') {
        if (!(p = time_of_day(p + 1, &seconds, &ns)) || !(p = offset(p, &east)))
            return false;
    }
    return !*p && combine(days * DAY + seconds - east, ns, at);
}

bool kp_time_parse_human(const char *text, int64_t now, int64_t *at)
{
    int64_t back, seconds, ns;
    if (strcmp(text, "now") == 0) {
        *at = now;
        return true;
    }
    if (*text == '-' && kp_duration_parse(text + 1, &back))
        return !__builtin_sub_overflow(now, back, at);
    const char *end = time_of_day(text, &seconds, &ns);
    if (end && !*end) {
        int64_t rest;
        return combine(floor_div(now, DAY * KP_SECOND, &rest) * DAY + seconds, ns, at);
    }
    return kp_time_parse(text, at);
}

struct unit {
    const char *name;
    int64_t ns;
};

bool kp_duration_parse(const char *text, int64_t *ns)
{
    static const struct unit units[] = {
        { "ns", 1 },
        { "us", 1000 },
        { "ms", KP_MILLISECOND },
        { "s", KP_SECOND },
        { "m", 60 * KP_SECOND },
        { "min", 60 * KP_SECOND },
        { "h", 3600 * KP_SECOND },
        { "d", DAY * KP_SECOND },
        { "w", 7 * DAY * KP_SECOND },
        { "y", 365 * DAY * KP_SECOND },
    };
    if (strcmp(text, "0") == 0) {
        *ns = 0;
        return true;
    }
    char *end = NULL;
    size_t digits = strspn(text, "0123456789.");
    double number = strtod(text, &end);
    if (!digits || end != text + digits) /* "1e3s" and "0x10s" are nobody's durations */
        return false;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        double product = number * (double)units[i].ns;
        if (strcmp(end, units[i].name) == 0 && product < 9e18) {
            *ns = (int64_t)(product + 0.5);
            return true;
        }
    }
    return false;
}

void kp_duration_print(int64_t ns, char *out, size_t size)
{
    int64_t s = ns / KP_SECOND;
    if (ns < 0)
        snprintf(out, size, "0 s");
    else if (ns < KP_MILLISECOND)
        snprintf(out, size, "%" PRId64 " us", ns / 1000);
    else if (ns < KP_SECOND)
        snprintf(out, size, "%" PRId64 " ms", ns / KP_MILLISECOND);
    else if (s < 60)
        snprintf(out, size, "%" PRId64 " s", s);
    else if (s < 3600)
        snprintf(out, size, "%" PRId64 " min %" PRId64 " s", s / 60, s % 60);
    else if (s < DAY)
        snprintf(out, size, "%" PRId64 " h %" PRId64 " min", s / 3600, s / 60 % 60);
    else
        snprintf(out, size, "%" PRId64 " d %" PRId64 " h", s / DAY, s / 3600 % 24);
}

void kp_duration_exact(int64_t ns, char *out, size_t size)
{
    static const struct unit units[] = {
        { "y", 365 * DAY * KP_SECOND }, { "d", DAY * KP_SECOND }, { "h", 3600 * KP_SECOND },
        { "m", 60 * KP_SECOND },        { "s", KP_SECOND },       { "ns", 1 },
    };
    const struct unit *u = units;
    while (ns % u->ns != 0)
        u++;
    snprintf(out, size, "%" PRId64 "%s", ns / u->ns, u->name);
}

bool kp_time_local(int64_t at, struct tm *tm)
{
    time_t s = (time_t)(at / KP_SECOND - (at % KP_SECOND < 0));
    *tm = (struct tm){ .tm_mday = 1 };
    return localtime_r(&s, tm) != NULL;
}
