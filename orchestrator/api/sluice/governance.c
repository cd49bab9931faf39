/* SPDX-License-Identifier: Apache-2.0
 * What was where: the history of a registered model, and back: an alias points again to the version that held it last
 * by right.
 */
#include "api/sluice/routes.h"
#include "api/user_rights.h"
#include "store/rollback.h"
#include "view/model_history.h"

#include <stdio.h>

/* ---- people ----------------------------------------------------------------------------------------------------- */

struct approver_answer {
    const char *actor, *login, *on_behalf_of;
};
static const struct schema_field approver_fields[] = {
    {"actor", FIELD_TEXT(struct approver_answer, actor)},
    {"login", FIELD_TEXT(struct approver_answer, login),
     .doc = "by what the actor was known: system, server, link or tag"},
    {"on_behalf_of", FIELD_TEXT(struct approver_answer, on_behalf_of), SCHEMA_NULLABLE,
     .doc = "whose voice it was; null: his own"},
    {0},
};
static const struct schema approver_schema = {"Approver", approver_fields, NULL};

static struct json approvers_of(const struct json *approvals, struct arena *arena)
{
    struct json list = json_array();
    for (size_t i = 0; approvals->type == JSON_ARRAY && i < approvals->u.array.count; i++) {
        const struct json *one = &approvals->u.array.items[i];
        const struct approver_answer answer = {
            .actor = json_get_text(one, "actor", ""),
            .login = json_get_text(one, "login", "system"),
            .on_behalf_of = json_get_text(one, "on_behalf_of", NULL),
        };
        json_push(arena, &list, schema_write(&approver_schema, &answer, arena));
    }
    return list;
}

/* ---- history ---------------------------------------------------------------------------------------------------- */

static const char *const kinds[] = {"alias", "stage", "deployment", "comment", NULL};

struct entry_answer {
    const char *kind, *what, *where, *from, *to, *actor, *reason, *model_id, *run_id, *standing, *door,
        *evidence_sha256;
    int64_t at_ms, version;
    struct json approved_by;
};
static const struct schema_field entry_fields[] = {
    {"at", FIELD_TIME(struct entry_answer, at_ms)},
    {"kind", FIELD_TEXT(struct entry_answer, kind), .words = kinds},
    {"what", FIELD_TEXT(struct entry_answer, what),
     .doc = "moved, removed; deployed, stage 2 of 3, rolled_back, rollback_failed; comment"},
    {"where", FIELD_TEXT(struct entry_answer, where), .doc = "the alias, the stage or the target; of a comment empty"},
    {"version", FIELD_INT(struct entry_answer, version),
     .doc = "that is there since, or was spoken of; 0: none, or what was deployed is not registered"},
    {"from", FIELD_TEXT(struct entry_answer, from), SCHEMA_NULLABLE,
     .doc = "what was there before: a version, of a deployment what served; null: nothing, or nothing that the "
            "reader may know of"},
    {"to", FIELD_TEXT(struct entry_answer, to), SCHEMA_NULLABLE, .doc = "what is there since; null: the same"},
    {"actor", FIELD_TEXT(struct entry_answer, actor)},
    {"approved_by", FIELD_JSON(LIST, struct entry_answer, approved_by), .of = &approver_schema,
     .doc = "of a guarded move: whose approvals held"},
    {"reason", FIELD_TEXT(struct entry_answer, reason), .doc = "of a comment its text"},
    {"model_id", FIELD_TEXT(struct entry_answer, model_id), SCHEMA_NULLABLE, .doc = "the logged model"},
    {"run_id", FIELD_TEXT(struct entry_answer, run_id), SCHEMA_NULLABLE,
     .doc = "the run of a pipeline that did it; null: none, or one that the reader may not read"},
    {"standing", FIELD_TEXT(struct entry_answer, standing), SCHEMA_NULLABLE,
     .doc = "of a move: open (no guard was there), guarded, or free (rolled back by right)"},
    {"door", FIELD_TEXT(struct entry_answer, door), SCHEMA_NULLABLE,
     .doc = "of a move: step, cli, mlflow, rollback, import"},
    {"evidence_sha256", FIELD_TEXT(struct entry_answer, evidence_sha256), SCHEMA_NULLABLE,
     .doc = "of what was reviewed; of a deployment of the files"},
    {0},
};
static const struct schema entry_schema = {"HistoryEntry", entry_fields, NULL};
static const struct schema_field history_fields[] = {
    {"history", FIELD_JSON(LIST, struct rest_page, items), .of = &entry_schema},
    {"next_page_token", FIELD_TEXT(struct rest_page, next_page_token), SCHEMA_NULLABLE},
    {0},
};
static const struct schema history_schema = {"ModelHistory", history_fields, NULL};
static const struct schema_field history_takes[] = {
    REST_MODEL_NAME,
    {.name = "at", .type = SCHEMA_TIME, .flags = SCHEMA_IN_QUERY,
     .doc = "what each alias, stage and target had at that moment, and since when; not given: all of it"},
    REST_LIMIT,
    REST_PAGE_TOKEN("^[0-9]{1,18}[.][0-2][.][0-9]{1,18}$"),
    {0},
};

