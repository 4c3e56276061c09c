/* SPDX-License-Identifier: Apache-2.0 */
/* What couplings bring from partners: under which agreement, how far, and whether it may go on. */
#include "share/private.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

struct share_brought {
    uint16_t coupling;
    bool onward;
    int64_t upto;
    char agreement[KP_DSP_ID];
};

/* ---- in memory; `brought_lock` held ---- */
static struct share_brought *find(struct kp_share *s, uint16_t coupling)
{
    for (size_t i = 0; i < s->n_brought; i++)
        if (s->brought[i].coupling == coupling)
            return &s->brought[i];
    return NULL;
}

/* The gate asks the model. */
static void tell(struct kp_share *s, const struct share_brought *b)
{
    kp_model_lock(s->model);
    kp_model_set_brought(s->model, b->coupling, b->onward ? KP_BROUGHT_ONWARD : KP_BROUGHT_KEPT);
    kp_model_unlock(s->model);
}

static enum kp_code keep(struct kp_share *s, const struct share_brought *b, struct kp_err *err)
{
    struct share_brought *old = find(s, b->coupling);
    if (!old && !kp_grow(&s->brought, &s->brought_room, s->n_brought + 1, sizeof *s->brought))
        return kp_fail(err, KP_ENOMEM, "out of memory");
    *(old ? old : &s->brought[s->n_brought++]) = *b;
    return KP_OK;
}

bool kp_share_provenance(struct kp_share *s, uint16_t coupling, char agreement[KP_DSP_ID])
{
    pthread_mutex_lock(&s->brought_lock);
    const struct share_brought *b = coupling ? find(s, coupling) : NULL;
    if (b)
        memcpy(agreement, b->agreement, KP_DSP_ID);
    pthread_mutex_unlock(&s->brought_lock);
    return b;
}

/* ---- in the file ---- */
static void of_row(struct kp_stmt *row, struct share_brought *b)
{
    *b = (struct share_brought){ .coupling = (uint16_t)kp_column_int(row, 0),
                                 .onward = kp_column_int(row, 2),
                                 .upto = kp_column_time(row, 3) };
    snprintf(b->agreement, sizeof b->agreement, "%s", kp_column_text(row, 1));
}

enum kp_code share_load_brought(struct kp_share *s, struct kp_err *err)
{
    struct kp_db *db = kp_store_reader(s->store, err);
    struct kp_stmt *row =
        db ? kp_db_prepare(db, "select coupling, agreement, onward, upto from share_brought", err)
           : NULL;
    while (row && kp_step(row, err)) {
        struct share_brought b;
        of_row(row, &b);
        if (keep(s, &b, err)) {
            kp_reset(row);
            break;
        }
        tell(s, &b);
    }
    kp_store_reader_done(s->store, db);
    return err->code;
}

void share_brought_free(struct kp_share *s)
{
    kp_free(s->brought);
}

static enum kp_code put(struct kp_db *db, void *arg, struct kp_err *err)
{
    const struct share_brought *b = arg;
    struct kp_stmt *s = kp_db_prepare(db,
                                      "insert into share_brought(coupling, agreement, onward, "
                                      "upto) values(?1, ?2, ?3, ?4) on conflict(coupling) do "
                                      "update set agreement = ?2, onward = ?3, upto = ?4",
                                      err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, b->coupling);
    kp_bind_text(s, 2, b->agreement);
    kp_bind_int(s, 3, b->onward);
    if (b->upto != KP_NO_TIME)
        kp_bind_int(s, 4, b->upto);
    return kp_run(s, err);
}

static enum kp_code save(struct kp_share *s, struct share_brought *b, struct kp_err *err)
{
    if (kp_store_do(s->store, put, b, err))
        return err->code;
    pthread_mutex_lock(&s->brought_lock);
    keep(s, b, err);
    pthread_mutex_unlock(&s->brought_lock);
    tell(s, b);
    return err->code;
}

static struct share_brought copy_of(struct kp_share *s, uint16_t coupling)
{
    pthread_mutex_lock(&s->brought_lock);
    const struct share_brought *old = find(s, coupling);
    struct share_brought b =
        old ? *old
            : (struct share_brought){ .coupling = coupling, .onward = true, .upto = KP_NO_TIME };
    pthread_mutex_unlock(&s->brought_lock);
    return b;
}

enum kp_code kp_share_brings(struct kp_share *s, uint16_t coupling,
                             const struct kp_share_source *source, int64_t *upto,
                             struct kp_err *err)
{
    struct share_brought b = copy_of(s, coupling);
    bool onward = b.onward && source->terms.distribution;
    *upto = b.upto;
    if (strcmp(b.agreement, source->agreement) == 0 && b.onward == onward)
        return KP_OK;
    b.onward = onward;
    snprintf(b.agreement, sizeof b.agreement, "%s", source->agreement);
    return save(s, &b, err);
}

enum kp_code kp_share_brought(struct kp_share *s, uint16_t coupling, int64_t upto,
                              struct kp_err *err)
{
    struct share_brought b = copy_of(s, coupling);
    b.upto = upto;
    return save(s, &b, err);
}
