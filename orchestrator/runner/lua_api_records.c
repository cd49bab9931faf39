/* SPDX-License-Identifier: Apache-2.0
 * What a script records and says of itself.
 *
 *   sluice.log(text [, level])             level: debug, info (default), warn, error
 *   sluice.param(key, value)               of the step's run; any value, as text
 *   sluice.tag(key, value)
 *   sluice.metric(key, number [, step [, time_ms]])
 *   sluice.output(key, value)              what later steps read; declared under the step's `outputs:`
 *   sluice.artifact(path [, name])         copies a file or folder into the run's artifacts
 *   sluice.progress(fraction [, text])
 *   sluice.cancelled()                     has the step been asked to end? whoever asks is given the grace period
 *   sluice.fail(reason)                    the step will have failed; the script goes on
 *   sluice.refuse(reason)                  the step, a gate, says no: never retried
 *   sluice.wait{kind=..., ...} [, state]   the step will wait, and run again with sluice.resumed
 */
#include "base/clock.h"
#include "base/path.h"
#include "runner/lua_api.h"
#include "runner/lua_json.h"
#include "runner/publish.h"
#include "runner/step_artifacts.h"
#include "runner/step_names.h"
#include "runner/step_output.h"

#include <lauxlib.h>
#include <math.h>

enum { PROGRESS_EVERY_MS = 100, STATE_MAX_BYTES = 64 << 10, KEPT_MAX_BYTES = 64 << 20 };

/* ---- log ---- */

static int api_log(lua_State *L)
{
    static const char *const levels[] = {"debug", "info", "warn", "error", NULL};
    const struct lua_host *host = lua_host_of(L);
    int level = luaL_checkoption(L, 2, "info", levels);
    luaL_checkany(L, 1);
    struct str text;
    text.p = luaL_tolstring(L, 1, &text.n);
    host->sink->log(host->sink->ctx, level, text);
    return 0;
}

/* ---- params, tags, metrics ---- */

static int report(const struct lua_host *host, struct arena *scratch, const char *kind, struct str key,
                  struct json value, struct err *err)
{
    struct json frame = json_object();
    json_set(scratch, &frame, "kind", json_cstring(scratch, kind));
    json_set(scratch, &frame, "key", json_string(scratch, key));
    json_set(scratch, &frame, "value", value);
    return host->sink->report(host->sink->ctx, &frame, err);
}

static int record_text(lua_State *L, const char *kind, size_t max_characters)
{
    struct lua_host *host = lua_host_of(L);
    struct arena *scratch = lua_host_scratch(host);
    struct err err = {0};
    struct str key;
    struct str text;
    key.p = luaL_checklstring(L, 1, &key.n);
    if (step_key_check(kind, key, &err) < 0) {
        return lua_host_raise(L, &err);
    }
    if (lua_api_text(L, 2, scratch, &text, &err) < 0) {
        (void)err_add(&err, "%s '%.*s'", kind, STR_ARG(key));
        return lua_host_raise(L, &err);
    }
    if (step_text_check(kind, key, text, max_characters, &err) < 0 ||
        report(host, scratch, kind, key, json_string(scratch, text), &err) < 0) {
        return lua_host_raise(L, &err);
    }
    return 0;
}

static int api_param(lua_State *L)
{
    return record_text(L, "param", STEP_PARAM_MAX);
}

static int api_tag(lua_State *L)
{
    return record_text(L, "tag", STEP_TAG_MAX);
}

static int api_metric(lua_State *L)
{
    const struct lua_host *host = lua_host_of(L);
    struct journal_point point = {0};
    struct err err = {0};
    point.key.p = luaL_checklstring(L, 1, &point.key.n);
    luaL_checktype(L, 2, LUA_TNUMBER);
    point.value = lua_tonumber(L, 2);
    point.step = luaL_optinteger(L, 3, 0);
    point.time_ms = luaL_optinteger(L, 4, 0);
    if (step_key_check("metric", point.key, &err) < 0 || host->sink->metric(host->sink->ctx, &point, &err) < 0) {
        return lua_host_raise(L, &err);
    }
    return 0;
}

