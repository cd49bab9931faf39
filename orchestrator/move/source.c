/* SPDX-License-Identifier: Apache-2.0
 * What all sources share, and the home as one.
 */
#include "move/source.h"

#include "base/parse.h"

#include <string.h>

bool move_error_is_of_record(const struct err *err)
{
    return err->code == ERR_INPUT || err->code == ERR_CORRUPT || err->code == ERR_NOT_FOUND ||
           err->code == ERR_DENIED; /* a guard of config.yaml says no */
}

void moved_run_name(struct moved_run *run)
{
    for (size_t i = 0; run->info.name[0] == '\0' && i < run->tags.count; i++) {
        if (strcmp(run->tags.items[i].key, "mlflow.runName") == 0) {
            run->info.name = run->tags.items[i].value;
        }
    }
}

void moved_trace_tags(struct moved_trace *trace, const struct moved_pairs *tags, struct arena *arena)
{
    trace->info.artifact_uri = "";
    for (size_t i = 0; i < tags->count; i++) {
        if (strcmp(tags->items[i].key, TRACE_LOCATION_TAG) == 0) {
            trace->info.artifact_uri = tags->items[i].value;
        } else {
            moved_pairs_add(&trace->tags, arena, tags->items[i].key, tags->items[i].value);
        }
    }
}

void move_source_close(struct move_source *source)
{
    if (source != NULL && source->ops->close != NULL) {
        source->ops->close(source);
    }
}

/* ---- the home --------------------------------------------------------------------------------------------------- */

struct home_source {
    struct move_source base;
    struct store *store;
};

struct store *move_home_store(struct move_source *home)
{
    return ((struct home_source *)home)->store;
}

static int home_ids(struct move_source *source, enum moved_kind kind, struct arena *arena, struct moved_ids *ret,
                    struct err *err)
{
    return store_moved_ids(move_home_store(source), kind, arena, ret, err);
}

static int home_experiment(struct move_source *source, const char *id, struct arena *arena,
                           struct moved_experiment *ret, struct err *err)
{
    int64_t number = 0;
    return parse_int(str_from(id), INT64_MIN, INT64_MAX, &number, err) < 0
               ? -1
               : store_moved_experiment(move_home_store(source), number, arena, ret, err);
}

static int home_run(struct move_source *source, const char *id, struct arena *arena, struct moved_run *ret,
                    struct err *err)
{
    return store_moved_run(move_home_store(source), id, arena, ret, err);
}

static int home_series(struct move_source *source, const char *run_id, moved_series_take *take, void *context,
                       struct err *err)
{
    return store_moved_series(move_home_store(source), run_id, take, context, err);
}

static int home_model(struct move_source *source, const char *id, struct arena *arena, struct moved_model *ret,
                      struct err *err)
{
    return store_moved_model(move_home_store(source), id, arena, ret, err);
}

static int home_registered(struct move_source *source, const char *name, struct arena *arena,
                           struct moved_registered *ret, struct err *err)
{
    return store_moved_registered(move_home_store(source), name, arena, ret, err);
}

static int home_trace(struct move_source *source, const char *id, struct arena *arena, struct moved_trace *ret,
                      struct err *err)
{
    return store_moved_trace(move_home_store(source), id, arena, ret, err);
}

static const struct move_source_ops home_ops = {
    .ids = home_ids,
    .experiment = home_experiment,
    .run = home_run,
    .series = home_series,
    .model = home_model,
    .registered = home_registered,
    .trace = home_trace,
};

struct move_source *move_home_source(struct store *store, struct arena *arena, struct move_report *report)
{
    struct home_source *home = arena_one(arena, struct home_source);
    *home = (struct home_source){.base = {&home_ops, "the home", NULL, report}, .store = store};
    return &home->base;
}
