/* SPDX-License-Identifier: Apache-2.0 */
#include "core/state_rule.h"

#include "core/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/ban.h"

enum { CLAUSES_MAX = 32, TEXT_MAX = 2000, WORD_MAX = 128 };

/* OPC 40001-1 (MachineryItemState), OPC 40501, MTConnect Execution, PackML, and what controls and
 * integrators write in English, Dutch and German. */
static const char known_words[] =
    "running=executing,active,running,run,execute,processing,producing,in cycle,incycle,cycle,"
    "automatic running,started,start,busy,working,machining,draait,in bedrijf,bezig,läuft,laufend;"
    "setup=setup,set up,setting up,manual,jog,teach,insteldraaien,instellen,einrichten;"
    "maintenance=maintenance,outofservice,out of service,service,onderhoud,wartung;"
    "stopped=stopped,stop,stopping,interrupted,feed_hold,feed hold,hold,held,holding,suspended,"
    "program_stopped,optional_stop,aborted,aborting,cancelled,error,fault,faulted,failed,alarm,"
    "emergency,emergency stop,estop,e-stop,halted,gestopt,storing,noodstop,gestoppt,störung;"
    "idle=idle,notexecuting,not executing,ready,standby,stand-by,waiting,wait,starved,blocked,"
    "complete,completed,program_completed,finished,ended,reset,initializing,initialized,stil,"
    "gereed,wacht,bereit,wartend;"
    "off=off,offline,power off,uit,aus";

enum comparing { ALWAYS, WORDS, AT_LEAST, ABOVE, AT_MOST, BELOW };
struct clause {
    enum kp_state state;
    enum comparing how;
    double limit, stays; /* stays: while it is in that state already */
    const char *words; /* parted by commas */
};
struct kp_state_rule {
    struct clause list[CLAUSES_MAX];
    size_t n;
    int64_t hold;
    bool learns;
    char text[]; /* what `words` point into */
};

static const char *const names[] = { "unknown", "running", "setup", "maintenance",
                                     "stopped", "idle",    "off",   NULL };

const char *kp_state_name(unsigned state)
{
    return state < KP_STATES ? names[state] : "?";
}

/* ---- reading ---- */
static char *trimmed(char *text)
{
    text += strspn(text, " \t\r\n");
    size_t n = strlen(text);
    while (n && strchr(" \t\r\n", text[n - 1]))
        text[--n] = 0;
    return text;
}

static enum kp_code take_state(struct clause *c, const char *name, struct kp_err *err)
{
    for (unsigned i = KP_STATE_RUNNING; i < KP_STATES; i++)
        if (strcasecmp(names[i], name) == 0) {
            c->state = i;
            return KP_OK;
        }
    const char *near = kp_nearest(name, names + 1);
    return kp_fail(err, KP_EPARSE,
                   near ? "'%.60s' is no state, did you mean '%s'?"
                        : "'%.60s' is no state; known are running, idle, stopped, setup, maintenance"
                          " and off",
                   name, near);
}

/* "1500" or "1500,1200": from where on a state begins, and how far it lasts. */
static enum kp_code take_limits(struct clause *c, struct kp_err *err)
{
    char *end, *second = NULL;
    c->limit = c->stays = strtod(c->words, &end);
    if (end != c->words && *end == ',') {
        const char *words = end + 1;
        c->stays = strtod(words, &second);
        end = second == words ? end : second;
    }
    if (end == c->words || *end)
        return kp_fail(err, KP_EPARSE, "'%.60s' is not a number", c->words);
    bool more = c->how == AT_LEAST || c->how == ABOVE;
    if (more ? c->stays > c->limit : c->stays < c->limit)
        return kp_fail(err, KP_EPARSE, "'%.60s': the second limit is where it ends, so it is not %s the first", c->words,
                       more ? "above" : "below");
    return KP_OK;
}

static enum kp_code take_clause(struct kp_state_rule *r, char *text, struct kp_err *err)
{
    struct clause c = { 0 };
    char *op = strpbrk(text, "=<>");
    if (strcasecmp(text, "learn") == 0) {
        r->learns = true;
        return KP_OK;
    }
    if (strncasecmp(text, "hold ", 5) == 0) {
        if (kp_duration_parse(trimmed(text + 5), &r->hold) && r->hold >= 0 &&
            r->hold <= 3600 * KP_SECOND)
            return KP_OK;
        return kp_fail(err, KP_EPARSE, "'%.60s' is not such as hold 10s, up to an hour", text);
    }
    if (r->n == CLAUSES_MAX)
        return kp_fail(err, KP_EFULL, "more than %d clauses", CLAUSES_MAX);
    if (op) {
        bool equal = op[1] == '=', more = *op == '>';
        c.how = *op == '=' ? WORDS : more ? (equal ? AT_LEAST : ABOVE) : (equal ? AT_MOST : BELOW);
        c.words = trimmed(op + 1 + (*op != '=' && equal));
        *op = 0;
    }
    if (take_state(&c, trimmed(text), err))
        return err->code;
    if (c.how >= AT_LEAST) {
        if (take_limits(&c, err))
            return err->code;
    } else if (c.how == WORDS && !*c.words) {
        return kp_fail(err, KP_EPARSE, "'%s=' needs a word or number behind it",
                       kp_state_name(c.state));
    }
    r->list[r->n++] = c;
    return KP_OK;
}

