/* SPDX-License-Identifier: Apache-2.0 */
#include "core/csv.h"

#include "core/json.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "core/ban.h"

static char guess_delimiter(const char *text)
{
    size_t semicolons = 0, tabs = 0, commas = 0;
    bool quoted = false;
    for (; *text && (quoted || *text != '\n'); text++) {
        quoted ^= *text == '"';
        semicolons += !quoted && *text == ';';
        tabs += !quoted && *text == '\t';
        commas += !quoted && *text == ',';
    }
    return semicolons >= commas && semicolons ? ';' : tabs > commas ? '\t' : ',';
}

void kp_csv_begin(struct kp_csv *c, char *text, size_t len)
{
    static const char bom[] = "\xef\xbb\xbf";
    *c = (struct kp_csv){ .text = text, .end = text + len, .next_line = 1 };
    if (len >= 3 && memcmp(text, bom, 3) == 0)
        c->text += 3;
    c->delimiter = guess_delimiter(c->text);
}

bool kp_csv_more(const struct kp_csv *c)
{
    return c->text < c->end;
}

/* Cuts a cell off in place; *more: another one follows in this record. */
static enum kp_code take_cell(struct kp_csv *c, char **out, bool *more, struct kp_err *err)
{
    char *p = c->text, *to = p;
    bool quoted = *p == '"';
    *out = p;
    for (p += quoted; p < c->end; p++) {
        if (quoted && *p == '"' && p[1] != '"')
            break;
        if (!quoted && (*p == c->delimiter || *p == '\n' || *p == '\r'))
            break;
        p += quoted && *p == '"';
        c->next_line += *p == '\n';
        *to++ = *p;
    }
    if (quoted && p == c->end)
        return kp_fail(err, KP_EPARSE, "line %" PRIu64 ": a quote opens here that nothing closes",
                       c->line);
    p += quoted;
    p += *p == '\r' && p[1] == '\n';
    char stop = p < c->end ? *p : '\n';
    if (stop != c->delimiter && stop != '\n')
        return kp_fail(err, KP_EPARSE, "line %" PRIu64 ": behind a cell cannot stand '%c'", c->line,
                       stop);
    *to = 0;
    *more = stop == c->delimiter;
    c->next_line += !*more;
    c->text = p < c->end ? p + 1 : c->end;
    return KP_OK;
}

enum kp_code kp_csv_next(struct kp_csv *c, struct kp_err *err)
{
    bool more = true;
    c->line = c->next_line;
    for (c->n = 0; more; c->n++) {
        if (!kp_grow(&c->cell, &c->room, c->n + 1, sizeof *c->cell))
            return kp_fail(err, KP_ENOMEM, "out of memory");
        if (c->n == KP_CSV_COLUMNS_MAX)
            return kp_fail(err, KP_EFULL, "line %" PRIu64 ": more than %d columns", c->line,
                           KP_CSV_COLUMNS_MAX);
        if (take_cell(c, &c->cell[c->n], &more, err))
            return err->code;
    }
    return KP_OK;
}

void kp_csv_skip(struct kp_csv *c)
{
    char *stop = memchr(c->text, '\n', (size_t)(c->end - c->text));
    c->text = stop ? stop + 1 : c->end;
    c->next_line = c->line + 1;
}

bool kp_csv_empty(const struct kp_csv *c)
{
    return c->n == 1 && !*c->cell[0];
}

size_t kp_csv_find(const struct kp_csv *c, const char *const *words)
{
    for (; *words; words++)
        for (size_t i = 0; i < c->n; i++)
            if (strcasecmp(c->cell[i], *words) == 0)
                return i;
    return SIZE_MAX;
}

char *kp_csv_number(const struct kp_csv *c, char *cell)
{
    char *comma = strchr(cell, ',');
    if (c->delimiter != ',' && comma && strspn(cell, "+-0123456789,eE") == strlen(cell) &&
        !strchr(comma + 1, ','))
        *comma = '.';
    return cell;
}

void kp_csv_end(struct kp_csv *c)
{
    kp_free(c->cell);
}

/* ---- writing ---- */
void kp_csv_put_text(struct kp_buf *out, const char *text, size_t n)
{
    kp_buf_str(out, "\"");
    for (size_t i = 0; i < n; i++) {
        kp_buf_add(out, text + i, 1);
        if (text[i] == '"')
            kp_buf_str(out, "\"");
    }
    kp_buf_str(out, "\"");
}

static void put_as_json(struct kp_buf *out, const struct kp_value *v)
{
    struct kp_buf text;
    kp_buf_init(&text, out->limit);
    struct kp_json j = kp_json(&text);
    kp_json_value(&j, v);
    kp_csv_put_text(out, text.data ? text.data : "", text.len);
    out->failed |= text.failed;
    kp_buf_free(&text);
}

void kp_csv_put_value(struct kp_buf *out, const struct kp_value *v)
{
    if (v->type == KP_STRING) {
        kp_csv_put_text(out, v->data, v->len);
    } else if (v->type == KP_BYTES || v->type & KP_ARRAY) {
        put_as_json(out, v);
    } else if (v->type != KP_NULL) {
        struct kp_json j = kp_json(out);
        kp_json_value(&j, v);
    }
}

void kp_csv_put_time(struct kp_buf *out, int64_t at)
{
    char text[KP_TIME_TEXT];
    kp_buf_add(out, text, kp_time_print(at, text));
}
