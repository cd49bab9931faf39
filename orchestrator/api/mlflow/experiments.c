/* SPDX-License-Identifier: Apache-2.0
 * MLflow's routes of experiments.
 */
#include "api/mlflow/entities.h"
#include "api/mlflow/file_place.h"
#include "api/mlflow/routes.h"
#include "api/user_rights.h"
#include "store/artifact_uri.h"
#include "store/experiment_search.h"
#include "store/run_links.h"

enum { DATASET_EXPERIMENTS_MAX = 20 };

static int param_experiment(struct api_call *call, int64_t *ret, struct err *err)
{
    return experiment_id_of(param_text(&call->params, "experiment_id"), ret, err);
}

static int answer_with(struct api_call *call, const struct experiment *experiment, struct err *err)
{
    struct json object;
    if (experiment_json(call, experiment, &object, err) < 0) {
        return -1;
    }
    put(call, &call->answer, "experiment", object);
    return 0;
}

/* A folder is the server's: clients see it as it was given, made absolute against the home. */
static const char *absolute(struct api_call *call, const char *location)
{
    bool relative = *location != '\0' && *location != '/' && str_find(str_from(location), STR(":")) < 0;
    struct str text = str_from(relative ? arena_printf(call->arena, "%s/%s", call->home, location) : location);
    while (text.n > 1 && text.p[text.n - 1] == '/') {
        text.n--;
    }
    return arena_str(call->arena, text).p;
}

static int create(struct api_call *call, struct err *err)
{
    size_t count = 0;
    int64_t id = 0;
    const char *given = param_text(&call->params, "artifact_location");
    const struct pair *tags = pairs_of(call, &call->params, "tags", &count);
    if (*given != '\0' && artifact_location_check(given, err) < 0) {
        return -1;
    }
    const char *location = absolute(call, given);
    if (file_place_claim(call, location, err) < 0 ||
        store_experiment_create(call->store, param_text(&call->params, "name"), location, tags, count, call->now_ms,
                                &id, err) < 0 ||
        user_made(call, &(struct permission_object){.experiment_id = id}, err) < 0) {
        return -1;
    }
    put_text(call, &call->answer, "experiment_id", arena_printf(call->arena, "%lld", (long long)id));
    return 0;
}

static int get(struct api_call *call, struct err *err)
{
    int64_t id = 0;
    struct experiment experiment;
    return param_experiment(call, &id, err) < 0 ||
                   store_experiment_get(call->store, id, call->arena, &experiment, err) < 0
               ? -1
               : answer_with(call, &experiment, err);
}

static int get_by_name(struct api_call *call, struct err *err)
{
    struct experiment experiment;
    const char *name = param_text(&call->params, "experiment_name");
    return store_experiment_find(call->store, name, call->arena, &experiment, err) < 0
               ? -1
               : answer_with(call, &experiment, err);
}

