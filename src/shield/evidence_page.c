/* SPDX-License-Identifier: Apache-2.0 */
/* The evidence pack in words. */
#include "flex/page.h"
#include "shield/evidence_keep.h"

#include <math.h>
#include <string.h>

#include "core/ban.h"

enum { LISTED = 40, HEADS = 8 };
#define DAY (86400 * KP_SECOND)

struct writing {
    struct kp_pen pen;
    const struct evidence *e;
};
#define IN(w, en, nl) KP_IN(&(w)->pen, en, nl)
#define SAY(w, ...)   kp_pen_say(&(w)->pen, __VA_ARGS__)

/* ---- words ---- */
static const char *day(struct writing *w, int64_t at)
{
    return at == KP_NO_TIME || at == KP_FOREVER ? KP_NOT_KNOWN : kp_pen_day(&w->pen, at);
}

static const char *yes(struct writing *w, bool is)
{
    return is ? IN(w, "yes", "ja") : IN(w, "no", "nee");
}

static const char *days(struct writing *w, int64_t ns)
{
    double n = (double)ns / (double)DAY;
    return n < 1 ? IN(w, "< 1 day", "< 1 dag")
                 : SAY(w, IN(w, "%s days", "%s dagen"), kp_pen_number(&w->pen, n, n < 10));
}

static const char *role(struct writing *w, enum kp_role r)
{
    static const char *const dutch[] = { "geen", "kijker", "operator", "engineer", "eigenaar" };
    return w->pen.dutch ? dutch[r] : kp_role_words[r];
}

static const char *urgency(struct writing *w, const char *word)
{
    static const char *const dutch[][2] = {
        { "urgent", "dringend" }, { "high", "hoog" }, { "medium", "gemiddeld" }, { "low", "laag" }
    };
    for (int i = 0; i < URGENCIES && w->pen.dutch; i++)
        if (strcmp(dutch[i][0], word) == 0)
            return dutch[i][1];
    return word;
}

/* ---- parts ---- */
struct head {
    const char *text;
    unsigned width;
};
/* NULL: there are no rows, or no room. */
static struct kp_page_block *table(struct writing *w, const char *title, size_t n, const struct head *heads)
{
    struct kp_page_block *b = n ? kp_pen_block(&w->pen, KP_BLOCK_TABLE, title, n) : NULL;
    for (; b && heads->text; heads++)
        kp_page_words_column(b, heads->text, heads->width);
    if (b)
        b->wraps = true;
    for (size_t i = 0; b && i < n; i++)
        b->rows[i].bar = NAN;
    return b;
}

static size_t affected(const struct evidence *e)
{
    size_t n = 0;
    for (int i = 0; i < URGENCIES; i++)
        n += e->affected[i];
    return n;
}

static void put_tiles(struct writing *w)
{
    const struct evidence *e = w->e;
    struct kp_page_block *b = kp_pen_block(&w->pen, KP_BLOCK_TILES, NULL, 4);
    if (!b)
        return;
    size_t n = affected(e);
    b->tiles[0] = (struct kp_page_tile){ IN(w, "Devices and software", "Apparaten en software"),
                                         kp_pen_number(&w->pen, (double)e->n_devices, 0), "", 0 };
    b->tiles[1] = (struct kp_page_tile){ IN(w, "Open holes", "Open lekken"), kp_pen_number(&w->pen, (double)n, 0),
                                         SAY(w, IN(w, "%zu urgent", "%zu dringend"), e->affected[0]),
                                         (int8_t)(e->affected[0] ? -1 : 0) };
    b->tiles[2] = (struct kp_page_tile){ IN(w, "Time to fix, median", "Tijd tot oplossing, mediaan"),
                                         e->fixed.n ? days(w, e->fixed.median) : KP_NOT_KNOWN,
                                         SAY(w, IN(w, "of %zu in a year", "van %zu in een jaar"), e->fixed.n), 0 };
    b->tiles[3] = (struct kp_page_tile){ IN(w, "Last restored backup", "Laatst teruggezette back-up"),
                                         day(w, e->last_proven), "", 0 };
}

