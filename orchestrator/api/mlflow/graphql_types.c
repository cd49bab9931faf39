/* SPDX-License-Identifier: Apache-2.0 */
#include "api/mlflow/graphql_types.h"

#define TEXT(n)                                                                                                        \
    { .name = n, .kind = GRAPHQL_TYPE_STRING }
#define TEXTS(n)                                                                                                       \
    { .name = n, .kind = GRAPHQL_TYPE_STRING, .list = true }
#define INT(n)                                                                                                         \
    { .name = n, .kind = GRAPHQL_TYPE_INT }
#define LONG(n)                                                                                                        \
    { .name = n, .kind = GRAPHQL_TYPE_LONG }
#define BOOL(n)                                                                                                        \
    { .name = n, .kind = GRAPHQL_TYPE_BOOL }
#define REAL(n)                                                                                                        \
    { .name = n, .kind = GRAPHQL_TYPE_FLOAT }
#define REAL_OR_NULL(n)                                                                                                \
    { .name = n, .kind = GRAPHQL_TYPE_FLOAT, .nan_is_null = true }
#define WORD(n, t)                                                                                                     \
    { .name = n, .kind = GRAPHQL_TYPE_ENUM, .type = &(t) }
#define WORD_OR_NULL(n, t)                                                                                             \
    { .name = n, .kind = GRAPHQL_TYPE_ENUM, .type = &(t), .nullable = true }
#define INPUT(n, t)                                                                                                    \
    { .name = n, .kind = GRAPHQL_TYPE_INPUT, .type = &(t) }
#define OBJECT(n, t)                                                                                                   \
    { .name = n, .kind = GRAPHQL_TYPE_OBJECT, .type = &(t) }
#define OBJECTS(n, t)                                                                                                  \
    { .name = n, .kind = GRAPHQL_TYPE_OBJECT, .list = true, .type = &(t) }
/* What went wrong is in the errors of the answer, as on MLflow's server: this is never filled. */
#define API_ERROR                                                                                                      \
    { .name = "apiError", .kind = GRAPHQL_TYPE_OBJECT, .type = &api_error, .nullable = true }
#define ROOT(n, t, a, r)                                                                                               \
    { .name = n, .kind = GRAPHQL_TYPE_OBJECT, .type = &(t), .arguments = a, .resolve = r, .nullable = true }

static const char *const deployment_job_connection_state_words[] = {"DEPLOYMENT_JOB_CONNECTION_STATE_UNSPECIFIED",
                                                                    "NOT_SET_UP",
                                                                    "CONNECTED",
                                                                    "NOT_FOUND",
                                                                    "REQUIRED_PARAMETERS_CHANGED",
                                                                    NULL};
static const struct graphql_type deployment_job_connection_state = {.name = "MlflowDeploymentJobConnectionState",
                                                                    .words = deployment_job_connection_state_words};

static const char *const model_version_deployment_job_state_deployment_job_run_state_words[] = {
    "DEPLOYMENT_JOB_RUN_STATE_UNSPECIFIED",
    "NO_VALID_DEPLOYMENT_JOB_FOUND",
    "RUNNING",
    "SUCCEEDED",
    "FAILED",
    "PENDING",
    "APPROVAL",
    NULL};
static const struct graphql_type model_version_deployment_job_state_deployment_job_run_state = {
    .name = "MlflowModelVersionDeploymentJobStateDeploymentJobRunState",
    .words = model_version_deployment_job_state_deployment_job_run_state_words};

static const char *const model_version_status_words[] = {"PENDING_REGISTRATION", "FAILED_REGISTRATION", "READY", NULL};
static const struct graphql_type model_version_status = {.name = "MlflowModelVersionStatus",
                                                         .words = model_version_status_words};

static const char *const run_status_words[] = {"RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED", NULL};
static const struct graphql_type run_status = {.name = "MlflowRunStatus", .words = run_status_words};

static const char *const view_type_words[] = {"ACTIVE_ONLY", "DELETED_ONLY", "ALL", NULL};
static const struct graphql_type view_type = {.name = "MlflowViewType", .words = view_type_words};

