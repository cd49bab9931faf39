/* SPDX-License-Identifier: Apache-2.0
 * What of a survey is sent to who holds the home.
 */
#include "gc/beside.h"

const char *const gc_piece_names[GC_PIECES] = {
    [GC_PIECE_TRIGGERS] = "triggers", [GC_PIECE_CACHE] = "cache",     [GC_PIECE_RUNS] = "runs",
    [GC_PIECE_DELETED] = "deleted",   [GC_PIECE_DIGESTS] = "digests", [GC_PIECE_LEFTOVERS] = "leftovers",
    [GC_PIECE_GONE] = "gone",
};

static struct json texts(const char *const *items, size_t count, struct arena *arena)
{
    struct json list = json_array();
    for (size_t i = 0; i < count; i++) {
        json_push(arena, &list, json_cstring(arena, items[i]));
    }
    return list;
}

static void add_text(struct json *object, const char *key, const char *text, struct arena *arena)
{
    json_add(arena, object, key, text == NULL ? json_null() : json_cstring(arena, text));
}

/* The others that use it and go, too: while one of them is there, this one stays. */
static struct json users_of(const struct gc_survey *survey, const struct gc_run *run, struct arena *arena)
{
    struct json list = json_array();
    for (size_t i = 0; i < run->user_count; i++) {
        if (survey->runs[run->users[i]].verdicts[RETENTION_RUNS].fate != GC_GOES) {
            continue;
        }
        json_push(arena, &list, json_cstring(arena, survey->members[run->users[i]].run_ids[0]));
    }
    return list;
}

struct json gc_beside_run_json(const struct gc_survey *survey, size_t at, size_t most, struct arena *arena)
{
    const struct gc_run *run = &survey->runs[at];
    const struct gc_members *members = &survey->members[at];
    struct json object = json_object();
    struct json owners = json_array();
    struct json kinds = json_object();
    size_t first = run->leaving && members->owner_count > most ? members->owner_count - most : 0;
    size_t first_run = first > 0                                       ? members->run_count /* those go after */
                       : run->leaving && members->run_count > most ? members->run_count - most
                                                                   : 0;
    for (size_t i = first; i < members->owner_count; i++) {
        struct json owner = json_object();
        add_text(&owner, "id", members->owners[i].id, arena);
        add_text(&owner, "folder", members->owners[i].folder, arena);
        json_add(arena, &owner, "model", json_bool(members->owners[i].is_model));
        json_add(arena, &owner, "goes", json_bool(members->owners[i].goes));
        json_add(arena, &owner, "stays", json_bool(members->owners[i].stays));
        json_add(arena, &owner, "bytes", json_int(members->owners[i].weight.bytes));
        json_push(arena, &owners, owner);
    }
    for (size_t i = 0; i < RETENTION_KINDS; i++) {
        if (run->verdicts[i].fate == GC_GOES) {
            json_add(arena, &kinds, retention_rows[i].name, json_int(run->weights[i].bytes));
        }
    }
    add_text(&object, "label", run->label, arena);
    if (run->leaving) {
        add_text(&object, "leaving", members->run_ids[0], arena);
        json_add(arena, &object, "owners_before", json_int((int64_t)first));
        json_add(arena, &object, "runs_before", json_int((int64_t)first_run));
    }
    json_add(arena, &object, "runs", texts(members->run_ids + first_run, members->run_count - first_run, arena));
    json_add(arena, &object, "owners", owners);
    json_add(arena, &object, "users", users_of(survey, run, arena));
    json_add(arena, &object, "goes", kinds);
    return object;
}

static const char *const deleted_names[] = {
    [GC_DELETED_RUN] = "run", [GC_DELETED_MODEL] = "model", [GC_DELETED_EXPERIMENT] = "experiment"};

struct json gc_beside_deleted_json(const struct gc_deleted *item, struct arena *arena)
{
    struct json object = json_object();
    add_text(&object, "kind", deleted_names[item->kind], arena);
    add_text(&object, "id", item->id, arena);
    add_text(&object, "label", item->label, arena);
    add_text(&object, "folder", item->folder, arena);
    json_add(arena, &object, "bytes", json_int(item->weight.bytes));
    return object;
}

struct json gc_beside_leftover_json(const struct gc_leftover *leftover, struct arena *arena)
{
    struct json object = json_object();
    add_text(&object, "path", leftover->path, arena);
    json_add(arena, &object, "bytes", json_int(leftover->weight.bytes));
    return object;
}
