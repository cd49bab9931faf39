/* SPDX-License-Identifier: Apache-2.0 */
#include "gc/rows.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/parse.h"
#include "store/activity.h"

enum { ROWS_AT_ONCE = 100 }; /* of steps, attempts and the like, between two looks at the clock */

/* ---- runs ------------------------------------------------------------------------------------------------------- */

static int put_path(const struct gc_rows *c, const char *path, const char *of, struct err *err)
{
    struct removal removal = {.path = path, .of = of, .begun_ms = c->now_ms};
    return path == NULL || !fs_exists(path) ? 0 : store_removal_put(c->store, &removal, err);
}

static int put_run_folder(const struct gc_rows *c, const struct gc_run *run, const char *run_id, struct err *err)
{
    return put_path(c, gc_run_folder(c->home, run_id, c->arena), arena_printf(c->arena, "run %s", run->label), err);
}

static int put_run_folders(const struct gc_rows *c, const struct gc_run *run, const struct gc_members *members,
                           struct err *err)
{
    for (size_t i = 0; i < members->run_count; i++) {
        if (put_run_folder(c, run, members->run_ids[i], err) < 0) {
            return -1;
        }
    }
    return 0;
}

static bool is_over(int64_t end_ms)
{
    return end_ms != 0 && clock_monotonic_ms(&clock_system) >= end_ms;
}

static int remove_head(const struct gc_rows *c, const struct gc_run *run, const char *run_id, struct err *err)
{
    return put_run_folder(c, run, run_id, err) < 0
               ? -1
               : store_remove_pipeline_run_head(c->store, run_id, c->now_ms, err);
}

static int remove_whole_owner(const struct gc_rows *c, const struct gc_run *run, const struct gc_owner *owner,
                              struct err *err)
{
    if (owner->stays) {
        return 0;
    }
    const char *of = arena_printf(c->arena, "run %s", run->label);
    return put_path(c, owner->folder, of, err) < 0 ? -1
           : owner->is_model                       ? store_remove_model(c->store, owner->id, err)
                                                   : store_remove_run(c->store, owner->id, err);
}

/* From the last on: models stand behind MLflow runs, and what is nested behind what it is nested in, so that the survey
 * after a kill still finds whose they are. */
static int remove_owners(const struct gc_rows *c, const struct gc_run *run, struct gc_members *members, int64_t end_ms,
                         struct err *err)
{
    do {
        if (members->owner_count > 0 && remove_whole_owner(c, run, &members->owners[--members->owner_count], err) < 0) {
            return -1;
        }
    } while (members->owner_count > 0 && !is_over(end_ms));
    return 0;
}

/* Of a run that a step began the head goes now, of the run itself it has gone. */
static int remove_last_run(const struct gc_rows *c, const struct gc_run *run, struct gc_members *members,
                           int64_t end_ms, struct err *err)
{
    const char *run_id = members->run_ids[members->run_count - 1];
    bool more = true;
    int leaving = store_is_leaving(c->store, run_id, err);
    if (leaving < 0 || (leaving == 0 && remove_head(c, run, run_id, err) < 0)) {
        return -1;
    }
    do {
        if (store_remove_pipeline_run_rows(c->store, run_id, ROWS_AT_ONCE, &more, err) < 0) {
            return -1;
        }
    } while (more && !is_over(end_ms));
    members->run_count -= !more;
    return 0;
}

static int remove_run(struct gc_rows *c, struct gc_run *run, struct gc_members *members, int64_t end_ms,
                      bool *ret_more, struct err *err)
{
    *ret_more = true;
    if (!run->leaving && remove_head(c, run, members->run_ids[0], err) < 0) {
        return -1;
    }
    run->leaving = true;
    if (remove_owners(c, run, members, end_ms, err) < 0) {
        return -1;
    }
    while (members->owner_count == 0 && members->run_count > 0 && !is_over(end_ms)) {
        if (remove_last_run(c, run, members, end_ms, err) < 0) {
            return -1;
        }
    }
    *ret_more = members->owner_count + members->run_count > 0;
    c->counts[RETENTION_RUNS] += !*ret_more;
    c->bytes += *ret_more ? 0 : run->weights[RETENTION_RUNS].bytes;
    return 0;
}

static int remove_owner(struct gc_rows *c, const struct gc_run *run, const struct gc_owner *owner, struct err *err)
{
    const char *of = arena_printf(c->arena, "%s of run %s", owner->is_model ? "a model" : "artifacts",
                                  run->label);
    if (owner->folder != NULL && !owner->is_model && fs_exists(owner->folder)) {
        c->emptied = arena_grow(c->arena, c->emptied, c->emptied_count, &c->emptied_room, sizeof *c->emptied);
        c->emptied[c->emptied_count++] = owner->folder;
    }
    return put_path(c, owner->folder, of, err) < 0
               ? -1
               : store_remove_files_of(c->store, owner->id, c->now_ms, err);
}

