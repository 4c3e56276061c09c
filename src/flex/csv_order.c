/* SPDX-License-Identifier: Apache-2.0 */
/* A CSV file of an order program: its text, its lines, the orders they make. */
#include "flex/csv_order.h"

#include "core/encoding.h"
#include "core/hash.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/ban.h"

/* ---- lines ---- */
static bool is_blank(const struct kp_csv *c)
{
    for (size_t i = 0; i < c->n; i++)
        if (*c->cell[i])
            return false;
    return true;
}

static void add_row(struct csv_sheet *s)
{
    struct kp_csv *c = &s->csv;
    size_t used = c->n;
    for (size_t i = 0; i < c->n; i++)
        kp_sheet_trim(&c->cell[i]);
    while (used && !*c->cell[used - 1])
        used--;
    if (is_blank(c))
        return;
    if (c->n < s->n_headers || used > s->n_headers) {
        kp_order_fault(s->r, (unsigned)c->line, 0, NULL,
                       "%zu cells stand here, %zu columns have a name; a text with the separator "
                       "'%s' in it must stand in quotes",
                       "hier staan %zu cellen, %zu kolommen hebben een naam; een tekst met het "
                       "scheidingsteken '%s' erin moet tussen aanhalingstekens staan",
                       c->n, s->n_headers,
                       c->delimiter == '\t' ? "tab" : (char[]){ c->delimiter, 0 });
        return;
    }
    if (s->n == KP_ORDER_ROWS_MAX) {
        kp_order_fault(s->r, (unsigned)c->line, 0, NULL,
                       "the file has more than %d lines; split it",
                       "het bestand heeft meer dan %d regels; splits het", KP_ORDER_ROWS_MAX);
        c->text = c->end;
        return;
    }
    if (!kp_grow(&s->rows, &s->room, s->n + 1, sizeof *s->rows)) {
        s->r->starved = true;
        return;
    }
    struct csv_row *row = &s->rows[s->n++];
    *row = (struct csv_row){ .line = (unsigned)c->line };
    for (size_t i = 0; i < KP_ORDER_COLUMNS; i++)
        if (s->place[i] != SIZE_MAX && *c->cell[s->place[i]])
            row->cell[i] = c->cell[s->place[i]];
}

static bool next_record(struct csv_sheet *s)
{
    struct kp_err why = { 0 };
    if (!kp_csv_next(&s->csv, &why))
        return true;
    s->r->starved |= why.code == KP_ENOMEM;
    const char *text = strchr(why.text, ':') ? strchr(why.text, ':') + 2 : why.text;
    kp_order_fault(s->r, (unsigned)s->csv.line, 0, NULL, "%s",
                   "deze regel is niet te lezen als CSV (%s)", text);
    return false;
}

static void read_rows(struct csv_sheet *s)
{
    while (kp_csv_more(&s->csv) && !s->r->starved) {
        if (next_record(s))
            add_row(s);
        else
            kp_csv_skip(&s->csv);
    }
    if (!s->n && !s->r->n_faults)
        kp_order_fault(s->r, 0, 0, NULL, "there is no order in the file, only the names of columns",
                       "er staat geen order in het bestand, alleen de namen van kolommen");
}

/* ---- orders ---- */
static void missing_cell(struct csv_sheet *s, const struct csv_row *row, enum kp_order_column c)
{
    kp_order_fault(s->r, row->line, (unsigned)s->place[c] + 1, s->header[s->place[c]],
                   "the %s is missing", "de %s ontbreekt", kp_order_column_words[c]);
}

