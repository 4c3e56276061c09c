/* SPDX-License-Identifier: Apache-2.0 */
#include "shield/incident_clock.h"

#include <string.h>
#include <time.h>

#include "core/ban.h"

#define HOUR (3600 * KP_SECOND)

const char *const incident_categories[] = { "malware",      "ransomware",    "intrusion", "denial-of-service",
                                            "data-leak",    "phishing",      "supply-chain",
                                            "vulnerability", "misuse",       "failure",   "other",
                                            NULL };
const char *const incident_severities[] = { "low", "medium", "high", "critical", NULL };
const char *const incident_statuses[] = { "open", "contained", "closed", NULL };
const char *const incident_doubts[] = { "unknown", "yes", "no", NULL };
const char *const incident_products[] = { "none", "vulnerability", "incident", NULL };
const char *const incident_sizes[] = { "small", "medium", "large", NULL };
const char *const incident_clock_states[] = { "waiting", "running", "soon", "overdue", "done", NULL };
const char *const incident_stage_words[] = { "nis2-warning", "nis2-notification", "nis2-progress",
                                             "nis2-final",   "cra-warning",       "cra-notification",
                                             "cra-final",    "voluntary",         NULL };

/* NIS2 annex II, 5 names what is made by its class in NACE Rev. 2: C26 to C30 and medical devices. */
const struct incident_sector incident_sectors[] = {
    { "machinery", "Makes machines or equipment (NACE C28)", "Maakt machines of apparaten (NACE C28)", 2 },
    { "electronics", "Makes computers, electronics or optics (C26)",
      "Maakt computers, elektronica of optica (C26)", 2 },
    { "electrical", "Makes electrical equipment (C27)", "Maakt elektrische apparatuur (C27)", 2 },
    { "vehicles", "Makes motor vehicles, trailers or parts of them (C29)",
      "Maakt motorvoertuigen, aanhangers of delen ervan (C29)", 2 },
    { "transport-equipment", "Makes ships, trains, aircraft or other means of transport (C30)",
      "Maakt schepen, treinen, vliegtuigen of andere transportmiddelen (C30)", 2 },
    { "medical-devices", "Makes medical devices", "Maakt medische hulpmiddelen", 2 },
    { "chemicals", "Makes or sells chemicals", "Maakt of verkoopt chemische stoffen", 2 },
    { "food", "Makes food on an industrial scale or sells it wholesale",
      "Maakt levensmiddelen op industri\u00eble schaal of is er groothandel in", 2 },
    { "waste", "Treats waste", "Beheert afval", 2 },
    { "post", "Post or parcels", "Post of pakketten", 2 },
    { "digital-provider", "Online market place, search engine or social network",
      "Onlinemarktplaats, zoekmachine of sociaal netwerk", 2 },
    { "research", "Research organisation", "Onderzoeksorganisatie", 2 },
    { "energy", "Energy: electricity, heat, oil, gas, hydrogen",
      "Energie: elektriciteit, warmte, olie, gas, waterstof", 1 },
    { "transport", "Transport by air, rail, water or road", "Vervoer door de lucht, over spoor, water of weg", 1 },
    { "health", "Health care, laboratories or medicines", "Zorg, laboratoria of geneesmiddelen", 1 },
    { "water", "Drinking water or waste water", "Drinkwater of afvalwater", 1 },
    { "digital-infrastructure", "Digital infrastructure: cloud, data centre, network",
      "Digitale infrastructuur: cloud, datacenter, netwerk", 1 },
    { "managed-services", "Runs IT or its security for other companies",
      "Beheert IT of de beveiliging ervan voor andere bedrijven", 1 },
    { "finance-government-space", "Bank, financial market, government or space",
      "Bank, financi\u00eble markt, overheid of ruimtevaart", 1 },
    { "other", "Something else, such as metal parts, plastics, wood, textile or trade",
      "Iets anders, zoals metaaldelen, kunststof, hout, textiel of handel", 0 },
    { 0 },
};

enum incident_entity incident_entity(const struct incident_scope *s)
{
    int annex = incident_sectors[s->sector].annex;
    if (!s->answered || (!s->named && (!annex || s->size == SIZE_SMALL)))
        return ENTITY_NONE;
    return annex == 1 && s->size == SIZE_LARGE ? ENTITY_ESSENTIAL : ENTITY_IMPORTANT;
}

bool incident_stage_is_cra(enum incident_stage s)
{
    return s >= STAGE_CRA_WARNING && s <= STAGE_CRA_FINAL;
}

/* ---- time ---- */
static int days_of(int year, int month)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month] + (month == 1 && leap);
}

