/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "base/mem.h"
#include "base/mask.h"

#include <stdio.h>

static struct mask *mask_for(struct arena *arena, const char *const *values, size_t count)
{
    struct json secrets = json_object();
    for (size_t i = 0; i < count; i++) {
        json_set(arena, &secrets, arena_printf(arena, "S%zu", i), json_cstring(arena, values[i]));
    }
    return mask_new(&secrets);
}

static void expect(const struct mask *mask, const char *text, const char *wanted)
{
    struct strbuf out;
    strbuf_init(&out, 1 << 20);
    mask_text(mask, str_from(text), &out);
    assert_string_equal(out.data, wanted);
    strbuf_clear(&out);
}

/* The same text in two pieces, cut at each byte, and byte by byte. */
static void expect_cut_anywhere(const struct mask *mask, struct str text, const char *wanted)
{
    struct strbuf out;
    strbuf_init(&out, 1 << 20);
    for (size_t cut = 0; cut <= text.n; cut++) {
        struct mask_stream stream = {0};
        strbuf_reset(&out);
        mask_feed(mask, &stream, str_slice(text, 0, cut), &out);
        mask_feed(mask, &stream, str_slice(text, cut, text.n), &out);
        mask_finish(mask, &stream, &out);
        assert_string_equal(out.data, wanted);
    }
    struct mask_stream stream = {0};
    strbuf_reset(&out);
    for (size_t i = 0; i < text.n; i++) {
        mask_feed(mask, &stream, str_slice(text, i, i + 1), &out);
    }
    mask_finish(mask, &stream, &out);
    assert_string_equal(out.data, wanted);
    strbuf_clear(&out);
}

static const char *const one[] = {"hunter2-hunter2"};

TEST(mask_hides_a_secret_cut_at_any_byte)
{
    struct arena *arena = arena_new();
    struct mask *mask = mask_for(arena, one, 1);
    expect_cut_anywhere(mask, STR("login hunter2-hunter2, hunter2-hunter and hunter2-hunter2"),
                        "login ***, hunter2-hunter and ***");
    mask_free(mask);
    arena_free(arena);
}

TEST(mask_holds_back_only_what_may_become_a_secret)
{
    struct arena *arena = arena_new();
    struct mask *mask = mask_for(arena, one, 1);
    struct mask_stream stream = {0};
    struct strbuf out;
    strbuf_init(&out, 1024);
    mask_feed(mask, &stream, STR("password: hunter2"), &out);
    assert_string_equal(out.data, "password: ");
    mask_feed(mask, &stream, STR("!\n"), &out);
    assert_string_equal(out.data, "password: hunter2!\n");
    mask_feed(mask, &stream, STR("hunter2-hunter"), &out);
    assert_string_equal(out.data, "password: hunter2!\n");
    mask_finish(mask, &stream, &out);
    assert_string_equal(out.data, "password: hunter2!\nhunter2-hunter");
    strbuf_clear(&out);
    mask_free(mask);
    arena_free(arena);
}

TEST(mask_hides_each_form_of_a_secret)
{
    struct arena *arena = arena_new();
    const char *const values[] = {"p\"w/\xc3\xa9 \t&=x+1~\xf0\x9f\x98\x80"};
    struct mask *mask = mask_for(arena, values, 1);
    static const char *const forms[] = {
        "p\"w/\xc3\xa9 \t&=x+1~\xf0\x9f\x98\x80",
        "p\\\"w/\xc3\xa9 \\t&=x+1~\xf0\x9f\x98\x80",
        "p\\\"w/\\u00e9 \\t&=x+1~\\ud83d\\ude00",
        "p\\\"w\\/\\u00e9 \\t&=x+1~\\ud83d\\ude00",
        /* JSON in a text of JSON */
        "p\\\\\\\"w/\xc3\xa9 \\\\t&=x+1~\xf0\x9f\x98\x80",
        "p\\\\\\\"w/\\\\u00e9 \\\\t&=x+1~\\\\ud83d\\\\ude00",
        "p%22w%2F%C3%A9%20%09%26%3Dx%2B1~%F0%9F%98%80",
        "p%22w%2f%c3%a9%20%09%26%3dx%2b1~%f0%9f%98%80",
        "p%22w/%C3%A9%20%09%26%3Dx%2B1~%F0%9F%98%80",
        "p%22w%2F%C3%A9+%09%26%3Dx%2B1%7E%F0%9F%98%80",
        "7022772fc3a92009263d782b317ef09f9880",
        "7022772FC3A92009263D782B317EF09F9880",
    };
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        char *text = arena_printf(arena, "a=%s;", forms[i]);
        expect_cut_anywhere(mask, str_from(text), "a=***;");
    }
    mask_free(mask);
    arena_free(arena);
}

