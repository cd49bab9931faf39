/* SPDX-License-Identifier: Apache-2.0 */

/* A plugin's file is no object of the test programs: it comes in as text. Before test.h, because cmocka
 * has a macro called fail, and step.h a member. */
#include "shared/thresholds.c"

#include "test.h"

static struct scratch memory;
static struct fault fault;
static struct thresholds rules;

static int forget(void **state)
{
    (void)state;
    scratch_free(&memory);
    return 0;
}

#define FORGETTING(name) cmocka_unit_test_teardown(name, forget)

static struct step_value text(const char *string)
{
    return (struct step_value){.type = STEP_TYPE_STRING, .string = string, .count = strlen(string)};
}

static struct step_value number(double value)
{
    return (struct step_value){.type = STEP_TYPE_NUMBER, .number = value};
}

static struct step_value whole(int64_t value)
{
    return (struct step_value){.type = STEP_TYPE_INT, .integer = value, .number = (double)value};
}

/* {key: value}, read with min_samples 0. */
static int parse_one(const char *key, struct step_value value)
{
    const char *keys[] = {key};
    struct step_value map = {.type = STEP_TYPE_MAP, .count = 1, .items = &value, .keys = keys};
    return thresholds_parse(&memory, &map, 0, &rules, &fault);
}

static struct threshold_verdict judged(const char *key, const char *rule, struct threshold_evidence evidence)
{
    assert_int_equal(parse_one(key, text(rule)), 0);
    return threshold_judge(&memory, &rules.rules[0], &evidence);
}

TEST(a_rule_is_an_operator_and_a_number_or_the_champion)
{
    static const struct {
        const char *written;
        const char *read;
        enum step_threshold_op op;
        bool champion;
        char arithmetic;
        double number;
    } cases[] = {
        {"<= 0.7", "<= 0.7", STEP_THRESHOLD_AT_MOST, false, 0, 0.7},
        {"<0.7", "< 0.7", STEP_THRESHOLD_LESS, false, 0, 0.7},
        {"  >  -1e-3 ", "> -0.001", STEP_THRESHOLD_MORE, false, 0, -0.001},
        {"==1", "== 1", STEP_THRESHOLD_EQUAL, false, 0, 1},
        {">= champion", ">= champion", STEP_THRESHOLD_AT_LEAST, true, 0, 0},
        {">=champion-0.02", ">= champion - 0.02", STEP_THRESHOLD_AT_LEAST, true, '-', 0.02},
        {"<= champion * 1.1", "<= champion * 1.1", STEP_THRESHOLD_AT_MOST, true, '*', 1.1},
        {"> champion + .5", "> champion + 0.5", STEP_THRESHOLD_MORE, true, '+', 0.5},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(parse_one("rmse", text(cases[i].written)), 0);
        assert_int_equal(rules.count, 1);
        const struct threshold *rule = &rules.rules[0];
        assert_string_equal(rule->text, cases[i].read);
        assert_int_equal(rule->op, cases[i].op);
        assert_int_equal(rule->champion, cases[i].champion);
        assert_int_equal(rule->arithmetic, cases[i].arithmetic);
        assert_true(rule->number == cases[i].number);
        assert_int_equal(thresholds_name_champion(&rules), cases[i].champion);
    }
}

TEST(what_is_no_rule_is_quoted_and_refused)
{
    static const char *const bad[] = {"",        "0.7",         "<=",           "=< 0.7",        "<= 0.7x", "<= nan",
                                      "<= 0x10", "> champions", ">= champion -", ">= champion / 2", "<= inf", "~ 3",
                                      ">= champion 0.2", "<= 1e999", "<= 1 2"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (parse_one("rmse", text(bad[i])) != -1) {
            fail_msg("'%s' was read as '%s'", bad[i], rules.rules[0].text);
        }
        assert_non_null(strstr(fault.text, "thresholds: 'rmse': '"));
        assert_non_null(strstr(fault.text, "expected \"OP NUMBER\""));
    }
    assert_int_equal(parse_one("rmse", number(0.7)), -1);
}

TEST(a_key_names_a_metric_and_perhaps_a_slice)
{
    assert_int_equal(parse_one("rmse[color=white]", text("<= 0.9")), 0);
    assert_string_equal(rules.rules[0].metric, "rmse");
    assert_string_equal(rules.rules[0].column, "color");
    assert_string_equal(rules.rules[0].value, "white");
    assert_int_equal(parse_one("f1[a b=x=[1]]", text("> 0")), 0);
    assert_string_equal(rules.rules[0].column, "a b");
    assert_string_equal(rules.rules[0].value, "x=[1]");
    assert_int_equal(parse_one("recall:malignant", text("> 0")), 0);
    assert_null(rules.rules[0].column);
    static const char *const bad[] = {"", "[a=b]", "rmse[color]", "rmse[=white]", "rmse[color=white", "rmse[a=b]x"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(parse_one(bad[i], text("> 0")), -1);
    }
}

