/* SPDX-License-Identifier: Apache-2.0 */
/* Findings as people see them: a list, and an advisory with all that was said of it. */
#include "shield/finding_show.h"

#include "net/json_memory.h"

#include <string.h>

#include "core/ban.h"

enum { REFERENCES_MAX = 100 };

static void put_members(struct kp_json *j, const char *holes)
{
    json_t *o = kp_json_load(holes, strlen(holes), 0, NULL);
    static const char *const keys[] = { "vulnerabilities", "do" };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        char *text = kp_json_dump(json_object_get(o, keys[i]), JSON_COMPACT);
        kp_json_key(j, keys[i]);
        kp_json_raw(j, text && *text ? text : "[]");
        kp_free(text);
    }
    json_decref(o);
}

void put_finding_line(struct kp_json *j, const struct line *l)
{
    kp_json_begin(j, '{');
    kp_json_put_text(j, "advisory", l->advisory);
    kp_json_put_text(j, "title", l->title);
    kp_json_put_int(j, "device", l->device);
    kp_json_put_text(j, "name", l->name);
    kp_json_put_text(j, "firmware", l->firmware);
    kp_json_put_text(j, "verdict", kp_verdict_word((enum kp_verdict_of)(l->verdict % 3)));
    kp_json_key(j, "score");
    l->score < 0 ? kp_json_null(j) : kp_json_double(j, l->score);
    put_urgency(j, &l->urgency);
    kp_json_key(j, "evidence");
    kp_json_begin(j, '{');
    kp_json_put_text(j, "product", l->product);
    kp_json_put_text(j, "rule", l->rule);
    kp_json_put_text(j, "version", l->why);
    kp_json_end(j, '}');
    put_members(j, l->holes);
    kp_json_put_text(j, "answer", l->answer);
    kp_json_put_text(j, "comment", l->comment);
    kp_json_put_text(j, "who", l->who);
    kp_json_put_time(j, "answered", l->answered ? l->answered : KP_NO_TIME);
    kp_json_put_time(j, "since", l->made);
    kp_json_put_time(j, "closed", l->closed ? l->closed : KP_NO_TIME);
    kp_json_put_text(j, "closedWhy", l->closed_why);
    kp_json_put_text(j, "url", *l->url ? l->url : NULL);
    kp_json_end(j, '}');
}

static void put_lines(struct showing *w, size_t from, size_t n, struct kp_json *j)
{
    kp_json_key(j, "findings");
    kp_json_begin(j, '[');
    for (size_t i = from; i < w->n && i - from < n; i++)
        put_finding_line(j, &w->lines[i]);
    kp_json_end(j, ']');
}

static enum kp_code put_list(struct showing *w, struct kp_json *j, struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(
        w->db, "select (select count(*) from device), (select count(*) from advisory)", err);
    kp_json_begin(j, '{');
    put_lines(w, (size_t)w->q.skip, (size_t)w->q.limit, j);
    kp_json_put_int(j, "total", (int64_t)w->n);
    if (s && kp_step(s, err)) {
        kp_json_put_int(j, "devices", kp_column_int(s, 0));
        kp_json_put_int(j, "advisories", kp_column_int(s, 1));
        kp_reset(s);
    }
    kp_json_end(j, '}');
    return err->code;
}

/* What was said of it, the newest first, of devices that may be told. */
static enum kp_code put_answers(struct showing *w, const char *id, struct kp_json *j,
                                struct kp_err *err)
{
    struct kp_stmt *s = kp_db_prepare(w->db,
                                      "select h.device, h.at, h.answer, h.comment, h.who from"
                                      " finding_answer h join device d on d.id = h.device"
                                      " where h.advisory = ? order by h.id desc limit 500",
                                      err);
    kp_json_key(j, "answers");
    kp_json_begin(j, '[');
    if (s)
        kp_bind_text(s, 1, id);
    while (s && kp_step(s, err)) {
        if (showing_device(w, kp_column_int(s, 0), err) || !w->may)
            continue;
        kp_json_begin(j, '{');
        kp_json_put_int(j, "device", w->row->id);
        kp_json_put_text(j, "name", w->row->name);
        kp_json_put_time(j, "at", kp_column_int(s, 1));
        kp_json_put_text(j, "answer", kp_column_text(s, 2));
        kp_json_put_text(j, "comment", kp_column_text(s, 3));
        kp_json_put_text(j, "who", kp_column_text(s, 4));
        kp_json_end(j, '}');
    }
    kp_json_end(j, ']');
    return err->code;
}

