/* SPDX-License-Identifier: Apache-2.0
 * Questions of steps to the store: one row for each method (docs/plugins.md lists them).
 */
#include "base/log.h"
#include "digest/digest.h"
#include "engine/calls.h"
#include "engine/replay_run.h"
#include "store/activity.h"
#include "store/alias_moves.h"
#include "store/metrics.h"
#include "store/models.h"
#include "store/registry.h"
#include "store/runs.h"

#include <math.h>
#include <stdlib.h>

const char *call_need_text(const struct call *call, const char *key, struct err *err)
{
    const char *text = json_get_text(call->params, key, NULL);
    if (text == NULL || *text == '\0') {
        (void)err_set(err, ERR_INPUT, "'%s' is missing: expected text", key);
        return NULL;
    }
    return text;
}

/* "step wine/train of run wine 12": who acts when a step does. */
const char *call_actor(const struct call *call)
{
    const struct open_run *open = call->attempt->open;
    return arena_printf(call->arena, "step %.*s of %s", STR_ARG(run_step_at(open->run, call->attempt->place)->id),
                        run_words(call->arena, &open->row));
}

void call_set_text(const struct call *call, struct json *object, const char *key, const char *text)
{
    json_set(call->arena, object, key, text == NULL ? json_null() : json_cstring(call->arena, text));
}

/* ---- models ----------------------------------------------------------------------------------------------- */

int call_need_model(const struct call *call, const char *key, struct model_ref *ret, struct err *err)
{
    const char *uri = call_need_text(call, key, err);
    if (uri == NULL) {
        return -1;
    }
    int found = model_resolve(call->engine, uri, call->arena, ret, err);
    if (found == 0) {
        return err_set(err, ERR_NOT_FOUND, "there is no model '%s'", uri);
    }
    return found < 0 ? -1 : 0;
}

/* The model that the step is about when it names none: that of the nearest steps before it that made one. Exactly one,
 * or ERR_NOT_FOUND in words. */
static int upstream_model(const struct call *call, struct model_ref *ret, struct err *err)
{
    const struct open_run *open = call->attempt->open;
    const struct pipeline *pipeline = open->pipeline;
    bool *seen = arena_array(call->arena, pipeline->step_count, sizeof *seen);
    struct {
        VEC_OF(size_t)
    } level = {0};
    const char *found = NULL;
    size_t models = 0;
    vec_push(&level, call->attempt->place.step);
    for (size_t at = 0; at < level.count && models == 0;) {
        size_t end = level.count; /* one level of needs at a time: the nearest win */
        for (; at < end; at++) {
            const struct step *step = &pipeline->steps[level.items[at]];
            for (size_t n = 0; n < step->need_count; n++) {
                size_t need = step->needs[n].step;
                if (seen[need]) {
                    continue;
                }
                seen[need] = true;
                vec_push(&level, need);
                for (size_t i = 0; i < open->run->steps[need].item_count; i++) {
                    const char *model_id = open->run->steps[need].items[i].model_id;
                    models += model_id == NULL ? 0 : 1;
                    found = model_id == NULL ? found : model_id;
                }
            }
        }
    }
    vec_clear(&level);
    if (models != 1) {
        return err_set(err, ERR_NOT_FOUND,
                       "%zu models were made by the nearest steps before this one: name one with 'model'", models);
    }
    return model_resolve(call->engine, found, call->arena, ret, err) == 1 ? 0 : -1;
}

/* The model a step names, or, when it names none, the one made before it. */
int call_named_or_upstream_model(const struct call *call, struct model_ref *ret, struct err *err)
{
    const struct json *named = json_get(call->params, "model");
    return named == NULL || named->type == JSON_NULL ? upstream_model(call, ret, err)
                                                     : call_need_model(call, "model", ret, err);
}