static const struct graphql_field error_detail_fields[] = {TEXT("field"), TEXT("message"), {0}};
static const struct graphql_type error_detail = {"ErrorDetail", .fields = error_detail_fields};

static const struct graphql_field api_error_fields[] = {
    TEXT("code"), TEXT("message"), TEXT("helpUrl"), TEXT("traceId"), OBJECTS("errorDetails", error_detail), {0}};
static const struct graphql_type api_error = {"ApiError", .fields = api_error_fields};

static const struct graphql_field model_version_deployment_job_state_fields[] = {
    TEXT("jobId"),
    TEXT("runId"),
    WORD_OR_NULL("jobState", deployment_job_connection_state),
    WORD_OR_NULL("runState", model_version_deployment_job_state_deployment_job_run_state),
    TEXT("currentTaskName"),
    {0}};
static const struct graphql_type model_version_deployment_job_state = {
    "MlflowModelVersionDeploymentJobState", .fields = model_version_deployment_job_state_fields};

static const struct graphql_field model_metric_fields[] = {TEXT("key"),     REAL("value"),       LONG("timestamp"),
                                                           LONG("step"),    TEXT("datasetName"), TEXT("datasetDigest"),
                                                           TEXT("modelId"), TEXT("runId"),       {0}};
static const struct graphql_type model_metric = {"MlflowModelMetric", .fields = model_metric_fields};

static const struct graphql_field model_param_fields[] = {TEXT("name"), TEXT("value"), {0}};
static const struct graphql_type model_param = {"MlflowModelParam", .fields = model_param_fields};

static const struct graphql_field model_version_tag_fields[] = {TEXT("key"), TEXT("value"), {0}};
static const struct graphql_type model_version_tag = {"MlflowModelVersionTag", .fields = model_version_tag_fields};

static const struct graphql_field model_version_fields[] = {
    TEXT("name"),
    TEXT("version"),
    LONG("creationTimestamp"),
    LONG("lastUpdatedTimestamp"),
    TEXT("userId"),
    TEXT("currentStage"),
    TEXT("description"),
    TEXT("source"),
    TEXT("runId"),
    WORD("status", model_version_status),
    TEXT("statusMessage"),
    OBJECTS("tags", model_version_tag),
    TEXT("runLink"),
    TEXTS("aliases"),
    TEXT("modelId"),
    OBJECTS("modelParams", model_param),
    OBJECTS("modelMetrics", model_metric),
    OBJECT("deploymentJobState", model_version_deployment_job_state),
    {0}};
static const struct graphql_type model_version = {"MlflowModelVersion", .fields = model_version_fields};

static const struct graphql_field search_model_versions_response_fields[] = {
    OBJECTS("modelVersions", model_version), TEXT("nextPageToken"), API_ERROR, {0}};
static const struct graphql_type search_model_versions_response = {"MlflowSearchModelVersionsResponse",
                                                                   .fields = search_model_versions_response_fields};

static const struct graphql_field dataset_summary_fields[] = {
    TEXT("experimentId"), TEXT("name"), TEXT("digest"), TEXT("context"), {0}};
static const struct graphql_type dataset_summary = {"MlflowDatasetSummary", .fields = dataset_summary_fields};

static const struct graphql_field search_datasets_response_fields[] = {
    OBJECTS("datasetSummaries", dataset_summary), API_ERROR, {0}};
static const struct graphql_type search_datasets_response = {"MlflowSearchDatasetsResponse",
                                                             .fields = search_datasets_response_fields};

static const struct graphql_field metric_with_run_id_fields[] = {TEXT("key"),  REAL("value"), LONG("timestamp"),
                                                                 LONG("step"), TEXT("runId"), {0}};
static const struct graphql_type metric_with_run_id = {"MlflowMetricWithRunId", .fields = metric_with_run_id_fields};

static const struct graphql_field get_metric_history_bulk_interval_response_fields[] = {
    OBJECTS("metrics", metric_with_run_id), API_ERROR, {0}};
static const struct graphql_type get_metric_history_bulk_interval_response = {
    "MlflowGetMetricHistoryBulkIntervalResponse", .fields = get_metric_history_bulk_interval_response_fields};

