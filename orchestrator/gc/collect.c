/* SPDX-License-Identifier: Apache-2.0 */
#include "gc/collect.h"

#include "base/fs.h"
#include "gc/rows.h"


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
    struct gc_rows rows;
};

static void crash_point(const struct collecting *c, const char *name)
{
    c->options->crash_point(c->options->crash_ctx, name);
}

/* ---- rows ------------------------------------------------------------------------------------------------------- */

static int remove_entries(struct collecting *c, struct err *err)
{
    for (size_t i = 0; i < c->survey->entry_count; i++) {
        const struct gc_entry *entry = &c->survey->entries[i];
        if (entry->verdict.fate == GC_GOES) {
            if (store_remove_cache_entry(c->options->store, entry->key, err) < 0) {
                return -1;
            }
            c->rows.counts[RETENTION_CACHE]++;
        }
    }
    return 0;
}

/* Experiments are last: what is in them goes before them. */
static int remove_batch_of_deleted(struct collecting *c, size_t *next, struct err *err)
{
    int result = 0;
    for (size_t done = 0; *next < c->survey->deleted_count && done < BATCH_RUNS && result == 0; (*next)++) {
        const struct gc_deleted *item = &c->survey->deleted[*next];
        if (item->verdict.fate == GC_GOES) {
            result = gc_rows_remove_deleted(&c->rows, item, err);
            done++;
        }
    }
    return result;
}

static int remove_leftovers(struct collecting *c, struct err *err)
{
    int64_t ignored[STORE_LOOSE_KINDS];
    for (size_t i = 0; i < c->survey->leftover_count; i++) {
        c->rows.leftovers++;
        c->rows.bytes += c->survey->leftovers[i].weight.bytes;
    }
    for (size_t i = 0; i < c->survey->digest_count; i++) {
        if (store_remove_file_digest(c->options->store, c->survey->digests[i], err) < 0) {
            return -1;
        }
    }
    return store_loose_rows(c->options->store, true, ignored, err);
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

/* The newest go first: a run that is used by another stays at least as long as that one. */
static int remove_batch(struct collecting *c, size_t *left, struct err *err)
{
    int result = 0;
    for (size_t done = 0; *left > 0 && done < BATCH_RUNS && result == 0;) {
        struct gc_run run = c->survey->runs[--*left];
        struct gc_members members = c->survey->members[*left];
        bool more = false; /* never: nobody waits for who holds the home */
        if (gc_is_touched(&run, &members)) {
            result = gc_rows_remove_run(&c->rows, &run, &members, 0, &more, err);
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
        if (settle(c, result < 0 ? -1 : gc_rows_note(&c->rows, err), err) < 0) {
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
        int result = store_old_triggers_remove(c->options->store, before_ms, BATCH_TRIGGERS, &c->rows.old, err);
        more = c->rows.old.triggers == BATCH_TRIGGERS || c->rows.old.backfills == BATCH_TRIGGERS ||
               c->rows.old.schedules == BATCH_TRIGGERS;
        if (settle(c, result < 0 ? -1 : gc_rows_note(&c->rows, err), err) < 0) {
            return -1;
        }
    }
    return 0;
}

/* ---- files ------------------------------------------------------------------------------------------------------ */

/* What steps of another user have made is theirs to remove; the folders above it are ours. */
static int remove_all(const struct gc_options *options, const char *path, struct err *err)
{
    struct err first = {0};
    if (fs_remove(path, &first) == 0) {
        return 0;
    }
    if (options->remove_theirs == NULL) {
        *err = first;
        return -1;
    }
    return options->remove_theirs(options->theirs, path, err) < 0 ? -1 : fs_remove(path, err);
}

bool gc_remove_path(const struct gc_options *options, const char *home, const char *path, struct gc_outcome *outcome)
{
    struct err wrong = {0};
    options->crash_point(options->crash_ctx, "gc_before_files");
    if (gc_is_ours(home, path, options->arena) && remove_all(options, path, &wrong) < 0) {
        outcome->failures++;
        outcome->failure =
            outcome->failure == NULL ? arena_strdup(options->arena, wrong.message) : outcome->failure;
        return false;
    }
    options->crash_point(options->crash_ctx, "gc_after_files");
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
        bool gone = gc_remove_path(c->options, c->survey->home, rows[i].path, outcome);
        if (gone && store_removal_done(c->options->store, rows[i].path, err) < 0) {
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
            (void)gc_remove_path(c->options, c->survey->home, c->survey->leftovers[i].path, outcome);
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
    struct collecting c = {.options = options,
                           .survey = survey,
                           .rows = {.store = options->store,
                                    .home = survey->home,
                                    .actor = options->actor,
                                    .policy = options->policy,
                                    .now_ms = options->now_ms,
                                    .arena = options->arena}};
    *ret = (struct gc_outcome){0};
    return remove_triggers(&c, err) < 0 || remove_rows(&c, err) < 0 || remove_files(&c, ret, err) < 0
               ? -1
               : compact(&c, ret, err);
}
