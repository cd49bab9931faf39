/* SPDX-License-Identifier: Apache-2.0 */
#include "gc/beside.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/str_index.h"
#include "gc/aside.h"
#include "gc/rows.h"
#include "store/activity.h"
#include "store/meanwhile.h"

#include <stdlib.h>

enum {
    PIECE_MS = 3,         /* then the turn is over, with at least one item done */
    TRIGGERS_AT_ONCE = 100
};

struct gc_beside {
    struct store *store;
    const char *home;
    struct arena *arena;         /* while the removal lasts */
    struct str_index *meanwhile; /* ids that something began to refer to since the beginning */
    struct gc_rows total;
    const char *policy;
};

int gc_beside_begin(struct store *store, const char *home, const char *policy, struct gc_beside **ret_beside,
                    struct err *err)
{
    if (store_meanwhile_begin(store, err) < 0) {
        return -1;
    }
    struct arena *arena = arena_new();
    struct gc_beside *beside = mem_alloc(sizeof *beside);
    *beside = (struct gc_beside){.store = store,
                                 .home = arena_strdup(arena, home),
                                 .arena = arena,
                                 .meanwhile = str_index_new(arena, 64),
                                 .policy = arena_strdup(arena, policy)};
    *ret_beside = beside;
    return 0;
}

/* ---- what has come to be used since ----------------------------------------------------------------------------- */

static void take_reference(void *ctx, struct str text)
{
    struct gc_beside *beside = ctx;
    struct str id;
    while (gc_next_id(&text, &id)) {
        (void)str_index_add(beside->meanwhile, arena_str(beside->arena, id));
    }
}

static bool is_used(const struct gc_beside *beside, const char *id)
{
    return str_index_find(beside->meanwhile, str_from(id)) >= 0;
}

/* ---- one item --------------------------------------------------------------------------------------------------- */

struct piece {
    struct gc_beside *beside;
    struct gc_rows *rows;
    const struct json *item;
    struct arena *arena;
    int64_t end_ms; /* monotonic: when the piece is over */
    bool more;
    bool has_rest; /* of the item some is left: */
    size_t rest_owners, rest_runs;
};

static const char *text_of(const struct json *object, const char *key)
{
    return json_get_text(object, key, NULL);
}

static size_t count_of(const struct json *object, const char *key, const struct json **ret_list)
{
    const struct json *list = json_get(object, key);
    *ret_list = list;
    return list == NULL || list->type != JSON_ARRAY ? 0 : list->u.array.count;
}

static void read_members(const struct piece *p, struct gc_run *ret_run, struct gc_members *ret_members)
{
    const struct json *list = NULL;
    size_t runs = count_of(p->item, "runs", &list);
    const char **ids = arena_array(p->arena, runs, sizeof *ids);
    for (size_t i = 0; i < runs; i++) {
        ids[i] = list->u.array.items[i].type == JSON_STRING ? list->u.array.items[i].u.string.p : "";
    }
    size_t owner_count = count_of(p->item, "owners", &list);
    struct gc_owner *owners = arena_array(p->arena, owner_count, sizeof *owners);
    for (size_t i = 0; i < owner_count; i++) {
        const struct json *one = &list->u.array.items[i];
        owners[i] = (struct gc_owner){.id = json_get_text(one, "id", ""),
                                      .folder = text_of(one, "folder"),
                                      .is_model = json_get_bool(one, "model", false),
                                      .goes = json_get_bool(one, "goes", false),
                                      .stays = json_get_bool(one, "stays", false),
                                      .weight.bytes = json_get_int(one, "bytes", 0)};
    }
    const struct json *goes = json_get(p->item, "goes");
    *ret_run = (struct gc_run){.label = json_get_text(p->item, "label", "")};
    for (size_t i = 0; i < RETENTION_KINDS; i++) {
        bool named = goes != NULL && json_get(goes, retention_rows[i].name) != NULL;
        ret_run->verdicts[i].fate = named ? GC_GOES : GC_STAYS;
        ret_run->weights[i].bytes = named ? json_get_int(goes, retention_rows[i].name, 0) : 0;
    }
    *ret_members =
        (struct gc_members){.run_ids = ids, .run_count = runs, .owners = owners, .owner_count = owner_count};
}

