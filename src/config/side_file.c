/* SPDX-License-Identifier: Apache-2.0 */
/* What stands in files of its own beside the apply file: secrets, one line each, and maps. */
#include "config/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/ban.h"

enum { SECRET_MAX = 4096, MAP_MAX = 1 << 20 };

static ssize_t read_whole(const char *file, char *text, size_t size, int *why)
{
    struct stat st;
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    ssize_t n = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? read(fd, text, size) : -1;
    *why = fd < 0 ? errno : 0;
    if (fd >= 0)
        close(fd);
    return n;
}

static enum kp_code take(struct kp_config *c, struct kp_config_field *f, char *text, size_t most,
                         struct kp_err *err)
{
    int why;
    ssize_t n = read_whole(f->file, text, most + 1, &why);
    if (n < 0)
        return kp_yaml_fail(c->file, f->at, err, KP_EIO, "cannot read '%.120s': %s", f->file,
                            why ? strerror(why) : "not an ordinary file");
    while (f->secret && n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
        n--;
    if (n == 0 || (size_t)n > most || memchr(text, 0, (size_t)n))
        return kp_yaml_fail(c->file, f->at, err, KP_EINVALID, "'%.120s' must hold the %s alone, 1 to %zu bytes", f->file,
                            f->secret ? "secret" : "map", most);
    char *copy = kp_arena_alloc(&c->arena, (size_t)n + 1);
    if (!copy)
        return kp_fail(err, KP_ENOMEM, "out of memory reading %.100s", c->file);
    memcpy(copy, text, (size_t)n);
    f->f.value = copy;
    return KP_OK;
}

static enum kp_code read_side_file(struct kp_config *c, struct kp_config_field *f, struct kp_err *err)
{
    size_t most = f->secret ? SECRET_MAX : MAP_MAX;
    char *text = kp_alloc(most + 1);
    if (!text)
        return kp_fail(err, KP_ENOMEM, "out of memory reading %.100s", c->file);
    take(c, f, text, most, err);
    explicit_bzero(text, most + 1);
    kp_free(text);
    return err->code;
}

static enum kp_code read_files_of(struct kp_config *c, struct kp_config_entry *e, struct kp_err *err)
{
    for (size_t i = 0; i < e->n; i++)
        if (e->fields[i].file && read_side_file(c, &e->fields[i], err))
            return err->code;
    return KP_OK;
}

enum kp_code kp_config_side_files(struct kp_config *c, struct kp_err *err)
{
    static const enum kp_config_kind kinds[] = { KP_CONFIG_COUPLING, KP_CONFIG_DELIVERY, KP_CONFIG_PARTNER,
                                                KP_CONFIG_FEED };
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        struct kp_config_list *list = &c->list[kinds[k]];
        for (size_t i = 0; i < list->n; i++)
            if (read_files_of(c, &list->entries[i], err))
                return err->code;
    }
    return KP_OK;
}
