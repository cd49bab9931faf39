/* SPDX-License-Identifier: Apache-2.0
 * The last lines of an attempt, read from the end of a journal.
 */
#include "base/mem.h"
#include "journal_file.h"
#include "wire/last_lines.h"

enum { MOST = 20 };

static void add(struct journal_writer *writer, int64_t attempt, const char *text)
{
    char payload[2000];
    int n = snprintf(payload, sizeof payload, "%c%s", JOURNAL_STDOUT, text);
    struct str bytes = {payload, (size_t)n};
    assert_int_equal(journal_append(writer, 1, attempt, JOURNAL_LOG, bytes, NULL), 0);
}

TEST(the_last_lines_of_one_attempt_are_found_in_a_journal_of_any_size)
{
    char *path = temporary_path();
    struct journal_writer *writer = NULL;
    struct arena *arena = arena_new();
    struct str lines[MOST];
    size_t effort = 0;
    char filler[1501];
    assert_int_equal(journal_last_lines(path, 0, 7, MOST, arena, lines, &effort), 0);
    assert_int_equal(journal_writer_open(path, &writer, NULL), 0);
    memset(filler, 'x', sizeof filler - 1);
    filler[sizeof filler - 1] = '\0';
    add(writer, 7, "of long ago");
    for (int i = 0; i < 2000; i++) {
        add(writer, 8, filler);
    }
    assert_int_equal(journal_last_lines(path, 0, 7, MOST, arena, lines, &effort), 0); /* it lies too far back */
    add(writer, 7, "one\ntwo");
    for (int i = 0; i < 300; i++) {
        add(writer, 8, filler);
    }
    add(writer, 7, "three");
    int64_t before = journal_writer_size(writer);
    for (int i = 0; i < 30; i++) {
        char text[40];
        (void)snprintf(text, sizeof text, "line %d", i);
        add(writer, 7, text);
    }
    assert_int_equal(journal_last_lines(path, 0, 7, MOST, arena, lines, &effort), MOST);
    assert_true(str_is(lines[0], "line 10") && str_is(lines[MOST - 1], "line 29"));
    assert_int_equal(journal_last_lines(path, before, 7, MOST, arena, lines, &effort), 3);
    assert_true(str_is(lines[0], "one") && str_is(lines[1], "two") && str_is(lines[2], "three"));
    journal_fill(writer);
    assert_int_equal(journal_last_lines(path, 0, 7, MOST, arena, lines, &effort), MOST);
    journal_writer_close(writer);
    assert_int_equal(unlink(path), 0);
    arena_free(arena);
    free(path);
}

TEST(what_is_damaged_is_passed_over)
{
    char *path = temporary_path();
    struct journal_writer *writer = NULL;
    struct arena *arena = arena_new();
    struct str lines[MOST];
    size_t effort = 0;
    assert_int_equal(journal_writer_open(path, &writer, NULL), 0);
    add(writer, 7, "first");
    add(writer, 7, "second");
    journal_writer_close(writer);
    unsigned char bytes[4096];
    size_t size = load(path, bytes);
    for (size_t at = 0; at < size; at++) { /* each byte once another */
        bytes[at] ^= 0x41;
        store(path, bytes, size);
        assert_true(journal_last_lines(path, 0, 7, MOST, arena, lines, &effort) <= 2);
        bytes[at] ^= 0x41;
    }
    for (size_t cut = 0; cut <= size; cut++) {
        store(path, bytes, cut);
        assert_true(journal_last_lines(path, 0, 7, MOST, arena, lines, &effort) <= 2);
    }
    assert_int_equal(unlink(path), 0);
    arena_free(arena);
    free(path);
}

static void expect_bounded(const char *path, size_t expected)
{
    struct arena *arena = arena_new();
    struct str lines[MOST];
    size_t effort = 0;
    assert_int_equal(journal_last_lines(path, 0, 7, MOST, arena, lines, &effort), expected);
    assert_in_range(effort, LAST_LINES_NEAR, LAST_LINES_EFFORT);
    arena_free(arena);
}

TEST(what_is_looked_at_is_bounded_by_bytes_whatever_stands_there)
{
    char *path = temporary_path();
    struct journal_writer *writer = writer_at(path);
    struct arena *arena = arena_new();
    struct str lines[MOST];
    size_t effort = 0;
    size_t size = 700 << 10;
    char *payload = mem_alloc(size);
    struct str big = {payload, size};
    payload[0] = JOURNAL_STDOUT;
    for (int i = 0; i < 3000; i++) {
        add(writer, 7, "one of many lines");
    }
    assert_int_equal(journal_last_lines(path, 0, 7, MOST, arena, lines, &effort), MOST);
    assert_true(effort <= 2 * LAST_LINES_NEAR); /* they are near */

    /* A burst is one frame, and longer than what is near. */
    memset(payload + 1, 'y', size - 1);
    for (size_t at = 1000; at < 200000; at += 1000) {
        payload[at] = '\n';
    }
    assert_int_equal(journal_append(writer, 1, 7, JOURNAL_LOG, (struct str){payload, 200000}, NULL), 0);
    expect_bounded(path, MOST);

    /* What looks like heads of long frames, from the middle of a frame on. */
    memset(payload + 1, 0, size - 1);
    for (size_t at = 1; at + JOURNAL_HEAD_BYTES < size; at += JOURNAL_HEAD_BYTES) {
        payload[at + 2] = 1;
        payload[at + 32] = JOURNAL_LOG;
    }
    for (int i = 0; i < 3; i++) {
        assert_int_equal(journal_append(writer, 1, 8, JOURNAL_LOG, big, NULL), 0);
    }
    expect_bounded(path, 0);
    journal_writer_close(writer);
    free(payload);
    arena_free(arena);
    drop(path);
}

TESTS(RUN(what_is_looked_at_is_bounded_by_bytes_whatever_stands_there),
      RUN(the_last_lines_of_one_attempt_are_found_in_a_journal_of_any_size),
      RUN(what_is_damaged_is_passed_over))
