/* SPDX-License-Identifier: Apache-2.0 */
/* CSAF: any bytes are judged, with findings that are texts and lie in the document. */
#include "core/text.h"
#include "net/json_memory.h"
#include "shield/csaf.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void see(void *arg, const struct kp_csaf_finding *f)
{
    (void)arg;
    assert(*f->text && *f->test->id);
    assert(!*f->pointer || *f->pointer == '/');
    assert(kp_utf8_valid(f->text, strlen(f->text)) &&
           kp_utf8_valid(f->pointer, strlen(f->pointer)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kp_err err = { 0 };
    struct kp_csaf_head head;
    kp_json_memory_init();
    enum kp_code code = kp_csaf_check((const char *)data, size, size % 2, &head, see, NULL, &err);
    assert(code == err.code && (!code || *err.text));
    assert(kp_utf8_valid(head.id, strlen(head.id)));
    return 0;
}
