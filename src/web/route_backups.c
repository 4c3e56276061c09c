/* SPDX-License-Identifier: Apache-2.0 */
/* Backups by the clock. */
#include "web/routes.h"

#include "store/backup.h"
#include "web/body.h"

#include <stdio.h>

#include "core/ban.h"

static struct kp_store *store(struct kp_request *r)
{
    return kp_node_store(r->node);
}

static bool put_run(void *arg, const struct kp_backup_run *run)
{
    struct kp_json *j = arg;
    kp_json_begin(j, '{');
    kp_json_put_time(j, "at", run->at);
    kp_json_put_text(j, "file", run->file);
    kp_json_put_int(j, "bytes", run->bytes);
    kp_json_put_int(j, "ms", run->ms);
    kp_json_put_text(j, "error", run->error);
    kp_json_put_time(j, "proven", run->proven);
    kp_json_end(j, '}');
    return true;
}

static void put_plan(struct kp_json *j, const struct kp_backup_plan *p)
{
    char at[16];
    snprintf(at, sizeof at, "%02d:%02d", p->minute / 60 % 24, p->minute % 60);
    kp_json_put_text(j, "to", p->to);
    kp_json_put_text(j, "daily", p->to ? at : NULL);
    kp_json_key(j, "keep");
    if (p->to)
        kp_json_int(j, p->keep);
    else
        kp_json_null(j);
    kp_json_put_bool(j, "encrypted", p->encrypted);
    kp_json_key(j, "bytesPerSecond");
    if (p->rate)
        kp_json_int(j, p->rate);
    else
        kp_json_null(j);
}

enum kp_code kp_route_backups(struct kp_request *r, struct kp_err *err)
{
    struct kp_backup_plan plan = { 0 };
    struct kp_backup_state state = kp_backup_state(store(r)); /* before the rows: of what has ended the row is there */
    struct kp_db *db = kp_store_reader(store(r), err);
    if (db && !kp_backup_plan_read(db, &r->arena, &plan, err)) {
        struct kp_json j = kp_reply_json(r);
        kp_json_begin(&j, '{');
        put_plan(&j, &plan);
        kp_json_put_bool(&j, "sameDisk", plan.to && kp_backup_same_disk(store(r), plan.to));
        kp_json_put_bool(&j, "running", state.running);
        kp_json_put_bool(&j, "proving", state.proving);
        kp_json_put_int(&j, "doneBytes", state.done);
        kp_json_put_int(&j, "totalBytes", state.total);
        kp_json_key(&j, "runs");
        kp_json_begin(&j, '[');
        kp_backup_runs(db, put_run, &j, err);
        kp_json_end(&j, ']');
        kp_json_end(&j, '}');
    }
    kp_store_reader_done(store(r), db);
    return err->code;
}

/* What is missing stays as it is. */
static enum kp_code read_plan(struct kp_request *r, const json_t *body, struct kp_backup_plan *p, const char **passphrase,
                              struct kp_err *err)
{
    const char *daily;
    int64_t keep;
    struct kp_db *db = kp_store_reader(store(r), err);
    if (db)
        kp_backup_plan_read(db, &r->arena, p, err);
    kp_store_reader_done(store(r), db);
    if (err->code || kp_body_text(body, "to", false, &daily, err))
        return err->code;
    p->to = daily ? daily : p->to;
    if (!p->to)
        return kp_fail(err, KP_EINVALID, "to: the folder for backups is missing");
    if (kp_body_text(body, "daily", false, &daily, err) ||
        kp_body_int(body, "keep", 1, KP_BACKUP_KEEP_MAX, p->keep, &keep, err) ||
        kp_body_text(body, "passphrase", false, passphrase, err))
        return err->code;
    p->keep = (int)keep;
    if (daily && !kp_minute_parse(daily, &p->minute))
        return kp_fail(err, KP_EINVALID, "daily: '%.40s' is no time of day such as 02:00", daily);
    json_t *encrypted = json_object_get(body, "encrypted");
    if (encrypted && !json_is_boolean(encrypted))
        return kp_fail(err, KP_EINVALID, "encrypted must be true or false");
    if (json_is_null(json_object_get(body, "bytesPerSecond")))
        p->rate = 0;
    else if (kp_body_int(body, "bytesPerSecond", KP_BACKUP_RATE_MIN, KP_BACKUP_RATE_MAX, p->rate, &p->rate, err))
        return err->code;
    if (json_is_false(encrypted) && *passphrase)
        return kp_fail(err, KP_EINVALID, "a passphrase is for encrypted backups only");
    p->encrypted = encrypted ? json_is_true(encrypted) : p->encrypted || *passphrase;
    return KP_OK;
}

enum kp_code kp_route_backups_put(struct kp_request *r, struct kp_err *err)
{
    static const char *const known[] = { "to", "daily", "keep", "encrypted", "bytesPerSecond", "passphrase", NULL };
    struct kp_backup_plan plan;
    const char *passphrase = NULL;
    json_t *body = kp_body_object(r->body, r->body_len, known, err);
    if (body && !read_plan(r, body, &plan, &passphrase, err))
        kp_backup_plan_put(store(r), &plan, passphrase, err);
    json_decref(body);
    return err->code ? err->code : kp_route_backups(r, err);
}

enum kp_code kp_route_backups_end(struct kp_request *r, struct kp_err *err)
{
    if (!kp_backup_plan_put(store(r), &(struct kp_backup_plan){ 0 }, NULL, err))
        r->reply.status = 204;
    return err->code;
}

static enum kp_code need_plan(struct kp_request *r, struct kp_err *err)
{
    struct kp_backup_plan plan = { 0 };
    struct kp_db *db = kp_store_reader(store(r), err);
    if (db && !kp_backup_plan_read(db, &r->arena, &plan, err) && !plan.to)
        kp_fail(err, KP_ENOTFOUND, "no folder for backups is set: koppel backup --to DIR");
    kp_store_reader_done(store(r), db);
    return err->code;
}

enum kp_code kp_route_backup_now(struct kp_request *r, struct kp_err *err)
{
    if (need_plan(r, err))
        return err->code;
    kp_backup_now(store(r));
    return kp_route_backups(r, err);
}

enum kp_code kp_route_backup_prove(struct kp_request *r, struct kp_err *err)
{
    if (need_plan(r, err))
        return err->code;
    kp_backup_prove_now(store(r));
    return kp_route_backups(r, err);
}
