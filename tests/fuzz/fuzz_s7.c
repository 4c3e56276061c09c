/* SPDX-License-Identifier: Apache-2.0 */
/* First byte, modulo 3: 0 an answer of a PLC, taken as one to a read and as a list of the system; 1 a map, whose points are
 * decoded from what follows its end (a 0), encoded again, and planned; 2 what a PLC sends over the connection, while it is asked
 * for this and that. */
#include "couplings/s7/s7_private.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void answer(const uint8_t *data, size_t size)
{
    struct s7_link l = { 0 };
    uint8_t room[4][32], records[64];
    struct s7_item items[4];
    struct kp_err err = { 0 };
    size_t record, n;
    l.n = size < sizeof l.in ? size : sizeof l.in;
    memcpy(l.in, data, l.n);
    for (unsigned i = 0; i < 4; i++)
        items[i] = (struct s7_item){ .size = (uint16_t)(1u << i), .data = room[i] };
    for (size_t k = 1; k <= 4; k++)
        s7_take_read(&l, items, k, &err);
    if (!s7_take_list(&l, records, sizeof records, &record, &n, &err) && n * record > sizeof records)
        abort();
}

static void stream(const uint8_t *data, size_t size)
{
    struct s7_link l = { .timeout = KP_SECOND, .pdu = 240 };
    uint8_t room[600];
    struct s7_item item = { .area = S7_BLOCK, .block = 1, .size = 256, .data = room };
    struct kp_err err = { 0 };
    size_t record, n;
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends))
        return;
    if (write(ends[1], data, size) != (ssize_t)size)
        abort();
    shutdown(ends[1], SHUT_WR); /* what is missing is missing at once */
    l.fd = ends[0];
    if (!s7_link_list(&l, 0x11, 0, room, sizeof room, &record, &n, &err) && !s7_link_read_long(&l, &item, &err)) {
        item.size = 2;
        s7_link_write(&l, &item, -1, &err);
    }
    s7_link_close(&l);
    close(ends[1]);
}

static void plan(const struct kp_map *rows)
{
    struct s7_point *points = calloc(rows->n + 1, sizeof *points);
    struct s7_plan plan = { 0 };
    struct kp_err err = { 0 };
    size_t n = 0, planned = 0;
    for (size_t i = 0; i < rows->n && !err.code; i++)
        n += !s7_point_read(&points[n], &rows->rows[i], &err);
    if (!s7_plan_make(&plan, points, n, 16))
        abort();
    for (size_t i = 0; i < plan.n; i++) {
        const struct s7_block *b = &plan.blocks[i];
        for (size_t k = b->first; k < b->first + b->n; k++, planned++)
            if (k != planned || points[k].byte < b->item.byte ||
                points[k].byte + points[k].size > b->item.byte + b->item.size)
                abort();
    }
    if (planned != n)
        abort();
    kp_free(plan.blocks);
    free(points);
}

static void map(char *text, const uint8_t *rest, size_t left)
{
    struct kp_map rows;
    struct kp_err err = { 0 };
    if (kp_map_read(&rows, &s7_form, text, &err))
        return;
    for (size_t i = 0; i < rows.n; i++) {
        struct s7_point p;
        uint8_t place[S7_TEXT_MAX + 2] = { 0 }, back[S7_TEXT_MAX + 2];
        char words[KP_POLLED_TEXT];
        struct kp_err one = { 0 };
        if (s7_point_read(&p, &rows.rows[i], &one))
            continue;
        memcpy(place, rest, left < sizeof place ? left : sizeof place);
        struct kp_value v = s7_decode(&p, place, words);
        if (!kp_value_valid(&v) || (v.type != KP_NULL && v.type != s7_point_type(&p)))
            abort();
        s7_encode(&p, &v, back, &one);
    }
    plan(&rows);
    kp_map_free(&rows);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > 1 << 15)
        return 0;
    if (data[0] % 3 != 1) {
        (data[0] % 3 ? stream : answer)(data + 1, size - 1);
        return 0;
    }
    char *text = malloc(size);
    memcpy(text, data + 1, size - 1);
    text[size - 1] = 0;
    size_t n = strlen(text);
    map(text, data + 1 + n, size - 1 - n);
    free(text);
    return 0;
}
