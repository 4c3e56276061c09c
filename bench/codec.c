/* SPDX-License-Identifier: Apache-2.0 */
/* codec [DATA]: bytes and CPU ns a value of the columns, of whole chunks and of the journal, one
 * thread. DATA is a folder of recordings (semicolons, a line of names, a time in front); without it
 * only our own synthetic series are measured. */
#include "store/journal.h"
#include "store/reals.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { POINTS = 1024, CHUNKS = 32, ALL = POINTS * CHUNKS, COLUMNS = 8, LINE = 1024 };

struct series {
    const char *name;
    size_t n; /* whole chunks */
    bool is_float;
    double v[ALL];
};

struct cost {
    double bytes, encode, decode; /* a value; ns */
};

static struct kp_scratch *scratch;

static double cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void need(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "codec: %s\n", what);
    exit(1);
}

static struct kp_sample sample_of(const struct series *s, size_t i)
{
    struct kp_sample p = { .signal = 1,
                           .at = INT64_C(1700000000000000000) + (int64_t)i * 1000000000 };
    p.value = s->is_float ? (struct kp_value){ .f = (float)s->v[i], .type = KP_FLOAT }
                          : kp_double(s->v[i]);
    return p;
}

/* ---- one chunk, there and back, as often as asked: the column alone, or all of it ---- */
static void load(const struct series *s, size_t from)
{
    for (size_t i = 0; i < POINTS; i++) {
        double d = s->v[from + i];
        float f = (float)d;
        scratch->raw[i] = 0;
        memcpy(&scratch->raw[i], s->is_float ? (const void *)&f : (const void *)&d,
               s->is_float ? sizeof f : sizeof d);
        scratch->real[i] = d;
    }
}

static void time_column(const struct series *s, size_t from, int times, struct kp_buf *out,
                        struct cost *c)
{
    load(s, from);
    double start = cpu_ns();
    for (int k = 0; k < times; k++) {
        out->len = 0;
        kp_reals_encode(POINTS, s->is_float, scratch, out);
    }
    double middle = cpu_ns();
    for (int k = 0; k < times; k++) {
        struct kp_reader r = { (const uint8_t *)out->data, (const uint8_t *)out->data + out->len };
        need(kp_reals_decode(&r, POINTS, s->is_float, scratch) && r.p == r.end,
             "a column does not come back");
    }
    c->bytes += (double)out->len;
    c->encode += (middle - start) / times;
    c->decode += (cpu_ns() - middle) / times;
}

static void time_chunk(const struct series *s, size_t from, int times, struct kp_buf *out,
                       struct cost *c)
{
    static struct kp_sample in[POINTS], back[KP_CHUNK_MAX];
    struct kp_arena arena = { 0 };
    size_t n = 0;
    for (size_t i = 0; i < POINTS; i++)
        in[i] = sample_of(s, from + i);
    double start = cpu_ns();
    for (int k = 0; k < times; k++) {
        out->len = 0;
        need(!kp_chunk_encode(in, POINTS, out, NULL), "a chunk is refused");
    }
    double middle = cpu_ns();
    for (int k = 0; k < times; k++)
        need(!kp_chunk_decode(out->data, out->len, 1, back, &n, &arena, NULL),
             "a chunk does not come back");
    c->bytes += (double)out->len;
    c->encode += (middle - start) / times;
    c->decode += (cpu_ns() - middle) / times;
    for (size_t i = 0; i < n; i++)
        need(kp_value_equal(&in[i].value, &back[i].value) && in[i].at == back[i].at,
             "a value has changed");
}

static struct cost measure(const struct series *s, void (*one)(const struct series *, size_t, int,
                                                               struct kp_buf *, struct cost *))
{
    struct cost c = { 0 };
    struct kp_buf out;
    kp_buf_init(&out, 1 << 20);
    for (size_t from = 0; from < s->n; from += POINTS)
        one(s, from, 50, &out, &c);
    kp_buf_free(&out);
    double n = (double)s->n;
    return (struct cost){ c.bytes / n, c.encode / n, c.decode / n };
}

static void print(const char *name, struct cost column, struct cost chunk)
{
    printf("%-22s %6.3f %7.1f %7.1f   %6.3f %7.1f %7.1f\n", name, column.bytes, column.encode,
           column.decode, chunk.bytes, chunk.encode, chunk.decode);
}

static void add(struct cost *sum, struct cost c)
{
    *sum = (struct cost){ sum->bytes + c.bytes, sum->encode + c.encode, sum->decode + c.decode };
}

static struct cost mean(struct cost sum, int n)
{
    return (struct cost){ sum.bytes / n, sum.encode / n, sum.decode / n };
}

static void measure_all(const struct series *list, int n, const char *what)
{
    struct cost column = { 0 }, chunk = { 0 };
    for (int i = 0; i < n; i++) {
        struct cost a = measure(&list[i], time_column), b = measure(&list[i], time_chunk);
        print(list[i].name, a, b);
        add(&column, a);
        add(&chunk, b);
    }
    column = mean(column, n);
    print(what, column, mean(chunk, n));
    printf("%-22s        %4.0f MB/s %4.0f MB/s in 8-byte values\n", "", 8e3 / column.encode,
           8e3 / column.decode);
}

