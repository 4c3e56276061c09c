/* SPDX-License-Identifier: Apache-2.0 */
/* A CSV file of an order program: which columns it has, and what its lines say. */
#include "core/csv.h"
#include "core/encoding.h"
#include "core/hash.h"
#include "flex/order_reading.h"
#include "flex/ubl_private.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/ban.h"

enum { WORD = 128, HEADERS_MAX = 200 };

struct row {
    unsigned line;
    char *cell[KP_ORDER_COLUMNS]; /* NULL: no such column, or nothing stands there */
};
struct sheet {
    struct kp_order_reading *r;
    struct kp_csv csv;
    struct kp_sheet_style style;
    size_t place[KP_ORDER_COLUMNS]; /* SIZE_MAX: the file has no such column */
    int64_t unit[KP_ORDER_COLUMNS]; /* ns, as the header says it: "cycle (min)" */
    size_t n_headers;
    const char *header[HEADERS_MAX + 1]; /* as it stands there; NULL at the end */
    size_t n, room;
    struct row *rows;
};

/* ---- columns ---- */
static const char *const usual[KP_ORDER_COLUMNS] = {
    [KP_COLUMN_NUMBER] = "number order ordernumber orderno ordernr ordernummer productieorder "
                         "productieordernummer workorder workordernumber werkorder werkordernummer "
                         "job jobnumber ponumber po auftrag auftragsnummer fertigungsauftrag",
    [KP_COLUMN_QUANTITY] = "quantity qty aantal orderaantal hoeveelheid menge anzahl",
    [KP_COLUMN_CUSTOMER] = "customer customername klant klantnaam debiteur relatie kunde",
    [KP_COLUMN_ITEM] =
        "item itemcode itemnumber part partnumber partno article artikel artikelcode "
        "artikelnummer product productcode onderdeel teil teilenummer",
    [KP_COLUMN_DESCRIPTION] = "description omschrijving artikelomschrijving bezeichnung",
    [KP_COLUMN_UNIT] = "unit uom eenheid einheit",
    [KP_COLUMN_DUE] = "due duedate deliverydate leverdatum gereeddatum einddatum liefertermin "
                      "lieferdatum termin",
    [KP_COLUMN_OPERATION] = "operation operationnumber operationno step bewerking bewerkingsnummer "
                            "bewerkingsnr arbeitsgang",
    [KP_COLUMN_NAME] = "name operationname task naam bewerkingsnaam bewerkingsomschrijving",
    [KP_COLUMN_MACHINE] = "machine workcenter workcentre resource werkplek machinecode maschine",
    [KP_COLUMN_GROUP] = "group machinegroup machinegroep groep maschinengruppe",
    [KP_COLUMN_PROGRAM] = "program ncprogram programma ncprogramma programm ncprogramm",
    [KP_COLUMN_CYCLE] = "cycle cycletime timeperpiece normtijd stuktijd bewerkingstijd cyclustijd "
                        "st\xc3\xbc"
                        "ckzeit",
    [KP_COLUMN_SETUP] = "setup setuptime insteltijd omsteltijd steltijd r\xc3\xbcstzeit",
};

/* In small letters, without what parts words and without what stands in brackets. */
static void plain_word(const char *header, char out[WORD])
{
    size_t n = 0;
    for (const char *p = header; *p && *p != '(' && *p != '[' && n + 1 < WORD; p++)
        if (!strchr(" _-./:#", *p))
            out[n++] = (char)tolower((unsigned char)*p);
    out[n] = 0;
}

static bool is_usual(enum kp_order_column c, const char *word)
{
    size_t n = strlen(word);
    const char *at = n ? usual[c] : NULL;
    while ((at = at ? strstr(at, word) : NULL) &&
           !((at == usual[c] || at[-1] == ' ') && (!at[n] || at[n] == ' ')))
        at++;
    return at != NULL;
}

