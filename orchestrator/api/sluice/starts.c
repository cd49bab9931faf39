/* SPDX-License-Identifier: Apache-2.0
 * What is asked of the engine about runs: start, retry, cancel, resume. What a run is made from is read and checked in
 * the thread (REST_APART), and given to the engine on the loop.
 */
#include "api/sluice/pipeline_rights.h"
#include "api/sluice/routes.h"
#include "api/user_rights.h"
#include "base/fs.h"
#include "base/id.h"
#include "engine/again.h"
#include "engine/replay.h"
#include "store/in_force.h"
#include "store/pages.h"

enum { DEFINITION_MAX = 4 << 20, PROBLEMS_SHOWN = 5 };

/* A submission, until the loop gives it to the engine; in the call's arena. */
struct starting {
    struct engine_submission submission;
    struct id run_id;
    int64_t priority;
    int64_t experiment_id;  /* whose user he must be; -1: that is known already */
    const char *experiment; /* the same by its name, which there may not be yet; NULL: by its id */
    bool makes;             /* it is made by this run */
};

/* The same of a replay. */
struct replaying {
    struct starting starting;
    struct replay_asked asked;
};
static const char *const replay_champions[] = {"then", "now", NULL};

/* The answer about a run, as its row says in the command's transaction; `ctx` is the run's id. */
static int tell_run(struct api_call *call, void *ctx, struct err *err)
{
    struct pipeline_run row;
    if (store_pipeline_run_get(call->store, ctx, call->arena, &row, err) < 0) {
        return -1;
    }
    call->answer = rest_run_json(&row, call->arena);
    return 0;
}

static int tell_started(struct api_call *call, void *ctx, struct err *err)
{
    const struct starting *starting = ctx;
    struct pipeline_run row;
    if (store_pipeline_run_get(call->store, starting->run_id.text, call->arena, &row, err) < 0) {
        return -1;
    }
    call->answer = rest_run_json(&row, call->arena);
    const struct permission_object experiment = {.experiment_id = row.experiment_id};
    return starting->makes ? user_made(call, &experiment, err) : 0;
}

/* The row says so when the transaction is committed. */
static int tell_cancelling(struct api_call *call, void *ctx, struct err *err)
{
    if (tell_run(call, ctx, err) < 0) {
        return -1;
    }
    json_set(call->arena, &call->answer, "cancelling", json_bool(true));
    return 0;
}

static struct engine *engine_of(const struct api_call *call)
{
    return api_options_of(call->api)->engine;
}

/* ---- what start and retry have in common ------------------------------------------------------------------------ */

static struct starting *new_starting(struct api_call *call, const char *trigger)
{
    struct starting *starting = arena_one(call->arena, struct starting);
    const struct json *params = &call->params;
    *starting = (struct starting){.experiment_id = -1, .run_id = id_run(NULL, call->now_ms)};
    starting->priority = json_get_int(params, "priority", 0);
    starting->submission = (struct engine_submission){
        .run_id = starting->run_id.text,
        .trigger = trigger,
        .actor = rest_actor(call),
        .seed = (uint64_t)json_get_int(params, "seed", 0),
        .no_cache = json_get_bool(params, "no_cache", false),
        .priority = json_get(params, "priority") == NULL ? NULL : &starting->priority,
    };
    return starting;
}

static ptrdiff_t find_step(const struct pipeline *pipeline, const char *field, const char *word, struct arena *arena,
                           struct err *err)
{
    ptrdiff_t at = pipeline_find_step(pipeline, str_from(word));
    struct str *ids = arena_array(arena, pipeline->step_count + 1, sizeof *ids);
    for (size_t i = 0; at < 0 && i < pipeline->step_count; i++) {
        ids[i] = pipeline->steps[i].id;
    }
    const char *hint = at < 0 ? diag_hint_near(arena, str_from(word), ids, pipeline->step_count) : NULL;
    return at >= 0 ? at
                   : err_set(err, ERR_INPUT, "%s: there is no step '%s' in pipeline %.*s%s%s", field, word,
                             STR_ARG(pipeline->name), hint == NULL ? "" : ": ", hint == NULL ? "" : hint);
}

/* Of a pipeline that is in force: where it will run, as it is now. */
static int check_first(struct api_call *call, struct starting *starting, struct err *err)
{
    const struct pipeline_place place = {
        .pipeline = arena_str(call->arena, starting->submission.pipeline->name).p,
        .definition = "",
        .experiment = starting->experiment,
    };
    return pipeline_place_check_start(call, &place, &starting->makes, err);
}

