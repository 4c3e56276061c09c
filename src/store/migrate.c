/* SPDX-License-Identifier: Apache-2.0 */
#include "store/internal.h"
#include "store/schema.sql.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/ban.h"

/* migrations[n] brings a file of version n to version n + 1. */
static const char *const migrations[] = { schema_v1, schema_v2, schema_v3, schema_v4, schema_v5, schema_v6,
                                          schema_v7, schema_v8, schema_v9, schema_v10, schema_v11 };

int kp_schema_version(void)
{
    return (int)(sizeof migrations / sizeof migrations[0]);
}

enum kp_code kp_schema_check(struct kp_db *db, int64_t *version, struct kp_err *err)
{
    int64_t id = 0;
    enum kp_code code = kp_db_number(db, "pragma application_id", 0, &id, err);
    if (!code)
        code = kp_db_number(db, "pragma user_version", 0, version, err);
    if (code)
        return code;
    if (id != KP_APPLICATION_ID)
        return kp_fail(err, KP_EPARSE, "%s is an SQLite file, but not one of koppel", db->file);
    if (*version > kp_schema_version() || *version < 0)
        return kp_fail(err, KP_EREFUSED,
                       "%s was written by a newer koppel (version %lld of the file, this one knows %d); use the "
                       "newer program, or 'koppel rollback'",
                       db->file, (long long)*version, kp_schema_version());
    return KP_OK;
}

static enum kp_code keep_copy(struct kp_db *db, int64_t version, struct kp_err *err)
{
    char file[KP_FILE_PATH];
    int n = snprintf(file, sizeof file, "%s.v%lld", db->file, (long long)version);
    if (n < 0 || n >= (int)sizeof file)
        return kp_fail(err, KP_EINVALID, "the name of the node's folder is too long");
    struct kp_copy copy;
    enum kp_code code = kp_copy_begin(&copy, db, file, err);
    if (code)
        return code;
    struct kp_err failure = { 0 };
    while (kp_copy_step(&copy, 1000, &failure))
        ;
    if (!failure.code)
        return kp_copy_finish(&copy, err);
    kp_copy_drop(&copy);
    return kp_fail(err, failure.code, "%s", failure.text);
}

static enum kp_code climb(struct kp_db *db, int64_t version, struct kp_err *err)
{
    for (int64_t v = version; v < kp_schema_version(); v++) {
        char done[80];
        snprintf(done, sizeof done, "pragma user_version=%lld", (long long)v + 1);
        if (kp_db_exec(db, migrations[v], err) || kp_db_exec(db, done, err))
            return kp_context(err, "bringing the file to version %lld", (long long)v + 1);
    }
    return KP_OK;
}

/* From a version to the newest, in one transaction. */
static enum kp_code rise(struct kp_db *db, int64_t version, struct kp_err *err)
{
    struct kp_err failure = { 0 };
    kp_db_exec(db, "begin immediate", &failure);
    if (!failure.code)
        climb(db, version, &failure);
    if (!failure.code)
        kp_db_exec(db, "commit", &failure);
    if (!sqlite3_get_autocommit(db->handle))
        kp_db_exec(db, "rollback", NULL);
    return failure.code ? kp_fail(err, failure.code, "%s", failure.text) : KP_OK;
}

enum kp_code kp_schema_create(struct kp_db *db, struct kp_err *err)
{
    return rise(db, 0, err);
}

enum kp_code kp_migrate(struct kp_db *db, struct kp_err *err)
{
    int64_t version = 0;
    enum kp_code code = kp_schema_check(db, &version, err);
    if (code || version == kp_schema_version())
        return code;
    code = keep_copy(db, version, err);
    if (code)
        return kp_context(err, "the copy before bringing the file up to date");
    return rise(db, version, err);
}
