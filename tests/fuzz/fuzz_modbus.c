/* SPDX-License-Identifier: Apache-2.0 */
/* First byte even: an answer to function 43; with bit 1 set what a device sends over its connection (bit 2: with frames of a
 * line) when asked who it is and for registers. Odd: a register map, whose points are planned and decoded from what follows
 * the map's end (a 0). */
#include "couplings/modbus/modbus_private.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

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

/* All of it has been sent, and the device is gone. */
static void answers(const uint8_t *data, size_t size, bool frames)
{
    struct modbus_link link = { .frames = frames };
    struct modbus_identity id;
    struct kp_err err = { 0 };
    uint16_t registers[MODBUS_REGISTERS_MAX];
    int ends[2];
    if (size > 4096 || socketpair(AF_UNIX, SOCK_STREAM, 0, ends))
        return;
    link.bus = frames ? modbus_new_rtu("/dev/null", 19200, 'N', 8, 1) : modbus_new_tcp("0.0.0.0", 502);
    modbus_set_socket(link.bus, ends[0]);
    modbus_set_byte_timeout(link.bus, 0, 0);
    ssize_t sent = write(ends[1], data, size);
    shutdown(ends[1], SHUT_WR);
    if (sent == (ssize_t)size && modbus_identify(&link, 1, KP_SECOND, &id, &err) && (!*err.text || err.code == KP_OK))
        abort();
    modbus_read_registers(link.bus, 0, 20, registers);
    modbus_link_close(&link);
    close(ends[1]);
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
    if (!(data[0] & 1) && data[0] & 2) {
        answers(data + 1, size - 1, data[0] & 4);
        return 0;
    }
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
