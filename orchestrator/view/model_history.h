/* SPDX-License-Identifier: Apache-2.0
 * What was where: the moves of a registered model's aliases and stages, its deployments and what people said of its
 * versions, in one order; and what of it stood at a moment.
 */
#ifndef SLUICE_VIEW_MODEL_HISTORY_H
#define SLUICE_VIEW_MODEL_HISTORY_H

#include "store/alias_moves.h"
#include "store/delegations.h"

enum history_kind { HISTORY_MOVE, HISTORY_DEPLOYMENT, HISTORY_COMMENT };

/* One of the three is set, as the kind says. */
struct history_entry {
    enum history_kind kind;
    int64_t at_ms;
    int64_t id; /* among those of its kind */
    const struct alias_move *move;
    const struct deployment_row *deployment;
    const struct comment *comment;
};
struct model_history {
    struct history_entry *entries; /* by time, kind and id */
    size_t count;
};

/* All of it; `at_ms` not 0: of each alias, stage and target what it had at that moment, and since when. A model that
 * was deleted has a history, too; ERR_NOT_FOUND when there is neither. In the arena. */
int model_history_read(struct store *store, const char *name, int64_t at_ms, struct arena *arena,
                       struct model_history *ret, struct err *err);

/* "moved", "removed"; "deployed", "stage 2 of 3", "rolled_back"; "comment" */
const char *history_what(const struct history_entry *entry, struct arena *arena);
/* "@champion", "stage Production"; the target; "/3" */
const char *history_where(const struct history_entry *entry, struct arena *arena);
/* What serves since a deployment: of one that was named by an alias, the version that it was; in a stage, beside what
 * was there: "wine/3", "wine/4 50 %". */
const char *history_served(const struct deployment_row *deployment, struct arena *arena);

#endif
