/* SPDX-License-Identifier: Apache-2.0
 * Registered models, their versions, aliases and tags. One function moves aliases; everything goes through it.
 */
#ifndef SLUICE_STORE_REGISTRY_H
#define SLUICE_STORE_REGISTRY_H

#include "base/json.h"
#include "store/store.h"

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
    int64_t created_ms;
    int64_t updated_ms;
};

/* A new version of `name` (the registered model is created at need) for the logged model, or, when this logged model is
 * registered under this name already, that version: `*ret_existing` tells. Version numbers are never reused. Names and
 * aliases are checked by MLflow's rules with its messages. */
int store_registry_register(struct store *store, const char *name, const struct model_version *version, int64_t now_ms,
                            int64_t *ret_version, bool *ret_existing, struct err *err);
int store_registry_get(struct store *store, const char *name, struct arena *arena, struct registered_model *ret,
                       struct err *err);
int store_registry_list(struct store *store, struct arena *arena, struct registered_model **ret, size_t *ret_count,
                        struct err *err);
int store_version_get(struct store *store, const char *name, int64_t version, struct arena *arena,
                      struct model_version *ret, struct err *err);
int store_version_list(struct store *store, const char *name, struct arena *arena, struct model_version **ret,
                       size_t *ret_count, struct err *err);
int store_version_tag(struct store *store, const char *name, int64_t version, const char *key, const char *value,
                      int64_t now_ms, struct err *err);
int store_version_tags(struct store *store, const char *name, int64_t version, struct arena *arena, struct json *ret,
                       struct err *err);
int store_registered_tag(struct store *store, const char *name, const char *key, const char *value, int64_t now_ms,
                         struct err *err);

/* The version an alias points to; 0 when there is no such alias or model. */
int store_alias_get(struct store *store, const char *name, const char *alias, int64_t *ret_version, struct err *err);
/* Compare-and-set. `expect` -1: whatever it is; 0: must not exist; else must point there: otherwise ERR_STATE that
 * names both. `version` 0 deletes the alias. `*ret_previous` is what it pointed to (0: nothing). Pointing where it
 * points already changes nothing. */
int store_alias_set(struct store *store, const char *name, const char *alias, int64_t version, int64_t expect,
                    int64_t now_ms, int64_t *ret_previous, struct err *err);
/* {alias: version} of a model, aliases sorted. */
int store_alias_list(struct store *store, const char *name, struct arena *arena, struct json *ret, struct err *err);

#endif
