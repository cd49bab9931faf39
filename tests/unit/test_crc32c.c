/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/journal.h"

#include "test.h"

TEST(crc32c_gives_the_values_of_rfc_3720)
{
    unsigned char bytes[32] = {0};
    assert_int_equal(crc32c(0, "", 0), 0);
    assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
    assert_int_equal(crc32c(0, bytes, sizeof bytes), 0x8a9136aa);
    memset(bytes, 0xff, sizeof bytes);
    assert_int_equal(crc32c(0, bytes, sizeof bytes), 0x62a8ab43);
    for (unsigned char i = 0; i < 32; i++) {
        bytes[i] = i;
    }
    assert_int_equal(crc32c(0, bytes, sizeof bytes), 0x46dd794e);
    for (unsigned char i = 0; i < 32; i++) {
        bytes[i] = (unsigned char)(31 - i);
    }
    assert_int_equal(crc32c(0, bytes, sizeof bytes), 0x113fdb5c);
}

TEST(crc32c_goes_on_from_any_place_and_at_any_alignment)
{
    char text[300];
    for (size_t i = 0; i < sizeof text; i++) {
        text[i] = (char)(i * 7);
    }
    for (size_t from = 0; from < 9; from++) {
        uint32_t whole = crc32c(0, text + from, 280);
        for (size_t cut = 0; cut <= 280; cut += 13) {
            assert_int_equal(crc32c(crc32c(0, text + from, cut), text + from + cut, 280 - cut), whole);
        }
    }
}

TESTS(RUN(crc32c_gives_the_values_of_rfc_3720), RUN(crc32c_goes_on_from_any_place_and_at_any_alignment))
