/* SPDX-License-Identifier: Apache-2.0 */
/* What is labelled secret, as the file as a whole has it. Rows of things that are removed go, their
 * history stays: then a mark says that some of it is secret. */
#include "core/model.h"
#include "store/engine.h"
#include "store/internal.h"

#include "core/ban.h"

#define MARK "secret-removed"

/* A label is that of the nearest thing above that has one; it has not been removed yet. */
#define SECRET_ABOVE(first)                                                                        \
    "with recursive up(label, parent) as (" first " union all select a.label, a.parent from up"    \
    " join asset a on a.id = up.parent where up.label = 'inherit')"                                \
    " select 1 from up where label = 'secret'"

static bool is_secret(struct kp_db *db, bool signal, int64_t id, struct kp_err *err)
{
    struct kp_stmt *s =
        kp_db_prepare(db,
                      signal ? SECRET_ABOVE("select label, asset from signal where id = ?1")
                             : SECRET_ABOVE("select label, parent from asset where id = ?1"),
                      err);
    if (!s)
        return false;
    kp_bind_int(s, 1, id);
    bool secret = kp_step(s, err);
    if (secret)
        kp_reset(s);
    return secret;
}

enum kp_code kp_secrecy_removing(struct kp_db *db, bool signal, int64_t id, struct kp_err *err)
{
    struct kp_err failure = { 0 };
    if (is_secret(db, signal, id, &failure))
        kp_setting_put(db, MARK, "1", &failure);
    return failure.code ? kp_fail(err, failure.code, "%s", failure.text) : KP_OK;
}

enum kp_code kp_store_holds_secret(struct kp_store *s, bool *any, struct kp_err *err)
{
    static const char *const sql = "select exists(select 1 from setting where key = '" MARK "')"
                                   " or exists(select 1 from asset where label = 'secret')"
                                   " or exists(select 1 from signal where label = 'secret')"
                                   " or exists(select 1 from interval where label = 'secret')"
                                   " or exists(select 1 from stix_object where tlp >= 4)"
                                   " or exists(select 1 from stix_hit where tlp >= 4)"; /* gate/tlp.h: RED */
    int64_t found = 1;
    struct kp_db *db = kp_store_reader(s, err);
    if (db)
        kp_db_number(db, sql, 1, &found, err);
    kp_store_reader_done(s, db);
    *any = found;
    return err->code;
}
