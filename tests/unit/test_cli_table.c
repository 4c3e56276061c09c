/* SPDX-License-Identifier: Apache-2.0 */
/* The table of verbs: everything in it is said, once, and what is made from it holds all of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cli/cli.h"
#include "core/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What a call prints on stdout and its exit code. */
static int run(char out[1 << 16], const char *a, const char *b, const char *c)
{
    char program[] = "koppel", one[64], two[64], three[64], *argv[5] = { program, one, two, three, NULL };
    int argc = 1 + (a != NULL) + (b != NULL) + (c != NULL);
    snprintf(one, sizeof one, "%s", a ? a : "");
    snprintf(two, sizeof two, "%s", b ? b : "");
    snprintf(three, sizeof three, "%s", c ? c : "");
    argv[argc] = NULL;
    FILE *file = tmpfile();
    assert_non_null(file);
    fflush(stdout);
    int kept = dup(STDOUT_FILENO), hidden = dup(STDERR_FILENO);
    dup2(fileno(file), STDOUT_FILENO);
    dup2(fileno(file), STDERR_FILENO);
    extern int optind;
    optind = 0; /* getopt begins anew */
    int code = kp_cli(argc, argv);
    fflush(stdout);
    fflush(stderr);
    dup2(kept, STDOUT_FILENO);
    dup2(hidden, STDERR_FILENO);
    close(kept);
    close(hidden);
    rewind(file);
    out[fread(out, 1, (1 << 16) - 1, file)] = 0;
    fclose(file);
    return code;
}

static char text[1 << 16];

static void every_verb_has_words_an_example_and_a_function(void **state)
{
    (void)state;
    size_t n = 0;
    for (const struct kp_verb *v = kp_verbs; v->name; v++, n++) {
        assert_non_null(v->run);
        assert_non_null(v->flags);
        assert_true(strlen(v->summary) > 5);
        char begin[64];
        snprintf(begin, sizeof begin, "koppel %s", v->name);
        assert_non_null(strstr(v->example, begin));
        assert_true(v->most < 0 || v->most >= v->least);
        assert_int_equal(*v->arguments != 0, v->most != 0);
        for (const struct kp_verb *w = kp_verbs; w < v; w++)
            assert_string_not_equal(v->name, w->name);
    }
    static const char *const promised[] = { "init", "run", "status", "ls", "get", "tail", "set", "machines", "discover", "couple",
                                            "couplings", "profile",
                                            "uncouple", "trust", "cert", "history", "forecast", "follow", "consumers", "intervals",
                                            "retain", "usage", "import", "quarantine", "alarms", "token", "user", "audit", "listen", "partner", "offer", "catalogue", "negotiate", "agreements", "transfers", "pull", "mcp", "oidc", "sql", "backup", "restore", "apply", "export", "flex", "csaf", "stix", "watch", "inventory", "advisories", "feed", "observations", "sightings", "incident", "report", "shield",
                                            "check", "rollback", "help", "completion" };
    assert_int_equal(n, sizeof promised / sizeof promised[0]);
    for (size_t i = 0; i < n; i++)
        assert_string_equal(kp_verbs[i].name, promised[i]);
}

static void every_flag_has_help_and_stands_once(void **state)
{
    (void)state;
    for (const struct kp_verb *v = kp_verbs; v->name; v++)
        for (const struct kp_flag *f = v->flags; f->name; f++) {
            if (!f->help || !*f->help)
                fail_msg("%s --%s has no help", v->name, f->name);
            for (const struct kp_flag *g = v->flags; g < f; g++)
                assert_string_not_equal(f->name, g->name);
            assert_string_not_equal(f->name, "json");
            assert_string_not_equal(f->name, "node");
        }
}

static void help_of_a_verb_holds_its_flags_and_example_both_ways(void **state)
{
    (void)state;
    static char other[1 << 16];
    for (const struct kp_verb *v = kp_verbs; v->name; v++) {
        assert_int_equal(run(text, "help", v->name, NULL), KP_DONE);
        assert_non_null(strstr(text, v->example));
        for (const struct kp_flag *f = v->flags; f->name && !v->words; f++)
            assert_non_null(strstr(text, f->name));
        for (const struct kp_word *w = v->words; w && w->name; w++)
            assert_non_null(strstr(text, w->summary));
        assert_int_equal(run(other, v->name, "--help", NULL), KP_DONE);
        assert_string_equal(text, other);
    }
}

static bool a_word_says(const struct kp_verb *v, const char *flag)
{
    char name[40];
    snprintf(name, sizeof name, "--%s ", flag);
    for (const struct kp_word *w = v->words; w->name; w++) {
        assert_int_equal(run(text, "help", v->name, w->name), KP_DONE);
        assert_non_null(strstr(text, w->example));
        if (strstr(text, name))
            return true;
    }
    return false;
}

static void every_flag_of_a_verb_of_many_uses_stands_in_the_help_of_one(void **state)
{
    (void)state;
    int many = 0;
    for (const struct kp_verb *v = kp_verbs; v->name; v++) {
        many += v->words != NULL;
        for (const struct kp_flag *f = v->flags; v->words && f->name; f++)
            if (!a_word_says(v, f->name))
                fail_msg("no word of %s takes --%s", v->name, f->name);
    }
    assert_true(many > 0);
}

