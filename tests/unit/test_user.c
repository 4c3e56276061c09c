/* SPDX-License-Identifier: Apache-2.0 */
/* Users: their passwords, who is the last owner, the second factor, and what of it is in the file.
 */
#include "store_kit.h"

#include "store/totp.h"
#include "store/user.h"

#include "core/ban.h"

static const char good[] = "correct horse battery";

static void add(struct kit *k, const char *name, enum kp_role role)
{
    struct kp_err err = { 0 };
    const struct kp_user_change as = { .role = role, .disabled = -1 };
    kp_user_add(k->store, name, &as, good, false, &err);
    kit_ok(&err);
}

static struct kp_user user(struct kit *k, const char *name)
{
    struct kp_user u;
    assert_true(kp_user_find(k->store, name, &u));
    return u;
}

static enum kp_login login(struct kit *k, const char *name, const char *password, const char *code)
{
    struct kp_err err = { 0 };
    struct kp_user u = { 0 };
    enum kp_login how;
    kp_user_login(k->store, name, password, code, &how, &u, &err);
    kit_ok(&err);
    assert_string_equal(u.name, how == KP_LOGIN_GOOD ? name : "");
    return how;
}

static enum kp_code change(struct kit *k, const char *name, enum kp_role role, int disabled)
{
    const struct kp_user_change c = { .role = role, .disabled = disabled };
    return kp_user_change(k->store, name, &c, &(struct kp_err){ 0 });
}

/* ---- passwords ---- */

static void a_password_is_long_enough_and_none_of_the_obvious(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "short",
        "ninechars",
        "anna-maria",
        "ANNA-MARIA",
        "1234567890",
        "Password123",
        "aaaaaaaaaaaa",
        "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9",
        "\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8\xf7\xf6"
    };
    static const char *const fine[] = { "tencharsok", "\xc3\xa9t\xc3\xa9 in Eindhoven",
                                        "no digit and no sign", "anna-maria2" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(kp_password_check("anna-maria", bad[i], &(struct kp_err){ 0 }),
                         KP_EINVALID);
    for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++)
        assert_int_equal(kp_password_check("anna-maria", fine[i], &(struct kp_err){ 0 }), KP_OK);
    char longest[KP_PASSWORD_MAX + 2];
    memset(longest, 'x', sizeof longest);
    longest[0] = 'y';
    longest[KP_PASSWORD_MAX] = 0;
    assert_int_equal(kp_password_check("a", longest, &(struct kp_err){ 0 }), KP_OK);
    longest[KP_PASSWORD_MAX] = 'x';
    longest[KP_PASSWORD_MAX + 1] = 0;
    assert_int_equal(kp_password_check("a", longest, &(struct kp_err){ 0 }), KP_EINVALID);
}

static void a_password_that_is_made_passes_and_is_never_the_same(void **state)
{
    (void)state;
    char one[KP_PASSWORD_TEXT], two[KP_PASSWORD_TEXT];
    kp_password_make(one);
    kp_password_make(two);
    assert_int_equal(strlen(one), KP_PASSWORD_TEXT - 1);
    assert_string_not_equal(one, two);
    assert_int_equal(kp_password_check("owner", one, &(struct kp_err){ 0 }), KP_OK);
}

static bool holds(const char *all, size_t n, const char *text)
{
    for (size_t i = 0; i + strlen(text) <= n; i++)
        if (memcmp(all + i, text, strlen(text)) == 0)
            return true;
    return false;
}

