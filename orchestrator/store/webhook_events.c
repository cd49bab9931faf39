/* SPDX-License-Identifier: Apache-2.0 */
#include "store/webhook_events.h"

#include "base/parse.h"
#include "base/strbuf.h"
#include "store/deliveries.h"
#include "store/events.h"
#include "store/registry_internal.h"

#include <stdio.h>
#include <strings.h>

#define PROMPT_TYPE_TAG "_mlflow_prompt_type"
#define PROMPT_TEXT_TAG "mlflow.prompt.text"

enum { EVENT_NAME_MAX = 60 };

#define EXAMPLE_TAGS "\"tags\":{\"example_key\":\"example_value\"}"
#define EXAMPLE_KEY "\"key\":\"example_key\""
#define EXAMPLE_VALUE "\"value\":\"example_value\""

const struct webhook_event webhook_events[] = {
    {"registered_model.created",
     "{\"name\":\"example_model\"," EXAMPLE_TAGS ",\"description\":\"An example registered model\"}"},
    {"model_version.created", "{\"name\":\"example_model\",\"version\":\"1\",\"source\":\"models:/123\","
                              "\"run_id\":\"abcd1234abcd5678\"," EXAMPLE_TAGS
                              ",\"description\":\"An example model version\"}"},
    {"model_version_tag.set", "{\"name\":\"example_model\",\"version\":\"1\"," EXAMPLE_KEY "," EXAMPLE_VALUE "}"},
    {"model_version_tag.deleted", "{\"name\":\"example_model\",\"version\":\"1\"," EXAMPLE_KEY "}"},
    {"model_version_alias.created", "{\"name\":\"example_model\",\"alias\":\"example_alias\",\"version\":\"1\"}"},
    {"model_version_alias.deleted", "{\"name\":\"example_model\",\"alias\":\"example_alias\"}"},
    {"prompt.created", "{\"name\":\"example_prompt\"," EXAMPLE_TAGS ",\"description\":\"An example prompt\"}"},
    {"prompt_version.created", "{\"name\":\"example_prompt\",\"version\":\"1\",\"template\":\"Hello {{name}}!\","
                               EXAMPLE_TAGS ",\"description\":\"An example prompt version\"}"},
    {"prompt_tag.set", "{\"name\":\"example_prompt\"," EXAMPLE_KEY "," EXAMPLE_VALUE "}"},
    {"prompt_tag.deleted", "{\"name\":\"example_prompt\"," EXAMPLE_KEY "}"},
    {"prompt_version_tag.set", "{\"name\":\"example_prompt\",\"version\":\"1\"," EXAMPLE_KEY "," EXAMPLE_VALUE "}"},
    {"prompt_version_tag.deleted", "{\"name\":\"example_prompt\",\"version\":\"1\"," EXAMPLE_KEY "}"},
    {"prompt_alias.created", "{\"name\":\"example_prompt\",\"alias\":\"example_alias\",\"version\":\"1\"}"},
    {"prompt_alias.deleted", "{\"name\":\"example_prompt\",\"alias\":\"example_alias\"}"},
    /* Nothing here has budgets: it may be asked for and tested, and never comes by itself. */
    {"budget_policy.exceeded",
     "{\"budget_policy_id\":\"bp-abc123\",\"budget_unit\":\"USD\",\"budget_amount\":100.0,\"current_spend\":105.5,"
     "\"duration_unit\":\"MONTHS\",\"duration_value\":1,\"target_scope\":\"ENDPOINT\",\"workspace\":\"default\","
     "\"target_value\":\"ep-abc123\",\"window_start\":1704067200000}"},
    {0},
};

/* ---- names ------------------------------------------------------------------------------------------------------ */

const struct webhook_event *webhook_event_named(const char *name)
{
    const struct webhook_event *event = webhook_events;
    while (event->name != NULL && strcmp(event->name, name) != 0) {
        event++;
    }
    return event->name == NULL ? NULL : event;
}

