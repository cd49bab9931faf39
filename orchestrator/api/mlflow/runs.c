/* SPDX-License-Identifier: Apache-2.0
 * MLflow's routes of runs. What is logged into them: run_logs.c; their metrics: metrics.c.
 */
#include "api/long_list.h"
#include "api/mlflow/entities.h"
#include "api/mlflow/routes.h"
#include "api/step_rights.h"
#include "api/user_rights.h"
#include "base/id.h"
#include "store/run_records.h"
#include "store/run_search.h"

static const char *const status_words[] = {NULL, "RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED", ""};

static const char *run_of(const struct api_call *call)
{
    return param_text(&call->params, "run_id");
}

static int answer_with_run(struct api_call *call, const char *run_id, struct err *err)
{
    struct run_record run;
    if (store_run_read(call->store, run_id, call->arena, &run, err) < 0) {
        return -1;
    }
    put(call, &call->answer, "run", run_json(call, &run));
    return 0;
}

/* ---- making runs ------------------------------------------------------------------------------------------------ */

/* What a client asks for. */
struct wanted {
    int64_t experiment_id;
    struct pair *tags; /* with room for one more */
    size_t tag_count;
};

static const char *tag_of(const struct wanted *wanted, const char *key)
{
    for (size_t i = wanted->tag_count; i > 0; i--) {
        if (strcmp(wanted->tags[i - 1].key, key) == 0) {
            return wanted->tags[i - 1].value;
        }
    }
    return NULL;
}

/* Says that it is the step's run, once: the first run that a step's client makes where its pipeline records. */
static const char adopted_tag[] = "sluice.mlflow";

/* 1 when the step's run is the answer, 0 when a new one is to be made, -1. */
static int adopt(struct api_call *call, const struct wanted *wanted, struct err *err)
{
    struct json tags;
    const struct api_step *step = call->step;
    const char *name = param_text(&call->params, "run_name");
    if (!step->adopts || wanted->experiment_id != step->experiment_id || tag_of(wanted, "mlflow.parentRunId") != NULL) {
        return 0;
    }
    if (store_run_tags(call->store, step->run_id, call->arena, &tags, err) < 0) {
        return -1;
    }
    if (json_get(&tags, adopted_tag) != NULL) {
        return 0;
    }
    struct run_change change = {.name = name};
    return store_run_tag(call->store, step->run_id, adopted_tag, "adopted", err) < 0 ||
                   store_run_tags_give(call->store, step->run_id, wanted->tags, wanted->tag_count, err) < 0 ||
                   store_run_change(call->store, step->run_id, &change, err) < 0 ||
                   answer_with_run(call, step->run_id, err) < 0
               ? -1
               : 1;
}

/* Below the step's run, wherever it is recorded. */
static int put_below(struct api_call *call, struct wanted *wanted, struct err *err)
{
    const char *parent = tag_of(wanted, "mlflow.parentRunId");
    if (parent != NULL) {
        return step_check_run(call, parent, err);
    }
    wanted->tags[wanted->tag_count++] = (struct pair){"mlflow.parentRunId", call->step->run_id};
    return 0;
}

/* Who is known made it, whatever he says: an author may not approve. */
static const char *user_of(const struct api_call *call)
{
    const char *person = api_mover(call).person;
    return person != NULL ? person : param_text(&call->params, "user_id");
}

static int make(struct api_call *call, const struct wanted *wanted, struct err *err)
{
    struct experiment experiment;
    char name[64];
    if (store_experiment_get(call->store, wanted->experiment_id, call->arena, &experiment, err) < 0) {
        return -1;
    }
    struct id id = id_run(call->rng, call->now_ms);
    id_name(call->rng, name);
    struct run_info run = {
        .run_id = id.text,
        .experiment_id = wanted->experiment_id,
        .name = param_text(&call->params, "run_name"),
        .user = user_of(call),
        .status = RUN_STATUS_RUNNING,
        .start_ms = json_get_int(&call->params, "start_time", 0),
        .artifact_uri = arena_printf(call->arena, "%s/%s/artifacts", experiment_root(call, &experiment), id.text),
    };
    return store_run_create_tagged(call->store, &run, wanted->tags, wanted->tag_count, name, err) < 0 ||
                   api_wrote_run(call, id.text, err) < 0
               ? -1
               : answer_with_run(call, id.text, err);
}

