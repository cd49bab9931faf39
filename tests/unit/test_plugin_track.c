/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_host.h"
#include "test.h"

#include <sys/stat.h>

TEST(track_records_what_stands_in_the_pipeline)
{
    struct fake_host fake;
    fake_host_open(&fake, "track");
    assert_int_equal(fake_host_run(&fake,
                                   "{\"params\": {\"lr\": 0.1, \"model\": {\"depth\": 3, \"on\": true}, \"l\": [1, 2]},"
                                   " \"metrics\": {\"rmse\": 0.5, \"test\": {\"r2\": 1}, \"bad\": \"NaN\"},"
                                   " \"tags\": {\"team\": \"cellar\"}}"),
                     STEP_OK);
    assert_string_equal(fake_host_find(fake.params, fake.param_count, "lr"), "0.1");
    assert_string_equal(fake_host_find(fake.params, fake.param_count, "model/depth"), "3");
    assert_string_equal(fake_host_find(fake.params, fake.param_count, "model/on"), "true");
    assert_string_equal(fake_host_find(fake.params, fake.param_count, "l"), "[1,2]");
    assert_true(fake_host_metric(&fake, "test/r2") == 1.0);
    assert_true(isnan(fake_host_metric(&fake, "bad")));
    assert_string_equal(fake_host_find(fake.tags, fake.tag_count, "team"), "cellar");
    assert_string_equal(fake_host_output(&fake, "params"), "4");
    assert_string_equal(fake_host_output(&fake, "metrics"), "3");
    fake_host_close(&fake);
}

TEST(track_reads_yaml_by_the_core_schema)
{
    struct fake_host fake;
    fake_host_open(&fake, "track");
    (void)fake_host_file(
        &fake, "p.yaml",
        "lr: 1e-3\nname: yes\nquoted: '12'\nhex: 0x1F\noct: 0o17\nneg: -4\nnothing: ~\nflag: True\n"
        "inner: &a {depth: 3}\nagain: *a\nbig: 123456789012345678901234567890\ntext: |\n  two\n  lines\n");
    assert_int_equal(fake_host_run(&fake, "{\"params\": \"p.yaml\"}"), STEP_OK);
    static const char *const expected[][2] = {
        {"lr", "0.001"},   {"name", "yes"},     {"quoted", "12"},     {"hex", "31"},     {"oct", "15"},
        {"neg", "-4"},     {"nothing", "null"}, {"flag", "true"},     {"inner/depth", "3"}, {"again/depth", "3"},
        {"text", "two\nlines\n"},
    };
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        assert_string_equal(fake_host_find(fake.params, fake.param_count, expected[i][0]), expected[i][1]);
    }
    fake_host_close(&fake);
}

TEST(track_reads_metrics_of_both_forms_of_csv_and_of_json)
{
    struct fake_host fake;
    fake_host_open(&fake, "track");
    (void)fake_host_file(&fake, "long.csv", "key,value,step\nloss,0.5,1\nloss,0.25,2\nauc,nan,\n");
    (void)fake_host_file(&fake, "wide.csv", "step,train,val\n0,1,\n10,0.5,0.75\n");
    (void)fake_host_file(&fake, "m.json",
                         "[{\"key\": \"f1\", \"value\": 0.5, \"step\": 3, \"timestamp\": 1700000000000}]");
    assert_int_equal(fake_host_run(&fake, "{\"metrics\": [\"long.csv\", \"wide.csv\", \"m.json\", {\"x\": 2}]}"),
                     STEP_OK);
    assert_true(fake_host_metric(&fake, "loss") == 0.25);
    assert_true(fake_host_metric(&fake, "train") == 0.5);
    assert_true(fake_host_metric(&fake, "val") == 0.75);
    assert_true(fake_host_metric(&fake, "f1") == 0.5);
    assert_true(isnan(fake_host_metric(&fake, "auc")));
    assert_string_equal(fake_host_output(&fake, "metrics"), "8");
    fake_host_close(&fake);
}