static int call_model_get(const struct call *call, struct json *ret, struct err *err)
{
    struct model_ref ref;
    struct logged_model model;
    struct json params;
    struct json tags;
    if (call_need_model(call, "uri", &ref, err) < 0) {
        return -1;
    }
    if (ref.model_id == NULL) {
        return err_set(err, ERR_STATE, "version %lld of '%s' has no logged model", (long long)ref.version, ref.name);
    }
    if (store_model_get(call->store, ref.model_id, call->arena, &model, err) < 0 ||
        store_model_params(call->store, ref.model_id, call->arena, &params, err) < 0 ||
        store_model_tags(call->store, ref.model_id, call->arena, &tags, err) < 0) {
        return -1;
    }
    *ret = json_object();
    call_set_text(call, ret, "model_id", ref.model_id);
    call_set_text(call, ret, "name", ref.name != NULL ? ref.name : model.name);
    json_set(call->arena, ret, "version", ref.version == 0 ? json_null() : json_int(ref.version));
    call_set_text(call, ret, "path", model.artifact_uri);
    call_set_text(call, ret, "sha256", model.sha256);
    call_set_text(call, ret, "run_id", model.source_run_id);
    call_set_text(call, ret, "model_type", model.model_type);
    json_set(call->arena, ret, "params", params);
    json_set(call->arena, ret, "tags", tags);
    return 0;
}

/* The recorded files of a model with their digests: what deploy verifies byte by byte. */
static int call_model_files(const struct call *call, struct json *ret, struct err *err)
{
    struct model_ref ref;
    struct artifact *artifacts = NULL;
    size_t count = 0;
    if (call_need_model(call, "uri", &ref, err) < 0 ||
        (ref.model_id != NULL &&
         store_artifact_list(call->store, ref.model_id, call->arena, &artifacts, &count, err) < 0)) {
        return -1;
    }
    struct json files = json_array();
    for (size_t i = 0; i < count; i++) {
        struct json file = json_object();
        call_set_text(call, &file, "path", artifacts[i].path);
        call_set_text(call, &file, "sha256", artifacts[i].sha256);
        json_set(call->arena, &file, "size", json_int(artifacts[i].size_bytes));
        json_push(call->arena, &files, file);
    }
    *ret = json_object();
    json_set(call->arena, ret, "files", files);
    call_set_text(call, ret, "path", ref.path);
    call_set_text(call, ret, "model_id", ref.model_id);
    return 0;
}

/* As long as MLflow lets digests of datasets be, so that metrics and datasets name the same; NULL for none. */
static const char *dataset_digest(const struct call *call)
{
    const char *digest = json_get_text(call->params, "dataset_digest", NULL);
    return digest == NULL ? NULL : arena_str(call->arena, str_slice(str_from(digest), 0, DATASET_DIGEST_CHARACTERS)).p;
}

/* Metrics of a model measured on one dataset; when there are none, those of its newest evaluation, with `like` false.
 */
static int call_model_metrics(const struct call *call, struct json *ret, struct err *err)
{
    const char *uri = call_need_text(call, "uri", err);
    const char *digest = dataset_digest(call);
    struct model_ref ref;
    int found = uri == NULL ? -1 : call_compared_model(call, uri, &ref, err);
    if (found < 0) {
        return -1;
    }
    *ret = json_object();
    json_set(call->arena, ret, "found", json_bool(found == 1 && ref.model_id != NULL));
    if (found == 0 || ref.model_id == NULL) {
        return 0;
    }
    struct metric_latest *metrics = NULL;
    size_t count = 0;
    if (store_metrics_of_model(call->store, ref.model_id, digest, call->arena, &metrics, &count, err) < 0) {
        return -1;
    }
    bool like = count > 0;
    const char *other = digest;
    if (!like && store_metrics_of_model(call->store, ref.model_id, NULL, call->arena, &metrics, &count, err) < 0) {
        return -1;
    }
    struct json values = json_object();
    int64_t newest_ms = 0;
    for (size_t i = 0; i < count; i++) {
        if (!like && metrics[i].time_ms >= newest_ms) {
            newest_ms = metrics[i].time_ms;
            other = metrics[i].dataset_digest;
        }
        if (like) {
            json_set(call->arena, &values, metrics[i].key, json_number(metrics[i].value));
        }
    }
    call_set_text(call, ret, "model_id", ref.model_id);
    json_set(call->arena, ret, "version", ref.version == 0 ? json_null() : json_int(ref.version));
    call_set_text(call, ret, "name", ref.name);
    json_set(call->arena, ret, "like", json_bool(like));
    call_set_text(call, ret, "dataset_digest", count == 0 ? NULL : other);
    json_set(call->arena, ret, "metrics", values);
    return 0;
}