static const char *version_words(int64_t version, struct arena *arena)
{
    return version == 0 ? NULL : arena_printf(arena, "%lld", (long long)version);
}

static struct entry_answer answer_of_move(const struct alias_move *m, struct arena *arena)
{
    return (struct entry_answer){
        .kind = m->kind,
        .where = m->alias,
        .version = m->to_version,
        .from = version_words(m->from_version, arena),
        .to = version_words(m->to_version, arena),
        .actor = m->actor,
        .reason = m->reason,
        .model_id = m->model_id,
        .run_id = m->run_id,
        .standing = m->standing,
        .door = m->door,
        .evidence_sha256 = *m->evidence_sha256 == '\0' ? NULL : m->evidence_sha256,
        .approved_by = approvers_of(&m->approvals, arena),
    };
}

static struct entry_answer answer_of_deployment(const struct deployment_row *d, struct arena *arena)
{
    return (struct entry_answer){
        .kind = kinds[2],
        .where = d->target,
        .version = d->version,
        .from = *d->from_model == '\0' ? NULL : d->from_model,
        .to = history_served(d, arena),
        .actor = d->actor,
        .reason = d->reason,
        .model_id = *d->model_id == '\0' ? NULL : d->model_id,
        .run_id = *d->run_id == '\0' ? NULL : d->run_id,
        .evidence_sha256 = *d->sha256 == '\0' ? NULL : d->sha256,
        .approved_by = json_array(),
    };
}

static struct entry_answer answer_of_comment(const struct comment *c, struct arena *arena)
{
    return (struct entry_answer){
        .kind = kinds[3],
        .where = "",
        .version = c->version,
        .to = version_words(c->version, arena),
        .actor = c->actor,
        .reason = c->text,
        .approved_by = json_array(),
    };
}

/* Who has done what was done by a run that the reader may not know of. */
static const char some_step[] = "a step of a run";

/* May the reader know of the run? One that was removed tells nobody whose it was. */
static int sees_run(struct api_call *call, const struct reader *reader, const char *run_id, struct err *err)
{
    struct permission_object experiment = {0};
    if (run_id == NULL || reader == NULL) {
        return 1;
    }
    int found = store_experiment_of(call->store, OWNED_RUN, run_id, &experiment.experiment_id, err);
    return found != 1 ? found : store_reader_sees(call->store, reader, &experiment, err);
}

/* The registered model of "models:/secret/3", "secret/3", "secret/4 50 %", "models:/secret@champion"; empty: none. */
static const char *registered_in(const char *words, struct arena *arena)
{
    struct str text = str_from(words);
    struct str prefix = STR("models:/");
    text = str_starts(text, prefix) ? str_slice(text, prefix.n, text.n) : text;
    return arena_dup(arena, text.p, strcspn(text.p, "/@"));
}

/* A logged model by its id, wherever it stands in the words: "m-" and 32 hex digits. NULL: none. */
static const char *logged_model_in(const char *words, struct arena *arena)
{
    enum { DIGITS = 32 };
    for (const char *at = strstr(words, "m-"); at != NULL; at = strstr(at + 1, "m-")) {
        if (strspn(at + 2, "0123456789abcdef") == DIGITS) {
            return arena_dup(arena, at, 2 + DIGITS);
        }
    }
    return NULL;
}

