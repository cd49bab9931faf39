/* SPDX-License-Identifier: Apache-2.0
 * The evaluate plugin as it was built, on small files, with the store played by the test. */
#include "fake_host.h"
#include "test.h"

static const char regressor_rows[] = "quality,alcohol,color,predicted\n"
                                     "5,9.4,red,5.5\n6,9.8,red,5.5\n7,10.1,white,6.5\n4,9.2,white,5\n";
static const char binary_rows[] = "diagnosis,p,said\nM,0.9,M\nB,0.2,B\nM,0.4,B\nB,0.6,M\nM,0.8,M\nB,0.1,B\n";

/* A digest that shows what was in the file: FNV-1a over its bytes, in hex. */
static int digest_by_content(const struct step_host *host, const char *method, const char *json,
                             const struct step_value **reply)
{
    if (strcmp(method, "digest.file") != 0) {
        return fake_host_on_call(host, method, json, reply);
    }
    struct fake_host *fake = fake_host_of(host);
    const struct step_value *request = fake_host_parse(fake, json);
    uint64_t hash = 0xCBF29CE484222325U;
    for (const char *p = fake_host_read(fake, step_get(request, "path")->string); *p != '\0'; p++) {
        hash = (hash ^ (unsigned char)*p) * 0x100000001B3U;
    }
    *reply = fake_host_parse(fake, arena_printf(fake->arena, "{\"sha256\": \"%016llx\", \"size\": 1}",
                                                (unsigned long long)hash));
    return 0;
}

static void open_evaluate(struct fake_host *fake, const char *rows)
{
    fake_host_open(fake, "evaluate");
    fake->host.call = digest_by_content;
    (void)fake_host_file(fake, "rows.csv", rows);
    fake_host_reply(fake, "dataset.log", 0, "{}");
    fake_host_reply(fake, "model.log_metrics", 0, "{\"model_id\": \"m-1\"}");
    fake_host_reply(fake, "gate.record", 0, "{\"gate_id\": 17}");
}

#define REGRESSOR "\"dataset\": {\"path\": \"rows.csv\", \"name\": \"holdout\"}, \"label\": \"quality\", " \
                  "\"prediction\": \"predicted\", \"type\": \"regressor\""
#define BINARY "\"dataset\": \"rows.csv\", \"label\": \"diagnosis\", \"type\": \"classifier\""

static void assert_near(double got, double expected)
{
    if (!(fabs(got - expected) < 1e-12)) {
        fail_msg("got %.17g, expected %.17g", got, expected);
    }
}

TEST(evaluate_measures_a_regressor_and_leaves_everything_behind)
{
    struct fake_host fake;
    open_evaluate(&fake, regressor_rows);
    assert_int_equal(fake_host_run(&fake, "{" REGRESSOR ", \"slices\": [\"color\"]}"), STEP_OK);
    assert_near(fake_host_metric(&fake, "rmse"), sqrt(1.75 / 4));
    assert_near(fake_host_metric(&fake, "mae"), 0.625);
    assert_near(fake_host_metric(&fake, "r2"), 1 - 1.75 / 5);
    assert_near(fake_host_metric(&fake, "rmse/color:white"), sqrt(1.25 / 2));
    assert_near(fake_host_metric(&fake, "residual_p50"), 0);
    assert_string_equal(fake_host_output(&fake, "passed"), "true");
    assert_string_equal(fake_host_output(&fake, "refused_by"), "\"\"");
    assert_string_equal(fake_host_output(&fake, "champion_version"), "null");
    assert_string_equal(fake_host_output(&fake, "n"), "4");
    assert_non_null(fake_host_artifact(&fake, "plots/residuals.svg"));
    assert_non_null(fake_host_artifact(&fake, "evaluation.json"));
    assert_null(fake_host_artifact(&fake, "confusion_matrix.json"));
    assert_null(fake_host_called(&fake, "gate.record")); /* no rules, no gate */
    assert_non_null(strstr(fake_host_called(&fake, "dataset.log"), "\"name\":\"holdout\""));
    assert_non_null(strstr(fake_host_called(&fake, "model.log_metrics"), "\"model\":null"));
    fake_host_close(&fake);
}