static int submit(struct api_call *call, struct err *err)
{
    struct starting *starting = rest_ctx(call);
    char run_id[40];
    if ((starting->experiment != NULL && check_first(call, starting, err) < 0) ||
        (starting->experiment_id >= 0 &&
         user_check_experiment(call, starting->experiment_id, PERMISSION_EDIT, err) < 0)) {
        return -1;
    }
    rest_told(call, tell_started, starting);
    return engine_submit(engine_of(call), &starting->submission, run_id, err);
}

/* The rest is the loop's. */
static int hand_over(struct api_call *call, struct starting *starting)
{
    struct json (*git)(const char *workspace, struct arena *arena) = api_options_of(call->api)->git;
    if (starting->submission.git.type != JSON_OBJECT) {
        starting->submission.git = git(starting->submission.workspace, call->arena);
    }
    rest_keep(call, starting, NULL);
    rest_then(call, submit);
    return 0;
}

/* ---- start ------------------------------------------------------------------------------------------------------ */

static int refuse_definition(const struct diags *diags, struct arena *arena, struct err *err)
{
    const char *words = "";
    size_t shown = 0;
    for (size_t i = 0; i < diags->count && shown < PROBLEMS_SHOWN; i++) {
        words = arena_printf(arena, "%s%sline %d: %s", words, shown == 0 ? "" : "; ", diags->items[i].pos.line,
                             diags->items[i].message);
        shown++;
    }
    return err_set(err, ERR_INPUT, "the definition is not accepted: %s", shown == 0 ? "it cannot be read" : words);
}

/* What has run where the user may read nothing is not told of. */
static int check_told(struct api_call *call, const char *name, struct err *err)
{
    struct pipeline_page anybodys = {.name = name, .limit = 1};
    struct pipeline_known *known = NULL;
    size_t count = 0;
    if (store_pipeline_page(call->store, &anybodys, call->arena, &known, &count, err) < 0) {
        return -1;
    }
    return count > 0 ? pipeline_is_unknown(name, err) : 0;
}

/* As a trigger would start it. */
static int take_in_force(struct api_call *call, struct starting *starting, struct catalogue *catalogue,
                         const struct pipeline_in_force *row, struct err *err)
{
    struct diags diags;
    struct json git;
    diags_init(&diags, call->arena, row->file);
    if (store_definition_get(call->store, row->definition, call->arena, &diags.text, err) < 0 ||
        json_read(str_from(row->git), (struct json_limits){0}, call->arena, &git, err) < 0) {
        return -1;
    }
    struct pipeline_world world = {.plugins = catalogue, .folder = row->folder, .root = row->workspace};
    starting->submission.pipeline = pipeline_load(&diags, &world);
    if (starting->submission.pipeline == NULL) {
        return refuse_definition(&diags, call->arena, err);
    }
    starting->submission.workspace = row->workspace;
    starting->submission.git = git.u.object.count > 0 ? git : json_null(); /* of a folder it is looked up */
    starting->experiment = arena_str(call->arena, starting->submission.pipeline->experiment).p;
    return 0;
}

static int take_as_before(struct api_call *call, struct starting *starting, struct catalogue *catalogue,
                          const struct pipeline_run *newest, struct err *err)
{
    starting->submission.pipeline = again_definition(call->store, catalogue, newest, call->arena, err);
    if (starting->submission.pipeline == NULL) {
        return -1;
    }
    starting->experiment_id = newest->experiment_id;
    return again_surroundings(newest, call->arena, &starting->submission, err);
}

/* As it is in force; one that is not, as its newest run was started. */
static int take_known(struct api_call *call, struct starting *starting, const char *name, struct err *err)
{
    struct catalogue *catalogue = arena_one(call->arena, struct catalogue);
    struct pipeline_known *known = arena_one(call->arena, struct pipeline_known);
    struct pipeline_in_force *row = arena_one(call->arena, struct pipeline_in_force);
    rest_catalogue(call, catalogue);
    if (json_get(&call->params, "workspace") != NULL) {
        return err_set(err, ERR_INPUT, "workspace: a pipeline that is known runs where it ran before");
    }
    struct err wrong = {0};
    bool has_run = rest_pipeline(call, name, known, &wrong) == 0;
    if (!has_run && wrong.code != ERR_NOT_FOUND) {
        return err_set(err, wrong.code, "%s", wrong.message);
    }
    if (!has_run && check_told(call, name, err) < 0) {
        return -1;
    }
    int in_force = store_in_force_find(call->store, name, call->arena, row, err);
    return in_force < 0    ? -1
           : in_force == 1 ? take_in_force(call, starting, catalogue, row, err)
           : has_run       ? take_as_before(call, starting, catalogue, &known->newest, err)
                           : pipeline_is_unknown(name, err);
}