static void put_findings(struct writing *w)
{
    const struct evidence *e = w->e;
    size_t n = affected(e), shown = 0, most = 1;
    const char *title = IN(w, "Open holes by urgency", "Open lekken naar urgentie");
    struct kp_page_block *b = n ? kp_pen_block(&w->pen, KP_BLOCK_BARS, title, URGENCIES) : NULL;
    for (int i = 0; i < URGENCIES; i++)
        most = e->affected[i] > most ? e->affected[i] : most;
    for (int i = 0; b && i < URGENCIES; i++)
        b->bars[i] = (struct kp_page_bar){ urgency(w, evidence_urgencies[i]),
                                           kp_pen_number(&w->pen, (double)e->affected[i], 0), "",
                                           (double)e->affected[i] / (double)most, i == 0 };
    if (!n)
        kp_pen_words(&w->pen, title, IN(w, "No device is affected by a security advisory that is known here.",
                                        "Geen apparaat wordt geraakt door een beveiligingswaarschuwing die hier bekend is."));
    else
        kp_pen_words(&w->pen, NULL,
                     SAY(w, IN(w, "They have been known here for %s (median), the oldest for %s.",
                               "Ze zijn hier %s bekend (mediaan), de oudste %s."),
                         days(w, e->open.median), days(w, e->open.longest)));
    if (e->review)
        kp_pen_words(&w->pen, NULL, SAY(w, IN(w, "Being looked into: %zu more.", "In onderzoek: nog %zu."), e->review));
    struct head heads[] = { { IN(w, "Device", "Apparaat"), 24 }, { IN(w, "Advisory", "Waarschuwing"), 18 },
                            { IN(w, "What", "Wat"), 32 },        { IN(w, "Urgency", "Urgentie"), 12 },
                            { IN(w, "Known since", "Bekend sinds"), 14 }, { 0 } };
    b = table(w, NULL, n < LISTED ? n : LISTED, heads);
    for (size_t i = 0; b && i < e->n_findings && shown < b->n; i++) {
        const struct line *l = &e->findings[i];
        if (!evidence_affects(l))
            continue;
        bool may = evidence_may_name(l);
        const char **cell = b->rows[shown++].cell;
        cell[0] = l->name;
        cell[1] = may ? l->advisory : SAY(w, "TLP:%s", l->tlp);
        cell[2] = may ? l->title : IN(w, "not to be passed on", "mag niet verder");
        cell[3] = urgency(w, urgency_word(l->urgency.priority));
        cell[4] = day(w, l->made);
    }
    if (n > LISTED)
        kp_pen_words(&w->pen, NULL, SAY(w, IN(w, "And %zu more, none of them more urgent.", "En nog %zu, geen ervan dringender."), n - LISTED));
}

static void put_fixes(struct writing *w)
{
    const struct evidence *e = w->e;
    const char *title = IN(w, "Time to fix", "Tijd tot oplossing");
    if (!e->fixed.n) {
        kp_pen_words(&w->pen, title, IN(w, "No finding was closed by new firmware or as done in the last year.",
                                       "Het laatste jaar is geen bevinding gesloten door nieuwe firmware of als gedaan."));
        return;
    }
    kp_pen_words(&w->pen, title,
                SAY(w, IN(w, "In the last year %zu findings were closed by new firmware or as done, half of them within %s, the slowest in %s.",
                          "Het laatste jaar zijn %zu bevindingen gesloten door nieuwe firmware of als gedaan, de helft binnen %s, de traagste in %s."),
                    e->fixed.n, days(w, e->fixed.median), days(w, e->fixed.longest)));
}

