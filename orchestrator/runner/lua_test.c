/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/lua_test.h"

#include "base/fs.h"
#include "base/path.h"
#include "runner/lua_fake_host.h"
#include "runner/lua_host.h"

#include <lauxlib.h>
#include <stdlib.h>

enum { LOG_MAX_BYTES = 1 << 20 };

struct testing {
    const char *file;
    struct lua_fake_host fake;
    struct lua_host *host;
    struct strbuf log;
    struct lua_test_counts *counts;
};

static void tell(struct testing *t, const char *name, const struct err *err)
{
    const char *colons = *name == '\0' ? "" : ": ";
    if (err == NULL) {
        t->counts->passed++;
        (void)printf("ok    %s%s%s\n", t->file, colons, name);
        return;
    }
    t->counts->failed++;
    (void)printf("FAIL  %s%s%s\n      %s\n%s", t->file, colons, name, err->message, t->log.data);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* In the arena: a test may change the table. */
static const char **names_of(struct testing *t, int table, size_t *ret_count)
{
    lua_State *L = t->host->L;
    const char **names = NULL;
    size_t count = 0;
    size_t room = 0;
    lua_pushnil(L);
    while (lua_next(L, table) != 0) {
        if (lua_type(L, -2) == LUA_TSTRING && lua_isfunction(L, -1)) {
            names = arena_grow(t->fake.arena, names, count, &room, sizeof *names);
            names[count++] = arena_strdup(t->fake.arena, lua_tostring(L, -2));
        }
        lua_pop(L, 1);
    }
    if (count > 1) {
        qsort(names, count, sizeof *names, compare_names);
    }
    *ret_count = count;
    return names;
}

static void run_functions(struct testing *t, int table)
{
    size_t count = 0;
    const char **names = names_of(t, table, &count);
    if (count == 0) {
        struct err err = {0};
        (void)err_set(&err, ERR_INPUT, "the table it returns holds no function: expected {name = function, ...}");
        tell(t, "", &err);
    }
    for (size_t i = 0; i < count; i++) {
        struct err err = {0};
        strbuf_reset(&t->log);
        lua_pushstring(t->host->L, names[i]);
        (void)lua_rawget(t->host->L, table);
        int result = lua_host_call(t->host, 0, 0, &err);
        tell(t, names[i], result < 0 ? &err : NULL);
    }
}

static int run_file(struct testing *t, struct err *err)
{
    struct str text;
    if (fs_read(t->file, LUA_HOST_FILE_MAX_BYTES, t->fake.arena, &text, err) < 0) {
        return -1;
    }
    t->host = lua_host_new(&t->fake.spawn, &t->fake.sink, t->fake.arena, &t->fake.outcome, err);
    if (t->host == NULL || lua_host_run_text(t->host, text, arena_printf(t->fake.arena, "@%s", t->file), 1, err) < 0) {
        return -1;
    }
    if (!lua_istable(t->host->L, -1)) {
        return err_set(err, ERR_INPUT, "it returns %s, expected a table {name = function, ...}",
                       luaL_typename(t->host->L, -1));
    }
    run_functions(t, lua_gettop(t->host->L));
    return 0;
}

void lua_test_file(const char *file, const char *lua_folder, struct lua_test_counts *counts)
{
    struct testing t = {.file = file, .counts = counts};
    struct lua_fake_options options = {.file = file, .lua_folder = lua_folder};
    struct err err = {0};
    strbuf_init(&t.log, LOG_MAX_BYTES);
    int result = lua_fake_host_open(&t.fake, &options, &err);
    t.fake.log = &t.log;
    if (result < 0 || run_file(&t, &err) < 0) {
        tell(&t, "", &err);
    }
    lua_host_free(t.host);
    lua_fake_host_close(&t.fake);
    strbuf_clear(&t.log);
}

int lua_test_path(const char *path, const char *lua_folder, struct lua_test_counts *counts, struct err *err)
{
    if (!fs_is_folder(path)) {
        if (!fs_exists(path)) {
            return err_set(err, ERR_NOT_FOUND, "there is no file or folder '%s'", path);
        }
        lua_test_file(path, lua_folder, counts);
        return 0;
    }
    struct arena *arena = arena_new();
    struct fs_list list = {0};
    int result = fs_glob(path, "**/*_test.lua", arena, &list, err);
    for (size_t i = 0; result == 0 && i < list.count; i++) {
        const char *file = strcmp(path, ".") == 0 ? list.entries[i].path : path_join(arena, path, list.entries[i].path);
        if (fs_is_file(file)) {
            lua_test_file(file, lua_folder, counts);
        }
    }
    arena_free(arena);
    return result;
}