/* Sorted by name, as the reference server lists them: those of an entity stand in that order but for deleted. */
static void add_actions(struct strbuf *out, struct str entity)
{
    static const char *const actions[] = {"created", "deleted", "exceeded", "set"};
    bool first = true;
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        char name[EVENT_NAME_MAX];
        (void)snprintf(name, sizeof name, "%.*s.%s", STR_ARG(entity), actions[i]);
        if (webhook_event_named(name) != NULL) {
            strbuf_printf(out, "%s'%s'", first ? "" : ", ", actions[i]);
            first = false;
        }
    }
}

static void to_lower(char *text)
{
    for (; *text != '\0'; text++) {
        *text = (char)(*text >= 'A' && *text <= 'Z' ? *text - 'A' + 'a' : *text);
    }
}

const struct webhook_event *webhook_event_find(const char *entity, const char *action, struct err *err)
{
    char name[EVENT_NAME_MAX];
    char word[EVENT_NAME_MAX];
    (void)snprintf(name, sizeof name, "%s.%s", entity, action);
    (void)snprintf(word, sizeof word, "%s", entity);
    to_lower(name);
    to_lower(word);
    const struct webhook_event *event = webhook_event_named(name);
    if (event == NULL) {
        struct strbuf actions;
        strbuf_init(&actions, 256);
        add_actions(&actions, str_from(word));
        const char *dot = strchr(name, '.');
        (void)err_set(err, ERR_INPUT, "Invalid action '%s' for entity '%s'. Valid actions are: [%s]",
                      dot == NULL ? "" : dot + 1, word, actions.length == 0 ? "" : actions.data);
        strbuf_clear(&actions);
    }
    return event;
}

/* ---- bodies ----------------------------------------------------------------------------------------------------- */

/* "2026-11-26T22:10:00.123000+00:00", as Python writes it. */
static struct json time_of(int64_t now_ms, struct arena *arena)
{
    char text[40];
    format_time(text, sizeof text, now_ms);
    size_t n = strlen(text);
    text[n > 0 ? n - 1 : 0] = '\0';
    return json_cstring(arena, arena_printf(arena, "%s000+00:00", text));
}

struct json webhook_body(const char *event, struct json data, int64_t now_ms, struct arena *arena)
{
    struct str rest = str_from(event);
    struct str entity = {0};
    struct json body = json_object();
    (void)str_cut(&rest, '.', &entity);
    json_add(arena, &body, "entity", json_string(arena, entity));
    json_add(arena, &body, "action", json_string(arena, rest));
    json_add(arena, &body, "timestamp", time_of(now_ms, arena));
    json_add(arena, &body, "data", data);
    return body;
}

int webhook_test(struct store *store, const char *webhook_id, const struct webhook_event *event, int64_t now_ms,
                 struct arena *arena, const char **ret_delivery_id, struct err *err)
{
    struct json data;
    if (json_read(str_from(event->example), (struct json_limits){0}, arena, &data, err) < 0) {
        return -1;
    }
    struct json body = webhook_body(event->name, data, now_ms, arena);
    struct delivery_order order = {
        .receiver = webhook_id,
        .is_test = true,
        .event = event->name,
        .object = "",
        .body = json_text(arena, &body).p,
    };
    return store_deliveries_add(store, &order, now_ms, arena, ret_delivery_id, err);
}

/* ---- recording -------------------------------------------------------------------------------------------------- */

/* What is being told, while it is put together; only what somebody wants to be told is. */
struct telling {
    struct store *store;
    const char *event;
    const char *name; /* of the registered model */
    int64_t version;  /* 0: it is about none */
    bool to_webhooks, to_channels;
    struct arena *arena;
    struct json data;
};

/* Channels learn of aliases from the activity log, which knows who moved them, and from where. */
static int wanted_by_channels(struct store *store, const char *event, struct err *err)
{
    return strstr(event, "_alias.") != NULL ? 0 : store_telling_is_on(store, err);
}