TEST(a_list_means_all_and_a_map_adds_conditions)
{
    struct step_value list[] = {text(">= 0.3"), text(">= champion - 0.02")};
    assert_int_equal(parse_one("r2", (struct step_value){.type = STEP_TYPE_LIST, .count = 2, .items = list}), 0);
    assert_int_equal(rules.count, 2);
    const char *keys[] = {"is", "min_samples", "confidence"};
    struct step_value values[] = {text("<= 0.9"), whole(50), number(0.95)};
    struct step_value map = {.type = STEP_TYPE_MAP, .count = 3, .items = values, .keys = keys};
    assert_int_equal(parse_one("rmse", map), 0);
    assert_int_equal(rules.rules[0].min_samples, 50);
    assert_true(rules.rules[0].confidence == 0.95);
    values[0] = (struct step_value){.type = STEP_TYPE_LIST, .count = 2, .items = list};
    assert_int_equal(parse_one("r2", map), 0);
    assert_int_equal(rules.count, 2);
    assert_int_equal(rules.rules[1].min_samples, 50);
}

TEST(wrong_options_of_a_rule_are_named)
{
    const char *keys[] = {"is", "confidense"};
    struct step_value values[] = {text("<= 0.9"), number(0.95)};
    struct step_value map = {.type = STEP_TYPE_MAP, .count = 2, .items = values, .keys = keys};
    assert_int_equal(parse_one("rmse", map), -1);
    assert_string_equal(fault.text, "thresholds: 'rmse': unknown key 'confidense' (did you mean 'confidence'?): "
                                    "expected is, min_samples, confidence");
    keys[1] = "confidence";
    values[1] = number(1);
    assert_int_equal(parse_one("rmse", map), -1);
    values[1] = number(0.2);
    assert_int_equal(parse_one("rmse", map), -1);
    keys[1] = "min_samples";
    values[1] = number(1.5);
    assert_int_equal(parse_one("rmse", map), -1);
    keys[0] = "confidence";
    values[0] = number(0.9);
    values[1] = whole(3);
    assert_int_equal(parse_one("rmse", map), -1);
    assert_string_equal(fault.text, "thresholds: 'rmse': expected a key 'is' with the rule");
    assert_int_equal(parse_one("rmse", (struct step_value){.type = STEP_TYPE_LIST}), -1);
    struct step_value not_a_map = text("rmse <= 1");
    assert_int_equal(thresholds_parse(&memory, &not_a_map, 0, &rules, &fault), -1);
    assert_int_equal(thresholds_parse(&memory, NULL, 0, &rules, &fault), 0);
    assert_int_equal(rules.count, 0);
}