static char *base64(struct arena *arena, const char *text, const char *alphabet, bool pad)
{
    size_t n = strlen(text);
    char *out = arena_alloc(arena, n * 2 + 8);
    size_t used = 0;
    for (size_t i = 0; i < n; i += 3) {
        uint32_t group = 0;
        for (size_t k = 0; k < 3; k++) {
            group = group << 8 | (i + k < n ? (unsigned char)text[i + k] : 0);
        }
        for (size_t k = 0; k < 4; k++) {
            if (k <= n - i || n - i >= 3) {
                out[used++] = alphabet[group >> (18 - 6 * k) & 63];
            } else if (pad) {
                out[used++] = '=';
            }
        }
    }
    return out;
}

TEST(mask_hides_base64_at_every_alignment)
{
    static const char standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    static const char for_url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    struct arena *arena = arena_new();
    const char *const values[] = {"?>~sec~ret>?1234"};
    struct mask *mask = mask_for(arena, values, 1);
    for (int before = 0; before < 7; before++) {
        for (int behind = 0; behind < 4; behind++) {
            char *text = arena_printf(arena, "%.*s%s%.*s", before, "user:xy", values[0], behind, "@abc");
            for (int url = 0; url < 2; url++) {
                char *encoded = base64(arena, text, url == 1 ? for_url : standard, url == 0);
                struct strbuf out;
                strbuf_init(&out, 1024);
                mask_text(mask, str_from(encoded), &out);
                const char *stars = strstr(out.data, "***");
                assert_non_null(stars);
                /* Beside the stars: whole groups of the neighbours and at most one shared character on each side. */
                assert_true(stars - out.data <= (before * 8 + 5) / 6);
                assert_true(strlen(stars + 3) <= (size_t)(behind + 2) / 3 * 4 + 4);
                strbuf_clear(&out);
            }
        }
    }
    mask_free(mask);
    arena_free(arena);
}

TEST(mask_hides_each_line_of_a_secret_of_several_lines)
{
    struct arena *arena = arena_new();
    const char *const values[] = {"-----BEGIN KEY-----\nMIIEvQIBADANBg\nAB\n-----END KEY-----\n"};
    struct mask *mask = mask_for(arena, values, 1);
    expect_cut_anywhere(mask, STR("> MIIEvQIBADANBg <\n"), "> *** <\n");
    expect(mask, "-----BEGIN KEY-----\r\nMIIEvQIBADANBg\r\n", "***\r\n***\r\n");
    expect(mask, "AB is too short to hide", "AB is too short to hide");
    expect_cut_anywhere(mask, str_from(values[0]), "***");
    expect(mask, "-----BEGIN KEY-----\nMIIEvQIBADANBg\nAB\n-----END KEY-----;", "***;");
    expect(mask, "\"-----BEGIN KEY-----\\nMIIEvQIBADANBg\\nAB\\n-----END KEY-----\\n\"", "\"***\"");
    mask_free(mask);
    arena_free(arena);
}

