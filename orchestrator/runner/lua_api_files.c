/* SPDX-License-Identifier: Apache-2.0
 * Files, JSON and CSV of a script.
 *
 *   sluice.file.read(path)               its bytes; relative to the workspace (lua_api_readable)
 *   sluice.file.write(path, text)        folders on the way are made (lua_api_writable)
 *   sluice.file.exists(path)             "file", "folder" or nil
 *   sluice.file.list(path)               names in a folder, in order
 *   sluice.json.encode(value [, {indent = true}]), .decode(text), .array(table), .null      (lua_json.h)
 *   sluice.csv.read(path [, options])    {header, rows}, cells are text; options as csv.parse in lua/README.md
 */
#include "base/fs.h"
#include "base/path.h"
#include "runner/csv_text.h"
#include "runner/lua_api.h"
#include "runner/lua_json.h"

#include <dirent.h>
#include <errno.h>
#include <lauxlib.h>
#include <stdlib.h>

enum { LIST_MAX = 100000 };

/* ---- files ---- */

/* Never more than the script itself may hold. */
static int read_file(lua_State *L, struct str *ret_text, struct err *err)
{
    struct lua_host *host = lua_host_of(L);
    const char *path = luaL_checkstring(L, 1);
    struct arena *scratch = lua_host_scratch(host);
    const char *real = lua_api_readable(host, path, scratch, err);
    if (real == NULL) {
        return -1;
    }
    if (fs_is_folder(real)) {
        return err_set(err, ERR_INPUT, "'%s' is a folder", path);
    }
    return fs_read_file(real, host->limit_bytes - host->used_bytes, scratch, ret_text, err);
}

static int file_read(lua_State *L)
{
    struct str text = STR("");
    struct err err = {0};
    if (read_file(L, &text, &err) < 0) {
        return lua_host_raise(L, &err);
    }
    lua_pushlstring(L, text.p, text.n);
    (void)lua_host_scratch(lua_host_of(L));
    return 1;
}

static int file_write(lua_State *L)
{
    struct lua_host *host = lua_host_of(L);
    struct err err = {0};
    struct str text;
    const char *path = luaL_checkstring(L, 1);
    text.p = luaL_checklstring(L, 2, &text.n);
    struct arena *scratch = lua_host_scratch(host);
    const char *real = lua_api_writable(host, path, scratch, &err);
    if (real == NULL || fs_make_folders(path_dir(scratch, real), 0755, &err) < 0 ||
        fs_write(real, text, 0644, false, &err) < 0) {
        return lua_host_raise(L, &err);
    }
    return 0;
}

static int file_exists(lua_State *L)
{
    struct lua_host *host = lua_host_of(L);
    struct err err = {0};
    const char *real = lua_api_readable(host, luaL_checkstring(L, 1), lua_host_scratch(host), &err);
    if (real == NULL) {
        return lua_host_raise(L, &err);
    }
    lua_pushstring(L, fs_is_folder(real) ? "folder" : fs_exists(real) ? "file" : NULL);
    return 1;
}

static int file_list(lua_State *L)
{
    struct lua_host *host = lua_host_of(L);
    struct err err = {0};
    const char *path = luaL_checkstring(L, 1);
    struct arena *scratch = lua_host_scratch(host);
    const char *real = lua_api_readable(host, path, scratch, &err);
    if (real == NULL) {
        return lua_host_raise(L, &err);
    }
    struct dirent **entries = NULL;
    int count = scandir(real, &entries, NULL, alphasort);
    if (count < 0) {
        (void)err_errno(&err, "cannot list '%s'", path);
        return lua_host_raise(L, &err);
    }
    /* First out of the heap: making the list may raise. */
    struct json names = json_array();
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;
        if (i < LIST_MAX && strcmp(name, ".") != 0 && strcmp(name, "..") != 0) {
            json_push(scratch, &names, json_cstring(scratch, name));
        }
        free(entries[i]);
    }
    free(entries);
    if (count > LIST_MAX) {
        return luaL_error(L, "'%s' holds more than %d entries", path, LIST_MAX);
    }
    lua_json_push(L, &names);
    return 1;
}

/* ---- JSON ---- */

static int encode(lua_State *L, bool indent, struct err *err)
{
    struct arena *scratch = lua_host_scratch(lua_host_of(L));
    struct json value;
    if (lua_json_from(L, 1, scratch, &value, err) < 0) {
        return err_add(err, "json.encode");
    }
    struct strbuf text;
    strbuf_init(&text, LUA_JSON_MAX_BYTES);
    if (indent) {
        json_write_pretty(&text, &value);
    } else {
        json_write(&text, &value);
    }
    /* Out of the heap before anything may raise. */
    bool overflow = text.overflow;
    struct str whole = overflow ? STR("") : arena_str(scratch, strbuf_str(&text));
    strbuf_clear(&text);
    if (overflow) {
        return err_set(err, ERR_LIMIT, "json.encode: the text is over 256 MiB");
    }
    lua_pushlstring(L, whole.p, whole.n);
    return 0;
}

