/* SPDX-License-Identifier: Apache-2.0 */
#include "core_kit.h"

#include "core/clock.h"
#include "core/queue.h"
#include "core/text.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "core/ban.h"

enum { COST = 100 };

struct item {
    struct kp_msg msg;
    int producer, number;
};

static atomic_int dropped;

static void drop(struct kp_msg *m)
{
    dropped++;
    kp_free(m);
}

static struct item *item(int producer, int number, uint32_t cost)
{
    struct item *i = kp_alloc(sizeof *i);
    assert_non_null(i);
    *i = (struct item){
        .msg.kind = KP_MSG_ROW, .msg.cost = cost, .producer = producer, .number = number
    };
    return i;
}

static struct kp_queue *queue(size_t budget)
{
    struct kp_queue *q = kp_queue_new(budget, drop);
    assert_non_null(q);
    dropped = 0;
    return q;
}

/* Pushes without waiting; frees what was refused. */
static bool push(struct kp_queue *q, int number, uint32_t cost)
{
    struct item *i = item(0, number, cost);
    bool taken = kp_queue_push(q, &i->msg, 0);
    if (!taken)
        kp_free(i);
    return taken;
}

static bool push_urgent(struct kp_queue *q, int number)
{
    struct item *i = item(0, number, COST);
    bool taken = kp_queue_push_urgent(q, &i->msg);
    if (!taken)
        kp_free(i);
    return taken;
}

/* The number of the next message, -1 when there is none. */
static int pop(struct kp_queue *q, int timeout_ms)
{
    struct item *i = (struct item *)kp_queue_pop(q, timeout_ms);
    int number = i ? i->number : -1;
    kp_free(i);
    return number;
}

static pthread_t thread(void *(*run)(void *), void *arg)
{
    pthread_t t;
    assert_int_equal(pthread_create(&t, NULL, run, arg), 0);
    return t;
}

static void *joined(pthread_t t)
{
    void *result;
    assert_int_equal(pthread_join(t, &result), 0);
    return result;
}

/* ---- one thread ---- */
static void messages_come_out_in_the_order_they_went_in(void **state)
{
    (void)state;
    struct kp_queue *q = queue(10 * COST);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 10; i++)
            assert_true(push(q, i, COST));
        for (int i = 0; i < 10; i++)
            assert_int_equal(pop(q, 0), i);
        assert_int_equal(pop(q, 0), -1);
    }
    kp_queue_free(q);
}

static void a_full_queue_refuses_and_keeps_ownership_with_the_caller(void **state)
{
    (void)state;
    struct kp_queue *q = queue(3 * COST);
    for (int i = 0; i < 3; i++)
        assert_true(push(q, i, COST));
    struct item *more = item(0, 3, COST);
    assert_false(kp_queue_push(q, &more->msg, 0));
    assert_int_equal(more->number, 3); /* still ours, untouched */
    assert_int_equal(pop(q, 0), 0);
    assert_true(kp_queue_push(q, &more->msg, 0));
    assert_int_equal(dropped, 0);
    kp_queue_free(q);
    assert_int_equal(dropped, 3);
}

static void the_budget_counts_bytes_and_not_messages(void **state)
{
    (void)state;
    struct kp_queue *q = queue(1000);
    assert_true(push(q, 1, 600));
    assert_int_equal(kp_queue_used(q), 600);
    assert_false(push(q, 2, 401));
    assert_true(push(q, 3, 400));
    assert_int_equal(kp_queue_used(q), 1000);
    assert_false(push(q, 4, 1));
    assert_int_equal(pop(q, 0), 1);
    assert_int_equal(kp_queue_used(q), 400);
    assert_int_equal(pop(q, 0), 3);
    assert_int_equal(kp_queue_used(q), 0);
    kp_queue_free(q);
}