/* What a target served: a registered model that the reader may read, a logged model of an experiment that he may read,
 * or a folder of the target itself, which names neither ("versions/3-ba0abb73"). 1, 0, -1. */
static int sees_served(struct api_call *call, const char *words, struct err *err)
{
    struct permission_object object = {0};
    if (words == NULL || call->reader->sees_all || str_starts(str_from(words), STR("versions/"))) {
        return 1;
    }
    const char *model_id = logged_model_in(words, call->arena);
    if (model_id == NULL) {
        object.model = registered_in(words, call->arena);
        return store_reader_sees(call->store, call->reader, &object, err);
    }
    int found = store_experiment_of(call->store, OWNED_LOGGED_MODEL, model_id, &object.experiment_id, err);
    return found != 1 ? found : store_reader_sees(call->store, call->reader, &object, err);
}

/* What else is named in it is left out when the reader may not read that. */
static int leave_out(struct api_call *call, struct entry_answer *answer, struct err *err)
{
    int sees = sees_run(call, call->reader, answer->run_id, err);
    if (sees < 0 || call->reader == NULL) {
        return sees < 0 ? -1 : 0;
    }
    if (sees == 0) {
        answer->run_id = NULL;
        answer->actor = some_step;
    }
    if (strcmp(answer->kind, kinds[2]) == 0) {
        int from = sees_served(call, answer->from, err);
        int to = sees_served(call, answer->to, err);
        if (from < 0 || to < 0) {
            return -1;
        }
        answer->from = from == 1 ? answer->from : NULL;
        answer->to = to == 1 ? answer->to : NULL;
    }
    return 0;
}

static int answer_of(struct api_call *call, const struct history_entry *entry, struct entry_answer *ret,
                     struct err *err)
{
    *ret = entry->move != NULL         ? answer_of_move(entry->move, call->arena)
           : entry->deployment != NULL ? answer_of_deployment(entry->deployment, call->arena)
                                       : answer_of_comment(entry->comment, call->arena);
    ret->at_ms = entry->at_ms;
    ret->what = history_what(entry, call->arena);
    return leave_out(call, ret, err);
}

/* The last of the page before: "TIME.KIND.ID". */
static bool is_behind(const struct history_entry *entry, const char *token)
{
    long long at_ms = 0;
    long long id = 0;
    int kind = 0;
    if (token == NULL || sscanf(token, "%lld.%d.%lld", &at_ms, &kind, &id) != 3) {
        return true;
    }
    return entry->at_ms != at_ms         ? entry->at_ms > at_ms
           : (int)entry->kind != kind ? (int)entry->kind > kind
                                         : entry->id > id;
}

