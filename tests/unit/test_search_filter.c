/* SPDX-License-Identifier: Apache-2.0 */
#include "base/fs.h"
#include "filter_text.h"
#include "test.h"

#include <stdio.h>

/* The tree, or the message behind "! ". */
static const char *parsed(struct arena *arena, enum search_family family, const char *text)
{
    struct err err = {0};
    const struct filter *tree = NULL;
    struct strbuf out;
    strbuf_init(&out, 1 << 20);
    if (filter_parse(family, text, arena, &tree, &err) < 0) {
        strbuf_printf(&out, "! %s", err.message);
    } else if (tree != NULL) {
        filter_text(&out, tree);
    }
    const char *result = arena_dup(arena, out.data, out.length);
    strbuf_clear(&out);
    return result;
}

struct parse_case {
    const char *text;
    const char *expected; /* of an error its beginning */
};

static void check(enum search_family family, const struct parse_case *cases, size_t count)
{
    struct arena *arena = arena_new();
    for (size_t i = 0; i < count; i++) {
        const char *found = parsed(arena, family, cases[i].text);
        bool same = cases[i].expected[0] == '!' ? strncmp(found, cases[i].expected, strlen(cases[i].expected)) == 0
                                                : strcmp(found, cases[i].expected) == 0;
        if (!same) {
            fail_msg("%s\n  expected %s\n  found    %s", cases[i].text, cases[i].expected, found);
        }
    }
    arena_free(arena);
}
#define CHECK(family, cases) check(family, cases, sizeof cases / sizeof cases[0])

/* ---- what MLflow takes, as it takes it (mlflow 3.17) ---------------------------------------------------- */

TEST(filters_of_runs_mean_what_they_mean_to_mlflow)
{
    static const struct parse_case cases[] = {
        {NULL, ""},
        {"", ""},
        {"AND", ""},
        {"metrics.a > 1", "metric \"a\" > 1"},
        {"metric.a>=-1.5", "metric \"a\" >= -1.5"},
        {"metrics.a < .5", "metric \"a\" < 0.5"},
        {"metrics.a <= 1.", "metric \"a\" <= 1"},
        {"metrics.a != 1E-5", "metric \"a\" != 1.0000000000000001e-05"},
        {"metrics.a = 1e400", "metric \"a\" = inf"},
        {"metrics.a > -1e400", "metric \"a\" > -inf"},
        {"metrics.a.b.c > 1", "metric \"a.b.c\" > 1"},
        {"metrics.`a b` > 1", "metric \"a b\" > 1"},
        {"metrics.\"a-b\" > 1", "metric \"a-b\" > 1"},
        {"metrics.'a/b' > 1", "metric \"a/b\" > 1"},
        {"`metrics`.a > 1", "metric \"a\" > 1"},
        {"metrics. a > 1", "metric \" a\" > 1"},
        {"metrics.1a > 1", "metric \"1a\" > 1"},
        {"metrics.count > 1", "metric \"count\" > 1"},
        {"params.a = 'x'", "param \"a\" = \"x\""},
        {"param.a = \"x\"", "param \"a\" = \"x\""},
        {"parameter.a != ''", "param \"a\" != \"\""},
        {"parameters.a = 'it''s'", "param \"a\" = \"it''s\""}, /* quotes inside stay as they are */
        {"params.a = 'it\\'s'", "param \"a\" = \"it\\\\'s\""},
        {"params.a = 'x\\'", "param \"a\" = \"x\\\\\""},
        {"params.a LiKe 'x%'", "param \"a\" LIKE \"x%\""},
        {"tags.a ilike '_x'", "tag \"a\" ILIKE \"_x\""},
        {"tag.mlflow.source.name = 'x'", "tag \"mlflow.source.name\" = \"x\""},
        {"params.a is null", "param \"a\" IS NULL"},
        {"tags.a IS NOT NULL", "tag \"a\" IS NOT NULL"},
        {"start_time > 1", "start_time > 1"},
        {"end_time <= 1.5", "end_time <= 1.5"},
        {"created = 9223372036854775807", "start_time = 9223372036854775807"},
        {"Created > -9223372036854775808", "start_time > -9223372036854775808"},
        {"`run name` = 'x'", "run_name = \"x\""},
        {"\"Run Name\" != 'x'", "run_name != \"x\""},
        {"attributes.`Run name` LIKE 'x'", "run_name LIKE \"x\""},
        {"attr.status = 'x'", "status = \"x\""},
        {"run.user_id = 'x'", "user_id = \"x\""},
        {"attribute.artifact_uri = 'x'", "artifact_uri = \"x\""},
        {"run_id IN ('a', \"B\")", "run_id IN [\"a\", \"B\"]"},
        {"run_id not  in('a',)", "run_id NOT IN [\"a\"]"},
        {"run_id IN ('a' 'b', '\\x41\\u00e9\\n\\q')", "run_id IN [\"ab\", \"A\xc3\xa9\\n\\\\q\"]"},
        {"run_id IN ('it''s')", "run_id IN [\"its\"]"}, /* lists are Python's: two texts behind one another */
        {"dataset.name = 'x'", "dataset \"name\" = \"x\""},
        {"datasets.digest in ('x', 'y')", "dataset \"digest\" IN [\"x\", \"y\"]"},
        {"dataset.context LIKE 'x'", "dataset \"context\" LIKE \"x\""},
        {"metrics.a > 1 and params.b = 'x'", "all(metric \"a\" > 1; param \"b\" = \"x\")"},
        {"metrics.a > 1 metrics.b > 2", "all(metric \"a\" > 1; metric \"b\" > 2)"},
        {"params.a='x'AND params.b='y'", "all(param \"a\" = \"x\"; param \"b\" = \"y\")"},
        {"AND AND metrics.a > 1 AND", "metric \"a\" > 1"},
        {"metrics.a\n>\t1\r\nAND\nmetrics.b > 1", "all(metric \"a\" > 1; metric \"b\" > 1)"},
    };
    CHECK(SEARCH_RUNS, cases);
}

