/* SPDX-License-Identifier: Apache-2.0
 * The end of a journal: torn, with zeros behind it, or being written.
 */
#include "journal_file.h"

#include <sys/file.h>

enum { ZEROS = 500 };

/* Three frames torn at each byte, with so many zeros behind: what is whole counts, and a writer goes on there. */
static void tear_everywhere(size_t zeros)
{
    char *path = temporary_path();
    write_three(path);
    unsigned char bytes[4096];
    size_t size = load(path, bytes);
    const size_t first = JOURNAL_START_BYTES + JOURNAL_HEAD_BYTES + 2;
    const size_t ends[] = {first, first + JOURNAL_HEAD_BYTES + 12, size};
    assert_int_equal(ends[1] + JOURNAL_HEAD_BYTES, size);
    for (size_t cut = zeros == 0 ? 0 : JOURNAL_START_BYTES; cut <= size; cut++) {
        unsigned char torn[4096] = {0};
        memcpy(torn, bytes, cut);
        size_t left = zeros == 0 ? cut : size + zeros;
        store(path, torn, left);
        int whole = 0; /* also where only zeros were cut off */
        for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
            whole += left >= ends[i] && memcmp(torn, bytes, ends[i]) == 0;
        }
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

TEST(journal_torn_at_any_byte_gives_the_whole_frames_before_it)
{
    tear_everywhere(0);
}

/* As a runner leaves it that was killed in the middle of a write, or a power cut. */
TEST(journal_torn_in_zeros_gives_the_whole_frames_before_it)
{
    tear_everywhere(ZEROS);
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

static int64_t file_bytes(const char *path)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    return st.st_size;
}

TEST(journal_frames_go_into_zeros_and_the_size_stays)
{
    char *path = temporary_path();
    struct journal_writer *writer = writer_at(path);
    struct journal_reader *reader = reader_at(path, 0, 0);
    struct journal_frame frame;
    struct err err = {0};
    append(writer, 1, JOURNAL_LOG, "\001first");
    journal_fill(writer);
    int64_t filled = file_bytes(path);
    assert_true(filled >= journal_writer_size(writer) + 4096);
    assert_int_equal(journal_next(reader, &frame, &err), 1);
    for (int i = 2; i <= 40; i++) {
        assert_int_equal(journal_next(reader, &frame, &err), 0);
        append(writer, i, JOURNAL_LOG, "\001line");
        journal_fill(writer);
        assert_int_equal(journal_next(reader, &frame, &err), 1);
        assert_int_equal(frame.attempt, i);
        assert_int_equal(journal_reader_offset(reader), journal_writer_size(writer));
        assert_int_equal(file_bytes(path), filled);
    }
    while (journal_writer_size(writer) < filled) {
        append(writer, 41, JOURNAL_LOG, "\001until they are used up");
        journal_fill(writer);
    }
    assert_true(file_bytes(path) >= journal_writer_size(writer) + 4096);
    journal_reader_close(reader);
    journal_writer_close(writer);
    int count;
    assert_int_equal(count_frames(path, &count), 0);
    assert_true(count > 41);
    reader = reader_at(path, 0, 0);
    while (journal_next(reader, &frame, &err) == 1) {
    }
    assert_int_equal(journal_reader_offset(reader), file_bytes(path));
    journal_reader_close(reader);
    drop(path);
}

TEST(journal_of_two_writers_with_zeros_keeps_one_sequence)
{
    char *path = temporary_path();
    struct journal_writer *writers[] = {writer_at(path), writer_at(path)};
    for (int i = 0; i < 60; i++) {
        append(writers[i % 7 % 2], i, JOURNAL_LOG, "\001line");
        if (i % 5 == 0) {
            journal_fill(writers[i % 2]);
        }
    }
    journal_fill(writers[0]);
    journal_writer_close(writers[0]);
    append(writers[1], 60, JOURNAL_LOG, "\001line");
    journal_writer_close(writers[1]);
    int count;
    assert_int_equal(count_frames(path, &count), 0);
    assert_int_equal(count, 61);
    drop(path);
}

TEST(journal_with_something_else_behind_a_wrong_frame_is_corrupt)
{
    char *path = temporary_path();
    write_three(path);
    unsigned char bytes[4096] = {0};
    size_t size = load(path, bytes);
    bytes[JOURNAL_START_BYTES + JOURNAL_HEAD_BYTES] ^= 1;
    store(path, bytes, size + ZEROS);
    int count;
    assert_int_equal(count_frames(path, &count), -1);
    bytes[JOURNAL_START_BYTES + JOURNAL_HEAD_BYTES] ^= 1;
    bytes[size - 1] ^= 1; /* the last frame, and no zeros: it was written to its end */
    store(path, bytes, size);
    assert_int_equal(count_frames(path, &count), -1);
    assert_int_equal(count, 2);
    drop(path);
}

/* Three frames of which the last is half there, with zeros behind up to the size that the file keeps; `*ret_size` is
 * how far the three go, and `whole` has all of it. */
static int half_there(const char *path, unsigned char whole[4096], size_t *ret_size)
{
    unsigned char half[4096] = {0};
    write_three(path);
    memset(whole, 0, 4096);
    size_t size = *ret_size = load(path, whole);
    memcpy(half, whole, size - 20);
    store(path, half, size + ZEROS);
    return open(path, O_RDWR);
}

/* Half of a frame is in the file, and its writer is still at it. */
TEST(journal_reader_waits_for_a_frame_that_is_being_written)
{
    char *path = temporary_path();
    unsigned char bytes[4096];
    size_t size = 0;
    int writing = half_there(path, bytes, &size);
    assert_int_equal(pwrite(writing, "x", 1, (off_t)size + 9), 1); /* what would be damage if nobody wrote */
    assert_int_equal(flock(writing, LOCK_EX), 0);
    struct journal_reader *reader = reader_at(path, 0, 0);
    struct journal_frame frame;
    struct err err = {0};
    assert_int_equal(journal_next(reader, &frame, &err), 1);
    assert_int_equal(journal_next(reader, &frame, &err), 1);
    assert_int_equal(journal_next(reader, &frame, &err), 0);
    assert_int_equal(pwrite(writing, bytes, size + ZEROS, 0), (ssize_t)size + ZEROS);
    assert_int_equal(journal_next(reader, &frame, &err), 1);
    assert_int_equal(journal_next(reader, &frame, &err), 0);
    assert_int_equal(pwrite(writing, "x", 1, (off_t)size + 4), 1);
    assert_int_equal(flock(writing, LOCK_UN), 0);
    assert_int_equal(pwrite(writing, "x", 1, (off_t)size + 90), 1);
    assert_int_equal(journal_next(reader, &frame, &err), -1);
    close(writing);
    journal_reader_close(reader);
    drop(path);
}

/* What is read ahead is of that moment: by the time its turn comes there may be a frame where zeros were. Who was told
 * of the frame takes it for lost when the reader has none (engine/ingest.c). */
TEST(journal_reader_that_read_ahead_has_what_was_written_since)
{
    char *path = temporary_path();
    struct journal_writer *writer = writer_at(path);
    append(writer, 1, JOURNAL_LOG, "\001one");
    append(writer, 2, JOURNAL_LOG, "\001two");
    journal_fill(writer);
    struct journal_reader *reader = reader_at(path, 0, 0);
    struct journal_frame frame;
    struct err err = {0};
    assert_int_equal(journal_next(reader, &frame, &err), 1);
    append(writer, 3, JOURNAL_LOG, "\001three");
    assert_int_equal(journal_next(reader, &frame, &err), 1);
    assert_int_equal(journal_next(reader, &frame, &err), 1);
    assert_int_equal(frame.attempt, 3);
    assert_int_equal(journal_next(reader, &frame, &err), 0);
    journal_reader_close(reader);
    journal_writer_close(writer);
    drop(path);
}

/* The same of half a frame, while the next one is being written. */
TEST(journal_reader_that_read_half_a_frame_ahead_has_all_of_it)
{
    char *path = temporary_path();
    unsigned char bytes[4096];
    size_t size = 0;
    int writing = half_there(path, bytes, &size);
    struct journal_reader *reader = reader_at(path, 0, 0);
    struct journal_frame frame;
    struct err err = {0};
    assert_int_equal(journal_next(reader, &frame, &err), 1);
    assert_int_equal(pwrite(writing, bytes, size + ZEROS, 0), (ssize_t)size + ZEROS);
    assert_int_equal(flock(writing, LOCK_EX), 0);
    assert_int_equal(journal_next(reader, &frame, &err), 1);
    assert_int_equal(journal_next(reader, &frame, &err), 1);
    assert_int_equal(frame.sequence, 3);
    close(writing);
    journal_reader_close(reader);
    drop(path);
}

TEST(journal_is_cut_where_it_is_told)
{
    char *path = temporary_path();
    write_three(path);
    struct err err = {0};
    assert_int_equal(journal_cut(path, JOURNAL_START_BYTES + JOURNAL_HEAD_BYTES + 2, &err), 0);
    int count;
    assert_int_equal(count_frames(path, &count), 0);
    assert_int_equal(count, 1);
    assert_int_equal(journal_cut("/nowhere/journal", 16, &err), -1);
    assert_int_equal(err.code, ERR_IO);
    drop(path);
}

TESTS(RUN(journal_torn_at_any_byte_gives_the_whole_frames_before_it),
      RUN(journal_torn_in_zeros_gives_the_whole_frames_before_it),
      RUN(journal_reader_forgets_a_half_frame_that_was_cut_off_again),
      RUN(journal_reserve_leaves_the_size_and_close_gives_the_room_back),
      RUN(journal_frames_go_into_zeros_and_the_size_stays), RUN(journal_of_two_writers_with_zeros_keeps_one_sequence),
      RUN(journal_with_something_else_behind_a_wrong_frame_is_corrupt),
      RUN(journal_reader_waits_for_a_frame_that_is_being_written),
      RUN(journal_reader_that_read_ahead_has_what_was_written_since),
      RUN(journal_reader_that_read_half_a_frame_ahead_has_all_of_it), RUN(journal_is_cut_where_it_is_told))
