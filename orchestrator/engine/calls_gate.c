/* SPDX-License-Identifier: Apache-2.0
 * The question by which a step records a verdict, in its own run or in a replay of its gate (replay.h), and whom rules
 * compare with.
 */
#include "crypto/digest.h"
#include "engine/calls.h"
#include "engine/replay_run.h"
#include "store/gates.h"
#include "store/registry.h"

#include <stdlib.h>

static const char *step_id(const struct call *call)
{
    return arena_str(call->arena, run_step_at(call->attempt->open->run, call->attempt->place)->id).p;
}

/* ---- the gate that is replayed ----------------------------------------------------------------------------------- */

struct replayed {
    const struct json *context; /* NULL: the step judges in its own run */
    struct gate gate;
};

static int find_replayed(const struct call *call, struct replayed *ret, struct err *err)
{
    *ret = (struct replayed){.context = replay_of(call->attempt->open)};
    return ret->context == NULL
               ? 0
               : store_gate_get(call->store, json_get_int(ret->context, "gate", 0), call->arena, &ret->gate, err);
}

/* The rules name the champion as the gate's did, and it is to be that of then. */
static bool compares_as_then(const struct replayed *replayed, const char *uri)
{
    const struct json *champion = replayed->context == NULL ? NULL : json_get(&replayed->gate.record, "champion");
    return champion != NULL && !json_get_bool(replayed->context, "champion_now", false) &&
           strcmp(json_get_text(champion, "model", ""), uri) == 0;
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

static int champion_of_then(const struct call *call, const struct gate *gate, struct model_ref *ret, struct err *err)
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

int call_compared_model(const struct call *call, const char *uri, struct model_ref *ret, struct err *err)
{
    struct replayed replayed;
    if (find_replayed(call, &replayed, err) < 0) {
        return -1;
    }
    return compares_as_then(&replayed, uri) && strcmp(replayed.gate.step, step_id(call)) == 0
               ? champion_of_then(call, &replayed.gate, ret, err)
               : model_resolve(call->engine, uri, call->arena, ret, err);
}

/* ---- what a replay must agree with ------------------------------------------------------------------------------- */

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

static struct json replay_record(const struct call *call, const struct replayed *replayed, bool other_data)
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

/* ---- the record -------------------------------------------------------------------------------------------------- */

/* "wine/3": the version that the gate compared with; NULL for none. */
static int compared_with(const struct call *call, const struct replayed *replayed, const char **ret_champion,
                         struct err *err)
{
    const struct json *champion = json_get(call->params, "champion");
    const char *uri = champion == NULL ? NULL : json_get_text(champion, "model", NULL);
    struct model_ref ref;
    struct err wrong = {0};
    *ret_champion = NULL;
    if (uri == NULL || !json_get_bool(champion, "found", false)) {
        return 0;
    }
    if (compares_as_then(replayed, uri)) {
        *ret_champion = replayed->gate.champion;
        return 0;
    }
    int found = model_resolve(call->engine, uri, call->arena, &ref, &wrong);
    if (found < 0 && store_has_failed(&wrong)) {
        *err = wrong;
        return -1;
    }
    if (found == 1) {
        *ret_champion =
            ref.name == NULL ? ref.model_id : arena_printf(call->arena, "%s/%lld", ref.name, (long long)ref.version);
    }
    return 0;
}

static int judged_model(const struct call *call, struct model_ref *ret, struct err *err)
{
    struct err unknown = {0}; /* a gate over data alone judges no model */
    *ret = (struct model_ref){0};
    return call_named_or_upstream_model(call, ret, &unknown) < 0 && unknown.code != ERR_NOT_FOUND
               ? err_set(err, unknown.code, "%s", unknown.message)
               : 0;
}

static struct digest record_digest(const struct json *record)
{
    struct strbuf text;
    strbuf_init(&text, 16 << 20);
    json_write_canonical(&text, record);
    struct digest digest = digest_bytes(strbuf_str(&text));
    strbuf_clear(&text);
    return digest;
}

/* What is recorded of it beside what the step says. */
static int fill_gate(const struct call *call, struct gate *gate, struct err *err)
{
    struct model_ref ref;
    struct replayed replayed;
    if (judged_model(call, &ref, err) < 0 || find_replayed(call, &replayed, err) < 0 ||
        compared_with(call, &replayed, &gate->champion, err) < 0) {
        return -1;
    }
    gate->model_id = ref.model_id;
    gate->record = *call->params;
    gate->version = ref.name == NULL || ref.model_id == NULL
                        ? NULL
                        : arena_printf(call->arena, "%s/%lld", ref.name, (long long)ref.version);
    if (replayed.context == NULL) {
        return 0;
    }
    if (check_version(call, &replayed, &ref, err) < 0 || check_data(call, &replayed, &gate->other_data, err) < 0 ||
        check_predictions(call, &replayed, &ref, err) < 0) {
        return -1;
    }
    gate->record = replay_record(call, &replayed, gate->other_data);
    gate->replay_of = replayed.gate.id;
    gate->version = json_get_text(replayed.context, "version", NULL);
    return 0;
}

/* "..., as a replay of gate 7 on wine/1" */
static const char *note_words(const struct call *call, const struct gate *gate)
{
    return gate->replay_of == 0 ? gate->refused_by
                                : arena_printf(call->arena, "replay of gate %lld on %s%s%s", (long long)gate->replay_of,
                                               gate->version, *gate->refused_by == '\0' ? "" : ": ", gate->refused_by);
}

int call_gate_record(const struct call *call, struct json *ret, struct err *err)
{
    struct open_run *open = call->attempt->open;
    struct run_item *item = run_item_at(open->run, call->attempt->place);
    bool passed = json_get_bool(call->params, "passed", false);
    struct gate gate = {
        .run_id = open->row.run_id,
        .step = step_id(call),
        .step_run_id = call->attempt->row.step_run_id,
        .passed = passed,
        .refused_by = passed ? "" : json_get_text(call->params, "refused_by", ""),
        .at_ms = engine_now(call->engine),
    };
    int64_t id = 0;
    if (fill_gate(call, &gate, err) < 0) {
        return -1;
    }
    struct digest digest = record_digest(&gate.record);
    gate.evidence_sha256 = digest.hex;
    if (store_gate_add(call->store, &gate, &id, err) < 0 ||
        engine_note(call->engine, call_actor(call), passed ? "gate.passed" : "gate.refused",
                    run_words(call->arena, &open->row), open->row.run_id, "", passed ? "passed" : "refused",
                    note_words(call, &gate), digest.hex, err) < 0) {
        return -1;
    }
    item->gate_passed = passed;
    item->refused_by = passed ? NULL : arena_strdup(open->run->arena, gate.refused_by);
    vec_push(&open->changes.items, call->attempt->place);
    *ret = json_object();
    json_set(call->arena, ret, "gate_id", json_int(id));
    call_set_text(call, ret, "evidence_sha256", digest.hex);
    return 0;
}
