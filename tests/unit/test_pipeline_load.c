/* SPDX-License-Identifier: Apache-2.0
 * Every key of a pipeline file, but for params, triggers and matrices: right, of a wrong type, of a wrong value,
 * unknown, of a later version; and what becomes of the values.
 */
#include "key_text.h"

TEST(what_a_file_must_have_is_missed)
{
    static const struct text_row rows[] = {
        {"name: p\nsteps: {a: {run: x}}\n", "", NULL},
        {"name: 12\nsteps: {a: {run: x}}\n", "", NULL},
        {"steps: {a: {run: x}}\n", "1:1 E007", "the pipeline has no 'name'"},
        {"name: p\n", "1:1 E007", "the pipeline has no 'steps'"},
        {"name: p\nsteps: {}\n", "2:8 E007", "'steps' is empty"},
        {"name: p\nsteps: [a]\n", "2:8 E005", "expected a map, found a list (such as 'steps: {train: {run: python3"},
        {"name: p\nsteps:\n", "2:7 E005", "'steps' of the pipeline: expected a map, found nothing"},
        {"- name: p\n", "1:1 E005", "the pipeline: expected a map, found a list"},
        {"just text\n", "1:1 E005", "the pipeline: expected a map, found a string"},
        {"name: Bad Name\nsteps: {a: {run: x}}\n", "1:7 E006", "a letter or digit first (did you mean 'bad-name'?)"},
        {"name: '-x'\nsteps: {a: {run: x}}\n", "1:7 E006", "a letter or digit first ()"},
        {"name: .x\nsteps: {a: {run: x}}\n", "1:7 E006", "a letter or digit first"},
        {"name: [p]\nsteps: {a: {run: x}}\n", "1:7 E005", "'name' of the pipeline: expected text or a number"},
        {"name: p\nstep: 1\nsteps: {a: {run: x}}\n",
         "2:1 E003", "the pipeline has no key 'step' (did you mean 'steps'?)"},
    };
    CHECK_ROWS(rows);
}

TEST(a_file_for_another_version_is_refused_before_all_else)
{
    static const struct text_row rows[] = {
        {"name: p\nrequires: \">= 0.1\"\nsteps: {a: {run: x}}\n", "", NULL},
        {"name: p\nrequires: \"< 1\"\nsteps: {a: {run: x}}\n", "", NULL},
        {"name: p\nrequires: \"== 0.1.0\"\nsteps: {a: {run: x}}\n", "", NULL},
        {"requires: \">= 99.1\"\nstepz: 1\n", "1:11 E022", "this file needs sluice >= 99.1; this is 0.1.0"},
        {"requires: \"> 0.1.0\"\nstepz: 1\n", "1:11 E022", "this file needs sluice > 0.1.0"},
        {"requires: \"<= 0.0.9\"\nstepz: 1\n", "1:11 E022", "this file needs sluice"},
        {"name: p\nrequires: 0.1\nsteps: {a: {run: x}}\n",
         "2:11 E005", "'requires' of the pipeline: expected text, found a number"},
        {"name: p\nrequires: [x]\nsteps: {a: {run: x}}\n", "2:11 E005", "expected text, found a list"},
        {"name: p\nrequires: \"~0.1\"\nsteps: {a: {run: x}}\n",
         "2:11 E006", "expected a version like \">= 0.1\", found '~0.1'"},
        {"name: p\nrequires: \">= 0.x\"\nsteps: {a: {run: x}}\n", "2:11 E006", "expected a version like"},
        {"name: p\nrequires: \">= 0.1.0.0\"\nsteps: {a: {run: x}}\n", "2:11 E006", "expected a version like"},
    };
    CHECK_ROWS(rows);
}

