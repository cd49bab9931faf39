/* SPDX-License-Identifier: Apache-2.0 */
#include "store/guards.h"

#include "run/approval.h"

#include "store/alias_moves.h"
#include "store/artifact_uri.h"
#include "store/model_makers.h"
#include "store/models.h"
#include "store/published.h"
#include "store/registry.h"
#include "store/runs.h"
#include "store/store_internal.h"

void store_guards_expect(struct store *store)
{
    store->guards.expected = true;
}

void store_guards_set(struct store *store, const struct json *list, const struct json *groups, bool single_user,
                      const char *owner)
{
    struct store_guards *guards = &store->guards;
    if (guards->arena != NULL) {
        arena_free(guards->arena);
    }
    guards->arena = arena_new();
    guards->list = json_copy(guards->arena, list);
    guards->groups = json_copy(guards->arena, groups);
    guards->count = guard_list_read(&guards->list, guards->arena, &guards->items);
    guards->single_user = single_user;
    guards->owner = owner == NULL ? NULL : arena_strdup(guards->arena, owner);
    guards->expected = false;
}

int store_single_user(struct store *store, bool single_user, bool *ret, struct err *err)
{
    *ret = false;
    if (!single_user) {
        return 0;
    }
    struct stmt *s = stmt_get(store, "SELECT 1 FROM users WHERE name IS NOT :owner LIMIT 1");
    stmt_text(s, ":owner", store->guards.owner);
    int row = stmt_step(s, err);
    stmt_done(s);
    *ret = row == 0;
    return row < 0 ? -1 : 0;
}

struct json store_groups_of(const struct store *store, const char *actor, struct arena *arena)
{
    return approval_groups_of(&store->guards.groups, actor, arena);
}

const char *guard_place(struct arena *arena, const char *model, const char *name)
{
    return arena_printf(arena, "%s@%s", model, name);
}

/* ---- facts -------------------------------------------------------------------------------------------------- */

/* What is asked about, while it is looked up. */
struct lookup {
    struct store *store;
    struct arena *arena;
    const struct guard_question *question;
    struct guard_facts facts;
    struct json files; /* of the model: {path: sha256} */
    const char *files_sha256;
    struct guard_answer *answer;
};

/* The digests of the files that a manifest has: {path: sha256}. */
static struct json manifest_files(struct arena *arena, const struct json *manifest)
{
    struct json files = json_object();
    for (size_t i = 0; manifest != NULL && manifest->type == JSON_ARRAY && i < manifest->u.array.count; i++) {
        const struct json *item = &manifest->u.array.items[i];
        if (strcmp(json_get_text(item, "kind", ""), "file") == 0) {
            json_set(arena, &files, json_get_text(item, "id", ""),
                     json_cstring(arena, json_get_text(item, "sha256", "")));
        }
    }
    return files;
}

