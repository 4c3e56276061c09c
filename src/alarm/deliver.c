/* SPDX-License-Identifier: Apache-2.0 */
/* Sending: messages that are due, one a person, so that a flood is a digest. A thread of its own
 * waits for mail and web servers. */
#include "alarm/delivery.h"
#include "alarm/mail.h"
#include "alarm/private.h"
#include "net/send.h"
#include "store/secret.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/ban.h"

enum { DIGEST = 20, TRIES = 14, LOG_ROWS = 1000, MESSAGE = 128 << 10 };
#define GAP     (30 * KP_SECOND)
#define LONGEST (3600 * KP_SECOND)

/* ---- messages to come ---- */
static enum kp_code add_row(struct kp_db *db, const struct kp_alarm *a, const char *person,
                            size_t step, int64_t due, struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(
        db, "insert into alarm_outbox(alarm, person, step, due) values(?,?,?,?)", err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, a->id);
    kp_bind_text(s, 2, person);
    kp_bind_int(s, 3, (int64_t)step);
    kp_bind_int(s, 4, due);
    return kp_run(s, err);
}

/* A plan that cannot be read tells nobody, but does not keep the alarm from being written. */
enum kp_code delivery_plan(struct kp_db *db, const struct kp_alarm *a, struct kp_err *err)
{
    struct kp_delivery *d = kp_alloc(sizeof *d);
    struct kp_err wrong = { 0 };
    if (!d)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    bool readable = !delivery_read(db, d, &wrong);
    for (size_t i = 0; readable && i < d->n_steps && !err->code; i++)
        for (size_t k = 0; k < d->steps[i].n && !err->code; k++)
            add_row(db, a, d->steps[i].to[k], i, a->since + d->steps[i].after, err);
    for (size_t i = 0; readable && !d->n_steps && i < d->n_people && !err->code; i++)
        add_row(db, a, d->people[i].name, 0, a->since, err);
    kp_delivery_free(d);
    kp_free(d);
    return err->code;
}

/* ---- one message ---- */
struct message {
    const struct kp_delivery *d;
    const struct kp_person *person; /* NULL: a test */
    const struct kp_channel *channel;
    const char *node;
    size_t n, more; /* more: beyond those listed */
    struct kp_alarm list[DIGEST];
    char asset[DIGEST][KP_PATH_MAX];
    int64_t rows[DIGEST];
};

static const char *const dutch_priorities[] = { "laag", "midden", "hoog", "dringend" };

static void put_line(struct kp_buf *out, const struct message *m, size_t i, const char *end)
{
    const struct kp_alarm *a = &m->list[i];
    bool dutch = m->person && m->person->dutch;
    char at[64];
    struct tm local;
    kp_time_local(a->since, &local);
    strftime(at, sizeof at, "%d-%m-%Y %H:%M:%S", &local);
    kp_buf_printf(out, "[%s] %s%s%s (%s%s%s)%s",
                  (dutch ? dutch_priorities : kp_alarm_priorities)[a->priority], m->asset[i],
                  *m->asset[i] ? ": " : "", a->text, at,
                  a->active ? ""
                  : dutch   ? ", voorbij"
                            : ", over",
                  "", end);
}

static void put_subject(struct kp_buf *out, const struct message *m)
{
    bool dutch = m->person && m->person->dutch;
    if (m->n + m->more > 1)
        kp_buf_printf(out, dutch ? "%s: %zu alarmen" : "%s: %zu alarms", m->node, m->n + m->more);
    else
        kp_buf_printf(out, "%s: %s", m->node, m->list[0].text);
}

static void put_text(struct kp_buf *out, const struct message *m, const char *end)
{
    bool dutch = m->person && m->person->dutch;
    for (size_t i = 0; i < m->n; i++)
        put_line(out, m, i, end);
    if (m->more)
        kp_buf_printf(out, dutch ? "en nog %zu%s" : "and %zu more%s", m->more, end);
    if (m->person)
        kp_buf_printf(out,
                      dutch ? "Bevestigen: koppel alarms ack NUMMER%s"
                            : "Acknowledge: koppel alarms ack NUMBER%s",
                      end);
}

