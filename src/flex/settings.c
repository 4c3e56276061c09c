/* SPDX-License-Identifier: Apache-2.0 */
#include "flex/settings.h"

#include "core/mem.h"
#include "flex/calendar.h"
#include "net/json_members.h"
#include "net/json_memory.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { PLACE = 80 };
#define THRESHOLD (60 * KP_SECOND)
#define ROUND     (1800 * KP_SECOND)
#define GRACE     (600 * KP_SECOND)

const char *const kp_reason_categories[] = { "breakdown", "set-up",  "material", "quality",
                                             "operator",  "planned", "other",    NULL };
const char *const kp_count_words[] = {
    "good", "scrap", "parts", "program", "energy", "power", NULL
};

/* What a new node begins with. */
static const struct kp_reason first_reasons[] = {
    { "breakdown", "storing", "breakdown", "breakdown" },
    { "set-up", "omstellen", "set-up", "set-up" },
    { "tool change", "gereedschapswissel", "tool change", "set-up" },
    { "no material", "geen materiaal", "no material", "material" },
    { "quality", "kwaliteit", "quality", "quality" },
    { "no operator", "geen bediening", "no operator", "operator" },
    { "planned", "gepland", "planned", "planned" },
};
enum { FIRST_REASONS = sizeof first_reasons / sizeof *first_reasons };

static enum kp_code read_reason(const json_t *o, const char *where, struct kp_reason *r,
                                struct kp_err *err)
{
    static const char *const known[] = { "name", "nl", "en", "category", NULL };
    size_t i = 0;
    if (kp_members_known(o, where, known, err) ||
        kp_member_text(o, where, "name", true, &r->name, err) ||
        kp_member_text(o, where, "nl", false, &r->nl, err) ||
        kp_member_text(o, where, "en", false, &r->en, err) ||
        kp_member_text(o, where, "category", false, &r->category, err))
        return err->code;
    if (strlen(r->name) >= KP_NAME_MAX)
        return kp_fail(err, KP_EINVALID, "%s.name: longer than %d bytes", where, KP_NAME_MAX - 1);
    if (!r->category)
        r->category = "other";
    while (kp_reason_categories[i] && strcmp(kp_reason_categories[i], r->category) != 0)
        i++;
    return kp_reason_categories[i]
               ? KP_OK
               : kp_fail(err, KP_EINVALID,
                         "%s.category: '%.40s' is none of breakdown, set-up, material, quality, "
                         "operator, planned, other",
                         where, r->category);
}

static enum kp_code read_reasons(const json_t *list, struct kp_settings *s, struct kp_err *err)
{
    size_t n = json_array_size(list);
    s->reasons = kp_alloc((n + FIRST_REASONS) * sizeof *s->reasons);
    if (!s->reasons)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    if (!list || json_is_null(list)) {
        memcpy(s->reasons, first_reasons, sizeof first_reasons);
        s->n_reasons = FIRST_REASONS;
    }
    for (size_t i = 0; i < n && !err->code; i++) {
        char where[PLACE];
        struct kp_reason *r = &s->reasons[s->n_reasons];
        snprintf(where, sizeof where, "reasons[%zu]", i);
        if (read_reason(json_array_get(list, i), where, r, err))
            break;
        if (kp_settings_reason(s, r->name))
            return kp_fail(err, KP_EINVALID, "%s.name: there are two reasons '%.60s'", where,
                           r->name);
        s->n_reasons++;
    }
    return err->code;
}

static enum kp_code read_cycles(const json_t *o, const char *where, struct kp_settings *s,
                                size_t *used, struct kp_machine_rule *m, struct kp_err *err)
{
    const json_t *cycles = json_object_get(o, "cycles");
    const char *program;
    json_t *v;
    m->cycles = s->cycles + *used;
    if (cycles && !json_is_null(cycles) && !json_is_object(cycles))
        return kp_fail(err, KP_EINVALID, "%s.cycles: must be an object of program and time", where);
    char place[PLACE + 8];
    snprintf(place, sizeof place, "%s.cycles", where);
    json_object_foreach((json_t *)(uintptr_t)cycles, program, v)
    {
        struct kp_cycle *c = &s->cycles[*used + m->n_cycles];
        c->program = program;
        if (kp_member_duration(cycles, place, program, &c->ns, err))
            return err->code;
        m->n_cycles += c->ns > 0;
    }
    *used += m->n_cycles;
    return KP_OK;
}

