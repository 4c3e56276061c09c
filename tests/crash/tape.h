/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KOPPEL_TESTS_TAPE_H
#define KOPPEL_TESTS_TAPE_H
/* A tape of all that was written to a data file and its WAL, and what a power cut at any moment of it would have left
 * on the disk: of each sector written since the last sync of its file the old content, the new one, one in between when
 * it was written several times, or, torn, a piece of the new one in the old. Never bytes that nobody wrote. The size of
 * a file is one that it had since its last sync. The -shm file dies with the power. */
#include "disk.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum tape_kind { TAPE_WRITE, TAPE_TRUNCATE, TAPE_SYNC };
enum { TAPE_DB, TAPE_WAL, TAPE_FILES };

struct tape_op {
    uint8_t file, kind;
    int64_t at; /* of a truncation: the new size */
    size_t n;
    unsigned char *data;
};

static struct {
    struct tape_op *ops;
    size_t n, room;
    const char *folder; /* whose factory.db is recorded; NULL = none */
    bool deaf;          /* syncs are not heard: a disk that lies */
} tape;

/* ---- recording ---- */

static void tape_add(struct tape_op op)
{
    if (tape.n == tape.room) {
        tape.room = tape.room ? tape.room * 2 : 4096;
        tape.ops = realloc(tape.ops, tape.room * sizeof *tape.ops);
        if (!tape.ops)
            abort();
    }
    tape.ops[tape.n++] = op;
}

/* TAPE_DB, TAPE_WAL, -1 = another file */
static int tape_which(const sqlite3_file *f)
{
    const char *name = ((const struct disk_file *)f)->name, *p = name;
    size_t n = tape.folder ? strlen(tape.folder) : 0;
    if (!name || !n || strncmp(p, tape.folder, n) != 0)
        return -1;
    p += n;
    return strcmp(p, "/factory.db") == 0 ? TAPE_DB : strcmp(p, "/factory.db-wal") == 0 ? TAPE_WAL : -1;
}

static int tape_write(sqlite3_file *f, const void *from, int n, sqlite3_int64 at)
{
    int file = tape_which(f), rc = disk_write(f, from, n, at);
    if (file < 0 || rc)
        return rc;
    unsigned char *copy = malloc((size_t)n);
    if (!copy)
        abort();
    memcpy(copy, from, (size_t)n);
    tape_add((struct tape_op){ (uint8_t)file, TAPE_WRITE, at, (size_t)n, copy });
    return rc;
}

static int tape_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    int file = tape_which(f), rc = disk_truncate(f, size);
    if (file >= 0 && rc == SQLITE_OK)
        tape_add((struct tape_op){ (uint8_t)file, TAPE_TRUNCATE, size, 0, NULL });
    return rc;
}

static int tape_sync(sqlite3_file *f, int flags)
{
    int file = tape_which(f);
    (void)flags;
    if (file >= 0 && !tape.deaf)
        tape_add((struct tape_op){ (uint8_t)file, TAPE_SYNC, 0, 0, NULL });
    return SQLITE_OK;
}

static int tape_use(void)
{
    disk_methods.xWrite = tape_write;
    disk_methods.xTruncate = tape_truncate;
    disk_methods.xSync = tape_sync;
    return disk_use();
}

static void tape_start(const char *folder, bool deaf)
{
    tape.folder = folder;
    tape.deaf = deaf;
}

static void tape_free(void)
{
    for (size_t i = 0; i < tape.n; i++)
        free(tape.ops[i].data);
    free(tape.ops);
    memset(&tape, 0, sizeof tape);
}

/* ---- the cut ---- */

enum tape_fate { TAPE_LOSE_ALL, TAPE_KEEP_ALL, TAPE_IN_ORDER, TAPE_EACH_ALONE, TAPE_FATES };

struct tape_cut {
    size_t op; /* what came before this one was written */
    size_t sector;
    enum tape_fate fate;
    uint64_t (*random)(uint64_t *);
    uint64_t seed;
};

struct tape_sector {
    uint32_t writes, keep, seen; /* since the sync */
    bool torn;                   /* the first one not kept is there in part */
};

struct tape_image {
    unsigned char *data;
    size_t size, room;
    struct tape_sector *sectors;
};

static uint64_t tape_chance(struct tape_cut *cut, uint64_t n)
{
    return cut->random(&cut->seed) % n;
}

static size_t tape_last_sync(int file, size_t before)
{
    while (before && (tape.ops[before - 1].file != file || tape.ops[before - 1].kind != TAPE_SYNC))
        before--;
    return before; /* ops from here on are not safe */
}

static size_t tape_highest(int file, size_t before)
{
    size_t most = 0;
    for (size_t i = 0; i < before; i++)
        if (tape.ops[i].file == file && (size_t)tape.ops[i].at + tape.ops[i].n > most)
            most = (size_t)tape.ops[i].at + tape.ops[i].n;
    return most;
}

