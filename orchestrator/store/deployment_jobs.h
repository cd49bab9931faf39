/* SPDX-License-Identifier: Apache-2.0
 * Deployment jobs: which pipeline is started for the new versions of a registered model, and how far it is with one.
 * A pipeline with `on: model_version` is the job of the models that it means. A registered model may name one of those
 * itself, which then is the only one; or none. The words are those of MLflow's messages (DeploymentJobConnection and
 * ModelVersionDeploymentJobState of model_registry.proto).
 */
#ifndef SLUICE_STORE_DEPLOYMENT_JOBS_H
#define SLUICE_STORE_DEPLOYMENT_JOBS_H

#include "store/alias_moves.h"

#include <stddef.h>
#include <stdint.h>

struct deployment_job {
    const char *pipeline; /* NULL: the model has none */
    const char *state;    /* "CONNECTED", "NOT_FOUND" (it is not in force), "REQUIRED_PARAMETERS_CHANGED" (it is, and
                           * is no job of this model any more), "NOT_SET_UP" (none, and the model wants none); NULL */
    size_t others;        /* pipelines that are started as well, as the model does not name one */
};
int store_deployment_job(struct store *store, const char *model, struct arena *arena, struct deployment_job *ret,
                         struct err *err);
/* The pipelines in force that are jobs of a model, by name, whether it names one or not. */
int store_deployment_jobs_of(struct store *store, const char *model, struct arena *arena, const char ***ret,
                             size_t *ret_count, struct err *err);
/* The model names its job: a pipeline in force that means it, else ERR_INPUT in words; "": it wants none; NULL:
 * whichever means it, as in the beginning. With an entry of the activity log. */
int store_deployment_job_set(struct store *store, const char *model, const char *pipeline, const struct mover *by,
                             int64_t now_ms, struct err *err);

/* How far a job is with a version. */
struct deployment {
    const char *pipeline;  /* whose run it is; NULL: none was ever asked for */
    const char *run_state; /* "PENDING", "RUNNING", "APPROVAL" (it waits for people), "SUCCEEDED", "FAILED" (also
                            * refused, and cancelled); NULL: none was asked for */
    const char *run_id;    /* NULL: it has not begun */
    const char *label;     /* "wine-deploy/12"; NULL */
    const char *task;      /* the step that it is at, or failed at; "" */
    const char *reason;    /* why the trigger waits or the run ended so; "" */
    int64_t trigger;       /* the row in triggers; 0: none */
};
/* The newest one: of one pipeline, or of all (NULL). A retry of its run counts for it. */
int store_deployment(struct store *store, const char *model, int64_t version, const char *pipeline,
                     struct arena *arena, struct deployment *ret, struct err *err);

#endif
