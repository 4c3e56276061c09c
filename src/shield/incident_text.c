/* SPDX-License-Identifier: Apache-2.0 */
/* What a report to an authority says, filled in from the record. What only a person knows is marked
 * "[fill in: ...]". */
#include "flex/page.h"
#include "net/json_memory.h"
#include "shield/incident_keep.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { LISTED = 60 };

struct telling {
    const struct incident *in;
    enum incident_stage stage;
    const char *node;
    struct kp_pen pen; /* of no page: for times */
    struct kp_buf *out;
};
#define IN(t, en, nl) KP_IN(&(t)->pen, en, nl)

static void fill_in(struct telling *t, const char *en, const char *nl)
{
    kp_buf_printf(t->out, "[%s %s]", IN(t, "fill in:", "in te vullen:"), IN(t, en, nl));
}

static void put_or_fill(struct telling *t, enum incident_text text, const char *en, const char *nl)
{
    if (t->in->text[text])
        kp_buf_str(t->out, t->in->text[text]);
    else
        fill_in(t, en, nl);
}

static void put_doubt(struct telling *t, int doubt, const char *en, const char *nl)
{
    static const char *const words[][2] = { { "not known yet", "nog niet bekend" },
                                            { "yes", "ja" },
                                            { "no", "nee" } };
    kp_buf_printf(t->out, "%s: %s.", IN(t, en, nl), words[doubt][t->pen.dutch]);
}

/* ---- the texts ---- */
static void put_organisation(struct telling *t)
{
    put_or_fill(t, TEXT_CONTACT,
                "name of the company, registration number, who can be reached, telephone, mail address",
                "naam van het bedrijf, KvK-nummer, wie te bereiken is, telefoon, mailadres");
}

static void put_what(struct telling *t)
{
    const struct incident *in = t->in;
    kp_buf_printf(t->out, "%s\n", in->text[TEXT_TITLE]);
    put_or_fill(t, TEXT_WHAT, "what happened, in a few sentences", "wat er gebeurde, in een paar zinnen");
    kp_buf_printf(t->out, "\n%s: %s.\n", IN(t, "Noticed", "Opgemerkt"),
                  kp_pen_instant(&t->pen, in->facts.aware));
    kp_buf_printf(t->out, "%s: %s.\n", IN(t, "Began", "Begonnen"),
                  in->began == KP_NO_TIME ? IN(t, "not known", "niet bekend")
                                          : kp_pen_instant(&t->pen, in->began));
    kp_buf_printf(t->out, "%s: %s", IN(t, "Status", "Status"),
                  incident_word(incident_statuses[in->facts.status], t->pen.dutch));
    if (in->facts.status == INCIDENT_CLOSED)
        kp_buf_printf(t->out, ", %s", kp_pen_instant(&t->pen, in->facts.handled));
    kp_buf_str(t->out, ".");
}

/* The numbers of vulnerabilities of a finding. */
static void put_cves(struct kp_buf *out, const char *holes)
{
    json_t *o = holes ? kp_json_load(holes, strlen(holes), 0, NULL) : NULL, *one;
    size_t i;
    json_array_foreach(json_object_get(o, "vulnerabilities"), i, one)
    {
        const char *id = json_string_value(json_object_get(one, "id"));
        if (id && i < LISTED)
            kp_buf_printf(out, "%s%s", i ? ", " : " ", id);
    }
    json_decref(o);
}

static void put_device(struct telling *t, const struct incident_device *d)
{
    kp_buf_printf(t->out, "- %s:", d->name ? d->name : "?");
    if (d->manufacturer || d->product)
        kp_buf_printf(t->out, " %s%s%s", d->manufacturer ? d->manufacturer : "",
                      d->manufacturer && d->product ? " " : "", d->product ? d->product : "");
    kp_buf_printf(t->out, "%s firmware %s", d->manufacturer || d->product ? "," : "",
                  d->firmware ? d->firmware : IN(t, "not known", "niet bekend"));
    if (d->serial)
        kp_buf_printf(t->out, ", %s %s", IN(t, "serial number", "serienummer"), d->serial);
    kp_buf_str(t->out, "\n");
    for (size_t i = 0; i < t->in->n_holes; i++) {
        const struct incident_hole *h = &t->in->holes[i];
        if (h->device != d->id)
            continue;
        kp_buf_printf(t->out, "  %s %s:", IN(t, "known hole,", "bekend lek,"), h->advisory);
        put_cves(t->out, h->holes);
        kp_buf_str(t->out, "\n");
    }
}

