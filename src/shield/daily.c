/* SPDX-License-Identifier: Apache-2.0 */
#include "shield/daily.h"

#include "alarm/mail.h"
#include "alarm/round.h"
#include "core/log.h"
#include "net/json_memory.h"
#include "shield/keep.h"
#include "shield/settings.h"
#include "store/backup.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/ban.h"

enum { MAIL_MAX = 4 << 20, SUBJECT = 300, NAME = 64, PEOPLE = KP_PEOPLE_MAX };
#define STATE_KEY "shield.mail"
#define WAIT      (20 * KP_SECOND)
#define AGAIN     (60 * KP_SECOND)

struct daily {
    struct kp_alarms *alarms;
    struct kp_duty duty;
    atomic_bool stopping;
    int64_t again; /* after a failure: not before; mono */
    int tries;
};

struct reader { /* one who gets it */
    char to[256];
    bool dutch;
};
struct readers {
    size_t n;
    struct reader list[PEOPLE];
};

void kp_shield_mail_by(struct kp_shield *s, struct kp_alarms *alarms)
{
    s->daily->alarms = alarms;
}

/* ---- who gets it ---- */
static void add_reader(struct readers *r, const char *to, bool dutch)
{
    for (size_t i = 0; i < r->n; i++)
        if (strcmp(r->list[i].to, to) == 0)
            return;
    if (r->n < PEOPLE) {
        snprintf(r->list[r->n].to, sizeof r->list[r->n].to, "%s", to);
        r->list[r->n++].dutch = dutch;
    }
}

/* Nobody when there is no mail server. */
static enum kp_code find_readers(struct kp_db *db, const struct shield_mail *m, struct readers *r,
                                 struct kp_err *err)
{
    struct kp_delivery *d = kp_alloc(sizeof *d);
    r->n = 0;
    if (!d)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    bool server = !delivery_read(db, d, err) && d->mail_url;
    for (size_t i = 0; server && i < m->n; i++)
        add_reader(r, m->to[i], m->dutch);
    for (size_t i = 0; server && !m->n && i < d->n_people; i++)
        for (size_t k = 0; k < d->n_channels; k++)
            if (strcmp(d->channels[k].name, d->people[i].channel) == 0 && d->channels[k].kind == KP_CHANNEL_MAIL)
                add_reader(r, d->channels[k].to, d->people[i].dutch);
    kp_delivery_free(d);
    kp_free(d);
    return err->code;
}

static enum kp_code read_all(struct kp_shield *s, struct shield_settings *set, struct readers *r,
                             struct kp_err *err)
{
    struct kp_db *db = kp_store_reader(s->store, err);
    *set = (struct shield_settings){ 0 };
    if (db && !shield_settings_read(db, set, err))
        find_readers(db, &set->mail, r, err);
    kp_store_reader_done(s->store, db);
    return err->code;
}

/* ---- one mail ---- */
struct mail {
    char subject[2][SUBJECT];
    struct kp_buf text[2], html[2]; /* English, Dutch */
    bool made[2];
    size_t told;
};

static bool stopping(void *daily)
{
    return atomic_load(&((struct daily *)daily)->stopping);
}

static enum kp_code make(struct kp_shield *s, struct mail *m, int64_t since, int64_t until, bool dutch,
                         struct kp_err *err)
{
    if (m->made[dutch])
        return KP_OK;
    m->made[dutch] = true;
    kp_buf_init(&m->text[dutch], MAIL_MAX);
    kp_buf_init(&m->html[dutch], MAIL_MAX);
    return daily_page(s, since, until, dutch, &m->told, m->subject[dutch], SUBJECT, &m->text[dutch],
                      &m->html[dutch], err);
}

static void free_mail(struct mail *m)
{
    for (int i = 0; i < 2 && m; i++)
        if (m->made[i]) {
            kp_buf_free(&m->text[i]);
            kp_buf_free(&m->html[i]);
        }
    kp_free(m);
}

/* id: of a letter that must not come twice. */
static enum kp_code send(struct kp_shield *s, struct mail *m, const struct reader *to, const char *id,
                         struct kp_err *err)
{
    const struct kp_letter letter = { .to = to->to,
                                      .subject = m->subject[to->dutch],
                                      .text = kp_buf_text(&m->text[to->dutch]),
                                      .html = kp_buf_text(&m->html[to->dutch]),
                                      .id = id,
                                      .stopping = stopping,
                                      .arg = s->daily };
    if (!s->daily->alarms)
        return kp_fail(err, KP_EINVALID, "this node sends no mail");
    kp_letter_send(s->daily->alarms, &letter, err);
    return kp_context(err, "%.100s", to->to);
}

