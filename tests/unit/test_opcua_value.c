/* SPDX-License-Identifier: Apache-2.0 */
/* Values on their way from an OPC UA server into the model and, for writing, back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "couplings/opcua/opcua_private.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NOW (INT64_C(1795514400) * KP_SECOND)

/* A variant around something on the test's stack; never cleared. */
static UA_Variant scalar(void *data, int type)
{
    return (UA_Variant){ .type = &UA_TYPES[type],
                         .storageType = UA_VARIANT_DATA_NODELETE,
                         .data = data };
}

static UA_Variant array(void *data, size_t n, int type)
{
    UA_Variant v = scalar(n ? data : UA_EMPTY_ARRAY_SENTINEL, type);
    v.arrayLength = n;
    return v;
}

static int setup(void **state)
{
    struct kp_buf *room = calloc(1, sizeof *room);
    kp_opcua_room(room);
    *state = room;
    return 0;
}

static int teardown(void **state)
{
    kp_buf_free(*state);
    free(*state);
    return 0;
}

static struct kp_value convert(void **state, UA_Variant v)
{
    struct kp_value out;
    assert_true(kp_opcua_value(&v, *state, &out));
    assert_true(kp_value_valid(&out));
    return out;
}

static void assert_text(const struct kp_value *v, const char *text)
{
    assert_int_equal(v->type, KP_STRING);
    assert_int_equal(v->len, strlen(text));
    assert_memory_equal(v->data, text, v->len);
}

/* ---- scalars ---- */
static void signed_integers_keep_their_value_at_both_ends(void **state)
{
    UA_SByte a[] = { INT8_MIN, INT8_MAX };
    UA_Int16 b[] = { INT16_MIN, INT16_MAX };
    UA_Int32 c[] = { INT32_MIN, INT32_MAX };
    UA_Int64 d[] = { INT64_MIN, INT64_MAX };
    for (int i = 0; i < 2; i++) {
        struct kp_value v = convert(state, scalar(&a[i], UA_TYPES_SBYTE));
        assert_int_equal(v.type, KP_INT64);
        assert_int_equal(v.i, a[i]);
        assert_int_equal(convert(state, scalar(&b[i], UA_TYPES_INT16)).i, b[i]);
        assert_int_equal(convert(state, scalar(&c[i], UA_TYPES_INT32)).i, c[i]);
        assert_int_equal(convert(state, scalar(&d[i], UA_TYPES_INT64)).i, d[i]);
    }
}

static void unsigned_integers_and_status_codes_keep_their_value(void **state)
{
    UA_Byte a = UINT8_MAX;
    UA_UInt16 b = UINT16_MAX;
    UA_UInt32 c = UINT32_MAX;
    UA_UInt64 d = UINT64_MAX;
    UA_StatusCode e = UA_STATUSCODE_BADSENSORFAILURE;
    struct kp_value v = convert(state, scalar(&a, UA_TYPES_BYTE));
    assert_int_equal(v.type, KP_UINT64);
    assert_int_equal(v.u, UINT8_MAX);
    assert_int_equal(convert(state, scalar(&b, UA_TYPES_UINT16)).u, UINT16_MAX);
    assert_int_equal(convert(state, scalar(&c, UA_TYPES_UINT32)).u, UINT32_MAX);
    assert_true(convert(state, scalar(&d, UA_TYPES_UINT64)).u == UINT64_MAX);
    assert_int_equal(convert(state, scalar(&e, UA_TYPES_STATUSCODE)).u, e);
}

static void floats_keep_every_bit(void **state)
{
    UA_Double list[] = { 0.1, -0.0, INFINITY, -INFINITY, NAN, 5e-324 };
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        struct kp_value v = convert(state, scalar(&list[i], UA_TYPES_DOUBLE));
        assert_int_equal(v.type, KP_DOUBLE);
        assert_memory_equal(&v.d, &list[i], sizeof v.d);
    }
    UA_Float f = 0.1f;
    struct kp_value v = convert(state, scalar(&f, UA_TYPES_FLOAT));
    assert_int_equal(v.type, KP_FLOAT);
    assert_memory_equal(&v.f, &f, sizeof f);
}