static void put_backups(struct writing *w)
{
    const struct evidence *e = w->e;
    const char *title = IN(w, "Backups", "Back-ups"), *plan, *proof;
    if (!e->plan.to) {
        kp_pen_words(&w->pen, title, IN(w, "This node makes no backups by the clock.", "Deze node maakt geen back-ups op vaste tijden."));
        return;
    }
    plan = SAY(w, IN(w, "Daily at %02d:%02d, %d copies are kept, %s, %s. In the last %d days %zu were made and %zu failed; the last good one is of %s.",
                     "Dagelijks om %02d:%02d, %d kopie\u00ebn worden bewaard, %s, %s. In de laatste %d dagen zijn er %zu gemaakt en mislukten er %zu; de laatste goede is van %s."),
               e->plan.minute / 60, e->plan.minute % 60, e->plan.keep,
               e->plan.encrypted ? IN(w, "encrypted", "versleuteld") : IN(w, "not encrypted", "niet versleuteld"),
               e->same_disk ? IN(w, "on the same disk as the data", "op dezelfde schijf als de data")
                            : IN(w, "on another disk than the data", "op een andere schijf dan de data"),
               EVIDENCE_BACKUP_DAYS, e->backups, e->failed, day(w, e->last_backup));
    proof = e->last_proven == KP_NO_TIME
                ? IN(w, "None has been restored as a proof yet.", "Er is er nog geen ter proef teruggezet.")
                : SAY(w, IN(w, "%zu of them were restored and checked whole, the last on %s.",
                            "%zu ervan zijn teruggezet en helemaal gecontroleerd, de laatste op %s."),
                      e->proven, day(w, e->last_proven));
    kp_pen_words(&w->pen, title, SAY(w, "%s %s", plan, proof));
}

static void put_access(struct writing *w)
{
    const struct evidence *e = w->e;
    struct head heads[] = { { IN(w, "Who", "Wie"), 30 }, { IN(w, "Role", "Rol"), 18 },
                            { IN(w, "Second factor", "Tweede factor"), 18 },
                            { IN(w, "Last log-in", "Laatst aangemeld"), 20 }, { IN(w, "Enabled", "Actief"), 14 }, { 0 } };
    struct kp_page_block *b = table(w, IN(w, "Who has access: people", "Wie toegang heeft: mensen"), e->n_users, heads);
    for (size_t i = 0; b && i < e->n_users; i++) {
        const struct evidence_user *u = &e->users[i];
        const char **cell = b->rows[i].cell;
        cell[0] = u->name;
        cell[1] = role(w, u->role);
        cell[2] = yes(w, u->totp);
        cell[3] = u->seen == KP_NO_TIME ? IN(w, "never", "nooit") : day(w, u->seen);
        cell[4] = yes(w, !u->disabled);
    }
    struct head more[] = { { IN(w, "Token", "Token"), 30 }, { IN(w, "What it may", "Wat het mag"), 30 },
                           { IN(w, "Made", "Gemaakt"), 20 }, { IN(w, "Until", "Tot"), 20 }, { 0 } };
    b = table(w, IN(w, "Who has access: programs", "Wie toegang heeft: programma\u2019s"), e->n_tokens, more);
    for (size_t i = 0; b && i < e->n_tokens; i++) {
        const struct evidence_token *t = &e->tokens[i];
        const char **cell = b->rows[i].cell;
        cell[0] = t->name;
        cell[1] = t->member  ? IN(w, "member of collections", "lid van collecties")
                  : !t->role ? IN(w, "posts values only", "schrijft alleen waarden")
                             : role(w, t->role);
        cell[2] = day(w, t->created);
        cell[3] = t->expires ? day(w, t->expires) : IN(w, "for ever", "onbeperkt");
    }
}

static void put_shares(struct writing *w)
{
    const struct evidence *e = w->e;
    struct head heads[] = { { IN(w, "Partner", "Partner"), 20 }, { IN(w, "What", "Wat"), 26 },
                            { IN(w, "Way", "Richting"), 14 },    { IN(w, "Since", "Sinds"), 13 },
                            { IN(w, "Ended", "Be\u00ebindigd"), 13 }, { IN(w, "Times, in a year", "Keren, in een jaar"), 14 }, { 0 } };
    const char *title = IN(w, "What is shared with other companies", "Wat met andere bedrijven wordt gedeeld");
    struct kp_page_block *b = table(w, title, e->n_shares, heads);
    for (size_t i = 0; b && i < e->n_shares; i++) {
        const struct evidence_share *s = &e->shares[i];
        const char **cell = b->rows[i].cell;
        cell[0] = s->partner;
        cell[1] = s->dataset;
        cell[2] = s->gives ? IN(w, "we give", "wij geven") : IN(w, "we get", "wij krijgen");
        cell[3] = day(w, s->since);
        cell[4] = s->active ? IN(w, "in force", "van kracht") : day(w, s->ended);
        cell[5] = s->gives ? kp_pen_number(&w->pen, (double)s->exits, 0) : "";
    }
    if (!e->n_shares)
        kp_pen_words(&w->pen, title, IN(w, "There are no agreements with other companies.", "Er zijn geen overeenkomsten met andere bedrijven."));
    struct head more[] = { { IN(w, "Collection", "Collectie"), 30 }, { IN(w, "Member", "Lid"), 26 }, { "TLP", 14 },
                           { IN(w, "May", "Mag"), 16 }, { IN(w, "Objects, in a year", "Objecten, in een jaar"), 14 }, { 0 } };
    b = table(w, IN(w, "Threat information that is shared", "Dreigingsinformatie die wordt gedeeld"), e->n_members, more);
    for (size_t i = 0; b && i < e->n_members; i++) {
        const struct evidence_member *m = &e->members[i];
        const char **cell = b->rows[i].cell;
        cell[0] = m->collection;
        cell[1] = strcmp(m->who, "*") == 0 ? IN(w, "everybody with a token", "iedereen met een token") : m->who;
        cell[2] = m->tlp;
        cell[3] = m->reads && m->writes ? IN(w, "read, write", "lezen, schrijven")
                  : m->writes           ? IN(w, "write", "schrijven")
                                        : IN(w, "read", "lezen");
        cell[4] = kp_pen_number(&w->pen, (double)m->objects, 0);
    }
}

