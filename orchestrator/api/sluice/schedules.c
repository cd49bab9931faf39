/* SPDX-License-Identifier: Apache-2.0
 * Schedules: when pipelines in force start by themselves, the next times of one, and that it is paused and goes on.
 */
#include "api/sluice/routes.h"
#include "base/clock.h"
#include "base/parse.h"
#include "trigger/trigger.h"

#include <string.h>

enum { COUNT = 10, COUNT_MAX = 1000 };

static const char *const states[] = {"active", "paused", "not in force", NULL};
static const char *const catchups[] = {"none", "one", "all", NULL};
static const char *const overlaps[] = {"allow", "skip", "queue", "queue_one", "cancel_running", NULL};

struct schedule_answer {
    const char *pipeline, *schedule, *cron, *timezone, *catchup, *overlap, *state, *paused_by, *pause_reason;
    int64_t next_ms, decided_ms, missed, paused_ms;
};
static const struct schema_field schedule_fields[] = {
    {"pipeline", FIELD_TEXT(struct schedule_answer, pipeline)},
    {"schedule", FIELD_TEXT(struct schedule_answer, schedule), .doc = "its id"},
    {"cron", FIELD_TEXT(struct schedule_answer, cron)},
    {"timezone", FIELD_TEXT(struct schedule_answer, timezone)},
    {"catchup", FIELD_TEXT(struct schedule_answer, catchup), .words = catchups},
    {"overlap", FIELD_TEXT(struct schedule_answer, overlap), .words = overlaps},
    {"state", FIELD_TEXT(struct schedule_answer, state), .words = states},
    {"next_at", FIELD_TIME(struct schedule_answer, next_ms), SCHEMA_NULLABLE,
     .doc = "null: nothing is due, or it is not active"},
    {"decided_until", FIELD_TIME(struct schedule_answer, decided_ms), .doc = "what was due by then has its outcome"},
    {"missed", FIELD_INT(struct schedule_answer, missed), .doc = "times that were not run since they came too late"},
    {"paused_since", FIELD_TIME(struct schedule_answer, paused_ms), SCHEMA_NULLABLE},
    {"paused_by", FIELD_TEXT(struct schedule_answer, paused_by), SCHEMA_NULLABLE},
    {"pause_reason", FIELD_TEXT(struct schedule_answer, pause_reason), SCHEMA_NULLABLE},
    {0},
};
static const struct schema schedule_schema = {"Schedule", schedule_fields, NULL};
static const struct schema_field page_fields[] = {
    {"schedules", FIELD_JSON(LIST, struct rest_page, items), .of = &schedule_schema},
    {"next_page_token", FIELD_TEXT(struct rest_page, next_page_token), SCHEMA_NULLABLE},
    {0},
};
static const struct schema page_schema = {"Schedules", page_fields, NULL};

static struct json schedule_json(const struct schedule_row *row, struct arena *arena)
{
    bool paused = row->paused_ms != 0;
    struct schedule_answer answer = {
        .pipeline = row->pipeline,
        .schedule = row->schedule,
        .cron = row->cron,
        .timezone = row->timezone,
        .catchup = row->catchup,
        .overlap = row->overlap,
        .state = !row->in_force ? states[2] : paused ? states[1] : states[0],
        .next_ms = row->in_force && !paused ? row->next_ms : 0,
        .decided_ms = row->decided_ms,
        .missed = row->missed,
        .paused_ms = row->paused_ms,
        .paused_by = paused ? row->paused_by : NULL,
        .pause_reason = paused ? row->pause_reason : NULL,
    };
    return schema_write(&schedule_schema, &answer, arena);
}

/* ---- list ------------------------------------------------------------------------------------------------------- */

static const struct schema_field list_fields[] = {
    {.name = "pipeline", .type = SCHEMA_TEXT, .flags = SCHEMA_IN_QUERY, .doc = "only those of this one"},
    {.name = "all", .type = SCHEMA_BOOL, .flags = SCHEMA_IN_QUERY, .doc = "also those that nothing has in force"},
    REST_LIMIT,
    REST_PAGE_TOKEN(NULL),
    {0},
};

