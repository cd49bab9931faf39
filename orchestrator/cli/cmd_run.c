/* SPDX-License-Identifier: Apache-2.0
 * run and resume: a new run followed to its end, and runs that were left.
 */
#include "cli/commands.h"
#include "cli/follow.h"
#include "cli/git_head.h"
#include "cli/names.h"
#include "cli/plan.h"
#include "cli/secret_warning.h"
#include "cli/start.h"
#include "engine/replay.h"
#include "store/pipeline_runs.h"

#include <stdio.h>

static struct follow_options follow_of(const struct cli *cli)
{
    return (struct follow_options){.wait = option_given(cli, "wait"), .logs = option_given(cli, "logs")};
}

/* ---- run -------------------------------------------------------------------------------------------------- */

static bool same_params(const char *stored, const struct json *params, struct arena *arena)
{
    struct json value;
    return json_read(str_from(stored), (struct json_limits){0}, arena, &value, NULL) == 0 && json_equal(&value, params);
}

/* Of a run that was open when we took the home: did it go on, or could it? Recovery may have brought it to a good end,
 * or to a question to a person: all that was missing was somebody to write it down. */
static bool was_left(struct session *session, const struct pipeline_run *found)
{
    struct pipeline_run now;
    struct err ignored = {0};
    if (engine_find_run(session->engine, found->run_id) != NULL) {
        return found->state != RUN_STATE_WAITING || !engine_is_blocked(session->engine, found->run_id);
    }
    return store_pipeline_run_get(session->home.store, found->run_id, session->cli->arena, &now, &ignored) == 0 &&
           now.state == RUN_STATE_SUCCEEDED;
}

/* Whether the run could go on and nobody looks after it. When the home is ours, nobody does. */
static bool is_left(struct session *session, const struct pipeline_run *run)
{
    struct arena *arena = session->cli->arena;
    struct json request = json_object();
    struct json outcome;
    struct err ignored = {0};
    if (session->visit == NULL) {
        return was_left(session, run);
    }
    json_set(arena, &request, "do", json_cstring(arena, "look"));
    json_set(arena, &request, "run", json_cstring(arena, run->run_id));
    return visit_ask(session->visit, &request, arena, &outcome, &ignored) == 0 &&
           !json_get_bool(&outcome, "followed", true) && !json_get_bool(&outcome, "blocked", true);
}

/* A run of the same definition with the same params that was left while it ran: `sluice run` was killed. The same
 * command goes on with it. A run that waits for a person is no such run: the next night goes on beside it. */
static const char *find_left(struct session *session, const struct engine_submission *wanted)
{
    struct arena *arena = session->cli->arena;
    struct pipeline_run_filter filter = {.pipeline = arena_str(arena, wanted->pipeline->name).p, .open = true};
    struct pipeline_run *rows = session->found;
    size_t count = session->found_count;
    struct err ignored = {0};
    if (session->visit != NULL &&
        store_pipeline_run_list(session->home.store, &filter, arena, &rows, &count, &ignored) < 0) {
        return NULL;
    }
    struct str definition = count == 0 ? STR("") : pipeline_digest(wanted->pipeline, arena);
    for (size_t i = 0; i < count; i++) {
        const struct pipeline_run *row = &rows[i];
        struct json contexts = json_object();
        (void)json_read(str_from(row->contexts), (struct json_limits){0}, arena, &contexts, NULL);
        const char *environment = json_get_text(&contexts, "environment", "");
        bool same =
            row->parent_run == NULL && row->cancelling == NULL && strcmp(row->trigger, REPLAY_TRIGGER) != 0 &&
            str_is(definition, row->definition) &&
            strcmp(row->workspace, wanted->workspace) == 0 && same_params(row->params, &wanted->params, arena) &&
            strcmp(environment, wanted->environment == NULL ? "" : wanted->environment) == 0 &&
            json_get_bool(&contexts, "no_cache", false) == wanted->no_cache &&
            strcmp(row->until == NULL ? "" : row->until, wanted->until == NULL ? "" : wanted->until) == 0;
        if (same && is_left(session, row)) {
            char label[32];
            pipeline_run_label(row, label);
            fprintf(stderr, "sluice: going on with %s run %s, which was interrupted (--new starts another)\n",
                    row->pipeline, label);
            return row->run_id;
        }
    }
    return NULL;
}

/* The engine reads the definition again, from its store: `take_loaded`, which has ours, is freed before the run begins,
 * and not kept for as long as it lasts. */