static void a_boolean_is_a_boolean(void **state)
{
    UA_Boolean yes = true, no = false;
    assert_int_equal(convert(state, scalar(&yes, UA_TYPES_BOOLEAN)).type, KP_BOOL);
    assert_true(convert(state, scalar(&yes, UA_TYPES_BOOLEAN)).b);
    assert_false(convert(state, scalar(&no, UA_TYPES_BOOLEAN)).b);
}

static void an_enumeration_of_the_standard_is_an_integer(void **state)
{
    UA_ServerState s = UA_SERVERSTATE_SUSPENDED;
    struct kp_value v = convert(state, scalar(&s, UA_TYPES_SERVERSTATE));
    assert_int_equal(v.type, KP_INT64);
    assert_int_equal(v.i, UA_SERVERSTATE_SUSPENDED);
}

static void text_is_taken_where_it_lies(void **state)
{
    UA_String s = kp_opcua_text("O1004.NC");
    struct kp_value v = convert(state, scalar(&s, UA_TYPES_STRING));
    assert_text(&v, "O1004.NC");
    assert_ptr_equal(v.data, s.data);
}

static void a_number_in_text_stays_text(void **state)
{
    UA_String s = kp_opcua_text("0012345");
    struct kp_value v = convert(state, scalar(&s, UA_TYPES_STRING));
    assert_text(&v, "0012345");
}

static void text_that_is_not_utf8_is_cleaned_and_not_dropped(void **state)
{
    UA_String s = kp_opcua_text("caf\xe9 \xff!");
    struct kp_value v = convert(state, scalar(&s, UA_TYPES_STRING));
    assert_text(&v, "caf\xef\xbf\xbd \xef\xbf\xbd!");
}

static void empty_and_missing_text_are_empty_text(void **state)
{
    UA_String empty = UA_STRING_NULL;
    struct kp_value v = convert(state, scalar(&empty, UA_TYPES_STRING));
    assert_text(&v, "");
}

static void localized_text_and_names_lose_their_locale_and_namespace(void **state)
{
    UA_LocalizedText l = { kp_opcua_text("de"), kp_opcua_text("Fr\xc3\xa4sen") };
    UA_QualifiedName q = { 3, kp_opcua_text("Spindle") };
    UA_String x = kp_opcua_text("<a/>");
    struct kp_value v = convert(state, scalar(&l, UA_TYPES_LOCALIZEDTEXT));
    assert_text(&v, "Fr\xc3\xa4sen");
    v = convert(state, scalar(&q, UA_TYPES_QUALIFIEDNAME));
    assert_text(&v, "Spindle");
    v = convert(state, scalar(&x, UA_TYPES_XMLELEMENT));
    assert_text(&v, "<a/>");
}

static void ids_and_guids_become_their_text(void **state)
{
    UA_NodeId id = { 2, UA_NODEIDTYPE_STRING, { .string = kp_opcua_text("a.b") } };
    UA_ExpandedNodeId expanded = { .nodeId = id };
    UA_Guid guid = {
        0x09087e75, 0x8e5e, 0x499b, { 0x95, 0x4f, 0xf2, 0xa9, 0x60, 0x3d, 0xb2, 0x8a }
    };
    struct kp_value v = convert(state, scalar(&id, UA_TYPES_NODEID));
    assert_text(&v, "ns=2;s=a.b");
    v = convert(state, scalar(&expanded, UA_TYPES_EXPANDEDNODEID));
    assert_text(&v, "ns=2;s=a.b");
    v = convert(state, scalar(&guid, UA_TYPES_GUID));
    assert_text(&v, "09087e75-8e5e-499b-954f-f2a9603db28a");
}

static void an_id_that_is_not_utf8_becomes_clean_text(void **state)
{
    UA_NodeId id = { 2, UA_NODEIDTYPE_STRING, { .string = kp_opcua_text("\xff") } };
    struct kp_value v = convert(state, scalar(&id, UA_TYPES_NODEID));
    assert_true(kp_utf8_valid(v.data, v.len));
    assert_true(v.len > 0);
}

static void bytes_stay_bytes(void **state)
{
    UA_ByteString s = kp_opcua_text("\x01\xff");
    struct kp_value v = convert(state, scalar(&s, UA_TYPES_BYTESTRING));
    assert_int_equal(v.type, KP_BYTES);
    assert_int_equal(v.len, 2);
    assert_memory_equal(v.data, "\x01\xff", 2);
}