static void tape_apply(struct tape_image *im, const struct tape_op *op)
{
    size_t at = (size_t)op->at;
    if (op->kind == TAPE_WRITE) {
        memcpy(im->data + at, op->data, op->n);
        im->size = at + op->n > im->size ? at + op->n : im->size;
    } else if (op->kind == TAPE_TRUNCATE) {
        if (at < im->size)
            memset(im->data + at, 0, im->size - at);
        im->size = at;
    }
}

/* A write (or the zeros of a truncation) as its sectors see it. */
static void tape_each_sector(struct tape_image *im, struct tape_cut *cut, const struct tape_op *op, size_t end,
                             void (*each)(struct tape_image *, struct tape_cut *, const struct tape_op *, size_t sector,
                                          size_t from, size_t to))
{
    for (size_t from = (size_t)op->at; from < end;) {
        size_t sector = from / cut->sector, to = (sector + 1) * cut->sector;
        to = to < end ? to : end;
        each(im, cut, op, sector, from, to);
        from = to;
    }
}

static void tape_count(struct tape_image *im, struct tape_cut *cut, const struct tape_op *op, size_t sector,
                       size_t from, size_t to)
{
    (void)cut;
    (void)op;
    (void)from;
    (void)to;
    im->sectors[sector].writes++;
}

static void tape_decide(struct tape_image *im, struct tape_cut *cut)
{
    for (size_t i = 0; i <= im->room / cut->sector; i++) {
        struct tape_sector *s = &im->sectors[i];
        uint64_t r = tape_chance(cut, 4);
        if (cut->fate != TAPE_EACH_ALONE) {
            s->keep = cut->fate == TAPE_LOSE_ALL ? 0 : s->writes;
            continue;
        }
        s->keep = r == 0 ? 0 : r == 1 ? s->writes : (uint32_t)tape_chance(cut, (uint64_t)s->writes + 1);
        s->torn = tape_chance(cut, 4) == 0;
    }
}

static void tape_put(struct tape_image *im, struct tape_cut *cut, const struct tape_op *op, size_t sector, size_t from,
                     size_t to)
{
    struct tape_sector *s = &im->sectors[sector];
    uint32_t turn = s->seen++;
    if (turn > s->keep || (turn == s->keep && !s->torn))
        return;
    if (turn == s->keep) { /* a head or a tail of it */
        size_t middle = from + tape_chance(cut, to - from);
        if (tape_chance(cut, 2))
            to = middle;
        else
            from = middle;
    }
    if (op->kind == TAPE_WRITE)
        memcpy(im->data + from, op->data + (from - (size_t)op->at), to - from);
    else
        memset(im->data + from, 0, to - from);
}

/* What is not synced, in the order it was written up to some point, or each sector for itself. */
static void tape_lose(struct tape_image *im, struct tape_cut *cut, int file, size_t safe)
{
    size_t end = cut->op, size = im->size, now = im->size, sizes = 1;
    if (cut->fate == TAPE_IN_ORDER)
        end = safe + tape_chance(cut, end - safe + 1);
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = safe; i < end; i++) {
            const struct tape_op *op = &tape.ops[i];
            if (op->file != file)
                continue;
            tape_each_sector(im, cut, op, op->kind == TAPE_WRITE ? (size_t)op->at + op->n : im->room,
                             pass ? tape_put : tape_count);
            if (pass)
                continue;
            now = op->kind == TAPE_TRUNCATE ? (size_t)op->at : (size_t)op->at + op->n > now ? (size_t)op->at + op->n : now;
            bool take = cut->fate == TAPE_EACH_ALONE ? tape_chance(cut, ++sizes) == 0 : cut->fate != TAPE_LOSE_ALL;
            size = take ? now : size;
        }
        if (!pass)
            tape_decide(im, cut);
    }
    if (size < im->room)
        memset(im->data + size, 0, im->room - size);
    im->size = size;
}

static bool tape_save(const struct tape_image *im, const char *folder, int file)
{
    char path[200];
    snprintf(path, sizeof path, "%s/factory.db%s", folder, file == TAPE_WAL ? "-wal" : "");
    FILE *out = fopen(path, "wb");
    bool ok = out && fwrite(im->data, 1, im->size, out) == im->size;
    return out && fclose(out) == 0 && ok;
}

/* Writes what the disk would hold after the cut into another folder. */
static bool tape_rebuild(struct tape_cut cut, const char *folder)
{
    bool ok = true;
    for (int file = 0; file < TAPE_FILES && ok; file++) {
        struct tape_image im = { .room = tape_highest(file, cut.op) };
        size_t safe = tape_last_sync(file, cut.op);
        im.data = calloc(1, im.room + 1);
        im.sectors = calloc(im.room / cut.sector + 2, sizeof *im.sectors);
        if (!im.data || !im.sectors)
            abort();
        for (size_t i = 0; i < safe; i++)
            if (tape.ops[i].file == file)
                tape_apply(&im, &tape.ops[i]);
        tape_lose(&im, &cut, file, safe);
        ok = tape_save(&im, folder, file);
        free(im.data);
        free(im.sectors);
    }
    return ok;
}
#endif
