/* SPDX-License-Identifier: Apache-2.0 */
/* Types, values, uploads and notifications of ADS. */
#include "kit.h"

#include "couplings/ads/ads_private.h"

#include <stdio.h>
#include <stdlib.h>

static const struct ads_scale none;

/* ---- types ---- */
static void types_are_known_by_their_names(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint32_t bytes;
        uint8_t koppel;
    } list[] = { { "BOOL", 1, KP_BOOL },
                 { "lreal", 8, KP_DOUBLE },
                 { "STRING", 81, KP_STRING },
                 { "STRING(20)", 21, KP_STRING },
                 { "WSTRING(10)", 22, KP_STRING },
                 { "DATE_AND_TIME", 4, KP_TIME },
                 { "ARRAY [0..9] OF INT", 20, KP_INT64 | KP_ARRAY },
                 { "ARRAY[-1..1, 1..2] OF REAL", 24, KP_FLOAT | KP_ARRAY },
                 { "ARRAY [1..2] OF STRING(3)", 8, KP_STRING | KP_ARRAY } };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        struct ads_type t;
        assert_true(ads_type_parse(list[i].name, &t));
        assert_int_equal(ads_type_bytes(&t), list[i].bytes);
        assert_int_equal(ads_type_value(&t, false), list[i].koppel);
    }
}

static void what_is_no_type_is_refused(void **state)
{
    (void)state;
    static const char *const list[] = {
        "",
        "INTEGER",
        "STRING(0)",
        "STRING(20",
        "STRING(20)x",
        "STRING(99999)",
        "ARRAY [0..9] INT",
        "ARRAY [9..0] OF INT",
        "ARRAY [0..9 OF INT",
        "ARRAY [0..99999] OF LREAL",
        "ARRAY [a..b] OF INT",
        "ARRAY [0..9] OF ST_Pump",
        "ARRAY [-9223372036854775808..9223372036854775807] OF INT"
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        struct ads_type t;
        assert_false(ads_type_parse(list[i], &t));
    }
}

static void a_name_nobody_knows_is_taken_by_its_base_type(void **state)
{
    (void)state;
    struct ads_type t;
    assert_true(ads_type_of("E_Mode", 2, 2, &t));
    assert_int_equal(ads_type_value(&t, false), KP_INT64);
    assert_true(ads_type_of("ARRAY [0..3] OF E_Mode", 2, 8, &t));
    assert_int_equal(ads_type_value(&t, false), KP_INT64 | KP_ARRAY);
    assert_int_equal(t.count, 4);
    assert_false(ads_type_of("ST_Pump", 65, 12, &t));
    assert_false(ads_type_of("POINTER TO INT", 21, 8, &t));
    assert_false(ads_type_of("E_Mode", 2, 3, &t));
    assert_true(ads_type_of("REAL", 4, 4, &t));
    assert_false(ads_type_of("REAL", 65, 5, &t)); /* a type of the user's that is called so */
}

/* ---- values ---- */
static struct kp_value decode(const char *type, const void *bytes, struct kp_buf *room)
{
    struct ads_type t;
    struct kp_value v;
    assert_true(ads_type_parse(type, &t));
    assert_true(ads_decode(&t, &none, bytes, ads_type_bytes(&t), room, &v));
    assert_true(kp_value_valid(&v));
    return v;
}

