/* SPDX-License-Identifier: Apache-2.0 */
/* file size | writes | fill DIR POINTS
 *
 * size: what a value takes in the whole settled file, with and without rollups, over a mix of what machines give; every
 * value is read back and compared bit for bit.
 * writes: bytes that reach the disk for a value, at 1,000 values a second, for each commit interval; an hour of virtual time.
 * fill: points of 10,000 signals, one a second, behind what the node in DIR has; for bench/query. */
#include "core/hub.h"
#include "store/care.h"
#include "store/history.h"
#include "store/store.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define T0 (INT64_C(1790000000) * KP_SECOND)

struct bench {
    char dir[64];
    struct kp_clock_virtual clock;
    struct kp_store *store;
    struct kp_hub *hub;
    kp_signal *ids;
    int signals;
};

static void need(const struct kp_err *err)
{
    if (!err->code)
        return;
    fprintf(stderr, "file: %s\n", err->text);
    exit(1);
}

/* ---- a node's file ---- */
static void open_file(struct bench *b, int64_t commit_every)
{
    struct kp_err err = { 0 };
    b->store = kp_store_open(
        b->dir, &(struct kp_store_options){ .clock = &b->clock.clock, .commit_every = commit_every }, &err);
    need(&err);
    b->hub = kp_hub_new(&(struct kp_hub_options){ .clock = &b->clock.clock, .context = b->store }, &err);
    need(&err);
    kp_store_load(b->store, b->hub, &err);
    need(&err);
}

static void begin(struct bench *b, int64_t commit_every)
{
    struct kp_err err = { 0 };
    snprintf(b->dir, sizeof b->dir, "/var/tmp/koppel-file-XXXXXX");
    b->clock = kp_clock_virtual(T0);
    if (!mkdtemp(b->dir))
        exit(1);
    kp_store_create(b->dir, "bench", &err);
    need(&err);
    open_file(b, commit_every);
}

static void close_file(struct bench *b)
{
    kp_store_close(b->store);
    kp_hub_free(b->hub);
}

static void end(struct bench *b)
{
    char command[96];
    free(b->ids);
    snprintf(command, sizeof command, "rm -rf '%s'", b->dir);
    if (system(command)) /* NOLINT(cert-env33-c): our own scratch folder */
        fprintf(stderr, "file: %s is left behind\n", b->dir);
}

static void declare(struct bench *b, int signals, const char *place, const uint8_t *types, int n_types)
{
    struct kp_err err = { 0 };
    struct kp_model *model = kp_hub_model(b->hub);
    b->signals = signals;
    b->ids = calloc((size_t)signals, sizeof *b->ids);
    if (!b->ids)
        exit(1);
    for (int i = 0; i < signals; i++) {
        char path[64], name[16];
        snprintf(path, sizeof path, "%s/m%03d", place, i / 100);
        snprintf(name, sizeof name, "s%02d", i % 100);
        char whole[96];
        snprintf(whole, sizeof whole, "%s/%s", path, name);
        b->ids[i] = kp_model_find_signal(model, whole);
        if (b->ids[i])
            continue;
        struct kp_signal_info info = { .asset = kp_model_make_path(model, path, KP_MACHINE, &err), .name = name,
                                       .type = types[i % n_types], .stored = true };
        b->ids[i] = kp_model_put_signal(model, &info, &err);
        need(&err);
    }
}

static void offer(struct bench *b, const struct kp_sample *s, size_t n)
{
    while (n) {
        struct kp_batch *batch = kp_batch_new(1);
        for (; n && batch && batch->n < KP_BATCH_MAX; s++, n--)
            if (!kp_batch_add(batch, s))
                exit(1);
        while (batch && !kp_store_offer(b->store, batch))
            kp_store_turn(b->store, 0);
        if (!batch)
            exit(1);
    }
}

/* ---- what machines give ---- */
enum { KINDS = 12, WAVE = 1 << 16 };
static const uint8_t types[KINDS] = { KP_DOUBLE, KP_DOUBLE, KP_DOUBLE, KP_DOUBLE, KP_FLOAT, KP_FLOAT,
                                      KP_INT64, KP_UINT64, KP_DOUBLE, KP_BOOL, KP_STRING, KP_INT64 };
static double wander[WAVE], noise[WAVE];

static uint64_t mixed(uint64_t x) /* splitmix64 */
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static double gauss(uint64_t x)
{
    double sum = 0;
    for (uint64_t i = 0; i < 12; i++)
        sum += (double)(mixed(x * 16 + i) >> 11) / 9007199254740992.0;
    return sum - 6;
}

static void prepare(void)
{
    double value = 60;
    for (uint64_t i = 0; i < WAVE; i++) {
        value += gauss(i) * 0.05 - (value - 60) * 1e-4;
        wander[i] = value;
        noise[i] = gauss(i + WAVE);
    }
}

static double rounded(double v, double digits)
{
    return round(v * digits) / digits;
}

