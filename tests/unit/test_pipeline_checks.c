/* SPDX-License-Identifier: Apache-2.0
 * The checks of a whole file: cycles, plugins and their inputs, races, the files that it names.
 */
#include "pipeline_text.h"

#include <sys/stat.h>
#include <unistd.h>

#define HEAD "name: p\n"
#define STEP(keys) HEAD "steps:\n  a: {" keys "}\n"
#define STEPS(steps) HEAD "steps:\n" steps

TEST(a_cycle_is_printed_as_it_goes)
{
    static const struct text_row rows[] = {
        {STEPS("  a: {needs: [b], run: x}\n  b: {needs: [c], run: x}\n  c: {needs: [a], run: "
               "x}\n"),
         "3:3 E011",
         "steps wait for each other: a → b → c → a (each needs the one behind its arrow, so that none can start)"},
        {STEPS("  d: {needs: d, run: x}\n"), "3:3 E011", "steps wait for each other: d → d"},
        {STEPS("  e: {needs: [f], run: x}\n  f: {run: 'echo ${{ steps.e.run_id }}'}\n"),
         "3:3 E011", "steps wait for each other: e → f → e"},
        {STEPS("  a: {needs: [b], run: x}\n  b: {needs: [c], run: x}\n  c: {needs: ['b?'], run: "
               "x}\n"),
         "4:3 E011", "steps wait for each other: b → c → b"},
        {STEPS("  a: {needs: [b], run: x}\n  b: {needs: a, run: x}\n  c: {needs: d, run: x}\n  "
               "d: {needs: c, run: x}\n"),
         "3:3 E011, 5:3 E011", "c → d → c"},
        {STEPS("  a: {run: x}\n  b: {needs: a, run: x}\n  c: {needs: [a, b], run: x}\n"), "", NULL},
        {STEPS("  a: {if: \"steps.b.status == 'x'\", run: x}\n  b: {needs: a, run: x}\n"), "3:3 E011", "a → b → a"},
    };
    CHECK_ROWS(rows);
}

TEST(inputs_of_a_plugin_follow_its_rows)
{
    static const struct text_row rows[] = {
        {STEP("uses: tool, with: {count: 9}"), "", NULL},
        {STEP("uses: tool, with: {count: '9', mode: min, wait: 1h30m, rows: [1, a]}"), "", NULL},
        {STEP("uses: tool, with: {count: '${{ vars.n }}', mode: '${{ vars.m }}', wait: '${{ "
               "vars.w }}', rows: '${{ vars.r }}'}"),
         "", NULL},
        {STEP("uses: tool, with: {count: 1, rows: ['${{ vars.x }}']}"), "", NULL},
        {STEP("uses: gate"), "", NULL},
        {STEP("uses: tol"), "3:13 E014", "there is no plugin 'tol' (did you mean 'tool'?)"},
        {STEP("uses: zzz"), "3:13 E014", "there is no plugin 'zzz': 'sluice plugins' lists them"},
        {STEP("uses: ./a/tool/"), "3:13 E014", "there is no plugin './a/tool/': a path names its file, such as "
         "'./a/tool/tool.so'"},
        {STEP("uses: ./nothing.so"), "3:13 E014", "there is no such file"},
        {STEP("uses: 'tool ${{ vars.x }}'"), "3:13 E010", "'uses' takes no expressions"},
        {STEP("uses: tool"), "3:13 E015", "'tool': its input 'count' is missing in 'with' (How many.)"},
        {STEP("uses: tool, with: {count: 10}"),
         "3:33 E015", "'tool': 'count': expected a number from 1 to 9, found 10"},
        {STEP("uses: tool, with: {count: one}"), "3:33 E015", "'tool': 'count': expected an integer, found \"one\""},
        {STEP("uses: tool, with: {count: 2.5}"), "3:33 E015", "'tool': 'count': expected an integer, found 2.5"},
        {STEP("uses: tool, with: {count: }"), "3:33 E015", "'tool': 'count' is missing"},
        {STEP("uses: tool, with: {count: 1, mode: mid}"),
         "3:42 E015", "'mode': expected one of max, min, found \"mid\""},
        {STEP("uses: tool, with: {count: 1, mode: [a]}"), "3:42 E015", "'mode': expected text, found [\"a\"]"},
        {STEP("uses: tool, with: {count: 1, wait: soon}"), "3:42 E015", "expected a duration like 500ms"},
        {STEP("uses: tool, with: {count: 1, wait: 30}"),
         "3:42 E015", "'wait': expected a duration with its unit, found 30 (did you mean '30s'?)"},
        {STEP("uses: tool, with: {count: 1, rows: x}"), "3:42 E015", "'rows': expected a list, found \"x\""},
        {STEP("uses: tool, with: {count: 1, cuont: 3}"),
         "3:36 E015", "'tool' has no input 'cuont' (did you mean 'count'?)"},
        {STEP("uses: gate, with: {x: 1}"), "3:26 E015", "'gate' has no input 'x'"},
        {STEP("uses: tool, with: [count, 1]"), "3:25 E005", "'with' of step 'a': expected a map, found a list"},
        {STEP("uses: vault, with: {token: '${{ secrets.X }}'}"), "", NULL},
        {STEP("uses: vault, with: {token: '${{ vars.x }}'}"), "", NULL},
        {STEP("uses: vault, with: {token: hunter2}"),
         "3:34 E013", "'vault': its input 'token' is a secret, which stands in the file (write ${{ secrets.NAME }})"},
    };
    CHECK_ROWS(rows);
}

