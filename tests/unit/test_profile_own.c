/* SPDX-License-Identifier: Apache-2.0 */
/* Profiles of a person's own: files in the node's folder. */
#include "kit.h"

#include "core/value.h"
#include "couplings/profile.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char dir[64];

static int make_folder(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/koppel-profile-XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    kp_profiles_folder(dir);
    return 0;
}

static void path_of(const char *name, char out[128])
{
    snprintf(out, 128, "%s/%s", dir, name);
}

static int drop_folder(void **state)
{
    static const char *const names[] = { "mine.json", "opcua-generic.json", "wrong.json",
                                         "note.txt" };
    char path[128];
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        path_of(names[i], path);
        unlink(path);
    }
    kp_profiles_folder("");
    return rmdir(dir);
}

static void put(const char *file, const char *text)
{
    char path[128];
    path_of(file, path);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    fclose(f);
}

static const char mine[] =
    "{\"title\":\"Mine\",\"rank\":60,\"protocol\":\"opcua\",\"namespaces\":[],\"rules\":["
    "{\"match\":[\"**/Stand\"],\"role\":\"state\",\"subscribe\":true}]}";

static struct kp_profiles load(const char *by_hand)
{
    const char *uris[] = { "http://opcfoundation.org/UA/MachineTool/" };
    struct kp_profile_peer peer = {
        .protocol = "opcua", .namespaces = uris, .n = 1, .by_hand = by_hand
    };
    struct kp_profiles all;
    struct kp_err err = { 0 };
    kp_profiles_load(&all, &peer, &err);
    assert_string_equal(err.text, "");
    return all;
}

static void ones_own_stand_among_those_built_in_by_their_rank(void **state)
{
    (void)state;
    put("mine.json", mine);
    struct kp_profiles all = load(NULL);
    struct kp_profile_choice c;
    assert_string_equal(kp_profile_name(all.list[0]), "mine");
    struct kp_profile_variable v = { .path = "M/Stand", .type = KP_STRING };
    assert_true(kp_profiles_match(&all, &v, &c));
    assert_string_equal(c.role, "state");
    kp_profiles_free(&all);
}

static void the_one_chosen_by_hand_goes_before_all(void **state)
{
    (void)state;
    put("mine.json", mine);
    struct kp_profiles all = load("opcua-cnc");
    assert_string_equal(kp_profile_name(all.list[0]), "opcua-cnc");
    assert_string_equal(kp_profile_name(all.list[1]), "mine");
    kp_profiles_free(&all);
}

static void one_of_the_same_name_takes_the_place_of_the_one_built_in(void **state)
{
    (void)state;
    put("opcua-generic.json", mine);
    struct kp_profiles all = load(NULL);
    size_t found = 0;
    for (size_t i = 0; i < all.n; i++)
        if (strcmp(kp_profile_name(all.list[i]), "opcua-generic") == 0) {
            found++;
            assert_string_equal(kp_profile_title(all.list[i]), "Mine");
        }
    assert_int_equal(found, 1);
    kp_profiles_free(&all);
}

static void a_wrong_file_says_why_and_the_others_go_on(void **state)
{
    struct kp_err err = { 0 };
    (void)state;
    put("wrong.json", "{\"namespaces\":[],\"rules\":[{}]}");
    put("note.txt", "not a profile");
    struct kp_profiles all = load(NULL);
    assert_int_equal(all.n, 3);
    kp_profiles_free(&all);
    assert_int_equal(kp_profile_check("opcua", "wrong", &err), KP_EPARSE);
    assert_non_null(strstr(err.text, "rule 1"));
}

static void a_name_not_there_is_refused_with_the_nearest(void **state)
{
    struct kp_err err = { 0 };
    (void)state;
    put("mine.json", mine);
    assert_int_equal(kp_profile_check("opcua", "mine", &err), KP_OK);
    assert_int_equal(kp_profile_check("opcua", "minne", &err), KP_EINVALID);
    assert_non_null(strstr(err.text, "did you mean 'mine'"));
}

int main(void)
{
#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, drop_folder)
    static const struct CMUnitTest tests[] = {
        IN_FOLDER(ones_own_stand_among_those_built_in_by_their_rank),
        IN_FOLDER(the_one_chosen_by_hand_goes_before_all),
        IN_FOLDER(one_of_the_same_name_takes_the_place_of_the_one_built_in),
        IN_FOLDER(a_wrong_file_says_why_and_the_others_go_on),
        IN_FOLDER(a_name_not_there_is_refused_with_the_nearest),
    };
    return cmocka_run_group_tests_name("profile own", tests, NULL, NULL);
}
