/* SPDX-License-Identifier: Apache-2.0 */
/* crash_store DIR ACKED: checks that the file in DIR holds, for each signal, points 0, 1, 2 ... without a hole, a double
 * or a wrong bit, up to at least ACKED (-1: nothing yet); prints "verified POINTS"; then writes on, and prints the
 * number of each round once it is acknowledged as committed, until it is killed. Chunks are small, so that sealing is
 * always under way when the kill comes. */
#include "core/hub.h"
#include "store/history.h"
#include "store/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SIGNALS = 130, ROUNDS_PER_SYNC = 4 };

static int64_t next[SIGNALS]; /* the number each signal goes on with */
static kp_signal ids[SIGNALS];

static struct kp_sample point(int s, int64_t k, char text[64])
{
    struct kp_sample p = { .signal = ids[s], .at = 1700000000 * KP_SECOND + k * 10 * KP_MILLISECOND + s,
                           .status = k % 97 == 0 ? KP_UNCERTAIN : KP_GOOD };
    switch (s % 4) {
    case 0:
        p.value = kp_double((double)(k * 7 % 1000) / 10 + s);
        break;
    case 1:
        p.value = kp_int(k * 31 + s);
        break;
    case 2:
        p.value = kp_string(text, (size_t)snprintf(text, 64, "O%04" PRId64 ".NC", k % 50));
        break;
    default:
        p.value = k % 5 ? kp_bool(k % 3 == 0) : (struct kp_value){ .type = KP_NULL };
    }
    return p;
}

static void die(const struct kp_err *err)
{
    printf("ERROR %s\n", err->text);
    exit(2);
}

static void declare(struct kp_model *model)
{
    struct kp_err err = { 0 };
    kp_asset asset = kp_model_make_path(model, "crash", KP_MACHINE, &err);
    for (int s = 0; s < SIGNALS && !err.code; s++) {
        static const uint8_t types[] = { KP_DOUBLE, KP_INT64, KP_STRING, KP_BOOL };
        char name[32], path[64];
        snprintf(name, sizeof name, "s%03d", s);
        snprintf(path, sizeof path, "crash/%s", name);
        ids[s] = kp_model_find_signal(model, path);
        struct kp_signal_info info = { .asset = asset, .name = name, .type = types[s % 4], .stored = true };
        if (!ids[s])
            ids[s] = kp_model_put_signal(model, &info, &err);
    }
    if (err.code)
        die(&err);
}

static void check_signal(struct kp_db *db, int s, int64_t acked)
{
    struct kp_err err = { 0 };
    struct kp_history *h = kp_history_open(db, ids[s], INT64_MIN, INT64_MAX, &err);
    struct kp_sample got;
    while (h && kp_history_next(h, &got, &err)) {
        char text[64];
        struct kp_sample want = point(s, next[s], text);
        if (got.at != want.at || got.status != want.status || !kp_value_equal(&got.value, &want.value)) {
            printf("WRONG signal %d point %" PRId64 ": time %" PRId64 " instead of %" PRId64 "\n", s, next[s], got.at,
                   want.at);
            exit(3);
        }
        next[s]++;
    }
    if (err.code)
        die(&err);
    kp_history_close(h);
    if (next[s] <= acked) {
        printf("LOST signal %d ends at %" PRId64 ", acknowledged %" PRId64 "\n", s, next[s] - 1, acked);
        exit(4);
    }
}

static void check(struct kp_store *store, int64_t acked)
{
    struct kp_err err = { 0 };
    int64_t points = 0;
    struct kp_db *db = kp_store_reader(store, &err);
    if (!db)
        die(&err);
    for (int s = 0; s < SIGNALS; s++) {
        check_signal(db, s, acked);
        points += next[s];
    }
    kp_store_reader_done(store, db);
    printf("verified %" PRId64 "\n", points);
}

/* One point for each signal that has not had this number yet. */
static void write_round(struct kp_hub *hub, int64_t k)
{
    struct kp_batch *b = NULL;
    for (int s = 0; s <= SIGNALS; s++) {
        if (b && (s == SIGNALS || b->n == KP_BATCH_MAX)) {
            kp_hub_push(hub, b, -1);
            b = NULL;
        }
        if (s == SIGNALS || next[s] > k)
            continue;
        char text[64];
        struct kp_sample p = point(s, k, text);
        if (!b && !(b = kp_batch_new(0)))
            exit(5);
        if (!kp_batch_add(b, &p))
            exit(5);
        next[s] = k + 1;
    }
    while (kp_hub_turn(hub, 0))
        ;
}

int main(int argc, char **argv)
{
    struct kp_err err = { 0 };
    if (argc != 3)
        return 1;
    setvbuf(stdout, NULL, _IOLBF, 0);
    struct kp_store_options options = { .commit_every = 5 * KP_MILLISECOND, .seal_points = 60, .seal_bytes = 200000,
                                        .young_bytes = 20000 };
    struct kp_store *store = kp_store_open(argv[1], &options, &err);
    struct kp_hub *hub = store ? kp_hub_new(&(struct kp_hub_options){ .context = store }, &err) : NULL;
    if (!hub || kp_store_load(store, hub, &err))
        die(&err);
    declare(kp_hub_model(hub));
    if (kp_store_start(store, &err) || kp_store_sync(store, &err))
        die(&err);
    check(store, strtoll(argv[2], NULL, 10));
    int64_t k = INT64_MAX;
    for (int s = 0; s < SIGNALS; s++)
        k = next[s] < k ? next[s] : k;
    for (;; k++) {
        write_round(hub, k);
        if (k % ROUNDS_PER_SYNC)
            continue;
        if (kp_store_sync(store, &err))
            die(&err);
        printf("%" PRId64 "\n", k);
    }
}
