/* SPDX-License-Identifier: Apache-2.0 */
#include "share/reveals.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "core/ban.h"

#define BIT(topic) (1u << KP_TOPIC_##topic)
enum { QUARTER_S = 900 };

/* ---- what a thing tells of ---- */
/* A word counts where a word of the name begins, so that compounds of Dutch are found; units are
 * UN/CEFACT codes. */
static const struct {
    enum kp_topic topic;
    const char *words, *roles, *units;
} table[] = {
    { KP_TOPIC_CYCLE, "cycle cyclus takt pace normtijd stuktijd bewerkingstijd", "cycle-time", "" },
    { KP_TOPIC_COUNT,
      "part parts piece pieces count counter produced good stuks stuk teller aantal goed productie",
      "part-count good-count counter", "" },
    { KP_TOPIC_SCRAP, "scrap reject rejects rework waste afkeur uitval uitschot herbewerk",
      "scrap-count", "" },
    { KP_TOPIC_PROGRAM, "program programme recipe subprogram nc programma recept", "program", "" },
    { KP_TOPIC_ORDER,
      "order workorder job batch lot customer client opdracht werkorder klant partij charge",
      "order job", "" },
    { KP_TOPIC_POWER, "power energy vermogen energie stroom verbruik", "power energy",
      "KWT WTT MAW KWH WHR MWH JOU AMP" },
    { KP_TOPIC_FAULT, "alarm error fault failure downtime mtbf storing stilstand fout stop",
      "alarm", "" },
    { KP_TOPIC_STATE, "state status mode execution running toestand bedrijf draait", "state", "" },
    { KP_TOPIC_PERSON,
      "operator user employee worker badge medewerker bediener gebruiker ploegleider", "operator",
      "" },
    { KP_TOPIC_FREE, "capacity free capaciteit vrij", "capacity", "" },
    { KP_TOPIC_FIGURE,
      "oee availability performance effectiveness utilisation utilization beschikbaarheid "
      "prestatie bezetting",
      "figure", "" },
};

/* Whether one of the words, between spaces, is `text`. */
static bool has_word(const char *words, const char *text)
{
    size_t n = text ? strlen(text) : 0;
    for (const char *p = words; n && (p = strstr(p, text)); p += n)
        if ((p == words || p[-1] == ' ') && (p[n] == ' ' || !p[n]))
            return true;
    return false;
}

/* Where a word of a name begins: "partCount", "part_count", "PARTCOUNT", but not "departed". */
static bool word_begins(const char *name, size_t i)
{
    if (!i || !isalpha((unsigned char)name[i - 1]))
        return true;
    return isupper((unsigned char)name[i]) && islower((unsigned char)name[i - 1]);
}

/* Whether one of the words begins a word of the name. */
static bool names_one(const char *words, const char *name)
{
    for (const char *w = words; *w;) {
        size_t n = strcspn(w, " ");
        for (size_t i = 0; name[i]; i++)
            if (strncasecmp(name + i, w, n) == 0 && word_begins(name, i) &&
                (n > 3 || !islower((unsigned char)name[i + n])))
                return true;
        w += n + (w[n] == ' ');
    }
    return false;
}

unsigned kp_topics_signal(const struct kp_signal_info *s)
{
    unsigned topics = s->states ? BIT(STATE) : 0;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (has_word(table[i].roles, s->role) || has_word(table[i].units, s->unit) ||
            names_one(table[i].words, s->name))
            topics |= 1u << table[i].topic;
    return topics ? topics : BIT(OTHER);
}

unsigned kp_topics_interval(unsigned kind)
{
    switch (kind) {
    case KP_INTERVAL_STATE:
        return BIT(STATE);
    case KP_INTERVAL_JOB:
    case KP_INTERVAL_BATCH:
        return BIT(ORDER);
    case KP_INTERVAL_PROGRAM:
        return BIT(PROGRAM);
    case KP_INTERVAL_PART:
        return BIT(CYCLE) | BIT(COUNT);
    case KP_INTERVAL_STOP:
    case KP_INTERVAL_ALARM:
        return BIT(FAULT);
    default:
        return 0;
    }
}

/* ---- gathered ---- */
static struct kp_revealed_machine *machine_entry(struct kp_reveals *r, kp_asset machine)
{
    for (size_t i = r->n; i-- > 0;) /* paths come in order: mostly the last one */
        if (r->machines[i].machine == machine)
            return &r->machines[i];
    if (!kp_grow(&r->machines, &r->room, r->n + 1, sizeof *r->machines)) {
        r->failed = true;
        return NULL;
    }
    r->machines[r->n] = (struct kp_revealed_machine){ .machine = machine };
    return &r->machines[r->n++];
}

void kp_reveals_add(struct kp_reveals *r, kp_asset machine, unsigned topics, bool before,
                    const char *path)
{
    struct kp_revealed_machine *m = machine_entry(r, machine);
    if (m && before)
        m->before |= topics;
    else if (m)
        m->here |= topics;
    for (unsigned t = 0; t < KP_TOPICS && !before; t++)
        if (topics & 1u << t && r->named[t] < KP_REVEALED_NAMES)
            snprintf(r->names[t][r->named[t]++], KP_PATH_MAX, "%s", path);
}

void kp_reveals_free(struct kp_reveals *r)
{
    kp_free(r->machines);
    *r = (struct kp_reveals){ 0 };
}

