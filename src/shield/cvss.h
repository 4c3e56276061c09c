/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_SHIELD_CVSS_H
#define KOPPEL_SHIELD_CVSS_H
/* The Common Vulnerability Scoring System 2.0, 3.0 and 3.1 (FIRST): vectors read, scores computed.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum kp_cvss_version { KP_CVSS_2, KP_CVSS_30, KP_CVSS_31 };
enum { KP_CVSS_METRICS = 22 };

struct kp_cvss {
    enum kp_cvss_version version;
    int8_t value[KP_CVSS_METRICS]; /* which of the metric's values; -1: not given */
    const char *twice;             /* a metric that stands twice; NULL: none */
};

struct kp_cvss_scores {
    double base, temporal, environmental;
};

/* "CVSS:3.1/AV:N/..." is of version 3.x, "AV:N/..." of version 2. False: no vector, or an unknown
 * metric or value. */
bool kp_cvss_parse(const char *vector, struct kp_cvss *);
/* By its name in JSON ("attackVector"); NULL behind the last. */
const char *kp_cvss_property(enum kp_cvss_version, size_t metric);
int kp_cvss_value(enum kp_cvss_version, size_t metric,
                  const char *name); /* "NETWORK"; -1: no such value */
void kp_cvss_value_name(const struct kp_cvss *, size_t metric, char *out, size_t size);
/* NULL, or the name of a base metric that is missing: then there is no score. `naive`: round up as
 * FIRST's calculator of 3.0 did, where an error of floating point may count as a tenth. */
const char *kp_cvss_score(const struct kp_cvss *, bool naive, struct kp_cvss_scores *);
const char *kp_cvss_severity(double score); /* "MEDIUM", of version 3 */
#endif
