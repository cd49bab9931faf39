/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/expr.h"

#include "test.h"

#include <stdio.h>

static struct arena *arena;
static struct diags diags;
static int status_calls;

/* What the expressions of these tests see. */
static const char contexts[] =
    "{\"params\": {\"n\": 3, \"x\": 0.5, \"s\": \"text\", \"upper\": \"TEXT\", \"yes\": true, \"no\": false,"
    " \"nothing\": null, \"list\": [1, \"a\", null, [2]], \"map\": {\"a-b\": 1, \"c\": {\"d\": 2}}, \"empty\": \"\"},"
    " \"steps\": {\"train\": {\"outputs\": {\"n_rows\": 7}, \"status\": \"succeeded\"}}}";

static const struct json *context(void *ctx, struct str root, struct str member)
{
    const struct json *found = json_get_str(ctx, root);
    return str_is(root, "steps") ? json_get_str(found, member) : found;
}

static bool status(void *ctx, struct str function)
{
    (void)ctx;
    status_calls++;
    return str_is(function, "success") || str_is(function, "always");
}

static int hash_files(void *ctx, const struct str *globs, size_t count, struct arena *into, struct json *ret,
                      struct err *err)
{
    (void)ctx;
    (void)err;
    *ret = json_string(into, str_from(arena_printf(into, "%zu:%.*s", count, STR_ARG(globs[0]))));
    return 0;
}

static const struct expr *parse(const char *text)
{
    diags_init(&diags, arena, "test.yaml");
    diags.text = str_from(text);
    return expr_parse(diags.text, (struct pos){1, 1}, &diags);
}

static int eval(const char *text, struct json *ret, struct err *err)
{
    struct json known = json_null();
    assert_int_equal(json_read(STR(contexts), (struct json_limits){0}, arena, &known, NULL), 0);
    const struct expr_env env = {.ctx = &known,
                                 .context = context,
                                 .status = status,
                                 .hash_files = hash_files,
                                 .now_ms = INT64_C(1767225600000)};
    const struct expr *expr = parse(text);
    if (expr == NULL) {
        fail_msg("%s: %s", text, diags.items[0].message);
    }
    return expr_eval(expr, &env, arena, ret, err);
}

/* The value as JSON, or "! " and the message. */
static const char *result_of(const char *text)
{
    struct json value = json_null();
    struct err err = {0};
    return eval(text, &value, &err) == 0 ? json_text(arena, &value).p : arena_printf(arena, "! %s", err.message);
}

struct row {
    const char *text;
    const char *result; /* JSON, or "! " and a part of the message */
};

static void check_rows(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        arena = arena_new();
        const char *result = result_of(rows[i].text);
        bool same = rows[i].result[0] == '!' ? result[0] == '!' && strstr(result, rows[i].result + 2) != NULL
                                             : strcmp(result, rows[i].result) == 0;
        if (!same) {
            fail_msg("%s\nexpected: %s\nfound:    %s", rows[i].text, rows[i].result, result);
        }
        arena_free(arena);
    }
}
#define CHECK(rows) check_rows(rows, sizeof(rows) / sizeof(rows)[0])

TEST(literals_are_those_of_json_with_strings_in_single_quotes)
{
    static const struct row rows[] = {
        {"1", "1"},
        {"-1", "-1"},
        {"1.5", "1.5"},
        {"-2.5e-3", "-0.0025"},
        {"1e3", "1000.0"},
        {"9223372036854775807", "9223372036854775807"},
        {"9223372036854775808", "9.223372036854776e+18"},
        {"true", "true"},
        {"false", "false"},
        {"null", "null"},
        {"''", "\"\""},
        {"'it''s'", "\"it's\""},
        {"''''", "\"'\""},
        {"'\xC3\xA6 }} \"'", "\"\xC3\xA6 }} \\\"\""},
        {"  'x'\n\t", "\"x\""},
        {"('x')", "\"x\""},
    };
    CHECK(rows);
}

