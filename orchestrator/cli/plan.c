/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/plan.h"

#include "base/parse.h"
#include "run/run.h"

#include <stdio.h>

/* The length of the longest chain of needs before each step; the graph has no cycles. */
static size_t *waves_of(const struct pipeline *pipeline, struct arena *arena)
{
    size_t *waves = arena_array(arena, pipeline->step_count + 1, sizeof *waves);
    bool changed = true;
    while (changed) {
        changed = false;
        for (size_t i = 0; i < pipeline->step_count; i++) {
            const struct step *step = &pipeline->steps[i];
            for (size_t n = 0; n < step->need_count; n++) {
                size_t least = waves[step->needs[n].step] + 1;
                if (waves[i] < least) {
                    waves[i] = least;
                    changed = true;
                }
            }
        }
    }
    return waves;
}

static const char *kind_words(const struct step *step, struct arena *arena)
{
    switch (step->kind) {
    case STEP_KIND_RUN:
        return "run";
    case STEP_KIND_USES:
        return arena_printf(arena, "uses %.*s", STR_ARG(step->uses));
    case STEP_KIND_LUA:
        return step->lua_is_file ? arena_printf(arena, "lua %.*s", STR_ARG(step->lua)) : "lua";
    default:
        return arena_printf(arena, "pipeline %.*s", STR_ARG(step->pipeline));
    }
}

static const char *needs_words(const struct pipeline *pipeline, const struct step *step, struct arena *arena)
{
    const char *words = "";
    for (size_t n = 0; n < step->need_count; n++) {
        words = arena_printf(arena, "%s%s%.*s%s", words, n == 0 ? "" : ", ",
                             STR_ARG(pipeline->steps[step->needs[n].step].id), step->needs[n].optional ? "?" : "");
    }
    return words;
}

static const char *matrix_words(const struct step *step, struct arena *arena)
{
    if (!step->has_matrix) {
        return "";
    }
    if (step->matrix.dynamic != NULL) {
        return ", matrix of items known when it runs";
    }
    size_t count = 1;
    for (size_t i = 0; i < step->matrix.axis_count; i++) {
        count *= step->matrix.axes[i].count;
    }
    bool adjusted = step->matrix.include_count + step->matrix.exclude_count > 0;
    return arena_printf(arena, ", matrix of %zu%s", count, adjusted ? " before include and exclude" : "");
}

static const char *rules_words(const struct step *step, struct arena *arena)
{
    char duration[64];
    const char *words = "";
    if (step->timeout_ms > 0) {
        format_duration(duration, sizeof duration, step->timeout_ms);
        words = arena_printf(arena, "%s, timeout %s", words, duration);
    }
    if (step->retry.attempts > 1) {
        words = arena_printf(arena, "%s, %d attempts", words, step->retry.attempts);
    }
    if (step->condition != NULL) {
        const char *form = step->condition_names_status ? "%s, if %s" : "%s, if success() && (%s)";
        words = arena_printf(arena, form, words, json_get_text(&step->definition, "if", ""));
    }
    return words;
}

static void print_json(const struct cli *cli, const struct engine_submission *submission, const struct run *run,
                       const size_t *waves)
{
    const struct pipeline *pipeline = submission->pipeline;
    struct arena *arena = cli->arena;
    struct json object = json_object();
    struct json steps = json_array();
    for (size_t i = 0; i < pipeline->step_count; i++) {
        const struct step *step = &pipeline->steps[i];
        struct json entry = json_object();
        struct json needs = json_array();
        for (size_t n = 0; n < step->need_count; n++) {
            json_push(arena, &needs, json_string(arena, pipeline->steps[step->needs[n].step].id));
        }
        json_set(arena, &entry, "id", json_string(arena, step->id));
        json_set(arena, &entry, "kind", json_cstring(arena, kind_words(step, arena)));
        json_set(arena, &entry, "wave", json_int((int64_t)waves[i]));
        json_set(arena, &entry, "needs", needs);
        json_set(arena, &entry, "runs", json_bool(run->steps[i].wanted));
        json_push(arena, &steps, entry);
    }
    json_set(arena, &object, "pipeline", json_string(arena, pipeline->name));
    json_set(arena, &object, "workspace", json_cstring(arena, submission->workspace));
    json_set(arena, &object, "params", submission->params);
    json_set(arena, &object, "steps", steps);
    struct str text = json_text(arena, &object);
    printf("%s\n", text.p);
}

int plan_print(const struct cli *cli, const struct engine_submission *submission)
{
    const struct pipeline *pipeline = submission->pipeline;
    struct run_options options = {.until = submission->until};
    struct run *run = run_new(pipeline, "plan", &options);
    size_t *waves = waves_of(pipeline, cli->arena);
    if (cli->json) {
        print_json(cli, submission, run, waves);
        run_free(run);
        return EXIT_OK;
    }
    printf("Plan of %.*s in %s\n", STR_ARG(pipeline->name), submission->workspace);
    for (size_t i = 0; i < submission->params.u.object.count; i++) {
        const struct json_member *param = &submission->params.u.object.members[i];
        printf("  %.*s = %s\n", STR_ARG(param->key), json_text(cli->arena, &param->value).p);
    }
    size_t shown = 0;
    for (size_t wave = 0; shown < pipeline->step_count; wave++) {
        for (size_t i = 0; i < pipeline->step_count; i++) {
            const struct step *step = &pipeline->steps[i];
            if (waves[i] != wave) {
                continue;
            }
            shown++;
            const char *needs = needs_words(pipeline, step, cli->arena);
            printf("%3zu. %-20.*s %s%s%s%s%s%s\n", wave + 1, STR_ARG(step->id), kind_words(step, cli->arena),
                   matrix_words(step, cli->arena), *needs == '\0' ? "" : ", after ", needs,
                   rules_words(step, cli->arena), run->steps[i].wanted ? "" : ", left out");
        }
    }
    run_free(run);
    return EXIT_OK;
}
