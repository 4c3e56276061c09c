/* SPDX-License-Identifier: Apache-2.0 */
/* The evidence pack for programs. */
#include "shield/evidence_keep.h"

#include "core/ban.h"

#define EACH(i, n) for (size_t i = 0; i < (n); i++)

static void begin_list(struct kp_json *j, const char *key)
{
    kp_json_key(j, key);
    kp_json_begin(j, '[');
}

static void begin_object(struct kp_json *j, const char *key)
{
    kp_json_key(j, key);
    kp_json_begin(j, '{');
}

static void put_seconds(struct kp_json *j, const char *key, size_t n, int64_t ns)
{
    kp_json_key(j, key);
    n ? kp_json_int(j, ns / KP_SECOND) : kp_json_null(j);
}

static void put_span(struct kp_json *j, const char *key, const struct evidence_span *s)
{
    begin_object(j, key);
    kp_json_put_int(j, "count", (int64_t)s->n);
    put_seconds(j, "medianSeconds", s->n, s->median);
    put_seconds(j, "longestSeconds", s->n, s->longest);
    kp_json_end(j, '}');
}

static void put_devices(struct kp_json *j, const struct evidence *e)
{
    begin_list(j, "devices");
    EACH(i, e->n_devices)
    {
        const struct evidence_device *d = &e->devices[i];
        kp_json_begin(j, '{');
        kp_json_put_text(j, "name", d->name);
        kp_json_put_text(j, "manufacturer", d->manufacturer);
        kp_json_put_text(j, "product", d->product);
        kp_json_put_text(j, "orderCode", d->order_code);
        kp_json_put_text(j, "firmware", d->firmware);
        kp_json_put_int(j, "affectedBy", (int64_t)d->open);
        kp_json_end(j, '}');
    }
    kp_json_end(j, ']');
    kp_json_put_int(j, "secretDevices", (int64_t)e->hidden);
}

static void put_findings(struct kp_json *j, const struct evidence *e)
{
    begin_object(j, "affected");
    for (int i = 0; i < URGENCIES; i++)
        kp_json_put_int(j, evidence_urgencies[i], (int64_t)e->affected[i]);
    kp_json_end(j, '}');
    kp_json_put_int(j, "review", (int64_t)e->review);
    kp_json_put_int(j, "notToBePassedOn", (int64_t)e->kept);
    begin_list(j, "findings");
    EACH(i, e->n_findings)
    {
        const struct line *l = &e->findings[i];
        bool may = evidence_may_name(l);
        kp_json_begin(j, '{');
        kp_json_put_text(j, "device", l->name);
        kp_json_put_text(j, "advisory", may ? l->advisory : NULL);
        kp_json_put_text(j, "title", may ? l->title : NULL);
        kp_json_put_text(j, "verdict", kp_verdict_word(evidence_affects(l) ? KP_AFFECTED : KP_REVIEW));
        kp_json_put_text(j, "urgency", urgency_word(l->urgency.priority));
        kp_json_put_time(j, "since", l->made);
        kp_json_end(j, '}');
    }
    kp_json_end(j, ']');
    put_span(j, "fixedInAYear", &e->fixed);
    put_span(j, "open", &e->open);
}

static void put_backups(struct kp_json *j, const struct evidence *e)
{
    begin_object(j, "backups");
    kp_json_put_bool(j, "daily", e->plan.to);
    kp_json_put_bool(j, "encrypted", e->plan.encrypted);
    kp_json_put_bool(j, "sameDisk", e->same_disk);
    kp_json_put_int(j, "keep", e->plan.to ? e->plan.keep : 0);
    kp_json_put_int(j, "days", EVIDENCE_BACKUP_DAYS);
    kp_json_put_int(j, "made", (int64_t)e->backups);
    kp_json_put_int(j, "failed", (int64_t)e->failed);
    kp_json_put_int(j, "proven", (int64_t)e->proven);
    kp_json_put_time(j, "last", e->last_backup);
    kp_json_put_time(j, "lastProven", e->last_proven);
    kp_json_end(j, '}');
}