/* "cycle (min)", "Stuktijd [s]" */
static int64_t unit_of(const char *header)
{
    static const struct {
        const char *word;
        int64_t seconds;
    } units[] = { { "s", 1 },    { "sec", 1 },  { "m", 60 },     { "min", 60 },   { "minuten", 60 },
                  { "h", 3600 }, { "u", 3600 }, { "uur", 3600 }, { "uren", 3600 } };
    const char *at = strpbrk(header, "([");
    size_t n = at ? strcspn(at + 1, ")]. ") : 0;
    for (size_t i = 0; n && i < sizeof units / sizeof *units; i++)
        if (strlen(units[i].word) == n && strncasecmp(at + 1, units[i].word, n) == 0)
            return units[i].seconds * KP_SECOND;
    return 0;
}

/* Whether the folder's mapping speaks of this header, for any column. */
static bool is_mapped(const struct kp_folder *f, const char *header)
{
    for (size_t c = 0; c < KP_ORDER_COLUMNS; c++)
        if (f->columns[c] && strcasecmp(f->columns[c], header) == 0)
            return true;
    return false;
}

static void set_column(struct sheet *s, enum kp_order_column c, size_t i)
{
    if (s->place[c] != SIZE_MAX) {
        kp_order_fault(s->r, 1, (unsigned)i + 1, s->header[i],
                       "column %zu (%.60s) says the %s too; name the right one in the folder's "
                       "columns: {%s: ...}",
                       "kolom %zu (%.60s) zegt ook de %s; noem de juiste in de map onder columns: "
                       "{%s: ...}",
                       s->place[c] + 1, s->header[s->place[c]], kp_order_column_words[c],
                       kp_order_column_words[c]);
        return;
    }
    s->place[c] = i;
    s->unit[c] = unit_of(s->header[i]);
}

/* What a column is called now perhaps: a slip, a longer word, or one of the usual words. */
static const char *new_name(const struct sheet *s, enum kp_order_column c, const char *wanted)
{
    const char *near = kp_nearest(wanted, s->header);
    size_t n = strlen(wanted);
    for (size_t i = 0; i < s->n_headers && !near; i++) {
        char word[WORD];
        plain_word(s->header[i], word);
        bool longer = n >= 4 && strncasecmp(s->header[i], wanted, n) == 0;
        if ((longer || is_usual(c, word)) && !is_mapped(s->r->folder, s->header[i]))
            near = s->header[i];
    }
    return near;
}

/* A column that the mapping names must be there: it was renamed, or another export was chosen. */
static void find_mapped(struct sheet *s, enum kp_order_column c)
{
    const char *wanted = s->r->folder->columns[c];
    size_t i = 0;
    while (i < s->n_headers && strcasecmp(s->header[i], wanted) != 0)
        i++;
    if (i < s->n_headers) {
        set_column(s, c, i);
        return;
    }
    const char *near = new_name(s, c, wanted);
    kp_order_fault(s->r, 1, 0, NULL,
                   "there is no column '%.60s', in which the %s is expected%s%.60s%s. Give it its "
                   "old name again, or change columns: {%s: ...} of the folder",
                   "er is geen kolom '%.60s', waarin de %s wordt verwacht%s%.60s%s. Geef hem weer "
                   "zijn oude naam, of pas bij de map columns: {%s: ...} aan",
                   wanted, kp_order_column_words[c], near ? "; '" : "", near ? near : "",
                   near ? "' ?" : "", kp_order_column_words[c]);
}

static void find_usual(struct sheet *s, size_t i)
{
    char word[WORD];
    plain_word(s->header[i], word);
    for (size_t c = 0; c < KP_ORDER_COLUMNS; c++)
        if (!s->r->folder->columns[c] && is_usual((enum kp_order_column)c, word)) {
            set_column(s, (enum kp_order_column)c, i);
            return;
        }
}

/* A header nobody knows that is nearly one that is missing: a slip, which would lose what stands
 * below it. */
static void suspect(struct sheet *s, size_t i)
{
    char word[WORD], all[1024];
    const char *words[64];
    plain_word(s->header[i], word);
    for (size_t c = 0; c < KP_ORDER_COLUMNS; c++) {
        size_t n = 0;
        char *save;
        if (s->place[c] != SIZE_MAX || s->r->folder->columns[c])
            continue;
        snprintf(all, sizeof all, "%s", usual[c]);
        for (char *w = strtok_r(all, " ", &save); w && n < 63; w = strtok_r(NULL, " ", &save))
            if (strlen(w) > 4 && *w == *word)
                words[n++] = w;
        words[n] = NULL;
        const char *near = strlen(word) > 4 ? kp_nearest(word, words) : NULL;
        if (near) {
            kp_order_fault(
                s->r, 1, (unsigned)i + 1, s->header[i],
                "this column is not known; is it '%s', the %s? Name it so, or in "
                "columns: {%s: ...} of the folder",
                "deze kolom is niet bekend; is het '%s', de %s? Noem hem zo, of noem hem "
                "bij de map onder columns: {%s: ...}",
                near, kp_order_column_words[c], kp_order_column_words[c]);
            return;
        }
    }
}

