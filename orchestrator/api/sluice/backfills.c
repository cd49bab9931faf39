/* SPDX-License-Identifier: Apache-2.0
 * Backfills: times of a schedule that lie in a range and are run once more, or for the first time; and what one would
 * run.
 */
#include "api/sluice/pipeline_rights.h"
#include "api/sluice/routes.h"
#include "api/user_rights.h"
#include "base/clock.h"
#include "base/str_index.h"
#include "trigger/trigger.h"

static const char *const states[] = {"open", "done", "cancelled", NULL};

struct backfill_answer {
    const char *backfill_id, *pipeline, *schedule, *reprocess, *state, *actor;
    int64_t from_ms, to_ms, max_active, started, skipped, created_ms, ended_ms;
    bool reverse;
};
static const struct schema_field backfill_fields[] = {
    {"backfill_id", FIELD_TEXT(struct backfill_answer, backfill_id), .pattern = REST_ID_PATTERN},
    {"pipeline", FIELD_TEXT(struct backfill_answer, pipeline)},
    {"schedule", FIELD_TEXT(struct backfill_answer, schedule), .doc = "its id"},
    {"from", FIELD_TIME(struct backfill_answer, from_ms), SCHEMA_NULLABLE, .doc = "times from then on"},
    {"to", FIELD_TIME(struct backfill_answer, to_ms), SCHEMA_NULLABLE, .doc = "and before then"},
    {"reprocess", FIELD_TEXT(struct backfill_answer, reprocess), .words = backfill_reprocess_words},
    {"max_active", FIELD_INT(struct backfill_answer, max_active), .doc = "runs at once"},
    {"reverse", FIELD_BOOL(struct backfill_answer, reverse), .doc = "the newest first"},
    {"state", FIELD_TEXT(struct backfill_answer, state), .words = states,
     .doc = "done: every time has its run, or the reason why not"},
    {"started", FIELD_INT(struct backfill_answer, started), .doc = "runs that it has begun"},
    {"skipped", FIELD_INT(struct backfill_answer, skipped), .doc = "times that it has passed over"},
    {"actor", FIELD_TEXT(struct backfill_answer, actor)},
    {"created_at", FIELD_TIME(struct backfill_answer, created_ms)},
    {"ended_at", FIELD_TIME(struct backfill_answer, ended_ms), SCHEMA_NULLABLE},
    {0},
};
static const struct schema backfill_schema = {"Backfill", backfill_fields, NULL};
static const struct schema_field page_fields[] = {
    {"backfills", FIELD_JSON(LIST, struct rest_page, items), .of = &backfill_schema},
    {"next_page_token", FIELD_TEXT(struct rest_page, next_page_token), SCHEMA_NULLABLE},
    {0},
};
static const struct schema page_schema = {"Backfills", page_fields, NULL};

static const char *number_text(int64_t number, struct arena *arena)
{
    return arena_printf(arena, "%lld", (long long)number);
}

static struct json backfill_json(const struct backfill_row *row, struct arena *arena)
{
    const struct backfill_answer answer = {
        .backfill_id = number_text(row->id, arena),
        .pipeline = row->pipeline,
        .schedule = row->schedule,
        .from_ms = row->from_ms,
        .to_ms = row->to_ms,
        .reprocess = row->reprocess,
        .max_active = row->most,
        .reverse = row->reverse,
        .state = row->state,
        .started = row->started,
        .skipped = row->skipped,
        .actor = row->actor,
        .created_ms = row->created_ms,
        .ended_ms = row->ended_ms,
    };
    return schema_write(&backfill_schema, &answer, arena);
}

/* ---- list, one -------------------------------------------------------------------------------------------------- */

static const struct schema_field list_fields[] = {
    {.name = "pipeline", .type = SCHEMA_TEXT, .flags = SCHEMA_IN_QUERY, .doc = "only those of this one"},
    {.name = "state", .type = SCHEMA_TEXT, .flags = SCHEMA_IN_QUERY, .words = states},
    REST_LIMIT,
    REST_PAGE_TOKEN(REST_ID_PATTERN),
    {0},
};

/* Of pipelines that were looked at, whether the reader may know of them: a list is of few. */
struct sights {
    struct str_index *names;
    bool *seen;
};

static int sees(struct api_call *call, struct sights *sights, const char *pipeline, struct err *err)
{
    ptrdiff_t at = str_index_find(sights->names, str_from(pipeline));
    if (at >= 0) {
        return sights->seen[at];
    }
    int seen = pipeline_place_is_seen(call, pipeline, err);
    if (seen >= 0) {
        sights->seen[str_index_add(sights->names, str_from(pipeline))] = seen == 1;
    }
    return seen;
}