static void put_access(struct kp_json *j, const struct evidence *e)
{
    begin_list(j, "users");
    EACH(i, e->n_users)
    {
        const struct evidence_user *u = &e->users[i];
        kp_json_begin(j, '{');
        kp_json_put_text(j, "name", u->name);
        kp_json_put_text(j, "role", kp_role_words[u->role]);
        kp_json_put_bool(j, "secondFactor", u->totp);
        kp_json_put_bool(j, "enabled", !u->disabled);
        kp_json_put_time(j, "seen", u->seen);
        kp_json_end(j, '}');
    }
    kp_json_end(j, ']');
    begin_list(j, "tokens");
    EACH(i, e->n_tokens)
    {
        const struct evidence_token *t = &e->tokens[i];
        kp_json_begin(j, '{');
        kp_json_put_text(j, "name", t->name);
        kp_json_put_text(j, "may", t->member ? "member" : !t->role ? "post values" : kp_role_words[t->role]);
        kp_json_put_time(j, "created", t->created);
        kp_json_put_time(j, "expires", t->expires ? t->expires : KP_NO_TIME);
        kp_json_end(j, '}');
    }
    kp_json_end(j, ']');
}

static void put_shares(struct kp_json *j, const struct evidence *e)
{
    begin_list(j, "agreements");
    EACH(i, e->n_shares)
    {
        const struct evidence_share *s = &e->shares[i];
        kp_json_begin(j, '{');
        kp_json_put_text(j, "partner", s->partner);
        kp_json_put_text(j, "dataset", s->dataset);
        kp_json_put_bool(j, "gives", s->gives);
        kp_json_put_bool(j, "active", s->active);
        kp_json_put_time(j, "since", s->since);
        kp_json_put_time(j, "ended", s->ended);
        kp_json_put_int(j, "exits", s->exits);
        kp_json_put_time(j, "lastExit", s->last);
        kp_json_end(j, '}');
    }
    kp_json_end(j, ']');
    begin_list(j, "members");
    EACH(i, e->n_members)
    {
        const struct evidence_member *m = &e->members[i];
        kp_json_begin(j, '{');
        kp_json_put_text(j, "collection", m->collection);
        kp_json_put_text(j, "who", m->who);
        kp_json_put_text(j, "tlp", m->tlp);
        kp_json_put_bool(j, "reads", m->reads);
        kp_json_put_bool(j, "writes", m->writes);
        kp_json_put_int(j, "objects", m->objects);
        kp_json_end(j, '}');
    }
    kp_json_end(j, ']');
}

static void put_doors(struct kp_json *j, const struct kp_evidence *a)
{
    begin_list(j, "listeners");
    EACH(i, a->n_doors)
    {
        const struct kp_evidence_door *d = &a->doors[i];
        kp_json_begin(j, '{');
        kp_json_put_text(j, "where", d->where);
        kp_json_put_text(j, "for", d->partners ? "partners" : d->loopback ? "this machine" : "people and programs");
        kp_json_put_bool(j, "tls", d->certificate);
        kp_json_put_bool(j, "proxy", d->proxy);
        kp_json_put_text(j, "certificateOf", d->certificate);
        kp_json_put_time(j, "certificateUntil", d->until);
        kp_json_end(j, '}');
    }
    kp_json_end(j, ']');
}

static void put_retention(struct kp_json *j, const struct kp_retention *r)
{
    begin_list(j, "retention");
    EACH(i, r->n)
    {
        kp_json_begin(j, '{');
        put_seconds(j, "valuesSeconds", (size_t)(r->rules[i].raw != 0), r->rules[i].raw);
        put_seconds(j, "summariesSeconds", (size_t)(r->rules[i].rollups != 0), r->rules[i].rollups);
        kp_json_end(j, '}');
    }
    kp_json_end(j, ']');
}

void evidence_json(const struct evidence *e, struct kp_json *j)
{
    kp_json_begin(j, '{');
    kp_json_put_text(j, "node", e->asked->node);
    kp_json_put_time(j, "at", e->now);
    kp_json_put_text(j, "version", e->asked->version);
    kp_json_put_int(j, "dataFileVersion", e->schema);
    put_devices(j, e);
    put_findings(j, e);
    put_backups(j, e);
    put_access(j, e);
    put_shares(j, e);
    put_doors(j, e->asked);
    put_retention(j, &e->retention);
    begin_object(j, "auditLog");
    kp_json_put_int(j, "entries", e->audit.entries);
    kp_json_put_bool(j, "whole", !e->audit.broken);
    kp_json_end(j, '}');
    begin_object(j, "incidentsInAYear");
    kp_json_put_int(j, "count", (int64_t)e->incidents);
    kp_json_put_int(j, "reportedLate", (int64_t)e->incidents_late);
    kp_json_end(j, '}');
    kp_json_end(j, '}');
}