static void a_message_larger_than_the_budget_is_taken_when_the_queue_is_empty(void **state)
{
    (void)state;
    struct kp_queue *q = queue(1000);
    assert_true(push(q, 1, 1));
    assert_false(push(q, 2, UINT32_MAX));
    assert_int_equal(pop(q, 0), 1);
    assert_true(push(q, 2, UINT32_MAX));
    assert_false(push(q, 3, 1));
    assert_int_equal(pop(q, 0), 2);
    assert_true(push(q, 3, 1));
    kp_queue_free(q);
}

static void urgent_messages_go_first_in_their_own_order_and_need_no_room(void **state)
{
    (void)state;
    struct kp_queue *q = queue(COST);
    assert_true(push(q, 1, COST));
    assert_true(push_urgent(q, 10));
    assert_true(push_urgent(q, 11));
    assert_int_equal(kp_queue_used(q), COST);
    assert_int_equal(pop(q, 0), 10);
    assert_true(push_urgent(q, 12));
    assert_int_equal(pop(q, 0), 11);
    assert_int_equal(pop(q, 0), 12);
    assert_int_equal(pop(q, 0), 1);
    assert_int_equal(pop(q, 0), -1);
    kp_queue_free(q);
}

static void waiting_in_vain_takes_the_time_that_was_given(void **state)
{
    (void)state;
    struct kp_queue *q = queue(COST);
    int64_t start = kp_mono(&kp_clock_system);
    assert_int_equal(pop(q, 30), -1);
    assert_true(kp_mono(&kp_clock_system) - start >= 30 * KP_MILLISECOND);
    assert_true(push(q, 1, COST));
    struct item *more = item(0, 2, COST);
    start = kp_mono(&kp_clock_system);
    assert_false(kp_queue_push(q, &more->msg, 30));
    assert_true(kp_mono(&kp_clock_system) - start >= 30 * KP_MILLISECOND);
    kp_free(more);
    kp_queue_free(q);
}

static void a_closed_queue_refuses_pushes_and_gives_out_what_it_has(void **state)
{
    (void)state;
    struct kp_queue *q = queue(10 * COST);
    assert_true(push(q, 1, COST));
    assert_true(push(q, 2, COST));
    assert_true(push_urgent(q, 10));
    kp_queue_close(q);
    assert_false(push(q, 3, COST));
    assert_false(push_urgent(q, 11));
    assert_int_equal(pop(q, -1), 10);
    assert_int_equal(pop(q, -1), 1);
    assert_int_equal(pop(q, -1), 2);
    assert_int_equal(pop(q, -1), -1); /* at once, for nothing more can come */
    kp_queue_free(q);
    assert_int_equal(dropped, 0);
}

static void freeing_drops_what_is_left(void **state)
{
    (void)state;
    long before = kp_mem_live();
    struct kp_queue *q = queue(10 * COST);
    assert_true(push(q, 1, COST));
    assert_true(push_urgent(q, 2));
    kp_queue_free(q);
    assert_int_equal(dropped, 2);
    assert_int_equal(kp_mem_live(), before);
    kp_queue_free(NULL);
}

/* ---- threads ---- */
struct pushing {
    struct kp_queue *q;
    int timeout_ms;
    atomic_int begun;
};

static void *push_one(void *arg)
{
    struct pushing *p = arg;
    struct item *i = item(0, 77, COST);
    p->begun = 1;
    bool taken = kp_queue_push(p->q, &i->msg, p->timeout_ms);
    if (!taken)
        kp_free(i);
    return taken ? arg : NULL;
}

static pthread_t begin_pushing(struct pushing *p)
{
    pthread_t t = thread(push_one, p);
    while (!p->begun)
        usleep(100);
    usleep(20000); /* it waits by now; if not, the test still holds */
    return t;
}

static void a_producer_waits_until_there_is_room(void **state)
{
    (void)state;
    static const int timeouts[] = { -1, 60000 };
    for (size_t i = 0; i < COUNT(timeouts); i++) {
        struct kp_queue *q = queue(COST);
        assert_true(push(q, 1, COST));
        struct pushing p = { .q = q, .timeout_ms = timeouts[i] };
        pthread_t t = begin_pushing(&p);
        assert_int_equal(pop(q, 0), 1);
        assert_int_equal(pop(q, -1), 77);
        assert_non_null(joined(t));
        kp_queue_free(q);
    }
}

