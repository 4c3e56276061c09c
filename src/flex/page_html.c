/* SPDX-License-Identifier: Apache-2.0 */
/* A page as one HTML file without anything beside it. Made of tables, and its bars are borders,
 * for programs that read mail know no more and browsers print borders where they leave backgrounds
 * out; the chart of the days is SVG, which mail does not have. */
#include "flex/page.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/ban.h"

static const char style[] =
    "@page{size:A4;margin:14mm}"
    "body{margin:0;background:#fff;color:#1b2430;font:14px/1.45 -apple-system,'Segoe UI',Roboto,"
    "'Helvetica Neue',Arial,sans-serif}"
    ".r{max-width:860px;margin:0 auto;padding:24px 16px}"
    "h1{font-size:26px;line-height:1.2;margin:0 0 2px}"
    "h2{font-size:16px;margin:28px 0 8px;page-break-after:avoid}"
    ".s{color:#5a6675;margin:0}"
    ".l{font-size:16px;margin:16px 0;max-width:46em}"
    ".f{color:#5a6675;font-size:12px;margin:28px 0 0;border-top:1px solid #d5dae1;padding-top:8px}"
    "table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}"
    ".t td{padding:0 12px 0 0;vertical-align:top}"
    ".t .p{border-top:3px solid #1b2430;padding-top:6px}"
    ".v{font-size:22px;font-weight:600;line-height:1.25;white-space:nowrap}"
    ".k,.n{color:#5a6675;font-size:12px}.up{color:#176b3a}.down{color:#a52019}"
    ".d th{color:#5a6675;font-size:12px;font-weight:600;text-align:right;vertical-align:bottom;"
    "border-bottom:1px solid #8b95a3;padding:0 0 4px 10px}"
    ".d td{text-align:right;vertical-align:top;border-bottom:1px solid #e4e8ed;"
    "padding:5px 0 5px 10px;white-space:nowrap}"
    ".d th.a,.d td.a{text-align:left}.d th:first-child,.d td:first-child{padding-left:0;"
    "white-space:normal;min-width:120px;overflow-wrap:anywhere}"
    ".d tr.z td{font-weight:600;border-top:1px solid #8b95a3;border-bottom:0}"
    ".d tr,.b tr{page-break-inside:avoid}"
    ".g{border-top:4px solid #d5dae1;height:0;font-size:0;line-height:0;margin-top:2px}"
    ".g div{border-top:4px solid #2563a8;height:0;margin-top:-4px}"
    ".b td{padding:4px 10px 4px 0;vertical-align:middle}.b .w{width:50%}"
    ".b .x{border-top:14px solid #2563a8;height:0;font-size:0;line-height:0;padding:0}"
    ".b .x.y{border-top-color:#b45309}.b .q{text-align:right;white-space:nowrap}"
    ".o{overflow-x:auto}.w{white-space:pre-line;margin:4px 0 10px;max-width:52em;overflow-wrap:anywhere}"
    ".d.m td{white-space:normal;overflow-wrap:anywhere}"
    "@media(max-width:640px){.t td{display:inline-block;width:45%;margin-bottom:10px}}"
    "@media print{.r{max-width:none;padding:0}body{font-size:11px}.l{font-size:13px}.k,.n,.f,.d "
    "th{font-"
    "size:10px}.v{font-size:19px}.o{overflow:visible}}";

static void put(struct kp_buf *out, const char *text)
{
    for (; *text; text++) {
        size_t n = strcspn(text, "<>&\"'");
        kp_buf_add(out, text, n);
        text += n;
        if (!*text)
            return;
        kp_buf_printf(out, "&#%d;", *text);
    }
}

static void put_in(struct kp_buf *out, const char *open, const char *text, const char *close)
{
    if (!text || !*text)
        return;
    kp_buf_str(out, open);
    put(out, text);
    kp_buf_str(out, close);
}

static double share(double v)
{
    return isfinite(v) && v > 0 ? v < 1 ? 100 * v : 100 : 0;
}

static void put_tiles(struct kp_buf *out, const struct kp_page_block *b)
{
    static const char *const moods[] = { "n down", "n", "n up" };
    kp_buf_str(out, "<table class=\"t\" role=\"presentation\"><tr>");
    for (size_t i = 0; i < b->n; i++) {
        const struct kp_page_tile *t = &b->tiles[i];
        kp_buf_printf(out, "<td width=\"%zu%%\"><div class=\"p\">", 100 / b->n);
        put_in(out, "<div class=\"k\">", t->label, "</div>");
        put_in(out, "<div class=\"v\">", t->value, "</div>");
        kp_buf_printf(out, "<div class=\"%s\">", moods[t->mood + 1]);
        put(out, t->note);
        kp_buf_str(out, "&nbsp;</div></div></td>");
    }
    kp_buf_str(out, "</tr></table>");
}

enum { CHART_WIDTH = 828, CHART_HEIGHT = 120, CHART_LEFT = 40 };