static enum kp_code send_mail(struct kp_alarms *e, const struct message *m, const char *subject,
                              const char *password, struct kp_err *err)
{
    struct kp_buf text;
    kp_buf_init(&text, MESSAGE);
    put_text(&text, m, "\n");
    const struct kp_letter letter = { .to = m->channel->to,
                                      .subject = subject,
                                      .text = kp_buf_text(&text),
                                      .stopping = delivery_stopping,
                                      .arg = e };
    if (text.failed)
        kp_fail(err, KP_ENOMEM, "out of memory");
    else
        letter_send_by(e, m->d, password, &letter, err);
    kp_buf_free(&text);
    return err->code;
}

static void put_card(struct kp_buf *out, const char *subject, const char *text)
{
    struct kp_json j = kp_json(out);
    kp_buf_str(out, "{\"type\":\"message\",\"attachments\":[{\"contentType\":\"application/"
                    "vnd.microsoft.card.adaptive\",\"content\":"
                    "{\"$schema\":\"http://adaptivecards.io/schemas/"
                    "adaptive-card.json\",\"type\":\"AdaptiveCard\",\"version\":\"1.4\",\"body\":["
                    "{\"type\":\"TextBlock\",\"size\":\"Medium\",\"weight\":\"Bolder\",\"wrap\":"
                    "true,\"text\":");
    kp_json_text(&j, subject);
    kp_buf_str(out, "},{\"type\":\"TextBlock\",\"wrap\":true,\"text\":");
    j.comma = false;
    kp_json_text(&j, text);
    kp_buf_str(out, "}]}}]}");
}

static void put_plain(struct kp_alarms *e, struct kp_buf *out, const struct message *m,
                      const char *subject)
{
    struct kp_json j = kp_json(out);
    kp_json_begin(&j, '{');
    kp_json_put_text(&j, "node", m->node);
    kp_json_put_text(&j, "subject", subject);
    kp_json_key(&j, "alarms");
    kp_json_begin(&j, '[');
    kp_model_lock(e->model);
    for (size_t i = 0; i < m->n; i++)
        kp_alarm_json(&j, e->model, &m->list[i]);
    kp_model_unlock(e->model);
    kp_json_end(&j, ']');
    kp_json_put_int(&j, "more", (int64_t)m->more);
    kp_json_end(&j, '}');
}

static uint8_t highest(const struct message *m)
{
    uint8_t p = 0;
    for (size_t i = 0; i < m->n; i++)
        p = m->list[i].priority > p ? m->list[i].priority : p;
    return p;
}

static enum kp_code send_post(struct kp_alarms *e, const struct message *m, const char *subject,
                              const char *token, struct kp_err *err)
{
    struct kp_buf body, text;
    char title[600], urgency[20], bearer[700];
    const char *headers[4] = { 0 };
    size_t n = 0;
    kp_buf_init(&body, MESSAGE);
    kp_buf_init(&text, MESSAGE);
    put_text(&text, m, "\n");
    if (m->channel->kind == KP_CHANNEL_NTFY) {
        snprintf(title, sizeof title, "Title: %s", subject);
        kp_utf8_trim(title);
        snprintf(urgency, sizeof urgency, "Priority: %d", highest(m) + 2);
        headers[n++] = title;
        headers[n++] = urgency;
        kp_buf_str(&body, kp_buf_text(&text));
    } else {
        headers[n++] = "Content-Type: application/json";
        if (m->channel->kind == KP_CHANNEL_TEAMS)
            put_card(&body, subject, kp_buf_text(&text));
        else if (m->channel->template)
            kp_template_fill(&body, m->channel->template, &m->list[0], m->asset[0], m->node);
        else
            put_plain(e, &body, m, subject);
    }
    if (token) {
        snprintf(bearer, sizeof bearer, "Authorization: Bearer %s", token);
        headers[n++] = bearer;
    }
    const struct kp_post post = {
        .url = m->channel->url, .headers = headers, .body = kp_buf_text(&body), .ca = m->channel->ca,
        .caller = { .hub = e->hub, .what = "messages", .name = m->channel->name }
    };
    if (body.failed || text.failed)
        kp_fail(err, KP_ENOMEM, "out of memory");
    else
        kp_post_send(&post, delivery_stopping, e, err);
    kp_buf_free(&body);
    kp_buf_free(&text);
    return err->code;
}

