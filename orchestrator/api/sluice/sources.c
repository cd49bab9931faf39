/* SPDX-License-Identifier: Apache-2.0
 * Repositories whose pipelines are in force, and the jobs that follow them.
 */
#include "store/sources.h"

#include "api/sluice/routes.h"
#include "store/in_force.h"
#include "trigger/source_spec.h"
#include "trigger/trigger.h"

enum { JOBS_SHOWN = 100 };

/* ---- jobs ------------------------------------------------------------------------------------------------------- */

struct job_answer {
    int64_t job;
    const char *source, *why, *actor, *state, *words, *commit;
    int64_t created_ms, started_ms, ended_ms;
};
static const char *const job_states[] = {"waiting", "running", "done", "failed", "lost", NULL};
static const char *const job_reasons[] = {"start", "poll", "sync", "webhook", NULL};
static const struct schema_field job_fields[] = {
    {"job", FIELD_INT(struct job_answer, job)},
    {"source", FIELD_TEXT(struct job_answer, source)},
    {"why", FIELD_TEXT(struct job_answer, why), .words = job_reasons},
    {"actor", FIELD_TEXT(struct job_answer, actor)},
    {"state", FIELD_TEXT(struct job_answer, state), .words = job_states},
    {"words", FIELD_TEXT(struct job_answer, words), .doc = "what it came to"},
    {"commit", FIELD_TEXT(struct job_answer, commit), SCHEMA_NULLABLE, .doc = "that was found"},
    {"created_at", FIELD_TIME(struct job_answer, created_ms)},
    {"started_at", FIELD_TIME(struct job_answer, started_ms)},
    {"ended_at", FIELD_TIME(struct job_answer, ended_ms)},
    {0},
};
static const struct schema job_schema = {"Job", job_fields, "A fetch: the last hundred are kept."};

static const char *or_null(const char *text)
{
    return *text == '\0' ? NULL : text;
}

static struct json job_json(const struct job_row *row, struct arena *arena)
{
    struct job_answer answer = {
        .job = row->id,
        .source = row->source,
        .why = row->why,
        .actor = row->actor,
        .state = row->state,
        .words = row->words,
        .commit = or_null(row->commit_id),
        .created_ms = row->created_ms,
        .started_ms = row->started_ms,
        .ended_ms = row->ended_ms,
    };
    return schema_write(&job_schema, &answer, arena);
}

/* ---- sources ---------------------------------------------------------------------------------------------------- */

struct source_answer {
    const char *name, *url, *branch, *path, *in_force, *seen, *error, *page;
    int64_t every_ms, since_ms, fetched_ms, tried_ms, failures, failing_ms;
    struct json commit, problems, pipelines, jobs;
};
struct commit_answer {
    const char *author, *message;
    int64_t at_ms;
};
struct problem_answer {
    const char *file, *code, *message, *hint;
    int64_t line, column;
};
static const struct schema_field commit_fields[] = {
    {"author", FIELD_TEXT(struct commit_answer, author)},
    {"message", FIELD_TEXT(struct commit_answer, message)},
    {"at", FIELD_TIME(struct commit_answer, at_ms)},
    {0},
};
static const struct schema commit_schema = {"SourceCommit", commit_fields, NULL};
static const struct schema_field problem_fields[] = {
    {"file", FIELD_TEXT(struct problem_answer, file), .doc = "empty: it is about the commit"},
    {"line", FIELD_INT(struct problem_answer, line)},
    {"column", FIELD_INT(struct problem_answer, column)},
    {"code", FIELD_TEXT(struct problem_answer, code)},
    {"message", FIELD_TEXT(struct problem_answer, message)},
    {"hint", FIELD_TEXT(struct problem_answer, hint), SCHEMA_NULLABLE},
    {0},
};
const struct schema rest_problem = {"SourceProblem", problem_fields, NULL};
#define SOURCE_FIELDS                                                                                                  \
    {"source", FIELD_TEXT(struct source_answer, name)}, {"url", FIELD_TEXT(struct source_answer, url)},                \
        {"branch", FIELD_TEXT(struct source_answer, branch), SCHEMA_NULLABLE, .doc = "null: not known yet"},           \
        {"path", FIELD_TEXT(struct source_answer, path), .doc = "of its pipelines; empty: the usual"},                 \
        {"every_ms", FIELD_INT(struct source_answer, every_ms)},                                                       \
        {"in_force", FIELD_TEXT(struct source_answer, in_force), SCHEMA_NULLABLE, .doc = "the commit"},                \
        {"since_at", FIELD_TIME(struct source_answer, since_ms)},                                                      \
        {"seen", FIELD_TEXT(struct source_answer, seen), SCHEMA_NULLABLE,                                              \
         .doc = "the commit that was looked at last: another than in_force when it is refused"},                       \
        {"commit", FIELD_JSON(OBJECT, struct source_answer, commit), SCHEMA_NULLABLE, .of = &commit_schema,            \
         .doc = "what is known of it"},                                                                                \
        {"page", FIELD_TEXT(struct source_answer, page), SCHEMA_NULLABLE, .doc = "its page, as far as one can tell"},  \
        {"problems", FIELD_JSON(LIST, struct source_answer, problems), .of = &rest_problem,                          \
         .doc = "why it is refused"},                                                                                  \
        {"error", FIELD_TEXT(struct source_answer, error), SCHEMA_NULLABLE, .doc = "why the last fetch failed"},       \
        {"failures", FIELD_INT(struct source_answer, failures), .doc = "since the last fetch that did not fail"},      \
        {"failing_at", FIELD_TIME(struct source_answer, failing_ms)},                                                  \
        {"fetched_at", FIELD_TIME(struct source_answer, fetched_ms)},                                                  \
    {                                                                                                                  \
        "tried_at", FIELD_TIME(struct source_answer, tried_ms)                                                         \
    }