TEST(what_mlflow_refuses_of_runs_is_refused_in_its_words)
{
    static const struct parse_case cases[] = {
        {" ", "! Invalid filter ' '. Could not be parsed."},
        {"metrics.a", "! Invalid clause(s) in filter string: 'metrics.a'"},
        {"metrics.a >", "! Invalid clause(s) in filter string: 'metrics.a', '>': expected a value behind the operator"},
        {"metrics.a > 1;", "! Invalid clause(s) in filter string: ';'"},
        {"metrics.a > 1; metrics.b > 1", "! Search filter contained multiple expression 'metrics.a > 1; metrics.b > "
                                         "1'. Provide AND-ed expression list."},
        {"metrics.a > 1 -- 2", "! Invalid clause(s) in filter string: '-- 2'"},
        {"metrics.a > 1 2", "! Invalid clause(s) in filter string: '2'"},
        {"metrics.a-b > 1", "! Invalid clause(s) in filter string: 'metrics.a-b', '>', '1': expected a comparison"},
        {"metrics.a > +1", "! Invalid clause(s) in filter string: 'metrics.a', '> +1'"},
        {"metrics.a BETWEEN 1 AND 2",
         "! Invalid clause(s) in filter string: 'metrics.a', 'BETWEEN', '1': expected a comparison"},
        {"params.a = 'x", "! Invalid clause(s) in filter string: "},
        {"1 < metrics.a", "! Invalid comparison clause. Expected 'Identifier' found '1'"},
        {"foo.a > 1", "! Invalid entity type 'foo'. Valid values are ['metric', 'parameter', 'tag', 'attribute', "
                      "'dataset']"},
        {"METRICS.a > 1", "! Invalid entity type 'METRICS'."},
        {"\"metrics\".a > 1", "! Invalid entity type '\"metrics\"'."},
        {"metrics . a > 1", "! Invalid entity type 'metrics '."},
        {"name = 'x'", "! Invalid attribute key 'name' specified. Valid keys are '{'artifact_uri', "},
        {"dataset.foo = 'x'", "! Invalid dataset key 'foo' specified."},
        {"metrics.a > '1'", "! Expected numeric value type for metric. Found '1'"},
        {"metrics.a > 1AND", "! Expected numeric value type for metric. Found 1AND"},
        {"metrics.a > nan", "! Expected numeric value type for metric. Found nan"},
        {"metrics.a == 1", "! Invalid comparator '==' not one of '{"},
        {"metrics.a <> 1", "! Invalid comparator '<>' not one of '{"},
        {"metrics.a LIKE 1", "! Invalid comparator 'LIKE' not one of '{"},
        {"params.a > 'x'", "! Invalid comparator '>' not one of '{"},
        {"params.a RLIKE 'x'", "! Invalid comparator 'RLIKE' not one of '{"},
        {"params.a = x", "! Parameter value is either not quoted or unidentified quote types used for string value x."},
        {"params.a = `x`", "! Parameter value is either not quoted or unidentified quote types"},
        {"params.a = 5", "! Expected a quoted string value for parameter (e.g. 'my-value'). Got value 5"},
        {"tags.a = 5", "! Expected a quoted string value for tag (e.g. 'my-value'). Got value 5"},
        {"params.a IN ('x')", "! Expected a quoted string value for parameter (e.g. 'my-value'). Got value ('x')"},
        {"start_time > '1'", "! Expected numeric value type for numeric attribute: start_time. Found '1'"},
        {"start_time LIKE 1", "! Invalid comparator 'LIKE' not one of '{"},
        {"status = 5", "! Expected a quoted string value for attributes. Got value 5"},
        {"status IN ('a')", "! Only ['run_id'] attributes support comparison with a list of quoted string values."},
        {"status >= 'x'", "! Invalid comparator '>=' not one of '{"},
        {"run_id = ('a')", "! Invalid comparator '=' not one of '{"},
        {"run_id IN 'a'",
         "! Invalid clause(s) in filter string: 'run_id', 'IN', ''a'': expected a list in parentheses"},
        {"run_id IN ()", "! While parsing a list in the query, expected a non-empty list of string values, but got "
                         "empty list"},
        {"run_id IN (1)", "! While parsing a list in the query, expected string value, punctuation, or whitespace, but "
                          "got different type in list"},
        {"run_id IN (a)", "! While parsing a list in the query, expected a non-empty list of string values, but got "
                          "ill-formed list"},
        {"run_id IN ('a'", "! While parsing a list in the query, "},
        {"dataset.name = 5", "! Expected a quoted string value for dataset attributes. Got value 5"},
        {"dataset.name > 'x'", "! Invalid comparator '>' not one of '{"},
    };
    CHECK(SEARCH_RUNS, cases);
}

