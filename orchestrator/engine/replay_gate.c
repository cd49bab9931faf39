/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/replay_gate.h"

#include "engine/replay_run.h"
#include "store/registry.h"

#include <stdlib.h>

static const char *step_id(const struct call *call)
{
    return arena_str(call->arena, run_step_at(call->attempt->open->run, call->attempt->place)->id).p;
}

/* ---- whom it compares with --------------------------------------------------------------------------------------- */

int replayed_find(const struct call *call, struct replayed *ret, struct err *err)
{
    *ret = (struct replayed){.context = replay_of(call->attempt->open)};
    return ret->context == NULL
               ? 0
               : store_gate_get(call->store, json_get_int(ret->context, "gate", 0), call->arena, &ret->gate, err);
}

bool replayed_compares_as_then(const struct call *call, const struct replayed *replayed, const char *uri)
{
    const struct json *champion = replayed->context == NULL ? NULL : json_get(&replayed->gate.record, "champion");
    return champion != NULL && !json_get_bool(replayed->context, "champion_now", false) &&
           strcmp(json_get_text(champion, "model", ""), uri) == 0 && strcmp(replayed->gate.step, step_id(call)) == 0;
}

/* "wine/3" of the record. */
static void name_champion(const struct call *call, const char *text, struct model_ref *ref)
{
    const char *slash = text == NULL ? NULL : strrchr(text, '/');
    if (slash != NULL) {
        ref->name = arena_printf(call->arena, "%.*s", (int)(slash - text), text);
        ref->version = strtoll(slash + 1, NULL, 10);
    }
}

int replayed_champion(const struct call *call, const struct gate *gate, struct model_ref *ret, struct err *err)
{
    const struct json *champion = json_get(&gate->record, "champion");
    const char *model_id = json_get_text(champion, "model_id", NULL);
    const char *uri = model_id != NULL           ? model_id
                      : gate->champion != NULL   ? arena_printf(call->arena, "models:/%s", gate->champion)
                                                 : json_get_text(champion, "model", "");
    *ret = (struct model_ref){0};
    if (!json_get_bool(champion, "found", false)) {
        return 0;
    }
    struct err wrong = {0};
    int found = model_resolve(call->engine, uri, call->arena, ret, &wrong);
    if (found < 0 && store_has_failed(&wrong)) {
        *err = wrong;
        return -1;
    }
    if (found <= 0) {
        return err_set(err, ERR_STATE,
                       "gate %lld compared with %s, which is not to be had any more (%s): 'champion now' compares with "
                       "the one of now",
                       (long long)gate->id, gate->champion != NULL ? gate->champion : uri,
                       found < 0 ? wrong.message : "it has no such alias");
    }
    name_champion(call, gate->champion, ret);
    return 1;
}

/* ---- what it must agree with ------------------------------------------------------------------------------------- */

/* The version is still that model, and it is that model which was judged. */
static int check_version(const struct call *call, const struct replayed *replayed, const struct model_ref *judged,
                         struct err *err)
{
    const char *text = json_get_text(replayed->context, "version", "");
    const char *asked = json_get_text(replayed->context, "model_id", "");
    struct model_ref ref = {0};
    struct model_version version;
    name_champion(call, text, &ref);
    if (strcmp(replayed->gate.step, step_id(call)) != 0) {
        return err_set(err, ERR_STATE, "this run replays gate %lld of step '%s': no other step of it records a verdict",
                       (long long)replayed->gate.id, replayed->gate.step);
    }
    if (ref.name == NULL || store_version_get(call->store, ref.name, ref.version, call->arena, &version, err) < 0) {
        return err_add(err, "%s, on which gate %lld is replayed", text, (long long)replayed->gate.id);
    }
    if (version.model_id == NULL || strcmp(version.model_id, asked) != 0) {
        return err_set(err, ERR_STATE, "%s is another model than when the replay of gate %lld was begun", text,
                       (long long)replayed->gate.id);
    }
    if (judged->model_id == NULL || strcmp(judged->model_id, asked) != 0) {
        return err_set(err, ERR_STATE,
                       "the step judged %s, and gate %lld is replayed on %s (%s): where it takes the model from is not "
                       "what the replay could change",
                       judged->model_id == NULL ? "no model" : judged->model_id, (long long)replayed->gate.id, text,
                       asked);
    }
    return 0;
}

static const char *digest_of(const struct json *record, const char *key)
{
    const struct json *dataset = json_get(record, "dataset");
    return dataset == NULL ? "" : json_get_text(dataset, key, "");
}

static int check_data(const struct call *call, const struct replayed *replayed, bool *ret_other, struct err *err)
{
    const char *was = digest_of(&replayed->gate.record, "digest");
    const char *is = digest_of(call->params, "digest");
    *ret_other = strcmp(was, is) != 0;
    if (*ret_other && !json_get_bool(replayed->context, "other_data", false)) {
        return err_set(err, ERR_STATE,
                       "other data: gate %lld judged on dataset sha256:%s, and this is sha256:%s: it would not be the "
                       "same gate ('other data' allows it, and is recorded)",
                       (long long)replayed->gate.id, was, is);
    }
    return 0;
}

/* A file that lies where no step has published it may still be what the judged model has said: bytes that are the same
 * are taken for that. */
static int check_predictions(const struct call *call, const struct replayed *replayed, const struct model_ref *judged,
                             struct err *err)
{
    const struct json *files = json_get(call->params, "evidence_files");
    const struct json *first = files != NULL && files->type == JSON_ARRAY && files->u.array.count > 0
                                   ? &files->u.array.items[0]
                                   : NULL;
    const char *published = arena_printf(call->arena, "%s/artifacts/", call->engine->options.home);
    const char *was = digest_of(&replayed->gate.record, "file_digest");
    if (first == NULL || first->type != JSON_STRING || str_starts(first->u.string, str_from(published)) ||
        *was == '\0' || strcmp(was, digest_of(call->params, "file_digest")) != 0 ||
        strcmp(replayed->gate.model_id, judged->model_id) == 0) {
        return 0;
    }
    return err_set(err, ERR_STATE,
                   "'%s' is byte for byte what gate %lld judged: it holds what %s predicted, not %s. Where predictions "
                   "are an artifact of a step, the replay takes those of the version",
                   first->u.string.p, (long long)replayed->gate.id, replayed->gate.model_id, judged->model_id);
}

int replayed_check(const struct call *call, const struct replayed *replayed, const struct model_ref *judged,
                   bool *ret_other_data, struct err *err)
{
    return check_version(call, replayed, judged, err) < 0 || check_data(call, replayed, ret_other_data, err) < 0
               ? -1
               : check_predictions(call, replayed, judged, err);
}

struct json replayed_record(const struct call *call, const struct replayed *replayed, bool other_data)
{
    struct json record = json_copy(call->arena, call->params);
    struct json replay = json_object();
    json_set(call->arena, &replay, "of", json_int(replayed->gate.id));
    call_set_text(call, &replay, "version", json_get_text(replayed->context, "version", NULL));
    call_set_text(call, &replay, "champion",
                  json_get_bool(replayed->context, "champion_now", false) ? "now" : "then");
    call_set_text(call, &replay, "data", other_data ? "other" : "same");
    call_set_text(call, &replay, "dataset_digest", digest_of(&replayed->gate.record, "digest"));
    json_set(call->arena, &record, "replay", replay);
    return record;
}
