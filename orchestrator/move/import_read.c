/* SPDX-License-Identifier: Apache-2.0
 * Records of the source as they are to stand in the home: the experiments that they are of have the home's numbers, and
 * their files the home's folders.
 */
#include "base/id.h"
#include "move/content.h"
#include "move/import_internal.h"
#include "move/place.h"

#include <stdlib.h>
#include <string.h>

/* The texts of a record outlive job->record: what is kept of it is copied. */
static const char *keep(const struct import_job *job, const char *text)
{
    return arena_strdup(job->options->arena, text);
}

static int check_id(const char *id, struct err *err)
{
    return place_id_is_plain(id) ? 0
                                 : err_set(err, ERR_INPUT, "its id is '%.100s': expected letters, digits, '_' and '-'",
                                           id);
}

static int map_experiment(const struct import_job *job, int64_t there, int64_t *ret, struct err *err)
{
    const struct import_record *record = import_experiment(job, there);
    if (record == NULL || record->state == IMPORT_LEFT) {
        return err_set(err, ERR_NOT_FOUND, "it is of experiment %lld, which %s", (long long)there,
                       record == NULL ? "is not there" : "is left out");
    }
    *ret = strtoll(record->here, NULL, 10);
    return 0;
}

const char *import_uri(struct import_job *job, const char *uri, const char *owner, const char *folder)
{
    const struct move_import *options = job->options;
    struct place place;
    if (options->mode == MOVE_REFERENCE ||
        place_find(uri, owner, job->source->folder, options->artifacts_root, job->record, &place, NULL) < 0 ||
        place.kind == PLACE_FOREIGN || (place.kind == PLACE_SERVER && job->source->ops->download == NULL)) {
        return uri;
    }
    return arena_printf(job->record, "%s/artifacts/%s", options->home, folder);
}

int import_read_experiment(struct import_job *job, struct import_record *record, struct moved_experiment *ret,
                           struct err *err)
{
    struct place place = {PLACE_NONE, NULL};
    if (job->source->ops->experiment(job->source, record->id, job->record, ret, err) < 0) {
        return -1;
    }
    ret->id = strtoll(record->here, NULL, 10);
    ret->name = record->name != NULL ? record->name : ret->name;
    /* New runs come into the home, unless the old ones stay at a place that is not this machine's. */
    const char *last = strrchr(ret->artifact_location, '/');
    const char *owner = last == NULL ? ret->artifact_location : last + 1;
    bool found = place_find(ret->artifact_location, owner, job->source->folder, job->options->artifacts_root,
                            job->record, &place, NULL) == 0;
    if (!found || place.kind != PLACE_FOREIGN) {
        ret->artifact_location = "";
    }
    return 0;
}

int import_read_run(struct import_job *job, struct import_record *record, struct moved_run *ret, struct err *err)
{
    int64_t experiment = 0;
    if (check_id(record->id, err) < 0 ||
        job->source->ops->run(job->source, record->id, job->record, ret, err) < 0 ||
        map_experiment(job, ret->info.experiment_id, &experiment, err) < 0) {
        return -1;
    }
    ret->info.experiment_id = experiment;
    record->uri = keep(job, ret->info.artifact_uri);
    record->folder = arena_printf(job->options->arena, "%lld/%s/artifacts", (long long)experiment, record->id);
    ret->info.artifact_uri = import_uri(job, record->uri, record->id, record->folder);
    return 0;
}

int import_read_model(struct import_job *job, struct import_record *record, struct moved_model *ret, struct err *err)
{
    int64_t experiment = 0;
    if (check_id(record->id, err) < 0 ||
        job->source->ops->model(job->source, record->id, job->record, ret, err) < 0 ||
        map_experiment(job, ret->info.experiment_id, &experiment, err) < 0) {
        return -1;
    }
    ret->info.experiment_id = experiment;
    record->uri = keep(job, ret->info.artifact_uri);
    record->folder = arena_printf(job->options->arena, "%lld/models/%s/artifacts", (long long)experiment, record->id);
    ret->info.artifact_uri = import_uri(job, record->uri, record->id, record->folder);
    return 0;
}