static int create(struct api_call *call, struct err *err)
{
    struct wanted wanted = {0};
    const struct pair *tags = pairs_of(call, &call->params, "tags", &wanted.tag_count);
    wanted.tags = arena_array(call->arena, wanted.tag_count + 1, sizeof *wanted.tags);
    memcpy(wanted.tags, tags, wanted.tag_count * sizeof *tags);
    const char *experiment = param_text(&call->params, "experiment_id");
    if (experiment_id_of(experiment, &wanted.experiment_id, err) < 0) {
        return -1;
    }
    if (call->step != NULL) {
        wanted.experiment_id = *experiment == '\0' ? call->step->experiment_id : wanted.experiment_id;
        int adopted = adopt(call, &wanted, err);
        if (adopted != 0) {
            return adopted < 0 ? -1 : 0;
        }
        if (put_below(call, &wanted, err) < 0) {
            return -1;
        }
    }
    return make(call, &wanted, err);
}

/* ---- the rest --------------------------------------------------------------------------------------------------- */

static int update(struct api_call *call, struct err *err)
{
    const struct json *end = json_get(&call->params, "end_time");
    const char *status_word = json_get_text(&call->params, "status", NULL);
    enum run_status status = RUN_STATUS_RUNNING;
    struct run_info run;
    struct run_change change = {
        .end_ms = end == NULL ? NULL : &end->u.integer,
        .name = param_text(&call->params, "run_name"),
    };
    if (status_word != NULL && run_status_parse(status_word, &status) == 0) {
        change.status = &status;
    }
    if (store_run_change(call->store, run_of(call), &change, err) < 0 ||
        store_run_get(call->store, run_of(call), call->arena, &run, err) < 0) {
        return -1;
    }
    put(call, &call->answer, "run_info", run_info_json(call, &run));
    return 0;
}

static int get(struct api_call *call, struct err *err)
{
    return answer_with_run(call, run_of(call), err);
}

static int delete_one(struct api_call *call, struct err *err)
{
    return store_run_delete(call->store, run_of(call), call->now_ms, err);
}

static int restore(struct api_call *call, struct err *err)
{
    return store_run_restore(call->store, run_of(call), err);
}

enum { RUNS_AT_ONCE = 20 };

/* Runs that were found and are yet to be read. */
struct found {
    const char **run_ids;
    size_t count;
};

static int read_next(struct api_call *call, struct found *found, size_t most, struct json *list, struct err *err)
{
    size_t asked = found->count < most ? found->count : most;
    size_t count = 0;
    struct run_record *runs = arena_array(call->arena, asked, sizeof *runs);
    if (store_runs_read(call->store, found->run_ids, asked, call->arena, runs, &count, err) < 0) {
        return -1;
    }
    found->run_ids += asked;
    found->count -= asked;
    for (size_t i = 0; i < count; i++) {
        json_push(call->arena, list, run_json(call, &runs[i]));
    }
    return 0;
}

/* Those that are removed meanwhile are left out. */
static int take_runs(struct long_list *list, struct api_call *call, struct json *items, struct err *err)
{
    struct found *found = list->state;
    while (found->count > 0 && items->u.array.count == 0) {
        if (read_next(call, found, RUNS_AT_ONCE, items, err) < 0) {
            return -1;
        }
    }
    return 0;
}

static void answer_with_many(struct api_call *call, const struct run_page *page)
{
    struct long_list list = {.name = "runs", .take = take_runs, .arena = arena_new()};
    struct found *found = arena_one(list.arena, struct found);
    *found = (struct found){arena_array(list.arena, page->count, sizeof *found->run_ids), page->count};
    for (size_t i = 0; i < page->count; i++) {
        found->run_ids[i] = arena_strdup(list.arena, page->run_ids[i]);
    }
    list.next_page_token = page->next_page_token == NULL ? NULL : arena_strdup(list.arena, page->next_page_token);
    list.state = found;
    long_list_answer(call, &list);
}

