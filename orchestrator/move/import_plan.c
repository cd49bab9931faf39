/* SPDX-License-Identifier: Apache-2.0
 * What is to become of each record of the source, before anything is written: new, there already, or in the way of
 * something else.
 */
#include "base/clock.h"
#include "base/parse.h"
#include "move/import_internal.h"
#include "store/experiments.h"

#include <stdlib.h>
#include <string.h>

static const char *const words[] = {"experiment", "run", "logged model", "registered model", "trace"};

const struct import_record *import_experiment(const struct import_job *job, int64_t id)
{
    const struct import_list *list = &job->lists[MOVED_EXPERIMENT];
    size_t low = 0;
    size_t high = list->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int64_t found = strtoll(list->items[middle].id, NULL, 10);
        if (found == id) {
            return &list->items[middle];
        }
        low = found < id ? middle + 1 : low;
        high = found < id ? high : middle;
    }
    return NULL;
}

static int list_all(struct import_job *job, struct err *err)
{
    struct arena *arena = job->options->arena;
    for (int kind = 0; kind < MOVED_KINDS; kind++) {
        struct moved_ids ids;
        if (job->source->ops->ids(job->source, (enum moved_kind)kind, arena, &ids, err) < 0) {
            return -1;
        }
        job->lists[kind] = (struct import_list){arena_array(arena, ids.count + 1, sizeof(struct import_record)),
                                                ids.count};
        for (size_t i = 0; i < ids.count; i++) {
            job->lists[kind].items[i] = (struct import_record){.id = ids.items[i], .here = ids.items[i]};
        }
        job->outcome->counts[kind].there = (int64_t)ids.count;
    }
    return 0;
}

/* A row of `imports`: 1, 0 when there is none, -1. */
static int find_row(struct import_job *job, enum moved_kind kind, struct import_record *record, struct err *err)
{
    struct import_row row;
    int found = store_import_find(job->store, job->source->name, kind, record->id, job->options->arena, &row, err);
    if (found != 1) {
        return found;
    }
    record->here = row.here;
    record->digest = row.digest;
    record->state = *row.digest == '\0' ? IMPORT_PARTLY : IMPORT_WHOLE;
    /* A record that was removed here since comes back as a new one. */
    int exists = store_moved_exists(job->store, kind, record->here, err);
    if (exists == 0) {
        record->state = IMPORT_NEW;
    }
    return exists < 0 ? -1 : 1;
}

static void refuse(struct import_job *job, enum moved_kind kind, struct import_record *record, const char *what,
                   const char *found)
{
    const char *words_of_it = arena_printf(job->options->arena, "%s is taken in the home by %s", what, found);
    record->state = IMPORT_LEFT;
    job->outcome->counts[kind].left++;
    job->first_refusal = job->refused++ == 0 ? words_of_it : job->first_refusal;
    move_report_problem(job->options->report, "%s", words_of_it);
}

/* ---- experiments ------------------------------------------------------------------------------------------------ */

/* The home's Default, which nobody has used. */
static int is_untouched(struct import_job *job, const struct moved_experiment *here, bool *ret, struct err *err)
{
    struct experiment experiment;
    struct moved_ids runs = {0};
    if (store_experiment_get(job->store, here->id, job->record, &experiment, err) < 0 ||
        store_moved_ids(job->store, MOVED_RUN, job->record, &runs, err) < 0) {
        return -1;
    }
    *ret = experiment.run_count == 0 && here->tags.count == 0 && !here->deleted && here->created_ms == here->updated_ms;
    return 0;
}

/* The home has an experiment of that name, or the source another one: MLflow's names are unique in a workspace, and
 * behind a NUL they are cut. */
static bool is_taken(const struct import_job *job, const char *name)
{
    struct experiment found;
    return str_index_find(job->names, str_from(name)) >= 0 ||
           (job->store != NULL && store_experiment_find(job->store, name, job->record, &found, NULL) == 0);
}

static const char *free_name(struct import_job *job, const char *name)
{
    const char *other = arena_printf(job->options->arena, "%s (imported)", name);
    for (int i = 2; is_taken(job, other); i++) {
        other = arena_printf(job->options->arena, "%s (imported %d)", name, i);
    }
    return other;
}

