/* SPDX-License-Identifier: Apache-2.0
 * MLflow's routes by which runs are told of: params, tags, points, data, models.
 */
#include "api/mlflow/entities.h"
#include "api/mlflow/routes.h"
#include "api/user_rights.h"
#include "store/run_batch.h"
#include "store/run_links.h"

static const char *run_of(const struct api_call *call)
{
    return param_text(&call->params, "run_id");
}

/* Member by member: a batch has a thousand of them. */
static struct metric_entry entry_of(const struct json *params)
{
    struct metric_entry entry = {.point.key = ""};
    for (size_t i = 0; i < params->u.object.count; i++) {
        const struct json_member *member = &params->u.object.members[i];
        if (str_is(member->key, "key")) {
            entry.point.key = member->value.u.string.p;
        } else if (str_is(member->key, "value")) {
            entry.point.value = member->value.u.number;
        } else if (str_is(member->key, "timestamp")) {
            entry.point.time_ms = member->value.u.integer;
        } else if (str_is(member->key, "step")) {
            entry.point.step = member->value.u.integer;
        } else if (str_is(member->key, "model_id")) {
            entry.model_id = member->value.u.string.p;
        } else if (str_is(member->key, "dataset_name")) {
            entry.dataset_name = member->value.u.string.p;
        } else if (str_is(member->key, "dataset_digest")) {
            entry.dataset_digest = member->value.u.string.p;
        }
    }
    return entry;
}

/* The metrics of a run may be those of a model, too, and that may be in another experiment. */
static int check_model(struct api_call *call, const char *model_id, struct err *err)
{
    return model_id == NULL ? 0 : user_check_owned(call, OWNED_LOGGED_MODEL, model_id, PERMISSION_EDIT, err);
}

static bool has_text(const char *text)
{
    return text != NULL && *text != '\0';
}

static int check_dataset(const struct metric_entry *entry, struct err *err)
{
    return has_text(entry->dataset_name) == has_text(entry->dataset_digest)
               ? 0
               : err_set(err, ERR_INPUT, "Both dataset_name and dataset_digest must be provided if one is provided");
}

static int log_metric(struct api_call *call, struct err *err)
{
    struct metric_entry entry = entry_of(&call->params);
    if (check_dataset(&entry, err) < 0 || check_model(call, entry.model_id, err) < 0) {
        return -1;
    }
    return store_run_log_metric(call->store, run_of(call), &entry, err);
}

/* Values of a step's matrix are params of its run. A script may log them, too, and write 0.50 where the pipeline has
 * 0.5: then its word is kept. */
static int make_way(struct api_call *call, const struct pair *params, size_t count, struct err *err)
{
    if (call->step == NULL || strcmp(run_of(call), call->step->run_id) != 0) {
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        if (json_get(call->step->matrix, params[i].key) != NULL &&
            store_run_param_forget(call->store, run_of(call), params[i].key, err) < 0) {
            return -1;
        }
    }
    return 0;
}

static int log_param(struct api_call *call, struct err *err)
{
    struct pair param = {param_text(&call->params, "key"), param_text(&call->params, "value")};
    if (make_way(call, &param, 1, err) < 0) {
        return -1;
    }
    return store_run_param(call->store, run_of(call), param_text(&call->params, "key"),
                           param_text(&call->params, "value"), err);
}

static int set_tag(struct api_call *call, struct err *err)
{
    return store_run_tag(call->store, run_of(call), param_text(&call->params, "key"),
                         param_text(&call->params, "value"), err);
}

static int delete_tag(struct api_call *call, struct err *err)
{
    return store_run_delete_tag(call->store, run_of(call), param_text(&call->params, "key"), err);
}

