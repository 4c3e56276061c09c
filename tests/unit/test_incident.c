/* SPDX-License-Identifier: Apache-2.0 */
/* Records of incidents and the evidence pack: memory that ends is told, and leaves nothing behind. */
#include "store_kit.h"

#include "net/json_memory.h"
#include "shield/evidence.h"
#include "shield/incident.h"
#include "shield/incident_clock.h"

#include <jansson.h>

#include "core/ban.h"

static struct kit *k;
static struct kp_shield *shield;
static int64_t incident;

static int setup(void **state)
{
    struct kp_err err = { 0 };
    int64_t device, note;
    kit_begin(state);
    k = *state;
    kit_hub(k);
    shield = kp_shield_new(k->hub, k->store, &k->clock.clock, &err);
    kit_ok(&err);
    json_t *d = json_pack("{s:s, s:s, s:s}", "name", "hall/press", "product", "PLC", "firmware", "V1");
    kp_shield_device_put(shield, 0, d, "anna", &device, &err);
    kit_ok(&err);
    json_t *scope = json_pack("{s:s, s:s, s:b, s:b, s:b}", "sector", "machinery", "size", "medium", "named", 0,
                              "supplier", 1, "products", 1);
    kp_incident_scope_put(shield, scope, "anna", &err);
    kit_ok(&err);
    json_t *body = json_pack("{s:s, s:s, s:[I]}", "title", "Phishing", "what", "A letter.", "devices", device);
    kp_incident_make(shield, KP_TO_NODE, body, "anna", &incident, &err);
    kit_ok(&err);
    json_t *done = json_pack("{s:s}", "text", "told everybody");
    kp_incident_note(shield, KP_TO_NODE, incident, done, "anna", &note, &err);
    kit_ok(&err);
    json_decref(d);
    json_decref(scope);
    json_decref(body);
    json_decref(done);
    return 0;
}

static int teardown(void **state)
{
    kp_shield_free(shield);
    return kit_end(state);
}

static enum kp_code show(void *arg)
{
    struct kp_err err = { 0 };
    struct kp_buf out;
    (void)arg;
    kp_buf_init(&out, 1 << 20);
    struct kp_json j = kp_json(&out);
    kp_incident(shield, KP_TO_NODE, incident, false, &j, &err);
    if (!err.code && out.failed)
        kp_fail(&err, KP_ENOMEM, "out of memory");
    if (!err.code) {
        assert_non_null(strstr(kp_buf_text(&out), "\"title\":\"Phishing\""));
        assert_non_null(strstr(kp_buf_text(&out), "\"firmware\":\"V1\""));
        assert_non_null(strstr(kp_buf_text(&out), "told everybody"));
    }
    kp_buf_free(&out);
    return err.code;
}

static enum kp_code file(void *arg)
{
    static const char *const stages[] = { "nis2-notification", NULL };
    struct kp_err err = { 0 };
    struct kp_buf out;
    kp_buf_init(&out, 4 << 20);
    kp_incident_file(shield, KP_TO_NODE, incident, stages[*(int *)arg & 1], "node", 2, *(int *)arg & 2, &out, &err);
    if (!err.code)
        assert_non_null(strstr(kp_buf_text(&out), "A letter."));
    kp_buf_free(&out);
    return err.code;
}

static enum kp_code evidence(void *arg)
{
    struct kp_err err = { 0 };
    struct kp_buf out;
    const struct kp_evidence e = { .node = "node", .version = "1", .format = *(int *)arg };
    kp_buf_init(&out, 4 << 20);
    kp_evidence(shield, &e, &out, &err);
    if (!err.code)
        assert_non_null(strstr(kp_buf_text(&out), "hall/press"));
    kp_buf_free(&out);
    return err.code;
}

/* With the first, second, third ... allocation failing, until it succeeds. The pool of readers and
 * statements keeps what it has, so it is made before. */
static void try_all(enum kp_code (*work)(void *), void *arg)
{
    enum kp_code code = KP_ENOMEM;
    long n = 1;
    assert_int_equal(work(arg), KP_OK);
    long live = kp_mem_live();
    for (; code != KP_OK; n++) {
        kp_mem_fail_at(n);
        code = work(arg);
        kp_mem_fail_at(0);
        assert_int_equal(kp_mem_live(), live);
        if (code != KP_OK)
            assert_int_equal(code, KP_ENOMEM);
    }
    assert_true(n > 5);
}

static void test_memory_that_ends_while_a_record_is_shown(void **state)
{
    (void)state;
    try_all(show, NULL);
}

static void test_memory_that_ends_while_a_file_is_made(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++)
        try_all(file, &i);
}

static void test_memory_that_ends_while_evidence_is_gathered(void **state)
{
    int text = 2, json = 3;
    (void)state;
    try_all(evidence, &json);
    try_all(evidence, &text);
}

int main(void)
{
    kp_json_memory_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_that_ends_while_a_record_is_shown),
        cmocka_unit_test(test_memory_that_ends_while_a_file_is_made),
        cmocka_unit_test(test_memory_that_ends_while_evidence_is_gathered),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
