/* SPDX-License-Identifier: Apache-2.0 */
/* Makes the backups that are due and proves that they can be restored, in the housekeeping thread. It knows from the
 * table backup_run what was done and how it went, so that a restart changes nothing. */
#include "store/backup.h"
#include "store/care.h"
#include "store/secret.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "core/ban.h"

#define WEEK (7 * 86400 * KP_SECOND)
#define AGAIN (15 * 60 * KP_SECOND) /* after a failure */
enum { PAUSE_EACH = 8 << 20 };      /* bytes between two pauses, at most */

struct work {
    struct kp_store *store;
    struct kp_arena arena;
    struct kp_backup_plan plan;
    int64_t newest_good, newest, proven; /* times; KP_NO_TIME = none */
    const char *good_file, *error; /* of the newest good one; of the newest when it failed */
    int64_t paused_at, paused_bytes;
};

/* ---- progress, throttle ---- */

static void show(struct kp_store *s, bool running, bool proving, int64_t done, int64_t total)
{
    pthread_mutex_lock(&s->mutex);
    s->backing_up = (struct kp_backup_state){ running, proving, done, total };
    pthread_mutex_unlock(&s->mutex);
}

static int64_t real_now(void) /* the machine's: a pause is real under any clock */
{
    return kp_mono(&kp_clock_system);
}

/* Without a rate set as long as the work took: half of the disk's speed. */
static int64_t pause_for(const struct work *w, int64_t bytes)
{
    int64_t took = real_now() - w->paused_at;
    if (!w->plan.rate)
        return took < 2 * KP_SECOND ? took : 0; /* longer: the machine slept, or its disk did */
    int64_t wanted = (int64_t)((double)bytes / (double)w->plan.rate * 1e9);
    return wanted > took ? wanted - took : 0;
}

/* In small steps, so that a stop waits for none of it. */
static void pause_work(struct work *w, int64_t ns)
{
    for (int64_t end = real_now() + ns; ns > 0 && !kp_care_stopping(w->store); ns = end - real_now()) {
        int64_t step = ns < KP_SECOND / 10 ? ns : KP_SECOND / 10;
        nanosleep(&(struct timespec){ .tv_nsec = step }, NULL);
    }
}

static bool on_progress(void *arg, int64_t done, int64_t total)
{
    struct work *w = arg;
    struct kp_backup_state now = kp_backup_state(w->store);
    show(w->store, now.running, now.proving, done, total);
    if (done < w->paused_bytes)
        w->paused_bytes = 0; /* the next of two passes */
    int64_t each = w->plan.rate && w->plan.rate / 8 < PAUSE_EACH ? w->plan.rate / 8 : PAUSE_EACH;
    if (done - w->paused_bytes >= each) {
        pause_work(w, pause_for(w, done - w->paused_bytes));
        w->paused_bytes = done;
        w->paused_at = real_now();
    }
    return !kp_care_stopping(w->store);
}

static struct kp_vault_watch watch(struct work *w)
{
    w->paused_bytes = 0;
    w->paused_at = real_now();
    return (struct kp_vault_watch){ on_progress, w };
}

/* ---- what was done ---- */

static bool look_run(void *arg, const struct kp_backup_run *r)
{
    struct work *w = arg;
    if (w->newest == KP_NO_TIME) {
        w->newest = r->at;
        w->error = r->error ? kp_arena_strdup(&w->arena, r->error) : NULL;
    }
    if (w->newest_good == KP_NO_TIME && !r->error) {
        w->newest_good = r->at;
        w->good_file = kp_arena_strdup(&w->arena, r->file);
    }
    if (r->proven != KP_NO_TIME && r->proven > w->proven)
        w->proven = r->proven;
    return true;
}

static enum kp_code look(struct work *w, struct kp_err *err)
{
    struct kp_db *db = kp_store_reader(w->store, err);
    w->newest = w->newest_good = w->proven = KP_NO_TIME;
    if (db && !kp_backup_plan_read(db, &w->arena, &w->plan, err))
        kp_backup_runs(db, look_run, w, err);
    kp_store_reader_done(w->store, db);
    return err->code;
}

