/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a machine is out, and until when it may be. Only planned time counts against it: one that
 * is switched off for the weekend is not broken. */
#include "flex/capacity.h"

#include <stdlib.h>

#include "core/ban.h"

enum { BACK_DAYS = 14, PAST_DAYS = 180, REPAIRS = 50, REPAIRS_LEAST = 3, SHIFT_HOURS = 8 };
#define DAY (86400 * KP_SECOND)

static bool add_span(void *arg, const struct kp_span *s)
{
    *(int64_t *)arg += s->to - s->from;
    return true;
}

static bool is_down(const struct kp_stretch *s)
{
    return s->state == KP_STATE_STOPPED || s->state == KP_STATE_UNKNOWN;
}

/* Since when it stands or says nothing, up to now; now when it does neither. */
static int64_t down_since(const struct kp_stretch *list, size_t n, int64_t now, bool *offline)
{
    int64_t since = now;
    *offline = n && list[n - 1].to < now;
    if (*offline)
        since = list[n - 1].to;
    while (n && list[n - 1].to >= since && is_down(&list[n - 1])) {
        *offline |= list[n - 1].state == KP_STATE_UNKNOWN;
        since = list[--n].from;
    }
    return since;
}

static int by_length(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* The median of the last times it stood for longer than `grace`. */
static int64_t usual_repair(struct kp_db *db, kp_asset asset, int64_t grace, int64_t now, size_t *n,
                            struct kp_err *err)
{
    int64_t lengths[REPAIRS];
    struct kp_stmt *s = kp_db_prepare(
        db,
        "select \"end\" - start from interval where asset = ?1 and kind = 'state' and start > ?2 "
        "and \"end\" < ?3 and \"end\" - start > ?4 and json_extract(attributes, '$.state') = "
        "'stopped' order by start desc limit ?5",
        err);
    *n = 0;
    if (!s)
        return 0;
    kp_bind_int(s, 1, asset);
    kp_bind_int(s, 2, now - (int64_t)PAST_DAYS * DAY);
    kp_bind_int(s, 3, now);
    kp_bind_int(s, 4, grace);
    kp_bind_int(s, 5, REPAIRS);
    while (kp_step(s, err))
        lengths[(*n)++] = kp_column_int(s, 0);
    if (*n < REPAIRS_LEAST)
        *n = 0;
    qsort(lengths, *n, sizeof *lengths, by_length);
    return *n ? lengths[*n / 2] : 0;
}

struct finding_shift {
    int64_t now, until;
};

static bool take_shift(void *arg, const struct kp_span *s)
{
    struct finding_shift *f = arg;
    if (s->to <= f->now)
        return true;
    f->until = *s->name ? s->until : f->now + (int64_t)SHIFT_HOURS * 3600 * KP_SECOND;
    return false;
}

/* The end of the shift that runs, else of the next one. */
static int64_t shift_end(const struct kp_calendar *c, const char *path, int64_t now)
{
    struct finding_shift f = { now, now };
    kp_calendar_spans(c, path, now, now + (int64_t)BACK_DAYS * DAY, take_shift, &f);
    return f.until;
}

static void judge(struct kp_db *db, const struct shop_rules *rules, const struct shop_machine *m,
                  int64_t now, struct kp_arena *arena, struct outage *out, struct kp_err *err)
{
    struct kp_stretch *list;
    size_t n;
    int64_t planned = 0, from = now - (int64_t)BACK_DAYS * DAY, grace = rules->settings.grace;
    if (kp_stretches(db, m->id, from, now, now, arena, &list, &n, err))
        return;
    int64_t since = down_since(list, n, now, &out->offline);
    kp_calendar_spans(&rules->calendar, m->path, since, now, add_span, &planned);
    if (planned <= grace)
        return;
    int64_t usual = usual_repair(db, m->id, grace, now, &out->repairs, err);
    out->since = since;
    out->until = since + usual;
    if (out->until <= now) { /* it takes longer than it used to */
        out->repairs = 0;
        out->until = shift_end(&rules->calendar, m->path, now);
    }
}

enum kp_code machine_outage(struct kp_shop *s, const struct shop_rules *rules,
                            const struct shop_machine *m, int64_t now, struct outage *out,
                            struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    *out = (struct outage){ 0 };
    struct kp_db *db = kp_store_reader(s->store, err);
    if (db) {
        judge(db, rules, m, now, &arena, out, err);
        kp_store_reader_done(s->store, db);
    }
    kp_arena_free(&arena);
    return err->code;
}
