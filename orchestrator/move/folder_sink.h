/* SPDX-License-Identifier: Apache-2.0
 * The inside of a folder of MLflow that is written.
 */
#ifndef SLUICE_MOVE_FOLDER_SINK_H
#define SLUICE_MOVE_FOLDER_SINK_H

#include "move/folder_write.h"
#include "move/sink.h"

struct folder_owner {
    const char *model_id;
    int64_t experiment;
};

struct folder_sink {
    struct move_sink base;
    const char *path;       /* where it is going to be */
    const char *part;       /* what it is called until it is whole */
    struct arena *arena;    /* of what is noted */
    struct arena *record;   /* of the record at hand */
    struct strbuf lines;
    int64_t *deleted;       /* experiments that go to .trash */
    size_t deleted_count, deleted_room;
    struct folder_owner *models; /* by id, as they come */
    size_t model_count, model_room;
    bool finished;
};

static inline struct folder_sink *folder_sink_of(struct move_sink *sink)
{
    return (struct folder_sink *)sink;
}

/* What has no place is counted, and the record is not the same. 0 of it is fine. */
void folder_leave(struct folder_sink *sink, const char *what, int64_t count, const char *why);
/* Params and tags; what cannot be files is left out. */
int folder_put_pairs(struct folder_sink *sink, const char *folder, const char *part, const struct moved_pairs *pairs,
                     struct err *err);

/* ---- folder_sink_runs.c ---- */
int folder_put_run(struct move_sink *base, const struct moved_run *run, struct err *err);
int folder_put_history(struct move_sink *base, const struct moved_run *run, const char *key,
                       const struct metric_ranks *points, struct err *err);
int folder_put_measured(struct move_sink *base, const struct moved_run *run, const struct moved_series *series,
                        struct err *err);

/* ---- folder_sink_models.c ---- */
int folder_put_model(struct move_sink *base, const struct moved_model *model, struct err *err);
int folder_put_registered(struct move_sink *base, const struct moved_registered *registered, struct err *err);

#endif
