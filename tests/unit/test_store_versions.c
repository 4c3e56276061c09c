/* SPDX-License-Identifier: Apache-2.0 */
/* Files that older versions wrote (tests/corpus/factory.vN.db.gz) open, say what they said, and go on. In each: signals 1 to
 * 4, one point a second, 500 of each, of which 400 are sealed. */
#include "store_kit.h"

#include "store/care.h"

#include "core/ban.h"

enum { POINTS = 500, OLDEST = 1 };
#define T0 (INT64_C(1790000000) * KP_SECOND)

static void look(void *arg, const char *fault)
{
    (void)arg;
    fail_msg("%s", fault);
}

/* What the corpus was made of. */
static struct kp_sample expected(kp_signal signal, int i, char text[16])
{
    struct kp_value v[] = { kp_double(i / 8.0), kp_int(i * i), kp_string(text, (size_t)snprintf(text, 16, "O%d", i / 50)),
                            kp_bool(i % 3 == 0) };
    struct kp_sample s = kit_sample(signal, T0 + i * KP_SECOND, v[signal - 1]);
    if (signal == 1 && i % 100 == 7)
        s.status = KP_BAD_NO_COMMUNICATION;
    return s;
}

static void has_all(struct kit *k)
{
    struct kp_err err = { 0 };
    struct kp_db *db = kp_store_reader(k->store, &err);
    kit_ok(&err);
    for (kp_signal id = 1; id <= 4; id++) {
        struct kit_points p = kit_read(db, id, INT64_MIN, INT64_MAX);
        assert_int_equal(p.n, POINTS);
        for (int i = 0; i < POINTS; i++) {
            char text[16];
            struct kp_sample want = expected(id, i, text);
            assert_int_equal(p.s[i].at, want.at);
            assert_int_equal(p.s[i].status, want.status);
            assert_true(kp_value_equal(&p.s[i].value, &want.value));
        }
        kit_points_free(&p);
    }
    kp_store_reader_done(k->store, db);
    assert_int_equal(kp_store_check(k->store->file, look, NULL, &err), 0);
    kit_ok(&err);
}

static void unpack(struct kit *k, int version)
{
    char command[400];
    snprintf(command, sizeof command, "gzip -dc tests/corpus/factory.v%d.db.gz > '%s/factory.db'", version, k->dir);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): our own files */
}

static void every_older_file_opens_and_goes_on(void **state)
{
    (void)state;
    for (int version = OLDEST; version <= kp_schema_version() - 1; version++) {
        struct kit *k = kit_new();
        struct kp_err err = { 0 };
        char kept[100];
        unpack(k, version);
        kit_open(k);
        assert_int_equal(kit_number(k, "pragma user_version"), kp_schema_version());
        has_all(k);
        kit_hub(k);
        kp_store_seal_all(k->store, &err);
        kp_care_round(k->store, &err);
        kit_ok(&err);
        has_all(k);
        assert_int_equal(kit_number(k, "select count(*) from interval where id = 1 and kind = 'state'"), 1);
        snprintf(kept, sizeof kept, "%s/factory.db.v%d", k->dir, version);
        assert_int_equal(access(kept, F_OK), 0);
        print_message("version %d\n", version);
        kit_free(k);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_older_file_opens_and_goes_on) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
