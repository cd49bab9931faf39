/* SPDX-License-Identifier: Apache-2.0
 * Deployment jobs: which pipelines are started for new versions of registered models, how far they are with one, and
 * to start one by hand.
 */
#include "api/sluice/routes.h"
#include "api/user_rights.h"
#include "store/deployment_jobs.h"
#include "store/experiments.h"
#include "store/model_events.h"
#include "trigger/trigger.h"

#define PIPELINE(words)                                                                                                \
    {.name = "pipeline", .type = SCHEMA_TEXT, .most = 200, .doc = words}

static const char *const job_states[] = {"NOT_SET_UP", "CONNECTED", "NOT_FOUND", "REQUIRED_PARAMETERS_CHANGED", NULL};
static const char *const run_states[] = {"PENDING", "RUNNING", "APPROVAL", "SUCCEEDED", "FAILED", NULL};

/* ---- jobs ------------------------------------------------------------------------------------------------------- */

struct job_answer {
    const char *pipeline, *model, *file;
    int64_t since_ms;
    bool prompts;
};
static const struct schema_field job_fields[] = {
    {"pipeline", FIELD_TEXT(struct job_answer, pipeline)},
    {"model", FIELD_TEXT(struct job_answer, model), .doc = "the glob of its on: model_version"},
    {"prompts", FIELD_BOOL(struct job_answer, prompts), .doc = "also for prompts"},
    {"file", FIELD_TEXT(struct job_answer, file)},
    {"in_force_since", FIELD_TIME(struct job_answer, since_ms)},
    {0},
};
static const struct schema job_schema = {"DeploymentJob", job_fields, NULL};
static const struct schema_field jobs_fields[] = {
    {"deployment_jobs", FIELD_JSON(LIST, struct rest_page, items), .of = &job_schema},
    {"next_page_token", FIELD_TEXT(struct rest_page, next_page_token), SCHEMA_NULLABLE},
    {0},
};
static const struct schema jobs_schema = {"DeploymentJobs", jobs_fields, NULL};
static const struct schema_field list_fields[] = {REST_LIMIT, REST_PAGE_TOKEN(NULL), {0}};

static int add_job(struct api_call *call, const struct subscription *listener, struct rest_page *page, struct err *err)
{
    struct json settings;
    struct pipeline_in_force row;
    if (store_in_force_get(call->store, listener->pipeline, call->arena, &row, err) < 0) {
        return -1;
    }
    bool read = json_read(str_from(listener->settings), (struct json_limits){0}, call->arena, &settings, NULL) == 0;
    const struct job_answer job = {
        .pipeline = listener->pipeline,
        .model = listener->about,
        .file = row.file,
        .since_ms = row.since_ms,
        .prompts = read && json_get_bool(&settings, "prompts", false),
    };
    json_push(call->arena, &page->items, schema_write(&job_schema, &job, call->arena));
    return 0;
}

