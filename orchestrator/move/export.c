/* SPDX-License-Identifier: Apache-2.0 */
#include "move/export.h"

#include "base/fs.h"
#include "base/path.h"
#include "store/experiments.h"

#include <stdlib.h>
#include <string.h>

static const char *const words[] = {"experiment", "run", "logged model", "registered model", "trace"};
static const char *const many[] = {"experiments", "runs", "logged models", "registered models", "traces"};

enum export_state { EXPORT_SAME, EXPORT_LOSSY, EXPORT_LEFT };

struct export_job {
    const struct move_export *options;
    struct move_sink *sink;
    struct move_source *home;
    struct export_outcome *outcome;
    struct arena *record; /* of the record at hand */
    struct move_files files;
    struct moved_ids ids[MOVED_KINDS];
    enum export_state *states[MOVED_KINDS];
};

static void progress(const struct export_job *job, const char *what, size_t done, size_t all)
{
    if (job->options->progress != NULL) {
        job->options->progress(job->options->progress_context, what, (int64_t)done, (int64_t)all);
    }
}

/* ---- files ------------------------------------------------------------------------------------------------------ */

/* What stands behind the home's folder of files in a place: "7/RUN/artifacts"; NULL: the home does not keep it. */
static const char *kept_below(const struct export_job *job, const char *place)
{
    const char *folder = arena_printf(job->record, "%s/artifacts/", job->options->home);
    size_t length = strlen(folder);
    bool below = strncmp(place, folder, length) == 0 && path_is_below(str_from(place + length));
    return below && job->options->mode != MOVE_REFERENCE ? place + length : NULL;
}

static const char *map_place(const struct export_job *job, const char *place)
{
    const char *below = kept_below(job, place);
    return below == NULL ? place : arena_printf(job->record, "%s/%s", job->sink->uri, below);
}

/* The files of a record come to the sink's folder; those that the home does not keep stay. */
static int bring_files(struct export_job *job, const char *place, struct err *err)
{
    const char *below = kept_below(job, place);
    struct artifact *rows = NULL;
    size_t count = 0;
    if (below == NULL) {
        job->outcome->references += *place != '\0';
        return 0;
    }
    return !fs_is_folder(place) ? 0
                                : move_files_bring(&job->files, place, path_join(job->record, job->sink->files, below),
                                                   NULL, 0, job->record, &rows, &count, err);
}

/* ---- records ---------------------------------------------------------------------------------------------------- */

static int write_experiment(struct export_job *job, const char *id, struct err *err)
{
    struct moved_experiment experiment;
    if (job->home->ops->experiment(job->home, id, job->record, &experiment, err) < 0) {
        return -1;
    }
    experiment.artifact_location = *experiment.artifact_location == '\0'
                                       ? arena_printf(job->record, "%s/%s", job->sink->uri, id)
                                       : map_place(job, experiment.artifact_location);
    return job->sink->ops->experiment(job->sink, &experiment, err);
}

/* Gathers the history of a key from its series, which come one after the other. */
struct key_gather {
    struct export_job *job;
    const struct moved_run *run;
    struct arena *arena; /* of the key at hand */
    const char *key;     /* NULL: none yet */
    struct metric_ranks all;
};

static int end_key(struct key_gather *gather, struct err *err)
{
    struct move_sink *sink = gather->job->sink;
    if (gather->key == NULL) {
        return 0;
    }
    gather->job->outcome->points += (int64_t)gather->all.count;
    int result = sink->ops->history(sink, gather->run, gather->key, &gather->all, err);
    gather->key = NULL;
    arena_reset(gather->arena);
    return result;
}

static int take_series(void *context, struct moved_series *series, struct err *err)
{
    struct key_gather *gather = context;
    struct move_sink *sink = gather->job->sink;
    struct metric_ranks more;
    if (series->points.count == 0) {
        return 0;
    }
    if (gather->key != NULL && strcmp(gather->key, series->key) != 0 && end_key(gather, err) < 0) {
        return -1;
    }
    if (gather->key == NULL) {
        gather->key = arena_strdup(gather->arena, series->key);
        gather->all = metric_ranks_new(gather->arena, series->points.count);
        memcpy(gather->all.items, series->points.items, series->points.count * sizeof *series->points.items);
        gather->all.count = series->points.count;
    } else {
        gather->all = metric_ranks_union(gather->arena, &gather->all, &series->points, &more);
    }
    bool plain = series->model_id[0] == '\0' && series->dataset_name[0] == '\0' && series->dataset_digest[0] == '\0';
    return plain ? 0 : sink->ops->measured(sink, gather->run, series, err);
}

static int write_run(struct export_job *job, const char *id, struct err *err)
{
    struct moved_run run;
    if (job->home->ops->run(job->home, id, job->record, &run, err) < 0) {
        return -1;
    }
    const char *place = run.info.artifact_uri;
    run.info.artifact_uri = map_place(job, place);
    if (job->sink->ops->run(job->sink, &run, err) < 0) {
        return -1;
    }
    struct key_gather gather = {.job = job, .run = &run, .arena = arena_new()};
    int result = job->home->ops->series(job->home, id, take_series, &gather, err);
    result = result < 0 ? -1 : end_key(&gather, err);
    arena_free(gather.arena);
    return result < 0 ? -1 : bring_files(job, place, err);
}

static int write_model(struct export_job *job, const char *id, struct err *err)
{
    struct moved_model model;
    if (job->home->ops->model(job->home, id, job->record, &model, err) < 0) {
        return -1;
    }
    const char *place = model.info.artifact_uri;
    model.info.artifact_uri = map_place(job, place);
    return job->sink->ops->model(job->sink, &model, err) < 0 ? -1 : bring_files(job, place, err);
}

