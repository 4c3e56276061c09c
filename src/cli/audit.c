/* SPDX-License-Identifier: Apache-2.0 */
/* audit: who did what. Reads the data file itself, so that it works when the node is stopped too.
 */
#include "cli/client.h"

#include "core/clock.h"
#include "core/json.h"
#include "core/text.h"
#include "store/audit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/ban.h"

enum { LISTED = 50, LINE = 64 << 10, LISTED_MAX = 256 << 20 };

static struct kp_db *open_file(struct kp_cli *c, struct kp_err *err)
{
    char file[1100];
    snprintf(file, sizeof file, "%s/factory.db", c->node);
    return kp_store_open_reader(file, err);
}

static bool read_filter(struct kp_cli *c, struct kp_audit_filter *f)
{
    int64_t now = kp_utc(&kp_clock_system);
    *f = (struct kp_audit_filter){ .from = KP_NO_TIME,
                                   .to = KP_NO_TIME,
                                   .user = kp_flag(c, "user"),
                                   .action = kp_flag(c, "action") };
    const char *from = kp_flag(c, "from"), *to = kp_flag(c, "to"), *after = kp_flag(c, "after");
    char *end = NULL;
    if (after)
        f->after = strtoll(after, &end, 10);
    return (!from || kp_read_time(c, from, now, &f->from)) &&
           (!to || kp_read_time(c, to, now, &f->to)) && (!end || !*end);
}

/* ---- list ---- */

struct listing {
    struct kp_cli *c;
    struct kp_table table;
    struct kp_buf line;
    struct kp_json json; /* into it */
    int64_t left;
};

static const char *text(const char *t)
{
    return t ? t : "";
}

static bool add_row(void *arg, const struct kp_audit *a)
{
    struct listing *l = arg;
    char id[24], at[64], who[KP_AUDIT_TEXT * 2];
    snprintf(id, sizeof id, "%lld", (long long)a->id);
    kp_local_time(a->at, kp_flag(l->c, "utc"), at, sizeof at);
    snprintf(who, sizeof who, "%s%s%s", text(a->user), a->from ? " " : "", text(a->from));
    kp_table_row(
        &l->table, 7,
        (const char *[]){ id, at, who, a->action, text(a->target), a->result, text(a->detail) });
    return --l->left > 0;
}

static bool add_json(void *arg, const struct kp_audit *a)
{
    struct listing *l = arg;
    kp_json_begin(&l->json, '{');
    kp_audit_json(&l->json, a);
    kp_json_end(&l->json, '}');
    return --l->left > 0;
}

static int list(struct kp_cli *c)
{
    static const char *const head[] = { "number", "when", "who", "did", "to", "result", "what" };
    struct kp_err err = { 0 };
    struct kp_audit_filter f;
    const char *limit = kp_flag(c, "limit");
    struct listing l = { .c = c, .left = limit ? strtoll(limit, NULL, 10) : LISTED };
    if (!read_filter(c, &f) || l.left < 1)
        return kp_complain(c, KP_MISUSE,
                           "--from and --to take a time such as -1d, --after and --limit a number");
    kp_buf_init(&l.line, LISTED_MAX);
    l.json = kp_json(&l.line);
    kp_json_begin(&l.json, '{');
    kp_json_key(&l.json, "entries");
    kp_json_begin(&l.json, '[');
    struct kp_db *db = open_file(c, &err);
    if (db)
        kp_audit_list(db, &f, c->json ? add_json : add_row, &l, &err);
    kp_store_close_reader(db);
    kp_json_end(&l.json, ']');
    kp_json_end(&l.json, '}');
    if (!c->json && (l.table.n || !err.code))
        kp_table_print(c, &l.table, head, "rllllll");
    else if (!err.code)
        puts(kp_buf_text(&l.line));
    kp_buf_free(&l.line);
    return err.code ? kp_fault(c, &err) : KP_DONE;
}

/* ---- export ---- */

static bool add_line(void *arg, const struct kp_audit *a)
{
    struct listing *l = arg;
    l->line.len = 0;
    l->json = kp_json(&l->line);
    l->left = INT64_MAX;
    add_json(l, a);
    puts(kp_buf_text(&l->line));
    return true;
}

