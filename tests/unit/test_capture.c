/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "base/mem.h"
#include "base/utf8.h"
#include "runner/capture.h"

#include <stdio.h>

/* What a reader of the log sees: the lines of all frames. */
struct seen {
    struct strbuf text; /* each line with its line feed */
    size_t frames;
};

static void see(void *ctx, struct str payload)
{
    struct seen *seen = ctx;
    assert_true(payload.n >= 1 && payload.n <= JOURNAL_PAYLOAD_MAX);
    assert_int_equal(payload.p[0], JOURNAL_STDERR);
    assert_true(utf8_valid(payload));
    assert_int_equal(str_find_byte(payload, '\0', 0), -1);
    strbuf_add_str(&seen->text, str_slice(payload, 1, payload.n));
    strbuf_add_byte(&seen->text, '\n');
    seen->frames++;
}

struct fixture {
    struct arena *arena;
    struct mask *mask;
    struct capture capture;
    struct seen seen;
};

static struct fixture *fixture_new(void)
{
    struct fixture *f = mem_alloc(sizeof *f);
    f->arena = arena_new();
    struct json secrets = json_object();
    json_set(f->arena, &secrets, "KEY", json_cstring(f->arena, "sesame-open"));
    f->mask = mask_new(&secrets);
    strbuf_init(&f->seen.text, 16 << 20);
    capture_init(&f->capture, JOURNAL_STDERR, f->mask, see, &f->seen);
    return f;
}

static void fixture_end(struct fixture *f)
{
    capture_clear(&f->capture);
    strbuf_clear(&f->seen.text);
    mask_free(f->mask);
    arena_free(f->arena);
    free(f);
}

TEST(capture_gives_whole_lines_wherever_the_writes_are_cut)
{
    struct str text = STR("one\n\ntwo sesame-open\nthree");
    for (size_t cut = 0; cut <= text.n; cut++) {
        struct fixture *f = fixture_new();
        capture_feed(&f->capture, str_slice(text, 0, cut));
        capture_feed(&f->capture, str_slice(text, cut, text.n));
        assert_string_equal(f->seen.text.data, "one\n\ntwo ***\n");
        capture_finish(&f->capture);
        assert_string_equal(f->seen.text.data, "one\n\ntwo ***\nthree\n");
        fixture_end(f);
    }
}

TEST(capture_puts_the_lines_of_one_write_into_one_frame)
{
    struct fixture *f = fixture_new();
    capture_feed(&f->capture, STR("a\nb\nc\nd"));
    assert_int_equal(f->seen.frames, 1);
    capture_feed(&f->capture, STR("\n"));
    assert_int_equal(f->seen.frames, 2);
    assert_string_equal(f->seen.text.data, "a\nb\nc\nd\n");
    capture_finish(&f->capture);
    assert_int_equal(f->seen.frames, 2);
    fixture_end(f);
}

TEST(capture_cuts_very_long_lines_between_characters)
{
    enum { COUNT = 100000 };
    struct fixture *f = fixture_new();
    for (int i = 0; i < COUNT; i++) {
        capture_feed(&f->capture, STR("\xe2\x82\xac")); /* the euro sign, three bytes */
    }
    capture_feed(&f->capture, STR("\nnext\n"));
    assert_true(f->seen.frames >= 300000 / CAPTURE_LINE_BYTES);
    assert_null(strstr(f->seen.text.data, "\xef\xbf\xbd"));
    size_t signs = 0;
    for (const char *at = f->seen.text.data; (at = strstr(at, "\xe2\x82\xac")) != NULL; at += 3) {
        signs++;
    }
    assert_int_equal(signs, COUNT);
    assert_true(str_ends(strbuf_str(&f->seen.text), STR("\nnext\n")));
    fixture_end(f);
}

TEST(capture_takes_a_line_of_exactly_the_limit_as_one)
{
    struct fixture *f = fixture_new();
    char *line = mem_alloc(CAPTURE_LINE_BYTES + 2);
    memset(line, 'x', CAPTURE_LINE_BYTES);
    line[CAPTURE_LINE_BYTES] = '\n';
    capture_feed(&f->capture, (struct str){line, CAPTURE_LINE_BYTES});
    capture_feed(&f->capture, (struct str){line + CAPTURE_LINE_BYTES, 1});
    assert_int_equal(f->seen.frames, 1);
    line[CAPTURE_LINE_BYTES] = 'x';
    line[CAPTURE_LINE_BYTES + 1] = '\n';
    capture_feed(&f->capture, (struct str){line, CAPTURE_LINE_BYTES + 2});
    assert_int_equal(f->seen.frames, 3);
    assert_true(str_ends(strbuf_str(&f->seen.text), STR("\nx\n")));
    free(line);
    fixture_end(f);
}

TEST(capture_splits_many_lines_over_frames_that_are_not_too_large)
{
    struct fixture *f = fixture_new();
    char *lines = mem_alloc(1 << 20);
    memset(lines, 0xff, 1 << 20); /* each byte grows to three */
    for (size_t i = 99; i < 1 << 20; i += 100) {
        lines[i] = '\n';
    }
    capture_feed(&f->capture, (struct str){lines, 1 << 20});
    capture_finish(&f->capture);
    assert_true(f->seen.frames >= 4);
    size_t count = 0;
    for (size_t i = 0; i < f->seen.text.length; i++) {
        count += f->seen.text.data[i] == '\n';
    }
    assert_int_equal(count, ((1 << 20) + 99) / 100);
    free(lines);
    fixture_end(f);
}

TEST(capture_shows_nuls_and_broken_utf8_safely)
{
    struct fixture *f = fixture_new();
    capture_feed(&f->capture, STR("a\0b\xff\xc3(\xe2\x82\xac \xed\xa0\x80\n"));
    assert_string_equal(f->seen.text.data,
                        "a\xe2\x90\x80"
                        "b\xef\xbf\xbd\xef\xbf\xbd(\xe2\x82\xac \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\n");
    fixture_end(f);
}

TEST(capture_never_shows_the_beginning_of_a_secret_before_it_is_decided)
{
    struct fixture *f = fixture_new();
    capture_feed(&f->capture, STR("key: sesame-"));
    assert_int_equal(f->seen.frames, 0);
    capture_feed(&f->capture, STR("open\n"));
    assert_string_equal(f->seen.text.data, "key: ***\n");
    fixture_end(f);
}

TESTS(RUN(capture_gives_whole_lines_wherever_the_writes_are_cut),
      RUN(capture_puts_the_lines_of_one_write_into_one_frame),
      RUN(capture_cuts_very_long_lines_between_characters), RUN(capture_takes_a_line_of_exactly_the_limit_as_one),
      RUN(capture_splits_many_lines_over_frames_that_are_not_too_large),
      RUN(capture_shows_nuls_and_broken_utf8_safely),
      RUN(capture_never_shows_the_beginning_of_a_secret_before_it_is_decided))
