/* SPDX-License-Identifier: Apache-2.0 */
/* What the daily mail says. */
#include "flex/page.h"
#include "gate/tlp.h"
#include "net/json_memory.h"
#include "shield/daily.h"
#include "shield/finding_show.h"
#include "shield/incident_keep.h"
#include "shield/settings.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { LISTED = 25, DO = 400 };

struct telling {
    struct kp_pen pen;
    struct kp_shield *s;
    struct kp_db *db;
    int64_t since, until;
    size_t findings, hits, firmware, clocks;
    struct kp_page_block *block; /* being filled */
    size_t room, more;           /* more: beyond those listed */
};
#define IN(t, en, nl) KP_IN(&(t)->pen, en, nl)
#define SAY(t, ...)   kp_pen_say(&(t)->pen, __VA_ARGS__)

static bool in_time(const struct telling *t, int64_t at)
{
    return at > t->since && at <= t->until;
}

struct head {
    const char *text;
    unsigned width;
};

/* A table that rows come into as they are found; an empty one is taken back by end_table. */
static void begin_table(struct telling *t, const char *title, const struct head *heads)
{
    t->block = kp_pen_block(&t->pen, KP_BLOCK_TABLE, title, LISTED);
    t->more = 0;
    for (; t->block && heads->text; heads++)
        kp_page_words_column(t->block, heads->text, heads->width);
    if (t->block) {
        t->block->n = 0;
        t->block->wraps = true;
    }
}

/* NULL: it is only counted. */
static const char **row(struct telling *t)
{
    if (!t->block || t->block->n == LISTED) {
        t->more++;
        return NULL;
    }
    struct kp_page_row *r = &t->block->rows[t->block->n++];
    r->bar = NAN;
    return r->cell;
}

static size_t end_table(struct telling *t)
{
    size_t n = t->block ? t->block->n : 0;
    if (t->block && !n)
        t->pen.page->n--;
    if (t->more && n)
        kp_pen_words(&t->pen, NULL, SAY(t, IN(t, "And %zu more.", "En nog %zu."), t->more));
    return n + t->more;
}

/* ---- findings ---- */
/* The first thing that the advisory says to do. */
static const char *advice(struct telling *t, const char *holes)
{
    json_t *o = kp_json_load(holes, strlen(holes), 0, NULL);
    const json_t *first = json_array_get(json_object_get(o, "do"), 0);
    const char *text = json_string_value(json_object_get(first, "text"));
    const char *out = text ? SAY(t, "%.*s%s", DO, text, strlen(text) > DO ? "\u2026" : "") : KP_NOT_KNOWN;
    json_decref(o);
    return out;
}

static const char *urgency(struct telling *t, int priority)
{
    static const char *const words[][2] = {
        { "urgent", "dringend" }, { "high", "hoog" }, { "medium", "gemiddeld" }, { "low", "laag" }
    };
    const char *word = urgency_word(priority);
    for (int i = 0; i < 4; i++)
        if (strcmp(words[i][0], word) == 0)
            return words[i][t->pen.dutch];
    return word;
}

static void put_findings(struct telling *t)
{
    struct showing w = { .s = t->s, .db = t->db, .to = KP_TO_COMPANY, .q = { .state = "open" } };
    const struct head heads[] = { { IN(t, "Device", "Apparaat"), 24 }, { IN(t, "Warning", "Waarschuwing"), 30 },
                                  { IN(t, "Urgency", "Urgentie"), 12 }, { IN(t, "What to do", "Wat te doen"), 34 }, { 0 } };
    if (showing_read(&w, t->pen.err)) {
        showing_free(&w);
        return;
    }
    begin_table(t, IN(t, "New holes in our own devices", "Nieuwe lekken in onze eigen apparaten"), heads);
    for (size_t i = 0; i < w.n; i++) {
        const struct line *l = &w.lines[i];
        bool sure = l->verdict == KP_AFFECTED || (l->answer && strcmp(l->answer, "affected") == 0);
        const char **cell = in_time(t, l->made) || in_time(t, l->changed) ? row(t) : NULL;
        if (!cell)
            continue;
        cell[0] = SAY(t, "%s%s%s", l->name, l->firmware ? ", " : "", l->firmware ? l->firmware : "");
        cell[1] = SAY(t, "%s: %s", l->advisory, l->title);
        cell[2] = SAY(t, "%s%s", urgency(t, l->urgency.priority),
                      sure ? "" : IN(t, ", have a look", ", kijk ernaar"));
        cell[3] = advice(t, l->holes);
    }
    t->findings = end_table(t);
    showing_free(&w);
}