static enum kp_code send_one(struct kp_alarms *e, const struct message *m, struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    struct kp_buf subject;
    char name[SECRET_NAME];
    void *secret = NULL;
    size_t len;
    kp_buf_init(&subject, 4096);
    put_subject(&subject, m);
    for (size_t i = 0; i < subject.len; i++)
        if ((unsigned char)subject.data[i] < 0x20)
            subject.data[i] = ' ';
    bool mail = m->channel->kind == KP_CHANNEL_MAIL;
    struct kp_err none = { 0 };
    if (kp_secret_get(e->store, mail ? MAIL_SECRET : channel_secret(name, m->channel->name), &arena,
                      &secret, &len, &none) &&
        none.code != KP_ENOTFOUND)
        kp_fail(err, none.code, "%s", none.text);
    else if (mail)
        send_mail(e, m, kp_buf_text(&subject), secret, err);
    else
        send_post(e, m, kp_buf_text(&subject), secret, err);
    kp_buf_free(&subject);
    kp_arena_free(&arena);
    return err->code;
}

/* ---- what is due ---- */
struct outcome {
    const int64_t *rows;
    size_t n;
    const char *state; /* NULL: tried again at `due` */
    const char *error;
    int64_t at, due;
};

static enum kp_code write_outcome(struct kp_db *db, void *arg, struct kp_err *err)
{
    const struct outcome *o = arg;
    for (size_t i = 0; i < o->n && !err->code; i++) {
        struct kp_stmt *s = kp_db_prepare(
            db,
            "update alarm_outbox set state = coalesce(?1, state), error = ?2, done = ?3,"
            " due = coalesce(?4, due), tries = tries + ?5 where id = ?6",
            err);
        if (!s)
            return err->code;
        kp_bind_text(s, 1, o->state);
        kp_bind_text(s, 2, o->error);
        if (o->state)
            kp_bind_int(s, 3, o->at);
        if (o->due)
            kp_bind_int(s, 4, o->due);
        kp_bind_int(s, 5, o->error || (o->state && strcmp(o->state, "sent") == 0));
        kp_bind_int(s, 6, o->rows[i]);
        kp_run(s, err);
    }
    struct kp_stmt *s =
        err->code ? NULL
                  : kp_db_prepare(db,
                                  "delete from alarm_outbox where state <> 'waiting' and id <="
                                  " (select max(id) from alarm_outbox) - ?",
                                  err);
    if (s) {
        kp_bind_int(s, 1, LOG_ROWS);
        kp_run(s, err);
    }
    return err->code;
}

static void settle(struct kp_alarms *e, const int64_t *rows, size_t n, const char *state,
                   const char *error, int64_t due, struct kp_err *err)
{
    struct outcome o = {
        .rows = rows, .n = n, .state = state, .error = error, .at = kp_utc(e->clock), .due = due
    };
    if (n)
        kp_store_do(e->store, write_outcome, &o, err);
}

static const struct kp_person *person_named(const struct kp_delivery *d, const char *name)
{
    for (size_t i = 0; i < d->n_people; i++)
        if (strcmp(d->people[i].name, name) == 0)
            return &d->people[i];
    return NULL;
}

