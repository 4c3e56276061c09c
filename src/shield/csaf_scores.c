/* SPDX-License-Identifier: Apache-2.0 */
/* Scores: 6.1.7, 6.1.9, 6.1.10, 6.2.19, 6.3.1, 6.3.2. (6.1.8 is the schema's.) */
#include "shield/csaf_private.h"

#include "shield/cvss.h"

#include <math.h>
#include <string.h>

#include "core/ban.h"

/* What is known of a product; the marks below these are those of csaf_vulnerabilities.c. */
enum {
    V2 = 1 << 16,
    V30 = 1 << 17,
    V31 = 1 << 18,
    ZERO = 1 << 19, /* its environmental score */
    SOME = 1 << 20,
};

bool csaf_is_cvss2(const char *vector)
{
    struct kp_cvss c;
    return kp_cvss_parse(vector, &c) && c.version == KP_CVSS_2;
}

bool csaf_is_cvss3(const char *vector)
{
    struct kp_cvss c;
    return kp_cvss_parse(vector, &c) && c.version != KP_CVSS_2;
}

/* A vector and the metrics beside it. False: there is no vector that can be read. */
static bool read_cvss(const struct kp_tree *cvss, bool v2, struct kp_cvss *c)
{
    const char *vector = kp_tree_text(cvss, "vectorString");
    return vector && kp_cvss_parse(vector, c) && (c->version == KP_CVSS_2) == v2;
}

/* What the vector leaves out the metrics may say. */
static void complete(struct kp_cvss *c, const struct kp_tree *cvss)
{
    const char *key;
    for (size_t i = 0; (key = kp_cvss_property(c->version, i)); i++) {
        const char *says = c->value[i] < 0 ? kp_tree_text(cvss, key) : NULL;
        if (says)
            c->value[i] = (int8_t)kp_cvss_value(c->version, i, says);
    }
}

static void check_metrics(struct csaf_checking *c, const struct kp_cvss *v,
                          const struct kp_tree *cvss)
{
    const char *key;
    char name[40];
    for (size_t i = 0; (key = kp_cvss_property(v->version, i)); i++) {
        const char *says = v->value[i] >= 0 ? kp_tree_text(cvss, key) : NULL;
        if (!says || kp_cvss_value(v->version, i, says) == v->value[i])
            continue;
        kp_cvss_value_name(v, i, name, sizeof name);
        csaf_found(c, "6.1.10", kp_tree_get(cvss, key), "%s is %.40s, the vector says %s", key,
                   says, name);
    }
}

static bool near(double a, double b)
{
    return fabs(a - b) < 1e-6;
}

static void check_score(struct csaf_checking *c, const struct kp_tree *cvss, const char *key,
                        const char *severity, double right, double other)
{
    const struct kp_tree *score = kp_tree_get(cvss, key), *word = kp_tree_get(cvss, severity);
    if (score && score->type == KP_TREE_NUMBER && !near(score->number, right) &&
        !near(score->number, other))
        csaf_found(c, "6.1.9", score, "%s is %.4g, computed from the vector it is %.4g", key,
                   score->number, right);
    if (word && word->type == KP_TREE_TEXT && strcmp(word->text, kp_cvss_severity(right)) != 0 &&
        strcmp(word->text, kp_cvss_severity(other)) != 0)
        csaf_found(c, "6.1.9", word, "%s is %.40s, of %.4g it is %s", severity, word->text, right,
                   kp_cvss_severity(right));
}

static void check_cvss(struct csaf_checking *c, const struct kp_tree *cvss, bool v2)
{
    struct kp_cvss v;
    struct kp_cvss_scores is, was;
    const struct kp_tree *vector = kp_tree_get(cvss, "vectorString");
    if (!cvss || !read_cvss(cvss, v2, &v))
        return;
    check_metrics(c, &v, cvss);
    if (v.twice)
        csaf_found(c, "6.1.9", vector, "metric %s stands twice in the vector", v.twice);
    complete(&v, cvss);
    const char *missing = kp_cvss_score(&v, false, &is);
    if (missing) {
        csaf_found(c, "6.1.9", vector, "the vector has no %s; no score can be computed", missing);
        return;
    }
    kp_cvss_score(&v, v.version == KP_CVSS_30, &was);
    check_score(c, cvss, "baseScore", "baseSeverity", is.base, was.base);
    check_score(c, cvss, "temporalScore", "temporalSeverity", is.temporal, was.temporal);
    check_score(c, cvss, "environmentalScore", "environmentalSeverity", is.environmental,
                was.environmental);
}