#define JUDGE(with) STEP("uses: judge, with: {" with "}")
#define NO_RULE " is no rule: expected \"OP NUMBER\" or \"OP champion [+|-|* NUMBER]\", OP one of < <= > >= =="

TEST(the_inside_of_an_input_follows_its_row)
{
    static const struct text_row rows[] = {
        {JUDGE("type: regressor, champion: m, rules: {rmse: '<= 0.7', r2: ['> 0', {is: '>= champion', min_samples: "
               "9}]}"),
         "", NULL},
        {JUDGE("type: regressor, rules: {rmse: '>= ${{ vars.x }}', 'r2[a=b]': '${{ vars.x }}'}, least: '<${{ vars.x "
               "}}'"),
         "", NULL},
        {JUDGE("type: '${{ vars.t }}', rules: {rmse: '> 0', accuracy: '> 0', roc_auc: '> 0'}, probability: p"), "",
         NULL},
        {JUDGE("type: regressor, rules: '${{ fromJSON(vars.x) }}'"), "", NULL},
        {JUDGE("type: regressor, rules: {rmse: {is: '<= 1', min_samples: '${{ vars.n }}', confidence: '${{ vars.c "
               "}}'}}"),
         "", NULL},
        {JUDGE("rules: {rmse: less than 1}"), "3:41 E015",
         "'judge': 'rules': 'rmse': 'less than 1'" NO_RULE " (did you mean '<'?)"},
        {JUDGE("rules: {rmse: 0.7}"), "3:41 E015", "0.7" NO_RULE " (did you mean '<= 0.7' or '>= 0.7'?)"},
        {JUDGE("champion: m, rules: {r2: ['> 0', '>= champoin', '=> 1']}"), "3:61 E015, 3:76 E015",
         "'>= champoin'" NO_RULE " (did you mean 'champion'?)"},
        {JUDGE("rules: {r2: 'smaller than ${{ vars.x }}'}"), "3:40 E015", NULL},
        {JUDGE("least: at least 3"), "3:34 E015", "'judge': 'least': 'at least 3'" NO_RULE " (did you mean '>='?)"},
        {JUDGE("rules: {r2: {is: '> 0', min_samples: -1, confidence: 2, sure: 1}}"),
         "3:64 E015, 3:80 E015, 3:83 E015", "'r2' has no 'sure' (expected one of is, min_samples, confidence)"},
        {JUDGE("rules: {r2: {confidence: 0.9}}"), "3:39 E015", "'r2': expected a key 'is' with the rule"},
        {JUDGE("rules: {r2: []}"), "3:39 E015", "'r2': the list is empty"},
        {JUDGE("rules: {'r2[color]': '> 0'}"), "3:35 E015", "'r2[color]': expected METRIC or METRIC[COLUMN=VALUE]"},
        {JUDGE("rules: {rmze: '> 0'}"), "3:35 E015", "'rules': there is no 'rmze' (did you mean 'rmse'?)"},
        {JUDGE("type: classifier, rules: {'recal[a=b]': '> 0'}"), "3:53 E015", "no 'recal' (did you mean 'recall'?)"},
        {JUDGE("type: classifier, rules: {'recall:x': '> 0', 'recall:': '> 0'}"), "3:72 E015", "no 'recall:'"},
        {JUDGE("type: classifier, rules: {rmse: '> 0'}"), "3:53 E015",
         "'rmse' needs 'type: regressor', but it is 'classifier' (expected one of accuracy, recall)"},
        {JUDGE("type: classifier, probability: p, rules: {auc: '> 0'}"), "3:69 E015", "(did you mean 'roc_auc'?)"},
        {JUDGE("type: classifier, rules: {roc_auc: '> 0'}"), "3:53 E015", "'roc_auc' needs the input 'probability'"},
        {JUDGE("type: clasifier, rules: {rmse: '> 0'}"), "3:33 E015", "expected one of classifier, regressor"},
        {JUDGE("rules: {r2: '>= champion'}"), "3:40 E015",
         "'r2': it compares with the champion, but there is no input 'champion' (add one such as"},
        {JUDGE("champion: '${{ vars.m }}', rules: {r2: '>= champion'}"), "", NULL},
        {JUDGE("champion: {model: m, if_missing: fial}"), "3:60 E015",
         "'if_missing' cannot be \"fial\" (did you mean 'fail'?)"},
        {JUDGE("champion: {modle: m}"), "3:37 E015, 3:38 E015", "there is no 'modle' (did you mean 'model'?)"},
        {JUDGE("health: {url: x, timeout: 1h30m, room: 2G}, columns: [a, '${{ vars.c }}']"), "", NULL},
        {JUDGE("health: x"), "", NULL},
        {JUDGE("health: {timeout: 30, room: big}"), "3:35 E015, 3:45 E015, 3:55 E015",
         "'health': 'timeout': expected a text like 30s, found 30"},
        {JUDGE("health: {url: x, timeout: soon}"), "3:53 E015", "'timeout': expected a duration like 500ms"},
        {JUDGE("columns: [a, 3, [b]]"), "3:40 E015, 3:43 E015", "'columns': item 2: expected text, found 3"},
        {JUDGE("type: 3, rules: 4, champion: [x]"), "3:33 E015, 3:43 E015, 3:56 E015", NULL},
    };
    CHECK_ROWS(rows);
}