static void *pop_one(void *arg)
{
    return kp_queue_pop(arg, -1);
}

static void a_consumer_waits_until_something_comes(void **state)
{
    (void)state;
    struct kp_queue *q = queue(COST);
    for (int urgent = 0; urgent < 2; urgent++) {
        pthread_t t = thread(pop_one, q);
        usleep(20000);
        assert_true(urgent ? push_urgent(q, 5) : push(q, 5, COST));
        struct item *got = joined(t);
        assert_non_null(got);
        assert_int_equal(got->number, 5);
        kp_free(got);
    }
    kp_queue_free(q);
}

static void closing_wakes_producers_and_consumers_that_wait_for_ever(void **state)
{
    (void)state;
    struct kp_queue *empty = queue(COST), *full = queue(COST);
    assert_true(push(full, 1, COST));
    struct pushing a = { .q = full, .timeout_ms = -1 }, b = { .q = full, .timeout_ms = 60000 };
    pthread_t first = begin_pushing(&a), second = begin_pushing(&b),
              consumer = thread(pop_one, empty);
    usleep(20000);
    kp_queue_close(full);
    kp_queue_close(empty);
    assert_null(joined(first));
    assert_null(joined(second));
    assert_null(joined(consumer));
    assert_int_equal(pop(full, 0), 1);
    kp_queue_free(full);
    kp_queue_free(empty);
}

enum { PRODUCERS = 4, EACH = 20000 };

struct producer {
    struct kp_queue *q;
    int id;
    uint64_t waits;
};

static void *produce(void *arg)
{
    struct producer *p = arg;
    for (int n = 0; n < EACH; n++) {
        struct item *i = item(p->id, n, COST);
        if (n % 100 == 99) {
            assert_true(kp_queue_push_urgent(p->q, &i->msg));
            continue;
        }
        while (!kp_queue_push(p->q, &i->msg, n % 3 - 1)) /* for ever, not at all, a little */
            p->waits++;
    }
    return NULL;
}

static void many_producers_lose_nothing_double_nothing_and_keep_their_order(void **state)
{
    (void)state;
    struct kp_queue *q = queue(8 * COST);
    struct producer producers[PRODUCERS];
    pthread_t threads[PRODUCERS];
    int next[PRODUCERS] = { 0 }, urgent[PRODUCERS] = { 0 };
    for (int i = 0; i < PRODUCERS; i++) {
        producers[i] = (struct producer){ q, i, 0 };
        threads[i] = thread(produce, &producers[i]);
    }
    for (int n = 0; n < PRODUCERS * EACH; n++) {
        struct item *got = (struct item *)kp_queue_pop(q, -1);
        int p = got->producer;
        if (got->number % 100 == 99) {
            assert_int_equal(got->number, 100 * urgent[p]++ + 99);
        } else {
            assert_int_equal(got->number, next[p]++);
            next[p] += next[p] % 100 == 99; /* that one goes by the other lane */
        }
        kp_free(got);
    }
    for (int i = 0; i < PRODUCERS; i++) {
        joined(threads[i]);
        assert_int_equal(next[i], EACH);
        assert_int_equal(urgent[i], EACH / 100);
    }
    assert_int_equal(pop(q, 0), -1);
    assert_int_equal(kp_queue_used(q), 0);
    kp_queue_free(q);
}

/* ---- calls ---- */
struct asked {
    struct kp_queue *q;
    pthread_t ran_in;
    int runs;
    bool answer;
};

static void note_thread(void *arg)
{
    struct asked *a = arg;
    a->ran_in = pthread_self();
    a->runs++;
}

static void *ask(void *arg)
{
    struct asked *a = arg;
    a->answer = kp_queue_call(a->q, note_thread, a);
    return NULL;
}

static void *answer_calls(void *arg)
{
    for (struct kp_msg *m; (m = kp_queue_pop(arg, -1));) {
        if (m->kind == KP_MSG_CALL)
            kp_call_answer((struct kp_call *)m);
        else
            kp_free(m);
    }
    return NULL;
}