static void check_age(struct csaf_checking *c, const struct kp_tree *cvss)
{
    const char *version = kp_tree_text(cvss, "version"),
               *vector = kp_tree_text(cvss, "vectorString");
    if ((version && strcmp(version, "3.0") == 0) ||
        (vector && strncmp(vector, "CVSS:3.0/", 9) == 0))
        csaf_found(c, "6.3.2", cvss, "CVSS 3.0; 3.1 is better defined");
}

/* ---- for each product ---- */
static bool is_zero(const struct kp_tree *cvss, bool v2)
{
    struct kp_cvss v;
    struct kp_cvss_scores is;
    if (!cvss || !read_cvss(cvss, v2, &v))
        return false;
    complete(&v, cvss);
    return !kp_cvss_score(&v, false, &is) && is.environmental <= 0;
}

static uint32_t marks_of(const struct kp_tree *score)
{
    const struct kp_tree *two = kp_tree_get(score, "cvss_v2"),
                         *three = kp_tree_get(score, "cvss_v3");
    struct kp_cvss v;
    const char *version = kp_tree_text(three, "version");
    bool old = version ? strcmp(version, "3.0") == 0
                       : read_cvss(three, false, &v) && v.version == KP_CVSS_30;
    return SOME | (two ? V2 : 0) | (three ? old ? V30 : V31 : 0) |
           (is_zero(two, true) || is_zero(three, false) ? ZERO : 0);
}

static void mark_score(struct csaf_checking *c, const struct kp_tree *v,
                       const struct kp_tree *score)
{
    uint32_t marks = marks_of(score);
    for (const struct kp_tree *id = kp_tree_list(score, "products"); id; id = id->next) {
        struct csaf_slot *s = csaf_product(c, id);
        uint32_t *known = s ? csaf_marks(s, v) : NULL;
        if (known && *known & marks & (V2 | V30 | V31))
            csaf_found(c, "6.1.7", id,
                       "product '%.100s' has another score of the same version of CVSS", s->id);
        if (known)
            *known |= marks;
    }
}

static void check_two_alone(struct csaf_checking *c, const struct kp_tree *v,
                            const struct kp_tree *score)
{
    if (!kp_tree_get(score, "cvss_v2") || kp_tree_get(score, "cvss_v3"))
        return;
    for (const struct kp_tree *id = kp_tree_list(score, "products"); id; id = id->next) {
        struct csaf_slot *s = csaf_product(c, id);
        if (!s || *csaf_marks(s, v) & (V30 | V31))
            continue;
        csaf_found(c, "6.3.1", score, "product '%.100s' has a score of CVSS 2 only", s->id);
        return;
    }
}

static void check_fixed(struct csaf_checking *c, const struct kp_tree *v, const char *list)
{
    for (const struct kp_tree *id = kp_tree_list(kp_tree_get(v, "product_status"), list); id;
         id = id->next) {
        struct csaf_slot *s = csaf_product(c, id);
        uint32_t marks = s ? *csaf_marks(s, v) : 0;
        if (marks & SOME && !(marks & ZERO))
            csaf_found(c, "6.2.19", id,
                       "product '%.100s' is fixed, but its environmental score is not 0", s->id);
    }
}

void csaf_check_scores(struct csaf_checking *c)
{
    for (const struct kp_tree *v = c->vulnerabilities; v; v = v->next) {
        for (const struct kp_tree *s = kp_tree_list(v, "scores"); s; s = s->next) {
            check_cvss(c, kp_tree_get(s, "cvss_v2"), true);
            check_cvss(c, kp_tree_get(s, "cvss_v3"), false);
            check_age(c, kp_tree_get(s, "cvss_v3"));
            mark_score(c, v, s);
        }
        for (const struct kp_tree *s = kp_tree_list(v, "scores"); s; s = s->next)
            check_two_alone(c, v, s);
        check_fixed(c, v, "first_fixed");
        check_fixed(c, v, "fixed");
    }
}
