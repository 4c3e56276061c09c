/* SPDX-License-Identifier: Apache-2.0 */
#include "core_kit.h"

#include "core/clock.h"
#include "core/rota.h"
#include "core/text.h"

#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "core/ban.h"

struct counted {
    struct kp_duty duty;
    atomic_int turns;
    atomic_bool in_turn;
    int64_t pause;
    int takes_ms;
};

static int64_t turn(void *arg)
{
    struct counted *c = arg;
    atomic_store(&c->in_turn, true);
    atomic_fetch_add(&c->turns, 1);
    nanosleep(&(struct timespec){ .tv_nsec = c->takes_ms * 1000000L }, NULL);
    atomic_store(&c->in_turn, false);
    return c->pause;
}

static struct kp_rota *rota(void)
{
    struct kp_err err = { 0 };
    struct kp_rota *r = kp_rota_new("test", &err);
    assert_non_null(r);
    return r;
}

static void begin(struct counted *c, struct kp_rota *r, int64_t after)
{
    struct kp_err err = { 0 };
    c->duty = (struct kp_duty){ .turn = turn, .arg = c };
    assert_int_equal(kp_duty_begin(&c->duty, r, after, &err), KP_OK);
}

static void wait_for(struct counted *c, int turns)
{
    for (int i = 0; i < 10000 && atomic_load(&c->turns) < turns; i++)
        usleep(1000);
    assert_true(atomic_load(&c->turns) >= turns);
}

static void each_comes_when_its_pause_is_over(void **state)
{
    (void)state;
    struct kp_rota *r = rota();
    struct counted often = { .pause = KP_MILLISECOND }, once = { .pause = 3600 * KP_SECOND },
                   later = { .pause = KP_MILLISECOND };
    begin(&often, r, 0);
    begin(&once, r, 0);
    begin(&later, r, 3600 * KP_SECOND);
    wait_for(&often, 20);
    wait_for(&once, 1);
    assert_int_equal(atomic_load(&once.turns), 1);
    assert_int_equal(atomic_load(&later.turns), 0);
    kp_duty_hurry(&once.duty);
    wait_for(&once, 2);
    kp_duty_hurry(&later.duty);
    wait_for(&later, 2);
    kp_duty_end(&once.duty);
    kp_duty_end(&later.duty);
    kp_duty_end(&often.duty);
    kp_rota_free(r);
}

/* What is hurried while it has its turn has one more. */
static void a_wish_in_its_turn_is_not_lost(void **state)
{
    (void)state;
    struct kp_rota *r = rota();
    struct counted c = { .pause = 3600 * KP_SECOND, .takes_ms = 50 };
    begin(&c, r, 0);
    wait_for(&c, 1);
    while (!atomic_load(&c.in_turn) && atomic_load(&c.turns) < 2)
        kp_duty_hurry(&c.duty);
    kp_duty_hurry(&c.duty);
    wait_for(&c, 2);
    kp_duty_end(&c.duty);
    kp_rota_free(r);
}

static void the_end_waits_for_the_turn_and_others_go_on(void **state)
{
    (void)state;
    struct kp_rota *r = rota();
    struct counted slow = { .takes_ms = 50 }, other = { .pause = KP_MILLISECOND };
    begin(&slow, r, 0);
    begin(&other, r, 0);
    wait_for(&slow, 1);
    kp_duty_end(&slow.duty);
    assert_false(atomic_load(&slow.in_turn));
    int turns = atomic_load(&slow.turns), of_other = atomic_load(&other.turns);
    wait_for(&other, of_other + 10);
    assert_int_equal(atomic_load(&slow.turns), turns);
    kp_duty_hurry(&slow.duty); /* it has ended: nothing comes of it */
    wait_for(&other, of_other + 20);
    assert_int_equal(atomic_load(&slow.turns), turns);
    kp_duty_end(&slow.duty);
    begin(&slow, r, 0);
    wait_for(&slow, turns + 1);
    kp_duty_end(&slow.duty);
    kp_duty_end(&other.duty);
    kp_rota_free(r);
}

static int64_t hurry_itself(void *arg)
{
    struct counted *c = arg;
    atomic_fetch_add(&c->turns, 1);
    kp_duty_hurry(&c->duty);
    return 0;
}

static void who_is_always_in_a_hurry_keeps_nobody_waiting(void **state)
{
    (void)state;
    struct kp_rota *r = rota();
    struct counted pusher = { .duty = { .turn = hurry_itself, .arg = &pusher } }, other = { .pause = KP_MILLISECOND };
    struct kp_err err = { 0 };
    assert_int_equal(kp_duty_begin(&pusher.duty, r, 0, &err), KP_OK);
    begin(&other, r, 0);
    wait_for(&pusher, 20);
    wait_for(&other, 20);
    kp_duty_end(&pusher.duty);
    kp_duty_end(&other.duty);
    kp_rota_free(r);
}

/* What has not begun can be told to hurry and to end; a rota without duties has no thread to wait for. */
static void what_has_not_begun_is_left_alone(void **state)
{
    (void)state;
    struct kp_rota *r = rota();
    struct counted c = { .pause = 0 };
    kp_duty_hurry(&c.duty);
    kp_duty_end(&c.duty);
    assert_int_equal(atomic_load(&c.turns), 0);
    kp_rota_free(r);
    kp_rota_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_comes_when_its_pause_is_over),
        cmocka_unit_test(a_wish_in_its_turn_is_not_lost),
        cmocka_unit_test(the_end_waits_for_the_turn_and_others_go_on),
        cmocka_unit_test(who_is_always_in_a_hurry_keeps_nobody_waiting),
        cmocka_unit_test(what_has_not_begun_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
