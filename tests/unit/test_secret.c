/* SPDX-License-Identifier: Apache-2.0 */
/* node.key, the secrets it seals, and access tokens. */
#include "store_kit.h"

#include "store/secret.h"

#include <sys/stat.h>

#include "core/ban.h"

static const char *key_path(struct kit *k)
{
    static char path[100];
    snprintf(path, sizeof path, "%s/node.key", k->dir);
    return path;
}

static enum kp_code get(struct kit *k, const char *name, char *out, size_t size, struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    void *data;
    size_t len;
    enum kp_code code = kp_secret_get(k->store, name, &arena, &data, &len, err);
    if (!code) {
        assert_int_equal(((char *)data)[len], 0);
        snprintf(out, size, "%.*s", (int)len, (char *)data);
    }
    kp_arena_free(&arena);
    return code;
}

/* ---- the key ---- */

static void the_key_is_made_once_and_is_private(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    struct stat st;
    assert_int_equal(stat(key_path(k), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(st.st_size, 32);
    assert_int_equal(kp_key_create(k->dir, &err), KP_EEXISTS);
    err = (struct kp_err){ 0 };
    assert_int_equal(kp_key_create("/nowhere/at/all", &err), KP_EIO);
}

static void a_key_that_others_may_read_is_refused(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    chmod(key_path(k), 0640);
    assert_int_equal(kp_key_load(k->store, k->dir, &err), KP_EREFUSED);
    assert_non_null(strstr(err.text, "chmod 600"));
}

static void a_damaged_or_missing_key_is_told(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    assert_int_equal(truncate(key_path(k), 31), 0);
    assert_int_equal(kp_key_load(k->store, k->dir, &err), KP_EPARSE);
    unlink(key_path(k));
    err = (struct kp_err){ 0 };
    assert_int_equal(kp_key_load(k->store, k->dir, &err), KP_ENOTFOUND);
}

/* ---- secrets ---- */

static void a_secret_comes_back_and_is_nowhere_in_the_file(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    char out[100], needle[] = "correct horse battery";
    kp_secret_put(k->store, "coupling/3/password", needle, strlen(needle), &err);
    kp_secret_put(k->store, "empty", "", 0, &err);
    kit_ok(&err);
    assert_int_equal(get(k, "coupling/3/password", out, sizeof out, &err), KP_OK);
    assert_string_equal(out, needle);
    assert_int_equal(get(k, "empty", out, sizeof out, &err), KP_OK);
    assert_string_equal(out, "");
    kp_store_stop(k->store);
    FILE *f = fopen(k->store->file, "rb");
    static char all[1 << 20];
    size_t n = fread(all, 1, sizeof all, f);
    fclose(f);
    assert_true(n > 8192);
    for (size_t i = 0; i + sizeof needle < n; i++)
        assert_true(memcmp(all + i, needle, strlen(needle)) != 0);
}

static void a_secret_is_replaced_and_removed(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    char out[100];
    kp_secret_put(k->store, "a", "one", 3, &err);
    kp_secret_put(k->store, "a", "two", 3, &err);
    get(k, "a", out, sizeof out, &err);
    assert_string_equal(out, "two");
    kp_secret_put(k->store, "a", NULL, 0, &err);
    kit_ok(&err);
    assert_int_equal(get(k, "a", out, sizeof out, &err), KP_ENOTFOUND);
}

static void another_key_or_a_changed_bit_opens_nothing(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    char out[100];
    kp_secret_put(k->store, "a", "secret", 6, &err);
    kit_ok(&err);
    kp_db_exec(k->store->db, "update secret set data = cast(substr(data, 1, length(data) - 1) || x'00' as blob)", &err);
    assert_int_equal(get(k, "a", out, sizeof out, &err), KP_EPARSE);
    kp_db_exec(k->store->db, "update secret set data = x'0102'", NULL);
    err = (struct kp_err){ 0 };
    assert_int_equal(get(k, "a", out, sizeof out, &err), KP_EPARSE);
    err = (struct kp_err){ 0 };
    kp_secret_put(k->store, "a", "secret", 6, &err);
    unlink(key_path(k));
    kp_key_create(k->dir, &err);
    kp_key_load(k->store, k->dir, &err);
    kit_ok(&err);
    assert_int_equal(get(k, "a", out, sizeof out, &err), KP_EPARSE);
    assert_null(strstr(err.text, "secret\n"));
}

static void without_the_key_nothing_is_stored_in_clear(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    char out[10];
    kit_close(k);
    kit_open(k);
    assert_int_equal(kp_secret_put(k->store, "a", "x", 1, &err), KP_EINVALID);
    err = (struct kp_err){ 0 };
    assert_int_equal(get(k, "a", out, sizeof out, &err), KP_EINVALID);
    assert_int_equal(kit_number(k, "select count(*) from secret"), 0);
}

/* ---- tokens ---- */

static void a_token_opens_and_only_its_hash_is_kept(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    char token[KP_TOKEN_TEXT], other[KP_TOKEN_TEXT], name[64] = "";
    kp_token_create(k->store, "first", token, &err);
    kp_token_create(k->store, "second", other, &err);
    kit_ok(&err);
    assert_int_equal(strncmp(token, "kp_", 3), 0);
    assert_int_equal(strlen(token), 46);
    assert_string_not_equal(token, other);
    assert_true(kp_token_check(k->store, token, name, sizeof name));
    assert_string_equal(name, "first");
    assert_true(kp_token_check(k->store, other, name, sizeof name));
    assert_string_equal(name, "second");
    assert_true(kp_token_check(k->store, other, NULL, 0));
    assert_int_equal(kit_number(k, "select count(*) from token where instr(hash, 'kp_') or length(hash) <> 32"), 0);
}

static void a_wrong_token_does_not_open(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    char token[KP_TOKEN_TEXT], name[8] = "";
    assert_false(kp_token_check(k->store, "", name, sizeof name));
    kp_token_create(k->store, "first", token, &err);
    for (size_t i = 0; i < strlen(token); i++) {
        token[i] ^= 1;
        assert_false(kp_token_check(k->store, token, name, sizeof name));
        token[i] ^= 1;
    }
    token[45] = 0;
    assert_false(kp_token_check(k->store, token, name, sizeof name));
    assert_string_equal(name, "");
}

static void a_removed_token_does_not_open_any_more(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    char token[KP_TOKEN_TEXT];
    kp_token_create(k->store, "first", token, &err);
    assert_true(kp_token_check(k->store, token, NULL, 0));
    kp_token_remove(k->store, "first", &err);
    kit_ok(&err);
    assert_false(kp_token_check(k->store, token, NULL, 0));
    assert_int_equal(kp_token_remove(k->store, "first", &err), KP_ENOTFOUND);
}

static bool see(void *arg, const struct kp_token_view *t)
{
    size_t *n = arg;
    assert_string_equal(t->name, *n ? "second" : "first");
    assert_true(*n ? strcmp(t->writes, "hall/oven") == 0 : !t->writes);
    ++*n;
    return true;
}

static void a_token_for_posting_opens_nothing_else(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    char full[KP_TOKEN_TEXT], token[KP_TOKEN_TEXT], pattern[64] = "";
    size_t n = 0;
    kp_token_create(k->store, "first", full, &err);
    kp_token_create_for(k->store, &(struct kp_token_view){ .name = "second", .writes = "hall/oven" }, token, &err);
    kit_ok(&err);
    for (int again = 0; again < 2; again++) {
        assert_false(kp_token_check(k->store, token, NULL, 0));
        assert_true(kp_token_writes(k->store, token, pattern, sizeof pattern));
        assert_string_equal(pattern, "hall/oven");
        assert_false(kp_token_writes(k->store, full, pattern, sizeof pattern));
        assert_false(kp_token_writes(k->store, token, pattern, 9)); /* a pattern that is cut would be another */
        kit_close(k);
        kit_open(k);
    }
    kp_token_list(k->store, see, &n, &err);
    kit_ok(&err);
    assert_int_equal(n, 2);
    assert_int_equal(kp_token_create_for(k->store, &(struct kp_token_view){ .name = "third", .writes = "a//b" }, token, &err), KP_EINVALID);
    err = (struct kp_err){ 0 };
    assert_int_equal(kp_token_create_for(k->store, &(struct kp_token_view){ .name = "third", .writes = "" }, token, &err), KP_EINVALID);
}

static void a_token_has_the_role_it_was_made_with(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    char token[KP_OWNER + 1][KP_TOKEN_TEXT];
    kp_token_create(k->store, "without", token[0], &err);
    for (enum kp_role role = KP_VIEWER; role <= KP_OWNER; role++)
        kp_token_create_for(k->store, &(struct kp_token_view){ .name = kp_role_words[role], .role = role }, token[role], &err);
    kit_ok(&err);
    for (int again = 0; again < 2; again++) {
        assert_int_equal(kp_token_check(k->store, token[0], NULL, 0), KP_OWNER);
        for (enum kp_role role = KP_VIEWER; role <= KP_OWNER; role++)
            assert_int_equal(kp_token_check(k->store, token[role], NULL, 0), role);
        kit_close(k);
        kit_open(k);
    }
    const struct kp_token_view both = { .name = "both", .role = KP_VIEWER, .writes = "hall" };
    assert_int_equal(kp_token_create_for(k->store, &both, token[0], &err), KP_EINVALID);
    for (enum kp_role role = KP_VIEWER; role <= KP_OWNER; role++)
        assert_int_equal(kp_role_find(kp_role_words[role]), role);
    assert_int_equal(kp_role_find("nobody"), KP_NOBODY);
    assert_int_equal(kp_role_find("Owner"), KP_NOBODY);
}

static void a_token_opens_nothing_from_the_time_it_expires(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    char full[KP_TOKEN_TEXT], posts[KP_TOKEN_TEXT], pattern[64];
    const int64_t until = kp_utc(&k->clock.clock) + KP_SECOND;
    kp_token_create_for(k->store, &(struct kp_token_view){ .name = "full", .expires = until }, full, &err);
    kp_token_create_for(k->store, &(struct kp_token_view){ .name = "posts", .writes = "hall", .expires = until }, posts, &err);
    kit_ok(&err);
    kp_clock_advance(&k->clock, KP_SECOND - 1);
    assert_int_equal(kp_token_check(k->store, full, NULL, 0), KP_OWNER);
    assert_true(kp_token_writes(k->store, posts, pattern, sizeof pattern));
    kp_clock_advance(&k->clock, 1);
    assert_int_equal(kp_token_check(k->store, full, NULL, 0), KP_NOBODY);
    assert_false(kp_token_writes(k->store, posts, pattern, sizeof pattern));
    const struct kp_token_view late = { .name = "late", .expires = until };
    assert_int_equal(kp_token_create_for(k->store, &late, full, &err), KP_EINVALID);
}

static void names_of_tokens_are_unique_and_sane(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    char token[KP_TOKEN_TEXT];
    kp_token_create(k->store, "a", token, &err);
    kit_ok(&err);
    assert_int_equal(kp_token_create(k->store, "a", token, &err), KP_EEXISTS);
    assert_string_equal(token, "");
    err = (struct kp_err){ 0 };
    assert_int_equal(kp_token_create(k->store, "", token, &err), KP_EINVALID);
}

static void tokens_are_known_after_a_restart(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    char token[KP_TOKEN_TEXT], name[8];
    kp_token_create(k->store, "a", token, &err);
    kit_ok(&err);
    kit_close(k);
    kit_open(k);
    assert_true(kp_token_check(k->store, token, name, sizeof name));
    assert_string_equal(name, "a");
}

static void out_of_memory_lets_nobody_in_and_leaks_nothing(void **state)
{
    struct kit *k = *state;
    struct kp_err err = { 0 };
    char token[KP_TOKEN_TEXT];
    kp_token_create(k->store, "a", token, &err);
    kp_secret_put(k->store, "s", "x", 1, &err);
    kit_ok(&err);
    long n = 1;
    for (bool done = false; !done; n++) {
        kit_close(k);
        kit_open(k);
        kp_key_load(k->store, k->dir, &err);
        kp_mem_fail_at(n);
        done = kp_token_check(k->store, token, NULL, 0);
        kp_mem_fail_at(0);
        assert_true(kp_token_check(k->store, token, NULL, 0)); /* the next try finds it */
    }
    long points = n - 2;
    for (n = 1;; n++) {
        char out[8];
        err = (struct kp_err){ 0 };
        kp_mem_fail_at(n);
        enum kp_code code = get(k, "s", out, sizeof out, &err);
        kp_mem_fail_at(0);
        if (!code)
            break;
        assert_int_equal(code, KP_ENOMEM);
    }
    points += n - 1;
    for (n = 1;; n++) {
        err = (struct kp_err){ 0 };
        kp_mem_fail_at(n);
        enum kp_code code = kp_secret_put(k->store, "s", "y", 1, &err);
        kp_mem_fail_at(0);
        if (!code)
            break;
        assert_int_equal(code, KP_ENOMEM);
    }
    points += n - 1;
    print_message("points of failure: %ld\n", points);
    assert_true(points > 3);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, kit_begin, kit_end)
    const struct CMUnitTest tests[] = {
        T(the_key_is_made_once_and_is_private),
        T(a_key_that_others_may_read_is_refused),
        T(a_damaged_or_missing_key_is_told),
        T(a_secret_comes_back_and_is_nowhere_in_the_file),
        T(a_secret_is_replaced_and_removed),
        T(another_key_or_a_changed_bit_opens_nothing),
        T(without_the_key_nothing_is_stored_in_clear),
        T(a_token_opens_and_only_its_hash_is_kept),
        T(a_wrong_token_does_not_open),
        T(a_removed_token_does_not_open_any_more),
        T(a_token_for_posting_opens_nothing_else),
        T(a_token_has_the_role_it_was_made_with),
        T(a_token_opens_nothing_from_the_time_it_expires),
        T(names_of_tokens_are_unique_and_sane),
        T(tokens_are_known_after_a_restart),
        T(out_of_memory_lets_nobody_in_and_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