static int64_t free_id(struct import_job *job)
{
    int64_t highest = 0;
    struct moved_ids ids = {0};
    const struct import_list *list = &job->lists[MOVED_EXPERIMENT];
    (void)store_moved_ids(job->store, MOVED_EXPERIMENT, job->record, &ids, NULL);
    for (size_t i = 0; i < ids.count; i++) {
        int64_t id = strtoll(ids.items[i], NULL, 10);
        highest = id > highest ? id : highest;
    }
    for (size_t i = 0; i < list->count; i++) {
        int64_t there = strtoll(list->items[i].id, NULL, 10);
        int64_t here = strtoll(list->items[i].here, NULL, 10);
        highest = there > highest ? there : highest;
        highest = here > highest ? here : highest;
    }
    return highest + 1;
}

/* Who has the name in the home; NULL: nobody but the record itself. */
static int find_holder(struct import_job *job, const struct import_record *record, const char *name, const char **ret,
                       struct err *err)
{
    struct experiment found;
    struct err missing = {0};
    *ret = str_index_find(job->names, str_from(name)) >= 0 ? "another one of the source" : NULL;
    if (*ret != NULL || job->store == NULL) {
        return 0;
    }
    if (store_experiment_find(job->store, name, job->record, &found, &missing) < 0) {
        return missing.code == ERR_NOT_FOUND ? 0 : err_set(err, missing.code, "%s", missing.message);
    }
    if (found.id != strtoll(record->here, NULL, 10)) {
        *ret = arena_printf(job->record, "experiment %lld", (long long)found.id);
    }
    return 0;
}

static int check_name(struct import_job *job, struct import_record *record, const char *name, struct err *err)
{
    const char *holder = NULL;
    if (find_holder(job, record, name, &holder, err) < 0) {
        return -1;
    }
    if (holder != NULL && !job->options->rename) {
        refuse(job, MOVED_EXPERIMENT, record,
               arena_printf(job->record, "the name '%s' of experiment %s", name, record->id), holder);
        return 0;
    }
    if (holder != NULL) {
        record->name = free_name(job, name);
    }
    const char *taken = record->name != NULL ? record->name : name;
    (void)str_index_add(job->names, arena_str(job->options->arena, str_from(taken)));
    return 0;
}

/* The home has an experiment of that number that was not brought from this source. */
static int meet_experiment(struct import_job *job, struct import_record *record, const struct moved_experiment *there,
                           struct err *err)
{
    struct moved_experiment here;
    bool untouched = false;
    if (store_moved_experiment(job->store, there->id, job->record, &here, err) < 0) {
        return -1;
    }
    if (there->id == 0 && is_untouched(job, &here, &untouched, err) < 0) {
        return -1;
    }
    if (untouched) {
        return 0;
    }
    if (strcmp(here.name, there->name) == 0 && (there->id == 0 || here.created_ms == there->created_ms)) {
        record->state = there->id == 0 ? IMPORT_SHARED : IMPORT_SAME;
        return 0;
    }
    if (job->options->rename) {
        record->here = arena_printf(job->options->arena, "%lld", (long long)free_id(job));
        return 0;
    }
    refuse(job, MOVED_EXPERIMENT, record,
           arena_printf(job->record, "the number of experiment %s '%s'", record->id, there->name),
           arena_printf(job->record, "'%s'", here.name));
    return 0;
}

/* An experiment that was given another name here when it was imported keeps it. */
static int keep_name(struct import_job *job, struct import_record *record, const struct moved_experiment *there,
                     struct err *err)
{
    struct moved_experiment here;
    if (store_moved_experiment(job->store, strtoll(record->here, NULL, 10), job->record, &here, err) < 0) {
        return -1;
    }
    const char *given = arena_printf(job->record, "%s (imported", there->name);
    if (str_starts(str_from(here.name), str_from(given))) {
        record->name = arena_strdup(job->options->arena, here.name);
    }
    return 0;
}

