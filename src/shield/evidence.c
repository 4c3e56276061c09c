/* SPDX-License-Identifier: Apache-2.0 */
#include "shield/evidence.h"

#include "flex/page.h"
#include "gate/tlp.h"
#include "shield/evidence_keep.h"
#include "shield/incident_keep.h"
#include "shield/settings.h"

#include <stdlib.h>
#include <string.h>

#include "core/ban.h"

enum { FORMAT_JSON = 3, SPANS_MAX = 100000 };
#define DAY (86400 * KP_SECOND)
const char *const evidence_urgencies[URGENCIES] = { "urgent", "high", "medium", "low" };

struct gathering {
    struct evidence *e;
    struct kp_shield *s;
    struct kp_db *db;
    struct kp_err *err;
    size_t room;
};

/* One more of a list; NULL: no memory. */
static void *one_more(struct gathering *g, void *list, size_t n, size_t size)
{
    if (kp_grow(list, &g->room, n + 1, size))
        return *(char **)list + n * size;
    kp_fail(g->err, KP_ENOMEM, "out of memory");
    return NULL;
}

static const char *keep(struct gathering *g, const char *text)
{
    const char *copy = text ? kp_arena_strdup(g->e->arena, text) : NULL;
    if (text && !copy)
        kp_fail(g->err, KP_ENOMEM, "out of memory");
    return copy;
}

/* ---- devices and findings ---- */
bool evidence_may_name(const struct line *l)
{
    return !*l->tlp || strcmp(l->tlp, "WHITE") == 0 || strcmp(l->tlp, "CLEAR") == 0;
}

bool evidence_affects(const struct line *l)
{
    return l->verdict == KP_AFFECTED || (l->answer && strcmp(l->answer, "affected") == 0);
}

static void count_findings(struct evidence *e)
{
    for (size_t i = 0; i < e->n_findings; i++) {
        const struct line *l = &e->findings[i];
        const char *word = urgency_word(l->urgency.priority);
        e->kept += !evidence_may_name(l);
        e->review += !evidence_affects(l);
        for (int k = 0; k < URGENCIES; k++)
            e->affected[k] += evidence_affects(l) && strcmp(word, evidence_urgencies[k]) == 0;
    }
}