/* A page may be shorter than its limit, with more behind it: some that were looked at are not the reader's. */
static int list_backfills(struct api_call *call, struct err *err)
{
    const struct backfill_filter filter = {
        .pipeline = json_get_text(&call->params, "pipeline", NULL),
        .state = json_get_text(&call->params, "state", NULL),
        .before = rest_page_id(call),
        .limit = rest_limit(call),
    };
    struct backfill_row *rows = NULL;
    size_t count = 0;
    struct rest_page page = {.items = json_array()};
    if (store_backfill_list(call->store, &filter, call->arena, &rows, &count, err) < 0) {
        return -1;
    }
    struct sights sights = {str_index_new(call->arena, count), arena_array(call->arena, count + 1, sizeof(bool))};
    for (size_t i = 0; i < count; i++) {
        int seen = sees(call, &sights, rows[i].pipeline, err);
        if (seen < 0) {
            return -1;
        }
        if (seen == 1) {
            json_push(call->arena, &page.items, backfill_json(&rows[i], call->arena));
        }
    }
    page.next_page_token = count == filter.limit ? number_text(rows[count - 1].id, call->arena) : NULL;
    call->answer = schema_write(&page_schema, &page, call->arena);
    return 0;
}

static const struct schema_field one_fields[] = {{.name = "backfill_id",
                                                  .type = SCHEMA_TEXT,
                                                  .flags = SCHEMA_REQUIRED | SCHEMA_IN_PATH,
                                                  .pattern = REST_ID_PATTERN},
                                                 {0}};

/* Of one whose pipeline he may not know of he is told as of one that is not there. */
static int find(struct api_call *call, struct backfill_row *ret, struct err *err)
{
    int64_t id = rest_id(call, "backfill_id");
    if (store_backfill_get(call->store, id, call->arena, ret, err) < 0) {
        return -1;
    }
    int seen = pipeline_place_is_seen(call, ret->pipeline, err);
    return seen == 0 ? err_set(err, ERR_NOT_FOUND, "no backfill %lld", (long long)id) : seen < 0 ? -1 : 0;
}

static int get_backfill(struct api_call *call, struct err *err)
{
    struct backfill_row row;
    if (find(call, &row, err) < 0) {
        return -1;
    }
    call->answer = backfill_json(&row, call->arena);
    return 0;
}

/* ---- what is asked for ------------------------------------------------------------------------------------------ */

/* The same of one that is begun, whose range stands in the body, and of one that is only looked at, where it stands in
 * the query. */
#define RANGE(where)                                                                                                   \
    {.name = "from", .type = SCHEMA_TIME, .flags = SCHEMA_REQUIRED | (where), .doc = "times from then on"},            \
        {.name = "to", .type = SCHEMA_TIME, .flags = SCHEMA_REQUIRED | (where), .doc = "and before then; not ahead"},  \
        {.name = "reprocess", .type = SCHEMA_TEXT, .flags = (where), .words = backfill_reprocess_words,                \
         .doc = "what of it is run again: none (default), failed (and cancelled), or completed (whatever has ended)"}, \
    {                                                                                                                  \
        .name = "reverse", .type = SCHEMA_BOOL, .flags = (where), .doc = "the newest first"                            \
    }
#define SCHEDULE_NAME(called, where)                                                                                   \
    {                                                                                                                  \
        .name = called, .type = SCHEMA_TEXT, .flags = SCHEMA_REQUIRED | (where), .least = 1, .most = 200               \
    }

/* Of others that are, who asks may not know. */
static int pipeline_is_not_in_force(const char *name, struct err *err)
{
    return err_set(err, ERR_NOT_FOUND, "no pipeline '%s' is in force", name);
}

static struct backfill_row row_of(const struct api_call *call)
{
    return (struct backfill_row){
        .pipeline = json_get_text(&call->params, "pipeline", ""),
        .schedule = json_get_text(&call->params, "schedule", ""),
        .from_ms = json_get_int(&call->params, "from", 0),
        .to_ms = json_get_int(&call->params, "to", 0),
        .reprocess = json_get_text(&call->params, "reprocess", backfill_reprocess_words[0]),
        .most = json_get_int(&call->params, "max_active", 1),
        .reverse = json_get_bool(&call->params, "reverse", false),
        .actor = rest_actor(call),
        .at_ms = INT64_MIN,
    };
}

/* ---- a look at it ----------------------------------------------------------------------------------------------- */

