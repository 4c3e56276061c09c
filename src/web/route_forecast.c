/* SPDX-License-Identifier: Apache-2.0 */
/* What a signal will do next (watch/outlook.h), from up to twelve weeks of its history in even
 * steps on the clock on the wall of the node. */
#include "flex/shop.h"
#include "store/history.h"
#include "watch/outlook.h"
#include "web/routes.h"

#include <math.h>
#include <string.h>

#include "core/ban.h"

enum { ANCESTORS = 64, BELOW = 64, DAY_S = 86400, WEEKS = 12 };
static const double in_band = 0.8;

struct forecast {
    struct kp_request *r;
    kp_signal id;
    bool counts, words; /* words: it has no numbers */
    bool total;         /* how much comes from now on: of a counter what it adds, else value x hours */
    kp_asset above[ANCESTORS];
    size_t n_above;
    const char *place[ANCESTORS + BELOW]; /* paths: its asset, those above it, then machines below its asset */
    size_t n_places;
    int rest; /* their day of rest, 0 = Monday; -1: they have none */
    int64_t from, step, until; /* ns: of what is known; until: where the first step ahead begins */
    size_t n, ahead, day;
    double *known, *level; /* level: what a counter showed at the end of a step; both held on */
    uint16_t *slot;
    struct kp_outlook_step *said;
};

static struct kp_model *model(const struct kp_request *r)
{
    return kp_hub_model(kp_node_hub(r->node));
}

/* ---- what is asked ---- */
static bool counter(const char *role)
{
    static const char *const roles[] = { "energy", "part-count", "good-count", "scrap-count" };
    for (size_t i = 0; role && i < sizeof roles / sizeof roles[0]; i++)
        if (strcmp(role, roles[i]) == 0)
            return true;
    return false;
}

static void add_place(struct forecast *f, kp_asset a)
{
    char path[KP_PATH_MAX];
    kp_model_asset_path(model(f->r), a, path, sizeof path);
    f->place[f->n_places] = kp_arena_strdup(&f->r->arena, path);
    f->n_places += f->place[f->n_places] != NULL;
}

static void add_machines(struct forecast *f, kp_asset at)
{
    const kp_asset *below;
    size_t n = kp_model_child_assets(model(f->r), at, &below);
    for (size_t i = 0; i < n && f->n_places < ANCESTORS + BELOW; i++)
        if (kp_model_asset(model(f->r), below[i])->kind == KP_MACHINE)
            add_place(f, below[i]);
        else
            add_machines(f, below[i]);
}

static enum kp_code find_signal(struct forecast *f, const char *path, struct kp_err *err)
{
    struct kp_model *m = model(f->r);
    kp_model_lock(m);
    f->id = kp_model_find_signal(m, path);
    if (kp_gate_signal(m, f->r->to, f->id)) {
        const struct kp_signal_info *info = kp_model_signal(m, f->id);
        f->counts = counter(info->role);
        f->words = info->enums || info->type == KP_BOOL || info->type > KP_DOUBLE || (info->role && strcmp(info->role, "state") == 0);
        for (kp_asset a = info->asset; a && f->n_above < ANCESTORS; a = kp_model_asset(m, a)->parent)
            f->above[f->n_above++] = a;
        for (size_t i = 0; i < f->n_above; i++)
            add_place(f, f->above[i]);
        add_machines(f, info->asset);
    } else
        kp_fail(err, KP_ENOTFOUND, "there is no signal '%.160s'", path);
    kp_model_unlock(m);
    return err->code;
}

static enum kp_code read_steps(struct forecast *f, struct kp_err *err)
{
    const struct kp_arg *step = kp_arg_get(f->r, "step");
    int64_t horizon = kp_arg_int(f->r, "horizon"), day = DAY_S * KP_SECOND;
    f->step = step->given ? step->number : (horizon <= day / 3 ? 300 : horizon <= 2 * day ? 900 : 3600) * KP_SECOND;
    if (f->step % KP_SECOND || day % f->step)
        return kp_fail(err, KP_EINVALID, "step: take a part of a day, such as 5m, 15m, 1h or 6h");
    f->day = (size_t)(day / f->step);
    f->until = f->r->now - f->r->now % f->step;
    f->ahead = (size_t)((f->r->now + horizon - f->until + f->step - 1) / f->step);
    if (f->ahead > KP_OUTLOOK_AHEAD)
        return kp_fail(err, KP_EINVALID, "horizon holds more than %d steps of this length: take a longer step", KP_OUTLOOK_AHEAD);
    return KP_OK;
}

