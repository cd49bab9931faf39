/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "base/mem.h"
#include "wire/journal.h"

#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char *temporary_path(void)
{
    char room[] = "/tmp/sluice-journal-XXXXXX";
    int fd = mkstemp(room);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(unlink(room), 0);
    return mem_strdup(room);
}

static void drop(char *path)
{
    (void)unlink(path);
    free(path);
}

static struct journal_writer *writer_at(const char *path)
{
    struct err err = {0};
    struct journal_writer *writer = NULL;
    if (journal_writer_open(path, &writer, &err) < 0) {
        fail_msg("%s", err.message);
    }
    return writer;
}

static void append(struct journal_writer *writer, int64_t attempt, enum journal_type type, const char *text)
{
    struct err err = {0};
    if (journal_append(writer, 1700000000000 + attempt, attempt, type, str_from(text), &err) < 0) {
        fail_msg("%s", err.message);
    }
}

static void write_three(const char *path)
{
    struct journal_writer *writer = writer_at(path);
    append(writer, 7, JOURNAL_SPAWNING, "{}");
    append(writer, -8, JOURNAL_LOG, "\001hello\nworld");
    append(writer, 7, JOURNAL_EXIT, "");
    journal_writer_close(writer);
}

static struct journal_reader *reader_at(const char *path, int64_t offset, uint64_t sequence)
{
    struct err err = {0};
    struct journal_reader *reader = NULL;
    if (journal_reader_open(path, offset, sequence, &reader, &err) < 0) {
        fail_msg("%s", err.message);
    }
    return reader;
}

/* Reads to the end or the fault; returns the last answer of journal_next. */
static int count_frames(const char *path, int *ret_count)
{
    struct journal_reader *reader = reader_at(path, 0, 0);
    struct journal_frame frame;
    struct err err = {0};
    int more;
    for (*ret_count = 0; (more = journal_next(reader, &frame, &err)) == 1;) {
        ++*ret_count;
        assert_int_equal(frame.sequence, *ret_count);
    }
    journal_reader_close(reader);
    return more;
}

static size_t load(const char *path, unsigned char room[4096])
{
    int fd = open(path, O_RDONLY);
    ssize_t n = read(fd, room, 4096);
    close(fd);
    assert_true(n > 0);
    return (size_t)n;
}

static void store(const char *path, const unsigned char *bytes, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_int_equal(write(fd, bytes, size), (ssize_t)size);
    close(fd);
}

TEST(crc32c_agrees_with_the_vectors_of_rfc_3720)
{
    unsigned char bytes[32] = {0};
    assert_int_equal(crc32c(0, bytes, 32), 0x8a9136aau);
    memset(bytes, 0xff, 32);
    assert_int_equal(crc32c(0, bytes, 32), 0x62a8ab43u);
    for (unsigned char i = 0; i < 32; i++) {
        bytes[i] = i;
    }
    assert_int_equal(crc32c(0, bytes, 32), 0x46dd794eu);
    assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283u);
    assert_int_equal(crc32c(crc32c(0, "1234", 4), "56789", 5), 0xe3069283u);
}

TEST(journal_gives_back_what_was_written)
{
    char *path = temporary_path();
    write_three(path);
    struct journal_reader *reader = reader_at(path, 0, 0);
    struct journal_frame frame;
    struct err err = {0};
    assert_int_equal(journal_next(reader, &frame, &err), 1);
    assert_int_equal(frame.type, JOURNAL_SPAWNING);
    assert_int_equal(frame.attempt, 7);
    assert_int_equal(frame.time_ms, 1700000000007);
    assert_true(str_is(frame.payload, "{}"));
    assert_int_equal(journal_next(reader, &frame, &err), 1);
    assert_int_equal(frame.attempt, -8);
    assert_true(str_is(frame.payload, "\001hello\nworld"));
    int64_t middle = journal_reader_offset(reader);
    assert_int_equal(journal_next(reader, &frame, &err), 1);
    assert_int_equal(frame.payload.n, 0);
    assert_int_equal(journal_next(reader, &frame, &err), 0);
    journal_reader_close(reader);

    reader = reader_at(path, middle, 2);
    assert_int_equal(journal_next(reader, &frame, &err), 1);
    assert_int_equal(frame.type, JOURNAL_EXIT);
    journal_reader_close(reader);
    drop(path);
}

