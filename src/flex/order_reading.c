/* SPDX-License-Identifier: Apache-2.0 */
#include "flex/order_reading.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum { SENTENCE = 600 };

void kp_order_reading_begin(struct kp_order_reading *r, const struct kp_folder *folder,
                            const struct kp_order_places *places)
{
    memset(r, 0, sizeof *r);
    r->folder = folder;
    r->places = places;
}

void kp_order_reading_free(struct kp_order_reading *r)
{
    kp_free(r->orders);
    kp_free(r->lines);
    kp_arena_free(&r->arena);
}

/* On one line, whatever stands in the file. */
static const char *keep(struct kp_order_reading *r, const char *text)
{
    char clean[SENTENCE];
    kp_utf8_clean(clean, sizeof clean, text, strlen(text));
    for (char *p = clean; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = ' ';
    const char *copy = kp_arena_strdup(&r->arena, clean);
    r->starved |= !copy;
    return copy ? copy : "";
}

void kp_order_fault_texts(struct kp_order_reading *r, unsigned line, unsigned column,
                          const char *header, const char *en, const char *nl)
{
    if (r->n_faults++ < KP_ORDER_FAULTS_MAX)
        r->faults[r->n_faults - 1] =
            (struct kp_order_fault){ line, column, header, keep(r, en), keep(r, nl) };
}

void kp_order_fault(struct kp_order_reading *r, unsigned line, unsigned column, const char *header,
                    const char *en, const char *nl, ...)
{
    char english[SENTENCE], dutch[SENTENCE];
    va_list ap, again;
    va_start(ap, nl);
    va_copy(again, ap);
    vsnprintf(english, sizeof english, en, ap);
    vsnprintf(dutch, sizeof dutch, nl, again);
    va_end(again);
    va_end(ap);
    kp_order_fault_texts(r, line, column, header, english, dutch);
}

struct kp_order_in *kp_order_reading_add(struct kp_order_reading *r, unsigned line)
{
    if (!kp_grow(&r->orders, &r->room, r->n + 1, sizeof *r->orders) ||
        !kp_grow(&r->lines, &r->lines_room, r->n + 1, sizeof *r->lines)) {
        r->starved = true;
        return NULL;
    }
    r->lines[r->n] = line;
    r->orders[r->n] = (struct kp_order_in){ .due = KP_NO_TIME };
    return &r->orders[r->n++];
}

void kp_order_faults_print(const struct kp_order_reading *r, bool dutch, struct kp_buf *out)
{
    size_t shown = r->n_faults < KP_ORDER_FAULTS_MAX ? r->n_faults : KP_ORDER_FAULTS_MAX;
    for (size_t i = 0; i < shown; i++) {
        const struct kp_order_fault *f = &r->faults[i];
        if (f->line)
            kp_buf_printf(out, dutch ? "regel %u" : "line %u", f->line);
        if (f->column)
            kp_buf_printf(out, dutch ? ", kolom %u" : ", column %u", f->column);
        if (f->header && *f->header)
            kp_buf_printf(out, " (%.60s)", f->header);
        kp_buf_printf(out, "%s%s\n", f->line ? ": " : "", dutch ? f->nl : f->en);
    }
    if (r->n_faults > shown)
        kp_buf_printf(out, dutch ? "en nog %zu fouten\n" : "and %zu faults more\n",
                      r->n_faults - shown);
}
