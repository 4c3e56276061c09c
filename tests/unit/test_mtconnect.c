/* SPDX-License-Identifier: Apache-2.0 */
/* Documents of MTConnect: devices, observations, errors, limits, and each allocation failing. */
#include "kit.h"

#include "couplings/mtconnect/document.h"
#include "couplings/mtconnect/observe.h"

static const char devices[] =
    "<?xml version='1.0'?><m:MTConnectDevices xmlns:m='urn:x'><m:Header "
    "instanceId='18446744073709551615' bufferSize='7' deviceModelChangeTime='then'/>"
    "<m:Devices><m:Agent id='ag' name='Agent' uuid='v'/><m:Device name='Mill/1' uuid='u'>"
    "<m:Description model='F5' manufacturer='Bei' station='Hall 1'/>"
    "<m:DataItems><m:DataItem id='a' type='AVAILABILITY' category='EVENT'/></m:DataItems>"
    "<m:Components><m:Axes id='ax'><m:Components>"
    "<m:Linear id='lx'><m:Description model='motor'/><m:DataItems><m:DataItem id='p' name='pos' "
    "type='POSITION' "
    "subType='ACTUAL' category='SAMPLE' units='MILLIMETER'/></m:DataItems></m:Linear>"
    "<m:Linear id='ly'><m:DataItems><m:DataItem id='q' type='POSITION' category='SAMPLE'/>"
    "<m:DataItem name='no id' type='LOAD' category='SAMPLE'/></m:DataItems></m:Linear>"
    "<m:Rotary id='c' name='C'><m:DataItems><m:DataItem id='s' type='SYSTEM' category='CONDITION'/>"
    "<m:DataItem id='d' type='VARIABLE' category='EVENT' representation='DATA_SET'/>"
    "</m:DataItems></m:Rotary></m:Components></m:Axes></m:Components></m:Device></m:Devices></"
    "m:MTConnectDevices>";

static void expect_item(const struct kp_mtc_devices *d, size_t i, const char *id, const char *place)
{
    assert_string_equal(d->items[i].id, id);
    assert_string_equal(d->items[i].place, place);
    assert_int_equal(d->items[i].device, 1);
}

static void devices_components_and_data_items_are_read(void **state)
{
    (void)state;
    struct kp_mtc_devices d;
    struct kp_err err = { 0 };
    assert_int_equal(kp_mtc_read_devices(devices, sizeof devices - 1, true, &d, &err), KP_OK);
    assert_string_equal(d.header.instance, "18446744073709551615");
    assert_string_equal(d.header.model_time, "then");
    assert_int_equal(d.header.buffer, 7);
    assert_int_equal(d.n_devices, 2);
    assert_true(d.devices[0].agent);
    assert_false(d.devices[1].agent);
    assert_string_equal(d.devices[1].manufacturer, "Bei");
    assert_string_equal(d.devices[1].model, "F5"); /* not that of a part */
    assert_string_equal(d.devices[1].station, "Hall 1");
    assert_int_equal(d.n_items, 5);
    expect_item(&d, 0, "a", "");
    expect_item(&d, 1, "p", "Linear");
    expect_item(&d, 2, "q", "Linear_ly"); /* Linear is taken */
    expect_item(&d, 3, "s", "C");
    expect_item(&d, 4, "d", "C");
    assert_int_equal(d.items[3].category, KP_MTC_CONDITION);
    kp_mtc_devices_free(&d);
}

static void the_beginning_of_a_probe_tells_what_is_in_it(void **state)
{
    (void)state;
    for (size_t n = 0; n < sizeof devices; n++) {
        struct kp_mtc_devices d;
        struct kp_err err = { 0 };
        assert_int_equal(kp_mtc_read_devices(devices, n, false, &d, &err), KP_OK);
        assert_true(n < 400 || d.n_devices == 2);
        kp_mtc_devices_free(&d);
        assert_int_equal(kp_mtc_read_devices(devices, n, true, &d, &err),
                         n < sizeof devices - 1 ? KP_EPARSE : KP_OK);
        kp_mtc_devices_free(&d);
    }
}

