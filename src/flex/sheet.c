/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers, dates and times of cells. Where a cell may mean two things the other cells of the file
 * decide, or a person: nothing is guessed. */
#include "flex/order_reading.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "core/ban.h"

enum { CELL_MAX = 64 };
#define EPOCH_SERIAL 25569 /* 1970-01-01 as a spreadsheet counts days */
#define YEAR_2000    36526
#define YEAR_2100    73051
#define DAY_SECONDS  86400

/* ---- spaces ---- */
static size_t space_at(const char *p)
{
    static const char *const wide[] = { "\xc2\xa0", "\xe2\x80\xaf", "\xe2\x80\x89",
                                        "\xef\xbb\xbf" };
    if (*p == ' ' || *p == '\t')
        return 1;
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
        if (strncmp(p, wide[i], strlen(wide[i])) == 0)
            return strlen(wide[i]);
    return 0;
}

/* Where the spaces at the end begin. */
static char *last_word(char *text)
{
    char *end = text;
    for (char *p = text; *p;) {
        size_t n = space_at(p);
        p += n ? n : 1;
        if (!n)
            end = p;
    }
    return end;
}

void kp_sheet_trim(char **cell)
{
    char *p = *cell;
    for (size_t n; (n = space_at(p));)
        p += n;
    char *end = last_word(p);
    if (p[0] == '=' && p[1] == '"' && end > p + 2 && end[-1] == '"') {
        p += 2;
        end--;
    }
    *end = 0;
    *cell = p;
}

bool kp_sheet_broken(const char *cell)
{
    return cell[0] == '#' && (cell[1] == '#' || isupper((unsigned char)cell[1]));
}

/* ---- numbers ---- */
/* Without what parts thousands beside a mark: spaces and apostrophes. False: no number. */
static bool bare(const char *cell, char out[CELL_MAX])
{
    size_t n = 0;
    for (const char *p = cell; *p;) {
        size_t space = space_at(p);
        if (space || (*p == '\'' && n)) {
            p += space ? space : 1;
            continue;
        }
        if (n + 1 == CELL_MAX)
            return false;
        out[n++] = *p++;
    }
    out[n] = 0;
    return n > 0;
}

static size_t count(const char *text, char c)
{
    size_t n = 0;
    for (; *text; text++)
        n += *text == c;
    return n;
}

/* What this number proves: ',' or '.' parts the decimals; '?': it may be either; 0: it has no mark.
 */
static char proof(const char *text)
{
    const char *comma = strrchr(text, ','), *point = strrchr(text, '.');
    if (comma && point)
        return comma > point ? ',' : '.';
    char mark = comma ? ',' : point ? '.' : 0;
    const char *last = comma ? comma : point;
    if (!mark)
        return 0;
    if (count(text, mark) > 1)
        return mark == ',' ? '.' : ',';
    const char *digits = text + strspn(text, "+-");
    size_t whole = (size_t)(last - digits);
    bool grouped = strspn(last + 1, "0123456789") == 3 && !last[4] && whole >= 1 && whole <= 3 &&
                   *digits != '0';
    return grouped ? '?' : mark;
}

static bool is_numeric(const char *text)
{
    return text[strspn(text, "+-0123456789.,")] == 0 && strpbrk(text, "0123456789");
}

void kp_sheet_learn_number(struct kp_sheet_style *s, const char *cell)
{
    char text[CELL_MAX];
    char mark = bare(cell, text) && is_numeric(text) ? proof(text) : 0;
    if (!s->decimal && (mark == ',' || mark == '.'))
        s->decimal = mark;
}

/* Digits in groups of three, the first shorter perhaps; makes "12.345,5" into "12345.5". */
static bool ungroup(char *text, char decimal)
{
    char thousands = decimal == ',' ? '.' : ',', *to = text, *p = text + (*text == '+');
    size_t run = 0;
    bool grouped = false, good = true;
    if (*p == '-')
        *to++ = *p++;
    for (; *p && *p != decimal; p++) {
        if (*p == thousands) {
            good &= run && run <= 3 && (!grouped || run == 3);
            grouped = true;
            run = 0;
            continue;
        }
        good &= isdigit((unsigned char)*p) != 0;
        *to++ = *p;
        run++;
    }
    good &= run && (!grouped || run == 3);
    if (*p)
        *to++ = '.';
    for (p += *p != 0; *p; p++) {
        good &= isdigit((unsigned char)*p) != 0;
        *to++ = *p;
    }
    *to = 0;
    return good;
}