TEST(evaluate_measures_two_classes_with_probabilities)
{
    struct fake_host fake;
    open_evaluate(&fake, binary_rows);
    assert_int_equal(
        fake_host_run(&fake, "{" BINARY ", \"prediction\": \"said\", \"probability\": \"p\", \"positive\": \"M\"}"),
        STEP_OK);
    assert_near(fake_host_metric(&fake, "accuracy"), 4.0 / 6);
    assert_near(fake_host_metric(&fake, "recall"), 2.0 / 3);
    assert_near(fake_host_metric(&fake, "recall:B"), 2.0 / 3);
    assert_near(fake_host_metric(&fake, "roc_auc"), 8.0 / 9);
    assert_near(fake_host_metric(&fake, "brier"), (0.01 + 0.04 + 0.36 + 0.36 + 0.04 + 0.01) / 6);
    assert_string_equal(fake_host_read(&fake, fake_host_artifact(&fake, "confusion_matrix.json")),
                        "{\"classes\":[\"B\",\"M\"],\"rows_are\":\"label\",\"columns_are\":\"prediction\","
                        "\"weighted\":false,\"matrix\":[[2,1],[1,2]]}\n");
    static const char *const plots[] = {"confusion_matrix", "roc", "pr", "calibration"};
    for (size_t i = 0; i < 4; i++) {
        assert_non_null(fake_host_artifact(&fake, arena_printf(fake.arena, "plots/%s.svg", plots[i])));
    }
    fake_host_close(&fake);
}

TEST(evaluate_takes_the_most_probable_class_when_no_prediction_is_given)
{
    struct fake_host fake;
    open_evaluate(&fake, binary_rows);
    assert_int_equal(fake_host_run(&fake, "{" BINARY ", \"probability\": {\"M\": \"p\"}, \"plots\": false}"), STEP_OK);
    assert_near(fake_host_metric(&fake, "accuracy"), 4.0 / 6);
    assert_null(fake_host_artifact(&fake, "plots/roc.svg"));
    fake_host_close(&fake);
}

TEST(evaluate_measures_several_classes_by_a_map_of_probabilities)
{
    struct fake_host fake;
    open_evaluate(&fake, "y,f,a,b,c\n1,1.0,0.7,0.2,0.1\n2,2,0.2,0.5,0.3\n3,3,0.1,0.3,0.6\n3,1,0.5,0.1,0.4\n");
    assert_int_equal(fake_host_run(&fake, "{\"dataset\": \"rows.csv\", \"label\": \"y\", \"prediction\": \"f\", "
                                          "\"type\": \"classifier\", \"probability\": {\"1\": \"a\", \"2\": \"b\", "
                                          "\"3\": \"c\"}, \"thresholds\": {\"recall:3\": \">= 0.6\"}, "
                                          "\"on_refuse\": \"skip\"}"), STEP_OK);
    assert_near(fake_host_metric(&fake, "accuracy"), 0.75);
    assert_near(fake_host_metric(&fake, "roc_auc_macro"), 1);
    assert_near(fake_host_metric(&fake, "recall:3"), 0.5);
    assert_string_equal(fake_host_output(&fake, "refused_by"), "\"recall:3 0.5 is below 0.6 (by 0.1)\"");
    fake_host_close(&fake);
}

