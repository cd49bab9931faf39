/* SPDX-License-Identifier: Apache-2.0
 * retry, rerun, cancel: what people do with a run that is there already.
 */
#include "cli/commands.h"
#include "cli/follow.h"
#include "cli/git_head.h"
#include "cli/kept_params.h"
#include "cli/names.h"
#include "cli/run_view.h"
#include "cli/start.h"

#include <stdio.h>

static struct follow_options follow_of(const struct cli *cli)
{
    return (struct follow_options){.wait = option_given(cli, "wait"), .logs = option_given(cli, "logs")};
}

static int find_ended(struct session *session, const char *words, struct pipeline_run *ret_row, struct err *err)
{
    if (names_run(session->home.store, words, session->cli->arena, ret_row, err) < 0) {
        return -1;
    }
    if (!run_state_is_terminal(ret_row->state)) {
        return err_set(err, ERR_STATE,
                       "run %s is still open (%s): 'sluice resume %s' goes on with it, 'sluice cancel %s' ends it",
                       words, run_state_name(ret_row->state), words, words);
    }
    return 0;
}

/* The definition that the run had, or, for rerun, the file as it is now when it is still there. */
static const struct pipeline *stored_definition(struct session *session, const struct pipeline_run *row,
                                                struct err *err)
{
    struct diags diags;
    struct pipeline_world world = {.plugins = &session->catalogue, .folder = row->folder, .root = row->workspace};
    diags_init(&diags, session->cli->arena, row->file);
    if (store_definition_get(session->home.store, row->definition, session->cli->arena, &diags.text, err) < 0) {
        return NULL;
    }
    const struct pipeline *pipeline = pipeline_load(&diags, &world);
    if (pipeline == NULL) {
        (void)err_set(err, ERR_INPUT, "the definition of this run is not accepted any more: line %d: %s",
                      diags.count > 0 ? diags.items[0].pos.line : 0,
                      diags.count > 0 ? diags.items[0].message : "unknown");
    }
    return pipeline;
}

/* What the run knew of its surroundings: the same environment, with the values that it had then. */
static int take_surroundings(struct session *session, const struct pipeline_run *row,
                             struct engine_submission *submission, struct err *err)
{
    struct arena *arena = session->cli->arena;
    struct json *contexts = arena_one(arena, struct json);
    if (json_read(str_from(row->contexts), (struct json_limits){0}, arena, contexts, err) < 0) {
        return err_add(err, "the contexts of the run");
    }
    const struct json *vars = json_get(contexts, "vars");
    submission->vars = vars == NULL ? json_object() : *vars;
    submission->environment = json_get_text(contexts, "environment", NULL);
    submission->workspace = row->workspace;
    submission->git = git_head(git_root(row->workspace, arena), arena);
    return 0;
}

/* The flags of the step and of all below it; NULL when there is no such step. */
static const bool *mark_steps(const struct cli *cli, const struct pipeline *pipeline, const char *option,
                              const char *step, struct err *err)
{
    bool *marks = arena_array(cli->arena, pipeline->step_count, sizeof *marks);
    ptrdiff_t at = names_step(pipeline, option, step, cli->arena, err);
    if (at < 0) {
        return NULL;
    }
    marks[at] = true;
    run_mark_below(pipeline, (size_t)at, marks);
    return marks;
}

/* `before`: the params of the run whose good steps are kept; NULL: they are the same. */
static int submit_and_follow(struct session *session, struct engine_submission *submission, const struct json *before)
{
    struct err err = {0};
    char run_id[40];
    if (session_submit(session, submission, run_id, &err) < 0) {
        return cli_fail(session->cli, cli_exit_of(&err), &err);
    }
    struct run_view view;
    if (before != NULL && submission->retry_of != NULL &&
        run_view_load(session->home.store, &session->catalogue, run_id, &view, &err) == 0) {
        kept_params_warn(&view, &submission->params, before);
        run_view_clear(&view);
    }
    struct follow_options options = follow_of(session->cli);
    return follow_run(session, run_id, &options);
}

/* ---- retry -------------------------------------------------------------------------------------------------- */

/* What STEP and --only say: which steps run again, and that the run's own --until holds no more when STEP is not among
 * what it needed. */
static int take_step(const struct cli *cli, const char *step, const char *until, struct engine_submission *submission,
                     struct err *err)
{
    const struct pipeline *pipeline = submission->pipeline;
    const bool *below = mark_steps(cli, pipeline, NULL, step, err);
    if (below == NULL) {
        return -1;
    }
    bool needed = until != NULL && below[pipeline_find_step(pipeline, str_from(until))];
    submission->until = needed ? until : NULL;
    submission->only = option_given(cli, "only");
    submission->again = below;
    if (submission->only) {
        bool *alone = arena_array(cli->arena, pipeline->step_count, sizeof *alone);
        alone[pipeline_find_step(pipeline, str_from(step))] = true;
        submission->again = alone;
    }
    return 0;
}

