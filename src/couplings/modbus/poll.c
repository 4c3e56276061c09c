/* SPDX-License-Identifier: Apache-2.0 */
/* Asking in turn. What is most overdue goes first, so that a slow bus serves everything, only less often; a unit that
 * does not answer costs the others one timeout now and then. */
#include "couplings/modbus/modbus_private.h"

#include "core/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/ban.h"

enum { WAIT_MS = 100 };
#define GRAIN (100 * KP_MILLISECOND)
#define RETRY_DEAD    (10 * KP_SECOND) /* a unit that does not answer is asked this often */
#define RETRY_REFUSED (60 * KP_SECOND) /* a place it does not know */
#define RETRY_SOON    (1 * KP_SECOND)

/* ---- reporting ---- */
static enum kp_code tell_bad(struct modbus *m, const struct modbus_read *r, uint32_t status, struct kp_err *err)
{
    int64_t now = kp_coupling_utc(m->c), at = now - now % KP_MILLISECOND;
    for (uint32_t i = 0; i < r->n; i++)
        if (kp_polled_tell(m->c, &m->points[r->first + i].polled, &(struct kp_value){ .type = KP_NULL }, status, at, err))
            return err->code;
    return KP_OK;
}

static enum kp_code tell_values(struct modbus *m, const struct modbus_read *r, const uint16_t *registers, int64_t at,
                                struct kp_err *err)
{
    char text[MODBUS_TEXT_MAX];
    for (uint32_t i = 0; i < r->n; i++) {
        struct modbus_point *p = &m->points[r->first + i];
        struct kp_value v = modbus_decode(p, registers + (p->address - r->address), text);
        uint32_t status = v.type == KP_NULL ? KP_BAD_DECODING_ERROR : KP_GOOD;
        if (kp_polled_tell(m->c, &p->polled, &v, status, at, err))
            return err->code;
    }
    return KP_OK;
}

/* ---- asking ---- */
/* Registers read, or -1 and errno. */
static int ask(struct modbus *m, const struct modbus_read *r, uint16_t *registers)
{
    uint8_t bits[MODBUS_BITS_MAX];
    modbus_link_rest(&m->link, m->set->pause);
    if (modbus_set_slave(m->link.bus, r->unit))
        return -1;
    errno = 0;
    if (r->table == MODBUS_HOLDING)
        return modbus_read_registers(m->link.bus, r->address, r->count, registers);
    if (r->table == MODBUS_INPUT)
        return modbus_read_input_registers(m->link.bus, r->address, r->count, registers);
    int n = r->table == MODBUS_COIL ? modbus_read_bits(m->link.bus, r->address, r->count, bits)
                                    : modbus_read_input_bits(m->link.bus, r->address, r->count, bits);
    for (int i = 0; i < n; i++)
        registers[i] = bits[i];
    return n;
}

bool modbus_is_exception(int why)
{
    return why > MODBUS_ENOBASE && why < EMBBADCRC;
}

static bool is_broken(int why)
{
    return why == ECONNRESET || why == EPIPE || why == ENOTCONN || why == EBADF || why == ECONNABORTED || why == EIO;
}

static bool unit_is_away(int why)
{
    return (why && !modbus_is_exception(why)) || why == EMBXGPATH || why == EMBXGTAR;
}

/* As ask; but many devices close a connection that was idle: then once more over a new one. */
static int ask_twice(struct modbus *m, const struct modbus_read *r, uint16_t *registers, int64_t *begin, int *why,
                     struct kp_err *err)
{
    *begin = kp_coupling_utc(m->c);
    int n = ask(m, r, registers);
    *why = n < 0 ? errno : n == r->count ? 0 : EMBBADDATA;
    if (!is_broken(*why) || modbus_relink(m, err))
        return n;
    *begin = kp_coupling_utc(m->c);
    n = ask(m, r, registers);
    *why = n < 0 ? errno : n == r->count ? 0 : EMBBADDATA;
    if (is_broken(*why))
        kp_fail(err, KP_EPEER, "the device closes the connection when asked: %s", modbus_strerror(*why));
    return n;
}

enum kp_code modbus_resync(struct modbus *m, struct kp_err *err)
{
    m->stumbled = kp_coupling_mono(m->c);
    if (!m->link.line)
        return modbus_relink(m, err);
    modbus_link_discard(&m->link, m->set->timeout);
    return KP_OK;
}

/* ---- no answer ---- */
static enum kp_code nobody_answers(const struct modbus *m, struct kp_err *err)
{
    char time[32];
    unsigned first = m->own, n = 0;
    for (unsigned u = MODBUS_UNITS; u-- > 0;)
        if (m->units[u].mapped) {
            first = u;
            n++;
        }
    kp_duration_print(m->set->timeout, time, sizeof time);
    if (n > 1)
        return kp_fail(err, KP_EPEER, "connected, but none of the %u units of the map answers within %s", n, time);
    return kp_fail(err, KP_EPEER, "connected, but unit %u does not answer within %s", first, time);
}

