/* SPDX-License-Identifier: Apache-2.0 */
#include "couplings/file/file_private.h"

#include "core/text.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "core/ban.h"

#define LEAST (200 * KP_MILLISECOND) /* between two looks, however much is written */
enum { STEP_MS = 1000, PIECES = 16 };

static const struct kp_option options[] = {
    { .name = "format",
      .help = "what the files hold: csv, lines (line protocol), jsonl (an object per line), plain "
              "(path value time)",
      .type = KP_OPT_CHOICE,
      .offset = offsetof(struct kp_file_settings, format),
      .standard = "csv",
      .choices = "csv,lines,jsonl,plain" },
    { .name = "column",
      .help = "csv, jsonl: the column of the times (default: the one called time, timestamp, datum "
              "...)",
      .type = KP_OPT_TEXT,
      .offset = offsetof(struct kp_file_settings, column) },
    { .name = "timezone",
      .help = "of times that do not say: utc, local (of this computer) or as +01:00",
      .type = KP_OPT_TEXT,
      .offset = offsetof(struct kp_file_settings, timezone),
      .standard = "utc" },
    { .name = "path",
      .help = "lines: how paths are made (default: {measurement}/{tags}/{field})",
      .type = KP_OPT_TEXT,
      .offset = offsetof(struct kp_file_settings, path) },
    { .name = "after",
      .help = "when a file is read: keep, delete, or move it to done/ or failed/",
      .type = KP_OPT_CHOICE,
      .offset = offsetof(struct kp_file_settings, after),
      .standard = "keep",
      .choices = "keep,delete,move" },
    { .name = "poll",
      .help = "how often the folder is looked at where it tells nothing itself, as network shares",
      .type = KP_OPT_DURATION,
      .offset = offsetof(struct kp_file_settings, poll),
      .standard = "5s",
      .min = KP_SECOND / 5,
      .max = 3600 * KP_SECOND },
    { .name = "quiet",
      .help = "a file that has not changed for so long is whole",
      .type = KP_OPT_DURATION,
      .offset = offsetof(struct kp_file_settings, quiet),
      .standard = "10s",
      .min = KP_SECOND / 5,
      .max = 86400 * KP_SECOND },
    { 0 },
};

/* "+01:00" */
static bool read_zone(const char *text, struct kp_import_options *o)
{
    char word[40];
    int64_t at;
    o->local = strcmp(text, "local") == 0;
    if (o->local || strcmp(text, "utc") == 0)
        return true;
    snprintf(word, sizeof word, "1970-01-02T00:00:00%.10s", text);
    if ((*text != '+' && *text != '-') || !kp_time_parse(word, &at))
        return false;
    o->zone = 86400 * KP_SECOND - at;
    return true;
}

static enum kp_code check(const char *url, const void *settings, struct kp_err *err)
{
    const struct kp_file_settings *set = settings;
    char dir[KP_PATH_MAX], pattern[KP_NAME_MAX];
    if (kp_file_where(url, dir, pattern, err))
        return err->code;
    return read_zone(set->timezone, &(struct kp_import_options){ 0 })
               ? KP_OK
               : kp_fail(err, KP_EINVALID,
                         "timezone: '%.40s' is none of utc, local and an offset such as +01:00",
                         set->timezone);
}

static void read_options(const struct kp_file_settings *set, struct kp_import_options *o)
{
    static const struct {
        const char *name;
        enum kp_import_format format;
    } formats[] = { { "csv", KP_IMPORT_CSV },
                    { "lines", KP_IMPORT_LINES },
                    { "jsonl", KP_IMPORT_JSONL },
                    { "plain", KP_IMPORT_PLAIN } };
    *o = (struct kp_import_options){ .column = set->column && *set->column ? set->column : NULL,
                                     .path = set->path && *set->path ? set->path : NULL };
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
        if (strcmp(formats[i].name, set->format) == 0)
            o->format = formats[i].format;
    read_zone(set->timezone, o);
}

static enum kp_code open_folder(struct kp_coupling *c, struct kp_err *err)
{
    struct kp_file_state *s = kp_coupling_state(c);
    s->folder = s->notify = -1;
    s->opened = true;
    if (kp_file_where(kp_coupling_url(c), s->dir, s->pattern, err))
        return err->code;
    read_options(kp_coupling_settings(c), &s->options);
    s->folder = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->folder < 0)
        return kp_fail(err, KP_EPEER, "%.200s cannot be opened: %s", s->dir, strerror(errno));
    s->notify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (s->notify >= 0 &&
        inotify_add_watch(s->notify, s->dir,
                          IN_CREATE | IN_MODIFY | IN_MOVED_TO | IN_CLOSE_WRITE | IN_ONLYDIR) < 0) {
        close(s->notify);
        s->notify = -1;
    }
    if (kp_drops_load(c, err) || kp_file_signals(c, err) || kp_drops_look(c, err))
        return err->code;
    kp_coupling_online(c);
    return KP_OK;
}

