/* SPDX-License-Identifier: Apache-2.0 */
/* A report, from the question to the file. */
#include "flex/report_private.h"

#include "core/ban.h"

enum kp_code kp_report(struct kp_shop *s, const struct kp_report_query *q,
                       enum kp_report_format format, struct kp_buf *out, struct kp_err *err)
{
    struct report r;
    struct kp_page page;
    if (!report_sum(s, q, &r, err) && !report_page(&r, &page, err))
        kp_page_show(&page, (enum kp_page_format)format, out, err);
    report_free(&r);
    return err->code;
}