/* ---- series ---- */
static double noise(uint64_t *seed) /* near a bell of deviation 1 */
{
    double sum = -6;
    for (int i = 0; i < 12; i++) {
        *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        sum += (double)(*seed >> 11) / (double)(UINT64_C(1) << 53);
    }
    return sum;
}

static void synthetic(struct series list[6])
{
    static const char *const names[6] = {
        "temperature, 3 places", "current, 5 places", "float noise",
        "S7 analogue, float",    "set point",         "as doubles from floats"
    };
    uint64_t seed = 1;
    double wander = 45;
    for (int k = 0; k < 6; k++)
        list[k] = (struct series){ .name = names[k], .n = ALL, .is_float = k == 2 || k == 3 };
    for (size_t i = 0; i < ALL; i++) {
        wander += noise(&seed) * 0.01;
        list[0].v[i] = round(wander * 1e3) / 1e3;
        list[1].v[i] = round((1.4 + noise(&seed) * 0.2) * 1e5) / 1e5;
        list[2].v[i] = (double)(float)(20 + noise(&seed));
        list[3].v[i] = (double)((float)(int)(13824 + noise(&seed) * 500) / 27648.0f * 100.0f);
        list[4].v[i] = i / 700 % 2 ? 1450 : 1500;
        list[5].v[i] = (double)(float)(round((21.7 + noise(&seed)) * 10) / 10);
    }
}

/* ---- recordings ---- */
static void read_file(const char *path, struct series list[COLUMNS])
{
    char line[LINE];
    FILE *f = fopen(path, "r");
    need(f && fgets(line, sizeof line, f), path);
    while (list[0].n < ALL && fgets(line, sizeof line, f)) {
        char *cell = line;
        for (int k = 0; k < COLUMNS; k++) {
            cell = strchr(cell, ';');
            need(cell, path);
            list[k].v[list[0].n] = strtod(++cell, NULL);
        }
        list[0].n++;
    }
    fclose(f);
}

static void recorded(const char *folder, struct series list[COLUMNS])
{
    static const char *const names[COLUMNS] = { "accelerometer 1", "accelerometer 2",
                                                "current",         "pressure",
                                                "temperature",     "thermocouple",
                                                "voltage",         "volume flow" };
    struct dirent **files;
    int n = scandir(folder, &files, NULL, alphasort);
    need(n >= 0, folder);
    for (int k = 0; k < COLUMNS; k++)
        list[k] = (struct series){ .name = names[k] };
    for (int i = 0; i < n; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", folder, files[i]->d_name);
        if (strstr(files[i]->d_name, ".csv"))
            read_file(path, list);
        free(files[i]);
    }
    free(files);
    for (int k = COLUMNS; k--;)
        list[k].n = list[0].n / POINTS * POINTS;
    need(list[0].n, "the recordings are too short");
}

/* ---- the journal: a commit of 10 samples each of 1,000 signals ---- */
static void journal(const struct series *s)
{
    enum { SIGNALS = 1000, EACH = 10, N = SIGNALS * EACH, TIMES = 200 };
    static struct kp_sample in[N];
    static uint32_t next[N];
    struct kp_row_writer w = { 0 };
    struct kp_row_reader r;
    struct kp_buf out;
    size_t seen = 0;
    for (uint32_t i = 0; i < N; i++) {
        in[i] = sample_of(s, i);
        in[i].signal = 1 + i / EACH;
        next[i] = i % EACH == EACH - 1 ? UINT32_MAX : i + 1;
    }
    kp_buf_init(&out, 64 << 20);
    double start = cpu_ns();
    for (int k = 0; k < TIMES; k++) {
        out.len = 0;
        kp_row_begin(&w, in[N - 1].at);
        for (uint32_t i = 0; i < N; i += EACH)
            kp_row_add(&w, in, next, i);
        need(!kp_row_end(&w, &out, NULL), "a row is refused");
    }
    double middle = cpu_ns();
    for (int k = 0; k < TIMES; k++) {
        const uint8_t *block;
        size_t len;
        need(!kp_row_open(&r, out.data, out.len, NULL), "a row does not come back");
        while (kp_row_next(&r, &block, &len)) {
            struct kp_block_reader b;
            struct kp_sample p;
            kp_block_open(&b, r.signal, r.base, block, len);
            while (kp_block_next(&b, &p, NULL))
                seen++;
        }
    }
    need(seen == (size_t)N * TIMES, "points of a row are missing");
    printf("%-22s %6.3f %7.1f %7.1f\n", "journal", (double)out.len / N,
           (middle - start) / N / TIMES, (cpu_ns() - middle) / N / TIMES);
    kp_row_free(&w);
    kp_buf_free(&out);
}

int main(int argc, char **argv)
{
    static struct series list[COLUMNS];
    scratch = kp_scratch_new();
    need(scratch, "out of memory");
    printf("%-22s %22s   %22s\n%-22s %6s %7s %7s   %6s %7s %7s\n", "", "column",
           "chunk, times and status", "", "bytes", "enc ns", "dec ns", "bytes", "enc ns", "dec ns");
    if (argc > 1) {
        recorded(argv[1], list);
        measure_all(list, COLUMNS, "mean, recorded");
    }
    synthetic(list);
    measure_all(list, 6, "mean, synthetic");
    journal(&list[0]);
    kp_free(scratch);
    return 0;
}