struct time_answer {
    const char *reason;
    int64_t at_ms;
    bool runs;
};
static const struct schema_field time_fields[] = {
    {"scheduled_for", FIELD_TIME(struct time_answer, at_ms), SCHEMA_NULLABLE},
    {"runs", FIELD_BOOL(struct time_answer, runs)},
    {"reason", FIELD_TEXT(struct time_answer, reason), .doc = "why not, or why again; ''"},
    {0},
};
static const struct schema time_schema = {"BackfillTime", time_fields, NULL};

struct preview_answer {
    struct json times;
    int64_t total, runs;
    const char *next_page_token;
};
static const struct schema_field preview_fields[] = {
    {"times", FIELD_JSON(LIST, struct preview_answer, times), .of = &time_schema, .doc = "in the order of their runs"},
    {"total", FIELD_INT(struct preview_answer, total), .doc = "times in the range, on all pages"},
    {"runs", FIELD_INT(struct preview_answer, runs), .doc = "how many of them would be run"},
    {"next_page_token", FIELD_TEXT(struct preview_answer, next_page_token), SCHEMA_NULLABLE},
    {0},
};
static const struct schema preview_schema = {"BackfillPreview", preview_fields, NULL};
static const struct schema_field preview_takes[] = {
    SCHEDULE_NAME("pipeline", SCHEMA_IN_PATH),
    SCHEDULE_NAME("schedule", SCHEMA_IN_PATH),
    RANGE(SCHEMA_IN_QUERY),
    REST_LIMIT,
    REST_PAGE_TOKEN(REST_ID_PATTERN),
    {0},
};

/* The page token is how many times were told before. */
static int preview(struct api_call *call, struct err *err)
{
    const struct backfill_row row = row_of(call);
    struct pipeline_in_force in_force;
    struct backfill_step *steps = NULL;
    size_t count = 0;
    if (pipeline_place_need(call, row.pipeline, err) < 0 ||
        backfill_check(&row, clock_wall_ms(&clock_system), err) < 0) {
        return -1;
    }
    int is_in_force = store_in_force_find(call->store, row.pipeline, call->arena, &in_force, err);
    if (is_in_force <= 0) {
        return is_in_force < 0 ? -1 : pipeline_is_not_in_force(row.pipeline, err);
    }
    if (backfill_foresee(call->store, &row, call->arena, &steps, &count, err) < 0) {
        return -1;
    }
    struct preview_answer answer = {.times = json_array(), .total = (int64_t)count};
    size_t first = (size_t)rest_page_id(call);
    size_t limit = rest_limit(call);
    for (size_t i = 0; i < count; i++) {
        answer.runs += steps[i].runs ? 1 : 0;
        if (i >= first && i - first < limit) {
            const struct time_answer one = {steps[i].reason, steps[i].at_ms, steps[i].runs};
            json_push(call->arena, &answer.times, schema_write(&time_schema, &one, call->arena));
        }
    }
    bool more = first < count && count - first > limit;
    answer.next_page_token = more ? number_text((int64_t)(first + limit), call->arena) : NULL;
    call->answer = schema_write(&preview_schema, &answer, call->arena);
    return 0;
}

/* ---- begin, cancel ---------------------------------------------------------------------------------------------- */

static const struct schema_field start_takes[] = {
    SCHEDULE_NAME("pipeline", 0),
    SCHEDULE_NAME("schedule", 0),
    RANGE(0),
    {.name = "max_active", .type = SCHEMA_INT, .least = 1, .most = BACKFILL_ACTIVE_MAX,
     .doc = "runs at once; 1 when it is not given"},
    {0},
};

static int tell_row(struct api_call *call, void *ctx, struct err *err)
{
    const int64_t *id = ctx;
    struct backfill_row row;
    if (store_backfill_get(call->store, *id, call->arena, &row, err) < 0) {
        return -1;
    }
    call->answer = backfill_json(&row, call->arena);
    return 0;
}

static struct triggers *triggers_of(const struct api_call *call, struct err *err)
{
    struct triggers *triggers = api_options_of(call->api)->triggers;
    if (triggers == NULL) {
        (void)err_set(err, ERR_STATE, "nothing is started by itself here");
    }
    return triggers;
}

/* What was found out in the thread, for the loop. */
struct asked {
    struct pipeline_place place;
    struct backfill_row row;
    int64_t id;
};

static int begin(struct api_call *call, struct err *err)
{
    struct asked *asked = rest_ctx(call);
    struct triggers *triggers = triggers_of(call, err);
    if (triggers == NULL || pipeline_place_check(call, &asked->place, err) < 0) {
        return -1;
    }
    if (*asked->place.definition == '\0') {
        return pipeline_is_not_in_force(asked->row.pipeline, err);
    }
    rest_told(call, tell_row, &asked->row.id);
    return triggers_backfill(triggers, api_options_of(call->api)->engine, &asked->row, err);
}