TEST(mask_joins_secrets_that_overlap_and_takes_the_longest)
{
    struct arena *arena = arena_new();
    const char *const values[] = {"abcdefgh", "efghijkl", "abcdefgh-longer", "cdef"};
    struct mask *mask = mask_for(arena, values, 4);
    expect_cut_anywhere(mask, STR("[abcdefghijkl]"), "[***]");
    expect_cut_anywhere(mask, STR("[abcdefgh-longer]"), "[***]");
    expect_cut_anywhere(mask, STR("[abcdefgh-longe]"), "[***-longe]");
    expect_cut_anywhere(mask, STR("[abcdefg]"), "[ab***g]");
    expect_cut_anywhere(mask, STR("abcdefghabcdefgh"), "***");
    mask_free(mask);
    arena_free(arena);
}

TEST(mask_ignores_tiny_values_and_takes_short_ones_only_as_they_are)
{
    struct arena *arena = arena_new();
    const char *const values[] = {"abc", "wxyz", ""};
    struct mask *mask = mask_for(arena, values, 3);
    expect(mask, "abc wxyz 7778797a", "abc *** 7778797a");
    mask_free(mask);
    mask = mask_for(arena, values, 1);
    assert_false(mask_is_active(mask));
    mask_free(mask);
    mask = mask_new(NULL);
    expect(mask, "anything", "anything");
    mask_free(mask);
    arena_free(arena);
}

TEST(mask_of_a_secret_that_overlaps_itself_stays_quick_and_small)
{
    struct arena *arena = arena_new();
    char *value = mem_alloc(4097);
    memset(value, 'a', 4096);
    const char *const values[] = {value};
    struct mask *mask = mask_for(arena, values, 1);
    char *text = mem_alloc(4 << 20);
    memset(text, 'a', 4 << 20);
    struct mask_stream stream = {0};
    struct strbuf out;
    strbuf_init(&out, 8 << 20);
    mask_feed(mask, &stream, (struct str){text, 4 << 20}, &out);
    assert_true(stream.held.room < 128 << 10);
    mask_finish(mask, &stream, &out);
    assert_string_equal(out.data, "***");
    strbuf_clear(&out);
    free(text);
    free(value);
    mask_free(mask);
    arena_free(arena);
}

/* Base64 of `before` bytes 'u' and the value, in lines of 76 characters as base64(1) writes them, or of `columns`. */
static void add_base64(struct strbuf *out, size_t before, const char *value, size_t columns, const char *end)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t size = before + strlen(value);
    size_t written = 0;
    for (size_t i = 0; i < size; i += 3) {
        uint32_t bits = 0;
        for (size_t k = i; k < i + 3; k++) {
            bits = bits << 8 | (k >= size ? 0 : k < before ? 'u' : (unsigned char)value[k - before]);
        }
        for (size_t k = 0; k < 4; k++) {
            if (written > 0 && written % columns == 0) {
                strbuf_add_text(out, end);
            }
            strbuf_add_byte(out, i + k > size ? '=' : digits[bits >> (18 - 6 * k) & 63]);
            written++;
        }
    }
}

TEST(mask_hides_base64_and_hex_in_lines)
{
    static const char value[] = "-----a key of some length, as they are: 0123456789 abcdefghijklmnopqrstuvwxyz "
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ, and a bit more-----";
    static const char *const values[] = {value};
    static const struct {
        size_t columns;
        const char *end;
    } shapes[] = {{76, "\n"}, {64, "\n"}, {76, "\r\n"}, {60, "\n    "}, {4, " "}, {8, "\n"}};
    struct arena *arena = arena_new();
    struct mask *mask = mask_for(arena, values, 1);
    struct strbuf text;
    strbuf_init(&text, 1 << 16);
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        strbuf_reset(&text);
        add_base64(&text, 0, value, shapes[i].columns, shapes[i].end);
        strbuf_add_text(&text, "\nnext");
        /* 125 bytes: the last group has an unknown bit or two, and '=' behind it. */
        expect_cut_anywhere(mask, strbuf_str(&text), "***=\nnext");
    }
    strbuf_reset(&text);
    for (size_t i = 0; i < strlen(value); i++) {
        strbuf_printf(&text, "%s%02x", i == 0 ? "" : i % 16 == 0 ? "\n" : " ", (unsigned char)value[i]);
    }
    strbuf_add_text(&text, "\n");
    expect_cut_anywhere(mask, strbuf_str(&text), "***\n");
    strbuf_clear(&text);
    mask_free(mask);
    arena_free(arena);
}

