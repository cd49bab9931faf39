/* SPDX-License-Identifier: Apache-2.0
 * retry, rerun, cancel: what people do with a run that is there already.
 */
#include "cli/commands.h"
#include "cli/follow.h"
#include "cli/git_head.h"
#include "cli/kept_params.h"
#include "cli/names.h"
#include "cli/start.h"
#include "engine/again.h"
#include "view/run_view.h"

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

/* What lies in the workspace now. */
static struct json git_now(const struct session *session, const struct engine_submission *submission)
{
    return git_head(git_root(submission->workspace, session->cli->arena), session->cli->arena);
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

static int prepare_retry(struct session *session, struct engine_submission *submission, struct err *err)
{
    struct cli *cli = session->cli;
    struct pipeline_run *row = arena_one(cli->arena, struct pipeline_run);
    const char *word = cli->argument_count > 1 ? cli->arguments[1] : NULL;
    ptrdiff_t step = -1;
    if (find_ended(session, cli->arguments[0], row, err) < 0 ||
        (submission->pipeline =
             again_definition(session->home.store, &session->catalogue, row, cli->arena, err)) == NULL ||
        start_priority(cli, &submission->priority, err) < 0 || start_seed(cli, &submission->seed, err) < 0 ||
        (word != NULL && (step = names_step(submission->pipeline, NULL, word, cli->arena, err)) < 0) ||
        again_retry(row, step, option_given(cli, "only"), cli->arena, submission, err) < 0) {
        return -1;
    }
    submission->git = submission->git.type == JSON_OBJECT ? submission->git : git_now(session, submission);
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
    {"jobs", 'j', "N", false, "steps at once (default: as many as there are processors for it)"},
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
        (submission->pipeline =
             again_definition(session->home.store, &session->catalogue, row, cli->arena, err)) == NULL ||
        json_read(str_from(row->params), (struct json_limits){0}, cli->arena, ret_before, err) < 0 ||
        start_params(cli, submission->pipeline, ret_before, &submission->params, err) < 0 ||
        start_priority(cli, &submission->priority, err) < 0 || start_seed(cli, &submission->seed, err) < 0 ||
        start_until(cli, submission->pipeline, &submission->until, err) < 0 ||
        again_surroundings(row, cli->arena, submission, err) < 0) {
        return -1;
    }
    submission->git = submission->git.type == JSON_OBJECT ? submission->git : git_now(session, submission);
    if (from != NULL) {
        ptrdiff_t step = names_step(submission->pipeline, "--from", from, cli->arena, err);
        if (step < 0) {
            return -1;
        }
        submission->again = again_below(submission->pipeline, (size_t)step, cli->arena);
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
    {"jobs", 'j', "N", false, "steps at once (default: as many as there are processors for it)"},
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