static bool all_dead(const struct modbus *m)
{
    for (unsigned u = 0; u < MODBUS_UNITS; u++)
        if (m->units[u].mapped && m->units[u].misses < MODBUS_MISSES_MAX)
            return false;
    return true;
}

/* Its other reads would wait as long for nothing: the unit is left alone until the next round, and after the third miss
 * for longer, with values that are Bad. */
static enum kp_code unit_missed(struct modbus *m, const struct modbus_read *missed, struct kp_err *err)
{
    struct modbus_unit *unit = &m->units[missed->unit];
    bool dead = (unit->misses += unit->misses < MODBUS_MISSES_MAX) == MODBUS_MISSES_MAX;
    int64_t pause = dead ? RETRY_DEAD : missed->every < RETRY_SOON ? missed->every : RETRY_SOON;
    int64_t again = kp_coupling_mono(m->c) + pause;
    for (size_t i = 0; i < m->plan.n && !err->code; i++) {
        struct modbus_read *r = &m->plan.list[i];
        if (r->unit != missed->unit)
            continue;
        if (dead || r->due < again)
            r->due = again;
        if (dead)
            tell_bad(m, r, KP_BAD_NO_COMMUNICATION, err);
    }
    if (dead && !err->code && all_dead(m))
        return nobody_answers(m, err);
    if (dead)
        modbus_describe(m);
    return err->code;
}

/* ---- answers that are no values ---- */
static enum kp_code refuse_place(struct modbus *m, size_t i, uint32_t status, int why, struct kp_err *err)
{
    const struct modbus_point *p = &m->points[m->plan.list[i].first];
    if (status == KP_BAD_NODE_ID_UNKNOWN && modbus_plan_split(&m->plan, i, m->points, err))
        return KP_OK; /* the halves are asked for at once */
    if (err->code)
        return err->code;
    struct modbus_read *r = &m->plan.list[i];
    if (p->polled.status != status)
        kp_warn("modbus", "the device refuses a place", "coupling=%s path=%s why=%s",
                kp_log_quote(kp_coupling_name(m->c)), kp_log_quote(p->row->cell[KP_MAP_PATH]),
                kp_log_quote(modbus_strerror(why)));
    r->due = kp_coupling_mono(m->c) + RETRY_REFUSED;
    tell_bad(m, r, status, err);
    modbus_describe(m);
    return err->code;
}

/* Busy, or a failure in the device that others of its values need not share. */
static enum kp_code read_failed(struct modbus *m, struct modbus_read *r, uint32_t status, struct kp_err *err)
{
    int64_t pause = r->every < RETRY_SOON ? r->every : RETRY_SOON;
    r->misses += r->misses < MODBUS_MISSES_MAX;
    if (r->misses == MODBUS_MISSES_MAX) {
        tell_bad(m, r, status, err);
        pause = status == KP_BAD_RESOURCE_UNAVAILABLE ? RETRY_SOON : RETRY_DEAD;
    }
    r->due = kp_coupling_mono(m->c) + pause;
    return err->code;
}

static enum kp_code failed(struct modbus *m, size_t i, int why, struct kp_err *err)
{
    struct modbus_read *r = &m->plan.list[i];
    if (unit_is_away(why)) {
        if (!modbus_is_exception(why) && modbus_resync(m, err))
            return err->code;
        return unit_missed(m, r, err);
    }
    m->units[r->unit].misses = 0;
    switch (why) {
    case EMBXILADD:
    case EMBXILVAL:
        return refuse_place(m, i, KP_BAD_NODE_ID_UNKNOWN, why, err);
    case EMBXILFUN:
        return refuse_place(m, i, KP_BAD_NOT_SUPPORTED, why, err);
    case EMBXACK:
    case EMBXSBUSY:
        return read_failed(m, r, KP_BAD_RESOURCE_UNAVAILABLE, err);
    default:
        return read_failed(m, r, KP_BAD_DEVICE_FAILURE, err);
    }
}

/* ---- values ---- */
static void set_behind(struct modbus *m, int64_t when)
{
    bool news = !m->behind != !when;
    m->behind = when;
    if (news)
        modbus_describe(m);
}

/* Questions that are due at nearly the same time are asked in one go: to wake up for each costs more than the question. */
static int64_t together(int64_t due)
{
    return (due + GRAIN - 1) / GRAIN * GRAIN;
}

