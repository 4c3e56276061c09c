/* SPDX-License-Identifier: Apache-2.0 */
/* Times as machines, spreadsheets and people write them. */
#include "couplings/points.h"

#include "core/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/ban.h"

const char *const kp_points_times[] = { "time", "timestamp", "datetime", "date", "_time",
                                        "ts",   "tijd",      "datum",    NULL };

static bool digits(const char *p, size_t n)
{
    return strspn(p, "0123456789") >= n;
}

/* "24-11-2026 10:02" becomes "2026-11-24T10:02:00Z": what stands there with the parts that RFC 3339
 * asks for. */
static bool complete(const char *word, char out[64], bool *has_zone)
{
    char day[11];
    if (strlen(word) > 40)
        return false;
    if (digits(word, 2) && (word[2] == '-' || word[2] == '.' || word[2] == '/') &&
        digits(word + 3, 2) && word[5] == word[2] && digits(word + 6, 4))
        snprintf(day, sizeof day, "%.4s-%.2s-%.2s", word + 6, word + 3, word);
    else if (digits(word, 4) && word[4] == '-' && digits(word + 5, 2) && word[7] == '-' &&
             digits(word + 8, 2))
        snprintf(day, sizeof day, "%.4s-%.2s-%.2s", word, word + 5, word + 8);
    else
        return false;
    const char *clock = word[10] ? word + 11 : "00:00";
    size_t n = strspn(clock, "0123456789:.,");
    char hours[32];
    snprintf(hours, sizeof hours, "%.*s", (int)n, clock);
    for (char *p = hours; *p; p++)
        if (*p == ',')
            *p = '.';
    *has_zone = clock[n];
    return snprintf(out, 64, "%sT%s%s%s", day, hours, strlen(hours) == 5 ? ":00" : "",
                    clock[n] ? clock + n : "Z") < 64;
}

/* The clock on the wall; of the hour that comes twice in autumn the first. */
static bool to_utc(int64_t *at)
{
    time_t seconds = (time_t)(*at / KP_SECOND - (*at % KP_SECOND < 0));
    int64_t rest = *at - (int64_t)seconds * KP_SECOND;
    struct tm tm;
    if (!gmtime_r(&seconds, &tm))
        return false;
    tm.tm_isdst = -1;
    return !__builtin_mul_overflow((int64_t)mktime(&tm), KP_SECOND, at) &&
           !__builtin_add_overflow(*at, rest, at);
}

static bool zoned(const struct kp_import_options *o, int64_t *at)
{
    return o->local ? to_utc(at) : !__builtin_sub_overflow(*at, o->zone, at);
}

bool kp_points_time(const struct kp_import_options *o, const char *word, int64_t *at)
{
    char text[64];
    bool has_zone = true;
    if (kp_time_parse(word, at) && strlen(word) > 10)
        return true;
    if (complete(word, text, &has_zone) && kp_time_parse(text, at) && (has_zone || zoned(o, at)))
        return true;
    return kp_points_number_time(word, o->unit, at);
}

bool kp_points_number_time(const char *text, int64_t unit, int64_t *at)
{
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (!(*text == '-' || (*text >= '0' && *text <= '9')) || *end || errno)
        return false;
    int64_t by = KP_SECOND;
    for (int64_t more = number / INT64_C(100000000000); by > 1 && more;
         more /= 1000) /* the year 5138 in s, 1973 in ms */
        by /= 1000;
    unit = unit ? unit : by;
    return !__builtin_mul_overflow((int64_t)number, unit, at);
}
