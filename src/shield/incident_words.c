/* SPDX-License-Identifier: Apache-2.0 */
/* What the laws ask of each stage, in words. */
#include "shield/incident_clock.h"

#include "core/ban.h"

enum { HOLDS_MAX = 6 };
struct stage_words {
    const char *article, *title[2], *why[2], *holds[2][HOLDS_MAX]; /* English, Dutch */
};

static const struct stage_words words[STAGES] = {
    [STAGE_NIS2_WARNING] = {
        "NIS2 art. 23(4)(a)", { "Early warning", "Vroegtijdige waarschuwing" },
        { "24 hours after it was noticed", "24 uur nadat het is opgemerkt" },
        { { "whether an unlawful or malicious act is suspected",
            "whether it could have an impact in other countries", "who can be reached about it" },
          { "of een onrechtmatige of kwaadwillige handeling wordt vermoed",
            "of het gevolgen in andere landen kan hebben", "wie erover te bereiken is" } } },
    [STAGE_NIS2_NOTIFICATION] = {
        "NIS2 art. 23(4)(b)", { "Incident notification", "Incidentmelding" },
        { "72 hours after it was noticed", "72 uur nadat het is opgemerkt" },
        { { "what has become known since the early warning",
            "a first assessment of how severe it is and of its impact",
            "indicators of compromise, where there are any" },
          { "wat sinds de vroegtijdige waarschuwing bekend is geworden",
            "een eerste beoordeling van de ernst en de gevolgen",
            "indicatoren van aantasting, als die er zijn" } } },
    [STAGE_NIS2_PROGRESS] = {
        "NIS2 art. 23(4)(e)", { "Progress report", "Voortgangsverslag" },
        { "one month after the notification, while the incident goes on",
          "een maand na de melding, zolang het incident voortduurt" },
        { { "how it stands, and what is still being done" },
          { "hoe het ervoor staat, en wat er nog gedaan wordt" } } },
    [STAGE_NIS2_FINAL] = {
        "NIS2 art. 23(4)(d)", { "Final report", "Eindverslag" },
        { "one month after the notification; of one that lasted longer, one month after it was handled",
          "een maand na de melding; als het langer duurde, een maand na de afhandeling" },
        { { "a detailed description, with how severe it was and its impact",
            "the kind of threat or root cause that is likely to have led to it",
            "measures taken and still going on", "the impact in other countries, if any" },
          { "een uitvoerige beschrijving, met de ernst en de gevolgen",
            "het soort dreiging of de grondoorzaak die er waarschijnlijk toe leidde",
            "maatregelen die zijn genomen en nog lopen", "de gevolgen in andere landen, als die er zijn" } } },
    [STAGE_CRA_WARNING] = {
        "CRA art. 14(4)(a)", { "Early warning (CRA)", "Vroegtijdige waarschuwing (CRA)" },
        { "24 hours after it was noticed", "24 uur nadat het is opgemerkt" },
        { { "whether an unlawful or malicious act is suspected",
            "the member states in which the product is on the market, as far as known" },
          { "of een onrechtmatige of kwaadwillige handeling wordt vermoed",
            "de lidstaten waar het product op de markt is, voor zover bekend" } } },
    [STAGE_CRA_NOTIFICATION] = {
        "CRA art. 14(4)(b)", { "Incident notification (CRA)", "Incidentmelding (CRA)" },
        { "72 hours after it was noticed", "72 uur nadat het is opgemerkt" },
        { { "the nature of the incident, and a first assessment", "measures taken",
            "measures that users can take", "how sensitive this information is",
            "apart from it: tell the users of the product (art. 14(8))" },
          { "de aard van het incident, en een eerste beoordeling", "maatregelen die zijn genomen",
            "maatregelen die gebruikers kunnen nemen", "hoe gevoelig deze informatie is",
            "daarnaast: waarschuw de gebruikers van het product (art. 14, lid 8)" } } },
    [STAGE_CRA_FINAL] = {
        "CRA art. 14(4)(c)", { "Final report (CRA)", "Eindverslag (CRA)" },
        { "one month after the notification", "een maand na de melding" },
        { { "a detailed description, with how severe it was and its impact",
            "the kind of threat or root cause that is likely to have led to it",
            "measures taken and still going on" },
          { "een uitvoerige beschrijving, met de ernst en de gevolgen",
            "het soort dreiging of de grondoorzaak die er waarschijnlijk toe leidde",
            "maatregelen die zijn genomen en nog lopen" } } },
    [STAGE_VOLUNTARY] = {
        "NIS2 art. 30, CRA art. 15", { "Voluntary report", "Vrijwillige melding" },
        { "no law sets a time", "geen wet stelt een termijn" },
        { { "what happened, and what others can learn from it" },
          { "wat er gebeurde, en wat anderen ervan kunnen leren" } } },
};

