/* SPDX-License-Identifier: Apache-2.0 */
/* What goes to out/: bookings, answers to orders, orders we place. Each file is written aside and
 * synced, then marked in the data file, then renamed; after a crash what was marked is renamed and
 * what was not is written anew. */
#include "flex/drop_private.h"

#include "core/encoding.h"
#include "core/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/ban.h"

enum { NAME = 200, AT_ONCE = 1000, ORDERS_AT_ONCE = 20, FILE_MOST = 16 << 20 };

/* A file on its way, and what is marked when it is durable. */
struct leaving {
    char name[NAME]; /* in out/; until it is marked it stands there as .NAME.part */
    const struct kp_buf *text;
    /* Not *marked: it says no longer what is true. */
    enum kp_code (*mark)(struct kp_shop *, const void *, bool *marked, struct kp_err *);
    const void *arg;
};

static void aside(const char *name, char out[NAME + 8])
{
    snprintf(out, NAME + 8, ".%s.part", name);
}

static enum kp_code failed(const char *name, const char *what, struct kp_err *err)
{
    return kp_fail(err, KP_EPEER, "out/%.80s cannot be %s: %s", name, what, strerror(errno));
}

static enum kp_code write_aside(const struct drop_folder *d, const struct leaving *l,
                                struct kp_err *err)
{
    char part[NAME + 8];
    aside(l->name, part);
    int fd = openat(d->out, part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    bool good = fd >= 0;
    for (size_t done = 0; good && done < l->text->len;) {
        ssize_t n = write(fd, l->text->data + done, l->text->len - done);
        good = n > 0 || (n < 0 && errno == EINTR);
        done += n > 0 ? (size_t)n : 0;
    }
    good = good && !fsync(fd) && !fsync(d->out);
    if (!good)
        failed(l->name, "written", err);
    if (fd >= 0)
        close(fd);
    return err->code;
}

static enum kp_code show(const struct drop_folder *d, const char *name, struct kp_err *err)
{
    char part[NAME + 8];
    aside(name, part);
    return renameat(d->out, part, d->out, name) || fsync(d->out) ? failed(name, "renamed", err)
                                                                 : KP_OK;
}

static enum kp_code leave(struct kp_shop *s, struct drop_folder *d, const struct leaving *l,
                          struct kp_err *err)
{
    if (l->text->failed)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    bool marked = false;
    if (write_aside(d, l, err) || l->mark(s, l->arg, &marked, err))
        return err->code;
    d->recovered = false; /* until it is seen under its name */
    if (!marked || show(d, l->name, err))
        return err->code;
    d->recovered = true;
    kp_info("orders", "a file went out", "folder=%s file=%s", d->set->name, l->name);
    return err->code;
}

/* ---- after a crash ---- */
/* 1: marked, 0: not, -1: failed. */
static int ask(struct kp_shop *s, const char *sql, int64_t id, const char *word, struct kp_err *err)
{
    int marked = -1;
    struct kp_db *db = kp_store_reader(s->store, err);
    struct kp_stmt *get = db ? kp_db_prepare(db, sql, err) : NULL;
    if (get) {
        kp_bind_int(get, 1, id);
        if (word)
            kp_bind_text(get, 2, word);
        bool there = kp_step(get, err);
        marked = err->code ? -1 : there;
        kp_reset(get);
    }
    if (db)
        kp_store_reader_done(s->store, db);
    return marked;
}

static int is_marked(struct kp_shop *s, const char *name, struct kp_err *err)
{
    int64_t id;
    char word[20] = "";
    if (sscanf(name, "bookings-%" SCNd64 "-", &id) == 1)
        return ask(s, "select 1 from booking where id = ? and written is not null", id, NULL, err);
    if (sscanf(name, "answer-%" SCNd64 "-%19[a-z]", &id, word) == 2)
        return ask(s, "select 1 from work_order where id = ? and told = ?", id, word, err);
    if (sscanf(name, "order-%" SCNd64, &id) == 1)
        return ask(s, "select 1 from work_order where id = ? and sent is not null", id, NULL, err);
    return 0;
}

static enum kp_code settle(struct kp_shop *s, struct drop_folder *d, const char *part,
                           struct kp_err *err)
{
    char name[NAME];
    size_t n = strlen(part);
    if (n < 7 || n - 6 >= sizeof name || *part != '.' || strcmp(part + n - 5, ".part") != 0)
        return KP_OK;
    snprintf(name, sizeof name, "%.*s", (int)(n - 6), part + 1);
    int marked = is_marked(s, name, err);
    if (marked == 1)
        return show(d, name, err);
    if (!marked && unlinkat(d->out, part, 0) && errno != ENOENT)
        failed(part, "removed", err);
    return err->code;
}

static enum kp_code recover(struct kp_shop *s, struct drop_folder *d, struct kp_err *err)
{
    int fd = openat(d->out, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!dir) {
        if (fd >= 0)
            close(fd);
        return failed(".", "read", err);
    }
    for (struct dirent *e; !err->code && (e = readdir(dir));)
        settle(s, d, e->d_name, err);
    closedir(dir);
    d->recovered = !err->code;
    return err->code;
}

/* ---- bookings ---- */
static const char *const heads[][2] = { { "booking", "boeking" },
                                        { "number", "ordernummer" },
                                        { "operation", "bewerking" },
                                        { "item", "artikel" },
                                        { "machine", "machine" },
                                        { "start", "begin" },
                                        { "end", "einde" },
                                        { "good", "goed" },
                                        { "scrap", "afkeur" },
                                        { "running (min)", "draaitijd (min)" },
                                        { "setup (min)", "insteltijd (min)" },
                                        { "other (min)", "overig (min)" },
                                        { "who", "wie" },
                                        { "comment", "opmerking" } };
enum { HEADS = sizeof heads / sizeof *heads };

struct sheet {
    struct kp_buf text;
    char separator, decimal;
};

static void cell(struct sheet *s, bool first, const char *text)
{
    char special[] = { s->separator, '"', '\n', 0 };
    const char *p = text ? text : "";
    if (!first)
        kp_buf_add(&s->text, &s->separator, 1);
    if (!strpbrk(p, special)) {
        kp_buf_str(&s->text, p);
        return;
    }
    kp_buf_str(&s->text, "\"");
    for (; *p; p++)
        kp_buf_add(&s->text, *p == '"' ? "\"\"" : p, *p == '"' ? 2 : 1);
    kp_buf_str(&s->text, "\"");
}

static void whole_cell(struct sheet *s, bool first, int64_t n)
{
    char text[32];
    snprintf(text, sizeof text, "%" PRId64, n);
    cell(s, first, text);
}

static void minutes_cell(struct sheet *s, int64_t ns)
{
    char text[48];
    snprintf(text, sizeof text, "%.2f", (double)ns / (60.0 * (double)KP_SECOND));
    char *point = strchr(text, '.');
    if (point)
        *point = s->decimal;
    cell(s, false, text);
}

/* On the clock on the wall, with its offset: at night one hour is there twice a year. */
static void time_cell(struct sheet *s, int64_t at)
{
    char text[40], offset[8];
    struct tm local;
    kp_time_local(at, &local);
    if (!strftime(text, 24, "%Y-%m-%dT%H:%M:%S", &local) ||
        !strftime(offset, sizeof offset, "%z", &local))
        return;
    size_t n = strlen(text);
    snprintf(text + n, sizeof text - n, "%.3s:%.2s", offset, offset + 3);
    cell(s, false, text);
}

/* The other side's word for a machine, when it has one. */
static const char *their_machine(const struct kp_folder *f, const char *path)
{
    for (size_t i = 0; path && i < f->n_machines; i++)
        if (strcmp(f->machines[i].ours, path) == 0)
            return f->machines[i].theirs;
    return path;
}

static const char *head_of(const struct kp_folder *f, size_t i)
{
    static const int mapped[HEADS] = { -1, KP_COLUMN_NUMBER, KP_COLUMN_OPERATION, KP_COLUMN_ITEM,
                                       KP_COLUMN_MACHINE };
    int column = i < 5 ? mapped[i] : -1;
    const char *theirs = column >= 0 ? f->columns[column] : NULL;
    return theirs ? theirs : heads[i][f->dutch];
}

static void put_booking(struct sheet *s, const struct kp_folder *f, const struct kp_booking *b)
{
    whole_cell(s, true, b->id);
    cell(s, false, b->number);
    cell(s, false, b->operation_number);
    cell(s, false, b->item);
    cell(s, false, their_machine(f, b->asset));
    time_cell(s, b->start);
    time_cell(s, b->end);
    whole_cell(s, false, b->good);
    whole_cell(s, false, b->scrap);
    minutes_cell(s, b->running);
    minutes_cell(s, b->setup);
    minutes_cell(s, b->other);
    cell(s, false, b->who);
    cell(s, false, b->comment);
    kp_buf_str(&s->text, "\r\n");
}

/* The gate of this exit: a folder is for other programs of the company. */
static bool may_leave(struct kp_shop *s, const struct kp_booking *b)
{
    struct kp_model *m = kp_hub_model(s->hub);
    kp_model_lock(m);
    kp_asset id = b->asset ? kp_model_find_asset(m, b->asset) : 0;
    bool may = id && kp_gate_asset(m, KP_TO_COMPANY, id);
    kp_model_unlock(m);
    return may;
}

static void put_bookings(struct kp_shop *shop, struct sheet *s, const struct kp_folder *f,
                         const struct kp_booking *list, size_t n)
{
    bool comma = f->decimal ? f->decimal == ',' : f->dutch;
    s->decimal = comma ? ',' : '.';
    s->separator = f->separator ? f->separator : comma ? ';' : ',';
    kp_buf_init(&s->text, FILE_MOST);
    for (size_t i = 0; i < HEADS; i++)
        cell(s, !i, head_of(f, i));
    kp_buf_str(&s->text, "\r\n");
    for (size_t i = 0; i < n; i++)
        if (may_leave(shop, &list[i]))
            put_booking(s, f, &list[i]);
    if (f->encoding == KP_ENCODING_1252)
        s->text.failed |= !kp_utf8_to_1252(&s->text);
}

struct written {
    const int64_t *ids;
    size_t n;
};

static enum kp_code mark_bookings(struct kp_shop *s, const void *arg, bool *marked,
                                  struct kp_err *err)
{
    const struct written *w = arg;
    *marked = !kp_bookings_written(s, w->ids, w->n, err);
    return err->code;
}

static enum kp_code leave_bookings(struct kp_shop *s, struct drop_folder *d,
                                   const struct kp_booking *list, size_t n, struct kp_err *err)
{
    struct sheet sheet;
    int64_t *ids = kp_alloc(n * sizeof *ids);
    if (!ids)
        return kp_fail(err, KP_ENOMEM, "out of memory");
    for (size_t i = 0; i < n; i++)
        ids[i] = list[i].id;
    struct written w = { ids, n };
    struct leaving l = { .text = &sheet.text, .mark = mark_bookings, .arg = &w };
    snprintf(l.name, sizeof l.name, "bookings-%" PRId64 "-%" PRId64 ".csv", ids[0], ids[n - 1]);
    put_bookings(s, &sheet, d->set, list, n);
    leave(s, d, &l, err);
    kp_buf_free(&sheet.text);
    kp_free(ids);
    return err->code;
}

static int64_t number_of(struct kp_db *db, const char *sql, int64_t from, const char *folder,
                         struct kp_err *err)
{
    struct kp_stmt *get = kp_db_prepare(db, sql, err);
    if (!get)
        return 0;
    if (folder) {
        kp_bind_int(get, 1, from);
        kp_bind_text(get, 2, folder);
    }
    int64_t n = kp_step(get, err) ? kp_column_int(get, 0) : 0;
    kp_reset(get);
    return n;
}

/* Whether there is one to go out. Bookings that have ended do not change, so those that were looked
 * at once are not looked at again; the first that goes on is where the next look begins. */
static bool has_bookings(struct kp_shop *s, struct drop_folder *d, struct kp_err *err)
{
    static const char up_to[] =
        "select coalesce((select min(id) - 1 from booking where \"end\" is null), (select max(id) "
        "from booking), 0)";
    static const char first[] =
        "select b.id from booking b join operation o on o.id = b.operation join work_order w on "
        "w.id = o.work_order where b.id > ?1 and b.written is null and b.\"end\" is not null and "
        "w.folder = ?2 order by b.id limit 1";
    struct kp_db *db = kp_store_reader(s->store, err);
    if (!db)
        return false;
    int64_t end = number_of(db, up_to, 0, NULL, err),
            id = err->code ? 0 : number_of(db, first, d->written, d->set->name, err);
    kp_store_reader_done(s->store, db);
    if (!err->code && !id)
        d->written = end;
    return id > 0;
}

static enum kp_code bookings_out(struct kp_shop *s, struct drop_folder *d, struct kp_err *err)
{
    if (!has_bookings(s, d, err))
        return err->code;
    struct kp_arena arena = { 0 };
    struct kp_booking *list;
    size_t n;
    bool more;
    struct kp_booking_query q = { .from = KP_NO_TIME,
                                  .to = KP_NO_TIME,
                                  .folder = d->set->name,
                                  .after = d->written,
                                  .unwritten = true,
                                  .limit = AT_ONCE };
    if (!kp_bookings_list(s, &q, &arena, &list, &n, &more, err) && n)
        leave_bookings(s, d, list, n, err);
    kp_arena_free(&arena);
    return err->code;
}

/* ---- answers, and orders we place ---- */
static enum kp_code mark_order(struct kp_shop *s, const void *arg, bool *marked, struct kp_err *err)
{
    return kp_order_told(s, arg, marked, err);
}

/* Sets name and text. */
static enum kp_code make_answer(struct kp_shop *s, const struct kp_folder *f,
                                const struct kp_order *o, struct leaving *l, struct kp_buf *text,
                                struct kp_err *err)
{
    char stamp[20], id[80];
    int64_t now = kp_utc(s->clock);
    time_t t = (time_t)(now / KP_SECOND);
    struct tm utc;
    gmtime_r(&t, &utc);
    if (!strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%S", &utc))
        *stamp = 0;
    snprintf(id, sizeof id, "OR-%" PRId64 "-%s-%.8s", o->id, stamp, o->confirmation);
    snprintf(l->name, sizeof l->name, "answer-%" PRId64 "-%.20s-%s.xml", o->id, o->confirmation,
             stamp);
    return kp_ubl_response(f, o, id, now, text, err);
}

static enum kp_code leave_document(struct kp_shop *s, struct drop_folder *d,
                                   const struct kp_order *o, struct kp_err *err)
{
    struct kp_buf text;
    struct leaving l = { .text = &text, .mark = mark_order, .arg = o };
    kp_buf_init(&text, FILE_MOST);
    if (!o->out)
        make_answer(s, d->set, o, &l, &text, err);
    else if (!kp_ubl_order(d->set, o, kp_utc(s->clock), &text, err))
        snprintf(l.name, sizeof l.name, "order-%" PRId64 ".xml", o->id);
    if (!err->code)
        leave(s, d, &l, err);
    kp_context(err, "order %.40s", o->number);
    kp_buf_free(&text);
    return err->code;
}

/* Those of which a document is missing, by a query of numbers that costs little when there are
 * none. */
static enum kp_code documents_out(struct kp_shop *s, struct drop_folder *d, bool out,
                                  struct kp_err *err)
{
    struct kp_arena arena = { 0 };
    int64_t ids[ORDERS_AT_ONCE];
    size_t n = 0;
    struct kp_db *db = kp_store_reader(s->store, err);
    struct kp_stmt *get =
        db ? kp_db_prepare(db,
                           out ? "select id from work_order where direction = 'out' and folder = ? "
                                 "and sent is null and state <> 'cancelled' order by id limit ?"
                               : "select id from work_order where direction = 'in' and folder = ? "
                                 "and confirmation is not told and confirmation is not null order "
                                 "by id limit ?",
                           err)
           : NULL;
    if (get) {
        kp_bind_text(get, 1, d->set->name);
        kp_bind_int(get, 2, ORDERS_AT_ONCE);
        while (n < ORDERS_AT_ONCE && kp_step(get, err))
            ids[n++] = kp_column_int(get, 0);
        kp_reset(get);
    }
    if (db)
        kp_store_reader_done(s->store, db);
    for (size_t i = 0; i < n && !err->code; i++) {
        struct kp_order o;
        if (!kp_orders_get(s, ids[i], &arena, &o, err))
            leave_document(s, d, &o, err);
        kp_arena_reset(&arena);
    }
    kp_arena_free(&arena);
    return err->code;
}

void drop_out(struct kp_inbox *inbox, struct drop_folder *d, struct kp_err *err)
{
    struct kp_shop *s = inbox->shop;
    if (!d->recovered && recover(s, d, err))
        return;
    if (d->set->bookings && bookings_out(s, d, err))
        return;
    if (d->set->format != KP_FOLDER_CSV && !documents_out(s, d, false, err))
        documents_out(s, d, true, err);
}
