/* SPDX-License-Identifier: Apache-2.0 */
#include "api/mlflow/entities.h"

#include "base/parse.h"
#include "store/artifact_uri.h"
#include "store/deployment_jobs.h"

const struct api_field pair_fields[] = {
    {.name = "key", .type = API_TEXT, .required = true}, {.name = "value", .type = API_TEXT}, {0}};

const char *const view_words[] = {NULL, "ACTIVE_ONLY", "DELETED_ONLY", "ALL", ""};

int view_of(const char *word)
{
    return strcmp(word, "DELETED_ONLY") == 0 ? 2 : strcmp(word, "ALL") == 0 ? 3 : 1;
}

/* ---- building --------------------------------------------------------------------------------------------------- */

void put(struct api_call *call, struct json *object, const char *name, struct json value)
{
    json_add_str(call->arena, object, str_from(name), value);
}

/* The texts come from the store, in the call's arena: they are not copied again. */
void put_text(struct api_call *call, struct json *object, const char *name, const char *value)
{
    put(call, object, name, (struct json){.type = JSON_STRING, .u.string = str_from(value == NULL ? "" : value)});
}

void put_int(struct api_call *call, struct json *object, const char *name, int64_t value)
{
    put(call, object, name, json_int(value));
}

void put_list(struct api_call *call, struct json *object, const char *name, struct json list)
{
    if (list.u.array.count > 0) {
        put(call, object, name, list);
    }
}

static void put_given(struct api_call *call, struct json *object, const char *name, const char *value)
{
    if (value != NULL && *value != '\0') {
        put_text(call, object, name, value);
    }
}

struct json pairs_json(struct api_call *call, const struct json *map)
{
    struct json list = json_array();
    for (size_t i = 0; map->type == JSON_OBJECT && i < map->u.object.count; i++) {
        struct json pair = json_object();
        put(call, &pair, "key", (struct json){.type = JSON_STRING, .u.string = map->u.object.members[i].key});
        put(call, &pair, "value", map->u.object.members[i].value);
        json_push(call->arena, &list, pair);
    }
    return list;
}

/* ---- reading params --------------------------------------------------------------------------------------------- */

int experiment_id_of(const char *text, int64_t *ret, struct err *err)
{
    int64_t number = 0;
    *ret = 0;
    if (*text != '\0' && parse_int(str_from(text), INT64_MIN, INT64_MAX, &number, NULL) < 0) {
        return err_set(err, ERR_INPUT, "Invalid experiment ID '%.100s'. Experiment ID must be a valid integer.", text);
    }
    if (number < 0) {
        return err_set(err, ERR_NOT_FOUND, "No Experiment with id=%lld exists", (long long)number);
    }
    *ret = number;
    return 0;
}

int experiment_ids_check(struct api_call *call, const char *name, struct err *err)
{
    size_t count = 0;
    const char **texts = param_texts(&call->params, name, call->arena, &count);
    for (size_t i = 0; i < count; i++) {
        int64_t number = 0;
        if (parse_int(str_from(texts[i]), INT64_MIN, INT64_MAX, &number, NULL) < 0) {
            return err_set(err, ERR_INPUT, "Invalid experiment ID '%.100s'. Experiment ID must be a valid integer.",
                           texts[i]);
        }
    }
    return 0;
}

int64_t *experiment_ids_of(struct api_call *call, const char *name, size_t *ret_count)
{
    size_t given = 0;
    const char **texts = param_texts(&call->params, name, call->arena, &given);
    int64_t *ids = arena_array(call->arena, given + 1, sizeof *ids);
    *ret_count = 0;
    for (size_t i = 0; i < given; i++) {
        if (experiment_id_of(texts[i], &ids[*ret_count], NULL) == 0) {
            ++*ret_count;
        }
    }
    return ids;
}

struct pair *pairs_of(struct api_call *call, const struct json *params, const char *name, size_t *ret_count)
{
    const struct json *items = param_list(params, name, ret_count);
    struct pair *pairs = arena_array(call->arena, *ret_count + 1, sizeof *pairs);
    for (size_t i = 0; i < *ret_count; i++) {
        pairs[i] = (struct pair){param_text(&items[i], "key"), param_text(&items[i], "value")};
    }
    return pairs;
}

/* ---- places of files -------------------------------------------------------------------------------------------- */

const char *client_uri(struct api_call *call, const char *stored)
{
    const char *below = artifact_below_home(str_from(call->home), stored);
    return below == NULL ? stored : arena_printf(call->arena, "mlflow-artifacts:%s", below);
}

const char *experiment_root(struct api_call *call, const struct experiment *experiment)
{
    if (experiment->artifact_location[0] != '\0') {
        return experiment->artifact_location;
    }
    return arena_printf(call->arena, "%s/artifacts/%lld", call->home, (long long)experiment->id);
}

