/* SPDX-License-Identifier: Apache-2.0 */
#include "store/merge.h"

#include <string.h>

#include "core/ban.h"

/* ---- known sources ---- */

static bool comes_before(const struct kp_source *a, const struct kp_source *b)
{
    if (a->t0 != b->t0)
        return a->t0 < b->t0;
    return a->seq != b->seq ? a->seq < b->seq : a->id < b->id;
}

/* They come nearly in order, so that hardly any has to move. */
static enum kp_code add_source(struct kp_sources *s, const struct kp_source *add, struct kp_err *err)
{
    if (s->head && s->head == s->n)
        s->head = s->n = 0;
    if (!kp_grow(&s->list, &s->room, s->n + 1, sizeof *s->list))
        return kp_fail(err, KP_ENOMEM, "out of memory reading history");
    size_t i = s->n++;
    for (; i > s->head && comes_before(add, &s->list[i - 1]); i--)
        s->list[i] = s->list[i - 1];
    s->list[i] = *add;
    return KP_OK;
}

static struct kp_source *first_of(const struct kp_sources *s)
{
    return s->head < s->n ? &s->list[s->head] : NULL;
}

static struct kp_sources *earlier(struct kp_history *h)
{
    struct kp_source *chunk = first_of(&h->chunks), *row = first_of(&h->rows);
    if (!chunk || (row && comes_before(row, chunk)))
        return row ? &h->rows : NULL;
    return &h->chunks;
}

/* ---- chunks: headers in the order of ids ---- */

static int64_t tick_time(int64_t tick)
{
    return tick == 0 ? INT64_MIN : INT64_C(946684800) * KP_SECOND + tick * (KP_SECOND / 8);
}

/* Moves to the next header. A chunk that found its place taken has the id after it; so only within a run
 * of adjoining ids can a later one begin earlier, and never before the run. */
static void next_header(struct kp_history *h, struct kp_err *err)
{
    struct kp_err failure = { 0 };
    if (!kp_step(h->headers, &failure)) {
        h->headers = NULL;
        if (failure.code)
            kp_fail(err, failure.code, "%s", failure.text);
        return;
    }
    int64_t id = kp_column_int(h->headers, 0), t0 = kp_column_int(h->headers, 1);
    if (id != h->last_id + 1)
        h->low = tick_time(id & KP_CHUNK_TICK);
    if (t0 < h->low)
        h->low = t0;
    h->last_id = id;
}

static void read_span(struct kp_history *h, struct kp_err *err)
{
    h->span = KP_CHUNK_TICK; /* a removed signal: look at all it has */
    struct kp_stmt *get = kp_db_prepare(h->db, "select span from signal where id = ?", err);
    if (!get)
        return;
    kp_bind_int(get, 1, h->signal);
    if (kp_step(get, err))
        h->span = kp_column_int(get, 0);
    kp_reset(get);
    if (h->span < 0 || h->span > KP_CHUNK_TICK)
        h->span = KP_CHUNK_TICK;
}

static void open_headers(struct kp_history *h, struct kp_err *err)
{
    int64_t low = kp_chunk_tick(h->from) - h->span, high = kp_chunk_tick(h->to) + h->span;
    h->headers = kp_db_prepare(h->db,
                               "select id, t0, t1, seq, n, good, bad, vmin, vmax, vsum, vfirst, vlast, area, good_ns, "
                               "bad_ns, held from chunk where id between ? and ? order by id",
                               err);
    if (!h->headers)
        return;
    kp_bind_int(h->headers, 1, kp_chunk_id(h->signal, low < 0 ? 0 : low));
    kp_bind_int(h->headers, 2, kp_chunk_id(h->signal, high > KP_CHUNK_TICK ? KP_CHUNK_TICK : high));
    h->last_id = -2;
    next_header(h, err);
}

