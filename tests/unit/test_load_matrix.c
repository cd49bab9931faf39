/* SPDX-License-Identifier: Apache-2.0
 * Matrices of a pipeline file.
 */
#include "key_text.h"

TEST(a_matrix_is_axes_or_an_expression)
{
    static const struct text_row rows[] = {
        {STEP("run: x, matrix: {lr: [0.1, 0.01], depth: [2, '4']}, max_parallel: 2, fail_fast: true"), "", NULL},
        {STEP("run: x, matrix: {lr: [1], include: [{lr: 2, x: y}], exclude: [{lr: 1}]}"), "", NULL},
        {STEP("run: x, matrix: {include: [{a: 1}]}"), "", NULL},
        {STEP("run: x, matrix: \"${{ fromJSON('[1]') }}\""), "", NULL},
        {STEP("run: x, matrix: {lr: \"${{ fromJSON('[1]') }}\"}"), "", NULL},
        {STEP("run: x, matrix: {}"), "3:23 E006", "the matrix has no axes"},
        {STEP("run: x, matrix: x"), "3:23 E005", "expected a map of axes, or one expression that gives a list"},
        {STEP("run: x, matrix: '${{ true }} y'"),
         "3:23 E005", "expected a map of axes, or one expression that gives a list"},
        {STEP("run: x, matrix: [1, 2]"), "3:23 E005", "'matrix' of step 'a': expected text or a map, found a list"},
        {STEP("run: x, matrix: {lr: 0.1}"), "3:28 E005", "matrix axis 'lr': expected a list"},
        {STEP("run: x, matrix: {y-z: [1]}"), "3:24 E006", "'y-z' is no name of a matrix axis"},
        {STEP("run: x, matrix: {e: []}"), "3:27 E006", "matrix axis 'e' is empty"},
        {STEP("run: x, matrix: {a: [1], include: {a: 1}}"),
         "3:41 E005", "'include' of a matrix: expected a list, found a map"},
        {STEP("run: x, matrix: {a: [1], exclude: [1]}"),
         "3:42 E005", "'exclude' of a matrix: expected a map, found an integer"},
        {STEP("run: x, matrix: {a: [1]}, max_parallel: 0"),
         "3:47 E006", "expected an integer from 1 to 10000, found '0'"},
        {STEP("run: x, matrix: {a: [1]}, max_parallel: '${{ vars.n }}'"),
         "3:47 E005", "this key takes no expressions"},
        {STEP("run: x, matrix: {a: [1]}, fail_fast: yes"), "3:44 E005", "did you mean true?"},
        {STEP("run: x, max_parallel: 2, fail_fast: true"),
         "3:15 E006, 3:32 E006", "'max_parallel' has no meaning without 'matrix'"},
    };
    CHECK_ROWS(rows);
}

TEST(values_of_an_axis_are_scalars_maps_or_lists)
{
    static const struct text_row rows[] = {
        {STEP("run: 'echo ${{ matrix.cfg.lr }}', matrix: {cfg: [{lr: 0.1, depth: 2}, {lr: 0.01}]}"), "", NULL},
        {STEP("run: 'echo ${{ matrix.cfg.x.y }}', matrix: {cfg: [{x: {y: 1}}, '${{ fromJSON(vars.a) }}']}"), "", NULL},
        {STEP("run: 'echo ${{ matrix.l[0] }}', matrix: {l: [[1, 2], [3]]}"), "", NULL},
        {STEP("run: x, matrix: {cfg: [{lr: '${{ matrix.y }}'}]}"), "3:40 E010", "'matrix' does not exist in 'matrix'"},
        {STEP("run: 'echo ${{ matrix.cfg.rl }}', matrix: {cfg: [{lr: 0.1}]}"),
         "3:22 E009", "there is no key 'rl' of 'matrix.cfg' (did you mean 'lr'?)"},
        {STEP("run: 'echo ${{ matrix.c.a.d }}', matrix: {c: [{a: {b: 1}}], include: [{c: {a: {e: 1}}}]}"),
         "3:22 E009", "there is no key 'd' of 'matrix.c.a'"},
        {STEP("run: 'echo ${{ matrix.c.a.e }}', matrix: {c: [{a: {b: 1}}], include: [{c: {a: {e: 1}}}]}"), "", NULL},
        {STEP("run: 'echo ${{ matrix.lr.x }}', matrix: {lr: [0.1]}"), "3:22 E009", "no key 'x' of 'matrix.lr'"},
        {STEP("run: x, matrix: {lr: {a: 1}}"), "3:28 E005", "matrix axis 'lr': expected a list"},
        {STEP("run: x, matrix: {lr: [{a: '${{ '}]}"), "3:34 E008", NULL},
    };
    CHECK_ROWS(rows);
}

TEST(exclude_names_what_the_matrix_has)
{
    static const struct text_row rows[] = {
        {STEP("run: x, matrix: {lr: [1, 2], d: [{x: 1}], exclude: [{lr: 1.0, d: {x: 1}}]}"), "", NULL},
        {STEP("run: x, matrix: {lr: [1, '${{ vars.n }}'], exclude: [{lr: 3}]}"), "", NULL},
        {STEP("run: x, matrix: {lr: '${{ fromJSON(vars.n) }}', exclude: [{lr: 3}]}"), "", NULL},
        {STEP("run: x, matrix: {lr: [1], exclude: [{lr: '${{ vars.n }}'}]}"), "", NULL},
        {STEP("run: x, matrix: {rate: [1], exclude: [{rat: 1}]}"),
         "3:46 E009", "'exclude': the matrix has no axis 'rat' (did you mean 'rate'?)"},
        {STEP("run: x, matrix: {include: [{a: 1}], exclude: [{a: 1}]}"), "3:54 E009", "the matrix has no axis 'a'"},
        {STEP("run: x, matrix: {lr: [1, 2], d: [a], exclude: [{lr: 1, d: b}]}"),
         "3:62 W021", "'exclude' leaves out nothing: no combination has this 'd'"},
        {STEP("run: x, matrix: {lr: [1, 2], exclude: [{lr: '1'}]}"), "3:47 W021", "no combination has this 'lr'"},
    };
    CHECK_ROWS(rows);
}

TESTS(RUN(a_matrix_is_axes_or_an_expression), RUN(values_of_an_axis_are_scalars_maps_or_lists),
      RUN(exclude_names_what_the_matrix_has))
