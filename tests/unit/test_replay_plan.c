/* SPDX-License-Identifier: Apache-2.0
 * What each step does when a gate is replayed, decided from the definition and how earlier runs ended.
 */
#include "engine/replay_plan.h"
#include "pipeline_text.h"

#define JUDGED "m-00000000000000000000000000000001"
#define ASKED "m-00000000000000000000000000000002"

/* A plan in one line: a letter for each step in the order of the file. */
struct plan_row {
    const char *text;  /* the gate is the step `judge` */
    const char *made;  /* the step that made the judged model; NULL: none */
    const char *maker; /* the steps that succeeded in the run that made the other model, "train predict"; NULL: none */
    const char *param; /* names the judged model; NULL: none */
    const char *ways;  /* "." left out, "R" runs, "o" as it was, "m" of the maker, "n" renamed; small: not read */
    const char *says;  /* instead: why it cannot be */
};

struct planned {
    struct loaded loaded;
    struct run *original, *maker;
};

static void succeed(struct run *run, size_t step, const char *model_id)
{
    struct run_step *into = &run->steps[step];
    into->state = STEP_STATE_SUCCEEDED;
    into->item_count = 1;
    into->items = arena_one(run->arena, struct run_item);
    into->items[0] = (struct run_item){.state = STEP_STATE_SUCCEEDED, .model_id = model_id};
}

static bool is_among(const char *words, struct str id)
{
    return words != NULL && str_find(str_from(words), id) >= 0;
}

static struct planned prepare(const struct plan_row *row)
{
    struct planned p = {.loaded = load_text_of(row->text)};
    const struct pipeline *pipeline = p.loaded.pipeline;
    struct run_options options = {0};
    assert_non_null(pipeline);
    p.original = run_new(pipeline, "r1", &options);
    p.maker = row->maker == NULL ? NULL : run_new(pipeline, "r2", &options);
    for (size_t i = 0; i < pipeline->step_count; i++) {
        bool made = row->made != NULL && str_is(pipeline->steps[i].id, row->made);
        succeed(p.original, i, made ? JUDGED : NULL);
        if (is_among(row->maker, pipeline->steps[i].id)) {
            succeed(p.maker, i, made ? ASKED : NULL);
        }
    }
    return p;
}

static const char *letters(const struct planned *p, const struct replay_step *steps)
{
    static const char of[] = {[REPLAY_LEFT_OUT] = '.',
                              [REPLAY_RUNS] = 'R',
                              [REPLAY_AS_IT_WAS] = 'o',
                              [REPLAY_OF_MAKER] = 'm',
                              [REPLAY_RENAMED] = 'n'};
    size_t count = p->loaded.pipeline->step_count;
    char *text = arena_alloc(p->loaded.arena, count + 1);
    for (size_t i = 0; i < count; i++) {
        char letter = of[steps[i].way];
        text[i] = steps[i].read && letter >= 'a' ? (char)(letter - 'a' + 'A') : letter;
    }
    text[count] = '\0';
    return text;
}

static void check_plan(const struct plan_row *row)
{
    struct planned p = prepare(row);
    struct str params[] = {str_from(row->param == NULL ? "" : row->param)};
    struct replay_script *scripts =
        arena_array(p.loaded.arena, p.loaded.pipeline->step_count, sizeof *scripts);
    struct json pins = json_object();
    struct json pin = json_object();
    json_set(p.loaded.arena, &pin, "uri", json_cstring(p.loaded.arena, "models:/" JUDGED));
    json_set(p.loaded.arena, &pins, "models:/wine@new", pin);
    ptrdiff_t gate = pipeline_find_step(p.loaded.pipeline, STR("judge"));
    assert_true(gate >= 0);
    for (size_t i = 0; i < p.loaded.pipeline->step_count; i++) {
        struct str lua = p.loaded.pipeline->steps[i].lua;
        scripts[i] = (struct replay_script){str_find(lua, STR("params")) >= 0, str_find(lua, STR("steps")) >= 0};
    }
    struct replay_case about = {
        .pipeline = p.loaded.pipeline,
        .gate = (size_t)gate,
        .original = p.original,
        .maker = p.maker,
        .judged = JUDGED,
        .asked = ASKED,
        .pins = &pins,
        .params = params,
        .param_count = row->param == NULL ? 0 : 1,
        .scripts = scripts,
        .words = "gate 7",
        .version = "wine/1",
        .arena = p.loaded.arena,
    };
    const struct replay_step *steps = NULL;
    struct err err = {0};
    int result = replay_plan(&about, &steps, &err);
    if (row->says != NULL) {
        assert_int_equal(result, -1);
        assert_int_equal(err.code, ERR_STATE);
        if (strstr(err.message, row->says) == NULL) {
            fail_msg("expected '%s' in '%s'", row->says, err.message);
        }
    } else if (result < 0) {
        fail_msg("%s: %s", row->text, err.message);
    } else {
        assert_string_equal(letters(&p, steps), row->ways);
    }
    run_free(p.original);
    run_free(p.maker);
    loaded_free(&p.loaded);
}

#define TRAIN "  train: {run: x, model: {path: m, name: w}, artifacts: {scored: s}}\n"
#define HEAD "name: p\nsteps:\n"
#define SPLIT "  split: {run: x, artifacts: {rows: r}}\n"
#define PREDICT                                                                                                        \
    "  predict:\n    run: y ${{ steps.split.artifacts.rows }}\n"                                                       \
    "    inputs: {model: \"${{ steps.train.model_uri }}\"}\n    artifacts: {scored: s}\n"
