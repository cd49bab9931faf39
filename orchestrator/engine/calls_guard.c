/* SPDX-License-Identifier: Apache-2.0
 * Questions of steps about what config.yaml guards, and what they say they have deployed.
 */
#include "engine/calls.h"
#include "store/guards.h"
#include "store/registry.h"

/* ---- guards ------------------------------------------------------------------------------------------------------ */

/* The names that a target goes by: its place, as it was written and as it is, and what records call it. */
static int guarded_names(const struct call *call, enum guard_kind kind, struct guard_question *question,
                         struct err *err)
{
    const struct json *given = json_get(call->params, guard_kind_words[kind]);
    bool one = given != NULL && given->type == JSON_STRING;
    size_t count = one ? 1 : given != NULL && given->type == JSON_ARRAY ? given->u.array.count : 0;
    const char **names = arena_array(call->arena, count, sizeof *names);
    for (size_t i = 0; i < count; i++) {
        const struct json *name = one ? given : &given->u.array.items[i];
        if (name->type != JSON_STRING) {
            return err_set(err, ERR_INPUT, "'%s': expected text or a list of text", guard_kind_words[kind]);
        }
        names[i] = name->u.string.p;
    }
    question->kind = kind;
    question->names = names;
    question->name_count = count;
    return 0;
}

/* What a step has to wait for that lacks only approvals: the request, as wait() takes it. */
static struct json approval_request(const struct call *call, const struct guard_question *question, const char *of,
                                    const struct guard_answer *answer)
{
    const char *place = question->kind == GUARD_TARGET
                            ? arena_printf(call->arena, "target %s", answer->name)
                            : guard_place(call->arena, question->model, question->names[0]);
    struct json wait = json_object();
    call_set_text(call, &wait, "kind", "approval");
    call_set_text(call, &wait, "of", of);
    json_set(call->arena, &wait, "by", *json_get(&answer->ask, "by"));
    if (json_get(&answer->ask, "not_by") != NULL) {
        json_set(call->arena, &wait, "not_by", *json_get(&answer->ask, "not_by"));
    }
    call_set_text(call, &wait, "message",
             arena_printf(call->arena, "%s is guarded by config.yaml: %s%s lacks %s", place,
                          question->removes ? "to take it from " : "", of, answer->lacks));
    if (question->removes) {
        call_set_text(call, &wait, "removes", place);
    }
    return wait;
}

/* {target, uri} or {alias, model, version or uri} (uri: of a model that is not a version yet) -> {guards, lacks, wait}:
 * what stands between a version and its place; `wait` is null unless it lacks only approvals. */
int call_guard_check(const struct call *call, struct json *ret, struct err *err)
{
    bool target = json_get(call->params, guard_kind_words[GUARD_TARGET]) != NULL;
    const char *uri = json_get_text(call->params, "uri", NULL);
    struct guard_question question = {
        .model = json_get_text(call->params, "model", NULL),
        .version = json_get_int(call->params, "version", 0),
        .removes = json_get_bool(call->params, "removes", false),
    };
    struct model_ref ref = {0};
    struct guard_answer answer;
    if (guarded_names(call, target ? GUARD_TARGET : GUARD_ALIAS, &question, err) < 0) {
        return -1;
    }
    bool named = question.model != NULL && (uri != NULL || question.version > 0);
    if (question.name_count == 0 || (target ? uri == NULL || question.model != NULL : !named)) {
        return err_set(err, ERR_INPUT, "expected 'target' and 'uri', or 'alias', 'model' and one of 'version', 'uri'");
    }
    if (uri != NULL && call_need_model(call, "uri", &ref, err) < 0) {
        return -1;
    }
    if (uri != NULL) { /* under all its names, unless it has only this one */
        question.model_id = ref.model_id;
        question.model = target && ref.model_id == NULL ? ref.name : question.model;
        question.version = target ? ref.version : 0;
    }
    if (guard_check(call->store, &question, call->arena, &answer, err) < 0) {
        return -1;
    }
    const char *of = ref.model_id != NULL ? ref.model_id
                     : uri != NULL        ? uri
                                          : arena_printf(call->arena, "models:/%s/%lld", question.model,
                                                         (long long)question.version);
    const char *shown = ref.name == NULL ? of
                                         : arena_printf(call->arena, "models:/%s/%lld", ref.name,
                                                        (long long)ref.version);
    *ret = json_object();
    json_set(call->arena, ret, "guards", json_int((int64_t)answer.count));
    call_set_text(call, ret, "lacks", answer.lacks);
    json_set(call->arena, ret, "wait",
             answer.only_approvals ? approval_request(call, &question, shown, &answer) : json_null());
    return 0;
}

