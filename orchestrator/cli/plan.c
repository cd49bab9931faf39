/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/plan.h"

#include "base/parse.h"
#include "run/run.h"
#include "view/step_words.h"

#include <stdio.h>

/* The length of the longest chain of needs before each step. */
static size_t *waves_of(const struct pipeline *pipeline, const size_t *order, struct arena *arena)
{
    size_t *waves = arena_array(arena, pipeline->step_count + 1, sizeof *waves);
    for (size_t i = 0; i < pipeline->step_count; i++) {
        const struct step *step = &pipeline->steps[order[i]];
        for (size_t n = 0; n < step->need_count; n++) {
            size_t least = waves[step->needs[n].step] + 1;
            waves[order[i]] = waves[order[i]] < least ? least : waves[order[i]];
        }
    }
    return waves;
}

static const char *with_comma(struct arena *arena, const char *words)
{
    return *words == '\0' ? "" : arena_printf(arena, ", %s", words);
}

static const char *rules_words(const struct step *step, struct arena *arena)
{
    char duration[64];
    const char *words = "";
    if (step->timeout_ms > 0) {
        format_duration(duration, sizeof duration, step->timeout_ms);
        words = arena_printf(arena, "%s, timeout %s", words, duration);
    }
    if (step->retry->attempts > 1) {
        words = arena_printf(arena, "%s, %d attempts", words, step->retry->attempts);
    }
    return arena_printf(arena, "%s%s", words, with_comma(arena, step_condition_words(step, arena)));
}

static void print_step(const struct cli *cli, const struct pipeline *pipeline, size_t index, size_t wave, bool wanted,
                       const struct json *reused)
{
    struct arena *arena = cli->arena;
    const struct step *step = &pipeline->steps[index];
    const char *needs = step_needs_words(pipeline, step, arena);
    const char *from = json_get_text(reused, arena_str(arena, step->id).p, NULL);
    const char *kept = from == NULL ? "" : arena_printf(arena, ", reused from %s/%.*s", from, STR_ARG(step->id));
    printf("%3zu. %-20.*s %s%s%s%s%s%s%s\n", wave + 1, STR_ARG(step->id), step_kind_words(step, arena),
           with_comma(arena, step_matrix_words(step, arena)), *needs == '\0' ? "" : ", after ", needs,
           rules_words(step, arena), wanted ? "" : ", left out", kept);
}

/* Wave after wave, in each by the order of the file: steps counted by wave, then put in their places. */
static const size_t *by_wave(const struct pipeline *pipeline, const size_t *waves, struct arena *arena)
{
    size_t count = pipeline->step_count;
    size_t *places = arena_array(arena, count + 2, sizeof *places);
    size_t *sorted = arena_array(arena, count + 1, sizeof *sorted);
    for (size_t i = 0; i < count; i++) {
        places[waves[i] + 1]++;
    }
    for (size_t i = 0; i < count; i++) {
        places[i + 1] += places[i];
    }
    for (size_t i = 0; i < count; i++) {
        sorted[places[waves[i]]++] = i;
    }
    return sorted;
}

static void print_json(const struct cli *cli, const struct engine_submission *submission, const struct run *run,
                       const size_t *waves, const struct json *reused)
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
        json_set(arena, &entry, "kind", json_cstring(arena, step_kind_words(step, arena)));
        json_set(arena, &entry, "wave", json_int((int64_t)waves[i]));
        json_set(arena, &entry, "needs", needs);
        const char *from = json_get_text(reused, arena_str(arena, step->id).p, NULL);
        json_set(arena, &entry, "runs", json_bool(run->steps[i].wanted && from == NULL));
        json_set(arena, &entry, "reused_from", from == NULL ? json_null() : json_cstring(arena, from));
        json_push(arena, &steps, entry);
    }
    json_set(arena, &object, "pipeline", json_string(arena, pipeline->name));
    json_set(arena, &object, "workspace", json_cstring(arena, submission->workspace));
    json_set(arena, &object, "params", submission->params);
    json_set(arena, &object, "steps", steps);
    struct str text = json_text(arena, &object);
    printf("%s\n", text.p);
}

int plan_print(const struct cli *cli, const struct engine_submission *submission, const struct json *reused)
{
    const struct pipeline *pipeline = submission->pipeline;
    struct run_options options = {.until = submission->until};
    struct run *run = run_new(pipeline, "plan", &options);
    const size_t *waves = waves_of(pipeline, pipeline_order(pipeline, cli->arena), cli->arena);
    if (cli->json) {
        print_json(cli, submission, run, waves, reused);
        run_free(run);
        return EXIT_OK;
    }
    printf("Plan of %.*s in %s\n", STR_ARG(pipeline->name), submission->workspace);
    for (size_t i = 0; i < submission->params.u.object.count; i++) {
        const struct json_member *param = &submission->params.u.object.members[i];
        printf("  %.*s = %s\n", STR_ARG(param->key), json_text(cli->arena, &param->value).p);
    }
    const size_t *sorted = by_wave(pipeline, waves, cli->arena);
    for (size_t i = 0; i < pipeline->step_count; i++) {
        print_step(cli, pipeline, sorted[i], waves[sorted[i]], run->steps[sorted[i]].wanted, reused);
    }
    run_free(run);
    return EXIT_OK;
}
