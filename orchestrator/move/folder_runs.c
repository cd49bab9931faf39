/* SPDX-License-Identifier: Apache-2.0
 * Runs of MLflow's folder, without their points.
 */
#include "base/fs.h"
#include "base/path.h"
#include "move/folder_source.h"

#include <string.h>

/* MLflow writes numbers: its RunStatus. */
static int read_status(const struct yaml_node *meta, enum run_status *ret, struct err *err)
{
    static const enum run_status statuses[] = {RUN_STATUS_RUNNING, RUN_STATUS_RUNNING, RUN_STATUS_SCHEDULED,
                                               RUN_STATUS_FINISHED, RUN_STATUS_FAILED, RUN_STATUS_KILLED};
    int64_t number = 0;
    if (folder_meta_int(meta, "status", &number, err) < 0) {
        return -1;
    }
    if (number < 0 || number >= (int64_t)(sizeof statuses / sizeof statuses[0])) {
        return err_set(err, ERR_INPUT, "its status is %lld: expected a number from 1 to 5", (long long)number);
    }
    *ret = statuses[number];
    return 0;
}

static int read_info(const struct folder_record *record, const struct yaml_node *meta, struct moved_run *ret,
                     struct err *err)
{
    const char *id = folder_meta_text_or_null(meta, "run_id");
    int64_t experiment = 0;
    if (folder_check_id(record, id == NULL ? folder_meta_text(meta, "run_uuid") : id, err) < 0 ||
        folder_meta_int(meta, "experiment_id", &experiment, err) < 0 ||
        folder_meta_int(meta, "start_time", &ret->info.start_ms, err) < 0 ||
        folder_meta_int(meta, "end_time", &ret->info.end_ms, err) < 0 ||
        folder_meta_int(meta, "deleted_time", &ret->deleted_ms, err) < 0 ||
        read_status(meta, &ret->info.status, err) < 0) {
        return -1;
    }
    if (experiment != record->experiment_id) {
        return err_set(err, ERR_INPUT, "it lies in experiment %lld, and says that it is of %lld",
                       (long long)record->experiment_id, (long long)experiment);
    }
    ret->info.run_id = record->id;
    ret->info.experiment_id = experiment;
    ret->info.name = folder_meta_text(meta, "run_name");
    ret->info.user = folder_meta_text(meta, "user_id");
    ret->info.deleted = record->deleted || strcmp(folder_meta_text(meta, "lifecycle_stage"), "deleted") == 0;
    return 0;
}

/* 1, 0 when the dataset that an input names is not there: MLflow passes it over, too. */
static int read_dataset(const struct folder_record *record, const struct yaml_node *link, struct arena *arena,
                        struct dataset_input *ret, struct err *err)
{
    const struct yaml_node *meta = NULL;
    struct moved_pairs tags = {0};
    const char *folder = path_join(arena, path_join(arena, record->experiment, "datasets"),
                                   folder_meta_text(link, "source_id"));
    if (!fs_is_folder(folder)) {
        return 0;
    }
    if (folder_meta_read(folder, "meta.yaml", arena, &meta, err) < 0) {
        return -1;
    }
    folder_meta_pairs(link, "tags", arena, &tags);
    *ret = (struct dataset_input){
        .dataset = {.name = folder_meta_text(meta, "name"),
                    .digest = folder_meta_text(meta, "digest"),
                    .source_type = folder_meta_text(meta, "source_type"),
                    .source = folder_meta_text(meta, "source"),
                    .schema = folder_meta_text_or_null(meta, "schema"),
                    .profile = folder_meta_text_or_null(meta, "profile")},
        .tags = tags.items,
        .tag_count = tags.count,
    };
    return 1;
}

static int add_dataset(const struct folder_source *source, const struct folder_record *record,
                       const struct yaml_node *link, struct arena *arena, struct moved_run *ret, size_t *room,
                       struct err *err)
{
    struct dataset_input input;
    int found = read_dataset(record, link, arena, &input, err);
    if (found == 0) {
        move_report_note(source->base.report, "the dataset '%s', an input of run '%s', is not there",
                         folder_meta_text(link, "source_id"), record->id);
    }
    if (found == 1) {
        ret->datasets = arena_grow(arena, ret->datasets, ret->dataset_count, room, sizeof *ret->datasets);
        ret->datasets[ret->dataset_count++] = input;
    }
    return found < 0 ? -1 : 0;
}

static int read_inputs(const struct folder_source *source, const struct folder_record *record, struct arena *arena,
                       struct moved_run *ret, struct err *err)
{
    struct moved_ids names;
    struct moved_ids models = {0};
    size_t room = 0;
    const char *folder = path_join(arena, record->path, "inputs");
    int result = folder_list(folder, arena, &names, err);
    for (size_t i = 0; i < names.count && result == 0; i++) {
        const struct yaml_node *link = NULL;
        result = folder_meta_read(path_join(arena, folder, names.items[i]), "meta.yaml", arena, &link, err);
        const char *type = result < 0 ? "" : folder_meta_text(link, "source_type");
        if (strcmp(type, "DATASET") == 0) {
            result = add_dataset(source, record, link, arena, ret, &room, err);
        } else if (strcmp(type, "MODEL") == 0) {
            moved_ids_add(&models, arena, folder_meta_text(link, "source_id"));
        }
    }
    ret->model_inputs = models.items;
    ret->model_input_count = models.count;
    return result;
}

static int read_outputs(const struct folder_record *record, struct arena *arena, struct moved_run *ret,
                        struct err *err)
{
    struct moved_ids names;
    const char *folder = path_join(arena, record->path, "outputs");
    int result = folder_list(folder, arena, &names, err);
    ret->model_outputs = arena_array(arena, names.count + 1, sizeof *ret->model_outputs);
    for (size_t i = 0; i < names.count && result == 0; i++) {
        const struct yaml_node *link = NULL;
        struct model_output output = {0};
        if (folder_meta_read(path_join(arena, folder, names.items[i]), "meta.yaml", arena, &link, err) < 0 ||
            folder_meta_int(link, "step", &output.step, err) < 0) {
            result = -1;
        } else if (strcmp(folder_meta_text(link, "destination_type"), "MODEL_OUTPUT") == 0) {
            output.model_id = folder_meta_text(link, "destination_id");
            ret->model_outputs[ret->model_output_count++] = output;
        }
    }
    return result;
}

int folder_run(struct move_source *base, const char *id, struct arena *arena, struct moved_run *ret, struct err *err)
{
    const struct folder_record *record = NULL;
    const struct yaml_node *meta = NULL;
    struct moved_run run = {0};
    if (folder_find(folder_of(base), MOVED_RUN, id, &record, err) < 0 ||
        folder_meta_read(record->path, "meta.yaml", arena, &meta, err) < 0 ||
        read_info(record, meta, &run, err) < 0 ||
        folder_pairs_read(record->path, "params", arena, &run.params, err) < 0 ||
        folder_pairs_read(record->path, "tags", arena, &run.tags, err) < 0 ||
        read_inputs(folder_of(base), record, arena, &run, err) < 0 || read_outputs(record, arena, &run, err) < 0) {
        return -1;
    }
    run.info.artifact_uri = folder_place(folder_of(base), record, folder_meta_text(meta, "artifact_uri"), arena);
    moved_run_name(&run);
    *ret = run;
    return 0;
}
