/* SPDX-License-Identifier: Apache-2.0 */
#include "flex/folders.h"

#include "core/mem.h"
#include "flex/ubl_private.h"
#include "net/json_members.h"
#include "net/json_memory.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/ban.h"

enum { PLACE = 80 };

const char *const kp_order_column_words[] = { "number",      "quantity", "customer", "item",
                                              "description", "unit",     "due",      "operation",
                                              "name",        "machine",  "group",    "program",
                                              "cycle",       "setup",    NULL };

/* ---- members ---- */
/* ";", "," or "tab". */
static enum kp_code read_mark(const json_t *o, const char *where, const char *key,
                              const char *allowed, char *out, struct kp_err *err)
{
    const char *text;
    if (kp_member_text(o, where, key, false, &text, err) || !text || strcmp(text, "auto") == 0)
        return err->code;
    *out = strcmp(text, "tab") == 0 ? '\t' : text[0];
    bool good = strchr(allowed, *out) && (*out == '\t' || !text[1]);
    return good ? KP_OK
                : kp_fail(err, KP_EINVALID, "%s.%s: '%.20s' is none of auto, %s", where, key, text,
                          strchr(allowed, ';') ? "\";\", \",\", tab" : "\",\", \".\"");
}

static enum kp_code read_party(const json_t *folder, const char *where, const char *key,
                               struct kp_party *p, struct kp_err *err)
{
    static const char *const known[] = { "name",    "endpoint",     "scheme",
                                         "country", "registration", NULL };
    const json_t *o = json_object_get(folder, key);
    char place[PLACE];
    snprintf(place, sizeof place, "%s.%s", where, key);
    if (!o || json_is_null(o))
        return KP_OK;
    if (kp_members_known(o, place, known, err) ||
        kp_member_text(o, place, "name", true, &p->name, err) ||
        kp_member_text(o, place, "endpoint", false, &p->endpoint, err) ||
        kp_member_text(o, place, "scheme", p->endpoint != NULL, &p->scheme, err) ||
        kp_member_text(o, place, "country", false, &p->country, err) ||
        kp_member_text(o, place, "registration", false, &p->registration, err))
        return err->code;
    if (p->scheme && !ubl_is_code(UBL_ADDRESS_SCHEME, p->scheme))
        return kp_fail(err, KP_EINVALID,
                       "%s.scheme: '%.20s' is no scheme of addresses; 0106 is a Dutch KvK number, "
                       "0088 a GLN, 0208 a Belgian company",
                       place, p->scheme);
    if (p->scheme && strcmp(p->scheme, "0088") == 0 && !ubl_is_gln(p->endpoint ? p->endpoint : ""))
        return kp_fail(err, KP_EINVALID,
                       "%s.endpoint: '%.20s' is no GLN: its last digit does not go with the others",
                       place, p->endpoint ? p->endpoint : "");
    if (p->country && !ubl_is_code(UBL_COUNTRY, p->country))
        return kp_fail(err, KP_EINVALID, "%s.country: '%.20s' is no code such as NL", place,
                       p->country);
    return KP_OK;
}

static enum kp_code read_words(const json_t *folder, const char *where, const char *key,
                               struct kp_folder_word *words, size_t *n, struct kp_err *err)
{
    const json_t *o = json_object_get(folder, key);
    const char *theirs;
    json_t *v;
    char place[PLACE];
    snprintf(place, sizeof place, "%s.%s", where, key);
    if (o && !json_is_null(o) && !json_is_object(o))
        return kp_fail(err, KP_EINVALID, "%s: must be an object of their words and yours", place);
    json_object_foreach((json_t *)(uintptr_t)o, theirs, v)
    {
        struct kp_folder_word *w = &words[*n];
        w->theirs = theirs;
        if (kp_member_text(o, place, theirs, false, &w->ours, err))
            return err->code;
        *n += w->ours != NULL;
    }
    return KP_OK;
}

static enum kp_code read_columns(const json_t *folder, const char *where, struct kp_folder *f,
                                 struct kp_err *err)
{
    const json_t *o = json_object_get(folder, "columns");
    char place[PLACE];
    snprintf(place, sizeof place, "%s.columns", where);
    if (!o || json_is_null(o))
        return KP_OK;
    if (kp_members_known(o, place, kp_order_column_words, err))
        return err->code;
    for (size_t i = 0; i < KP_ORDER_COLUMNS && !err->code; i++)
        kp_member_text(o, place, kp_order_column_words[i], false, &f->columns[i], err);
    return err->code;
}