TEST(filters_of_experiments_mean_what_they_mean_to_mlflow)
{
    static const struct parse_case cases[] = {
        {"name LIKE 'x%'", "name LIKE \"x%\""},
        {"attribute.`name` = 'x'", "name = \"x\""},
        {"experiment_id = '5'", "experiment_id = \"5\""},
        {"experiment_id in ('5', ' 6 ')", "experiment_id IN [\"5\", \" 6 \"]"},
        {"creation_time >= 5", "creation_time >= 5"},
        {"last_update_time != 5", "last_update_time != 5"},
        {"tags.a = 'x' AND tag.b IS NULL", "all(tag \"a\" = \"x\"; tag \"b\" IS NULL)"},
        {"attributes.name = 'x'", "! Invalid entity type 'attributes'. Valid entity types are ('attribute', 'tag', "
                                  "'tags')"},
        {"metrics.a > 1", "! Invalid entity type 'metrics'."},
        {"foo = 'x'", "! Invalid attribute key 'foo' specified."},
        {"name IN ('x')", "! Only ['experiment_id'] attributes support comparison"},
        {"name > 'x'", "! Invalid comparator '>' not one of '{"},
        {"tags.a > 'x'", "! Invalid comparator for tag: >"},
        {"creation_time > 5.5", "! Invalid value for numeric attribute 'creation_time': '5.5'"},
        {"creation_time > '5'", "! Expected numeric value type for numeric attribute: creation_time. Found '5'"},
        {"experiment_id = 'x'", "! Invalid experiment ID 'x'. Experiment ID must be a valid integer."},
        {"experiment_id IN ('1', 'x')", "! Invalid experiment ID 'x'."},
        {"experiment_id LIKE '5'", "! Invalid comparator for experiment_id: LIKE"},
        {"name = 'a' name = 'b';", "! Invalid clause(s) in filter string: ;: expected a name"},
    };
    CHECK(SEARCH_EXPERIMENTS, cases);
}

