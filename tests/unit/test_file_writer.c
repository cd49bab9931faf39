/* SPDX-License-Identifier: Apache-2.0
 * Files that are written as their bytes come: short ones, long ones by a thread, more at once than there are threads.
 */
#include "api/file_writer.h"
#include "base/rng.h"
#include "test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

enum { MIB = 1 << 20 };

static char *bytes_of(size_t size, uint64_t seed)
{
    struct rng rng;
    char *bytes = malloc(size + 1);
    rng_seed(&rng, seed);
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (char)rng_below(&rng, 256);
    }
    return bytes;
}

static int new_file(void)
{
    int fd = memfd_create("written", MFD_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static void check_file(int fd, const char *bytes, size_t size)
{
    char *found = malloc(size + 1);
    assert_int_equal(pread(fd, found, size + 1, 0), size);
    assert_memory_equal(found, bytes, size);
    free(found);
}

static void check_end(struct file_writer *writer, int fd, const char *bytes, size_t size)
{
    struct err err = {0};
    assert_int_equal(file_writer_end(writer, &err), 0);
    struct digest digest = file_writer_digest(writer);
    assert_string_equal(digest.hex, digest_bytes((struct str){bytes, size}).hex);
    check_file(fd, bytes, size);
    file_writer_free(writer);
    (void)close(fd);
}

TEST(what_is_added_is_written_and_digested_however_long_it_is_and_in_what_pieces_it_comes)
{
    static const size_t sizes[] = {0, 1, 70000, MIB - 1, MIB, MIB + 1, MIB + 65536, MIB + 65537, 3 * MIB + 17};
    static const size_t pieces[] = {1000, 8060, 65536, 65537, 2 * MIB};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char *bytes = bytes_of(sizes[i], i);
        for (size_t k = 0; k < sizeof pieces / sizeof pieces[0]; k++) {
            int fd = new_file();
            struct file_writer *writer = file_writer_new(fd);
            for (size_t at = 0; at < sizes[i]; at += pieces[k]) {
                file_writer_add(writer, bytes + at, sizes[i] - at < pieces[k] ? sizes[i] - at : pieces[k]);
            }
            check_end(writer, fd, bytes, sizes[i]);
        }
        free(bytes);
    }
}

TEST(more_files_at_once_than_there_are_threads_are_each_their_own)
{
    enum { FILES = 11, SIZE = 2 * MIB + 5, PIECE = 10000 };
    struct file_writer *writers[FILES];
    char *bytes[FILES];
    int fds[FILES];
    for (size_t i = 0; i < FILES; i++) {
        bytes[i] = bytes_of(SIZE, 100 + i);
        fds[i] = new_file();
        writers[i] = file_writer_new(fds[i]);
    }
    for (size_t at = 0; at < SIZE; at += PIECE) {
        for (size_t i = 0; i < FILES; i++) {
            file_writer_add(writers[i], bytes[i] + at, SIZE - at < PIECE ? SIZE - at : PIECE);
        }
    }
    for (size_t i = 0; i < FILES; i++) {
        check_end(writers[i], fds[i], bytes[i], SIZE);
        free(bytes[i]);
    }
}

TEST(a_file_that_is_left_ends_and_its_thread_is_for_another)
{
    char *bytes = bytes_of(4 * MIB, 7);
    for (int i = 0; i < 20; i++) {
        int fd = new_file();
        struct file_writer *writer = file_writer_new(fd);
        for (size_t at = 0; at < 4 * MIB; at += MIB) {
            file_writer_add(writer, bytes + at, MIB);
        }
        file_writer_free(writer);
        (void)close(fd);
    }
    free(bytes);
    file_writer_free(NULL);
}

TEST(a_full_disk_is_said_as_want_of_room_as_often_as_it_is_asked)
{
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    struct file_writer *writer = file_writer_new(fd);
    char *bytes = bytes_of(2 * MIB, 8);
    file_writer_add(writer, bytes, MIB + 5);
    file_writer_add(writer, bytes, 2 * MIB);
    for (int i = 0; i < 2; i++) {
        struct err err = {0};
        assert_int_equal(file_writer_end(writer, &err), -1);
        assert_int_equal(err.code, ERR_LIMIT);
        assert_string_equal(err.message, "writing the artifact: No space left on device");
    }
    file_writer_free(writer);
    (void)close(fd);
    free(bytes);
}

TEST(what_the_thread_cannot_write_is_said_at_the_end)
{
    char name[] = "/tmp/file-writer-XXXXXX";
    int fd = mkstemp(name);
    struct rlimit before;
    assert_true(fd >= 0);
    (void)unlink(name);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    (void)signal(SIGXFSZ, SIG_IGN);
    struct rlimit small = {2 * MIB + 1, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    struct file_writer *writer = file_writer_new(fd);
    char *bytes = bytes_of(MIB, 9);
    for (int i = 0; i < 4; i++) {
        file_writer_add(writer, bytes, MIB);
    }
    struct err err = {0};
    assert_int_equal(file_writer_end(writer, &err), -1);
    assert_int_equal(err.code, ERR_IO);
    assert_string_equal(err.message, "writing the artifact: File too large");
    assert_int_equal(lseek(fd, 0, SEEK_END), 2 * MIB + 1);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    (void)signal(SIGXFSZ, SIG_DFL);
    file_writer_free(writer);
    (void)close(fd);
    free(bytes);
}

TEST(a_file_without_a_digest_is_written_all_the_same)
{
    int fd = new_file();
    struct err err = {0};
    struct file_writer *writer = file_writer_new(fd);
    char *bytes = bytes_of(3 * MIB, 10);
    file_writer_no_digest(writer);
    file_writer_add(writer, bytes, MIB);
    file_writer_add(writer, bytes + MIB, 2 * MIB);
    assert_int_equal(file_writer_end(writer, &err), 0);
    check_file(fd, bytes, 3 * MIB);
    file_writer_free(writer);
    (void)close(fd);
    free(bytes);
}

TESTS(RUN(what_is_added_is_written_and_digested_however_long_it_is_and_in_what_pieces_it_comes),
      RUN(more_files_at_once_than_there_are_threads_are_each_their_own),
      RUN(a_file_that_is_left_ends_and_its_thread_is_for_another),
      RUN(a_full_disk_is_said_as_want_of_room_as_often_as_it_is_asked),
      RUN(what_the_thread_cannot_write_is_said_at_the_end), RUN(a_file_without_a_digest_is_written_all_the_same))