static void put_assets(struct telling *t)
{
    const struct incident *in = t->in;
    size_t before = t->out->len;
    for (size_t i = 0; i < in->n_devices; i++)
        put_device(t, &in->devices[i]);
    for (size_t i = 0; i < in->n_alarms && i < LISTED; i++)
        kp_buf_printf(t->out, "- %s: \u201c%s\u201d%s%s%s\n", kp_pen_instant(&t->pen, in->alarms[i].since),
                      in->alarms[i].text, in->alarms[i].asset && *in->alarms[i].asset ? " (" : "",
                      in->alarms[i].asset ? in->alarms[i].asset : "",
                      in->alarms[i].asset && *in->alarms[i].asset ? ")" : "");
    if (in->hidden)
        kp_buf_printf(t->out,
                      IN(t, "- %zu more that are secret here are not named\n",
                         "- %zu andere die hier geheim zijn worden niet genoemd\n"),
                      in->hidden);
    if (in->kept)
        kp_buf_printf(t->out,
                      IN(t, "- %zu known holes are not named, for their advisories may not be passed on\n",
                         "- %zu bekende lekken worden niet genoemd: die waarschuwingen mogen niet verder\n"),
                      in->kept);
    if (t->out->len == before)
        fill_in(t, "which systems are hit", "welke systemen geraakt zijn");
    else
        t->out->len--; /* the last end of a line */
}

static void put_malicious(struct telling *t)
{
    put_doubt(t, t->in->malicious, "An unlawful or malicious act is suspected",
              "Er wordt een onrechtmatige of kwaadwillige handeling vermoed");
}

static void put_border(struct telling *t)
{
    put_doubt(t, t->in->cross_border, "It has or could have an impact in other countries",
              "Het heeft of kan gevolgen hebben in andere landen");
}

static void put_assessment(struct telling *t)
{
    const struct incident *in = t->in;
    bool dutch = t->pen.dutch;
    kp_buf_printf(t->out, "%s: %s. %s: %s.\n", IN(t, "Severity", "Ernst"),
                  incident_word(incident_severities[in->severity], dutch), IN(t, "Kind", "Soort"),
                  incident_word(incident_categories[in->category], dutch));
    put_or_fill(t, TEXT_IMPACT, "what stood still, for how long; customers and damage",
                "wat stilstond, hoe lang; klanten en schade");
}

static void put_cause(struct telling *t)
{
    put_malicious(t);
    kp_buf_str(t->out, "\n");
    put_or_fill(t, TEXT_CAUSE, "the kind of threat, or the root cause",
                "het soort dreiging, of de grondoorzaak");
}

static void put_indicators(struct telling *t)
{
    put_or_fill(t, TEXT_INDICATORS, "addresses, file hashes, names of accounts; or: none known",
                "adressen, hashes van bestanden, namen van accounts; of: geen bekend");
}

static void put_line(struct telling *t, const struct incident_note *n)
{
    kp_buf_printf(t->out, "- %s: %s\n", kp_pen_instant(&t->pen, n->at), n->text);
}

static void put_measures(struct telling *t)
{
    size_t before = t->out->len;
    if (t->in->text[TEXT_MEASURES])
        kp_buf_printf(t->out, "%s\n", t->in->text[TEXT_MEASURES]);
    for (size_t i = 0; i < t->in->n_notes; i++)
        if (strcmp(t->in->notes[i].kind, "note") == 0)
            put_line(t, &t->in->notes[i]);
    if (t->out->len == before)
        fill_in(t, "what was done, and what is still being done", "wat er gedaan is, en wat er nog gedaan wordt");
    else
        t->out->len--;
}