static void a_time_counts_from_1970(void **state)
{
    UA_DateTime t = UA_DATETIME_UNIX_EPOCH + 15;
    struct kp_value v = convert(state, scalar(&t, UA_TYPES_DATETIME));
    assert_int_equal(v.type, KP_TIME);
    assert_int_equal(v.i, 1500);
}

static void never_and_for_ever_have_a_value_of_their_own(void **state)
{
    UA_DateTime never = 0, ever = INT64_MAX;
    assert_true(convert(state, scalar(&never, UA_TYPES_DATETIME)).i == KP_NO_TIME);
    assert_true(convert(state, scalar(&ever, UA_TYPES_DATETIME)).i == KP_FOREVER);
}

static void a_structure_becomes_json(void **state)
{
    UA_Range r = { -1.5, 2 };
    struct kp_value v = convert(state, scalar(&r, UA_TYPES_RANGE));
    assert_text(&v, "{\"Low\":-1.5,\"High\":2.0}");
}

static void a_structure_inside_an_extension_object_becomes_json_too(void **state)
{
    UA_Range r = { 0, 1 };
    UA_ExtensionObject x;
    UA_ExtensionObject_setValueNoDelete(&x, &r, &UA_TYPES[UA_TYPES_RANGE]);
    struct kp_value v = convert(state, scalar(&x, UA_TYPES_EXTENSIONOBJECT));
    assert_text(&v, "{\"Low\":0.0,\"High\":1.0}");
}

static void a_structure_of_unknown_type_becomes_json_of_its_bytes(void **state)
{
    UA_ExtensionObject x = { .encoding = UA_EXTENSIONOBJECT_ENCODED_BYTESTRING };
    x.content.encoded.typeId = UA_NODEID_NUMERIC(2, 5001);
    x.content.encoded.body = kp_opcua_text("abc");
    struct kp_value v = convert(state, scalar(&x, UA_TYPES_EXTENSIONOBJECT));
    assert_int_equal(v.type, KP_STRING);
    assert_text(&v, "{\"UaTypeId\":\"ns=2;i=5001\",\"UaEncoding\":1,\"UaBody\":\"YWJj\"}");
}

static void nothing_is_null(void **state)
{
    UA_Variant none;
    UA_Variant_init(&none);
    assert_int_equal(convert(state, none).type, KP_NULL);
}

/* ---- arrays ---- */
static void arrays_of_numbers_are_packed(void **state)
{
    UA_Double d[] = { 1.5, -2, NAN };
    struct kp_value v = convert(state, array(d, 3, UA_TYPES_DOUBLE));
    assert_int_equal(v.type, KP_DOUBLE | KP_ARRAY);
    assert_int_equal(v.len, sizeof d);
    assert_memory_equal(v.data, d, sizeof d);
    UA_Int16 s[] = { -1, 2 };
    int64_t wide[] = { -1, 2 };
    v = convert(state, array(s, 2, UA_TYPES_INT16));
    assert_int_equal(v.type, KP_INT64 | KP_ARRAY);
    assert_int_equal(v.len, sizeof wide);
    assert_memory_equal(v.data, wide, sizeof wide);
    UA_Boolean b[] = { true, false };
    v = convert(state, array(b, 2, UA_TYPES_BOOLEAN));
    assert_int_equal(v.type, KP_BOOL | KP_ARRAY);
    assert_int_equal(v.len, 2);
}

static void an_array_of_every_fixed_type_has_as_many_elements_as_it_had(void **state)
{
    static const int types[] = {
        UA_TYPES_BOOLEAN,       UA_TYPES_SBYTE,         UA_TYPES_BYTE,       UA_TYPES_INT16,
        UA_TYPES_UINT16,        UA_TYPES_INT32,         UA_TYPES_UINT32,     UA_TYPES_INT64,
        UA_TYPES_UINT64,        UA_TYPES_FLOAT,         UA_TYPES_DOUBLE,     UA_TYPES_STRING,
        UA_TYPES_DATETIME,      UA_TYPES_GUID,          UA_TYPES_BYTESTRING, UA_TYPES_NODEID,
        UA_TYPES_QUALIFIEDNAME, UA_TYPES_LOCALIZEDTEXT, UA_TYPES_STATUSCODE, UA_TYPES_RANGE,
        UA_TYPES_VARIANT
    };
    uint64_t zero[200] = { 0 };
    for (size_t t = 0; t < sizeof types / sizeof types[0]; t++) {
        struct kp_value v = convert(state, array(zero, 3, types[t])), element;
        size_t pos = 0, n = 0;
        assert_int_equal(v.type, kp_opcua_type(UA_TYPES[types[t]].typeKind) | KP_ARRAY);
        while (kp_array_next(&v, &pos, &element))
            n++;
        assert_int_equal(n, 3);
    }
}