static int api_encode(lua_State *L)
{
    struct err err = {0};
    bool indent = false;
    luaL_checkany(L, 1);
    if (!lua_isnoneornil(L, 2)) {
        luaL_checktype(L, 2, LUA_TTABLE);
        (void)lua_getfield(L, 2, "indent");
        indent = lua_toboolean(L, -1) != 0;
    }
    return encode(L, indent, &err) < 0 ? lua_host_raise(L, &err) : 1;
}

static int api_decode(lua_State *L)
{
    struct lua_host *host = lua_host_of(L);
    struct err err = {0};
    struct json value;
    struct str text;
    text.p = luaL_checklstring(L, 1, &text.n);
    if (json_read(text, (struct json_limits){.depth = LUA_JSON_DEPTH_MAX}, lua_host_scratch(host), &value, &err) < 0) {
        (void)err_add(&err, "json.decode");
        return lua_host_raise(L, &err);
    }
    lua_json_push(L, &value);
    return 1;
}

static int api_array(lua_State *L)
{
    if (lua_isnoneornil(L, 1)) {
        lua_settop(L, 0);
        lua_createtable(L, 0, 0);
    }
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    if (!lua_json_mark_array(L, 1)) {
        return luaL_error(L, "json.array: this table has a metatable of its own");
    }
    return 1;
}

/* ---- CSV ---- */

struct csv_options {
    char delimiter;
    bool header;
};

static struct csv_options csv_options_of(lua_State *L)
{
    struct csv_options options = {',', true};
    if (lua_isnoneornil(L, 2)) {
        return options;
    }
    luaL_checktype(L, 2, LUA_TTABLE);
    if (lua_getfield(L, 2, "delimiter") != LUA_TNIL) {
        size_t size = 0;
        const char *text = lua_tolstring(L, -1, &size);
        if (text == NULL || size != 1 || strchr("\r\n\"", *text) != NULL) {
            (void)luaL_error(L, "the delimiter must be one character other than a quote or a line end");
        }
        options.delimiter = *text;
    }
    if (lua_getfield(L, 2, "header") == LUA_TBOOLEAN) {
        options.header = lua_toboolean(L, -1) != 0;
    }
    lua_pop(L, 2);
    return options;
}

static void push_row(lua_State *L, const struct csv_text_reader *reader)
{
    lua_createtable(L, (int)(reader->count & 0x3fffffff), 0);
    for (size_t i = 0; i < reader->count; i++) {
        lua_pushlstring(L, reader->cells[i].p, reader->cells[i].n);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
}

static void push_numbered_header(lua_State *L, size_t count)
{
    lua_createtable(L, (int)(count & 0x3fffffff), 0);
    for (size_t i = 1; i <= count; i++) {
        (void)lua_pushfstring(L, "column%I", (lua_Integer)i);
        lua_rawseti(L, -2, (lua_Integer)i);
    }
}

/* Leaves header and rows on the stack. */
static int read_rows(lua_State *L, struct str text, struct csv_options options, struct err *err)
{
    struct arena *arena = lua_host_of(L)->scratch; /* `text` is in it */
    struct csv_text_reader reader;
    size_t columns = 0;
    lua_Integer rows = 0;
    int more;
    csv_text_begin(&reader, text, options.delimiter);
    while ((more = csv_text_next(&reader, arena, err)) == 1) {
        bool first = columns == 0;
        if (!first && reader.count != columns) {
            return err_set(err, ERR_INPUT, "line %zu has %zu cells, expected %zu", reader.line, reader.count, columns);
        }
        columns = reader.count;
        if (first && options.header) {
            push_row(L, &reader);
            lua_createtable(L, 0, 0);
            continue;
        }
        if (first) {
            push_numbered_header(L, columns);
            lua_createtable(L, 0, 0);
        }
        push_row(L, &reader);
        lua_rawseti(L, -2, ++rows);
    }
    return more < 0 ? -1 : columns == 0 ? err_set(err, ERR_INPUT, "the text holds no header and no rows") : 0;
}

static int csv_read(lua_State *L)
{
    struct csv_options options = csv_options_of(L);
    struct str text = STR("");
    struct err err = {0};
    lua_createtable(L, 0, 2);
    int table = lua_gettop(L);
    if (read_file(L, &text, &err) < 0 || read_rows(L, text, options, &err) < 0) {
        (void)err_add(&err, "%s", lua_tostring(L, 1));
        return lua_host_raise(L, &err);
    }
    lua_setfield(L, table, "rows");
    lua_setfield(L, table, "header");
    (void)lua_host_scratch(lua_host_of(L));
    return 1;
}

/* ---- the whole ---- */

void lua_api_add_files(lua_State *L)
{
    static const luaL_Reg file[] = {
        {"read", file_read}, {"write", file_write}, {"exists", file_exists}, {"list", file_list}, {NULL, NULL}};
    static const luaL_Reg json[] = {{"encode", api_encode}, {"decode", api_decode}, {"array", api_array}, {NULL, NULL}};
    static const luaL_Reg csv[] = {{"read", csv_read}, {NULL, NULL}};
    luaL_newlib(L, file);
    lua_setfield(L, -2, "file");
    luaL_newlib(L, json);
    lua_json_push_null(L);
    lua_setfield(L, -2, "null");
    lua_setfield(L, -2, "json");
    luaL_newlib(L, csv);
    lua_setfield(L, -2, "csv");
}
