/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_FLEX_SETTINGS_H
#define KOPPEL_FLEX_SETTINGS_H
/* What the shop floor goes by besides its calendar: reasons of stops, what energy costs, and of
 * each machine where its counters stand and how fast it should be. */
#include "core/err.h"
#include "core/text.h"

enum {
    KP_REASONS_MAX = 100,
    KP_MACHINE_RULES_MAX = 500,
    KP_CYCLES_MAX = 500,
    KP_GROUPS_MAX = 100,
    KP_REPORT_MAILS = 20,
    KP_SETTINGS_TEXT = 256 << 10
};

struct kp_reason {
    const char *name, *nl, *en, *category; /* nl, en: NULL = the name */
};
extern const char *const kp_reason_categories[]; /* "breakdown", "set-up" ...; ends with NULL */

struct kp_cycle {
    const char *program;
    int64_t ns;
};
enum kp_count {
    KP_COUNT_GOOD,
    KP_COUNT_SCRAP,
    KP_COUNT_PARTS,
    KP_COUNT_PROGRAM,
    KP_COUNT_ENERGY,
    KP_COUNT_POWER,
    KP_COUNTS
};
extern const char *const kp_count_words[]; /* "good", "scrap", "parts" ...; ends with NULL */
struct kp_machine_rule {
    const char *match;
    const char *signals[KP_COUNTS]; /* relative to the machine; NULL: by their role */
    int64_t cycle;                  /* ns a part, whatever the program; 0: not said */
    int64_t fastest;   /* ns; a counter that gains more is doubtful; 0: half a second */
    int64_t threshold; /* of a stop; 0: that of the shop */
    size_t n_cycles;
    const struct kp_cycle *cycles;
};
struct kp_group { /* machines of which any can do the same work */
    const char *name, *match;
};
enum kp_grain { KP_GRAIN_WEEK, KP_GRAIN_DAY };
struct kp_report_plan { /* who gets the shift report, and when */
    const char *mail[KP_REPORT_MAILS];
    size_t n_mail;
    const char *match, *currency; /* match: "" = all machines */
    uint16_t at;                  /* minutes of the day */
    uint8_t days;                 /* on which it is sent: a bit per day, Monday = 1 */
    bool dutch;
};
struct kp_settings { /* texts live in the document behind it */
    void *document;
    int64_t threshold; /* a stop lasts at least so long */
    double price, co2; /* of a kWh, in the money of the node; kg CO2 a kWh */
    bool by_program;   /* operations begin when a machine takes their program */
    bool by_count;     /* and end when enough good parts are made; else a person says so */
    int64_t round;     /* free time is told in steps of so much */
    int64_t grace;     /* a machine that stands longer is out until it is repaired */
    uint8_t grain;     /* enum kp_grain */
    size_t n_reasons, n_machines, n_groups;
    struct kp_group *groups;
    struct kp_reason *reasons;
    struct kp_machine_rule *machines;
    struct kp_cycle *cycles;
    struct kp_report_plan report;
};

/* Checks everything. Free it, also after a failure. */
enum kp_code kp_settings_parse(const char *json, struct kp_settings *, struct kp_err *);
void kp_settings_free(struct kp_settings *);

const struct kp_reason *kp_settings_reason(const struct kp_settings *, const char *name);
const struct kp_group *kp_settings_group(const struct kp_settings *, const char *name);
/* The most specific rule for a machine; one that says nothing when there is none. */
const struct kp_machine_rule *kp_settings_machine(const struct kp_settings *, const char *path);
int64_t kp_settings_threshold(const struct kp_settings *, const struct kp_machine_rule *);
/* The time a part of this program should take, as it was set; 0: it was not. */
int64_t kp_machine_rule_cycle(const struct kp_machine_rule *, const char *program);
#endif