TEST(filters_of_the_registry_mean_what_they_mean_to_mlflow)
{
    static const struct parse_case models[] = {
        {"name ilike 'X%'", "name ILIKE \"X%\""},
        {"name IN ('x', 'y')", "name IN [\"x\", \"y\"]"},
        {"attribute.name != 'x'", "name != \"x\""},
        {"tags.`mlflow.prompt.is_prompt` = 'true'", "tag \"mlflow.prompt.is_prompt\" = \"true\""},
        {"name = 5", "! Expected a quoted string value or a list of quoted string values for attributes. Got value 5"},
        {"name > 'x'", "! Invalid comparator for attribute: >"},
        {"tags.a > 'x'", "! Invalid comparator for tag: >"},
        {"tags.a IN ('x')", "! Expected a quoted string value for tag (e.g. 'my-value'). Got value ('x')"},
        {"params.a = 'x'", "! Invalid entity type 'params'."},
        {"creation_timestamp > 5", "! Invalid attribute key 'creation_timestamp' specified. Valid keys are '{'name'}'"},
    };
    static const struct parse_case versions[] = {
        {"name = 'x' and version_number > 2", "all(name = \"x\"; version_number > 2)"},
        {"version_number = '5'", "version_number = 5"},
        {"run_id IN ('x')", "run_id IN [\"x\"]"},
        {"name NOT IN ('x')", "name NOT IN [\"x\"]"},
        {"source_path LIKE 's3:%'", "source_path LIKE \"s3:%\""},
        {"version_number >= 5.5", "! Invalid value for numeric attribute 'version_number': '5.5'"},
        {"version_number = 'x'", "! Invalid value for numeric attribute 'version_number': 'x'"},
        {"version_number LIKE 5", "! Invalid comparator for attribute: LIKE"},
        {"source_path IN ('x')", "! Only ['name', 'run_id'] attributes support comparison"},
        {"name = 5", "! Only the '{'version_number'}' attributes support comparison with numeric values."},
        {"creation_timestamp > 5", "! Invalid attribute key 'creation_timestamp' specified."},
    };
    CHECK(SEARCH_REGISTERED, models);
    CHECK(SEARCH_VERSIONS, versions);
}

TEST(filters_of_logged_models_mean_what_they_mean_to_mlflow)
{
    static const struct parse_case cases[] = {
        {"name = 'x'", "name = \"x\""},
        {"name = x", "name = \"x\""},             /* quotes are not needed, */
        {"name = \"x\"", "name = \"\\\"x\\\"\""}, /* and only single ones come off */
        {"name = '''x'", "name = \"x\""},
        {"name = 5", "name = \"5\""},
        {"attributes.status = 'READY'", "status = \"READY\""},
        {"metrics.a > 1e5", "metric \"a\" > 100000"},
        {"metrics.`a b` > 1", "metric \"a b\" > 1"},
        {"metrics.\"a b\" > 1", "metric \"\\\"a b\\\"\" > 1"},
        {"params.lr = 0.1", "param \"lr\" = \"0.1\""},
        {"params.lr IN ('1', '2')", "param \"lr\" IN [\"1\", \"2\"]"},
        {"name not in ('x')", "name NOT IN [\"x\"]"},
        {"tags.a.b like 'x%'", "tag \"a.b\" LIKE \"x%\""},
        {"creation_time > 5", "creation_timestamp > 5"},
        {"last_updated_timestamp_ms > 5", "last_updated_timestamp > 5"},
        {"metric.a > 1", "! Invalid entity type: 'metric'. Expected one of ['attributes', 'metrics', 'params', "
                         "'tags']."},
        {"Metrics.a > 1", "! Invalid attribute key 'Metrics.a' specified."},
        {"foo = 'x'", "! Invalid attribute key 'foo' specified."},
        {"metrics.a LIKE 1", "! Invalid comparison operator for metrics.a: 'LIKE'. Expected one of ("},
        {"params.a > '1'", "! Invalid comparison operator for params.a: '>'. Expected one of ("},
        {"metrics.a > x", "! expected a number, found 'x'"},
        {"name = ('x')", "! Invalid comparison operator for name: '='."},
    };
    CHECK(SEARCH_LOGGED_MODELS, cases);
}

