/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_STORE_INTS_H
#define KOPPEL_STORE_INTS_H
/* The integer column, under every other column of a chunk.
 *
 * mode u8 | first value(s) by mode, zigzag varints | residuals. Modes: plain; delta; delta of
 * delta; linear (residual = value - first - i * slope); runs. Residuals stand in blocks of 128:
 * width u8 (0..56, or 64), zigzag varint minimum, then each residual minus the minimum in `width`
 * bits, lowest bits first, each block padded to whole bytes. Residuals of what stands in front are
 * there but mean nothing. Runs: varint number of runs, each a zigzag varint difference to the run
 * before and a varint length. All arithmetic wraps. */
#include "store/chunk.h"

/* What a decoder reads from. */
struct kp_reader {
    const uint8_t *p, *end;
};
bool kp_read_u8(struct kp_reader *, uint8_t *);
bool kp_read_varint(struct kp_reader *, uint64_t *);
bool kp_read_bytes(struct kp_reader *, size_t n, const uint8_t **); /* n bytes in place */
void kp_put_varint(struct kp_buf *, uint64_t);
void kp_put_u8(struct kp_buf *, uint8_t);

/* Working memory of the codec, one per call; some 200 KiB. */
struct kp_scratch {
    int64_t values[KP_CHUNK_MAX], best[KP_CHUNK_MAX], trial[KP_CHUNK_MAX];
    uint64_t raw[KP_CHUNK_MAX];
    double real[KP_CHUNK_MAX];
    int64_t index[KP_CHUNK_MAX];
};
struct kp_scratch *kp_scratch_new(void); /* not zeroed; kp_free */

/* Appends n values (n <= KP_CHUNK_MAX). Uses best and trial of the scratch, so `v` may be any other
 * of its members. */
void kp_ints_encode(const int64_t *v, size_t n, struct kp_scratch *, struct kp_buf *out);
/* How many bytes encode would append for these values. */
size_t kp_ints_cost(const int64_t *v, size_t n, struct kp_scratch *);
bool kp_ints_decode(struct kp_reader *, size_t n, int64_t *out);
#endif