/* All lines of an order say the same of it. */
static void same_cell(struct csv_sheet *s, const struct csv_row *first, const struct csv_row *row,
                      enum kp_order_column c)
{
    const char *a = first->cell[c] ? first->cell[c] : "", *b = row->cell[c] ? row->cell[c] : "";
    if (s->place[c] != SIZE_MAX && strcmp(a, b) != 0)
        kp_order_fault(s->r, row->line, (unsigned)s->place[c] + 1, s->header[s->place[c]],
                       "the %s of order '%.40s' is '%.40s' here and '%.40s' in line %u",
                       "de %s van order '%.40s' is hier '%.40s' en '%.40s' op regel %u",
                       kp_order_column_words[c], row->cell[KP_COLUMN_NUMBER], b, a, first->line);
}

struct draft { /* an order in the making: its lines are a list through `next` */
    size_t first, last, n;
};
struct drafts {
    size_t n, slots;
    struct draft *of;
    size_t *slot; /* a hash table of places in `of`, plus one */
    size_t *next; /* of a row; SIZE_MAX: none */
};

static size_t *slot_of(struct csv_sheet *s, struct drafts *d, const char *number)
{
    size_t i = kp_hash(KP_HASH_START, number, strlen(number)) % d->slots;
    while (d->slot[i] &&
           strcmp(s->rows[d->of[d->slot[i] - 1].first].cell[KP_COLUMN_NUMBER], number) != 0)
        i = (i + 1) % d->slots;
    return &d->slot[i];
}

static void sort_row(struct csv_sheet *s, struct drafts *d, size_t i)
{
    const struct csv_row *row = &s->rows[i];
    d->next[i] = SIZE_MAX;
    if (!row->cell[KP_COLUMN_NUMBER]) {
        missing_cell(s, row, KP_COLUMN_NUMBER);
        return;
    }
    if (kp_sheet_broken(row->cell[KP_COLUMN_NUMBER])) {
        csv_cell_fault(s, row, KP_COLUMN_NUMBER, CSV_NUMBER, KP_CELL_BROKEN);
        return;
    }
    double d0;
    if (kp_sheet_number(&s->style, row->cell[KP_COLUMN_NUMBER], &d0) == KP_CELL_SHORTENED) {
        csv_cell_fault(s, row, KP_COLUMN_NUMBER, CSV_NUMBER, KP_CELL_SHORTENED);
        return;
    }
    size_t *slot = slot_of(s, d, row->cell[KP_COLUMN_NUMBER]);
    if (!*slot) {
        d->of[d->n] = (struct draft){ .first = i, .last = i };
        *slot = ++d->n;
    }
    struct draft *one = &d->of[*slot - 1];
    if (one->n++) {
        d->next[one->last] = i;
        one->last = i;
    }
}

/* Two lines of an order are two operations, each with its number. */
static void check_operation(struct csv_sheet *s, const struct drafts *d, const struct draft *one,
                            size_t at)
{
    const struct csv_row *row = &s->rows[at];
    const char *number = row->cell[KP_COLUMN_OPERATION] ? row->cell[KP_COLUMN_OPERATION] : "";
    for (size_t i = one->first; i != at; i = d->next[i]) {
        const char *other =
            s->rows[i].cell[KP_COLUMN_OPERATION] ? s->rows[i].cell[KP_COLUMN_OPERATION] : "";
        if (strcmp(other, number) != 0)
            continue;
        kp_order_fault(
            s->r, row->line, 0, NULL,
            "order '%.40s' with operation '%.20s' stands in line %u too; its operations "
            "need numbers of their own",
            "order '%.40s' met bewerking '%.20s' staat ook op regel %u; haar bewerkingen "
            "moeten eigen nummers hebben",
            row->cell[KP_COLUMN_NUMBER], number, s->rows[i].line);
        return;
    }
}