static int find_files(struct lookup *l, struct err *err)
{
    struct artifact *files = NULL;
    size_t count = 0;
    l->files = json_object();
    if (store_artifact_list(l->store, l->facts.model_id, l->arena, &files, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        json_set(l->arena, &l->files, arena_printf(l->arena, "%s/%s", l->facts.model_id, files[i].path),
                 json_cstring(l->arena, files[i].sha256));
    }
    l->facts.file_count = count;
    l->files_sha256 = artifacts_sha256(files, count, l->arena);
    return 0;
}

/* A client names both a model and where the files of a version are: these must be the model's. */
static int check_place(struct lookup *l, const struct model_version *version, const struct logged_model *model,
                       struct err *err)
{
    struct stmt *s = stmt_get(l->store, "SELECT client_uri(:files), client_uri(:model)");
    stmt_text(s, ":files", version->storage_location);
    stmt_text(s, ":model", model->artifact_uri);
    int row = stmt_step(s, err);
    bool same = row == 1 && (artifact_is_within(version->storage_location, model->artifact_uri) ||
                             artifact_is_within(stmt_column_text(s, 0, l->arena), stmt_column_text(s, 1, l->arena)));
    stmt_done(s);
    if (row == 1 && !same) {
        l->facts.changed = arena_printf(l->arena, "the version's are at '%s', which is not where those of %s are",
                                        version->storage_location, model->model_id);
    }
    return row < 0 ? -1 : 0;
}

/* Are the files still those that were published? Looked at only by who needs it. */
static int find_change(struct lookup *l, const struct model_version *version, struct err *err)
{
    struct logged_model model;
    struct err wrong = {0};
    if (store_model_get_any(l->store, l->facts.model_id, l->arena, &model, &wrong) < 0 || model.deleted) {
        l->facts.changed = "the logged model is gone";
        return store_has_failed(&wrong) ? err_set(err, wrong.code, "%s", wrong.message) : 0;
    }
    if (store_published_verify(l->store, l->facts.model_id, model.artifact_uri, l->arena, &wrong) < 0) {
        if (store_has_failed(&wrong)) {
            return err_set(err, wrong.code, "%s", wrong.message);
        }
        l->facts.changed = arena_strdup(l->arena, wrong.message);
        return 0;
    }
    return version->name == NULL ? 0 : check_place(l, version, &model, err);
}

static struct json parsed(struct lookup *l, const char *text)
{
    struct json value = json_null();
    (void)json_read(str_from(text), (struct json_limits){0}, l->arena, &value, NULL);
    return value;
}

static void note_approval(struct lookup *l, struct stmt *s, const char *sha256)
{
    struct json one = json_object();
    json_set(l->arena, &one, "actor", json_cstring(l->arena, stmt_column_text(s, 2, l->arena)));
    json_set(l->arena, &one, "login", json_cstring(l->arena, stmt_column_text(s, 5, l->arena)));
    if (!stmt_column_is_null(s, 6)) {
        json_set(l->arena, &one, "on_behalf_of", json_cstring(l->arena, stmt_column_text(s, 6, l->arena)));
    }
    json_set(l->arena, &one, "reason", json_cstring(l->arena, stmt_column_text(s, 7, l->arena)));
    json_set(l->arena, &one, "run_id", json_cstring(l->arena, stmt_column_text(s, 0, l->arena)));
    json_set(l->arena, &one, "sha256", json_cstring(l->arena, sha256));
    json_set(l->arena, &one, "at_ms", json_int(stmt_column_int(s, 4)));
    json_push(l->arena, &l->answer->approvals, one);
    l->answer->evidence_sha256 = sha256;
}

/* Is the approval about this: the same files, and the same thing to be done? */
static bool holds(struct lookup *l, const struct json *spec)
{
    const char *removes = json_get_text(spec, "removes", NULL);
    struct json reviewed = manifest_files(l->arena, json_get(spec, "manifest"));
    if (!json_equal(&reviewed, &l->files)) {
        return false;
    }
    if (!l->question->removes) {
        return removes == NULL;
    }
    return removes != NULL && l->question->model != NULL &&
           strcmp(removes, guard_place(l->arena, l->question->model, l->question->names[0])) == 0;
}

/* Everybody's yes in approvals of this model that were given and hold. */
static int find_votes(struct lookup *l, struct err *err)
{
    struct stmt *s = stmt_get(
        l->store, "SELECT w.run_id, w.spec, v.actor, v.groups, v.at_ms, v.login, v.on_behalf_of, v.reason "
                  "FROM waits w JOIN votes v ON v.wait = w.id WHERE w.model_id = :model AND w.kind = 'approval' "
                  "AND w.status = 'met' AND v.decision = 'approve' ORDER BY w.id, v.at_ms");
    struct approval_vote *votes = NULL;
    size_t room = 0;
    int row = 0;
    stmt_text(s, ":model", l->facts.model_id);
    while ((row = stmt_step(s, err)) == 1) {
        struct json spec = parsed(l, stmt_column_text(s, 1, l->arena));
        if (!holds(l, &spec)) {
            continue;
        }
        struct json *groups = arena_array(l->arena, 2, sizeof *groups);
        const char *said_by = stmt_column_text(s, 2, l->arena);
        const char *behalf = stmt_column_text_or_null(s, 6, l->arena);
        groups[0] = parsed(l, stmt_column_text(s, 3, l->arena));
        groups[1] = store_groups_of(l->store, said_by, l->arena);
        votes = arena_grow(l->arena, votes, l->facts.vote_count, &room, sizeof *votes);
        votes[l->facts.vote_count++] = (struct approval_vote){.actor = behalf == NULL ? said_by : behalf,
                                                              .groups = &groups[0],
                                                              .approve = true,
                                                              .speaker = behalf == NULL ? NULL : said_by,
                                                              .speaker_groups = &groups[1]};
        note_approval(l, s, json_get_text(&spec, "sha256", ""));
    }
    stmt_done(s);
    l->facts.votes = votes;
    return row;
}

/* Of each gate, by pipeline, step and item of its matrix, the newest verdict counts: that by the newest rules, if it is
 * about the files that there are now. So a replay counts, but one of an older gate does not make good what a newer one
 * has refused; and none on other data than the gate's. */
static int find_gates(struct lookup *l, struct err *err)
{
    struct stmt *s = stmt_get(l->store, "SELECT g.step, g.passed, g.refused_by, coalesce(r.pipeline, ''), "
                                        "coalesce(g.files_sha256, :files) = :files, "
                                        "(SELECT '[' || a.item || ']' FROM attempts a JOIN steps s ON s.run_id = "
                                        "a.run_id AND s.position = a.position AND s.item = a.item WHERE a.run_id = "
                                        "g.run_id AND a.step_run_id = g.step_run_id AND s.item_key <> '') "
                                        "FROM gates g "
                                        "LEFT JOIN pipeline_runs r ON r.run_id = g.run_id "
                                        "WHERE g.model_id = :model AND g.other_data = 0 "
                                        "ORDER BY coalesce(g.replay_of, g.id) DESC, g.id DESC");
    struct json seen = json_object();
    int row = 0;
    stmt_text(s, ":files", l->files_sha256);
    stmt_text(s, ":model", l->facts.model_id);
    while ((row = stmt_step(s, err)) == 1) {
        const char *item = stmt_column_text_or_null(s, 5, l->arena);
        const char *gate = arena_printf(l->arena, "%s/%s%s", stmt_column_text(s, 3, l->arena),
                                        stmt_column_text(s, 0, l->arena), item == NULL ? "" : item);
        if (json_get(&seen, gate) != NULL) {
            continue;
        }
        json_set(l->arena, &seen, gate, json_bool(true));
        l->facts.gate_count++;
        if (stmt_column_int(s, 4) == 0 && l->facts.red == NULL) {
            l->facts.red = arena_printf(l->arena, "%s judged other files", gate);
        } else if (stmt_column_int(s, 1) == 0 && l->facts.red == NULL) {
            l->facts.red = arena_printf(l->arena, "%s refused: %s", gate, stmt_column_text(s, 2, l->arena));
        }
    }
    stmt_done(s);
    return row;
}

/* By right, and with the files that it has now. */
static int find_past(struct lookup *l, struct err *err)
{
    const struct guard_question *q = l->question;
    const struct alias_move move = {.name = q->model,
                                    .kind = guard_kind_words[q->kind],
                                    .alias = q->names[0],
                                    .to_version = q->version,
                                    .model_id = l->facts.model_id,
                                    .files_sha256 = l->files_sha256};
    return alias_was_there(l->store, &move, &l->facts.was_there, err);
}

static int find_facts(struct lookup *l, struct err *err)
{
    const struct guard_question *q = l->question;
    struct model_version version = {0};
    bool named = q->model != NULL && q->version > 0;
    if (named && store_version_get(l->store, q->model, q->version, l->arena, &version, err) < 0) {
        return -1;
    }
    l->facts.model_id = q->model_id != NULL ? q->model_id : version.model_id;
    l->facts.removes = q->removes;
    l->facts.authors = json_array();
    if (l->facts.model_id == NULL) {
        return 0;
    }
    struct model_makers makers;
    if (store_single_user(l->store, l->store->guards.single_user, &l->facts.waived, err) < 0 ||
        find_files(l, err) < 0 || find_change(l, &version, err) < 0 || find_gates(l, err) < 0 ||
        store_model_makers(l->store, l->facts.model_id, l->arena, &makers, err) < 0 || find_votes(l, err) < 0) {
        return -1;
    }
    l->facts.authors = makers.authors;
    l->facts.branch = makers.branch;
    l->answer->files_sha256 = l->files_sha256;
    return named && q->kind != GUARD_TARGET ? find_past(l, err) : 0;
}

/* ---- deciding --------------------------------------------------------------------------------------------------- */

/* The names under which the model is registered. */
static int find_models(struct store *store, const struct guard_question *q, struct arena *arena,
                       const char *const **ret, size_t *ret_count, struct err *err)
{
    struct model_version *versions = NULL;
    size_t count = 0;
    if (q->model != NULL) {
        const char **one = arena_array(arena, 1, sizeof *one);
        one[0] = q->model;
        *ret = one;
        *ret_count = 1;
        return 0;
    }
    if (q->model_id != NULL && store_version_of_model(store, q->model_id, arena, &versions, &count, err) < 0) {
        return -1;
    }
    const char **names = arena_array(arena, count, sizeof *names);
    for (size_t i = 0; i < count; i++) {
        names[i] = versions[i].name;
    }
    *ret = names;
    *ret_count = count;
    return 0;
}

static void decide(struct lookup *l, const struct guard *guard, const char *name)
{
    struct guard_answer *answer = l->answer;
    struct guard_verdict verdict = guard_decide(guard, &l->facts, l->arena);
    answer->rolled_back = answer->rolled_back || verdict.rolled_back;
    if (*verdict.lacks == '\0') {
        return;
    }
    answer->name = answer->name == NULL ? name : answer->name;
    answer->only_approvals = verdict.only_approvals && (*answer->lacks == '\0' || answer->only_approvals);
    answer->lacks = *answer->lacks == '\0' ? verdict.lacks
                                           : arena_printf(l->arena, "%s; %s", answer->lacks, verdict.lacks);
    guard_ask(guard, l->arena, &answer->ask);
}

int guard_check(struct store *store, const struct guard_question *question, struct arena *arena,
                struct guard_answer *ret, struct err *err)
{
    const struct store_guards *guards = &store->guards;
    const char *const *models = NULL;
    size_t model_count = 0;
    *ret = (struct guard_answer){
        .lacks = "", .ask = json_object(), .approvals = json_array(), .evidence_sha256 = ""};
    if (guards->expected) {
        return err_set(err, ERR_STATE, "config.yaml has not been read yet: what it guards is not known");
    }
    struct lookup l = {.store = store, .arena = arena, .question = question, .answer = ret};
    if (guards->count == 0) {
        return 0;
    }
    if (find_models(store, question, arena, &models, &model_count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < guards->count; i++) {
        const char *name = guard_match(&guards->items[i], question->kind, models, model_count, question->names,
                                       question->name_count);
        if (name == NULL) {
            continue;
        }
        if (ret->count++ == 0 && find_facts(&l, err) < 0) {
            return -1;
        }
        decide(&l, &guards->items[i], name);
    }
    return 0;
}

int guard_require(struct store *store, const struct guard_question *q, struct arena *arena, struct guard_answer *ret,
                  struct err *err)
{
    if (guard_check(store, q, arena, ret, err) < 0) {
        return -1;
    }
    if (*ret->lacks == '\0') {
        return 0;
    }
    const char *what = q->version > 0 ? arena_printf(arena, "version %lld", (long long)q->version) : "the model";
    const char *of = q->model == NULL ? "" : arena_printf(arena, " of model '%s'", q->model);
    return err_set(err, ERR_DENIED, "%s '%s'%s is guarded by config.yaml: %s%s lacks %s", guard_kind_words[q->kind],
                   ret->name, of, q->removes ? "to take it from " : "", what, ret->lacks);
}

/* ---- files of what serves ---------------------------------------------------------------------------------------- */

static bool is_guarded(const struct store *store, enum guard_kind kind, const char *model, const char *name)
{
    const struct store_guards *guards = &store->guards;
    for (size_t i = 0; i < guards->count; i++) {
        if (guard_match(&guards->items[i], kind, &model, 1, &name, 1) != NULL) {
            return true;
        }
    }
    return false;
}

static int refuse_files(const struct model_version *version, enum guard_kind kind, const char *name, struct err *err)
{
    return err_set(err, ERR_DENIED,
                   "%s '%s' of model '%s' is guarded by config.yaml, and version %lld of it is of these files: they do "
                   "not change while it stands there; log another model",
                   guard_kind_words[kind], name, version->name, (long long)version->version);
}

static int check_version_files(struct store *store, const struct model_version *version, struct arena *arena,
                               struct err *err)
{
    const char **aliases = NULL;
    size_t count = 0;
    if (strcmp(version->stage, "None") != 0 && is_guarded(store, GUARD_STAGE, version->name, version->stage)) {
        return refuse_files(version, GUARD_STAGE, version->stage, err);
    }
    if (store_version_aliases(store, version->name, version->version, arena, &aliases, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        if (is_guarded(store, GUARD_ALIAS, version->name, aliases[i])) {
            return refuse_files(version, GUARD_ALIAS, aliases[i], err);
        }
    }
    return 0;
}

int guard_require_files(struct store *store, const char *model_id, struct err *err)
{
    struct model_version *versions = NULL;
    size_t count = 0;
    if (store->guards.count == 0) {
        return 0;
    }
    struct arena *arena = arena_new();
    int result = store_version_of_model(store, model_id, arena, &versions, &count, err);
    for (size_t i = 0; result == 0 && i < count; i++) {
        result = check_version_files(store, &versions[i], arena, err);
    }
    arena_free(arena);
    return result;
}
