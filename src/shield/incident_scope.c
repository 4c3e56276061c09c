/* SPDX-License-Identifier: Apache-2.0 */
/* Five plain questions, and what follows from the answers: which laws set clocks, and why. */
#include "net/json_members.h"
#include "net/json_memory.h"
#include "shield/incident_keep.h"
#include "shield/settings.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

#define IN(en, nl) (dutch ? (nl) : (en))

const char *incident_notice(bool dutch)
{
    return IN("This is no legal advice. The texts of the laws count: directive (EU) 2022/2555 (NIS2), "
              "in the Netherlands the Cyberbeveiligingswet, and regulation (EU) 2024/2847 (CRA).",
              "Dit is geen juridisch advies. De wetteksten gelden: richtlijn (EU) 2022/2555 (NIS2), in "
              "Nederland de Cyberbeveiligingswet, en verordening (EU) 2024/2847 (CRA).");
}

const char *incident_voluntary(bool dutch)
{
    return IN("No law sets a time here. A report of free will is possible (NIS2 art. 30, CRA art. 15), "
              "and helps others: in the Netherlands to the NCSC.",
              "Geen wet stelt hier een termijn. Vrijwillig melden kan (NIS2 art. 30, CRA art. 15) en helpt "
              "anderen: in Nederland bij het NCSC.");
}

/* ---- questions ---- */
static void put_choice(struct kp_json *j, const char *key, const char *text)
{
    kp_json_begin(j, '{');
    kp_json_put_text(j, "key", key);
    kp_json_put_text(j, "text", text);
    kp_json_end(j, '}');
}

static void begin_question(struct kp_json *j, const char *key, const char *text)
{
    kp_json_begin(j, '{');
    kp_json_put_text(j, "key", key);
    kp_json_put_text(j, "text", text);
    kp_json_key(j, "choices");
}

static void put_yes_or_no(struct kp_json *j, const char *key, const char *text)
{
    begin_question(j, key, text);
    kp_json_null(j);
    kp_json_end(j, '}');
}

static void put_sizes(struct kp_json *j, bool dutch)
{
    kp_json_begin(j, '[');
    put_choice(j, "small",
               IN("Fewer than 50 people, and at most 10 million euro turnover or balance sheet total",
                  "Minder dan 50 mensen, en hoogstens 10 miljoen euro omzet of balanstotaal"));
    put_choice(j, "medium",
               IN("50 people or more, or more than 10 million euro turnover and balance sheet total",
                  "50 mensen of meer, of meer dan 10 miljoen euro omzet \u00e9n balanstotaal"));
    put_choice(j, "large",
               IN("250 people or more, or more than 50 million euro turnover and 43 million balance sheet total",
                  "250 mensen of meer, of meer dan 50 miljoen euro omzet \u00e9n 43 miljoen balanstotaal"));
    kp_json_end(j, ']');
}

static void put_questions(struct kp_json *j, bool dutch)
{
    kp_json_key(j, "questions");
    kp_json_begin(j, '[');
    begin_question(j, "sector", IN("What does the company mainly do?", "Wat doet het bedrijf vooral?"));
    kp_json_begin(j, '[');
    for (const struct incident_sector *s = incident_sectors; s->key; s++)
        put_choice(j, s->key, IN(s->en, s->nl));
    kp_json_end(j, ']');
    kp_json_end(j, '}');
    begin_question(j, "size",
                   IN("How large is it, together with the companies it belongs to?",
                      "Hoe groot is het, samen met de bedrijven waar het bij hoort?"));
    put_sizes(j, dutch);
    kp_json_end(j, '}');
    put_yes_or_no(j, "named",
                  IN("Has the government named it as essential or important, or does it provide "
                     "telecommunication, domain names or trust services?",
                     "Heeft de overheid het aangewezen als essentieel of belangrijk, of levert het "
                     "telecommunicatie, domeinnamen of vertrouwensdiensten?"));
    put_yes_or_no(j, "supplier",
                  IN("Does it supply companies that are essential or important?",
                     "Levert het aan bedrijven die essentieel of belangrijk zijn?"));
    put_yes_or_no(j, "products",
                  IN("Does it sell products with software or a data connection under its own name, such as "
                     "machines with a control?",
                     "Verkoopt het onder eigen naam producten met software of een dataverbinding, zoals "
                     "machines met een besturing?"));
    kp_json_end(j, ']');
}

/* ---- what follows ---- */
static const char *why_nis2(const struct incident_scope *s, enum incident_entity e, bool dutch)
{
    if (!s->answered)
        return IN("Answer the five questions first.", "Beantwoord eerst de vijf vragen.");
    if (e == ENTITY_ESSENTIAL)
        return IN("A large company in a sector of annex I is an essential entity (art. 3(1)).",
                  "Een groot bedrijf in een sector van bijlage I is een essenti\u00eble entiteit (art. 3, lid 1).");
    if (e && s->named)
        return IN("It is in scope whatever its size (art. 2(2)); the decision says whether it is essential "
                  "or important.",
                  "Het valt eronder ongeacht de omvang (art. 2, lid 2); de aanwijzing zegt of het essentieel "
                  "of belangrijk is.");
    if (e)
        return IN("A company of this size in a sector of annex I or II is an important entity (art. 3(2)).",
                  "Een bedrijf van deze omvang in een sector van bijlage I of II is een belangrijke entiteit "
                  "(art. 3, lid 2).");
    if (s->supplier)
        return IN("Not by its sector and size. Customers who are in scope may ask by contract to be told of "
                  "incidents, and for evidence (art. 21(2)(d)).",
                  "Niet door sector en omvang. Klanten die eronder vallen mogen in een contract vragen om "
                  "incidenten te melden, en om bewijs (art. 21, lid 2, onder d).");
    return IN("Not by its sector and size.", "Niet door sector en omvang.");
}