/* Its commands are run as the user that the server is: that is for admins, who could as well log in there. */
static int take_new(struct api_call *call, struct starting *starting, const char *text, struct err *err)
{
    const char *workspace = json_get_text(&call->params, "workspace", NULL);
    struct catalogue *catalogue = arena_one(call->arena, struct catalogue);
    struct diags diags;
    if (!call->is_admin) {
        return err_set(err, ERR_DENIED, "a definition of one's own may be run by admins only, with a password or a "
                                        "token of the scope admin: its commands are run as the server's user");
    }
    if (workspace == NULL || workspace[0] != '/' || !fs_is_folder(workspace)) {
        return err_set(err, ERR_INPUT, "workspace: expected the absolute path of a folder on the server, in which the "
                                       "steps run");
    }
    rest_catalogue(call, catalogue);
    struct pipeline_world world = {
        .plugins = catalogue, .check_files = true, .folder = workspace, .root = workspace};
    diags_init(&diags, call->arena, json_get_text(&call->params, "file", "sluice.yaml"));
    diags.text = str_from(text);
    starting->submission.pipeline = pipeline_load(&diags, &world);
    starting->submission.workspace = workspace;
    return starting->submission.pipeline == NULL ? refuse_definition(&diags, call->arena, err) : 0;
}

static int start(struct api_call *call, struct err *err)
{
    const struct json *params = &call->params;
    const char *name = json_get_text(params, "pipeline", NULL);
    const char *text = json_get_text(params, "definition", NULL);
    const char *until = json_get_text(params, "until", NULL);
    const struct json *given = json_get(params, "params");
    struct json none = json_object();
    struct starting *starting = new_starting(call, "api");
    if ((name == NULL) == (text == NULL)) {
        return err_set(err, ERR_INPUT, "expected one of pipeline, the name of one that is known, and definition");
    }
    if ((name != NULL ? take_known(call, starting, name, err) : take_new(call, starting, text, err)) < 0 ||
        pipeline_params(starting->submission.pipeline, given == NULL ? &none : given, false, call->arena,
                        &starting->submission.params, err) < 0 ||
        (until != NULL && find_step(starting->submission.pipeline, "until", until, call->arena, err) < 0)) {
        return -1;
    }
    starting->submission.until = until;
    return hand_over(call, starting);
}

#define MORE_FIELDS                                                                                                    \
    {.name = "no_cache", .type = SCHEMA_BOOL, .doc = "run also steps whose result is kept"},                           \
        {.name = "priority", .type = SCHEMA_INT, .least = PRIORITY_LEAST, .most = PRIORITY_MOST,                       \
         .doc = "its steps start before those of runs with a lower one; else that of the pipeline"},                   \
    {                                                                                                                  \
        .name = "seed", .type = SCHEMA_INT, .least = 1, .most = INT32_MAX, .doc = "of retry delays"                    \
    }
static const struct schema_field start_fields[] = {
    {.name = "pipeline", .type = SCHEMA_TEXT, .least = 1, .most = 200,
     .doc = "one that is in force, as a trigger would start it; or one that is not, and has run in the home, as its "
            "newest run was started, with its workspace and environment"},
    {.name = "definition", .type = SCHEMA_TEXT, .least = 1, .most = DEFINITION_MAX,
     .doc = "the text of a pipeline file instead; for admins only"},
    {.name = "workspace", .type = SCHEMA_TEXT, .least = 1, .doc = "with definition: the absolute folder of its steps"},
    {.name = "file", .type = SCHEMA_TEXT, .least = 1, .most = 200, .doc = "with definition: what the file is called"},
    {.name = "params", .type = SCHEMA_MAP, .doc = "those that are not given have their defaults"},
    {.name = "until", .type = SCHEMA_TEXT, .least = 1, .most = 200, .doc = "only this step and what it needs"},
    MORE_FIELDS,
    {0},
};

/* ---- retry ------------------------------------------------------------------------------------------------------ */