static enum kp_code take_clauses(struct kp_state_rule *r, struct kp_err *err)
{
    for (char *p = r->text, *next; p; p = next) {
        next = strchr(p, ';');
        if (next)
            *next++ = 0;
        char *clause = trimmed(p);
        if (*clause && take_clause(r, clause, err))
            return err->code;
    }
    return r->n || r->learns ? KP_OK : kp_fail(err, KP_EPARSE, "a rule of states needs a clause such as running=3");
}

struct kp_state_rule *kp_state_rule_new(const char *text, struct kp_err *err)
{
    struct kp_err local = { 0 };
    if (!text || !*text)
        text = known_words;
    size_t n = strlen(text);
    struct kp_state_rule *r = n <= TEXT_MAX ? kp_alloc(sizeof *r + n + 1) : NULL;
    if (!r) {
        kp_fail(err, n > TEXT_MAX ? KP_EFULL : KP_ENOMEM,
                n > TEXT_MAX ? "a rule of states has at most %d bytes" : "out of memory", TEXT_MAX);
        return NULL;
    }
    memcpy(r->text, text, n + 1);
    if (!take_clauses(r, &local))
        return r;
    kp_fail(err, local.code, "%s", local.text);
    kp_free(r);
    return NULL;
}

void kp_state_rule_free(struct kp_state_rule *r)
{
    kp_free(r);
}

int64_t kp_state_rule_hold(const struct kp_state_rule *r)
{
    return r->hold;
}

bool kp_state_rule_learns(const struct kp_state_rule *r)
{
    return r->learns;
}

bool kp_state_text_learns(const char *text)
{
    struct kp_state_rule *r = text ? kp_state_rule_new(text, NULL) : NULL;
    bool learns = r && r->learns;
    kp_state_rule_free(r);
    return learns;
}

enum kp_code kp_state_rule_check(const char *text, struct kp_err *err)
{
    struct kp_state_rule *r = kp_state_rule_new(text, err);
    kp_state_rule_free(r);
    return r ? KP_OK : err->code;
}

/* ---- applying ---- */
/* The text of a number in {"0":"off","1":"on"}; texts there are written by us, escapes are no words
 * of a rule. */
static bool enum_text(const char *enums, int64_t number, char out[WORD_MAX])
{
    char key[32];
    snprintf(key, sizeof key, "\"%" PRId64 "\":\"", number);
    const char *p = enums ? strstr(enums, key) : NULL;
    if (!p)
        return false;
    p += strlen(key);
    snprintf(out, WORD_MAX, "%.*s", (int)strcspn(p, "\""), p);
    return true;
}

static bool among(const char *words, const char *word)
{
    size_t n = strlen(word);
    for (const char *p = words; *p;) {
        p += strspn(p, " ,");
        size_t len = strcspn(p, ","), cut = len;
        while (cut && p[cut - 1] == ' ')
            cut--;
        if (cut == n && n && strncasecmp(p, word, n) == 0)
            return true;
        p += len;
    }
    return false;
}

static bool holds(const struct clause *c, const char *word, const char *text, bool is_number,
                  double number, enum kp_state before)
{
    double limit = before == c->state ? c->stays : c->limit;
    switch (c->how) {
    case ALWAYS:
        return true;
    case WORDS:
        return among(c->words, word) || (*text && among(c->words, text));
    case AT_LEAST:
        return is_number && number >= limit;
    case ABOVE:
        return is_number && number > limit;
    case AT_MOST:
        return is_number && number <= limit;
    case BELOW:
        return is_number && number < limit;
    }
    return false;
}

enum kp_state kp_state_rule_apply(const struct kp_state_rule *r, const struct kp_value *v,
                                  uint32_t status, const char *enums, enum kp_state before)
{
    char word[WORD_MAX], text[WORD_MAX] = "";
    double number = 0;
    if (v->type == KP_NULL || v->type & KP_ARRAY || kp_status_severity(status) >= 2)
        return KP_STATE_UNKNOWN;
    bool is_number = kp_value_number(v, &number);
    kp_value_print(v, word, sizeof word);
    if (v->type == KP_INT64 || v->type == KP_UINT64)
        enum_text(enums, v->i, text);
    for (size_t i = 0; i < r->n; i++)
        if (holds(&r->list[i], word, text, is_number, number, before))
            return r->list[i].state;
    return KP_STATE_UNKNOWN;
}

bool kp_tells_state(const char *role, const char *rule)
{
    return rule || (role && strcmp(role, "state") == 0);
}
