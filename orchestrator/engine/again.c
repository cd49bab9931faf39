/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/again.h"

#include "engine/replay.h"

const struct pipeline *again_definition(struct store *store, struct catalogue *plugins, const struct pipeline_run *row,
                                        struct arena *arena, struct err *err)
{
    struct diags diags;
    struct pipeline_world world = {.plugins = plugins, .folder = row->folder, .root = row->workspace};
    diags_init(&diags, arena, row->file);
    if (store_definition_get(store, row->definition, arena, &diags.text, err) < 0) {
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

/* A checkout of a commit is that commit whenever one looks (store/sources.h). */
static bool is_of_commit(const char *workspace, const char *commit)
{
    struct str folder = str_from(workspace);
    return *commit != '\0' && str_ends(folder, str_from(commit)) &&
           str_ends(str_slice(folder, 0, folder.n - strlen(commit)), STR("/commits/"));
}

int again_surroundings(const struct pipeline_run *row, struct arena *arena, struct engine_submission *submission,
                       struct err *err)
{
    struct json *contexts = arena_one(arena, struct json);
    if (strcmp(row->trigger, REPLAY_TRIGGER) == 0) {
        return err_set(err, ERR_STATE, "run %s/%lld only replays a gate: 'sluice gates replay' does that again",
                       row->pipeline, (long long)row->number);
    }
    if (json_read(str_from(row->contexts), (struct json_limits){0}, arena, contexts, err) < 0) {
        return err_add(err, "the contexts of the run");
    }
    const struct json *vars = json_get(contexts, "vars");
    submission->vars = vars == NULL ? json_object() : *vars;
    submission->environment = json_get_text(contexts, "environment", NULL);
    submission->workspace = row->workspace;
    const struct json *git = json_get(contexts, "git");
    bool stays = git != NULL && is_of_commit(row->workspace, json_get_text(git, "commit", ""));
    submission->git = stays ? *git : json_null();
    return 0;
}

const bool *again_below(const struct pipeline *pipeline, size_t step, struct arena *arena)
{
    bool *marks = arena_array(arena, pipeline->step_count, sizeof *marks);
    marks[step] = true;
    run_mark_below(pipeline, step, marks);
    return marks;
}

/* Which steps run again; the run's own --until holds no more when the step is not among what that needed. */
static void take_step(const struct pipeline_run *row, size_t step, bool only, struct arena *arena,
                      struct engine_submission *submission)
{
    const struct pipeline *pipeline = submission->pipeline;
    const bool *below = again_below(pipeline, step, arena);
    bool needed = row->until != NULL && below[pipeline_find_step(pipeline, str_from(row->until))];
    submission->until = needed ? row->until : NULL;
    submission->only = only;
    submission->again = below;
    submission->fresh = arena_str(arena, pipeline->steps[step].id).p;
    if (only) {
        bool *alone = arena_array(arena, pipeline->step_count, sizeof *alone);
        alone[step] = true;
        submission->again = alone;
    }
}

int again_retry(const struct pipeline_run *row, ptrdiff_t step, bool only, struct arena *arena,
                struct engine_submission *submission, struct err *err)
{
    char label[32];
    pipeline_run_label(row, label);
    if (json_read(str_from(row->params), (struct json_limits){0}, arena, &submission->params, err) < 0 ||
        again_surroundings(row, arena, submission, err) < 0) {
        return -1;
    }
    submission->until = row->until;
    submission->retry_of = row->run_id;
    if (step >= 0) {
        take_step(row, (size_t)step, only, arena, submission);
    } else if (row->state == RUN_STATE_SUCCEEDED) {
        return err_set(err, ERR_STATE, "run %s/%s succeeded: name the step to run again, or start a new run",
                       row->pipeline, label);
    }
    return 0;
}
