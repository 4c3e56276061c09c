/* SPDX-License-Identifier: Apache-2.0 */
#include "kit.h"

#include "store/chunk.h"

static void known_vectors_of_rfc_3720(void **state)
{
    (void)state;
    uint8_t zeros[32] = { 0 }, ones[32], up[32];
    memset(ones, 0xff, sizeof ones);
    for (unsigned i = 0; i < sizeof up; i++)
        up[i] = (uint8_t)i;
    assert_int_equal(kp_crc32c("123456789", 9), 0xE3069283u);
    assert_int_equal(kp_crc32c(zeros, 32), 0x8A9136AAu);
    assert_int_equal(kp_crc32c(ones, 32), 0x62A8AB43u);
    assert_int_equal(kp_crc32c(up, 32), 0x46DD794Eu);
    assert_int_equal(kp_crc32c("", 0), 0);
}

static void the_table_agrees_with_the_instruction_at_every_length_and_offset(void **state)
{
    (void)state;
    uint8_t data[300];
    uint64_t seed = 1;
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)kit_random(&seed);
    for (size_t from = 0; from < 9; from++)
        for (size_t n = 0; from + n <= sizeof data; n++)
            assert_int_equal(kp_crc32c(data + from, n), kp_crc32c_by_table(data + from, n));
}

static void a_varint_survives_and_a_cut_one_is_refused(void **state)
{
    (void)state;
    static const uint64_t values[] = { 0,     1,          127,       128,       16383,
                                       16384, UINT32_MAX, INT64_MAX, UINT64_MAX };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        uint8_t bytes[10];
        size_t n = kp_varint_put(bytes, values[i]);
        uint64_t back;
        for (size_t cut = 0; cut < n; cut++) {
            const uint8_t *p = bytes;
            assert_false(kp_varint_get(&p, bytes + cut, &back));
        }
        const uint8_t *p = bytes;
        assert_true(kp_varint_get(&p, bytes + n, &back));
        assert_true(back == values[i] && p == bytes + n);
    }
    static const uint8_t too_long[] = {
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02
    };
    const uint8_t *p = too_long;
    uint64_t back;
    assert_false(kp_varint_get(&p, too_long + sizeof too_long, &back));
    assert_true(kp_unzigzag(kp_zigzag(INT64_MIN)) == INT64_MIN && kp_unzigzag(kp_zigzag(-1)) == -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_vectors_of_rfc_3720),
        cmocka_unit_test(the_table_agrees_with_the_instruction_at_every_length_and_offset),
        cmocka_unit_test(a_varint_survives_and_a_cut_one_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
