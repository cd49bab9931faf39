/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fd.h"

#include "test.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static void nothing(int signal)
{
    (void)signal;
}

static const char part[] = "0123456789";

/* In parts, with a signal between: without SA_RESTART it interrupts whoever reads. */
struct writer {
    int fd, parts;
    pthread_t reader;
};

static void *write_parts(void *ctx)
{
    struct writer *writer = ctx;
    for (int i = 0; i < writer->parts; i++) {
        (void)usleep(1000);
        (void)pthread_kill(writer->reader, SIGUSR1);
        (void)usleep(1000);
        assert_int_equal(fd_write_all(writer->fd, str_from(part)), 0);
    }
    (void)close(writer->fd);
    return NULL;
}

static int read_parts(int parts, struct strbuf *text, struct err *err)
{
    int ends[2];
    const struct sigaction action = {.sa_handler = nothing};
    struct sigaction before;
    pthread_t thread;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    (void)sigaction(SIGUSR1, &action, &before);
    struct writer writer = {ends[1], parts, pthread_self()};
    assert_int_equal(pthread_create(&thread, NULL, write_parts, &writer), 0);
    int result = fd_read_all(ends[0], "the request", text, err);
    (void)pthread_join(thread, NULL);
    (void)sigaction(SIGUSR1, &before, NULL);
    (void)close(ends[0]);
    return result;
}

TEST(fd_read_all_reads_what_comes_in_parts_though_it_is_interrupted)
{
    struct strbuf text;
    struct err err = {0};
    strbuf_init(&text, 1000);
    assert_int_equal(read_parts(20, &text, &err), 0);
    assert_int_equal(text.length, 20 * strlen(part));
    assert_memory_equal(text.data + 190, part, 10);
    strbuf_clear(&text);
}

TEST(fd_read_all_says_that_there_is_more_than_may_be)
{
    struct strbuf text;
    struct err err = {0};
    strbuf_init(&text, 95);
    assert_int_equal(read_parts(10, &text, &err), -1);
    assert_int_equal(err.code, ERR_LIMIT);
    assert_string_equal(err.message, "the request is longer than 95 bytes");
    strbuf_clear(&text);
}

TEST(fd_read_start_reads_from_the_start_wherever_the_position_is_and_wants_all_of_it)
{
    FILE *file = tmpfile();
    struct err err = {0};
    char room[16] = "";
    assert_non_null(file);
    assert_int_equal(fd_write_all(fileno(file), str_from(part)), 0);
    assert_int_equal(fd_read_start(fileno(file), "it", room, 4, &err), 0);
    assert_string_equal(room, "0123");
    assert_int_equal(lseek(fileno(file), 0, SEEK_CUR), 10);
    assert_int_equal(fd_read_start(fileno(file), "it", room, 11, &err), -1);
    assert_string_equal(err.message, "reading it: it ends after 10 of 11 bytes");
    (void)fclose(file);
}

TEST(a_descriptor_that_is_none_is_an_error_in_words)
{
    struct strbuf text;
    struct err err = {0};
    char room[4];
    strbuf_init(&text, 10);
    assert_int_equal(fd_read_all(-1, "the request", &text, &err), -1);
    assert_non_null(strstr(err.message, "reading the request: "));
    err = (struct err){0};
    assert_int_equal(fd_read_start(-1, "it", room, sizeof room, &err), -1);
    assert_int_equal(fd_write_all(-1, str_from(part)), -1);
    strbuf_clear(&text);
}

TESTS(RUN(fd_read_all_reads_what_comes_in_parts_though_it_is_interrupted),
      RUN(fd_read_all_says_that_there_is_more_than_may_be),
      RUN(fd_read_start_reads_from_the_start_wherever_the_position_is_and_wants_all_of_it),
      RUN(a_descriptor_that_is_none_is_an_error_in_words))
