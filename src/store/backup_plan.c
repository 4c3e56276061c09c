/* SPDX-License-Identifier: Apache-2.0 */
/* What the file says about backups by the clock. */
#include "store/backup.h"
#include "store/engine.h"
#include "store/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/ban.h"

enum { KEEP_STANDARD = 14, MINUTE_STANDARD = 2 * 60 };

/* ---- times ---- */

bool kp_minute_parse(const char *text, int *minute)
{
    bool shape = strlen(text) == 5 && strspn(text, "0123456789") == 2 && text[2] == ':' &&
                 strspn(text + 3, "0123456789") == 2;
    int hour = shape ? (text[0] - '0') * 10 + text[1] - '0' : 24, rest = shape ? (text[3] - '0') * 10 + text[4] - '0' : 60;
    *minute = hour * 60 + rest;
    return hour < 24 && rest < 60;
}

int64_t kp_backup_last_due(int minute, int64_t now)
{
    time_t t = (time_t)(now / KP_SECOND);
    struct tm day;
    localtime_r(&t, &day);
    for (int back = 0;; back++) {
        struct tm due = day;
        due.tm_mday -= back;
        due.tm_hour = minute / 60;
        due.tm_min = minute % 60;
        due.tm_sec = 0;
        due.tm_isdst = -1;
        time_t at = mktime(&due);
        if (at <= t || back > 2)
            return (int64_t)at * KP_SECOND;
    }
}

/* ---- reading ---- */

enum kp_code kp_backup_plan_read(struct kp_db *db, struct kp_arena *arena, struct kp_backup_plan *p, struct kp_err *err)
{
    enum kp_code code = kp_db_read_begin(db, err);
    if (code)
        return code;
    const char *at = kp_setting_get(db, arena, "backup-at"), *keep = kp_setting_get(db, arena, "backup-keep"),
               *rate = kp_setting_get(db, arena, "backup-rate");
    *p = (struct kp_backup_plan){ .to = kp_setting_get(db, arena, "backup-to"),
                                  .keep = keep ? (int)strtol(keep, NULL, 10) : KEEP_STANDARD,
                                  .encrypted = kp_setting_get(db, arena, "backup-encrypted") != NULL,
                                  .rate = rate ? strtoll(rate, NULL, 10) : 0 };
    if (!at || !kp_minute_parse(at, &p->minute))
        p->minute = MINUTE_STANDARD;
    kp_db_read_end(db);
    return KP_OK;
}

/* ---- changing ---- */

/* A file that is made and removed says more than the rights do. */
static enum kp_code try_folder(const char *to, struct kp_err *err)
{
    char path[KP_FILE_PATH];
    struct stat st;
    if (to[0] != '/')
        return kp_fail(err, KP_EINVALID, "the folder for backups must be an absolute path, not '%.120s'", to);
    if (stat(to, &st))
        return kp_fail(err, KP_EINVALID, "the folder for backups %s: %s", to, strerror(errno));
    if (!S_ISDIR(st.st_mode))
        return kp_fail(err, KP_EINVALID, "%s is no folder", to);
    if (kp_file_path(path, to, ".koppel-backup-test", err))
        return err->code;
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return kp_fail(err, KP_EINVALID, "no file can be made in %s: %s", to, strerror(errno));
    close(fd);
    unlink(path);
    return KP_OK;
}

static enum kp_code put_all(struct kp_db *db, void *arg, struct kp_err *err)
{
    const struct kp_backup_plan *p = arg;
    char at[16], keep[16], rate[24];
    snprintf(at, sizeof at, "%02d:%02d", p->minute / 60 % 24, p->minute % 60);
    snprintf(keep, sizeof keep, "%d", p->keep);
    snprintf(rate, sizeof rate, "%lld", (long long)p->rate);
    const struct {
        const char *key, *value;
    } rows[] = {
        { "backup-to", p->to },
        { "backup-at", p->to ? at : NULL },
        { "backup-keep", p->to ? keep : NULL },
        { "backup-encrypted", p->to && p->encrypted ? "yes" : NULL },
        { "backup-rate", p->to && p->rate ? rate : NULL },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (kp_setting_put(db, rows[i].key, rows[i].value, err))
            return err->code;
    return KP_OK;
}

static enum kp_code put_key(struct kp_store *s, const struct kp_backup_plan *p, const char *passphrase, struct kp_err *err)
{
    struct kp_vault_key k;
    struct kp_arena arena = { 0 };
    struct kp_err missing = { 0 };
    void *data;
    size_t len;
    if (!p->encrypted)
        return KP_OK;
    if (!passphrase && kp_secret_get(s, "backup/key", &arena, &data, &len, &missing))
        kp_fail(err, KP_EINVALID, "an encrypted backup needs a passphrase");
    kp_arena_free(&arena);
    if (err->code || !passphrase)
        return err->code;
    if (!kp_vault_new(passphrase, &k, err))
        kp_secret_put(s, "backup/key", &k, sizeof k, err);
    sodium_memzero(&k, sizeof k);
    return err->code;
}

enum kp_code kp_backup_plan_put(struct kp_store *s, const struct kp_backup_plan *plan, const char *passphrase,
                                struct kp_err *err)
{
    struct kp_err failure = { 0 };
    struct kp_backup_plan p = *plan;
    if (p.to && (p.keep < 1 || p.keep > KP_BACKUP_KEEP_MAX))
        kp_fail(&failure, KP_EINVALID, "the number of backups to keep must be from 1 to %d", KP_BACKUP_KEEP_MAX);
    else if (p.to && (p.minute < 0 || p.minute >= 24 * 60))
        kp_fail(&failure, KP_EINVALID, "the time of a backup must be from 00:00 to 23:59");
    else if (p.to && p.rate && (p.rate < KP_BACKUP_RATE_MIN || p.rate > KP_BACKUP_RATE_MAX))
        kp_fail(&failure, KP_EINVALID, "the rate of a backup must be from 100kB to 100GB a second");
    else if (!p.to || (!try_folder(p.to, &failure) && !put_key(s, &p, passphrase, &failure)))
        kp_store_do(s, put_all, &p, &failure);
    if (failure.code)
        return kp_fail(err, failure.code, "%s", failure.text);
    if (p.to)
        kp_backup_now(s);
    return KP_OK;
}

bool kp_backup_same_disk(struct kp_store *s, const char *to)
{
    struct stat here, there;
    return stat(s->dir, &here) == 0 && stat(to, &there) == 0 && here.st_dev == there.st_dev;
}

/* ---- what was done ---- */

enum kp_code kp_backup_runs(struct kp_db *db, bool (*each)(void *, const struct kp_backup_run *), void *arg,
                            struct kp_err *err)
{
    struct kp_err failure = { 0 };
    struct kp_stmt *get =
        kp_db_prepare(db, "select at, file, bytes, ms, error, proven from backup_run order by id desc", &failure);
    while (get && kp_step(get, &failure)) {
        struct kp_backup_run r = { .at = kp_column_int(get, 0),
                                   .file = kp_column_text(get, 1),
                                   .bytes = kp_column_int(get, 2),
                                   .ms = kp_column_int(get, 3),
                                   .error = kp_column_null(get, 4) ? NULL : kp_column_text(get, 4),
                                   .proven = kp_column_time(get, 5) };
        if (!each(arg, &r))
            break;
    }
    if (get)
        kp_reset(get);
    return failure.code ? kp_fail(err, failure.code, "%s", failure.text) : KP_OK;
}
