/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/submission.h"

static void set_text(struct arena *arena, struct json *object, const char *key, const char *text)
{
    if (text != NULL) {
        json_set(arena, object, key, json_cstring(arena, text));
    }
}

static struct json definition_json(const struct pipeline *pipeline, struct arena *arena)
{
    struct json definition = json_object();
    json_set(arena, &definition, "file", json_string(arena, pipeline->file));
    json_set(arena, &definition, "folder", json_string(arena, pipeline->folder));
    json_set(arena, &definition, "text", json_string(arena, pipeline->source));
    return definition;
}

static struct json marked_steps(const struct engine_submission *submission, struct arena *arena)
{
    struct json marked = json_array();
    for (size_t i = 0; i < submission->pipeline->step_count; i++) {
        if (submission->again[i]) {
            json_push(arena, &marked, json_string(arena, submission->pipeline->steps[i].id));
        }
    }
    return marked;
}

static struct json replay_json(const struct engine_replay *replay, struct arena *arena)
{
    struct json object = json_object();
    json_set(arena, &object, "gate", json_int(replay->gate));
    set_text(arena, &object, "version", replay->version);
    set_text(arena, &object, "model_id", replay->model_id);
    json_set(arena, &object, "champion_now", json_bool(replay->champion_now));
    json_set(arena, &object, "other_data", json_bool(replay->other_data));
    return object;
}

struct json submission_json(const struct engine_submission *submission, struct arena *arena)
{
    struct json object = json_object();
    json_set(arena, &object, "definition", definition_json(submission->pipeline, arena));
    json_set(arena, &object, "params", submission->params);
    json_set(arena, &object, "vars", submission->vars);
    json_set(arena, &object, "git", submission->git);
    json_set(arena, &object, "step_env", submission->step_env);
    json_set(arena, &object, "seed", json_int((int64_t)submission->seed));
    json_set(arena, &object, "only", json_bool(submission->only));
    if (submission->priority != NULL) {
        json_set(arena, &object, "priority", json_int(*submission->priority));
    }
    json_set(arena, &object, "no_cache", json_bool(submission->no_cache));
    json_set(arena, &object, "new_number", json_bool(submission->new_number));
    set_text(arena, &object, "run_id", submission->run_id);
    set_text(arena, &object, "workspace", submission->workspace);
    set_text(arena, &object, "trigger", submission->trigger);
    set_text(arena, &object, "until", submission->until);
    set_text(arena, &object, "environment", submission->environment);
    set_text(arena, &object, "retry_of", submission->retry_of);
    set_text(arena, &object, "fresh", submission->fresh);
    if (submission->replay != NULL) {
        json_set(arena, &object, "replay", replay_json(submission->replay, arena));
    }
    if (submission->again != NULL) {
        json_set(arena, &object, "again", marked_steps(submission, arena));
    }
    return object;
}

/* ---- reading --------------------------------------------------------------------------------------------------- */

static const struct pipeline *read_definition(const struct json *object, struct catalogue *plugins,
                                              const char *workspace, struct arena *arena, struct err *err)
{
    const struct json *definition = json_get(object, "definition");
    struct pipeline_world world = {
        .plugins = plugins, .folder = json_get_text(definition, "folder", NULL), .root = workspace};
    struct diags diags;
    diags_init(&diags, arena, json_get_text(definition, "file", "?"));
    diags.text = str_from(json_get_text(definition, "text", ""));
    const struct pipeline *pipeline = pipeline_load(&diags, &world);
    if (pipeline == NULL) {
        (void)err_set(err, ERR_INPUT, "the sluice that holds the home does not accept the pipeline: line %d: %s",
                      diags.count > 0 ? diags.items[0].pos.line : 0,
                      diags.count > 0 ? diags.items[0].message : "unknown");
    }
    return pipeline;
}

