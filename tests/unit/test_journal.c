/* SPDX-License-Identifier: Apache-2.0 */
#include "journal_file.h"

#include <math.h>
#include <signal.h>
#include <sys/resource.h>

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

TEST(journal_that_somebody_else_has_opened_is_written_like_any)
{
    char *path = temporary_path();
    write_three(path);
    struct journal_writer *writer = NULL;
    struct err err = {0};
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_int_equal(journal_writer_over(fd, path, &writer, &err), 0);
    assert_int_equal(journal_append(writer, 1, 1, JOURNAL_LOG, STR("x"), &err), 0);
    journal_writer_close(writer);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    int count;
    assert_int_equal(count_frames(path, &count), 0);
    assert_int_equal(count, 4);
    fd = open(path, O_RDONLY | O_CLOEXEC); /* one that cannot be written says so, and is closed */
    assert_int_equal(journal_writer_over(fd, path, &writer, &err), 0);
    assert_int_equal(journal_append(writer, 1, 1, JOURNAL_LOG, STR("x"), &err), -1);
    journal_writer_close(writer);
    drop(path);
}

TESTS(RUN(journal_that_somebody_else_has_opened_is_written_like_any),
      RUN(crc32c_agrees_with_the_vectors_of_rfc_3720), RUN(journal_gives_back_what_was_written),
      RUN(journal_reader_sees_frames_as_they_come), RUN(journal_takes_frames_of_one_mebibyte_and_no_more),
      RUN(journal_changed_at_any_byte_never_gives_a_wrong_frame),
      RUN(journal_shorter_than_the_offset_is_corrupt_and_absent_is_not_found),
      RUN(journal_with_a_missing_frame_is_corrupt),
      RUN(journal_that_is_something_else_is_refused_by_reader_and_writer),
      RUN(journal_reopened_continues_the_sequence), RUN(journal_of_two_writers_keeps_one_sequence),
      RUN(journal_frames_of_a_newer_version_are_whole_frames_to_readers_and_other_writers),
      RUN(journal_frames_without_a_type_are_corrupt),
      RUN(journal_on_a_full_disk_is_cut_back_and_the_frame_can_be_tried_again),
      RUN(points_of_runners_of_before_are_read))