/* ---- observations ---- */
static enum kp_code tell(void *arg, const struct kp_mtc_observation *o, struct kp_err *err)
{
    struct kp_buf *told = arg;
    kp_buf_printf(told, "%s", o->id);
    if (o->level)
        kp_buf_printf(told, "(%s %s)", o->level, o->native_code ? o->native_code : "-");
    kp_buf_printf(told, "=%.60s;", o->text ? o->text : "(too long)");
    return told->failed ? kp_fail(err, KP_ENOMEM, "out of memory") : KP_OK;
}

static enum kp_code read(const char *text, struct kp_buf *told, struct kp_mtc_header *h,
                         struct kp_err *err)
{
    kp_buf_init(told, 1 << 16);
    return kp_mtc_read_streams(text, strlen(text), h, tell, told, err);
}

#define STREAMS(body)                                                                              \
    "<MTConnectStreams xmlns='urn:y'><Header instanceId='3' nextSequence='12'/><Streams>" body     \
    "</Streams></MTConnectStreams>"

static const char streams[] =
    STREAMS("<Samples><Position dataItemId='p' sequence='5'> 1.5 </Position><Position "
            "dataItemId='p' sequence='7'>UNAVAILABLE</Position></Samples>"
            "<Events><Set dataItemId='d' count='4'><Entry key='a'> 1 </Entry><Entry "
            "key='b'>x&amp;y</Entry><Entry key='c' removed='true'>9</Entry>"
            "<Entry key='t'><Cell key='x'>2</Cell><Cell key='y'>true</Cell></Entry></Set><Empty "
            "dataItemId='e'/></Events>"
            "<Condition><Fault dataItemId='s' nativeCode='7'>Hot</Fault><Normal "
            "dataItemId='s'/></Condition>");

static void expect(const char *text, const char *says)
{
    struct kp_buf told;
    struct kp_mtc_header h;
    struct kp_err err = { 0 };
    if (read(text, &told, &h, &err))
        fail_msg("%s", err.text);
    assert_string_equal(kp_buf_text(&told), says);
    assert_int_equal(h.next, 12);
    kp_buf_free(&told);
}

static void observations_are_told_in_their_order(void **state)
{
    (void)state;
    expect(streams, "p=1.5;p=UNAVAILABLE;d={\"a\":1,\"b\":\"x&y\",\"c\":null,\"t\":{\"x\":2,\"y\":"
                    "true}};e=;s(Fault 7)=Hot;s(Normal -)=;");
}

static void entries_where_they_do_not_belong_break_no_set(void **state)
{
    (void)state;
    expect(STREAMS("<Set dataItemId='d'><Entry key='a'><Entry key='b'>1</Entry></Entry><Cell "
                   "key='z'>1</Cell><Entry>2</Entry></Set>"),
           "d={\"a\":1};");
    expect(STREAMS("<Set dataItemId='d'><Entry key='a'><Cell key='b'><Cell "
                   "key='c'>1</Cell></Cell></Entry><Entry key='e'>5</Entry></Set>"),
           "d={\"a\":{\"b\":1},\"e\":5};");
}

static void what_is_too_long_is_told_as_such_and_stops_nothing(void **state)
{
    (void)state;
    struct kp_buf text;
    char *x = kp_alloc(KP_MTC_TEXT_MAX + 1);
    assert_non_null(x);
    memset(x, '1', KP_MTC_TEXT_MAX);
    kp_buf_init(&text, 8 * KP_MTC_TEXT_MAX);
    kp_buf_printf(&text,
                  "<MTConnectStreams><Header nextSequence='12'/><A dataItemId='a'>%s1</A><B "
                  "dataItemId='b'>2</B>",
                  x);
    kp_buf_printf(&text,
                  "<C dataItemId='c'><Entry key='1'>%s</Entry><Entry key='2'>3</Entry></C><D "
                  "dataItemId='d'>4</D></MTConnectStreams>",
                  x);
    expect(kp_buf_text(&text), "a=(too long);b=2;c=(too long);d=4;");
    kp_buf_free(&text);
    kp_free(x);
}

