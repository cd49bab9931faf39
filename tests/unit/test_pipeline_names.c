/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline_text.h"

#define HEAD "name: p\n"

TEST(an_unknown_name_is_an_error_with_the_nearest_known_one)
{
    static const struct text_row rows[] = {
        {HEAD "params: {data: {default: x}}\nsteps: {a: {run: 'echo ${{ params.dta }}'}}\n", "3:28 E009",
         "there is no param 'dta' (did you mean 'data'?)"},
        {HEAD "steps: {a: {run: 'echo ${{ prams.data }}'}}\n", "2:28 E009",
         "there is no 'prams' (did you mean 'params'?)"},
        {HEAD "steps:\n  train: {run: x}\n  b: {run: 'echo ${{ steps.trian.run_id }}'}\n", "4:22 E009",
         "there is no step 'trian' (did you mean 'train'?)"},
        {HEAD "steps:\n  a: {run: x, outputs: {rows: integer}}\n  b: {run: 'echo ${{ steps.a.outputs.row }}'}\n",
         "4:22 E009", "there is no output 'row' of step 'a' (did you mean 'rows'?)"},
        {HEAD "steps:\n  a: {run: x, artifacts: {plot: '${{ step.dir }}/p'}}\n  b: {run: 'echo ${{ "
              "steps.a.artifacts.plots }}'}\n",
         "4:22 E009", "did you mean 'plot'?"},
        {HEAD "steps:\n  a: {uses: tool, with: {count: 1}}\n  b: {run: 'echo ${{ steps.a.outputs.bets }}'}\n",
         "4:22 E009", "did you mean 'best'?"},
        {HEAD "steps:\n  a: {uses: tool, with: {count: 1}}\n  b: {run: 'echo ${{ steps.a.bets }}'}\n", "4:22 E009",
         "did you mean 'best'?"},
        {HEAD "steps: {a: {inputs: {data: x.csv}, run: 'cat ${{ inputs.date }}'}}\n", "2:50 E009",
         "did you mean 'data'?"},
        {HEAD "steps: {a: {matrix: {rate: [1]}, run: 'echo ${{ matrix.rat }}'}}\n", "2:49 E009",
         "did you mean 'rate'?"},
        {HEAD "steps: {a: {run: 'echo ${{ git.comit }} ${{ run.numbr }} ${{ step.dri }}'}}\n",
         "2:28 E009, 2:45 E009, 2:62 E009", "'git' has no 'comit' (did you mean 'commit'?)"},
        {HEAD "steps: {a: {run: \"echo ${{ toJson('x') }}\"}}\n", "2:28 E009",
         "there is no function 'toJson' (did you mean 'toJSON'?)"},
        {HEAD "steps: {a: {needs: [b, train], run: x}, tran: {run: x}}\n", "2:21 E009, 2:24 E009",
         "there is no step 'train' (did you mean 'tran'?)"},
        {HEAD "steps:\n  train: {run: x}\n  b: {run: 'echo ${{ step.train.status }}'}\n", "4:22 E009",
         "'step' has no 'train' (did you mean 'steps.train'?)"},
        {HEAD "steps:\n  train: {run: x}\n  b: {run: 'echo ${{ step.dri }}'}\n", "4:22 E009", "(did you mean 'dir'?)"},
        {HEAD
         "steps: {a: {run: 'echo ${{ steps }}'}, b: {run: \"echo ${{ steps[params.x].y }}\"}}\nparams: {x: {default: "
         "y}}\n",
         "2:28 E009, 2:59 E009", "'steps' without the name of one step"},
    };
    CHECK_ROWS(rows);
}

