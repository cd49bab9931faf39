/* SPDX-License-Identifier: Apache-2.0
 * What an approval is bound to (docs/approvals.md): the files of the model, the gate records before the step, the
 * values they read, the params and the definition. Later metrics of the model are no part of it.
 */
#include "base/mem.h"
#include "digest/digest.h"
#include "engine/engine_internal.h"
#include "store/gates.h"
#include "store/published.h"
#include "store/registry.h"
#include "store/runs.h"
#include "store/waits.h"

#include <stdlib.h>

static void add(struct arena *arena, struct json *manifest, const char *kind, const char *id, const char *sha256)
{
    struct json item = json_object();
    json_set(arena, &item, "kind", json_cstring(arena, kind));
    json_set(arena, &item, "id", json_cstring(arena, id));
    json_set(arena, &item, "sha256", json_cstring(arena, sha256));
    json_push(arena, manifest, item);
}

static struct digest digest_json(const struct json *value)
{
    struct strbuf text;
    strbuf_init(&text, 64 << 20);
    json_write_canonical(&text, value);
    struct digest digest = digest_bytes(strbuf_str(&text));
    strbuf_clear(&text);
    return digest;
}

/* Is `ancestor` before `step` by any chain of needs? */
static bool is_before(const struct pipeline *pipeline, size_t ancestor, size_t step)
{
    bool *seen = mem_array(pipeline->step_count, sizeof *seen);
    struct {
        VEC_OF(size_t)
    } todo = {0};
    vec_push(&todo, step);
    bool found = false;
    while (todo.count > 0 && !found) {
        const struct step *at = &pipeline->steps[todo.items[--todo.count]];
        for (size_t n = 0; n < at->need_count; n++) {
            size_t need = at->needs[n].step;
            found = found || need == ancestor;
            if (!seen[need]) {
                seen[need] = true;
                vec_push(&todo, need);
            }
        }
    }
    vec_clear(&todo);
    free(seen);
    return found;
}

/* Is the record's attempt one whose result was carried into the open run? */
static bool is_carried(const struct open_run *open, size_t step, const struct gate *gate)
{
    const struct run_step *state = &open->run->steps[step];
    for (size_t i = 0; i < state->item_count; i++) {
        const struct run_item *item = &state->items[i];
        if (item->carried_from != NULL && item->step_run_id != NULL && gate->step_run_id != NULL &&
            strcmp(item->step_run_id, gate->step_run_id) == 0) {
            return true;
        }
    }
    return false;
}

/* The gates before `step` of the approval's run, and those that a retry carried into it from runs before it. */
static int add_gates(struct engine *engine, const struct evidence_of *of, struct arena *arena, struct json *manifest,
                     struct err *err)
{
    struct store *store = engine->options.store;
    const struct open_run *open = of->open;
    for (const char *run_id = of->run_id; run_id != NULL;) {
        struct pipeline_run row;
        struct gate *gates = NULL;
        size_t count = 0;
        if (store_pipeline_run_get(store, run_id, arena, &row, err) < 0 ||
            store_gate_list(store, run_id, arena, &gates, &count, err) < 0) {
            return -1;
        }
        for (size_t i = 0; i < count; i++) {
            ptrdiff_t at = pipeline_find_step(open->pipeline, str_from(gates[i].step));
            if (at >= 0 && is_before(open->pipeline, (size_t)at, of->step) &&
                (run_id == of->run_id || is_carried(open, (size_t)at, &gates[i]))) {
                add(arena, manifest, "gate", gates[i].step, gates[i].evidence_sha256);
            }
        }
        run_id = row.retry_of;
    }
    return 0;
}

/* A version of no logged model has no files that are known: that it is this one, made from there, is what can be
 * reviewed. */
static int add_version(struct engine *engine, const struct model_ref *ref, struct arena *arena, struct json *manifest,
                       struct err *err)
{
    struct model_version version;
    struct json row = json_object();
    if (store_version_get(engine->options.store, ref->name, ref->version, arena, &version, err) < 0) {
        return -1;
    }
    json_set(arena, &row, "source", json_cstring(arena, version.source));
    json_set(arena, &row, "storage_location", json_cstring(arena, version.storage_location));
    json_set(arena, &row, "created_ms", json_int(version.created_ms));
    add(arena, manifest, "version", arena_printf(arena, "%s/%lld", ref->name, (long long)ref->version),
        digest_json(&row).hex);
    return 0;
}

static int add_model(struct engine *engine, const char *uri, struct arena *arena, struct json *manifest,
                     struct err *err)
{
    struct model_ref ref;
    struct artifact *files = NULL;
    size_t count = 0;
    int found = model_resolve(engine, uri, arena, &ref, err);
    if (found <= 0) {
        return found < 0 ? -1 : err_set(err, ERR_NOT_FOUND, "there is no model '%s'", uri);
    }
    if (ref.model_id == NULL) {
        return add_version(engine, &ref, arena, manifest, err);
    }
    if (store_artifact_list(engine->options.store, ref.model_id, arena, &files, &count, err) < 0) {
        return -1;
    }
    /* The digests below are those that were recorded, so the files must still have them. */
    if (store_published_verify(engine->options.store, ref.model_id, ref.path, arena, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        add(arena, manifest, "file", arena_printf(arena, "%s/%s", ref.model_id, files[i].path), files[i].sha256);
    }
    return 0;
}

int evidence_find(struct engine *engine, struct open_run *open, const char *sha256, struct arena *arena,
                  struct evidence_of *ret, struct err *err)
{
    struct store *store = engine->options.store;
    for (const char *run_id = open->row.run_id; run_id != NULL;) {
        struct pipeline_run row;
        struct wait_row *waits = NULL;
        size_t count = 0;
        if (store_pipeline_run_get(store, run_id, arena, &row, err) < 0 ||
            store_wait_list(store, run_id, true, arena, &waits, &count, err) < 0) {
            return -1;
        }
        for (size_t i = 0; i < count; i++) {
            struct json spec;
            if (strcmp(waits[i].kind, "approval") == 0 && strcmp(waits[i].status, "met") == 0 &&
                json_read(str_from(waits[i].spec), (struct json_limits){0}, arena, &spec, NULL) == 0 &&
                strcmp(json_get_text(&spec, "sha256", ""), sha256) == 0) {
                *ret = (struct evidence_of){.open = open, .run_id = run_id, .step = (size_t)waits[i].position};
                return 0;
            }
        }
        run_id = row.retry_of;
    }
    return err_set(err, ERR_NOT_FOUND, "no approval of this run has the digest %.12s", sha256);
}

int evidence_collect(struct engine *engine, const struct evidence_of *of, struct arena *arena,
                     struct json *ret_manifest, char ret_sha256[65], struct err *err)
{
    struct json manifest = json_array();
    add(arena, &manifest, "definition", of->open->row.pipeline, of->open->row.definition);
    add(arena, &manifest, "params", "params", digest_json(&of->open->run->params).hex);
    if (add_gates(engine, of, arena, &manifest, err) < 0 ||
        (of->model_uri != NULL && add_model(engine, of->model_uri, arena, &manifest, err) < 0)) {
        return -1;
    }
    if (of->extra != NULL && of->extra->type != JSON_NULL) {
        add(arena, &manifest, "evidence", "evidence", digest_json(of->extra).hex);
    }
    memcpy(ret_sha256, digest_json(&manifest).hex, 65);
    *ret_manifest = manifest;
    return 0;
}
