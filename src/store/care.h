/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_STORE_CARE_H
#define KOPPEL_STORE_CARE_H
/* Housekeeping of the data file, in a thread of its own: rollups, retention, the forecast, backups.
 * It reads through a connection of the pool and writes through kp_store_do in small pieces, so that no
 * commit waits for it. Each job is one function in the table of care.c. */
#include "store/engine.h"

/* Does one small piece of work (some ten ms) and returns true when there is more to do at once; false
 * when it has nothing to do until its period has passed. A failure is told in err; the job is called
 * again after its period. */
typedef bool kp_care_job(struct kp_store *, struct kp_err *);

/* One round by hand, for tests: every job until it has nothing more to do. The first failure in err. */
enum kp_code kp_care_round(struct kp_store *, struct kp_err *);
enum kp_code kp_care_start(struct kp_store *, struct kp_err *); /* by kp_store_start */
void kp_care_stop(struct kp_store *);                           /* by kp_store_stop; waits */
bool kp_care_stopping(const struct kp_store *); /* for long jobs: give up now */

/* ---- the jobs ---- */
kp_care_job kp_rollup_turn;   /* rollup_job.c */
kp_care_job kp_position_turn; /* position.c */
kp_care_job kp_retention_turn; /* retain.c */
kp_care_job kp_forecast_turn;  /* growth.c */
kp_care_job kp_backup_turn;    /* backup_job.c */
kp_care_job kp_audit_turn;     /* audit.c */
kp_care_job kp_file_turn;      /* open.c: fails while another file, or none, stands in the place of ours */
#endif