/* ---- a folder ---- */
static enum kp_code check_units(const struct kp_folder *f, const char *where, struct kp_err *err)
{
    for (size_t i = 0; i < f->n_units; i++)
        if (!ubl_is_unit(f->units[i].ours))
            return kp_fail(err, KP_EINVALID,
                           "%s.units: '%.20s' is no unit of UN/ECE rec 20; a piece is H87, an hour "
                           "HUR, a kilogram KGM",
                           where, f->units[i].ours);
    return KP_OK;
}

/* What Peppol wants to know of both. */
static enum kp_code check_parties(const struct kp_folder *f, const char *where, struct kp_err *err)
{
    const struct kp_party *both[] = { &f->own, &f->partner };
    static const char *const names[] = { "own", "partner" };
    if (f->currency && !ubl_is_code(UBL_CURRENCY, f->currency))
        return kp_fail(err, KP_EINVALID, "%s.currency: '%.20s' is no currency such as EUR", where,
                       f->currency);
    for (int i = 0; i < 2 && f->format == KP_FOLDER_PEPPOL; i++)
        if (!both[i]->endpoint || !both[i]->country)
            return kp_fail(err, KP_EINVALID,
                           "%s.%s: peppol needs its name, endpoint, scheme and country", where,
                           names[i]);
    return KP_OK;
}

static enum kp_code read_format(const json_t *o, const char *where, struct kp_folder *f,
                                struct kp_err *err)
{
    static const char *const formats[] = { "csv", "ubl21", "peppol", NULL },
                             *const encodings[] = { "auto", "utf-8", "windows-1252", NULL },
                             *const dates[] = { "auto", "dmy", "mdy", NULL },
                             *const times[] = { "", "seconds", "minutes", "hours", NULL },
                             *const changes[] = { "refuse", "replace", NULL },
                             *const languages[] = { "en", "nl", NULL };
    static const int64_t units[] = { 0, 1, 60, 3600 };
    int format = 0, encoding = 0, date = 0, time = 0, change = 0, language = 0;
    if (kp_member_choice(o, where, "format", formats, &format, err) ||
        kp_member_choice(o, where, "encoding", encodings, &encoding, err) ||
        kp_member_choice(o, where, "dates", dates, &date, err) ||
        kp_member_choice(o, where, "times", times, &time, err) ||
        kp_member_choice(o, where, "changes", changes, &change, err) ||
        kp_member_choice(o, where, "language", languages, &language, err) ||
        read_mark(o, where, "separator", ";,\t", &f->separator, err) ||
        read_mark(o, where, "decimal", ",.", &f->decimal, err))
        return err->code;
    f->format = (enum kp_folder_format)format;
    f->encoding = (enum kp_folder_encoding)encoding;
    f->dates = (enum kp_folder_dates)date;
    f->times = units[time] * KP_SECOND;
    f->replace = change == 1;
    f->dutch = language == 1;
    return KP_OK;
}

static enum kp_code read_name(const json_t *o, const char *where, struct kp_folder *f,
                              struct kp_err *err)
{
    if (kp_member_text(o, where, "name", true, &f->name, err) ||
        kp_member_text(o, where, "path", false, &f->path, err) ||
        kp_member_text(o, where, "sender", false, &f->sender, err) ||
        kp_member_text(o, where, "currency", false, &f->currency, err))
        return err->code;
    if (!kp_name_valid(f->name, strlen(f->name)) || *f->name == '.')
        return kp_fail(err, KP_EINVALID, "%s.name: '%.60s' is no name", where, f->name);
    if (f->path && (f->path[0] != '/' || strstr(f->path, "/../")))
        return kp_fail(err, KP_EINVALID,
                       "%s.path: '%.100s' is not the whole path of a folder, such as /srv/orders",
                       where, f->path);
    if (f->sender && strlen(f->sender) >= KP_NAME_MAX)
        return kp_fail(err, KP_EINVALID, "%s.sender: longer than %d bytes", where, KP_NAME_MAX - 1);
    return KP_OK;
}

