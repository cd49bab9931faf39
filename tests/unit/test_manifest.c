/* SPDX-License-Identifier: Apache-2.0
 * Manifests of plugins, the catalogue that holds them, and values checked against their rows.
 */
#include "plugin/catalogue.h"

#include "test.h"

#include <stdio.h>
#include <unistd.h>

#define HEAD "sluice-step\0001\0name\0tool\0version\0001.2\0summary\0Works.\0flags\0STEP_REPEATABLE\0"

struct row {
    struct str manifest;
    const char *says; /* NULL: it is good */
};
#define GOOD(text) {STR(text), NULL}
#define BAD(text, words) {STR(text), words}
#define PARAM(type, rules) HEAD "param\0p\0" type "\0" rules "\0Doc.\0end"

static void check_rows(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct arena *arena = arena_new();
        struct plugin plugin;
        struct err err = {0};
        int result = plugin_parse_manifest(rows[i].manifest, arena, &plugin, &err);
        if ((result == 0) != (rows[i].says == NULL) ||
            (rows[i].says != NULL && strstr(err.message, rows[i].says) == NULL)) {
            fail_msg("row %zu: expected '%s', found '%s'", i, rows[i].says == NULL ? "" : rows[i].says, err.message);
        }
        arena_free(arena);
    }
}
#define CHECK(rows) check_rows(rows, sizeof(rows) / sizeof(rows)[0])

TEST(a_manifest_says_what_a_plugin_is_takes_and_gives)
{
    static const char text[] = HEAD "param\0count\0INT\0required; min=1; max=9\0How many.\0"
                                    "param\0mode\0STRING\0default=max; choices=max|min; minlen=1\0Which.\0"
                                    "param\0wait\0DURATION\0default=1h30m\0How long.\0"
                                    "param\0room\0SIZE\0default=2K\0How much.\0"
                                    "param\0rows\0ANY\0shape=list|number; secret\0The rows.\0"
                                    "output\0best\0ANY\0The best.\0end";
    struct arena *arena = arena_new();
    struct plugin plugin;
    assert_int_equal(plugin_parse_manifest((struct str){text, sizeof text}, arena, &plugin, NULL), 0);
    assert_true(str_is(plugin.name, "tool") && str_is(plugin.version, "1.2") && str_is(plugin.summary, "Works."));
    assert_true(plugin.repeatable && !plugin.gate);
    assert_int_equal(plugin.param_count, 5);
    const struct plugin_param *count = plugin_find_param(&plugin, STR("count"));
    assert_true(count->required && count->has_min && count->has_max && !count->has_default);
    assert_true(count->min >= 1 && count->max <= 9 && str_is(count->doc, "How many."));
    const struct plugin_param *mode = plugin_find_param(&plugin, STR("mode"));
    assert_int_equal(mode->choice_count, 2);
    assert_true(str_is(mode->choices[1], "min") && mode->min_length == 1 && str_is(mode->def.u.string, "max"));
    assert_int_equal(plugin_find_param(&plugin, STR("wait"))->def.u.integer, 5400000);
    assert_int_equal(plugin_find_param(&plugin, STR("room"))->def.u.integer, 2048);
    const struct plugin_param *rows = plugin_find_param(&plugin, STR("rows"));
    assert_int_equal(rows->shapes, 1u << JSON_ARRAY | 1u << JSON_INT | 1u << JSON_NUMBER);
    assert_true(rows->secret);
    assert_int_equal(plugin_find_output(&plugin, STR("best"))->type, PLUGIN_ANY);
    assert_null(plugin_find_param(&plugin, STR("best")));
    arena_free(arena);
}

TEST(another_abi_is_refused_by_name_before_all_else)
{
    static const struct row rows[] = {
        GOOD(HEAD "end"),
        BAD("sluice-step\0002\0whatever", "it is built for ABI 2; this sluice speaks ABI 1: build it again"),
        BAD("sluice-step\000999999\0", "it is built for ABI 999999"),
        BAD("sluice-step\0x\0", "it is built for ABI x"),
        BAD("sluice-step\0-1\0", "it is built for ABI -1"),
        BAD("sluice-step", "not that of a sluice plugin"),
        BAD("other\0001\0", "not that of a sluice plugin"),
        BAD("", "not that of a sluice plugin"),
        BAD("\0\0\0", "not that of a sluice plugin"),
    };
    CHECK(rows);
}

