/* SPDX-License-Identifier: Apache-2.0
 * Triggers, what came of each; and deliveries of webhooks that came in.
 */
#include "api/sluice/routes.h"
#include "store/hook_deliveries.h"
#include "store/triggers.h"

static const char *const trigger_kinds[] = {"schedule", "backfill", "webhook", "push", "model",
                                            "pipeline", "manual",   NULL};
static const char *const outcomes[] = {"pending", "started", "skipped", "filtered", "duplicate", "expired", NULL};
static const char *const received[] = {"accepted", "ignored", "duplicate", "refused", NULL};

/* ---- triggers --------------------------------------------------------------------------------------------------- */

struct trigger_answer {
    const char *trigger_id, *pipeline, *kind, *on, *key, *outcome, *run_id, *reason, *actor;
    int64_t scheduled_for_ms, until_ms, occurrences, received_ms, settled_ms;
    struct json params, chain;
};
static const struct schema_field trigger_fields[] = {
    {"trigger_id", FIELD_TEXT(struct trigger_answer, trigger_id), .pattern = REST_ID_PATTERN},
    {"pipeline", FIELD_TEXT(struct trigger_answer, pipeline)},
    {"kind", FIELD_TEXT(struct trigger_answer, kind), .words = trigger_kinds},
    {"on", FIELD_TEXT(struct trigger_answer, on), .doc = "of a schedule its id, else its key below 'on'"},
    {"key", FIELD_TEXT(struct trigger_answer, key), .doc = "what tells it from others: a time, a delivery, a run"},
    {"scheduled_for", FIELD_TIME(struct trigger_answer, scheduled_for_ms), SCHEMA_NULLABLE},
    {"until", FIELD_TIME(struct trigger_answer, until_ms), SCHEMA_NULLABLE,
     .doc = "the last of several times that share it"},
    {"occurrences", FIELD_INT(struct trigger_answer, occurrences), .doc = "how many times it stands for"},
    {"received_at", FIELD_TIME(struct trigger_answer, received_ms)},
    {"settled_at", FIELD_TIME(struct trigger_answer, settled_ms), SCHEMA_NULLABLE, .doc = "null: it is pending"},
    {"outcome", FIELD_TEXT(struct trigger_answer, outcome), .words = outcomes},
    {"reason", FIELD_TEXT(struct trigger_answer, reason)},
    {"run_id", FIELD_TEXT(struct trigger_answer, run_id), SCHEMA_NULLABLE, .pattern = REST_RUN_ID_PATTERN},
    {"params", FIELD_JSON(MAP, struct trigger_answer, params), .doc = "that it gives to the run"},
    {"chain", FIELD_JSON(TEXTS, struct trigger_answer, chain), .doc = "pipelines by whose ends it came about"},
    {"actor", FIELD_TEXT(struct trigger_answer, actor)},
    {0},
};
static const struct schema trigger_schema = {"Trigger", trigger_fields, NULL};
static const struct schema_field triggers_fields[] = {
    {"triggers", FIELD_JSON(LIST, struct rest_page, items), .of = &trigger_schema},
    {"next_page_token", FIELD_TEXT(struct rest_page, next_page_token), SCHEMA_NULLABLE},
    {0},
};
static const struct schema triggers_schema = {"Triggers", triggers_fields, NULL};
static const struct schema_field list_triggers_fields[] = {
    {.name = "pipeline", .type = SCHEMA_TEXT, .flags = SCHEMA_IN_QUERY},
    {.name = "kind", .type = SCHEMA_TEXT, .flags = SCHEMA_IN_QUERY, .words = trigger_kinds},
    {.name = "outcome", .type = SCHEMA_TEXT, .flags = SCHEMA_IN_QUERY, .words = outcomes},
    REST_LIMIT,
    REST_PAGE_TOKEN(REST_ID_PATTERN),
    {0},
};
#define ROW_ID(what)                                                                                                   \
    {.name = what, .type = SCHEMA_TEXT, .flags = SCHEMA_REQUIRED | SCHEMA_IN_PATH, .pattern = REST_ID_PATTERN}
static const struct schema_field one_trigger_fields[] = {ROW_ID("trigger_id"), {0}};

