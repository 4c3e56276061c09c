/* SPDX-License-Identifier: Apache-2.0 */
/* Files that grow, read along line by line. A file is the same as long as its inode is and it has
 * not become shorter; one that was moved away is read to its end first. */
#include "core/mem.h"
#include "net/json_memory.h"
#include "shield/inputs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/ban.h"

struct followed {
    char name[256];
    int fd; /* -1: not open */
    int64_t inode, offset;
    bool seen, known; /* by the look at hand; it was read before */
    bool skipping;    /* within a line that is too long, or cut off at the beginning */
    struct kp_buf rest; /* the beginning of a line */
};

struct kp_follow {
    char path[KP_PATH_MAX];
    size_t line_max, n;
    uint64_t too_long;
    bool looked; /* what comes later is new */
    struct followed file[KP_FOLLOW_FILES];
};

/* ---- marks ---- */
static void take_marks(struct kp_follow *f, const char *text)
{
    struct kp_err none = { 0 };
    const char *name;
    json_t *mark, *o = text ? kp_json_object(text, strlen(text), "marks", KP_JSON_DEPTH, &none) : NULL;
    json_object_foreach(o, name, mark)
    {
        if (f->n == KP_FOLLOW_FILES || strlen(name) >= sizeof f->file->name)
            continue;
        struct followed *x = &f->file[f->n++];
        snprintf(x->name, sizeof x->name, "%s", name);
        x->fd = -1;
        x->known = true;
        x->inode = json_integer_value(json_array_get(mark, 0));
        x->offset = json_integer_value(json_array_get(mark, 1));
        kp_buf_init(&x->rest, f->line_max + 1);
    }
    json_decref(o);
}

void kp_follow_marks(const struct kp_follow *f, struct kp_json *j)
{
    kp_json_begin(j, '{');
    for (size_t i = 0; i < f->n; i++) {
        kp_json_key(j, f->file[i].name);
        kp_json_begin(j, '[');
        kp_json_int(j, f->file[i].inode);
        kp_json_int(j, f->file[i].offset - (int64_t)f->file[i].rest.len);
        kp_json_end(j, ']');
    }
    kp_json_end(j, '}');
}

/* ---- which files ---- */
struct kp_follow *kp_follow_new(const char *path, size_t line_max, const char *marks)
{
    struct kp_follow *f = kp_alloc(sizeof *f);
    if (!f)
        return NULL;
    snprintf(f->path, sizeof f->path, "%s", path);
    f->line_max = line_max;
    take_marks(f, marks);
    return f;
}

static void let_go(struct followed *x)
{
    if (x->fd >= 0)
        close(x->fd);
    x->fd = -1;
    x->skipping = false;
    kp_buf_free(&x->rest);
}

void kp_follow_free(struct kp_follow *f)
{
    for (size_t i = 0; f && i < f->n; i++)
        let_go(&f->file[i]);
    kp_free(f);
}

static bool is_log(const char *name)
{
    const char *end = strrchr(name, '.');
    return *name != '.' && end && (strcmp(end, ".json") == 0 || strcmp(end, ".log") == 0);
}

static struct followed *find(struct kp_follow *f, const char *name)
{
    for (size_t i = 0; i < f->n; i++)
        if (strcmp(f->file[i].name, name) == 0)
            return &f->file[i];
    if (f->n == KP_FOLLOW_FILES || strlen(name) >= sizeof f->file->name)
        return NULL;
    struct followed *x = &f->file[f->n++];
    *x = (struct followed){ .fd = -1 };
    snprintf(x->name, sizeof x->name, "%s", name);
    kp_buf_init(&x->rest, f->line_max + 1);
    return x;
}

static enum kp_code look_into(struct kp_follow *f, struct kp_err *err)
{
    DIR *d = opendir(f->path);
    if (!d)
        return kp_fail(err, KP_EIO, "%.200s: %s", f->path, strerror(errno));
    for (struct dirent *e; (e = readdir(d));) {
        struct followed *x = is_log(e->d_name) ? find(f, e->d_name) : NULL;
        if (x)
            x->seen = true;
    }
    closedir(d);
    return KP_OK;
}

/* Those that are gone are forgotten when they were read to their end. */
static void forget_gone(struct kp_follow *f)
{
    for (size_t i = f->n; i-- > 0;) {
        if (f->file[i].seen || f->file[i].fd >= 0)
            continue;
        let_go(&f->file[i]);
        f->file[i] = f->file[--f->n];
    }
}

static enum kp_code look(struct kp_follow *f, bool *folder, struct kp_err *err)
{
    struct stat s;
    if (stat(f->path, &s) != 0)
        return kp_fail(err, KP_EIO, "%.200s: %s", f->path, strerror(errno));
    *folder = S_ISDIR(s.st_mode);
    for (size_t i = 0; i < f->n; i++)
        f->file[i].seen = false;
    if (*folder) {
        if (look_into(f, err))
            return err->code;
    } else {
        struct followed *x = find(f, "");
        if (x)
            x->seen = true;
    }
    forget_gone(f);
    return KP_OK;
}

