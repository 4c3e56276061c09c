/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_SHIELD_EVIDENCE_KEEP_H
#define KOPPEL_SHIELD_EVIDENCE_KEEP_H
/* For the files of the evidence pack: evidence.c (gathers), evidence_page.c, evidence_json.c. */
#include "shield/evidence.h"
#include "shield/finding_show.h"
#include "store/audit.h"
#include "store/backup.h"
#include "store/retention.h"
#include "store/user.h"

enum { EVIDENCE_SINCE_DAYS = 365, EVIDENCE_BACKUP_DAYS = 90, URGENCIES = 4 };
extern const char *const evidence_urgencies[URGENCIES]; /* the worst first */

struct evidence_device {
    const char *name, *manufacturer, *product, *order_code, *firmware;
    size_t open; /* findings that it is affected by */
};
struct evidence_span { /* how long things took, or have taken until now */
    size_t n;
    int64_t median, longest; /* ns; 0 when n is 0 */
};
struct evidence_user {
    const char *name;
    enum kp_role role;
    bool totp, disabled;
    int64_t seen;
};
struct evidence_token {
    const char *name;
    enum kp_role role; /* KP_NOBODY: posts values, or is a member of collections */
    bool member;
    int64_t created, expires; /* expires 0: never */
};
struct evidence_share { /* an agreement with another company */
    const char *partner, *dataset;
    bool gives, active;
    int64_t since, ended; /* KP_NO_TIME: not */
    int64_t exits, last;  /* in the last year, of what is given */
};
struct evidence_member { /* who reads or writes a collection of threat information */
    const char *collection, *who, *tlp;
    bool reads, writes;
    int64_t objects; /* that went out to it in the last year */
};
struct evidence {
    const struct kp_evidence *asked;
    struct kp_arena *arena;
    int64_t now;
    struct showing showing; /* whose findings these are */
    size_t n_devices, hidden, n_findings, n_users, n_tokens, n_shares, n_members;
    struct evidence_device *devices;
    const struct line *findings;
    size_t affected[URGENCIES], review, kept; /* kept: of advisories that may not be passed on */
    struct evidence_span fixed, open;
    struct kp_backup_plan plan;
    size_t backups, failed, proven;
    int64_t last_backup, last_proven;
    bool same_disk;
    struct evidence_user *users;
    struct evidence_token *tokens;
    struct evidence_share *shares;
    struct evidence_member *members;
    struct kp_retention retention;
    struct kp_audit_verdict audit;
    int64_t schema;
    size_t incidents, incidents_late; /* of the last year; late: something was reported late */
};

/* Whether an advisory may be named to others. */
bool evidence_may_name(const struct line *);
bool evidence_affects(const struct line *); /* for sure, or as a person answered */
enum kp_code evidence_page(const struct evidence *, struct kp_buf *out, struct kp_err *);
void evidence_json(const struct evidence *, struct kp_json *);
#endif
