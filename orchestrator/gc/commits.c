/* SPDX-License-Identifier: Apache-2.0
 * Checkouts and pins of sources: HOME/repos/SOURCE/{mirror.git,commits/COMMIT}. A commit is needed while its pipelines
 * are in force, and while there are rows of a run that began with it: it may be retried.
 */
#include "base/fs.h"
#include "base/path.h"
#include "base/str_index.h"
#include "gc/disk.h"
#include "gc/survey.h"
#include "store/in_force.h"
#include "store/sources.h"

#include <string.h>

struct needed {
    struct source_run *runs; /* that stay */
    size_t run_count;
    struct pipeline_in_force *in_force;
    size_t in_force_count;
    struct source_row *sources;
    size_t source_count;
};

static bool run_stays(const struct gc_survey *survey, const struct gc_ids *ids, const char *run_id)
{
    ptrdiff_t at = str_index_find(ids->index, str_from(run_id));
    return at >= 0 && (ids->run[at] == SIZE_MAX || survey->runs[ids->run[at]].verdicts[RETENTION_RUNS].fate != GC_GOES);
}

static bool is_needed(const struct needed *needed, const char *source, const char *commit, const char *path)
{
    for (size_t i = 0; i < needed->run_count; i++) {
        if (strcmp(needed->runs[i].source, source) == 0 && strcmp(needed->runs[i].commit_id, commit) == 0) {
            return true;
        }
    }
    for (size_t i = 0; i < needed->in_force_count; i++) {
        if (strcmp(needed->in_force[i].workspace, path) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_followed(const struct needed *needed, const char *source)
{
    for (size_t i = 0; i < needed->source_count; i++) {
        if (strcmp(needed->sources[i].name, source) == 0) {
            return true;
        }
    }
    return false;
}

static int read_needed(struct store *store, const struct gc_survey *survey, const struct gc_ids *ids,
                       struct arena *arena, struct needed *ret, struct err *err)
{
    *ret = (struct needed){0};
    size_t stay = 0;
    if (store_source_runs(store, arena, &ret->runs, &ret->run_count, err) < 0 ||
        store_in_force_list(store, NULL, arena, &ret->in_force, &ret->in_force_count, err) < 0 ||
        store_source_list(store, arena, &ret->sources, &ret->source_count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < ret->run_count; i++) {
        if (run_stays(survey, ids, ret->runs[i].run_id)) {
            ret->runs[stay++] = ret->runs[i];
        }
    }
    ret->run_count = stay;
    return 0;
}

static bool keeps_commit(const struct needed *needed, const char *source, const char *folder, struct arena *arena)
{
    size_t count = 0;
    const char *const *names = disk_list(folder, arena, &count);
    for (size_t i = 0; i < count; i++) {
        if (is_needed(needed, source, names[i], path_join(arena, folder, names[i]))) {
            return true;
        }
    }
    return false;
}

static void find_checkouts(struct gc_survey *survey, const struct needed *needed, const char *source,
                           const char *folder, struct arena *arena)
{
    size_t count = 0;
    const char *const *names = disk_list(folder, arena, &count);
    for (size_t i = 0; i < count; i++) {
        const char *path = path_join(arena, folder, names[i]);
        bool half = str_ends(str_from(names[i]), STR(".new"));
        if (half || !is_needed(needed, source, names[i], path)) {
            gc_add_leftover(survey, path, half ? "a checkout that was not finished" : "no run needs this commit",
                            arena);
        }
    }
}

static void find_pins(struct gc_survey *survey, const struct gc_ids *ids, const char *folder, struct arena *arena)
{
    size_t count = 0;
    const char *const *names = disk_list(folder, arena, &count);
    for (size_t i = 0; i < count; i++) {
        if (!run_stays(survey, ids, names[i])) {
            gc_add_leftover(survey, path_join(arena, folder, names[i]), "the run that it kept a commit for is gone",
                            arena);
        }
    }
}

int gc_find_commits(struct store *store, struct gc_survey *survey, const struct gc_ids *ids, struct arena *arena,
                    struct err *err)
{
    const char *repos = path_join(arena, survey->home, "repos");
    struct needed needed;
    size_t count = 0;
    const char *const *names = disk_list(repos, arena, &count);
    if (count == 0) {
        return 0;
    }
    if (read_needed(store, survey, ids, arena, &needed, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        const char *folder = path_join(arena, repos, names[i]);
        const char *commits = path_join(arena, folder, "commits");
        const char *half = path_join(arena, folder, "mirror.git.new");
        if (!is_followed(&needed, names[i]) && !keeps_commit(&needed, names[i], commits, arena)) {
            gc_add_leftover(survey, folder, "a source that is followed no more", arena);
            continue;
        }
        if (fs_exists(half)) {
            gc_add_leftover(survey, half, "a clone that was not finished", arena);
        }
        find_checkouts(survey, &needed, names[i], commits, arena);
        find_pins(survey, ids, path_join(arena, folder, "mirror.git/refs/sluice/runs"), arena);
    }
    return 0;
}
