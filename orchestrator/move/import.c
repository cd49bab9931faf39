/* SPDX-License-Identifier: Apache-2.0
 * Writing the records, one after the other, in transactions of bounded size.
 */
#include "move/import.h"

#include "move/content.h"
#include "move/import_internal.h"
#include "store/run_search.h"

#include <string.h>

enum { ROWS_AT_ONCE = 100000, ROWS_OF_A_RECORD = 20 };

static const char *const words[] = {"experiment", "run", "logged model", "registered model", "trace"};
static const char *const many[] = {"experiments", "runs", "logged models", "registered models", "traces"};

void import_progress(const struct import_job *job, const char *what, int64_t done, int64_t all)
{
    if (job->options->progress != NULL) {
        job->options->progress(job->options->progress_context, what, done, all);
    }
}

int import_begin(struct import_job *job, struct err *err)
{
    if (job->in_transaction) {
        return 0;
    }
    if (store_begin(job->store, err) < 0) {
        return -1;
    }
    store_moved_expect_many(job->store);
    job->in_transaction = true;
    job->written = 0;
    return 0;
}

int import_commit(struct import_job *job, struct err *err)
{
    if (!job->in_transaction) {
        return 0;
    }
    job->in_transaction = false;
    if (store_commit(job->store, err) < 0) {
        return -1;
    }
    store_tidy(job->store);
    return 0;
}

static int commit_when_large(struct import_job *job, int64_t rows, struct err *err)
{
    job->written += rows;
    return job->written < ROWS_AT_ONCE ? 0 : import_commit(job, err) < 0 ? -1 : import_begin(job, err);
}

int import_leave(struct import_job *job, enum moved_kind kind, struct import_record *record, struct err *wrong,
                 struct err *err)
{
    const struct move_import *options = job->options;
    if (!move_error_is_of_record(wrong) || options->strict) {
        return err_set(err, wrong->code, "%s '%.100s': %s", words[kind], record->id, wrong->message);
    }
    record->state = IMPORT_LEFT;
    job->outcome->counts[kind].left++;
    move_report_problem(options->report, "%s '%.100s' is left out: %s", words[kind], record->id, wrong->message);
    return 0;
}

/* ---- one record ------------------------------------------------------------------------------------------------- */

static int mark(struct import_job *job, enum moved_kind kind, const struct import_record *record, const char *digest,
                struct err *err)
{
    const struct import_row row = {record->here, digest};
    return store_import_put(job->store, job->source->name, kind, record->id, &row, job->options->now_ms, err);
}

struct run_writer {
    struct import_job *job;
    const char *run_id;
    struct move_run_content *content;
};

static int write_series(void *context, struct moved_series *series, struct err *err)
{
    struct run_writer *writer = context;
    int64_t rows = (int64_t)series->points.count;
    move_run_content_add(writer->content, series);
    return store_moved_put_series(writer->job->store, writer->run_id, series, err) < 0
               ? -1
               : commit_when_large(writer->job, rows, err);
}

static int write_run(struct import_job *job, struct import_record *record, struct digest *ret, struct err *err)
{
    struct moved_run run;
    if (import_read_run(job, record, &run, err) < 0 || import_begin(job, err) < 0 ||
        mark(job, MOVED_RUN, record, "", err) < 0 || store_moved_put_run(job->store, &run, err) < 0) {
        return -1;
    }
    int64_t points = 0;
    struct run_writer writer = {job, run.info.run_id, move_run_content_new(&run)};
    int result = job->source->ops->series(job->source, record->id, write_series, &writer, err);
    *ret = move_run_content_take(writer.content, &points);
    job->outcome->points += result == 0 ? points : 0;
    return result;
}

static int write_experiment(struct import_job *job, struct import_record *record, struct digest *ret, struct err *err)
{
    struct moved_experiment experiment;
    if (import_read_experiment(job, record, &experiment, err) < 0 || import_begin(job, err) < 0 ||
        store_moved_put_experiment(job->store, &experiment, err) < 0) {
        return -1;
    }
    *ret = move_digest_experiment(&experiment);
    return 0;
}

