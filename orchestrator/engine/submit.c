/* SPDX-License-Identifier: Apache-2.0
 * Starting and cancelling runs.
 */
#include "base/id.h"
#include "base/parse.h"
#include "base/path.h"
#include "engine/apart.h"
#include "engine/replay_run.h"
#include "store/experiments.h"
#include "store/sources.h"

#include <stdio.h>

/* ---- a retry keeps what was good --------------------------------------------------------------------------- */

/* Loads the steps of the run that is retried; the definition must be the one it had. */
static int load_earlier(struct engine *engine, const struct pipeline *pipeline, const char *run_id,
                        struct run **ret_run, struct pipeline_run *ret_row, struct err *err)
{
    if (store_pipeline_run_get(engine->options.store, run_id, engine->turn, ret_row, err) < 0) {
        return -1;
    }
    if (!run_state_is_terminal(ret_row->state)) {
        return err_set(err, ERR_STATE, "%s has not ended: cancel it first, or wait", run_words(engine->turn, ret_row));
    }
    struct run_options options = {0};
    *ret_run = run_new(pipeline, run_id, &options);
    if (store_steps_load(engine->options.store, *ret_run, err) < 0) {
        run_free(*ret_run);
        *ret_run = NULL;
        return -1;
    }
    return 0;
}

/* A matrix step that did not succeed sees what it saw before: its good items stay. A rerun begins the step anew. */
static bool keeps_items(const struct run *run, const struct run *earlier, size_t step, const bool *stale)
{
    const struct step *definition = &run->pipeline->steps[step];
    bool keeps = definition->matrix != NULL && earlier->steps[step].state != STEP_STATE_SUCCEEDED;
    for (size_t n = 0; keeps && n < definition->need_count; n++) {
        keeps = !stale[definition->needs[n].step];
    }
    return keeps;
}

/* A step is kept when it succeeded and everything it needs is kept: what is run again makes what depends on it stale.
 */
static void mark_stale(const struct pipeline *pipeline, const struct run *earlier, const bool *again, bool *stale)
{
    for (size_t i = 0; i < pipeline->step_count; i++) {
        bool bad = earlier->steps[i].state != STEP_STATE_SUCCEEDED || (again != NULL && again[i]);
        if (bad && !stale[i]) {
            run_mark_below(pipeline, i, stale);
        }
    }
}

static void carry_steps(struct run *run, const struct run *earlier, const struct engine_submission *submission,
                        const char *label)
{
    const struct pipeline *pipeline = run->pipeline;
    bool *stale = arena_array(run->arena, pipeline->step_count, sizeof *stale);
    if (submission->only && submission->again != NULL) {
        memcpy(stale, submission->again, pipeline->step_count * sizeof *stale);
    } else {
        mark_stale(pipeline, earlier, submission->again, stale);
    }
    for (size_t i = 0; i < pipeline->step_count; i++) {
        if (!stale[i]) {
            run_carry(run, i, &earlier->steps[i], label);
        } else if (!submission->new_number && keeps_items(run, earlier, i, stale)) {
            run_carry_items(run, i, &earlier->steps[i], label);
        }
    }
}

/* The time that contexts say the run is for; NULL: they say none. */
static const char *occurrence_of(struct arena *arena, const char *contexts)
{
    struct json value;
    return json_read(str_from(contexts), (struct json_limits){0}, arena, &value, NULL) < 0
               ? NULL
               : json_get_text(&value, "scheduled_for", NULL);
}

/* A retry is for the same time as the run that it is one of. */
static const char *keep_occurrence(struct arena *arena, const char *contexts, const char *earlier)
{
    const char *at = occurrence_of(arena, earlier);
    struct json own;
    if (at == NULL || json_read(str_from(contexts), (struct json_limits){0}, arena, &own, NULL) < 0) {
        return contexts;
    }
    json_set(arena, &own, "scheduled_for", json_cstring(arena, at));
    return json_text(arena, &own).p;
}

static int carry(struct engine *engine, const struct engine_submission *submission, struct run *run,
                 struct pipeline_run *row, struct err *err)
{
    struct run *earlier = NULL;
    struct pipeline_run earlier_row;
    char label[32];
    if (load_earlier(engine, run->pipeline, submission->retry_of, &earlier, &earlier_row, err) < 0) {
        return -1;
    }
    pipeline_run_label(&earlier_row, label);
    carry_steps(run, earlier, submission, label);
    run_free(earlier);
    row->contexts = keep_occurrence(engine->turn, row->contexts, earlier_row.contexts);
    if (submission->new_number) {
        return 0;
    }
    row->number = earlier_row.number;
    return store_pipeline_next_revision(engine->options.store, row->pipeline, row->number, &row->revision, err);
}

