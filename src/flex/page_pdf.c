/* SPDX-License-Identifier: Apache-2.0 */
/* A page as PDF, on A4. Text is set in Helvetica, which every reader has; text with letters that
 * Helvetica has not is set in DejaVu Sans, of which what is used goes into the file, when the
 * machine has that font, and else with the nearest letters. libharu keeps its first error and does
 * nothing after it, so it is asked once, at the end; all its memory comes from a pool that goes
 * with the document. */
#include "flex/page.h"

#include <hpdf.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/ban.h"

enum { PAGES_MAX = 400, TEXT = 1200, POOL = 64 << 10, FILE_MAX = 32 << 20 };
static const double height_of_page = 841.89, margin = 42, inner = 511, bottom = 790;
static const char *const fonts[] = { "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
                                     "/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf" };

enum ink { INK, GREY, LINE, FAINT, BLUE, AMBER, GREEN, RED };
static const unsigned char inks[][3] = { { 27, 36, 48 },    { 90, 102, 117 }, { 139, 149, 163 },
                                         { 222, 226, 232 }, { 37, 99, 168 },  { 180, 83, 9 },
                                         { 23, 107, 58 },   { 165, 32, 25 } };

struct drawing {
    HPDF_Doc doc;
    HPDF_Page page, pages[PAGES_MAX];
    size_t n;
    HPDF_Font plain[2], wide[2]; /* and bold; wide NULL: not asked for yet, or there is none */
    bool asked[2], full, poor;   /* poor: some letters are not the right ones */
    double y;                    /* from the top */
};

/* ---- letters ---- */
/* 0x80 to 0x9f of Windows-1252; 0: none. */
static const uint16_t windows[32] = { 0x20ac, 0,      0x201a, 0x0192, 0x201e, 0x2026, 0x2020,
                                      0x2021, 0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, 0,
                                      0x017d, 0,      0,      0x2018, 0x2019, 0x201c, 0x201d,
                                      0x2022, 0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a,
                                      0x0153, 0,      0x017e, 0x0178 };

/* The next character of good UTF-8. */
static uint32_t next_letter(const char **text)
{
    const unsigned char *p = (const unsigned char *)*text;
    size_t n = *p < 0x80 ? 1 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : 4, i = 1;
    uint32_t c = n == 1 ? *p : *p & (0x7fu >> n);
    for (; i < n && (p[i] & 0xc0) == 0x80; i++)
        c = c << 6 | (p[i] & 0x3fu);
    *text += i;
    return c;
}

/* 0: Windows-1252 has no such letter. */
static unsigned char windows_letter(uint32_t c)
{
    if (c == '\t')
        return ' ';
    if ((c >= 0x20 && c < 0x7f) || (c >= 0xa0 && c <= 0xff))
        return (unsigned char)c;
    for (unsigned i = 0; i < 32; i++)
        if (windows[i] && windows[i] == c)
            return (unsigned char)(0x80 + i);
    return 0;
}

/* The letter below the accent, of those of Latin Extended-A, for machines without the wide font. */
static const char near_letters[] =
    "AaAaAaCcCcCcCcDdDdEeEeEeEeEeGgGgGgGgHhHhIiIiIiIiIiIiJjKkkLlLlLlLlLlNnNnNnnNnOoOoOoOoRrRr"
    "RrSsSsSsSsTtTtTtUuUuUuUuUuUuWwYyYZzZzZzs";

static char near_letter(uint32_t c)
{
    return c >= 0x100 && c < 0x100 + sizeof near_letters - 1 ? near_letters[c - 0x100] : '?';
}

/* In Windows-1252; false: some letters are only near. */
static bool to_windows(const char *text, char out[TEXT])
{
    size_t n = 0;
    bool exact = true;
    while (*text && n < TEXT - 1) {
        uint32_t c = next_letter(&text);
        unsigned char w = windows_letter(c);
        out[n++] = (char)(w ? w : (unsigned char)near_letter(c));
        exact &= w != 0;
    }
    out[n] = 0;
    return exact;
}