/* Why it stays; NULL: it goes. Nothing holds logs but a run that goes on. */
static int find_holder(const struct piece *p, const struct gc_run *run, const struct gc_members *members,
                       const char **ret_by, struct err *err)
{
    const struct json *users = NULL;
    size_t user_count = count_of(p->item, "users", &users);
    bool only_logs = true;
    bool used = false;
    for (size_t i = 0; i < RETENTION_KINDS; i++) {
        only_logs = only_logs && (i == RETENTION_LOGS || run->verdicts[i].fate != GC_GOES);
    }
    for (size_t i = 0; i < members->run_count; i++) {
        int ended = store_holding_has_ended(p->beside->store, members->run_ids[i], err);
        if (ended <= 0) {
            *ret_by = "it is open, or gone, by now";
            return ended;
        }
        used = used || is_used(p->beside, members->run_ids[i]);
    }
    for (size_t i = 0; i < members->owner_count; i++) {
        only_logs = only_logs && !members->owners[i].goes;
        used = used || is_used(p->beside, members->owners[i].id);
    }
    if (only_logs) {
        return 0;
    }
    *ret_by = used ? "it has come to be used meanwhile" : NULL;
    for (size_t i = 0; i < user_count && !used; i++) {
        const char *label = NULL;
        const struct json *user = &users->u.array.items[i];
        int there = user->type != JSON_STRING
                        ? 0
                        : store_holding_label(p->beside->store, user->u.string.p, p->arena, &label, err);
        if (there != 0) {
            *ret_by = there < 0 ? NULL : arena_printf(p->arena, "run %s uses it", label);
            return there < 0 ? -1 : 0;
        }
    }
    return 0;
}

/* Of a run that is leaving the last of what is left is said. A model of it that has come to be used stays, and it goes
 * without. */
static int go_on(struct piece *p, struct gc_run *run, struct gc_members *members, const char **ret_by, struct err *err)
{
    const char *root = json_get_text(p->item, "leaving", "");
    size_t before = (size_t)json_get_int(p->item, "owners_before", 0);
    size_t runs_before = (size_t)json_get_int(p->item, "runs_before", 0);
    bool more = false;
    int leaving = store_is_leaving(p->beside->store, root, err);
    *ret_by = leaving == 0 ? "it is gone by now" : NULL;
    if (leaving <= 0) {
        return leaving;
    }
    for (size_t i = 0; i < members->owner_count; i++) {
        struct gc_owner *owner = &members->owners[i];
        owner->stays = owner->stays || (owner->is_model && is_used(p->beside, owner->id));
    }
    run->leaving = true;
    if (gc_rows_remove_run(p->rows, run, members, p->end_ms, &more, err) < 0) {
        return -1;
    }
    p->rest_owners = before + members->owner_count;
    p->rest_runs = runs_before + members->run_count;
    p->has_rest = p->rest_owners + p->rest_runs > 0;
    return 0;
}

static int remove_run(struct piece *p, const char **ret_by, struct err *err)
{
    struct gc_run run;
    struct gc_members members;
    read_members(p, &run, &members);
    if (text_of(p->item, "leaving") != NULL) {
        return go_on(p, &run, &members, ret_by, err);
    }
    if (find_holder(p, &run, &members, ret_by, err) < 0) {
        return -1;
    }
    *ret_by = members.run_count == 0 ? "it names no run" : *ret_by;
    if (*ret_by != NULL) {
        return 0;
    }
    int result = gc_rows_remove_run(p->rows, &run, &members, p->end_ms, &p->has_rest, err);
    p->rest_owners = members.owner_count;
    p->rest_runs = members.run_count;
    return result;
}