static struct json read_or(const char *text, struct json otherwise, struct arena *arena)
{
    struct json value;
    bool good = json_read(str_from(text), (struct json_limits){0}, arena, &value, NULL) == 0;
    return good && value.type == otherwise.type ? value : otherwise;
}

static const char *id_text(int64_t id, struct arena *arena)
{
    return arena_printf(arena, "%lld", (long long)id);
}

static struct json trigger_json(const struct trigger_row *row, struct arena *arena)
{
    struct trigger_answer answer = {
        .trigger_id = id_text(row->id, arena),
        .pipeline = row->pipeline,
        .kind = row->kind,
        .on = row->trigger_id,
        .key = row->key,
        .scheduled_for_ms = row->scheduled_for_ms,
        .until_ms = row->until_ms,
        .occurrences = row->occurrences,
        .received_ms = row->received_ms,
        .settled_ms = row->settled_ms,
        .outcome = trigger_outcome_name(row->outcome),
        .reason = row->reason,
        .run_id = row->run_id,
        .params = read_or(row->params, json_object(), arena),
        .chain = read_or(row->chain, json_array(), arena),
        .actor = row->actor,
    };
    return schema_write(&trigger_schema, &answer, arena);
}

static int list_triggers(struct api_call *call, struct err *err)
{
    struct trigger_filter filter = {
        .pipeline = json_get_text(&call->params, "pipeline", NULL),
        .kind = json_get_text(&call->params, "kind", NULL),
        .outcome = json_get_text(&call->params, "outcome", NULL),
        .before = rest_page_id(call),
        .limit = rest_limit(call),
    };
    struct trigger_row *rows = NULL;
    size_t count = 0;
    struct rest_page page = {.items = json_array()};
    if (store_trigger_list(call->store, &filter, call->arena, &rows, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        json_push(call->arena, &page.items, trigger_json(&rows[i], call->arena));
    }
    page.next_page_token = count == filter.limit ? id_text(rows[count - 1].id, call->arena) : NULL;
    call->answer = schema_write(&triggers_schema, &page, call->arena);
    return 0;
}

static int get_trigger(struct api_call *call, struct err *err)
{
    struct trigger_row row;
    if (store_trigger_get(call->store, rest_id(call, "trigger_id"), call->arena, &row, err) < 0) {
        return -1;
    }
    call->answer = trigger_json(&row, call->arena);
    return 0;
}

/* ---- deliveries ------------------------------------------------------------------------------------------------- */

struct delivery_answer {
    const char *delivery, *pipeline, *provider, *delivery_id, *event, *peer, *outcome, *reason, *trigger_id, *replay_of,
        *actor, *sha256, *run;
    int64_t received_ms, status, bytes;
    bool has_body;
    struct json headers;
};
#define DELIVERY_FIELDS                                                                                                \
    {"delivery", FIELD_TEXT(struct delivery_answer, delivery), .pattern = REST_ID_PATTERN},                            \
        {"pipeline", FIELD_TEXT(struct delivery_answer, pipeline)},                                                    \
        {"provider", FIELD_TEXT(struct delivery_answer, provider), .doc = "'verify' of its hook; '': it has none"},    \
        {"delivery_id", FIELD_TEXT(struct delivery_answer, delivery_id), .doc = "as its sender has it, else ours"},    \
        {"event", FIELD_TEXT(struct delivery_answer, event)},                                                          \
        {"peer", FIELD_TEXT(struct delivery_answer, peer), .doc = "the address that it came from"},                    \
        {"received_at", FIELD_TIME(struct delivery_answer, received_ms)},                                              \
        {"status", FIELD_INT(struct delivery_answer, status), .doc = "that was answered; 0 of a replay"},              \
        {"outcome", FIELD_TEXT(struct delivery_answer, outcome), .words = received},                                   \
        {"reason", FIELD_TEXT(struct delivery_answer, reason)},                                                        \
        {"trigger_id", FIELD_TEXT(struct delivery_answer, trigger_id), SCHEMA_NULLABLE, .pattern = REST_ID_PATTERN},   \
        {"run", FIELD_TEXT(struct delivery_answer, run), SCHEMA_NULLABLE, .doc = "PIPELINE/NUMBER"},                   \
        {"replay_of", FIELD_TEXT(struct delivery_answer, replay_of), SCHEMA_NULLABLE, .pattern = REST_ID_PATTERN},     \
        {"actor", FIELD_TEXT(struct delivery_answer, actor), .doc = "who replayed it; ''"},                            \
        {"bytes", FIELD_INT(struct delivery_answer, bytes), .doc = "of the body"},                                     \
        {"sha256", FIELD_TEXT(struct delivery_answer, sha256)},                                                        \
    {                                                                                                                  \
        "has_body", FIELD_BOOL(struct delivery_answer, has_body), .doc = "it is kept, and can be replayed"             \
    }
static const struct schema_field delivery_fields[] = {DELIVERY_FIELDS, {0}};
static const struct schema delivery_schema = {"HookDelivery", delivery_fields, NULL};
static const struct schema_field whole_fields[] = {
    DELIVERY_FIELDS,
    {"headers", FIELD_JSON(MAP, struct delivery_answer, headers), .doc = "without those that carry secrets"},
    {0},
};
static const struct schema whole_schema = {"HookDeliveryDetails", whole_fields, NULL};
static const struct schema_field deliveries_fields[] = {
    {"deliveries", FIELD_JSON(LIST, struct rest_page, items), .of = &delivery_schema},
    {"next_page_token", FIELD_TEXT(struct rest_page, next_page_token), SCHEMA_NULLABLE},
    {0},
};
static const struct schema deliveries_schema = {"HookDeliveries", deliveries_fields, NULL};
static const struct schema_field list_deliveries_fields[] = {
    {.name = "pipeline", .type = SCHEMA_TEXT, .flags = SCHEMA_IN_QUERY},
    {.name = "outcome", .type = SCHEMA_TEXT, .flags = SCHEMA_IN_QUERY, .words = received},
    REST_LIMIT,
    REST_PAGE_TOKEN(REST_ID_PATTERN),
    {0},
};
static const struct schema_field one_delivery_fields[] = {ROW_ID("delivery"), {0}};

static struct delivery_answer delivery_of(const struct hook_delivery *row, struct arena *arena)
{
    return (struct delivery_answer){
        .delivery = id_text(row->id, arena),
        .pipeline = row->pipeline,
        .provider = row->provider,
        .delivery_id = row->delivery_id,
        .event = row->event_type,
        .peer = row->peer,
        .received_ms = row->received_ms,
        .status = row->status,
        .outcome = hook_outcome_names[row->outcome],
        .reason = row->reason,
        .trigger_id = row->trigger_row == 0 ? NULL : id_text(row->trigger_row, arena),
        .run = row->run == NULL || *row->run == '\0' ? NULL : row->run,
        .replay_of = row->replay_of == 0 ? NULL : id_text(row->replay_of, arena),
        .actor = row->actor,
        .bytes = row->body_bytes,
        .sha256 = row->body_sha256,
        .has_body = row->has_body,
        .headers = read_or(row->headers == NULL ? "" : row->headers, json_object(), arena),
    };
}

static int list_deliveries(struct api_call *call, struct err *err)
{
    struct hook_delivery_filter filter = {
        .pipeline = json_get_text(&call->params, "pipeline", NULL),
        .outcome = json_get_text(&call->params, "outcome", NULL),
        .before = rest_page_id(call),
        .limit = (int64_t)rest_limit(call),
    };
    struct hook_delivery *rows = NULL;
    size_t count = 0;
    struct rest_page page = {.items = json_array()};
    if (store_hook_delivery_list(call->store, &filter, call->arena, &rows, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        struct delivery_answer answer = delivery_of(&rows[i], call->arena);
        json_push(call->arena, &page.items, schema_write(&delivery_schema, &answer, call->arena));
    }
    page.next_page_token = (int64_t)count == filter.limit ? id_text(rows[count - 1].id, call->arena) : NULL;
    call->answer = schema_write(&deliveries_schema, &page, call->arena);
    return 0;
}

static int get_delivery(struct api_call *call, struct err *err)
{
    struct hook_delivery row;
    if (store_hook_delivery_get(call->store, rest_id(call, "delivery"), call->arena, &row, err) < 0) {
        return -1;
    }
    struct delivery_answer answer = delivery_of(&row, call->arena);
    call->answer = schema_write(&whole_schema, &answer, call->arena);
    return 0;
}

static const struct schema_field replay_fields[] = {
    ROW_ID("delivery"),
    {.name = "trust", .type = SCHEMA_BOOL, .doc = "believe one that was refused without verifying it again"},
    {0},
};

static int tell_replayed(struct api_call *call, void *ctx, struct err *err)
{
    const struct hook_replay *replay = ctx;
    struct hook_delivery row;
    if (store_hook_delivery_get(call->store, replay->replayed, call->arena, &row, err) < 0) {
        return -1;
    }
    struct delivery_answer answer = delivery_of(&row, call->arena);
    call->answer = schema_write(&whole_schema, &answer, call->arena);
    return 0;
}

static int replay_delivery(struct api_call *call, struct err *err)
{
    const struct api_options *options = api_options_of(call->api);
    struct hook_replay *replay = arena_one(call->arena, struct hook_replay);
    *replay = (struct hook_replay){.id = rest_id(call, "delivery"),
                                   .trust = json_get_bool(&call->params, "trust", false),
                                   .actor = rest_actor(call),
                                   .arena = call->arena};
    if (options->hooks == NULL) {
        return err_set(err, ERR_STATE, "no deliveries are received here, and so none are replayed");
    }
    rest_told(call, tell_replayed, replay);
    return hooks_replay(options->hooks, options->engine, replay, err);
}

const struct api_route rest_trigger_routes[] = {
    {HTTP_GET, "/triggers", API_SLUICE, API_READS, API_NEEDS(ADMIN, READ, ADMIN),
     REST_DOC(.name = "listTriggers",
                                      .group = "Triggers",
                                      .summary = "What was to start runs, and what came of it: newest first",
                                      .takes = list_triggers_fields,
                                      .gives = &triggers_schema,
                                      .flags = REST_APART),
     .answer = list_triggers},
    {HTTP_GET, "/triggers/{trigger_id}", API_SLUICE, API_READS, API_NEEDS(ADMIN, READ, ADMIN),
     REST_DOC(.name = "getTrigger",
                                      .group = "Triggers",
                                      .summary = "A trigger",
                                      .takes = one_trigger_fields,
                                      .gives = &trigger_schema,
                                      .flags = REST_APART),
     .answer = get_trigger},
    {HTTP_GET, "/deliveries", API_SLUICE, API_READS, API_NEEDS(ADMIN, READ, ADMIN),
     REST_DOC(.name = "listDeliveries",
                                      .group = "Triggers",
                                      .summary = "Deliveries of webhooks that came in, genuine or not: newest first",
                                      .takes = list_deliveries_fields,
                                      .gives = &deliveries_schema,
                                      .flags = REST_APART),
     .answer = list_deliveries},
    {HTTP_GET, "/deliveries/{delivery}", API_SLUICE, API_READS, API_NEEDS(ADMIN, READ, ADMIN),
     REST_DOC(.name = "getDelivery",
                                      .group = "Triggers",
                                      .summary = "A delivery with its headers, without its body",
                                      .takes = one_delivery_fields,
                                      .gives = &whole_schema,
                                      .flags = REST_APART),
     .answer = get_delivery},
    {HTTP_POST, "/deliveries/{delivery}/replay", API_SLUICE, API_WRITES, API_NEEDS(ADMIN, EDIT, ADMIN),
     REST_DOC(.name = "replayDelivery",
                                      .group = "Triggers",
                                      .summary = "Read a delivery that came in once more, by the pipeline of today",
                                      .details = "It is a delivery and a trigger of its own, which is given. One that "
                                                 "was refused is verified again, with today's secret and as of when it "
                                                 "came. 409 when its body is not kept, when its pipeline has no "
                                                 "webhook, and when it is still not genuine.",
                                      .takes = replay_fields,
                                      .gives = &whole_schema,
                                      .status = 201,
                                      .flags = REST_COMMANDS),
     .note = API_NOTED_INSIDE,
     .answer = replay_delivery},
    {0},
};