static const struct graphql_field file_info_fields[] = {TEXT("path"), BOOL("isDir"), LONG("fileSize"), {0}};
static const struct graphql_type file_info = {"MlflowFileInfo", .fields = file_info_fields};

static const struct graphql_field list_artifacts_response_fields[] = {
    TEXT("rootUri"), OBJECTS("files", file_info), TEXT("nextPageToken"), API_ERROR, {0}};
static const struct graphql_type list_artifacts_response = {"MlflowListArtifactsResponse",
                                                            .fields = list_artifacts_response_fields};

static const struct graphql_field model_output_fields[] = {TEXT("modelId"), LONG("step"), {0}};
static const struct graphql_type model_output = {"MlflowModelOutput", .fields = model_output_fields};

static const struct graphql_field run_outputs_fields[] = {OBJECTS("modelOutputs", model_output), {0}};
static const struct graphql_type run_outputs = {"MlflowRunOutputs", .fields = run_outputs_fields};

static const struct graphql_field model_input_fields[] = {TEXT("modelId"), {0}};
static const struct graphql_type model_input = {"MlflowModelInput", .fields = model_input_fields};

static const struct graphql_field dataset_fields[] = {
    TEXT("name"), TEXT("digest"), TEXT("sourceType"), TEXT("source"), TEXT("schema"), TEXT("profile"), {0}};
static const struct graphql_type dataset = {"MlflowDataset", .fields = dataset_fields};

static const struct graphql_field input_tag_fields[] = {TEXT("key"), TEXT("value"), {0}};
static const struct graphql_type input_tag = {"MlflowInputTag", .fields = input_tag_fields};

static const struct graphql_field dataset_input_fields[] = {
    OBJECTS("tags", input_tag), OBJECT("dataset", dataset), {0}};
static const struct graphql_type dataset_input = {"MlflowDatasetInput", .fields = dataset_input_fields};

static const struct graphql_field run_inputs_fields[] = {
    OBJECTS("datasetInputs", dataset_input), OBJECTS("modelInputs", model_input), {0}};
static const struct graphql_type run_inputs = {"MlflowRunInputs", .fields = run_inputs_fields};

static const struct graphql_field run_tag_fields[] = {TEXT("key"), TEXT("value"), {0}};
static const struct graphql_type run_tag = {"MlflowRunTag", .fields = run_tag_fields};

static const struct graphql_field param_fields[] = {TEXT("key"), TEXT("value"), {0}};
static const struct graphql_type param = {"MlflowParam", .fields = param_fields};

static const struct graphql_field metric_extension_fields[] = {
    TEXT("key"),           REAL_OR_NULL("value"), LONG("timestamp"), LONG("step"), TEXT("datasetName"),
    TEXT("datasetDigest"), TEXT("modelId"),       TEXT("runId"),     {0}};
static const struct graphql_type metric_extension = {"MlflowMetricExtension", .fields = metric_extension_fields};

static const struct graphql_field run_data_fields[] = {
    OBJECTS("metrics", metric_extension), OBJECTS("params", param), OBJECTS("tags", run_tag), {0}};
static const struct graphql_type run_data = {"MlflowRunData", .fields = run_data_fields};

static const struct graphql_field run_info_fields[] = {TEXT("runId"),
                                                       TEXT("runUuid"),
                                                       TEXT("runName"),
                                                       TEXT("experimentId"),
                                                       TEXT("userId"),
                                                       WORD("status", run_status),
                                                       LONG("startTime"),
                                                       LONG("endTime"),
                                                       TEXT("artifactUri"),
                                                       TEXT("lifecycleStage"),
                                                       {0}};
static const struct graphql_type run_info = {"MlflowRunInfo", .fields = run_info_fields};

static const struct graphql_field experiment_tag_fields[] = {TEXT("key"), TEXT("value"), {0}};
static const struct graphql_type experiment_tag = {"MlflowExperimentTag", .fields = experiment_tag_fields};

