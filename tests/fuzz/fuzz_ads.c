/* SPDX-License-Identifier: Apache-2.0 */
/* The first byte says what the rest is taken for: 0 what a controller sends over the connection,
 * while it is asked for this and that; 1 uploads of symbols and, behind the length in the first two
 * bytes, types; 2 a type's name, a 0, and bytes that are decoded as such and encoded again; 3 a
 * notification. */
#include "couplings/ads/ads_private.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void count_sample(void *arg, uint32_t handle, int64_t at, const uint8_t *data, size_t n)
{
    size_t *bytes = arg;
    (void)handle;
    (void)at;
    *bytes += 8;
    for (size_t i = 0; i < n; i++)
        *bytes += 1 + 0 * data[i];
}

static void notification(const uint8_t *data, size_t size)
{
    size_t bytes = 0;
    ads_samples(data, size, count_sample, &bytes);
    if (bytes > size)
        abort();
}

static void take(void *arg, const uint8_t *data, size_t n)
{
    (void)arg;
    notification(data, n);
}

/* The frames are cut at any place, the invoke ids are whatever the fuzzer likes. */
static void stream(const uint8_t *data, size_t size)
{
    struct ads_link l = { .timeout = KP_SECOND, .most = 1 << 16, .notified = take };
    struct kp_err err = { 0 };
    uint32_t handle;
    int ends[2];
    if (size > 1 << 15 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends))
        return;
    if (write(ends[1], data, size) != (ssize_t)size)
        abort();
    shutdown(ends[1], SHUT_WR); /* what is missing is missing at once */
    l.fd = ends[0];
    kp_buf_init(&l.out, 1 << 16);
    if (!ads_ask(&l, ADS_INFO, &err) &&
        !ads_read(&l, (struct ads_place){ ADS_VERSION, 0 }, 1, &err) &&
        !ads_read_write(&l, (struct ads_place){ ADS_BY_NAME, 0 }, 4, "a", 2, &err) &&
        !ads_add(&l, (struct ads_place){ ADS_BY_HANDLE, 1 }, 4, 0, &handle, &err) &&
        !ads_write(&l, (struct ads_place){ ADS_BY_HANDLE, 1 }, "abcd", 4, &err))
        ads_link_wait(&l, 0, &err);
    ads_link_close(&l);
    close(ends[1]);
}

static void uploads(const uint8_t *data, size_t size)
{
    struct kp_arena arena = { 0 };
    struct ads_symbols all;
    struct kp_err err = { 0 };
    char path[KP_PATH_MAX];
    size_t n = size < 2 ? 0 : data[0] | (size_t)data[1] << 8;
    if (size < 2)
        return;
    data += 2;
    size -= 2;
    n = n < size ? n : size;
    if (!ads_symbols_read(data, n, data + n, size - n, &arena, &all, &err))
        for (size_t i = 0; i < all.n; i++)
            if (ads_symbol_path(all.list[i].name, path) && !kp_path_valid(path))
                abort();
    kp_free(all.list);
    kp_arena_free(&arena);
}

static void value(const uint8_t *data, size_t size)
{
    const uint8_t *end = memchr(data, 0, size);
    const struct ads_scale none = { 0 }, twice = { true, 2, 1 };
    struct ads_type type;
    struct kp_buf room, back;
    struct kp_value v;
    struct kp_err err = { 0 };
    if (!end || !ads_type_parse((const char *)data, &type))
        return;
    size -= (size_t)(end + 1 - data);
    size_t bytes = ads_type_bytes(&type);
    uint8_t *place = calloc(1, bytes);
    memcpy(place, end + 1, size < bytes ? size : bytes);
    kp_buf_init(&room, ADS_ROOM_MAX);
    kp_buf_init(&back, ADS_VALUE_MAX);
    if (!ads_decode(&type, &none, place, bytes, &room, &v) || !kp_value_valid(&v) ||
        v.type != ads_type_value(&type, false))
        abort();
    if (!ads_encode(&type, &none, &v, &back, &err) && back.len != bytes)
        abort();
    if (!ads_decode(&type, &twice, place, bytes, &room, &v))
        abort();
    free(place);
    kp_buf_free(&room);
    kp_buf_free(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const kinds[])(const uint8_t *, size_t) = { stream, uploads, value,
                                                              notification };
    if (size > 1)
        kinds[data[0] % 4](data + 1, size - 1);
    return 0;
}