/* ---- the state: that of a round, and
 * "told": up to when all was told; "mailed": when the last mail was due; "over" ---- */
static int64_t time_in(const json_t *state, const char *key, int64_t none)
{
    int64_t at = none;
    const char *text = json_string_value(json_object_get(state, key));
    return text && kp_time_parse(text, &at) ? at : none;
}

static bool set_time(json_t *state, const char *key, int64_t at)
{
    char text[KP_TIME_TEXT];
    if (at == KP_NO_TIME)
        return true;
    kp_time_print(at, text);
    return json_object_set_new(state, key, json_string(text)) == 0;
}

static bool same_day(int64_t a, int64_t b)
{
    struct tm x, y;
    kp_time_local(a, &x);
    kp_time_local(b, &y);
    return x.tm_yday == y.tm_yday && x.tm_year == y.tm_year;
}

/* The first round of all is let pass, so that a mail comes at its hour, and so is a second one on a
 * day that has had its mail; what they do not tell, the next one does. */
static json_t *begin_round(struct kp_shield *s, json_t *old, int64_t due, struct kp_err *err)
{
    int64_t last = kp_round_due(old), told = time_in(old, "told", KP_NO_TIME),
            mailed = time_in(old, "mailed", KP_NO_TIME);
    bool pass = last == KP_NO_TIME || (mailed != KP_NO_TIME && same_day(mailed, due));
    json_t *state = kp_round_of(old, due, err);
    if (state && (!set_time(state, "told", told) || !set_time(state, "mailed", mailed) ||
                  json_object_set_new(state, "over", json_boolean(pass))))
        kp_fail(err, KP_ENOMEM, "out of memory");
    if (state && !err->code)
        kp_round_write(s->store, STATE_KEY, state, err);
    return state;
}

static void end_round(struct kp_shield *s, json_t *state, struct kp_err *err)
{
    int64_t due = kp_round_due(state);
    bool sent = json_array_size(json_object_get(state, "sent")) != 0;
    if (!set_time(state, "told", due) || (sent && !set_time(state, "mailed", due)) ||
        json_object_set_new(state, "over", json_true()))
        kp_fail(err, KP_ENOMEM, "out of memory");
    else
        kp_round_write(s->store, STATE_KEY, state, err);
}

/* To one who has not got it yet. False: it failed, and is tried again. */
static bool send_to(struct kp_shield *s, struct mail *m, json_t *state, const struct reader *to,
                    struct kp_err *err)
{
    struct daily *d = s->daily;
    struct kp_err why = { 0 };
    char id[NAME];
    int64_t due = kp_round_due(state);
    if (make(s, m, time_in(state, "told", 0), due, to->dutch, err) || !m->told)
        return !err->code;
    snprintf(id, sizeof id, "security.%lld", (long long)(due / KP_SECOND));
    send(s, m, to, id, &why);
    if (why.code && stopping(d))
        return false;
    if (why.code)
        kp_warn("shield", "the daily mail could not be sent, tried again", "to=%s why=%s",
                kp_log_quote(to->to), kp_log_quote(why.text));
    kp_round_note(s->store, STATE_KEY, state, to->to, why.code ? &why : NULL, err);
    return !why.code && !err->code;
}

static void send_round(struct kp_shield *s, json_t *state, const struct readers *r, struct kp_err *err)
{
    struct daily *d = s->daily;
    struct mail *m = kp_alloc(sizeof *m);
    bool good = m != NULL;
    if (!m)
        kp_fail(err, KP_ENOMEM, "out of memory");
    for (size_t i = 0; m && i < r->n && !err->code && !stopping(d); i++)
        if (!kp_round_was_sent(state, r->list[i].to))
            good &= send_to(s, m, state, &r->list[i], err);
    if (good && !err->code && !stopping(d)) {
        end_round(s, state, err);
        d->tries = 0;
    } else {
        d->again = kp_mono(s->clock) + (AGAIN << (d->tries < 5 ? d->tries++ : 5));
    }
    free_mail(m);
}

static void turn(struct kp_shield *s)
{
    struct daily *d = s->daily;
    struct shield_settings set;
    struct kp_err err = { 0 };
    struct readers *r = kp_alloc(sizeof *r);
    json_t *state = NULL;
    if (r && !read_all(s, &set, r, &err) && set.mail.on && r->n && d->alarms && kp_mono(s->clock) >= d->again) {
        int64_t due = kp_backup_last_due(set.mail.at, kp_utc(s->clock));
        state = kp_round_read(s->store, STATE_KEY, &err);
        if (state && kp_round_due(state) != due)
            state = begin_round(s, state, due, &err);
        if (state && !err.code && !json_is_true(json_object_get(state, "over")))
            send_round(s, state, r, &err);
    }
    if (r)
        shield_settings_free(&set);
    if (err.code && err.code != KP_ESTOPPED)
        kp_warn("shield", "the daily mail was not made, tried again", "why=%s", kp_log_quote(err.text));
    json_decref(state);
    kp_free(r);
}