static int ended_run(struct api_call *call, struct pipeline_run *ret, struct err *err)
{
    if (store_pipeline_run_get(call->store, json_get_text(&call->params, "run_id", ""), call->arena, ret, err) < 0) {
        return -1;
    }
    return run_state_is_terminal(ret->state)
               ? 0
               : err_set(err, ERR_STATE, "run %s has not ended (%s): it goes on by itself, or is cancelled",
                         ret->run_id, run_state_name(ret->state));
}

static int retry(struct api_call *call, struct err *err)
{
    struct pipeline_run *row = arena_one(call->arena, struct pipeline_run);
    struct catalogue *catalogue = arena_one(call->arena, struct catalogue);
    const char *word = json_get_text(&call->params, "step", NULL);
    bool only = json_get_bool(&call->params, "only", false);
    struct starting *starting = new_starting(call, "retry");
    ptrdiff_t step = -1;
    if (only && word == NULL) {
        return err_set(err, ERR_INPUT, "only: expected the step, too");
    }
    if (ended_run(call, row, err) < 0) {
        return -1;
    }
    rest_catalogue(call, catalogue);
    starting->submission.pipeline = again_definition(call->store, catalogue, row, call->arena, err);
    if (starting->submission.pipeline == NULL ||
        (word != NULL && (step = find_step(starting->submission.pipeline, "step", word, call->arena, err)) < 0) ||
        again_retry(row, step, only, call->arena, &starting->submission, err) < 0) {
        return -1;
    }
    return hand_over(call, starting);
}

static const struct schema_field retry_fields[] = {
    REST_RUN_ID,
    {.name = "step", .type = SCHEMA_TEXT, .least = 1, .most = 200,
     .doc = "this step and all below it; else those that did not succeed"},
    {.name = "only", .type = SCHEMA_BOOL, .doc = "with step: that one alone"},
    MORE_FIELDS,
    {0},
};

/* ---- rerun ------------------------------------------------------------------------------------------------------ */

/* Its params, with those that are given instead. */
static int params_again(struct api_call *call, const struct pipeline_run *row, const struct pipeline *pipeline,
                        struct json *ret, struct err *err)
{
    struct json before;
    const struct json *given = json_get(&call->params, "params");
    if (json_read(str_from(row->params), (struct json_limits){0}, call->arena, &before, err) < 0) {
        return -1;
    }
    struct json params = json_copy(call->arena, &before);
    for (size_t i = 0; given != NULL && i < given->u.object.count; i++) {
        const struct json_member *member = &given->u.object.members[i];
        json_set(call->arena, &params, arena_str(call->arena, member->key).p, member->value);
    }
    return pipeline_params(pipeline, &params, false, call->arena, ret, err);
}

static int rerun(struct api_call *call, struct err *err)
{
    struct pipeline_run *row = arena_one(call->arena, struct pipeline_run);
    struct catalogue *catalogue = arena_one(call->arena, struct catalogue);
    const char *from = json_get_text(&call->params, "from", NULL);
    const char *until = json_get_text(&call->params, "until", NULL);
    struct starting *starting = new_starting(call, "rerun");
    struct engine_submission *submission = &starting->submission;
    ptrdiff_t step = -1;
    rest_catalogue(call, catalogue);
    if (ended_run(call, row, err) < 0 ||
        (submission->pipeline = again_definition(call->store, catalogue, row, call->arena, err)) == NULL ||
        (from != NULL && (step = find_step(submission->pipeline, "from", from, call->arena, err)) < 0) ||
        (until != NULL && find_step(submission->pipeline, "until", until, call->arena, err) < 0) ||
        params_again(call, row, submission->pipeline, &submission->params, err) < 0 ||
        again_surroundings(row, call->arena, submission, err) < 0) {
        return -1;
    }
    submission->until = until;
    if (from != NULL) {
        submission->again = again_below(submission->pipeline, (size_t)step, call->arena);
        submission->retry_of = row->run_id;
        submission->fresh = from;
        submission->new_number = true;
    }
    return hand_over(call, starting);
}

static const struct schema_field rerun_fields[] = {
    REST_RUN_ID,
    {.name = "from", .type = SCHEMA_TEXT, .least = 1, .most = 200,
     .doc = "the good results of everything above this step are kept; else all steps run"},
    {.name = "until", .type = SCHEMA_TEXT, .least = 1, .most = 200, .doc = "only this step and what it needs"},
    {.name = "params", .type = SCHEMA_MAP, .doc = "those that are to be others this time"},
    MORE_FIELDS,
    {0},
};

