/* SPDX-License-Identifier: Apache-2.0 */
/* A report, or a whole record, as a file that a person takes along: a message to this company. */
#include "flex/page.h"
#include "shield/incident_keep.h"

#include <math.h>
#include <string.h>

#include "core/ban.h"

const char *const kp_incident_formats[] = { "html", "pdf", "text", "json", NULL };
enum { FORMAT_JSON = 3 };

struct writing {
    struct kp_pen pen;
    const struct incident *in;
    const char *node;
};
#define IN(w, en, nl) KP_IN(&(w)->pen, en, nl)
#define SAY(w, ...)   kp_pen_say(&(w)->pen, __VA_ARGS__)

static const char *word(struct writing *w, const char *key)
{
    return incident_word(key, w->pen.dutch);
}

/* ---- a report ---- */
static void put_report(struct writing *w, enum incident_stage stage, const struct incident_report *r)
{
    const struct incident *in = w->in;
    const struct incident_clock *c = incident_clock(in, stage);
    struct kp_page *p = w->pen.page;
    p->title = incident_stage_title(stage, in->facts.product, w->pen.dutch);
    p->subtitle = SAY(w, "%s \u00b7 %s \u00b7 incident %lld", w->node,
                      incident_stage_article(stage, in->facts.product), (long long)in->id);
    const char *about = SAY(w, IN(w, "To %s.", "Aan %s."), incident_stage_to(stage, w->pen.dutch));
    if (in->facts.sent[stage] != KP_NO_TIME)
        about = SAY(w, IN(w, "%s Sent %s%s%s.", "%s Verzonden %s%s%s."), about,
                    kp_pen_instant(&w->pen, in->facts.sent[stage]),
                    in->sent[stage].reference ? IN(w, ", reference ", ", kenmerk ") : "",
                    in->sent[stage].reference ? in->sent[stage].reference : "");
    else
        about = SAY(w, IN(w, "%s A draft: nothing has been sent.%s%s%s",
                          "%s Concept: er is niets verzonden.%s%s%s"),
                    about, c && c->due != KP_NO_TIME ? IN(w, " Due ", " Uiterlijk ") : "",
                    c && c->due != KP_NO_TIME ? kp_pen_instant(&w->pen, c->due) : "",
                    c && c->due != KP_NO_TIME ? "." : "");
    if (r->open)
        about = SAY(w, IN(w, "%s Still to be filled in: %zu.", "%s Nog in te vullen: %zu."), about, r->open);
    kp_pen_text(&w->pen, NULL, about);
    for (size_t i = 0; i < r->n; i++)
        kp_pen_words(&w->pen, r->texts[i].title, r->texts[i].text);
    p->about = incident_notice(w->pen.dutch);
}

/* ---- the record ---- */
static void put_tiles(struct writing *w)
{
    const struct incident *in = w->in;
    const struct incident_clock *c = incident_next(in->clocks, in->n_clocks);
    struct kp_page_block *b = kp_pen_block(&w->pen, KP_BLOCK_TILES, NULL, 4);
    if (!b)
        return;
    b->tiles[0] = (struct kp_page_tile){ IN(w, "Status", "Status"),
                                         word(w, incident_statuses[in->facts.status]), "", 0 };
    b->tiles[1] = (struct kp_page_tile){ IN(w, "Severity", "Ernst"),
                                         word(w, incident_severities[in->severity]),
                                         word(w, incident_categories[in->category]), 0 };
    b->tiles[2] = (struct kp_page_tile){ IN(w, "Noticed", "Opgemerkt"), kp_pen_day(&w->pen, in->facts.aware),
                                         kp_pen_clock(&w->pen, in->facts.aware), 0 };
    b->tiles[3] = (struct kp_page_tile){ IN(w, "Next report due", "Volgend verslag uiterlijk"),
                                         c ? kp_pen_day(&w->pen, c->due) : KP_NOT_KNOWN,
                                         c ? SAY(w, "%s, %s", kp_pen_clock(&w->pen, c->due),
                                                 word(w, incident_clock_states[c->state]))
                                           : IN(w, "none", "geen"),
                                         (int8_t)(c && c->state == CLOCK_OVERDUE ? -1 : 0) };
}

