/* SPDX-License-Identifier: Apache-2.0 */
#include "store/model_events.h"

#include "base/path.h"
#include "store/models.h"
#include "store/registry_internal.h"
#include "store/triggers.h"

#include <ctype.h>
#include <string.h>

const char *const model_event_keys[] = {
    [MODEL_EVENT_VERSION] = "model_version",
    [MODEL_EVENT_ALIAS] = "model_alias",
    [MODEL_EVENT_TAG] = "model_tag",
    [MODEL_EVENT_STAGE] = "model_stage",
};

/* ---- who listens ------------------------------------------------------------------------------------------------ */

/* The key of `on` whose glob the event's `what` must match. */
static const char *const what_keys[] = {
    [MODEL_EVENT_ALIAS] = "alias", [MODEL_EVENT_TAG] = "key", [MODEL_EVENT_STAGE] = "stage"};

static const char *lower(const char *text, struct arena *arena)
{
    char *copy = arena_strdup(arena, text);
    for (char *at = copy; *at != '\0'; at++) {
        *at = (char)tolower((unsigned char)*at);
    }
    return copy;
}

static bool lists(const struct json *list, const char *word)
{
    bool there = list == NULL || list->type != JSON_ARRAY;
    for (size_t i = 0; !there && i < list->u.array.count; i++) {
        there = list->u.array.items[i].type == JSON_STRING && str_is(list->u.array.items[i].u.string, word);
    }
    return there;
}

static bool read_settings(const struct subscription *subscription, struct arena *arena, struct json *ret)
{
    return json_read(str_from(subscription->settings), (struct json_limits){0}, arena, ret, NULL) == 0 &&
           ret->type == JSON_OBJECT;
}

static bool about_model(const struct json *settings, const char *name, bool is_prompt)
{
    return (!is_prompt || json_get_bool(settings, "prompts", false)) &&
           path_matches(json_get_text(settings, "model", ""), name);
}

bool model_event_is_about(const struct subscription *subscription, const char *name, bool is_prompt,
                          struct arena *arena)
{
    struct json settings;
    return strcmp(subscription->trigger_id, model_event_keys[MODEL_EVENT_VERSION]) == 0 &&
           read_settings(subscription, arena, &settings) && about_model(&settings, name, is_prompt);
}

static bool wants(const struct subscription *subscription, const struct model_event *event, bool is_prompt,
                  struct arena *arena)
{
    struct json settings;
    if (!read_settings(subscription, arena, &settings) || !about_model(&settings, event->name, is_prompt) ||
        !lists(json_get(&settings, "actions"), event->action)) {
        return false;
    }
    const char *glob = event->what == NULL ? NULL : json_get_text(&settings, what_keys[event->kind], NULL);
    bool any_case = event->kind == MODEL_EVENT_STAGE;
    return glob == NULL || path_matches(any_case ? lower(glob, arena) : glob,
                                        any_case ? lower(event->what, arena) : event->what);
}

/* ---- what they are told ----------------------------------------------------------------------------------------- */

static void add(struct arena *arena, struct json *event, const char *key, const char *value)
{
    json_add(arena, event, key, value == NULL || *value == '\0' ? json_null() : json_cstring(arena, value));
}

static void add_number(struct arena *arena, struct json *event, const char *key, int64_t value)
{
    json_add(arena, event, key, value == 0 ? json_null() : json_int(value));
}