/* Of a checkout of a source: its commit is kept while the run is. */
static int record_source(struct engine *engine, const struct pipeline_run *row, struct err *err)
{
    struct source_run kept = {.run_id = row->run_id};
    return source_of_checkout(engine->options.home, row->workspace, engine->turn, &kept.source, &kept.commit_id)
               ? store_source_run_add(engine->options.store, &kept, err)
               : 0;
}

/* ---- rows of a new run ------------------------------------------------------------------------------------------ */

static int record_mlflow_run(struct engine *engine, const struct pipeline *pipeline, const struct pipeline_run *row,
                             const struct engine_submission *submission, struct err *err)
{
    const struct json *params = &submission->params;
    const struct json *git = &submission->git;
    struct store *store = engine->options.store;
    struct arena *arena = engine->turn;
    const char *scheduled_for = occurrence_of(arena, row->contexts);
    char label[32];
    pipeline_run_label(row, label);
    struct run_info info = {
        .run_id = row->run_id,
        .experiment_id = row->experiment_id,
        .name = arena_printf(arena, "%s-%s", row->pipeline, label),
        .user = row->actor,
        .status = open_run_status(row->state),
        .start_ms = row->created_ms,
        .artifact_uri = artifact_folder(engine, arena, row->experiment_id, row->run_id),
        .parent_run_id = row->parent_run,
    };
    const struct pair own[] = {
        {"sluice.pipeline", row->pipeline},
        {"sluice.number", arena_strdup(arena, label)},
        {"sluice.definition", row->definition},
        {"sluice.trigger", row->trigger},
        {"mlflow.source.type", "PROJECT"},
        {"mlflow.source.name", row->file},
        {"sluice.trigger_id", submission->trigger_id},
        {"sluice.scheduled_for", scheduled_for},
        {"mlflow.source.git.commit", json_get_text(git, "commit", NULL)},
        {"mlflow.source.git.branch", json_get_text(git, "branch", NULL)},
        {"mlflow.source.git.repoURL", json_get_text(git, "repo", NULL)},
    };
    struct pair tags[sizeof own / sizeof own[0]];
    size_t count = 0;
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        if (own[i].value != NULL && *own[i].value != '\0') {
            tags[count++] = own[i];
        }
    }
    if (store_run_create_with(store, &info, tags, count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; pipeline->tags.type == JSON_OBJECT && i < pipeline->tags.u.object.count; i++) {
        const struct json_member *tag = &pipeline->tags.u.object.members[i];
        const char *value = tag->value.type == JSON_STRING ? tag->value.u.string.p : json_text(arena, &tag->value).p;
        if (store_run_tag(store, row->run_id, tag->key.p, value, err) < 0) {
            return -1;
        }
    }
    for (size_t i = 0; params->type == JSON_OBJECT && i < params->u.object.count; i++) {
        const struct json_member *param = &params->u.object.members[i];
        const char *value =
            param->value.type == JSON_STRING ? param->value.u.string.p : json_text(arena, &param->value).p;
        if (store_run_param(store, row->run_id, param->key.p, value, err) < 0) {
            return -1;
        }
    }
    return 0;
}

static const char *contexts_text(struct engine *engine, const struct engine_submission *submission)
{
    struct arena *arena = engine->turn;
    struct json contexts = json_object();
    json_set(arena, &contexts, "git", submission->git.type == JSON_OBJECT ? submission->git : json_object());
    struct json vars = submission->vars.type == JSON_OBJECT ? submission->vars : engine->options.vars;
    json_set(arena, &contexts, "vars", vars.type == JSON_OBJECT ? vars : json_object());
    if (submission->environment != NULL) {
        json_set(arena, &contexts, "environment", json_cstring(arena, submission->environment));
    }
    if (submission->no_cache) {
        json_set(arena, &contexts, "no_cache", json_bool(true));
    }
    if (submission->fresh != NULL) {
        json_set(arena, &contexts, "fresh", json_cstring(arena, submission->fresh));
    }
    if (submission->scheduled_for_ms != 0) {
        char at[40];
        format_time_s(at, sizeof at, submission->scheduled_for_ms);
        json_set(arena, &contexts, "scheduled_for", json_cstring(arena, at));
    }
    return json_text(arena, &contexts).p;
}

