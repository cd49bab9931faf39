/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/yaml_doc.h"

#include "pipeline/scalar_source.h"
#include "test.h"

#include <stdio.h>

/* One document: its tree as JSON ("-": none), and what was found as "line:column code". */
struct row {
    struct str text;
    const char *json;
    const char *found;
    const char *says;
};

#define OK(yaml, tree) {STR(yaml), tree, "", NULL}
#define WRONG(yaml, tree, where, words) {STR(yaml), tree, where, words}

static struct arena *arena;
static struct diags diags;

static const struct yaml_node *parse(struct str text)
{
    diags_init(&diags, arena, "test.yaml");
    diags.text = text;
    return yaml_doc_parse(&diags);
}

static const char *found_text(void)
{
    const char *all = "";
    for (size_t i = 0; i < diags.count; i++) {
        all = arena_printf(arena, "%s%s%d:%d %s", all, i == 0 ? "" : ", ", diags.items[i].pos.line,
                           diags.items[i].pos.column, diag_code_text(diags.items[i].code));
    }
    return all;
}

static bool says(const char *words)
{
    for (size_t i = 0; i < diags.count; i++) {
        const struct diag *diag = &diags.items[i];
        if (strstr(diag->message, words) != NULL || (diag->hint != NULL && strstr(diag->hint, words) != NULL)) {
            return true;
        }
    }
    return false;
}

static void check_rows(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        arena = arena_new();
        const struct yaml_node *root = parse(rows[i].text);
        struct json value = root == NULL ? json_null() : yaml_to_json(arena, root);
        const char *json = root == NULL ? "-" : json_text(arena, &value).p;
        const char *found = found_text();
        if (strcmp(json, rows[i].json) != 0 || strcmp(found, rows[i].found) != 0 ||
            (rows[i].says != NULL && !says(rows[i].says))) {
            fail_msg("%s\nexpected: %s, %s, saying '%s'\nfound:    %s, %s, saying '%s'", rows[i].text.p, rows[i].json,
                     rows[i].found, rows[i].says == NULL ? "" : rows[i].says, json, found,
                     diags.count == 0 ? "" : diags.items[0].message);
        }
        arena_free(arena);
    }
}
#define CHECK(rows) check_rows(rows, sizeof(rows) / sizeof(rows)[0])

TEST(plain_scalars_resolve_by_the_core_schema_of_yaml_1_2)
{
    static const struct row rows[] = {
        OK("[true, false]", "[true,false]"),
        OK("[yes, no, on, off, y, n, True, TRUE, False, FALSE]",
           "[\"yes\",\"no\",\"on\",\"off\",\"y\",\"n\",\"True\",\"TRUE\",\"False\",\"FALSE\"]"),
        OK("[null, Null, NULL, ~, ]", "[null,null,null,null]"),
        OK("[nULL, NUll, ~~]", "[\"nULL\",\"NUll\",\"~~\"]"),
        OK("{a: , b: null, c: 'null', d: \"\"}", "{\"a\":null,\"b\":null,\"c\":\"null\",\"d\":\"\"}"),
        OK("[0, 7, -7, +7, -0, 9223372036854775807, -9223372036854775808]",
           "[0,7,-7,7,0,9223372036854775807,-9223372036854775808]"),
        OK("[012, 00, -012, +08, 0000]", "[12,0,-12,8,0]"),
        OK("[9223372036854775808]", "[9.223372036854776e+18]"),
        OK("[0o0, 0o17, 0o777777777777777777777, 0x0, 0x1F, 0xaF, 0x7fffffffffffffff]",
           "[0,15,9223372036854775807,0,31,175,9223372036854775807]"),
        OK("[0x8000000000000000, 0o1000000000000000000000]", "[9.223372036854776e+18,9.223372036854776e+18]"),
        OK("[0o, 0x, 0o8, 0xg, -0x1, +0o7, 0X1F, 0O17, 0b11, 1_000, 0x1.8]",
           "[\"0o\",\"0x\",\"0o8\",\"0xg\",\"-0x1\",\"+0o7\",\"0X1F\",\"0O17\",\"0b11\",\"1_000\",\"0x1.8\"]"),
        OK("[1.5, -0.5, .5, 5., 1e3, 1E-3, +1.5e+2, 01.5, 1.e1, -.5, +.5e1, 0., 1e03]",
           "[1.5,-0.5,0.5,5.0,1000.0,0.001,150.0,1.5,10.0,-0.5,5.0,0.0,1000.0]"),
        OK("[1:30, 190:20:30, 2026-01-01, 2026-01-01T10:00:00Z]",
           "[\"1:30\",\"190:20:30\",\"2026-01-01\",\"2026-01-01T10:00:00Z\"]"),
        OK("[inf, NaN, .iNF, .Nan, -.nan, +.nan, .info, +, -., ., e5, .e5, 1e, 1e+, 1.2.3, 1-, ++1, 1e5.0, '-']",
           "[\"inf\",\"NaN\",\".iNF\",\".Nan\",\"-.nan\",\"+.nan\",\".info\",\"+\",\"-.\",\".\",\"e5\",\".e5\",\"1e\","
           "\"1e+\",\"1.2.3\",\"1-\",\"++1\",\"1e5.0\",\"-\"]"),
        OK("['1', \"true\", '~']", "[\"1\",\"true\",\"~\"]"),
        OK("a: |\n  1\nb: >\n  true\n", "{\"a\":\"1\\n\",\"b\":\"true\\n\"}"),
    };
    CHECK(rows);
}