static void errors_of_old_and_new_agents_are_understood(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "<MTConnectError><Header instanceId='3'/><Errors><Error errorCode='OUT_OF_RANGE'>\n from "
        "is too old\n</Error></Errors></MTConnectError>",
        "<MTConnectError><Header instanceId='3'/><Error errorCode='OUT_OF_RANGE'>from is too "
        "old</Error></MTConnectError>",
        "<MTConnectError><Header instanceId='3'/><Errors><OutOfRange "
        "errorCode='OUT_OF_RANGE'><URI>http://x</URI>"
        "<ErrorMessage>from is too old</ErrorMessage></OutOfRange></Errors></MTConnectError>",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct kp_buf told;
        struct kp_mtc_header h;
        struct kp_err err = { 0 };
        assert_int_equal(read(texts[i], &told, &h, &err), KP_ENOTFOUND);
        assert_string_equal(err.text, "the agent says OUT_OF_RANGE: from is too old");
        kp_buf_free(&told);
    }
}

static void refuse(const char *text, const char *says)
{
    struct kp_mtc_devices d;
    struct kp_err err = { 0 };
    assert_int_not_equal(kp_mtc_read_devices(text, strlen(text), true, &d, &err), KP_OK);
    if (!strstr(err.text, says))
        fail_msg("'%s' does not say '%s'", err.text, says);
}

static void documents_without_sense_are_refused(void **state)
{
    (void)state;
    refuse("<!DOCTYPE a [<!ENTITY x 'y'>]><MTConnectDevices/>", "document type");
    refuse("<MTConnectDevices>&unknown;</MTConnectDevices>", "line 1");
    refuse("<MTConnectStreams/>", "no such document");
    refuse("<MTConnectDevices>", "line 1");
    refuse("", "line 1");
    struct kp_buf deep;
    kp_buf_init(&deep, 1 << 20);
    for (int i = 0; i < 100; i++)
        kp_buf_str(&deep, "<MTConnectDevices>");
    refuse(kp_buf_text(&deep), "too deep");
    kp_buf_free(&deep);
}

static enum kp_code read_both(void *arg)
{
    struct kp_mtc_devices d;
    struct kp_mtc_header h;
    struct kp_buf told = { 0 };
    struct kp_err err = { 0 };
    (void)arg;
    if (!kp_mtc_read_devices(devices, sizeof devices - 1, true, &d, &err))
        read(streams, &told, &h, &err);
    kp_mtc_devices_free(&d);
    kp_buf_free(&told);
    return err.code;
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    kit_fail_each_allocation(read_both, NULL);
}

/* ---- values ---- */
static void numbers_are_read_as_far_as_they_are_numbers(void **state)
{
    (void)state;
    static const struct {
        uint8_t type;
        const char *text, *prints;
        uint8_t gives;
    } list[] = {
        { KP_DOUBLE, "-1.5e3", "-1500", KP_DOUBLE },
        { KP_DOUBLE, "0x10", "0x10", KP_STRING },
        { KP_DOUBLE, "infinity", "infinity", KP_STRING },
        { KP_DOUBLE, "1 2", "1 2", KP_STRING },
        { KP_DOUBLE, "", "", KP_STRING },
        { KP_INT64, "12", "12", KP_INT64 },
        { KP_INT64, "1.5", "1.5", KP_DOUBLE },
        { KP_DOUBLE | KP_ARRAY, " 1  2 ", "[1, 2]", KP_DOUBLE | KP_ARRAY },
        { KP_DOUBLE | KP_ARRAY, "1 x", "1 x", KP_STRING },
        { KP_DOUBLE | KP_ARRAY, "", "", KP_STRING },
        { KP_STRING, "12", "12", KP_STRING },
    };
    struct kp_buf room = { 0 };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        struct kp_value v;
        char text[100];
        assert_true(kp_mtc_value(list[i].type, list[i].text, &room, &v));
        assert_int_equal(v.type, list[i].gives);
        kp_value_print(&v, text, sizeof text);
        assert_string_equal(text, list[i].prints);
    }
    kp_buf_free(&room);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(devices_components_and_data_items_are_read),
        cmocka_unit_test(the_beginning_of_a_probe_tells_what_is_in_it),
        cmocka_unit_test(observations_are_told_in_their_order),
        cmocka_unit_test(entries_where_they_do_not_belong_break_no_set),
        cmocka_unit_test(what_is_too_long_is_told_as_such_and_stops_nothing),
        cmocka_unit_test(errors_of_old_and_new_agents_are_understood),
        cmocka_unit_test(documents_without_sense_are_refused),
        cmocka_unit_test(each_allocation_may_fail),
        cmocka_unit_test(numbers_are_read_as_far_as_they_are_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
