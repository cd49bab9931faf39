/* SPDX-License-Identifier: Apache-2.0
 * Traces of a server of MLflow: 3 lists them by its newer routes, 2.14 and later by those before.
 */
#include "base/parse.h"
#include "move/server_source.h"

#include <string.h>

enum { TRACES_AT_ONCE = 500 };

/* The file in which clients look for spans, made by the server where it has them as rows. */
static const char spans_path[] = "/ajax-api/2.0/mlflow/get-trace-artifact?request_id=";

/* ---- the list --------------------------------------------------------------------------------------------------- */

static int list_some(struct server_source *source, const struct server_record *experiments, size_t count,
                     struct arena *arena, struct err *err)
{
    struct json body = json_object();
    struct json places = json_array();
    for (size_t i = 0; i < count; i++) {
        struct json place = json_object();
        struct json experiment = json_object();
        json_add(arena, &experiment, "experiment_id", json_cstring(arena, experiments[i].id));
        json_add(arena, &place, "type", json_cstring(arena, "MLFLOW_EXPERIMENT"));
        json_add(arena, &place, "mlflow_experiment", experiment);
        json_push(arena, &places, place);
    }
    json_add(arena, &body, "locations", places);
    json_add(arena, &body, "max_results", json_int(TRACES_AT_ONCE));
    return server_read_pages(source, MOVED_TRACE, "/api/3.0/mlflow/traces/search", &body, "traces", err);
}

static int list_some_of_before(struct server_source *source, const struct server_record *experiments, size_t count,
                               struct arena *arena, struct err *err)
{
    const char *path = arena_printf(arena, "/api/2.0/mlflow/traces?max_results=%d", TRACES_AT_ONCE);
    for (size_t i = 0; i < count; i++) {
        path = arena_printf(arena, "%s&experiment_ids=%s", path, experiments[i].id);
    }
    return server_read_pages(source, MOVED_TRACE, path, NULL, "traces", err);
}

typedef int list_function(struct server_source *source, const struct server_record *experiments, size_t count,
                          struct arena *arena, struct err *err);

static int list_all(struct server_source *source, list_function *list, struct err *err)
{
    const struct server_records *experiments = &source->records[MOVED_EXPERIMENT];
    int result = 0;
    for (size_t from = 0; from < experiments->count && result == 0; from += SERVER_EXPERIMENTS_AT_ONCE) {
        struct arena *arena = arena_new();
        size_t left = experiments->count - from;
        size_t some = left < SERVER_EXPERIMENTS_AT_ONCE ? left : SERVER_EXPERIMENTS_AT_ONCE;
        result = list(source, experiments->items + from, some, arena, err);
        arena_free(arena);
    }
    return result;
}

/* Who has no such route says so with a 404. */
int server_list_traces(struct server_source *source, struct err *err)
{
    static list_function *const lists[] = {list_some, list_some_of_before};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        struct err wrong = {0};
        if (list_all(source, lists[i], &wrong) == 0) {
            return 0;
        }
        if (wrong.code != ERR_NOT_FOUND) {
            return err_set(err, wrong.code, "%s", wrong.message);
        }
    }
    return 0;
}

/* ---- one of them ------------------------------------------------------------------------------------------------ */

const char *server_trace_id(const struct json *said)
{
    const char *id = server_text(said, "trace_id");
    return *id == '\0' ? server_text(said, "request_id") : id;
}

void server_note_trace(struct server_source *source, const struct json *said)
{
    const struct json *assessments = json_get(said, "assessments");
    if (assessments != NULL && assessments->type == JSON_ARRAY) {
        move_report_left(source->base.report, "assessments of traces", (int64_t)assessments->u.array.count,
                         "they are not imported");
    }
}

/* A map since MLflow 3, a list of pairs before. */
static void read_words(const struct json *said, const char *key, struct arena *arena, struct moved_pairs *ret)
{
    const struct json *words = json_get(said, key);
    if (words == NULL || words->type != JSON_OBJECT) {
        server_pairs(said, key, arena, ret);
        return;
    }
    for (size_t i = 0; i < words->u.object.count; i++) {
        const struct json_member *member = &words->u.object.members[i];
        struct str value = member->value.type == JSON_STRING ? member->value.u.string : STR("");
        moved_pairs_add(ret, arena, arena_str(arena, member->key).p, arena_str(arena, value).p);
    }
}

