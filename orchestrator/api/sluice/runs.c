/* SPDX-License-Identifier: Apache-2.0
 * Runs of pipelines: lists, and one as `sluice show RUN --json` prints it.
 */
#include "api/sluice/routes.h"
#include "base/parse.h"
#include "plugin/catalogue.h"
#include "store/pages.h"
#include "view/graph_json.h"
#include "view/run_view.h"

const char *const rest_run_states[] = {"queued", "running", "waiting", "succeeded", "failed", "cancelled", NULL};
static const char *const verdict_words[] = {"none", "passed", "refused", NULL};
static const char *const step_states[] = {"pending",   "ready",  "active",    "delayed", "waiting",
                                          "succeeded", "failed", "cancelled", "skipped", NULL};

/* ---- in lists --------------------------------------------------------------------------------------------------- */

struct run_summary {
    const char *run_id, *pipeline, *number, *status, *verdict, *reason, *trigger, *actor, *retry_of, *parent_run,
        *definition, *experiment_id;
    bool cancelling;
    int64_t priority, created_ms, started_ms, ended_ms;
};
static const struct schema_field summary_fields[] = {
    {"run_id", FIELD_TEXT(struct run_summary, run_id), .pattern = REST_RUN_ID_PATTERN},
    {"pipeline", FIELD_TEXT(struct run_summary, pipeline)},
    {"number", FIELD_TEXT(struct run_summary, number), .doc = "12, or 12.2 of its first retry"},
    {"status", FIELD_TEXT(struct run_summary, status), .words = rest_run_states},
    {"verdict", FIELD_TEXT(struct run_summary, verdict), .words = verdict_words, .doc = "of its gates"},
    {"reason", FIELD_TEXT(struct run_summary, reason), SCHEMA_NULLABLE},
    {"cancelling", FIELD_BOOL(struct run_summary, cancelling), .doc = "it was asked to end"},
    {"trigger", FIELD_TEXT(struct run_summary, trigger), .doc = "what started it: cli, api, retry, pipeline ..."},
    {"actor", FIELD_TEXT(struct run_summary, actor), .doc = "who started it"},
    {"priority", FIELD_INT(struct run_summary, priority)},
    {"retry_of", FIELD_TEXT(struct run_summary, retry_of), SCHEMA_NULLABLE, .doc = "a run id"},
    {"parent_run", FIELD_TEXT(struct run_summary, parent_run), SCHEMA_NULLABLE,
     .doc = "the run whose step has begun it"},
    {"definition", FIELD_TEXT(struct run_summary, definition), .doc = "the digest of the pipeline it runs"},
    {"experiment_id", FIELD_TEXT(struct run_summary, experiment_id), .doc = "MLflow's"},
    {"created_at", FIELD_TIME(struct run_summary, created_ms)},
    {"started_at", FIELD_TIME(struct run_summary, started_ms), SCHEMA_NULLABLE},
    {"ended_at", FIELD_TIME(struct run_summary, ended_ms), SCHEMA_NULLABLE},
    {0},
};
const struct schema rest_run_summary = {"RunSummary", summary_fields, NULL};

struct json rest_run_json(const struct pipeline_run *row, struct arena *arena)
{
    char label[32];
    pipeline_run_label(row, label);
    struct run_summary summary = {
        .run_id = row->run_id,
        .pipeline = row->pipeline,
        .number = label,
        .status = run_state_name(row->state),
        .verdict = verdict_name(row->verdict),
        .reason = row->reason,
        .cancelling = row->cancelling != NULL,
        .trigger = row->trigger,
        .actor = row->actor,
        .priority = row->priority,
        .retry_of = row->retry_of,
        .parent_run = row->parent_run,
        .definition = row->definition,
        .experiment_id = arena_printf(arena, "%lld", (long long)row->experiment_id),
        .created_ms = row->created_ms,
        .started_ms = row->started_ms,
        .ended_ms = row->ended_ms,
    };
    return schema_write(&rest_run_summary, &summary, arena);
}

static const struct schema_field page_fields[] = {
    {"runs", FIELD_JSON(LIST, struct rest_page, items), .of = &rest_run_summary},
    {"next_page_token", FIELD_TEXT(struct rest_page, next_page_token), SCHEMA_NULLABLE},
    {0},
};
static const struct schema page_schema = {"Runs", page_fields, NULL};