static bool is_placed(const struct sheet *s, size_t i)
{
    for (size_t c = 0; c < KP_ORDER_COLUMNS; c++)
        if (s->place[c] == i)
            return true;
    return false;
}

static void must_have(struct sheet *s, enum kp_order_column c)
{
    if (s->place[c] == SIZE_MAX && !s->r->folder->columns[c] && !s->r->n_faults)
        kp_order_fault(s->r, 1, 0, NULL,
                       "no column says the %s; call one '%s', or name yours in columns: {%s: ...} "
                       "of the folder. Is the first line the one with the names?",
                       "geen kolom zegt de %s; noem er een '%s', of noem de uwe bij de map onder "
                       "columns: {%s: ...}. Staan de namen op de eerste regel?",
                       kp_order_column_words[c], kp_order_column_words[c],
                       kp_order_column_words[c]);
}

/* False: nothing below can be understood. */
static bool read_header(struct sheet *s)
{
    struct kp_csv *c = &s->csv;
    s->n_headers = c->n < HEADERS_MAX ? c->n : HEADERS_MAX;
    for (size_t i = 0; i < s->n_headers; i++) {
        kp_sheet_trim(&c->cell[i]);
        s->header[i] = kp_arena_strdup(&s->r->arena, c->cell[i]);
        if (!s->header[i])
            s->r->starved = true;
    }
    if (s->r->starved)
        return false;
    for (size_t i = 0; i < KP_ORDER_COLUMNS; i++) {
        s->place[i] = SIZE_MAX;
        if (s->r->folder->columns[i])
            find_mapped(s, (enum kp_order_column)i);
    }
    for (size_t i = 0; i < s->n_headers; i++)
        if (!is_mapped(s->r->folder, s->header[i]))
            find_usual(s, i);
    for (size_t i = 0; i < s->n_headers; i++)
        if (!is_placed(s, i))
            suspect(s, i);
    must_have(s, KP_COLUMN_NUMBER);
    must_have(s, KP_COLUMN_QUANTITY);
    return !s->r->n_faults;
}

/* ---- lines ---- */
static bool is_blank(const struct kp_csv *c)
{
    for (size_t i = 0; i < c->n; i++)
        if (*c->cell[i])
            return false;
    return true;
}

static void add_row(struct sheet *s)
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
    struct row *row = &s->rows[s->n++];
    *row = (struct row){ .line = (unsigned)c->line };
    for (size_t i = 0; i < KP_ORDER_COLUMNS; i++)
        if (s->place[i] != SIZE_MAX && *c->cell[s->place[i]])
            row->cell[i] = c->cell[s->place[i]];
}

static bool next_record(struct sheet *s)
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

static void read_rows(struct sheet *s)
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

/* ---- cells ---- */
enum kind { A_NUMBER, A_DATE, A_DURATION };