/* Of "t0, t1, seq, n, good, ..." from column 1 on. */
static void read_columns(struct kp_stmt *row, struct kp_chunk_summary *sum)
{
    *sum = (struct kp_chunk_summary){
        .t0 = kp_column_int(row, 1),
        .t1 = kp_column_int(row, 2),
        .n = (size_t)kp_column_int(row, 4),
        .good = (size_t)kp_column_int(row, 5),
        .bad = (size_t)kp_column_int(row, 6),
        .min = kp_column_double(row, 7),
        .max = kp_column_double(row, 8),
        .sum = kp_column_double(row, 9),
        .first = kp_column_double(row, 10),
        .last = kp_column_double(row, 11),
        .area = kp_column_double(row, 12),
        .good_ns = kp_column_int(row, 13),
        .bad_ns = kp_column_int(row, 14),
        .held = (uint8_t)kp_column_int(row, 15),
    };
}

/* The chunk the headers stand on becomes known, if it reaches into the range. */
static enum kp_code pull(struct kp_history *h, struct kp_err *err)
{
    struct kp_stmt *row = h->headers;
    struct kp_source s = {
        .id = kp_column_int(row, 0),
        .t0 = kp_column_int(row, 1),
        .t1 = kp_column_int(row, 2),
        .seq = (uint64_t)kp_column_int(row, 3),
    };
    read_columns(row, &s.sum);
    s.summed = !kp_column_null(row, 15);
    enum kp_code code = KP_OK;
    if (s.t1 >= h->from && s.t0 < h->to) {
        if (s.t0 < h->from)
            s.t0 = h->from;
        code = add_source(&h->chunks, &s, err);
    }
    struct kp_err failure = { 0 };
    next_header(h, &failure);
    if (failure.code)
        return kp_fail(err, failure.code, "%s", failure.text);
    return code;
}

/* ---- the journal ---- */

/* First and last time of a block's points within the range; false when it has none. */
static bool block_extent(const struct kp_history *h, struct kp_block_reader *points, struct kp_source *s,
                         struct kp_err *err)
{
    struct kp_sample p;
    bool any = false;
    while (kp_block_next(points, &p, err)) {
        if (p.at < h->from || p.at >= h->to)
            continue;
        if (!any || p.at < s->t0)
            s->t0 = p.at;
        if (!any || p.at > s->t1)
            s->t1 = p.at;
        any = true;
    }
    return any;
}

/* Finds the signal's block in the row the statement stands on. */
static bool open_block(const struct kp_history *h, struct kp_stmt *row, struct kp_block_reader *points,
                       struct kp_err *err)
{
    struct kp_row_reader reader;
    const uint8_t *block;
    size_t size, len;
    const void *data = kp_column_blob(row, 1, &len);
    if (kp_row_open(&reader, data, len, err) || !kp_row_find(&reader, h->signal, &block, &size))
        return false;
    *points = (struct kp_block_reader){ 0 };
    kp_block_open(points, h->signal, reader.base, block, size);
    return true;
}

static void add_row(struct kp_history *h, struct kp_stmt *row, struct kp_err *err)
{
    struct kp_block_reader points;
    struct kp_source s = { .id = kp_column_int(row, 0) };
    s.seq = (uint64_t)s.id & KP_JOURNAL_SEQ;
    if (open_block(h, row, &points, err) && block_extent(h, &points, &s, err) && !err->code)
        add_source(&h->journal, &s, err);
    if (err->code)
        kp_context(err, "journal row %lld", (long long)s.id);
}

/* Up to which commit the chunks have this signal already, though the rows are still there. */
static uint64_t sealed_to(const struct kp_history *h, struct kp_err *err)
{
    uint64_t cut = 0;
    struct kp_stmt *get = kp_db_prepare(h->db, "select cut from seal where stripe = ? and done >= ?", err);
    if (!get)
        return 0;
    kp_bind_int(get, 1, kp_stripe(h->signal));
    kp_bind_int(get, 2, h->signal);
    if (kp_step(get, err))
        cut = (uint64_t)kp_column_int(get, 0);
    kp_reset(get);
    return cut;
}