static int read_marks(const struct json *marked, const struct pipeline *pipeline, struct arena *arena,
                      const bool **ret_again, struct err *err)
{
    if (marked == NULL || marked->type != JSON_ARRAY) {
        return 0;
    }
    bool *again = arena_array(arena, pipeline->step_count, sizeof *again);
    for (size_t i = 0; i < marked->u.array.count; i++) {
        const struct json *id = &marked->u.array.items[i];
        ptrdiff_t at = id->type == JSON_STRING ? pipeline_find_step(pipeline, id->u.string) : -1;
        if (at < 0) {
            return err_set(err, ERR_INPUT, "the submission names a step that its pipeline does not have");
        }
        again[at] = true;
    }
    *ret_again = again;
    return 0;
}

static int read_replay(const struct json *object, struct arena *arena, const struct engine_replay **ret,
                       struct err *err)
{
    struct engine_replay *replay = arena_one(arena, struct engine_replay);
    *replay = (struct engine_replay){
        .gate = json_get_int(object, "gate", 0),
        .version = json_get_text(object, "version", NULL),
        .model_id = json_get_text(object, "model_id", NULL),
        .champion_now = json_get_bool(object, "champion_now", false),
        .other_data = json_get_bool(object, "other_data", false),
    };
    if (replay->gate < 1 || replay->version == NULL || replay->model_id == NULL) {
        return err_set(err, ERR_INPUT, "the submission of a replay needs a gate, a version and its model");
    }
    *ret = replay;
    return 0;
}

/* It becomes the name of a folder. */
static bool is_run_id(const char *text)
{
    return strlen(text) == 32 && strspn(text, "0123456789abcdef") == 32;
}

static struct json member(const struct json *object, const char *key)
{
    const struct json *value = json_get(object, key);
    return value != NULL && value->type == JSON_OBJECT ? *value : json_object();
}

int submission_read(const struct json *object, struct catalogue *plugins, struct arena *arena,
                    struct engine_submission *ret_submission, struct err *err)
{
    struct engine_submission submission = {
        .run_id = json_get_text(object, "run_id", NULL),
        .workspace = json_get_text(object, "workspace", NULL),
        .trigger = json_get_text(object, "trigger", "cli"),
        .until = json_get_text(object, "until", NULL),
        .environment = json_get_text(object, "environment", NULL),
        .retry_of = json_get_text(object, "retry_of", NULL),
        .fresh = json_get_text(object, "fresh", NULL),
        .params = member(object, "params"),
        .vars = member(object, "vars"),
        .git = member(object, "git"),
        .step_env = member(object, "step_env"),
        .seed = (uint64_t)json_get_int(object, "seed", 0),
        .only = json_get_bool(object, "only", false),
        .no_cache = json_get_bool(object, "no_cache", false),
        .new_number = json_get_bool(object, "new_number", false),
    };
    if (submission.workspace == NULL || submission.run_id == NULL || !is_run_id(submission.run_id)) {
        return err_set(err, ERR_INPUT, "a submission needs a workspace and a run id of 32 hex digits");
    }
    const struct json *priority = json_get(object, "priority");
    if (priority != NULL) {
        int64_t *kept = arena_one(arena, int64_t);
        *kept = json_get_int(object, "priority", PRIORITY_MOST + 1);
        if (*kept < PRIORITY_LEAST || *kept > PRIORITY_MOST) {
            return err_set(err, ERR_INPUT, "the submission's priority is none: expected an integer from %d to %d",
                           PRIORITY_LEAST, PRIORITY_MOST);
        }
        submission.priority = kept;
    }
    submission.pipeline = read_definition(object, plugins, submission.workspace, arena, err);
    if (submission.pipeline == NULL ||
        read_marks(json_get(object, "again"), submission.pipeline, arena, &submission.again, err) < 0) {
        return -1;
    }
    const struct json *replay = json_get(object, "replay");
    if (replay != NULL && read_replay(replay, arena, &submission.replay, err) < 0) {
        return -1;
    }
    *ret_submission = submission;
    return 0;
}
