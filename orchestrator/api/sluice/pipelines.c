/* SPDX-License-Identifier: Apache-2.0
 * Pipelines that have run in the home, each as its newest run has it.
 */
#include "api/sluice/routes.h"
#include "store/pages.h"

struct pipeline_answer {
    const char *name, *file, *workspace, *definition;
    int64_t runs;
    struct json newest;
    const char *source;
};
#define PIPELINE_FIELDS                                                                                                \
    {"name", FIELD_TEXT(struct pipeline_answer, name)},                                                                \
        {"file", FIELD_TEXT(struct pipeline_answer, file), .doc = "as whoever started the run named it"},              \
        {"workspace", FIELD_TEXT(struct pipeline_answer, workspace), .doc = "where its steps run"},                    \
        {"definition", FIELD_TEXT(struct pipeline_answer, definition), .doc = "its digest"},                           \
        {"runs", FIELD_INT(struct pipeline_answer, runs), .doc = "the number of the newest"},                          \
    {                                                                                                                  \
        "newest", FIELD_JSON(OBJECT, struct pipeline_answer, newest), .of = &rest_run_summary                          \
    }
static const struct schema_field pipeline_fields[] = {PIPELINE_FIELDS, {0}};
static const struct schema pipeline_schema = {"Pipeline", pipeline_fields, NULL};
static const struct schema_field whole_fields[] = {
    PIPELINE_FIELDS,
    {"source", FIELD_TEXT(struct pipeline_answer, source), .doc = "the text of the file"},
    {0},
};
static const struct schema whole_schema = {"PipelineDetails", whole_fields, NULL};
static const struct schema_field page_fields[] = {
    {"pipelines", FIELD_JSON(LIST, struct rest_page, items), .of = &pipeline_schema},
    {"next_page_token", FIELD_TEXT(struct rest_page, next_page_token), SCHEMA_NULLABLE},
    {0},
};
static const struct schema page_schema = {"Pipelines", page_fields, NULL};
static const struct schema_field list_fields[] = {REST_LIMIT, REST_PAGE_TOKEN(NULL), {0}};
static const struct schema_field one_fields[] = {{.name = "pipeline",
                                                  .type = SCHEMA_TEXT,
                                                  .flags = SCHEMA_REQUIRED | SCHEMA_IN_PATH,
                                                  .least = 1,
                                                  .most = 200,
                                                  .doc = "its name"},
                                                 {0}};

static struct pipeline_answer answer_of(const struct pipeline_known *known, struct arena *arena)
{
    return (struct pipeline_answer){
        .name = known->name,
        .file = known->newest.file,
        .workspace = known->newest.workspace,
        .definition = known->newest.definition,
        .runs = known->last_number,
        .newest = rest_run_json(&known->newest, arena),
    };
}

static int list_pipelines(struct api_call *call, struct err *err)
{
    struct pipeline_page page = {.reader = call->reader,
                                 .after = json_get_text(&call->params, "page_token", NULL),
                                 .limit = rest_limit(call)};
    struct pipeline_known *rows = NULL;
    size_t count = 0;
    struct rest_page answer = {.items = json_array()};
    if (store_pipeline_page(call->store, &page, call->arena, &rows, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        struct pipeline_answer one = answer_of(&rows[i], call->arena);
        json_push(call->arena, &answer.items, schema_write(&pipeline_schema, &one, call->arena));
    }
    answer.next_page_token = count == page.limit ? rows[count - 1].name : NULL;
    call->answer = schema_write(&page_schema, &answer, call->arena);
    return 0;
}

int rest_pipeline(struct api_call *call, const char *name, struct pipeline_known *ret, struct err *err)
{
    struct pipeline_page page = {.reader = call->reader, .name = name, .limit = 1};
    struct pipeline_known *rows = NULL;
    size_t count = 0;
    if (store_pipeline_page(call->store, &page, call->arena, &rows, &count, err) < 0) {
        return -1;
    }
    if (count == 0) {
        return err_set(err, ERR_NOT_FOUND, "no pipeline '%s' has run in this home", name);
    }
    *ret = rows[0];
    return 0;
}

static int get_pipeline(struct api_call *call, struct err *err)
{
    struct pipeline_known known;
    struct str source;
    if (rest_pipeline(call, json_get_text(&call->params, "pipeline", ""), &known, err) < 0 ||
        store_definition_get(call->store, known.newest.definition, call->arena, &source, err) < 0) {
        return -1;
    }
    struct pipeline_answer answer = answer_of(&known, call->arena);
    answer.source = source.p;
    call->answer = schema_write(&whole_schema, &answer, call->arena);
    return 0;
}

const struct api_route rest_pipeline_routes[] = {
    {HTTP_GET, "/pipelines", API_SLUICE, API_READS, API_NEEDS(VIEWER, READ, ANYBODY),
     REST_DOC(.name = "listPipelines",
                                      .group = "Pipelines",
                                      .summary = "Pipelines that have run in the home, by name",
                                      .takes = list_fields,
                                      .gives = &page_schema,
                                      .flags = REST_APART),
     .answer = list_pipelines},
    {HTTP_GET, "/pipelines/{pipeline}", API_SLUICE, API_READS, API_NEEDS(VIEWER, READ, ANYBODY),
     REST_DOC(.name = "getPipeline",
                                      .group = "Pipelines",
                                      .summary = "A pipeline with the text of its newest run's definition",
                                      .takes = one_fields,
                                      .gives = &whole_schema,
                                      .flags = REST_APART),
     .answer = get_pipeline},
    {0},
};