static void put_doors(struct writing *w)
{
    const struct kp_evidence *a = w->e->asked;
    struct head heads[] = { { IN(w, "Where", "Waar"), 30 }, { IN(w, "For", "Voor"), 24 },
                            { IN(w, "Protection", "Bescherming"), 28 }, { IN(w, "Certificate until", "Certificaat tot"), 18 }, { 0 } };
    struct kp_page_block *b = table(w, IN(w, "How this node is reached", "Hoe deze node bereikbaar is"), a->n_doors, heads);
    for (size_t i = 0; b && i < a->n_doors; i++) {
        const struct kp_evidence_door *d = &a->doors[i];
        const char **cell = b->rows[i].cell;
        cell[0] = d->where;
        cell[1] = d->partners   ? IN(w, "partners", "partners")
                  : d->loopback ? IN(w, "this machine only", "alleen deze machine")
                                : IN(w, "people and programs", "mensen en programma\u2019s");
        cell[2] = d->certificate ? SAY(w, IN(w, "TLS 1.2 or 1.3, certificate of %s", "TLS 1.2 of 1.3, certificaat van %s"), d->certificate)
                  : d->proxy     ? IN(w, "a proxy on this machine speaks TLS", "een proxy op deze machine doet TLS")
                                 : IN(w, "does not leave the machine", "verlaat de machine niet");
        cell[3] = day(w, d->until);
    }
}

static const char *age(struct writing *w, int64_t ns)
{
    char text[40];
    kp_duration_exact(ns, text, sizeof text);
    return ns ? SAY(w, "%s", text) : IN(w, "for ever", "onbeperkt");
}

static void put_retention(struct writing *w)
{
    const struct kp_retention *r = &w->e->retention;
    const char *title = IN(w, "How long data is kept", "Hoe lang data bewaard wordt");
    if (!r->n) {
        kp_pen_words(&w->pen, title, IN(w, "Nothing is deleted.", "Er wordt niets verwijderd."));
        return;
    }
    struct head heads[] = { { IN(w, "Rule", "Regel"), 34 }, { IN(w, "Values", "Waarden"), 33 },
                            { IN(w, "Summaries", "Samenvattingen"), 33 }, { 0 } };
    struct kp_page_block *b = table(w, title, r->n < LISTED ? r->n : LISTED, heads);
    for (size_t i = 0; b && i < b->n; i++) { /* a pattern may name what is secret */
        bool all = strcmp(r->rules[i].pattern, "**") == 0;
        b->rows[i].cell[0] = all ? IN(w, "everything else", "al het andere")
                                 : SAY(w, IN(w, "rule %zu", "regel %zu"), i + 1);
        b->rows[i].cell[1] = age(w, r->rules[i].raw);
        b->rows[i].cell[2] = age(w, r->rules[i].rollups);
    }
}