/* "PIPELINE/SCHEDULE", the last of the page before; names of pipelines have no '/'. */
static bool is_behind(const struct schedule_row *row, const char *token, struct arena *arena)
{
    struct str rest = str_from(token == NULL ? "" : token);
    struct str pipeline = {0};
    if (token == NULL || !str_cut(&rest, '/', &pipeline)) {
        return true;
    }
    int order = strcmp(row->pipeline, arena_str(arena, pipeline).p);
    return order > 0 || (order == 0 && strcmp(row->schedule, rest.p) > 0);
}

static int list_schedules(struct api_call *call, struct err *err)
{
    const char *token = json_get_text(&call->params, "page_token", NULL);
    struct schedule_row *rows = NULL;
    size_t count = 0;
    size_t listed = 0;
    size_t limit = rest_limit(call);
    struct rest_page page = {.items = json_array()};
    if (store_schedule_list(call->store, json_get_text(&call->params, "pipeline", NULL),
                            json_get_bool(&call->params, "all", false), call->arena, &rows, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count && listed < limit; i++) {
        if (is_behind(&rows[i], token, call->arena)) {
            json_push(call->arena, &page.items, schedule_json(&rows[i], call->arena));
            listed++;
            page.next_page_token = listed < limit || i + 1 == count
                                       ? NULL
                                       : arena_printf(call->arena, "%s/%s", rows[i].pipeline, rows[i].schedule);
        }
    }
    call->answer = schema_write(&page_schema, &page, call->arena);
    return 0;
}

/* ---- one -------------------------------------------------------------------------------------------------------- */

#define SCHEDULE_NAMES                                                                                                 \
    {.name = "pipeline", .type = SCHEMA_TEXT, .flags = SCHEMA_REQUIRED | SCHEMA_IN_PATH, .least = 1, .most = 200},     \
    {                                                                                                                  \
        .name = "schedule", .type = SCHEMA_TEXT, .flags = SCHEMA_REQUIRED | SCHEMA_IN_PATH, .least = 1, .most = 200,   \
        .doc = "its id"                                                                                                \
    }
static const struct schema_field one_fields[] = {SCHEDULE_NAMES, {0}};
static const struct schema_field pause_fields[] = {
    SCHEDULE_NAMES, {.name = "reason", .type = SCHEMA_TEXT, .doc = "why, for the record"}, {0}};
static const struct schema_field next_takes[] = {
    SCHEDULE_NAMES,
    {.name = "from", .type = SCHEMA_TIME, .flags = SCHEMA_IN_QUERY, .doc = "times behind this; now"},
    {.name = "count", .type = SCHEMA_INT, .flags = SCHEMA_IN_QUERY, .least = 1, .most = COUNT_MAX,
     .doc = "at most so many; 10 when it is not given"},
    {0},
};

struct next_answer {
    struct json times;
};
static const struct schema_field next_fields[] = {
    {"times", FIELD_JSON(TEXTS, struct next_answer, times), .doc = "RFC 3339, in UTC"}, {0}};
static const struct schema next_schema = {"ScheduleTimes", next_fields, NULL};

static int find(struct api_call *call, struct schedule_row *ret, struct err *err)
{
    return store_schedule_get(call->store, json_get_text(&call->params, "pipeline", ""),
                              json_get_text(&call->params, "schedule", ""), call->arena, ret, err);
}

static int get_schedule(struct api_call *call, struct err *err)
{
    struct schedule_row row;
    if (find(call, &row, err) < 0) {
        return -1;
    }
    call->answer = schedule_json(&row, call->arena);
    return 0;
}

static int next_times(struct api_call *call, struct err *err)
{
    struct schedule_row row;
    struct timetable table;
    struct next_answer answer = {.times = json_array()};
    if (find(call, &row, err) < 0 || schedule_timetable(&row, call->arena, &table, err) < 0) {
        return -1;
    }
    int64_t at_ms = json_get_int(&call->params, "from", clock_wall_ms(&clock_system));
    int64_t count = json_get_int(&call->params, "count", COUNT);
    for (int64_t i = 0; i < count; i++) {
        char text[40];
        at_ms = occurrence_next_ms(&table, at_ms);
        if (at_ms == INT64_MAX) {
            break;
        }
        format_time_s(text, sizeof text, at_ms);
        json_push(call->arena, &answer.times, json_cstring(call->arena, text));
    }
    call->answer = schema_write(&next_schema, &answer, call->arena);
    return 0;
}

/* ---- pausing ---------------------------------------------------------------------------------------------------- */

static int tell_schedule(struct api_call *call, void *ctx, struct err *err)
{
    (void)ctx;
    return get_schedule(call, err);
}

static int change(struct api_call *call, bool pauses, struct err *err)
{
    const struct api_options *options = api_options_of(call->api);
    const char *pipeline = json_get_text(&call->params, "pipeline", "");
    const char *schedule = json_get_text(&call->params, "schedule", "");
    if (options->triggers == NULL) {
        return err_set(err, ERR_STATE, "nothing is started by itself here");
    }
    rest_told(call, tell_schedule, NULL);
    return pauses ? triggers_pause(options->triggers, options->engine, pipeline, schedule, rest_actor(call),
                                   json_get_text(&call->params, "reason", ""), err)
                  : triggers_resume(options->triggers, options->engine, pipeline, schedule, rest_actor(call), err);
}

static int pause_schedule(struct api_call *call, struct err *err)
{
    return change(call, true, err);
}

static int resume_schedule(struct api_call *call, struct err *err)
{
    return change(call, false, err);
}

const struct api_route rest_schedule_routes[] = {
    {HTTP_GET, "/schedules", API_SLUICE, API_READS, API_NEEDS(ADMIN, READ, ADMIN),
     REST_DOC(.name = "listSchedules",
                                      .group = "Schedules",
                                      .summary = "Schedules of pipelines in force, by pipeline and id",
                                      .takes = list_fields,
                                      .gives = &page_schema,
                                      .flags = REST_APART),
     .answer = list_schedules},
    {HTTP_GET, "/schedules/{pipeline}/{schedule}", API_SLUICE, API_READS, API_NEEDS(ADMIN, READ, ADMIN),
     REST_DOC(.name = "getSchedule",
                                      .group = "Schedules",
                                      .summary = "A schedule",
                                      .takes = one_fields,
                                      .gives = &schedule_schema,
                                      .flags = REST_APART),
     .answer = get_schedule},
    {HTTP_GET, "/schedules/{pipeline}/{schedule}/next", API_SLUICE, API_READS, API_NEEDS(ADMIN, READ, ADMIN),
     REST_DOC(.name = "nextTimes",
                                      .group = "Schedules",
                                      .summary = "The next times of a schedule, paused or not",
                                      .takes = next_takes,
                                      .gives = &next_schema,
                                      .flags = REST_APART),
     .answer = next_times},
    {HTTP_POST, "/schedules/{pipeline}/{schedule}/pause", API_SLUICE, API_WRITES, API_NEEDS(ADMIN, EDIT, ADMIN),
     REST_DOC(.name = "pauseSchedule",
                                      .group = "Schedules",
                                      .summary = "Let nothing of it be due until it is resumed",
                                      .details = "409 when it is paused already.",
                                      .takes = pause_fields,
                                      .gives = &schedule_schema,
                                      .flags = REST_COMMANDS),
     .note = API_NOTED_INSIDE,
     .answer = pause_schedule},
    {HTTP_POST, "/schedules/{pipeline}/{schedule}/resume", API_SLUICE, API_WRITES, API_NEEDS(ADMIN, EDIT, ADMIN),
     REST_DOC(.name = "resumeSchedule",
                                      .group = "Schedules",
                                      .summary = "Let it be due again; what came meanwhile is skipped",
                                      .details = "409 when it is not paused.",
                                      .takes = one_fields,
                                      .gives = &schedule_schema,
                                      .flags = REST_COMMANDS),
     .note = API_NOTED_INSIDE,
     .answer = resume_schedule},
    {0},
};