TEST(paths_reach_into_maps_and_lists)
{
    static const struct row rows[] = {
        {"params.n", "3"},
        {"params['n']", "3"},
        {"params[ 'map' ] . c", "! "},
        {"params.map.c.d", "2"},
        {"params.map['a-b']", "1"},
        {"params.map.a-b", "1"},
        {"params.list[0]", "1"},
        {"params.list[3][0]", "2"},
        {"params.list[params.n][0]", "2"},
        {"params", "{"},
        {"steps.train.outputs.n_rows", "7"},
        {"steps['train'].status", "\"succeeded\""},
        {"params.nothing", "null"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strcmp(rows[i].result, "! ") == 0) { /* no blanks before a '.' */
            arena = arena_new();
            assert_null(parse(rows[i].text));
            arena_free(arena);
        } else if (strcmp(rows[i].result, "{") != 0) {
            check_rows(&rows[i], 1);
        } else {
            arena = arena_new();
            assert_int_equal(result_of(rows[i].text)[0], '{');
            arena_free(arena);
        }
    }
}

TEST(a_missing_value_is_an_error_that_names_the_nearest)
{
    static const struct row rows[] = {
        {"params.nn", "! line 1, column 1: params.nn is missing (did you mean 'n'?); 'a ?? b' gives a default"},
        {"nowhere.x", "! nowhere is missing"},
        {"steps.tran.status", "! steps.tran is missing"},
        {"steps.train.outputs.n_row", "! steps.train.outputs.n_row is missing (did you mean 'n_rows'?)"},
        {"params.list[4]", "! params.list[4] is missing"},
        {"params.list[-1]", "! params.list[-1] is missing"},
        {"params['x y']", "! params[\"x y\"] is missing"},
        {"params.list[params.s]", "! expected a map before '.', found a list"},
        {"params.nothing.x", "! params.nothing.x is missing"},
        {"params.n == params.gone", "! params.gone is missing"},
        {"!params.gone", "! params.gone is missing"},
        {"contains(params.gone, 'x')", "! params.gone is missing"},
        {"params.s.x", "! expected a map before '.', found a string"},
        {"params.s[0]", "! expected a list before '[ ]', found a string"},
        {"params.list['a']", "! expected a map before '.', found a list"},
        {"params.list[0.5]", "! expected an integer in '[ ]', found a number"},
        {"params.map[0]", "! expected a list before '[ ]', found a map"},
    };
    CHECK(rows);
}

TEST(a_default_stands_in_for_what_is_missing_or_null_only)
{
    static const struct row rows[] = {
        {"params.gone ?? 1", "1"},
        {"params.nothing ?? 1", "1"},
        {"params.empty ?? 1", "\"\""},
        {"params.no ?? 1", "false"},
        {"params.n ?? params.gone", "3"},
        {"params.gone ?? params.gone2 ?? 'x'", "\"x\""},
        {"params.gone ?? params.gone2", "! params.gone2 is missing"},
        {"params.gone.deeper.still ?? 2", "2"},
        {"steps.gone.outputs.x ?? 'x'", "\"x\""},
        {"(params.gone == 1) ?? false", "false"},
        {"toJSON(params.gone) ?? 'x'", "\"x\""},
        {"params.s.x ?? 1", "! expected a map before '.'"},
        {"fromJSON('{') ?? 1", "! fromJSON: "},
        {"(params.gone < 1) ?? 'x'", "\"x\""},
    };
    CHECK(rows);
}

TEST(equality_is_by_type_and_case)
{
    static const struct row rows[] = {
        {"1 == 1.0", "true"},
        {"1 == '1'", "false"},
        {"1 != '1'", "true"},
        {"0 == false", "false"},
        {"'' == false", "false"},
        {"'' == null", "false"},
        {"null == null", "true"},
        {"params.nothing == null", "true"},
        {"params.s == params.upper", "false"},
        {"params.s == 'text'", "true"},
        {"true == true", "true"},
        {"'true' == true", "false"},
        {"params.list == params.list", "true"},
        {"params.map == fromJSON('{\"c\": {\"d\": 2}, \"a-b\": 1}')", "true"},
        {"params.list == fromJSON('[1, \"a\"]')", "false"},
        {"9007199254740993 == 9007199254740992", "false"},
    };
    CHECK(rows);
}

TEST(order_is_of_two_numbers_or_two_strings)
{
    static const struct row rows[] = {
        {"1 < 2", "true"},
        {"2 < 1.5", "false"},
        {"2 <= 2.0", "true"},
        {"2 >= 2", "true"},
        {"2 > 2", "false"},
        {"-1 < 0", "true"},
        {"'a' < 'b'", "true"},
        {"'B' < 'a'", "true"},
        {"'a' >= 'a'", "true"},
        {"'10' < '9'", "true"},
        {"10 < '9'", "! expected two numbers or two strings, found a string"},
        {"'a' > null", "! expected two numbers or two strings, found null"},
        {"true < false", "! expected two numbers or two strings, found a boolean"},
        {"params.list < 1", "! expected two numbers or two strings, found a list"},
    };
    CHECK(rows);
}

