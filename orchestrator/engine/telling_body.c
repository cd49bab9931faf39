/* SPDX-License-Identifier: Apache-2.0
 * An event as it is sent: what happened, to what, why, the last lines of what failed, and what is another than when it
 * went well last.
 */
#include "engine/telling.h"

#include "base/parse.h"
#include "engine/engine_internal.h"
#include "run/part_changes.h"
#include "store/run_before.h"
#include "store/secrets.h"
#include "wire/last_lines.h"

enum { LINE_MAX_BYTES = 300, TEXT_MAX_BYTES = 2000, CHANGES_MAX = 20, VALUE_MAX_BYTES = 200 };

struct body {
    struct engine *engine;
    const struct telling_subject *subject;
    struct arena *arena;
    struct json data; /* what is put together */
};

/* --- texts -------------------------------------------------------------------------------------------------------- */

/* At most so many bytes, cut between characters. What is no UTF-8 is made so where JSON is written. */
static struct str cut(struct str text, size_t most, struct arena *arena)
{
    size_t n = most;
    if (text.n <= most) {
        return text;
    }
    while (n > 0 && ((unsigned char)text.p[n] & 0xc0) == 0x80) {
        n--;
    }
    return str_from(arena_printf(arena, "%.*s\u2026", (int)n, text.p));
}

static void put(const struct body *b, struct json *object, const char *key, const char *text)
{
    if (text != NULL && *text != '\0') {
        json_set(b->arena, object, key, json_string(b->arena, cut(str_from(text), TEXT_MAX_BYTES, b->arena)));
    }
}

static void put_time(const struct body *b, struct json *object, const char *key, int64_t at_ms)
{
    char text[40];
    if (at_ms != 0) {
        format_time(text, sizeof text, at_ms);
        json_set(b->arena, object, key, json_cstring(b->arena, text));
    }
}

/* --- the run ------------------------------------------------------------------------------------------------------ */

static void put_run(struct body *b)
{
    const struct pipeline_run *run = b->subject->run;
    struct json object = json_object();
    char label[32];
    pipeline_run_label(run, label);
    put(b, &object, "run_id", run->run_id);
    put(b, &object, "pipeline", run->pipeline);
    put(b, &object, "number", label);
    put(b, &object, "status", run_state_name(run->state));
    put(b, &object, "verdict", verdict_name(run->verdict));
    put(b, &object, "trigger", run->trigger);
    put(b, &object, "started_by", run->actor);
    put(b, &object, "parent_run_id", run->parent_run);
    put_time(b, &object, "created_at", run->created_ms);
    put_time(b, &object, "started_at", run->started_ms);
    put_time(b, &object, "ended_at", run->ended_ms);
    json_set(b->arena, &b->data, "run", object);
    const char *url = b->engine->options.telling.external_url;
    if (url != NULL) {
        put(b, &b->data, "url", arena_printf(b->arena, "%s/api/sluice/v1/runs/%s", url, run->run_id));
    }
}

static void put_log(struct body *b, int64_t attempt)
{
    const struct pipeline_run *run = b->subject->run;
    struct str lines[TELLING_LOG_LINES];
    struct json list = json_array();
    const char *path = arena_printf(b->arena, "%s/runs/%s/journal", b->engine->options.home, run->run_id);
    size_t count = journal_last_lines(path, run->journal_offset, attempt, TELLING_LOG_LINES, b->arena, lines,
                                      &b->engine->telling.effort);
    for (size_t i = 0; i < count; i++) {
        json_push(b->arena, &list, json_string(b->arena, cut(lines[i], LINE_MAX_BYTES, b->arena)));
    }
    json_set(b->arena, &b->data, "log", list);
}

static int put_failure(struct body *b, struct err *err)
{
    int64_t attempt = 0;
    const char *step = NULL;
    const char *reason = NULL;
    int found = store_run_failed_attempt(b->engine->options.store, b->subject->run->run_id, b->arena, &attempt, &step,
                                         &reason, err);
    if (found < 0) {
        return -1;
    }
    if (found == 1) {
        struct json failed = json_object();
        put(b, &failed, "step", step);
        put(b, &failed, "reason", reason);
        json_set(b->arena, &b->data, "failed", failed);
        put_log(b, attempt);
    }
    return 0;
}

/* --- what is another ---------------------------------------------------------------------------------------------- */

static void add_map(struct body *b, struct json *parts, const char *prefix, const struct json *map)
{
    for (size_t i = 0; map != NULL && map->type == JSON_OBJECT && i < map->u.object.count; i++) {
        const struct json_member *member = &map->u.object.members[i];
        struct str text = member->value.type == JSON_STRING ? member->value.u.string
                                                            : json_text(b->arena, &member->value);
        json_set(b->arena, parts, arena_printf(b->arena, "%s %.*s", prefix, STR_ARG(member->key)),
                 json_string(b->arena, cut(text, VALUE_MAX_BYTES, b->arena)));
    }
}