/* ---- outputs ---- */

static const char *output_type(const struct lua_host *host, struct str key, struct err *err)
{
    const struct json *declared = json_get(json_get(host->spawn, "collect"), "outputs");
    if (declared == NULL) {
        return "json"; /* nobody has said what there may be */
    }
    const struct json *type = json_get_str(declared, key);
    if (type != NULL && type->type == JSON_STRING) {
        return type->u.string.p;
    }
    struct str names[64];
    size_t count = 0;
    for (; count < declared->u.object.count && count < sizeof names / sizeof names[0]; count++) {
        names[count] = declared->u.object.members[count].key;
    }
    ptrdiff_t near = str_nearest(key, names, count);
    (void)err_set(err, ERR_INPUT, "output '%.*s' is not declared: expected it under the step's 'outputs:'%s%.*s%s",
                  STR_ARG(key), near < 0 ? "" : "; did you mean '", near < 0 ? 0 : (int)names[near].n,
                  near < 0 ? "" : names[near].p, near < 0 ? "" : "'?");
    return NULL;
}

/* Lua divides integers to floats, joins numbers to text, and has one empty table: 4.0 is an integer here, 4 can be a
 * text, {} a list. */
static void fit_type(const char *type, struct arena *scratch, struct json *value)
{
    bool text = strcmp(type, "string") == 0 || strcmp(type, "path") == 0;
    if (strcmp(type, "integer") == 0 && value->type == JSON_NUMBER && floor(value->u.number) == value->u.number &&
        fabs(value->u.number) < 9e15) {
        *value = json_int((int64_t)value->u.number);
    } else if (text && (value->type == JSON_INT || value->type == JSON_NUMBER || value->type == JSON_BOOL)) {
        *value = json_string(scratch, json_text(scratch, value));
    } else if (strcmp(type, "list") == 0 && value->type == JSON_OBJECT && value->u.object.count == 0) {
        *value = json_array();
    }
}

static int set_output(lua_State *L, struct str key, struct err *err)
{
    struct lua_host *host = lua_host_of(L);
    struct arena *scratch = lua_host_scratch(host);
    const char *type = output_type(host, key, err);
    struct json value;
    if (type == NULL) {
        return -1;
    }
    if (lua_json_from(L, 2, scratch, &value, err) < 0) {
        return err_add(err, "output '%.*s'", STR_ARG(key));
    }
    fit_type(type, scratch, &value);
    if ((value.type != JSON_NULL && step_output_check(type, &value, err) < 0) ||
        report(host, scratch, "output", key, value, err) < 0) {
        return err_add(err, "output '%.*s'", STR_ARG(key));
    }
    if (arena_used_bytes(host->arena) > KEPT_MAX_BYTES) {
        return err_set(err, ERR_LIMIT, "the outputs of this step are over 64 MiB in all: make them artifacts");
    }
    json_set(host->arena, &host->outcome->outputs, arena_str(host->arena, key).p, json_copy(host->arena, &value));
    return 0;
}

static int api_output(lua_State *L)
{
    struct err err = {0};
    struct str key;
    key.p = luaL_checklstring(L, 1, &key.n);
    luaL_checkany(L, 2);
    return set_output(L, key, &err) < 0 ? lua_host_raise(L, &err) : 0;
}

/* ---- artifacts ---- */

static int publish(struct lua_host *host, const char *path, const char *name, struct err *err)
{
    struct arena *scratch = lua_host_scratch(host);
    const char *root = json_get_text(host->spawn, "artifact_dir", NULL);
    const char *from = lua_api_readable(host, path, scratch, err);
    const char *as = name == NULL ? path_base(path_normal(scratch, path)) : name;
    struct published published;
    if (from == NULL) {
        return -1;
    }
    if (root == NULL) {
        return err_set(err, ERR_STATE, "this step has no folder for artifacts");
    }
    if (!path_is_below(str_from(as))) {
        return err_set(err, ERR_INPUT, "artifact '%s': expected a relative path without '.', '..' or empty parts", as);
    }
    if (publish_copy(from, root, as, scratch, &published, err) < 0 ||
        step_artifacts_report(NULL, &published, host->sink, scratch, err) < 0) {
        return err_add(err, "artifact '%s'", as);
    }
    return 0;
}