/* ---- replay of a gate ------------------------------------------------------------------------------------------- */

static int submit_replay(struct api_call *call, struct err *err)
{
    struct replaying *replaying = rest_ctx(call);
    const struct replay_asked *asked = &replaying->asked; /* of a replay that was named: the gate that it replays */
    char run_id[40];
    if (user_check_owned(call, OWNED_RUN, asked->gate.run_id, PERMISSION_EDIT, err) < 0 ||
        user_check_registered(call, asked->name, PERMISSION_READ, err) < 0) {
        return -1;
    }
    rest_told(call, tell_started, &replaying->starting);
    return engine_submit(engine_of(call), &replaying->starting.submission, run_id, err);
}

static int replay(struct api_call *call, struct err *err)
{
    const struct json *params = &call->params;
    struct replaying *replaying = arena_one(call->arena, struct replaying);
    struct catalogue *catalogue = arena_one(call->arena, struct catalogue);
    const char *champion = json_get_text(params, "champion", replay_champions[0]);
    const struct replay_wish wish = {
        .gate = rest_id(call, "gate_id"),
        .target = json_get_text(params, "version", ""),
        .champion_now = strcmp(champion, replay_champions[1]) == 0,
        .other_data = json_get_bool(params, "other_data", false),
    };
    replaying->starting = *new_starting(call, REPLAY_TRIGGER);
    struct engine_submission *submission = &replaying->starting.submission;
    submission->run_id = replaying->starting.run_id.text;
    submission->priority = json_get(params, "priority") == NULL ? NULL : &replaying->starting.priority;
    rest_catalogue(call, catalogue);
    if (replay_prepare(call->store, catalogue, &wish, call->arena, submission, &replaying->asked, err) < 0) {
        return -1;
    }
    if (submission->git.type != JSON_OBJECT) {
        submission->git = api_options_of(call->api)->git(submission->workspace, call->arena);
    }
    rest_keep(call, replaying, NULL);
    rest_then(call, submit_replay);
    return 0;
}

static const struct schema_field replay_fields[] = {
    {.name = "gate_id", .type = SCHEMA_TEXT, .flags = SCHEMA_REQUIRED | SCHEMA_IN_PATH, .pattern = REST_ID_PATTERN},
    {.name = "version", .type = SCHEMA_TEXT, .flags = SCHEMA_REQUIRED, .least = 1, .most = 600,
     .doc = "what is judged: MODEL/VERSION or MODEL@ALIAS"},
    {.name = "champion", .type = SCHEMA_TEXT, .words = replay_champions,
     .doc = "whom rules that name the champion compare with: the one of then (the default), or of now"},
    {.name = "other_data", .type = SCHEMA_BOOL,
     .doc = "true: data that is not the gate's is judged all the same; no guard counts such a verdict"},
    {.name = "priority", .type = SCHEMA_INT, .least = PRIORITY_LEAST, .most = PRIORITY_MOST,
     .doc = "its steps start before those of runs with a lower one; else that of the pipeline"},
    {.name = "seed", .type = SCHEMA_INT, .least = 1, .most = INT32_MAX, .doc = "of retry delays"},
    {0},
};

/* ---- cancel, resume --------------------------------------------------------------------------------------------- */

static int cancel(struct api_call *call, struct err *err)
{
    const char *run_id = json_get_text(&call->params, "run_id", "");
    rest_told(call, tell_cancelling, arena_strdup(call->arena, run_id));
    return engine_cancel(engine_of(call), run_id, rest_actor(call), json_get_text(&call->params, "reason", NULL), err);
}

static const struct schema_field cancel_fields[] = {
    REST_RUN_ID, {.name = "reason", .type = SCHEMA_TEXT, .doc = "why, for the record"}, {0}};

/* The engine that serves goes on with every run that can go on: there is nothing to be done but to say so. */
static int resume(struct api_call *call, struct err *err)
{
    struct pipeline_run row;
    const char *run_id = json_get_text(&call->params, "run_id", "");
    if (store_pipeline_run_get(call->store, run_id, call->arena, &row, err) < 0) {
        return -1;
    }
    if (run_state_is_terminal(row.state)) {
        return err_set(err, ERR_STATE, "run %s has ended already (%s): it can be retried", run_id,
                       run_state_name(row.state));
    }
    if (engine_find_run(engine_of(call), run_id) == NULL) {
        return err_set(err, ERR_STATE, "run %s cannot go on, as the log of the server says", run_id);
    }
    call->answer = rest_run_json(&row, call->arena);
    return 0;
}

