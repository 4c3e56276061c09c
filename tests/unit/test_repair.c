/* SPDX-License-Identifier: Apache-2.0 */
/* koppel check --repair: whatever of a file is damaged, the copy is sound, holds nothing that was not there, and all that
 * the damage did not reach. */
#include "store_kit.h"

#include "store/care.h"
#include "store/repair.h"

#include <sys/stat.h>

#include "core/ban.h"

enum { SIGNALS = 6, POINTS = 400 };

struct losses {
    int n;
    char all[8000];
};

static void lost(void *arg, const char *what)
{
    struct losses *l = arg;
    size_t n = strlen(l->all);
    l->n++;
    snprintf(l->all + n, sizeof l->all - n, "%s\n", what);
}

static int begin(void **state)
{
    struct kit *k = kit_new();
    struct kp_err err = { 0 };
    uint64_t seed = 3;
    k->options.seal_points = 60;
    kit_open(k);
    kp_db_exec(k->store->db, "insert into asset(id, parent, name, kind, label) values(1, 0, 'hall', 'area', 'inherit')", &err);
    for (int i = 1; i <= SIGNALS; i++) {
        char sql[300];
        snprintf(sql, sizeof sql, "insert into signal(id, asset, name, type, label, stored, writable, coupling) values"
                                  "(%d, 1, 's%d', 'double', 'inherit', 1, 0, 0)", i, i);
        kp_db_exec(k->store->db, sql, &err);
    }
    for (int i = 0; i < POINTS; i++) {
        struct kp_sample s[SIGNALS];
        for (int j = 0; j < SIGNALS; j++)
            s[j] = kit_sample((kp_signal)j + 1, KIT_NOW - 86400 * KP_SECOND + i * 100 * KP_SECOND,
                              (struct kp_value){ .u = kit_random(&seed) >> 4, .type = KP_DOUBLE });
        kit_offer(k, s, SIGNALS);
        if (i == POINTS - 20)
            kp_store_seal_all(k->store, &err);
    }
    kit_sync(k);
    kp_care_round(k->store, &err);
    kit_ok(&err);
    *state = k;
    return 0;
}

static int end(void **state)
{
    kit_free(*state);
    return 0;
}

/* ---- damage ---- */

static size_t read_file(struct kit *k, unsigned char **out)
{
    struct kp_err err = { 0 };
    struct stat st;
    kp_db_checkpoint(k->store->db, true, &err);
    kit_ok(&err);
    int fd = open(k->store->file, O_RDONLY | O_CLOEXEC);
    assert_int_equal(fstat(fd, &st), 0);
    *out = malloc((size_t)st.st_size);
    assert_int_equal(read(fd, *out, (size_t)st.st_size), st.st_size);
    close(fd);
    return (size_t)st.st_size;
}

static void write_file(const char *file, const unsigned char *data, size_t n)
{
    int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, data, n), n);
    close(fd);
}

/* How many points of the book the copy has; it must have no others. */
static size_t count_points(struct kit *k, const char *file)
{
    struct kp_err err = { 0 };
    size_t n = 0;
    struct kp_db *db = kp_store_open_reader(file, &err);
    kit_ok(&err);
    for (kp_signal id = 1; id <= SIGNALS; id++) {
        struct kit_points is = kit_read(db, id, INT64_MIN, INT64_MAX), want = kit_expect(k, id, INT64_MIN, INT64_MAX);
        size_t w = 0;
        for (size_t i = 0; i < is.n; i++, w++) {
            while (w < want.n && want.s[w].at < is.s[i].at)
                w++;
            assert_true(w < want.n && want.s[w].at == is.s[i].at && kp_value_equal(&want.s[w].value, &is.s[i].value) &&
                        want.s[w].status == is.s[i].status);
        }
        n += is.n;
        kit_points_free(&is);
        kit_points_free(&want);
    }
    kp_store_close_reader(db);
    return n;
}

static void sound(const char *file)
{
    struct losses faults = { 0 };
    struct kp_err err = { 0 };
    int n = kp_store_check(file, lost, &faults, &err);
    if (n)
        fail_msg("%d faults: %s%s", n, faults.all, err.text);
}

static void paths(const struct kit *k, char bad[100], char out[100])
{
    snprintf(bad, 100, "%s/bad.db", k->dir);
    snprintf(out, 100, "%s/out.db", k->dir);
    unlink(out);
}