static const struct graphql_field experiment_fields[] = {TEXT("experimentId"),
                                                         TEXT("name"),
                                                         TEXT("artifactLocation"),
                                                         TEXT("lifecycleStage"),
                                                         LONG("lastUpdateTime"),
                                                         LONG("creationTime"),
                                                         OBJECTS("tags", experiment_tag),
                                                         TEXT("effectiveTraceArchivalRetention"),
                                                         TEXT("workspace"),
                                                         {0}};
static const struct graphql_type experiment = {"MlflowExperiment", .fields = experiment_fields};

static const struct graphql_field run_extension_fields[] = {
    OBJECT("info", run_info),
    OBJECT("data", run_data),
    OBJECT("inputs", run_inputs),
    OBJECT("outputs", run_outputs),
    {.name = "experiment", .kind = GRAPHQL_TYPE_OBJECT, .type = &experiment, .resolve = graphql_run_experiment},
    {.name = "modelVersions",
     .kind = GRAPHQL_TYPE_OBJECT,
     .list = true,
     .type = &model_version,
     .resolve = graphql_run_versions},
    {0}};
static const struct graphql_type run_extension = {"MlflowRunExtension", .fields = run_extension_fields};

static const struct graphql_field search_runs_response_fields[] = {
    OBJECTS("runs", run_extension), TEXT("nextPageToken"), API_ERROR, {0}};
static const struct graphql_type search_runs_response = {"MlflowSearchRunsResponse",
                                                         .fields = search_runs_response_fields};

static const struct graphql_field get_run_response_fields[] = {OBJECT("run", run_extension), API_ERROR, {0}};
static const struct graphql_type get_run_response = {"MlflowGetRunResponse", .fields = get_run_response_fields};

static const struct graphql_field get_experiment_response_fields[] = {OBJECT("experiment", experiment), API_ERROR, {0}};
static const struct graphql_type get_experiment_response = {"MlflowGetExperimentResponse",
                                                            .fields = get_experiment_response_fields};

static const struct graphql_field search_model_versions_input_fields[] = {
    TEXT("filter"), LONG("maxResults"), TEXTS("orderBy"), TEXT("pageToken"), {0}};
static const struct graphql_type search_model_versions_input = {"MlflowSearchModelVersionsInput",
                                                                .fields = search_model_versions_input_fields};

static const struct graphql_field search_datasets_input_fields[] = {TEXTS("experimentIds"), {0}};
static const struct graphql_type search_datasets_input = {"MlflowSearchDatasetsInput",
                                                          .fields = search_datasets_input_fields};

static const struct graphql_field get_metric_history_bulk_interval_input_fields[] = {
    TEXTS("runIds"), TEXT("metricKey"), INT("startStep"), INT("endStep"), INT("maxResults"), {0}};
static const struct graphql_type get_metric_history_bulk_interval_input = {
    "MlflowGetMetricHistoryBulkIntervalInput", .fields = get_metric_history_bulk_interval_input_fields};

static const struct graphql_field list_artifacts_input_fields[] = {
    TEXT("runId"), TEXT("runUuid"), TEXT("path"), TEXT("pageToken"), {0}};
static const struct graphql_type list_artifacts_input = {"MlflowListArtifactsInput",
                                                         .fields = list_artifacts_input_fields};

static const struct graphql_field search_runs_input_fields[] = {TEXTS("experimentIds"),
                                                                TEXT("filter"),
                                                                WORD("runViewType", view_type),
                                                                INT("maxResults"),
                                                                TEXTS("orderBy"),
                                                                TEXT("pageToken"),
                                                                {0}};
static const struct graphql_type search_runs_input = {"MlflowSearchRunsInput", .fields = search_runs_input_fields};

static const struct graphql_field get_run_input_fields[] = {TEXT("runId"), TEXT("runUuid"), {0}};
static const struct graphql_type get_run_input = {"MlflowGetRunInput", .fields = get_run_input_fields};

static const struct graphql_field get_experiment_input_fields[] = {TEXT("experimentId"), {0}};
static const struct graphql_type get_experiment_input = {"MlflowGetExperimentInput",
                                                         .fields = get_experiment_input_fields};

/* ---- the roots ---- */

static const struct graphql_field get_experiment_takes[] = {INPUT("input", get_experiment_input), {0}};
static const struct graphql_field get_metric_history_bulk_interval_takes[] = {
    INPUT("input", get_metric_history_bulk_interval_input), {0}};
