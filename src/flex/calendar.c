/* SPDX-License-Identifier: Apache-2.0 */
#include "flex/calendar.h"

#include "net/json_members.h"
#include "net/json_memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"

#include "core/ban.h"

enum { PLACE = 60 };
static const char *const day_names[] = { "mon", "tue", "wed", "thu", "fri", "sat", "sun" };

/* ---- reading ---- */
static int day_number(const char *text, size_t n)
{
    for (int i = 0; i < 7; i++)
        if (n == 3 && memcmp(text, day_names[i], 3) == 0)
            return i;
    return -1;
}

bool kp_days_read(const char *text, uint8_t *days)
{
    *days = text ? 0 : 127;
    while (text) {
        size_t n = strcspn(text, ",");
        const char *dash = memchr(text, '-', n);
        int from = day_number(text, dash ? (size_t)(dash - text) : n),
            to = dash ? day_number(dash + 1, n - (size_t)(dash + 1 - text)) : from;
        if (from < 0 || to < 0)
            return false;
        for (int i = from;; i = (i + 1) % 7) {
            *days |= (uint8_t)(1u << i);
            if (i == to)
                break;
        }
        text = text[n] ? text + n + 1 : NULL;
    }
    return true;
}

/* "2026-12-25" as 20261225, a day that there is. */
static bool read_date(const char *text, int32_t *day)
{
    int64_t at;
    struct tm tm;
    if (strlen(text) != 10 || text[4] != '-' || !kp_time_parse(text, &at))
        return false;
    time_t s = (time_t)(at / KP_SECOND);
    if (!gmtime_r(&s, &tm))
        return false;
    *day = (tm.tm_year + 1900) * 10000 + (tm.tm_mon + 1) * 100 + tm.tm_mday;
    return true;
}

static enum kp_code read_shift(const json_t *o, const char *where, struct kp_shift *s,
                               struct kp_err *err)
{
    static const char *const known[] = { "name", "days", "from", "to", NULL };
    const char *days, *from, *to;
    if (kp_members_known(o, where, known, err) ||
        kp_member_text(o, where, "name", true, &s->name, err) ||
        kp_member_text(o, where, "days", false, &days, err) ||
        kp_member_text(o, where, "from", true, &from, err) ||
        kp_member_text(o, where, "to", true, &to, err) ||
        kp_member_minute(o, where, "from", &s->from, err) ||
        kp_member_minute(o, where, "to", &s->to, err))
        return err->code;
    if (strlen(s->name) >= KP_NAME_MAX)
        return kp_fail(err, KP_EINVALID, "%s.name: longer than %d bytes", where, KP_NAME_MAX - 1);
    if (!kp_days_read(days, &s->days))
        return kp_fail(err, KP_EINVALID,
                       "%s.days: '%.40s' is not like mon-fri or mon,wed,sat (mon, tue, wed, thu, "
                       "fri, sat, sun)",
                       where, days);
    if (s->from == s->to)
        return kp_fail(err, KP_EINVALID,
                       "%s: the shift '%.40s' ends when it begins; a whole day is 00:00 to 24:00",
                       where, s->name);
    if (s->from == 1440)
        return kp_fail(err, KP_EINVALID, "%s.from: a shift begins at 00:00, not at 24:00", where);
    return KP_OK;
}

static enum kp_code read_plan(const json_t *o, const char *where, struct kp_calendar *c,
                              size_t *holidays, struct kp_err *err)
{
    static const char *const known[] = { "match", "shifts", "holidays", NULL };
    struct kp_plan_of_shifts *p = &c->plans[c->n_plans++];
    const json_t *shifts, *dates;
    if (kp_members_known(o, where, known, err) ||
        kp_member_pattern(o, where, "match", &p->match, err) ||
        kp_member_list(o, where, "shifts", KP_SHIFTS_MAX, &shifts, err) ||
        kp_member_list(o, where, "holidays", KP_HOLIDAYS_MAX, &dates, err))
        return err->code;
    for (size_t i = 0; i < json_array_size(shifts) && !err->code; i++) {
        char place[PLACE + 20];
        snprintf(place, sizeof place, "%s.shifts[%zu]", where, i);
        read_shift(json_array_get(shifts, i), place, &p->shifts[p->n_shifts++], err);
    }
    p->holidays = c->holidays + *holidays;
    for (size_t i = 0; i < json_array_size(dates) && !err->code; i++) {
        const char *text = json_string_value(json_array_get(dates, i));
        if (!text || !read_date(text, &p->holidays[i].day))
            return kp_fail(err, KP_EINVALID,
                           "%s.holidays[%zu]: '%.40s' is not a date such as 2026-12-25", where, i,
                           text ? text : "");
        p->n_holidays++;
    }
    *holidays += p->n_holidays;
    return err->code;
}

