/* SPDX-License-Identifier: Apache-2.0 */
#include "evidence/evidence.h"
#include "base/fs.h"
#include "base/parse.h"
#include "base/path.h"
#include "digest/digest.h"
#include "evidence/evidence_extract.h"
#include "store/activity.h"
#include "store/delegations.h"
#include "store/gates.h"
#include "store/models.h"
#include "store/pipeline_runs.h"
#include "store/registry.h"
#include "store/runs.h"
#include "store/waits.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* The version, while its records are gathered. */
struct gathering {
    struct store *store;
    struct arena *arena;
    struct evidence *evidence;
    const char *name;
    int64_t number;
    struct model_version version;
    struct json objects; /* {object id: true}: whose entries of the activity log belong to it */
};

/* ---- writing values --------------------------------------------------------------------------------------------- */

static void put_text(const struct gathering *g, struct json *object, const char *key, const char *text)
{
    json_set(g->arena, object, key, text == NULL ? json_null() : json_cstring(g->arena, text));
}

static void put_time(const struct gathering *g, struct json *object, const char *key, int64_t ms)
{
    char text[40];
    format_time(text, sizeof text, ms);
    json_set(g->arena, object, key, ms == 0 ? json_null() : json_cstring(g->arena, text));
}

static struct json parsed(const struct gathering *g, const char *text)
{
    struct json value = json_null();
    if (text != NULL) {
        (void)json_read(str_from(text), (struct json_limits){0}, g->arena, &value, NULL);
    }
    return value;
}

static void about(struct gathering *g, const char *object_id)
{
    if (object_id != NULL && *object_id != '\0') {
        json_set(g->arena, &g->objects, object_id, json_bool(true));
    }
}

static void add_text(struct gathering *g, const char *name, struct str text)
{
    g->evidence->files[g->evidence->count++] = (struct evidence_file){name, text};
}

static void add_json(struct gathering *g, const char *name, const struct json *value)
{
    struct strbuf text;
    strbuf_init(&text, EVIDENCE_FILE_BYTES);
    json_write_pretty(&text, value);
    strbuf_add_text(&text, "\n");
    add_text(g, name, arena_str(g->arena, strbuf_str(&text)));
    strbuf_clear(&text);
}

/* ---- the model -------------------------------------------------------------------------------------------------- */

