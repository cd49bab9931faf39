/* SPDX-License-Identifier: Apache-2.0
 * Records of gates: what an evaluation found, rule by rule.
 */
#include "store/gates.h"

#include "api/sluice/routes.h"
#include "api/user_rights.h"
#include "store/pages.h"

#include <stdlib.h>

struct gate_answer {
    const char *gate_id, *pipeline, *run_id, *step, *step_run_id, *model_id, *version, *champion, *refused_by,
        *evidence_sha256, *replay_of, *definition, *commit;
    bool passed, other_data;
    int64_t at_ms;
    struct json record;
};
#define GATE_FIELDS                                                                                                    \
    {"gate_id", FIELD_TEXT(struct gate_answer, gate_id), .pattern = REST_ID_PATTERN},                                  \
        {"pipeline", FIELD_TEXT(struct gate_answer, pipeline)},                                                        \
        {"run_id", FIELD_TEXT(struct gate_answer, run_id)}, {"step", FIELD_TEXT(struct gate_answer, step)},            \
        {"step_run_id", FIELD_TEXT(struct gate_answer, step_run_id), .doc = "MLflow's, of who judged"},                \
        {"model_id", FIELD_TEXT(struct gate_answer, model_id), SCHEMA_NULLABLE, .doc = "what was judged"},             \
        {"version", FIELD_TEXT(struct gate_answer, version), SCHEMA_NULLABLE,                                          \
         .doc = "NAME/VERSION of that; of a model that was registered later, its newest"},                             \
        {"champion", FIELD_TEXT(struct gate_answer, champion), SCHEMA_NULLABLE, .doc = "what it was compared with"},   \
        {"passed", FIELD_BOOL(struct gate_answer, passed)},                                                            \
        {"refused_by", FIELD_TEXT(struct gate_answer, refused_by), .doc = "the rule; empty when it passed"},           \
        {"evidence_sha256", FIELD_TEXT(struct gate_answer, evidence_sha256)},                                          \
        {"replay_of", FIELD_TEXT(struct gate_answer, replay_of), SCHEMA_NULLABLE, .pattern = REST_ID_PATTERN,          \
         .doc = "the gate whose rules, data and champion these are"},                                                  \
        {"other_data", FIELD_BOOL(struct gate_answer, other_data),                                                     \
         .doc = "a replay on data that is not the gate's, as was allowed: no guard counts it"},                        \
    {                                                                                                                  \
        "at", FIELD_TIME(struct gate_answer, at_ms)                                                                    \
    }
static const struct schema_field gate_fields[] = {GATE_FIELDS, {0}};
static const struct schema gate_schema = {"Gate", gate_fields, NULL};
static const struct schema_field whole_fields[] = {
    GATE_FIELDS,
    {"definition", FIELD_TEXT(struct gate_answer, definition), .doc = "the digest of the pipeline that has the step"},
    {"commit", FIELD_TEXT(struct gate_answer, commit), SCHEMA_NULLABLE, .doc = "of the run's workspace"},
    {"record", FIELD_JSON(MAP, struct gate_answer, record), .doc = "rules, values, dataset"},
    {0}};
static const struct schema whole_schema = {"GateDetails", whole_fields, NULL};
static const struct schema_field page_fields[] = {
    {"gates", FIELD_JSON(LIST, struct rest_page, items), .of = &gate_schema},
    {"next_page_token", FIELD_TEXT(struct rest_page, next_page_token), SCHEMA_NULLABLE},
    {0},
};
static const struct schema page_schema = {"Gates", page_fields, NULL};
static const struct schema_field list_fields[] = {
    {.name = "run_id", .type = SCHEMA_TEXT, .flags = SCHEMA_IN_QUERY, .pattern = REST_RUN_ID_PATTERN},
    {.name = "pipeline", .type = SCHEMA_TEXT, .flags = SCHEMA_IN_QUERY, .least = 1, .most = 200},
    {.name = "model_id", .type = SCHEMA_TEXT, .flags = SCHEMA_IN_QUERY, .most = 100},
    {.name = "model", .type = SCHEMA_TEXT, .flags = SCHEMA_IN_QUERY, .least = 1, .most = 256,
     .doc = "a registered model: of all its versions"},
    {.name = "replay_of", .type = SCHEMA_TEXT, .flags = SCHEMA_IN_QUERY, .pattern = REST_ID_PATTERN,
     .doc = "only replays of this gate"},
    {.name = "passed", .type = SCHEMA_BOOL, .flags = SCHEMA_IN_QUERY},
    REST_LIMIT,
    REST_PAGE_TOKEN(REST_ID_PATTERN),
    {0},
};
static const struct schema_field one_fields[] = {{.name = "gate_id",
                                                  .type = SCHEMA_TEXT,
                                                  .flags = SCHEMA_REQUIRED | SCHEMA_IN_PATH,
                                                  .pattern = REST_ID_PATTERN},
                                                 {0}};