/* A link that a person may follow: what is not of the web names no place in it. */
static bool is_web(const char *url)
{
    bool web = url && (strncmp(url, "https://", 8) == 0 || strncmp(url, "http://", 7) == 0);
    for (const char *p = url; web && *p; p++)
        web = (unsigned char)*p > ' ' && *p != 0x7f;
    return web;
}

/* What the document points to (CSAF 2.0, 3.2.1.10), as it stands there. */
static void put_references(struct kp_json *j, const char *text)
{
    json_t *list = kp_json_load(text, strlen(text), 0, NULL), *one;
    size_t i;
    kp_json_key(j, "references");
    kp_json_begin(j, '[');
    json_array_foreach(list, i, one)
    {
        const char *url = json_string_value(json_object_get(one, "url")),
                   *category = json_string_value(json_object_get(one, "category"));
        if (i == REFERENCES_MAX)
            break;
        kp_json_begin(j, '{');
        kp_json_put_text(j, "category", category ? category : "external"); /* as the standard has it */
        kp_json_put_text(j, "summary", json_string_value(json_object_get(one, "summary")));
        kp_json_put_text(j, "url", is_web(url) ? url : NULL);
        kp_json_end(j, '}');
    }
    kp_json_end(j, ']');
    json_decref(list);
}

static enum kp_code put_advisory(struct showing *w, struct kp_json *j, struct kp_err *err)
{
    static const char *const keys[] = { "id",      "publisher", "title", "version",
                                        "changed", "url",       "tlp" };
    struct kp_stmt *s = kp_db_prepare(
        w->db,
        "select id, publisher, title, version, changed, url, tlp,"
        " coalesce(json_extract(extract, '$.document.references'), '[]') from advisory a"
        " where id = ?1" UNMARKED("?2"),
        err);
    if (!s)
        return err->code;
    kp_bind_text(s, 1, w->q.advisory);
    kp_bind_int(s, 2, w->to >= KP_TO_COMPANY);
    if (!kp_step(s, err))
        return err->code ? err->code
                         : kp_fail(err, KP_ENOTFOUND, "there is no advisory '%.60s'", w->q.advisory);
    kp_json_begin(j, '{');
    for (int i = 0; i < 7; i++)
        kp_json_put_text(j, keys[i], kp_column_text(s, i));
    put_references(j, kp_column_text(s, 7) ? kp_column_text(s, 7) : "[]");
    kp_reset(s);
    put_lines(w, 0, w->n, j);
    put_answers(w, w->q.advisory, j, err);
    kp_json_end(j, '}');
    return err->code;
}

static enum kp_code show(struct kp_shield *s, enum kp_recipient to,
                         const struct kp_finding_query *q, struct kp_json *j, struct kp_err *err)
{
    struct showing w = { .s = s, .to = to, .q = *q };
    w.db = kp_store_reader(s->store, err);
    if (w.db && !showing_read(&w, err))
        q->advisory ? put_advisory(&w, j, err) : put_list(&w, j, err);
    kp_store_reader_done(s->store, w.db);
    showing_free(&w);
    return err->code;
}

enum kp_code kp_shield_findings(struct kp_shield *s, enum kp_recipient to,
                                const struct kp_finding_query *q, struct kp_json *j,
                                struct kp_err *err)
{
    return show(s, to, q, j, err);
}

enum kp_code kp_shield_advisory(struct kp_shield *s, enum kp_recipient to, const char *id,
                                struct kp_json *j, struct kp_err *err)
{
    const struct kp_finding_query q = { .advisory = id };
    return show(s, to, &q, j, err);
}
