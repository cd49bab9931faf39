/* SPDX-License-Identifier: Apache-2.0
 * Params of a pipeline file: their types, defaults and bounds, and what is no param.
 */
#include "key_text.h"

TEST(params_are_typed_and_their_defaults_fit)
{
    static const struct text_row rows[] = {
        {PARAM(""), "", NULL},
        {PARAM("type: string, default: x, description: words"), "", NULL},
        {PARAM("default: 1.10"), "", NULL},
        {PARAM("type: integer, default: 3, minimum: 1, maximum: 9"), "", NULL},
        {PARAM("type: number, default: 3"), "", NULL},
        {PARAM("type: number, default: 0.5"), "", NULL},
        {PARAM("type: boolean, default: false"), "", NULL},
        {PARAM("type: path, default: a/b"), "", NULL},
        {PARAM("type: json, default: {a: [1]}"), "", NULL},
        {PARAM("type: list, default: []"), "", NULL},
        {PARAM("type: map, default: {}"), "", NULL},
        {PARAM("enum: [x, y], default: x"), "", NULL},
        {PARAM("enum: [1.10, 1.20], default: 1.10"), "", NULL},
        {PARAM("type: integer, enum: [1, 2], default: 2"), "", NULL},
        {PARAM("type: text"),
         "2:20 E006", "unknown value 'text' (did you mean 'string'?)"},
        {PARAM("typ: string"), "2:14 E003", "param 'a' has no key 'typ' (did you mean 'type'?)"},
        {PARAM("type: integer, default: x"), "2:38 E005", "default of 'a': expected an integer, found a string"},
        {PARAM("type: integer, default: 1.5"), "2:38 E005", "default of 'a': expected an integer, found a number"},
        {PARAM("type: integer, default: "), "2:38 E005", "default of 'a': expected an integer, found null"},
        {PARAM("type: number, default: 3, minimum: 5"), "2:37 E006", "default of 'a': 3 is below the minimum 5"},
        {PARAM("type: number, default: 3, maximum: 2"), "2:37 E006", "default of 'a': 3 is above the maximum 2"},
        {PARAM("enum: [x, y], default: z"),
         "2:37 E006", "default of 'a': expected one of [\"x\",\"y\"], found \"z\""},
        {PARAM("type: boolean, default: yes"),
         "2:38 E005", "expected true or false, found 'yes' (did you mean true?)"},
        {PARAM("type: boolean, default: 'true'"), "2:38 E005", "expected a boolean, found a string"},
        {PARAM("default: '${{ x }}'"), "2:23 E010", "a default takes no expressions"},
        {PARAM("default: true"), "2:23 E005", "default of 'a': expected a string, found a boolean"},
        {PARAM("type: list, default: {}"), "2:35 E005", "expected a list, found a map"},
        {PARAM("type: map, default: []"), "2:34 E005", "expected a map, found a list"},
        {PARAM("minimum: 1, default: x"),
         "2:14 E006", "'minimum' and 'maximum' are of numbers, its type is string (write type: number)"},
        {PARAM("type: integer, minimum: 3, maximum: 1"), "2:29 E006", "the minimum 3 is above the maximum 1"},
        {PARAM("type: integer, minimum: low"),
         "2:38 E005", "'minimum' of param 'a': expected a number, found a string"},
        {PARAM("type: integer, enum: [a]"), "2:36 E005", "'enum' of param 'a': expected an integer, found a string"},
        {PARAM("enum: []"), "2:20 E006", "'enum' is empty"},
        {PARAM("enum: x"), "2:20 E005", "'enum' of param 'a': expected a list, found a string"},
        {PARAM("description: [x]"), "2:27 E005", "expected text, found a list"},
    };
    CHECK_ROWS(rows);
}

TEST(what_is_no_param_is_told)
{
    static const struct text_row rows[] = {
        {"name: p\nparams: {a: 3}\nsteps: {a: {run: x}}\n",
         "2:13 E005", "param 'a': expected a map, found an integer"},
        {"name: p\nparams: {a: }\nsteps: {a: {run: x}}\n", "2:13 E005", "param 'a': expected a map, found nothing"},
        {"name: p\nparams: {B-b: {default: x}}\nsteps: {a: {run: x}}\n",
         "2:10 E006", "'B-b' is no name of a param: expected letters, digits and '_'"},
        {"name: p\nparams: [a]\nsteps: {a: {run: x}}\n",
         "2:9 E005", "'params' of the pipeline: expected a map, found a list"},
    };
    CHECK_ROWS(rows);
}

TEST(a_word_that_a_program_takes_as_a_program_takes_no_expressions)
{
    static const struct text_row rows[] = {
        {STEP("run: [python, train.py, --lr, '${{ run.id }}', -c, '${{ run.id }}']"), "", NULL},
        {STEP("run: [printf, '${{ run.id }}']"), "", NULL},
        {STEP("run: [sh, -c, 'echo $1', sh, '${{ run.id }}']"), "", NULL},
        {STEP("run: [sh, -c, 'echo ${{ run.id }}']"), "3:31 E012", "(put it in 'env:' and use the variable)"},
        {STEP("run: [bash, -lc, '${{ run.id }}']"), "3:29 E012", "that is code to another interpreter"},
        {STEP("run: [env, sh, -c, '${{ run.id }}']"), "3:31 E012", NULL},
        {STEP("run: [/usr/bin/python3, -c, '${{ run.id }}']"), "3:40 E012", NULL},
        {STEP("run: [perl, -e, '${{ run.id }}']"), "3:28 E012", NULL},
        {STEP("run: [node, -e, '${{ run.id }}']"), "3:28 E012", NULL},
        {STEP("run: [ssh, host, 'ls ${{ run.id }}']"), "3:32 E012", NULL},
        {STEP("run: [xargs, -n1, sh, -c, '${{ run.id }}']"), "3:38 E012", NULL},
    };
    CHECK_ROWS(rows);
}
#define BARE(value) HEAD "params: {a: " value "}\nsteps: {b: {run: 'echo ${{ params.a }}'}}\n"

TEST(a_param_that_is_only_its_default_is_told_how_to_write_it_and_nothing_else)
{
    static const struct text_row rows[] = {
        {BARE("0.10"), "2:13 E005",
         "param 'a': expected a map, found a number (write 'a: {type: number, default: 0.10}')"},
        {BARE("0x10"), "2:13 E005", "found an integer (write 'a: {type: integer, default: 0x10}')"},
        {BARE("true"), "2:13 E005", "(write 'a: {type: boolean, default: true}')"},
        {BARE("data.csv"), "2:13 E005", "(write 'a: {type: string, default: \"data.csv\"}')"},
        {BARE("'it''s'"), "2:13 E005", "(write 'a: {type: string, default: \"it's\"}')"},
        {BARE("[1, x]"), "2:13 E005", "found a list (write 'a: {type: list, default: [1,\"x\"]}')"},
        {BARE("~"), "2:13 E005", "found nothing (write 'a: {type: string}')"},
        {BARE("'${{ run.id }}'"), "2:13 E005", "(write 'a: {type: string}')"},
        {BARE("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), "2:13 E005",
         "(write 'a: {type: string}')"},
    };
    CHECK_ROWS(rows);
}

TESTS(RUN(params_are_typed_and_their_defaults_fit), RUN(what_is_no_param_is_told),
      RUN(a_word_that_a_program_takes_as_a_program_takes_no_expressions),
      RUN(a_param_that_is_only_its_default_is_told_how_to_write_it_and_nothing_else))