static void put_timeline(struct telling *t)
{
    const struct incident *in = t->in;
    if (in->began != KP_NO_TIME)
        kp_buf_printf(t->out, "- %s: %s\n", kp_pen_instant(&t->pen, in->began), IN(t, "it began", "het begon"));
    kp_buf_printf(t->out, "- %s: %s", kp_pen_instant(&t->pen, in->facts.aware),
                  IN(t, "it was noticed", "het werd opgemerkt"));
    for (int i = 0; i < STAGES; i++)
        if (in->facts.sent[i] != KP_NO_TIME && i != (int)t->stage)
            kp_buf_printf(t->out, "\n- %s: %s%s%s", kp_pen_instant(&t->pen, in->facts.sent[i]),
                          incident_stage_title((enum incident_stage)i, in->facts.product, t->pen.dutch),
                          in->sent[i].reference ? ", " : "",
                          in->sent[i].reference ? in->sent[i].reference : "");
    if (in->facts.fixed != KP_NO_TIME)
        kp_buf_printf(t->out, "\n- %s: %s", kp_pen_instant(&t->pen, in->facts.fixed),
                      IN(t, "a remedy was there", "er was een oplossing"));
    if (in->facts.handled != KP_NO_TIME)
        kp_buf_printf(t->out, "\n- %s: %s", kp_pen_instant(&t->pen, in->facts.handled),
                      IN(t, "it was over", "het was voorbij"));
}

static void put_product(struct telling *t)
{
    fill_in(t, "name, type and versions of the product", "naam, type en versies van het product");
}

static void put_states(struct telling *t)
{
    put_or_fill(t, TEXT_STATES, "member states in which the product is on the market",
                "lidstaten waar het product op de markt is");
}

static void put_users(struct telling *t)
{
    fill_in(t, "what users of the product can do themselves", "wat gebruikers van het product zelf kunnen doen");
}

static void put_sensitive(struct telling *t)
{
    fill_in(t, "how sensitive this information is, and until when", "hoe gevoelig deze informatie is, en tot wanneer");
}

static void put_remedy(struct telling *t)
{
    if (t->in->facts.fixed != KP_NO_TIME)
        kp_buf_printf(t->out, "%s: %s.\n", IN(t, "There since", "Er sinds"),
                      kp_pen_instant(&t->pen, t->in->facts.fixed));
    put_measures(t);
}

#define ON(stage) (1u << (stage))
enum {
    NIS2_ALL = ON(STAGE_NIS2_WARNING) | ON(STAGE_NIS2_NOTIFICATION) | ON(STAGE_NIS2_PROGRESS) |
               ON(STAGE_NIS2_FINAL),
    CRA_ALL = ON(STAGE_CRA_WARNING) | ON(STAGE_CRA_NOTIFICATION) | ON(STAGE_CRA_FINAL),
    FREE = ON(STAGE_VOLUNTARY),
    FINAL = ON(STAGE_NIS2_FINAL) | ON(STAGE_CRA_FINAL),
    NOTIFICATION = ON(STAGE_NIS2_NOTIFICATION) | ON(STAGE_CRA_NOTIFICATION),
};
static const struct kind {
    const char *key, *en, *nl;
    void (*put)(struct telling *);
    unsigned stages;
} kinds[] = {
    { "organisation", "Who reports", "Wie meldt", put_organisation, NIS2_ALL | CRA_ALL | FREE },
    { "product", "Product", "Product", put_product, CRA_ALL },
    { "what", "What happened", "Wat er gebeurde", put_what, NIS2_ALL | CRA_ALL | FREE },
    { "assets", "What is hit", "Wat geraakt is", put_assets,
      ON(STAGE_NIS2_WARNING) | ON(STAGE_NIS2_NOTIFICATION) | ON(STAGE_NIS2_FINAL) | FREE },
    { "malicious", "Suspicion", "Vermoeden", put_malicious,
      ON(STAGE_NIS2_WARNING) | ON(STAGE_CRA_WARNING) | NOTIFICATION },
    { "crossBorder", "Other countries", "Andere landen", put_border,
      ON(STAGE_NIS2_WARNING) | ON(STAGE_NIS2_NOTIFICATION) | ON(STAGE_NIS2_FINAL) },
    { "states", "Member states", "Lidstaten", put_states, ON(STAGE_CRA_WARNING) },
    { "assessment", "How severe it is", "Hoe ernstig het is", put_assessment,
      NOTIFICATION | FINAL | ON(STAGE_NIS2_PROGRESS) | FREE },
    { "cause", "Threat or cause", "Dreiging of oorzaak", put_cause, FINAL },
    { "indicators", "Indicators of compromise", "Indicatoren van aantasting", put_indicators,
      ON(STAGE_NIS2_NOTIFICATION) | FREE },
    { "measures", "Measures", "Maatregelen", put_measures,
      NOTIFICATION | ON(STAGE_NIS2_PROGRESS) | ON(STAGE_NIS2_FINAL) | FREE },
    { "remedy", "Remedy", "Oplossing", put_remedy, ON(STAGE_CRA_FINAL) },
    { "users", "What users can do", "Wat gebruikers kunnen doen", put_users, ON(STAGE_CRA_NOTIFICATION) },
    { "sensitive", "How sensitive this is", "Hoe gevoelig dit is", put_sensitive, ON(STAGE_CRA_NOTIFICATION) },
    { "timeline", "In the order of time", "In volgorde van tijd", put_timeline,
      FINAL | ON(STAGE_NIS2_PROGRESS) },
};
enum { KINDS = sizeof kinds / sizeof *kinds };