static enum kp_code read_maintenance(const json_t *o, const char *where, struct kp_maintenance *m,
                                     struct kp_err *err)
{
    static const char *const known[] = { "match", "from", "to", "text", NULL };
    const char *from, *to, *text;
    if (kp_members_known(o, where, known, err) ||
        kp_member_pattern(o, where, "match", &m->match, err) ||
        kp_member_text(o, where, "from", true, &from, err) ||
        kp_member_text(o, where, "to", true, &to, err) ||
        kp_member_text(o, where, "text", false, &text, err))
        return err->code;
    if (!kp_time_parse(from, &m->from))
        return kp_fail(err, KP_EINVALID,
                       "%s.from: '%.40s' is not a time such as 2026-12-01T08:00:00+01:00", where,
                       from);
    if (!kp_time_parse(to, &m->to))
        return kp_fail(err, KP_EINVALID,
                       "%s.to: '%.40s' is not a time such as 2026-12-01T12:00:00+01:00", where, to);
    return m->from < m->to ? KP_OK : kp_fail(err, KP_EINVALID, "%s: ends before it begins", where);
}

static size_t count_holidays(const json_t *plans)
{
    size_t n = 0;
    for (size_t i = 0; i < json_array_size(plans); i++)
        n += json_array_size(json_object_get(json_array_get(plans, i), "holidays"));
    return n;
}

static enum kp_code read_all(struct kp_calendar *c, struct kp_err *err)
{
    static const char *const known[] = { "plans", "maintenance", NULL };
    const json_t *plans, *list;
    size_t holidays = 0;
    if (kp_members_known(c->document, "calendar", known, err) ||
        kp_member_list(c->document, "calendar", "plans", KP_PLANS_MAX, &plans, err) ||
        kp_member_list(c->document, "calendar", "maintenance", KP_MAINTENANCE_MAX, &list, err))
        return err->code;
    c->plans = kp_alloc((json_array_size(plans) + 1) * sizeof *c->plans);
    c->maintenance = kp_alloc((json_array_size(list) + 1) * sizeof *c->maintenance);
    c->holidays = kp_alloc((count_holidays(plans) + 1) * sizeof *c->holidays);
    if (!c->plans || !c->maintenance || !c->holidays)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    char where[PLACE];
    for (size_t i = 0; i < json_array_size(plans) && !err->code; i++) {
        snprintf(where, sizeof where, "plans[%zu]", i);
        read_plan(json_array_get(plans, i), where, c, &holidays, err);
    }
    for (size_t i = 0; i < json_array_size(list) && !err->code; i++) {
        snprintf(where, sizeof where, "maintenance[%zu]", i);
        read_maintenance(json_array_get(list, i), where, &c->maintenance[c->n_maintenance++], err);
    }
    return err->code;
}

enum kp_code kp_calendar_parse(const char *json, struct kp_calendar *c, struct kp_err *err)
{
    json_error_t e;
    *c = (struct kp_calendar){ 0 };
    c->document = kp_json_load(json, strlen(json), JSON_REJECT_DUPLICATES, &e);
    if (!c->document)
        return kp_json_starved()
                   ? kp_fail(err, KP_ENOMEM, "out of memory")
                   : kp_fail(err, KP_EPARSE, "calendar: line %d: %.120s", e.line, e.text);
    return read_all(c, err);
}

void kp_calendar_free(struct kp_calendar *c)
{
    json_decref(c->document);
    kp_free(c->plans);
    kp_free(c->maintenance);
    kp_free(c->holidays);
    *c = (struct kp_calendar){ 0 };
}

/* ---- days by the clock on the wall ---- */
/* A minute of a local day. Where the clock jumps over it, the instant of the jump or after. */
static int64_t instant(const struct tm *day, int days_on, unsigned minute)
{
    struct tm tm = { .tm_year = day->tm_year,
                     .tm_mon = day->tm_mon,
                     .tm_mday = day->tm_mday + days_on,
                     .tm_hour = (int)(minute / 60),
                     .tm_min = (int)(minute % 60),
                     .tm_isdst = -1 };
    return (int64_t)mktime(&tm) * KP_SECOND;
}

int64_t kp_day_start(int64_t at)
{
    struct tm tm;
    return kp_time_local(at, &tm) ? instant(&tm, 0, 0) : at;
}

int64_t kp_day_after(int64_t start)
{
    struct tm tm;
    return kp_time_local(start, &tm) ? instant(&tm, 1, 0) : start + 86400 * KP_SECOND;
}

int64_t kp_day_minute(int64_t start, unsigned minute)
{
    struct tm tm;
    return kp_time_local(start, &tm) ? instant(&tm, 0, minute) : start + minute * 60 * KP_SECOND;
}

/* ---- spans ---- */
size_t kp_pattern_weight(const char *pattern)
{
    size_t n = 0;
    for (; *pattern; pattern++)
        n += *pattern != '*' && *pattern != '?';
    return n;
}