static int write_trace(struct export_job *job, const char *id, struct err *err)
{
    struct moved_trace trace;
    if (job->home->ops->trace(job->home, id, job->record, &trace, err) < 0) {
        return -1;
    }
    const char *place = trace.info.artifact_uri;
    trace.info.artifact_uri = map_place(job, place);
    return job->sink->ops->trace(job->sink, &trace, err) < 0 ? -1 : bring_files(job, place, err);
}

static int write_registered(struct export_job *job, const char *name, struct err *err)
{
    struct moved_registered registered;
    if (job->home->ops->registered(job->home, name, job->record, &registered, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < registered.version_count; i++) {
        struct model_version *version = &registered.versions[i].info;
        version->storage_location = map_place(job, version->storage_location);
    }
    return job->sink->ops->registered(job->sink, &registered, err);
}

static int write_kind(struct export_job *job, enum moved_kind kind, struct err *err)
{
    static int (*const writers[MOVED_KINDS])(struct export_job *, const char *, struct err *) = {
        write_experiment, write_run, write_model, write_registered, write_trace};
    const struct moved_ids *ids = &job->ids[kind];
    struct export_count *count = &job->outcome->counts[kind];
    for (size_t i = 0; i < ids->count; i++) {
        struct err wrong = {0};
        arena_reset(job->record);
        job->sink->lossy = false;
        if (writers[kind](job, ids->items[i], &wrong) < 0) {
            if (!move_error_is_of_record(&wrong)) {
                return err_set(err, wrong.code, "%s '%.100s': %s", words[kind], ids->items[i], wrong.message);
            }
            move_report_problem(job->options->report, "%s '%.100s' is not whole there: %s", words[kind], ids->items[i],
                                wrong.message);
            job->states[kind][i] = EXPORT_LEFT;
            count->left++;
        } else {
            job->states[kind][i] = job->sink->lossy ? EXPORT_LOSSY : EXPORT_SAME;
            count->lossy += job->sink->lossy;
            count->moved++;
        }
        progress(job, many[kind], i + 1, ids->count);
    }
    return 0;
}

static int list_kind(struct export_job *job, enum moved_kind kind, struct err *err)
{
    struct arena *arena = job->options->arena;
    if (job->home->ops->ids(job->home, kind, arena, &job->ids[kind], err) < 0) {
        return -1;
    }
    job->states[kind] = arena_array(arena, job->ids[kind].count + 1, sizeof *job->states[kind]);
    return 0;
}

static int write_all(struct export_job *job, struct err *err)
{
    static const enum moved_kind order[] = {MOVED_EXPERIMENT, MOVED_MODEL, MOVED_RUN, MOVED_TRACE, MOVED_REGISTERED};
    if (fs_make_folders(job->sink->files, 0777, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < MOVED_KINDS; i++) {
        if (list_kind(job, order[i], err) < 0 || write_kind(job, order[i], err) < 0) {
            return -1;
        }
    }
    return move_files_sync(job->sink->files, err) < 0 ? -1 : job->sink->ops->finish(job->sink, err);
}

/* ---- comparing -------------------------------------------------------------------------------------------------- */

static int compare(struct export_job *job, struct move_source *there, enum moved_kind kind, const char *id,
                   struct err *err)
{
    struct digest here, found;
    struct err wrong = {0};
    arena_reset(job->record);
    if (move_digest_record(job->home, kind, id, job->record, &here, err) < 0) {
        return -1;
    }
    if (move_digest_record(there, kind, id, job->record, &found, &wrong) < 0) {
        if (!move_error_is_of_record(&wrong)) {
            return err_set(err, wrong.code, "%s", wrong.message);
        }
        found.hex[0] = '\0';
    }
    if (strcmp(here.hex, found.hex) != 0) {
        job->outcome->counts[kind].differ++;
        move_report_problem(job->options->report, "%s '%.100s' is not there as the home has it%s%s", words[kind], id,
                            wrong.code == ERR_NONE ? "" : ": ", wrong.message);
    }
    return 0;
}

static int compare_all(struct export_job *job, struct err *err)
{
    struct move_source *there = NULL;
    struct move_report unheard;
    move_report_init(&unheard, job->options->arena);
    int result = job->options->open(job->options->path, job->options->arena, &unheard, &there, err);
    for (int kind = 0; kind < MOVED_KINDS && result == 0; kind++) {
        for (size_t i = 0; i < job->ids[kind].count && result == 0; i++) {
            if (job->states[kind][i] == EXPORT_SAME) {
                result = compare(job, there, (enum moved_kind)kind, job->ids[kind].items[i], err);
            }
            progress(job, "comparing", i + 1, job->ids[kind].count);
        }
    }
    move_source_close(there);
    return result;
}

int move_export(const struct move_export *export, struct export_outcome *ret, struct err *err)
{
    struct export_job job = {
        .options = export,
        .sink = export->sink,
        .home = move_home_source(export->store, export->arena, export->report),
        .outcome = ret,
        .record = arena_new(),
        .files = {.mode = export->mode,
                  .incoming = path_join(export->arena, export->sink->files, ".export.part")},
    };
    *ret = (struct export_outcome){0};
    int result = write_all(&job, err) < 0 || compare_all(&job, err) < 0 ? -1 : 0;
    ret->files = job.files.count;
    ret->bytes = job.files.bytes;
    if (job.files.copied_for_link) {
        move_report_note(export->report, "no hard links can be made from the home to there (another file system): "
                         "files were copied");
    }
    arena_free(job.record);
    return result;
}