TEST(steps_that_can_run_at_once_leave_different_paths)
{
    static const struct text_row rows[] = {
        {STEPS("  a: {run: x, artifacts: [out/a.csv]}\n  b: {run: x, artifacts: "
               "[./out//a.csv]}\n"),
         "4:27 E017",
         "steps 'a' and 'b' can run at once and leave the same path 'out/a.csv' (let one need the other, or "
         "write below ${{ step.dir }})"},
        {STEPS("  a: {run: x, artifacts: [out/a.csv]}\n  b: {needs: a, run: x, artifacts: [out/a.csv]}\n"), "", NULL},
        {STEPS("  a: {run: x, artifacts: [o]}\n  b: {needs: a, run: x}\n  c: {needs: b, run: x, "
               "artifacts: [o]}\n"),
         "", NULL},
        {STEPS("  a: {run: x, artifacts: ['${{ step.dir }}/a']}\n  b: {run: x, artifacts: ['${{ "
               "step.dir }}/a']}\n"),
         "", NULL},
        {STEPS("  a: {run: x, artifacts: [out/]}\n  b: {run: x, artifacts: [out/b.csv]}\n"),
         "4:27 E017", "leave the same path 'out/b.csv'"},
        {STEPS("  a: {run: x, artifacts: [out]}\n  b: {run: x, artifacts: [out.csv]}\n"), "", NULL},
        {STEPS("  a: {run: x, model: {path: m}}\n  b: {run: x, model: {path: m}}\n"),
         "4:29 E017", "leave the same path 'm'"},
        {STEPS("  a: {run: x, metrics: [m.json]}\n  b: {run: x, artifacts: {m: m.json}}\n"),
         "4:30 E017", "leave the same path 'm.json'"},
        {STEPS("  a: {run: x, artifacts: ['*.csv']}\n  b: {run: x, artifacts: [q.csv]}\n"),
         "4:27 E017", "leave the same path 'q.csv'"},
        {STEPS("  a: {run: x, artifacts: ['*.csv']}\n  b: {run: x, artifacts: [out/q.csv, q.json]}\n"), "", NULL},
        {STEPS("  a: {run: x, artifacts: [o], if: \"run.trigger == 'x'\"}\n  b: {run: x, "
               "artifacts: [o], if: \"run.trigger != 'x'\"}\n"),
         "4:27 W021", "can run at once and leave the same path 'o'"},
        {STEPS("  a: {run: x, matrix: {x: [1, 2]}, artifacts: [all.csv]}\n"),
         "3:48 E017",
         "all items of the matrix of 'a' leave the same 'all.csv' (write it below ${{ step.dir }}, "
         "which is each item's own)"},
        {STEPS("  a: {run: x, matrix: {x: [1, 2]}, artifacts: ['${{ matrix.x }}.csv']}\n"), "", NULL},
        {STEPS("  a: {run: x, matrix: {x: [1, 2]}, max_parallel: 1, artifacts: [all.csv]}\n"), "", NULL},
        {STEPS("  a: {run: x, matrix: {x: [1]}, max_parallel: 2, metrics: [m.json], model: {path: m}}\n"),
         "3:60 E017, 3:83 E017", "leave the same 'm'"},
        {STEPS("  a: {run: x, matrix: {x: [1, 2]}, artifacts: ['${{ run.id }}/a', '${{ git.commit }}']}\n"),
         "3:48 E017, 3:67 E017", NULL},
        {STEPS("  a: {run: x, matrix: {x: [1, 2]}, env: {O: '${{ step.dir }}'}, artifacts: ['${{ env.O }}/a', "
               "'${{ matrix.x }}/b', '${{ step.dir }}/c']}\n"),
         "", NULL},
    };
    CHECK_ROWS(rows);
}

