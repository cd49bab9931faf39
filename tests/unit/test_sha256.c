/* SPDX-License-Identifier: Apache-2.0
 * The vectors of FIPS 180-4's examples and of NIST's CAVS, and every way to cut a message into pieces. */
#include "sha256.h"

#include "test.h"

static void digest_of(const char *bytes, size_t size, size_t piece, char hex[SHA256_HEX])
{
    struct sha256 sha256;
    sha256_begin(&sha256);
    for (size_t at = 0; at < size; at += piece) {
        sha256_add(&sha256, bytes + at, size - at < piece ? size - at : piece);
    }
    sha256_end(&sha256, hex);
}

TEST(sha256_agrees_with_the_standard)
{
    static const struct {
        const char *text, *hex;
    } cases[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
        {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrst"
         "nopqrstu",
         "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
        {"\xbd", "68325720aabd7c82f30f554b313d0570c95accbb7dc4b5aae11204c08ffe732b"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char hex[SHA256_HEX];
        digest_of(cases[i].text, strlen(cases[i].text), 1000, hex);
        assert_string_equal(hex, cases[i].hex);
    }
}

TEST(sha256_of_a_million_letters)
{
    char *text = malloc(1000000);
    char hex[SHA256_HEX];
    memset(text, 'a', 1000000);
    digest_of(text, 1000000, 4096, hex);
    assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    free(text);
}

TEST(sha256_does_not_depend_on_the_pieces)
{
    char text[300];
    for (size_t i = 0; i < sizeof text; i++) {
        text[i] = (char)(i * 7);
    }
    for (size_t size = 0; size <= sizeof text; size++) {
        char whole[SHA256_HEX], parts[SHA256_HEX];
        digest_of(text, size, sizeof text, whole);
        static const size_t pieces[] = {1, 3, 63, 64, 65, 130};
        for (size_t p = 0; p < sizeof pieces / sizeof *pieces; p++) {
            digest_of(text, size, pieces[p], parts);
            assert_string_equal(whole, parts);
        }
    }
}

TESTS(RUN(sha256_agrees_with_the_standard), RUN(sha256_of_a_million_letters), RUN(sha256_does_not_depend_on_the_pieces))
