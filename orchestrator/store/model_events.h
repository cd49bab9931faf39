/* SPDX-License-Identifier: Apache-2.0
 * What pipelines in force hear of the registry: `on: model_version`, `model_alias`, `model_tag`, `model_stage`. Whoever
 * listens has a pending trigger in the transaction of the change, by whatever road the change comes; the next turn of
 * an engine decides. Only an import is heard of by nobody.
 */
#ifndef SLUICE_STORE_MODEL_EVENTS_H
#define SLUICE_STORE_MODEL_EVENTS_H

#include "base/json.h"
#include "store/alias_moves.h"
#include "store/in_force.h"
#include "store/registry.h"

enum model_event_kind { MODEL_EVENT_VERSION, MODEL_EVENT_ALIAS, MODEL_EVENT_TAG, MODEL_EVENT_STAGE };
/* Its key below `on`: "model_version", ... */
extern const char *const model_event_keys[];

struct model_event {
    enum model_event_kind kind;
    const char *action;    /* "created" of a version, "set" or "deleted" of an alias or tag, "changed" of a stage */
    const char *name;      /* of the registered model */
    int64_t version;       /* that it is about: of an alias that is deleted the one it pointed to */
    int64_t previous;      /* of an alias: where it pointed before; 0: nowhere */
    const char *what;      /* the alias, the tag's key, the stage; NULL of a version */
    const char *value;     /* of a tag that is set */
    const char *was;       /* of a stage: the one before */
    const struct mover *by; /* NULL: sluice itself */
};
/* A pending trigger for each pipeline that listens. */
int model_event_tell(struct store *store, const struct model_event *event, int64_t now_ms, struct err *err);

/* A version was made: told at once if it can be loaded, else (its logged model is not READY) by model_event_ready. */
int model_event_created(struct store *store, const struct model_version *version, int64_t number,
                        const struct mover *by, int64_t now_ms, struct err *err);
/* A logged model has become READY: versions that are made of it can be loaded from now on. */
int model_event_ready(struct store *store, const char *model_id, int64_t now_ms, struct err *err);

/* Does what a pipeline says below `on: model_version` mean this registered model? */
bool model_event_is_about(const struct subscription *subscription, const char *name, bool is_prompt,
                          struct arena *arena);

/* The pipelines by which what a pipeline run does has come about, that run's own last: of a part of another run also
 * those above it, of a retry also those of the first. */
int store_trigger_chain(struct store *store, const char *run_id, struct arena *arena, struct json *ret,
                        struct err *err);

#endif