TEST(a_number_that_json_cannot_hold_is_refused_unless_it_is_quoted_or_a_key)
{
    static const struct row rows[] = {
        WRONG("a: .inf", "{\"a\":\".inf\"}", "1:4 E006", "expected a finite number, found '.inf'"),
        WRONG("[.Inf, .INF, -.inf, +.Inf, -.INF]", "[\".Inf\",\".INF\",\"-.inf\",\"+.Inf\",\"-.INF\"]",
              "1:2 E006, 1:8 E006, 1:14 E006, 1:21 E006, 1:28 E006", NULL),
        WRONG("- .nan\n- .NaN\n- .NAN\n", "[\".nan\",\".NaN\",\".NAN\"]", "1:3 E006, 2:3 E006, 3:3 E006",
              "write it in quotes if it is text"),
        WRONG("1e999", "\"1e999\"", "1:1 E006", "'1e999'"),
        WRONG("{a: -1.0e+400}", "{\"a\":\"-1.0e+400\"}", "1:5 E006", NULL),
        OK("{.inf: 1, 1e999: 2, a: '.inf', b: \".nan\"}", "{\".inf\":1,\"1e999\":2,\"a\":\".inf\",\"b\":\".nan\"}"),
        OK("a: |\n  .inf\n", "{\"a\":\".inf\\n\"}"),
        OK("a: 1e-999", "{\"a\":0.0}"),
    };
    CHECK(rows);
}

TEST(a_plain_number_keeps_the_text_it_was_written_with)
{
    arena = arena_new();
    const struct yaml_node *root = parse(STR("version: 1.10"));
    const struct yaml_node *version = yaml_get(root, "version");
    assert_non_null(version);
    assert_true(version->plain && version->type == JSON_NUMBER);
    assert_true(str_is(version->text, "1.10"));
    arena_free(arena);
}

TEST(on_is_a_key_like_any_other)
{
    static const struct row rows[] = {
        OK("on: {push: 1}\nyes: 2\n~: 3\n1: 4\n", "{\"on\":{\"push\":1},\"yes\":2,\"~\":3,\"1\":4}"),
    };
    CHECK(rows);
}