TEST(top_keys_take_what_they_say)
{
    static const struct text_row rows[] = {
        {TOP("description: any ${{ text }}"), "", NULL},
        {TOP("description: [x]"), "2:14 E005", "'description' of the pipeline: expected text, found a list"},
        {TOP("experiment: wine"), "", NULL},
        {TOP("experiment: 7"), "", NULL},
        {TOP("experiment: ''"), "2:13 E006", "expected the name of an experiment, 1 to 500 characters"},
        {TOP("tags: {team: cellar, v: 1.10, b: true}"), "", NULL},
        {TOP("tags: {n: , l: [1]}"),
         "2:11 E005, 2:16 E005", "a tag: expected text or a number or true or false, found nothing"},
        {TOP("env: {A: 1.10, B: true, C: , D: ''}"), "", NULL},
        {TOP("env: {X-Y: 1}"), "2:7 E006", "'env': 'X-Y' is no name: expected letters, digits and '_'"},
        {TOP("env: {X: [a]}"), "2:10 E005", "expected text or a number or true or false, found a list"},
        {TOP("env: [A=1]"), "2:6 E005",
         "'env' of the pipeline: expected a map, found a list (such as 'env: {NAME: value}')"},
        {TOP("python: {requirements: requirements.lock}"), "", NULL},
        {TOP("python: {lock: uv.lock}"), "", NULL},
        {TOP("python: {}"), "2:9 E007", "expected exactly one of 'requirements' and 'lock'"},
        {TOP("python: {requirements: a, lock: b}"), "2:9 E007", "expected exactly one of 'requirements' and 'lock'"},
        {TOP("python: {requirements: a, version: 3}"),
         "2:27 E003", "'python' has no key 'version' (expected one of requirements, lock)"},
        {TOP("defaults: {timeout: 1h, retry: {attempts: 2}}"), "", NULL},
        {TOP("defaults: {timeout: 5}"),
         "2:21 E006", "expected a duration with its unit, found '5' (did you mean '5s'?)"},
        {TOP("defaults: {retry: {attempts: 0}}"), "2:30 E006", "expected an integer from 1 to 1000, found '0'"},
        {TOP("defaults: {shell: bash}"),
         "2:12 E003", "'defaults' has no key 'shell' (expected one of timeout, retry)"},
        {TOP("defaults: 1h"), "2:11 E005", "'defaults' of the pipeline: expected a map, found a string"},
        {TOP("concurrency: {group: a, limit: 2, policy: latest}"),
         "", NULL},
        {TOP("concurrency: {group: ''}"), "2:22 E006", "'group' is empty"},
        {TOP("concurrency: {limit: 0}"), "2:22 E006", "expected an integer from 1 to 10000, found '0'"},
        {TOP("concurrency: {policy: newest}"),
         "2:23 E006", "expected one of queue, latest, skip, cancel_running"},
        {TOP("concurrency: {group: '${{ params.x }}'}"), "2:27 E009", "there is no param 'x'"},
        {TOP("priority: -7"), "", NULL},
        {TOP("priority: 1001"), "2:11 E006", "expected an integer from -1000 to 1000, found '1001'"},
        {TOP("priority: high"), "2:11 E005", "expected a number, found a string"},
        {TOP("timeout: 6h"), "", NULL},
        {TOP("timeout: 6"), "2:10 E006", "did you mean '6s'?"},
        {TOP("timeout: '${{ params.x }}'"), "2:10 E006", "this key takes no expressions"},
        {TOP("outputs: {x: 1, y: '${{ steps.a.run_id }}'}"), "", NULL},
        {TOP("outputs: {'y z': 2}"), "2:11 E006", "'outputs': 'y z' is no name"},
        {TOP("notify: []"), "", NULL},
        {TOP("notify: [{on: failed, to: anybody}]"), "", NULL}, /* channels are not known here */
        {TOP("notify: [{on: [late, missed], to: team}]\nlate_after: 2h"), "", NULL},
        {TOP("notify: [{on: fail, to: team}]"), "2:15 E006", "unknown value 'fail'"},
        {TOP("notify: [{on: [], to: team}]"), "2:15 E006", "'on': expected at least one of failed"},
        {TOP("notify: [{to: team}]"), "2:10 E007", "has no 'on'"},
        {TOP("notify: [{on: failed}]"), "2:10 E007", "has no 'to'"},
        {TOP("notify: [{on: failed, to: team, pipelines: [a]}]"), "2:33 E003", "pipelines"},
        {TOP("notify: {on: failed}"), "2:9 E005", "expected a list"},
        {TOP("late_after: 0s"), "2:13 E006", "'late_after': expected at least 1ms"},
        {TOP("late_after: 5"), "2:13 E006", NULL},
    };
    CHECK_ROWS(rows);
}

