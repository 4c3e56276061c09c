/* SPDX-License-Identifier: Apache-2.0 */
/* What the cells of a line say, or what is wrong with them. */
#include "flex/csv_order.h"
#include "flex/ubl_private.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

/* What is wrong with a cell, and what to do; behind the cell itself. */
void csv_cell_fault(struct csv_sheet *s, const struct csv_row *row, enum kp_order_column c,
                    enum csv_kind kind, enum kp_sheet_cell what)
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

void csv_number(struct csv_sheet *s, const struct csv_row *row, enum kp_order_column c, double *out)
{
    enum kp_sheet_cell what =
        row->cell[c] ? kp_sheet_number(&s->style, row->cell[c], out) : KP_CELL_GOOD;
    if (what)
        csv_cell_fault(s, row, c, CSV_NUMBER, what);
}

void csv_due(struct csv_sheet *s, const struct csv_row *row, int64_t *out)
{
    const char *cell = row->cell[KP_COLUMN_DUE];
    enum kp_sheet_cell what = cell ? kp_sheet_time(&s->style, cell, out) : KP_CELL_GOOD;
    if (what)
        csv_cell_fault(s, row, KP_COLUMN_DUE, CSV_DATE, what);
}

void csv_duration(struct csv_sheet *s, const struct csv_row *row, enum kp_order_column c,
                  int64_t *out)
{
    int64_t unit = s->unit[c] ? s->unit[c] : s->r->folder->times;
    enum kp_sheet_cell what =
        row->cell[c] ? kp_sheet_duration(&s->style, row->cell[c], unit, out) : KP_CELL_GOOD;
    if (what == KP_CELL_AMBIGUOUS && unit)
        csv_cell_fault(s, row, c, CSV_NUMBER, what);
    else if (what)
        csv_cell_fault(s, row, c, CSV_DURATION, what);
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

static void place_fault(struct csv_sheet *s, const struct csv_row *row, enum kp_order_column c,
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
void csv_place(struct csv_sheet *s, const struct csv_row *row, enum kp_order_column c,
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

const char *csv_unit(struct csv_sheet *s, const struct csv_row *row)
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