/* As stored, exactly as it would be after a restart. */
static struct definition *definition_of(struct engine *engine, const struct engine_submission *submission,
                                        const struct pipeline_run *row, struct err *err)
{
    if (submission->definition != NULL) {
        return definition_hold(submission->definition);
    }
    if (store_definition_put(engine->options.store, row->definition, row->pipeline, submission->pipeline->source,
                             row->created_ms, err) < 0) {
        return NULL;
    }
    struct arena *arena = arena_new();
    const struct pipeline *own = open_run_definition(engine, row, false, arena, err);
    if (own == NULL) {
        arena_free(arena);
        return NULL;
    }
    return definition_new(arena, own);
}

static int build_run(struct engine *engine, const struct engine_submission *submission, struct pipeline_run *row,
                     struct open_run **ret_open, struct err *err)
{
    struct store *store = engine->options.store;
    struct definition *definition = definition_of(engine, submission, row, err);
    if (definition == NULL) {
        return -1;
    }
    struct run_options options = {.until = row->until, .seed = (uint64_t)row->seed};
    struct run *run = run_new(definition->pipeline, row->run_id, &options);
    if ((submission->retry_of != NULL && carry(engine, submission, run, row, err) < 0) ||
        (submission->replay != NULL && replay_carry(engine, submission->replay, run, row, err) < 0) ||
        (row->number == 0 && store_pipeline_next_number(store, row->pipeline, &row->number, err) < 0)) {
        run_free(run);
        definition_release(definition);
        return -1;
    }
    *ret_open = open_run_add(engine, row, definition, run);
    return 0;
}

/* What a step that is to run could never have is refused before anything is recorded. */
static int check_asks(struct engine *engine, const struct open_run *open, struct err *err)
{
    for (size_t i = 0; i < open->pipeline->step_count; i++) {
        const struct run_step *state = &open->run->steps[i];
        bool runs = state->wanted && !step_state_is_terminal(state->state);
        const char *problem = runs ? leases_problem(engine, &open->pipeline->steps[i], engine->turn) : NULL;
        if (problem != NULL) {
            return err_set(err, ERR_INPUT, "step '%.*s' %s", STR_ARG(open->pipeline->steps[i].id), problem);
        }
    }
    return 0;
}

/* It begins before its rows are written, so that they are written once, as they are then. One that has ended by that
 * has more to write than its rows: that comes with the turn. */
static int begin_unwritten(struct engine *engine, struct open_run *open, struct pipeline_run *row, struct err *err)
{
    if (places_begin(engine, open, err) < 0) {
        return -1;
    }
    if (!run_state_is_terminal(open->run->state)) {
        open_run_follow(engine, open);
        open_run_written(open);
        *row = open->row;
    }
    return 0;
}

int run_submit(struct engine *engine, const struct engine_submission *submission, struct open_run **ret_open,
               struct err *err)
{
    const struct pipeline *pipeline = submission->pipeline;
    struct arena *arena = engine->turn;
    struct store *store = engine->options.store;
    int64_t now_ms = engine_now(engine);
    struct id id = id_run(&engine->rng, engine_now(engine));
    if (submission->run_id != NULL) {
        (void)snprintf(id.text, sizeof id.text, "%s", submission->run_id);
    }
    uint64_t seed = submission->seed != 0 ? submission->seed : rng_next(&engine->rng) >> 1;
    struct pipeline_run row = {
        .run_id = id.text,
        .pipeline = arena_str(arena, pipeline->name).p,
        .revision = 1,
        .definition = submission->digest != NULL ? submission->digest : pipeline_digest(pipeline, arena).p,
        .file = arena_str(arena, pipeline->file).p,
        .folder = arena_str(arena, pipeline->folder).p,
        .workspace = submission->workspace,
        .state = RUN_STATE_QUEUED,
        .params = json_text(arena, &submission->params).p,
        .contexts = contexts_text(engine, submission),
        .trigger = submission->trigger,
        .actor = submission->actor,
        .until = submission->until,
        .seed = (int64_t)(seed & INT64_MAX),
        .retry_of = submission->retry_of,
        .parent_run = submission->parent_run,
        .parent_step = (int64_t)submission->parent_place.step,
        .parent_item = (int64_t)submission->parent_place.item,
        .created_ms = now_ms,
        .priority = submission->priority != NULL ? *submission->priority : pipeline->priority,
    };
    struct open_run *open = NULL;
    if (store_experiment_ensure(store, arena_str(arena, pipeline->experiment).p, now_ms, &row.experiment_id, err) < 0 ||
        build_run(engine, submission, &row, &open, err) < 0) {
        return -1;
    }
    const char *words = run_words(arena, &row);
    if (check_asks(engine, open, err) < 0 || places_group(engine, open, err) < 0 ||
        apart_run_folder(engine, row.run_id, err) < 0) {
        open_run_drop(engine, open);
        return -1;
    }
    row.concurrency_group = open->row.concurrency_group;
    bool begins = row.concurrency_group == NULL;
    bool at_once = begins && row.parent_run == NULL;
    if ((at_once && begin_unwritten(engine, open, &row, err) < 0) ||
        record_mlflow_run(engine, open->pipeline, &row, submission, err) < 0 ||
        record_source(engine, &row, err) < 0 ||
        store_pipeline_run_insert(store, &row, err) < 0 || store_steps_insert(store, open->run, err) < 0 ||
        engine_note(engine, submission->actor, "run.started", words, row.run_id, "", begins ? "running" : "queued",
                    arena_printf(arena, "by %s", submission->trigger), "", err) < 0 ||
        (submission->replay != NULL && replay_note(engine, submission, &row, err) < 0) ||
        telling_steps(engine, open, err) < 0) {
        open_run_drop(engine, open);
        return -1;
    }
    open->last_start = engine->starts; /* as if it had just had its turn */
    *ret_open = open;
    return at_once ? 0 : begins ? places_begin(engine, open, err) : places_arrival(engine, open, err);
}