TEST(a_step_is_one_thing_that_runs)
{
    static const struct text_row rows[] = {
        {STEP("run: x"), "", NULL},
        {STEP("run: [echo, 1.10, true]"), "", NULL},
        {STEP("uses: tool, with: {count: 1}"), "", NULL},
        {STEP("lua: sluice.log(1), with: {any: [1]}"), "", NULL},
        {STEP("lua: a.lua"), "", NULL},
        {STEP("pipeline: other, with: {x: 1}"), "", NULL},
        {STEP(""), "3:6 E007", "expected exactly one of run, uses, lua and pipeline, found 0"},
        {STEP("run: x, uses: gate"), "3:6 E006", "expected exactly one of run, uses, lua and pipeline, found 2"},
        {STEP("run: ''"), "3:12 E006", "'run' is empty"},
        {STEP("run: []"), "3:12 E006", "'run' is empty"},
        {STEP("run: [a, [b]]"),
         "3:16 E005", "a word of 'run': expected text or a number or true or false, found a list"},
        {STEP("run: {a: 1}"), "3:12 E005", "'run' of step 'a': expected text or a list, found a map"},
        {STEP("run: x, with: {a: 1}"),
         "3:21 E006", "'with' goes with uses, lua or pipeline (use 'env:' or an expression in 'run')"},
        {STEP("run: x, shell: bash"), "", NULL},
        {STEP("run: x, shell: sh"), "", NULL},
        {STEP("run: x, shell: 'srun  bash {0}'"), "", NULL},
        {STEP("run: x, shell: fish"), "3:22 E006", "expected bash, sh, or a template with {0}, found 'fish'"},
        {STEP("run: x, shell: 1"), "3:22 E005", "'shell' of step 'a': expected text, found an integer"},
        {STEP("run: [x], shell: sh"), "3:17 E006", "'shell' has no meaning here (it goes with a script in 'run')"},
        {STEP("uses: gate, shell: sh"), "3:19 E006", "'shell' has no meaning here"},
        {STEP("uses: "), "3:13 E005", "'uses' of step 'a': expected text, found nothing"},
        {STEP("lua: 'x ${{ y }}'"),
         "3:12 E010", "'lua' takes no expressions (give it by 'with:' and read sluice.params)"},
        {STEP("pipeline: 'SRC//x@main'"),
         "3:17 E019", "pipelines of other repositories (SOURCE//FILE@REV) are not in this version"},
        {STEP("run: x, mlflow: adopt"), "", NULL},
        {STEP("run: [x], mlflow: resume"), "", NULL},
        {STEP("lua: x, mlflow: resume"), "3:15 W020", "step 'a': 'mlflow' is without effect: it goes with 'run'"},
        {STEP("run: x, mlflow: off"), "", NULL},
        {STEP("run: x, mlflow: on"), "3:23 E006", "unknown value 'on' (expected one of adopt, resume, off)"},
        {STEP("run: x, mlflow: false"), "3:23 E005", "expected text, found a boolean"},
        {STEP("pipeline: x, mlflow: off"), "3:20 E006", "'mlflow' has no meaning here"},
        {STEP("pipeline: child.yaml"), "3:17 E006", "'child.yaml' looks like a file: expected ./FILE.yaml"},
        {STEP("pipeline: sub/child.yml"), "3:17 E006", "(write './sub/child.yml')"},
        {STEP("pipeline: /a/child.yaml"), "3:17 E006", "(name it from the workspace)"},
        {STEP("pipeline: ./child.yaml"), "", NULL},
        {STEP("run: x, metrics: '${{ step.dir }}/m.json'"),
         "3:24 E005", "'metrics' of step 'a': expected a list, found a string (write [\"${{ step.dir }}/m.json\"])"},
        {STEP("run: x, metrics: 'a\"b'"), "3:24 E005", "expected a list, found a string"},
        {STEP("run: x, model: '${{ step.dir }}'"), "3:22 E005", "'model' of step 'a': expected a map, found a string"},
        {STEP("run: x, container: {image: x}"),
         "3:15 E019", "'container' is not in this version: run the container's command with 'run'"},
        {STEP("run: x, search: {}"),
         "3:15 E019", "'search' is not in this version: use 'matrix' and the plugin 'select'"},
        {STEP("run: x, timeuot: 3"), "3:15 E003", "step 'a' has no key 'timeuot' (did you mean 'timeout'?)"},
        {STEP("run: x, depends_on: [b]"), "3:15 E003", "step 'a' has no key 'depends_on' (did you mean 'needs'?)"},
        {STEP("run: x, environment: {}"), "3:15 E003", "step 'a' has no key 'environment' (did you mean 'env'?)"},
        {STEP("run: x, Env: {}"), "3:15 E003", "step 'a' has no key 'Env' (did you mean 'env'?)"},
    };
    CHECK_ROWS(rows);
}

TEST(a_step_that_is_a_pipeline_takes_only_what_has_an_effect)
{
    static const struct text_row rows[] = {
        {STEP("pipeline: other, needs: [], if: 'true', matrix: {x: [1]}, continue_on_error: "
               "true, retry: {attempts: 2}"),
         "", NULL},
        {STEP("pipeline: other, env: {A: 1}, inputs: {x: y}"),
         "3:24 E006, 3:37 E006", "step 'a': 'env' has no meaning here (write it in the steps of that pipeline)"},
        {STEP("pipeline: other, metrics: [x], outputs: [n]"),
         "3:24 E006, 3:38 E006", "'outputs' has no meaning here"},
        {STEP("pipeline: other, model: {path: x}, artifacts: [y]"),
         "3:24 E006, 3:42 E006", "'model' has no meaning here"},
        {STEP("pipeline: other, timeout: 1h, stop: {}"), "3:24 E006, 3:37 E006", "'timeout' has no meaning here"},
        {STEP("pipeline: other, cache: true"), "3:24 E006", "'cache' has no meaning here"},
    };
    CHECK_ROWS(rows);
}

TEST(ids_of_steps_are_lower_case_names)
{
    static const struct text_row rows[] = {
        {STEPS("  a1_b: {run: x}\n"), "", NULL},
        {STEPS("  A: {run: x}\n"),
         "3:3 E006", "'A' is no id of a step: expected a lower-case letter, then up to 62 of a-z, 0-9 and '_' (did you "
         "mean 'a'?)"},
        {STEPS("  b-c: {run: x}\n"), "3:3 E006", "(did you mean 'b_c'?)"},
        {STEPS("  1: {run: x}\n"), "3:3 E006", "0-9 and '_' ()"},
        {STEPS("  c:\n"), "3:5 E005", "step 'c': expected a map, found nothing"},
        {STEPS("  c: run\n"), "3:6 E005", "step 'c': expected a map, found a string (write 'c: {run: \"run\"}')"},
        {STEPS("  c: 'say \"hi\"'\n"), "3:6 E005", "step 'c': expected a map, found a string"},
        {STEPS("  c: {run: x}\n    env: {A: 1}\n"), "4:5 E001", "(the keys of one map begin in the same column"},
        {STEPS("  c:\n   run: x\n    env: {A: 1}\n"), "5:8 E001", "(the keys of one map begin in the same column"},
        {STEPS("  aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa: {run: x}\n"), "", NULL},
        {STEPS("  aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa: {run: x}\n"),
         "3:3 E006", "is no id of a step"},
        {STEPS("  a: {run: x}\n  a: {run: y}\n"),
         "4:3 E004", "the key 'a' stands twice in this map (it stands first in line 3)"},
    };
    CHECK_ROWS(rows);
}

