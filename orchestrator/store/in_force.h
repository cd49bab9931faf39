/* SPDX-License-Identifier: Apache-2.0
 * The definitions that are in force: what a trigger starts. Each comes from a file of a source (a folder, a git
 * repository); a file that is not accepted is kept with what is wrong with it, beside what was in force before.
 */
#ifndef SLUICE_STORE_IN_FORCE_H
#define SLUICE_STORE_IN_FORCE_H

#include "store/store.h"

#include <stddef.h>
#include <stdint.h>

struct pipeline_in_force {
    const char *name;
    const char *source;
    const char *path;       /* of its file, within the source */
    const char *file;       /* as people are told */
    const char *folder;     /* absolute, of the file */
    const char *workspace;  /* absolute */
    const char *definition; /* digest; store_definition_put has its text */
    const char *git;        /* JSON {commit, branch, repo}, or "{}" */
    const char *stamp;      /* of the file as it was read */
    int64_t since_ms;
};

/* What is read is what is in force, also of a commit that is still being settled (store/coming.h); what is written is
 * of a pipeline of which nothing is coming. */

/* A new one, or the one of that name is another from now on. */
int store_in_force_put(struct store *store, const struct pipeline_in_force *row, struct err *err);
/* 1, or 0 when there is none of that name. */
int store_in_force_find(struct store *store, const char *name, struct arena *arena, struct pipeline_in_force *ret,
                        struct err *err);
/* The same for whoever is to be told: ERR_NOT_FOUND with the nearest name, for which all are read. */
int store_in_force_get(struct store *store, const char *name, struct arena *arena, struct pipeline_in_force *ret,
                       struct err *err);
int store_in_force_names(struct store *store, struct arena *arena, const char ***ret, size_t *ret_count,
                         struct err *err);
/* By name, all that is not of the source. */
int store_in_force_of_others(struct store *store, const char *source, struct arena *arena,
                             struct pipeline_in_force **ret, size_t *ret_count, struct err *err);
/* 1 with what is in force of a file, or 0. */
int store_in_force_of_file(struct store *store, const char *source, const char *path, struct arena *arena,
                           struct pipeline_in_force *ret, struct err *err);
/* By name; of one source, or of all (NULL). */
int store_in_force_list(struct store *store, const char *source, struct arena *arena, struct pipeline_in_force **ret,
                        size_t *ret_count, struct err *err);
/* Its subscriptions go with it. */
int store_in_force_remove(struct store *store, const char *name, struct err *err);

struct refused_file {
    const char *source;
    const char *path;
    const char *name;     /* of the pipeline; "" when that cannot be told */
    const char *problems; /* JSON [{line, column, code, message, hint}] */
    const char *stamp;
    int64_t since_ms;
};

int store_refused_put(struct store *store, const struct refused_file *row, struct err *err);
/* Nothing when there is none. */
int store_refused_remove(struct store *store, const char *source, const char *path, struct err *err);
int store_refused_clear(struct store *store, const char *source, struct err *err);
/* By path; of one source, or of all (NULL). */
int store_refused_list(struct store *store, const char *source, struct arena *arena, struct refused_file **ret,
                       size_t *ret_count, struct err *err);

/* What a definition in force listens to, beside times. */
struct subscription {
    const char *pipeline;
    const char *kind;       /* webhook push model pipeline */
    const char *trigger_id; /* its key below `on` */
    const char *about;      /* the other pipeline, a glob of models; "" */
    const char *settings;   /* JSON: what the file says there */
};

int store_subscription_put(struct store *store, const struct subscription *row, struct err *err);
int store_subscriptions_clear(struct store *store, const char *pipeline, struct err *err);
/* 1 with what one pipeline listens to of a kind that is about nothing ('webhook', 'push'), or 0. */
int store_subscription_find(struct store *store, const char *kind, const char *pipeline, struct arena *arena,
                            struct subscription *ret, struct err *err);
/* Of a kind, and of these about one thing unless that is NULL; by pipeline. */
int store_subscription_list(struct store *store, const char *kind, const char *about, struct arena *arena,
                            struct subscription **ret, size_t *ret_count, struct err *err);

#endif