static void the_overview_the_manual_and_the_completion_hold_every_verb(void **state)
{
    (void)state;
    static char man[1 << 16], bash[1 << 16];
    assert_int_equal(run(text, NULL, NULL, NULL), KP_DONE);
    assert_int_equal(run(man, "help", "--man", NULL), KP_DONE);
    assert_int_equal(run(bash, "completion", "bash", NULL), KP_DONE);
    for (const struct kp_verb *v = kp_verbs; v->name; v++) {
        char line[64];
        snprintf(line, sizeof line, "\n  %s ", v->name);
        assert_non_null(strstr(text, line));
        snprintf(line, sizeof line, "\n.B koppel %s\n", v->name);
        assert_non_null(strstr(man, line));
        snprintf(line, sizeof line, "*:%s)", v->name);
        assert_non_null(strstr(bash, line));
    }
}

static void misuse_is_two_and_names_the_nearest(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b, *c, *said;
    } wrong[] = {
        { "statsu", NULL, NULL, "there is no verb 'statsu'; did you mean 'status'?" },
        { "--json", "ls", NULL, "'--json' stands before the verb" },
        { "ls", "--recursvie", NULL, "unknown option --recursvie; did you mean --recursive?" },
        { "ls", "--jsn=1", NULL, "unknown option --jsn; did you mean --json?" },
        { "ls", "-x", NULL, "unknown option -x" },
        { "set", "a/b", "-12", "put -- before what begins with '-'" },
        { "history", NULL, NULL, "it takes: PATH..." },
        { "history", "a", "--from", "--from needs a value" },
        { "status", "--url=x", NULL, "--url takes no value" },
        { "status", "more", NULL, "it takes: no arguments" },
        { "completion", "zsh", NULL, "only bash is known, not 'zsh'" },
        { "couplings", "--on", NULL, "--on goes with the name of a coupling" },
        { "history", "a", "--from=never", "--from: 'never' is no time" },
        { "history", "a", "--fn=median", "--fn: 'median' is none of" },
        { "sql", "select 1", "--limit=0", "--limit: '0' is no number of rows" },
        { "set", "a/b", NULL, "give a value to write, or fields to change" },
        { "set", "a/b", "--low=warm", "--low: 'warm' is not a number" },
        { "cert", "import", NULL, "it takes: export FILE, or show" },
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        int code = run(text, wrong[i].a, wrong[i].b, wrong[i].c);
        if (code != KP_MISUSE || !strstr(text, wrong[i].said) || !strstr(text, "try: koppel help"))
            fail_msg("%s %s: %d\n%snot %s", wrong[i].a, wrong[i].b ? wrong[i].b : "", code, text, wrong[i].said);
    }
}

static void a_table_printed_in_pages_has_one_head(void **state)
{
    (void)state;
    FILE *file = tmpfile();
    struct kp_cli c = { 0 };
    struct kp_table t = { 0 };
    static const char *const head[] = { "name", "value" };
    fflush(stdout);
    int kept = dup(STDOUT_FILENO);
    dup2(fileno(file), STDOUT_FILENO);
    kp_table_row(&t, 2, (const char *const[]){ "temperature", "7" });
    kp_table_print(&c, &t, head, "lr");
    kp_table_row(&t, 2, (const char *const[]){ "\xc3\xa9", "12.5" });
    kp_table_print(&c, &t, head, "lr");
    kp_table_print(&c, &t, head, "lr");
    fflush(stdout);
    dup2(kept, STDOUT_FILENO);
    close(kept);
    rewind(file);
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    assert_string_equal(text, "name         value\n"
                              "temperature      7\n"
                              "\xc3\xa9             12.5\n");
}

static void times_and_ages_are_for_people(void **state)
{
    (void)state;
    char out[64];
    kp_local_time(INT64_C(1795514400) * KP_SECOND + 500 * KP_MILLISECOND, true, out, sizeof out);
    assert_string_equal(out, "2026-11-24T10:00:00.500Z");
    setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
    kp_local_time(INT64_C(1700000000) * KP_SECOND, false, out, sizeof out);
    assert_string_equal(out, "2023-11-14 23:13:20.000");
    assert_int_equal(kp_text_width("22.5 \xc2\xb0""C"), 7);
}

int main(void)
{
    setenv("TZ", "UTC", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_verb_has_words_an_example_and_a_function),
        cmocka_unit_test(every_flag_has_help_and_stands_once),
        cmocka_unit_test(help_of_a_verb_holds_its_flags_and_example_both_ways),
        cmocka_unit_test(every_flag_of_a_verb_of_many_uses_stands_in_the_help_of_one),
        cmocka_unit_test(the_overview_the_manual_and_the_completion_hold_every_verb),
        cmocka_unit_test(misuse_is_two_and_names_the_nearest),
        cmocka_unit_test(a_table_printed_in_pages_has_one_head),
        cmocka_unit_test(times_and_ages_are_for_people),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