struct note {
    const char *file, *error;
    int64_t at, bytes, ms;
};

static enum kp_code put_note(struct kp_db *db, void *arg, struct kp_err *err)
{
    const struct note *n = arg;
    struct kp_stmt *put = kp_db_prepare(
        db, "insert into backup_run(at, file, bytes, ms, error) values(?, ?, ?, ?, ?)", err);
    if (!put)
        return err->code;
    kp_bind_int(put, 1, n->at);
    kp_bind_text(put, 2, n->file);
    kp_bind_int(put, 3, n->bytes);
    kp_bind_int(put, 4, n->ms);
    if (n->error)
        kp_bind_text(put, 5, n->error);
    if (kp_run(put, err) ||
        !(put = kp_db_prepare(db, "delete from backup_run where id <= (select max(id) from backup_run) - ?", err)))
        return err->code;
    kp_bind_int(put, 1, KP_BACKUP_RUNS);
    return kp_run(put, err);
}

/* ---- one backup ---- */

static bool is_network(const char *dir)
{
    struct statfs fs;
    return statfs(dir, &fs) == 0 && kp_file_network((unsigned long)fs.f_type);
}

static enum kp_code name_file(struct work *w, int64_t now, char out[KP_FILE_PATH], struct kp_err *err)
{
    char name[KP_NAME_MAX] = "", file[KP_NAME_MAX + 40];
    time_t t = (time_t)(now / KP_SECOND);
    struct tm tm;
    struct kp_db *db = kp_store_reader(w->store, err);
    if (!db)
        return err->code;
    const char *node = kp_setting_get(db, &w->arena, "name");
    kp_store_reader_done(w->store, db);
    kp_name_clean(name, sizeof name, node ? node : "node", strlen(node ? node : "node"));
    gmtime_r(&t, &tm);
    snprintf(file, sizeof file, "%s-%04d%02d%02dT%02d%02d%02dZ.%s", name, tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
             tm.tm_hour, tm.tm_min, tm.tm_sec, w->plan.encrypted ? "koppel" : "db");
    return kp_file_path(out, w->plan.to, file, err);
}

static enum kp_code encrypt(struct work *w, const char *from, const char *to, struct kp_err *err)
{
    unsigned char node_key[KP_NODE_KEY];
    void *data;
    size_t len;
    if (kp_secret_get(w->store, "backup/key", &w->arena, &data, &len, err))
        return err->code;
    if (len != sizeof(struct kp_vault_key))
        return kp_fail(err, KP_EPARSE, "the passphrase of backups is damaged; set it anew");
    pthread_mutex_lock(&w->store->mutex);
    bool known = w->store->key;
    if (known)
        memcpy(node_key, w->store->key, sizeof node_key);
    pthread_mutex_unlock(&w->store->mutex);
    if (!known)
        kp_fail(err, KP_EINVALID, "node.key is not loaded");
    else
        kp_vault_write(from, to, data, node_key, watch(w), err);
    sodium_memzero(node_key, sizeof node_key);
    sodium_memzero(data, len);
    return err->code;
}

/* A slow or foreign disk must not hold up commits, and nothing of an encrypted copy may lie about in the clear: then
 * the copy is made beside the data file first. */
static enum kp_code by_way_of(struct work *w, const char *file, struct kp_err *err)
{
    char scratch[KP_FILE_PATH], part[KP_FILE_PATH + 8];
    if (kp_file_path(scratch, w->store->dir, "factory.db.backup", err))
        return err->code;
    snprintf(part, sizeof part, "%s.part", file);
    unlink(scratch);
    unlink(part);
    watch(w);
    if (!kp_store_backup(w->store, scratch, on_progress, w, err)) {
        if (w->plan.encrypted)
            encrypt(w, scratch, part, err);
        else
            kp_file_copy(scratch, part, watch(w), err);
        if (!err->code && rename(part, file))
            kp_fail(err, KP_EIO, "rename %s: %s", part, strerror(errno));
        if (!err->code)
            kp_file_sync_folder(file, err);
    }
    unlink(scratch);
    return err->code;
}