static int write_model(struct import_job *job, struct import_record *record, struct digest *ret, struct err *err)
{
    struct moved_model model;
    if (import_read_model(job, record, &model, err) < 0 || import_begin(job, err) < 0 ||
        store_moved_put_model(job->store, &model, err) < 0) {
        return -1;
    }
    *ret = move_digest_model(&model);
    return 0;
}

static int write_registered(struct import_job *job, struct import_record *record, struct digest *ret, struct err *err)
{
    struct moved_registered registered;
    if (import_read_registered(job, record, &registered, err) < 0 || import_begin(job, err) < 0 ||
        store_savepoint(job->store, err) < 0) {
        return -1;
    }
    if (store_moved_put_registered(job->store, &registered, &job->options->by, err) < 0) {
        store_savepoint_back(job->store); /* a guard may have refused it half-way */
        return -1;
    }
    if (store_savepoint_release(job->store, err) < 0) {
        return -1;
    }
    *ret = move_digest_registered(&registered);
    return 0;
}

static int write_trace(struct import_job *job, struct import_record *record, struct digest *ret, struct err *err)
{
    struct moved_trace trace;
    if (import_read_trace(job, record, &trace, err) < 0 || import_begin(job, err) < 0 ||
        store_moved_put_trace(job->store, &trace, err) < 0) {
        return -1;
    }
    *ret = move_digest_trace(&trace);
    return 0;
}

static int write_record(struct import_job *job, enum moved_kind kind, struct import_record *record, struct err *err)
{
    static int (*const writers[MOVED_KINDS])(struct import_job *, struct import_record *, struct digest *,
                                             struct err *) = {write_experiment, write_run, write_model,
                                                              write_registered, write_trace};
    struct digest digest;
    arena_reset(job->record);
    if (writers[kind](job, record, &digest, err) < 0) {
        return -1;
    }
    record->digest = arena_strdup(job->options->arena, digest.hex);
    job->outcome->counts[kind].moved++;
    return mark(job, kind, record, digest.hex, err) < 0 ? -1 : commit_when_large(job, ROWS_OF_A_RECORD, err);
}

/* Its files may come now that stayed where they were before. */
static int keep_place(struct import_job *job, enum moved_kind kind, const struct import_record *record,
                      struct err *err)
{
    if (record->uri == NULL || job->options->dry || job->options->mode == MOVE_REFERENCE) {
        return 0;
    }
    const char *uri = import_uri(job, record->uri, record->id, record->folder);
    return strcmp(uri, record->uri) == 0 || (import_begin(job, err) == 0 &&
                                             store_moved_put_uri(job->store, kind, record->here, uri, err) == 0)
               ? 0
               : -1;
}

/* A record that was whole: if the source says something else by now, and nobody has changed it here, it is written
 * again. */
static int update_record(struct import_job *job, enum moved_kind kind, struct import_record *record, struct err *err)
{
    struct digest there, here;
    if (import_digest_there(job, kind, record, &there, err) < 0) {
        return -1;
    }
    if (strcmp(there.hex, record->digest) == 0) {
        job->outcome->counts[kind].before++;
        return keep_place(job, kind, record, err);
    }
    if (import_digest_here(job, kind, record->here, &here, err) < 0) {
        return -1;
    }
    if (strcmp(here.hex, record->digest) != 0) {
        return err_set(err, ERR_INPUT, "since it was imported it has been changed there and here: it stays as it is "
                                       "here");
    }
    return job->options->dry ? (job->outcome->counts[kind].moved++, 0) : write_record(job, kind, record, err);
}

/* The Default experiment that both have. */
static int share_record(struct import_job *job, enum moved_kind kind, const struct import_record *record,
                        struct err *err)
{
    job->outcome->counts[kind].before++;
    move_report_note(job->options->report, "experiment 0 '%s' of the home is in use: it gets the source's runs and "
                     "stays as it is", "Default");
    return job->options->dry || (import_begin(job, err) == 0 && mark(job, kind, record, "shared", err) == 0) ? 0 : -1;
}

