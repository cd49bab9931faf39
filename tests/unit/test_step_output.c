/* SPDX-License-Identifier: Apache-2.0 */
#include "runner/step_output.h"
#include "test.h"

#include <math.h>

struct world {
    struct arena *arena;
    struct err err;
};

static struct world begin(void)
{
    return (struct world){.arena = arena_new()};
}

static struct json read(struct world *w, const char *text)
{
    struct json value = json_null();
    assert_int_equal(json_read(str_from(text), (struct json_limits){0}, w->arena, &value, &w->err), 0);
    return value;
}

static struct step_output_list parse(struct world *w, const char *text)
{
    struct step_output_list list = {0};
    if (step_output_parse(str_from(text), w->arena, &list, &w->err) < 0) {
        fail_msg("%s", w->err.message);
    }
    return list;
}

/* "key=value;key=value" of a list, for comparing. */
static const char *told(struct world *w, const struct step_output_list *list)
{
    const char *all = "";
    for (size_t i = 0; i < list->count; i++) {
        all =
            arena_printf(w->arena, "%s%.*s=%.*s;", all, STR_ARG(list->entries[i].key), STR_ARG(list->entries[i].value));
    }
    return all;
}

TEST(lines_and_blocks_become_entries)
{
    static const struct {
        const char *text;
        const char *expected;
    } cases[] = {
        {"", ""},
        {"\n \r\n", ""},
        {"n=1", "n=1;"},
        {"n=1\r\nm=2\r\n", "n=1;m=2;"},
        {"\xEF\xBB\xBFn=1\n", "n=1;"},
        {" n =  a=b \n", "n=  a=b ;"},
        {"n=\n", "n=;"},
        {"n=x<<y\n", "n=x<<y;"},
        {"n<<END\na\n\nb=c\nEND\nm=2\n", "n=a\n\nb=c;m=2;"},
        {"n<<END\nEND\n", "n=;"},
        {"n<<END\r\na\r\nEND\r\n", "n=a;"},
        {"n<<END\na\r\n\r\nEND\n", "n=a\r\n\r;"},
        {"n<<a=b\nx\na=b\n", "n=x;"},
        {"n=1\nm=2\nn=3\n", "n=3;m=2;"},
        {"model.path-1=x\n_under=y", "model.path-1=x;_under=y;"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct world w = begin();
        struct step_output_list list = parse(&w, cases[i].text);
        assert_string_equal(told(&w, &list), cases[i].expected);
        arena_free(w.arena);
    }
}

TEST(an_entry_knows_its_line)
{
    struct world w = begin();
    struct step_output_list list = parse(&w, "\na=1\nb<<X\n1\n2\nX\nc=3");
    assert_int_equal(list.count, 3);
    assert_int_equal(list.entries[0].line, 2);
    assert_int_equal(list.entries[2].line, 7);
    arena_free(w.arena);
}

TEST(a_malformed_line_is_named)
{
    static const struct {
        const char *text;
        const char *message;
    } cases[] = {
        {"a=1\nhello\n", "line 2: expected key=value or key<<END, found 'hello'"},
        {"=1\n", "line 1: expected key=value or key<<END, found '=1'"},
        {"1a=1\n", "line 1: expected key=value or key<<END, found '1a=1'"},
        {"a b=1\n", "line 1: expected key=value or key<<END, found 'a b=1'"},
        {"a<<\nx\n", "line 1: expected a word behind 'a<<'"},
        {"\na<<END\nx\n", "the block of 'a' that begins in line 2 has no end: expected a line 'END'"},
        {"a=\xff\n", "it is not UTF-8 text"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct world w = begin();
        struct step_output_list list = {0};
        assert_int_equal(step_output_parse(str_from(cases[i].text), w.arena, &list, &w.err), -1);
        assert_string_equal(w.err.message, cases[i].message);
        arena_free(w.arena);
    }
}

TEST(a_nul_and_a_megabyte_are_refused)
{
    struct world w = begin();
    struct step_output_list list = {0};
    assert_int_equal(step_output_parse((struct str){"a=\0b", 4}, w.arena, &list, &w.err), -1);
    err_clear(&w.err);
    char *much = arena_alloc(w.arena, STEP_OUTPUT_MAX_BYTES + 1);
    memset(much, '\n', STEP_OUTPUT_MAX_BYTES + 1);
    assert_int_equal(step_output_parse((struct str){much, STEP_OUTPUT_MAX_BYTES + 1}, w.arena, &list, &w.err), -1);
    assert_int_equal(w.err.code, ERR_LIMIT);
    assert_int_equal(step_output_parse((struct str){much, STEP_OUTPUT_MAX_BYTES}, w.arena, &list, &w.err), 0);
    arena_free(w.arena);
}

TEST(a_text_becomes_a_value_of_its_type)
{
    static const struct {
        const char *type;
        const char *text;
        const char *json; /* NULL: refused */
    } cases[] = {
        {"string", " a ", "\" a \""},
        {"string", "", "\"\""},
        {"path", "out/x", "\"out/x\""},
        {"path", "", NULL},
        {"integer", " 42 ", "42"},
        {"integer", "-9223372036854775808", "-9223372036854775808"},
        {"integer", "9223372036854775808", NULL},
        {"integer", "1.0", NULL},
        {"number", "1", "1"},
        {"number", "2.50", "2.5"},
        {"number", "1e3", "1000.0"},
        {"number", "nan", NULL},
        {"number", "", NULL},
        {"boolean", "true", "true"},
        {"boolean", "yes", NULL},
        {"json", "null", "null"},
        {"json", "{\"a\": [1]}", "{\"a\":[1]}"},
        {"json", "{", NULL},
        {"list", "[1, 2]", "[1,2]"},
        {"list", "[]", "[]"},
        {"list", "{}", NULL},
        {"list", "{\"a\": 1}", NULL},
        {"map", "{}", "{}"},
        {"map", "[]", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct world w = begin();
        struct json value = json_null();
        int result = step_output_value(cases[i].type, str_from(cases[i].text), w.arena, &value, &w.err);
        assert_int_equal(result, cases[i].json == NULL ? -1 : 0);
        if (cases[i].json != NULL) {
            assert_string_equal(json_text(w.arena, &value).p, cases[i].json);
        } else {
            assert_non_null(strstr(w.err.message, "expected"));
        }
        arena_free(w.arena);
    }
}

TEST(a_value_set_by_code_is_checked)
{
    static const struct {
        const char *type;
        const char *json;
        bool good;
    } cases[] = {
        {"integer", "1", true},     {"integer", "1.5", false}, {"number", "1", true},   {"number", "1.5", true},
        {"number", "\"1\"", false}, {"boolean", "true", true}, {"boolean", "1", false}, {"string", "\"x\"", true},
        {"string", "1", false},     {"string", "null", false}, {"path", "\"\"", false}, {"list", "[]", true},
        {"list", "{}", false},
        {"map", "{}", true},        {"map", "[]", false},      {"json", "null", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct world w = begin();
        struct json value = read(&w, cases[i].json);
        assert_int_equal(step_output_check(cases[i].type, &value, &w.err), cases[i].good ? 0 : -1);
        arena_free(w.arena);
    }
    struct err err = {0};
    struct json infinite = json_number(INFINITY);
    assert_int_equal(step_output_check("number", &infinite, &err), -1);
    assert_string_equal(err.message, "expected a finite number");
}

TEST(all_that_is_wrong_is_told_at_once)
{
    struct world w = begin();
    struct json declared = read(&w, "{\"rows\": \"integer\", \"score\": \"number\", \"note\": \"string\"}");
    struct json set = json_object();
    struct step_output_list list = parse(&w, "row=1\nscore=high\nother_thing=1\n");
    struct json values = json_null();
    assert_int_equal(step_output_settle(&declared, &list, &set, w.arena, &values, &w.err), -1);
    assert_string_equal(
        w.err.message,
        "output 'row' (line 1) is not declared: did you mean 'rows'; "
        "output 'score' (line 2): expected a number, found 'high'; "
        "output 'other_thing' (line 3) is not declared: add 'other_thing: string' (or its type) under 'outputs'; "
        "output 'rows' was not set: expected integer; output 'note' was not set: expected string");
    assert_int_equal(values.type, JSON_NULL);
    arena_free(w.arena);
}

TEST(what_the_host_was_told_need_not_stand_in_the_file)
{
    struct world w = begin();
    struct json declared = read(&w, "{\"rows\": \"integer\", \"note\": \"string\"}");
    struct json set = read(&w, "{\"note\": \"x\"}");
    struct step_output_list list = parse(&w, "rows=7\n");
    struct json values = json_null();
    assert_int_equal(step_output_settle(&declared, &list, &set, w.arena, &values, &w.err), 0);
    assert_string_equal(json_text(w.arena, &values).p, "{\"rows\":7}");
    arena_free(w.arena);
}

TESTS(RUN(lines_and_blocks_become_entries), RUN(an_entry_knows_its_line), RUN(a_malformed_line_is_named),
      RUN(a_nul_and_a_megabyte_are_refused), RUN(a_text_becomes_a_value_of_its_type),
      RUN(a_value_set_by_code_is_checked), RUN(all_that_is_wrong_is_told_at_once),
      RUN(what_the_host_was_told_need_not_stand_in_the_file))
