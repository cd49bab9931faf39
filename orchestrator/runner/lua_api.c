/* SPDX-License-Identifier: Apache-2.0
 * What a script knows: the read-only members of `sluice`, and the rules for paths.
 */
#include "runner/lua_api.h"

#include "base/path.h"
#include "base/utf8.h"
#include "runner/lua_json.h"

#include <lauxlib.h>
#include <limits.h>
#include <stdlib.h>

static const char secret_hint[] =
    "a step is given the secrets that its 'env:' or 'with:' names, as in env: {TOKEN: \"${{ secrets.TOKEN }}\"}";

/* ---- contexts ---- */

static void set_context(lua_State *L, const char *name, const struct json *value)
{
    const struct json nothing = json_object();
    lua_json_push_locked(L, value == NULL || value->type == JSON_NULL ? &nothing : value);
    lua_setfield(L, -2, name);
}

/* The pipeline's params are a member of the run: what a step depends on it names in its own `with:`. */
static struct json run_of(const struct lua_host *host, struct arena *arena)
{
    const struct json *contexts = json_get(host->spawn, "contexts");
    const struct json *run = json_get(contexts, "run");
    const struct json *params = json_get(contexts, "params");
    struct json out = json_object();
    for (size_t i = 0; run != NULL && run->type == JSON_OBJECT && i < run->u.object.count; i++) {
        json_set(arena, &out, run->u.object.members[i].key.p, run->u.object.members[i].value);
    }
    if (params != NULL) {
        json_set(arena, &out, "params", *params);
    }
    return out;
}

static struct json step_of(const struct lua_host *host, struct arena *arena)
{
    static const struct {
        const char *name;
        const char *in_context;
        const char *in_spawn;
    } members[] = {
        {"dir", NULL, "step_dir"},      {"state", NULL, "state_dir"},      {"workspace", NULL, "cwd"},
        {"id", "step", NULL},           {"item", "item", NULL},            {"attempt", "attempt", NULL},
        {"run_id", "step_run_id", NULL}, {"pipeline", "pipeline", NULL},
    };
    const struct json *context = json_get(host->spawn, "context");
    struct json out = json_object();
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        const struct json *value = members[i].in_spawn != NULL ? json_get(host->spawn, members[i].in_spawn)
                                                                : json_get(context, members[i].in_context);
        if (value != NULL) {
            json_set(arena, &out, members[i].name, *value);
        }
    }
    return out;
}

static void add_contexts(lua_State *L)
{
    struct lua_host *host = lua_host_of(L);
    struct arena *scratch = lua_host_scratch(host);
    const struct json *spawn = host->spawn;
    const struct json *contexts = json_get(spawn, "contexts");
    struct json run = run_of(host, scratch);
    struct json step = step_of(host, scratch);
    set_context(L, "params", json_get(spawn, "params"));
    set_context(L, "inputs", json_get(contexts, "inputs"));
    set_context(L, "steps", json_get(contexts, "steps"));
    set_context(L, "matrix", json_get(contexts, "matrix"));
    set_context(L, "env", json_get(spawn, "env"));
    set_context(L, "run", &run);
    set_context(L, "step", &step);
    const struct json *resumed = json_get(spawn, "resumed");
    if (resumed != NULL && resumed->type != JSON_NULL) {
        set_context(L, "resumed", resumed);
    }
    const struct json *secrets = json_get(spawn, "secrets");
    const struct json none = json_object();
    lua_json_push(L, secrets == NULL ? &none : secrets);
    lua_json_lock(L, "sluice.secrets", secret_hint);
    lua_setfield(L, -2, "secrets");
}

void lua_api_open(lua_State *L)
{
    lua_createtable(L, 0, 32);
    add_contexts(L);
    lua_api_add_records(L);
    lua_api_add_ask(L);
    lua_api_add_files(L);
    lua_setglobal(L, "sluice");
}

/* ---- text ---- */