static int plan_experiment(struct import_job *job, struct import_record *record, struct err *err)
{
    struct moved_experiment there;
    int64_t number = 0;
    arena_reset(job->record);
    if (parse_int(str_from(record->id), INT64_MIN, INT64_MAX, &number, NULL) < 0) {
        return err_set(err, ERR_INPUT, "its id is '%.100s': expected a number", record->id);
    }
    if (job->source->ops->experiment(job->source, record->id, job->record, &there, err) < 0) {
        return -1;
    }
    if (job->store == NULL) {
        return check_name(job, record, there.name, err);
    }
    int found = find_row(job, MOVED_EXPERIMENT, record, err);
    if (found < 0) {
        return -1;
    }
    if (found == 1 && record->state != IMPORT_NEW) {
        /* The Default experiment of a home that had runs of its own was never written. */
        record->state = strcmp(record->digest, "shared") == 0 ? IMPORT_SHARED : record->state;
        return record->state == IMPORT_SHARED ? 0 : keep_name(job, record, &there, err);
    }
    int exists = store_moved_exists(job->store, MOVED_EXPERIMENT, record->here, err);
    if (exists < 0 || (exists == 1 && meet_experiment(job, record, &there, err) < 0)) {
        return -1;
    }
    return record->state == IMPORT_NEW ? check_name(job, record, there.name, err) : 0;
}

/* ---- the others ------------------------------------------------------------------------------------------------- */

static const char *free_model_name(struct import_job *job, const char *name)
{
    const char *other = arena_printf(job->options->arena, "%s-imported", name);
    for (int i = 2; store_moved_exists(job->store, MOVED_REGISTERED, other, NULL) == 1; i++) {
        other = arena_printf(job->options->arena, "%s-imported-%d", name, i);
    }
    return other;
}

/* The home has a record of that id that was not brought from this source. */
static int meet_record(struct import_job *job, enum moved_kind kind, struct import_record *record, struct err *err)
{
    struct digest there, here;
    if (import_digest_there(job, kind, record, &there, err) < 0 ||
        import_digest_here(job, kind, record->here, &here, err) < 0) {
        return -1;
    }
    if (strcmp(there.hex, here.hex) == 0) {
        record->state = IMPORT_SAME;
        return 0;
    }
    if (kind == MOVED_REGISTERED && job->options->rename) {
        record->here = free_model_name(job, record->id);
        return 0;
    }
    refuse(job, kind, record, arena_printf(job->record, "%s '%s'", words[kind], record->id),
           arena_printf(job->record, "another %s of that %s", words[kind],
                        kind == MOVED_REGISTERED ? "name" : "id"));
    return 0;
}

static int plan_record(struct import_job *job, enum moved_kind kind, struct import_record *record, struct err *err)
{
    int found = find_row(job, kind, record, err);
    if (found != 0) {
        return found < 0 ? -1 : 0;
    }
    int exists = store_moved_exists(job->store, kind, record->here, err);
    return exists < 0 ? -1 : exists == 0 ? 0 : meet_record(job, kind, record, err);
}

static int plan_kind(struct import_job *job, enum moved_kind kind, struct err *err)
{
    struct import_list *list = &job->lists[kind];
    for (size_t i = 0; i < list->count; i++) {
        struct err wrong = {0};
        int result = kind == MOVED_EXPERIMENT ? plan_experiment(job, &list->items[i], &wrong)
                     : job->store == NULL     ? 0
                                              : plan_record(job, kind, &list->items[i], &wrong);
        if (result < 0 && import_leave(job, kind, &list->items[i], &wrong, err) < 0) {
            return -1;
        }
        import_progress(job, "looking at", (int64_t)i + 1, (int64_t)list->count);
    }
    return 0;
}

int import_plan(struct import_job *job, struct err *err)
{
    if (list_all(job, err) < 0) {
        return -1;
    }
    job->names = str_index_new(job->options->arena, job->lists[MOVED_EXPERIMENT].count);
    for (int kind = 0; kind < MOVED_KINDS; kind++) {
        if (plan_kind(job, (enum moved_kind)kind, err) < 0) {
            return -1;
        }
    }
    if (job->refused > 0 && !job->options->dry) {
        return err_set(err, ERR_EXISTS,
                       "%zu records of '%s' are taken in the home by others, so nothing was imported: %.400s%s; "
                       "--rename gives experiments and registered models another number or name",
                       job->refused, job->source->name, job->first_refusal, job->refused > 1 ? ", ..." : "");
    }
    return 0;
}
