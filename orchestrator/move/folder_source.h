/* SPDX-License-Identifier: Apache-2.0
 * The inside of a source that is MLflow's folder (mlruns): where each record lies is noted when it is opened.
 */
#ifndef SLUICE_MOVE_FOLDER_SOURCE_H
#define SLUICE_MOVE_FOLDER_SOURCE_H

#include "move/folder_meta.h"
#include "move/source.h"

struct folder_record {
    const char *id;
    const char *path;       /* its folder */
    const char *experiment; /* the folder of its experiment; of an experiment and a registered model: its own */
    int64_t experiment_id;
    bool deleted; /* the experiment is */
};

struct folder_records {
    struct folder_record *items; /* by id */
    size_t count;
    size_t room;
};

/* A point that was measured on a model: MLflow keeps it with the model. */
struct folder_point {
    const char *run_id;
    const char *key;
    const char *model_id;
    const char *dataset_name;
    const char *dataset_digest;
    struct metric_rank rank;
};

struct folder_source {
    struct move_source base;
    struct arena *arena; /* of all that is noted */
    struct folder_records records[MOVED_KINDS];
    struct folder_point *measured; /* by run, key, model, dataset */
    size_t measured_count;
    size_t measured_room;
    bool has_measured; /* they were read */
};

static inline struct folder_source *folder_of(struct move_source *source)
{
    return (struct folder_source *)source;
}

/* ERR_NOT_FOUND. */
int folder_find(struct folder_source *source, enum moved_kind kind, const char *id, const struct folder_record **ret,
                struct err *err);
/* Where its files are: at `uri`, or, where there is no such folder of this machine any more, since mlruns was moved, in
 * the record's own folder. */
const char *folder_place(const struct folder_source *source, const struct folder_record *record, const char *uri,
                         struct arena *arena);
/* ERR_INPUT when the file says another id than the folder's name. */
int folder_check_id(const struct folder_record *record, const char *said, struct err *err);

/* ---- folder_runs.c ---- */
int folder_run(struct move_source *base, const char *id, struct arena *arena, struct moved_run *ret, struct err *err);

/* ---- folder_points.c ---- */
int folder_series(struct move_source *base, const char *run_id, moved_series_take *take, void *context,
                  struct err *err);

/* ---- folder_models.c ---- */
int folder_model(struct move_source *base, const char *id, struct arena *arena, struct moved_model *ret,
                 struct err *err);
int folder_registered(struct move_source *base, const char *name, struct arena *arena, struct moved_registered *ret,
                      struct err *err);

#endif