/* ---- life ---- */
static int64_t look(void *arg)
{
    turn(arg);
    return WAIT;
}

struct daily *daily_new(void)
{
    return kp_alloc(sizeof(struct daily));
}

void daily_free(struct daily *d)
{
    kp_free(d);
}

enum kp_code daily_start(struct kp_shield *s, struct kp_rota *rota, struct kp_err *err)
{
    atomic_store(&s->daily->stopping, false);
    s->daily->duty = (struct kp_duty){ .turn = look, .arg = s };
    return kp_duty_begin(&s->daily->duty, rota, 0, err);
}

void daily_stop(struct kp_shield *s)
{
    atomic_store(&s->daily->stopping, true);
    kp_duty_end(&s->daily->duty);
}

/* ---- for people ---- */
static int64_t next_due(const struct shield_mail *m, int64_t now)
{
    struct tm tm;
    kp_time_local(now, &tm);
    tm.tm_hour = m->at / 60;
    tm.tm_min = m->at % 60;
    tm.tm_sec = 0;
    tm.tm_isdst = -1;
    struct tm tomorrow = tm;
    tomorrow.tm_mday++;
    int64_t at = (int64_t)mktime(&tm) * KP_SECOND;
    return at > now ? at : (int64_t)mktime(&tomorrow) * KP_SECOND;
}

enum kp_code kp_daily_show(struct kp_shield *s, struct kp_json *j, struct kp_err *err)
{
    struct shield_settings set = { 0 };
    struct readers *r = kp_alloc(sizeof *r);
    json_t *state = r ? kp_round_read(s->store, STATE_KEY, err) : NULL;
    if (!r)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    if (state && !read_all(s, &set, r, err)) {
        char at[16];
        snprintf(at, sizeof at, "%02d:%02d", set.mail.at / 60, set.mail.at % 60);
        kp_json_begin(j, '{');
        kp_json_put_bool(j, "on", set.mail.on);
        kp_json_put_text(j, "at", at);
        kp_json_key(j, "to");
        kp_json_begin(j, '[');
        for (size_t i = 0; i < set.mail.n; i++)
            kp_json_text(j, set.mail.to[i]);
        kp_json_end(j, ']');
        kp_json_put_text(j, "language", set.mail.dutch ? "nl" : "en");
        kp_json_put_int(j, "reaches", (int64_t)r->n);
        kp_json_put_time(j, "next", set.mail.on && r->n ? next_due(&set.mail, kp_utc(s->clock)) : KP_NO_TIME);
        kp_round_json(j, state, time_in(state, "mailed", KP_NO_TIME));
        kp_json_end(j, '}');
    }
    shield_settings_free(&set);
    json_decref(state);
    kp_free(r);
    return err->code;
}

enum kp_code kp_daily_put(struct kp_shield *s, const json_t *body, struct kp_err *err)
{
    if (!shield_settings_part(s, "mail", body, NULL, err))
        kp_duty_hurry(&s->daily->duty);
    return err->code;
}

enum kp_code kp_daily_send(struct kp_shield *s, size_t *sent, bool *empty, struct kp_err *err)
{
    struct shield_settings set = { 0 };
    struct readers *r = kp_alloc(sizeof *r);
    struct mail *m = kp_alloc(sizeof *m);
    json_t *state = r && m ? kp_round_read(s->store, STATE_KEY, err) : NULL;
    *sent = 0;
    *empty = false;
    if (!r || !m)
        kp_fail(err, KP_ENOMEM, "out of memory");
    else if (state && !read_all(s, &set, r, err) && !r->n)
        kp_fail(err, KP_EINVALID, "nobody is reached by mail: the plan of delivery needs a mail server, and people or addresses");
    for (size_t i = 0; !err->code && i < r->n && !*empty; i++) {
        if (make(s, m, time_in(state, "told", 0), kp_utc(s->clock), r->list[i].dutch, err))
            break;
        *empty = !m->told;
        if (m->told)
            *sent += !send(s, m, &r->list[i], NULL, err);
    }
    shield_settings_free(&set);
    json_decref(state);
    free_mail(m);
    kp_free(r);
    return err->code;
}
