/* SPDX-License-Identifier: Apache-2.0 */
#include "couplings/mtconnect/mtconnect_private.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { KEY_MAX = MTC_ID_MAX + MTC_PROGRAM_NAME + 2 };

static bool is_plain_event(const struct kp_mtc_item *i, const char *type)
{
    return i->category == KP_MTC_EVENT && strcmp(i->type, type) == 0 &&
           (!i->representation || strcmp(i->representation, "VALUE") == 0) &&
           strlen(i->id) < MTC_ID_MAX;
}

bool kp_mtc_is_program(const struct kp_mtc_item *i)
{
    return is_plain_event(i, "PROGRAM") &&
           (!i->sub_type || strcmp(i->sub_type, "ACTIVE") == 0 || strcmp(i->sub_type, "MAIN") == 0);
}

bool kp_mtc_is_execution(const struct kp_mtc_item *i)
{
    return is_plain_event(i, "EXECUTION");
}

/* Of the same component, else the first of the same device. */
static const struct mtc_item *execution_of(const struct mtconnect *m,
                                           const struct mtc_item *program)
{
    const struct mtc_item *found = NULL;
    for (size_t i = 0; i < m->n; i++) {
        const struct mtc_item *e = &m->items[i];
        if (!kp_mtc_is_execution(&e->said) || e->said.device != program->said.device)
            continue;
        if (strcmp(e->asset, program->asset) == 0)
            return e;
        if (!found)
            found = e;
    }
    return found;
}

/* One component has one program at a time: of ACTIVE and MAIN the first counts. */
static bool has_another(const struct mtconnect *m, const struct mtc_programs *p,
                        const struct mtc_item *program)
{
    for (size_t i = 0; i < p->n; i++) {
        const struct mtc_item *other = kp_mtc_find(m, p->list[i].item);
        if (other && strcmp(other->asset, program->asset) == 0)
            return true;
    }
    return false;
}

void kp_mtc_programs_find(struct mtconnect *m)
{
    struct mtc_programs now = { 0 };
    for (size_t i = 0; i < m->n && now.n < MTC_PROGRAMS_MAX; i++) {
        const struct mtc_item *it = &m->items[i];
        if (!kp_mtc_is_program(&it->said) || has_another(m, &now, it))
            continue;
        const struct mtc_item *execution = execution_of(m, it);
        struct mtc_program *one = &now.list[now.n++];
        for (size_t k = 0; k < m->programs.n; k++)
            if (strcmp(m->programs.list[k].item, it->said.id) == 0)
                *one = m->programs.list[k];
        snprintf(one->item, sizeof one->item, "%s", it->said.id);
        snprintf(one->execution, sizeof one->execution, "%s", execution ? execution->said.id : "");
        one->executing = one->executing || !execution;
    }
    m->programs = now;
}

void kp_mtc_programs_forget(struct mtconnect *m)
{
    for (size_t i = 0; i < m->programs.n; i++) {
        struct mtc_program *p = &m->programs.list[i];
        p->open = false;
        p->name[0] = 0;
        p->executing = !*p->execution;
    }
}

static void make_key(char key[KEY_MAX], const struct mtc_program *p)
{
    snprintf(key, KEY_MAX, "%s %s", p->item, p->name);
}

/* Opens or ends the interval, as the program runs or not. */
static enum kp_code tell(struct mtconnect *m, struct mtc_program *p, bool running, int64_t at,
                         struct kp_err *err)
{
    char key[KEY_MAX];
    struct kp_buf text;
    const struct mtc_item *item = kp_mtc_find(m, p->item);
    if (p->open == running || !item)
        return KP_OK;
    struct kp_json j = kp_json(&text);
    make_key(key, p);
    kp_buf_init(&text, 8 * MTC_PROGRAM_NAME);
    kp_json_put_text(&j, "name", p->name);
    struct kp_lasting lasting = { .path = item->asset,
                                  .key = key,
                                  .kind = KP_INTERVAL_PROGRAM,
                                  .start = at,
                                  .end = running ? KP_FOREVER : at,
                                  .attributes = kp_buf_text(&text) };
    p->open = running;
    if (text.failed)
        kp_fail(err, KP_ENOMEM, "out of memory");
    else
        kp_coupling_interval(m->c, &lasting, err);
    kp_buf_free(&text);
    return err->code;
}

/* A program that is held or waits goes on; one that was stopped, or is ready, does not run. */
static bool executes(const char *word)
{
    static const char *const words[] = { "ACTIVE",         "INTERRUPTED",   "FEED_HOLD",
                                         "WAIT",           "OPTIONAL_STOP", "PROGRAM_OPTIONAL_STOP",
                                         "PROGRAM_STOPPED" };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(word, words[i]) == 0)
            return true;
    return false;
}

enum kp_code kp_mtc_program_event(struct mtconnect *m, const struct mtc_event *e,
                                  struct kp_err *err)
{
    for (size_t i = 0; i < m->programs.n && !err->code; i++) {
        struct mtc_program *p = &m->programs.list[i];
        char name[MTC_PROGRAM_NAME];
        if (strcmp(p->execution, e->item->said.id) == 0) {
            p->executing = executes(e->said.text);
        } else if (strcmp(p->item, e->item->said.id) == 0) {
            kp_utf8_clean(name, sizeof name, e->said.text, strlen(e->said.text));
            if (strcmp(name, p->name) != 0 && tell(m, p, false, e->at, err))
                break;
            memcpy(p->name, name, sizeof name);
        } else {
            continue;
        }
        p->at = e->at;
        bool named = *p->name && strcmp(p->name, KP_MTC_UNAVAILABLE) != 0;
        tell(m, p, named && p->executing, e->at, err);
    }
    return err->code;
}

enum kp_code kp_mtc_programs_settle(struct mtconnect *m, int64_t at, struct kp_err *err)
{
    char keys[MTC_PROGRAMS_MAX][KEY_MAX];
    const char *keep[MTC_PROGRAMS_MAX];
    size_t n = 0;
    for (size_t i = 0; i < m->programs.n && !err->code; i++) {
        struct mtc_program *p = &m->programs.list[i];
        const struct mtc_item *item = kp_mtc_find(m, p->item);
        make_key(keys[n], p);
        if (p->open) {
            keep[n] = keys[n];
            n++;
        } else if (item && *p->name) { /* the agent knows when it ended, if it was the last one */
            kp_coupling_interval(m->c,
                                 &(struct kp_lasting){ .path = item->asset,
                                                       .key = keys[n],
                                                       .kind = KP_INTERVAL_PROGRAM,
                                                       .start = p->at,
                                                       .end = p->at },
                                 err);
        }
    }
    if (err->code)
        return err->code;
    return kp_coupling_intervals_end(m->c, KP_INTERVAL_PROGRAM, keep, n, at, err);
}
