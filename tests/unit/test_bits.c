/* SPDX-License-Identifier: Apache-2.0 */
/* Bits that no machine would send, of every type and at times in any order, stay as they are on all
 * the ways that a value takes: journal, chunks, merging, backup, restore; and under a clock that
 * jumps. A failure names its seed. */
#include "store_kit.h"

#include "store/backup.h"
#include "store/secret.h"

#include "core/ban.h"

enum { KINDS = 16, SIGNALS = KINDS + 1, ROUNDS = 8, EACH = 24, SEEDS = 6 };

static uint64_t seed;

static uint64_t bits(void)
{
    return kit_random(&seed);
}

static uint64_t below(uint64_t n)
{
    return bits() % n;
}

/* Some bits are any, some are of the kind that real values have. */
static uint64_t some_bits(void)
{
    static const uint64_t odd[] = { 0,
                                    UINT64_C(1) << 63,
                                    UINT64_MAX,
                                    UINT64_C(0x7ff0000000000000),
                                    UINT64_C(0xfff8000000000001),
                                    UINT64_C(0x7ff0000000000001),
                                    1,
                                    INT64_MAX };
    double plain = (double)(int64_t)below(100000) / 100;
    uint64_t x = bits();
    switch (below(4)) {
    case 0:
        return odd[below(8)];
    case 1:
        memcpy(&x, &plain, 8);
        return x;
    case 2:
        return below(1000);
    default:
        return x;
    }
}

static struct kp_value array(uint8_t type, size_t width)
{
    static char data[8 * 8];
    size_t n = below(9);
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (char)(type == KP_BOOL ? below(2) : bits());
    return (struct kp_value){ .data = data, .len = (uint32_t)(n * width), .type = type | KP_ARRAY };
}

static struct kp_value text(void)
{
    static const char *const words[] = { "",          "O1004.NC",         "größe €",
                                         "\x01 \n\t", "\xf0\x9f\x94\xa9", "RUNNING" };
    static char data[200];
    int n = 0;
    for (uint64_t i = below(8); i; i--)
        n += snprintf(data + n, sizeof data - (size_t)n, "%s", words[below(6)]);
    return kp_string(data, (uint32_t)n);
}

static struct kp_value value(unsigned kind)
{
    static const uint8_t scalar[] = { KP_INT64, KP_UINT64, KP_DOUBLE, KP_TIME };
    struct kp_value v = { .u = some_bits() };
    uint32_t half = (uint32_t)v.u;
    switch (kind) {
    case 0:
    case 1:
    case 2:
    case 3:
        v.type = scalar[kind];
        return v;
    case 4:
        v = (struct kp_value){ .type = KP_FLOAT };
        memcpy(&v.f, &half, 4);
        return v;
    case 5:
        return kp_bool(v.u & 1);
    case 6:
        return text();
    case 7:
        v = array(KP_BYTES, 1);
        v.type = KP_BYTES;
        return v;
    case 8:
    case 9:
    case 10:
    case 11:
        return array(scalar[kind - 8], 8);
    case 12:
        return array(KP_FLOAT, 4);
    case 13:
        return array(KP_BOOL, 1);
    case 14:
        return below(3) ? kp_double((double)below(50)) : (struct kp_value){ .type = KP_NULL };
    default:
        return value((unsigned)below(15)); /* a machine that cannot make up its mind */
    }
}

/* Mostly on from the last one, at times far back, or the same again. */
static int64_t time_after(int64_t *last)
{
    switch (below(10)) {
    case 0:
        return *last - (int64_t)below(300) * KP_SECOND;
    case 1:
        return *last;
    case 2:
        return *last += (int64_t)(bits() >> 30); /* up to 17 s, to the nanosecond */
    default:
        return *last += 100 * KP_MILLISECOND;
    }
}

static void offer(struct kit *k, int64_t last[SIGNALS + 1])
{
    for (kp_signal s = 1; s <= SIGNALS; s++)
        for (int i = 0; i < EACH; i++) {
            struct kp_sample one = kit_sample(s, time_after(&last[s]), value(s - 1));
            one.status = below(3) ? KP_GOOD : (uint32_t)bits();
            kit_offer(k, &one, 1);
        }
}

static struct kit *begin(uint64_t from)
{
    struct kit *k = kit_new();
    print_message("seed %llu\n", (unsigned long long)from);
    seed = from;
    k->options.seal_points = 40;
    k->options.seal_bytes = 4000;
    kit_open(k);
    return k;
}

static void fill(struct kit *k)
{
    struct kp_err err = { 0 };
    int64_t last[SIGNALS + 1];
    for (int i = 0; i <= SIGNALS; i++)
        last[i] = KIT_NOW;
    for (int round = 0; round < ROUNDS; round++) {
        offer(k, last);
        kit_sync(k);
        kit_check(k, SIGNALS);
        if (below(2))
            kp_store_seal_all(k->store, &err);
        kit_ok(&err);
        kit_check(k, SIGNALS);
    }
}