TEST(what_does_not_fit_is_listed_as_mlflow_lists_it)
{
    static const struct parse_case of_runs[] = {
        {"foo bar", "! Invalid clause(s) in filter string: 'foo bar': expected a comparison"},
        {"a.b c.d e.f", "! Invalid clause(s) in filter string: 'a.b c.d', 'e.f': "},
        {"foo 1", "! Invalid clause(s) in filter string: 'foo', '1': "},
        {"status = 'a' AND foo", "! Invalid clause(s) in filter string: 'foo': "},
        {"status LIKE", "! Invalid clause(s) in filter string: 'status', 'LIKE': expected a value"},
    };
    static const struct parse_case of_registered[] = {
        {"name = ", "! Invalid clause(s) in filter string: name, =: expected a value behind the operator"},
        {"= 'a'", "! Invalid clause(s) in filter string: =, 'a': expected a name"},
        {"name 'a'", "! Invalid clause(s) in filter string: name, 'a': "},
        {"1 foo", "! Invalid clause(s) in filter string: 1 foo: "},
        {"foo, bar", "! Invalid clause(s) in filter string: foo, bar: "},
        {"name = 'a',", "! Invalid clause(s) in filter string: ,: "},
        {"foo (a)", "! Invalid clause(s) in filter string: foo (a): "},
        {"select 1", "! Invalid clause(s) in filter string: select, 1: "},
        {"foo'", "! Invalid clause(s) in filter string: foo': "},
        {"(name = 'a' OR name", "! Invalid clause(s) in filter string: name: "},
        {"name = 'a' AND", "name = \"a\""},
    };
    CHECK(SEARCH_RUNS, of_runs);
    CHECK(SEARCH_REGISTERED, of_registered);
}

/* ---- what only we take ---------------------------------------------------------------------------------- */

TEST(or_not_and_parentheses_nest)
{
    static const struct parse_case cases[] = {
        {"metrics.a > 1 OR metrics.b > 2 AND metrics.c > 3", "any(metric \"a\" > 1; all(metric \"b\" > 2; metric \"c\" "
                                                             "> 3))"},
        {"(metrics.a > 1 or metrics.b > 2) metrics.c > 3", "all(any(metric \"a\" > 1; metric \"b\" > 2); metric \"c\" "
                                                           "> 3)"},
        {"NOT metrics.a > 1 AND metrics.b > 2", "all(not(metric \"a\" > 1); metric \"b\" > 2)"},
        {"not (metrics.a > 1 AND metrics.b > 2)", "not(all(metric \"a\" > 1; metric \"b\" > 2))"},
        {"NOT NOT metrics.a > 1", "not(not(metric \"a\" > 1))"},
        {"((metrics.a > 1))", "metric \"a\" > 1"},
        {"params.a NOT LIKE 'x%' OR params.a not ilike 'y'", "any(param \"a\" NOT LIKE \"x%\"; param \"a\" NOT ILIKE "
                                                             "\"y\")"},
        {"metrics.a IS NULL", "metric \"a\" IS NULL"},
        {"end_time IS NOT NULL", "end_time IS NOT NULL"},
        {"dataset.context IS NULL", "dataset \"context\" IS NULL"},
        {"min(metrics.a) < 1", "metric min \"a\" < 1"},
        {"MAX ( metrics.`a b` ) >= 1", "metric max \"a b\" >= 1"},
        {"last(metrics.a) != 1", "metric last \"a\" != 1"},
        {"params.min = 'x'", "param \"min\" = \"x\""},
        {"params.in = 'x'", "param \"in\" = \"x\""},
        {"params.1 = 'x'", "param \"1\" = \"x\""},
        {"metrics.a > 1.5e+5", "metric \"a\" > 150000"},
        {"params.or = 'x' OR params.not = 'y'", "any(param \"or\" = \"x\"; param \"not\" = \"y\")"},
        {"OR", "! Invalid clause(s) in filter string: 'OR': expected a condition on both sides of OR"},
        {"metrics.a > 1 OR", "! Invalid clause(s) in filter string: "},
        {"metrics.a > 1 OR AND", "! Invalid clause(s) in filter string: "},
        {"NOT", "! Invalid clause(s) in filter string: "},
        {"()", "! Invalid clause(s) in filter string: '()': expected a condition in the parentheses"},
        {"(metrics.a > 1", "! Invalid clause(s) in filter string: '(metrics.a > 1': expected ')'"},
        {"metrics.a > 1)", "! Invalid clause(s) in filter string: ')': expected the end, AND or OR"},
        {"min(params.a) = 'x'", "! min is of metrics only, found 'params.a'"},
        {"min(1) < 1",
         "! Invalid clause(s) in filter string: 'min(1)', '<', '1': expected a metric in the parentheses"},
        {"min(metrics.a < 1", "! Invalid clause(s) in filter string: 'min(metrics.a < 1': expected ')'"},
        {"best(metrics.a) < 1",
         "! Invalid clause(s) in filter string: 'best(metrics.a)', '<', '1': expected a comparison"},
    };
    CHECK(SEARCH_RUNS, cases);
}