/* "1.25s", or a number of milliseconds before MLflow 3. */
static int read_duration(const struct json *said, int64_t *ret_ms, struct err *err)
{
    struct str text = str_from(server_text(said, "execution_duration"));
    double seconds = 0;
    if (text.n == 0) {
        *ret_ms = server_int(said, "execution_time_ms");
        return 0;
    }
    if (text.p[text.n - 1] != 's' || parse_number(str_slice(text, 0, text.n - 1), &seconds, NULL) < 0 ||
        seconds < 0 || seconds > 1e12) {
        return err_set(err, ERR_INPUT, "expected a duration like 1.25s, found '%.40s'", text.p);
    }
    *ret_ms = (int64_t)(seconds * 1000 + 0.5);
    return 0;
}

/* In words, or a number of milliseconds before MLflow 3. */
static int read_start(const struct json *said, int64_t *ret_ms, struct err *err)
{
    const char *began = server_text(said, "request_time");
    if (*began == '\0') {
        *ret_ms = server_int(said, "timestamp_ms");
        return 0;
    }
    return parse_time(str_from(began), ret_ms, err);
}

static void read_trace_tags(const struct json *said, struct arena *arena, struct moved_trace *ret)
{
    struct moved_pairs tags = {0};
    read_words(said, "tags", arena, &tags);
    moved_trace_tags(ret, &tags, arena);
}

int server_trace(struct move_source *base, const char *id, struct arena *arena, struct moved_trace *ret,
                 struct err *err)
{
    struct json said;
    struct moved_trace found = {.info.artifact_uri = ""};
    if (server_find(server_of(base), MOVED_TRACE, id, arena, &said, err) < 0 ||
        read_start(&said, &found.info.start_ms, err) < 0 || read_duration(&said, &found.info.duration_ms, err) < 0) {
        return -1;
    }
    const struct json *place = json_get(json_get(&said, "trace_location"), "mlflow_experiment");
    const char *state = server_text(&said, "state");
    found.info.request_id = arena_strdup(arena, id);
    found.info.experiment_id = server_int(place == NULL ? &said : place, "experiment_id");
    found.info.status = trace_status_of(*state == '\0' ? server_text(&said, "status") : state);
    read_words(&said, *server_text(&said, "trace_id") == '\0' ? "request_metadata" : "trace_metadata", arena,
               &found.metadata);
    read_trace_tags(&said, arena, &found);
    *ret = found;
    return 0;
}

static bool has_spans_as_rows(const struct moved_pairs *tags)
{
    for (size_t i = 0; i < tags->count; i++) {
        if (strcmp(tags->items[i].key, "mlflow.trace.spansLocation") == 0) {
            return strcmp(tags->items[i].value, "ARTIFACT_REPO") != 0;
        }
    }
    return false;
}

int server_spans(struct move_source *base, const char *id, struct arena *arena, const char **ret, struct err *err)
{
    struct json said;
    struct str body;
    struct moved_trace found = {0};
    int status = 0;
    *ret = NULL;
    if (server_find(server_of(base), MOVED_TRACE, id, arena, &said, err) < 0) {
        return -1;
    }
    read_trace_tags(&said, arena, &found);
    if (!has_spans_as_rows(&found.tags)) {
        return 0;
    }
    const struct move_server_door *door = &server_of(base)->door;
    const char *path = arena_printf(arena, "%s%s", spans_path, server_escape(id, arena));
    if (door->ask(door->context, path, NULL, arena, &status, &body, err) < 0) {
        return -1;
    }
    if (status != 200) {
        return err_set(err, ERR_NOT_FOUND, "the server answered with status %d when it was asked for the spans",
                       status);
    }
    body = str_trim(body);
    if (body.n < 2 || body.p[0] != '{' || body.p[body.n - 1] != '}') { /* a page that asks for a password, say */
        return err_set(err, ERR_INPUT, "what the server gives for the spans is no JSON");
    }
    *ret = arena_str(arena, body).p;
    return 0;
}