/* The first time all are asked at once; from then on they are spread over the time there is. */
static void next_time(struct modbus *m, size_t i, int64_t now)
{
    struct modbus_read *r = &m->plan.list[i];
    bool first = r->due == 0;
    if (!first && now - r->due > r->every / 2 + RETRY_SOON / 10 && now - m->stumbled > 2 * RETRY_DEAD)
        set_behind(m, now);
    r->due += r->every;
    if (first)
        r->due = together(now + r->every / 2 + r->every / 2 / (int64_t)m->plan.n * (int64_t)i);
    else if (r->due < now) /* no rush after a rest */
        r->due = now + r->every;
}

static enum kp_code answered(struct modbus *m, size_t i, const uint16_t *registers, int64_t begin, struct kp_err *err)
{
    struct modbus_read *r = &m->plan.list[i];
    struct modbus_unit *unit = &m->units[r->unit];
    int64_t middle = begin + (kp_coupling_utc(m->c) - begin) / 2;
    bool back = unit->misses >= MODBUS_MISSES_MAX, refused = r->n && m->points[r->first].polled.status == KP_BAD_NODE_ID_UNKNOWN;
    unit->misses = r->misses = 0;
    next_time(m, i, kp_coupling_mono(m->c));
    for (size_t k = 0; back && k < m->plan.n; k++)
        if (m->plan.list[k].unit == r->unit && k != i)
            m->plan.list[k].due = 0;
    if (tell_values(m, r, registers, middle - middle % KP_MILLISECOND, err))
        return err->code;
    if (back || refused)
        modbus_describe(m);
    return unit->identified ? KP_OK : modbus_nameplate(m, r->unit, err);
}

static enum kp_code do_read(struct modbus *m, size_t i, struct kp_err *err)
{
    uint16_t registers[MODBUS_BITS_MAX] = { 0 };
    int64_t begin;
    int why;
    ask_twice(m, &m->plan.list[i], registers, &begin, &why, err);
    if (err->code)
        return err->code;
    return why ? failed(m, i, why, err) : answered(m, i, registers, begin, err);
}

/* ---- in turn ---- */
static bool answers(struct modbus *m, const struct modbus_read *r, struct kp_err *err)
{
    uint16_t registers[MODBUS_BITS_MAX];
    int64_t begin;
    int why;
    ask_twice(m, r, registers, &begin, &why, err);
    if (!err->code && unit_is_away(why) && !modbus_is_exception(why))
        modbus_resync(m, err);
    return !err->code && !unit_is_away(why);
}

enum kp_code modbus_greet(struct modbus *m, struct kp_err *err)
{
    const struct modbus_read any = { .unit = m->own, .table = MODBUS_HOLDING, .count = 1 };
    m->greeted = kp_coupling_mono(m->c);
    if (!m->plan.n && answers(m, &any, err))
        return KP_OK;
    for (size_t i = 0; i < m->plan.n && !err->code && !kp_coupling_stopping(m->c); i++)
        if ((!i || m->plan.list[i].unit != m->plan.list[i - 1].unit) && answers(m, &m->plan.list[i], err))
            return KP_OK;
    return err->code ? err->code : nobody_answers(m, err);
}

static size_t most_overdue(const struct modbus_plan *plan)
{
    size_t first = 0;
    for (size_t i = 1; i < plan->n; i++)
        if (plan->list[i].due < plan->list[first].due)
            first = i;
    return first;
}

static void wait_until(struct modbus *m, int64_t due)
{
    int64_t wait = due - kp_coupling_mono(m->c);
    if (wait > WAIT_MS * KP_MILLISECOND)
        wait = WAIT_MS * KP_MILLISECOND;
    if (wait > 0)
        nanosleep(&(struct timespec){ .tv_nsec = (long)wait }, NULL);
}

/* Nothing is read: is it there, and does it say by now what it is? */
static enum kp_code greet_again(struct modbus *m, struct kp_err *err)
{
    struct modbus_identity id;
    if (modbus_greet(m, err) || !m->unknown || !modbus_who(m, m->own, &id, err))
        return err->code;
    return kp_fail(err, KP_EPEER, "the device says now what it is; the link is opened anew for its map");
}

enum kp_code modbus_poll(struct modbus *m, struct kp_err *err)
{
    int64_t now = kp_coupling_mono(m->c), end = now + KP_SECOND / 2, due = end;
    while (m->plan.n && now < end) {
        size_t i = most_overdue(&m->plan);
        due = m->plan.list[i].due;
        if (due > now)
            break;
        if (do_read(m, i, err))
            return err->code;
        now = kp_coupling_mono(m->c);
    }
    if (!m->plan.n && now - m->greeted > RETRY_DEAD && greet_again(m, err))
        return err->code;
    if (m->behind && now - m->behind > 30 * KP_SECOND)
        set_behind(m, 0);
    if (kp_coupling_flush(m->c, err))
        return err->code;
    wait_until(m, due);
    return KP_OK;
}