TEST(a_condition_is_one_expression)
{
    static const struct text_row rows[] = {
        {STEP("run: x, if: true"), "", NULL},
        {STEP("run: x, if: \"run.trigger == 'x'\""), "", NULL},
        {STEP("run: x, if: \"${{ run.trigger == 'x' }}\""), "", NULL},
        {STEP("run: x, if: \"${{ contains('}}', 'x') }}\""), "", NULL},
        {STEP("run: x, if: yes"), "3:19 E005", "expected true or false, found 'yes' (did you mean true?)"},
        {STEP("run: x, if: False"), "3:19 E005", "did you mean false?"},
        {STEP("run: x, if: 'on'"), "3:19 E005", "expected true or false without quotes"},
        {STEP("run: x, if: "),
         "3:19 E005", "'if' of step 'a': expected text or a number or true or false, found nothing"},
        {STEP("run: x, if: [a]"), "3:19 E005", "found a list"},
        {STEP("run: x, if: 1"), "3:19 E005", "'if': expected true or false, found an integer"},
        {STEP("run: x, if: 'success() && ${{ true }}'"),
         "3:19 E008", "text beside an expression (write the whole condition inside one ${{ }}, or without it)"},
        {STEP("run: x, if: '${{ true }} && ${{ true }}'"), "3:19 E008", "text beside an expression"},
        {STEP("run: x, if: '${{ true'"), "3:20 E008", "'${{' has no '}}' that ends it"},
        {STEP("run: x, if: '$SLUICE_X == 1'"), "3:20 E008", "expected a value, found '$'"},
    };
    CHECK_ROWS(rows);
}

TEST(inputs_are_paths_models_and_files_of_the_last_run)
{
    static const struct text_row rows[] = {
        {STEP("run: x, inputs: {a: x.csv, b: {path: y, dataset: d, context: training, optional: true}}"), "", NULL},
        {STEP("run: x, inputs: {a: 'models:/m@champion', b: {uri: 'runs:/x'}, c: 'last:a.m'}, "
               "artifacts: {m: m.bin}"),
         "", NULL},
        {STEP("run: x, inputs: {a-b: x}"), "3:24 E006", "'a-b' is no name of an input"},
        {STEP("run: x, inputs: {c: [x]}"), "3:27 E005", "input 'c': expected text or a map, found a list"},
        {STEP("run: x, inputs: {c: 3}"), "3:27 E005", "input 'c': expected text or a map, found an integer"},
        {STEP("run: x, inputs: {d: {}}"), "3:27 E007", "input 'd': expected exactly one of 'path' and 'uri'"},
        {STEP("run: x, inputs: {d: {path: x, uri: y}}"),
         "3:27 E007", "input 'd': expected exactly one of 'path' and 'uri'"},
        {STEP("run: x, inputs: {d: {path: x, optional: yes}}"), "3:47 E005", "did you mean true?"},
        {STEP("run: x, inputs: {d: {path: x, kind: z}}"),
         "3:37 E003", "input 'd' has no key 'kind' (expected one of path, uri, dataset, context, optional)"},
        {STEP("run: x, inputs: {data: x, DATA: y}"),
         "3:33 E006", "the inputs 'data' and 'DATA' would both be $SLUICE_INPUT_... of one name"},
        {STEP("run: x, inputs: {d: 'last:a'}"), "3:28 E006", "expected last:STEP.NAME, found 'last:a'"},
        {STEP("run: x, inputs: {d: 'last:b.x'}"), "3:28 E009", "there is no step 'b'"},
        {STEP("run: x, inputs: {d: 'last:a.modl'}, artifacts: {model: m}"),
         "3:28 E009", "there is no artifact 'modl' of step 'a' (did you mean 'model'?)"},
        {STEP("run: x, inputs: [a]"), "3:23 E005", "'inputs' of step 'a': expected a map, found a list"},
    };
    CHECK_ROWS(rows);
}

TEST(what_a_step_leaves_is_named_and_typed)
{
    static const struct text_row rows[] = {
        {STEP("run: x, artifacts: [a, 'b/*.png'], metrics: [m.json], outputs: [n]"), "", NULL},
        {STEP("run: x, artifacts: {a: x}, outputs: {n: integer, m: json}"), "", NULL},
        {STEP("run: x, model: {path: m, name: n, type: t, params: {a: 1}, tags: {b: c}}"), "", NULL},
        {STEP("run: x, model: {}"), "", NULL},
        {STEP("run: x, artifacts: {x-y: z}"), "3:27 E006", "'x-y' is no name of an artifact"},
        {STEP("run: x, artifacts: {w: [1]}"), "3:30 E005", "an artifact: expected text, found a list"},
        {STEP("run: x, artifacts: x"),
         "3:26 E005", "'artifacts' of step 'a': expected a list or a map, found a string (write [\"x\"])"},
        {STEP("run: x, metrics: x"), "3:24 E005", "'metrics' of step 'a': expected a list, found a string"},
        {STEP("run: x, metrics: [2]"), "3:25 E005", "a metrics file: expected text, found an integer"},
        {STEP("run: x, outputs: {n: int}"),
         "3:28 E006", "unknown value 'int' (did you mean 'integer'?)"},
        {STEP("run: x, outputs: {m-n: string}"), "3:25 E006", "'m-n' is no name of an output"},
        {STEP("run: x, outputs: [1]"), "3:25 E005", "an output: expected text, found an integer"},
        {STEP("run: x, model: x"), "3:22 E005",
         "'model' of step 'a': expected a map, found a string (such as 'model: {path: \"${{ step.dir }}/model\"}')"},
        {STEP("run: x, model: {pth: x}"), "3:23 E003", "'model' has no key 'pth' (did you mean 'path'?)"},
        {STEP("run: x, model: {name: [1]}"), "3:29 E005", "'name' of 'model': expected text, found a list"},
        {STEP("run: x, model: {params: 3}"), "3:31 E005", "'params' of 'model': expected a map, found an integer"},
    };
    CHECK_ROWS(rows);
}