/* What is wrong with a cell, and what to do; behind the cell itself. */
static void cell_fault(struct sheet *s, const struct row *row, enum kp_order_column c,
                       enum kind kind, enum kp_sheet_cell what)
{
    static const struct {
        const char *en, *nl;
    } all
        [] = { { "is a fault of the spreadsheet itself; put it right there",
                 "is een fout van het rekenblad zelf; herstel hem daar" },
               { "was shortened by the spreadsheet, digits are lost; make the column text there "
                 "and export again",
                 "is door het rekenblad ingekort, er zijn cijfers verloren; maak de kolom daar "
                 "tekst en exporteer opnieuw" } },
     wrong[] = { { "is not a number such as 12 or 12,5", "is geen getal zoals 12 of 12,5" },
                 { "is not a date such as 10-12-2026 or 2026-12-10",
                   "is geen datum zoals 10-12-2026 of 2026-12-10" },
                 { "is not a time such as 190s, 3m or 0:03:10",
                   "is geen tijd zoals 190s, 3m of 0:03:10" } },
     either[] = {
         { "may be in thousands or have decimals, and nothing in the file shows which; set "
           "decimal: \",\" or \".\" of the folder",
           "kan in duizenden of met decimalen bedoeld zijn, en niets in het bestand toont welk van "
           "beide; zet bij de map decimal: \",\" of \".\"" },
         { "may have the day or the month first, and nothing in the file shows which; set dates: "
           "dmy or mdy of the folder",
           "kan met de dag of met de maand beginnen, en niets in het bestand toont welk van beide; "
           "zet bij de map dates: dmy of mdy" },
         { "has no unit; write it in the column's name, such as (min), or set times: seconds, "
           "minutes or hours of the folder",
           "heeft geen eenheid; zet die in de naam van de kolom, zoals (min), of zet bij de map "
           "times: seconds, minutes of hours" },
     };
    char en[300], nl[300];
    const char *e = what == KP_CELL_BROKEN      ? all[0].en
                    : what == KP_CELL_SHORTENED ? all[1].en
                    : what == KP_CELL_WRONG     ? wrong[kind].en
                                                : either[kind].en;
    const char *n = what == KP_CELL_BROKEN      ? all[0].nl
                    : what == KP_CELL_SHORTENED ? all[1].nl
                    : what == KP_CELL_WRONG     ? wrong[kind].nl
                                                : either[kind].nl;
    snprintf(en, sizeof en, "'%.40s' %s", row->cell[c], e);
    snprintf(nl, sizeof nl, "'%.40s' %s", row->cell[c], n);
    kp_order_fault_texts(s->r, row->line, (unsigned)s->place[c] + 1, s->header[s->place[c]], en,
                         nl);
}

static void number_cell(struct sheet *s, const struct row *row, enum kp_order_column c, double *out)
{
    enum kp_sheet_cell what =
        row->cell[c] ? kp_sheet_number(&s->style, row->cell[c], out) : KP_CELL_GOOD;
    if (what)
        cell_fault(s, row, c, A_NUMBER, what);
}

static void time_cell(struct sheet *s, const struct row *row, int64_t *out)
{
    const char *cell = row->cell[KP_COLUMN_DUE];
    enum kp_sheet_cell what = cell ? kp_sheet_time(&s->style, cell, out) : KP_CELL_GOOD;
    if (what)
        cell_fault(s, row, KP_COLUMN_DUE, A_DATE, what);
}

static void duration_cell(struct sheet *s, const struct row *row, enum kp_order_column c,
                          int64_t *out)
{
    int64_t unit = s->unit[c] ? s->unit[c] : s->r->folder->times;
    enum kp_sheet_cell what =
        row->cell[c] ? kp_sheet_duration(&s->style, row->cell[c], unit, out) : KP_CELL_GOOD;
    if (what == KP_CELL_AMBIGUOUS && unit)
        cell_fault(s, row, c, A_NUMBER, what);
    else if (what)
        cell_fault(s, row, c, A_DURATION, what);
}

/* The folder's words first, then ours. */
static const char *nearest_machine(const struct kp_folder *f, const char *cell)
{
    const char *words[KP_FOLDER_WORDS_MAX + 1];
    for (size_t i = 0; i < f->n_machines; i++)
        words[i] = f->machines[i].theirs;
    words[f->n_machines] = NULL;
    return kp_nearest(cell, words);
}

static void place_fault(struct sheet *s, const struct row *row, enum kp_order_column c,
                        const char *ours)
{
    const char *cell = row->cell[c], *near = nearest_machine(s->r->folder, cell);
    kp_order_fault(
        s->r, row->line, (unsigned)s->place[c] + 1, s->header[s->place[c]],
        "'%.40s'%s%.60s is no %s here%s%.40s%s. Name it in machines: {\"%.40s\": ...} of "
        "the folder",
        "'%.40s'%s%.60s is hier geen %s%s%.40s%s. Noem hem bij de map onder machines: "
        "{\"%.40s\": ...}",
        cell, ours != cell ? " = " : "", ours != cell ? ours : "",
        c == KP_COLUMN_GROUP ? "machineGroup" : "machine", near ? "; '" : "", near ? near : "",
        near ? "' ?" : "", cell);
}