static int api_artifact(lua_State *L)
{
    struct err err = {0};
    const char *path = luaL_checkstring(L, 1);
    const char *name = luaL_optstring(L, 2, NULL);
    return publish(lua_host_of(L), path, name, &err) < 0 ? lua_host_raise(L, &err) : 0;
}

/* ---- how it goes ---- */

/* Of a script that counts to a million, ten a second are enough to see. */
static int api_progress(lua_State *L)
{
    struct lua_host *host = lua_host_of(L);
    double fraction = luaL_checknumber(L, 1);
    const char *text = luaL_optstring(L, 2, "");
    double part = isnan(fraction) || fraction < 0 ? 0 : fraction > 1 ? 1 : fraction;
    int64_t now_ms = clock_monotonic_ms(&clock_system);
    if (part < 1 && host->progress_at_ms != 0 && now_ms - host->progress_at_ms < PROGRESS_EVERY_MS) {
        return 0;
    }
    host->progress_at_ms = now_ms;
    struct arena *scratch = lua_host_scratch(host);
    struct err err = {0};
    struct json frame = json_object();
    json_set(scratch, &frame, "kind", json_cstring(scratch, "progress"));
    json_set(scratch, &frame, "fraction", json_number(part));
    json_set(scratch, &frame, "text", json_cstring(scratch, text));
    return host->sink->report(host->sink->ctx, &frame, &err) < 0 ? lua_host_raise(L, &err) : 0;
}

static int api_cancelled(lua_State *L)
{
    lua_host_of(L)->asks_cancelled = true;
    lua_pushboolean(L, lua_limit_stopped());
    return 1;
}

static int end_with(lua_State *L, enum step_result result)
{
    struct lua_host *host = lua_host_of(L);
    const char *reason = luaL_checkstring(L, 1);
    host->outcome->result = result;
    step_outcome_reason(host->outcome, reason);
    return 0;
}

static int api_fail(lua_State *L)
{
    return end_with(L, STEP_FAILED);
}

static int api_refuse(lua_State *L)
{
    return end_with(L, STEP_REFUSED);
}

static int set_wait(lua_State *L, struct err *err)
{
    struct lua_host *host = lua_host_of(L);
    struct arena *scratch = lua_host_scratch(host);
    struct json wait;
    struct json state = json_null();
    if (lua_json_from(L, 1, scratch, &wait, err) < 0 ||
        (!lua_isnoneornil(L, 2) && lua_json_from(L, 2, scratch, &state, err) < 0)) {
        return err_add(err, "wait");
    }
    if (*json_get_text(&wait, "kind", "") == '\0') {
        return err_set(err, ERR_INPUT, "wait: expected {kind = ...}: approval, until, delay, file, url or target");
    }
    if (json_text(scratch, &state).n > STATE_MAX_BYTES || arena_used_bytes(host->arena) > KEPT_MAX_BYTES) {
        return err_set(err, ERR_LIMIT, "wait: its state has over 64 KiB: keep it in a file below sluice.step.state");
    }
    host->outcome->wait = json_copy(host->arena, &wait);
    host->outcome->state = json_copy(host->arena, &state);
    if (host->outcome->result == STEP_OK) {
        host->outcome->result = STEP_WAIT;
    }
    return 0;
}

static int api_wait(lua_State *L)
{
    struct err err = {0};
    return set_wait(L, &err) < 0 ? lua_host_raise(L, &err) : 0;
}

void lua_api_add_records(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"log", api_log},           {"param", api_param},         {"tag", api_tag},   {"metric", api_metric},
        {"output", api_output},     {"artifact", api_artifact},   {"fail", api_fail}, {"refuse", api_refuse},
        {"progress", api_progress}, {"cancelled", api_cancelled}, {"wait", api_wait}, {NULL, NULL},
    };
    luaL_setfuncs(L, functions, 0);
}
