/* SPDX-License-Identifier: Apache-2.0 */
/* make_seeds DIR: writes the seeds of fuzz_chunk, fuzz_journal and fuzz_rollup into DIR/chunk, DIR/journal, DIR/rollup:
 * one small blob for each way the codecs have of writing something. */
#include "store/chunk.h"
#include "store/journal.h"
#include "store/rollup.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { N = 60, KINDS = 15 };
static struct kp_sample s[N];
static double sines[N];

static struct kp_value value(int kind, int i)
{
    switch (kind) {
    case 0:
        return kp_double((double)(i * 37 % 100) / 10);
    case 1:
        return kp_double(i % 9 ? sin(i) : i % 2 ? INFINITY : -0.0);
    case 2:
        return kp_double((double)(i % 3) * 1e300);
    case 3:
        return (struct kp_value){ .f = (float)(i % 50) / 8, .type = KP_FLOAT };
    case 4:
        return kp_int((int64_t)i * i * 1000003);
    case 5:
        return kp_bool(i / 10 % 2);
    case 6:
        return kp_string(i % 2 ? "O1004.NC" : "O1000.NC", 8);
    case 7:
        return (struct kp_value){ .data = "0123456789abcdef0123456789abcdef",
                                  .len = (uint32_t)(i % 4) * 8,
                                  .type = KP_DOUBLE | KP_ARRAY };
    case 8:
        return i % 4 ? kp_double(i) : (struct kp_value){ .type = KP_NULL };
    case 10:
        return kp_double((double)((float)(i * 37 % 100) / 10)); /* from a REAL */
    case 11:
        return kp_double(i ? (double)(float)sin(i) : 0);
    case 12:
        return (struct kp_value){ .data = (const char *)&sines[i],
                                  .len = (uint32_t)(i % 9),
                                  .type = KP_BYTES };
    case 13:
        return (struct kp_value){ .i = INT64_MIN + i * 1000000007, .type = KP_TIME };
    case 14:
        return (struct kp_value){ .data = "\4\0\0\0text\0\0\0\0",
                                  .len = (uint32_t)(i % 4) * 4,
                                  .type = KP_STRING | KP_ARRAY };
    default:
        return (struct kp_value){ .u = UINT64_MAX - (uint64_t)i, .type = KP_UINT64 };
    }
}

static void save(const char *dir, const char *what, int kind, const struct kp_buf *b)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s/%d", dir, what, kind);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(b->data, 1, b->len, f) != b->len)
        perror(path);
    if (f)
        fclose(f);
}

/* A block of summaries, behind a byte that says its level. */
static void save_rollup(const char *dir, int kind)
{
    static struct kp_chunk_summary sums[KP_ROLLUP_BUCKETS];
    struct kp_buf out;
    int level = kind % 2;
    size_t n = 0;
    uint8_t first = (uint8_t)level;
    kp_buf_init(&out, 1 << 20);
    kp_buf_add(&out, &first, 1);
    for (size_t i = 0; i < (level == KP_HOURS ? 24 : 240); i += 1 + (size_t)kind % 5) {
        struct kp_sample p[4];
        for (int k = 0; k < 4; k++)
            p[k] = (struct kp_sample){ .at = kp_rollup_start(level, 40000) + (int64_t)i * kp_rollup_step(level) +
                                             k * INT64_C(1000000000),
                                       .status = kind == 3 && k == 2 ? KP_BAD : 0,
                                       .value = value(kind, (int)i + k) };
        kp_chunk_summarise(p, 4, &sums[n++]);
    }
    if (!kp_rollup_encode(level, 40000, sums, n, &out, NULL))
        save(dir, "rollup", kind, &out);
    kp_buf_free(&out);
}

int main(int argc, char **argv)
{
    uint32_t next[N];
    if (argc != 2)
        return 2;
    for (int i = 0; i < N; i++)
        sines[i] = sin(i);
    for (int kind = 0; kind < KINDS; kind++) {
        struct kp_buf chunk, row;
        struct kp_row_writer w = { 0 };
        kp_buf_init(&chunk, 1 << 20);
        kp_buf_init(&row, 1 << 20);
        for (int i = 0; i < N; i++) {
            s[i] = (struct kp_sample){ .signal = (kp_signal)(1 + i / 20),
                                       .at = 1700000000000000000 +
                                             i * (kind % 2 ? 1000000007 : 1000000000),
                                       .status = i % 11 || kind % 3 ? 0 : KP_BAD,
                                       .value = value(kind, i) };
            next[i] = i % 20 == 19 ? UINT32_MAX : (uint32_t)i + 1;
        }
        kp_chunk_encode(s, N, &chunk, NULL);
        kp_row_begin(&w, s[0].at);
        for (uint32_t i = 0; i < N; i += 20)
            kp_row_add(&w, s, next, i);
        kp_row_end(&w, &row, NULL);
        save(argv[1], "chunk", kind, &chunk);
        save(argv[1], "journal", kind, &row);
        if (kind < 6)
            save_rollup(argv[1], kind);
        kp_row_free(&w);
        kp_buf_free(&chunk);
        kp_buf_free(&row);
    }
    return 0;
}
