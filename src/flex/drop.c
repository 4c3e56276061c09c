/* SPDX-License-Identifier: Apache-2.0 */
/* The folders: made, watched, looked through. */
#include "flex/drop_private.h"

#include "core/folder.h"
#include "core/hub.h"
#include "core/log.h"
#include "core/worker.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/ban.h"

enum { ROUND_MS = 2000, SOON_MS = 100 };
#define AGAIN (30 * KP_SECOND)

static bool stopping(struct kp_inbox *in)
{
    return atomic_load(&in->stopping);
}

/* ---- a folder ---- */
static void forget_files(struct drop_folder *d)
{
    for (size_t i = 0; i < d->n; i++)
        kp_free(d->files[i].name);
    kp_free(d->files);
    d->files = NULL;
    d->n = d->room = 0;
}

static void shut(struct kp_inbox *in, struct drop_folder *d)
{
    if (d->watch >= 0)
        inotify_rm_watch(in->notify, d->watch);
    const int fds[] = { d->in, d->out, d->root };
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    d->watch = d->in = d->out = d->root = -1;
    forget_files(d);
}

/* With all folders above it. */
static void make_path(const char *path)
{
    char part[KP_PATH_MAX];
    for (const char *p = path + 1; *p; p++)
        if (*p == '/') {
            snprintf(part, sizeof part, "%.*s", (int)(p - path), path);
            mkdir(part, 0755);
        }
    mkdir(path, 0755);
}

static int open_part(struct drop_folder *d, const char *name, struct kp_err *err)
{
    if (mkdirat(d->root, name, 0755) && errno != EEXIST)
        kp_fail(err, KP_EPEER, "%.150s/%s cannot be made: %s", d->path, name, strerror(errno));
    int fd = err->code ? -1 : openat(d->root, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        kp_fail(err, KP_EPEER, "%.150s/%s cannot be opened: %s", d->path, name, strerror(errno));
    return fd;
}

static enum kp_code open_folder(struct kp_inbox *in, struct drop_folder *d, struct kp_err *err)
{
    char watched[KP_PATH_MAX + 8];
    make_path(d->path);
    d->root = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (d->root < 0)
        return kp_fail(err, KP_EPEER, "%.150s cannot be opened: %s", d->path, strerror(errno));
    d->in = open_part(d, "in", err);
    d->out = open_part(d, "out", err);
    const int others[] = { open_part(d, "done", err), open_part(d, "error", err) };
    for (int i = 0; i < 2; i++)
        if (others[i] >= 0)
            close(others[i]);
    snprintf(watched, sizeof watched, "%s/in", d->path);
    d->watch = inotify_add_watch(in->notify, watched,
                                 IN_CREATE | IN_MOVED_TO | IN_CLOSE_WRITE | IN_ONLYDIR);
    d->recovered = false;
    if (err->code)
        shut(in, d);
    return err->code;
}

static bool is_same(int dir, const char *name, int fd)
{
    struct stat now, opened;
    return fstatat(dir, name, &now, 0) == 0 && fstat(fd, &opened) == 0 &&
           now.st_ino == opened.st_ino && now.st_dev == opened.st_dev;
}

/* Somebody may take it away, or put another one in its place: it is made or opened anew. */
static bool is_still_there(const struct drop_folder *d)
{
    return is_same(AT_FDCWD, d->path, d->root) && is_same(d->root, "in", d->in) &&
           is_same(d->root, "out", d->out);
}

/* ---- the settings ---- */
static void close_all(struct kp_inbox *in)
{
    for (size_t i = 0; i < in->n; i++)
        shut(in, &in->of[i]);
    kp_free(in->of);
    in->of = NULL;
    in->n = 0;
    kp_folders_free(&in->folders);
}

static void name_folder(struct kp_inbox *in, struct drop_folder *d, const struct kp_folder *set)
{
    *d = (struct drop_folder){ .set = set, .root = -1, .in = -1, .out = -1, .watch = -1 };
    if (set->path)
        snprintf(d->path, sizeof d->path, "%s", set->path);
    else
        snprintf(d->path, sizeof d->path, "%s/orders/%s", in->dir, set->name);
}

static void tell(struct kp_inbox *in, struct drop_folder *d, const char *text)
{
    char key[KP_NAME_MAX + 16];
    snprintf(key, sizeof key, "orders %s", d->set->name);
    kp_hub_condition(in->shop->hub, key, text);
}

/* Takes what is new in the settings: all folders are looked at afresh. */
static enum kp_code reload(struct kp_inbox *in, struct kp_err *err)
{
    struct kp_buf text;
    kp_buf_init(&text, KP_FOLDERS_TEXT + 16);
    if (kp_shop_stored_document(in->shop, KP_SHOP_FOLDERS, &text, err) || text.failed ||
        (in->text && strcmp(in->text, kp_buf_text(&text)) == 0)) {
        kp_buf_free(&text);
        return err->code;
    }
    struct kp_folders folders;
    kp_folders_parse(kp_buf_text(&text), &folders, err);
    struct drop_folder *of = err->code ? NULL : kp_alloc((folders.n + 1) * sizeof *of);
    if (!of) {
        kp_fail(err, KP_ENOMEM, "out of memory");
        kp_folders_free(&folders);
        kp_buf_free(&text);
        return err->code;
    }
    for (size_t i = 0; i < in->n; i++)
        if (!kp_folders_named(&folders, in->of[i].set->name))
            tell(in, &in->of[i], NULL);
    close_all(in);
    kp_free(in->text);
    in->text = kp_buf_take(&text);
    in->folders = folders;
    in->of = of;
    for (; in->n < folders.n; in->n++)
        name_folder(in, &of[in->n], &folders.of[in->n]);
    return KP_OK;
}

/* ---- files ---- */
static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct drop_file *)a)->name, ((const struct drop_file *)b)->name);
}