/* ---- tests ---- */

static void any_bits_of_any_type_come_back_from_journal_chunks_and_merged_chunks(void **state)
{
    (void)state;
    struct kp_err err = { 0 };
    uint64_t merged = 0;
    for (uint64_t i = 1; i <= SEEDS; i++) {
        struct kit *k = begin(i);
        fill(k);
        kp_store_seal_all(k->store, &err);
        kit_ok(&err);
        kit_check(k, SIGNALS);
        merged += kp_store_stats(k->store).merged;
        kit_close(k);
        kit_open(k);
        kit_check(k, SIGNALS);
        kit_free(k);
    }
    assert_true(merged > 10);
}

static void no_fault(void *arg, const char *fault)
{
    (void)arg;
    fail_msg("%s", fault);
}

static void check_restored(struct kit *k, struct kp_restore *r)
{
    struct kp_err err = { 0 };
    kp_restore(r, no_fault, NULL, &err);
    kit_ok(&err);
    struct kp_store *s = kp_store_open(r->dir, &k->options, &err);
    kit_ok(&err);
    kit_check_db(k, s->db, SIGNALS);
    kp_store_seal_all(s, &err);
    kit_ok(&err);
    kit_check_db(k, s->db, SIGNALS);
    kp_store_close(s);
}

static void any_bits_of_any_type_come_back_from_a_backup(void **state)
{
    (void)state;
    static const char passphrase[] = "correct horse battery";
    struct kp_err err = { 0 };
    struct kp_vault_key key;
    unsigned char node_key[KP_NODE_KEY] = { 1 };
    struct kit *k = begin(77);
    char copy[100], vault[100], dir[100];
    snprintf(copy, sizeof copy, "%s/copy", k->dir);
    snprintf(vault, sizeof vault, "%s/vault", k->dir);
    fill(k); /* some of it is in the journal still */
    kp_store_backup(k->store, copy, NULL, NULL, &err);
    kp_vault_new(passphrase, &key, &err);
    kp_vault_write(copy, vault, &key, node_key, (struct kp_vault_watch){ 0 }, &err);
    kit_ok(&err);
    snprintf(dir, sizeof dir, "%s/plain", k->dir);
    check_restored(k, &(struct kp_restore){ .file = copy, .dir = dir, .new_key = true });
    snprintf(dir, sizeof dir, "%s/sealed", k->dir);
    check_restored(k, &(struct kp_restore){ .file = vault, .dir = dir, .passphrase = passphrase });
    kit_free(k);
}

/* By an hour, a year, a second; to 1970; forth and back. */
static void jump(struct kit *k)
{
    static const int64_t by[] = { -3600, 3600, 365 * 86400, -365 * 86400, -1, 1, 86400, -86400 };
    uint64_t which = below(10);
    if (which < 8)
        kp_clock_jump(&k->clock, by[which] * KP_SECOND);
    else
        kp_clock_jump(&k->clock, (which == 8 ? 0 : KIT_NOW) - k->clock.now);
}

static void however_the_clock_jumps_nothing_is_lost_doubled_or_changed(void **state)
{
    (void)state;
    struct kp_err err = { 0 };
    for (uint64_t i = 1; i <= SEEDS; i++) {
        struct kit *k = begin(1000 + i);
        for (int step = 0; step < 300; step++) {
            if (below(8) == 0)
                jump(k);
            kp_clock_advance(&k->clock, (int64_t)below(400) * KP_MILLISECOND);
            kp_signal s = 1 + (kp_signal)below(SIGNALS);
            int64_t at = k->clock.now - (int64_t)below(2000) * KP_MILLISECOND;
            struct kp_sample one = kit_sample(s, at, value(s - 1));
            kit_offer(k, &one, 1);
            kp_store_turn(k->store, 0);
            if (below(40) == 0) {
                kit_sync(k);
                kit_close(k); /* as a crash does */
                kit_open(k);
            } else if (below(30) == 0) {
                kp_store_seal_all(k->store, &err);
                kit_ok(&err);
            }
        }
        kit_sync(k);
        kit_check(k, SIGNALS);
        kp_store_seal_all(k->store, &err);
        kit_ok(&err);
        kit_check(k, SIGNALS);
        kit_free(k);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_bits_of_any_type_come_back_from_journal_chunks_and_merged_chunks),
        cmocka_unit_test(any_bits_of_any_type_come_back_from_a_backup),
        cmocka_unit_test(however_the_clock_jumps_nothing_is_lost_doubled_or_changed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