static const char *id_text(struct api_call *call, int64_t id)
{
    return arena_printf(call->arena, "%lld", (long long)id);
}

static int gate_json(struct api_call *call, int64_t id, const struct schema *schema, struct json *ret, struct err *err)
{
    struct gate gate;
    if (store_gate_get(call->store, id, call->arena, &gate, err) < 0) {
        return -1;
    }
    struct pipeline_run run;
    struct json contexts = json_null();
    if (store_pipeline_run_get(call->store, gate.run_id, call->arena, &run, err) < 0 ||
        json_read(str_from(run.contexts), (struct json_limits){0}, call->arena, &contexts, err) < 0) {
        return -1;
    }
    const struct json *git = json_get(&contexts, "git");
    struct gate_answer answer = {
        .gate_id = id_text(call, gate.id),
        .pipeline = run.pipeline,
        .run_id = gate.run_id,
        .step = gate.step,
        .step_run_id = gate.step_run_id,
        .model_id = gate.model_id,
        .version = gate.version,
        .replay_of = gate.replay_of == 0 ? NULL : id_text(call, gate.replay_of),
        .other_data = gate.other_data,
        .definition = run.definition,
        .commit = git == NULL ? NULL : json_get_text(git, "commit", NULL),
        .champion = gate.champion,
        .refused_by = gate.refused_by,
        .evidence_sha256 = gate.evidence_sha256,
        .passed = gate.passed,
        .at_ms = gate.at_ms,
        .record = gate.record,
    };
    *ret = schema_write(schema, &answer, call->arena);
    return 0;
}

static int list_gates(struct api_call *call, struct err *err)
{
    bool passed = json_get_bool(&call->params, "passed", false);
    struct gate_page page = {
        .reader = call->reader,
        .run_id = json_get_text(&call->params, "run_id", NULL),
        .model_id = json_get_text(&call->params, "model_id", NULL),
        .pipeline = json_get_text(&call->params, "pipeline", NULL),
        .model = json_get_text(&call->params, "model", NULL),
        .replay_of = strtoll(json_get_text(&call->params, "replay_of", "0"), NULL, 10),
        .passed = json_get(&call->params, "passed") == NULL ? NULL : &passed,
        .before = rest_page_id(call),
        .limit = rest_limit(call),
    };
    int64_t *ids = NULL;
    size_t count = 0;
    struct rest_page answer = {.items = json_array()};
    if (store_gate_page(call->store, &page, call->arena, &ids, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        struct json gate;
        if (gate_json(call, ids[i], &gate_schema, &gate, err) < 0) {
            return -1;
        }
        json_push(call->arena, &answer.items, gate);
    }
    answer.next_page_token = count == page.limit ? arena_printf(call->arena, "%lld", (long long)ids[count - 1]) : NULL;
    call->answer = schema_write(&page_schema, &answer, call->arena);
    return 0;
}

/* On the loop: whose it is, is found out first. */
static int get_gate(struct api_call *call, struct err *err)
{
    struct gate gate;
    return store_gate_get(call->store, rest_id(call, "gate_id"), call->arena, &gate, err) < 0 ||
                   user_check_owned(call, OWNED_RUN, gate.run_id, PERMISSION_READ, err) < 0
               ? -1
               : gate_json(call, gate.id, &whole_schema, &call->answer, err);
}

const struct api_route rest_gate_routes[] = {
    {HTTP_GET, "/gates", API_SLUICE, API_READS, API_NEEDS(VIEWER, READ, ANYBODY),
     REST_DOC(.name = "listGates",
                                      .group = "Gates",
                                      .summary = "The records of gates, newest first",
                                      .takes = list_fields,
                                      .gives = &page_schema,
                                      .flags = REST_APART),
     .answer = list_gates},
    {HTTP_GET, "/gates/{gate_id}", API_SLUICE, API_READS, API_NEEDS(VIEWER, READ, ITSELF),
     REST_DOC(.name = "getGate",
                                      .group = "Gates",
                                      .summary = "A record of a gate with every rule and its numbers",
                                      .takes = one_fields,
                                      .gives = &whole_schema),
     .answer = get_gate},
    {0},
};
