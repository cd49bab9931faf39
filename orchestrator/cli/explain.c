/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/explain.h"

#include "run/part_changes.h"
#include "store/cache.h"
#include "store/runs.h"
#include "view/reason_words.h"
#include "view/step_words.h"

/* ---- why --------------------------------------------------------------------------------------------------------- */

static const char *outcome_of(const struct run_step *step, const struct run_item *item)
{
    enum step_state state = item != NULL ? item->state : step->state;
    if (item != NULL && item->carried_from != NULL && state == STEP_STATE_SUCCEEDED) {
        return item->reused ? "reused" : "kept";
    }
    if (item != NULL && item->refused_by != NULL) {
        return "refused";
    }
    switch (state) {
    case STEP_STATE_SUCCEEDED:
        return "ran";
    case STEP_STATE_ACTIVE:
    case STEP_STATE_DELAYED:
        return "runs";
    case STEP_STATE_WAITING:
        return "waits";
    case STEP_STATE_PENDING:
    case STEP_STATE_READY:
        return "pending";
    default:
        return step_state_name(state);
    }
}

/* "waits for train, evaluate": the needs that have not ended. */
static const char *unmet_words(const struct run_view *view, size_t index, struct arena *arena)
{
    const struct step *step = &view->pipeline->steps[index];
    const char *words = "";
    for (size_t n = 0; n < step->need_count; n++) {
        if (!step_state_is_terminal(view->run->steps[step->needs[n].step].state)) {
            words = arena_printf(arena, "%s%s%.*s", words, *words == '\0' ? "it is behind " : ", ",
                                 STR_ARG(view->pipeline->steps[step->needs[n].step].id));
        }
    }
    return *words == '\0' ? "it is ready, and its turn will come" : words;
}

/* Of an item that others of its step hold up; NULL: none do. */
static const char *held_up_words(const struct run_step *state, const struct step *step, const struct run_item *item,
                                 struct arena *arena)
{
    size_t limit = (size_t)step->max_parallel;
    size_t live = 0;
    for (size_t i = 0; i < state->item_count; i++) {
        enum step_state one = state->items[i].state;
        live += one != STEP_STATE_PENDING && !step_state_is_terminal(one);
    }
    bool held = item != NULL && item->state == STEP_STATE_PENDING && limit > 0 && live >= limit;
    return held ? arena_printf(arena, "it waits for another item to end: 'max_parallel' is %zu", limit) : NULL;
}

/* Of a step that ran: what made it run. */
static const char *ran_words(const struct run_view *view, size_t index, struct arena *arena)
{
    const struct step *step = &view->pipeline->steps[index];
    const char *condition = step_condition_words(step, arena);
    return arena_printf(arena, "it has no 'cache'%s%s", *condition == '\0' ? "" : "; ", condition);
}

static const char *why_words(const struct run_view *view, struct run_place place, const struct run_item *item,
                             struct arena *arena)
{
    enum step_state state = item != NULL ? item->state : view->run->steps[place.step].state;
    const char *words = reason_words(arena, view->run, place);
    if (*words != '\0') {
        const char *reason = view->run->steps[place.step].reason;
        return state == STEP_STATE_SKIPPED && reason != NULL ? reason : words;
    }
    const char *held =
        held_up_words(&view->run->steps[place.step], &view->pipeline->steps[place.step], item, arena);
    return held != NULL                                              ? held
           : state == STEP_STATE_PENDING || state == STEP_STATE_READY ? unmet_words(view, place.step, arena)
                                                                      : ran_words(view, place.step, arena);
}

/* What was decided by the key of the item, if it has one. */
static struct json decision_of(struct store *store, const struct run_view *view, struct run_place place,
                               struct arena *arena)
{
    struct step_key key;
    struct json decision = json_null();
    struct err ignored = {0};
    if (store_step_key_get(store, view->row.run_id, place, arena, &key, &ignored) == 1) {
        (void)json_read(str_from(key.decision), (struct json_limits){0}, arena, &decision, NULL);
    }
    return decision;
}