static int prepare_retry(struct session *session, struct engine_submission *submission, struct err *err)
{
    struct cli *cli = session->cli;
    struct pipeline_run *row = arena_one(cli->arena, struct pipeline_run);
    if (find_ended(session, cli->arguments[0], row, err) < 0 ||
        (submission->pipeline = stored_definition(session, row, err)) == NULL ||
        json_read(str_from(row->params), (struct json_limits){0}, cli->arena, &submission->params, err) < 0 ||
        start_priority(cli, &submission->priority, err) < 0 || start_seed(cli, &submission->seed, err) < 0 ||
        take_surroundings(session, row, submission, err) < 0) {
        return -1;
    }
    const char *step = cli->argument_count > 1 ? cli->arguments[1] : NULL;
    submission->until = row->until;
    if (step != NULL) {
        if (take_step(cli, step, row->until, submission, err) < 0) {
            return -1;
        }
    } else if (row->state == RUN_STATE_SUCCEEDED) {
        return err_set(err, ERR_STATE, "run %s succeeded: name the step to run again, or start a new run",
                       names_label(cli->arena, row));
    }
    submission->retry_of = row->run_id;
    submission->fresh = step;
    return 0;
}

static int run_retry(struct cli *cli)
{
    struct err err = {0};
    struct session session;
    if (option_given(cli, "only") && cli->argument_count < 2) {
        (void)err_set(&err, ERR_INPUT, "--only needs the step: 'sluice retry RUN STEP --only'");
        return cli_fail(cli, EXIT_USAGE, &err);
    }
    if (session_join(cli, &(struct session_options){.doing = "retry"}, &session, &err) < 0) {
        return cli_fail(cli, cli_exit_of(&err), &err);
    }
    struct engine_submission submission = {.trigger = "retry", .no_cache = option_given(cli, "no-cache")};
    int code = prepare_retry(&session, &submission, &err) < 0 ? cli_fail(cli, EXIT_USAGE, &err)
                                                              : submit_and_follow(&session, &submission, NULL);
    session_close(&session);
    return code;
}

static const struct option_row retry_options[] = {
    {"no-cache", 0, NULL, false, "run also steps whose result is kept"},
    {"only", 0, NULL, false, "with STEP: run that step alone; all others stay as they ended"},
    {"jobs", 'j', "N", false, "steps at once (default: the number of processors)"},
    {"priority", 0, "N", false,
     "its steps start before those of runs with a lower one (default: that of the pipeline)"},
    {"seed", 0, "N", false, "the seed of retry delays"},
    {"wait", 0, NULL, false, "stay while only a person's approval is missing"},
    {"logs", 'l', NULL, false, "print what the steps print, too"},
    {0},
};

const struct command command_retry = {
    .name = "retry",
    .group = "Run",
    .summary = "run the steps that did not succeed again, keep the rest",
    .arguments = "RUN [STEP]",
    .details =
        "Starts a new revision of the run (12 becomes 12.2) with the definition and the params it had. Steps that "
        "succeeded, and do not\n"
        "depend on one that runs again, keep their results; so do the good items of a matrix step in which others "
        "failed.\n"
        "With STEP, that step and all below it run again; with --only, just it: the others stay as they ended, also "
        "those that failed.",
    .examples = "sluice retry latest\nsluice retry wine/12 evaluate\nsluice retry wine/12 evaluate --only",
    .options = retry_options,
    .min_arguments = 1,
    .max_arguments = 2,
    .run = run_retry,
};

/* ---- rerun ---------------------------------------------------------------------------------------------------- */

static int prepare_rerun(struct session *session, struct engine_submission *submission, struct json *ret_before,
                         struct err *err)
{
    struct cli *cli = session->cli;
    struct pipeline_run *row = arena_one(cli->arena, struct pipeline_run);
    const char *from = option_value(cli, "from");
    if (find_ended(session, cli->arguments[0], row, err) < 0 ||
        (submission->pipeline = stored_definition(session, row, err)) == NULL ||
        json_read(str_from(row->params), (struct json_limits){0}, cli->arena, ret_before, err) < 0 ||
        start_params(cli, submission->pipeline, ret_before, &submission->params, err) < 0 ||
        start_priority(cli, &submission->priority, err) < 0 || start_seed(cli, &submission->seed, err) < 0 ||
        start_until(cli, submission->pipeline, &submission->until, err) < 0 ||
        take_surroundings(session, row, submission, err) < 0) {
        return -1;
    }
    if (from != NULL) {
        submission->again = mark_steps(cli, submission->pipeline, "--from", from, err);
        if (submission->again == NULL) {
            return -1;
        }
        submission->retry_of = row->run_id;
        submission->fresh = from;
        submission->new_number = true;
    }
    return 0;
}