static int start_backfill(struct api_call *call, struct err *err)
{
    struct asked *asked = arena_one(call->arena, struct asked);
    *asked = (struct asked){.row = row_of(call)};
    rest_keep(call, asked, NULL);
    rest_then(call, begin);
    return pipeline_place_find(call, asked->row.pipeline, &asked->place, err);
}

static int stop(struct api_call *call, struct err *err)
{
    struct asked *asked = rest_ctx(call);
    struct triggers *triggers = triggers_of(call, err);
    bool is_gone = asked->place.pipeline == NULL;
    if (triggers == NULL || (is_gone && user_check_admin(call, "a backfill of a pipeline that is gone", err) < 0) ||
        (!is_gone && pipeline_place_check(call, &asked->place, err) < 0)) {
        return -1;
    }
    rest_told(call, tell_row, &asked->id);
    return triggers_cancel_backfill(triggers, api_options_of(call->api)->engine, asked->id, rest_actor(call), err);
}

static int cancel_backfill(struct api_call *call, struct err *err)
{
    struct asked *asked = arena_one(call->arena, struct asked);
    struct err gone = {0};
    *asked = (struct asked){.id = rest_id(call, "backfill_id")};
    rest_keep(call, asked, NULL);
    rest_then(call, stop);
    if (find(call, &asked->row, err) < 0) {
        return -1;
    }
    if (pipeline_place_find(call, asked->row.pipeline, &asked->place, &gone) < 0) {
        asked->place.pipeline = NULL;
        return gone.code == ERR_NOT_FOUND ? 0 : err_set(err, gone.code, "%s", gone.message);
    }
    return 0;
}

const struct api_route rest_backfill_routes[] = {
    {HTTP_GET, "/backfills", API_SLUICE, API_READS, API_NEEDS(VIEWER, READ, ANYBODY),
     REST_DOC(.name = "listBackfills",
                                      .group = "Schedules",
                                      .summary = "Backfills, and how far each is: newest first",
                                      .details = "Of pipelines that the reader may read: a page may have fewer than "
                                                 "its limit, and more behind it.",
                                      .takes = list_fields,
                                      .gives = &page_schema,
                                      .flags = REST_APART),
     .answer = list_backfills},
    {HTTP_POST, "/backfills", API_SLUICE, API_WRITES, API_NEEDS(RUNNER, EDIT, ITSELF),
     REST_DOC(.name = "startBackfill",
                                      .group = "Schedules",
                                      .summary = "Run the times of a schedule that lie in a range",
                                      .details = "For whoever may start a run of the pipeline. A time that was run "
                                                 "before is skipped unless `reprocess` says otherwise; one whose run "
                                                 "has not ended always. Its runs and those that it passes over are "
                                                 "triggers of the kind `backfill`.",
                                      .takes = start_takes,
                                      .gives = &backfill_schema,
                                      .status = 201,
                                      .flags = REST_APART | REST_COMMANDS | REST_FINDS),
     .note = API_NOTED_INSIDE,
     .answer = start_backfill},
    {HTTP_GET, "/backfills/{backfill_id}", API_SLUICE, API_READS, API_NEEDS(VIEWER, READ, ITSELF),
     REST_DOC(.name = "getBackfill",
                                      .group = "Schedules",
                                      .summary = "A backfill, and how far it is",
                                      .takes = one_fields,
                                      .gives = &backfill_schema,
                                      .flags = REST_APART),
     .answer = get_backfill},
    {HTTP_POST, "/backfills/{backfill_id}/cancel", API_SLUICE, API_WRITES, API_NEEDS(RUNNER, EDIT, ITSELF),
     REST_DOC(.name = "cancelBackfill",
                                      .group = "Schedules",
                                      .summary = "Start nothing more of a backfill; what runs goes on",
                                      .details = "409 when it has ended.",
                                      .takes = one_fields,
                                      .gives = &backfill_schema,
                                      .flags = REST_APART | REST_COMMANDS),
     .note = API_NOTED_INSIDE,
     .answer = cancel_backfill},
    {HTTP_GET, "/schedules/{pipeline}/{schedule}/backfill", API_SLUICE, API_READS, API_NEEDS(VIEWER, READ, ITSELF),
     REST_DOC(.name = "previewBackfill",
                                      .group = "Schedules",
                                      .summary = "What a backfill would run, and what it would pass over; nothing is "
                                                 "started",
                                      .takes = preview_takes,
                                      .gives = &preview_schema,
                                      .flags = REST_APART | REST_JUDGES),
     .answer = preview},
    {0},
};
