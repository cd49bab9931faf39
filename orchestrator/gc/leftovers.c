/* SPDX-License-Identifier: Apache-2.0
 * Files that no row speaks of. Who looks holds the home, or only looks: nobody else makes new ones meanwhile but the
 * steps of open runs, which outlive a sluice that was killed. The rows of their runs are there before their files; what
 * may be there before its row is left alone while a run is open.
 */
#include "base/fs.h"
#include "base/path.h"
#include "base/str_index.h"
#include "gc/disk.h"
#include "gc/survey.h"
#include "store/traces.h"
#include "store/upload_age.h"

#include <sys/stat.h>

static const int64_t runner_log_ms = (int64_t)30 * 24 * 3600 * 1000;

static bool some_run_is_open(const struct gc_survey *survey)
{
    for (size_t i = 0; i < survey->run_count; i++) {
        if (survey->runs[i].open) {
            return true;
        }
    }
    return false;
}

void gc_add_leftover(struct gc_survey *survey, const char *path, const char *why, struct arena *arena)
{
    survey->leftovers = arena_grow(arena, survey->leftovers, survey->leftover_count, &survey->leftover_room,
                                   sizeof *survey->leftovers);
    struct gc_leftover *leftover = &survey->leftovers[survey->leftover_count++];
    *leftover = (struct gc_leftover){.path = path, .why = why};
    disk_weigh(path, NULL, NULL, &leftover->weight);
}

static ptrdiff_t known(const struct gc_ids *ids, const char *id)
{
    return str_index_find(ids->index, str_from(id));
}

static void find_run_folders(struct gc_survey *survey, const struct gc_ids *ids, struct arena *arena)
{
    const char *folder = path_join(arena, survey->home, "runs");
    size_t count = 0;
    const char *const *names = disk_list(folder, arena, &count);
    for (size_t i = 0; i < count; i++) {
        if (known(ids, names[i]) < 0) {
            gc_add_leftover(survey, path_join(arena, folder, names[i]), "no run has it", arena);
        }
    }
}

static void find_models(struct gc_survey *survey, const struct gc_ids *ids, const char *folder, struct arena *arena)
{
    size_t count = 0;
    const char *const *names = disk_list(folder, arena, &count);
    bool copying = some_run_is_open(survey); /* a model is told in the journal and copied, its row comes later */
    for (size_t i = 0; i < count; i++) {
        ptrdiff_t at = known(ids, names[i]);
        if (at < 0 ? !copying : !ids->keeps_files[at]) {
            gc_add_leftover(survey, path_join(arena, folder, names[i]),
                            at < 0 ? "no model has it" : "its model failed or was deleted", arena);
        }
    }
}

/* A trace's row is there before its files. */
static int find_traces(struct store *store, struct gc_survey *survey, const char *folder, struct arena *arena,
                       struct err *err)
{
    size_t count = 0;
    const char *const *names = disk_list(folder, arena, &count);
    for (size_t i = 0; i < count; i++) {
        struct trace trace;
        struct err wrong = {0};
        if (store_trace_get(store, names[i], arena, &trace, &wrong) == 0) {
            continue;
        }
        if (wrong.code != ERR_NOT_FOUND) {
            *err = wrong;
            return -1;
        }
        gc_add_leftover(survey, path_join(arena, folder, names[i]), "no trace has it", arena);
    }
    return 0;
}

/* artifacts/EXPERIMENT/RUN, artifacts/EXPERIMENT/models/MODEL and artifacts/EXPERIMENT/traces/TRACE. */
static int find_artifacts(struct store *store, struct gc_survey *survey, const struct gc_ids *ids,
                          struct arena *arena, struct err *err)
{
    const char *artifacts = path_join(arena, survey->home, "artifacts");
    size_t experiments = 0;
    const char *const *names = disk_list(artifacts, arena, &experiments);
    for (size_t e = 0; e < experiments; e++) {
        size_t count = 0;
        const char *folder = path_join(arena, artifacts, names[e]);
        const char *const *owners = disk_list(folder, arena, &count);
        for (size_t i = 0; i < count; i++) {
            const char *path = path_join(arena, folder, owners[i]);
            if (strcmp(owners[i], "models") == 0) {
                find_models(survey, ids, path, arena);
            } else if (strcmp(owners[i], "traces") == 0) {
                if (find_traces(store, survey, path, arena, err) < 0) {
                    return -1;
                }
            } else if (known(ids, owners[i]) < 0) {
                gc_add_leftover(survey, path, "no run has it", arena);
            }
        }
    }
    return 0;
}