static int call_model_log_metrics(const struct call *call, struct json *ret, struct err *err)
{
    struct model_ref ref;
    const struct json *metrics = json_get(call->params, "metrics");
    if (call_named_or_upstream_model(call, &ref, err) < 0) {
        return -1;
    }
    if (metrics == NULL || metrics->type != JSON_OBJECT) {
        return err_set(err, ERR_INPUT, "'metrics': expected a map of numbers");
    }
    size_t count = metrics->u.object.count;
    struct metric_point *points = arena_array(call->arena, count, sizeof *points);
    for (size_t i = 0; i < count; i++) {
        points[i] =
            (struct metric_point){.key = metrics->u.object.members[i].key.p, .time_ms = engine_now(call->engine)};
        if (!json_as_number(&metrics->u.object.members[i].value, &points[i].value)) {
            return err_set(err, ERR_INPUT, "metric '%s' is not a number", points[i].key);
        }
    }
    struct metric_target target = {
        .run_id = call->attempt->row.step_run_id,
        .model_id = ref.model_id,
        .dataset_name = json_get_text(call->params, "dataset_name", NULL),
        .dataset_digest = dataset_digest(call),
    };
    *ret = json_object();
    call_set_text(call, ret, "model_id", ref.model_id);
    return store_metrics_log(call->store, &target, points, count, err);
}

static int call_dataset_log(const struct call *call, struct json *ret, struct err *err)
{
    struct json report = json_copy(call->arena, call->params);
    json_set(call->arena, &report, "kind", json_cstring(call->arena, "dataset"));
    *ret = json_object();
    return report_apply(call->engine, call->attempt, &report, engine_now(call->engine), err);
}

/* ---- registry ---------------------------------------------------------------------------------------------------- */

static struct mover mover_of(const struct call *call)
{
    const struct pipeline_run *run = &call->attempt->open->row;
    return (struct mover){.actor = call_actor(call),
                          .door = "step",
                          .reason = json_get_text(call->params, "reason", NULL),
                          .run_id = run->run_id,
                          .person = run->actor};
}

static struct pair *tags_of(const struct call *call, size_t *ret_count)
{
    const struct json *tags = json_get(call->params, "tags");
    size_t count = tags != NULL && tags->type == JSON_OBJECT ? tags->u.object.count : 0;
    struct pair *pairs = arena_array(call->arena, count, sizeof *pairs);
    for (size_t i = 0; i < count; i++) {
        const struct json *value = &tags->u.object.members[i].value;
        pairs[i].key = tags->u.object.members[i].key.p;
        pairs[i].value = value->type == JSON_STRING ? value->u.string.p : json_text(call->arena, value).p;
    }
    *ret_count = count;
    return pairs;
}

static int move_alias(const struct call *call, const char *name, const char *alias, int64_t version, int64_t expect,
                      int64_t *ret_previous, struct err *err)
{
    const struct mover by = mover_of(call);
    return store_alias_set(call->store, name, alias, version, expect, &by, engine_now(call->engine), ret_previous,
                           err);
}

