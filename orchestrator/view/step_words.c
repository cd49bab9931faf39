/* SPDX-License-Identifier: Apache-2.0 */
#include "view/step_words.h"

const char *step_kind_words(const struct step *step, struct arena *arena)
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

const char *step_needs_words(const struct pipeline *pipeline, const struct step *step, struct arena *arena)
{
    const char *words = "";
    for (size_t n = 0; n < step->need_count; n++) {
        words = arena_printf(arena, "%s%s%.*s%s", words, n == 0 ? "" : ", ",
                             STR_ARG(pipeline->steps[step->needs[n].step].id), step->needs[n].optional ? "?" : "");
    }
    return words;
}

const char *step_matrix_words(const struct step *step, struct arena *arena)
{
    if (step->matrix == NULL) {
        return "";
    }
    if (step->matrix->dynamic != NULL) {
        return "matrix of items known when it runs";
    }
    size_t count = 1;
    for (size_t i = 0; i < step->matrix->axis_count; i++) {
        count *= step->matrix->axes[i].count;
        if (step->matrix->axes[i].whole) {
            return "matrix of items known when it runs";
        }
    }
    bool adjusted = step->matrix->include_count + step->matrix->exclude_count > 0;
    return arena_printf(arena, "matrix of %zu%s", count, adjusted ? " before include and exclude" : "");
}

const char *step_condition_words(const struct step *step, struct arena *arena)
{
    if (step->condition == NULL) {
        return "";
    }
    const char *form = step->condition_names_status ? "if %s" : "if success() && (%s)";
    return arena_printf(arena, form, step->condition_text.p);
}