/* ---- indicators that were met ---- */
static bool asset_may_go(struct telling *t, kp_asset asset)
{
    kp_model_lock(t->s->model);
    bool may = asset && kp_model_asset(t->s->model, asset) ? kp_gate_asset(t->s->model, KP_TO_COMPANY, asset)
                                                           : kp_gate_label(KP_TO_COMPANY, KP_INTERNAL);
    kp_model_unlock(t->s->model);
    return may;
}

static void put_hits(struct telling *t)
{
    const struct head heads[] = { { IN(t, "What others warn of", "Waar anderen voor waarschuwen"), 36 },
                                  { IN(t, "What was seen", "Wat er gezien is"), 40 },
                                  { IN(t, "When", "Wanneer"), 24 }, { 0 } };
    struct kp_stmt *s = t->pen.err->code ? NULL
                                         : kp_db_prepare(t->db,
                                                         "select name, what, last, tlp, asset from stix_hit where last > ?1"
                                                         " and last <= ?2 and not ignored order by last desc",
                                                         t->pen.err);
    if (!s)
        return;
    kp_bind_int(s, 1, t->since);
    kp_bind_int(s, 2, t->until);
    begin_table(t, IN(t, "Indicators that were met here", "Indicatoren die hier gezien zijn"), heads);
    while (kp_step(s, t->pen.err)) {
        const char **cell = row(t);
        if (!cell)
            continue;
        bool name = kp_gate_tlp(KP_TO_COMPANY, (enum kp_tlp)kp_column_int(s, 3), false),
             what = name && asset_may_go(t, (kp_asset)kp_column_int(s, 4));
        cell[0] = name ? SAY(t, "%s", kp_column_text(s, 0)) : IN(t, "may not be named in a mail", "mag niet in een mail staan");
        cell[1] = what ? SAY(t, "%s", kp_column_text(s, 1)) : IN(t, "look at this node", "kijk op deze node");
        cell[2] = kp_pen_instant(&t->pen, kp_column_int(s, 2));
    }
    t->hits = end_table(t);
}

/* ---- firmware ---- */
static void put_firmware(struct telling *t)
{
    const struct head heads[] = { { IN(t, "Device", "Apparaat"), 40 }, { IN(t, "Was", "Was"), 20 },
                                  { IN(t, "Is", "Is"), 20 }, { IN(t, "When", "Wanneer"), 20 }, { 0 } };
    struct kp_arena arena = { 0 };
    struct device_row *device;
    size_t n;
    struct kp_stmt *s = t->pen.err->code ? NULL
                                         : kp_db_prepare(t->db,
                                                         "select device, old, new, at from device_version where at > ?1 and at <= ?2"
                                                         " and not expected and seen is null order by id desc limit 1000",
                                                         t->pen.err);
    if (!s)
        return;
    kp_bind_int(s, 1, t->since);
    kp_bind_int(s, 2, t->until);
    begin_table(t, IN(t, "Firmware that changed, and nobody announced it", "Firmware die onaangekondigd veranderde"), heads);
    while (kp_step(s, t->pen.err) && !device_rows(t->db, kp_column_int(s, 0), &arena, &device, &n, t->pen.err)) {
        kp_model_lock(t->s->model);
        bool may = device_may_go(t->s->model, KP_TO_COMPANY, device);
        kp_model_unlock(t->s->model);
        const char **cell = may ? row(t) : NULL, *old = kp_column_text(s, 1), *new = kp_column_text(s, 2);
        if (!cell)
            continue;
        cell[0] = SAY(t, "%s", device->name);
        cell[1] = SAY(t, "%s", old ? old : KP_NOT_KNOWN);
        cell[2] = SAY(t, "%s", new ? new : KP_NOT_KNOWN);
        cell[3] = kp_pen_moment(&t->pen, kp_column_int(s, 3));
    }
    kp_reset(s);
    t->firmware = end_table(t);
    kp_arena_free(&arena);
}