/* Characters beyond the first 65536 are not known to libharu. */
static void to_wide(const char *text, char out[TEXT])
{
    size_t n = 0;
    while (*text && n < TEXT - 4) {
        const char *from = text;
        uint32_t c = next_letter(&text);
        size_t len = (size_t)(text - from);
        if (c > 0xffff || c < 0x20) {
            out[n++] = '?';
            continue;
        }
        memcpy(out + n, from, len);
        n += len;
    }
    out[n] = 0;
}

static HPDF_Font wide_font(struct drawing *d, bool bold)
{
    if (d->asked[bold])
        return d->wide[bold];
    d->asked[bold] = true;
    if (access(fonts[bold], R_OK) != 0)
        return NULL;
    const char *name = HPDF_LoadTTFontFromFile(d->doc, fonts[bold], HPDF_TRUE);
    if (name && !HPDF_UseUTFEncodings(d->doc))
        d->wide[bold] = HPDF_GetFont(d->doc, name, "UTF-8");
    return d->wide[bold];
}

/* A text as it is set. */
struct setting {
    HPDF_Font font;
    char text[TEXT];
};

static void set(struct drawing *d, const char *text, bool bold, struct setting *s)
{
    s->font = d->plain[bold];
    if (to_windows(text, s->text))
        return;
    if (!wide_font(d, bold)) {
        d->poor = true;
        return;
    }
    s->font = wide_font(d, bold);
    to_wide(text, s->text);
}

static double width_of(const struct setting *s, double size)
{
    HPDF_TextWidth w =
        HPDF_Font_TextWidth(s->font, (const HPDF_BYTE *)s->text, (HPDF_UINT)strlen(s->text));
    return w.width * size / 1000;
}

/* ---- drawing ---- */
static bool good(const struct drawing *d)
{
    return d->page && !d->full && HPDF_GetError(d->doc) == HPDF_OK;
}

static void fill(struct drawing *d, enum ink ink)
{
    const unsigned char *c = inks[ink];
    HPDF_Page_SetRGBFill(d->page, (float)c[0] / 255, (float)c[1] / 255, (float)c[2] / 255);
}

static void box(struct drawing *d, double x, double y, double w, double h, enum ink ink)
{
    if (!good(d) || w <= 0 || h <= 0)
        return;
    fill(d, ink);
    HPDF_Page_Rectangle(d->page, (float)x, (float)(height_of_page - y - h), (float)w, (float)h);
    HPDF_Page_Fill(d->page);
}

enum side { LEFT, RIGHT, MIDDLE };
struct style {
    double size;
    enum ink ink;
    bool bold;
};

/* The most of a text that fits: its beginning and its end, for those tell names apart. */
static double set_within(struct drawing *d, const char *text, double room, struct style style,
                         struct setting *s)
{
    char cut[TEXT];
    set(d, text, style.bold, s);
    double width = width_of(s, style.size);
    size_t all = strlen(text), most = all < TEXT - 8 ? all : TEXT - 8,
           guess = width > room ? (size_t)((double)all * room / width) + 8 : all;
    for (size_t left = guess < most ? guess : most; width > room && left > 3; left--) {
        size_t head = left * 3 / 5, tail = all - (left - head);
        while (head && ((unsigned char)text[head] & 0xc0) == 0x80)
            head--;
        while (((unsigned char)text[tail] & 0xc0) == 0x80)
            tail++;
        snprintf(cut, sizeof cut, "%.*s\u2026%s", (int)head, text, text + tail);
        set(d, cut, style.bold, s);
        width = width_of(s, style.size);
    }
    return width;
}

/* One line, cut where it is wider than `room`. */
static void write_text(struct drawing *d, double x, double y, double room, enum side side,
                       struct style style, const char *text)
{
    struct setting s;
    if (!good(d) || !*text)
        return;
    double width = set_within(d, text, room, style, &s);
    x += side == RIGHT ? room - width : side == MIDDLE ? (room - width) / 2 : 0;
    fill(d, style.ink);
    HPDF_Page_SetFontAndSize(d->page, s.font, (float)style.size);
    HPDF_Page_BeginText(d->page);
    HPDF_Page_TextOut(d->page, (float)x, (float)(height_of_page - y - style.size), s.text);
    HPDF_Page_EndText(d->page);
}