TEST(a_manifest_that_is_cut_or_out_of_order_is_refused)
{
    static const struct row rows[] = {
        BAD("sluice-step\0001\0", "its manifest has no 'name'"),
        BAD("sluice-step\0001\0version\0001\0", "its manifest has no 'name'"),
        BAD("sluice-step\0001\0name\0x\0summary\0s\0", "its manifest has no 'version'"),
        BAD("sluice-step\0001\0name\0\0version\0001\0summary\0s\0flags\0\0end", "'' is no name of a plugin"),
        BAD("sluice-step\0001\0name\0a b\0version\0001\0summary\0s\0flags\0\0end", "'a b' is no name of a plugin"),
        BAD(HEAD, "its manifest has the unknown row ''"),
        BAD(HEAD "param", "its manifest ends in a parameter"),
        BAD(HEAD "param\0p\0INT\0", "its manifest ends in a parameter"),
        BAD(HEAD "output\0p", "its manifest ends in an output"),
        BAD(HEAD "param\0p\0INT\0\0Doc.", "its manifest has no end"),
        BAD(HEAD "params\0p", "its manifest has the unknown row 'params'"),
        BAD(HEAD "param\0\0INT\0\0Doc.\0end", "'' is no name of a parameter"),
        BAD(HEAD "param\0a-b\0INT\0\0Doc.\0end", "'a-b' is no name of a parameter"),
        BAD(HEAD "output\0001x\0INT\0Doc.\0end", "'1x' is no name of an output"),
        BAD(HEAD "param\0p\0INT\0\0D.\0param\0p\0INT\0\0D.\0end", "it has two parameters 'p'"),
        BAD(HEAD "output\0p\0INT\0D.\0output\0p\0INT\0D.\0end", "it has two outputs 'p'"),
        BAD(HEAD "output\0p\0FLOAT\0D.\0end", "output 'p' has the unknown type 'FLOAT'"),
        BAD(HEAD "param\0p\0INT\0\0\xff\0end", "its manifest is no UTF-8"),
    };
    CHECK(rows);
}

TEST(rules_of_a_parameter_are_checked)
{
    static const struct row rows[] = {
        GOOD(PARAM("STRING", "")),
        GOOD(PARAM("STRING", "required; secret")),
        GOOD(PARAM("STRING", "default=")),
        GOOD(PARAM("STRING", "default=a=b")),
        GOOD(PARAM("NUMBER", "default=0.5; min=-1; max=1e3")),
        GOOD(PARAM("BOOL", "default=false")),
        GOOD(PARAM("ANY", "default=[1, 2]; shape=list")),
        GOOD(PARAM("ANY", "default=text")),
        GOOD(PARAM("DURATION", "default=10s; min=1000")),
        BAD(PARAM("TEXT", ""), "parameter 'p' has the unknown type 'TEXT'"),
        BAD(PARAM("INT", "needed"), "parameter 'p': unknown rule 'needed'"),
        BAD(PARAM("INT", "min"), "parameter 'p': unknown rule 'min'"),
        BAD(PARAM("INT", "min=low"), "parameter 'p': expected a number, found 'low'"),
        BAD(PARAM("INT", "default=x"), "the default of parameter 'p': expected an integer, found 'x'"),
        BAD(PARAM("INT", "default=10; max=9"), "the default of parameter 'p': 'p': expected a number at most 9"),
        BAD(PARAM("BOOL", "default=yes"), "did you mean true"),
        BAD(PARAM("DURATION", "default=5"), "expected a duration"),
        BAD(PARAM("SIZE", "default=big"), "expected a size"),
        BAD(PARAM("STRING", "default=c; choices=a|b"), "the default of parameter 'p': 'p': expected one of a, b"),
        BAD(PARAM("STRING", "choices=a; choices=b"), "the rule 'choices' stands twice"),
        BAD(PARAM("STRING", "minlen=-1"), "expected an integer from 0 to 1000000"),
        BAD(PARAM("ANY", "shape=tree"), "unknown shape 'tree'"),
        GOOD(PARAM("ANY", "shape=list; items=string|null")),
        BAD(PARAM("ANY", "items=leaf"), "unknown shape 'leaf'"),
        GOOD(PARAM("ANY", "format=thresholds; keys[p=x&p]=a!|b size|c x,y|d:*; keys=e")),
        BAD(PARAM("ANY", "format=treshold"), "unknown format 'treshold': expected duration, size, threshold"),
        BAD(PARAM("ANY", "keys=a number"), "unknown format 'number'"),
        BAD(PARAM("ANY", "keys=a|!"), "the rule 'keys' has a key without a name"),
        BAD(PARAM("ANY", "keys[p=x"), "the rule 'keys' has no ']=' behind its '['"),
        BAD(PARAM("ANY", "keys[p q]=a"), "the rule 'keys' asks for 'p q': expected an input"),
        BAD(PARAM("ANY", "keys[q=x]=a"), "parameter 'p': its rule 'keys' asks for 'q', which is none"),
        BAD(PARAM("ANY", "shape=list; default={}"), "expected a list"),
    };
    CHECK(rows);
}