static void wall(int64_t at, unsigned *minute, unsigned *day)
{
    struct tm t;
    kp_time_local(at, &t);
    *minute = (unsigned)(t.tm_hour * 60 + t.tm_min);
    *day = (unsigned)(t.tm_wday + 6) % 7;
}

/* Why a message is not sent, or NULL. */
static const char *unneeded(const struct kp_person *p, const struct kp_alarm *a, bool known,
                            int64_t now)
{
    unsigned minute, day;
    wall(now, &minute, &day);
    if (!p)
        return "no longer in the roster";
    if (!known || (a->state != KP_ALARM_UNACKNOWLEDGED && a->state != KP_ALARM_RETURNED))
        return "seen to before";
    if (a->priority < p->least)
        return "below the priority of this person";
    return kp_hours_hold(&p->duty, minute, day) ? NULL : "off duty";
}

/* When the quiet hours are over; 0: it is not quiet. */
static int64_t quiet_until(const struct kp_delivery *d, int64_t now)
{
    unsigned minute, day;
    wall(now, &minute, &day);
    for (size_t i = 0; i < d->n_quiet; i++)
        if (kp_hours_hold(&d->quiet[i], minute, day)) {
            unsigned left = (d->quiet[i].to + 1440u - minute) % 1440;
            return now + (int64_t)(left ? left : 1440) * 60 * KP_SECOND;
        }
    return 0;
}

/* Gathers what is due for the first person that may be told now. */
static bool gather(struct kp_alarms *e, struct kp_db *db, struct message *m, char *person,
                   int64_t *tries, struct kp_err *err)
{
    int64_t now = kp_utc(e->clock), drop = 0, wait = 0, row = 0;
    const char *why = NULL;
    struct kp_stmt *s = kp_db_prepare(
        db,
        "select id, alarm, person, tries from alarm_outbox where state = 'waiting' and due <= ?1"
        " and (?2 = '' or person = ?2) order by due, id",
        err);
    if (!s)
        return false;
    kp_bind_int(s, 1, now);
    kp_bind_text(s, 2, person);
    while (kp_step(s, err)) {
        struct kp_alarm a = { 0 };
        struct kp_err none = { 0 };
        row = kp_column_int(s, 0);
        const struct kp_person *p = person_named(m->d, kp_column_text(s, 2));
        bool known = !kp_alarms_get(db, kp_column_int(s, 1), &a, &none);
        if ((why = unneeded(p, &a, known, now))) {
            drop = row;
            break;
        }
        if (a.priority < KP_PRIORITY_URGENT && (wait = quiet_until(m->d, now)))
            break;
        if (!m->person) {
            m->person = p;
            *tries = kp_column_int(s, 3);
            snprintf(person, KP_NAME_MAX, "%s", p->name);
        }
        if (p != m->person)
            continue;
        if (m->n == DIGEST) {
            m->more++;
            continue;
        }
        m->rows[m->n] = row;
        m->list[m->n++] = a;
    }
    kp_reset(s);
    if (drop)
        settle(e, &drop, 1, "dropped", why, 0, err);
    else if (wait)
        settle(e, &row, 1, NULL, NULL, wait, err);
    return drop || wait;
}

static enum kp_code close_more(struct kp_db *db, void *arg, struct kp_err *err)
{
    struct message *m = arg;
    struct kp_stmt *s = kp_db_prepare(db,
                                      "update alarm_outbox set state = 'sent', done = ?3, error = "
                                      "'in a digest' where state = 'waiting'"
                                      " and person = ?1 and due <= ?2",
                                      err);
    if (!s)
        return err->code;
    kp_bind_text(s, 1, m->person->name);
    kp_bind_int(s, 2, m->list[0].resume_until);
    kp_bind_int(s, 3, m->list[0].resume_until);
    return kp_run(s, err);
}