static void an_array_of_texts_keeps_each_and_cleans_the_broken(void **state)
{
    UA_String s[] = { kp_opcua_text("a"), kp_opcua_text(""), kp_opcua_text("\xe9") };
    struct kp_value v = convert(state, array(s, 3, UA_TYPES_STRING)), e;
    size_t pos = 0;
    assert_int_equal(v.type, KP_STRING | KP_ARRAY);
    assert_true(kp_array_next(&v, &pos, &e));
    assert_text(&e, "a");
    assert_true(kp_array_next(&v, &pos, &e));
    assert_text(&e, "");
    assert_true(kp_array_next(&v, &pos, &e));
    assert_text(&e, "\xef\xbf\xbd");
    assert_false(kp_array_next(&v, &pos, &e));
}

static void an_empty_array_is_an_array_of_nothing(void **state)
{
    struct kp_value v = convert(state, array(NULL, 0, UA_TYPES_DOUBLE));
    assert_int_equal(v.type, KP_DOUBLE | KP_ARRAY);
    assert_int_equal(v.len, 0);
}

static void a_matrix_is_laid_flat(void **state)
{
    UA_Float f[] = { 1, 2, 3, 4 };
    UA_UInt32 dimensions[] = { 2, 2 };
    UA_Variant v = array(f, 4, UA_TYPES_FLOAT);
    v.arrayDimensions = dimensions;
    v.arrayDimensionsSize = 2;
    assert_int_equal(convert(state, v).len, sizeof f);
}

static void a_value_far_too_long_is_refused_and_the_next_one_is_taken(void **state)
{
    UA_ByteString huge = { .length = (size_t)17 << 20, .data = (UA_Byte *)(uintptr_t)1 };
    UA_Variant v = scalar(&huge, UA_TYPES_BYTESTRING);
    struct kp_value out;
    assert_false(kp_opcua_value(&v, *state, &out));
    assert_int_equal(out.type, KP_NULL);
    UA_Double d = 1;
    assert_int_equal(convert(state, scalar(&d, UA_TYPES_DOUBLE)).type, KP_DOUBLE);
}

/* ---- samples ---- */
static struct kp_sample sample(void **state, UA_DataValue dv)
{
    struct kp_sample s = { .signal = 7 };
    kp_opcua_sample(&dv, NOW, *state, &s);
    assert_int_equal(s.signal, 7);
    return s;
}

static void the_source_time_comes_before_the_servers_and_that_before_arrival(void **state)
{
    UA_DataValue dv = { .hasSourceTimestamp = true, .hasServerTimestamp = true };
    dv.sourceTimestamp = kp_opcua_date(NOW - 10 * KP_SECOND);
    dv.serverTimestamp = kp_opcua_date(NOW - 5 * KP_SECOND);
    assert_int_equal(sample(state, dv).at, NOW - 10 * KP_SECOND);
    dv.hasSourceTimestamp = false;
    assert_int_equal(sample(state, dv).at, NOW - 5 * KP_SECOND);
    dv.hasServerTimestamp = false;
    assert_int_equal(sample(state, dv).at, NOW);
}

static void a_source_time_that_says_there_is_none_is_not_taken(void **state)
{
    UA_DataValue dv = { .hasSourceTimestamp = true, .sourceTimestamp = 0 };
    assert_int_equal(sample(state, dv).at, NOW);
    dv.sourceTimestamp = INT64_MAX;
    assert_int_equal(sample(state, dv).at, NOW);
    dv.sourceTimestamp = INT64_MIN;
    assert_int_equal(sample(state, dv).at, NOW);
    dv.hasServerTimestamp = true;
    dv.serverTimestamp = kp_opcua_date(NOW - KP_SECOND);
    assert_int_equal(sample(state, dv).at, NOW - KP_SECOND);
}

