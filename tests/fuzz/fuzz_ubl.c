/* SPDX-License-Identifier: Apache-2.0 */
/* UBL: any bytes are judged, with faults that are texts and lie in the document. */
#include "flex/ubl.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void see(void *arg, const struct kp_ubl_fault *f)
{
    assert(f->line <= *(unsigned *)arg && *f->rule && *f->text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kp_err err = { 0 };
    struct kp_ubl_head head;
    unsigned lines = 1;
    for (size_t i = 0; i < size; i++)
        lines += data[i] == '\n';
    enum kp_code code = kp_ubl_check((const char *)data, size, &head, see, &lines, &err);
    assert(code == err.code && (code || *head.root));
    assert(!code || (*err.text && !head.faults));
    return 0;
}
