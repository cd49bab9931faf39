/* SPDX-License-Identifier: Apache-2.0
 * What an approval is bound to (docs/approvals.md): the files of the model, the gate records before the step, the
 * values they read, the params and the definition. Later metrics of the model are no part of it.
 */
#include "base/mem.h"
#include "crypto/digest.h"
#include "engine/engine_internal.h"
#include "store/gates.h"
#include "store/runs.h"

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

static int add_gates(struct engine *engine, struct open_run *open, size_t step, struct arena *arena,
                     struct json *manifest, struct err *err)
{
    struct gate *gates = NULL;
    size_t count = 0;
    if (store_gate_list(engine->options.store, open->row.run_id, arena, &gates, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        ptrdiff_t at = pipeline_find_step(open->pipeline, str_from(gates[i].step));
        if (at >= 0 && is_before(open->pipeline, (size_t)at, step)) {
            add(arena, manifest, "gate", gates[i].step, gates[i].evidence_sha256);
        }
    }
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
    if (ref.model_id == NULL ||
        store_artifact_list(engine->options.store, ref.model_id, arena, &files, &count, err) < 0) {
        return ref.model_id == NULL ? 0 : -1;
    }
    for (size_t i = 0; i < count; i++) {
        add(arena, manifest, "file", arena_printf(arena, "%s/%s", ref.model_id, files[i].path), files[i].sha256);
    }
    return 0;
}

int evidence_collect(struct engine *engine, struct open_run *open, size_t step, const char *model_uri,
                     const struct json *extra, struct arena *arena, struct json *ret_manifest, char ret_sha256[65],
                     struct err *err)
{
    struct json manifest = json_array();
    add(arena, &manifest, "definition", open->row.pipeline, open->row.definition);
    add(arena, &manifest, "params", "params", digest_json(&open->run->params).hex);
    if (add_gates(engine, open, step, arena, &manifest, err) < 0 ||
        (model_uri != NULL && add_model(engine, model_uri, arena, &manifest, err) < 0)) {
        return -1;
    }
    if (extra != NULL && extra->type != JSON_NULL) {
        add(arena, &manifest, "evidence", "evidence", digest_json(extra).hex);
    }
    memcpy(ret_sha256, digest_json(&manifest).hex, 65);
    *ret_manifest = manifest;
    return 0;
}