static int search(struct api_call *call, struct err *err)
{
    struct experiment_query query = {
        .filter = param_text(&call->params, "filter"),
        .view = (enum search_view)view_of(param_text(&call->params, "view_type")),
        .max_results = json_get_int(&call->params, "max_results", EXPERIMENT_SEARCH_RESULTS),
        .page_token = param_text(&call->params, "page_token"),
        .reader = user_reader(call),
    };
    struct experiment_page page;
    struct json list = json_array();
    query.order_by = param_texts(&call->params, "order_by", call->arena, &query.order_by_count);
    if (store_experiment_search(call->store, &query, call->arena, &page, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < page.count; i++) {
        struct json object;
        if (experiment_json(call, &page.experiments[i], &object, err) < 0) {
            return -1;
        }
        json_push(call->arena, &list, object);
    }
    put_list(call, &call->answer, "experiments", list);
    if (page.next_page_token != NULL) {
        put_text(call, &call->answer, "next_page_token", page.next_page_token);
    }
    return 0;
}

static int delete_one(struct api_call *call, struct err *err)
{
    int64_t id = 0;
    return param_experiment(call, &id, err) < 0 ? -1 : store_experiment_delete(call->store, id, call->now_ms, err);
}

static int restore(struct api_call *call, struct err *err)
{
    int64_t id = 0;
    return param_experiment(call, &id, err) < 0 ? -1 : store_experiment_restore(call->store, id, call->now_ms, err);
}

static int update(struct api_call *call, struct err *err)
{
    int64_t id = 0;
    const char *name = param_text(&call->params, "new_name");
    return param_experiment(call, &id, err) < 0 ? -1
                                                : store_experiment_rename(call->store, id, name, call->now_ms, err);
}

static int set_tag(struct api_call *call, struct err *err)
{
    int64_t id = 0;
    return param_experiment(call, &id, err) < 0
               ? -1
               : store_experiment_set_tag(call->store, id, param_text(&call->params, "key"),
                                          param_text(&call->params, "value"), err);
}

static int delete_tag(struct api_call *call, struct err *err)
{
    int64_t id = 0;
    return param_experiment(call, &id, err) < 0
               ? -1
               : store_experiment_delete_tag(call->store, id, param_text(&call->params, "key"), err);
}

static int search_datasets(struct api_call *call, struct err *err)
{
    struct dataset_summary *found = NULL;
    size_t count = 0;
    size_t given = 0;
    struct json list = json_array();
    size_t named = 0;
    const int64_t *ids = experiment_ids_of(call, "experiment_ids", &given);
    (void)param_list(&call->params, "experiment_ids", &named);
    if (named == 0) {
        return err_set(err, ERR_INPUT, "SearchDatasets request must specify at least one experiment_id.");
    }
    if (named > DATASET_EXPERIMENTS_MAX) {
        return err_set(
            err, ERR_INPUT,
            "SearchDatasets request cannot specify more than %d experiment_ids. Received %zu experiment_ids.",
            DATASET_EXPERIMENTS_MAX, named);
    }
    if (experiment_ids_check(call, "experiment_ids", err) < 0 ||
        store_dataset_summaries(call->store, ids, given, call->arena, &found, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        struct json one = json_object();
        put_text(call, &one, "experiment_id", arena_printf(call->arena, "%lld", (long long)found[i].experiment_id));
        put_text(call, &one, "name", found[i].name);
        put_text(call, &one, "digest", found[i].digest);
        if (found[i].context != NULL) {
            put_text(call, &one, "context", found[i].context);
        }
        json_push(call->arena, &list, one);
    }
    put_list(call, &call->answer, "dataset_summaries", list);
    return 0;
}

static const struct api_field create_fields[] = {{.name = "name", .type = API_TEXT, .required = true},
                                                 {.name = "artifact_location", .type = API_TEXT},
                                                 {.name = "tags", .type = API_OBJECTS, .fields = pair_fields},
                                                 {0}};
static const struct api_field id_fields[] = {{.name = "experiment_id", .type = API_TEXT, .required = true}, {0}};
static const struct api_field name_fields[] = {{.name = "experiment_name", .type = API_TEXT, .required = true}, {0}};
static const struct api_field search_fields[] = {{.name = "max_results", .type = API_INT},
                                                 {.name = "page_token", .type = API_TEXT},
                                                 {.name = "filter", .type = API_TEXT},
                                                 {.name = "order_by", .type = API_TEXTS},
                                                 {.name = "view_type", .type = API_WORD, .words = view_words},
                                                 {0}};
static const struct api_field update_fields[] = {{.name = "experiment_id", .type = API_TEXT, .required = true},
                                                 {.name = "new_name", .type = API_TEXT, .required = true},
                                                 {0}};
static const struct api_field tag_fields[] = {{.name = "experiment_id", .type = API_TEXT, .required = true},
                                              {.name = "key", .type = API_TEXT, .required = true},
                                              {.name = "value", .type = API_TEXT},
                                              {0}};
static const struct api_field datasets_fields[] = {{.name = "experiment_ids", .type = API_TEXTS}, {0}};

const struct api_route mlflow_experiment_routes[] = {
    {HTTP_POST, "/mlflow/experiments/create", API_V2, API_MAKES, API_NEEDS(EDITOR, EDIT, NEW), create_fields, create,
     API_NOTED("experiment.created", "experiment_id", "name")},
    {HTTP_GET, "/mlflow/experiments/get", API_V2, API_READS, API_NEEDS(VIEWER, READ, EXPERIMENT), id_fields, get,
     API_LOOKS},
    {HTTP_GET, "/mlflow/experiments/get-by-name", API_V2, API_READS, API_NEEDS(VIEWER, READ, EXPERIMENT_NAME),
     name_fields, get_by_name, API_LOOKS},
    {HTTP_POST, "/mlflow/experiments/search", API_V2, API_READS, API_NEEDS(VIEWER, READ, ANYBODY), search_fields,
     search, API_LOOKS},
    {HTTP_GET, "/mlflow/experiments/search", API_V2, API_READS, API_NEEDS(VIEWER, READ, ANYBODY), search_fields,
     search, API_LOOKS},
    {HTTP_POST, "/mlflow/experiments/delete", API_V2, API_WRITES, API_NEEDS(EDITOR, MANAGE, EXPERIMENT), id_fields,
     delete_one, API_NOTED("experiment.deleted", "experiment_id", NULL)},
    {HTTP_POST, "/mlflow/experiments/restore", API_V2, API_WRITES, API_NEEDS(EDITOR, MANAGE, EXPERIMENT), id_fields,
     restore, API_NOTED("experiment.restored", "experiment_id", NULL)},
    {HTTP_POST, "/mlflow/experiments/update", API_V2, API_WRITES, API_NEEDS(EDITOR, EDIT, EXPERIMENT), update_fields,
     update, API_NOTED("experiment.renamed", "experiment_id", "new_name")},
    {HTTP_POST, "/mlflow/experiments/set-experiment-tag", API_V2, API_WRITES, API_NEEDS(EDITOR, EDIT, EXPERIMENT),
     tag_fields, set_tag, API_RECORDING},
    {HTTP_POST, "/mlflow/experiments/delete-experiment-tag", API_V2, API_WRITES, API_NEEDS(EDITOR, EDIT, EXPERIMENT),
     tag_fields, delete_tag, API_RECORDING},
    {HTTP_POST, "/mlflow/experiments/search-datasets", API_V2, API_READS, API_NEEDS(VIEWER, READ, EACH_EXPERIMENT),
     datasets_fields, search_datasets, API_LOOKS},
    {0},
};
