/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_COUPLINGS_MTCONNECT_MULTIPART_H
#define KOPPEL_COUPLINGS_MTCONNECT_MULTIPART_H
/* Parts of a multipart/x-mixed-replace stream as MTConnect agents send it (Part 1, streaming): each has a
 * Content-length. Bytes come as they come. */
#include "core/err.h"
#include "core/mem.h"

enum { KP_PART_MAX = 16 << 20, KP_PART_HEAD_MAX = 8 << 10 };

typedef enum kp_code kp_multipart_take(void *arg, const char *part, size_t n, struct kp_err *);
struct kp_multipart {
    kp_multipart_take *take;
    void *arg;
    struct kp_buf buf; /* what is not handed on yet */
    size_t body;       /* bytes of the part under way; 0 = its head is */
};
void kp_multipart_begin(struct kp_multipart *, kp_multipart_take *, void *arg);
enum kp_code kp_multipart_feed(struct kp_multipart *, const char *data, size_t n, struct kp_err *);
void kp_multipart_end(struct kp_multipart *);
#endif