static const struct schema_field list_fields[] = {
    {.name = "pipeline", .type = SCHEMA_TEXT, .flags = SCHEMA_IN_QUERY, .doc = "only of this pipeline"},
    {.name = "number", .type = SCHEMA_INT, .flags = SCHEMA_IN_QUERY, .least = 1, .most = INT32_MAX,
     .doc = "only of this number, with its retries"},
    {.name = "status", .type = SCHEMA_TEXT, .flags = SCHEMA_IN_QUERY, .words = rest_run_states},
    {.name = "open", .type = SCHEMA_BOOL, .flags = SCHEMA_IN_QUERY, .doc = "true: only those that have not ended"},
    {.name = "actor", .type = SCHEMA_TEXT, .flags = SCHEMA_IN_QUERY, .doc = "who started it"},
    {.name = "trigger", .type = SCHEMA_TEXT, .flags = SCHEMA_IN_QUERY},
    {.name = "parent", .type = SCHEMA_TEXT, .flags = SCHEMA_IN_QUERY, .pattern = REST_RUN_ID_PATTERN,
     .doc = "those that steps of this run have begun; else only those that are part of none"},
    {.name = "since", .type = SCHEMA_TIME, .flags = SCHEMA_IN_QUERY, .doc = "created then or later"},
    {.name = "until", .type = SCHEMA_TIME, .flags = SCHEMA_IN_QUERY, .doc = "created before"},
    REST_LIMIT,
    REST_PAGE_TOKEN("^[0-9]{1,15}-[0-9a-f]{32}$"),
    {0},
};