static void read_stripe(struct kp_history *h, unsigned stripe, uint64_t after, struct kp_err *err)
{
    struct kp_stmt *get = err->code ? NULL
                                    : kp_db_prepare(h->db,
                                                    "select id, data from journal where id > ? and id <= ? "
                                                    "order by id",
                                                    err);
    if (!get)
        return;
    kp_bind_int(get, 1, kp_journal_id(stripe, after));
    kp_bind_int(get, 2, kp_journal_id(stripe, KP_JOURNAL_SEQ));
    while (!err->code && kp_step(get, err))
        add_row(h, get, err);
    kp_reset(get);
}

static void read_rows(struct kp_history *h, struct kp_err *err)
{
    read_stripe(h, kp_stripe(h->signal), sealed_to(h, err), err);
    read_stripe(h, KP_STRIPE_YOUNG, 0, err);
}

/* ---- decoding ---- */

static enum kp_code add_point(struct kp_slot *slot, const struct kp_sample *p, struct kp_err *err)
{
    struct kp_sample copy = *p;
    if (!kp_value_copy(&slot->text, &copy.value, &p->value) ||
        !kp_grow(&slot->points, &slot->room, slot->n + 1, sizeof *slot->points))
        return kp_fail(err, KP_ENOMEM, "out of memory reading history");
    slot->points[slot->n++] = copy;
    return KP_OK;
}

static void decode_row(struct kp_history *h, struct kp_slot *slot, struct kp_stmt *row, struct kp_err *err)
{
    struct kp_block_reader points;
    struct kp_sample p;
    if (!open_block(h, row, &points, err))
        return;
    while (!err->code && kp_block_next(&points, &p, err))
        if (p.at >= h->from && p.at < h->to)
            add_point(slot, &p, err);
    if (!err->code && !kp_points_sort(slot->points, slot->n))
        kp_fail(err, KP_ENOMEM, "out of memory reading history");
}

static void decode_chunk(struct kp_history *h, struct kp_slot *slot, struct kp_stmt *row, struct kp_err *err)
{
    size_t len, n = 0;
    const void *data = kp_column_blob(row, 1, &len);
    if (kp_chunk_decode(data, len, h->signal, h->scratch, &n, &slot->text, err))
        return;
    size_t from = 0, to = n;
    while (from < n && h->scratch[from].at < h->from)
        from++;
    while (to > from && h->scratch[to - 1].at >= h->to)
        to--;
    if (!kp_grow(&slot->points, &slot->room, to - from, sizeof *slot->points)) {
        kp_fail(err, KP_ENOMEM, "out of memory reading history");
        return;
    }
    slot->n = to - from;
    if (slot->n)
        memcpy(slot->points, h->scratch + from, slot->n * sizeof *slot->points);
}

static struct kp_slot *new_slot(struct kp_history *h, struct kp_err *err)
{
    if (h->open >= KP_SOURCES_OPEN) {
        kp_fail(err, KP_EFULL, "more than %d chunks of signal %u overlap; ask for a shorter range", KP_SOURCES_OPEN,
                (unsigned)h->signal);
        return NULL;
    }
    if (!kp_grow(&h->slots, &h->slots_room, h->open + 1, sizeof *h->slots)) {
        kp_fail(err, KP_ENOMEM, "out of memory reading history");
        return NULL;
    }
    return &h->slots[h->open];
}

/* Decodes the first of the known sources. */
static enum kp_code activate(struct kp_history *h, struct kp_sources *from, struct kp_err *err)
{
    bool chunk = from == &h->chunks;
    const struct kp_source *s = &from->list[from->head];
    struct kp_slot *slot = new_slot(h, err);
    struct kp_stmt *get =
        !slot ? NULL
              : kp_db_prepare(h->db,
                              chunk ? "select id, data from chunk where id = ?" : "select id, data from journal where id = ?",
                              err);
    if (!get)
        return err->code;
    slot->n = slot->i = 0;
    slot->seq = s->seq;
    slot->id = s->id;
    kp_bind_int(get, 1, s->id);
    if (kp_step(get, err)) {
        if (chunk)
            decode_chunk(h, slot, get, err);
        else
            decode_row(h, slot, get, err);
    }
    kp_reset(get);
    if (err->code)
        return kp_context(err, "%s %lld of signal %u", chunk ? "chunk" : "journal row", (long long)s->id,
                          (unsigned)h->signal);
    from->head++;
    if (slot->n)
        h->open++;
    return KP_OK;
}

