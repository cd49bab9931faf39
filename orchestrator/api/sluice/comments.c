/* SPDX-License-Identifier: Apache-2.0
 * What people say of versions of registered models.
 */
#include "api/sluice/routes.h"
#include "store/delegations.h"
#include "store/registry.h"

struct comment_answer {
    const char *comment_id, *name, *actor, *text;
    int64_t version, at_ms;
};
static const struct schema_field comment_fields[] = {
    {"comment_id", FIELD_TEXT(struct comment_answer, comment_id), .pattern = REST_ID_PATTERN},
    {"name", FIELD_TEXT(struct comment_answer, name), .doc = "the registered model"},
    {"version", FIELD_INT(struct comment_answer, version)},
    {"actor", FIELD_TEXT(struct comment_answer, actor)},
    {"text", FIELD_TEXT(struct comment_answer, text)},
    {"at", FIELD_TIME(struct comment_answer, at_ms)},
    {0},
};
static const struct schema comment_schema = {"Comment", comment_fields, NULL};
static const struct schema_field page_fields[] = {
    {"comments", FIELD_JSON(LIST, struct rest_page, items), .of = &comment_schema},
    {"next_page_token", FIELD_TEXT(struct rest_page, next_page_token), SCHEMA_NULLABLE},
    {0},
};
static const struct schema page_schema = {"Comments", page_fields, NULL};
static const struct schema_field list_takes[] = {REST_MODEL_NAME, REST_MODEL_VERSION, REST_LIMIT,
                                                 REST_PAGE_TOKEN(REST_ID_PATTERN), {0}};
static const struct schema_field comment_takes[] = {
    REST_MODEL_NAME,
    REST_MODEL_VERSION,
    {.name = "text", .type = SCHEMA_TEXT, .flags = SCHEMA_REQUIRED, .least = 1, .most = COMMENT_BYTES_MAX,
     .doc = "16 KiB in UTF-8 at most, and not of blanks alone"},
    {0},
};

static struct json comment_json(const struct comment *row, struct arena *arena)
{
    const struct comment_answer answer = {
        .comment_id = arena_printf(arena, "%lld", (long long)row->id),
        .name = row->name,
        .version = row->version,
        .actor = row->actor,
        .text = row->text,
        .at_ms = row->at_ms,
    };
    return schema_write(&comment_schema, &answer, arena);
}

static int list_comments(struct api_call *call, struct err *err)
{
    struct model_version version;
    struct comment *rows = NULL;
    size_t count = 0;
    size_t limit = rest_limit(call);
    int64_t after = rest_page_id(call);
    struct rest_page page = {.items = json_array()};
    const char *name = rest_model_name(call);
    int64_t number = rest_id(call, "version");
    if (store_version_get(call->store, name, number, call->arena, &version, err) < 0 ||
        store_comment_list(call->store, name, number, call->arena, &rows, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count && page.items.u.array.count < limit; i++) {
        if (rows[i].id <= after) {
            continue;
        }
        json_push(call->arena, &page.items, comment_json(&rows[i], call->arena));
        page.next_page_token = page.items.u.array.count == limit && i + 1 < count
                                   ? arena_printf(call->arena, "%lld", (long long)rows[i].id)
                                   : NULL;
    }
    call->answer = schema_write(&page_schema, &page, call->arena);
    return 0;
}

static int comment_in_turn(struct api_call *call, struct err *err)
{
    struct comment row = {.name = rest_model_name(call),
                          .version = rest_id(call, "version"),
                          .actor = rest_actor(call),
                          .text = json_get_text(&call->params, "text", ""),
                          .at_ms = call->now_ms};
    if (store_comment_add(call->store, &row, err) < 0) {
        return -1;
    }
    call->answer = comment_json(&row, call->arena);
    return 0;
}

static int comment(struct api_call *call, struct err *err)
{
    return rest_transact(call, comment_in_turn, err);
}

const struct api_route rest_comment_routes[] = {
    {HTTP_GET, "/registered-models/{name}/versions/{version}/comments", API_SLUICE, API_READS,
     API_NEEDS(VIEWER, READ, REGISTERED),
     REST_DOC(.name = "listComments",
                                      .group = "Models",
                                      .summary = "What people have said of a version: oldest first",
                                      .takes = list_takes,
                                      .gives = &page_schema,
                                      .flags = REST_APART),
     .answer = list_comments},
    {HTTP_POST, "/registered-models/{name}/versions/{version}/comments", API_SLUICE, API_WRITES,
     API_NEEDS(RUNNER, READ, REGISTERED),
     REST_DOC(.name = "comment",
                                      .group = "Models",
                                      .summary = "Say something of a version, for whoever decides about it",
                                      .details = "It stays: nobody changes or removes it. Who has subscribed to the "
                                                 "model is told.",
                                      .takes = comment_takes,
                                      .gives = &comment_schema,
                                      .status = 201,
                                      .flags = REST_COMMANDS),
     .answer = comment,
     .note = API_NOTED_INSIDE},
    {0},
};