TEST(attempts_are_counted_delayed_and_chosen)
{
    static const struct text_row rows[] = {
        {RETRY("attempts: 3, delay: 10s, factor: 2, max_delay: 5m, jitter: full, on: [failure, "
               "timeout, lost, oom, 'exit:75']"),
         "", NULL},
        {RETRY("on: failure, jitter: none"), "", NULL},
        {RETRY("attempts: 2.5"), "3:33 E006", "expected an integer from 1 to 1000, found '2.5'"},
        {RETRY("attempts: many"), "3:33 E005", "'attempts' of 'retry': expected a number, found a string"},
        {RETRY("delay: 3"), "3:30 E006", "expected a duration with its unit, found '3' (did you mean '3s'?)"},
        {RETRY("max_delay: x"), "3:34 E006", "expected a duration like 500ms, 90s, 15m, 2h, 3d or 1h30m, found 'x'"},
        {RETRY("factor: 0.5"), "3:31 E006", "expected a factor from 1 to 100, found '0.5'"},
        {RETRY("factor: x"), "3:31 E005", "'factor' of 'retry': expected a number, found a string"},
        {RETRY("jitter: some"), "3:31 E006", "unknown value 'some' (expected one of full, none)"},
        {RETRY("on: [fail]"),
         "3:28 E006", "unknown value 'fail' (did you mean 'failure'?)"},
        {RETRY("on: [always]"),
         "3:28 E006", "unknown value 'always' (expected one of failure, timeout, lost, oom, exit:N)"},
        {RETRY("on: ['exit:0']"), "3:28 E006", "exit code: expected an integer from 1 to 255, found '0'"},
        {RETRY("on: ['exit:N']"), "3:28 E006", "exit code: expected an integer"},
        {RETRY("on: {a: 1}"), "3:27 E005", "'on' of 'retry': expected text or a list, found a map"},
        {RETRY("times: 3"), "3:23 E003", "'retry' has no key 'times' (did you mean 'attempts'?)"},
    };
    CHECK_ROWS(rows);
}

TEST(limits_of_a_step_are_checked)
{
    static const struct text_row rows[] = {
        {STEP("run: x, timeout: 1h30m, stop: {signal: INT, grace: 1m}, continue_on_error: true"), "", NULL},
        {STEP("run: x, retry: 3"), "3:22 E005",
         "'retry' of step 'a': expected a map, found an integer (such as 'retry: {attempts: 3}')"},
        {STEP("run: x, retry: "), "3:22 E005", "found nothing (what belongs to it stands below"},
        {STEP("run: x, timeout: 1 hour"),
         "3:24 E006", "expected a duration like 500ms, 90s, 15m, 2h, 3d or 1h30m, found '1 hour' (did you mean '1h'?)"},
        {STEP("run: x, timeout: 10"), "3:24 E006", "did you mean '10s'?"},
        {STEP("run: x, stop: {signal: SIGTERM}"),
         "3:30 E006", "unknown value 'SIGTERM' (did you mean 'TERM'?)"},
        {STEP("run: x, stop: {signal: STOP}"),
         "3:30 E006", "unknown value 'STOP' (expected one of TERM, INT, HUP, QUIT, USR1, USR2, KILL)"},
        {STEP("run: x, stop: {grace: 1}"), "3:29 E006", "did you mean '1s'?"},
        {STEP("run: x, continue_on_error: yes"), "3:34 E005", "did you mean true?"},
        {STEP("run: x, continue_on_error: 'true'"), "3:34 E005", "expected true or false without quotes"},
        {STEP("run: x, cache: yes"),
         "3:22 E005", "'cache' of step 'a': expected true or false or a map, found a string"},
        {STEP("run: x, cache: {key: x}"), "3:28 E005", "'key' of 'cache': expected a list, found a string"},
        {STEP("run: x, cache: {key: ['file:/etc/hosts']}"),
         "3:29 E006", "'file:/etc/hosts': expected a path or glob below the workspace"},
        {STEP("run: x, cache: {key: ['file:a/../../b']}"), "3:29 E006", "expected a path or glob below the workspace"},
        {STEP("run: x, cache: {max_age: 7}"), "3:32 E006", "did you mean '7s'?"},
        {STEP("run: x, cache: {outs: [y]}"), "3:23 E003", "'cache' has no key 'outs' (expected one of key, max_age)"},
        {STEP("run: x, resources: {memory: 8G, gpu: 1, cpu: 0.5, pool: 2}"),
         "", NULL},
        {STEP("run: x, resources: {memory: lots}"),
         "3:35 E006", "resource 'memory': expected a size like 512M, 8G or 1024, found 'lots'"},
        {STEP("run: x, resources: {memory: 8}"),
         "3:35 E006", "resource 'memory': expected a size with its unit, found '8' (did you mean '8G'?)"},
        {STEP("run: x, resources: {memory: 512}"), "3:35 E006", "found '512' (did you mean '512M'?)"},
        {STEP("run: x, resources: {memory: 70000}"), "3:35 E006", "expected 1M or more, found '70000'"},
        {STEP("run: x, resources: {memory: 100K}"),
         "3:35 E006", "resource 'memory': expected 1M or more, found '100K'"},
        {STEP("run: x, resources: {memory: 0}"), "", NULL},
        {STEP("run: x, resources: {memory: 1048576}"), "", NULL},
        {STEP("run: x, resources: {gpu: many}"),
         "3:32 E005", "resource 'gpu': expected a number, found a string"},
        {STEP("run: x, resources: {gpu: -1}"),
         "3:32 E006", "resource 'gpu': expected a whole number from 0 to 1000000, found -1"},
        {STEP("run: x, resources: {gpu: 0.5}"), "3:32 E006", "expected a whole number from 0 to 1000000, found 0.5"},
        {STEP("run: x, resources: {cpu: 0.0005}"), "3:32 E006", "with at most three decimals, found 0.0005"},
        {STEP("run: x, resources: {licence: 1.5}"), "3:36 E006", "resource 'licence': expected a whole number"},
        {STEP("run: x, permissions: {register: [m]}"), "", NULL},
        {STEP("lua: x, permissions: {register: [m]}"), "3:15 W020", "'permissions' is without effect"},
        {STEP("run: x, permissions: {write: [c]}"),
         "3:29 E003", "'permissions' has no key 'write' (expected register)"},
        {STEP("run: x, needs: {a: 1}"), "3:22 E005", "'needs' of step 'a': expected text or a list, found a map"},
    };
    CHECK_ROWS(rows);
}