/* A Python environment is whole when it holds .ready (runner/sluice-python-env). While a run is open, one may be in the
 * making. */
static void find_environments(struct gc_survey *survey, struct arena *arena)
{
    const char *folder = path_join(arena, survey->home, "envs");
    size_t count = 0;
    const char *const *names = disk_list(folder, arena, &count);
    for (size_t i = 0; i < count && !some_run_is_open(survey); i++) {
        const char *path = path_join(arena, folder, names[i]);
        if (fs_is_folder(path) && !fs_exists(path_join(arena, path, ".ready"))) {
            gc_add_leftover(survey, path, "a Python environment that was not finished", arena);
        }
    }
}

static bool is_older(const char *path, int64_t than_ms, int64_t now_ms)
{
    struct stat status;
    return lstat(path, &status) == 0 && (int64_t)status.st_mtim.tv_sec * 1000 + than_ms <= now_ms;
}

/* Of runners that ended well only logs with something in them are left. One whose socket is there may be alive. */
static void find_runner_logs(struct gc_survey *survey, int64_t now_ms, struct arena *arena)
{
    const char *folder = path_join(arena, survey->home, "runner");
    size_t count = 0;
    const char *const *names = disk_list(folder, arena, &count);
    for (size_t i = 0; i < count; i++) {
        struct str name = str_from(names[i]);
        const char *path = path_join(arena, folder, names[i]);
        if (!str_ends(name, STR(".log")) || !is_older(path, runner_log_ms, now_ms)) {
            continue;
        }
        const char *socket = arena_printf(arena, "%s/%.*s.sock", folder, (int)(name.n - strlen(".log")), name.p);
        if (!fs_exists(socket)) {
            gc_add_leftover(survey, path, "the log of a runner that ended a month ago", arena);
        }
    }
}

/* The parts of a file, and the trace of one that came whole. */
static void find_uploads(struct gc_survey *survey, int64_t now_ms, struct arena *arena)
{
    const char *folder = path_join(arena, survey->home, "uploads");
    size_t count = 0;
    const char *const *names = disk_list(folder, arena, &count);
    for (size_t i = 0; i < count; i++) {
        const char *path = path_join(arena, folder, names[i]);
        if (is_older(path, upload_kept_ms, now_ms)) {
            gc_add_leftover(survey, path, "an upload that nobody has touched for a week", arena);
        }
    }
}

/* What an earlier removal did not come to: its rows are gone already. */
static int find_removals(struct store *store, struct gc_survey *survey, struct arena *arena, struct err *err)
{
    struct removal *rows = NULL;
    size_t count = 0;
    size_t before = survey->leftover_count;
    if (store_removal_list(store, arena, &rows, &count, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        const char *why = arena_printf(arena, "removing %s was interrupted", rows[i].of);
        bool found = false;
        for (size_t k = 0; k < before && !found; k++) {
            found = strcmp(survey->leftovers[k].path, rows[i].path) == 0;
            survey->leftovers[k].why = found ? why : survey->leftovers[k].why;
            survey->leftovers[k].interrupted = found || survey->leftovers[k].interrupted;
        }
        if (!found) {
            gc_add_leftover(survey, rows[i].path, why, arena);
            survey->leftovers[survey->leftover_count - 1].interrupted = true;
        }
    }
    return 0;
}

int gc_find_leftovers(struct store *store, struct gc_survey *survey, const struct gc_ids *ids, struct arena *arena,
                      int64_t now_ms, struct err *err)
{
    find_run_folders(survey, ids, arena);
    if (find_artifacts(store, survey, ids, arena, err) < 0) {
        return -1;
    }
    find_environments(survey, arena);
    find_runner_logs(survey, now_ms, arena);
    find_uploads(survey, now_ms, arena);
    if (gc_find_commits(store, survey, ids, arena, err) < 0) {
        return -1;
    }
    return find_removals(store, survey, arena, err);
}
