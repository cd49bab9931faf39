/* SPDX-License-Identifier: Apache-2.0 */
#include "store/guards.h"

#include "run/approval.h"

#include "store/alias_moves.h"
#include "store/models.h"
#include "store/published.h"
#include "store/registry.h"
#include "store/runs.h"
#include "store/store_internal.h"

void store_guards_expect(struct store *store)
{
    store->guards.expected = true;
}

void store_guards_set(struct store *store, const struct json *list, const struct json *groups, bool single_user)
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
    guards->expected = false;
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
    struct guard_answer *answer;
};

/* The digests of the files that a manifest has, or those that are recorded now: {path: sha256}. */
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

static int recorded_files(struct lookup *l, struct json *ret, struct err *err)
{
    struct artifact *files = NULL;
    size_t count = 0;
    *ret = json_object();
    if (store_artifact_list(l->store, l->facts.model_id, l->arena, &files, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        json_set(l->arena, ret, arena_printf(l->arena, "%s/%s", l->facts.model_id, files[i].path),
                 json_cstring(l->arena, files[i].sha256));
    }
    return 0;
}

/* Are the files still those that were published? Looked at only by who needs it. */
static int find_change(struct lookup *l, struct err *err)
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
    }
    return 0;
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
static bool holds(struct lookup *l, const struct json *spec, const struct json *files)
{
    const char *removes = json_get_text(spec, "removes", NULL);
    struct json reviewed = manifest_files(l->arena, json_get(spec, "manifest"));
    if (!json_equal(&reviewed, files)) {
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
    struct json files;
    if (recorded_files(l, &files, err) < 0) {
        return -1;
    }
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
        if (!holds(l, &spec, &files)) {
            continue;
        }
        struct json *groups = arena_one(l->arena, struct json);
        *groups = parsed(l, stmt_column_text(s, 3, l->arena));
        votes = arena_grow(l->arena, votes, l->facts.vote_count, &room, sizeof *votes);
        struct approval_vote *vote = &votes[l->facts.vote_count++];
        *vote = (struct approval_vote){.actor = stmt_column_text(s, stmt_column_is_null(s, 6) ? 2 : 6, l->arena),
                                       .groups = groups,
                                       .approve = true};
        note_approval(l, s, json_get_text(&spec, "sha256", ""));
    }
    stmt_done(s);
    l->facts.votes = votes;
    return row;
}

/* Of each gate, by pipeline and step, the newest verdict counts: that by the newest rules. So a replay counts, but one
 * of an older gate does not make good what a newer one has refused; and none on other data than the gate's. */
static int find_gates(struct lookup *l, struct err *err)
{
    struct stmt *s = stmt_get(l->store, "SELECT g.step, g.passed, g.refused_by, coalesce(r.pipeline, '') FROM gates g "
                                        "LEFT JOIN pipeline_runs r ON r.run_id = g.run_id "
                                        "WHERE g.model_id = :model AND g.other_data = 0 "
                                        "ORDER BY coalesce(g.replay_of, g.id) DESC, g.id DESC");
    struct json seen = json_object();
    int row = 0;
    stmt_text(s, ":model", l->facts.model_id);
    while ((row = stmt_step(s, err)) == 1) {
        const char *gate = arena_printf(l->arena, "%s/%s", stmt_column_text(s, 3, l->arena),
                                        stmt_column_text(s, 0, l->arena));
        if (json_get(&seen, gate) != NULL) {
            continue;
        }
        json_set(l->arena, &seen, gate, json_bool(true));
        l->facts.gate_count++;
        if (stmt_column_int(s, 1) == 0 && l->facts.red == NULL) {
            l->facts.red = arena_printf(l->arena, "%s refused: %s", gate, stmt_column_text(s, 2, l->arena));
        }
    }
    stmt_done(s);
    return row;
}

static void add_author(struct lookup *l, const char *name)
{
    if (name != NULL && *name != '\0') {
        json_push(l->arena, &l->facts.authors, json_cstring(l->arena, name));
    }
}

/* The pipeline run whose step made the model. The run's own tags say which: a client may write those, so the attempts
 * of that pipeline run, which nobody but the engine writes, must say the same. */
static int find_maker(struct lookup *l, const char *step_run_id, struct err *err)
{
    struct stmt *s = stmt_get(
        l->store, "SELECT r.actor, r.contexts FROM run_tags t JOIN pipeline_runs r ON r.run_id = t.value "
                  "WHERE t.run_id = :run AND t.key = 'mlflow.parentRunId' AND EXISTS (SELECT 1 FROM attempts a "
                  "WHERE a.run_id = t.value AND a.step_run_id = :run)");
    stmt_text(s, ":run", step_run_id);
    int row = stmt_step(s, err);
    if (row == 1) {
        struct json contexts = parsed(l, stmt_column_text(s, 1, l->arena));
        const struct json *git = json_get(&contexts, "git");
        const char *branch = git == NULL ? NULL : json_get_text(git, "branch", NULL);
        l->facts.branch = branch == NULL || *branch == '\0' ? NULL : branch;
        add_author(l, stmt_column_text(s, 0, l->arena));
    }
    stmt_done(s);
    return row < 0 ? -1 : 0;
}

/* Who made it: its versions, the run, the pipeline run. */
static int find_authors(struct lookup *l, struct err *err)
{
    struct logged_model model;
    struct run_info run;
    struct model_version *versions = NULL;
    size_t count = 0;
    struct err wrong = {0};
    if (store_version_of_model(l->store, l->facts.model_id, l->arena, &versions, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        add_author(l, versions[i].user);
    }
    if (store_model_get_any(l->store, l->facts.model_id, l->arena, &model, &wrong) < 0) {
        return store_has_failed(&wrong) ? err_set(err, wrong.code, "%s", wrong.message) : 0;
    }
    if (model.source_run_id == NULL) {
        return 0;
    }
    if (store_run_get(l->store, model.source_run_id, l->arena, &run, &wrong) == 0) {
        add_author(l, run.user);
    } else if (store_has_failed(&wrong)) {
        return err_set(err, wrong.code, "%s", wrong.message);
    }
    return find_maker(l, model.source_run_id, err);
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
    l->facts.waived = l->store->guards.single_user;
    l->facts.authors = json_array();
    if (l->facts.model_id == NULL) {
        return 0;
    }
    if (find_change(l, err) < 0 || find_gates(l, err) < 0 || find_authors(l, err) < 0 ||
        find_votes(l, err) < 0) {
        return -1;
    }
    return named && q->kind != GUARD_TARGET
               ? alias_was_there(l->store, guard_kind_words[q->kind], q->model, q->names[0], q->version,
                                 l->facts.model_id, &l->facts.was_there, err)
               : 0;
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