/* 1 when somebody wants it, 0 when nobody does; then there is nothing to end. */
static int begin(struct telling *t, struct store *store, const char *event, const char *name, struct err *err)
{
    int by_webhooks = store_deliveries_wanted(store, event, err);
    int by_channels = by_webhooks < 0 ? -1 : wanted_by_channels(store, event, err);
    if (by_channels < 0 || by_webhooks + by_channels == 0) {
        return by_channels < 0 ? -1 : 0;
    }
    *t = (struct telling){.store = store,
                          .event = event,
                          .name = name,
                          .to_webhooks = by_webhooks == 1,
                          .to_channels = by_channels == 1,
                          .arena = arena_new(),
                          .data = json_object()};
    json_add(t->arena, &t->data, "name", json_cstring(t->arena, name));
    return 1;
}

static void put(struct telling *t, const char *key, const char *value)
{
    json_add(t->arena, &t->data, key, value == NULL ? json_null() : json_cstring(t->arena, value));
}

static void put_version(struct telling *t, int64_t version)
{
    t->version = version;
    put(t, "version", arena_printf(t->arena, "%lld", (long long)version));
}

/* A later one of the same key wins. */
static void put_tags(struct telling *t, const struct pair *tags, size_t count, const char *const *but)
{
    struct json map = json_object();
    for (size_t i = 0; i < count; i++) {
        bool hidden = false;
        for (size_t k = 0; but[k] != NULL; k++) {
            hidden = hidden || strcmp(but[k], tags[i].key) == 0;
        }
        if (!hidden) {
            json_set(t->arena, &map, tags[i].key,
                     json_cstring(t->arena, tags[i].value == NULL ? "" : tags[i].value));
        }
    }
    json_add(t->arena, &t->data, "tags", map);
}

static int tell_webhooks(const struct telling *t, int64_t now_ms, struct err *err)
{
    struct json body = webhook_body(t->event, t->data, now_ms, t->arena);
    struct delivery_order order = {
        .event = t->event,
        .object = t->name,
        .body = json_text(t->arena, &body).p,
    };
    return store_deliveries_add(t->store, &order, now_ms, t->arena, NULL, err);
}

static int tell_channels(const struct telling *t, int64_t now_ms, struct err *err)
{
    struct json data = json_object();
    json_add(t->arena, &data, "model", t->data);
    const struct told_event event = {
        .type = t->event,
        .at_ms = now_ms,
        .object = t->version == 0 ? arena_printf(t->arena, "model %s", t->name)
                                  : arena_printf(t->arena, "model %s/%lld", t->name, (long long)t->version),
        .object_id = t->name,
        .data = json_text(t->arena, &data).p,
    };
    return store_event_add(t->store, &event, err);
}

static int end(struct telling *t, int64_t now_ms, struct err *err)
{
    int result = (t->to_webhooks && tell_webhooks(t, now_ms, err) < 0) ||
                         (t->to_channels && tell_channels(t, now_ms, err) < 0)
                     ? -1
                     : 0;
    arena_free(t->arena);
    return result;
}

static const char *const none_hidden[] = {NULL};
static const char *const prompt_hidden[] = {PROMPT_TAG, PROMPT_TYPE_TAG, NULL};
static const char *const prompt_version_hidden[] = {PROMPT_TAG, PROMPT_TYPE_TAG, PROMPT_TEXT_TAG, NULL};

int event_model_created(struct store *store, const char *name, const char *description, const struct pair *tags,
                        size_t tag_count, int64_t now_ms, struct err *err)
{
    struct telling t;
    bool is_prompt = tags_are_of_prompt(tags, tag_count);
    int wanted = begin(&t, store, is_prompt ? "prompt.created" : "registered_model.created", name, err);
    if (wanted <= 0) {
        return wanted;
    }
    put_tags(&t, tags, tag_count, is_prompt ? prompt_hidden : none_hidden);
    put(&t, "description", description == NULL ? "" : description);
    return end(&t, now_ms, err);
}