static int list_history(struct api_call *call, struct err *err)
{
    const char *name = rest_model_name(call);
    const char *token = json_get_text(&call->params, "page_token", NULL);
    struct model_history history;
    struct rest_page page = {.items = json_array()};
    size_t limit = rest_limit(call);
    if (model_history_read(call->store, name, json_get_int(&call->params, "at", 0), call->arena, &history, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < history.count && page.items.u.array.count < limit; i++) {
        const struct history_entry *entry = &history.entries[i];
        struct entry_answer answer;
        if (!is_behind(entry, token)) {
            continue;
        }
        if (answer_of(call, entry, &answer, err) < 0) {
            return -1;
        }
        json_push(call->arena, &page.items, schema_write(&entry_schema, &answer, call->arena));
        if (page.items.u.array.count == limit && i + 1 < history.count) {
            page.next_page_token = arena_printf(call->arena, "%lld.%d.%lld", (long long)entry->at_ms, (int)entry->kind,
                                                (long long)entry->id);
        }
    }
    call->answer = schema_write(&history_schema, &page, call->arena);
    return 0;
}

/* ---- rollback --------------------------------------------------------------------------------------------------- */

struct rollback_answer {
    const char *model, *alias, *model_id, *held_by, *standing;
    int64_t from, to, held_ms;
    struct json approved_by;
    bool moved;
};
static const struct schema_field rollback_fields[] = {
    {"model", FIELD_TEXT(struct rollback_answer, model)},
    {"alias", FIELD_TEXT(struct rollback_answer, alias)},
    {"from", FIELD_INT(struct rollback_answer, from), .doc = "the version that held it until now; 0: none"},
    {"to", FIELD_INT(struct rollback_answer, to), .doc = "the version that holds it, or would"},
    {"model_id", FIELD_TEXT(struct rollback_answer, model_id), SCHEMA_NULLABLE, .doc = "its logged model"},
    {"held_since", FIELD_TIME(struct rollback_answer, held_ms), .doc = "when it was moved there before"},
    {"held_by", FIELD_TEXT(struct rollback_answer, held_by), .doc = "who had moved it there"},
    {"standing", FIELD_TEXT(struct rollback_answer, standing),
     .doc = "by what right it was there: open (no guard was there), guarded, or free"},
    {"approved_by", FIELD_JSON(LIST, struct rollback_answer, approved_by), .of = &approver_schema},
    {"moved", FIELD_BOOL(struct rollback_answer, moved), .doc = "false: with dry_run"},
    {0},
};
static const struct schema rollback_schema = {"Rollback", rollback_fields, NULL};
static const struct schema_field rollback_takes[] = {
    REST_MODEL_NAME,
    {.name = "alias", .type = SCHEMA_TEXT, .flags = SCHEMA_REQUIRED | SCHEMA_IN_PATH, .least = 1, .most = 256},
    {.name = "reason", .type = SCHEMA_TEXT, .doc = "why, for the record"},
    {.name = "dry_run", .type = SCHEMA_BOOL, .doc = "true: say where it would go, and change nothing"},
    {0},
};

static int roll_back_in_turn(struct api_call *call, struct err *err)
{
    const struct rollback wish = {.model = rest_model_name(call),
                                  .alias = json_get_text(&call->params, "alias", ""),
                                  .actor = rest_actor(call),
                                  .reason = json_get_text(&call->params, "reason", NULL),
                                  .dry = json_get_bool(&call->params, "dry_run", false)};
    struct rollback_outcome outcome;
    if (store_alias_rollback(call->store, &wish, call->now_ms, call->arena, &outcome, err) < 0) {
        return -1;
    }
    int sees = sees_run(call, user_reader(call), outcome.to.run_id, err);
    if (sees < 0) {
        return -1;
    }
    struct rollback_answer answer = {
        .model = wish.model,
        .alias = wish.alias,
        .from = outcome.from,
        .to = outcome.to.to_version,
        .model_id = outcome.to.model_id,
        .held_ms = outcome.to.at_ms,
        .held_by = sees == 1 ? outcome.to.actor : some_step,
        .standing = outcome.to.standing,
        .approved_by = approvers_of(&outcome.to.approvals, call->arena),
        .moved = !wish.dry,
    };
    call->answer = schema_write(&rollback_schema, &answer, call->arena);
    return 0;
}

static int roll_back(struct api_call *call, struct err *err)
{
    return rest_transact(call, roll_back_in_turn, err);
}

const struct api_route rest_governance_routes[] = {
    {HTTP_GET, "/registered-models/{name}/history", API_SLUICE, API_READS, API_NEEDS(VIEWER, READ, REGISTERED),
     REST_DOC(.name = "getModelHistory",
                                      .group = "Models",
                                      .summary = "What each alias, stage and target had since when, and what was said: "
                                                 "oldest first",
                                      .details = "Also of a model that was deleted. Runs and other models that the "
                                                 "reader may not read are left out of it.",
                                      .takes = history_takes,
                                      .gives = &history_schema,
                                      .flags = REST_APART),
     .answer = list_history},
    {HTTP_POST, "/registered-models/{name}/aliases/{alias}/rollback", API_SLUICE, API_WRITES,
     API_NEEDS(EDITOR, EDIT, REGISTERED),
     REST_DOC(.name = "rollBack",
                                      .group = "Models",
                                      .summary = "Point an alias to the version that held it last by right",
                                      .details = "At once, and only if nobody else has moved it meanwhile; a second "
                                                 "one goes further back. 409 when there is nothing to go back to, "
                                                 "which says why.",
                                      .takes = rollback_takes,
                                      .gives = &rollback_schema,
                                      .flags = REST_COMMANDS),
     .answer = roll_back,
     .note = API_NOTED_INSIDE},
    {0},
};