static void values_come_out_of_little_endian_bytes(void **state)
{
    (void)state;
    struct kp_buf room;
    kp_buf_init(&room, 1000);
    assert_int_equal(decode("SINT", "\xfb", &room).i, -5);
    assert_int_equal(decode("DINT", "\x60\x79\xfe\xff", &room).i, -100000);
    assert_true(decode("ULINT", "\x05\0\0\0\0\0\0\x80", &room).u == (UINT64_C(1) << 63) + 5);
    assert_true(decode("REAL", "\0\0\xac\x41", &room).f == 21.5f);
    assert_int_equal(decode("DT", "\0\0\0\x6b", &room).i, INT64_C(0x6b000000) * KP_SECOND);
    struct kp_value v = decode("STRING(5)", "\xd6l\x80\0xx", &room);
    assert_memory_equal(v.data, "Öl€", v.len);
    assert_int_equal(v.len, 6);
    v = decode("WSTRING(3)", "\xa9\x03\x3d\xd8\x00\xde\0\0", &room);
    assert_memory_equal(v.data, "Ω😀", v.len);
    assert_int_equal(v.len, 6);
    v = decode("ARRAY [0..1] OF INT", "\1\0\xfe\xff", &room);
    assert_memory_equal(v.data, ((int64_t[]){ 1, -2 }), 16);
    v = decode("ARRAY [1..2] OF STRING(2)", "a\0\0bc\0", &room);
    assert_int_equal(v.len, 4 + 1 + 4 + 2);
    kp_buf_free(&room);
}

static void other_lengths_are_no_value(void **state)
{
    (void)state;
    struct ads_type t;
    struct kp_buf room;
    struct kp_value v;
    kp_buf_init(&room, 100);
    assert_true(ads_type_parse("DINT", &t));
    assert_false(ads_decode(&t, &none, (const uint8_t *)"abc", 3, &room, &v));
    assert_false(ads_decode(&t, &none, (const uint8_t *)"abcdefgh", 8, &room, &v));
}

static enum kp_code encode(const char *type, struct kp_value v, const void *want)
{
    struct ads_type t;
    struct kp_buf out;
    struct kp_err err = { 0 };
    assert_true(ads_type_parse(type, &t));
    kp_buf_init(&out, 1000);
    enum kp_code code = ads_encode(&t, &none, &v, &out, &err);
    if (!code) {
        assert_int_equal(out.len, ads_type_bytes(&t));
        assert_memory_equal(out.data, want, out.len);
    }
    kp_buf_free(&out);
    return code;
}

static void values_are_written_exactly_or_not_at_all(void **state)
{
    (void)state;
    assert_int_equal(encode("INT", kp_int(-2), "\xfe\xff"), KP_OK);
    assert_int_equal(encode("INT", kp_int(32768), ""), KP_EINVALID);
    assert_int_equal(encode("INT", kp_double(1.5), ""), KP_EINVALID);
    assert_int_equal(encode("USINT", kp_int(-1), ""), KP_EINVALID);
    struct kp_value most = { .u = UINT64_MAX, .type = KP_UINT64 };
    assert_int_equal(encode("ULINT", most, "\xff\xff\xff\xff\xff\xff\xff\xff"), KP_OK);
    assert_int_equal(encode("LINT", most, ""), KP_EINVALID);
    assert_int_equal(encode("LINT", kp_int(INT64_MIN), "\0\0\0\0\0\0\0\x80"), KP_OK);
    assert_int_equal(encode("ULINT", kp_int(-1), ""), KP_EINVALID);
    assert_int_equal(encode("REAL", kp_double(1e300), ""), KP_EINVALID);
    assert_int_equal(encode("STRING(4)", kp_string("Ö€", 5), "\xd6\x80\0\0\0"), KP_OK);
    assert_int_equal(encode("STRING(4)", kp_string("abcde", 5), ""), KP_EINVALID);
    assert_int_equal(encode("STRING(4)", kp_string("Ω", 2), ""), KP_EINVALID);
    assert_int_equal(encode("WSTRING(2)", kp_string("Ω", 2), "\xa9\x03\0\0\0\0"), KP_OK);
    assert_int_equal(encode("INT", kp_string("1", 1), ""), KP_EINVALID);
    struct kp_value two = { .data = (int64_t[]){ 1, -2 }, .len = 16, .type = KP_INT64 | KP_ARRAY };
    assert_int_equal(encode("ARRAY [0..1] OF INT", two, "\1\0\xfe\xff"), KP_OK);
    assert_int_equal(encode("ARRAY [0..2] OF INT", two, ""), KP_EINVALID);
    assert_int_equal(encode("INT", two, ""), KP_EINVALID);
}