static int gather_files(struct gathering *g, struct json *ret, struct err *err)
{
    struct artifact *files = NULL;
    size_t count = 0;
    *ret = json_array();
    if (g->version.model_id != NULL &&
        store_artifact_list(g->store, g->version.model_id, g->arena, &files, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        struct json file = json_object();
        put_text(g, &file, "path", files[i].path);
        put_text(g, &file, "sha256", files[i].sha256);
        json_set(g->arena, &file, "size_bytes", json_int(files[i].size_bytes));
        json_push(g->arena, ret, file);
    }
    return 0;
}

static int gather_logged(struct gathering *g, struct json *object, const char **ret_run_id, struct err *err)
{
    struct logged_model model;
    struct json params;
    struct json tags;
    *ret_run_id = g->version.run_id;
    if (g->version.model_id == NULL) {
        return 0;
    }
    if (store_model_get_any(g->store, g->version.model_id, g->arena, &model, err) < 0 ||
        store_model_params(g->store, model.model_id, g->arena, &params, err) < 0 ||
        store_model_tags(g->store, model.model_id, g->arena, &tags, err) < 0) {
        return -1;
    }
    put_text(g, object, "files_sha256", model.sha256);
    json_set(g->arena, object, "size_bytes", json_int(model.size_bytes));
    json_set(g->arena, object, "model_params", params);
    json_set(g->arena, object, "model_tags", tags);
    *ret_run_id = model.source_run_id != NULL ? model.source_run_id : *ret_run_id;
    return 0;
}

static int gather_version(struct gathering *g, const char **ret_run_id, struct err *err)
{
    struct json object = json_object();
    struct json tags;
    struct json files;
    const char **aliases = NULL;
    size_t count = 0;
    const struct model_version *v = &g->version;
    put_text(g, &object, "model", v->name);
    json_set(g->arena, &object, "version", json_int(v->version));
    put_text(g, &object, "model_id", v->model_id);
    put_text(g, &object, "source", v->source);
    put_text(g, &object, "run_id", v->run_id);
    put_text(g, &object, "created_by", v->user);
    put_time(g, &object, "created_at", v->created_ms);
    put_text(g, &object, "description", v->description);
    put_text(g, &object, "stage", v->stage);
    if (store_version_tags(g->store, v->name, v->version, g->arena, &tags, err) < 0 ||
        store_version_aliases(g->store, v->name, v->version, g->arena, &aliases, &count, err) < 0 ||
        gather_files(g, &files, err) < 0 || gather_logged(g, &object, ret_run_id, err) < 0) {
        return -1;
    }
    struct json list = json_array();
    for (size_t i = 0; i < count; i++) {
        json_push(g->arena, &list, json_cstring(g->arena, aliases[i]));
    }
    json_set(g->arena, &object, "aliases", list);
    json_set(g->arena, &object, "tags", tags);
    json_set(g->arena, &object, "files", files);
    add_json(g, "version.json", &object);
    return 0;
}

/* ---- how it was made -------------------------------------------------------------------------------------------- */

static int gather_pipeline(struct gathering *g, const char *run_id, struct json *object, struct err *err)
{
    struct pipeline_run run;
    struct str definition = {0};
    struct err none = {0};
    if (run_id == NULL || store_pipeline_run_get(g->store, run_id, g->arena, &run, &none) < 0) {
        return store_has_failed(&none) ? err_set(err, none.code, "%s", none.message) : 0;
    }
    char label[32];
    struct json pipeline = json_object();
    struct json contexts = parsed(g, run.contexts);
    const struct json *git = json_get(&contexts, "git");
    pipeline_run_label(&run, label);
    put_text(g, &pipeline, "run_id", run.run_id);
    put_text(g, &pipeline, "pipeline", run.pipeline);
    put_text(g, &pipeline, "number", label);
    put_text(g, &pipeline, "started_by", run.actor);
    put_text(g, &pipeline, "trigger", run.trigger);
    put_text(g, &pipeline, "verdict", verdict_name(run.verdict));
    put_text(g, &pipeline, "definition_sha256", run.definition);
    put_text(g, &pipeline, "file", run.file);
    json_set(g->arena, &pipeline, "git", git == NULL ? json_null() : *git);
    json_set(g->arena, &pipeline, "params", parsed(g, run.params));
    put_time(g, &pipeline, "started_at", run.started_ms);
    put_time(g, &pipeline, "ended_at", run.ended_ms);
    json_set(g->arena, object, "pipeline_run", pipeline);
    about(g, run.run_id);
    if (store_definition_get(g->store, run.definition, g->arena, &definition, err) < 0) {
        return -1;
    }
    add_text(g, "pipeline.yaml", definition);
    return 0;
}

static int gather_run(struct gathering *g, const char *run_id, struct err *err)
{
    struct json object = json_object();
    struct run_info run;
    struct json params;
    struct json tags;
    struct dataset_use *datasets = NULL;
    size_t count = 0;
    if (run_id == NULL) {
        add_json(g, "run.json", &object);
        return 0;
    }
    if (store_run_get(g->store, run_id, g->arena, &run, err) < 0 ||
        store_run_params(g->store, run_id, g->arena, &params, err) < 0 ||
        store_run_tags(g->store, run_id, g->arena, &tags, err) < 0 ||
        store_run_datasets(g->store, run_id, g->arena, &datasets, &count, err) < 0) {
        return -1;
    }
    put_text(g, &object, "run_id", run.run_id);
    put_text(g, &object, "name", run.name);
    put_text(g, &object, "user", run.user);
    put_time(g, &object, "started_at", run.start_ms);
    put_time(g, &object, "ended_at", run.end_ms);
    json_set(g->arena, &object, "params", params);
    json_set(g->arena, &object, "tags", tags);
    struct json used = json_array();
    for (size_t i = 0; i < count; i++) {
        struct json one = json_object();
        put_text(g, &one, "name", datasets[i].name);
        put_text(g, &one, "digest", datasets[i].digest);
        put_text(g, &one, "sha256", datasets[i].sha256);
        put_text(g, &one, "source", datasets[i].source);
        put_text(g, &one, "context", datasets[i].context);
        json_push(g->arena, &used, one);
    }
    json_set(g->arena, &object, "datasets", used);
    if (gather_pipeline(g, run.parent_run_id, &object, err) < 0) {
        return -1;
    }
    add_json(g, "run.json", &object);
    return 0;
}

/* ---- what was decided --------------------------------------------------------------------------------------- */

static int gather_gates(struct gathering *g, struct err *err)
{
    struct json list = json_array();
    struct gate *gates = NULL;
    size_t count = 0;
    if (g->version.model_id != NULL &&
        store_gate_list_of(g->store, g->version.model_id, g->arena, &gates, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        struct json one = json_object();
        json_set(g->arena, &one, "gate", json_int(gates[i].id));
        put_text(g, &one, "run_id", gates[i].run_id);
        put_text(g, &one, "step", gates[i].step);
        json_set(g->arena, &one, "passed", json_bool(gates[i].passed));
        put_text(g, &one, "refused_by", gates[i].refused_by);
        put_text(g, &one, "champion", gates[i].champion);
        put_text(g, &one, "version", gates[i].version);
        json_set(g->arena, &one, "replay_of", gates[i].replay_of == 0 ? json_null() : json_int(gates[i].replay_of));
        put_text(g, &one, "evidence_sha256", gates[i].evidence_sha256);
        put_time(g, &one, "at", gates[i].at_ms);
        json_set(g->arena, &one, "record", gates[i].record);
        json_push(g->arena, &list, one);
        about(g, gates[i].run_id);
    }
    add_json(g, "gates.json", &list);
    return 0;
}

static int gather_votes(struct gathering *g, int64_t wait, struct json *ret, struct err *err)
{
    struct vote *votes = NULL;
    size_t count = 0;
    *ret = json_array();
    if (store_vote_list(g->store, wait, g->arena, &votes, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        struct json one = json_object();
        put_text(g, &one, "actor", votes[i].actor);
        put_text(g, &one, "login", votes[i].login);
        put_text(g, &one, "on_behalf_of", votes[i].on_behalf_of);
        json_set(g->arena, &one, "groups", parsed(g, votes[i].groups));
        put_text(g, &one, "decision", votes[i].decision);
        put_text(g, &one, "reason", votes[i].reason);
        put_time(g, &one, "at", votes[i].at_ms);
        json_push(g->arena, ret, one);
    }
    return 0;
}

static int gather_approvals(struct gathering *g, struct err *err)
{
    struct json list = json_array();
    struct wait_row *waits = NULL;
    size_t count = 0;
    if (g->version.model_id != NULL &&
        store_wait_list_of(g->store, g->version.model_id, g->arena, &waits, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        struct json one = json_object();
        struct json votes;
        if (gather_votes(g, waits[i].id, &votes, err) < 0) {
            return -1;
        }
        put_text(g, &one, "run_id", waits[i].run_id);
        put_text(g, &one, "status", waits[i].status);
        put_time(g, &one, "asked_at", waits[i].created_ms);
        put_time(g, &one, "ended_at", waits[i].ended_ms);
        put_time(g, &one, "expires_at", waits[i].expires_ms);
        json_set(g->arena, &one, "request", parsed(g, waits[i].spec));
        json_set(g->arena, &one, "outcome", parsed(g, waits[i].outcome));
        json_set(g->arena, &one, "votes", votes);
        json_push(g->arena, &list, one);
        about(g, waits[i].run_id);
    }
    add_json(g, "approvals.json", &list);
    return 0;
}

/* ---- where it was ------------------------------------------------------------------------------------------- */

static int gather_moves(struct gathering *g, struct json *ret, struct err *err)
{
    struct alias_move *moves = NULL;
    size_t count = 0;
    *ret = json_array();
    if (store_alias_moves(g->store, g->name, 0, g->arena, &moves, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        const struct alias_move *m = &moves[i];
        if (m->from_version != g->number && m->to_version != g->number) {
            continue;
        }
        struct json one = json_object();
        put_text(g, &one, "kind", m->kind);
        put_text(g, &one, "alias", m->alias);
        json_set(g->arena, &one, "from", m->from_version == 0 ? json_null() : json_int(m->from_version));
        json_set(g->arena, &one, "to", m->to_version == 0 ? json_null() : json_int(m->to_version));
        put_text(g, &one, "model_id", m->model_id);
        put_time(g, &one, "at", m->at_ms);
        put_text(g, &one, "actor", m->actor);
        put_text(g, &one, "door", m->door);
        put_text(g, &one, "reason", m->reason);
        put_text(g, &one, "run_id", m->run_id);
        put_text(g, &one, "standing", m->standing);
        json_set(g->arena, &one, "approvals", m->approvals);
        put_text(g, &one, "evidence_sha256", m->evidence_sha256);
        json_push(g->arena, ret, one);
        about(g, m->run_id);
    }
    return 0;
}

static int gather_deployments(struct gathering *g, struct json *ret, struct err *err)
{
    struct deployment_row *rows = NULL;
    size_t count = 0;
    *ret = json_array();
    if (store_deployments(g->store, g->name, 0, g->arena, &rows, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        if (rows[i].version != g->number) {
            continue;
        }
        struct json one = json_object();
        put_text(g, &one, "target", rows[i].target);
        put_text(g, &one, "state", rows[i].state);
        json_set(g->arena, &one, "stage", rows[i].stage == 0 ? json_null() : json_int(rows[i].stage));
        put_text(g, &one, "model_id", rows[i].model_id);
        put_text(g, &one, "from", rows[i].from_model);
        put_text(g, &one, "to", rows[i].to_model);
        put_text(g, &one, "files_sha256", rows[i].sha256);
        put_time(g, &one, "at", rows[i].at_ms);
        put_text(g, &one, "actor", rows[i].actor);
        put_text(g, &one, "run_id", rows[i].run_id);
        put_text(g, &one, "reason", rows[i].reason);
        json_push(g->arena, ret, one);
        about(g, rows[i].run_id);
    }
    return 0;
}

static int gather_comments(struct gathering *g, struct json *ret, struct err *err)
{
    struct comment *comments = NULL;
    size_t count = 0;
    *ret = json_array();
    if (store_comment_list(g->store, g->name, g->number, g->arena, &comments, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        struct json one = json_object();
        put_text(g, &one, "actor", comments[i].actor);
        put_text(g, &one, "text", comments[i].text);
        put_time(g, &one, "at", comments[i].at_ms);
        json_push(g->arena, ret, one);
    }
    return 0;
}

static int gather_history(struct gathering *g, struct err *err)
{
    struct json object = json_object();
    struct json moves;
    struct json deployments;
    struct json comments;
    if (gather_moves(g, &moves, err) < 0 || gather_deployments(g, &deployments, err) < 0 ||
        gather_comments(g, &comments, err) < 0) {
        return -1;
    }
    json_set(g->arena, &object, "moves", moves);
    json_set(g->arena, &object, "deployments", deployments);
    json_set(g->arena, &object, "comments", comments);
    add_json(g, "history.json", &object);
    return 0;
}

/* Of the model, its files, its runs and the configuration. */
static int gather_activity(struct gathering *g, struct err *err)
{
    struct str text;
    about(g, g->name);
    about(g, g->version.model_id);
    about(g, "config.yaml");
    if (evidence_extract(g->store, &g->objects, g->arena, &text, &g->evidence->head, err) < 0) {
        return -1;
    }
    add_text(g, EVIDENCE_ACTIVITY, text);
    return 0;
}

/* ---- all of it ---------------------------------------------------------------------------------------------- */

static void add_readme(struct gathering *g)
{
    add_text(g, "README.md", str_from(arena_printf(
        g->arena,
        "# Evidence of model %s, version %lld\n\n"
        "| file | what it says |\n|---|---|\n"
        "| `version.json` | the version, its logged model, and the SHA-256 of each of its files |\n"
        "| `run.json` | the run that made it: params, datasets with their digests; the run of the pipeline, its "
        "commit |\n"
        "| `pipeline.yaml` | the definition that this run had (where a pipeline made it) |\n"
        "| `gates.json` | each verdict of a gate on it, with every rule and number |\n"
        "| `approvals.json` | each request, what it was bound to, who said what, when and why |\n"
        "| `history.json` | which aliases and stages pointed to it, where it was deployed, what people said of it |\n"
        "| `activity.jsonl` | the entries of the activity log about all of this, each with the chain before it |\n"
        "| `manifest.json` | the SHA-256 of all these files, and the head of the activity log then |\n"
        "| `manifest.sha256`, `manifest.hmac` | the SHA-256 of the manifest, and its HMAC under the home's key |\n\n"
        "`sluice evidence verify FOLDER` checks it, without the home. Without the home's key it proves only that the "
        "files "
        "are those of\nthe manifest: whoever can write all of them can write another manifest. With `--key FILE` (the "
        "home's `key`) it proves that\nthe manifest and each entry of the log were written by who has that key, and "
        "so by "
        "the home. With `--head`, a head of the\nactivity log that was noted elsewhere when it was the last one, it "
        "proves "
        "that the entry of that number is the one that was there.\n"
        "Entries of others are left out: that none of this model is missing is proved by the home's own `sluice "
        "activity "
        "verify`.\n",
        g->name, (long long)g->number)));
}

static struct str manifest_of(struct gathering *g, int64_t now_ms)
{
    struct json object = json_object();
    struct json files = json_object();
    json_set(g->arena, &object, "sluice_evidence", json_int(EVIDENCE_FORMAT));
    put_text(g, &object, "model", g->name);
    json_set(g->arena, &object, "version", json_int(g->number));
    put_text(g, &object, "model_id", g->version.model_id);
    put_time(g, &object, "written_at", now_ms);
    put_text(g, &object, "head", g->evidence->head);
    for (size_t i = 0; i < g->evidence->count; i++) {
        struct json file = json_object();
        put_text(g, &file, "sha256", digest_bytes(g->evidence->files[i].text).hex);
        json_set(g->arena, &file, "size_bytes", json_int((int64_t)g->evidence->files[i].text.n));
        json_set(g->arena, &files, g->evidence->files[i].name, file);
    }
    json_set(g->arena, &object, "files", files);
    struct strbuf text;
    strbuf_init(&text, 1 << 20);
    json_write_pretty(&text, &object);
    strbuf_add_text(&text, "\n");
    struct str manifest = arena_str(g->arena, strbuf_str(&text));
    strbuf_clear(&text);
    return manifest;
}

static int add_manifest(struct gathering *g, int64_t now_ms, struct err *err)
{
    struct digest hmac;
    struct str manifest = manifest_of(g, now_ms);
    if (store_key_hmac(g->store, manifest, &hmac, err) < 0) {
        return -1;
    }
    memcpy(g->evidence->sha256, digest_bytes(manifest).hex, sizeof g->evidence->sha256);
    add_text(g, EVIDENCE_SHA256, str_from(arena_printf(g->arena, "%s\n", g->evidence->sha256)));
    add_text(g, EVIDENCE_HMAC, str_from(arena_printf(g->arena, "%s\n", hmac.hex)));
    add_text(g, EVIDENCE_MANIFEST, manifest);
    return 0;
}

static int gather(struct gathering *g, struct err *err)
{
    const char *run_id = NULL;
    return store_version_get(g->store, g->name, g->number, g->arena, &g->version, err) < 0 ||
                   gather_version(g, &run_id, err) < 0 || gather_run(g, run_id, err) < 0 || gather_gates(g, err) < 0 ||
                   gather_approvals(g, err) < 0 || gather_history(g, err) < 0 || gather_activity(g, err) < 0
               ? -1
               : 0;
}

int evidence_gather(struct store *store, const char *name, int64_t version, int64_t now_ms, struct arena *arena,
                    struct evidence *ret, struct err *err)
{
    struct gathering g = {.store = store,
                          .arena = arena,
                          .evidence = ret,
                          .name = name,
                          .number = version,
                          .objects = json_object()};
    *ret = (struct evidence){.head = "0:"};
    if (store_read_begin(store, err) < 0) { /* so that all of it is of one moment */
        return -1;
    }
    int result = gather(&g, err);
    store_read_end(store);
    if (result < 0) {
        return -1;
    }
    add_readme(&g);
    return add_manifest(&g, now_ms, err);
}

/* ---- the folder ------------------------------------------------------------------------------------------------- */

static int need_empty(const char *folder, struct arena *arena, struct err *err)
{
    struct fs_list list;
    struct stat status;
    if (lstat(folder, &status) < 0) {
        return errno == ENOENT ? fs_make_folders(folder, 0755, err) : err_errno(err, "looking at '%s'", folder);
    }
    if (!S_ISDIR(status.st_mode)) {
        return err_set(err, ERR_EXISTS, "'%s' is no folder: expected one that is empty, or none", folder);
    }
    if (fs_walk(folder, 1, arena, &list, err) < 0 || list.count > 0) {
        err_clear(err);
        return err_set(err, ERR_EXISTS, "'%s' is not empty: evidence is written into a folder of its own", folder);
    }
    return 0;
}

int evidence_write(const struct evidence *evidence, const char *folder, struct arena *arena, struct err *err)
{
    if (need_empty(folder, arena, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < evidence->count; i++) {
        if (fs_write(path_join(arena, folder, evidence->files[i].name), evidence->files[i].text, 0644, true, err) < 0) {
            return -1;
        }
    }
    return 0;
}

int evidence_note(struct store *store, const char *name, int64_t version, const char *sha256, const char *actor,
                  int64_t now_ms, struct err *err)
{
    struct arena *arena = arena_new();
    const struct activity entry = {
        .at_ms = now_ms,
        .actor = actor,
        .action = "evidence.written",
        .object = arena_printf(arena, "model %s/%lld", name, (long long)version),
        .object_id = name,
        .from_state = "",
        .to_state = "",
        .reason = "",
        .evidence_sha256 = sha256,
    };
    int result = store_activity_append(store, &entry, err);
    arena_free(arena);
    return result;
}
