/* SPDX-License-Identifier: Apache-2.0
 * From what somebody asks for to the submission of a replay.
 */
#include "base/parse.h"
#include "engine/again.h"
#include "engine/replay.h"
#include "engine/replay_subject.h"
#include "store/registry.h"

/* ---- the version ------------------------------------------------------------------------------------------------- */

static int no_version(const char *target, struct err *err)
{
    return err_set(err, ERR_INPUT, "'%.200s' names no version: expected MODEL/VERSION or MODEL@ALIAS, such as wine/1",
                   target);
}

static int find_version(struct store *store, const char *target, struct arena *arena, struct model_version *ret,
                        struct err *err)
{
    struct str text = str_from(target);
    if (str_starts(text, STR("models:/"))) {
        text = str_slice(text, strlen("models:/"), text.n);
    }
    ptrdiff_t at = str_find_byte(text, '@', 0);
    ptrdiff_t slash = str_find_byte(text, '/', 0);
    ptrdiff_t end = slash > 0 ? slash : at;
    if (end <= 0) {
        return no_version(target, err);
    }
    const char *name = arena_str(arena, str_slice(text, 0, (size_t)end)).p;
    const char *rest = arena_str(arena, str_slice(text, (size_t)end + 1, text.n)).p;
    int64_t number = 0;
    if (slash > 0) {
        return parse_int(str_from(rest), 1, INT64_MAX, &number, NULL) < 0
                   ? no_version(target, err)
                   : store_version_get(store, name, number, arena, ret, err);
    }
    if (store_alias_get(store, name, rest, &number, err) < 0) {
        return -1;
    }
    return number == 0 ? err_set(err, ERR_NOT_FOUND, "model '%s' has no alias '%s'", name, rest)
                       : store_version_get(store, name, number, arena, ret, err);
}

/* ---- the gate ---------------------------------------------------------------------------------------------------- */

static int find_gate(struct store *store, int64_t id, struct arena *arena, struct replay_asked *ret, struct err *err)
{
    if (store_gate_get(store, id, arena, &ret->gate, err) < 0) {
        return -1;
    }
    if (ret->gate.replay_of != 0) {
        int64_t wished = id;
        id = ret->gate.replay_of;
        if (store_gate_get(store, id, arena, &ret->gate, err) < 0) {
            return err_add(err, "gate %lld is a replay of a gate that is gone", (long long)wished);
        }
    }
    if (ret->gate.model_id == NULL) {
        return err_set(err, ERR_STATE, "gate %lld cannot be replayed: it judged data, and no model that is known",
                       (long long)id);
    }
    if (store_pipeline_run_get(store, ret->gate.run_id, arena, &ret->run, err) < 0) {
        return err_add(err, "the run of gate %lld", (long long)id);
    }
    return 0;
}

int replay_prepare(struct store *store, struct catalogue *plugins, const struct replay_wish *wish, struct arena *arena,
                   struct engine_submission *submission, struct replay_asked *ret, struct err *err)
{
    struct model_version version;
    struct replay_subject subject;
    struct json params;
    if (find_gate(store, wish->gate, arena, ret, err) < 0 ||
        find_version(store, wish->target, arena, &version, err) < 0) {
        return -1;
    }
    if (version.model_id == NULL) {
        return err_set(err, ERR_STATE, "%s/%lld has no logged model (m-...), by which a verdict could be about it",
                       version.name, (long long)version.version);
    }
    submission->pipeline = again_definition(store, plugins, &ret->run, arena, err);
    if (submission->pipeline == NULL || again_surroundings(&ret->run, arena, submission, err) < 0 ||
        replay_subject_load(store, &ret->gate, &ret->run, arena, &subject, err) < 0 ||
        replay_params(&subject, version.name, version.version, version.model_id, &params, err) < 0 ||
        pipeline_params(submission->pipeline, &params, false, arena, &submission->params, err) < 0) {
        return err_add(err, "gate %lld", (long long)ret->gate.id);
    }
    struct engine_replay *replay = arena_one(arena, struct engine_replay);
    *replay = (struct engine_replay){
        .gate = ret->gate.id,
        .version = arena_printf(arena, "%s/%lld", version.name, (long long)version.version),
        .model_id = version.model_id,
        .champion_now = wish->champion_now,
        .other_data = wish->other_data,
    };
    ret->name = version.name;
    submission->trigger = REPLAY_TRIGGER;
    submission->until = ret->gate.step;
    submission->replay = replay;
    return 0;
}