int engine_submit(struct engine *engine, const struct engine_submission *submission, char ret_run_id[40],
                  struct err *err)
{
    struct open_run *open = NULL;
    if (turn_ready(engine, err) < 0 || turn_begin(engine, err) < 0) {
        return -1;
    }
    if (run_submit(engine, submission, &open, err) < 0) {
        return turn_end(engine, -1, err);
    }
    crash_point(engine, "in_submit");
    (void)snprintf(ret_run_id, 40, "%s", open->row.run_id);
    if (submission->step_env.type == JSON_OBJECT) {
        run_env_keep(engine, ret_run_id, &submission->step_env);
    }
    if (turn_end(engine, 0, err) < 0) {
        run_env_forget(engine, ret_run_id);
        return -1;
    }
    return 0;
}

/* ---- a step that is a pipeline --------------------------------------------------------------------------------------
 */

enum { CHILD_DEPTH_MAX = 8 };

static int child_depth(struct engine *engine, const struct open_run *open)
{
    int depth = 1;
    for (const struct open_run *at = open; at != NULL && at->row.parent_run != NULL; depth++) {
        at = open_run_find(engine, at->row.parent_run);
    }
    return depth;
}

/* "./FILE.yaml" is read from the workspace; NAME is the definition of that pipeline's newest run in this home. */
static const struct pipeline *load_child(struct engine *engine, const struct open_run *open, const struct step *step,
                                         struct arena *arena, struct err *err)
{
    struct diags diags;
    const struct pipeline *pipeline = NULL;
    if (str_starts(step->pipeline, STR("./")) || str_starts(step->pipeline, STR("../"))) {
        const char *path = path_join(arena, open->row.workspace, arena_str(arena, step->pipeline).p);
        struct pipeline_world world = {
            .plugins = engine->options.plugins, .check_files = true, .root = open->row.workspace};
        diags_init(&diags, arena, path);
        pipeline = pipeline_load_named(path, &diags, &world);
    } else {
        struct pipeline_run_filter filter = {
            .pipeline = arena_str(arena, step->pipeline).p, .no_replays = true, .limit = 1};
        struct pipeline_run *rows = NULL;
        size_t count = 0;
        if (store_pipeline_run_list(engine->options.store, &filter, arena, &rows, &count, err) < 0 || count == 0) {
            /* An error of the store's stays. */
            (void)err_set(err, ERR_NOT_FOUND, "no pipeline '%.*s' has run in this home: name its file (./FILE.yaml)",
                          STR_ARG(step->pipeline));
            return NULL;
        }
        return open_run_definition(engine, &rows[0], false, arena, err);
    }
    if (pipeline == NULL) {
        (void)err_set(err, ERR_INPUT, "%.*s:%d: %s", STR_ARG(step->pipeline),
                      diags.count > 0 ? diags.items[0].pos.line : 0,
                      diags.count > 0 ? diags.items[0].message : "it cannot be read");
    }
    return pipeline;
}