/* The nth value of a signal: the same every time it is asked for. */
static struct kp_value value_of(int signal, int n)
{
    static const char *const programs[] = { "O1004.NC", "O1010.NC", "WARMUP.MPF", "PALLET-3.H" };
    uint64_t at = ((uint64_t)n + (uint64_t)signal * 977) % WAVE;
    double w = wander[at], z = noise[at];
    switch (signal % KINDS) {
    case 0:
        return kp_double(rounded(w, 10)); /* a temperature */
    case 1:
        return kp_double(rounded(w, 100));
    case 2:
        return kp_double(rounded(w + z, 1000)); /* a noisy one, three decimals */
    case 3:
        return kp_double(rounded(w * 12 + z * 3, 10)); /* a power */
    case 4:
        return (struct kp_value){ .f = (float)(1.5 + 0.2 * z), .type = KP_FLOAT }; /* vibration in mm/s: all of a float is noise */
    case 5: /* an analogue input of a PLC, 0 to 27648, scaled */
        return (struct kp_value){ .f = (float)(round(w * 200) / 27648.0 * 150.0), .type = KP_FLOAT };
    case 6:
        return kp_int(n / 37 + signal); /* parts */
    case 7:
        return (struct kp_value){ .u = (uint64_t)(n + signal) * 13, .type = KP_UINT64 }; /* pulses of a meter */
    case 8:
        return kp_double(mixed((uint64_t)(n / 900) * 64 + (uint64_t)signal) % 3 ? 55.5 : 40); /* a set point */
    case 9:
        return kp_bool(n / (30 + signal % 60) % 2);
    case 10: {
        const char *p = programs[mixed((uint64_t)(n / 600 + signal)) % 4];
        return kp_string(p, strlen(p));
    }
    default:
        return kp_int((int64_t)(mixed((uint64_t)(n / 120 + signal)) % 5)); /* a state */
    }
}

/* A second apart: half of them on a grid of ms, as what is polled has it, a quarter with a jitter of ms, a quarter as OPC UA
 * servers stamp what they sample, in units of 100 ns. */
static int64_t time_of(int signal, int n)
{
    int64_t at = T0 + n * KP_SECOND;
    uint64_t r = mixed((uint64_t)signal << 32 | (uint32_t)n);
    if (signal / KINDS % 4 == 1)
        return at + ((int64_t)(r % 5) - 2) * KP_MILLISECOND;
    return signal / KINDS % 4 == 3 ? at + (int64_t)(gauss(r % 1000003) * 1000) * 100 : at;
}

static uint32_t status_of(int signal, int n)
{
    return (signal + n) % 4001 == 0 ? KP_BAD_NO_COMMUNICATION : KP_GOOD;
}

/* ---- size ---- */
static void compare(struct bench *b, int points)
{
    struct kp_err err = { 0 };
    struct kp_db *db = kp_store_reader(b->store, &err);
    need(&err);
    for (int i = 0; i < b->signals; i++) {
        struct kp_history *h = kp_history_open(db, b->ids[i], INT64_MIN, INT64_MAX, &err);
        need(&err);
        struct kp_sample s;
        int n = 0;
        for (; kp_history_next(h, &s, &err); n++) {
            struct kp_value want = value_of(i, n);
            if (n >= points || s.at != time_of(i, n) || s.status != status_of(i, n) ||
                !kp_value_equal(&s.value, &want)) {
                fprintf(stderr, "file: point %d of signal %d came back changed\n", n, i);
                exit(1);
            }
        }
        need(&err);
        if (n != points) {
            fprintf(stderr, "file: signal %d has %d points, not %d\n", i, n, points);
            exit(1);
        }
        kp_history_close(h);
    }
    kp_store_reader_done(b->store, db);
}

static double file_bytes(const struct bench *b)
{
    struct stat st;
    char file[96];
    snprintf(file, sizeof file, "%s/factory.db", b->dir);
    return stat(file, &st) == 0 ? (double)st.st_size : NAN;
}

/* One number, asked of the file by the command line of SQLite. */
static double sql(const struct bench *b, const char *statement)
{
    char command[300];
    double n = NAN;
    snprintf(command, sizeof command, "sqlite3 '%s/factory.db' \"%s\"", b->dir, statement);
    FILE *f = popen(command, "r"); /* NOLINT(cert-env33-c): our own scratch folder */
    if (!f || fscanf(f, "%lf", &n) != 1 || pclose(f))
        exit(1);
    return n;
}