static int call_register(const struct call *call, struct json *ret, struct err *err)
{
    const char *name = call_need_text(call, "name", err);
    struct model_ref ref;
    if (name == NULL || call_need_model(call, "model", &ref, err) < 0) {
        return -1;
    }
    const struct open_run *open = call->attempt->open;
    struct logged_model model;
    if (ref.model_id == NULL) {
        return err_set(err, ERR_INPUT, "'%s' is no logged model", json_get_text(call->params, "model", ""));
    }
    if (store_model_get(call->store, ref.model_id, call->arena, &model, err) < 0) {
        return -1;
    }
    struct model_version version = {
        .name = name,
        .model_id = ref.model_id,
        .source = arena_printf(call->arena, "models:/%s", ref.model_id),
        .run_id = model.source_run_id,
        .user = open->row.actor,
        .description = json_get_text(call->params, "description", ""),
        .stage = "None",
        .status = "READY",
    };
    int64_t number = 0;
    bool existing = false;
    size_t tag_count = 0;
    const struct pair *tags = tags_of(call, &tag_count);
    const struct mover by = mover_of(call);
    if (store_registry_register(call->store, name, &version, tags, tag_count, &by, engine_now(call->engine), &number,
                                &existing, err) < 0) {
        return -1;
    }
    const char *words = arena_printf(call->arena, "model %s/%lld", name, (long long)number);
    if (!existing && engine_note(call->engine, call_actor(call), "model.registered", words, name, "", "READY", "",
                                 model.sha256, err) < 0) {
        return -1;
    }
    const struct json *aliases = json_get(call->params, "aliases");
    for (size_t i = 0; aliases != NULL && aliases->type == JSON_ARRAY && i < aliases->u.array.count; i++) {
        const struct json *alias = &aliases->u.array.items[i];
        int64_t previous = 0;
        if (alias->type != JSON_STRING) {
            return err_set(err, ERR_INPUT, "'aliases': expected a list of text");
        }
        if (move_alias(call, name, alias->u.string.p, number, -1, &previous, err) < 0) {
            return -1;
        }
    }
    *ret = json_object();
    json_set(call->arena, ret, "version", json_int(number));
    json_set(call->arena, ret, "existing", json_bool(existing));
    call_set_text(call, ret, "model_id", ref.model_id);
    call_set_text(call, ret, "model_uri", arena_printf(call->arena, "models:/%s/%lld", name, (long long)number));
    return 0;
}

static int call_alias(const struct call *call, struct json *ret, struct err *err)
{
    const char *name = call_need_text(call, "name", err);
    const char *alias = name == NULL ? NULL : call_need_text(call, "alias", err);
    if (alias == NULL) {
        return -1;
    }
    int64_t version = json_get_int(call->params, "version", 0);
    const struct json *expect = json_get(call->params, "expect");
    const char *keep = json_get_text(call->params, "keep", NULL);
    int64_t previous = 0;
    int64_t kept = 0;
    int64_t expected = expect == NULL ? -1 : expect->type == JSON_INT ? expect->u.integer : 0;
    if (move_alias(call, name, alias, version, expected, &previous, err) < 0) {
        return -1;
    }
    if (keep != NULL && previous != 0 && previous != version &&
        move_alias(call, name, keep, previous, -1, &kept, err) < 0) {
        return -1;
    }
    *ret = json_object();
    json_set(call->arena, ret, "previous", previous == 0 ? json_null() : json_int(previous));
    json_set(call->arena, ret, "version", json_int(version));
    return 0;
}

/* The version an alias points to, null when there is none. */
static int call_alias_get(const struct call *call, struct json *ret, struct err *err)
{
    const char *name = call_need_text(call, "name", err);
    const char *alias = name == NULL ? NULL : call_need_text(call, "alias", err);
    int64_t version = 0;
    if (alias == NULL || store_alias_get(call->store, name, alias, &version, err) < 0) {
        return -1;
    }
    *ret = json_object();
    json_set(call->arena, ret, "version", version == 0 ? json_null() : json_int(version));
    return 0;
}

/* ---- approvals ----------------------------------------------------------------------------------------------------
 * */

