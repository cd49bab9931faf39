/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/expr.h"

#include "test.h"

static struct arena *arena;
static struct diags diags;

static const struct json *context(void *ctx, struct str root, struct str member)
{
    (void)member;
    return json_get_str(ctx, root);
}

static int parse(const char *text, struct template *ret)
{
    diags_init(&diags, arena, "test.yaml");
    return template_parse(json_cstring(arena, text), (struct pos){3, 5}, &diags, ret);
}

/* The value as JSON, or "! " and the message. */
static const char *result_of(const char *text)
{
    static const char known[] =
        "{\"n\": 3, \"x\": 1.5, \"s\": \"it's\", \"yes\": true, \"none\": null, \"list\": [1, 2]}";
    struct json params = json_null();
    struct json value = json_null();
    struct template template;
    struct err err = {0};
    assert_int_equal(json_read(STR(known), (struct json_limits){0}, arena, &params, NULL), 0);
    if (parse(text, &template) < 0) {
        return arena_printf(arena, "! %d:%d %s", diags.items[0].pos.line, diags.items[0].pos.column,
                            diags.items[0].message);
    }
    const struct expr_env env = {.ctx = &params, .context = context};
    return template_eval(&template, &env, arena, &value, &err) == 0 ? json_text(arena, &value).p
                                                                    : arena_printf(arena, "! %s", err.message);
}

struct row {
    const char *text;
    const char *result;
};

static void check_rows(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        arena = arena_new();
        const char *result = result_of(rows[i].text);
        if (rows[i].result[0] == '!' ? strstr(result, rows[i].result) == NULL : strcmp(result, rows[i].result) != 0) {
            fail_msg("%s\nexpected: %s\nfound:    %s", rows[i].text, rows[i].result, result);
        }
        arena_free(arena);
    }
}
#define CHECK(rows) check_rows(rows, sizeof(rows) / sizeof(rows)[0])

TEST(a_scalar_that_is_one_expression_keeps_its_type)
{
    static const struct row rows[] = {
        {"${{ n }}", "3"},          {"${{ x }}", "1.5"},       {"${{ yes }}", "true"},
        {"${{ none }}", "null"},    {"${{ list }}", "[1,2]"},  {"${{n}}", "3"},
        {"${{ 'a}}b' }}", "\"a}}b\""}, {"${{ s }}", "\"it's\""},
    };
    CHECK(rows);
}

TEST(parts_become_one_text)
{
    static const struct row rows[] = {
        {"n=${{ n }}", "\"n=3\""},
        {"${{ n }}${{ n }}", "\"33\""},
        {" ${{ n }}", "\" 3\""},
        {"${{ x }}/${{ yes }}/${{ s }}", "\"1.5/true/it's\""},
        {"a ${{ none }}", "! null cannot stand inside text: use toJSON() or join()"},
        {"a ${{ list }}", "! a list cannot stand inside text"},
        {"a ${{ toJSON(list) }}", "\"a [1,2]\""},
        {"a ${{ gone }}", "! line 3, column 11: gone is missing"},
        {"a\nb ${{ gone }}", "! line 4, column 11: gone is missing"},
    };
    CHECK(rows);
}

TEST(text_without_expressions_stays_as_it_is)
{
    static const struct row rows[] = {
        {"", "\"\""},           {"plain", "\"plain\""}, {"$", "\"$\""},
        {"$$ ${ {{ }}", "\"$$ ${ {{ }}\""}, {"}} $ {{ x }}", "\"}} $ {{ x }}\""},
    };
    CHECK(rows);
}

TEST(a_doubled_dollar_makes_the_braces_text)
{
    static const struct row rows[] = {
        {"$${{ n }}", "\"${{ n }}\""},
        {"a $${{ n }} ${{ n }}", "\"a ${{ n }} 3\""},
        {"$$${{ n }}", "\"$${{ n }}\""},
        {"${{ n }}$${{ n }}", "\"3${{ n }}\""},
        {"$${{ $${{", "\"${{ ${{\""},
    };
    CHECK(rows);
    arena = arena_new();
    struct template template;
    assert_int_equal(parse("$${{ n }}", &template), 0);
    assert_true(template_is_plain(&template));
    assert_int_equal(parse("${{ n }}", &template), 0);
    assert_false(template_is_plain(&template));
    arena_free(arena);
}