static enum kp_code read_machine(const json_t *o, const char *where, struct kp_settings *s,
                                 size_t *used, struct kp_err *err)
{
    static const char *const known[] = { "match",     "cycle",  "cycles", "fastest",
                                         "threshold", "good",   "scrap",  "parts",
                                         "program",   "energy", "power",  NULL };
    struct kp_machine_rule *m = &s->machines[s->n_machines++];
    if (kp_members_known(o, where, known, err) ||
        kp_member_pattern(o, where, "match", &m->match, err) ||
        kp_member_duration(o, where, "cycle", &m->cycle, err) ||
        kp_member_duration(o, where, "fastest", &m->fastest, err) ||
        kp_member_duration(o, where, "threshold", &m->threshold, err))
        return err->code;
    for (size_t i = 0; i < KP_COUNTS && !err->code; i++)
        if (!kp_member_text(o, where, kp_count_words[i], false, &m->signals[i], err) &&
            m->signals[i] && !kp_path_valid(m->signals[i]))
            kp_fail(err, KP_EINVALID,
                    "%s.%s: '%.80s' is not the path of a signal below the machine", where,
                    kp_count_words[i], m->signals[i]);
    return err->code ? err->code : read_cycles(o, where, s, used, m, err);
}

static enum kp_code read_machines(const json_t *list, struct kp_settings *s, struct kp_err *err)
{
    size_t n = json_array_size(list), cycles = 0, used = 0;
    for (size_t i = 0; i < n; i++)
        cycles += json_object_size(json_object_get(json_array_get(list, i), "cycles"));
    s->machines = kp_alloc((n + 1) * sizeof *s->machines); /* the last: of all others */
    s->cycles = kp_alloc((cycles + 1) * sizeof *s->cycles);
    if (!s->machines || !s->cycles)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    for (size_t i = 0; i < n && !err->code; i++) {
        char where[PLACE];
        snprintf(where, sizeof where, "machines[%zu]", i);
        read_machine(json_array_get(list, i), where, s, &used, err);
    }
    return err->code;
}

static enum kp_code read_energy(const json_t *o, struct kp_settings *s, struct kp_err *err)
{
    static const char *const known[] = { "price", "co2", NULL };
    if (!o || json_is_null(o))
        return KP_OK;
    if (kp_members_known(o, "energy", known, err) ||
        kp_member_number(o, "energy", "price", 0, 1e6, &s->price, err))
        return err->code;
    return kp_member_number(o, "energy", "co2", 0, 1e6, &s->co2, err);
}

/* ---- orders and capacity ---- */
static enum kp_code read_group(const json_t *o, const char *where, struct kp_settings *s,
                               struct kp_err *err)
{
    static const char *const known[] = { "name", "match", NULL };
    struct kp_group *g = &s->groups[s->n_groups];
    if (kp_members_known(o, where, known, err) ||
        kp_member_text(o, where, "name", true, &g->name, err) ||
        kp_member_pattern(o, where, "match", &g->match, err))
        return err->code;
    if (strlen(g->name) >= KP_NAME_MAX)
        return kp_fail(err, KP_EINVALID, "%s.name: longer than %d bytes", where, KP_NAME_MAX - 1);
    if (kp_settings_group(s, g->name))
        return kp_fail(err, KP_EINVALID, "%s.name: there are two groups '%.60s'", where, g->name);
    s->n_groups++;
    return KP_OK;
}

static enum kp_code read_groups(const json_t *list, struct kp_settings *s, struct kp_err *err)
{
    size_t n = json_array_size(list);
    s->groups = kp_alloc((n + 1) * sizeof *s->groups);
    if (!s->groups)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    for (size_t i = 0; i < n && !err->code; i++) {
        char where[PLACE];
        snprintf(where, sizeof where, "groups[%zu]", i);
        read_group(json_array_get(list, i), where, s, err);
    }
    return err->code;
}

static enum kp_code read_orders(const json_t *o, struct kp_settings *s, struct kp_err *err)
{
    static const char *const known[] = { "program", "finish", NULL };
    static const char *const finish[] = { "person", "count", NULL };
    int who = s->by_count;
    if (!o || json_is_null(o))
        return KP_OK;
    if (kp_members_known(o, "orders", known, err) ||
        kp_member_truth(o, "orders", "program", &s->by_program, err) ||
        kp_member_choice(o, "orders", "finish", finish, &who, err))
        return err->code;
    s->by_count = who;
    return KP_OK;
}

static enum kp_code read_capacity(const json_t *o, struct kp_settings *s, struct kp_err *err)
{
    static const char *const known[] = { "round", "grain", "grace", NULL };
    static const char *const grains[] = { "week", "day", NULL };
    int day = 0;
    if (!o || json_is_null(o))
        return KP_OK;
    if (kp_members_known(o, "capacity", known, err) ||
        kp_member_duration(o, "capacity", "round", &s->round, err) ||
        kp_member_duration(o, "capacity", "grace", &s->grace, err) ||
        kp_member_choice(o, "capacity", "grain", grains, &day, err))
        return err->code;
    s->grain = day ? KP_GRAIN_DAY : KP_GRAIN_WEEK;
    return KP_OK;
}