static void read_operation(struct csv_sheet *s, const struct csv_row *row, size_t position,
                           struct kp_operation_in *op)
{
    char number[24];
    snprintf(number, sizeof number, "%zu", 10 * (position + 1));
    op->number = row->cell[KP_COLUMN_OPERATION] ? row->cell[KP_COLUMN_OPERATION] : number;
    op->name = row->cell[KP_COLUMN_NAME];
    csv_place(s, row, KP_COLUMN_GROUP, op);
    csv_place(s, row, KP_COLUMN_MACHINE, op);
    op->program = row->cell[KP_COLUMN_PROGRAM];
    op->due = KP_NO_TIME;
    csv_due(s, row, &op->due);
    csv_duration(s, row, KP_COLUMN_CYCLE, &op->cycle);
    csv_duration(s, row, KP_COLUMN_SETUP, &op->setup);
    if (op->number == number && !(op->number = kp_arena_strdup(&s->r->arena, number)))
        s->r->starved = true;
}

static void read_quantity(struct csv_sheet *s, const struct csv_row *row, double *out)
{
    if (!row->cell[KP_COLUMN_QUANTITY]) {
        missing_cell(s, row, KP_COLUMN_QUANTITY);
        return;
    }
    size_t faults = s->r->n_faults, place = s->place[KP_COLUMN_QUANTITY];
    csv_number(s, row, KP_COLUMN_QUANTITY, out);
    if (faults == s->r->n_faults && *out <= 0)
        kp_order_fault(s->r, row->line, (unsigned)place + 1, s->header[place],
                       "the quantity %.20s must be more than 0",
                       "het aantal %.20s moet meer dan 0 zijn", row->cell[KP_COLUMN_QUANTITY]);
}

static void read_order(struct csv_sheet *s, const struct drafts *d, const struct draft *one)
{
    static const enum kp_order_column shared[] = { KP_COLUMN_CUSTOMER, KP_COLUMN_ITEM,
                                                   KP_COLUMN_DESCRIPTION, KP_COLUMN_UNIT,
                                                   KP_COLUMN_QUANTITY };
    const struct csv_row *first = &s->rows[one->first];
    const struct kp_folder *f = s->r->folder;
    struct kp_operation_in *ops = kp_arena_alloc(&s->r->arena, one->n * sizeof *ops);
    struct kp_order_in *o = ops ? kp_order_reading_add(s->r, first->line) : NULL;
    if (!o) {
        s->r->starved = true;
        return;
    }
    *o = (struct kp_order_in){ .sender = f->sender ? f->sender : f->name,
                               .number = first->cell[KP_COLUMN_NUMBER],
                               .customer = first->cell[KP_COLUMN_CUSTOMER],
                               .item = first->cell[KP_COLUMN_ITEM],
                               .description = first->cell[KP_COLUMN_DESCRIPTION],
                               .unit = csv_unit(s, first),
                               .due = KP_NO_TIME,
                               .folder = f->name,
                               .n = one->n,
                               .operations = ops };
    read_quantity(s, first, &o->quantity);
    for (size_t i = one->first, n = 0; i != SIZE_MAX; i = d->next[i], n++) {
        read_operation(s, &s->rows[i], n, &ops[n]);
        if (ops[n].due > o->due) /* KP_NO_TIME is before all times */
            o->due = ops[n].due;
        for (size_t c = 0; n && c < sizeof shared / sizeof *shared; c++)
            same_cell(s, first, &s->rows[i], shared[c]);
        if (n)
            check_operation(s, d, one, i);
    }
}

static void read_orders(struct csv_sheet *s)
{
    struct drafts d = { .slots = 2 * s->n + 1 };
    d.of = kp_alloc((s->n + 1) * sizeof *d.of);
    d.slot = kp_alloc(d.slots * sizeof *d.slot);
    d.next = kp_alloc((s->n + 1) * sizeof *d.next);
    s->r->starved |= !d.of || !d.slot || !d.next;
    for (size_t i = 0; i < s->n && !s->r->starved; i++)
        sort_row(s, &d, i);
    for (size_t i = 0; i < d.n && !s->r->starved; i++)
        read_order(s, &d, &d.of[i]);
    kp_free(d.of);
    kp_free(d.slot);
    kp_free(d.next);
}