TEST(a_refusal_says_which_rule_and_by_how_much)
{
    static const struct {
        const char *rule;
        double value;
        double champion;
        const char *reason; /* NULL: passes */
        double margin;
    } cases[] = {
        {"<= 0.7", 0.71, NAN, "rmse 0.71 is above 0.7 (by 0.01)", -0.01},
        {"<= 0.7", 0.7, NAN, NULL, 0},
        {"< 0.7", 0.7, NAN, "rmse 0.7 is not below 0.7", 0},
        {"> 0.7", 0.7, NAN, "rmse 0.7 is not above 0.7", 0},
        {">= 0.7", 0.5, NAN, "rmse 0.5 is below 0.7 (by 0.2)", -0.2},
        {">= 0.7", 0.75, NAN, NULL, 0.05},
        {"== 1", 0.75, NAN, "rmse 0.75 is not 1 (by 0.25)", -0.25},
        {"== 1", 1, NAN, NULL, 0},
        {">= champion - 0.02", 0.5, 0.6, "rmse 0.5 is below champion - 0.02 = 0.58 (by 0.08)", -0.08},
        {">= champion - 0.02", 0.59, 0.6, NULL, 0.01},
        {"< champion", 0.6, 0.6, "rmse 0.6 is not below champion = 0.6", 0},
        {"<= champion * 1.1", 1.2, 1, "rmse 1.2 is above champion * 1.1 = 1.1 (by 0.1)", -0.1},
        {"> champion + 1", 3, 1, NULL, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct threshold_evidence evidence = {.value = cases[i].value, .samples = 9, .champion = cases[i].champion};
        struct threshold_verdict verdict = judged("rmse", cases[i].rule, evidence);
        assert_int_equal(verdict.passed, cases[i].reason == NULL);
        assert_string_equal(verdict.reason, cases[i].reason == NULL ? "" : cases[i].reason);
        assert_true(fabs(verdict.margin - cases[i].margin) < 1e-12);
    }
}

TEST(a_value_that_is_not_defined_never_passes)
{
    struct threshold_evidence evidence = {.value = NAN, .undefined = "it needs rows of both classes", .samples = 9};
    struct threshold_verdict verdict = judged("roc_auc", "<= 1", evidence);
    assert_false(verdict.passed);
    assert_string_equal(verdict.reason, "roc_auc is not defined: it needs rows of both classes");
    evidence.champion_state = THRESHOLD_CHAMPION_ABSENT_PASSES;
    assert_false(judged("roc_auc", "<= champion", evidence).passed);
}

TEST(a_champion_that_cannot_be_compared_refuses_and_a_missing_one_may_pass)
{
    struct threshold_evidence evidence = {.value = 0.9,
                                          .samples = 9,
                                          .champion = NAN,
                                          .champion_state = THRESHOLD_CHAMPION_REFUSES,
                                          .champion_reason = "unlike data: it is on dataset a, this one is b"};
    struct threshold_verdict verdict = judged("r2", ">= champion", evidence);
    assert_false(verdict.passed);
    assert_string_equal(verdict.reason, "r2 >= champion: unlike data: it is on dataset a, this one is b");
    assert_true(judged("r2", ">= 0.5", evidence).passed);
    evidence.champion_state = THRESHOLD_CHAMPION_ABSENT_PASSES;
    verdict = judged("r2", ">= champion", evidence);
    assert_true(verdict.passed && isnan(verdict.limit));
    assert_string_equal(verdict.reason, "there is no champion");
}

TEST(too_few_rows_refuse_whatever_the_value)
{
    struct step_value rule = text("<= 0.7");
    const char *keys[] = {"rmse"};
    struct step_value map = {.type = STEP_TYPE_MAP, .count = 1, .items = &rule, .keys = keys};
    assert_int_equal(thresholds_parse(&memory, &map, 200, &rules, &fault), 0);
    struct threshold_evidence evidence = {.value = 0.1, .samples = 199};
    struct threshold_verdict verdict = threshold_judge(&memory, &rules.rules[0], &evidence);
    assert_false(verdict.passed);
    assert_string_equal(verdict.reason, "rmse rests on 199 rows: min_samples is 200");
    evidence.samples = 200;
    assert_true(threshold_judge(&memory, &rules.rules[0], &evidence).passed);
}

TEST(confidence_refuses_a_value_that_holds_by_luck)
{
    const char *keys[] = {"is", "confidence"};
    struct step_value values[] = {text("<= 0.7"), number(0.95)};
    struct step_value map = {.type = STEP_TYPE_MAP, .count = 2, .items = values, .keys = keys};
    assert_int_equal(parse_one("rmse", map), 0);
    struct threshold_evidence evidence = {.value = 0.69, .samples = 9, .held = 0.812};
    struct threshold_verdict verdict = threshold_judge(&memory, &rules.rules[0], &evidence);
    assert_false(verdict.passed);
    assert_string_equal(verdict.reason, "rmse 0.69 is <= 0.7, but in 81.2 % of resamples only: 95 % are asked");
    evidence.held = 0.95;
    assert_true(threshold_judge(&memory, &rules.rules[0], &evidence).passed);
    evidence.held = NAN;
    assert_false(threshold_judge(&memory, &rules.rules[0], &evidence).passed);
}

TESTS(FORGETTING(a_rule_is_an_operator_and_a_number_or_the_champion),
      FORGETTING(what_is_no_rule_is_quoted_and_refused), FORGETTING(a_key_names_a_metric_and_perhaps_a_slice),
      FORGETTING(a_list_means_all_and_a_map_adds_conditions), FORGETTING(wrong_options_of_a_rule_are_named),
      FORGETTING(a_refusal_says_which_rule_and_by_how_much), FORGETTING(a_value_that_is_not_defined_never_passes),
      FORGETTING(a_champion_that_cannot_be_compared_refuses_and_a_missing_one_may_pass),
      FORGETTING(too_few_rows_refuse_whatever_the_value),
      FORGETTING(confidence_refuses_a_value_that_holds_by_luck))