static void a_source_time_that_ns_cannot_hold_is_not_passed_over(void **state)
{
    const UA_DateTime day = INT64_C(86400) * UA_DATETIME_SEC;
    UA_DataValue dv = { .hasSourceTimestamp = true,
                        .sourceTimestamp = 300, /* 1601: a clock that has just begun */
                        .hasSourcePicoseconds = true,
                        .sourcePicoseconds = 9999 };
    assert_int_equal(sample(state, dv).at, KP_NO_TIME);
    dv.sourceTimestamp = UA_DATETIME_UNIX_EPOCH + 300 * 365 * day; /* about 2270 */
    assert_int_equal(sample(state, dv).at, KP_FOREVER);
    dv.hasSourceTimestamp = false;
    dv.hasServerTimestamp = true;
    dv.serverTimestamp = day;
    assert_int_equal(sample(state, dv).at, KP_NO_TIME);
}

static void a_clock_ten_years_off_is_kept_as_told(void **state)
{
    int64_t off = NOW - INT64_C(3650) * 86400 * KP_SECOND;
    UA_DataValue dv = { .hasSourceTimestamp = true, .sourceTimestamp = kp_opcua_date(off) };
    assert_int_equal(sample(state, dv).at, off);
}

static void picoseconds_add_to_the_source_time(void **state)
{
    UA_DataValue dv = { .hasSourceTimestamp = true,
                        .sourceTimestamp = kp_opcua_date(NOW),
                        .hasSourcePicoseconds = true,
                        .sourcePicoseconds = 4200 };
    assert_int_equal(sample(state, dv).at, NOW + 42);
    dv.sourcePicoseconds = 10000; /* not allowed by the standard */
    assert_int_equal(sample(state, dv).at, NOW);
}

static void all_bits_of_the_status_are_kept(void **state)
{
    UA_DataValue dv = { .hasStatus = true, .status = 0x80ab0480 };
    assert_int_equal(sample(state, dv).status, 0x80ab0480);
    dv.hasStatus = false;
    assert_int_equal(sample(state, dv).status, KP_GOOD);
}

static void a_value_without_a_value_is_null_with_its_status(void **state)
{
    UA_DataValue dv = { .hasStatus = true, .status = UA_STATUSCODE_BADSENSORFAILURE };
    struct kp_sample s = sample(state, dv);
    assert_int_equal(s.value.type, KP_NULL);
    assert_int_equal(s.status, UA_STATUSCODE_BADSENSORFAILURE);
}

static void the_overflow_bit_counts_only_with_its_info_type(void **state)
{
    (void)state;
    assert_true(kp_opcua_overflowed(KP_STATUS_OVERFLOW));
    assert_true(kp_opcua_overflowed(0x80ab0480));
    assert_false(kp_opcua_overflowed(0x80));
    assert_false(kp_opcua_overflowed(0x400));
    assert_false(kp_opcua_overflowed(0xC80));
    assert_false(kp_opcua_overflowed(KP_GOOD));
}

static void times_go_there_and_back(void **state)
{
    (void)state;
    static const int64_t list[] = {
        0, 100, -100, NOW, INT64_C(-9000000000000000000), INT64_C(9000000000000000000)
    };
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        int64_t back;
        assert_true(kp_opcua_time(kp_opcua_date(list[i]), &back));
        assert_int_equal(back, list[i]);
    }
    int64_t back;
    assert_true(kp_opcua_time(kp_opcua_date(-1), &back));
    assert_int_equal(back, -100); /* rounded down, never forward in time */
}

/* ---- writing ---- */
static UA_Variant written(struct kp_value v, int type)
{
    UA_Variant out;
    struct kp_err err = { 0 };
    assert_int_equal(kp_opcua_variant(&v, &UA_TYPES[type], false, &out, &err), KP_OK);
    assert_ptr_equal(out.type, &UA_TYPES[type]);
    assert_true(UA_Variant_isScalar(&out));
    return out;
}

static void refused(struct kp_value v, int type)
{
    UA_Variant out;
    struct kp_err err = { 0 };
    assert_int_equal(kp_opcua_variant(&v, &UA_TYPES[type], (v.type & KP_ARRAY) != 0, &out, &err),
                     KP_EINVALID);
    assert_true(strlen(err.text) > 10);
    UA_Variant_clear(&out);
}