TEST(journal_reader_sees_frames_as_they_come)
{
    char *path = temporary_path();
    struct journal_writer *writer = writer_at(path);
    struct journal_reader *reader = reader_at(path, 0, 0);
    struct journal_frame frame;
    struct err err = {0};
    assert_int_equal(journal_next(reader, &frame, &err), 0);
    for (int i = 1; i <= 20; i++) {
        append(writer, i, JOURNAL_LOG, "\001line");
        assert_int_equal(journal_next(reader, &frame, &err), 1);
        assert_int_equal(frame.attempt, i);
        assert_int_equal(journal_next(reader, &frame, &err), 0);
        assert_int_equal(journal_reader_offset(reader), journal_writer_size(writer));
    }
    journal_reader_close(reader);
    journal_writer_close(writer);
    drop(path);
}

TEST(journal_takes_frames_of_one_mebibyte_and_no_more)
{
    char *path = temporary_path();
    struct journal_writer *writer = writer_at(path);
    char *big = mem_alloc(JOURNAL_PAYLOAD_MAX + 1);
    memset(big, 'x', JOURNAL_PAYLOAD_MAX + 1);
    struct err err = {0};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(journal_append(writer, 1, 1, JOURNAL_LOG, (struct str){big, JOURNAL_PAYLOAD_MAX}, &err), 0);
    }
    assert_int_equal(journal_append(writer, 1, 1, JOURNAL_LOG, (struct str){big, JOURNAL_PAYLOAD_MAX + 1}, &err), -1);
    assert_int_equal(err.code, ERR_LIMIT);
    journal_writer_close(writer);
    int count;
    assert_int_equal(count_frames(path, &count), 0);
    assert_int_equal(count, 3);
    free(big);
    drop(path);
}

TEST(journal_torn_at_any_byte_gives_the_whole_frames_before_it)
{
    char *path = temporary_path();
    write_three(path);
    unsigned char bytes[4096];
    size_t size = load(path, bytes);
    const size_t first = JOURNAL_START_BYTES + JOURNAL_HEAD_BYTES + 2;
    const size_t ends[] = {first, first + JOURNAL_HEAD_BYTES + 12, size};
    assert_int_equal(ends[1] + JOURNAL_HEAD_BYTES, size);
    for (size_t cut = 0; cut <= size; cut++) {
        store(path, bytes, cut);
        int whole = (cut >= ends[0]) + (cut >= ends[1]) + (cut >= ends[2]);
        int count;
        assert_int_equal(count_frames(path, &count), 0);
        assert_int_equal(count, whole);

        struct journal_writer *writer = writer_at(path);
        append(writer, 99, JOURNAL_LOG, "\001after the tear");
        journal_writer_close(writer);
        assert_int_equal(count_frames(path, &count), 0);
        assert_int_equal(count, whole + 1);
    }
    drop(path);
}

TEST(journal_changed_at_any_byte_never_gives_a_wrong_frame)
{
    char *path = temporary_path();
    write_three(path);
    unsigned char good[4096];
    unsigned char bad[4096];
    size_t size = load(path, good);
    int found = 0;
    for (size_t at = 0; at < size; at++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            memcpy(bad, good, size);
            bad[at] = (unsigned char)(bad[at] ^ (1u << bit));
            store(path, bad, size);
            struct journal_reader *reader = reader_at(path, 0, 0);
            struct journal_frame frame;
            struct err err = {0};
            int more;
            while ((more = journal_next(reader, &frame, &err)) == 1) {
                /* What is read lies wholly before the changed byte. */
                assert_true(journal_reader_offset(reader) <= (int64_t)at);
            }
            found += more == -1;
            if (more == -1) {
                assert_int_equal(err.code, ERR_CORRUPT);
            }
            journal_reader_close(reader);
        }
    }
    /* A length that was made larger than the file looks like a tail that is still to come. */
    assert_true(found > (int)size * 8 - 3 * 20);
    drop(path);
}