/* ---- values ---------------------------------------------------------------------------------------------------- */

static const char *template_text(struct arena *arena, const struct template *template)
{
    return template->part_count == 0 ? json_text(arena, &template->plain).p : "${{ }}";
}

TEST(numbers_are_those_of_the_core_schema)
{
    struct loaded loaded = load_text_of(
        HEAD "params: {a: {type: integer, default: 0x10}, b: {type: integer, default: 012, minimum: 0o14},\n"
             "  c: {type: number, default: 1., maximum: 1e3}, d: {default: 0x10}}\n"
             "steps: {a: {run: x, matrix: {n: [1, 2]}, max_parallel: 0x2, env: {A: 0x10}}}\n");
    const struct pipeline *pipeline = loaded.pipeline;
    assert_non_null(pipeline);
    static const char *const defaults[] = {"16", "12", "1.0", "\"0x10\""};
    for (size_t i = 0; i < sizeof defaults / sizeof defaults[0]; i++) {
        assert_string_equal(json_text(loaded.arena, &pipeline->params[i].def).p, defaults[i]);
    }
    assert_int_equal(pipeline->steps[0].max_parallel, 2);
    assert_string_equal(template_text(loaded.arena, &pipeline->steps[0].env[0].value), "\"0x10\"");
    loaded_free(&loaded);
}

TEST(texts_keep_the_way_they_are_written)
{
    struct loaded loaded = load_text_of(
        HEAD "tags: {v: 1.10, b: true}\nenv: {A: 1.10, B: 012, C: true, D: , E: 1e3, F: '${{ run.id }}'}\n"
             "params: {v: {default: 1.10}, c: {enum: [1.10, 2], default: 2}}\n"
             "steps:\n  a: {run: [echo, 1.10, true], env: {X: 3.0}, model: {tags: {v: 1.10}, params: {lr: 0.10}}}\n"
             "  b: {uses: tool, with: {count: 2, mode: min}}\n");
    const struct pipeline *pipeline = loaded.pipeline;
    assert_non_null(pipeline);
    assert_string_equal(json_text(loaded.arena, &pipeline->tags).p, "{\"v\":\"1.10\",\"b\":\"true\"}");
    static const char *const env[] = {"\"1.10\"", "\"012\"", "\"true\"", "\"\"", "\"1e3\"", "${{ }}"};
    for (size_t i = 0; i < sizeof env / sizeof env[0]; i++) {
        assert_string_equal(template_text(loaded.arena, &pipeline->env[i].value), env[i]);
    }
    assert_string_equal(json_text(loaded.arena, &pipeline->params[0].def).p, "\"1.10\"");
    assert_string_equal(json_text(loaded.arena, &pipeline->params[1].def).p, "\"2\"");
    const struct step *step = &pipeline->steps[0];
    assert_string_equal(template_text(loaded.arena, &step->argv[1]), "\"1.10\"");
    assert_string_equal(template_text(loaded.arena, &step->argv[2]), "\"true\"");
    assert_string_equal(template_text(loaded.arena, &step->env[0].value), "\"3.0\"");
    assert_string_equal(template_text(loaded.arena, &step->model->tags.items[0].leaf), "\"1.10\"");
    assert_string_equal(template_text(loaded.arena, &step->model->params.items[0].leaf), "\"0.10\"");
    assert_string_equal(template_text(loaded.arena, &pipeline->steps[1].with->items[0].leaf), "2");
    loaded_free(&loaded);
}