TEST(mask_leaves_little_of_base64_in_lines_wherever_the_lines_break)
{
    static const char value[] = "an api token of 32 characters...";
    static const char *const values[] = {value};
    struct arena *arena = arena_new();
    struct mask *mask = mask_for(arena, values, 1);
    for (size_t before = 0; before < 120; before++) {
        struct strbuf text;
        struct strbuf out;
        strbuf_init(&text, 4096);
        strbuf_init(&out, 4096);
        add_base64(&text, before, value, 76, "\n");
        mask_text(mask, strbuf_str(&text), &out);
        assert_non_null(strstr(out.data, "***"));
        /* What is left: what comes before, and at most seven characters of the value at the end of a line. */
        size_t left = out.length - strlen("***");
        assert_true(left <= (before + 2) * 4 / 3 + 2 + 7 + 2 + 2);
        strbuf_clear(&text);
        strbuf_clear(&out);
    }
    mask_free(mask);
    arena_free(arena);
}

TEST(mask_does_not_hold_a_line_for_a_chance)
{
    struct arena *arena = arena_new();
    struct mask *mask = mask_for(arena, one, 1);
    struct mask_stream stream = {0};
    struct strbuf out;
    strbuf_init(&out, 1 << 20);
    mask_feed(mask, &stream, STR("it ends in aHVudGV\n"), &out); /* seven characters of its base64 */
    assert_string_equal(out.data, "it ends in aHVudGV\n");
    mask_feed(mask, &stream, STR("yMi1odW50ZXIy and more\n"), &out); /* the rest */
    assert_string_equal(out.data, "it ends in aHVudGV\n*** and more\n");
    strbuf_reset(&out);
    mask_feed(mask, &stream, STR("aHVudGVyMi1o\n"), &out);
    assert_string_equal(out.data, "");
    for (int i = 0; i < 70; i++) { /* not for ever */
        mask_feed(mask, &stream, STR("\n"), &out);
    }
    assert_int_equal(out.length, strlen("aHVudGVyMi1o\n") + 70);
    mask_finish(mask, &stream, &out);
    strbuf_clear(&out);
    mask_free(mask);
    arena_free(arena);
}

TEST(mask_agrees_with_a_plain_search_on_random_texts)
{
    struct arena *arena = arena_new();
    const char *const values[] = {"abab", "babba", "aabaab"};
    struct mask *mask = mask_for(arena, values, 3);
    uint32_t seed = 1;
    for (int round = 0; round < 3000; round++) {
        char text[41] = {0};
        char flags[41] = {0};
        for (int i = 0; i < 40; i++) {
            seed = seed * 1664525 + 1013904223;
            text[i] = "aabbc"[(seed >> 16) % 5];
        }
        for (size_t s = 0; s < 3; s++) {
            for (const char *at = text; (at = strstr(at, values[s])) != NULL; at++) {
                memset(flags + (at - text), 1, strlen(values[s]));
            }
        }
        struct strbuf wanted;
        strbuf_init(&wanted, 1024);
        for (int i = 0; i < 40; i++) {
            if (flags[i] == 0) {
                strbuf_add_byte(&wanted, text[i]);
            } else if (i == 0 || flags[i - 1] == 0) {
                strbuf_add_text(&wanted, "***");
            }
        }
        struct strbuf out;
        strbuf_init(&out, 1024);
        struct mask_stream stream = {0};
        size_t cut = (seed >> 8) % 40;
        mask_feed(mask, &stream, (struct str){text, cut}, &out);
        mask_feed(mask, &stream, (struct str){text + cut, 40 - cut}, &out);
        mask_finish(mask, &stream, &out);
        assert_string_equal(out.data, wanted.data);
        strbuf_clear(&out);
        strbuf_clear(&wanted);
    }
    mask_free(mask);
    arena_free(arena);
}

