/* SPDX-License-Identifier: Apache-2.0 */
/* What a watch would have said: a post of its own, fed with history. */
#include "watch/past.h"
#include "watch/watches_private.h"

#include <string.h>

#include "core/ban.h"

enum { ASK_EVERY = 4096 };

struct found { /* one that stands */
    int64_t since;
    double score;
    char text[WATCH_TEXT];
};
struct looking {
    struct kp_watches *w;
    struct watched post; /* made up for the words */
    struct kp_json *j;
    unsigned findings;
    struct found found[KP_POST_FINDINGS];
    size_t alarms, steps;
    bool (*gone)(void *);
    void *arg;
    bool stopped;
};

static void put_alarm(struct looking *l, enum kp_post_finding f, int64_t until)
{
    const struct found *is = &l->found[f];
    if (l->alarms++ >= KP_LOOK_BACK_ALARMS)
        return;
    kp_json_begin(l->j, '{');
    kp_json_put_text(l->j, "finding", kp_post_finding_word(f));
    kp_json_put_time(l->j, "since", is->since);
    kp_json_put_time(l->j, "until", until);
    kp_json_key(l->j, "score");
    kp_json_double(l->j, is->score);
    kp_json_put_text(l->j, "text", *is->text ? is->text : NULL);
    kp_json_end(l->j, '}');
}

static void begin(struct looking *l, enum kp_post_finding f)
{
    struct kp_post_view v = kp_post_view(l->post.post);
    l->found[f] = (struct found){ .since = v.since[f], .score = v.score };
    kp_model_lock(l->w->model);
    watches_words(l->w, &l->post, &v, f, l->found[f].text);
    kp_model_unlock(l->w->model);
}

static bool look(void *arg, struct kp_post *post, int64_t at)
{
    struct looking *l = arg;
    unsigned now = kp_post_findings(post), changed = now ^ l->findings;
    for (unsigned f = 0; changed && f < KP_POST_FINDINGS; f++) {
        if (!(changed >> f & 1))
            continue;
        if (now >> f & 1)
            begin(l, f);
        else
            put_alarm(l, f, at);
    }
    l->findings = now;
    l->stopped = ++l->steps % ASK_EVERY == 0 && l->gone(l->arg);
    return !l->stopped;
}

static enum kp_code walk(struct looking *l, struct kp_past *past, struct kp_err *err)
{
    uint64_t values;
    int64_t last;
    kp_json_key(l->j, "alarms");
    kp_json_begin(l->j, '[');
    kp_past_walk(past, l->post.post, &values, &last, err);
    for (unsigned f = 0; f < KP_POST_FINDINGS; f++)
        if (l->findings >> f & 1)
            put_alarm(l, f, KP_NO_TIME);
    kp_json_end(l->j, ']');
    struct kp_post_view v = kp_post_view(l->post.post);
    kp_json_put_int(l->j, "values", (int64_t)values);
    kp_json_put_time(l->j, "learntAt", v.learnt_at);
    kp_json_put_bool(l->j, "more", l->alarms > KP_LOOK_BACK_ALARMS);
    return err->code;
}

/* Whether it may be told of; then what its machine has. */
static bool prepare(struct looking *l, enum kp_recipient to, const struct want *want, struct kp_past *past, char path[KP_PATH_MAX])
{
    struct machine m = { 0 };
    l->post = (struct watched){ .of = want->of, .subject = want->subject, .asset = want->asset, .post = l->post.post };
    kp_model_lock(l->w->model);
    bool may = watches_may_go(l->w->model, to, &l->post);
    if (may && want->machine)
        watches_machine_signals(l->w->model, want->machine, &m);
    if (may)
        watches_path(l->w->model, &l->post, path);
    kp_model_unlock(l->w->model);
    past->machine = want->machine;
    past->program_signal = m.program_signal;
    past->count_signal = m.count_signal;
    past->has_states = m.has_states;
    return may;
}

static enum kp_code look_at(struct looking *l, enum kp_recipient to, const struct want *want, struct kp_past *past, size_t *told,
                            struct kp_err *err)
{
    char path[KP_PATH_MAX];
    l->post.post = kp_post_new(&want->of->def, want->signal, want->n, err);
    if (l->post.post && prepare(l, to, want, past, path)) {
        if (++*told <= KP_LOOK_BACK_POSTS) {
            l->findings = 0;
            l->alarms = 0;
            kp_json_begin(l->j, '{');
            kp_json_put_text(l->j, "about", path);
            walk(l, past, err);
            kp_json_end(l->j, '}');
        }
    }
    kp_post_free(l->post.post);
    return err->code;
}

enum kp_code kp_watches_look_back(struct kp_watches *w, enum kp_recipient to, const struct kp_watch_def *def, int64_t from,
                                  int64_t until, bool (*gone)(void *), void *arg, struct kp_json *j, struct kp_err *err)
{
    const struct definition only = { .def = *def };
    struct wants wants = { 0 };
    struct looking *l = kp_alloc(sizeof *l);
    struct kp_db *db = l ? kp_store_reader(w->store, err) : NULL;
    size_t told = 0;
    wants_collect(w, &only, false, &wants);
    if (!l || wants.failed)
        kp_fail(err, KP_ENOMEM, "out of memory");
    kp_json_begin(j, '{');
    kp_json_key(j, "posts");
    kp_json_begin(j, '[');
    for (size_t i = 0; db && i < wants.n && !err->code && !l->stopped; i++) {
        struct kp_past past = { .reader = db, .model = w->model, .from = from, .to = until, .each = look, .arg = l };
        *l = (struct looking){ .w = w, .j = j, .gone = gone, .arg = arg };
        look_at(l, to, &wants.list[i], &past, &told, err);
    }
    kp_json_end(j, ']');
    kp_json_put_int(j, "left", told > KP_LOOK_BACK_POSTS ? (int64_t)(told - KP_LOOK_BACK_POSTS) : 0);
    kp_json_end(j, '}');
    if (db)
        kp_store_reader_done(w->store, db);
    wants_free(&wants);
    kp_free(l);
    return err->code;
}