TEST(positions_count_characters_inside_the_scalar)
{
    static const struct text_row rows[] = {
        {HEAD "steps:\n  a:\n    run: |\n      echo one\n      echo \"\xc3\xa6 ${{ params.x }}\"\n", "6:19 E009", NULL},
        {HEAD "steps:\n  a:\n    uses: tool\n    with:\n      count: ${{ params.x }}\n", "6:18 E009", NULL},
        {HEAD "steps:\n  a:\n    run: [cat, \"a ${{ params.x }}\"]\n", "4:23 E009", NULL},
        {HEAD "steps:\n  a:\n    if: >-\n      true &&\n      params.x\n    run: x\n", "6:7 E009", NULL},
        {HEAD "steps:\n  a: {run: \"echo a\\necho ${{ params.x }}\"}\n", "3:30 E009", NULL},
        {HEAD "steps:\n  a: {run: \"cat <<'E'\\n${{ params.x }}\\nE\\n\"}\n", "3:24 E012, 3:28 E009", NULL},
        {HEAD "steps:\n  a:\n    run: >\n      echo ${{ params.x }}\n\n      b ${{ params.y }}\n",
         "5:16 E009, 7:13 E009", NULL},
        {HEAD "steps:\n  a: {run: 'echo a\n\n    ''b'' ${{ params.x }}'}\n", "5:15 E009", NULL},
        {HEAD "steps:\n  a: {if: 'true == ''a'' && params.x', run: x}\n", "3:29 E009", NULL},
        {HEAD "steps:\n  a: {run: x, env: {A: \"\\x41\\t${{ true && \\\n    params.x }}\"}}\n", "4:5 E009", NULL},
        {HEAD "steps:\r\n  a:\r\n    run: |\r\n      a\r\n      \xc3\xa6 ${{ params.x }}\r\n", "6:13 E009",
         NULL},
    };
    CHECK_ROWS(rows);
}

TEST(a_context_exists_only_in_its_places)
{
    static const struct text_row rows[] = {
        {HEAD "steps: {a: {run: 'echo ${{ matrix.x }}'}}\n", "2:28 E010", "step 'a' has no matrix"},
        {HEAD "steps: {a: {matrix: {x: [true]}, if: matrix.x, run: x}}\n", "2:38 E010",
         "'matrix' does not exist in 'if'"},
        {HEAD "steps: {a: {matrix: {x: ['${{ step.dir }}']}, run: x}}\n", "2:31 E010",
         "'step' does not exist in 'matrix'"},
        {HEAD "steps: {a: {if: env.X == 'a', run: x}}\n", "2:17 E010", "'env' does not exist in 'if'"},
        {HEAD "steps: {a: {inputs: {d: x}, if: inputs.d == 'x', run: x}}\n", "2:33 E010", NULL},
        {HEAD "steps: {a: {inputs: {d: x, e: '${{ inputs.d }}'}, run: x}}\n", "2:36 E010", NULL},
        {HEAD "steps: {a: {run: 'echo ${{ event.body }}'}}\n", "2:28 E010", "hand it on"},
        {HEAD "env: {X: '${{ steps.a.run_id }}'}\nsteps: {a: {run: x}}\n", "2:15 E010", "'env' of the pipeline"},
        {HEAD "steps: {a: {run: 'echo ${{ success() }}'}}\n", "2:28 E010", "write it in 'if'"},
        {HEAD "steps: {a: {run: 'echo ${{ steps.a.run_id }}'}}\n", "2:28 E010", "cannot use what it leaves itself"},
        {HEAD "experiment: x ${{ run.id }}\nsteps: {a: {run: x}}\n", "2:13 E010", "'experiment' takes no expressions"},
        {HEAD "steps: {a: {uses: 'tool ${{ params.x }}'}}\n", "2:19 E010", "'uses' takes no expressions"},
        {HEAD
         "on: {push: {params: {x: '${{ params.y }}'}}}\nparams: {x: {default: 1, type: integer}}\nsteps: {a: {run: "
         "x}}\n",
         "2:30 E010", NULL},
        {HEAD "on: {push: {if: \"hashFiles('x') == 'y'\"}}\nsteps: {a: {run: x}}\n", "2:18 E010", "no files yet"},
    };
    CHECK_ROWS(rows);
}

