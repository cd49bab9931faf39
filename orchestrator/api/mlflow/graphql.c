/* SPDX-License-Identifier: Apache-2.0
 * POST /graphql, which MLflow's page asks for a run: each field that is not a member asks a route of the REST interface
 * and is that route's answer, so what may be asked, and how it is answered, stands there alone.
 */
#include "api/answers.h"
#include "api/graphql/graphql.h"
#include "api/guard.h"
#include "api/mlflow/graphql_types.h"
#include "api/mlflow/routes.h"
#include "store/run_search.h"

/* Of one document; a run asks for its experiment and its versions, and a search gives many runs. */
enum { BODY_MAX = 1 << 20, ASKS_MAX = 10000, RUNS_MAX = 1000 };

struct asking {
    struct api_call *call;
    size_t asks;
    struct json experiments; /* that runs have asked for, by their ids */
};

static int ask(struct asking *asking, enum http_method method, const char *path, const struct json *params,
               struct json *ret, struct err *err)
{
    if (++asking->asks > ASKS_MAX) {
        return err_set(err, ERR_LIMIT, "This query asks for more than %d things at once.", ASKS_MAX);
    }
    return api_ask(asking->call, method, path, params, ret, err);
}

/* The argument "input" of a field, put to a route. */
static int ask_input(void *ctx, enum http_method method, const char *path, const struct json *arguments,
                     struct json *ret, struct err *err)
{
    const struct json *input = json_get(arguments, "input");
    if (input == NULL || input->type != JSON_OBJECT) {
        return err_set(err, ERR_INPUT, "missing 1 required argument: 'input'");
    }
    return ask(ctx, method, path, input, ret, err);
}

#define ASKS(function, method, path)                                                                                   \
    int function(void *ctx, const struct json *parent, const struct json *arguments, struct json *ret,                 \
                 struct err *err)                                                                                      \
    {                                                                                                                  \
        (void)parent;                                                                                                  \
        return ask_input(ctx, method, path, arguments, ret, err);                                                      \
    }

ASKS(graphql_get_experiment, HTTP_GET, "/mlflow/experiments/get")
ASKS(graphql_get_run, HTTP_GET, "/mlflow/runs/get")
ASKS(graphql_search_datasets, HTTP_POST, "/mlflow/experiments/search-datasets")
ASKS(graphql_list_artifacts, HTTP_GET, "/mlflow/artifacts/list")
ASKS(graphql_metric_interval, HTTP_GET, "/mlflow/metrics/get-history-bulk-interval")
ASKS(graphql_search_versions, HTTP_GET, "/mlflow/model-versions/search")

/* The answer is in memory whole, so a page is short; its token leads to the next. */
int graphql_search_runs(void *ctx, const struct json *parent, const struct json *arguments, struct json *ret,
                        struct err *err)
{
    struct arena *arena = ((struct asking *)ctx)->call->arena;
    struct json asked = *arguments;
    int64_t count = json_get_int(json_get(arguments, "input"), "maxResults", 0);
    (void)parent;
    if (count > RUNS_MAX && count <= RUN_SEARCH_RESULTS_MAX) {
        struct json input = json_copy(arena, json_get(arguments, "input"));
        json_set(arena, &input, "maxResults", json_int(RUNS_MAX));
        asked = json_object();
        json_set(arena, &asked, "input", input);
    }
    return ask_input(ctx, HTTP_POST, "/mlflow/runs/search", &asked, ret, err);
}

/* ---- what a run has beside its members -------------------------------------------------------------------------- */

static int ask_member(struct asking *asking, const char *path, const char *name, const char *value, const char *member,
                      struct json *ret, struct err *err)
{
    struct json params = json_object();
    struct json answer;
    json_set(asking->call->arena, &params, name, json_cstring(asking->call->arena, value));
    if (ask(asking, HTTP_GET, path, &params, &answer, err) < 0) {
        return -1;
    }
    const struct json *found = json_get(&answer, member);
    *ret = found == NULL ? json_array() : *found; /* what is empty is left out */
    return 0;
}

int graphql_run_experiment(void *ctx, const struct json *parent, const struct json *arguments, struct json *ret,
                           struct err *err)
{
    struct asking *asking = ctx;
    const char *id = json_get_text(json_get(parent, "info"), "experiment_id", "");
    const struct json *known = json_get(&asking->experiments, id);
    (void)arguments;
    if (known != NULL) {
        *ret = *known;
        return 0;
    }
    if (ask_member(asking, "/mlflow/experiments/get", "experiment_id", id, "experiment", ret, err) < 0) {
        return -1;
    }
    json_add(asking->call->arena, &asking->experiments, id, *ret);
    return 0;
}

int graphql_run_versions(void *ctx, const struct json *parent, const struct json *arguments, struct json *ret,
                         struct err *err)
{
    struct asking *asking = ctx;
    const char *id = json_get_text(json_get(parent, "info"), "run_id", "");
    (void)arguments;
    return ask_member(asking, "/mlflow/model-versions/search", "filter",
                      arena_printf(asking->call->arena, "run_id='%s'", id), "model_versions", ret, err);
}

/* ---- an echo, by which clients try whether this is here --------------------------------------------------------- */

int graphql_test(void *ctx, const struct json *parent, const struct json *arguments, struct json *ret, struct err *err)
{
    struct asking *asking = ctx;
    const struct json *text = json_get(arguments, "inputString");
    (void)parent;
    if (text == NULL) {
        return err_set(err, ERR_INPUT, "missing 1 required argument: 'inputString'");
    }
    *ret = json_object();
    json_set(asking->call->arena, ret, "output", *text);
    return 0;
}

int graphql_test_mutation(void *ctx, const struct json *parent, const struct json *arguments, struct json *ret,
                          struct err *err)
{
    (void)ctx;
    (void)parent;
    (void)arguments;
    (void)err;
    *ret = json_null(); /* MLflow's has no resolver */
    return 0;
}

/* ---- the route -------------------------------------------------------------------------------------------------- */

static size_t begin(struct api_call *call)
{
    struct err wrong = {0};
    if (guard_check_type(call->exchange, false, &wrong) < 0) {
        answer_error(call->exchange, &wrong);
    }
    return BODY_MAX;
}

static int answer(struct api_call *call, struct err *err)
{
    static const struct api_field fields[] = {
        {.name = "query", .type = API_TEXT, .required = true}, {.name = "operationName", .type = API_TEXT}, {0}};
    struct asking asking = {.call = call, .experiments = json_object()};
    struct json body, data, errors;
    if (api_read_body(call, &body, err) < 0 || params_read(fields, &body, call->arena, &call->params, err) < 0) {
        return -1;
    }
    const struct json *variables = json_get(&body, "variables");
    if (variables != NULL && variables->type != JSON_OBJECT && variables->type != JSON_NULL) {
        return params_refuse("variables", variables, err);
    }
    const struct json *query = json_get(&call->params, "query");
    struct graphql_request request = {
        .query = query->u.string,
        .variables = variables,
        .operation = json_get_text(&call->params, "operationName", NULL),
    };
    if (graphql_answer(&mlflow_graphql_schema, &request, &asking, call->arena, &data, &errors, err) < 0) {
        return -1;
    }
    json_set(call->arena, &call->answer, "data", data);
    json_set(call->arena, &call->answer, "errors", errors.u.array.count == 0 ? json_null() : errors);
    return 0;
}

const struct api_plain mlflow_graphql_plains[] = {
    {.method = HTTP_POST,
     .path = "/graphql",
     .needs = API_NEEDS(VIEWER, READ, ANYBODY),
     .head = begin,
     .answer = answer},
    {0},
};
