/* SPDX-License-Identifier: Apache-2.0
 * Registered models, their versions, aliases and tags. One function moves aliases and one moves stages; everything goes
 * through them. Names, aliases, keys and values are checked by MLflow's rules with its messages; what is not there is
 * ERR_NOT_FOUND in its words. A deleted version is not there: its row only keeps its number. What webhooks are told of
 * a change is recorded with it (webhook_events.h), and each move of an alias or a stage in the history (alias_moves.h),
 * with `by`: who asks. What config.yaml guards is ERR_DENIED in words unless it lacks nothing (guards.h).
 */
#ifndef SLUICE_STORE_REGISTRY_H
#define SLUICE_STORE_REGISTRY_H

#include "base/json.h"
#include "store/alias_moves.h"
#include "store/pair.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

struct registered_model {
    const char *name;
    const char *description;
    int64_t created_ms;
    int64_t updated_ms;
    int64_t latest_version; /* 0: none */
};

struct model_version {
    const char *name;
    int64_t version;
    const char *model_id; /* the logged model; NULL for a version made from a path */
    const char *source;   /* "models:/m-..." or a URI */
    const char *run_id;   /* NULL: none */
    const char *user;     /* who created it */
    const char *description;
    const char *stage;    /* "None" */
    const char *status;   /* "READY" */
    const char *status_message; /* "" */
    const char *run_link; /* "" */
    const char *storage_location; /* of its files: `source`, or what a models: source stood for; "" of a prompt */
    int64_t created_ms;
    int64_t updated_ms;
};

/* A new version of `name` (the registered model is created at need) for the logged model, or, when this logged model is
 * registered under this name already, that version: `*ret_existing` tells. It has the tags in any case. Version numbers
 * are never reused. */
int store_registry_register(struct store *store, const char *name, const struct model_version *version,
                            const struct pair *tags, size_t tag_count, const struct mover *by, int64_t now_ms,
                            int64_t *ret_version, bool *ret_existing, struct err *err);
int store_registry_get(struct store *store, const char *name, struct arena *arena, struct registered_model *ret,
                       struct err *err);
/* A new one, with its tags. ERR_EXISTS "Registered Model (name=X) already exists."; a prompt (tags_are_of_prompt) and a
 * model never share a name, which has a message of its own. */
int store_registry_create(struct store *store, const char *name, const char *description, const struct pair *tags,
                          size_t tag_count, int64_t now_ms, struct err *err);
/* With versions, tags and aliases. ERR_EXISTS when the new name is taken. Its aliases are removed from the one name and
 * set under the other, as far as guards let them. */
int store_registry_rename(struct store *store, const char *name, const char *new_name, const struct mover *by,
                          int64_t now_ms, struct err *err);
/* NULL is "". */
int store_registry_describe(struct store *store, const char *name, const char *description, int64_t now_ms,
                            struct err *err);
/* For good, with versions, tags and aliases; a model made under the name later begins at version 1. */
int store_registry_delete(struct store *store, const char *name, const struct mover *by, int64_t now_ms,
                          struct err *err);
int store_registry_list(struct store *store, struct arena *arena, struct registered_model **ret, size_t *ret_count,
                        struct err *err);
int store_version_get(struct store *store, const char *name, int64_t version, struct arena *arena,
                      struct model_version *ret, struct err *err);
int store_version_list(struct store *store, const char *name, struct arena *arena, struct model_version **ret,
                       size_t *ret_count, struct err *err);
/* The version that a client wrote: ERR_INPUT "Parameter 'version' must be an integer, got 'x'." */
int version_parse(const char *text, int64_t *ret, struct err *err);
/* Do tags say that it is a prompt (mlflow.prompt.is_prompt, the last word counts)? */
bool tags_are_of_prompt(const struct pair *tags, size_t count);
/* The key of that tag. */
bool tag_is_of_prompt(const char *key);
/* A new version of a registered model that exists, as clients make one (store_registry_register gives one logged model
 * one version; this gives each call one). Reads name (of the model), source, run_id, model_id, user, description and
 * run_link of `version`, NULL where not given; the source has passed model_source_check (artifact_uri.h), `is_prompt`
 * as there. A models: source is resolved: storage_location is what it stands for, run_id and model_id come from it
 * unless given, and must agree with those of a models:/NAME/VERSION. The logged model's tag mlflow.modelVersions is
 * kept up. `*ret_version` is the number: the highest there ever was, and one. */