static struct kp_page_block *table(struct writing *w, const char *title, size_t n, const char *const *heads,
                                   const unsigned *widths)
{
    struct kp_page_block *b = n ? kp_pen_block(&w->pen, KP_BLOCK_TABLE, title, n) : NULL;
    for (; b && *heads; heads++, widths++)
        kp_page_words_column(b, *heads, *widths);
    if (b)
        b->wraps = true;
    for (size_t i = 0; b && i < n; i++)
        b->rows[i].bar = NAN;
    return b;
}

static void put_clocks(struct writing *w)
{
    const struct incident *in = w->in;
    const char *heads[] = { IN(w, "Report", "Verslag"), IN(w, "Law", "Wet"), IN(w, "Due", "Uiterlijk"),
                            IN(w, "State", "Stand"), IN(w, "Sent", "Verzonden"), NULL };
    static const unsigned widths[] = { 24, 17, 24, 12, 23 };
    struct kp_page_block *b = table(w, IN(w, "What has to be reported", "Wat gemeld moet worden"),
                                    in->n_clocks, heads, widths);
    for (size_t i = 0; b && i < in->n_clocks; i++) {
        const struct incident_clock *c = &in->clocks[i];
        const char *reference = in->sent[c->stage].reference;
        const char **cell = b->rows[i].cell;
        cell[0] = incident_stage_title(c->stage, in->facts.product, w->pen.dutch);
        cell[1] = incident_stage_article(c->stage, in->facts.product);
        cell[2] = c->due == KP_NO_TIME ? incident_stage_why(c->stage, in->facts.product, w->pen.dutch)
                                       : kp_pen_instant(&w->pen, c->due);
        cell[3] = c->late ? IN(w, "sent late", "te laat verzonden") : word(w, incident_clock_states[c->state]);
        cell[4] = in->facts.sent[c->stage] == KP_NO_TIME
                      ? ""
                      : SAY(w, "%s%s%s", kp_pen_instant(&w->pen, in->facts.sent[c->stage]),
                            reference ? ", " : "", reference ? reference : "");
    }
    if (!in->n_clocks)
        kp_pen_words(&w->pen, IN(w, "What has to be reported", "Wat gemeld moet worden"),
                     incident_voluntary(w->pen.dutch));
}

static void put_devices(struct writing *w)
{
    const struct incident *in = w->in;
    const char *heads[] = { IN(w, "What is hit", "Wat geraakt is"), IN(w, "Maker", "Fabrikant"),
                            IN(w, "Product", "Product"), "Firmware", IN(w, "Serial number", "Serienummer"), NULL };
    static const unsigned widths[] = { 28, 18, 24, 14, 16 };
    struct kp_page_block *b =
        table(w, IN(w, "Devices and software", "Apparaten en software"), in->n_devices, heads, widths);
    for (size_t i = 0; b && i < in->n_devices; i++) {
        const struct incident_device *d = &in->devices[i];
        const char *const cells[] = { d->name, d->manufacturer, d->product, d->firmware, d->serial };
        for (int k = 0; k < 5; k++)
            b->rows[i].cell[k] = cells[k] ? cells[k] : KP_NOT_KNOWN;
    }
    if (in->hidden)
        kp_pen_words(&w->pen, NULL, SAY(w, IN(w, "%zu that are secret here are not named.",
                                            "%zu die hier geheim zijn worden niet genoemd."), in->hidden));
}

static void put_alarms(struct writing *w)
{
    const struct incident *in = w->in;
    const char *heads[] = { IN(w, "Since", "Sinds"), "Alarm", IN(w, "Where", "Waar"),
                            IN(w, "Priority", "Prioriteit"), NULL };
    static const unsigned widths[] = { 28, 36, 24, 12 };
    struct kp_page_block *b = table(w, IN(w, "Alarms", "Alarmen"), in->n_alarms, heads, widths);
    for (size_t i = 0; b && i < in->n_alarms; i++) {
        const struct incident_alarm *a = &in->alarms[i];
        b->rows[i].cell[0] = kp_pen_instant(&w->pen, a->since);
        b->rows[i].cell[1] = a->text;
        b->rows[i].cell[2] = a->asset;
        b->rows[i].cell[3] = a->priority;
    }
}