static int by_number(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* The devices that open findings say are affected, in order; NULL: no memory. */
static int64_t *affected_devices(struct gathering *g, size_t *n)
{
    const struct evidence *e = g->e;
    int64_t *list = kp_arena_alloc(e->arena, (e->n_findings + 1) * sizeof *list);
    *n = 0;
    for (size_t i = 0; list && i < e->n_findings; i++)
        if (evidence_affects(&e->findings[i]))
            list[(*n)++] = e->findings[i].device;
    if (*n)
        qsort(list, *n, sizeof *list, by_number);
    return list;
}

static size_t times_in(const int64_t *list, size_t n, int64_t device)
{
    const int64_t *at = n ? bsearch(&device, list, n, sizeof *list, by_number) : NULL, *end = list + n;
    size_t times = 0;
    while (at && at > list && at[-1] == device)
        at--;
    for (; at && at < end && *at == device; at++)
        times++;
    return times;
}

static void gather_devices(struct gathering *g)
{
    struct evidence *e = g->e;
    struct device_row *row;
    size_t n, n_affected = 0;
    e->showing = (struct showing){ .s = g->s, .db = g->db, .to = KP_TO_COMPANY, .q = { .state = "open" } };
    if (showing_read(&e->showing, g->err) || device_rows(g->db, 0, e->arena, &row, &n, g->err))
        return;
    e->findings = e->showing.lines;
    e->n_findings = e->showing.n;
    count_findings(e);
    const int64_t *affected = affected_devices(g, &n_affected);
    if (!affected || !(e->devices = kp_arena_alloc(e->arena, (n + 1) * sizeof *e->devices)))
        kp_fail(g->err, KP_ENOMEM, "out of memory");
    kp_model_lock(g->s->model);
    for (size_t i = 0; i < n && !g->err->code; i++) {
        if (!device_may_go(g->s->model, KP_TO_COMPANY, &row[i])) {
            e->hidden++;
            continue;
        }
        const char *const *f = row[i].field;
        e->devices[e->n_devices++] = (struct evidence_device){
            row[i].name, f[FIELD_MANUFACTURER], f[FIELD_PRODUCT], f[FIELD_ORDER_CODE], f[FIELD_FIRMWARE],
            times_in(affected, n_affected, row[i].id)
        };
    }
    kp_model_unlock(g->s->model);
}

/* ---- how long it took ---- */
static struct evidence_span span_of(int64_t *ns, size_t n)
{
    if (n)
        qsort(ns, n, sizeof *ns, by_number);
    return (struct evidence_span){ n, n ? (ns[(n - 1) / 2] + ns[n / 2]) / 2 : 0, n ? ns[n - 1] : 0 };
}

static struct evidence_span gather_span(struct gathering *g, const char *sql)
{
    int64_t *ns = NULL;
    size_t n = 0;
    struct kp_stmt *s = g->err->code ? NULL : kp_db_prepare(g->db, sql, g->err);
    if (!s)
        return (struct evidence_span){ 0 };
    kp_bind_int(s, 1, g->e->now);
    kp_bind_int(s, 2, g->e->now - EVIDENCE_SINCE_DAYS * DAY);
    for (g->room = 0; n < SPANS_MAX && kp_step(s, g->err); n++) {
        int64_t *one = one_more(g, &ns, n, sizeof *ns);
        if (!one)
            break;
        *one = kp_column_int(s, 0) > 0 ? kp_column_int(s, 0) : 0;
    }
    kp_reset(s);
    struct evidence_span span = span_of(ns, n);
    kp_free(ns);
    return span;
}

/* Closed by a change of firmware, or because a person says that it is done; what was no finding
 * after all took no time to fix. */
static void gather_spans(struct gathering *g)
{
    g->e->fixed = gather_span(g, "select closed - made from finding where closed between ?2 and ?1 and"
                                 " (closed_why like 'firmware %' or answer = 'done')");
    g->e->open = gather_span(g, "select ?1 - made from finding where closed is null and"
                                " (verdict = 2 or answer = 'affected') and ?2 is not null");
}

/* ---- backups ---- */
static bool see_backup(void *arg, const struct kp_backup_run *run)
{
    struct evidence *e = arg;
    if (run->proven != KP_NO_TIME && run->proven > e->last_proven)
        e->last_proven = run->proven;
    if (!run->error && run->at > e->last_backup)
        e->last_backup = run->at;
    if (run->at < e->now - EVIDENCE_BACKUP_DAYS * DAY)
        return true;
    e->backups += !run->error;
    e->failed += run->error != NULL;
    e->proven += run->proven != KP_NO_TIME;
    return true;
}

static void gather_backups(struct gathering *g)
{
    struct evidence *e = g->e;
    e->last_backup = e->last_proven = KP_NO_TIME;
    if (!g->err->code && !kp_backup_plan_read(g->db, e->arena, &e->plan, g->err))
        kp_backup_runs(g->db, see_backup, e, g->err);
    e->same_disk = e->plan.to && kp_backup_same_disk(g->s->store, e->plan.to);
}

/* ---- access ---- */
static bool see_user(void *arg, const struct kp_user *u)
{
    struct gathering *g = arg;
    struct evidence_user *one = one_more(g, &g->e->users, g->e->n_users, sizeof *one);
    if (!one)
        return false;
    *one = (struct evidence_user){ keep(g, u->name), u->role, u->totp, u->disabled, u->seen };
    g->e->n_users++;
    return true;
}

static bool see_token(void *arg, const struct kp_token_view *t)
{
    struct gathering *g = arg;
    struct evidence_token *one = one_more(g, &g->e->tokens, g->e->n_tokens, sizeof *one);
    if (!one)
        return false;
    *one = (struct evidence_token){ keep(g, t->name), t->role, t->member, t->created, t->expires };
    g->e->n_tokens++;
    return true;
}

static void gather_access(struct gathering *g)
{
    g->room = 0;
    if (!g->err->code)
        kp_user_list(g->s->store, see_user, g, g->err);
    g->room = 0;
    if (!g->err->code)
        kp_token_list(g->s->store, see_token, g, g->err);
}

/* ---- what is shared ---- */
static void gather_shares(struct gathering *g)
{
    struct kp_stmt *s = kp_db_prepare(
        g->db,
        "select a.partner, a.dataset, a.side = 1, a.active and a.ended is null, a.made, a.ended, count(x.id), max(x.at)"
        " from share_agreement a left join share_exit x on x.agreement = a.id and x.at > ?"
        " where a.active or a.ended is not null group by a.id order by a.partner, a.made",
        g->err);
    if (!s)
        return;
    kp_bind_int(s, 1, g->e->now - EVIDENCE_SINCE_DAYS * DAY);
    for (g->room = 0; kp_step(s, g->err); g->e->n_shares++) {
        struct evidence_share *one = one_more(g, &g->e->shares, g->e->n_shares, sizeof *one);
        if (!one)
            break;
        *one = (struct evidence_share){ keep(g, kp_column_text(s, 0)), keep(g, kp_column_text(s, 1)),
                                        kp_column_int(s, 2),           kp_column_int(s, 3),
                                        kp_column_int(s, 4),           kp_column_time(s, 5),
                                        kp_column_int(s, 6),           kp_column_time(s, 7) };
    }
    kp_reset(s);
}

static void gather_members(struct gathering *g)
{
    struct kp_stmt *s = g->err->code ? NULL
                                     : kp_db_prepare(
        g->db,
        "select c.title, m.who, c.tlp, m.reads, m.writes, coalesce((select sum(objects) from stix_exit x where"
        " x.collection = c.id and x.who = m.who and x.last > ?), 0)"
        " from stix_collection c join stix_member m on m.collection = c.id order by 1, 2",
        g->err);
    if (!s)
        return;
    kp_bind_int(s, 1, g->e->now - EVIDENCE_SINCE_DAYS * DAY);
    for (g->room = 0; kp_step(s, g->err); g->e->n_members++) {
        struct evidence_member *one = one_more(g, &g->e->members, g->e->n_members, sizeof *one);
        if (!one)
            break;
        int64_t tlp = kp_column_int(s, 2);
        *one = (struct evidence_member){ keep(g, kp_column_text(s, 0)), keep(g, kp_column_text(s, 1)),
                                         tlp >= 0 && tlp <= KP_TLP_RED ? kp_tlp_words[tlp] : "",
                                         kp_column_int(s, 3), kp_column_int(s, 4), kp_column_int(s, 5) };
    }
    kp_reset(s);
}

/* ---- the rest ---- */
static bool see_incident(void *arg, struct incident *in)
{
    struct evidence *e = arg;
    bool late = false;
    if (in->facts.aware < e->now - EVIDENCE_SINCE_DAYS * DAY)
        return true;
    for (size_t i = 0; i < in->n_clocks; i++)
        late |= in->clocks[i].late || in->clocks[i].state == CLOCK_OVERDUE;
    e->incidents++;
    e->incidents_late += late;
    return true;
}

static void gather_rest(struct gathering *g)
{
    struct shield_settings set = { 0 };
    struct evidence *e = g->e;
    struct kp_stmt *s;
    if (!g->err->code && !kp_retention_read(g->db, e->arena, &e->retention, g->err) &&
        !shield_settings_read(g->db, &set, g->err) &&
        !incident_each(g->db, true, &set.scope, e->now, see_incident, e, g->err) &&
        (s = kp_db_prepare(g->db, "select * from pragma_user_version", g->err)) && kp_step(s, g->err)) {
        e->schema = kp_column_int(s, 0);
        kp_reset(s);
    }
    shield_settings_free(&set);
}

static enum kp_code gather(struct kp_shield *s, struct evidence *e, struct kp_err *err)
{
    struct gathering g = { e, s, kp_store_reader(s->store, err), err, 0 };
    if (g.db) {
        gather_devices(&g);
        gather_spans(&g);
        gather_backups(&g);
        gather_access(&g);
        if (!err->code)
            gather_shares(&g);
        gather_members(&g);
        gather_rest(&g);
    }
    kp_store_reader_done(s->store, g.db);
    return err->code ? err->code : kp_audit_verify(s->store, &e->audit, err);
}

enum kp_code kp_evidence(struct kp_shield *s, const struct kp_evidence *asked, struct kp_buf *out,
                         struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    struct evidence e = { .asked = asked, .arena = &arena, .now = kp_utc(s->clock) };
    if (!gather(s, &e, err) && asked->format == FORMAT_JSON) {
        struct kp_json j = kp_json(out);
        evidence_json(&e, &j);
    } else if (!err->code) {
        evidence_page(&e, out, err);
    }
    if (!err->code && out->failed)
        kp_fail(err, KP_ENOMEM, "out of memory");
    showing_free(&e.showing);
    kp_free(e.users);
    kp_free(e.tokens);
    kp_free(e.shares);
    kp_free(e.members);
    kp_arena_free(&arena);
    return err->code;
}
