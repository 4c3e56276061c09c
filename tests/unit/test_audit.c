/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log: nothing in it changes unseen, its end neither, and what is old leaves a place to
 * begin from. */
#include "store_kit.h"

#include "store/audit.h"
#include "store/care.h"
#include "store/repair.h"

#include "core/ban.h"

enum { ROWS = 12 };

static void add(struct kit *k, const char *user, const char *action)
{
    struct kp_err err = { 0 };
    const struct kp_audit row = { .user = user,
                                  .via = "password",
                                  .from = "192.0.2.7",
                                  .action = action,
                                  .target = "hall/mill",
                                  .result = "ok" };
    kp_audit_add(k->store, &row, &err);
    kit_ok(&err);
    kp_clock_advance(&k->clock, KP_SECOND);
}

static void fill(struct kit *k)
{
    for (int i = 0; i < ROWS; i++)
        add(k, i % 2 ? "anna" : "bert", i % 3 ? "PATCH /signal" : "login");
}

static struct kp_audit_verdict verdict(struct kit *k)
{
    struct kp_err err = { 0 };
    struct kp_audit_verdict v;
    kp_audit_verify(k->store, &v, &err);
    kit_ok(&err);
    return v;
}

/* As somebody with the file and sqlite3 would. */
static void tamper(struct kit *k, const char *sql)
{
    char command[600];
    kit_close(k);
    snprintf(command, sizeof command, "sqlite3 '%s/factory.db' \"%s\"", k->dir, sql);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): our own file */
    struct kp_err err = { 0 };
    kit_open(k);
    kp_key_load(k->store, k->dir, &err);
    kit_ok(&err);
}

static void an_empty_log_is_whole(void **state)
{
    struct kp_audit_verdict v = verdict(*state);
    assert_int_equal(v.broken, 0);
    assert_int_equal(v.entries, 0);
}

static void a_log_that_nobody_touched_is_whole_and_its_end_is_sealed(void **state)
{
    struct kit *k = *state;
    fill(k);
    struct kp_audit_verdict v = verdict(k), file;
    assert_int_equal(v.broken, 0);
    assert_true(v.sealed && v.entries == ROWS && v.first == 1 && v.last == ROWS);
    kit_close(k);
    kit_open(k); /* without the key: it cannot be told who sealed it */
    v = verdict(k);
    assert_true(!v.broken && !v.sealed);
    kit_close(k);
    struct kp_err err = { 0 };
    kp_audit_verify_file(k->dir, &file, &err);
    kit_ok(&err);
    assert_true(!file.broken && file.sealed && file.last == ROWS);
    assert_memory_equal(file.hash, v.hash, KP_AUDIT_HASH);
}

static void what_is_changed_removed_put_in_or_moved_is_found_with_its_number(void **state)
{
    (void)state;
    static const struct {
        const char *sql;
        int64_t found;
    } ways[] = {
        { "update audit set user = 'carl' where id = 5", 5 },
        { "update audit set at = at + 1 where id = 5", 5 },
        { "update audit set detail = '' where id = 5", 5 },
        { "update audit set user = null where id = 5", 5 },
        { "update audit set user = user || via, via = '' where id = 5", 5 },
        { "update audit set hash = zeroblob(32) where id = 5", 5 },
        { "update audit set hash = x'00' where id = 5", 5 },
        { "delete from audit where id = 5", 5 },
        { "delete from audit where id = 1", 1 },
        { "delete from audit where id > 10", 11 },
        { "delete from audit where id = 12", 12 },
        { "delete from audit", 1 },
        { "insert into audit select 13, at, user, via, origin, action, target, detail, result, "
          "hash from audit where id = 12",
          13 },
        { "insert into audit select 0, at, user, via, origin, action, target, detail, result, hash "
          "from audit where id = 1",
          1 },
        { "update audit set id = -1 where id = 5; update audit set id = 5 where id = 6; update "
          "audit set id = 6 where id = -1",
          5 },
        { "delete from audit where id > 10; update audit_head set last = 10, hash = (select hash "
          "from audit where id = 10)",
          10 },
        { "update audit_head set cut = 3, cut_hash = (select hash from audit where id = 3); delete "
          "from audit where id < 4",
          12 },
        { "delete from audit_head", 12 },
        { "update audit_head set seal = x''", 12 },
    };
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        void *own;
        kit_begin(&own);
        fill(own);
        tamper(own, ways[i].sql);
        struct kp_audit_verdict v = verdict(own);
        if (v.broken != ways[i].found)
            fail_msg("%s: found at %lld: %s", ways[i].sql, (long long)v.broken, v.why);
        assert_true(strlen(v.why) > 10);
        kit_end(&own);
    }
}

