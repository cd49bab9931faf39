/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/child_exec.h"

#include "base/fs.h"
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { NOT_EXECUTABLE = 126, NOT_FOUND = 127 };

static bool has_nul(struct str text)
{
    return str_find_byte(text, '\0', 0) >= 0;
}

int child_environment(const struct json *spawn, struct arena *arena, char ***ret_list, struct err *err)
{
    const struct json *env = json_get(spawn, "env");
    size_t count = env != NULL && env->type == JSON_OBJECT ? env->u.object.count : 0;
    char **list = arena_array(arena, count + 1, sizeof *list);
    for (size_t i = 0; i < count; i++) {
        const struct json_member *member = &env->u.object.members[i];
        struct str value = member->value.u.string;
        if (member->value.type != JSON_STRING || has_nul(member->key) || has_nul(value)) {
            return err_set(err, ERR_INPUT, "the environment variable '%.*s' is no text without NULs",
                           STR_ARG(member->key));
        }
        list[i] = arena_alloc(arena, member->key.n + 1 + value.n + 1);
        memcpy(list[i], member->key.p, member->key.n);
        list[i][member->key.n] = '=';
        memcpy(list[i] + member->key.n + 1, value.p, value.n);
    }
    *ret_list = list;
    return 0;
}

static bool takes_script_by_descriptor(const char *program)
{
    static const char *const shells[] = {"sh", "bash", "dash", "ash", "zsh", "ksh"};
    const char *name = path_base(program);
    for (size_t i = 0; i < sizeof shells / sizeof shells[0]; i++) {
        if (strcmp(name, shells[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* The path by which the shell reads the script. */
static const char *place_script(const struct json *spawn, const char *program, struct arena *arena, int *ret_fd,
                                struct err *err)
{
    const struct json *script = json_get(spawn, "script");
    struct str text = script != NULL && script->type == JSON_STRING ? script->u.string : (struct str){0};
    const char *step_dir = json_get_text(spawn, "step_dir", NULL);
    if (step_dir != NULL && !takes_script_by_descriptor(program)) {
        char *path = path_join(arena, step_dir, ".script");
        return fs_write(path, text, 0600, false, err) < 0 ? NULL : path;
    }
    int fd = memfd_create("script", MFD_CLOEXEC);
    for (size_t done = 0; fd >= 0 && done < text.n;) {
        ssize_t n = write(fd, text.p + done, text.n - done);
        if (n < 0 && errno != EINTR) {
            int error = errno;
            close(fd);
            fd = -1;
            errno = error;
        }
        done += n > 0 ? (size_t)n : 0;
    }
    if (fd < 0) {
        (void)err_errno(err, "cannot hold the script");
        return NULL;
    }
    *ret_fd = fd;
    return arena_printf(arena, "/dev/fd/%d", CHILD_SCRIPT_FD);
}

static char *with_script(struct str word, const char *script, struct arena *arena)
{
    struct strbuf out;
    strbuf_init(&out, 1 << 20);
    ptrdiff_t at;
    while ((at = str_find(word, STR("{0}"))) >= 0) {
        strbuf_add(&out, word.p, (size_t)at);
        strbuf_add_text(&out, script);
        word = str_slice(word, (size_t)at + 3, word.n);
    }
    strbuf_add_str(&out, word);
    char *copy = arena_dup(arena, out.data, out.length);
    strbuf_clear(&out);
    return copy;
}

int child_program(const struct json *spawn, struct arena *arena, struct child_program *ret_program, struct err *err)
{
    bool shell = strcmp(json_get_text(spawn, "kind", ""), "shell") == 0;
    const struct json *argv = json_get(spawn, shell ? "shell" : "argv");
    if (argv == NULL || argv->type != JSON_ARRAY || argv->u.array.count == 0) {
        return err_set(err, ERR_INPUT, "the step has no program to start");
    }
    char **list = arena_array(arena, argv->u.array.count + 1, sizeof *list);
    const char *script = NULL;
    int fd = -1;
    for (size_t i = 0; i < argv->u.array.count; i++) {
        const struct json *word = &argv->u.array.items[i];
        if (word->type != JSON_STRING || has_nul(word->u.string)) {
            (void)err_set(err, ERR_INPUT, "argument %zu of the step is no text without NULs", i);
            goto fail;
        }
        list[i] = (char *)(uintptr_t)word->u.string.p;
        if (shell && str_find(word->u.string, STR("{0}")) >= 0) {
            script = script != NULL ? script : place_script(spawn, list[0], arena, &fd, err);
            if (script == NULL) {
                goto fail;
            }
            list[i] = with_script(word->u.string, script, arena);
        }
    }
    *ret_program = (struct child_program){list, fd};
    return 0;

fail:
    if (fd >= 0) {
        close(fd);
    }
    return -1;
}

void child_place_script(const struct child_program *program)
{
    if (program->script == CHILD_SCRIPT_FD) {
        (void)fcntl(CHILD_SCRIPT_FD, F_SETFD, 0);
    } else if (program->script >= 0) {
        (void)dup2(program->script, CHILD_SCRIPT_FD);
    }
}

static bool is_there(const struct json *spawn, const char *program)
{
    struct arena *arena = arena_new();
    bool there = fs_exists(path_join(arena, json_get_text(spawn, "cwd", "/"), program));
    arena_free(arena);
    return there;
}

int child_exec_failed(const struct json *spawn, const char *program, int error, struct err *err)
{
    bool path = strchr(program, '/') != NULL;
    if (error == ENOENT && path && is_there(spawn, program)) {
        (void)err_set(err, ERR_NOT_FOUND, "the interpreter that the first line of '%s' names was not found", program);
        return NOT_FOUND;
    }
    if (error == ENOENT || error == ENOTDIR) {
        (void)err_set(err, ERR_NOT_FOUND, "the program '%s' was not found%s", program, path ? "" : " on PATH");
        return NOT_FOUND;
    }
    if (error == E2BIG) {
        (void)err_set(err, ERR_LIMIT, "the arguments and environment of '%s' are too large: pass them by file",
                      program);
        return NOT_EXECUTABLE;
    }
    (void)err_set(err, ERR_IO, "the program '%s' cannot be executed: %s", program, strerror(error));
    return NOT_EXECUTABLE;
}
