/* SPDX-License-Identifier: Apache-2.0 */
#include "core/folder.h"

#include "core/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/ban.h"

enum { NAME_LIMIT = 256, TRIES = 10000, NAME_KEPT = 240 };

bool kp_file_is_partial(const char *name)
{
    static const char *const endings[] = { ".tmp", ".part", ".partial", "~" };
    size_t n = strlen(name);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (n > strlen(endings[i]) && strcmp(name + n - strlen(endings[i]), endings[i]) == 0)
            return true;
    return *name == '.' || strncmp(name, "~$", 2) == 0 || n >= NAME_LIMIT;
}

void kp_file_free_name(int folder, const char *to, const char *name, char *out, size_t size)
{
    struct stat st;
    char kept[NAME_KEPT + 1]; /* there must be room for an ending */
    snprintf(kept, sizeof kept, "%s", name);
    kp_utf8_trim(kept);
    snprintf(out, size, "%s/%s", to, kept);
    for (int i = 1; i < TRIES && fstatat(folder, out, &st, AT_SYMLINK_NOFOLLOW) == 0; i++)
        snprintf(out, size, "%s/%s.%d", to, kept, i);
}

enum kp_code kp_file_move(int folder, const char *shown, const char *name, const char *to,
                          char *target, size_t size, struct kp_err *err)
{
    if (mkdirat(folder, to, 0755) && errno != EEXIST)
        return kp_fail(err, KP_EPEER, "%.150s/%s cannot be made: %s", shown, to, strerror(errno));
    kp_file_free_name(folder, to, name, target, size);
    if (renameat(folder, name, folder, target))
        return kp_fail(err, KP_EPEER, "%.150s/%.60s cannot be moved to %s: %s", shown, name, to,
                       strerror(errno));
    return KP_OK;
}