static const struct schema_field source_fields[] = {SOURCE_FIELDS, {0}};
static const struct schema source_schema = {"Source", source_fields, "A repository whose pipelines are in force."};
static const struct schema_field whole_fields[] = {
    SOURCE_FIELDS,
    {"pipelines", FIELD_JSON(TEXTS, struct source_answer, pipelines), .doc = "in force, by name"},
    {"jobs", FIELD_JSON(LIST, struct source_answer, jobs), .of = &job_schema, .doc = "its fetches, newest first"},
    {0},
};
static const struct schema whole_schema = {"SourceDetails", whole_fields, NULL};
static const struct schema_field list_fields[] = {
    {"sources", FIELD_JSON(LIST, struct rest_page, items), .of = &source_schema}, {0}};
static const struct schema list_schema = {"Sources", list_fields, NULL};
static const struct schema_field name_fields[] = {{.name = "source",
                                                   .type = SCHEMA_TEXT,
                                                   .flags = SCHEMA_REQUIRED | SCHEMA_IN_PATH,
                                                   .pattern = "^[a-z0-9][a-z0-9._-]{0,99}$",
                                                   .doc = "its name"},
                                                  {0}};

static struct json read_json(const char *text, enum json_type type, struct arena *arena)
{
    struct json value;
    bool good = json_read(str_from(text), (struct json_limits){0}, arena, &value, NULL) == 0 && value.type == type;
    return good ? value : type == JSON_ARRAY ? json_array() : json_object();
}

static struct json commit_json(const struct source_row *row, struct arena *arena)
{
    struct json about = read_json(row->about, JSON_OBJECT, arena);
    struct commit_answer answer = {.author = json_get_text(&about, "author", ""),
                                   .message = json_get_text(&about, "message", ""),
                                   .at_ms = json_get_int(&about, "at_ms", 0)};
    return *row->seen == '\0' ? json_null() : schema_write(&commit_schema, &answer, arena);
}

struct json rest_problems(const char *text, const char *file, struct arena *arena)
{
    struct json problems = read_json(text, JSON_ARRAY, arena);
    struct json list = json_array();
    for (size_t i = 0; i < problems.u.array.count; i++) {
        const struct json *one = &problems.u.array.items[i];
        struct problem_answer answer = {.file = json_get_text(one, "file", file),
                                        .code = json_get_text(one, "code", ""),
                                        .message = json_get_text(one, "message", ""),
                                        .hint = json_get_text(one, "hint", NULL),
                                        .line = json_get_int(one, "line", 0),
                                        .column = json_get_int(one, "column", 0)};
        json_push(arena, &list, schema_write(&rest_problem, &answer, arena));
    }
    return list;
}

static struct source_answer answer_of(const struct source_row *row, struct arena *arena)
{
    return (struct source_answer){
        .name = row->name,
        .url = row->url,
        .branch = or_null(*row->at_branch != '\0' ? row->at_branch : row->branch),
        .path = row->path,
        .every_ms = row->every_ms,
        .in_force = or_null(row->in_force),
        .since_ms = row->since_ms,
        .seen = or_null(row->seen),
        .commit = commit_json(row, arena),
        .page = source_commit_page(row->url, row->page, row->seen, arena),
        .problems = rest_problems(row->problems, "", arena),
        .error = or_null(row->error),
        .failures = row->failures,
        .failing_ms = row->failing_ms,
        .fetched_ms = row->fetched_ms,
        .tried_ms = row->tried_ms,
        .pipelines = json_array(),
        .jobs = json_array(),
    };
}

