/* SPDX-License-Identifier: Apache-2.0 */
#include "gc/collect.h"

#include "base/fs.h"
#include "base/parse.h"
#include "store/activity.h"

#include <stdio.h>

enum {
    BATCH_RUNS = 200,        /* in one transaction */
    BATCH_PATHS = 500,       /* removed between two of them */
    BATCH_TRIGGERS = 2000,   /* in one transaction */
    COMPACT_ABOVE = 1 << 20, /* bytes: a file is written anew for no less */
    COMPACT_PART = 4         /* and only when one part in so many of it is free */
};

struct collecting {
    const struct gc_options *options;
    const struct gc_survey *survey;
    int64_t counts[RETENTION_KINDS];
    int64_t models;
    int64_t leftovers;
    struct old_triggers old;
    int64_t bytes;
};

static void crash_point(const struct collecting *c, const char *name)
{
    c->options->crash_point(c->options->crash_ctx, name);
}

/* ---- rows ------------------------------------------------------------------------------------------------------- */

static int put_path(const struct collecting *c, const char *path, const char *of, struct err *err)
{
    struct removal removal = {.path = path, .of = of, .begun_ms = c->options->now_ms};
    return path == NULL || !fs_exists(path) ? 0 : store_removal_put(c->options->store, &removal, err);
}

static int put_run_folders(const struct collecting *c, const struct gc_run *run, const struct gc_members *members,
                           struct err *err)
{
    const char *of = arena_printf(c->options->arena, "run %s", run->label);
    for (size_t i = 0; i < members->run_count; i++) {
        if (put_path(c, gc_run_folder(c->survey->home, members->run_ids[i], c->options->arena), of, err) < 0) {
            return -1;
        }
    }
    return 0;
}

