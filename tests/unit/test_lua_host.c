/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/lua_host.h"
#include "runner/lua_json.h"
#include "test.h"

#include <stdio.h>

struct heard {
    struct arena *arena;
    const char *reports; /* a line of JSON each */
    const char *log;
    struct step_outcome outcome;
    struct json spawn;
    struct step_sink sink;
    struct lua_host *host;
    struct err err;
};

static int hear_report(void *ctx, const struct json *report, struct err *err)
{
    struct heard *heard = ctx;
    (void)err;
    heard->reports = arena_printf(heard->arena, "%s%s\n", heard->reports, json_text(heard->arena, report).p);
    return 0;
}

static int hear_metric(void *ctx, const struct journal_point *point, struct err *err)
{
    struct heard *heard = ctx;
    (void)err;
    heard->reports = arena_printf(heard->arena, "%s%.*s=%g@%lld\n", heard->reports, STR_ARG(point->key), point->value,
                                  (long long)point->step);
    return 0;
}

static void hear_log(void *ctx, int level, struct str text)
{
    struct heard *heard = ctx;
    heard->log = arena_printf(heard->arena, "%s%d %.*s\n", heard->log, level, STR_ARG(text));
}

static int hear_fetch(void *ctx, const struct json *request, struct arena *arena, struct json *ret_head,
                      struct str *ret_body, struct err *err)
{
    (void)ctx;
    (void)err;
    *ret_head = json_object();
    json_set(arena, ret_head, "status", json_int(201));
    *ret_body = json_text(arena, request);
    return 0;
}

/* Runs a script with this spawn message (JSON): 0 or -1, in `heard` the rest. */
static int run(struct heard *heard, const char *spawn, const char *script)
{
    struct arena *arena = arena_new();
    *heard = (struct heard){.arena = arena, .reports = "", .log = "", .outcome = {.outputs = json_object()}};
    heard->sink = (struct step_sink){
        .ctx = heard, .report = hear_report, .metric = hear_metric, .log = hear_log, .fetch = hear_fetch};
    assert_int_equal(json_read(str_from(spawn), (struct json_limits){0}, arena, &heard->spawn, NULL), 0);
    heard->host = lua_host_new(&heard->spawn, &heard->sink, arena, &heard->outcome, &heard->err);
    return heard->host == NULL ? -1 : lua_host_run_text(heard->host, str_from(script), "=t", 1, &heard->err);
}

static void done(struct heard *heard)
{
    lua_host_free(heard->host);
    arena_free(heard->arena);
}

/* What a script returns, as JSON; or its error, in `arena`. */
static const char *result_of(struct arena *arena, const char *spawn, const char *script)
{
    struct heard heard;
    struct json value;
    const char *text = NULL;
    if (run(&heard, spawn, script) == 0 && lua_json_from(heard.host->L, -1, heard.arena, &value, &heard.err) == 0) {
        text = arena_strdup(arena, json_text(heard.arena, &value).p);
    } else {
        text = arena_strdup(arena, heard.err.message);
    }
    done(&heard);
    return text;
}

static void assert_result(const char *spawn, const char *script, const char *expected)
{
    struct arena *arena = arena_new();
    assert_string_equal(result_of(arena, spawn, script), expected);
    arena_free(arena);
}