/* ---- tests ---- */

static void of_a_sound_file_nothing_is_lost(void **state)
{
    struct kit *k = *state;
    struct losses l = { 0 };
    struct kp_err err = { 0 };
    char bad[100], out[100];
    paths(k, bad, out);
    assert_int_equal(kp_store_repair(k->store->file, out, lost, &l, &err), 0);
    kit_ok(&err);
    sound(out);
    assert_int_equal(count_points(k, out), SIGNALS * POINTS);
    assert_int_equal(kp_store_repair(k->store->file, out, lost, &l, &err), -1);
    assert_int_equal(err.code, KP_EEXISTS);
}

static void the_copy_becomes_a_node_that_goes_on(void **state)
{
    struct kit *k = *state;
    struct losses l = { 0 };
    struct kp_err err = { 0 };
    char out[100], bad[100], file[120];
    paths(k, bad, out);
    kp_store_repair(k->store->file, out, lost, &l, &err);
    snprintf(file, sizeof file, "%s", k->store->file);
    kit_close(k);
    kp_file_remove(file, true);
    assert_int_equal(rename(out, file), 0);
    kit_open(k);
    struct kp_sample s = kit_sample(1, KIT_NOW, kp_double(1));
    kit_offer(k, &s, 1);
    kit_sync(k);
    kp_store_seal_all(k->store, &err);
    kp_care_round(k->store, &err);
    kit_ok(&err);
    sound(file);
    assert_int_equal(count_points(k, file), SIGNALS * POINTS + 1);
}

static void a_flipped_bit_costs_one_chunk(void **state)
{
    struct kit *k = *state;
    struct losses l = { 0 };
    struct kp_err err = { 0 };
    char bad[100], out[100];
    paths(k, bad, out);
    int64_t n = kit_number(k, "select n from chunk where id >> 36 = 3 limit 1");
    kp_db_exec(k->store->db, "update chunk set data = cast(substr(data, 1, 40) || x'00ff' || substr(data, 43) as blob) where id = "
                             "(select id from chunk where id >> 36 = 3 limit 1)", &err);
    kit_ok(&err);
    assert_int_equal(kp_store_repair(k->store->file, out, lost, &l, &err), 1);
    assert_non_null(strstr(l.all, "signal 3 (s3): "));
    assert_non_null(strstr(l.all, " points from 2026-11-2"));
    sound(out);
    assert_int_equal(count_points(k, out), SIGNALS * POINTS - n);
}

static void whichever_page_is_damaged_the_copy_is_sound_and_true(void **state)
{
    struct kit *k = *state;
    char bad[100], out[100];
    unsigned char *data;
    size_t size = read_file(k, &data), copies = 0, refused = 0, points = 0;
    uint64_t seed = 5;
    for (size_t page = 0; page < size / KP_PAGE; page++)
        for (int kind = 0; kind < 3; kind++) {
            struct losses l = { 0 };
            struct kp_err err = { 0 };
            unsigned char saved[KP_PAGE], *p = data + page * KP_PAGE;
            memcpy(saved, p, KP_PAGE);
            for (size_t i = kind == 2 ? KP_PAGE / 2 : 0; i < KP_PAGE; i++)
                p[i] = kind == 0 ? 0 : (unsigned char)kit_random(&seed);
            paths(k, bad, out);
            write_file(bad, data, size);
            memcpy(p, saved, KP_PAGE);
            int losses = kp_store_repair(bad, out, lost, &l, &err);
            assert_int_equal(losses < 0, err.code != 0);
            assert_int_equal(access(out, F_OK) == 0, losses >= 0);
            if (losses < 0) {
                refused++;
                continue;
            }
            sound(out);
            points += count_points(k, out);
            copies++;
        }
    double share = (double)points / (double)(copies * SIGNALS * POINTS);
    print_message("%zu copies with %.1f %% of the points, %zu files refused\n", copies, 100 * share, refused);
    assert_true(share > 0.9);
    assert_true(refused <= 15); /* the first page, and the four of the names of the tables */
    free(data);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        T(of_a_sound_file_nothing_is_lost),
        T(the_copy_becomes_a_node_that_goes_on),
        T(a_flipped_bit_costs_one_chunk),
        T(whichever_page_is_damaged_the_copy_is_sound_and_true),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