/* A machine, or a group of which one is to be chosen. */
static void place_cell(struct sheet *s, const struct row *row, enum kp_order_column c,
                       struct kp_operation_in *op)
{
    const struct kp_folder *f = s->r->folder;
    const struct kp_order_places *p = s->r->places;
    const char *cell = row->cell[c];
    if (!cell)
        return;
    const char *ours = kp_folder_word(f->machines, f->n_machines, cell);
    ours = ours ? ours : cell;
    if (c == KP_COLUMN_MACHINE && (!p || p->is_machine(p->arg, ours)))
        op->asset = ours;
    else if (!p || p->is_group(p->arg, ours))
        op->group = ours;
    else
        place_fault(s, row, c, ours);
}

static const char *unit_cell(struct sheet *s, const struct row *row)
{
    static const struct kp_folder_word common[] = {
        { "stuks", "H87" },  { "stuk", "H87" }, { "st", "H87" },  { "stk", "H87" },
        { "pcs", "H87" },    { "pce", "H87" },  { "pc", "H87" },  { "piece", "H87" },
        { "pieces", "H87" }, { "set", "SET" },  { "paar", "PR" }, { "pair", "PR" },
        { "kg", "KGM" },     { "g", "GRM" },    { "m", "MTR" },   { "mm", "MMT" },
        { "l", "LTR" },      { "uur", "HUR" },  { "h", "HUR" },
    };
    const struct kp_folder *f = s->r->folder;
    const char *cell = row->cell[KP_COLUMN_UNIT];
    const char *ours = cell ? kp_folder_word(f->units, f->n_units, cell) : NULL;
    if (cell && !ours)
        ours = kp_folder_word(common, sizeof common / sizeof *common, cell);
    if (!cell || ours || ubl_is_unit(cell))
        return ours ? ours : cell;
    size_t place = s->place[KP_COLUMN_UNIT];
    kp_order_fault(
        s->r, row->line, (unsigned)place + 1, s->header[place],
        "'%.40s' is no unit; name it in units: {\"%.40s\": H87} of the folder (H87 is a "
        "piece, KGM a kilogram)",
        "'%.40s' is geen eenheid; noem hem bij de map onder units: {\"%.40s\": H87} (H87 "
        "is een stuk, KGM een kilogram)",
        cell, cell);
    return NULL;
}

/* ---- orders ---- */
static void missing_cell(struct sheet *s, const struct row *row, enum kp_order_column c)
{
    kp_order_fault(s->r, row->line, (unsigned)s->place[c] + 1, s->header[s->place[c]],
                   "the %s is missing", "de %s ontbreekt", kp_order_column_words[c]);
}