TEST(mask_hides_secrets_in_every_string_of_a_json_value)
{
    struct arena *arena = arena_new();
    struct mask *mask = mask_for(arena, one, 1);
    struct json value;
    struct err err = {0};
    struct str text = STR("{\"hunter2-hunter2\":[1,\"x hunter2-hunter2\",{\"k\":\"\\nhunter2-hunter2\"}],\"b\":null}");
    assert_int_equal(json_read(text, (struct json_limits){0}, arena, &value, &err), 0);
    struct json masked = mask_json(mask, arena, &value);
    assert_string_equal(json_text(arena, &masked).p, "{\"***\":[1,\"x ***\",{\"k\":\"\\n***\"}],\"b\":null}");
    mask_free(mask);
    arena_free(arena);
}

/* What `set -x`, `export -p`, `declare -p`, `printf %q` and Python's repr() and ascii() show. */
TEST(mask_hides_what_shells_and_python_quote)
{
    static const char *const values[] = {"p'ass \"w\\rd $x\tof \xc3\xa9"};
    static const char *const shown[] = {
        "'p'\\''ass \"w\\rd $x\tof \xc3\xa9'",
        "'p'\"'\"'ass \"w\\rd $x\tof \xc3\xa9'",
        "\"p'ass \\\"w\\\\rd \\$x\tof \xc3\xa9\"",
        "p\\'ass\\ \\\"w\\\\rd\\ \\$x\\\tof\\ \xc3\xa9",
        "p'ass \"w\\\\rd $x\\tof \xc3\xa9",
        "'p\\'ass \"w\\\\rd $x\\tof \xc3\xa9'",
        "b'p\\'ass \"w\\\\rd $x\\tof \\xc3\\xa9'",
    };
    struct arena *arena = arena_new();
    struct mask *mask = mask_for(arena, values, 1);
    for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++) {
        struct strbuf out;
        strbuf_init(&out, 1 << 10);
        mask_text(mask, str_from(shown[i]), &out);
        assert_non_null(strstr(out.data, "***"));
        assert_null(strstr(out.data, "ass"));
        assert_null(strstr(out.data, "rd"));
        strbuf_clear(&out);
    }
    mask_free(mask);
    arena_free(arena);
}

TEST(mask_finds_a_secret_in_any_form)
{
    struct arena *arena = arena_new();
    struct mask *mask = mask_for(arena, one, 1);
    assert_true(mask_finds(mask, STR("of hunter2-hunter2")));
    assert_true(mask_finds(mask, STR("aHVudGVyMi1odW50ZXIy")));
    assert_false(mask_finds(mask, STR("hunter2-hunter")));
    assert_false(mask_finds(mask, STR("***")));
    assert_false(mask_finds(mask, STR("")));
    mask_free(mask);
    arena_free(arena);
}

TESTS(RUN(mask_hides_what_shells_and_python_quote), RUN(mask_finds_a_secret_in_any_form),
      RUN(mask_hides_a_secret_cut_at_any_byte), RUN(mask_holds_back_only_what_may_become_a_secret),
      RUN(mask_hides_each_form_of_a_secret), RUN(mask_hides_base64_at_every_alignment),
      RUN(mask_hides_each_line_of_a_secret_of_several_lines),
      RUN(mask_joins_secrets_that_overlap_and_takes_the_longest),
      RUN(mask_ignores_tiny_values_and_takes_short_ones_only_as_they_are),
      RUN(mask_of_a_secret_that_overlaps_itself_stays_quick_and_small),
      RUN(mask_hides_base64_and_hex_in_lines), RUN(mask_leaves_little_of_base64_in_lines_wherever_the_lines_break),
      RUN(mask_does_not_hold_a_line_for_a_chance), RUN(mask_agrees_with_a_plain_search_on_random_texts),
      RUN(mask_hides_secrets_in_every_string_of_a_json_value))
