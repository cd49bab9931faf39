/* SPDX-License-Identifier: Apache-2.0 */
#include "store/delegations.h"

#include "base/parse.h"
#include "base/path.h"
#include "base/utf8.h"
#include "store/activity.h"
#include "store/registry.h"
#include "store/stmt.h"

#include <stdio.h>

static int note(struct store *store, const struct delegation *d, const char *action, const char *to, int64_t now_ms,
                struct err *err)
{
    struct arena *arena = arena_new();
    const struct activity entry = {
        .at_ms = now_ms,
        .actor = d->giver,
        .action = action,
        .object = arena_printf(arena, "approvals of %s to %s", strcmp(d->model, "*") == 0 ? "all models" : d->model,
                               d->taker),
        .object_id = arena_printf(arena, "delegation %lld", (long long)d->id),
        .from_state = "",
        .to_state = to,
        .reason = d->reason,
        .evidence_sha256 = "",
    };
    int result = store_activity_append(store, &entry, err);
    arena_free(arena);
    return result;
}

int store_delegation_add(struct store *store, struct delegation *d, struct err *err)
{
    if (strcmp(d->giver, d->taker) == 0) {
        return err_set(err, ERR_INPUT, "'%s' decides for himself already: expected another person", d->giver);
    }
    if (d->until_ms <= d->created_ms) {
        return err_set(err, ERR_INPUT, "a delegation has to end in the future");
    }
    struct arena *arena = arena_new();
    struct stmt *s = stmt_get(store, "INSERT INTO delegations (giver, giver_groups, taker, model, reason, created_ms, "
                                     "until_ms) VALUES (:giver, :groups, :taker, :model, :reason, :created, :until)");
    stmt_text(s, ":giver", d->giver);
    stmt_str(s, ":groups", json_text(arena, &d->giver_groups));
    stmt_text(s, ":taker", d->taker);
    stmt_text(s, ":model", d->model);
    stmt_text(s, ":reason", d->reason);
    stmt_int(s, ":created", d->created_ms);
    stmt_int(s, ":until", d->until_ms);
    int result = stmt_run_one(s, "recording a delegation", err);
    d->id = result < 0 ? 0 : stmt_last_id(store);
    if (result == 0) {
        char until[32];
        format_time(until, sizeof until, d->until_ms);
        result = note(store, d, "approval.delegated", until, d->created_ms, err);
    }
    arena_free(arena);
    return result;
}

static void read_delegation(struct stmt *s, struct arena *arena, void *item)
{
    struct delegation *d = item;
    *d = (struct delegation){
        .id = stmt_column_int(s, 0),
        .giver = stmt_column_text(s, 1, arena),
        .giver_groups = json_array(),
        .taker = stmt_column_text(s, 3, arena),
        .model = stmt_column_text(s, 4, arena),
        .reason = stmt_column_text(s, 5, arena),
        .created_ms = stmt_column_int(s, 6),
        .until_ms = stmt_column_int(s, 7),
        .ended_ms = stmt_column_int(s, 8),
    };
    (void)json_read(str_from(stmt_column_text(s, 2, arena)), (struct json_limits){0}, arena, &d->giver_groups, NULL);
}

#define DELEGATION_COLUMNS                                                                                             \
    "SELECT id, giver, giver_groups, taker, model, reason, created_ms, until_ms, ended_ms FROM delegations "

int store_delegation_list(struct store *store, const char *taker, int64_t now_ms, struct arena *arena,
                          struct delegation **ret, size_t *ret_count, struct err *err)
{
    struct stmt *s = stmt_get(store, DELEGATION_COLUMNS "WHERE (:taker IS NULL OR taker = :taker) AND (:now = 0 OR "
                                                        "(ended_ms IS NULL AND created_ms <= :now AND until_ms > :now)"
                                                        ") ORDER BY id DESC");
    stmt_text(s, ":taker", taker);
    stmt_int(s, ":now", now_ms);
    return stmt_read_rows(s, read_delegation, sizeof **ret, arena, ret, ret_count, err);
}

int store_delegation_find(struct store *store, int64_t id, struct arena *arena, struct delegation *ret,
                          struct err *err)
{
    struct stmt *s = stmt_get(store, DELEGATION_COLUMNS "WHERE id = :id");
    stmt_int(s, ":id", id);
    return stmt_read_row(s, read_delegation, arena, ret, err);
}