static int context_of(struct store *store, const struct model_event *e, struct arena *arena, struct json *ret,
                      struct err *err)
{
    struct model_version version;
    struct json tags;
    struct json aliases = json_array();
    const char **names = NULL;
    size_t count = 0;
    if (store_version_get(store, e->name, e->version, arena, &version, err) < 0 ||
        store_version_tags(store, e->name, e->version, arena, &tags, err) < 0 ||
        store_version_aliases(store, e->name, e->version, arena, &names, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        json_push(arena, &aliases, json_cstring(arena, names[i]));
    }
    bool gone = e->kind == MODEL_EVENT_ALIAS && strcmp(e->action, "deleted") == 0;
    struct json event = json_object();
    json_add(arena, &event, "type", json_cstring(arena, model_event_keys[e->kind]));
    json_add(arena, &event, "action", json_cstring(arena, e->action));
    json_add(arena, &event, "model_name", json_cstring(arena, e->name));
    add_number(arena, &event, "version", gone ? 0 : e->version);
    add_number(arena, &event, "previous_version", e->previous);
    add(arena, &event, "alias", e->kind == MODEL_EVENT_ALIAS ? e->what : NULL);
    add(arena, &event, "key", e->kind == MODEL_EVENT_TAG ? e->what : NULL);
    json_add(arena, &event, "value", e->value == NULL ? json_null() : json_cstring(arena, e->value));
    add(arena, &event, "stage", version.stage);
    add(arena, &event, "previous_stage", e->was);
    json_add(arena, &event, "tags", tags);
    json_add(arena, &event, "aliases", aliases);
    add(arena, &event, "description", version.description);
    add(arena, &event, "run_id", version.run_id);
    add(arena, &event, "model_id", version.model_id);
    add(arena, &event, "source", version.source);
    add(arena, &event, "actor", e->by == NULL ? NULL : e->by->actor);
    *ret = event;
    return 0;
}

/* Whom the runs that it starts are of: of what a step has done, whoever began its run. */
static int person(struct store *store, const struct mover *by, struct arena *arena, const char **ret, struct err *err)
{
    *ret = by == NULL ? "sluice" : by->person != NULL ? by->person : by->actor;
    if (by == NULL || by->run_id == NULL) {
        return 0;
    }
    struct stmt *s = stmt_get(store, "SELECT actor FROM pipeline_runs WHERE run_id = :run_id");
    stmt_text(s, ":run_id", by->run_id);
    int row = stmt_step(s, err);
    *ret = row == 1 ? stmt_column_text(s, 0, arena) : *ret;
    stmt_done(s);
    return row < 0 ? -1 : 0;
}

struct telling {
    struct store *store;
    const struct model_event *event;
    int64_t now_ms;
    struct arena *arena;
    const char *context; /* NULL: not put together yet; neither are the next two */
    const char *actor;
    const char *chain;
};

static int prepare(struct telling *t, struct err *err)
{
    struct json event, chain = json_array();
    const struct mover *by = t->event->by;
    if (context_of(t->store, t->event, t->arena, &event, err) < 0 ||
        person(t->store, by, t->arena, &t->actor, err) < 0 ||
        (by != NULL && by->run_id != NULL &&
         store_trigger_chain(t->store, by->run_id, t->arena, &chain, err) < 0)) {
        return -1;
    }
    t->context = json_text(t->arena, &event).p;
    t->chain = json_text(t->arena, &chain).p;
    return 0;
}

static const char *about(const struct model_event *e, struct arena *arena)
{
    const char *version = arena_printf(arena, "%s/%lld", e->name, (long long)e->version);
    switch (e->kind) {
    case MODEL_EVENT_ALIAS:
        return arena_printf(arena, "%s@%s", e->name, e->what);
    case MODEL_EVENT_TAG:
        return arena_printf(arena, "%s#%s", version, e->what);
    case MODEL_EVENT_STAGE:
        return version;
    case MODEL_EVENT_VERSION:
        break;
    }
    return e->name;
}

/* Each change is another one, also when it is the same again: what tells it from others is its place among all. */
static int tell(struct telling *t, const struct subscription *listener, struct err *err)
{
    int64_t id = 0;
    if ((t->context == NULL && prepare(t, err) < 0) || store_trigger_next_id(t->store, &id, err) < 0) {
        return -1;
    }
    struct trigger_row row = {
        .pipeline = listener->pipeline,
        .kind = "model",
        .trigger_id = listener->trigger_id,
        .key = arena_printf(t->arena, "%s %lld", about(t->event, t->arena), (long long)id),
        .occurrences = 1,
        .received_ms = t->now_ms,
        .due_ms = t->now_ms,
        .event = t->context,
        .event_sha256 = "",
        .params = "{}",
        .chain = t->chain,
        .actor = t->actor,
        .model = t->event->name,
        .version = t->event->version,
        .outcome = TRIGGER_PENDING,
        .reason = "",
    };
    int inserted = store_trigger_insert(t->store, &row, err);
    return inserted == 1  ? 0
           : inserted < 0 ? -1
                          : err_set(err, ERR_INTERNAL, "the trigger '%s' of %s is there already", row.key,
                                    row.pipeline);
}

/* Which deployment job a registered model names; NULL: none, and whoever listens is told. */
static int chosen_job(struct store *store, const struct model_event *event, struct arena *arena, const char **ret,
                      struct err *err)
{
    *ret = NULL;
    if (event->kind != MODEL_EVENT_VERSION) {
        return 0;
    }
    struct stmt *s = stmt_get(store, "SELECT deployment_job FROM registered_models WHERE name = :name");
    stmt_text(s, ":name", event->name);
    int row = stmt_step(s, err);
    *ret = row == 1 ? stmt_column_text_or_null(s, 0, arena) : NULL;
    stmt_done(s);
    return row < 0 ? -1 : 0;
}

static int tell_all(struct telling *t, struct err *err)
{
    const struct model_event *event = t->event;
    struct subscription *listeners = NULL;
    const char *job = NULL;
    size_t count = 0;
    if (store_subscription_list(t->store, "model", NULL, t->arena, &listeners, &count, err) < 0) {
        return -1;
    }
    int is_prompt = count == 0 ? 0 : registry_is_prompt(t->store, event->name, err);
    if (is_prompt < 0 || (count > 0 && chosen_job(t->store, event, t->arena, &job, err) < 0)) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        bool means = strcmp(listeners[i].trigger_id, model_event_keys[event->kind]) == 0 &&
                     (job == NULL || strcmp(job, listeners[i].pipeline) == 0);
        if (means && wants(&listeners[i], event, is_prompt == 1, t->arena) && tell(t, &listeners[i], err) < 0) {
            return -1;
        }
    }
    return 0;
}