static int parts_of(struct body *b, const struct pipeline_run *run, struct json *ret, struct err *err)
{
    struct json params = json_object();
    struct json contexts = json_object();
    struct json inputs = json_object();
    *ret = json_object();
    (void)json_read(str_from(run->params), (struct json_limits){0}, b->arena, &params, NULL);
    (void)json_read(str_from(run->contexts), (struct json_limits){0}, b->arena, &contexts, NULL);
    if (store_run_inputs_seen(b->engine->options.store, run->run_id, b->arena, &inputs, err) < 0) {
        return -1;
    }
    json_set(b->arena, ret, "definition", json_cstring(b->arena, arena_printf(b->arena, "sha256:%s", run->definition)));
    add_map(b, ret, "param", &params);
    add_map(b, ret, "var", json_get(&contexts, "vars"));
    add_map(b, ret, "git", json_get(&contexts, "git"));
    add_map(b, ret, "input", &inputs);
    return 0;
}

/* An input that a step of only one of them came to is no change. */
static bool is_change(const struct json *change)
{
    bool one_sided = json_get(change, "from")->type == JSON_NULL || json_get(change, "to")->type == JSON_NULL;
    return !one_sided || !str_starts(str_from(json_get_text(change, "part", "")), STR("input "));
}

static int put_changes(struct body *b, struct err *err)
{
    struct store *store = b->engine->options.store;
    const char *good = NULL;
    struct pipeline_run before;
    struct json was, is;
    char label[32];
    if (store_run_last_good(store, b->subject->run, b->arena, &good, err) < 0) {
        return -1;
    }
    if (good == NULL) {
        return 0;
    }
    if (store_pipeline_run_get(store, good, b->arena, &before, err) < 0 || parts_of(b, &before, &was, err) < 0 ||
        parts_of(b, b->subject->run, &is, err) < 0) {
        return -1;
    }
    struct json all = part_changes(&was, &is, b->arena);
    struct json told = json_array();
    for (size_t i = 0; i < all.u.array.count && told.u.array.count < CHANGES_MAX; i++) {
        if (is_change(&all.u.array.items[i])) {
            struct json change = all.u.array.items[i];
            json_set(b->arena, &change, "words", json_cstring(b->arena, part_change_words(&change, b->arena)));
            json_push(b->arena, &told, change);
        }
    }
    pipeline_run_label(&before, label);
    put(b, &b->data, "last_good", label);
    json_set(b->arena, &b->data, "changes", told);
    return 0;
}

/* --- the whole ---------------------------------------------------------------------------------------------------- */

static void put_model(struct body *b)
{
    struct json object = json_object();
    const struct json *given = json_get(&b->data, "model");
    object = given == NULL ? object : *given;
    put(b, &object, "name", b->subject->model);
    if (b->subject->version != 0) {
        put(b, &object, "version", arena_printf(b->arena, "%lld", (long long)b->subject->version));
    }
    json_set(b->arena, &b->data, "model", object);
}

static int fill(struct body *b, struct err *err)
{
    const struct telling_subject *subject = b->subject;
    struct json given = json_object();
    (void)json_read(str_from(subject->event->data), (struct json_limits){0}, b->arena, &given, NULL);
    put(b, &b->data, "subject", subject->event->object);
    for (size_t i = 0; given.type == JSON_OBJECT && i < given.u.object.count; i++) {
        const struct json_member *member = &given.u.object.members[i];
        if (member->value.type == JSON_STRING) {
            put(b, &b->data, member->key.p, member->value.u.string.p);
        } else {
            json_set(b->arena, &b->data, member->key.p, member->value);
        }
    }
    if (subject->model != NULL) {
        put_model(b);
    }
    if (subject->run == NULL) {
        return 0;
    }
    put_run(b);
    bool went_wrong = strcmp(subject->type, "run.failed") == 0 || strcmp(subject->type, "run.refused") == 0;
    return went_wrong && (put_failure(b, err) < 0 || put_changes(b, err) < 0) ? -1 : 0;
}

/* What may be long goes, in this order, until it fits. */
static struct str fit(struct body *b, struct json *whole)
{
    static const char *const long_ones[] = {"log", "changes", "model", "failed", "reason"};
    struct str text = json_text(b->arena, whole);
    for (size_t i = 0; text.n >= TELLING_BODY_MAX && i < sizeof long_ones / sizeof long_ones[0]; i++) {
        if (json_get(&b->data, long_ones[i]) != NULL) {
            json_set(b->arena, &b->data, long_ones[i], json_null());
            json_set(b->arena, &b->data, "shortened", json_bool(true));
            json_set(b->arena, whole, "data", b->data);
            text = json_text(b->arena, whole);
        }
    }
    return text;
}

int telling_body(struct engine *engine, const struct telling_subject *subject, struct arena *arena,
                 const char **ret_body, struct err *err)
{
    struct body b = {.engine = engine, .subject = subject, .arena = arena, .data = json_object()};
    struct json whole = json_object();
    const char *home = NULL;
    if (store_home_id(engine->options.store, arena, &home, err) < 0 || fill(&b, err) < 0) {
        return -1;
    }
    put(&b, &whole, "type", subject->type);
    json_set(arena, &whole, "version", json_int(TELLING_VERSION));
    put(&b, &whole, "id", subject->event->event_id);
    put_time(&b, &whole, "timestamp", subject->event->at_ms);
    put(&b, &whole, "home", home);
    json_set(arena, &whole, "data", b.data);
    *ret_body = fit(&b, &whole).p;
    return 0;
}