/* ---- the page ------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    enum search_family family;
} named_families[] = {{"runs", SEARCH_RUNS},
                      {"experiments", SEARCH_EXPERIMENTS},
                      {"registered", SEARCH_REGISTERED},
                      {"versions", SEARCH_VERSIONS},
                      {"logged models", SEARCH_LOGGED_MODELS},
                      {"traces", SEARCH_TRACES},
                      {"evaluation", SEARCH_EVALUATION}};

/* Of "<!-- filters: NAME -->", or -1. */
static int family_named(struct str line)
{
    for (size_t i = 0; i < sizeof named_families / sizeof named_families[0]; i++) {
        char directive[64];
        (void)snprintf(directive, sizeof directive, "<!-- filters: %s -->", named_families[i].name);
        if (str_is(line, directive)) {
            return (int)named_families[i].family;
        }
    }
    return -1;
}

TEST(every_filter_of_the_page_is_one)
{
    struct arena *arena = arena_new();
    struct str text;
    const char *source = getenv("SLUICE_SOURCE");
    const char *path = arena_printf(arena, "%s/docs/search.md", source == NULL ? "." : source);
    assert_int_equal(fs_read_file(path, 1 << 20, arena, &text, NULL), 0);
    int family = -1;
    size_t count = 0;
    for (struct str line; str_cut(&text, '\n', &line);) {
        if (str_starts(line, STR("<!-- filters: "))) {
            family = family_named(line);
            assert_true(family >= 0);
        } else if (family >= 0 && !str_starts(line, STR("```"))) {
            const char *tree = parsed(arena, (enum search_family)family, arena_str(arena, line).p);
            if (tree[0] == '!') {
                fail_msg("%.*s\n  %s", STR_ARG(line), tree);
            }
            count++;
        } else if (str_is(line, "```")) {
            family = -1;
        }
    }
    assert_true(count >= 15);
    arena_free(arena);
}

/* ---- bounds --------------------------------------------------------------------------------------------- */

static const char *repeated(struct arena *arena, const char *before, const char *what, size_t times, const char *behind)
{
    struct strbuf out;
    strbuf_init(&out, 4 << 20);
    strbuf_add_text(&out, before);
    for (size_t i = 0; i < times; i++) {
        strbuf_add_text(&out, what);
    }
    strbuf_add_text(&out, behind);
    const char *text = arena_dup(arena, out.data, out.length);
    strbuf_clear(&out);
    return text;
}

TEST(filters_have_bounds)
{
    static const struct {
        const char *before, *what, *behind, *message;
        size_t least; /* so often is still right */
    } cases[] = {
        {"", "(", "metrics.a > 1", "a filter may have 20 levels of parentheses and NOT, found more at", 0},
        {"", "NOT ", "metrics.a > 1", "a filter may have 20 levels of parentheses and NOT, found more at",
         FILTER_DEPTH_MAX},
        {"", "metrics.a > 1 ", "", "a filter may have 200 conditions", FILTER_CONDITIONS_MAX},
        {"run_id IN (", "'a',", ")", "a list in a filter may have 50000 texts", FILTER_LIST_MAX},
        {"run_id = '", "aaaaaaaaaaaaaaaa", "'", "a filter may have 1048576 bytes, found ", 65000},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct filter *tree = NULL;
        struct err err = {0};
        if (cases[i].least > 0) {
            const char *right = repeated(arena, cases[i].before, cases[i].what, cases[i].least, cases[i].behind);
            assert_int_equal(filter_parse(SEARCH_RUNS, right, arena, &tree, NULL), 0);
        }
        const char *wrong = repeated(arena, cases[i].before, cases[i].what, 70000, cases[i].behind);
        assert_int_equal(filter_parse(SEARCH_RUNS, wrong, arena, &tree, &err), -1);
        assert_int_equal(err.code, ERR_LIMIT);
        assert_memory_equal(err.message, cases[i].message, strlen(cases[i].message));
    }
    arena_free(arena);
}