static void a_whole_number_is_written_in_the_width_of_the_node(void **state)
{
    (void)state;
    UA_Variant v = written(kp_int(-12), UA_TYPES_INT16);
    assert_int_equal(*(UA_Int16 *)v.data, -12);
    UA_Variant_clear(&v);
    v = written(kp_int(200), UA_TYPES_BYTE);
    assert_int_equal(*(UA_Byte *)v.data, 200);
    UA_Variant_clear(&v);
    v = written((struct kp_value){ .u = UINT64_MAX, .type = KP_UINT64 }, UA_TYPES_UINT64);
    assert_true(*(UA_UInt64 *)v.data == UINT64_MAX);
    UA_Variant_clear(&v);
    v = written(kp_double(-5), UA_TYPES_INT32);
    assert_int_equal(*(UA_Int32 *)v.data, -5);
    UA_Variant_clear(&v);
    v = written(kp_int(2), UA_TYPES_SERVERSTATE);
    assert_int_equal(*(UA_Int32 *)v.data, 2);
    UA_Variant_clear(&v);
}

static void a_number_the_node_cannot_hold_is_refused(void **state)
{
    (void)state;
    refused(kp_int(70000), UA_TYPES_INT16);
    refused(kp_int(-1), UA_TYPES_BYTE);
    refused(kp_int(-1), UA_TYPES_UINT64);
    refused((struct kp_value){ .u = UINT64_MAX, .type = KP_UINT64 }, UA_TYPES_INT64);
    refused(kp_double(1.5), UA_TYPES_INT32);
    refused(kp_double(1e300), UA_TYPES_INT64);
    refused(kp_double(NAN), UA_TYPES_INT32);
    refused(kp_int(2), UA_TYPES_BOOLEAN);
}

static void text_is_written_as_text_only(void **state)
{
    (void)state;
    UA_Variant v = written(kp_string("O7.NC", 5), UA_TYPES_STRING);
    assert_int_equal(((UA_String *)v.data)->length, 5);
    UA_Variant_clear(&v);
    v = written(kp_string("x", 1), UA_TYPES_LOCALIZEDTEXT);
    assert_int_equal(((UA_LocalizedText *)v.data)->text.length, 1);
    UA_Variant_clear(&v);
    refused(kp_string("1", 1), UA_TYPES_INT32);
    refused(kp_int(1), UA_TYPES_STRING);
    refused(kp_string("not a guid", 10), UA_TYPES_GUID);
}

static void every_other_kind_is_written_in_its_own_type(void **state)
{
    (void)state;
    UA_Variant v = written(kp_bool(true), UA_TYPES_BOOLEAN);
    assert_true(*(UA_Boolean *)v.data);
    UA_Variant_clear(&v);
    v = written(kp_int(3), UA_TYPES_FLOAT);
    assert_true(*(UA_Float *)v.data == 3.0f);
    UA_Variant_clear(&v);
    v = written(kp_double(0.1), UA_TYPES_DOUBLE);
    assert_true(*(UA_Double *)v.data == 0.1);
    UA_Variant_clear(&v);
    v = written((struct kp_value){ .i = NOW, .type = KP_TIME }, UA_TYPES_DATETIME);
    assert_true(*(UA_DateTime *)v.data == kp_opcua_date(NOW));
    UA_Variant_clear(&v);
    v = written((struct kp_value){ .data = "ab", .len = 2, .type = KP_BYTES }, UA_TYPES_BYTESTRING);
    assert_int_equal(((UA_ByteString *)v.data)->length, 2);
    UA_Variant_clear(&v);
    refused(kp_int(1), UA_TYPES_RANGE);
}

static void an_array_is_written_to_an_array_and_to_nothing_else(void **state)
{
    (void)state;
    int64_t numbers[] = { 1, -2 };
    struct kp_value v = { .data = numbers, .len = sizeof numbers, .type = KP_INT64 | KP_ARRAY };
    UA_Variant out;
    struct kp_err err = { 0 };
    assert_int_equal(kp_opcua_variant(&v, &UA_TYPES[UA_TYPES_INT32], true, &out, &err), KP_OK);
    assert_int_equal(out.arrayLength, 2);
    assert_int_equal(((UA_Int32 *)out.data)[1], -2);
    UA_Variant_clear(&out);
    assert_int_equal(kp_opcua_variant(&v, &UA_TYPES[UA_TYPES_INT32], false, &out, &err),
                     KP_EINVALID);
    refused(v, UA_TYPES_BYTE);
}

