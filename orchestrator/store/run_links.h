/* SPDX-License-Identifier: Apache-2.0
 * What a client's run used and made: datasets with their tags, logged models as inputs and, at steps, as outputs; and
 * which data the runs of experiments used. Names, digests and lengths of datasets: runs.h.
 */
#ifndef SLUICE_STORE_RUN_LINKS_H
#define SLUICE_STORE_RUN_LINKS_H

#include "store/pair.h"
#include "store/runs.h"
#include "store/store.h"

#include <stdint.h>

/* A dataset that a run used. dataset.context is the tag mlflow.data.context, which stands in `tags` too. */
struct dataset_input {
    struct dataset_use dataset;
    const struct pair *tags;
    size_t tag_count;
};
/* Links at most 1000 datasets (keys of tags: 1 to 255 characters, values: 500) and models, which are given by id,
 * known or not; all datasets are checked before anything is written. `dataset.context` is not read. Of two with one
 * name and digest the first counts, and so does what was said of it when the run first used it: later tags are passed
 * over, as MLflow does. A model twice is fine. The run must be active. */
int store_run_inputs_log(struct store *store, const char *run_id, const struct dataset_input *datasets,
                         size_t dataset_count, const char *const *model_ids, size_t model_count, struct err *err);

struct model_output {
    const char *model_id;
    int64_t step;
};
/* Links logged models as outputs of an active run; the same model and step twice is one output. */
int store_run_outputs_log(struct store *store, const char *run_id, const struct model_output *outputs, size_t count,
                          struct err *err);

struct run_links {
    struct dataset_input *datasets; /* as the experiment came to know them; tags by key */
    size_t dataset_count;
    const char **model_inputs; /* sorted */
    size_t model_input_count;
    struct model_output *model_outputs; /* by model and step */
    size_t model_output_count;
};
/* All of it, of a deleted run too. None of a run that is unknown. */
int store_run_links(struct store *store, const char *run_id, struct arena *arena, struct run_links *ret,
                    struct err *err);

enum { DATASET_SUMMARIES_MAX = 1000 };
struct dataset_summary {
    int64_t experiment_id;
    const char *name;
    const char *digest;
    const char *context; /* NULL: not said */
};
/* The different (experiment, name, digest, context) that runs of these experiments used, in this order, at most
 * DATASET_SUMMARIES_MAX in all. Deleted runs and experiments count too, as in MLflow. */
int store_dataset_summaries(struct store *store, const int64_t *experiment_ids, size_t count, struct arena *arena,
                            struct dataset_summary **ret, size_t *ret_count, struct err *err);

#endif