TEST(logic_takes_booleans_and_leaves_out_what_decides_nothing)
{
    static const struct row rows[] = {
        {"true && false", "false"},
        {"true && true", "true"},
        {"false || true", "true"},
        {"false || false", "false"},
        {"!false", "true"},
        {"!!false", "false"},
        {"false && params.gone", "false"},
        {"true || params.gone", "true"},
        {"true && params.gone", "! params.gone is missing"},
        {"false && 'text'", "false"},
        {"true && 'text'", "! expected true or false, found a string"},
        {"'text' || true", "! expected true or false, found a string"},
        {"1 && true", "! expected true or false, found an integer"},
        {"!params.s", "! expected true or false, found a string"},
        {"!null", "! expected true or false, found null"},
    };
    CHECK(rows);
}

TEST(operators_bind_as_in_other_languages_and_group_to_the_left)
{
    static const struct row rows[] = {
        {"true || false && false", "true"},
        {"(true || false) && false", "false"},
        {"!true || true", "true"},
        {"!(true || true)", "false"},
        {"1 < 2 == true", "true"},
        {"1 == 1 && 2 == 2", "true"},
        {"!true == false", "true"},
        {"params.gone ?? 1 == 2", "false"},
        {"(params.gone ?? 1) == 1", "true"},
        {"params.gone ?? false || true", "true"},
        {"3 > 2 != false", "true"},
        {"'a' == 'a' == true", "true"},
    };
    CHECK(rows);
}

TEST(functions_do_what_their_rows_say)
{
    static const struct row rows[] = {
        {"contains('haystack', 'st')", "true"},
        {"contains('haystack', 'St')", "false"},
        {"contains('x', '')", "true"},
        {"contains(params.list, 'a')", "true"},
        {"contains(params.list, 1.0)", "true"},
        {"contains(params.list, '1')", "false"},
        {"contains(params.list, null)", "true"},
        {"contains(params.map, 'c')", "! contains: expected a string as argument 1, found a map"},
        {"contains('1', 1)", "! contains: expected a string as argument 2, found an integer"},
        {"startsWith('refs/tags/v1', 'refs/tags/')", "true"},
        {"startsWith('Refs', 'refs')", "false"},
        {"startsWith(1, '1')", "! startsWith: expected a string as argument 1, found an integer"},
        {"endsWith('a.csv', '.csv')", "true"},
        {"endsWith('a.csv', '.CSV')", "false"},
        {"endsWith('a', null)", "! endsWith: expected a string as argument 2, found null"},
        {"format('{0}-{1}-{0}', 'a', 2)", "\"a-2-a\""},
        {"format('{{0}} {0} }}', true)", "\"{0} true }\""},
        {"format('plain')", "\"plain\""},
        {"format('{1}', 'a')", "! format: '{1}' has no argument"},
        {"format('{0}')", "! format: '{0}' has no argument"},
        {"format('{x}', 'a')", "! format: a '{' is written '{{'"},
        {"format('{', 'a')", "! format: a '{' is written '{{'"},
        {"format('{0}', null)", "! format: null cannot become text: use toJSON()"},
        {"format('{0}', params.list)", "! format: a list cannot become text: use toJSON()"},
        {"format(1)", "! format: expected a string as argument 1, found an integer"},
        {"join(fromJSON('[1, \"a\", true]'), ', ')", "\"1, a, true\""},
        {"join(fromJSON('[1, 2.5]'))", "\"1,2.5\""},
        {"join(fromJSON('[]'), '-')", "\"\""},
        {"join(params.list, '-')", "! join: null cannot become text"},
        {"join('abc', '-')", "! join: expected a list and a separator"},
        {"join(params.list, 1)", "! join: expected a"},
        {"toJSON(params.map)", "\"{\\\"a-b\\\":1,\\\"c\\\":{\\\"d\\\":2}}\""},
        {"toJSON('a\"b')", "\"\\\"a\\\\\\\"b\\\"\""},
        {"toJSON(null)", "\"null\""},
        {"fromJSON('{\"a\": [1, 2]}').a[1]", "2"},
        {"fromJSON(toJSON(params.list)) == params.list", "true"},
        {"fromJSON('{\"a\": 1, \"a\": 2}')", "! fromJSON: "},
        {"fromJSON('nope')", "! line 1, column 1: fromJSON: "},
        {"fromJSON(1)", "1"},
        {"fromJSON(params.list) == params.list", "true"},
        {"hashFiles('*.csv', 'b')", "\"2:*.csv\""},
        {"hashFiles(1)", "! hashFiles: expected a string as argument 1, found an integer"},
        {"date()", "\"2026-01-01T00:00:00Z\""},
        {"date('%Y/%m')", "\"2026/01\""},
        {"date('')", "\"\""},
        {"date(1)", "! date: expected a string as argument 1, found an integer"},
        {"date('%9999d')", "! date: the format gives nothing, or more than 255 bytes"},
        {"success()", "true"},
        {"always()", "true"},
        {"failure()", "false"},
        {"cancelled()", "false"},
        {"nosuch()", "! there is no such function"},
        {"contains('a')", "! it takes another number of arguments"},
    };
    CHECK(rows);
}