TEST(anchors_aliases_merge_keys_and_tags_are_refused_all_at_once)
{
    static const struct row rows[] = {
        WRONG("a: &x 1\nb: *x\n", "{\"a\":1,\"b\":null}", "1:4 E001, 2:4 E001", "aliases ('*x') are not accepted"),
        WRONG("a: &x {b: 1}\nc: &y [1]\n", "{\"a\":{\"b\":1},\"c\":[1]}", "1:4 E001, 2:4 E001",
              "write the value out where it is used"),
        WRONG("a: {<<: {b: 1}}\n", "{\"a\":{\"<<\":{\"b\":1}}}", "1:5 E001", "write the keys out"),
        OK("a: {'<<': 1}\n", "{\"a\":{\"<<\":1}}"),
        WRONG("a: !!str 1\nb: !local x\nc: ! y\nd: ! 'z'\n", "{\"a\":1,\"b\":\"x\",\"c\":\"y\",\"d\":\"z\"}",
              "1:4 E001, 2:4 E001, 3:4 E001, 4:4 E001", "tags ('tag:yaml.org,2002:str') are not accepted"),
        WRONG("a: !!map {b: 1}\nc: !!seq [1]\n", "{\"a\":{\"b\":1},\"c\":[1]}", "1:4 E001, 2:4 E001", NULL),
        WRONG("*x : 1\n", "{\"\":1}", "1:1 E001", NULL),
    };
    CHECK(rows);
}

TEST(a_file_is_one_document_and_not_an_empty_one)
{
    static const struct row rows[] = {
        OK("---\na: 1\n", "{\"a\":1}"),
        OK("%YAML 1.2\n---\na: 1\n...\n", "{\"a\":1}"),
        WRONG("a: 1\n---\nb: 2\n", "-", "2:1 E001", "a second document"),
        WRONG("", "-", "1:1 E001", "the file is empty"),
        WRONG("# nothing but a comment\n", "-", "1:1 E001", "the file is empty"),
        WRONG("\xEF\xBB\xBF", "-", "1:1 E001", "the file is empty"),
    };
    CHECK(rows);
}

TEST(duplicate_keys_are_told_with_the_line_of_the_first)
{
    static const struct row rows[] = {
        WRONG("a: 1\nb: 2\na: 3\n", "{\"a\":1,\"b\":2,\"a\":3}", "3:1 E004", "it stands first in line 1"),
        WRONG("a: 1\n'a': 2\na: 3\n", "{\"a\":1,\"a\":2,\"a\":3}", "2:1 E004, 3:1 E004", NULL),
        WRONG("x: {a: 1, \"\\x61\": 2}\n", "{\"x\":{\"a\":1,\"a\":2}}", "1:11 E004", "the key 'a' stands twice"),
        OK("a: 1\nA: 2\n", "{\"a\":1,\"A\":2}"),
        WRONG("? [1]\n: 2\n", "{\"\":2}", "1:3 E005", "expected a key, found a list"),
        WRONG("{a: 1}: 2\n", "{\"\":2}", "1:1 E005", "expected a key, found a map"),
    };
    CHECK(rows);
}

TEST(a_duplicate_among_many_keys_is_found_too)
{
    struct strbuf text;
    arena = arena_new();
    strbuf_init(&text, 1 << 20);
    for (int i = 0; i < 1000; i++) {
        strbuf_printf(&text, "key%d: %d\n", i, i);
    }
    strbuf_add_text(&text, "key500: again\n");
    assert_non_null(parse(strbuf_str(&text)));
    assert_string_equal(found_text(), "1001:1 E004");
    assert_string_equal(diags.items[0].hint, "it stands first in line 501");
    strbuf_clear(&text);
    arena_free(arena);
}

TEST(what_is_not_yaml_is_told_with_its_place)
{
    static const struct row rows[] = {
        WRONG("a: [1, 2\nb: 3\n", "-", "2:2 E001", NULL),
        WRONG("a: 'text\n", "-", "2:1 E001", "found unexpected end of stream"),
        WRONG("a:\n\tb: 1\n", "-", "2:1 E001", "YAML is indented by blanks, not tabs"),
        WRONG("a: {run: echo \"hi: b}\n", "-", "1:18 E001",
              "between { and }, text with quotes, commas or braces in it stands in quotes as a whole"),
        WRONG("a: b: c\n", "-", "1:5 E001", "mapping values are not allowed"),
        WRONG("a: ${{ x }}\nb: {{ y }}\n", "{\"a\":\"${{ x }}\",\"b\":{\"\":null}}", "2:5 E005", NULL),
        WRONG("a: @x\n", "-", "1:4 E001", "cannot start any token"),
        WRONG("a: 1\n b: 2\n", "-", "2:3 E001", NULL),
    };
    CHECK(rows);
}