int lua_api_text(lua_State *L, int index, struct arena *scratch, struct str *ret_text, struct err *err)
{
    struct json value;
    if (lua_type(L, index) == LUA_TSTRING) {
        ret_text->p = lua_tolstring(L, index, &ret_text->n);
        return 0;
    }
    if (lua_type(L, index) == LUA_TNUMBER && !lua_isinteger(L, index)) {
        struct strbuf text;
        strbuf_init(&text, 64);
        json_write_double(&text, lua_tonumber(L, index));
        *ret_text = arena_str(scratch, str_starts(strbuf_str(&text), STR("\""))
                                           ? str_slice(strbuf_str(&text), 1, text.length - 1)
                                           : strbuf_str(&text));
        strbuf_clear(&text);
        return 0;
    }
    if (lua_json_from(L, index, scratch, &value, err) < 0) {
        return -1;
    }
    if (value.type == JSON_NULL) {
        return err_set(err, ERR_INPUT, "expected a value, found %s", luaL_typename(L, index));
    }
    *ret_text = json_text(scratch, &value);
    return 0;
}

/* ---- paths ---- */

static bool is_below(const char *path, const char *folder)
{
    size_t length = strlen(folder);
    return length > 1 && strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

/* As is_below, for a folder that may hold links or not be there. */
static bool is_below_real(const char *real_path, const char *folder)
{
    char real[PATH_MAX];
    return folder != NULL && realpath(folder, real) != NULL && (strcmp(real, "/") == 0 || is_below(real_path, real));
}

/* The real path; of what is not there yet, that of the nearest folder above it, with the rest behind. */
static const char *real_or_future(const char *path, struct arena *scratch)
{
    char real[PATH_MAX];
    const char *whole = path_normal(scratch, path);
    if (realpath(whole, real) != NULL) {
        return arena_strdup(scratch, real);
    }
    for (const char *above = path_dir(scratch, whole); strlen(above) > 1; above = path_dir(scratch, above)) {
        if (realpath(above, real) != NULL) {
            return arena_printf(scratch, "%s%s", real, whole + strlen(above));
        }
    }
    return whole;
}

static bool is_an_input(const struct lua_host *host, const char *real_path)
{
    const struct json *inputs = json_get(json_get(host->spawn, "contexts"), "inputs");
    for (size_t i = 0; inputs != NULL && inputs->type == JSON_OBJECT && i < inputs->u.object.count; i++) {
        const struct json *input = &inputs->u.object.members[i].value;
        if (input->type == JSON_STRING && is_below_real(real_path, input->u.string.p)) {
            return true;
        }
    }
    return false;
}

static bool may_read(const struct lua_host *host, const char *real_path, struct arena *scratch)
{
    const struct json *spawn = host->spawn;
    const char *home = json_get_text(json_get(spawn, "context"), "home", NULL);
    if (is_below_real(real_path, json_get_text(spawn, "step_dir", NULL)) ||
        is_below_real(real_path, json_get_text(spawn, "state_dir", NULL)) || is_an_input(host, real_path) ||
        (home != NULL && is_below_real(real_path, path_join(scratch, home, "artifacts")))) {
        return true;
    }
    /* The home often lies in the workspace; its database, key and journals are nobody's data. */
    return is_below_real(real_path, json_get_text(spawn, "cwd", NULL)) && !is_below_real(real_path, home);
}

static const char *absolute(const struct lua_host *host, const char *path, struct arena *scratch)
{
    return real_or_future(path_join(scratch, json_get_text(host->spawn, "cwd", "/"), path), scratch);
}

const char *lua_api_readable(const struct lua_host *host, const char *path, struct arena *scratch, struct err *err)
{
    const char *real = absolute(host, path, scratch);
    if (*path == '\0' || !may_read(host, real, scratch)) {
        (void)err_set(err, ERR_DENIED,
                      "'%s' is not the step's to read: expected a path in the workspace, an input, an artifact, or "
                      "below sluice.step.dir",
                      path);
        return NULL;
    }
    return real;
}

const char *lua_api_writable(const struct lua_host *host, const char *path, struct arena *scratch, struct err *err)
{
    const char *real = absolute(host, path, scratch);
    const char *step_dir = json_get_text(host->spawn, "step_dir", NULL);
    if (*path == '\0' || (!is_below_real(real, step_dir) &&
                          !is_below_real(real, json_get_text(host->spawn, "state_dir", NULL)))) {
        (void)err_set(err, ERR_DENIED, "'%s' is not the step's to write: expected sluice.step.dir .. \"/%s\"", path,
                      *path == '\0' ? "NAME" : path_base(path));
        return NULL;
    }
    return real;
}
