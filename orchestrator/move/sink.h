/* SPDX-License-Identifier: Apache-2.0
 * A store of MLflow that is written: its database, or its folder of files. It is new, and lies beside its place until
 * it is whole. Records come in the order experiments, models, runs, traces, registered models, each with the places
 * of its files as they are to be told there.
 *
 * What such a store has no place for is in the report as left out, and `lossy` is set: the record is not the same
 * there.
 */
#ifndef SLUICE_MOVE_SINK_H
#define SLUICE_MOVE_SINK_H

#include "move/report.h"
#include "store/moved.h"

struct move_sink;

struct move_sink_ops {
    int (*experiment)(struct move_sink *sink, const struct moved_experiment *experiment, struct err *err);
    int (*model)(struct move_sink *sink, const struct moved_model *model, struct err *err);
    int (*run)(struct move_sink *sink, const struct moved_run *run, struct err *err);
    /* All points of a key of a run, settled: what its history is. */
    int (*history)(struct move_sink *sink, const struct moved_run *run, const char *key,
                   const struct metric_ranks *points, struct err *err);
    /* Those of a key that were measured on a model or dataset; they are in the history, too. */
    int (*measured)(struct move_sink *sink, const struct moved_run *run, const struct moved_series *series,
                    struct err *err);
    int (*trace)(struct move_sink *sink, const struct moved_trace *trace, struct err *err);
    int (*registered)(struct move_sink *sink, const struct moved_registered *registered, struct err *err);
    /* All is written and on the disk, and has its name. */
    int (*finish)(struct move_sink *sink, struct err *err);
    /* What is not finished goes. */
    void (*close)(struct move_sink *sink);
};

struct move_sink {
    const struct move_sink_ops *ops;
    struct move_report *report;
    const char *files; /* the folder for the files of records: "7/RUN/artifacts" below it */
    const char *uri;   /* what is said of that folder: a path, or mlflow-artifacts: */
    bool lossy;        /* set by a sink, cleared by whoever gives it the next record */
};

/* A database with the tables of MLflow 3.17, at `path`, which must not be there. Its files go to mlartifacts beside it,
 * where MLflow's server looks for them; with `served` their places are told as mlflow-artifacts:/, which only clients
 * of such a server can follow, else as paths of this machine. */
int move_database_sink(const char *path, bool served, struct arena *arena, struct move_report *report,
                       struct move_sink **ret, struct err *err);
/* A folder as mlruns, at `path`, which must not be there. */
int move_folder_sink(const char *path, struct arena *arena, struct move_report *report, struct move_sink **ret,
                     struct err *err);

#endif
