/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/lua_check.h"

#include "base/fs.h"
#include "base/json.h"
#include "base/parse.h"
#include "runner/lua_host.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

enum { EXIT_FAILED = 1, EXIT_USAGE = 2, INPUT_MAX_BYTES = 128 << 20, MOST_SECONDS = 2 };

static const size_t most_bytes = (size_t)256 << 20; /* of one script's compiler */

/* A text can be made so that reading it takes hours: many labels and jumps in one function. */
static void limit_time(void)
{
    const struct rlimit time = {.rlim_cur = MOST_SECONDS, .rlim_max = MOST_SECONDS};
    const struct rlimit core = {0};
    (void)setrlimit(RLIMIT_CPU, &time);
    (void)setrlimit(RLIMIT_CORE, &core);
}

static void *allocate(void *ctx, void *block, size_t old_size, size_t new_size)
{
    size_t *used = ctx;
    size_t old = block == NULL ? 0 : old_size; /* of a new block Lua tells the kind here */
    if (new_size == 0) {
        free(block);
        *used -= old;
        return NULL;
    }
    void *fresh = new_size > old && new_size - old > most_bytes - *used ? NULL : realloc(block, new_size);
    *used = fresh == NULL ? *used : *used - old + new_size;
    return fresh;
}

/* "s:12: unexpected symbol near 'end'"; of what is no text at all Lua tells no line. */
static struct json problem_of(const char *text, struct arena *arena)
{
    struct json problem = json_object();
    struct str rest = str_from(text);
    struct str part = {0};
    int64_t line = 0;
    bool placed = str_cut(&rest, ':', &part) && str_cut(&rest, ':', &part) &&
                  parse_int(part, 1, INT32_MAX, &line, NULL) == 0;
    json_set(arena, &problem, "line", json_int(placed ? line : 1));
    json_set(arena, &problem, "message", json_string(arena, str_trim(placed ? rest : str_from(text))));
    return problem;
}

/* -1 when there was not enough memory to tell. */
static int compile(struct str text, struct arena *arena, struct json *ret_problem)
{
    size_t used = 0;
    struct str chunk = lua_host_chunk(text);
    lua_State *L = lua_newstate(allocate, &used);
    if (L == NULL) {
        return -1;
    }
    int status = luaL_loadbufferx(L, chunk.p, chunk.n, "=s", "t");
    if (status != LUA_OK && status != LUA_ERRMEM) {
        *ret_problem = problem_of(lua_tostring(L, -1), arena);
    }
    lua_close(L);
    return status == LUA_ERRMEM ? -1 : 0;
}

static int check_one(const struct json *script, struct arena *arena)
{
    struct json problem = json_object();
    struct err err = {0};
    const char *file = json_get_text(script, "file", NULL);
    const struct json *inside = json_get(script, "text");
    struct str text = inside != NULL && inside->type == JSON_STRING ? inside->u.string : STR("");
    if (file != NULL && fs_read_file(file, LUA_HOST_FILE_MAX_BYTES, arena, &text, &err) < 0) {
        json_set(arena, &problem, "message", json_cstring(arena, err.message));
    } else if (compile(text, arena, &problem) < 0) {
        return -1;
    }
    (void)printf("%s\n", json_text(arena, &problem).p);
    return fflush(stdout) == 0 ? 0 : -1;
}

int lua_check_main(void)
{
    struct arena *arena = arena_new();
    struct err err = {0};
    struct str input;
    struct json scripts = json_null();
    int code = 0;
    limit_time();
    if (fs_read("/dev/stdin", INPUT_MAX_BYTES, arena, &input, &err) < 0 ||
        json_read(input, (struct json_limits){0}, arena, &scripts, &err) < 0 || scripts.type != JSON_ARRAY) {
        (void)fprintf(stderr, "sluice-runner: lua check: expected a JSON list of scripts%s%s\n",
                      err.message[0] == '\0' ? "" : ": ", err.message);
        code = EXIT_USAGE;
    }
    for (size_t i = 0; code == 0 && i < scripts.u.array.count; i++) {
        struct arena *once = arena_new();
        code = check_one(&scripts.u.array.items[i], once) < 0 ? EXIT_FAILED : 0;
        arena_free(once);
    }
    arena_free(arena);
    return code;
}