TEST(values_become_json_by_their_shape)
{
    static const struct {
        const char *script;
        const char *json;
    } cases[] = {
        {"return nil", "null"},
        {"return {}", "{}"},
        {"return sluice.json.array()", "[]"},
        {"return {3, 2, 1}", "[3,2,1]"},
        {"return {b = 1, a = {c = 2.5}, ['c d'] = 'x'}", "{\"a\":{\"c\":2.5},\"b\":1,\"c d\":\"x\"}"},
        {"return {[1] = 'a', [2.0] = 'b'}", "[\"a\",\"b\"]"},
        {"return math.mininteger", "-9223372036854775808"},
        {"return {sluice.json.null, 1}", "[null,1]"},
        {"return {1, nil, 3}", "a list with holes"},
        {"return {a = {1, x = 2}}", "a: a table with both numbered and named members is neither list nor map"},
        {"return {a = {[0] = 1}}", "a: a list with holes"},
        {"return {[1.5] = 1}", "a key that is neither text nor 1, 2, 3, ..."},
        {"return {a = {1, {b = 0/0}}}", "a[2].b: NaN has no place in JSON"},
        {"return -1/0", "infinity has no place in JSON"},
        {"return {x = print}", "x: a function has no place in JSON"},
        {"return '\\xff'", "this text is not UTF-8"},
        {"local t = {} t.t = t return t",
         "t.t.t.t.t.t.t.t.t.t.t.t.t.t.t.t.t.t.t.t.t.t.t.t.t.t.t.t.t.t....: "
         "nested deeper than 64 levels: does the table hold itself?"},
        {"return setmetatable({1}, {__index = error, __len = error, __pairs = error})", "[1]"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_result("{}", cases[i].script, cases[i].json);
    }
}

TEST(a_table_that_is_small_in_lua_and_huge_as_json_is_refused)
{
    static const char script[] = "local t = {('x'):rep(1000000)} for i = 1, 20 do t = {t, t, t, t} end return t";
    struct arena *arena = arena_new();
    const char *text = result_of(arena, "{}", script);
    assert_non_null(strstr(text, "as JSON this takes more than 256 MiB"));
    arena_free(arena);
}

TEST(contexts_read_like_tables_and_cannot_be_written)
{
    const char *spawn = "{\"params\":{\"list\":[5,4,null],\"map\":{\"k\":{\"deep\":1}},\"none\":null}}";
    assert_result(spawn, "return sluice.params", "{\"list\":[5,4,null],\"map\":{\"k\":{\"deep\":1}}}");
    assert_result(spawn, "return {#sluice.params.list, sluice.params.list[2], sluice.params.map.k.deep}", "[3,4,1]");
    assert_result(spawn, "return sluice.params.none == nil and sluice.params.list[3] == sluice.json.null", "true");
    assert_result(spawn, "local n = 0 for k, v in pairs(sluice.params) do n = n + 1 end return n", "2");
    assert_result(spawn, "local s = 0 for i, v in ipairs(sluice.params.list) do s = s + i end return s", "6");
    assert_result(spawn, "return table.move(sluice.params.list, 1, 2, 1, {})", "[5,4]");
    assert_result(spawn, "sluice.params.map.k.deep = 2",
                  "t:1: this table is read-only: the pipeline gave it; change a copy");
    assert_result(spawn, "local f, s = pairs(sluice.params.map) s.x = 1",
                  "t:1: this table is read-only: the pipeline gave it; change a copy");
    assert_result("{\"secrets\":{\"A\":\"b\"}}", "return sluice.secrets.A", "\"b\"");
}

TEST(what_a_script_says_reaches_the_sink)
{
    struct heard heard;
    assert_int_equal(run(&heard, "{\"collect\":{\"outputs\":{\"n\":\"integer\",\"l\":\"list\"}}}",
                         "sluice.metric('m', 2) sluice.param('p', 1e300) sluice.output('n', 8 / 2)"
                         "sluice.output('l', {})"
                         "sluice.log('l', 'debug')"),
                     0);
    assert_string_equal(heard.reports, "m=2@0\n"
                                       "{\"kind\":\"param\",\"key\":\"p\",\"value\":\"1e+300\"}\n"
                                       "{\"kind\":\"output\",\"key\":\"n\",\"value\":4}\n"
                                       "{\"kind\":\"output\",\"key\":\"l\",\"value\":[]}\n");
    assert_string_equal(heard.log, "0 l\n");
    assert_int_equal(json_get_int(&heard.outcome.outputs, "n", 0), 4);
    assert_int_equal(heard.outcome.result, STEP_OK);
    done(&heard);
}

TEST(a_request_is_what_fetch_takes)
{
    assert_result("{}",
                  "local r = sluice.http{url = 'http://x', json = {a = 1}, headers = {Accept = '*/*'}}"
                  "return sluice.json.decode(r.body)",
                  "{\"body\":\"{\\\"a\\\":1}\","
                  "\"headers\":{\"Accept\":\"*/*\",\"Content-Type\":\"application/json\"},"
                  "\"max_bytes\":16777216,\"timeout_ms\":30000,\"url\":\"http://x\"}");
    assert_result("{}", "return sluice.http('http://x').status", "201");
    assert_result("{}", "return sluice.json.decode(sluice.http{url = 'http://x', body = '\\xff'}.body).body_base64",
                  "\"/w==\"");
    assert_result("{}", "sluice.http{url = 'http://x', body = 'a', json = 1}",
                  "t:1: http: both 'body' and 'json' are given");
    assert_result("{}", "sluice.http{url = 7}", "t:1: http: 'url': expected a string, found an integer");
}

TEST(a_step_fails_refuses_and_waits_by_its_last_word)
{
    struct heard heard;
    assert_int_equal(run(&heard, "{}", "sluice.fail('a') sluice.refuse('b\\nc')"), 0);
    assert_int_equal(heard.outcome.result, STEP_REFUSED);
    assert_string_equal(heard.outcome.reason, "b c");
    done(&heard);
    assert_int_equal(run(&heard, "{}", "sluice.wait({kind = 'until'}, {n = 1}) sluice.wait({kind = 'file'})"), 0);
    assert_int_equal(heard.outcome.result, STEP_WAIT);
    assert_string_equal(json_get_text(&heard.outcome.wait, "kind", ""), "file");
    assert_int_equal(heard.outcome.state.type, JSON_NULL);
    done(&heard);
    assert_int_equal(run(&heard, "{}", "sluice.fail('a') sluice.wait({kind = 'until'})"), 0);
    assert_int_equal(heard.outcome.result, STEP_FAILED);
    done(&heard);
}

TEST(memory_is_refused_at_the_limit_and_the_error_cannot_be_caught)
{
    struct heard heard;
    assert_int_equal(run(&heard, "{\"limits\":{\"lua_memory_bytes\":4194304}}",
                         "local ok = pcall(string.rep, 'x', 5000000)\nsluice.log('caught')"), -1);
    assert_string_equal(heard.err.message, "t:1: the script needs more than 4.0 MB of memory");
    assert_null(strstr(heard.log, "caught"));
    assert_true(heard.host->used_bytes <= heard.host->limit_bytes);
    done(&heard);
}

TEST(no_limit_is_too_small_for_a_message)
{
    char spawn[80];
    for (int bytes = 1; bytes < 40000; bytes += bytes < 4000 ? 37 : 411) {
        struct heard heard;
        (void)snprintf(spawn, sizeof spawn, "{\"limits\":{\"lua_memory_bytes\":%d},\"params\":{\"a\":[1,2]}}", bytes);
        assert_int_equal(run(&heard, spawn, "local t = {} for i = 1, 1e6 do t[i] = {} end"), -1);
        assert_non_null(strstr(heard.err.message, " of memory"));
        done(&heard);
    }
}

TEST(garbage_is_no_use_of_memory)
{
    assert_result("{\"limits\":{\"lua_memory_bytes\":4194304}}",
                  "local n = 0 for i = 1, 200 do n = n + #('x'):rep(1000000) end return n", "200000000");
}

TEST(an_error_is_told_with_its_trace)
{
    struct heard heard;
    assert_int_equal(run(&heard, "{}", "local function f()\n  error('boom')\nend\nf()"), -1);
    assert_string_equal(heard.err.message, "t:2: boom");
    assert_non_null(strstr(heard.log, "3 t:2: boom\nstack traceback:\n"));
    assert_non_null(strstr(heard.log, "in local 'f'"));
    done(&heard);
}

TEST(pcall_and_xpcall_give_what_they_gave)
{
    assert_result("{}", "return {pcall(function(...) return ... end, 1, 2)}", "[true,1,2]");
    assert_result("{}", "return {pcall(error, 'e', 0)}", "[false,\"e\"]");
    assert_result("{}", "return {xpcall(function(...) return ... end, error, 1, 2)}", "[true,1,2]");
    assert_result("{}", "return {xpcall(error, function(e) return e .. '!', 2 end, 'e', 0)}", "[false,\"e!\"]");
    assert_result("{}", "return {select('#', pcall(function() end)), (pcall(pcall))}", "[1,false]");
    assert_result("{}", "local ok, e = xpcall(error, function(e) return e end, {7}) return e[1]", "7");
    assert_result("{}", "xpcall(print)", "t:1: bad argument #2 to 'xpcall' (function expected, got no value)");
    assert_result("{}", "return {pcall(setmetatable({}, {__call = function(self, x) return x end}), 5)}", "[true,5]");
}

TESTS(RUN(values_become_json_by_their_shape), RUN(a_table_that_is_small_in_lua_and_huge_as_json_is_refused),
      RUN(contexts_read_like_tables_and_cannot_be_written), RUN(what_a_script_says_reaches_the_sink),
      RUN(a_request_is_what_fetch_takes), RUN(a_step_fails_refuses_and_waits_by_its_last_word),
      RUN(memory_is_refused_at_the_limit_and_the_error_cannot_be_caught), RUN(no_limit_is_too_small_for_a_message),
      RUN(garbage_is_no_use_of_memory), RUN(an_error_is_told_with_its_trace), RUN(pcall_and_xpcall_give_what_they_gave))