static void new_page(struct drawing *d)
{
    d->full |= d->n == PAGES_MAX;
    if (d->full)
        return;
    d->page = HPDF_AddPage(d->doc);
    if (!d->page)
        return;
    HPDF_Page_SetSize(d->page, HPDF_PAGE_SIZE_A4, HPDF_PAGE_PORTRAIT);
    d->pages[d->n++] = d->page;
    d->y = margin;
}

static void need(struct drawing *d, double height)
{
    if (d->y + height > bottom)
        new_page(d);
}

/* As many words as fit on a line; where the next line begins. */
static const char *line_end(struct drawing *d, const char *text, double room, struct style style)
{
    const char *end = text, *last = NULL;
    struct setting s;
    char line[TEXT];
    while (*end) {
        end += strcspn(end, " \n");
        if ((size_t)(end - text) >= sizeof line - 1)
            return last ? last : end;
        snprintf(line, sizeof line, "%.*s", (int)(end - text), text);
        set(d, line, style.bold, &s);
        if (width_of(&s, style.size) > room)
            return last ? last : end;
        last = end;
        if (*end == '\n')
            return end;
        end += strspn(end, " ");
    }
    return last ? last : end;
}

/* Cuts the next line off a text. A word wider than the room, such as an address, goes on below. */
static void next_line(struct drawing *d, const char **text, double room, struct style style,
                      char line[TEXT])
{
    struct setting s;
    const char *end = line_end(d, *text, room, style);
    snprintf(line, TEXT, "%.*s", (int)(end - *text), *text);
    for (set(d, line, style.bold, &s); width_of(&s, style.size) > room && strlen(line) > 4;
         set(d, line, style.bold, &s)) {
        line[strlen(line) - 1] = 0;
        kp_utf8_trim(line);
    }
    bool whole = (size_t)(end - *text) == strlen(line);
    *text += strlen(line);
    if (whole)
        *text += strspn(*text, " ");
    if (**text == '\n')
        ++*text;
}

static int count_lines(struct drawing *d, double room, struct style style, const char *text)
{
    char line[TEXT];
    int n = 0;
    for (; *text; n++)
        next_line(d, &text, room, style, line);
    return n;
}

/* In lines below one another; how many they are. */
static int write_lines(struct drawing *d, double x, double y, double room, enum side side,
                       struct style style, const char *text)
{
    char line[TEXT];
    int n = 0;
    for (; *text && good(d); n++) {
        next_line(d, &text, room, style, line);
        write_text(d, x, y + n * style.size * 1.3, room, side, style, line);
    }
    return n;
}

/* ---- blocks ---- */
static void put_text(struct drawing *d, const struct kp_page_block *b)
{
    const struct style style = { b->title ? 9 : 11, b->title ? GREY : INK, false };
    if (!b->text)
        return;
    need(d, 60);
    d->y += 4 + style.size * 1.3 * write_lines(d, margin, d->y, inner, LEFT, style, b->text);
}

/* As many pages as it takes. */
static void put_words(struct drawing *d, const struct kp_page_block *b)
{
    const struct style style = { 10, INK, false };
    const char *text = b->text ? b->text : "";
    char line[TEXT];
    d->y += b->title ? 0 : 6;
    while (*text && good(d)) {
        need(d, 14);
        next_line(d, &text, inner, style, line);
        write_text(d, margin, d->y, inner, LEFT, style, line);
        d->y += 14;
    }
    d->y += b->title ? 0 : 6;
}

