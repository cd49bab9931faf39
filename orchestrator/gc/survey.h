/* SPDX-License-Identifier: Apache-2.0
 * What a home has, what of it goes by the rules, and why the rest stays: read from the store and the disk, decided by
 * gc/plan.h. Nothing is changed.
 */
#ifndef SLUICE_GC_SURVEY_H
#define SLUICE_GC_SURVEY_H

#include "gc/plan.h"
#include "store/holdings.h"
#include "store/old_triggers.h"
#include "store/removals.h"

struct gc_owner { /* an MLflow run or a logged model of a run */
    const char *id;
    const char *folder; /* its files, in the home; NULL: it has none there */
    bool is_model;
    bool held;          /* of a model: a version, another run or a kept result is of it */
    bool goes;          /* of a model: it goes by itself, while its run stays */
    bool stays;         /* of a model: its run goes without it, since it has come to be used while that is leaving */
    struct gc_weight weight;
};

struct gc_members { /* what belongs to a gc_run */
    const char **run_ids; /* runs of pipelines: itself first, then those that its steps began */
    size_t run_count;
    size_t run_room;
    struct gc_owner *owners;
    size_t owner_count;
    size_t owner_room;
    size_t *users; /* what gc_run.users points to */
    size_t user_room;
};

struct gc_leftover { /* of a killed process, or of a removal that was interrupted */
    const char *path;
    const char *why;
    bool interrupted; /* of a removal: it has its row */
    struct gc_weight weight;
};

struct gc_survey {
    const char *home;
    struct gc_run *runs;
    struct gc_members *members; /* of each run */
    size_t run_count;
    struct gc_entry *entries;
    size_t entry_count;
    struct gc_deleted *deleted; /* runs and models, then experiments */
    size_t deleted_count;
    size_t deleted_room;
    struct gc_leftover *leftovers;
    size_t leftover_count;
    size_t leftover_room;
    const char **digests; /* paths of files whose digest is of no more use */
    size_t digest_count;
    int64_t loose[STORE_LOOSE_KINDS];
    int64_t triggers_before_ms; /* of these the old ones go; 0: none do */
    struct old_triggers old;    /* how many, of runs that are gone already */
};

/* Everything lies in `arena`. */
int gc_survey(struct store *store, const char *home, const struct retention rules[RETENTION_KINDS], int64_t now_ms,
              struct arena *arena, struct gc_survey *ret, struct err *err);

/* ---- inside of gc/ ---- */

/* The run that an id belongs to, and its owner: filled by survey.c, used by leftovers.c. */
struct str_index;
struct gc_ids {
    struct str_index *index; /* runs of pipelines, MLflow runs, models */
    size_t *run;             /* of each: the number of its gc_run; SIZE_MAX: of none */
    struct gc_owner **owner; /* of each; NULL: a run of a pipeline alone */
    size_t *deleted;         /* of each: its number among what clients deleted; SIZE_MAX: it is not */
    bool *keeps_files;
};
/* `home`/runs/ID, where a run has its journal and its working folders. */
const char *gc_run_folder(const char *home, const char *run_id, struct arena *arena);
/* What nobody has rows for, what killed publishing left, what an earlier gc did not come to. */
int gc_find_leftovers(struct store *store, struct gc_survey *survey, const struct gc_ids *ids, struct arena *arena,
                      int64_t now_ms, struct err *err);
/* commits.c: of those that are leftovers, which no run and no pipeline in force needs. */
int gc_find_commits(struct store *store, struct gc_survey *survey, const struct gc_ids *ids, struct arena *arena,
                    struct err *err);
/* The next id that a reference (store/holdings.h) names, and what is behind it. */
bool gc_next_id(struct str *rest, struct str *ret_id);
void gc_add_leftover(struct gc_survey *survey, const char *path, const char *why, struct arena *arena);

#endif