static const char *why_cra(const struct incident_scope *s, bool dutch)
{
    if (!s->answered)
        return IN("Answer the five questions first.", "Beantwoord eerst de vijf vragen.");
    return s->products
               ? IN("Whoever sells products with digital elements under its own name is a manufacturer, of any "
                    "size. From 11 September 2026 actively exploited vulnerabilities and severe incidents of "
                    "these products are reported, those sold earlier too (art. 14, 69(3)).",
                    "Wie onder eigen naam producten met digitale elementen verkoopt is fabrikant, ongeacht de "
                    "omvang. Vanaf 11 september 2026 worden actief misbruikte kwetsbaarheden en ernstige "
                    "incidenten van die producten gemeld, ook van eerder verkochte (art. 14, 69, lid 3).")
               : IN("It sells no products with digital elements under its own name.",
                    "Het verkoopt geen producten met digitale elementen onder eigen naam.");
}

static void put_law(struct kp_json *j, const char *law, const char *name, bool applies, const char *as,
                    const char *why)
{
    kp_json_begin(j, '{');
    kp_json_put_text(j, "law", law);
    kp_json_put_text(j, "name", name);
    kp_json_put_bool(j, "applies", applies);
    kp_json_put_text(j, "as", as);
    kp_json_put_text(j, "why", why);
    kp_json_end(j, '}');
}

static void put_laws(struct kp_json *j, const struct incident_scope *s, bool dutch)
{
    static const char *const as[] = { NULL, "important", "essential" };
    enum incident_entity e = incident_entity(s);
    bool cra = s->answered && s->products;
    kp_json_key(j, "laws");
    kp_json_begin(j, '[');
    put_law(j, "nis2", "NIS2 / Cyberbeveiligingswet", e, as[e], why_nis2(s, e, dutch));
    put_law(j, "cra", "Cyber Resilience Act", cra, NULL, why_cra(s, dutch));
    kp_json_end(j, ']');
    kp_json_put_text(j, "voluntary", s->answered && !e ? incident_voluntary(dutch) : NULL);
    kp_json_put_text(j, "notice", incident_notice(dutch));
}

static void put_answers(struct kp_json *j, const struct incident_scope *s)
{
    kp_json_key(j, "answers");
    if (!s->answered) {
        kp_json_null(j);
        return;
    }
    kp_json_begin(j, '{');
    kp_json_put_text(j, "sector", incident_sectors[s->sector].key);
    kp_json_put_text(j, "size", incident_sizes[s->size]);
    kp_json_put_bool(j, "named", s->named);
    kp_json_put_bool(j, "supplier", s->supplier);
    kp_json_put_bool(j, "products", s->products);
    kp_json_end(j, '}');
}

static void put_who(struct kp_json *j, const char *text, bool answered)
{
    json_t *by = text && answered ? kp_json_load(text, strlen(text), 0, NULL) : NULL;
    kp_json_put_text(j, "changed", json_string_value(json_object_get(by, "at")));
    kp_json_put_text(j, "who", json_string_value(json_object_get(by, "who")));
    json_decref(by);
}

enum kp_code kp_incident_scope(struct kp_shield *s, bool dutch, struct kp_json *j, struct kp_err *err)
{
    struct shield_settings set = { 0 };
    struct kp_arena arena = { 0 };
    struct kp_db *db = kp_store_reader(s->store, err);
    if (db && !shield_settings_read(db, &set, err)) {
        kp_json_begin(j, '{');
        put_answers(j, &set.scope);
        put_questions(j, dutch);
        put_laws(j, &set.scope, dutch);
        put_who(j, kp_setting_get(db, &arena, SHIELD_ANSWERED), set.scope.answered);
        kp_json_end(j, '}');
    }
    kp_store_reader_done(s->store, db);
    shield_settings_free(&set);
    kp_arena_free(&arena);
    return err->code;
}

enum kp_code kp_incident_scope_put(struct kp_shield *s, const json_t *body, const char *who,
                                   struct kp_err *err)
{
    char at[KP_TIME_TEXT];
    struct kp_buf by;
    kp_time_print(kp_utc(s->clock), at);
    kp_buf_init(&by, 1024);
    struct kp_json j = kp_json(&by);
    kp_json_begin(&j, '{');
    kp_json_put_text(&j, "at", at);
    kp_json_put_text(&j, "who", who);
    kp_json_end(&j, '}');
    shield_settings_part(s, "scope", body, kp_buf_text(&by), err);
    kp_buf_free(&by);
    return err->code;
}