TEST(what_a_place_does_not_offer_is_an_error_of_the_call)
{
    struct json value;
    struct err err = {0};
    const struct expr_env nothing = {0};
    arena = arena_new();
    assert_int_equal(expr_eval(parse("success()"), &nothing, arena, &value, &err), -1);
    assert_non_null(strstr(err.message, "it can stand in 'if' only"));
    err_clear(&err);
    assert_int_equal(expr_eval(parse("hashFiles('x')"), &nothing, arena, &value, &err), -1);
    assert_non_null(strstr(err.message, "it is not available here"));
    err_clear(&err);
    assert_int_equal(expr_eval(parse("params.x"), &nothing, arena, &value, &err), -1);
    arena_free(arena);
}

TEST(a_status_function_behind_what_decides_is_not_asked)
{
    struct json value;
    arena = arena_new();
    status_calls = 0;
    assert_int_equal(eval("false && failure()", &value, NULL), 0);
    assert_int_equal(status_calls, 0);
    assert_int_equal(eval("success() || failure()", &value, NULL), 0);
    assert_int_equal(status_calls, 1);
    arena_free(arena);
}

TEST(a_condition_is_true_or_false_and_nothing_else)
{
    struct err err = {0};
    bool holds = false;
    const struct expr_env nothing = {0};
    arena = arena_new();
    assert_int_equal(expr_eval_condition(parse("1 == 1"), &nothing, &holds, &err), 0);
    assert_true(holds);
    assert_int_equal(expr_eval_condition(parse("'true'"), &nothing, &holds, &err), -1);
    assert_non_null(strstr(err.message, "expected true or false, found a string"));
    assert_true(holds);
    arena_free(arena);
}

/* ---- syntax -------------------------------------------------------------------------------------------------- */