static void size(void)
{
    enum { SIGNALS = 36 * KINDS / 3, POINTS = 86400 };
    static struct bench bench;
    struct bench *b = &bench;
    struct kp_err err = { 0 };
    static struct kp_sample s[SIGNALS];
    begin(b, KP_SECOND);
    declare(b, SIGNALS, "hall", types, KINDS);
    for (int n = 0; n < POINTS; n++) {
        for (int i = 0; i < SIGNALS; i++)
            s[i] = (struct kp_sample){ b->ids[i], status_of(i, n), time_of(i, n), value_of(i, n) };
        offer(b, s, SIGNALS);
        kp_clock_advance(&b->clock, KP_SECOND);
        while (kp_store_turn(b->store, 0))
            ;
    }
    kp_store_seal_all(b->store, &err);
    for (int i = 0; i < 200 && !err.code; i++)
        kp_care_round(b->store, &err);
    need(&err);
    compare(b, POINTS);
    close_file(b);
    sql(b, "pragma wal_checkpoint(truncate)");
    double values = (double)SIGNALS * POINTS, with = file_bytes(b);
    double without = with - sql(b, "select sum(pgsize) from dbstat where name = 'rollup'");
    printf("%d signals, a day of a value a second each, %.0f values: %.1f MB with rollups, all values back bit for bit\n",
           SIGNALS, values, with / 1e6);
    printf("figure: size-mix %.3f bytes/value | aim <= 1.6\n", without / values);
    printf("figure: size-mix-with-rollups %.3f bytes/value | aim <= 1.9\n", with / values);
    end(b);
}

/* ---- writes ---- */
static double written(void)
{
    char line[128];
    double n = 0;
    FILE *f = fopen("/proc/self/io", "r");
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, "write_bytes:", 12) == 0)
            n = strtod(line + 12, NULL);
    if (f)
        fclose(f);
    return n;
}

static void writes_at(int64_t interval, const char *name)
{
    enum { SIGNALS = 1000, SECONDS = 3600, SLICE = SIGNALS / 10 };
    static struct bench bench;
    struct bench *b = &bench;
    struct kp_err err = { 0 };
    static struct kp_sample s[SLICE];
    begin(b, interval);
    declare(b, SIGNALS, "hall", types, KINDS);
    kp_store_sync(b->store, &err);
    need(&err);
    double before = written();
    for (int n = 0; n < SECONDS * 10; n++) {
        for (int i = 0; i < SLICE; i++) {
            int signal = n % 10 * SLICE + i;
            s[i] = (struct kp_sample){ b->ids[signal], status_of(signal, n / 10), time_of(signal, n / 10),
                                       value_of(signal, n / 10) };
        }
        offer(b, s, SLICE);
        kp_clock_advance(&b->clock, 100 * KP_MILLISECOND);
        while (kp_store_turn(b->store, 0))
            ;
    }
    kp_store_sync(b->store, &err);
    need(&err);
    double bytes = written() - before, values = (double)SIGNALS * SECONDS;
    struct kp_store_stats st = kp_store_stats(b->store);
    printf("commit every %s: %llu commits, %.0f %% sealed, %.1f GB a day\n", name, (unsigned long long)st.commits,
           100.0 * (double)st.sealed_points / values, bytes / SECONDS * 86400 / 1e9);
    printf("figure: written-at-1000-values-a-second-commit-%s %.1f bytes/value\n", name, bytes / values);
    fflush(stdout);
    close_file(b);
    end(b);
}

/* ---- fill ---- */
static void fill(const char *dir, double points)
{
    enum { SIGNALS = 10000 };
    static const uint8_t doubles[] = { KP_DOUBLE };
    static struct bench bench;
    static struct kp_sample s[SIGNALS];
    struct bench *b = &bench;
    struct kp_err err = { 0 };
    snprintf(b->dir, sizeof b->dir, "%s", dir);
    b->clock = kp_clock_virtual(kp_utc(&kp_clock_system));
    open_file(b, KP_SECOND);
    declare(b, SIGNALS, "filler", doubles, 1);
    struct kp_now last = kp_model_now(kp_hub_model(b->hub), b->ids[0]);
    int64_t at = last.known ? last.sample.at + KP_SECOND : kp_utc(&kp_clock_system) - 400 * 86400 * KP_SECOND;
    for (double done = 0; done < points; done += SIGNALS, at += KP_SECOND) {
        int n = (int)(at / KP_SECOND % WAVE);
        for (int i = 0; i < SIGNALS; i++)
            s[i] = (struct kp_sample){ b->ids[i], KP_GOOD, at, kp_double(rounded(wander[(n + i * 37) % WAVE], 100)) };
        offer(b, s, SIGNALS);
        kp_clock_advance(&b->clock, KP_SECOND);
        while (kp_store_turn(b->store, 0))
            ;
    }
    kp_store_seal_all(b->store, &err);
    need(&err);
    printf("%.0f million points more; the file has %.2f GB\n", points / 1e6, (double)kp_store_stats(b->store).file_bytes / 1e9);
    close_file(b);
    free(b->ids);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    prepare();
    if (strcmp(what, "size") == 0) {
        size();
    } else if (strcmp(what, "writes") == 0) {
        writes_at(100 * KP_MILLISECOND, "100ms");
        writes_at(KP_SECOND, "1s");
        writes_at(5 * KP_SECOND, "5s");
    } else if (strcmp(what, "fill") == 0 && argc == 4) {
        fill(argv[2], strtod(argv[3], NULL));
    } else {
        fprintf(stderr, "file size | writes | fill DIR POINTS\n");
        return 2;
    }
    return 0;
}
