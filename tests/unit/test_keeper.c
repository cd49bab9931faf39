/* SPDX-License-Identifier: Apache-2.0
 * Asking a keeper: is its place safe, and what if it answers badly, or not.
 */
#include "test.h"

#include "wire/keeper.h"
#include "wire/message.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

struct place {
    char folder[40];
    char path[80];
    int listener;
    struct arena *arena;
    struct err err;
};

static void place_open(struct place *place)
{
    *place = (struct place){.folder = "/tmp/sluice-keeper-XXXXXX", .arena = arena_new()};
    assert_non_null(mkdtemp(place->folder));
    (void)snprintf(place->path, sizeof place->path, "%s/socket", place->folder);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, place->path, strlen(place->path) + 1);
    place->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(place->listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(place->listener, 4), 0);
    assert_int_equal(chmod(place->path, 0600), 0);
}

static void place_close(struct place *place)
{
    close(place->listener);
    (void)unlink(place->path);
    assert_int_equal(rmdir(place->folder), 0);
    arena_free(place->arena);
}

/* One connection is taken, so much of it read, and this written. */
static pid_t answer_with(const struct place *place, const void *bytes, size_t size)
{
    pid_t pid = fork();
    if (pid == 0) {
        char room[4096];
        int fd = accept(place->listener, NULL, NULL);
        ssize_t got = read(fd, room, sizeof room);
        _exit(got > 0 && write(fd, bytes, size) == (ssize_t)size ? 0 : 1);
    }
    return pid;
}

static int ask(struct place *place, struct json *ret)
{
    struct json question = json_object();
    json_set(place->arena, &question, "type", json_cstring(place->arena, "who"));
    return keeper_ask(place->path, &question, -1, place->arena, ret, &place->err);
}

static const char *text_of(const char *json, char room[256], size_t *ret_size)
{
    size_t size = strlen(json);
    for (size_t i = 0; i < 4; i++) {
        room[i] = (char)(size >> (8 * i));
    }
    memcpy(room + 4, json, size);
    *ret_size = size + 4;
    return room;
}

TEST(keeper_that_answers_is_understood)
{
    struct place place;
    char room[256];
    size_t size = 0;
    place_open(&place);
    (void)text_of("{\"type\":\"is\",\"uid\":7,\"gid\":8,\"home\":\"/h\"}", room, &size);
    pid_t pid = answer_with(&place, room, size);
    struct keeper_facts facts;
    assert_int_equal(keeper_who(place.path, place.arena, &facts, &place.err), 0);
    assert_true(facts.uid == 7 && facts.gid == 8);
    assert_string_equal(facts.home, "/h");
    (void)waitpid(pid, NULL, 0);
    place_close(&place);
}

TEST(keeper_that_refuses_is_quoted)
{
    struct place place;
    char room[256];
    size_t size = 0;
    place_open(&place);
    (void)text_of("{\"type\":\"error\",\"message\":\"it is being stopped\"}", room, &size);
    pid_t pid = answer_with(&place, room, size);
    struct json answer;
    assert_int_equal(ask(&place, &answer), -1);
    assert_non_null(strstr(place.err.message, "it is being stopped"));
    (void)waitpid(pid, NULL, 0);
    place_close(&place);
}

TEST(keeper_that_answers_badly_is_an_error)
{
    static const struct {
        const char *bytes;
        size_t size;
        const char *words;
    } answers[] = {
        {"", 0, "hung up"},                          /* nothing */
        {"\x10\0\0\0{\"type\"", 11, "hung up"},      /* half of one */
        {"\x04\0\0\0null", 8, "without a type"},     /* no object */
        {"\x02\0\0\0{}", 6, "without a type"},
        {"\x03\0\0\0{]}", 7, "no JSON"},
        {"\xff\xff\xff\xff", 4, "a message of"},     /* longer than any */
    };
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        struct place place;
        struct json answer;
        place_open(&place);
        pid_t pid = answer_with(&place, answers[i].bytes, answers[i].size);
        assert_int_equal(ask(&place, &answer), -1);
        assert_non_null(strstr(place.err.message, answers[i].words));
        (void)waitpid(pid, NULL, 0);
        place_close(&place);
    }
}

TEST(keeper_is_asked_only_where_nobody_else_could_listen_or_ask)
{
    struct place place;
    place_open(&place);
    assert_int_equal(keeper_check(place.path, &place.err), 0);
    static const mode_t open_modes[] = {0666, 0660, 0640, 0601};
    for (size_t i = 0; i < sizeof open_modes / sizeof open_modes[0]; i++) {
        struct err err = {0};
        assert_int_equal(chmod(place.path, open_modes[i]), 0);
        assert_int_equal(keeper_check(place.path, &err), -1);
        assert_int_equal(err.code, ERR_DENIED);
    }
    assert_int_equal(chmod(place.path, 0600), 0);
    static const struct {
        mode_t mode;
        int result;
    } folders[] = {{0770, -1}, {0707, -1}, {0755, 0}, {01777, 0}};
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        struct err err = {0};
        assert_int_equal(chmod(place.folder, folders[i].mode), 0);
        assert_int_equal(keeper_check(place.path, &err), folders[i].result);
    }
    assert_int_equal(chmod(place.folder, 0700), 0);
    place_close(&place);
}

TEST(keeper_that_is_no_socket_or_not_there_is_told_apart)
{
    struct err err = {0};
    assert_int_equal(keeper_check("/nowhere/at/all", &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    err = (struct err){0};
    assert_int_equal(keeper_check("/dev/null", &err), -1);
    assert_non_null(strstr(err.message, "no socket"));
    struct place place;
    char link[120];
    place_open(&place);
    (void)snprintf(link, sizeof link, "%s-link", place.folder);
    assert_int_equal(symlink(place.path, link), 0);
    err = (struct err){0};
    assert_int_equal(keeper_check(link, &err), -1); /* a name for somebody else's is not enough */
    assert_int_equal(unlink(link), 0);
    place_close(&place);
}

TESTS(RUN(keeper_that_answers_is_understood), RUN(keeper_that_refuses_is_quoted),
      RUN(keeper_that_answers_badly_is_an_error), RUN(keeper_is_asked_only_where_nobody_else_could_listen_or_ask),
      RUN(keeper_that_is_no_socket_or_not_there_is_told_apart))