static int list_jobs(struct api_call *call, struct err *err)
{
    const char *after = json_get_text(&call->params, "page_token", "");
    struct subscription *listeners = NULL;
    struct rest_page page = {.items = json_array()};
    size_t count = 0;
    if (store_subscription_list(call->store, "model", NULL, call->arena, &listeners, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count && page.next_page_token == NULL; i++) {
        bool is_job = strcmp(listeners[i].trigger_id, model_event_keys[MODEL_EVENT_VERSION]) == 0;
        if (!is_job || strcmp(listeners[i].pipeline, after) <= 0) {
            continue;
        }
        if (add_job(call, &listeners[i], &page, err) < 0) {
            return -1;
        }
        page.next_page_token = page.items.u.array.count == rest_limit(call) ? listeners[i].pipeline : NULL;
    }
    call->answer = schema_write(&jobs_schema, &page, call->arena);
    return 0;
}

/* ---- one version ------------------------------------------------------------------------------------------------ */

struct deployment_answer {
    const char *model, *job, *job_state, *pipeline, *run_state, *run_id, *run, *step, *reason;
    int64_t version;
};
static const struct schema_field deployment_fields[] = {
    {"model", FIELD_TEXT(struct deployment_answer, model)},
    {"version", FIELD_INT(struct deployment_answer, version)},
    {"job", FIELD_TEXT(struct deployment_answer, job), SCHEMA_NULLABLE,
     .doc = "the pipeline that is started for new versions of the model"},
    {"job_state", FIELD_TEXT(struct deployment_answer, job_state), SCHEMA_NULLABLE, .words = job_states},
    {"pipeline", FIELD_TEXT(struct deployment_answer, pipeline), SCHEMA_NULLABLE,
     .doc = "whose run the rest is about: the newest that was asked for"},
    {"run_state", FIELD_TEXT(struct deployment_answer, run_state), SCHEMA_NULLABLE, .words = run_states,
     .doc = "APPROVAL: it waits for people; FAILED also when it was refused or cancelled"},
    {"run_id", FIELD_TEXT(struct deployment_answer, run_id), SCHEMA_NULLABLE},
    {"run", FIELD_TEXT(struct deployment_answer, run), SCHEMA_NULLABLE, .doc = "PIPELINE/NUMBER"},
    {"step", FIELD_TEXT(struct deployment_answer, step), .doc = "at which it is, or has failed"},
    {"reason", FIELD_TEXT(struct deployment_answer, reason)},
    {0},
};
static const struct schema deployment_schema = {"Deployment", deployment_fields, NULL};

static int version_of(const struct api_call *call, int64_t *ret, struct err *err)
{
    return version_parse(json_get_text(&call->params, "version", ""), ret, err);
}

static int get_deployment(struct api_call *call, struct err *err)
{
    int64_t number = 0;
    struct model_version version;
    struct deployment_job job;
    struct deployment found;
    if (version_of(call, &number, err) < 0 ||
        store_version_get(call->store, rest_model_name(call), number, call->arena, &version, err) < 0 ||
        store_deployment_job(call->store, rest_model_name(call), call->arena, &job, err) < 0 ||
        store_deployment(call->store, rest_model_name(call), number, NULL, call->arena, &found, err) < 0) {
        return -1;
    }
    const struct deployment_answer answer = {
        .model = rest_model_name(call),
        .version = number,
        .job = job.pipeline,
        .job_state = job.state,
        .pipeline = found.pipeline,
        .run_state = found.run_state,
        .run_id = found.run_id,
        .run = found.label,
        .step = found.task,
        .reason = found.reason,
    };
    call->answer = schema_write(&deployment_schema, &answer, call->arena);
    return 0;
}
static const struct schema_field one_fields[] = {REST_MODEL_NAME, REST_MODEL_VERSION, {0}};

/* ---- start ------------------------------------------------------------------------------------------------------ */

/* Its run writes to the experiment of that name, as runs that are started by a user must be allowed to. */
static int check_experiment(void *ctx, const struct pipeline *pipeline, struct err *err)
{
    struct api_call *call = ctx;
    struct experiment experiment;
    struct err none = {0};
    if (store_experiment_find(call->store, arena_str(call->arena, pipeline->experiment).p, call->arena, &experiment,
                              &none) < 0) {
        return none.code == ERR_NOT_FOUND ? 0 : err_set(err, none.code, "%s", none.message);
    }
    return user_check_experiment(call, experiment.id, PERMISSION_EDIT, err);
}

static int tell_run(struct api_call *call, void *ctx, struct err *err)
{
    const struct trigger_row *row = ctx;
    struct pipeline_run run;
    if (store_pipeline_run_get(call->store, row->run_id, call->arena, &run, err) < 0) {
        return -1;
    }
    call->answer = rest_run_json(&run, call->arena);
    return 0;
}

static int start(struct api_call *call, struct err *err)
{
    const struct api_options *options = api_options_of(call->api);
    struct trigger_row *row = arena_one(call->arena, struct trigger_row);
    const struct json *params = json_get(&call->params, "params");
    struct deployment_order order = {
        .model = rest_model_name(call),
        .pipeline = json_get_text(&call->params, "pipeline", NULL),
        .params = params == NULL ? json_null() : *params,
        .actor = rest_actor(call),
        .check = check_experiment,
        .check_ctx = call,
    };
    if (version_of(call, &order.version, err) < 0) {
        return -1;
    }
    if (options->triggers == NULL) {
        return err_set(err, ERR_STATE, "this sluice starts no deployment jobs");
    }
    rest_told(call, tell_run, row);
    return triggers_deploy(options->triggers, options->engine, &order, call->arena, row, err);
}

static const struct schema_field start_fields[] = {
    REST_MODEL_NAME,
    REST_MODEL_VERSION,
    PIPELINE("one of the model's deployment jobs; needed where it has several"),
    {.name = "params", .type = SCHEMA_MAP, .doc = "beside model_name and model_version"},
    {0},
};

/* ---- connect ---------------------------------------------------------------------------------------------------- */

struct connection_answer {
    const char *model, *job, *job_state;
    struct json jobs;
};
static const struct schema_field connection_fields[] = {
    {"model", FIELD_TEXT(struct connection_answer, model)},
    {"job", FIELD_TEXT(struct connection_answer, job), SCHEMA_NULLABLE},
    {"job_state", FIELD_TEXT(struct connection_answer, job_state), SCHEMA_NULLABLE, .words = job_states},
    {"jobs", FIELD_JSON(TEXTS, struct connection_answer, jobs),
     .doc = "all pipelines in force that mean the model; where it names none of them, each is started"},
    {0},
};
static const struct schema connection_schema = {"DeploymentJobConnection", connection_fields, NULL};

static int tell_connection(struct api_call *call, struct err *err)
{
    struct deployment_job job;
    struct connection_answer answer = {.model = rest_model_name(call), .jobs = json_array()};
    const char **names = NULL;
    size_t count = 0;
    if (store_deployment_job(call->store, answer.model, call->arena, &job, err) < 0 ||
        store_deployment_jobs_of(call->store, answer.model, call->arena, &names, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        json_push(call->arena, &answer.jobs, json_cstring(call->arena, names[i]));
    }
    answer.job = job.pipeline;
    answer.job_state = job.state;
    call->answer = schema_write(&connection_schema, &answer, call->arena);
    return 0;
}

static int get_connection(struct api_call *call, struct err *err)
{
    struct registered_model model;
    return store_registry_get(call->store, rest_model_name(call), call->arena, &model, err) < 0 ? -1
                                                                                       : tell_connection(call, err);
}
static const struct schema_field connection_takes[] = {REST_MODEL_NAME, {0}};

static int connect(struct api_call *call, struct err *err)
{
    const struct mover by = {.actor = rest_actor(call), .door = "rest"};
    const char *pipeline = json_get_text(&call->params, "pipeline", NULL);
    if (store_deployment_job_set(call->store, rest_model_name(call), pipeline, &by, call->now_ms, err) < 0) {
        return -1;
    }
    return tell_connection(call, err);
}

static const struct schema_field connect_fields[] = {
    REST_MODEL_NAME,
    PIPELINE("a pipeline in force whose on: model_version means the model; \"\": none is to be started; not given: "
             "whichever means it, as in the beginning"),
    {0},
};

const struct api_route rest_deployment_routes[] = {
    {HTTP_GET, "/deployment-jobs", API_SLUICE, API_READS, API_NEEDS(ADMIN, READ, ADMIN),
     REST_DOC(.name = "listDeploymentJobs",
                                      .group = "Deployment jobs",
                                      .summary = "Pipelines in force with on: model_version, by name",
                                      .takes = list_fields,
                                      .gives = &jobs_schema,
                                      .flags = REST_APART),
     .answer = list_jobs},
    {HTTP_GET, "/registered-models/{name}/deployment-job", API_SLUICE, API_READS, API_NEEDS(VIEWER, READ, REGISTERED),
     REST_DOC(.name = "getDeploymentJob",
                                      .group = "Deployment jobs",
                                      .summary = "Which deployment job new versions of a registered model start",
                                      .takes = connection_takes,
                                      .gives = &connection_schema),
     .answer = get_connection},
    {HTTP_POST, "/registered-models/{name}/deployment-job", API_SLUICE, API_WRITES,
     API_NEEDS(EDITOR, MANAGE, REGISTERED),
     REST_DOC(.name = "connectDeploymentJob",
                                      .group = "Deployment jobs",
                                      .summary = "Say which deployment job new versions of a registered model start",
                                      .takes = connect_fields,
                                      .gives = &connection_schema),
     .answer = connect,
     .note = API_NOTED_INSIDE},
    {HTTP_GET, "/registered-models/{name}/versions/{version}/deployment", API_SLUICE, API_READS,
     API_NEEDS(VIEWER, READ, REGISTERED),
     REST_DOC(.name = "getDeployment",
                                      .group = "Deployment jobs",
                                      .summary = "How far a deployment job is with a version",
                                      .takes = one_fields,
                                      .gives = &deployment_schema),
     .answer = get_deployment},
    {HTTP_POST, "/registered-models/{name}/versions/{version}/deployment", API_SLUICE, API_WRITES,
     API_NEEDS(RUNNER, EDIT, REGISTERED),
     REST_DOC(.name = "startDeployment",
                                      .group = "Deployment jobs",
                                      .summary = "Start the deployment job of a version by hand",
                                      .details = "With the definition in force, as a new version would have. The "
                                                 "pipeline's experiment must be the user's to edit.",
                                      .takes = start_fields,
                                      .gives = &rest_run_summary,
                                      .status = 201,
                                      .flags = REST_COMMANDS),
     .answer = start,
     .note = API_NOTED_INSIDE},
    {0},
};