/* ---- the file ---- */
static void learn(struct csv_sheet *s)
{
    static const enum kp_order_column numbers[] = { KP_COLUMN_QUANTITY, KP_COLUMN_CYCLE,
                                                    KP_COLUMN_SETUP };
    s->style = (struct kp_sheet_style){ s->r->folder->decimal, s->r->folder->dates };
    for (size_t i = 0; i < s->n; i++) {
        for (size_t c = 0; c < sizeof numbers / sizeof *numbers; c++)
            if (s->rows[i].cell[numbers[c]])
                kp_sheet_learn_number(&s->style, s->rows[i].cell[numbers[c]]);
        if (s->rows[i].cell[KP_COLUMN_DUE])
            kp_sheet_learn_date(&s->style, s->rows[i].cell[KP_COLUMN_DUE]);
    }
}

/* Where the first bytes stand that are no UTF-8. */
static void where_not(const struct kp_buf *t, unsigned *line, unsigned *column, unsigned *byte)
{
    size_t start = 0, i = 0;
    *line = 1;
    while (i < t->len) {
        size_t n = 1;
        while (n <= 4 && i + n <= t->len && !kp_utf8_valid(t->data + i, n))
            n++;
        if (n > 4 || i + n > t->len)
            break;
        if (t->data[i] == '\n') {
            ++*line;
            start = i + 1;
        }
        i += n;
    }
    *column = (unsigned)(i - start) + 1;
    *byte = (unsigned char)t->data[i];
}

static void tell_where_not(struct kp_order_reading *r, const struct kp_buf *t)
{
    unsigned line, column, byte;
    where_not(t, &line, &column, &byte);
    if (r->folder->encoding == KP_ENCODING_UTF8)
        kp_order_fault(r, line, 0, NULL,
                       "byte %u of this line is 0x%02x, which is no UTF-8; set encoding: "
                       "windows-1252 or auto of the folder, or export in UTF-8",
                       "byte %u van deze regel is 0x%02x en dat is geen UTF-8; zet bij de map "
                       "encoding: windows-1252 of auto, of exporteer in UTF-8",
                       column, byte);
    else
        kp_order_fault(r, line, 0, NULL,
                       "byte %u of this line is 0x%02x, which is no UTF-8, while other letters of "
                       "the file are; export the whole file in one encoding",
                       "byte %u van deze regel is 0x%02x en dat is geen UTF-8, terwijl andere "
                       "letters in het bestand dat wel zijn; exporteer het hele bestand in een "
                       "codering",
                       column, byte);
}

/* No UTF-8, but with letters that are: in Windows-1252 these would be an A with a tilde and a sign,
 * which no word has. */
static bool is_mixed(const struct kp_buf *t)
{
    if (kp_utf8_valid(t->data, t->len))
        return false;
    for (size_t i = 0; i + 1 < t->len; i++)
        if ((unsigned char)t->data[i] == 0xc3 && ((unsigned char)t->data[i + 1] & 0xc0) == 0x80)
            return true;
    return false;
}

static bool is_other(struct kp_order_reading *r, const struct kp_buf *t)
{
    static const struct {
        const char *start;
        const char *en, *nl;
    } known[] = {
        { "PK\3\4", "an Excel workbook or another archive", "een Excel-werkmap of ander archief" },
        { "\xd0\xcf\x11\xe0", "an old Excel workbook", "een oude Excel-werkmap" },
        { "%PDF", "a PDF", "een PDF" },
        { "{", "JSON", "JSON" },
        { "<", "XML; set the folder's format to ubl21 or peppol for orders in UBL",
          "XML; zet format van de map op ubl21 of peppol voor orders in UBL" },
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        size_t n = strlen(known[i].start);
        char en[200], nl[200];
        if (t->len < n || memcmp(t->data, known[i].start, n) != 0)
            continue;
        snprintf(en, sizeof en, "this is %s; the folder takes CSV: save it as that", known[i].en);
        snprintf(nl, sizeof nl, "dit is %s; de map neemt CSV: sla het zo op", known[i].nl);
        kp_order_fault_texts(r, 0, 0, NULL, en, nl);
        return true;
    }
    return false;
}

