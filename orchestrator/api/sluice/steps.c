/* SPDX-License-Identifier: Apache-2.0
 * Attempts of steps.
 */
#include "api/sluice/routes.h"
#include "base/parse.h"
#include "store/pages.h"
#include "store/steps.h"

static const char *const attempt_states[] = {"starting", "running",   "waiting",   "succeeded", "failed",
                                             "timed_out", "cancelled", "lost", NULL};

struct attempt_answer {
    const char *attempt_id, *step, *status, *reason, *run_id;
    int64_t item, number, started_ms, ended_ms;
    struct json exit;
};
static const struct schema_field attempt_fields[] = {
    {"attempt_id", FIELD_TEXT(struct attempt_answer, attempt_id), .pattern = REST_ID_PATTERN},
    {"step", FIELD_TEXT(struct attempt_answer, step)},
    {"item", FIELD_INT(struct attempt_answer, item), .doc = "of the step's matrix; 0 without one"},
    {"number", FIELD_INT(struct attempt_answer, number), .doc = "1, 2, ... of its step"},
    {"status", FIELD_TEXT(struct attempt_answer, status), .words = attempt_states},
    {"reason", FIELD_TEXT(struct attempt_answer, reason), SCHEMA_NULLABLE},
    {"run_id", FIELD_TEXT(struct attempt_answer, run_id), .doc = "MLflow's"},
    {"started_at", FIELD_TIME(struct attempt_answer, started_ms)},
    {"ended_at", FIELD_TIME(struct attempt_answer, ended_ms), SCHEMA_NULLABLE},
    {"exit", FIELD_JSON(MAP, struct attempt_answer, exit), SCHEMA_NULLABLE,
     .doc = "how its process ended, and what it used"},
    {0},
};
static const struct schema attempt_schema = {"Attempt", attempt_fields, NULL};
static const struct schema_field page_fields[] = {
    {"attempts", FIELD_JSON(LIST, struct rest_page, items), .of = &attempt_schema},
    {"next_page_token", FIELD_TEXT(struct rest_page, next_page_token), SCHEMA_NULLABLE},
    {0},
};
static const struct schema page_schema = {"Attempts", page_fields, NULL};
static const struct schema_field list_fields[] = {REST_RUN_ID, REST_LIMIT, REST_PAGE_TOKEN(REST_ID_PATTERN), {0}};

static int attempt_json(struct api_call *call, int64_t id, struct json *ret, struct err *err)
{
    struct attempt_row row;
    struct attempt_answer answer = {.attempt_id = arena_printf(call->arena, "%lld", (long long)id)};
    int64_t number = 0;
    if (store_attempt_get(call->store, id, call->arena, &row, err) < 0 ||
        store_attempt_place(call->store, id, call->arena, &answer.step, &answer.item, &number, err) < 0) {
        return -1;
    }
    answer.step = answer.step == NULL ? "" : answer.step;
    answer.item = row.item;
    answer.number = row.number;
    answer.status = attempt_state_name(row.state);
    answer.reason = row.reason;
    answer.run_id = row.step_run_id;
    answer.started_ms = row.started_ms;
    answer.ended_ms = row.ended_ms;
    struct str exit = str_from(row.exit == NULL ? "null" : row.exit);
    if (json_read(exit, (struct json_limits){0}, call->arena, &answer.exit, err) < 0) {
        return err_add(err, "the end of attempt %lld", (long long)id);
    }
    *ret = schema_write(&attempt_schema, &answer, call->arena);
    return 0;
}

static int list_attempts(struct api_call *call, struct err *err)
{
    const char *run_id = json_get_text(&call->params, "run_id", "");
    struct pipeline_run run;
    struct rest_page page = {.items = json_array()};
    int64_t *ids = NULL;
    size_t count = 0;
    if (store_pipeline_run_get(call->store, run_id, call->arena, &run, err) < 0 ||
        store_attempt_page(call->store, run_id, rest_page_id(call), rest_limit(call), call->arena, &ids, &count, err) <
            0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        struct json attempt;
        if (attempt_json(call, ids[i], &attempt, err) < 0) {
            return -1;
        }
        json_push(call->arena, &page.items, attempt);
    }
    if (count == rest_limit(call)) {
        page.next_page_token = arena_printf(call->arena, "%lld", (long long)ids[count - 1]);
    }
    call->answer = schema_write(&page_schema, &page, call->arena);
    return 0;
}

const struct api_route rest_step_routes[] = {
    {HTTP_GET, "/runs/{run_id}/attempts", API_SLUICE, API_READS, API_NEEDS(VIEWER, READ, RUN),
     REST_DOC(.name = "listAttempts",
                                      .group = "Runs",
                                      .summary = "The attempts of the steps of a run, oldest first",
                                      .takes = list_fields,
                                      .gives = &page_schema,
                                      .flags = REST_APART),
     .answer = list_attempts},
    {0},
};
