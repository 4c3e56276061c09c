/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_TESTS_FAULT_KIT_H
#define KOPPEL_TESTS_FAULT_KIT_H
/* A disk that fails when a test says so, under all that store_kit.h opens. */
#include "store_kit.h"

#include "../crash/disk.h"

enum fault { FAIL_WRITE, FAIL_SHORT, FAIL_FULL, FAIL_SYNC, FAIL_READ, FAULTS };
KIT const char *const fault_names[] = { "write error", "short write", "no room", "fsync error",
                                        "read error" };

static struct {
    _Atomic enum fault kind;
    _Atomic long at;      /* the nth write (sync, read) fails; 0 = none */
    _Atomic bool lasting; /* and all after it */
    _Atomic long hits;
} plan;

/* The nth call from now on, and with `lasting` all after it. nth 0: the disk is mended. */
KIT void plan_fault(enum fault kind, long nth, bool lasting)
{
    plan.at = 0;
    plan.kind = kind;
    plan.lasting = lasting;
    plan.hits = 0;
    plan.at = nth;
}

static inline bool strikes(bool matches)
{
    if (!plan.at || !matches || --plan.at > 0)
        return false;
    plan.at = plan.lasting ? 1 : 0;
    plan.hits++;
    return true;
}

static int fault_write(sqlite3_file *f, const void *from, int n, sqlite3_int64 at)
{
    enum fault kind = plan.kind;
    if (!strikes(kind == FAIL_WRITE || kind == FAIL_SHORT || kind == FAIL_FULL))
        return disk_write(f, from, n, at);
    if (kind == FAIL_SHORT)
        disk_write(f, from, n / 2, at);
    return kind == FAIL_WRITE ? SQLITE_IOERR_WRITE : SQLITE_FULL;
}

static int fault_sync(sqlite3_file *f, int flags)
{
    (void)f;
    (void)flags;
    return strikes(plan.kind == FAIL_SYNC)
               ? SQLITE_IOERR_FSYNC
               : SQLITE_OK; /* no power cuts here: nothing is lost unsynced */
}

static int fault_read(sqlite3_file *f, void *to, int n, sqlite3_int64 at)
{
    return strikes(plan.kind == FAIL_READ) ? SQLITE_IOERR_READ : disk_read(f, to, n, at);
}

KIT int use_faulty_disk(void **state)
{
    (void)state;
    kit_free(kit_new()); /* SQLite is configured now */
    disk_methods.xWrite = fault_write;
    disk_methods.xSync = fault_sync;
    disk_methods.xRead = fault_read;
    return disk_use();
}
#endif