static void a_call_runs_in_the_thread_of_the_consumer(void **state)
{
    (void)state;
    struct kp_queue *q = queue(COST);
    pthread_t consumer = thread(answer_calls, q);
    struct asked a = { .q = q };
    ask(&a);
    assert_true(a.answer);
    assert_int_equal(a.runs, 1);
    assert_true(pthread_equal(a.ran_in, consumer));
    kp_queue_close(q);
    joined(consumer);
    kp_queue_free(q);
}

enum { CALLERS = 4, CALLS = 2000 };

static void add_one(void *arg)
{
    ++*(long *)arg; /* without a lock: all calls run in one thread */
}

static struct kp_queue *shared_queue;
static void *call_often(void *counter)
{
    for (int i = 0; i < CALLS; i++)
        assert_true(kp_queue_call(shared_queue, add_one, counter));
    return NULL;
}

static void calls_of_many_threads_run_one_after_another(void **state)
{
    (void)state;
    shared_queue = queue(COST);
    long counter = 0;
    pthread_t consumer = thread(answer_calls, shared_queue), callers[CALLERS];
    for (int i = 0; i < CALLERS; i++)
        callers[i] = thread(call_often, &counter);
    for (int i = 0; i < CALLERS; i++)
        joined(callers[i]);
    assert_int_equal(counter, CALLERS * CALLS);
    kp_queue_close(shared_queue);
    joined(consumer);
    kp_queue_free(shared_queue);
}

static void a_call_to_a_closed_queue_says_so_and_does_not_run(void **state)
{
    (void)state;
    struct asked a = { .q = queue(COST) };
    kp_queue_close(a.q);
    ask(&a);
    assert_false(a.answer);
    assert_int_equal(a.runs, 0);
    kp_queue_free(a.q);
}

static void a_refused_call_does_not_run(void **state)
{
    (void)state;
    struct asked a = { .q = queue(COST), .answer = true };
    pthread_t caller = thread(ask, &a);
    struct kp_msg *m = kp_queue_pop(a.q, -1);
    assert_int_equal(m->kind, KP_MSG_CALL);
    kp_call_refuse((struct kp_call *)m);
    joined(caller);
    assert_false(a.answer);
    assert_int_equal(a.runs, 0);
    kp_queue_free(a.q);
}

/* Leaves a call of another thread in the queue: seen to be there, then put back. */
static pthread_t call_queued(struct asked *a)
{
    pthread_t caller = thread(ask, a);
    struct kp_msg *m = kp_queue_pop(a->q, -1);
    assert_int_equal(m->kind, KP_MSG_CALL);
    assert_true(kp_queue_push_urgent(a->q, m));
    return caller;
}

static void closing_refuses_the_calls_still_queued_and_keeps_the_rest(void **state)
{
    (void)state;
    struct kp_queue *q = queue(COST);
    struct asked a = { .q = q, .answer = true };
    pthread_t caller = call_queued(&a);
    assert_true(push_urgent(q, 10));
    assert_true(push_urgent(q, 11));
    assert_true(push(q, 1, COST));
    kp_queue_close(q);
    joined(caller); /* although nobody pops */
    assert_false(a.answer);
    assert_int_equal(a.runs, 0);
    assert_int_equal(pop(q, 0), 10);
    assert_int_equal(pop(q, 0), 11);
    assert_int_equal(pop(q, 0), 1);
    assert_int_equal(pop(q, 0), -1);
    kp_queue_free(q);
}

static void freeing_refuses_the_calls_still_queued(void **state)
{
    (void)state;
    struct asked a = { .q = queue(COST), .answer = true };
    pthread_t caller = call_queued(&a);
    kp_queue_free(a.q);
    joined(caller);
    assert_false(a.answer);
    assert_int_equal(a.runs, 0);
    assert_int_equal(dropped, 0);
}

static void *ask_until_closed(void *arg)
{
    long ran = 0, counter = 0;
    while (kp_queue_call(arg, add_one, &counter))
        ran++;
    assert_int_equal(ran, counter); /* true means it ran, false means it did not */
    return NULL;
}

