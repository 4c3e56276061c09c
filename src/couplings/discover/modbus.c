/* SPDX-License-Identifier: Apache-2.0 */
/* Modbus TCP: Read Device Identification (function 43, MEI 14), which reads only, unit by unit,
 * each after the answer of the one before (Modbus Application Protocol V1.1b3, 6.21). */
#include "couplings/discover/probe.h"

#include <stdio.h>
#include <string.h>

#include "core/ban.h"

enum {
    HEAD = 7,
    PDU_MAX = 253,
    FUNCTION = 0x2b,
    MEI = 14,
    ANSWER_MS = 1000,
    ROUNDS = 8,
    SILENT_MAX = 2
};
enum { BASIC = 1, REGULAR = 2 }; /* how much is asked for */
enum { EXCEPTION_FUNCTION = 1, EXCEPTION_GATEWAY_PATH = 10, EXCEPTION_GATEWAY_TARGET = 11 };

enum answer { SILENT, FOREIGN, EXCEPTION, IDENTITY };

/* One question; the answer's bytes behind the unit into pdu, *n of them. */
static enum answer ask(struct kp_probe *p, unsigned number, unsigned unit, unsigned code,
                       unsigned object, unsigned char pdu[PDU_MAX], size_t *n)
{
    unsigned char q[] = { (unsigned char)(number >> 8),
                          (unsigned char)number,
                          0,
                          0,
                          0,
                          5,
                          (unsigned char)unit,
                          FUNCTION,
                          MEI,
                          (unsigned char)code,
                          (unsigned char)object };
    unsigned char head[HEAD];
    kp_probe_within(p, ANSWER_MS);
    if (!kp_probe_send(p, q, sizeof q) || !kp_probe_read(p, head, sizeof head))
        return SILENT;
    *n = (size_t)(head[4] << 8 | head[5]) - 1;
    bool fits = head[0] == q[0] && head[1] == q[1] && !head[2] && !head[3] && head[6] == q[6] &&
                *n >= 2 && *n <= PDU_MAX;
    if (!fits || !kp_probe_read(p, pdu, *n))
        return FOREIGN;
    if (pdu[0] == (FUNCTION | 0x80))
        return EXCEPTION;
    return pdu[0] == FUNCTION && pdu[1] == MEI && *n >= 7 ? IDENTITY : FOREIGN;
}

static bool is_gateway(unsigned exception)
{
    return exception == EXCEPTION_GATEWAY_PATH || exception == EXCEPTION_GATEWAY_TARGET;
}

static void take_object(struct kp_discover_found *f, unsigned id, const unsigned char *text,
                        size_t n)
{
    if (id == 0)
        kp_probe_text(f->manufacturer, sizeof f->manufacturer, text, n);
    else if (id == 1 && !*f->product)
        kp_probe_text(f->product, sizeof f->product, text, n);
    else if (id == 4) /* the product's name says more than its code */
        kp_probe_text(f->product, sizeof f->product, text, n);
    else if (id == 6)
        kp_probe_text(f->name, sizeof f->name, text, n);
    else if (id == 2) {
        static const char before[] = "revision ";
        memcpy(f->detail, before, sizeof before);
        kp_probe_text(f->detail + sizeof before - 1, KP_DISCOVER_TEXT, text, n);
    }
}

/* The objects of one answer; the next one to ask for, or 0. */
static unsigned take_objects(struct kp_discover_found *f, const unsigned char *pdu, size_t n)
{
    size_t at = 7;
    for (unsigned i = 0; i < pdu[6] && at + 2 <= n && at + 2 + pdu[at + 1] <= n; i++) {
        take_object(f, pdu[at], pdu + at + 2, pdu[at + 1]);
        at += 2u + pdu[at + 1];
    }
    return pdu[4] == 0xff ? pdu[5] : 0;
}

static enum answer ask_unit(struct kp_probe *p, unsigned unit, unsigned *number,
                            struct kp_discover_found *f)
{
    unsigned char pdu[PDU_MAX];
    size_t n = 0;
    unsigned object = 0, code = REGULAR;
    enum answer first = ask(p, ++*number, unit, code, 0, pdu, &n), next;
    if (first == EXCEPTION && pdu[1] != EXCEPTION_FUNCTION && !is_gateway(pdu[1]))
        first = ask(p, ++*number, unit, code = BASIC, 0, pdu, &n);
    if (first == EXCEPTION)
        snprintf(f->detail, sizeof f->detail, "%s",
                 is_gateway(pdu[1]) ? "a gateway; nothing answers at this unit"
                                    : "it does not tell what it is");
    next = first;
    for (int i = 0; next == IDENTITY && (object = take_objects(f, pdu, n)) && i < ROUNDS; i++)
        next = ask(p, ++*number, unit, code, object, pdu, &n);
    return first;
}

static void tell(struct kp_probe *p, struct kp_discover_found *f, unsigned unit)
{
    f->unit = (int)unit;
    char path[8];
    snprintf(path, sizeof path, "/%u", unit);
    kp_probe_couple(f, "modbus", 502, path, NULL, 0);
    kp_probe_needs_map(f);
    kp_probe_tell(p, f);
}

/* A device alone answers as any unit: it is told once. */
static bool is_same(const struct kp_discover_found *a, const struct kp_discover_found *b)
{
    return strcmp(a->manufacturer, b->manufacturer) == 0 && strcmp(a->product, b->product) == 0 &&
           strcmp(a->name, b->name) == 0 && strcmp(a->detail, b->detail) == 0;
}

bool kp_probe_modbus(struct kp_probe *p)
{
    static const unsigned usual[] = { 1, 255 };
    bool given = p->last_unit, spoke = false;
    unsigned n = given ? p->last_unit - p->first_unit + 1 : 2, number = 0, silent = 0;
    struct kp_discover_found last = { 0 };
    for (unsigned i = 0; i < n && silent < SILENT_MAX; i++) {
        unsigned unit = given ? p->first_unit + i : usual[i];
        struct kp_discover_found f = kp_probe_begin(p, "modbus");
        enum answer a = ask_unit(p, unit, &number, &f);
        if (a == FOREIGN)
            break;
        if (a == SILENT) { /* a late answer must not be taken for the next one's */
            silent += !spoke || !given;
            if (i + 1 == n || !kp_probe_reopen(p))
                break;
            continue;
        }
        bool nobody = a == EXCEPTION && strncmp(f.detail, "a gateway", 9) == 0;
        if ((given && !nobody) || (!given && (!spoke || (!nobody && !is_same(&f, &last)))))
            tell(p, &f, unit);
        last = f;
        spoke = true;
    }
    return spoke;
}
