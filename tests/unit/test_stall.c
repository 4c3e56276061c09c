/* SPDX-License-Identifier: Apache-2.0 */
/* The disk takes nothing for a while, under a running hub and store: a machine that cannot wait
 * loses samples, and a gap says how many; one that can wait loses none; the memory stays within its
 * budget, and the live model goes on. */
#include "fault_kit.h"

#include "node/import.h"
#include "store/secret.h"

#include <time.h>

#include "core/ban.h"

enum { BUDGET = 1 << 20, HUB_BUDGET = 256 << 10, STEP = 64 };

/* ---- two machines that count ---- */

static struct machine {
    _Atomic kp_signal signal;
    _Atomic long acknowledged; /* flush has returned well */
} patient, hasty;

static struct machine *machine_of(struct kp_coupling *c)
{
    return strcmp(kp_coupling_name(c), "patient") == 0 ? &patient : &hasty;
}

static enum kp_code machine_open(struct kp_coupling *c, struct kp_err *err)
{
    struct kp_declare d = { .path = "count", .asset_kind = KP_MACHINE };
    d.info = (struct kp_signal_info){ .type = KP_INT64, .stored = true, .source = "count" };
    if (kp_coupling_declare(c, &d, 1, err))
        return err->code;
    machine_of(c)->signal = d.id;
    kp_coupling_online(c);
    return KP_OK;
}

static void nap(void)
{
    nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
}

static enum kp_code machine_step(struct kp_coupling *c, struct kp_err *err)
{
    struct machine *m = machine_of(c);
    for (long i = m->acknowledged; i < m->acknowledged + STEP; i++) {
        struct kp_sample s = { m->signal, KP_GOOD, KIT_NOW + i, kp_int(i) };
        if (kp_coupling_report(c, &s, err))
            return err->code;
    }
    if (kp_coupling_flush(c, err))
        return err->code;
    m->acknowledged += STEP;
    nap();
    return KP_OK;
}

static void machine_close(struct kp_coupling *c)
{
    (void)c;
}

static const struct kp_option no_options[] = { { 0 } };
static const struct kp_coupling_class classes[] = {
    { .name = "hasty",
      .schemes = "sim",
      .settings_size = 1,
      .state_size = 1,
      .options = no_options,
      .open = machine_open,
      .step = machine_step,
      .close = machine_close },
    { .name = "patient",
      .schemes = "sim",
      .settings_size = 1,
      .state_size = 1,
      .options = no_options,
      .open = machine_open,
      .step = machine_step,
      .close = machine_close,
      .pauses = true },
};

/* ---- the stage ---- */

static void couple(struct kit *k, uint16_t id)
{
    struct kp_err err = { 0 };
    const char *name = classes[id - 1].name;
    kp_hub_add_coupling(k->hub,
                        &(struct kp_coupling_def){ .id = id,
                                                   .name = name,
                                                   .url = "sim://x",
                                                   .at = name,
                                                   .enabled = true,
                                                   .clock = KP_CLOCK_SOURCE,
                                                   .class = &classes[id - 1] },
                        &err);
    kit_ok(&err);
}

static struct kit *start(void)
{
    struct kp_err err = { 0 };
    struct kit *k = kit_new();
    patient = hasty = (struct machine){ 0 };
    k->store = kp_store_open(
        k->dir,
        &(struct kp_store_options){ .queue_budget = BUDGET, .commit_every = 5 * KP_MILLISECOND },
        &err);
    kit_ok(&err);
    k->hub = kp_hub_new(&(struct kp_hub_options){ .context = k->store, .queue_budget = HUB_BUDGET },
                        &err);
    kp_store_load(k->store, k->hub, &err);
    kp_store_start(k->store, &err);
    kp_hub_start(k->hub, &err);
    kit_ok(&err);
    return k;
}

static void stop(struct kit *k)
{
    kp_hub_stop(k->hub);
    kp_store_stop(k->store);
}

static struct kp_coupling_status status(struct kit *k, uint16_t id)
{
    struct kp_coupling_status s;
    assert_true(kp_hub_coupling_status(k->hub, id, &s));
    return s;
}