/* ---- uploads ---- */
static void put(struct kp_buf *b, uint64_t v, unsigned n)
{
    for (; n--; v >>= 8)
        kp_buf_add(b, &(uint8_t){ (uint8_t)v }, 1);
}

static void put_symbol(struct kp_buf *b, const char *name, const char *type, uint32_t code,
                       uint32_t size)
{
    put(b, 30 + strlen(name) + strlen(type) + 3, 4);
    put(b, 0x4040, 4);
    put(b, 0, 4);
    put(b, size, 4);
    put(b, code, 4);
    put(b, 0, 4);
    put(b, strlen(name), 2);
    put(b, strlen(type), 2);
    put(b, 0, 2);
    kp_buf_add(b, name, strlen(name) + 1);
    kp_buf_add(b, type, strlen(type) + 1);
    put(b, 0, 1);
}

/* `rest`: array bounds and members. */
static void put_type(struct kp_buf *b, const char *name, const char *type, uint32_t code,
                     uint32_t size, unsigned dimensions, unsigned members,
                     const struct kp_buf *rest)
{
    put(b, 42 + strlen(name) + strlen(type) + 3 + (rest ? rest->len : 0), 4);
    put(b, 1, 4);
    put(b, 0, 8);
    put(b, size, 4);
    put(b, 0, 4);
    put(b, code, 4);
    put(b, 1, 4);
    put(b, strlen(name), 2);
    put(b, strlen(type), 2);
    put(b, 0, 2);
    put(b, dimensions, 2);
    put(b, members, 2);
    kp_buf_add(b, name, strlen(name) + 1);
    kp_buf_add(b, type, strlen(type) + 1);
    put(b, 0, 1);
    if (rest)
        kp_buf_add(b, rest->data, rest->len);
}

struct uploads {
    struct kp_buf symbols, types;
};

static void begin(struct uploads *u)
{
    kp_buf_init(&u->symbols, 1 << 20);
    kp_buf_init(&u->types, 1 << 20);
}

static enum kp_code read_all(const struct uploads *u, struct kp_arena *arena,
                             struct ads_symbols *out)
{
    struct kp_err err = { 0 };
    return ads_symbols_read((const uint8_t *)u->symbols.data, u->symbols.len,
                            (const uint8_t *)u->types.data, u->types.len, arena, out, &err);
}

static void end(struct uploads *u, struct kp_arena *arena, struct ads_symbols *out)
{
    kp_buf_free(&u->symbols);
    kp_buf_free(&u->types);
    kp_arena_free(arena);
    kp_free(out->list);
}

static void pump(struct uploads *u)
{
    struct kp_buf members, bounds;
    kp_buf_init(&members, 1000);
    kp_buf_init(&bounds, 100);
    put_type(&members, "rSpeed", "REAL", 4, 4, 0, 0, NULL);
    put_type(&members, "nRuns", "UDINT", 19, 4, 0, 0, NULL);
    put_type(&u->types, "ST_Pump", "", 65, 8, 0, 2, &members);
    put(&bounds, 3, 4);
    put(&bounds, 2, 4);
    put_type(&u->types, "ARRAY [3..4] OF ST_Pump", "ST_Pump", 65, 16, 1, 0, &bounds);
    put_symbol(&u->symbols, "MAIN.a", "INT", 2, 2);
    put_symbol(&u->symbols, "GVL.aPumps", "ARRAY [3..4] OF ST_PUMP", 65, 16);
    kp_buf_free(&members);
    kp_buf_free(&bounds);
}

static void structures_become_their_members(void **state)
{
    (void)state;
    static const char *const want[] = { "MAIN.a", "GVL.aPumps[3].rSpeed", "GVL.aPumps[3].nRuns",
                                        "GVL.aPumps[4].rSpeed", "GVL.aPumps[4].nRuns" };
    struct uploads u;
    struct kp_arena arena = { 0 };
    struct ads_symbols all;
    begin(&u);
    pump(&u);
    assert_int_equal(read_all(&u, &arena, &all), KP_OK);
    assert_int_equal(all.n, 5);
    for (size_t i = 0; i < all.n; i++)
        assert_string_equal(all.list[i].name, want[i]);
    end(&u, &arena, &all);
}