static int end_one(struct store *store, const struct delegation *d, const char *giver, int64_t now_ms, struct err *err)
{
    if (strcmp(d->giver, giver) != 0) {
        return err_set(err, ERR_DENIED, "delegation %lld is of '%s': who gave it takes it back", (long long)d->id,
                       d->giver);
    }
    if (d->ended_ms != 0 || d->until_ms <= now_ms) {
        return err_set(err, ERR_STATE, "delegation %lld has ended already", (long long)d->id);
    }
    struct stmt *s = stmt_get(store, "UPDATE delegations SET ended_ms = :now WHERE id = :id");
    stmt_int(s, ":id", d->id);
    stmt_int(s, ":now", now_ms);
    return stmt_run_one(s, "ending a delegation", err) < 0
               ? -1
               : note(store, d, "approval.delegation_ended", "ended", now_ms, err);
}

int store_delegation_end(struct store *store, int64_t id, const char *giver, int64_t now_ms, struct err *err)
{
    struct arena *arena = arena_new();
    struct delegation found;
    int row = store_delegation_find(store, id, arena, &found, err);
    int result = row < 0    ? -1
                 : row == 0 ? err_set(err, ERR_NOT_FOUND, "there is no delegation %lld", (long long)id)
                            : end_one(store, &found, giver, now_ms, err);
    arena_free(arena);
    return result;
}

int store_delegations_end_of(struct store *store, const char *giver, int64_t now_ms, struct err *err)
{
    struct arena *arena = arena_new();
    struct delegation *rows = NULL;
    size_t count = 0;
    int result = store_delegation_list(store, NULL, now_ms, arena, &rows, &count, err);
    for (size_t i = 0; result == 0 && i < count; i++) {
        result = strcmp(rows[i].giver, giver) == 0 ? end_one(store, &rows[i], giver, now_ms, err) : 0;
    }
    arena_free(arena);
    return result;
}

bool delegation_covers(const struct delegation *delegation, const char *model_name)
{
    return strcmp(delegation->model, "*") == 0 ||
           (model_name != NULL && path_matches(delegation->model, model_name));
}

/* ---- comments --------------------------------------------------------------------------------------------------- */

static int write_comment(struct store *store, const struct comment *c, const char *model_id, struct err *err)
{
    struct stmt *s = stmt_get(store, "INSERT INTO comments (name, version, model_id, actor, text, at_ms) "
                                     "VALUES (:name, :version, :model, :actor, :text, :at)");
    stmt_text(s, ":name", c->name);
    stmt_int(s, ":version", c->version);
    stmt_text(s, ":model", model_id);
    stmt_text(s, ":actor", c->actor);
    stmt_text(s, ":text", c->text);
    stmt_int(s, ":at", c->at_ms);
    return stmt_run_one(s, "recording a comment", err);
}

int store_comment_add(struct store *store, struct comment *c, struct err *err)
{
    struct model_version version;
    struct str text = str_from(c->text);
    if (str_trim(text).n == 0 || text.n > COMMENT_BYTES_MAX || !utf8_valid(text)) {
        return err_set(err, ERR_INPUT, "a comment is text of 1 to %d bytes, found %zu%s", COMMENT_BYTES_MAX, text.n,
                       utf8_valid(text) ? "" : " that are no UTF-8");
    }
    struct arena *arena = arena_new();
    int result = store_version_get(store, c->name, c->version, arena, &version, err);
    if (result == 0) {
        const struct activity entry = {
            .at_ms = c->at_ms,
            .actor = c->actor,
            .action = "model.commented",
            .object = arena_printf(arena, "model %s/%lld", c->name, (long long)c->version),
            .object_id = c->name,
            .from_state = "",
            .to_state = "",
            .reason = c->text,
            .evidence_sha256 = "",
        };
        result = write_comment(store, c, version.model_id, err);
        c->id = result < 0 ? 0 : stmt_last_id(store);
        result = result < 0 ? -1 : store_activity_append(store, &entry, err);
    }
    arena_free(arena);
    return result;
}

static void read_comment(struct stmt *s, struct arena *arena, void *item)
{
    *(struct comment *)item = (struct comment){
        .id = stmt_column_int(s, 0),
        .name = stmt_column_text(s, 1, arena),
        .version = stmt_column_int(s, 2),
        .actor = stmt_column_text(s, 3, arena),
        .text = stmt_column_text(s, 4, arena),
        .at_ms = stmt_column_int(s, 5),
    };
}

int store_comment_list(struct store *store, const char *name, int64_t version, struct arena *arena,
                       struct comment **ret, size_t *ret_count, struct err *err)
{
    struct stmt *s = stmt_get(
        store, "SELECT c.id, c.name, c.version, c.actor, c.text, c.at_ms FROM comments c JOIN model_versions v "
               "ON v.name = c.name AND v.version = c.version AND v.model_id IS c.model_id WHERE c.name = :name "
               "AND (:version = 0 OR c.version = :version) AND c.at_ms >= v.created_ms ORDER BY c.id");
    stmt_text(s, ":name", name);
    stmt_int(s, ":version", version);
    return stmt_read_rows(s, read_comment, sizeof **ret, arena, ret, ret_count, err);
}