/* ---- what is known ---- */
/* Whose plan counts: of the nearest asset that has one, else of the machines below. */
static void choose_places(struct forecast *f, const struct kp_calendar *c)
{
    size_t kept = 0;
    f->rest = -1;
    for (size_t i = 0; i < f->n_places; i++) {
        if (!kp_calendar_covers(c, f->place[i]))
            continue;
        f->rest = f->rest < 0 ? kp_calendar_rest(c, f->place[i]) : f->rest;
        f->place[kept++] = f->place[i];
        if (i < f->n_above)
            break;
    }
    f->n_places = kept;
}

static bool is_off(const struct forecast *f, const struct kp_calendar *c, const struct tm *day)
{
    bool off = f->rest >= 0;
    for (size_t i = 0; i < f->n_places && off; i++)
        off = kp_calendar_off(c, f->place[i], day);
    return off;
}

/* Which step of the week each is. A day off is one of rest, whichever day of the week it is. */
static enum kp_code find_slots(struct forecast *f, struct kp_err *err)
{
    struct kp_calendar c;
    size_t weekday = 0;
    int day = -1;
    if (!kp_shop_calendar(kp_node_shop(f->r->node), &c, err))
        choose_places(f, &c);
    for (size_t i = 0; i < f->n + f->ahead && !err->code; i++) {
        struct tm at;
        kp_time_local(f->from + (int64_t)i * f->step, &at);
        if (at.tm_mday != day)
            weekday = (size_t)(is_off(f, &c, &at) ? f->rest : (at.tm_wday + 6) % 7);
        day = at.tm_mday;
        int seconds = (at.tm_hour * 60 + at.tm_min) * 60 + (at.tm_sec < 60 ? at.tm_sec : 59);
        f->slot[i] = (uint16_t)(weekday * f->day + (size_t)(seconds / (f->step / KP_SECOND)));
    }
    kp_calendar_free(&c);
    return err->code;
}

static enum kp_code make_room(struct forecast *f, struct kp_err *err)
{
    int64_t first = f->until - (int64_t)WEEKS * 7 * DAY_S * KP_SECOND;
    f->from = f->from > first ? f->from - f->from % f->step : first;
    f->n = f->from < f->until ? (size_t)((f->until - f->from) / f->step) : 0;
    size_t all = f->n + f->ahead;
    f->known = kp_arena_alloc(&f->r->arena, (f->n + 1) * sizeof *f->known);
    f->level = kp_arena_alloc(&f->r->arena, (f->n + 1) * sizeof *f->level);
    f->slot = kp_arena_alloc(&f->r->arena, all * sizeof *f->slot);
    f->said = kp_arena_alloc(&f->r->arena, f->ahead * sizeof *f->said);
    if (!f->known || !f->level || !f->slot || !f->said)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    for (size_t i = 0; i < f->n; i++)
        f->known[i] = f->level[i] = INFINITY; /* nothing came */
    return find_slots(f, err);
}

static bool take_bucket(void *arg, const struct kp_bucket *b)
{
    struct forecast *f = arg;
    size_t i = (size_t)((b->from - f->from) / f->step);
    if (b->from < f->from || i >= f->n)
        return !f->r->gone;
    f->known[i] = b->good_ns >= f->step / 2 ? b->time_mean : NAN;
    f->level[i] = b->points.held == KP_HELD_NUMBER ? b->points.last : NAN; /* what it leaves behind */
    return !f->r->gone;
}

/* A silent step in which history is missing is not known; what a signal showed before does not hold through it. */
static bool take_gap(void *arg, const struct kp_interval *v)
{
    struct forecast *f = arg;
    bool mine = false;
    for (size_t k = 0; k < f->n_above; k++)
        mine = mine || f->above[k] == v->asset;
    if (!mine && v->asset)
        return !f->r->gone;
    int64_t from = v->start < f->from ? f->from : v->start, to = v->end > f->until ? f->until : v->end;
    for (int64_t at = from - (from - f->from) % f->step; at < to; at += f->step) {
        size_t i = (size_t)((at - f->from) / f->step);
        if (isinf(f->known[i]))
            f->known[i] = f->level[i] = NAN;
    }
    return !f->r->gone;
}

/* Where nothing came the value before holds. */
static void hold(struct forecast *f)
{
    double held = NAN;
    for (size_t i = 0; i < f->n; i++) {
        if (isinf(f->known[i]))
            f->known[i] = f->level[i] = held;
        held = f->level[i];
    }
}