/* Of an alarm that may not leave the node people are told that there is one, and no more. */
static struct kp_alarm veiled(const struct kp_alarm *a, bool dutch)
{
    struct kp_alarm v = { .id = a->id,
                          .priority = a->priority,
                          .state = a->state,
                          .active = a->active,
                          .since = a->since,
                          .until = a->until,
                          .group = a->group,
                          .count = a->count,
                          .value = NAN,
                          .limit = NAN,
                          .acknowledged_at = KP_NO_TIME,
                          .shelved_until = KP_NO_TIME };
    snprintf(v.text, sizeof v.text, "%s",
             dutch ? "iets dat geheim is: zie de console van de node"
                   : "something that is secret: see the console of the node");
    return v;
}

/* The gate of this exit: what is told goes to people of this company. */
static void find_assets(struct kp_alarms *e, struct message *m)
{
    kp_model_lock(e->model);
    for (size_t i = 0; i < m->n; i++)
        if (!kp_gate_label(KP_TO_COMPANY, kp_alarm_label(e->model, &m->list[i])))
            m->list[i] = veiled(&m->list[i], m->person->dutch);
        else if (m->list[i].asset && kp_model_asset(e->model, m->list[i].asset))
            kp_model_asset_path(e->model, m->list[i].asset, m->asset[i], sizeof m->asset[i]);
    kp_model_unlock(e->model);
}

static int64_t back_off(int64_t tries)
{
    int64_t wait = 5 * KP_SECOND << (tries < 10 ? tries : 10);
    return wait < LONGEST ? wait : LONGEST;
}

static const char *node_name(struct kp_db *db, struct kp_arena *arena)
{
    const char *name = kp_setting_get(db, arena, "name");
    return name ? name : "koppel";
}

static void hand_over(struct kp_alarms *e, struct message *m, int64_t tries, struct kp_err *err)
{
    struct kp_err why = { 0 };
    int64_t now = kp_utc(e->clock);
    for (size_t i = 0; i < m->d->n_channels; i++)
        if (strcmp(m->d->channels[i].name, m->person->channel) == 0)
            m->channel = &m->d->channels[i];
    find_assets(e, m);
    send_one(e, m, &why);
    if (why.code == KP_ESTOPPED)
        return;
    if (!why.code) {
        settle(e, m->rows, m->n, "sent", NULL, 0, err);
        m->list[0].resume_until = now;
        if (m->more)
            kp_store_do(e->store, close_more, m, err);
    } else {
        settle(e, m->rows, m->n, tries + 1 >= TRIES ? "failed" : NULL, why.text,
               now + back_off(tries), err);
    }
}

/* Whoever was told less than half a minute ago waits, so that what comes meanwhile is one message.
 */
static bool told_lately(struct kp_db *db, const char *person, int64_t now, struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(
        db, "select 1 from alarm_outbox where person = ? and state = 'sent' and done > ? limit 1",
        err);
    if (!s)
        return true;
    kp_bind_text(s, 1, person);
    kp_bind_int(s, 2, now - GAP);
    bool lately = kp_step(s, err);
    kp_reset(s);
    return lately;
}

/* People with something due, each once. */
static size_t people_due(struct kp_alarms *e, struct kp_db *db, char (*out)[KP_NAME_MAX],
                         struct kp_err *err)
{
    size_t n = 0;
    struct kp_stmt *s = kp_db_prepare(
        db,
        "select distinct person from alarm_outbox where state = 'waiting' and due <= ? limit 100",
        err);
    if (!s)
        return 0;
    kp_bind_int(s, 1, kp_utc(e->clock));
    while (n < KP_PEOPLE_MAX && kp_step(s, err))
        snprintf(out[n++], KP_NAME_MAX, "%s", kp_column_text(s, 0));
    kp_reset(s);
    return n;
}