static int remove_parts(struct gc_rows *c, const struct gc_run *run, const struct gc_members *members,
                        struct err *err)
{
    bool artifacts = run->verdicts[RETENTION_ARTIFACTS].fate == GC_GOES;
    bool logs = run->verdicts[RETENTION_LOGS].fate == GC_GOES;
    for (size_t i = 0; i < members->owner_count; i++) {
        const struct gc_owner *owner = &members->owners[i];
        if ((artifacts || owner->goes) && remove_owner(c, run, owner, err) < 0) {
            return -1;
        }
        c->models += owner->goes;
        c->bytes += owner->goes ? owner->weight.bytes : 0;
    }
    c->counts[RETENTION_ARTIFACTS] += artifacts;
    c->counts[RETENTION_LOGS] += logs;
    c->bytes += (artifacts ? run->weights[RETENTION_ARTIFACTS].bytes : 0) +
                (logs ? run->weights[RETENTION_LOGS].bytes : 0);
    return logs ? put_run_folders(c, run, members, err) : 0;
}

int gc_rows_remove_deleted(struct gc_rows *c, const struct gc_deleted *item, struct err *err)
{
    struct store *store = c->store;
    if (put_path(c, item->folder, item->label, err) < 0) {
        return -1;
    }
    c->counts[RETENTION_DELETED]++;
    c->bytes += item->weight.bytes;
    switch (item->kind) {
    case GC_DELETED_RUN:
        return store_remove_run(store, item->id, err);
    case GC_DELETED_MODEL:
        return store_remove_model(store, item->id, err);
    default:
        return store_remove_experiment(store, item->id, err);
    }
}

/* ---- the activity log ------------------------------------------------------------------------------------------- */

static const char *add_count(const struct gc_rows *c, const char *words, int64_t count, const char *one,
                             const char *many)
{
    return count == 0 ? words
                      : arena_printf(c->arena, "%s%s%lld %s", words, *words == '\0' ? "" : ", ",
                                     (long long)count, count == 1 ? one : many);
}

bool gc_is_touched(const struct gc_run *run, const struct gc_members *members)
{
    bool touched = false;
    for (size_t i = 0; i < RETENTION_KINDS; i++) {
        touched = touched || run->verdicts[i].fate == GC_GOES;
    }
    for (size_t i = 0; i < members->owner_count; i++) {
        touched = touched || members->owners[i].goes;
    }
    return touched;
}

int gc_rows_remove_run(struct gc_rows *rows, struct gc_run *run, struct gc_members *members, int64_t end_ms,
                       bool *ret_more, struct err *err)
{
    *ret_more = false;
    return run->verdicts[RETENTION_RUNS].fate == GC_GOES ? remove_run(rows, run, members, end_ms, ret_more, err)
                                                         : remove_parts(rows, run, members, err);
}

const char *gc_rows_words(const struct gc_rows *c)
{
    char size[40];
    format_size(size, sizeof size, c->bytes);
    const char *words = add_count(c, "", c->counts[RETENTION_RUNS], "run", "runs");
    words = add_count(c, words, c->counts[RETENTION_LOGS], "log of a run", "logs of runs");
    words = add_count(c, words, c->counts[RETENTION_ARTIFACTS], "run's artifacts", "runs' artifacts");
    words = add_count(c, words, c->models, "model", "models");
    words = add_count(c, words, c->counts[RETENTION_CACHE], "kept result", "kept results");
    words = add_count(c, words, c->counts[RETENTION_DELETED], "deleted record", "deleted records");
    words = add_count(c, words, c->leftovers, "leftover", "leftovers");
    words = add_count(c, words, c->old.triggers, "trigger", "triggers");
    words = add_count(c, words, c->old.backfills, "backfill", "backfills");
    words = add_count(c, words, c->old.schedules, "schedule", "schedules");
    return *words == '\0' ? NULL : arena_printf(c->arena, "%s (%s)", words, size);
}

int gc_rows_note(struct gc_rows *c, struct err *err)
{
    const char *words = gc_rows_words(c);
    if (words == NULL) {
        return 0;
    }
    struct activity activity = {
        .at_ms = c->now_ms,
        .actor = c->actor,
        .action = "gc.removed",
        .object = words,
        .object_id = "",
        .from_state = "",
        .to_state = "removed",
        .reason = c->policy,
        .evidence_sha256 = "",
    };
    *c = (struct gc_rows){.store = c->store,
                          .home = c->home,
                          .actor = c->actor,
                          .policy = c->policy,
                          .now_ms = c->now_ms,
                          .arena = c->arena};
    return store_activity_append(c->store, &activity, err);
}

/* ---- files ------------------------------------------------------------------------------------------------------ */

bool gc_is_ours(const char *home, const char *path, struct arena *arena)
{
    static const char *const below[] = {"artifacts", "runs", "envs", "runner", "uploads", "repos"};
    struct str rest = str_from(path);
    if (!str_starts(rest, str_from(home)) || strstr(path, "/../") != NULL) {
        return false;
    }
    rest = str_slice(rest, strlen(home), rest.n);
    for (size_t i = 0; i < sizeof below / sizeof below[0]; i++) {
        if (str_starts(rest, str_from(arena_printf(arena, "/%s/", below[i])))) {
            return true;
        }
    }
    return false;
}