struct json explain_item(struct store *store, const struct run_view *view, struct run_place place,
                         struct arena *arena)
{
    static const char *const decided[] = {"from", "run_id", "compared_with", "changes", "kept", "not_kept"};
    const struct run_step *step = &view->run->steps[place.step];
    const struct run_item *item = place.item < step->item_count ? &step->items[place.item] : NULL;
    bool matrix = view->pipeline->steps[place.step].matrix != NULL && item != NULL;
    struct json object = json_object();
    struct json decision = item == NULL ? json_null() : decision_of(store, view, place, arena);
    const char *outcome = outcome_of(step, item);
    const char *why = json_get_text(&decision, "why", NULL);
    bool ran = strcmp(outcome, "ran") == 0 || strcmp(outcome, "runs") == 0;
    json_set(arena, &object, "id", json_string(arena, view->pipeline->steps[place.step].id));
    json_set(arena, &object, "item", matrix ? json_cstring(arena, item->key) : json_null());
    json_set(arena, &object, "matrix", matrix ? item->matrix : json_null());
    json_set(arena, &object, "outcome", json_cstring(arena, outcome));
    json_set(arena, &object, "why",
             json_cstring(arena, why != NULL && ran ? why : why_words(view, place, item, arena)));
    for (size_t i = 0; i < sizeof decided / sizeof decided[0]; i++) {
        const struct json *value = json_get(&decision, decided[i]);
        if (value != NULL) {
            json_set(arena, &object, decided[i], *value);
        }
    }
    return object;
}

/* ---- against another run ----------------------------------------------------------------------------------------- */

/* The item of the earlier run's step with the same values; NULL: it had none. */
static const struct run_item *same_item(const struct run_view *earlier, const struct json *matrix,
                                        struct run_place *place)
{
    const struct run_step *step = &earlier->run->steps[place->step];
    for (place->item = 0; place->item < step->item_count; place->item++) {
        if (json_equal(&step->items[place->item].matrix, matrix)) {
            return &step->items[place->item];
        }
    }
    return NULL;
}

static void add_map(struct json *parts, const char *prefix, const struct json *map, struct arena *arena)
{
    for (size_t i = 0; map != NULL && map->type == JSON_OBJECT && i < map->u.object.count; i++) {
        const char *name = arena_printf(arena, "%s %.*s", prefix, STR_ARG(map->u.object.members[i].key));
        if (json_get(parts, name) == NULL) {
            json_set(arena, parts, name, json_string(arena, json_text(arena, &map->u.object.members[i].value)));
        }
    }
}

/* The digests that the attempt had of its inputs and its plugin: tags of its MLflow run. */
static void add_tags(struct json *parts, const struct json *tags, struct arena *arena)
{
    static const struct str input = {"sluice.input.", 13};
    static const struct str plugin = {"sluice.plugin", 13};
    for (size_t i = 0; tags->type == JSON_OBJECT && i < tags->u.object.count; i++) {
        const struct json_member *tag = &tags->u.object.members[i];
        struct str value = tag->value.type == JSON_STRING ? tag->value.u.string : STR("");
        ptrdiff_t digest = str_find(value, STR("sha256:"));
        if (str_starts(tag->key, input) && digest >= 0) {
            const char *name = arena_printf(arena, "input %.*s", STR_ARG(str_slice(tag->key, input.n, tag->key.n)));
            json_set(arena, parts, name, json_string(arena, str_slice(value, (size_t)digest, value.n)));
        } else if (str_eq(tag->key, plugin)) {
            struct str name = {0};
            (void)str_cut(&value, ' ', &name);
            json_set(arena, parts, arena_printf(arena, "plugin %.*s", STR_ARG(name)), json_string(arena, value));
        }
    }
}

/* Of its key, what is not recorded of any step. */
static void add_key(struct json *parts, struct store *store, const char *run_id, struct run_place place,
                    struct arena *arena)
{
    static const char *const recorded[] = {"definition ", "param ", "var ", "git ", "input ", "plugin "};
    struct step_key key;
    struct json kept = json_object();
    struct err ignored = {0};
    if (store_step_key_get(store, run_id, place, arena, &key, &ignored) == 1 && key.key[0] != '\0') {
        (void)json_read(str_from(key.parts), (struct json_limits){0}, arena, &kept, NULL);
        json_set(arena, parts, "keyed", json_bool(true));
    }
    for (size_t i = 0; kept.type == JSON_OBJECT && i < kept.u.object.count; i++) {
        const struct json_member *part = &kept.u.object.members[i];
        bool known = false;
        for (size_t r = 0; r < sizeof recorded / sizeof recorded[0]; r++) {
            known = known || str_starts(part->key, str_from(recorded[r]));
        }
        if (!known) {
            json_set(arena, parts, part->key.p, part->value);
        }
    }
}