/* Of a counter, what was added; one that begins anew adds what it shows. */
static void differ(struct forecast *f)
{
    double before = NAN;
    for (size_t i = 0; i < f->n; i++) {
        double now = f->level[i];
        f->known[i] = now >= before ? now - before : now >= 0 && before > now ? now : NAN;
        before = now;
    }
}

static enum kp_code read_known(struct forecast *f, struct kp_err *err)
{
    struct kp_db *db = kp_store_reader(kp_node_store(f->r->node), err);
    int64_t last;
    if (!db)
        return err->code;
    if (!kp_history_extent(db, f->id, &f->from, &last, err))
        f->from = f->until;
    if (!err->code && !make_room(f, err) && f->n &&
        !kp_history_aggregate(db, f->id, f->from, f->until, f->step, take_bucket, f, err))
        kp_history_intervals(db, -1, KP_INTERVAL_GAP, f->from, f->until, take_gap, f, err);
    kp_store_reader_done(kp_node_store(f->r->node), db);
    if (err->code)
        return err->code;
    hold(f);
    if (f->counts)
        differ(f);
    for (size_t i = 0; f->total && !f->counts && i < f->n; i++)
        f->known[i] *= 24.0 / (double)f->day;
    return KP_OK;
}

/* ---- the reply ---- */
/* Why there is none: "words", "short" (with how many days it takes and there are), or NULL. */
static const char *make(struct forecast *f, double *needs, double *has, struct kp_err *err)
{
    size_t known = 0;
    for (size_t i = 0; i < f->n; i++)
        known += isfinite(f->known[i]);
    *needs = (double)kp_outlook_needs(f->day, f->ahead) / (double)f->day;
    *has = (double)known / (double)f->day;
    struct kp_outlook_ask ask = { .n = f->n, .ahead = f->ahead, .day = f->day, .known = f->known, .slot = f->slot,
                                   .share = in_band, .adds = f->counts || f->total };
    if (f->words)
        return "words";
    if (kp_outlook_make(&ask, f->said, err) != KP_ENOTFOUND)
        return NULL;
    *err = (struct kp_err){ 0 };
    return "short";
}

static void put_steps(struct forecast *f, struct kp_json *j)
{
    double level = 0; /* of a counter, when it was heard last */
    for (size_t i = f->n; f->counts && !f->total && i-- > 0;)
        if (isfinite(f->level[i])) {
            level = f->level[i];
            break;
        }
    for (size_t k = 0; k < f->ahead; k++) {
        int64_t from = f->until + (int64_t)k * f->step;
        kp_json_begin(j, '{');
        kp_json_put_time(j, "from", from);
        kp_json_put_time(j, "to", from + f->step);
        kp_json_key(j, "value");
        kp_json_double(j, level + f->said[k].value);
        kp_json_key(j, "low");
        kp_json_double(j, level + f->said[k].low);
        kp_json_key(j, "high");
        kp_json_double(j, level + f->said[k].high);
        kp_json_end(j, '}');
    }
}

enum kp_code kp_route_forecast(struct kp_request *r, struct kp_err *err)
{
    struct forecast f = { .r = r, .total = kp_arg_int(r, "total") };
    double needs, has;
    if (find_signal(&f, kp_arg_text(r, "path"), err) || read_steps(&f, err) || read_known(&f, err))
        return err->code;
    const char *why = make(&f, &needs, &has, err);
    if (err->code)
        return err->code;
    struct kp_json j = kp_reply_json(r);
    kp_json_begin(&j, '{');
    kp_json_put_text(&j, "path", kp_arg_text(r, "path"));
    kp_json_put_int(&j, "id", f.id);
    kp_json_put_int(&j, "stepMs", f.step / KP_MILLISECOND);
    kp_json_put_bool(&j, "counter", f.counts);
    kp_json_key(&j, "share");
    kp_json_double(&j, in_band);
    kp_json_put_text(&j, "missing", why);
    kp_json_key(&j, "needsDays");
    kp_json_double(&j, needs);
    kp_json_key(&j, "hasDays");
    kp_json_double(&j, has);
    kp_json_key(&j, "steps");
    kp_json_begin(&j, '[');
    if (!why)
        put_steps(&f, &j);
    kp_json_end(&j, ']');
    kp_json_end(&j, '}');
    return KP_OK;
}