/* ---- merging ---- */

static void close_slot(struct kp_history *h, struct kp_slot *slot)
{
    struct kp_slot gone = *slot;
    kp_arena_reset(&gone.text);
    gone.n = gone.i = 0;
    h->open--;
    *slot = h->slots[h->open];
    h->slots[h->open] = gone; /* its memory serves the next one */
}

static struct kp_slot *earliest_slot(struct kp_history *h)
{
    struct kp_slot *best = NULL;
    for (size_t i = 0; i < h->open; i++) {
        struct kp_slot *s = &h->slots[i];
        int64_t at = s->points[s->i].at;
        if (!best || at < best->points[best->i].at ||
            (at == best->points[best->i].at && (s->seq < best->seq || (s->seq == best->seq && s->id < best->id))))
            best = s;
    }
    return best;
}

/* Makes sources known and decoded until none that is not can have a point up to `at`. */
static enum kp_code open_up_to(struct kp_history *h, int64_t at, struct kp_err *err)
{
    for (;;) {
        struct kp_sources *from = earlier(h);
        int64_t t0 = from ? first_of(from)->t0 : INT64_MAX;
        int64_t need = t0 < at ? t0 : at;
        if (h->headers && h->low <= need) {
            if (pull(h, err))
                return err->code;
        } else if (from && t0 <= at) {
            size_t open = h->open;
            if (activate(h, from, err))
                return err->code;
            if (h->open > open && h->slots[open].points[0].at < at)
                at = h->slots[open].points[0].at;
        } else {
            h->bound = h->headers && h->low < t0 ? h->low : t0;
            return KP_OK;
        }
    }
}

static void close_given(struct kp_history *h)
{
    if (h->given)
        close_slot(h, h->given);
    h->given = NULL;
}

/* The next point of all, older ones of the same time included; its slot in h->given when it was the slot's last. */
static bool next_point(struct kp_history *h, struct kp_sample *out, struct kp_err *err)
{
    close_given(h);
    struct kp_slot *slot = earliest_slot(h);
    if (!slot || slot->points[slot->i].at >= h->bound) {
        if (open_up_to(h, slot ? slot->points[slot->i].at : INT64_MAX, err))
            return false;
        slot = earliest_slot(h);
    }
    if (!slot)
        return false;
    *out = slot->points[slot->i++];
    if (slot->i == slot->n)
        h->given = slot;
    return true;
}

/* Whether a point that arrived later has this time too. Points of one time are all in open slots. */
static bool is_superseded(const struct kp_history *h, int64_t at)
{
    for (size_t i = 0; i < h->open; i++) {
        const struct kp_slot *s = &h->slots[i];
        if (s->i < s->n && s->points[s->i].at == at)
            return true;
    }
    return false;
}

bool kp_history_next(struct kp_history *h, struct kp_sample *out, struct kp_err *err)
{
    struct kp_err failure = { 0 };
    while (next_point(h, out, &failure))
        if (!is_superseded(h, out->at))
            return true;
    if (failure.code)
        kp_fail(err, failure.code, "%s", failure.text);
    return false;
}

/* ---- whole chunks, for aggregates ---- */

static int64_t step_of(int64_t at, int64_t step)
{
    return at / step - (at % step < 0);
}