static const struct kp_plan_of_shifts *plan_of(const struct kp_calendar *c, const char *path)
{
    const struct kp_plan_of_shifts *best = NULL;
    for (size_t i = 0; i < c->n_plans; i++) {
        const struct kp_plan_of_shifts *p = &c->plans[i];
        if (kp_pattern_match(p->match, path) &&
            (!best || kp_pattern_weight(p->match) >= kp_pattern_weight(best->match)))
            best = p;
    }
    return best;
}

bool kp_calendar_covers(const struct kp_calendar *c, const char *path)
{
    return plan_of(c, path) != NULL;
}

struct walk {
    const struct kp_calendar *c;
    const char *path;
    int64_t from, to, at; /* at: what was told reaches to there */
    bool (*each)(void *, const struct kp_span *);
    void *arg;
    bool stopped;
};

/* The maintenance that begins next behind `at` or goes on there; false: none before `end`. */
static bool next_maintenance(const struct walk *w, int64_t at, int64_t end, int64_t *from,
                             int64_t *to)
{
    bool found = false;
    for (size_t i = 0; i < w->c->n_maintenance; i++) {
        const struct kp_maintenance *m = &w->c->maintenance[i];
        if (m->to <= at || m->from >= end || (found && m->from >= *from) ||
            !kp_pattern_match(m->match, w->path))
            continue;
        *from = m->from;
        *to = m->to;
        found = true;
    }
    return found;
}

/* Tells a shift, or what is left of it between others, what was asked and maintenance. */
static void tell(struct walk *w, int64_t shift, int64_t until, const char *name)
{
    int64_t at = shift > w->at ? shift : w->at, end = until < w->to ? until : w->to;
    while (at < end && !w->stopped) {
        int64_t from, to;
        bool cut = next_maintenance(w, at, end, &from, &to);
        struct kp_span s = { at, cut ? from : end, shift, until, name };
        if (s.to > s.from)
            w->stopped = !w->each(w->arg, &s);
        at = cut ? to : end;
    }
    if (end > w->at)
        w->at = end;
}

static bool is_holiday(const struct kp_plan_of_shifts *p, const struct tm *tm)
{
    int32_t day = (tm->tm_year + 1900) * 10000 + (tm->tm_mon + 1) * 100 + tm->tm_mday;
    for (size_t i = 0; i < p->n_holidays; i++)
        if (p->holidays[i].day == day)
            return true;
    return false;
}

bool kp_calendar_off(const struct kp_calendar *c, const char *path, const struct tm *day)
{
    const struct kp_plan_of_shifts *p = plan_of(c, path);
    return p && is_holiday(p, day);
}

int kp_calendar_rest(const struct kp_calendar *c, const char *path)
{
    const struct kp_plan_of_shifts *p = plan_of(c, path);
    unsigned worked = 0;
    int day = p ? 6 : -1;
    for (size_t i = 0; p && i < p->n_shifts; i++)
        worked |= p->shifts[i].days;
    while (day >= 0 && worked >> day & 1)
        day--;
    return day;
}

/* The shifts of one day, in order of their start. */
static void tell_day(struct walk *w, const struct kp_plan_of_shifts *p, int64_t day)
{
    struct tm tm;
    if (!kp_time_local(day, &tm) || is_holiday(p, &tm))
        return;
    unsigned weekday = (unsigned)(tm.tm_wday + 6) % 7;
    uint32_t told = 0;
    for (size_t n = 0; n < p->n_shifts; n++) {
        size_t first = KP_SHIFTS_MAX;
        for (size_t i = 0; i < p->n_shifts; i++)
            if (!(told >> i & 1) &&
                (first == KP_SHIFTS_MAX || p->shifts[i].from < p->shifts[first].from))
                first = i;
        const struct kp_shift *s = &p->shifts[first];
        told |= UINT32_C(1) << first;
        if (s->days >> weekday & 1)
            tell(w, instant(&tm, 0, s->from), instant(&tm, s->to <= s->from, s->to), s->name);
    }
}

void kp_calendar_spans(const struct kp_calendar *c, const char *path, int64_t from, int64_t to,
                       bool (*each)(void *, const struct kp_span *), void *arg)
{
    struct walk w = { c, path, from, to, from, each, arg, false };
    const struct kp_plan_of_shifts *p = plan_of(c, path);
    if (!p) {
        tell(&w, from, to, "");
        return;
    }
    /* a shift of the day before may reach into the first day */
    int64_t day = kp_day_start(kp_day_start(from) - 3600 * KP_SECOND);
    while (day < to && !w.stopped) {
        tell_day(&w, p, day);
        int64_t next = kp_day_after(day);
        day = next > day ? next : day + 86400 * KP_SECOND;
    }
}