static void put_days(struct kp_buf *out, const struct kp_page_block *b)
{
    double step = (double)(CHART_WIDTH - CHART_LEFT) / (double)(b->n ? b->n : 1);
    kp_buf_printf(out,
                  "<svg viewBox=\"0 -10 %d %d\" width=\"100%%\" role=\"img\" "
                  "font-family=\"inherit\" font-size=\"12\" aria-label=\"",
                  CHART_WIDTH, CHART_HEIGHT + 30);
    put(out, b->title);
    kp_buf_str(out, "\">");
    for (int line = 0; line <= 100; line += 50)
        kp_buf_printf(out,
                      "<path d=\"M%d %dH%d\" stroke=\"%s\"/><text x=\"%d\" y=\"%d\" "
                      "text-anchor=\"end\" fill=\"#5a6675\">%d%%</text>",
                      CHART_LEFT, CHART_HEIGHT - CHART_HEIGHT * line / 100, CHART_WIDTH,
                      line ? "#e4e8ed" : "#8b95a3", CHART_LEFT - 6,
                      CHART_HEIGHT - CHART_HEIGHT * line / 100 + 4, line);
    for (size_t i = 0; i < b->n; i++) {
        double x = CHART_LEFT + step * (double)i,
               height = share(b->days[i].part) / 100 * CHART_HEIGHT;
        kp_buf_printf(out,
                      "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" "
                      "fill=\"#2563a8\"><title>",
                      x + step * 0.15, CHART_HEIGHT - height, step * 0.7, height);
        put(out, b->days[i].label);
        put_in(out, ": ", b->days[i].value, "");
        kp_buf_printf(out,
                      "</title></rect><text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\" "
                      "fill=\"#5a6675\">",
                      x + step / 2, CHART_HEIGHT + 15);
        put(out, b->days[i].label);
        kp_buf_str(out, "</text>");
    }
    kp_buf_str(out, "</svg>");
}

static void put_row(struct kp_buf *out, const struct kp_page_block *b, const struct kp_page_row *row)
{
    kp_buf_str(out, row->total ? "<tr class=\"z\">" : "<tr>");
    for (size_t i = 0; i < b->n_columns; i++) {
        kp_buf_str(out, b->columns[i].left ? "<td class=\"a\">" : "<td>");
        put(out, row->cell[i] ? row->cell[i] : "");
        if (i == 1 && isfinite(row->bar))
            kp_buf_printf(out, "<div class=\"g\"><div style=\"width:%.0f%%\"></div></div>",
                          share(row->bar));
        kp_buf_str(out, "</td>");
    }
    kp_buf_str(out, "</tr>");
}

static void put_table(struct kp_buf *out, const struct kp_page_block *b)
{
    kp_buf_printf(out, "<div class=\"o\"><table class=\"d%s\"><thead><tr>", b->wraps ? " m" : "");
    for (size_t i = 0; i < b->n_columns; i++) {
        kp_buf_printf(out, "<th scope=\"col\"%s>", b->columns[i].left ? " class=\"a\"" : "");
        put(out, b->columns[i].head);
        kp_buf_str(out, "</th>");
    }
    kp_buf_str(out, "</tr></thead><tbody>");
    for (size_t i = 0; i < b->n; i++)
        put_row(out, b, &b->rows[i]);
    kp_buf_str(out, "</tbody></table></div>");
}

static void put_bars(struct kp_buf *out, const struct kp_page_block *b)
{
    kp_buf_str(out, "<table class=\"b\">");
    for (size_t i = 0; i < b->n; i++) {
        const struct kp_page_bar *bar = &b->bars[i];
        double width = share(bar->part);
        put_in(out, "<tr><td>", bar->label, "</td>");
        kp_buf_printf(out,
                      "<td class=\"w\"><table style=\"width:%.0f%%\" role=\"presentation\"><tr><td "
                      "class=\"x%s\">&nbsp;</td></tr></table></td>",
                      width < 1 ? 1 : width, bar->strong ? " y" : "");
        put_in(out, "<td class=\"q\">", bar->value, "</td>");
        put_in(out, "<td class=\"q n\">", bar->note, "</td></tr>");
    }
    kp_buf_str(out, "</table>");
}

/* Lines end where whoever wrote them ended them. */
static void put_words(struct kp_buf *out, const struct kp_page_block *b)
{
    const char *text = b->text ? b->text : "";
    kp_buf_str(out, "<p class=\"w\">");
    put(out, text);
    kp_buf_str(out, "</p>");
}

static void put_block(struct kp_buf *out, const struct kp_page_block *b)
{
    static void (*const kinds[])(struct kp_buf *,
                                 const struct kp_page_block *) = { [KP_BLOCK_TILES] = put_tiles,
                                                           [KP_BLOCK_DAYS] = put_days,
                                                           [KP_BLOCK_TABLE] = put_table,
                                                           [KP_BLOCK_BARS] = put_bars,
                                                           [KP_BLOCK_WORDS] = put_words };
    put_in(out, "<h2>", b->title, "</h2>");
    if (kinds[b->kind])
        kinds[b->kind](out, b);
    if (b->kind != KP_BLOCK_WORDS)
        put_in(out, b->title ? "<p class=\"s\">" : "<p class=\"l\">", b->text, "</p>");
}

void kp_page_html(const struct kp_page *p, struct kp_buf *out)
{
    kp_buf_printf(out,
                  "<!doctype html><html lang=\"%s\"><head><meta charset=\"utf-8\"><meta "
                  "name=\"viewport\" content=\"width=device-width,initial-scale=1\">",
                  p->language);
    put_in(out, "<title>", p->title, "</title>");
    kp_buf_printf(out, "<style>%s</style></head><body><div class=\"r\">", style);
    put_in(out, "<h1>", p->title, "</h1>");
    put_in(out, "<p class=\"s\">", p->subtitle, "</p>");
    for (size_t i = 0; i < p->n; i++)
        put_block(out, &p->blocks[i]);
    put_in(out, "<p class=\"f\">", p->about, "</p>");
    kp_buf_str(out, "</div></body></html>\n");
}
