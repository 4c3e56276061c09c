/* SPDX-License-Identifier: Apache-2.0 */
/* One file of in/: read, taken or refused, moved away. */
#include "flex/drop_private.h"

#include "core/folder.h"
#include "core/hub.h"
#include "core/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/ban.h"

enum { TARGET = 600, REASONS = 64 << 10 };

/* ---- the shop's word ---- */
struct places {
    struct kp_shop *s;
    const struct kp_settings *set;
};

static bool is_machine(void *arg, const char *word)
{
    const struct places *p = arg;
    return kp_path_valid(word) && order_asset(p->s, word);
}

static bool is_group(void *arg, const char *word)
{
    const struct places *p = arg;
    return kp_settings_group(p->set, word) != NULL;
}

/* What the shop has against an order, in the words of its file. */
static void refuse_order(struct kp_order_reading *r, size_t i, const struct kp_err *why)
{
    const char *number = r->orders[i].number ? r->orders[i].number : "";
    const char *differs = strstr(why->text, "content: ");
    if (why->code == KP_EEXISTS && differs)
        kp_order_fault(r, r->lines[i], 0, NULL,
                       "order '%.60s' came before, and now differs: %s. If it is to change, set "
                       "changes: replace of the folder; else give it a number of its own",
                       "order '%.60s' kwam al eerder, en verschilt nu: %s. Moet hij wijzigen, zet "
                       "dan bij de map changes: replace; geef hem anders een eigen nummer",
                       number, differs + strlen("content: "));
    else
        kp_order_fault(r, r->lines[i], 0, NULL, "order '%.60s' cannot be taken: %s",
                       "order '%.60s' kan niet worden aangenomen: %s", number, why->text);
}

static bool is_fault(enum kp_code code)
{
    return code == KP_EINVALID || code == KP_EEXISTS || code == KP_EFULL || code == KP_EPARSE;
}

/* Each order alone, so that all faults of a file are told at once. */
static enum kp_code judge_orders(struct kp_shop *s, struct kp_order_reading *r, struct kp_err *err)
{
    for (size_t i = 0; i < r->n && r->n_faults < KP_ORDER_FAULTS_MAX; i++) {
        struct kp_err why = { 0 };
        struct kp_order_taken taken;
        if (!kp_order_try(s, &r->orders[i], r->folder->replace, &taken, &why))
            continue;
        if (!is_fault(why.code))
            return kp_fail(err, why.code, "%s", why.text);
        refuse_order(r, i, &why);
    }
    return KP_OK;
}

enum kp_code drop_read(struct kp_shop *s, const struct kp_settings *set, struct kp_order_reading *r,
                       struct kp_buf *text, struct kp_err *err)
{
    struct places p = { s, set };
    const struct kp_order_places places = { is_machine, is_group, &p };
    r->places = &places;
    if (text->len > KP_ORDER_FILE_MAX)
        kp_order_fault(r, 0, 0, NULL, "the file is larger than %d MiB",
                       "het bestand is groter dan %d MiB", KP_ORDER_FILE_MAX >> 20);
    else if (r->folder->format == KP_FOLDER_CSV)
        kp_csv_orders(r, text);
    else
        kp_ubl_orders(r, text->data ? text->data : "", text->len);
    r->places = NULL;
    return r->starved ? kp_fail(err, KP_ENOMEM, "out of memory reading the file") : KP_OK;
}

/* ---- whether it is all there ---- */
/* Whether the last element that ends is the first one that began. */
static bool is_whole_xml(const char *text, size_t len)
{
    const char *end = text + len, *first = text, *last = NULL;
    while (len && strchr(" \t\r\n", text[len - 1]))
        len--;
    for (const char *p = text; p + 1 < end; p++)
        if (p[0] == '<' && p[1] == '/')
            last = p + 2;
    while (first + 1 < end && !(*first == '<' && first[1] != '?' && first[1] != '!'))
        first++;
    if (!last || first + 1 >= end)
        return false;
    size_t n = strcspn(++first, " \t\r\n/>");
    return strncmp(first, last, n) == 0 && strchr(" \t\r\n>", last[n]) && text[len - 1] == '>';
}

