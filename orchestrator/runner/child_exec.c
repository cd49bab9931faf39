/* SPDX-License-Identifier: Apache-2.0
 *
 * The text of a shell step never stands in an argument, where every process of the machine could read it. Shells that
 * read their script from any descriptor get it as /dev/fd/N of an unnamed file; other programs get a file.
 */
#include "runner/child_exec.h"

#include "base/fs.h"
#include "base/path.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { COULD_NOT_START = 125, NOT_EXECUTABLE = 126, NOT_FOUND = 127 };

static bool has_nul(struct str text)
{
    return str_find_byte(text, '\0', 0) >= 0;
}

int child_take_environment(const struct json *spawn, struct arena *arena, struct err *err)
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
    environ = list;
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
static const char *place_script(const struct json *spawn, const char *program, struct arena *arena, struct err *err)
{
    const struct json *script = json_get(spawn, "script");
    struct str text = script != NULL && script->type == JSON_STRING ? script->u.string : (struct str){0};
    const char *step_dir = json_get_text(spawn, "step_dir", NULL);
    if (step_dir != NULL && !takes_script_by_descriptor(program)) {
        char *path = path_join(arena, step_dir, ".script");
        return fs_write(path, text, 0600, false, err) < 0 ? NULL : path;
    }
    int fd = memfd_create("script", 0);
    for (size_t done = 0; fd >= 0 && done < text.n;) {
        ssize_t n = write(fd, text.p + done, text.n - done);
        if (n < 0 && errno != EINTR) {
            fd = -1;
        }
        done += n > 0 ? (size_t)n : 0;
    }
    if (fd < 0) {
        (void)err_errno(err, "cannot hold the script");
        return NULL;
    }
    return arena_printf(arena, "/dev/fd/%d", fd);
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

static char **words(const struct json *spawn, struct arena *arena, struct err *err)
{
    bool shell = strcmp(json_get_text(spawn, "kind", ""), "shell") == 0;
    const struct json *argv = json_get(spawn, shell ? "shell" : "argv");
    if (argv == NULL || argv->type != JSON_ARRAY || argv->u.array.count == 0) {
        (void)err_set(err, ERR_INPUT, "the step has no program to start");
        return NULL;
    }
    char **list = arena_array(arena, argv->u.array.count + 1, sizeof *list);
    const char *script = NULL;
    for (size_t i = 0; i < argv->u.array.count; i++) {
        const struct json *word = &argv->u.array.items[i];
        if (word->type != JSON_STRING || has_nul(word->u.string)) {
            (void)err_set(err, ERR_INPUT, "argument %zu of the step is no text without NULs", i);
            return NULL;
        }
        list[i] = (char *)(uintptr_t)word->u.string.p;
        if (shell && str_find(word->u.string, STR("{0}")) >= 0) {
            script = script != NULL ? script : place_script(spawn, list[0], arena, err);
            if (script == NULL) {
                return NULL;
            }
            list[i] = with_script(word->u.string, script, arena);
        }
    }
    return list;
}

static int failed_exec(const char *program, int error, struct err *err)
{
    bool path = strchr(program, '/') != NULL;
    if (error == ENOENT && path && fs_exists(program)) {
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

int child_exec(const struct json *spawn, struct arena *arena, struct err *err)
{
    char **list = words(spawn, arena, err);
    if (list == NULL) {
        return COULD_NOT_START;
    }
    (void)execvp(list[0], list);
    return failed_exec(list[0], errno, err);
}