TEST(track_takes_the_bare_nan_and_infinity_of_python_as_metrics_and_as_nothing_else)
{
    struct fake_host fake;
    fake_host_open(&fake, "track");
    (void)fake_host_file(&fake, "m.json", "{\"a\": NaN, \"b\": {\"c\": -Infinity}, \"d \\\" NaN\": Infinity}");
    (void)fake_host_file(&fake, "p.json", "{\"text\": \"NaN\", \"a\": NaN}");
    assert_int_equal(fake_host_run(&fake, "{\"metrics\": \"m.json\"}"), STEP_OK);
    assert_string_equal(fake_host_output(&fake, "metrics"), "3");
    assert_int_equal(fake_host_run(&fake, "{\"params\": \"p.json\"}"), STEP_FAILED);
    assert_non_null(strstr(fake.failure, "p.json' is no JSON"));
    fake_host_close(&fake);
}

TEST(track_makes_tables_of_csv_and_json)
{
    static const struct {
        const char *file, *text, *table;
    } cases[] = {
        {"t.csv", "a,b\n1,x\n,\"y \"\"z\"\"\"\n2.5,3\n",
         "{\"columns\":[\"a\",\"b\"],\"data\":[[1,\"x\"],[null,\"y \\\"z\\\"\"],[2.5,\"3\"]]}"},
        {"t.json", "[{\"a\": 1}, {\"b\": \"x\", \"a\": 2}]",
         "{\"columns\":[\"a\",\"b\"],\"data\":[[1,null],[2,\"x\"]]}"},
        {"t.yaml", "a: [1, 2]\nb: [x, ~]\n", "{\"columns\":[\"a\",\"b\"],\"data\":[[1,\"x\"],[2,null]]}"},
        {"s.json", "{\"columns\": [\"a\"], \"data\": [[1], [2]]}", "{\"columns\":[\"a\"],\"data\":[[1],[2]]}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fake_host fake;
        fake_host_open(&fake, "track");
        (void)fake_host_file(&fake, cases[i].file, cases[i].text);
        assert_int_equal(fake_host_run(&fake, arena_printf(fake.arena, "{\"tables\": \"%s\"}", cases[i].file)),
                         STEP_OK);
        const char *path = fake_host_artifact(&fake, arena_printf(fake.arena, "%c.json", cases[i].file[0]));
        assert_non_null(path);
        assert_string_equal(fake_host_read(&fake, path), cases[i].table);
        assert_string_equal(fake_host_find(fake.tags, fake.tag_count, "mlflow.loggedArtifacts"),
                            arena_printf(fake.arena, "[{\"path\":\"%c.json\",\"type\":\"table\"}]", cases[i].file[0]));
        fake_host_close(&fake);
    }
}

TEST(track_finds_artifacts_by_pattern_and_by_name)
{
    struct fake_host fake;
    fake_host_open(&fake, "track");
    assert_int_equal(mkdir(arena_printf(fake.arena, "%s/plots", fake.folder), 0755), 0);
    (void)fake_host_file(&fake, "plots/a.svg", "a");
    (void)fake_host_file(&fake, "plots/b.svg", "b");
    const char *odd = fake_host_file(&fake, "c[1].csv", "c");
    assert_int_equal(fake_host_run(&fake, "{\"artifacts\": [\"plots/*.svg\", \"./c[1].csv\"]}"), STEP_OK);
    assert_non_null(fake_host_artifact(&fake, "plots/a.svg"));
    assert_non_null(fake_host_artifact(&fake, "plots/b.svg"));
    assert_non_null(fake_host_artifact(&fake, "c[1].csv"));
    assert_string_equal(fake_host_output(&fake, "artifacts"), "3");
    assert_int_equal(
        fake_host_run(&fake, arena_printf(fake.arena, "{\"artifacts\": {\"all\": \"plots/*\", \"one\": \"%s\"}}", odd)),
        STEP_OK);
    assert_non_null(fake_host_artifact(&fake, "all/b.svg"));
    assert_string_equal(fake_host_artifact(&fake, "one"), odd);
    fake_host_close(&fake);
}

TEST(track_records_nothing_when_a_file_is_wrong)
{
    static const struct {
        const char *file, *text, *params, *reason;
    } cases[] = {
        {"a", "", "{}", "nothing to track: expected params, metrics, tags, tables or artifacts"},
        {"a", "", "{\"params\": {\"a\": 1}, \"metrics\": \"no.json\"}", "no.json': No such file or directory"},
        {"m.txt", "", "{\"metrics\": \"m.txt\"}",
         "metrics: 'm.txt': expected a file named .json, .yaml, .yml, .csv or .tsv"},
        {"m.csv", "key,value\na,1\nb,much\n", "{\"params\": {\"a\": 1}, \"metrics\": \"m.csv\"}",
         "'m.csv' line 3, column 'value': 'much' is no number"},
        {"m.csv", "step,a\n1.5,1\n", "{\"metrics\": \"m.csv\"}",
         "'m.csv' line 2, column 'step': '1.5' is no whole number"},
        {"m.json", "{\"a\": {\"b\": \"0.5\"}}", "{\"metrics\": \"m.json\"}",
         "'m.json': 'a/b' is a text: expected a number"},
        {"p.json", "[1]", "{\"params\": \"p.json\"}", "params: 'p.json' holds a list: expected a map"},
        {"p.json", "{", "{\"params\": \"p.json\"}", "is no JSON: the log says where"},
        {"p.yaml", "a: 1\nb: !x 2\n", "{\"params\": \"p.yaml\"}", "line 2: tags are not read: expected a plain value"},
        {"p.yaml", "a: 1\n---\nb: 2\n", "{\"params\": \"p.yaml\"}", "line 3: a second document begins: expected one"},
        {"p.yaml", "a: &x {b: 1}\nc:\n  <<: *x\n", "{\"params\": \"p.yaml\"}",
         "line 3: merge keys are not read: expected the keys themselves"},
        {"p.yaml", "a: [1\n", "{\"params\": \"p.yaml\"}", "line 2: did not find expected ',' or ']'"},
        {"p.csv", "name,value\na,1\n", "{\"params\": \"p.csv\"}", "'p.csv': expected the columns key and value"},
        {"t.json", "[1]", "{\"tables\": \"t.json\"}", "'t.json': row 1 is a number: expected a map"},
        {"t.json", "{\"a\": [1], \"b\": [1, 2]}", "{\"tables\": \"t.json\"}",
         "'t.json': the column 'b': expected a list of 1 values, as the first has"},
        {"a", "", "{\"params\": {\"a\": 1}, \"artifacts\": \"no/*.svg\"}", "artifacts: there is no 'no/*.svg'"},
        {"a", "", "{\"artifacts\": [\"a\", \"./a\"]}", "two files would be the artifact 'a': expected different names"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fake_host fake;
        fake_host_open(&fake, "track");
        (void)fake_host_file(&fake, cases[i].file, cases[i].text);
        assert_int_equal(fake_host_run(&fake, cases[i].params), STEP_FAILED);
        if (strstr(fake.failure, cases[i].reason) == NULL) {
            assert_string_equal(fake.failure, cases[i].reason);
        }
        assert_int_equal(fake.param_count + fake.metric_count + fake.tag_count + fake.artifact_count, 0);
        fake_host_close(&fake);
    }
}

TEST(track_gives_up_soon_on_aliases_that_multiply)
{
    struct fake_host fake;
    fake_host_open(&fake, "track");
    const char *text = "a: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
    for (int i = 1; i < 12; i++) {
        text = arena_printf(fake.arena, "%sb%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n", text, i, i,
                            i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
    }
    (void)fake_host_file(&fake, "p.yaml", text);
    assert_int_equal(fake_host_run(&fake, "{\"params\": \"p.yaml\"}"), STEP_FAILED);
    assert_non_null(strstr(fake.failure, "more than 1000000 values"));
    fake_host_close(&fake);
}

TESTS(RUN(track_records_what_stands_in_the_pipeline), RUN(track_reads_yaml_by_the_core_schema),
      RUN(track_reads_metrics_of_both_forms_of_csv_and_of_json),
      RUN(track_takes_the_bare_nan_and_infinity_of_python_as_metrics_and_as_nothing_else),
      RUN(track_makes_tables_of_csv_and_json),
      RUN(track_finds_artifacts_by_pattern_and_by_name), RUN(track_records_nothing_when_a_file_is_wrong),
      RUN(track_gives_up_soon_on_aliases_that_multiply))