TEST(a_secret_stands_only_where_it_is_neither_stored_nor_shown)
{
    static const struct text_row rows[] = {
        {HEAD "steps: {a: {run: x, env: {T: '${{ secrets.T }}'}}}\n", "", NULL},
        {HEAD "env: {T: '${{ secrets.T }}'}\nsteps: {a: {run: x}}\n", "", NULL},
        {HEAD "steps: {a: {lua: x, with: {t: '${{ secrets.T }}'}}}\n", "", NULL},
        {HEAD "on: {webhook: {verify: github, secret: '${{ secrets.T }}'}}\nsteps: {a: {run: x}}\n", "", NULL},
        {HEAD "steps: {a: {run: 'echo ${{ secrets.T }}'}}\n", "2:28 E013", NULL},
        {HEAD "steps: {a: {run: [echo, '${{ secrets.T }}']}}\n", "2:30 E013", "put it in 'env:'"},
        {HEAD "steps: {a: {env: {E: '${{ secrets.T }}'}, run: [echo, '${{ env.E }}']}}\n", "2:60 E013",
         "the program finds it in its environment"},
        {HEAD "env: {E: '${{ secrets.T }}', F: 'x${{ env.E }}', P: p}\n"
              "steps: {a: {run: [echo, '${{ env.F }}', '${{ env.P }}', '${{ toJSON(env) }}']}}\n",
         "3:30 E013, 3:69 E013", NULL},
        {HEAD "steps: {a: {env: {A: '${{ env.B }}', B: '${{ env.A }}'}, run: [echo, '${{ env.A }}']}}\n", "", NULL},
        {HEAD "steps: {a: {env: {E: '${{ secrets.T }}'}, run: 'echo ${{ env.E }}'}}\n", "", NULL},
        {HEAD "steps: {a: {if: secrets.T == 'x', run: x}}\n", "2:17 E013", NULL},
        {HEAD "steps: {a: {matrix: {x: ['${{ secrets.T }}']}, run: x}}\n", "2:31 E013", NULL},
        {HEAD "steps: {a: {inputs: {x: '${{ secrets.T }}'}, run: x}}\n", "2:30 E013", NULL},
        {HEAD "steps: {a: {model: {path: x, name: '${{ secrets.T }}'}, run: x}}\n", "2:41 E013", NULL},
        {HEAD "steps: {a: {artifacts: ['${{ secrets.T }}/x'], run: x}}\n", "2:30 E013", NULL},
        {HEAD "steps: {a: {run: x}}\noutputs: {t: '${{ secrets.T }}'}\n", "3:19 E013", NULL},
        {HEAD "steps: {a: {run: x}}\nexperiment: ${{ secrets.T }}\n", "3:13 E013", "a secret in 'experiment'"},
        {HEAD "steps: {a: {run: x}}\ntags: {t: '${{ secrets.T }}'}\n", "3:11 E013", NULL},
        {HEAD "steps: {a: {pipeline: other, with: {t: '${{ secrets.T }}'}}}\n", "2:45 E013", NULL},
        {HEAD "on: {push: {params: {x: '${{ secrets.y }}'}}}\nparams: {x: {default: y}}\nsteps: {a: {run: x}}\n",
         "2:30 E013", NULL},
        {HEAD "on: {webhook: {verify: github, secret: hunter2}}\nsteps: {a: {run: x}}\n", "2:40 E013",
         "write ${{ secrets.NAME }}"},
        {HEAD "steps: {a: {run: x, env: {T: '${{ toJSON(secrets) }}'}}}\n", "2:42 E013", "all secrets at once"},
    };
    CHECK_ROWS(rows);
}

TEST(functions_are_checked_by_name_and_by_number_of_arguments)
{
    static const struct text_row rows[] = {
        {HEAD "steps: {a: {if: \"contains('a')\", run: x}}\n", "2:18 E008", "'contains' takes 2 arguments, found 1"},
        {HEAD "steps: {a: {if: \"success(1)\", run: x}}\n", "2:18 E008", "takes 0 arguments, found 1"},
        {HEAD "steps: {a: {if: \"format() == 'x'\", run: x}}\n", "2:18 E008", "takes at least 1 argument, found 0"},
        {HEAD "steps: {a: {if: \"join('a', 'b', 'c') == 'x'\", run: x}}\n", "2:18 E008",
         "at most 2 arguments, found 3"},
        {HEAD "steps: {a: {if: \"'text'\", run: x}}\n", "2:18 E005", "expected true or false"},
        {HEAD "steps: {a: {if: true, run: x}}\n", "", NULL},
        {HEAD "steps: {a: {if: '${{ success() }} and', run: x}}\n", "2:17 E008", "text beside an expression"},
    };
    CHECK_ROWS(rows);
}

