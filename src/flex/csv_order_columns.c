/* SPDX-License-Identifier: Apache-2.0 */
/* Which column says what, by the folder's mapping or by the usual words. */
#include "flex/csv_order.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/ban.h"

enum { WORD = 128 };

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

static void set_column(struct csv_sheet *s, enum kp_order_column c, size_t i)
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
static const char *new_name(const struct csv_sheet *s, enum kp_order_column c, const char *wanted)
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
static void find_mapped(struct csv_sheet *s, enum kp_order_column c)
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

static void find_usual(struct csv_sheet *s, size_t i)
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
static void suspect(struct csv_sheet *s, size_t i)
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

static bool is_placed(const struct csv_sheet *s, size_t i)
{
    for (size_t c = 0; c < KP_ORDER_COLUMNS; c++)
        if (s->place[c] == i)
            return true;
    return false;
}

static void must_have(struct csv_sheet *s, enum kp_order_column c)
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
bool csv_read_header(struct csv_sheet *s)
{
    struct kp_csv *c = &s->csv;
    s->n_headers = c->n < CSV_HEADERS_MAX ? c->n : CSV_HEADERS_MAX;
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