static void put_log(struct writing *w)
{
    const struct incident *in = w->in;
    const char *heads[] = { IN(w, "When", "Wanneer"), IN(w, "Who", "Wie"), IN(w, "What", "Wat"), NULL };
    static const unsigned widths[] = { 28, 14, 58 };
    struct kp_page_block *b = table(w, IN(w, "What was done", "Wat er gedaan is"), in->n_notes, heads, widths);
    for (size_t i = 0; b && i < in->n_notes; i++) {
        const struct incident_note *n = &in->notes[i];
        b->rows[i].cell[0] = kp_pen_instant(&w->pen, n->at);
        b->rows[i].cell[1] = n->who;
        b->rows[i].cell[2] = strcmp(n->kind, "note") == 0 ? n->text : SAY(w, "%s: %s", word(w, n->kind), n->text);
    }
}

static void put_record(struct writing *w)
{
    static const char *const titles[INCIDENT_TEXTS][2] = {
        [TEXT_WHAT] = { "What happened", "Wat er gebeurde" },
        [TEXT_IMPACT] = { "Impact", "Gevolgen" },
        [TEXT_CAUSE] = { "Threat or cause", "Dreiging of oorzaak" },
        [TEXT_MEASURES] = { "Measures", "Maatregelen" },
        [TEXT_INDICATORS] = { "Indicators of compromise", "Indicatoren van aantasting" },
        [TEXT_CONTACT] = { "Contact", "Contact" },
        [TEXT_STATES] = { "Member states", "Lidstaten" },
    };
    struct kp_page *p = w->pen.page;
    p->title = SAY(w, "Incident %lld: %s", (long long)w->in->id, w->in->text[TEXT_TITLE]);
    p->subtitle = SAY(w, "%s \u00b7 %s %s", w->node, IN(w, "recorded", "vastgelegd"),
                      kp_pen_instant(&w->pen, w->in->made));
    put_tiles(w);
    put_clocks(w);
    for (int i = TEXT_WHAT; i < INCIDENT_TEXTS; i++)
        kp_pen_words(&w->pen, titles[i][w->pen.dutch], w->in->text[i]);
    put_devices(w);
    put_alarms(w);
    put_log(w);
    p->about = incident_notice(w->pen.dutch);
}

/* ---- as a file ---- */
static enum kp_code put_json(const struct incident *in, const enum incident_stage *stage,
                             const struct incident_report *r, bool dutch, struct kp_buf *out,
                             struct kp_err *err)
{
    struct kp_json j = kp_json(out);
    if (stage)
        incident_put_report(&j, in, *stage, r, dutch);
    else
        incident_put(&j, in, dutch);
    return out->failed ? kp_fail(err, KP_ENOMEM, "out of memory") : KP_OK;
}

static enum kp_code put_file(const struct incident *in, const enum incident_stage *stage, const char *node,
                             int format, bool dutch, struct kp_arena *arena, struct kp_buf *out,
                             struct kp_err *err)
{
    struct incident_report r = { 0 };
    struct kp_page *page = kp_arena_alloc(arena, sizeof *page);
    if (!page)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    struct writing w = { kp_pen(arena, page, dutch, err), in, node };
    if (stage && incident_report(in, *stage, node, dutch, arena, &r, err))
        return err->code;
    if (format == FORMAT_JSON)
        return put_json(in, stage, &r, dutch, out, err);
    if (stage)
        put_report(&w, *stage, &r);
    else
        put_record(&w);
    return err->code ? err->code : kp_page_show(page, (enum kp_page_format)format, out, err);
}

enum kp_code kp_incident_file(struct kp_shield *s, enum kp_recipient to, int64_t id, const char *word,
                              const char *node, int format, bool dutch, struct kp_buf *out,
                              struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    struct incident in = { 0 };
    enum incident_stage stage;
    bool may = false;
    enum kp_recipient recipient = KP_TO_COMPANY; /* a person takes it along */
    struct kp_db *db = word && incident_find_stage(word, &stage, err) ? NULL : kp_store_reader(s->store, err);
    if (db && !incident_read(s, db, recipient, id, &arena, &in, err) &&
        !incident_may_go(s, db, to, id, &may, err)) {
        if (may)
            put_file(&in, word ? &stage : NULL, node, format, dutch, &arena, out, err);
        else
            kp_fail(err, KP_ENOTFOUND, "there is no incident %lld", (long long)id);
    }
    kp_store_reader_done(s->store, db);
    incident_drop(&in);
    kp_arena_free(&arena);
    return err->code;
}