TEST(a_text_of_a_plugin_keeps_the_way_it_is_written)
{
    struct loaded loaded = load_text_of(STEP("uses: note, with: {text: 1.10, path: 2}"));
    assert_non_null(loaded.pipeline);
    const struct template_tree *with = loaded.pipeline->steps[0].with;
    assert_string_equal(template_text(loaded.arena, &with->items[0].leaf), "\"1.10\"");
    assert_string_equal(template_text(loaded.arena, &with->items[1].leaf), "\"2\"");
    loaded_free(&loaded);
}

TEST(defaults_bind_to_what_may_be_repeated_and_a_steps_own_keys_win)
{
    struct loaded loaded = load_text_of(
        HEAD "defaults: {timeout: 1h, retry: {attempts: 4, delay: 2s}}\nsteps:\n"
             "  a: {run: x}\n  b: {lua: x}\n  c: {uses: tool, with: {count: 1}}\n  d: {uses: gate}\n"
             "  e: {run: x, timeout: 5m, retry: {attempts: 2}}\n  f: {pipeline: other}\n"
             "  g: {uses: tool, with: {count: 1}, timeout: 0s, retry: {delay: 1s}}\n");
    assert_non_null(loaded.pipeline);
    static const struct {
        int64_t timeout_ms;
        int attempts;
        int64_t delay_ms;
    } rows[] = {{3600000, 4, 2000}, {3600000, 4, 2000}, {3600000, 4, 2000}, {0, 1, 1000},
                {300000, 2, 2000},  {0, 1, 1000},       {0, 4, 1000}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct step *step = &loaded.pipeline->steps[i];
        assert_int_equal(step->timeout_ms, rows[i].timeout_ms);
        assert_int_equal(step->retry->attempts, rows[i].attempts);
        assert_int_equal(step->retry->delay_ms, rows[i].delay_ms);
    }
    loaded_free(&loaded);
}

TEST(a_step_without_keys_has_the_defaults_of_the_contract)
{
    struct loaded loaded = load_text_of(STEP("run: x"));
    const struct step *step = &loaded.pipeline->steps[0];
    assert_true(str_is(loaded.pipeline->experiment, "p"));
    assert_int_equal(step->retry->attempts, 1);
    assert_true(step->retry->jitter && step->retry->on == (RETRY_FAILURE | RETRY_TIMEOUT));
    assert_int_equal(step->retry->max_delay_ms, 300000);
    assert_true(step->retry->factor >= 2 && step->retry->factor <= 2);
    assert_int_equal(step->stop_grace_ms, 10000);
    assert_int_equal(step->timeout_ms, 0);
    assert_false(step->matrix != NULL || step->fail_fast || step->continue_on_error || step->is_argv);
    assert_int_equal(step->shell_count, 6);
    assert_true(str_is(step->shell[0], "bash") && str_is(step->shell[4], "pipefail"));
    loaded_free(&loaded);
}

TEST(causes_of_a_retry_are_those_that_were_named)
{
    struct loaded loaded = load_text_of(RETRY("on: [oom, 'exit:75', lost, 'exit:3']"));
    const struct retry_policy *retry = loaded.pipeline->steps[0].retry;
    assert_int_equal(retry->on, RETRY_OOM | RETRY_LOST);
    assert_int_equal(retry->exit_code_count, 2);
    assert_int_equal(retry->exit_codes[0], 75);
    assert_int_equal(retry->exit_codes[1], 3);
    loaded_free(&loaded);
}

TEST(a_definition_that_once_was_accepted_is_loaded_for_showing)
{
    const char *text = HEAD "requires: '>= 99'\nsteps:\n  a: {uses: ./gone.so, with: {x: 1}, new_key: 1}\n"
                            "  b: {needs: a, uses: tool, with: {rat: 1}, matrix: {x: [1]}, artifacts: [o]}\n"
                            "  c: {run: 'echo ${{ steps.a.outputs.n }} ${{ steps.b.gone }}', needs: [nobody]}\n";
    struct loaded refused = load_text_of(text);
    struct pipeline_world world = {.plugins = &refused.catalogue, .accepted = true};
    struct diags diags;
    assert_null(refused.pipeline);
    diags_init(&diags, refused.arena, "test.yaml");
    diags.text = arena_str(refused.arena, str_from(text));
    const struct pipeline *pipeline = pipeline_load(&diags, &world);
    assert_non_null(pipeline);
    assert_true(diags.errors >= 6);
    assert_int_equal(pipeline->step_count, 3);
    assert_true(pipeline->steps[0].plugin == NULL && pipeline->steps[1].matrix != NULL);
    assert_int_equal(pipeline->steps[2].need_count, 2);
    loaded_free(&refused);
}

/* ---- bounds ------------------------------------------------------------------------------------------------------ */