/* Looks at the memory meanwhile. */
#define WAIT_UNTIL(condition)                                                                      \
    do {                                                                                           \
        int left_ = 60000;                                                                         \
        while (!(condition) && left_--) {                                                          \
            nap();                                                                                 \
            assert_true(kp_store_stats(k->store).queued <                                          \
                        BUDGET + HUB_BUDGET + 4 * sizeof(struct kp_batch));                        \
        }                                                                                          \
        if (left_ <= 0)                                                                            \
            fail_msg("never: %s", #condition);                                                     \
    } while (0)

/* Until the coupling waits because the disk takes nothing, not for want of a turn. */
static void wait_until_it_waits(struct kit *k, uint16_t id)
{
    WAIT_UNTIL(kp_store_stats(k->store).stalled);
    WAIT_UNTIL(kp_hub_holds(k->hub));
    uint64_t waits = status(k, id).waits;
    WAIT_UNTIL(status(k, id).waits > waits + 1);
}

static int64_t latest(struct kit *k, const struct machine *m)
{
    struct kp_model *model = kp_hub_model(k->hub);
    kp_model_lock(model);
    int64_t n = kp_model_now(model, m->signal).sample.value.i;
    kp_model_unlock(model);
    return n;
}

/* Every count from 0 on, once, in turn. Returns how many. */
static size_t check_whole(struct kit *k, const struct machine *m)
{
    struct kit_points p = kit_read(k->store->db, m->signal, INT64_MIN, INT64_MAX);
    for (size_t i = 0; i < p.n; i++)
        assert_true(p.s[i].value.i == (int64_t)i && p.s[i].at == KIT_NOW + (int64_t)i);
    size_t n = p.n;
    kit_points_free(&p);
    return n;
}

static size_t points_of(struct kit *k, const struct machine *m)
{
    struct kit_points p = kit_read(k->store->db, m->signal, INT64_MIN, INT64_MAX);
    size_t n = p.n;
    kit_points_free(&p);
    return n;
}

static void reopen(struct kit *k)
{
    struct kp_err err = { 0 };
    kp_hub_free(k->hub);
    k->hub = NULL;
    kit_close(k);
    k->store = kp_store_open(k->dir, NULL, &err);
    kit_ok(&err);
}

/* ---- tests ---- */

static void who_can_wait_loses_nothing_and_the_others_have_a_gap_that_says_how_much(void **state)
{
    (void)state;
    struct kit *k = start();
    couple(k, 1);
    couple(k, 2);
    WAIT_UNTIL(patient.acknowledged > 1000 && hasty.acknowledged > 1000);
    plan_fault(FAIL_FULL, 1, true);
    WAIT_UNTIL(status(k, 1).lost > 10000);
    wait_until_it_waits(k, 2);
    long held = patient.acknowledged;
    int64_t live = latest(k, &hasty);
    WAIT_UNTIL(latest(k, &hasty) > live + 10 * STEP); /* the hub goes on */
    assert_int_equal(patient.acknowledged, held);
    plan_fault(FAIL_FULL, 0, false);
    WAIT_UNTIL(patient.acknowledged > held + 1000); /* by itself */
    stop(k);
    struct kp_hub_stats h = kp_hub_stats(k->hub);
    uint64_t lost = status(k, 1).lost, said = status(k, 1).samples;
    assert_int_equal(status(k, 2).lost, 0);
    assert_int_equal(h.lost, lost);
    assert_int_equal(h.stored, status(k, 2).samples + said - lost);
    reopen(k);
    assert_int_equal(points_of(k, &hasty), said - lost);
    assert_true(check_whole(k, &patient) >= (size_t)patient.acknowledged);
    static const char gaps[] =
        "from interval where kind = 'gap' and attributes like '%store-stalled%' and end < 9e18";
    char sql[256];
    snprintf(sql, sizeof sql, "select sum(json_extract(attributes, '$.lost')) %s", gaps);
    assert_int_equal(kit_number(k, sql), lost);
    snprintf(sql, sizeof sql,
             "select count(*) %s and json_extract(attributes, '$.coupling') is not 'hasty'", gaps);
    assert_int_equal(kit_number(k, sql), 0);
    kit_free(k);
}

static void one_that_waits_ends_at_once_when_it_shall_and_acknowledges_nothing_more(void **state)
{
    (void)state;
    struct kit *k = start();
    struct kp_err err = { 0 };
    couple(k, 2);
    WAIT_UNTIL(patient.acknowledged > 1000);
    plan_fault(FAIL_FULL, 1, true);
    wait_until_it_waits(k, 2);
    kp_hub_remove_coupling(k->hub, 2, &err);
    kit_ok(&err);
    long held = patient.acknowledged;
    plan_fault(FAIL_FULL, 0, false);
    WAIT_UNTIL(!kp_hub_holds(k->hub));
    stop(k);
    assert_int_equal(kp_hub_stats(k->hub).lost, 0);
    reopen(k);
    assert_int_equal(patient.acknowledged, held);
    assert_int_equal(check_whole(k, &patient), (size_t)held); /* no more and no less */
    kit_free(k);
}

static enum kp_code import(struct kp_node *n, const char *text, struct kp_err *err)
{
    struct kp_import_count count;
    *err = (struct kp_err){ 0 };
    return kp_node_import(n, text, strlen(text), &(struct kp_import_options){ .at = "hall" },
                          &count, err);
}

static void an_import_is_told_to_come_again_and_then_is_there_once(void **state)
{
    (void)state;
    static const char text[] =
        "signal,time,value\nm/a,2026-01-05T06:00:00Z,1\nm/a,2026-01-05T06:00:01Z,2\n";
    static const char more[] = "signal,time,value\nm/b,2026-01-05T06:00:00Z,1\n";
    struct kit *k = kit_new();
    struct kp_err err = { 0 };
    char dir[100];
    struct kp_first first = { 0 };
    snprintf(dir, sizeof dir, "%s/node", k->dir);
    kp_node_create(dir, "test", &first, &err);
    struct kp_node *n =
        kp_node_open(dir, &(struct kp_node_options){ .commit_every = KP_MILLISECOND }, &err);
    kit_ok(&err);
    kp_node_start(n, &err);
    kit_ok(&err);
    plan_fault(FAIL_FULL, 1, true);
    for (int i = 0; i < 2; i++) { /* the first finds it out, the second is told at once */
        assert_int_equal(import(n, text, &err), KP_ESTOPPED);
        assert_non_null(strstr(err.text, "send it again later"));
        assert_non_null(strstr(err.text, "full"));
    }
    assert_int_equal(import(n, more, &err), KP_ESTOPPED); /* and makes no signal */
    plan_fault(FAIL_FULL, 0, false);
    for (int i = 0; i < 10000 && import(n, text, &err); i++)
        nap();
    kit_ok(&err);
    kp_model_lock(kp_hub_model(kp_node_hub(n)));
    kp_signal a = kp_model_find_signal(kp_hub_model(kp_node_hub(n)), "hall/m/a");
    assert_int_equal(kp_model_find_signal(kp_hub_model(kp_node_hub(n)), "hall/m/b"), 0);
    kp_model_unlock(kp_hub_model(kp_node_hub(n)));
    struct kp_db *db = kp_store_reader(kp_node_store(n), &err);
    struct kit_points p = kit_read(db, a, INT64_MIN, INT64_MAX);
    assert_int_equal(p.n, 2);
    kit_points_free(&p);
    kp_store_reader_done(kp_node_store(n), db);
    kp_node_stop(n);
    kp_node_free(n);
    kit_free(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_can_wait_loses_nothing_and_the_others_have_a_gap_that_says_how_much),
        cmocka_unit_test(one_that_waits_ends_at_once_when_it_shall_and_acknowledges_nothing_more),
        cmocka_unit_test(an_import_is_told_to_come_again_and_then_is_there_once),
    };
    return cmocka_run_group_tests(tests, use_faulty_disk, NULL);
}