static int log_batch(struct api_call *call, struct err *err)
{
    struct run_batch batch = {0};
    const struct json *items = param_list(&call->params, "metrics", &batch.metric_count);
    struct metric_entry *entries = arena_array(call->arena, batch.metric_count + 1, sizeof *entries);
    for (size_t i = 0; i < batch.metric_count; i++) {
        entries[i] = entry_of(&items[i]);
        if (check_dataset(&entries[i], err) < 0 || check_model(call, entries[i].model_id, err) < 0) {
            return -1;
        }
    }
    batch.metrics = entries;
    batch.params = pairs_of(call, &call->params, "params", &batch.param_count);
    batch.tags = pairs_of(call, &call->params, "tags", &batch.tag_count);
    if (make_way(call, batch.params, batch.param_count, err) < 0) {
        return -1;
    }
    return store_run_log_batch(call->store, run_of(call), &batch, err);
}

/* What clients before MLflow 3 call a model: its document, as text. */
static int log_model(struct api_call *call, struct err *err)
{
    struct json model;
    struct err wrong = {0};
    if (json_read(str_from(param_text(&call->params, "model_json")), (struct json_limits){0}, call->arena, &model,
                  &wrong) < 0) {
        return err_set(err, ERR_INPUT, "Malformed model info. \n %s \n is not a valid JSON. %s",
                       param_text(&call->params, "model_json"), wrong.message);
    }
    return store_run_log_model(call->store, run_of(call), &model, err);
}

static int log_inputs(struct api_call *call, struct err *err)
{
    size_t count = 0;
    size_t model_count = 0;
    const struct json *items = param_list(&call->params, "datasets", &count);
    const struct json *models = param_list(&call->params, "models", &model_count);
    struct dataset_input *inputs = arena_array(call->arena, count + 1, sizeof *inputs);
    const char **model_ids = arena_array(call->arena, model_count + 1, sizeof *model_ids);
    for (size_t i = 0; i < count; i++) {
        const struct json *dataset = json_get(&items[i], "dataset");
        inputs[i].tags = pairs_of(call, &items[i], "tags", &inputs[i].tag_count);
        inputs[i].dataset = (struct dataset_use){
            .name = param_text(dataset, "name"),
            .digest = param_text(dataset, "digest"),
            .source_type = param_text(dataset, "source_type"),
            .source = param_text(dataset, "source"),
            .schema = json_get_text(dataset, "schema", NULL),
            .profile = json_get_text(dataset, "profile", NULL),
        };
    }
    for (size_t i = 0; i < model_count; i++) {
        model_ids[i] = param_text(&models[i], "model_id");
        if (check_model(call, model_ids[i], err) < 0) {
            return -1;
        }
    }
    return store_run_inputs_log(call->store, run_of(call), inputs, count, model_ids, model_count, err);
}

static int log_outputs(struct api_call *call, struct err *err)
{
    size_t count = 0;
    const struct json *items = param_list(&call->params, "models", &count);
    struct model_output *outputs = arena_array(call->arena, count + 1, sizeof *outputs);
    for (size_t i = 0; i < count; i++) {
        outputs[i] = (struct model_output){param_text(&items[i], "model_id"), json_get_int(&items[i], "step", 0)};
        if (check_model(call, outputs[i].model_id, err) < 0) {
            return -1;
        }
    }
    return store_run_outputs_log(call->store, run_of(call), outputs, count, err);
}

#define RUN_ID                                                                                                         \
    {                                                                                                                  \
        .name = "run_id", .type = API_TEXT, .required = true, .alias = "run_uuid"                                      \
    }
#define METRIC_FIELDS                                                                                                  \
    {.name = "key", .type = API_TEXT, .required = true}, {.name = "value", .type = API_REAL, .required = true},        \
        {.name = "timestamp", .type = API_INT, .required = true}, {.name = "step", .type = API_INT},                   \
        {.name = "model_id", .type = API_TEXT}, {.name = "dataset_name", .type = API_TEXT},                            \
    {                                                                                                                  \
        .name = "dataset_digest", .type = API_TEXT                                                                     \
    }

static const struct api_field metric_fields[] = {RUN_ID, METRIC_FIELDS, {0}};
static const struct api_field pair_of_run_fields[] = {
    RUN_ID, {.name = "key", .type = API_TEXT, .required = true}, {.name = "value", .type = API_TEXT}, {0}};
