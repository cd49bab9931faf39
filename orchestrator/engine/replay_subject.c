/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/replay_subject.h"

#include "engine/replay_plan.h"
#include "store/registry.h"

int replay_subject_load(struct store *store, const struct gate *gate, const struct pipeline_run *run,
                        struct arena *arena, struct replay_subject *ret, struct err *err)
{
    struct model_version *versions = NULL;
    size_t count = 0;
    struct json contexts;
    *ret = (struct replay_subject){.model_id = gate->model_id, .arena = arena};
    if (store_version_of_model(store, gate->model_id, arena, &versions, &count, err) < 0 ||
        json_read(str_from(run->params), (struct json_limits){0}, arena, &ret->params, err) < 0 ||
        json_read(str_from(run->contexts), (struct json_limits){0}, arena, &contexts, err) < 0) {
        return err_add(err, "the run of gate %lld", (long long)gate->id);
    }
    const struct json *pins = json_get(&contexts, "pins");
    ret->pins = pins == NULL ? json_object() : *pins;
    ret->versions = arena_array(arena, count + 1, sizeof *ret->versions);
    for (size_t i = 0; i < count; i++) {
        ret->versions[ret->version_count++] =
            arena_printf(arena, "%s/%lld", versions[i].name, (long long)versions[i].version);
    }
    if (gate->version != NULL) { /* it may be gone since */
        ret->versions[ret->version_count++] = gate->version;
    }
    return 0;
}

static bool is_version(const struct replay_subject *subject, const char *text)
{
    for (size_t i = 0; i < subject->version_count; i++) {
        if (strcmp(subject->versions[i], text) == 0) {
            return true;
        }
    }
    return false;
}

/* "m-...", "models:/m-...", "models:/wine/3", or an alias that stood for it then. */
static bool is_model(const struct replay_subject *subject, const struct json *value)
{
    static const char scheme[] = "models:/";
    if (value->type != JSON_STRING) {
        return false;
    }
    const char *text = value->u.string.p;
    const char *rest = str_starts(value->u.string, str_from(scheme)) ? text + strlen(scheme) : NULL;
    return strcmp(rest == NULL ? text : rest, subject->model_id) == 0 || (rest != NULL && is_version(subject, rest)) ||
           replay_pin_is_of(&subject->pins, text, subject->model_id, subject->arena);
}

static const char *number_text(const struct replay_subject *subject, const struct json *value)
{
    return value == NULL               ? ""
           : value->type == JSON_STRING ? value->u.string.p
                                        : json_text(subject->arena, value).p;
}

/* What a trigger gives a deployment job, also when it was started by hand. */
static bool is_deployment_job(const struct replay_subject *subject)
{
    const char *name = json_get_text(&subject->params, "model_name", NULL);
    const char *version = number_text(subject, json_get(&subject->params, "model_version"));
    return name != NULL && is_version(subject, arena_printf(subject->arena, "%s/%s", name, version));
}

static bool is_of_job(struct str param)
{
    return str_is(param, "model_name") || str_is(param, "model_version");
}

const struct str *replay_subject_params(const struct replay_subject *subject, size_t *ret_count)
{
    const struct json *params = &subject->params;
    size_t all = params->type == JSON_OBJECT ? params->u.object.count : 0;
    struct str *names = arena_array(subject->arena, all + 1, sizeof *names);
    bool job = is_deployment_job(subject);
    *ret_count = 0;
    for (size_t i = 0; i < all; i++) {
        const struct json_member *param = &params->u.object.members[i];
        if ((job && is_of_job(param->key)) || is_model(subject, &param->value)) {
            names[(*ret_count)++] = param->key;
        }
    }
    return names;
}

static struct json renamed(const struct replay_subject *subject, const struct json_member *param, const char *name,
                           int64_t version, const char *model_id)
{
    struct arena *arena = subject->arena;
    if (str_is(param->key, "model_name")) {
        return json_cstring(arena, name);
    }
    if (str_is(param->key, "model_version")) {
        return param->value.type == JSON_STRING
                   ? json_cstring(arena, arena_printf(arena, "%lld", (long long)version))
                   : json_int(version);
    }
    bool is_id = str_is(param->value.u.string, subject->model_id);
    return json_cstring(arena, is_id ? model_id : arena_printf(arena, "models:/%s/%lld", name, (long long)version));
}

int replay_params(const struct replay_subject *subject, const char *name, int64_t version, const char *model_id,
                  struct json *ret, struct err *err)
{
    const char *of = json_get_text(&subject->params, "model_name", "");
    if (is_deployment_job(subject) && strcmp(of, name) != 0) {
        return err_set(err, ERR_STATE, "the gate's run was about the registered model '%s', and '%s' is another", of,
                       name);
    }
    size_t count = 0;
    const struct str *names = replay_subject_params(subject, &count);
    *ret = json_copy(subject->arena, &subject->params);
    for (size_t i = 0; ret->type == JSON_OBJECT && i < ret->u.object.count; i++) {
        struct json_member *param = &ret->u.object.members[i];
        for (size_t k = 0; k < count; k++) {
            if (str_eq(names[k], param->key)) {
                param->value = renamed(subject, param, name, version, model_id);
            }
        }
    }
    return 0;
}