/* Brought from elsewhere, and the same: from now on it is known to be this source's, too. */
static int adopt_record(struct import_job *job, enum moved_kind kind, struct import_record *record, struct err *err)
{
    struct digest there;
    if (import_digest_there(job, kind, record, &there, err) < 0) {
        return -1;
    }
    record->digest = arena_strdup(job->options->arena, there.hex);
    job->outcome->counts[kind].before++;
    return job->options->dry || (import_begin(job, err) == 0 && mark(job, kind, record, there.hex, err) == 0) ? 0 : -1;
}

static int take_record(struct import_job *job, enum moved_kind kind, struct import_record *record, struct err *err)
{
    switch (record->state) {
    case IMPORT_LEFT:
        return 0;
    case IMPORT_WHOLE:
        return update_record(job, kind, record, err);
    case IMPORT_SAME:
        return adopt_record(job, kind, record, err);
    case IMPORT_SHARED:
        return share_record(job, kind, record, err);
    case IMPORT_NEW:
    case IMPORT_PARTLY:
        break;
    }
    if (job->options->dry) { /* read it whole, so that what is wrong with it is told */
        struct digest digest;
        if (import_digest_there(job, kind, record, &digest, err) < 0) {
            return -1;
        }
        job->outcome->counts[kind].moved++;
        return 0;
    }
    return write_record(job, kind, record, err);
}

/* ---- all of them ------------------------------------------------------------------------------------------------ */

static int take_kind(struct import_job *job, enum moved_kind kind, struct err *err)
{
    struct import_list *list = &job->lists[kind];
    for (size_t i = 0; i < list->count; i++) {
        struct err wrong = {0};
        if (take_record(job, kind, &list->items[i], &wrong) < 0 &&
            import_leave(job, kind, &list->items[i], &wrong, err) < 0) {
            return -1;
        }
        import_progress(job, many[kind], (int64_t)i + 1, (int64_t)list->count);
    }
    return import_commit(job, err);
}

/* Also when nothing was written now: what was killed may have come this far. */
static int settle_searches(struct import_job *job, struct err *err)
{
    return job->options->dry || (import_begin(job, err) == 0 && store_run_search_settle(job->store, err) == 0) ? 0 : -1;
}

/* Registered models name the folders of models and runs, and come behind them. */
static int take_all(struct import_job *job, struct err *err)
{
    static const enum moved_kind order[] = {MOVED_EXPERIMENT, MOVED_MODEL, MOVED_RUN, MOVED_TRACE, MOVED_REGISTERED};
    for (size_t i = 0; i < MOVED_KINDS; i++) {
        if (take_kind(job, order[i], err) < 0) {
            return -1;
        }
    }
    return settle_searches(job, err) < 0 || import_files(job, err) < 0 || import_commit(job, err) < 0 ? -1 : 0;
}

static int look_again(struct import_job *job, struct err *err)
{
    int changed = job->source->ops->changed == NULL ? 0 : job->source->ops->changed(job->source, err);
    job->outcome->changed = changed == 1;
    return changed < 0 ? -1 : 0;
}

int move_import(const struct move_import *import, struct move_outcome *ret, struct err *err)
{
    struct import_job job = {
        .options = import,
        .source = import->source,
        .store = import->store,
        .outcome = ret,
        .record = arena_new(),
    };
    *ret = (struct move_outcome){0};
    if (import->store != NULL) {
        job.home = move_home_source(import->store, import->arena, import->report);
    }
    int result = import_plan(&job, err) < 0 || take_all(&job, err) < 0 ||
                         (!import->dry && import_verify(&job, err) < 0) || look_again(&job, err) < 0
                     ? -1
                     : 0;
    if (job.in_transaction) {
        /* What is whole of it is kept by its own commit; the rest is read again next time. */
        store_rollback(import->store);
    }
    arena_free(job.record);
    return result;
}