static enum kp_code read_folder(const json_t *o, const char *where, struct kp_folders *all,
                                size_t *words, struct kp_err *err)
{
    static const char *const known[] = { "name",     "path",        "sender",   "format",
                                         "encoding", "separator",   "decimal",  "dates",
                                         "times",    "columns",     "machines", "units",
                                         "own",      "partner",     "currency", "language",
                                         "changes",  "acknowledge", "bookings", "quiet",
                                         "patience", NULL };
    struct kp_folder *f = &all->of[all->n];
    *f = (struct kp_folder){ .acknowledge = true,
                             .bookings = true,
                             .quiet = 2 * KP_SECOND,
                             .patience = 600 * KP_SECOND,
                             .machines = all->words + *words };
    if (kp_members_known(o, where, known, err) || read_name(o, where, f, err) ||
        read_format(o, where, f, err) || read_columns(o, where, f, err) ||
        read_words(o, where, "machines", f->machines, &f->n_machines, err))
        return err->code;
    f->units = f->machines + f->n_machines;
    if (read_words(o, where, "units", f->units, &f->n_units, err) || check_units(f, where, err) ||
        read_party(o, where, "own", &f->own, err) ||
        read_party(o, where, "partner", &f->partner, err) || check_parties(f, where, err) ||
        kp_member_truth(o, where, "acknowledge", &f->acknowledge, err) ||
        kp_member_truth(o, where, "bookings", &f->bookings, err) ||
        kp_member_duration(o, where, "quiet", &f->quiet, err))
        return err->code;
    *words += f->n_machines + f->n_units;
    return kp_member_duration(o, where, "patience", &f->patience, err);
}

static bool is_same_place(const struct kp_folder *a, const struct kp_folder *b)
{
    return a->path && b->path && strcmp(a->path, b->path) == 0;
}

static enum kp_code check_unique(const struct kp_folders *all, const char *where,
                                 struct kp_err *err)
{
    const struct kp_folder *f = &all->of[all->n];
    for (size_t i = 0; i < all->n; i++)
        if (strcmp(all->of[i].name, f->name) == 0 || is_same_place(&all->of[i], f))
            return kp_fail(err, KP_EINVALID, "%s: folder '%.60s' has this name or path too", where,
                           all->of[i].name);
    return KP_OK;
}

static enum kp_code read_all(struct kp_folders *all, struct kp_err *err)
{
    static const char *const known[] = { "folders", NULL };
    const json_t *list;
    size_t words = 0, used = 0;
    if (kp_members_known(all->document, "orders", known, err) ||
        kp_member_list(all->document, "orders", "folders", KP_FOLDERS_MAX, &list, err))
        return err->code;
    size_t n = json_array_size(list);
    for (size_t i = 0; i < n; i++)
        words += json_object_size(json_object_get(json_array_get(list, i), "machines")) +
                 json_object_size(json_object_get(json_array_get(list, i), "units"));
    if (words > KP_FOLDER_WORDS_MAX)
        return kp_fail(err, KP_EFULL, "folders: more than %d machines and units",
                       KP_FOLDER_WORDS_MAX);
    all->of = kp_alloc((n + 1) * sizeof *all->of);
    all->words = kp_alloc((words + 1) * sizeof *all->words);
    if (!all->of || !all->words)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    for (size_t i = 0; i < n && !err->code; i++) {
        char where[PLACE];
        snprintf(where, sizeof where, "folders[%zu]", i);
        if (!read_folder(json_array_get(list, i), where, all, &used, err) &&
            !check_unique(all, where, err))
            all->n++;
    }
    return err->code;
}

enum kp_code kp_folders_parse(const char *json, struct kp_folders *all, struct kp_err *err)
{
    *all = (struct kp_folders){ .document = kp_json_read(json, "orders", err) };
    return all->document ? read_all(all, err) : err->code;
}

void kp_folders_free(struct kp_folders *all)
{
    json_decref(all->document);
    kp_free(all->of);
    kp_free(all->words);
    *all = (struct kp_folders){ 0 };
}

const struct kp_folder *kp_folders_named(const struct kp_folders *all, const char *name)
{
    for (size_t i = 0; i < all->n; i++)
        if (strcmp(all->of[i].name, name) == 0)
            return &all->of[i];
    return NULL;
}

const char *kp_folder_word(const struct kp_folder_word *words, size_t n, const char *theirs)
{
    for (size_t i = 0; i < n; i++)
        if (strcasecmp(words[i].theirs, theirs) == 0)
            return words[i].ours;
    return NULL;
}