static void a_user_logs_in_with_the_password_alone_and_it_is_nowhere_in_the_file(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    add(k, "anna", KP_ENGINEER);
    assert_int_equal(user(k, "anna").seen, KP_NO_TIME);
    assert_int_equal(login(k, "anna", good, NULL), KP_LOGIN_GOOD);
    assert_int_equal(user(k, "anna").seen, KIT_NOW);
    assert_int_equal(login(k, "anna", "correct horse batterx", NULL), KP_LOGIN_WRONG);
    assert_int_equal(login(k, "anna", "", NULL), KP_LOGIN_WRONG);
    assert_int_equal(login(k, "Anna", good, NULL), KP_LOGIN_WRONG);
    assert_int_equal(login(k, "nobody", good, NULL), KP_LOGIN_WRONG);
    assert_int_equal(
        kit_number(k,
                   "select count(*) from user where hash like '$argon2id$v=19$m=65536,t=3,p=1$%'"),
        1);
    kp_db_exec(k->store->db, "pragma wal_checkpoint(truncate)", &err);
    FILE *f = fopen(k->store->file, "rb");
    static char all[1 << 20];
    size_t n = fread(all, 1, sizeof all, f);
    fclose(f);
    assert_false(holds(all, n, good));
    assert_true(holds(all, n, "$argon2id$"));
}

static int64_t spent(struct kit *k, const char *name)
{
    int64_t best = INT64_MAX;
    for (int i = 0; i < 3; i++) {
        int64_t from = kp_mono(&kp_clock_system);
        assert_int_equal(login(k, name, "not the password", NULL), KP_LOGIN_WRONG);
        int64_t took = kp_mono(&kp_clock_system) - from;
        best = took < best ? took : best;
    }
    return best;
}

static void an_unknown_user_takes_as_long_as_a_known_one(void **state)
{
    struct kit *k = *state;
    add(k, "anna", KP_VIEWER);
    int64_t known = spent(k, "anna"), unknown = spent(k, "nobody");
    print_message("known %lld ms, unknown %lld ms\n", (long long)(known / KP_MILLISECOND),
                  (long long)(unknown / KP_MILLISECOND));
    assert_true(unknown > known / 2 && unknown < known * 2);
}

struct together {
    struct kit *k;
    enum kp_code code[8];
    pthread_t thread[8];
    int n;
};

static void *login_too(void *arg)
{
    struct together *t = arg;
    enum kp_login how;
    struct kp_user u;
    struct kp_err err = { 0 };
    int i = __atomic_fetch_add(&t->n, 1, __ATOMIC_SEQ_CST);
    t->code[i] = kp_user_login(t->k->store, "nobody", good, NULL, &how, &u, &err);
    return NULL;
}

static void of_many_log_ins_at_once_some_are_told_to_come_again(void **state)
{
    struct together t = { .k = *state };
    int busy = 0;
    for (int i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&t.thread[i], NULL, login_too, &t), 0);
    for (int i = 0; i < 8; i++)
        pthread_join(t.thread[i], NULL);
    for (int i = 0; i < 8; i++) {
        assert_true(t.code[i] == KP_OK || t.code[i] == KP_ESTOPPED);
        busy += t.code[i] == KP_ESTOPPED;
    }
    assert_in_range(busy, 1, 7);
    assert_int_equal(login(*state, "nobody", good, NULL), KP_LOGIN_WRONG); /* and room again */
}

/* ---- changes ---- */