TEST(a_like_pattern_that_would_take_long_is_refused)
{
    struct arena *arena = arena_new();
    const struct filter *tree = NULL;
    struct err err = {0};
    const char *text = repeated(arena, "params.a LIKE '%", "_", 257, "%'");
    assert_int_equal(filter_parse(SEARCH_RUNS, text, arena, &tree, &err), -1);
    assert_int_equal(err.code, ERR_LIMIT);
    arena_free(arena);
}

/* ---- orders
 * ----------------------------------------------------------------------------------------------------------
 */

static const char *ordered(struct arena *arena, enum search_family family, const char *clause)
{
    struct err err = {0};
    struct search_order *orders = NULL;
    struct strbuf out;
    strbuf_init(&out, 1 << 16);
    if (order_parse(family, &clause, 1, arena, &orders, &err) < 0) {
        strbuf_printf(&out, "! %s", err.message);
    } else {
        field_text(&out, &orders->field);
        strbuf_add_text(&out, orders->descending ? " desc" : "");
    }
    const char *result = arena_dup(arena, out.data, out.length);
    strbuf_clear(&out);
    return result;
}

TEST(orders_mean_what_they_mean_to_mlflow)
{
    static const struct {
        enum search_family family;
        struct parse_case order;
    } cases[] = {
        {SEARCH_RUNS, {"metrics.a", "metric \"a\""}},
        {SEARCH_RUNS, {"metrics.a ASC", "metric \"a\""}},
        {SEARCH_RUNS, {"metrics.a\tDesc", "metric \"a\" desc"}},
        {SEARCH_RUNS, {"metrics.`a b` desc", "metric \"a b\" desc"}},
        {SEARCH_RUNS, {"metrics.asc", "metric \"asc\""}},
        {SEARCH_RUNS, {"metrics.desc desc", "metric \"desc\" desc"}},
        {SEARCH_RUNS, {"params.a", "param \"a\""}},
        {SEARCH_RUNS, {"tag.\"mlflow.user\" desc", "tag \"mlflow.user\" desc"}},
        {SEARCH_RUNS, {"Created desc", "start_time desc"}},
        {SEARCH_RUNS, {"run.end_time", "end_time"}},
        {SEARCH_RUNS, {"min(metrics.a) desc", "metric min \"a\" desc"}},
        {SEARCH_RUNS, {"last( metrics.a )", "metric last \"a\""}},
        {SEARCH_RUNS, {"metrics.a foo", "! Invalid ordering key in order_by clause 'metrics.a foo'."}},
        {SEARCH_RUNS, {"run name", "! Invalid ordering key in order_by clause 'run name'."}},
        {SEARCH_RUNS, {"metrics.a desc desc", "! Invalid order_by clause 'metrics.a desc desc'. Could not be parsed."}},
        {SEARCH_RUNS, {"metrics.a, metrics.b", "! Invalid order_by clause "}},
        {SEARCH_RUNS, {"", "! Invalid order_by clause ''. Could not be parsed."}},
        {SEARCH_RUNS, {"1", "! Invalid order_by clause "}},
        {SEARCH_RUNS, {"`run name`", "! Invalid attribute key 'run name' specified."}},
        {SEARCH_RUNS, {"experiment_id", "! Invalid attribute key 'experiment_id' specified."}},
        {SEARCH_RUNS, {"dataset.name", "! Invalid identifier type 'dataset'"}},
        {SEARCH_RUNS, {"max(tags.a)", "! max is of metrics only"}},
        {SEARCH_EXPERIMENTS, {"last_update_time DESC", "last_update_time desc"}},
        {SEARCH_EXPERIMENTS, {"attribute.`name`", "name"}},
        {SEARCH_EXPERIMENTS, {"tags.a", "! Invalid order_by entity: tag"}},
        {SEARCH_EXPERIMENTS, {"foo", "! Invalid attribute key 'foo' specified."}},
        {SEARCH_REGISTERED, {"timestamp", "last_updated_timestamp"}},
        {SEARCH_REGISTERED, {"last_updated_timestamp  DESC", "last_updated_timestamp desc"}},
        {SEARCH_REGISTERED,
         {"creation_timestamp", "! Invalid order by key 'creation_timestamp' specified. Valid keys are '{'name', "
                                "'timestamp'"}},
        {SEARCH_REGISTERED, {"tags.a", "! Invalid order by key 'tags.a' specified."}},
        {SEARCH_REGISTERED, {"attribute.name", "! Invalid order by key 'attribute.name' specified."}},
        {SEARCH_REGISTERED, {"timestamp DESC foo", "! Invalid order_by clause "}},
        {SEARCH_VERSIONS, {"version_number desc", "version_number desc"}},
        {SEARCH_VERSIONS, {"creation_timestamp", "creation_timestamp"}},
        {SEARCH_VERSIONS, {"run_id", "! Invalid attribute key 'run_id' specified."}},
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *expected = cases[i].order.expected;
        const char *found = ordered(arena, cases[i].family, cases[i].order.text);
        if (expected[0] == '!' ? strncmp(found, expected, strlen(expected)) != 0 : strcmp(found, expected) != 0) {
            fail_msg("%s\n  expected %s\n  found    %s", cases[i].order.text, expected, found);
        }
    }
    arena_free(arena);
}

