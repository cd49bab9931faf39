/* SPDX-License-Identifier: Apache-2.0
 * What is in force: the pipelines that triggers start, and the files that are refused.
 */
#include "store/in_force.h"

#include "api/sluice/routes.h"

struct force_answer {
    const char *pipeline, *state, *source, *path, *file, *definition;
    int64_t since_ms;
    struct json problems;
};
enum force_state { FORCE_IN_FORCE, FORCE_NEWER_REFUSED, FORCE_REFUSED };
static const char *const states[] = {"in force", "in force, newer refused", "refused", NULL};
static const struct schema_field force_fields[] = {
    {"pipeline", FIELD_TEXT(struct force_answer, pipeline), SCHEMA_NULLABLE, .doc = "null: a file that tells no name"},
    {"state", FIELD_TEXT(struct force_answer, state), .words = states},
    {"source", FIELD_TEXT(struct force_answer, source), .doc = "a repository by its name, or folder: --pipelines"},
    {"path", FIELD_TEXT(struct force_answer, path), .doc = "of its file, within the source"},
    {"file", FIELD_TEXT(struct force_answer, file), SCHEMA_NULLABLE, .doc = "as people are told; null: refused"},
    {"definition", FIELD_TEXT(struct force_answer, definition), SCHEMA_NULLABLE, .doc = "its digest; null: refused"},
    {"since_at", FIELD_TIME(struct force_answer, since_ms)},
    {"problems", FIELD_JSON(LIST, struct force_answer, problems), .of = &rest_problem, .doc = "why it is refused"},
    {0},
};
static const struct schema force_schema = {"PipelineInForce", force_fields, NULL};
static const struct schema_field list_fields[] = {
    {"pipelines", FIELD_JSON(LIST, struct rest_page, items), .of = &force_schema}, {0}};
static const struct schema list_schema = {"PipelinesInForce", list_fields, NULL};

static ptrdiff_t find_refused(const struct refused_file *refused, size_t count, const struct pipeline_in_force *row)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(refused[i].source, row->source) == 0 && strcmp(refused[i].path, row->path) == 0) {
            return (ptrdiff_t)i;
        }
    }
    return -1;
}

static int list_in_force(struct api_call *call, struct err *err)
{
    struct arena *arena = call->arena;
    struct pipeline_in_force *rows = NULL;
    struct refused_file *refused = NULL;
    size_t count = 0;
    size_t refused_count = 0;
    struct rest_page page = {.items = json_array()};
    if (store_in_force_list(call->store, NULL, arena, &rows, &count, err) < 0 ||
        store_refused_list(call->store, NULL, arena, &refused, &refused_count, err) < 0) {
        return -1;
    }
    bool *told = arena_array(arena, refused_count + 1, sizeof *told);
    for (size_t i = 0; i < count; i++) {
        const struct pipeline_in_force *row = &rows[i];
        ptrdiff_t newer = find_refused(refused, refused_count, row);
        const char *problems = newer < 0 ? "[]" : refused[newer].problems;
        struct force_answer answer = {
            row->name, states[newer < 0 ? FORCE_IN_FORCE : FORCE_NEWER_REFUSED], row->source, row->path, row->file,
            row->definition, row->since_ms, rest_problems(problems, row->path, arena)};
        if (newer >= 0) {
            told[newer] = true;
        }
        json_push(arena, &page.items, schema_write(&force_schema, &answer, arena));
    }
    for (size_t i = 0; i < refused_count; i++) {
        const struct refused_file *file = &refused[i];
        struct force_answer answer = {
            *file->name == '\0' ? NULL : file->name, states[FORCE_REFUSED], file->source, file->path, NULL, NULL,
            file->since_ms, rest_problems(file->problems, file->path, arena)};
        if (!told[i]) {
            json_push(arena, &page.items, schema_write(&force_schema, &answer, arena));
        }
    }
    call->answer = schema_write(&list_schema, &page, arena);
    return 0;
}

const struct api_route rest_in_force_routes[] = {
    {HTTP_GET, "/in-force", API_SLUICE, API_READS, API_NEEDS(ADMIN, READ, ADMIN),
     REST_DOC(.name = "listInForce",
                                      .group = "Pipelines",
                                      .summary = "The pipelines in force, and the files that are refused",
                                      .details = "What triggers start, also what has never run. A file that does not "
                                                 "validate leaves in force what it said before.",
                                      .gives = &list_schema,
                                      .flags = REST_APART),
     .answer = list_in_force},
    {0},
};