/* ---- memory ---- */
static void without_memory_a_value_is_refused_and_nothing_leaks(void **state)
{
    UA_String broken = kp_opcua_text("\xff\xff");
    UA_String list[] = { broken, broken };
    UA_Variant v = array(list, 2, UA_TYPES_STRING);
    struct kp_value out;
    long live = kp_mem_live();
    int n = 1;
    for (;; n++) {
        struct kp_buf room;
        kp_opcua_room(&room);
        kp_mem_fail_at(n);
        bool good = kp_opcua_value(&v, &room, &out);
        kp_mem_fail_at(0);
        kp_buf_free(&room);
        assert_int_equal(kp_mem_live(), live);
        if (good)
            break;
        assert_int_equal(out.type, KP_NULL);
    }
    assert_true(n > 1);
    print_message("value: %d failed allocations survived\n", n - 1);
    (void)state;
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(signed_integers_keep_their_value_at_both_ends, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(unsigned_integers_and_status_codes_keep_their_value, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(floats_keep_every_bit, setup, teardown),
        cmocka_unit_test_setup_teardown(a_boolean_is_a_boolean, setup, teardown),
        cmocka_unit_test_setup_teardown(an_enumeration_of_the_standard_is_an_integer, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(text_is_taken_where_it_lies, setup, teardown),
        cmocka_unit_test_setup_teardown(a_number_in_text_stays_text, setup, teardown),
        cmocka_unit_test_setup_teardown(text_that_is_not_utf8_is_cleaned_and_not_dropped, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(empty_and_missing_text_are_empty_text, setup, teardown),
        cmocka_unit_test_setup_teardown(localized_text_and_names_lose_their_locale_and_namespace,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(ids_and_guids_become_their_text, setup, teardown),
        cmocka_unit_test_setup_teardown(an_id_that_is_not_utf8_becomes_clean_text, setup, teardown),
        cmocka_unit_test_setup_teardown(bytes_stay_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(a_time_counts_from_1970, setup, teardown),
        cmocka_unit_test_setup_teardown(never_and_for_ever_have_a_value_of_their_own, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_structure_becomes_json, setup, teardown),
        cmocka_unit_test_setup_teardown(a_structure_inside_an_extension_object_becomes_json_too,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_structure_of_unknown_type_becomes_json_of_its_bytes,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_is_null, setup, teardown),
        cmocka_unit_test_setup_teardown(arrays_of_numbers_are_packed, setup, teardown),
        cmocka_unit_test_setup_teardown(an_array_of_every_fixed_type_has_as_many_elements_as_it_had,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(an_array_of_texts_keeps_each_and_cleans_the_broken, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_empty_array_is_an_array_of_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_matrix_is_laid_flat, setup, teardown),
        cmocka_unit_test_setup_teardown(a_value_far_too_long_is_refused_and_the_next_one_is_taken,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(
            the_source_time_comes_before_the_servers_and_that_before_arrival, setup, teardown),
        cmocka_unit_test_setup_teardown(a_source_time_that_says_there_is_none_is_not_taken, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_source_time_that_ns_cannot_hold_is_not_passed_over, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_clock_ten_years_off_is_kept_as_told, setup, teardown),
        cmocka_unit_test_setup_teardown(picoseconds_add_to_the_source_time, setup, teardown),
        cmocka_unit_test_setup_teardown(all_bits_of_the_status_are_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(a_value_without_a_value_is_null_with_its_status, setup,
                                        teardown),
        cmocka_unit_test(the_overflow_bit_counts_only_with_its_info_type),
        cmocka_unit_test(times_go_there_and_back),
        cmocka_unit_test(a_whole_number_is_written_in_the_width_of_the_node),
        cmocka_unit_test(a_number_the_node_cannot_hold_is_refused),
        cmocka_unit_test(text_is_written_as_text_only),
        cmocka_unit_test(every_other_kind_is_written_in_its_own_type),
        cmocka_unit_test(an_array_is_written_to_an_array_and_to_nothing_else),
        cmocka_unit_test(without_memory_a_value_is_refused_and_nothing_leaks),
    };
    return cmocka_run_group_tests_name("opcua value", tests, NULL, NULL);
}
