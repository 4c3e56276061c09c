/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_TESTS_DISK_H
#define KOPPEL_TESTS_DISK_H
/* A disk that a test owns: a VFS over SQLite's own, whose calls all go through until the test puts its own
 * functions into disk_methods. Syncs do nothing: no test of a process needs the platter. */
#include <sqlite3.h>

struct disk_file {
    sqlite3_file base;
    sqlite3_file *real; /* behind this struct */
    const char *name;   /* SQLite keeps it as long as the file is open */
};

static sqlite3_vfs *disk_real;

static inline sqlite3_file *disk_of(sqlite3_file *f)
{
    return ((struct disk_file *)f)->real;
}
static int disk_close(sqlite3_file *f)
{
    return disk_of(f)->pMethods->xClose(disk_of(f));
}
static int disk_read(sqlite3_file *f, void *to, int n, sqlite3_int64 at)
{
    return disk_of(f)->pMethods->xRead(disk_of(f), to, n, at);
}
static int disk_write(sqlite3_file *f, const void *from, int n, sqlite3_int64 at)
{
    return disk_of(f)->pMethods->xWrite(disk_of(f), from, n, at);
}
static int disk_truncate(sqlite3_file *f, sqlite3_int64 n)
{
    return disk_of(f)->pMethods->xTruncate(disk_of(f), n);
}
static int disk_sync(sqlite3_file *f, int flags)
{
    (void)f;
    (void)flags;
    return SQLITE_OK;
}
static int disk_size(sqlite3_file *f, sqlite3_int64 *n)
{
    return disk_of(f)->pMethods->xFileSize(disk_of(f), n);
}
static int disk_lock(sqlite3_file *f, int level)
{
    return disk_of(f)->pMethods->xLock(disk_of(f), level);
}
static int disk_unlock(sqlite3_file *f, int level)
{
    return disk_of(f)->pMethods->xUnlock(disk_of(f), level);
}
static int disk_reserved(sqlite3_file *f, int *out)
{
    return disk_of(f)->pMethods->xCheckReservedLock(disk_of(f), out);
}
static int disk_control(sqlite3_file *f, int op, void *arg)
{
    return disk_of(f)->pMethods->xFileControl(disk_of(f), op, arg);
}
static int disk_sector(sqlite3_file *f)
{
    return disk_of(f)->pMethods->xSectorSize(disk_of(f));
}
static int disk_traits(sqlite3_file *f)
{
    return disk_of(f)->pMethods->xDeviceCharacteristics(disk_of(f));
}
static int disk_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out)
{
    return disk_of(f)->pMethods->xShmMap(disk_of(f), page, size, extend, out);
}
static int disk_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
    return disk_of(f)->pMethods->xShmLock(disk_of(f), offset, n, flags);
}
static void disk_shm_barrier(sqlite3_file *f)
{
    disk_of(f)->pMethods->xShmBarrier(disk_of(f));
}
static int disk_shm_unmap(sqlite3_file *f, int remove)
{
    return disk_of(f)->pMethods->xShmUnmap(disk_of(f), remove);
}

static sqlite3_io_methods disk_methods = {
    2,           disk_close,    disk_read,    disk_write,  disk_truncate, disk_sync,    disk_size,     disk_lock,
    disk_unlock, disk_reserved, disk_control, disk_sector, disk_traits,   disk_shm_map, disk_shm_lock, disk_shm_barrier,
    disk_shm_unmap, NULL, NULL,
};

static int disk_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out)
{
    (void)vfs;
    struct disk_file *mine = (struct disk_file *)f;
    mine->real = (sqlite3_file *)&mine[1];
    mine->name = name;
    int rc = disk_real->xOpen(disk_real, name, mine->real, flags, out);
    mine->base.pMethods = mine->real->pMethods ? &disk_methods : NULL;
    return rc;
}

/* From now on every connection uses this disk. The store must have configured SQLite before. */
static inline int disk_use(void)
{
    static sqlite3_vfs vfs;
    disk_real = sqlite3_vfs_find(NULL);
    vfs = *disk_real;
    vfs.zName = "test";
    vfs.szOsFile += (int)sizeof(struct disk_file);
    vfs.xOpen = disk_open;
    vfs.pNext = NULL;
    return sqlite3_vfs_register(&vfs, 1);
}
#endif