TEST(what_is_wrong_is_told_for_every_expression_of_a_text)
{
    static const struct row rows[] = {
        {"a ${{ n", "! 3:7 '${{' has no '}}' that ends it"},
        {"${{ it's }}", "! 3:5 '${{' has no '}}' that ends it"},
        {"${{ }}", "! 3:9 expected a value, found the end of the expression"},
        {"\xC3\xA6 ${{ + }}", "! 3:11 expected a value, found '+'"},
    };
    CHECK(rows);
    arena = arena_new();
    struct template template;
    assert_int_equal(parse("${{ a. }} ${{ n }} ${{ b b }}\n${{ ", &template), -1);
    assert_int_equal(diags.count, 3);
    assert_int_equal(diags.items[1].pos.column, 30);
    assert_int_equal(diags.items[2].pos.line, 4);
    assert_int_equal(diags.items[2].pos.column, 5);
    arena_free(arena);
}

TEST(a_tree_evaluates_leaf_by_leaf_and_names_the_key_that_fails)
{
    struct json params = json_object();
    struct json value;
    struct err err = {0};
    arena = arena_new();
    json_set(arena, &params, "n", json_int(3));
    const struct expr_env env = {.ctx = &params, .context = context};
    struct template_tree leaves[2] = {{.type = JSON_STRING}, {.type = JSON_STRING}};
    const struct str keys[2] = {STR("a"), STR("b")};
    assert_int_equal(parse("${{ n }}", &leaves[0].leaf), 0);
    assert_int_equal(parse("${{ gone }}", &leaves[1].leaf), 0);
    struct template_tree tree = {.type = JSON_OBJECT, .keys = keys, .items = leaves, .count = 1};
    assert_int_equal(template_tree_eval(&tree, &env, arena, &value, &err), 0);
    assert_string_equal(json_text(arena, &value).p, "{\"a\":3}");
    tree.count = 2;
    assert_int_equal(template_tree_eval(&tree, &env, arena, &value, &err), -1);
    assert_non_null(strstr(err.message, "'b': line 3, column 9: gone is missing"));
    arena_free(arena);
}

TEST(a_text_over_16_mib_is_an_error_not_cut)
{
    struct json params = json_object();
    struct json value;
    struct err err = {0};
    struct template template;
    arena = arena_new();
    struct str half = {arena_alloc(arena, EXPR_TEXT_MAX / 2 + 1), EXPR_TEXT_MAX / 2};
    memset((char *)(uintptr_t)half.p, 'x', half.n);
    json_set(arena, &params, "n", (struct json){.type = JSON_STRING, .u.string = half});
    const struct expr_env env = {.ctx = &params, .context = context};
    static const char *const texts[] = {"${{ n }}${{ n }}.", "${{ format('{0}{0}.', n) }}",
                                        "${{ join(fromJSON(format('[\"{0}\",\"{0}\",1]', 'a')), n) }}"};
    assert_int_equal(parse("${{ n }}${{ n }}", &template), 0);
    assert_int_equal(template_eval(&template, &env, arena, &value, &err), 0);
    assert_int_equal(value.u.string.n, EXPR_TEXT_MAX);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        err_clear(&err);
        assert_int_equal(parse(texts[i], &template), 0);
        assert_int_equal(template_eval(&template, &env, arena, &value, &err), -1);
        assert_int_equal(err.code, ERR_LIMIT);
    }
    arena_free(arena);
}

TESTS(RUN(a_scalar_that_is_one_expression_keeps_its_type), RUN(parts_become_one_text),
      RUN(text_without_expressions_stays_as_it_is), RUN(a_doubled_dollar_makes_the_braces_text),
      RUN(what_is_wrong_is_told_for_every_expression_of_a_text),
      RUN(a_tree_evaluates_leaf_by_leaf_and_names_the_key_that_fails), RUN(a_text_over_16_mib_is_an_error_not_cut))