/* ---- one file ---- */
static void path_of(const struct kp_follow *f, const struct followed *x, char out[KP_PATH_MAX + 256])
{
    snprintf(out, KP_PATH_MAX + 256, "%s%s%s", f->path, *x->name ? "/" : "", x->name);
}

static bool open_file(struct kp_follow *f, struct followed *x, struct kp_err *err)
{
    char path[KP_PATH_MAX + 256];
    struct stat s;
    path_of(f, x, path);
    x->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (x->fd < 0 || fstat(x->fd, &s) != 0 || !S_ISREG(s.st_mode)) {
        kp_fail(err, KP_EIO, "%.200s: %s", path, x->fd < 0 ? strerror(errno) : "it is no file");
        let_go(x);
        return false;
    }
    bool same = x->known && x->inode == (int64_t)s.st_ino && x->offset <= s.st_size;
    if (!same) {
        bool old = !x->known && !f->looked && s.st_size > KP_FOLLOW_FIRST;
        x->offset = old ? s.st_size - KP_FOLLOW_FIRST : 0;
        x->skipping = x->offset > 0;
    }
    kp_buf_init(&x->rest, f->line_max + 1);
    x->inode = (int64_t)s.st_ino;
    x->known = true;
    return true;
}

/* At its end: whether another one has its name now, or it was cut off; then it begins anew. */
static void look_again(struct kp_follow *f, struct followed *x)
{
    char path[KP_PATH_MAX + 256];
    struct stat s;
    path_of(f, x, path);
    if (stat(path, &s) == 0 && (int64_t)s.st_ino == x->inode && s.st_size >= x->offset)
        return;
    let_go(x);
    x->offset = 0;
    x->inode = 0;
}

struct telling {
    struct kp_follow *f;
    struct followed *x;
    bool (*line)(void *, const char *, size_t);
    void *arg;
};

/* False: it is to come again. */
static bool tell(struct telling *t, const char *text, size_t n)
{
    while (n && (text[n - 1] == '\r' || text[n - 1] == ' '))
        n--;
    return !n || t->line(t->arg, text, n);
}

/* A piece of a line without its end. */
static void keep(struct telling *t, const char *text, size_t n)
{
    struct followed *x = t->x;
    if (x->skipping)
        return;
    if (x->rest.len + n <= t->f->line_max)
        kp_buf_add(&x->rest, text, n);
    if (x->rest.len + n > t->f->line_max || x->rest.failed) {
        t->f->too_long++;
        x->skipping = true;
        kp_buf_free(&x->rest);
        kp_buf_init(&x->rest, t->f->line_max + 1);
    }
}

/* A line ends here; false: it is to come again. */
static bool end_line(struct telling *t, const char *text, size_t n)
{
    struct followed *x = t->x;
    if (x->skipping) {
        x->skipping = false;
        return true;
    }
    if (!x->rest.len)
        return n > t->f->line_max ? (t->f->too_long++, true) : tell(t, text, n);
    keep(t, text, n);
    if (x->skipping) {
        x->skipping = false;
        return true;
    }
    if (!tell(t, x->rest.data, x->rest.len)) {
        x->rest.len -= n;
        return false;
    }
    x->rest.len = 0;
    return true;
}

/* How many bytes of the piece are done with. */
static size_t take_piece(struct telling *t, const char *piece, size_t n)
{
    size_t at = 0;
    while (at < n) {
        const char *end = memchr(piece + at, '\n', n - at);
        if (!end) {
            keep(t, piece + at, n - at);
            return n;
        }
        if (!end_line(t, piece + at, (size_t)(end - piece) - at))
            return at;
        at = (size_t)(end - piece) + 1;
    }
    return n;
}

static bool read_file(struct telling *t, struct kp_err *err)
{
    char piece[KP_FOLLOW_PIECE];
    struct followed *x = t->x;
    if (x->fd < 0 && !open_file(t->f, x, err))
        return false;
    ssize_t n = pread(x->fd, piece, sizeof piece, x->offset);
    if (n < 0) {
        kp_fail(err, KP_EIO, "%.200s: %s", t->f->path, strerror(errno));
        let_go(x);
        return false;
    }
    if (n == 0)
        look_again(t->f, x);
    x->offset += (int64_t)take_piece(t, piece, (size_t)n);
    return n > 0;
}

bool kp_follow_read(struct kp_follow *f, bool (*line)(void *, const char *, size_t), void *arg,
                    struct kp_err *err)
{
    bool folder = false, any = false;
    if (look(f, &folder, err))
        return false;
    for (size_t i = 0; i < f->n; i++) {
        struct telling t = { f, &f->file[i], line, arg };
        if (t.x->seen || t.x->fd >= 0)
            any |= read_file(&t, err);
    }
    f->looked = true;
    return any;
}

uint64_t kp_follow_too_long(const struct kp_follow *f)
{
    return f->too_long;
}