TEST(a_path_of_another_step_as_text_is_warned_of)
{
    static const struct text_row rows[] = {
        {STEPS("  a: {run: x, artifacts: {o: out/a.csv}}\n  b: {needs: a, run: 'cat out/a.csv | "
               "wc'}\n"),
         "4:27 W021",
         "'out/a.csv' is what step 'a' leaves (write ${{ steps.a.artifacts.o }}: the recorded file, "
         "whose digest is checked)"},
        {STEPS("  a: {run: x, artifacts: [out/a.csv]}\n  b: {needs: a, run: [cat, "
               "./out/a.csv]}\n"),
         "4:28 W021", "give it a name in 'artifacts' of 'a' and write ${{ steps.a.artifacts.NAME }}"},
        {STEPS("  a: {run: x, artifacts: {o: out/a.csv}}\n  b: {needs: a, run: x, inputs: {d: "
               "out/a.csv}}\n"),
         "4:37 W021", "'out/a.csv' is what step 'a' leaves"},
        {STEPS("  a: {run: x, artifacts: {o: out/a.csv}}\n  b: {needs: a, uses: tool, with: "
               "{count: 1, rows: [out/a.csv]}}\n"),
         "4:53 W021", "'out/a.csv' is what step 'a' leaves"},
        {STEPS("  a: {run: touch out/a.csv, artifacts: {o: out/a.csv}}\n"), "", NULL},
        {STEPS("  a: {run: x, artifacts: {o: out}}\n  b: {needs: a, run: echo out}\n"), "", NULL},
        {STEPS("  a: {run: x, artifacts: {o: out/a.csv}}\n  b: {needs: a, run: cat out/a.csv.bak}\n"), "", NULL},
    };
    CHECK_ROWS(rows);
}

