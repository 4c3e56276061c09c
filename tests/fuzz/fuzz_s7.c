/* SPDX-License-Identifier: Apache-2.0 */
/* First byte even: an answer of a PLC, taken as one to a read and as a list of the system. Odd: a map, whose points are
 * decoded from what follows its end (a 0) and encoded again. */
#include "couplings/s7/s7_private.h"

#include <stdlib.h>
#include <string.h>

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
    kp_map_free(&rows);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > 1 << 15)
        return 0;
    if (!(data[0] & 1)) {
        answer(data + 1, size - 1);
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
