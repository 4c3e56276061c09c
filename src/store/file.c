/* SPDX-License-Identifier: Apache-2.0 */
#include "core/log.h"
#include "store/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "core/ban.h"

enum kp_code kp_file_path(char out[KP_FILE_PATH], const char *dir, const char *name, struct kp_err *err)
{
    int n = snprintf(out, KP_FILE_PATH, "%s/%s", dir, name);
    if (n > 0 && n < KP_FILE_PATH)
        return KP_OK;
    return kp_fail(err, KP_EINVALID, "the name of the node's folder is too long");
}

static enum kp_code sync_path(const char *path, int flags, struct kp_err *err)
{
    int fd = open(path, flags | O_CLOEXEC);
    if (fd < 0)
        return kp_fail(err, KP_EIO, "open %s: %s", path, strerror(errno));
    int rc = fsync(fd);
    int why = errno;
    close(fd);
    if (rc)
        return kp_fail(err, KP_EIO, "write %s to the disk: %s", path, strerror(why));
    return KP_OK;
}

enum kp_code kp_file_sync(const char *file, struct kp_err *err)
{
    return sync_path(file, O_RDWR, err);
}

enum kp_code kp_file_sync_folder(const char *file, struct kp_err *err)
{
    char dir[KP_FILE_PATH];
    const char *slash = strrchr(file, '/');
    if (!slash)
        return sync_path(".", O_RDONLY | O_DIRECTORY, err);
    snprintf(dir, sizeof dir, "%.*s", (int)(slash == file ? 1 : slash - file), file);
    return sync_path(dir, O_RDONLY | O_DIRECTORY, err);
}

/* Who holds the lock, for people; the lock itself is the flock. Always as long as before. */
static void note_process(int fd)
{
    char text[24];
    int n = snprintf(text, sizeof text, "%-10ld\n", (long)getpid());
    if (pwrite(fd, text, (size_t)n, 0) != n)
        kp_warn("store", "factory.lock cannot be written", "errno=%d", errno);
}

static long read_process(int fd)
{
    char text[24] = { 0 };
    long id = 0;
    if (pread(fd, text, sizeof text - 1, 0) > 0)
        sscanf(text, "%ld", &id);
    return id;
}

int kp_file_lock(const char *dir, struct kp_err *err)
{
    char path[KP_FILE_PATH];
    if (kp_file_path(path, dir, "factory.lock", err))
        return -1;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        kp_fail(err, KP_EIO, "open %s: %s", path, strerror(errno));
        return -1;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
        note_process(fd);
        return fd;
    }
    kp_fail(err, KP_EREFUSED, "%s/factory.db is open in another koppel (process %ld); stop that one first", dir,
            read_process(fd));
    close(fd);
    return -1;
}

void kp_file_unlock(int lock)
{
    if (lock >= 0)
        close(lock);
}

const char *kp_file_network(unsigned long type)
{
    static const struct {
        unsigned long type;
        const char *name;
    } table[] = {
        { 0x6969, "NFS" },         { 0x517b, "SMB" },        { 0xff534d42, "CIFS" },     { 0xfe534d42, "SMB" },
        { 0x01021997, "9P" },      { 0x00c36400, "Ceph" },   { 0x5346414f, "AFS" },      { 0x6b414653, "AFS" },
        { 0x73757245, "Coda" },    { 0x01161970, "GFS2" },   { 0x7461636f, "OCFS2" },    { 0x0bd00bd0, "Lustre" },
        { 0x47504653, "GPFS" },    { 0x19830326, "BeeGFS" }, { 0x564c, "NCP" },
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (table[i].type == (type & 0xffffffff))
            return table[i].name;
    return NULL;
}

enum kp_code kp_file_refuse_network(const char *dir, struct kp_err *err)
{
    struct statfs fs;
    if (statfs(dir, &fs))
        return kp_fail(err, errno == ENOENT ? KP_ENOTFOUND : KP_EIO, "%s: %s", dir, strerror(errno));
    const char *name = kp_file_network((unsigned long)fs.f_type);
    if (!name)
        return KP_OK;
    return kp_fail(err, KP_EREFUSED,
                   "%s is on a network file system (%s), where the data file would be damaged; use a local disk",
                   dir, name);
}

void kp_file_remove(const char *file, bool whole)
{
    static const char *const ends[] = { "", "-wal", "-shm" };
    char path[KP_FILE_PATH];
    for (size_t i = whole ? 0 : 1; i < sizeof ends / sizeof ends[0]; i++)
        if (snprintf(path, sizeof path, "%s%s", file, ends[i]) < (int)sizeof path)
            unlink(path);
}

int64_t kp_file_size(const char *file)
{
    struct stat st;
    return stat(file, &st) == 0 ? (int64_t)st.st_size : 0;
}