TEST(journal_shorter_than_the_offset_is_corrupt_and_absent_is_not_found)
{
    char *path = temporary_path();
    struct err err = {0};
    struct journal_reader *reader = NULL;
    assert_int_equal(journal_reader_open(path, 0, 0, &reader, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    write_three(path);
    err_clear(&err);
    assert_int_equal(journal_reader_open(path, 100000, 3, &reader, &err), -1);
    assert_int_equal(err.code, ERR_CORRUPT);
    assert_null(reader);
    drop(path);
}

TEST(journal_with_a_missing_frame_is_corrupt)
{
    char *path = temporary_path();
    write_three(path);
    struct journal_reader *reader = reader_at(path, JOURNAL_START_BYTES + JOURNAL_HEAD_BYTES + 2, 0);
    struct journal_frame frame;
    struct err err = {0};
    assert_int_equal(journal_next(reader, &frame, &err), -1);
    assert_int_equal(err.code, ERR_CORRUPT);
    journal_reader_close(reader);
    drop(path);
}

TEST(journal_that_is_something_else_is_refused_by_reader_and_writer)
{
    char *path = temporary_path();
    store(path, (const unsigned char *)"#!/bin/sh\necho this is a script, keep it\n", 41);
    int count;
    assert_int_equal(count_frames(path, &count), -1);
    struct journal_writer *writer = NULL;
    struct err err = {0};
    assert_int_equal(journal_writer_open(path, &writer, &err), -1);
    assert_int_equal(err.code, ERR_CORRUPT);
    unsigned char bytes[4096];
    assert_int_equal(load(path, bytes), 41);
    drop(path);
}

TEST(journal_reopened_continues_the_sequence)
{
    char *path = temporary_path();
    write_three(path);
    write_three(path);
    int count;
    assert_int_equal(count_frames(path, &count), 0);
    assert_int_equal(count, 6);
    drop(path);
}

TEST(journal_of_two_writers_keeps_one_sequence)
{
    char *path = temporary_path();
    struct journal_writer *older = writer_at(path);
    struct journal_writer *newer = writer_at(path);
    for (int i = 0; i < 50; i++) {
        append(i % 3 == 0 ? older : newer, i, JOURNAL_LOG, "\001line");
    }
    journal_reserve(older, 65536);
    append(newer, 50, JOURNAL_LOG, "\001line");
    journal_writer_close(older);
    append(newer, 51, JOURNAL_LOG, "\001line");
    journal_writer_close(newer);
    int count;
    assert_int_equal(count_frames(path, &count), 0);
    assert_int_equal(count, 52);
    drop(path);
}

/* Of two runners of one run the newer may write what the older has never heard of. */
TEST(journal_frames_of_a_newer_version_are_whole_frames_to_readers_and_other_writers)
{
    const enum journal_type newer = JOURNAL_NEWEST + 1;
    char *path = temporary_path();
    struct journal_writer *old = writer_at(path);
    struct journal_writer *new = writer_at(path);
    append(old, 1, JOURNAL_SPAWNING, "{}");
    append(new, 2, newer, "something new");
    append(old, 1, JOURNAL_EXIT, "{}");
    append(new, 2, JOURNAL_EXIT, "{}");
    journal_writer_close(old);
    journal_writer_close(new);
    struct journal_reader *reader = reader_at(path, 0, 0);
    struct journal_frame frame;
    struct err err = {0};
    assert_int_equal(journal_next(reader, &frame, &err), 1);
    assert_int_equal(journal_next(reader, &frame, &err), 1);
    assert_int_equal(frame.type, newer);
    assert_int_equal(frame.attempt, 2);
    assert_true(str_is(frame.payload, "something new"));
    journal_reader_close(reader);
    int count;
    assert_int_equal(count_frames(path, &count), 0);
    assert_int_equal(count, 4);
    drop(path);
}

TEST(journal_frames_without_a_type_are_corrupt)
{
    char *path = temporary_path();
    struct journal_writer *writer = writer_at(path);
    append(writer, 1, (enum journal_type)0, "{}");
    journal_writer_close(writer);
    int count;
    assert_int_equal(count_frames(path, &count), -1);
    drop(path);
}

TEST(journal_on_a_full_disk_is_cut_back_and_the_frame_can_be_tried_again)
{
    char *path = temporary_path();
    struct journal_writer *writer = writer_at(path);
    append(writer, 1, JOURNAL_LOG, "\001before");
    int64_t whole = journal_writer_size(writer);
    struct rlimit old;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    char text[3000];
    memset(text, 'y', sizeof text);
    struct str payload = {text, sizeof text};
    for (int64_t extra = 0; extra < 3040; extra += 101) {
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &(struct rlimit){(rlim_t)(whole + extra), old.rlim_max}), 0);
        struct err err = {0};
        assert_int_equal(journal_append(writer, 1, 1, JOURNAL_LOG, payload, &err), -1);
        assert_int_equal(err.code, ERR_IO);
        struct stat st;
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_size, whole);
        assert_int_equal(journal_writer_size(writer), whole);
    }
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    (void)signal(SIGXFSZ, handler);
    struct err err = {0};
    assert_int_equal(journal_append(writer, 1, 1, JOURNAL_LOG, payload, &err), 0);
    journal_writer_close(writer);
    int count;
    assert_int_equal(count_frames(path, &count), 0);
    assert_int_equal(count, 2);
    drop(path);
}