TEST(what_cannot_be_known_is_left_alone_or_warned_of)
{
    static const struct text_row rows[] = {
        {HEAD "steps: {a: {run: 'echo ${{ env.MY_VAR }}'}}\n", "2:28 W021", "step_env of config.yaml"},
        {HEAD "steps: {a: {run: \"echo ${{ env.MY_VAR ?? 'x' }}\"}}\n", "", NULL},
        {HEAD "steps: {a: {env: {MY_VAR: x}, run: 'echo ${{ env.MY_VRA }}'}}\n", "2:46 W021", "did you mean 'MY_VAR'?"},
        {HEAD "steps: {a: {run: 'echo ${{ env.PATH }} ${{ vars.any }} ${{ run.scheduled_for }}'}}\n", "", NULL},
        {HEAD "steps: {a: {matrix: '${{ fromJSON(vars.items) }}', run: 'echo ${{ matrix.any }}'}}\n", "", NULL},
        {HEAD "steps: {a: {pipeline: other}, b: {run: 'echo ${{ steps.a.outputs.any }}'}}\n", "", NULL},
        {HEAD "steps: {a: {run: x}, b: {run: 'echo ${{ steps.a.metrics.any }} ${{ steps.a.model_id }}'}}\n", "", NULL},
        {HEAD "on: {push: {params: {full: true}}}\nsteps: {a: {run: x}}\n", "2:22 W021",
         "the pipeline has no param 'full'"},
        {HEAD "steps: {a: {matrix: {x: [1], include: [{y: 2}]}, run: 'echo ${{ matrix.y }}'}}\n", "", NULL},
        {HEAD "steps: {a: {cache: {key: ['${{ params.x }}']}, run: x}}\n", "2:32 E009", NULL},
        {HEAD "steps: {a: {cache: {key: ['${{ secrets.X }}']}, run: x}}\n", "2:32 E013", NULL},
        {HEAD "steps: {a: {cache: {key: ['${{ env.HOME }}', 'file:${{ inputs.d }}/*']}, inputs: {d: e}, run: x}}\n", "",
         NULL},
    };
    CHECK_ROWS(rows);
}

/* ---- edges ------------------------------------------------------------------------------------------------ */

/* "a? b!": needs of the last step; '?' accepts a skipped one, '!' stands in `needs`. */
static const char *needs_of_last(const struct loaded *loaded)
{
    const struct pipeline *pipeline = loaded->pipeline;
    const struct step *last = &pipeline->steps[pipeline->step_count - 1];
    const char *all = "";
    for (size_t i = 0; i < last->need_count; i++) {
        struct str id = pipeline->steps[last->needs[i].step].id;
        all = arena_printf(loaded->arena, "%s%s%.*s%s%s", all, i == 0 ? "" : " ", STR_ARG(id),
                           last->needs[i].optional ? "?" : "", last->needs[i].explicit_ ? "!" : "");
    }
    return all;
}

#define OTHERS HEAD "steps:\n  a: {run: x, outputs: [n]}\n  b: {run: x, outputs: [n]}\n"

TEST(expressions_as_other_tools_write_them_are_warned_of)
{
    static const struct text_row rows[] = {
        {OTHERS "  c: {run: 'echo {{ params.n }}'}\n", "5:18 W021",
         "'{{ params.n }}' is text: an expression begins with '${{' (write ${{ params.n }})"},
        {OTHERS "  c: {run: 'echo {{params.n}} ${ vars.x } ${steps.a.status}'}\n", "5:18 W021, 5:31 W021, 5:43 W021",
         "(write ${{ steps.a.status }})"},
        {OTHERS "  c: {run: x, env: {A: '-{{ matrix.x }}'}}\n", "5:26 W021", "(write ${{ matrix.x }})"},
        {OTHERS "  c:\n    run: |\n      one\n      two {{ inputs.x }}\n", "8:11 W021", "(write ${{ inputs.x }})"},
        {OTHERS "  c: {run: \"echo $${{ params.n }} {{ .State }} ${params} ${p.n} {{ params.n } {params.n}\"}\n", "",
         NULL},
        {OTHERS "  c: {run: \"echo {{ parameters.n }} {{ params.n ${{ run.id }}\"}\n", "", NULL},
    };
    CHECK_ROWS(rows);
}

