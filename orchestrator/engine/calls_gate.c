/* SPDX-License-Identifier: Apache-2.0
 * The question by which a step records a verdict, in its own run or in a replay of its gate (replay.h), and whom rules
 * compare with.
 */
#include "digest/digest.h"
#include "engine/replay_gate.h"

int call_compared_model(const struct call *call, const char *uri, struct model_ref *ret, struct err *err)
{
    struct replayed replayed;
    if (replayed_find(call, &replayed, err) < 0) {
        return -1;
    }
    return replayed_compares_as_then(call, &replayed, uri)
               ? replayed_champion(call, &replayed.gate, ret, err)
               : model_resolve(call->engine, uri, call->arena, ret, err);
}

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
    if (replayed_compares_as_then(call, replayed, uri)) {
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

/* Of the files that were judged. */
static int note_files(const struct call *call, struct gate *gate, struct err *err)
{
    struct artifact *files = NULL;
    size_t count = 0;
    if (gate->model_id == NULL) {
        return 0;
    }
    if (store_artifact_list(call->store, gate->model_id, call->arena, &files, &count, err) < 0) {
        return -1;
    }
    gate->files_sha256 = artifacts_sha256(files, count, call->arena);
    return 0;
}

/* What is recorded of it beside what the step says. */
static int fill_gate(const struct call *call, struct gate *gate, struct err *err)
{
    struct model_ref ref;
    struct replayed replayed;
    if (judged_model(call, &ref, err) < 0 || replayed_find(call, &replayed, err) < 0 ||
        compared_with(call, &replayed, &gate->champion, err) < 0) {
        return -1;
    }
    gate->model_id = ref.model_id;
    gate->record = *call->params;
    gate->version = ref.name == NULL || ref.model_id == NULL
                        ? NULL
                        : arena_printf(call->arena, "%s/%lld", ref.name, (long long)ref.version);
    if (note_files(call, gate, err) < 0) {
        return -1;
    }
    if (replayed.context == NULL) {
        return 0;
    }
    if (replayed_check(call, &replayed, &ref, &gate->other_data, err) < 0) {
        return -1;
    }
    gate->record = replayed_record(call, &replayed, gate->other_data);
    gate->replay_of = replayed.gate.id;
    gate->version = json_get_text(replayed.context, "version", NULL);
    return 0;
}

/* "replay of gate 7 on wine/1: rmse 0.9 is above 0.5" */
static const char *note_words(const struct call *call, const struct gate *gate, const char *refused_by)
{
    return gate->replay_of == 0 ? refused_by
                                : arena_printf(call->arena, "replay of gate %lld on %s%s%s", (long long)gate->replay_of,
                                               gate->version, *refused_by == '\0' ? "" : ": ", refused_by);
}

int call_gate_record(const struct call *call, struct json *ret, struct err *err)
{
    struct open_run *open = call->attempt->open;
    struct run_item *item = run_item_at(open->run, call->attempt->place);
    bool passed = json_get_bool(call->params, "passed", false);
    const char *refused_by = json_get_text(call->params, "refused_by", "");
    struct gate gate = {
        .run_id = open->row.run_id,
        .step = arena_str(call->arena, run_step_at(open->run, call->attempt->place)->id).p,
        .step_run_id = call->attempt->row.step_run_id,
        .passed = passed,
        .refused_by = passed ? "" : refused_by,
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
                    note_words(call, &gate, refused_by), digest.hex, err) < 0) {
        return -1;
    }
    item->gate_passed = passed;
    item->refused_by = passed ? NULL : arena_strdup(open->run->arena, refused_by);
    vec_push(&open->changes.items, call->attempt->place);
    *ret = json_object();
    json_set(call->arena, ret, "gate_id", json_int(id));
    call_set_text(call, ret, "evidence_sha256", digest.hex);
    return 0;
}
