/* SPDX-License-Identifier: Apache-2.0
 * Journals in files of their own, for tests.
 */
#ifndef SLUICE_TESTS_JOURNAL_FILE_H
#define SLUICE_TESTS_JOURNAL_FILE_H

#include "test.h"

#include "base/mem.h"
#include "wire/journal.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static inline char *temporary_path(void)
{
    char room[] = "/tmp/sluice-journal-XXXXXX";
    int fd = mkstemp(room);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(unlink(room), 0);
    return mem_strdup(room);
}

static inline void drop(char *path)
{
    (void)unlink(path);
    free(path);
}

static inline struct journal_writer *writer_at(const char *path)
{
    struct err err = {0};
    struct journal_writer *writer = NULL;
    if (journal_writer_open(path, &writer, &err) < 0) {
        fail_msg("%s", err.message);
    }
    return writer;
}

static inline void append(struct journal_writer *writer, int64_t attempt, enum journal_type type, const char *text)
{
    struct err err = {0};
    if (journal_append(writer, 1700000000000 + attempt, attempt, type, str_from(text), &err) < 0) {
        fail_msg("%s", err.message);
    }
}

static inline void write_three(const char *path)
{
    struct journal_writer *writer = writer_at(path);
    append(writer, 7, JOURNAL_SPAWNING, "{}");
    append(writer, -8, JOURNAL_LOG, "\001hello\nworld");
    append(writer, 7, JOURNAL_EXIT, "");
    journal_writer_close(writer);
}

static inline struct journal_reader *reader_at(const char *path, int64_t offset, uint64_t sequence)
{
    struct err err = {0};
    struct journal_reader *reader = NULL;
    if (journal_reader_open(path, offset, sequence, &reader, &err) < 0) {
        fail_msg("%s", err.message);
    }
    return reader;
}

/* Reads to the end or the fault; returns the last answer of journal_next. */
static inline int count_frames(const char *path, int *ret_count)
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

static inline size_t load(const char *path, unsigned char room[4096])
{
    int fd = open(path, O_RDONLY);
    ssize_t n = read(fd, room, 4096);
    close(fd);
    assert_true(n > 0);
    return (size_t)n;
}

static inline void store(const char *path, const unsigned char *bytes, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_int_equal(write(fd, bytes, size), (ssize_t)size);
    close(fd);
}

#endif
