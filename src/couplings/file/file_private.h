/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_COUPLINGS_FILE_PRIVATE_H
#define KOPPEL_COUPLINGS_FILE_PRIVATE_H
/* What the files of src/couplings/file share. How far each file is read stands in the data file
 * (table file_read), written once the samples up to there are on disk. So after a crash at most the
 * last piece is read again, and its points, which have the times that stand in the file, are no
 * news. */
#include "couplings/file/file.h"
#include "couplings/points.h"
#include "store/store.h"

#include <sys/stat.h>
#include <sys/types.h>

enum {
    KP_FILE_PIECE = 256 << 10, /* read at a time */
    KP_FILE_HEAD_MAX = 64 << 10,
    KP_FILES_MAX = 10000,
    KP_FILE_PRINT = 1024, /* bytes of the fingerprint, at the beginning and before `offset` */
};

/* A file that is known. */
struct kp_drop {
    char *name;                         /* in its folder */
    char *head;                         /* CSV: its first line; NULL = not read yet */
    int64_t inode, offset, line, print; /* line: of the first one not read, less one */
    int64_t size, changed;              /* as last seen; changed: when, by its own time stamp, ns */
    int64_t still_since;                /* monotonic: since when it is as it is */
    int64_t gone_since;                 /* monotonic; 0 = it is there */
    uint64_t good, bad;                 /* points, lines, since it is known to this process */
    bool fresh;                         /* it changed since it was last opened */
    bool seen, refused;                 /* by the look at hand; nothing in it can be read */
};

struct kp_file_settings {
    char *format, *column, *timezone, *path, *after;
    int64_t poll, quiet;
};

struct kp_file_signal {
    const char *path; /* relative to the coupling's `at` */
    kp_signal id;
    uint8_t type;
    int64_t latest; /* KP_NO_TIME: none */
};

struct kp_file_state {
    char dir[KP_PATH_MAX], pattern[KP_NAME_MAX];
    int notify;             /* inotify; -1 = none, then only the polling looks */
    int folder;             /* descriptor */
    int64_t look_at;        /* monotonic: the next look */
    struct kp_drop **drops; /* in name order */
    size_t n, room;
    struct kp_arena names;          /* of signals */
    struct kp_file_signal *signals; /* in path order */
    size_t n_signals, signals_room;
    uint64_t points, bad, files; /* since open */
    struct kp_import_options options;
    bool opened;
};

/* ---- drop.c: which files there are, and which of them are known ---- */
/* "file:///srv/drop", "file:///srv/drop/\*.csv" */
enum kp_code kp_file_where(const char *url, char dir[KP_PATH_MAX], char pattern[KP_NAME_MAX],
                           struct kp_err *);
enum kp_code kp_drops_load(struct kp_coupling *, struct kp_err *);
void kp_drops_free(struct kp_file_state *);
/* Looks at the folder: marks what is there, finds what was renamed, forgets what is gone for a day.
 */
enum kp_code kp_drops_look(struct kp_coupling *, struct kp_err *);
/* Opens one for reading at its offset: from the start when it is not the file it was. -1: cannot be
 * read now. */
int kp_drop_open(struct kp_coupling *, struct kp_drop *);
int64_t kp_drop_print(int fd, int64_t offset); /* fingerprint of what is read; -1: cannot */
/* Writes down how far it is read; all points reported so far are on disk then. */
enum kp_code kp_drop_save(struct kp_coupling *, const struct kp_drop *, struct kp_err *);
/* Away from the folder: deleted, or moved to done/ or failed/. */
enum kp_code kp_drop_finish(struct kp_coupling *, struct kp_drop *, bool failed, struct kp_err *);

/* ---- lines.c: complete lines to samples ---- */
enum kp_code kp_file_signals(struct kp_coupling *, struct kp_err *); /* those there are */
/* Reads what is new of it, up to one piece; *more: there is another. `whole`: its last line needs
 * no end. */
enum kp_code kp_drop_read(struct kp_coupling *, struct kp_drop *, bool whole, bool *more,
                          struct kp_err *);
#endif