static const struct api_field batch_metric_fields[] = {METRIC_FIELDS, {0}};
static const struct api_field batch_fields[] = {RUN_ID,
                                                {.name = "metrics", .type = API_OBJECTS, .fields = batch_metric_fields},
                                                {.name = "params", .type = API_OBJECTS, .fields = pair_fields},
                                                {.name = "tags", .type = API_OBJECTS, .fields = pair_fields},
                                                {0}};
static const struct api_field model_fields[] = {
    RUN_ID, {.name = "model_json", .type = API_TEXT, .required = true}, {0}};
static const struct api_field dataset_fields[] = {{.name = "name", .type = API_TEXT, .required = true},
                                                  {.name = "digest", .type = API_TEXT, .required = true},
                                                  {.name = "source_type", .type = API_TEXT, .required = true},
                                                  {.name = "source", .type = API_TEXT, .required = true},
                                                  {.name = "schema", .type = API_TEXT},
                                                  {.name = "profile", .type = API_TEXT},
                                                  {0}};
static const struct api_field dataset_input_fields[] = {
    {.name = "dataset", .type = API_OBJECT, .required = true, .fields = dataset_fields},
    {.name = "tags", .type = API_OBJECTS, .fields = pair_fields},
    {0}};
static const struct api_field model_input_fields[] = {{.name = "model_id", .type = API_TEXT, .required = true}, {0}};
static const struct api_field inputs_fields[] = {
    RUN_ID,
    {.name = "datasets", .type = API_OBJECTS, .fields = dataset_input_fields},
    {.name = "models", .type = API_OBJECTS, .fields = model_input_fields},
    {0}};
static const struct api_field model_output_fields[] = {
    {.name = "model_id", .type = API_TEXT, .required = true}, {.name = "step", .type = API_INT, .required = true}, {0}};
static const struct api_field outputs_fields[] = {
    RUN_ID, {.name = "models", .type = API_OBJECTS, .required = true, .fields = model_output_fields}, {0}};

const struct api_route mlflow_run_log_routes[] = {
    {HTTP_POST, "/mlflow/runs/log-metric", API_V2, API_WRITES_RUN, API_NEEDS(EDITOR, EDIT, RUN), metric_fields,
     log_metric, API_RECORDING},
    {HTTP_POST, "/mlflow/runs/log-parameter", API_V2, API_WRITES_RUN, API_NEEDS(EDITOR, EDIT, RUN), pair_of_run_fields,
     log_param, API_RECORDING},
    {HTTP_POST, "/mlflow/runs/set-tag", API_V2, API_WRITES_RUN, API_NEEDS(EDITOR, EDIT, RUN), pair_of_run_fields,
     set_tag, API_RECORDING},
    {HTTP_POST, "/mlflow/runs/delete-tag", API_V2, API_WRITES_RUN, API_NEEDS(EDITOR, EDIT, RUN), pair_of_run_fields,
     delete_tag, API_RECORDING},
    {HTTP_POST, "/mlflow/runs/log-batch", API_V2, API_WRITES_RUN, API_NEEDS(EDITOR, EDIT, RUN), batch_fields, log_batch,
     API_RECORDING},
    {HTTP_POST, "/mlflow/runs/log-model", API_V2, API_WRITES_RUN, API_NEEDS(EDITOR, EDIT, RUN), model_fields, log_model,
     API_RECORDING},
    {HTTP_POST, "/mlflow/runs/log-inputs", API_V2, API_WRITES_RUN, API_NEEDS(EDITOR, EDIT, RUN), inputs_fields,
     log_inputs, API_RECORDING},
    {HTTP_POST, "/mlflow/runs/outputs", API_V2, API_WRITES_RUN, API_NEEDS(EDITOR, EDIT, RUN), outputs_fields,
     log_outputs, API_RECORDING},
    {0},
};
