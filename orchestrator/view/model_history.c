/* SPDX-License-Identifier: Apache-2.0 */
#include "view/model_history.h"

#include "base/str_index.h"
#include "store/registry.h"

#include <stdlib.h>
#include <string.h>

struct rows {
    struct alias_move *moves;
    struct deployment_row *deployments;
    struct comment *comments;
    size_t move_count, deployment_count, comment_count;
};

static int read_rows(struct store *store, const char *name, int64_t until_ms, struct arena *arena, struct rows *ret,
                     struct err *err)
{
    return store_alias_moves(store, name, until_ms, arena, &ret->moves, &ret->move_count, err) < 0 ||
                   store_deployments(store, name, until_ms, arena, &ret->deployments, &ret->deployment_count, err) <
                       0 ||
                   store_comment_list(store, name, 0, arena, &ret->comments, &ret->comment_count, err) < 0
               ? -1
               : 0;
}

static size_t total(const struct rows *rows)
{
    return rows->move_count + rows->deployment_count + rows->comment_count;
}

static int compare_entries(const void *a, const void *b)
{
    const struct history_entry *x = a;
    const struct history_entry *y = b;
    return x->at_ms != y->at_ms ? (x->at_ms < y->at_ms ? -1 : 1)
           : x->kind != y->kind ? (x->kind < y->kind ? -1 : 1)
                                : (x->id > y->id) - (x->id < y->id);
}

/* ---- what stood ------------------------------------------------------------------------------------------------- */

/* Has a later row spoken of this place? From now on one has. */
static bool is_spoken_of(struct str_index *places, const char *place)
{
    bool is_there = str_index_find(places, str_from(place)) >= 0;
    (void)str_index_add(places, str_from(place));
    return is_there;
}

/* Rows are told backwards. An alias has one version; a stage has several, each until it is moved again. */
static bool is_last_move(const struct alias_move *m, struct str_index *places, struct arena *arena)
{
    if (strcmp(m->kind, "alias") == 0) {
        return !is_spoken_of(places, m->alias) && m->to_version != 0;
    }
    bool last = m->to_version != 0 &&
                !is_spoken_of(places, arena_printf(arena, "%s/%lld", m->alias, (long long)m->to_version));
    if (m->from_version != 0) {
        (void)is_spoken_of(places, arena_printf(arena, "%s/%lld", m->alias, (long long)m->from_version));
    }
    return last;
}

static void keep_last(struct rows *rows, struct arena *arena)
{
    struct str_index *aliases = str_index_new(arena, rows->move_count);
    struct str_index *stages = str_index_new(arena, rows->move_count);
    struct str_index *targets = str_index_new(arena, rows->deployment_count);
    size_t kept = rows->move_count;
    for (size_t i = rows->move_count; i-- > 0;) {
        bool of_alias = strcmp(rows->moves[i].kind, "alias") == 0;
        if (is_last_move(&rows->moves[i], of_alias ? aliases : stages, arena)) {
            rows->moves[--kept] = rows->moves[i];
        }
    }
    rows->moves += kept;
    rows->move_count -= kept;
    kept = rows->deployment_count;
    for (size_t i = rows->deployment_count; i-- > 0;) {
        if (!is_spoken_of(targets, rows->deployments[i].target)) {
            rows->deployments[--kept] = rows->deployments[i];
        }
    }
    rows->deployments += kept;
    rows->deployment_count -= kept;
    rows->comment_count = 0;
}

/* ---- all of it -------------------------------------------------------------------------------------------------- */

static void in_order(const struct rows *rows, struct arena *arena, struct model_history *ret)
{
    struct history_entry *entries = arena_array(arena, total(rows) + 1, sizeof *entries);
    size_t n = 0;
    for (size_t i = 0; i < rows->move_count; i++) {
        const struct alias_move *m = &rows->moves[i];
        entries[n++] = (struct history_entry){HISTORY_MOVE, m->at_ms, m->id, m, NULL, NULL};
    }
    for (size_t i = 0; i < rows->deployment_count; i++) {
        const struct deployment_row *d = &rows->deployments[i];
        entries[n++] = (struct history_entry){HISTORY_DEPLOYMENT, d->at_ms, d->id, NULL, d, NULL};
    }
    for (size_t i = 0; i < rows->comment_count; i++) {
        const struct comment *c = &rows->comments[i];
        entries[n++] = (struct history_entry){HISTORY_COMMENT, c->at_ms, c->id, NULL, NULL, c};
    }
    qsort(entries, n, sizeof *entries, compare_entries);
    *ret = (struct model_history){entries, n};
}

/* Is there such a model, or a history of one? */
static int require(struct store *store, const char *name, const struct rows *found, int64_t until_ms,
                   struct arena *arena, struct err *err)
{
    struct registered_model model;
    struct err gone = {0};
    struct rows all = *found;
    if (total(found) > 0 || store_registry_get(store, name, arena, &model, &gone) == 0) {
        return 0;
    }
    if (gone.code != ERR_NOT_FOUND) {
        return err_set(err, gone.code, "%s", gone.message);
    }
    if (until_ms != 0 && read_rows(store, name, 0, arena, &all, err) < 0) {
        return -1;
    }
    return total(&all) > 0 ? 0
                           : err_set(err, ERR_NOT_FOUND, "there is no registered model '%s', and no history of one: "
                                     "'sluice models' lists them", name);
}

int model_history_read(struct store *store, const char *name, int64_t at_ms, struct arena *arena,
                       struct model_history *ret, struct err *err)
{
    struct rows rows = {0};
    if (read_rows(store, name, at_ms, arena, &rows, err) < 0 || require(store, name, &rows, at_ms, arena, err) < 0) {
        return -1;
    }
    if (at_ms != 0) {
        keep_last(&rows, arena);
    }
    in_order(&rows, arena, ret);
    return 0;
}

/* ---- in words --------------------------------------------------------------------------------------------------- */

static bool is_stage(const struct deployment_row *d)
{
    return strcmp(d->state, "stage") == 0;
}

const char *history_what(const struct history_entry *entry, struct arena *arena)
{
    const struct deployment_row *d = entry->deployment;
    switch (entry->kind) {
    case HISTORY_MOVE:
        return entry->move->to_version == 0 ? "removed" : "moved";
    case HISTORY_DEPLOYMENT:
        return is_stage(d) ? arena_printf(arena, "stage %lld of %lld", (long long)d->stage, (long long)d->stages)
                           : d->state;
    case HISTORY_COMMENT:
        break;
    }
    return "comment";
}

const char *history_where(const struct history_entry *entry, struct arena *arena)
{
    switch (entry->kind) {
    case HISTORY_MOVE:
        return arena_printf(arena, "%s%s", strcmp(entry->move->kind, "alias") == 0 ? "@" : "stage ",
                            entry->move->alias);
    case HISTORY_DEPLOYMENT:
        return entry->deployment->target;
    case HISTORY_COMMENT:
        break;
    }
    return arena_printf(arena, "/%lld", (long long)entry->comment->version);
}

const char *history_served(const struct deployment_row *d, struct arena *arena)
{
    bool is_new = is_stage(d) || strcmp(d->state, "deployed") == 0;
    const char *words =
        d->name != NULL && is_new ? arena_printf(arena, "%s/%lld", d->name, (long long)d->version) : d->to_model;
    return is_stage(d) && d->weight >= 0 ? arena_printf(arena, "%s %g %%", words, d->weight) : words;
}