/* Among the `known` ones, which are in the order of their names; else another one. */
static struct drop_file *file_named(struct drop_folder *d, size_t known, const char *name)
{
    struct drop_file key = { .name = (char *)(uintptr_t)name };
    struct drop_file *f = known ? bsearch(&key, d->files, known, sizeof key, by_name) : NULL;
    if (f || d->n == DROP_FILES_MAX || !kp_grow(&d->files, &d->room, d->n + 1, sizeof *d->files))
        return f;
    f = &d->files[d->n];
    *f = (struct drop_file){ .name = kp_strdup(name), .size = -1 };
    d->n += f->name != NULL;
    return f->name ? f : NULL;
}

static bool is_wanted(const char *name)
{
    static const char *const others[] = { "desktop.ini", "Thumbs.db", NULL };
    for (const char *const *o = others; *o; o++)
        if (strcmp(*o, name) == 0)
            return false;
    return !kp_file_is_partial(name);
}

static void see(struct kp_inbox *in, struct drop_folder *d, size_t known, const char *name)
{
    struct stat st;
    if (!is_wanted(name) || fstatat(d->in, name, &st, AT_SYMLINK_NOFOLLOW) || !S_ISREG(st.st_mode))
        return;
    struct drop_file *f = file_named(d, known, name);
    if (!f)
        return; /* the next look finds it, when there is room */
    int64_t changed = (int64_t)st.st_mtim.tv_sec * KP_SECOND + st.st_mtim.tv_nsec;
    f->seen = true;
    if (f->inode == (int64_t)st.st_ino && f->size == st.st_size && f->changed == changed)
        return;
    f->inode = (int64_t)st.st_ino;
    f->size = st.st_size;
    f->changed = changed;
    f->still_since = kp_mono(in->shop->clock);
    f->again_at = 0;
}

static int by_time(const void *a, const void *b)
{
    const struct drop_file *x = a, *y = b;
    if (x->changed != y->changed)
        return x->changed < y->changed ? -1 : 1;
    return strcmp(x->name, y->name);
}

/* What is there, the oldest first; what is gone is forgotten. */
static enum kp_code look(struct kp_inbox *in, struct drop_folder *d, struct kp_err *err)
{
    size_t kept = 0, known = d->n;
    for (size_t i = 0; i < d->n; i++)
        d->files[i].seen = false;
    if (known)
        qsort(d->files, known, sizeof *d->files, by_name);
    int fd = openat(d->in, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!dir) {
        if (fd >= 0)
            close(fd);
        return kp_fail(err, KP_EPEER, "%.200s/in cannot be read: %s", d->path, strerror(errno));
    }
    for (struct dirent *e; (e = readdir(dir));)
        see(in, d, known, e->d_name);
    closedir(dir);
    for (size_t i = 0; i < d->n; i++) {
        if (d->files[i].seen)
            d->files[kept++] = d->files[i];
        else
            kp_free(d->files[i].name);
    }
    d->n = kept;
    if (d->n)
        qsort(d->files, d->n, sizeof *d->files, by_time);
    return KP_OK;
}

/* A fault of one file leaves the others. */
static void take_file(struct kp_inbox *in, struct drop_folder *d, struct drop_file *f,
                      struct kp_err *trouble)
{
    struct kp_err err = { 0 };
    int64_t now = kp_mono(in->shop->clock), still = now - f->still_since;
    if (still < d->set->quiet || now < f->again_at)
        return;
    drop_take(in, d, f, still >= d->set->patience, &err);
    if (!err.code || err.code == KP_ESTOPPED)
        return;
    f->again_at = now + (err.code == KP_ETIMEOUT ? d->set->quiet : AGAIN);
    if (err.code != KP_ETIMEOUT)
        kp_fail(trouble, err.code, "%s", err.text);
}

/* ---- a round ---- */
static void report(struct kp_inbox *in, struct drop_folder *d, const struct kp_err *trouble)
{
    struct kp_err err = { 0 };
    char name[KP_NAME_MAX], text[KP_ERR_TEXT + KP_NAME_MAX + 200];
    int64_t unseen = 0;
    if (drop_unseen(in->shop, d->set->name, &unseen, name, &err))
        return;
    if (trouble->code)
        snprintf(text, sizeof text, "folder of orders %.60s: %s", d->set->name, trouble->text);
    else if (unseen)
        snprintf(text, sizeof text,
                 "folder of orders %.60s: %lld refused, the last is %.100s; the reason stands in "
                 "error/ beside it and in the log of the folder",
                 d->set->name, (long long)unseen, name);
    kp_utf8_trim(text);
    tell(in, d, trouble->code || unseen ? text : NULL);
}