bool kp_history_whole(struct kp_history *h, int64_t step, struct kp_chunk_summary *out, struct kp_err *err)
{
    close_given(h);
    if (h->open)
        return false;
    while (h->headers && (!first_of(&h->chunks) || h->low <= first_of(&h->chunks)->t1))
        if (pull(h, err))
            return false;
    struct kp_sources *from = earlier(h);
    if (from != &h->chunks)
        return false;
    const struct kp_source *s = first_of(from), *row = first_of(&h->rows);
    const struct kp_source *after = from->head + 1 < from->n ? s + 1 : NULL;
    bool alone = (!after || after->t0 > s->t1) && (!row || row->t0 > s->t1);
    bool inside = s->sum.t0 >= h->from && s->t1 < h->to && step_of(s->sum.t0, step) == step_of(s->t1, step);
    if (!alone || !inside || !s->summed)
        return false;
    *out = s->sum;
    from->head++;
    h->bound = INT64_MIN;
    return true;
}

/* ---- parts ---- */

bool kp_history_unsealed(const struct kp_history *h, int64_t from, int64_t to)
{
    for (size_t i = h->journal.head; i < h->journal.n; i++)
        if (h->journal.list[i].t0 < to && h->journal.list[i].t1 >= from)
            return true;
    return false;
}

static enum kp_code part_rows(struct kp_history *h, struct kp_err *err)
{
    h->rows.n = h->rows.head = 0;
    for (size_t i = h->journal.head; i < h->journal.n; i++) {
        struct kp_source s = h->journal.list[i];
        if (s.t0 >= h->to || s.t1 < h->from)
            continue;
        if (s.t0 < h->from)
            s.t0 = h->from;
        if (add_source(&h->rows, &s, err))
            return err->code;
    }
    return KP_OK;
}

enum kp_code kp_history_part(struct kp_history *h, int64_t from, int64_t to, struct kp_err *err)
{
    struct kp_err failure = { 0 };
    close_given(h);
    while (h->open)
        close_slot(h, &h->slots[0]);
    if (h->headers)
        kp_reset(h->headers);
    h->headers = NULL;
    h->chunks.n = h->chunks.head = 0;
    h->from = from;
    h->to = to;
    h->bound = INT64_MIN;
    if (from < to && h->signal && h->signal <= KP_SIGNAL_LAST && !part_rows(h, &failure))
        open_headers(h, &failure);
    return failure.code ? kp_fail(err, failure.code, "%s", failure.text) : KP_OK;
}

/* ---- life ---- */

struct kp_history *kp_history_open(struct kp_db *reader, kp_signal signal, int64_t from, int64_t to,
                                   struct kp_err *err)
{
    struct kp_err failure = { 0 };
    struct kp_history *h = kp_alloc(sizeof *h);
    if (h)
        h->scratch = kp_alloc(KP_CHUNK_MAX * sizeof *h->scratch);
    if (!h || !h->scratch) {
        kp_free(h);
        kp_fail(err, KP_ENOMEM, "out of memory reading history");
        return NULL;
    }
    h->db = reader;
    h->signal = signal;
    h->from = from;
    h->to = to;
    h->bound = INT64_MIN;
    if (kp_db_read_begin(reader, &failure) == KP_OK) {
        h->reading = true;
        if (from < to && signal && signal <= KP_SIGNAL_LAST) {
            read_span(h, &failure);
            if (!failure.code)
                read_rows(h, &failure);
        }
        if (!failure.code)
            kp_history_part(h, from, to, &failure);
    }
    if (!failure.code)
        return h;
    kp_history_close(h);
    kp_fail(err, failure.code, "reading history: %s", failure.text);
    return NULL;
}

void kp_history_close(struct kp_history *h)
{
    if (!h)
        return;
    if (h->headers)
        kp_reset(h->headers);
    if (h->reading)
        kp_db_read_end(h->db);
    for (size_t i = 0; i < h->slots_room; i++) {
        kp_free(h->slots[i].points);
        kp_arena_free(&h->slots[i].text);
    }
    kp_free(h->slots);
    kp_free(h->chunks.list);
    kp_free(h->rows.list);
    kp_free(h->journal.list);
    kp_free(h->scratch);
    kp_free(h);
}
