/* SPDX-License-Identifier: Apache-2.0 */
#include "core_kit.h"

#include "core/clock.h"
#include "core/text.h"
#include "web/pool.h"

#include <dirent.h>
#include <fcntl.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/ban.h"

static const struct kp_keeper_class nobody = { 0 };
static struct kp_keeper *keeper;
static struct kp_pool *pool;

struct held { /* a job that goes on until it is let go */
    struct kp_job job;
    atomic_bool begun, over;
    sem_t go;
};

static void hold(struct kp_job *job)
{
    struct held *h = (struct held *)job;
    atomic_store(&h->begun, true);
    while (sem_wait(&h->go) != 0)
        continue;
    atomic_store(&h->over, true);
}

static void push(struct held *h, bool slow)
{
    *h = (struct held){ .job.run = hold };
    sem_init(&h->go, 0, 0);
    assert_true(kp_pool_push(pool, &h->job, slow));
}

static void wait_for(atomic_bool *what)
{
    for (int i = 0; i < 30000 && !atomic_load(what); i++)
        usleep(1000);
    assert_true(atomic_load(what));
}

/* Each has a worker of its own. */
static void occupy(struct held *job, int n)
{
    for (int i = 0; i < n; i++)
        push(&job[i], false);
    for (int i = 0; i < n; i++)
        wait_for(&job[i].begun);
}

static void let_go(struct held *job, int n)
{
    for (int i = 0; i < n; i++)
        sem_post(&job[i].go);
    for (int i = 0; i < n; i++)
        wait_for(&job[i].over);
}

static int workers(void)
{
    DIR *tasks = opendir("/proc/self/task");
    assert_non_null(tasks);
    int n = 0;
    for (struct dirent *d; (d = readdir(tasks));) {
        char path[300], name[32] = "";
        snprintf(path, sizeof path, "/proc/self/task/%s/comm", d->d_name);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t got = fd < 0 ? 0 : read(fd, name, sizeof name - 1);
        n += got > 0 && strcmp(name, "web worker\n") == 0;
        if (fd >= 0)
            close(fd);
    }
    closedir(tasks);
    return n;
}

static int setup(void **state)
{
    (void)state;
    struct kp_err err = { 0 };
    keeper = kp_keeper_start(&kp_clock_system, &nobody, &err);
    pool = keeper ? kp_pool_start(keeper, &err) : NULL;
    return pool ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    kp_pool_stop(pool);
    kp_keeper_stop(keeper);
    return 0;
}

static void one_that_waits_for_long_gets_a_worker_of_its_own(void **state)
{
    (void)state;
    static struct held job[KP_POOL_WORKERS];
    occupy(job, KP_POOL_WORKERS);
    assert_int_equal(workers(), KP_POOL_WORKERS);
    let_go(job, KP_POOL_WORKERS);
}

static void there_are_never_more_and_the_rest_comes_later(void **state)
{
    (void)state;
    static struct held job[KP_POOL_WORKERS + 1];
    struct held *last = &job[KP_POOL_WORKERS];
    occupy(job, KP_POOL_WORKERS);
    push(last, false);
    usleep(4 * KP_POOL_LONG_MS * 1000);
    assert_false(atomic_load(&last->begun));
    let_go(job, 1);
    wait_for(&last->begun);
    let_go(job + 1, KP_POOL_WORKERS);
}

static void slow_ones_leave_workers_to_the_quick(void **state)
{
    (void)state;
    static struct held slow[KP_POOL_FOR_SLOW + 1], quick;
    struct held *last = &slow[KP_POOL_FOR_SLOW];
    for (int i = 0; i <= KP_POOL_FOR_SLOW; i++)
        push(&slow[i], true);
    for (int i = 0; i < KP_POOL_FOR_SLOW; i++)
        wait_for(&slow[i].begun);
    push(&quick, false);
    wait_for(&quick.begun);
    let_go(&quick, 1);
    assert_false(atomic_load(&last->begun));
    let_go(slow, 1);
    wait_for(&last->begun);
    let_go(slow + 1, KP_POOL_FOR_SLOW);
}

static void workers_without_work_end_but_one(void **state)
{
    (void)state;
    static struct held job[3];
    occupy(job, 3);
    assert_true(workers() >= 3);
    let_go(job, 3);
    for (int i = 0; i < 600 && workers() > 1; i++)
        usleep(100000);
    assert_int_equal(workers(), 1);
}

static void what_waits_at_the_end_is_run(void **state)
{
    (void)state;
    static struct held job[KP_POOL_WORKERS * 2];
    for (int i = 0; i < KP_POOL_WORKERS * 2; i++)
        push(&job[i], i % 2);
    for (int i = 0; i < KP_POOL_WORKERS * 2; i++)
        sem_post(&job[i].go);
    kp_pool_stop(pool);
    pool = NULL;
    for (int i = 0; i < KP_POOL_WORKERS * 2; i++)
        assert_true(atomic_load(&job[i].over));
}

static void it_takes_no_more_than_may_wait(void **state)
{
    (void)state;
    static struct held job[KP_POOL_WORKERS + KP_POOL_WAITING_MAX], more = { .job.run = hold };
    occupy(job, KP_POOL_WORKERS);
    for (int i = 0; i < KP_POOL_WAITING_MAX; i++)
        push(&job[KP_POOL_WORKERS + i], false);
    assert_false(kp_pool_push(pool, &more.job, false));
    let_go(job, KP_POOL_WORKERS + KP_POOL_WAITING_MAX);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_that_waits_for_long_gets_a_worker_of_its_own),
        TEST(there_are_never_more_and_the_rest_comes_later),
        TEST(slow_ones_leave_workers_to_the_quick),
        TEST(workers_without_work_end_but_one),
        TEST(what_waits_at_the_end_is_run),
        TEST(it_takes_no_more_than_may_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