static void names_are_sane_and_stand_once(void **state)
{
    struct kit *k = *state;
    struct kp_user_change as = { .role = KP_VIEWER, .disabled = -1 };
    char longest[KP_USER_MAX + 1];
    memset(longest, 'n', sizeof longest);
    longest[KP_USER_MAX] = 0;
    static const char *const bad[] = { "", "a/b", "local", " a", "a*" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(kp_user_add(k->store, bad[i], &as, good, false, &(struct kp_err){ 0 }),
                         KP_EINVALID);
    assert_int_equal(kp_user_add(k->store, longest, &as, good, false, &(struct kp_err){ 0 }),
                     KP_EINVALID);
    longest[KP_USER_MAX - 1] = 0;
    assert_int_equal(kp_user_add(k->store, longest, &as, good, false, &(struct kp_err){ 0 }),
                     KP_OK);
    assert_int_equal(kp_user_add(k->store, longest, &as, good, false, &(struct kp_err){ 0 }),
                     KP_EEXISTS);
    assert_int_equal(kp_user_add(k->store, "weak", &as, "weak", false, &(struct kp_err){ 0 }),
                     KP_EINVALID);
    as.mail = "nobody";
    assert_int_equal(kp_user_add(k->store, "x", &as, good, false, &(struct kp_err){ 0 }),
                     KP_EINVALID);
    as.mail = "x@example.com";
    as.language = "n l";
    assert_int_equal(kp_user_add(k->store, "x", &as, good, false, &(struct kp_err){ 0 }),
                     KP_EINVALID);
    as.language = "nl";
    as.display = "two\nlines";
    assert_int_equal(kp_user_add(k->store, "x", &as, good, false, &(struct kp_err){ 0 }),
                     KP_EINVALID);
    as.display = "X";
    as.role = KP_NOBODY;
    assert_int_equal(kp_user_add(k->store, "x", &as, good, false, &(struct kp_err){ 0 }),
                     KP_EINVALID);
    as.role = KP_OPERATOR;
    assert_int_equal(kp_user_add(k->store, "x", &as, good, true, &(struct kp_err){ 0 }), KP_OK);
    struct kp_user x = user(k, "x");
    assert_string_equal(x.mail, "x@example.com");
    assert_string_equal(x.language, "nl");
    assert_string_equal(x.display, "X");
    assert_true(x.must_change && !x.disabled && x.role == KP_OPERATOR);
}

static void the_last_enabled_owner_stays_one(void **state)
{
    struct kit *k = *state;
    add(k, "one", KP_OWNER);
    add(k, "two", KP_OWNER);
    add(k, "three", KP_VIEWER);
    assert_int_equal(change(k, "one", KP_NOBODY, 1), KP_OK);
    assert_int_equal(change(k, "two", KP_NOBODY, 1), KP_EEXISTS);
    assert_int_equal(change(k, "two", KP_ENGINEER, -1), KP_EEXISTS);
    assert_int_equal(kp_user_remove(k->store, "two", &(struct kp_err){ 0 }), KP_EEXISTS);
    assert_true(user(k, "two").role == KP_OWNER && !user(k, "two").disabled);
    assert_int_equal(kp_user_remove(k->store, "one", &(struct kp_err){ 0 }),
                     KP_OK); /* disabled, so it was none */
    assert_int_equal(change(k, "three", KP_OWNER, -1), KP_OK);
    assert_int_equal(change(k, "two", KP_VIEWER, -1), KP_OK);
    assert_int_equal(kp_user_remove(k->store, "two", &(struct kp_err){ 0 }), KP_OK);
    assert_int_equal(kp_user_remove(k->store, "two", &(struct kp_err){ 0 }), KP_ENOTFOUND);
    assert_int_equal(change(k, "two", KP_VIEWER, -1), KP_ENOTFOUND);
}

static void sessions_end_with_what_takes_rights_away_and_with_a_password_and_not_else(void **state)
{
    struct kit *k = *state;
    add(k, "anna", KP_ENGINEER);
    int64_t epoch = user(k, "anna").epoch;
    change(k, "anna", KP_OWNER, 0);
    change(k, "anna", KP_OWNER, -1);
    kp_user_change(k->store, "anna", &(struct kp_user_change){ .disabled = -1, .display = "Anna" },
                   &(struct kp_err){ 0 });
    assert_int_equal(user(k, "anna").epoch, epoch);
    add(k, "other", KP_OWNER);
    change(k, "anna", KP_VIEWER, -1);
    assert_true(user(k, "anna").epoch > epoch);
    epoch = user(k, "anna").epoch;
    change(k, "anna", KP_NOBODY, 1);
    assert_true(user(k, "anna").epoch > epoch);
    assert_int_equal(login(k, "anna", good, NULL), KP_LOGIN_WRONG); /* disabled */
    change(k, "anna", KP_NOBODY, 0);
    epoch = user(k, "anna").epoch;
    assert_int_equal(
        kp_user_password(k->store, "anna", "another few words", false, &(struct kp_err){ 0 }),
        KP_OK);
    assert_true(user(k, "anna").epoch > epoch);
    assert_int_equal(login(k, "anna", good, NULL), KP_LOGIN_WRONG);
    assert_int_equal(login(k, "anna", "another few words", NULL), KP_LOGIN_GOOD);
    assert_int_equal(kp_user_password(k->store, "anna", "anna", false, &(struct kp_err){ 0 }),
                     KP_EINVALID);
    assert_int_equal(kp_user_password(k->store, "who", good, false, &(struct kp_err){ 0 }),
                     KP_ENOTFOUND);
}

static void a_user_made_again_has_no_session_of_the_one_before(void **state)
{
    struct kit *k = *state;
    add(k, "other", KP_OWNER);
    add(k, "anna", KP_VIEWER);
    int64_t epoch = user(k, "anna").epoch;
    kp_user_remove(k->store, "anna", &(struct kp_err){ 0 });
    kp_clock_advance(&k->clock, KP_MILLISECOND);
    add(k, "anna", KP_VIEWER);
    assert_int_not_equal(user(k, "anna").epoch, epoch);
}

/* ---- the second factor ---- */

static void code_at(const char *text, int64_t at, char out[8])
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    unsigned char secret[KP_TOTP_SECRET + 1] = { 0 };
    for (size_t i = 0; text[i]; i++)
        for (size_t bit = 0; bit < 5; bit++)
            if ((size_t)(strchr(letters, text[i]) - letters) >> (4 - bit) & 1)
                secret[(i * 5 + bit) / 8] |= (unsigned char)(128 >> (i * 5 + bit) % 8);
    snprintf(out, 8, "%06u",
             kp_hotp(secret, KP_TOTP_SECRET, (uint64_t)(at / (KP_TOTP_PERIOD_S * KP_SECOND))) %
                 1000000);
}