/* Those of this node's that are there beyond the number to keep, the oldest first. */
static bool drop_old(void *arg, const struct kp_backup_run *r)
{
    struct work *w = arg;
    size_t n = strlen(w->plan.to);
    bool ours = !r->error && strncmp(r->file, w->plan.to, n) == 0 && r->file[n] == '/' && access(r->file, F_OK) == 0;
    if (ours && w->plan.keep-- <= 0)
        unlink(r->file);
    return true;
}

static enum kp_code thin_out(struct work *w, struct kp_err *err)
{
    struct kp_db *db = kp_store_reader(w->store, err);
    if (db)
        kp_backup_runs(db, drop_old, w, err);
    kp_store_reader_done(w->store, db);
    return err->code;
}

static enum kp_code back_up(struct work *w, struct kp_err *err)
{
    char file[KP_FILE_PATH] = "";
    struct kp_err failure = { 0 };
    int64_t began = real_now();
    struct note n = { .file = file, .at = kp_utc(w->store->clock) };
    show(w->store, true, false, 0, 0);
    if (!name_file(w, n.at, file, &failure)) {
        if (w->plan.encrypted || is_network(w->plan.to)) {
            by_way_of(w, file, &failure);
        } else {
            watch(w);
            kp_store_backup(w->store, file, on_progress, w, &failure);
        }
    }
    if (failure.code && kp_care_stopping(w->store))
        return KP_OK; /* it is made after the next start */
    kp_utf8_trim(failure.text);
    n.bytes = failure.code ? 0 : kp_file_size(file);
    n.ms = (real_now() - began) / KP_MILLISECOND;
    n.error = failure.code ? failure.text : NULL;
    if (failure.code)
        kp_error("store", "a backup failed", "why=%s", kp_log_quote(failure.text));
    if (kp_store_do(w->store, put_note, &n, err) || failure.code)
        return err->code;
    kp_info("store", "backup made", "file=%s bytes=%lld ms=%lld", file, (long long)n.bytes, (long long)n.ms);
    return thin_out(w, err);
}

/* ---- the proof ---- */

static void first_fault(void *arg, const char *fault)
{
    char *text = arg;
    if (!*text)
        snprintf(text, KP_ERR_TEXT, "%s", fault);
}

struct proof {
    const char *file, *error;
    int64_t at;
};

static enum kp_code put_proof(struct kp_db *db, void *arg, struct kp_err *err)
{
    const struct proof *p = arg;
    struct kp_stmt *put = kp_db_prepare(
        db, "update backup_run set proven = ?2, error = ?3 where file = ?1 and error is null", err);
    if (!put)
        return err->code;
    kp_bind_text(put, 1, p->file);
    if (!p->error)
        kp_bind_int(put, 2, p->at);
    else
        kp_bind_text(put, 3, p->error);
    return kp_run(put, err);
}

/* Into a scratch folder beside the data file, as onto new hardware; an encrypted copy with the key that is kept. */
static enum kp_code restore_copy(struct work *w, const char *dir, char fault[KP_ERR_TEXT], struct kp_err *err)
{
    char file[KP_FILE_PATH];
    unsigned char node_key[KP_NODE_KEY];
    void *key;
    size_t len;
    if (mkdir(dir, 0700) && errno != EEXIST)
        return kp_fail(err, KP_EIO, "make %s: %s", dir, strerror(errno));
    if (kp_file_path(file, dir, "factory.db", err))
        return err->code;
    unlink(file);
    if (!kp_vault_is(w->good_file))
        kp_file_copy(w->good_file, file, watch(w), err);
    else if (!kp_secret_get(w->store, "backup/key", &w->arena, &key, &len, err))
        kp_vault_read(w->good_file, file, key, node_key, watch(w), err);
    sodium_memzero(node_key, sizeof node_key);
    if (!err->code && kp_store_check(file, first_fault, fault, err) > 0)
        kp_fail(err, KP_EPARSE, "%s", fault);
    kp_file_remove(file, true);
    rmdir(dir);
    return err->code;
}