bool incident_report_has(enum incident_stage stage, const char *key)
{
    for (size_t i = 0; i < KINDS; i++)
        if (kinds[i].stages & ON(stage) && strcmp(kinds[i].key, key) == 0)
            return true;
    return false;
}

static size_t count_open(const char *text, bool dutch)
{
    const char *mark = dutch ? "[in te vullen:" : "[fill in:";
    size_t n = 0;
    while ((text = strstr(text, mark))) {
        n++;
        text++;
    }
    return n;
}

enum kp_code incident_report(const struct incident *in, enum incident_stage stage, const char *node,
                             bool dutch, struct kp_arena *arena, struct incident_report *r,
                             struct kp_err *err)
{
    struct kp_page none;
    struct kp_buf out;
    kp_buf_init(&out, 1 << 20);
    struct telling t = { in, stage, node, kp_pen(arena, &none, dutch, err), &out };
    *r = (struct incident_report){ 0 };
    for (size_t i = 0; i < KINDS && !err->code; i++) {
        if (!(kinds[i].stages & ON(stage)) || r->n == REPORT_TEXTS)
            continue;
        struct report_text *text = &r->texts[r->n++];
        const char *own =
            json_string_value(json_object_get(in->sent[stage].texts, kinds[i].key));
        out.len = 0;
        if (!own)
            kinds[i].put(&t);
        *text = (struct report_text){ kinds[i].key, dutch ? kinds[i].nl : kinds[i].en,
                                      kp_arena_strdup(arena, own ? own : kp_buf_text(&out)), own };
        if (!text->text || out.failed)
            kp_fail(err, KP_ENOMEM, "out of memory");
        else
            r->open += count_open(text->text, dutch);
    }
    kp_buf_free(&out);
    return err->code;
}

/* ---- words of the record ---- */
const char *incident_word(const char *word, bool dutch)
{
    static const char *const words[][3] = {
        { "malware", "malware", "malware" },
        { "ransomware", "ransomware", "ransomware" },
        { "intrusion", "intrusion", "indringing" },
        { "denial-of-service", "denial of service", "onbereikbaar gemaakt (DoS)" },
        { "data-leak", "data leak", "datalek" },
        { "phishing", "phishing", "phishing" },
        { "supply-chain", "through a supplier", "via een leverancier" },
        { "vulnerability", "vulnerability", "kwetsbaarheid" },
        { "misuse", "misuse", "misbruik" },
        { "failure", "failure", "storing" },
        { "other", "other", "anders" },
        { "low", "low", "laag" },
        { "medium", "medium", "gemiddeld" },
        { "high", "high", "hoog" },
        { "critical", "critical", "kritiek" },
        { "open", "going on", "gaande" },
        { "contained", "contained", "onder controle" },
        { "closed", "over", "voorbij" },
        { "waiting", "has not begun", "nog niet begonnen" },
        { "running", "running", "loopt" },
        { "soon", "due soon", "bijna om" },
        { "overdue", "overdue", "te laat" },
        { "done", "sent", "verzonden" },
        { "unknown", "not known", "niet bekend" },
        { "yes", "yes", "ja" },
        { "no", "no", "nee" },
        { "made", "recorded", "vastgelegd" },
        { "changed", "changed", "gewijzigd" },
        { "note", "note", "notitie" },
        { "sent", "sent", "verzonden" },
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i][0], word) == 0)
            return words[i][1 + dutch];
    return word;
}