TEST(what_is_no_expression_is_told_at_its_place)
{
    static const struct {
        const char *text;
        int line, column;
        const char *says;
        const char *hint;
    } rows[] = {
        {"", 1, 1, "expected a value, found the end of the expression", NULL},
        {"   ", 1, 4, "found the end of the expression", NULL},
        {"a ==", 1, 5, "expected a value, found the end", NULL},
        {"== a", 1, 1, "expected a value, found '='", NULL},
        {"a.", 1, 3, "expected a name behind '.', found the end", NULL},
        {"a..b", 1, 3, "expected a name behind '.', found '.'", NULL},
        {"a.*", 1, 3, "expected a name behind '.', found '*'", NULL},
        {"a[1", 1, 4, "expected ']', found the end", NULL},
        {"a[]", 1, 3, "expected a value, found ']'", NULL},
        {"(a", 1, 3, "expected ')', found the end", NULL},
        {"a)", 1, 2, "expected an operator or the end of the expression, found ')'", NULL},
        {"f(a b)", 1, 5, "expected ',' or ')', found 'b'", NULL},
        {"f(", 1, 3, "expected a value", NULL},
        {"'text", 1, 6, "expected ' that ends the string", NULL},
        {"'it''", 1, 6, "expected ' that ends the string", NULL},
        {"\"text\"", 1, 1, "expected a string in 'single quotes', found '\"'", NULL},
        {"1.2.3", 1, 1, "expected a number, found '1'", NULL},
        {"1e", 1, 1, "expected a number", NULL},
        {"a + 1", 1, 3, "found '+'", "let a script do it"},
        {"a * 2", 1, 3, "found '*'", "let a script do it"},
        {"1 -1", 1, 3, "found '-'", "let a script do it"},
        {"a = 1", 1, 3, "found '='", "compare with '=='"},
        {"a === 1", 1, 5, "expected a value, found '='", NULL},
        {"a & b", 1, 3, "found '&'", "'and' is written '&&'"},
        {"a and b", 1, 3, "found 'and'", "'and' is written '&&'"},
        {"a | b", 1, 3, "found '|'", "'or' is written '||'"},
        {"a or b", 1, 3, "found 'or'", "'or' is written '||'"},
        {"a in b", 1, 3, "found 'in'", "contains(LIST, ITEM)"},
        {"not a", 1, 5, "found 'a'", NULL},
        {"a ? b : c", 1, 3, "found '?'", "'a ?? b' gives a default"},
        {"a ! b", 1, 3, "found '!'", NULL},
        {"a,b", 1, 2, "found ','", NULL},
        {"\xC3\xA6 == 1", 1, 1, "expected a value, found '\xC3\xA6'", NULL},
        {"'\xC3\xA6' \xE2\x82\xAC", 1, 5, "found '\xE2\x82\xAC'", NULL},
        {"a ==\n  'x' 1", 2, 7, "found '1'", NULL},
        {"a\n&& &", 2, 4, "expected a value, found '&'", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        arena = arena_new();
        const struct expr *expr = parse(rows[i].text);
        const struct diag *diag = diags.count == 1 ? &diags.items[0] : NULL;
        if (expr != NULL || diag == NULL || diag->code != DIAG_EXPR_SYNTAX || diag->pos.line != rows[i].line ||
            diag->pos.column != rows[i].column || strstr(diag->message, rows[i].says) == NULL ||
            (rows[i].hint != NULL && (diag->hint == NULL || strstr(diag->hint, rows[i].hint) == NULL))) {
            fail_msg("%s\nexpected %d:%d %s (%s)\nfound %d:%d %s (%s)", rows[i].text, rows[i].line, rows[i].column,
                     rows[i].says, rows[i].hint == NULL ? "" : rows[i].hint, diag == NULL ? 0 : diag->pos.line,
                     diag == NULL ? 0 : diag->pos.column, diag == NULL ? "nothing, or more" : diag->message,
                     diag == NULL || diag->hint == NULL ? "" : diag->hint);
        }
        arena_free(arena);
    }
}

/* `before` and `after`, each so many times around "true". */
static const struct expr *parse_repeated(const char *before, const char *after, int times)
{
    struct strbuf text;
    strbuf_init(&text, 1 << 20);
    for (int i = 0; i < times; i++) {
        strbuf_add_text(&text, before);
    }
    strbuf_add_text(&text, "true");
    for (int i = 0; i < times; i++) {
        strbuf_add_text(&text, after);
    }
    const struct expr *expr = parse(arena_str(arena, strbuf_str(&text)).p);
    strbuf_clear(&text);
    return expr;
}

TEST(depth_and_length_are_bounded)
{
    static const struct {
        const char *before;
        const char *after;
        int fits, too_many;
        const char *says;
    } rows[] = {
        {"(", ")", 63, 64, "fewer levels"},
        {"!", "", 63, 65, "fewer levels"},
        {"f(", ")", 63, 64, "fewer levels"},
        {"a[", "]", 63, 64, "fewer levels"},
        {"", ".a", 32, 33, "a shorter path"},
        {"", "[0]", 32, 33, "a shorter path"},
        {"", " == true", 256, 257, "fewer operators"},
        {"", " ?? true", 256, 257, "fewer operators"},
        {"(", ")", 63, 30000, "fewer levels"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        arena = arena_new();
        if (parse_repeated(rows[i].before, rows[i].after, rows[i].fits) == NULL) {
            fail_msg("%s true %s: %s", rows[i].before, rows[i].after, diags.items[0].message);
        }
        assert_null(parse_repeated(rows[i].before, rows[i].after, rows[i].too_many));
        assert_non_null(strstr(diags.items[0].message, rows[i].says));
        arena_free(arena);
    }
}

TEST(an_expression_over_64_kib_is_refused)
{
    arena = arena_new();
    char *text = arena_alloc(arena, (64 << 10) + 2);
    memset(text, ' ', (64 << 10) + 1);
    text[0] = '1';
    assert_null(parse(text));
    assert_int_equal(diags.items[0].code, DIAG_BOUND);
    text[64 << 10] = '\0';
    assert_non_null(parse(text));
    arena_free(arena);
}

TEST(parsing_takes_memory_in_proportion_to_the_text)
{
    arena = arena_new();
    struct strbuf text;
    strbuf_init(&text, 64 << 10);
    strbuf_add_text(&text, "format(''");
    for (int i = 0; i < 60; i++) { /* 60 times 60 strings and 60 calls */
        strbuf_add_text(&text, ",format(''");
        for (int k = 0; k < 60; k++) {
            strbuf_add_text(&text, ",f(''),''");
        }
        strbuf_truncate(&text, text.length - 3 * 40);
        strbuf_add_text(&text, ")");
    }
    strbuf_add_text(&text, ")");
    size_t before = arena_used_bytes(arena);
    (void)parse(text.data);
    assert_true(arena_used_bytes(arena) - before < 600 * text.length);
    strbuf_clear(&text);
    arena_free(arena);
}

TEST(values_that_double_at_each_call_are_stopped)
{
    struct json value;
    struct err err = {0};
    arena = arena_new();
    struct strbuf text;
    strbuf_init(&text, 64 << 10);
    for (int i = 0; i < 60; i++) {
        strbuf_add_text(&text, "toJSON(");
    }
    strbuf_add_text(&text, "'\"'");
    for (int i = 0; i < 60; i++) {
        strbuf_add_text(&text, ")");
    }
    assert_int_equal(eval(text.data, &value, &err), -1);
    assert_int_equal(err.code, ERR_LIMIT);
    strbuf_clear(&text);
    arena_free(arena);
}

/* ---- walking -------------------------------------------------------------------------------------------------- */

static void note_path(void *ctx, struct str root, const struct str *members, size_t count, const struct expr *at)
{
    (void)at;
    struct strbuf *all = ctx;
    strbuf_printf(all, "%s%.*s", all->length == 0 ? "" : " ", STR_ARG(root));
    for (size_t i = 0; i < count; i++) {
        strbuf_printf(all, ".%.*s", STR_ARG(members[i]));
    }
}

static void note_call(void *ctx, const struct expr *call)
{
    struct strbuf *all = ctx;
    strbuf_printf(all, "%s%.*s()", all->length == 0 ? "" : " ", STR_ARG(call->name));
}

TEST(walking_tells_every_path_and_call_once)
{
    static const struct row rows[] = {
        {"params.a", "params.a"},
        {"params['a'].b['c']", "params.a.b.c"},
        {"params.list[0].x", "params.list"},
        {"params[matrix.name].x", "params matrix.name"},
        {"a.b == 1 && !c || f(d.e, 'x') ?? g", "a.b c f() d.e g"},
        {"fromJSON(steps.a.outputs.n)[params.i].x", "fromJSON() steps.a.outputs.n params.i"},
        {"1 == 'params.a'", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        arena = arena_new();
        struct strbuf all;
        strbuf_init(&all, 1000);
        const struct expr_visitor visitor = {.ctx = &all, .path = note_path, .call = note_call};
        expr_walk(parse(rows[i].text), &visitor);
        assert_string_equal(all.data, rows[i].result);
        strbuf_clear(&all);
        arena_free(arena);
    }
}

TESTS(RUN(literals_are_those_of_json_with_strings_in_single_quotes), RUN(paths_reach_into_maps_and_lists),
      RUN(a_missing_value_is_an_error_that_names_the_nearest),
      RUN(a_default_stands_in_for_what_is_missing_or_null_only), RUN(equality_is_by_type_and_case),
      RUN(order_is_of_two_numbers_or_two_strings), RUN(logic_takes_booleans_and_leaves_out_what_decides_nothing),
      RUN(operators_bind_as_in_other_languages_and_group_to_the_left), RUN(functions_do_what_their_rows_say),
      RUN(what_a_place_does_not_offer_is_an_error_of_the_call), RUN(a_status_function_behind_what_decides_is_not_asked),
      RUN(a_condition_is_true_or_false_and_nothing_else), RUN(what_is_no_expression_is_told_at_its_place),
      RUN(depth_and_length_are_bounded), RUN(an_expression_over_64_kib_is_refused),
      RUN(parsing_takes_memory_in_proportion_to_the_text), RUN(values_that_double_at_each_call_are_stopped),
      RUN(walking_tells_every_path_and_call_once))