static void going_on_after_it_hides_nothing(void **state)
{
    (void)state;
    static const char *const ways[] = {
        "delete from audit where id > 10",
        "delete from audit where id > 10; update audit_head set last = 10, hash = (select hash "
        "from audit where id = 10)",
        "delete from audit_head",
        "delete from audit",
        "update audit set user = 'carl' where id = 5",
    };
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        void *own;
        kit_begin(&own);
        fill(own);
        tamper(own, ways[i]);
        fill(own);
        if (!verdict(own).broken)
            fail_msg("%s", ways[i]);
        kit_end(&own);
    }
}

static void a_whole_chain_written_anew_is_found_without_the_key_that_sealed_it(void **state)
{
    struct kit *k = *state;
    char command[300];
    fill(k);
    snprintf(command, sizeof command, "head -c 32 /dev/urandom > '%s/node.key'", k->dir);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): our own file */
    tamper(k, "select 1");                /* opens it with that key */
    struct kp_audit_verdict v = verdict(k);
    assert_int_equal(v.broken, ROWS);
    assert_false(v.sealed);
}

/* ---- reading ---- */

struct seen {
    int64_t ids[ROWS + 1];
    int n, most;
};

static bool see(void *arg, const struct kp_audit *a)
{
    struct seen *s = arg;
    assert_string_equal(a->via, "password");
    s->ids[s->n++] = a->id;
    return s->n < s->most;
}

static struct seen ask(struct kit *k, const struct kp_audit_filter *f, int most)
{
    struct kp_err err = { 0 };
    struct seen s = { .most = most };
    struct kp_db *db = kp_store_reader(k->store, &err);
    kp_audit_list(db, f, see, &s, &err);
    kit_ok(&err);
    kp_store_reader_done(k->store, db);
    return s;
}

static void entries_are_found_by_user_action_and_time_newest_first_and_page_by_page(void **state)
{
    struct kit *k = *state;
    fill(k);
    const struct kp_audit_filter all = { .from = KP_NO_TIME, .to = KP_NO_TIME };
    struct kp_audit_filter f = all;
    struct seen s = ask(k, &f, ROWS);
    assert_true(s.n == ROWS && s.ids[0] == ROWS && s.ids[ROWS - 1] == 1);
    f.after = ROWS - 3;
    s = ask(k, &f, 2);
    assert_true(s.n == 2 && s.ids[0] == ROWS - 4 && s.ids[1] == ROWS - 5);
    f.oldest_first = true;
    s = ask(k, &f, ROWS);
    assert_true(s.n == 3 && s.ids[0] == ROWS - 2);
    f = all;
    f.user = "anna";
    assert_int_equal(ask(k, &f, ROWS).n, ROWS / 2);
    f.action = "login";
    assert_int_equal(ask(k, &f, ROWS).n, 2);
    f = all;
    f.action = "PATCH";
    assert_int_equal(ask(k, &f, ROWS).n, 8);
    f = all;
    f.from = KIT_NOW + 2 * KP_SECOND;
    f.to = KIT_NOW + 4 * KP_SECOND;
    s = ask(k, &f, ROWS);
    assert_true(s.n == 2 && s.ids[0] == 4 && s.ids[1] == 3);
}

static void a_text_that_is_too_long_or_no_text_is_cut_and_cleaned_and_stays_whole(void **state)
{
    struct kit *k = *state;
    char text[1000];
    memset(text, 'x', sizeof text);
    text[7] = (char)0xff;
    text[sizeof text - 1] = 0;
    add(k, text, "login");
    assert_int_equal(kit_number(k, "select length(user) between 200 and 300 from audit"), 1);
    assert_int_equal(verdict(k).broken, 0);
}