int child_submit(struct engine *engine, struct open_run *open, struct run_place place, struct err *err)
{
    const struct step *step = run_step_at(open->run, place);
    struct run_item *item = run_item_at(open->run, place);
    if (child_depth(engine, open) > CHILD_DEPTH_MAX) {
        return err_set(err, ERR_STATE, "pipelines inside pipelines go %d deep: at most %d", CHILD_DEPTH_MAX + 1,
                       CHILD_DEPTH_MAX);
    }
    struct arena *arena = engine->turn;
    const struct pipeline *pipeline = load_child(engine, open, step, arena, err);
    struct run_context context = {.run = open->run, .step = place.step, .item = item, .arena = arena};
    struct expr_env env = run_context_env(&context);
    struct json with;
    const char *scheduled_for = json_get_text(&open->contexts, "scheduled_for", NULL);
    struct engine_submission submission = {
        .pipeline = pipeline,
        .workspace = open->row.workspace,
        .trigger = "pipeline",
        .actor = open->row.actor,
        .git = open->run->git,
        .priority = &open->row.priority,
        .no_cache = json_get_bool(&open->contexts, "no_cache", false),
        .parent_run = open->row.run_id,
        .parent_place = place,
    };
    if (scheduled_for != NULL) {
        (void)parse_time(str_from(scheduled_for), &submission.scheduled_for_ms, NULL);
    }
    if (pipeline == NULL || pipeline_with(pipeline, step->with, &env, arena, &with, err) < 0 ||
        pipeline_params(pipeline, &with, false, arena, &submission.params, err) < 0) {
        return -1;
    }
    struct open_run *child = NULL;
    if (run_submit(engine, &submission, &child, err) < 0) {
        return -1;
    }
    item->child_run_id = arena_strdup(open->run->arena, child->row.run_id);
    item->step_run_id = item->child_run_id;
    crash_point(engine, "in_child_submit");
    vec_push(&open->changes.items, place);
    return 0;
}

/* ---- cancelling ------------------------------------------------------------------------------------------------- */

int engine_cancel(struct engine *engine, const char *run_id, const char *actor, const char *reason, struct err *err)
{
    struct pipeline_run row;
    if (turn_ready(engine, err) < 0) {
        return -1;
    }
    struct open_run *open = open_run_find(engine, run_id);
    if (open != NULL) {
        row = open->row;
        row.state = open->run->state;
    } else if (store_pipeline_run_get(engine->options.store, run_id, engine->turn, &row, err) < 0) {
        return -1;
    }
    bool again = open != NULL && open->run->cancelling;
    if (run_state_is_terminal(row.state)) {
        return err_set(err, ERR_STATE, "run %s is not open: there is nothing to cancel", run_id);
    }
    const char *words = reason == NULL || *reason == '\0'
                            ? arena_printf(engine->turn, "cancelled by %s", actor)
                            : arena_printf(engine->turn, "cancelled by %s: %s", actor, reason);
    struct run_event event = {.kind = RUN_EVENT_CANCEL, .now_ms = engine_now(engine), .reason = words};
    if (turn_begin(engine, err) < 0) {
        return -1;
    }
    if (engine_note(engine, actor, "run.cancelled", run_words(engine->turn, &row), run_id,
                    again ? "cancelling" : run_state_name(row.state), "cancelling", reason, "", err) < 0 ||
        (open == NULL ? run_abandon(engine, run_id, words, err) : open_run_apply(engine, open, &event, err)) < 0) {
        return turn_end(engine, -1, err);
    }
    crash_point(engine, "in_cancel");
    return turn_end(engine, 0, err);
}

/* Is it the run, or below it through steps that are pipelines? */
static bool is_within(struct engine *engine, const struct open_run *open, const char *run_id)
{
    while (open != NULL && strcmp(open->row.run_id, run_id) != 0) {
        open = open->row.parent_run == NULL ? NULL : open_run_find(engine, open->row.parent_run);
    }
    return open != NULL;
}

int engine_kill(struct engine *engine, const char *run_id, struct err *err)
{
    if (turn_ready(engine, err) < 0) {
        return -1;
    }
    if (open_run_find(engine, run_id) == NULL) {
        return 0;
    }
    if (turn_begin(engine, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < engine->attempts.count; i++) {
        struct live_attempt *attempt = engine->attempts.items[i];
        if (attempt->row.ended_ms == 0 && attempt->row.state != ATTEMPT_STATE_WAITING &&
            is_within(engine, attempt->open, run_id)) {
            attempt_stop(engine, attempt, "cancel", 0);
        }
    }
    return turn_end(engine, 0, err);
}