/* The manifest of what would be approved now; of the approval `approved`: what it would be about now. deploy compares.
 */
static int call_evidence(const struct call *call, struct json *ret, struct err *err)
{
    struct open_run *open = call->attempt->open;
    const char *approved = json_get_text(call->params, "approved", NULL);
    struct evidence_of of = {.open = open, .run_id = open->row.run_id, .step = call->attempt->place.step};
    struct json manifest;
    char sha256[65];
    if (approved != NULL && evidence_find(call->engine, open, approved, call->arena, &of, err) < 0) {
        return -1;
    }
    of.model_uri = json_get_text(call->params, "model", NULL);
    of.extra = json_get(call->params, "evidence");
    if (evidence_collect(call->engine, &of, call->arena, &manifest, sha256, err) < 0) {
        return -1;
    }
    *ret = json_object();
    json_set(call->arena, ret, "manifest", manifest);
    call_set_text(call, ret, "sha256", sha256);
    return 0;
}

/* ---- the table
 * ----------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *method;
    int (*answer)(const struct call *call, struct json *ret, struct err *err);
    bool acts; /* on the registry or on what serves: not in a replay, which only judges */
} methods[] = {
    {"model.get", call_model_get, false},
    {"model.files", call_model_files, false},
    {"model.metrics", call_model_metrics, false},
    {"model.log_metrics", call_model_log_metrics, false},
    {"dataset.log", call_dataset_log, false},
    {"gate.record", call_gate_record, false},
    {"registry.register", call_register, true},
    {"registry.alias", call_alias, true},
    {"registry.alias_get", call_alias_get, false},
    {"guard.check", call_guard_check, false},
    {"evidence.collect", call_evidence, false},
    {"deployment.note", call_deployment, true},
    {"target.take", call_target_take, true},
    {"metrics.read", call_metrics_read, false},
};

static int answer(const struct call *call, size_t method, struct json *ret, struct err *err)
{
    const struct json *replay = replay_of(call->attempt->open);
    if (methods[method].acts && replay != NULL) {
        return err_set(err, ERR_STATE, "%s: this run replays gate %lld, and changes nothing but its own records",
                       methods[method].method, (long long)json_get_int(replay, "gate", 0));
    }
    return methods[method].answer(call, ret, err);
}

static struct json error_reply(struct arena *arena, const struct err *wrong)
{
    struct json error = json_object();
    struct json reply = json_object();
    json_set(arena, &error, "code", json_cstring(arena, err_code_name(wrong->code)));
    json_set(arena, &error, "message", json_cstring(arena, wrong->message));
    json_set(arena, &reply, "error", error);
    return reply;
}

struct json call_refusal(struct engine *engine, const struct err *wrong)
{
    return error_reply(engine->turn, wrong);
}

int call_answer(struct engine *engine, struct live_attempt *attempt, const char *method, const struct json *params,
                struct json *ret_reply, struct err *err)
{
    struct call call = {
        .engine = engine, .attempt = attempt, .params = params, .arena = engine->turn, .store = engine->options.store};
    struct err wrong = {0};
    struct json result = json_null();
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        if (strcmp(methods[i].method, method) != 0) {
            continue;
        }
        /* A refused question leaves nothing behind; a broken store ends the turn. */
        if (store_savepoint(engine->options.store, err) < 0) {
            return -1;
        }
        if (answer(&call, i, &result, &wrong) == 0) {
            *ret_reply = json_object();
            json_set(engine->turn, ret_reply, "result", result);
            return store_savepoint_release(engine->options.store, err);
        }
        store_savepoint_back(engine->options.store);
        if (store_has_failed(&wrong)) {
            *err = wrong;
            return -1;
        }
        *ret_reply = error_reply(engine->turn, &wrong);
        return 0;
    }
    (void)err_set(&wrong, ERR_INPUT, "the store has no method '%s'", method);
    *ret_reply = error_reply(engine->turn, &wrong);
    return 0;
}