/* ---- the report ---- */
static enum kp_code read_report(const json_t *o, struct kp_report_plan *r, struct kp_err *err)
{
    static const char *const known[] = { "mail",  "at",       "days", "language",
                                         "match", "currency", NULL };
    const char *days = NULL, *language = NULL;
    *r = (struct kp_report_plan){ .match = "", .currency = "\u20ac", .at = 360, .days = 127 };
    if (!o || json_is_null(o))
        return KP_OK;
    if (kp_members_known(o, "report", known, err) || kp_member_addresses(o, "report", "mail", KP_REPORT_MAILS, r->mail, &r->n_mail, err) ||
        kp_member_minute(o, "report", "at", &r->at, err) ||
        kp_member_text(o, "report", "days", false, &days, err) ||
        kp_member_text(o, "report", "language", false, &language, err) ||
        kp_member_text(o, "report", "currency", false, &r->currency, err) ||
        kp_member_pattern(o, "report", "match", &r->match, err))
        return err->code;
    if (!kp_days_read(days, &r->days))
        return kp_fail(err, KP_EINVALID, "report.days: '%.40s' is not like mon-fri or mon,wed,sat",
                       days);
    if (language && strcmp(language, "nl") != 0 && strcmp(language, "en") != 0)
        return kp_fail(err, KP_EINVALID, "report.language: '%.20s' is neither nl nor en", language);
    if (r->at == 1440)
        return kp_fail(err, KP_EINVALID, "report.at: midnight is 00:00");
    r->currency = r->currency ? r->currency : "\u20ac";
    r->dutch = language && *language == 'n';
    return KP_OK;
}

static enum kp_code read_all(struct kp_settings *s, struct kp_err *err)
{
    static const char *const known[] = { "threshold", "reasons",  "machines", "groups", "energy",
                                         "orders",    "capacity", "report",   NULL };
    const json_t *reasons, *machines, *groups;
    if (kp_members_known(s->document, "shop", known, err) ||
        kp_member_duration(s->document, "shop", "threshold", &s->threshold, err) ||
        kp_member_list(s->document, "shop", "reasons", KP_REASONS_MAX, &reasons, err) ||
        kp_member_list(s->document, "shop", "machines", KP_MACHINE_RULES_MAX, &machines, err) ||
        kp_member_list(s->document, "shop", "groups", KP_GROUPS_MAX, &groups, err) ||
        read_reasons(reasons, s, err) || read_machines(machines, s, err) ||
        read_groups(groups, s, err) ||
        read_orders(json_object_get(s->document, "orders"), s, err) ||
        read_capacity(json_object_get(s->document, "capacity"), s, err))
        return err->code;
    if (read_energy(json_object_get(s->document, "energy"), s, err))
        return err->code;
    return read_report(json_object_get(s->document, "report"), &s->report, err);
}

enum kp_code kp_settings_parse(const char *json, struct kp_settings *s, struct kp_err *err)
{
    json_error_t e;
    *s = (struct kp_settings){
        .threshold = THRESHOLD, .by_program = true, .round = ROUND, .grace = GRACE
    };
    s->document = kp_json_load(json, strlen(json), JSON_REJECT_DUPLICATES, &e);
    if (!s->document)
        return kp_json_starved() ? kp_fail(err, KP_ENOMEM, "out of memory")
                                 : kp_fail(err, KP_EPARSE, "shop: line %d: %.120s", e.line, e.text);
    return read_all(s, err);
}

void kp_settings_free(struct kp_settings *s)
{
    json_decref(s->document);
    kp_free(s->reasons);
    kp_free(s->machines);
    kp_free(s->cycles);
    kp_free(s->groups);
    *s = (struct kp_settings){ 0 };
}

const struct kp_reason *kp_settings_reason(const struct kp_settings *s, const char *name)
{
    for (size_t i = 0; i < s->n_reasons; i++)
        if (strcmp(s->reasons[i].name, name) == 0)
            return &s->reasons[i];
    return NULL;
}

const struct kp_group *kp_settings_group(const struct kp_settings *s, const char *name)
{
    for (size_t i = 0; i < s->n_groups; i++)
        if (strcmp(s->groups[i].name, name) == 0)
            return &s->groups[i];
    return NULL;
}

const struct kp_machine_rule *kp_settings_machine(const struct kp_settings *s, const char *path)
{
    const struct kp_machine_rule *best = &s->machines[s->n_machines];
    for (size_t i = 0; i < s->n_machines; i++) {
        const struct kp_machine_rule *m = &s->machines[i];
        if (kp_pattern_match(m->match, path) &&
            (!best->match || kp_pattern_weight(m->match) >= kp_pattern_weight(best->match)))
            best = m;
    }
    return best;
}

int64_t kp_settings_threshold(const struct kp_settings *s, const struct kp_machine_rule *m)
{
    return m->threshold ? m->threshold : s->threshold;
}

int64_t kp_machine_rule_cycle(const struct kp_machine_rule *m, const char *program)
{
    for (size_t i = 0; i < m->n_cycles; i++)
        if (strcmp(m->cycles[i].program, program) == 0)
            return m->cycles[i].ns;
    return m->cycle;
}