static const struct schema_field resume_fields[] = {REST_RUN_ID, {0}};

const struct api_route rest_start_routes[] = {
    {HTTP_POST, "/runs", API_SLUICE, API_WRITES, API_NEEDS(RUNNER, EDIT, ITSELF),
     REST_DOC(.name = "startRun",
                                      .group = "Runs",
                                      .summary = "Start a run",
                                      .details = "The experiment that a pipeline in force names must be the user's to "
                                                 "edit, if it is there: else it is made by this run, and his to "
                                                 "manage. So must that of the newest run of one that is not in force. "
                                                 "The answer comes when the run is recorded; it goes on whoever "
                                                 "stays.",
                                      .takes = start_fields,
                                      .gives = &rest_run_summary,
                                      .status = 201,
                                      .flags = REST_APART | REST_COMMANDS | REST_FINDS),
     .answer = start,
     .note = API_NOTED_INSIDE},
    {HTTP_POST, "/runs/{run_id}/retry", API_SLUICE, API_WRITES, API_NEEDS(RUNNER, EDIT, RUN),
     REST_DOC(.name = "retryRun",
                                      .group = "Runs",
                                      .summary = "A new revision of a run that has ended: what was good is kept",
                                      .takes = retry_fields,
                                      .gives = &rest_run_summary,
                                      .status = 201,
                                      .flags = REST_APART | REST_COMMANDS),
     .answer = retry,
     .note = API_NOTED_INSIDE},
    {HTTP_POST, "/runs/{run_id}/rerun", API_SLUICE, API_WRITES, API_NEEDS(RUNNER, EDIT, RUN),
     REST_DOC(.name = "rerunRun",
                                      .group = "Runs",
                                      .summary = "A new run like one that has ended, from a step on, with other params",
                                      .details = "With from, the steps above it are not run: their outputs, artifacts "
                                                 "and models are those of the earlier run, even where another param "
                                                 "would have made them differ.",
                                      .takes = rerun_fields,
                                      .gives = &rest_run_summary,
                                      .status = 201,
                                      .flags = REST_APART | REST_COMMANDS),
     .answer = rerun,
     .note = API_NOTED_INSIDE},
    {HTTP_POST, "/gates/{gate_id}/replay", API_SLUICE, API_WRITES, API_NEEDS(RUNNER, EDIT, GATE),
     REST_DOC(.name = "replayGate",
                                      .group = "Gates",
                                      .summary = "Judge another version by a gate",
                                      .details = "By the same step, definition, params, data, rules and champion, in a "
                                                 "run of its own, whose verdict is a record of its own: replay_of says "
                                                 "so. Needs EDIT on the experiment of the gate's run, and READ on the "
                                                 "registered model. The answer comes when the run is recorded; 409 "
                                                 "says why a gate cannot be replayed on that version.",
                                      .takes = replay_fields,
                                      .gives = &rest_run_summary,
                                      .status = 201,
                                      .flags = REST_APART | REST_COMMANDS | REST_FINDS),
     .answer = replay,
     .note = API_NOTED_INSIDE},
    {HTTP_POST, "/runs/{run_id}/cancel", API_SLUICE, API_WRITES, API_NEEDS(RUNNER, EDIT, RUN),
     REST_DOC(.name = "cancelRun",
                                      .group = "Runs",
                                      .summary = "Have a run end: its steps get their signal, the grace, the kill",
                                      .takes = cancel_fields,
                                      .gives = &rest_run_summary,
                                      .status = 202,
                                      .flags = REST_COMMANDS),
     .answer = cancel,
     .note = API_NOTED_INSIDE},
    {HTTP_POST, "/runs/{run_id}/resume", API_SLUICE, API_WRITES, API_NEEDS(RUNNER, EDIT, RUN),
     REST_DOC(.name = "resumeRun",
                                      .group = "Runs",
                                      .summary = "Make sure that a run goes on",
                                      .details = "The server takes up every open run when it starts, and lets it go on "
                                                 "when what it waits for has come: so this changes nothing. 409 says "
                                                 "why a run cannot go on.",
                                      .takes = resume_fields,
                                      .gives = &rest_run_summary),
     .answer = resume,
     .note = API_LOOKS},
    {0},
};