TEST(order_follows_from_needs_and_from_what_expressions_name)
{
    static const struct {
        const char *step;
        const char *needs;
    } rows[] = {
        {"  c: {run: x}\n", ""},
        {"  c: {needs: a, run: x}\n", "a!"},
        {"  c: {needs: [a, 'b?'], run: x}\n", "a! b?!"},
        {"  c: {run: 'echo ${{ steps.b.outputs.n }} ${{ steps.b.run_id }}'}\n", "b"},
        {"  c: {if: steps.a.outputs.n == 'x', run: x}\n", "a"},
        {"  c: {matrix: '${{ fromJSON(steps.a.outputs.n) }}', run: x}\n", "a"},
        {"  c: {uses: gate, env: {X: '${{ steps.a.run_id }}'}}\n", "a"},
        {"  c: {run: x, inputs: {d: '${{ steps.a.outputs.n }}'}}\n", "a"},
        {"  c: {run: x, model: {path: x, tags: {t: '${{ steps.b.outputs.n }}'}}}\n", "b"},
        {"  c: {run: \"echo ${{ steps.a.outputs.n ?? 'x' }}\"}\n", "a?"},
        {"  c: {run: \"echo ${{ steps.a.outputs.n ?? steps.b.outputs.n }}\"}\n", "a? b?"},
        {"  c: {run: \"echo ${{ steps.a.outputs.n ?? 'x' }} ${{ steps.a.outputs.n }}\"}\n", "a"},
        {"  c: {needs: [a], run: \"echo ${{ steps.a.outputs.n ?? 'x' }}\"}\n", "a!"},
        {"  c: {needs: ['a?'], run: \"echo ${{ steps.a.outputs.n ?? 'x' }}\"}\n", "a?!"},
        {"  c: {needs: ['a?'], run: \"echo ${{ steps.a.status }}\"}\n", "a?!"},
        {"  c: {if: always() && steps.a.status == 'failed', run: x}\n", "a?"},
        {"  c: {run: \"echo ${{ steps.a.outputs[steps.b.outputs.n] }}\"}\n", "b a"},
        {"  c: {run: \"echo ${{ steps['a'].outputs['n'] }}\"}\n", "a"},
        {"  c: {run: \"echo ${{ join(steps.a.outputs.n) ?? '' }}\"}\n", "a?"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[1000];
        (void)snprintf(text, sizeof text, "%s%s", OTHERS, rows[i].step);
        struct loaded loaded = load_text_of(text);
        if (loaded.pipeline == NULL || strcmp(needs_of_last(&loaded), rows[i].needs) != 0) {
            fail_msg("%s\nexpected '%s', found '%s'\n%s", rows[i].step, rows[i].needs,
                     loaded.pipeline == NULL ? "errors" : needs_of_last(&loaded), all_messages(&loaded));
        }
        loaded_free(&loaded);
    }
}

TEST(a_step_that_may_be_skipped_is_used_with_a_default_only)
{
    static const struct text_row rows[] = {
        {OTHERS "  c: {needs: ['a?'], run: 'echo ${{ steps.a.outputs.n }}'}\n", "5:37 E010", "write 'a ?? b'"},
        {OTHERS "  c: {needs: [a, a], run: x}\n", "5:18 W021", "stands twice"},
        {OTHERS "  c: {needs: [1], run: x}\n", "5:15 E005", NULL},
    };
    CHECK_ROWS(rows);
}

TEST(a_condition_that_names_a_status_function_is_noted)
{
    struct loaded loaded = load_text_of(HEAD "steps:\n  a: {run: x}\n  b: {needs: [a], if: '!failure()', run: x}\n"
                                             "  c: {needs: [a], if: \"run.trigger == 'x'\", run: x}\n  d: {run: x}\n");
    assert_non_null(loaded.pipeline);
    assert_false(loaded.pipeline->steps[0].condition_names_status);
    assert_true(loaded.pipeline->steps[1].condition_names_status);
    assert_false(loaded.pipeline->steps[2].condition_names_status);
    loaded_free(&loaded);
}

TEST(a_script_for_another_language_takes_no_expressions)
{
    static const struct text_row rows[] = {
        {HEAD "steps: {a: {shell: 'python3.11 {0}', run: 'print(${{ run.id }})'}}\n", "2:54 E012", "which is no shell"},
        {HEAD "steps: {a: {run: 'print(${{ run.id }})', shell: '/usr/bin/env perl {0}'}}\n", "2:29 E012", NULL},
        {HEAD "steps: {a: {run: 'echo ${{ run.id }}', shell: 'srun bash {0}'}}\n", "", NULL},
    };
    CHECK_ROWS(rows);
}

TESTS(RUN(an_unknown_name_is_an_error_with_the_nearest_known_one), RUN(positions_count_characters_inside_the_scalar),
      RUN(a_context_exists_only_in_its_places), RUN(a_secret_stands_only_where_it_is_neither_stored_nor_shown),
      RUN(functions_are_checked_by_name_and_by_number_of_arguments),
      RUN(expressions_as_other_tools_write_them_are_warned_of),
      RUN(what_cannot_be_known_is_left_alone_or_warned_of),
      RUN(order_follows_from_needs_and_from_what_expressions_name),
      RUN(a_step_that_may_be_skipped_is_used_with_a_default_only),
      RUN(a_condition_that_names_a_status_function_is_noted), RUN(a_script_for_another_language_takes_no_expressions))