static bool is_whole(const struct kp_folder *f, struct kp_buf *text)
{
    const char *p = kp_buf_text(text);
    size_t n = text->len;
    if (!n)
        return false;
    if (f->format != KP_FOLDER_CSV)
        return is_whole_xml(p, n);
    bool wide = n > 2 && !p[n - 1] && p[n - 2] == '\n'; /* UTF-16, low byte first */
    return wide || p[n - 1] == '\n' || p[n - 1] == '\r';
}

static void tell_cut(struct kp_order_reading *r, struct kp_buf *text)
{
    unsigned lines = 1;
    for (size_t i = 0; i < text->len; i++)
        lines += text->data[i] == '\n';
    if (!text->len)
        kp_order_fault(r, 0, 0, NULL, "the file is empty", "het bestand is leeg");
    else
        kp_order_fault(
            r, lines, 0, NULL,
            "the file ends in the middle of this line: it was not written whole, or its "
            "last line has no end. Drop it again whole; a program best writes it under "
            "another name (.tmp) and renames it then",
            "het bestand houdt midden in deze regel op: het is niet geheel geschreven, of "
            "zijn laatste regel heeft geen einde. Zet het er opnieuw geheel in; een "
            "programma schrijft het best onder een andere naam (.tmp) en hernoemt het dan");
}

/* ---- away with it ---- */
/* Whether what stands under that name is what was read. */
static bool is_still(int dir, const char *name, const struct stat *read)
{
    struct stat now;
    return fstatat(dir, name, &now, AT_SYMLINK_NOFOLLOW) == 0 && now.st_ino == read->st_ino &&
           now.st_size == read->st_size && now.st_mtim.tv_sec == read->st_mtim.tv_sec &&
           now.st_mtim.tv_nsec == read->st_mtim.tv_nsec;
}

/* Another file may have taken the name while this one was read: then that one goes back, to be read
 * in its turn. */
static enum kp_code move(struct drop_folder *d, const char *name, const char *to,
                         const struct stat *read, char target[TARGET], struct kp_err *err)
{
    char from[TARGET];
    snprintf(from, sizeof from, "in/%s", name);
    if (!is_still(d->root, from, read))
        return KP_OK;
    mkdirat(d->root, to, 0755); /* it is there, unless somebody removed it */
    kp_file_free_name(d->root, to, name, target, TARGET);
    if (renameat(d->root, from, d->root, target))
        return kp_fail(err, KP_EPEER, "in/%.60s cannot be moved to %s: %s", name, to,
                       strerror(errno));
    if (!is_still(d->root, target, read)) {
        kp_file_free_name(d->root, "in", name, from, sizeof from);
        if (renameat(d->root, target, d->root, from))
            return kp_fail(err, KP_EPEER, "%s/%.60s cannot be moved back: %s", to, name,
                           strerror(errno));
        *target = 0;
    }
    return KP_OK;
}

static bool write_all(int fd, const char *text, size_t n)
{
    while (n) {
        ssize_t put = write(fd, text, n);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return false;
        text += put;
        n -= (size_t)put;
    }
    return true;
}