TEST(evaluate_refuses_with_every_broken_rule)
{
    struct fake_host fake;
    open_evaluate(&fake, regressor_rows);
    assert_int_equal(fake_host_run(&fake, "{" REGRESSOR ", \"model\": \"m-9\", \"thresholds\": {\"rmse\": \"<= 0.66\", "
                                          "\"mae\": \"< 0.6\", \"rmse[color=white]\": \"<= 0.7\", "
                                          "\"r2\": \">= 0.3\"}}"), STEP_REFUSED);
    assert_string_equal(fake.failure, "refused: rmse 0.661438 is above 0.66 (by 0.00144); mae 0.625 is not below 0.6 "
                                      "(by 0.025); rmse[color=white] 0.790569 is above 0.7 (by 0.0906)");
    assert_string_equal(fake_host_output(&fake, "passed"), "false");
    assert_string_equal(fake_host_output(&fake, "gate_id"), "\"17\"");
    const char *gate = fake_host_called(&fake, "gate.record");
    assert_non_null(strstr(gate, "{\"passed\":false,\"refused_by\":\"rmse 0.66"));
    assert_non_null(strstr(gate, "\"metric\":\"r2\",\"key\":\"r2\",\"slice\":null,\"rule\":\">= 0.3\",\"value\":0.65"));
    assert_non_null(strstr(gate, "\"slice\":{\"column\":\"color\",\"value\":\"white\"},\"rule\":\"<= 0.7\""));
    assert_non_null(strstr(gate, "\"model\":\"m-1\""));
    assert_non_null(strstr(gate, "rows.csv\",\""));
    assert_non_null(strstr(fake.log, "warn: refused  rmse "));
    assert_non_null(strstr(fake.log, "info: passed   r2 "));
    assert_near(fake_host_metric(&fake, "rmse/color:white"), sqrt(1.25 / 2));
    fake_host_close(&fake);
}

TEST(evaluate_that_skips_succeeds_with_passed_false)
{
    struct fake_host fake;
    open_evaluate(&fake, regressor_rows);
    assert_int_equal(fake_host_run(&fake, "{" REGRESSOR ", \"thresholds\": {\"rmse\": \"<= 0.5\"}, "
                                          "\"on_refuse\": \"skip\"}"), STEP_OK);
    assert_null(fake.failure);
    assert_string_equal(fake_host_output(&fake, "passed"), "false");
    assert_string_equal(fake_host_output(&fake, "refused_by"), "\"rmse 0.661438 is above 0.5 (by 0.161)\"");
    fake_host_close(&fake);
}

/* The digest of the data in regressor_rows, as an evaluation with other predictions tells it. */
static const char *digest_of_other_predictions(void)
{
    static char digest[64];
    struct fake_host fake;
    open_evaluate(&fake, "quality,alcohol,color,predicted\r\n"
                         "5,9.4,red,1\r\n6,9.8,\"red\",2\r\n7,10.1,white,3\r\n4,9.2,white,4\r\n");
    assert_int_equal(fake_host_run(&fake, "{" REGRESSOR "}"), STEP_OK);
    const char *json = fake_host_output(&fake, "dataset_digest");
    (void)snprintf(digest, sizeof digest, "%.*s", (int)strlen(json) - 2, json + 1);
    fake_host_close(&fake);
    return digest;
}

TEST(the_dataset_digest_is_of_the_data_and_not_of_the_predictions)
{
    const char *digest = digest_of_other_predictions();
    struct fake_host fake;
    open_evaluate(&fake, regressor_rows);
    assert_int_equal(fake_host_run(&fake, "{" REGRESSOR "}"), STEP_OK);
    assert_non_null(strstr(fake_host_output(&fake, "dataset_digest"), digest));
    fake_host_close(&fake);
    open_evaluate(&fake, "quality,alcohol,color,predicted\n5,9.4,red,5.5\n6,9.8,red,5.5\n");
    assert_int_equal(fake_host_run(&fake, "{" REGRESSOR "}"), STEP_OK);
    assert_null(strstr(fake_host_output(&fake, "dataset_digest"), digest));
    fake_host_close(&fake);
}

#define CHAMPION "\"champion\": {\"model\": \"models:/wine@champion\"}"