int import_read_trace(struct import_job *job, struct import_record *record, struct moved_trace *ret, struct err *err)
{
    int64_t experiment = 0;
    if (check_id(record->id, err) < 0 ||
        job->source->ops->trace(job->source, record->id, job->record, ret, err) < 0 ||
        map_experiment(job, ret->info.experiment_id, &experiment, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < ret->tags.count; i++) {
        /* Spans that its store has in rows come as a file (import_files.c). */
        if (strcmp(ret->tags.items[i].key, "mlflow.trace.spansLocation") == 0) {
            ret->tags.items[i].value = "ARTIFACT_REPO";
        }
    }
    ret->info.experiment_id = experiment;
    record->uri = keep(job, ret->info.artifact_uri);
    record->folder = arena_printf(job->options->arena, "%lld/traces/%s/artifacts", (long long)experiment, record->id);
    ret->info.artifact_uri = import_uri(job, record->uri, record->id, record->folder);
    return 0;
}

/* ---- the registry ----------------------------------------------------------------------------------------------- */

/* What stands behind the folder of `owner` in a place: "/model" of "s/0/RUN/artifacts/model". */
static const char *behind(const char *place, const char *owner, struct arena *arena)
{
    const char *marker = arena_printf(arena, "/%s/artifacts", owner);
    const char *at = strstr(place, marker);
    return at == NULL ? NULL : at + strlen(marker);
}

/* The id of a logged model that a place names: "models:/m-..." or ".../m-.../artifacts". NULL: none. */
static const char *model_in(const char *place, struct arena *arena)
{
    const char *at = strstr(place, "/m-");
    if (at == NULL || strlen(at) < 35) {
        return NULL;
    }
    const char *id = arena_dup(arena, at + 1, 34);
    return id_is_model(id) && (at[35] == '\0' || at[35] == '/') ? id : NULL;
}

/* Where the files of a version are now. */
static int map_location(struct import_job *job, struct model_version *version, struct err *err)
{
    const char *place = *version->storage_location == '\0' ? version->source : version->storage_location;
    const char *model = model_in(place, job->record);
    struct logged_model logged;
    struct run_info run;
    version->storage_location = place;
    if (str_starts(str_from(version->source), STR("models:/m-"))) {
        version->model_id = model_in(version->source, job->record);
    }
    if (job->store == NULL) {
        return 0;
    }
    if (model != NULL && store_moved_exists(job->store, MOVED_MODEL, model, err) == 1) {
        const char *rest = behind(place, model, job->record);
        if (store_model_get_any(job->store, model, job->record, &logged, err) < 0) {
            return -1;
        }
        version->storage_location =
            arena_printf(job->record, "%s%s", logged.artifact_uri, rest == NULL ? "" : rest);
        return 0;
    }
    const char *rest = version->run_id == NULL ? NULL : behind(place, version->run_id, job->record);
    if (rest != NULL && store_moved_exists(job->store, MOVED_RUN, version->run_id, err) == 1) {
        if (store_run_get(job->store, version->run_id, job->record, &run, err) < 0) {
            return -1;
        }
        version->storage_location = arena_printf(job->record, "%s%s", run.artifact_uri, rest);
    }
    return err->code == ERR_NONE ? 0 : -1;
}

static bool has_version(const struct moved_registered *registered, int64_t number)
{
    for (size_t i = 0; i < registered->version_count; i++) {
        if (registered->versions[i].info.version == number) {
            return strcmp(registered->versions[i].info.stage, "Deleted_Internal") != 0;
        }
    }
    return false;
}

static void drop_loose_aliases(struct import_job *job, struct moved_registered *registered)
{
    size_t kept = 0;
    for (size_t i = 0; i < registered->alias_count; i++) {
        const struct moved_alias *alias = &registered->aliases[i];
        if (has_version(registered, alias->version)) {
            registered->aliases[kept++] = *alias;
        } else {
            move_report_note(job->options->report, "the alias '%s' of '%s' points to version %lld, which is not "
                             "there: it is left out", alias->alias, registered->info.name, (long long)alias->version);
        }
    }
    registered->alias_count = kept;
}

int import_read_registered(struct import_job *job, struct import_record *record, struct moved_registered *ret,
                           struct err *err)
{
    if (job->source->ops->registered(job->source, record->id, job->record, ret, err) < 0) {
        return -1;
    }
    ret->info.name = record->here;
    drop_loose_aliases(job, ret);
    for (size_t i = 0; i < ret->version_count; i++) {
        struct err wrong = {0};
        ret->versions[i].info.name = record->here;
        if (map_location(job, &ret->versions[i].info, &wrong) < 0) {
            return err_set(err, wrong.code, "%s", wrong.message);
        }
    }
    return 0;
}

/* ---- digests ---------------------------------------------------------------------------------------------------- */

static int add_series(void *context, struct moved_series *series, struct err *err)
{
    (void)err;
    move_run_content_add(context, series);
    return 0;
}

static int digest_run(struct move_source *source, struct moved_run *run, struct digest *ret, struct err *err)
{
    struct move_run_content *content = move_run_content_new(run);
    int result = source->ops->series(source, run->info.run_id, add_series, content, err);
    *ret = move_run_content_take(content, NULL);
    return result;
}

/* What import_digest_there and import_digest_here read. */
union moved {
    struct moved_experiment experiment;
    struct moved_run run;
    struct moved_model model;
    struct moved_registered registered;
    struct moved_trace trace;
};

static int digest_of(struct move_source *source, enum moved_kind kind, union moved *moved, struct digest *ret,
                     struct err *err)
{
    switch (kind) {
    case MOVED_EXPERIMENT:
        *ret = move_digest_experiment(&moved->experiment);
        return 0;
    case MOVED_RUN:
        return digest_run(source, &moved->run, ret, err);
    case MOVED_MODEL:
        *ret = move_digest_model(&moved->model);
        return 0;
    case MOVED_REGISTERED:
        *ret = move_digest_registered(&moved->registered);
        return 0;
    case MOVED_TRACE:
    case MOVED_KINDS:
        *ret = move_digest_trace(&moved->trace);
        return 0;
    }
    return 0;
}

int import_digest_there(struct import_job *job, enum moved_kind kind, struct import_record *record,
                        struct digest *ret, struct err *err)
{
    union moved moved;
    arena_reset(job->record);
    int result = kind == MOVED_EXPERIMENT   ? import_read_experiment(job, record, &moved.experiment, err)
                 : kind == MOVED_RUN        ? import_read_run(job, record, &moved.run, err)
                 : kind == MOVED_MODEL      ? import_read_model(job, record, &moved.model, err)
                 : kind == MOVED_REGISTERED ? import_read_registered(job, record, &moved.registered, err)
                                            : import_read_trace(job, record, &moved.trace, err);
    return result < 0 ? -1 : digest_of(job->source, kind, &moved, ret, err);
}

int move_digest_record(struct move_source *source, enum moved_kind kind, const char *id, struct arena *arena,
                       struct digest *ret, struct err *err)
{
    union moved moved;
    int result = kind == MOVED_EXPERIMENT   ? source->ops->experiment(source, id, arena, &moved.experiment, err)
                 : kind == MOVED_RUN        ? source->ops->run(source, id, arena, &moved.run, err)
                 : kind == MOVED_MODEL      ? source->ops->model(source, id, arena, &moved.model, err)
                 : kind == MOVED_REGISTERED ? source->ops->registered(source, id, arena, &moved.registered, err)
                                            : source->ops->trace(source, id, arena, &moved.trace, err);
    return result < 0 ? -1 : digest_of(source, kind, &moved, ret, err);
}

int import_digest_here(struct import_job *job, enum moved_kind kind, const char *here, struct digest *ret,
                       struct err *err)
{
    arena_reset(job->record);
    return move_digest_record(job->home, kind, here, job->record, ret, err);
}
