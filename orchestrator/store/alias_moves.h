/* SPDX-License-Identifier: Apache-2.0
 * The history of aliases, stages and deployments: who moved what where, when, why, and on what evidence. A move is
 * recorded in the transaction that makes it, with an entry of the activity log.
 */
#ifndef SLUICE_STORE_ALIAS_MOVES_H
#define SLUICE_STORE_ALIAS_MOVES_H

#include "base/json.h"
#include "store/store.h"

#include <stdint.h>

/* Who asks for a change of the registry, and how. */
struct mover {
    const char *actor;  /* "alice", "step promote of run wine 12" */
    const char *door;   /* "step", "cli", "mlflow", "import", "rollback" */
    const char *reason; /* NULL: none was given */
    const char *run_id; /* the pipeline run whose step asks; NULL: none */
    const char *person; /* as approvals know who asks, and runs are started by; NULL: `actor` */
};

struct alias_move {
    int64_t id;
    const char *name;
    const char *kind;     /* "alias", "stage" */
    const char *alias;
    int64_t from_version; /* 0: none */
    int64_t to_version;   /* 0: removed */
    const char *model_id; /* NULL: none */
    int64_t at_ms;
    const char *actor, *door, *reason;
    const char *run_id;   /* NULL: none */
    const char *standing; /* "open", "guarded", "free" */
    struct json approvals;
    const char *evidence_sha256; /* "" */
    const char *files_sha256; /* of the model's files, where a guard stood; NULL: not known */
};

struct guard_answer;
/* Fills in who moved it (NULL: sluice itself) and by what right. */
void alias_move_fill(struct alias_move *move, const struct mover *by, const struct guard_answer *answer);
/* Records it in the history and in the activity log. */
int alias_move_record(struct store *store, const struct alias_move *move, struct err *err);
/* Was there such a move when a guard stood there, so that the version lacked nothing? Of a version whose number was
 * given to another model since, the logged model tells; of a model whose files are others, their digest. */
int alias_was_there(struct store *store, const struct alias_move *move, bool *ret, struct err *err);
/* Oldest first, of a model; until `until_ms` (0: all). */
int store_alias_moves(struct store *store, const char *name, int64_t until_ms, struct arena *arena,
                      struct alias_move **ret, size_t *ret_count, struct err *err);
/* Where a rollback of an alias goes: the version that held it last, before the one that holds it now, and is still
 * there; when a guard stands there now, only one that had lacked nothing. ERR_STATE in words when there is none. */
int store_alias_before(struct store *store, const char *name, const char *alias, struct arena *arena,
                       struct alias_move *ret, int64_t *ret_now, struct err *err);

struct deployment_row {
    int64_t id;
    const char *target;
    const char *state;
    const char *name;    /* NULL: not registered, or deployed by its id */
    int64_t version;     /* 0: none */
    const char *model_id;
    const char *from_model, *to_model;
    const char *sha256;
    int64_t at_ms;
    const char *actor, *run_id, *reason;
    int64_t stage, stages; /* of one in stages; 0: it is not */
    double weight;         /* percent of the traffic that is the new model's; below 0: not said */
};
int store_deployment_add(struct store *store, const struct deployment_row *row, struct err *err);
/* Oldest first, of a registered model; until `until_ms` (0: all). */
int store_deployments(struct store *store, const char *name, int64_t until_ms, struct arena *arena,
                      struct deployment_row **ret, size_t *ret_count, struct err *err);

#endif