static void turn_folder(struct kp_inbox *in, struct drop_folder *d)
{
    struct kp_err trouble = { 0 }, out = { 0 };
    int64_t now = kp_mono(in->shop->clock);
    if (d->root >= 0 && !is_still_there(d))
        shut(in, d);
    if (d->root < 0)
        open_folder(in, d, &trouble);
    if (d->root >= 0 && !look(in, d, &trouble))
        for (size_t i = 0; i < d->n && !stopping(in); i++)
            take_file(in, d, &d->files[i], &trouble);
    if (d->root >= 0 && now >= d->answer_at && !stopping(in)) {
        drop_out(in, d, &out);
        d->answer_at = out.code ? now + AGAIN : 0;
        snprintf(d->trouble, sizeof d->trouble, "%s", out.code ? out.text : "");
    }
    if (*d->trouble)
        kp_fail(&trouble, KP_EPEER, "%s", d->trouble);
    if (!stopping(in))
        report(in, d, &trouble);
}

bool kp_inbox_turn(struct kp_inbox *in)
{
    struct kp_err err = { 0 };
    bool waiting = false;
    if (reload(in, &err) && err.code != KP_ESTOPPED)
        kp_warn("orders", "the folders cannot be looked at", "why=%s", kp_log_quote(err.text));
    for (size_t i = 0; i < in->n && !stopping(in); i++) {
        turn_folder(in, &in->of[i]);
        waiting |= in->of[i].n > 0;
    }
    return waiting;
}

/* Until something is dropped, or the time is over. */
static void wait_for(struct kp_inbox *in, int ms)
{
    struct pollfd fds[] = { { in->wake, POLLIN, 0 }, { in->notify, POLLIN, 0 } };
    char events[4096];
    if (poll(fds, 2, ms) > 0 && fds[1].revents)
        while (read(in->notify, events, sizeof events) > 0)
            ;
}

static void *work(void *arg)
{
    struct kp_inbox *in = arg;
    kp_thread_name("folders");
    while (!stopping(in)) {
        bool waiting = kp_inbox_turn(in);
        if (!stopping(in))
            wait_for(in, waiting ? SOON_MS : ROUND_MS);
    }
    return NULL;
}

/* ---- life ---- */
struct kp_inbox *kp_inbox_new(struct kp_shop *shop, const char *dir, struct kp_err *err)
{
    struct kp_inbox *in = kp_alloc(sizeof *in);
    char *whole = in ? realpath(dir, NULL) : NULL;
    if (!in) {
        kp_fail(err, KP_ENOMEM, "out of memory");
        return NULL;
    }
    snprintf(in->dir, sizeof in->dir, "%s", whole ? whole : dir);
    free(whole);
    in->shop = shop;
    kp_worker_init(&in->worker);
    in->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    in->notify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (in->wake >= 0 && in->notify >= 0) {
        shop->inbox = in;
        return in;
    }
    kp_fail(err, KP_EIO, "the folders of orders cannot be watched: %s", strerror(errno));
    kp_inbox_free(in);
    return NULL;
}

/* Whether the settings name one; true when that cannot be said now. */
static bool has_folders(struct kp_inbox *in)
{
    struct kp_err err = { 0 };
    struct kp_folders folders = { 0 };
    struct kp_buf text;
    kp_buf_init(&text, KP_FOLDERS_TEXT + 16);
    if (!kp_shop_stored_document(in->shop, KP_SHOP_FOLDERS, &text, &err) && !text.failed)
        kp_folders_parse(kp_buf_text(&text), &folders, &err);
    bool some = err.code || text.failed || folders.n;
    kp_folders_free(&folders);
    kp_buf_free(&text);
    return some;
}

void kp_inbox_begin(struct kp_inbox *in)
{
    if (has_folders(in) && !kp_worker_begin(&in->worker, work, in))
        kp_warn("orders", "no thread for the folders of orders: they wait until they are set again",
                "%s", "");
}

void kp_inbox_start(struct kp_inbox *in)
{
    kp_worker_open(&in->worker);
    kp_inbox_begin(in);
}

void kp_inbox_stop(struct kp_inbox *in)
{
    atomic_store(&in->stopping, true);
    eventfd_write(in->wake, 1);
    kp_worker_close(&in->worker);
}

void kp_inbox_free(struct kp_inbox *in)
{
    if (!in)
        return;
    if (in->shop->inbox == in)
        in->shop->inbox = NULL;
    kp_worker_free(&in->worker);
    close_all(in);
    kp_free(in->text);
    if (in->wake >= 0)
        close(in->wake);
    if (in->notify >= 0)
        close(in->notify);
    kp_free(in);
}