static int search(struct api_call *call, struct err *err)
{
    struct run_page page;
    struct json list = json_array();
    struct run_query query = {
        .filter = param_text(&call->params, "filter"),
        .view = (enum search_view)view_of(param_text(&call->params, "run_view_type")),
        .max_results = json_get_int(&call->params, "max_results", RUN_SEARCH_RESULTS),
        .page_token = param_text(&call->params, "page_token"),
    };
    if (experiment_ids_check(call, "experiment_ids", err) < 0) {
        return -1;
    }
    query.experiments = experiment_ids_of(call, "experiment_ids", &query.experiment_count);
    query.order_by = param_texts(&call->params, "order_by", call->arena, &query.order_by_count);
    if (store_run_search(call->store, &query, call->arena, &page, err) < 0) {
        return -1;
    }
    if (page.count > LONG_LIST_MIN && !call->whole) {
        answer_with_many(call, &page);
        return 0;
    }
    struct found found = {page.run_ids, page.count};
    if (read_next(call, &found, found.count, &list, err) < 0) {
        return -1;
    }
    put_list(call, &call->answer, "runs", list);
    if (page.next_page_token != NULL) {
        put_text(call, &call->answer, "next_page_token", page.next_page_token);
    }
    return 0;
}

static const struct api_field create_fields[] = {{.name = "experiment_id", .type = API_TEXT},
                                                 {.name = "user_id", .type = API_TEXT},
                                                 {.name = "run_name", .type = API_TEXT},
                                                 {.name = "start_time", .type = API_INT},
                                                 {.name = "tags", .type = API_OBJECTS, .fields = pair_fields},
                                                 {0}};
static const struct api_field update_fields[] = {
    {.name = "run_id", .type = API_TEXT, .required = true, .alias = "run_uuid"},
    {.name = "status", .type = API_WORD, .words = status_words},
    {.name = "end_time", .type = API_INT},
    {.name = "run_name", .type = API_TEXT},
    {0}};
static const struct api_field id_fields[] = {
    {.name = "run_id", .type = API_TEXT, .required = true, .alias = "run_uuid"}, {0}};
static const struct api_field search_fields[] = {{.name = "experiment_ids", .type = API_TEXTS},
                                                 {.name = "filter", .type = API_TEXT},
                                                 {.name = "run_view_type", .type = API_WORD, .words = view_words},
                                                 {.name = "max_results", .type = API_INT},
                                                 {.name = "order_by", .type = API_TEXTS},
                                                 {.name = "page_token", .type = API_TEXT},
                                                 {0}};

const struct api_route mlflow_run_routes[] = {
    {HTTP_POST, "/mlflow/runs/create", API_V2, API_MAKES, API_NEEDS(EDITOR, EDIT, EXPERIMENT), create_fields, create,
     API_RECORDING},
    {HTTP_POST, "/mlflow/runs/update", API_V2, API_WRITES_RUN, API_NEEDS(EDITOR, EDIT, RUN), update_fields, update,
     API_RECORDING},
    {HTTP_GET, "/mlflow/runs/get", API_V2, API_READS, API_NEEDS(VIEWER, READ, RUN), id_fields, get, API_LOOKS},
    {HTTP_POST, "/mlflow/runs/delete", API_V2, API_WRITES, API_NEEDS(EDITOR, MANAGE, RUN), id_fields, delete_one,
     API_NOTED("run.deleted", "run_id", NULL)},
    {HTTP_POST, "/mlflow/runs/restore", API_V2, API_WRITES, API_NEEDS(EDITOR, MANAGE, RUN), id_fields, restore,
     API_NOTED("run.restored", "run_id", NULL)},
    {HTTP_POST, "/mlflow/runs/search", API_V2, API_READS, API_NEEDS(VIEWER, READ, EXPERIMENTS), search_fields, search,
     API_LOOKS},
    {0},
};