static int remove_deleted(struct piece *p, const char **ret_by, struct err *err)
{
    const char *kind = json_get_text(p->item, "kind", "");
    struct gc_deleted item = {.kind = strcmp(kind, "run") == 0     ? GC_DELETED_RUN
                                      : strcmp(kind, "model") == 0 ? GC_DELETED_MODEL
                                                                   : GC_DELETED_EXPERIMENT,
                              .id = json_get_text(p->item, "id", ""),
                              .label = json_get_text(p->item, "label", ""),
                              .folder = text_of(p->item, "folder"),
                              .weight.bytes = json_get_int(p->item, "bytes", 0)};
    int deleted = store_holding_is_deleted(p->beside->store, kind, item.id, err);
    if (deleted < 0) {
        return -1;
    }
    *ret_by = deleted == 0 || is_used(p->beside, item.id) ? "it was restored, or is used, by now" : NULL;
    return *ret_by != NULL ? 0 : gc_rows_remove_deleted(p->rows, &item, err);
}

static const char *plain_text(const struct piece *p)
{
    return p->item->type == JSON_STRING ? p->item->u.string.p : "";
}

static int remove_entry(struct piece *p, const char **ret_by, struct err *err)
{
    (void)ret_by;
    p->rows->counts[RETENTION_CACHE]++;
    return store_remove_cache_entry(p->beside->store, plain_text(p), err);
}

static int remove_digest(struct piece *p, const char **ret_by, struct err *err)
{
    (void)ret_by;
    return store_remove_file_digest(p->beside->store, plain_text(p), err);
}

/* No row is there for its files: who asks may remove them. Names are random, so that none comes to stand for others. */
static int let_leftover_go(struct piece *p, const char **ret_by, struct err *err)
{
    const char *path = json_get_text(p->item, "path", "");
    int known = store_holding_is_known(p->beside->store, path_base(path), err);
    *ret_by = known == 1 ? "it has its row by now" : NULL;
    p->rows->leftovers += known == 0;
    p->rows->bytes += known == 0 ? json_get_int(p->item, "bytes", 0) : 0;
    return known < 0 ? -1 : 0;
}

static int remove_triggers(struct piece *p, const char **ret_by, struct err *err)
{
    (void)ret_by;
    struct old_triggers old;
    int64_t before_ms = p->item->type == JSON_INT ? p->item->u.integer : 0;
    if (store_old_triggers_remove(p->beside->store, before_ms, TRIGGERS_AT_ONCE, &old, err) < 0) {
        return -1;
    }
    p->rows->old.triggers += old.triggers;
    p->rows->old.backfills += old.backfills;
    p->rows->old.schedules += old.schedules;
    p->more = old.triggers == TRIGGERS_AT_ONCE || old.backfills == TRIGGERS_AT_ONCE ||
              old.schedules == TRIGGERS_AT_ONCE;
    return 0;
}

static int forget_path(struct piece *p, const char **ret_by, struct err *err)
{
    (void)ret_by;
    return store_removal_done(p->beside->store, plain_text(p), err);
}

/* ---- a piece ---------------------------------------------------------------------------------------------------- */

/* `by` is set when the item stays. */
static int (*const removers[GC_PIECES])(struct piece *p, const char **ret_by, struct err *err) = {
    [GC_PIECE_TRIGGERS] = remove_triggers, [GC_PIECE_CACHE] = remove_entry,
    [GC_PIECE_RUNS] = remove_run,          [GC_PIECE_DELETED] = remove_deleted,
    [GC_PIECE_DIGESTS] = remove_digest,    [GC_PIECE_LEFTOVERS] = let_leftover_go,
    [GC_PIECE_GONE] = forget_path,
};

static void add_total(struct gc_beside *beside, const struct gc_rows *rows)
{
    struct gc_rows *total = &beside->total;
    for (size_t i = 0; i < RETENTION_KINDS; i++) {
        total->counts[i] += rows->counts[i];
    }
    total->models += rows->models;
    total->leftovers += rows->leftovers;
    total->old.triggers += rows->old.triggers;
    total->old.backfills += rows->old.backfills;
    total->old.schedules += rows->old.schedules;
    total->bytes += rows->bytes;
}