TEST(line_ends_and_byte_order_marks_of_other_editors_are_accepted)
{
    static const struct row rows[] = {
        OK("a: 1\r\nb: |\r\n  x\r\n  y\r\n", "{\"a\":1,\"b\":\"x\\ny\\n\"}"),
        OK("\xEF\xBB\xBF" "a: 1\n", "{\"a\":1}"),
        OK("a: \"\xC3\xA6 \xE2\x82\xAC \xF0\x9F\x98\x80\"\n", "{\"a\":\"\xC3\xA6 \xE2\x82\xAC \xF0\x9F\x98\x80\"}"),
        OK("a:\tx\nb: 'x\ty'\n", "{\"a\":\"x\",\"b\":\"x\\ty\"}"),
    };
    CHECK(rows);
}

TEST(bytes_that_are_no_text_are_refused_where_they_stand)
{
    static const struct row rows[] = {
        WRONG("a: x\0y\n", "-", "1:5 E001", "a NUL byte (U+0000)"),
        WRONG("a: 1\nb: \xFF\n", "-", "2:4 E001", "a byte that is no UTF-8: 0xFF"),
        WRONG("a: \xC3", "-", "1:4 E001", "0xC3"),
        WRONG("a: \xED\xA0\x80\n", "-", "1:4 E001", "0xED"),
        WRONG("a: \xC0\xAF\n", "-", "1:4 E001", "0xC0"),
        WRONG("a: \xC3\xA6 \x07\n", "-", "1:6 E001", "a control character (U+0007)"),
        WRONG("a: \x1b[31m\n", "-", "1:4 E001", "U+001B"),
        WRONG("a: \x7F\n", "-", "1:4 E001", "U+007F"),
        WRONG("a: 1\rb: 2\n", "-", "1:5 E001", "a carriage return without a line feed"),
        WRONG("a: |\n  # x\xC2\x85  rm\n", "-", "2:6 E001", "a line break that editors do not show (U+0085)"),
        WRONG("a: x\xE2\x80\xA8y\n", "-", "1:5 E001", "U+2028"),
        WRONG("a: x\xE2\x80\xA9y\n", "-", "1:5 E001", "U+2029"),
        WRONG("a: x\xEF\xBB\xBFy\n", "-", "1:5 E001", "a byte order mark inside the text"),
        WRONG("a: \xEF\xBF\xBF\n", "-", "1:4 E001", "U+FFFF"),
        WRONG("a\0\0\0:\0\0\0", "-", "1:2 E001", NULL),
    };
    CHECK(rows);
}

TEST(escapes_in_double_quotes_give_any_character_but_nul)
{
    static const struct row rows[] = {
        OK("a: \"\\t\\x07\\u2028\\U0001F600\"\n", "{\"a\":\"\\t\\u0007\xE2\x80\xA8\xF0\x9F\x98\x80\"}"),
        WRONG("a: \"x\\0y\"\n", "{\"a\":\"x\\u0000y\"}", "1:4 E001", "a text with a NUL"),
        WRONG("\"a\\0\": 1\n", "{\"a\\u0000\":1}", "1:1 E001", "a text with a NUL"),
        WRONG("a: \"\\ud800\"\n", "-", "1:7 E001", "invalid Unicode character escape"),
        WRONG("a: \"\\q\"\n", "-", "1:5 E001", "unknown escape character"),
    };
    CHECK(rows);
}

static void add_times(struct strbuf *text, const char *what, int times)
{
    for (int i = 0; i < times; i++) {
        strbuf_add_text(text, what);
    }
}

static const char *parse_nested(int depth, const char *open, const char *close)
{
    struct strbuf text;
    strbuf_init(&text, 4 << 20);
    add_times(&text, open, depth);
    add_times(&text, close, depth);
    const struct yaml_node *root = parse(strbuf_str(&text));
    assert_true((root == NULL) == (diags.errors > 0));
    strbuf_clear(&text);
    return found_text();
}

