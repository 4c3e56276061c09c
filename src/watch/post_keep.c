/* SPDX-License-Identifier: Apache-2.0 */
/* A post as bytes: what stands in front, then each memory or the cycles, each with its size. */
#include "watch/post_private.h"

#include <math.h>
#include <string.h>

#include "core/ban.h"

struct kept {
    uint32_t magic, version, kind, signals, memories, findings, trouble, troubled, from, last_state;
    uint64_t program, clock;
    struct hearing hearing;
    int64_t at, learnt_at, step, since[KP_POST_FINDINGS];
    double score;
    uint32_t drifts, n_top; /* of the newest judgement */
    struct kp_watch_reason top[KP_WATCH_TOP];
    uint32_t finding, channel, part, known; /* of the newest cycle */
    double actual, expected;
    uint8_t course[KP_POST_STEPS];
};
struct piece {
    uint64_t program, used, size;
};
enum { MAGIC = 0x6b705750, VERSION = 1 }; /* of another order of bytes, the magic is another */

static bool has(const struct memory *m)
{
    return m->signal || m->group;
}

static void save_piece(struct kp_buf *out, const struct memory *m, const struct kp_cycles *cycles)
{
    struct piece piece = { 0 };
    if (m) {
        piece.program = m->program;
        piece.used = m->used;
    }
    size_t at = out->len;
    kp_buf_add(out, &piece, sizeof piece);
    if (cycles)
        kp_cycles_save(cycles, out);
    else if (m && m->signal)
        kp_watch_signal_save(m->signal, out);
    else if (m)
        kp_group_save(m->group, out);
    if (out->failed)
        return;
    piece.size = out->len - at - sizeof piece;
    memcpy(out->data + at, &piece, sizeof piece);
}

void kp_post_save(const struct kp_post *p, struct kp_buf *out)
{
    struct kept head = { .magic = MAGIC,
                         .version = VERSION,
                         .kind = p->def->kind,
                         .signals = (uint32_t)p->n,
                         .memories = p->cycles != NULL,
                         .findings = p->findings,
                         .trouble = p->trouble,
                         .troubled = p->troubled,
                         .from = p->from,
                         .last_state = p->last.state,
                         .program = p->program,
                         .clock = p->clock,
                         .hearing = p->hearing,
                         .at = p->at,
                         .learnt_at = p->learnt_at,
                         .step = p->step,
                         .score = p->last.score,
                         .drifts = p->last.drifts,
                         .n_top = (uint32_t)p->last.n_top,
                         .finding = p->cycle.finding,
                         .channel = p->cycle.channel,
                         .part = p->cycle.part,
                         .known = p->cycle.known,
                         .actual = p->cycle.actual,
                         .expected = p->cycle.expected };
    memcpy(head.top, p->last.top, sizeof head.top);
    for (size_t i = 0; i < p->n_memory; i++)
        head.memories += has(&p->memory[i]);
    memcpy(head.since, p->since, sizeof head.since);
    memcpy(head.course, p->course, sizeof head.course);
    kp_buf_add(out, &head, sizeof head);
    if (p->cycles)
        save_piece(out, NULL, p->cycles);
    for (size_t i = 0; i < p->n_memory; i++)
        if (has(&p->memory[i]))
            save_piece(out, &p->memory[i], NULL);
}

/* ---- reading ---- */
static bool sound_judgement(const struct kp_post *p, const struct kept *h)
{
    bool ok = h->n_top <= KP_WATCH_TOP && h->finding <= KP_CYCLE_ENERGY_CREEPS && h->channel < p->n &&
              h->part < KP_CYCLE_PARTS && h->score >= 0 && h->score <= 1;
    for (uint32_t i = 0; i < h->n_top && ok; i++)
        ok = h->top[i].signal < p->n;
    return ok;
}

static bool sound(const struct kp_post *p, const struct kept *h)
{
    return h->magic == MAGIC && h->version == VERSION && h->kind == p->def->kind &&
           h->signals == p->n && h->memories <= (p->cycles ? 1 : p->n_memory) && h->memories &&
           h->findings < 1u << KP_POST_FINDINGS && h->trouble <= KP_TROUBLE_SILENT &&
           h->troubled < p->n && h->from <= KP_POST_FROM_LIVE && h->last_state <= KP_WATCH_STALE &&
           sound_judgement(p, h) && h->hearing.longest >= 0 && h->step >= 0 && h->step < INT64_MAX / KP_POST_STEP - KP_POST_STEPS;
}