static int do_items(struct piece *p, size_t what, const struct json *items, struct json *ret_outcome, struct err *err)
{
    struct json held = json_array();
    size_t done = 0;
    p->end_ms = clock_monotonic_ms(&clock_system) + PIECE_MS;
    do {
        const char *by = NULL;
        p->item = &items->u.array.items[done];
        if (removers[what](p, &by, err) < 0) {
            return -1;
        }
        if (by != NULL) {
            struct json one = json_object();
            json_add(p->arena, &one, "index", json_int((int64_t)done));
            json_add(p->arena, &one, "by", json_cstring(p->arena, by));
            json_push(p->arena, &held, one);
        }
        done += !p->has_rest;
    } while (!p->has_rest && done < items->u.array.count && clock_monotonic_ms(&clock_system) < p->end_ms);
    if (p->has_rest) {
        struct json rest = json_object();
        json_add(p->arena, &rest, "owners", json_int((int64_t)p->rest_owners));
        json_add(p->arena, &rest, "runs", json_int((int64_t)p->rest_runs));
        json_add(p->arena, ret_outcome, "rest", rest);
    }
    json_add(p->arena, ret_outcome, "done", json_int((int64_t)done));
    json_add(p->arena, ret_outcome, "held", held);
    json_add(p->arena, ret_outcome, "more", json_bool(p->more));
    return 0;
}

int gc_beside_obey(struct gc_beside *beside, const struct json *document, const char *actor, struct arena *arena,
                   void (*crash_point)(void *ctx, const char *name), struct json *ret_outcome, struct err *err)
{
    const struct json *items = NULL;
    const char *named = json_get_text(document, "what", "");
    size_t what = 0;
    while (what < GC_PIECES && strcmp(gc_piece_names[what], named) != 0) {
        what++;
    }
    if (what == GC_PIECES || count_of(document, "items", &items) == 0) {
        return err_set(err, ERR_INPUT, "expected what is to be removed, and a list of it");
    }
    struct gc_rows rows = {.store = beside->store,
                           .home = beside->home,
                           .actor = actor,
                           .policy = beside->policy,
                           .now_ms = clock_wall_ms(&clock_system),
                           .arena = arena};
    struct piece piece = {.beside = beside, .rows = &rows, .arena = arena};
    *ret_outcome = json_object();
    if (store_begin(beside->store, err) < 0) {
        return -1;
    }
    struct gc_rows went = {0};
    int result = store_meanwhile_take(beside->store, take_reference, beside, err) < 0
                     ? -1
                     : do_items(&piece, what, items, ret_outcome, err);
    went = rows;
    if (result < 0 || gc_rows_note(&rows, err) < 0) {
        store_rollback(beside->store);
        return -1;
    }
    crash_point(NULL, "gc_before_commit");
    if (store_commit(beside->store, err) < 0) {
        return -1;
    }
    crash_point(NULL, "gc_after_commit");
    add_total(beside, &went);
    return gc_set_aside(beside->store, beside->home, went.emptied, went.emptied_count, went.now_ms, arena, err);
}

static int note_pass(struct gc_beside *beside, const char *actor, struct err *err)
{
    beside->total.arena = beside->arena;
    const char *words = gc_rows_words(&beside->total);
    struct activity activity = {
        .at_ms = clock_wall_ms(&clock_system),
        .actor = actor,
        .action = "gc.passed",
        .object = words == NULL ? "nothing" : words,
        .object_id = "",
        .from_state = "",
        .to_state = "done",
        .reason = beside->policy,
        .evidence_sha256 = "",
    };
    if (store_begin(beside->store, err) < 0) {
        return -1;
    }
    if (store_activity_append(beside->store, &activity, err) < 0) {
        store_rollback(beside->store);
        return -1;
    }
    return store_commit(beside->store, err);
}

void gc_beside_end(struct gc_beside *beside, const char *pass)
{
    struct err ignored = {0};
    if (beside == NULL) {
        return;
    }
    store_meanwhile_end(beside->store);
    if (pass != NULL) { /* the next pass comes all the same */
        (void)note_pass(beside, pass, &ignored);
    }
    arena_free(beside->arena);
    free(beside);
}