/* "2,026E+11" */
static bool is_shortened(const char *text)
{
    size_t n = strspn(text, "0123456789.,");
    return n && (text[n] == 'E' || text[n] == 'e') && (text[n + 1] == '+' || text[n + 1] == '-') &&
           text[n + 2] && text[n + 2 + strspn(text + n + 2, "0123456789")] == 0;
}

enum kp_sheet_cell kp_sheet_number(const struct kp_sheet_style *s, const char *cell, double *out)
{
    char text[CELL_MAX];
    if (kp_sheet_broken(cell))
        return KP_CELL_BROKEN;
    if (!bare(cell, text))
        return KP_CELL_WRONG;
    if (is_shortened(text))
        return KP_CELL_SHORTENED;
    if (!is_numeric(text))
        return KP_CELL_WRONG;
    char mark = s->decimal ? s->decimal : proof(text);
    if (mark == '?')
        return KP_CELL_AMBIGUOUS;
    if (!ungroup(text, mark ? mark : '.'))
        return KP_CELL_WRONG;
    *out = strtod(text, NULL);
    return isfinite(*out) ? KP_CELL_GOOD : KP_CELL_WRONG;
}

/* ---- dates ---- */
struct date {
    int year, month, day, second; /* second: of the day; -1: no time stands there */
    bool either;                  /* day and month could stand in the other order */
};

static int month_named(const char *p, size_t n)
{
    static const char names[] =
        "jan1feb2mrt3mar3apr4mei5may5mai5jun6jul7aug8sep9okt:oct:nov;dec<dez<";
    for (const char *m = names; n >= 3 && *m; m += 4)
        if (strncasecmp(m, p, 3) == 0)
            return m[3] - '0';
    return n >= 3 && strncasecmp(p, "m\xc3\xa4r", 4) == 0 ? 3 : 0;
}

/* "14:30" and "14:30:15" behind a date, a space or T in front. */
static bool read_clock(const char *p, int *second)
{
    unsigned h = 0, m = 0, s = 0;
    int used = 0;
    *second = -1;
    if (!*p)
        return true;
    p += *p == 'T' || *p == ' ';
    p += strspn(p, " ");
    if (sscanf(p, "%2u:%2u%n", &h, &m, &used) < 2)
        return false;
    p += used;
    if (*p == ':') {
        if (sscanf(p, ":%2u%n", &s, &used) < 1)
            return false;
        p += used;
        p += *p == '.' ? 1 + strspn(p + 1, "0123456789") : 0;
    }
    *second = (int)(h * 3600 + m * 60 + s);
    return !*p && h < 24 && m < 60 && s < 60;
}

/* The parts of a date as they stand: "2026-12-10", "10.12.26", "10 dec 2026". */
static bool read_parts(const char *p, struct date *d, enum kp_folder_dates order, char *mark)
{
    unsigned part[3];
    int digits[3];
    for (int i = 0; i < 3; i++) {
        char *end;
        size_t letters = strcspn(p, "-/. 0123456789");
        int named = i == 1 && letters ? month_named(p, letters) : 0;
        part[i] = named ? (unsigned)named : (unsigned)strtoul(p, &end, 10);
        digits[i] = named ? -1 : (int)(end - p);
        p = named ? p + letters : end;
        if (!digits[i] || digits[i] > 4)
            return false;
        if (i < 2 && (!*p || !strchr("-/. ", *p) || (i && *p != *mark)))
            return false;
        if (i < 2)
            *mark = *p++;
    }
    bool year_first = digits[0] == 4;
    bool month_first = digits[1] > 0 && order == KP_DATES_MDY;
    d->year = (int)(year_first ? part[0] : part[2]);
    d->month = (int)(year_first || !month_first ? part[1] : part[0]);
    d->day = (int)(year_first ? part[2] : month_first ? part[1] : part[0]);
    if (!year_first && digits[2] == 2)
        d->year += 2000;
    d->either = !year_first && digits[1] > 0;
    return (year_first || digits[2] == 4 || digits[2] == 2) && read_clock(p, &d->second);
}

/* "20261210" */
static bool read_packed(const char *p, struct date *d)
{
    if (strspn(p, "0123456789") != 8 || p[8])
        return false;
    unsigned long all = strtoul(p, NULL, 10);
    *d = (struct date){ .year = (int)(all / 10000),
                        .month = (int)(all / 100 % 100),
                        .day = (int)(all % 100),
                        .second = -1 };
    return d->year >= 1990 && d->year < 2100;
}

