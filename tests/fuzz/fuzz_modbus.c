/* SPDX-License-Identifier: Apache-2.0 */
/* First byte even: an answer to function 43. Odd: a register map, whose points are planned and decoded from what follows
 * the map's end (a 0). */
#include "couplings/modbus/modbus_private.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void identity(const uint8_t *data, size_t size)
{
    struct modbus_identity id = { 0 };
    uint8_t next, *exact = malloc(size + 1);
    memcpy(exact, data, size);
    uint8_t *copy = realloc(exact, size ? size : 1); /* so that a read beyond the end is seen */
    if (modbus_identity_parse(&id, copy, size, &next) > 0 && !kp_utf8_valid(id.vendor, strlen(id.vendor)))
        abort();
    free(copy);
}

static void decode(struct modbus_point *p, const uint8_t *data, size_t size)
{
    uint16_t registers[MODBUS_REGISTERS_MAX + 1] = { 0 }, back[MODBUS_REGISTERS_MAX + 1] = { 0 };
    char text[MODBUS_TEXT_MAX];
    memcpy(registers, data, size < sizeof registers ? size : sizeof registers);
    struct kp_value v = modbus_decode(p, registers, text);
    if (!kp_value_valid(&v) || v.type != (v.type == KP_NULL && p->type == MODBUS_BCD ? KP_NULL : modbus_point_type(p)))
        abort();
    modbus_encode(p, &v, back, NULL);
}

static void map(char *text, const uint8_t *rest, size_t left)
{
    struct modbus_settings set = { .unit = 1, .poll = KP_SECOND, .gap = 16, .registers_max = MODBUS_REGISTERS_MAX };
    struct kp_map rows;
    struct kp_err err = { 0 };
    struct modbus_plan plan = { 0 };
    if (kp_map_read(&rows, &modbus_form, text, &err))
        return;
    struct modbus_point *points = calloc(rows.n + 1, sizeof *points);
    size_t n = 0, asked = 0;
    while (n < rows.n && !modbus_point_read(&points[n], &rows.rows[n], &set, &err))
        n++;
    if (n == rows.n && !modbus_plan_make(&plan, points, n, &set, &err)) {
        for (size_t i = 0; i < plan.n; i++)
            if (plan.list[i].n > 1 && plan.list[i].count > MODBUS_BITS_MAX)
                abort();
        while (plan.n && modbus_plan_split(&plan, plan.n - 1, points, &err))
            ;
        for (size_t i = 0; i < plan.n; i++)
            asked += plan.list[i].n;
        if (asked != n)
            abort();
        for (size_t i = 0; i < n; i++)
            decode(&points[i], rest, left);
    }
    modbus_plan_free(&plan);
    free(points);
    kp_map_free(&rows);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > 1 << 16)
        return 0;
    if (!(data[0] & 1)) {
        identity(data + 1, size - 1);
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