TEST(everything_wrong_with_a_step_is_told_at_once)
{
    static const struct text_row rows[] = {
        {STEPS("  a:\n    run: |\n      echo ${{ params.x }} ${{ a..b }} ${{ 1 + 1 }} ${{ "
               "secrets.y }}\n      eval ${{ run.id }}\n    env: {A: \"${{ b. }} ${{ c d "
               "}}\"}\n    timeuot: 3\n    needs: [zz]\n"),
         "5:16 E009, 5:34 E008, 5:46 E008, 5:57 E013, 6:12 E012, 7:21 E008, 7:31 E008, 8:5 E003, 9:13 E009",
         "let a script do it"},
        {STEPS("  a: {run: \"echo ${{ github.sha }} ${{ param.x }} ${{ lower('x') }}\"}\n"),
         "3:22 E009, 3:40 E009, 3:55 E009",
         "there is no 'github' (expected one of params, env, vars, matrix, inputs, git, run, step, steps)"},
        {STEPS("  a: {run: \"echo ${{ it's }}\"}\n"),
         "3:18 E008", "'${{' has no '}}' that ends it (a ' in it begins a string, which ends at the next ')"},
        {STEPS("  a: {run: \"[[ ${{ run.id }} = x ]] && echo $(( ${{ run.number }} + 1 ))\"}\n"),
         "3:16 E012, 3:49 E012",
         "an expression inside arithmetic would not be one shell word (put it in 'env:' and use "
         "the variable)"},
    };
    CHECK_ROWS(rows);
}

/* ---- files ------------------------------------------------------------------------------------------------------ */

static char folder[] = "/tmp/sluice-test-XXXXXX";