/* ---- experiments and runs --------------------------------------------------------------------------------------- */

int experiment_json(struct api_call *call, const struct experiment *experiment, struct json *ret, struct err *err)
{
    struct json tags;
    struct json object = json_object();
    if (store_experiment_tags(call->store, experiment->id, call->arena, &tags, err) < 0) {
        return -1;
    }
    put_text(call, &object, "experiment_id", arena_printf(call->arena, "%lld", (long long)experiment->id));
    put_text(call, &object, "name", experiment->name);
    put_text(call, &object, "artifact_location", client_uri(call, experiment_root(call, experiment)));
    put_text(call, &object, "lifecycle_stage", experiment->deleted ? "deleted" : "active");
    put_int(call, &object, "last_update_time", experiment->updated_ms);
    put_int(call, &object, "creation_time", experiment->created_ms);
    put_list(call, &object, "tags", pairs_json(call, &tags));
    put_text(call, &object, "workspace", "default"); /* the only one of a server without workspaces */
    *ret = object;
    return 0;
}

struct json run_info_json(struct api_call *call, const struct run_info *run)
{
    struct json object = json_object();
    put_text(call, &object, "run_uuid", run->run_id);
    put_text(call, &object, "run_id", run->run_id);
    put_text(call, &object, "run_name", run->name);
    put_text(call, &object, "experiment_id", arena_printf(call->arena, "%lld", (long long)run->experiment_id));
    put_text(call, &object, "user_id", run->user);
    put_text(call, &object, "status", run_status_name(run->status));
    put_int(call, &object, "start_time", run->start_ms);
    if (run->end_ms != 0) {
        put_int(call, &object, "end_time", run->end_ms);
    }
    put_text(call, &object, "artifact_uri", client_uri(call, run->artifact_uri));
    put_text(call, &object, "lifecycle_stage", run->deleted ? "deleted" : "active");
    return object;
}

struct json point_json(struct api_call *call, const struct metric_point *point)
{
    struct json object = json_object();
    put_text(call, &object, "key", point->key);
    put(call, &object, "value", json_number(point->value));
    put_int(call, &object, "timestamp", point->time_ms);
    put_int(call, &object, "step", point->step);
    return object;
}

/* MLflow's server says only of a logged model which data it was measured on. */
static struct json latest_json(struct api_call *call, const struct metric_latest *latest)
{
    return point_json(call, &(struct metric_point){latest->key, latest->value, latest->step, latest->time_ms});
}

static struct json dataset_input_json(struct api_call *call, const struct dataset_input *input)
{
    struct json tags = json_array();
    struct json dataset = json_object();
    struct json object = json_object();
    for (size_t i = 0; i < input->tag_count; i++) {
        struct json tag = json_object();
        put_text(call, &tag, "key", input->tags[i].key);
        put_text(call, &tag, "value", input->tags[i].value);
        json_push(call->arena, &tags, tag);
    }
    put_text(call, &dataset, "name", input->dataset.name);
    put_text(call, &dataset, "digest", input->dataset.digest);
    put_text(call, &dataset, "source_type", input->dataset.source_type);
    put_text(call, &dataset, "source", input->dataset.source);
    put_given(call, &dataset, "schema", input->dataset.schema);
    put_given(call, &dataset, "profile", input->dataset.profile);
    put_list(call, &object, "tags", tags);
    put(call, &object, "dataset", dataset);
    return object;
}

static void put_links(struct api_call *call, struct json *run, const struct run_links *links)
{
    struct json datasets = json_array();
    struct json used = json_array();
    struct json made = json_array();
    struct json inputs = json_object();
    struct json outputs = json_object();
    for (size_t i = 0; i < links->dataset_count; i++) {
        json_push(call->arena, &datasets, dataset_input_json(call, &links->datasets[i]));
    }
    for (size_t i = 0; i < links->model_input_count; i++) {
        struct json model = json_object();
        put_text(call, &model, "model_id", links->model_inputs[i]);
        json_push(call->arena, &used, model);
    }
    for (size_t i = 0; i < links->model_output_count; i++) {
        struct json model = json_object();
        put_text(call, &model, "model_id", links->model_outputs[i].model_id);
        put_int(call, &model, "step", links->model_outputs[i].step);
        json_push(call->arena, &made, model);
    }
    put_list(call, &inputs, "dataset_inputs", datasets);
    put_list(call, &inputs, "model_inputs", used);
    put_list(call, &outputs, "model_outputs", made);
    put(call, run, "inputs", inputs);
    put(call, run, "outputs", outputs);
}