/* ---- values against rows ---------------------------------------------------------------------------------------- */

static const char values_manifest[] = HEAD "param\0s\0STRING\0minlen=2\0D.\0"
                                           "param\0path\0PATH\0\0D.\0"
                                           "param\0b\0BOOL\0default=true\0D.\0"
                                           "param\0i\0INT\0min=1; max=9\0D.\0"
                                           "param\0n\0NUMBER\0max=1\0D.\0"
                                           "param\0d\0DURATION\0min=1000\0D.\0"
                                           "param\0z\0SIZE\0\0D.\0"
                                           "param\0l\0ANY\0shape=list|map; minlen=1\0D.\0"
                                           "param\0any\0ANY\0\0D.\0"
                                           "param\0c\0STRING\0choices=a|b\0D.\0"
                                           "param\0t\0ANY\0format=thresholds; keys[c=a]=rmse\0D.\0"
                                           "param\0h\0ANY\0keys=url!|wait duration\0D.\0end";

TEST(values_are_checked_and_converted_by_their_rows)
{
    static const struct {
        const char *given;
        const char *complete; /* JSON, or "! " and what is said */
    } rows[] = {
        {"{}", "{\"b\":true}"},
        {"null", "{\"b\":true}"},
        {"{\"s\": \"ab\", \"b\": false}", "{\"s\":\"ab\",\"b\":false}"},
        {"{\"s\": 12, \"path\": true}", "{\"s\":\"12\",\"path\":\"true\",\"b\":true}"},
        {"{\"i\": \"3\", \"n\": \"0.5\"}", "{\"b\":true,\"i\":3,\"n\":0.5}"},
        {"{\"i\": 3.0}", "{\"b\":true,\"i\":3}"},
        {"{\"d\": \"2h\", \"z\": \"1K\"}", "{\"b\":true,\"d\":7200000,\"z\":1024}"},
        {"{\"z\": 5}", "{\"b\":true,\"z\":5}"},
        {"{\"l\": [null], \"any\": null}", "{\"b\":true,\"l\":[null],\"any\":null}"},
        {"{\"s\": null, \"b\": null}", "{\"b\":true}"},
        {"{\"c\": \"b\"}", "{\"b\":true,\"c\":\"b\"}"},
        {"{\"s\": \"a\"}", "! 's': expected text that is not empty, found \"a\""},
        {"{\"s\": [1]}", "! 's': expected text, found [1]"},
        {"{\"b\": \"true\"}", "! 'b': expected true or false, found \"true\""},
        {"{\"i\": 0}", "! 'i': expected a number from 1 to 9, found 0"},
        {"{\"i\": 2.5}", "! 'i': expected an integer, found 2.5"},
        {"{\"i\": \"x\"}", "! 'i': expected an integer, found \"x\""},
        {"{\"i\": true}", "! 'i': expected an integer, found true"},
        {"{\"i\": 1e300}", "! 'i': expected an integer"},
        {"{\"n\": 2}", "! 'n': expected a number at most 1, found 2"},
        {"{\"n\": {}}", "! 'n': expected a number, found {}"},
        {"{\"d\": \"soon\"}", "! 'd': expected a duration like"},
        {"{\"d\": \"10ms\"}", "! 'd': expected a number at least 1000, found \"10ms\""},
        {"{\"d\": []}", "! 'd': expected a duration like 30s, found []"},
        {"{\"z\": \"much\"}", "! 'z': expected a size like"},
        {"{\"l\": []}", "! 'l': expected at least 1 item, found []"},
        {"{\"l\": \"x\"}", "! 'l': expected a list or a map, found \"x\""},
        {"{\"c\": \"z\"}", "! 'c': expected one of a, b, found \"z\""},
        {"{\"pth\": 1, \"i\": 10}", "! 'tool' has no input 'pth': did you mean 'path'?; 'i': expected a number"},
        {"{\"c\": \"a\", \"t\": {\"rmse\": \"> 0\"}}", "{\"b\":true,\"c\":\"a\",\"t\":{\"rmse\":\"> 0\"}}"},
        {"{\"c\": \"b\", \"t\": {\"rmse\": \"> 0\"}}", "! 't': 'rmse' needs 'c: a', but it is 'b'"},
        {"{\"t\": {\"rmse\": \"over 0\"}}", "! 't': 'rmse' needs 'c: a'; 't': 'rmse': 'over 0' is no rule"},
        {"{\"h\": {\"wait\": \"soon\", \"url\": 1}}", "! 'h': 'wait': expected a duration"},
        {"{\"h\": {}}", "! 'h': its 'url' is missing"},
        {"[]", "! 'with': expected a map, found a list"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arena *arena = arena_new();
        struct plugin plugin;
        struct json given = json_null();
        struct json complete = json_null();
        struct err err = {0};
        assert_int_equal(plugin_parse_manifest(STR(values_manifest), arena, &plugin, NULL), 0);
        assert_int_equal(json_read(str_from(rows[i].given), (struct json_limits){0}, arena, &given, NULL), 0);
        bool good = plugin_params_complete(&plugin, &given, arena, &complete, &err) == 0;
        const char *found = good ? json_text(arena, &complete).p : arena_printf(arena, "! %s", err.message);
        if (good ? strcmp(found, rows[i].complete) != 0 : strstr(found, rows[i].complete) == NULL) {
            fail_msg("%s\nexpected: %s\nfound:    %s", rows[i].given, rows[i].complete, found);
        }
        arena_free(arena);
    }
}

TEST(what_is_required_is_missed)
{
    static const char text[] = PARAM("ANY", "required");
    struct arena *arena = arena_new();
    struct plugin plugin;
    struct json given = json_object();
    struct json complete;
    struct err err = {0};
    assert_int_equal(plugin_parse_manifest(STR(text), arena, &plugin, NULL), 0);
    assert_int_equal(plugin_params_complete(&plugin, &given, arena, &complete, &err), -1);
    assert_string_equal(err.message, "'p' is missing");
    err_clear(&err);
    json_set(arena, &given, "p", json_null());
    assert_int_equal(plugin_params_complete(&plugin, &given, arena, &complete, &err), -1);
    assert_string_equal(err.message, "'p' is missing");
    arena_free(arena);
}

/* ---- catalogue ------------------------------------------------------------------------------------------------- */

TEST(the_plugins_that_were_built_are_read_without_loading_them)
{
    const char *folder = getenv("SLUICE_PLUGINS");
    struct arena *arena = arena_new();
    struct catalogue catalogue;
    struct err err = {0};
    assert_non_null(folder);
    catalogue_init(&catalogue, arena);
    catalogue_add_folder(&catalogue, folder);
    assert_int_equal(catalogue.problem_count, 0);
    size_t count = catalogue.count;
    assert_true(count >= 12);
    catalogue_add_folder(&catalogue, folder); /* of two with one name the first wins */
    assert_int_equal(catalogue.count, count);
    const struct plugin *evaluate = catalogue_find(&catalogue, STR("evaluate"), NULL, arena, &err);
    assert_true(evaluate != NULL && evaluate->gate && evaluate->path.p[0] == '/');
    assert_non_null(plugin_find_param(evaluate, STR("thresholds")));
    assert_null(catalogue_find(&catalogue, STR("evalaute"), NULL, arena, &err));
    assert_string_equal(err.message, "there is no plugin 'evalaute': did you mean 'evaluate'?");
    err_clear(&err);
    assert_non_null(catalogue_find(&catalogue, STR("train.so"), folder, arena, &err));
    assert_null(catalogue_find(&catalogue, STR("./none.so"), folder, arena, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    arena_free(arena);
}

TEST(a_file_that_is_no_plugin_is_a_problem_told_by_its_path)
{
    char folder[] = "/tmp/sluice-test-XXXXXX";
    struct arena *arena = arena_new();
    struct catalogue catalogue;
    assert_non_null(mkdtemp(folder));
    const char *path = arena_printf(arena, "%s/text.so", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs("no plugin", file) >= 0);
    assert_int_equal(fclose(file), 0);
    catalogue_init(&catalogue, arena);
    catalogue_add_folder(&catalogue, folder);
    assert_int_equal(catalogue.count, 0);
    assert_int_equal(catalogue.problem_count, 1);
    assert_non_null(
        strstr(catalogue.problems[0].message.p, "/text.so' cannot be used as a plugin: it is no shared object"));
    struct err err = {0};
    assert_null(catalogue_find(&catalogue, STR("text"), NULL, arena, &err));
    assert_non_null(strstr(err.message, "there is no plugin 'text': '"));
    assert_non_null(strstr(err.message, "/text.so' cannot be used as a plugin: it is no shared object"));
    err_clear(&err);
    assert_null(catalogue_find(&catalogue, STR("quite_another"), NULL, arena, &err));
    assert_null(strstr(err.message, "text.so"));
    assert_int_equal(remove(path), 0);
    assert_int_equal(remove(folder), 0);
    arena_free(arena);
}

TEST(a_folder_without_plugins_is_a_problem_told_where_nothing_is_near)
{
    char folder[] = "/tmp/sluice-test-XXXXXX";
    struct arena *arena = arena_new();
    struct catalogue catalogue;
    struct plugin known = {.name = STR("register")};
    assert_non_null(mkdtemp(folder));
    catalogue_init(&catalogue, arena);
    catalogue_add(&catalogue, &known);
    catalogue_add_folder(&catalogue, folder);
    catalogue_add_folder(&catalogue, "/nowhere");
    assert_int_equal(catalogue.problem_count, 2);
    assert_string_equal(catalogue.problems[0].message.p,
                        arena_printf(arena, "the folder of plugins '%s' has no file *.so", folder));
    assert_string_equal(catalogue.problems[1].message.p,
                        "reading the folder of plugins '/nowhere': No such file or directory");
    struct err err = {0};
    assert_null(catalogue_find(&catalogue, STR("deploy"), NULL, arena, &err));
    assert_non_null(strstr(err.message, "there is no plugin 'deploy': the folder of plugins '/tmp/"));
    err_clear(&err);
    assert_null(catalogue_find(&catalogue, STR("registre"), NULL, arena, &err));
    assert_string_equal(err.message, "there is no plugin 'registre': did you mean 'register'?");
    err_clear(&err);
    assert_null(catalogue_find(&catalogue, STR("./x.so"), "/no/./where", arena, &err));
    assert_string_equal(err.message, "'/no/where/x.so' cannot be used as a plugin: there is no such file");
    assert_int_equal(remove(folder), 0);
    arena_free(arena);
}

TEST(a_folder_of_plugins_that_cannot_be_read_is_told_where_one_is_missed)
{
    char file[] = "/tmp/sluice-test-XXXXXX";
    struct arena *arena = arena_new();
    struct catalogue catalogue;
    struct err err = {0};
    int fd = mkstemp(file);
    assert_true(fd >= 0);
    catalogue_init(&catalogue, arena);
    catalogue_add_folder(&catalogue, file);
    assert_int_equal(catalogue.problem_count, 1);
    assert_null(catalogue_find(&catalogue, STR("register"), NULL, arena, &err));
    assert_string_equal(err.message, arena_printf(arena, "there is no plugin 'register': reading the folder of plugins "
                                                         "'%s': Not a directory", file));
    assert_int_equal(close(fd), 0);
    assert_int_equal(remove(file), 0);
    arena_free(arena);
}

TESTS(RUN(a_manifest_says_what_a_plugin_is_takes_and_gives), RUN(another_abi_is_refused_by_name_before_all_else),
      RUN(a_manifest_that_is_cut_or_out_of_order_is_refused), RUN(rules_of_a_parameter_are_checked),
      RUN(values_are_checked_and_converted_by_their_rows), RUN(what_is_required_is_missed),
      RUN(the_plugins_that_were_built_are_read_without_loading_them),
      RUN(a_file_that_is_no_plugin_is_a_problem_told_by_its_path),
      RUN(a_folder_without_plugins_is_a_problem_told_where_nothing_is_near),
      RUN(a_folder_of_plugins_that_cannot_be_read_is_told_where_one_is_missed))
