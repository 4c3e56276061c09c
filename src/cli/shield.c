/* SPDX-License-Identifier: Apache-2.0 */
/* shield: an inventory and advisories in files matched, without a node. */
#include "cli/cli.h"
#include "core/csv.h"
#include "net/json_memory.h"
#include "shield/match.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/ban.h"

struct matching {
    struct kp_cli *cli;
    struct kp_buf text;
    char **ids; /* of the devices */
    struct kp_device *device;
    size_t n, room, id_room;
    struct kp_arena arena;
    struct kp_devices *devices;
    const struct kp_advisory *advisory;
    size_t unusable;
};

static const char *const columns[][4] = {
    { "id", "asset", "path" },
    { "manufacturer", "manufacturername", "vendor" },
    { "product", "manufacturerproductdesignation", "name" },
    { "order_number", "order_code", "ordercode", "articlenumber" },
    { "serial", "serialnumber", "serial_number" },
    { "firmware", "firmwareversion", "version", "softwareversion" },
    { "cpe" },
    { "purl" },
};
enum { COLUMNS = sizeof columns / sizeof *columns };

static enum kp_code add_row(struct matching *m, const struct kp_csv *csv, const size_t at[COLUMNS],
                            struct kp_err *err)
{
    char *cell[COLUMNS];
    for (size_t i = 0; i < COLUMNS; i++)
        if (!(cell[i] = kp_arena_strdup(&m->arena, at[i] < csv->n ? csv->cell[at[i]] : "")))
            return kp_fail(err, KP_ENOMEM, "out of memory");
    if (!kp_grow(&m->device, &m->room, m->n + 1, sizeof *m->device) ||
        !kp_grow(&m->ids, &m->id_room, m->n + 1, sizeof *m->ids))
        return kp_fail(err, KP_ENOMEM, "out of memory");
    m->ids[m->n] = cell[0];
    m->device[m->n] = (struct kp_device){ cell[1], cell[2], cell[3], cell[4],
                                          cell[5], cell[6], cell[7], (uint32_t)m->n };
    m->n++;
    return KP_OK;
}

static enum kp_code read_inventory(struct matching *m, const char *file, struct kp_err *err)
{
    struct kp_buf text;
    struct kp_csv csv;
    size_t at[COLUMNS];
    if (kp_read_file(file, &text, err))
        return err->code;
    (void)kp_buf_text(&text);
    kp_csv_begin(&csv, text.data, text.len);
    if (!text.len || kp_csv_next(&csv, err))
        kp_fail(err, KP_EPARSE, "the file is empty");
    for (size_t i = 0; i < COLUMNS && !err->code; i++) {
        const char *words[] = { columns[i][0], columns[i][1], columns[i][2], columns[i][3], NULL };
        at[i] = kp_csv_find(&csv, words);
    }
    if (!err->code && at[0] == SIZE_MAX)
        kp_fail(err, KP_EPARSE, "there is no column id in its first line");
    while (!err->code && kp_csv_more(&csv))
        if (!kp_csv_next(&csv, err) && !kp_csv_empty(&csv))
            add_row(m, &csv, at, err);
    kp_csv_end(&csv);
    kp_buf_free(&text);
    return err->code ? kp_context(err, "%s", file) : KP_OK;
}

static void print(void *arg, const struct kp_finding *f)
{
    struct matching *m = arg;
    char reason[KP_VERSION_WHY + 120], score[16] = "";
    snprintf(reason, sizeof reason, "%s; %s", kp_match_rule_text(f->rule), f->why);
    if (f->score >= 0)
        snprintf(score, sizeof score, "%.1f", f->score);
    kp_csv_text(m->ids[f->device]);
    putchar(',');
    kp_csv_text(m->advisory->id);
    printf(",%s,%s,", kp_verdict_word(f->verdict), score);
    kp_csv_text(m->advisory->product[f->product].id);
    putchar(',');
    kp_csv_text(reason);
    putchar('\n');
}

static void match_file(void *arg, const char *path)
{
    struct matching *m = arg;
    struct kp_err err = { 0 };
    struct kp_arena arena = { 0 };
    struct kp_advisory a;
    if (!kp_read_document(path, &m->text, &err) &&
        !kp_advisory_load(kp_buf_text(&m->text), m->text.len, NULL, &arena, NULL, &a, &err)) {
        m->advisory = &a;
        kp_devices_match(m->devices, &a, print, m, &err);
    }
    if (err.code) {
        m->unusable++;
        fprintf(stderr, "%s: %s\n", path, err.text);
    }
    kp_arena_free(&arena);
}

static int match(struct kp_cli *c)
{
    const char *inventory = kp_flag(c, "inventory"), *folder = kp_flag(c, "advisories");
    struct matching m = { .cli = c };
    struct kp_err err = { 0 };
    if (!inventory || !folder)
        return kp_complain(c, KP_MISUSE, "match needs --inventory FILE and --advisories DIR");
    kp_json_memory_init();
    kp_buf_init(&m.text, KP_CSAF_BYTES_MAX);
    if (!read_inventory(&m, inventory, &err) && !(m.devices = kp_devices_new(m.device, m.n, NULL)))
        kp_fail(&err, KP_ENOMEM, "out of memory");
    if (!err.code) {
        printf("asset,advisory,status,score,product,reason\n");
        if (!kp_each_json_file(folder, match_file, &m))
            kp_fail(&err, KP_EIO, "%s: %s", folder, strerror(errno));
    }
    kp_devices_free(m.devices);
    kp_free(m.device);
    kp_free(m.ids);
    kp_arena_free(&m.arena);
    kp_buf_free(&m.text);
    return err.code ? kp_fault(c, &err) : m.unusable ? KP_FAILED : KP_DONE;
}

int kp_verb_shield(struct kp_cli *c)
{
    if (strcmp(c->argv[0], "match") == 0)
        return match(c);
    return kp_complain(c, KP_MISUSE, "'%s' is not match", c->argv[0]);
}
