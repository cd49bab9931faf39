/* SPDX-License-Identifier: Apache-2.0
 * What users may do with an experiment or a registered model. Runs, logged models, traces and artifacts are as their
 * experiment, versions and aliases as their model.
 */
#ifndef SLUICE_STORE_PERMISSIONS_H
#define SLUICE_STORE_PERMISSIONS_H

#include "base/str.h"
#include "store/store.h"

/* MLflow's; each includes those before it. PERMISSION_DENY is nothing, too, whatever else is said. Their numbers are
 * stored. */
enum permission {
    PERMISSION_DENY = -1,
    PERMISSION_NONE,
    PERMISSION_READ,
    PERMISSION_USE,
    PERMISSION_EDIT,
    PERMISSION_MANAGE
};
/* "NO_PERMISSIONS", "READ", "USE", "EDIT", "MANAGE", by number from PERMISSION_NONE; NULL at the end. */
extern const char *const permission_words[];
/* These, and "DENY". */
const char *permission_word(enum permission permission);
/* ERR_INPUT in MLflow's words. */
int permission_parse(const char *word, enum permission *ret, struct err *err);

/* What a permission is for: an experiment, or a registered model when `model` is not NULL. */
struct permission_object {
    const char *model;
    int64_t experiment_id;
};

/* What MLflow's roles, and permissions on all objects of a type, are about. */
enum granted_type { GRANTED_EXPERIMENT, GRANTED_PROMPT, GRANTED_REGISTERED_MODEL, GRANTED_WORKSPACE };
/* "experiment", ..., by number; NULL at the end. */
extern const char *const granted_words[];
/* ERR_INPUT in MLflow's words, which names these four alone. */
int granted_parse(const char *word, enum granted_type *ret, struct err *err);

/* All that is said to somebody of one object. Begin with {0}. */
struct permission_said {
    bool is_direct;           /* to himself, of this object: */
    enum permission direct;
    bool manages_all;         /* he may MANAGE the workspace, by a role */
    bool is_denied;           /* somewhere it says DENY */
    enum permission by_roles; /* the highest of what his roles say, and what is said to him of all of its type */
};
/* Adds one thing that is not said of him and the object alone. */
void permission_say(struct permission_said *said, enum granted_type type, enum permission permission);
/* What he may do: everything where he manages all; else nothing where one thing says DENY; else what is said to himself
 * of the object, or `by_default` where nothing is, or more, where his roles say so. */
enum permission permission_resolve(const struct permission_said *said, enum permission by_default);

/* What belongs to an experiment for good. */
enum owned { OWNED_RUN, OWNED_LOGGED_MODEL, OWNED_TRACE };
/* 1 with its experiment, also of what is deleted; 0 when there is no such thing, -1. */
int store_experiment_of(struct store *store, enum owned kind, const char *id, int64_t *ret, struct err *err);

/* As store_users_version, of permissions. */
uint64_t store_permissions_version(const struct store *store);

/* 1 with `*ret`, 0 when nothing is said of it, -1. */
int store_permission_find(struct store *store, int64_t user_id, const struct permission_object *object,
                          enum permission *ret, struct err *err);
/* With what his roles say (store/mlflow_roles.h). */
int store_permission_said(struct store *store, int64_t user_id, const struct permission_object *object,
                          struct permission_said *ret, struct err *err);
/* Adds or replaces it. */
int store_permission_put(struct store *store, int64_t user_id, const struct permission_object *object,
                         enum permission permission, struct err *err);
/* 1 when there was one, 0, -1. */
int store_permission_remove(struct store *store, int64_t user_id, const struct permission_object *object,
                            struct err *err);

struct permission_row {
    struct permission_object object;
    enum permission permission;
};
/* All of a user: those of experiments, then those of models. */
int store_permission_list(struct store *store, int64_t user_id, struct arena *arena, struct permission_row **ret,
                          size_t *ret_count, struct err *err);

/* Who searches: found is only what he may read. */
struct reader {
    int64_t user_id;
    bool sees_all;              /* whatever is said */
    bool by_default;            /* he may read what nothing is said of */
    bool manages_all;           /* by a role of MLflow's; of objects alone, beside sees_all */
    bool has_roles;             /* what such roles say of him counts, too */
    const int64_t *experiments; /* only these, and no registered model; NULL: all */
    size_t experiment_count;
};

/* May he read it? 1, 0, -1. NULL: he may read everything. */
int store_reader_sees(struct store *store, const struct reader *reader, const struct permission_object *object,
                      struct err *err);

/* Permissions go with the name of a registered model, and with the model. */
int store_permissions_rename(struct store *store, const char *name, const char *new_name, struct err *err);
int store_permissions_forget(struct store *store, const char *name, struct err *err);

#endif