/* What is known of what the item was given: what is recorded of any step, and the rest of its key. NULL: of a step of
 * which nothing began. */
static struct json known_parts(struct store *store, const struct run_view *view, struct run_place place,
                               const struct run_item *item, struct arena *arena)
{
    struct json parts = json_object();
    struct json tags = json_object();
    struct json params = json_object();
    struct json contexts = json_object();
    struct err ignored = {0};
    const char *step_run_id = item == NULL ? NULL : item->step_run_id;
    if (step_run_id != NULL && store_run_tags(store, step_run_id, arena, &tags, &ignored) == 0) {
        add_tags(&parts, &tags, arena);
    }
    (void)json_read(str_from(view->row.params), (struct json_limits){0}, arena, &params, NULL);
    (void)json_read(str_from(view->row.contexts), (struct json_limits){0}, arena, &contexts, NULL);
    struct json definition = step_definition(view->pipeline, &view->pipeline->steps[place.step], arena);
    add_map(&parts, "definition", &definition, arena);
    add_map(&parts, "param", &params, arena);
    add_map(&parts, "var", json_get(&contexts, "vars"), arena);
    add_map(&parts, "git", json_get(&contexts, "git"), arena);
    if (item != NULL) {
        add_key(&parts, store, view->row.run_id, place, arena);
    }
    return parts;
}

/* Of what only one side's record could hold (the parts of a key, where only one of them has one; a plugin's digest,
 * which older versions did not record), nothing is said. */
static bool is_of_both(const struct json *change, const struct json *before, const struct json *now)
{
    static const char *const always[] = {"definition ", "param ", "var ", "git ", "input "};
    struct str part = str_from(json_get_text(change, "part", ""));
    if (str_is(part, "keyed")) {
        return false;
    }
    for (size_t i = 0; i < sizeof always / sizeof always[0]; i++) {
        if (str_starts(part, str_from(always[i]))) {
            return true;
        }
    }
    bool one_sided = json_get(change, "from")->type == JSON_NULL || json_get(change, "to")->type == JSON_NULL;
    bool keyed = json_get(before, "keyed") != NULL && json_get(now, "keyed") != NULL;
    return !one_sided || (keyed && !str_starts(part, STR("plugin ")));
}

/* Texts of the file are too long to be shown: that they changed is enough. */
static struct json shortened(const struct json *change, struct arena *arena)
{
    struct json copy = *change;
    const char *part = json_get_text(change, "part", "");
    if (str_starts(str_from(part), STR("definition ")) && json_get(change, "from")->type == JSON_STRING &&
        json_get(change, "to")->type == JSON_STRING) {
        copy = json_object();
        json_set(arena, &copy, "part", json_cstring(arena, part));
        json_set(arena, &copy, "from", json_cstring(arena, "sha256:earlier"));
        json_set(arena, &copy, "to", json_cstring(arena, "sha256:now"));
    }
    return copy;
}

struct json explain_against(struct store *store, const struct run_view *view, const struct run_view *earlier,
                            struct run_place place, struct arena *arena)
{
    const struct run_step *step = &view->run->steps[place.step];
    struct json changes = json_array();
    ptrdiff_t index = pipeline_find_step(earlier->pipeline, view->pipeline->steps[place.step].id);
    if (index < 0) {
        return json_null();
    }
    struct run_place there = {(size_t)index, 0};
    const struct run_item *item = place.item < step->item_count ? &step->items[place.item] : NULL;
    const struct run_item *other = item == NULL ? NULL : same_item(earlier, &item->matrix, &there);
    if (item != NULL && other == NULL && earlier->run->steps[index].item_count > 0) {
        return json_null();
    }
    item = other == NULL ? NULL : item; /* where one of them has not begun, the rest can be compared */
    struct json now = known_parts(store, view, place, item, arena);
    struct json before = known_parts(store, earlier, there, other, arena);
    struct json all = part_changes(&before, &now, arena);
    for (size_t i = 0; i < all.u.array.count; i++) {
        if (is_of_both(&all.u.array.items[i], &before, &now)) {
            json_push(arena, &changes, shortened(&all.u.array.items[i], arena));
        }
    }
    return changes;
}
