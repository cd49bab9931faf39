/* SPDX-License-Identifier: Apache-2.0
 * The activity log: who did what to which object, from where, and why.
 */
#include "store/activity.h"

#include "api/sluice/routes.h"
#include "api/sluice/stream.h"
#include "base/mem.h"
#include "view/activity_text.h"

#include <stdlib.h>

enum { EXPORT_ROWS = 500, VERIFY_ROWS = 20000 };

/* ---- rows ------------------------------------------------------------------------------------------------------- */

static const struct schema_field activity_fields[] = {
    {"sequence", FIELD_INT(struct activity, sequence)},
    {"at", FIELD_TIME(struct activity, at_ms)},
    {"actor", FIELD_TEXT(struct activity, actor)},
    {"address", FIELD_TEXT(struct activity, address), .doc = "where it was asked from; empty: on the server"},
    {"means", FIELD_TEXT(struct activity, means),
     .doc = "by what the actor was known: password, token ID, step; empty: as an account of the machine, or not"},
    {"action", FIELD_TEXT(struct activity, action)},
    {"object", FIELD_TEXT(struct activity, object)},
    {"object_id", FIELD_TEXT(struct activity, object_id)},
    {"from", FIELD_TEXT(struct activity, from_state)},
    {"to", FIELD_TEXT(struct activity, to_state)},
    {"reason", FIELD_TEXT(struct activity, reason)},
    {"evidence_sha256", FIELD_TEXT(struct activity, evidence_sha256)},
    {"chain", FIELD_TEXT(struct activity, chain), .doc = "HMAC of the chain before and this row"},
    {0},
};
static const struct schema activity_schema = {"Activity", activity_fields, NULL};
static const struct schema_field page_fields[] = {
    {"activity", FIELD_JSON(LIST, struct rest_page, items), .of = &activity_schema},
    {"next_page_token", FIELD_TEXT(struct rest_page, next_page_token), SCHEMA_NULLABLE},
    {0},
};
static const struct schema page_schema = {"ActivityPage", page_fields, NULL};

#define FILTERS                                                                                                        \
    {.name = "object_id", .type = SCHEMA_TEXT, .flags = SCHEMA_IN_QUERY, .doc = "a run id, NAME/VERSION ..."},         \
        {.name = "actor", .type = SCHEMA_TEXT, .flags = SCHEMA_IN_QUERY},                                              \
        {.name = "address", .type = SCHEMA_TEXT, .flags = SCHEMA_IN_QUERY, .doc = "empty: asked on the server"},       \
        {.name = "action", .type = SCHEMA_TEXT, .flags = SCHEMA_IN_QUERY,                                              \
         .doc = "run.started ...; with * at its end all that begin so: run.*"},                                        \
        {.name = "outcome", .type = SCHEMA_TEXT, .flags = SCHEMA_IN_QUERY, .words = activity_outcomes,                 \
         .doc = "refused: calls, gates and configurations that were refused; done: all others"},                       \
        {.name = "since", .type = SCHEMA_TIME, .flags = SCHEMA_IN_QUERY, .doc = "then or later"},                      \
    {                                                                                                                  \
        .name = "until", .type = SCHEMA_TIME, .flags = SCHEMA_IN_QUERY, .doc = "before"                                \
    }
static const struct schema_field list_fields[] = {FILTERS, REST_LIMIT, REST_PAGE_TOKEN(REST_ID_PATTERN), {0}};
static const struct schema_field export_fields[] = {
    FILTERS,
    {.name = "format", .type = SCHEMA_TEXT, .flags = SCHEMA_IN_QUERY, .words = activity_formats,
     .doc = "jsonl (the default), or csv, in which what a spreadsheet would take for a formula has an apostrophe"},
    {0}};

static struct activity_filter filter_of(const struct json *params)
{
    enum activity_outcome outcome = ACTIVITY_ANY;
    (void)activity_outcome_parse(json_get_text(params, "outcome", ""), &outcome, NULL);
    return (struct activity_filter){
        .object_id = json_get_text(params, "object_id", NULL),
        .actor = json_get_text(params, "actor", NULL),
        .address = json_get_text(params, "address", NULL),
        .action = json_get_text(params, "action", NULL),
        .outcome = outcome,
        .since_ms = json_get_int(params, "since", 0),
        .until_ms = json_get_int(params, "until", 0),
    };
}