static const char *last_value(const struct pair *tags, size_t count, const char *key)
{
    for (size_t i = count; i > 0; i--) {
        if (strcmp(tags[i - 1].key, key) == 0) {
            return tags[i - 1].value;
        }
    }
    return NULL;
}

/* MLflow says null for what is empty. */
static const char *or_null(const char *text)
{
    return text == NULL || *text == '\0' ? NULL : text;
}

int event_version_created(struct store *store, const struct model_version *version, int64_t number, bool is_prompt,
                          const struct pair *tags, size_t tag_count, int64_t now_ms, struct err *err)
{
    struct telling t;
    int wanted =
        begin(&t, store, is_prompt ? "prompt_version.created" : "model_version.created", version->name, err);
    if (wanted <= 0) {
        return wanted;
    }
    put_version(&t, number);
    if (is_prompt) {
        put(&t, "template", last_value(tags, tag_count, PROMPT_TEXT_TAG));
    } else {
        put(&t, "source", version->source == NULL ? "" : version->source);
        put(&t, "run_id", or_null(version->run_id));
    }
    put_tags(&t, tags, tag_count, is_prompt ? prompt_version_hidden : none_hidden);
    put(&t, "description", or_null(version->description));
    return end(&t, now_ms, err);
}

int event_model_tag(struct store *store, const char *name, const char *key, const char *value, int64_t now_ms,
                    struct err *err)
{
    struct telling t;
    int wanted = begin(&t, store, value != NULL ? "prompt_tag.set" : "prompt_tag.deleted", name, err);
    int is_prompt = wanted == 1 ? registry_is_prompt(store, name, err) : 0;
    if (wanted <= 0) {
        return wanted;
    }
    if (is_prompt <= 0) {
        arena_free(t.arena);
        return is_prompt;
    }
    put(&t, "key", key);
    if (value != NULL) {
        put(&t, "value", value);
    }
    return end(&t, now_ms, err);
}

/* The event of a model, or its twin of a prompt; NULL when it cannot be told. */
static const char *choose(struct store *store, const char *name, const char *of_model, const char *of_prompt,
                          struct err *err)
{
    int wanted = store_deliveries_wanted(store, of_model, err);
    wanted = wanted == 0 ? store_deliveries_wanted(store, of_prompt, err) : wanted;
    wanted = wanted == 0 ? wanted_by_channels(store, of_model, err) : wanted;
    if (wanted == 0) {
        return of_model; /* which nobody wants either */
    }
    int is_prompt = wanted < 0 ? -1 : registry_is_prompt(store, name, err);
    return is_prompt < 0 ? NULL : is_prompt == 1 ? of_prompt : of_model;
}

int event_version_tag(struct store *store, const char *name, int64_t version, const char *key, const char *value,
                      int64_t now_ms, struct err *err)
{
    struct telling t;
    const char *event = value != NULL
                            ? choose(store, name, "model_version_tag.set", "prompt_version_tag.set", err)
                            : choose(store, name, "model_version_tag.deleted", "prompt_version_tag.deleted", err);
    int wanted = event == NULL ? -1 : begin(&t, store, event, name, err);
    if (wanted <= 0) {
        return wanted;
    }
    put_version(&t, version);
    put(&t, "key", key);
    if (value != NULL) {
        put(&t, "value", value);
    }
    return end(&t, now_ms, err);
}

int event_alias(struct store *store, const char *name, const char *alias, int64_t version, int64_t now_ms,
                struct err *err)
{
    struct telling t;
    const char *event = version != 0
                            ? choose(store, name, "model_version_alias.created", "prompt_alias.created", err)
                            : choose(store, name, "model_version_alias.deleted", "prompt_alias.deleted", err);
    int wanted = event == NULL ? -1 : begin(&t, store, event, name, err);
    if (wanted <= 0) {
        return wanted;
    }
    put(&t, "alias", alias);
    if (version != 0) {
        put_version(&t, version);
    }
    return end(&t, now_ms, err);
}