int64_t incident_later(int64_t at, int months, int days)
{
    struct tm tm, back;
    int64_t rest = at % KP_SECOND;
    kp_time_local(at, &tm);
    int month = tm.tm_year * 12 + tm.tm_mon + months, last = days_of(month / 12 + 1900, month % 12);
    struct tm later = { .tm_year = month / 12,
                        .tm_mon = month % 12,
                        .tm_mday = (tm.tm_mday < last ? tm.tm_mday : last) + days,
                        .tm_hour = tm.tm_hour,
                        .tm_min = tm.tm_min,
                        .tm_sec = tm.tm_sec,
                        .tm_isdst = -1 };
    int64_t out = (int64_t)mktime(&later) * KP_SECOND + rest;
    /* Where clocks are put back a time stands twice: the first of them. */
    kp_time_local(out - HOUR, &back);
    return back.tm_hour == later.tm_hour && back.tm_min == later.tm_min ? out - HOUR : out;
}

/* ---- clocks ---- */
struct counting {
    const struct incident_facts *f;
    int64_t now;
    struct incident_clock *out;
    size_t n;
};

static void put_clock(struct counting *c, enum incident_stage stage, int64_t begins, int64_t due)
{
    struct incident_clock k = { .stage = stage, .begins = begins, .due = due };
    int64_t sent = c->f->sent[stage];
    if (sent != KP_NO_TIME) {
        k.state = CLOCK_DONE;
        k.late = due != KP_NO_TIME && sent > due;
    } else if (due == KP_NO_TIME) {
        k.state = CLOCK_WAITING;
    } else {
        k.state = c->now > due                        ? CLOCK_OVERDUE
                  : due - c->now <= (due - begins) / 4 ? CLOCK_SOON
                                                       : CLOCK_RUNNING;
    }
    c->out[c->n++] = k;
}

static void put_after(struct counting *c, enum incident_stage stage, int64_t begins, int months, int days)
{
    put_clock(c, stage, begins, begins == KP_NO_TIME ? begins : incident_later(begins, months, days));
}

/* Art. 23(4)(d) and (e): one month after the notification comes the final report, or while the
 * incident goes on a report of progress, and the final one a month after it was handled. */
static void put_nis2_end(struct counting *c)
{
    const struct incident_facts *f = c->f;
    int64_t notified = f->sent[STAGE_NIS2_NOTIFICATION], handled = f->handled,
            month = notified == KP_NO_TIME ? KP_NO_TIME : incident_later(notified, 1, 0);
    bool over = f->status == INCIDENT_CLOSED && handled != KP_NO_TIME;
    if (f->sent[STAGE_NIS2_FINAL] != KP_NO_TIME) { /* somebody knows best that it was over */
        if (f->sent[STAGE_NIS2_PROGRESS] != KP_NO_TIME)
            put_clock(c, STAGE_NIS2_PROGRESS, notified, month);
        bool after = over && month != KP_NO_TIME && handled > month;
        put_clock(c, STAGE_NIS2_FINAL, after ? handled : notified,
                  after ? incident_later(handled, 1, 0) : month);
    } else if (over && (month == KP_NO_TIME || handled <= month)) {
        if (f->sent[STAGE_NIS2_PROGRESS] != KP_NO_TIME)
            put_clock(c, STAGE_NIS2_PROGRESS, notified, month);
        put_clock(c, STAGE_NIS2_FINAL, notified, month);
    } else {
        put_clock(c, STAGE_NIS2_PROGRESS, notified, month);
        put_after(c, STAGE_NIS2_FINAL, over ? handled : KP_NO_TIME, 1, 0);
    }
}

static void put_cra(struct counting *c)
{
    const struct incident_facts *f = c->f;
    put_clock(c, STAGE_CRA_WARNING, f->aware, f->aware + 24 * HOUR);
    put_clock(c, STAGE_CRA_NOTIFICATION, f->aware, f->aware + 72 * HOUR);
    if (f->product == PRODUCT_VULNERABILITY)
        put_after(c, STAGE_CRA_FINAL, f->fixed, 0, 14);
    else
        put_after(c, STAGE_CRA_FINAL, f->sent[STAGE_CRA_NOTIFICATION], 1, 0);
}

size_t incident_clocks(const struct incident_facts *f, const struct incident_scope *s, int64_t now,
                       struct incident_clock out[STAGES])
{
    struct counting c = { f, now, out, 0 };
    if (incident_entity(s) && f->significant != DOUBT_NO) {
        put_clock(&c, STAGE_NIS2_WARNING, f->aware, f->aware + 24 * HOUR);
        put_clock(&c, STAGE_NIS2_NOTIFICATION, f->aware, f->aware + 72 * HOUR);
        put_nis2_end(&c);
    }
    if (s->answered && s->products && f->product)
        put_cra(&c);
    return c.n;
}

const struct incident_clock *incident_next(const struct incident_clock *c, size_t n)
{
    const struct incident_clock *next = NULL;
    for (size_t i = 0; i < n; i++)
        if (c[i].state != CLOCK_DONE && c[i].state != CLOCK_WAITING && (!next || c[i].due < next->due))
            next = &c[i];
    return next;
}