/* The version that was deployed: the one that was named, if it is this model, else the first that is. */
static int find_deployed(const struct call *call, const char *model_id, struct model_ref *ret, struct err *err)
{
    const char *uri = json_get_text(call->params, "uri", NULL);
    struct model_version *versions = NULL;
    size_t count = 0;
    struct err gone = {0};
    if (uri != NULL && model_resolve(call->engine, uri, call->arena, ret, &gone) < 0 && store_has_failed(&gone)) {
        return err_set(err, gone.code, "%s", gone.message);
    }
    if (*model_id == '\0' || (ret->name != NULL && ret->model_id != NULL && strcmp(ret->model_id, model_id) == 0)) {
        return 0;
    }
    *ret = (struct model_ref){0};
    if (store_version_of_model(call->store, model_id, call->arena, &versions, &count, err) < 0) {
        return -1;
    }
    ret->name = count == 0 ? NULL : versions[0].name;
    ret->version = count == 0 ? 0 : versions[0].version;
    return 0;
}

/* While only a part of the traffic, or of the targets, has the new model, its step owes an end: run/run.h. */
static void note_owed(const struct call *call, const char *state)
{
    struct open_run *open = call->attempt->open;
    struct run_item *item = run_item_at(open->run, call->attempt->place);
    int before = item->owes;
    if (strcmp(state, "stage") == 0) {
        item->owes = before == 0 ? 1 : before;
    } else if (strcmp(state, "rollback_failed") != 0 && !json_get_bool(call->params, "more", false)) {
        item->owes = 0;
    }
    if (item->owes != before) {
        vec_push(&open->changes.items, call->attempt->place);
    }
}

static double weight_of(const struct call *call)
{
    double weight = -1;
    const struct json *given = json_get(call->params, "weight");
    return given != NULL && json_as_number(given, &weight) && weight >= 0 && weight <= 100 ? weight : -1;
}

/* `target`, `state` (stage, deployed, rolled_back, rollback_failed), ... -> nothing. One in stages says in which of how
 * many it is, and by what weight. */
int call_deployment(const struct call *call, struct json *ret, struct err *err)
{
    const char *target = call_need_text(call, "target", err);
    if (target == NULL) {
        return -1;
    }
    const char *state = json_get_text(call->params, "state", "deployed");
    const char *model_id = json_get_text(call->params, "model_id", "");
    struct model_ref ref = {0};
    if (find_deployed(call, model_id, &ref, err) < 0) {
        return -1;
    }
    const struct deployment_row row = {
        .target = target,
        .state = state,
        .name = ref.name,
        .version = ref.version,
        .model_id = model_id,
        .from_model = json_get_text(call->params, "from", ""),
        .to_model = json_get_text(call->params, "to", ""),
        .sha256 = json_get_text(call->params, "sha256", ""),
        .at_ms = engine_now(call->engine),
        .actor = call_actor(call),
        .run_id = call->attempt->open->row.run_id,
        .reason = json_get_text(call->params, "reason", ""),
        .stage = json_get_int(call->params, "stage", 0),
        .stages = json_get_int(call->params, "stages", 0),
        .weight = weight_of(call),
    };
    if (store_deployment_add(call->store, &row, err) < 0) {
        return -1;
    }
    *ret = json_object();
    note_owed(call, state);
    return engine_note(call->engine, call_actor(call), arena_printf(call->arena, "deployment.%s", state),
                       arena_printf(call->arena, "target %s", target), json_get_text(call->params, "model_id", ""),
                       json_get_text(call->params, "from", ""), json_get_text(call->params, "to", ""),
                       json_get_text(call->params, "reason", ""), json_get_text(call->params, "sha256", ""), err);
}