TEST(evaluate_compares_with_the_champion_on_the_same_data)
{
    static const struct {
        const char *rule;
        bool passes;
        const char *refused_by;
    } cases[] = {
        {"\"r2\": \">= champion - 0.02\"", true, "\"\""},
        {"\"r2\": \">= champion\"", false, "\"r2 0.65 is below champion = 0.66 (by 0.01)\""},
        {"\"mae\": \"<= champion\"", false,
         "\"mae <= champion: models:/wine@champion (version 3) has no mae on this dataset\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fake_host fake;
        open_evaluate(&fake, regressor_rows);
        fake_host_reply(&fake, "model.metrics", 0,
                        "{\"found\": true, \"model_id\": \"m-3\", \"version\": 3, \"like\": true, "
                        "\"dataset_digest\": \"abc\", \"metrics\": {\"r2\": 0.66}}");
        const char *params = arena_printf(fake.arena, "{" REGRESSOR ", " CHAMPION ", \"thresholds\": {%s}}",
                                          cases[i].rule);
        assert_int_equal(fake_host_run(&fake, params), cases[i].passes ? STEP_OK : STEP_REFUSED);
        assert_string_equal(fake_host_output(&fake, "refused_by"), cases[i].refused_by);
        assert_string_equal(fake_host_output(&fake, "champion_version"), "\"3\"");
        fake_host_close(&fake);
    }
}

TEST(evaluate_refuses_a_champion_with_unlike_data)
{
    struct fake_host fake;
    open_evaluate(&fake, regressor_rows);
    fake_host_reply(&fake, "model.metrics", 0,
                    "{\"found\": true, \"model_id\": \"m-3\", \"version\": \"3\", \"like\": false, "
                    "\"dataset_digest\": \"0123456789abcdef\", \"metrics\": {\"r2\": 0.1}}");
    assert_int_equal(
        fake_host_run(&fake, "{" REGRESSOR ", " CHAMPION ", \"thresholds\": {\"r2\": \">= champion\"}}"),
        STEP_REFUSED);
    assert_non_null(strstr(fake.failure, "refused: r2 >= champion: unlike data: the metrics of models:/wine@champion "
                                         "(version 3) are on dataset 0123456789ab, this one is "));
    fake_host_close(&fake);
}

TEST(evaluate_without_a_champion_passes_unless_it_must_exist)
{
    struct fake_host fake;
    open_evaluate(&fake, regressor_rows);
    fake_host_reply(&fake, "model.metrics", 0, "{\"found\": false}");
    assert_int_equal(
        fake_host_run(&fake, "{" REGRESSOR ", " CHAMPION ", \"thresholds\": {\"r2\": \">= champion\"}}"), STEP_OK);
    assert_non_null(strstr(fake_host_called(&fake, "gate.record"), "\"reason\":\"there is no champion\""));
    fake_host_close(&fake);
    open_evaluate(&fake, regressor_rows);
    fake_host_reply(&fake, "model.metrics", 0, "{\"found\": false}");
    assert_int_equal(fake_host_run(&fake, "{" REGRESSOR ", \"champion\": {\"model\": \"models:/wine@champion\", "
                                          "\"if_missing\": \"fail\"}, \"thresholds\": {\"r2\": \">= champion\"}}"),
                     STEP_REFUSED);
    assert_string_equal(fake.failure,
                        "refused: r2 >= champion: there is no models:/wine@champion, and if_missing is fail");
    fake_host_close(&fake);
}

TEST(confidence_asks_the_resamples)
{
    static const struct {
        const char *rule;
        enum step_result result;
    } cases[] = {{"{\"is\": \"<= 3\", \"confidence\": 0.95}", STEP_OK},
                 {"{\"is\": \"<= 0.67\", \"confidence\": 0.95}", STEP_REFUSED}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char held[2][64] = {"", ""};
        for (size_t again = 0; again < 2; again++) {
            struct fake_host fake;
            open_evaluate(&fake, regressor_rows);
            const char *params = arena_printf(fake.arena, "{" REGRESSOR ", \"thresholds\": {\"rmse\": %s}}",
                                              cases[i].rule);
            assert_int_equal(fake_host_run(&fake, params), cases[i].result);
            const char *at = strstr(fake_host_called(&fake, "gate.record"), "\"held\":");
            (void)snprintf(held[again], sizeof held[again], "%.12s", at);
            fake_host_close(&fake);
        }
        assert_string_equal(held[0], held[1]); /* the same seed, the same share */
    }
}

TEST(evaluate_fails_and_does_not_refuse_what_is_wrong)
{
    static const struct {
        const char *rows;
        const char *params;
        const char *reason;
    } cases[] = {
        {"y,f\n1,2\n3,NaN\n", "\"prediction\": \"f\", \"type\": \"regressor\"",
         "row 2 (line 3), column 'f': 'NaN' is not a finite number"},
        {"y,f\n1,2\n", "\"prediction\": \"g\", \"type\": \"regressor\"", "prediction: no column 'g' in the file"},
        {"y,f\n", "\"prediction\": \"f\", \"type\": \"regressor\"", "the file has a header and no rows"},
        {"y,f\n1,2\n", "\"prediction\": \"f\", \"type\": \"regressor\", \"thresholds\": {\"rmsee\": \"< 1\"}",
         "thresholds: 'rmsee': a regressor has no metric 'rmsee' (did you mean 'rmse'?)"},
        {"y,s\n0,0.2\n1,0.7\n", "\"probability\": \"s\", \"type\": \"classifier\", \"thresholds\": {\"auc\": \"> 0\"}",
         "thresholds: 'auc': a classifier of two classes has no metric 'auc' (did you mean 'roc_auc'?)"},
        {"y,f\n1,2\n", "\"prediction\": \"f\", \"type\": \"regressor\", \"thresholds\": {\"rmse[z=1]\": \"< 1\"}",
         "thresholds: 'rmse[z=1]': no column 'z' in the file"},
        {"y,f\n1,2\n", "\"prediction\": \"f\", \"type\": \"regressor\", \"thresholds\": {\"rmse\": \"< champion\"}",
         "thresholds: a rule names the champion: expected a parameter champion"},
        {"y,f\n1,2\n", "\"prediction\": \"f\", \"type\": \"regressor\", \"slices\": [\"z\"]",
         "slices: no column 'z' in the file"},
        {"y,f\n1,2\n", "\"prediction\": \"f\", \"type\": \"regressor\", \"positive\": \"1\"",
         "positive: only a classifier has it"},
        {"y,f\na,a\n,b\n", "\"prediction\": \"f\", \"type\": \"classifier\"",
         "row 2 (line 3), column 'y': '' is no class"},
        {"y,f\na,a\na,a\n", "\"prediction\": \"f\", \"type\": \"classifier\"",
         "label: only the class 'a' occurs: say which class is positive"},
        {"y,f\na,a\nb,b\n", "\"prediction\": \"f\", \"type\": \"classifier\", \"positive\": \"c\"",
         "positive: 'c' is none of the classes 'a' and 'b'"},
        {"y,p\n0,0.5\n1,1.5\n", "\"probability\": \"p\", \"type\": \"classifier\"",
         "row 2, column 'p': 1.5 is no probability: expected 0 to 1"},
        {"y,p_b,p_a\na,0.5,0.5\nb,0.5,0.5\n", "\"probability\": [\"p_b\", \"p_a\"], \"type\": \"classifier\"",
         "column 'p_b' stands where class 'a' is expected"},
        {"y,f,w\n1,2,-1\n", "\"prediction\": \"f\", \"type\": \"regressor\", \"weight\": \"w\"",
         "row 1, column 'weight': -1 is negative"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fake_host fake;
        open_evaluate(&fake, cases[i].rows);
        const char *params = arena_printf(fake.arena, "{\"dataset\": \"rows.csv\", \"label\": \"y\", %s}",
                                          cases[i].params);
        assert_int_equal(fake_host_run(&fake, params), STEP_FAILED);
        if (strstr(fake.failure, cases[i].reason) == NULL) {
            fail_msg("got \"%s\", expected \"%s\"", fake.failure, cases[i].reason);
        }
        assert_null(fake_host_called(&fake, "gate.record"));
        fake_host_close(&fake);
    }
}

TEST(one_class_alone_is_evaluated_when_the_positive_one_is_named)
{
    static const char *const rows[] = {"y,f\n1,1.0\n1.0,1\n", "y,f\nyes,yes\nyes,yes\n"};
    static const char *const positives[] = {"1", "\"no\""};
    for (size_t i = 0; i < 2; i++) {
        struct fake_host fake;
        open_evaluate(&fake, rows[i]);
        const char *params = arena_printf(fake.arena, "{\"dataset\": \"rows.csv\", \"label\": \"y\", \"prediction\": "
                                          "\"f\", \"type\": \"classifier\", \"positive\": %s}", positives[i]);
        assert_int_equal(fake_host_run(&fake, params), STEP_OK);
        assert_near(fake_host_metric(&fake, "accuracy"), 1);
        assert_near(fake_host_metric(&fake, "recall"), i == 0 ? 1 : 0);
        fake_host_close(&fake);
    }
}

TEST(min_samples_and_empty_slices_refuse)
{
    struct fake_host fake;
    open_evaluate(&fake, regressor_rows);
    assert_int_equal(fake_host_run(&fake, "{" REGRESSOR ", \"min_samples\": 5}"), STEP_REFUSED);
    assert_string_equal(fake.failure, "refused: n 4 is below 5 (by 1)");
    fake_host_close(&fake);
    open_evaluate(&fake, regressor_rows);
    assert_int_equal(fake_host_run(&fake, "{" REGRESSOR ", \"thresholds\": {\"rmse[color=rose]\": \"<= 9\", "
                                          "\"rmse[color=red]\": {\"is\": \"<= 9\", \"min_samples\": 3}}}"),
                     STEP_REFUSED);
    assert_string_equal(fake.failure, "refused: rmse[color=rose] is not defined: there are no rows; rmse[color=red] "
                                      "rests on 2 rows: min_samples is 3");
    fake_host_close(&fake);
}

TEST(a_store_that_does_not_answer_fails_the_step)
{
    struct fake_host fake;
    fake_host_open(&fake, "evaluate");
    fake.host.call = digest_by_content;
    (void)fake_host_file(&fake, "rows.csv", regressor_rows);
    fake_host_reply(&fake, "dataset.log", 0, "{}");
    fake_host_reply(&fake, "model.log_metrics", -1, "{\"error\": \"not_found\", \"message\": \"no step made one\"}");
    fake_host_reply(&fake, "gate.record", -1, "{\"error\": \"io\", \"message\": \"the disk is full\"}");
    assert_int_equal(fake_host_run(&fake, "{" REGRESSOR ", \"thresholds\": {\"r2\": \"> 0\"}}"), STEP_FAILED);
    assert_string_equal(fake.failure, "gate.record: the disk is full");
    assert_non_null(strstr(fake.log, "the metrics go to no model"));
    fake_host_close(&fake);
}

TESTS(RUN(evaluate_measures_a_regressor_and_leaves_everything_behind),
      RUN(evaluate_measures_two_classes_with_probabilities),
      RUN(evaluate_takes_the_most_probable_class_when_no_prediction_is_given),
      RUN(evaluate_measures_several_classes_by_a_map_of_probabilities), RUN(evaluate_refuses_with_every_broken_rule),
      RUN(evaluate_that_skips_succeeds_with_passed_false),
      RUN(the_dataset_digest_is_of_the_data_and_not_of_the_predictions),
      RUN(evaluate_compares_with_the_champion_on_the_same_data), RUN(evaluate_refuses_a_champion_with_unlike_data),
      RUN(evaluate_without_a_champion_passes_unless_it_must_exist), RUN(confidence_asks_the_resamples),
      RUN(evaluate_fails_and_does_not_refuse_what_is_wrong),
      RUN(one_class_alone_is_evaluated_when_the_positive_one_is_named), RUN(min_samples_and_empty_slices_refuse),
      RUN(a_store_that_does_not_answer_fails_the_step))