static int list_sources(struct api_call *call, struct err *err)
{
    struct source_row *rows = NULL;
    size_t count = 0;
    struct rest_page page = {.items = json_array()};
    if (store_source_list(call->store, call->arena, &rows, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        struct source_answer answer = answer_of(&rows[i], call->arena);
        json_push(call->arena, &page.items, schema_write(&source_schema, &answer, call->arena));
    }
    call->answer = schema_write(&list_schema, &page, call->arena);
    return 0;
}

static int get_source(struct api_call *call, struct err *err)
{
    const char *name = json_get_text(&call->params, "source", "");
    struct arena *arena = call->arena;
    struct source_row row;
    struct pipeline_in_force *pipelines = NULL;
    struct job_row *jobs = NULL;
    size_t pipeline_count = 0;
    size_t job_count = 0;
    int found = store_source_find(call->store, name, arena, &row, err);
    if (found <= 0) {
        return found < 0 ? -1 : err_set(err, ERR_NOT_FOUND, "there is no source '%s'", name);
    }
    if (store_in_force_list(call->store, name, arena, &pipelines, &pipeline_count, err) < 0 ||
        store_job_list(call->store, name, JOBS_SHOWN, arena, &jobs, &job_count, err) < 0) {
        return -1;
    }
    struct source_answer answer = answer_of(&row, arena);
    for (size_t i = 0; i < pipeline_count; i++) {
        json_push(arena, &answer.pipelines, json_cstring(arena, pipelines[i].name));
    }
    for (size_t i = 0; i < job_count; i++) {
        json_push(arena, &answer.jobs, job_json(&jobs[i], arena));
    }
    call->answer = schema_write(&whole_schema, &answer, arena);
    return 0;
}

/* ---- sync ------------------------------------------------------------------------------------------------------- */

static int tell_job(struct api_call *call, void *ctx, struct err *err)
{
    struct job_row row;
    const int64_t *job = ctx;
    int found = store_job_find(call->store, *job, call->arena, &row, err);
    if (found <= 0) {
        return found < 0 ? -1 : err_set(err, ERR_INTERNAL, "job %lld is not there", (long long)*job);
    }
    call->answer = job_json(&row, call->arena);
    return 0;
}

static int sync_source(struct api_call *call, struct err *err)
{
    const struct api_options *options = api_options_of(call->api);
    int64_t *job = arena_one(call->arena, int64_t);
    const char *name = json_get_text(&call->params, "source", "");
    if (options->triggers == NULL) {
        return err_set(err, ERR_STATE, "nothing is fetched here");
    }
    rest_told(call, tell_job, job);
    return triggers_sync(options->triggers, options->engine, name, rest_actor(call), job, err);
}

const struct api_route rest_source_routes[] = {
    {HTTP_GET, "/sources", API_SLUICE, API_READS, API_NEEDS(ADMIN, READ, ADMIN),
     REST_DOC(.name = "listSources",
                                      .group = "Sources",
                                      .summary = "The repositories whose pipelines are in force",
                                      .gives = &list_schema,
                                      .flags = REST_APART),
     .answer = list_sources},
    {HTTP_GET, "/sources/{source}", API_SLUICE, API_READS, API_NEEDS(ADMIN, READ, ADMIN),
     REST_DOC(.name = "getSource",
                                      .group = "Sources",
                                      .summary = "A repository with its pipelines and its last fetches",
                                      .takes = name_fields,
                                      .gives = &whole_schema,
                                      .flags = REST_APART | REST_FINDS),
     .answer = get_source},
    {HTTP_POST, "/sources/{source}/sync", API_SLUICE, API_WRITES, API_NEEDS(ADMIN, MANAGE, ADMIN),
     REST_DOC(.name = "syncSource",
                                      .group = "Sources",
                                      .summary = "Have a repository fetched now, and its pipelines looked at again",
                                      .details = "The answer comes when it is recorded; what it comes to is in the "
                                                 "jobs of the source.",
                                      .takes = name_fields,
                                      .gives = &job_schema,
                                      .status = 202,
                                      .flags = REST_COMMANDS),
     .answer = sync_source,
     .note = API_NOTED_INSIDE},
    {0},
};