/* Makes it UTF-8. False: told why not. */
static bool decode(struct kp_order_reading *r, struct kp_buf *t)
{
    const unsigned char *p = (const unsigned char *)t->data;
    enum kp_folder_encoding encoding = r->folder->encoding;
    bool utf16 = t->len >= 2 && ((p[0] == 0xff && p[1] == 0xfe) || (p[0] == 0xfe && p[1] == 0xff));
    if (!utf16 && encoding == KP_ENCODING_AUTO && is_mixed(t)) {
        tell_where_not(r, t);
        return false;
    }
    if (utf16)
        r->starved |= !kp_utf8_from_16(t, p[0] == 0xfe);
    else if (encoding == KP_ENCODING_1252 ||
             (encoding == KP_ENCODING_AUTO && !kp_utf8_valid(t->data, t->len)))
        r->starved |= !kp_utf8_from_1252(t);
    if (r->starved)
        return false;
    if (!kp_utf8_valid(t->data, t->len)) {
        tell_where_not(r, t);
        return false;
    }
    if (t->len && memchr(t->data, 0, t->len)) {
        kp_order_fault(r, 0, 0, NULL, "this is no text: it holds zero bytes",
                       "dit is geen tekst: er staan nul-bytes in");
        return false;
    }
    return true;
}

/* Past "sep=;", with which some programs tell a spreadsheet the separator. */
static char skip_sep(char **text)
{
    char *p = *text;
    if (strncmp(p, "\xef\xbb\xbf", 3) == 0)
        p += 3;
    if (strncasecmp(p, "sep=", 4) != 0 || !p[4] || (p[5] != '\n' && p[5] != '\r'))
        return 0;
    *text = p + 5 + (p[5] == '\r' && p[6] == '\n') + 1;
    return p[4];
}

static int by_place(const void *a, const void *b)
{
    const struct kp_order_fault *x = a, *y = b;
    unsigned p = x->line == y->line ? x->column : x->line,
             q = x->line == y->line ? y->column : y->line;
    return p < q ? -1 : p > q;
}

static void nothing(struct kp_order_reading *r)
{
    kp_order_fault(r, 0, 0, NULL, "the file is empty", "het bestand is leeg");
}

static void read_sheet(struct csv_sheet *s, char *text, size_t len)
{
    char *from = text, separator = skip_sep(&from);
    kp_csv_begin(&s->csv, from, len - (size_t)(from - text));
    if (separator || s->r->folder->separator)
        s->csv.delimiter = s->r->folder->separator ? s->r->folder->separator : separator;
    s->csv.next_line += separator != 0;
    if (!kp_csv_more(&s->csv))
        nothing(s->r);
    else if (next_record(s) && csv_read_header(s)) {
        read_rows(s);
        learn(s);
        read_orders(s);
    }
    kp_csv_end(&s->csv);
    kp_free(s->rows);
}

void kp_csv_orders(struct kp_order_reading *r, struct kp_buf *text)
{
    struct csv_sheet s = { .r = r };
    if (!text->len)
        nothing(r);
    if (!text->len || is_other(r, text) || !decode(r, text))
        return;
    char *kept = kp_arena_copy(&r->arena, kp_buf_text(text), text->len + 1);
    if (!kept) {
        r->starved = true;
        return;
    }
    read_sheet(&s, kept, text->len);
    size_t faults = r->n_faults < KP_ORDER_FAULTS_MAX ? r->n_faults : KP_ORDER_FAULTS_MAX;
    if (faults)
        qsort(r->faults, faults, sizeof *r->faults, by_place);
}