TEST(an_order_names_a_field_once_where_mlflow_wants_it)
{
    static const char *const twice[] = {"metrics.a", "Created", "attr.start_time DESC"};
    static const char *const names[] = {"name DESC", "name"};
    static const char *const once[] = {"metrics.a", "min(metrics.a)", "params.a", "tags.a"};
    const char *many[ORDER_CLAUSES_MAX + 1];
    struct arena *arena = arena_new();
    struct search_order *orders = NULL;
    struct err err = {0};
    assert_int_equal(order_parse(SEARCH_RUNS, twice, 3, arena, &orders, &err), -1);
    assert_string_equal(err.message, "`order_by` contains duplicate fields: ['metrics.a', 'Created', "
                                     "'attr.start_time DESC']");
    assert_int_equal(order_parse(SEARCH_EXPERIMENTS, names, 2, arena, &orders, NULL), 0);
    assert_int_equal(order_parse(SEARCH_EVALUATION, names, 2, arena, &orders, NULL), 0);
    assert_true(orders[0].descending && !orders[1].descending);
    assert_int_equal(order_parse(SEARCH_REGISTERED, names, 2, arena, &orders, NULL), -1);
    assert_int_equal(order_parse(SEARCH_VERSIONS, names, 2, arena, &orders, NULL), -1);
    assert_int_equal(order_parse(SEARCH_RUNS, once, 4, arena, &orders, NULL), 0);
    for (size_t i = 0; i <= ORDER_CLAUSES_MAX; i++) {
        many[i] = arena_printf(arena, "metrics.a%zu", i);
    }
    assert_int_equal(order_parse(SEARCH_RUNS, many, ORDER_CLAUSES_MAX, arena, &orders, NULL), 0);
    err_clear(&err);
    assert_int_equal(order_parse(SEARCH_RUNS, many, ORDER_CLAUSES_MAX + 1, arena, &orders, &err), -1);
    assert_int_equal(err.code, ERR_LIMIT);
    arena_free(arena);
}

TESTS(RUN(filters_of_runs_mean_what_they_mean_to_mlflow), RUN(what_mlflow_refuses_of_runs_is_refused_in_its_words),
      RUN(filters_of_experiments_mean_what_they_mean_to_mlflow),
      RUN(filters_of_the_registry_mean_what_they_mean_to_mlflow),
      RUN(filters_of_logged_models_mean_what_they_mean_to_mlflow),
      RUN(what_does_not_fit_is_listed_as_mlflow_lists_it), RUN(or_not_and_parentheses_nest),
      RUN(every_filter_of_the_page_is_one), RUN(filters_have_bounds),
      RUN(a_like_pattern_that_would_take_long_is_refused),
      RUN(orders_mean_what_they_mean_to_mlflow), RUN(an_order_names_a_field_once_where_mlflow_wants_it))