int store_version_create(struct store *store, const struct model_version *version, bool is_prompt,
                         const struct pair *tags, size_t tag_count, const struct mover *by, int64_t now_ms,
                         int64_t *ret_version, struct err *err);
/* NULL is "". */
int store_version_describe(struct store *store, const char *name, int64_t version, const char *description,
                           int64_t now_ms, struct err *err);
/* Its aliases go, then it is redacted (stage Deleted_Internal) and no function here finds it any more. */
int store_version_delete(struct store *store, const char *name, int64_t version, const struct mover *by, int64_t now_ms,
                         struct err *err);
/* The canonical name of a stage, whatever its case: "Staging"; ERR_INPUT in MLflow's words, NULL then. */
const char *stage_parse(const char *text, struct err *err);
/* Moves a version to a stage (in any case), and with `archive_existing` all others of that stage to Archived, which
 * only Staging and Production allow. Every move of every version goes through one place in the .c file. */
int store_stage_set(struct store *store, const char *name, int64_t version, const char *stage, bool archive_existing,
                    const struct mover *by, int64_t now_ms, struct err *err);
/* The highest version of each stage asked for (in any case; none asked: of all four), in the order None, Staging,
 * Production, Archived. */
int store_version_latest(struct store *store, const char *name, const char *const *stages, size_t stage_count,
                         struct arena *arena, struct model_version **ret, size_t *ret_count, struct err *err);
/* The versions that a logged model was made, by name and version. */
int store_version_of_model(struct store *store, const char *model_id, struct arena *arena, struct model_version **ret,
                           size_t *ret_count, struct err *err);
int store_version_tag(struct store *store, const char *name, int64_t version, const char *key, const char *value,
                      const struct mover *by, int64_t now_ms, struct err *err);
int store_version_tags(struct store *store, const char *name, int64_t version, struct arena *arena, struct json *ret,
                       struct err *err);
int store_registered_tag(struct store *store, const char *name, const char *key, const char *value, int64_t now_ms,
                         struct err *err);
/* Deleting a tag that is not there is fine, of a model or version that is not, ERR_NOT_FOUND. */
int store_version_delete_tag(struct store *store, const char *name, int64_t version, const char *key,
                             const struct mover *by, int64_t now_ms, struct err *err);
int store_registered_delete_tag(struct store *store, const char *name, const char *key, int64_t now_ms,
                                struct err *err);
/* A map of text, keys sorted. */
int store_registered_tags(struct store *store, const char *name, struct arena *arena, struct json *ret,
                          struct err *err);

/* The version an alias points to; 0 when there is no such alias or model. */
int store_alias_get(struct store *store, const char *name, const char *alias, int64_t *ret_version, struct err *err);
/* Compare-and-set. `expect` -1: whatever it is; 0: must not exist; else must point there: otherwise ERR_STATE that
 * names both. `version` 0 deletes the alias. `*ret_previous` is what it pointed to (0: nothing). Pointing where it
 * points already changes nothing. */
int store_alias_set(struct store *store, const char *name, const char *alias, int64_t version, int64_t expect,
                    const struct mover *by, int64_t now_ms, int64_t *ret_previous, struct err *err);
/* As MLflow's clients ask: the registered model must exist, the alias need not. `*ret_previous`: what it pointed to. */
int store_alias_delete(struct store *store, const char *name, const char *alias, const struct mover *by, int64_t now_ms,
                       int64_t *ret_previous, struct err *err);
/* The version an alias points to; "latest" is the highest of all. ERR_INPUT when it points to none. */
int store_version_by_alias(struct store *store, const char *name, const char *alias, struct arena *arena,
                           struct model_version *ret, struct err *err);
/* The aliases of one version, sorted. */
int store_version_aliases(struct store *store, const char *name, int64_t version, struct arena *arena,
                          const char ***ret, size_t *ret_count, struct err *err);
/* {alias: version} of a model, aliases sorted. */
int store_alias_list(struct store *store, const char *name, struct arena *arena, struct json *ret, struct err *err);

#endif