static void write_file(const char *name, const char *text)
{
    char path[200];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void check_files_of(const char *text, const char *expected, const char *says)
{
    struct arena *arena = arena_new();
    struct loaded loaded = {.arena = arena};
    const struct pipeline_world world = {.check_files = true};
    write_file("main.yaml", text);
    const char *path = arena_printf(arena, "%s/main.yaml", folder);
    diags_init(&loaded.diags, arena, path);
    loaded.pipeline = pipeline_load_file(path, &loaded.diags, &world);
    const char *found = found_text(&loaded);
    if (strcmp(found, expected) != 0 || (says != NULL && strstr(all_messages(&loaded), says) == NULL)) {
        fail_msg("%s\nexpected: %s, saying '%s'\nfound:    %s\n%s", text, expected, says == NULL ? "" : says, found,
                 all_messages(&loaded));
    }
    arena_free(arena);
}

TEST(files_that_the_pipeline_names_must_be_there)
{
    assert_non_null(mkdtemp(folder));
    write_file("a.lua", "");
    write_file("req.txt", "");
    write_file("child.yaml", "name: child\nparams: {n: {type: integer}, m: {default: x}}\nsteps: {s: {run: x}}\n"
                             "outputs: {best: 1}\n");
    write_file("back.yaml", "name: back\nsteps: {s: {pipeline: ./main.yaml}}\n");
    write_file("ring.yaml", "name: ring\nsteps: {s: {pipeline: ./ring.yaml}}\n");
    write_file("broken.yaml", "name: child\nsteps: {s: {rum: x}}\n");
    static const struct text_row rows[] = {
        {HEAD "python: {requirements: req.txt}\nsteps: {a: {lua: a.lua}}\n", "", NULL},
        {HEAD "python: {requirements: no.txt}\nsteps: {a: {run: x}}\n", "2:24 E018",
         "the requirements file 'no.txt' does not exist"},
        {HEAD "python: {lock: uv.lock}\nsteps: {a: {run: x}}\n", "2:16 E018",
         "the lock file 'uv.lock' does not exist"},
        {STEP("lua: b.lua"), "3:12 E018", "the Lua script 'b.lua' does not exist"},
        {STEP("pipeline: ./no.yaml"), "3:17 E018", "the pipeline './no.yaml' does not exist"},
        {STEP("pipeline: ./main.yaml"), "3:17 E011", "main.yaml -> ./main.yaml"},
        {STEP("pipeline: ./back.yaml"), "3:17 E011", "main.yaml -> ./back.yaml -> ./main.yaml"},
        {STEP("pipeline: ./ring.yaml"), "3:17 E011", "a cycle of pipelines: ./ring.yaml -> ./ring.yaml"},
        {STEP("pipeline: ./child.yaml, with: {n: 3}") "  b: {pipeline: ./child.yaml, with: {n: 4}}\n", "", NULL},
        {STEP("pipeline: ./child.yaml, with: {n: 3}"), "", NULL},
        {STEP("pipeline: ./child.yaml, with: {n: '${{ vars.n }}', m: y}"), "", NULL},
        {STEP("pipeline: ./child.yaml"), "3:17 E007", "the param 'n' of the pipeline 'child' has no default"},
        {STEP("pipeline: ./child.yaml, with: {n: 3, k: 1}"), "3:44 E009", "the pipeline 'child' has no param 'k'"},
        {STEP("pipeline: ./child.yaml, with: {n: 3, m: 1.10}"), "", NULL},
        {STEP("pipeline: ./child.yaml, with: {n: x, m: true}"), "3:41 E005, 3:47 E005",
         "param 'n' of the pipeline 'child': expected an integer, found a string"},
        {STEP("pipeline: ./broken.yaml"), "3:17 E018",
         "is not valid: line 2: step 's': expected exactly one of run, uses, lua and pipeline, found 0 ('sluice "
         "validate ./broken.yaml' tells all"},
        {STEP("pipeline: ./child.yaml, with: {n: 3}") "  b: {run: 'echo ${{ steps.a.outputs.bset }}'}\n", "4:22 E009",
         "there is no output 'bset' of step 'a' (did you mean 'best'?)"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        check_files_of(rows[i].text, rows[i].found, rows[i].says);
    }
    static const char *const names[] = {"a.lua",     "req.txt",     "child.yaml", "back.yaml",
                                        "ring.yaml", "broken.yaml", "main.yaml"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[200];
        (void)snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        assert_int_equal(unlink(path), 0);
    }
    assert_int_equal(rmdir(folder), 0);
}

/* ---- Lua -------------------------------------------------------------------------------------------------------- */

struct fake_compiler {
    int asked;
    int known;           /* so many scripts, then it gives up */
    int line;            /* of each */
    const char *problem; /* of each */
    const char *texts;   /* what it got: "[text][/path]" */
};

static int fake_compile(void *compiler, struct lua_script *scripts, size_t count, struct arena *arena, struct err *err)
{
    struct fake_compiler *fake = compiler;
    fake->asked++;
    for (size_t i = 0; i < count; i++) {
        struct str text = scripts[i].file == NULL ? scripts[i].text : str_from(scripts[i].file);
        fake->texts = arena_printf(arena, "%s[%.*s]", fake->texts, STR_ARG(text));
        scripts[i].known = (int)i < fake->known;
        scripts[i].line = scripts[i].known ? fake->line : 0;
        scripts[i].problem = scripts[i].known ? fake->problem : NULL;
    }
    return (int)count <= fake->known ? 0 : err_set(err, ERR_LIMIT, "it took too long");
}

static struct loaded compile_of(const char *text, struct fake_compiler *fake)
{
    struct loaded loaded = {.arena = arena_new()};
    const struct pipeline_world world = {.compile_lua = fake_compile, .compiler = fake};
    fake->texts = "";
    diags_init(&loaded.diags, loaded.arena, "test.yaml");
    loaded.diags.text = arena_str(loaded.arena, str_from(text));
    loaded.pipeline = pipeline_load(&loaded.diags, &world);
    return loaded;
}

TEST(an_error_of_a_script_stands_at_its_line_in_the_file)
{
#define BLOCK STEPS("  a:\n    lua: |\n\n      x = 1\n      if y then z(x) end -- æ z\n      x y x\n  b: {run: x}\n")
    static const struct {
        const char *text;
        int line;
        const char *problem;
        const char *found;
        int end_column;
        const char *says;
    } rows[] = {
        {BLOCK, 2, "unexpected symbol near '='", "6:9 E023", 10,
         "the Lua script does not compile: unexpected symbol near '='"},
        {BLOCK, 3, "unexpected symbol near 'y'", "7:10 E023", 11, "near 'y'"},
        {BLOCK, 3, "unexpected symbol near 'z'", "7:7 E023", 32, "near 'z'"}, /* it stands there twice */
        {BLOCK, 4, "'end' expected (to close 'if' at line 3) near <eof>", "8:7 E023", 12,
         "'end' expected (to close 'if' at line 7) near <eof>"},
        {BLOCK, 6, "'=' expected near <eof>", "8:7 E023", 12, NULL}, /* the last line that says something */
        {STEP("lua: 'x y', env: {A: y}"), 1, "syntax error near 'x'", "3:13 E023", 14, NULL},
        {STEP("lua: x y y"), 1, "syntax error near 'y'", "3:12 E023", 0, NULL},
        {STEP("lua: \"x\\ny\""), 2, "syntax error near 'y'", "3:12 E023", 18,
         "its line 2: syntax error near 'y' (write it as a block: 'lua: |' and its lines below)"},
        {STEPS("  a:\n    lua: >\n      x\n\n      y\n"), 2, "near 'y'", "4:10 E023", 0, "its line 2: near 'y'"},
        {BLOCK, 0, NULL, "", 0, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct fake_compiler fake = {.known = 1, .line = rows[i].line, .problem = rows[i].problem};
        struct loaded loaded = compile_of(rows[i].text, &fake);
        const struct diag *diag = loaded.diags.items;
        const char *says = rows[i].says == NULL ? "" : rows[i].says;
        if (strcmp(found_text(&loaded), rows[i].found) != 0 || strstr(all_messages(&loaded), says) == NULL ||
            (diag != NULL && rows[i].end_column != 0 && diag->end_column != rows[i].end_column)) {
            fail_msg("row %zu\nexpected: %s to %d, saying '%s'\nfound:    %s to %d\n%s", i, rows[i].found,
                     rows[i].end_column, says, found_text(&loaded), diag == NULL ? 0 : diag->end_column,
                     all_messages(&loaded));
        }
        assert_true((loaded.pipeline == NULL) == (rows[i].problem != NULL));
        loaded_free(&loaded);
    }
#undef BLOCK
}

TEST(all_scripts_are_compiled_at_once_and_what_is_not_known_is_no_error)
{
    struct fake_compiler fake = {.known = 1};
    struct loaded loaded = compile_of(STEPS("  a: {lua: x}\n  b: {run: y}\n  c: {lua: z}\n  d: {lua: w}\n"), &fake);
    assert_int_equal(fake.asked, 1);
    assert_string_equal(fake.texts, "[x][z][w]");
    assert_non_null(loaded.pipeline);
    assert_string_equal(found_text(&loaded), "5:12 W021");
    assert_non_null(strstr(all_messages(&loaded), "this Lua script and those behind it compile: it took too long"));
    loaded_free(&loaded);
    loaded = compile_of(STEPS("  b: {run: y}\n"), &fake);
    assert_int_equal(fake.asked, 1);
    loaded_free(&loaded);
}

TEST(a_plugin_that_is_named_by_path_is_read_once)
{
    struct arena *arena = arena_new();
    struct catalogue catalogue;
    struct diags diags;
    catalogue_init(&catalogue, arena);
    diags_init(&diags, arena, "test.yaml");
    diags.text = STR(HEAD "steps:\n  a: {uses: ./wait.so, with: {delay: 1s}}\n  b: {uses: ./git.so, with: {url: x}}\n"
                          "  c: {uses: ./wait.so, with: {delay: 2s}}\n");
    const struct pipeline_world world = {.plugins = &catalogue, .root = getenv("SLUICE_PLUGINS")};
    const struct pipeline *pipeline = pipeline_load(&diags, &world);
    assert_non_null(pipeline);
    assert_non_null(pipeline->steps[0].plugin);
    assert_ptr_equal(pipeline->steps[0].plugin, pipeline->steps[2].plugin);
    assert_true(str_is(pipeline->steps[1].plugin->name, "git"));
    arena_free(arena);
}

TEST(a_folder_and_a_missing_file_are_told_as_such)
{
    struct diags diags;
    struct arena *arena = arena_new();
    diags_init(&diags, arena, "/");
    assert_null(pipeline_load_file("/", &diags, NULL));
    assert_string_equal(diags.items[0].message, "'/' is a folder: expected a pipeline file");
    diags_init(&diags, arena, "/nowhere/p.yaml");
    assert_null(pipeline_load_file("/nowhere/p.yaml", &diags, NULL));
    assert_int_equal(diags.items[0].code, DIAG_FILE);
    arena_free(arena);
}

TEST(the_end_of_a_last_line_without_a_newline_is_a_place_in_the_file)
{
    static const struct text_row rows[] = {
        {"name: p\nsteps", "2:6 E001", "could not find expected ':'"},
        {"name: 'p", "1:9 E001", "unexpected end of stream"},
        {"name: p\nsteps: [", "2:9 E001", NULL},
    };
    CHECK_ROWS(rows);
}

TEST(a_key_that_stands_twice_is_loaded_once)
{
    static const struct text_row rows[] = {
        {STEP("run: [a, b], run: [c]"), "3:20 E004", "the key 'run' stands twice"},
        {STEP("run: 'cat ${{ inputs.x }}', inputs: {a: b, x: c}, inputs: {d: e}"), "3:57 E004", NULL},
        {STEP("run: x, inputs: {a: b, c: d, e: f}, inputs: {g: h}, env: {X: '${{ inputs.a }}'}"), "3:43 E004", NULL},
        {STEP("run: x, artifacts: [a, b], artifacts: [c], outputs: [n, m], outputs: [o]"), "3:34 E004, 3:67 E004",
         NULL},
        {STEP("run: x, shell: 'a b c {0}', shell: 'd {0}'"), "3:35 E004", NULL},
        {STEP("run: x, matrix: {a: [1], b: [2]}, matrix: {c: [3]}"), "3:41 E004", NULL},
        {STEP("run: x, retry: {on: ['exit:1', 'exit:2'], on: ['exit:3']}, metrics: [a, b], metrics: [c]"),
         "3:49 E004, 3:83 E004", NULL},
    };
    CHECK_ROWS(rows);
}

/* ---- size ------------------------------------------------------------------------------------------------------ */

TEST(checks_of_large_files_take_time_in_proportion)
{
    struct strbuf text;
    strbuf_init(&text, 16 << 20);
    strbuf_add_text(&text, HEAD "steps:\n");
    for (int i = 0; i < 5000; i++) { /* a chain, in which all leave one path and the files of one folder */
        strbuf_printf(&text, "  s%d:\n    run: |\n      echo ${{ run.id }}\n", i);
        strbuf_printf(&text, "    artifacts: [one.csv, out, out/%d.csv]\n", i);
        if (i > 0) {
            strbuf_printf(&text, "    needs: [s%d]\n", i - 1);
        }
    }
    struct loaded loaded = load_sized(strbuf_str(&text));
    assert_string_equal(found_text(&loaded), "");
    loaded_free(&loaded);
    strbuf_clear(&text);
}

TESTS(RUN(a_cycle_is_printed_as_it_goes), RUN(inputs_of_a_plugin_follow_its_rows),
      RUN(the_inside_of_an_input_follows_its_row),
      RUN(steps_that_can_run_at_once_leave_different_paths), RUN(a_path_of_another_step_as_text_is_warned_of),
      RUN(everything_wrong_with_a_step_is_told_at_once), RUN(files_that_the_pipeline_names_must_be_there),
      RUN(an_error_of_a_script_stands_at_its_line_in_the_file),
      RUN(all_scripts_are_compiled_at_once_and_what_is_not_known_is_no_error),
      RUN(a_plugin_that_is_named_by_path_is_read_once),
      RUN(a_folder_and_a_missing_file_are_told_as_such),
      RUN(a_key_that_stands_twice_is_loaded_once),
      RUN(the_end_of_a_last_line_without_a_newline_is_a_place_in_the_file),
      RUN(checks_of_large_files_take_time_in_proportion))