/* A list of {"key": ..., "value": ...}: most of a page of runs, so made at once. */
static struct json run_pairs_json(struct api_call *call, const struct run_pair *pairs, size_t count)
{
    struct json *items = arena_array(call->arena, count, sizeof *items);
    struct json_member *members = arena_array(call->arena, 2 * count, sizeof *members);
    for (size_t i = 0; i < count; i++) {
        struct json_member *both = &members[2 * i];
        both[0] = (struct json_member){STR("key"), {.type = JSON_STRING, .u.string = pairs[i].key}};
        both[1] = (struct json_member){STR("value"), {.type = JSON_STRING, .u.string = pairs[i].value}};
        items[i] = (struct json){.type = JSON_OBJECT, .u.object = {both, 2}};
    }
    return (struct json){.type = JSON_ARRAY, .u.array = {items, count}};
}

struct json run_json(struct api_call *call, const struct run_record *run)
{
    struct json data = json_object();
    struct json metrics = json_array();
    struct json object = json_object();
    for (size_t i = 0; i < run->metric_count; i++) {
        json_push(call->arena, &metrics, latest_json(call, &run->metrics[i]));
    }
    put_list(call, &data, "metrics", metrics);
    put_list(call, &data, "params", run_pairs_json(call, run->params, run->param_count));
    put_list(call, &data, "tags", run_pairs_json(call, run->tags, run->tag_count));
    put(call, &object, "info", run_info_json(call, &run->info));
    put(call, &object, "data", data);
    put_links(call, &object, &run->links);
    return object;
}

/* ---- logged models ---------------------------------------------------------------------------------------------- */

/* A model that more was measured of shows the newest of it: some 25 MiB while the answer is made. */
enum { MEASURED_MAX = 25000 };