static void a_close_in_the_midst_of_calls_leaves_no_caller_behind(void **state)
{
    (void)state;
    for (int turn = 0; turn < 50; turn++) {
        struct kp_queue *q = queue(COST);
        pthread_t consumer = thread(answer_calls, q), callers[CALLERS];
        for (int i = 0; i < CALLERS; i++)
            callers[i] = thread(ask_until_closed, q);
        usleep(500);
        kp_queue_close(q);
        for (int i = 0; i < CALLERS; i++)
            joined(callers[i]);
        joined(consumer);
        kp_queue_free(q);
    }
}

/* ---- out of memory ---- */
static enum kp_code make(void *arg)
{
    (void)arg;
    struct kp_queue *q = kp_queue_new(COST, drop);
    kp_queue_free(q);
    return q ? KP_OK : KP_ENOMEM;
}

static void a_queue_that_cannot_be_made_is_null(void **state)
{
    (void)state;
    assert_int_equal(kit_starve("queue", make, NULL), 1);
}

/* The consumer is slow; whoever drains the queue has waited for all that was there before. */
static atomic_uint taken;

static void *take_slowly(void *arg)
{
    for (struct kp_msg *m; (m = kp_queue_pop(arg, 1000));) {
        if (m->kind == KP_MSG_CALL) {
            kp_call_answer((struct kp_call *)m);
            continue;
        }
        usleep(2000);
        taken++;
        kp_free(m);
    }
    return NULL;
}

static void draining_waits_for_all_that_came_before(void **state)
{
    (void)state;
    struct kp_queue *q = kp_queue_new(1 << 20, NULL);
    pthread_t thread;
    pthread_create(&thread, NULL, take_slowly, q);
    for (unsigned i = 1; i <= 5; i++) {
        for (int k = 0; k < 4; k++) {
            struct kp_msg *m = kp_alloc(sizeof *m);
            m->cost = 10;
            assert_true(kp_queue_push(q, m, 0));
        }
        assert_true(kp_queue_drain(q));
        assert_int_equal(taken, 4 * i);
    }
    kp_queue_close(q);
    assert_false(kp_queue_drain(q));
    pthread_join(thread, NULL);
    kp_queue_free(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_come_out_in_the_order_they_went_in),
        cmocka_unit_test(a_full_queue_refuses_and_keeps_ownership_with_the_caller),
        cmocka_unit_test(the_budget_counts_bytes_and_not_messages),
        cmocka_unit_test(a_message_larger_than_the_budget_is_taken_when_the_queue_is_empty),
        cmocka_unit_test(urgent_messages_go_first_in_their_own_order_and_need_no_room),
        cmocka_unit_test(waiting_in_vain_takes_the_time_that_was_given),
        cmocka_unit_test(a_closed_queue_refuses_pushes_and_gives_out_what_it_has),
        cmocka_unit_test(freeing_drops_what_is_left),
        cmocka_unit_test(a_producer_waits_until_there_is_room),
        cmocka_unit_test(a_consumer_waits_until_something_comes),
        cmocka_unit_test(closing_wakes_producers_and_consumers_that_wait_for_ever),
        cmocka_unit_test(many_producers_lose_nothing_double_nothing_and_keep_their_order),
        cmocka_unit_test(a_call_runs_in_the_thread_of_the_consumer),
        cmocka_unit_test(calls_of_many_threads_run_one_after_another),
        cmocka_unit_test(a_call_to_a_closed_queue_says_so_and_does_not_run),
        cmocka_unit_test(a_refused_call_does_not_run),
        cmocka_unit_test(closing_refuses_the_calls_still_queued_and_keeps_the_rest),
        cmocka_unit_test(freeing_refuses_the_calls_still_queued),
        cmocka_unit_test(a_close_in_the_midst_of_calls_leaves_no_caller_behind),
        cmocka_unit_test(draining_waits_for_all_that_came_before),
        cmocka_unit_test(a_queue_that_cannot_be_made_is_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