static enum kp_code write_reason(struct drop_folder *d, const char *name, const char *nl,
                                 const char *en, struct kp_err *err)
{
    struct kp_buf text;
    kp_buf_init(&text, 3 * REASONS);
    kp_buf_printf(&text,
                  "Dit bestand is niet aangenomen; er is niets van overgenomen.\n%s\n"
                  "This file was not taken; nothing of it was used.\n%s",
                  nl, en);
    int fd = openat(d->root, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    bool good = fd >= 0 && !text.failed && write_all(fd, text.data, text.len);
    if (fd >= 0)
        good &= !close(fd);
    if (!good)
        kp_fail(err, KP_EPEER, "%.200s cannot be written: %s", name, strerror(errno));
    kp_buf_free(&text);
    return err->code;
}

/* ---- one file ---- */
struct taking {
    struct kp_inbox *inbox;
    struct drop_folder *d;
    const char *file;       /* its name in in/ */
    char name[3 * 256 + 1]; /* the same for people: UTF-8 */
    struct stat read;
    struct kp_order_reading *r;
    uint64_t hash;
};

/* To error/, behind its reason, so that no file stands there without one. */
static enum kp_code put_aside(struct taking *t, const char *nl, const char *en, struct kp_err *err)
{
    char target[TARGET], reason[TARGET + 8], moved[TARGET] = "";
    mkdirat(t->d->root, "error", 0755);
    kp_file_free_name(t->d->root, "error", t->file, target, sizeof target);
    snprintf(reason, sizeof reason, "%s.txt", target);
    if (write_reason(t->d, reason, nl, en, err))
        return err->code;
    move(t->d, t->file, "error", &t->read, moved, err);
    if (!*moved)
        unlinkat(t->d->root, reason, 0);
    return err->code;
}

static enum kp_code refuse(struct taking *t, struct kp_err *err)
{
    struct kp_buf nl, en;
    kp_buf_init(&nl, REASONS);
    kp_buf_init(&en, REASONS);
    kp_order_faults_print(t->r, true, &nl);
    kp_order_faults_print(t->r, false, &en);
    struct drop_entry e = { t->d->set->name,  t->name, "refused", kp_buf_text(&en),
                            kp_buf_text(&nl), t->hash, 0 };
    if (nl.failed || en.failed)
        kp_fail(err, KP_ENOMEM, "out of memory");
    else if (!drop_note(t->inbox->shop, &e, err))
        put_aside(t, kp_buf_text(&nl), kp_buf_text(&en), err);
    kp_info("orders", "a file was refused", "folder=%s file=%s faults=%zu", t->d->set->name,
            kp_log_quote(t->name), t->r->n_faults);
    kp_buf_free(&nl);
    kp_buf_free(&en);
    return err->code;
}

/* Who sends an order once more wants its answer once more; but a crash may have left the file here
 * since it was taken. */
static enum kp_code answer_again(struct taking *t, const struct kp_order_taken *taken, int64_t last,
                                 struct kp_err *err)
{
    int64_t came = (int64_t)t->read.st_ctim.tv_sec * KP_SECOND + t->read.st_ctim.tv_nsec;
    for (size_t i = 0; i < t->r->n && came > last && !err->code; i++)
        if (taken[i].repeated && t->r->orders[i].confirmation)
            kp_order_tell_again(t->inbox->shop, taken[i].id, err);
    return err->code;
}

static enum kp_code take_orders(struct taking *t, struct kp_err *err)
{
    struct kp_order_reading *r = t->r;
    struct kp_order_receipt receipt = { t->d->set->name, t->name, &t->hash, sizeof t->hash };
    struct kp_order_taken *taken = kp_alloc((r->n + 1) * sizeof *taken);
    struct drop_entry e = { .folder = t->d->set->name, .name = t->name, .hash = t->hash };
    struct kp_err why = { 0 };
    int64_t last = KP_NO_TIME;
    if (!taken || drop_last(t->inbox->shop, &e, &last, err)) {
        kp_free(taken);
        return kp_fail(err, KP_ENOMEM, "out of memory");
    }
    for (size_t i = 0; i < r->n; i++)
        r->orders[i].source = t->name;
    kp_orders_take(t->inbox->shop, r->orders, r->n, t->d->set->replace, &receipt, taken, &why);
    if (is_fault(why.code) && !judge_orders(t->inbox->shop, r, err) && !r->n_faults)
        kp_order_fault(r, 0, 0, NULL, "%s", "het bestand kan niet worden aangenomen: %s", why.text);
    else if (why.code && !is_fault(why.code))
        kp_fail(err, why.code, "%s", why.text);
    else if (!why.code)
        answer_again(t, taken, last, err);
    t->d->written = 0; /* one that is replaced may have been another folder's */
    kp_free(taken);
    return err->code;
}

/* Our order that an answer speaks of; 0: there is none. Sets when it is due. */
static int64_t order_of(struct taking *t, const char *number, int64_t *due, struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    struct kp_order *list;
    size_t n;
    bool more = true;
    int64_t id = 0;
    struct kp_order_query q = {
        .state = "all", .direction = "out", .folder = t->d->set->name, .q = number, .limit = 50
    };
    while (more && !id && !kp_orders_list(t->inbox->shop, &q, &arena, &list, &n, &more, err)) {
        for (size_t i = 0; i < n; i++) {
            q.after = list[i].id;
            if (strcmp(list[i].number, number) != 0)
                continue;
            id = list[i].id;
            *due = list[i].due;
        }
        kp_arena_reset(&arena);
    }
    kp_arena_free(&arena);
    return id;
}

static enum kp_code take_answer(struct taking *t, struct kp_err *err)
{
    struct kp_order_answer *a = &t->r->answer;
    struct kp_err why = { 0 };
    int64_t due = KP_NO_TIME, id = order_of(t, a->number, &due, err);
    if (err->code)
        return err->code;
    if (a->says.promised == KP_NO_TIME && strcmp(a->says.answer, "changed") == 0)
        a->says.promised = due; /* something else is changed */
    if (!id)
        kp_order_fault(t->r, 0, 0, NULL,
                       "the answer is to order '%.60s', which did not go out through this folder",
                       "het antwoord is op order '%.60s', die niet via deze map is uitgegaan",
                       a->number);
    else if (kp_orders_confirm(t->inbox->shop, id, &a->says, &why) && is_fault(why.code))
        kp_order_fault(t->r, 0, 0, NULL, "the answer cannot be taken: %s",
                       "het antwoord kan niet worden aangenomen: %s", why.text);
    else if (why.code)
        return kp_fail(err, why.code, "%s", why.text);
    if (t->r->n_faults)
        return KP_OK;
    struct drop_entry e = { t->d->set->name, t->name, "taken", NULL, NULL, t->hash, 1 };
    return drop_note(t->inbox->shop, &e, err);
}

static enum kp_code finish(struct taking *t, struct kp_err *err)
{
    char target[TARGET] = "";
    if (!t->r->n_faults && t->r->answer.number)
        take_answer(t, err);
    else if (!t->r->n_faults)
        take_orders(t, err);
    if (err->code)
        return err->code;
    return t->r->n_faults ? refuse(t, err) : move(t->d, t->file, "done", &t->read, target, err);
}

static enum kp_code read_and_take(struct taking *t, struct kp_buf *text, bool late,
                                  struct kp_err *err)
{
    struct shop_rules rules;
    if (t->read.st_size <= KP_ORDER_FILE_MAX && !is_whole(t->d->set, text)) {
        if (!late)
            return kp_fail(err, KP_ETIMEOUT, "in/%.60s is not whole yet", t->name);
        tell_cut(t->r, text);
    } else {
        if (!shop_rules(t->inbox->shop, &rules, err))
            drop_read(t->inbox->shop, &rules.settings, t->r, text, err);
        shop_rules_free(&rules);
    }
    return err->code ? err->code : finish(t, err);
}

/* All of it, and that it did not change meanwhile. */
static enum kp_code read_file(int fd, struct taking *t, struct kp_buf *text, struct kp_err *err)
{
    char piece[16 << 10];
    ssize_t n = 0;
    struct stat after;
    if (fstat(fd, &t->read) || !S_ISREG(t->read.st_mode))
        return kp_fail(err, KP_EPEER, "in/%.60s is no file", t->name);
    while (text->len <= KP_ORDER_FILE_MAX && (n = read(fd, piece, sizeof piece)) > 0) {
        t->hash = kp_hash(t->hash, piece, (size_t)n);
        kp_buf_add(text, piece, (size_t)n);
    }
    if (n < 0)
        return kp_fail(err, KP_EPEER, "in/%.60s cannot be read: %s", t->name, strerror(errno));
    if (text->failed)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    if (fstat(fd, &after) || after.st_size != t->read.st_size ||
        (text->len <= KP_ORDER_FILE_MAX && (int64_t)text->len != after.st_size))
        return kp_fail(err, KP_ETIMEOUT, "in/%.60s is being written", t->name);
    return KP_OK;
}

enum kp_code drop_take(struct kp_inbox *inbox, struct drop_folder *d, const struct drop_file *f,
                       bool late, struct kp_err *err)
{
    struct kp_buf text;
    struct taking t = { .inbox = inbox, .d = d, .file = f->name, .hash = KP_HASH_START };
    kp_utf8_clean(t.name, sizeof t.name, f->name, strlen(f->name));
    int fd = openat(d->in, f->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOENT ? KP_OK
                               : kp_fail(err, KP_EPEER, "in/%.60s cannot be opened: %s", t.name,
                                         strerror(errno));
    kp_buf_init(&text, KP_ORDER_FILE_MAX + (32 << 10));
    t.r = kp_alloc(sizeof *t.r);
    if (!t.r) {
        kp_fail(err, KP_ENOMEM, "out of memory");
    } else {
        kp_order_reading_begin(t.r, d->set, NULL);
        if (!read_file(fd, &t, &text, err))
            read_and_take(&t, &text, late, err);
        kp_order_reading_free(t.r);
    }
    kp_free(t.r);
    kp_buf_free(&text);
    close(fd);
    return err->code;
}

/* ---- without taking it ---- */
static void put_orders(struct kp_json *j, const struct kp_order_reading *r)
{
    kp_json_key(j, "orders");
    kp_json_begin(j, '[');
    for (size_t i = 0; i < r->n; i++) {
        const struct kp_order_in *o = &r->orders[i];
        kp_json_begin(j, '{');
        kp_json_put_text(j, "sender", o->sender);
        kp_json_put_text(j, "number", o->number);
        if (o->customer)
            kp_json_put_text(j, "customer", o->customer);
        if (o->item)
            kp_json_put_text(j, "item", o->item);
        if (o->quantity > 0) {
            kp_json_key(j, "quantity");
            kp_json_double(j, o->quantity);
        }
        if (o->due != KP_NO_TIME)
            kp_json_put_time(j, "due", o->due);
        kp_json_put_int(j, "operations", (int64_t)o->n);
        kp_json_end(j, '}');
    }
    kp_json_end(j, ']');
}

static void put_faults(struct kp_json *j, const struct kp_order_reading *r)
{
    kp_json_key(j, "faults");
    kp_json_begin(j, '[');
    for (size_t i = 0; i < r->n_faults && i < KP_ORDER_FAULTS_MAX; i++) {
        const struct kp_order_fault *f = &r->faults[i];
        kp_json_begin(j, '{');
        if (f->line)
            kp_json_put_int(j, "line", f->line);
        if (f->column)
            kp_json_put_int(j, "column", f->column);
        if (f->header)
            kp_json_put_text(j, "header", f->header);
        kp_json_put_text(j, "en", f->en);
        kp_json_put_text(j, "nl", f->nl);
        kp_json_end(j, '}');
    }
    kp_json_end(j, ']');
}

static enum kp_code try_file(struct kp_shop *s, const struct kp_folders *all, const char *folder,
                             struct kp_buf *text, struct kp_order_reading *r, struct kp_err *err)
{
    struct shop_rules rules;
    const struct kp_folder *f = kp_folders_named(all, folder);
    if (!f)
        return kp_fail(err, KP_ENOTFOUND, "there is no folder '%.60s' of orders", folder);
    kp_order_reading_begin(r, f, NULL);
    if (!is_whole(f, text)) {
        tell_cut(r, text);
        return KP_OK;
    }
    if (!shop_rules(s, &rules, err) && !drop_read(s, &rules.settings, r, text, err) && !r->n_faults)
        judge_orders(s, r, err);
    shop_rules_free(&rules);
    return err->code;
}

enum kp_code kp_inbox_try(struct kp_shop *s, const char *folder, const void *file, size_t len,
                          struct kp_json *j, struct kp_err *err)
{
    struct kp_buf document, text;
    struct kp_folders all = { 0 };
    struct kp_order_reading *r = kp_alloc(sizeof *r);
    kp_buf_init(&document, KP_FOLDERS_TEXT + 16);
    kp_buf_init(&text, len + 1);
    kp_buf_add(&text, file, len);
    if (!r || text.failed)
        kp_fail(err, KP_ENOMEM, "out of memory");
    else if (!kp_shop_stored_document(s, KP_SHOP_FOLDERS, &document, err) &&
             !kp_folders_parse(kp_buf_text(&document), &all, err) &&
             !try_file(s, &all, folder, &text, r, err)) {
        kp_json_begin(j, '{');
        kp_json_put_text(j, "folder", folder);
        put_orders(j, r);
        put_faults(j, r);
        kp_json_put_bool(j, "good", !r->n_faults);
        kp_json_end(j, '}');
    }
    if (r)
        kp_order_reading_free(r);
    kp_free(r);
    kp_folders_free(&all);
    kp_buf_free(&document);
    kp_buf_free(&text);
    return err->code;
}