int model_event_tell(struct store *store, const struct model_event *event, int64_t now_ms, struct err *err)
{
    if (event->by != NULL && event->by->door != NULL && strcmp(event->by->door, "import") == 0) {
        return 0;
    }
    struct telling t = {.store = store, .event = event, .now_ms = now_ms, .arena = arena_new()};
    int result = tell_all(&t, err);
    arena_free(t.arena);
    return result;
}

/* ---- versions --------------------------------------------------------------------------------------------------- */

static int note_maker(struct store *store, const char *name, int64_t version, const char *run_id, struct err *err)
{
    struct stmt *s = stmt_get(store, "UPDATE model_versions SET maker = :run_id WHERE name = :name "
                                     "AND version = :version");
    stmt_text(s, ":run_id", run_id);
    stmt_text(s, ":name", name);
    stmt_int(s, ":version", version);
    return stmt_run_one(s, "noting who made a model version", err);
}

/* 1: the version's files are all there, as far as is known here. */
static int is_loadable(struct store *store, const char *model_id, struct err *err)
{
    if (model_id == NULL || *model_id == '\0') {
        return 1;
    }
    struct stmt *s = stmt_get(store, "SELECT status FROM logged_models WHERE model_id = :model_id");
    stmt_text(s, ":model_id", model_id);
    int row = stmt_step(s, err);
    int loadable = row < 0 ? -1 : row == 0 || stmt_column_int(s, 0) == MODEL_STATUS_READY ? 1 : 0;
    stmt_done(s);
    return loadable;
}

int model_event_created(struct store *store, const struct model_version *version, int64_t number,
                        const struct mover *by, int64_t now_ms, struct err *err)
{
    const struct model_event event = {
        .kind = MODEL_EVENT_VERSION, .action = "created", .name = version->name, .version = number, .by = by};
    if (by != NULL && by->run_id != NULL && note_maker(store, version->name, number, by->run_id, err) < 0) {
        return -1;
    }
    int loadable = is_loadable(store, version->model_id, err);
    return loadable <= 0 ? loadable : model_event_tell(store, &event, now_ms, err);
}

