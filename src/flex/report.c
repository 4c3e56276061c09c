/* SPDX-License-Identifier: Apache-2.0 */
/* A report, from the question to the file. */
#include "flex/report_private.h"

#include "core/ban.h"

enum kp_code kp_report(struct kp_shop *s, const struct kp_report_query *q,
                       enum kp_report_format format, struct kp_buf *out, struct kp_err *err)
{
    struct report r;
    struct page page;
    if (!report_sum(s, q, &r, err) && !report_page(&r, &page, err)) {
        if (format == KP_REPORT_PDF)
            report_pdf(&page, out, err);
        else if (format == KP_REPORT_HTML)
            report_html(&page, out);
        else
            report_text(&page, out);
        if (out->failed)
            kp_fail(err, KP_ENOMEM, "out of memory");
    }
    report_free(&r);
    return err->code;
}