static enum kp_code prove(struct work *w, struct kp_err *err)
{
    char dir[KP_FILE_PATH], fault[KP_ERR_TEXT] = "", text[KP_ERR_TEXT + 64];
    struct kp_err failure = { 0 };
    struct proof p = { .file = w->good_file, .at = kp_utc(w->store->clock) };
    int64_t free = 0, size = 0, needed = kp_file_size(w->good_file);
    if (kp_file_path(dir, w->store->dir, "backup-proof", err))
        return err->code;
    if (w->store->options.disk(w->store->dir, &free, &size) && free < needed + needed / 10)
        kp_fail(&failure, KP_EFULL, "no room to restore it into %s", w->store->dir);
    show(w->store, false, true, 0, 0);
    if (!failure.code)
        restore_copy(w, dir, fault, &failure);
    if (failure.code && kp_care_stopping(w->store))
        return KP_OK;
    if (failure.code) {
        snprintf(text, sizeof text, "it cannot be restored: %s", failure.text);
        kp_utf8_trim(text);
        p.error = text;
        kp_error("store", "a backup cannot be restored", "file=%s why=%s", w->good_file, kp_log_quote(failure.text));
    }
    return kp_store_do(w->store, put_proof, &p, err);
}

/* ---- the turn ---- */

static void tell(struct work *w)
{
    char text[KP_ERR_TEXT + 200], when[KP_TIME_TEXT] = "none";
    if (w->newest_good != KP_NO_TIME)
        kp_time_print(w->newest_good, when);
    if (w->plan.to && w->error) {
        snprintf(text, sizeof text, "the backup to %.200s failed: %s; the last good one: %s", w->plan.to, w->error, when);
        kp_utf8_trim(text);
        kp_store_condition(w->store, "store-backup", text);
    } else {
        kp_store_condition(w->store, "store-backup", NULL);
    }
}

/* Who waits for what was wanted sees that it is wanted or goes on, until its row is there. */
static bool wanted(struct kp_store *s, bool *flag, bool *goes_on)
{
    pthread_mutex_lock(&s->mutex);
    bool is = *flag;
    *flag = false;
    *goes_on |= is;
    pthread_mutex_unlock(&s->mutex);
    return is;
}

static bool is_due(const struct work *w)
{
    int64_t now = kp_utc(w->store->clock);
    if (w->error && now - w->newest < AGAIN && now >= w->newest)
        return false;
    return w->newest_good < kp_backup_last_due(w->plan.minute, now);
}

static bool proof_due(const struct work *w)
{
    return w->newest_good != KP_NO_TIME && !w->error &&
           (w->proven == KP_NO_TIME || kp_utc(w->store->clock) - w->proven >= WEEK);
}

bool kp_backup_turn(struct kp_store *s, struct kp_err *err)
{
    struct work w = { .store = s };
    bool more = false;
    if (!look(&w, err)) {
        tell(&w);
        if (w.plan.to && (wanted(s, &s->backup_wanted, &s->backing_up.running) || is_due(&w)))
            more = !back_up(&w, err);
        else if (w.plan.to && w.good_file && (wanted(s, &s->proof_wanted, &s->backing_up.proving) || proof_due(&w)))
            more = !prove(&w, err);
        show(s, false, false, 0, 0); /* however it ended */
    }
    kp_arena_free(&w.arena);
    return more && !kp_care_stopping(s);
}

/* ---- from outside ---- */

static void want(struct kp_store *s, bool *flag)
{
    pthread_mutex_lock(&s->mutex);
    *flag = true;
    pthread_mutex_unlock(&s->mutex);
}

void kp_backup_now(struct kp_store *s)
{
    want(s, &s->backup_wanted);
}

void kp_backup_prove_now(struct kp_store *s)
{
    want(s, &s->proof_wanted);
}

struct kp_backup_state kp_backup_state(struct kp_store *s)
{
    pthread_mutex_lock(&s->mutex);
    struct kp_backup_state state = s->backing_up;
    state.running |= s->backup_wanted;
    state.proving |= s->proof_wanted;
    pthread_mutex_unlock(&s->mutex);
    return state;
}
