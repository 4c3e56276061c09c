/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_FLEX_REPORT_H
#define KOPPEL_FLEX_REPORT_H
/* What an owner reads in a minute: the shift report (from one mail to the next, each on the days
 * and at the time of the settings) and the report of a calendar month, in Dutch or English. The
 * figures are those of kp_shop_oee, summed up in report_sum.c; report_page.c says them in words,
 * and page_html.c, page_text.c and page_pdf.c show the same page. */
#include "flex/shop.h"

struct kp_alarms;

enum kp_report_kind { KP_REPORT_SHIFT, KP_REPORT_MONTH };
enum kp_report_format { KP_REPORT_HTML, KP_REPORT_PDF, KP_REPORT_TEXT };
extern const char *const kp_report_kinds[], *const kp_report_formats[],
                                                *const kp_report_languages[]; /* end with NULL */

struct kp_report_query {
    enum kp_report_kind kind;
    const char *const *assets; /* patterns; none: those of the settings */
    size_t n_assets;
    int64_t now, at;             /* at: of a shift report the one that was last due then */
    const char *month;           /* "2026-10"; NULL: the last one that is over */
    int language;                /* in kp_report_languages; negative: as the settings say */
    enum kp_recipient recipient; /* what may not go there is not in it */
};
enum kp_code kp_report(struct kp_shop *, const struct kp_report_query *, enum kp_report_format,
                       struct kp_buf *out, struct kp_err *);

/* ---- by mail ---- */
/* Through the mail server of the plan of delivery, which belongs to the alarms. Before the start.
 */
void kp_shop_mail_by(struct kp_shop *, struct kp_alarms *);
/* To everyone in the settings, now; how many got it. */
enum kp_code kp_report_send(struct kp_shop *, const struct kp_report_query *, size_t *sent,
                            struct kp_err *);
/* When the next one goes out, and what became of the last. */
enum kp_code kp_report_state(struct kp_shop *, struct kp_json *, struct kp_err *);
#endif