static bool exists(const struct date *d)
{
    static const int lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = (d->year % 4 == 0 && d->year % 100 != 0) || d->year % 400 == 0;
    return d->year >= 1970 && d->year < 2200 && d->month >= 1 && d->month <= 12 && d->day >= 1 &&
           d->day <= lengths[d->month - 1] + (leap && d->month == 2);
}

/* On the clock on the wall; without a time, when kp_due_parse says that the day is over. */
static int64_t instant(const struct date *d)
{
    struct tm t = { .tm_year = d->year - 1900,
                    .tm_mon = d->month - 1,
                    .tm_mday = d->day,
                    .tm_hour = d->second / 3600,
                    .tm_min = d->second / 60 % 60,
                    .tm_sec = d->second % 60,
                    .tm_isdst = -1 };
    char day[32];
    int64_t at = KP_NO_TIME;
    if (d->second >= 0)
        return (int64_t)mktime(&t) * KP_SECOND;
    snprintf(day, sizeof day, "%04d-%02d-%02d", d->year, d->month, d->day);
    kp_due_parse(day, &at);
    return at;
}

/* Days since 1899-12-30, as spreadsheets keep a date; the rest is the time of the day. */
static bool serial(const struct kp_sheet_style *s, const char *cell, struct date *d)
{
    double days;
    if (strspn(cell, "0123456789") < 5 || kp_sheet_number(s, cell, &days) || days < YEAR_2000 ||
        days >= YEAR_2100)
        return false;
    time_t midnight = (time_t)(floor(days) - EPOCH_SERIAL) * DAY_SECONDS;
    struct tm t;
    gmtime_r(&midnight, &t);
    *d = (struct date){ t.tm_year + 1900, t.tm_mon + 1, t.tm_mday, -1, false };
    if (days > floor(days))
        d->second = (int)llround((days - floor(days)) * DAY_SECONDS) % DAY_SECONDS;
    return true;
}

void kp_sheet_learn_date(struct kp_sheet_style *s, const char *cell)
{
    struct date d;
    char mark = 0;
    if (s->dates || !read_parts(cell, &d, KP_DATES_DMY, &mark) || !d.either)
        return;
    if (d.month > 12 && d.day <= 12)
        s->dates = KP_DATES_MDY;
    else if (d.day > 12 && d.month <= 12)
        s->dates = KP_DATES_DMY;
}

enum kp_sheet_cell kp_sheet_time(const struct kp_sheet_style *s, const char *cell, int64_t *out)
{
    struct date d;
    char mark = 0;
    if (kp_sheet_broken(cell))
        return KP_CELL_BROKEN;
    if (strlen(cell) >= 20 && kp_time_parse(cell, out)) /* with its offset */
        return KP_CELL_GOOD;
    if (!read_packed(cell, &d) && !serial(s, cell, &d)) {
        if (!read_parts(cell, &d, s->dates, &mark))
            return KP_CELL_WRONG;
        /* with points and dashes everyone writes the day first */
        if (d.either && !s->dates && mark == '/' && d.day <= 12 && d.day != d.month)
            return d.month <= 12 ? KP_CELL_AMBIGUOUS : KP_CELL_WRONG;
    }
    if (!exists(&d))
        return KP_CELL_WRONG;
    *out = instant(&d);
    return KP_CELL_GOOD;
}

/* ---- durations ---- */
/* "0:03:10" */
static bool read_hms(const char *cell, int64_t *out)
{
    unsigned h, m, s;
    int used = 0;
    if (sscanf(cell, "%4u:%2u:%2u%n", &h, &m, &s, &used) < 3 || cell[used] || m > 59 || s > 59)
        return false;
    *out = ((int64_t)h * 3600 + m * 60 + s) * KP_SECOND;
    return true;
}

enum kp_sheet_cell kp_sheet_duration(const struct kp_sheet_style *s, const char *cell, int64_t unit,
                                     int64_t *out)
{
    double d;
    if (read_hms(cell, out) ||
        (isalpha((unsigned char)cell[strlen(cell) - !!*cell]) && kp_duration_parse(cell, out)))
        return KP_CELL_GOOD;
    enum kp_sheet_cell said = kp_sheet_number(s, cell, &d);
    if (said || d < 0 || d > 1e6)
        return said ? said : KP_CELL_WRONG;
    if (!unit && d > 0)
        return KP_CELL_AMBIGUOUS;
    *out = (int64_t)llround(d * (double)unit);
    return KP_CELL_GOOD;
}
