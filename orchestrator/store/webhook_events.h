/* SPDX-License-Identifier: Apache-2.0
 * What webhooks are told of, in MLflow's words: an event for each change of the registry, recorded in the outbox by the
 * functions that make the change, so by whichever road it comes.
 */
#ifndef SLUICE_STORE_WEBHOOK_EVENTS_H
#define SLUICE_STORE_WEBHOOK_EVENTS_H

#include "base/json.h"
#include "store/pair.h"
#include "store/registry.h"

/* One of MLflow's events, "model_version_tag.set", and what a test of it sends. */
struct webhook_event {
    const char *name;
    const char *example; /* JSON */
};
extern const struct webhook_event webhook_events[]; /* up to a NULL name */

/* The event of this entity and action, in any case ("MODEL_VERSION", "created"); ERR_INPUT in MLflow's words. */
const struct webhook_event *webhook_event_find(const char *entity, const char *action, struct err *err);
/* By its whole name; NULL when there is none. */
const struct webhook_event *webhook_event_named(const char *name);

/* {"entity", "action", "timestamp", "data"} */
struct json webhook_body(const char *event, struct json data, int64_t now_ms, struct arena *arena);
/* A delivery of the event's example to one webhook. `*ret_delivery_id` tells which it is. */
int webhook_test(struct store *store, const char *webhook_id, const struct webhook_event *event, int64_t now_ms,
                 struct arena *arena, const char **ret_delivery_id, struct err *err);

/* ---- after the change, in its transaction ---- */
int event_model_created(struct store *store, const char *name, const char *description, const struct pair *tags,
                        size_t tag_count, int64_t now_ms, struct err *err);
int event_version_created(struct store *store, const struct model_version *version, int64_t number, bool is_prompt,
                          const struct pair *tags, size_t tag_count, int64_t now_ms, struct err *err);
/* `value` NULL: it was deleted. Of a registered model's tags only those of prompts are told. */
int event_model_tag(struct store *store, const char *name, const char *key, const char *value, int64_t now_ms,
                    struct err *err);
int event_version_tag(struct store *store, const char *name, int64_t version, const char *key, const char *value,
                      int64_t now_ms, struct err *err);
/* `version` 0: it was deleted. */
int event_alias(struct store *store, const char *name, const char *alias, int64_t version, int64_t now_ms,
                struct err *err);

#endif