bool delivery_turn(struct kp_alarms *e, struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    struct kp_delivery *d = kp_arena_alloc(&arena, sizeof *d);
    struct message *m = kp_arena_alloc(&arena, sizeof *m);
    char(*people)[KP_NAME_MAX] = kp_arena_alloc(&arena, KP_PEOPLE_MAX * sizeof *people);
    struct kp_db *db = kp_store_reader(e->store, err);
    bool any = false;
    if (db && (!d || !m || !people))
        kp_fail(err, KP_ENOMEM, "out of memory");
    size_t n = db && !err->code ? people_due(e, db, people, err) : 0;
    if (n && !err->code && !delivery_read(db, d, err)) {
        const char *node = node_name(db, &arena);
        for (size_t i = 0; i < n && !err->code && !delivery_stopping(e); i++) {
            int64_t tries = 0;
            *m = (struct message){ .d = d, .node = node };
            if (gather(e, db, m, people[i], &tries, err)) {
                any = true;
                continue;
            }
            if (err->code || !m->n ||
                (highest(m) < KP_PRIORITY_URGENT &&
                 told_lately(db, people[i], kp_utc(e->clock), err)))
                continue;
            hand_over(e, m, tries, err);
            any = true;
        }
    }
    if (d)
        kp_delivery_free(d);
    if (db)
        kp_store_reader_done(e->store, db);
    kp_arena_free(&arena);
    return any;
}

/* ---- for people ---- */
enum kp_code kp_alarms_test_channel(struct kp_alarms *e, const char *channel, struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    struct kp_delivery *d = kp_arena_alloc(&arena, sizeof *d);
    struct message *m = kp_arena_alloc(&arena, sizeof *m);
    struct kp_db *db = d && m ? kp_store_reader(e->store, err) : NULL;
    if (!d || !m)
        kp_fail(err, KP_ENOMEM, "out of memory");
    if (db && !delivery_read(db, d, err)) {
        *m = (struct message){ .d = d, .node = node_name(db, &arena), .n = 1 };
        m->list[0] = (struct kp_alarm){ .since = kp_utc(e->clock),
                                        .until = KP_FOREVER,
                                        .active = true,
                                        .count = 1,
                                        .value = NAN,
                                        .limit = NAN,
                                        .acknowledged_at = KP_NO_TIME,
                                        .shelved_until = KP_NO_TIME,
                                        .text = "this is a test of koppel" };
        for (size_t i = 0; i < d->n_channels; i++)
            if (strcmp(d->channels[i].name, channel) == 0)
                m->channel = &d->channels[i];
        kp_store_reader_done(e->store, db);
        db = NULL;
        if (m->channel)
            send_one(e, m, err);
        else
            kp_fail(err, KP_ENOTFOUND, "there is no channel '%.60s'", channel);
    }
    if (db)
        kp_store_reader_done(e->store, db);
    if (d)
        kp_delivery_free(d);
    kp_arena_free(&arena);
    return err->code;
}

enum kp_code kp_alarms_delivered(struct kp_db *db, size_t limit,
                                 bool (*each)(void *, const struct kp_delivered *), void *arg,
                                 struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(
        db,
        "select id, alarm, person, step, due, tries, state, error, done from alarm_outbox"
        " order by id desc limit ?",
        err);
    if (!s)
        return err->code;
    kp_bind_int(s, 1, (int64_t)limit);
    while (kp_step(s, err)) {
        struct kp_delivered one = { .id = kp_column_int(s, 0),
                                    .alarm = kp_column_int(s, 1),
                                    .person = kp_column_text(s, 2),
                                    .step = kp_column_int(s, 3),
                                    .due = kp_column_int(s, 4),
                                    .tries = kp_column_int(s, 5),
                                    .state = kp_column_text(s, 6),
                                    .error = kp_column_text(s, 7),
                                    .done = kp_column_time(s, 8) };
        if (!each(arg, &one)) {
            kp_reset(s);
            break;
        }
    }
    return err->code;
}