/* Flags, and what stands behind an enumeration's type: GUID, an attribute, the names. */
static void mode(struct uploads *u, unsigned names, const char *cut)
{
    struct kp_buf behind;
    kp_buf_init(&behind, 1000);
    put(&behind, 0, 16);
    put(&behind, 1, 2);
    kp_buf_add(&behind, "\1\2a\0bc\0", 7);
    put(&behind, names, 2);
    kp_buf_add(&behind, "\5Fault\0\xff\xff", 9);
    kp_buf_add(&behind, "\4Auto\0\2\0", cut ? strlen(cut) : 8);
    size_t at = u->types.len;
    put_type(&u->types, "E_Mode", "INT", 2, 2, 0, 0, &behind);
    u->types.data[at + 28] = (char)0x81;
    u->types.data[at + 29] = 0x30;
    put_symbol(&u->symbols, "MAIN.eMode", "E_Mode", 2, 2);
    kp_buf_free(&behind);
}

static void enumerations_have_their_names(void **state)
{
    (void)state;
    struct uploads u;
    struct kp_arena arena = { 0 };
    struct ads_symbols all;
    begin(&u);
    mode(&u, 2, NULL);
    assert_int_equal(read_all(&u, &arena, &all), KP_OK);
    assert_string_equal(all.list[0].enums, "{\"-1\":\"Fault\",\"2\":\"Auto\"}");
    end(&u, &arena, &all);
}

static void names_that_are_cut_off_are_left_out(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct uploads u;
        struct kp_arena arena = { 0 };
        struct ads_symbols all;
        begin(&u);
        mode(&u, i ? 3 : 2, i ? NULL : "1234567");
        assert_int_equal(read_all(&u, &arena, &all), KP_OK);
        assert_int_equal(all.n, 1);
        assert_null(all.list[0].enums);
        end(&u, &arena, &all);
    }
}

static void types_that_hold_themselves_come_to_an_end(void **state)
{
    (void)state;
    struct uploads u;
    struct kp_arena arena = { 0 };
    struct ads_symbols all;
    struct kp_buf members, bounds;
    begin(&u);
    kp_buf_init(&members, 1000);
    kp_buf_init(&bounds, 100);
    put_type(&members, "a", "A", 65, 8, 0, 0, NULL);
    put_type(&members, "b", "A", 65, 8, 0, 0, NULL);
    put_type(&u.types, "A", "", 65, 8, 0, 2, &members);
    put(&bounds, 0, 4);
    put(&bounds, 200, 4);
    put_type(&u.types, "L", "L", 65, 8, 1, 0,
             &bounds); /* an array of itself, which never becomes a symbol */
    put_type(&u.types, "B", "C", 65, 8, 0, 0, NULL);
    put_type(&u.types, "C", "B", 65, 8, 0, 0, NULL);
    put_symbol(&u.symbols, "a", "A", 65, 8);
    put_symbol(&u.symbols, "l", "L", 65, 8);
    put_symbol(&u.symbols, "b", "B", 65, 8);
    assert_int_equal(read_all(&u, &arena, &all), KP_OK);
    assert_true(all.n <= ADS_SYMBOLS_MAX);
    assert_true(all.left_out > 0);
    end(&u, &arena, &all);
    kp_buf_free(&members);
    kp_buf_free(&bounds);
}

static enum kp_code work(void *arg)
{
    struct kp_arena arena = { 0 };
    struct ads_symbols all;
    enum kp_code code = read_all(arg, &arena, &all);
    kp_free(all.list);
    kp_arena_free(&arena);
    return code;
}

static void without_memory_an_upload_is_read_whole_or_not_at_all(void **state)
{
    (void)state;
    struct uploads u;
    begin(&u);
    pump(&u);
    mode(&u, 2, NULL);
    kit_fail_each_allocation(work, &u);
    kp_buf_free(&u.symbols);
    kp_buf_free(&u.types);
}

