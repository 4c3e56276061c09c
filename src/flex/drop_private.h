/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_FLEX_DROP_PRIVATE_H
#define KOPPEL_FLEX_DROP_PRIVATE_H
/* What the files of the folder drop share. */
#include "core/worker.h"
#include "flex/drop.h"
#include "flex/order_private.h"
#include "flex/order_reading.h"

#include <pthread.h>
#include <stdatomic.h>

enum { DROP_FILES_MAX = 20000 };

struct drop_file { /* in in/ */
    char *name;
    int64_t inode, size, changed; /* as last seen; changed: by its own time stamp, ns */
    int64_t still_since;          /* monotonic */
    int64_t again_at;             /* monotonic: not before, for it failed */
    bool seen;
};
struct drop_folder {
    const struct kp_folder *set;
    char path[KP_PATH_MAX];
    int root, in, out; /* descriptors; -1: the folder cannot be used */
    int watch;
    bool recovered;    /* what a crash left in out/ is settled */
    int64_t answer_at; /* monotonic: what cannot be written is not tried before */
    int64_t written;   /* no booking up to this one is still to go out */
    char trouble[KP_ERR_TEXT];
    size_t n, room;
    struct drop_file *files;
};
struct kp_inbox {
    struct kp_shop *shop;
    char dir[KP_PATH_MAX];
    struct kp_worker worker; /* begun when there is a folder */
    int wake, notify; /* eventfd, inotify */
    atomic_bool stopping;
    char *text; /* the settings in force, as they stand in the file */
    struct kp_folders folders;
    size_t n;
    struct drop_folder *of;
};

/* ---- drop_take.c ---- */
/* Takes one file or refuses it, and moves it away. KP_EPEER, KP_EIO ...: neither, to be tried
 * again; KP_ETIMEOUT: it is cut off, wait for the rest. `late`: there will be no rest. */
enum kp_code drop_take(struct kp_inbox *, struct drop_folder *, const struct drop_file *, bool late,
                       struct kp_err *);
/* Reads orders and asks the shop about them; a fault for each thing that is wrong. */
enum kp_code drop_read(struct kp_shop *, const struct kp_settings *, struct kp_order_reading *,
                       struct kp_buf *text, struct kp_err *);

/* ---- drop_out.c ---- */
void drop_out(struct kp_inbox *, struct drop_folder *, struct kp_err *);

/* ---- drop_log.c ---- */
struct drop_entry {
    const char *folder, *name, *result, *reason, *reason_nl;
    uint64_t hash;
    int64_t orders;
};
enum kp_code drop_note(struct kp_shop *, const struct drop_entry *, struct kp_err *);
/* When a file of this name and content came last; KP_NO_TIME: never. */
enum kp_code drop_last(struct kp_shop *, const struct drop_entry *, int64_t *at, struct kp_err *);
/* How many files were refused and not seen by anyone yet, and the last one's name. */
enum kp_code drop_unseen(struct kp_shop *, const char *folder, int64_t *n, char name[KP_NAME_MAX],
                         struct kp_err *);
#endif