TEST(journal_reader_forgets_a_half_frame_that_was_cut_off_again)
{
    char *path = temporary_path();
    write_three(path);
    unsigned char bytes[4096];
    size_t size = load(path, bytes);
    struct journal_reader *reader = reader_at(path, 0, 0);
    struct journal_frame frame;
    struct err err = {0};
    while (journal_next(reader, &frame, &err) == 1) {
    }
    int fd = open(path, O_WRONLY);
    assert_int_equal(pwrite(fd, bytes + JOURNAL_START_BYTES, 30, (off_t)size), 30);
    assert_int_equal(journal_next(reader, &frame, &err), 0);
    assert_int_equal(ftruncate(fd, (off_t)size), 0);
    close(fd);
    struct journal_writer *writer = writer_at(path);
    append(writer, 5, JOURNAL_LOG, "\001instead");
    journal_writer_close(writer);
    assert_int_equal(journal_next(reader, &frame, &err), 1);
    assert_int_equal(frame.attempt, 5);
    journal_reader_close(reader);
    drop(path);
}

TEST(journal_reserve_leaves_the_size_and_close_gives_the_room_back)
{
    char *path = temporary_path();
    struct journal_writer *writer = writer_at(path);
    append(writer, 1, JOURNAL_LOG, "\001x");
    journal_reserve(writer, 1 << 20);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, journal_writer_size(writer));
    journal_writer_close(writer);
    assert_int_equal(stat(path, &st), 0);
    assert_true(st.st_blocks * 512 <= 65536);
    drop(path);
}

static void put(unsigned char *room, size_t *size, uint64_t number, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        room[(*size)++] = (unsigned char)(number >> (8 * i));
    }
}

TEST(points_of_runners_of_before_are_read)
{
    const double values[] = {0.1, -0.0, NAN, INFINITY, 1e308};
    const char key[] = "loss/træn";
    unsigned char room[512];
    size_t used = 0;
    for (int i = 0; i < 5; i++) {
        uint64_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        put(room, &used, sizeof key - 1, 2);
        memcpy(room + used, key, sizeof key - 1);
        used += sizeof key - 1;
        put(room, &used, bits, 8);
        put(room, &used, (uint64_t)(INT64_MIN + i), 8);
        put(room, &used, (uint64_t)i, 8);
    }
    struct str rest = {(const char *)room, used};
    struct journal_point point;
    for (int i = 0; i < 5; i++) {
        assert_int_equal(journal_point_next(&rest, &point), 1);
        assert_true(str_eq(point.key, str_from(key)));
        assert_memory_equal(&point.value, &values[i], sizeof values[i]);
        assert_int_equal(point.step, INT64_MIN + i);
        assert_int_equal(point.time_ms, i);
    }
    assert_int_equal(journal_point_next(&rest, &point), 0);
    for (size_t cut = 1; cut < used / 5; cut++) {
        rest = (struct str){(const char *)room, cut};
        assert_int_equal(journal_point_next(&rest, &point), -1);
    }
}

TESTS(RUN(crc32c_agrees_with_the_vectors_of_rfc_3720), RUN(journal_gives_back_what_was_written),
      RUN(journal_reader_sees_frames_as_they_come), RUN(journal_takes_frames_of_one_mebibyte_and_no_more),
      RUN(journal_torn_at_any_byte_gives_the_whole_frames_before_it),
      RUN(journal_changed_at_any_byte_never_gives_a_wrong_frame),
      RUN(journal_shorter_than_the_offset_is_corrupt_and_absent_is_not_found),
      RUN(journal_with_a_missing_frame_is_corrupt),
      RUN(journal_that_is_something_else_is_refused_by_reader_and_writer),
      RUN(journal_reopened_continues_the_sequence), RUN(journal_of_two_writers_keeps_one_sequence),
      RUN(journal_frames_of_a_newer_version_are_whole_frames_to_readers_and_other_writers),
      RUN(journal_frames_without_a_type_are_corrupt),
      RUN(journal_on_a_full_disk_is_cut_back_and_the_frame_can_be_tried_again),
      RUN(journal_reader_forgets_a_half_frame_that_was_cut_off_again),
      RUN(journal_reserve_leaves_the_size_and_close_gives_the_room_back),
      RUN(points_of_runners_of_before_are_read))