static int model_metrics(struct api_call *call, const char *model_id, struct json *ret, struct err *err)
{
    struct metric_measured *measured = NULL;
    size_t count = 0;
    *ret = json_array();
    if (store_metrics_measured(call->store, model_id, MEASURED_MAX, call->arena, &measured, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        struct json metric = point_json(call, &measured[i].point);
        put_given(call, &metric, "dataset_name", measured[i].dataset_name);
        put_given(call, &metric, "dataset_digest", measured[i].dataset_digest);
        put_text(call, &metric, "model_id", model_id);
        put_text(call, &metric, "run_id", measured[i].run_id);
        json_push(call->arena, ret, metric);
    }
    return 0;
}

static int model_registrations(struct api_call *call, const char *model_id, struct json *ret, struct err *err)
{
    struct model_version *versions = NULL;
    size_t count = 0;
    *ret = json_array();
    if (store_version_of_model(call->store, model_id, call->arena, &versions, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        struct json one = json_object();
        put_text(call, &one, "name", versions[i].name);
        put_text(call, &one, "version", arena_printf(call->arena, "%lld", (long long)versions[i].version));
        json_push(call->arena, ret, one);
    }
    return 0;
}

int model_json(struct api_call *call, const struct logged_model *model, struct json *ret, struct err *err)
{
    struct json info = json_object();
    struct json data = json_object();
    struct json tags, params, metrics, registrations;
    if (store_model_tags(call->store, model->model_id, call->arena, &tags, err) < 0 ||
        store_model_params(call->store, model->model_id, call->arena, &params, err) < 0 ||
        model_metrics(call, model->model_id, &metrics, err) < 0 ||
        model_registrations(call, model->model_id, &registrations, err) < 0) {
        return -1;
    }
    put_text(call, &info, "model_id", model->model_id);
    put_text(call, &info, "experiment_id", arena_printf(call->arena, "%lld", (long long)model->experiment_id));
    put_text(call, &info, "name", model->name);
    put_int(call, &info, "creation_timestamp_ms", model->created_ms);
    put_int(call, &info, "last_updated_timestamp_ms", model->updated_ms);
    put_text(call, &info, "artifact_uri", client_uri(call, model->artifact_uri));
    put_text(call, &info, "status", arena_printf(call->arena, "LOGGED_MODEL_%s", model_status_name(model->status)));
    put_text(call, &info, "model_type", model->model_type);
    put_text(call, &info, "source_run_id", model->source_run_id);
    put_given(call, &info, "status_message", model->status_message);
    put_list(call, &info, "tags", pairs_json(call, &tags));
    put_list(call, &info, "registrations", registrations);
    put_list(call, &data, "params", pairs_json(call, &params));
    put_list(call, &data, "metrics", metrics);
    *ret = json_object();
    put(call, ret, "info", info);
    put(call, ret, "data", data);
    return 0;
}

/* ---- the registry ----------------------------------------------------------------------------------------------- */

/* Of a version whose model has no job MLflow says nothing; neither of a run where none was asked for. */
static int put_deployment(struct api_call *call, const struct model_version *version, struct json *object,
                          struct err *err)
{
    struct deployment_job job;
    struct deployment deployment;
    struct json state = json_object();
    if (store_deployment_job(call->store, version->name, call->arena, &job, err) < 0) {
        return -1;
    }
    if (job.pipeline == NULL) {
        return 0;
    }
    if (store_deployment(call->store, version->name, version->version, job.pipeline, call->arena, &deployment, err) <
        0) {
        return -1;
    }
    bool valid = strcmp(job.state, "CONNECTED") == 0;
    put_text(call, &state, "job_id", job.pipeline);
    put_given(call, &state, "run_id", deployment.run_id);
    put_text(call, &state, "job_state", job.state);
    put_given(call, &state, "run_state",
              deployment.run_state == NULL && !valid ? "NO_VALID_DEPLOYMENT_JOB_FOUND" : deployment.run_state);
    put_given(call, &state, "current_task_name", deployment.task);
    put(call, object, "deployment_job_state", state);
    return 0;
}

int version_json(struct api_call *call, const struct model_version *version, struct json *ret, struct err *err)
{
    struct json tags;
    struct json names = json_array();
    const char **aliases = NULL;
    size_t count = 0;
    const char *name = version->name;
    if (store_version_tags(call->store, name, version->version, call->arena, &tags, err) < 0 ||
        store_version_aliases(call->store, name, version->version, call->arena, &aliases, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        json_push(call->arena, &names, (struct json){.type = JSON_STRING, .u.string = str_from(aliases[i])});
    }
    struct json object = json_object();
    put_text(call, &object, "name", name);
    put_text(call, &object, "version", arena_printf(call->arena, "%lld", (long long)version->version));
    put_int(call, &object, "creation_timestamp", version->created_ms);
    put_int(call, &object, "last_updated_timestamp", version->updated_ms);
    put_given(call, &object, "user_id", version->user);
    put_text(call, &object, "current_stage", version->stage);
    put_text(call, &object, "description", version->description);
    put_text(call, &object, "source", version->source);
    put_text(call, &object, "run_id", version->run_id);
    put_text(call, &object, "status", version->status);
    put_given(call, &object, "status_message", version->status_message);
    put_text(call, &object, "run_link", version->run_link);
    put_list(call, &object, "tags", pairs_json(call, &tags));
    put_list(call, &object, "aliases", names);
    put_given(call, &object, "model_id", version->model_id);
    if (put_deployment(call, version, &object, err) < 0) {
        return -1;
    }
    *ret = object;
    return 0;
}

static int latest_versions(struct api_call *call, const char *name, struct json *ret, struct err *err)
{
    struct model_version *versions = NULL;
    size_t count = 0;
    *ret = json_array();
    if (store_version_latest(call->store, name, NULL, 0, call->arena, &versions, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        struct json version;
        if (version_json(call, &versions[i], &version, err) < 0) {
            return -1;
        }
        json_push(call->arena, ret, version);
    }
    return 0;
}

static struct json aliases_json(struct api_call *call, const struct json *map)
{
    struct json list = json_array();
    for (size_t i = 0; i < map->u.object.count; i++) {
        struct json alias = json_object();
        int64_t version = map->u.object.members[i].value.u.integer;
        put(call, &alias, "alias", (struct json){.type = JSON_STRING, .u.string = map->u.object.members[i].key});
        put_text(call, &alias, "version", arena_printf(call->arena, "%lld", (long long)version));
        json_push(call->arena, &list, alias);
    }
    return list;
}

int registered_json(struct api_call *call, const char *name, struct json *ret, struct err *err)
{
    struct registered_model model;
    struct deployment_job job;
    struct json tags, aliases, latest;
    if (store_registry_get(call->store, name, call->arena, &model, err) < 0 ||
        store_registered_tags(call->store, name, call->arena, &tags, err) < 0 ||
        store_alias_list(call->store, name, call->arena, &aliases, err) < 0 ||
        store_deployment_job(call->store, name, call->arena, &job, err) < 0 ||
        latest_versions(call, name, &latest, err) < 0) {
        return -1;
    }
    struct json object = json_object();
    put_text(call, &object, "name", model.name);
    put_int(call, &object, "creation_timestamp", model.created_ms);
    put_int(call, &object, "last_updated_timestamp", model.updated_ms);
    put_given(call, &object, "description", model.description);
    put_list(call, &object, "latest_versions", latest);
    put_list(call, &object, "tags", pairs_json(call, &tags));
    put_list(call, &object, "aliases", aliases_json(call, &aliases));
    put_given(call, &object, "deployment_job_id", job.pipeline);
    put_given(call, &object, "deployment_job_state", job.state);
    *ret = object;
    return 0;
}