static void a_second_factor_is_asked_for_once_it_is_confirmed_and_no_code_counts_twice(void **state)
{
    struct kit *k = *state;
    char text[KP_TOTP_TEXT], code[8];
    struct kp_err err = { 0 };
    add(k, "anna", KP_VIEWER);
    kp_user_totp_begin(k->store, "anna", text, &err);
    kit_ok(&err);
    assert_int_equal(login(k, "anna", good, NULL), KP_LOGIN_GOOD); /* not confirmed yet */
    assert_int_equal(kp_user_totp_confirm(k->store, "anna", "000000", &(struct kp_err){ 0 }),
                     KP_EINVALID);
    code_at(text, KIT_NOW, code);
    kp_user_totp_confirm(k->store, "anna", code, &err);
    kit_ok(&err);
    assert_true(user(k, "anna").totp);
    assert_int_equal(kp_user_totp_confirm(k->store, "anna", code, &(struct kp_err){ 0 }),
                     KP_EEXISTS);
    assert_int_equal(kp_user_totp_begin(k->store, "anna", text, &(struct kp_err){ 0 }), KP_EEXISTS);
    assert_int_equal(login(k, "anna", good, NULL), KP_LOGIN_NO_CODE);
    assert_int_equal(login(k, "anna", "not the password", NULL), KP_LOGIN_WRONG);
    assert_int_equal(login(k, "anna", good, code),
                     KP_LOGIN_WRONG); /* it confirmed, so it is used */
    kp_clock_advance(&k->clock, 30 * KP_SECOND);
    code_at(text, KIT_NOW + 30 * KP_SECOND, code);
    assert_int_equal(login(k, "anna", "not the password", code),
                     KP_LOGIN_WRONG); /* which does not use it up */
    assert_int_equal(login(k, "anna", good, code), KP_LOGIN_GOOD);
    assert_int_equal(login(k, "anna", good, code), KP_LOGIN_WRONG);
    kp_user_totp_remove(k->store, "anna", &err);
    kit_ok(&err);
    assert_int_equal(login(k, "anna", good, NULL), KP_LOGIN_GOOD);
    assert_int_equal(kit_number(k, "select count(*) from secret"), 0);
}