#define OF(expression) "  judge: {run: \"j ${{ " expression " }}\"}\n"

TEST(each_step_comes_from_where_the_model_or_the_data_came_from)
{
    static const struct plan_row rows[] = {
        /* Predictions that the training step left are those of the other version's own run. */
        {HEAD TRAIN OF("steps.train.artifacts.scored"), "train", "train", NULL, "MR", NULL},
        /* A step that predicts runs again, on the rows that the gate's run had. */
        {HEAD SPLIT TRAIN PREDICT OF("steps.predict.artifacts.scored"), "train", "train", NULL, "OMRR", NULL},
        {HEAD SPLIT TRAIN PREDICT OF("steps.predict.artifacts.scored"), "train", NULL, NULL, "ONRR", NULL},
        /* What is not needed is left out; what is only waited for is carried, and not read. */
        {HEAD SPLIT TRAIN OF("steps.train.artifacts.scored") "  after: {needs: [judge], run: x}\n", "train", "train",
         NULL, ".MR.", NULL},
        {HEAD TRAIN "  tidy: {run: x}\n  judge: {needs: [tidy], run: \"j ${{ steps.train.artifacts.scored }}\"}\n",
         "train", "train", NULL, "MoR", NULL},
        {HEAD TRAIN "  file: {needs: [train], uses: note}\n"
                    "  judge: {needs: [file], run: \"j ${{ steps.train.model_id }}\"}\n",
         "train", NULL, NULL, "NoR", NULL},
        /* What acts outside is taken from the version's own run. */
        {HEAD TRAIN "  file: {uses: note, with: {text: \"${{ steps.train.model_id }}\"}}\n" OF("steps.file.status"),
         "train", "train file", NULL, "mMR", NULL},
        /* The model comes by a param, or by an alias that the run had pinned. */
        {"name: p\nparams: {uri: {type: string}}\nsteps:\n" SPLIT
         "  predict: {run: \"y ${{ params.uri }} ${{ steps.split.artifacts.rows }}\", artifacts: {scored: s}}\n"
         OF("steps.predict.artifacts.scored"), NULL, NULL, "uri", "ORR", NULL},
        {HEAD "  predict: {run: y, inputs: {model: models:/wine@new}, artifacts: {scored: s}}\n"
         OF("steps.predict.artifacts.scored"), NULL, NULL, NULL, "RR", NULL},
        /* A script may read what it needs without an expression. */
        {HEAD TRAIN "  predict: {needs: [train], lua: 'x = sluice.steps.train', artifacts: {scored: s}}\n"
         OF("steps.predict.artifacts.scored"), "train", "train", NULL, "MRR", NULL},
        {HEAD TRAIN "  judge: {needs: [train], lua: 'x = sluice.steps.train'}\n", "train", "train", NULL, "MR", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        check_plan(&rows[i]);
    }
}

TEST(what_cannot_be_had_for_the_other_model_is_said)
{
    static const struct plan_row rows[] = {
        {HEAD TRAIN OF("steps.train.artifacts.scored"), "train", NULL, NULL, NULL,
         "gate 7 cannot be replayed on wine/1: step 'train' made the model, and more of it is read"},
        {HEAD TRAIN "  file: {uses: note, with: {text: \"${{ steps.train.model_id }}\"}}\n" OF("steps.file.status"),
         "train", "train", NULL, NULL, "step 'file' stands between the model and the gate, and is not repeated alone"},
        {HEAD TRAIN SPLIT "  judge: {needs: [train], run: \"j ${{ steps.split.artifacts.rows }}\"}\n", "train", "train",
         NULL, NULL, "nothing that its step 'judge' reads by an expression comes from the model"},
        {HEAD TRAIN "  judge: {matrix: {a: [1, 2]}, run: \"j ${{ steps.train.model_id }}\"}\n", "train", "train", NULL,
         NULL, "is a matrix, and which of its items judged is not known"},
        {"name: p\nparams: {uri: {type: string}, other: {type: string}}\nsteps:\n  judge: {run: \"j ${{ params.other "
         "}}\"}\n", NULL, NULL, "uri", NULL, "would say the same of any other"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        check_plan(&rows[i]);
    }
}

TEST(a_step_that_has_not_ended_is_waited_for)
{
    static const struct plan_row row = {HEAD SPLIT TRAIN PREDICT OF("steps.predict.artifacts.scored"), "train", "train",
                                        NULL, NULL, NULL};
    struct planned p = prepare(&row);
    struct replay_script scripts[4] = {0};
    const struct replay_step *steps = NULL;
    struct err err = {0};
    p.original->steps[0].state = STEP_STATE_ACTIVE;
    struct replay_case about = {.pipeline = p.loaded.pipeline,
                                .gate = 3,
                                .original = p.original,
                                .maker = p.maker,
                                .judged = JUDGED,
                                .asked = ASKED,
                                .scripts = scripts,
                                .words = "gate 7",
                                .version = "wine/1",
                                .arena = p.loaded.arena};
    assert_int_equal(replay_plan(&about, &steps, &err), -1);
    assert_non_null(strstr(err.message, "step 'split' of its run is active"));
    run_free(p.original);
    run_free(p.maker);
    loaded_free(&p.loaded);
}

TESTS(RUN(each_step_comes_from_where_the_model_or_the_data_came_from),
      RUN(what_cannot_be_had_for_the_other_model_is_said), RUN(a_step_that_has_not_ended_is_waited_for))