static void close_folder(struct kp_coupling *c)
{
    struct kp_file_state *s = kp_coupling_state(c);
    if (!s->opened)
        return;
    if (s->notify >= 0)
        close(s->notify);
    if (s->folder >= 0)
        close(s->folder);
    kp_drops_free(s);
    kp_free(s->signals);
    kp_arena_free(&s->names);
    *s = (struct kp_file_state){ 0 };
}

/* ---- a step ---- */

static void await(struct kp_coupling *c)
{
    struct kp_file_state *s = kp_coupling_state(c);
    char events[4096];
    int64_t left = (s->look_at - kp_coupling_mono(c)) / KP_MILLISECOND;
    struct pollfd one = { .fd = s->notify, .events = POLLIN };
    int ms = left < 0 ? 0 : left < STEP_MS ? (int)left : STEP_MS;
    if (poll(&one, 1, ms) > 0) {
        while (read(s->notify, events, sizeof events) > 0)
            ;
        int64_t soon = kp_coupling_mono(c) + LEAST;
        s->look_at = soon < s->look_at ? soon : s->look_at;
        poll(NULL, 0,
             (int)(LEAST / KP_MILLISECOND) / 4); /* what comes in one go is read in one go */
    }
}

static bool is_still(struct kp_coupling *c, const struct kp_drop *d)
{
    const struct kp_file_settings *set = kp_coupling_settings(c);
    return kp_coupling_mono(c) - d->still_since >= set->quiet;
}

/* What is to be done before the folder says so. */
enum left { NOTHING, SOON, AT_ONCE };

/* The next pieces of what is new of one file. */
static enum kp_code work(struct kp_coupling *c, struct kp_drop *d, enum left *left,
                         struct kp_err *err)
{
    const struct kp_file_settings *set = kp_coupling_settings(c);
    bool still = is_still(c, d), more = d->fresh || (still && d->offset < d->size);
    for (int i = 0; more && i < PIECES && !kp_coupling_stopping(c); i++)
        if (kp_drop_read(c, d, still, &more, err))
            return err->code;
    d->fresh |= more;
    if (more)
        *left = AT_ONCE;
    else if (!still && *left == NOTHING && (d->offset < d->size || strcmp(set->after, "keep") != 0))
        *left = SOON;
    if (!more && still && strcmp(set->after, "keep") != 0 && d->offset >= d->size)
        return kp_drop_finish(c, d, d->refused || (d->bad && !d->good), err);
    return KP_OK;
}

static int by_age(const void *a, const void *b)
{
    const struct kp_drop *x = *(struct kp_drop *const *)a, *y = *(struct kp_drop *const *)b;
    return x->changed != y->changed ? (x->changed < y->changed ? -1 : 1) : strcmp(x->name, y->name);
}

/* The oldest first, so that times go on. */
static enum kp_code work_all(struct kp_coupling *c, enum left *left, struct kp_err *err)
{
    struct kp_file_state *s = kp_coupling_state(c);
    size_t n = 0;
    struct kp_drop **list = kp_alloc((s->n + 1) * sizeof *list);
    if (!list)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    for (size_t i = 0; i < s->n; i++)
        if (s->drops[i]->seen)
            list[n++] = s->drops[i];
    qsort(list, n, sizeof *list, by_age);
    for (size_t i = 0; i < n && !err->code && !kp_coupling_stopping(c); i++)
        work(c, list[i], left, err);
    kp_free(list);
    return err->code;
}

static enum kp_code step(struct kp_coupling *c, struct kp_err *err)
{
    const struct kp_file_settings *set = kp_coupling_settings(c);
    struct kp_file_state *s = kp_coupling_state(c);
    enum left left = NOTHING;
    await(c);
    if (kp_coupling_mono(c) < s->look_at)
        return KP_OK;
    if (kp_drops_look(c, err) || work_all(c, &left, err))
        return err->code;
    int64_t soon = set->poll < KP_SECOND ? set->poll : KP_SECOND;
    int64_t wait = left == AT_ONCE ? 0 : left == SOON ? soon : set->poll;
    s->look_at = kp_coupling_mono(c) + wait;
    kp_coupling_note(c, "%zu files known, %" PRIu64 " points read, %" PRIu64 " bad lines", s->n,
                     s->points, s->bad);
    return KP_OK;
}

const struct kp_coupling_class kp_file = {
    .name = "file",
    .schemes = "file",
    .settings_size = sizeof(struct kp_file_settings),
    .state_size = sizeof(struct kp_file_state),
    .options = options,
    .pauses = true,
    .check = check,
    .open = open_folder,
    .step = step,
    .close = close_folder,
};
