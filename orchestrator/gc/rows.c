/* SPDX-License-Identifier: Apache-2.0 */
#include "gc/rows.h"

#include "base/fs.h"
#include "base/parse.h"
#include "store/activity.h"

/* ---- runs ------------------------------------------------------------------------------------------------------- */

static int put_path(const struct gc_rows *c, const char *path, const char *of, struct err *err)
{
    struct removal removal = {.path = path, .of = of, .begun_ms = c->now_ms};
    return path == NULL || !fs_exists(path) ? 0 : store_removal_put(c->store, &removal, err);
}

static int put_run_folders(const struct gc_rows *c, const struct gc_run *run, const struct gc_members *members,
                           struct err *err)
{
    const char *of = arena_printf(c->arena, "run %s", run->label);
    for (size_t i = 0; i < members->run_count; i++) {
        if (put_path(c, gc_run_folder(c->home, members->run_ids[i], c->arena), of, err) < 0) {
            return -1;
        }
    }
    return 0;
}

static int remove_run(struct gc_rows *c, const struct gc_run *run, const struct gc_members *members,
                      struct err *err)
{
    struct store *store = c->store;
    const char *of = arena_printf(c->arena, "run %s", run->label);
    int result = put_run_folders(c, run, members, err);
    /* What runs refer to goes after them: models first, then MLflow runs. */
    for (size_t i = 0; i < members->owner_count && result == 0; i++) {
        const struct gc_owner *owner = &members->owners[i];
        result = put_path(c, owner->folder, of, err) < 0 ? -1
                 : owner->is_model                       ? store_remove_model(store, owner->id, err)
                                                         : store_remove_run(store, owner->id, err);
    }
    for (size_t i = 0; i < members->run_count && result == 0; i++) {
        result = store_remove_pipeline_run(store, members->run_ids[i], err);
    }
    c->counts[RETENTION_RUNS]++;
    c->bytes += run->weights[RETENTION_RUNS].bytes;
    return result;
}

static int remove_owner(struct gc_rows *c, const struct gc_run *run, const struct gc_owner *owner, struct err *err)
{
    const char *of = arena_printf(c->arena, "%s of run %s", owner->is_model ? "a model" : "artifacts",
                                  run->label);
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

int gc_rows_remove_run(struct gc_rows *rows, const struct gc_run *run, const struct gc_members *members,
                       struct err *err)
{
    return run->verdicts[RETENTION_RUNS].fate == GC_GOES ? remove_run(rows, run, members, err)
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