static int run_rerun(struct cli *cli)
{
    struct err err = {0};
    struct session session;
    if (session_join(cli, &(struct session_options){.doing = "rerun"}, &session, &err) < 0) {
        return cli_fail(cli, cli_exit_of(&err), &err);
    }
    struct engine_submission submission = {.trigger = "rerun", .no_cache = option_given(cli, "no-cache")};
    struct json before = json_null();
    int code = prepare_rerun(&session, &submission, &before, &err) < 0 ? cli_fail(cli, EXIT_USAGE, &err)
                                                              : submit_and_follow(&session, &submission, &before);
    session_close(&session);
    return code;
}

static const struct option_row rerun_options[] = {
    {"no-cache", 0, NULL, false, "run also steps whose result is kept"},
    {"from", 0, "STEP", false, "keep the good results of everything above STEP"},
    {"param", 'p', "NAME=VALUE", true, "a parameter that is to be another one this time"},
    {"params", 0, "FILE", true, "parameters from a JSON or YAML file; -p wins over it"},
    {"until", 0, "STEP", false, "only this step and what it needs"},
    {"jobs", 'j', "N", false, "steps at once (default: the number of processors)"},
    {"priority", 0, "N", false,
     "its steps start before those of runs with a lower one (default: that of the pipeline)"},
    {"seed", 0, "N", false, "the seed of retry delays"},
    {"wait", 0, NULL, false, "stay while only a person's approval is missing"},
    {"logs", 'l', NULL, false, "print what the steps print, too"},
    {0},
};

const struct command command_rerun = {
    .name = "rerun",
    .group = "Run",
    .summary = "a new run like an earlier one, from a step on, with other params",
    .arguments = "RUN",
    .details =
        "Starts a new run with the definition and the params of an earlier one. With --from, the steps above STEP are "
        "not run: their\n"
        "outputs, artifacts and models are those of the earlier run, even where a changed param would have made them "
        "differ: the steps\n"
        "that read such a param are named on standard error.",
    .examples = "sluice rerun wine/12\nsluice rerun wine/12 --from evaluate -p min_r2=0.35",
    .options = rerun_options,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_rerun,
};

/* ---- cancel --------------------------------------------------------------------------------------------------- */

static int cancel(struct session *session, struct err *err)
{
    struct cli *cli = session->cli;
    struct pipeline_run row;
    if (names_run(session->home.store, cli->arguments[0], cli->arena, &row, err) < 0) {
        return cli_fail(cli, EXIT_USAGE, err);
    }
    if (run_state_is_terminal(row.state)) {
        (void)err_set(err, ERR_STATE, "run %s has ended already (%s): there is nothing to cancel",
                      names_label(cli->arena, &row), run_state_name(row.state));
        return cli_fail(cli, EXIT_USAGE, err);
    }
    bool loaded = session->visit != NULL || engine_find_run(session->engine, row.run_id) != NULL;
    while (session_cancel(session, row.run_id, option_value(cli, "reason"), err) < 0) {
        if (err->code != ERR_BUSY || session->visit == NULL || session_rejoin(session, err) < 0) {
            return cli_fail(cli, cli_exit_of(err), err);
        }
        err_clear(err);
    }
    if (!loaded) {
        fprintf(stderr, "sluice: %s is cancelled; its steps can no longer be shown\n", names_label(cli->arena, &row));
        return EXIT_OK;
    }
    struct follow_options options = {.wait = true};
    int code = follow_run(session, row.run_id, &options);
    return code == EXIT_RUN_FAILED ? EXIT_OK : code; /* a cancelled run is what was wanted */
}

static int run_cancel(struct cli *cli)
{
    struct err err = {0};
    struct session session;
    if (session_join(cli, &(struct session_options){.doing = "cancel"}, &session, &err) < 0) {
        return cli_fail(cli, cli_exit_of(&err), &err);
    }
    int code = cancel(&session, &err);
    session_close(&session);
    return code;
}

static const struct option_row cancel_options[] = {
    {"reason", 'm', "TEXT", false, "why, for the record"},
    {0},
};

const struct command command_cancel = {
    .name = "cancel",
    .group = "Run",
    .summary = "stop a run: its steps get their signal, then the grace, then the kill",
    .arguments = "RUN",
    .details =
        "Steps that run are asked to stop (SIGTERM to their process group, or what 'stop:' says), and killed when the "
        "grace is over.\n"
        "Steps with 'if: always()' or 'cancelled()' still run. Exit code 0 when the run is cancelled.",
    .examples = "sluice cancel latest\nsluice cancel wine/12 --reason 'wrong data'",
    .options = cancel_options,
    .min_arguments = 1,
    .max_arguments = 1,
    .run = run_cancel,
};