/* `before`, then so many items, then `after`. */
static const char *found_in(const char *before, const char *item, int count, const char *after)
{
    static char room[100];
    struct strbuf text;
    strbuf_init(&text, 4 << 20);
    strbuf_add_text(&text, before);
    for (int i = 0; i < count; i++) {
        strbuf_printf(&text, item, i);
    }
    strbuf_add_text(&text, after);
    struct loaded loaded = load_sized(strbuf_str(&text));
    (void)snprintf(room, sizeof room, "%s", found_text(&loaded));
    loaded_free(&loaded);
    strbuf_clear(&text);
    return room;
}

TEST(what_is_looked_up_for_each_expression_has_a_thousand_items_at_most)
{
    static const struct {
        const char *before, *item, *after, *too_many;
    } rows[] = {
        {HEAD "params: {", "p%d: {}, ", "}" TAIL, "2:9 E002"},
        {HEAD "env: {", "E%d: x, ", "}" TAIL, "2:6 E002"},
        {HEAD "tags: {", "t%d: x, ", "}" TAIL, "2:7 E002"},
        {HEAD "steps: {a: {run: x, inputs: {", "i%d: x, ", "}}}\n", "2:29 E002"},
        {HEAD "steps: {a: {run: x, outputs: [", "o%d, ", "]}}\n", "2:30 E002"},
        {HEAD "steps: {a: {run: x, artifacts: [", "a%d, ", "]}}\n", "2:32 E002"},
        {HEAD "steps: {a: {run: x, matrix: {include: [", "{x: %d}, ", "]}}}\n", "2:39 E002, 2:29 E006"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_string_equal(found_in(rows[i].before, rows[i].item, 1000, rows[i].after), "");
        const char *found = found_in(rows[i].before, rows[i].item, 1001, rows[i].after);
        if (strncmp(found, rows[i].too_many, 8) != 0 && strstr(found, "E002") == NULL) {
            fail_msg("%s: found '%s'", rows[i].before, found);
        }
    }
}

/* "matrix: {a: [0, 0, ...], b: [0, ...], and what is behind". */
static const char *found_in_matrix(int a, int b, const char *behind)
{
    struct strbuf before;
    strbuf_init(&before, 1 << 20);
    strbuf_add_text(&before, STEP("run: x, matrix: {a: ["));
    before.length -= 2; /* "}\n" */
    for (int i = 0; i < a; i++) {
        strbuf_add_text(&before, "0, ");
    }
    strbuf_add_text(&before, "], b: [");
    struct arena *arena = arena_new();
    const char *found = found_in(arena_str(arena, strbuf_str(&before)).p, "0, ", b, behind);
    arena_free(arena);
    strbuf_clear(&before);
    return found;
}

TEST(a_matrix_has_ten_thousand_items_at_most)
{
    assert_string_equal(found_in_matrix(100, 100, "]}}\n"), "");
    assert_string_equal(found_in_matrix(101, 100, "]}}\n"), "3:23 E002");
    assert_string_equal(found_in_matrix(101, 100, "], exclude: [{a: 0}]}}\n"), "3:23 E002");
    assert_string_equal(found_in_matrix(101, 100, "], c: '${{ fromJSON(vars.a) }}'}}\n"), "");
    assert_string_equal(found_in_matrix(100, 100, "], include: [{a: 0, c: 1}]}}\n"), "");
    assert_string_equal(found_in_matrix(100, 100, "], include: [{a: 1}]}}\n"), "3:23 E002");
}

TEST(a_thousand_problems_are_kept_and_all_are_counted)
{
    struct strbuf text;
    strbuf_init(&text, 4 << 20);
    strbuf_add_text(&text, HEAD "steps:\n");
    for (int i = 0; i < 1500; i++) {
        strbuf_printf(&text, "  a%d: {run: x, bad: 1}\n", i);
    }
    struct loaded loaded = load_sized(strbuf_str(&text));
    assert_int_equal(loaded.diags.count, 1000);
    assert_int_equal(loaded.diags.errors, 1500);
    loaded_free(&loaded);
    strbuf_clear(&text);
}

TESTS(RUN(what_a_file_must_have_is_missed), RUN(a_file_for_another_version_is_refused_before_all_else),
      RUN(top_keys_take_what_they_say), RUN(a_step_is_one_thing_that_runs),
      RUN(a_step_that_is_a_pipeline_takes_only_what_has_an_effect), RUN(ids_of_steps_are_lower_case_names),
      RUN(a_condition_is_one_expression), RUN(inputs_are_paths_models_and_files_of_the_last_run),
      RUN(what_a_step_leaves_is_named_and_typed), RUN(attempts_are_counted_delayed_and_chosen),
      RUN(limits_of_a_step_are_checked), RUN(numbers_are_those_of_the_core_schema),
      RUN(texts_keep_the_way_they_are_written), RUN(a_text_of_a_plugin_keeps_the_way_it_is_written),
      RUN(defaults_bind_to_what_may_be_repeated_and_a_steps_own_keys_win),
      RUN(a_step_without_keys_has_the_defaults_of_the_contract), RUN(causes_of_a_retry_are_those_that_were_named),
      RUN(a_definition_that_once_was_accepted_is_loaded_for_showing),
      RUN(what_is_looked_up_for_each_expression_has_a_thousand_items_at_most),
      RUN(a_matrix_has_ten_thousand_items_at_most), RUN(a_thousand_problems_are_kept_and_all_are_counted))