static void put_tiles(struct drawing *d, const struct kp_page_block *b)
{
    static const enum ink moods[] = { RED, GREY, GREEN };
    double step = inner / (double)(b->n ? b->n : 1), room = step - 10;
    need(d, 60);
    d->y += 6;
    for (size_t i = 0; i < b->n; i++) {
        const struct kp_page_tile *t = &b->tiles[i];
        double x = margin + step * (double)i;
        box(d, x, d->y, room, 1.8, INK);
        write_text(d, x, d->y + 7, room, LEFT, (struct style){ 8, GREY, false }, t->label);
        write_text(d, x, d->y + 18, room, LEFT, (struct style){ 16, INK, true }, t->value);
        write_text(d, x, d->y + 38, room, LEFT, (struct style){ 8, moods[t->mood + 1], false },
                   t->note);
    }
    d->y += 52;
}

static void put_days(struct drawing *d, const struct kp_page_block *b)
{
    const double height = 80, left = 30;
    double step = (inner - left) / (double)(b->n ? b->n : 1);
    need(d, height + 24);
    d->y += 4;
    for (int line = 0; line <= 100; line += 50) {
        double y = d->y + height - height * line / 100;
        char text[8];
        snprintf(text, sizeof text, "%d%%", line);
        box(d, margin + left, y, inner - left, 0.5, line ? FAINT : LINE);
        write_text(d, margin, y - 4, left - 5, RIGHT, (struct style){ 7.5, GREY, false }, text);
    }
    for (size_t i = 0; i < b->n; i++) {
        double x = margin + left + step * (double)i, part = b->days[i].part;
        if (isfinite(part))
            box(d, x + step * 0.15, d->y + height * (1 - (part < 1 ? part : 1)), step * 0.7,
                height * (part < 1 ? part : 1), BLUE);
        write_text(d, x, d->y + height + 4, step, MIDDLE, (struct style){ 7, GREY, false },
                   b->days[i].label);
    }
    d->y += height + 16;
}

static double column_width(const struct kp_page_block *b, size_t i)
{
    unsigned all = 0;
    for (size_t k = 0; k < b->n_columns; k++)
        all += b->columns[k].width;
    return inner * b->columns[i].width / (all ? all : 1);
}

static void put_head(struct drawing *d, const struct kp_page_block *b)
{
    const struct style style = { 7.5, GREY, true };
    double x = margin;
    bool two = false;
    for (size_t i = 0; i < b->n_columns; i++)
        two |= *line_end(d, b->columns[i].head, column_width(b, i) - 6, style) != 0;
    for (size_t i = 0; i < b->n_columns; i++) {
        double w = column_width(b, i), room = w - 6;
        const char *head = b->columns[i].head;
        bool low = two && !*line_end(d, head, room, style);
        write_lines(d, x, d->y + (low ? style.size * 1.3 : 0), room,
                    b->columns[i].left ? LEFT : RIGHT, style, head);
        x += w;
    }
    d->y += two ? 23 : 13;
    box(d, margin, d->y, inner, 0.7, LINE);
}

enum { CELL_LINES = 40 };
static const double cell_line = 11;

/* Of the cell with the most of them; one where cells are cut. */
static int row_lines(struct drawing *d, const struct kp_page_block *b, const struct kp_page_row *row)
{
    int most = 1;
    for (size_t i = 0; b->wraps && i < b->n_columns; i++) {
        int n = count_lines(d, column_width(b, i) - 6, (struct style){ 8.5, INK, row->total },
                            row->cell[i] ? row->cell[i] : "");
        most = n > most ? n : most;
    }
    return most < CELL_LINES ? most : CELL_LINES;
}

static void put_cell(struct drawing *d, double x, double room, enum side side, struct style style,
                     const char *text, int lines)
{
    char line[TEXT];
    if (lines == 1)
        write_text(d, x, d->y + 4.5, room, side, style, text);
    for (int i = 0; lines > 1 && i < lines && *text; i++) {
        next_line(d, &text, room, style, line);
        write_text(d, x, d->y + 4.5 + cell_line * i, room, side, style, line);
    }
}

