/* SPDX-License-Identifier: Apache-2.0 */
#include "couplings/file/file_private.h"

#include "core/folder.h"
#include "core/hash.h"
#include "core/log.h"
#include "core/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/ban.h"

#define GONE (24 * 3600 * KP_SECOND)

enum kp_code kp_file_where(const char *url, char dir[KP_PATH_MAX], char pattern[KP_NAME_MAX],
                           struct kp_err *err)
{
    static const char scheme[] = "file://";
    const char *path = strncmp(url, scheme, sizeof scheme - 1) == 0 ? url + sizeof scheme - 1 : "";
    const char *last = strrchr(path, '/');
    if (*path != '/' || strlen(path) >= KP_PATH_MAX || strstr(path, "/../"))
        return kp_fail(err, KP_EINVALID,
                       "'%.120s' is no folder such as file:///srv/drop or file:///srv/drop/*.csv",
                       url);
    bool has_pattern = last[1] && strpbrk(last, "*?");
    if (has_pattern && strlen(last + 1) >= KP_NAME_MAX)
        return kp_fail(err, KP_EINVALID, "the pattern '%.60s' is too long", last + 1);
    snprintf(pattern, KP_NAME_MAX, "%s", has_pattern ? last + 1 : "*");
    snprintf(dir, KP_PATH_MAX, "%.*s", has_pattern ? (int)(last - path) : (int)strlen(path), path);
    size_t n = strlen(dir);
    while (n > 1 && dir[n - 1] == '/')
        dir[--n] = 0;
    if (!n)
        snprintf(dir, KP_PATH_MAX, "/");
    return strpbrk(dir, "*?")
               ? kp_fail(err, KP_EINVALID, "only the last part of '%.120s' can be a pattern", url)
               : KP_OK;
}

/* ---- those that are known ---- */

static void drop_free(struct kp_drop *d)
{
    if (!d)
        return;
    kp_free(d->name);
    kp_free(d->head);
    kp_free(d);
}

void kp_drops_free(struct kp_file_state *s)
{
    for (size_t i = 0; i < s->n; i++)
        drop_free(s->drops[i]);
    kp_free(s->drops);
    s->drops = NULL;
    s->n = s->room = 0;
}