/* Of a vulnerability in a product that is being exploited, which has words of its own. */
static const struct stage_words exploited[] = {
    { "CRA art. 14(2)(a)", { "Early warning (CRA)", "Vroegtijdige waarschuwing (CRA)" },
      { "24 hours after it was noticed", "24 uur nadat het is opgemerkt" },
      { { "that the vulnerability is being exploited",
          "the member states in which the product is on the market, as far as known" },
        { "dat de kwetsbaarheid wordt misbruikt",
          "de lidstaten waar het product op de markt is, voor zover bekend" } } },
    { "CRA art. 14(2)(b)", { "Vulnerability notification (CRA)", "Kwetsbaarheidsmelding (CRA)" },
      { "72 hours after it was noticed", "72 uur nadat het is opgemerkt" },
      { { "the product", "the nature of the exploit and of the vulnerability", "measures taken",
          "measures that users can take; tell them as well (art. 14(8))",
          "how sensitive this information is" },
        { "het product", "de aard van het misbruik en van de kwetsbaarheid",
          "maatregelen die zijn genomen",
          "maatregelen die gebruikers kunnen nemen; waarschuw ook hen (art. 14, lid 8)",
          "hoe gevoelig deze informatie is" } } },
    { "CRA art. 14(2)(c)", { "Final report (CRA)", "Eindverslag (CRA)" },
      { "14 days after a remedy is there", "14 dagen nadat er een oplossing is" },
      { { "a description of the vulnerability, with how severe it is and its impact",
          "who exploits it, where that is known",
          "the security update or other remedy that is there now" },
        { "een beschrijving van de kwetsbaarheid, met de ernst en de gevolgen",
          "wie haar misbruikt, als dat bekend is",
          "de beveiligingsupdate of andere oplossing die er nu is" } } },
};

static const struct stage_words *words_of(enum incident_stage s, enum incident_product p)
{
    return p == PRODUCT_VULNERABILITY && incident_stage_is_cra(s) ? &exploited[s - STAGE_CRA_WARNING]
                                                                  : &words[s];
}

const char *incident_stage_title(enum incident_stage s, enum incident_product p, bool dutch)
{
    return words_of(s, p)->title[dutch];
}

const char *incident_stage_article(enum incident_stage s, enum incident_product p)
{
    return words_of(s, p)->article;
}

const char *incident_stage_to(enum incident_stage s, bool dutch)
{
    if (incident_stage_is_cra(s))
        return dutch ? "het CSIRT van het land en ENISA tegelijk, via het centrale meldplatform (CRA art. 16)"
                     : "the CSIRT of the country and ENISA at once, through the single reporting "
                       "platform (CRA art. 16)";
    return dutch ? "het CSIRT en de bevoegde autoriteit; in Nederland via het meldportaal van het NCSC"
                 : "the CSIRT or the competent authority; in the Netherlands through the portal of NCSC";
}

const char *incident_stage_why(enum incident_stage s, enum incident_product p, bool dutch)
{
    return words_of(s, p)->why[dutch];
}

const char *const *incident_stage_holds(enum incident_stage s, enum incident_product p, bool dutch)
{
    return words_of(s, p)->holds[dutch];
}