static void syslog_value(struct kp_buf *out, const char *name, const char *value)
{
    if (!value)
        return;
    kp_buf_printf(out, " %s=\"", name);
    for (; *value; value++) {
        if (strchr("\"\\]", *value))
            kp_buf_str(out, "\\");
        kp_buf_printf(out, "%c", (unsigned char)*value < ' ' ? ' ' : *value);
    }
    kp_buf_str(out, "\"");
}

/* RFC 5424: facility 13 (log audit), notice, or warning for a refusal. */
static bool add_syslog(void *arg, const struct kp_audit *a)
{
    struct listing *l = arg;
    char at[KP_TIME_TEXT], host[256] = "", hash[2 * KP_AUDIT_HASH + 1];
    struct kp_buf *out = &l->line;
    gethostname(host, sizeof host - 1);
    kp_time_print(a->at / 1000 * 1000, at); /* no finer than microseconds there */
    kp_audit_hash_print(a->hash, hash);
    out->len = 0;
    kp_buf_printf(out, "<%d>1 %s %s koppel - audit [koppel@32473 id=\"%lld\"",
                  13 * 8 + (strcmp(a->result, "ok") == 0 ? 5 : 4), at, *host ? host : "-",
                  (long long)a->id);
    syslog_value(out, "user", a->user);
    syslog_value(out, "via", a->via);
    syslog_value(out, "from", a->from);
    syslog_value(out, "action", a->action);
    syslog_value(out, "target", a->target);
    syslog_value(out, "detail", a->detail);
    syslog_value(out, "result", a->result);
    syslog_value(out, "hash", hash);
    kp_buf_printf(out, "] %s %s", a->action, a->result);
    puts(kp_buf_text(out));
    return true;
}

static int export(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    struct kp_audit_filter f;
    struct listing l = { .c = c };
    if (!read_filter(c, &f) || kp_flag(c, "limit"))
        return kp_complain(
            c, KP_MISUSE,
            "--from and --to take a time such as -1d, --after a number; all of it is written");
    f.oldest_first = true;
    kp_buf_init(&l.line, LINE);
    struct kp_db *db = open_file(c, &err);
    if (db)
        kp_audit_list(db, &f, kp_flag(c, "syslog") ? add_syslog : add_line, &l, &err);
    kp_store_close_reader(db);
    kp_buf_free(&l.line);
    return err.code ? kp_fault(c, &err) : KP_DONE;
}

/* ---- verify ---- */

static void print_json(const struct kp_audit_verdict *v)
{
    struct kp_buf out;
    kp_buf_init(&out, LINE);
    struct kp_json j = kp_json(&out);
    kp_audit_verdict_json(&j, v);
    puts(kp_buf_text(&out));
    kp_buf_free(&out);
}

static void print_verdict(const struct kp_audit_verdict *v)
{
    char hash[2 * KP_AUDIT_HASH + 1];
    kp_audit_hash_print(v->hash, hash);
    if (v->broken) {
        printf("the log is not as it was: row %lld: %s\n", (long long)v->broken, v->why);
        return;
    }
    printf("whole: %lld entries, numbers %lld to %lld\nlast hash %s%s\n", (long long)v->entries,
           (long long)v->first, (long long)v->last, hash,
           v->sealed ? ""
                     : "\n(its end could not be checked: the node.key of this node is not here)");
    printf("note the last number and hash elsewhere: whoever has node.key could write the whole "
           "log anew\n");
}

static int verify(struct kp_cli *c)
{
    struct kp_err err = { 0 };
    struct kp_audit_verdict v;
    if (kp_audit_verify_file(c->node, &v, &err))
        return kp_fault(c, &err);
    if (c->json)
        print_json(&v);
    else
        print_verdict(&v);
    return v.broken ? KP_FAILED : KP_DONE;
}

int kp_verb_audit(struct kp_cli *c)
{
    const char *word = c->argc ? c->argv[0] : "list";
    if (kp_flag(c, "partner"))
        return kp_exits(c);
    bool exports = strcmp(word, "export") == 0;
    if ((kp_flag(c, "syslog") || kp_flag(c, "jsonl")) && !exports)
        return kp_complain(c, KP_MISUSE, "--jsonl and --syslog go with export");
    if (strcmp(word, "list") == 0)
        return list(c);
    if (strcmp(word, "verify") == 0)
        return verify(c);
    return exports ? export(c) : kp_complain(c, KP_MISUSE, "it takes: list, verify or export");
}