static void put_row(struct drawing *d, const struct kp_page_block *b, const struct kp_page_row *row,
                    int lines)
{
    const struct style style = { 8.5, INK, row->total };
    double x = margin;
    if (row->total)
        box(d, margin, d->y, inner, 0.7, LINE);
    for (size_t i = 0; i < b->n_columns; i++) {
        double w = column_width(b, i), bar = row->bar < 1 ? row->bar : 1;
        put_cell(d, x, w - 6, b->columns[i].left ? LEFT : RIGHT, style,
                 row->cell[i] ? row->cell[i] : "", lines);
        if (i == 1 && isfinite(row->bar)) {
            box(d, x + 8, d->y + 14.5, w - 14, 2, FAINT);
            box(d, x + 8, d->y + 14.5, (w - 14) * bar, 2, BLUE);
        }
        x += w;
    }
    d->y += 19 + cell_line * (lines - 1);
    if (!row->total)
        box(d, margin, d->y, inner, 0.4, FAINT);
}

static void put_table(struct drawing *d, const struct kp_page_block *b)
{
    put_head(d, b);
    for (size_t i = 0; i < b->n && good(d); i++) {
        int lines = row_lines(d, b, &b->rows[i]);
        if (d->y + 20 + cell_line * (lines - 1) > bottom) {
            new_page(d);
            put_head(d, b);
        }
        put_row(d, b, &b->rows[i], lines);
    }
    if (!b->text)
        return;
    need(d, 30);
    d->y += 4 + 11 * write_lines(d, margin, d->y + 4, inner, LEFT, (struct style){ 8.5, GREY, false },
                                 b->text);
}

static void put_bars(struct drawing *d, const struct kp_page_block *b)
{
    const double labels = 130, bars = 220, values = 70;
    for (size_t i = 0; i < b->n && good(d); i++) {
        const struct kp_page_bar *bar = &b->bars[i];
        need(d, 18);
        write_text(d, margin, d->y + 3, labels - 8, LEFT, (struct style){ 9, INK, bar->strong },
                   bar->label);
        box(d, margin + labels, d->y + 3, bars * bar->part < 1 ? 1 : bars * bar->part, 11,
            bar->strong ? AMBER : BLUE);
        write_text(d, margin + labels + bars, d->y + 3, values, RIGHT,
                   (struct style){ 9, INK, false }, bar->value);
        write_text(d, margin + labels + bars + values, d->y + 3, inner - labels - bars - values,
                   RIGHT, (struct style){ 8.5, GREY, false }, bar->note);
        d->y += 18;
    }
}

static void put_block(struct drawing *d, const struct kp_page_block *b)
{
    static void (*const kinds[])(struct drawing *,
                                 const struct kp_page_block *) = { [KP_BLOCK_TEXT] = put_text,
                                                           [KP_BLOCK_TILES] = put_tiles,
                                                           [KP_BLOCK_DAYS] = put_days,
                                                           [KP_BLOCK_TABLE] = put_table,
                                                           [KP_BLOCK_BARS] = put_bars,
                                                           [KP_BLOCK_WORDS] = put_words };
    double rows = b->kind == KP_BLOCK_TABLE ? 19.0 * (double)b->n + 20 : 18.0 * (double)b->n;
    if (b->title) { /* none alone at the foot of a page, and a small table in one piece */
        need(d, b->kind == KP_BLOCK_DAYS   ? 140
                : b->kind == KP_BLOCK_TEXT || b->kind == KP_BLOCK_WORDS ? 70
                                        : 40 + (rows < 280 ? rows : 70));
        d->y += 16;
        write_text(d, margin, d->y, inner, LEFT, (struct style){ 12, INK, true }, b->title);
        d->y += 20;
    }
    kinds[b->kind](d, b);
}