static int submit_and_follow(struct session *session, struct engine_submission *submission, struct arena **take_loaded)
{
    struct cli *cli = session->cli;
    struct err err = {0};
    char run_id[40];
    follow_hold_signals();
    const char *left = option_given(cli, "new") ? NULL : find_left(session, submission);
    if (left != NULL) {
        (void)snprintf(run_id, sizeof run_id, "%s", left);
    } else if (session_submit(session, submission, run_id, &err) < 0) {
        return cli_fail(cli, cli_exit_of(&err), &err);
    }
    arena_free(*take_loaded);
    *take_loaded = NULL;
    struct follow_options options = follow_of(cli);
    return follow_run(session, run_id, &options);
}

/* Could a home tell that a result is kept? One that is there, that nobody holds, and in which nothing is left open. */
static bool can_foresee(struct cli *cli, const struct pipeline *pipeline)
{
    struct pipeline_run_filter filter = {.open = true, .limit = 1};
    struct pipeline_run *rows = NULL;
    struct err ignored = {0};
    struct home home;
    size_t count = 1;
    bool caches = false;
    for (size_t i = 0; i < pipeline->step_count; i++) {
        caches = caches || pipeline->steps[i].cache != NULL;
    }
    if (caches && home_open(option_value(cli, "home"), HOME_READ, "run --dry-run", cli->arena, &home, &ignored) == 0) {
        count = store_pipeline_run_list(home.store, &filter, cli->arena, &rows, &count, &ignored) < 0 ? 1 : count;
        home_close(&home);
    }
    return count == 0;
}

static int print_plan(struct cli *cli, struct engine_submission *submission)
{
    struct session_options options = {
        .doing = "run --dry-run", .environment = submission->environment, .starts_nothing = true};
    struct json reused = json_object();
    struct session session;
    struct err err = {0};
    if (can_foresee(cli, submission->pipeline) && session_open(cli, &options, &session, &err) == 0) {
        submission->actor = session.actor;
        submission->vars = session.vars;
        if (engine_foresee(session.engine, submission, cli->arena, &reused, &err) < 0) {
            fprintf(stderr, "sluice: which results would be used again cannot be told: %s\n", err.message);
        }
        session_close(&session);
    }
    return plan_print(cli, submission, &reused);
}

static int run_file(struct cli *cli, struct arena **take_loaded)
{
    struct err err = {0};
    struct catalogue catalogue;
    struct engine_submission submission = {.trigger = "cli", .environment = option_value(cli, "environment"),
                                           .no_cache = option_given(cli, "no-cache")};
    int code = EXIT_OK;
    session_catalogue(cli, &catalogue);
    const char *file = cli->argument_count > 0 ? cli->arguments[0] : "sluice.yaml";
    if (start_workspace(cli, file, &submission.workspace, &err) < 0) {
        return cli_fail(cli, EXIT_USAGE, &err);
    }
    submission.pipeline = start_load(cli, &catalogue, file, submission.workspace, START_TO_RUN, *take_loaded, &code);
    if (submission.pipeline == NULL) {
        return code;
    }
    if (start_params(cli, submission.pipeline, NULL, &submission.params, &err) < 0 ||
        start_until(cli, submission.pipeline, &submission.until, &err) < 0 ||
        start_priority(cli, &submission.priority, &err) < 0 || start_seed(cli, &submission.seed, &err) < 0) {
        return cli_fail(cli, EXIT_USAGE, &err);
    }
    submission.git = git_head(git_root(submission.workspace, cli->arena), cli->arena);
    if (option_given(cli, "dry-run")) {
        return print_plan(cli, &submission);
    }
    struct session_options options = {.doing = "run", .environment = submission.environment};
    struct session session;
    if (session_join(cli, &options, &session, &err) < 0) {
        return cli_fail(cli, cli_exit_of(&err), &err);
    }
    secret_warning_print(&session, submission.pipeline);
    code = submit_and_follow(&session, &submission, take_loaded);
    session_close(&session);
    return code;
}

static int run_run(struct cli *cli)
{
    struct arena *loaded = arena_new();
    int code = run_file(cli, &loaded);
    arena_free(loaded);
    return code;
}