static enum kp_code load_memory(struct kp_post *p, struct memory *m, const struct piece *is,
                                const void *data, struct kp_err *err)
{
    m->program = is->program;
    m->used = is->used;
    if (p->def->kind == KP_WATCH_GROUP) {
        m->group = kp_group_load(data, is->size, err);
        if (m->group && kp_group_signals(m->group) != p->n)
            kp_fail(err, KP_EPARSE, "what was kept of a group has other signals");
    } else if (!(m->signal = kp_alloc(sizeof *m->signal))) {
        kp_fail(err, KP_ENOMEM, "out of memory");
    } else if (!kp_watch_signal_load(m->signal, data, is->size, err) &&
               (m->signal->train != p->def->learn || !m->signal->shape != !p->def->shape)) {
        kp_fail(err, KP_EPARSE, "what was kept of a signal was learnt otherwise");
    }
    return err->code;
}

static enum kp_code load_cycles(struct kp_post *p, const void *data, size_t size, struct kp_err *err)
{
    struct kp_cycles *loaded = kp_cycles_load(data, size, err);
    if (!loaded)
        return err->code;
    if (kp_cycles_channels(loaded) != p->n) {
        kp_cycles_free(loaded);
        return kp_fail(err, KP_EPARSE, "what was kept of cycles has other channels");
    }
    kp_cycles_free(p->cycles);
    p->cycles = loaded;
    return KP_OK;
}

static enum kp_code load_pieces(struct kp_post *p, const char *data, size_t size, unsigned n,
                                struct kp_err *err)
{
    struct piece is;
    for (unsigned i = 0; i < n; i++, data += is.size, size -= is.size) {
        if (size < sizeof is)
            return kp_fail(err, KP_EPARSE, "what was kept of a watch is cut off");
        memcpy(&is, data, sizeof is);
        data += sizeof is;
        size -= sizeof is;
        if (is.size > size)
            return kp_fail(err, KP_EPARSE, "what was kept of a watch is cut off");
        if (p->cycles ? load_cycles(p, data, is.size, err)
                      : load_memory(p, &p->memory[i], &is, data, err))
            return err->code;
    }
    return KP_OK;
}

static void take_head(struct kp_post *p, const struct kept *h)
{
    p->findings = (uint8_t)h->findings;
    p->trouble = (uint8_t)h->trouble;
    p->troubled = h->troubled;
    p->from = (uint8_t)h->from;
    p->last.state = (enum kp_watch_state)h->last_state;
    p->last.score = p->cycle.score = h->score;
    p->last.drifts = h->drifts != 0;
    p->last.n_top = h->n_top;
    memcpy(p->last.top, h->top, sizeof p->last.top);
    p->cycle.state = p->last.state;
    p->cycle.finding = (enum kp_cycle_finding)h->finding;
    p->cycle.channel = h->channel;
    p->cycle.part = h->part;
    p->cycle.known = h->known;
    p->cycle.actual = h->actual;
    p->cycle.expected = h->expected;
    p->program = h->program;
    p->clock = h->clock;
    p->hearing = h->hearing;
    p->hearing.at = KP_NO_TIME;
    p->hearing.before = p->hearing.values;
    p->at = p->until = h->at;
    p->learnt_at = h->learnt_at;
    p->step = h->step;
    memcpy(p->since, h->since, sizeof p->since);
    memcpy(p->course, h->course, sizeof p->course);
    p->findings &= (uint8_t)~(1u << KP_POST_OVERDUE); /* the cycle that ran is not kept */
    p->since[KP_POST_OVERDUE] = KP_NO_TIME;
}

enum kp_code kp_post_load(struct kp_post *p, const void *data, size_t size, struct kp_err *err)
{
    struct kept head = { 0 };
    struct kp_err own = { 0 };
    if (size >= sizeof head)
        memcpy(&head, data, sizeof head);
    if (!sound(p, &head))
        return kp_fail(err, KP_EPARSE, "what was kept is of another version");
    for (size_t i = 0; i < p->n_memory; i++)
        post_forget(&p->memory[i]);
    if (load_pieces(p, (const char *)data + sizeof head, size - sizeof head, head.memories, &own)) {
        for (size_t i = 0; i < p->n_memory; i++)
            post_forget(&p->memory[i]);
        return kp_fail(err, own.code, "%s", own.text);
    }
    take_head(p, &head);
    return KP_OK;
}