/* ---- the document ---- */
static void put_feet(struct drawing *d, const struct kp_page *p)
{
    char text[200];
    for (size_t i = 0; i < d->n && good(d); i++) {
        d->page = d->pages[i];
        snprintf(text, sizeof text, "%zu / %zu", i + 1, d->n);
        box(d, margin, 803, inner, 0.5, FAINT);
        write_text(d, margin, 808, inner - 60, LEFT, (struct style){ 7.5, GREY, false }, p->title);
        write_text(d, margin + inner - 60, 808, 60, RIGHT, (struct style){ 7.5, GREY, false },
                   text);
    }
}

static void draw(struct drawing *d, const struct kp_page *p)
{
    const struct style small = { 8, GREY, false };
    char title[TEXT];
    d->plain[0] = HPDF_GetFont(d->doc, "Helvetica", "WinAnsiEncoding");
    d->plain[1] = HPDF_GetFont(d->doc, "Helvetica-Bold", "WinAnsiEncoding");
    HPDF_SetCompressionMode(d->doc, HPDF_COMP_ALL);
    to_windows(p->title, title);
    HPDF_SetInfoAttr(d->doc, HPDF_INFO_TITLE, title);
    HPDF_SetInfoAttr(d->doc, HPDF_INFO_CREATOR, "koppel");
    if (!d->plain[0] || !d->plain[1])
        return;
    new_page(d);
    d->y += 26 * write_lines(d, margin, d->y, inner, LEFT, (struct style){ 20, INK, true }, p->title);
    write_text(d, margin, d->y, inner, LEFT, (struct style){ 9.5, GREY, false }, p->subtitle);
    d->y += 24;
    for (size_t i = 0; i < p->n && good(d); i++)
        put_block(d, &p->blocks[i]);
    need(d, 56);
    d->y += 14;
    d->y += 12 + 10.4 * write_lines(d, margin, d->y, inner, LEFT, small, p->about);
    if (d->poor)
        write_lines(d, margin, d->y, inner, LEFT, small,
                    *p->language == 'n' ? "Sommige letters zijn vervangen: deze machine heeft het "
                                          "lettertype DejaVu Sans niet (fonts-dejavu-core)."
                                        : "Some letters were replaced: this machine has no font "
                                          "DejaVu Sans (fonts-dejavu-core).");
    put_feet(d, p);
}

static enum kp_code take_file(struct drawing *d, struct kp_buf *out, struct kp_err *err)
{
    if (!d->page || HPDF_SaveToStream(d->doc) != HPDF_OK || HPDF_GetError(d->doc) != HPDF_OK)
        return kp_fail(err, KP_ENOMEM, "the PDF could not be made: out of memory");
    HPDF_UINT32 left = HPDF_GetStreamSize(d->doc);
    void *room = left <= FILE_MAX ? kp_buf_room(out, left) : NULL;
    HPDF_UINT32 n = left;
    if (!room)
        return kp_fail(err, KP_ENOMEM, "the PDF could not be made: out of memory");
    HPDF_ResetStream(d->doc);
    HPDF_STATUS status = HPDF_ReadFromStream(d->doc, room, &n);
    if (status != HPDF_OK && status != HPDF_STREAM_EOF)
        return kp_fail(err, KP_EIO, "the PDF could not be read back");
    out->len += n;
    return KP_OK;
}

static void *HPDF_STDCALL pool_alloc(HPDF_UINT size)
{
    return kp_alloc(size);
}

static void HPDF_STDCALL pool_free(void *p)
{
    kp_free(p);
}

enum kp_code kp_page_pdf(const struct kp_page *p, struct kp_buf *out, struct kp_err *err)
{
    struct drawing *d = kp_alloc(sizeof *d);
    if (d)
        d->doc = HPDF_NewEx(NULL, pool_alloc, pool_free, POOL, NULL);
    if (!d || !d->doc) {
        kp_free(d);
        return kp_fail(err, KP_ENOMEM, "out of memory");
    }
    draw(d, p);
    if (d->full)
        kp_fail(err, KP_EFULL, "the report has more than %d pages: ask for fewer machines",
                PAGES_MAX);
    else
        take_file(d, out, err);
    HPDF_Free(d->doc);
    kp_free(d);
    return err->code;
}