static int maker_of(struct store *store, const struct model_version *version, struct arena *arena, const char **ret,
                    struct err *err)
{
    struct stmt *s = stmt_get(store, "SELECT maker FROM model_versions WHERE name = :name AND version = :version");
    stmt_text(s, ":name", version->name);
    stmt_int(s, ":version", version->version);
    int row = stmt_step(s, err);
    *ret = row == 1 ? stmt_column_text_or_null(s, 0, arena) : NULL;
    stmt_done(s);
    return row < 0 ? -1 : 0;
}

int model_event_ready(struct store *store, const char *model_id, int64_t now_ms, struct err *err)
{
    struct arena *arena = arena_new();
    struct model_version *versions = NULL;
    size_t count = 0;
    int result = store_version_of_model(store, model_id, arena, &versions, &count, err);
    for (size_t i = 0; result == 0 && i < count; i++) {
        struct mover by = {.actor = *versions[i].user == '\0' ? "sluice" : versions[i].user};
        const struct model_event event = {.kind = MODEL_EVENT_VERSION,
                                          .action = "created",
                                          .name = versions[i].name,
                                          .version = versions[i].version,
                                          .by = &by};
        result = maker_of(store, &versions[i], arena, &by.run_id, err) < 0
                     ? -1
                     : model_event_tell(store, &event, now_ms, err);
    }
    arena_free(arena);
    return result;
}

/* ---- chains ----------------------------------------------------------------------------------------------------- */

/* The run that another is a part of, or, of a retry, the first of its number; "" when it is neither. */
static int run_above(struct store *store, const char *run_id, struct arena *arena, const char **ret_pipeline,
                     const char **ret_parent, const char **ret_first, struct err *err)
{
    struct stmt *s = stmt_get(
        store, "SELECT r.pipeline, r.parent_run, (SELECT f.run_id FROM pipeline_runs AS f WHERE f.pipeline = "
               "r.pipeline AND f.number = r.number AND f.revision = 1 AND f.parent_run IS NULL) "
               "FROM pipeline_runs AS r WHERE r.run_id = :run_id");
    stmt_text(s, ":run_id", run_id);
    int row = stmt_step(s, err);
    *ret_pipeline = row == 1 ? stmt_column_text(s, 0, arena) : NULL;
    *ret_parent = row == 1 ? stmt_column_text_or_null(s, 1, arena) : NULL;
    *ret_first = row == 1 ? stmt_column_text_or_null(s, 2, arena) : NULL;
    stmt_done(s);
    return row < 0 ? -1 : 0;
}

enum { PARTS_MAX = 64 };

int store_trigger_chain(struct store *store, const char *run_id, struct arena *arena, struct json *ret,
                        struct err *err)
{
    const char *names[PARTS_MAX];
    size_t count = 0;
    struct json chain = json_array();
    struct trigger_row row = {0};
    const char *root = run_id;
    for (const char *at = run_id; at != NULL && count < PARTS_MAX;) {
        const char *pipeline = NULL, *parent = NULL, *first = NULL;
        if (run_above(store, at, arena, &pipeline, &parent, &first, err) < 0) {
            return -1;
        }
        if (pipeline == NULL) {
            break;
        }
        names[count++] = pipeline;
        root = first == NULL ? at : first;
        at = parent;
    }
    int found = store_trigger_of_run(store, root, arena, &row, err);
    if (found < 0) {
        return -1;
    }
    if (found == 1 && (json_read(str_from(row.chain), (struct json_limits){0}, arena, &chain, NULL) < 0 ||
                       chain.type != JSON_ARRAY)) {
        chain = json_array();
    }
    for (size_t i = count; i > 0; i--) {
        json_push(arena, &chain, json_cstring(arena, names[i - 1]));
    }
    *ret = chain;
    return 0;
}
