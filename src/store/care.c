/* SPDX-License-Identifier: Apache-2.0 */
#include "store/care.h"
#include "core/worker.h"

#include <stdio.h>

#include "core/ban.h"

static const struct {
    const char *name; /* what fails, in "store-<name>" and for people */
    kp_care_job *run;
    int64_t every;
} jobs[] = {
    { "rollups", kp_rollup_turn, 10 * KP_SECOND },
    { "positions", kp_position_turn, 10 * KP_SECOND },
    { "retention", kp_retention_turn, 60 * KP_SECOND },
    { "forecast", kp_forecast_turn, 60 * KP_SECOND },
    { "backup-record", kp_backup_turn, KP_SECOND },
    { "audit", kp_audit_turn, 600 * KP_SECOND },
    { "file", kp_file_turn, 10 * KP_SECOND },
};
enum { JOBS = sizeof jobs / sizeof jobs[0], PAUSE_MS = 2 };

struct kp_care {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    bool stop;
    int64_t due[JOBS]; /* monotonic */
    bool failing[JOBS];
};

/* One piece of one job. */
static bool piece(struct kp_store *s, struct kp_care *c, int i, struct kp_err *err)
{
    char key[40], text[KP_ERR_TEXT];
    bool more = jobs[i].run(s, err) && !err->code;
    if (!err->code && !c->failing[i])
        return more;
    snprintf(key, sizeof key, "store-%s", jobs[i].name);
    c->failing[i] = err->code;
    if (!err->code) {
        kp_store_condition(s, key, NULL);
        return more;
    }
    snprintf(text, sizeof text, "%s: %s", jobs[i].name, err->text);
    kp_utf8_trim(text);
    kp_store_condition(s, key, text);
    kp_error("store", "housekeeping failed and is tried again", "job=%s why=%s", jobs[i].name,
             kp_log_quote(err->text));
    return false;
}

enum kp_code kp_care_round(struct kp_store *s, struct kp_err *err)
{
    struct kp_err first = { 0 };
    for (int i = 0; i < JOBS; i++) {
        struct kp_err failure = { 0 };
        while (jobs[i].run(s, &failure) && !failure.code)
            ;
        if (failure.code && !first.code)
            first = failure;
    }
    return first.code ? kp_fail(err, first.code, "%s", first.text) : KP_OK;
}

/* ---- thread ---- */

static void wait_ms(struct kp_care *c, int ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&c->mutex);
    if (!c->stop)
        pthread_cond_timedwait(&c->wake, &c->mutex, &until);
    pthread_mutex_unlock(&c->mutex);
}

static void *thread_main(void *arg)
{
    struct kp_store *s = arg;
    kp_thread_name("housekeeping");
    struct kp_care *c = s->care;
    while (!kp_care_stopping(s)) {
        bool any = false;
        for (int i = 0; i < JOBS && !kp_care_stopping(s); i++) {
            struct kp_err err = { 0 };
            if (kp_mono(s->clock) < c->due[i])
                continue;
            if (piece(s, c, i, &err))
                any = true;
            else
                c->due[i] = kp_mono(s->clock) + jobs[i].every;
        }
        wait_ms(c, any ? PAUSE_MS : 500);
    }
    return NULL;
}

enum kp_code kp_care_start(struct kp_store *s, struct kp_err *err)
{
    struct kp_care *c = kp_alloc(sizeof *c);
    if (!c)
        return kp_fail(err, KP_ENOMEM, "out of memory starting the store");
    pthread_mutex_init(&c->mutex, NULL);
    kp_cond_init(&c->wake);
    for (int i = 0; i < JOBS; i++)
        c->due[i] = kp_mono(s->clock) + KP_SECOND; /* the first answer comes first */
    s->care = c;
    if (pthread_create(&c->thread, NULL, thread_main, s) == 0)
        return KP_OK;
    pthread_cond_destroy(&c->wake);
    pthread_mutex_destroy(&c->mutex);
    kp_free(c);
    s->care = NULL;
    return kp_fail(err, KP_ENOMEM, "the store's housekeeping cannot start: too many threads or too little memory");
}

bool kp_care_stopping(const struct kp_store *s)
{
    struct kp_care *c = s->care;
    if (!c)
        return atomic_load(&s->stopped);
    pthread_mutex_lock(&c->mutex);
    bool stop = c->stop;
    pthread_mutex_unlock(&c->mutex);
    return stop;
}

void kp_care_stop(struct kp_store *s)
{
    struct kp_care *c = s->care;
    if (!c)
        return;
    pthread_mutex_lock(&c->mutex);
    c->stop = true;
    pthread_cond_signal(&c->wake);
    pthread_mutex_unlock(&c->mutex);
    pthread_join(c->thread, NULL);
    pthread_cond_destroy(&c->wake);
    pthread_mutex_destroy(&c->mutex);
    kp_free(c);
    s->care = NULL;
}