/* ---- what follows from it ---- */
enum when { ALWAYS, WHEN_RAW, WHEN_FINE, WHEN_ENDLESS, WHEN_ONWARD };
static const struct {
    const char *code;
    unsigned topics; /* all of them, of one machine; 0: of the terms */
    enum when when;
    const char *en, *nl;
} rules[] = {
    { "price", BIT(CYCLE) | BIT(COUNT), ALWAYS,
      "cycle time and part count of one machine together tell what a part costs you and how busy "
      "the machine is",
      "cyclustijd en aantal stuks van één machine vertellen samen wat een stuk u kost en hoe bezet "
      "de machine is" },
    { "output", BIT(COUNT), ALWAYS, "part counts tell how much you make, and when you make nothing",
      "aantallen vertellen hoeveel u maakt, en wanneer u niets maakt" },
    { "quality", BIT(SCRAP), ALWAYS, "scrap tells how well the process is under control",
      "afkeur vertelt hoe goed u het proces beheerst" },
    { "customers-by-program", BIT(PROGRAM), ALWAYS,
      "program names tell for which customers you work, and on which parts",
      "programmanamen vertellen voor welke klanten u werkt, en aan welke stukken" },
    { "customers-by-order", BIT(ORDER), ALWAYS,
      "order and batch numbers tell who your customers are and how much they buy",
      "order- en partijnummers vertellen wie uw klanten zijn en hoeveel zij afnemen" },
    { "shifts-by-power", BIT(POWER), WHEN_FINE,
      "power in steps of less than 15 minutes tells cycle times and shifts; steps of 15m and a "
      "mean are enough for most uses",
      "vermogen in stappen korter dan 15 minuten vertelt cyclustijden en ploegen; stappen van 15m "
      "met een gemiddelde zijn meestal genoeg" },
    { "reliability", BIT(FAULT), ALWAYS, "alarms and stops tell how reliable your machines are",
      "storingen en stilstand vertellen hoe betrouwbaar uw machines zijn" },
    { "utilisation", BIT(STATE), ALWAYS,
      "states tell when the machine works, so shifts and how busy you are",
      "toestanden vertellen wanneer de machine werkt: ploegen en bezetting" },
    { "people", BIT(PERSON), ALWAYS,
      "this names people of yours: personal data, for which the GDPR asks a reason and their "
      "knowledge",
      "dit noemt mensen: persoonsgegevens, waarvoor de AVG een grond vraagt en dat zij het weten" },
    { "free-time", BIT(FREE), ALWAYS,
      "free time tells how much work you have, and how much you need more of it",
      "vrije tijd vertelt hoeveel werk u hebt, en hoezeer u werk zoekt" },
    { "figures", BIT(FIGURE), ALWAYS,
      "key figures tell how well the factory runs, also to whoever buys from you",
      "kengetallen vertellen hoe goed de fabriek draait, ook aan wie bij u koopt" },
    { "raw", BIT(OTHER), WHEN_RAW,
      "each value goes as it was measured; where a trend is enough, steps do (--every 1m --fn "
      "mean)",
      "elke waarde gaat zoals ze is gemeten; waar een trend genoeg is volstaan stappen (--every 1m "
      "--fn mean)" },
    { "onward", 0, WHEN_ONWARD, "it may be handed on: who has it in the end you do not know",
      "het mag worden doorgegeven: wie het uiteindelijk heeft weet u niet" },
    { "endless", 0, WHEN_ENDLESS, "it has no end (--until)", "het heeft geen einde (--until)" },
};

static bool applies(enum when when, const struct kp_terms *t)
{
    switch (when) {
    case WHEN_RAW:
        return !t->every || t->every < KP_SECOND;
    case WHEN_FINE:
        return t->every < QUARTER_S * KP_SECOND;
    case WHEN_ENDLESS:
        return t->to == KP_FOREVER && t->until == KP_FOREVER;
    case WHEN_ONWARD:
        return t->distribution;
    case ALWAYS:
        break;
    }
    return true;
}

/* Whether one machine tells all of it; of what stands at no machine nobody knows whose it is. */
static bool all_of_one(const struct kp_reveals *r, unsigned topics, bool with_before)
{
    unsigned none = 0;
    for (size_t i = 0; i < r->n; i++)
        if (!r->machines[i].machine)
            none = r->machines[i].here | (with_before ? r->machines[i].before : 0);
    for (size_t i = 0; i < r->n; i++) {
        const struct kp_revealed_machine *m = &r->machines[i];
        unsigned has = none | m->here | (with_before ? m->before : 0);
        if ((has & topics) == topics && (m->here | none) & topics)
            return true;
    }
    return !topics;
}

bool kp_reveals_open(const struct kp_reveals *r)
{
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        unsigned some = 0, all = rules[i].topics;
        for (size_t k = 0; k < r->n; k++)
            some |= r->machines[k].here & all;
        if (some && all & (all - 1) && !all_of_one(r, all, false))
            return true;
    }
    return false;
}

static void put_names(struct kp_json *j, const struct kp_reveals *r, unsigned topics)
{
    kp_json_key(j, "signals");
    kp_json_begin(j, '[');
    for (unsigned t = 0; t < KP_TOPICS; t++)
        for (size_t i = 0; topics & 1u << t && i < r->named[t]; i++)
            kp_json_text(j, r->names[t][i]);
    kp_json_end(j, ']');
}

void kp_reveals_json(struct kp_json *j, const struct kp_reveals *r, const struct kp_terms *t)
{
    kp_json_begin(j, '[');
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        bool here = all_of_one(r, rules[i].topics, false);
        if (!applies(rules[i].when, t) || !(here || all_of_one(r, rules[i].topics, true)))
            continue;
        kp_json_begin(j, '{');
        kp_json_put_text(j, "code", rules[i].code);
        kp_json_put_text(j, "en", rules[i].en);
        kp_json_put_text(j, "nl", rules[i].nl);
        kp_json_put_bool(j, "together", !here);
        put_names(j, r, rules[i].topics);
        kp_json_end(j, '}');
    }
    kp_json_end(j, ']');
}
