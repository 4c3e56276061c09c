/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets stand in files of their own, one line each. */
#include "config/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/ban.h"

enum { SECRET_MAX = 4096 };

static enum kp_code read_secret(struct kp_config *c, struct kp_config_field *f, struct kp_err *err)
{
    char text[SECRET_MAX + 1];
    struct stat st;
    int fd = open(f->file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    ssize_t n = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? read(fd, text, sizeof text) : -1;
    int why = fd < 0 ? errno : 0;
    if (fd >= 0)
        close(fd);
    if (n < 0)
        return kp_yaml_fail(c->file, f->at, err, KP_EIO, "cannot read '%.120s': %s", f->file,
                            why ? strerror(why) : "not an ordinary file");
    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
        n--;
    if (n == 0 || n > SECRET_MAX || memchr(text, 0, (size_t)n))
        return kp_yaml_fail(c->file, f->at, err, KP_EINVALID, "'%.120s' must hold the secret alone, 1 to %d bytes", f->file,
                            SECRET_MAX);
    char *copy = kp_arena_alloc(&c->arena, (size_t)n + 1);
    if (!copy)
        return kp_fail(err, KP_ENOMEM, "out of memory reading %.100s", c->file);
    memcpy(copy, text, (size_t)n);
    f->f.value = copy;
    return KP_OK;
}

enum kp_code kp_config_secrets(struct kp_config *c, struct kp_err *err)
{
    struct kp_config_list *list = &c->list[KP_CONFIG_COUPLING];
    for (size_t i = 0; i < list->n; i++)
        for (size_t k = 0; k < list->entries[i].n; k++) {
            struct kp_config_field *f = &list->entries[i].fields[k];
            if (f->file && read_secret(c, f, err))
                return err->code;
        }
    return KP_OK;
}