static const struct option_row run_options[] = {
    {"param", 'p', "NAME=VALUE", true, "a parameter of the pipeline"},
    {"params", 0, "FILE", true, "parameters from a JSON or YAML file; -p wins over it"},
    {"until", 0, "STEP", false, "only this step and what it needs"},
    {"dry-run", 'n', NULL, false, "print the plan and run nothing"},
    {"environment", 'e', "NAME", false, "the environment of config.yaml whose vars to use"},
    {"jobs", 'j', "N", false, "steps at once (default: as many as there are processors for it)"},
    {"priority", 0, "N", false,
     "its steps start before those of runs with a lower one (default: that of the pipeline)"},
    {"seed", 0, "N", false, "the seed of retry delays, for a run that can be repeated"},
    {"workspace", 0, "FOLDER", false,
     "where the steps run (default: the root of the git checkout of FILE, else its folder)"},
    {"wait", 0, NULL, false, "stay while only a person's approval is missing"},
    {"logs", 'l', NULL, false, "print what the steps print, too"},
    {"no-cache", 0, NULL, false, "run every step, also those whose result is kept"},
    {"new", 0, NULL, false, "start a new run even if the same one was interrupted and can go on"},
    {0},
};

const struct command command_run = {
    .name = "run",
    .group = "Run",
    .summary = "run a pipeline and follow it to its end",
    .arguments = "[FILE]",
    .details =
        "Runs the pipeline in FILE (default: sluice.yaml; '-' is standard input), and prints what happens. Each step "
        "is recorded in the\n"
        "home as an MLflow run, each model as a logged model.\n"
        "\n"
        "It returns with exit code 5 as soon as only a person can let it go on; --wait stays. Ctrl-C cancels the run, "
        "a second one kills its steps at once. If sluice itself is killed, the same command goes on where it "
        "stopped.\n"
        "\n"
        "When another sluice holds the home, the run is handed to it and followed from here; this one takes the home "
        "over when that one leaves.",
    .examples =
        "sluice run\nsluice run train.yaml -p lr=0.1 -p data=data/night-3.csv\nsluice run --until evaluate --json",
    .options = run_options,
    .max_arguments = 1,
    .run = run_run,
    .makes_home = true,
};

/* ---- resume ------------------------------------------------------------------------------------------------ */

/* The first of the rows that is no child of another run. */
static bool first_root(const struct pipeline_run *rows, size_t count, struct pipeline_run *ret_row)
{
    for (size_t i = 0; i < count; i++) {
        if (rows[i].parent_run == NULL) {
            *ret_row = rows[i];
            return true;
        }
    }
    return false;
}

/* Without a name: the oldest run that is open, or one that was when we came: it had ended, or its steps were lost, and
 * nobody had written it down. */
static int find_open(struct session *session, const char *words, struct pipeline_run *ret_row, struct err *err)
{
    struct arena *arena = session->cli->arena;
    struct pipeline_run_filter filter = {.open = true};
    struct pipeline_run *rows = NULL;
    size_t count = 0;
    if (words != NULL) {
        return names_run(session->home.store, words, arena, ret_row, err);
    }
    if (store_pipeline_run_list(session->home.store, &filter, arena, &rows, &count, err) < 0) {
        return -1;
    }
    if (first_root(rows, count, ret_row)) {
        return 0;
    }
    if (first_root(session->found, session->found_count, ret_row)) {
        return store_pipeline_run_get(session->home.store, ret_row->run_id, arena, ret_row, err);
    }
    return err_set(err, ERR_NOT_FOUND, "no run is open: there is nothing to resume");
}

static int run_resume_command(struct cli *cli)
{
    struct err err = {0};
    struct session session;
    struct pipeline_run row;
    if (session_join(cli, &(struct session_options){.doing = "resume"}, &session, &err) < 0) {
        return cli_fail(cli, cli_exit_of(&err), &err);
    }
    int code = EXIT_OK;
    if (find_open(&session, cli->argument_count > 0 ? cli->arguments[0] : NULL, &row, &err) < 0) {
        code = cli_fail(cli, EXIT_USAGE, &err);
    } else {
        struct follow_options options = follow_of(cli);
        code = follow_run(&session, row.run_id, &options);
    }
    session_close(&session);
    return code;
}

static const struct option_row resume_options[] = {
    {"jobs", 'j', "N", false, "steps at once (default: as many as there are processors for it)"},
    {"wait", 0, NULL, false, "stay while only a person's approval is missing"},
    {"logs", 'l', NULL, false, "print what the steps print, too"},
    {0},
};

const struct command command_resume = {
    .name = "resume",
    .group = "Run",
    .summary = "go on with a run that was interrupted or waits",
    .arguments = "[RUN]",
    .details =
        "Takes a run up where it is: after a crash, after an approval, after closing the terminal. Steps that still "
        "run are found again,\n"
        "finished ones do not run twice. One that another terminal has is followed. RUN is a number (12), "
        "pipeline/number (wine/12), 'latest' or a run id; "
        "without it, the oldest open\n"
        "run.",
    .examples = "sluice resume\nsluice resume wine/12 --wait",
    .options = resume_options,
    .max_arguments = 1,
    .run = run_resume_command,
};