static size_t place_of(const struct kp_file_state *s, const char *name)
{
    size_t low = 0, high = s->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(s->drops[middle]->name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct kp_drop *find(const struct kp_file_state *s, const char *name)
{
    size_t i = place_of(s, name);
    return i < s->n && strcmp(s->drops[i]->name, name) == 0 ? s->drops[i] : NULL;
}

static struct kp_drop *add(struct kp_file_state *s, const char *name, struct kp_err *err)
{
    struct kp_drop *d = s->n < KP_FILES_MAX ? kp_alloc(sizeof *d) : NULL;
    if (!d || !(d->name = kp_strdup(name)) ||
        !kp_grow(&s->drops, &s->room, s->n + 1, sizeof *s->drops)) {
        drop_free(d);
        kp_fail(err, s->n < KP_FILES_MAX ? KP_ENOMEM : KP_EFULL,
                s->n < KP_FILES_MAX
                    ? "out of memory"
                    : "more than %d files in %.100s; move those that are done elsewhere",
                KP_FILES_MAX, s->dir);
        return NULL;
    }
    size_t i = place_of(s, name);
    memmove(s->drops + i + 1, s->drops + i, (s->n - i) * sizeof *s->drops);
    s->drops[i] = d;
    s->n++;
    return d;
}

static void take_out(struct kp_file_state *s, const struct kp_drop *d)
{
    size_t i = place_of(s, d->name);
    memmove(s->drops + i, s->drops + i + 1, (--s->n - i) * sizeof *s->drops);
}

enum kp_code kp_drops_load(struct kp_coupling *c, struct kp_err *err)
{
    struct kp_file_state *s = kp_coupling_state(c);
    struct kp_store *store = kp_coupling_context(c);
    struct kp_db *db = kp_store_reader(store, err);
    struct kp_stmt *get =
        db ? kp_db_prepare(
                 db,
                 "select name, inode, offset, line, print, head from file_read where coupling = ?",
                 err)
           : NULL;
    if (get)
        kp_bind_int(get, 1, kp_coupling_id(c));
    while (get && !err->code && kp_step(get, err)) {
        const char *name = kp_column_text(get, 0), *head = kp_column_text(get, 5);
        struct kp_drop *d = name ? add(s, name, err) : NULL;
        if (!d)
            continue;
        d->inode = kp_column_int(get, 1);
        d->offset = kp_column_int(get, 2);
        d->line = kp_column_int(get, 3);
        d->print = kp_column_int(get, 4);
        d->size = -1;
        d->head = kp_strdup(head);
        if (head && !d->head)
            kp_fail(err, KP_ENOMEM, "out of memory");
    }
    if (get)
        kp_reset(get);
    kp_store_reader_done(store, db);
    return err->code;
}

/* ---- the data file ---- */

struct saving {
    uint16_t coupling;
    const struct kp_drop *drop;
};

static enum kp_code put(struct kp_db *db, void *arg, struct kp_err *err)
{
    const struct saving *s = arg;
    struct kp_stmt *q = kp_db_prepare(
        db,
        "insert into file_read(coupling, name, inode, offset, line, print, head)"
        " values(?1, ?2, ?3, ?4, ?5, ?6, ?7) on conflict(coupling, name) do update set"
        " inode = ?3, offset = ?4, line = ?5, print = ?6, head = ?7",
        err);
    if (!q)
        return err->code;
    const int64_t numbers[] = { s->drop->inode, s->drop->offset, s->drop->line, s->drop->print };
    kp_bind_int(q, 1, s->coupling);
    kp_bind_text(q, 2, s->drop->name);
    for (int i = 0; i < 4; i++)
        kp_bind_int(q, 3 + i, numbers[i]);
    if (s->drop->head)
        kp_bind_text(q, 7, s->drop->head);
    return kp_run(q, err);
}

static enum kp_code erase(struct kp_db *db, void *arg, struct kp_err *err)
{
    const struct saving *s = arg;
    struct kp_stmt *q =
        kp_db_prepare(db, "delete from file_read where coupling = ? and name = ?", err);
    if (!q)
        return err->code;
    kp_bind_int(q, 1, s->coupling);
    kp_bind_text(q, 2, s->drop->name);
    return kp_run(q, err);
}

enum kp_code kp_drop_save(struct kp_coupling *c, const struct kp_drop *d, struct kp_err *err)
{
    struct saving s = { kp_coupling_id(c), d };
    struct kp_store *store = kp_coupling_context(c);
    if (kp_coupling_flush(c, err))
        return err->code;
    if (kp_hub_drain(kp_coupling_hub(c)))
        return kp_fail(err, KP_ESTOPPED, "stopping");
    return kp_store_sync(store, err) ? err->code : kp_store_do(store, put, &s, err);
}

static enum kp_code forget(struct kp_coupling *c, struct kp_drop *d, struct kp_err *err)
{
    struct saving s = { kp_coupling_id(c), d };
    if (kp_store_do(kp_coupling_context(c), erase, &s, err))
        return err->code;
    take_out(kp_coupling_state(c), d);
    drop_free(d);
    return KP_OK;
}

/* ---- whether it is the file it was ---- */

static bool mix_piece(int fd, int64_t from, size_t n, uint64_t *h)
{
    unsigned char piece[KP_FILE_PRINT];
    if (pread(fd, piece, n, from) != (ssize_t)n)
        return false;
    *h = kp_hash(*h, piece, n);
    return true;
}

int64_t kp_drop_print(int fd, int64_t offset)
{
    uint64_t h = KP_HASH_START;
    size_t n = offset < KP_FILE_PRINT ? (size_t)offset : KP_FILE_PRINT;
    if (!mix_piece(fd, 0, n, &h) || !mix_piece(fd, offset - (int64_t)n, n, &h))
        return -1;
    return (int64_t)(h & INT64_MAX);
}

static void start_afresh(struct kp_drop *d)
{
    kp_free(d->head);
    d->head = NULL;
    d->offset = d->line = d->print = 0;
    d->good = d->bad = 0;
    d->refused = false;
}

int kp_drop_open(struct kp_coupling *c, struct kp_drop *d)
{
    struct kp_file_state *s = kp_coupling_state(c);
    struct stat st;
    int fd = openat(s->folder, d->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode)) {
        if (errno != ENOENT)
            kp_warn("file", "a file cannot be read", "coupling=%s file=%s why=%s",
                    kp_coupling_name(c), kp_log_quote(d->name), kp_log_quote(strerror(errno)));
        if (fd >= 0)
            close(fd);
        return -1;
    }
    if (d->offset && (st.st_size < d->offset || kp_drop_print(fd, d->offset) != d->print)) {
        kp_info("file", "a file was replaced and is read from its start", "coupling=%s file=%s",
                kp_coupling_name(c), kp_log_quote(d->name));
        start_afresh(d);
    }
    d->inode = (int64_t)st.st_ino;
    return fd;
}

/* ---- the look ---- */

static bool is_wanted(const struct kp_file_state *s, const char *name)
{
    return !kp_file_is_partial(name) && kp_utf8_valid(name, strlen(name)) &&
           kp_pattern_match(s->pattern, name);
}

/* A log that was turned over: what was machine.csv is machine.1.csv now, and is read on as that. */
static struct kp_drop *renamed(struct kp_file_state *s, const char *name, const struct stat *st)
{
    for (size_t i = 0; i < s->n; i++) {
        struct kp_drop *d = s->drops[i];
        struct stat now;
        if (d->inode != (int64_t)st->st_ino || d->offset > st->st_size ||
            (fstatat(s->folder, d->name, &now, AT_SYMLINK_NOFOLLOW) == 0 &&
             now.st_ino == st->st_ino))
            continue;
        int fd = openat(s->folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        bool same = fd >= 0 && d->offset && kp_drop_print(fd, d->offset) == d->print;
        if (fd >= 0)
            close(fd);
        if (same)
            return d;
    }
    return NULL;
}

static struct kp_drop *make(struct kp_coupling *c, const char *name, const struct stat *st,
                            struct kp_err *err)
{
    struct kp_file_state *s = kp_coupling_state(c);
    struct kp_drop *was = renamed(s, name, st), *d = add(s, name, err);
    if (!d || !was)
        return d;
    d->head = kp_strdup(was->head);
    if (was->head && !d->head) {
        kp_fail(err, KP_ENOMEM, "out of memory");
        return NULL;
    }
    d->inode = was->inode;
    d->offset = was->offset;
    d->line = was->line;
    d->print = was->print;
    return kp_drop_save(c, d, err) ? NULL : d;
}

static enum kp_code see(struct kp_coupling *c, const char *name, struct kp_err *err)
{
    struct kp_file_state *s = kp_coupling_state(c);
    struct stat st;
    if (!is_wanted(s, name) || fstatat(s->folder, name, &st, AT_SYMLINK_NOFOLLOW) ||
        !S_ISREG(st.st_mode))
        return KP_OK;
    struct kp_drop *d = find(s, name);
    if (!d && !(d = make(c, name, &st, err)))
        return err->code;
    int64_t changed = (int64_t)st.st_mtim.tv_sec * KP_SECOND + st.st_mtim.tv_nsec;
    if (st.st_size != d->size || changed != d->changed || d->gone_since) {
        d->size = st.st_size;
        d->changed = changed;
        d->still_since = kp_coupling_mono(c);
        d->fresh = true;
        d->refused = false;
    }
    d->gone_since = 0;
    d->seen = true;
    return KP_OK;
}

static enum kp_code settle(struct kp_coupling *c, struct kp_err *err)
{
    struct kp_file_state *s = kp_coupling_state(c);
    int64_t now = kp_coupling_mono(c);
    for (size_t i = s->n; i-- > 0 && !err->code;) {
        struct kp_drop *d = s->drops[i];
        if (d->seen)
            continue;
        d->gone_since = d->gone_since ? d->gone_since : now;
        if (now - d->gone_since > GONE)
            forget(c, d, err);
    }
    return err->code;
}

enum kp_code kp_drops_look(struct kp_coupling *c, struct kp_err *err)
{
    struct kp_file_state *s = kp_coupling_state(c);
    for (size_t i = 0; i < s->n; i++)
        s->drops[i]->seen = false;
    int fd = openat(s->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!dir) {
        if (fd >= 0)
            close(fd);
        return kp_fail(err, KP_EPEER, "%.200s cannot be read: %s", s->dir, strerror(errno));
    }
    for (struct dirent *e; !err->code && (e = readdir(dir));)
        see(c, e->d_name, err);
    closedir(dir);
    return err->code ? err->code : settle(c, err);
}

/* ---- the end of one ---- */

enum kp_code kp_drop_finish(struct kp_coupling *c, struct kp_drop *d, bool failed,
                            struct kp_err *err)
{
    const struct kp_file_settings *set = kp_coupling_settings(c);
    struct kp_file_state *s = kp_coupling_state(c);
    char target[600];
    struct stat st;
    if (fstatat(s->folder, d->name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_size != d->offset)
        return KP_OK; /* it grew just now */
    if (strcmp(set->after, "move") == 0)
        kp_file_move(s->folder, s->dir, d->name, failed ? "failed" : "done", target, sizeof target,
                     err);
    else if (unlinkat(s->folder, d->name, 0) && errno != ENOENT)
        kp_fail(err, KP_EPEER, "%.150s/%.60s cannot be deleted: %s", s->dir, d->name,
                strerror(errno));
    return err->code ? err->code : forget(c, d, err);
}