/* All lines of an order say the same of it. */
static void same_cell(struct sheet *s, const struct row *first, const struct row *row,
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

static size_t *slot_of(struct sheet *s, struct drafts *d, const char *number)
{
    size_t i = kp_hash(KP_HASH_START, number, strlen(number)) % d->slots;
    while (d->slot[i] &&
           strcmp(s->rows[d->of[d->slot[i] - 1].first].cell[KP_COLUMN_NUMBER], number) != 0)
        i = (i + 1) % d->slots;
    return &d->slot[i];
}

static void sort_row(struct sheet *s, struct drafts *d, size_t i)
{
    const struct row *row = &s->rows[i];
    d->next[i] = SIZE_MAX;
    if (!row->cell[KP_COLUMN_NUMBER]) {
        missing_cell(s, row, KP_COLUMN_NUMBER);
        return;
    }
    if (kp_sheet_broken(row->cell[KP_COLUMN_NUMBER])) {
        cell_fault(s, row, KP_COLUMN_NUMBER, A_NUMBER, KP_CELL_BROKEN);
        return;
    }
    double d0;
    if (kp_sheet_number(&s->style, row->cell[KP_COLUMN_NUMBER], &d0) == KP_CELL_SHORTENED) {
        cell_fault(s, row, KP_COLUMN_NUMBER, A_NUMBER, KP_CELL_SHORTENED);
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
static void check_operation(struct sheet *s, const struct drafts *d, const struct draft *one,
                            size_t at)
{
    const struct row *row = &s->rows[at];
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

static void read_operation(struct sheet *s, const struct row *row, size_t position,
                           struct kp_operation_in *op)
{
    char number[24];
    snprintf(number, sizeof number, "%zu", 10 * (position + 1));
    op->number = row->cell[KP_COLUMN_OPERATION] ? row->cell[KP_COLUMN_OPERATION] : number;
    op->name = row->cell[KP_COLUMN_NAME];
    place_cell(s, row, KP_COLUMN_GROUP, op);
    place_cell(s, row, KP_COLUMN_MACHINE, op);
    op->program = row->cell[KP_COLUMN_PROGRAM];
    op->due = KP_NO_TIME;
    time_cell(s, row, &op->due);
    duration_cell(s, row, KP_COLUMN_CYCLE, &op->cycle);
    duration_cell(s, row, KP_COLUMN_SETUP, &op->setup);
    if (op->number == number && !(op->number = kp_arena_strdup(&s->r->arena, number)))
        s->r->starved = true;
}

static void read_quantity(struct sheet *s, const struct row *row, double *out)
{
    if (!row->cell[KP_COLUMN_QUANTITY]) {
        missing_cell(s, row, KP_COLUMN_QUANTITY);
        return;
    }
    size_t faults = s->r->n_faults, place = s->place[KP_COLUMN_QUANTITY];
    number_cell(s, row, KP_COLUMN_QUANTITY, out);
    if (faults == s->r->n_faults && *out <= 0)
        kp_order_fault(s->r, row->line, (unsigned)place + 1, s->header[place],
                       "the quantity %.20s must be more than 0",
                       "het aantal %.20s moet meer dan 0 zijn", row->cell[KP_COLUMN_QUANTITY]);
}

static void read_order(struct sheet *s, const struct drafts *d, const struct draft *one)
{
    static const enum kp_order_column shared[] = { KP_COLUMN_CUSTOMER, KP_COLUMN_ITEM,
                                                   KP_COLUMN_DESCRIPTION, KP_COLUMN_UNIT,
                                                   KP_COLUMN_QUANTITY };
    const struct row *first = &s->rows[one->first];
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
                               .unit = unit_cell(s, first),
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

static void read_orders(struct sheet *s)
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
static void learn(struct sheet *s)
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
    if (utf16)
        r->starved |= !kp_utf8_from_16(t, p[0] == 0xfe);
    else if (encoding == KP_ENCODING_1252 ||
             (encoding == KP_ENCODING_AUTO && !kp_utf8_valid(t->data, t->len)))
        r->starved |= !kp_utf8_from_1252(t);
    if (r->starved)
        return false;
    if (!kp_utf8_valid(t->data, t->len)) {
        unsigned line, column, byte;
        where_not(t, &line, &column, &byte);
        kp_order_fault(r, line, 0, NULL,
                       "byte %u of this line is 0x%02x, which is no UTF-8; set encoding: "
                       "windows-1252 or auto of the folder, or export in UTF-8",
                       "byte %u van deze regel is 0x%02x en dat is geen UTF-8; zet bij de map "
                       "encoding: windows-1252 of auto, of exporteer in UTF-8",
                       column, byte);
        return false;
    }
    if (memchr(t->data, 0, t->len)) {
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

void kp_csv_orders(struct kp_order_reading *r, struct kp_buf *text)
{
    struct sheet s = { .r = r };
    if (is_other(r, text) || !decode(r, text))
        return;
    char *kept = kp_arena_copy(&r->arena, kp_buf_text(text), text->len + 1), *from = kept;
    if (!kept) {
        r->starved = true;
        return;
    }
    char separator = skip_sep(&from);
    kp_csv_begin(&s.csv, from, text->len - (size_t)(from - kept));
    if (separator || r->folder->separator)
        s.csv.delimiter = r->folder->separator ? r->folder->separator : separator;
    s.csv.next_line += separator != 0;
    if (!kp_csv_more(&s.csv))
        kp_order_fault(r, 0, 0, NULL, "the file is empty", "het bestand is leeg");
    else if (next_record(&s) && read_header(&s)) {
        read_rows(&s);
        learn(&s);
        read_orders(&s);
    }
    kp_csv_end(&s.csv);
    kp_free(s.rows);
}