static int list_runs(struct api_call *call, struct err *err)
{
    const struct json *params = &call->params;
    struct str token = str_from(json_get_text(params, "page_token", ""));
    struct str before = {0};
    struct run_page page = {
        .reader = call->reader,
        .pipeline = json_get_text(params, "pipeline", NULL),
        .state = json_get_text(params, "status", NULL),
        .actor = json_get_text(params, "actor", NULL),
        .trigger = json_get_text(params, "trigger", NULL),
        .parent = json_get_text(params, "parent", NULL),
        .number = json_get_int(params, "number", 0),
        .open = json_get_bool(params, "open", false),
        .since_ms = json_get_int(params, "since", 0),
        .until_ms = json_get_int(params, "until", 0),
        .limit = rest_limit(call),
    };
    if (token.n > 0) {
        (void)str_cut(&token, '-', &before);
        (void)parse_int(before, 0, INT64_MAX, &page.before_ms, NULL);
        page.before_id = arena_str(call->arena, token).p;
    }
    struct pipeline_run *rows = NULL;
    size_t count = 0;
    struct rest_page answer = {.items = json_array()};
    if (store_run_page(call->store, &page, call->arena, &rows, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        json_push(call->arena, &answer.items, rest_run_json(&rows[i], call->arena));
    }
    if (count == page.limit) {
        answer.next_page_token = arena_printf(call->arena, "%lld-%s", (long long)rows[count - 1].created_ms,
                                              rows[count - 1].run_id);
    }
    call->answer = schema_write(&page_schema, &answer, call->arena);
    return 0;
}

/* ---- one -------------------------------------------------------------------------------------------------------- */

/* What run_view_json writes (view/run_view.h). */
static const struct schema_field step_fields[] = {
    {"id", .type = SCHEMA_TEXT, .doc = "the step's name in the pipeline"},
    {"item", .type = SCHEMA_TEXT, .flags = SCHEMA_NULLABLE, .doc = "of a matrix: its place and digest"},
    {"matrix", .type = SCHEMA_ANY, .doc = "the item's values; null without a matrix"},
    {"depends", .type = SCHEMA_TEXTS, .doc = "the steps it needs"},
    {"attempt", .type = SCHEMA_INT, .doc = "how often it was begun"},
    {"status", .type = SCHEMA_TEXT, .words = step_states},
    {"reason", .type = SCHEMA_TEXT, .flags = SCHEMA_NULLABLE},
    {"run_id", .type = SCHEMA_TEXT, .flags = SCHEMA_NULLABLE, .doc = "MLflow's, of the last attempt"},
    {"model_id", .type = SCHEMA_TEXT, .flags = SCHEMA_NULLABLE},
    {"outputs", .type = SCHEMA_MAP},
    {"artifacts", .type = SCHEMA_MAP, .doc = "name: path"},
    {"metrics", .type = SCHEMA_MAP},
    {"started_at", .type = SCHEMA_TIME, .flags = SCHEMA_NULLABLE},
    {"ended_at", .type = SCHEMA_TIME, .flags = SCHEMA_NULLABLE},
    {"exit", .type = SCHEMA_MAP, .flags = SCHEMA_NULLABLE, .doc = "how its process ended, and what it used"},
    {0},
};
static const struct schema step_schema = {"Step", step_fields, "A step, or one item of its matrix."};
static const struct schema_field run_fields[] = {
    {"schema_version", .type = SCHEMA_INT},
    {"run_id", .type = SCHEMA_TEXT, .pattern = REST_RUN_ID_PATTERN},
    {"pipeline", .type = SCHEMA_TEXT},
    {"number", .type = SCHEMA_TEXT},
    {"status", .type = SCHEMA_TEXT, .words = rest_run_states},
    {"verdict", .type = SCHEMA_TEXT, .words = verdict_words},
    {"reason", .type = SCHEMA_TEXT, .flags = SCHEMA_NULLABLE},
    {"params", .type = SCHEMA_MAP},
    {"started_at", .type = SCHEMA_TIME, .flags = SCHEMA_NULLABLE},
    {"ended_at", .type = SCHEMA_TIME, .flags = SCHEMA_NULLABLE},
    {"steps", .type = SCHEMA_LIST, .of = &step_schema},
    {0},
};
static const struct schema run_schema = {"Run", run_fields, "As `sluice show RUN --json` prints it."};
static const struct schema_field one_fields[] = {REST_RUN_ID, {0}};

static int load_view(struct api_call *call, struct run_view *ret, struct err *err)
{
    struct catalogue catalogue;
    rest_catalogue(call, &catalogue);
    return run_view_load(call->store, &catalogue, json_get_text(&call->params, "run_id", ""), ret, err);
}

static int get_run(struct api_call *call, struct err *err)
{
    struct run_view view;
    if (load_view(call, &view, err) < 0) {
        return -1;
    }
    struct json run = run_view_json(&view, view.arena);
    call->answer = json_copy(call->arena, &run);
    run_view_clear(&view);
    return 0;
}

/* ---- graph ------------------------------------------------------------------------------------------------------ */

static const struct schema_field node_fields[] = {{"id", .type = SCHEMA_TEXT}, {"kind", .type = SCHEMA_TEXT}, {0}};
static const struct schema node_schema = {"GraphNode", node_fields, NULL};
static const struct schema_field edge_fields[] = {
    {"from", .type = SCHEMA_TEXT},
    {"to", .type = SCHEMA_TEXT},
    {"optional", .type = SCHEMA_BOOL, .doc = "a skipped step is accepted"},
    {0},
};
static const struct schema edge_schema = {"GraphEdge", edge_fields, NULL};
static const struct schema_field graph_fields[] = {{"pipeline", .type = SCHEMA_TEXT},
                                                   {"nodes", .type = SCHEMA_LIST, .of = &node_schema},
                                                   {"edges", .type = SCHEMA_LIST, .of = &edge_schema},
                                                   {0}};
static const struct schema graph_schema = {"Graph", graph_fields, NULL};

static int get_graph(struct api_call *call, struct err *err)
{
    struct run_view view;
    if (load_view(call, &view, err) < 0) {
        return -1;
    }
    struct json graph = graph_json(view.pipeline, view.arena);
    call->answer = json_copy(call->arena, &graph);
    run_view_clear(&view);
    return 0;
}

/* ---- steps ------------------------------------------------------------------------------------------------------ */

static const struct schema_field steps_fields[] = {
    {"steps", FIELD_JSON(LIST, struct rest_page, items), .of = &step_schema}, {0}};
static const struct schema steps_schema = {"Steps", steps_fields, NULL};

static int list_steps(struct api_call *call, struct err *err)
{
    struct run_view view;
    if (load_view(call, &view, err) < 0) {
        return -1;
    }
    struct json run = run_view_json(&view, view.arena);
    struct rest_page page = {.items = json_copy(call->arena, json_get(&run, "steps"))};
    run_view_clear(&view);
    call->answer = schema_write(&steps_schema, &page, call->arena);
    return 0;
}

const struct api_route rest_run_routes[] = {
    {HTTP_GET, "/runs", API_SLUICE, API_READS, API_NEEDS(VIEWER, READ, ANYBODY),
     REST_DOC(.name = "listRuns",
                                      .group = "Runs",
                                      .summary = "Runs of pipelines, newest first",
                                      .details = "Those whose experiment the user may read. A page begins where the "
                                                 "one before ended, whatever has been started since.",
                                      .takes = list_fields,
                                      .gives = &page_schema,
                                      .flags = REST_APART),
     .answer = list_runs},
    {HTTP_GET, "/runs/{run_id}", API_SLUICE, API_READS, API_NEEDS(VIEWER, READ, RUN),
     REST_DOC(.name = "getRun",
                                      .group = "Runs",
                                      .summary = "A run with its steps",
                                      .takes = one_fields,
                                      .gives = &run_schema,
                                      .flags = REST_APART),
     .answer = get_run},
    {HTTP_GET, "/runs/{run_id}/steps", API_SLUICE, API_READS, API_NEEDS(VIEWER, READ, RUN),
     REST_DOC(.name = "listSteps",
                                      .group = "Runs",
                                      .summary = "The steps of a run, each item of a matrix by itself",
                                      .takes = one_fields,
                                      .gives = &steps_schema,
                                      .flags = REST_APART),
     .answer = list_steps},
    {HTTP_GET, "/runs/{run_id}/graph", API_SLUICE, API_READS, API_NEEDS(VIEWER, READ, RUN),
     REST_DOC(.name = "getGraph",
                                      .group = "Runs",
                                      .summary = "What runs after what in a run",
                                      .takes = one_fields,
                                      .gives = &graph_schema,
                                      .flags = REST_APART),
     .answer = get_graph},
    {0},
};