static void put_rest(struct writing *w)
{
    const struct evidence *e = w->e;
    kp_pen_words(&w->pen, IN(w, "Log of changes", "Logboek van wijzigingen"),
                SAY(w, e->audit.broken
                           ? IN(w, "%lld entries; the chain is broken.", "%lld regels; de keten is verbroken.")
                           : IN(w, "%lld entries, each chained to the one before; the chain is whole.",
                                "%lld regels, elke geketend aan de vorige; de keten is heel."),
                    (long long)e->audit.entries));
    kp_pen_words(&w->pen, IN(w, "Incidents", "Incidenten"),
                SAY(w, IN(w, "%zu in the last year; %zu of them with a report to an authority that was late.",
                          "%zu in het laatste jaar; bij %zu was een melding aan een autoriteit te laat."),
                    e->incidents, e->incidents_late));
    kp_pen_words(&w->pen, IN(w, "Versions", "Versies"),
                SAY(w, IN(w, "koppel %s, data file of version %lld.", "koppel %s, databestand van versie %lld."),
                    e->asked->version, (long long)e->schema));
}

static void put_devices(struct writing *w)
{
    const struct evidence *e = w->e;
    struct head heads[] = { { IN(w, "Device", "Apparaat"), 28 }, { IN(w, "Maker", "Fabrikant"), 17 },
                            { IN(w, "Product", "Product"), 22 }, { IN(w, "Order code", "Bestelnummer"), 15 },
                            { "Firmware", 10 },                  { IN(w, "Holes", "Lekken"), 8 }, { 0 } };
    struct kp_page_block *b = table(w, IN(w, "Devices and firmware", "Apparaten en firmware"), e->n_devices, heads);
    for (size_t i = 0; b && i < e->n_devices; i++) {
        const struct evidence_device *d = &e->devices[i];
        const char *const cells[] = { d->name, d->manufacturer, d->product, d->order_code, d->firmware };
        for (int k = 0; k < 5; k++)
            b->rows[i].cell[k] = cells[k] ? cells[k] : KP_NOT_KNOWN;
        b->rows[i].cell[5] = d->open ? SAY(w, "%zu", d->open) : "";
    }
    if (e->hidden)
        kp_pen_words(&w->pen, NULL, SAY(w, IN(w, "%zu that are secret here are not listed.", "%zu die hier geheim zijn staan niet in de lijst."), e->hidden));
}

enum kp_code evidence_page(const struct evidence *e, struct kp_buf *out, struct kp_err *err)
{
    struct kp_page *page = kp_arena_alloc(e->arena, sizeof *page);
    if (!page)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    struct writing w = { kp_pen(e->arena, page, e->asked->dutch, err), e };
    page->title = IN(&w, "Evidence of security", "Bewijs van beveiliging");
    page->subtitle = SAY(&w, "%s \u00b7 %s \u00b7 koppel %s", e->asked->node, kp_pen_instant(&w.pen, e->now), e->asked->version);
    kp_pen_text(&w.pen, NULL,
                IN(&w, "What this node knows of its own security, for customers who ask. It holds internal information: "
                       "a person decides to whom it goes. Nothing secret is in it.",
                   "Wat deze node weet van de eigen beveiliging, voor klanten die ernaar vragen. Er staat interne informatie in: "
                   "een mens beslist naar wie het gaat. Er staat niets geheims in."));
    put_tiles(&w);
    put_findings(&w);
    put_fixes(&w);
    put_backups(&w);
    put_access(&w);
    put_shares(&w);
    put_doors(&w);
    put_retention(&w);
    put_rest(&w);
    put_devices(&w);
    page->about = IN(&w,
                     "Open holes: findings of security advisories that a device here is affected by, by its maker, order code and firmware. "
                     "Time to fix: from the day it was known here to new firmware, or to the answer that it is done. "
                     "A restored backup was put back into an empty folder and checked whole.",
                     "Open lekken: bevindingen van beveiligingswaarschuwingen die een apparaat hier raken, naar fabrikant, bestelnummer en firmware. "
                     "Tijd tot oplossing: van de dag dat het hier bekend was tot nieuwe firmware, of tot het antwoord dat het gedaan is. "
                     "Een teruggezette back-up is in een lege map gezet en helemaal gecontroleerd.");
    return err->code ? err->code : kp_page_show(page, (enum kp_page_format)e->asked->format, out, err);
}