static int list_activity(struct api_call *call, struct err *err)
{
    struct activity_filter filter = filter_of(&call->params);
    struct activity *rows = NULL;
    size_t count = 0;
    struct rest_page page = {.items = json_array()};
    filter.newest_first = true;
    filter.from_sequence = rest_page_id(call);
    filter.limit = rest_limit(call);
    if (store_activity_find(call->store, &filter, call->arena, &rows, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        json_push(call->arena, &page.items, schema_write(&activity_schema, &rows[i], call->arena));
    }
    if (count == filter.limit) {
        page.next_page_token = arena_printf(call->arena, "%lld", (long long)rows[count - 1].sequence);
    }
    call->answer = schema_write(&page_schema, &page, call->arena);
    return 0;
}

/* ---- export ----------------------------------------------------------------------------------------------------- */

/* Up to the row that was the last when it began: so it ends, whatever happens meanwhile. */
struct exporting {
    struct activity_filter filter;
    enum activity_format format;
    bool begun;
    struct json params; /* the filter's texts; in `kept` */
    struct arena *kept, *arena;
};

static void drop_export(void *state)
{
    struct exporting *exporting = state;
    arena_free(exporting->kept);
    arena_free(exporting->arena);
    free(exporting);
}

static int export_some(void *state, struct apart *apart, struct strbuf *part, enum stream_state *ret, struct err *err)
{
    struct exporting *exporting = state;
    struct store *store = apart_store(apart, err);
    struct activity *rows = NULL;
    size_t count = 0;
    if (store == NULL ||
        store_activity_find(store, &exporting->filter, exporting->arena, &rows, &count, err) < 0) {
        return -1;
    }
    if (!exporting->begun) {
        activity_text_head(exporting->format, part);
        exporting->begun = true;
    }
    for (size_t i = 0; i < count; i++) {
        activity_text_row(exporting->format, &rows[i], exporting->arena, part);
        exporting->filter.from_sequence = rows[i].sequence;
    }
    arena_reset(exporting->arena);
    *ret = count < exporting->filter.limit ? STREAM_ENDS : STREAM_GOES_ON;
    return 0;
}

static const struct stream_kind export_kind = {export_some, drop_export};

static int export_activity(struct api_call *call, struct err *err)
{
    struct exporting *exporting = mem_alloc(sizeof *exporting);
    char head[96];
    *exporting = (struct exporting){.kept = arena_new(), .arena = arena_new()};
    exporting->params = json_copy(exporting->kept, &call->params);
    exporting->filter = filter_of(&exporting->params);
    bool is_csv = strcmp(json_get_text(&exporting->params, "format", ""), activity_formats[ACTIVITY_CSV]) == 0;
    exporting->format = is_csv ? ACTIVITY_CSV : ACTIVITY_JSONL;
    exporting->filter.limit = EXPORT_ROWS;
    if (store_activity_head_text(call->store, &exporting->filter.last_sequence, head, err) < 0) {
        drop_export(exporting);
        return -1;
    }
    struct http_answer answer = {.status = 200,
                                 .content_type = is_csv ? "text/csv; charset=utf-8" : "application/x-ndjson",
                                 .fd = -1,
                                 .source = stream_new(call->api, &export_kind, exporting)};
    rest_reply(call, &answer);
    return 0;
}

/* ---- the chain -------------------------------------------------------------------------------------------------- */

struct head_answer {
    const char *head;
    int64_t rows;
};
static const struct schema_field head_fields[] = {
    {"head", FIELD_TEXT(struct head_answer, head), .doc = "SEQUENCE:HEX, to be kept elsewhere"},
    {"rows", FIELD_INT(struct head_answer, rows)},
    {0},
};
static const struct schema head_schema = {"ActivityHead", head_fields, NULL};

static int get_head(struct api_call *call, struct err *err)
{
    char head[96];
    struct head_answer answer = {0};
    if (store_activity_head_text(call->store, &answer.rows, head, err) < 0) {
        return -1;
    }
    answer.head = head;
    call->answer = schema_write(&head_schema, &answer, call->arena);
    return 0;
}

struct verify_answer {
    bool holds;
    int64_t rows;
    const char *head, *problem;
};
static const struct schema_field verify_fields[] = {
    {"holds", FIELD_BOOL(struct verify_answer, holds)},
    {"rows", FIELD_INT(struct verify_answer, rows), .doc = "that were looked at"},
    {"head", FIELD_TEXT(struct verify_answer, head), SCHEMA_NULLABLE, .doc = "when it holds"},
    {"problem", FIELD_TEXT(struct verify_answer, problem), SCHEMA_NULLABLE, .doc = "when it does not"},
    {0},
};
static const struct schema verify_schema = {"ActivityVerification", verify_fields, NULL};
static const struct schema_field verify_takes[] = {
    {.name = "head", .type = SCHEMA_TEXT, .flags = SCHEMA_IN_QUERY, .pattern = "^[1-9][0-9]{0,17}:[0-9a-f]{64}$",
     .doc = "one noted earlier, which must lie on the chain: finds a tail that was cut off"},
    {0},
};

/* Slice by slice, others in between. */
static int verify(struct api_call *call, struct err *err)
{
    struct activity_check *check = rest_ctx(call);
    struct err wrong = {0};
    if (check == NULL) {
        check = arena_one(call->arena, struct activity_check);
        if (store_activity_verify_begin(call->store, json_get_text(&call->params, "head", NULL), check, err) < 0) {
            return -1;
        }
        rest_keep(call, check, NULL);
    }
    int more = store_activity_verify_some(call->store, check, VERIFY_ROWS, &wrong);
    if (more == 1 || (more < 0 && wrong.code != ERR_CORRUPT)) {
        return more == 1 ? 1 : err_set(err, wrong.code, "%s", wrong.message);
    }
    struct verify_answer answer = {.holds = more == 0, .rows = check->sequence};
    if (more == 0) {
        answer.head = arena_printf(call->arena, "%lld:%.64s", (long long)check->sequence,
                                   check->sequence == 0 ? "" : check->chain);
    } else {
        answer.problem = arena_strdup(call->arena, wrong.message);
    }
    call->answer = schema_write(&verify_schema, &answer, call->arena);
    return 0;
}

const struct api_route rest_activity_routes[] = {
    {HTTP_GET, "/activity", API_SLUICE, API_READS, API_NEEDS(ADMIN, READ, ADMIN),
     REST_DOC(.name = "listActivity",
                                      .group = "Activity",
                                      .summary = "Who did what, to which object, and why: newest first",
                                      .takes = list_fields,
                                      .gives = &page_schema,
                                      .flags = REST_APART),
     .answer = list_activity},
    {HTTP_GET, "/activity/export", API_SLUICE, API_READS, API_NEEDS(ADMIN, READ, ADMIN),
     REST_DOC(.name = "exportActivity",
                                      .group = "Activity",
                                      .summary = "The same as JSON lines or CSV, oldest first, however many there are",
                                      .takes = export_fields,
                                      .gives = NULL,
                                      .media = "application/x-ndjson",
                                      .also = "text/csv",
                                      .flags = REST_APART),
     .answer = export_activity},
    {HTTP_GET, "/activity/head", API_SLUICE, API_READS, API_NEEDS(ADMIN, READ, ADMIN),
     REST_DOC(.name = "getActivityHead",
                                      .group = "Activity",
                                      .summary = "The end of the chain, to keep elsewhere",
                                      .gives = &head_schema,
                                      .flags = REST_APART),
     .answer = get_head},
    {HTTP_GET, "/activity/verify", API_SLUICE, API_READS, API_NEEDS(ADMIN, READ, ADMIN),
     REST_DOC(.name = "verifyActivity",
                                      .group = "Activity",
                                      .summary = "Check the whole chain: was a row changed, removed or moved?",
                                      .takes = verify_takes,
                                      .gives = &verify_schema,
                                      .flags = REST_APART),
     .answer = verify},
    {0},
};