static void the_secret_of_the_second_factor_is_sealed_and_goes_with_its_user(void **state)
{
    struct kit *k = *state;
    char text[KP_TOTP_TEXT];
    struct kp_err err = { 0 };
    add(k, "anna", KP_VIEWER);
    kp_user_totp_begin(k->store, "anna", text, &err);
    kit_ok(&err);
    assert_int_equal(kit_number(k, "select length(data) from secret where name = 'user/anna/totp'"),
                     24 + 16 + KP_TOTP_SECRET);
    kp_user_remove(k->store, "anna", &err);
    kit_ok(&err);
    assert_int_equal(kit_number(k, "select count(*) from secret"), 0);
    assert_int_equal(kp_user_totp_begin(k->store, "anna", text, &err), KP_ENOTFOUND);
}

/* ---- the rest ---- */

static bool count(void *arg, const struct kp_user *u)
{
    int *n = arg;
    assert_true(u->name[0]);
    return ++*n < 2;
}

static void users_are_known_after_a_restart_and_listed_as_long_as_wanted(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    int n = 0;
    struct kp_user u;
    for (int i = 0; i < 3; i++)
        add(k, (char[]){ (char)('a' + i), 0 }, KP_VIEWER);
    kit_close(k);
    kit_open(k);
    assert_true(kp_user_find(k->store, "b", &u) && u.role == KP_VIEWER);
    assert_false(kp_user_find(k->store, "d", &u));
    kp_user_list(k->store, count, &n, &err);
    kit_ok(&err);
    assert_int_equal(n, 2);
}

static void sql_of_a_person_does_not_see_users(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    add(k, "anna", KP_VIEWER);
    struct kp_db *db = kp_store_reader(k->store, &err);
    assert_null(kp_db_query(db, "select hash from user", 1000, &err));
    assert_int_equal(err.code, KP_EDENIED);
    kp_store_reader_done(k->store, db);
}

static void out_of_memory_finds_nobody_and_leaks_nothing(void **state)
{
    struct kit *k = *state;
    struct kp_user u;
    long n = 1;
    add(k, "anna", KP_OWNER);
    for (bool found = false; !found; n++) {
        kit_close(k);
        kit_open(k);
        long live = kp_mem_live();
        kp_mem_fail_at(n);
        found = kp_user_find(k->store, "anna", &u);
        kp_mem_fail_at(0);
        if (!found)
            assert_true(kp_mem_live() <= live + 64); /* a connection of the pool, which is kept */
        assert_true(n < 1000);
    }
    print_message("points of failure: %ld\n", n - 2);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, kit_begin, kit_end)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_password_is_long_enough_and_none_of_the_obvious),
        cmocka_unit_test(a_password_that_is_made_passes_and_is_never_the_same),
        T(a_user_logs_in_with_the_password_alone_and_it_is_nowhere_in_the_file),
        T(an_unknown_user_takes_as_long_as_a_known_one),
        T(of_many_log_ins_at_once_some_are_told_to_come_again),
        T(names_are_sane_and_stand_once),
        T(the_last_enabled_owner_stays_one),
        T(sessions_end_with_what_takes_rights_away_and_with_a_password_and_not_else),
        T(a_user_made_again_has_no_session_of_the_one_before),
        T(a_second_factor_is_asked_for_once_it_is_confirmed_and_no_code_counts_twice),
        T(the_secret_of_the_second_factor_is_sealed_and_goes_with_its_user),
        T(users_are_known_after_a_restart_and_listed_as_long_as_wanted),
        T(sql_of_a_person_does_not_see_users),
        T(out_of_memory_finds_nobody_and_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