static const struct graphql_field get_run_takes[] = {INPUT("input", get_run_input), {0}};
static const struct graphql_field list_artifacts_takes[] = {INPUT("input", list_artifacts_input), {0}};
static const struct graphql_field search_model_versions_takes[] = {INPUT("input", search_model_versions_input), {0}};
static const struct graphql_field search_runs_takes[] = {INPUT("input", search_runs_input), {0}};
static const struct graphql_field search_datasets_takes[] = {INPUT("input", search_datasets_input), {0}};
static const struct graphql_field test_takes[] = {TEXT("inputString"), {0}};
static const struct graphql_field test_fields[] = {TEXT("output"), {0}};
static const struct graphql_type test = {"Test", .fields = test_fields};
static const struct graphql_type test_mutation = {"TestMutation", .fields = test_fields};

static const struct graphql_field query_fields[] = {
    ROOT("mlflowGetExperiment", get_experiment_response, get_experiment_takes, graphql_get_experiment),
    ROOT("mlflowGetMetricHistoryBulkInterval", get_metric_history_bulk_interval_response,
         get_metric_history_bulk_interval_takes, graphql_metric_interval),
    ROOT("mlflowGetRun", get_run_response, get_run_takes, graphql_get_run),
    ROOT("mlflowListArtifacts", list_artifacts_response, list_artifacts_takes, graphql_list_artifacts),
    ROOT("mlflowSearchModelVersions", search_model_versions_response, search_model_versions_takes,
         graphql_search_versions),
    ROOT("mlflowSearchRuns", search_runs_response, search_runs_takes, graphql_search_runs),
    ROOT("test", test, test_takes, graphql_test),
    {0}};
static const struct graphql_field mutation_fields[] = {
    ROOT("mlflowSearchDatasets", search_datasets_response, search_datasets_takes, graphql_search_datasets),
    ROOT("mlflowSearchRuns", search_runs_response, search_runs_takes, graphql_search_runs),
    ROOT("testMutation", test_mutation, test_takes, graphql_test_mutation),
    {0}};
static const struct graphql_type query = {"Query", .fields = query_fields};
static const struct graphql_type mutation = {"Mutation", .fields = mutation_fields};

static const struct graphql_type *const objects[] = {&error_detail,
                                                     &api_error,
                                                     &model_version_deployment_job_state,
                                                     &model_metric,
                                                     &model_param,
                                                     &model_version_tag,
                                                     &model_version,
                                                     &search_model_versions_response,
                                                     &dataset_summary,
                                                     &search_datasets_response,
                                                     &metric_with_run_id,
                                                     &get_metric_history_bulk_interval_response,
                                                     &file_info,
                                                     &list_artifacts_response,
                                                     &model_output,
                                                     &run_outputs,
                                                     &model_input,
                                                     &dataset,
                                                     &input_tag,
                                                     &dataset_input,
                                                     &run_inputs,
                                                     &run_tag,
                                                     &param,
                                                     &metric_extension,
                                                     &run_data,
                                                     &run_info,
                                                     &experiment_tag,
                                                     &experiment,
                                                     &run_extension,
                                                     &search_runs_response,
                                                     &get_run_response,
                                                     &get_experiment_response,
                                                     &test,
                                                     &test_mutation,
                                                     &query,
                                                     &mutation,
                                                     NULL};
static const struct graphql_type *const inputs[] = {&search_model_versions_input,
                                                    &search_datasets_input,
                                                    &get_metric_history_bulk_interval_input,
                                                    &list_artifacts_input,
                                                    &search_runs_input,
                                                    &get_run_input,
                                                    &get_experiment_input,
                                                    NULL};
static const struct graphql_type *const enums[] = {&deployment_job_connection_state,
                                                   &model_version_deployment_job_state_deployment_job_run_state,
                                                   &model_version_status,
                                                   &run_status,
                                                   &view_type,
                                                   NULL};

const struct graphql_schema mlflow_graphql_schema = {
    .query = &query, .mutation = &mutation, .objects = objects, .inputs = inputs, .enums = enums};