static void names_become_paths(void **state)
{
    (void)state;
    char path[KP_PATH_MAX];
    assert_true(ads_symbol_path("MAIN.fbPump.rSpeed", path));
    assert_string_equal(path, "MAIN/fbPump/rSpeed");
    assert_true(ads_symbol_path(".gCount", path)); /* a global variable of TwinCAT 2 */
    assert_string_equal(path, "gCount");
    assert_false(ads_symbol_path("...", path));
}

/* ---- the wire ---- */
static void net_ids_are_six_numbers(void **state)
{
    (void)state;
    uint8_t id[ADS_NET_ID];
    uint16_t port;
    bool has;
    struct kp_err err = { 0 };
    char text[32];
    assert_int_equal(ads_target("192.0.2.9.1.1:801", &has, id, &port, &err), KP_OK);
    ads_net_id_print(id, text);
    assert_string_equal(text, "192.0.2.9.1.1");
    assert_true(has);
    assert_int_equal(port, 801);
    assert_int_equal(ads_target("", &has, id, &port, &err), KP_OK);
    assert_false(has);
    assert_int_equal(port, 851);
    static const char *const wrong[] = { "1.2.3.4.5",    "1.2.3.4.5.6.7", "1.2.3.4.5.256",
                                         "1.2.3.4.5.6:", "1.2.3.4.5.6:0", "1.2.3.4.5.6:65536",
                                         "a.b.c.d.e.f",  "1.2.3.4.5.-6" };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct kp_err one = { 0 };
        assert_int_equal(ads_target(wrong[i], &has, id, &port, &one), KP_EINVALID);
    }
}

static void remember(void *arg, uint32_t handle, int64_t at, const uint8_t *data, size_t n)
{
    char *out = arg;
    size_t used = strlen(out);
    snprintf(out + used, 200 - used, "%u %lld %.*s;", handle, (long long)at, (int)n,
             (const char *)data);
}

static void notifications_give_each_sample_its_time(void **state)
{
    (void)state;
    char told[200] = "";
    struct kp_buf b;
    kp_buf_init(&b, 1000);
    put(&b, 0, 4);
    put(&b, 2, 4);
    put(&b, UINT64_C(116444736000000001), 8);
    put(&b, 2, 4);
    put(&b, 7, 4);
    put(&b, 2, 4);
    kp_buf_add(&b, "ab", 2);
    put(&b, 8, 4);
    put(&b, 1, 4);
    kp_buf_add(&b, "c", 1);
    put(&b, UINT64_C(116444736000000002), 8);
    put(&b, 0, 4);
    assert_true(ads_samples((const uint8_t *)b.data, b.len, remember, told));
    assert_string_equal(told, "7 100 ab;8 100 c;");
    for (size_t n = 0; n < b.len; n++) /* cut off anywhere */
        assert_false(ads_samples((const uint8_t *)b.data, n, remember, (char[200]){ "" }));
    kp_buf_free(&b);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_are_known_by_their_names),
        cmocka_unit_test(what_is_no_type_is_refused),
        cmocka_unit_test(a_name_nobody_knows_is_taken_by_its_base_type),
        cmocka_unit_test(values_come_out_of_little_endian_bytes),
        cmocka_unit_test(other_lengths_are_no_value),
        cmocka_unit_test(values_are_written_exactly_or_not_at_all),
        cmocka_unit_test(structures_become_their_members),
        cmocka_unit_test(enumerations_have_their_names),
        cmocka_unit_test(names_that_are_cut_off_are_left_out),
        cmocka_unit_test(types_that_hold_themselves_come_to_an_end),
        cmocka_unit_test(without_memory_an_upload_is_read_whole_or_not_at_all),
        cmocka_unit_test(names_become_paths),
        cmocka_unit_test(net_ids_are_six_numbers),
        cmocka_unit_test(notifications_give_each_sample_its_time),
    };
    return cmocka_run_group_tests_name("ads", tests, NULL, NULL);
}
