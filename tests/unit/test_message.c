/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "base/mem.h"
#include "wire/message.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

struct pair {
    struct message_stream here;
    int there;
    struct arena *arena;
};

static struct pair pair_new(void)
{
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    struct pair pair = {.there = fds[1], .arena = arena_new()};
    message_stream_init(&pair.here, fds[0]);
    return pair;
}

static void pair_end(struct pair *pair)
{
    message_stream_clear(&pair->here);
    if (pair->there >= 0) {
        close(pair->there);
    }
    arena_free(pair->arena);
}

static void put(int fd, const char *text, size_t from, size_t to)
{
    size_t n = strlen(text);
    char room[4096];
    for (size_t i = 0; i < 4; i++) {
        room[i] = (char)(n >> (8 * i));
    }
    memcpy(room + 4, text, n);
    assert_int_equal(write(fd, room + from, to - from), (ssize_t)(to - from));
}

TEST(message_split_at_any_byte_arrives_whole)
{
    const char *text = "{\"type\":\"stop\",\"attempt\":12}";
    size_t size = strlen(text) + 4;
    struct pair pair = pair_new();
    struct json message;
    struct err err = {0};
    for (size_t cut = 1; cut < size; cut++) {
        put(pair.there, text, 0, cut);
        assert_int_equal(message_fill(&pair.here), 0);
        assert_int_equal(message_next(&pair.here, pair.arena, &message, &err), 0);
        put(pair.there, text, cut, size);
        assert_int_equal(message_fill(&pair.here), 0);
        assert_int_equal(message_next(&pair.here, pair.arena, &message, &err), 1);
        assert_string_equal(json_get_text(&message, "type", ""), "stop");
        assert_int_equal(json_get_int(&message, "attempt", 0), 12);
        assert_int_equal(message_next(&pair.here, pair.arena, &message, &err), 0);
    }
    pair_end(&pair);
}

TEST(messages_sent_arrive_in_order_through_a_full_socket)
{
    struct pair pair = pair_new();
    struct message_stream there;
    message_stream_init(&there, pair.there);
    pair.there = -1;
    char *big = mem_alloc(3000001);
    memset(big, 'b', 3000000);
    struct json message = json_object();
    json_set(pair.arena, &message, "type", json_cstring(pair.arena, "spawn"));
    json_set(pair.arena, &message, "text", json_cstring(pair.arena, big));
    for (int i = 0; i < 4; i++) {
        json_set(pair.arena, &message, "attempt", json_int(i));
        message_send(&pair.here, &message);
    }
    assert_int_equal(message_flush(&pair.here), 0);
    int got = 0;
    int flushed = 0;
    struct err err = {0};
    while (got < 4) {
        flushed = message_flush(&pair.here);
        assert_true(flushed >= 0);
        assert_int_equal(message_fill(&there), 0);
        struct json received;
        int more;
        while ((more = message_next(&there, pair.arena, &received, &err)) == 1) {
            assert_int_equal(json_get_int(&received, "attempt", -1), got);
            assert_int_equal(json_get(&received, "text")->u.string.n, 3000000);
            got++;
        }
        assert_int_equal(more, 0);
    }
    assert_int_equal(flushed, 1);
    free(big);
    message_stream_clear(&there);
    pair_end(&pair);
}

TEST(message_of_a_closed_peer_can_still_be_taken)
{
    struct pair pair = pair_new();
    const char *text = "{\"type\":\"leave\"}";
    put(pair.there, text, 0, strlen(text) + 4);
    close(pair.there);
    pair.there = -1;
    struct json message;
    struct err err = {0};
    assert_int_equal(message_fill(&pair.here), -1);
    assert_int_equal(message_next(&pair.here, pair.arena, &message, &err), 1);
    message_send(&pair.here, &message);
    assert_int_equal(message_flush(&pair.here), -1);
    pair_end(&pair);
}

TEST(message_that_is_wrong_or_too_large_is_refused)
{
    const char *const wrong[] = {"", "nul", "{\"type\":", "[1]", "{}", "{\"type\":7}", "{\"type\":\"\"}"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct pair pair = pair_new();
        put(pair.there, wrong[i], 0, strlen(wrong[i]) + 4);
        struct json message;
        struct err err = {0};
        assert_int_equal(message_fill(&pair.here), 0);
        assert_int_equal(message_next(&pair.here, pair.arena, &message, &err), -1);
        assert_true(err.message[0] != '\0');
        pair_end(&pair);
    }
    struct pair pair = pair_new();
    assert_int_equal(write(pair.there, "\377\377\377\377", 4), 4);
    struct json message;
    struct err err = {0};
    assert_int_equal(message_fill(&pair.here), 0);
    assert_int_equal(message_next(&pair.here, pair.arena, &message, &err), -1);
    assert_int_equal(err.code, ERR_LIMIT);
    pair_end(&pair);
}

TEST(message_that_was_taken_leaves_no_trace_in_the_buffer)
{
    struct pair pair = pair_new();
    const char *text = "{\"type\":\"spawn\",\"secret\":\"correct horse battery\"}";
    put(pair.there, text, 0, strlen(text) + 4);
    struct json message;
    struct err err = {0};
    assert_int_equal(message_fill(&pair.here), 0);
    assert_int_equal(message_next(&pair.here, pair.arena, &message, &err), 1);
    assert_null(memmem(pair.here.in.data, pair.here.in.room, "horse", 5));
    message_send(&pair.here, &message);
    assert_int_equal(message_flush(&pair.here), 1);
    assert_null(memmem(pair.here.out.data, pair.here.out.room, "horse", 5));
    pair_end(&pair);
}

