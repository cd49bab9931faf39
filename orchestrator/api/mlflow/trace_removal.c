/* SPDX-License-Identifier: Apache-2.0 */
#include "api/mlflow/trace_removal.h"

#include "api/mlflow/entities.h"
#include "api/mlflow/file_place.h"
#include "api/user_rights.h"
#include "base/id.h"
#include "base/mem.h"
#include "store/traces.h"

#include <stdlib.h>

enum { BATCH_MAX = 1000 };

/* ---- files ------------------------------------------------------------------------------------------------------ */

/* What was taken out of its place, for the thread to remove. */
struct heap {
    struct api_job job;
    const struct files *files;
    size_t count;
    char names[BATCH_MAX][40];
};

static int remove_heap(void *ctx, struct err *err)
{
    const struct heap *heap = ctx;
    int result = 0;
    for (size_t i = 0; i < heap->count; i++) {
        result = files_discard(heap->files, heap->names[i], err) < 0 ? -1 : result;
    }
    return result;
}

static void drop_heap(struct api_job *job)
{
    free(job);
}

/* ".../traces/ID/artifacts", of which ID is the trace's own; none of a trace whose files are at another store. What
 * cannot be taken away has no row any more, which is how `sluice gc` knows that it may go. */
static void take_away(struct api_call *call, const struct trace *trace, struct heap *heap)
{
    struct file_place place;
    if (file_place_in(call, trace->artifact_uri, "", &place, NULL) < 0) {
        return;
    }
    struct str path = str_from(place.path);
    path.n -= str_ends(path, STR("/artifacts")) ? strlen("/artifacts") : 0;
    struct id name = id_run(call->rng, call->now_ms);
    (void)memcpy(heap->names[heap->count], name.text, sizeof heap->names[0]);
    if (files_take_away(call->files, arena_str(call->arena, path).p, name.text, NULL) == 0) {
        heap->count++;
    }
}

static void remove_files(struct api_call *call, const struct trace *traces, size_t count)
{
    struct heap *heap = mem_alloc(sizeof *heap);
    *heap = (struct heap){.files = call->files};
    heap->job = (struct api_job){.file = {.work = remove_heap, .ctx = heap}, .drop = drop_heap};
    for (size_t i = 0; i < count; i++) {
        take_away(call, &traces[i], heap);
    }
    bool later = call->later;
    api_give_job(call, &heap->job); /* nobody waits for this one, */
    call->later = later;            /* but the request may wait for another */
}

/* ---- rows ------------------------------------------------------------------------------------------------------- */

struct deletion {
    struct api_job job;
    struct trace_choice choice; /* what is still to go; in the exchange's arena, as are `gone` */
    struct trace *gone;         /* rows that went in the turn before */
    size_t gone_count;
    int64_t deleted;
};

static int nothing(void *ctx, struct err *err)
{
    (void)ctx;
    (void)err;
    return 0;
}

static void drop_deletion(struct api_job *job)
{
    free(job);
}

/* The next rows. False when there are none. */
static int delete_rows(struct api_call *call, struct deletion *deletion, bool *ret_some, struct err *err)
{
    struct trace_choice batch = deletion->choice;
    batch.limit = batch.limit > BATCH_MAX ? BATCH_MAX : batch.limit;
    batch.id_count = batch.id_count > BATCH_MAX ? BATCH_MAX : batch.id_count;
    if (store_trace_remove(call->store, &batch, call->arena, &deletion->gone, &deletion->gone_count, err) < 0) {
        return -1;
    }
    if (batch.ids != NULL) {
        deletion->choice.ids += batch.id_count;
        deletion->choice.id_count -= batch.id_count;
    }
    deletion->choice.limit -= (int64_t)deletion->gone_count;
    deletion->deleted += (int64_t)deletion->gone_count;
    *ret_some = deletion->gone_count > 0 || (batch.ids != NULL && deletion->choice.id_count > 0);
    return 0;
}

static int finish(struct api_call *call, struct err *err);

/* Goes on in a later turn, when what was done in this one is committed; the way there is a job that does nothing. */
static int delete_some(struct api_call *call, struct deletion *deletion, struct err *err)
{
    bool some = false;
    if (delete_rows(call, deletion, &some, err) < 0) {
        return -1;
    }
    if (some) {
        api_give_job(call, &deletion->job);
    } else {
        put_int(call, &call->answer, "traces_deleted", deletion->deleted);
    }
    return 0;
}

/* Were the rows of the turn before committed? Then they are not there. */
static int check_gone(struct api_call *call, const struct deletion *deletion, struct err *err)
{
    struct trace trace;
    if (deletion->gone_count > 0 &&
        store_trace_get(call->store, deletion->gone[0].request_id, call->arena, &trace, NULL) == 0) {
        return err_set(err, ERR_LIMIT, "the store could not record that traces are deleted");
    }
    return 0;
}

static int finish(struct api_call *call, struct err *err)
{
    struct deletion *deletion = call->exchange->owner;
    if (err->code != ERR_NONE || check_gone(call, deletion, err) < 0 ||
        user_check_experiment(call, deletion->choice.experiment_id, PERMISSION_MANAGE, err) < 0) {
        return -1;
    }
    if (deletion->gone_count > 0) {
        remove_files(call, deletion->gone, deletion->gone_count);
    }
    return delete_some(call, deletion, err);
}

/* ---- what is asked ---------------------------------------------------------------------------------------------- */

static int read_choice(struct api_call *call, struct trace_choice *ret, struct err *err)
{
    const struct json *latest = json_get(&call->params, "max_timestamp_millis");
    const struct json *most = json_get(&call->params, "max_traces");
    size_t count = 0;
    const char **ids = param_texts(&call->params, "request_ids", call->arena, &count);
    if (latest == NULL && count == 0) {
        return err_set(err, ERR_INPUT, "Either `max_timestamp_millis` or `trace_ids` must be specified.");
    }
    if (latest != NULL && count > 0) {
        return err_set(err, ERR_INPUT, "Only one of `max_timestamp_millis` and `trace_ids` can be specified.");
    }
    if (most != NULL && count > 0) {
        return err_set(err, ERR_INPUT, "`max_traces` can't be specified if `trace_ids` is specified.");
    }
    *ret = (struct trace_choice){
        .ids = count > 0 ? ids : NULL,
        .id_count = count,
        .latest_ms = json_get_int(&call->params, "max_timestamp_millis", 0),
        .limit = json_get_int(&call->params, "max_traces", INT64_MAX),
    };
    return ret->limit > 0 ? experiment_id_of(param_text(&call->params, "experiment_id"), &ret->experiment_id, err)
                          : err_set(err, ERR_INPUT, "`max_traces` must be a positive integer, received %lld.",
                                    (long long)ret->limit);
}

int traces_delete(struct api_call *call, struct err *err)
{
    struct trace_choice choice;
    if (read_choice(call, &choice, err) < 0) {
        return -1;
    }
    struct deletion *deletion = mem_alloc(sizeof *deletion);
    *deletion = (struct deletion){.choice = choice};
    deletion->job = (struct api_job){
        .file = {.work = nothing, .ctx = deletion},
        .exchange = call->exchange,
        .finish = finish,
        .drop = drop_deletion,
    };
    call->exchange->owner = deletion;
    call->exchange->disown = api_disown_job;
    return delete_some(call, deletion, err);
}
