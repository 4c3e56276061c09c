/* SPDX-License-Identifier: Apache-2.0 */
#include "store/trust.h"
#include "store/engine.h"

#include <sodium.h>
#include <stdio.h>

#include "core/ban.h"

void kp_fingerprint(const void *der, size_t len, char out[KP_FINGERPRINT_TEXT])
{
    unsigned char hash[crypto_hash_sha256_BYTES];
    crypto_hash_sha256(hash, der, len);
    for (size_t i = 0; i < sizeof hash; i++)
        snprintf(out + 3 * i, 4, "%02X%s", hash[i], i + 1 < sizeof hash ? ":" : "");
}

/* ---- noting ---- */

static enum kp_code insert(struct kp_db *db, void *arg, struct kp_err *err)
{
    const struct kp_certificate *c = arg;
    /* Known ones keep their verdict and their first time; the coupling is the last that met it. */
    struct kp_stmt *put = kp_db_prepare(db,
                                        "insert into certificate(fingerprint, first_seen, coupling, subject, "
                                        "not_after, der) values(?, ?, ?, ?, ?, ?) on conflict(fingerprint) do update "
                                        "set coupling = excluded.coupling",
                                        err);
    if (!put)
        return err->code;
    kp_bind_text(put, 1, c->fingerprint);
    kp_bind_int(put, 2, c->first_seen);
    kp_bind_text(put, 3, c->coupling);
    kp_bind_text(put, 4, c->subject);
    kp_bind_int(put, 5, c->not_after);
    kp_bind_blob(put, 6, c->der, c->len);
    return kp_run(put, err);
}

enum kp_code kp_trust_note(struct kp_store *s, const struct kp_certificate *c, struct kp_err *err)
{
    struct kp_certificate copy = *c;
    if (!copy.coupling || !copy.der || !copy.len)
        return kp_fail(err, KP_EINVALID, "a certificate needs its bytes and the coupling that met it");
    kp_fingerprint(copy.der, copy.len, copy.fingerprint);
    if (!copy.first_seen)
        copy.first_seen = kp_utc(s->clock);
    return kp_store_do(s, insert, &copy, err);
}

/* ---- the verdict ---- */

struct verdict {
    const char *coupling, *fingerprint;
    bool trusted;
    int n;
};

static enum kp_code update(struct kp_db *db, void *arg, struct kp_err *err)
{
    struct verdict *v = arg;
    struct kp_stmt *set = kp_db_prepare(db,
                                        "update certificate set trusted = ?1 where (?2 is null or coupling = ?2) "
                                        "and (?3 is null or fingerprint = ?3)",
                                        err);
    if (!set)
        return err->code;
    kp_bind_int(set, 1, v->trusted);
    kp_bind_text(set, 2, v->coupling);
    kp_bind_text(set, 3, v->fingerprint);
    enum kp_code code = kp_run(set, err);
    v->n = code ? 0 : kp_db_changes(db);
    return code;
}

enum kp_code kp_trust_set(struct kp_store *s, const char *coupling, const char *fingerprint, bool trusted, int *n,
                          struct kp_err *err)
{
    struct verdict v = { .coupling = coupling, .fingerprint = fingerprint, .trusted = trusted };
    *n = 0;
    if (!coupling && !fingerprint)
        return kp_fail(err, KP_EINVALID, "name the coupling or the fingerprint to trust");
    enum kp_code code = kp_store_do(s, update, &v, err);
    *n = v.n;
    if (code || v.n)
        return code;
    if (fingerprint)
        return kp_fail(err, KP_ENOTFOUND, "no certificate %.12s... is known; 'koppel couplings' shows what was met",
                       fingerprint);
    return kp_fail(err, KP_ENOTFOUND,
                   "coupling %s has not met a certificate yet; wait until it has tried to connect, then trust it",
                   coupling);
}

/* ---- the list ---- */

static bool read_certificate(struct kp_stmt *row, struct kp_certificate *c)
{
    const char *fingerprint = kp_column_text(row, 0);
    *c = (struct kp_certificate){
        .trusted = kp_column_int(row, 1) != 0,
        .first_seen = kp_column_int(row, 2),
        .coupling = kp_column_text(row, 3),
        .subject = kp_column_text(row, 4),
        .not_after = kp_column_int(row, 5),
    };
    c->der = kp_column_blob(row, 6, &c->len);
    if (!fingerprint)
        return false;
    snprintf(c->fingerprint, sizeof c->fingerprint, "%s", fingerprint);
    return true;
}

enum kp_code kp_trust_list(struct kp_store *s, const char *coupling,
                           bool (*each)(void *, const struct kp_certificate *), void *arg, struct kp_err *err)
{
    struct kp_err failure = { 0 };
    struct kp_db *db = kp_store_reader(s, &failure);
    struct kp_stmt *get = db ? kp_db_prepare(db,
                                             "select fingerprint, trusted, first_seen, coupling, subject, not_after, "
                                             "der from certificate where ?1 is null or coupling = ?1 order by "
                                             "first_seen desc, fingerprint",
                                             &failure)
                             : NULL;
    bool more = get != NULL;
    if (get)
        kp_bind_text(get, 1, coupling);
    while (more && kp_step(get, &failure)) {
        struct kp_certificate c;
        if (read_certificate(get, &c))
            more = each(arg, &c);
    }
    if (get)
        kp_reset(get);
    kp_store_reader_done(s, db);
    return failure.code ? kp_fail(err, failure.code, "%s", failure.text) : KP_OK;
}