/* Bytes with `count` copies of the other end's own descriptor. */
static void put_with_fds(int there, size_t count)
{
    char room[CMSG_SPACE(4 * sizeof(int))] __attribute__((aligned(8))) = {0};
    char byte = 0;
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = room,
                             .msg_controllen = CMSG_SPACE(count * sizeof(int))};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    *header = (struct cmsghdr){CMSG_LEN(count * sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
    for (size_t i = 0; i < count; i++) {
        memcpy(CMSG_DATA(header) + i * sizeof(int), &there, sizeof(int));
    }
    assert_int_equal(sendmsg(there, &message, 0), 1);
}

static int open_fds(void)
{
    int count = 0;
    for (int fd = 0; fd < 256; fd++) {
        count += fcntl(fd, F_GETFD) >= 0;
    }
    return count;
}

TEST(message_cuts_off_who_sends_descriptors_that_nobody_takes)
{
    struct pair pair = pair_new();
    int before = open_fds();
    for (size_t i = 0; pair.here.given.count < MESSAGE_FDS_MAX; i++) {
        put_with_fds(pair.there, 1 + i % 4);
        assert_int_equal(message_fill(&pair.here), 0);
        assert_true(i < MESSAGE_FDS_MAX);
    }
    put_with_fds(pair.there, 1);
    assert_int_equal(message_fill(&pair.here), -1);
    assert_true(open_fds() <= before + MESSAGE_FDS_MAX + 1); /* two may come at once */
    pair_end(&pair);
    assert_int_equal(open_fds(), before - 2);
}

/* A file of `size` bytes that only its descriptor names. */
static int file_of(size_t size)
{
    int fd = memfd_create("message", MFD_CLOEXEC);
    assert_int_equal(ftruncate(fd, (off_t)size), 0);
    return fd;
}

static struct json numbered(struct arena *arena, int64_t number, bool with)
{
    struct json message = json_object();
    json_set(arena, &message, "type", json_cstring(arena, "numbered"));
    json_set(arena, &message, "number", json_int(number));
    json_set(arena, &message, "with", json_bool(with));
    return message;
}

/* Each message that has one takes its own, however they are cut on the way: here by a socket of few bytes. */
TEST(message_descriptors_stay_with_their_messages)
{
    enum { MESSAGES = 300 };
    struct pair pair = pair_new();
    struct message_stream there;
    struct err err = {0};
    int small = 4096;
    int before = open_fds();
    assert_int_equal(setsockopt(pair.here.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    message_stream_init(&there, pair.there);
    int64_t got = 0;
    for (int64_t sent = 0; got < MESSAGES;) {
        for (int i = 0; i < 7 && sent < MESSAGES; i++, sent++) {
            bool with = sent % 3 != 0;
            struct json message = numbered(pair.arena, sent, with);
            int file = with ? file_of((size_t)sent) : -1;
            assert_true(!with || message_give_fd(&pair.here, file));
            message_send(&pair.here, &message);
            if (with) {
                close(file);
            }
        }
        assert_true(message_flush(&pair.here) >= 0);
        assert_int_equal(message_fill(&there), 0);
        struct json message;
        while (message_next(&there, pair.arena, &message, &err) == 1) {
            assert_int_equal(json_get_int(&message, "number", -1), got);
            struct stat file;
            if (json_get_bool(&message, "with", false)) {
                int fd = message_take_fd(&there);
                assert_int_equal(fstat(fd, &file), 0);
                assert_int_equal(file.st_size, got);
                close(fd);
            }
            got++;
        }
    }
    assert_int_equal(message_take_fd(&there), -1);
    assert_int_equal(open_fds(), before);
    message_stream_clear(&there);
    pair.there = -1;
    pair_end(&pair);
}

TEST(message_gives_a_descriptor_once)
{
    struct pair pair = pair_new();
    struct message_stream there;
    struct json message = json_object();
    struct err err = {0};
    message_stream_init(&there, pair.there);
    json_set(pair.arena, &message, "type", json_cstring(pair.arena, "hello"));
    assert_true(message_give_fd(&pair.here, STDERR_FILENO));
    for (int i = 0; i < 2; i++) {
        message_send(&pair.here, &message);
        assert_int_equal(message_flush(&pair.here), 1);
        assert_int_equal(message_fill(&there), 0);
        assert_int_equal(message_next(&there, pair.arena, &message, &err), 1);
        int fd = message_take_fd(&there);
        assert_true((fd >= 0) == (i == 0));
        if (fd >= 0) {
            close(fd);
        }
    }
    message_stream_clear(&there);
    pair.there = -1;
    pair_end(&pair);
}

TESTS(RUN(message_split_at_any_byte_arrives_whole), RUN(messages_sent_arrive_in_order_through_a_full_socket),
      RUN(message_of_a_closed_peer_can_still_be_taken), RUN(message_that_is_wrong_or_too_large_is_refused),
      RUN(message_that_was_taken_leaves_no_trace_in_the_buffer),
      RUN(message_cuts_off_who_sends_descriptors_that_nobody_takes),
      RUN(message_descriptors_stay_with_their_messages),
      RUN(message_gives_a_descriptor_once))