/* ---- what is old ---- */

static void what_is_older_than_two_years_goes_and_the_rest_is_still_whole(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    const int64_t day = 86400 * KP_SECOND;
    kit_hub(k);
    fill(k);
    assert_false(kp_audit_turn(k->store, &err));
    for (int i = 0; i < 800;
         i++) { /* housekeeping believes a clock that goes, not one that jumps */
        kp_clock_advance(&k->clock, day);
        if (i == 400)
            fill(k);
        kp_care_round(k->store, &err);
    }
    kit_ok(&err);
    struct kp_audit_verdict v = verdict(k);
    assert_int_equal(v.broken, 0);
    assert_int_equal(v.first, ROWS + 1);
    assert_int_equal(v.entries, ROWS + 1);
    assert_int_equal(kit_number(k, "select count(*) from audit where action = 'audit-cut' and "
                                   "detail like 'rows 1 to 12:%'"),
                     1);
    tamper(k, "delete from audit where id = 13; update audit_head set cut = 13");
    assert_int_not_equal(verdict(k).broken, 0);
}

static void how_long_it_is_kept_is_a_setting(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    kit_hub(k);
    fill(k);
    kp_setting_put(k->store->db, "audit-age", "100d", &err);
    for (int i = 0; i < 115; i++) {
        kp_clock_advance(&k->clock, 86400 * KP_SECOND);
        kp_care_round(k->store, &err);
        assert_int_equal(kit_number(k, "select count(*) from audit"), i < 106 ? ROWS : 1);
    }
    kit_ok(&err);
    assert_int_equal(verdict(k).broken, 0);
}

static void a_log_that_is_not_as_it_was_is_evidence_and_is_not_cut(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    fill(k);
    tamper(k, "update audit_head set seal = x''");
    kit_hub(k);
    for (int i = 0; i < 800; i++) {
        kp_clock_advance(&k->clock, 86400 * KP_SECOND);
        kp_care_round(k->store, &err);
    }
    kit_ok(&err);
    assert_int_equal(kit_number(k, "select count(*) from audit"), ROWS);
}

static void look(void *arg, const char *lost)
{
    (void)arg;
    fail_msg("%s", lost);
}

static void a_repaired_copy_keeps_the_log_and_its_end(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    char copy[120], file[140], command[300];
    fill(k);
    kit_close(k);
    snprintf(copy, sizeof copy, "%s/copy", k->dir);
    snprintf(file, sizeof file, "%s/factory.db", copy);
    snprintf(command, sizeof command, "mkdir '%s' && cp '%s/node.key' '%s'", copy, k->dir, copy);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): our own files */
    char from[100];
    snprintf(from, sizeof from, "%s/factory.db", k->dir);
    kp_store_repair(from, file, look, NULL, &err);
    kit_ok(&err);
    struct kp_audit_verdict v;
    kp_audit_verify_file(copy, &v, &err);
    kit_ok(&err);
    assert_true(!v.broken && v.sealed && v.entries == ROWS);
    kit_open(k);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, kit_begin, kit_end)
    const struct CMUnitTest tests[] = {
        T(an_empty_log_is_whole),
        T(a_log_that_nobody_touched_is_whole_and_its_end_is_sealed),
        cmocka_unit_test(what_is_changed_removed_put_in_or_moved_is_found_with_its_number),
        cmocka_unit_test(going_on_after_it_hides_nothing),
        T(a_whole_chain_written_anew_is_found_without_the_key_that_sealed_it),
        T(entries_are_found_by_user_action_and_time_newest_first_and_page_by_page),
        T(a_text_that_is_too_long_or_no_text_is_cut_and_cleaned_and_stays_whole),
        T(what_is_older_than_two_years_goes_and_the_rest_is_still_whole),
        T(how_long_it_is_kept_is_a_setting),
        T(a_log_that_is_not_as_it_was_is_evidence_and_is_not_cut),
        T(a_repaired_copy_keeps_the_log_and_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
