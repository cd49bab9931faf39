/* SPDX-License-Identifier: Apache-2.0
 * A search of runs while it is answered: what was asked, and from which rows it is read. Inside store/ only.
 */
#ifndef SLUICE_STORE_RUN_SEARCH_INTERNAL_H
#define SLUICE_STORE_RUN_SEARCH_INTERNAL_H

#include "store/run_search.h"
#include "store/run_search_sql.h"
#include "store/search_rows.h"

struct search {
    struct store *store;
    struct arena *arena;
    struct err *err;
    const struct run_query *query;
    enum search_view view;
    const struct filter *filter;
    struct search_order orders[KEYSET_MAX]; /* the given ones, and what makes rows different */
    struct run_source sources[3];           /* read one after the other */
    size_t source_count;
    struct run_ranks {
        int64_t *runs; /* by their numbers, in the order of `first`, which is the first key */
        struct sql_value *first;
        size_t count;
    } ranks; /* of marked runs, of which the first are read first: is_ranked */
    bool is_ranked;
    int64_t *experiments; /* each once */
    size_t experiment_count;
    int64_t *deleted; /* of those */
    size_t deleted_count;
    struct search_rows rows;
};

/* Chooses `sources`, or `ranks`. */
int run_search_choose(struct search *search);
/* Fills `ranks` with the runs of a source of RUNS_MARKED, of which there are so many. */
int run_search_rank(struct search *search, const struct run_source *marked, int64_t count);
/* Of a metric in metric_keys; -1: nobody has logged it. */
int run_search_find_key(struct search *search, struct str key, int64_t *ret_id);
/* Must every run have a number as the latest value of that metric? */
bool run_search_wants_number(const struct filter *filter, struct str key);
/* Is the field the latest value of a metric? */
bool run_search_is_latest(const struct search_field *field);
/* A condition that every row must meet, from 0 on: the whole filter, or a part of its AND; NULL behind the last. */
const struct filter *run_search_condition(const struct filter *filter, size_t at);
/* Adds what runs of these experiments and this view meet. */
void run_search_add_place(const struct search *search, struct sql *sql);

#endif