TEST(nesting_is_accepted_up_to_64_levels)
{
    arena = arena_new();
    assert_string_equal(parse_nested(64, "[", "]"), "");
    assert_string_equal(parse_nested(65, "[", "]"), "1:65 E002");
    assert_string_equal(parse_nested(64, "{a: ", "}"), "");
    assert_string_equal(parse_nested(65, "{a: ", "}"), "1:257 E002");
    assert_string_equal(parse_nested(500000, "[", ""), "1:65 E002");
    assert_true(says("nested more than 64 deep"));
    arena_free(arena);
}

TEST(a_file_over_16_mib_is_refused_unread)
{
    arena = arena_new();
    struct str text = {arena_alloc(arena, YAML_MAX_BYTES + 2), YAML_MAX_BYTES};
    memset((char *)(uintptr_t)text.p, '#', text.n + 1);
    assert_null(parse(text));
    assert_string_equal(found_text(), "1:1 E001"); /* a comment of 16 MiB is an empty file */
    text.n++;
    assert_null(parse(text));
    assert_string_equal(found_text(), "0:0 E002");
    assert_true(says("larger than 16 MiB"));
    arena_free(arena);
}

TEST(a_bomb_of_aliases_ends_early)
{
    struct strbuf text;
    arena = arena_new();
    strbuf_init(&text, 4 << 20);
    strbuf_add_text(&text, "a0: &a0 [x]\n");
    for (int i = 1; text.length < 1 << 20; i++) {
        strbuf_printf(&text, "a%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d]\n", i, i, i - 1, i - 1, i - 1, i - 1, i - 1);
    }
    assert_null(parse(strbuf_str(&text)));
    assert_true(diags.errors > 100 && diags.errors < 300);
    strbuf_clear(&text);
    arena_free(arena);
}

/* Where a node's text begins, for positions inside it. */
TEST(content_begins_behind_the_quote_or_on_the_line_below_the_mark_of_a_block)
{
    static const struct {
        const char *yaml;
        int line, column;
    } rows[] = {
        {"a: text", 1, 4},        {"a: 'text'", 1, 5},          {"a: \"text\"", 1, 5},
        {"a: |\n  text", 2, 3},   {"a: >-\n\n\n    text", 2, 1}, {"a:\n  text\n  more", 2, 3},
        {"\xC3\xA6: 'x'", 1, 5}, {"\xEF\xBB\xBF" "a: x", 1, 4},
    };
    arena = arena_new();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct yaml_node *root = parse(str_from(rows[i].yaml));
        assert_non_null(root);
        struct pos found = scalar_source_find(&diags, yaml_content(&diags, &root->pairs[0].value));
        if (found.line != rows[i].line || found.column != rows[i].column) {
            fail_msg("%s: expected %d:%d, found %d:%d", rows[i].yaml, rows[i].line, rows[i].column, found.line,
                     found.column);
        }
    }
    arena_free(arena);
}

TESTS(RUN(plain_scalars_resolve_by_the_core_schema_of_yaml_1_2),
      RUN(a_number_that_json_cannot_hold_is_refused_unless_it_is_quoted_or_a_key),
      RUN(a_plain_number_keeps_the_text_it_was_written_with), RUN(on_is_a_key_like_any_other),
      RUN(anchors_aliases_merge_keys_and_tags_are_refused_all_at_once),
      RUN(a_file_is_one_document_and_not_an_empty_one), RUN(duplicate_keys_are_told_with_the_line_of_the_first),
      RUN(a_duplicate_among_many_keys_is_found_too), RUN(what_is_not_yaml_is_told_with_its_place),
      RUN(line_ends_and_byte_order_marks_of_other_editors_are_accepted),
      RUN(bytes_that_are_no_text_are_refused_where_they_stand),
      RUN(escapes_in_double_quotes_give_any_character_but_nul), RUN(nesting_is_accepted_up_to_64_levels),
      RUN(a_file_over_16_mib_is_refused_unread), RUN(a_bomb_of_aliases_ends_early),
      RUN(content_begins_behind_the_quote_or_on_the_line_below_the_mark_of_a_block))