static int remove_run(struct collecting *c, const struct gc_run *run, const struct gc_members *members,
                      struct err *err)
{
    struct store *store = c->options->store;
    const char *of = arena_printf(c->options->arena, "run %s", run->label);
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

static int remove_owner(struct collecting *c, const struct gc_run *run, const struct gc_owner *owner, struct err *err)
{
    const char *of = arena_printf(c->options->arena, "%s of run %s", owner->is_model ? "a model" : "artifacts",
                                  run->label);
    return put_path(c, owner->folder, of, err) < 0
               ? -1
               : store_remove_files_of(c->options->store, owner->id, c->options->now_ms, err);
}

static int remove_parts(struct collecting *c, const struct gc_run *run, const struct gc_members *members,
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

static int remove_entries(struct collecting *c, struct err *err)
{
    for (size_t i = 0; i < c->survey->entry_count; i++) {
        const struct gc_entry *entry = &c->survey->entries[i];
        if (entry->verdict.fate == GC_GOES) {
            if (store_remove_cache_entry(c->options->store, entry->key, err) < 0) {
                return -1;
            }
            c->counts[RETENTION_CACHE]++;
        }
    }
    return 0;
}

static int remove_deleted_one(struct collecting *c, const struct gc_deleted *item, struct err *err)
{
    struct store *store = c->options->store;
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

/* Experiments are last: what is in them goes before them. */
static int remove_batch_of_deleted(struct collecting *c, size_t *next, struct err *err)
{
    int result = 0;
    for (size_t done = 0; *next < c->survey->deleted_count && done < BATCH_RUNS && result == 0; (*next)++) {
        const struct gc_deleted *item = &c->survey->deleted[*next];
        if (item->verdict.fate == GC_GOES) {
            result = remove_deleted_one(c, item, err);
            done++;
        }
    }
    return result;
}

static int remove_leftovers(struct collecting *c, struct err *err)
{
    int64_t ignored[STORE_LOOSE_KINDS];
    for (size_t i = 0; i < c->survey->leftover_count; i++) {
        c->leftovers++;
        c->bytes += c->survey->leftovers[i].weight.bytes;
    }
    for (size_t i = 0; i < c->survey->digest_count; i++) {
        if (store_remove_file_digest(c->options->store, c->survey->digests[i], err) < 0) {
            return -1;
        }
    }
    return store_loose_rows(c->options->store, true, ignored, err);
}

/* ---- the activity log ------------------------------------------------------------------------------------------- */

static const char *add_count(const struct collecting *c, const char *words, int64_t count, const char *one,
                             const char *many)
{
    return count == 0 ? words
                      : arena_printf(c->options->arena, "%s%s%lld %s", words, *words == '\0' ? "" : ", ",
                                     (long long)count, count == 1 ? one : many);
}

/* What went since the last row of it; nothing when nothing did. */
static int note(struct collecting *c, struct err *err)
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
    if (*words == '\0') {
        return 0;
    }
    struct activity activity = {
        .at_ms = c->options->now_ms,
        .actor = c->options->actor,
        .action = "gc.removed",
        .object = arena_printf(c->options->arena, "%s (%s)", words, size),
        .object_id = "",
        .from_state = "",
        .to_state = "removed",
        .reason = c->options->policy,
        .evidence_sha256 = "",
    };
    *c = (struct collecting){.options = c->options, .survey = c->survey};
    return store_activity_append(c->options->store, &activity, err);
}

/* ---- transactions ----------------------------------------------------------------------------------------------- */

static int settle(struct collecting *c, int result, struct err *err)
{
    if (result < 0) {
        store_rollback(c->options->store);
        return -1;
    }
    crash_point(c, "gc_before_commit");
    if (store_commit(c->options->store, err) < 0) {
        return -1;
    }
    crash_point(c, "gc_after_commit");
    return 0;
}

static bool is_touched(const struct gc_run *run, const struct gc_members *members)
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

/* The newest go first: a run that is used by another stays at least as long as that one. */
static int remove_batch(struct collecting *c, size_t *left, struct err *err)
{
    int result = 0;
    for (size_t done = 0; *left > 0 && done < BATCH_RUNS && result == 0;) {
        const struct gc_run *run = &c->survey->runs[--*left];
        const struct gc_members *members = &c->survey->members[*left];
        if (is_touched(run, members)) {
            result = run->verdicts[RETENTION_RUNS].fate == GC_GOES ? remove_run(c, run, members, err)
                                                                   : remove_parts(c, run, members, err);
            done++;
        }
    }
    return result;
}

/* Kept results go before the runs that they hold, and those before what clients deleted; leftovers, and rows that
 * nothing refers to, at the end. */
static int remove_rows(struct collecting *c, struct err *err)
{
    struct store *store = c->options->store;
    size_t left = c->survey->run_count;
    size_t deleted = 0;
    bool first = true;
    do {
        if (store_begin(store, err) < 0) {
            return -1;
        }
        int result = first ? remove_entries(c, err) : 0;
        result = result < 0 ? -1 : remove_batch(c, &left, err);
        result = result == 0 && left == 0 ? remove_batch_of_deleted(c, &deleted, err) : result;
        result = result == 0 && left == 0 && deleted == c->survey->deleted_count ? remove_leftovers(c, err) : result;
        if (settle(c, result < 0 ? -1 : note(c, err), err) < 0) {
            return -1;
        }
        first = false;
    } while (left > 0 || deleted < c->survey->deleted_count);
    return 0;
}

/* Before the runs, so that those go which the survey has counted: what a run leaves that goes now is for the next. */
static int remove_triggers(struct collecting *c, struct err *err)
{
    int64_t before_ms = c->survey->triggers_before_ms;
    bool more = before_ms != 0;
    while (more) {
        if (store_begin(c->options->store, err) < 0) {
            return -1;
        }
        int result = store_old_triggers_remove(c->options->store, before_ms, BATCH_TRIGGERS, &c->old, err);
        more = c->old.triggers == BATCH_TRIGGERS || c->old.backfills == BATCH_TRIGGERS ||
               c->old.schedules == BATCH_TRIGGERS;
        if (settle(c, result < 0 ? -1 : note(c, err), err) < 0) {
            return -1;
        }
    }
    return 0;
}

/* ---- files ------------------------------------------------------------------------------------------------------ */

/* Nothing outside the home's folders of files is ever removed, whatever a row says. */
static bool is_ours(const struct collecting *c, const char *path)
{
    static const char *const below[] = {"artifacts", "runs", "envs", "runner", "uploads", "repos"};
    struct str rest = str_from(path);
    if (!str_starts(rest, str_from(c->survey->home)) || strstr(path, "/../") != NULL) {
        return false;
    }
    rest = str_slice(rest, strlen(c->survey->home), rest.n);
    for (size_t i = 0; i < sizeof below / sizeof below[0]; i++) {
        if (str_starts(rest, str_from(arena_printf(c->options->arena, "/%s/", below[i])))) {
            return true;
        }
    }
    return false;
}

/* What steps of another user have made is theirs to remove; the folders above it are ours. */
static int remove_all(const struct collecting *c, const char *path, struct err *err)
{
    struct err first = {0};
    if (fs_remove(path, &first) == 0) {
        return 0;
    }
    if (c->options->remove_theirs == NULL) {
        *err = first;
        return -1;
    }
    return c->options->remove_theirs(c->options->theirs, path, err) < 0 ? -1 : fs_remove(path, err);
}

/* Whether it is gone. */
static bool remove_path(struct collecting *c, const char *path, struct gc_outcome *outcome)
{
    struct err wrong = {0};
    crash_point(c, "gc_before_files");
    if (is_ours(c, path) && remove_all(c, path, &wrong) < 0) {
        outcome->failures++;
        outcome->failure =
            outcome->failure == NULL ? arena_strdup(c->options->arena, wrong.message) : outcome->failure;
        return false;
    }
    crash_point(c, "gc_after_files");
    return true;
}

/* A row that outlives its files does no harm: what is gone is gone. */
static int remove_batch_of_paths(struct collecting *c, const struct removal *rows, size_t count,
                                 struct gc_outcome *outcome, struct err *err)
{
    if (store_begin(c->options->store, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        if (remove_path(c, rows[i].path, outcome) && store_removal_done(c->options->store, rows[i].path, err) < 0) {
            store_rollback(c->options->store);
            return -1;
        }
    }
    return store_commit(c->options->store, err);
}

/* Leftovers need no row to be found again; and the place of one, an environment, may be somebody's by then. */
static int remove_files(struct collecting *c, struct gc_outcome *outcome, struct err *err)
{
    struct removal *rows = NULL;
    size_t count = 0;
    if (store_removal_list(c->options->store, c->options->arena, &rows, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i += BATCH_PATHS) {
        if (remove_batch_of_paths(c, rows + i, count - i < BATCH_PATHS ? count - i : BATCH_PATHS, outcome, err) < 0) {
            return -1;
        }
    }
    for (size_t i = 0; i < c->survey->leftover_count; i++) {
        if (fs_exists(c->survey->leftovers[i].path)) {
            (void)remove_path(c, c->survey->leftovers[i].path, outcome);
        }
    }
    return 0;
}

/* ---- the whole -------------------------------------------------------------------------------------------------- */

static int compact(struct collecting *c, struct gc_outcome *outcome, struct err *err)
{
    struct store *store = c->options->store;
    int64_t unused = 0;
    if (store_space(store, &outcome->bytes_before, &unused, err) < 0) {
        return -1;
    }
    outcome->bytes_after = outcome->bytes_before;
    if (unused < COMPACT_ABOVE || unused < outcome->bytes_before / COMPACT_PART) {
        return 0;
    }
    crash_point(c, "gc_before_compact");
    struct err wrong = {0};
    if (store_compact(store, &wrong) < 0) {
        if (wrong.code != ERR_LIMIT) {
            *err = wrong;
            return -1;
        }
        return 0; /* no room for the new file: the free pages are used by what comes next */
    }
    crash_point(c, "gc_after_compact");
    return store_space(store, &outcome->bytes_after, &unused, err);
}

int gc_collect(const struct gc_options *options, const struct gc_survey *survey, struct gc_outcome *ret,
               struct err *err)
{
    struct collecting c = {.options = options, .survey = survey};
    *ret = (struct gc_outcome){0};
    return remove_triggers(&c, err) < 0 || remove_rows(&c, err) < 0 || remove_files(&c, ret, err) < 0
               ? -1
               : compact(&c, ret, err);
}