/* ---- incidents ---- */
static bool put_clock(void *arg, struct incident *in)
{
    struct telling *t = arg;
    const struct incident_clock *c = incident_next(in->clocks, in->n_clocks);
    bool may;
    if (!c || (c->state != CLOCK_SOON && c->state != CLOCK_OVERDUE))
        return true;
    const char **cell = row(t);
    if (!cell || incident_may_go(t->s, t->db, KP_TO_COMPANY, in->id, &may, t->pen.err))
        return !t->pen.err->code;
    cell[0] = may ? SAY(t, "%lld: %s", (long long)in->id, in->text[TEXT_TITLE]) : SAY(t, "%lld", (long long)in->id);
    cell[1] = SAY(t, "%s (%s)", incident_stage_title(c->stage, in->facts.product, t->pen.dutch),
                  incident_stage_article(c->stage, in->facts.product));
    cell[2] = SAY(t, "%s, %s", kp_pen_instant(&t->pen, c->due), incident_word(incident_clock_states[c->state], t->pen.dutch));
    return true;
}

static void put_clocks(struct telling *t)
{
    const struct head heads[] = { { "Incident", 34 }, { IN(t, "Report", "Verslag"), 32 },
                                  { IN(t, "Due", "Uiterlijk"), 34 }, { 0 } };
    struct shield_settings set = { 0 };
    begin_table(t, IN(t, "Reports of incidents that are due", "Meldingen van incidenten die moeten"), heads);
    if (!t->pen.err->code && !shield_settings_read(t->db, &set, t->pen.err))
        incident_each(t->db, true, &set.scope, t->until, put_clock, t, t->pen.err);
    t->clocks = end_table(t);
    shield_settings_free(&set);
}

/* ---- the whole ---- */
static const char *part(struct telling *t, size_t n, const char *one, const char *many, const char *before)
{
    return n ? SAY(t, "%s%s%zu %s", before, *before ? ", " : "", n, n == 1 ? one : many) : before;
}

static const char *summary(struct telling *t)
{
    const char *text = part(t, t->clocks, IN(t, "report due", "melding moet"), IN(t, "reports due", "meldingen moeten"), "");
    text = part(t, t->hits, IN(t, "indicator met", "indicator gezien"), IN(t, "indicators met", "indicatoren gezien"), text);
    text = part(t, t->findings, IN(t, "new hole", "nieuw lek"), IN(t, "new holes", "nieuwe lekken"), text);
    return part(t, t->firmware, IN(t, "change of firmware", "gewijzigde firmware"),
                IN(t, "changes of firmware", "gewijzigde firmwares"), text);
}

static const char *node_name(struct telling *t)
{
    const char *name = kp_setting_get(t->db, t->pen.arena, "name");
    return name ? name : "koppel";
}

enum kp_code daily_page(struct kp_shield *s, int64_t since, int64_t until, bool dutch, size_t *told,
                        char *subject, size_t size, struct kp_buf *text, struct kp_buf *html,
                        struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    struct kp_page page;
    struct telling t = { kp_pen(&arena, &page, dutch, err), s, kp_store_reader(s->store, err), since, until, 0, 0, 0, 0, NULL, 0, 0 };
    if (t.db) {
        put_clocks(&t);
        put_hits(&t);
        put_findings(&t);
        put_firmware(&t);
        page.title = summary(&t);
        page.subtitle = SAY(&t, "%s \u00b7 %s", node_name(&t), kp_pen_date(&t.pen, until));
        page.about = IN(&t, "Only what concerns our own devices, at most once a day. Switch it off, or choose another hour: koppel report mail.",
                        "Alleen wat onze eigen apparaten raakt, hoogstens een keer per dag. Uitzetten of een ander uur kiezen: koppel report mail.");
        snprintf(subject, size, "%s: %s", node_name(&t), page.title);
        kp_utf8_trim(subject);
        kp_page_text(&page, text);
        kp_page_html(&page, html);
    }
    *told = t.findings + t.hits + t.firmware + t.clocks;
    kp_store_reader_done(s->store, t.db);
    kp_arena_free(&arena);
    return text->failed || html->failed ? kp_fail(err, KP_ENOMEM, "out of memory") : err->code;
}
